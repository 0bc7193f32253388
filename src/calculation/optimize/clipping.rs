//! Decides how far a local energy may lie from the others in the force: a few configurations near
//! zeros of the wave function would else decide a step.
//!
//! With the median c (of real and imaginary parts) and the mean distance m = ⟨|E_loc − c|⟩ of all
//! samples (by their weights, where these differ), E_loc → c + (E_loc − c) min(1, k m/|E_loc − c|).
//! The energy that is reported is not clipped.

use crate::comm::{Comm, everywhere};
use crate::error::Result;
use num_complex::Complex64;

/// Pulls the local energies of all ranks that lie more than `times` mean distances from the median
/// to that distance; gives back how many over all ranks. The same bits on any number of ranks.
/// `weights` are those of this rank's samples, where they differ.
pub fn clip(
    values: &mut [Complex64],
    weights: Option<&[f64]>,
    times: f64,
    comm: &dyn Comm,
) -> Result<f64> {
    let weights = match weights {
        Some(weights) => everywhere(weights, comm)?,
        None => Vec::new(),
    };
    let all = |numbers: Vec<f64>| -> Result<Vec<(f64, f64)>> {
        let all = everywhere(&numbers, comm)?.into_iter().enumerate();
        let weighted = all.map(|(k, x)| (x, weights.get(k).copied().unwrap_or(1.0)));
        let mut sorted: Vec<(f64, f64)> = weighted.collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(sorted)
    };
    let middle = |sorted: Vec<(f64, f64)>| match weights.is_empty() {
        true => median(&sorted),
        false => weighted_median(&sorted),
    };
    let real = middle(all(values.iter().map(|v| v.re).collect())?);
    let imaginary = middle(all(values.iter().map(|v| v.im).collect())?);
    let centre = Complex64::new(real, imaginary);
    let distances = all(values.iter().map(|v| (v - centre).norm()).collect())?;
    let total: f64 = distances.iter().map(|(_, w)| w).sum();
    let mean = distances.iter().map(|(d, w)| d * w).sum::<f64>() / total.max(f64::MIN_POSITIVE);
    let bound = times * mean;
    for value in values.iter_mut() {
        let distance = (*value - centre).norm();
        if distance > bound {
            *value = centre + (*value - centre) * (bound / distance);
        }
    }
    Ok(distances.iter().filter(|(d, _)| *d > bound).count() as f64)
}

/// The middle of sorted numbers; 0 of none.
fn median(sorted: &[(f64, f64)]) -> f64 {
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ => 0.5 * (sorted[(n - 1) / 2].0 + sorted[n / 2].0),
    }
}

/// The first of some sorted numbers with weights below which, itself included, lies half of the
/// weight; 0 of none.
fn weighted_median(sorted: &[(f64, f64)]) -> f64 {
    let half = 0.5 * sorted.iter().map(|(_, w)| w).sum::<f64>();
    let mut below = 0.0;
    let reaches = |(_, w): &&(f64, f64)| {
        below += w;
        below >= half
    };
    sorted.iter().find(reaches).map_or(0.0, |(x, _)| *x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::threads;

    #[test]
    fn what_lies_far_is_pulled_in_on_any_number_of_ranks() {
        let values: Vec<Complex64> = (0..12)
            .map(|k| Complex64::new(f64::from(k % 3), 0.1 * f64::from(k % 2)))
            .chain([Complex64::new(400.0, -300.0)])
            .collect();
        // Median (1, 0); the last value lies |(399, -300)| away, the mean distance is near 39.
        let mut alone = values.clone();
        let count = threads::run(1, |comm| {
            clip(&mut values.clone(), None, 2.0, comm).unwrap()
        });
        assert_eq!(count, [1.0]);
        threads::run(1, |comm| clip(&mut alone.clone(), None, 2.0, comm).unwrap());
        let clipped = |ranks: usize| -> Vec<Complex64> {
            let parts = threads::run(ranks, |comm| {
                let mine = crate::comm::share(values.len(), comm.rank(), ranks);
                let mut mine = values[mine].to_vec();
                clip(&mut mine, None, 2.0, comm).unwrap();
                mine
            });
            parts.concat()
        };
        alone = clipped(1);
        assert_eq!(alone[..12], values[..12]);
        let centre = Complex64::new(1.0, 0.0);
        let distances: Vec<f64> = values.iter().map(|v| (v - centre).norm()).collect();
        let bound = 2.0 * distances.iter().sum::<f64>() / 13.0;
        assert!(((alone[12] - centre).norm() - bound).abs() < 1e-10 * bound);
        let way = (alone[12] - centre) / (values[12] - centre);
        assert!(way.im.abs() < 1e-14 && way.re > 0.0);
        assert_eq!(clipped(3), alone);
        assert_eq!(clipped(5), alone);
    }

    #[test]
    fn weights_count_as_copies_do() {
        let values: Vec<Complex64> = [0.0, 1.0, 1.5, 300.0].map(Complex64::from).to_vec();
        let weights = [0.25, 0.25, 0.375, 0.125];
        let copies: Vec<Complex64> = [0, 0, 1, 1, 2, 2, 2, 3].map(|k| values[k]).to_vec();
        let clipped = |values: &[Complex64], weights: Option<&[f64]>| {
            let one = threads::run(1, |comm| {
                let mut mine = values.to_vec();
                let count = clip(&mut mine, weights, 2.0, comm).unwrap();
                (mine, count)
            });
            one[0].clone()
        };
        let (weighted, count) = clipped(&values, Some(&weights));
        let (copied, _) = clipped(&copies, None);
        assert_eq!(count, 1.0);
        // The median of the copies is the mean of 1 and 1.5, that of the weights 1.
        assert!((weighted[3] - copied[7]).norm() < 1.0 && weighted[3].re < 100.0);
        assert_eq!(weighted[..3], values[..3]);
    }
}
