//! Decides how samples of |ψ|^p count in averages over |ψ|²: w(x) = |ψ(x)|^{2−p}/Σ|ψ|^{2−p}.
//!
//! Their sum is that of all ranks, which only those who know them all can tell.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_do_not_overflow_and_sum_to_one() {
        let own = LogWeights {
            logs: vec![1e4, 1e4 - 2f64.ln(), 1e4 - 900.0, f64::NEG_INFINITY],
            norm: 1e4 + 1.5f64.ln(),
        };
        let wanted = [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0];
        let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-11;
        assert!(own.weights().into_iter().zip(wanted).all(near));
    }
}
