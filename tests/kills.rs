//! kill -9 at any instant: every file opens, nothing of a completed checkpoint is lost, and the run
//! ends in the same state.

mod common;
use common::{Case, RING, State, expect_code, is_program, long, signal, text};
use nishina::io::hdf5;
use nishina::io::output::OutputPaths;
use std::collections::BTreeMap;
use std::time::Duration;

const PLAN: &str = "[optimize]\nsteps = 12\nlearning_rate = 0.05\n[measure]\nsamples = \
 2048\n[output]\nsamples = \"all\"\ncheckpoint_every = 0.0001\n";

/// Pseudo-random numbers in 0..1 (a linear congruential generator, Knuth's MMIX).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Samples of every segment on the disk: all files that have it agree.
fn rows(case: &Case) -> BTreeMap<usize, i64> {
    let paths = OutputPaths::new(case.folder.path(), "x");
    let mut found = BTreeMap::new();
    for file in paths.segment_files().unwrap() {
        let tree = hdf5::read(&file.path).unwrap();
        let all = tree.integers("chain").unwrap().len() as i64;
        let rows = tree.integers("segment_rows").unwrap_or(vec![all]);
        assert_eq!(rows.iter().sum::<i64>(), all, "{file:?}");
        assert_eq!(rows.len(), file.last + 1 - file.first, "{file:?}");
        for (number, rows) in (file.first..).zip(rows) {
            assert_eq!(*found.entry(number).or_insert(rows), rows, "{file:?}");
        }
    }
    found
}

/// Opens every file of the run and returns (steps, measured samples per chain) of the newest
/// checkpoint.
fn survey(case: &Case) -> (i64, i64) {
    for entry in case.folder.path().read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "h5") {
            hdf5::read(&path).unwrap_or_else(|e| panic!("{e}"));
        }
    }
    let newest = ["x.ckpt.h5", "x.ckpt.1.h5"]
        .into_iter()
        .find(|n| case.path(n).exists());
    newest.map_or((0, 0), |name| {
        let tree = case.tree(name);
        let place = (
            tree.integer("optimize/step").unwrap(),
            tree.integer("measure/per_chain").unwrap_or(0),
        );
        // Samples of completed checkpoints are all there, once.
        let present = tree.texts("run/sections").unwrap().last().unwrap();
        let segments = format!("{present}/section/segments");
        let segments = tree.integer(&segments).unwrap() as usize;
        let kept: i64 = rows(case).range(1..=segments).map(|(_, rows)| rows).sum();
        assert_eq!(kept, 256 * place.0 + 8 * place.1, "{place:?}");
        place
    })
}

fn uninterrupted(ranks: usize) -> (State, f64) {
    let case = Case::new(&format!("{RING}{PLAN}"));
    let mut run = case.launch(ranks, &["run", "x.toml"], &[]);
    assert_eq!(run.end_within(120.0), 0, "{}", run.said());
    (case.state(), run.age())
}

/// Kills until `kills` have hit a running job; every job goes on where the one before was killed.
fn kill_often(count: usize, kills: usize, seed: u64, aim: impl Fn(&mut Chance, &common::Running)) {
    let (whole, seconds) = uninterrupted(count);
    let mut chance = Chance(seed);
    let (mut hit, mut unfinished, mut finished) = (0, 0, 0);
    while hit < kills {
        let case = Case::new(&format!("{RING}{PLAN}"));
        let mut before = (0, 0);
        loop {
            let mut run = case.launch(count, &["run", "x.toml"], &[]);
            let mut ranks = Vec::new();
            if hit < kills {
                std::thread::sleep(Duration::from_secs_f64(0.8 * seconds * chance.next()));
                ranks = run.ranks();
                aim(&mut chance, &run);
            }
            let code = run.end_within(60.0);
            // The ranks of an mpirun that was killed end by themselves, a moment later.
            let start = std::time::Instant::now();
            while ranks.iter().any(|&r| is_program(r)) {
                assert!(
                    start.elapsed().as_secs() < 10,
                    "a rank has outlived its mpirun"
                );
                std::thread::sleep(Duration::from_millis(5));
            }
            let now = survey(&case);
            assert!(now >= before, "{before:?} {now:?}: {}", run.said());
            before = now;
            if code == 0 {
                break;
            }
            assert!([137, 1, 143].contains(&code), "{code}: {}", run.said());
            hit += 1;
            let files = case.folder.path().read_dir().unwrap();
            unfinished += usize::from(
                files
                    .flatten()
                    .any(|f| f.path().extension().is_some_and(|e| e == "tmp")),
            );
        }
        finished += 1;
        assert_eq!(case.state(), whole);
        let files = case.folder.path().read_dir().unwrap().flatten();
        assert_eq!(
            files
                .filter(|f| f.path().extension().is_some_and(|e| e == "tmp"))
                .count(),
            0
        );
    }
    println!(
        "{count} ranks: {hit} kills, {unfinished} of them while a file was written, {finished} \
         runs finished"
    );
}

#[test]
fn the_only_rank_is_killed_at_random_instants() {
    kill_often(0, if long() { 200 } else { 20 }, 1, |_, run| {
        run.signal("KILL")
    });
}

#[test]
fn one_rank_or_all_or_mpirun_itself_is_killed() {
    kill_often(2, if long() { 60 } else { 6 }, 2, |chance, run| {
        let ranks = run.ranks();
        match (3.0 * chance.next()) as usize {
            0 => ranks.iter().for_each(|&r| signal(r, "KILL")),
            1 => ranks
                .iter()
                .skip(usize::from(chance.next() < 0.5))
                .take(1)
                .for_each(|&r| signal(r, "KILL")),
            _ => {
                run.signal("KILL");
            }
        }
    });
}

#[test]
fn a_damaged_newest_checkpoint_falls_back_to_the_one_before() {
    let case = Case::new(&format!("{RING}{PLAN}"));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let whole = case.state();
    let mut chance = Chance(3);
    for kind in [
        "truncated",
        "bit flipped",
        "bit flipped",
        "empty",
        "numbers",
    ] {
        expect_code(
            &case.alone(&["run", "x.toml", "--fresh", "--set", "optimize.steps=5"]),
            0,
        );
        let path = case.path("x.ckpt.h5");
        let mut bytes = std::fs::read(&path).unwrap();
        let place = (chance.next() * bytes.len() as f64) as usize;
        match kind {
            "truncated" => bytes.truncate(place),
            "empty" => bytes.clear(),
            "numbers" => {
                let first = case.present().reals("parameters").unwrap();
                let needle: Vec<u8> = first[..3].iter().flat_map(|x| x.to_le_bytes()).collect();
                let at = bytes.windows(24).position(|w| w == needle).unwrap();
                bytes[at + 9] ^= 1;
            }
            _ => bytes[place] ^= 1 << (place % 8),
        }
        std::fs::write(&path, bytes).unwrap();
        let info = case.alone(&["info", "x.ckpt.h5"]);
        expect_code(&info, 74);
        if kind == "numbers" {
            assert!(
                text(&info).contains("in measure/parameters: checksums do not fit"),
                "{}",
                text(&info)
            );
        }
        let out = case.alone(&["run", "x.toml"]);
        expect_code(&out, 0);
        assert!(
            text(&out).contains("continuing from the checkpoint before it"),
            "{}",
            text(&out)
        );
        assert_eq!(case.state(), whole, "{kind}");
    }
    for name in ["x.ckpt.h5", "x.ckpt.1.h5"] {
        std::fs::write(case.path(name), "").unwrap();
    }
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 74);
    assert!(
        text(&out).contains("no readable checkpoint generation"),
        "{}",
        text(&out)
    );
}
