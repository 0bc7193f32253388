//! Decides how an optimisation ends: after its steps, at a target, or given up after too many
//! undone steps; and with which state.
//!
//! One that is given up ends with the best state that it has had, which is then measured; where
//! there is none, the run ends with code 70. Elsewhere the best state takes the place of the last
//! where [`super::best`] says so.

use super::Optimize;
use super::average::Average;
use super::policy::Fault;
use super::warnings;
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value, shaped};
use crate::run::{Desk, Progress};
use crate::stats::with_error;

/// How an optimisation ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum How {
    /// It has not ended.
    #[default]
    Open,
    /// All steps are done.
    Steps,
    /// A target is reached.
    Target,
    /// Too many steps were undone.
    GivenUp,
}

impl How {
    const ALL: [How; 4] = [How::Open, How::Steps, How::Target, How::GivenUp];

    /// In files.
    fn word(self) -> &'static str {
        match self {
            How::Open => "open",
            How::Steps => "steps",
            How::Target => "target",
            How::GivenUp => "given up",
        }
    }
}

/// How an optimisation has ended, if it has.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ended {
    pub(super) how: How,
    /// Why it was given up; empty elsewhere.
    why: String,
    /// Steps behind the parameters at the end.
    state_of_step: usize,
    /// Steps that were asked for.
    pub(super) steps: usize,
    /// The last parameters where the best ones have taken their place, and whether chains were to
    /// burn in there; empty where the optimisation does not go on from them.
    last: Vec<f64>,
    last_burn_in: bool,
}

impl Ended {
    /// Writes what a restart needs.
    pub(super) fn save(&self, out: &mut Tree) {
        out.put_text("how", self.how.word());
        out.put_text("why", self.why.clone());
        out.put_integer("state_of_step", self.state_of_step as i64);
        out.put_integer("steps", self.steps as i64);
        out.put_reals("last", &self.last);
        out.put_integer("last_burn_in", i64::from(self.last_burn_in));
    }

    /// What was written; open where nothing was.
    pub(super) fn load(from: &Tree) -> Result<Self> {
        if !from.datasets.contains_key("how") {
            return Ok(Ended::default());
        }
        let word = from.text("how")?;
        let how = How::ALL.into_iter().find(|how| how.word() == word);
        let unknown = || Error::output("how", format!("no optimisation ends with \"{word}\""));
        Ok(Ended {
            how: how.ok_or_else(unknown)?,
            why: from.text("why")?.to_string(),
            state_of_step: from.count("state_of_step")?,
            steps: from.count("steps")?,
            last: from.reals("last")?,
            last_burn_in: from.integer("last_burn_in")? != 0,
        })
    }

    /// The parameters that an optimisation goes on from, and whether chains burn in there, if they
    /// are not those at the end.
    pub(super) fn goes_on_from(&self) -> Option<(&[f64], bool)> {
        let others = !self.last.is_empty();
        others.then_some((&self.last, self.last_burn_in))
    }
}

/// An optimisation of a checkpoint, beside the one of the input.
pub(super) struct Called {
    /// Steps that are left.
    pub(super) left: bool,
    /// Whether there are more steps than were asked for.
    pub(super) longer: bool,
    /// Whether the last step is at a target of the input.
    pub(super) reached: bool,
    /// Whether anything but the steps and the targets is new.
    pub(super) changed: bool,
}

impl How {
    /// Whether an optimisation that ended like this goes on when it is called again.
    pub(super) fn goes_on(self, now: &Called) -> bool {
        now.left
            && match self {
                How::Open | How::Steps => true,
                How::Target => !now.reached,
                How::GivenUp => now.longer || now.changed,
            }
    }
}

impl Optimize<'_> {
    /// Goes back to the last good state; gives up after too many faults.
    pub(super) fn undo(&mut self, fault: Fault, desk: &mut Desk) -> Result<Progress> {
        let step = self.step - 1;
        self.policy.failed();
        self.average.iter_mut().for_each(Average::leave_out);
        if let Some(safe) = &self.policy.safe {
            let ensemble = &mut self.vmc.borrow_mut().ensemble;
            ensemble.set_parameters(&safe.parameters)?;
            if !ensemble.noise().is_none() {
                ensemble.set_chain_states(&safe.chains)?;
            }
            let optimizer = &mut self.stages[self.at].chosen.optimizer;
            optimizer.load(&safe.optimizer, "state")?;
        }
        let pilot = self.pilots.present().map(|(k, _)| format!("pilot {k}, "));
        let pilot = pilot.unwrap_or_default();
        desk.warn(&format!(
            "{pilot}step {step}: {}; undone, the learning rate is now {:.1e} of the input's",
            fault.words(),
            self.policy.rate_factor()
        ));
        if self.policy.level <= self.keys.max_backoffs {
            return Ok(self.after_step());
        }
        let (words, faults) = (fault.words(), self.policy.faults);
        let remedy = warnings::remedy(&self.history);
        let why = format!("step {step}: {words}, after {faults} undone steps");
        if self.best.is_none() {
            let what = format!("{why}; the last good parameters are saved");
            let remedy = format!("{remedy}, and run again to go on from them");
            return Ok(Progress::GivesUp(Error::numerical(what, remedy)));
        }
        self.ending.how = How::GivenUp;
        self.ending.why = format!("{why}; {remedy}");
        Ok(Progress::Done)
    }

    /// The state that the optimisation ends with, and what there is to say of it.
    pub(super) fn end(&mut self, desk: &mut Desk) -> Result<()> {
        if self.ending.how == How::Open {
            self.ending.how = How::Steps;
        }
        (self.ending.state_of_step, self.ending.steps) = (self.step, self.keys.steps);
        self.leave_stages(desk.comm)?;
        if !self.return_to_best(desk)? {
            self.take_average(desk)?;
        }
        let list = warnings::disagreement(&self.history);
        let list = list.into_iter().chain(warnings::rounded(&self.history));
        let list = list.chain(warnings::few_count(&self.history));
        let list = list.chain(self.reasons_for_care());
        list.for_each(|warning| desk.warn(&warning));
        Ok(())
    }

    /// Puts the best state in the place of the last where that is worse; whether it has.
    fn return_to_best(&mut self, desk: &mut Desk) -> Result<bool> {
        let given_up = self.ending.how == How::GivenUp;
        let lost = given_up || self.has_diverged();
        let Some(best) = self.best.clone().filter(|b| lost || self.is_behind(b)) else {
            return Ok(false);
        };
        let vmc = &mut *self.vmc.borrow_mut();
        if !lost {
            self.ending.last = vmc.ensemble.parameters();
            self.ending.last_burn_in = vmc.burn_in_due;
        }
        vmc.ensemble.set_parameters(&best.parameters)?;
        vmc.burn_in_due = true;
        self.ending.state_of_step = best.step;
        desk.say(&format!(
            "the parameters are those after step {}, where E = {} was lowest",
            best.step,
            with_error(best.energy[0], best.energy[1])
        ));
        Ok(true)
    }

    /// What a reader of the results has to know; a state that a penalty lifts may climb.
    pub(super) fn reasons_for_care(&self) -> Vec<String> {
        let mut list: Vec<String> = warnings::undone(&self.history).into_iter().collect();
        if let (How::GivenUp, Some(best)) = (self.ending.how, &self.best) {
            list.push(format!(
                "the optimisation was given up at {}; what is measured is its best state, that \
                 after step {}; to go on from it, run again with these keys changed, or raise {}",
                self.ending.why,
                best.step,
                self.keys.steps_key()
            ));
        }
        if !self.is_lifted() {
            list.extend(warnings::of_optimisation(&self.history, self.lower_bound));
        }
        list.extend(self.stays_high());
        list
    }

    /// How it ended, in results.
    pub(super) fn record_ending(&self, out: &mut Tree) {
        let how = Value::Text(self.ending.how.word().into());
        let meaning = "how it ended: steps, target, given up; open where it goes on";
        out.describe("optimize/ending", how, "", meaning);
        let step = match self.ending.how {
            How::Open => self.step,
            _ => self.ending.state_of_step,
        };
        let step = Value::Integer(shaped(&[], vec![step as i64]));
        let meaning = "steps behind the parameters: fewer than all where a state before was better";
        out.describe("optimize/state_of_step", step, "1", meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_parameters_survive_a_round_trip() {
        let ending = Ended {
            how: How::GivenUp,
            why: "for a test".into(),
            state_of_step: 30,
            steps: 40,
            last: vec![1.0, 2.0],
            last_burn_in: true,
        };
        let mut tree = Tree::default();
        ending.save(&mut tree);
        let read = Ended::load(&tree).unwrap();
        assert_eq!(read, ending);
        assert_eq!(read.goes_on_from(), Some((&[1.0, 2.0][..], true)));
        let open = Ended::load(&Tree::default()).unwrap();
        assert_eq!((open.how, open.goes_on_from()), (How::Open, None));
    }

    #[test]
    fn what_has_ended_goes_on_for_a_reason() {
        let called = |left: bool, longer: bool, reached: bool, changed: bool| Called {
            left,
            longer,
            reached,
            changed,
        };
        for how in How::ALL {
            assert!(!how.goes_on(&called(false, true, false, true)));
        }
        assert!(How::Steps.goes_on(&called(true, true, false, false)));
        assert!(How::Target.goes_on(&called(true, false, false, false)));
        assert!(!How::Target.goes_on(&called(true, true, true, true)));
        assert!(How::GivenUp.goes_on(&called(true, true, false, false)));
        assert!(How::GivenUp.goes_on(&called(true, false, false, true)));
        assert!(!How::GivenUp.goes_on(&called(true, false, false, false)));
    }
}
