//! Decides what every observable has to obey: its values have the declared shapes, they do not
//! depend on how samples are cut into parts or shared by ranks, a full sum gives the expectation
//! value, and samples agree with the full sum.
//!
//! ⟨A⟩ = Σ_x w(x) A_loc(x), w = |ψ|²/Σ|ψ|², in a random state ψ without zeros; of an observable of
//! pairs Σ_{x,y} w(x) w(y) A_loc(x, y). Samples are those of |ψ|² and of |ψ|.

use super::Verdict;
use crate::ansatz::Erased;
use crate::ansatz::table::Table;
use crate::basis::{Basis, Step};
use crate::calculation::vmc::observe::observe;
use crate::calculation::vmc::weigh;
use crate::comm::{Comm, Serial, share, threads};
use crate::ensemble::{ChainSettings, Chains, Ensemble, FullSum, Request};
use crate::error::{Error, Result};
use crate::observable::{Named, Observable, View};
use crate::rng::{Generator, Purpose, RngExt, stream};
use crate::sampler::{Mixture, Reach, Rule, RuleContext, RuleEntry, named};
use crate::stats::Summary;
use crate::table::Shelf;
use num_complex::Complex64;
use std::collections::BTreeSet;

/// Relative difference of numbers that are the same up to rounding.
const TOLERANCE: f64 = 1e-9;
/// Standard errors that samples may lie away from the full sum.
const ERRORS: f64 = 6.0;
/// Chains over all ranks, and samples of each.
const CHAINS: usize = 16;
const PER_CHAIN: usize = 256;
/// Powers of |ψ| that are sampled.
const POWERS: [f64; 2] = [2.0, 1.0];
/// Samples of a chain whose values are taken in parts.
const CUT: usize = 7;

/// Makes the observable anew.
type Build<'a> = dyn Fn() -> Result<Box<dyn Observable>> + Sync + 'a;
/// Values that are known otherwise, of a state whose amplitudes stand in the order of
/// [`Basis::numbering`]: all quantities one after the other, or the first ones.
type Expected<'a> = dyn Fn(&[Complex64]) -> Vec<f64> + 'a;

/// Holds the observable that `build` makes to all laws on a small basis; `expected` are values that
/// are known otherwise, such as expectation values of matrices.
///
/// The error side names the law and what was found.
pub fn observable(build: &Build, basis: &Basis, expected: &Expected, seed: u64) -> Verdict {
    let psi = state(basis, seed).map_err(said)?;
    let subject = Subject {
        observable: build().map_err(said)?,
        basis,
        psi,
        seed,
    };
    let exact = subject.full_sum()?;
    subject.shapes(&exact)?;
    subject.is_expected(&exact, &expected(&subject.psi))?;
    if subject.observable.needs_all_amplitudes() {
        return subject.refuses_samples();
    }
    subject.cuts()?;
    POWERS
        .into_iter()
        .try_for_each(|power| subject.samples(build, &exact, power))
}

/// Holds the error with which an observable refuses a basis to naming its place in the input, a
/// problem and a remedy.
pub fn refusal(error: &Error, path: &str) -> Verdict {
    match error {
        Error::Input {
            key,
            problem,
            remedy,
        } if key.starts_with(path) && !problem.is_empty() && !remedy.is_empty() => Ok(()),
        other => Err(format!(
            "refusal: \"{other}\" says no place, problem or remedy"
        )),
    }
}

fn said(error: Error) -> String {
    error.to_string()
}

/// Random amplitudes of modulus 0.4 to 1.6.
fn state(basis: &Basis, seed: u64) -> Result<Vec<Complex64>> {
    let mut rng = stream(seed, Purpose::Law, 3, 0);
    let dimension = basis.numbering()?.dimension();
    let mut amplitude = |_| {
        let modulus = 0.4 + 1.2 * rng.random::<f64>();
        Complex64::from_polar(modulus, std::f64::consts::TAU * rng.random::<f64>())
    };
    Ok((0..dimension).map(&mut amplitude).collect())
}

fn request(per_chain: usize) -> Request {
    Request {
        purpose: Purpose::Law,
        step: 0,
        burn_in: 20,
        per_chain,
    }
}

/// The observable and the state that it is measured in.
struct Subject<'a> {
    observable: Box<dyn Observable>,
    basis: &'a Basis,
    psi: Vec<Complex64>,
    seed: u64,
}

impl Subject<'_> {
    fn table(&self) -> Result<Erased> {
        let table = Table::<Complex64>::from_amplitudes(self.basis, &self.psi)?;
        Ok(Erased::new(table))
    }

    /// Samples of the chains of one rank, from moves to any configuration.
    fn sampled(&self, comm: &dyn Comm, per_chain: usize, power: f64) -> Result<Chains> {
        let pairs: Vec<_> = (1..self.basis.sites() as u32).map(|j| (j - 1, j)).collect();
        let context = RuleContext {
            basis: self.basis,
            pairs: &pairs,
            neighbours: &[],
        };
        let settings = ChainSettings {
            basis: self.basis.clone(),
            mixture: Mixture::new(&[named("anywhere")], &context, Shelf::new(&[ANYWHERE]))?,
            seed: self.seed,
            number: 0,
            chains: share(CHAINS, comm.rank(), comm.size()),
            total_chains: CHAINS,
            sweeps: 2,
            starts: Vec::new(),
            powers: vec![power],
        };
        let mut chains = Chains::new(self.table()?, settings)?;
        chains.sample(&request(per_chain))?;
        weigh(&mut chains, comm)?;
        Ok(chains)
    }

    /// All quantities from every configuration, by local values and by all amplitudes alike.
    fn full_sum(&self) -> std::result::Result<Vec<f64>, String> {
        let sum = || -> Result<FullSum> {
            let mut sum = FullSum::new(self.table()?, self.basis, |states| 0..states)?;
            sum.sample(&request(0))?;
            Ok(sum)
        };
        let sum = sum().map_err(said)?;
        let by_values = self.averaged(&sum)?;
        let by_amplitudes = self.observable.full_sum(&sum).map_err(said)?;
        let by_amplitudes = by_amplitudes.map(|means| self.observable.evaluate(&means));
        match (by_values, by_amplitudes) {
            (Some(a), Some(b)) => same(&a, &b, "full sum: local values and amplitudes").map(|()| b),
            (None, Some(b)) => Ok(b),
            (Some(a), None) => Ok(a),
            (None, None) => Err("full sum: it draws numbers and has no sum over amplitudes".into()),
        }
    }

    /// The same from averages of local values; `None` where they draw numbers of their own, and
    /// where there are none.
    fn averaged(&self, sum: &FullSum) -> std::result::Result<Option<Vec<f64>>, String> {
        if self.observable.needs_all_amplitudes() {
            return Ok(None);
        }
        let (n, rows) = (self.basis.sites(), sum.weights().len());
        let partners: Vec<&[i8]> = match self.observable.needs_partners() {
            true => sum.configurations().chunks_exact(n).collect(),
            false => vec![&[]],
        };
        let columns = self.observable.columns();
        let mut means = vec![0.0; columns];
        for (k, partner) in partners.iter().enumerate() {
            let weight = match partner.is_empty() {
                true => 1.0,
                false => sum.weights()[k],
            };
            let others = partner.repeat(rows);
            let values = self.values(sum, 0..rows, &others, 0)?;
            if k == 0 && values != self.values(sum, 0..rows, &others, 1)? {
                return Ok(None);
            }
            for (w, row) in sum.weights().iter().zip(values.chunks_exact(columns)) {
                (means.iter_mut().zip(row)).for_each(|(m, x)| *m += weight * w * x);
            }
        }
        Ok(Some(self.observable.evaluate(&means)))
    }

    /// Local values of some rows, which are those of chain `chain` from `rows.start` on.
    fn values(
        &self,
        ensemble: &dyn Ensemble,
        rows: std::ops::Range<usize>,
        partners: &[i8],
        chain: usize,
    ) -> std::result::Result<Vec<f64>, String> {
        let (count, first) = (rows.len() * self.observable.columns(), rows.start);
        let view = View::new(ensemble, rows, partners).at(chain, first);
        let values = self.observable.local_values(&view).map_err(said)?;
        match values.len() == count && values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(format!(
                "shape: {} local values instead of {count}, or some that are not finite",
                values.len()
            )),
        }
    }

    fn shapes(&self, values: &[f64]) -> Verdict {
        let (quantities, labels) = (self.observable.quantities(), self.observable.labels());
        let declared: usize = quantities.iter().map(|q| q.entries()).sum();
        if declared != values.len() {
            return Err(format!("shape: {} of {declared} values", values.len()));
        }
        let wrong = |l: &&crate::observable::Label| {
            l.values.len() != l.shape.iter().product::<usize>()
                || l.values.iter().any(|v| !v.is_finite())
        };
        if let Some(label) = labels.iter().find(wrong) {
            return Err(format!("shape: the label {} is not its shape", label.name));
        }
        let names = quantities.iter().map(|q| q.name);
        let names: Vec<_> = names.chain(labels.iter().map(|l| l.name)).collect();
        match names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            true => Ok(()),
            false => Err(format!("shape: two of {names:?} have one name")),
        }
    }

    /// What needs all amplitudes refuses samples of a table with a problem and a remedy.
    fn refuses_samples(&self) -> Verdict {
        let samples = self.sampled(&Serial, CUT, POWERS[0]).map_err(said)?;
        match self
            .observable
            .local_values(&View::new(&samples, 0..CUT, &[]))
        {
            Ok(_) => Err("samples: values that need all amplitudes come from samples".into()),
            Err(error) => refusal(&error, "measure.observables"),
        }
    }

    fn is_expected(&self, found: &[f64], wanted: &[f64]) -> Verdict {
        if wanted.len() > found.len() {
            return Err(format!("expected: {} values", found.len()));
        }
        same(&found[..wanted.len()], wanted, "expected")
    }

    /// The values of a chain in two parts are those of the whole; what draws numbers gives the same
    /// for the same place.
    fn cuts(&self) -> Verdict {
        let samples = self.sampled(&Serial, 2 * CUT, POWERS[0]).map_err(said)?;
        let n = self.basis.sites();
        let (whole, others) = (0..2 * CUT, samples.configurations().to_vec());
        let others = &others[2 * CUT * n..4 * CUT * n];
        let values = |rows: std::ops::Range<usize>, chain| {
            let partners = others[rows.start * n..rows.end * n].to_vec();
            self.values(&samples, rows, &partners, chain)
        };
        let all = values(whole.clone(), 0)?;
        if all != values(whole.clone(), 0)? {
            return Err("place: the same place gives other values".into());
        }
        let draws = all != values(whole, 1)?;
        let parts = [values(0..CUT, 0)?, values(CUT..2 * CUT, 0)?].concat();
        match draws || all == parts {
            true => Ok(()),
            false => Err("cut: the values depend on how the samples are cut".into()),
        }
    }

    /// Samples on several ranks give the bits of one rank, and agree with the full sum.
    fn samples(&self, build: &Build, exact: &[f64], power: f64) -> Verdict {
        let on = |ranks: usize| -> Result<Summary> {
            let all = threads::run(ranks, |comm| -> Result<Vec<Summary>> {
                let samples = self.sampled(comm, PER_CHAIN, power)?;
                let list = [Named {
                    name: "law".into(),
                    observable: build()?,
                }];
                observe(comm, &samples, &list, PER_CHAIN, CHAINS)
            });
            let mut on_root = all.into_iter().next().unwrap_or(Ok(Vec::new()))?;
            Ok(on_root.pop().unwrap_or_default())
        };
        let alone = on(1).map_err(said)?;
        for ranks in [2, 3] {
            if on(ranks).map_err(said)? != alone {
                return Err(format!("ranks: {ranks} ranks give other bits than one"));
            }
        }
        for (k, ((mean, error), wanted)) in
            (alone.mean.iter().zip(&alone.error).zip(exact)).enumerate()
        {
            let near = error.is_finite()
                && (mean - wanted).abs() <= ERRORS * error + TOLERANCE * (1.0 + wanted.abs());
            if !near {
                return Err(format!(
                    "samples of |psi|^{power}: value {k} is {mean} +- {error}, the full sum gives \
                     {wanted}"
                ));
            }
        }
        Ok(())
    }
}

/// Never where one is not a number.
fn same(found: &[f64], wanted: &[f64], law: &str) -> Verdict {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE * (1.0 + b.abs());
    if found.len() != wanted.len() {
        return Err(format!(
            "{law}: {} values and {}",
            found.len(),
            wanted.len()
        ));
    }
    match found.iter().zip(wanted).position(|pair| !close(pair)) {
        None => Ok(()),
        Some(k) => Err(format!(
            "{law}: value {k} is {} instead of {}",
            found[k], wanted[k]
        )),
    }
}

/// Moves to any configuration, each as likely.
const ANYWHERE: RuleEntry = RuleEntry {
    kind: "anywhere",
    build: |_, context| {
        Ok(Box::new(Anywhere {
            basis: context.basis.clone(),
            pairs: context.pairs.to_vec(),
        }))
    },
    schema: || crate::table::no_keys("Moves to any configuration, each as likely."),
};

struct Anywhere {
    basis: Basis,
    pairs: Vec<(u32, u32)>,
}

impl Rule for Anywhere {
    fn propose(&self, x: &[i8], rng: &mut Generator, step: &mut Step) -> Option<f64> {
        let to = self.basis.random(rng);
        let changed = (0u32..)
            .zip(x.iter().zip(to))
            .filter(|(_, (a, b))| **a != *b);
        changed.for_each(|(site, (_, b))| step.set(site, b));
        (!step.get().is_empty()).then_some(0.0)
    }
    fn changes(&self) -> &[&'static str] {
        &[]
    }
    fn carries(&self) -> Reach<'_> {
        match self.basis.charges().is_empty() {
            true => Reach::Values,
            false => Reach::Transfer(&self.pairs),
        }
    }
}
