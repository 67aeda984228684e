//! Constrained decoding, through llguidance: which tokens may come next so that the whole obeys a JSON schema, a regular
//! expression or a grammar.
//!
//! A table of tokens is what all constraints of one vocabulary share. A constraint walks along with one reply: a mask, then
//! the token that was chosen, and so on. What llguidance cannot enforce it refuses when it compiles; what it would enforce
//! only in part, `schema` refuses before.

use std::ffi::c_void;
use std::sync::Arc;

use llguidance::api::{GrammarWithLexer, ParserLimits, StopReason, TopLevelGrammar};
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{
    InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv,
};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};

use crate::{gbnf, schema};

/// Longer ones are refused: compiling takes time and memory in proportion, or worse.
const SOURCE_LIMIT: usize = 1 << 20;

/// Between two tokens of JSON. A model in doubt repeats white space without end, so there is an end.
const JSON_WHITESPACE: &str = r"[\x20\x0A\x0D\x09]{1,64}";

/// A string can be written in one way only: with \uXXXX too, a member's name could be spelled past the schema of this name.
const JSON_ESCAPES: &str = "nrbtf\\\"";

/// Characters of an error: some quote the source.
const MESSAGE_LIMIT: usize = 300;

const NOTHING_OBEYS: &str = "no text obeys it, or goes on from here";

pub type Tokenize = extern "C" fn(*mut c_void, *const u8, usize, *mut TokenId, usize) -> usize;

/// How the vocabulary's own tokenizer cuts text. The context's address is a number because the environment must be Sync;
/// the header says that it may be called from any thread.
#[derive(Clone, Copy)]
pub struct Tokenizer {
    pub tokenize: Tokenize,
    pub context: usize,
}

struct Environment {
    trie: TokTrie,
    tokenizer: Tokenizer,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    /// Forced text is forced as the tokenizer cuts it, as the model saw it in training.
    fn tokenize_bytes(&self, text: &[u8]) -> Vec<TokenId> {
        let mut tokens = vec![0; text.len()];
        let count = (self.tokenizer.tokenize)(
            self.tokenizer.context as *mut c_void,
            text.as_ptr(),
            text.len(),
            tokens.as_mut_ptr(),
            tokens.len(),
        );
        tokens.truncate(count);
        // A vocabulary may lack bytes, which its tokenizer then leaves out.
        if self.trie.decode_raw(&tokens) == text {
            tokens
        } else {
            self.trie.greedy_tokenize(text)
        }
    }
}

pub struct TokenTable {
    factory: ParserFactory,
    /// One bit per token that has text or ends a reply. A grammar may name others.
    usable: Arc<[u32]>,
}

impl TokenTable {
    /// `tokens` are the bytes of each; control tokens have none. `end_tokens`, at least one, end a reply.
    pub fn new(
        tokens: Vec<Vec<u8>>,
        end_tokens: &[TokenId],
        tokenizer: Tokenizer,
    ) -> Result<TokenTable, String> {
        let Some(&end) = end_tokens.first() else {
            return Err("the vocabulary has no token that ends a reply".into());
        };
        if end_tokens.iter().any(|&e| e as usize >= tokens.len()) {
            return Err("a token that ends replies is outside the vocabulary".into());
        }
        let size = u32::try_from(tokens.len()).map_err(|e| e.to_string())?;
        // llguidance takes a first byte of 0xff for the mark of a special token; text has no such byte.
        let tokens: Vec<Vec<u8>> = tokens
            .into_iter()
            .map(|token| match token.first() {
                Some(&TokTrie::SPECIAL_TOKEN_MARKER) => Vec::new(),
                _ => token,
            })
            .collect();
        let mut usable = vec![0; tokens.len().div_ceil(32)];
        let with_text = (0..tokens.len()).filter(|&t| !tokens[t].is_empty());
        for token in with_text.chain(end_tokens.iter().map(|&e| e as usize)) {
            usable[token / 32] |= 1 << (token % 32);
        }
        let trie = TokTrie::from(&TokRxInfo::new(size, end), &tokens).with_eos_tokens(end_tokens);
        let environment: TokEnv = Arc::new(Environment { trie, tokenizer });
        let mut factory = ParserFactory::new(
            &environment,
            InferenceCapabilities {
                ff_tokens: true,
                ..InferenceCapabilities::default()
            },
            &SlicedBiasComputer::json_slices(),
        )
        .map_err(describe)?;
        factory.quiet();
        *factory.limits_mut() = ParserLimits {
            verbose_errors: false,
            ..ParserLimits::default()
        };
        Ok(TokenTable {
            factory,
            usable: usable.into(),
        })
    }
}

#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    JsonSchema,
    Regex,
    /// Lark's notation, or GBNF, which has `::=`.
    Grammar,
}

pub struct Constraint {
    matcher: Matcher,
    usable: Arc<[u32]>,
}

impl Constraint {
    pub fn compile(table: &TokenTable, kind: Kind, source: &str) -> Result<Constraint, String> {
        if source.len() > SOURCE_LIMIT {
            return Err(format!(
                "{} bytes long; at most {SOURCE_LIMIT} are read",
                source.len()
            ));
        }
        let grammar = match kind {
            Kind::JsonSchema => schema_grammar(source)?,
            Kind::Regex => GrammarWithLexer::from_regex(source),
            Kind::Grammar if gbnf::is_gbnf(source) => {
                GrammarWithLexer::from_lark(gbnf::to_lark(source)?)
            }
            Kind::Grammar => {
                refuse_embedded_schemas(source)?;
                GrammarWithLexer::from_lark(source.to_string())
            }
        };
        let parser = table
            .factory
            .create_parser(TopLevelGrammar::from_grammar(grammar))
            .map_err(describe)?;
        let mut constraint = Constraint {
            matcher: Matcher::new(Ok(parser)),
            usable: table.usable.clone(),
        };
        // What cannot begin at all is said now and not after the prompt has run.
        constraint.mask(&mut vec![0; table.usable.len()])?;
        Ok(constraint)
    }

    /// One bit per token, set where it may come next. An error where none may, or where finding out costs too much.
    pub fn mask(&mut self, bits: &mut [u32]) -> Result<(), String> {
        let mask = self.matcher.compute_mask_or_eos().map_err(describe)?;
        bits.fill(0);
        for ((to, from), usable) in bits.iter_mut().zip(mask.as_slice()).zip(&*self.usable) {
            *to = from & usable;
        }
        match bits.iter().any(|&word| word != 0) {
            true => Ok(()),
            false => Err(NOTHING_OBEYS.into()),
        }
    }

    pub fn accept(&mut self, token: TokenId) -> Result<(), String> {
        self.matcher.consume_token(token).map_err(describe)
    }

    /// Whether what came so far is complete.
    pub fn may_end(&mut self) -> Result<bool, String> {
        if self.matcher.is_stopped() && !self.matcher.is_error() {
            return Ok(true);
        }
        self.matcher.is_accepting().map_err(describe)
    }

    /// Whether it is complete and nothing may follow.
    pub fn must_end(&self) -> bool {
        self.matcher.is_stopped() && !self.matcher.is_error()
    }
}

fn schema_grammar(source: &str) -> Result<GrammarWithLexer, String> {
    let schema = serde_json::from_str(source).map_err(|e| format!("not JSON: {e}"))?;
    let mut schema = schema::prepare(schema)?;
    JsonCompileOptions {
        whitespace_pattern: Some(JSON_WHITESPACE.into()),
        json_allowed_escapes: Some(JSON_ESCAPES.into()),
        ..JsonCompileOptions::default()
    }
    .apply_to(&mut schema);
    Ok(GrammarWithLexer::from_json_schema(schema))
}

/// A schema inside a grammar would bypass what `schema` refuses.
fn refuse_embedded_schemas(source: &str) -> Result<(), String> {
    match source.contains("%json") {
        true => Err("%json inside a grammar is not supported".into()),
        false => Ok(()),
    }
}

/// One line of llguidance's words, without its hints at options that hob does not have.
fn describe(error: anyhow::Error) -> String {
    let text = error.to_string();
    let text = text.split("\n<").next().unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(keys) = text.strip_prefix("Unimplemented keys: ") {
        let keys = keys.trim_matches(['[', ']']).replace('"', "'");
        return format!("cannot be enforced: {keys}");
    }
    if text.starts_with("oneOf constraints are not supported") {
        return "cannot be enforced: 'oneOf' whose alternatives may hold together".into();
    }
    if text == StopReason::NoExtensionBias.to_string() {
        return NOTHING_OBEYS.into();
    }
    match text.char_indices().nth(MESSAGE_LIMIT) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}
