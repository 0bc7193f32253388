//! Decides what a page of a kind says: its description, its keys with type, default and meaning,
//! and what `configs/reference.toml` shows of it.

use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::table::{Entry, Shelf};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// The page of all keys, from which the examples are taken.
const REFERENCE: &str = include_str!("../../configs/reference.toml");

/// One file of a set of pages.
pub struct Page {
    /// Path inside the folder of the pages, such as `ansatz/rbm.md`.
    pub path: String,
    /// Its text in Markdown.
    pub text: String,
}

/// Where a list of kinds stands in an input.
struct Slot {
    folder: &'static str,
    section: &'static str,
    key: &'static str,
}

/// A page for each kind of `registry`, and an index of them.
pub fn pages(registry: &Registry) -> Vec<Page> {
    let place = |folder, section, key| Slot {
        folder,
        section,
        key,
    };
    let mut pages = Vec::new();
    let mut index = String::from("# Kinds\n\n`nishina schema --pages DIR` writes these pages.\n");
    let (into, list) = (&mut pages, &mut index);
    shelf(
        &place("ansatz", "ansatz", "kind"),
        registry.ansatze,
        into,
        list,
    );
    shelf(
        &place("model", "hamiltonian", "kind"),
        registry.models,
        into,
        list,
    );
    let observables = place("observable", "measure", "observables");
    shelf(&observables, registry.observables, into, list);
    shelf(
        &place("optimiser", "optimize", "method"),
        registry.optimizers,
        into,
        list,
    );
    shelf(
        &place("move", "sampler", "moves"),
        registry.moves,
        into,
        list,
    );
    pages.push(Page {
        path: "index.md".into(),
        text: index,
    });
    pages
}

/// Writes all pages below `folder` and says how many there are; fails where a file cannot be
/// written.
pub fn write(registry: &Registry, folder: &Path) -> Result<String> {
    let pages = pages(registry);
    for page in &pages {
        let path = folder.join(&page.path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, &page.text))
            .map_err(|e| Error::output(&path, e))?;
    }
    Ok(format!("{} pages in {}", pages.len(), folder.display()))
}

/// The pages of one list of kinds and its part of the index.
fn shelf<E: Entry>(place: &Slot, kinds: Shelf<E>, pages: &mut Vec<Page>, index: &mut String) {
    let _ = write!(index, "\n## `{}.{}`\n\n", place.section, place.key);
    for entry in kinds.iter() {
        let path = format!("{}/{}.md", place.folder, entry.kind());
        let _ = writeln!(index, "* [`{}`]({path})", entry.kind());
        let text = page(place, E::WHAT, entry.kind(), &entry.schema());
        pages.push(Page { path, text });
    }
}

/// The text of one page.
fn page(place: &Slot, what: &str, kind: &str, schema: &Value) -> String {
    let mut text = format!(
        "# {what} `{kind}`\n\n`{}.{}` in an input. [All kinds](../index.md)\n",
        place.section, place.key
    );
    if let Some(description) = schema["description"].as_str() {
        let _ = write!(text, "\n{description}\n");
    }
    let keys = schema["properties"].as_object();
    match keys.filter(|keys| !keys.is_empty()) {
        None => text.push_str("\nIt has no keys of its own.\n"),
        Some(keys) => {
            text.push_str("\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
            for (key, own) in keys {
                text.push_str(&row(schema, key, own));
            }
        }
    }
    let example = example(place, kind, schema);
    if !example.is_empty() {
        let _ = write!(
            text,
            "\nFrom `configs/reference.toml`:\n\n```toml\n{example}```\n"
        );
    }
    text
}

/// The line of one key.
fn row(schema: &Value, key: &str, own: &Value) -> String {
    let required = schema["required"].as_array();
    let default = match own.get("default") {
        _ if required.is_some_and(|names| names.iter().any(|name| name == key)) => {
            "required".to_string()
        }
        None | Some(Value::Null) if is_optional(own) => "none".into(),
        None | Some(Value::Null) => "see meaning".into(),
        Some(value) => format!("`{value}`"),
    };
    let meaning = own["description"].as_str().unwrap_or("");
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    format!(
        "| `{key}` | {} | {default} | {} |\n",
        cell(&type_of(schema, own)),
        cell(meaning)
    )
}

/// Whether a key may be absent without standing for a value.
fn is_optional(own: &Value) -> bool {
    let null = |name: &Value| name == "null";
    let listed = own["type"]
        .as_array()
        .is_some_and(|list| list.iter().any(null));
    let choices = own["anyOf"].as_array();
    listed || choices.is_some_and(|list| list.iter().any(|one| null(&one["type"])))
}

/// The type of a key in words.
fn type_of(schema: &Value, own: &Value) -> String {
    if let Some(name) = own["$ref"].as_str() {
        return match schema.pointer(name.trim_start_matches('#')) {
            Some(target) => type_of(schema, target),
            None => "table".into(),
        };
    }
    if let Some(value) = own.get("const") {
        return format!("`{value}`");
    }
    if let Some(values) = own["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return values.join(" or ");
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(list) = own[choice].as_array() {
            let names = list.iter().map(|one| type_of(schema, one));
            let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
            names.dedup();
            return names.join(" or ");
        }
    }
    let name = |name: &str| match name {
        "number" => "real".into(),
        "boolean" => "true or false".into(),
        "string" => "text".into(),
        "object" => "table".into(),
        "array" if own["items"].is_object() => {
            format!("list of {}", type_of(schema, &own["items"]))
        }
        "array" => "list".into(),
        "null" => String::new(),
        other => other.to_string(),
    };
    match &own["type"] {
        Value::String(one) => name(one),
        Value::Array(list) => {
            let names = list.iter().filter_map(Value::as_str).map(name);
            let names: Vec<_> = names.filter(|name: &String| !name.is_empty()).collect();
            names.join(" or ")
        }
        _ => "table".into(),
    }
}

/// The kind whose block of the reference begins with a line: its name in quotes, then two spaces.
fn begins(bare: &str) -> Option<&str> {
    let (kind, rest) = bare.strip_prefix('"')?.split_once('"')?;
    rest.starts_with("  ").then_some(kind)
}

/// What the reference shows of a kind: the lines of its own block, and those of its keys that
/// stand outside of the blocks, before the first of them or behind a line "for all".
fn example(place: &Slot, kind: &str, schema: &Value) -> String {
    let header = format!("[{}]", place.section);
    let lines = REFERENCE
        .lines()
        .skip_while(|line| !line.starts_with(&header));
    // A section that is shown as a comment ends the one before as well.
    let ends = |line: &&str| line.starts_with('[') || line.starts_with("# [");
    let lines = lines.skip(1).take_while(|line| !ends(line));
    let quoted = format!("\"{kind}\"");
    let (mut explained, mut keys) = (String::new(), String::new());
    let mut block = None;
    for line in lines {
        let bare = line.trim_start_matches(['#', ' ']);
        block = match begins(bare) {
            None if bare.starts_with("for all") => None,
            None => block,
            of => of,
        };
        let is_word = |key: &&str| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let key = bare.split_once(" = ").map(|(key, _)| key).filter(is_word);
        let is_own = block == Some(kind);
        if key.is_some_and(|key| schema["properties"].get(key).is_some()) {
            if is_own || block.is_none() {
                let _ = writeln!(keys, "{bare}");
            }
        } else if key.is_none() && is_own && !keys.is_empty() {
            let _ = writeln!(keys, "{:31}# {bare}", "");
        } else if key.is_none() && (is_own || block.is_none() && bare.contains(&quoted)) {
            let _ = writeln!(explained, "# {bare}");
        }
    }
    match place.key {
        "kind" => format!("{explained}{header}\nkind = {quoted}\n{keys}"),
        "method" => format!("{explained}{header}\nmethod = {quoted}\n{keys}"),
        _ => format!("{explained}{keys}"),
    }
}
