//! Decides the bases of spins: values 2 Sz, all of them or those with a fixed total Sz.

use super::{Basis, Charge, Local, TOTAL_SZ};
use crate::error::{Error, Result};

/// The values of a spin one half.
pub(super) const HALF: Local = Local {
    first: -1,
    step: 2,
    count: 2,
    fermionic: false,
};

/// Whether the charge is the sum of all values.
pub(super) fn is_total(charge: &Charge) -> bool {
    charge.modulo.is_none() && charge.weights.iter().all(|&w| w == 1)
}

impl Basis {
    /// `sites` spins one half, or those with twice the total Sz equal to `twice_sz`.
    pub fn spin_half(sites: usize, twice_sz: Option<i64>) -> Result<Self> {
        Basis::spins(sites, 1, twice_sz)
    }

    /// `sites` spins S = `twice_s`/2, or those with twice the total Sz equal to `twice_sz`.
    ///
    /// Errors: [`Error::Input`] where there is no such total, or S is not between 1/2 and 63.
    pub fn spins(sites: usize, twice_s: u8, twice_sz: Option<i64>) -> Result<Self> {
        if !(1..=126).contains(&twice_s) {
            return Err(Error::input(
                "basis.s",
                format!("a spin of {}", f64::from(twice_s) / 2.0),
                "give a multiple of 1/2 between 1/2 and 63",
            ));
        }
        let local = Local {
            first: -(twice_s as i8),
            step: 2,
            count: twice_s + 1,
            fermionic: false,
        };
        let largest = sites as i64 * i64::from(twice_s);
        if let Some(m) = twice_sz.filter(|m| m.abs() > largest || (largest + m) % 2 != 0) {
            return Err(no_total(sites, twice_s, m));
        }
        let charge = |m: i64| Charge {
            name: TOTAL_SZ,
            weights: vec![1; sites],
            total: m as i32,
            modulo: None,
        };
        Basis::new(
            vec![local; sites],
            twice_sz.map(charge).into_iter().collect(),
            Vec::new(),
        )
    }
}

fn no_total(sites: usize, twice_s: u8, twice_sz: i64) -> Error {
    let largest = sites as f64 * f64::from(twice_s) / 2.0;
    let kind = match twice_s {
        1 => "one half".to_string(),
        s => format!("{}", f64::from(s) / 2.0),
    };
    let [least, next] = match largest.fract() == 0.0 {
        true => ["0", "±1"],
        false => ["±0.5", "±1.5"],
    };
    Error::input(
        "hamiltonian.sector.total_sz",
        format!(
            "total Sz = {} does not exist for {sites} spins {kind}",
            twice_sz as f64 / 2.0
        ),
        format!("choose one of {least}, {next}, … up to ±{largest}"),
    )
}
