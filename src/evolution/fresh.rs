//! Decides how well a motion found elsewhere fits samples that did not determine it.
//!
//! r² = Σ_x w |Ō θ̇ − target|²/Var H over fresh samples, target = −iε or −ε. A θ̇
//! fitted to the noise of its own samples has a small r² there and a large one here (D. Hofmann et
//! al., SciPost Phys. 12, 165 (2022)).

use super::motion::TimeAxis;
use crate::comm::Comm;
use crate::derivatives::Kind;
use crate::error::Result;
use crate::number::unflatten;
use crate::optimizer::Residuals;
use num_complex::Complex64;

/// r² of `velocity` on the samples of `data`, the same on every rank; `unseen` is this rank's
/// ⟨|H|²⟩ where ψ = 0.
pub fn local_error(
    axis: TimeAxis,
    data: &Residuals,
    unseen: f64,
    velocity: &[f64],
    comm: &dyn Comm,
) -> Result<f64> {
    let image = data.derivatives.times(velocity);
    let image: Vec<Complex64> = match data.derivatives.kind {
        Kind::Real => image.iter().map(|&x| x.into()).collect(),
        _ => unflatten(&image),
    };
    let target = data.residual.iter().map(|e| axis.target(*e));
    let pairs: Vec<[Complex64; 2]> = image.iter().zip(target).map(|(o, t)| [o - t, t]).collect();
    let mut means = [0.0; 4];
    for ([missed, target], w) in pairs.iter().zip(data.weights) {
        let parts = [missed.re, missed.im, target.re, target.im];
        means.iter_mut().zip(parts).for_each(|(m, x)| *m += w * x);
    }
    comm.sum(&mut means)?;
    let [missed, target] = [0, 2].map(|k| Complex64::new(means[k], means[k + 1]));
    let mut sums = [unseen, unseen];
    for (pair, w) in pairs.iter().zip(data.weights) {
        sums[0] += w * (pair[0] - missed).norm_sqr();
        sums[1] += w * (pair[1] - target).norm_sqr();
    }
    comm.sum(&mut sums)?;
    comm.broadcast(&mut sums)?;
    Ok(if sums[1] > 0.0 {
        sums[0] / sums[1]
    } else {
        0.0
    })
}
