//! Matrices that no rank holds whole, by ScaLAPACK under a real mpirun: the same run as with a
//! matrix on rank 0.
#![cfg(feature = "scalapack")]

mod common;
use common::{Case, RING, expect_code, text};
use nishina::linalg::scalapack::{GRID_BLOCK, Layout};

const OPTIMIZE: &str = "[optimize]\nsteps = 6\nlearning_rate = 0.05\n";

fn energies(case: &Case) -> Vec<f64> {
    case.tree("x.h5").reals("optimize/history/energy").unwrap()
}

/// On so many ranks, with matrices of more than 32 rows shared out, the run has these energies.
fn shared(case: &Case, (alone, tolerance): (&[f64], f64), ranks: usize, more: &[&str], what: &str) {
    let always = [
        "run",
        "x.toml",
        "--fresh",
        "--set",
        "optimize.distribute_above=32",
    ];
    let out = case.ranks(ranks, &[&always[..], more].concat());
    expect_code(&out, 0);
    let said = text(&out);
    let words = format!("shared out over {ranks} ranks");
    assert!(said.contains(&words), "{what}: {said}");
    for (a, b) in alone.iter().zip(energies(case)) {
        assert!((a - b).abs() < tolerance * a.abs(), "{what}: {a} {b}");
    }
}

#[test]
fn every_entry_has_one_place() {
    for size in 1..=7 {
        let layout = Layout::of(size);
        assert_eq!(layout.rows * layout.columns, size);
        for n in [1, GRID_BLOCK - 1, GRID_BLOCK, GRID_BLOCK + 1, 300, 1000] {
            let total: usize = (0..layout.rows)
                .map(|at| Layout::count(n, at, layout.rows))
                .sum();
            assert_eq!(total, n);
            for i in 0..n {
                let owner = layout.row_of(i);
                assert!(Layout::local(i, layout.rows) < Layout::count(n, owner, layout.rows));
            }
        }
    }
    assert_eq!(
        (Layout::of(4).rows, Layout::of(6).rows, Layout::of(5).rows),
        (2, 2, 1)
    );
}

#[test]
fn a_shared_matrix_gives_the_same_run() {
    // 340 complex parameters or 340 real ones, 256 samples: several blocks in both spaces.
    for (method, own, parameters, ranks) in [
        ("kernel-sr", "shift = 0.01", "complex", 4),
        ("dense-sr", "shift = 0.01", "complex", 4),
        ("spring", "shift = 0.01", "real", 3),
        ("march", "shift = 0.01", "complex", 4),
        (
            "kernel-sr",
            "scale_invariant = { eps1 = 1e-2, eps2 = 1e-3 }",
            "real",
            4,
        ),
        ("dense-sr", "carleo_troyer = { lambda0 = 1.0 }", "real", 3),
    ] {
        let input = RING
            .replace("density = 1", "density = 3")
            .replace("\"complex\"", &format!("\"{parameters}\""));
        let case = Case::new(&format!("{input}{OPTIMIZE}method = \"{method}\"\n{own}\n"));
        let what = format!("{method} {own} {parameters} on {ranks} ranks");
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let alone = energies(&case);
        shared(&case, (&alone, 1e-8), ranks, &[], &what);
    }
}

/// Dense rows of a transformer: ranks turn them into columns, and share out the matrix of these.
#[test]
fn a_shared_matrix_of_rows_that_become_columns_gives_the_same_run() {
    for (method, own, complex, ranks) in [
        (
            "kernel-sr",
            "scale_invariant = { eps1 = 1e-2, eps2 = 1e-3 }",
            true,
            3,
        ),
        ("march", "shift = 0.01", true, 4),
        ("kernel-sr", "shift = 0.01", false, 4),
    ] {
        let case = Case::new(&format!(
            "seed = 7\n[lattice]\nkind = \"square\"\nsize = [4, 4]\n[hamiltonian]\nkind = \
             \"j1j2\"\nj2 = 0.5\nsector = {{ total_sz = 0 }}\n[ansatz]\nkind = \
             \"vit\"\nwidth = 6\nheads = 2\nlayers = 2\nratio = 2\ncomplex = \
             {complex}\n[sampler]\nchains = 8\nsamples = 40\n[optimize]\nsteps = \
             4\nlearning_rate = 0.05\nmethod = \"{method}\"\n{own}\n"
        ));
        let what = format!("{method} {own} complex = {complex} on {ranks} ranks");
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let alone = energies(&case);
        assert_eq!(alone.len(), 4);
        for precision in ["double", "single"] {
            let tolerance = if precision == "single" { 1e-3 } else { 1e-8 };
            let more = ["--set", &format!("ansatz.precision=\"{precision}\"")];
            shared(&case, (&alone, tolerance), ranks, &more, &what);
        }
    }
}

#[test]
fn check_prints_the_share_of_a_rank() {
    let case = Case::new(&format!("{RING}{OPTIMIZE}method = \"kernel-sr\"\n"));
    let bytes = |settings: &[&str]| {
        let out = case.alone(
            &[
                &["check", "x.toml", "--json", "--quick", "--ranks", "4"],
                settings,
            ]
            .concat(),
        );
        expect_code(&out, 0);
        let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        found["bytes_per_rank"].as_f64().unwrap()
    };
    let whole = bytes(&[]);
    let shared = bytes(&["--set", "optimize.distribute_above=32"]);
    assert!(shared < whole, "{shared} {whole}");
}
