//! A chat template: minijinja set up as transformers sets up Jinja2 (utils/chat_template_utils.py, _compile_jinja_template:
//! trim_blocks, lstrip_blocks, loop controls, tojson, raise_exception, strftime_now, {% generation %}).

use std::ffi::c_void;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};

use crate::{json, python};

const NAME: &str = "template";
/// Nested macro calls and the like; each level costs a few hundred bytes of the thread's stack.
const RECURSION_LIMIT: usize = 200;

/// Several times the longest template in use. Expressions may nest this deeply, see STACK_BYTES.
const SOURCE_LIMIT: usize = 256 << 10;

pub type StrftimeNow = extern "C" fn(*mut c_void, *const u8, usize, *mut u8, usize) -> usize;

/// Where the time comes from. The context's address is a number because closures of the environment must be Sync; none of
/// them outlives the call of the C interface that brought it.
#[derive(Clone, Copy)]
pub struct Clock {
    pub strftime_now: StrftimeNow,
    pub context: usize,
}

pub struct Limits {
    pub fuel: u64,
    pub output_bytes: usize,
}

pub struct Template {
    environment: Environment<'static>,
}

impl Template {
    pub fn compile(source: &str) -> Result<Template, String> {
        if source.len() > SOURCE_LIMIT {
            return Err(format!(
                "{} bytes long; at most {SOURCE_LIMIT} are read",
                source.len()
            ));
        }
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(false)
            .build();
        environment.set_syntax(syntax.map_err(|e| describe(&e))?);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_recursion_limit(RECURSION_LIMIT);
        environment.add_filter("tojson", tojson);
        environment.add_function("raise_exception", raise_exception);
        python::install(&mut environment);
        environment
            .add_template_owned(NAME, without_generation_blocks(source))
            .map_err(|e| describe(&e))?;
        Ok(Template { environment })
    }

    /// `variables` is the text of a JSON object.
    pub fn render(&self, variables: &str, limits: &Limits, clock: Clock) -> Result<String, String> {
        let mut variables: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(variables).map_err(|e| format!("the variables: {e}"))?;
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(limits.fuel));
        environment.add_function("strftime_now", move |format: &str| {
            let mut out = [0u8; 512];
            let size = (clock.strftime_now)(
                clock.context as *mut c_void,
                format.as_ptr(),
                format.len(),
                out.as_mut_ptr(),
                out.len(),
            );
            String::from_utf8_lossy(&out[..size.min(out.len())]).into_owned()
        });
        for name in ["raise_exception", "strftime_now"] {
            variables.remove(name);
        }
        let template = environment.get_template(NAME).map_err(|e| describe(&e))?;
        let mut out = Bounded {
            text: Vec::new(),
            limit: limits.output_bytes,
            full: false,
        };
        let rendered = template
            .render_captured_to(json::value(variables.into()), &mut out)
            .map(drop);
        match rendered {
            Ok(()) => String::from_utf8(out.text).map_err(|_| "the output is not UTF-8".into()),
            Err(_) if out.full => Err(format!(
                "the output is longer than {} bytes",
                limits.output_bytes
            )),
            Err(e) => Err(describe(&e)),
        }
    }
}

struct Bounded {
    text: Vec<u8>,
    limit: usize,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.text.len() {
            self.full = true;
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// "line 3: unknown filter: filter x is unknown", in one line.
fn describe(error: &Error) -> String {
    let mut text = match error.kind() {
        ErrorKind::OutOfFuel => "the template takes too many steps or too much memory".into(),
        _ if error.detail().is_some_and(|d| d.starts_with(RAISED)) => {
            error.detail().unwrap()[RAISED.len()..].to_string()
        }
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = match inner.downcast_ref::<Error>() {
            Some(e) => e
                .detail()
                .map(str::to_string)
                .unwrap_or_else(|| e.kind().to_string()),
            None => inner.to_string(),
        };
        text = format!("{text}: {}", inner_text.trim_start_matches(RAISED));
        source = inner.source();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match error.line() {
        Some(line) => format!("line {line}: {text}"),
        None => text,
    }
}

/// Marks the detail of an error that the template itself raised.
const RAISED: &str = "\u{1}";

fn raise_exception(message: &Value) -> Result<Value, Error> {
    Err(Error::new(
        ErrorKind::InvalidOperation,
        format!("{RAISED}{message}"),
    ))
}

/// transformers' tojson: json.dumps without HTML escapes.
fn tojson(
    state: &State,
    value: &Value,
    positional_ensure_ascii: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let ensure_ascii = match positional_ensure_ascii {
        Some(given) => given,
        None => options
            .get::<Option<bool>>("ensure_ascii")?
            .unwrap_or(false),
    };
    let indent = options
        .get::<Option<Value>>("indent")?
        .filter(|v| !v.is_none());
    let indent = indent.map(|v| json::indent(&v)).transpose()?;
    let separators = options
        .get::<Option<Value>>("separators")?
        .filter(|v| !v.is_none());
    let separators = match separators {
        Some(pair) => Some((
            pair.get_item_by_index(0)?.to_string(),
            pair.get_item_by_index(1)?.to_string(),
        )),
        None => None,
    };
    let sort_keys = options.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    options.assert_all_used()?;
    json::dumps(
        state,
        value,
        &json::Style {
            ensure_ascii,
            indent,
            separators,
            sort_keys,
        },
    )
}

/// transformers' `{% generation %}` marks what the assistant says and renders its body. `{% with %}` does the same: both
/// open a scope.
fn without_generation_blocks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(begin) = rest.find("{%") {
        let (before, tag) = rest.split_at(begin + 2);
        out.push_str(before);
        let name_begin = tag.len() - tag.trim_start_matches(['-', '+']).trim_start().len();
        let (lead, name) = tag.split_at(name_begin);
        let word_end = name
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(name.len());
        let (word, after) = name.split_at(word_end);
        let closes = after
            .trim_start()
            .trim_start_matches(['-', '+'])
            .starts_with("%}");
        out.push_str(lead);
        out.push_str(match word {
            "generation" if closes => "with",
            "endgeneration" if closes => "endwith",
            _ => word,
        });
        rest = after;
    }
    out.push_str(rest);
    out
}
