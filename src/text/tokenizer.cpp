// A text is first cut at the tokens that are matched literally (special_tokens.h), what is between
// them into pieces (pretokenize.h), and each piece is merged (bpe.h).
//
// Control tokens are found by encode_rendered() alone. They are also kept out of the merges: a
// vocabulary whose merges would make one is refused, so no text can.
#include "text/tokenizer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "text/bpe.h"
#include "text/byte_level.h"
#include "text/guard.h"
#include "text/pretokenize.h"
#include "text/special_tokens.h"
#include "text/utf8.h"

namespace hob::text {
namespace {

// End-of-turn tokens by the names that model families gave them; many files declare only one of
// several.
constexpr std::string_view kEndOfTurnNames[] = {
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<turn|>",
    "<end_of_utterance>",
    "<|END_OF_TURN_TOKEN|>",
    "<EOT>",
    "[EOT]",
    "[EOS]",
    "</s>",
    "<eos>",
    "<\xef\xbd\x9c"
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",  // DeepSeek: full-width bars, U+2581 for
                                                           // spaces
};
// With these in a vocabulary "<|end|>" only ends a part of the reply (OpenAI's harmony format).
constexpr std::string_view kHarmonyEnd = "<|return|>", kPartEnd = "<|end|>";

bool is_one_character(std::string_view text) {
  return !text.empty() && next_utf8(text).length == static_cast<int>(text.size());
}

bool is_special(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

}  // namespace

struct Tokenizer::Impl {
  Vocabulary vocabulary;
  TokenBytes spellings;  // the bytes of each token; the name of a control token
  std::vector<TokenKind> kinds;
  std::vector<Mergeable> mergeable;
  SpecialTokens controls;      // control and unknown
  SpecialTokens user_defined;  // also matched in plain text
  SpecialTokens both;
  std::vector<Token> ends;
  std::optional<Bpe> bpe;
  std::optional<PreTokenizer> pre_tokenizer;

  Result<> load_tokens();
  Result<> load_bpe(const PreTokenizerRow& row);
  void find_ends();
  bool contains(Token token) const {
    return token >= 0 && static_cast<size_t>(token) < spellings.size();
  }
  void encode_between(std::string_view text, std::vector<Token>& out) const;
  void encode_plain(std::string_view text, std::vector<Token>& out) const;
};

Result<> Tokenizer::Impl::load_tokens() {
  const std::vector<std::string_view>& tokens = vocabulary.tokens;
  if (tokens.empty()) return fail(ErrorKind::kCorrupt, "no tokens");
  if (tokens.size() > INT32_MAX) return fail(ErrorKind::kTooLarge, "{} tokens", tokens.size());
  kinds = std::move(vocabulary.kinds);
  if (kinds.empty()) kinds.assign(tokens.size(), TokenKind::kNormal);
  if (kinds.size() != tokens.size()) {
    return fail(ErrorKind::kCorrupt, "{} tokens but {} token types", tokens.size(), kinds.size());
  }
  size_t bytes = 0;
  for (const std::string_view token : tokens) bytes += token.size();
  spellings.reserve(tokens.size(), bytes);
  mergeable.assign(tokens.size(), Mergeable::kNo);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool spelled = kinds[i] == TokenKind::kNormal || kinds[i] == TokenKind::kByte;
    if (spelled && append_spelled_bytes(spellings.buffer(), tokens[i])) {
      mergeable[i] = Mergeable::kYes;
    } else {  // a literal; or a "normal" token outside the alphabet, an added one that its file did
              // not mark
      spellings.buffer() += tokens[i];
      if (kinds[i] == TokenKind::kUserDefined) mergeable[i] = Mergeable::kIfFree;
    }
    spellings.finish_token();
  }
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool special = is_special(kinds[i]);
    if (!special && kinds[i] != TokenKind::kUserDefined) continue;
    // Templates render valid UTF-8, so another spelling could only be found across the borders of
    // characters.
    if (!is_utf8(tokens[i])) continue;
    // No guard can break a single character, so as a control token it is never matched.
    if (special && is_one_character(tokens[i])) continue;
    const auto token = static_cast<Token>(i);
    if (const Token twin = both.find_exact(tokens[i]); twin >= 0) {
      return fail(ErrorKind::kCorrupt, "tokens {} and {} are the same ('{}')", twin, i, tokens[i]);
    }
    both.add(tokens[i], token);
    (special ? controls : user_defined).add(tokens[i], token);
  }
  return {};
}

Result<> Tokenizer::Impl::load_bpe(const PreTokenizerRow& row) {
  HOB_TRY(bpe, Bpe::create(spellings, vocabulary.tokens, mergeable, vocabulary.merges,
                           row.whole_pieces));
  return {};
}

void Tokenizer::Impl::find_ends() {
  const auto add = [&](Token token) {
    if (token >= 0) ends.push_back(token);
  };
  add(vocabulary.eos);
  add(vocabulary.eot);
  for (const std::string_view name : kEndOfTurnNames) {
    if (name == kPartEnd && controls.find_exact(kHarmonyEnd) >= 0) continue;
    add(controls.find_exact(name));
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
}

Result<Tokenizer> Tokenizer::create(Vocabulary vocabulary) {
  auto impl = std::make_shared<Impl>();
  impl->vocabulary = std::move(vocabulary);
  Vocabulary& v = impl->vocabulary;
  const auto load = [&]() -> Result<> {
    if (v.model != "gpt2") {
      return fail(ErrorKind::kUnsupported,
                  "tokenizer model '{}' is not supported (byte-level BPE, 'gpt2', is)", v.model);
    }
    const PreTokenizerRow* row = find_pretokenizer(v.pre);
    if (row == nullptr)
      return fail(ErrorKind::kUnsupported, "pre-tokenizer '{}' is not known", v.pre);
    HOB_TRY_VOID(impl->load_tokens());
    const std::pair<const char*, Token> named[] = {{"bos", v.bos},
                                                   {"eos", v.eos},
                                                   {"eot", v.eot},
                                                   {"unknown", v.unknown},
                                                   {"padding", v.padding}};
    for (const auto& [name, token] : named) {
      if (token != -1 && !impl->contains(token)) {
        return fail(ErrorKind::kCorrupt, "{} token {} is not one of {} tokens", name, token,
                    v.tokens.size());
      }
    }
    HOB_TRY_VOID(impl->load_bpe(*row));
    impl->pre_tokenizer.emplace(*row);
    return {};
  };
  if (const Result<> loaded = load(); !loaded) {
    return fail(loaded.error().kind, "{}{}tokenizer: {}", v.source, v.source.empty() ? "" : ": ",
                loaded.error().message);
  }
  impl->find_ends();
  v.tokens = {};
  v.merges = {};
  Tokenizer tokenizer;
  tokenizer.impl_ = std::move(impl);
  return tokenizer;
}

// Text without any literally matched token.
void Tokenizer::Impl::encode_between(std::string_view text, std::vector<Token>& out) const {
  for (const std::string_view piece : pre_tokenizer->split(text)) bpe->encode(piece, out);
}

void Tokenizer::Impl::encode_plain(std::string_view text, std::vector<Token>& out) const {
  for (size_t begin = 0; begin < text.size();) {
    const SpecialTokens::Match match = user_defined.find(text, begin);
    encode_between(text.substr(begin, match.begin - begin), out);
    if (match.length == 0) break;
    out.push_back(match.token);
    begin = match.begin + match.length;
  }
}

std::vector<Token> Tokenizer::encode(std::string_view text) const {
  std::vector<Token> out;
  impl_->encode_plain(text, out);
  return out;
}

std::vector<Token> Tokenizer::encode_rendered(std::string_view rendered) const {
  std::vector<Token> out;
  for (size_t begin = 0; begin < rendered.size();) {
    const SpecialTokens::Match match = impl_->both.find(rendered, begin);
    impl_->encode_plain(without_guards(rendered.substr(begin, match.begin - begin)), out);
    if (match.length == 0) break;
    out.push_back(match.token);
    begin = match.begin + match.length;
  }
  return out;
}

std::string_view Tokenizer::spelling(Token token) const {
  HOB_CHECK(impl_->contains(token), "token {} of {}", token, size());
  return impl_->spellings[static_cast<size_t>(token)];
}

std::string_view Tokenizer::bytes(Token token) const {
  return is_control(token) ? std::string_view() : spelling(token);
}

std::string Tokenizer::decode(std::span<const Token> tokens) const {
  std::string text;
  for (const Token token : tokens) text += bytes(token);
  return text;
}

Token Tokenizer::find_special(std::string_view spelling) const {
  return impl_->both.find_exact(spelling);
}

size_t Tokenizer::size() const { return impl_->spellings.size(); }

bool Tokenizer::is_control(Token token) const {
  HOB_CHECK(impl_->contains(token), "token {} of {}", token, size());
  return is_special(impl_->kinds[static_cast<size_t>(token)]);
}

bool Tokenizer::ends_reply(Token token) const {
  return std::binary_search(impl_->ends.begin(), impl_->ends.end(), token);
}

std::vector<Token> Tokenizer::end_tokens() const { return impl_->ends; }

std::vector<std::string_view> Tokenizer::control_spellings() const {
  std::vector<std::string_view> spellings;
  for (size_t i = 0; i < impl_->kinds.size(); ++i) {
    if (is_special(impl_->kinds[i]) && !impl_->spellings[i].empty())
      spellings.push_back(impl_->spellings[i]);
  }
  return spellings;
}

std::vector<uint8_t> Tokenizer::missing_bytes() const {
  std::vector<uint8_t> missing;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (impl_->bpe->find({&c, 1}) < 0) missing.push_back(static_cast<uint8_t>(byte));
  }
  return missing;
}

const Vocabulary& Tokenizer::vocabulary() const { return impl_->vocabulary; }

}  // namespace hob::text
