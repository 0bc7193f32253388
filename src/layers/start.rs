//! Decides what the parameters of a layer are at first.

use crate::rng::{Distribution, Generator, RngExt, StandardNormal};

/// Standard deviation of a normal number that is drawn again beyond two standard deviations.
const TRUNCATED: f64 = 0.879_625_661_034_239_8;

/// First values of a block of parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FirstValues {
    /// All the same number.
    Constant(f64),
    /// Normal numbers, cut at two standard deviations, of this variance.
    Normal(f64),
    /// Uniform numbers between minus and plus this.
    Uniform(f64),
}

impl FirstValues {
    /// Variance 2/(fan-in), for layers behind a function that halves it (K. He et al., ICCV 2015).
    pub fn he(fan_in: usize) -> Self {
        FirstValues::Normal(2.0 / fan_in.max(1) as f64)
    }
    /// Variance 1/(fan-in) (Y. LeCun et al., Efficient BackProp (1998)).
    pub fn lecun(fan_in: usize) -> Self {
        FirstValues::Normal(1.0 / fan_in.max(1) as f64)
    }
    /// Uniform with variance 2/(fan-in + fan-out) (X. Glorot, Y. Bengio, AISTATS 2010).
    pub fn xavier(fan_in: usize, fan_out: usize) -> Self {
        FirstValues::Uniform((6.0 / (fan_in + fan_out).max(1) as f64).sqrt())
    }
    /// One number.
    pub fn draw(self, rng: &mut Generator) -> f64 {
        match self {
            FirstValues::Constant(value) => value,
            FirstValues::Uniform(bound) => bound * (2.0 * rng.random::<f64>() - 1.0),
            FirstValues::Normal(variance) => loop {
                let z: f64 = StandardNormal.sample(rng);
                if z.abs() <= 2.0 {
                    return z * variance.sqrt() / TRUNCATED;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn variances_are_as_named() {
        let mut rng = stream(1, Purpose::Law, 0, 0);
        for (start, variance) in [
            (FirstValues::he(8), 0.25),
            (FirstValues::lecun(2), 0.5),
            (FirstValues::xavier(3, 5), 0.25),
            (FirstValues::Constant(0.0), 0.0),
        ] {
            let squares = (0..20_000).map(|_| start.draw(&mut rng).powi(2));
            let found = squares.sum::<f64>() / 20_000.0;
            assert!(
                (found - variance).abs() <= 0.03 * variance,
                "{start:?}: {found}"
            );
        }
    }
}
