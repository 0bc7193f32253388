//! What a first-time user is told: keys without an effect by name, and nothing of chains where
//! there are none.

mod common;
use common::{Case, expect_code, project, text};

/// A full sum over six sites with these keys of `[optimize]`.
fn sum(optimize: &str) -> Case {
    Case::new(&sum_text(optimize))
}

fn sum_text(optimize: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = \
         1.0\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n[sampler]\nmethod = \
         'full-sum'\n[optimize]\nsteps = 2\nlearning_rate = 0.01\n{optimize}\n[measure]\nsamples \
         = 16\n"
    )
}

#[test]
fn a_number_of_ranks_is_one_or_more() {
    let case = sum("");
    for wrong in ["0", "-1", "x"] {
        let out = case.alone(&["check", "x.toml", "--quick", &format!("--ranks={wrong}")]);
        expect_code(&out, 64);
        assert!(text(&out).contains("--ranks"), "{}", text(&out));
    }
    expect_code(&case.alone(&["check", "x.toml", "--quick", "--ranks=1"]), 0);
}

#[test]
fn the_log_has_the_method_of_each_stage() {
    let stages = "shift = 0.1\nstages = [{ steps = 1 }, { steps = 1, method = 'linear' }]";
    let case = Case::new(&sum_text(stages).replace("steps = 2\n", ""));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    for method in ["kernel-sr (", "linear ("] {
        let line = format!("optimiser {method}");
        assert_eq!(text(&out).matches(&line).count(), 1, "{}", text(&out));
    }
}

#[test]
fn a_hint_of_a_symmetry_names_the_density_it_needs() {
    let said = |density: &str| {
        let text = sum_text("").replace("density = 1", &format!("density = {density}"));
        let case = Case::new(&text);
        let out = case.alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 0);
        common::text(&out)
    };
    let words = "with a whole number of filters as density";
    assert!(said("1.5").contains(words), "{}", said("1.5"));
    assert!(said("2").contains("ansatz.symmetry = \"translations\"") && !said("2").contains(words));
}

#[test]
fn keys_that_the_method_ignores_are_named() {
    for (keys, said) in [
        ("mu = 0.5", Some("optimize.mu belongs to spring, march")),
        ("tolerance = 1e-3", Some("optimize.tolerance belongs to cg")),
        (
            "method = 'adam'\nshift = 0.1",
            Some("optimize.shift belongs to dense-sr, kernel-sr"),
        ),
        (
            "method = 'sgd'\npseudo_inverse = 1e-8",
            Some("optimize.pseudo_inverse belongs to dense-sr"),
        ),
        (
            "method = 'rmsprop'\nmax_distance = 0.1",
            Some("optimize.max_distance belongs to dense-sr"),
        ),
        ("method = 'adam'\nbeta1 = 0.8", None),
        ("method = 'spring'\nmu = 0.8\nshift = 0.1", None),
        ("shift = 0.1\nmax_distance = 0.5", None),
    ] {
        let out = sum(keys).alone(&["check", "x.toml", "--quick"]);
        expect_code(&out, 0);
        let all = text(&out);
        match said {
            Some(words) => assert!(all.contains(words), "{keys}: {all}"),
            None => assert!(!all.contains("has no effect on"), "{keys}: {all}"),
        }
    }
    let chains = ["--set", "sampler.sweeps=2", "--set", "measure.burn_in=7"];
    let out = sum("").alone(&[&["check", "x.toml", "--quick"], &chains[..]].concat());
    let words = "a full sum has no Markov chains: sampler.sweeps, measure.burn_in belong to";
    assert!(text(&out).contains(words), "{}", text(&out));
    let out = sum("mu = 0.5").alone(&["run", "x.toml"]);
    assert!(
        text(&out).contains("which \"sr\" has chosen"),
        "{}",
        text(&out)
    );
}

#[test]
fn full_sums_say_nothing_of_chains() {
    let case = sum("");
    let mut said = Vec::new();
    for command in [
        &["run", "x.toml"][..],
        &["info", "x.h5"],
        &["watch", "x.h5", "--once"],
    ] {
        let out = case.alone(command);
        expect_code(&out, 0);
        said.push(text(&out));
    }
    for (said, there) in said.iter().zip(["measured E = ", "energy", "step "]) {
        assert!(said.contains(there), "{said}");
        for word in ["R-hat", "r_hat", "acc ", "tau", "effective samples"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
    assert!(case.info()["r_hat"].is_null() && case.info()["energy"]["tau"].is_null());
}

/// A run of twenty seconds that saves nothing on its way is shown while it goes on.
#[test]
fn a_run_is_shown_before_its_first_checkpoint() {
    let long = "steps = 1000000\nlearning_rate = 0.001";
    let input = sum_text("").replace("steps = 2\nlearning_rate = 0.01", long);
    let case = Case::new(&input.replace("size = 6", "size = 8"));
    let seconds = "output.max_time=20";
    let mut run = case.launch(0, &["run", "x.toml", "--set", seconds], &[]);
    run.wait_for("step 0 ");
    let frame = || {
        let out = case.alone(&["watch", "x.h5", "--once"]);
        (out.status.code() == Some(0)).then(|| text(&out))
    };
    let step = |frame: &str| -> Option<usize> {
        let (_, rest) = frame.split_once("optimise: step ")?;
        rest.split_whitespace().next()?.parse().ok()
    };
    let wait = |least: usize| {
        let clock = std::time::Instant::now();
        loop {
            let found = frame();
            if let Some(step) = found.as_deref().and_then(step).filter(|s| *s >= least) {
                return step;
            }
            assert!(clock.elapsed().as_secs() < 30, "{least}: {found:?}");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    };
    let first = wait(1);
    assert!(!case.path("x.h5").exists() && case.path("x.live").exists());
    wait(first + 1);
    assert_eq!(run.end_within(60.0), 75);
    assert!(case.path("x.h5").exists() && !case.path("x.live").exists());
    // What a killed run has left is gone with the next one.
    std::fs::write(case.path("x.live"), "").unwrap();
    let out = case.alone(&["run", "x.toml", "--set", "output.max_time=0.01"]);
    expect_code(&out, 75);
    assert!(!case.path("x.live").exists());
}

/// What a user of other programs of the field writes at first.
const OF_ELSEWHERE: &str = "[lattice]\nkind = 'chain'\nsize = 10\nboundary = 'pbc'\n\
    [hamiltonian]\nkind = 'heisenberg'\nunit = 'spin'\n[ansatz]\nkind = 'rbm'\nalpha = 2\n\
    [sampler]\nn_chains = 16\nn_samples = 1e3\n[optimise]\nn_iter = 100\nlr = 0.01\n\
    diag_shift = 0.1\n";

#[test]
fn all_faults_of_an_input_are_told_at_once_with_their_lines() {
    let case = Case::new(OF_ELSEWHERE);
    for command in ["run", "check"] {
        let out = case.alone(&[command, "x.toml"]);
        expect_code(&out, 64);
        let said = text(&out);
        let errors: Vec<_> = said.lines().filter(|l| l.starts_with("error: ")).collect();
        let wanted = [
            ("lattice.boundary", "", 4),
            ("hamiltonian.unit", "`units`", 7),
            ("ansatz.alpha", "`density`", 10),
            ("sampler.n_chains", "`chains`", 12),
            ("sampler.n_samples", "`samples`", 13),
            ("sampler.samples", "a whole number", 13),
            ("optimize.n_iter", "`steps`", 15),
            ("optimize.lr", "`learning_rate`", 16),
            ("optimize.diag_shift", "`shift`", 17),
        ];
        assert_eq!(errors.len(), wanted.len(), "{said}");
        for (error, (key, remedy, line)) in errors.iter().zip(wanted) {
            assert!(error.contains(&format!("error: {key}: ")), "{key}: {said}");
            assert!(error.contains(remedy), "{remedy}: {error}");
            assert!(error.ends_with(&format!("(line {line})")), "{error}");
        }
    }
    // A fault of the physics is told alone, with its line; what `--set` says stands in no line.
    let odd = OF_ELSEWHERE
        .split("boundary")
        .next()
        .unwrap()
        .replace("10", "0");
    let rest =
        "[hamiltonian]\nkind = 'heisenberg'\n[ansatz]\nkind = 'rbm'\n[measure]\nsamples = 16\n";
    let case = Case::new(&(odd + rest));
    let out = case.alone(&["check", "x.toml", "--set", "ansatz.density=1"]);
    assert!(text(&out).contains("(line 3)"), "{}", text(&out));
    let out = case.alone(&[
        "check",
        "x.toml",
        "--set",
        "lattice.size=4",
        "--set",
        "seed=x",
    ]);
    expect_code(&out, 64);
    assert!(!text(&out).contains("(line"), "{}", text(&out));
}

#[test]
fn both_spellings_are_read() {
    let case = Case::new(&sum_text("").replace("[optimize]", "[optimise]"));
    let list = "measure.observables=[\"transverse-magnetization\"]";
    let out = case.alone(&["run", "x.toml", "--set", list]);
    expect_code(&out, 0);
    assert!(case.info()["energy"]["mean"].is_number());
    let name = "measure/observables/transverse-magnetisation/mean";
    assert!(case.tree("x.h5").datasets.contains_key(name));
}

#[test]
fn what_is_known_and_not_used_is_said() {
    let input = "[lattice]\nkind = 'chain'\nsize = 8\n[hamiltonian]\nkind = 'heisenberg'\n\
        [ansatz]\nkind = 'rbm'\n\
        symmetry = 'none'\ndensity = 1\n[sampler]\nsamples = 64\n[optimize]\nsteps = 2\n\
        learning_rate = 0.01\n";
    let case = Case::new(input);
    let keys = [
        "hamiltonian.sector",
        "sign_rule = \"marshall\"",
        "ansatz.symmetry",
    ];
    let (sector, rule, ties) = (
        "hamiltonian.sector={ total_sz = 0 }",
        "hamiltonian.sign_rule=marshall",
        "ansatz.symmetry=translations",
    );
    let all = ["--set", sector, "--set", rule, "--set", ties];
    for used in 0..=3 {
        let settings = &all[..2 * used];
        for command in [
            &["check", "x.toml", "--quick"][..],
            &["run", "x.toml", "--fresh"],
        ] {
            let out = case.alone(&[command, settings].concat());
            expect_code(&out, 0);
            let said = text(&out);
            let hints = said.lines().filter(|l| l.starts_with("hint: ")).count();
            assert_eq!(hints, 3 - used, "{said}");
            keys[used..]
                .iter()
                .for_each(|key| assert!(said.contains(key), "{key}: {said}"));
        }
    }
    // A chain with a field along x has no conserved Sz, and no signs.
    let out = sum("").alone(&["check", "x.toml", "--quick"]);
    assert_eq!(text(&out).matches("hint: ").count(), 1, "{}", text(&out));
}

#[test]
fn the_program_carries_its_inputs_and_draws_lattices() {
    let case = Case::new("");
    let out = case.alone(&["new"]);
    assert!(text(&out).contains("quickstart"), "{}", text(&out));
    expect_code(&case.alone(&["new", "quickstart", "first.toml"]), 0);
    expect_code(&case.alone(&["new", "quickstart", "first.toml"]), 64);
    let kept = std::fs::read_to_string(case.path("first.toml")).unwrap();
    let of_project = common::project().join("configs/quickstart.toml");
    assert_eq!(kept, std::fs::read_to_string(of_project).unwrap());
    expect_code(&case.alone(&["check", "first.toml", "--quick"]), 0);
    let out = case.alone(&["new", "quickstrat"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("did you mean `quickstart`?"),
        "{}",
        text(&out)
    );
    let reference = text(&case.alone(&["reference"]));
    assert!(reference.contains("learning_rate") && reference.contains("[lattice]"));

    let set = [
        "--set",
        "lattice.kind=kagome",
        "--set",
        "lattice.size=[2, 2]",
    ];
    let draw = ["lattice", "first.toml", "--draw", "k.svg"];
    let out = case.alone(&[&draw[..], &set[..]].concat());
    expect_code(&out, 0);
    let said = text(&out);
    assert!(
        said.contains("12 sites, 24 bonds") && said.contains("not bipartite"),
        "{said}"
    );
    let svg = std::fs::read_to_string(case.path("k.svg")).unwrap();
    let letters = |k: usize| svg.contains(&format!("\n{k}\n"));
    assert!((0..12).all(letters), "{svg}");
    let out = case.alone(&["lattice", "first.toml", "--json"]);
    let object: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(object["pairs"].as_array().unwrap().len(), 16);
    assert_eq!(
        (&object["translations"], &object["space_group"]),
        (&16.into(), &32.into())
    );
    let out = case.alone(&["lattice", "first.toml", "--draw", "k.gif"]);
    expect_code(&out, 64);
}

#[test]
fn numbers_of_other_units_have_pictures_of_their_own() {
    let case = Case::new(&sum_text(""));
    let list = "measure.observables=[\"spin-correlations-zz\"]";
    expect_code(&case.alone(&["run", "x.toml", "--set", list]), 0);
    let spins = ["--set", "hamiltonian.units=spin", "--set", "output.name=s"];
    let titled = ["--set", "title=by spins", "--set", list];
    let out = case.alone(&[&["run", "x.toml"], &spins[..], &titled].concat());
    expect_code(&out, 0);
    let said = text(&out);
    assert!(
        said.contains("results in ./s.h5") || said.contains("results in s.h5"),
        "{said}"
    );
    assert!(said.contains("core hours"), "{said}");
    let draw = [
        "plot", "x.h5", "s.h5", "--format", "svg", "--output", "both",
    ];
    expect_code(&case.alone(&draw), 0);
    for (unit, symbol, name) in [("pauli", "σ", "x"), ("spin", "ħ", "by spins")] {
        let file = case.path(&format!("both/spin-correlations-zz-{unit}.svg"));
        let svg = std::fs::read_to_string(file).unwrap();
        assert!(svg.contains(symbol), "{unit}");
        let energy = std::fs::read_to_string(case.path("both/energy.svg")).unwrap();
        assert!(energy.contains(name), "{name}");
    }
    let one = [
        "plot", "x.h5", "--format", "svg", "--output", "one", "--only",
    ];
    expect_code(&case.alone(&[&one[..], &["energy,bonds"]].concat()), 0);
    assert_eq!(std::fs::read_dir(case.path("one")).unwrap().count(), 2);
    let out = case.alone(&[&one[..], &["energi"]].concat());
    expect_code(&out, 64);
    assert!(
        text(&out).contains("did you mean `energy`?"),
        "{}",
        text(&out)
    );
}

#[test]
fn axes_are_logarithmic_where_that_is_asked_for() {
    let case = Case::new(&sum_text("").replace("steps = 2", "steps = 20"));
    let list = "measure.observables=[\"spin-correlations-zz\"]";
    let run = ["run", "x.toml", "--set", list, "--set", "hamiltonian.j=-1"];
    expect_code(&case.alone(&run), 0);
    let draw = |folder: &str, more: &[&str]| {
        let plot = ["plot", "x.h5", "--format", "svg", "--output", folder];
        let out = case.alone(&[&plot[..], more].concat());
        expect_code(&out, 0);
        text(&out)
    };
    draw("linear", &[]);
    // Energies of the ground state are negative: there is nothing to draw.
    let said = draw("y", &["--log", "y"]);
    assert!(
        said.contains("left out energy: --log: none of its values is positive"),
        "{said}"
    );
    // Their distance to the exact energy is positive.
    let near = ["--log", "y", "--only", "energy", "--exact", "-99.0"];
    let said = draw("error", &near);
    assert!(said.contains("error/energy.svg"), "{said}");
    // Correlations of an antiferromagnet change their sign from site to site.
    let said = draw("y", &["--log", "x,y", "--only", "spin-correlations-zz"]);
    assert!(
        said.contains("points are not positive and not drawn"),
        "{said}"
    );
    draw("x", &["--log", "x", "--only", "quality"]);
    let read = |file: &str| std::fs::read_to_string(case.path(file)).unwrap();
    assert!(read("linear/quality.svg") != read("x/quality.svg"));
    let out = case.alone(&["plot", "x.h5", "--log", "z"]);
    expect_code(&out, 64);
}

#[test]
fn the_log_says_as_much_as_it_is_asked_for() {
    let case = Case::new(&sum_text(""));
    let run = |more: &[&str]| {
        let out = case.alone(&[&["run", "x.toml", "--fresh"], more].concat());
        expect_code(&out, 0);
        String::from_utf8(out.stderr).unwrap()
    };
    let [usual, quiet, verbose] = [&[][..], &["-q"], &["--verbose"]].map(run);
    assert!(usual.contains("finished:"), "{usual}");
    assert!(!usual.contains("saved "), "{usual}");
    let lines = |text: &str, of: &str| text.lines().filter(|line| line.contains(of)).count();
    assert_eq!(
        lines(&quiet, "finished:") + lines(&quiet, "step "),
        0,
        "{quiet}"
    );
    assert!(lines(&verbose, "debug: saved ") > 0, "{verbose}");
    // Each line has its time: 2026-11-28T12:00:00Z.
    let stamped = |line: &str| line.as_bytes().get(10) == Some(&b'T');
    assert!(verbose.lines().all(stamped), "{verbose}");
    // The command line comes before the environment.
    let loud = case.alone_with(&[("RUST_LOG", "info")], &["run", "-q", "x.toml", "--fresh"]);
    assert_eq!(lines(&text(&loud), "finished:"), 0);
    let both = case.alone(&["run", "x.toml", "-q", "-v"]);
    expect_code(&both, 64);
}

#[test]
fn a_state_that_has_collapsed_is_said_before_its_energy() {
    let input = "[lattice]\nkind = \"honeycomb\"\nsize = [3, 2]\n[hamiltonian]\nkind = \"xxz\"\n\
                  delta = 1.5\nsector = { total_sz = 0 }\n[ansatz]\nkind = \"rbm\"\n\
                  density = 4\nsymmetry = \"space-group\"\ninit = 0.01\n[sampler]\nsamples = 512\n\
                  [optimize]\nsteps = 200\nlearning_rate = 0.05\nshift = 0.01\nmax_distance = 0\n\
                  [measure]\nsamples = 256\n";
    let case = Case::new(input);
    let run = case.alone(&["run", "x.toml"]);
    expect_code(&run, 0);
    let said = text(&run);
    let verdict = "collapsed on single configurations, not the ground state: measured E";
    assert!(said.contains(verdict), "{said}");
    let info = String::from_utf8(case.alone(&["info", "x.h5"]).stdout).unwrap();
    let place = |start: &str| info.lines().position(|line| line.starts_with(start));
    assert!(place("verdict  ") < place("energy  "), "{info}");
    assert!(place("verdict  ").is_some(), "{info}");
    let table = String::from_utf8(case.alone(&["gather", "x.h5"]).stdout).unwrap();
    assert!(
        table.lines().next().unwrap().ends_with(",verdict"),
        "{table}"
    );
    assert!(table.trim_end().ends_with(",collapsed"), "{table}");
    let right = case.alone(&[
        "run",
        "x.toml",
        "--fresh",
        "--set",
        "hamiltonian.sign_rule=marshall",
    ]);
    assert!(!text(&right).contains("collapsed"), "{}", text(&right));
    let exact = -8.338372586917;
    let measured = case.tree("x.h5").real("measure/energy/mean").unwrap();
    assert!((measured - exact).abs() < 0.02, "{measured}");
    assert!(case.tree("x.h5").text("measure/verdict").is_err());
}

#[test]
fn chains_that_stand_in_several_energies_have_collapsed_too() {
    let input = "[lattice]\nkind = \"honeycomb\"\nsize = [3, 2]\n[hamiltonian]\nkind = \"xxz\"\n\
                 delta = 1.5\nsector = { total_sz = 0 }\n[ansatz]\nkind = \"rbm\"\n\
                 density = 2\ninit = 0.01\n[sampler]\nsamples = 512\n[optimize]\nsteps = 200\n\
                 learning_rate = 0.05\nshift = 0.01\nmax_distance = 0\n[measure]\nsamples = 256\n";
    let case = Case::new(input);
    let run = case.alone(&["run", "x.toml"]);
    expect_code(&run, 0);
    let verdict = "collapsed on single configurations, not the ground state: measured E";
    assert!(text(&run).contains(verdict), "{}", text(&run));
}

#[test]
fn a_table_says_which_file_it_lacks() {
    let case = Case::new(&sum_text(""));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let whole = std::fs::read(case.path("x.h5")).unwrap();
    std::fs::write(case.path("cut.h5"), &whole[..whole.len() / 2]).unwrap();
    let out = case.alone(&["gather", "x.h5", "cut.h5"]);
    expect_code(&out, 74);
    let said = text(&out);
    assert!(
        said.contains("cut.h5: cannot be read; the table has all other files"),
        "{said}"
    );
    assert!(said.contains("\nx.h5,"), "{said}");
}

#[test]
fn an_input_without_a_section_that_calculates_is_refused() {
    let input = sum_text("");
    let end = input.find("[optimize]").unwrap();
    let case = Case::new(&input[..end]);
    for command in ["check", "run"] {
        let out = case.alone(&[command, "x.toml"]);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains("input: there is nothing to do; add a section: ["),
            "{said}"
        );
    }
}

/// Parameters at the end of an optimisation, and how many steps are averaged.
fn averaged(case: &Case, settings: &[&str]) -> (Vec<f64>, Option<i64>) {
    let out = case.alone(&[&["run", "x.toml", "--fresh"], settings].concat());
    expect_code(&out, 0);
    let results = case.tree("x.h5");
    (
        case.optimised().0,
        results.integer("optimize/averaged_steps").ok(),
    )
}

#[test]
fn averages_are_the_means_of_the_last_parameters_and_go_on() {
    let case = Case::new(&sum_text("").replace("steps = 2", "steps = 3"));
    let steps = |n: &str| averaged(&case, &["--set", &format!("optimize.steps={n}")]).0;
    let (second, third) = (steps("2"), steps("3"));
    let (mean, count) = averaged(&case, &["--set", "optimize.average=2"]);
    assert_eq!(count, Some(2));
    for ((mean, a), b) in mean.iter().zip(&second).zip(&third) {
        assert!((mean - 0.5 * (a + b)).abs() < 1e-14, "{mean} {a} {b}");
    }
    // A longer optimisation goes on from the last parameters, not from their mean.
    let longer = [
        "run",
        "x.toml",
        "--set",
        "optimize.average=1",
        "--set",
        "optimize.steps=4",
    ];
    expect_code(&case.alone(&longer), 0);
    let went_on = case.optimised().0;
    let straight = steps("4");
    assert_eq!(went_on, straight);
    let out = case.alone(&["check", "x.toml", "--quick", "--set", "optimize.average=9"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("at most optimize.steps"),
        "{}",
        text(&out)
    );
}

#[test]
fn a_log_has_a_line_of_progress_now_and_then() {
    let case = Case::new(&sum_text("").replace("steps = 2", "steps = 60"));
    let lines = |settings: &[&str]| {
        let out = case.alone(&[&["run", "x.toml", "--fresh"], settings].concat());
        expect_code(&out, 0);
        let said = text(&out);
        let steps: Vec<_> = said.lines().filter(|l| l.starts_with("step ")).collect();
        let ends = |k: usize| steps.iter().any(|l| l.starts_with(&format!("step {k} ")));
        assert!(ends(0) && ends(59), "{said}");
        steps.len()
    };
    assert_eq!(lines(&["--set", "output.log_every=0"]), 60);
    assert_eq!(lines(&["--set", "output.log_every=1000"]), 2);
    let out = case.alone(&["check", "x.toml", "--quick", "--set", "output.log_every=-1"]);
    expect_code(&out, 64);
    assert!(
        text(&out).contains("output.log_every: -1"),
        "{}",
        text(&out)
    );
}

/// Takes the key `section.name` out of an input.
fn without(input: &str, key: &str) -> String {
    let (section, name) = key.split_once('.').unwrap();
    let mut table: toml::Table = input.parse().unwrap();
    let section = table[section].as_table_mut().unwrap();
    assert!(section.remove(name).is_some(), "{key}");
    toml::to_string(&table).unwrap()
}

#[test]
fn mistakes_of_users_of_other_programs_have_the_answers_of_the_page() {
    let read = |name: &str| {
        std::fs::read_to_string(project().join(format!("docs/guide/{name}.md"))).unwrap()
    };
    let (page, first) = (read("newcomers"), read("first-run"));
    let base = first.split("```toml\n").nth(1).unwrap();
    let base = base.split("```").next().unwrap();
    let mut count = 0;
    for row in page
        .lines()
        .filter(|l| l.starts_with('|') && l.contains("``"))
    {
        let [_, written, _, said, _] = row.split("``").collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let out = if row.starts_with("| without ") {
            Case::new(&without(base, written)).alone(&["check", "x.toml", "--quick"])
        } else {
            let setting = written.replacen(" = ", "=", 1);
            Case::new(base).alone(&["check", "x.toml", "--quick", "--set", &setting])
        };
        expect_code(&out, if said.starts_with("hint: ") { 0 } else { 64 });
        assert!(
            text(&out).contains(said),
            "{written}: {said}\n{}",
            text(&out)
        );
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn entries_of_lists_are_set_on_the_command_line() {
    let stages = "shift = 0.1\nstages = [{ steps = 1 }, { steps = 1 }]";
    let case = Case::new(&sum_text(stages).replace("steps = 2\n", ""));
    let check = |setting: &str| {
        let all = ["check", "x.toml", "--quick", "--json", "--set", setting];
        case.alone(&all)
    };
    let out = check("optimize.stages[1].steps=4");
    expect_code(&out, 0);
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(figures["sections"]["optimize"]["blocks"], 5.0, "{figures}");
    let out = check("optimize.stages[1]={ steps = 7 }");
    let figures: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(figures["sections"]["optimize"]["blocks"], 8.0, "{figures}");
    for (setting, problem) in [
        (
            "optimize.stages[2].steps=4",
            "the list has 2 entries, from [0] on",
        ),
        ("optimize.stages[x].steps=4", "the list has 2 entries"),
        ("optimize.stages[1=4", "the list has 2 entries"),
        ("optimize.shift[0]=4", "`shift` is not a list"),
        ("optimize.mass[0]=4", "there is no `mass`"),
        ("optimize.stages.steps=4", "`stages` is not a section"),
    ] {
        let out = check(setting);
        expect_code(&out, 64);
        let said = text(&out);
        assert!(
            said.contains(problem) && said.contains("list[0].key"),
            "{said}"
        );
    }
}

#[test]
fn solves_that_fall_back_are_not_said_at_every_step() {
    // A machine with more parameters than the sector has independent derivatives.
    let input = "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = \
                 'heisenberg'\nsector = { total_sz = 0 }\nsign_rule = 'marshall'\n[ansatz]\nkind \
                 = 'rbm'\ndensity = 1\n[sampler]\nchains = 8\nsamples = 256\n[optimize]\nsteps = \
                 20\nlearning_rate = 0.05\nshift = 0\n";
    let case = Case::new(input);
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    let tree = case.tree("x.h5");
    let fallbacks = tree.reals("optimize/history/fallbacks").unwrap();
    let all = fallbacks.iter().sum::<f64>() as usize;
    let said = text(&out).matches("trying again with").count();
    assert!(all >= 8, "{fallbacks:?}");
    assert!(
        said >= 1 && said <= 1 + all.ilog2() as usize,
        "{said} of {all}"
    );
    assert!(
        text(&out).contains("(4 fallbacks so far)"),
        "{}",
        text(&out)
    );
}
