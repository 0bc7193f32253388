//! Entries of the reference data as operators, built from the formulas that they state and from
//! nothing of the program.
#![allow(dead_code)]

use nishina::operator::{Pauli, PauliSum};
use std::path::PathBuf;
use toml::{Table, Value};

pub const XYZ: [Pauli; 3] = [Pauli::X, Pauli::Y, Pauli::Z];

pub fn reference(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn entries(name: &str) -> Vec<Table> {
    let table: Table = reference(name).parse().unwrap();
    table["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e.as_table().unwrap().clone())
        .collect()
}

pub fn text<'a>(entry: &'a Table, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or("")
}

pub fn number(entry: &Table, key: &str) -> Option<f64> {
    let value = entry.get("parameters")?.get(key)?;
    value.as_float().or(value.as_integer().map(|i| i as f64))
}

pub fn rows(name: &str) -> Vec<Vec<f64>> {
    reference(name)
        .lines()
        .skip(1)
        .map(|l| l.split(',').map(|f| f.trim().parse().unwrap()).collect())
        .collect()
}

pub fn files(entry: &Table) -> Vec<&str> {
    let list = entry.get("files").and_then(Value::as_array);
    list.map_or(Vec::new(), |list| {
        list.iter().filter_map(Value::as_str).collect()
    })
}

/// Bonds (i, j, kind), from the file of the entry or by the rule for chains.
pub fn bonds(entry: &Table, n: usize) -> Vec<(u32, u32, u32)> {
    if let Some(file) = files(entry)
        .into_iter()
        .find(|f| f.starts_with("lattices/"))
    {
        return rows(file)
            .iter()
            .map(|r| (r[0] as u32, r[1] as u32, r[2] as u32))
            .collect();
    }
    assert_eq!(text(entry, "lattice"), "chain", "{}", text(entry, "id"));
    let periodic = text(entry, "boundary") == "pbc";
    let shell = |d: usize| {
        (0..n)
            .filter(move |i| periodic || i + d < n)
            .map(move |i| (i, (i + d) % n, d))
    };
    shell(1)
        .chain(shell(2))
        .map(|(i, j, d)| (i as u32, j as u32, d as u32))
        .collect()
}

/// The Hamiltonian of an entry in Pauli matrices, from the formula it states; `None` where the
/// formula is not one of spins.
pub fn hamiltonian(entry: &Table, n: usize) -> Option<PauliSum> {
    use Pauli::{X, Y};
    let spin = match text(entry, "operators") {
        "spin" => 0.5,
        "pauli" => 1.0,
        _ => return None,
    };
    let get =
        |key: &str| number(entry, key).unwrap_or_else(|| panic!("{}: no {key}", text(entry, "id")));
    let mut h = PauliSum::default();
    let couple = |h: &mut PauliSum, i: u32, j: u32, c: [f64; 3]| {
        XYZ.iter()
            .zip(c)
            .filter(|(_, c)| *c != 0.0)
            .for_each(|(&p, c)| h.add(c * spin * spin, &[(i, p), (j, p)]));
    };
    let field = |h: &mut PauliSum, i: u32, c: [f64; 3]| {
        XYZ.iter()
            .zip(c)
            .filter(|(_, c)| *c != 0.0)
            .for_each(|(&p, c)| h.add(c * spin, &[(i, p)]));
    };
    let formula = text(entry, "hamiltonian");
    let sites = 0..n as u32;
    if let Some(file) = files(entry).into_iter().find(|f| f.starts_with("pauli/")) {
        for line in reference(file).lines().skip(1) {
            let (c, string) = line.split_once(',').unwrap();
            let factor = |f: &str| (f[1..].parse().unwrap(), XYZ["XYZ".find(&f[..1]).unwrap()]);
            let factors: Vec<(u32, Pauli)> = string
                .trim_matches('"')
                .split_whitespace()
                .map(factor)
                .collect();
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
                let d = if text(entry, "boundary") == "pbc" {
                    direct.min(n as u32 - direct)
                } else {
                    direct
                };
                couple(
                    &mut h,
                    i,
                    j,
                    [0.0, 0.0, -get("J") * f64::from(d).powf(-get("alpha"))],
                );
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
                first
                    .iter()
                    .for_each(|b| couple(&mut h, b.0, b.1, [0.0, 0.0, -get("J")]));
                sites.for_each(|i| field(&mut h, i, [-get("h"), 0.0, 0.0]));
            }
            "H = -J sum_<ij> sz_i sz_j - hx sum_i sx_i - hz sum_i sz_i" => {
                first
                    .iter()
                    .for_each(|b| couple(&mut h, b.0, b.1, [0.0, 0.0, -get("J")]));
                sites.for_each(|i| field(&mut h, i, [-get("hx"), 0.0, -get("hz")]));
            }
            "H = J sum_<ij> S_i . S_j" => first
                .iter()
                .for_each(|b| couple(&mut h, b.0, b.1, [get("J"); 3])),
            "H = J1 sum_<ij> S_i . S_j + J2 sum_<<ij>> S_i . S_j" => {
                all.iter().for_each(|b| {
                    couple(
                        &mut h,
                        b.0,
                        b.1,
                        [get(if second(b.2) { "J2" } else { "J1" }); 3],
                    )
                });
            }
            f if f.starts_with("H = sum_<ij> (Sx_i Sx_j + Sy_i Sy_j + Delta") => {
                first
                    .iter()
                    .for_each(|b| couple(&mut h, b.0, b.1, [1.0, 1.0, get("Delta")]));
            }
            f if f.starts_with("H = sum_<ij> (Jx Sx_i Sx_j") => {
                first
                    .iter()
                    .for_each(|b| couple(&mut h, b.0, b.1, [get("Jx"), get("Jy"), get("Jz")]));
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
                    h.add(
                        get("K"),
                        &[(i, XYZ[kind as usize - 1]), (j, XYZ[kind as usize - 1])],
                    );
                    couple(&mut h, i, j, [get("J"); 3]);
                }
            }
            other => panic!("{}: this test does not know {other}", text(entry, "id")),
        }
    }
    Some(h)
}

/// Twice the total Sz that the sector names.
pub fn twice_sz(entry: &Table) -> Option<i64> {
    let sector = text(entry, "sector");
    let value = sector
        .strip_prefix("total Sz = ")?
        .split([' ', ','])
        .next()?;
    Some((2.0 * value.parse::<f64>().unwrap()) as i64)
}

/// `[lattice]` of an entry.
fn lattice_input(entry: &Table) -> Option<String> {
    let size: Vec<i64> = (entry.get("size")?.as_array()?.iter())
        .filter_map(toml::Value::as_integer)
        .collect();
    let boundary = match text(entry, "boundary") {
        "pbc" => "'periodic'",
        "obc" => "'open'",
        "pbc-x_obc-y" => "['periodic', 'open']",
        _ => return None,
    };
    let kind = text(entry, "lattice");
    Some(format!(
        "[lattice]\nkind = '{kind}'\nsize = {size:?}\nboundary = {boundary}\n"
    ))
}

/// The input of an entry of spins or bosons.
pub fn particle_input(entry: &Table) -> Option<String> {
    let of = |name: &str| number(entry, name).unwrap_or(0.0);
    let (basis, hamiltonian) = match text(entry, "operators") {
        "boson" if of("twist") == 0.0 => (
            format!("kind = 'boson'\nmax_occupation = {}\n", of("nmax")),
            format!(
                "kind = 'bose-hubbard'\nj = {}\nu = {}\nv = {}\nsector = {{ particles = {} }}\n",
                of("J"),
                of("U"),
                of("V"),
                text(entry, "sector").split(' ').next()?
            ),
        ),
        operators => {
            let s = match operators.strip_prefix("spin-")? {
                "3/2" => "1.5",
                s => s,
            };
            let total = text(entry, "sector").strip_prefix("total Sz = ")?;
            (
                format!("kind = 'spin'\ns = {s}\n"),
                format!(
                    "kind = 'bilinear-biquadratic'\nj = {}\nbeta = {}\nd = {}\ndelta = {}\n\
                     sector = {{ total_sz = {total} }}\n",
                    of("J"),
                    of("biquadratic"),
                    of("D"),
                    number(entry, "delta").unwrap_or(1.0),
                ),
            )
        }
    };
    let lattice = lattice_input(entry)?;
    Some(format!(
        "[basis]\n{basis}{lattice}[hamiltonian]\n{hamiltonian}"
    ))
}
