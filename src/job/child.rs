//! Decides how the program runs itself once more: alone or below mpirun, without the variables of a
//! launcher or a batch job, for a limited time, and not beyond its parent's end.
//!
//! References: prctl(2), PR_SET_PDEATHSIG; mpirun(1).

use super::Stop;
use crate::comm::Serial;
use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Variables with these beginnings belong to the job that this process runs in, not to its
/// children.
const OF_A_JOB: [&str; 8] = [
    "OMPI_",
    "PMIX_",
    "PMI_",
    "PRTE_",
    "MPI_LOCAL",
    "HYDRA_",
    "HYDI_",
    "SLURM_",
];
/// What a child has to save and leave after it is told to.
const GRACE: Duration = Duration::from_secs(5);
/// How often the child is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Runs this program with `arguments` on `ranks` ranks, below mpirun where there are several; what
/// it says goes to `log`.
///
/// Its exit code; `None` where it cannot be started or has to be ended after `limit`. Fails with
/// `Error::Interrupted` where this process is told to stop, after the child's end.
pub fn run_again(
    ranks: usize,
    arguments: &[String],
    log: &Path,
    limit: Duration,
    stop: &Stop,
) -> Result<Option<i32>> {
    let failed = |e: std::io::Error| Error::output(log, e);
    let mut command = command(ranks, &std::env::current_exe().map_err(failed)?);
    let said = File::create(log).map_err(failed)?;
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(said.try_clone().map_err(failed)?)
        .stdout(said);
    // SAFETY: the call is safe between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
    let Ok(mut child) = command.spawn() else {
        return Ok(None);
    };
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status.code());
        }
        if stop.should_stop(&Serial)?.is_some() {
            end(&mut child);
            return Err(Error::Interrupted);
        }
        if began.elapsed() > limit {
            end(&mut child);
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The command that starts `program`, without the variables of the job that this process runs in.
fn command(ranks: usize, program: &Path) -> Command {
    let mut command = if ranks > 1 {
        Command::new("mpirun")
    } else {
        Command::new(program)
    };
    let begins = |name: &OsStr, start: &str| name.as_encoded_bytes().starts_with(start.as_bytes());
    for (name, _) in std::env::vars_os() {
        let of_a_job = OF_A_JOB.iter().any(|start| begins(&name, start));
        if of_a_job && !begins(&name, "OMPI_ALLOW_RUN_AS_ROOT") {
            command.env_remove(name);
        }
    }
    command.env_remove("NISHINA_FAULT");
    if ranks > 1 {
        // As variables, which an mpirun that does not know them leaves alone.
        command
            .env("OMPI_MCA_rmaps_base_oversubscribe", "1")
            .env("OMPI_MCA_hwloc_base_binding_policy", "none");
        command.args(["-n", &ranks.to_string()]).arg(program);
    }
    command
}

/// Tells a child to leave, and makes it.
fn end(child: &mut Child) {
    // SAFETY: a plain call; the child has not been waited for, so the number is still its own.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    let told = Instant::now();
    while told.elapsed() < GRACE {
        if !child.try_wait().is_ok_and(|ended| ended.is_none()) {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let _ = child.kill();
    let _ = child.wait();
}
