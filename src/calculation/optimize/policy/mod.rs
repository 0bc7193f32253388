//! Decides what a step that went wrong costs: it is undone, the rate shrinks, and after too many of
//! them the run ends.
//!
//! A step is sound where all local energies are finite, E ≥ E_∞ − Σ|c_k| within 4 errors,
//! Var ≤ (Σ|c_k|)² (no state of H = Σ c_k P_k goes beyond either), E − E_best ≤ r
//! max(E_∞ − E_best, √Var_best) within 5 errors, and Var ≤ 100 r V or √Var ≤ 0.2 r
//! (E_∞ − E_best), V the median of the last 20 sound steps: a chain that found a spike of
//! |ψ|² which the others never saw goes beyond both. Chains that move a tenth as often as at the
//! best step have met a state that they cannot sample: its energy may not lie above the best beyond
//! 5 errors, and no step goes back to it. Samples with weights are worth at least a twentieth of
//! their number. A fault takes parameters, chains and optimiser back to the last step that was well
//! within these bounds, and the next ones go on from there with fresh random streams at the rate
//! η 2^{−level}:
//! ```text
//! fault                               level + 1; above max_backoffs the optimisation ends with its
//!                                     best state, or with code 70 where there is none
//! 10 × (faults so far) sound steps    level − 1, down to 0
//! a chain that stood still 20 steps   is drawn anew and all burn in, unless most chains stand
//!                                     still: that is the nature of the state
//! ```
//! All of it is part of the checkpoint. Bounds: Cauchy–Schwarz with the operator norm ‖H −
//! E_∞‖ ≤ Σ|c_k|.

use crate::calculation::vmc::{Energy, gather_spins};
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;

/// Sound steps, per fault so far, after which the rate is doubled again.
const PATIENCE: usize = 10;
/// Sound steps whose variances a step is compared with.
const REMEMBERED: usize = 20;
/// In units of r: a variance in units of the median, and its root in units of the energy's distance
/// from E_∞, that are too much.
const EXPLOSION: [f64; 2] = [100.0, 0.2];
/// Acceptance, in units of that at the best step, below which chains do not sample the state.
const FROZEN: f64 = 0.1;
/// Steps without a move after which a chain is drawn anew.
const STILL_STEPS: usize = 20;

/// What was wrong with a step; the number is the one in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Local energies that are not numbers, or infinite.
    NotFinite = 1,
    /// An energy or a variance that no state can have.
    Impossible = 2,
    /// The energy rose far above the best.
    Rise = 3,
    /// Log-derivatives that are not finite, or a solve without a result.
    Solve = 4,
    /// The update overflows.
    Overflow = 5,
    /// The variance rose far above that of the steps before.
    Explosion = 6,
    /// The chains froze, and the energy is above the best.
    Frozen = 7,
    /// Weights of samples that rest on too few of them.
    Weights = 8,
}

impl Fault {
    /// For the log.
    pub fn words(self) -> &'static str {
        match self {
            Fault::NotFinite => "local energies are not finite",
            Fault::Impossible => "no state has this energy and variance: the samples hold outliers",
            Fault::Rise => "the energy has risen far above the best",
            Fault::Solve => "the direction cannot be solved for",
            Fault::Overflow => "the update is not finite",
            Fault::Explosion => "the variance has risen far above that of the steps before",
            Fault::Frozen => "the chains hardly move, and the energy has risen",
            Fault::Weights => "the weights rest on too few samples: raise sampler.power towards 2",
        }
    }
}

/// A state that the optimisation can go back to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Flat parameters.
    pub parameters: Vec<f64>,
    /// This rank's chains.
    pub chains: Vec<i8>,
    /// The optimiser's state before this step's direction.
    pub optimizer: Tree,
}

/// What no state of the problem goes beyond, and what a step may rise.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// E_∞ = Tr H/dim.
    pub e_infinity: f64,
    /// Σ|c_k| over the Pauli strings but the identity.
    pub spread: f64,
    /// r; 0 allows any rise.
    pub max_rise: f64,
}

impl Bounds {
    /// Of a Hamiltonian with these bounds.
    pub fn new(e_infinity: f64, lower_bound: f64, max_rise: f64) -> Self {
        Bounds {
            e_infinity,
            spread: e_infinity - lower_bound,
            max_rise,
        }
    }

    /// Whether a state can have this energy and variance, beyond 4 errors.
    pub fn allow(&self, energy: &Energy) -> bool {
        // A round-off beyond the bound is not an outlier.
        let spread = self.spread * (1.0 + 1e-9);
        energy.mean.re + 4.0 * energy.error >= self.e_infinity - spread
            && energy.variance <= spread * spread
    }
}

/// Where the policy stands; the same on every rank but for the chains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// Halvings of the rate in force.
    pub level: usize,
    /// Faults so far.
    pub faults: usize,
    /// Sound steps since the last fault or doubling.
    pub sound: usize,
    /// Lowest energy of a sound step: mean, error, variance, and the acceptance there.
    pub best: Option<[f64; 4]>,
    /// Variances of the last sound steps, the oldest first.
    pub variances: Vec<f64>,
    /// The state to go back to.
    pub safe: Option<Snapshot>,
    /// Steps that each chain of this rank has stood still.
    pub still: Vec<usize>,
}

impl Policy {
    /// What is wrong with an energy, if anything, and whether it is within half of what is allowed.
    /// `acceptance` is that of the chains, 1 without any.
    pub fn judge(
        &self,
        energy: &Energy,
        acceptance: f64,
        bounds: &Bounds,
    ) -> (Option<Fault>, bool) {
        let (mean, error, variance) = (energy.mean.re, energy.error, energy.variance);
        if ![mean, energy.mean.im, error, variance]
            .iter()
            .all(|v| v.is_finite())
        {
            return (Some(Fault::NotFinite), false);
        }
        if !bounds.allow(energy) {
            return (Some(Fault::Impossible), false);
        }
        let Some([best, best_error, best_variance, moving]) =
            self.best.filter(|_| bounds.max_rise > 0.0)
        else {
            return (None, true);
        };
        let allowed = bounds.max_rise * (bounds.e_infinity - best).max(best_variance.sqrt());
        let rise = mean - best - 5.0 * error.hypot(best_error);
        if rise > allowed {
            return (Some(Fault::Rise), false);
        }
        let frozen = acceptance < FROZEN * moving;
        if frozen && rise > 0.0 {
            return (Some(Fault::Frozen), false);
        }
        let [times, share] = EXPLOSION.map(|factor| factor * bounds.max_rise);
        let typical = self.typical_variance().unwrap_or(f64::INFINITY);
        let exploded = |part: f64| {
            variance > part * times * typical
                && variance.sqrt() > part * share * (bounds.e_infinity - best)
        };
        (
            exploded(1.0).then_some(Fault::Explosion),
            rise <= 0.5 * allowed && !exploded(0.5) && !frozen,
        )
    }

    /// The median variance of the last sound steps; None before there are enough of them.
    fn typical_variance(&self) -> Option<f64> {
        let mut sorted = self.variances.clone();
        sorted.sort_by(f64::total_cmp);
        (sorted.len() == REMEMBERED).then(|| sorted[REMEMBERED / 2])
    }

    /// η 2^{−level} in units of η.
    pub fn rate_factor(&self) -> f64 {
        0.5f64.powi(self.level.min(1000) as i32)
    }

    /// Counts a sound step.
    pub fn passed(&mut self, energy: &Energy, acceptance: f64) {
        if self.best.is_none_or(|[best, ..]| energy.mean.re < best) {
            self.best = Some([energy.mean.re, energy.error, energy.variance, acceptance]);
        }
        if self.variances.len() == REMEMBERED {
            self.variances.remove(0);
        }
        self.variances.push(energy.variance);
        self.sound = self.sound.saturating_add(1);
        if self.level > 0 && self.sound >= PATIENCE.saturating_mul(self.faults.max(1)) {
            (self.level, self.sound) = (self.level - 1, 0);
        }
    }

    /// Counts a fault.
    pub fn failed(&mut self) {
        (self.level, self.faults, self.sound) = (
            self.level.saturating_add(1),
            self.faults.saturating_add(1),
            0,
        );
    }

    /// Counts the chains that did not move in a step; returns those of this rank that are to be
    /// drawn anew.
    ///
    /// `still` says of each chain of this rank whether it stood still, `everywhere` how many did
    /// over all ranks.
    pub fn stand_still(&mut self, still: &[bool], everywhere: f64, chains: usize) -> Vec<usize> {
        self.still.resize(still.len(), 0);
        self.still
            .iter_mut()
            .zip(still)
            .for_each(|(count, &s)| *count = if s { count.saturating_add(1) } else { 0 });
        if 2.0 * everywhere > chains as f64 {
            return Vec::new();
        }
        let due: Vec<usize> = (0..still.len())
            .filter(|&k| self.still[k] >= STILL_STEPS)
            .collect();
        due.iter().for_each(|&k| self.still[k] = 0);
        due
    }

    /// The same without the state to go back to.
    pub fn without_safe(&self) -> Self {
        Policy {
            level: self.level,
            faults: self.faults,
            sound: self.sound,
            best: self.best,
            variances: self.variances.clone(),
            safe: None,
            still: self.still.clone(),
        }
    }

    /// Writes what a restart needs, on rank 0 from the chains of all ranks.
    pub fn save(&self, tree: &mut Tree, comm: &dyn Comm, sites: usize) -> Result<()> {
        let still: Vec<f64> = self.still.iter().map(|&s| s as f64).collect();
        let still: Vec<i64> = comm.gather(&still)?.iter().map(|&s| s as i64).collect();
        tree.put_integers(
            "place",
            &[self.level as i64, self.faults as i64, self.sound as i64],
        );
        tree.put_integers("still", &still);
        tree.put_reals("best", self.best.as_ref().map_or(&[], |b| &b[..]));
        tree.put_reals("variances", &self.variances);
        let Some(safe) = &self.safe else {
            return Ok(());
        };
        let chains = gather_spins(comm, &safe.chains)?;
        let rows = chains.len() / sites.max(1);
        tree.put_reals("parameters", &safe.parameters);
        tree.put_spins("chains", &[rows, sites], &chains);
        tree.put_group("optimizer", safe.optimizer.clone());
        Ok(())
    }

    /// Reads it back with the chains of all ranks.
    pub fn load(tree: &Tree) -> Result<Self> {
        let place = tree.integers("place")?;
        let count = |values: &[i64], k: usize| values.get(k).map_or(0, |&v| v.max(0) as usize);
        let best = tree.reals("best")?;
        let safe = match tree.reals("parameters") {
            Err(_) => None,
            Ok(parameters) => Some(Snapshot {
                parameters,
                chains: tree.spins("chains")?,
                optimizer: tree.group("optimizer"),
            }),
        };
        let still = tree.integers("still")?;
        Ok(Policy {
            level: count(&place, 0),
            faults: count(&place, 1),
            sound: count(&place, 2),
            best: match best[..] {
                [mean, error, variance, acceptance] => Some([mean, error, variance, acceptance]),
                // Written before the acceptance was.
                [mean, error, variance] => Some([mean, error, variance, 0.0]),
                _ => None,
            },
            variances: tree.reals("variances")?,
            safe,
            still: (0..still.len()).map(|k| count(&still, k)).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
