//! Decides where the configurations of `[phases]` come from, and what is known of them before there
//! are any.

use super::files;
use super::keys::{FeatureName, PhaseRecipe, PhasesInput};
use super::spins::{Shares, SpinData};
use crate::calculation::classical::{self, ClassicalModel};
use crate::calculation::world::{Extent, World};
use crate::classical::enumeration;
use crate::error::{Error, Result};
use crate::input::{self, Source};
use crate::lattice::Lattice;
use std::rc::Rc;

/// What is known of configurations before they are there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outline {
    pub sites: usize,
    /// Values of the parameter, in the order of their numbers.
    pub values: Vec<f64>,
    /// Configurations there will be.
    pub rows: usize,
    /// Whether all states stand, with weights at every value.
    weighted: bool,
    /// Configurations that are there at a time: what a file says stays beside its copy.
    copies: usize,
}

/// Where configurations come from.
pub(super) enum SpinSource {
    /// Files, read at the start.
    Files(SpinData),
    /// `[classical]` of the same input, once it is complete.
    Classical(Rc<ClassicalModel>),
}

impl SpinSource {
    /// Of an input, with what is known of it.
    pub fn new(world: &World, keys: &PhasesInput) -> Result<(Self, Outline)> {
        if keys.files.is_none() {
            let outline = of_classical(world.source, keys)?;
            return Ok((SpinSource::Classical(world.classical()?), outline));
        }
        let data = files::read(world.source, keys)?;
        let outline = of_files(&data);
        Ok((SpinSource::Files(data), outline))
    }

    /// All configurations, the same on every rank; an error where `[classical]` has handed none on.
    pub fn spins(&self) -> Result<SpinData> {
        let model = match self {
            SpinSource::Files(data) => return Ok(data.clone()),
            SpinSource::Classical(model) => model,
        };
        let all = model.configurations.borrow();
        let (rows, sites) = (all.len(), all.sites);
        if rows == 0 {
            return Err(Error::input(
                "classical",
                "there are no configurations for [phases]",
                "let [classical] come to its end first",
            ));
        }
        let mut spins = vec![0; rows * sites];
        for (k, row) in spins.chunks_exact_mut(sites.max(1)).enumerate() {
            all.copy(k, row);
        }
        let shares = match all.is_enumerated() {
            false => Shares::Drawn {
                value: all.temperature.clone(),
                chain: all.chain.iter().map(|c| i64::from(*c)).collect(),
            },
            true => {
                let count = all.temperatures.len();
                let all = &all;
                let row = |k: usize| (0..count).map(move |t| all.weight(k, t));
                Shares::Weighted((0..rows).flat_map(row).collect())
            }
        };
        Ok(SpinData {
            sites,
            values: all.temperatures.clone(),
            spins,
            energies: Some(all.energies.clone()),
            shares,
        })
    }
}

/// What is known of the configurations of an input, without those of `[classical]`.
pub(super) fn outline(source: &Source, keys: &PhasesInput) -> Result<Outline> {
    match keys.files {
        None => of_classical(source, keys),
        Some(_) => files::read(source, keys).map(|data| of_files(&data)),
    }
}

fn of_files(data: &SpinData) -> Outline {
    Outline {
        sites: data.sites,
        values: data.values.clone(),
        rows: data.rows(),
        weighted: false,
        copies: 2,
    }
}

fn of_classical(source: &Source, keys: &PhasesInput) -> Result<Outline> {
    let of = classical::keys(source)?;
    let values = of.temperatures();
    let mut apart = values.clone();
    apart.sort_by(f64::total_cmp);
    apart.dedup();
    if apart.len() < 2 || apart.len() < values.len() {
        let problem = match apart.len() {
            0 | 1 => "one temperature has no transition",
            _ => "a temperature is named twice",
        };
        let remedy = "give temperatures that differ, at least two";
        return Err(Error::input("classical.temperatures", problem, remedy));
    }
    let spec = input::section(&source.input.lattice, "lattice")?.spec(&source.folder)?;
    let sites = Lattice::new(&spec)?.sites;
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let weighted = classical::sums_all_states(&of)?;
    if !weighted && sampler.chains < 2 && keys.recipe().test_fraction > 0.0 {
        return Err(Error::input(
            "phases.test_fraction",
            "whole chains are held out, and there is one",
            "use sampler.chains of at least 2, or test_fraction = 0",
        ));
    }
    Ok(Outline {
        sites,
        rows: match weighted {
            true => 1 << sites.min(enumeration::LARGEST),
            false => sampler.samples * values.len(),
        },
        values,
        weighted,
        copies: 1,
    })
}

/// How many times fewer configurations a trial has.
pub(super) fn shortened(source: &Source, extent: &Extent) -> Result<f64> {
    if !source.table.contains_key("classical") {
        return Ok(1.0);
    }
    let whole = source.input.sampler.clone().unwrap_or_default().samples;
    let settings = (classical::SECTION.shorten)(source, extent)?;
    let of_trial = |setting: &String| setting.strip_prefix("sampler.samples=")?.parse().ok();
    let samples: Option<f64> = settings.iter().find_map(of_trial);
    Ok(samples.map_or(1.0, |samples| (whole as f64 / samples).max(1.0)))
}

impl Outline {
    /// Rows of the training set, about.
    pub fn examples(&self, recipe: &PhaseRecipe) -> usize {
        let numbers = recipe.features != FeatureName::Spins;
        match numbers && (self.weighted || recipe.pace.batch == 0) {
            true => self.sites,
            false => self.rows,
        }
    }

    /// Bytes of the configurations with their weights, of training and test set, and of the answers
    /// for so many classes.
    pub fn bytes(&self, recipe: &PhaseRecipe, classes: usize) -> f64 {
        let weights = if self.weighted {
            8 * self.values.len()
        } else {
            12
        };
        let features = match recipe.features {
            FeatureName::Spins => self.sites,
            FeatureName::Energy | FeatureName::AbsMagnetisation => 8,
        };
        let own = self.copies * (self.sites + 8 + weights);
        self.rows as f64 * (own + 2 * (features + weights) + 8 * classes) as f64
    }
}
