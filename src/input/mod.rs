//! Decides what a user can write: the mirror of the TOML input, `--set`, and the checks that need
//! no physics.

mod basis;
mod changed;
mod check;
mod disorder;
mod draft;
mod lines;
pub mod named;
mod sections;
mod streams;

pub use basis::{BasisInput, BasisName, configurations, site_kind};
pub use check::{at_least_one, positive};
pub use draft::{Draft, PutAside};
pub use sections::*;

use crate::error::{Error, Result};
use crate::io::sum::fnv1a;
use crate::io::tree::Tree;
use crate::table;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// An input with the file it came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Typed content.
    pub input: Input,
    /// The table after `--set`.
    pub table: toml::Table,
    /// The text as it stands in the file.
    pub text: String,
    /// A number that tells this input from another: FNV-1a of the text and of the table after
    /// `--set`.
    pub digest: u64,
    /// Folder of the file, to which files in the input are relative.
    pub folder: PathBuf,
    /// Folder of the files that results keep, where the input comes from there.
    _unpacked: Option<Arc<TempDir>>,
}

/// Most bytes of an input file.
const LARGEST_INPUT: u64 = 1 << 24;

/// The keys that stand above all sections.
const KEYS: [&str; 4] = ["title", "seed", "deterministic", "threads"];

/// The sections that belong to no calculation.
const SHARED: [&str; 7] = [
    "basis",
    "lattice",
    "hamiltonian",
    "disorder",
    "ansatz",
    "sampler",
    "output",
];

impl Source {
    /// The names of the sections that calculate something, in alphabetical order, and those that
    /// nobody knows.
    pub fn sections(&self) -> impl Iterator<Item = &String> {
        self.table.keys().filter(|name| !is_shared(name))
    }

    /// An error for the first name at the top of the input that is neither a key, nor a section of
    /// all inputs, nor one of the `sections`, and for the first of these that is no table.
    pub fn refuse_unknown(&self, sections: &[&str]) -> Result<()> {
        for name in self.sections() {
            let value = &self.table[name];
            if sections.contains(&name.as_str()) {
                refuse_other_than_table(name, value)?;
                continue;
            }
            let (what, known) = match value.is_table() {
                true => ("there is no such section", [&SHARED[..], sections].concat()),
                false => ("unknown key", [&KEYS[..], &SHARED, sections].concat()),
            };
            return Err(Error::input(
                name.as_str(),
                what,
                table::known(name, &known),
            ));
        }
        Ok(())
    }

    /// The keys of the section `name`, if the input has it.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let table = self.table.get(name).and_then(toml::Value::as_table);
        table.map(|table| table::parse(table, name)).transpose()
    }
}

fn is_shared(name: &str) -> bool {
    KEYS.contains(&name) || SHARED.contains(&name)
}

/// An error where a section is written as something else.
fn refuse_other_than_table(name: &str, value: &toml::Value) -> Result<()> {
    let (problem, remedy) = match value {
        toml::Value::Table(_) => return Ok(()),
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => (
            "this is one section, not a list of them".to_string(),
            format!("write [{name}] once, in single brackets"),
        ),
        other => {
            let what = match other {
                toml::Value::Integer(_) | toml::Value::Float(_) => "number",
                toml::Value::String(_) => "text",
                toml::Value::Array(_) => "list",
                _ => "value",
            };
            (
                format!("this is a section, not a {what}"),
                format!("write [{name}] and its keys on the lines below"),
            )
        }
    };
    Err(Error::input(name, problem, remedy))
}

/// What all inputs share, without the sections that calculate something.
fn shared(table: &toml::Table) -> Result<Input> {
    for (name, value) in table
        .iter()
        .filter(|(name, _)| SHARED.contains(&name.as_str()))
    {
        refuse_other_than_table(name, value)?;
    }
    let mut shared = table.clone();
    shared.retain(|name, _| is_shared(name));
    table::parse(&shared, "")
}

/// The section `name`, or an error that asks for it.
pub fn section<'a, T>(value: &'a Option<T>, name: &str) -> Result<&'a T> {
    value.as_ref().ok_or_else(|| missing_section(name))
}

/// The error that asks for the section `name`.
pub fn missing_section(name: &str) -> Error {
    Error::input(
        name,
        "this section is missing",
        format!("add the section [{name}]"),
    )
}

/// Reads and checks an input file; `settings` are the `a.b=c` of `--set`.
pub fn read(path: &Path, settings: &[String]) -> Result<Source> {
    let source = Draft::read(path, settings)?.source()?;
    source.warn_of_chains_in_a_sum();
    Ok(source)
}

/// The input of results, with the files that they keep; others are looked for in `folder`, that of
/// the results.
pub fn from_results(results: &Tree, folder: PathBuf) -> Result<Source> {
    let text = results.text("input/resolved")?;
    let mut table = parsed(text)?;
    let unpacked = named::unpack(&mut table, results)?;
    let source = from_table(table, text, folder)?;
    Ok(Source {
        _unpacked: unpacked,
        ..source
    })
}

/// An input from its text; `folder` is where its files are looked for.
pub fn from_text(text: &str, folder: PathBuf) -> Result<Source> {
    from_table(parsed(text)?, text, folder)
}

fn parsed(text: &str) -> Result<toml::Table> {
    text.parse().map_err(|e: toml::de::Error| {
        Error::input("input", e.message().replace('\n', ", "), "correct the TOML")
    })
}

fn from_table(mut table: toml::Table, text: &str, folder: PathBuf) -> Result<Source> {
    if let Some(ansatz) = table.get_mut("ansatz").and_then(toml::Value::as_table_mut) {
        forget_start(ansatz);
    }
    let mut input: Input = shared(&table)?;
    streams::settle(&mut input, &table)?;
    disorder::settle(&mut input)?;
    Ok(Source {
        input,
        table,
        text: text.to_string(),
        digest: fnv1a(text.as_bytes()),
        folder,
        _unpacked: None,
    })
}

/// Results bring parameters of their own; the file that these once started from may be gone.
fn forget_start(ansatz: &mut toml::Table) {
    ansatz.remove("load");
    let parts = ansatz
        .get_mut("factors")
        .and_then(toml::Value::as_array_mut);
    let parts = parts.into_iter().flatten();
    parts
        .filter_map(toml::Value::as_table_mut)
        .for_each(forget_start);
    let inner = ansatz.get_mut("of").and_then(toml::Value::as_table_mut);
    inner.into_iter().for_each(forget_start);
}

/// Puts `a.b=c` into the table; c is TOML, or a text where it is not, and `b[k]` entry k of a list
/// that is there.
fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let wrong = |problem: &str| {
        Error::input(
            format!("--set {setting}"),
            problem,
            "write --set section.key=value, or --set section.list[0].key=value",
        )
    };
    let (path, value) = setting
        .split_once('=')
        .ok_or_else(|| wrong("there is no `=`"))?;
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_string()));
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys
        .pop()
        .filter(|k| !k.is_empty())
        .ok_or_else(|| wrong("the key is empty"))?;
    let mut place = table;
    for key in keys {
        place = slot(place, key)
            .map_err(|problem| wrong(&problem))?
            .as_table_mut()
            .ok_or_else(|| wrong(&format!("`{key}` is not a section")))?;
    }
    *slot(place, last).map_err(|problem| wrong(&problem))? = value;
    Ok(())
}

/// The value at a key, an empty table where there was none, or at `key[k]`, an entry of a list.
///
/// Errors: in words, what a list lacks.
fn slot<'a>(
    table: &'a mut toml::Table,
    key: &str,
) -> std::result::Result<&'a mut toml::Value, String> {
    let (name, entries) = key.split_once('[').unwrap_or((key, ""));
    let empty = || toml::Value::Table(toml::Table::new());
    let mut value = match entries {
        "" => table.entry(name).or_insert_with(empty),
        _ => table.get_mut(name).ok_or(format!("there is no `{name}`"))?,
    };
    for entry in entries.split('[').filter(|entry| !entry.is_empty()) {
        let list = value.as_array_mut();
        let list = list.ok_or(format!("`{name}` is not a list"))?;
        let count = list.len();
        let number = entry
            .strip_suffix(']')
            .and_then(|k| k.parse::<usize>().ok());
        let found = number.and_then(|k| list.get_mut(k));
        value = found.ok_or(format!(
            "`{key}`: the list has {count} entries, from [0] on"
        ))?;
    }
    Ok(value)
}

/// Splits `[hamiltonian]` into the keys that all models share and the model's own.
pub fn split_hamiltonian(table: &toml::Table) -> Result<(HamiltonianCommon, toml::Table)> {
    let mut own = table.clone();
    let mut common = toml::Table::new();
    for key in ["kind", "units", "sector", "sign_rule"] {
        if let Some(value) = own.remove(key) {
            common.insert(key.into(), value);
        }
    }
    Ok((table::parse(&common, "hamiltonian")?, own))
}

/// The keys of a table with their sections, `a.b`, and their values as text; 1 and 1.0 are the
/// same.
pub fn flatten(table: &toml::Table) -> Vec<(String, String)> {
    fn under(path: &str, value: &toml::Value, pairs: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Table(table) => {
                for (key, inner) in table {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    under(&path, inner, pairs);
                }
            }
            toml::Value::Integer(i) => pairs.push((path.into(), (*i as f64).to_string())),
            toml::Value::Float(x) => pairs.push((path.into(), x.to_string())),
            other => pairs.push((path.into(), other.to_string())),
        }
    }
    let mut pairs = Vec::new();
    under("", &toml::Value::Table(table.clone()), &mut pairs);
    pairs
}
