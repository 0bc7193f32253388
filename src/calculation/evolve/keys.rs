//! Decides which keys `[evolve]` has, their defaults, and which values are refused before any
//! physics is built.

use super::method::{EvolveMethod, ProjectionInput};
use super::shift::MotionShift;
use crate::error::{Error, Result};
use crate::evolution::integrator::Integrator;
use crate::evolution::motion::{Equation, MotionInverse, Principle, Spectral, TimeAxis};
use crate::evolution::ramp::Ramp;
use crate::input::{Method, Source};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `evolve.tolerance`
const TOLERANCE: f64 = 1e-4;
/// `evolve.min_step` in units of `evolve.time`.
const MIN_STEP: f64 = 1e-8;
/// `evolve.pseudo_inverse`
const PSEUDO_INVERSE: f64 = 1e-8;
/// `evolve.signal_to_noise`
const SIGNAL_TO_NOISE: f64 = 1.0;
/// `evolve.max_drift`
const MAX_DRIFT: f64 = 1e-3;
/// `evolve.max_r2`
const MAX_R2: f64 = 0.1;

/// `[evolve]`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvolveInput {
    /// "real" (default) or "imaginary"
    #[serde(default)]
    pub axis: TimeAxis,
    /// Time at which the evolution ends; it begins at 0
    pub time: f64,
    /// Length of a step; of the first one where steps adapt
    pub step: f64,
    /// "variational" (default): the equation of motion of the parameters; "projected": fits to the
    /// state a step later
    #[serde(default)]
    pub method: EvolveMethod,
    /// How the fits of method = "projected" are made
    pub projection: Option<ProjectionInput>,
    /// heun (default), rk4, bogacki-shampine, dormand-prince; of projected steps heun stands for
    /// factors of second order, rk4 of fourth
    #[serde(default)]
    pub integrator: Integrator,
    /// Largest error of an adaptive step, as a Fubini–Study length (1e-4)
    #[schemars(extend("default" = TOLERANCE))]
    pub tolerance: Option<f64>,
    /// An adaptive step below this ends the run with an error (1e-8 time)
    pub min_step: Option<f64>,
    /// Longest adaptive step (time)
    pub max_step: Option<f64>,
    /// Interval of the grid on which observables are written (time / 20)
    pub output_every: Option<f64>,
    /// Samples at each time of the grid, a multiple of chains (sampler.samples)
    pub samples: Option<usize>,
    /// Keys of `[hamiltonian]` that have other values during the evolution
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub hamiltonian: Option<toml::Table>,
    /// Keys of `[hamiltonian]` that change with time
    #[serde(default)]
    pub ramps: BTreeMap<String, Ramp>,
    /// What the evolution starts from: the result of `[optimize]`, or else the initial parameters
    pub start: Option<InitialState>,
    /// mclachlan (default) or dirac-frenkel; they differ for real parameters only
    #[serde(default)]
    pub principle: Principle,
    /// Relative cut-off of the eigenvalues of S (1e-8)
    #[schemars(extend("default" = PSEUDO_INVERSE))]
    pub pseudo_inverse: Option<f64>,
    /// Cut-off of the signal-to-noise ratio of the force; 0 switches it off; a full sum has no
    /// noise (1)
    #[schemars(extend("default" = SIGNAL_TO_NOISE))]
    pub signal_to_noise: Option<f64>,
    /// S + shift 1 instead of the pseudo-inverse: a number, or "auto", by cross-validation over
    /// halves of the samples of each slope; a full sum with "auto" has the pseudo-inverse
    pub shift: Option<MotionShift>,
    /// A drift of the energy per site above this is a warning (1e-3)
    #[schemars(extend("default" = MAX_DRIFT))]
    pub max_drift: Option<f64>,
    /// A local error r^2 above this is a warning (0.1)
    #[schemars(extend("default" = MAX_R2))]
    pub max_r2: Option<f64>,
}

/// `evolve.start`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum InitialState {
    /// All spins along one direction, up to the random initial weights of the wave function
    Product {
        /// Angle from the z axis, 0 < theta < pi
        theta: f64,
        /// Angle from the x axis in the xy plane (0)
        #[serde(default)]
        phi: f64,
    },
    /// The parameters in a result or checkpoint of the same wave function
    File {
        /// Relative to the input file
        file: String,
    },
}

pub(super) fn wrong(key: &str, problem: &str, remedy: &str) -> Result<()> {
    Err(Error::input(format!("evolve.{key}"), problem, remedy))
}

impl EvolveInput {
    /// The interval of the output grid.
    pub fn every(&self) -> f64 {
        self.output_every.unwrap_or(self.time / 20.0)
    }

    /// The largest error of an adaptive step.
    pub fn tolerance(&self) -> f64 {
        self.tolerance.unwrap_or(TOLERANCE)
    }

    /// The shortest adaptive step.
    pub fn min_step(&self) -> f64 {
        self.min_step.unwrap_or(MIN_STEP * self.time)
    }

    /// The drift of the energy per site above which there is a warning.
    pub fn max_drift(&self) -> f64 {
        self.max_drift.unwrap_or(MAX_DRIFT)
    }

    /// The local error above which there is a warning.
    pub fn max_r2(&self) -> f64 {
        self.max_r2.unwrap_or(MAX_R2)
    }

    /// The equation of motion.
    pub fn equation(&self) -> Equation {
        let cut = Spectral {
            cut: self.pseudo_inverse.unwrap_or(PSEUDO_INVERSE),
            signal_to_noise: self.signal_to_noise.unwrap_or(SIGNAL_TO_NOISE),
        };
        let inverse = match self.shift {
            Some(MotionShift::Number(shift)) => MotionInverse::Shift(shift),
            Some(MotionShift::Automatic(_)) => MotionInverse::CrossValidated(cut),
            None => MotionInverse::Spectral(cut),
        };
        Equation {
            axis: self.axis,
            principle: self.principle,
            inverse,
        }
    }

    /// An error for the first key whose value cannot work.
    fn check(&self) -> Result<()> {
        self.check_numbers()?;
        self.check_steps()?;
        self.check_method()?;
        self.check_state()
    }

    /// An error for the first number that is out of range.
    fn check_numbers(&self) -> Result<()> {
        for (key, value, zero) in [
            ("time", Some(self.time), false),
            ("step", Some(self.step), false),
            ("tolerance", self.tolerance, false),
            ("min_step", self.min_step, false),
            ("max_step", self.max_step, false),
            ("output_every", self.output_every, false),
            ("pseudo_inverse", self.pseudo_inverse, true),
            ("signal_to_noise", self.signal_to_noise, true),
            ("shift", self.shift.and_then(MotionShift::number), true),
            ("max_drift", self.max_drift, false),
            ("max_r2", self.max_r2, false),
        ] {
            if let Some(v) = value.filter(|v| !v.is_finite() || *v < 0.0 || (*v == 0.0 && !zero)) {
                let remedy = if zero {
                    "give a number of at least 0"
                } else {
                    "give a positive number"
                };
                return Err(Error::input(
                    format!("evolve.{key}"),
                    format!("{v} is not allowed"),
                    remedy,
                ));
            }
        }
        match self.pseudo_inverse.filter(|cut| *cut >= 1.0) {
            None => Ok(()),
            Some(_) => wrong(
                "pseudo_inverse",
                "a cut-off of 1 or more leaves out every direction",
                "give a number from 0 to below 1, such as 1e-8",
            ),
        }
    }

    /// An error where keys of the integrator or of the solver exclude each other.
    fn check_steps(&self) -> Result<()> {
        if self.time / self.every() > 1e6 || self.time / self.step > 1e9 {
            return wrong(
                "output_every",
                "more than a million output times or a billion steps",
                "use longer ones",
            );
        }
        let adaptive = [
            ("tolerance", self.tolerance),
            ("min_step", self.min_step),
            ("max_step", self.max_step),
        ];
        if let Some((key, _)) = adaptive
            .iter()
            .find(|(_, v)| v.is_some() && !self.integrator.is_adaptive())
        {
            return wrong(
                key,
                "this integrator has fixed steps",
                "remove the key, or use integrator = \"bogacki-shampine\" or \"dormand-prince\"",
            );
        }
        if self.min_step() > self.max_step.unwrap_or(self.time) {
            return wrong(
                "min_step",
                "the shortest step is longer than the longest one",
                "give a smaller min_step or a larger max_step",
            );
        }
        if self.shift.is_some() && (self.pseudo_inverse.is_some() || self.signal_to_noise.is_some())
        {
            let problem = "pseudo_inverse and signal_to_noise are cut-offs in place of a shift";
            return wrong("shift", problem, "keep one of them");
        }
        if self.principle == Principle::DiracFrenkel {
            if self.axis == TimeAxis::Imaginary {
                return wrong(
                    "principle",
                    "Dirac–Frenkel has no imaginary time",
                    "use \"mclachlan\"",
                );
            }
            if self.shift.is_some() {
                return wrong(
                    "shift",
                    "Im S is antisymmetric: a shift does not regularise it",
                    "use evolve.pseudo_inverse",
                );
            }
        }
        Ok(())
    }

    /// An error where the start or the Hamiltonian cannot work.
    fn check_state(&self) -> Result<()> {
        if let Some(InitialState::Product { theta, phi }) = &self.start
            && !(*theta > 0.0 && *theta < std::f64::consts::PI && phi.is_finite())
        {
            return wrong(
                "start.theta",
                "a product state along z has zeros that a network cannot represent",
                "use 0 < theta < pi and a finite phi",
            );
        }
        for key in ["sector", "sign_rule"] {
            if self
                .hamiltonian
                .as_ref()
                .is_some_and(|h| h.contains_key(key))
                || self.ramps.contains_key(key)
            {
                return wrong(
                    &format!("hamiltonian.{key}"),
                    "it belongs to the state, which stays",
                    "remove the key",
                );
            }
        }
        self.ramps
            .iter()
            .try_for_each(|(key, ramp)| ramp.validate(&format!("evolve.ramps.{key}")))
    }
}

/// `[evolve]` of an input, if there is one.
pub fn keys(source: &Source) -> Result<Option<EvolveInput>> {
    source.section("evolve")
}

/// An error for the first key whose value cannot work.
pub fn validate(source: &Source) -> Result<()> {
    let Some(e) = keys(source)? else {
        return Ok(());
    };
    let sampler = source.input.sampler.clone().unwrap_or_default();
    e.check()?;
    if let Some(samples) = e.samples {
        sampler.enough_for_an_error("evolve.samples", samples)?;
        sampler.multiple_of_chains("evolve.samples", samples)?;
    }
    if e.start.is_some() && source.table.contains_key("optimize") {
        return Err(Error::input(
            "evolve.start",
            "the evolution starts from the result of [optimize]",
            "remove the key or the section [optimize]",
        ));
    }
    let least = match sampler.method {
        Method::Metropolis | Method::Gibbs | Method::Cluster => 2 * sampler.chains,
        Method::Direct => 2,
        Method::FullSum => 0,
    };
    if sampler.samples < least {
        return Err(Error::input(
            "sampler.samples",
            "one sample, or one of a chain, has no variance",
            "use more samples",
        ));
    }
    Ok(())
}
