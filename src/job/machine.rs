//! Decides what a run learns and remembers of the machine it runs on: BLAS kernels, processor,
//! host, time.

use super::instructions::instructions_of_all_ranks;
use super::launch::environment;
use crate::io::sum::fnv1a;
use crate::linalg::blas;
use jiff::Timestamp;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that keeps [`ensure_blas_kernel`] from starting the program over and over.
const RESTARTED: &str = "NISHINA_RESTARTED_FOR_BLAS";

/// The variables by which a user tells a BLAS library its number of threads.
const THREADS: [&str; 3] = [
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
];

/// Starts the program again, once, with `OPENBLAS_CORETYPE` set where OpenBLAS did not recognise
/// the processor and fell back to slow kernels; sets one BLAS thread. Call it first in `main`,
/// before MPI and before any thread.
///
/// A user's own `OPENBLAS_CORETYPE` is respected. Returns the kernels in use; where starting again
/// fails, the program goes on with what it has and a warning.
pub fn ensure_blas_kernel() -> String {
    start();
    let core = blas::core_name();
    let free = environment("OPENBLAS_CORETYPE").is_none() && environment(RESTARTED).is_none();
    if let Some(better) = better_kernel(&core, &vector_units()).filter(|_| free) {
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_else(|| "nishina".into());
        match std::env::current_exe() {
            Ok(program) => {
                let mut again = std::process::Command::new(program);
                again
                    .arg0(name)
                    .args(arguments)
                    .env("OPENBLAS_CORETYPE", better)
                    .env(RESTARTED, "1");
                // Returns only if it fails.
                log::warn!(
                    "cannot start again with OPENBLAS_CORETYPE={better}: {}",
                    again.exec()
                );
            }
            Err(e) => log::warn!("cannot start again with OPENBLAS_CORETYPE={better}: {e}"),
        }
    }
    if THREADS.iter().all(|name| environment(name).is_none()) {
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
        (
            avx2,
            avx2 && has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl"),
        )
    }
    #[cfg(not(target_arch = "x86_64"))]
    (false, false)
}

/// The kernels to ask for instead, where those in use are of a generation before the processor's
/// vector units.
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
    if !BEFORE_AVX2.iter().any(|old| {
        core.to_ascii_lowercase()
            .starts_with(&old.to_ascii_lowercase())
    }) {
        return None;
    }
    match (avx2, avx512) {
        (_, true) => Some("SKYLAKEX"),
        (true, false) => Some("HASWELL"),
        _ => None,
    }
}

/// When the program started.
static STARTED: OnceLock<SystemTime> = OnceLock::new();

/// When the program started: the time of the first call.
fn start() -> SystemTime {
    *STARTED.get_or_init(SystemTime::now)
}

/// What a result file says of its origin, as (name, value): program, version, host, start and time
/// of writing (UTC), command line, processor, BLAS kernels and threads, batch job. It differs from
/// run to run; the number of ranks is not in it.
pub fn provenance() -> Vec<(String, String)> {
    let command: Vec<String> = std::env::args_os()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let mut facts = vec![
        ("program", "nishina".to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_string()),
        ("host", host_name()),
        ("started", utc(start())),
        ("written", utc(SystemTime::now())),
        ("command", command.join(" ")),
        ("processor", processor()),
        ("blas_kernels", blas::core_name()),
        ("vector_instructions", instructions_of_all_ranks()),
        ("blas_threads", blas::threads().to_string()),
        (
            "omp_num_threads",
            environment("OMP_NUM_THREADS").unwrap_or_default(),
        ),
    ];
    facts.extend(batch_job().map(|id| ("slurm_job", id)));
    facts
        .into_iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

/// The number of the batch job that this process belongs to.
pub fn batch_job() -> Option<String> {
    environment("SLURM_JOB_ID")
}

/// Switches off the locks that the HDF5 library takes on files it opens, unless the user has
/// decided: files of this program are never modified in place and have a lock of their own, and
/// some file systems know no locks. Call it before any thread.
pub fn free_file_locks() {
    const NAME: &str = "HDF5_USE_FILE_LOCKING";
    if environment(NAME).is_none() {
        // SAFETY: `main` calls this before it starts any thread.
        unsafe { std::env::set_var(NAME, "FALSE") };
    }
}

/// A number that tells this program file from another: FNV-1a of its length, its first and its last
/// 64 KiB, which hold the linker's identification and the table of sections; 0 where it cannot be
/// read.
pub fn program_digest() -> u64 {
    const PART: u64 = 1 << 16;
    let read = || {
        let mut file = std::fs::File::open("/proc/self/exe")?;
        let length = file.metadata()?.len();
        let mut bytes = length.to_le_bytes().to_vec();
        file.by_ref().take(PART).read_to_end(&mut bytes)?;
        file.seek(SeekFrom::Start(length.saturating_sub(PART)))?;
        file.take(PART).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(fnv1a(&bytes))
    };
    read().unwrap_or(0)
}

/// The most memory in bytes that this process has had resident so far; 0 where the system does not
/// tell.
pub fn peak_memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&text, "VmHWM:")
}

/// The memory in bytes that this process has resident now, after it has given back what it does not
/// use; 0 where the system does not tell.
pub fn trim_and_measure() -> f64 {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a plain call, which frees what nobody holds.
    unsafe {
        libc::malloc_trim(0);
    }
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&text, "VmRSS:")
}

fn kibibytes(status: &str, entry: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(entry));
    line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(0.0, |kib| kib * 1024.0)
}

pub(super) fn host_name() -> String {
    let mut buffer = [0u8; 256];
    // SAFETY: the buffer is writable and its last byte stays zero, because one byte less is
    // announced.
    let code = unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len() - 1) };
    let length = buffer.iter().position(|&b| b == 0).unwrap_or(0);
    if code == 0 {
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    } else {
        "unknown".into()
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'));
    model.map_or_else(
        || std::env::consts::ARCH.into(),
        |(_, name)| name.trim().to_string(),
    )
}

/// ISO 8601 in UTC, to the second.
fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    Timestamp::from_second(seconds)
        .unwrap_or_default()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let at = |millis| utc(UNIX_EPOCH + std::time::Duration::from_millis(millis));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_399_999), "2000-02-28T23:59:59Z");
        assert_eq!(at(951_782_400_000), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn provenance_names_each_fact_once() {
        let facts = provenance();
        assert!(facts.iter().any(|(n, v)| n == "host" && !v.is_empty()));
        let mut names: Vec<_> = facts.iter().map(|f| &f.0).collect();
        names.dedup();
        assert_eq!(names.len(), facts.len());
    }

    #[test]
    fn the_start_is_not_the_time_of_writing() {
        let dates = || {
            let facts = provenance();
            ["started", "written"].map(|name| facts.iter().find(|f| f.0 == name).cloned())
        };
        let first = dates();
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let second = dates();
        assert_eq!(first[0], second[0]);
        assert!(first[1] < second[1] && second[0].is_some());
    }
}
