//! Decides how a network is trained: the objective over all examples or a batch, one epoch of
//! steps.
//!
//! L = (1/B) Σ_rows loss + λ Σ W², on batches of B rows in an order drawn anew for each epoch.

use super::examples::{NetworkInputs, TrainingSet};
use super::loss::Loss;
use super::network::{ParameterBlock, Pass, Perceptron};
use crate::optimizer::{Fit, FitMethod};
use crate::rng::{Generator, shuffle};

/// Numbers of one layer that are worked on at once.
pub(super) const CHUNK: usize = 1 << 20;

/// How a network is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningPlan {
    /// What is minimised.
    pub loss: Loss,
    /// λ
    pub l2: f64,
    /// Rows of a batch; 0: all.
    pub batch: usize,
    /// How steps follow the gradient.
    pub method: FitMethod,
    /// Rate of the steps.
    pub learning_rate: f64,
}

/// The objective over all examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LossGradient {
    /// Loss and penalty.
    pub objective: f64,
    /// The loss without the penalty.
    pub loss: f64,
    /// Gradient of the objective.
    pub gradient: Vec<f64>,
}

/// Trains one network.
#[derive(Debug, Clone)]
pub struct NetworkTrainer {
    pub(super) network: Perceptron,
    pub(super) pace: LearningPlan,
    weights: Vec<ParameterBlock>,
    pub(super) pass: Pass,
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) gradient: Vec<f64>,
}

impl NetworkTrainer {
    /// Of a network.
    pub fn new(network: Perceptron, pace: LearningPlan) -> Self {
        let mut weights = network.blocks();
        weights.retain(|block| block.weights);
        NetworkTrainer {
            gradient: vec![0.0; network.size()],
            weights,
            network,
            pace,
            pass: Pass::default(),
            x: Vec::new(),
            y: Vec::new(),
        }
    }

    /// The network.
    pub fn network(&self) -> &Perceptron {
        &self.network
    }

    /// Rows that are taken through the network at once.
    pub(super) fn chunk(&self) -> usize {
        (CHUNK / self.network.widest().max(1)).max(1)
    }

    /// One epoch over all examples, in an order of `rng`; the mean objective of its batches, each
    /// before its step. `None` where `go_on`, asked between batches, says no: the fit is then
    /// somewhere within the epoch.
    pub fn epoch(
        &mut self,
        fit: &mut Fit,
        examples: &TrainingSet,
        rng: &mut Generator,
        go_on: &dyn Fn() -> bool,
    ) -> Option<f64> {
        let rows = examples.inputs.len();
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let batch = match self.pace.batch {
            0 => rows.max(1),
            some => some,
        };
        if batch < rows {
            shuffle(&mut order, rng);
        }
        let (mut sum, mut batches) = (0.0, 0.0);
        for batch in order.chunks(batch) {
            if !go_on() {
                return None;
            }
            sum += self.differentiate(&fit.theta, examples, batch).0;
            batches += 1.0;
            // A gradient that is not finite moves nothing.
            if self.gradient.iter().all(|g| g.is_finite()) {
                fit.follow(&self.gradient, self.pace.method, self.pace.learning_rate);
            }
        }
        Some(sum / f64::max(batches, 1.0))
    }

    /// Objective and loss of some rows; the gradient is left behind.
    fn differentiate(&mut self, theta: &[f64], examples: &TrainingSet, rows: &[u32]) -> (f64, f64) {
        self.gradient.fill(0.0);
        let width = self.network.outputs();
        let scale = 1.0 / rows.len().max(1) as f64;
        let mut sum = 0.0;
        for part in rows.chunks(self.chunk()) {
            let each = || part.iter().map(|r| *r as usize);
            examples.inputs.fill(each(), &mut self.x);
            examples.targets.fill(each(), &mut self.y);
            let outputs = self.network.forward(theta, &self.x, &mut self.pass);
            sum += self.pace.loss.differentiate(outputs, &self.y, width);
            outputs.iter_mut().for_each(|d| *d *= scale);
            let gradient = &mut self.gradient;
            self.network
                .backward(theta, &self.x, &mut self.pass, gradient, false);
        }
        let loss = scale * sum;
        (loss + self.penalise(theta), loss)
    }

    /// λ Σ W², and its gradient added.
    fn penalise(&mut self, theta: &[f64]) -> f64 {
        let (l2, mut sum) = (self.pace.l2, 0.0);
        for block in self.weights.iter().filter(|_| l2 > 0.0) {
            let pairs = self.gradient[block.range.clone()].iter_mut();
            for (g, w) in pairs.zip(&theta[block.range.clone()]) {
                sum += w * w;
                *g += 2.0 * l2 * w;
            }
        }
        l2 * sum
    }

    /// The objective over all examples at once, with its gradient.
    pub fn judge(&mut self, theta: &[f64], examples: &TrainingSet) -> LossGradient {
        let all: Vec<u32> = (0..examples.inputs.len() as u32).collect();
        let (objective, loss) = self.differentiate(theta, examples, &all);
        LossGradient {
            objective,
            loss,
            gradient: self.gradient.clone(),
        }
    }

    /// The mean loss over all examples, without the penalty.
    pub fn loss(&mut self, theta: &[f64], examples: &TrainingSet) -> f64 {
        let (rows, chunk) = (examples.inputs.len(), self.chunk());
        let mut sum = 0.0;
        for start in (0..rows).step_by(chunk) {
            let part = start..(start + chunk).min(rows);
            examples.inputs.fill(part.clone(), &mut self.x);
            examples.targets.fill(part, &mut self.y);
            let outputs = self.network.forward(theta, &self.x, &mut self.pass);
            let width = self.network.outputs();
            sum += self.pace.loss.differentiate(outputs, &self.y, width);
        }
        sum / rows.max(1) as f64
    }

    /// Answers to all inputs, row by row: probabilities of classes, or numbers.
    pub fn answers(&mut self, theta: &[f64], inputs: &NetworkInputs) -> Vec<f64> {
        let (mut all, width) = (Vec::new(), self.network.outputs());
        let (rows, chunk) = (inputs.len(), self.chunk());
        for start in (0..rows).step_by(chunk) {
            inputs.fill(start..(start + chunk).min(rows), &mut self.x);
            let outputs = self.network.forward(theta, &self.x, &mut self.pass);
            self.pace.loss.answer(outputs, width);
            all.extend_from_slice(outputs);
        }
        all
    }
}
