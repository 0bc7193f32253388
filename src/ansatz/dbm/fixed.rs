//! Decides what a state without parameters is as a wave function: the amplitudes of a table, or 1
//! everywhere.

use super::times::ImaginaryTime;
use crate::ansatz::table::Table;
use crate::ansatz::{Ansatz, AnsatzFacts, Asks, Block, DOUBLE};
use crate::derivatives::{Derivatives, Kind, Matrix};
use crate::error::Result;
use ndarray::Array2;
use num_complex::Complex64;

/// ψ(x) = 1.
#[derive(Debug, Clone)]
pub struct Uniform {
    /// Number of sites.
    pub sites: usize,
}

/// The amplitudes of a table, which nothing moves.
#[derive(Debug, Clone)]
pub struct FixedTable {
    /// The amplitudes.
    pub table: Table<Complex64>,
    /// The circuit that they come from.
    pub time: ImaginaryTime,
}

/// The log-derivatives of `walkers` walkers by no parameter.
fn none(walkers: usize) -> Derivatives {
    Derivatives::dense(Kind::Real, Matrix::Real(Array2::zeros((walkers, 0))))
}

/// An error unless there are no parameters.
fn check_none(parameters: &[f64]) -> Result<()> {
    crate::ansatz::field::check_length(parameters, 0)
}

impl Ansatz for Uniform {
    /// Number of walkers.
    type Batch = usize;
    type Scratch = ();

    fn sites(&self) -> usize {
        self.sites
    }
    fn layout(&self) -> Vec<Block> {
        Vec::new()
    }
    fn parameters(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_none(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: Kind::Real,
            precision: DOUBLE,
            positive: true,
            bytes_per_walker: 16,
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 1.0,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        xs.len() / self.sites.max(1)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        vec![Complex64::ZERO; *batch]
    }
    fn ratios(
        &self,
        _batch: &Self::Batch,
        _asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        out.fill(Complex64::ONE);
    }
    fn accept(
        &self,
        _batch: &mut Self::Batch,
        _asks: &Asks,
        _taken: &[bool],
        _scratch: &mut Self::Scratch,
    ) {
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        none(*batch)
    }
}

impl Ansatz for FixedTable {
    type Batch = <Table<Complex64> as Ansatz>::Batch;
    type Scratch = ();

    fn sites(&self) -> usize {
        self.table.sites()
    }
    fn layout(&self) -> Vec<Block> {
        Vec::new()
    }
    fn parameters(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_none(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: Kind::Real,
            ..self.table.facts()
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.table.batch(xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        self.table.log_psi(batch)
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.table.ratios(batch, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        self.table.accept(batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        none(self.table.log_psi(batch).len())
    }
    fn imaginary_time(&self) -> Option<&ImaginaryTime> {
        Some(&self.time)
    }
}
