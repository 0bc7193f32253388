//! Decides the wave function whose modulus is the square root of a Boltzmann machine's
//! distribution: ψ = √p_λ e^{iφ_μ/2}.
//!
//! ln ψ(v) = ½ ln p̃_λ(v) + (i/2) ln p̃_μ(v) up to a constant, with the p̃ of machine.rs. Each
//! machine is a real one of rbm/, ln p̃ = ln ψ_rbm + M ln 2, and a ratio is the root of its ratio.
//! (G. Torlai et al., Nat. Phys. 14, 447 (2018).)

mod factory;
mod layers;
mod machine;
pub mod partition;
mod slopes;
#[cfg(test)]
mod tests;

pub use factory::{build, schema};
pub use layers::{SweepRoom, TwoLayers};
pub use machine::BoltzmannMachine;

use super::field::{check_length, reduce};
use super::rbm::{Rbm, RbmBatch, RbmScratch};
use super::{Alternating, Ansatz, AnsatzFacts, Asks, Block, Derivatives, Kind};
use crate::basis::Move;
use crate::error::Result;
use crate::rng::{Generator, Origin};
use num_complex::Complex64;
use std::f64::consts::LN_2;

/// What names of blocks of the machine of the phase begin with.
const PHASE: &str = "phase_";

/// A wave function of one or two real machines.
#[derive(Debug, Clone)]
pub struct Boltzmann {
    /// Of which |ψ|² is the distribution.
    density: Rbm<f64>,
    /// Of which φ = ln p̃.
    phase: Option<Rbm<f64>>,
    hidden: usize,
    /// The layers of the density, for block Gibbs.
    layers: TwoLayers,
}

/// Tables of both machines.
#[derive(Debug)]
pub struct BoltzmannBatch {
    density: RbmBatch,
    phase: Option<RbmBatch>,
}

/// The last questions of both machines.
#[derive(Debug, Default)]
pub struct BoltzmannScratch {
    density: RbmScratch,
    phase: RbmScratch,
    turns: Vec<Complex64>,
}

/// A machine without biases whose weights have the standard deviation `init`.
fn start(sites: usize, hidden: usize, init: f64, origin: Origin) -> Rbm<f64> {
    let mut machine = Rbm::dense(sites, hidden, true, true, init, origin);
    let mut parameters = machine.parameters();
    parameters[..sites + hidden].fill(0.0);
    let fits = machine.set_parameters(&parameters);
    debug_assert!(fits.is_ok());
    machine
}

/// The layers of a real machine with all biases.
fn layers_of(density: &Rbm<f64>) -> TwoLayers {
    match BoltzmannMachine::of(&density.layout(), &density.parameters()) {
        Some(machine) => TwoLayers::new(&machine),
        None => unreachable!("a dense machine with biases has the blocks a, b and W"),
    }
}

/// ln of the ratio of a real machine to a move of walker `k`, computed afresh where the ratio is
/// near the ends of the range of numbers.
fn log_ratio(machine: &Rbm<f64>, batch: &RbmBatch, ratio: f64, k: usize, step: Move) -> f64 {
    if (1e-290..1e290).contains(&ratio) {
        return ratio.ln();
    }
    let n = machine.sites();
    let x = &batch.x[k * n..(k + 1) * n];
    let mut rows = [x, x].concat();
    step.apply(&mut rows[n..]);
    let logs = machine.log_psi(&machine.batch(&rows));
    logs[1].re - logs[0].re
}

impl Boltzmann {
    /// `hidden` units for the density and, with `phase`, as many for the phase. Biases are 0, and
    /// weights are Gaussian with standard deviation `init`.
    pub fn new(
        sites: usize,
        hidden: usize,
        phase: bool,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let origin = seed.into();
        let density = start(sites, hidden, init, origin);
        Boltzmann {
            layers: layers_of(&density),
            density,
            phase: phase.then(|| start(sites, hidden, init, origin.part(0))),
            hidden,
        }
    }
}

impl Ansatz for Boltzmann {
    type Batch = BoltzmannBatch;
    type Scratch = BoltzmannScratch;

    fn sites(&self) -> usize {
        self.density.sites()
    }
    fn layout(&self) -> Vec<Block> {
        let phase = self.phase.iter().flat_map(|phase| phase.layout());
        let named = phase.map(|block| Block {
            name: format!("{PHASE}{}", block.name),
            ..block
        });
        self.density.layout().into_iter().chain(named).collect()
    }
    fn parameters(&self) -> Vec<f64> {
        let mut parameters = self.density.parameters();
        parameters.extend(self.phase.iter().flat_map(|phase| phase.parameters()));
        parameters
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        let (n, m) = (self.sites(), self.hidden);
        let each = n + m + n * m;
        check_length(parameters, each * (1 + usize::from(self.phase.is_some())))?;
        let (density, rest) = parameters.split_at(each);
        self.density.set_parameters(density)?;
        if let Some(phase) = &mut self.phase {
            phase.set_parameters(rest)?;
        }
        self.layers = layers_of(&self.density);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let density = self.density.facts();
        let machines = 1 + usize::from(self.phase.is_some());
        AnsatzFacts {
            kind: match self.phase {
                None => Kind::Real,
                Some(_) => Kind::Stacked,
            },
            positive: self.phase.is_none(),
            bytes_per_walker: machines * density.bytes_per_walker,
            operations: machines as f64 * density.operations,
            ..density
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        BoltzmannBatch {
            density: self.density.batch(xs),
            phase: self.phase.as_ref().map(|phase| phase.batch(xs)),
        }
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let half = |log: Complex64| 0.5 * (log.re + self.hidden as f64 * LN_2);
        let mut logs = self.density.log_psi(&batch.density);
        logs.iter_mut().for_each(|log| *log = half(*log).into());
        if let (Some(phase), Some(batch)) = (&self.phase, &batch.phase) {
            for (log, angle) in logs.iter_mut().zip(phase.log_psi(batch)) {
                *log = reduce(Complex64::new(log.re, half(angle)));
            }
        }
        logs
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        let tables = &batch.density;
        self.density.ratios(tables, asks, &mut scratch.density, out);
        for ((k, step), out) in asks.iter().zip(&mut *out) {
            *out = if (1e-290..1e290).contains(&out.re) {
                out.re.sqrt().into()
            } else {
                let half = 0.5 * log_ratio(&self.density, tables, out.re, k, step);
                super::field::ratio_from_log(half.into())
            };
        }
        if let (Some(phase), Some(tables)) = (&self.phase, &batch.phase) {
            let turns = &mut scratch.turns;
            turns.resize(out.len(), Complex64::ZERO);
            phase.ratios(tables, asks, &mut scratch.phase, turns);
            for (((k, step), out), turn) in asks.iter().zip(out).zip(turns) {
                let angle = 0.5 * log_ratio(phase, tables, turn.re, k, step);
                *out *= Complex64::cis(angle);
            }
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let (density, own) = (&mut batch.density, &mut scratch.density);
        self.density.accept(density, asks, taken, own);
        if let (Some(phase), Some(batch)) = (&self.phase, &mut batch.phase) {
            phase.accept(batch, asks, taken, &mut scratch.phase);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let kind = self.facts().kind;
        let density = self.density.derivatives(&batch.density);
        let samples = density.samples();
        let mut blocks = slopes::times(density, Complex64::new(0.5, 0.0));
        if let (Some(phase), Some(batch)) = (&self.phase, &batch.phase) {
            let half = Complex64::new(0.0, 0.5);
            blocks.extend(slopes::times(phase.derivatives(batch), half));
        }
        Derivatives::new(kind, samples, blocks)
    }
    fn alternating(&self) -> Option<&dyn Alternating> {
        Some(self)
    }
}

impl Alternating for Boltzmann {
    fn hidden(&self) -> usize {
        self.hidden
    }
    fn sweep(&self, rngs: &mut [Generator], xs: &mut [i8], room: &mut SweepRoom) {
        self.layers.sweep(rngs, xs, room);
    }
}
