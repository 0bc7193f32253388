//! Decides how samples of |ψ|^p count in averages over |ψ|²: w(x) = |ψ(x)|^{2−p}/Σ|ψ|^{2−p}.
//!
//! Exponentials are taken relative to the largest ln|ψ| of all ranks, and sums are added stream by
//! stream, so that weights do not overflow and have the same bits on any number of ranks. What N
//! samples are worth is N_eff/N = (Σ w)²/(N Σ w²) (L. Kish, Survey Sampling (Wiley, 1965)).

/// ln w of samples up to a constant that is common to all ranks, and that constant.
#[derive(Debug, Clone, Default)]
pub(super) struct LogWeights {
    /// (2 − p) ln|ψ| of each sample; none where all samples count the same.
    pub logs: Vec<f64>,
    /// ln Σ exp over all ranks.
    pub norm: f64,
}

impl LogWeights {
    /// The weights, whose sum over all ranks is 1.
    pub fn weights(&self) -> Vec<f64> {
        self.logs.iter().map(|l| (l - self.norm).exp()).collect()
    }
}

/// Sums over the samples of one stream: number, Σ exp(l − largest), Σ exp(2(l − largest)).
pub type StreamSums = [f64; 3];

/// The largest of some logarithms; numbers that are none do not count.
pub fn largest(logs: &[f64]) -> f64 {
    logs.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// The sums of `streams` streams with equally many samples, which stand one behind the other.
pub fn stream_sums(logs: &[f64], streams: usize, largest: f64) -> Vec<StreamSums> {
    let each = (logs.len() / streams.max(1)).max(1);
    let add = |[n, sum, squares]: StreamSums, log: &f64| {
        let w = (log - largest).exp();
        [n + 1.0, sum + w, squares + w * w]
    };
    let streams = logs.chunks(each);
    streams
        .map(|logs| logs.iter().fold([0.0; 3], add))
        .collect()
}

/// ln Σ exp of all streams, and N_eff/N.
pub fn total(sums: &[StreamSums], largest: f64) -> (f64, f64) {
    let add = |a: StreamSums, b: &StreamSums| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
    let [n, sum, squares] = sums.iter().fold([0.0; 3], add);
    (largest + sum.ln(), sum * sum / (n * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overflows_and_equal_weights_are_worth_all_samples() {
        let logs = [1e4, 1e4 - 2f64.ln(), 1e4 - 900.0, f64::NEG_INFINITY];
        let top = largest(&logs);
        let (norm, fraction) = total(&stream_sums(&logs, 2, top), top);
        let own = LogWeights {
            logs: logs.to_vec(),
            norm,
        };
        let wanted = [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0];
        let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-11;
        assert!(own.weights().into_iter().zip(wanted).all(near));
        assert!((fraction - 1.5 * 1.5 / (4.0 * 1.25)).abs() < 1e-12);
        let equal = [-3e5; 6];
        let (norm, fraction) = total(&stream_sums(&equal, 3, -3e5), -3e5);
        assert_eq!(fraction, 1.0);
        assert!((norm - (6f64.ln() - 3e5)).abs() < 1e-9);
    }

    #[test]
    fn samples_that_are_no_numbers_leave_no_weight() {
        let none = [f64::NEG_INFINITY; 2];
        let (_, fraction) = total(&stream_sums(&none, 1, largest(&none)), largest(&none));
        assert!(fraction.is_nan());
        let (norm, _) = total(&stream_sums(&[0.0, f64::NAN], 1, 0.0), 0.0);
        assert!(norm.is_nan());
    }
}
