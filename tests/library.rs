//! Another crate registers a wave function and a section of its own, runs them, and holds them to
//! the public laws.

mod common;
#[path = "common/mean_field.rs"]
mod mean_field;

use common::Case;
use mean_field::MeanField;
use nishina::ansatz::{AnsatzEntry, Context, Erased};
use nishina::basis::Basis;
use nishina::calculation::vmc::observe::observe;
use nishina::calculation::{self, Options, Outcome, Section, run};
use nishina::comm::{Serial, share, threads};
use nishina::ensemble::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use nishina::error::{Error, Result};
use nishina::job::Stop;
use nishina::operator::Operator;
use nishina::registry::Registry;
use nishina::rng::{Purpose, RngExt, stream};
use nishina::run::{Curves, Declaration, Desk, Progress, Recurrence, Recurring};
use std::num::NonZeroUsize;

fn build(_keys: &toml::Table, context: &Context) -> Result<Erased> {
    Ok(Erased::new(MeanField {
        fields: vec![0.1; context.basis.sites()],
        fault: 1.0,
    }))
}

#[test]
fn a_foreign_wave_function_runs() {
    let case = Case::new("");
    let input = format!(
        "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nj = 0\nhx = 1\nhz = \
         1\n[ansatz]\nkind = 'mean-field'\n\
         [sampler]\nmethod = 'full-sum'\n[optimize]\nsteps = 200\nlearning_rate = 0.1\nshift = \
         1e-4\n[measure]\nsamples = 16\n\
         [output]\ndirectory = '{}'\n",
        case.folder.path().display()
    );
    std::fs::write(case.path("x.toml"), input).unwrap();
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let mine = [AnsatzEntry {
        kind: "mean-field",
        build,
        schema: || serde_json::json!({}),
        any_values: false,
    }];
    let stop = Stop::unarmed();
    let options = Options {
        stop: &stop,
        fresh: false,
        registry: Registry {
            ansatze: Registry::default().ansatze.with(&mine),
            ..Registry::default()
        },
    };
    assert_eq!(run(&source, &Serial, &options).unwrap(), Outcome::Finished);
    // Six free spins in the field (1, 0, 1): a product state is exact, E = -6 sqrt 2.
    let energy = case.info()["energy"]["mean"].as_f64().unwrap();
    assert!((energy + 6.0 * 2f64.sqrt()).abs() < 1e-6, "{energy}");
    // Without the extension the name is unknown.
    let bare = Options {
        stop: &stop,
        fresh: false,
        registry: Registry::default(),
    };
    assert_eq!(run(&source, &Serial, &bare).unwrap_err().exit_code(), 64);
}

#[test]
fn the_public_laws_hold_and_catch_a_wrong_derivative() {
    let basis = Basis::spin_half(5, None).unwrap();
    let fields = vec![0.2, -0.1, 0.3, 0.05, -0.4];
    nishina::laws::laws(
        &mut MeanField {
            fields: fields.clone(),
            fault: 1.0,
        },
        &basis,
        1,
    )
    .unwrap();
    assert!(
        nishina::laws::laws(
            &mut MeanField {
                fields,
                fault: 1.01
            },
            &basis,
            1
        )
        .is_err()
    );
}

/// Configurations from elsewhere, whose wave function nobody knows.
struct Given {
    sites: usize,
    rows: Vec<i8>,
    weights: Vec<f64>,
}

impl Ensemble for Given {
    fn sites(&self) -> usize {
        self.sites
    }
    fn sample_while(&mut self, _: &Request, _: &dyn Fn() -> bool) -> Result<()> {
        Ok(())
    }
    fn configurations(&self) -> &[i8] {
        &self.rows
    }
    fn weights(&self) -> &[f64] {
        &self.weights
    }
    fn noise(&self) -> Noise {
        Noise::Independent(0..2)
    }
    fn local_values(&self, operator: &dyn Operator) -> Result<LocalValues> {
        let values = self.rows.chunks_exact(self.sites);
        Ok(LocalValues {
            values: values.map(|x| operator.diagonal(x)).collect(),
            unseen: 0.0,
        })
    }
    fn psi(&self) -> Option<&dyn Amplitudes> {
        None
    }
}

/// The section of another crate: pi from the share of random points of a square that lie in the
/// circle, one block after the other, in streams that do not depend on the ranks.
mod darts {
    use super::*;

    nishina::record! {
        pub struct Row {
            estimate: "1", "4 times the share of points in the circle so far";
            error: "1", "its standard error";
            hits: "1", "points in the circle so far";
        }
    }

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Keys {
        /// Blocks
        blocks: NonZeroUsize,
        /// Streams of 100 points in a block
        streams: usize,
        /// Dies here without a word
        broken_at: Option<usize>,
        /// Has no result here
        fails_at: Option<usize>,
    }

    struct Darts(Keys);

    impl Recurrence for Darts {
        type Row = Row;

        fn length(&self) -> usize {
            self.0.blocks.get()
        }

        fn next(&mut self, rows: &[Row], desk: &mut Desk) -> Result<Row> {
            let step = rows.len();
            assert!(self.0.broken_at != Some(step), "killed");
            if self.0.fails_at == Some(step) {
                return Err(Error::numerical("no darts are left", "buy more"));
            }
            let mut new = [0.0];
            for chain in share(self.0.streams, desk.comm.rank(), desk.comm.size()) {
                let mut rng = stream(3, Purpose::Law, chain as u64, step as u64);
                let mut dart = || rng.random::<f64>().powi(2) + rng.random::<f64>().powi(2) < 1.0;
                new[0] += (0..100).filter(|_| dart()).count() as f64;
            }
            desk.comm.sum(&mut new)?;
            let hits = rows.last().map_or(0.0, |row| row.hits) + new[0];
            let points = (100 * self.0.streams * (step + 1)) as f64;
            let share = hits / points;
            Ok(Row {
                estimate: 4.0 * share,
                error: 4.0 * (share * (1.0 - share) / points).sqrt(),
                hits,
            })
        }
    }

    const CURVES: Curves = Curves {
        shown: &["estimate", "error"],
        ..Curves::of::<Row>("darts/history", "block")
    };

    const DECLARATION: Declaration = Declaration {
        free: &["broken_at", "fails_at"],
        grows: &["blocks"],
        curves: &[CURVES],
        ..Declaration::named("darts")
    };

    pub const SECTION: Section = Section::new::<Keys>(DECLARATION, |world| {
        let darts = Darts(world.keys("darts")?);
        Ok(Box::new(Recurring::new(&CURVES, darts)))
    });
}

const SECTIONS: &[Section] = &[darts::SECTION];

fn with_darts() -> Registry<'static> {
    let mut registry = Registry::default();
    registry.sections = registry.sections.with(SECTIONS);
    registry
}

/// Runs `x.toml` with other keys on so many threads.
fn throw(case: &Case, settings: &[&str], ranks: usize) -> Vec<Result<Outcome>> {
    let directory = format!("output.directory={}", case.folder.path().display());
    let settings = settings.iter().map(ToString::to_string);
    let settings: Vec<String> = settings.chain([directory]).collect();
    threads::run(ranks, |comm| {
        let (stop, registry) = (Stop::unarmed(), with_darts());
        let path = case.path("x.toml");
        let source = nishina::calculation::read(&path, &settings, &registry)?;
        let options = Options {
            stop: &stop,
            fresh: false,
            registry,
        };
        run(&source, comm, &options)
    })
}

fn finished(outcomes: &[Result<Outcome>]) -> bool {
    let other = outcomes.iter().find(|o| **o != Ok(Outcome::Finished));
    other.inspect(|o| eprintln!("{o:?}")).is_none()
}

const DARTS: &str = "[darts]\nblocks = 12\nstreams = 6\n[output]\ncheckpoint_every = 1e-9\n";

/// All that a section needs to be validated, checkpointed, shown and predicted.
#[test]
fn a_foreign_section_is_short() {
    let text = include_str!("library.rs");
    let lines = text.lines().skip_while(|l| !l.starts_with("mod darts {"));
    let lines = lines.take_while(|l| *l != "}").count() + 1;
    assert!((40..=80).contains(&lines), "{lines} lines");
}

#[test]
fn a_foreign_section_is_killed_and_goes_on_bit_for_bit() {
    let whole = Case::new(DARTS);
    assert!(finished(&throw(&whole, &[], 1)));
    let of = |case: &Case| case.tree("x.h5").group("darts");
    for ranks in [1, 2, 3] {
        let case = Case::new(DARTS);
        let broken = || throw(&case, &["darts.broken_at=7"], ranks);
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(broken));
        assert!(killed.is_err(), "{ranks} ranks");
        let info = nishina::commands::info(&case.path("x.ckpt.h5"), &with_darts()).unwrap();
        assert_eq!(
            (&info["stage"], &info["state"]),
            (&"darts".into(), &"stopped".into())
        );
        assert!(finished(&throw(&case, &[], ranks)));
        assert_eq!(of(&case), of(&whole), "{ranks} ranks");
        // Once more there is nothing to do; with more blocks it goes on.
        assert!(finished(&throw(&case, &[], ranks)));
        assert!(finished(&throw(&case, &["darts.blocks=15"], ranks)));
        assert_eq!(of(&case).reals("history/error").unwrap().len(), 15);
        // Another calculation is refused, and so is a key that does not exist.
        let changed = throw(&case, &["darts.streams=7"], ranks);
        let message = changed[0].as_ref().unwrap_err().to_string();
        assert!(message.contains("darts.streams was 6, is 7"), "{message}");
        for (wrong, key) in [
            ("darts.size=7", "darts.size"),
            ("darts.blocks=0", "darts.blocks"),
        ] {
            let message = throw(&case, &[wrong], ranks)[0]
                .as_ref()
                .unwrap_err()
                .to_string();
            assert!(message.contains(key), "{message}");
        }
    }
    let pi = *of(&whole)
        .reals("history/estimate")
        .unwrap()
        .last()
        .unwrap();
    assert!((pi - std::f64::consts::PI).abs() < 0.1, "{pi}");
}

#[test]
fn a_foreign_section_is_shown_and_predicted() {
    let case = Case::new(DARTS);
    let registry = with_darts();
    assert!(finished(&throw(&case, &[], 2)));
    let file = case.path("x.h5");
    let info = nishina::commands::info(&file, &registry).unwrap();
    assert_eq!(info["sections"]["darts"]["blocks"], 12);
    let estimates = case.tree("x.h5").reals("darts/history/estimate").unwrap();
    assert_eq!(
        info["sections"]["darts"]["estimate"].as_f64(),
        estimates.last().copied()
    );
    let said = nishina::commands::info_text(&info);
    assert!(
        said.contains("12 blocks") && said.contains("estimate"),
        "{said}"
    );
    let frame = nishina::commands::watch::once(&file, 100, 36, &registry).unwrap();
    assert!(frame.contains("darts: block 12 of 12"), "{frame}");
    assert!(frame.contains("estimate against block"), "{frame}");
    let options = nishina::plot::PlotOptions {
        output: case.path("plots"),
        png: false,
        svg: true,
        width: 800,
        exact: Vec::new(),
        only: Vec::new(),
        title: None,
        log_x: false,
        log_y: true,
    };
    nishina::plot::plot(std::slice::from_ref(&file), &options, &registry).unwrap();
    assert!(case.path("plots/darts-estimate.svg").exists());
    assert!(case.path("plots/darts-error.svg").exists());
    let csv = nishina::commands::export::csv(&file, &registry).unwrap();
    assert!(csv.starts_with("block,error,estimate"), "{csv}");
    let asked = nishina::commands::check::Question {
        path: &case.path("x.toml"),
        settings: &[],
        ranks: 2,
        seconds: 0.0,
    };
    let answer = nishina::commands::check::check(&asked, &registry).unwrap();
    let figures: serde_json::Value = serde_json::from_str(&answer.print(true)).unwrap();
    assert_eq!(
        figures["sections"]["darts"],
        serde_json::json!({ "blocks": 12.0, "bytes": 288.0 })
    );
    assert!(answer.print(false).contains("12 blocks"));
    let schema = nishina::commands::schema(&registry);
    assert!(
        schema
            .pointer("/properties/darts/properties/streams")
            .is_some()
    );
}

/// Holds every section of an input to the laws on 1, 2 and 3 ranks.
fn sections_obey(input: &str, section: &str) {
    let case = Case::new(input);
    let registry = with_darts();
    let source = nishina::calculation::read(&case.path("x.toml"), &[], &registry).unwrap();
    for ranks in [1, 2, 3] {
        let verdicts = threads::run(ranks, |comm| {
            let registry = with_darts();
            let place = (comm.rank(), comm.size());
            let build = || {
                let start = nishina::calculation::start(&source, &registry, place, 1e10)?;
                let stages = start.stages.into_iter();
                let mut wanted = stages.filter(|s| s.declaration().name == section);
                Ok(wanted.next().unwrap().into_calculation())
            };
            nishina::laws::calculation(&build, comm, 3, 4)
        });
        assert!(
            verdicts.iter().all(|v| v.is_ok()),
            "{section}, {ranks} ranks: {verdicts:?}"
        );
    }
}

#[test]
fn configurations_without_a_wave_function_are_measured_where_none_is_needed() {
    let given = Given {
        sites: 2,
        rows: vec![1, 1, 1, -1, 1, -1, -1, -1],
        weights: vec![0.25; 4],
    };
    let text = "lattice = { kind = 'chain', size = 2, boundary = 'open' }\n\
                hamiltonian = { kind = 'ising', hx = 1 }";
    let source = nishina::input::from_text(text, ".".into()).unwrap();
    let problem =
        nishina::calculation::vmc::problem::problem(&source, &Registry::default()).unwrap();
    let measured = |kind: &str| {
        let table = [("kind".to_string(), kind.into())].into_iter().collect();
        let list = [nishina::input::ObservableInput::Table(table)];
        let named =
            nishina::calculation::vmc::problem::observables(&source, &problem, &list, "list")?;
        observe(&Serial, &given, &named, 2, 2)
    };
    // ⟨m⟩, ⟨|m|⟩, ⟨m²⟩, ⟨m⁴⟩ and ⟨σ^z⟩ of the two sites.
    let found = measured("magnetisation").unwrap().remove(0);
    assert_eq!(found.mean[..6], [0.0, 0.5, 0.5, 0.5, 0.5, -0.5]);
    let message = measured("transverse-magnetisation")
        .unwrap_err()
        .to_string();
    assert!(message.contains("asks for amplitudes"), "{message}");
}

/// Small inputs with a section; a section without one fails the test, so that it cannot be
/// forgotten.
fn inputs(section: &str) -> Vec<String> {
    let sampled = common::RING;
    let list = "[measure]\nsamples = 4096\nobservables = [\"magnetisation\"]\n";
    match section {
        "optimize" => ["adam", "spring"]
            .map(|method| {
                let keys = format!("steps = 20\nlearning_rate = 0.05\nmethod = \"{method}\"");
                format!("{sampled}[optimize]\n{keys}\n")
            })
            .to_vec(),
        "evolve" => {
            let keys = "time = 0.1\nstep = 0.01\nhamiltonian = { hx = 0.5 }";
            vec![format!("{sampled}[evolve]\n{keys}\n{list}")]
        }
        "measure" => {
            let exact = sampled.replace("chains = 8\nsamples = 256", "method = \"full-sum\"");
            vec![format!("{sampled}{list}"), format!("{exact}{list}")]
        }
        "classical" => {
            let lattice = "[lattice]\nkind = \"square\"\nsize = [4, 4]\n[hamiltonian]\nkind = ";
            let chains = "[sampler]\nchains = 4\nsamples = 512\n[classical]\ntemperatures = ";
            let learned = "2.5\nupdate = \"self-learning\"\n[classical.effective]\n\
                           training_samples = 64\nclasses = 2";
            [
                format!("{lattice}\"ising\"\n{chains}[2.0, 2.5]\ntempering = 3\n"),
                format!("{lattice}\"plaquette-ising\"\nk = 0.2\n{chains}{learned}\n"),
                format!("{lattice}\"ising\"\n{chains}2.5\nupdate = \"enumeration\"\n"),
            ]
            .to_vec()
        }
        "holography" => {
            let keys = "experiment = \"synthetic\"\npoints = 20\nepochs = 20\nseeds = 2";
            vec![format!("[holography]\n{keys}\n")]
        }
        "phases" => {
            let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("spins.h5");
            let mut tree = nishina::io::tree::Tree::default();
            let spin = |k: i32| if k * k % 7 < 3 { 1 } else { -1 };
            let spins: Vec<i8> = (0..160).map(spin).collect();
            tree.put_spins("configurations", &[40, 4], &spins);
            let values = (0..40).map(|k| f64::from(1 + k / 20));
            tree.put_reals("parameter", &values.collect::<Vec<_>>());
            nishina::io::hdf5::write_atomic(&path, &tree).unwrap();
            let keys = "task = \"classify\"\ncritical_value = 1.5\nwidths = [3]\nepochs = 40";
            let file = format!("files = [{{ file = {path:?} }}]");
            vec![format!("[phases]\n{keys}\nseeds = 2\nbatch = 8\n{file}\n")]
        }
        "regression" => {
            let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("rows.csv");
            let row = |k: u32| format!("{k},{}\n", k * k % 7);
            let rows: String = (0..20).map(row).collect();
            std::fs::write(&path, format!("x,y\n{rows}")).unwrap();
            let keys =
                format!("data = {path:?}\ninputs = [\"x\"]\noutputs = [\"y\"]\nwidths = [4]");
            let pace = "steps = 40\nlearning_rate = 0.01\nrestarts = 3\ntest_fraction = 0.2";
            vec![format!("[regression]\n{keys}\n{pace}\n")]
        }
        "construct" => vec![
            "[lattice]\nkind = \"chain\"\nsize = 4\n[hamiltonian]\nkind = \"ising\"\nhx = \
             1.0\n[ansatz]\nkind = \"dbm\"\ndensity = 1\n[sampler]\nmethod = \
             \"full-sum\"\n[construct]\ntime = 4.0\nstep = 0.1\n"
                .to_string(),
        ],
        "learn" => {
            let base = "[lattice]\nkind = \"chain\"\nsize = 4\n[hamiltonian]\nkind = \"ising\"\n\
                        hx = 1.0\n[ansatz]\nkind = \"boltzmann\"\ndensity = 1\n";
            let gibbs = "[sampler]\nmethod = \"gibbs\"\nchains = 4\nsamples = 32\n";
            let keys = "objective = \"kullback-leibler\"\ntarget = { kind = \"ground-state\" }";
            let pace = "shots = 50\nsteps = 40\nlearning_rate = 0.01";
            vec![format!("{base}{gibbs}[learn]\n{keys}\n{pace}\n")]
        }
        "convert" => {
            let base = "[lattice]\nkind = \"chain\"\nsize = 4\n[hamiltonian]\nkind = \"ising\"\n\
                        hx = 1.0\n[ansatz]\nkind = \"rbm\"\ndensity = 0.5\ninit = 0.3\n";
            let chains = "[sampler]\nchains = 4\nsamples = 32\n";
            vec![format!("{base}{chains}[convert]\nto = \"mps\"\n")]
        }
        other => panic!("add an input with [{other}]"),
    }
}

#[test]
fn every_section_obeys_the_laws_of_calculations() {
    for section in calculation::SECTIONS {
        let name = section.declaration.name;
        inputs(name)
            .iter()
            .for_each(|input| sections_obey(input, name));
    }
    sections_obey(DARTS, "darts");
}

#[test]
fn a_ramp_on_a_graph_reads_its_edges_once() {
    let input = "seed = 2\n[lattice]\nkind = 'graph'\nfile = 'edges.csv'\n[hamiltonian]\nkind = \
                 'ising'\nhx = 1.0\n[ansatz]\nkind = 'rbm'\ndensity = 1\n[sampler]\nmethod = \
                 'full-sum'\n[evolve]\ntime = 0.1\nstep = 0.02\n[evolve.ramps]\nhx = { kind = \
                 'linear', from = 0.5, to = 1.0, duration = 0.1 }\nj = { kind = 'linear', from = \
                 1.0, to = 0.7, duration = 0.1 }\n";
    let case = Case::new(input);
    let edges = case.path("edges.csv");
    std::fs::write(&edges, "i,j\n0,1\n1,2\n2,3\n3,0\n").unwrap();
    let registry = Registry::default();
    let source = nishina::calculation::read(&case.path("x.toml"), &[], &registry).unwrap();
    let start = nishina::calculation::start(&source, &registry, (0, 1), 1e10).unwrap();
    std::fs::remove_file(&edges).unwrap();
    let mut evolution = start.stages.into_iter().next().unwrap().into_calculation();
    let stop = Stop::unarmed();
    let mut desk = Desk::new(&Serial, &stop);
    let mut blocks = 0;
    while evolution.block(&mut desk).unwrap() == Progress::GoesOn {
        blocks += 1;
    }
    assert_eq!(blocks, 20);
}

#[test]
fn a_product_state_is_that_state_in_networks_with_a_phase_too() {
    let input = |ansatz: &str| {
        format!(
            "seed = 4\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nhx = \
             1.0\n[ansatz]\n{ansatz}\n[sampler]\nmethod = 'full-sum'\n[evolve]\ntime = \
             1e-6\nstep = 1e-6\nstart = {{ kind = 'product', theta = 1.0 }}\n[measure]\nsamples = \
             16\nobservables = ['transverse-magnetisation']\n"
        )
    };
    for ansatz in [
        "kind = 'rbm'\ndensity = 1\ninit = 1e-5",
        "kind = 'feedforward'\nwidths = [6]\nparameters = 'real'\nvisible_bias = true\ninit = 1e-5",
    ] {
        let case = Case::new(&input(ansatz));
        let out = case.alone(&["run", "x.toml"]);
        common::expect_code(&out, 0);
        let path = "evolve/output/observables/transverse-magnetisation/mean";
        let found = case.tree("x.h5").reals(path).unwrap()[0];
        assert!((found - 1f64.sin()).abs() < 1e-3, "{ansatz}: {found}");
    }
    let case = Case::new(&input("kind = 'jastrow'\nparameters = 'complex'"));
    let out = case.alone(&["run", "x.toml"]);
    let said = common::text(&out);
    let named = out.status.code() == Some(64) && said.contains("evolve.start");
    assert!(named || out.status.code() == Some(0), "{said}");
}

#[test]
fn what_was_reached_before_an_error_is_saved() {
    let whole = Case::new(DARTS);
    assert!(finished(&throw(&whole, &[], 1)));
    for ranks in [1, 3] {
        // No checkpoint is due in this run.
        let case = Case::new(&DARTS.replace("1e-9", "1e9"));
        let failed = throw(&case, &["darts.fails_at=5"], ranks);
        assert!(
            failed
                .iter()
                .all(|o| o.as_ref().is_err_and(|e| e.exit_code() == 70)),
            "{failed:?}"
        );
        assert_eq!(case.present().integer("section/blocks").unwrap(), 5);
        assert!(finished(&throw(&case, &[], ranks)));
        let of = |case: &Case| case.tree("x.h5").group("darts");
        assert_eq!(of(&case), of(&whole), "{ranks} ranks");
    }
}

#[test]
fn a_foreign_wave_function_is_compared_excluded_and_checked() {
    const MINE: &[AnsatzEntry] = &[AnsatzEntry {
        kind: "mean-field",
        any_values: false,
        build,
        schema: || serde_json::json!({}),
    }];
    let mut registry = Registry::default();
    registry.ansatze = registry.ansatze.with(MINE);
    let case = Case::new("");
    let directory = case.folder.path().display();
    let input = |name: &str, more: &str| {
        format!(
            "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nj = 0\nhx = \
             1\nhz = 1\n[ansatz]\nkind = 'mean-field'\n[sampler]\nmethod = \
             'full-sum'\n[optimize]\nsteps = 30\nlearning_rate = 0.1\nshift = \
             1e-3\n{more}\n[output]\ndirectory = '{directory}'\nname = '{name}'\n"
        )
    };
    let stop = Stop::unarmed();
    let go = |name: &str, more: &str, registry: Registry<'static>| {
        let path = case.path(&format!("{name}.toml"));
        std::fs::write(&path, input(name, more)).unwrap();
        let source = nishina::calculation::read(&path, &[], &registry)?;
        let options = Options {
            stop: &stop,
            fresh: true,
            registry,
        };
        run(&source, &Serial, &options)
    };
    assert_eq!(go("first", "", registry), Ok(Outcome::Finished));
    let overlap =
        "[measure]\nsamples = 16\nobservables = [{ kind = 'overlap', file = 'first.h5' }]";
    let excluded = format!("orthogonal_to = [{{ file = 'first.h5', weight = 3.0 }}]\n{overlap}");
    assert_eq!(go("same", overlap, registry), Ok(Outcome::Finished));
    assert_eq!(go("other", &excluded, registry), Ok(Outcome::Finished));
    let fidelity = |name: &str| {
        let path = "measure/observables/overlap/fidelity/mean";
        case.tree(name).real(path).unwrap()
    };
    assert!(fidelity("same.h5") > 0.999, "{}", fidelity("same.h5"));
    assert!(
        fidelity("other.h5") < fidelity("same.h5") - 1e-3,
        "{}",
        fidelity("other.h5")
    );
    let asked = nishina::commands::check::Question {
        path: &case.path("other.toml"),
        settings: &[],
        ranks: 1,
        seconds: 0.0,
    };
    assert!(nishina::commands::check::check(&asked, &registry).is_ok());
    assert!(nishina::commands::check::check(&asked, &Registry::default()).is_err());
}
