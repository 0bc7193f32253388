//! Decides whether the linear method stands near a high eigenstate, where samples show little else.
//!
//! ```text
//! E − D > 5 σ(E − D)        √Var < (E − D)/4        D = ⟨x|H|x⟩, the mean over the sector
//! ```
//! in six steps, one after the other. D is the energy at infinite temperature: some configuration
//! lies at D or below it, and so does the ground state. A wave function with quantum numbers may
//! have no state that low and is not judged. A full sum has left such a place in fewer steps.

use super::Optimize;
use super::history::StepRow;
use crate::basis::Basis;
use crate::operator::Operator;
use crate::optimizer::OptimizerEntry;
use crate::rng::{Purpose, stream};
use crate::run::Desk;
use crate::stats::{mean_and_error, with_error};
use crate::table::{Entry, has_part};

/// Steps that tell.
const STEPS: usize = 6;
/// Configurations whose diagonal elements are averaged.
const DRAWS: usize = 1024;
/// Standard errors of the distance from D, and its part that the spread of the local energies stays
/// below.
const ERRORS: f64 = 5.0;
const SPREAD: f64 = 0.25;
/// Keys of quantum numbers.
const NUMBERS: [&str; 8] = [
    "momentum",
    "character",
    "rotation",
    "reflection",
    "spin_flip",
    "spin_parity",
    "total_spin",
    "sector",
];
/// Rounding of D.
const ROUNDING: f64 = 1e-9;

/// D and its standard error.
fn middle(operator: &dyn Operator, basis: &Basis, seed: u64) -> Option<(f64, f64)> {
    let mut rng = stream(seed, Purpose::Diagonal, 0, 0);
    let draws = (0..DRAWS).map(|_| operator.diagonal(&basis.random(&mut rng)).re);
    mean_and_error(&draws.collect::<Vec<_>>())
}

/// Whether all of some steps lie above D and near an eigenstate.
fn are_high(rows: &[StepRow], (middle, error): (f64, f64)) -> bool {
    let is_high = |row: &StepRow| {
        let above = row.energy - middle;
        let noise = ERRORS * row.error.hypot(error);
        above > noise.max(ROUNDING * middle.abs()) && row.variance.sqrt() < SPREAD * above
    };
    !rows.is_empty() && rows.iter().all(is_high)
}

/// Whether a wave function, or a part of it, has quantum numbers.
fn has_quantum_numbers(ansatz: &toml::Table) -> bool {
    has_part(ansatz, &|part| {
        NUMBERS.iter().any(|key| part.contains_key(*key))
    })
}

impl Optimize<'_> {
    /// Says once in a stage that its first steps stand near a high eigenstate.
    pub(super) fn say_if_high(&self, desk: &mut Desk) {
        let (step, first) = (self.step, self.stages[self.at].plan.first);
        if step == first + STEPS {
            let high = self.high(&self.history.rows[first..]);
            high.into_iter()
                .for_each(|words| desk.warn(&format!("step {}: {words}", step - 1)));
        }
    }

    /// What there is to say where the last steps still stand there.
    pub(super) fn stays_high(&self) -> Option<String> {
        let (rows, first) = (&self.history.rows, self.stages[self.at].plan.first);
        let late = rows.len().saturating_sub(STEPS);
        let is_later = late >= first + STEPS;
        let words = is_later.then(|| self.high(&rows[late..])).flatten()?;
        Some(format!("the last {STEPS} steps: {words}"))
    }

    /// What is wrong with steps of the stage, and what to do about it.
    fn high(&self, rows: &[StepRow]) -> Option<String> {
        let vmc = self.vmc.borrow();
        let kind = self.stages[self.at].chosen.kind;
        let is_linear = |e: &OptimizerEntry| e.kind() == kind && e.local_derivatives;
        let judged = vmc.problem.registry.optimizers.iter().any(is_linear)
            && !(self.source.input.ansatz.as_ref()).is_some_and(has_quantum_numbers);
        let problem = &vmc.problem;
        let middle = || middle(&*problem.hamiltonian, &problem.basis, vmc.seed);
        let middle = judged.then(middle).flatten()?;
        let last = rows.last().filter(|_| are_high(rows, middle))?;
        Some(format!(
            "E = {} lies above {}, the energy at infinite temperature, near a high eigenstate, \
             which optimize.method = \"{kind}\" hardly leaves on samples: begin with a stage of \
             \"sr\", a larger ansatz.init, or hamiltonian.sign_rule = \"marshall\" where the \
             lattice has two sublattices",
            with_error(last.energy, last.error),
            with_error(middle.0, middle.1)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculation::vmc::problem::problem;
    use crate::registry::Registry;

    fn row(energy: f64, error: f64, variance: f64) -> StepRow {
        StepRow {
            energy,
            error,
            variance,
            ..StepRow::default()
        }
    }

    #[test]
    fn high_states_are_told_from_all_others() {
        let middle = (-0.28, 0.03);
        let high = |row: StepRow| are_high(&[row], middle);
        assert!(high(row(2.5, 0.0, 0.0)) && high(row(2.0, 0.02, 0.3)));
        // Below, within the noise, far from an eigenstate, without an error bar, no number.
        assert!(!high(row(-4.5, 0.01, 0.01)) && !high(row(-2.5, 0.0, 0.0)));
        assert!(!high(row(-0.2, 0.0, 0.0)) && !high(row(0.7, 0.2, 0.01)));
        assert!(!high(row(2.0, 0.02, 0.4)));
        assert!(!high(row(2.5, f64::INFINITY, 0.0)) && !high(row(f64::NAN, 0.1, 0.0)));
        assert!(!are_high(&[], middle));
        assert!(!are_high(
            &[row(2.5, 0.0, 0.0), row(-4.0, 0.1, 1.0)],
            middle
        ));
        // An eigenstate of H = D, up to the last digit.
        assert!(!are_high(&[row(1.0 + 1e-15, 0.0, 0.0)], (1.0, 0.0)));
    }

    /// D is that of the sector, where the mean over all configurations can lie below every state.
    #[test]
    fn the_middle_is_that_of_the_sector() {
        let registry = Registry::default();
        let model = "[lattice]\nkind = 'chain'\nsize = 10\n[hamiltonian]\nkind = 'heisenberg'";
        for (sector, exact) in [(0, -10.0 / 36.0), (4, 1.5)] {
            let text = format!("{model}\nsector = {{ total_sz = {sector} }}");
            let source = crate::input::from_text(&text, ".".into()).unwrap();
            let problem = problem(&source, &registry).unwrap();
            let (mean, error) = middle(&*problem.hamiltonian, &problem.basis, 1).unwrap();
            // With one spin down all configurations are alike.
            assert_eq!(error < 1e-9, sector == 4, "{error}");
            assert!((mean - exact).abs() < 4.0 * error + 1e-12 && error < 0.05);
            assert!(problem.facts.centre.abs() < 1e-12);
        }
    }

    #[test]
    fn wave_functions_with_quantum_numbers_are_found_wherever_they_stand() {
        let has = |text: &str| has_quantum_numbers(&text.parse().unwrap());
        assert!(!has("kind = 'rbm'\ndensity = 2"));
        assert!(has("kind = 'resnet'\nmomentum = [1]") && has("kind = 'gcnn'\ncharacter = 'A1'"));
        assert!(has(
            "kind = 'symmetrised'\nmomentum = [1]\nof = { kind = 'rbm' }"
        ));
        assert!(has(
            "kind = 'product'\nfactors = [{ kind = 'rbm' }, { kind = 'symmetrised', rotation = 1 }]"
        ));
    }
}
