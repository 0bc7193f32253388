//! Decides the state that an optimisation ends with where it has diverged: the best one.
//!
//! The energies of a window, a twentieth of the steps, are averaged; the parameters at the end of
//! the window with the lowest mean are kept. They come back where the mean of the last window lies
//! above the lowest by more than noise, as [`super::warnings`] has it.

use super::Optimize;
use super::warnings::{self, window_length, window_mean};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::run::Desk;
use crate::stats::with_error;
use std::rc::Rc;

/// The best state so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Mean energy of its window, and the standard error.
    energy: [f64; 2],
    /// Steps behind it.
    step: usize,
    /// The parameters there.
    parameters: Vec<f64>,
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
    /// At the end of a window its state, if it is the best one.
    pub(super) fn keep_best(&mut self) {
        let length = window_length(self.keys.steps);
        if !self.orthogonal.is_empty() || !self.step.is_multiple_of(length) {
            return;
        }
        let rows = &self.history.rows;
        let window = &rows[rows.len().saturating_sub(length)..];
        let Some((energy, error)) = window_mean(window, length, self.lower_bound) else {
            return;
        };
        if self.best.as_ref().is_none_or(|b| energy < b.energy[0]) {
            self.best = Some(Rc::new(Best {
                energy: [energy, error],
                step: self.step,
                parameters: self.vmc.borrow().ensemble.parameters(),
            }));
        }
    }

    /// Whether the optimisation has diverged; its best state then takes the place of the last one.
    pub(super) fn return_to_best(&mut self, desk: &mut Desk) -> Result<bool> {
        let history = &self.history;
        let diverged = self.orthogonal.is_empty()
            && !warnings::of_optimisation(history, self.lower_bound).is_empty();
        let Some(best) = self.best.as_ref().filter(|_| diverged) else {
            return Ok(false);
        };
        let vmc = &mut *self.vmc.borrow_mut();
        vmc.ensemble.set_parameters(&best.parameters)?;
        vmc.burn_in_due = true;
        desk.say(&format!(
            "the parameters are those after step {}, where E = {} was lowest",
            best.step,
            with_error(best.energy[0], best.energy[1])
        ));
        Ok(true)
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
