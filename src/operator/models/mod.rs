//! Decides which Hamiltonians there are by name, and how couplings on bonds and fields on sites
//! become Pauli strings.
//!
//! H = Σ_b Σ_a J^a_b o^a_i o^a_j + Σ_i Σ_a f^a_i o^a_i with o = σ or o = S = σ/2 (`units`).
//! The named models have f = −h: a positive field favours spins along it.

mod bilinear_biquadratic;
mod bonds;
mod bose_hubbard;
mod draws;
mod heisenberg;
mod ising;
mod j1j2;
pub mod pauli;
mod plaquette_ising;
mod xxz;
mod xyz;

pub use draws::{CouplingDistribution, DrawnCoupling, Draws};

use super::{Operator, Pauli, PauliSum, Small, Term, TermTable};
use crate::basis::{Basis, SiteKind};
use crate::error::{Error, Result};
use crate::lattice::{Bond, Lattice};
use crate::table::{Entry, schema_of};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// What the operators of a formula stand for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Units {
    /// Spin operators S = σ/2.
    Spin,
    /// Pauli matrices σ.
    Pauli,
}

impl Units {
    /// The factor of one operator in terms of σ.
    pub fn factor(self) -> f64 {
        match self {
            Units::Spin => 0.5,
            Units::Pauli => 1.0,
        }
    }
}

/// What a model is built on.
#[derive(Debug, Clone, Copy)]
pub struct ModelContext<'a> {
    /// The lattice.
    pub lattice: &'a Lattice,
    /// The folder to which file names are relative.
    pub folder: &'a Path,
    /// What the sites hold.
    pub site: SiteKind,
    /// `hamiltonian.units`, where given.
    pub units: Option<Units>,
    /// Random couplings, where the input draws some.
    pub draws: Option<&'a Draws>,
}

impl ModelContext<'_> {
    /// Twice the length of the spins; an error for the model `kind` where there are none.
    fn twice_s(&self, kind: &str) -> Result<u8> {
        match self.site {
            SiteKind::Spin(twice_s) => Ok(twice_s),
            SiteKind::Boson(_) => Err(Error::input(
                "hamiltonian.kind",
                format!("`{kind}` is a model of spins, and the basis has bosons"),
                "use [basis] kind = \"spin\", or a model of bosons",
            )),
        }
    }

    /// The largest occupation of a site; an error for the model `kind` where there are no bosons.
    fn max_occupation(&self, kind: &str) -> Result<u8> {
        match self.site {
            SiteKind::Boson(most) => Ok(most),
            SiteKind::Spin(_) => Err(Error::input(
                "hamiltonian.kind",
                format!("`{kind}` is a model of bosons, and the basis has spins"),
                "use [basis] kind = \"boson\", or a model of spins",
            )),
        }
    }
}

/// The terms of a Hamiltonian.
#[derive(Debug, Clone)]
pub enum Sum {
    /// Of spins one half.
    Pauli(PauliSum),
    /// Of sites with any values.
    Local(Vec<Term>),
}

/// A Hamiltonian and the bonds that it lives on.
#[derive(Debug, Clone)]
pub struct Model {
    /// The Hamiltonian.
    pub sum: Sum,
    /// The bonds that decide whether the lattice is bipartite: first neighbours for `j1j2`, else
    /// all with xy coupling.
    pub marshall_bonds: Vec<Bond>,
    /// Pairs over which exchange moves are proposed, each once with the smaller site first.
    pub exchange_bonds: Vec<(u32, u32)>,
    /// The units of the couplings.
    pub units: Units,
}

impl Model {
    /// The Hamiltonian, where it is a sum of Pauli strings.
    pub fn pauli(&self) -> Option<&PauliSum> {
        match &self.sum {
            Sum::Pauli(sum) => Some(sum),
            Sum::Local(_) => None,
        }
    }

    /// The Hamiltonian, compiled for a basis.
    pub fn compile(&self, basis: &Basis) -> Result<Arc<dyn Operator>> {
        Ok(match &self.sum {
            Sum::Pauli(sum) => Arc::new(TermTable::compile(basis.sites(), sum)?),
            Sum::Local(terms) => Arc::new(Small::compile(basis, terms)?),
        })
    }

    /// The model of these terms, which carry what is conserved along `bonds`.
    fn local(terms: Vec<Term>, bonds: Vec<Bond>) -> Result<Self> {
        let ordered = |b: &Bond| (b.i.min(b.j) as u32, b.i.max(b.j) as u32);
        let mut pairs: Vec<(u32, u32)> = bonds.iter().map(ordered).collect();
        pairs.sort_unstable();
        pairs.dedup();
        Ok(Model {
            sum: Sum::Local(terms),
            marshall_bonds: bonds,
            exchange_bonds: pairs,
            units: Units::Spin,
        })
    }
}

/// A model that inputs can name.
#[derive(Debug, Clone, Copy)]
pub struct ModelEntry {
    /// `hamiltonian.kind`.
    pub kind: &'static str,
    /// Builds the model from `[hamiltonian]` without `kind`, `units`, `sector` and `sign_rule`.
    pub build: fn(&toml::Table, &ModelContext) -> Result<Model>,
    /// JSON schema of the keys.
    pub schema: fn() -> serde_json::Value,
}

impl Entry for ModelEntry {
    const WHAT: &'static str = "model";
    fn kind(&self) -> &'static str {
        self.kind
    }
    fn schema(&self) -> serde_json::Value {
        (self.schema)()
    }
}

/// All models.
pub const MODELS: &[ModelEntry] = &[
    ModelEntry {
        kind: "ising",
        build: ising::build,
        schema: ising::schema,
    },
    ModelEntry {
        kind: "plaquette-ising",
        build: plaquette_ising::build,
        schema: plaquette_ising::schema,
    },
    ModelEntry {
        kind: "heisenberg",
        build: heisenberg::build,
        schema: heisenberg::schema,
    },
    ModelEntry {
        kind: "xxz",
        build: xxz::build,
        schema: xxz::schema,
    },
    ModelEntry {
        kind: "xyz",
        build: xyz::build,
        schema: xyz::schema,
    },
    ModelEntry {
        kind: "j1j2",
        build: j1j2::build,
        schema: j1j2::schema,
    },
    ModelEntry {
        kind: "bonds",
        build: bonds::build,
        schema: bonds::schema,
    },
    ModelEntry {
        kind: "bilinear-biquadratic",
        build: bilinear_biquadratic::build,
        schema: bilinear_biquadratic::schema,
    },
    ModelEntry {
        kind: "bose-hubbard",
        build: bose_hubbard::build,
        schema: bose_hubbard::schema,
    },
    ModelEntry {
        kind: "pauli",
        build: pauli::build,
        schema: pauli::schema,
    },
];

const AXES: [Pauli; 3] = [Pauli::X, Pauli::Y, Pauli::Z];

/// The coupling where the input gives none.
fn one() -> f64 {
    1.0
}

/// Refuses couplings that are not finite.
fn check_finite(couplings: &[(&str, f64)]) -> Result<()> {
    match couplings.iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((key, value)) => Err(Error::input(
            format!("hamiltonian.{key}"),
            format!("{value} is not finite"),
            "give a finite number",
        )),
    }
}

/// The first neighbours; a graph without edges has none for a model to act on, which is an error.
fn first_neighbours(lattice: &Lattice) -> Result<Vec<Bond>> {
    let bonds = lattice.bonds(1)?;
    if bonds.is_empty() && lattice.is_graph() {
        return Err(Error::input(
            "lattice.file",
            "the graph has no edges for this Hamiltonian",
            "give an edge file, or a Hamiltonian that brings its bonds: `bonds` or `pauli`",
        ));
    }
    Ok(bonds)
}

/// Collects the terms of a model of two-spin couplings and fields.
struct Terms {
    units: Units,
    sum: PauliSum,
    xy: Vec<Bond>,
    pairs: Vec<(u32, u32)>,
}

impl Terms {
    fn new(units: Units) -> Self {
        Terms {
            units,
            sum: PauliSum::default(),
            xy: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Adds Σ_a J^a o^a_i o^a_j.
    fn couple(&mut self, bond: Bond, j_xyz: [f64; 3]) {
        let (i, j) = (bond.i as u32, bond.j as u32);
        for (axis, coupling) in AXES.into_iter().zip(j_xyz).filter(|(_, c)| *c != 0.0) {
            self.sum.add(
                coupling * self.units.factor().powi(2),
                &[(i, axis), (j, axis)],
            );
        }
        if j_xyz[0] != 0.0 || j_xyz[1] != 0.0 {
            self.xy.push(bond);
        }
        self.pairs.push((i.min(j), i.max(j)));
    }

    /// Adds Σ_a f^a o^a_i, with the sign as given.
    fn field(&mut self, site: usize, f_xyz: [f64; 3]) {
        for (axis, field) in AXES.into_iter().zip(f_xyz).filter(|(_, f)| *f != 0.0) {
            self.sum
                .add(field * self.units.factor(), &[(site as u32, axis)]);
        }
    }

    /// Adds −Σ_i h_i·o_i over all sites, each component drawn or uniform.
    fn fields(&mut self, context: &ModelContext, [hx, hy, hz]: [f64; 3]) {
        let x = context.on_sites("hx", hx);
        let y = context.on_sites("hy", hy);
        let z = context.on_sites("hz", hz);
        for site in 0..context.lattice.sites {
            self.field(site, [-x[site], -y[site], -z[site]]);
        }
    }

    /// The model; the coefficients are still finite after adding up.
    fn finish(mut self) -> Result<Model> {
        check_sum(&self.sum, "hamiltonian")?;
        self.pairs.sort_unstable();
        self.pairs.dedup();
        Ok(Model {
            sum: Sum::Pauli(self.sum),
            marshall_bonds: self.xy,
            exchange_bonds: self.pairs,
            units: self.units,
        })
    }
}

/// Refuses a sum whose coefficients overflow.
fn check_sum(sum: &PauliSum, path: &str) -> Result<()> {
    match sum.iter().find(|(_, c)| !c.is_finite()) {
        None => Ok(()),
        Some((string, _)) => Err(Error::input(
            path,
            format!(
                "the coefficient of `{}` is too large for a real number",
                super::name(string)
            ),
            "give couplings of order one",
        )),
    }
}
