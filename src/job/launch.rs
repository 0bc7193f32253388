//! Decides what the environment says of the launcher: whether there is one, and how many ranks it
//! has announced.
//!
//! References: OpenMPI, PMIx and SLURM manual pages on the environment of a task.

use crate::comm::is_mpich;
use crate::error::{Error, Result};

/// The environment, as a function, so that tests can hand in another.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether an MPI launcher has started this process: OpenMPI's mpirun, or a PMI or PMIx server
/// (srun --mpi, MPICH).
///
/// `srun` without an MPI plugin does not count, since MPI could not find the other tasks;
/// [`world_mismatch`] reports it where there are any.
pub fn launcher_present() -> bool {
    launched(&environment)
}

fn launched(get: Lookup) -> bool {
    ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"]
        .iter()
        .any(|name| get(name).is_some())
}

/// What is said before MPI starts where Open MPI's launcher starts the first rank of a program that
/// uses another library: most of them end in MPI_Init then, with words of their own.
pub fn foreign_launcher(library: &str) -> Option<String> {
    foreign(library, &environment)
}

fn foreign(library: &str, get: Lookup) -> Option<String> {
    let first = get("OMPI_COMM_WORLD_RANK").is_some_and(|rank| rank.trim() == "0");
    (first && is_mpich(library)).then(|| {
        format!(
            "warning: the launcher of Open MPI starts this program, which uses {library}: where \
             MPI cannot start, take the mpirun of that library (mpirun.mpich), or srun"
        )
    })
}

/// Compares the number of ranks with what the launcher has announced.
///
/// Fails with `Error::Communication`, naming the remedy, where several tasks were started and each
/// believes to be alone: they would all do the same work and overwrite each other's files.
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
                "{tasks} tasks were started but MPI sees one rank in each; start the program with \
                 srun --mpi=pmix \
                 (srun --mpi=pmi2 for MPICH), or with the mpirun of the MPI library it was built \
                 with"
            ),
        }),
        _ => Ok(()),
    }
}

/// Seconds without a sign of life after which another host counts as lost: `NISHINA_HEARTBEAT`, 60
/// without it; 0 or less means that nobody watches.
///
/// Fails with `Error::Input` where the variable is no number.
pub fn heartbeat_patience() -> Result<f64> {
    let Some(text) = environment("NISHINA_HEARTBEAT") else {
        return Ok(60.0);
    };
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|s| s.is_finite())
        .ok_or_else(|| {
            Error::input(
                "NISHINA_HEARTBEAT",
                format!("`{text}` is not a number of seconds"),
                "give seconds, 0 switches it off",
            )
        })
}

/// Whether srun has started this process; the batch script itself carries step numbers from
/// 0xfffffffa up.
fn in_slurm_step(get: Lookup) -> bool {
    let step = get("SLURM_STEP_ID").or_else(|| get("SLURM_STEPID"));
    get("SLURM_PROCID").is_some()
        && step
            .and_then(|s| s.parse::<u64>().ok())
            .is_some_and(|s| s < 0xffff_fff0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| v.to_string())
        }
    }

    #[test]
    fn launchers_and_mismatches() {
        assert!(!launched(&table(&[])));
        assert!(launched(&table(&[("PMIX_RANK", "0")])));
        let step = [
            ("SLURM_PROCID", "1"),
            ("SLURM_STEP_ID", "0"),
            ("SLURM_NTASKS", "4"),
        ];
        assert!(!launched(&table(&step)));
        let error = mismatch(1, &table(&step)).unwrap_err().to_string();
        assert!(error.contains("srun --mpi=pmix"), "{error}");
        assert_eq!(mismatch(4, &table(&step)), Ok(()));
        // One rank by mpirun inside an allocation of four, and the batch script itself.
        let inner = [
            ("OMPI_COMM_WORLD_SIZE", "1"),
            ("SLURM_PROCID", "0"),
            ("SLURM_STEP_ID", "0"),
            ("SLURM_NTASKS", "4"),
        ];
        assert_eq!(mismatch(1, &table(&inner)), Ok(()));
        let script = [
            ("SLURM_PROCID", "0"),
            ("SLURM_STEP_ID", "4294967291"),
            ("SLURM_NTASKS", "4"),
        ];
        assert_eq!(mismatch(1, &table(&script)), Ok(()));
        assert!(mismatch(1, &table(&[("PMI_SIZE", "2")])).is_err());
    }

    #[test]
    fn the_launcher_of_another_library_is_told() {
        let open = [("OMPI_COMM_WORLD_RANK", "0")];
        let told = foreign("MPICH Version: 4.0.2", &table(&open)).unwrap();
        assert!(told.contains("mpirun.mpich"), "{told}");
        assert_eq!(foreign("Open MPI v4.1.4", &table(&open)), None);
        assert_eq!(
            foreign("MPICH Version: 4.0.2", &table(&[("PMI_RANK", "0")])),
            None
        );
    }
}
