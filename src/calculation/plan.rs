//! Decides what `check` says of a run's sizes before anything is sampled.
//!
//! Bytes of derivatives and solver are those of the cost model ([`crate::optimizer::cost`]); rank 0
//! holds the most.

use super::optimize::ChosenMethod;
use super::solves::{Solves, alone, sizes};
use super::vmc::Sampling;
use super::vmc::problem::Problem;
use super::{evolve, measure, optimize};
use crate::comm::counting::Load;
use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::{SamplerInput, Source};
use crate::linalg::available_memory;
use crate::optimizer::{CostModel, Sizes, cost};
use crate::run::{Cost, most_held, most_held_elsewhere};
use crate::stats::count;
use serde_json::{Value, json};

/// Operations of a decomposition of order 1, which run at the rate of products.
const DECOMPOSITION: f64 = 9.0;
/// Seconds of a message between two ranks.
const LATENCY: f64 = 1e-5;
/// Bytes a second between two ranks.
const BANDWIDTH: f64 = 1e9;

/// Sizes of a run before it starts.
#[derive(Debug, Clone)]
pub struct Plan {
    /// States of the sector.
    pub states: f64,
    /// Sites.
    pub sites: usize,
    /// Real numbers in the parameter vector.
    pub parameters: usize,
    /// Samples of a step over all ranks.
    pub rows: usize,
    /// Samples of the measurement.
    pub measured: usize,
    /// Ranks that the figures are for.
    pub ranks: usize,
    /// What the cost of a solve depends on.
    pub sizes: Sizes,
    /// The same of a right-hand side of an evolution, which has the samples of `[sampler]`.
    pub slope_sizes: Sizes,
    /// The method of `[optimize]` and why it was chosen, in the stage with the most samples.
    pub method: Option<ChosenMethod>,
    /// Sizes and methods of all stages.
    stages: Vec<(Sizes, ChosenMethod)>,
    /// Whether rank 0 alone solves, whatever the number of ranks.
    pub deterministic: bool,
    /// Whether there is an equation of motion to solve.
    pub evolves: bool,
    /// Bytes of samples and their tables on a rank, of the section with the most.
    pub sampling: Sampling,
    /// Bytes of derivatives and solver on rank 0.
    pub root_bytes: f64,
    /// The same on the other ranks.
    pub other_bytes: f64,
    /// Connected configurations of one sample, at most.
    pub connected: usize,
    /// Ratios of one step over all ranks: proposals, local energies, a penalty on the total spin.
    pub ratios: f64,
}

/// What the samples take that are held at once, in the section with the most.
fn sampling(
    source: &Source,
    sampler: &SamplerInput,
    problem: &Problem,
    ensemble: &dyn Variational,
    ranks: usize,
) -> Result<Sampling> {
    let steps = ["learn", "optimize", "evolve"]
        .iter()
        .any(|s| source.table.contains_key(*s));
    let output = evolve::keys(source)?.and_then(|e| e.samples).unwrap_or(0);
    let block = measure::BLOCK * sampler.chains;
    let measured = measure::keys(source)?.map_or(0, |m| m.samples.min(block));
    let workload = optimize::workload(source)?;
    let most_of_stages = workload.most.max(sampler.samples);
    let of_steps = if steps { most_of_stages } else { 0 };
    let most = of_steps.max(output).max(measured);
    let facts = ensemble.facts();
    let sampler = SamplerInput {
        chains: workload.chains,
        ..sampler.clone()
    };
    let of = |n, derived| Sampling::new(&sampler, &problem.basis, &facts, (n, ranks), derived);
    let with_slopes = if steps {
        of(of_steps, true)
    } else {
        Sampling::default()
    };
    let whole = of(most, false);
    Ok(Sampling {
        kept: whole.kept.max(with_slopes.kept),
        work: whole.work.max(with_slopes.work),
        scratch: with_slopes.scratch,
    })
}

/// Bytes that sections of these costs take on rank 0, with parameter vectors of `vector` bytes:
/// that of the last boundary, and two in the results, which are made from a copy.
fn with_vectors(vector: f64, sections: &[Cost]) -> f64 {
    vector + most_held(sections, 2.0 * vector)
}

impl Plan {
    /// Works out the sizes of a run on `ranks` ranks, each with `memory` bytes of the machine to
    /// itself.
    pub fn new(
        source: &Source,
        problem: &Problem,
        ensemble: &dyn Variational,
        ranks: usize,
        memory: f64,
    ) -> Result<Self> {
        let parameters = ensemble.parameters().len();
        let deterministic = source.input.deterministic;
        let Solves {
            sampler,
            rows,
            of_slopes,
            stages,
        } = Solves::new(source, problem, &ensemble.derivatives(), ranks, memory)?;
        let largest = stages.iter().find(|(sizes, _)| sizes.samples == rows);
        let (sizes, method) = match largest {
            Some((sizes, method)) => (sizes.clone(), Some(method.clone())),
            None => (sizes(&ensemble.derivatives(), None, rows, ranks), None),
        };
        let connected = problem.facts.connected;
        let proposals = if !sampler.method.has_chains() {
            0.0
        } else {
            rows as f64 * sampler.sweeps as f64 * problem.lattice.sites as f64
        };
        let penalty = optimize::keys(source)?.and_then(|o| o.spin_penalty);
        let asked = connected + penalty.map_or(0, |_| optimize::pairs(problem.lattice.sites));
        let mut plan = Plan {
            states: problem.basis.dimension(),
            sites: problem.lattice.sites,
            parameters,
            rows,
            measured: measure::keys(source)?.map_or(0, |m| m.samples),
            ranks,
            slope_sizes: of_slopes,
            sizes,
            method,
            stages,
            deterministic,
            evolves: source.table.contains_key("evolve"),
            sampling: sampling(source, &sampler, problem, ensemble, ranks)?,
            root_bytes: 0.0,
            other_bytes: 0.0,
            connected,
            ratios: proposals + rows as f64 * asked as f64,
        };
        (plan.root_bytes, plan.other_bytes) = (plan.most_bytes(0), plan.most_bytes(ranks - 1));
        Ok(plan)
    }

    /// The solve as rank `rank` sees it.
    fn seen_by(&self, sizes: &Sizes, rank: usize) -> Sizes {
        if self.deterministic && rank == 0 {
            alone(sizes)
        } else {
            sizes.clone()
        }
    }

    /// The cost of the equation of motion, solved in the smaller space, and its sizes.
    fn motion(&self, sizes: &Sizes, rank: usize) -> (CostModel, Sizes) {
        let cost: CostModel = match sizes.columns <= sizes.rows() {
            true => |sizes, rank, _| cost::in_parameter_space(sizes, rank),
            false => |sizes, rank, _| cost::in_sample_space(sizes, rank, sizes.diagonal),
        };
        (cost, self.seen_by(sizes, rank))
    }

    /// Bytes of derivatives and solver that `rank` holds in a run with steps and slopes of these
    /// sizes.
    pub fn solver_bytes(&self, [steps, slopes]: [&Sizes; 2], rank: usize) -> f64 {
        let seen = self.seen_by(steps, rank);
        let of_step = |method: &ChosenMethod| (method.cost)(&seen, rank, 0).memory;
        let of_steps = self.method.as_ref().map_or(0.0, of_step);
        let (cost, seen) = self.motion(slopes, rank);
        let of_slopes = match self.evolves {
            true => cost(&seen, rank, 0).memory,
            false => 0.0,
        };
        of_steps.max(of_slopes)
    }

    /// The same in the stage that holds the most.
    fn most_bytes(&self, rank: usize) -> f64 {
        let of = |(sizes, method): &(Sizes, ChosenMethod)| {
            (method.cost)(&self.seen_by(sizes, rank), rank, 0).memory
        };
        let of_stages = self.stages.iter().map(of);
        let of_run = self.solver_bytes([&self.sizes, &self.slope_sizes], rank);
        of_stages.fold(of_run, f64::max)
    }

    /// Bytes of the parameter vector.
    pub fn vector(&self) -> f64 {
        (8 * self.parameters) as f64
    }

    /// Bytes that the method of `[optimize]` remembers from step to step.
    pub fn remembered(&self) -> f64 {
        let of = |(sizes, method): &(Sizes, ChosenMethod)| {
            (method.cost)(&self.seen_by(sizes, 0), 0, 1).remembered
        };
        self.stages.iter().map(of).fold(0.0, f64::max)
    }

    /// The methods of the stages of `[optimize]`.
    pub fn methods(&self) -> impl Iterator<Item = &ChosenMethod> {
        self.stages.iter().map(|(_, method)| method)
    }

    /// Bytes that sections of these costs take on rank 0 at the worst moment, beside the wave
    /// function itself: samples, the parameters of the last boundary and those of the results,
    /// which are made from a copy.
    pub fn held(&self, sections: &[Cost]) -> f64 {
        self.sampling.kept + with_vectors(self.vector(), &self.with_samples(sections))
    }

    /// The same on another rank, which makes no results.
    pub fn held_elsewhere(&self, sections: &[Cost]) -> f64 {
        let most = most_held_elsewhere(&self.with_samples(sections));
        self.sampling.kept + self.vector() + most
    }

    /// The sections with the work of sampling.
    fn with_samples(&self, sections: &[Cost]) -> Vec<Cost> {
        let Sampling { work, scratch, .. } = self.sampling;
        let with = |section: &Cost| Cost {
            work: section.work.max(scratch) + work,
            work_elsewhere: section.work_elsewhere.max(scratch) + work,
            ..*section
        };
        sections.iter().map(with).collect()
    }

    /// Seconds of one solve, of a step or of a slope, in a run of these sizes; products run at
    /// `rate` operations a second.
    pub fn solve_seconds(
        &self,
        of_motion: bool,
        sizes: &Sizes,
        iterations: usize,
        rate: f64,
    ) -> f64 {
        let (cost, seen) = match (of_motion, &self.method) {
            (true, _) => self.motion(sizes, 0),
            (false, None) => return 0.0,
            (false, Some(method)) => (method.cost, self.seen_by(sizes, 0)),
        };
        let cost = cost(&seen, 0, iterations);
        let decomposition = match cost.order {
            Some(n) if seen.decomposed => {
                DECOMPOSITION * ((seen.parts() * seen.parts()) as f64) * (n as f64).powi(3)
            }
            _ => 0.0,
        };
        let Load { messages, bytes } = cost.traffic.total();
        let wire = if sizes.ranks > 1 {
            messages as f64 * LATENCY + bytes as f64 / BANDWIDTH
        } else {
            0.0
        };
        (cost.operations + decomposition) / rate + wire * (sizes.ranks as f64).log2().max(1.0)
    }

    /// An error where `local` ranks of the run, rank 0 among them with sections of these costs,
    /// cannot fit in this machine's memory beside what they have built.
    pub fn refuse_if_too_large(&self, local: usize, sections: &[Cost]) -> Result<()> {
        let others = local.saturating_sub(1) as f64 * self.held_elsewhere(sections);
        self.fits(self.held(sections) + others)
    }

    /// An error where a trial on `cores` cores cannot fit in it: all ranks, or the share of one
    /// where they are more. Each has `built` bytes of wave function.
    pub fn refuse_trial(&self, cores: usize, built: f64, sections: &[Cost]) -> Result<()> {
        let whole = self.held(sections);
        if self.ranks <= cores {
            let others = (self.ranks - 1) as f64 * self.held_elsewhere(sections);
            return self.fits(whole + others + self.ranks as f64 * built);
        }
        let one = |sizes: &Sizes| Sizes {
            samples: sizes.samples_of(0),
            ranks: 1,
            ..sizes.clone()
        };
        let [steps, slopes] = [&self.sizes, &self.slope_sizes].map(one);
        let solver = self.solver_bytes([&steps, &slopes], 0) - self.root_bytes;
        self.fits(built + (whole + solver).max(self.vector()))
    }

    fn fits(&self, needed: f64) -> Result<()> {
        let available = available_memory();
        if needed > available {
            return Err(Error::Memory {
                what: format!(
                    "a step with {} samples and {} parameters",
                    self.rows, self.parameters
                ),
                needed,
                available,
            });
        }
        Ok(())
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        json!({
            "states": self.states,
            "sites": self.sites,
            "parameters": self.parameters,
            "samples": self.rows,
            "measured_samples": self.measured,
            "ranks": self.ranks,
            "bytes_per_rank": self.root_bytes,
            "bytes_of_other_ranks": self.other_bytes,
            "method": self.method.as_ref().map(|m| m.kind),
            "bytes_of_factors": 8 * self.sizes.numbers * self.sizes.samples_of(0),
            "connected_configurations": self.connected, "ratios_per_step": self.ratios,
        })
    }

    /// For people.
    pub fn text(&self, title: &str) -> String {
        let mut lines = vec![
            title.to_string(),
            format!("  states          {}", count(self.states)),
            format!("  sites           {}", self.sites),
            format!("  parameters      {}", self.parameters),
            format!("  samples a step  {}", self.rows),
            format!("  ratios a step   {}", count(self.ratios)),
        ];
        if let Some(method) = &self.method {
            let ChosenMethod { kind, reason, .. } = method;
            lines.push(format!("  method          {kind} ({reason})"));
        }
        lines.push(format!(
            "  solver          {:.3} GB on rank 0, {:.3} GB on others, {} rank(s)",
            self.root_bytes / 1e9,
            self.other_bytes / 1e9,
            self.ranks
        ));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ansatz::LEAST_VECTORS;

    #[test]
    fn wave_functions_count_the_vectors_of_the_smallest_run() {
        let measurement = Cost {
            state: 1.0,
            ..Cost::default()
        };
        assert_eq!(with_vectors(1.0, &[measurement]), LEAST_VECTORS);
    }
}
