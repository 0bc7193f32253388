//! Decides how parameters move: one optimiser for the amplitude and one for the phase of a
//! `boltzmann`, each with its rate, or the natural gradient of all.
//!
//! θ ← θ − η ∇ with ∇ = 2 F for real parameters and F for holomorphic ones; "sr": θ ← θ − η (S +
//! λ)⁻¹ F.

use super::keys::{LearnInput, LearningMethod};
use crate::ansatz::Block;
use crate::calculation::vmc::Vmc;
use crate::comm::Comm;
use crate::derivatives::Kind;
use crate::error::Result;
use crate::io::tree::Tree;
use crate::optimizer::{
    OPTIMIZERS, Objective, Optimizer, OptimizerOptions, Regularisation, Residuals, Schedule,
    natural,
};
use crate::table::Shelf;
use num_complex::Complex64;
use std::ops::Range;

/// What names of blocks of a phase begin with.
const PHASE: &str = "phase_";

/// Places of the parameters of one kind, and how they move.
struct Mover {
    places: Vec<Range<usize>>,
    rate: Schedule,
    /// Steps in which they move.
    steps: Range<usize>,
    /// None for the natural gradient, which keeps nothing.
    rule: Option<Box<dyn Optimizer>>,
}

/// How all parameters move.
pub(super) struct Movers {
    movers: Vec<Mover>,
    options: OptimizerOptions,
    method: LearningMethod,
    /// ∇ beside F.
    factor: f64,
}

/// Places of the blocks in the flat vector, those of the phase apart.
pub(super) fn places(layout: &[Block]) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let mut start = 0;
    let (mut others, mut phase) = (Vec::new(), Vec::new());
    for block in layout {
        let end = start + block.numbers();
        match block.name.starts_with(PHASE) {
            true => phase.push(start..end),
            false => others.push(start..end),
        }
        start = end;
    }
    (others, phase)
}

impl Movers {
    /// Of the keys, for a wave function with this layout and derivatives of this kind.
    pub fn new(keys: &LearnInput, layout: &[Block], kind: Kind) -> Result<Self> {
        let rule = || -> Result<Option<Box<dyn Optimizer>>> {
            if keys.method == LearningMethod::Sr {
                return Ok(None);
            }
            let entry = Shelf::new(OPTIMIZERS).find(&keys.method.name(), "learn.method")?;
            let options = keys.metric().options()?;
            (entry.build)(&keys.of_adam(), &options).map(Some)
        };
        let (amplitude, phase) = places(layout);
        let from = keys.phase_from.unwrap_or(0);
        let until = if keys.freeze_amplitude {
            from
        } else {
            usize::MAX
        };
        let of_phase = keys.phase_learning_rate.clone();
        let own = keys.learning_rate.clone();
        let groups = [
            (amplitude, own.clone(), 0..until),
            (phase, of_phase.unwrap_or(own), from..usize::MAX),
        ];
        let mut movers = Vec::new();
        for (places, rate, steps) in groups {
            if !places.is_empty() {
                let rule = rule()?;
                movers.push(Mover {
                    places,
                    rate,
                    steps,
                    rule,
                });
            }
        }
        Ok(Movers {
            movers,
            options: keys.metric().options()?,
            method: keys.method,
            factor: factor(kind),
        })
    }

    /// What a step follows, from the force and the samples of the model: ∇, or (S + λ)⁻¹ F.
    pub fn pending(
        &self,
        vmc: &Vmc,
        force: &[f64],
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Vec<f64>> {
        if self.method != LearningMethod::Sr {
            return Ok(force.iter().map(|f| self.factor * f).collect());
        }
        let derivatives = vmc.ensemble.derivatives();
        let still = vec![Complex64::ZERO; derivatives.samples()];
        let data = Residuals {
            derivatives: &derivatives,
            weights: vmc.ensemble.weights(),
            residual: &still,
            exact: vmc.ensemble.noise().is_none(),
        };
        let rule = Regularisation::at(&self.options, step);
        natural::direction(&data, force, rule, vmc.deterministic, comm)
    }

    /// The parameters after step number `step`.
    pub fn moved(
        &mut self,
        parameters: &[f64],
        pending: &[f64],
        step: usize,
        comm: &dyn Comm,
    ) -> Result<Vec<f64>> {
        let mut moved = parameters.to_vec();
        for mover in self.movers.iter_mut().filter(|m| m.steps.contains(&step)) {
            let own: Vec<f64> = mover
                .places
                .iter()
                .flat_map(|p| pending[p.clone()].to_vec())
                .collect();
            let update = match &mut mover.rule {
                None => own,
                Some(rule) => {
                    rule.direction(&Objective::Gradient(&own), step, comm)?
                        .update
                }
            };
            let rate = mover.rate.at(step);
            let flat = mover.places.iter().cloned().flatten();
            flat.zip(update).for_each(|(k, d)| moved[k] -= rate * d);
        }
        Ok(moved)
    }

    /// Writes what the optimisers remember.
    pub fn save(&self, out: &mut Tree, prefix: &str) {
        for (k, rule) in self.movers.iter().enumerate() {
            if let Some(rule) = &rule.rule {
                rule.save(out, &format!("{prefix}/{k}"));
            }
        }
    }

    /// Takes it back.
    pub fn load(&mut self, from: &Tree, prefix: &str) -> Result<()> {
        for (k, mover) in self.movers.iter_mut().enumerate() {
            if let Some(rule) = &mut mover.rule {
                rule.load(from, &format!("{prefix}/{k}"))?;
            }
        }
        Ok(())
    }
}

/// The derivative of the objective beside F.
pub(super) fn factor(kind: Kind) -> f64 {
    if kind == Kind::Holomorphic { 1.0 } else { 2.0 }
}
