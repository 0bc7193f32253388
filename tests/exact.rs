//! Exact diagonalisation against energies and spectra of small lattices that were computed
//! independently.
//!
//! Every spin-1/2 entry whose sector has at most 2^20 states (2^24 where NISHINA_LONG is set)
//! agrees to 1e-9.

#[path = "common/reference.rs"]
mod reference;

use nishina::basis::Basis;
use nishina::exact::{self, ExactOptions};
use nishina::lattice::Group;
use nishina::operator::{Pauli, TermTable};
use reference::{entries, hamiltonian, text, twice_sz};
use toml::Value;

fn options(states: usize) -> ExactOptions {
    ExactOptions {
        states,
        momentum: None,
        seed: 5,
        memory_limit: 8e9,
    }
}

#[test]
fn ground_states_agree_with_the_reference() {
    let largest = if std::env::var_os("NISHINA_LONG").is_some() {
        24
    } else {
        20
    };
    let (mut done, mut long) = (0, 0);
    for entry in entries("energies.toml") {
        let id = text(&entry, "id");
        let Some(n) = entry.get("n_sites").and_then(Value::as_integer) else {
            continue;
        };
        if !["spin", "pauli"].contains(&text(&entry, "operators"))
            || text(&entry, "boundary") == "infinite"
        {
            continue;
        }
        let basis = Basis::spin_half(n as usize, twice_sz(&entry)).unwrap();
        if basis.dimension() > 2f64.powi(largest) {
            if basis.dimension() <= 2f64.powi(24) {
                println!(
                    "SKIPPED: {id} ({:.2e} states; set NISHINA_LONG to run it)",
                    basis.dimension()
                );
                long += 1;
            }
            continue;
        }
        let Some(sum) = hamiltonian(&entry, n as usize) else {
            continue;
        };
        let table = TermTable::compile(n as usize, &sum).unwrap();
        let start = std::time::Instant::now();
        let result = exact::solve(&table, &basis, None, &options(1)).unwrap();
        let expected = entry["energy_total"].as_float().unwrap();
        let difference = (result.energies[0] - expected) / expected;
        println!(
            "{id}: {:.1e} in {:.2} s",
            difference,
            start.elapsed().as_secs_f64()
        );
        assert!(
            difference.abs() < 1e-9,
            "{id}: {} instead of {expected}",
            result.energies[0]
        );
        assert!(
            result.residuals[0] <= 2e-10 * (1.0 + expected.abs()),
            "{id}: residual {}",
            result.residuals[0]
        );
        done += 1;
    }
    println!("{done} entries agree, {long} skipped");
    assert!(done >= 80, "only {done} entries were compared");
}

fn ring(n: u32) -> (Group, Vec<[usize; 3]>) {
    let permutations = (0..n)
        .map(|r| (0..n).map(|j| (j + n - r) % n).collect())
        .collect();
    (
        Group { permutations },
        (0..n as usize).map(|x| [x, 0, 0]).collect(),
    )
}

/// The listed levels of every block, each as often as it is listed, are the lowest eigenvalues of
/// that block.
#[test]
fn spectra_of_rings_agree_by_momentum() {
    let mut blocks = 0;
    for entry in entries("spectra.toml")
        .iter()
        .filter(|e| text(e, "lattice") == "chain")
    {
        let n = entry["n_sites"].as_integer().unwrap() as usize;
        let table = TermTable::compile(n, &hamiltonian(entry, n).unwrap()).unwrap();
        let basis = Basis::spin_half(n, twice_sz(entry)).unwrap();
        let (translations, cells) = ring(n as u32);
        let levels = entry["levels"].as_array().unwrap();
        for m in 0..n {
            let listed = m.min(n - m) as i64;
            if n > 12 && m > 2 {
                continue;
            }
            let here: Vec<&Value> = levels
                .iter()
                .filter(|l| l["momentum_index"].as_integer() == Some(listed))
                .collect();
            let energy = |l: &Value| l["energy_total"].as_float().unwrap();
            // Levels are listed by parity as well; above the highest of one parity the others may
            // miss some.
            let parity = |l: &Value| {
                ["reflection", "spin_flip_parity"].map(|p| l.get(p).and_then(Value::as_integer))
            };
            let highest = |of: &Value| {
                here.iter()
                    .filter(|l| parity(l) == parity(of))
                    .map(|l| energy(l))
                    .fold(f64::NEG_INFINITY, f64::max)
            };
            let complete = here
                .iter()
                .map(|l| highest(l))
                .fold(f64::INFINITY, f64::min)
                + 1e-9;
            let mut expected: Vec<f64> = here
                .iter()
                .map(|l| energy(l))
                .filter(|&e| e <= complete)
                .collect();
            expected.sort_by(f64::total_cmp);
            let want = options(expected.len());
            let result =
                exact::solve_momentum(&table, &basis, &translations, &cells, &[m], &want).unwrap();
            assert_eq!(result.energies.len(), expected.len());
            for (e, x) in result.energies.iter().zip(&expected) {
                assert!(
                    (e - x).abs() < 1e-9 * x.abs(),
                    "{} m = {m}: {e} instead of {x}",
                    text(entry, "id")
                );
            }
            blocks += 1;
        }
    }
    assert!(blocks >= 40);
    // Rings of 8, where the blocks have to add up to the ground state of the sector.
    let entry = entries("energies.toml")
        .into_iter()
        .find(|e| text(e, "id") == "heisenberg-chain-n8-pbc")
        .unwrap();
    let table = TermTable::compile(8, &hamiltonian(&entry, 8).unwrap()).unwrap();
    let (translations, cells) = ring(8);
    let basis = Basis::spin_half(8, Some(0)).unwrap();
    let lowest = (0..8).map(|m| {
        exact::solve_momentum(&table, &basis, &translations, &cells, &[m], &options(1))
            .unwrap()
            .energies[0]
    });
    let lowest = lowest.fold(f64::INFINITY, f64::min);
    assert!((lowest - entry["energy_total"].as_float().unwrap()).abs() < 1e-10);
}

/// Both directions of the square lattice: the lowest listed level of every block.
#[test]
fn spectrum_of_a_square_lattice_agrees_by_momentum() {
    let entry = entries("spectra.toml")
        .into_iter()
        .find(|e| text(e, "lattice") == "square")
        .unwrap();
    let sum = entries("energies.toml")
        .into_iter()
        .find(|e| text(e, "id") == text(&entry, "id"))
        .unwrap();
    let table = TermTable::compile(16, &hamiltonian(&sum, 16).unwrap()).unwrap();
    let basis = Basis::spin_half(16, Some(0)).unwrap();
    let cells: Vec<[usize; 3]> = (0..16).map(|i| [i % 4, i / 4, 0]).collect();
    let shift = |r: usize, i: usize| ((i + 4 - r % 4) % 4 + 4 * ((i / 4 + 4 - r / 4) % 4)) as u32;
    let permutations = (0..16)
        .map(|r| (0..16).map(|i| shift(r, i)).collect())
        .collect();
    let group = Group { permutations };
    let mut lowest = std::collections::BTreeMap::new();
    for level in entry["levels"].as_array().unwrap() {
        let index = ["momentum_index_x", "momentum_index_y"]
            .map(|k| level[k].as_integer().unwrap() as usize);
        let energy = level["energy_total"].as_float().unwrap();
        lowest
            .entry(index)
            .and_modify(|e: &mut f64| *e = e.min(energy))
            .or_insert(energy);
    }
    assert!(lowest.len() > 3);
    for (index, expected) in lowest {
        let result =
            exact::solve_momentum(&table, &basis, &group, &cells, &index, &options(1)).unwrap();
        assert!(
            (result.energies[0] - expected).abs() < 1e-9,
            "{index:?}: {} {expected}",
            result.energies[0]
        );
    }
}

#[test]
fn the_toric_code_is_fourfold_degenerate() {
    let entry = entries("energies.toml")
        .into_iter()
        .find(|e| text(e, "id") == "toric-code-2x2-pbc")
        .unwrap();
    let sum = hamiltonian(&entry, 8).unwrap();
    // Four idle qubits with a field make the space too large for the dense solver.
    let mut wide = sum.clone();
    (8..12).for_each(|i| wide.add(-1.0, &[(i, Pauli::Z)]));
    for (sites, sum, shift) in [(8, sum, 0.0), (12, wide, -4.0)] {
        let table = TermTable::compile(sites, &sum).unwrap();
        let basis = Basis::spin_half(sites, None).unwrap();
        let energies = exact::solve(&table, &basis, None, &options(5))
            .unwrap()
            .energies;
        let expected = entry["energy_total"].as_float().unwrap() + shift;
        assert!(
            energies[..4].iter().all(|e| (e - expected).abs() < 1e-10),
            "{energies:?}"
        );
        assert!(energies[4] > expected + 1.0, "{energies:?}");
    }
}
