//! Decides what the input says of a Jastrow wave function, `kind = "jastrow"`.

use super::growth::PairGrowth;
use super::{Form, Jastrow, all_pairs};
use crate::ansatz::field::Field;
use crate::ansatz::tied::check_tied;
use crate::ansatz::{Context, Erased, LoadKey, ParameterGrowth, ParameterNumbers, schema_of};
use crate::basis::Basis;
use crate::error::{Error, Result};
use crate::lattice::Lattice;
use num_complex::Complex64;
use serde::Deserialize;

impl Form {
    /// The form for the sites of a basis; an error at `key` where these are not of one kind.
    fn of(basis: &Basis, key: &str) -> Result<Form> {
        if basis.is_spin_half() {
            return Ok(Form::Pairs);
        }
        let locals = basis.locals();
        if locals.iter().any(|l| *l != locals[0]) {
            return Err(Error::input(
                key,
                "this wave function needs the same values on all sites",
                "use kind = \"table\"",
            ));
        }
        let bosons = locals[0].first == 0 && !locals[0].fermionic;
        Ok(if bosons { Form::Bosons } else { Form::Squares })
    }
}

/// The class matrix in which every pair i ≤ j is a class of its own, in the order (0,0), (0,1), …,
/// (1,1), ….
fn all_ordered(sites: usize) -> Vec<Vec<u32>> {
    let number = |i: usize, j: usize| (i * (2 * sites - i + 1) / 2 + j - i) as u32;
    (0..sites)
        .map(|i| (0..sites).map(|j| number(i.min(j), i.max(j))).collect())
        .collect()
}

/// Which pairs share a parameter.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Pairs {
    /// Every pair has its own.
    #[default]
    All,
    /// Pairs at the same distance share one.
    Distance,
}

fn small() -> f64 {
    0.01
}

/// Jastrow wave function, ln ψ = Σ_{i<j} v_ij x_i x_j + Σ_i a_i x_i, with squares of x where sites
/// have more than two values; for bosons −½ Σ_ij u_ij n_i n_j − ½ Σ_i ln n_i! + Σ_i a_i n_i.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// One parameter per pair of sites ("all") or per distance between sites ("distance"). Default
    /// "all".
    #[serde(default)]
    pairs: Pairs,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Whether there is a bias a_i for every site. Default false.
    #[serde(default)]
    visible_bias: bool,
    /// Standard deviation of the real and imaginary parts of the initial parameters. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, or an HDF5 file with the same datasets; { file, grow = true }:
    /// also of pairs = "distance", on this lattice or on a smaller one. Default none.
    load: Option<LoadKey>,
}

/// Numbers the distances between different sites in increasing order, from 0; behind the distance
/// 0 where there are squares.
pub(super) fn distance_classes(lattice: &Lattice, squares: bool) -> Result<Vec<Vec<u32>>> {
    let n = lattice.sites;
    let mut distances = vec![vec![0.0; n]; n];
    for (i, row) in distances.iter_mut().enumerate() {
        for (j, d) in row.iter_mut().enumerate() {
            *d = if i == j { 0.0 } else { lattice.distance(i, j)? };
        }
    }
    let mut shells: Vec<f64> = (0..n)
        .flat_map(|i| distances[i][..i].iter().copied())
        .collect();
    shells.sort_by(f64::total_cmp);
    shells.dedup_by(|next, kept| *next - *kept < 1e-6);
    let class = |d: f64| shells.partition_point(|&s| s <= d + 1e-7).saturating_sub(1) as u32;
    let number = |i: usize, j: usize| match (squares, i == j) {
        (true, true) => 0,
        (true, false) => class(distances[i][j]) + 1,
        (false, _) => class(distances[i][j]),
    };
    Ok((0..n)
        .map(|i| (0..n).map(|j| number(i, j)).collect())
        .collect())
}

/// The wave function with the parameters of a file, where the input names one.
fn typed<T: Field>(
    keys: &Keys,
    classes: Vec<Vec<u32>>,
    form: Form,
    context: &Context,
) -> Result<Erased> {
    let (bias, init) = (keys.visible_bias, keys.init);
    let state = Jastrow::<T>::new(&classes, form, bias, init, context.origin);
    let growth = ParameterGrowth::by(PairGrowth {
        lattice: context.lattice.clone(),
        classes,
        squares: form != Form::Pairs,
        by_distance: matches!(keys.pairs, Pairs::Distance),
    });
    let state = context.grown(state, keys.load.as_ref(), &growth)?;
    Ok(Erased::new(state))
}

/// Builds a Jastrow wave function from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    crate::ansatz::check_init(keys.init, context)?;
    crate::ansatz::check_parameters((context.basis.sites() as f64).powi(2), 3.0)?;
    let form = Form::of(context.basis, &context.key("kind"))?;
    if matches!(keys.pairs, Pairs::Distance) {
        let group = context.lattice.translations()?;
        if group.permutations.len() > 1 {
            check_tied(context, &group, &context.key("pairs"))?;
        }
    }
    let classes = match (keys.pairs, form) {
        (Pairs::All, Form::Pairs) => all_pairs(context.basis.sites()),
        (Pairs::All, _) => all_ordered(context.basis.sites()),
        (Pairs::Distance, _) => distance_classes(context.lattice, form != Form::Pairs)?,
    };
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, classes, form, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, classes, form, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
