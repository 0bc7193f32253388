//! Decides when a section of a checkpoint belongs to an input: its keys are equal or have only
//! grown; anything else is refused with the list of what differs.

use super::contents::add_contents;
use super::curves::Curves;
use crate::error::{Error, Result};
use crate::input::flatten;
use std::path::Path;

/// What the engine and the readers of files know of a section. Keys stand without its name; a key
/// stands for all below it.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// `[optimize]`; also the group in files.
    pub name: &'static str,
    /// Keys that may differ in a continued run.
    pub free: &'static [&'static str],
    /// Keys whose larger value makes a finished section go on: steps, time, samples.
    pub grows: &'static [&'static str],
    /// Keys of which any change makes a finished section go on: targets.
    pub reopens: &'static [&'static str],
    /// Keys of which any change makes the section start over.
    pub restarts: &'static [&'static str],
    /// Keys of other sections, in full, that have to stay until this one is complete.
    pub relies_on: &'static [&'static str],
    /// Records of results that grow with the calculation.
    pub curves: &'static [Curves],
}

/// What a section of a checkpoint is to the same section of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Same,
    Grown,
    StartsOver,
}

/// Whether `key` is one of `list` or stands below one of them.
fn is_in(list: &[&str], key: &str) -> bool {
    list.iter().any(|l| {
        key.strip_prefix(l)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Keys that differ, with what they were and what they are.
fn differences(old: &toml::Table, new: &toml::Table) -> Vec<(String, String, String)> {
    let (old, new) = (flatten(old), flatten(new));
    let value = |pairs: &[(String, String)], key: &str| {
        let found = pairs.iter().find(|(k, _)| k == key);
        found.map_or("absent".to_string(), |(_, v)| v.clone())
    };
    let mut keys: Vec<&String> = old.iter().chain(&new).map(|(k, _)| k).collect();
    keys.sort();
    keys.dedup();
    let both = |key: &String| (key.clone(), value(&old, key), value(&new, key));
    keys.into_iter()
        .map(both)
        .filter(|(_, was, is)| was != is)
        .collect()
}

fn refusal(changed: &[(String, String, String)], of: &str) -> Result<()> {
    let Some((first, ..)) = changed.first() else {
        return Ok(());
    };
    let list: Vec<_> = changed
        .iter()
        .map(|(key, was, is)| format!("{key} was {was}, is {is}"))
        .collect();
    Err(Error::input(
        first.as_str(),
        format!(
            "the checkpoint beside the output holds {of}: {}",
            list.join("; ")
        ),
        "use --fresh to start over, or another output.name",
    ))
}

/// An error that lists what differs between two texts in TOML, if anything does.
pub fn compare(of_checkpoint: &str, of_input: &str) -> Result<()> {
    let table = |text: &str| text.parse::<toml::Table>().unwrap_or_default();
    refusal(
        &differences(&table(of_checkpoint), &table(of_input)),
        "other physics",
    )
}

/// The value at a path such as `measure.observables` of a table, if it is there.
pub fn part_of<'t>(table: &'t toml::Table, path: &str) -> Option<&'t toml::Value> {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(a, b)| (a, Some(b)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| part_of(value.as_table()?, rest))
}

impl Declaration {
    /// A section whose keys all have to stay, without curves.
    pub const fn named(name: &'static str) -> Self {
        Declaration {
            name,
            free: &[],
            grows: &[],
            reopens: &[],
            restarts: &[],
            relies_on: &[],
            curves: &[],
        }
    }

    /// How the section's `new` keys follow from the `old` ones; an error where they do not.
    pub(super) fn relation(&self, old: &toml::Table, new: &toml::Table) -> Result<Relation> {
        let (mut relation, mut refused) = (Relation::Same, Vec::new());
        for (key, was, is) in differences(old, new) {
            if is_in(self.free, &key) {
                continue;
            }
            let larger = || match (was.parse::<f64>(), is.parse::<f64>()) {
                (Ok(was), Ok(is)) => is > was,
                _ => true,
            };
            if is_in(self.restarts, &key) {
                relation = Relation::StartsOver;
            } else if is_in(self.grows, &key) || is_in(self.reopens, &key) {
                let grown = is_in(self.reopens, &key) || larger();
                if grown && relation == Relation::Same {
                    relation = Relation::Grown;
                }
            } else {
                refused.push((format!("{}.{key}", self.name), was, is));
            }
        }
        refusal(&refused, "other physics").map(|()| relation)
    }

    /// An error where a key of another section, on which this one relies, has changed.
    pub(super) fn check_reliance(&self, old: &toml::Table, new: &toml::Table) -> Result<()> {
        let changed = differences(old, new);
        refusal(
            &changed,
            &format!("an unfinished [{}] that relies on other keys", self.name),
        )
    }

    /// The keys of other sections on which this one relies, as they stand in an input, whose files
    /// in `folder` count by their content.
    pub(super) fn reliance(&self, input: &toml::Table, folder: &Path) -> toml::Table {
        let mut input = input.clone();
        add_contents(&mut input, folder);
        let value = |path: &&'static str| {
            let value = part_of(&input, path)?;
            Some((path.to_string(), toml::Value::String(value.to_string())))
        };
        self.relies_on.iter().filter_map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: Declaration = Declaration {
        name: "count",
        free: &["rate"],
        grows: &["steps"],
        reopens: &["target"],
        restarts: &["list"],
        relies_on: &["measure.observables"],
        curves: &[],
    };

    fn relation(old: &str, new: &str) -> Result<Relation> {
        SECTION.relation(&old.parse().unwrap(), &new.parse().unwrap())
    }

    #[test]
    fn differences_are_listed_and_numbers_compare_by_value() {
        assert!(compare("a = 1\n[b]\nc = 'x'", "a = 1.0\n[b]\nc = 'x'").is_ok());
        let message = compare("a = 1\n[b]\nc = 'x'", "a = 2\n[b]\nc = 'y'")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("a was 1, is 2") && message.contains("b.c was"),
            "{message}"
        );
        assert!(compare("a = 1", "").is_err());
    }

    #[test]
    fn a_section_goes_on_where_its_keys_are_free_or_have_grown() {
        assert_eq!(
            relation("steps = 3", "steps = 3.0\nrate = { a = 2 }"),
            Ok(Relation::Same)
        );
        assert_eq!(relation("steps = 3", "steps = 4"), Ok(Relation::Grown));
        assert_eq!(relation("steps = 3", "steps = 2"), Ok(Relation::Same));
        assert_eq!(relation("target = 1", "target = 0.5"), Ok(Relation::Grown));
        assert_eq!(relation("target = 1", ""), Ok(Relation::Grown));
        assert_eq!(
            relation("steps = 1\nlist = [1]", "steps = 2\nlist = []"),
            Ok(Relation::StartsOver)
        );
        let refused = relation("size = 1\nkind = 'a'", "size = 2\nkind = 'b'").unwrap_err();
        let message = refused.to_string();
        assert!(message.contains("count.size was 1, is 2"), "{message}");
        assert!(message.contains("count.kind"), "{message}");
    }

    #[test]
    fn what_a_section_relies_on_has_to_stay() {
        let keys = |text: &str| SECTION.reliance(&text.parse().unwrap(), Path::new(""));
        let (old, new) = (
            keys("[measure]\nobservables = ['a']"),
            keys("[measure]\nsamples = 1"),
        );
        assert!(SECTION.check_reliance(&old, &old).is_ok());
        assert!(
            SECTION
                .check_reliance(&old, &new)
                .unwrap_err()
                .to_string()
                .contains("measure.observables")
        );
    }
}
