//! Decides what is made of trained networks: the best of them, its answers and gradients, the
//! inputs of wanted outputs.

use super::keys::{ErrorFunction, InvertInput, OutputUnits};
use super::study::RegressionStudy;
use crate::calculation::fits::Course;
use crate::perceptron::{InverseStart, LossGradient, NetworkInputs};

/// Places at which the curve of one input is drawn.
const FINE: usize = 201;
/// Room at both ends of the curve, as a part of the range of the rows.
const ROOM: f64 = 0.25;
/// Squared distance from wanted outputs, beside their squares, below which they are met.
const MET: f64 = 1e-8;
/// Part of the variance of the targets above which a network says nothing.
const NOTHING: f64 = 0.999;

/// What is made of trained networks.
pub(super) struct RegressionOutcome {
    /// Number of the restart that is kept: the one of the least training error.
    pub kept: usize,
    /// Training error of each restart.
    pub errors: Vec<f64>,
    /// Of the one that is kept.
    pub judged: LossGradient,
    pub test_error: Option<f64>,
    /// Mean |dE/dW| of each layer at its start.
    pub initial_gradient: Vec<f64>,
    /// Answers to all rows, in the units of the table: [row, output].
    pub prediction: Vec<f64>,
    /// Of one input: places and answers, in the units of the table.
    pub curve: Option<(Vec<f64>, Vec<f64>)>,
    pub inverse: Option<InverseOutcome>,
}

/// Inputs that were searched.
pub(super) struct InverseOutcome {
    /// In the units of the table.
    pub inputs: Vec<f64>,
    /// What the network says of them, in the units of the table.
    pub outputs: Vec<f64>,
    /// Whether they are those that were wanted.
    pub met: bool,
}

impl RegressionOutcome {
    /// Of the networks as they stand.
    pub fn new(study: &RegressionStudy, courses: &[Course], invert: Option<&InvertInput>) -> Self {
        let mut trainer = study.trainer();
        let of = |c: &Course| trainer.loss(&c.fit.theta, &study.training);
        let errors: Vec<f64> = courses.iter().map(of).collect();
        let kept = (0..errors.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]));
        let kept = kept.unwrap_or(0);
        let theta = courses.get(kept).map_or(&[] as &[f64], |c| &c.fit.theta);
        let start = trainer.judge(&study.start(kept).fit.theta, &study.training);
        let layers = study.network.blocks().into_iter().filter(|b| b.weights);
        let mean = |range: std::ops::Range<usize>| {
            let count = range.len().max(1) as f64;
            start.gradient[range].iter().map(|g| g.abs()).sum::<f64>() / count
        };
        RegressionOutcome {
            judged: trainer.judge(theta, &study.training),
            test_error: study.test.as_ref().map(|test| trainer.loss(theta, test)),
            initial_gradient: layers.map(|block| mean(block.range)).collect(),
            prediction: study.answers(theta, &study.rows.x),
            curve: study.curve(theta),
            inverse: invert.map(|keys| study.invert(theta, keys)),
            kept,
            errors,
        }
    }

    /// What the log says.
    pub fn words(&self, study: &RegressionStudy, theta: &[f64]) -> Vec<String> {
        let test = self.test_error;
        let test = test.map_or(String::new(), |e| format!(", of rows held out {e:.6e}"));
        let many = match self.errors.len() {
            1 => String::new(),
            count => format!("restart {} of {count} is the best; ", self.kept + 1),
        };
        let mut words = vec![format!(
            "{many}training error {:.6e}{test}",
            self.judged.loss
        )];
        if study.recipe.widths.is_empty() {
            let (slope, intercept) = theta.split_at(theta.len() - study.rows.outputs.len());
            words.push(format!(
                "slope {}  intercept {}",
                list(slope),
                list(intercept)
            ));
        }
        if let Some(inverse) = &self.inverse {
            let (inputs, outputs) = (list(&inverse.inputs), list(&inverse.outputs));
            words.push(format!("outputs {outputs} at the inputs {inputs}"));
        }
        words
    }

    /// What a reader of the results has to know.
    pub fn warnings(&self, study: &RegressionStudy) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(inverse) = self.inverse.as_ref().filter(|i| !i.met) {
            found.push(format!(
                "no inputs near the start give the outputs of regression.invert, the nearest are \
                 {}; give another start, more steps, or outputs within those of the table",
                list(&inverse.outputs)
            ));
        }
        let recipe = &study.recipe;
        let squared = recipe.loss == ErrorFunction::Squared && recipe.target() > 0;
        if squared && self.judged.loss > NOTHING * study.variance() {
            found.push(
                "the network is no better than one answer for all rows; train longer, give more \
                 units, or start elsewhere by more regression.restarts"
                    .into(),
            );
        }
        let probability = |y: &f64| (0.0..=1.0).contains(&recipe.transform.forth(*y));
        let outside = !study.rows.y.iter().all(probability);
        if recipe.output == OutputUnits::Sigmoid && outside {
            found.push(
                "a sigmoid says numbers from 0 to 1, and some outputs are others; use \
                 regression.output = \"linear\""
                    .into(),
            );
        }
        found
    }
}

impl RegressionStudy {
    /// Answers to rows of inputs, both in the units of the table.
    fn answers(&self, theta: &[f64], x: &[f64]) -> Vec<f64> {
        let transform = self.recipe.transform;
        let inputs = NetworkInputs::Numbers {
            width: self.network.inputs(),
            values: x.iter().map(|v| transform.forth(*v)).collect(),
        };
        let answers = self.trainer().answers(theta, &inputs);
        answers.into_iter().map(|v| transform.back(v)).collect()
    }

    /// Places over the range of one input and beyond, with the answers there.
    fn curve(&self, theta: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
        if self.network.inputs() != 1 {
            return None;
        }
        let transform = self.recipe.transform;
        let places = self.rows.x.iter().map(|v| transform.forth(*v));
        let low = places.clone().fold(f64::INFINITY, f64::min);
        let high = places.fold(f64::NEG_INFINITY, f64::max);
        let room = ROOM * (high - low);
        let width = high - low + 2.0 * room;
        let place = |k: usize| transform.back(low - room + width * k as f64 / (FINE - 1) as f64);
        let x: Vec<f64> = (0..FINE).map(place).collect();
        let y = self.answers(theta, &x);
        Some((x, y))
    }

    /// Inputs whose outputs are those that are wanted.
    fn invert(&self, theta: &[f64], keys: &InvertInput) -> InverseOutcome {
        let transform = self.recipe.transform;
        let forth = |list: &[f64]| list.iter().map(|v| transform.forth(*v)).collect::<Vec<_>>();
        let wanted = forth(&keys.outputs);
        let start = InverseStart {
            inputs: forth(&keys.start),
            scales: self.scales(),
            steps: keys.steps,
        };
        let (found, distance) = self.trainer().invert(theta, &wanted, &start);
        let inputs: Vec<f64> = found.into_iter().map(|v| transform.back(v)).collect();
        let size: f64 = wanted.iter().map(|v| v * v).sum::<f64>() / wanted.len().max(1) as f64;
        InverseOutcome {
            outputs: self.answers(theta, &inputs),
            met: distance <= MET * size.max(self.variance()),
            inputs,
        }
    }

    /// The deviation of each input over all rows; 1 of one that does not change.
    fn scales(&self) -> Vec<f64> {
        let width = self.network.inputs();
        let deviation = |k: usize| {
            let column = self.rows.x.iter().skip(k).step_by(width);
            let deviation = variance(column.map(|v| self.recipe.transform.forth(*v))).sqrt();
            if deviation > 0.0 { deviation } else { 1.0 }
        };
        (0..width).map(deviation).collect()
    }

    /// The variance of the targets of the training, mean over the outputs.
    fn variance(&self) -> f64 {
        let width = self.network.outputs();
        let rows = self.rows.y.chunks_exact(width).zip(&self.rows.held);
        let rows: Vec<&[f64]> = rows.filter(|(_, held)| !**held).map(|(y, _)| y).collect();
        let of = |k: usize| variance(rows.iter().map(|y| self.recipe.transform.forth(y[k])));
        (0..width).map(of).sum::<f64>() / width.max(1) as f64
    }
}

/// The mean square of the differences from the mean.
fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|v| (v - mean).powi(2)).sum::<f64>() / count
}

/// Numbers as they are printed.
fn list(values: &[f64]) -> String {
    let all: Vec<String> = values.iter().map(|v| format!("{v:.6}")).collect();
    match all.as_slice() {
        [one] => one.clone(),
        _ => format!("[{}]", all.join(", ")),
    }
}
