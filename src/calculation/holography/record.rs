//! Decides which datasets `[holography]` writes, with units and meanings.

use super::keys::Experiment;
use super::members::{CANDIDATES, Workshop};
use super::outcome::{Cohort, Findings, mean_and_spread};
use crate::calculation::fits::{Writer, curves};
use crate::io::tree::Tree;
use crate::run::Curves;

/// The record of the epochs in results.
pub const CURVES: Curves = curves("holography/history");

/// The fits of a kind as they stand: positions, metric, λ and L of each.
pub(super) fn standing(out: &mut Tree, prefix: &'static str, eta: Vec<f64>, thetas: &[&Vec<f64>]) {
    let (seeds, n) = (thetas.len(), eta.len());
    let column = |k: usize| thetas.iter().map(|t| t[k]).collect::<Vec<_>>();
    let mut write = Writer { tree: out, prefix };
    let h = thetas.iter().flat_map(|t| t[..n].iter().copied()).collect();
    let note = (
        "L",
        "positions of the layers or knots, from the boundary inward",
    );
    write.real("eta", &[n], eta, note);
    let note = ("1/L", "h = d/deta ln sqrt(f g^(d-1)), the learned metric");
    write.real("h", &[seeds, n], h, note);
    let note = ("1", "lambda of the potential lambda/4 phi^4");
    write.real("coupling", &[seeds], column(n), note);
    let radius = column(n + 1);
    if radius.iter().any(|r| *r > 0.0) {
        write.real("radius", &[seeds], radius, ("1/GeV", "AdS radius L"));
    }
}

/// What is judged of fits of one kind.
fn judged(write: &mut Writer, group: &Cohort) {
    let seeds = group.thetas.len();
    let (n, radius) = (group.bulk.positions().len(), has_radius(group));
    let note = (
        "1",
        "over all data at the end: (mean |y - label|)^2 + penalties",
    );
    let losses = group.judgements.iter().map(|j| j.loss).collect();
    write.real("loss", &[seeds], losses, note);
    let errors = group.judgements.iter().map(|j| j.mean_error).collect();
    let note = ("1", "mean |y - label| over all data at the end");
    write.real("mean_error", &[seeds], errors, note);
    let wrong = group.judgements.iter().map(|j| j.misclassified as i64);
    let meaning = "points whose y is nearer to the other label, at the end";
    write.counts("misclassified", &[seeds], wrong.collect(), meaning);
    let success = group.success.iter().map(|s| i64::from(*s)).collect();
    write.counts("success", &[seeds], success, "1 where a fit counts");
    let saturated = group.saturated.iter().map(|s| *s as i64).collect();
    let meaning = "trajectories with |F| above 1e6 or not finite, over all epochs";
    write.counts("saturated", &[seeds], saturated, meaning);
    let Some((mean, spread)) = mean_and_spread(&group.successful()) else {
        return;
    };
    let note = ("1/L", "mean over the successful fits");
    write.real("mean/h", &[n], mean[..n].to_vec(), note);
    let note = ("1/L", "standard deviation over the successful fits");
    write.real("mean/spread", &[n], spread[..n].to_vec(), note);
    let note = ("1", "mean over the successful fits");
    write.real("mean/coupling", &[], vec![mean[n]], note);
    let note = ("1", "standard deviation over the successful fits");
    write.real("mean/coupling_spread", &[], vec![spread[n]], note);
    if radius {
        let note = ("1/GeV", "mean over the successful fits");
        write.real("mean/radius", &[], vec![mean[n + 1]], note);
        let note = ("1/GeV", "standard deviation over the successful fits");
        write.real("mean/radius_spread", &[], vec![spread[n + 1]], note);
    }
}

fn has_radius(group: &Cohort) -> bool {
    group
        .thetas
        .iter()
        .any(|t| t.last().is_some_and(|r| *r > 0.0))
}

/// Everything that is found at the end.
pub(super) fn findings(out: &mut Tree, workshop: &Workshop, found: &Findings, chosen: f64) {
    let mut write = Writer {
        tree: out,
        prefix: "holography",
    };
    judged(&mut write, &found.asked);
    let note = ("1", "coefficient of the smoothness of the fits");
    write.real("smoothness", &[], vec![chosen], note);
    gradients(&mut write, &found.asked);
    data(&mut write, found);
    if workshop.recipe.experiment == Experiment::Synthetic {
        truth(&mut write, &found.asked);
    }
    for (prefix, group) in [
        ("holography/euler", &found.published),
        ("holography/bootstrap", &found.replicates),
    ] {
        let Some(group) = group else {
            continue;
        };
        let thetas: Vec<_> = group.thetas.iter().collect();
        standing(out, prefix, group.bulk.positions(), &thetas);
        judged(&mut Writer { tree: out, prefix }, group);
    }
    let replicates = found.replicates.as_ref();
    if let Some((lines, group)) = replicates.and_then(|g| Some((g.quantiles()?, g))) {
        let n = group.bulk.positions().len();
        let all = lines.iter().flat_map(|l| l[..n].iter().copied()).collect();
        let meaning = "lines below which 16, 50 and 84 % of the successful replicates lie";
        let prefix = "holography/bootstrap";
        let mut write = Writer { tree: out, prefix };
        write.real("band", &[lines.len(), n], all, ("1/L", meaning));
    }
}

/// The gradient of the loss over all data.
fn gradients(write: &mut Writer, group: &Cohort) {
    let (seeds, n) = (group.thetas.len(), group.bulk.positions().len());
    let of = |range: std::ops::Range<usize>| {
        let rows = group.judgements.iter();
        let rows = rows.flat_map(|j| j.gradient[range.clone()].iter().copied());
        rows.collect::<Vec<_>>()
    };
    let meaning = "derivative of the loss over all data at the end; 0 where it is not trained";
    write.real("gradient/h", &[seeds, n], of(0..n), ("L", meaning));
    write.real("gradient/coupling", &[seeds], of(n..n + 1), ("1", meaning));
    if has_radius(group) {
        write.real(
            "gradient/radius",
            &[seeds],
            of(n + 1..n + 2),
            ("GeV", meaning),
        );
    }
}

/// Points, labels and answers.
fn data(write: &mut Writer, found: &Findings) {
    let seeds = found.points.len();
    let points = found.points.first().map_or(0, |p| p.len());
    let x = found
        .points
        .iter()
        .flat_map(|p| p.x.iter().flatten().copied());
    let meaning = "phi and pi at the first slice, or mass (GeV) and condensate (GeV^3)";
    write.real(
        "data/x",
        &[seeds, points, 2],
        x.collect(),
        ("mixed", meaning),
    );
    let labels = found.points.iter().flat_map(|p| p.negative.iter());
    let labels = labels.map(|negative| i64::from(*negative)).collect();
    write.counts("data/label", &[seeds, points], labels, "0: allowed, 1: not");
    let all = || found.asked.judgements.iter();
    let f = all().flat_map(|j| j.f.iter().copied()).collect();
    let meaning = "condition at the horizon, within +-1e6";
    write.real("data/F", &[seeds, points], f, ("1", meaning));
    let y = all().flat_map(|j| j.y.iter().copied()).collect();
    write.real(
        "data/y",
        &[seeds, points],
        y,
        ("1", "answer of the network"),
    );
}

/// The black hole that has made the labels.
fn truth(write: &mut Writer, group: &Cohort) {
    let (seeds, eta) = (group.thetas.len(), group.bulk.positions());
    let truth: Vec<f64> = eta.iter().map(|eta| group.bulk.black_hole(*eta)).collect();
    let errors = group.thetas.iter().flat_map(|theta| {
        let pairs = theta.iter().zip(&truth);
        pairs.map(|(h, t)| (h - t).abs() / t).collect::<Vec<_>>()
    });
    let errors: Vec<f64> = errors.collect();
    let n = eta.len();
    write.real("true_h", &[n], truth.clone(), ("1/L", "d coth(d eta)"));
    let meaning = "|h - true h| / true h";
    write.real("relative_error", &[seeds, n], errors, ("1", meaning));
}

/// What points that were held out say of each candidate.
pub(super) fn candidates(out: &mut Tree, scores: &[[f64; 2]]) {
    let mut write = Writer {
        tree: out,
        prefix: "holography/cross_validation",
    };
    let note = ("1", "candidates of the coefficient of the smoothness");
    write.real("smoothness", &[CANDIDATES.len()], CANDIDATES.to_vec(), note);
    let column = |k: usize| scores.iter().map(|s| s[k]).collect::<Vec<_>>();
    let note = (
        "1",
        "mean |y - label| on points that were held out, smallest of the seeds",
    );
    write.real("error", &[scores.len()], column(0), note);
    let note = ("1", "its standard error");
    write.real("standard_error", &[scores.len()], column(1), note);
}
