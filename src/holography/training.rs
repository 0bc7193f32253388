//! Decides how the metric is fitted to points of the boundary: the objective, its gradient, one
//! epoch of Adam.
//!
//! L = [(1/B) Σ |y − label|]² + p (d − h_0)² + c Σ_n η_n⁴ (h_{n+1} − h_n)², on
//! batches of B points in an order drawn anew for each epoch. Of a spline the last sum stands for
//! the same integral ∫ η⁴ h'² dη whatever the number of knots.

use super::bulk::Bulk;
use super::data::Examples;
use super::layers::{CHUNK, Chunk, LayerWeights, Layers, Sums};
pub use crate::optimizer::Fit;
use crate::rng::{Generator, shuffle};

/// What keeps the metric smooth and near the boundary's.
#[derive(Debug, Clone)]
pub struct Penalty {
    pull: f64,
    dimension: f64,
    /// Coefficient of each difference of neighbours.
    smoothness: Vec<f64>,
}

impl Penalty {
    /// `smoothness` c is meant for `layers` layers, whatever the number of knots; `pull` is p.
    pub fn new(bulk: &Bulk, smoothness: f64, pull: f64, layers: usize) -> Self {
        let eta = bulk.positions();
        let factor = match bulk.knots {
            None => 1.0,
            Some(knots) => (knots - 1) as f64 / layers as f64,
        };
        let of = |eta: &f64| factor * smoothness * eta.powi(4);
        Penalty {
            pull,
            dimension: bulk.dimension as f64,
            smoothness: eta[..eta.len() - 1].iter().map(of).collect(),
        }
    }

    /// Its value, and its gradient added to `out`.
    fn add(&self, metric: &[f64], out: &mut [f64]) -> f64 {
        let off = self.dimension - metric[0];
        let mut value = self.pull * off * off;
        out[0] -= 2.0 * self.pull * off;
        for (n, c) in self.smoothness.iter().enumerate() {
            let rise = metric[n + 1] - metric[n];
            value += c * rise * rise;
            out[n] -= 2.0 * c * rise;
            out[n + 1] += 2.0 * c * rise;
        }
        value
    }
}

/// What is trained and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Whether the metric, λ and the radius change.
    pub trained: [bool; 3],
    /// Points of a batch.
    pub batch: usize,
    /// Rate of Adam.
    pub learning_rate: f64,
}

/// What an epoch has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Epoch {
    /// Mean of the batches' losses, each before its step.
    pub loss: f64,
    /// Trajectories that were saturated.
    pub saturated: usize,
}

/// The loss over all points, and what the network says of each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judgement {
    /// (mean |y − label|)² + penalty
    pub loss: f64,
    /// mean |y − label|
    pub mean_error: f64,
    /// Points whose y is nearer to the other label.
    pub misclassified: usize,
    /// Trajectories that were saturated.
    pub saturated: usize,
    /// Gradient of the loss: numbers, λ, radius.
    pub gradient: Vec<f64>,
    /// F of each point.
    pub f: Vec<f64>,
    /// Answer of each point.
    pub y: Vec<f64>,
}

/// Fits the metric of one space.
pub struct Trainer {
    layers: Layers,
    penalty: Penalty,
    pace: Pace,
    weights: LayerWeights,
    chunk: Chunk,
    sums: Sums,
    gradient: Vec<f64>,
    order: Vec<u32>,
}

impl Trainer {
    /// With layers, a penalty and a pace.
    pub fn new(layers: Layers, penalty: Penalty, pace: Pace) -> Self {
        let size = layers.numbers() + 2;
        let (chunk, sums) = (layers.chunk(), layers.sums());
        Trainer {
            weights: layers.weights(&vec![1.0; size]),
            gradient: vec![0.0; size],
            order: Vec::new(),
            layers,
            penalty,
            pace,
            chunk,
            sums,
        }
    }

    /// Numbers, λ and radius together.
    pub fn size(&self) -> usize {
        self.gradient.len()
    }

    /// One epoch over all points, in an order of `rng`.
    pub fn epoch(&mut self, fit: &mut Fit, points: &Examples, rng: &mut Generator) -> Epoch {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(0..points.len() as u32);
        shuffle(&mut order, rng);
        let (mut seen, mut batches) = (Epoch::default(), 0.0);
        for batch in order.chunks(self.pace.batch) {
            self.layers.set(&fit.theta, &mut self.weights);
            self.sums.clear();
            for part in batch.chunks(CHUNK) {
                let of = |&k: &u32| (points.x[k as usize], points.negative[k as usize]);
                self.chunk.fill(part.iter().map(of));
                self.layers
                    .pass(&self.weights, &mut self.chunk, &mut self.sums, true);
            }
            seen.saturated += self.sums.saturated;
            seen.loss += self.differentiate(&fit.theta, batch.len()).0;
            batches += 1.0;
            // A gradient that is not finite, of a trajectory on its way out, moves nothing.
            if self.gradient.iter().all(|g| g.is_finite()) {
                fit.step(&self.gradient, self.pace.learning_rate);
            }
        }
        seen.loss /= f64::max(batches, 1.0);
        self.order = order;
        seen
    }

    /// Loss and mean error of `points` points whose sums are there; the gradient is left behind,
    /// zero for what is not trained.
    fn differentiate(&mut self, theta: &[f64], points: usize) -> (f64, f64) {
        let numbers = self.layers.numbers();
        let error = self.sums.error() / points.max(1) as f64;
        self.gradient.fill(0.0);
        let factor = 2.0 * error / points.max(1) as f64;
        self.layers
            .add_gradient(&self.sums, factor, &mut self.gradient);
        let (metric, _) = theta.split_at(numbers);
        let penalty = self.penalty.add(metric, &mut self.gradient);
        let [h, coupling, radius] = self.pace.trained;
        if !h {
            self.gradient[..numbers].fill(0.0);
        }
        for (k, trained) in [(numbers, coupling), (numbers + 1, radius)] {
            if !trained {
                self.gradient[k] = 0.0;
            }
        }
        (error * error + penalty, error)
    }

    /// The loss over all points at once, with its gradient and the answers.
    pub fn judge(&mut self, theta: &[f64], points: &Examples) -> Judgement {
        self.layers.set(theta, &mut self.weights);
        self.sums.clear();
        let mut judged = Judgement::default();
        for start in (0..points.len()).step_by(CHUNK) {
            self.chunk.fill(points.iter().skip(start));
            self.layers
                .pass(&self.weights, &mut self.chunk, &mut self.sums, true);
            for (f, y) in self.chunk.answers() {
                judged.f.push(f);
                judged.y.push(y);
            }
        }
        let wrong = |(y, &negative): (&f64, &bool)| (*y > 0.5) != negative;
        let answers = judged.y.iter().zip(&points.negative);
        judged.misclassified = answers.filter(|&pair| wrong(pair)).count();
        judged.saturated = self.sums.saturated;
        (judged.loss, judged.mean_error) = self.differentiate(theta, points.len());
        judged.gradient.clone_from(&self.gradient);
        judged
    }
}
