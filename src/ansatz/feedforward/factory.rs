//! Decides what the input says of a wave function of dense layers, `kind = "feedforward"`.

use super::{Activation, Feedforward, Shape};
use crate::ansatz::field::Field;
use crate::ansatz::{Context, Erased, MixedPrecision, ParameterNumbers, Precision, schema_of};
use crate::error::{Error, Result};
use crate::linalg::functions::Elementary;
use num_complex::Complex64;
use serde::Deserialize;

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

/// `phase`
const PHASE: bool = true;

fn lncosh() -> Activations {
    Activations::One("lncosh".into())
}

/// One function for all layers or one per layer.
#[derive(Debug, Clone, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "the name of a function, or a list with one for each layer"
)]
enum Activations {
    /// The same in all layers.
    One(String),
    /// One per layer.
    Many(Vec<String>),
}

/// Dense layers, xˡ = g(b^l + xˡ⁻¹ Wˡ), ln ψ = Σ_i a_i σ_i + Σ_k c_k x^L_k.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Units of each hidden layer, from the spins to the output. No default.
    widths: Vec<usize>,
    /// The function g, one for all layers or a list: "lncosh", "tanh", and for real parameters
    /// "gelu", "relu". Default "lncosh".
    #[serde(default = "lncosh")]
    activation: Activations,
    /// Whether parameters are "complex" (ln ψ is holomorphic) or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// For real parameters: whether a second output is the phase of ψ; false: ψ > 0. Default
    /// true.
    #[schemars(extend("default" = PHASE))]
    phase: Option<bool>,
    /// Whether there are visible biases a. Default false.
    #[serde(default)]
    visible_bias: bool,
    /// Whether there are hidden biases b. Default true.
    #[serde(default = "yes")]
    hidden_bias: bool,
    /// Whether the output weights c are parameters; false: all are 1. Default true.
    #[serde(default = "yes")]
    output_weights: bool,
    /// Precision in which the hidden layers are evaluated: "double", or "single", which takes about
    /// half the time; ratios are then right to about 1e-5. Parameters, the output, ln ψ and
    /// energies have double precision in either, and a measurement has it throughout. Default
    /// "double".
    #[serde(default)]
    precision: Precision,
    /// Factor on the standard deviations of the initial parameters. Default 1.
    #[serde(default = "one")]
    init: f64,
    /// File to start from: results, or an HDF5 file with the same datasets. Default none.
    load: Option<String>,
}

/// The function of every layer.
fn activations(keys: &Keys, context: &Context) -> Result<Vec<Activation>> {
    let wrong =
        |problem: String, remedy: String| Error::input(context.key("activation"), problem, remedy);
    let names: Vec<&String> = match &keys.activation {
        Activations::One(name) => vec![name; keys.widths.len()],
        Activations::Many(names) => names.iter().collect(),
    };
    if names.len() != keys.widths.len() {
        let problem = format!("{} functions for {} layers", names.len(), keys.widths.len());
        return Err(wrong(
            problem,
            "give one name, or one for every entry of `widths`".into(),
        ));
    }
    let holomorphic = keys.parameters == ParameterNumbers::Complex;
    let allowed = || {
        Activation::ALL
            .into_iter()
            .filter(|(_, g)| g.is_holomorphic() || !holomorphic)
    };
    let listed = || {
        allowed()
            .map(|(name, _)| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let find = |name: &&String| {
        if let Some((_, g)) = allowed().find(|(known, _)| known == name) {
            return Ok(g);
        }
        if Activation::ALL.iter().any(|(known, _)| known == name) {
            let problem = format!("\"{name}\" is not holomorphic and the parameters are complex");
            return Err(wrong(
                problem,
                format!("choose parameters = \"real\", or one of {}", listed()),
            ));
        }
        Err(wrong(
            format!("there is no function \"{name}\""),
            format!("one of {}", listed()),
        ))
    };
    names.iter().map(find).collect()
}

fn shape(keys: &Keys, context: &Context) -> Result<Shape> {
    let wrong = |key: &str, problem: String, remedy: &str| {
        Err(Error::input(context.key(key), problem, remedy))
    };
    if keys.widths.is_empty() || keys.widths.contains(&0) {
        let problem = format!("{:?} leaves a layer without units", keys.widths);
        return wrong(
            "widths",
            problem,
            "give the units of at least one layer, each at least 1, such as [32, 16]",
        );
    }
    if keys.widths.iter().any(|&width| width > 1 << 20) {
        let problem = format!(
            "{:?} has a layer of more than {} units",
            keys.widths,
            1 << 20
        );
        return wrong("widths", problem, "choose smaller layers");
    }
    let real = keys.parameters == ParameterNumbers::Real;
    if keys.phase.is_some() && !real {
        let problem = "complex parameters have no separate output for the phase".to_string();
        return wrong(
            "phase",
            problem,
            "remove this key, or choose parameters = \"real\"",
        );
    }
    let phase = real && keys.phase.unwrap_or(PHASE);
    if phase && !keys.output_weights {
        let problem = "with all output weights 1 the phase would equal ln |ψ|".to_string();
        return wrong(
            "output_weights",
            problem,
            "choose true, phase = false, or parameters = \"complex\"",
        );
    }
    Ok(Shape {
        sites: context.basis.sites(),
        layers: keys
            .widths
            .iter()
            .copied()
            .zip(activations(keys, context)?)
            .collect(),
        phase,
        visible_bias: keys.visible_bias,
        hidden_bias: keys.hidden_bias,
        output_weights: keys.output_weights,
    })
}

/// Builds a wave function of dense layers from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    crate::ansatz::check_init(keys.init, context)?;
    crate::ansatz::warn_of_zeros(keys.init, context);
    let shape = shape(&keys, context)?;
    let inputs = std::iter::once(context.basis.sites()).chain(keys.widths.iter().copied());
    let weights: f64 = inputs
        .zip(&keys.widths)
        .map(|(below, &above)| below as f64 * above as f64)
        .sum();
    let parts = match keys.parameters {
        ParameterNumbers::Real => 1.0,
        ParameterNumbers::Complex => 2.0,
    };
    let own = match keys.precision {
        Precision::Double => 4.0,
        Precision::Single => 7.0,
    };
    crate::ansatz::check_parameters(parts * weights, own)?;
    match (keys.parameters, keys.precision) {
        (ParameterNumbers::Real, Precision::Double) => network::<f64, f64>(shape, &keys, context),
        (ParameterNumbers::Real, Precision::Single) => mixed::<f64>(shape, &keys, context),
        (ParameterNumbers::Complex, Precision::Double) => {
            network::<Complex64, f64>(shape, &keys, context)
        }
        (ParameterNumbers::Complex, Precision::Single) => mixed::<Complex64>(shape, &keys, context),
    }
}

/// The network with its initial parameters, or those of a file.
fn network<T: Field, R: Elementary>(
    shape: Shape,
    keys: &Keys,
    context: &Context,
) -> Result<Erased> {
    let network = Feedforward::<T, R>::new(shape, keys.init, context.origin);
    context.loaded(network, keys.load.as_ref())
}

/// The network in single precision, and in double where that is asked for.
fn mixed<T: Field>(shape: Shape, keys: &Keys, context: &Context) -> Result<Erased> {
    let single = Feedforward::<T, f32>::new(shape.clone(), keys.init, context.origin);
    let double = Feedforward::<T, f64>::new(shape, keys.init, context.origin);
    context.loaded(MixedPrecision::new(single, double), keys.load.as_ref())
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
