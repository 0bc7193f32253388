//! Decides which initial parameters an optimisation goes on from: those of the best of some pilots.
//!
//! A pilot takes the first steps of the optimisation. Pilot 0 has the initial parameters of the
//! run's seed, the others those of seeds that follow from it; chains, their random numbers and all
//! schedules are the same. The one with the lowest E + σ, of the mean of its last window, goes on
//! where it stood. What is left out of a run is thus the other pilots alone.

use super::Optimize;
use super::average::Average;
use super::best::Best;
use super::ending::{Ended, How};
use super::history::History;
use super::policy::Policy;
use super::warnings::{self, window_length, window_mean};
use crate::calculation::vmc::{gather_spins, problem};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::input::{Source, at_least_one};
use crate::io::tree::Tree;
use crate::record;
use crate::rng::{Purpose, Rng, stream};
use crate::run::{Desk, Progress, load_rows, save_rows};
use crate::stats::with_error;
use schemars::JsonSchema;
use serde::Deserialize;
use std::rc::Rc;

const KEY: &str = "optimize.pilots";

/// `optimize.pilots`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PilotsInput {
    /// Initial parameters that are tried, those of the run's seed among them
    pub seeds: usize,
    /// Steps of each: the first ones of the optimisation
    pub steps: usize,
}

record! {
    /// A pilot that has come to its end.
    pub struct PilotRow {
        energy: "coupling", "mean energy of the pilot's last window; 0 where it failed";
        error: "coupling", "its standard error";
        steps: "1", "steps that the pilot took";
        failed: "1", "1 where it was given up or had no sound window, else 0";
        chosen: "1", "1 where the optimisation went on from it, else 0";
    }
}

/// Where a pilot stood at its end.
#[derive(Debug, Clone)]
struct Stood {
    step: usize,
    parameters: Vec<f64>,
    /// Of this rank.
    chains: Vec<i8>,
    burn_in_due: bool,
    optimizer: Tree,
    policy: Policy,
    history: History,
    average: Option<Average>,
    best: Option<Rc<Best>>,
    /// Whether its last step is at a target.
    reached: bool,
}

/// The pilots so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Pilots {
    keys: Option<PilotsInput>,
    /// Whether the next step is one of a pilot.
    open: bool,
    /// Those that have come to their end.
    rows: Vec<PilotRow>,
    /// The best of them, as long as there are others to come.
    ahead: Option<Rc<Stood>>,
    /// Where the chains of this rank begin.
    chains: Rc<[i8]>,
}

/// The seed of the initial parameters of pilot `k`.
fn seed_of(seed: u64, k: usize) -> u64 {
    match k {
        0 => seed,
        k => stream(seed, Purpose::Pilot, k as u64, 0).next_u64() >> 1,
    }
}

/// An error where pilots cannot work.
pub(super) fn validate(source: &Source, pilots: &PilotsInput, steps: usize) -> Result<()> {
    at_least_one(&format!("{KEY}.seeds"), pilots.seeds)?;
    at_least_one(&format!("{KEY}.steps"), pilots.steps)?;
    if pilots.steps > steps {
        return Err(Error::input(
            format!("{KEY}.steps"),
            format!("{} steps of {steps}", pilots.steps),
            "pilots take the first steps of the optimisation: give at most as many",
        ));
    }
    if source.table.contains_key("learn") {
        let problem = "[learn] decides the parameters that the optimisation begins with";
        return Err(Error::input(KEY, problem, "remove the key"));
    }
    let optimize = source.table.get("optimize");
    let has = |key: &str| optimize.is_some_and(|o| o.get(key).is_some());
    if has("orthogonal_to") {
        let problem = "with orthogonal_to the lowest energy may be that of a known state";
        return Err(Error::input(KEY, problem, "remove the key"));
    }
    if has("spin_penalty") {
        let problem = "with spin_penalty the lowest energy may be that of another total spin";
        return Err(Error::input(KEY, problem, "remove the key"));
    }
    Ok(())
}

impl Pilots {
    /// Before the first step; an error where the initial parameters are all the same.
    pub(super) fn new(
        keys: Option<PilotsInput>,
        source: &Source,
        vmc: &crate::calculation::vmc::Vmc,
    ) -> Result<Self> {
        let Some(wanted) = keys else {
            return Ok(Pilots::default());
        };
        if wanted.seeds > 1 {
            let other = seed_of(vmc.seed, 1);
            let start = problem::initial_parameters(source, &vmc.problem, other)?;
            if start == vmc.ensemble.parameters() {
                return Err(Error::input(
                    KEY,
                    "the initial parameters do not depend on the seed: all pilots are the same",
                    "remove the key, or ansatz.load",
                ));
            }
        }
        Ok(Pilots {
            keys,
            open: true,
            chains: vmc.ensemble.chain_states().into(),
            ..Pilots::default()
        })
    }

    /// The pilot of the next step, from 1, and their number; none where there is no pilot any more.
    pub(super) fn present(&self) -> Option<(usize, PilotsInput)> {
        let keys = self.keys.filter(|_| self.open)?;
        Some((self.rows.len() + 1, keys))
    }

    /// Steps of the longest that has come to its end.
    pub(super) fn most_steps(&self) -> usize {
        let steps = self.rows.iter().map(|row| row.steps as usize);
        steps.max().unwrap_or(0)
    }

    /// What results hold of them.
    pub(super) fn record(&self, out: &mut Tree) {
        if !self.rows.is_empty() {
            save_rows(out, "optimize/pilots", &self.rows);
        }
    }
}

impl Optimize<'_> {
    /// Behind a step: the next pilot where one has come to its end, and the best after the last.
    pub(super) fn pass_pilot(&mut self, progress: Progress, desk: &mut Desk) -> Result<Progress> {
        let Some((number, keys)) = self.pilots.present() else {
            return Ok(progress);
        };
        if progress == Progress::GoesOn && self.step < keys.steps {
            return Ok(progress);
        }
        let given_up = matches!(progress, Progress::GivesUp(_)) || self.ending.how == How::GivenUp;
        self.enter_stage(desk.comm)?;
        self.judge_pilot(given_up, desk);
        if number < keys.seeds {
            self.begin_pilot(number)?;
            return Ok(Progress::GoesOn);
        }
        let Some(ahead) = self.pilots.ahead.take() else {
            let what = format!("all {number} pilots have failed");
            return Ok(Progress::GivesUp(Error::numerical(
                what,
                warnings::remedy(&self.history),
            )));
        };
        let energies = self.pilots.rows.iter().enumerate();
        let sound = energies.filter(|(_, row)| row.failed == 0.0);
        let ends = sound.map(|(k, row)| (k, row.energy + row.error));
        if let Some((best, _)) = ends.reduce(|a, b| if b.1 < a.1 { b } else { a }) {
            self.pilots.rows[best].chosen = 1.0;
            desk.say(&format!(
                "pilot {} of {number} goes on from step {}",
                best + 1,
                ahead.step
            ));
        }
        self.pilots.open = false;
        self.stand(&ahead)?;
        Ok(match ahead.reached {
            true => Progress::Done,
            false => self.after_step(),
        })
    }

    /// The row of the pilot that has come to its end; it is kept where it is the best so far.
    fn judge_pilot(&mut self, given_up: bool, desk: &mut Desk) {
        let steps = self.pilots.keys.map_or(0, |keys| keys.steps);
        let length = window_length(steps).min(steps);
        let rows = &self.history.rows;
        let window = &rows[rows.len().saturating_sub(length)..];
        let mean = window_mean(window, length.min(rows.len()), self.lower_bound);
        let mean = mean.filter(|_| !given_up);
        let (energy, error) = mean.unwrap_or_default();
        let row = PilotRow {
            energy,
            error,
            steps: self.step as f64,
            failed: f64::from(u8::from(mean.is_none())),
            chosen: 0.0,
        };
        let mut others = self.pilots.rows.iter().filter(|row| row.failed == 0.0);
        let ahead = others.all(|other| energy + error < other.energy + other.error);
        self.pilots.rows.push(row);
        if mean.is_some() && ahead {
            self.pilots.ahead = Some(Rc::new(self.stood()));
        }
        let number = self.pilots.rows.len();
        desk.say(&match mean {
            Some(_) => format!("pilot {number}: E = {}", with_error(energy, error)),
            None => format!("pilot {number} has failed"),
        });
    }

    /// From the initial parameters of pilot `k`, from 0, with nothing behind it.
    fn begin_pilot(&mut self, k: usize) -> Result<()> {
        let vmc = &mut *self.vmc.borrow_mut();
        let seed = seed_of(vmc.seed, k);
        let parameters = problem::initial_parameters(self.source, &vmc.problem, seed)?;
        vmc.ensemble.set_parameters(&parameters)?;
        vmc.set_chains(self.sampler.chains, &self.pilots.chains)?;
        vmc.burn_in_due = false;
        (self.step, self.at, self.taken) = (0, 0, None);
        self.stages[0].forget()?;
        self.policy = Policy::default();
        self.history = History::default();
        self.average = self.keys.average.map(|o| Average::new(o, self.keys.steps));
        (self.best, self.ending) = (None, Ended::default());
        Ok(())
    }

    fn stood(&self) -> Stood {
        let vmc = self.vmc.borrow();
        let mut optimizer = Tree::default();
        let of_method = &self.stages[self.at].chosen.optimizer;
        of_method.save(&mut optimizer, "state");
        Stood {
            step: self.step,
            parameters: vmc.ensemble.parameters(),
            chains: vmc.ensemble.chain_states().to_vec(),
            burn_in_due: vmc.burn_in_due,
            optimizer,
            policy: self.policy.clone(),
            history: self.history.clone(),
            average: self.average.clone(),
            best: self.best.clone(),
            reached: self.ending.how == How::Target,
        }
    }

    /// Where a pilot stood.
    fn stand(&mut self, there: &Stood) -> Result<()> {
        let vmc = &mut *self.vmc.borrow_mut();
        vmc.ensemble.set_parameters(&there.parameters)?;
        vmc.set_chains(self.chains_at(there.step), &there.chains)?;
        vmc.burn_in_due = there.burn_in_due;
        self.step = there.step;
        (self.at, self.taken) = (self.stage_of(self.step), None);
        let optimizer = &mut self.stages[self.at].chosen.optimizer;
        optimizer.load(&there.optimizer, "state")?;
        self.policy = there.policy.clone();
        self.history = there.history.clone();
        self.average.clone_from(&there.average);
        self.best.clone_from(&there.best);
        self.ending = Ended::default();
        if there.reached {
            self.ending.how = How::Target;
        }
        Ok(())
    }

    /// Writes what a restart needs of pilots, from all ranks.
    pub(super) fn save_pilots(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        let pilots = &self.pilots;
        let Some(keys) = pilots.keys else {
            return Ok(());
        };
        out.put_integers("keys", &[keys.seeds as i64, keys.steps as i64]);
        out.put_integer("open", i64::from(pilots.open));
        save_rows(out, "rows", &pilots.rows);
        let Some(ahead) = &pilots.ahead else {
            return Ok(());
        };
        let vmc = self.vmc.borrow();
        let chains = gather_spins(comm, &ahead.chains)?;
        let length = vmc.ensemble.chain_length();
        out.put_integer("ahead/step", ahead.step as i64);
        out.put_reals("ahead/parameters", &ahead.parameters);
        let shape = [chains.len() / length.max(1), length];
        out.put_spins("ahead/chains", &shape, &chains);
        out.put_integer("ahead/burn_in_due", i64::from(ahead.burn_in_due));
        out.put_integer("ahead/reached", i64::from(ahead.reached));
        out.put_group("ahead/optimizer", ahead.optimizer.clone());
        let mut part = Tree::default();
        ahead.policy.save(&mut part, comm, vmc.sites())?;
        out.put_group("ahead/policy", part);
        let mut part = Tree::default();
        ahead.history.save(&mut part);
        out.put_group("ahead/so_far", part);
        let mut part = Tree::default();
        ahead.average.iter().for_each(|a| a.save(&mut part));
        out.put_group("ahead/average", part);
        let mut part = Tree::default();
        ahead.best.iter().for_each(|b| b.save(&mut part));
        out.put_group("ahead/best", part);
        Ok(())
    }

    /// Takes back what was written; an error where it is of other pilots that have not come to
    /// their end.
    pub(super) fn load_pilots(&mut self, from: &Tree) -> Result<()> {
        let pilots = &mut self.pilots;
        pilots.open = from.datasets.contains_key("open") && from.integer("open")? != 0;
        if !from.datasets.contains_key("keys") {
            return Ok(());
        }
        pilots.rows = load_rows(from, "rows")?;
        let keys = from.integers("keys")?;
        let same = |k: PilotsInput| keys == [k.seeds as i64, k.steps as i64];
        if pilots.open && !pilots.keys.is_some_and(same) {
            return Err(Error::input(
                KEY,
                format!("the checkpoint is within pilots of {keys:?} seeds and steps"),
                "give these, use --fresh to start over, or another output.name",
            ));
        }
        if pilots.open && pilots.keys.is_some_and(|k| pilots.rows.len() >= k.seeds) {
            return Err(Error::numerical(
                "all pilots of the checkpoint have failed",
                "lower optimize.learning_rate or ansatz.init, and use --fresh to start over",
            ));
        }
        let ahead = from.group("ahead");
        if !ahead.datasets.contains_key("step") {
            return Ok(());
        }
        let vmc = self.vmc.borrow();
        let parameters = ahead.reals("parameters")?;
        let mut average = self.keys.average.map(|o| Average::new(o, self.keys.steps));
        if let Some(average) = &mut average {
            average.go_on(&ahead.group("average"))?;
        }
        let step = ahead.count("step")?;
        let (all, chains) = (ahead.spins("chains")?, self.chains_at(step));
        let policy = ahead.group("policy");
        let other_chains = all.len() != chains * vmc.ensemble.chain_length();
        self.pilots.ahead = Some(Rc::new(Stood {
            step,
            chains: vmc.my_chains(&all, chains),
            burn_in_due: ahead.integer("burn_in_due")? != 0 || other_chains,
            optimizer: ahead.group("optimizer"),
            policy: super::state::load_policy(&policy, &vmc, chains, other_chains)?,
            history: History::load(&ahead.group("so_far"))?,
            average,
            best: Best::load(&ahead.group("best"), parameters.len())?,
            reached: ahead.integer("reached").unwrap_or(0) != 0,
            parameters,
        }));
        Ok(())
    }
}
