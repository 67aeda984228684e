//! JSON in, and Python's json.dumps out: byte for byte its separators, its indentation, its floats.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

/// JSON as a template sees it. The parser has limited its depth.
pub fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(b) => Value::from(b),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::from(i),
            (None, Some(u)) => Value::from(u),
            (None, None) => Value::from(n.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(s) => Value::from(s),
        serde_json::Value::Array(items) => {
            Value::from(items.into_iter().map(value).collect::<Vec<_>>())
        }
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.into_iter().map(|(k, v)| (k, value(v))))
        }
    }
}

pub struct Style {
    pub ensure_ascii: bool,
    /// The text of one level.
    pub indent: Option<String>,
    /// Between items, and between key and value.
    pub separators: Option<(String, String)>,
    pub sort_keys: bool,
}

/// Deeper values are refused; json.dumps stops at Python's recursion limit.
const DEPTH_LIMIT: usize = 200;
const INDENT_LIMIT: i64 = 64;

/// json.dumps takes a number of spaces or the text itself.
pub fn indent(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_string());
    }
    let spaces = i64::try_from(value.clone())?;
    if spaces > INDENT_LIMIT {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("tojson: indent {spaces} is too large"),
        ));
    }
    Ok(" ".repeat(usize::try_from(spaces).unwrap_or(0)))
}

/// As the engine counts what a template makes: one unit of fuel for so many bytes.
const BYTES_PER_FUEL: usize = 64;

/// Pays for what it writes in the fuel of `state`: a small value may contain another over and over.
pub fn dumps(state: &State, value: &Value, style: &Style) -> Result<String, Error> {
    let (item, key) = match (&style.separators, &style.indent) {
        (Some((item, key)), _) => (item.as_str(), key.as_str()),
        (None, Some(_)) => (",", ": "),
        (None, None) => (", ", ": "),
    };
    let mut writer = Writer {
        state,
        style,
        item,
        key,
        out: String::new(),
    };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer<'a, 'env, 'state> {
    state: &'a State<'env, 'state>,
    style: &'a Style,
    item: &'a str,
    key: &'a str,
    out: String,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_LIMIT {
            return Err(Error::new(
                ErrorKind::InvalidOperation,
                "tojson: the value is nested too deeply",
            ));
        }
        self.pay(BYTES_PER_FUEL)?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self
                .out
                .push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&number(value)),
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            ValueKind::Map => self.map(value, depth)?,
            kind => {
                let message = format!("tojson: a value of type {kind} is not JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        let mut empty = true;
        for item in value.try_iter()? {
            self.before_item(empty, depth + 1)?;
            empty = false;
            self.value(&item, depth + 1)?;
        }
        self.close(']', empty, depth)
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.style.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        for (i, key) in keys.iter().enumerate() {
            self.before_item(i == 0, depth + 1)?;
            match key.kind() {
                ValueKind::String => self.string(key.as_str().unwrap_or_default())?,
                ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                    self.out.push('"');
                    self.value(key, depth)?;
                    self.out.push('"');
                }
                kind => {
                    let message = format!("tojson: keys must be strings, not {kind}");
                    return Err(Error::new(ErrorKind::InvalidOperation, message));
                }
            }
            self.pay(self.key.len())?;
            self.out.push_str(self.key);
            self.value(&value.get_item(key)?, depth + 1)?;
        }
        self.close('}', keys.is_empty(), depth)
    }

    fn pay(&self, bytes: usize) -> Result<(), Error> {
        self.state
            .consume_fuel(bytes.div_ceil(BYTES_PER_FUEL) as u64)
    }

    fn before_item(&mut self, first: bool, depth: usize) -> Result<(), Error> {
        if !first {
            self.pay(self.item.len())?;
            self.out.push_str(self.item);
        }
        self.new_line(depth)
    }

    fn close(&mut self, bracket: char, empty: bool, depth: usize) -> Result<(), Error> {
        if !empty {
            self.new_line(depth)?;
        }
        self.out.push(bracket);
        Ok(())
    }

    fn new_line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = &self.style.indent {
            self.pay(depth * indent.len())?;
            self.out.push('\n');
            for _ in 0..depth {
                self.out.push_str(indent);
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.pay(text.len())?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.style.ensure_ascii && !c.is_ascii() && !is_guard(c)) => {
                    self.escape(c)
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn escape(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            self.out.push_str(&format!("\\u{unit:04x}"));
        }
    }
}

/// hob's guards (src/text/guard.h) are taken out after rendering, so they must come through as they are.
fn is_guard(c: char) -> bool {
    matches!(c, '\u{fdd0}' | '\u{fdd1}' | '\u{10fe00}'..='\u{10feff}')
}

fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float)
}

/// Python's repr of a float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16 on.
pub fn float(x: f64) -> String {
    if x.is_nan() {
        return "NaN".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let scientific = format!("{x:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if x != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{x}");
    if plain.contains('.') {
        plain
    } else {
        format!("{plain}.0")
    }
}
