//! Decides what a checkpoint keeps of walkers: their spins, series and sums, the models learned.

use super::learning::{LearnedModel, Selection};
use super::sampled::{RunStanding, Sampled};
use crate::calculation::vmc::gather_spins;
use crate::classical::averages::ChainSeries;
use crate::classical::effective::Moments;
use crate::classical::{Configurations, Tally};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;
use crate::run::{load_rows, save_rows};

/// Writes the state, of all ranks on rank 0.
pub(super) fn save(
    run: &Sampled,
    spins: &[Vec<i8>],
    out: &mut Tree,
    comm: &dyn Comm,
) -> Result<()> {
    let spins = gather_spins(comm, &spins.concat())?;
    if !comm.is_root() {
        return Ok(());
    }
    let shape = [run.roster.len(), run.model.energy.sites()];
    out.put_spins("spins", &shape, &spins);
    save_standing(&run.standing, out);
    let energies = run.series.iter().flat_map(|s| &s.energies);
    let totals = run.series.iter().flat_map(|s| &s.sums);
    out.put_reals("energies", &energies.copied().collect::<Vec<_>>());
    out.put_reals("sums", &totals.copied().collect::<Vec<_>>());
    out.put_reals("seconds", &run.seconds);
    save_rows(out, "history", &run.blocks);
    let kept = run.model.configurations.borrow();
    if !kept.is_empty() {
        kept.save(out, "configurations");
    }
    Ok(())
}

/// Where a run stands.
fn save_standing(standing: &RunStanding, out: &mut Tree) {
    let numbers = |models: &[LearnedModel]| -> Vec<f64> {
        models.iter().flat_map(LearnedModel::numbers).collect()
    };
    let rounds = standing.rounds.iter().flat_map(|models| numbers(models));
    let sums = standing.moments.iter().flatten();
    let sums = sums.flat_map(|m| m.numbers()).copied();
    let tallies = standing.tallies.iter().flat_map(Tally::numbers);
    let selection = &standing.selection;
    let order: Vec<i64> = selection.order.iter().map(|k| *k as i64).collect();
    out.put_integers("order", &order);
    for (name, value) in [
        ("leg", standing.leg),
        ("step", standing.step),
        ("done", usize::from(standing.done)),
        ("written", usize::from(standing.written)),
        ("taken", selection.taken),
    ] {
        out.put_integer(name, value as i64);
    }
    for (name, list) in [
        ("models", numbers(&standing.models)),
        ("rounds", rounds.collect()),
        ("moments", sums.collect()),
        ("tallies", tallies.collect()),
        ("swaps", standing.swaps.as_flattened().to_vec()),
        ("local_tau", standing.local_tau.clone()),
        ("local_samples", standing.local_samples.clone()),
        ("held_out", selection.errors.clone()),
        ("leg_seconds", standing.seconds.clone()),
    ] {
        out.put_reals(name, &list);
    }
}

/// The sums of walkers of a checkpoint.
type WalkerSums = (Vec<Tally>, Vec<[Moments; 2]>);

fn load_sums(run: &Sampled, from: &Tree) -> Result<WalkerSums> {
    let features = run.features.as_ref().map_or(0, |f| f.len());
    let width = Moments::new(features).numbers().len();
    let (sums, tallies) = (from.reals("moments")?, from.reals("tallies")?);
    let walkers = run.roster.len();
    if sums.len() != walkers * 2 * width || tallies.len() != 3 * walkers {
        return Err(misfit("moments"));
    }
    let halves: Vec<Moments> = sums
        .chunks_exact(width)
        .map(|numbers| Moments::from_numbers(features, numbers))
        .collect();
    let pairs = halves.chunks_exact(2);
    Ok((
        tallies.chunks_exact(3).map(Tally::of).collect(),
        pairs.map(|m| [m[0].clone(), m[1].clone()]).collect(),
    ))
}

fn misfit(name: &str) -> Error {
    Error::output(name, "the checkpoint holds no state of these walkers")
}

/// Whether configurations that this input wants were not kept on the way.
fn misses_configurations(run: &Sampled, from: &Tree) -> Result<bool> {
    let (leg, step) = (&run.legs[from.count("leg")?], from.count("step")?);
    if !leg.counts || leg.kept(step) == 0 {
        return Ok(false);
    }
    let handed_on = match from.datasets.contains_key("configurations/energies") {
        true => from.reals("configurations/energies")?.len(),
        false => 0,
    };
    let written = from.integer("written")? == 1 || step >= leg.steps();
    let wanted = run.roster.len() * leg.kept(step);
    Ok((run.hands_on && handed_on != wanted) || (run.keeps && !written))
}

/// Takes back what was saved; the spins of all walkers, none where configurations are missing.
pub(super) fn load(run: &mut Sampled, from: &Tree) -> Result<Option<Vec<i8>>> {
    let (walkers, sites) = (run.roster.len(), run.model.energy.sites());
    let spins = from.spins("spins")?;
    let (leg, step) = (from.count("leg")?, from.count("step")?);
    if spins.len() != walkers * sites || leg >= run.legs.len() {
        return Err(misfit("spins"));
    }
    if misses_configurations(run, from)? {
        return Ok(None);
    }
    let (tallies, moments) = load_sums(run, from)?;
    let (energies, totals) = (from.reals("energies")?, from.reals("sums")?);
    let rows = run.legs[leg].kept(step);
    if energies.len() != walkers * rows || totals.len() != energies.len() {
        return Err(misfit("energies"));
    }
    let series = |w: usize| ChainSeries {
        energies: energies[w * rows..(w + 1) * rows].to_vec(),
        sums: totals[w * rows..(w + 1) * rows].to_vec(),
    };
    run.series = (0..walkers).map(series).collect();
    let rounds = run.models_of(&from.reals("rounds")?);
    let order = from.integers("order")?;
    let swaps = from.reals("swaps")?;
    run.standing = RunStanding {
        leg,
        step,
        written: run.keeps && from.integer("written")? == 1,
        done: from.integer("done")? == 1 && step >= run.legs[leg].steps(),
        models: run.models_of(&from.reals("models")?),
        tallies,
        moments,
        swaps: swaps.chunks_exact(2).map(|s| [s[0], s[1]]).collect(),
        local_tau: from.reals("local_tau")?,
        local_samples: from.reals("local_samples")?,
        rounds: rounds
            .chunks(run.roster.temperatures)
            .map(<[_]>::to_vec)
            .collect(),
        selection: Selection {
            order: order.iter().map(|k| *k as usize).collect(),
            errors: from.reals("held_out")?,
            taken: from.count("taken")?,
        },
        seconds: from.reals("leg_seconds")?,
    };
    run.seconds = from.reals("seconds")?;
    run.blocks = load_rows(from, "history")?;
    if from.datasets.contains_key("configurations/bits") {
        let like = run.no_configurations();
        let kept = Configurations::load(from, "configurations", &like)?;
        *run.model.configurations.borrow_mut() = kept;
    }
    Ok(Some(spins))
}
