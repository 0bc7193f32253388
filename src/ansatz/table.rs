//! Decides the wave function that is a table: one amplitude per basis state, which can represent
//! any state.
//!
//! θ_k = ψ(x_k) and O_k(x) = δ_{x,x_k}/ψ(x). Amplitudes may vanish: then ln ψ = −∞, ratios
//! to such a state are 0, ratios from it are +∞ (or 0 where the target vanishes too) and its
//! log-derivatives are set to 0.

use super::field::{Field, Scalar, check_length, flatten, gaussian, reduce, unflatten};
use super::{
    Ansatz, AnsatzFacts, Asks, Block, Context, DOUBLE, Derivatives, Erased, Move, ParameterNumbers,
    schema_of,
};
use crate::basis::{Basis, Numbering};
use crate::error::{Error, Result};
use crate::rng::Origin;
use ndarray::Array2;
use num_complex::Complex64;
use serde::Deserialize;

/// Amplitudes of all states of a basis.
#[derive(Debug, Clone)]
pub struct Table<T> {
    index: Numbering,
    amplitudes: Vec<T>,
}

/// Walkers and the numbers of their configurations; `None` outside the basis.
#[derive(Debug, Clone)]
pub struct TableBatch {
    xs: Vec<i8>,
    numbers: Vec<Option<usize>>,
}

impl<T: Field> Table<T> {
    /// The amplitudes in the order of [`Numbering`]; an error if there are not as many as states.
    pub fn from_amplitudes(basis: &Basis, amplitudes: &[Complex64]) -> Result<Self> {
        let index = basis.numbering()?;
        if amplitudes.len() != index.dimension() {
            return Err(Error::input(
                "ansatz.file",
                format!(
                    "{} amplitudes were given, the basis has {} states",
                    amplitudes.len(),
                    index.dimension()
                ),
                "take amplitudes of the same sites and the same sector",
            ));
        }
        let largest = amplitudes.iter().fold(0.0f64, |m, z| m.max(z.norm()));
        if !T::COMPLEX && amplitudes.iter().any(|z| z.im.abs() > 1e-10 * largest) {
            return Err(Error::input(
                "ansatz.parameters",
                "the amplitudes are complex and the table is real",
                "choose parameters = \"complex\"",
            ));
        }
        let amplitudes = amplitudes.iter().map(|z| T::new(z.re, z.im)).collect();
        Ok(Table { index, amplitudes })
    }

    /// The same amplitude for every state, up to Gaussian deviations of standard deviation `init`.
    pub fn uniform(basis: &Basis, init: f64, seed: impl Into<Origin>) -> Result<Self> {
        let index = basis.numbering()?;
        let mut amplitudes = gaussian::<T>(index.dimension(), init, &mut seed.into().parameters());
        amplitudes.iter_mut().for_each(|z| *z += T::new(1.0, 0.0));
        Ok(Table { index, amplitudes })
    }

    /// ψ of a numbered configuration; 0 outside the basis.
    fn amplitude(&self, number: Option<usize>) -> Complex64 {
        number.map_or(Complex64::ZERO, |k| self.amplitudes[k].complex())
    }

    /// The number of the configuration that walker `k` gets to.
    fn target(&self, batch: &TableBatch, k: usize, step: Move) -> Option<usize> {
        let n = self.index.sites();
        let x = &batch.xs[k * n..(k + 1) * n];
        match batch.numbers[k] {
            Some(number) => self.index.at(number, x).after(step),
            None => self.index.number(&step.applied(x)),
        }
    }
}

impl<T: Field> Ansatz for Table<T> {
    type Batch = TableBatch;
    type Scratch = ();

    fn sites(&self) -> usize {
        self.index.sites()
    }
    fn layout(&self) -> Vec<Block> {
        vec![Block::new(
            "amplitudes",
            vec![self.amplitudes.len()],
            T::COMPLEX,
        )]
    }
    fn parameters(&self) -> Vec<f64> {
        flatten(self.amplitudes.iter().copied())
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, T::PARTS * self.amplitudes.len())?;
        self.amplitudes = unflatten(parameters);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: T::kind(),
            precision: DOUBLE,
            positive: false,
            bytes_per_walker: self.index.sites() + size_of::<Option<usize>>(),
            derivative_bytes: 0,
            derivative_scratch: 0,
            operations: 10.0,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        let rows = xs.chunks_exact(self.index.sites());
        TableBatch {
            xs: xs.to_vec(),
            numbers: rows.map(|x| self.index.number(x)).collect(),
        }
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let log = |&number: &Option<usize>| match self.amplitude(number) {
            Complex64::ZERO => Complex64::new(f64::NEG_INFINITY, 0.0),
            psi => reduce(psi.ln()),
        };
        batch.numbers.iter().map(log).collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for ((k, step), out) in asks.iter().zip(out) {
            let (source, target) = (batch.numbers[k], self.target(batch, k, step));
            *out = match (self.amplitude(source), self.amplitude(target)) {
                (_, Complex64::ZERO) => Complex64::ZERO,
                (Complex64::ZERO, _) => Complex64::new(f64::INFINITY, 0.0),
                (from, to) => to / from,
            };
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        _scratch: &mut Self::Scratch,
    ) {
        let n = self.index.sites();
        for (k, step) in asks.taken(taken) {
            batch.numbers[k] = self.target(batch, k, step);
            step.apply(&mut batch.xs[k * n..(k + 1) * n]);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let mut rows = Array2::from_elem(
            (batch.numbers.len(), self.amplitudes.len()),
            T::new(0.0, 0.0),
        );
        for (k, &number) in batch.numbers.iter().enumerate() {
            let psi = self.amplitude(number);
            if let Some(number) = number.filter(|_| psi != Complex64::ZERO) {
                let inverse = psi.inv();
                rows[(k, number)] = T::new(inverse.re, inverse.im);
            }
        }
        Derivatives::dense(T::kind(), T::matrix(rows))
    }
}

fn small() -> f64 {
    0.01
}

/// One amplitude per basis state.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Whether amplitudes are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Standard deviation of the real and imaginary parts of the initial amplitudes around 1,
    /// without `file`. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File of an exact calculation on the same basis, whose lowest state gives the amplitudes.
    /// Default none.
    file: Option<std::path::PathBuf>,
}

/// The amplitudes of the lowest state in the file of an exact calculation.
fn load_amplitudes(path: &std::path::Path) -> Result<Vec<Complex64>> {
    crate::io::hdf5::read(path)?.complexes("states/0/amplitudes")
}

fn typed<T: Field>(keys: &Keys, context: &Context) -> Result<Erased> {
    let table = match &keys.file {
        None => Table::<T>::uniform(context.basis, keys.init, context.origin)?,
        Some(file) => {
            Table::from_amplitudes(context.basis, &load_amplitudes(&context.folder.join(file))?)?
        }
    };
    Ok(Erased::new(table))
}

/// Builds a table of amplitudes from its table of keys.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    if table.contains_key("load") {
        return Err(Error::input(
            context.key("load"),
            "a table has no such key: it starts from the file of an exact calculation",
            "write `file`, and make the file with `nishina exact X.toml --output E.h5`",
        ));
    }
    let keys: Keys = crate::table::parse(table, &context.path)?;
    super::check_init(keys.init, context)?;
    let parts = match keys.parameters {
        ParameterNumbers::Real => f64::PARTS,
        ParameterNumbers::Complex => Complex64::PARTS,
    };
    super::check_parameters(parts as f64 * context.basis.dimension(), 1.0)?;
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_negative_amplitudes_have_defined_ratios() {
        let basis = Basis::spin_half(2, None).unwrap();
        let table =
            Table::<f64>::from_amplitudes(&basis, &[0.0, -2.0, 0.0, 1.0].map(Complex64::from))
                .unwrap();
        let xs = [-1, -1, 1, -1];
        let batch = table.batch(&xs);
        let log = table.log_psi(&batch);
        assert_eq!(log[0].re, f64::NEG_INFINITY);
        assert!((log[1] - Complex64::new(2f64.ln(), std::f64::consts::PI)).norm() < 1e-15);
        let mut asks = Asks::default();
        [(0, 0), (0, 1), (1, 0), (1, 1)]
            .iter()
            .for_each(|&(k, site)| asks.flip(k, &xs[2 * k..][..2], &[site]));
        let mut out = vec![Complex64::ZERO; 4];
        table.ratios(&batch, &asks, &mut (), &mut out);
        assert_eq!(
            out.iter().map(|z| z.re).collect::<Vec<_>>(),
            [f64::INFINITY, 0.0, 0.0, -0.5]
        );
        assert!(out.iter().all(|z| z.im == 0.0));
    }

    #[test]
    fn amplitudes_of_another_space_are_refused() {
        let basis = Basis::spin_half(4, Some(0)).unwrap();
        assert!(Table::<f64>::from_amplitudes(&basis, &[Complex64::ONE; 16]).is_err());
        assert!(Table::<f64>::from_amplitudes(&basis, &[Complex64::i(); 6]).is_err());
        assert!(Table::<Complex64>::from_amplitudes(&basis, &[Complex64::i(); 6]).is_ok());
    }
}
