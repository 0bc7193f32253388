//! Decides whether other programs are served: pictures, the live view, CSV, NetKet's log, benchmark
//! rows, states from files.

mod common;
use common::{Case, RING, expect_code, project, text};
use num_complex::Complex64;
use std::process::Command;

const SHORT: &str = "[optimize]\nsteps = 30\nlearning_rate = 0.05\n[measure]\nsamples = \
 1024\nobservables = [\"spin-correlations\", \"structure-factor\"]\n";

fn finished() -> Case {
    let case = Case::new(&format!("{RING}{SHORT}"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    case
}

fn said(case: &Case, arguments: &[&str]) -> String {
    let out = case.alone(arguments);
    expect_code(&out, 0);
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_run_has_its_pictures_and_says_what_is_left_out() {
    let case = finished();
    let lines = said(
        &case,
        &["plot", "x.h5", "--exact=-12.784906", "--width", "600"],
    );
    for name in [
        "energy",
        "quality",
        "sampling",
        "spin-correlations",
        "structure-factor",
        "bonds",
        "filters",
    ] {
        let png = std::fs::read(case.path(&format!("x-plots/{name}.png"))).unwrap();
        assert!(
            png.starts_with(b"\x89PNG\r\n\x1a\n") && png[16..20] == 600u32.to_be_bytes(),
            "{name}"
        );
        let svg = std::fs::read_to_string(case.path(&format!("x-plots/{name}.svg"))).unwrap();
        assert!(
            svg.contains("<svg") && !svg.contains("NaN") && svg.matches('<').count() > 20,
            "{name}"
        );
    }
    let energy = std::fs::read_to_string(case.path("x-plots/energy.svg")).unwrap();
    assert!(
        energy.contains("relative error") && energy.contains("exact −1.27849"),
        "inset and exact line"
    );
    assert!(
        lines.lines().any(|l| l.starts_with("left out evolution: ")),
        "{lines}"
    );
    assert!(!case.path("x-plots/evolution.png").exists());
    // Two files in one picture; the second one's own name is in the legend.
    std::fs::copy(case.path("x.h5"), case.path("other.h5")).unwrap();
    said(
        &case,
        &[
            "plot", "x.h5", "other.h5", "--output", "both", "--format", "svg",
        ],
    );
    let both = std::fs::read_to_string(case.path("both/energy.svg")).unwrap();
    assert!(both.contains("other") && !case.path("both/energy.png").exists());
    for wrong in [
        &["plot", "x.ckpt.h5"][..],
        &["plot", "x.h5", "--exact", "none.h5"],
        &["plot", "x.h5", "--width", "3"],
    ] {
        expect_code(&case.alone(wrong), 64);
    }
    expect_code(&case.alone(&["plot", "none.h5"]), 74);
}

#[test]
fn what_a_file_does_not_hold_is_left_out_and_never_an_empty_picture() {
    let case = finished();
    let mut tree = case.tree("x.h5");
    tree.datasets.retain(|key, _| {
        !(key.ends_with("r_hat")
            || key == "optimize/history/acceptance"
            || key.contains("structure-factor"))
    });
    nishina::io::hdf5::write_atomic(&case.path("holes.h5"), &tree).unwrap();
    // A process that another test has just started may hold the lock of the file written here for a
    // moment.
    let start = std::time::Instant::now();
    while nishina::io::hdf5::read(&case.path("holes.h5")).is_err() && start.elapsed().as_secs() < 20
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let lines = said(&case, &["plot", "holes.h5"]);
    assert!(case.path("holes-plots/energy.svg").exists());
    for name in ["sampling", "structure-factor"] {
        assert!(lines.contains(&format!("left out {name}: ")), "{lines}");
        assert!(!case.path(&format!("holes-plots/{name}.svg")).exists());
    }
}

#[test]
fn one_frame_of_the_live_view_is_plain_text() {
    let case = finished();
    let frame = said(&case, &["watch", "x.h5", "--once"]);
    for word in [
        "finished",
        "measure: 1024 of 1024 samples",
        "step 30",
        "R-hat",
        "measured E = -12.",
        "q leaves",
    ] {
        assert!(frame.contains(word), "{word}\n{frame}");
    }
    assert!(
        frame
            .lines()
            .all(|l| l.chars().count() <= 100 && !l.contains('\u{1b}'))
    );
    expect_code(&case.alone(&["watch", "none.h5", "--once"]), 74);
    // Not a terminal: an error with a remedy, nothing left hanging.
    let out = case.alone(&["watch", "x.h5"]);
    assert_ne!(out.status.code(), Some(0), "{}", text(&out));
}

#[test]
fn the_history_leaves_as_csv_and_as_netkets_log() {
    let case = finished();
    let energy = case.tree("x.h5").reals("optimize/history/energy").unwrap();
    let csv = said(&case, &["export", "x.h5", "--csv"]);
    let mut lines = csv.lines();
    let head: Vec<_> = lines.next().unwrap().split(',').collect();
    let column = head.iter().position(|c| *c == "energy").unwrap();
    let read: Vec<f64> = lines
        .map(|l| l.split(',').nth(column).unwrap().parse().unwrap())
        .collect();
    assert_eq!((head[0], read), ("step", energy.clone()));
    let log: serde_json::Value =
        serde_json::from_str(&said(&case, &["export", "x.h5", "--netket"])).unwrap();
    let of = &log["Energy"];
    let real = of["Mean"]["real"].as_array().unwrap();
    assert_eq!(real.len(), energy.len());
    assert!(
        real.iter()
            .zip(&energy)
            .all(|(r, e)| (r.as_f64().unwrap() - e).abs() < 1e-14 * e.abs())
    );
    assert_eq!(
        (of["iters"][0].as_i64(), of["iters"][29].as_i64()),
        (Some(0), Some(29))
    );
    for key in ["Sigma", "Variance", "R_hat"] {
        assert_eq!(of[key].as_array().unwrap().len(), 30, "{key}");
    }
    expect_code(&case.alone(&["export", "x.ckpt.h5", "--netket"]), 0);
    expect_code(&case.alone(&["export", "x.h5"]), 64);
}

#[test]
fn benchmark_rows_are_in_pauli_units() {
    let row = |case: &Case| {
        let text = said(case, &["info", "x.h5", "--varbench"]);
        let cells = text
            .lines()
            .nth(1)
            .unwrap()
            .split('|')
            .map(|c| c.trim().to_string())
            .collect::<Vec<_>>();
        cells[1..6]
            .iter()
            .map(|c| c.parse::<f64>().unwrap())
            .collect::<Vec<_>>()
    };
    let case = finished();
    let info = case.info();
    let energy = |key: &str| info["energy"][key].as_f64().unwrap();
    let ising = row(&case);
    assert!(
        (ising[0] - energy("mean")).abs() < 1e-9 && (ising[1] / energy("error") - 1.0).abs() < 1e-3
    );
    assert_eq!((ising[3], ising[4]), (10.0, 0.0));
    let spin = RING.replace(
        "\"ising\"\nhx = 1.0",
        "\"heisenberg\"\nsector = { total_sz = 0 }",
    );
    let case = Case::new(&format!("{spin}[measure]\nsamples = 1024\n"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let info = case.info();
    let row = row(&case);
    assert!((row[0] / (4.0 * info["energy"]["mean"].as_f64().unwrap()) - 1.0).abs() < 1e-9);
    assert!((row[2] / (16.0 * info["energy"]["variance"].as_f64().unwrap()) - 1.0).abs() < 1e-5);
    let (n, score) = (row[3], info["energy"]["v_score"].as_f64().unwrap());
    assert!(
        (n * row[2] / (row[0] - row[4]).powi(2) / score - 1.0).abs() < 1e-4,
        "the row has the V-score of the file"
    );
}

/// Parameters that the reference lists: N, M and the numbers in the order a, b, W.
fn listed(file: &str) -> Vec<Complex64> {
    let text = std::fs::read_to_string(project().join("tests/reference").join(file)).unwrap();
    let number = |line: &str, k: usize| line.split(',').nth(k).unwrap().parse::<f64>().unwrap();
    text.lines()
        .skip(1)
        .map(|l| Complex64::new(number(l, 3), number(l, 4)))
        .collect()
}

#[test]
fn given_states_come_in_as_text_and_as_arrays_with_their_energies() {
    let table: toml::Table = std::fs::read_to_string(project().join("tests/reference/trial.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let entry = table["entry"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["id"].as_str() == Some("rbm-complex-tfim-n8"));
    let entry = entry.unwrap();
    let (n, m) = (8, 4);
    let values = listed(entry["file"].as_str().unwrap());
    assert_eq!(values.len(), n + m + n * m);
    let exact = entry["energy"].as_float().unwrap();
    let h = entry["parameters"]["h"].as_float().unwrap();
    let input = |load: &str| {
        format!(
            "[lattice]\nkind = 'chain'\nsize = {n}\n[hamiltonian]\nkind = 'ising'\nhx = \
             {h}\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 0.5\n\
             load = '{load}'\n[sampler]\nmethod = 'full-sum'\n[measure]\nsamples = 16\n"
        )
    };
    let check = |case: &Case| {
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let energy = case.info()["energy"]["mean"].as_f64().unwrap();
        assert!((energy - exact).abs() < 1e-9, "{energy} for {exact}");
    };
    let case = Case::new(&input("given.wf"));
    let words: Vec<_> = values
        .iter()
        .map(|v| format!("({},{})", v.re, v.im))
        .collect();
    std::fs::write(
        case.path("given.wf"),
        format!("{n}\n{m}\n{}\n", words.join("\n")),
    )
    .unwrap();
    check(&case);
    // What this run wrote is the start of the next one.
    std::fs::rename(case.path("x.h5"), case.path("before.h5")).unwrap();
    std::fs::write(case.path("x.toml"), input("before.h5")).unwrap();
    std::fs::remove_file(case.path("x.ckpt.h5")).unwrap();
    std::fs::remove_file(case.path("given.wf")).unwrap();
    check(&case);
    let Ok(python) = std::env::var("NISHINA_PYTHON") else {
        println!(
            "SKIPPED: NISHINA_PYTHON does not name a Python with h5py (jobs/test.sh makes one)"
        );
        return;
    };
    let case = Case::new(&input("plain.h5"));
    let script = format!(
        "import h5py, numpy as np\nv = np.array([{}])\nwith h5py.File('plain.h5', 'w') as f:\n \
         f['a'] = v[:{n}]; f['b'] = v[{n}:{n}+{m}]; \
         f['W'] = v[{n}+{m}:].reshape({n}, {m})\n",
        values
            .iter()
            .map(|v| format!("complex({}, {})", v.re, v.im))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let out = Command::new(python)
        .args(["-c", &script])
        .current_dir(case.folder.path())
        .output()
        .unwrap();
    expect_code(&out, 0);
    check(&case);
}

#[test]
fn the_examples_of_other_languages_run() {
    let case = finished();
    let Ok(python) = std::env::var("NISHINA_PYTHON") else {
        println!(
            "SKIPPED: NISHINA_PYTHON does not name a Python with h5py (jobs/test.sh makes one)"
        );
        return;
    };
    let script = project().join("jobs/post/nishina_results.py");
    let run = Command::new(python)
        .arg(script)
        .args(["x.h5", "p.png"])
        .current_dir(case.folder.path())
        .output()
        .unwrap();
    expect_code(&run, 0);
    assert!(
        text(&run).contains("E = -12.") && text(&run).contains("parameters W: (10, 10) complex128"),
        "{}",
        text(&run)
    );
    assert!(case.path("p.png").exists());
    let julia = |arguments: &[&str]| {
        Command::new("julia")
            .args(arguments)
            .current_dir(case.folder.path())
            .output()
    };
    if !julia(&["-e", "using HDF5"]).is_ok_and(|out| out.status.success()) {
        println!("SKIPPED: there is no Julia with HDF5.jl");
        return;
    }
    let out = julia(&[
        project()
            .join("jobs/post/read_results.jl")
            .to_str()
            .unwrap(),
        "x.h5",
    ])
    .unwrap();
    expect_code(&out, 0);
    assert!(
        text(&out).contains("parameters W: (10, 10)"),
        "{}",
        text(&out)
    );
}

#[test]
fn entropies_dimers_and_sites_have_pictures_and_the_rest_is_named() {
    let list = "'spin-correlations', \"magnetisation\", \"dimer-correlations\", \"one-site\", \
                { kind = 'renyi-2', blocks = [[0], [0, 1], [0, 1, 2]] }";
    let case = Case::new(&format!("{RING}{SHORT}"));
    let set = format!("measure.observables=[{list}]");
    expect_code(&case.alone(&["run", "x.toml", "--set", &set]), 0);
    let far = [
        "run",
        "x.toml",
        "--set",
        "hamiltonian.hx=3.0",
        "--set",
        "output.name=far",
    ];
    expect_code(&case.alone(&far), 0);
    let draw = [
        "plot", "x.h5", "far.h5", "--format", "svg", "--output", "p", "--title", "a & b",
    ];
    let lines = said(&case, &draw);
    let svg = |name: &str| std::fs::read_to_string(case.path(&format!("p/{name}.svg"))).unwrap();
    for (name, words) in [
        ("renyi-2", "sites of the block"),
        ("dimer-correlations", "number of the bond"),
        ("magnetisation-sites", "⟨σᶻᵢ⟩"),
        ("spin-correlations", "|⟨σᵢ·σⱼ⟩|"),
        // Curves far apart leave no room for an inset: it stands below.
        ("energy", "E/N, last steps"),
    ] {
        let svg = svg(name);
        assert!(svg.contains(words), "{name}: {words}");
        assert!(svg.contains("a &amp; b"), "{name}");
    }
    // The second diagram has an axis of its own, of the same width.
    assert_eq!(svg("energy").matches("optimisation step").count(), 2);
    let words = "left out one-site: its numbers have no picture";
    assert!(lines.contains(words), "{lines}");
    let one = said(&case, &["plot", "x.h5", "--format", "svg", "--output", "q"]);
    assert!(one.contains("q/filters.svg"), "{one}");
    let energy = std::fs::read_to_string(case.path("q/energy.svg")).unwrap();
    assert_eq!(energy.matches("optimisation step").count(), 1);
}
