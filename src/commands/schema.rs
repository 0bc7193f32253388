//! Decides what `schema` prints: the JSON Schema of the input, with the keys of everything that is
//! registered.

use crate::calculation::Registry;
use crate::input::{HamiltonianCommon, Input};
use crate::table::{Entry, Shelf, schema_of};
use serde_json::{Value, json};

/// JSON Schema of the input: the sections with shared keys, and the registered sections, models,
/// wave functions and observables with theirs.
pub fn schema(registry: &Registry) -> Value {
    let mut schema = schema_of::<Input>();
    let mut definitions = serde_json::Map::new();
    let common = schema_of::<HamiltonianCommon>();
    let shared = common.get("properties").cloned();
    let shared = shared.unwrap_or_else(|| json!({}));
    let models = kinds(&registry.models, &shared);
    let ansatze = kinds(&registry.ansatze, &json!({}));
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(
            "hamiltonian".into(),
            json!({ "description": "The model: a kind and its keys", "oneOf": models }),
        );
        properties.insert(
            "ansatz".into(),
            json!({ "description": "The wave function: a kind and its keys", "oneOf": ansatze }),
        );
        for section in registry.sections.iter() {
            let mut own = section.schema();
            if let Some(list) = own.pointer_mut("/properties/observables") {
                *list = observables(registry);
            }
            properties.insert(section.declaration.name.into(), own);
        }
    }
    collect_definitions(&mut schema, &mut definitions);
    if let Some(object) = schema.as_object_mut() {
        let own = common.get("$defs").and_then(Value::as_object).cloned();
        definitions.extend(own.unwrap_or_default());
        object.insert("$defs".into(), Value::Object(definitions));
    }
    schema
}

/// The schemas of all kinds of a shelf, each with its `kind` and the keys that all share.
fn kinds<E: Entry>(shelf: &Shelf<E>, shared: &Value) -> Vec<Value> {
    let with_kind = |entry: &E| {
        let mut own = entry.schema();
        if let Some(object) = own.as_object_mut() {
            let properties = object.get("properties").and_then(Value::as_object);
            let mut properties = properties.cloned().unwrap_or_default();
            properties.extend(shared.as_object().cloned().unwrap_or_default());
            properties.insert("kind".into(), json!({ "const": entry.kind() }));
            object.insert("properties".into(), Value::Object(properties));
            object.insert("type".into(), json!("object"));
        }
        own
    };
    shelf.iter().map(with_kind).collect()
}

/// A list of observables.
fn observables(registry: &Registry) -> Value {
    let name = "Name of the group in the results; the kind by default";
    let tables = kinds(
        &registry.observables,
        &json!({ "name": { "type": "string", "description": name } }),
    );
    let known = registry.observables.iter().map(|o| o.kind);
    let names: Vec<_> = std::iter::once("energy").chain(known).collect();
    json!({
        "description": "Observables besides the energy: names, or tables with a kind, its keys \
         and perhaps a name",
        "type": "array", "items": { "anyOf": [{ "enum": names }, { "oneOf": tables }] },
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
