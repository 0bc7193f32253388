//! Another crate registers a wave function of its own, runs it, and holds it to the public laws.

mod common;
use common::Case;
use ndarray::Array2;
use nishina::ansatz::{Ansatz, AnsatzEntry, AnsatzFacts, Asks, Block, Context, DOUBLE, Erased};
use nishina::basis::Basis;
use nishina::comm::Serial;
use nishina::derivatives::{Derivatives, Kind, Matrix};
use nishina::driver::observe::observe;
use nishina::driver::{Options, Outcome, run};
use nishina::ensemble::{Amplitudes, Ensemble, LocalValues, Noise, Request};
use nishina::error::{Error, Result};
use nishina::job::Stop;
use nishina::operator::Operator;
use nishina::registry::Registry;
use nishina::sampler::Counts;
use num_complex::Complex64;

/// Mean field: ln ψ = Σ_i a_i σ_i.
struct MeanField {
    fields: Vec<f64>,
    /// Scales the derivatives; 1 is right.
    fault: f64,
}

impl Ansatz for MeanField {
    type Batch = Vec<Vec<i8>>;
    type Scratch = ();
    fn sites(&self) -> usize {
        self.fields.len()
    }
    fn layout(&self) -> Vec<Block> {
        vec![Block {
            name: "a".into(),
            shape: vec![self.fields.len()],
            complex: false,
        }]
    }
    fn parameters(&self) -> Vec<f64> {
        self.fields.clone()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        if parameters.len() != self.fields.len() {
            return Err(Error::numerical(
                "wrong number of parameters",
                "give one per site",
            ));
        }
        self.fields.copy_from_slice(parameters);
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        AnsatzFacts {
            kind: Kind::Real,
            precision: DOUBLE,
            positive: true,
            bytes_per_walker: self.fields.len() + size_of::<Vec<i8>>(),
            operations: 20.0,
        }
    }
    fn batch(&self, xs: &[i8]) -> Self::Batch {
        xs.chunks(self.sites()).map(<[i8]>::to_vec).collect()
    }
    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        let log = |x: &Vec<i8>| {
            x.iter()
                .zip(&self.fields)
                .map(|(&s, a)| a * f64::from(s))
                .sum::<f64>()
        };
        batch.iter().map(|x| log(x).into()).collect()
    }
    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        _scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        for (k, (walker, step)) in asks.iter().enumerate() {
            let change: f64 = step
                .sites
                .iter()
                .map(|&s| -2.0 * self.fields[s as usize] * f64::from(batch[walker][s as usize]))
                .sum();
            out[k] = change.exp().into();
        }
    }
    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        _scratch: &mut Self::Scratch,
    ) {
        for (walker, step) in asks.taken(taken) {
            step.apply(&mut batch[walker]);
        }
    }
    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let spins = |(row, column): (usize, usize)| self.fault * f64::from(batch[row][column]);
        Derivatives::dense(
            Kind::Real,
            Matrix::Real(Array2::from_shape_fn((batch.len(), self.sites()), spins)),
        )
    }
}

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
    fn take_counts(&mut self) -> Counts {
        Counts::default()
    }
    fn chain_states(&self) -> &[i8] {
        &[]
    }
    fn set_chain_states(&mut self, _: &[i8]) -> Result<()> {
        Ok(())
    }
    fn load(&mut self, _: &[i8]) -> Result<()> {
        Ok(())
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
    let problem = nishina::problem::problem(&source, &Registry::default()).unwrap();
    let measured = |kind: &str| {
        let table = [("kind".to_string(), kind.into())].into_iter().collect();
        let list = [nishina::input::ObservableInput::Table(table)];
        let named = nishina::problem::observables(&source, &problem, &list, "list")?;
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
