//! Decides what `check` says: sizes, memory and work of a run before it starts.
//!
//! Memory of one rank, with s samples and P columns of the log-derivatives: s P for O, P² twice for `dense-sr`, N² twice
//! and the transposed share of O for `kernel-sr` (N samples over all ranks, 2 N stacked).

use crate::ansatz::{Block, Kind};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::input::{Method, Source};
use crate::linalg::available_memory;
use crate::registry::Problem;
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
    /// Columns of the log-derivatives.
    pub columns: usize,
    /// Samples of a step over all ranks.
    pub rows: usize,
    /// Samples of the measurement.
    pub measured: usize,
    /// Ranks that the figures are for.
    pub ranks: usize,
    /// Bytes per rank of the log-derivatives.
    pub derivative_bytes: f64,
    /// Bytes per rank of the solver's matrices.
    pub solver_bytes: f64,
    /// Connected configurations of one sample, at most.
    pub connected: usize,
    /// Ratios of one step over all ranks: proposals and local energies.
    pub ratios: f64,
}

/// Works out the sizes of a run on `ranks` ranks.
pub fn plan(source: &Source, problem: &Problem, ensemble: &dyn Ensemble, ranks: usize) -> Result<Plan> {
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let parameters = ensemble.parameters().len();
    let entries = |b: &Block| b.shape.iter().product::<usize>();
    let layout = ensemble.layout();
    let all_complex = layout.iter().all(|b| b.complex);
    let columns = if all_complex { parameters / 2 } else { parameters };
    let mixed = !all_complex && layout.iter().any(|b| b.complex && entries(b) > 0);
    let kind = if all_complex {
        Kind::Holomorphic
    } else if mixed {
        Kind::Stacked
    } else {
        Kind::Real
    };
    let exact = sampler.method == Method::FullSum;
    let rows = if exact { problem.basis.dimension() as usize } else { sampler.samples };
    let number = if kind == Kind::Real { 8.0 } else { 16.0 };
    let share = rows.div_ceil(ranks) as f64;
    let (p, n) = (columns as f64, rows as f64);
    let method = source.input.optimize.as_ref().map(|o| o.method.as_str());
    let kernel_rows = if kind == Kind::Stacked { 2.0 * n } else { n };
    let solver_bytes = match method {
        None | Some("sgd" | "adam") => 0.0,
        Some("kernel-sr") => number * (2.0 * kernel_rows * kernel_rows + n * p / ranks as f64),
        Some("dense-sr") => number * 2.0 * p * p,
        Some(_) if p <= n => number * 2.0 * p * p,
        Some(_) => number * (2.0 * kernel_rows * kernel_rows + n * p / ranks as f64),
    };
    // An evolution keeps S or T, its eigenvectors and a copy of either.
    let of_evolution = source.input.evolve.as_ref().map_or(0.0, |_| number * 4.0 * p.min(kernel_rows).powi(2));
    let solver_bytes = f64::max(solver_bytes, of_evolution);
    let connected = problem.hamiltonian.flips.len();
    let proposals = if exact { 0.0 } else { n * (sampler.sweeps * problem.lattice.sites) as f64 };
    Ok(Plan {
        states: problem.basis.dimension(),
        sites: problem.lattice.sites,
        parameters,
        columns,
        rows,
        measured: source.input.measure.as_ref().map_or(0, |m| m.samples),
        ranks,
        derivative_bytes: if method.is_some() || source.input.evolve.is_some() { number * share * p } else { 0.0 },
        solver_bytes,
        connected,
        ratios: proposals + n * connected as f64,
    })
}

impl Plan {
    /// Bytes that one rank needs for derivatives and solver.
    pub fn bytes_per_rank(&self) -> f64 {
        self.derivative_bytes + self.solver_bytes
    }

    /// An error where the run cannot fit in this machine's memory.
    pub fn refuse_if_too_large(&self) -> Result<()> {
        let available = available_memory();
        if self.bytes_per_rank() > available {
            return Err(Error::Memory {
                what: format!("a step with {} samples and {} parameters", self.rows, self.parameters),
                needed: self.bytes_per_rank(),
                available,
            });
        }
        Ok(())
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        json!({
            "states": self.states, "sites": self.sites, "parameters": self.parameters, "samples": self.rows,
            "measured_samples": self.measured, "ranks": self.ranks, "derivative_bytes_per_rank": self.derivative_bytes,
            "solver_bytes_per_rank": self.solver_bytes, "bytes_per_rank": self.bytes_per_rank(),
            "connected_configurations": self.connected, "ratios_per_step": self.ratios,
        })
    }

    /// For people, with the lines of a job script.
    pub fn text(&self, title: &str, chains: usize) -> String {
        let tasks = chains.clamp(1, 64);
        format!(
            "{title}\n  states          {:.6e}\n  sites           {}\n  parameters      {}\n  samples a step  {}\n  ratios a step   {:.3e}\n  memory a rank   {:.3} GB on {} rank(s)\n\nSLURM:\n  #SBATCH --ntasks={tasks}\n  #SBATCH --cpus-per-task=1\n  #SBATCH --mem-per-cpu={}M\n  srun --mpi=pmix nishina run …",
            self.states,
            self.sites,
            self.parameters,
            self.rows,
            self.ratios,
            self.bytes_per_rank() / 1e9,
            self.ranks,
            (self.bytes_per_rank() * 1.5 / 1e6 + 200.0).ceil()
        )
    }
}
