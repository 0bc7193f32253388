//! Decides how an input becomes another one in the program: with other keys of a section, or with
//! one section alone that calculates something.

use super::{Source, is_shared, set, shared};
use crate::error::Result;
use toml::{Table, Value};

impl Source {
    /// The same with these keys in the section `name`.
    pub fn with_section(&self, name: &str, keys: Table) -> Result<Source> {
        let mut changed = self.clone();
        changed.table.insert(name.into(), Value::Table(keys));
        changed.input.ansatz = shared(&changed.table)?.ansatz;
        Ok(changed)
    }

    /// The same with the `a.b=c` of `settings` in sections that calculate something.
    pub fn with_settings(&self, settings: &[String]) -> Result<Source> {
        let mut changed = self.clone();
        let mut all = settings.iter();
        all.try_for_each(|setting| set(&mut changed.table, setting))?;
        Ok(changed)
    }

    /// The same with these keys in the section `name` and no other section that calculates
    /// something.
    pub fn only_section(&self, name: &str, keys: Table) -> Source {
        let mut changed = self.clone();
        changed.table.retain(|name, _| is_shared(name));
        changed.table.insert(name.into(), Value::Table(keys));
        changed
    }
}
