//! Decides what can be measured besides the energy: local values of columns per sample, and
//! functions of their means.
//!
//! ⟨A⟩ = Σ_x w(x) A_loc(x), A_loc(x) = Σ_x' ⟨x|A|x'⟩ ψ(x')/ψ(x); of Hermitian A the
//! real part is kept. An observable is a list of such columns and a function from their means to
//! named quantities: the identity, a linear map, or a ratio, a logarithm, of which the reducer
//! (`stats::Bins`) finds errors by the jackknife. Nothing here knows a communicator.

mod context;
mod density;
mod density_correlations;
mod density_matrix;
mod energy_ratio;
mod entanglement;
mod four_spin;
mod imaginary_time;
mod lanczos;
mod magnetisation;
mod momenta;
mod momentum_distribution;
mod one_body;
mod one_site;
mod overlap;
mod pauli;
mod renyi;
mod spin_correlations;
mod string_order;
mod structure_factor;
mod total_spin;
mod transverse;
mod view;

pub use context::ObservableContext;
pub use view::View;

use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::table::{Entry, Shelf, no_keys, schema_of};
use serde::Deserialize;

/// A named array of what an observable says.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Name of its group in files; empty for the observable's own.
    pub name: &'static str,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// Unit.
    pub unit: String,
    /// Meaning, in a sentence.
    pub meaning: String,
}

impl Quantity {
    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.shape.iter().product()
    }
}

/// What the entries of a quantity belong to: sites, distances, momenta.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// Name of the dataset beside the quantities.
    pub name: &'static str,
    /// Shape, row-major.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f64>,
    /// Unit.
    pub unit: &'static str,
    /// Meaning.
    pub meaning: &'static str,
}

/// Something to measure. Object-safe.
pub trait Observable: Send + Sync {
    /// Numbers per sample.
    fn columns(&self) -> usize;
    /// Local values, rows × columns, of the rows of `view`.
    fn local_values(&self, view: &View) -> Result<Vec<f64>>;
    /// Means of the columns from all amplitudes of a full sum, where averages of local values would
    /// miss something; `None` where they do not. The same on every rank.
    fn full_sum(&self, _ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        Ok(None)
    }
    /// The quantities that [`Observable::evaluate`] gives, one after the other.
    fn quantities(&self) -> Vec<Quantity>;
    /// All quantities from the means of the columns, which they are by default.
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        means.to_vec()
    }
    /// What the entries belong to.
    fn labels(&self) -> Vec<Label> {
        Vec::new()
    }
    /// What a reader has to know of these means and standard errors of the quantities.
    fn warning(&self, _means: &[f64], _errors: &[f64]) -> Option<String> {
        None
    }
    /// Whether the local values are those of pairs of configurations.
    fn needs_partners(&self) -> bool {
        false
    }
    /// Whether its local values are those of configurations that it draws itself, so that it does
    /// not matter what the samples count.
    fn draws_its_own(&self) -> bool {
        false
    }
    /// Trotter steps about the visible configuration whose slices it looks at; 0 where it looks at
    /// no other.
    fn reach(&self) -> usize {
        0
    }
    /// Whether samples say it of some wave functions alone, and refuse it of others.
    fn needs_all_amplitudes(&self) -> bool {
        false
    }
}

/// An observable that an input can name.
pub struct ObservableEntry {
    /// The name, or the key `kind` of a table.
    pub kind: &'static str,
    /// Builds it from its table, without `kind` and `name`.
    pub build: fn(&toml::Table, &ObservableContext) -> Result<Box<dyn Observable>>,
    /// JSON schema of its keys.
    pub schema: fn() -> serde_json::Value,
}

impl Entry for ObservableEntry {
    const WHAT: &'static str = "observable";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// All observables.
pub const OBSERVABLES: &[ObservableEntry] = &[
    ObservableEntry {
        kind: "magnetisation",
        build: magnetisation::build,
        schema: || {
            no_keys(
                "Magnetisation along z: mean, absolute value, square and fourth power, and the \
                 same of the staggered one.",
            )
        },
    },
    ObservableEntry {
        kind: "transverse-magnetisation",
        build: transverse::build,
        schema: || no_keys("Magnetisation along x of all spins."),
    },
    ObservableEntry {
        kind: "spin-correlations",
        build: spin_correlations::build_full,
        schema: || {
            no_keys(
                "Correlations <S_i . S_j> of all pairs, and their means by distance; of more than \
                 65536 pairs the means alone.",
            )
        },
    },
    ObservableEntry {
        kind: "spin-correlations-zz",
        build: spin_correlations::build_zz,
        schema: || {
            no_keys(
                "Correlations of the z components of all pairs, and their means by distance; of \
                 more than 65536 pairs the means alone.",
            )
        },
    },
    ObservableEntry {
        kind: "structure-factor",
        build: structure_factor::build_full,
        schema: structure_factor::schema,
    },
    ObservableEntry {
        kind: "structure-factor-zz",
        build: structure_factor::build_zz,
        schema: structure_factor::schema,
    },
    ObservableEntry {
        kind: "one-site",
        build: one_site::build,
        schema: || no_keys("The three components of every spin."),
    },
    ObservableEntry {
        kind: "total-spin",
        build: total_spin::build,
        schema: || {
            no_keys("Square of the total spin, <(sum_i S_i)^2>: S(S + 1) of a state of spin S.")
        },
    },
    ObservableEntry {
        kind: "dimer-correlations",
        build: four_spin::build_dimers,
        schema: four_spin::dimer_schema,
    },
    ObservableEntry {
        kind: "plaquette-correlations",
        build: four_spin::build_plaquettes,
        schema: four_spin::plaquette_schema,
    },
    ObservableEntry {
        kind: "pauli",
        build: pauli::build,
        schema: crate::operator::models::pauli::schema,
    },
    ObservableEntry {
        kind: "string-order",
        build: string_order::build,
        schema: string_order::schema,
    },
    ObservableEntry {
        kind: "renyi-2",
        build: renyi::build,
        schema: renyi::schema,
    },
    ObservableEntry {
        kind: "entanglement",
        build: entanglement::build,
        schema: || {
            no_keys(
                "Von Neumann entropies, in nats, of all cuts along the order of the sites: in full \
                 sums, and of an open matrix product state.",
            )
        },
    },
    ObservableEntry {
        kind: "imaginary-time-correlations",
        build: imaginary_time::build,
        schema: imaginary_time::schema,
    },
    ObservableEntry {
        kind: "lanczos",
        build: lanczos::build,
        schema: lanczos::schema,
    },
    ObservableEntry {
        kind: "overlap",
        build: overlap::build,
        schema: overlap::schema,
    },
    ObservableEntry {
        kind: "density",
        build: density::build,
        schema: || no_keys("Number of bosons on every site: mean and variance."),
    },
    ObservableEntry {
        kind: "density-correlations",
        build: density_correlations::build,
        schema: || no_keys("Correlations <n_i n_j> of all pairs, and their means by distance."),
    },
    ObservableEntry {
        kind: "one-body-density",
        build: one_body::build,
        schema: || no_keys("One-body density matrix <b_i^+ b_j>."),
    },
    ObservableEntry {
        kind: "momentum-distribution",
        build: momentum_distribution::build,
        schema: momentum_distribution::schema,
    },
];

/// An observable with its name in files.
pub struct Named {
    /// Unique among those of a measurement; the kind unless the input names it.
    pub name: String,
    /// The observable.
    pub observable: Box<dyn Observable>,
}

/// Every spin and their mean: what shows chains that stay apart.
pub fn monitor(sites: usize) -> Named {
    Named {
        name: "spins".into(),
        observable: Box::new(magnetisation::Spins { sites }),
    }
}

/// The energy, where it is a ratio of means of so many numbers of each sample.
pub fn energy_ratio(columns: usize) -> Named {
    Named {
        name: "energy".into(),
        observable: Box::new(energy_ratio::EnergyRatio { columns }),
    }
}

/// Builds the observable of the table `table`, which has a `kind` and may have a `name`.
pub fn build(
    table: &toml::Table,
    context: &ObservableContext,
    kinds: Shelf<ObservableEntry>,
) -> Result<Named> {
    let key = |name: &str| format!("{}.{name}", context.path);
    let (entry, mut own) = kinds.take(table, &context.path)?;
    let name = match own.remove("name") {
        None => entry.kind.to_string(),
        Some(toml::Value::String(text)) => text,
        Some(other) => {
            let problem = format!("{other} is not a text");
            return Err(Error::input(key("name"), problem, "write it in quotes"));
        }
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name == "energy" || !name.chars().all(allowed) {
        return Err(Error::input(
            key("name"),
            format!("`{name}` cannot be the name of a group in a file"),
            "use letters, digits, `-`, `_` and `.`; `energy` is taken",
        ));
    }
    Ok(Named {
        name,
        observable: (entry.build)(&own, context)?,
    })
}

/// The keys of an observable without any.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

/// Refuses any key.
fn refuse_keys(table: &toml::Table, context: &ObservableContext) -> Result<()> {
    crate::table::parse::<NoKeys>(table, &context.path).map(drop)
}

/// Places of a quantity in a shape of its own.
fn quantity(name: &'static str, shape: &[usize], unit: String, meaning: &str) -> Quantity {
    Quantity {
        name,
        shape: shape.to_vec(),
        unit,
        meaning: meaning.into(),
    }
}
