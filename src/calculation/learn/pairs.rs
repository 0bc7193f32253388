//! Decides what is told of the outcomes beside which a wave function can be held: how many there
//! are, and their correlations ⟨s_i s_j⟩ along z.

use super::keys::{LearnInput, TargetInput};
use crate::io::tree::{Tree, Value, shaped};
use crate::linalg::products::{Op, multiply};
use crate::shots::Shots;
use ndarray::Array2;

/// How often an outcome is seen on average, at least, for an estimate of their noise.
const SEEN_AGAIN: f64 = 10.0;
/// Outcomes that are added up at once.
const BLOCK: usize = 1024;
/// Where it stands in a checkpoint.
const COUNT: &str = "outcomes";
/// Where the number of different outcomes stands.
const DIFFERENT: &str = "different";
/// Where the correlations stand.
const MEAN: &str = "correlations/mean";
const ERROR: &str = "correlations/error";

/// What is known of the outcomes alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OutcomeFigures {
    /// Their number, by weight; `None` where they are a distribution.
    count: Option<f64>,
    /// How many of them differ.
    different: f64,
    /// ⟨s_i s_j⟩ with standard errors, row by row; empty where no outcome is along z, and where
    /// outcomes have readout errors.
    mean: Vec<f64>,
    error: Vec<f64>,
}

impl OutcomeFigures {
    /// Of the outcomes that parameters follow.
    pub fn of(keys: &LearnInput, shots: &Shots) -> Self {
        let measured = keys.shots > 0 || matches!(keys.target, TargetInput::Shots { .. });
        let counted = measured && shots.is_counted();
        let (products, weight) = products(shots);
        let mean: Vec<f64> = match weight > 0.0 && keys.readout.is_none() {
            true => products.iter().map(|sum| sum / weight).collect(),
            false => Vec::new(),
        };
        let error = |c: &f64| match counted {
            true => ((1.0 - c * c).max(0.0) / weight).sqrt(),
            false => 0.0,
        };
        OutcomeFigures {
            count: counted.then(|| shots.weights.iter().sum()),
            different: shots.len() as f64,
            error: mean.iter().map(error).collect(),
            mean,
        }
    }

    /// How far the best of so many parameters ends above the entropy of the outcomes, which is too
    /// small by (different outcomes)/(2 outcomes); 0 for a distribution, `None` where too many of
    /// them differ for that estimate.
    pub fn noise(&self, parameters: usize) -> Option<f64> {
        match self.count {
            None => Some(0.0),
            Some(count) if SEEN_AGAIN * self.different > count => None,
            Some(count) => Some((self.different + parameters as f64) / (2.0 * count)),
        }
    }

    /// Writes it for a checkpoint.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        if let Some(count) = self.count {
            out.put_real(&format!("{prefix}/{COUNT}"), count);
        }
        out.put_real(&format!("{prefix}/{DIFFERENT}"), self.different);
        for (name, values) in [(MEAN, &self.mean), (ERROR, &self.error)] {
            out.put_reals(&format!("{prefix}/{name}"), values);
        }
    }

    /// Takes it back.
    pub fn load(from: &Tree, prefix: &str) -> Self {
        let list = |name: &str| from.reals(&format!("{prefix}/{name}")).unwrap_or_default();
        OutcomeFigures {
            count: from.real(&format!("{prefix}/{COUNT}")).ok(),
            different: from
                .real(&format!("{prefix}/{DIFFERENT}"))
                .unwrap_or_default(),
            mean: list(MEAN),
            error: list(ERROR),
        }
    }

    /// Writes it in results.
    pub fn describe(&self, out: &mut Tree) {
        if let Some(count) = self.count {
            let meaning = "number of the outcomes that parameters follow, by weight";
            let value = Value::Real(shaped(&[], vec![count]));
            out.describe("learn/outcomes", value, "1", meaning);
        }
        let sites = self.mean.len().isqrt();
        if sites * sites != self.mean.len() || self.error.len() != self.mean.len() || sites == 0 {
            return;
        }
        let means = "mean of s_i s_j over the outcomes along z";
        let errors = "its standard error; 0 for an exact distribution";
        for (name, values, meaning) in [(MEAN, &self.mean, means), (ERROR, &self.error, errors)] {
            let value = Value::Real(shaped(&[sites, sites], values.clone()));
            out.describe(&format!("learn/{name}"), value, "1", meaning);
        }
    }
}

/// Σ w s_i s_j over the outcomes along z, row by row, and Σ w.
fn products(shots: &Shots) -> (Vec<f64>, f64) {
    let sites = shots.sites();
    let along_z = |k: &usize| {
        let basis = &shots.bases[shots.basis[*k] as usize];
        basis.rotated().is_empty()
    };
    let rows: Vec<usize> = (0..shots.len()).filter(along_z).collect();
    let mut sum = Array2::<f64>::zeros((sites, sites));
    for part in rows.chunks(BLOCK) {
        let spin = |(k, i): (usize, usize)| f64::from(shots.outcome(part[k])[i]);
        let plain = Array2::from_shape_fn((part.len(), sites), spin);
        let mut weighted = plain.clone();
        for (mut row, k) in weighted.rows_mut().into_iter().zip(part) {
            row *= shots.weights[*k];
        }
        sum += &multiply(plain.view(), Op::Transpose, weighted.view(), Op::Same);
    }
    let weight = rows.iter().map(|k| shots.weights[*k]).sum();
    (sum.into_iter().collect(), weight)
}
