//! Decides what `[classical]` is built on, and what it hands on to the sections behind it.

use crate::basis::SiteKind;
use crate::calculation::Registry;
use crate::calculation::vmc::problem;
use crate::classical::{Configurations, SpinEnergy};
use crate::error::{Error, Result};
use crate::input::{self, Source, configurations, site_kind};
use crate::lattice::Lattice;
use std::cell::RefCell;
use std::sync::Arc;

/// Classical spins of an input.
pub struct ClassicalModel {
    /// Sites and neighbours.
    pub lattice: Lattice,
    /// H.
    pub energy: Arc<SpinEnergy>,
    /// The configurations of all temperatures on every rank, once `[classical]` is complete and
    /// where the input has a section that asks for them.
    pub configurations: RefCell<Configurations>,
}

impl ClassicalModel {
    /// Of `[lattice]` and `[hamiltonian]`; an error for a Hamiltonian that is not diagonal.
    pub fn new(source: &Source, registry: &Registry) -> Result<Self> {
        let spec = input::section(&source.input.lattice, "lattice")?.spec(&source.folder)?;
        let lattice = Lattice::new(&spec)?;
        let (common, model) = problem::model(source, registry, &lattice)?;
        let site = site_kind(source.input.basis.as_ref(), common.sector.as_ref())?;
        if site != SiteKind::HALF {
            return Err(Error::input(
                "basis.kind",
                "classical spins are +1 or -1",
                "use spins one half: remove [basis]",
            ));
        }
        if common.sector.is_some() {
            return Err(Error::input(
                "hamiltonian.sector",
                "updates of classical spins keep no sector",
                "remove the sector; a field hz acts on the magnetisation",
            ));
        }
        let basis = configurations(site, lattice.sites, None)?;
        let operator = model.compile(&basis)?;
        let energy = match operator.table() {
            Some(table) => SpinEnergy::of(table).map_err(|e| name_field(e, source))?,
            None => {
                return Err(Error::input(
                    "hamiltonian.kind",
                    "the Hamiltonian is not a sum of products of spins",
                    "use `ising` with hx = 0, `plaquette-ising`, or `pauli` with Z alone",
                ));
            }
        };
        Ok(ClassicalModel {
            lattice,
            energy: Arc::new(energy),
            configurations: RefCell::default(),
        })
    }

    /// Cells of a periodic square lattice.
    pub(super) fn square(&self) -> Option<[usize; 2]> {
        let closed = self.lattice.periodic();
        let cells = self.lattice.square("squares").ok();
        cells.filter(|_| closed[0] && closed[1])
    }
}

/// The error names the transverse field where the input has one.
fn name_field(error: Error, source: &Source) -> Error {
    let model = source.input.hamiltonian.as_ref();
    let field = model.and_then(|table| table.get("hx"));
    match (error, field) {
        (Error::Input { problem, .. }, Some(_)) => {
            Error::input("hamiltonian.hx", problem, "use hx = 0")
        }
        (error, _) => error,
    }
}
