//! Decides what may stand beside a section that has no lattice: files and the seed alone.

use crate::error::{Error, Result};
use crate::input::Source;

/// Sections that belong to lattices and wave functions.
const OTHERS: [&str; 5] = ["basis", "lattice", "hamiltonian", "ansatz", "sampler"];

/// An error unless `section` is all that is calculated, without a lattice.
pub(in crate::calculation) fn stands_alone(source: &Source, section: &str) -> Result<()> {
    let here = |name: &&str| source.table.contains_key(*name);
    let shared = OTHERS.iter().copied().find(here);
    let mut sections = source.sections().map(String::as_str);
    match shared.or(sections.find(|name| *name != section)) {
        None => Ok(()),
        Some(name) => Err(Error::input(
            name,
            format!("[{section}] stands alone: it has no lattice and no wave function"),
            "remove this section, or move it to an input of its own",
        )),
    }
}
