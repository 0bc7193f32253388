//! The wave function of another crate, a mean field.

use ndarray::Array2;
use nishina::ansatz::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE};
use nishina::derivatives::{Derivatives, Kind, Matrix};
use nishina::error::{Error, Result};
use num_complex::Complex64;

/// Mean field: ln ψ = Σ_i a_i σ_i.
pub struct MeanField {
    pub fields: Vec<f64>,
    /// Scales the derivatives; 1 is right.
    pub fault: f64,
}

impl Ansatz for MeanField {
    type Batch = Vec<Vec<i8>>;
    type Scratch = ();
    fn sites(&self) -> usize {
        self.fields.len()
    }
    fn layout(&self) -> Vec<Block> {
        vec![Block::new("a", vec![self.fields.len()], false)]
    }
    fn parameters(&self) -> Vec<f64> {
        self.fields.clone()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        if parameters.len() != self.fields.len() {
            return Err(Error::numerical(
                "wrong number of parameters",
                "give one per site",
            ));
        }
        self.fields.copy_from_slice(parameters);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: Kind::Real,
            precision: DOUBLE,
            positive: true,
            bytes_per_walker: self.fields.len() + size_of::<Vec<i8>>(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 20.0,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        xs.chunks(self.sites()).map(<[i8]>::to_vec).collect()
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let log = |x: &Vec<i8>| {
            x.iter()
                .zip(&self.fields)
                .map(|(&s, a)| a * f64::from(s))
                .sum::<f64>()
        };
        batch.iter().map(|x| log(x).into()).collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for (k, (walker, step)) in asks.iter().enumerate() {
            let change: f64 = step
                .sites
                .iter()
                .map(|&s| -2.0 * self.fields[s as usize] * f64::from(batch[walker][s as usize]))
                .sum();
            out[k] = change.exp().into();
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        _scratch: &mut Self::Scratch,
    ) {
        for (walker, step) in asks.taken(taken) {
            step.apply(&mut batch[walker]);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let spins = |(row, column): (usize, usize)| self.fault * f64::from(batch[row][column]);
        Derivatives::dense(
            Kind::Real,
            Matrix::Real(Array2::from_shape_fn((batch.len(), self.sites()), spins)),
        )
    }
}
