//! Decides what the input says of an entangled-plaquette state, `kind = "eps"`.

use super::{PlaquetteClusters, Plaquettes, blocks, images};
use crate::ansatz::field::{Field, Scalar};
use crate::ansatz::tied::check_tied;
use crate::ansatz::{Context, Erased, ParameterNumbers, check_init, check_parameters, schema_of};
use crate::error::Result;
use num_complex::Complex64;
use serde::Deserialize;

/// The largest number of sites of a cluster: a table of 2^30 real numbers takes 9 GB.
const MOST_SITES: usize = 30;

/// Which clusters share a table.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Symmetry {
    /// Every cluster has its own.
    #[default]
    None,
    /// All translated clusters share one.
    Translations,
}

fn small() -> f64 {
    0.01
}

/// Entangled-plaquette state, ln ψ = Σ_P c_P[k_P] over clusters P of sites, where k_P = Σ_m b_m
/// 2^m is the number of the configuration of the cluster: b_m = 1 where the spin of its site m is
/// down.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Extent of the clusters along each lattice vector, in cells, such as [2, 2]; there is one at
    /// every cell where it fits. Its sites run along the first vector fastest. No default without
    /// `clusters`.
    cluster: Option<Vec<usize>>,
    /// The sites of each cluster, instead of `cluster`: [[0, 1], [1, 2], …], all of the same
    /// length. With translations, clusters that are images of the first. Default none.
    clusters: Option<Vec<Vec<usize>>>,
    /// Whether all translated clusters share one table ("translations") or have one each ("none").
    /// Default "none".
    #[serde(default)]
    symmetry: Symmetry,
    /// Whether parameters are "complex" or "real". Default "complex".
    #[serde(default)]
    parameters: ParameterNumbers,
    /// Standard deviation of the real and imaginary parts of the initial parameters. Default 0.01.
    #[serde(default = "small")]
    init: f64,
    /// File to start from: results, or an HDF5 file with the dataset C. Default none.
    load: Option<String>,
}

/// An error unless a table for so many sites can be thought of.
fn check_length(length: usize, key: &str, context: &Context) -> Result<()> {
    if (1..=MOST_SITES).contains(&length) {
        return Ok(());
    }
    let problem = match length {
        0 => "a cluster has no sites".to_string(),
        _ => format!(
            "a cluster of {length} sites has 2^{length} = {:.1e} coefficients, and 2^{MOST_SITES} \
             is the limit",
            2f64.powf(length as f64)
        ),
    };
    Err(context.wrong(key, problem, "choose for example [2, 2]"))
}

/// The clusters of `cluster`.
fn regular(extents: &[usize], context: &Context) -> Result<Vec<Vec<u32>>> {
    let lattice = context.lattice;
    let fail = |problem: String, remedy: &str| Err(context.wrong("cluster", problem, remedy));
    if lattice.is_graph() {
        let problem = "a graph has no lattice vectors".to_string();
        return fail(problem, "list the sites of each cluster in `clusters`");
    }
    let (size, d) = (lattice.extent(), lattice.dimensions());
    if extents.len() != d {
        let problem = format!("{extents:?} has {} entries", extents.len());
        return fail(problem, &format!("give {d}, one for each direction"));
    }
    let places = lattice.sites / size.iter().product::<usize>();
    let length = extents.iter().fold(places, |n, &l| n.saturating_mul(l));
    check_length(length, "cluster", context)?;
    for (a, (&extent, &cells)) in extents.iter().zip(&size).enumerate() {
        if extent <= cells {
            continue;
        }
        let problem = match lattice.periodic()[a] {
            true => format!("{extent} cells around a period of {cells}: a site stands in it twice"),
            false => format!("{extent} cells do not fit into {cells}"),
        };
        return fail(problem, &format!("give at most {cells} in this direction"));
    }
    let mut all = [1; 3];
    all[..d].copy_from_slice(extents);
    Ok(blocks(lattice, all))
}

/// The clusters of `clusters`, with their images where they share a table.
fn listed(lists: &[Vec<usize>], tied: bool, context: &Context) -> Result<Vec<Vec<u32>>> {
    let n = context.basis.sites();
    let fail = |problem: String, remedy: &str| Err(context.wrong("clusters", problem, remedy));
    let Some(first) = lists.first() else {
        return fail(
            "there is no cluster".into(),
            "give for example [[0, 1], [1, 2]]",
        );
    };
    check_length(first.len(), "clusters", context)?;
    for (p, cluster) in lists.iter().enumerate() {
        if cluster.len() != first.len() {
            let problem = format!(
                "cluster {p} has {} sites, the first {}",
                cluster.len(),
                first.len()
            );
            return fail(
                problem,
                "put clusters of each length into a factor of a product",
            );
        }
        if let Some(site) = cluster.iter().find(|&&i| i >= n) {
            let problem = format!("cluster {p} has the site {site}, and there are {n} sites");
            return fail(problem, "sites are numbered from 0");
        }
        let twice = |k: &usize| cluster[..*k].contains(&cluster[*k]);
        if let Some(k) = (0..cluster.len()).find(twice) {
            let problem = format!("cluster {p} contains the site {} twice", cluster[k]);
            return fail(problem, "name every site of a cluster once");
        }
    }
    let numbers = |c: &Vec<usize>| c.iter().map(|&i| i as u32).collect();
    let clusters: Vec<Vec<u32>> = lists.iter().map(numbers).collect();
    if !tied {
        return Ok(clusters);
    }
    let all = images(&clusters[0], &context.lattice.translations()?);
    match clusters.iter().position(|cluster| !all.contains(cluster)) {
        None => Ok(all),
        Some(p) => fail(
            format!("cluster {p} is no translation of the first"),
            "put clusters that are no images of each other into factors of a product",
        ),
    }
}

fn typed<T: Field>(keys: &Keys, clusters: PlaquetteClusters, context: &Context) -> Result<Erased> {
    let state = Plaquettes::<T>::new(clusters, keys.init, context.origin);
    context.loaded(state, keys.load.as_ref())
}

/// Builds an entangled-plaquette state from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_init(keys.init, context)?;
    let tied = keys.symmetry == Symmetry::Translations;
    let clusters = match (&keys.cluster, &keys.clusters) {
        (Some(extents), None) => regular(extents, context)?,
        (None, Some(lists)) => listed(lists, tied, context)?,
        (None, None) => {
            let remedy = "give the extent of the clusters, such as [2, 2]";
            return Err(context.wrong("cluster", "the key is missing", remedy));
        }
        (Some(_), Some(_)) => {
            let problem = "both cluster and clusters are given";
            return Err(context.wrong("clusters", problem, "give one of them"));
        }
    };
    if tied {
        let group = context.lattice.translations()?;
        if group.permutations.len() > 1 {
            check_tied(context, &group, &context.key("symmetry"))?;
        }
    }
    let parts = match keys.parameters {
        ParameterNumbers::Real => f64::PARTS,
        ParameterNumbers::Complex => Complex64::PARTS,
    };
    let tables = if tied { 1 } else { clusters.len() };
    let states = 2f64.powi(clusters[0].len() as i32);
    check_parameters(parts as f64 * tables as f64 * states, 1.0)?;
    let clusters = PlaquetteClusters::new(context.basis.sites(), &clusters, tied);
    match keys.parameters {
        ParameterNumbers::Real => typed::<f64>(&keys, clusters, context),
        ParameterNumbers::Complex => typed::<Complex64>(&keys, clusters, context),
    }
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
