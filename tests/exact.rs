//! Exact diagonalisation against energies and spectra of small lattices that were computed independently.
//!
//! Every spin-1/2 entry whose sector has at most 2^20 states (2^24 where NISHINA_LONG is set) agrees to 1e-9.

use nishina::basis::SpinBasis;
use nishina::exact::{self, ExactOptions};
use nishina::lattice::Group;
use nishina::operator::{Pauli, PauliSum, TermTable};
use std::path::PathBuf;
use toml::{Table, Value};

const XYZ: [Pauli; 3] = [Pauli::X, Pauli::Y, Pauli::Z];

fn reference(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn entries(name: &str) -> Vec<Table> {
    let table: Table = reference(name).parse().unwrap();
    table["entry"].as_array().unwrap().iter().map(|e| e.as_table().unwrap().clone()).collect()
}

fn text<'a>(entry: &'a Table, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or("")
}

fn number(entry: &Table, key: &str) -> Option<f64> {
    let value = entry.get("parameters")?.get(key)?;
    value.as_float().or(value.as_integer().map(|i| i as f64))
}

fn rows(name: &str) -> Vec<Vec<f64>> {
    reference(name).lines().skip(1).map(|l| l.split(',').map(|f| f.trim().parse().unwrap()).collect()).collect()
}

fn files(entry: &Table) -> Vec<&str> {
    let list = entry.get("files").and_then(Value::as_array);
    list.map_or(Vec::new(), |list| list.iter().filter_map(Value::as_str).collect())
}

/// Bonds (i, j, kind), from the file of the entry or by the rule for chains.
fn bonds(entry: &Table, n: usize) -> Vec<(u32, u32, u32)> {
    if let Some(file) = files(entry).into_iter().find(|f| f.starts_with("lattices/")) {
        return rows(file).iter().map(|r| (r[0] as u32, r[1] as u32, r[2] as u32)).collect();
    }
    assert_eq!(text(entry, "lattice"), "chain", "{}", text(entry, "id"));
    let periodic = text(entry, "boundary") == "pbc";
    let shell = |d: usize| (0..n).filter(move |i| periodic || i + d < n).map(move |i| (i, (i + d) % n, d));
    shell(1).chain(shell(2)).map(|(i, j, d)| (i as u32, j as u32, d as u32)).collect()
}

/// The Hamiltonian of an entry in Pauli matrices, from the formula it states; `None` where the formula is not one of spins.
fn hamiltonian(entry: &Table, n: usize) -> Option<PauliSum> {
    use Pauli::{X, Y};
    let spin = match text(entry, "operators") {
        "spin" => 0.5,
        "pauli" => 1.0,
        _ => return None,
    };
    let get = |key: &str| number(entry, key).unwrap_or_else(|| panic!("{}: no {key}", text(entry, "id")));
    let mut h = PauliSum::default();
    let couple = |h: &mut PauliSum, i: u32, j: u32, c: [f64; 3]| {
        XYZ.iter().zip(c).filter(|(_, c)| *c != 0.0).for_each(|(&p, c)| h.add(c * spin * spin, &[(i, p), (j, p)]));
    };
    let field = |h: &mut PauliSum, i: u32, c: [f64; 3]| {
        XYZ.iter().zip(c).filter(|(_, c)| *c != 0.0).for_each(|(&p, c)| h.add(c * spin, &[(i, p)]));
    };
    let formula = text(entry, "hamiltonian");
    let sites = 0..n as u32;
    if let Some(file) = files(entry).into_iter().find(|f| f.starts_with("pauli/")) {
        for line in reference(file).lines().skip(1) {
            let (c, string) = line.split_once(',').unwrap();
            let factor = |f: &str| (f[1..].parse().unwrap(), XYZ["XYZ".find(&f[..1]).unwrap()]);
            let factors: Vec<(u32, Pauli)> = string.trim_matches('"').split_whitespace().map(factor).collect();
            h.add(c.parse::<f64>().unwrap(), &factors);
        }
    } else if formula.starts_with("H = sum_bonds") {
        for file in files(entry) {
            for r in rows(file) {
                if file.ends_with("-bonds.csv") {
                    couple(&mut h, r[0] as u32, r[1] as u32, [r[2], r[3], r[4]]);
                } else {
                    field(&mut h, r[0] as u32, [r[1], r[2], r[3]]);
                }
            }
        }
    } else if formula.starts_with("H = -J sum_{i<j} d_ij^-alpha") {
        for i in sites.clone() {
            for j in i + 1..n as u32 {
                let direct = j - i;
                let d = if text(entry, "boundary") == "pbc" { direct.min(n as u32 - direct) } else { direct };
                couple(&mut h, i, j, [0.0, 0.0, -get("J") * f64::from(d).powf(-get("alpha"))]);
            }
        }
        sites.for_each(|i| field(&mut h, i, [-get("h"), 0.0, 0.0]));
    } else {
        let all = bonds(entry, n);
        let chain = text(entry, "lattice") == "chain";
        let second = |kind: u32| kind == 2 && (chain || formula.contains("J2"));
        let first: Vec<_> = all.iter().copied().filter(|b| !second(b.2)).collect();
        match formula {
            "H = -J sum_<ij> sz_i sz_j - h sum_i sx_i" => {
                first.iter().for_each(|b| couple(&mut h, b.0, b.1, [0.0, 0.0, -get("J")]));
                sites.for_each(|i| field(&mut h, i, [-get("h"), 0.0, 0.0]));
            }
            "H = -J sum_<ij> sz_i sz_j - hx sum_i sx_i - hz sum_i sz_i" => {
                first.iter().for_each(|b| couple(&mut h, b.0, b.1, [0.0, 0.0, -get("J")]));
                sites.for_each(|i| field(&mut h, i, [-get("hx"), 0.0, -get("hz")]));
            }
            "H = J sum_<ij> S_i . S_j" => first.iter().for_each(|b| couple(&mut h, b.0, b.1, [get("J"); 3])),
            "H = J1 sum_<ij> S_i . S_j + J2 sum_<<ij>> S_i . S_j" => {
                all.iter().for_each(|b| couple(&mut h, b.0, b.1, [get(if second(b.2) { "J2" } else { "J1" }); 3]));
            }
            f if f.starts_with("H = sum_<ij> (Sx_i Sx_j + Sy_i Sy_j + Delta") => {
                first.iter().for_each(|b| couple(&mut h, b.0, b.1, [1.0, 1.0, get("Delta")]));
            }
            f if f.starts_with("H = sum_<ij> (Jx Sx_i Sx_j") => {
                first.iter().for_each(|b| couple(&mut h, b.0, b.1, [get("Jx"), get("Jy"), get("Jz")]));
                sites.for_each(|i| field(&mut h, i, [0.0, 0.0, get("hz")]));
            }
            f if f.starts_with("H = sum_<ij> [Sx_i Sx_j + Sy_i Sy_j + Delta") => {
                for &(i, j, _) in &first {
                    couple(&mut h, i, j, [1.0, 1.0, get("Delta")]);
                    h.add(get("D") * spin * spin, &[(i, X), (j, Y)]);
                    h.add(-get("D") * spin * spin, &[(i, Y), (j, X)]);
                }
            }
            f if f.starts_with("H = K sum_<ij>_g sg_i sg_j + J") => {
                for &(i, j, kind) in &first {
                    h.add(get("K"), &[(i, XYZ[kind as usize - 1]), (j, XYZ[kind as usize - 1])]);
                    couple(&mut h, i, j, [get("J"); 3]);
                }
            }
            other => panic!("{}: this test does not know {other}", text(entry, "id")),
        }
    }
    Some(h)
}

/// Twice the total Sz that the sector names.
fn twice_sz(entry: &Table) -> Option<i64> {
    let sector = text(entry, "sector");
    let value = sector.strip_prefix("total Sz = ")?.split([' ', ',']).next()?;
    Some((2.0 * value.parse::<f64>().unwrap()) as i64)
}

fn options(states: usize) -> ExactOptions {
    ExactOptions { states, momentum: None, seed: 5, memory_limit: 8e9 }
}

#[test]
fn ground_states_agree_with_the_reference() {
    let largest = if std::env::var_os("NISHINA_LONG").is_some() { 24 } else { 20 };
    let (mut done, mut long) = (0, 0);
    for entry in entries("energies.toml") {
        let id = text(&entry, "id");
        let Some(n) = entry.get("n_sites").and_then(Value::as_integer) else { continue };
        if !["spin", "pauli"].contains(&text(&entry, "operators")) || text(&entry, "boundary") == "infinite" {
            continue;
        }
        let basis = SpinBasis::new(n as usize, twice_sz(&entry)).unwrap();
        if basis.dimension() > 2f64.powi(largest) {
            if basis.dimension() <= 2f64.powi(24) {
                println!("skipped: {id} ({:.2e} states; set NISHINA_LONG to run it)", basis.dimension());
                long += 1;
            }
            continue;
        }
        let Some(sum) = hamiltonian(&entry, n as usize) else { continue };
        let table = TermTable::compile(n as usize, &sum).unwrap();
        let start = std::time::Instant::now();
        let result = exact::solve(&table, &basis, None, &options(1)).unwrap();
        let expected = entry["energy_total"].as_float().unwrap();
        let difference = (result.energies[0] - expected) / expected;
        println!("{id}: {:.1e} in {:.2} s", difference, start.elapsed().as_secs_f64());
        assert!(difference.abs() < 1e-9, "{id}: {} instead of {expected}", result.energies[0]);
        assert!(result.residuals[0] <= 2e-10 * (1.0 + expected.abs()), "{id}: residual {}", result.residuals[0]);
        done += 1;
    }
    println!("{done} entries agree, {long} skipped");
    assert!(done >= 80, "only {done} entries were compared");
}

fn ring(n: u32) -> (Group, Vec<[usize; 3]>) {
    let permutations = (0..n).map(|r| (0..n).map(|j| (j + n - r) % n).collect()).collect();
    (Group { permutations }, (0..n as usize).map(|x| [x, 0, 0]).collect())
}

/// The listed levels of every block, each as often as it is listed, are the lowest eigenvalues of that block.
#[test]
fn spectra_of_rings_agree_by_momentum() {
    let mut blocks = 0;
    for entry in entries("spectra.toml").iter().filter(|e| text(e, "lattice") == "chain") {
        let n = entry["n_sites"].as_integer().unwrap() as usize;
        let table = TermTable::compile(n, &hamiltonian(entry, n).unwrap()).unwrap();
        let basis = SpinBasis::new(n, twice_sz(entry)).unwrap();
        let (translations, cells) = ring(n as u32);
        let levels = entry["levels"].as_array().unwrap();
        for m in 0..n {
            let listed = m.min(n - m) as i64;
            if n > 12 && m > 2 {
                continue;
            }
            let here: Vec<&Value> =
                levels.iter().filter(|l| l["momentum_index"].as_integer() == Some(listed)).collect();
            let energy = |l: &Value| l["energy_total"].as_float().unwrap();
            // Levels are listed by parity as well; above the highest of one parity the others may miss some.
            let parity = |l: &Value| ["reflection", "spin_flip_parity"].map(|p| l.get(p).and_then(Value::as_integer));
            let highest = |of: &Value| {
                here.iter().filter(|l| parity(l) == parity(of)).map(|l| energy(l)).fold(f64::NEG_INFINITY, f64::max)
            };
            let complete = here.iter().map(|l| highest(l)).fold(f64::INFINITY, f64::min) + 1e-9;
            let mut expected: Vec<f64> = here.iter().map(|l| energy(l)).filter(|&e| e <= complete).collect();
            expected.sort_by(f64::total_cmp);
            let want = options(expected.len());
            let result = exact::solve_momentum(&table, &basis, &translations, &cells, &[m], &want).unwrap();
            assert_eq!(result.energies.len(), expected.len());
            for (e, x) in result.energies.iter().zip(&expected) {
                assert!((e - x).abs() < 1e-9 * x.abs(), "{} m = {m}: {e} instead of {x}", text(entry, "id"));
            }
            blocks += 1;
        }
    }
    assert!(blocks >= 40);
    // Rings of 8, where the blocks have to add up to the ground state of the sector.
    let entry = entries("energies.toml").into_iter().find(|e| text(e, "id") == "heisenberg-chain-n8-pbc").unwrap();
    let table = TermTable::compile(8, &hamiltonian(&entry, 8).unwrap()).unwrap();
    let (translations, cells) = ring(8);
    let basis = SpinBasis::new(8, Some(0)).unwrap();
    let lowest = (0..8)
        .map(|m| exact::solve_momentum(&table, &basis, &translations, &cells, &[m], &options(1)).unwrap().energies[0]);
    let lowest = lowest.fold(f64::INFINITY, f64::min);
    assert!((lowest - entry["energy_total"].as_float().unwrap()).abs() < 1e-10);
}

/// Both directions of the square lattice: the lowest listed level of every block.
#[test]
fn spectrum_of_a_square_lattice_agrees_by_momentum() {
    let entry = entries("spectra.toml").into_iter().find(|e| text(e, "lattice") == "square").unwrap();
    let sum = entries("energies.toml").into_iter().find(|e| text(e, "id") == text(&entry, "id")).unwrap();
    let table = TermTable::compile(16, &hamiltonian(&sum, 16).unwrap()).unwrap();
    let basis = SpinBasis::new(16, Some(0)).unwrap();
    let cells: Vec<[usize; 3]> = (0..16).map(|i| [i % 4, i / 4, 0]).collect();
    let shift = |r: usize, i: usize| ((i + 4 - r % 4) % 4 + 4 * ((i / 4 + 4 - r / 4) % 4)) as u32;
    let permutations = (0..16).map(|r| (0..16).map(|i| shift(r, i)).collect()).collect();
    let group = Group { permutations };
    let mut lowest = std::collections::BTreeMap::new();
    for level in entry["levels"].as_array().unwrap() {
        let index = ["momentum_index_x", "momentum_index_y"].map(|k| level[k].as_integer().unwrap() as usize);
        let energy = level["energy_total"].as_float().unwrap();
        lowest.entry(index).and_modify(|e: &mut f64| *e = e.min(energy)).or_insert(energy);
    }
    assert!(lowest.len() > 3);
    for (index, expected) in lowest {
        let result = exact::solve_momentum(&table, &basis, &group, &cells, &index, &options(1)).unwrap();
        assert!((result.energies[0] - expected).abs() < 1e-9, "{index:?}: {} {expected}", result.energies[0]);
    }
}

#[test]
fn the_toric_code_is_fourfold_degenerate() {
    let entry = entries("energies.toml").into_iter().find(|e| text(e, "id") == "toric-code-2x2-pbc").unwrap();
    let sum = hamiltonian(&entry, 8).unwrap();
    // Four idle qubits with a field make the space too large for the dense solver.
    let mut wide = sum.clone();
    (8..12).for_each(|i| wide.add(-1.0, &[(i, Pauli::Z)]));
    for (sites, sum, shift) in [(8, sum, 0.0), (12, wide, -4.0)] {
        let table = TermTable::compile(sites, &sum).unwrap();
        let basis = SpinBasis::new(sites, None).unwrap();
        let energies = exact::solve(&table, &basis, None, &options(5)).unwrap().energies;
        let expected = entry["energy_total"].as_float().unwrap() + shift;
        assert!(energies[..4].iter().all(|e| (e - expected).abs() < 1e-10), "{energies:?}");
        assert!(energies[4] > expected + 1.0, "{energies:?}");
    }
}
