//! Decides how wave functions of different types become one type: a boxed ansatz with boxed
//! batches.
//!
//! ψ is the boxed wave function itself; the price is one dynamic call per batch of walkers, not
//! per walker.

use super::dbm::ImaginaryTime;
use super::{Alternating, Ansatz, AnsatzFacts, Asks, Block, Derivatives, Direct, MatrixProduct};
use crate::error::Result;
use num_complex::Complex64;
use std::any::Any;

/// The tables of a batch, of a type that only the wave function knows.
pub type ErasedBatch = Box<dyn Any + Send + Sync>;

/// The scratch of a wave function, made at its first question.
#[derive(Default)]
pub struct ErasedScratch(Option<Box<dyn Any + Send>>);

trait Dynamic: Send + Sync {
    fn sites(&self) -> usize;
    fn layout(&self) -> Vec<Block>;
    fn parameters(&self) -> Vec<f64>;
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()>;
    fn set_exact(&mut self, exact: bool) -> Result<()>;
    fn facts(&self) -> AnsatzFacts;
    fn batch(&self, xs: &[i8]) -> ErasedBatch;
    fn log_psi(&self, batch: &ErasedBatch) -> Vec<Complex64>;
    fn ratios(
        &self,
        batch: &ErasedBatch,
        asks: &Asks,
        scratch: &mut ErasedScratch,
        out: &mut [Complex64],
    );
    fn accept(
        &self,
        batch: &mut ErasedBatch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut ErasedScratch,
    );
    fn derivatives(&self, batch: &ErasedBatch) -> Derivatives;
    fn truncation(&self) -> Option<f64>;
    fn direct(&self) -> Option<&dyn Direct>;
    fn alternating(&self) -> Option<&dyn Alternating>;
    fn matrix_product(&self) -> Option<&dyn MatrixProduct>;
    fn imaginary_time(&self) -> Option<&ImaginaryTime>;
}

fn inner<B: 'static>(batch: &ErasedBatch) -> &B {
    match (**batch).downcast_ref() {
        Some(batch) => batch,
        None => unreachable!("a batch is only ever handed to the wave function that built it"),
    }
}

/// The scratch of type `S`; one that another wave function left is replaced.
fn own<S: Default + Send + 'static>(scratch: &mut ErasedScratch) -> &mut S {
    if !scratch.0.as_ref().is_some_and(|s| (**s).is::<S>()) {
        scratch.0 = Some(Box::<S>::default());
    }
    match scratch.0.as_mut().and_then(|s| (**s).downcast_mut()) {
        Some(scratch) => scratch,
        None => unreachable!("the scratch has just been given this type"),
    }
}

impl<A: Ansatz + 'static> Dynamic for A {
    fn sites(&self) -> usize {
        Ansatz::sites(self)
    }
    fn layout(&self) -> Vec<Block> {
        Ansatz::layout(self)
    }
    fn parameters(&self) -> Vec<f64> {
        Ansatz::parameters(self)
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        Ansatz::set_parameters(self, parameters)
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        Ansatz::set_exact(self, exact)
    }
    fn facts(&self) -> AnsatzFacts {
        Ansatz::facts(self)
    }
    fn batch(&self, xs: &[i8]) -> ErasedBatch {
        Box::new(Ansatz::batch(self, xs))
    }
    fn log_psi(&self, batch: &ErasedBatch) -> Vec<Complex64> {
        Ansatz::log_psi(self, inner(batch))
    }
    fn ratios(
        &self,
        batch: &ErasedBatch,
        asks: &Asks,
        scratch: &mut ErasedScratch,
        out: &mut [Complex64],
    ) {
        Ansatz::ratios(self, inner(batch), asks, own(scratch), out);
    }
    fn accept(
        &self,
        batch: &mut ErasedBatch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut ErasedScratch,
    ) {
        match (**batch).downcast_mut() {
            Some(batch) => Ansatz::accept(self, batch, asks, taken, own(scratch)),
            None => unreachable!("a batch is only ever handed to the wave function that built it"),
        }
    }
    fn derivatives(&self, batch: &ErasedBatch) -> Derivatives {
        Ansatz::derivatives(self, inner(batch))
    }
    fn truncation(&self) -> Option<f64> {
        Ansatz::truncation(self)
    }
    fn direct(&self) -> Option<&dyn Direct> {
        Ansatz::direct(self)
    }
    fn alternating(&self) -> Option<&dyn Alternating> {
        Ansatz::alternating(self)
    }
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        Ansatz::matrix_product(self)
    }
    fn imaginary_time(&self) -> Option<&ImaginaryTime> {
        Ansatz::imaginary_time(self)
    }
}

/// Any wave function.
pub struct Erased(Box<dyn Dynamic>);

impl Erased {
    /// Boxes a wave function.
    pub fn new(ansatz: impl Ansatz + 'static) -> Self {
        Erased(Box::new(ansatz))
    }
}

impl std::fmt::Debug for Erased {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Erased")
            .field("facts", &self.0.facts())
            .field("layout", &self.0.layout())
            .finish()
    }
}

impl Ansatz for Erased {
    type Batch = ErasedBatch;
    type Scratch = ErasedScratch;
    fn sites(&self) -> usize {
        self.0.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.0.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.0.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.0.set_parameters(parameters)
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        self.0.set_exact(exact)
    }
    fn facts(&self) -> AnsatzFacts {
        self.0.facts()
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.0.batch(xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        self.0.log_psi(batch)
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.0.ratios(batch, asks, scratch, out);
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        self.0.accept(batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        self.0.derivatives(batch)
    }
    fn truncation(&self) -> Option<f64> {
        self.0.truncation()
    }
    fn direct(&self) -> Option<&dyn Direct> {
        self.0.direct()
    }
    fn alternating(&self) -> Option<&dyn Alternating> {
        self.0.alternating()
    }
    fn matrix_product(&self) -> Option<&dyn MatrixProduct> {
        self.0.matrix_product()
    }
    fn imaginary_time(&self) -> Option<&ImaginaryTime> {
        self.0.imaginary_time()
    }
}
