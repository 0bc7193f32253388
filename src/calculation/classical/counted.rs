//! Decides the course of `[classical]` where all states are summed: chunks of states, shared out
//! over the ranks and added up in their order.
//!
//! With `[classical.effective]` a second pass finds ln Z_eff of the models that fit under the exact
//! weights, and KL(p, p_eff) = ln Z_eff − ln Z, because ⟨H⟩ = ⟨H_eff⟩ for a fitted constant.

use super::keys::ClassicalPlan;
use super::learning::LearnedModel;
use super::model::ClassicalModel;
use super::record::{Pen, common};
use crate::classical::Configurations;
use crate::classical::effective::{EffectiveModel, Features};
use crate::classical::enumeration::{Enumeration, ExactAverages, chunks, energies, log_sum};
use crate::comm::{Comm, agree, share};
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::run::{Calculation, Cost, Desk, Loaded, Progress};
use std::ops::Range;
use std::rc::Rc;

/// Chunks of a block.
const BLOCK: usize = 64;
/// Most numbers that are handed on: states times temperatures.
const LARGEST: usize = 1 << 27;

/// `[classical]` with all states.
pub(super) struct ExactSums {
    model: Rc<ClassicalModel>,
    plan: ClassicalPlan,
    betas: Vec<f64>,
    features: Option<Features>,
    hands_on: bool,
    /// Chunks so far, of both passes.
    done: usize,
    /// Sums of the first pass.
    sums: Vec<f64>,
    /// ln Z_eff of the second.
    log_z: Vec<f64>,
    seconds: Vec<f64>,
    mark: (usize, Vec<f64>, Vec<f64>, usize),
}

impl ExactSums {
    pub fn new(
        model: Rc<ClassicalModel>,
        plan: ClassicalPlan,
        fits: bool,
        hands_on: bool,
    ) -> Result<Self> {
        let sites = model.energy.sites();
        let numbers = (plan.temperatures.len() + 3) << sites;
        if hands_on && numbers > LARGEST {
            return Err(Error::input(
                "classical.update",
                format!("all states of {sites} spins are too many to be handed on"),
                "use fewer sites or temperatures, or samples",
            ));
        }
        let (names, key) = (plan.effective.list(), plan.effective.key());
        let features = fits.then(|| Features::new(&names, &model.lattice, key));
        Ok(ExactSums {
            betas: plan.temperatures.iter().map(|t| 1.0 / t).collect(),
            features: features.transpose()?,
            model,
            plan,
            hands_on,
            done: 0,
            sums: Vec::new(),
            log_z: Vec::new(),
            seconds: Vec::new(),
            mark: Default::default(),
        })
    }

    fn chunks(&self) -> usize {
        chunks(self.model.energy.sites())
    }

    fn passes(&self) -> usize {
        1 + usize::from(self.features.is_some())
    }

    fn enumeration(&self) -> Enumeration<'_> {
        Enumeration {
            energy: &self.model.energy,
            betas: &self.betas,
            features: self.features.as_ref(),
        }
    }

    /// Averages, once all states are summed.
    fn averages(&self) -> Vec<ExactAverages> {
        match self.done >= self.chunks() {
            true => self.enumeration().averages(&self.sums),
            false => Vec::new(),
        }
    }

    /// The effective model of each temperature.
    fn models(&self) -> Result<Vec<EffectiveModel>> {
        let Some(features) = &self.features else {
            return Ok(Vec::new());
        };
        let all: Vec<usize> = (0..features.len()).collect();
        let model = |found: &ExactAverages| {
            let learned = match &self.plan.effective.couplings {
                Some(j) => Ok(LearnedModel::given(features, j, j, &found.moments)),
                None => LearnedModel::fitted(features, &found.moments, &all),
            };
            learned.map(|l| l.model)
        };
        self.averages().iter().map(model).collect()
    }

    /// Sums over chunks of one pass, on all ranks.
    fn sum(&mut self, pass: usize, range: Range<usize>, desk: &Desk) -> Result<()> {
        let comm = desk.comm;
        let mine = share(range.len(), comm.rank(), comm.size());
        let numbers = range.start + mine.start..range.start + mine.end;
        let found = self.own(pass, numbers, desk);
        let mut all = gathered(comm, &agree(comm, found)?)?;
        if pass == 0 {
            let mut sums = std::mem::take(&mut self.sums);
            let parts = self.enumeration();
            let width = parts.width();
            all.chunks_exact(width)
                .for_each(|part| parts.merge(&mut sums, part));
            self.sums = sums;
            return Ok(());
        }
        self.log_z.resize(self.betas.len(), f64::NEG_INFINITY);
        for part in all.chunks_exact_mut(self.betas.len()) {
            let pairs = self.log_z.iter_mut().zip(part);
            pairs.for_each(|(sum, new)| *sum = log_sum(*sum, *new));
        }
        Ok(())
    }

    /// The sums of this rank's chunks.
    fn own(&self, pass: usize, numbers: Range<usize>, desk: &Desk) -> Result<Vec<f64>> {
        let models = if pass == 0 {
            Vec::new()
        } else {
            self.models()?
        };
        let mut piece = Vec::new();
        for chunk in numbers {
            if !desk.go_on() {
                return Err(Error::Interrupted);
            }
            piece.extend(match pass {
                0 => self.enumeration().chunk(chunk),
                _ => self.enumeration().effective_chunk(&models, chunk),
            });
        }
        Ok(piece)
    }

    fn hand_on(&self) {
        let log_z: Vec<f64> = self.averages().iter().map(|a| a.log_z).collect();
        let all = Configurations::all(
            self.model.energy.sites(),
            &self.plan.temperatures,
            energies(&self.model.energy),
            &log_z,
        );
        *self.model.configurations.borrow_mut() = all;
    }
}

/// The pieces of all ranks on every rank.
fn gathered(comm: &dyn Comm, piece: &[f64]) -> Result<Vec<f64>> {
    let bytes: Vec<u8> = piece.iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut all = comm.gather_bytes(&bytes)?;
    comm.broadcast_bytes(&mut all)?;
    let words = all.chunks_exact(8);
    let number = |w: &[u8]| f64::from_le_bytes(w.try_into().unwrap_or_default());
    Ok(words.map(number).collect())
}

impl Calculation for ExactSums {
    fn cost(&self) -> Cost {
        let states = 1usize << self.model.energy.sites();
        let kept = if self.hands_on {
            8 * states * (3 + self.betas.len())
        } else {
            0
        };
        Cost {
            blocks: (self.passes() * self.chunks().div_ceil(BLOCK)) as f64,
            bytes: (self.model.energy.bytes() + kept) as f64,
            state: kept as f64,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        let clock = std::time::Instant::now();
        let all = self.chunks();
        if self.done < all * self.passes() {
            let (pass, first) = (self.done / all, self.done % all);
            let range = first..(first + BLOCK).min(all);
            let count = range.len();
            self.sum(pass, range, desk)?;
            self.done += count;
        }
        self.seconds.push(clock.elapsed().as_secs_f64());
        let total = all * self.passes();
        desk.line(self.done - 1, total, &self.place());
        if self.done < total {
            return Ok(Progress::GoesOn);
        }
        if self.hands_on {
            self.hand_on();
        }
        for (t, found) in self.plan.temperatures.iter().zip(self.averages()) {
            let sites = self.model.energy.sites() as f64;
            let (log_z, [energy, heat, ..]) = (found.log_z, found.values);
            desk.say(&format!(
                "T = {t}: ln Z = {log_z:.10}  E/N = {:.10}  C/N = {heat:.10}",
                energy / sites
            ));
        }
        Ok(Progress::Done)
    }
    fn mark(&mut self) {
        let (sums, log_z) = (self.sums.clone(), self.log_z.clone());
        self.mark = (self.done, sums, log_z, self.seconds.len());
    }
    fn rewind(&mut self) -> Result<()> {
        let (done, sums, log_z, seconds) = self.mark.clone();
        (self.done, self.sums, self.log_z) = (done, sums, log_z);
        self.seconds.truncate(seconds);
        Ok(())
    }
    fn save(&self, out: &mut Tree, _: &dyn Comm) -> Result<()> {
        out.put_integer("chunks", self.done as i64);
        out.put_reals("state_sums", &self.sums);
        out.put_reals("log_z_effective", &self.log_z);
        out.put_reals("seconds", &self.seconds);
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        self.done = from.count("chunks")?;
        self.sums = from.reals("state_sums")?;
        self.log_z = from.reals("log_z_effective")?;
        self.seconds = from.reals("seconds")?;
        let (all, width) = (self.chunks(), self.enumeration().width());
        let sums = if self.done == 0 { 0 } else { width };
        if self.done > all * self.passes() || self.sums.len() != sums {
            let what = "the checkpoint holds no sums over these states";
            return Err(Error::output("state_sums", what));
        }
        if self.hands_on && self.done == all * self.passes() {
            self.hand_on();
        }
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        let sites = self.model.energy.sites();
        common(out, &self.plan.temperatures, sites, &self.seconds);
        let found = self.averages();
        if found.is_empty() {
            return Ok(());
        }
        let mut pen = Pen(out);
        let rows: Vec<_> = found.iter().map(|a| (a.values, [0.0; 6])).collect();
        pen.quantities("", &rows);
        let log_z: Vec<f64> = found.iter().map(|a| a.log_z).collect();
        pen.list("log_z", log_z.clone(), "1", "ln Z, the sum over all states");
        if self.done == self.chunks() * self.passes() && self.features.is_some() {
            let row = |m: EffectiveModel| (m.constant, m.couplings);
            let rows: Vec<_> = self.models()?.into_iter().map(row).collect();
            pen.models(sites, &rows);
            let kl = self.log_z.iter().zip(&log_z).map(|(e, z)| e - z);
            let what = "KL(p, p_eff) of the Boltzmann weights";
            pen.list("effective/kl", kl.collect(), "1", what);
        }
        Ok(())
    }
    fn place(&self) -> String {
        format!("chunk {} of {}", self.done, self.chunks() * self.passes())
    }
}
