//! Decides what `schema` prints: the JSON Schema of the input, with the keys of everything that is
//! registered.

use crate::table::schema_of;
use serde_json::{Value, json};

/// JSON Schema of the input: the sections with shared keys, and the registered models, wave
/// functions and observables with theirs.
pub fn schema() -> Value {
    let mut schema = schema_of::<crate::input::Input>();
    let common = schema_of::<crate::input::HamiltonianCommon>();
    let shared = common.get("properties").cloned().unwrap_or(json!({}));
    let models: Vec<_> = crate::operator::models::MODELS
        .iter()
        .map(|m| with_kind(m.kind, (m.schema)(), &shared))
        .collect();
    let ansatze: Vec<_> = crate::ansatz::ANSATZE
        .iter()
        .map(|a| with_kind(a.kind, (a.schema)(), &json!({})))
        .collect();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("hamiltonian".into(), json!({ "oneOf": models }));
        properties.insert("ansatz".into(), json!({ "oneOf": ansatze }));
    }
    let mut definitions = serde_json::Map::new();
    if let Some(list) = schema.pointer_mut("/$defs/MeasureInput/properties/observables") {
        let mut own = observables();
        collect_definitions(&mut own, &mut definitions);
        *list = own;
    }
    collect_definitions(&mut schema, &mut definitions);
    if let Some(object) = schema.as_object_mut() {
        let own = common.get("$defs").and_then(Value::as_object).cloned();
        definitions.extend(own.unwrap_or_default());
        object.insert("$defs".into(), Value::Object(definitions));
    }
    schema
}

/// The schema `own` of a kind, with the keys that all kinds share and with its name.
fn with_kind(kind: &str, mut own: Value, shared: &Value) -> Value {
    if let Some(object) = own.as_object_mut() {
        let mut properties = object.get("properties").cloned().unwrap_or(json!({}));
        if let (Some(p), Some(s)) = (properties.as_object_mut(), shared.as_object()) {
            p.extend(s.iter().map(|(k, v)| (k.clone(), v.clone())));
            p.insert("kind".into(), json!({ "const": kind }));
        }
        object.insert("properties".into(), properties);
        object.insert("type".into(), json!("object"));
    }
    own
}

/// The list of observables: names, or tables.
fn observables() -> Value {
    let registered = crate::observable::OBSERVABLES;
    let named = json!({ "name": { "type": "string" } });
    let tables: Vec<_> = registered
        .iter()
        .map(|o| with_kind(o.kind, (o.schema)(), &named))
        .collect();
    let names: Vec<_> = std::iter::once("energy")
        .chain(registered.iter().map(|o| o.kind))
        .collect();
    json!({
        "description": "Observables besides the energy: names, or tables with a kind, its keys and \
         perhaps a name",
        "type": "array",
        "items": { "anyOf": [{ "enum": names }, { "oneOf": tables }] },
    })
}

/// Moves every nested `$defs` to the top, where `$ref` looks for them.
fn collect_definitions(value: &mut Value, into: &mut serde_json::Map<String, Value>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(found)) = map.remove("$defs") {
                into.extend(found);
            }
            map.remove("$schema");
            map.values_mut().for_each(|v| collect_definitions(v, into));
        }
        Value::Array(list) => list.iter_mut().for_each(|v| collect_definitions(v, into)),
        _ => {}
    }
}
