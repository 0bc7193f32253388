//! Decides the state that an evolution starts from where it is not the result of `[optimize]`: a
//! product state, or a file.
//!
//! A spin along (θ, φ) has ψ(↑)/ψ(↓) = cot(θ/2) e^{−iφ} = e^{2a}, so that ln ψ(x) = a Σ_i σ_i: the
//! visible biases `a` of a network, one complex number or a modulus and a phase for each site.

use super::keys::{InitialState, keys};
use crate::ansatz::Block;
use crate::calculation::vmc::{Vmc, parameters_of};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::hdf5;
use crate::rng::{Purpose, stream};
use num_complex::Complex64;
use std::f64::consts::{FRAC_PI_2, TAU};

/// Configurations on which a product state is looked at.
const LOOKED_AT: usize = 16;
/// Largest error of ln ψ there.
const TOLERANCE: f64 = 1e-4;

/// Puts the state of `evolve.start` into the ensemble.
pub fn start(source: &Source, vmc: &mut Vmc) -> Result<()> {
    match keys(source)?.and_then(|e| e.start) {
        None => Ok(()),
        Some(InitialState::Product { theta, phi }) => product(vmc, theta, phi),
        Some(InitialState::File { file }) => {
            let wrong = |problem: String| {
                Error::input(
                    "evolve.start.file",
                    problem,
                    "give a file of the same wave function",
                )
            };
            let tree = hdf5::read(&source.folder.join(file)).map_err(|e| wrong(e.to_string()))?;
            let layout = vmc.ensemble.layout();
            let stored = parameters_of(&tree, &layout).map_err(|e| wrong(e.to_string()))?;
            let wanted = vmc.ensemble.parameters().len();
            if stored.len() != wanted {
                let found = stored.len();
                return Err(wrong(format!("{found} parameters instead of {wanted}")));
            }
            vmc.ensemble.set_parameters(&stored)
        }
    }
}

/// All spins along (θ, φ), up to the random initial weights.
fn product(vmc: &mut Vmc, theta: f64, phi: f64) -> Result<()> {
    let field = Complex64::new(-0.5 * (0.5 * theta).tan().ln(), -0.5 * phi);
    let along_x = (theta - FRAC_PI_2).abs() < 1e-12 && phi == 0.0;
    let initial = vmc.ensemble.parameters();
    let without = with_biases(&initial, &vmc.ensemble.layout(), Complex64::ZERO);
    let there = with_biases(&initial, &vmc.ensemble.layout(), field);
    let (Some(without), Some(there)) = (without, there) else {
        return if along_x { Ok(()) } else { Err(no_biases()) };
    };
    let mut rng = stream(vmc.seed, Purpose::Configurations, 0, u64::MAX);
    let rows = (0..LOOKED_AT).flat_map(|_| vmc.problem.basis.random(&mut rng));
    let xs: Vec<i8> = rows.collect();
    vmc.ensemble.set_parameters(&without)?;
    let before = vmc.ensemble.log_psi_of(&xs);
    vmc.ensemble.set_parameters(&there)?;
    let after = vmc.ensemble.log_psi_of(&xs);
    let sums = xs.chunks_exact(vmc.sites());
    let sums: Vec<f64> = sums
        .map(|x| x.iter().map(|&s| f64::from(s)).sum())
        .collect();
    // What the biases add has to be the product state, up to a factor; phases count modulo 2π.
    let left: Vec<Complex64> = (0..LOOKED_AT)
        .map(|k| after[k] - before[k] - field * sums[k])
        .collect();
    let is_product = left.iter().all(|l| {
        let d = l - left[0];
        let turns = (d.im / TAU).round();
        d.re.abs() < TOLERANCE && (d.im - turns * TAU).abs() < TOLERANCE
    });
    if is_product { Ok(()) } else { Err(no_biases()) }
}

fn no_biases() -> Error {
    Error::input(
        "evolve.start",
        "the wave function has no visible bias that could hold this product state",
        "use ansatz.visible_bias = true with complex parameters, or theta = pi/2",
    )
}

/// The parameters with `field` at every site; `None` without biases that can hold it.
fn with_biases(parameters: &[f64], layout: &[Block], field: Complex64) -> Option<Vec<f64>> {
    let mut all = parameters.to_vec();
    let mut start = 0;
    for block in layout {
        let length = block.numbers();
        let mine = &mut all[start..start + length];
        start += length;
        if block.name != "a" {
            continue;
        }
        match (block.complex, &block.shape[..]) {
            (true, _) => {
                let pairs = mine.chunks_exact_mut(2);
                pairs.for_each(|a| a.copy_from_slice(&[field.re, field.im]));
            }
            // Moduli, then phases.
            (false, [2, sites]) => {
                mine[..*sites].fill(field.re);
                mine[*sites..].fill(field.im);
            }
            (false, [_]) if field.im == 0.0 => mine.fill(field.re),
            _ => return None,
        }
        return Some(all);
    }
    None
}
