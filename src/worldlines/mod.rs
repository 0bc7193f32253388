//! Decides how the deep spins of a circuit in imaginary time are sampled: as world lines of the
//! spins from the start of the ket through the visible configuration to the start of the bra.
//!
//! ```text
//! Π(world lines) = ⟨start| G_1 … G_M |σ⟩ ⟨σ| G_M … G_1 |start⟩, term by term in the basis of σᶻ
//! ```
//! All elements of the gates are ≥ 0: Π is a probability, and the mean sign of each sample is 1.
//! Its visible configurations follow |⟨σ|ψ⟩|² with |ψ⟩ = G_M … G_1 |start⟩ (G. Carleo, Y. Nomura,
//! M. Imada, Nat. Commun. 9, 5322 (2018)).

mod bonds;
mod breakups;
mod bridges;
pub mod circuit;
pub mod correlations;
mod energy;
mod gibbs;
mod hidden;
mod inserted;
mod ising;
mod loops;
mod packing;
mod plaquettes;
mod sectors;
mod spacetime;
mod strings;
pub mod trotter;

pub use energy::{EnergyLines, Terms};
pub use hidden::HiddenStart;

use crate::clusters::Words;
use crate::error::{Error, Result};
use circuit::{Circuit, Gate};

/// World lines of one chain. Each sweep is a function of the world lines and of random words.
pub trait WorldLines {
    /// Moves all spins once.
    fn sweep(&mut self, rng: &mut Words);
    /// The visible configuration, spins ±1.
    fn visible(&self) -> &[i8];
    /// Shows all slices from the start of the ket to that of the bra; the visible one comes twice,
    /// as the last one of the ket and as the first one of the bra.
    fn each_slice(&self, visit: &mut dyn FnMut(&[i8]));
    /// Numbers whose means are ⟨σᶻ⟩ of each site in |ψ⟩, from the last sweep.
    fn spins(&mut self, out: &mut [f64]) {
        let spins = out.iter_mut().zip(self.visible());
        spins.for_each(|(out, spin)| *out = f64::from(*spin));
    }
    /// Numbers whose means are ⟨σᶻσᶻ⟩ of each pair of sites in |ψ⟩, from the last sweep.
    fn pairs(&mut self, pairs: &[[usize; 2]], out: &mut [f64]) {
        visible_pairs(self.visible(), pairs, out);
    }
    /// Numbers whose means are ⟨σˣ⟩ of each site in |ψ⟩, from the last sweep; an error where there
    /// are none.
    fn flips(&mut self, _out: &mut [f64]) -> Result<()> {
        Err(missing("σˣ"))
    }
    /// Numbers whose means are ⟨σˣσˣ + σʸσʸ⟩ of each pair of sites in |ψ⟩, from the last sweep; an
    /// error where there are none.
    fn exchanges(&mut self, _pairs: &[[usize; 2]], _out: &mut [f64]) -> Result<()> {
        Err(missing("σˣσˣ + σʸσʸ"))
    }
    /// The sign of the weight of the world lines, whose mean is the average sign.
    fn sign(&self) -> f64 {
        1.0
    }
    /// World lines of another chain, where these stand; they share the circuit.
    fn another(&self) -> Box<dyn WorldLines>;
    /// The world lines in bytes, one bit for each independent spin.
    fn export(&self) -> Vec<u8>;
    /// Goes on from such bytes; an error where they are of another circuit.
    fn import(&mut self, bytes: &[u8]) -> Result<()>;
}

/// σᶻσᶻ of pairs of sites.
fn visible_pairs(visible: &[i8], pairs: &[[usize; 2]], out: &mut [f64]) {
    for (out, [l, m]) in out.iter_mut().zip(pairs) {
        *out = f64::from(visible[*l] * visible[*m]);
    }
}

/// World lines of a circuit that clusters and loops move: Swendsen–Wang for pairs, fields and
/// flips, loops for exchange gates. An error for circuits with gates of both.
pub fn lines(circuit: &Circuit) -> Result<Box<dyn WorldLines>> {
    let is_exchange = |gate: &Gate| matches!(gate, Gate::Exchange { .. });
    if circuit
        .distinct()
        .into_iter()
        .any(|layer| layer.iter().any(is_exchange))
    {
        Ok(Box::new(loops::ExchangeLoops::new(circuit, &[])?))
    } else {
        Ok(Box::new(ising::IsingClusters::new(circuit, None)?))
    }
}

/// World lines of a circuit of pairs, fields and flips that block Gibbs sampling moves: slow for
/// gates of short times. An error for other gates.
pub fn gibbs_lines(circuit: &Circuit) -> Result<Box<dyn WorldLines>> {
    Ok(Box::new(gibbs::IsingGibbs::new(circuit, None)?))
}

/// As [`lines`] for pairs, fields and flips that start from a Boltzmann machine in the place of all
/// configurations alike.
pub fn lines_from(start: &HiddenStart, circuit: &Circuit) -> Result<Box<dyn WorldLines>> {
    Ok(Box::new(ising::IsingClusters::new(circuit, Some(start))?))
}

/// As [`gibbs_lines`] from a Boltzmann machine, with one layer of flips or more.
pub fn gibbs_lines_from(start: &HiddenStart, circuit: &Circuit) -> Result<Box<dyn WorldLines>> {
    Ok(Box::new(gibbs::IsingGibbs::new(circuit, Some(start))?))
}

/// A spin that feels `felt`: up with the probability 1/(1 + e^{−2 felt}).
fn drawn(felt: f64, rng: &mut Words) -> i8 {
    match rng.unit() * (1.0 + (-2.0 * felt).exp()) < 1.0 {
        true => 1,
        false => -1,
    }
}

/// An estimate that world lines do not have.
fn missing(what: &str) -> Error {
    Error::numerical(
        format!("world lines of this circuit have no estimate of {what}"),
        "ask for it from a circuit with gates of this operator",
    )
}
