//! Small runs, one for each kind of calculation, and how they end when nothing disturbs them.

use super::round::{Attempt, Round};
use crate::common::project;
use nishina::io::tree::{Tree, Value};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

/// A small run.
pub struct Plan {
    pub name: &'static str,
    pub input: &'static str,
    /// Whether it ends in the same bits on any number of ranks.
    pub deterministic: bool,
}

const CHAIN: &str = r#"
seed = 7
[lattice]
kind = "chain"
size = 6
"#;

/// The runs; the text of each follows a chain of 6 sites, where it samples spins.
pub const PLANS: &[Plan] = &[
    Plan {
        name: "ground state",
        input: "[hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\nkind = 'rbm'\n\
         symmetry = 'none'\ndensity = 1\n\
                [sampler]\nchains = 6\nsamples = 96\n[optimize]\nsteps = 30\n\
                learning_rate = 0.05\n[measure]\nsamples = 1536\n\
                observables = ['transverse-magnetisation', 'spin-correlations-zz']\n\
                [output]\nsamples = 'all'\ncheckpoint_every = 0.0001\n",
        deterministic: false,
    },
    Plan {
        name: "deterministic",
        input: "[hamiltonian]\nkind = 'heisenberg'\nsector = { total_sz = 0 }\n\
                [ansatz]\nkind = 'jastrow'\n[sampler]\nchains = 6\nsamples = 96\n\
                [optimize]\nsteps = 30\nlearning_rate = 0.05\n[measure]\nsamples = 960\n\
                [output]\ncheckpoint_every = 0.01\n",
        deterministic: true,
    },
    Plan {
        name: "adam",
        input: "[hamiltonian]\nkind = 'ising'\nhx = 0.5\n[ansatz]\nkind = 'feedforward'\n\
                widths = [4, 4]\n[sampler]\nchains = 6\nsamples = 48\n[optimize]\nsteps = 40\n\
                method = 'adam'\nlearning_rate = 0.01\n[measure]\nsamples = 480\n",
        deterministic: true,
    },
    Plan {
        name: "quench",
        input: "[hamiltonian]\nkind = 'ising'\nhx = 0.5\n[ansatz]\nkind = 'rbm'\n\
         symmetry = 'none'\ndensity = 1\n\
                [sampler]\nchains = 6\nsamples = 192\n[optimize]\nsteps = 10\n\
                learning_rate = 0.05\n[evolve]\ntime = 0.05\nstep = 0.01\n\
                hamiltonian = { kind = 'ising', hx = 1.0 }\n\
                [output]\ncheckpoint_every = 0.001\n",
        deterministic: false,
    },
    Plan {
        name: "full sum",
        input: "[hamiltonian]\nkind = 'xxz'\ndelta = 0.5\n[ansatz]\nkind = 'rbm'\n\
                density = 1\n[sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = 30\n\
                learning_rate = 0.05\n[measure]\nsamples = 1\n",
        deterministic: false,
    },
    Plan {
        name: "classical spins and phases",
        input: "[hamiltonian]\nkind = 'ising'\n[sampler]\nchains = 6\nsamples = 1200\n\
                [classical]\ntemperatures = [0.8, 1.6, 2.4]\nupdate = 'self-learning'\n\
                [classical.effective]\ntraining_samples = 1200\n[phases]\ntask = 'classify'\n\
                critical_temperature = 1.5\nwidths = [4]\nepochs = 20\nseeds = 2\n\
                [output]\nsamples = 'all'\ncheckpoint_every = 0.0001\n",
        deterministic: true,
    },
    Plan {
        name: "space",
        input: "[holography]\nexperiment = 'synthetic'\nlayers = 4\npoints = 60\nepochs = 30\n\
                seeds = 2\n[output]\ncheckpoint_every = 0.0001\n",
        deterministic: true,
    },
    Plan {
        name: "outcomes",
        input: "[hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\nkind = 'boltzmann'\n\
                density = 1\nphase = true\n[sampler]\nmethod = 'gibbs'\nchains = 6\n\
                samples = 48\n[learn]\nobjective = 'kullback-leibler'\nbases = 'pairs'\n\
                target = { kind = 'ground-state' }\nshots = 40\nsteps = 25\nbatch = 30\n\
                learning_rate = 0.02\nphase_init = 0.3\nrestarts = 2\n[measure]\n\
                samples = 240\n[output]\ncheckpoint_every = 0.0001\n",
        deterministic: true,
    },
    Plan {
        name: "table",
        input: "[regression]\ndata = 'CURVES'\ninputs = ['x']\noutputs = ['sine', 'box']\n\
                widths = [6]\ntest_fraction = 0.25\nsteps = 300\nlearning_rate = 0.01\n\
                restarts = 3\ninvert = { outputs = [0.5, 0.0], start = [0.1], steps = 20 }\n\
                [output]\ncheckpoint_every = 0.0001\n",
        deterministic: true,
    },
];

impl Plan {
    /// The input file.
    pub fn text(&self) -> String {
        let head = if self.deterministic {
            "deterministic = true\n"
        } else {
            ""
        };
        // A space and a table have no lattice.
        let alone = ["[holography]", "[regression]"];
        let chain = match alone.iter().any(|name| self.input.contains(name)) {
            true => "",
            false => CHAIN,
        };
        let curves = project().join("configs/data/curves.csv");
        let input = self.input.replace("CURVES", &curves.to_string_lossy());
        format!("{head}{chain}{input}")
    }
}

/// What a run leaves when nothing disturbs it.
pub struct Whole {
    /// Results of its sections, without times.
    pub outcome: Tree,
    /// Seconds that it took.
    pub seconds: f64,
    /// Its files.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

/// Runs that nothing disturbed, by plan and ranks.
#[derive(Default)]
pub struct Oracle {
    whole: BTreeMap<(usize, usize), Whole>,
}

impl Oracle {
    /// How plan `at` ends on `ranks` ranks; worked out in the folder of a round where it is new.
    pub fn whole(&mut self, at: usize, ranks: usize, round: &mut Round) -> Result<&Whole, String> {
        let ranks = if PLANS[at].deterministic { 0 } else { ranks };
        Ok(match self.whole.entry((at, ranks)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(undisturbed(at, ranks, round)?),
        })
    }
}

/// Runs plan `at` on `ranks` ranks with nothing to disturb it, in the folder of a round.
fn undisturbed(at: usize, ranks: usize, round: &mut Round) -> Result<Whole, String> {
    round.write("x.toml", &PLANS[at].text());
    let mut attempt = Attempt::of(&["run", "x.toml"]);
    attempt.ranks = ranks;
    let start = std::time::Instant::now();
    let ended = round.run(&attempt)?;
    let seconds = start.elapsed().as_secs_f64();
    if ended.code != 0 {
        return Err(format!("an undisturbed run fails:\n{}", ended.said));
    }
    round.files_are_whole()?;
    let read = |p: PathBuf| (p.file_name().unwrap().into(), std::fs::read(p).unwrap());
    let files = round.files().into_iter().map(read).collect();
    let whole = Whole {
        outcome: outcome(&round.case.tree("x.h5")),
        seconds,
        files,
    };
    for path in round.files() {
        std::fs::remove_file(path).unwrap();
    }
    Ok(whole)
}

/// The results of a run that do not depend on when and where it ran.
pub fn outcome(results: &Tree) -> Tree {
    const PARTS: &[&str] = &[
        "parameters",
        "optimize",
        "measure",
        "evolve",
        "classical",
        "phases",
        "holography",
        "regression",
        "learn",
        "construct",
    ];
    let kept = |path: &str| {
        let part = path.split('/').next().unwrap_or_default();
        PARTS.contains(&part) && !path.ends_with("seconds")
    };
    let datasets = results.datasets.iter().filter(|(path, _)| kept(path));
    let datasets = datasets
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect();
    Tree {
        datasets,
        ..Tree::default()
    }
}

/// The first dataset in which two outcomes differ.
pub fn difference(found: &Tree, wanted: &Tree) -> Option<String> {
    let names = found.datasets.keys().chain(wanted.datasets.keys());
    let bits = |v: Option<&Value>| v.map(|v| format!("{v:?}"));
    let differs = |name: &&String| {
        let (a, b) = (found.datasets.get(*name), wanted.datasets.get(*name));
        a != b && bits(a) != bits(b)
    };
    names.into_iter().find(differs).cloned()
}

/// Runs a plan until it is finished; an error where it does not end as if nothing had happened.
pub fn finish(
    at: usize,
    ranks: usize,
    round: &mut Round,
    oracle: &mut Oracle,
) -> Result<(), String> {
    let mut attempt = Attempt::of(&["run", "x.toml"]);
    attempt.ranks = ranks;
    let ended = round.run(&attempt)?;
    if ended.code != 0 {
        return Err(format!(
            "it does not finish ({}):\n{}",
            ended.code, ended.said
        ));
    }
    round.files_are_whole()?;
    let found = outcome(&round.case.tree("x.h5"));
    let name = PLANS[at].name;
    match difference(&found, &oracle.whole(at, ranks, round)?.outcome) {
        None => Ok(()),
        Some(path) => Err(format!(
            "`{name}` ends with another {path}:\n{}",
            ended.said
        )),
    }
}
