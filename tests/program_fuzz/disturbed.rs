//! Runs that are disturbed while they work: signals, limits of the system, other ranks. Each ends
//! as one that was not.

use super::plans::{Oracle, PLANS, finish};
use super::round::{Attempt, Round, Signal};

const SIGNALS: &[&str] = &[
    "USR1", "TERM", "INT", "HUP", "XCPU", "KILL", "STOP", "WINCH",
];

/// A plan for a case, with its input written, and the seconds that it takes undisturbed.
fn begin(ranks: usize, round: &mut Round, oracle: &mut Oracle) -> Result<(usize, f64), String> {
    let at = round.below(PLANS.len());
    let seconds = oracle.whole(at, ranks, round)?.seconds;
    round.write("x.toml", &PLANS[at].text());
    Ok((at, seconds))
}

/// One to four attempts, each hit by one or two signals, then one that may finish.
pub fn by_signals(round: &mut Round, oracle: &mut Oracle) -> Result<(), String> {
    let ranks = round.one(&[0, 0, 0, 1, 2, 3]);
    let (plan, seconds) = begin(ranks, round, oracle)?;
    for _ in 0..1 + round.below(4) {
        let mut attempt = Attempt::of(&["run", "x.toml"]);
        attempt.ranks = ranks;
        for _ in 0..1 + round.below(2) {
            let (at, name) = (1.1 * seconds * round.chance(), round.one(SIGNALS));
            // What ends a process by default ends mpirun too, which is no fault of the program.
            let rank = round.below(2) == 0 || name == "XCPU";
            attempt.signals.push(Signal { at, name, rank });
        }
        attempt.signals.sort_by(|a, b| a.at.total_cmp(&b.at));
        round.run(&attempt)?;
    }
    finish(plan, ranks, round, oracle)
}

/// An attempt under limits, then one without.
pub fn by_limits(round: &mut Round, oracle: &mut Oracle) -> Result<(), String> {
    let (plan, _) = begin(0, round, oracle)?;
    let mut attempt = Attempt::of(&["run", "x.toml"]);
    attempt.before = match round.below(8) {
        0 => format!("ulimit -v {}", 60_000 + round.below(900_000)),
        1 => format!("ulimit -f {}", round.below(400)),
        2 => format!("ulimit -n {}", 8 + round.below(40)),
        3 => format!("ulimit -S -t {}", 1 + round.below(2)),
        4 => format!("ulimit -s {}", 512 + round.below(8000)),
        5 => "exec > /dev/full".to_string(),
        6 => "exec >&-".to_string(),
        _ => "exec 2>&-".to_string(),
    };
    round.run(&attempt)?;
    finish(plan, 0, round, oracle)
}

/// A deterministic run on other ranks in each attempt.
pub fn by_other_ranks(round: &mut Round, oracle: &mut Oracle) -> Result<(), String> {
    let plans: Vec<usize> = (0..PLANS.len())
        .filter(|&p| PLANS[p].deterministic)
        .collect();
    let at = round.one(&plans);
    let seconds = oracle.whole(at, 0, round)?.seconds;
    round.write("x.toml", &PLANS[at].text());
    for _ in 0..1 + round.below(3) {
        let most = format!("output.max_time={}", 0.01 + 0.6 * seconds * round.chance());
        let mut attempt = Attempt::of(&["run", "x.toml", "--set", &most]);
        attempt.ranks = round.below(5);
        let ended = round.run(&attempt)?;
        if ![0, 75].contains(&ended.code) {
            return Err(format!(
                "code {} on {} ranks:\n{}",
                ended.code, attempt.ranks, ended.said
            ));
        }
        round.files_are_whole()?;
    }
    let ranks = round.below(5);
    finish(at, ranks, round, oracle)
}
