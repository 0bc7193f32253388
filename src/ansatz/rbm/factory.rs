//! Decides what the input says of a restricted Boltzmann machine, `kind = "rbm"`.
//!
//! M = density × N hidden units; with a symmetry group G, `density` filters and M = density ×
//! |G|.

use super::Rbm;
use super::kernel::Kernel;
use crate::ansatz::{Context, Erased, Numbers, schema_of};
use crate::error::{Error, Result};
use num_complex::Complex64;
use serde::Deserialize;

/// Which permutations of sites leave the wave function unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Symmetry {
    /// None in particular.
    #[default]
    None,
    /// Translations along the periodic directions.
    Translations,
    /// Translations and point group.
    SpaceGroup,
}

fn yes() -> bool {
    true
}

fn small() -> f64 {
    0.01
}

/// Restricted Boltzmann machine, ln ψ = Σ_i a_i σ_i + Σ_j ln cosh(b_j + Σ_i σ_i W_ij).
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Hidden units per site; with a symmetry, the number of filters. No default.
    density: f64,
    /// Group over which filters are tied: "none", "translations" or "space-group". Default "none".
    #[serde(default)]
    symmetry: Symmetry,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: Numbers,
    /// Whether there are visible biases a. Default true.
    #[serde(default = "yes")]
    visible_bias: bool,
    /// Whether there are hidden biases b. Default true.
    #[serde(default = "yes")]
    hidden_bias: bool,
    /// Standard deviation of the real and imaginary parts of the initial parameters. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, an HDF5 file with datasets a, b, W, or a text of Carleo and
    /// Troyer. Default none.
    load: Option<String>,
}

/// The machine, with the parameters of `load` where there is one.
fn loaded<T: Kernel>(mut machine: Rbm<T>, keys: &Keys, context: &Context) -> Result<Erased> {
    if let Some(file) = &keys.load {
        super::import::load(
            &mut machine,
            &context.folder.join(file),
            &format!("{}.load", context.path),
        )?;
    }
    Ok(Erased::new(machine))
}

fn typed<T: Kernel>(keys: &Keys, context: &Context) -> Result<Erased> {
    let n = context.basis.sites();
    let wrong = |problem: String, remedy: &str| {
        Err(Error::input(
            format!("{}.density", context.path),
            problem,
            remedy,
        ))
    };
    if !(keys.density > 0.0 && keys.density < 1e9) {
        return wrong(
            format!("{} is not a positive number", keys.density),
            "choose for example 1 or 4",
        );
    }
    if keys.symmetry != Symmetry::None && keys.density.fract() != 0.0 {
        return wrong(
            format!("{} is not a whole number of filters", keys.density),
            "with a symmetry choose a whole number",
        );
    }
    let group = match keys.symmetry {
        Symmetry::None => {
            let hidden = (keys.density * n as f64).round() as usize;
            if hidden == 0 {
                return wrong(
                    format!("{} × {n} sites leaves no hidden unit", keys.density),
                    "choose a larger density",
                );
            }
            crate::ansatz::check_parameters((size_of::<T>() / 8 * n) as f64 * hidden as f64)?;
            let rbm = Rbm::<T>::dense(
                n,
                hidden,
                keys.visible_bias,
                keys.hidden_bias,
                keys.init,
                context.origin,
            );
            return loaded(rbm, keys, context);
        }
        Symmetry::Translations => context.lattice.translations()?,
        Symmetry::SpaceGroup => context.lattice.space_group()?,
    };
    crate::ansatz::check_parameters(
        (size_of::<T>() / 8 * n * group.permutations.len()) as f64 * keys.density,
    )?;
    let (filters, a, b) = (keys.density as usize, keys.visible_bias, keys.hidden_bias);
    loaded(
        Rbm::<T>::symmetric(n, filters, &group, a, b, keys.init, context.origin),
        keys,
        context,
    )
}

/// Builds a restricted Boltzmann machine from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    crate::ansatz::check_init(keys.init, context)?;
    match keys.parameters {
        Numbers::Real => typed::<f64>(&keys, context),
        Numbers::Complex => typed::<Complex64>(&keys, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
