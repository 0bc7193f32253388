//! Decides how results of `[regression]` are written.

use super::keys::ColumnTransform;
use super::outcome::RegressionOutcome;
use super::study::RegressionStudy;
use crate::calculation::fits::{Course, Writer};
use crate::io::tree::{Tree, Value};
use crate::record;
use crate::run::{Curves, save_rows};

record! {
    /// Where a step of the training begins; the last row is the end.
    pub struct TrainingRow {
        step: "1", "steps made so far";
        train_error: "1", "training error of the restart that is kept, in transformed units";
    }
}

/// The record of the training in results.
pub const CURVES: Curves = Curves {
    across: Some("step"),
    shown: &["train_error"],
    ..Curves::of::<TrainingRow>("regression/history", "step")
};

/// Everything that is known of the networks as they stand.
pub(super) fn results(
    out: &mut Tree,
    study: &RegressionStudy,
    courses: &[Course],
    found: &RegressionOutcome,
) {
    table(out, study);
    let Some(course) = courses.get(found.kept) else {
        return;
    };
    network(out, study, &course.fit.theta, found);
    history(out, study, course, found);
    answers(out, study, found);
}

fn writer(out: &mut Tree) -> Writer<'_> {
    Writer {
        tree: out,
        prefix: "regression",
    }
}

/// The rows that were used.
fn table(out: &mut Tree, study: &RegressionStudy) {
    let rows = &study.rows;
    let transform = match study.recipe.transform {
        ColumnTransform::None => "none",
        ColumnTransform::Log => "log",
    };
    out.put_text("regression/transform", transform);
    for (name, columns) in [
        ("input_names", &rows.inputs),
        ("output_names", &rows.outputs),
    ] {
        let value = Value::Texts(columns.clone());
        out.put(&format!("regression/data/{name}"), value);
    }
    let mut write = writer(out);
    let note = ("mixed", "inputs in the units of the table");
    let shape = [rows.len(), rows.inputs.len()];
    write.real("data/input", &shape, rows.x.clone(), note);
    let note = ("mixed", "outputs in the units of the table");
    let shape = [rows.len(), rows.outputs.len()];
    write.real("data/target", &shape, rows.y.clone(), note);
    let held = rows.held.iter().map(|held| i64::from(*held)).collect();
    write.counts(
        "data/held_out",
        &[rows.len()],
        held,
        "1 where a row is held out",
    );
}

/// Numbers and gradients of the network that is kept.
fn network(out: &mut Tree, study: &RegressionStudy, theta: &[f64], found: &RegressionOutcome) {
    let mut write = writer(out);
    for block in study.network.blocks() {
        let name = format!("parameters/{}", block.name);
        let meaning = "weights [output, input] or biases of a layer, as they stand";
        let values = theta[block.range.clone()].to_vec();
        write.real(&name, &block.shape, values, ("1", meaning));
        let name = format!("gradient/{}", block.name);
        let meaning = "derivative of the training error by each of them, as they stand";
        let values = found.judged.gradient[block.range].to_vec();
        write.real(&name, &block.shape, values, ("1", meaning));
    }
    let layers = found.initial_gradient.len();
    let meaning = "mean |dE/dW| of each layer at the start, that next to the input first";
    let values = found.initial_gradient.clone();
    write.real("initial_gradient", &[layers], values, ("1", meaning));
    let note = ("1", "training error, in transformed units");
    write.real("train_error", &[], vec![found.judged.loss], note);
    if let Some(error) = found.test_error {
        let note = ("1", "error of rows that are held out, in transformed units");
        write.real("test_error", &[], vec![error], note);
    }
    let note = ("1", "training error of each restart");
    write.real(
        "restart_error",
        &[found.errors.len()],
        found.errors.clone(),
        note,
    );
    let meaning = "number of the restart that is kept, from 0";
    write.counts("kept", &[], vec![found.kept as i64], meaning);
}

/// Errors at the start, after each step, and at the end.
fn history(out: &mut Tree, study: &RegressionStudy, course: &Course, found: &RegressionOutcome) {
    let kept = study.kept_errors();
    let before = course.losses.chunks_exact(kept);
    let last = [found.judged.loss, found.test_error.unwrap_or_default()];
    let all: Vec<&[f64]> = before.chain([&last[..kept]]).collect();
    let row = |(step, errors): (usize, &&[f64])| TrainingRow {
        step: step as f64,
        train_error: errors[0],
    };
    let rows: Vec<TrainingRow> = all.iter().enumerate().map(row).collect();
    save_rows(out, CURVES.group, &rows);
    if kept > 1 {
        let errors = all.iter().map(|errors| errors[1]).collect();
        let note = ("1", "the same of rows that are held out");
        writer(out).real("history/test_error", &[all.len()], errors, note);
    }
}

/// What the network says.
fn answers(out: &mut Tree, study: &RegressionStudy, found: &RegressionOutcome) {
    let (rows, outputs) = (study.rows.len(), study.rows.outputs.len());
    let mut write = writer(out);
    let note = ("mixed", "answers in the units of the table");
    write.real(
        "prediction",
        &[rows, outputs],
        found.prediction.clone(),
        note,
    );
    if let Some((x, y)) = &found.curve {
        let note = (
            "mixed",
            "places over the range of the rows, and a quarter beyond",
        );
        write.real("curve/input", &[x.len()], x.clone(), note);
        let note = ("mixed", "answers there");
        write.real("curve/prediction", &[x.len(), outputs], y.clone(), note);
    }
    if let Some(inverse) = &found.inverse {
        let note = ("mixed", "inputs that give the wanted outputs");
        let count = inverse.inputs.len();
        write.real("inverse", &[count], inverse.inputs.clone(), note);
        let note = ("mixed", "answers to these inputs");
        write.real("inverse_output", &[outputs], inverse.outputs.clone(), note);
    }
}
