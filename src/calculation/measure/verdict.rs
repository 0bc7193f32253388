//! Decides whether a measured state has collapsed on single configurations: nothing moves, and
//! local energies have no variance. Such an energy says nothing of the ground state.

use super::measurement::Measurement;
use super::warnings::STANDING;
use crate::calculation::vmc::Energy;
use crate::calculation::vmc::problem::Problem;

/// An R-hat of energies above which the chains stand, each in an energy of its own.
const FROZEN: f64 = 1e3;

/// How many configurations the Hamiltonian can join: one where it is diagonal, since each is an
/// eigenstate.
pub fn joined_states(problem: &Problem) -> f64 {
    match problem.facts.connected {
        0 => 1.0,
        _ => problem.basis.dimension(),
    }
}

/// Whether the state has collapsed: moves that are all refused, and local energies without a
/// variance, of all samples or within each chain. An eigenstate with several configurations has
/// the second without the first.
pub fn has_collapsed(m: &Measurement, energy: &Energy, states: f64) -> bool {
    let (proposed, accepted): (f64, f64) = (m.proposed.iter().sum(), m.accepted.iter().sum());
    let flat = energy.variance <= 1e-12 * energy.mean.norm_sqr() || energy.r_hat > FROZEN;
    states > 1.0 && flat && proposed > 0.0 && accepted <= STANDING * proposed
}

/// What stands before the energy in the log.
pub fn words(m: &Measurement, energy: &Energy, states: f64) -> &'static str {
    match has_collapsed(m, energy, states) {
        true => "collapsed on single configurations, not the ground state: ",
        false => "",
    }
}
