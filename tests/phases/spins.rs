//! Files of configurations that the tests make: the Ising model on a square, by single flips.

use crate::common::Case;
use nishina::io::tree::{Tree, Value};
use nishina::rng::{Generator, Purpose, RngExt, stream};

/// Configurations, energies, chains and temperatures of a square of `length` sites.
pub fn ising(length: usize, temperatures: &[f64], chains: usize, each: usize) -> Tree {
    let n = length * length;
    let (mut spins, mut energies) = (Vec::new(), Vec::new());
    let (mut chain, mut parameter) = (Vec::new(), Vec::new());
    for (t, temperature) in temperatures.iter().enumerate() {
        for c in 0..chains {
            let mut rng = stream(9, Purpose::Law, t as u64, c as u64);
            // Both signs: a chain starts up or down.
            let mut state = vec![if c % 2 == 0 { 1i8 } else { -1 }; n];
            for sample in 0..each + 10 {
                (0..3).for_each(|_| sweep(&mut state, length, *temperature, &mut rng));
                if sample >= 10 {
                    spins.extend(&state);
                    energies.push(energy(&state, length));
                    chain.push(c as i64);
                    parameter.push(*temperature);
                }
            }
        }
    }
    let mut tree = Tree::default();
    tree.put_spins("configurations", &[parameter.len(), n], &spins);
    tree.put_reals("energies", &energies);
    tree.put_integers("chain", &chain);
    tree.put_reals("parameter", &parameter);
    tree
}

fn around(site: usize, length: usize) -> [usize; 4] {
    let (x, y) = (site % length, site / length);
    let at = |x: usize, y: usize| x % length + length * (y % length);
    [
        at(x + 1, y),
        at(x, y + 1),
        at(x + length - 1, y),
        at(x, y + length - 1),
    ]
}

fn sweep(state: &mut [i8], length: usize, temperature: f64, rng: &mut Generator) {
    for site in 0..state.len() {
        let field: i32 = around(site, length)
            .iter()
            .map(|j| i32::from(state[*j]))
            .sum();
        let rise = 2.0 * f64::from(i32::from(state[site]) * field);
        if rng.random::<f64>() < (-rise / temperature).exp() {
            state[site] = -state[site];
        }
    }
}

fn energy(state: &[i8], length: usize) -> f64 {
    let of = |site: usize| {
        let [right, up, ..] = around(site, length);
        let sum = i32::from(state[right]) + i32::from(state[up]);
        -sum * i32::from(state[site])
    };
    f64::from((0..state.len()).map(of).sum::<i32>())
}

/// Writes a tree as a file that another program might have made: without a seal.
pub fn write_foreign(case: &Case, name: &str, tree: &Tree) {
    let path = case.path(name);
    // This program writes finite numbers alone: others are put in afterwards.
    let (mut sound, mut others) = (tree.clone(), Vec::new());
    for (name, value) in &mut sound.datasets {
        if let Value::Real(all) = value
            && all.iter().any(|v| !v.is_finite())
        {
            others.push((name.clone(), all.clone()));
            all.fill(0.0);
        }
    }
    nishina::io::hdf5::write_atomic(&path, &sound).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..8].copy_from_slice(b"whatever");
    std::fs::write(&path, bytes).unwrap();
    for (name, all) in others {
        let file = hdf5::File::open_rw(&path).unwrap();
        file.dataset(&name).unwrap().write(&all).unwrap();
    }
}

/// Adds real numbers of a shape.
pub fn put_shaped(tree: &mut Tree, path: &str, shape: &[usize], values: Vec<f64>) {
    let array = nishina::io::tree::shaped(shape, values);
    tree.put(path, Value::Real(array));
}

/// The shape of a dataset of real numbers.
pub fn shape(tree: &Tree, path: &str) -> Vec<usize> {
    match &tree.datasets[path] {
        Value::Real(a) => a.shape().to_vec(),
        other => panic!("{path}: {other:?}"),
    }
}
