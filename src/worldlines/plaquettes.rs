//! Decides which plaquettes a circuit of exchange gates has, in which order.

use super::breakups::{limits, weights};
use super::circuit::{Circuit, Gate, Start};
use super::spacetime::unfit;
use crate::error::{Error, Result};

/// A gate on two sites, and which of the kinds of gates it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plaquette {
    pub l: u32,
    pub m: u32,
    pub kind: u32,
}

/// Gates with the same weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ExchangeKind {
    pub t: f64,
    pub jz: f64,
    pub jxy: f64,
}

/// What does not change.
#[derive(Debug, Clone)]
pub(super) struct ExchangePlan {
    pub sites: usize,
    pub start: Start,
    pub kinds: Vec<ExchangeKind>,
    /// What [`super::breakups::limits`] says of each kind.
    pub limits: Vec<[[u64; 3]; 3]>,
    /// The gates of the ket, in order; the bra has them in reverse.
    pub ket: Vec<Plaquette>,
    /// Gates of each layer of the ket.
    pub layers: Vec<usize>,
    /// Gates between ket and bra, whose weights estimates take away again.
    pub inserted: Vec<Plaquette>,
}

impl ExchangePlan {
    /// Of a circuit of exchange gates alone.
    pub fn new(circuit: &Circuit, inserted: &[Gate]) -> Result<Self> {
        let sites = circuit.sites;
        let mut kinds = Vec::new();
        let mut read = |gate: &Gate| match *gate {
            Gate::Exchange { l, m, t, jz, jxy }
                if l < sites && m < sites && l != m && t > 0.0 && jxy > 0.0 && jz.is_finite() =>
            {
                let wanted = ExchangeKind { t, jz, jxy };
                let place = kinds.iter().position(|kind| *kind == wanted);
                if place.is_none() {
                    kinds.push(wanted);
                }
                let kind = place.unwrap_or(kinds.len() - 1) as u32;
                let (l, m) = (l as u32, m as u32);
                Ok(Plaquette { l, m, kind })
            }
            _ => Err(unfit(gate)),
        };
        let gates = circuit.gates();
        let ket = gates.map(&mut read).collect::<Result<Vec<_>>>()?;
        let inserted = inserted.iter().map(read).collect::<Result<Vec<_>>>()?;
        if matches!(circuit.start, Start::Sector { up } if up > sites) {
            return Err(Error::numerical(
                format!("{sites} sites cannot have more spins up than that"),
                "start in a sector of the lattice",
            ));
        }
        Ok(ExchangePlan {
            sites,
            start: circuit.start,
            limits: kinds.iter().map(|k| limits(k.weights())).collect(),
            kinds,
            ket,
            layers: circuit.layers.iter().map(|layer| layer.len()).collect(),
            inserted,
        })
    }

    /// The plaquettes from the visible configuration to the start of the bra.
    pub fn upper(&self) -> impl Iterator<Item = &Plaquette> {
        self.inserted.iter().chain(self.ket.iter().rev())
    }
}

impl ExchangeKind {
    /// w₁, w₂, w₃
    pub fn weights(&self) -> [f64; 3] {
        weights(self.t, self.jz, self.jxy)
    }
}

/// Whether the loops of a circuit of exchange gates say all of σˣσˣ + σʸσʸ: nothing is frozen, and
/// there is no magnetisation that graphs must carry.
pub(super) fn has_strings(circuit: &Circuit) -> bool {
    let is_frozen = |gate: &Gate| match gate {
        Gate::Exchange { jz, jxy, .. } => jz.abs() > *jxy,
        _ => false,
    };
    let balanced = match circuit.start {
        Start::Uniform => true,
        Start::Sector { up } => 2 * up == circuit.sites,
    };
    balanced
        && !circuit
            .distinct()
            .into_iter()
            .any(|layer| layer.iter().any(is_frozen))
}
