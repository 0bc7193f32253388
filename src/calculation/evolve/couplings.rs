//! Decides the Hamiltonian at a time of an evolution: `[hamiltonian]`, with the keys of
//! `evolve.hamiltonian` and `evolve.ramps`.
//!
//! Models are linear in each of their couplings g_k, so that H(g) = Σ_S Π_{k in S} g_k H_S over all
//! sets S of ramped keys, with H_S = Σ_{T in S} (−1)^{|S| − |T|} H(g = 1 in T, else 0). All H_S
//! are built once, before the start. Models of sites with any number of values, which no file
//! describes, are built again at every time instead. Nothing is read from files later.

use super::keys::{self, EvolveInput};
use super::method::EvolveMethod;
use crate::ansatz::Ansatz;
use crate::basis::Basis;
use crate::calculation::Registry;
use crate::calculation::vmc::problem::{self, Problem};
use crate::derivatives::Kind;
use crate::error::{Error, Result};
use crate::evolution::motion::TimeAxis;
use crate::evolution::ramp::Ramp;
use crate::input::{Source, section};
use crate::lattice::Lattice;
use crate::operator::models::Model;
use crate::operator::{Facts, Operator, PauliSum, TermTable};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most keys with ramps: the number of sets S doubles with each.
const MOST_RAMPS: usize = 8;
/// Largest difference, relative to the largest coefficient, between the expansion and the model.
const TOLERANCE: f64 = 1e-10;

/// The Hamiltonian at one time.
pub struct Present {
    /// Compiled.
    pub hamiltonian: Arc<dyn Operator>,
    /// What is known of it.
    pub facts: Facts,
}

/// The Hamiltonian as a function of time.
pub struct Couplings<'r> {
    basis: Basis,
    ramps: Vec<Ramp>,
    builder: Builder<'r>,
    /// H_S; bit k of its number says whether key k is in S. `None` where the model is no sum of
    /// Pauli strings.
    parts: Option<Vec<PauliSum>>,
}

/// How a model follows from the values of its ramped keys.
struct Builder<'r> {
    source: Source,
    registry: Registry<'r>,
    lattice: Lattice,
    keys: Vec<String>,
}

impl Builder<'_> {
    /// The model with these values of the keys.
    fn build(&self, values: &[f64]) -> Result<Model> {
        let mut source = self.source.clone();
        if let Some(table) = source.input.hamiltonian.as_mut() {
            for (key, &value) in self.keys.iter().zip(values) {
                table.insert(key.to_string(), toml::Value::Float(value));
            }
        }
        let model = problem::model(&source, &self.registry, &self.lattice);
        model.map(|(_, model)| model).map_err(of_evolution)
    }

    /// All H_S of a sum of Pauli strings.
    fn expand(&self) -> Result<Option<Vec<PauliSum>>> {
        let corners = 1usize << self.keys.len();
        let value = |corner: usize, k: usize| if corner >> k & 1 == 1 { 1.0 } else { 0.0 };
        let mut parts = Vec::new();
        for corner in 0..corners {
            let values: Vec<f64> = (0..self.keys.len()).map(|k| value(corner, k)).collect();
            match self.build(&values)?.pauli() {
                Some(sum) => parts.push(sum.clone()),
                None => return Ok(None),
            }
        }
        for k in 0..self.keys.len() {
            for set in (0..corners).filter(|set| set >> k & 1 == 1) {
                let without = parts[set ^ (1 << k)].clone();
                add(&mut parts[set], &without, -1.0);
            }
        }
        Ok(Some(parts))
    }
}

/// Errors of `[hamiltonian]` are those of `[evolve]` here.
fn of_evolution(error: Error) -> Error {
    error.of_input(|key, problem, remedy| {
        let key = match key.starts_with("hamiltonian") {
            true => format!("evolve.{key}"),
            false => key,
        };
        [key, problem, remedy]
    })
}

/// sum + factor × other.
fn add(sum: &mut PauliSum, other: &PauliSum, factor: f64) {
    for (string, coefficient) in other.iter() {
        let coefficient = coefficient * factor;
        if coefficient.norm() > 0.0 {
            sum.add(coefficient, string);
        }
    }
}

/// H(g) from all H_S.
fn combine(parts: &[PauliSum], values: &[f64]) -> PauliSum {
    let mut sum = PauliSum::default();
    for (set, part) in parts.iter().enumerate() {
        let inside = values.iter().enumerate().filter(|(k, _)| set >> k & 1 == 1);
        add(&mut sum, part, inside.map(|(_, g)| g).product());
    }
    sum
}

/// Whether two sums are the same to rounding.
fn agree(a: &PauliSum, b: &PauliSum) -> bool {
    let largest = |sum: &PauliSum| sum.iter().fold(0.0, |m: f64, (_, c)| m.max(c.norm()));
    let mut difference = a.clone();
    add(&mut difference, b, -1.0);
    largest(&difference) <= TOLERANCE * largest(a).max(largest(b))
}

impl<'r> Couplings<'r> {
    /// From an input with `[evolve]`; builds the Hamiltonian at the corners of its ramps, so that
    /// faults show before the start.
    ///
    /// Fails with `Error::Input` where a ramped key is no coupling, or there are more than eight.
    pub fn new(source: &Source, problem: &Problem<'r>, evolve: &EvolveInput) -> Result<Self> {
        let ramps = &evolve.ramps;
        if ramps.len() > MOST_RAMPS {
            return Err(Error::input(
                "evolve.ramps",
                format!("{} keys with ramps", ramps.len()),
                format!("use at most {MOST_RAMPS}"),
            ));
        }
        let mut source = source.clone();
        source.input.hamiltonian = Some(during(&source, evolve)?);
        let builder = Builder {
            source,
            registry: problem.registry,
            lattice: problem.lattice.clone(),
            keys: ramps.keys().cloned().collect(),
        };
        let couplings = Couplings {
            basis: problem.basis.clone(),
            ramps: ramps.values().cloned().collect(),
            parts: builder.expand()?,
            builder,
        };
        couplings.check(evolve.time, ramps)?;
        Ok(couplings)
    }

    /// An error where a ramp goes through values that the model refuses, or in which it is not
    /// linear.
    fn check(&self, end: f64, ramps: &BTreeMap<String, Ramp>) -> Result<()> {
        let corners = ramps.values().flat_map(Ramp::landmarks);
        let inside = corners.filter(|t| (0.0..end).contains(t)).take(1000);
        for time in [0.0, 0.4142 * end, end].into_iter().chain(inside) {
            let values = self.values(time);
            let direct = self.builder.build(&values)?;
            let linear = match (direct.pauli(), &self.parts) {
                (Some(sum), Some(parts)) => agree(sum, &combine(parts, &values)),
                _ => true,
            };
            if !linear {
                let key = ramps.keys().next().map_or("", String::as_str);
                return Err(Error::input(
                    format!("evolve.ramps.{key}"),
                    "the Hamiltonian is not linear in this key",
                    "let couplings and fields follow ramps only",
                ));
            }
            self.at(time)?;
        }
        Ok(())
    }

    fn values(&self, time: f64) -> Vec<f64> {
        self.ramps.iter().map(|ramp| ramp.at(time)).collect()
    }

    /// Whether the Hamiltonian does not depend on time.
    pub fn are_constant(&self) -> bool {
        self.ramps.is_empty()
    }

    /// The Hamiltonian at a time.
    pub fn at(&self, time: f64) -> Result<Present> {
        let values = self.values(time);
        let compiled: Result<Arc<dyn Operator>> = match &self.parts {
            Some(parts) => TermTable::compile(self.basis.sites(), &combine(parts, &values))
                .map(|table| Arc::new(table) as Arc<dyn Operator>),
            None => self.builder.build(&values)?.compile(&self.basis),
        };
        let hamiltonian = compiled.map_err(of_evolution)?;
        hamiltonian.check(&self.basis).map_err(of_evolution)?;
        let facts = hamiltonian.facts(&self.basis, None);
        Ok(Present { hamiltonian, facts })
    }
}

/// `[hamiltonian]` with the keys that have other values during the evolution.
fn during(source: &Source, evolve: &EvolveInput) -> Result<toml::Table> {
    let mut table = section(&source.input.hamiltonian, "hamiltonian")?.clone();
    // Operators are never rotated: the sign rule is part of the wave function.
    table.remove("sign_rule");
    if let Some(own) = &evolve.hamiltonian {
        let kind = own.get("kind");
        if kind.is_some_and(|kind| table.get("kind") != Some(kind)) {
            table.retain(|key, _| key == "sector");
        }
        table.extend(own.clone());
    }
    Ok(table)
}

/// Checks that `[evolve]` fits the model and the wave function.
pub fn validate(source: &Source, problem: &Problem) -> Result<()> {
    let Some(evolve) = keys::keys(source)? else {
        return Ok(());
    };
    let at_start = Couplings::new(source, problem, &evolve)?.at(0.0)?;
    let is_real = problem::wave_function(source, problem)?.facts().kind == Kind::Real;
    let complex = source
        .input
        .ansatz
        .as_ref()
        .map_or("a complex state", problem::complex_key);
    if is_real && evolve.method == EvolveMethod::Projected {
        return Err(Error::input(
            "evolve.method",
            "the states between the factors of a projected step are complex, and the wave function \
             is real",
            format!("use {complex} in [ansatz], or evolve.method = \"variational\""),
        ));
    }
    if is_real && (evolve.axis == TimeAxis::Real || !at_start.facts.real) {
        return Err(Error::input(
            "ansatz.parameters",
            "a real wave function cannot follow real time or imaginary elements",
            format!("use {complex}"),
        ));
    }
    Ok(())
}
