//! Decides the head of a job script: what a forecast asks of SLURM, with margins and the buffers of
//! the BLAS library, which count where address space is limited, and the lines that
//! `jobs/slurm-run.sh` rests on.
//!
//! Reference: SLURM manual page of sbatch.

use super::forecast::Forecast;
use crate::linalg::blas;

/// Factor and bytes added to the memory of a rank.
const MEMORY: (f64, f64) = (1.25, 6.4e7);
/// Factor and seconds added to the time of the run.
const TIME: (f64, f64) = (2.0, 300.0);
/// Seconds before the end of the job at which SLURM warns the script, at least; as in jobs/.
const WARNING: f64 = 120.0;

/// The first lines of a job script, up to its first command; without a time limit where no time is
/// known.
pub fn header(name: &str, ranks: usize, threads: usize, forecast: &Forecast) -> String {
    let buffers = blas::buffer_bytes(threads);
    let memory = (forecast.memory * MEMORY.0 + MEMORY.1 + buffers) / threads as f64;
    let mut lines = vec![
        "#!/usr/bin/env bash".to_string(),
        format!("#SBATCH --job-name={}", quoted(name)),
        format!("#SBATCH --ntasks={}", ranks),
        format!("#SBATCH --cpus-per-task={threads}"),
        format!(
            "#SBATCH --mem-per-cpu={:.0}M",
            (memory / f64::from(1 << 20)).ceil()
        ),
    ];
    lines.extend(
        forecast
            .total
            .map(|seconds| format!("#SBATCH --time={}", limit(seconds * TIME.0 + TIME.1))),
    );
    // A block of work has to end between the warning and the limit.
    let block = forecast
        .step
        .unwrap_or(0.0)
        .max(forecast.evolve.map_or(0.0, |e| e.0));
    let warning = WARNING.max(2.0 * block + 60.0).ceil();
    lines.push(format!("#SBATCH --signal=B:USR1@{warning:.0}"));
    lines.extend(
        ["--requeue", "--open-mode=append", "--output=%x-%j.log"].map(|l| format!("#SBATCH {l}")),
    );
    lines.join("\n")
}

/// A name as sbatch reads it: in quotes where it is more than a word.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-+=@:,".contains(c);
    if name.chars().all(plain) {
        return name.to_string();
    }
    let mut inside = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\' | '`' | '$') {
            inside.push('\\');
        }
        inside.push(c);
    }
    format!("\"{inside}\"")
}

/// SLURM's [days-]hours:minutes:seconds, in whole minutes.
fn limit(seconds: f64) -> String {
    let minutes = (seconds / 60.0).ceil().clamp(1.0, 1e7) as u64;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let clock = format!("{hours:02}:{minutes:02}:00");
    if days > 0 {
        format!("{days}-{clock}")
    } else {
        clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("tfim-h0.5"), "tfim-h0.5");
        assert_eq!(quoted("two words"), "\"two words\"");
        assert_eq!(quoted("a \"b\"\n"), "\"a \\\"b\\\"\"");
    }

    #[test]
    fn times_are_whole_minutes() {
        assert_eq!(limit(1.0), "00:01:00");
        assert_eq!(limit(3601.0), "01:01:00");
        assert_eq!(limit(90_000.0), "1-01:00:00");
    }
}
