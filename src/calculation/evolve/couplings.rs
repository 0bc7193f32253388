//! Decides the Hamiltonian at a time of an evolution: `[hamiltonian]`, with the keys of
//! `evolve.hamiltonian` and `evolve.ramps`.

use super::keys::{self, EvolveInput};
use crate::ansatz::Ansatz;
use crate::calculation::Registry;
use crate::calculation::vmc::problem::{self, Problem};
use crate::derivatives::Kind;
use crate::error::{Error, Result};
use crate::evolution::motion::Axis;
use crate::evolution::ramp::Ramp;
use crate::input::{Source, section};
use std::collections::BTreeMap;

/// The Hamiltonian as a function of time.
pub struct Couplings<'r> {
    start: Problem<'r>,
    source: Source,
    ramps: BTreeMap<String, Ramp>,
}

impl<'r> Couplings<'r> {
    /// From an input with `[evolve]`; builds the Hamiltonian at the corners of its ramps, so that
    /// faults show before the start.
    pub fn new(source: &Source, registry: &Registry<'r>, evolve: &EvolveInput) -> Result<Self> {
        let mut table = section(&source.input.hamiltonian, "hamiltonian")?.clone();
        // Operators are never rotated: the sign rule is part of the wave function.
        table.remove("sign_rule");
        if let Some(own) = &evolve.hamiltonian {
            if own
                .get("kind")
                .is_some_and(|kind| table.get("kind") != Some(kind))
            {
                table.retain(|key, _| key == "sector");
            }
            table.extend(own.clone());
        }
        let mut source = source.clone();
        source.input.hamiltonian = Some(table);
        let couplings = Couplings {
            start: problem::problem(&source, registry).map_err(in_evolve)?,
            source,
            ramps: evolve.ramps.clone(),
        };
        let corners = evolve.ramps.values().flat_map(Ramp::landmarks);
        for time in [0.0, evolve.time].into_iter().chain(
            corners
                .filter(|t| (0.0..evolve.time).contains(t))
                .take(1000),
        ) {
            couplings.at(time)?;
        }
        Ok(couplings)
    }

    /// The problem at a time.
    pub fn at(&self, time: f64) -> Result<Problem<'r>> {
        let mut source = self.source.clone();
        if let Some(table) = source.input.hamiltonian.as_mut() {
            for (key, ramp) in &self.ramps {
                table.insert(key.clone(), toml::Value::Float(ramp.at(time)));
            }
        }
        self.start.with_hamiltonian(&source).map_err(in_evolve)
    }
}

/// Names the key of an error in `[hamiltonian]` as one of `evolve`.
fn in_evolve(error: Error) -> Error {
    match error {
        Error::Input {
            key,
            problem,
            remedy,
        } if key.starts_with("hamiltonian") => Error::Input {
            key: format!("evolve.{key}"),
            problem,
            remedy,
        },
        other => other,
    }
}

/// Checks that `[evolve]` fits the model and the wave function.
pub fn validate(source: &Source, problem: &Problem) -> Result<()> {
    let Some(evolve) = keys::keys(source)? else {
        return Ok(());
    };
    let at_start = Couplings::new(source, &problem.registry, &evolve)?.at(0.0)?;
    if problem::wave_function(source, problem)?.facts().kind == Kind::Real
        && (evolve.axis == Axis::Real || !at_start.facts.real)
    {
        return Err(Error::input(
            "ansatz.parameters",
            "a real wave function cannot follow real time or imaginary elements",
            "use parameters = \"complex\"",
        ));
    }
    Ok(())
}
