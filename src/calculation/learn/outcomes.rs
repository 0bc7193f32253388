//! Decides in which form outcomes stand: all of them in a full sum, a share on every rank beside
//! samples, a batch drawn anew for a step.

use super::Learn;
use super::judge::{UNKNOWN, total};
use super::keys::LearnedObjective;
use super::lesson::{Lesson, few_rotated, readout};
use super::likelihood::{AllOutcomes, WrittenOut};
use super::target::TargetState;
use crate::calculation::vmc::Vmc;
use crate::comm::{Comm, agree, share};
use crate::error::Result;
use crate::rng::{Purpose, stream};
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
    /// Finds the state and the outcomes; the same on every rank.
    pub(super) fn prepare(&mut self, comm: &dyn Comm) -> Result<()> {
        let vmc = self.vmc.borrow();
        let (keys, problem) = (&self.keys, &vmc.problem);
        let found = TargetState::new(self.source, keys, problem).and_then(|state| {
            let sampled = !vmc.ensemble.noise().is_none();
            let lesson = match keys.objective {
                LearnedObjective::Infidelity => None,
                _ => Some(Lesson::new(
                    self.source,
                    keys,
                    problem,
                    state.as_ref(),
                    sampled,
                )?),
            };
            let prepared = self.arrange(&vmc, lesson.as_ref())?;
            Ok((state, lesson, prepared))
        });
        let (state, lesson, prepared) = agree(comm, found)?;
        drop(vmc);
        (self.state, self.lesson, self.prepared) = (state, lesson, Some(prepared));
        Ok(())
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
        Some(lesson.shots.batch(self.keys.batch, &mut rng))
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
            let said = own.judge(&vmc.ensemble.log_psi_of(&own.xs), log_norm);
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
        let state = TargetState::new(self.source, &self.keys, &vmc.problem)?;
        let sampled = !vmc.ensemble.noise().is_none();
        let lesson = Lesson::new(
            self.source,
            &self.keys,
            &vmc.problem,
            state.as_ref(),
            sampled,
        )?;
        Ok(lesson.drawn)
    }
}
