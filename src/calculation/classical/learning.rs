//! Decides how effective models are made from what walkers brought home, one for each temperature.
//!
//! Where features are chosen, each half of each chain is predicted by a fit to all others, and the
//! fewest features within a standard error of the smallest error are taken. For a Gaussian residual
//! of deviation s between independent configurations a proposal is accepted with probability erfc(β
//! s/2).

use crate::classical::effective::{EffectiveModel, Features, Moments};
use crate::error::{Error, Result};

/// A model with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LearnedModel {
    pub model: EffectiveModel,
    /// √⟨(H − H_eff)²⟩ over the samples of the fit.
    pub residual: f64,
}

/// Errors of the features 1 to k on samples that were held out, relative to the energy's own
/// variance, with standard errors.
pub(super) type HeldOut = Vec<[f64; 2]>;

impl LearnedModel {
    /// The numbers that say all.
    pub fn numbers(&self) -> Vec<f64> {
        let mut all = vec![self.residual, self.model.constant];
        all.extend(&self.model.couplings);
        all
    }

    /// The model of such numbers.
    pub fn from_numbers(features: &Features, numbers: &[f64]) -> Option<Self> {
        let [residual, constant, couplings @ ..] = numbers else {
            return None;
        };
        (couplings.len() == features.len()).then(|| LearnedModel {
            model: EffectiveModel::new(features, *constant, couplings.to_vec()),
            residual: *residual,
        })
    }

    /// With given couplings; the constant and the residual are those of the samples, if there are
    /// any.
    pub fn given(features: &Features, couplings: &[f64], moments: &Moments) -> Self {
        let all: Vec<usize> = (0..features.len()).collect();
        let (constant, residual) = match moments.weight() > 0.0 {
            true => {
                let constant = moments.constant(&all, couplings);
                (constant, moments.residual(&all, constant, couplings).sqrt())
            }
            false => (0.0, 0.0),
        };
        LearnedModel {
            model: EffectiveModel::new(features, constant, couplings.to_vec()),
            residual,
        }
    }

    /// The fit of the first `count` features.
    pub fn fitted(features: &Features, moments: &Moments, count: usize) -> Result<Self> {
        let chosen: Vec<usize> = (0..count).collect();
        let Some((constant, mut couplings)) = moments.fit(&chosen) else {
            return Err(Error::numerical(
                "the samples say nothing of the effective model: its fit is singular",
                "take more classical.effective.training_samples, or fewer classes",
            ));
        };
        let residual = moments.residual(&chosen, constant, &couplings).sqrt();
        couplings.resize(features.len(), 0.0);
        Ok(LearnedModel {
            model: EffectiveModel::new(features, constant, couplings),
            residual,
        })
    }

    /// What a Gaussian residual lets one expect of the acceptance.
    pub fn expected_acceptance(&self, beta: f64) -> f64 {
        erfc(0.5 * beta * self.residual)
    }
}

/// 2/√π ∫_x^∞ e^{−t²} dt for x ≥ 0, to 1.2e-7 of itself (W. H. Press et al., Numerical Recipes,
/// 2nd ed. (1992), sec. 6.2).
fn erfc(x: f64) -> f64 {
    const SERIES: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x);
    let sum = SERIES.iter().rev().fold(0.0, |sum, c| sum * t + c);
    t * (sum - x * x).exp()
}

/// Σ over some sums.
pub(super) fn total<'m>(features: usize, parts: impl Iterator<Item = &'m Moments>) -> Moments {
    let mut sum = Moments::new(features);
    parts.for_each(|part| sum.add(part, 1.0));
    sum
}

/// What parts that are held out say of the features 1 to k, for each k.
pub(super) fn held_out(features: usize, parts: &[&Moments]) -> HeldOut {
    let all = total(features, parts.iter().copied());
    let constant = all.constant(&[], &[]);
    let spread = all.residual(&[], constant, &[]).max(f64::MIN_POSITIVE);
    let of_count = |count: usize| {
        let chosen: Vec<usize> = (0..count).collect();
        let error = |part: &&&Moments| {
            let mut others = all.clone();
            others.add(part, -1.0);
            let (constant, couplings) = others.fit(&chosen)?;
            Some(part.residual(&chosen, constant, &couplings) / spread)
        };
        let errors: Vec<f64> = parts.iter().filter_map(|part| error(&part)).collect();
        let n = errors.len() as f64;
        let mean = errors.iter().sum::<f64>() / n;
        let squares = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>();
        [mean, (squares / (n * (n - 1.0)).max(1.0)).sqrt()]
    };
    (1..=features).map(of_count).collect()
}

/// The fewest features that are good enough at all temperatures.
pub(super) fn chosen(errors: &[HeldOut]) -> usize {
    let of_one = |errors: &HeldOut| {
        let finite = errors.iter().filter(|e| e[0].is_finite());
        let least = finite.min_by(|a, b| a[0].total_cmp(&b[0]));
        let limit = least.map_or(f64::INFINITY, |[mean, error]| mean + error);
        1 + errors.iter().position(|e| e[0] <= limit).unwrap_or(0)
    };
    errors.iter().map(of_one).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    #[test]
    fn the_complementary_error_function_has_its_values() {
        for (x, value) in [(0.0, 1.0), (0.5, 0.479_500_122), (2.0, 0.004_677_735)] {
            assert!((erfc(x) / value - 1.0).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn features_that_say_nothing_are_left_out() {
        let mut rng = stream(4, Purpose::Law, 0, 0);
        let mut part = || {
            let mut moments = Moments::new(3);
            for _ in 0..200 {
                let mut draw = || rng.random::<f64>();
                let (a, b, c, noise) = (draw(), draw(), draw(), draw());
                moments.push(1.0, &[a, b, c], 1.0 - a + 0.5 * b + 0.3 * noise);
            }
            moments
        };
        let parts: Vec<Moments> = (0..8).map(|_| part()).collect();
        let errors = held_out(3, &parts.iter().collect::<Vec<_>>());
        assert!(
            errors[0][0] > errors[1][0] && errors[0][0] < 1.0,
            "{errors:?}"
        );
        assert_eq!(chosen(&[errors]), 2);
    }
}
