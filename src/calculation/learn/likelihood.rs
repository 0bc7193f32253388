//! Decides how likely outcomes are, and which pull they have on amplitudes.
//!
//! Ξ = −Σ_s w_s ln P_b(s) with P_b(s) = Σ_s' C(s, s') |ψ_b(s')|²/⟨ψ|ψ⟩, ψ_b = U_b ψ; with
//! dΞ = −2 Re Σ_σ c(σ) d ln ψ(σ) + d ln ⟨ψ|ψ⟩ and c(σ) = ψ(σ) Σ_s' U_b(s', σ) u(s') ψ_b(s')*,
//! u = Cᵀ (w/P). Without readout errors c(σ) = Σ_s w_s Q_s(σ) (G. Torlai et al., Nat. Phys. 14,
//! 447 (2018)).

use super::lesson::{MOST_SITES, too_many_words, word};
use crate::basis::{Basis, Numbering};
use crate::ensemble::Amplitudes;
use crate::error::{Error, Result};
use crate::number::larger;
use crate::shots::{MeasuredBasis, Readout, Shots, rotate, rotate_back, unrotated};
use num_complex::Complex64;

/// Probabilities below this, beside the largest that a state could have, are clipped.
const CLIP: f64 = 1e-12;

/// What outcomes say of a state.
#[derive(Debug, Clone, Default)]
pub(super) struct Likelihood {
    /// −Σ w ln P; without ln ⟨ψ|ψ⟩ where the norm is not known.
    pub nll: f64,
    /// Outcomes whose probability was clipped.
    pub clipped: f64,
    /// c(σ) of each configuration.
    pub pull: Vec<Complex64>,
    /// What each outcome adds to `nll`, where they are written out.
    pub each: Vec<f64>,
}

/// Outcomes of one basis by their places in a list of probabilities.
struct BasisOutcomes {
    basis: MeasuredBasis,
    /// Whether places are words of all 2^N configurations, not numbers within the sector.
    by_words: bool,
    /// Place and share of each outcome.
    rows: Vec<(usize, f64)>,
}

/// Outcomes ready for a state of which all amplitudes are known.
pub(super) struct AllOutcomes {
    bases: Vec<BasisOutcomes>,
    readout: Option<Readout>,
    /// The word of each number; empty where no basis needs it.
    words: Vec<usize>,
}

impl AllOutcomes {
    /// Of shots and their readout errors; an error where an outcome is not in the sector.
    pub fn new(shots: &Shots, index: &Numbering, readout: Option<Readout>) -> Result<Self> {
        let shares = shots.shares();
        let turned = |basis: &MeasuredBasis| readout.is_some() || !basis.rotated().is_empty();
        let start = |basis: &MeasuredBasis| BasisOutcomes {
            basis: basis.clone(),
            by_words: turned(basis),
            rows: Vec::new(),
        };
        let mut bases: Vec<BasisOutcomes> = shots.bases.iter().map(start).collect();
        for (k, share) in shares.iter().enumerate() {
            let (own, outcome) = (&mut bases[shots.basis[k] as usize], shots.outcome(k));
            let place = match own.by_words {
                true => Some(word(outcome)),
                false => index.number(outcome),
            };
            let place = place.ok_or_else(|| outside(outcome))?;
            own.rows.push((place, *share));
        }
        bases.retain(|b| !b.rows.is_empty());
        let words = match bases.iter().any(|b| b.by_words) {
            false => Vec::new(),
            true if index.sites() > MOST_SITES => return Err(too_many_words(index.sites())),
            true => (0..index.dimension())
                .map(|k| word(&index.row(k)))
                .collect(),
        };
        Ok(AllOutcomes {
            bases,
            readout,
            words,
        })
    }

    /// What they say of a state with these amplitudes, up to a common factor; the pull is left out
    /// where it is not `wanted`.
    pub fn judge(&self, psi: &[Complex64], wanted: bool) -> Likelihood {
        let norm: f64 = psi.iter().map(Complex64::norm_sqr).sum();
        let mut said = Likelihood::default();
        if wanted {
            said.pull = vec![Complex64::ZERO; psi.len()];
        }
        for own in &self.bases {
            match own.by_words {
                false => own.judge_numbers(psi, norm, &mut said),
                true => self.judge_words(own, psi, norm, &mut said),
            }
        }
        said
    }

    fn judge_words(
        &self,
        own: &BasisOutcomes,
        psi: &[Complex64],
        norm: f64,
        said: &mut Likelihood,
    ) {
        let sites = own.basis.0.len();
        let mut turned = vec![Complex64::ZERO; 1 << sites];
        self.words
            .iter()
            .zip(psi)
            .for_each(|(w, z)| turned[*w] = *z);
        rotate(&mut turned, &own.basis);
        let mut p: Vec<f64> = turned.iter().map(|z| z.norm_sqr() / norm).collect();
        if let Some(readout) = &self.readout {
            readout.apply(&mut p);
        }
        let mut weights = vec![0.0; p.len()];
        for (place, share) in &own.rows {
            weights[*place] = share / said.count(p[*place], *share);
        }
        if said.pull.is_empty() {
            return;
        }
        if let Some(readout) = &self.readout {
            readout.transpose(&mut weights);
        }
        let each = turned.iter_mut().zip(&weights);
        each.for_each(|(z, u)| *z = u * z.conj());
        rotate_back(&mut turned, &own.basis);
        for ((c, w), z) in said.pull.iter_mut().zip(&self.words).zip(psi) {
            *c += z * turned[*w] / norm;
        }
    }
}

impl BasisOutcomes {
    fn judge_numbers(&self, psi: &[Complex64], norm: f64, said: &mut Likelihood) {
        for (place, share) in &self.rows {
            let p = psi[*place].norm_sqr() / norm;
            let used = said.count(p, *share);
            if let Some(c) = said.pull.get_mut(*place) {
                *c += share * p / used;
            }
        }
    }
}

impl Likelihood {
    /// Takes an outcome of probability `p` into account; the probability that is used.
    fn count(&mut self, p: f64, share: f64) -> f64 {
        let used = p.max(CLIP);
        self.clipped += f64::from(u8::from(p < CLIP));
        self.nll -= share * used.ln();
        used
    }
}

/// An error for an outcome along z that is not in the sector.
pub(super) fn within(shots: &Shots, basis: &Basis) -> Result<()> {
    for k in 0..shots.len() {
        let along_z = shots.bases[shots.basis[k] as usize].rotated().is_empty();
        if along_z && !basis.contains(shots.outcome(k)) {
            return Err(outside(shots.outcome(k)));
        }
    }
    Ok(())
}

fn outside(outcome: &[i8]) -> Error {
    let signs: String = outcome
        .iter()
        .map(|s| if *s > 0 { '+' } else { '-' })
        .collect();
    let problem = format!("the outcome {signs} is not in the sector of the wave function");
    Error::input("learn.target", problem, "remove it, or hamiltonian.sector")
}

/// Configurations of a portion of outcomes, at least, where there are so many.
const PORTION: usize = 1024;

/// Outcomes written out as sums over configurations, for states that are evaluated on demand. They
/// stand in portions whose tables stay in the cache.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenOut {
    pub portions: Vec<Portion>,
}

/// Some outcomes as sums over configurations.
#[derive(Debug, Clone, Default)]
pub(super) struct Portion {
    /// Configurations of all outcomes, row by row.
    pub xs: Vec<i8>,
    coefficients: Vec<Complex64>,
    /// Configurations and share of each outcome.
    outcomes: Vec<(usize, f64)>,
}

impl WrittenOut {
    /// Of some rows of the shots.
    pub fn new(shots: &Shots, rows: std::ops::Range<usize>) -> Self {
        let shares = shots.shares();
        let (mut portions, mut last) = (Vec::new(), Portion::default());
        for k in rows {
            let basis = &shots.bases[shots.basis[k] as usize];
            let (xs, coefficients) = unrotated(shots.outcome(k), basis);
            last.outcomes.push((coefficients.len(), shares[k]));
            last.xs.extend(xs);
            last.coefficients.extend(coefficients);
            if last.coefficients.len() >= PORTION {
                portions.push(std::mem::take(&mut last));
            }
        }
        if !last.outcomes.is_empty() {
            portions.push(last);
        }
        WrittenOut { portions }
    }

    /// What they say of a wave function; `log_norm` is ln ⟨ψ|ψ⟩, 0 where it is not known. `then`
    /// sees each portion and what it says.
    pub fn judge(
        &self,
        psi: &dyn Amplitudes,
        log_norm: f64,
        mut then: impl FnMut(&Portion, &Likelihood),
    ) -> Likelihood {
        let mut all = Likelihood::default();
        for portion in &self.portions {
            let said = portion.judge(&psi.log_psi_of(&portion.xs), log_norm);
            then(portion, &said);
            all.clipped += said.clipped;
            all.pull.extend(said.pull);
            all.each.extend(said.each);
        }
        all.nll = all.each.iter().sum();
        all
    }

    /// Configurations of all outcomes, row by row.
    pub fn configurations(&self) -> Vec<i8> {
        self.portions.iter().flat_map(|p| p.xs.clone()).collect()
    }
}

impl Portion {
    /// What they say of a state with these ln ψ; `log_norm` is ln ⟨ψ|ψ⟩, 0 where it is not known.
    fn judge(&self, log_psi: &[Complex64], log_norm: f64) -> Likelihood {
        let mut said = Likelihood {
            pull: Vec::with_capacity(log_psi.len()),
            ..Likelihood::default()
        };
        let mut first = 0;
        for (count, share) in &self.outcomes {
            let own = first..first + count;
            first += count;
            let largest = log_psi[own.clone()]
                .iter()
                .fold(f64::NEG_INFINITY, |m, l| larger(m, l.re));
            let mut row = Likelihood::default();
            if largest == f64::NEG_INFINITY {
                row.count(0.0, *share);
                said.pull.extend(own.map(|_| Complex64::ZERO));
            } else {
                let term = |k: usize| self.coefficients[k] * (log_psi[k] - largest).exp();
                let terms: Vec<Complex64> = own.map(term).collect();
                let sum: Complex64 = terms.iter().sum();
                let used = row.count(sum.norm_sqr(), *share);
                row.nll -= share * (2.0 * largest - log_norm);
                let pulls = terms.iter().map(|t| share * t * sum.conj() / used);
                said.pull.extend(pulls);
            }
            said.clipped += row.clipped;
            said.each.push(row.nll);
        }
        said.nll = said.each.iter().sum();
        said
    }
}
