//! Decides which state of an optimisation is the best one, and when it is measured.
//!
//! The energies of a window, a twentieth of the steps of a stage, are averaged; the parameters at
//! which the last samples of the window with the lowest upper end of its error bar, E + σ, were
//! taken are kept: what its last update made of them nobody has seen yet. They come
//! back where the mean of the last steps lies above theirs by three standard errors of the
//! difference: the lowest of twenty equal means lies two errors below the last one by chance. Where
//! parameters are averaged, only where the optimisation has diverged: [`super::warnings`].

use super::Optimize;
use super::warnings::{self, window_length, window_mean};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use std::rc::Rc;

/// Standard errors by which the last window is worse than the best.
const WORSE: f64 = 3.0;

/// The best state so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Mean energy of its window, and the standard error.
    pub(super) energy: [f64; 2],
    /// Steps behind it.
    pub(super) step: usize,
    /// The parameters there.
    pub(super) parameters: Vec<f64>,
}

impl Best {
    /// Writes what a restart needs.
    pub fn save(&self, out: &mut Tree) {
        out.put_real("energy", self.energy[0]);
        out.put_real("error", self.energy[1]);
        out.put_integer("step", self.step as i64);
        out.put_reals("parameters", &self.parameters);
    }

    /// What was written of so many parameters, if anything was.
    pub fn load(from: &Tree, parameters: usize) -> Result<Option<Rc<Best>>> {
        if !from.datasets.contains_key("step") {
            return Ok(None);
        }
        let best = Best {
            energy: [from.real("energy")?, from.real("error")?],
            step: from.count("step")?,
            parameters: from.reals("parameters")?,
        };
        match best.parameters.len() == parameters {
            true => Ok(Some(Rc::new(best))),
            false => Err(Error::numerical(
                "the best state of the checkpoint does not fit this run",
                "start over with --fresh or use another output.name",
            )),
        }
    }
}

impl Optimize<'_> {
    /// The present parameters, where this step is the last one of a window.
    pub(super) fn state_of_window(&self) -> Option<Vec<f64>> {
        let stage = &self.stages[self.at].plan;
        let done = self.step + 1 - stage.first;
        let ends = !self.is_lifted() && done.is_multiple_of(window_length(stage.steps));
        ends.then(|| self.vmc.borrow().ensemble.parameters())
    }

    /// Behind the last step of a window the state at which it was sampled, if it is the best one.
    pub(super) fn keep_best(&mut self, judged: Option<Vec<f64>>) {
        let Some(parameters) = judged else {
            return;
        };
        let length = window_length(self.stages[self.at].plan.steps);
        let rows = &self.history.rows;
        let window = &rows[rows.len().saturating_sub(length)..];
        let Some((energy, error)) = window_mean(window, length, self.lower_bound) else {
            return;
        };
        let lower = |b: &Rc<Best>| energy + error < b.energy[0] + b.energy[1];
        if self.best.as_ref().is_none_or(lower) {
            self.best = Some(Rc::new(Best {
                energy: [energy, error],
                step: self.step - 1,
                parameters,
            }));
        }
    }

    /// Whether the energy has risen again by more than a part of its descent.
    pub(super) fn has_diverged(&self) -> bool {
        let list = || warnings::of_optimisation(&self.history, self.lower_bound);
        !self.is_lifted() && !list().is_empty()
    }

    /// Whether the last window is worse than this one.
    pub(super) fn is_behind(&self, best: &Best) -> bool {
        let stage = &self.stages[self.at].plan;
        let length = window_length(stage.steps);
        let rows = &self.history.rows;
        let window = &rows[rows.len().saturating_sub(length).max(stage.first)..];
        let last = window_mean(window, length, self.lower_bound);
        let worse = |(energy, error): (f64, f64)| {
            let noise = (WORSE * error.hypot(best.energy[1])).max(1e-9 * best.energy[0].abs());
            energy - best.energy[0] > noise
        };
        self.average.is_none() && self.step > best.step && last.is_some_and(worse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_state_survives_a_round_trip() {
        let best = Best {
            energy: [-1.5, 0.01],
            step: 40,
            parameters: vec![0.25, -1.0],
        };
        let mut tree = Tree::default();
        best.save(&mut tree);
        assert_eq!(Best::load(&tree, 2).unwrap().as_deref(), Some(&best));
        assert!(Best::load(&tree, 3).is_err());
        assert_eq!(Best::load(&Tree::default(), 2).unwrap(), None);
    }
}
