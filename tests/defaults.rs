//! Decides whether a default has one value everywhere: in the schema, which takes it from the
//! source, in the words beside it, and in `configs/reference.toml`.

mod common;
use common::{Case, project};
use nishina::calculation::Registry;
use nishina::table::Entry;
use serde_json::Value;

/// A key of an input as the schema has it.
struct Key {
    /// Its section, or nothing at the top.
    section: String,
    name: String,
    description: String,
    default: Value,
}

impl Key {
    fn place(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// All keys below a part of the schema; `$ref` is followed.
fn keys(part: &Value, whole: &Value, section: &str, found: &mut Vec<Key>) {
    for (name, own) in part["properties"].as_object().into_iter().flatten() {
        let inner = if section.is_empty() { name } else { section };
        if name != "kind" {
            let top = section.is_empty() && own["properties"].is_object();
            let text = own["description"].as_str().unwrap_or_default();
            found.push(Key {
                section: if top { name } else { section }.into(),
                name: if top { "" } else { name }.into(),
                description: text.replace('\n', " "),
                default: own["default"].clone(),
            });
        }
        keys(own, whole, inner, found);
    }
    for list in ["oneOf", "anyOf", "allOf"] {
        let parts = part[list].as_array().into_iter().flatten();
        parts.for_each(|part| keys(part, whole, section, found));
    }
    if part["items"].is_object() {
        keys(&part["items"], whole, section, found);
    }
    if let Some(name) = part["$ref"]
        .as_str()
        .and_then(|r| r.strip_prefix("#/$defs/"))
    {
        keys(&whole["$defs"][name], whole, section, found);
    }
}

fn all_keys() -> Vec<Key> {
    let registry = Registry::default();
    let mut found = Vec::new();
    let printed = Case::new("").alone(&["schema"]);
    let whole: Value = serde_json::from_slice(&printed.stdout).unwrap();
    keys(&whole, &whole, "", &mut found);
    for entry in registry.optimizers.iter() {
        let own = entry.schema();
        keys(&own, &own, "optimize", &mut found);
    }
    for entry in registry.moves.iter() {
        let own = entry.schema();
        keys(&own, &own, "sampler", &mut found);
    }
    assert!(found.len() > 250, "{} keys", found.len());
    found
}

/// The scalar that a text stands for; nothing where it is a sentence, such as "time / 20".
fn scalar(text: &str) -> Option<Value> {
    let text = text.split([';', ',']).next()?.trim();
    let table: toml::Table = format!("x = {text}").parse().ok()?;
    match &table["x"] {
        toml::Value::String(s) => Some(s.as_str().into()),
        toml::Value::Integer(k) => Some((*k as f64).into()),
        toml::Value::Float(x) => Some((*x).into()),
        toml::Value::Boolean(b) => Some((*b).into()),
        _ => None,
    }
}

/// A default of the schema, integers as real numbers; nothing where it is no scalar, or empty.
fn plain(default: &Value) -> Option<Value> {
    match default {
        Value::Number(x) => Some(x.as_f64()?.into()),
        Value::String(s) if s.is_empty() => None,
        Value::String(_) | Value::Bool(_) => Some(default.clone()),
        _ => None,
    }
}

/// The default that a description names: `Default X.`, `(X)` at its end, or `"x" (default)`.
fn said(description: &str) -> Option<Value> {
    if let Some((before, _)) = description.split_once(" (default)") {
        let word = before.rsplit(' ').next()?.trim_matches('"');
        return Some(word.into());
    }
    if let Some((_, after)) = description.rsplit_once("Default ") {
        return scalar(after.strip_suffix('.')?);
    }
    let inner = description.trim_end_matches('.').strip_suffix(')')?;
    scalar(&inner[inner.rfind('(')? + 1..])
}

#[test]
fn the_schema_and_its_words_name_the_same_defaults() {
    let mut wrong = Vec::new();
    let (mut named, all) = (0, all_keys());
    for key in &all {
        // Methods of the optimisation that share a key are listed one by one as well.
        let merged = key.description.contains("; ") && key.section == "optimize";
        match (said(&key.description), plain(&key.default)) {
            (Some(words), Some(value)) if words == value => named += 1,
            (None, _) => {}
            (Some(_), None) if merged => {}
            (words, value) => wrong.push(format!(
                "{}: {words:?} in words, {value:?} in the schema: {}",
                key.place(),
                key.description
            )),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named > 60, "{named} defaults in words");
}

#[test]
fn the_page_of_all_keys_names_the_defaults_of_the_schema() {
    let text = std::fs::read_to_string(project().join("configs/reference.toml")).unwrap();
    let (all, mut section, mut named, mut wrong) = (all_keys(), String::new(), 0, Vec::new());
    for line in text.lines() {
        let bare = line.trim_start_matches("# ");
        let header = bare.strip_prefix('[').and_then(|l| l.split_once(']'));
        // A part of a section that is commented out stands among the keys of the section.
        if let Some((name, _)) = header.filter(|(name, _)| bare == line || !name.contains('.')) {
            section = name.into();
            continue;
        }
        let Some((name, rest)) = bare.split_once(" = ") else {
            continue;
        };
        let Some(words) = rest.split_once("default ").and_then(|(_, d)| scalar(d)) else {
            continue;
        };
        let here = |k: &&Key| k.section == section && k.name == name;
        let values: Vec<_> = all.iter().filter(here).map(|k| plain(&k.default)).collect();
        match values.contains(&Some(words.clone())) {
            true => named += 1,
            false => wrong.push(format!("{section}.{name}: {words} on the page, {values:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named > 50, "{named} defaults on the page");
}

#[test]
fn every_kind_and_every_key_says_what_it_is() {
    let registry = Registry::default();
    let silent = |schema: Value| schema["description"].as_str().is_none_or(str::is_empty);
    let mut dumb: Vec<String> = Vec::new();
    for (list, kinds) in [
        ("ansatz", described(registry.ansatze.iter())),
        ("model", described(registry.models.iter())),
        ("move", described(registry.moves.iter())),
        ("observable", described(registry.observables.iter())),
        ("optimiser", described(registry.optimizers.iter())),
    ] {
        let kinds = kinds
            .into_iter()
            .filter(|(_, schema)| silent(schema.clone()));
        dumb.extend(kinds.map(|(kind, _)| format!("{list} {kind}")));
    }
    let keys = all_keys().into_iter().filter(|k| k.description.is_empty());
    dumb.extend(keys.map(|k| k.place()));
    assert!(
        dumb.is_empty(),
        "without a description: {}",
        dumb.join(", ")
    );
}

fn described<'a, E: Entry + 'a>(entries: impl Iterator<Item = &'a E>) -> Vec<(String, Value)> {
    entries
        .map(|e| (e.kind().to_string(), e.schema()))
        .collect()
}
