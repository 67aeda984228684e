//! A JSON schema as llguidance is given it: what it would take and not enforce as JSON Schema 2020-12 means it is refused,
//! by name, or written in a way that it does enforce.
//!
//! Its regular expressions are those of Rust, a schema's those of ECMAScript (`pattern`). Some of its formats let invalid values
//! pass or refuse valid ones (`formats`). It computes in double precision, resolves references from the top of the document
//! alone, and takes every dialect for one it knows.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{formats, pattern};

/// What `schema` means, for llguidance. An error names the keyword.
pub fn prepare(mut schema: Value) -> Result<Value, String> {
    match &schema {
        Value::Bool(false) => return Err("the schema 'false' allows nothing".into()),
        Value::Bool(true) => schema = Value::Object(Map::new()),
        Value::Object(_) => {}
        _ => return Err("a schema is an object or a boolean".into()),
    }
    let mut walk = Walk::default();
    walk.schema(&mut schema, "#")?;
    match walk.references.iter().find(|r| !walk.places.contains(*r)) {
        Some(reference) => Err(format!(
            "cannot be enforced: '$ref' to '{reference}', which is no schema inside this one"
        )),
        None => Ok(schema),
    }
}

const DIALECTS: [&str; 5] = [
    "json-schema.org/draft/2020-12/schema",
    "json-schema.org/draft/2019-09/schema",
    "json-schema.org/draft-07/schema",
    "json-schema.org/draft-06/schema",
    "json-schema.org/draft-04/schema",
];

const ONE_SCHEMA: [&str; 3] = ["items", "additionalItems", "additionalProperties"];
const SCHEMA_LISTS: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const SCHEMA_MAPS: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];
const NUMBERS: [&str; 7] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "const",
    "enum",
];

#[derive(Default)]
struct Walk {
    /// Where schemas are, as references spell it.
    places: HashSet<String>,
    references: Vec<String>,
}

impl Walk {
    fn schema(&mut self, schema: &mut Value, place: &str) -> Result<(), String> {
        self.places.insert(place.to_string());
        let Value::Object(schema) = schema else {
            return Ok(()); // a boolean, or llguidance says what is wrong
        };
        check_identity(schema, place)?;
        if let Some(Value::String(reference)) = schema.get("$ref") {
            self.references.push(reference.clone());
        }
        for keyword in NUMBERS {
            if schema.get(keyword).is_some_and(|value| !is_exact(value)) {
                return Err(format!(
                    "cannot be enforced: '{keyword}' with a whole number beyond 2^53"
                ));
            }
        }
        check_least_members(schema)?;
        for keyword in ["const", "enum", "required"] {
            if schema.get(keyword).is_some_and(|value| !is_writable(value)) {
                return Err(unwritable(keyword));
            }
        }
        if let Some(Value::Object(members)) = schema.get("properties") {
            if members
                .keys()
                .any(|name| name.contains(pattern::is_unwritable))
            {
                return Err(unwritable("properties"));
            }
        }
        write_patterns(schema)?;
        self.inner_schemas(schema, place)
    }

    fn inner_schemas(
        &mut self,
        schema: &mut Map<String, Value>,
        place: &str,
    ) -> Result<(), String> {
        for keyword in ONE_SCHEMA {
            if let Some(inner @ (Value::Object(_) | Value::Bool(_))) = schema.get_mut(keyword) {
                self.schema(inner, &format!("{place}/{keyword}"))?;
            }
        }
        for keyword in SCHEMA_LISTS {
            if let Some(Value::Array(list)) = schema.get_mut(keyword) {
                for (i, inner) in list.iter_mut().enumerate() {
                    self.schema(inner, &format!("{place}/{keyword}/{i}"))?;
                }
            }
        }
        for keyword in SCHEMA_MAPS {
            if let Some(Value::Object(map)) = schema.get_mut(keyword) {
                for (name, inner) in map.iter_mut() {
                    self.schema(inner, &format!("{place}/{keyword}/{name}"))?;
                }
            }
        }
        Ok(())
    }
}

fn check_identity(schema: &Map<String, Value>, place: &str) -> Result<(), String> {
    if let Some(Value::String(dialect)) = schema.get("$schema") {
        let name = dialect.trim_end_matches('#');
        let name = name.split_once("://").map_or(name, |(_, rest)| rest);
        if !DIALECTS.contains(&name) {
            return Err(format!(
                "cannot be enforced: the dialect '{dialect}' ('$schema')"
            ));
        }
    }
    if place != "#" && schema.contains_key("$id") {
        return Err("cannot be enforced: '$id' below the top".into());
    }
    Ok(())
}

/// llguidance counts a member that is written twice twice. Those that are required differ.
fn check_least_members(schema: &Map<String, Value>) -> Result<(), String> {
    let least = schema
        .get("minProperties")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if least > 1 && least > required as u64 {
        return Err("cannot be enforced: 'minProperties' beyond 1 and what is 'required'".into());
    }
    Ok(())
}

/// Whether a double holds every whole number in it.
fn is_exact(value: &Value) -> bool {
    const MOST: u64 = 1 << 53;
    match value {
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => i.unsigned_abs() <= MOST,
            (None, Some(u)) => u <= MOST,
            (None, None) => true,
        },
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(map) => map.values().all(is_exact),
        _ => true,
    }
}

fn is_writable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains(pattern::is_unwritable),
        Value::Array(items) => items.iter().all(is_writable),
        Value::Object(map) => map
            .iter()
            .all(|(name, value)| !name.contains(pattern::is_unwritable) && is_writable(value)),
        _ => true,
    }
}

fn unwritable(keyword: &str) -> String {
    format!("cannot be enforced: '{keyword}' with a control character")
}

/// `pattern`, `patternProperties` and `format` as patterns that llguidance means as the schema does.
fn write_patterns(schema: &mut Map<String, Value>) -> Result<(), String> {
    if let Some(Value::String(text)) = schema.get_mut("pattern") {
        *text = translated(text, "pattern")?;
    }
    if let Some(Value::Object(map)) = schema.get_mut("patternProperties") {
        let mut translations = Map::new();
        for (text, inner) in std::mem::take(map) {
            translations.insert(translated(&text, "patternProperties")?, inner);
        }
        *map = translations;
    }
    let Some(Value::String(name)) = schema.get("format") else {
        return Ok(());
    };
    match formats::pattern(name)? {
        formats::Enforced::ByLlguidance => Ok(()),
        formats::Enforced::By(text) => {
            schema.remove("format");
            if !schema.contains_key("pattern") {
                schema.insert("pattern".into(), text.into());
                return Ok(());
            }
            let both = schema
                .entry("allOf")
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = both {
                list.push(serde_json::json!({ "pattern": text }));
            }
            Ok(())
        }
    }
}

fn translated(text: &str, keyword: &str) -> Result<String, String> {
    pattern::from_ecmascript(text)
        .map_err(|what| format!("cannot be enforced: '{keyword}' with {what} in '{text}'"))
}
