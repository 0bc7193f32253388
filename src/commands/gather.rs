//! Decides how the results of a scan become one table: a row per file, of classical spins one per
//! temperature, a column for every input key
//! that differs between them, the energy with its diagnostics, and every measured quantity that is
//! one number.

use super::averages;
use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::io::hdf5;
use crate::{commands, files, input};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The columns that every table has, after the file's name and the keys.
const COLUMNS: [&str; 11] = [
    "state", "steps", "sites", "samples", "energy", "error", "variance", "v_score", "r_hat", "tau",
    "warnings",
];

/// One file.
pub(super) struct FileRow {
    file: String,
    pub(super) keys: BTreeMap<String, String>,
    fixed: Vec<String>,
    measured: BTreeMap<String, String>,
}

impl FileRow {
    /// Names of what it may have with an error.
    pub(super) fn quantities(&self) -> impl Iterator<Item = String> {
        let names = self
            .measured
            .keys()
            .filter(|name| !name.ends_with("_error"));
        names.cloned().chain(["energy".to_string()])
    }

    /// The number `name` with its error, where it has them.
    pub(super) fn number(&self, name: &str) -> Option<(f64, Option<f64>)> {
        let field = |name: &str| match COLUMNS.iter().position(|column| *column == name) {
            Some(place) => self.fixed.get(place)?.parse().ok(),
            None => self.measured.get(name)?.parse().ok(),
        };
        let error = match name {
            "energy" => "error".to_string(),
            other => format!("{other}_error"),
        };
        Some((field(name)?, field(&error)))
    }
}

/// The table of some result files, as CSV with a header line. Empty fields stand for what a file
/// does not have (yet).
///
/// A file that cannot be read is left out; the error that comes with the table says how many are.
/// Fails with `Error::Input` for a file that holds no results.
///
/// With `average` there is a row for all files that differ in the realisation of random couplings
/// alone.
pub fn table(
    paths: &[PathBuf],
    average: bool,
    registry: &Registry,
) -> Result<(String, Option<Error>)> {
    let (mut rows, mut lost) = (Vec::new(), Vec::new());
    for file in paths {
        match rows_of(file, registry) {
            Ok(found) => rows.extend(found),
            Err(e @ Error::Output { .. }) => {
                log::warn!("{e}; it is left out");
                lost.push(file);
            }
            Err(e) => return Err(e),
        }
    }
    let failed = lost.first().map(|first| {
        let what = match lost.len() - 1 {
            0 => "cannot be read; the table has all other files".to_string(),
            others => format!(
                "cannot be read, nor {others} others of {} files",
                paths.len()
            ),
        };
        Error::output(*first, what)
    });
    if average {
        return Ok((files::comma_separated(averages::lines(&rows)), failed));
    }
    let names = |of: fn(&FileRow) -> &BTreeMap<String, String>| -> BTreeSet<String> {
        rows.iter().flat_map(|r| of(r).keys().cloned()).collect()
    };
    let differs = |key: &String| {
        rows.iter()
            .any(|r| r.keys.get(key) != rows[0].keys.get(key))
    };
    let shown = |key: &String| {
        ["temperature", averages::REALISATION].contains(&key.as_str()) || differs(key)
    };
    let mut keys: Vec<String> = names(|r| &r.keys).into_iter().filter(shown).collect();
    keys.retain(|k| !k.starts_with("output.") && k != "title");
    let measured: Vec<String> = names(|r| &r.measured).into_iter().collect();
    let header = std::iter::once("file")
        .chain(keys.iter().map(String::as_str))
        .chain(COLUMNS)
        .chain(measured.iter().map(String::as_str));
    let mut lines: Vec<Vec<String>> = vec![header.map(String::from).collect()];
    for row in &rows {
        let of = |map: &BTreeMap<String, String>, name: &String| {
            map.get(name).cloned().unwrap_or_default()
        };
        let fields = std::iter::once(row.file.clone())
            .chain(keys.iter().map(|k| of(&row.keys, k)))
            .chain(row.fixed.iter().cloned())
            .chain(measured.iter().map(|m| of(&row.measured, m)));
        lines.push(fields.collect());
    }
    Ok((files::comma_separated(lines), failed))
}

/// A value as a field; of lists their number.
fn text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(s) => s.clone(),
        serde_json::Value::Array(list) => list.len().to_string(),
        other => other.to_string(),
    }
}

/// A text without the quotes of the input.
fn plain(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.unwrap_or(value).to_string()
}

/// The rows of a file.
fn rows_of(file: &Path, registry: &Registry) -> Result<Vec<FileRow>> {
    let shown = file.display().to_string();
    let info = commands::info(file, registry)?;
    if info["file"] != "results" {
        return Err(Error::input(
            shown,
            "this file holds no results",
            "give the results X.h5, not checkpoints or samples",
        ));
    }
    let fixed = |energy: &serde_json::Value| {
        let status = ["state", "steps", "sites", "samples"].map(|name| &info[name]);
        let parts = ["mean", "error", "variance", "v_score", "r_hat", "tau"];
        let parts = parts.map(|name| text(&energy[name]));
        let status = status.into_iter().map(text).chain(parts);
        status.chain([text(&info["warnings"])]).collect()
    };
    let tree = hdf5::read(file)?;
    let resolved: toml::Table = tree.text("input/resolved")?.parse().unwrap_or_default();
    let keys = input::flatten(&resolved)
        .into_iter()
        .map(|(key, value)| (key, plain(&value)))
        .collect();
    let mut measured = BTreeMap::new();
    for (name, value) in info["observables"].as_object().into_iter().flatten() {
        measured.insert(name.clone(), text(&value["mean"]));
        measured.insert(format!("{name}_error"), text(&value["error"]));
    }
    if let Some(verdict) = info["verdict"].as_str() {
        measured.insert("verdict".into(), verdict.into());
    }
    for section in ["phases", "regression", "learn"] {
        measured.extend(averages(&info[section]));
    }
    let row = FileRow {
        file: shown,
        keys,
        fixed: fixed(&info["energy"]),
        measured,
    };
    let Some(temperatures) = info["classical"].as_array() else {
        return Ok(vec![row]);
    };
    let at = |about: &serde_json::Value| {
        let mut energy = about["energy"].clone();
        for name in ["r_hat", "tau"] {
            energy[name] = about[name].clone();
        }
        let (mut keys, mut measured) = (row.keys.clone(), row.measured.clone());
        keys.insert("temperature".into(), text(&about["temperature"]));
        measured.extend(averages(about));
        FileRow {
            file: row.file.clone(),
            keys,
            fixed: fixed(&energy),
            measured,
        }
    };
    Ok(temperatures.iter().map(at).collect())
}

/// The numbers of classical spins at a temperature, or of networks, without those that have columns
/// for all files.
fn averages(about: &serde_json::Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in about.as_object().into_iter().flatten() {
        if ["energy", "temperature", "r_hat", "tau"].contains(&name.as_str()) {
            continue;
        }
        match (value.get("mean"), value.as_f64()) {
            (Some(mean), _) => {
                found.insert(name.clone(), text(mean));
                found.insert(format!("{name}_error"), text(&value["error"]));
            }
            (None, Some(_)) => {
                found.insert(name.clone(), text(value));
            }
            (None, None) => {}
        }
    }
    found
}
