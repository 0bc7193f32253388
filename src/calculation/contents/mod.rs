//! Decides what results tell of the problem itself, so that a file that is copied alone is enough:
//! the input with every default, the files that it names, the lattice, the Hamiltonian.

mod defaults;
mod lattice;
mod terms;

pub use terms::warning;

use super::registry::Registry;
use super::vmc::{default_move, problem};
use crate::basis::SiteKind;
use crate::error::Result;
use crate::input::{Method, Source, configurations, named, site_kind};
use crate::io::tree::{Tree, Value};
use crate::lattice::Lattice;
use defaults::{Decided, complete};

/// What results hold of an input besides what was calculated. `method` is that of `[optimize]`,
/// where there is one.
///
/// Fails with `Error::Input` where the lattice or the Hamiltonian cannot be built.
pub fn contents(source: &Source, registry: &Registry, method: Option<&str>) -> Result<Tree> {
    let mut tree = Tree::default();
    named::record(&source.table, &source.folder, &mut tree);
    let mut decided = Decided {
        method,
        ..Decided::default()
    };
    if let Some(keys) = &source.input.lattice {
        let lattice = Lattice::new(&keys.spec(&source.folder)?)?;
        lattice::record(&lattice, &mut tree);
        if source.input.hamiltonian.is_some() {
            let (common, model) = problem::model(source, registry, &lattice)?;
            let site = site_kind(source.input.basis.as_ref(), common.sector.as_ref())?;
            terms::record(&model, site, &mut tree);
            decided.units = model.pauli().map(|_| model.units);
            let sampler = source.input.sampler.clone().unwrap_or_default();
            if source.input.ansatz.is_some() && sampler.method == Method::Metropolis {
                let basis = configurations(site, lattice.sites, common.sector.as_ref())?;
                decided.movement = Some(default_move(&basis));
            }
            if let SiteKind::Boson(most) = site {
                decided.occupation = Some(most);
            }
        }
    }
    if source.input.ansatz.is_some() && source.input.hamiltonian.is_some() {
        let problem = problem::problem(source, registry)?;
        decided.symmetry = problem::tied_by(source, &problem).map(|(name, _)| name);
    }
    let text = complete(source, registry, decided)?;
    let meaning = "the input with every default, and the keys without a value as comments";
    tree.describe("input/complete", Value::Text(text), "", meaning);
    Ok(tree)
}
