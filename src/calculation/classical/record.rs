//! Decides which datasets `[classical]` writes, with units and meanings.

use super::learning::LearnedModel;
use super::outcome::{OutcomeAt, Outcomes};
use super::sampled::Sampled;
use crate::classical::averages::QUANTITIES;
use crate::classical::effective::Feature;
use crate::io::tree::{Tree, Value, shaped};
use crate::record;
use crate::run::{Curves, Record, save_rows};

record! {
    /// Where the walkers stand at the end of a block.
    pub struct BlockRow {
        energy: "coupling", "E/N at the first temperature, mean of the chains";
        abs_magnetisation: "1", "|m| at the first temperature, mean of the chains";
        acceptance: "1", "accepted / proposed flips of the block, of all walkers";
    }
}

/// The record of the blocks in results.
pub const CURVES: Curves = Curves {
    group: "classical/history",
    columns: BlockRow::COLUMNS,
    across: None,
    row: "block",
    seconds: "timing/classical_seconds",
    shown: &["energy", "abs_magnetisation", "acceptance"],
    unknown: None,
};

/// The unit of energies.
const ENERGY: &str = "coupling";

/// Writes below `classical/`.
pub(super) struct Pen<'t>(pub &'t mut Tree);

impl Pen<'_> {
    pub fn real(&mut self, name: &str, shape: &[usize], values: Vec<f64>, unit: &str, what: &str) {
        let value = Value::Real(shaped(shape, values));
        self.0
            .describe(&format!("classical/{name}"), value, unit, what);
    }

    /// One number per temperature.
    pub fn list(&mut self, name: &str, values: Vec<f64>, unit: &str, what: &str) {
        self.real(name, &[values.len()], values, unit, what);
    }

    /// Means and errors of all quantities, with the temperature first.
    pub fn quantities(&mut self, under: &str, rows: &[([f64; 6], [f64; 6])]) {
        for (k, (name, unit, what)) in QUANTITIES.into_iter().enumerate() {
            let means = rows.iter().map(|row| row.0[k]).collect();
            self.list(&format!("{under}{name}/mean"), means, unit, what);
            let errors = rows.iter().map(|row| row.1[k]).collect();
            self.list(
                &format!("{under}{name}/error"),
                errors,
                unit,
                "standard error",
            );
        }
    }

    /// Constants and couplings of effective models.
    pub fn models(&mut self, sites: usize, rows: &[(f64, Vec<f64>)]) {
        let constants = rows.iter().map(|row| row.0 / sites as f64).collect();
        let what = "E_0/N of the effective model";
        self.list("effective/constant", constants, ENERGY, what);
        let classes = rows.first().map_or(0, |row| row.1.len());
        let couplings = rows.iter().flat_map(|row| row.1.iter().copied()).collect();
        let what = "J_k of H_eff = E_0 - sum_k J_k C_k";
        self.real(
            "effective/couplings",
            &[rows.len(), classes],
            couplings,
            ENERGY,
            what,
        );
    }
}

/// Temperatures, the number of sites, wall times.
pub(super) fn common(out: &mut Tree, temperatures: &[f64], sites: usize, seconds: &[f64]) {
    out.put_integer("status/sites", sites as i64);
    let what = "temperatures, k_B = 1";
    Pen(out).list("temperature", temperatures.to_vec(), ENERGY, what);
    let value = Value::Real(shaped(&[seconds.len()], seconds.to_vec()));
    out.describe(
        "timing/classical_seconds",
        value,
        "s",
        "wall time of each block",
    );
}

/// Everything that is known of a run with Markov chains.
pub(super) fn sampled(out: &mut Tree, run: &Sampled) {
    let sites = run.model.energy.sites();
    common(out, &run.plan.temperatures, sites, &run.seconds);
    let legs = run.legs.iter().zip(&run.standing.seconds).enumerate();
    let moves = legs.map(|(k, (leg, s))| {
        let steps = match k == run.standing.leg {
            true => run.standing.step,
            false => leg.steps(),
        };
        s / (leg.moves_until(steps) * run.roster.len()).max(1) as f64
    });
    let moves: Vec<f64> = moves.collect();
    let pace = [moves.first().copied(), moves.last().copied()];
    let value = Value::Real(shaped(&[moves.len()], moves));
    let what = "wall time of a sweep or move of one walker in each leg, over all ranks";
    out.describe("timing/classical_move_seconds", value, "s", what);
    save_rows(out, CURVES.group, &run.blocks);
    learned(out, run);
    let Some(found) = run.outcomes() else {
        return;
    };
    outcomes(&mut Pen(out), run, found);
    reweighted(&mut Pen(out), found);
    if let (false, [Some(local), Some(own)]) = (run.standing.local_tau.is_empty(), pace) {
        let times = run.standing.local_tau.iter().zip(&found.at);
        let gains: Vec<f64> = times.map(|(tau, o)| tau * local / (o.tau * own)).collect();
        let value = Value::Real(shaped(&[gains.len()], gains));
        let what = "wall time of single flips over that of clusters for an independent sample";
        out.describe("timing/classical_gain", value, "1", what);
    }
}

/// What was learned on the way.
fn learned(out: &mut Tree, run: &Sampled) {
    let standing = &run.standing;
    let mut pen = Pen(out);
    let temperatures = run.roster.temperatures;
    let classes = run.features.as_ref().map_or(0, |f| f.len());
    if !standing.rounds.is_empty() {
        let couplings = |m: &LearnedModel| m.model.couplings.clone();
        let all = standing
            .rounds
            .iter()
            .flatten()
            .flat_map(couplings)
            .collect();
        let shape = [standing.rounds.len(), temperatures, classes];
        let what = "J_k of each fit, the first to single flips";
        pen.real("effective/rounds", &shape, all, ENERGY, what);
    }
    if let Some(features) = &run.features {
        let name = |f: &Feature| format!("{f:?}").to_lowercase();
        let names = features.names.iter().map(name).collect();
        let path = "classical/effective/features";
        let what = "features of the effective model";
        pen.0.describe(path, Value::Texts(names), "", what);
    }
    let selection = &standing.selection;
    if !selection.order.is_empty() {
        let order = selection.order.iter().map(|k| *k as f64).collect();
        let what = "numbers of the features in the order in which they were added";
        pen.list("effective/order", order, "1", what);
        let what = "error of the first k on samples held out, over Var E";
        pen.list("effective/held_out", selection.errors.clone(), "1", what);
        let what = "how many of them are taken";
        pen.real(
            "effective/taken",
            &[],
            vec![selection.taken as f64],
            "1",
            what,
        );
    }
    if !standing.local_tau.is_empty() {
        let what = "integrated time of |m| under single flips, of the first training samples";
        pen.list("local_tau", standing.local_tau.clone(), "sweeps", what);
        let what = "samples / (2 tau) of those, beginnings out of equilibrium left out";
        let samples = standing.local_samples.clone();
        pen.list("local_effective_samples", samples, "1", what);
    }
}

/// Numbers at each temperature besides the averages: name, number, unit, meaning.
type ColumnOf = (
    &'static str,
    fn(&OutcomeAt) -> Option<f64>,
    &'static str,
    &'static str,
);

const COLUMNS: [ColumnOf; 8] = [
    (
        "tau",
        |o| Some(o.tau),
        "sweeps or moves",
        "integrated time of |m|",
    ),
    (
        "r_hat",
        |o| Some(o.averages.r_hat),
        "1",
        "larger split R-hat of E and |m|",
    ),
    (
        "effective_samples",
        |o| Some(o.averages.effective_samples),
        "1",
        "samples / (2 tau) with the longer tau of E and |m|, in samples",
    ),
    (
        "cut",
        |o| Some(o.averages.cut as f64),
        "samples",
        "first samples of each chain that were left out",
    ),
    (
        "acceptance",
        |o| Some(o.acceptance),
        "1",
        "accepted / proposed flips",
    ),
    (
        "cluster_size",
        |o| o.cluster_size,
        "1",
        "mean proposed cluster over N",
    ),
    (
        "gain",
        |o| o.gain,
        "1",
        "local_tau / (tau cluster_size): work of single flips over that of clusters",
    ),
    (
        "effective/residual",
        |o| o.effective.as_ref().map(|e| e.residual),
        ENERGY,
        "deviation of H - H_eff",
    ),
];

fn outcomes(pen: &mut Pen, run: &Sampled, found: &Outcomes) {
    let row = |o: &OutcomeAt| (o.averages.mean, o.averages.error);
    let rows: Vec<_> = found.at.iter().map(row).collect();
    pen.quantities("", &rows);
    for (name, of, unit, what) in COLUMNS {
        let values: Option<Vec<f64>> = found.at.iter().map(of).collect();
        if let Some(values) = values {
            pen.list(name, values, unit, what);
        }
    }
    if run.roster.swapped {
        let swaps = run.standing.swaps.iter();
        let swaps = swaps.map(|s| s[1] / s[0].max(1.0)).collect();
        let what = "accepted swaps of neighbouring temperatures, the highest pair first";
        pen.list("swap_acceptance", swaps, "1", what);
    }
    let models: Option<Vec<_>> = found.at.iter().map(|o| o.effective.as_ref()).collect();
    let Some(models) = models else {
        return;
    };
    let pairs = models.iter().zip(&run.plan.temperatures);
    let expected = pairs.map(|(m, t)| m.expected_acceptance(1.0 / t)).collect();
    let what = "acceptance for a Gaussian residual of independent configurations";
    pen.list("effective/expected_acceptance", expected, "1", what);
    let row = |m: &LearnedModel| (m.model.constant, m.model.couplings.clone());
    let rows: Vec<_> = models.into_iter().map(row).collect();
    pen.models(run.model.energy.sites(), &rows);
}

fn reweighted(pen: &mut Pen, found: &Outcomes) {
    if found.reweighted.is_empty() {
        return;
    }
    let all = &found.reweighted;
    let column = |of: &dyn Fn(&super::outcome::ReweightedAt) -> f64| all.iter().map(of).collect();
    let what = "temperatures to which samples were reweighted";
    let under = "reweighted/";
    pen.list(
        "reweighted/temperature",
        column(&|r| r.temperature),
        ENERGY,
        what,
    );
    let what = "place of the nearest temperature of the samples";
    pen.list("reweighted/source", column(&|r| r.from as f64), "1", what);
    let what = "effective samples that are left";
    let samples = column(&|r| r.averages.effective_samples);
    pen.list("reweighted/effective_samples", samples, "1", what);
    let rows: Vec<_> = all
        .iter()
        .map(|r| (r.averages.mean, r.averages.error))
        .collect();
    pen.quantities(under, &rows);
}
