//! Decides plain gradient descent, `sgd`: δ = F.

use super::{Direction, Objective, Optimizer, OptimizerEntry, cost};
use crate::comm::Comm;
use crate::error::Result;
use crate::io::tree::Tree;
use serde::Deserialize;

pub(super) const ENTRY: OptimizerEntry = OptimizerEntry {
    kind: "sgd",
    build: |keys, _| {
        crate::table::parse::<Keys>(keys, "optimize")?;
        Ok(Box::new(Sgd))
    },
    schema: crate::table::schema_of::<Keys>,
    metric: false,
    cross_validated: false,
    local_derivatives: false,
    cost: cost::of_gradient,
};

/// Plain gradient descent, δ = F.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {}

struct Sgd;

impl Optimizer for Sgd {
    fn direction(
        &mut self,
        objective: &Objective,
        _step: usize,
        comm: &dyn Comm,
    ) -> Result<Direction> {
        Ok(Direction::plain(objective.gradient(comm)?))
    }
    fn save(&self, _tree: &mut Tree, _prefix: &str) {}
    fn load(&mut self, _tree: &Tree, _prefix: &str) -> Result<()> {
        Ok(())
    }
}
