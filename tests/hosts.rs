//! Several hosts, as network namespaces of this machine with real TCP between the ranks: one that
//! is cut off ends the job, and the run started again finishes; one that is slow is left alone.
//!
//! Skipped, saying so, where the user is not root.

mod common;
use common::{Case, RING, Running, is_root, program, project};
use std::process::Command;

const PLAN: &str = "[optimize]\nsteps = 60\nlearning_rate = 0.05\n[measure]\nsamples = \
 1024\n[output]\nlog_every = 0\ncheckpoint_every = 0.05\n";

/// The hosts; they go when dropped, with all that runs on them.
struct Hosts {
    prefix: String,
    count: usize,
}

impl Hosts {
    fn new(count: usize) -> Self {
        let hosts = Hosts {
            prefix: format!("nsh{}x", std::process::id() % 10_000),
            count,
        };
        assert!(hosts.act(&["up", &hosts.prefix, &count.to_string()]));
        hosts
    }
    fn act(&self, arguments: &[&str]) -> bool {
        Command::new(project().join("tests/hosts.sh"))
            .args(arguments)
            .status()
            .unwrap()
            .success()
    }
    fn host(&self, k: usize) -> String {
        format!("{}{k}", self.prefix)
    }
    /// Starts the program on one rank of each of the first `ranks` hosts, mpirun on the first.
    fn launch(&self, case: &Case, ranks: usize, variables: &str, arguments: &[&str]) -> Running {
        let script = project().join("tests/hosts.sh").display().to_string();
        std::fs::write(
            case.path("agent"),
            format!("#!/bin/sh\nexec {script} in \"$@\"\n"),
        )
        .unwrap();
        assert!(
            Command::new("chmod")
                .arg("+x")
                .arg(case.path("agent"))
                .status()
                .unwrap()
                .success()
        );
        let list: Vec<String> = (1..=ranks).map(|k| format!("{}:1", self.host(k))).collect();
        let network = "10.213.77.0/24";
        let line = format!(
            "mpirun --host {} -np {ranks} --bind-to none {variables} --mca mpi_yield_when_idle 1 \
             --mca plm_rsh_agent {} \
             --mca btl tcp,self --mca btl_tcp_if_include {network} --mca oob_tcp_if_include \
             {network} \
             --mca oob_tcp_keepalive_time 2 --mca oob_tcp_keepalive_intvl 1 --mca \
             oob_tcp_keepalive_probes 3 {} {}",
            list.join(","),
            case.path("agent").display(),
            program(),
            arguments.join(" ")
        );
        case.start(&[script, "in".into(), self.host(1), line], &[])
    }
    /// Whether the program still runs on a host.
    fn busy(&self, k: usize) -> bool {
        let out = Command::new("ip")
            .args(["netns", "pids", &self.host(k)])
            .output()
            .unwrap();
        let pids = String::from_utf8_lossy(&out.stdout).into_owned();
        pids.split_whitespace().any(|p| {
            std::fs::read_link(format!("/proc/{p}/exe"))
                .is_ok_and(|exe| exe == std::path::Path::new(program()))
        })
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        self.act(&["down", &self.prefix, &self.count.to_string()]);
    }
}

#[test]
fn a_host_that_is_cut_off_ends_the_job_and_a_slow_one_does_not() {
    if !is_root("hosts as network namespaces") {
        return;
    }
    let hosts = Hosts::new(3);
    let case = Case::new(&format!("{RING}{PLAN}"));
    let mut run = hosts.launch(
        &case,
        3,
        "-x NISHINA_HEARTBEAT=4",
        &["run", "x.toml", "--set", "optimize.steps=1000000"],
    );
    run.wait_for("step 8 ");
    let start = std::time::Instant::now();
    while !case.path("x.ckpt.h5").exists() {
        assert!(
            start.elapsed().as_secs() < 30,
            "no checkpoint: {}",
            run.said()
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!((1..=3).all(|k| hosts.busy(k)), "{}", run.said());
    hosts.act(&["cut", &hosts.host(3)]);
    run.wait_for("no sign of life from rank");
    // No rank is left behind, not even on the host that nobody reaches.
    let start = std::time::Instant::now();
    while (1..=3).any(|k| hosts.busy(k)) {
        assert!(
            start.elapsed().as_secs() < 15,
            "still running: {:?}",
            [1, 2, 3].map(|k| hosts.busy(k))
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    // mpirun may wait for the lost host's daemon long after its ranks are gone.
    run.signal("KILL");
    assert_ne!(run.end_within(10.0), 0, "{}", run.said());
    let reached = case.tree("x.ckpt.h5").integer("optimize/step").unwrap();
    assert!(reached > 0, "{reached}");

    // On the hosts that are left, where one rank takes longer than the patience for a step: slow is
    // not lost.
    let slow = "-x NISHINA_HEARTBEAT=4 -x NISHINA_FAULT=pause@rank1:step1";
    let steps = format!("optimize.steps={}", reached + 3);
    let mut again = hosts.launch(&case, 2, slow, &["run", "x.toml", "--set", &steps]);
    assert_eq!(again.end_within(120.0), 0, "{}", again.said());
    assert!(
        again
            .said()
            .contains(&format!("continuing from step {reached}")),
        "{}",
        again.said()
    );
    assert_eq!(case.info()["state"], "finished");
    assert_eq!(case.info()["ranks"], 2);
    let seconds = case.tree("x.h5").reals("timing/step_seconds").unwrap();
    assert!(
        seconds.iter().any(|&s| s > 9.0),
        "not slow: {:?}",
        &seconds[seconds.len() - 3..]
    );
}
