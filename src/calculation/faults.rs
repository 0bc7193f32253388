//! Decides how all faults of an input are told at once: a fault is kept, its key is put aside, and
//! the rest is read again.

use super::registry::Registry;
use super::start::{refuse_unknown, validate};
use crate::error::{Error, Result};
use crate::input::{Draft, PutAside, Source, split_hamiltonian};
use crate::table::{self, Entry, Shelf, is_of_spelling};
use std::path::Path;

/// Most faults that are told.
const MOST: usize = 30;

/// Reads an input file and refuses what cannot work, before any physics is built; `settings` are
/// the `a.b=c` of `--set`.
///
/// Fails with all faults that can be seen without any physics, in the order of the file.
pub fn read(path: &Path, settings: &[String], registry: &Registry) -> Result<Source> {
    let draft = Draft::read(path, settings)?;
    let source = match sound(&draft, registry) {
        Err(first @ Error::Input { .. }) => match all(draft.clone(), first, registry) {
            // A wave function has words of its own for some keys that it does not have.
            Error::Input { key, problem, .. } if is_left_to_kind(&key, &problem) => draft.source(),
            faults => Err(faults),
        },
        other => other,
    }?;
    source.warn_of_chains_in_a_sum();
    Ok(source)
}

/// Whether a fault that stands alone is one that the kind of the wave function tells.
fn is_left_to_kind(key: &str, problem: &str) -> bool {
    key.starts_with("ansatz.") && problem == "unknown key"
}

/// The input, if none of its keys has a fault that can be seen without any physics.
fn sound(draft: &Draft, registry: &Registry) -> Result<Source> {
    let source = draft.source()?;
    refuse_unknown(&source, registry)?;
    for section in registry.sections.iter() {
        let name = section.declaration.name;
        if let Some(table) = source.table.get(name).and_then(toml::Value::as_table) {
            table::refuse_unknown_keys(table, name, &section.schema(), &[])?;
        }
    }
    validate(&source, registry)?;
    if let Some(table) = &source.input.hamiltonian {
        let (common, own) = split_hamiltonian(table)?;
        let entry = registry.models.find(&common.kind, "hamiltonian.kind")?;
        let shared = ["kind", "units", "sector", "sign_rule"];
        table::refuse_unknown_keys(&own, "hamiltonian", &entry.schema(), &shared)?;
    }
    if let Some(table) = &source.input.ansatz {
        keys_of_kind(table, "ansatz", registry.ansatze)?;
    }
    Ok(source)
}

/// An error for a kind that the shelf does not have, or for a key that the kind does not have.
fn keys_of_kind<E: Entry>(table: &toml::Table, path: &str, shelf: Shelf<E>) -> Result<()> {
    let (entry, own) = shelf.take(table, path)?;
    table::refuse_unknown_keys(&own, path, &entry.schema(), &["kind"])
}

/// The first fault and those behind it. A fault of the physics counts as long as no key is gone
/// that the rest may need.
fn all(mut draft: Draft, first: Error, registry: &Registry) -> Error {
    let (mut faults, mut told) = (Vec::new(), Vec::<String>::new());
    let (mut next, mut complete) = (Err(first), true);
    while let (Err(fault), true) = (&next, told.len() < MOST) {
        let Error::Input { key, .. } = fault else {
            break;
        };
        // A table that is gone because of one of its keys is not missed.
        let part = format!("{key}.");
        let gone = told.iter().any(|t| t == key || t.starts_with(&part));
        if !gone && (complete || is_of_spelling(fault)) {
            faults.push((draft.line(key), draft.located(fault.clone())));
        }
        told.push(key.clone());
        match draft.put_aside(fault) {
            None => break,
            Some(PutAside::Corrected) => {}
            Some(PutAside::Removed) => complete = false,
        }
        next = sound(&draft, registry);
    }
    faults.sort_by_key(|(line, _)| line.unwrap_or(usize::MAX));
    let mut faults: Vec<_> = faults.into_iter().map(|(_, fault)| fault).collect();
    match faults.len() {
        1 => faults.remove(0),
        _ => Error::Inputs(faults),
    }
}
