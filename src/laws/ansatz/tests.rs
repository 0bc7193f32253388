//! Decides that every broken law of a wave function is named.

use super::*;
use crate::ansatz::rbm::Rbm;
use crate::ansatz::{AnsatzFacts, Block};
use crate::derivatives::Derivatives;
use crate::error::Result;

/// What is wrong with an otherwise right wave function.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Ratio,
    Accept,
    Derivative,
    Batch,
    Layout,
    Length,
    /// Numbers in single precision, which are said to have this relative error.
    Single(f64),
}

struct Faulty(Rbm<f64>, Fault);

fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

impl Ansatz for Faulty {
    type Batch = <Rbm<f64> as Ansatz>::Batch;
    type Scratch = <Rbm<f64> as Ansatz>::Scratch;
    fn sites(&self) -> usize {
        self.0.sites()
    }
    fn layout(&self) -> Vec<Block> {
        let mut layout = self.0.layout();
        if matches!(self.1, Fault::Layout) {
            layout.pop();
        }
        layout
    }
    fn parameters(&self) -> Vec<f64> {
        self.0.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        let keep = parameters.len().min(self.0.parameters().len());
        self.0.set_parameters(if matches!(self.1, Fault::Length) {
            &parameters[..keep]
        } else {
            parameters
        })
    }
    fn facts(&self) -> AnsatzFacts {
        let facts = self.0.facts();
        let precision = match self.1 {
            Fault::Single(precision) => precision,
            _ => facts.precision,
        };
        AnsatzFacts { precision, ..facts }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.0.batch(xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let mut logs = self.0.log_psi(batch);
        if matches!(self.1, Fault::Batch) && logs.len() > 1 {
            logs[1] += 1e-14;
        }
        if matches!(self.1, Fault::Single(_)) {
            logs.iter_mut().for_each(|log| log.re = single(log.re));
        }
        logs
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        self.0.ratios(batch, asks, scratch, out);
        match self.1 {
            Fault::Ratio => asks
                .iter()
                .zip(out)
                .for_each(|((_, step), o)| *o *= 1.0 + 1e-8 * step.sites.len() as f64),
            Fault::Single(_) => out.iter_mut().for_each(|o| o.re = single(o.re)),
            _ => {}
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let mut moved_by = self.0.clone();
        if matches!(self.1, Fault::Accept) {
            let near: Vec<f64> = self.parameters().iter().map(|p| p + 1e-7).collect();
            moved_by.set_parameters(&near).unwrap();
            let mut out = vec![Complex64::ZERO; asks.len()];
            moved_by.ratios(batch, asks, scratch, &mut out);
        }
        moved_by.accept(batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let derivatives = self.0.derivatives(batch);
        match (self.1, derivatives.written_out()) {
            (Fault::Derivative, Matrix::Real(mut m)) => {
                m.column_mut(7).mapv_inplace(|o| o + 1e-4);
                Derivatives::dense(derivatives.kind, Matrix::Real(m))
            }
            _ => derivatives,
        }
    }
}

#[test]
fn every_broken_law_is_named() {
    let basis = Basis::spin_half(5, None).unwrap();
    for (fault, law) in [
        (Fault::Ratio, "ratio"),
        (Fault::Accept, "accept"),
        (Fault::Derivative, "derivatives"),
        (Fault::Batch, "batch"),
        (Fault::Layout, "shape"),
        (Fault::Length, "parameters"),
    ] {
        let mut faulty = Faulty(Rbm::dense(5, 4, true, true, 0.3, 1), fault);
        let verdict = laws(&mut faulty, &basis, 1).unwrap_err();
        assert!(verdict.starts_with(law), "{fault:?}: {verdict}");
    }
}

#[test]
fn single_precision_passes_where_it_is_declared() {
    let basis = Basis::spin_half(5, None).unwrap();
    let of = |precision| {
        let rbm = Rbm::dense(5, 4, true, true, 0.3, 1);
        laws(&mut Faulty(rbm, Fault::Single(precision)), &basis, 1)
    };
    of(1e-5).unwrap();
    assert!(of(crate::ansatz::DOUBLE).is_err());
}
