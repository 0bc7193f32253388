//! Decides `[classical]`: configurations of classical spins at some temperatures, their averages,
//! and what self-learning updates learn on the way.

mod check;
mod counted;
mod keys;
mod learning;
mod lessons;
mod model;
mod moves;
mod outcome;
mod record;
mod roster;
mod sampled;
mod state;
mod walkers;

pub use keys::{ClassicalInput, EffectiveInput, FeatureChoice, NumberList, NumberRange, keys};
pub use model::ClassicalModel;
pub use record::CURVES;

use super::world::{Extent, Section, World};
use crate::classical::UpdateCourse;
use crate::error::{Error, Result};
use crate::input::{KeptSamples, Source};
use crate::run::{Calculation, Declaration};
use crate::table::schema_of;
use counted::ExactSums;
use sampled::Sampled;

/// Sections that ask for the configurations.
const READERS: [&str; 1] = ["phases"];

/// `[classical]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: "classical",
        free: &[],
        grows: &["sampler.samples"],
        reopens: &["reweight"],
        restarts: &[],
        relies_on: &[],
        curves: &[CURVES],
    },
    schema: schema_of::<ClassicalInput>,
    validate: |source, _| check::validate(source),
    effective,
    shorten,
    build,
};

/// All keys with their defaults, those of `[sampler]` among them.
fn effective(source: &Source, name: &str) -> Result<toml::Table> {
    let mut table = Section::own_keys(source, name)?;
    table.extend(keys(source)?.plan(source).table());
    table.remove("inverse_temperatures");
    Ok(table)
}

/// Whether an input asks for all states in place of chains. Fails with `Error::Input` where there
/// is no such update.
pub fn sums_all_states(keys: &ClassicalInput) -> Result<bool> {
    Ok(matches!(
        check::entry(&keys.update)?.course,
        UpdateCourse::All
    ))
}

/// A trial takes some of the samples, and learns from fewer.
fn shorten(source: &Source, extent: &Extent) -> Result<Vec<String>> {
    const SAMPLES: usize = 64;
    let keys = keys(source)?;
    let plan = keys.plan(source);
    if sums_all_states(&keys)? {
        return Ok(Vec::new());
    }
    let few = |samples: usize| samples.min((samples / 16).max(SAMPLES));
    let samples = few(plan.samples).min(extent.per_chain.max(2)) * plan.chains;
    let mut all = vec![format!("sampler.samples={samples}")];
    let learns = matches!(check::entry(&keys.update)?.course, UpdateCourse::Learned(_));
    if learns && plan.effective.couplings.is_none() {
        let training = few(plan.effective.training_samples.div_ceil(plan.chains)) * plan.chains;
        all.push(format!("classical.effective.training_samples={training}"));
    }
    Ok(all)
}

fn build<'a>(world: &World<'a>) -> Result<Box<dyn Calculation + 'a>> {
    let source = world.source;
    let (keys, model) = (keys(source)?, world.classical()?);
    let plan = keys.plan(source);
    let entry = check::entry(&plan.update)?;
    if let Some((problem, remedy)) = (entry.refuse)(&model.energy) {
        return Err(Error::input("classical.update", problem, remedy));
    }
    let hands_on = READERS.iter().any(|name| source.table.contains_key(*name));
    if matches!(entry.course, UpdateCourse::All) {
        let fits = keys.effective.is_some();
        return Ok(Box::new(ExactSums::new(model, plan, fits, hands_on)?));
    }
    let keeps = source.input.output.samples != KeptSamples::None;
    let place = (world.rank, world.size);
    Ok(Box::new(Sampled::new(
        model,
        plan,
        place,
        (keeps, hands_on),
    )?))
}
