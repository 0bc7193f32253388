//! Decides which wave functions an input can ask for by `kind`.
//!
//! A new wave function is one file and one line in [`ANSATZE`]; another crate hands its own entries
//! to the [`Context`].

use super::{
    Context, Erased, autoregressive, boltzmann, dbm, deep, eps, feedforward, jastrow, mps, pair,
    peps, product, rbm, symmetrised, table,
};
use crate::basis::only_spin_half;
use crate::error::{Error, Result};
use crate::table::Entry;
use serde::Deserialize;

/// A wave function that an input can name.
pub struct AnsatzEntry {
    /// The value of the key `kind`.
    pub kind: &'static str,
    /// Builds it from its table, from which `kind` is removed.
    pub build: fn(&toml::Table, &Context) -> Result<Erased>,
    /// JSON schema of its keys.
    pub schema: fn() -> serde_json::Value,
    /// Whether sites may have any values; false: spins one half alone.
    pub any_values: bool,
}

impl Entry for AnsatzEntry {
    const WHAT: &'static str = "wave function";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// All wave functions of this program.
pub const ANSATZE: &[AnsatzEntry] = &[
    AnsatzEntry {
        kind: "rbm",
        build: rbm::build,
        schema: rbm::schema,
        any_values: true,
    },
    AnsatzEntry {
        kind: "feedforward",
        build: feedforward::build,
        schema: feedforward::schema,
        any_values: true,
    },
    AnsatzEntry {
        kind: "autoregressive",
        any_values: false,
        build: autoregressive::build,
        schema: autoregressive::schema,
    },
    AnsatzEntry {
        kind: "boltzmann",
        any_values: false,
        build: boltzmann::build,
        schema: boltzmann::schema,
    },
    AnsatzEntry {
        kind: "dbm",
        any_values: false,
        build: dbm::build,
        schema: dbm::schema,
    },
    AnsatzEntry {
        kind: "eps",
        any_values: false,
        build: eps::build,
        schema: eps::schema,
    },
    AnsatzEntry {
        kind: "resnet",
        any_values: false,
        build: deep::build_resnet,
        schema: deep::resnet_schema,
    },
    AnsatzEntry {
        kind: "gcnn",
        any_values: false,
        build: deep::build_gcnn,
        schema: deep::gcnn_schema,
    },
    AnsatzEntry {
        kind: "vit",
        any_values: false,
        build: deep::build_vit,
        schema: deep::vit_schema,
    },
    AnsatzEntry {
        kind: "convnext",
        any_values: false,
        build: deep::build_convnext,
        schema: deep::convnext_schema,
    },
    AnsatzEntry {
        kind: "cnn-mps",
        any_values: false,
        build: deep::build_cnn_mps,
        schema: deep::cnn_mps_schema,
    },
    AnsatzEntry {
        kind: "jastrow",
        build: jastrow::build,
        schema: jastrow::schema,
        any_values: true,
    },
    AnsatzEntry {
        kind: "mps",
        build: mps::build,
        schema: mps::schema,
        any_values: true,
    },
    AnsatzEntry {
        kind: "pair",
        build: pair::build,
        schema: pair::schema,
        any_values: false,
    },
    AnsatzEntry {
        kind: "table",
        build: table::build,
        schema: table::schema,
        any_values: true,
    },
    AnsatzEntry {
        kind: "peps",
        any_values: false,
        build: peps::build,
        schema: peps::schema,
    },
    AnsatzEntry {
        kind: "product",
        build: product::build,
        schema: product::schema,
        any_values: true,
    },
    AnsatzEntry {
        kind: "symmetrised",
        build: symmetrised::build,
        schema: symmetrised::schema,
        any_values: true,
    },
];

/// Whether a table of `[ansatz]` asks for this kind.
pub(crate) fn is_of_kind(table: &toml::Table, kind: &str) -> bool {
    table.get("kind").and_then(toml::Value::as_str) == Some(kind)
}

/// Builds the wave function that `table` asks for, of the kinds that `context` knows.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let (entry, own) = context.kinds.take(table, &context.path)?;
    if !entry.any_values && !context.basis.is_spin_half() {
        let what = format!("the wave function \"{}\"", entry.kind);
        return Err(only_spin_half(&context.key("kind"), &what));
    }
    (entry.build)(&own, context).map_err(|error| with_sizes(error, &own, context))
}

/// Keys with whole numbers that say nothing of the number of parameters.
const QUANTUM_NUMBERS: [&str; 3] = ["momentum", "rotation", "reflection"];

/// Whether a key counts something that parameters are made of.
fn is_size(key: &str, value: &toml::Value) -> bool {
    let counts = |value: &toml::Value| value.as_integer().is_some_and(|n| n > 0);
    let list = value.as_array();
    let several = list.is_some_and(|list| !list.is_empty() && list.iter().all(counts));
    (counts(value) || several) && !QUANTUM_NUMBERS.contains(&key)
}

/// An error of parameters that do not fit in memory, with the keys that they follow from, in the
/// order of the alphabet; an inner wave function has named its own.
fn with_sizes(error: Error, table: &toml::Table, context: &Context) -> Error {
    match error {
        Error::Memory {
            what,
            needed,
            available,
        } if !what.starts_with(&context.path) => {
            let given = table.iter().filter(|(key, value)| is_size(key, value));
            let given: Vec<_> = given.map(|(key, _)| context.key(key)).collect();
            let keys = match given.is_empty() {
                true => context.key("kind"),
                false => given.join(", "),
            };
            Error::Memory {
                what: format!("{keys}: {what}"),
                needed,
                available,
            }
        }
        error => error,
    }
}

/// Whether parameters are real or complex.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ParameterNumbers {
    /// Pairs (re, im) of a holomorphic ln ψ.
    #[default]
    Complex,
    /// Real numbers.
    Real,
}

/// Precision in which the layers of a network are evaluated.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits.
    Single,
    /// 53 bits.
    #[default]
    Double,
}

/// An error unless `init` can be a standard deviation.
pub fn check_init(init: f64, context: &Context) -> Result<()> {
    if init >= 0.0 && init.is_finite() {
        return Ok(());
    }
    let key = context.key("init");
    Err(Error::input(
        key,
        format!("{init} is not a standard deviation"),
        "choose a number ≥ 0, such as 0.01",
    ))
}

/// A warning where the network starts without weights: it has no gradient along them, and an
/// optimisation that starts in an eigenstate stays there with variance 0.
pub fn warn_of_zeros(init: f64, context: &Context) {
    if init == 0.0 {
        log::warn!(
            "{}.init = 0: without weights a network has no gradient along them, and the \
             optimisation may stay where it starts; choose for example 0.01",
            context.path
        );
    }
}

/// Vectors of parameters that every run has at once beside the wave function: that of the last
/// boundary, that of the checkpoint, and those of the results with what they are made from. A plan
/// counts them; a test holds this to it.
pub const LEAST_VECTORS: f64 = 4.0;

/// An error unless `count` real numbers fit in memory as parameters, before any of them is made;
/// the wave function itself holds `own` vectors of that length.
///
/// What the sections of a run take besides is asked when the wave function is there.
pub fn check_parameters(count: f64, own: f64) -> Result<()> {
    let needed = 8.0 * (LEAST_VECTORS + own) * count;
    let available = crate::linalg::available_memory();
    if needed <= available {
        return Ok(());
    }
    Err(Error::Memory {
        what: format!("a wave function with {count:.3e} parameters"),
        needed,
        available,
    })
}
