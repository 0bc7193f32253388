//! Decides the random couplings of a problem and what results say of them: every value with the
//! sites that it belongs to.

use super::problem;
use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::input::{self, Source};
use crate::io::tree::{Tree, Value, shaped};
use crate::lattice::Lattice;
use crate::operator::models::Draws;

/// The random couplings of an input; an error where `[hamiltonian]`, without what all models share,
/// gives one of them, too.
pub(super) fn draws(source: &Source, own: &toml::Table) -> Result<Option<Draws>> {
    let Some(disorder) = &source.input.disorder else {
        return Ok(None);
    };
    if let Some(name) = disorder.couplings.keys().find(|n| own.contains_key(*n)) {
        return Err(Error::input(
            format!("disorder.couplings.{name}"),
            format!("hamiltonian.{name} gives the same coupling"),
            "remove one of them; the mean of what is drawn belongs to its distribution",
        ));
    }
    Ok(Some(disorder.draws()))
}

/// The couplings of the realisation that an input means, as results hold them; nothing where none
/// are drawn.
pub fn record(source: &Source, registry: &Registry) -> Result<Tree> {
    let mut tree = Tree::default();
    let Some(disorder) = &source.input.disorder else {
        return Ok(tree);
    };
    let lattice = input::section(&source.input.lattice, "lattice")?;
    let lattice = Lattice::new(&lattice.spec(&source.folder)?)?;
    let (_, _, drawn) = problem::model_and_draws(source, registry, &lattice)?;
    let mut integer = |name: &str, value: usize, meaning: &str| {
        let value = Value::Integer(shaped(&[], vec![value as i64]));
        tree.describe(&format!("disorder/{name}"), value, "1", meaning);
    };
    integer(
        "realisation",
        disorder.number(),
        "number of the realisation, from 1",
    );
    integer(
        "realisations",
        disorder.realisations,
        "realisations of the input",
    );
    for (name, coupling) in drawn {
        let number = coupling.values.len();
        let ends = coupling.sites.first().map_or(1, Vec::len);
        let sites = coupling.sites.concat().into_iter().map(|s| s as i64);
        let sites = Value::Integer(shaped(&[number, ends], sites.collect()));
        let meaning = "site of each value, or both sites of its bond [value, end]";
        tree.describe(&format!("disorder/{name}/sites"), sites, "site", meaning);
        let values = Value::Real(shaped(&[number], coupling.values));
        let (path, meaning) = (format!("disorder/{name}/values"), "drawn couplings [value]");
        tree.describe(&path, values, "coupling", meaning);
    }
    Ok(tree)
}
