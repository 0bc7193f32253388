//! Worked quenches follow their exact curves: sampled, for rings of 14 and 40 sites.

mod common;
use common::{Case, expect_code, is_left_out, project};

/// Largest deviation up to `end` of the first column of an observable from a column of an exact
/// curve; prints the drift of the energy per site too, as far as it lies beyond three error bars.
fn follow(input: &str, settings: &[&str], observable: &str, curve: (&str, &str), end: f64) -> f64 {
    let case = Case::new("");
    let input = project().join(format!("configs/{input}.toml"));
    let mut arguments = vec!["run", input.to_str().unwrap(), "--set", "output.name=x"];
    settings.iter().for_each(|s| arguments.extend(["--set", s]));
    expect_code(&case.alone(&arguments), 0);
    let tree = case.tree("x.h5");
    let read = |name: &str| tree.reals(&format!("evolve/output/{name}")).unwrap();
    let (times, means) = (
        read("time"),
        read(&format!("observables/{observable}/mean")),
    );
    let columns = means.len() / times.len();
    let text = std::fs::read_to_string(project().join(curve.0)).unwrap();
    let mut lines = text.lines();
    let at = lines
        .next()
        .unwrap()
        .split(',')
        .position(|c| c == curve.1)
        .unwrap();
    let rows: Vec<Vec<f64>> = lines
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let mut largest = 0.0f64;
    for (time, value) in times
        .iter()
        .zip(means.chunks(columns))
        .filter(|(t, _)| **t < end + 1e-9)
    {
        let row = rows.iter().find(|r| (r[0] - time).abs() < 1e-9).unwrap();
        largest = largest.max((value[0] - row[at]).abs());
    }
    let (energy, error) = (read("energy"), read("energy_error"));
    let sites = tree.integer("status/sites").unwrap() as f64;
    let drift = energy
        .iter()
        .zip(&error)
        .map(|(e, s)| ((e - energy[0]).abs() - 3.0 * s.hypot(error[0])).max(0.0) / sites);
    let drift = drift.fold(0.0, f64::max);
    println!(
        "{observable} of {}: at most {largest:.1e} off, drift {drift:.1e} beyond its error",
        curve.0
    );
    largest
}

const RING: &str = "quench-tfim-40-h0.5to1";
const X: &str = "transverse-magnetisation";

#[test]
fn sampled_quenches_follow_their_exact_curves() {
    if is_left_out() {
        return;
    }
    let fourteen = ["lattice.size=14"];
    for (settings, name) in [
        (
            &fourteen[..],
            "tests/reference/dynamics/tfim-chain-n14-pbc-h0.5to1.0.csv",
        ),
        (&[], "configs/data/quench-tfim-40-h0.5to1.csv"),
    ] {
        let off = follow(RING, settings, X, (name, "sx_average"), 1.0);
        assert!(off < 2e-2, "{name}: {off}");
    }
}
