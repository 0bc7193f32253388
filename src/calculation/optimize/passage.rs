//! Decides how an optimisation passes from stage to stage: what its method remembers, with which
//! chains it goes on, and when it goes back to `[sampler]`.
//!
//! A stage with fewer chains than the one before goes on with the first of them; one with more
//! begins them in the same places, and all burn in. The chains of the state that a fault goes back
//! to change with them.

use super::Optimize;
use super::method::ChosenOptimizer;
use super::stages::StagePlan;
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;
use crate::run::Desk;

/// A stage with its optimiser.
pub(super) struct OpenStage {
    pub(super) plan: StagePlan,
    pub(super) chosen: ChosenOptimizer,
    /// What the optimiser remembers before its first step.
    fresh: Tree,
}

impl OpenStage {
    pub(super) fn new(plan: StagePlan, chosen: ChosenOptimizer) -> Self {
        let mut fresh = Tree::default();
        chosen.optimizer.save(&mut fresh, "state");
        OpenStage {
            plan,
            chosen,
            fresh,
        }
    }

    /// The learning rate of step `step` of all.
    pub(super) fn rate(&self, step: usize) -> f64 {
        let step = step.saturating_sub(self.plan.rate_from);
        self.plan.keys.learning_rate.at(step)
    }

    /// The number of step `step` of all for what regularises.
    pub(super) fn counted(&self, step: usize) -> usize {
        step.saturating_sub(self.plan.shift_from)
    }

    /// Forgets all steps.
    pub(super) fn forget(&mut self) -> Result<Tree> {
        self.chosen.optimizer.load(&self.fresh, "state")?;
        Ok(self.fresh.clone())
    }
}

impl Optimize<'_> {
    /// The stage of the next step.
    pub(super) fn stage(&mut self) -> &mut OpenStage {
        &mut self.stages[self.at]
    }

    /// The number of the stage of a step, from 0; the last where all are done.
    pub(super) fn stage_of(&self, step: usize) -> usize {
        let begun = self.stages.partition_point(|s| s.plan.first <= step);
        begun.saturating_sub(1)
    }

    /// The last fifth of an optimisation whose steps were raised within or behind it begins where
    /// it began.
    pub(super) fn keep_polish(&mut self, from: &Tree) -> Result<()> {
        let tried = self.pilots.most_steps();
        let (Ok(first), [before, polished]) =
            (from.count("plan/polished_from"), &mut self.stages[..])
        else {
            return Ok(());
        };
        if self.keys.polish && self.step.max(tried) > first && first < self.keys.steps {
            before.plan.steps = first;
            (polished.plan.first, polished.plan.steps) = (first, self.keys.steps - first);
        }
        Ok(())
    }

    /// Lets samples be drawn as the stage of the next step says, and announces it at its first.
    pub(super) fn take_stage(&mut self, desk: &mut Desk) -> Result<()> {
        self.sample_for_stage(desk.comm)?;
        let (number, stage) = (self.at + 1, &self.stages[self.at]);
        if self.stages.len() > 1 && self.step == stage.plan.first {
            let samples = match self.vmc.borrow().ensemble.noise().is_none() {
                true => String::new(),
                false => format!(" of {} samples", stage.plan.sampler.samples),
            };
            let (all, steps, kind) = (self.stages.len(), stage.plan.steps, stage.chosen.kind);
            desk.say(&format!(
                "stage {number} of {all}: {steps} steps{samples}, {kind}"
            ));
        }
        Ok(())
    }

    /// Chains over all ranks that a state before step `step` has.
    pub(super) fn chains_at(&self, step: usize) -> usize {
        self.stages[self.stage_of(step)].plan.sampler.chains
    }

    /// Samples are drawn as the stage of the next step says, unless they are already; the state to
    /// go back to has as many chains.
    fn sample_for_stage(&mut self, comm: &dyn Comm) -> Result<()> {
        if self.taken == Some(self.at) {
            return Ok(());
        }
        let vmc = &mut *self.vmc.borrow_mut();
        let (before, sampler) = (vmc.sampler.chains, &self.stages[self.at].plan.sampler);
        vmc.sample_as(sampler, comm)?;
        self.taken = Some(self.at);
        if sampler.chains == before {
            return Ok(());
        }
        self.policy.still.clear();
        if let Some(safe) = &mut self.policy.safe {
            self.mark.replaced.get_or_insert_with(|| Some(safe.clone()));
            safe.chains = vmc.spread(comm, &safe.chains, sampler.chains)?;
        }
        Ok(())
    }

    /// Once more samples are drawn as `[sampler]` says.
    pub(super) fn leave_stages(&mut self, comm: &dyn Comm) -> Result<()> {
        self.taken = None;
        self.vmc.borrow_mut().sample_as(&self.sampler, comm)
    }

    /// Behind a step the stage of the next one, with what its method remembers; at the end of a
    /// block.
    pub(super) fn enter_stage(&mut self, comm: &dyn Comm) -> Result<()> {
        let (before, next) = (self.at, self.stage_of(self.step));
        if next == before {
            return Ok(());
        }
        if self.stages[before].chosen.kind == self.stages[next].chosen.kind {
            let mut memory = Tree::default();
            let of_before = &self.stages[before].chosen.optimizer;
            of_before.save(&mut memory, "state");
            self.stages[next].chosen.optimizer.load(&memory, "state")?;
        } else {
            let fresh = self.stages[next].forget()?;
            if let Some(safe) = &mut self.policy.safe {
                safe.optimizer = fresh;
            }
        }
        if self.stages[next].plan.rate_from > 0 {
            (self.policy.level, self.policy.sound) = (0, 0);
        }
        self.at = next;
        self.sample_for_stage(comm)
    }
}
