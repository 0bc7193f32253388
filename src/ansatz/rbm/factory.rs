//! Decides what the input says of a restricted Boltzmann machine, `kind = "rbm"`.
//!
//! M = density × N hidden units; with a symmetry group G, `density` filters and M = density ×
//! |G|. Sites of more than two values, and sites of two where `inputs` is given, are those of
//! values/mod.rs.

use super::Rbm;
use super::growth::{FilterGrowth, Tying};
use super::kernel::Kernel;
use super::range::UnitRange;
use super::values::{Inputs, ValueRbm, ValueShape};
use crate::ansatz::tied::check_tied;
use crate::ansatz::{Context, Erased, LoadKey, ParameterGrowth, ParameterNumbers, schema_of};
use crate::basis::only_spin_half;
use crate::error::{Error, Result};
use crate::lattice::Group;
use num_complex::Complex64;
use serde::Deserialize;

/// Which permutations of sites leave the wave function unchanged.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
enum Symmetry {
    /// The space group of the lattice where the ground state is known to be invariant under it,
    /// which is decided outside; none in parts of other wave functions and elsewhere.
    #[default]
    Auto,
    /// None in particular.
    None,
    /// Translations along the periodic directions.
    Translations,
    /// Translations and point group.
    SpaceGroup,
}

/// Spread of ln ψ between configurations at the start, about.
const SPREAD: f64 = 2.0;
/// Largest initial deviation of parameters where the input names none.
const LARGEST: f64 = 0.01;

fn yes() -> bool {
    true
}

/// The initial deviation where the input names none: ln ψ is a sum of hidden units × sites terms of
/// init², which should not vary by more than about one.
fn scaled(units: usize, sites: usize) -> f64 {
    (SPREAD / ((units * sites) as f64).sqrt()).min(LARGEST)
}

/// Restricted Boltzmann machine, ln ψ = Σ_i a_i σ_i + Σ_j ln cosh(b_j + Σ_i σ_i W_ij).
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Hidden units per site; with a symmetry, the number of filters. No default.
    density: f64,
    /// Group over which filters are tied: "auto", "none", "translations" or "space-group". Default
    /// "auto": the space group, of chains the translations, where H has it and no positive
    /// off-diagonal element, for the ground state; none in parts of other wave functions and
    /// elsewhere.
    #[serde(default)]
    symmetry: Symmetry,
    /// What a value says to the units: its number ("one-hot") or itself and its square
    /// ("polynomial"). Default: the spin itself for spins one half, otherwise "one-hot".
    inputs: Option<Inputs>,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Consecutive sites of a chain that a unit sees; the other weights are zero and no parameters.
    /// Default none: all sites.
    range: Option<usize>,
    /// Whether there are visible biases a. Default true.
    #[serde(default = "yes")]
    visible_bias: bool,
    /// Whether there are hidden biases b. Default true.
    #[serde(default = "yes")]
    hidden_bias: bool,
    /// Standard deviation of the real and imaginary parts of the initial parameters. Default
    /// 2 / sqrt(hidden units × sites), at most 0.01.
    init: Option<f64>,
    /// File to start from: results, an HDF5 file with datasets a, b, W, or a text of Carleo and
    /// Troyer; or { file = "x.h5", grow = true }: also of fewer filters or a larger symmetry.
    /// Default none.
    load: Option<LoadKey>,
}

/// An error at the key `density`.
fn wrong_density(context: &Context, problem: String, remedy: &str) -> Error {
    Error::input(context.key("density"), problem, remedy)
}

fn check_density(density: f64, context: &Context) -> Result<()> {
    if density > 0.0 && density < 1e9 {
        return Ok(());
    }
    let problem = format!("{density} is not a positive number");
    Err(wrong_density(context, problem, "choose for example 1 or 4"))
}

/// The number of hidden units for `density` of them per site, at least one.
pub fn hidden_units(density: f64, context: &Context) -> Result<usize> {
    check_density(density, context)?;
    let n = context.basis.sites();
    let hidden = (density * n as f64).round() as usize;
    if hidden > 0 {
        return Ok(hidden);
    }
    let problem = format!("{density} × {n} sites leaves no hidden unit");
    Err(wrong_density(context, problem, "choose a larger density"))
}

/// Hidden units, or filters and the group over which they are repeated.
fn units(keys: &Keys, context: &Context) -> Result<(usize, Option<Group>)> {
    let density = keys.density;
    let group = match keys.symmetry {
        Symmetry::Auto | Symmetry::None => return Ok((hidden_units(density, context)?, None)),
        Symmetry::Translations => |context: &Context| context.lattice.translations(),
        Symmetry::SpaceGroup => |context: &Context| context.lattice.space_group(),
    };
    check_density(density, context)?;
    if density.fract() != 0.0 {
        let problem = format!("{density} is not a whole number of filters");
        let remedy = "with a symmetry choose a whole number";
        return Err(wrong_density(context, problem, remedy));
    }
    let group = group(context)?;
    check_tied(context, &group, &context.key("symmetry"))?;
    Ok((density as usize, Some(group)))
}

fn typed<T: Kernel>(keys: &Keys, context: &Context) -> Result<Erased> {
    let (hidden, group) = units(keys, context)?;
    let range = keys.range.map(|r| UnitRange::new(r, context)).transpose()?;
    if keys.inputs.is_some() || !context.basis.is_spin_half() {
        if range.is_some() {
            return Err(only_spin_half(&context.key("range"), "a range of units"));
        }
        return on_values::<T>(keys, context, hidden, group);
    }
    let n = context.basis.sites();
    let repeats = group.as_ref().map_or(1, |g| g.permutations.len());
    crate::ansatz::check_parameters(
        (size_of::<T>() / 8 * n * repeats) as f64 * hidden as f64,
        3.0,
    )?;
    let (a, b) = (keys.visible_bias, keys.hidden_bias);
    let init = keys.init.unwrap_or_else(|| scaled(hidden * repeats, n));
    let machine = match group {
        None => Rbm::<T>::dense(n, hidden, a, b, init, context.origin),
        Some(group) => Rbm::symmetric(n, hidden, &group, a, b, init, context.origin),
    };
    let machine = match range {
        None => machine,
        Some(range) => machine.limited(range),
    };
    let growth = match &keys.load {
        Some(load) if load.grows() => growth(keys.symmetry, context),
        _ => ParameterGrowth::default(),
    };
    let machine = context.grown(machine, keys.load.as_ref(), &growth)?;
    Ok(Erased::new(machine))
}

/// How a machine grows from another one on its lattice.
fn growth(symmetry: Symmetry, context: &Context) -> ParameterGrowth {
    let sites = context.basis.sites() as u32;
    let of = |name, group: Group| Tying {
        name,
        permutations: group.permutations,
    };
    let translations = context.lattice.translations().ok();
    let space_group = context.lattice.space_group().ok();
    let none = Tying {
        name: "none",
        permutations: vec![(0..sites).collect()],
    };
    let known: Vec<Tying> = [
        Some(none.clone()),
        translations.map(|group| of("translations", group)),
        space_group.map(|group| of("space-group", group)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let name = match symmetry {
        Symmetry::Auto | Symmetry::None => "none",
        Symmetry::Translations => "translations",
        Symmetry::SpaceGroup => "space-group",
    };
    let own = known.iter().find(|tying| tying.name == name);
    let own = own.cloned().unwrap_or(none);
    ParameterGrowth::by(FilterGrowth {
        own,
        known,
        lattice: context.lattice.clone(),
    })
}

/// The machine on sites of any values, the same on all sites.
fn on_values<T: Kernel>(
    keys: &Keys,
    context: &Context,
    hidden: usize,
    group: Option<Group>,
) -> Result<Erased> {
    let locals = context.basis.locals();
    let Some(&local) = locals.first().filter(|l| locals.iter().all(|m| m == *l)) else {
        return Err(Error::input(
            context.key("kind"),
            "this machine needs the same values on all sites",
            "use kind = \"table\"",
        ));
    };
    let shape = ValueShape {
        local,
        sites: locals.len(),
        inputs: keys.inputs.unwrap_or_default(),
        hidden,
        group,
        visible_bias: keys.visible_bias,
        hidden_bias: keys.hidden_bias,
    };
    crate::ansatz::check_parameters((size_of::<T>() / 8) as f64 * shape.numbers(), 3.0)?;
    let repeats = shape.group.as_ref().map_or(1, |g| g.permutations.len());
    let init = keys
        .init
        .unwrap_or_else(|| scaled(hidden * repeats, shape.sites));
    let machine = ValueRbm::<T>::new(shape, init, context.origin);
    if keys.load.as_ref().is_some_and(LoadKey::grows) {
        return Err(Error::input(
            context.key("load"),
            "grow is known for units that see spins one half themselves alone",
            "name the file alone: load = \"x.h5\"",
        ));
    }
    let machine = context.grown(machine, keys.load.as_ref(), &ParameterGrowth::default())?;
    Ok(Erased::new(machine))
}

/// Whether a table of `[ansatz]` is that of a restricted Boltzmann machine.
pub fn is_meant(table: &toml::Table) -> bool {
    crate::ansatz::registry::is_of_kind(table, "rbm")
}

/// Whether the filters of a table can be tied where nothing else speaks against it: a whole number
/// of them, over all sites, with the symmetry left open.
pub fn can_be_tied(table: &toml::Table) -> bool {
    let symmetry = table.get("symmetry").and_then(toml::Value::as_str);
    let open = symmetry.is_none_or(|name| name == "auto") && !table.contains_key("range");
    is_meant(table) && open && table.contains_key("density") && is_whole(table)
}

/// Whether the density of a table is no fraction, which is a number of filters.
pub fn is_whole(table: &toml::Table) -> bool {
    let density = table.get("density").and_then(toml::Value::as_float);
    density.is_none_or(|density| density.fract() == 0.0)
}

/// Builds a restricted Boltzmann machine from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let init = keys.init.unwrap_or(LARGEST);
    crate::ansatz::check_init(init, context)?;
    if keys.load.is_none() {
        crate::ansatz::warn_of_zeros(init, context);
    }
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
