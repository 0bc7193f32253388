//! Decides what every optimiser has to obey; public, so that optimisers of other crates can be held
//! to it.
//!
//! The samples are all configurations of a small system with a random Hamiltonian. The first
//! direction δ is one of descent: F·δ > 0, F = Ō^H ε. It is the same on 1, 2 and 3 ranks, to
//! rounding where they share the work and to the bit in the deterministic mode. n + m steps = n
//! steps, save, load, m steps.

use super::Verdict;
use crate::comm::{Comm, Serial, share, threads};
use crate::derivatives::{Columns, Derivatives, Kind, Matrix};
use crate::error::Result;
use crate::io::tree::Tree;
use crate::optimizer::{Direction, Objective, Optimizer, Residuals, deterministic};
use crate::rng::{Distribution, Purpose, StandardNormal, stream};
use ndarray::{Array2, Axis};
use num_complex::Complex64;
use std::sync::Arc;

const SAMPLES: usize = 24;
const SITES: usize = 5;
const HIDDEN: usize = 6;
/// Relative distance that directions on several ranks may have.
const TOLERANCE: f64 = 1e-8;
/// Steps before the state is saved, and steps after it.
const STEPS: (usize, usize) = (3, 3);

/// Makes the optimiser anew.
type Build<'a> = dyn Fn() -> Result<Box<dyn Optimizer>> + Sync + 'a;

/// Holds the optimiser that `build` makes to all laws, on a random problem with derivatives of
/// each kind. An iterative solver has to go on to rounding.
///
/// The error side names the law, the kind of the derivatives and what was found.
pub fn optimizer(build: &Build, seed: u64) -> Verdict {
    for kind in [Kind::Real, Kind::Stacked, Kind::Holomorphic] {
        let sample = Sample::random(kind, seed);
        let named = |e: String| format!("{e} ({kind:?})");
        descends(build, &sample).map_err(named)?;
        ranks_agree(build, &sample).map_err(named)?;
        resumes(build, &sample).map_err(named)?;
    }
    Ok(())
}

/// The samples of a random problem, or some of them.
struct Sample {
    derivatives: Derivatives,
    weights: Vec<f64>,
    residual: Vec<Complex64>,
    /// What the Hamiltonian makes of the derivatives.
    local: Matrix,
}

impl Sample {
    /// Derivatives as a machine of visible and hidden units has them.
    fn random(kind: Kind, seed: u64) -> Self {
        let mut rng = stream(seed, Purpose::Law, 2, 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let spins = Array2::from_shape_fn((SAMPLES, SITES), |_| normal().signum());
        let units = (SAMPLES, HIDDEN);
        let hidden = match kind {
            Kind::Real => Matrix::Real(Array2::from_shape_fn(units, |_| normal())),
            _ => Matrix::Complex(Array2::from_shape_fn(units, |_| {
                Complex64::new(normal(), normal())
            })),
        };
        let (spins, hidden) = (Arc::new(Matrix::Real(spins)), Arc::new(hidden));
        let blocks = vec![
            Columns::Dense(spins.clone()),
            Columns::Dense(hidden.clone()),
            Columns::Outer(spins, hidden),
        ];
        let counts: Vec<f64> = (0..SAMPLES).map(|s| 1.0 + (s % 3) as f64).collect();
        let total: f64 = counts.iter().sum();
        let derivatives = Derivatives::new(kind, SAMPLES, blocks);
        let weights: Vec<f64> = counts.iter().map(|c| c / total).collect();
        let random = Array2::from_shape_fn((SAMPLES, SAMPLES), |_| match kind {
            Kind::Real => normal().into(),
            _ => Complex64::new(normal(), normal()),
        });
        // H_xx' ψ(x')/ψ(x) with ψ = √w.
        let local = Array2::from_shape_fn((SAMPLES, SAMPLES), |(x, y)| {
            (random[(x, y)] + random[(y, x)].conj()) * (weights[y] / weights[x]).sqrt()
        });
        let (columns, written) = (derivatives.columns(), derivatives.written_out());
        let image = Array2::from_shape_fn((SAMPLES, columns), |(x, k)| match &written {
            Matrix::Real(o) => (0..SAMPLES).map(|y| local[(x, y)] * o[(y, k)]).sum(),
            Matrix::Complex(o) => (0..SAMPLES).map(|y| local[(x, y)] * o[(y, k)]).sum(),
            Matrix::Rounded(_) => unreachable!("what is written out has double precision"),
        });
        Sample {
            residual: local.rows().into_iter().map(|row| row.sum()).collect(),
            local: match kind {
                Kind::Real => Matrix::Real(image.mapv(|z: Complex64| z.re)),
                _ => Matrix::Complex(image),
            },
            derivatives,
            weights,
        }
    }
    /// What a rank has of it.
    fn part(&self, comm: &dyn Comm) -> Self {
        let own = share(SAMPLES, comm.rank(), comm.size());
        let samples: Vec<usize> = own.clone().collect();
        let local = match &self.local {
            Matrix::Real(rows) => Matrix::Real(rows.select(Axis(0), &samples)),
            Matrix::Complex(rows) => Matrix::Complex(rows.select(Axis(0), &samples)),
            Matrix::Rounded(_) => unreachable!("local derivatives have double precision"),
        };
        Sample {
            derivatives: self.derivatives.select(&samples),
            weights: self.weights[own.clone()].to_vec(),
            residual: self.residual[own].to_vec(),
            local,
        }
    }
    fn residuals(&self) -> Residuals<'_> {
        Residuals {
            derivatives: &self.derivatives,
            weights: &self.weights,
            residual: &self.residual,
            exact: false,
        }
    }
}

/// The direction of one step on one rank.
fn step(optimizer: &mut dyn Optimizer, sample: &Sample, step: usize) -> Result<Direction> {
    let data = sample.residuals();
    optimizer.direction(&Objective::Hamiltonian(&data, &sample.local), step, &Serial)
}

fn descends(build: &Build, sample: &Sample) -> Verdict {
    let slope = || -> Result<f64> {
        let data = sample.residuals();
        let force = Objective::LeastSquares(&data).gradient(&Serial)?;
        let update = step(&mut *build()?, sample, 0)?.update;
        Ok(force.iter().zip(&update).map(|(f, d)| f * d).sum())
    };
    match slope().map_err(|e| e.to_string())? {
        slope if slope > 0.0 => Ok(()),
        slope => Err(format!("descent: F·δ = {slope}")),
    }
}

fn ranks_agree(build: &Build, sample: &Sample) -> Verdict {
    let said = |e: crate::error::Error| e.to_string();
    let alone = step(&mut *build().map_err(said)?, sample, 0).map_err(said)?;
    for size in [1, 2, 3] {
        let found = threads::run(size, |comm| -> Result<(Direction, Direction)> {
            let own = sample.part(comm);
            let data = own.residuals();
            let objective = Objective::Hamiltonian(&data, &own.local);
            let shared = build()?.direction(&objective, 0, comm)?;
            let on_root = deterministic::direction(&mut *build()?, &objective, 0, comm)?;
            Ok((shared, on_root))
        });
        for (rank, found) in found.into_iter().enumerate() {
            let (shared, on_root) = found.map_err(said)?;
            let apart = distance(&shared.update, &alone.update);
            // Never where one is not a number.
            let is_near = apart <= TOLERANCE;
            if !is_near {
                return Err(format!("ranks: {apart:e} apart on rank {rank} of {size}"));
            }
            if on_root.update != alone.update {
                return Err(format!(
                    "deterministic: rank {rank} of {size} has other bits than one rank alone"
                ));
            }
        }
    }
    Ok(())
}

/// |a − b| / |b|
fn distance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let apart: f64 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
    (apart / b.iter().map(|y| y * y).sum::<f64>()).sqrt()
}

fn resumes(build: &Build, sample: &Sample) -> Verdict {
    let differs = || -> Result<Option<usize>> {
        let (mut whole, mut second, mut tree) = (build()?, build()?, Tree::default());
        for n in 0..STEPS.0 {
            step(&mut *whole, sample, n)?;
        }
        whole.save(&mut tree, "optimizer");
        second.load(&tree, "optimizer")?;
        for n in STEPS.0..STEPS.0 + STEPS.1 {
            if step(&mut *whole, sample, n)? != step(&mut *second, sample, n)? {
                return Ok(Some(n));
            }
        }
        Ok(None)
    };
    match differs().map_err(|e| e.to_string())? {
        None => Ok(()),
        Some(n) => Err(format!(
            "resume: step {n} differs after save and load at step {}",
            STEPS.0
        )),
    }
}
