//! Decides in which form outcomes stand: all of them in a full sum, a share on every rank beside
//! samples, a batch drawn anew for a step.

use super::Learn;
use super::judge::{UNKNOWN, total};
use super::keys::LearnedObjective;
use super::lesson::{Lesson, few_rotated, readout};
use super::likelihood::{self, AllOutcomes, WrittenOut};
use super::target::{self, TargetState};
use crate::calculation::vmc::Vmc;
use crate::comm::{Comm, Serial, agree, share};
use crate::error::Result;
use crate::rng::{Purpose, stream};
use crate::run::Desk;
use crate::shots::Shots;

/// Outcomes in the form in which the ensemble can judge them.
pub(super) enum Prepared {
    /// In a full sum.
    All(AllOutcomes, Option<AllOutcomes>),
    /// Beside samples: all of this rank's share, and what is held out of it.
    Share(WrittenOut, Option<WrittenOut>),
    /// None, for an infidelity.
    None,
}

impl Learn<'_> {
    /// Finds the state and the outcomes: rank 0 does, and hands them to all ranks.
    pub(super) fn prepare(&mut self, desk: &Desk) -> Result<()> {
        let (comm, vmc) = (desk.comm, self.vmc.borrow());
        let (source, keys, problem) = (self.source, &self.keys, &vmc.problem);
        let found = match comm.is_root() {
            true => target::amplitudes(source, keys, problem),
            false => Ok(None),
        };
        let state = TargetState::share(source, keys, problem, found, comm)?;
        let lesson = match keys.objective {
            LearnedObjective::Infidelity => None,
            LearnedObjective::KullbackLeibler => {
                let found = match comm.is_root() {
                    true => self.lesson_of(state.as_ref(), &|| desk.go_on()).map(Some),
                    false => Ok(None),
                };
                Some(Lesson::share(agree(comm, found)?, vmc.sites(), comm)?)
            }
        };
        let prepared = agree(comm, self.arrange(&vmc, lesson.as_ref()))?;
        drop(vmc);
        (self.state, self.lesson, self.prepared) = (state, lesson, Some(prepared));
        Ok(())
    }

    /// The outcomes of the input.
    fn lesson_of(&self, state: Option<&TargetState>, go_on: &dyn Fn() -> bool) -> Result<Lesson> {
        let vmc = self.vmc.borrow();
        let sampled = !vmc.ensemble.noise().is_none();
        Lesson::new(self.source, &self.keys, &vmc.problem, state, sampled, go_on)
    }

    pub(super) fn arrange(&self, vmc: &Vmc, lesson: Option<&Lesson>) -> Result<Prepared> {
        let Some(lesson) = lesson else {
            return Ok(Prepared::None);
        };
        let sites = vmc.sites();
        if vmc.ensemble.noise().is_none() {
            let index = vmc.problem.basis.numbering()?;
            let all = |shots: &Shots| AllOutcomes::new(shots, &index, readout(&self.keys, sites)?);
            let held = lesson.held.as_ref().map(all).transpose()?;
            return Ok(Prepared::All(all(&lesson.shots)?, held));
        }
        lesson.shots.bases.iter().try_for_each(few_rotated)?;
        for shots in [Some(&lesson.shots), lesson.held.as_ref()]
            .into_iter()
            .flatten()
        {
            likelihood::within(shots, &vmc.problem.basis)?;
        }
        let own = |shots: &Shots| WrittenOut::new(shots, self.share(shots));
        Ok(Prepared::Share(
            own(&lesson.shots),
            lesson.held.as_ref().map(own),
        ))
    }

    /// This rank's rows.
    pub(super) fn share(&self, shots: &Shots) -> std::ops::Range<usize> {
        share(shots.len(), self.rank.0, self.rank.1)
    }

    /// The outcomes of a step, where a batch is drawn anew for each.
    pub(super) fn batch(&self) -> Option<Shots> {
        let lesson = self.lesson.as_ref().filter(|_| self.keys.batch > 0)?;
        let now = &self.standing;
        let (member, step) = (now.member as u64, now.step as u64);
        let mut rng = stream(self.source.input.seed, Purpose::LearnBatch, member, step);
        Some(lesson.shots.batch(&lesson.urn, self.keys.batch, &mut rng))
    }

    /// Ξ of all outcomes at the present parameters with this ln ⟨ψ|ψ⟩, and of those held out.
    pub(super) fn likelihood_of_all(
        &self,
        vmc: &Vmc,
        log_norm: f64,
        comm: &dyn Comm,
    ) -> Result<(f64, Option<f64>)> {
        let Some(Prepared::Share(all, held)) = &self.prepared else {
            return Ok((UNKNOWN, None));
        };
        let sum = |own: &WrittenOut| {
            let said = own.judge(&*vmc.ensemble, log_norm, |_, _| ());
            let rows = said.each.iter().map(|v| [*v]);
            total(rows, vmc.deterministic, comm).map(|sums| sums[0])
        };
        Ok((sum(all)?, held.as_ref().map(sum).transpose()?))
    }

    /// What was drawn from a state, if anything, also where a run that was complete is only
    /// written again.
    pub(super) fn drawn(&self) -> Result<Option<Shots>> {
        if self.keys.shots == 0 {
            return Ok(None);
        }
        if let Some(lesson) = &self.lesson {
            return Ok(lesson.drawn.clone());
        }
        let vmc = self.vmc.borrow();
        let found = target::amplitudes(self.source, &self.keys, &vmc.problem);
        let state = TargetState::share(self.source, &self.keys, &vmc.problem, found, &Serial)?;
        let lesson = self.lesson_of(state.as_ref(), &|| true)?;
        Ok(lesson.drawn)
    }
}
