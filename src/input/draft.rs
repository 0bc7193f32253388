//! Decides what an input is before its keys have a meaning: its text, its table after `--set`, and
//! how a key with a fault is put aside, so that the others can be read.

use super::lines::{line_of, line_that_holds, segments, with_line};
use super::{Input, LARGEST_INPUT, Source, check, disorder, set, shared, streams};
use crate::error::{Error, Result};
use crate::files;
use crate::io::sum::fnv1a;
use crate::table::{same_word, suggested};
use std::path::{Path, PathBuf};
use toml::Value;

/// An input whose keys are not read yet.
#[derive(Debug, Clone)]
pub struct Draft {
    path: PathBuf,
    text: String,
    table: toml::Table,
    /// Keys that have another name now, with the one of the file.
    renamed: Vec<(String, String)>,
}

/// Sections with two spellings.
const SPELT: [&str; 1] = ["optimize"];

/// Gives the section `name` the spelling of this program.
fn spell(table: &mut toml::Table, name: &str) {
    let other = table
        .keys()
        .find(|key| *key != name && same_word(key, name));
    let other = other.cloned().filter(|_| !table.contains_key(name));
    if let Some(section) = other.and_then(|other| table.remove(&other)) {
        table.insert(name.into(), section);
    }
}

/// What became of a key with a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutAside {
    /// The word that was meant stands in its place.
    Corrected,
    /// It is gone, and other keys may miss it.
    Removed,
}

impl Draft {
    /// Reads an input file; `settings` are the `a.b=c` of `--set`. Fails for a file that cannot be
    /// read or that is no TOML.
    pub fn read(path: &Path, settings: &[String]) -> Result<Self> {
        let shown = path.display().to_string();
        let text = files::text(path, LARGEST_INPUT).map_err(|e| {
            Error::input(
                &shown,
                format!("the input file cannot be read: {e}"),
                "give a TOML file",
            )
        })?;
        let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            let line = e.span().map_or(0, |s| {
                text[..s.start.min(text.len())].matches('\n').count() + 1
            });
            Error::input(
                format!("{shown} line {line}"),
                e.message().replace('\n', ", "),
                "correct the TOML",
            )
        })?;
        for setting in settings {
            set(&mut table, setting)?;
        }
        for name in SPELT {
            spell(&mut table, name);
        }
        Ok(Draft {
            path: path.to_path_buf(),
            text,
            table,
            renamed: Vec::new(),
        })
    }

    /// The typed input; an error for the first key of the shared sections that cannot work.
    pub fn source(&self) -> Result<Source> {
        let table = self.table.clone();
        let mut input: Input = shared(&table)?;
        let stem = self.path.file_stem();
        let stem = stem.map_or("run".into(), |s| s.to_string_lossy().into_owned());
        if input.title.is_empty() {
            input.title.clone_from(&stem);
        }
        input.output.name.get_or_insert(stem);
        let folder = self.path.parent().map_or(PathBuf::new(), Path::to_path_buf);
        streams::settle(&mut input, &table)?;
        disorder::settle(&mut input)?;
        check::check(&input)?;
        check::names(&input)?;
        let digest = fnv1a(format!("{}\n{table}", self.text).as_bytes());
        Ok(Source {
            input,
            table,
            text: self.text.clone(),
            digest,
            folder,
            _unpacked: None,
        })
    }

    /// The line of a key in the file, also of one that has another name now; `None` where it does
    /// not stand there, or `--set` has replaced it.
    pub fn line(&self, key: &str) -> Option<usize> {
        let renamed = self.renamed.iter().rev().find(|(now, _)| now == key);
        match renamed {
            Some((_, of_file)) => line_of(&self.text, of_file),
            None => line_that_holds(key, &self.text, &self.table),
        }
    }

    /// The error with the line of its key.
    pub fn located(&self, error: Error) -> Error {
        with_line(error, |key| self.line(key))
    }

    /// Puts the word in the place of a key with the error `error` that was meant by it, or takes
    /// the key away, or the section that lacks it. `None` where nothing is there.
    pub fn put_aside(&mut self, error: &Error) -> Option<PutAside> {
        let Error::Input { key, remedy, .. } = error else {
            return None;
        };
        let parts: Vec<&str> = segments(key).collect();
        let (last, way) = parts.split_last()?;
        let way = way.join(".");
        let meant = suggested(remedy).map(str::to_string);
        let Some((place, value)) = table_at(&mut self.table, &way)
            .and_then(|place| place.remove(*last).map(|value| (place, value)))
        else {
            self.table.remove(*parts.first()?)?;
            return Some(PutAside::Removed);
        };
        let kind = value.as_table().and_then(|table| table.get("kind"));
        let word = kind.unwrap_or(&value).as_str();
        let is_word = word.is_some_and(|v| meant.as_deref() != Some(v));
        match meant {
            // The value, or the kind of a table, is wrong, and the word that was meant is one, too.
            Some(word) if error.to_string().contains(&format!("\"{word}\"?")) && is_word => {
                let value = match value {
                    Value::Table(mut table) => {
                        table.insert("kind".into(), word.into());
                        Value::Table(table)
                    }
                    _ => word.into(),
                };
                place.insert((*last).to_string(), value);
                Some(PutAside::Corrected)
            }
            Some(name) if !place.contains_key(&name) => {
                place.insert(name.clone(), value);
                let now = [way.as_str(), &name].join(".");
                let now = now.trim_start_matches('.').to_string();
                self.renamed.push((now, key.clone()));
                Some(PutAside::Corrected)
            }
            _ => {
                // A table within a section makes no sense without one of its keys.
                if let [section, inner, _, ..] = parts[..] {
                    let section = self.table.get_mut(section)?.as_table_mut();
                    section.and_then(|table| table.remove(inner));
                }
                Some(PutAside::Removed)
            }
        }
    }
}

/// The table at `way`, the whole for an empty one.
fn table_at<'t>(table: &'t mut toml::Table, way: &str) -> Option<&'t mut toml::Table> {
    let mut place = table;
    for part in segments(way) {
        place = place.get_mut(part)?.as_table_mut()?;
    }
    Some(place)
}
