//! Decides what happens at the end of a leg: effective models are fitted to what it brought, or
//! configurations are handed on.

use super::learning::{LearnedModel, Selection, total};
use super::sampled::Sampled;
use crate::classical::Configurations;
use crate::classical::averages::{ChainSeries, Thermal};
use crate::classical::effective::Moments;
use crate::comm::{Comm, agree};
use crate::error::Result;
use crate::io::tree::Tree;
use crate::run::Desk;

impl Sampled {
    /// The end of a leg: what was learned goes to all ranks.
    pub(super) fn end_leg(&mut self, desk: &mut Desk) -> Result<()> {
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
    pub(super) fn models_of(&self, numbers: &[f64]) -> Vec<LearnedModel> {
        let Some(features) = &self.features else {
            return Vec::new();
        };
        let models = numbers.chunks_exact(LearnedModel::width(features.len()));
        models
            .filter_map(|numbers| LearnedModel::from_numbers(features, numbers))
            .collect()
    }

    /// The sums of a fit at a temperature.
    pub(super) fn moments_at(&self, t: usize) -> Vec<&Moments> {
        let walkers = self.roster.at(t);
        walkers.flat_map(|w| &self.standing.moments[w]).collect()
    }

    /// The same as parts that are independent: chains, or the halves of one.
    fn parts_at(&self, t: usize) -> Vec<Moments> {
        let walkers = self.roster.at(t).map(|w| &self.standing.moments[w]);
        match self.roster.chains {
            1 => walkers.flatten().cloned().collect(),
            _ => walkers.map(|m| total(m[0].features(), m.iter())).collect(),
        }
    }

    /// The series at a temperature.
    pub(super) fn series_at(&self, t: usize) -> Vec<ChainSeries> {
        self.roster.at(t).map(|w| self.series[w].clone()).collect()
    }

    /// Fits at all temperatures, on rank 0.
    pub(super) fn fit(&mut self) -> Result<Vec<LearnedModel>> {
        let Some(features) = &self.features else {
            return Ok(Vec::new());
        };
        let temperatures = 0..self.roster.temperatures;
        if !self.leg().learned {
            let (sweeps, sites) = (self.leg().sweeps as f64, self.model.energy.sites());
            let local = temperatures.clone().filter_map(|t| {
                let (series, t) = (self.series_at(t), self.plan.temperatures[t]);
                let thermal = Thermal::new(sites, t, &series)?;
                Some((sweeps * thermal.tau(), thermal.effective_samples(t)))
            });
            (self.standing.local_tau, self.standing.local_samples) = local.unzip();
        }
        let mut chosen: Vec<usize> = (0..features.len()).collect();
        if self.plan.effective.chooses() {
            let parts: Vec<_> = temperatures.clone().map(|t| self.parts_at(t)).collect();
            let selection = Selection::new(features.len(), &parts);
            chosen = selection.chosen().to_vec();
            self.standing.selection = selection;
        }
        let fitted = |t: usize| {
            let sums = total(features.len(), self.moments_at(t).into_iter());
            LearnedModel::fitted(features, &sums, &chosen)
        };
        temperatures.map(fitted).collect()
    }

    pub(super) fn say_models(&self, desk: &mut Desk) {
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
    pub(super) fn hand_on(&self, comm: &dyn Comm) -> Result<()> {
        let mut tree = Tree::default();
        if comm.is_root() {
            let sorted = self.model.configurations.borrow().sorted();
            sorted.save(&mut tree, "all");
        }
        let mut bytes = tree.to_bytes();
        comm.broadcast_bytes(&mut bytes)?;
        let tree = Tree::from_bytes(&bytes).unwrap_or_default();
        let all = Configurations::load(&tree, "all", &self.no_configurations())?;
        *self.model.configurations.borrow_mut() = all;
        Ok(())
    }
}
