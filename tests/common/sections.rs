//! What the tests of sections share: the same bits on any number of ranks and after kills, and the
//! laws of calculations.

use super::{Case, expect_code, mpirun, program, text};
use nishina::calculation::{read, start};
use nishina::comm::threads;
use nishina::io::tree::Tree;
use nishina::registry::Registry;

/// A section whose results and samples are compared bit for bit.
pub struct Compared<'a> {
    group: &'a str,
    make: &'a dyn Fn() -> Case,
}

/// Datasets that differ between two trees, or that one of them lacks.
pub fn differences(a: &Tree, b: &Tree) -> Vec<String> {
    let names = a.datasets.keys().chain(b.datasets.keys());
    let differ = |name: &&String| a.datasets.get(*name) != b.datasets.get(*name);
    names.filter(differ).cloned().collect()
}

impl<'a> Compared<'a> {
    /// The section with the group `group` in `x.h5`; `make` makes a case with its input anew.
    pub fn new(group: &'a str, make: &'a dyn Fn() -> Case) -> Self {
        Compared { group, make }
    }

    /// The results, and the samples where there are any; how many segments these were kept in
    /// does not count.
    fn results(&self, case: &Case) -> Tree {
        let mut results = case.tree("x.h5").group(self.group);
        if case.path("x.samples.h5").exists() {
            let mut samples = case.tree("x.samples.h5");
            samples.datasets.remove("segment_rows");
            samples.datasets.remove("input/resolved");
            results.put_group("samples", samples);
        }
        results
    }

    /// The results of a run on one rank that nothing disturbs.
    pub fn whole(&self) -> Tree {
        let alone = (self.make)();
        expect_code(&alone.alone(&["run", "x.toml"]), 0);
        self.results(&alone)
    }

    /// Fails unless two and three ranks give the results `whole` of one.
    pub fn same_on_more_ranks(&self, whole: &Tree) {
        for ranks in [2, 3] {
            let case = (self.make)();
            expect_code(&case.ranks(ranks, &["run", "x.toml"]), 0);
            let differ = differences(whole, &self.results(&case));
            assert_eq!(differ, [""; 0], "{ranks} ranks");
        }
    }

    /// Fails unless a run on some ranks that is killed after some blocks, `kills`, and goes on with
    /// the words `says` on other ranks ends in `whole`. A run may end before a kill after more than
    /// `surely` blocks.
    pub fn same_after_kills(
        &self,
        whole: &Tree,
        kills: &[(usize, usize)],
        surely: usize,
        says: &str,
    ) {
        for &(block, ranks) in kills {
            let case = (self.make)();
            let fault = format!("kill@rank0:step{block}");
            let mut command = if ranks > 1 { mpirun(ranks) } else { Vec::new() };
            command.extend([program(), "run", "x.toml"].map(String::from));
            let mut broken = case.start(&command, &[("NISHINA_FAULT", &fault)]);
            if broken.end_within(60.0) == 0 {
                assert!(block > surely, "{}", broken.said());
                continue;
            }
            assert_eq!(case.info()["state"], "stopped");
            let out = case.ranks(3 - ranks, &["run", "x.toml"]);
            expect_code(&out, 0);
            assert!(text(&out).contains(says), "{}", text(&out));
            assert_eq!(differences(whole, &self.results(&case)), [""; 0], "{fault}");
        }
    }
}

/// Fails unless each input gives the same bits on one, two and three ranks; `datasets` are some
/// that the results of `group` have.
pub fn same_on_any_ranks(
    group: &str,
    inputs: &[&str],
    case: &dyn Fn(&str) -> Case,
    datasets: &[&str],
) {
    for input in inputs {
        let make = || case(input);
        let compared = Compared::new(group, &make);
        let whole = compared.whole();
        for name in datasets {
            assert!(whole.datasets.contains_key(*name), "{name}");
        }
        compared.same_on_more_ranks(&whole);
    }
}

/// Fails unless each input, killed after some blocks, goes on to the same bits on other ranks with
/// the words `says`.
pub fn same_after_any_kill(
    group: &str,
    inputs: &[&str],
    case: &dyn Fn(&str) -> Case,
    kills: &[(usize, usize)],
    says: &str,
) {
    for input in inputs {
        let make = || case(input);
        let compared = Compared::new(group, &make);
        let whole = compared.whole();
        compared.same_after_kills(&whole, kills, usize::MAX, says);
    }
}

/// Fails unless the first section of `x.toml` obeys the laws of calculations, interrupted after the
/// numbers of blocks of each triple (ranks, first, second).
pub fn obeys_the_laws(case: &Case, triples: &[(usize, usize, usize)]) {
    let path = case.path("x.toml");
    let source = read(&path, &[], &Registry::default()).unwrap();
    for &(ranks, first, second) in triples {
        let verdicts = threads::run(ranks, |comm| {
            let registry = Registry::default();
            let place = (comm.rank(), comm.size());
            let build = || {
                let start = start(&source, &registry, place, 1e10)?;
                Ok(start.stages.into_iter().next().unwrap().into_calculation())
            };
            nishina::laws::calculation(&build, comm, first, second)
        });
        assert!(verdicts.iter().all(Result::is_ok), "{ranks}: {verdicts:?}");
    }
}
