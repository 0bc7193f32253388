//! Decides the product of wave functions: ratios multiply, logarithms and log-derivatives stand
//! side by side.
//!
//! ψ = Π_f ψ_f, ln ψ = Σ_f ln ψ_f, O = (O_1, O_2, …). Factors of different kinds give
//! stacked real parameters, where a complex parameter of a holomorphic factor counts as two real
//! ones with the columns O and i O.

use super::field::{check_length, reduce};
use super::{Ansatz, AnsatzFacts, Asks, Block, Context, Derivatives, Erased, Kind, schema_of};
use crate::error::{Error, Result};
use crate::number::larger;
use num_complex::Complex64;
use serde::Deserialize;

/// A product of wave functions of the same sites.
#[derive(Debug)]
pub struct Product {
    factors: Vec<Erased>,
}

impl Product {
    /// The product; an error if there is no factor or the factors have different sites.
    pub fn new(factors: Vec<Erased>) -> Result<Self> {
        let same = factors
            .first()
            .is_some_and(|first| factors.iter().all(|f| f.sites() == first.sites()));
        if same {
            return Ok(Product { factors });
        }
        Err(Error::input(
            "ansatz.factors",
            "a product needs at least one factor, and all on the same sites",
            "add a factor such as { kind = \"jastrow\" }",
        ))
    }
}

/// Scratch of every factor, and room for the ratios of one.
#[derive(Default)]
pub struct ProductScratch {
    factors: Vec<<Erased as Ansatz>::Scratch>,
    ratios: Vec<Complex64>,
}

/// The product of factors' ratios: 0 where one target vanishes, +∞ where only the source does.
fn times(a: Complex64, b: Complex64) -> Complex64 {
    if a == Complex64::ZERO || b == Complex64::ZERO {
        Complex64::ZERO
    } else if a.is_infinite() || b.is_infinite() {
        Complex64::new(f64::INFINITY, 0.0)
    } else {
        a * b
    }
}

impl Ansatz for Product {
    type Batch = Vec<<Erased as Ansatz>::Batch>;
    type Scratch = ProductScratch;

    fn sites(&self) -> usize {
        self.factors[0].sites()
    }
    fn layout(&self) -> Vec<Block> {
        let named = |(k, factor): (usize, &Erased)| {
            let rename = move |block: Block| Block {
                name: format!("factor{k}.{}", block.name),
                ..block
            };
            factor.layout().into_iter().map(rename)
        };
        self.factors.iter().enumerate().flat_map(named).collect()
    }
    fn parameters(&self) -> Vec<f64> {
        self.factors.iter().flat_map(Ansatz::parameters).collect()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        let counts: Vec<usize> = self.factors.iter().map(|f| f.parameters().len()).collect();
        check_length(parameters, counts.iter().sum())?;
        let mut rest = parameters;
        for (factor, count) in self.factors.iter_mut().zip(counts) {
            let (own, others) = rest.split_at(count);
            factor.set_parameters(own)?;
            rest = others;
        }
        Ok(())
    }
    fn set_exact(&mut self, exact: bool) -> Result<()> {
        let mut factors = self.factors.iter_mut();
        factors.try_for_each(|factor| factor.set_exact(exact))
    }
    fn facts(&self) -> AnsatzFacts {
        let join = |a: AnsatzFacts, b: AnsatzFacts| AnsatzFacts {
            kind: if a.kind == b.kind {
                a.kind
            } else {
                Kind::Stacked
            },
            precision: a.precision.max(b.precision),
            positive: a.positive && b.positive,
            bytes_per_walker: a.bytes_per_walker + b.bytes_per_walker,
            derivative_bytes: a.derivative_bytes + b.derivative_bytes,
            // One factor after the other.
            derivative_scratch: a.derivative_scratch.max(b.derivative_scratch),
            operations: a.operations + b.operations,
        };
        let rest = self.factors[1..].iter().map(Ansatz::facts);
        rest.fold(self.factors[0].facts(), join)
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.factors.iter().map(|f| f.batch(xs)).collect()
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let mut sum = self.factors[0].log_psi(&batch[0]);
        for (factor, batch) in self.factors.iter().zip(batch).skip(1) {
            sum.iter_mut()
                .zip(factor.log_psi(batch))
                .for_each(|(s, l)| *s = reduce(*s + l));
        }
        sum
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        let ProductScratch { factors, ratios } = scratch;
        factors.resize_with(self.factors.len(), Default::default);
        self.factors[0].ratios(&batch[0], asks, &mut factors[0], out);
        let others = self.factors.iter().zip(batch).zip(factors).skip(1);
        for ((factor, batch), scratch) in others {
            ratios.resize(out.len(), Complex64::ZERO);
            factor.ratios(batch, asks, scratch, ratios);
            out.iter_mut()
                .zip(&*ratios)
                .for_each(|(o, &r)| *o = times(*o, r));
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let parts = self.factors.iter().zip(batch).zip(&mut scratch.factors);
        parts.for_each(|((factor, batch), scratch)| factor.accept(batch, asks, taken, scratch));
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let kind = self.facts().kind;
        let parts: Vec<Derivatives> = self
            .factors
            .iter()
            .zip(batch)
            .map(|(f, b)| f.derivatives(b))
            .collect();
        let samples = parts[0].samples();
        let single = parts.iter().all(Derivatives::is_single);
        let blocks = parts.into_iter().flat_map(|part| part.blocks_as(kind));
        Derivatives::new(kind, samples, blocks.collect()).of_precision(single)
    }
    fn truncation(&self) -> Option<f64> {
        let parts = self.factors.iter().filter_map(Ansatz::truncation);
        parts.reduce(larger)
    }
}

/// Product of wave functions, ψ = Π_f ψ_f.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// The factors, each a table with `kind` and its own keys. No default.
    #[schemars(with = "Vec<serde_json::Map<String, serde_json::Value>>")]
    factors: Vec<toml::Table>,
}

/// Builds a product from its table; `parts` builds each factor.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let factor = |(k, table): (usize, &toml::Table)| {
        context.part(table, k as u64, format!("{}.factors[{k}]", context.path))
    };
    let factors: Result<_> = keys.factors.iter().enumerate().map(factor).collect();
    Ok(Erased::new(Product::new(factors?)?))
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
