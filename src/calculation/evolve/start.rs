//! Decides the state that an evolution starts from where it is not the result of `[optimize]`: a
//! product state, or a file.
//!
//! A spin along (θ, φ) has ψ(↑)/ψ(↓) = cot(θ/2) e^{−iφ} = e^{2a}.

use super::keys::{Start, keys};
use crate::calculation::vmc::parameters_of;
use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::hdf5;

/// Puts the state of `evolve.start` into the ensemble.
pub fn start(source: &Source, ensemble: &mut dyn Variational) -> Result<()> {
    let Some(start) = keys(source)?.and_then(|e| e.start) else {
        return Ok(());
    };
    let mut parameters = ensemble.parameters();
    match start {
        Start::Product { theta, phi } => {
            // ψ(↑)/ψ(↓) = cot(θ/2) e^{−iφ} = e^{2a}
            let (re, im) = (-0.5 * (0.5 * theta).tan().ln(), -0.5 * phi);
            let mut at = 0;
            let mut found = false;
            for block in ensemble.layout() {
                let width = if block.complex { 2 } else { 1 };
                let length = width * block.shape.iter().product::<usize>();
                if block.name == "a" && (block.complex || phi == 0.0) {
                    found = true;
                    parameters[at..at + length]
                        .chunks_exact_mut(width)
                        .for_each(|a| a.copy_from_slice(&[re, im][..width]));
                }
                at += length;
            }
            let along_x = (theta - std::f64::consts::FRAC_PI_2).abs() < 1e-12 && phi == 0.0;
            if !found && !along_x {
                return Err(Error::input(
                    "evolve.start",
                    "the wave function has no visible bias that could hold this product state",
                    "use ansatz.visible_bias = true with complex parameters, or theta = pi/2",
                ));
            }
        }
        Start::File { file } => {
            let wrong = |problem: String| {
                Error::input(
                    "evolve.start.file",
                    problem,
                    "give a file of the same wave function",
                )
            };
            let path = source.folder.join(file);
            let tree = hdf5::read(&path).map_err(|e| wrong(e.to_string()))?;
            let stored =
                parameters_of(&tree, &ensemble.layout()).map_err(|e| wrong(e.to_string()))?;
            if stored.len() != parameters.len() {
                return Err(wrong(format!(
                    "{} parameters instead of {}",
                    stored.len(),
                    parameters.len()
                )));
            }
            parameters = stored;
        }
    }
    ensemble.set_parameters(&parameters)
}
