//! Decides what `check` says: sizes, memory and work of a run before it starts.
//!
//! Bytes of derivatives and solver are those of the cost model ([`crate::optimizer::cost`]); rank 0 holds the most.

use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::input::{Method, Source};
use crate::linalg::available_memory;
use crate::optimizer::{Sizes, cost};
use crate::registry::{self, Problem};
use serde_json::{Value, json};

/// Sizes of a run before it starts.
#[derive(Debug, Clone, PartialEq)]
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
    /// The method of `[optimize]` and why it was chosen.
    pub method: Option<(String, String)>,
    /// Bytes of derivatives and solver on rank 0.
    pub root_bytes: f64,
    /// The same on the other ranks.
    pub other_bytes: f64,
    /// Connected configurations of one sample, at most.
    pub connected: usize,
    /// Ratios of one step over all ranks: proposals and local energies.
    pub ratios: f64,
}

/// Works out the sizes of a run on `ranks` ranks, each with `memory` bytes of the machine to itself.
pub fn plan(source: &Source, problem: &Problem, ensemble: &dyn Ensemble, ranks: usize, memory: f64) -> Result<Plan> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let parameters = ensemble.parameters().len();
    let derivatives = ensemble.derivatives();
    let exact = sampler.method == Method::FullSum;
    let rows = if exact { problem.basis.dimension() as usize } else { sampler.samples };
    let optimize = source.input.optimize.as_ref();
    let sizes = Sizes {
        kind: derivatives.kind,
        columns: derivatives.columns(),
        samples: rows,
        numbers: derivatives.numbers_per_sample(),
        ranks,
        diagonal: optimize.is_some_and(|o| o.carleo_troyer.is_some() || o.scale_invariant.is_some()),
        decomposed: optimize.is_some_and(|o| o.pseudo_inverse.is_some()),
        shared_above: optimize.filter(|_| cfg!(feature = "scalapack")).map(|o| o.distribute_above),
        avoided_above: optimize.map_or(usize::MAX, |o| o.distribute_above),
    };
    // In the deterministic mode rank 0 solves alone, and nothing about it may depend on the ranks or their memory.
    let alone = Sizes { ranks: 1, shared_above: None, ..sizes.clone() };
    let deterministic = source.input.deterministic;
    let method = optimize.map(|o| match deterministic {
        true => registry::method(o, &alone, f64::INFINITY),
        false => registry::method(o, &sizes, memory),
    });
    let held = |rank: usize| {
        let sizes = if deterministic && rank == 0 { &alone } else { &sizes };
        let of_steps = method.as_ref().map_or(0.0, |(name, _)| cost::memory(name, sizes, rank));
        // The equation of motion is solved in the smaller space, and its matrix is decomposed.
        let space = if sizes.columns <= sizes.rows() { "dense-sr" } else { "kernel-sr" };
        let decomposed = Sizes { decomposed: true, shared_above: None, ..sizes.clone() };
        let of_evolution = source.input.evolve.as_ref().map_or(0.0, |_| cost::memory(space, &decomposed, rank));
        f64::max(of_steps, of_evolution)
    };
    let (root_bytes, other_bytes) = (held(0), held(ranks - 1));
    let connected = problem.hamiltonian.flips.len();
    let proposals = if exact { 0.0 } else { rows as f64 * (sampler.sweeps * problem.lattice.sites) as f64 };
    Ok(Plan {
        states: problem.basis.dimension(),
        sites: problem.lattice.sites,
        parameters,
        rows,
        measured: source.input.measure.as_ref().map_or(0, |m| m.samples),
        ranks,
        sizes,
        method,
        root_bytes,
        other_bytes,
        connected,
        ratios: proposals + rows as f64 * connected as f64,
    })
}

impl Plan {
    /// An error where `local` ranks of the run, rank 0 among them, cannot fit in this machine's memory.
    pub fn refuse_if_too_large(&self, local: usize) -> Result<()> {
        let needed = self.root_bytes + self.other_bytes * local.saturating_sub(1) as f64;
        let available = available_memory();
        if needed > available {
            return Err(Error::Memory {
                what: format!("a step with {} samples and {} parameters", self.rows, self.parameters),
                needed,
                available,
            });
        }
        Ok(())
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        json!({
            "states": self.states, "sites": self.sites, "parameters": self.parameters, "samples": self.rows,
            "measured_samples": self.measured, "ranks": self.ranks, "bytes_per_rank": self.root_bytes,
            "bytes_of_other_ranks": self.other_bytes, "method": self.method.as_ref().map(|m| &m.0),
            "bytes_of_factors": 8 * self.sizes.numbers * self.sizes.samples_of(0),
            "connected_configurations": self.connected, "ratios_per_step": self.ratios,
        })
    }

    /// For people, with the lines of a job script.
    pub fn text(&self, title: &str, chains: usize) -> String {
        let tasks = chains.clamp(1, 64);
        let mut lines = vec![
            title.to_string(),
            format!("  states          {:.6e}", self.states),
            format!("  sites           {}", self.sites),
            format!("  parameters      {}", self.parameters),
            format!("  samples a step  {}", self.rows),
            format!("  ratios a step   {:.3e}", self.ratios),
        ];
        if let Some((name, reason)) = &self.method {
            lines.push(format!("  method          {name} ({reason})"));
        }
        lines.push(format!(
            "  memory a rank   {:.3} GB on rank 0, {:.3} GB on others, {} rank(s)",
            self.root_bytes / 1e9,
            self.other_bytes / 1e9,
            self.ranks
        ));
        let memory = (self.root_bytes * 1.5 / 1e6 + 200.0).ceil();
        let script = format!("--ntasks={tasks}\n  #SBATCH --cpus-per-task=1\n  #SBATCH --mem-per-cpu={memory}M");
        lines.push(format!("\nSLURM:\n  #SBATCH {script}\n  srun --mpi=pmix nishina run …"));
        lines.join("\n")
    }
}
