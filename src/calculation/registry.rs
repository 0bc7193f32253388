//! Decides which kinds an input can name: one shelf for each list of this program, to which another
//! crate adds its own.

use super::{SECTIONS, Section};
use crate::ansatz::{ANSATZE, AnsatzEntry};
use crate::observable::{OBSERVABLES, ObservableEntry};
use crate::operator::models::{MODELS, ModelEntry};
use crate::optimizer::{OPTIMIZERS, OptimizerEntry};
use crate::sampler::{RULES, RuleEntry};
use crate::table::Shelf;

/// All lists of kinds. Whatever reads an input gets the same one: runs, checks, states of files.
///
/// Another crate adds its own kinds with [`Shelf::with`]:
/// ```
/// # use nishina::calculation::Registry;
/// # let mine: &[nishina::ansatz::AnsatzEntry] = &[];
/// let mut registry = Registry::default();
/// registry.ansatze = registry.ansatze.with(mine);
/// ```
#[derive(Clone, Copy)]
pub struct Registry<'a> {
    /// `ansatz.kind`
    pub ansatze: Shelf<'a, AnsatzEntry>,
    /// `hamiltonian.kind`
    pub models: Shelf<'a, ModelEntry>,
    /// `sampler.moves`
    pub moves: Shelf<'a, RuleEntry>,
    /// `measure.observables`
    pub observables: Shelf<'a, ObservableEntry>,
    /// `optimize.method`
    pub optimizers: Shelf<'a, OptimizerEntry>,
    /// Sections of an input that calculate something, in the order in which they are done.
    pub sections: Shelf<'a, Section>,
}

impl Default for Registry<'_> {
    fn default() -> Self {
        Registry {
            ansatze: Shelf::new(ANSATZE),
            models: Shelf::new(MODELS),
            moves: Shelf::new(RULES),
            observables: Shelf::new(OBSERVABLES),
            optimizers: Shelf::new(OPTIMIZERS),
            sections: Shelf::new(SECTIONS),
        }
    }
}
