//! Decides the course of `[classical]` with Markov chains: legs of steps, fits between them,
//! samples that count.
//!
//! A boundary lies between blocks of steps of all walkers; their spins, with the series so far on
//! rank 0, are all that a restart needs.

use super::check::entry;
use super::keys::ClassicalPlan;
use super::learning::{HeldOut, LearnedModel, chosen, held_out, total};
use super::model::ClassicalModel;
use super::outcome::Outcomes;
use super::record;
use super::roster::{Leg, Roster};
use super::walkers::{Haul, Walkers, Wanted};
use crate::classical::averages::{ChainSeries, tau};
use crate::classical::effective::{Features, Moments};
use crate::classical::{
    Configurations, SpinUpdate, Tally, UPDATES, UpdateCourse, UpdateEntry, UpdateSetting,
};
use crate::comm::{Comm, agree};
use crate::error::{Error, Result};
use crate::io::samples::Segment;
use crate::io::tree::Tree;
use crate::rng::{Purpose, RngExt};
use crate::run::{Calculation, Cost, Desk, Loaded, Progress};
use std::cell::OnceCell;
use std::rc::Rc;

/// Flips that a block proposes over all walkers.
const BLOCK: f64 = 1e8;

/// Where a run stands, without spins and series.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Standing {
    pub leg: usize,
    pub step: usize,
    pub done: bool,
    /// The effective model of each temperature, in use; none before the first fit.
    pub models: Vec<LearnedModel>,
    /// Of each walker, in the present leg.
    pub tallies: Vec<Tally>,
    pub moments: Vec<[Moments; 2]>,
    /// Proposed and accepted swaps of neighbouring temperatures, in the present leg.
    pub swaps: Vec<[f64; 2]>,
    /// Integrated time of |m| of the samples of the first leg, in sweeps, where others follow.
    pub local_tau: Vec<f64>,
    /// Models of each round, [round, temperature].
    pub rounds: Vec<Vec<LearnedModel>>,
    pub held_out: Vec<HeldOut>,
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
    keeps: bool,
    /// Whether a section behind asks for configurations.
    hands_on: bool,
    pub standing: Standing,
    /// Of each walker in the present leg, on rank 0.
    pub series: Vec<ChainSeries>,
    /// Of this rank's walkers.
    spins: Vec<Vec<i8>>,
    walkers: Walkers,
    /// The leg that the updates were built for.
    built: Option<usize>,
    /// Wall times of the blocks.
    pub seconds: Vec<f64>,
    mark: (Standing, Vec<Vec<i8>>, usize, usize, usize),
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
            UpdateCourse::Learned(_) => Some(Features::new(
                &plan.effective.list(),
                &model.lattice,
                "classical.effective.classes",
            )?),
            _ => None,
        };
        let mine = roster.share(rank, size);
        let sites = model.energy.sites();
        let start = |w: usize| start(plan.seed, roster.of(w), sites);
        let betas: Vec<f64> = plan.temperatures.iter().map(|t| 1.0 / t).collect();
        let mut order: Vec<usize> = (0..betas.len()).collect();
        order.sort_by(|a, b| betas[*a].total_cmp(&betas[*b]));
        let walkers = Walkers {
            roster,
            mine: mine.clone(),
            updates: Vec::new(),
            betas,
            order,
            interval: plan.tempering.unwrap_or(0),
            sites,
            seed: plan.seed,
        };
        let mut sampled = Sampled {
            spins: mine.map(start).collect(),
            standing: Standing::default(),
            series: vec![ChainSeries::default(); roster.len()],
            seconds: Vec::new(),
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

    fn no_configurations(&self) -> Configurations {
        let sites = self.model.energy.sites();
        Configurations::new(sites, &self.plan.temperatures, self.plan.chains)
    }

    /// Models whose couplings the input gives.
    fn give_models(&mut self) {
        if let (Some(features), Some(j)) = (&self.features, &self.plan.effective.couplings) {
            let none = Moments::new(features.len());
            let model = LearnedModel::given(features, j, &none);
            self.standing.models = vec![model; self.roster.temperatures];
        }
    }

    pub fn leg(&self) -> &Leg {
        &self.legs[self.standing.leg.min(self.legs.len() - 1)]
    }

    /// Forgets what was counted in the leg before.
    fn begin_leg(&mut self) {
        let count = self.features.as_ref().map_or(0, Features::len);
        let walkers = self.roster.len();
        self.standing.step = 0;
        self.standing.tallies = vec![Tally::default(); walkers];
        self.standing.moments = vec![[Moments::new(count), Moments::new(count)]; walkers];
        self.standing.swaps = vec![[0.0; 2]; self.roster.temperatures.saturating_sub(1)];
        self.standing.seconds.push(0.0);
        self.series = vec![ChainSeries::default(); walkers];
    }

    /// Builds the updates of the present leg, with the walkers' spins.
    fn build(&mut self) {
        let entry = if self.leg().learned {
            self.entry
        } else {
            self.first_entry()
        };
        let update = |w: usize| -> Option<Box<dyn SpinUpdate>> {
            let (t, _) = self.roster.of(w);
            let setting = UpdateSetting {
                energy: &self.model.energy,
                square: self.model.square(),
                beta: self.walkers.betas[t],
                effective: self.standing.models.get(t).map(|m| &m.model),
                max_cluster: self.plan.effective.max_cluster,
            };
            match entry.course {
                UpdateCourse::Chain(build) | UpdateCourse::Learned(build) => Some(build(&setting)),
                UpdateCourse::All => None,
            }
        };
        if self.built != Some(self.standing.leg) {
            self.walkers.updates = self.walkers.mine.clone().filter_map(update).collect();
            self.built = Some(self.standing.leg);
        }
        let pairs = self.walkers.updates.iter_mut().zip(&self.spins);
        pairs.for_each(|(update, spins)| update.put(spins));
    }

    /// The update of legs that have not learned: that of the input, or the one to learn from.
    fn first_entry(&self) -> &'static UpdateEntry {
        match self.entry.course {
            UpdateCourse::Learned(_) => &UPDATES[0],
            _ => self.entry,
        }
    }

    /// Steps of a block of a leg.
    fn steps_per_block(&self, leg: &Leg) -> usize {
        let work = (self.roster.len() * self.model.energy.sites() * leg.sweeps) as f64;
        let most = leg.steps().div_ceil(8).max(1);
        ((BLOCK / work) as usize).clamp(1, most)
    }

    /// Moves all walkers and takes over what all ranks bring home.
    fn advance(&mut self, count: usize, desk: &mut Desk) -> Result<()> {
        self.build();
        let leg = *self.leg();
        let steps = self.standing.step..self.standing.step + count;
        let wanted = Wanted {
            features: self.features.as_ref(),
            bits: leg.counts && (self.keeps || self.hands_on),
        };
        let kept = leg.kept(steps.end) - leg.kept(steps.start);
        let number = (self.standing.leg, &leg);
        let moved = self.walkers.advance(number, steps, wanted, desk);
        let (hauls, swaps) = agree(desk.comm, moved)?;
        let comm = desk.comm;
        let mut piece = Vec::new();
        hauls.iter().for_each(|haul| haul.write(&mut piece));
        let numbers = comm.gather(&piece)?;
        let bits = hauls.iter().flat_map(|h| &h.bits);
        let bits: Vec<u8> = bits.flat_map(|w| w.to_le_bytes()).collect();
        let bits = comm.gather_bytes(&bits)?;
        let mut swaps: Vec<f64> = swaps.as_flattened().to_vec();
        comm.sum_on_root(&mut swaps)?;
        if comm.is_root() {
            self.take(&numbers, &bits, kept, desk);
            let pairs = self.standing.swaps.iter_mut().zip(swaps.chunks_exact(2));
            pairs.for_each(|(all, new)| {
                all[0] += new[0];
                all[1] += new[1];
            });
        }
        let updates = self.walkers.updates.iter().zip(&mut self.spins);
        updates.for_each(|(update, spins)| update.copy(spins));
        self.standing.step += count;
        Ok(())
    }

    /// Takes over what all walkers have brought home, on rank 0.
    fn take(&mut self, numbers: &[f64], bits: &[u8], kept: usize, desk: &mut Desk) {
        let features = self.features.as_ref().map_or(0, Features::len);
        let words = bits.chunks_exact(8);
        let words: Vec<u64> = words
            .map(|w| u64::from_le_bytes(w.try_into().unwrap_or_default()))
            .collect();
        let of_walker = words.len() / self.roster.len();
        let width = Haul::width(kept, features);
        let mut rows = Segment::default();
        for (w, numbers) in numbers.chunks_exact(width).enumerate() {
            let bits = words[w * of_walker..(w + 1) * of_walker].to_vec();
            let haul = Haul::read(numbers, kept, features, bits);
            let series = &mut self.series[w];
            series.energies.extend(&haul.energies);
            series.sums.extend(&haul.sums);
            self.standing.tallies[w].add(haul.tally.numbers());
            let halves = self.standing.moments[w].iter_mut().zip(&haul.moments);
            halves.for_each(|(all, new)| all.add(new, 1.0));
            if haul.bits.is_empty() {
                continue;
            }
            let (t, c) = self.roster.of(w);
            if self.keeps {
                keep(&mut rows, self.model.energy.sites(), (t, c), &haul);
            }
            if self.hands_on {
                let mut all = self.model.configurations.borrow_mut();
                all.push(t, c, &haul.bits, &haul.energies);
            }
        }
        if self.keeps && !rows.chain.is_empty() {
            desk.keep(rows);
        }
    }

    /// The end of a leg: what was learned goes to all ranks.
    fn end_leg(&mut self, desk: &mut Desk) -> Result<()> {
        let comm = desk.comm;
        if self.leg().counts {
            self.standing.done = true;
            if self.hands_on {
                self.hand_on(comm)?;
            }
            return Ok(());
        }
        let fitted = if comm.is_root() {
            self.fit()
        } else {
            Ok(Vec::new())
        };
        let models = agree(comm, fitted)?;
        let numbers: Vec<f64> = models.iter().flat_map(LearnedModel::numbers).collect();
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        comm.broadcast_bytes(&mut bytes)?;
        let words = bytes.chunks_exact(8);
        let numbers: Vec<f64> = words
            .map(|w| f64::from_le_bytes(w.try_into().unwrap_or_default()))
            .collect();
        self.standing.models = self.models_of(&numbers);
        self.standing.rounds.push(self.standing.models.clone());
        self.say_models(desk);
        self.standing.leg += 1;
        self.begin_leg();
        Ok(())
    }

    /// Models of all temperatures from their numbers.
    pub fn models_of(&self, numbers: &[f64]) -> Vec<LearnedModel> {
        let Some(features) = &self.features else {
            return Vec::new();
        };
        let models = numbers.chunks_exact(features.len() + 2);
        models
            .filter_map(|numbers| LearnedModel::from_numbers(features, numbers))
            .collect()
    }

    /// The sums of a fit at a temperature.
    pub fn moments_at(&self, t: usize) -> Vec<&Moments> {
        let walkers = self.roster.at(t);
        walkers.flat_map(|w| &self.standing.moments[w]).collect()
    }

    /// The series at a temperature.
    pub fn series_at(&self, t: usize) -> Vec<ChainSeries> {
        self.roster.at(t).map(|w| self.series[w].clone()).collect()
    }

    /// Fits at all temperatures, on rank 0.
    fn fit(&mut self) -> Result<Vec<LearnedModel>> {
        let Some(features) = &self.features else {
            return Ok(Vec::new());
        };
        let temperatures = 0..self.roster.temperatures;
        if !self.leg().learned {
            let sweeps = self.leg().sweeps as f64;
            let local = temperatures
                .clone()
                .map(|t| sweeps * tau(&self.series_at(t)));
            self.standing.local_tau = local.collect();
        }
        let mut count = features.len();
        if self.plan.effective.chooses() {
            let errors = temperatures.clone();
            let errors: Vec<HeldOut> = errors
                .map(|t| held_out(features.len(), &self.moments_at(t)))
                .collect();
            count = chosen(&errors);
            self.standing.held_out = errors;
        }
        let fitted = |t: usize| {
            let sums = total(features.len(), self.moments_at(t).into_iter());
            LearnedModel::fitted(features, &sums, count)
        };
        temperatures.map(fitted).collect()
    }

    fn say_models(&self, desk: &mut Desk) {
        for (t, learned) in self.plan.temperatures.iter().zip(&self.standing.models) {
            let sites = self.model.energy.sites() as f64;
            let list = learned.model.couplings.iter();
            let list: Vec<_> = list.map(|j| format!("{j:.5}")).collect();
            desk.say(&format!(
                "T = {t}: effective couplings {}, constant {:.5} per site, residual {:.4}",
                list.join(", "),
                learned.model.constant / sites,
                learned.residual
            ));
        }
    }

    /// All configurations to all ranks, in order.
    fn hand_on(&self, comm: &dyn Comm) -> Result<()> {
        let mut tree = Tree::default();
        if comm.is_root() {
            let sorted = self.model.configurations.borrow().sorted();
            sorted.save(&mut tree, "all");
        }
        let mut bytes = tree.to_bytes();
        comm.broadcast_bytes(&mut bytes)?;
        let tree = Tree::from_bytes(&bytes).unwrap_or_default();
        *self.model.configurations.borrow_mut() = Configurations::load(&tree, "all")?;
        Ok(())
    }
}

/// The first spins of a walker: at random for even chains, all alike for odd ones, so that chains
/// which agree have come from different sides.
fn start(seed: u64, (t, c): (usize, usize), sites: usize) -> Vec<i8> {
    let mut rng = super::roster::words(seed, Purpose::Configurations, (t, c), (0, 0));
    let sign = if rng.random() { 1 } else { -1 };
    match c % 2 {
        0 => (0..sites)
            .map(|_| if rng.random() { 1 } else { -1 })
            .collect(),
        _ => vec![sign; sites],
    }
}

/// Adds the samples of a walker to the rows of the samples file.
fn keep(rows: &mut Segment, sites: usize, (t, c): (usize, usize), haul: &Haul) {
    rows.sites = sites;
    let words = sites.div_ceil(64);
    let mut spins = vec![1; sites];
    for bits in haul.bits.chunks_exact(words) {
        crate::classical::configurations::unpack(bits, &mut spins);
        rows.configurations.extend(&spins);
    }
    rows.energies.extend(&haul.energies);
    let count = haul.energies.len();
    rows.temperature
        .extend(std::iter::repeat_n(t as i64, count));
    rows.chain.extend(std::iter::repeat_n(c as i64, count));
}

impl Calculation for Sampled {
    fn cost(&self) -> Cost {
        let blocks = |leg: &Leg| leg.steps().div_ceil(self.steps_per_block(leg));
        let samples = self.roster.len() * self.plan.samples;
        let sites = self.model.energy.sites();
        let kept = if self.hands_on {
            Configurations::bytes(sites, samples)
        } else {
            0
        };
        let tables = self.model.energy.bytes() + self.roster.len() * 16 * sites;
        Cost {
            blocks: self.legs.iter().map(blocks).sum::<usize>() as f64,
            bytes: (16 * samples + 96 * self.plan.samples * self.plan.chains + 2 * kept + tables)
                as f64,
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
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
        self.model.configurations.borrow_mut().truncate(kept);
        Ok(())
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        super::state::save(self, &self.spins, out, comm)
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        let spins = super::state::load(self, from)?;
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
        }
        Ok(())
    }
}
