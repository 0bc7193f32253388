//! Decides the course of `[classical]` with Markov chains: legs of steps, fits between them,
//! samples that count.
//!
//! A boundary lies between blocks of steps of all walkers; their spins, with the series so far on
//! rank 0, are all that a restart needs.

use super::check::entry;
use super::keys::ClassicalPlan;
use super::learning::{LearnedModel, Selection};
use super::model::ClassicalModel;
use super::outcome::Outcomes;
use super::record::{self, BlockRow};
use super::roster::{Leg, Roster, words};
use super::walkers::Walkers;
use crate::classical::averages::ChainSeries;
use crate::classical::effective::{Feature, Features, Moments};
use crate::classical::{Configurations, Tally, UpdateCourse, UpdateEntry};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::rng::{Purpose, RngExt};
use crate::run::{Calculation, Cost, Desk, Loaded, Progress};
use std::cell::OnceCell;
use std::rc::Rc;

/// Where a run stands, without spins and series.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RunStanding {
    pub leg: usize,
    pub step: usize,
    pub done: bool,
    /// Whether all samples that count are in the samples file.
    pub written: bool,
    /// The effective model of each temperature, in use; none before the first fit.
    pub models: Vec<LearnedModel>,
    /// Of each walker, in the present leg.
    pub tallies: Vec<Tally>,
    pub moments: Vec<[Moments; 2]>,
    /// Proposed and accepted swaps of neighbouring temperatures, in the present leg.
    pub swaps: Vec<[f64; 2]>,
    /// Integrated time of |m| of the samples of the first leg, in sweeps, where others follow.
    pub local_tau: Vec<f64>,
    /// Effective samples of that.
    pub local_samples: Vec<f64>,
    /// Models of each round, [round, temperature].
    pub rounds: Vec<Vec<LearnedModel>>,
    /// Of the last fit with features that were chosen.
    pub selection: Selection,
    /// Wall time of each leg.
    pub seconds: Vec<f64>,
}

/// `[classical]` with Markov chains.
pub(super) struct Sampled {
    pub model: Rc<ClassicalModel>,
    pub plan: ClassicalPlan,
    pub entry: &'static UpdateEntry,
    pub roster: Roster,
    pub legs: Vec<Leg>,
    pub features: Option<Features>,
    /// Whether samples are written.
    pub keeps: bool,
    /// Whether a section behind asks for configurations.
    pub hands_on: bool,
    pub standing: RunStanding,
    /// Of each walker in the present leg, on rank 0.
    pub series: Vec<ChainSeries>,
    /// Of this rank's walkers.
    pub spins: Vec<Vec<i8>>,
    pub walkers: Walkers,
    /// The leg that the updates were built for.
    pub built: Option<usize>,
    /// Wall times of the blocks.
    pub seconds: Vec<f64>,
    /// A row for each block, on rank 0.
    pub blocks: Vec<BlockRow>,
    mark: (RunStanding, Vec<Vec<i8>>, usize, usize, usize),
    pub outcomes: OnceCell<Option<Outcomes>>,
}

impl Sampled {
    pub fn new(
        model: Rc<ClassicalModel>,
        plan: ClassicalPlan,
        (rank, size): (usize, usize),
        (keeps, hands_on): (bool, bool),
    ) -> Result<Self> {
        let entry = entry(&plan.update)?;
        let roster = Roster {
            temperatures: plan.temperatures.len(),
            chains: plan.chains,
            swapped: plan.tempering.is_some(),
        };
        let units = roster.len() / roster.unit();
        if size > units {
            return Err(Error::input(
                "sampler.chains",
                format!("{units} independent walkers for {size} ranks"),
                format!("use at most {units} ranks, or more chains or temperatures"),
            ));
        }
        let legs = Leg::all(&plan, entry);
        let features = match entry.course {
            UpdateCourse::Learned(_) => Some(features(&plan, &model)?),
            _ => None,
        };
        let mine = roster.share(rank, size);
        let sites = model.energy.sites();
        let start = |w: usize| start(plan.seed, roster.of(w), sites);
        let walkers = Walkers::new(&plan, roster, mine.clone(), sites);
        let mut sampled = Sampled {
            spins: mine.map(start).collect(),
            standing: RunStanding {
                written: keeps,
                ..RunStanding::default()
            },
            series: vec![ChainSeries::default(); roster.len()],
            seconds: Vec::new(),
            blocks: Vec::new(),
            mark: Default::default(),
            outcomes: OnceCell::new(),
            built: None,
            model,
            plan,
            entry,
            roster,
            legs,
            features,
            keeps,
            hands_on,
            walkers,
        };
        sampled.begin_leg();
        sampled.give_models();
        *sampled.model.configurations.borrow_mut() = sampled.no_configurations();
        Ok(sampled)
    }

    pub(super) fn no_configurations(&self) -> Configurations {
        let sites = self.model.energy.sites();
        Configurations::new(sites, &self.plan.temperatures, self.plan.chains)
    }

    /// Models whose couplings the input gives.
    fn give_models(&mut self) {
        if let (Some(features), Some(j)) = (&self.features, &self.plan.effective.couplings) {
            let none = Moments::new(features.len());
            let model = LearnedModel::given(features, j, j, &none);
            self.standing.models = vec![model; self.roster.temperatures];
        }
    }

    pub fn leg(&self) -> &Leg {
        &self.legs[self.standing.leg.min(self.legs.len() - 1)]
    }

    /// Forgets what was counted in the leg before.
    pub fn begin_leg(&mut self) {
        let count = self.features.as_ref().map_or(0, Features::len);
        let walkers = self.roster.len();
        self.standing.step = 0;
        self.standing.tallies = vec![Tally::default(); walkers];
        self.standing.moments = vec![[Moments::new(count), Moments::new(count)]; walkers];
        self.standing.swaps = vec![[0.0; 2]; self.roster.temperatures.saturating_sub(1)];
        self.standing.seconds.push(0.0);
        self.series = vec![ChainSeries::default(); walkers];
    }
}

/// The first spins of a walker: at random for even chains, all alike for odd ones, so that chains
/// which agree have come from different sides.
fn start(seed: u64, (t, c): (usize, usize), sites: usize) -> Vec<i8> {
    let mut rng = words(seed, Purpose::Configurations, (t, c), (0, 0));
    let sign = if rng.random() { 1 } else { -1 };
    match c % 2 {
        0 => (0..sites)
            .map(|_| if rng.random() { 1 } else { -1 })
            .collect(),
        _ => vec![sign; sites],
    }
}

/// The features of the effective model; where they are chosen, all that the lattice has.
fn features(plan: &ClassicalPlan, model: &ClassicalModel) -> Result<Features> {
    let mut names = plan.effective.list();
    let lattice = &model.lattice;
    if plan.effective.chooses() && lattice.squares().is_ok() {
        names.push(Feature::Plaquette);
    }
    Features::new(&names, lattice, plan.effective.key())
}

impl Calculation for Sampled {
    fn cost(&self) -> Cost {
        let blocks = |leg: &Leg| leg.steps().div_ceil(self.steps_per_block(leg));
        let samples = self.roster.len() as f64 * self.plan.samples as f64;
        let training = self.legs.iter().filter(|leg| !leg.counts);
        let training = training.map(|leg| leg.samples as f64).fold(0.0, f64::max);
        let training = 16.0 * training * self.roster.len() as f64;
        let sites = self.model.energy.sites();
        let kept = if self.hands_on {
            Configurations::bytes(sites, 1) as f64 * samples
        } else {
            0.0
        };
        let tables = (self.model.energy.bytes() + self.roster.len() * 16 * sites) as f64;
        let averages = 112.0 * self.plan.samples as f64 * self.plan.chains as f64;
        Cost {
            blocks: self.legs.iter().map(blocks).sum::<usize>() as f64,
            bytes: f64::max(16.0 * samples + averages + 2.0 * kept, training) + tables,
            state: f64::max(16.0 * samples, training) + kept,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        if self.standing.done {
            return Ok(Progress::Done);
        }
        let clock = std::time::Instant::now();
        self.outcomes = OnceCell::new();
        let leg = *self.leg();
        let left = leg.steps() - self.standing.step.min(leg.steps());
        let count = self.steps_per_block(&leg).min(left);
        self.advance(count, desk)?;
        let spent = clock.elapsed().as_secs_f64();
        if let Some(leg) = self.standing.seconds.last_mut() {
            *leg += spent;
        }
        self.seconds.push(spent);
        desk.line(
            self.seconds.len() - 1,
            self.cost().blocks as usize,
            &self.place(),
        );
        if self.standing.step >= leg.steps() {
            self.end_leg(desk)?;
        }
        match self.standing.done {
            true => self.finish(desk).map(|()| Progress::Done),
            false => Ok(Progress::GoesOn),
        }
    }
    fn mark(&mut self) {
        let rows = self.series.first().map_or(0, |s| s.energies.len());
        let kept = self.model.configurations.borrow().len();
        self.mark = (
            self.standing.clone(),
            self.spins.clone(),
            rows,
            self.seconds.len(),
            kept,
        );
    }
    fn rewind(&mut self) -> Result<()> {
        let (standing, spins, rows, seconds, kept) = self.mark.clone();
        if standing.leg != self.standing.leg {
            return Err(Error::numerical(
                "a leg of [classical] cannot be taken back",
                "run the same command again",
            ));
        }
        (self.standing, self.spins) = (standing, spins);
        for series in &mut self.series {
            series.energies.truncate(rows);
            series.sums.truncate(rows);
        }
        self.seconds.truncate(seconds);
        self.blocks.truncate(seconds);
        self.model.configurations.borrow_mut().truncate(kept);
        Ok(())
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        super::state::save(self, &self.spins, out, comm)
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let Some(spins) = super::state::load(self, from)? else {
            let what = "earlier samples were not kept, which this input wants";
            log::warn!("[classical] starts over: {what}");
            return Ok(Loaded::StartsOver);
        };
        let mine = self.walkers.mine.clone();
        let sites = self.model.energy.sites();
        let of = |w: usize| spins[w * sites..(w + 1) * sites].to_vec();
        self.spins = mine.map(of).collect();
        self.built = None;
        self.outcomes = OnceCell::new();
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        record::sampled(out, self);
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        let found = self.outcomes();
        found.map_or_else(Vec::new, |o| o.warnings(self))
    }
    fn place(&self) -> String {
        let leg = self.leg();
        let what = match (leg.counts, leg.learned) {
            (true, _) => "sample".to_string(),
            (false, false) => "training sample".into(),
            (false, true) => format!("round {}, sample", self.standing.leg),
        };
        format!("{what} {} of {}", leg.kept(self.standing.step), leg.samples)
    }
}

impl Sampled {
    /// What is made of the samples that count, on rank 0; worked out once.
    pub fn outcomes(&self) -> Option<&Outcomes> {
        self.outcomes.get_or_init(|| Outcomes::of(self)).as_ref()
    }

    /// Says what was found.
    fn finish(&self, desk: &mut Desk) -> Result<()> {
        if desk.comm.is_root()
            && let Some(found) = self.outcomes()
        {
            found.words(self).iter().for_each(|line| desk.say(line));
            let warnings = found.warnings(self);
            warnings.iter().for_each(|line| log::warn!("{line}"));
        }
        Ok(())
    }
}
