//! Decides what a checkpoint keeps of walkers: their spins, series and sums, the models learned.

use super::learning::{LearnedModel, Selection};
use super::sampled::{Sampled, Standing};
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
    let Standing {
        leg,
        step,
        done,
        models,
        tallies,
        moments,
        swaps,
        local_tau,
        rounds,
        selection,
        seconds,
    } = &run.standing;
    out.put_spins(
        "spins",
        &[run.roster.len(), run.model.energy.sites()],
        &spins,
    );
    out.put_integer("leg", *leg as i64);
    out.put_integer("step", *step as i64);
    out.put_integer("done", i64::from(*done));
    let numbers = |models: &[LearnedModel]| -> Vec<f64> {
        models.iter().flat_map(LearnedModel::numbers).collect()
    };
    let rounds: Vec<f64> = rounds.iter().flat_map(|models| numbers(models)).collect();
    let sums = moments.iter().flatten().flat_map(|m| m.numbers());
    let sums: Vec<f64> = sums.copied().collect();
    let tallies: Vec<f64> = tallies.iter().flat_map(Tally::numbers).collect();
    out.put_integer("taken", selection.taken as i64);
    let order: Vec<i64> = selection.order.iter().map(|k| *k as i64).collect();
    out.put_integers("order", &order);
    let energies = run.series.iter().flat_map(|s| &s.energies);
    let totals = run.series.iter().flat_map(|s| &s.sums);
    for (name, list) in [
        ("models", numbers(models)),
        ("rounds", rounds),
        ("moments", sums),
        ("tallies", tallies),
        ("swaps", swaps.as_flattened().to_vec()),
        ("local_tau", local_tau.clone()),
        ("held_out", selection.errors.clone()),
        ("energies", energies.copied().collect()),
        ("sums", totals.copied().collect()),
        ("leg_seconds", seconds.clone()),
        ("seconds", run.seconds.clone()),
    ] {
        out.put_reals(name, &list);
    }
    save_rows(out, "history", &run.blocks);
    let kept = run.model.configurations.borrow();
    if !kept.is_empty() {
        kept.save(out, "configurations");
    }
    Ok(())
}

/// Takes back what was saved; the spins of all walkers.
pub(super) fn load(run: &mut Sampled, from: &Tree) -> Result<Vec<i8>> {
    let misfit = |name: &str| Error::output(name, "the checkpoint holds no state of these walkers");
    let (walkers, sites) = (run.roster.len(), run.model.energy.sites());
    let spins = from.spins("spins")?;
    let (leg, step) = (from.count("leg")?, from.count("step")?);
    if spins.len() != walkers * sites || leg >= run.legs.len() {
        return Err(misfit("spins"));
    }
    let features = run.features.as_ref().map_or(0, |f| f.len());
    let temperatures = run.roster.temperatures;
    let width = Moments::new(features).numbers().len();
    let (sums, tallies) = (from.reals("moments")?, from.reals("tallies")?);
    if sums.len() != walkers * 2 * width || tallies.len() != 3 * walkers {
        return Err(misfit("moments"));
    }
    let halves: Vec<Moments> = sums
        .chunks_exact(width)
        .map(|numbers| Moments::from_numbers(features, numbers))
        .collect();
    let tally = |numbers: &[f64]| Tally {
        proposed: numbers[0],
        accepted: numbers[1],
        cluster_sites: numbers[2],
    };
    let rounds = run.models_of(&from.reals("rounds")?);
    let order = from.integers("order")?;
    let selection = Selection {
        order: order.iter().map(|k| *k as usize).collect(),
        errors: from.reals("held_out")?,
        taken: from.count("taken")?,
    };
    let swaps = from.reals("swaps")?;
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
    run.standing = Standing {
        leg,
        step,
        done: from.integer("done")? == 1 && step >= run.legs[leg].steps(),
        models: run.models_of(&from.reals("models")?),
        tallies: tallies.chunks_exact(3).map(tally).collect(),
        moments: halves
            .chunks_exact(2)
            .map(|m| [m[0].clone(), m[1].clone()])
            .collect(),
        swaps: swaps.chunks_exact(2).map(|s| [s[0], s[1]]).collect(),
        local_tau: from.reals("local_tau")?,
        rounds: rounds.chunks(temperatures).map(<[_]>::to_vec).collect(),
        selection,
        seconds: from.reals("leg_seconds")?,
    };
    run.seconds = from.reals("seconds")?;
    run.blocks = load_rows(from, "history")?;
    let prefix = "configurations";
    if from.datasets.contains_key("configurations/bits") {
        *run.model.configurations.borrow_mut() = Configurations::load(from, prefix)?;
    }
    Ok(spins)
}
