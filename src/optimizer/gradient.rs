//! Decides the first-order methods: `sgd`, δ = F, and `adam`, F rescaled by its running moments.
//!
//! F = Ō^H ε (its real part for real parameters). Adam (Kingma, Ba, arXiv:1412.6980): m ← β₁
//! m + (1 − β₁) F, v ← β₂ v + (1 − β₂) |F|², δ = m̂/(√v̂ + ε) with m̂ = m/(1
//! − β₁^t), v̂ = v/(1 − β₂^t), on the flat real vector.

use super::least_squares::LeastSquares;
use super::{Direction, Optimizer, OptimizerOptions, StepData};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::io::tree::Tree;

fn gradient(data: &StepData, comm: &dyn Comm) -> Result<Vec<f64>> {
    let problem = LeastSquares::new(data, false, comm)?;
    problem.pull_back(&problem.target, comm)
}

/// Plain gradient descent.
pub struct Sgd;

impl Optimizer for Sgd {
    fn direction(&mut self, data: &StepData, _step: usize, comm: &dyn Comm) -> Result<Direction> {
        Ok(Direction {
            update: gradient(data, comm)?,
            metric_norm: None,
            fallbacks: 0,
            iterations: None,
        })
    }
    fn save(&self, _tree: &mut Tree, _prefix: &str) {}
    fn load(&mut self, _tree: &Tree, _prefix: &str) -> Result<()> {
        Ok(())
    }
}

/// Adam with its two moments.
pub struct Adam {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    count: usize,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    /// With moments that start from zero; an error where a decay is not in [0, 1) or epsilon is not
    /// positive.
    pub fn new(options: &OptimizerOptions) -> Result<Self> {
        for (key, value, fine) in [
            (
                "optimize.beta1",
                options.beta1,
                (0.0..1.0).contains(&options.beta1),
            ),
            (
                "optimize.beta2",
                options.beta2,
                (0.0..1.0).contains(&options.beta2),
            ),
            (
                "optimize.epsilon",
                options.epsilon,
                options.epsilon > 0.0 && options.epsilon.is_finite(),
            ),
        ] {
            if !fine {
                return Err(Error::input(
                    key,
                    format!("{value} is not allowed"),
                    "0 <= beta < 1 and epsilon > 0",
                ));
            }
        }
        let (beta1, beta2, epsilon) = (options.beta1, options.beta2, options.epsilon);
        Ok(Adam {
            beta1,
            beta2,
            epsilon,
            count: 0,
            first: Vec::new(),
            second: Vec::new(),
        })
    }
}

impl Optimizer for Adam {
    fn direction(&mut self, data: &StepData, _step: usize, comm: &dyn Comm) -> Result<Direction> {
        let gradient = gradient(data, comm)?;
        self.first.resize(gradient.len(), 0.0);
        self.second.resize(gradient.len(), 0.0);
        self.count = self.count.saturating_add(1);
        let unbias = |beta: f64| 1.0 - beta.powf(self.count as f64);
        let (unbias1, unbias2) = (unbias(self.beta1), unbias(self.beta2));
        let update = (gradient.iter().zip(&mut self.first).zip(&mut self.second))
            .map(|((g, m), v)| {
                *m = self.beta1 * *m + (1.0 - self.beta1) * g;
                *v = self.beta2 * *v + (1.0 - self.beta2) * g * g;
                (*m / unbias1) / ((*v / unbias2).sqrt() + self.epsilon)
            })
            .collect();
        Ok(Direction {
            update,
            metric_norm: None,
            fallbacks: 0,
            iterations: None,
        })
    }
    fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_integer(&format!("{prefix}/count"), self.count as i64);
        tree.put_reals(&format!("{prefix}/first"), &self.first);
        tree.put_reals(&format!("{prefix}/second"), &self.second);
    }
    fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.count = tree.count(&format!("{prefix}/count"))?;
        self.first = tree.reals(&format!("{prefix}/first"))?;
        self.second = tree.reals(&format!("{prefix}/second"))?;
        Ok(())
    }
}
