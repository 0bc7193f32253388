//! Injected faults: each is noticed, counted and undone, or ends the run with code 70; what is
//! written is finite.

mod common;
#[path = "common/mean_field.rs"]
mod mean_field;

use common::{Case, RING, expect_code, text};
use mean_field::MeanField;
use nishina::ansatz::{Ansatz, AnsatzEntry, AnsatzFacts, Asks, Block, Context, Erased};
use nishina::basis::Basis;
use nishina::calculation::{Options, Outcome, run};
use nishina::comm::{Comm, Serial, threads};
use nishina::derivatives::Derivatives;
use nishina::error::{Error, Result};
use nishina::io::hdf5;
use nishina::io::tree::{Tree, Value};
use nishina::job::Stop;
use nishina::observable::{Label, Observable, ObservableContext, ObservableEntry, Quantity, View};
use nishina::registry::Registry;
use nishina::rng::{Purpose, stream};
use num_complex::Complex64;

/// What is wrong while the parameters have been set between `from` and `until` times.
#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    RatioNan,
    RatioHuge,
    /// Of half a radian, up or down: local energies scatter about the same mean.
    RatioTurned,
    ZeroAmplitude,
    Derivative,
    /// At all times: the configuration of all spins down cannot be left or reached.
    Isolated,
}

/// A mean field with a flaw.
struct Flawed {
    right: MeanField,
    updates: usize,
    flaw: Flaw,
    from: usize,
    until: usize,
}

impl Flawed {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw && (self.from..self.until).contains(&self.updates)
    }
}

/// Held by each test: a program started by one would inherit files, with their locks, that another
/// has open.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn down(x: &[i8]) -> usize {
    x.iter().filter(|&&s| s < 0).count()
}

impl Ansatz for Flawed {
    type Batch = <MeanField as Ansatz>::Batch;
    type Scratch = ();
    fn sites(&self) -> usize {
        self.right.sites()
    }
    fn layout(&self) -> Vec<Block> {
        self.right.layout()
    }
    fn parameters(&self) -> Vec<f64> {
        self.right.parameters()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        self.updates += 1;
        self.right.set_parameters(parameters)
    }
    fn facts(&self) -> AnsatzFacts {
        self.right.facts()
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        self.right.batch(xs)
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let zero = |x: &Vec<i8>| {
            self.flaw == Flaw::Isolated && down(x) + 1 == x.len() || self.is(Flaw::ZeroAmplitude)
        };
        let logs = self.right.log_psi(batch).into_iter().zip(batch);
        logs.map(|(log, x)| {
            if zero(x) {
                f64::NEG_INFINITY.into()
            } else {
                log
            }
        })
        .collect()
    }
    fn ratios(&self, batch: &Self::Batch, asks: &Asks, scratch: &mut (), out: &mut [Complex64]) {
        self.right.ratios(batch, asks, scratch, out);
        for (ratio, (walker, step)) in out.iter_mut().zip(asks.iter()) {
            let x = &batch[walker];
            let after = step.applied(x);
            let factor = match self.flaw {
                Flaw::RatioNan if self.is(self.flaw) => f64::NAN,
                Flaw::RatioHuge if self.is(self.flaw) => 1e5,
                Flaw::Isolated if down(&after) + 1 == after.len() => 0.0,
                _ => 1.0,
            };
            let turned = if self.is(Flaw::RatioTurned) {
                0.5 * f64::from(x[0])
            } else {
                0.0
            };
            *ratio = Complex64::from_polar(factor * ratio.re, turned);
        }
    }
    fn accept(&self, batch: &mut Self::Batch, asks: &Asks, taken: &[bool], scratch: &mut ()) {
        self.right.accept(batch, asks, taken, scratch);
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let fault = match self.is(Flaw::Derivative) {
            true => f64::INFINITY,
            false => self.right.fault,
        };
        let fields = self.right.fields.clone();
        MeanField { fields, fault }.derivatives(batch)
    }
}

fn build(keys: &toml::Table, context: &Context) -> Result<Erased> {
    let number = |key: &str| keys.get(key).and_then(toml::Value::as_integer).unwrap_or(0) as usize;
    let flaw = match keys.get("flaw").and_then(toml::Value::as_str) {
        Some("ratio-nan") => Flaw::RatioNan,
        Some("ratio-huge") => Flaw::RatioHuge,
        Some("ratio-turned") => Flaw::RatioTurned,
        Some("zero") => Flaw::ZeroAmplitude,
        Some("derivative") => Flaw::Derivative,
        Some("isolated") => Flaw::Isolated,
        _ => Flaw::None,
    };
    let fields = vec![0.05; context.basis.sites()];
    Ok(Erased::new(Flawed {
        right: MeanField { fields, fault: 1.0 },
        updates: 0,
        flaw,
        from: number("from"),
        until: number("until"),
    }))
}

/// Six free spins in the field (1, 0, 1), E = −6 √2, with a flawed wave function.
fn flawed(flaw: &str, from: usize, until: usize, more: &str) -> (Case, Result<Outcome>) {
    let case = Case::new("");
    let outcome = flawed_in(&Serial, &case, flaw, from, until, more);
    (case, outcome)
}

fn flawed_in(
    comm: &dyn Comm,
    case: &Case,
    flaw: &str,
    from: usize,
    until: usize,
    more: &str,
) -> Result<Outcome> {
    let folder = case.folder.path().display().to_string();
    let seed = if flaw == "isolated" { from } else { 1 };
    let input = format!(
        "seed = {seed}\n[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\nkind = 'ising'\nj = \
         0\nhx = 1\nhz = 1\n\
         [ansatz]\nkind = 'flawed'\nflaw = '{flaw}'\nfrom = {from}\nuntil = {until}\n\
         [sampler]\nchains = 8\nsamples = 256\n[measure]\nsamples = 1024\n\
         [output]\ndirectory = '{folder}'\nname = 'x'\nsamples = 'all'\n[optimize]\nlearning_rate \
         = 0.1\nshift = 1e-3\n{more}"
    );
    let file = case.path(&format!("x{}.toml", comm.rank()));
    std::fs::write(&file, input).unwrap();
    let source = nishina::input::read(&file, &[]).unwrap();
    let mine = [AnsatzEntry {
        kind: "flawed",
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
    run(&source, comm, &options)
}

fn column(case: &Case, name: &str) -> Vec<f64> {
    case.tree("x.h5")
        .reals(&format!("optimize/history/{name}"))
        .unwrap()
}

fn assert_finite(case: &Case) {
    for entry in std::fs::read_dir(case.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "h5") {
            hdf5::read(&path).unwrap().check_finite().unwrap();
        }
    }
}

#[test]
fn a_passing_fault_is_undone_and_the_run_finishes() {
    let _alone = alone();
    for (flaw, from, code, counted) in [
        ("ratio-nan", 20, 1.0, "non_finite"),
        ("zero", 20, 1.0, "zero_amplitudes"),
        ("ratio-huge", 20, 2.0, "rejected"),
        ("ratio-turned", 60, 6.0, "rejected"),
        ("derivative", 20, 4.0, "rejected"),
    ] {
        let plan = "steps = 120\nmax_distance = 0\n";
        let (case, outcome) = flawed(flaw, from, from + 2, plan);
        assert_eq!(outcome.unwrap(), Outcome::Finished, "{flaw}");
        let rejected = column(&case, "rejected");
        let undone: Vec<f64> = rejected.iter().copied().filter(|&r| r > 0.0).collect();
        assert_eq!(undone, [code, code], "{flaw}");
        assert!(
            column(&case, counted).iter().filter(|&&c| c > 0.0).count() == 2,
            "{flaw}"
        );
        let backoff = column(&case, "backoff");
        let first = rejected.iter().position(|&r| r > 0.0).unwrap();
        assert_eq!(
            (backoff[first], backoff[first + 1], backoff[first + 2]),
            (0.0, 1.0, 2.0),
            "{flaw}"
        );
        assert_eq!(
            *backoff.last().unwrap(),
            0.0,
            "{flaw}: the rate has come back"
        );
        assert!(
            (column(&case, "energy").last().unwrap() + 6.0 * 2f64.sqrt()).abs() < 0.05,
            "{flaw}"
        );
        assert_finite(&case);
    }
}

#[test]
fn a_lasting_fault_ends_with_70_and_the_last_good_state() {
    let _alone = alone();
    for flaw in ["ratio-nan", "zero", "ratio-huge", "derivative"] {
        // Windows have five steps: there is no best state yet.
        let (case, outcome) = flawed(flaw, 4, usize::MAX >> 1, "steps = 100\nmax_backoffs = 3\n");
        let error = outcome.unwrap_err();
        assert_eq!(error.exit_code(), 70, "{error}");
        let said = error.to_string();
        assert!(
            said.contains("4 undone steps") && said.contains("learning_rate"),
            "{said}"
        );
        assert_eq!(
            column(&case, "rejected")
                .iter()
                .filter(|&&r| r > 0.0)
                .count(),
            4
        );
        assert_eq!(case.tree("x.h5").text("status/state").unwrap(), "stopped");
        let energy = column(&case, "energy");
        assert!(
            energy[3] < -6.1 && energy[3..].iter().all(|e| *e == energy[3]),
            "{energy:?}"
        );
        assert_finite(&case);
        // The saved parameters are those of the last good step: without the flaw they go on from
        // there.
        let other = flawed_in(&Serial, &case, flaw, 0, 0, "steps = 100\n");
        assert!(
            matches!(other, Err(Error::Input { .. })),
            "another wave function is refused"
        );
    }
}

#[test]
fn a_run_that_gives_up_ends_with_its_best_state_and_measures_it() {
    let _alone = alone();
    let more = "max_backoffs = 3\n";
    let (case, outcome) = flawed(
        "derivative",
        20,
        usize::MAX >> 1,
        &format!("steps = 100\n{more}"),
    );
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let tree = case.tree("x.h5");
    assert_eq!(tree.text("status/state").unwrap(), "finished");
    assert_eq!(tree.text("optimize/ending").unwrap(), "given up");
    let warnings = tree.texts("status/warnings").unwrap().join("\n");
    assert!(
        warnings.contains("given up at step") && warnings.contains("optimize.learning_rate"),
        "{warnings}"
    );
    assert!(tree.real("measure/energy/mean").unwrap() < -7.5);
    // The state is the one at which the best window was sampled last.
    let step = tree.count("optimize/state_of_step").unwrap();
    assert!(step == 14 || step == 19, "{step}");
    let (other, outcome) = flawed(
        "derivative",
        20,
        usize::MAX >> 1,
        &format!("steps = {step}\n{more}"),
    );
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let parameters = |case: &Case| case.present().reals("parameters").unwrap();
    assert_eq!(parameters(&case), parameters(&other));
    assert_finite(&case);
}

#[test]
fn a_run_that_was_given_up_starts_with_fresh_back_offs() {
    let _alone = alone();
    let last = |case: &Case| {
        let backoff = column(case, "backoff");
        (backoff.len(), tree_ending(case))
    };
    let plan = |steps: usize, rate: &str| format!("steps = {steps}\nmax_backoffs = 3\n{rate}");
    let begin = || {
        let (case, outcome) = flawed("derivative", 20, usize::MAX >> 1, &plan(100, ""));
        assert_eq!(outcome.unwrap(), Outcome::Finished);
        assert_eq!(tree_ending(&case), "given up");
        case
    };
    // The same input has nothing to do.
    let case = begin();
    let (rows, _) = last(&case);
    let again = |case: &Case, more: &str| {
        let outcome = flawed_in(&Serial, case, "derivative", 20, usize::MAX >> 1, more);
        assert_eq!(outcome.unwrap(), Outcome::Finished);
    };
    again(&case, &plan(100, ""));
    assert_eq!(last(&case), (rows, "given up".into()));
    // More steps, or other keys with as many: four faults more, from the full rate on.
    for more in [plan(200, ""), plan(100, "max_distance = 0.3\n")] {
        let case = begin();
        again(&case, &more);
        let backoff = column(&case, "backoff");
        let faults = |rows: &[f64]| rows.windows(2).filter(|w| w[1] > w[0]).count();
        assert_eq!(backoff[rows], 0.0, "{backoff:?}");
        assert_eq!(faults(&backoff[rows..]), 3, "{backoff:?}");
        assert_eq!(tree_ending(&case), "given up");
    }
}

fn tree_ending(case: &Case) -> String {
    let tree = case.tree("x.h5");
    tree.text("optimize/ending").unwrap().to_string()
}

#[test]
fn a_glassy_start_names_init() {
    let _alone = alone();
    let ring = RING.replace("parameters =", "init = 6.0\nparameters =");
    let case = Case::new(&format!(
        "{ring}[optimize]\nsteps = 40\nlearning_rate = 1e4\nmax_distance = 0\nshift = 0.01\n\
          max_backoffs = 2\n"
    ));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 70);
    let said = text(&out);
    assert!(said.contains("do not sample this state"), "{said}");
    let error = said.lines().find(|l| l.contains("error: ")).unwrap();
    assert!(error.contains("ansatz.init"), "{said}");
}

#[test]
fn a_fault_from_the_start_ends_with_70() {
    let _alone = alone();
    let (case, outcome) = flawed("ratio-nan", 0, usize::MAX >> 1, "steps = 100\n");
    assert_eq!(outcome.unwrap_err().exit_code(), 70);
    assert_finite(&case);
}

#[test]
fn a_fault_in_the_measurement_ends_with_70() {
    let _alone = alone();
    let (case, outcome) = flawed("ratio-nan", 10, usize::MAX >> 1, "steps = 10\n");
    let error = outcome.unwrap_err();
    assert_eq!(error.exit_code(), 70);
    assert!(error.to_string().contains("measurement"), "{error}");
    assert_finite(&case);
}

#[test]
fn ranks_take_the_same_decisions() {
    let _alone = alone();
    let more = "steps = 60\n";
    let (alone, _) = flawed("ratio-huge", 20, 22, more);
    let case = Case::new("");
    let outcomes = threads::run(3, |comm| flawed_in(comm, &case, "ratio-huge", 20, 22, more));
    assert!(
        outcomes.iter().all(|o| *o == Ok(Outcome::Finished)),
        "{outcomes:?}"
    );
    assert_eq!(column(&alone, "rejected"), column(&case, "rejected"));
    for (a, b) in column(&alone, "energy").iter().zip(column(&case, "energy")) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
}

#[test]
fn a_chain_that_cannot_move_is_drawn_anew() {
    let _alone = alone();
    // A seed that starts one of the chains in the trap.
    let basis = Basis::spin_half(6, None).unwrap();
    let start =
        |seed: u64, chain: u64| basis.random(&mut stream(seed, Purpose::Configurations, chain, 0));
    let trapped = |seed: &u64| (0..8).filter(|&c| down(&start(*seed, c)) == 6).count() == 1;
    let seed = (1..1000).find(trapped).unwrap();
    let case = Case::new("");
    let outcome = flawed_in(
        &Serial,
        &case,
        "isolated",
        seed as usize,
        usize::MAX >> 1,
        "steps = 60\n",
    );
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let still = column(&case, "still_chains");
    assert!(
        still[..20].iter().all(|&s| s >= 1.0),
        "the seed starts a chain in the trap: {still:?}"
    );
    assert!(still[20..].iter().all(|&s| s == 0.0), "{still:?}");
    assert_finite(&case);
}

#[test]
fn an_absurd_rate_is_cut_down_and_the_run_converges() {
    let _alone = alone();
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 150\nlearning_rate = 3.0\nmax_distance = 0\nshift = 0.01\n\
          [measure]\nsamples = 1024\n"
    ));
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("undone"), "{}", text(&out));
    assert!(column(&case, "rejected").contains(&3.0));
    let energy = case.info()["energy"]["mean"].as_f64().unwrap();
    assert!((energy + 12.7849).abs() < 0.3, "{energy}");
    assert_finite(&case);
}

#[test]
fn an_overflowing_rate_ends_with_70_once_on_any_number_of_ranks() {
    let _alone = alone();
    let ring = RING.replace("density = 1", "density = 1\ninit = 0.01");
    let case = Case::new(&format!(
        "{ring}[optimize]\nsteps = 50\nlearning_rate = 1e308\nmax_distance = 0\nshift = 0.01\n\
          max_backoffs = 4\n"
    ));
    for ranks in [0, 3] {
        let out = match ranks {
            0 => case.alone(&["run", "x.toml", "--fresh"]),
            n => case.ranks(n, &["run", "x.toml", "--fresh"]),
        };
        expect_code(&out, 70);
        assert_eq!(text(&out).matches("error: ").count(), 1, "{}", text(&out));
        assert_eq!(
            column(&case, "rejected")
                .iter()
                .filter(|&&r| r > 0.0)
                .count(),
            5
        );
        assert_finite(&case);
    }
    let steps = column(&case, "rejected").len();
    // The good state is there: a sane rate goes on from it, with the full rate.
    let out = case.alone(&["run", "x.toml", "--set", "optimize.learning_rate=0.05"]);
    expect_code(&out, 0);
    assert!(
        text(&out).contains(&format!("continuing from step {steps}")),
        "{}",
        text(&out)
    );
    assert!(column(&case, "backoff")[steps..].iter().all(|&b| b == 0.0));
}

#[test]
fn a_run_stopped_while_it_backs_off_goes_on_bit_for_bit() {
    let _alone = alone();
    for method in ["sr", "adam"] {
        let input = format!(
            "{RING}[optimize]\nsteps = 60\nmethod = \"{method}\"\nlearning_rate = 3.0\n\
              max_distance = 0\nshift = 0.01\n"
        );
        let (whole, parts) = (Case::new(&input), Case::new(&input));
        expect_code(&whole.alone(&["run", "x.toml"]), 0);
        for steps in [5, 13, 21, 34, 60] {
            expect_code(
                &parts.alone(&["run", "x.toml", "--set", &format!("optimize.steps={steps}")]),
                0,
            );
        }
        assert!(
            column(&whole, "backoff").iter().any(|&b| b > 0.0),
            "{method} never backed off"
        );
        for name in ["energy", "rejected", "backoff", "learning_rate"] {
            assert_eq!(
                column(&whole, name),
                column(&parts, name),
                "{method} {name}"
            );
        }
        let parameters = |case: &Case| case.present().reals("parameters").unwrap();
        assert_eq!(parameters(&whole), parameters(&parts), "{method}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_never_written() {
    let _alone = alone();
    let case = Case::new("");
    let path = case.path("a.h5");
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut tree = Tree::default();
        tree.put_reals("fine", &[1.0]);
        tree.put(
            "group/series",
            Value::Complex(nishina::io::tree::shaped(
                &[1],
                vec![Complex64::new(0.0, bad)],
            )),
        );
        let error = hdf5::write_atomic(&path, &tree).unwrap_err();
        assert_eq!(error.exit_code(), 70);
        assert!(error.to_string().contains("group/series"), "{error}");
        assert!(!path.exists());
    }
}

/// ⟨σ⟩ of the first site, and the undefined 0/0 below the name `ratio`.
struct Ratio {
    /// A dataset beside the quantities, not to be written where it is not finite.
    label: f64,
}

impl Observable for Ratio {
    fn columns(&self) -> usize {
        1
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        Ok(view.configurations().map(|x| f64::from(x[0])).collect())
    }
    fn quantities(&self) -> Vec<Quantity> {
        let of = |name: &'static str| Quantity {
            name,
            shape: vec![],
            unit: "1".into(),
            meaning: "of the first site".into(),
        };
        vec![of(""), of("ratio")]
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        vec![means[0], f64::NAN]
    }
    fn labels(&self) -> Vec<Label> {
        vec![Label {
            name: "label",
            shape: vec![1],
            values: vec![self.label],
            unit: "1",
            meaning: "a number",
        }]
    }
}

/// What is undefined is left out with the reason, and all else is there.
#[test]
fn side_quantities_that_are_undefined_are_left_out() {
    let _alone = alone();
    // An XX chain with all spins up has E = 0 = E_inf exactly: V-score 0/0.
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'xxz'\ndelta = 0.0\n\
         sector = { total_sz = 2 }\n[ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n\
         [measure]\nsamples = 1024\nobservables = ['magnetisation']\n",
    );
    let out = case.alone(&["run", "x.toml"]);
    expect_code(&out, 0);
    assert!(text(&out).contains("V-score undefined"), "{}", text(&out));
    let results = case.tree("x.h5");
    assert_eq!(results.real("measure/energy/mean"), Ok(0.0));
    assert_eq!(results.real("measure/energy/variance_error"), Ok(0.0));
    assert!(results.real("measure/energy/v_score").is_err());
    assert!(results.real("measure/energy/v_score_error").is_err());
    let covariance = results.reals("measure/energy/covariance").unwrap();
    assert_eq!(covariance, [0.0; 4]);
    let warnings = results.texts("status/warnings").unwrap().join("\n");
    assert!(warnings.contains("the V-score is left out"), "{warnings}");

    // A Hamiltonian that is diagonal: a bin may leave E_inf exactly.
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\n[ansatz]\n\
         kind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n[sampler]\nchains = 16\nsamples = 64\n\
         [measure]\nsamples = 256\n",
    );
    let mut without = 0;
    for seed in 1..=30 {
        let seed = format!("seed={seed}");
        expect_code(
            &case.alone(&["run", "x.toml", "--fresh", "--set", &seed]),
            0,
        );
        let results = case.tree("x.h5");
        assert!(results.real("measure/energy/error").unwrap() > 0.0);
        assert!(results.real("measure/energy/variance_error").is_ok());
        without += usize::from(results.real("measure/energy/v_score_error").is_err());
    }
    assert!(without > 0, "no seed met the case");
}

/// Runs a measurement of `Ratio`.
fn ratio(method: &str, label: f64) -> (Case, Result<Outcome>) {
    let case = Case::new("");
    let outcome = ratio_in(&case, method, label);
    (case, outcome)
}

/// The same in a folder where it may have run before.
fn ratio_in(case: &Case, method: &str, label: f64) -> Result<Outcome> {
    let folder = case.folder.path().display().to_string();
    let input = format!(
        "[lattice]\nkind = 'chain'\nsize = 4\n[hamiltonian]\nkind = 'ising'\nhx = 1\n\
         [ansatz]\nkind = 'rbm'\nsymmetry = 'none'\ndensity = 1\n[sampler]\nmethod = '{method}'\n\
         [measure]\nsamples = 1024\nobservables = ['first']\n\
         [output]\ndirectory = '{folder}'\nname = 'x'\n"
    );
    std::fs::write(case.path("x.toml"), input).unwrap();
    let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
    let build = match label.is_finite() {
        true => |_: &toml::Table, _: &ObservableContext| {
            Ok(Box::new(Ratio { label: 1.0 }) as Box<dyn Observable>)
        },
        false => |_: &toml::Table, _: &ObservableContext| {
            Ok(Box::new(Ratio { label: f64::NAN }) as Box<dyn Observable>)
        },
    };
    let mine = [ObservableEntry {
        kind: "first",
        build,
        schema: || serde_json::json!({}),
    }];
    let stop = Stop::unarmed();
    let options = Options {
        stop: &stop,
        fresh: false,
        registry: Registry {
            observables: Registry::default().observables.with(&mine),
            ..Registry::default()
        },
    };
    run(&source, &Serial, &options)
}

#[test]
fn a_quantity_that_is_undefined_leaves_the_rest_of_its_observable() {
    let _alone = alone();
    for method in ["metropolis", "full-sum"] {
        let (case, outcome) = ratio(method, 1.0);
        assert_eq!(outcome, Ok(Outcome::Finished));
        let results = case.tree("x.h5");
        let part = |name: &str| results.reals(&format!("measure/observables/first/{name}"));
        assert!(part("mean").is_ok() && part("error").is_ok() && part("label").is_ok());
        assert!(part("ratio/mean").is_err() && part("ratio/error").is_err());
        let warnings = results.texts("status/warnings").unwrap().join("\n");
        assert!(warnings.contains("first/ratio is left out"), "{warnings}");
    }
}

#[test]
fn a_dataset_that_cannot_be_written_costs_70_and_nothing_else() {
    let _alone = alone();
    let (case, outcome) = ratio("metropolis", f64::NAN);
    let error = outcome.unwrap_err();
    assert_eq!(error.exit_code(), 70);
    let path = "measure/observables/first/label";
    assert!(error.to_string().contains(path), "{error}");
    let results = case.tree("x.h5");
    assert!(results.real("measure/energy/mean").is_ok());
    assert!(results.real("measure/observables/first/mean").is_ok());
    assert!(!results.datasets.contains_key(path));
    let warnings = results.texts("status/warnings").unwrap().join("\n");
    assert!(warnings.contains(path), "{warnings}");
    assert_finite(&case);
    assert_eq!(case.tree("x.ckpt.h5").text("run/stage"), Ok("finished"));
    assert_eq!(results.texts("status/left_out"), Ok(&[path.into()][..]));
    // The finished run says it again, also where it has to write its results again.
    for lost in [false, true] {
        if lost {
            std::fs::remove_file(case.path("x.h5")).unwrap();
        }
        assert_eq!(ratio_in(&case, "metropolis", f64::NAN), Err(error.clone()));
        let results = case.tree("x.h5");
        assert_eq!(results.texts("status/left_out"), Ok(&[path.into()][..]));
        let warnings = results.texts("status/warnings").unwrap().join("\n");
        assert!(warnings.contains(path), "{warnings}");
        assert!(results.real("measure/energy/mean").is_ok());
    }
}
