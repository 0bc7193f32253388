//! Decides how large the solves of a run are, and by which method: of each stage of an
//! optimisation, and of the slopes of an evolution.

use super::evolve::{self, EvolveInput};
use super::optimize::{self, ChosenMethod, StagePlan};
use super::vmc::problem::Problem;
use crate::derivatives::Derivatives;
use crate::error::Result;
use crate::evolution::motion::MotionInverse;
use crate::input::{Method, SamplerInput, Source};
use crate::optimizer::{OptimizerOptions, Shift, Sizes, cross_validation};

/// The sizes of a solve on one rank: in the deterministic mode nothing about it may depend on the
/// ranks or their memory.
pub(super) fn alone(sizes: &Sizes) -> Sizes {
    Sizes {
        ranks: 1,
        shared_above: None,
        ..sizes.clone()
    }
}

/// What the cost of a solve with `samples` samples over all ranks depends on.
pub(super) fn sizes(
    derivatives: &Derivatives,
    metric: Option<&OptimizerOptions>,
    samples: usize,
    ranks: usize,
) -> Sizes {
    let above = metric.map(|o| o.distribute_above);
    Sizes {
        kind: derivatives.kind,
        columns: derivatives.columns(),
        samples,
        numbers: derivatives.numbers_per_sample(),
        single: derivatives.is_single(),
        ranks,
        diagonal: metric.is_some_and(OptimizerOptions::needs_diagonal),
        half_factorisations: match metric {
            Some(options) if options.shift == Shift::AUTOMATIC => cross_validation::PER_STEP,
            _ => 0.0,
        },
        decomposed: metric.is_some_and(|o| o.pseudo_inverse.is_some()),
        shared_above: above.filter(|_| cfg!(feature = "scalapack")),
        avoided_above: above.unwrap_or(usize::MAX),
    }
}

/// The same of a right-hand side of an evolution, whose matrix is decomposed unless it has a shift.
fn of_slopes(keys: Option<&EvolveInput>, exact: bool, sizes: Sizes) -> Sizes {
    let (decomposed, half_factorisations) = match keys.map(|e| e.equation().inverse) {
        Some(MotionInverse::Shift(_)) => (false, 0.0),
        Some(MotionInverse::CrossValidated(_)) if !exact => {
            (false, cross_validation::WITHOUT_MEMORY)
        }
        _ => (true, 0.0),
    };
    Sizes {
        decomposed,
        half_factorisations,
        ..sizes
    }
}

/// The solves of an input.
pub(super) struct Solves {
    /// `[sampler]` as it holds in the stage with the most samples.
    pub(super) sampler: SamplerInput,
    /// Samples of a step there, over all ranks.
    pub(super) rows: usize,
    /// Sizes of a right-hand side of an evolution, which has the samples of `[sampler]`.
    pub(super) of_slopes: Sizes,
    /// Sizes and method of each stage; none without `[optimize]`.
    pub(super) stages: Vec<(Sizes, ChosenMethod)>,
}

impl Solves {
    /// On `ranks` ranks, each with `memory` bytes of the machine to itself.
    pub(super) fn new(
        source: &Source,
        problem: &Problem,
        derivatives: &Derivatives,
        ranks: usize,
        memory: f64,
    ) -> Result<Self> {
        let sampler = source.input.sampler.clone().unwrap_or_default();
        let rows = |sampler: &SamplerInput| match sampler.method == Method::FullSum {
            true => problem.basis.dimension() as usize,
            false => sampler.samples,
        };
        let keys = optimize::keys(source)?;
        let choose = |(k, stage): (usize, &StagePlan)| {
            let metric = stage.keys.metric.options()?;
            let sizes = sizes(derivatives, Some(&metric), rows(&stage.sampler), ranks);
            let (seen, memory) = match source.input.deterministic {
                true => (&alone(&sizes), f64::INFINITY),
                false => (&sizes, memory),
            };
            let method = optimize::method(&stage.keys, &problem.registry, seen, memory);
            let named = |e| match &keys {
                Some(keys) => optimize::named(e, keys, k),
                None => e,
            };
            Ok((sizes, method.map_err(named)?))
        };
        let planned = keys
            .as_ref()
            .map_or_else(Vec::new, |o| optimize::stages(o, &sampler));
        let stages = planned
            .iter()
            .enumerate()
            .map(choose)
            .collect::<Result<_>>()?;
        let of_slopes = of_slopes(
            evolve::keys(source)?.as_ref(),
            sampler.method == Method::FullSum,
            sizes(derivatives, None, rows(&sampler), ranks),
        );
        let sampler = optimize::heaviest(&planned).map_or(sampler, |s| s.sampler.clone());
        Ok(Solves {
            rows: rows(&sampler),
            of_slopes,
            sampler,
            stages,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derivatives::{Kind, Matrix};
    use crate::optimizer::cost;
    use ndarray::Array2;

    /// Operations of a slope with so many columns, from 100 samples.
    fn operations(columns: usize, shift: &str, exact: bool) -> (f64, bool) {
        let keys: EvolveInput =
            toml::from_str(&format!("time = 1.0\nstep = 0.1\n{shift}")).unwrap();
        let rows = Matrix::Real(Array2::zeros((1, columns)));
        let derivatives = Derivatives::dense(Kind::Real, rows);
        let sizes = of_slopes(Some(&keys), exact, sizes(&derivatives, None, 100, 1));
        let cost = match columns <= 100 {
            true => cost::in_parameter_space(&sizes, 0),
            false => cost::in_sample_space(&sizes, 0, false),
        };
        (cost.operations, sizes.decomposed)
    }

    #[test]
    fn the_ladder_of_shifts_of_a_slope_is_counted() {
        // Fifteen rungs for each half, whose matrix has an order of at most 50.
        for (columns, order) in [(40, 40f64), (60, 50.0), (200, 50.0)] {
            let factorisations = 30.0 * order.powi(3);
            let of = |shift, exact| operations(columns, shift, exact);
            let (number, auto) = (of("shift = 0.1", false), of("shift = 'auto'", false));
            assert_eq!((number.1, auto.1), (false, false));
            let more = auto.0 - number.0;
            assert!((more * 3.0 / factorisations - 1.0).abs() < 1e-9, "{more}");
            assert_eq!(of("shift = 'auto'", true), (number.0, true));
            assert_eq!(of("", false), (number.0, true));
        }
    }
}
