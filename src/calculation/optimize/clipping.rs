//! Decides how far a local energy may lie from the others in the force: a few configurations near
//! zeros of the wave function would else decide a step.
//!
//! With the median c (of real and imaginary parts) and the mean distance m = ⟨|E_loc − c|⟩ of all
//! samples, E_loc → c + (E_loc − c) min(1, k m/|E_loc − c|). The energy that is reported is not
//! clipped.

use crate::comm::{Comm, everywhere};
use crate::error::Result;
use num_complex::Complex64;

/// Pulls the local energies of all ranks that lie more than `times` mean distances from the median
/// to that distance; gives back how many over all ranks. The same bits on any number of ranks.
pub fn clip(values: &mut [Complex64], times: f64, comm: &dyn Comm) -> Result<f64> {
    let all = |numbers: Vec<f64>| -> Result<Vec<f64>> {
        let mut sorted = everywhere(&numbers, comm)?;
        sorted.sort_by(f64::total_cmp);
        Ok(sorted)
    };
    let real = all(values.iter().map(|v| v.re).collect())?;
    let imaginary = all(values.iter().map(|v| v.im).collect())?;
    let centre = Complex64::new(median(&real), median(&imaginary));
    let distances = all(values.iter().map(|v| (v - centre).norm()).collect())?;
    let mean = distances.iter().sum::<f64>() / distances.len().max(1) as f64;
    let bound = times * mean;
    for value in values.iter_mut() {
        let distance = (*value - centre).norm();
        if distance > bound {
            *value = centre + (*value - centre) * (bound / distance);
        }
    }
    Ok(distances.iter().filter(|d| **d > bound).count() as f64)
}

/// The middle of sorted numbers; 0 of none.
fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => 0.0,
        _ => 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
    }
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
        let count = threads::run(1, |comm| clip(&mut values.clone(), 2.0, comm).unwrap());
        assert_eq!(count, [1.0]);
        threads::run(1, |comm| clip(&mut alone.clone(), 2.0, comm).unwrap());
        let clipped = |ranks: usize| -> Vec<Complex64> {
            let parts = threads::run(ranks, |comm| {
                let mine = crate::comm::share(values.len(), comm.rank(), ranks);
                let mut mine = values[mine].to_vec();
                clip(&mut mine, 2.0, comm).unwrap();
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
}
