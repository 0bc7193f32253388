//! Decides which keys all methods with a metric share: how S is regularised, and above which size
//! its matrix is shared out.

use super::{Schedule, Shift};
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;

/// Matrices of more rows are shared out, or avoided, where the input says nothing else.
pub const DISTRIBUTE_ABOVE: usize = 8192;
/// The shift where no regularisation is named.
const SHIFT: f64 = 0.01;

/// R3 of the regularisations: S + eps1 diag(S) + eps2.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScaleInvariantKeys {
    /// Multiplies the diagonal of S
    pub eps1: f64,
    /// Absolute shift
    pub eps2: f64,
}

/// R1 of the regularisations: S + λ(p) diag(S), λ(p) = max(lambda0 b^p, lambda_min).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CarleoTroyerKeys {
    /// λ at step 0 (100)
    pub lambda0: f64,
    /// Factor per step (0.9)
    pub b: f64,
    /// Floor (1e-4)
    pub lambda_min: f64,
}

impl Default for CarleoTroyerKeys {
    fn default() -> Self {
        CarleoTroyerKeys {
            lambda0: 100.0,
            b: 0.9,
            lambda_min: 1e-4,
        }
    }
}

/// The keys that all methods with a metric share.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricKeys {
    /// Added to the diagonal of S: a number or a schedule; { relative = … } in units of tr S/P;
    /// "auto": what predicts other samples best ("auto" for "sr", "dense-sr", "kernel-sr" and
    /// "cg", 0.01 for other methods, 0 with another regularisation)
    #[schemars(extend("default" = SHIFT))]
    pub shift: Option<Shift>,
    /// S + λ(p) diag(S) instead of a shift
    pub carleo_troyer: Option<CarleoTroyerKeys>,
    /// S + eps1 diag(S) + eps2 instead of a shift
    pub scale_invariant: Option<ScaleInvariantKeys>,
    /// Pseudo-inverse with this relative cut-off instead of a shift
    pub pseudo_inverse: Option<f64>,
    /// Matrices of more rows are held by all ranks together, or avoided (8192)
    #[schemars(extend("default" = DISTRIBUTE_ABOVE))]
    pub distribute_above: Option<usize>,
}

impl MetricKeys {
    /// The keys that are given.
    pub fn given(&self) -> Vec<&'static str> {
        let mut given = self.regularisations();
        given.extend(self.distribute_above.map(|_| "distribute_above"));
        given
    }

    /// Those of them that regularise S.
    pub fn regularisations(&self) -> Vec<&'static str> {
        let named = [
            ("shift", self.shift.is_some()),
            ("carleo_troyer", self.carleo_troyer.is_some()),
            ("scale_invariant", self.scale_invariant.is_some()),
            ("pseudo_inverse", self.pseudo_inverse.is_some()),
        ];
        named.iter().filter(|r| r.1).map(|r| r.0).collect()
    }

    /// The options that these keys ask for; an error where they name several regularisations, or
    /// where a value cannot work.
    pub fn options(&self) -> Result<OptimizerOptions> {
        let named = self.regularisations();
        if let [_, second, ..] = named[..] {
            return Err(Error::input(
                format!("optimize.{second}"),
                format!("several regularisations: {}", named.join(", ")),
                "keep one of them",
            ));
        }
        if self.distribute_above == Some(0) {
            return Err(Error::input(
                "optimize.distribute_above",
                "0 is too small",
                "give at least 1",
            ));
        }
        if let Some(cut) = self.pseudo_inverse.filter(|c| !(0.0..1.0).contains(c)) {
            return Err(Error::input(
                "optimize.pseudo_inverse",
                format!("{cut} is no fraction of the largest eigenvalue"),
                "give a number from 0 to below 1, such as 1e-8",
            ));
        }
        let default = if named.is_empty() { SHIFT } else { 0.0 };
        let shift = self
            .shift
            .clone()
            .unwrap_or(Schedule::Number(default).into());
        shift.validate("optimize.shift")?;
        Ok(OptimizerOptions {
            shift,
            carleo_troyer: self.carleo_troyer.map(|c| (c.lambda0, c.b, c.lambda_min)),
            scale_invariant: self.scale_invariant.map(|s| (s.eps1, s.eps2)),
            pseudo_inverse: self.pseudo_inverse,
            distribute_above: self.distribute_above.unwrap_or(DISTRIBUTE_ABOVE),
        })
    }
}

/// What all methods with a metric are built from.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerOptions {
    /// R2: shift of S.
    pub shift: Shift,
    /// R1: (λ₀, b, λ_min).
    pub carleo_troyer: Option<(f64, f64, f64)>,
    /// R3: (ε₁, ε₂).
    pub scale_invariant: Option<(f64, f64)>,
    /// R4: relative cut-off.
    pub pseudo_inverse: Option<f64>,
    /// Matrices of more rows are shared out over the ranks, where the program was built with
    /// ScaLAPACK.
    pub distribute_above: usize,
}

impl OptimizerOptions {
    /// A shift of S, and for all else what the keys default to.
    pub fn shifted(shift: Schedule) -> Self {
        OptimizerOptions {
            shift: shift.into(),
            carleo_troyer: None,
            scale_invariant: None,
            pseudo_inverse: None,
            distribute_above: DISTRIBUTE_ABOVE,
        }
    }

    /// Whether the diagonal of S is needed.
    pub fn needs_diagonal(&self) -> bool {
        let relative = matches!(self.shift, Shift::Relative(_));
        relative || self.carleo_troyer.is_some() || self.scale_invariant.is_some()
    }
}
