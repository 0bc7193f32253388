//! Decides what `[learn]` writes in results.

use super::Learn;
use super::ending::LearnedFigures;
use super::judge::{LearningPoint, UNKNOWN};
use crate::ansatz::block::split;
use crate::calculation::vmc::value_of;
use crate::error::Result;
use crate::io::tree::{Tree, Value, shaped};
use crate::record;
use crate::run::{Curves, save_rows};
use crate::shots::Shots;

record! {
    /// The parameters before a step.
    pub struct LearnRow {
        objective: "1",
            "negative log-likelihood of the outcomes, or -ln fidelity; -1 where the norm of the \
             wave function is not known";
        kl: "1", "objective less the entropy of the outcomes; -1 where it is not known";
        fidelity: "1", "fidelity with the state, sampled for infidelity; -1 where it is not known";
        held_out: "1", "negative log-likelihood of what is held out; -1 where it is not known";
        gradient_norm: "1", "Euclidean norm of the gradient";
        clipped: "1", "outcomes whose probability was clipped at 1e-12";
    }
}

/// The record of the steps in results.
pub const CURVES: Curves = Curves {
    shown: &["objective", "kl", "fidelity"],
    seconds: SECONDS,
    unknown: Some(UNKNOWN),
    ..Curves::of::<LearnRow>("learn/history", "step")
};

/// Wall times of the steps in results.
const SECONDS: &str = "timing/learn_seconds";

/// Writes one number with its meaning.
fn number(out: &mut Tree, name: &str, value: f64, meaning: &str) {
    let value = Value::Real(shaped(&[], vec![value]));
    out.describe(&format!("learn/{name}"), value, "1", meaning);
}

/// All of it.
pub(super) fn results(learn: &Learn, out: &mut Tree) -> Result<()> {
    let vmc = learn.vmc.borrow();
    vmc.record(out)?;
    out.put_integer("status/steps", learn.standing.step as i64);
    let rows = learn.shown_rows();
    save_rows(out, CURVES.group, rows);
    let seconds = shaped(&[learn.seconds.len()], learn.seconds.clone());
    out.describe(SECONDS, Value::Real(seconds), "s", "wall time of each step");
    if let Some(found) = &learn.found {
        numbers(out, found);
        found.data.describe(out);
    }
    if let Some(point) = &learn.standing.point {
        gradient(learn, point, out);
    }
    let objectives = &learn.standing.objectives;
    if objectives.len() > 1 {
        let meaning = "objective of each restart at its end; -1 where it is not known";
        let value = Value::Real(shaped(&[objectives.len()], objectives.clone()));
        out.describe("learn/restarts/objective", value, "1", meaning);
        let kept = Value::Integer(shaped(&[], vec![learn.standing.kept_member() as i64]));
        let meaning = "number of the restart that is kept, from 0";
        out.describe("learn/restarts/kept", kept, "1", meaning);
    }
    if learn.standing.done
        && let Some(drawn) = learn.drawn()?
    {
        outcomes(out, &drawn);
    }
    Ok(())
}

fn numbers(out: &mut Tree, found: &LearnedFigures) {
    for (name, value, meaning) in [
        ("objective", found.objective, "objective at the end"),
        (
            "nll",
            found.nll,
            "negative log-likelihood of the outcomes, mean over the bases",
        ),
        (
            "entropy",
            found.entropy,
            "entropy of the outcomes, mean over the bases",
        ),
        (
            "kl",
            found.kl,
            "Kullback-Leibler divergence of the outcomes, nll - entropy",
        ),
        (
            "held_out",
            found.held_out,
            "negative log-likelihood of what is held out",
        ),
        ("fidelity", found.fidelity, "fidelity with the state"),
        (
            "fidelity_error",
            found.fidelity_error,
            "its standard error; 0 where it is exact",
        ),
        (
            "log_z",
            found.log_z,
            "ln Z of the distribution sum_v exp(a.v) prod 2 cosh(theta)",
        ),
        (
            "log_z_error",
            found.log_z_error,
            "its standard error; 0 where it is exact",
        ),
        (
            "clipped",
            Some(found.clipped),
            "outcomes whose probability was clipped at the end",
        ),
    ] {
        if let Some(value) = value {
            number(out, name, value, meaning);
        }
    }
}

/// One dataset for each block, complex where the block is.
fn gradient(learn: &Learn, point: &LearningPoint, out: &mut Tree) {
    let layout = learn.vmc.borrow().ensemble.layout();
    for (block, own) in split(&layout, &point.force).unwrap_or_default() {
        let scaled: Vec<f64> = own.iter().map(|f| learn.factor * f).collect();
        let value = value_of(block, &scaled);
        let meaning =
            "derivative of the objective at the end: by theta, or by theta* where complex";
        out.describe(
            &format!("learn/gradient/{}", block.name),
            value,
            "1",
            meaning,
        );
    }
}

/// What was drawn, shot by shot.
fn outcomes(out: &mut Tree, drawn: &Shots) {
    let (mut all, mut basis) = (Vec::new(), Vec::new());
    for k in 0..drawn.len() {
        for _ in 0..drawn.weights[k] as usize {
            all.extend_from_slice(drawn.outcome(k));
            basis.push(i64::from(drawn.basis[k]));
        }
    }
    let shape = [basis.len(), drawn.sites()];
    let value = Value::Spin(shaped(&shape, all));
    out.describe(
        "learn/shots",
        value,
        "1",
        "outcomes that were drawn, +1 and -1 [shot, site]",
    );
    let value = Value::Integer(shaped(&[basis.len()], basis));
    out.describe(
        "learn/shot_basis",
        value,
        "1",
        "number of the basis of each, in learn/bases",
    );
    let names = drawn.bases.iter().map(|b| b.text()).collect();
    out.put("learn/bases", Value::Texts(names));
}
