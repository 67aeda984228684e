//! Python's methods on strings and lists that templates use, beyond those of minijinja-contrib, and Python's idea of white
//! space for strip() and trim.

use minijinja::value::{from_args, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat;

pub fn install(environment: &mut Environment) {
    environment.set_unknown_method_callback(method);
    environment.add_filter("trim", trim);
    environment.add_test("iterable", is_iterable);
}

fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let found = match value.kind() {
        ValueKind::String => string_method(value.as_str().unwrap_or_default(), name, args)?,
        ValueKind::Seq => list_method(value, name, args)?,
        ValueKind::Map => map_method(value, name, args)?,
        _ => None,
    };
    match found {
        Some(result) => Ok(result),
        None => pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// None is not; minijinja would iterate over it as over nothing.
fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

/// str.isspace: Unicode's White_Space and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// What strip() takes off: white space, or any of the given characters.
fn stripped(chars: Option<&str>) -> impl Fn(char) -> bool + '_ {
    move |c| chars.map_or_else(|| is_space(c), |set| set.contains(c))
}

fn trim(text: &Value, chars: Option<&str>) -> String {
    text.to_string().trim_matches(stripped(chars)).to_string()
}

fn string_method(text: &str, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let chars = || from_args::<(Option<&str>,)>(args).map(|(c,)| c);
    let one = || from_args::<(&str,)>(args).map(|(s,)| s);
    Ok(Some(match name {
        "strip" => Value::from(text.trim_matches(stripped(chars()?))),
        "lstrip" => Value::from(text.trim_start_matches(stripped(chars()?))),
        "rstrip" => Value::from(text.trim_end_matches(stripped(chars()?))),
        "removeprefix" => Value::from(text.strip_prefix(one()?).unwrap_or(text)),
        "removesuffix" => Value::from(text.strip_suffix(one()?).unwrap_or(text)),
        "partition" => {
            let separator = one()?;
            let (before, found, after) = match text.split_once(separator) {
                Some((before, after)) => (before, separator, after),
                None => (text, "", ""),
            };
            strings([before, found, after])
        }
        "rpartition" => {
            let separator = one()?;
            let (before, found, after) = match text.rsplit_once(separator) {
                Some((before, after)) => (before, separator, after),
                None => ("", "", text),
            };
            strings([before, found, after])
        }
        "rsplit" => {
            let (separator, limit): (&str, Option<usize>) = from_args(args)?;
            let limit = limit.map_or(usize::MAX, |n| n.saturating_add(1));
            let parts: Vec<&str> = text.rsplitn(limit, separator).collect();
            strings(parts.into_iter().rev())
        }
        "index" => match text.find(one()?) {
            Some(at) => Value::from(text[..at].chars().count()),
            None => {
                return Err(Error::new(
                    ErrorKind::InvalidOperation,
                    "substring not found",
                ))
            }
        },
        "zfill" => {
            let (width,): (usize,) = from_args(args)?;
            let missing = width.min(PAD_LIMIT).saturating_sub(text.chars().count());
            let sign = usize::from(text.starts_with(['+', '-']));
            Value::from(format!(
                "{}{}{}",
                &text[..sign],
                "0".repeat(missing),
                &text[sign..]
            ))
        }
        "ljust" | "rjust" => {
            let (width, fill): (usize, Option<&str>) = from_args(args)?;
            let missing = width.min(PAD_LIMIT).saturating_sub(text.chars().count());
            let padding = fill.unwrap_or(" ").repeat(missing);
            Value::from(if name == "ljust" {
                format!("{text}{padding}")
            } else {
                format!("{padding}{text}")
            })
        }
        _ => return Ok(None),
    }))
}

fn strings<'a>(parts: impl IntoIterator<Item = &'a str>) -> Value {
    parts.into_iter().map(Value::from).collect()
}

/// Padding is not paid for in fuel, so it is short.
const PAD_LIMIT: usize = 1000;

fn list_method(list: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    if name != "index" {
        return Ok(None);
    }
    let (wanted,): (&Value,) = from_args(args)?;
    match list.try_iter()?.position(|item| item == *wanted) {
        Some(at) => Ok(Some(Value::from(at))),
        None => Err(Error::new(
            ErrorKind::InvalidOperation,
            "the value is not in the list",
        )),
    }
}

fn map_method(map: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    if name != "copy" {
        return Ok(None);
    }
    let () = from_args(args)?;
    Ok(Some(map.clone()))
}
