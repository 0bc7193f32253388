//! Decides when a run stops and what it remembers of the machine it ran on; signals and the environment are read here
//! alone.
//!
//! References: signal(7); OpenMPI, PMIx and SLURM manual pages on the environment of a task.

use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::linalg::blas;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Why a run stops before its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The time that the input allows is used up.
    Deadline,
    /// SIGUSR1: the batch system asks for a checkpoint and an end.
    Usr1,
    /// SIGINT: the user has pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: the batch system ends the job in seconds.
    Terminate,
}

impl StopReason {
    const ALL: [StopReason; 4] = [Self::Deadline, Self::Usr1, Self::Interrupt, Self::Terminate];

    /// Words for the log and the result file.
    pub fn words(self) -> &'static str {
        match self {
            Self::Deadline => "the time limit of the input",
            Self::Usr1 => "signal USR1",
            Self::Interrupt => "signal INT",
            Self::Terminate => "signal TERM",
        }
    }
}

/// The flags that end a run: signals that have arrived and the deadline.
#[derive(Debug)]
pub struct Stop {
    usr1: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    started: Instant,
    max_time: Option<Duration>,
}

impl Stop {
    /// Installs the handlers of SIGTERM, SIGINT and SIGUSR1 and starts the clock; call it once, early.
    ///
    /// The first SIGTERM or SIGINT only sets a flag; a further one of the two ends the process at once, by the
    /// signal's default action. Fails with `Error::Communication` when the system refuses a handler.
    pub fn install() -> Result<Self> {
        let stop = Self::unarmed();
        let twice = Arc::new(AtomicBool::new(false));
        let refused =
            |e: std::io::Error| Error::Communication { what: format!("cannot install a signal handler: {e}") };
        // The order matters: the first signal finds `twice` unset, then sets it.
        for (signal, raised) in [(SIGTERM, &stop.terminate), (SIGINT, &stop.interrupt)] {
            flag::register_conditional_default(signal, twice.clone()).map_err(refused)?;
            flag::register(signal, raised.clone()).map_err(refused)?;
            flag::register(signal, twice.clone()).map_err(refused)?;
        }
        flag::register(SIGUSR1, stop.usr1.clone()).map_err(refused)?;
        Ok(stop)
    }

    /// Flags without handlers and without a deadline: never stops by itself.
    pub fn unarmed() -> Self {
        let off = || Arc::new(AtomicBool::new(false));
        Stop { usr1: off(), interrupt: off(), terminate: off(), started: Instant::now(), max_time: None }
    }

    /// Sets the deadline, in seconds since this object was made; `None` or a number that is no time means none.
    pub fn deadline(&mut self, max_time: Option<f64>) {
        self.max_time = max_time.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    }

    /// Seconds since this object was made.
    pub fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Raises the flag of a reason by hand, as the signal would.
    pub fn request(&self, reason: StopReason) {
        match reason {
            StopReason::Deadline => {}
            StopReason::Usr1 => self.usr1.store(true, Ordering::Relaxed),
            StopReason::Interrupt => self.interrupt.store(true, Ordering::Relaxed),
            StopReason::Terminate => self.terminate.store(true, Ordering::Relaxed),
        }
    }

    /// What this rank alone knows.
    fn here(&self) -> Option<StopReason> {
        if self.terminate.load(Ordering::Relaxed) {
            Some(StopReason::Terminate)
        } else if self.interrupt.load(Ordering::Relaxed) {
            Some(StopReason::Interrupt)
        } else if self.usr1.load(Ordering::Relaxed) {
            Some(StopReason::Usr1)
        } else {
            self.max_time.filter(|&limit| self.started.elapsed() >= limit).map(|_| StopReason::Deadline)
        }
    }

    /// Whether to stop now, and why; collective, and the same answer on every rank: the most urgent reason of all.
    pub fn should_stop(&self, comm: &dyn Comm) -> Result<Option<StopReason>> {
        let code = self.here().and_then(|mine| StopReason::ALL.iter().position(|&r| r == mine)).map_or(0, |i| i + 1);
        let mut urgency = [code as f64];
        comm.max(&mut urgency)?;
        Ok((urgency[0] as usize).checked_sub(1).and_then(|i| StopReason::ALL.get(i).copied()))
    }
}

/// The environment, as a function, so that tests can hand in another.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether an MPI launcher has started this process: OpenMPI's mpirun, or a PMI or PMIx server (srun --mpi, MPICH).
///
/// `srun` without an MPI plugin does not count, since MPI could not find the other tasks; [`world_mismatch`] reports
/// it where there are any.
pub fn launcher_present() -> bool {
    launched(&environment)
}

fn launched(get: Lookup) -> bool {
    ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"].iter().any(|name| get(name).is_some())
}

/// Compares the number of ranks with what the launcher has announced.
///
/// Fails with `Error::Communication`, naming the remedy, where several tasks were started and each believes to be
/// alone: they would all do the same work and overwrite each other's files.
pub fn world_mismatch(ranks: usize) -> Result<()> {
    mismatch(ranks, &environment)
}

fn mismatch(ranks: usize, get: Lookup) -> Result<()> {
    let number = |name: &str| get(name).and_then(|v| v.trim().parse::<usize>().ok());
    let announced = if let Some(size) = number("OMPI_COMM_WORLD_SIZE") {
        Some(size)
    } else if let Some(size) = number("PMI_SIZE") {
        Some(size)
    } else if in_slurm_step(get) {
        number("SLURM_STEP_NUM_TASKS").or_else(|| number("SLURM_NTASKS"))
    } else {
        None
    };
    match announced {
        Some(tasks) if tasks > 1 && ranks == 1 => Err(Error::Communication {
            what: format!(
                "{tasks} tasks were started but MPI sees one rank in each; start the program with srun --mpi=pmix \
                 (srun --mpi=pmi2 for MPICH), or with the mpirun of the MPI library it was built with"
            ),
        }),
        _ => Ok(()),
    }
}

/// Whether srun has started this process; the batch script itself carries step numbers from 0xfffffffa up.
fn in_slurm_step(get: Lookup) -> bool {
    let step = get("SLURM_STEP_ID").or_else(|| get("SLURM_STEPID"));
    get("SLURM_PROCID").is_some() && step.and_then(|s| s.parse::<u64>().ok()).is_some_and(|s| s < 0xffff_fff0)
}

/// The variable that keeps [`ensure_blas_kernel`] from starting the program over and over.
const RESTARTED: &str = "NISHINA_RESTARTED_FOR_BLAS";

/// Starts the program again, once, with `OPENBLAS_CORETYPE` set where OpenBLAS did not recognise the processor and
/// fell back to slow kernels; sets one BLAS thread. Call it first in `main`, before MPI and before any thread.
///
/// A user's own `OPENBLAS_CORETYPE` is respected. Returns the kernels in use; where starting again fails, the
/// program goes on with what it has and a warning.
pub fn ensure_blas_kernel() -> String {
    let core = blas::core_name();
    let free = environment("OPENBLAS_CORETYPE").is_none() && environment(RESTARTED).is_none();
    if let Some(better) = better_kernel(&core, &vector_units()).filter(|_| free) {
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_else(|| "nishina".into());
        match std::env::current_exe() {
            Ok(program) => {
                let mut again = std::process::Command::new(program);
                again.arg0(name).args(arguments).env("OPENBLAS_CORETYPE", better).env(RESTARTED, "1");
                // Returns only if it fails.
                log::warn!("cannot start again with OPENBLAS_CORETYPE={better}: {}", again.exec());
            }
            Err(e) => log::warn!("cannot start again with OPENBLAS_CORETYPE={better}: {e}"),
        }
    }
    if environment("OPENBLAS_NUM_THREADS").is_none() {
        blas::set_threads(1);
    }
    core
}

/// Whether the processor has (AVX2 and FMA, AVX-512 of the server kind).
fn vector_units() -> (bool, bool) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma");
        (avx2, avx2 && has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl"))
    }
    #[cfg(not(target_arch = "x86_64"))]
    (false, false)
}

/// The kernels to ask for instead, where those in use are of a generation before the processor's vector units.
fn better_kernel(core: &str, &(avx2, avx512): &(bool, bool)) -> Option<&'static str> {
    const BEFORE_AVX2: [&str; 15] = [
        "Katmai",
        "Coppermine",
        "Northwood",
        "Prescott",
        "Banias",
        "Atom",
        "Core2",
        "Penryn",
        "Dunnington",
        "Nehalem",
        "Sandybridge",
        "Athlon",
        "Opteron",
        "Barcelona",
        "Bulldozer",
    ];
    if !BEFORE_AVX2.iter().any(|old| core.to_ascii_lowercase().starts_with(&old.to_ascii_lowercase())) {
        return None;
    }
    match (avx2, avx512) {
        (_, true) => Some("SKYLAKEX"),
        (true, false) => Some("HASWELL"),
        _ => None,
    }
}

/// What a result file says of its origin, as (name, value): program, version, host, start (UTC), command line,
/// processor, BLAS kernels and threads, batch job. It differs from run to run; the number of ranks is not in it.
pub fn provenance() -> Vec<(String, String)> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let command: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    let mut facts = vec![
        ("program", "nishina".to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_string()),
        ("host", host_name()),
        ("started", utc(seconds)),
        ("command", command.join(" ")),
        ("processor", processor()),
        ("blas_kernels", blas::core_name()),
        ("blas_threads", blas::threads().to_string()),
        ("omp_num_threads", environment("OMP_NUM_THREADS").unwrap_or_default()),
    ];
    facts.extend(environment("SLURM_JOB_ID").map(|id| ("slurm_job", id)));
    facts.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is writable and its last byte stays zero, because one byte less is announced.
    let code = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let length = buffer.iter().position(|&b| b == 0).unwrap_or(0);
    if code == 0 { String::from_utf8_lossy(&buffer[..length]).into_owned() } else { "unknown".into() }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    model.map_or_else(|| std::env::consts::ARCH.into(), |(_, name)| name.trim().to_string())
}

/// ISO 8601 of seconds since 1970, in UTC. Days to the civil calendar in eras of 400 years that begin on 1 March.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::{Serial, threads};

    fn table<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string())
    }

    #[test]
    fn every_rank_takes_the_same_decision() {
        let decisions = threads::run(3, |comm| {
            let mut stop = Stop::unarmed();
            let before = stop.should_stop(comm)?;
            if comm.rank() == 1 {
                stop.request(StopReason::Usr1);
            }
            if comm.rank() == 2 {
                stop.deadline(Some(0.0));
            }
            Ok::<_, Error>((before, stop.should_stop(comm)?))
        });
        assert!(decisions.iter().all(|d| *d == Ok((None, Some(StopReason::Usr1)))));
    }

    #[test]
    fn the_deadline_passes() {
        let mut stop = Stop::unarmed();
        stop.deadline(Some(0.02));
        assert_eq!(stop.should_stop(&Serial), Ok(None));
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::Deadline)));
        stop.deadline(Some(f64::INFINITY));
        assert_eq!(stop.should_stop(&Serial), Ok(None));
    }

    #[test]
    fn signals_raise_the_flags() {
        let stop = Stop::install().unwrap();
        signal_hook::low_level::raise(SIGUSR1).unwrap();
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::Usr1)));
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert_eq!(stop.should_stop(&Serial), Ok(Some(StopReason::Terminate)));
    }

    #[test]
    fn launchers_and_mismatches() {
        assert!(!launched(&table(&[])));
        assert!(launched(&table(&[("PMIX_RANK", "0")])));
        let step = [("SLURM_PROCID", "1"), ("SLURM_STEP_ID", "0"), ("SLURM_NTASKS", "4")];
        assert!(!launched(&table(&step)));
        let error = mismatch(1, &table(&step)).unwrap_err().to_string();
        assert!(error.contains("srun --mpi=pmix"), "{error}");
        assert_eq!(mismatch(4, &table(&step)), Ok(()));
        // One rank by mpirun inside an allocation of four, and the batch script itself.
        let inner =
            [("OMPI_COMM_WORLD_SIZE", "1"), ("SLURM_PROCID", "0"), ("SLURM_STEP_ID", "0"), ("SLURM_NTASKS", "4")];
        assert_eq!(mismatch(1, &table(&inner)), Ok(()));
        let script = [("SLURM_PROCID", "0"), ("SLURM_STEP_ID", "4294967291"), ("SLURM_NTASKS", "4")];
        assert_eq!(mismatch(1, &table(&script)), Ok(()));
        assert!(mismatch(1, &table(&[("PMI_SIZE", "2")])).is_err());
    }

    #[test]
    fn old_kernels_on_a_new_processor_are_replaced() {
        assert_eq!(better_kernel("Prescott", &(true, true)), Some("SKYLAKEX"));
        assert_eq!(better_kernel("Core2", &(true, false)), Some("HASWELL"));
        assert_eq!(better_kernel("Prescott", &(false, false)), None);
        assert_eq!(better_kernel("Haswell", &(true, true)), None);
        assert_eq!(better_kernel("SkylakeX", &(true, true)), None);
    }

    #[test]
    fn dates_of_the_civil_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn provenance_names_each_fact_once() {
        let facts = provenance();
        assert!(facts.iter().any(|(n, v)| n == "host" && !v.is_empty()));
        let mut names: Vec<_> = facts.iter().map(|f| &f.0).collect();
        names.dedup();
        assert_eq!(names.len(), facts.len());
    }
}
