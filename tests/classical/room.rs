//! The exact numbers of the reference, and what the tests of the section share.

use crate::common::Case;
use crate::reference::reference;
use toml::{Table, Value};

pub fn numbers(table: &Table, key: &str) -> Vec<f64> {
    let number = |v: &Value| {
        v.as_float()
            .or_else(|| v.as_integer().map(|k| k as f64))
            .unwrap()
    };
    match &table[key] {
        Value::Array(list) => list.iter().map(number).collect(),
        one => vec![number(one)],
    }
}

/// A temperature of the reference: what was given, and what is expected.
pub struct Expected {
    pub size: Vec<usize>,
    pub k: f64,
    pub temperature: f64,
    pub log_z: f64,
    /// E/N, C/N, ⟨|m|⟩, ⟨m²⟩, ⟨m⁴⟩
    pub values: [f64; 5],
    pub fits: Vec<Table>,
    /// Digits that the table has.
    pub accuracy: f64,
}

/// All temperatures of the reference.
pub fn expected() -> Vec<Expected> {
    let all: Table = reference("classical.toml").parse().unwrap();
    let mut found = Vec::new();
    for entry in all["entry"].as_array().unwrap() {
        let part = |name: &str| entry[name].as_table().unwrap();
        let (given, values) = (part("given"), part("values"));
        let temperatures = numbers(given, "temperature");
        let k = numbers(given, "k");
        for (n, &temperature) in temperatures.iter().enumerate() {
            let value = |name: &str| numbers(values, name)[n];
            let list = values.get("fits").and_then(Value::as_array);
            let fits = list.into_iter().flatten();
            found.push(Expected {
                size: numbers(given, "size").iter().map(|l| *l as usize).collect(),
                k: k[n],
                temperature,
                log_z: value("lnZ"),
                values: ["energy_per_site", "specific_heat", "abs_m", "m2", "m4"].map(value),
                fits: fits.map(|f| f.as_table().unwrap().clone()).collect(),
                accuracy: if list.is_some() { 1e-10 } else { 2e-10 },
            });
        }
    }
    assert_eq!(found.len(), 7);
    found
}

impl Expected {
    /// The input up to `[classical]`, which `keys` completes.
    pub fn input(&self, sampler: &str, keys: &str) -> String {
        let model = match self.k == 0.0 {
            true => "kind = 'ising'".to_string(),
            false => format!("kind = 'plaquette-ising'\nk = {}", self.k),
        };
        format!(
            "[lattice]\nkind = 'square'\nsize = {:?}\n[hamiltonian]\n{model}\n[sampler]\n{sampler}\
             \n[classical]\ntemperatures = {:?}\n{keys}\n",
            self.size, self.temperature
        )
    }

    /// E, C/N, ⟨|m|⟩, ⟨m²⟩, ⟨m⁴⟩, Binder of the whole system.
    pub fn all(&self) -> [f64; 6] {
        let [e, c, m, m2, m4] = self.values;
        let sites = self.size.iter().product::<usize>() as f64;
        [e * sites, c, m, m2, m4, 1.0 - m4 / (3.0 * m2 * m2)]
    }
}

pub const NAMES: [&str; 6] = [
    "energy",
    "specific_heat",
    "abs_magnetisation",
    "magnetisation_squared",
    "magnetisation_fourth",
    "binder",
];

/// Mean and error of a quantity at each temperature.
pub fn measured(case: &Case, name: &str) -> Vec<(f64, f64)> {
    let tree = case.tree("x.h5");
    let list = |part: &str| tree.reals(&format!("classical/{name}/{part}")).unwrap();
    list("mean").into_iter().zip(list("error")).collect()
}
