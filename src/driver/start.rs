//! Decides the state that an evolution starts from where it is not the result of `[optimize]`: a
//! product state, or a file.
//!
//! A spin along (θ, φ) has ψ(↑)/ψ(↓) = cot(θ/2) e^{−iφ} = e^{2a}.

use crate::ensemble::Variational;
use crate::error::{Error, Result};
use crate::input::{Source, Start};
use crate::io::hdf5;
use crate::number::flatten;

/// Puts the state of `evolve.start` into the ensemble.
pub fn start(source: &Source, ensemble: &mut dyn Variational) -> Result<()> {
    let Some(start) = source.input.evolve.as_ref().and_then(|e| e.start.as_ref()) else {
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
                if block.name == "a" && (block.complex || *phi == 0.0) {
                    found = true;
                    parameters[at..at + length]
                        .chunks_exact_mut(width)
                        .for_each(|a| a.copy_from_slice(&[re, im][..width]));
                }
                at += length;
            }
            let along_x = (theta - std::f64::consts::FRAC_PI_2).abs() < 1e-12 && *phi == 0.0;
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
            let stored = match tree.reals("parameters/flat") {
                Ok(flat) => flat,
                Err(_) => ensemble
                    .layout()
                    .iter()
                    .map(|block| {
                        let name = format!("parameters/{}", block.name);
                        if block.complex {
                            tree.complexes(&name).map(|v| flatten(v.iter().copied()))
                        } else {
                            tree.reals(&name)
                        }
                    })
                    .collect::<Result<Vec<Vec<f64>>>>()
                    .map_err(|e| wrong(e.to_string()))?
                    .concat(),
            };
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
