//! Decides the pictures of perceptrons that learn from tables: the fit, its residuals, the
//! training, errors against the number of units, gradients of the layers at the start.

use super::Drawn;
use super::axis::Axis;
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::panel::{Guide, Panel};
use crate::error::Result;

/// Style of rows that are held out.
const HELD: usize = 1;
/// Style of a fitted curve beside the rows, the first of several.
const FITTED: usize = 2;
/// Most files whose fits have pictures of their own.
const MOST: usize = 12;

/// All pictures; none where no file has a regression.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let here = |r: &&ResultsFile| r.tree.datasets.contains_key("regression/prediction");
    let runs: Vec<&ResultsFile> = runs.iter().filter(here).collect();
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let mut drawn = Vec::new();
    for run in runs.iter().take(MOST) {
        let name = match runs.len() {
            1 => "regression-fit".to_string(),
            _ => format!("regression-fit-{}", run.name.replace('/', "-")),
        };
        let panels = [fit(run), residuals(run)];
        drawn.push(Drawn::new(name, panels, "there are no rows"));
    }
    drawn.extend([
        Drawn::new(
            "regression-training",
            training(&runs),
            "there were no steps",
        ),
        Drawn::new(
            "regression-widths",
            widths(&runs),
            "two files with one hidden layer of different widths are needed",
        ),
        Drawn::new(
            "regression-gradients",
            gradients(&runs),
            "no file has hidden layers",
        ),
    ]);
    Ok(drawn)
}

/// What the pictures of one fit are made of.
struct FitRows {
    /// Names of the columns.
    inputs: Vec<String>,
    outputs: Vec<String>,
    x: Vec<f64>,
    target: Vec<f64>,
    prediction: Vec<f64>,
    held: Vec<bool>,
    log: bool,
}

impl FitRows {
    fn new(run: &ResultsFile) -> Self {
        let names = |name: &str| {
            let found = run.tree.texts(&format!("regression/data/{name}"));
            found.map_or_else(|_| Vec::new(), <[String]>::to_vec)
        };
        let held = run.tree.integers("regression/data/held_out");
        FitRows {
            inputs: names("input_names"),
            outputs: names("output_names"),
            x: run.reals("regression/data/input"),
            target: run.reals("regression/data/target"),
            prediction: run.reals("regression/prediction"),
            held: held.unwrap_or_default().iter().map(|h| *h == 1).collect(),
            log: run
                .tree
                .text("regression/transform")
                .is_ok_and(|t| t == "log"),
        }
    }

    fn axis(&self, label: String) -> Axis {
        match self.log {
            true => Axis::log(label),
            false => Axis::linear(label),
        }
    }

    /// Where the rows stand below each other: by the input, or by the target of several inputs.
    fn across(&self) -> (Axis, Vec<f64>) {
        let outputs = self.outputs.len().max(1);
        match self.inputs.as_slice() {
            [input] => {
                let x = self.x.iter().flat_map(|x| std::iter::repeat_n(*x, outputs));
                (self.axis(input.clone()), x.collect())
            }
            _ => {
                let axis = self.axis(format!("{} of the table", self.outputs.join(", ")));
                (axis, self.target.clone())
            }
        }
    }

    /// Marks at (x, y) for the rows of the training, and for those that are held out.
    fn marks(&self, name: &str, x: &[f64], y: &[f64]) -> Vec<Curve> {
        let outputs = self.outputs.len().max(1);
        let of = |held: bool| {
            let rows = x.iter().zip(y).enumerate();
            let rows = rows.filter(move |(k, _)| self.held.get(k / outputs) == Some(&held));
            rows.map(|(_, (x, y))| (*x, *y))
                .unzip::<f64, f64, Vec<f64>, Vec<f64>>()
        };
        let curve = |name: &str, style: usize, (x, y): (Vec<f64>, Vec<f64>)| {
            Curve::new(name, style, Look::Marks, &x, &y, None)
        };
        let held = curve("held out", HELD, of(true));
        let mut curves = vec![curve(name, 0, of(false))];
        curves.extend(Some(held).filter(|held| !held.points.is_empty()));
        curves
    }
}

/// Rows with the curve of one input, or answers against the targets.
fn fit(run: &ResultsFile) -> Panel {
    let rows = FitRows::new(run);
    let (axis, x) = rows.across();
    let names = rows.outputs.join(", ");
    if rows.inputs.len() != 1 {
        let mut curves = rows.marks("rows", &x, &rows.prediction);
        let low = x.iter().copied().fold(f64::INFINITY, f64::min);
        let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let ends = [low, high];
        curves.push(Curve::new("equal", FITTED, Look::Line, &ends, &ends, None));
        return Panel::new(axis, rows.axis(format!("{names} of the network")), curves);
    }
    let mut curves = rows.marks("rows", &x, &rows.target);
    let places = run.reals("regression/curve/input");
    let answers = run.reals("regression/curve/prediction");
    let outputs = rows.outputs.len().max(1);
    for (k, name) in rows.outputs.iter().enumerate() {
        let y: Vec<f64> = answers.iter().skip(k).step_by(outputs).copied().collect();
        let name = match outputs {
            1 => "network".to_string(),
            _ => format!("network, {name}"),
        };
        curves.push(Curve::new(&name, FITTED + k, Look::Line, &places, &y, None));
    }
    Panel::new(axis, rows.axis(names), curves)
}

/// What is left of the rows, below the fit: a difference, or its share under a logarithm.
fn residuals(run: &ResultsFile) -> Panel {
    let rows = FitRows::new(run);
    let (axis, x) = rows.across();
    let pairs = rows.prediction.iter().zip(&rows.target);
    let (label, left): (_, Vec<f64>) = match rows.log {
        true => (
            "ln(network/table)",
            pairs.map(|(f, y)| (f / y).ln()).collect(),
        ),
        false => ("network - table", pairs.map(|(f, y)| f - y).collect()),
    };
    let mut axis = axis;
    if rows.inputs.len() == 1 {
        // As wide as the curve above.
        let places = run.reals("regression/curve/input");
        axis.include
            .extend(places.first().into_iter().chain(places.last()));
    }
    let mut panel = Panel::new(axis, Axis::linear(label), rows.marks("rows", &x, &left));
    panel.guides.push(Guide {
        y: 0.0,
        text: String::new(),
    });
    panel
}

/// Errors over the steps; of one file with those of rows that are held out.
fn training(runs: &[&ResultsFile]) -> Panel {
    let alone = runs.len() == 1;
    let mut curves = Vec::new();
    for run in runs {
        let x = run.reals("regression/history/step");
        if x.len() < 2 {
            continue;
        }
        let y = run.reals("regression/history/train_error");
        let name = if alone { "training" } else { &run.name };
        curves.push(Curve::new(name, run.style, Look::Line, &x, &y, None));
        let test = run.reals("regression/history/test_error");
        if alone && !test.is_empty() {
            curves.push(Curve::new("held out", HELD, Look::Line, &x, &test, None));
        }
    }
    Panel::new(Axis::linear("step").tight(), Axis::log("error"), curves)
}

/// Training and held-out errors of all files against the units of their one hidden layer.
fn widths(runs: &[&ResultsFile]) -> Panel {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for run in runs {
        let layers = run.shape("regression/initial_gradient");
        let (&[width, _], [2]) = (
            run.shape("regression/parameters/W_0").as_slice(),
            layers.as_slice(),
        ) else {
            continue;
        };
        let error = |name: &str| run.tree.real(&format!("regression/{name}")).ok();
        let at = |error: f64| (width as f64, error);
        train.extend(error("train_error").map(at));
        test.extend(error("test_error").map(at));
    }
    let mut curves = Vec::new();
    for (points, style, name) in [(train, 0, "training"), (test, HELD, "held out")] {
        let mut points: Vec<(f64, f64)> = points;
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if points.first().map(|p| p.0) != points.last().map(|p| p.0) {
            let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
            curves.push(Curve::new(name, style, Look::Points, &x, &y, None));
        }
    }
    let x = Axis::log("units of the hidden layer");
    Panel::new(x, Axis::log("error"), curves)
}

/// Mean |dE/dW| of each layer at the start.
fn gradients(runs: &[&ResultsFile]) -> Panel {
    let of = |run: &&ResultsFile| {
        let y = run.reals("regression/initial_gradient");
        let x: Vec<f64> = (0..y.len()).map(|k| k as f64).collect();
        (y.len() > 1).then(|| Curve::new(&run.name, run.style, Look::Points, &x, &y, None))
    };
    let x = Axis::linear("layer, from the input");
    let y = Axis::log("mean |dE/dW| at the start");
    Panel::new(x, y, runs.iter().filter_map(of).collect())
}
