//! Decides the diagnostics of correlated series, one per chain: τ_int, error by binning, split
//! R-hat.
//!
//! τ = 1/2 + Σ_{t=1}^{W} ρ(t), W the smallest window ≥ 5 τ (Sokal); error² = 2 τ Var / n.
//! Split R-hat: with m half-chains of n samples, W the mean variance within and B/n the variance of
//! their means, R² = (n − 1)/n + (B/n)/W (Vehtari et al., Bayesian Anal. 16, 667 (2021)).

use num_complex::Complex64;

/// Mean of a complex series; zero where it is empty.
pub(super) fn mean(values: &[Complex64]) -> Complex64 {
    if values.is_empty() {
        Complex64::ZERO
    } else {
        values.iter().sum::<Complex64>() / values.len() as f64
    }
}

/// Whether a number of some series is not finite, so that nothing is known of their fluctuations.
fn are_broken(series: &[Vec<Complex64>]) -> bool {
    series.iter().any(|s| !mean(s).re.is_finite())
}

/// Integrated autocorrelation time of the real parts, in recording intervals; 0.5 for independent
/// samples, not a number where a sample is none.
///
/// The autocovariance is averaged over the chains about their common mean, so that chains which
/// disagree count as correlated. The window closes at W ≥ 5 τ or at half the chain.
pub fn autocorrelation_time(series: &[Vec<Complex64>]) -> f64 {
    let length = series.iter().map(Vec::len).min().unwrap_or(0);
    let chains = series.len();
    if are_broken(series) {
        return f64::NAN;
    }
    if length < 4 || chains == 0 {
        return 0.5;
    }
    let centre = series.iter().map(|s| mean(s).re).sum::<f64>() / chains as f64;
    let covariance = |lag: usize| {
        let products = series.iter().map(|s| {
            (0..length - lag)
                .map(|t| (s[t].re - centre) * (s[t + lag].re - centre))
                .sum::<f64>()
                / (length - lag) as f64
        });
        products.sum::<f64>() / chains as f64
    };
    let variance = covariance(0);
    // A constant series has no fluctuations to be correlated.
    if variance <= 1e-28 * centre * centre || variance == 0.0 {
        return 0.5;
    }
    let mut tau = 0.5;
    for lag in 1..length / 2 {
        tau += covariance(lag) / variance;
        if lag as f64 >= 5.0 * tau {
            break;
        }
    }
    tau.max(0.5)
}

/// Standard error of the mean from blocks of `block` samples within each chain; the spread of all
/// block means.
pub fn binned_error(series: &[Vec<Complex64>], block: usize) -> f64 {
    // It may stand behind the last block.
    if are_broken(series) {
        return f64::NAN;
    }
    let blocks: Vec<f64> = series
        .iter()
        .flat_map(|s| {
            s.chunks_exact(block.max(1))
                .map(|b| mean(b).re)
                .collect::<Vec<_>>()
        })
        .collect();
    let n = blocks.len() as f64;
    if blocks.len() < 2 {
        return f64::INFINITY;
    }
    let centre = blocks.iter().sum::<f64>() / n;
    (blocks.iter().map(|b| (b - centre).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt()
}

/// Split R-hat of the real parts; 1 where there is nothing to compare, not a number where a sample
/// is none.
pub fn split_r_hat(series: &[Vec<Complex64>]) -> f64 {
    let half = series.iter().map(Vec::len).min().unwrap_or(0) / 2;
    // It may stand between the halves.
    if are_broken(series) {
        return f64::NAN;
    }
    if half < 2 {
        return 1.0;
    }
    let halves: Vec<&[Complex64]> = series
        .iter()
        .flat_map(|s| [&s[..half], &s[s.len() - half..]])
        .collect();
    let (m, n) = (halves.len() as f64, half as f64);
    let means: Vec<f64> = halves.iter().map(|h| mean(h).re).collect();
    let centre = means.iter().sum::<f64>() / m;
    let between = means.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (m - 1.0);
    let variance =
        |h: &[Complex64], mu: f64| h.iter().map(|v| (v.re - mu).powi(2)).sum::<f64>() / (n - 1.0);
    let within = halves
        .iter()
        .zip(&means)
        .map(|(h, &mu)| variance(h, mu))
        .sum::<f64>()
        / m;
    if within <= 1e-28 * centre * centre || within == 0.0 {
        // Frozen half-chains agree exactly, or not at all, which counts as a million.
        return if between <= 1e-24 * centre * centre {
            1.0
        } else {
            1e6
        };
    }
    ((n - 1.0) / n + between / within).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever it stands: in a block or behind the last one, in a half or between the two.
    #[test]
    fn a_number_that_is_not_finite_shows() {
        let sound: Vec<Vec<Complex64>> = (0..4)
            .map(|c| {
                (0..9)
                    .map(|t| Complex64::from(f64::from((c + t * t) % 5)))
                    .collect()
            })
            .collect();
        let all = |series: &[Vec<Complex64>]| {
            let error = binned_error(series, 4);
            [autocorrelation_time(series), error, split_r_hat(series)]
        };
        assert!(all(&sound).iter().all(|v| v.is_finite()));
        for at in [0, 4, 8] {
            for wrong in [f64::NAN, f64::INFINITY] {
                let mut series = sound.clone();
                series[1][at] = wrong.into();
                assert!(all(&series).iter().all(|v| v.is_nan()), "{at} {wrong}");
            }
        }
        // As short as there is nothing to compare.
        let short = vec![vec![Complex64::from(f64::NAN); 3]];
        assert!(autocorrelation_time(&short).is_nan() && split_r_hat(&short).is_nan());
    }
}
