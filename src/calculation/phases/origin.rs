//! Decides where the configurations of `[phases]` come from, and what is known of them before there
//! are any.

use super::files;
use super::keys::PhasesInput;
use super::spins::SpinData;
use crate::calculation::world::World;
use crate::comm::Comm;
use crate::error::Result;

/// Where configurations come from.
pub(super) enum Origin {
    /// Files, read at the start.
    Files(SpinData),
}

impl Origin {
    /// Of an input.
    pub fn new(world: &World, keys: &PhasesInput) -> Result<Self> {
        files::read(world.source, keys).map(Origin::Files)
    }

    /// Sites of a configuration.
    pub fn sites(&self) -> usize {
        match self {
            Origin::Files(data) => data.sites,
        }
    }

    /// Values of the parameter, in the order of their numbers.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Origin::Files(data) => data.values.clone(),
        }
    }

    /// Configurations there are, or will be.
    pub fn rows(&self) -> usize {
        match self {
            Origin::Files(data) => data.rows(),
        }
    }

    /// All configurations, on every rank; collective.
    pub fn spins(&self, _comm: &dyn Comm) -> Result<SpinData> {
        match self {
            Origin::Files(data) => Ok(data.clone()),
        }
    }
}
