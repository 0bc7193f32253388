//! Files of a run that are damaged between two commands: every command says what is wrong, and a
//! run that goes on ends as one without damage.

use super::common::mutation::below;
use super::plans::{Oracle, PLANS, difference, outcome};
use super::round::{Attempt, Round};
use std::path::{Path, PathBuf};

const COMMANDS: &[&[&str]] = &[
    &["info", "FILE"],
    &["info", "FILE", "--json"],
    &["export", "FILE", "--csv"],
    &["plot", "FILE", "--output", "picture.svg"],
    &["gather", "FILE", "x.h5"],
    &["extrapolate", "FILE", "x.h5"],
    &["watch", "FILE", "--once"],
    &["check", "x.toml", "--quick"],
];

/// Changes one file, or what stands in its place.
fn spoil(path: &Path, others: &[PathBuf], round: &mut Round) {
    let mut bytes = std::fs::read(path).unwrap_or_default();
    let (a, b) = (round.below(bytes.len()), round.below(bytes.len()));
    let end = (a + 1 + round.below(2000)).min(bytes.len());
    let b = b.min(bytes.len() - (end - a.min(end)));
    match round.below(9) {
        0 if !bytes.is_empty() => bytes[a] ^= 1 << round.below(8),
        1 => bytes.truncate(a),
        2 => bytes[a..end].fill(0),
        3 => bytes.copy_within(a..end, b),
        4 => bytes.clear(),
        5 => bytes = std::fs::read(&others[round.below(others.len())]).unwrap(),
        6 => bytes.extend(std::iter::repeat_n(7, 1 + round.below(5000))),
        7 => {
            std::fs::remove_file(path).unwrap();
            return;
        }
        _ => {
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("nowhere", path).unwrap();
            return;
        }
    }
    std::fs::write(path, bytes).unwrap();
}

/// Some files of a finished or an unfinished run are damaged; commands read them; the run goes on.
pub fn of_files(round: &mut Round, oracle: &mut Oracle) -> Result<(), String> {
    let at = round.below(PLANS.len());
    let whole = oracle.whole(at, 0, round)?;
    let seconds = whole.seconds;
    for (name, bytes) in &whole.files {
        std::fs::write(round.case.path(&name.to_string_lossy()), bytes).unwrap();
    }
    round.write("x.toml", &PLANS[at].text());
    if round.below(2) == 0 {
        let most = format!("output.max_time={}", 0.01 + 0.7 * seconds * round.chance());
        round.run(&Attempt::of(&["run", "x.toml", "--fresh", "--set", &most]))?;
    }
    let files = round.files();
    for _ in 0..1 + round.below(3) {
        let path = files[below(&mut round.rng, files.len())].clone();
        if path.exists() {
            spoil(
                &path,
                &files
                    .iter()
                    .filter(|p| p.exists())
                    .cloned()
                    .collect::<Vec<_>>(),
                round,
            );
            round.damaged.insert(path);
        }
    }
    for _ in 0..2 {
        let file = files[round.below(files.len())]
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let words: Vec<&str> = round.one(COMMANDS).to_vec();
        let words: Vec<&str> = words
            .into_iter()
            .map(|w| if w == "FILE" { &file } else { w })
            .collect();
        round.run(&Attempt::of(&words))?;
    }
    let ended = round.run(&Attempt::of(&["run", "x.toml"]))?;
    if ended.code != 0 {
        return if [64, 74].contains(&ended.code) {
            Ok(())
        } else {
            Err(format!("code {}:\n{}", ended.code, ended.said))
        };
    }
    let found = outcome(&round.case.tree("x.h5"));
    match difference(&found, &oracle.whole(at, 0, round)?.outcome) {
        None => Ok(()),
        Some(path) => Err(format!(
            "`{}` ends with another {path}:\n{}",
            PLANS[at].name, ended.said
        )),
    }
}
