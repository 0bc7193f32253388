//! Decides which optimiser `[optimize]` means, and why.

use super::keys::OptimizeInput;
use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::optimizer::{CostModel, Optimizer, OptimizerEntry, Sizes, choose_sr};
use crate::table::Entry;

/// The name that stands for the cheapest method of stochastic reconfiguration.
pub(super) const CHEAPEST: &str = "sr";

/// A method before it is built.
#[derive(Debug, Clone)]
pub struct ChosenMethod {
    /// Its registered name.
    pub kind: &'static str,
    /// Why, where the input said "sr".
    pub reason: String,
    /// What a direction costs.
    pub cost: CostModel,
}

impl ChosenMethod {
    /// Whether what a direction costs depends on a number of iterations.
    pub fn is_iterative(&self, sizes: &Sizes) -> bool {
        let operations = |iterations| (self.cost)(sizes, 0, iterations).operations;
        operations(2) > operations(1)
    }
}

/// An optimiser with its name.
pub struct ChosenOptimizer {
    /// The rule.
    pub optimizer: Box<dyn Optimizer>,
    /// Its registered name.
    pub kind: &'static str,
    /// Whether it needs local derivatives.
    pub local_derivatives: bool,
}

/// The method of `[optimize]` and why, for ranks that have `memory` bytes each.
pub fn method(
    optimize: &OptimizeInput,
    registry: &Registry,
    sizes: &Sizes,
    memory: f64,
) -> Result<ChosenMethod> {
    let (entry, mut reason) = match optimize.method.as_str() {
        CHEAPEST => choose_sr(sizes, memory),
        other => (find(registry, other)?, "named in the input".to_string()),
    };
    let order = (entry.cost)(sizes, 0, 0).order;
    if order.is_some_and(|order| sizes.is_shared_out(order)) {
        let ranks = sizes.ranks;
        reason = format!("{reason}; its matrix is shared out over {ranks} ranks");
    }
    Ok(ChosenMethod {
        kind: entry.kind,
        reason,
        cost: entry.cost,
    })
}

fn find<'a>(registry: &Registry<'a>, kind: &str) -> Result<&'a OptimizerEntry> {
    let known = |key, problem, remedy: String| {
        let is_cheapest = kind.eq_ignore_ascii_case(CHEAPEST);
        let (_, all) = remedy.split_once("known: ").unwrap_or(("", &remedy));
        let remedy = match is_cheapest {
            true => format!("did you mean \"{CHEAPEST}\"? known: {all}"),
            false => remedy,
        };
        [key, problem, format!("{remedy}, or \"{CHEAPEST}\"")]
    };
    let found = registry.optimizers.find(kind, "optimize.method");
    found.map_err(|e| e.of_input(known))
}

/// Builds the optimiser of `[optimize]` with the method that [`method`] has found.
pub fn optimizer(
    o: &OptimizeInput,
    registry: &Registry,
    method: &ChosenMethod,
) -> Result<ChosenOptimizer> {
    o.learning_rate.validate("optimize.learning_rate", false)?;
    let entry = find(registry, method.kind)?;
    let own = own_keys(o, registry, entry)?;
    Ok(ChosenOptimizer {
        optimizer: (entry.build)(&own, &o.metric.options()?)?,
        kind: entry.kind,
        local_derivatives: entry.local_derivatives,
    })
}

/// The keys of the method. Keys of other methods are left out with a warning, so that one input
/// serves several; keys that no method has are an error.
fn own_keys(o: &OptimizeInput, registry: &Registry, entry: &OptimizerEntry) -> Result<toml::Table> {
    let has = |e: &OptimizerEntry, key: &str| e.schema()["properties"].get(key).is_some();
    let mut own = o.own.clone();
    for key in o.own.keys().filter(|key| !has(entry, key)) {
        let of: Vec<_> = registry.optimizers.iter().filter(|e| has(e, key)).collect();
        if of.is_empty() {
            return Err(Error::input(
                format!("optimize.{key}"),
                "unknown key",
                "no method has it; `nishina schema` lists the keys of [optimize]",
            ));
        }
        let of: Vec<_> = of.iter().map(|e| e.kind).collect();
        warn_of_unused(key, &of.join(", "), o, entry);
        own.remove(key);
    }
    if !entry.metric {
        let of = registry.optimizers.iter().filter(|e| e.metric);
        let of = of.map(|e| e.kind).collect::<Vec<_>>().join(", ");
        let length = o.max_distance.is_some().then_some("max_distance");
        for key in o.metric.given().into_iter().chain(length) {
            warn_of_unused(key, &of, o, entry);
        }
    }
    Ok(own)
}

fn warn_of_unused(key: &str, methods: &str, o: &OptimizeInput, entry: &OptimizerEntry) {
    let chosen = match o.method == CHEAPEST {
        true => format!(", which \"{CHEAPEST}\" has chosen"),
        false => String::new(),
    };
    log::warn!(
        "optimize.{key} belongs to {methods} and has no effect on {}{chosen}",
        entry.kind
    );
}
