//! Decides what results say of the wave function: its parameters by name, sites, proposals.

use super::Vmc;
use crate::ansatz::block::split;
use crate::ansatz::{Block, BlockArray};
use crate::error::{Error, Result};
use crate::io::tree::{Tree, Value, shaped};
use crate::number;
use num_complex::Complex64;
use std::rc::Rc;

/// Parameters of a form of the wave function that is not the one that is sampled.
#[derive(Debug, Clone)]
pub enum ShownParameters {
    /// Blocks and their entries, flat.
    Blocks(Vec<Block>, Vec<f64>),
    /// Datasets by name.
    Datasets(Rc<Tree>),
}

impl Vmc<'_> {
    /// Writes what all sections share.
    pub fn record(&self, out: &mut Tree) -> Result<()> {
        out.put_integer("status/proposals", self.proposals as i64);
        out.put_integer("status/sites", self.sites() as i64);
        self.record_parameters(out)
    }

    /// One dataset per block of the wave function, complex where the block is.
    fn record_parameters(&self, out: &mut Tree) -> Result<()> {
        // Those of the section before go first: there may be many.
        out.remove_group("parameters");
        let (layout, flat) = match &self.shown {
            Some(ShownParameters::Datasets(parameters)) => {
                out.put_group("parameters", (**parameters).clone());
                return Ok(());
            }
            Some(ShownParameters::Blocks(layout, flat)) => (layout.clone(), flat.clone()),
            None => (self.ensemble.layout(), self.ensemble.parameters()),
        };
        let parts = split(&layout, &flat).ok_or_else(|| {
            Error::numerical(
                "the layout of the wave function does not fit its parameters",
                "fix it",
            )
        })?;
        for (block, own) in parts {
            let value = value_of(block, own);
            let path = format!("parameters/{}", block.name);
            out.describe(&path, value, "1", "final parameters");
        }
        Ok(())
    }
}

/// The dataset of a block's own part of a flat vector.
pub fn value_of(block: &Block, own: &[f64]) -> Value {
    match block.array(own) {
        BlockArray::Real(all) => Value::Real(shaped(&block.shape, all)),
        BlockArray::Complex(all) => Value::Complex(shaped(&block.shape, all)),
    }
}

/// The flat parameter vector that a results or checkpoint file holds for a wave function of this
/// layout.
///
/// Fails with `Error::Output` where a block is missing.
pub fn parameters_of(tree: &Tree, layout: &[Block]) -> Result<Vec<f64>> {
    if let Ok(flat) = present_parameters(tree) {
        return Ok(flat);
    }
    let mut parameters = Vec::new();
    for block in layout {
        let path = format!("parameters/{}", block.name);
        let own = match block.complex {
            true => (block.taken(&tree.complexes(&path)?, Complex64::ZERO)).map(number::flatten),
            false => block.taken(&tree.reals(&path)?, 0.0),
        };
        parameters.extend(own.ok_or_else(|| {
            Error::output(path, "the array does not fit the wave function of the file")
        })?);
    }
    Ok(parameters)
}

/// The parameters of the last section that a checkpoint has begun.
fn present_parameters(tree: &Tree) -> Result<Vec<f64>> {
    let begun = tree.texts("run/sections")?;
    let last = begun.iter().rev().find_map(|name| {
        let path = format!("{name}/parameters");
        tree.datasets.contains_key(&path).then_some(path)
    });
    tree.reals(&last.unwrap_or_default())
}
