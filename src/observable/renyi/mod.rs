//! Decides the second Rényi entropy of blocks of sites, S₂ = −ln Tr ρ_A², by swapping the
//! block between two copies.
//!
//! Tr ρ_A² = ⟨ψ(a',b) ψ(a,b')/(ψ(a,b) ψ(a',b'))⟩ over independent x = (a,b), x' = (a',b')
//! (M. B. Hastings et al., Phys. Rev. Lett. 104, 157201 (2010)). Its noise grows like e^{S₂}; for
//! large blocks `method = "ratio"` multiplies ratios of blocks that differ by one site (see
//! `ratio`). A full sum takes Tr (ΨΨ^H)² with Ψ the amplitudes as a matrix [a, b].

mod ratio;

use super::density_matrix::density_matrix;
use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::basis::{Basis, Numbering, Step, TOTAL_SZ};
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::rng::{Generator, RngExt};
use num_complex::Complex64;
use serde::Deserialize;

/// Sweeps of the two copies before the first sample.
const COPY_BURN_IN: usize = 50;

/// Rényi-2 entropy of blocks, S2 = −ln Tr ρ², in nats.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Lists of sites, one per block.
    blocks: Vec<Vec<usize>>,
    /// "swap" (default) or "ratio".
    #[serde(default)]
    method: Estimator,
    /// ratio: sweeps of the two copies before the first sample of each block of samples (50).
    #[schemars(extend("default" = COPY_BURN_IN))]
    copy_burn_in: Option<usize>,
}

#[derive(
    Debug, Clone, Copy, Default, PartialEq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
enum Estimator {
    /// The block at once.
    #[default]
    Swap,
    /// Site by site.
    Ratio,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

/// Whether each site belongs to a block.
type Mask = Vec<bool>;

struct Swap {
    blocks: Vec<Mask>,
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    if context.basis.locals().iter().any(|l| l.fermionic) {
        return Err(Error::input(
            &context.path,
            "the exchange of blocks of fermions costs signs, which this estimator does not have",
            "remove it",
        ));
    }
    let sites = context.lattice.sites;
    let key = |name: &str| format!("{}.{name}", context.path);
    if keys.blocks.is_empty() {
        return Err(Error::input(
            key("blocks"),
            "there is no block",
            "give lists of sites such as [[0, 1], [0, 1, 2]]",
        ));
    }
    let mut masks = Vec::new();
    for block in &keys.blocks {
        let mask = mask(block, sites);
        if block.is_empty() || mask.iter().filter(|m| **m).count() != block.len() {
            let remedy = format!(
                "a block is a list of different sites from 0 to {}",
                sites - 1
            );
            return Err(Error::input(
                key("blocks"),
                format!("{block:?} is not a block of this lattice"),
                remedy,
            ));
        }
        masks.push(mask);
    }
    match (keys.method, keys.copy_burn_in) {
        (Estimator::Swap, Some(_)) => Err(Error::input(
            key("copy_burn_in"),
            "copies of their own exist for method = \"ratio\" only",
            "remove the key or change the method",
        )),
        (Estimator::Swap, None) => Ok(Box::new(Swap { blocks: masks })),
        (Estimator::Ratio, burn_in) => Ok(Box::new(ratio::Ratio::new(
            &keys.blocks,
            context.basis.clone(),
            context.seed,
            burn_in.unwrap_or(COPY_BURN_IN),
        ))),
    }
}

fn mask(block: &[usize], sites: usize) -> Mask {
    let mut mask = vec![false; sites];
    block
        .iter()
        .filter(|&&s| s < sites)
        .for_each(|&s| mask[s] = true);
    mask
}

/// The two configurations with the spins of the block exchanged.
fn swapped(x: &[i8], y: &[i8], mask: &[bool]) -> [Vec<i8>; 2] {
    let pick = |inside: &[i8], outside: &[i8]| {
        (0..mask.len())
            .map(|i| if mask[i] { inside[i] } else { outside[i] })
            .collect::<Vec<i8>>()
    };
    [pick(y, x), pick(x, y)]
}

/// Tr ρ² of a block from all amplitudes.
fn purity(index: &Numbering, amplitudes: &[Complex64], mask: &[bool]) -> Result<f64> {
    let rho = density_matrix(index, amplitudes, mask)?;
    Ok(rho.iter().map(|z| z.norm_sqr()).sum())
}

/// −ln of a purity; noise that makes it negative leaves a large number with a larger error.
fn entropy(purity: f64) -> f64 {
    -purity.max(1e-16).ln()
}

fn quantities(blocks: usize) -> Vec<Quantity> {
    vec![
        quantity(
            "",
            &[blocks],
            "1".into(),
            "S2 = -ln Tr rho_A^2 in nats [block]",
        ),
        quantity("purity", &[blocks], "1".into(), "Tr rho_A^2 [block]"),
    ]
}

fn labels(blocks: &[Mask]) -> Vec<Label> {
    vec![Label {
        name: "blocks",
        shape: vec![blocks.len(), blocks[0].len()],
        values: blocks
            .iter()
            .flatten()
            .map(|&inside| f64::from(u8::from(inside)))
            .collect(),
        unit: "1",
        meaning: "1 where the site belongs to the block [block, site]",
    }]
}

impl Observable for Swap {
    fn columns(&self) -> usize {
        self.blocks.len()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let n = view.ensemble.sites();
        let mut asked: Vec<i8> = Vec::new();
        for (x, y) in view.configurations().zip(view.partners.chunks_exact(n)) {
            asked.extend(y);
            self.blocks
                .iter()
                .for_each(|mask| asked.extend(swapped(x, y, mask).concat()));
        }
        let psi = view.psi()?;
        let logs = psi.log_psi_of(&asked);
        let mut out = Vec::new();
        let mine = &psi.log_psi()[view.rows.clone()];
        for (x, theirs) in mine
            .iter()
            .zip(logs.chunks_exact(1 + 2 * self.blocks.len()))
        {
            for pair in theirs[1..].chunks_exact(2) {
                let zero = pair.iter().any(|l| l.re == f64::NEG_INFINITY);
                out.push(if zero {
                    0.0
                } else {
                    (pair[0] + pair[1] - x - theirs[0]).exp().re
                });
            }
        }
        Ok(out)
    }
    fn full_sum(&self, ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        let Some((index, amplitudes)) = ensemble.psi().and_then(|psi| psi.all()) else {
            return Ok(None);
        };
        self.blocks
            .iter()
            .map(|mask| purity(index, amplitudes, mask))
            .collect::<Result<Vec<f64>>>()
            .map(Some)
    }
    fn quantities(&self) -> Vec<Quantity> {
        quantities(self.blocks.len())
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        means
            .iter()
            .map(|&p| entropy(p))
            .chain(means.iter().copied())
            .collect()
    }
    fn labels(&self) -> Vec<Label> {
        labels(&self.blocks)
    }
    fn needs_partners(&self) -> bool {
        true
    }
}

/// A proposal on sites of many values: one site goes up or down, or one up and another down where
/// a charge is fixed. The way back is proposed as often.
fn propose_step(x: &[i8], basis: &Basis, rng: &mut Generator, step: &mut Step) {
    let (i, j) = (rng.random_range(0..x.len()), rng.random_range(0..x.len()));
    let moved = |site: usize, up: bool| {
        let by = basis.locals()[site].step;
        x[site].checked_add(if up { by } else { -by })
    };
    match (basis.charges().is_empty(), moved(i, true), moved(j, false)) {
        (true, ..) => {
            let to = moved(i, rng.random());
            to.into_iter().for_each(|v| step.set(i as u32, v));
        }
        (false, Some(a), Some(b)) if i != j => {
            step.set(i as u32, a);
            step.set(j as u32, b);
        }
        _ => {}
    }
    if !basis.keeps(x, step.get()) {
        step.clear();
    }
}

/// A copy's proposal, written into `step`; empty where nothing changes.
fn propose(x: &[i8], basis: &Basis, rng: &mut Generator, step: &mut Step) {
    let n = x.len();
    step.clear();
    if !basis.is_spin_half() {
        return propose_step(x, basis, rng, step);
    }
    let total = basis.fixed(TOTAL_SZ);
    if total.is_none_or(|m| m == 0) && rng.random_range(0..2 * n) == 0 {
        (0u32..).zip(x).for_each(|(i, &value)| step.set(i, -value));
        return;
    }
    let i = rng.random_range(0..n);
    if total.is_none() {
        step.set(i as u32, -x[i]);
        return;
    }
    let j = rng.random_range(0..n);
    if x[i] != x[j] {
        step.set(i as u32, x[j]);
        step.set(j as u32, x[i]);
    }
}
