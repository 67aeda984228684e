//! What llguidance would take of a JSON schema and not enforce as JSON Schema 2020-12 means it is refused here, by name.

use serde_json::Value;

pub fn refuse_unenforceable(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Bool(true) => Ok(()),
        Value::Bool(false) => Err("the schema 'false' allows nothing".into()),
        Value::Object(_) => Ok(()),
        _ => Err("a schema is an object or a boolean".into()),
    }
}
