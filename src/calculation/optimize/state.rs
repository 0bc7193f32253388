//! Decides what an optimisation keeps: for the boundary before a step, and for a restart.

use super::Optimize;
use super::average::Average;
use super::best::Best;
use super::ending::{Called, Ended, How};
use super::history::History;
use super::pilots::Pilots;
use super::policy::{Policy, Snapshot};
use crate::calculation::vmc::Vmc;
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;
use crate::run::Loaded;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Where the optimisation stood at the last boundary, besides parameters and chains.
#[derive(Debug, Clone, Default)]
pub(super) struct Mark {
    step: usize,
    /// The policy without the state to go back to.
    policy: Policy,
    /// That state, where the step has replaced it.
    pub replaced: Option<Option<Snapshot>>,
    /// The optimiser's state.
    pub optimizer: Tree,
    average: Option<Average>,
    best: Option<Rc<Best>>,
    ending: Ended,
    pilots: Pilots,
}

/// The policy of a checkpoint with this rank's share of so many chains; `other_chains` says whether
/// the checkpoint has another number.
pub(super) fn load_policy(
    from: &Tree,
    vmc: &Vmc,
    chains: usize,
    other_chains: bool,
) -> Result<Policy> {
    let mut policy = Policy::load(from)?;
    if let Some(safe) = &mut policy.safe {
        safe.chains = vmc.my_chains(&safe.chains, chains);
    }
    let mut still = std::mem::take(&mut policy.still);
    if other_chains {
        still.clear();
    }
    policy.still = still.get(vmc.chains_of(chains)).unwrap_or(&[]).to_vec();
    Ok(policy)
}

/// A warning that names the keys of an optimisation that has ended which are others now.
fn warn_of_keys(before: &str, now: &str) {
    let [before, now] = [before, now].map(|text| text.parse::<toml::Table>().unwrap_or_default());
    let all: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let other = all
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key));
    let keys: Vec<String> = other.map(|key| format!("optimize.{key}")).collect();
    log::warn!(
        "the optimisation has ended, and {} of the input is not what it was made with; its result \
         stays: give it more steps to go on, or --fresh to start over",
        keys.join(", ")
    );
}

impl Optimize<'_> {
    pub(super) fn set_mark(&mut self) {
        let mut optimizer = Tree::default();
        let of_method = &self.stages[self.at].chosen.optimizer;
        of_method.save(&mut optimizer, "state");
        self.mark = Mark {
            step: self.step,
            policy: self.policy.without_safe(),
            replaced: None,
            optimizer,
            average: self.average.clone(),
            best: self.best.clone(),
            ending: self.ending.clone(),
            pilots: self.pilots.clone(),
        };
    }

    pub(super) fn go_to_mark(&mut self) -> Result<()> {
        let safe = match self.mark.replaced.take() {
            Some(before) => before,
            None => self.policy.safe.take(),
        };
        self.policy = Policy {
            safe,
            ..self.mark.policy.clone()
        };
        self.step = self.mark.step;
        self.average.clone_from(&self.mark.average);
        self.best.clone_from(&self.mark.best);
        self.ending.clone_from(&self.mark.ending);
        self.pilots.clone_from(&self.mark.pilots);
        self.history.rows.truncate(self.step);
        self.history.seconds.truncate(self.step);
        (self.at, self.taken) = (self.stage_of(self.step), None);
        let optimizer = &mut self.stages[self.at].chosen.optimizer;
        optimizer.load(&self.mark.optimizer, "state")
    }

    pub(super) fn save_state(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        let vmc = self.vmc.borrow();
        vmc.save(out, comm)?;
        out.put_integer("step", self.step as i64);
        out.put_integer("plan/steps", self.keys.steps as i64);
        if self.keys.polish && self.stages.len() > 1 {
            out.put_integer("plan/polished_from", self.stages[1].plan.first as i64);
        }
        out.put_text("schedule", self.schedule.clone());
        let chosen = &self.stages[self.at].chosen;
        out.put_text("optimizer/kind", chosen.kind);
        chosen.optimizer.save(out, "optimizer/state");
        let mut policy = Tree::default();
        self.policy.save(&mut policy, comm, vmc.sites())?;
        out.put_group("policy", policy);
        self.history.save(out);
        if let Some(average) = &self.average {
            let mut tree = Tree::default();
            average.save(&mut tree);
            out.put_group("average", tree);
        }
        if let Some(best) = &self.best {
            let mut tree = Tree::default();
            best.save(&mut tree);
            out.put_group("best", tree);
        }
        let mut ending = Tree::default();
        self.ending.save(&mut ending);
        out.put_group("ending", ending);
        let mut pilots = Tree::default();
        self.save_pilots(&mut pilots, comm)?;
        out.put_group("pilots", pilots);
        Ok(())
    }

    pub(super) fn load_state(&mut self, from: &Tree) -> Result<Loaded> {
        self.step = from.count("step")?;
        self.started_at = self.step;
        self.history = History::load(from)?;
        self.ending = Ended::load(&from.group("ending"))?;
        let before = self.ending.how;
        let changed = from.text("schedule")? != self.schedule;
        let planned = from.count("plan/steps").unwrap_or(self.ending.steps);
        let longer = self.keys.steps > planned;
        let row = self.history.rows.last();
        let goes_on = before.goes_on(&Called {
            left: self.step < self.keys.steps,
            longer,
            reached: row.is_some_and(|row| self.keys.is_reached(row)),
            changed,
        });
        if changed && !goes_on && before != How::Open {
            warn_of_keys(from.text("schedule")?, &self.schedule);
        }
        let chains = match goes_on || before == How::Open {
            true => self.chains_at(self.step),
            false => self.sampler.chains,
        };
        let mut vmc = self.vmc.borrow_mut();
        let restored = vmc.load_with(from, chains)?;
        let mut average = self.average.take().unwrap_or_default();
        let settled = from.group("average");
        if goes_on || before == How::Open {
            if let Some(last) = average.go_on(&settled)? {
                vmc.ensemble.set_parameters(&last)?;
            }
            if let Some((last, burn_in)) = self.ending.goes_on_from() {
                vmc.ensemble.set_parameters(last)?;
                vmc.burn_in_due = burn_in || restored.other_chains;
            }
            self.ending = Ended::default();
        } else {
            average.load(&settled)?;
        }
        self.average = self.keys.average.map(|_| average);
        let parameters = vmc.ensemble.parameters().len();
        self.best = Best::load(&from.group("best"), parameters)?;
        self.policy = load_policy(&from.group("policy"), &vmc, chains, restored.other_chains)?;
        if changed {
            self.policy.level = 0;
        }
        let spent = before == How::GivenUp || self.policy.level > self.keys.max_backoffs;
        if spent && (changed || longer) {
            (self.policy.level, self.policy.faults, self.policy.sound) = (0, 0, 0);
        }
        drop(vmc);
        self.keep_polish(from)?;
        self.load_pilots(&from.group("pilots"))?;
        self.at = self.stage_of(self.step);
        self.load_optimizer(from)?;
        Ok(match goes_on && before != How::Open {
            true => Loaded::GoesOn,
            false => Loaded::Resumed,
        })
    }

    /// What the method remembers; one of another kind remembers nothing.
    fn load_optimizer(&mut self, from: &Tree) -> Result<()> {
        let stage = &mut self.stages[self.at];
        let (kind, before) = (
            stage.chosen.kind,
            from.text("optimizer/kind").unwrap_or_default(),
        );
        if before == kind {
            return stage.chosen.optimizer.load(from, "optimizer/state");
        }
        let memory = stage.forget()?;
        if !memory.datasets.is_empty() || !from.group("optimizer/state").datasets.is_empty() {
            log::warn!("the checkpoint was made by {before}; {kind} starts without its memory");
        }
        if let Some(safe) = &mut self.policy.safe {
            safe.optimizer = memory;
        }
        Ok(())
    }
}
