//! Objectives and gradients at given parameters: the reference numbers, and finite differences for
//! other wave functions.

use crate::common::{Case, expect_code};
use crate::reference::{entries, text};
use nishina::io::hdf5;
use nishina::io::tree::{Tree, Value};
use nishina::number::flatten;
use num_complex::Complex64;
use toml::Table;

/// The entry with this name, its values, and the parameters of its formula.
fn entry(id: &str) -> Table {
    let found = entries("learn.toml")
        .into_iter()
        .find(|e| text(e, "id") == id);
    found.unwrap()["values"].as_table().unwrap().clone()
}

/// All numbers of a value, row by row.
fn numbers(value: &toml::Value) -> Vec<f64> {
    match value {
        toml::Value::Array(list) => list.iter().flat_map(numbers).collect(),
        other => vec![other.as_float().unwrap()],
    }
}

fn close(found: &[f64], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (f, w) in found.iter().zip(wanted) {
        assert!((f - w).abs() < 1e-9, "{what}: {f} is not {w}");
    }
}

fn put(tree: &mut Tree, name: &str, shape: &[usize], of: impl Fn(f64, f64) -> Complex64) {
    let columns = shape.get(1).copied().unwrap_or(1);
    let count: usize = shape.iter().product();
    let at = |k: usize| of((k / columns) as f64, (k % columns) as f64);
    tree.put_complex(name, shape, &(0..count).map(at).collect::<Vec<_>>());
}

/// The same with real numbers.
fn put_real(tree: &mut Tree, name: &str, shape: &[usize], of: impl Fn(f64, f64) -> f64) {
    put(tree, name, shape, |i, j| of(i, j).into());
    let all = tree.complexes(name).unwrap();
    let real: Vec<f64> = all.iter().map(|z| z.re).collect();
    tree.put(
        name,
        Value::Real(ndarray::ArrayD::from_shape_vec(shape, real).unwrap()),
    );
}

fn machine(sites: usize, hidden: usize) -> Tree {
    let mut tree = Tree::default();
    put_real(&mut tree, "a", &[sites], |i, _| 0.2 * (1.0 + i).cos());
    put_real(&mut tree, "b", &[hidden], |j, _| 0.15 * (1.0 + j).sin());
    let w = |i: f64, j: f64| 0.3 * (1.0 + i + 2.0 * j).cos();
    put_real(&mut tree, "W", &[sites, hidden], w);
    tree
}

/// A case of a ring with this wave function and these keys of `[learn]`; the parameters are in
/// `start.h5`.
fn ring(sites: usize, ansatz: &str, learn: &str, start: &Tree) -> Case {
    let case = Case::new(&format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n\
         [ansatz]\n{ansatz}\nload = 'start.h5'\n[sampler]\nmethod = 'full-sum'\n[learn]\n\
         {learn}\nsteps = 0\nlearning_rate = 0.01\n[measure]\nsamples = 1\n\
         observables = ['spin-correlations-zz']\n"
    ));
    hdf5::write_atomic(&case.path("start.h5"), start).unwrap();
    case
}

fn learned(case: &Case) -> Tree {
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case.tree("x.h5")
}

#[test]
fn a_machine_beside_a_distribution() {
    let wanted = entry("kl-ring4-h1-m3");
    let case = ring(
        4,
        "kind = 'boltzmann'\ndensity = 0.75",
        "objective = 'kullback-leibler'\ntarget = { kind = 'ground-state' }",
        &machine(4, 3),
    );
    let found = learned(&case);
    for (name, reference) in [
        ("kl", "kl"),
        ("entropy", "shannon_entropy"),
        ("nll", "nll"),
        ("objective", "nll"),
        ("log_z", "log_z"),
        ("fidelity", "fidelity"),
    ] {
        let value = found.real(&format!("learn/{name}")).unwrap();
        close(&[value], &numbers(&wanted[reference]), name);
    }
    assert_eq!(found.real("learn/log_z_error"), Ok(0.0));
    for block in ["a", "b", "W"] {
        let gradient = found.reals(&format!("learn/gradient/{block}")).unwrap();
        close(
            &gradient,
            &numbers(&wanted[&format!("gradient_{block}")]),
            block,
        );
    }
    let energy = found.real("measure/energy/mean").unwrap();
    close(&[energy], &numbers(&wanted["energy_of_psi"]), "energy");
    let row = found.reals("learn/history/kl").unwrap();
    close(&row, &numbers(&wanted["kl"]), "history");
}

#[test]
fn a_state_beside_rotated_bases() {
    let wanted = entry("rotated-n3-m2");
    let mut start = machine(3, 2);
    put_real(&mut start, "phase_a", &[3], |i, _| 0.1 * (2.0 + i).sin());
    put_real(&mut start, "phase_b", &[2], |j, _| 0.1 * (1.0 + j).cos());
    let w = |i: f64, j: f64| 0.25 * (1.0 + 2.0 * i + j).sin();
    put_real(&mut start, "phase_W", &[3, 2], w);
    let case = ring(
        3,
        "kind = 'boltzmann'\nphase = true\ndensity = 0.7",
        "objective = 'kullback-leibler'\nbases = ['ZZZ', 'XXZ', 'ZXY']\n\
         target = { kind = 'file', file = 'target.h5' }",
        &start,
    );
    let mut target = Tree::default();
    put(&mut target, "amplitudes", &[8], |w, _| {
        Complex64::new(1.0 + 0.4 * (1.0 + w).sin(), 0.3 * (2.0 + 3.0 * w).cos())
    });
    hdf5::write_atomic(&case.path("target.h5"), &target).unwrap();
    let found = learned(&case);
    for (name, reference) in [
        ("nll", "nll"),
        ("entropy", "entropy_of_data"),
        ("fidelity", "fidelity"),
    ] {
        let value = found.real(&format!("learn/{name}")).unwrap();
        close(&[value], &numbers(&wanted[reference]), name);
    }
    for block in ["a", "b", "W", "phase_a", "phase_b", "phase_W"] {
        let gradient = found.reals(&format!("learn/gradient/{block}")).unwrap();
        close(
            &gradient,
            &numbers(&wanted[&format!("gradient_{block}")]),
            block,
        );
    }
}

#[test]
fn a_state_beside_another() {
    let wanted = entry("infidelity-ring4-h1");
    let mut start = Tree::default();
    let c = Complex64::new;
    let a = |i: f64, _: f64| c(0.10 * (1.0 + i).cos(), 0.05 * (2.0 + i).sin());
    let b = |j: f64, _: f64| c(0.08 * (1.0 + j).sin(), 0.06 * (3.0 + j).cos());
    let w = |i: f64, j: f64| {
        c(
            0.12 * (1.0 + i + 2.0 * j).cos(),
            0.07 * (2.0 + 3.0 * i + j).sin(),
        )
    };
    put(&mut start, "a", &[4], a);
    put(&mut start, "b", &[3], b);
    put(&mut start, "W", &[4, 3], w);
    let case = ring(
        4,
        "kind = 'rbm'\ndensity = 0.75",
        "objective = 'infidelity'\ntarget = { kind = 'ground-state' }",
        &start,
    );
    let found = learned(&case);
    for (name, reference) in [
        ("objective", "minus_log_fidelity"),
        ("fidelity", "fidelity"),
    ] {
        let value = found.real(&format!("learn/{name}")).unwrap();
        close(&[value], &numbers(&wanted[reference]), name);
    }
    for block in ["a", "b", "W"] {
        let gradient = found.complexes(&format!("learn/gradient/{block}")).unwrap();
        let wanted = numbers(&wanted[&format!("gradient_{block}")]);
        close(&flatten(gradient), &wanted, block);
    }
}

/// Fails unless the gradient of the objective is its finite difference, for each of the parameters
/// that a run of no steps starts from. Complex blocks: by θ*, (∂/∂Re + i ∂/∂Im)/2.
fn differentiated(case: &Case, blocks: &[&str]) {
    let first = learned(case);
    let value = |tree: &Tree, path: &str| tree.datasets[path].clone();
    let mut start = Tree::default();
    for name in first
        .datasets
        .keys()
        .filter_map(|p| p.strip_prefix("parameters/"))
    {
        start.put(name, value(&first, &format!("parameters/{name}")));
    }
    let objective = |tree: &Tree| {
        hdf5::write_atomic(&case.path("start.h5"), tree).unwrap();
        expect_code(&case.alone(&["run", "x.toml", "--fresh"]), 0);
        case.tree("x.h5").real("learn/objective").unwrap()
    };
    const H: f64 = 1e-4;
    for block in blocks {
        let gradient = value(&first, &format!("learn/gradient/{block}"));
        let wanted: Vec<f64> = match &gradient {
            Value::Complex(g) => flatten(g.iter().map(|z| 2.0 * z)),
            Value::Real(g) => g.iter().copied().collect(),
            other => panic!("{other:?}"),
        };
        // The first, one in the middle, the last.
        for k in [0, wanted.len() / 2, wanted.len() - 1] {
            let at = |shift: f64| {
                let mut moved = start.clone();
                match moved.datasets.get_mut(*block).unwrap() {
                    Value::Complex(v) => {
                        let z = &mut v.as_slice_mut().unwrap()[k / 2];
                        *z += if k % 2 == 0 {
                            c(shift, 0.0)
                        } else {
                            c(0.0, shift)
                        };
                    }
                    Value::Real(v) => v.as_slice_mut().unwrap()[k] += shift,
                    other => panic!("{other:?}"),
                }
                objective(&moved)
            };
            let slope = (8.0 * (at(H) - at(-H)) - at(2.0 * H) + at(-2.0 * H)) / (12.0 * H);
            assert!(
                (slope - wanted[k]).abs() < 1e-8,
                "{block} {k}: {slope}, {}",
                wanted[k]
            );
        }
    }
}

fn c(re: f64, im: f64) -> Complex64 {
    Complex64::new(re, im)
}

#[test]
fn outcomes_with_readout_errors_pull_as_they_should() {
    let mut start = machine(3, 3);
    for (name, scale) in [("phase_a", 0.2), ("phase_b", -0.3)] {
        put_real(&mut start, name, &[3], |i, _| scale * (1.0 + i).sin());
    }
    put_real(&mut start, "phase_W", &[3, 3], |i, j| {
        0.3 * (i - 2.0 * j).sin()
    });
    let case = ring(
        3,
        "kind = 'boltzmann'\nphase = true\ndensity = 1",
        "objective = 'kullback-leibler'\ntarget = { kind = 'shots', file = 'shots.csv' }\n\
         readout = [[[0.97, 0.04], [0.03, 0.96]]]",
        &start,
    );
    let table = "basis,outcome,weight\nZZZ,+++,5\nZZZ,+-+,2\nXYZ,+--,3\nXYZ,-++,1\nYYX,---,4\n";
    std::fs::write(case.path("shots.csv"), table).unwrap();
    differentiated(&case, &["a", "W", "phase_b", "phase_W"]);
}

#[test]
fn rotated_bases_mix_what_a_sector_leaves_out() {
    // psi is 0 outside the sector: chains and full sums say the same.
    let input = |sampler: &str| {
        format!(
            "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'heisenberg'\n\
             sector = {{ total_sz = 0 }}\n[ansatz]\nkind = 'rbm'\ndensity = 1\n\
             load = 'start.h5'\n[sampler]\n{sampler}\n[learn]\nobjective = 'kullback-leibler'\n\
             target = {{ kind = 'ground-state' }}\nbases = ['ZZZZ', 'XXZZ', 'ZXYZ']\nsteps = 0\n\
             learning_rate = 0.01\n"
        )
    };
    let mut start = Tree::default();
    put(&mut start, "a", &[4], |i, _| c(0.1 * i, 0.05));
    put(&mut start, "b", &[4], |j, _| c(0.2 - 0.1 * j, 0.02 * j));
    put(&mut start, "W", &[4, 4], |i, j| {
        c(0.2 * (i + j).sin(), 0.1 * (i - j).cos())
    });
    let case = Case::new(&input("method = 'full-sum'"));
    hdf5::write_atomic(&case.path("start.h5"), &start).unwrap();
    differentiated(&case, &["a", "b", "W"]);
    let wanted = case.tree("x.h5").real("learn/nll").unwrap();
    let case = Case::new(&input("chains = 4\nsamples = 64"));
    hdf5::write_atomic(&case.path("start.h5"), &start).unwrap();
    let found = learned(&case).real("learn/nll").unwrap();
    // The last finite difference moved the parameters of the full sum by 2e-4.
    assert!((found - wanted).abs() < 1e-3, "{found}, {wanted}");
}

#[test]
fn any_wave_function_learns_outcomes_and_states() {
    let mut start = Tree::default();
    put(&mut start, "a", &[4], |i, _| c(0.1 * i, 0.05));
    put(&mut start, "b", &[4], |j, _| c(0.2 - 0.1 * j, 0.02 * j));
    put(&mut start, "W", &[4, 4], |i, j| {
        c(0.2 * (i + j).sin(), 0.1 * (i - j).cos())
    });
    let learn = "objective = 'kullback-leibler'\nbases = ['ZZZZ', 'XXZZ', 'ZXYX']\n\
                 target = { kind = 'ground-state' }";
    differentiated(
        &ring(4, "kind = 'rbm'\ndensity = 1", learn, &start),
        &["a", "b", "W"],
    );
    let mut real = Tree::default();
    put_real(&mut real, "a", &[4], |i, _| 0.1 * i);
    put_real(&mut real, "b", &[4], |j, _| 0.2 - 0.1 * j);
    put_real(&mut real, "W", &[4, 4], |i, j| 0.2 * (i + j).sin());
    let learn = "objective = 'infidelity'\ntarget = { kind = 'ground-state' }";
    let ansatz = "kind = 'rbm'\ndensity = 1\nparameters = 'real'";
    differentiated(&ring(4, ansatz, learn, &real), &["a", "b", "W"]);
}
