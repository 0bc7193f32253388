//! Decides how much time the batch system leaves this job: t_end from `SLURM_JOB_END_TIME`, else
//! TimeLimit − RunTime as `scontrol show job` knows them.
//!
//! Reference: SLURM manual pages of sbatch (output environment variables) and scontrol.

use super::launch::{Lookup, environment};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time left in the batch job; `None` outside of one and where it has no limit.
pub fn time_left() -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    left(&environment, now, &|job| {
        let answer = std::process::Command::new("scontrol")
            .args(["--oneliner", "show", "job", job])
            .output();
        answer
            .ok()
            .filter(|a| a.status.success())
            .map(|a| String::from_utf8_lossy(&a.stdout).into_owned())
    })
}

fn left(get: Lookup, now: Duration, ask: &dyn Fn(&str) -> Option<String>) -> Option<Duration> {
    let job = get("SLURM_JOB_ID")?;
    if let Some(end) = get("SLURM_JOB_END_TIME").and_then(|t| t.trim().parse::<u64>().ok()) {
        return Some(Duration::from_secs(end).saturating_sub(now));
    }
    let shown = ask(&job)?;
    let field = |name: &str| {
        shown
            .split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    let (limit, run) = (seconds(field("TimeLimit")?)?, seconds(field("RunTime")?)?);
    Some(Duration::from_secs(limit.saturating_sub(run)))
}

/// Seconds of `[days-]hours:minutes:seconds`; `None` for UNLIMITED and the like.
fn seconds(text: &str) -> Option<u64> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let parts: Vec<u64> = clock
        .split(':')
        .map(|p| p.parse().ok())
        .collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else {
        return None;
    };
    Some(((days.parse::<u64>().ok()? * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_read_from_the_environment_or_from_scontrol() {
        let now = Duration::from_secs(1_000);
        let in_job = |name: &str| (name == "SLURM_JOB_ID").then(|| "7".to_string());
        let shown = |line: &'static str| move |_: &str| Some(line.to_string());
        let line = "JobId=7 RunTime=00:01:30 TimeLimit=1-00:02:00 TimeMin=N/A";
        assert_eq!(
            left(&in_job, now, &shown(line)),
            Some(Duration::from_secs(86_400 + 30))
        );
        assert_eq!(
            left(&in_job, now, &shown("RunTime=00:01:30 TimeLimit=UNLIMITED")),
            None
        );
        assert_eq!(left(&in_job, now, &|_| None), None);
        assert_eq!(left(&|_| None, now, &shown(line)), None);
        let told = |name: &str| match name {
            "SLURM_JOB_ID" => Some("7".to_string()),
            "SLURM_JOB_END_TIME" => Some("1060".to_string()),
            _ => None,
        };
        assert_eq!(left(&told, now, &|_| None), Some(Duration::from_secs(60)));
        assert_eq!(
            left(&told, Duration::from_secs(2_000), &|_| None),
            Some(Duration::ZERO)
        );
    }
}
