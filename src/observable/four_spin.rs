//! Decides the correlations of dimers and of plaquettes, which are sums of permutations of spins.
//!
//! A dimer is D_b = o_i·o_j on bond b, with σ_i·σ_j = 2 P_ij − 1 and P_ij the exchange of the
//! two spins (P. A. M. Dirac, Proc. R. Soc. A 112, 661 (1926)). A plaquette is Q_p = (Π +
//! Π⁻¹)/2 with Π the cyclic permutation of its four spins (J.-B. Fouet et al., Phys. Rev. B
//! 67, 054411 (2003)). ⟨x|Π|ψ⟩ = ψ(Π⁻¹x); the correlations are ⟨A_a A_b⟩, the real
//! part of which belongs to the Hermitian product, and ⟨A_a A_b⟩ − ⟨A_a⟩⟨A_b⟩.

use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::ansatz::Asks;
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Most products of two operators.
const LARGEST: usize = 1 << 16;

/// A permutation of a few spins: site `to` receives the spin of site `from`.
type Cycle = Vec<(u32, u32)>;

struct FourSpin {
    /// Coefficients and permutations of each operator.
    operators: Vec<Vec<(f64, Cycle)>>,
    places: Vec<Vec<usize>>,
    what: &'static str,
    label: &'static str,
    unit: String,
    unit_of_product: String,
}

/// Dimer correlations, ⟨D_a D_b⟩ and ⟨D_a D_b⟩ − ⟨D_a⟩⟨D_b⟩, with D = o_i·o_j on a bond.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct DimerKeys {
    /// Pairs of sites; the nearest neighbours by default.
    bonds: Option<Vec<Vec<usize>>>,
}

/// Plaquette correlations, ⟨Q_a Q_b⟩ and ⟨Q_a Q_b⟩ − ⟨Q_a⟩⟨Q_b⟩, with Q = (P + P⁻¹)/2 and P the
/// cyclic permutation of four spins.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct PlaquetteKeys {
    /// Lists of four sites in cyclic order; by default the squares of a ladder, square or cubic
    /// lattice.
    plaquettes: Option<Vec<Vec<usize>>>,
}

pub(super) fn dimer_schema() -> serde_json::Value {
    schema_of::<DimerKeys>()
}

pub(super) fn plaquette_schema() -> serde_json::Value {
    schema_of::<PlaquetteKeys>()
}

pub(super) fn build_dimers(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    context.need_spin_half("an exchange of spins as a product of spin operators")?;
    let keys: DimerKeys = crate::table::parse(table, &context.path)?;
    let bonds = match keys.bonds {
        Some(bonds) => bonds,
        None => context
            .lattice
            .bonds(1)?
            .iter()
            .map(|b| vec![b.i, b.j])
            .collect(),
    };
    check(&bonds, 2, "bonds", context)?;
    let factor = context.factor(2);
    let dimer = |b: &Vec<usize>| vec![(-factor, Vec::new()), (2.0 * factor, cycle(b))];
    Ok(Box::new(FourSpin {
        operators: bonds.iter().map(dimer).collect(),
        places: bonds,
        what: "D_b = o_i . o_j",
        label: "bonds",
        unit: context.unit(2),
        unit_of_product: context.unit(4),
    }))
}

pub(super) fn build_plaquettes(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    context.need_spin_half("a correlation of cyclic exchanges")?;
    let keys: PlaquetteKeys = crate::table::parse(table, &context.path)?;
    let plaquettes = match keys.plaquettes {
        Some(list) => list,
        None => squares(context.lattice),
    };
    check(&plaquettes, 4, "plaquettes", context)?;
    let ring = |p: &Vec<usize>| {
        let back: Vec<usize> = p.iter().rev().copied().collect();
        vec![(0.5, cycle(p)), (0.5, cycle(&back))]
    };
    Ok(Box::new(FourSpin {
        operators: plaquettes.iter().map(ring).collect(),
        places: plaquettes,
        what: "Q_p = (P + P^-1)/2, P the cyclic permutation of the four spins",
        label: "plaquettes",
        unit: "1".into(),
        unit_of_product: "1".into(),
    }))
}

fn cycle(sites: &[usize]) -> Cycle {
    let next = sites.iter().cycle().skip(1);
    sites
        .iter()
        .zip(next)
        .map(|(&to, &from)| (to as u32, from as u32))
        .collect()
}

fn check(
    places: &[Vec<usize>],
    length: usize,
    name: &str,
    context: &ObservableContext,
) -> Result<()> {
    let key = format!("{}.{name}", context.path);
    let sites = context.lattice.sites;
    for place in places {
        let distinct: BTreeSet<_> = place.iter().collect();
        if place.len() != length || distinct.len() != length || place.iter().any(|&s| s >= sites) {
            let remedy = format!(
                "each entry has {length} different sites from 0 to {}",
                sites - 1
            );
            return Err(Error::input(
                key,
                format!("{place:?} is not an entry of this lattice"),
                remedy,
            ));
        }
    }
    if places.is_empty() || places.len() * places.len() > LARGEST {
        let problem = format!(
            "{} {name} are not between 1 and {}",
            places.len(),
            LARGEST.isqrt()
        );
        return Err(Error::input(
            key,
            problem,
            format!("give a list of some {name}"),
        ));
    }
    Ok(())
}

/// Elementary squares (x, y), (x+1, y), (x+1, y+1), (x, y+1) of every pair of directions; none on
/// other lattices.
fn squares(lattice: &Lattice) -> Vec<Vec<usize>> {
    if !["ladder", "square", "cubic"].contains(&lattice.spec.kind.as_str()) {
        return Vec::new();
    }
    let (size, periodic) = (lattice.extent(), lattice.periodic());
    let step = |cell: [usize; 3], a: usize| -> Option<[usize; 3]> {
        let mut cell = cell;
        cell[a] += 1;
        if cell[a] == size[a] {
            cell[a] = 0;
            return (periodic[a] && size[a] > 2).then_some(cell);
        }
        Some(cell)
    };
    let site = |c: [usize; 3]| c[0] + size[0] * (c[1] + size[1] * c[2]);
    let mut found = Vec::new();
    for &cell in &lattice.cells {
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let corners = step(cell, a)
                .zip(step(cell, b))
                .and_then(|(u, v)| Some([cell, u, step(u, b)?, v]));
            found.extend(corners.map(|c| c.map(site).to_vec()));
        }
    }
    found
}

impl FourSpin {
    fn products(&self) -> impl Iterator<Item = (usize, usize)> {
        let n = self.operators.len();
        (0..n).flat_map(move |a| (a..n).map(move |b| (a, b)))
    }
}

/// The sites whose spin differs after the permutations `cycles`, one after the other.
fn changed(x: &[i8], cycles: &[&Cycle], scratch: &mut Vec<i8>, sites: &mut Vec<u32>) {
    scratch.clear();
    scratch.extend_from_slice(x);
    for cycle in cycles {
        let moved: [i8; 4] =
            std::array::from_fn(|k| cycle.get(k).map_or(0, |(_, from)| scratch[*from as usize]));
        cycle
            .iter()
            .zip(moved)
            .for_each(|((to, _), spin)| scratch[*to as usize] = spin);
    }
    sites.clear();
    let mut touched: Vec<u32> = cycles.iter().flat_map(|c| c.iter().map(|p| p.0)).collect();
    touched.sort_unstable();
    touched.dedup();
    sites.extend(
        touched
            .into_iter()
            .filter(|&s| scratch[s as usize] != x[s as usize]),
    );
}

impl Observable for FourSpin {
    fn columns(&self) -> usize {
        self.operators.len() + self.products().count()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let columns = self.columns();
        let (mut asks, mut asked) = (Asks::default(), Vec::new());
        let mut out = vec![0.0; view.rows.len() * columns];
        let (mut scratch, mut sites) = (Vec::new(), Vec::new());
        for ((row, x), out) in view
            .rows
            .clone()
            .zip(view.configurations())
            .zip(out.chunks_exact_mut(columns))
        {
            let start = (row - view.rows.start) * columns;
            let mut add = |column: usize, c: f64, cycles: &[&Cycle], out: &mut f64| {
                changed(x, cycles, &mut scratch, &mut sites);
                if sites.is_empty() {
                    *out += c;
                } else {
                    asks.flip(row, x, &sites);
                    asked.push((start + column, c));
                }
            };
            for (k, terms) in self.operators.iter().enumerate() {
                terms
                    .iter()
                    .for_each(|(c, cycle)| add(k, *c, &[cycle], &mut out[k]));
            }
            for (k, (a, b)) in self.products().enumerate() {
                let k = self.operators.len() + k;
                for (c, first) in &self.operators[a] {
                    for (d, second) in &self.operators[b] {
                        add(k, c * d, &[first, second], &mut out[k]);
                    }
                }
            }
        }
        for ((k, c), ratio) in asked.into_iter().zip(view.ratios(&asks)?) {
            out[k] += c * ratio.re;
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        let (n, letter) = (self.operators.len(), &self.what[..1]);
        let two =
            |name, meaning: &str| quantity(name, &[n, n], self.unit_of_product.clone(), meaning);
        vec![
            quantity(
                "",
                &[n],
                self.unit.clone(),
                &format!("<{letter}_a>, {} [{}]", self.what, self.label),
            ),
            two("products", &format!("<{letter}_a {letter}_b>, real part")),
            two(
                "connected",
                &format!("<{letter}_a {letter}_b> - <{letter}_a><{letter}_b>"),
            ),
        ]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let n = self.operators.len();
        let (single, double) = means.split_at(n);
        let mut out = vec![0.0; n + 2 * n * n];
        out[..n].copy_from_slice(single);
        for ((a, b), value) in self.products().zip(double) {
            for (a, b) in [(a, b), (b, a)] {
                out[n + a * n + b] = *value;
                out[n + n * n + a * n + b] = value - single[a] * single[b];
            }
        }
        out
    }
    fn labels(&self) -> Vec<Label> {
        vec![Label {
            name: self.label,
            shape: vec![self.places.len(), self.places[0].len()],
            values: self.places.iter().flatten().map(|&s| s as f64).collect(),
            unit: "site",
            meaning: "the sites of each entry",
        }]
    }
}
