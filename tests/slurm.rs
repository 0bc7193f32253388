//! The job scripts on a real SLURM of one node, which the test starts: requeue, array scan, time
//! limit, launcher mismatch.
//!
//! Skipped, saying so, where the user is not root or SLURM can neither be found nor installed.

mod common;
use common::{Case, RING, expect_code, long, program, project, text};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The cluster; it ends when dropped.
struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let script = project().join("tests/cluster.sh");
        let out = Command::new(script)
            .arg("start")
            .arg(folder.path())
            .output()
            .unwrap();
        match out.status.code() {
            Some(0) => Some(Cluster { folder }),
            Some(3) => {
                eprintln!("SKIPPED: {}", text(&out));
                None
            }
            _ => panic!("{}", text(&out)),
        }
    }

    fn run(
        &self,
        command: &str,
        arguments: &[&str],
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Output {
        let mut run = Command::new(command);
        run.args(arguments)
            .current_dir(folder)
            .env("SLURM_CONF", self.folder.path().join("slurm.conf"));
        run.env("NISHINA", program())
            .env("NISHINA_JOB", project().join("jobs/slurm-run.sh"));
        run.env("NISHINA_ONE", project().join("jobs/slurm-run.sh"));
        run.env("OMPI_ALLOW_RUN_AS_ROOT", "1")
            .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        // More ranks than cores, perhaps: they should not spin.
        run.env("OMPI_MCA_mpi_yield_when_idle", "1");
        run.env("OMPI_MCA_rmaps_base_oversubscribe", "1")
            .env("OMPI_MCA_hwloc_base_binding_policy", "none");
        run.envs(variables.iter().copied()).output().unwrap()
    }

    /// Submits a job of the project and returns its number.
    fn submit(&self, arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> String {
        let all = [&["--parsable", "--ntasks-per-node=2"][..], arguments].concat();
        let out = self.run("sbatch", &all, folder, variables);
        expect_code(&out, 0);
        String::from_utf8_lossy(&out.stdout).trim().to_string()
    }

    fn show(&self, job: &str) -> Output {
        self.run(
            "scontrol",
            &["--oneliner", "show", "job", job],
            self.folder.path(),
            &[],
        )
    }

    /// A field of `scontrol show job`; empty where the job is forgotten.
    fn field(&self, job: &str, name: &str) -> String {
        let out = self.show(job);
        let shown = String::from_utf8_lossy(&out.stdout).into_owned();
        let find = |word: &str| word.strip_prefix(name)?.strip_prefix('=').map(String::from);
        shown.split_whitespace().find_map(find).unwrap_or_default()
    }

    /// Waits until something holds, and meanwhile lets requeued jobs start at once instead of after
    /// two minutes.
    fn wait(
        &self,
        what: &str,
        jobs: &[&str],
        seconds: u64,
        log: &dyn Fn() -> String,
        holds: &dyn Fn() -> bool,
    ) {
        let start = Instant::now();
        while !holds() {
            if start.elapsed().as_secs() >= seconds {
                let shown = jobs
                    .iter()
                    .map(|job| text(&self.show(job)))
                    .collect::<String>();
                panic!("not {what}: {shown}{}", log());
            }
            for job in jobs {
                if self.field(job, "Reason") == "BeginTime" {
                    // Not before the node has cleared the attempt before, else SLURM calls the new
                    // one failed.
                    std::thread::sleep(Duration::from_secs(8));
                    self.run(
                        "scontrol",
                        &["update", &format!("jobid={job}"), "StartTime=now"],
                        self.folder.path(),
                        &[],
                    );
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let script = project().join("tests/cluster.sh");
        let _ = Command::new(script)
            .arg("stop")
            .arg(self.folder.path())
            .output();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn script(name: &str) -> String {
    project().join("jobs").join(name).display().to_string()
}

// Long enough on a fast machine for three stops, each of which takes SLURM about a second.
const PLAN: &str = concat!(
    "sweeps = 400\n[optimize]\nsteps = 200\nlearning_rate = 0.05\n[measure]\n",
    "samples = 4096\n[output]\nlog_every = 0\n"
);

/// The run of `slurm-run.sh` is told to stop three times, is requeued, and ends in the state of a
/// run that never stopped.
fn stopped_by_warnings(cluster: &Cluster) {
    let case = Case::new(&format!("{RING}{PLAN}"));
    let folder = case.folder.path();
    let job = cluster.submit(&[&script("slurm-run.sh"), "x.toml"], folder, &[]);
    let log = |attempt: usize| read(&folder.join(format!("nishina-{job}-{attempt}.log")));
    let all =
        || (0..5).map(log).collect::<String>() + &read(&folder.join(format!("nishina-{job}.log")));
    for attempt in 0..3 {
        let under_way = || {
            log(attempt)
                .lines()
                .filter(|l| l.contains("Z  step "))
                .count()
                >= 2
        };
        cluster.wait("under way", &[&job], 120, &all, &under_way);
        // What --signal=B:USR1@120 does.
        cluster.run("scancel", &["--batch", "--signal=USR1", &job], folder, &[]);
        cluster.wait("stopped", &[&job], 120, &all, &|| {
            log(attempt).contains("run the same command again")
        });
    }
    cluster.wait("finished", &[&job], 180, &all, &|| {
        cluster.field(&job, "JobState") == "COMPLETED"
    });
    assert!(log(3).contains("measured E"), "{}", all());
    assert_eq!(cluster.field(&job, "Restarts"), "3");
    let whole = Case::new(&format!("{RING}{PLAN}"));
    expect_code(&whole.ranks(2, &["run", "x.toml"]), 0);
    assert_eq!(case.state(), whole.state());
}

/// A scan by mpirun within the allocation; one task is stopped and goes on; a table holds the
/// results.
fn an_array_scan(cluster: &Cluster) {
    let case = Case::new(&format!("{RING}{PLAN}"));
    let folder = case.folder.path();
    let variables = [
        ("NISHINA_KEY", "hamiltonian.hx"),
        ("NISHINA_VALUES", "0.5 1.5"),
        ("NISHINA_LAUNCHER", "mpirun -np 2 --oversubscribe"),
    ];
    let job = cluster.submit(
        &["--array=0-1", &script("slurm-array.sh"), "x.toml"],
        folder,
        &variables,
    );
    let place = |value: &str| folder.join(format!("x-hamiltonian.hx-{value}"));
    let log = |task: usize, attempt: usize| {
        read(&place(["0.5", "1.5"][task]).join(format!("nishina-scan-{job}_{task}-{attempt}.log")))
    };
    let all = || {
        [
            log(0, 0),
            log(0, 1),
            log(1, 0),
            log(1, 1),
            read(&folder.join(format!("nishina-scan-{job}-0.log"))),
        ]
        .concat()
    };
    // The last task has the job number of the whole array.
    cluster.wait("begun", &[], 120, &all, &|| log(1, 0).contains("step 1 "));
    let task = format!("{job}_1");
    cluster.run("scancel", &["--batch", "--signal=USR1", &task], folder, &[]);
    cluster.wait("finished", &[&task], 180, &all, &|| {
        ["0.5", "1.5"].iter().all(|v| {
            let results = place(v).join("x.h5");
            nishina::io::hdf5::read(&results)
                .is_ok_and(|t| t.text("status/state") == Ok("finished"))
        })
    });
    assert!(log(1, 1).contains("continuing from step"), "{}", all());
    assert!(
        log(0, 1).is_empty(),
        "the other task was restarted: {}",
        all()
    );
    let files = ["0.5", "1.5"].map(|v| format!("x-hamiltonian.hx-{v}/x.h5"));
    let out = case.alone(&["gather", &files[0], &files[1]]);
    expect_code(&out, 0);
    let table = String::from_utf8(out.stdout).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(
        rows[0][..6],
        [
            "file",
            "hamiltonian.hx",
            "state",
            "steps",
            "sites",
            "samples"
        ]
    );
    assert_eq!(rows.len(), 3, "{table}");
    for (row, (value, exact)) in rows[1..]
        .iter()
        .zip([("0.5", -10.635604), ("1.5", -16.723025)])
    {
        assert_eq!(
            row[1..6],
            [value, "finished", "200", "10", "4096"],
            "{table}"
        );
        let energy: f64 = row[6].parse().unwrap();
        assert!((energy - exact).abs() < 0.3, "{table}");
    }
}

/// Without any warning the program itself leaves before the time limit of the job.
fn the_limit_of_the_job(cluster: &Cluster) {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 100000000\nlearning_rate = 0.001\n"
    ));
    let line = format!("srun --mpi=pmix --ntasks=2 {} run x.toml", program());
    let arguments = ["--time=1", "--output=log", "--wrap", &line];
    let job = cluster.submit(&arguments, case.folder.path(), &[]);
    let log = || read(&case.path("log"));
    cluster.wait("ended", &[], 150, &log, &|| {
        !["PENDING", "RUNNING", "COMPLETING"].contains(&cluster.field(&job, "JobState").as_str())
    });
    assert!(
        log().contains("stopping: the time limit of the batch job"),
        "{}",
        log()
    );
    assert_eq!(cluster.field(&job, "ExitCode"), "75:0", "{}", log());
    assert_eq!(cluster.field(&job, "JobState"), "FAILED", "not TIMEOUT");
    assert_eq!(case.info()["state"], "stopped");
}

/// Tasks of srun that do not find each other are refused with the remedy.
fn copies_without_mpi(cluster: &Cluster) {
    let case = Case::new(&format!("{RING}{PLAN}"));
    let out = cluster.run(
        "srun",
        &["--mpi=none", "--ntasks=2", program(), "run", "x.toml"],
        case.folder.path(),
        &[],
    );
    expect_code(&out, 70);
    assert!(
        text(&out).contains(
            "2 tasks were started but MPI sees one rank in each; start the program with \
             srun --mpi=pmix"
        ),
        "{}",
        text(&out)
    );
    assert!(!case.path("x.h5").exists());
}

/// Three real time limits of one minute or more, for as many steps as take about five minutes on
/// this machine.
fn three_limits(cluster: &Cluster) {
    let plan = "[optimize]\nsteps = 1000000\nlearning_rate = 0.001\n";
    let probe = Case::new(&format!("{RING}{plan}"));
    expect_code(
        &probe.ranks(2, &["run", "x.toml", "--set", "output.max_time=10"]),
        75,
    );
    let steps = 30 * probe.info()["steps"].as_u64().unwrap();
    let case = Case::new(&format!("{RING}{plan}").replace("1000000", &steps.to_string()));
    let folder = case.folder.path();
    let job = cluster.submit(
        &["--time=1", &script("slurm-run.sh"), "x.toml"],
        folder,
        &[],
    );
    let log = |attempt: usize| read(&folder.join(format!("nishina-{job}-{attempt}.log")));
    let ends = || {
        (0..20)
            .map(|k| log(k).lines().last().unwrap_or_default().to_string())
            .collect::<String>()
    };
    cluster.wait("finished", &[&job], 3600, &ends, &|| {
        cluster.field(&job, "JobState") == "COMPLETED"
    });
    let restarts: usize = cluster.field(&job, "Restarts").parse().unwrap();
    println!("{steps} steps, {restarts} restarts");
    assert!(
        restarts >= 3,
        "{restarts}: more steps are needed on this machine"
    );
    assert!(
        log(0).contains("the time limit of the batch job") || log(0).contains("signal USR1"),
        "{}",
        ends()
    );
    let whole = Case::new(&format!("{RING}{plan}").replace("1000000", &steps.to_string()));
    expect_code(&whole.ranks(2, &["run", "x.toml"]), 0);
    assert_eq!(case.state(), whole.state());
}

#[test]
fn job_scripts_on_a_real_slurm() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let cluster = &cluster;
    std::thread::scope(|scope| {
        scope.spawn(|| the_limit_of_the_job(cluster));
        scope.spawn(|| {
            copies_without_mpi(cluster);
            stopped_by_warnings(cluster);
            an_array_scan(cluster);
        });
    });
    if long() {
        three_limits(cluster);
    }
}
