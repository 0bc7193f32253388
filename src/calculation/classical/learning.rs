//! Decides how effective models are made from what walkers brought home, one for each temperature.
//!
//! Where features are chosen, each chain is predicted by a fit to the others, or each half of a
//! single one by the other half. One feature after the other is added, that which leaves the
//! smallest error; the fewest within a standard error of the best are taken, compared part by part.
//! For a Gaussian residual of deviation s between independent configurations a proposal is accepted
//! with probability erfc(β s/2).

use crate::classical::effective::{EffectiveModel, Feature, Features, Moments};
use crate::error::{Error, Result};

/// A model with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LearnedModel {
    pub model: EffectiveModel,
    /// √⟨(H − H_eff)²⟩ over the samples of the fit.
    pub residual: f64,
    /// The same of the pairs along which clusters grow.
    pub cluster_residual: f64,
}

/// Features in the order in which they were added, with what samples held out say of the first k.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Selection {
    /// Numbers of the features.
    pub order: Vec<usize>,
    /// Error of the first k, over the energy's own variance: mean over the temperatures.
    pub errors: Vec<f64>,
    /// How many are taken.
    pub taken: usize,
}

impl LearnedModel {
    /// The numbers that say all.
    pub fn numbers(&self) -> Vec<f64> {
        let mut all = vec![self.residual, self.cluster_residual, self.model.constant];
        all.extend(&self.model.couplings);
        all.extend(&self.model.cluster_couplings);
        all
    }

    /// How many numbers that are.
    pub fn width(features: usize) -> usize {
        3 + 2 * features
    }

    /// The model of such numbers.
    pub fn from_numbers(features: &Features, numbers: &[f64]) -> Option<Self> {
        let [residual, cluster_residual, constant, couplings @ ..] = numbers else {
            return None;
        };
        let (couplings, clusters) = couplings.split_at_checked(features.len())?;
        let fits = clusters.len() == features.len();
        let model = || {
            let lists = (couplings.to_vec(), clusters.to_vec());
            EffectiveModel::new(features, *constant, lists.0, lists.1)
        };
        fits.then(|| LearnedModel {
            model: model(),
            residual: *residual,
            cluster_residual: *cluster_residual,
        })
    }

    /// With couplings of the model and of its clusters, which grow along pairs alone; the constant
    /// and the residuals are those of the samples, if there are any.
    pub fn given(
        features: &Features,
        couplings: &[f64],
        clusters: &[f64],
        moments: &Moments,
    ) -> Self {
        let all: Vec<usize> = (0..features.len()).collect();
        let along = |(j, name): (&f64, &Feature)| if name.is_pairs() { *j } else { 0.0 };
        let clusters: Vec<f64> = clusters.iter().zip(&features.names).map(along).collect();
        let judged = |couplings: &[f64]| match moments.weight() > 0.0 {
            true => {
                let constant = moments.constant(&all, couplings);
                (constant, moments.residual(&all, constant, couplings).sqrt())
            }
            false => (0.0, 0.0),
        };
        let (constant, residual) = judged(couplings);
        let cluster_residual = judged(&clusters).1;
        LearnedModel {
            model: EffectiveModel::new(features, constant, couplings.to_vec(), clusters),
            residual,
            cluster_residual,
        }
    }

    /// The fit of some features, and beside it that of the pairs among them alone.
    pub fn fitted(features: &Features, moments: &Moments, chosen: &[usize]) -> Result<Self> {
        let pairs = chosen.iter().copied();
        let pairs: Vec<usize> = pairs.filter(|k| features.names[*k].is_pairs()).collect();
        let fit = |chosen: &[usize]| {
            let mut all = vec![0.0; features.len()];
            let (_, couplings) = moments.fit(chosen)?;
            chosen.iter().zip(couplings).for_each(|(k, j)| all[*k] = j);
            Some(all)
        };
        match (fit(chosen), fit(&pairs)) {
            (Some(all), Some(pairs)) => Ok(Self::given(features, &all, &pairs, moments)),
            _ => Err(Error::numerical(
                "the samples say nothing of the effective model: its fit is singular",
                "take more classical.effective.training_samples, or fewer classes",
            )),
        }
    }

    /// What a Gaussian residual lets one expect of the acceptance.
    pub fn expected_acceptance(&self, beta: f64) -> f64 {
        erfc(0.5 * beta * self.cluster_residual)
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

/// Differences of errors, over the energy's own variance, that rounding makes.
const ROUNDING: f64 = 1e-12;

/// Errors of some features on parts that are held out, over the energy's own variance.
fn held_out(chosen: &[usize], parts: &[Moments], all: &Moments) -> Vec<f64> {
    let constant = all.constant(&[], &[]);
    let spread = all.residual(&[], constant, &[]).max(f64::MIN_POSITIVE);
    let error = |part: &Moments| {
        let mut others = all.clone();
        others.add(part, -1.0);
        let fit = others.fit(chosen);
        fit.map_or(f64::INFINITY, |(constant, couplings)| {
            part.residual(chosen, constant, &couplings) / spread
        })
    };
    parts.iter().map(error).collect()
}

fn mean(list: &[f64]) -> f64 {
    list.iter().sum::<f64>() / list.len().max(1) as f64
}

/// Whether errors are within a standard error of the smallest ones, part by part.
fn is_enough(errors: &[f64], best: &[f64]) -> bool {
    let more: Vec<f64> = errors.iter().zip(best).map(|(e, b)| e - b).collect();
    let (centre, n) = (mean(&more), more.len() as f64);
    let squares = more.iter().map(|d| (d - centre).powi(2)).sum::<f64>();
    centre <= (squares / (n * (n - 1.0)).max(1.0)).sqrt() + ROUNDING
}

impl Selection {
    /// Of independent parts of the samples of each temperature.
    pub fn new(features: usize, parts: &[Vec<Moments>]) -> Self {
        let sums: Vec<Moments> = parts
            .iter()
            .map(|parts| total(features, parts.iter()))
            .collect();
        let errors = |chosen: &[usize]| -> Vec<f64> {
            let pairs = parts.iter().zip(&sums);
            pairs
                .flat_map(|(parts, all)| held_out(chosen, parts, all))
                .collect()
        };
        let mut found = Selection::default();
        let mut lists: Vec<Vec<f64>> = Vec::new();
        while found.order.len() < features {
            let left = (0..features).filter(|k| !found.order.contains(k));
            let with = |k: usize| {
                let chosen: Vec<usize> = found.order.iter().copied().chain([k]).collect();
                (k, errors(&chosen))
            };
            let tried = left.map(with);
            let best = tried.min_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
            let Some((k, list)) = best else { break };
            found.errors.push(mean(&list));
            found.order.push(k);
            lists.push(list);
        }
        let best = lists.iter().min_by(|a, b| mean(a).total_cmp(&mean(b)));
        let enough = best.and_then(|best| lists.iter().position(|list| is_enough(list, best)));
        found.taken = 1 + enough.unwrap_or(0);
        found
    }

    /// Those that are taken.
    pub fn chosen(&self) -> &[usize] {
        &self.order[..self.taken.min(self.order.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::{Boundary, Lattice, LatticeSpec};
    use crate::rng::{Purpose, RngExt, stream};

    #[test]
    fn the_complementary_error_function_has_its_values() {
        for (x, value) in [(0.0, 1.0), (0.5, 0.479_500_122), (2.0, 0.004_677_735)] {
            assert!((erfc(x) / value - 1.0).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn clusters_of_given_couplings_do_not_see_plaquettes() {
        let spec = LatticeSpec::regular("square", &[4, 4], &[Boundary::Periodic]);
        let lattice = Lattice::new(&spec).unwrap();
        let names = [Feature::Nearest, Feature::Plaquette];
        let features = Features::new(&names, &lattice, "key").unwrap();
        let mut rng = stream(6, Purpose::Law, 0, 0);
        let (mut moments, mut sums, n) = (Moments::new(2), [0.0; 2], 500.0);
        for _ in 0..500 {
            let mut spin = || if rng.random() { 1 } else { -1 };
            let spins: Vec<i8> = (0..16).map(|_| spin()).collect();
            let all = features.of(&spins);
            moments.push(1.0, &all, 3.0 - all[0] - 0.2 * all[1]);
            sums[0] += all[1] / n;
            sums[1] += all[1] * all[1] / n;
        }
        let j = [1.0, 0.2];
        let found = LearnedModel::given(&features, &j, &j, &moments);
        let wanted = 0.2 * (sums[1] - sums[0] * sums[0]).sqrt();
        assert!(found.residual < 1e-5 && (found.model.constant - 3.0).abs() < 1e-9);
        assert!((found.cluster_residual - wanted).abs() < 1e-6, "{wanted}");
        assert_eq!(found.model.cluster_couplings, [1.0, 0.0]);
        assert!(found.expected_acceptance(0.4) < 0.95);
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
        let found = Selection::new(3, &[parts.clone(), parts]);
        assert_eq!(
            (&found.order[..2], found.taken),
            (&[0, 1][..], 2),
            "{found:?}"
        );
        assert!(found.errors[0] > 2.0 * found.errors[1] && found.errors[0] < 1.0);
    }

    /// Chains that stand still: what one has seen says nothing of the others.
    #[test]
    fn slow_chains_do_not_learn_their_own_noise() {
        let mut taken = Vec::new();
        for seed in 0..20 {
            let mut rng = stream(seed, Purpose::Law, 0, 1);
            let mut chain = || {
                let mut draw = || rng.random::<f64>() - 0.5;
                let still: [f64; 6] = std::array::from_fn(|_| draw());
                let mut moments = Moments::new(5);
                for _ in 0..50 {
                    let moved: [f64; 6] = std::array::from_fn(|k| still[k] + 1e-3 * draw());
                    moments.push(1.0, &moved[..5], moved[0] + 0.5 * moved[5]);
                }
                moments
            };
            let chains: Vec<Moments> = (0..16).map(|_| chain()).collect();
            let found = Selection::new(5, &[chains]);
            assert_eq!(found.order[0], 0);
            taken.push(found.taken);
        }
        let one = taken.iter().filter(|n| **n == 1).count();
        assert!(one >= 8, "{taken:?}");
    }

    #[test]
    fn errors_are_compared_part_by_part() {
        assert!(!is_enough(&[1.01, 9.01, 2.01, 5.01], &[1.0, 9.0, 2.0, 5.0]));
        assert!(is_enough(&[1.3, 8.8, 2.1, 4.9], &[1.0, 9.0, 2.0, 5.0]));
    }
}
