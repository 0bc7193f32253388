//! Decides in which precision a network is evaluated whose input says "single": in single
//! precision, until double is asked for. Log-derivatives that are written out are kept in the same.
//!
//! Both networks have the same parameters. A batch belongs to the precision in which it was made.

use super::erased::{ErasedBatch, ErasedScratch};
use super::{Ansatz, AnsatzFacts, Asks, Block, Derivatives, Direct, Erased};
use crate::error::Result;
use num_complex::Complex64;

/// A network in single and in double precision.
#[derive(Debug)]
pub struct MixedPrecision {
    single: Erased,
    double: Erased,
    /// Whether double precision was asked for.
    exact: bool,
    /// Whether the other network has older parameters.
    stale: bool,
}

/// Walkers in one of the two precisions.
pub struct MixedBatch {
    exact: bool,
    inner: ErasedBatch,
}

impl MixedPrecision {
    /// From the two networks, in single precision at first.
    pub fn new(single: impl Ansatz + 'static, double: impl Ansatz + 'static) -> Self {
        MixedPrecision {
            single: Erased::new(single),
            double: Erased::new(double),
            exact: false,
            stale: true,
        }
    }

    fn of(&self, exact: bool) -> &Erased {
        match exact {
            true => &self.double,
            false => &self.single,
        }
    }

    fn active(&self) -> &Erased {
        self.of(self.exact)
    }
}

impl Ansatz for MixedPrecision {
    type Batch = MixedBatch;
    type Scratch = ErasedScratch;

    fn sites(&self) -> usize {
        self.single.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.single.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.active().parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.stale = true;
        match self.exact {
            true => self.double.set_parameters(parameters),
            false => self.single.set_parameters(parameters),
        }
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        if exact == self.exact {
            return Ok(());
        }
        if std::mem::take(&mut self.stale) {
            let parameters = self.active().parameters();
            match exact {
                true => self.double.set_parameters(&parameters)?,
                false => self.single.set_parameters(&parameters)?,
            }
        }
        self.exact = exact;
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let (single, double) = (self.single.facts(), self.double.facts());
        AnsatzFacts {
            bytes_per_walker: single.bytes_per_walker.max(double.bytes_per_walker),
            derivative_bytes: single.derivative_bytes.max(double.derivative_bytes),
            derivative_scratch: single.derivative_scratch.max(double.derivative_scratch),
            ..self.active().facts()
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        MixedBatch {
            exact: self.exact,
            inner: self.active().batch(xs),
        }
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        self.of(batch.exact).log_psi(&batch.inner)
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        let network = self.of(batch.exact);
        network.ratios(&batch.inner, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let network = self.of(batch.exact);
        network.accept(&mut batch.inner, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let derivatives = self.of(batch.exact).derivatives(&batch.inner);
        derivatives.of_precision(!batch.exact)
    }
    fn direct(&self) -> Option<&dyn Direct> {
        self.active().direct()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ansatz::feedforward::{Activation, Feedforward, Shape};

    #[test]
    fn double_precision_has_the_same_parameters_and_the_batch_stays_what_it_is() {
        let shape = Shape {
            sites: 4,
            layers: vec![(3, Activation::Tanh)],
            phase: true,
            visible_bias: true,
            hidden_bias: true,
            output_weights: true,
        };
        let single = Feedforward::<f64, f32>::new(shape.clone(), 1.0, 3);
        let mut double = Feedforward::<f64>::new(shape, 1.0, 3);
        let mut both = MixedPrecision::new(single, double.clone());
        let moved: Vec<f64> = both.parameters().iter().map(|p| 1.5 * p + 0.1).collect();
        both.set_parameters(&moved).unwrap();
        double.set_parameters(&moved).unwrap();
        let x = [1, -1, -1, 1];
        let exact = double.log_psi(&double.batch(&x))[0];
        let batch = both.batch(&x);
        let rough = both.log_psi(&batch)[0];
        assert!(both.facts().precision > double.facts().precision);
        both.set_exact(true).unwrap();
        assert_eq!(both.parameters(), moved);
        assert_eq!(both.log_psi(&both.batch(&x))[0], exact);
        assert_eq!(both.facts().precision, double.facts().precision);
        assert_eq!(both.log_psi(&batch)[0], rough);
        assert!((rough - exact).norm() < 1e-5 && rough != exact);
        both.set_parameters(&moved).unwrap();
        both.set_exact(false).unwrap();
        assert_eq!(both.log_psi(&both.batch(&x))[0], rough);
    }
}
