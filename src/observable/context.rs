//! Decides what an observable is built on, and how it refuses a basis it has no meaning for.

use crate::ansatz::Erased;
use crate::basis::{Basis, Local, only_spin_half};
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use crate::operator::Operator;
use crate::operator::models::Units;
use std::path::Path;
use std::sync::Arc;

/// What an observable is built on.
pub struct ObservableContext<'a> {
    /// The lattice.
    pub lattice: &'a Lattice,
    /// The configurations.
    pub basis: &'a Basis,
    /// The Hamiltonian.
    pub hamiltonian: &'a Arc<dyn Operator>,
    /// What operators stand for in the input.
    pub units: Units,
    /// Seed of the run.
    pub seed: u64,
    /// Steps of the circuit that makes the state, and the imaginary time of one; none where there
    /// is no circuit.
    pub circuit: Option<(usize, f64)>,
    /// Folder of the input file.
    pub folder: &'a Path,
    /// Builds the wave function of a results file with its final parameters; the text is the key
    /// for messages.
    pub state: &'a dyn Fn(&Path, &str) -> Result<Erased>,
    /// Where this observable stands in the input.
    pub path: String,
}

impl ObservableContext<'_> {
    /// The name of the unit of a product of `power` spin operators.
    pub fn unit(&self, power: i32) -> String {
        match (self.units, power) {
            (Units::Pauli, _) => "1".into(),
            (Units::Spin, 1) => "hbar".into(),
            (Units::Spin, _) => format!("hbar^{power}"),
        }
    }

    /// The value of a product of `power` spin operators in terms of 2 S, which is σ for spins one
    /// half.
    pub fn factor(&self, power: i32) -> f64 {
        self.units.factor().powi(power)
    }

    /// What all sites hold, where it is the same.
    fn local(&self) -> Option<Local> {
        let first = *self.basis.locals().first()?;
        self.basis
            .locals()
            .iter()
            .all(|l| *l == first)
            .then_some(first)
    }

    /// 2 S of the spins.
    ///
    /// Errors: [`Error::Input`] where the sites do not hold spins of one length.
    pub fn twice_spin(&self) -> Result<u8> {
        self.basis.twice_spin().ok_or_else(|| {
            Error::input(
                &self.path,
                "this observable is made of spin operators, and the sites hold no spins",
                "remove it, or use [basis] kind = \"spin\"",
            )
        })
    }

    /// Errors: [`Error::Input`] where the sites are not spins one half; `what` is the name of the
    /// observable in the message.
    pub fn need_spin_half(&self, what: &str) -> Result<()> {
        match self.basis.is_spin_half() {
            true => Ok(()),
            false => Err(only_spin_half(&self.path, what)),
        }
    }

    /// The largest number of bosons on a site.
    ///
    /// Errors: [`Error::Input`] where the sites do not hold bosons.
    pub fn most_bosons(&self) -> Result<i8> {
        let boson = |l: &Local| (l.first, l.step, l.fermionic) == (0, 1, false);
        let most = |l: Local| l.value(l.count as usize - 1);
        self.local().filter(boson).map(most).ok_or_else(|| {
            Error::input(
                &self.path,
                "this observable counts particles, and the sites hold no bosons",
                "remove it, or use [basis] kind = \"boson\"",
            )
        })
    }
}
