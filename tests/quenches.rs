//! Worked quenches follow their exact curves: sampled, with error bars, for rings of 12 to 40 sites.

mod common;
use common::{Case, expect_code, project};

/// Largest deviation up to `end` of the first column of an observable from a column of an exact curve, and the largest drift
/// of the energy per site, both of which may be noise of the error bars given with them.
fn follow(input: &str, settings: &[&str], observable: &str, curve: (&str, &str), end: f64) -> (f64, f64) {
    let case = Case::new("");
    let input = project().join(format!("configs/{input}.toml"));
    let mut arguments = vec!["run", input.to_str().unwrap(), "--set", "output.name=x"];
    settings.iter().for_each(|s| arguments.extend(["--set", s]));
    expect_code(&case.alone(&arguments), 0);
    let tree = case.tree("x.h5");
    let read = |name: &str| tree.reals(&format!("evolve/output/{name}")).unwrap();
    let (times, means) = (read("time"), read(&format!("observables/{observable}/mean")));
    let columns = means.len() / times.len();
    let text = std::fs::read_to_string(project().join(curve.0)).unwrap();
    let mut lines = text.lines();
    let at = lines.next().unwrap().split(',').position(|c| c == curve.1).unwrap();
    let rows: Vec<Vec<f64>> = lines.map(|l| l.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let mut largest = 0.0f64;
    for (time, value) in times.iter().zip(means.chunks(columns)).filter(|(t, _)| **t < end + 1e-9) {
        let row = rows.iter().find(|r| (r[0] - time).abs() < 1e-9).unwrap();
        largest = largest.max((value[0] - row[at]).abs());
    }
    let (energy, error) = (read("energy"), read("energy_error"));
    let sites = tree.integer("status/sites").unwrap() as f64;
    let drift =
        energy.iter().zip(&error).map(|(e, s)| ((e - energy[0]).abs() - 3.0 * s.hypot(error[0])).max(0.0) / sites);
    let drift = drift.fold(0.0, f64::max);
    println!("{observable} of {}: at most {largest:.1e} off, drift {drift:.1e} beyond its error", curve.0);
    (largest, drift)
}

const RING: &str = "quench-tfim-40-h0.5to1";
const X: &str = "transverse-magnetisation";

#[test]
fn a_sampled_quench_of_fourteen_sites_follows_the_exact_curve() {
    let curve = ("tests/reference/dynamics/tfim-chain-n14-pbc-h0.5to1.0.csv", "sx_average");
    let (off, drift) = follow(RING, &["lattice.size=14"], X, curve, 1.0);
    assert!(off < 2e-2 && drift < 1e-3, "{off} {drift}");
}

#[test]
fn the_other_sampled_quenches_follow_their_exact_curves() {
    if std::env::var_os("NISHINA_LONG").is_none() {
        println!("skipped: minutes of physics, run by jobs/test.sh --long");
        return;
    }
    let four_to_two = ["lattice.size=12", "hamiltonian.hx=4.0"];
    for (input, settings, name) in [
        (RING, &["lattice.size=16"][..], "tests/reference/dynamics/tfim-chain-n16-pbc-h0.5to1.0.csv"),
        (RING, &[], "tests/reference/dynamics/tfim-chain-n40-pbc-h0.5to1.0.csv"),
        ("quench-tfim-40-h1to2", &four_to_two, "tests/reference/dynamics/tfim-chain-n12-pbc-h4.0to2.0.csv"),
    ] {
        let (off, drift) = follow(input, settings, X, (name, "sx_average"), 1.0);
        assert!(off < 2e-2 && drift < 1e-3, "{name}: {off} {drift}");
    }
}
