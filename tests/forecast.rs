//! `nishina check` against what the run then needs: memory and files within 20 %, time of a step
//! within a factor 2.

mod common;
use common::{Case, expect_code, program, text};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An input on the ring of 24 sites.
fn ring(ansatz: &str, rest: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = 24\n[hamiltonian]\nkind = 'heisenberg'\nsector = {{ \
         total_sz = 0 }}\n\
         sign_rule = 'marshall'\n[ansatz]\n{ansatz}\n{rest}"
    )
}

/// Name, input, ranks of the run, cores that `check` may use (so many ranks it can try; the share
/// of one beyond).
fn cases() -> Vec<(&'static str, String, usize, usize)> {
    let rbm = |density: usize| format!("kind = 'rbm'\nsymmetry = 'none'\ndensity = {density}");
    let optimize = |sampler: &str, steps: usize, own: &str| {
        format!(
            "[sampler]\n{sampler}\n[optimize]\nsteps = {steps}\nlearning_rate = \
             0.01\n{own}\n[measure]\n"
        )
    };
    let small = "samples = 8192\nobservables = ['spin-correlations']\n";
    let evolve = "[lattice]\nkind = 'chain'\nsize = 12\n[hamiltonian]\nkind = 'ising'\nhx = \
     0.5\n[ansatz]\nkind = 'rbm'\n\
                  density = 2\n[sampler]\nsamples = 1024\n[evolve]\ntime = 0.16\nstep = \
                  0.01\noutput_every = 0.04\n\
                  [evolve.hamiltonian]\nhx = 1.0\n[measure]\nsamples = 2048\nobservables = \
                  ['magnetisation']\n";
    let fits = "[evolve]\nmethod = 'projected'\nprojection = { solves = 4 }\n";
    let projected = evolve.replace("[evolve]\n", fits).replace("0.16", "0.08");
    let projected = projected.replace("density = 2", "density = 1");
    let full = "[lattice]\nkind = 'chain'\nsize = 14\n[hamiltonian]\nkind = 'ising'\nhx = \
     1.0\n[ansatz]\nkind = 'rbm'\n\
                density = 1\n[sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = 12\nlearning_rate \
                = 0.01\n\
                [measure]\nsamples = 1024\n";
    let two = optimize("samples = 1024", 20, "method = 'kernel-sr'\nshift = 0.01");
    let many = "samples = 131072\n[output]\nsamples = 'all'\n";
    vec![
        (
            "dense-sr",
            ring(
                &rbm(1),
                &(optimize("samples = 2048", 20, "method = 'dense-sr'\nshift = 0.01") + small),
            ),
            1,
            2,
        ),
        (
            "kernel-sr",
            ring(
                &rbm(4),
                &(optimize("samples = 1536", 6, "method = 'kernel-sr'\nshift = 0.01") + small),
            ),
            1,
            2,
        ),
        (
            "adam",
            ring(
                &rbm(2),
                &(optimize("samples = 1024\nsweeps = 2", 30, "method = 'adam'") + small),
            ),
            1,
            2,
        ),
        ("two ranks", ring(&rbm(2), &(two.clone() + small)), 2, 2),
        ("two ranks, one tried", ring(&rbm(2), &(two + small)), 2, 1),
        (
            "all samples",
            ring(
                "kind = 'jastrow'",
                &(optimize("samples = 512", 40, "") + many),
            ),
            1,
            2,
        ),
        ("evolution", evolve.into(), 1, 2),
        ("evolution, projected", projected, 1, 2),
        ("full sum", full.into(), 1, 2),
    ]
}

/// One test at a time: they measure.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the input to its end: the largest resident memory of a rank, as the system says and as the
/// results do.
fn run(case: &Case, ranks: usize) -> f64 {
    let peak = |process: u32| {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        line.map_or(0.0, |l| {
            1024.0 * l.split_whitespace().next().unwrap().parse::<f64>().unwrap()
        })
    };
    let mut running = case.launch(
        if ranks > 1 { ranks } else { 0 },
        &["run", "x.toml", "--fresh"],
        &[],
    );
    let mut largest = 0.0;
    while running.child.try_wait().unwrap().is_none() {
        let processes = if ranks > 1 {
            running.ranks()
        } else {
            vec![running.child.id()]
        };
        largest = processes.into_iter().map(peak).fold(largest, f64::max);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(running.end_within(1.0), 0, "{}", running.said());
    std::fs::read_dir(case.folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .for_each(|path| {
            if path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("log.")
            {
                std::fs::remove_file(path).unwrap();
            }
        });
    case.tree("x.h5")
        .real("timing/peak_memory")
        .unwrap()
        .max(largest)
}

/// Whether nobody else is at work: both cores are idle for a while.
fn quiet() -> bool {
    let idle = || {
        let all = std::fs::read_to_string("/proc/stat").unwrap();
        let ticks: Vec<f64> = all
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|t| t.parse().unwrap())
            .collect();
        (ticks[3], ticks.iter().sum::<f64>())
    };
    let before = idle();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let after = idle();
    (after.0 - before.0) / (after.1 - before.1) > 0.9
}

/// `check --json` on some cores, with temporary files in a folder that it has to leave empty.
fn check(case: &Case, cores: usize, arguments: &[&str]) -> serde_json::Value {
    let temporary = case.path("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    let before = std::fs::read_dir(case.folder.path()).unwrap().count();
    let mut command = Command::new(program());
    if cores == 1 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let allowed = status
            .lines()
            .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))
            .unwrap()
            .trim();
        let first = allowed.split([',', '-']).next().unwrap();
        command = Command::new("taskset");
        command.args(["-c", first, program()]);
    }
    command.args(["check", "x.toml", "--json"]).args(arguments);
    command
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .env("TMPDIR", &temporary);
    let out = command
        .current_dir(case.folder.path())
        .env("OPENBLAS_NUM_THREADS", "1")
        .output()
        .unwrap();
    expect_code(&out, 0);
    assert_eq!(
        std::fs::read_dir(&temporary).unwrap().count(),
        0,
        "a temporary folder is left"
    );
    assert_eq!(
        std::fs::read_dir(case.folder.path()).unwrap().count(),
        before,
        "a file is left beside the user's"
    );
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&out)))
}

/// What was predicted too far from what was measured.
fn compare(name: &str, case: &Case, ranks: usize, cores: usize) -> Vec<String> {
    let said = check(case, cores, &["--ranks", &ranks.to_string()]);
    let whole = cores.min(std::thread::available_parallelism().unwrap().get()) >= ranks;
    let note = said["notes"][0].as_str().unwrap_or_default();
    assert_eq!(note.contains("of a step;"), !whole, "{name}: {note}");
    let number = |key: &str| {
        said[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: no {key} in {said}"))
    };
    let calm = whole || quiet();
    let peak = run(case, ranks);
    let results = case.tree("x.h5");
    let bytes = |file: &str| std::fs::metadata(case.path(file)).map_or(0.0, |m| m.len() as f64);
    let quartile = |path: &str| {
        let mut seconds = results.reals(path).unwrap_or_default();
        seconds.sort_by(f64::total_cmp);
        // Other work on the machine only adds.
        seconds.get(seconds.len() / 4).copied()
    };
    // A file may have two names.
    let samples: BTreeMap<u64, f64> = std::fs::read_dir(case.folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.starts_with("x.samples"))
        .map(|n| (std::fs::metadata(case.path(&n)).unwrap().ino(), bytes(&n)))
        .collect();
    let samples = samples.values().sum();
    let mut all = vec![
        ("memory", number("memory_per_rank"), peak, 1.2),
        ("X.h5", number("results_bytes"), bytes("x.h5"), 1.2),
        (
            "X.ckpt.h5",
            number("checkpoint_bytes"),
            bytes("x.ckpt.h5"),
            1.2,
        ),
        ("samples", number("samples_bytes"), samples, 1.2),
    ];
    // Ranks that share a core with others wait for each other; one that was tried alone does not.
    let timed = whole || calm;
    if !timed {
        println!("SKIPPED: the time of {ranks} ranks from a trial of one needs a quiet machine");
    }
    if let Some(step) = quartile("timing/step_seconds").filter(|_| timed) {
        all.push(("step", number("step_seconds"), step, 2.0));
    }
    if let Some(step) = quartile("timing/evolve_seconds").filter(|_| timed) {
        // The first point is the start.
        let solves = results.reals("evolve/history/solves").unwrap().split_off(1);
        let slopes = solves.iter().sum::<f64>() / solves.len() as f64;
        assert_eq!(slopes > 2.0, name.contains("projected"), "{name}: {slopes}");
        all.push(("evolution", number("evolve_step_seconds"), step, 2.0));
        let counted = number("evolve_step_seconds") / number("slope_seconds");
        all.push(("solves of a step", counted, slopes, 1.2));
        let slope = step / slopes;
        all.push(("right-hand side", number("slope_seconds"), slope, 2.0));
    }
    let elapsed = results.real("timing/elapsed").unwrap();
    println!(
        "{name}: the whole run predicted {:.2} s, measured {elapsed:.2} s",
        number("total_seconds")
    );
    let mut faults = Vec::new();
    for (what, predicted, measured, factor) in all {
        let ratio = if measured == predicted {
            1.0
        } else {
            predicted / measured
        };
        println!(
            "{name:>20} {what:<15} predicted {predicted:.4e}  measured {measured:.4e}  ratio \
             {ratio:.3}"
        );
        if !(1.0 / factor..=factor).contains(&ratio) {
            faults.push(format!(
                "{name}: {what} predicted {predicted:.4e}, measured {measured:.4e}"
            ));
        }
    }
    faults
}

#[test]
fn memory_files_and_time_are_as_predicted() {
    let _alone = alone();
    let mut all = Vec::new();
    for (name, input, ranks, cores) in cases() {
        let case = Case::new(&input);
        // Other work on the machine may have come or gone between the two.
        let mut attempts = (0..4).map(|_| compare(name, &case, ranks, cores));
        let first = attempts.next().unwrap();
        if !first.is_empty() && attempts.all(|faults| !faults.is_empty()) {
            all.extend(first);
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn more_ranks_than_cores_follow_from_one() {
    let _alone = alone();
    let rest = "[sampler]\nsamples = 2048\n[optimize]\nsteps = 4\nlearning_rate = 0.01\nmethod = \
     'kernel-sr'\n\
                [measure]\nsamples = 8192\n";
    let case = Case::new(&ring("kind = 'rbm'\nsymmetry = 'none'\ndensity = 4", rest));
    let said = check(&case, 2, &["--ranks", "4"]);
    let peak = run(&case, 4);
    let bytes = |file: &str| std::fs::metadata(case.path(file)).unwrap().len() as f64;
    for (key, measured) in [
        ("memory_per_rank", peak),
        ("results_bytes", bytes("x.h5")),
        ("checkpoint_bytes", bytes("x.ckpt.h5")),
        // One segment: one file with two names.
        ("samples_bytes", bytes("x.samples.h5")),
    ] {
        let ratio = said[key].as_f64().unwrap() / measured;
        println!("4 ranks: {key} ratio {ratio:.3}");
        assert!((1.0 / 1.2..1.2).contains(&ratio), "{key}: {ratio}");
    }
}

#[test]
fn a_step_that_takes_too_long_is_tried_with_fewer_samples() {
    let _alone = alone();
    // Sweeps take most of a step: they can be stopped, so that no machine is fast enough to end one
    // in the time.
    let rest = "[sampler]\nsamples = 131072\nsweeps = 16\n[optimize]\nsteps = 2\nlearning_rate = \
     0.01\nmethod = 'adam'\n";
    let case = Case::new(&ring("kind = 'rbm'\nsymmetry = 'none'\ndensity = 2", rest));
    let mut all = Vec::new();
    for _ in 0..4 {
        let said = check(&case, 2, &["--within", "3.2"]);
        let (fewer, step) = (said["notes"].to_string(), said["step_seconds"].as_f64());
        let peak = run(&case, 1);
        let measured = case.tree("x.h5").reals("timing/step_seconds").unwrap()[1];
        let memory = said["memory_per_rank"].as_f64().unwrap() / peak;
        println!(
            "8192 of 131072 samples: step {step:?}, measured {measured:.3}; memory ratio \
             {memory:.3}; {fewer}"
        );
        let near = step.is_some_and(|s| (0.5..2.0).contains(&(s / measured)));
        if fewer.contains("8192 of the 131072 samples")
            && near
            && (1.0 / 1.2..1.2).contains(&memory)
        {
            return;
        }
        all.push(said);
    }
    panic!("{all:?}");
}

#[test]
fn without_a_trial_there_is_the_cost_model() {
    let _alone = alone();
    let rest = "[sampler]\nsamples = 256\n[optimize]\nsteps = 100\nlearning_rate = 0.01\n";
    let case = Case::new(&ring("kind = 'jastrow'", rest));
    let quick = check(&case, 2, &["--quick"]);
    assert!(
        quick["memory_per_rank"].as_f64().unwrap() > 2e7 && quick["step_seconds"].is_null(),
        "{quick}"
    );
    // A matrix of 100 TB.
    let large = [
        "--set",
        "sampler.samples=2560000",
        "--set",
        "optimize.method=kernel-sr",
    ];
    let said = check(&case, 2, &large);
    assert!(
        said["notes"]
            .to_string()
            .contains("from the cost model alone"),
        "{said}"
    );
    assert!(
        said["memory_per_rank"].as_f64().unwrap() > 1e13 && said["total_seconds"].is_null(),
        "{said}"
    );
}

#[test]
fn the_header_is_a_job_script() {
    let _alone = alone();
    let rest = "[sampler]\nsamples = 256\n[optimize]\nsteps = 100\nlearning_rate = \
     0.01\n[measure]\nsamples = 1024\n";
    let case = Case::new(&ring("kind = 'jastrow'", rest));
    let out = case.alone(&["check", "x.toml", "--ranks", "4", "--set", "threads=2"]);
    expect_code(&out, 0);
    let said = text(&out);
    let lines: Vec<&str> = said
        .lines()
        .skip_while(|l| *l != "#!/usr/bin/env bash")
        .collect();
    let own = std::fs::read_to_string(common::project().join("jobs/slurm-run.sh")).unwrap();
    for line in [
        "--signal=B:USR1@120",
        "--requeue",
        "--open-mode=append",
        "--output=%x-%j.log",
    ] {
        let line = format!("#SBATCH {line}");
        assert!(
            lines.contains(&line.as_str()) && own.lines().any(|l| l == line),
            "{line} in {said}"
        );
    }
    for line in [
        "#SBATCH --job-name=x",
        "#SBATCH --ntasks=4",
        "#SBATCH --cpus-per-task=2",
    ] {
        assert!(lines.contains(&line), "{line} in {said}");
    }
    let value = |key: &str| {
        lines
            .iter()
            .find_map(|l| l.strip_prefix(key))
            .unwrap_or_else(|| panic!("{key} in {said}"))
    };
    let memory: f64 = value("#SBATCH --mem-per-cpu=")
        .strip_suffix('M')
        .unwrap()
        .parse()
        .unwrap();
    assert!((100.0..300.0).contains(&memory), "{memory}");
    assert!(value("#SBATCH --time=").starts_with("00:"), "{said}");
}

#[test]
fn a_check_that_is_told_to_stop_leaves_nothing() {
    let _alone = alone();
    let rest = "[sampler]\nsamples = 65536\n[optimize]\nsteps = 20\nlearning_rate = 0.01\nmethod = \
     'adam'\n";
    let case = Case::new(&ring("kind = 'rbm'\nsymmetry = 'none'\ndensity = 4", rest));
    let temporary = case.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let folder = temporary.to_str().unwrap();
    for signal in ["INT", "TERM"] {
        let mut running = case.launch(0, &["check", "x.toml"], &[("TMPDIR", folder)]);
        let started = std::time::Instant::now();
        while std::fs::read_dir(&temporary).unwrap().count() == 0 {
            assert!(started.elapsed().as_secs() < 60, "{}", running.said());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        running.signal(signal);
        assert_eq!(running.end_within(30.0), 75, "{}", running.said());
        assert_eq!(
            std::fs::read_dir(&temporary).unwrap().count(),
            0,
            "{signal}"
        );
        let left = Command::new("pgrep").args(["-f", folder]).output().unwrap();
        assert!(
            left.stdout.is_empty(),
            "{signal}: a trial goes on: {}",
            String::from_utf8_lossy(&left.stdout)
        );
    }
}
