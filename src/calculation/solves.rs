//! Decides how large the solves of an optimisation are, and by which method: of each of its stages.

use super::optimize::{self, ChosenMethod, StagePlan};
use super::vmc::problem::Problem;
use crate::derivatives::Derivatives;
use crate::error::Result;
use crate::input::{Method, SamplerInput, Source};
use crate::optimizer::{OptimizerOptions, Shift, Sizes};

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
        cross_validated: metric.is_some_and(|o| o.shift == Shift::AUTOMATIC),
        decomposed: metric.is_some_and(|o| o.pseudo_inverse.is_some()),
        shared_above: above.filter(|_| cfg!(feature = "scalapack")),
        avoided_above: above.unwrap_or(usize::MAX),
    }
}

/// The solves of an input.
pub(super) struct Solves {
    /// `[sampler]` as it holds in the stage with the most samples.
    pub(super) sampler: SamplerInput,
    /// Samples of a step there, over all ranks.
    pub(super) rows: usize,
    /// Samples of a right-hand side of an evolution.
    pub(super) of_slopes: usize,
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
        let choose = |stage: &StagePlan| {
            let metric = stage.keys.metric.options()?;
            let sizes = sizes(derivatives, Some(&metric), rows(&stage.sampler), ranks);
            let (seen, memory) = match source.input.deterministic {
                true => (&alone(&sizes), f64::INFINITY),
                false => (&sizes, memory),
            };
            let method = optimize::method(&stage.keys, &problem.registry, seen, memory)?;
            Ok((sizes, method))
        };
        let keys = optimize::keys(source)?;
        let planned = keys.map_or_else(Vec::new, |o| optimize::stages(&o, &sampler));
        let stages = planned.iter().map(choose).collect::<Result<_>>()?;
        let of_slopes = rows(&sampler);
        let sampler = optimize::heaviest(&planned).map_or(sampler, |s| s.sampler.clone());
        Ok(Solves {
            rows: rows(&sampler),
            of_slopes,
            sampler,
            stages,
        })
    }
}
