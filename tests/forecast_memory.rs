//! The memory that `check --quick` predicts without a trial, against what the run takes: every
//! kind of wave function, with and without an optimisation; and what is refused before it is built.

mod common;
use common::{Case, expect_code, mpirun, program, text};
use nishina::ansatz::ANSATZE;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time: they take much memory.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const RBM: &str = "kind = 'rbm'\nsymmetry = 'none'\ndensity = 4";
const MEASURE: &str = "[measure]\nsamples = 8\n";

/// A chain in a transverse field with this wave function.
fn ring(sites: usize, ansatz: &str, rest: &str) -> String {
    format!(
        "[lattice]\nkind = 'chain'\nsize = {sites}\n[hamiltonian]\nkind = 'ising'\nhx = \
         1.0\n[ansatz]\n{ansatz}\n{rest}"
    )
}

/// The same on an open square.
fn square(size: [usize; 2], ansatz: &str, rest: &str) -> String {
    format!(
        "[lattice]\nkind = 'square'\nsize = {size:?}\nboundary = 'open'\n[hamiltonian]\n\
         kind = 'ising'\nhx = 1.0\n[ansatz]\n{ansatz}\n{rest}"
    )
}

/// Two chains without a burn-in, and perhaps steps by a method.
fn sampled(method: &str) -> String {
    let optimize = match method {
        "" => String::new(),
        _ => format!("[optimize]\nsteps = 2\nlearning_rate = 1e-4\nmethod = '{method}'\n"),
    };
    format!("[sampler]\nchains = 2\nsamples = 8\n{optimize}{MEASURE}burn_in = 0\n")
}

/// Name, which begins with the kind, and input of each case.
fn cases() -> Vec<(&'static str, String)> {
    let plain = sampled("");
    let case = |sites, ansatz: &str| ring(sites, ansatz, &plain);
    let sum = format!("[sampler]\nmethod = 'full-sum'\n{MEASURE}");
    let mut all = vec![
        ("rbm", case(500, RBM)),
        (
            "rbm, real",
            case(500, &format!("{RBM}\nparameters = 'real'")),
        ),
        (
            "rbm, tied",
            case(300, "kind = 'rbm'\ndensity = 4\nsymmetry = 'translations'"),
        ),
        (
            "feedforward",
            case(16, "kind = 'feedforward'\nwidths = [1000, 1000]"),
        ),
        (
            "autoregressive",
            case(50, "kind = 'autoregressive'\nfeatures = [40, 40]"),
        ),
        (
            "resnet",
            case(64, "kind = 'resnet'\nchannels = 256\nblocks = 4"),
        ),
        ("gcnn", case(64, "kind = 'gcnn'\nfeatures = [64, 64]")),
        (
            "cnn-mps",
            case(
                64,
                "kind = 'cnn-mps'\nchannels = 64\nlayers = 2\nmlp = 256\nbond = 64",
            ),
        ),
        (
            "vit",
            case(
                64,
                "kind = 'vit'\nwidth = 256\nheads = 4\nlayers = 2\nprecision = 'single'",
            ),
        ),
        (
            "convnext",
            case(64, "kind = 'convnext'\nwidth = 256\nlayers = 4"),
        ),
        ("jastrow", case(1000, "kind = 'jastrow'")),
        (
            "boltzmann",
            case(1000, "kind = 'boltzmann'\ndensity = 1\nphase = true"),
        ),
        ("eps", case(400, "kind = 'eps'\ncluster = [12]")),
        (
            "peps",
            square([6, 6], "kind = 'peps'\nbond_dimension = 2", &plain),
        ),
        ("mps", case(100, "kind = 'mps'\nbond_dimension = 100")),
        (
            "mps, periodic",
            case(
                40,
                "kind = 'mps'\nbond_dimension = 24\nboundary = 'periodic'",
            ),
        ),
        ("table", case(20, "kind = 'table'")),
        (
            "product",
            case(
                500,
                "kind = 'product'\nfactors = [{ kind = 'jastrow' }, { kind = 'rbm', density = 2 }]",
            ),
        ),
        (
            "symmetrised",
            case(
                250,
                "kind = 'symmetrised'\nreflection = 1\nof = { kind = 'rbm', density = 8 }",
            ),
        ),
        (
            "pair",
            case(600, "kind = 'pair'\nstart = 'random'").replace(
                "kind = 'ising'\nhx = 1.0",
                "kind = 'heisenberg'\nsector = { total_sz = 0 }",
            ),
        ),
        ("table, full sum", ring(20, "kind = 'table'", &sum)),
        (
            "dbm, constructed",
            ring(
                18,
                "kind = 'dbm'",
                "[sampler]\nmethod = 'full-sum'\n[construct]\ntime = 0.2\nstep = 0.1\n\
                 [measure]\nsamples = 1\n",
            ),
        ),
        (
            "dbm, clusters",
            ring(
                1000,
                "kind = 'dbm'",
                "[sampler]\nchains = 1\n[construct]\ntime = 300.0\nstep = 0.1\n\
                 [measure]\nsamples = 4\nburn_in = 0\n",
            ),
        ),
        (
            "rbm, full sum",
            ring(20, "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1", &sum),
        ),
    ];
    // What the reverse pass keeps of eight configurations is more than all else.
    let transformer = "kind = 'autoregressive'\nnetwork = 'transformer'\nwidth = 16\nheads = 16\n\
                       layers = 1";
    let direct = "[sampler]\nmethod = 'direct'\nsamples = 4\n[optimize]\nsteps = 1\n\
                  learning_rate = 1e-4\nmethod = 'adam'\n[measure]\nsamples = 4\n";
    all.push(("autoregressive, adam", ring(128, transformer, direct)));
    let steps = |method| ring(400, RBM, &sampled(method));
    all.extend([
        ("rbm, adam", steps("adam")),
        ("rbm, kernel-sr", steps("kernel-sr")),
        ("rbm, spring", steps("spring")),
        (
            "rbm, linear",
            ring(
                20,
                "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1",
                &sampled("linear").replacen("samples = 8\n", "samples = 512\n", 1),
            ),
        ),
    ]);
    all
}

/// What `check --quick` says, with more arguments.
fn forecast(case: &Case, more: &[&str]) -> serde_json::Value {
    let out = case.alone(&[&["check", "x.toml", "--quick", "--json"], more].concat());
    expect_code(&out, 0);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(&out)))
}

/// The largest resident memory of a run to its end, as the system counts it; wait4 tells it.
#[allow(clippy::zombie_processes)]
fn measured(case: &Case) -> f64 {
    let mut command = Command::new(program());
    command
        .args(["run", "x.toml", "--fresh"])
        .current_dir(case.folder.path())
        .env("OPENBLAS_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let (mut status, mut usage) = (0, unsafe { std::mem::zeroed::<libc::rusage>() });
    // SAFETY: the child is this process's own, and nobody else waits for it.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert_eq!(waited, child.id() as i32);
    assert!(std::process::ExitStatus::from_raw(status).success());
    usage.ru_maxrss as f64 * 1024.0
}

#[test]
fn every_kind_is_predicted_without_a_trial() {
    let _alone = alone();
    let cases = cases();
    for entry in ANSATZE {
        let has = |name: &str| name.split(',').next() == Some(entry.kind);
        assert!(cases.iter().any(|(name, _)| has(name)), "{}", entry.kind);
    }
    let mut faults = Vec::new();
    for (name, input) in cases {
        let case = Case::new(&input);
        let predicted = forecast(&case, &[])["memory_per_rank"].as_f64().unwrap();
        faults.extend(far_off(name, predicted, measured(&case)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with a forecast: it has to be right within 20 %.
fn far_off(name: &str, predicted: f64, measured: f64) -> Option<String> {
    let ratio = predicted / measured;
    let line = format!("{name:>20}: predicted {predicted:.3e}, ratio {ratio:.3}");
    println!("{line}");
    (!(1.0 / 1.2..=1.2).contains(&ratio)).then_some(line)
}

/// The number of a rank and the largest resident memory of its process so far, while it is there.
fn peak_of(process: u32) -> Option<(usize, f64)> {
    let folder = std::path::PathBuf::from(format!("/proc/{process}"));
    let variables = std::fs::read(folder.join("environ")).ok()?;
    let rank = String::from_utf8_lossy(&variables)
        .split('\0')
        .find_map(|v| v.strip_prefix("OMPI_COMM_WORLD_RANK=")?.parse().ok())?;
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some((rank, 1024.0 * kib))
}

/// The largest resident memory of each of two ranks, looked at until they end.
fn measured_on_two(case: &Case) -> [f64; 2] {
    let mut command = mpirun(2);
    command.extend([program(), "run", "x.toml", "--fresh"].map(String::from));
    let mut running = case.start(&command, &[]);
    let mut peaks = [0.0; 2];
    while running.child.try_wait().unwrap().is_none() {
        for (rank, peak) in running.ranks().into_iter().filter_map(peak_of) {
            peaks[rank] = f64::max(peaks[rank], peak);
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(running.end_within(1.0), 0, "{}", running.said());
    peaks
}

#[test]
fn other_ranks_are_predicted_too() {
    let _alone = alone();
    let mut faults = Vec::new();
    for method in ["", "adam", "kernel-sr"] {
        let case = Case::new(&ring(600, RBM, &sampled(method)));
        let said = forecast(&case, &["--ranks", "2"]);
        let peaks = measured_on_two(&case);
        for (key, peak) in ["memory_per_rank", "memory_of_other_ranks"]
            .iter()
            .zip(peaks)
        {
            let name = format!("{key} {method}");
            faults.extend(far_off(&name, said[key].as_f64().unwrap(), peak));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A run or check in an address space of so many megabytes; what does not fit into it is refused
/// on any machine.
fn within(case: &Case, command: &str, megabytes: usize) -> Output {
    let line = format!("ulimit -v {}; exec \"$0\" {command}", megabytes * 1024);
    Command::new("bash")
        .args(["-c", &line, program()])
        .current_dir(case.folder.path())
        .env("OPENBLAS_NUM_THREADS", "1")
        .output()
        .unwrap()
}

#[test]
fn what_cannot_fit_is_refused_before_it_is_made() {
    let _alone = alone();
    let plain = sampled("");
    let table = |sites| ring(sites, "kind = 'table'", &plain);
    let sum = "[sampler]\nmethod = 'full-sum'\n[measure]\nsamples = 16\n";
    let both: &[&str] = &["run x.toml", "check x.toml --quick"];
    // All but the first two have room for the vector that comes first.
    for (name, input, commands) in [
        ("a table of 31 sites", table(31), both),
        ("a table of 40 sites", table(40), both),
        ("a table of 25 sites, 0.5 GB a vector", table(25), both),
        (
            "a full sum of 24 sites",
            ring(24, "kind = 'rbm'\nsymmetry = 'none'\ndensity = 1", sum),
            both,
        ),
        (
            "networks of 0.3 GB",
            ring(64, "kind = 'feedforward'\nwidths = [4000, 4000]", &plain),
            both,
        ),
        (
            "a machine whose states of the optimisation do not fit",
            ring(
                1000,
                "kind = 'rbm'\nsymmetry = 'none'\ndensity = 8",
                &sampled("adam"),
            ),
            &["run x.toml"],
        ),
        ("an exact sector", table(26), &["exact x.toml"]),
    ] {
        let case = Case::new(&input);
        for command in commands {
            let out = within(&case, command, 1500);
            expect_code(&out, 64);
            let said = text(&out);
            assert!(said.contains("GB are available"), "{name}: {said}");
            assert!(!case.path("x.h5").exists());
        }
    }
}

#[test]
fn the_buffer_of_blas_counts() {
    let _alone = alone();
    let case = Case::new(&ring(20, "kind = 'jastrow'", &sampled("")));
    let said = forecast(&case, &[]);
    let buffer = said["blas_buffer_bytes"].as_f64().unwrap();
    assert_eq!(buffer, f64::from(129 << 20));
    let header = said["slurm_header"].as_str().unwrap();
    let line = header
        .lines()
        .find_map(|l| l.strip_prefix("#SBATCH --mem-per-cpu="));
    let asked: f64 = line
        .and_then(|l| l.strip_suffix('M'))
        .unwrap()
        .parse()
        .unwrap();
    let resident = said["memory_per_rank"].as_f64().unwrap();
    assert!(asked * f64::from(1 << 20) >= resident + buffer, "{header}");
}
