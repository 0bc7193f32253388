//! Decides the shift by cross-validation: the one whose direction, found from one half of the
//! samples, predicts the residuals of the other half best.
//!
//! δ_A(λ) = (S_A + λ)⁻¹ F_A is worked out for a ladder of λ, and L(λ) = ‖ε_B − Ō_B δ_A(λ)‖² +
//! ‖ε_A − Ō_A δ_B(λ)‖² is compared. Where λ is too small, δ_A is a regression to the noise of its
//! half, and L grows; where it is too large, δ_A leaves out what both halves know. The best λ is
//! averaged over steps in its logarithm, and taken smaller, since a step has all samples and the
//! next steps average its noise. The slopes of a motion are found one by one, each with nothing
//! but its samples ([`alone`]) and the residuals that the motion has. (Ridge regression by
//! cross-validation: T. Hastie, R. Tibshirani, J. Friedman, The Elements of Statistical Learning
//! (2009), 7.10.)
//!
//! Where ψ has nodes, as pairs of fermions have, derivatives and local energies grow as 1/ψ towards
//! them. A few samples near nodes then dominate both halves, the smallest shift predicts best, and
//! its step takes the state many times further than √(δ^H S δ) says. Such a step had to be halved
//! more than once; from then on the shift is larger, and falls back slowly (as the parameter of
//! Levenberg and Marquardt does).
//!
//! Each half has one matrix, the smaller of S and T, which is factorised for a few shifts around
//! the present one.

use super::least_squares::LeastSquares;
use super::sample_space::{Meeting, project};
use super::{Residuals, Space, parameter_space, solve_on_root};
use crate::comm::Comm;
use crate::derivatives::{Kind, MatrixNumber};
use crate::error::Result;
use crate::io::tree::Tree;
use crate::linalg::dense::Lapack;
use crate::number::flatten;
use ndarray::Array2;
use num_complex::Complex64;

/// Rungs of the ladder for each power of ten.
const RUNGS: f64 = 2.0;
/// Rungs below and above the middle at first, around tr S/P.
const WIDE: (i64, i64) = (8, 6);
/// Rungs below and above tr S/P that are ever tried.
const RANGE: (i64, i64) = (12, 8);
/// Rungs to each side of the present shift later on.
const NEAR: i64 = 2;
/// Steps that are all cross-validated, and how often later ones are.
const FIRST: usize = 10;
const EVERY: usize = 5;
/// Factorisations of a half's matrix per step later on, in units of one.
pub const PER_STEP: f64 = (2 * (2 * NEAR + 1)) as f64 / EVERY as f64;
/// The same where nothing is known of the shift.
pub const WITHOUT_MEMORY: f64 = (2 * (WIDE.0 + WIDE.1 + 1)) as f64;
/// Least share of a new estimate in the average of ln λ, at first and later on.
const SHARES: (f64, f64) = (0.1, 0.4);
/// Samples of a half below which it says nothing.
const FEWEST: usize = 8;
/// Rows of the matrix of a half, at most; of more, every so many samples are taken.
const ROWS: usize = 4096;
/// What an estimate from one half is multiplied by. Half of the samples need twice the shift, and
/// steps of a small learning rate average the noise of some twenty-five of them.
const FACTOR: f64 = 0.02;
/// Halvings of a step from which on its direction is not trusted; the shift grows by a decade
/// there, and by one more for each further halving.
const TOO_FAR: usize = 2;
/// Decades that the shift grows by at most because of one step.
const DECADES: usize = 4;
/// By what the least shift falls in a step that was not too long.
const RELAXED: f64 = 0.98;
/// Full sums have no noise: λ = max(start × decay^step, end) tr S/P.
const EXACT: (f64, f64, f64) = (0.02, 0.97, 1e-6);

/// A shift that follows from the samples of the steps so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AutomaticShift {
    /// ln λ, averaged; none before the first step.
    log: Option<f64>,
    /// Steps so far.
    count: usize,
    /// Cross-validations so far.
    estimates: usize,
    /// The least shift, since steps went too far.
    least: f64,
}

impl AutomaticShift {
    /// The shift for the next step, the same on every rank.
    pub fn next(&mut self, data: &Residuals, comm: &dyn Comm) -> Result<f64> {
        let count = self.count;
        self.count += 1;
        if data.exact {
            let mean = mean_of_diagonal(&LeastSquares::new(data, true, comm)?, comm)?;
            let (start, decay, end) = EXACT;
            let shift = mean * (start * decay.powf(count as f64)).max(end);
            return Ok(shift.max(self.least));
        }
        if count < FIRST || count.is_multiple_of(EVERY) || self.log.is_none() {
            self.estimate(count, data, comm)?;
        }
        Ok((FACTOR * self.log.map_or(0.0, f64::exp)).max(self.least))
    }

    /// Takes note that the step with this shift had to be halved so often.
    pub fn halved(&mut self, halvings: usize, shift: f64) {
        self.least = match (halvings + 1).checked_sub(TOO_FAR) {
            None | Some(0) => RELAXED * self.least,
            Some(decades) => shift * 10f64.powi(decades.min(DECADES) as i32),
        };
    }

    fn estimate(&mut self, count: usize, data: &Residuals, comm: &dyn Comm) -> Result<()> {
        let Some(found) = found(self.log, data, comm)? else {
            if self.log.is_none() {
                self.log = Some(largest(data, comm)?.ln());
            }
            return Ok(());
        };
        self.estimates += 1;
        let least = if count < FIRST { SHARES.0 } else { SHARES.1 };
        let share = least.max(1.0 / self.estimates as f64);
        self.log = Some(match self.log {
            Some(log) if self.estimates > 1 => log + share * (found - log),
            _ => found,
        });
        Ok(())
    }

    /// Writes the average under `prefix`.
    pub fn save(&self, tree: &mut Tree, prefix: &str) {
        tree.put_integer(&format!("{prefix}/count"), self.count as i64);
        tree.put_integer(&format!("{prefix}/estimates"), self.estimates as i64);
        let log: Vec<f64> = self.log.into_iter().collect();
        tree.put_reals(&format!("{prefix}/log"), &log);
        tree.put_real(&format!("{prefix}/least"), self.least);
    }

    /// Reads it back.
    pub fn load(&mut self, tree: &Tree, prefix: &str) -> Result<()> {
        self.count = tree.count(&format!("{prefix}/count"))?;
        self.estimates = tree.count(&format!("{prefix}/estimates"))?;
        self.log = tree.reals(&format!("{prefix}/log"))?.first().copied();
        // Checkpoints of earlier versions have none.
        self.least = tree.real(&format!("{prefix}/least")).unwrap_or(0.0);
        Ok(())
    }
}

/// Of how many samples of a half, which has so many rows, one is taken.
fn thinning(columns: usize, rows: usize) -> usize {
    match columns > ROWS {
        true => rows.div_ceil(ROWS).max(1),
        false => 1,
    }
}

/// Order of the matrix of a half of so many rows of O: the smaller one of S and T.
pub(super) fn order_of_half(columns: usize, rows: usize) -> usize {
    let half = rows / 2;
    columns.min(half / thinning(columns, half)).max(1)
}

/// tr S/P
pub fn mean_of_diagonal(problem: &LeastSquares, comm: &dyn Comm) -> Result<f64> {
    let diagonal = problem.diagonal(comm)?;
    Ok(diagonal.iter().sum::<f64>() / diagonal.len().max(1) as f64)
}

/// The shift that half of these samples ask for, without a memory of others; the same on every
/// rank.
pub fn alone(data: &Residuals, comm: &dyn Comm) -> Result<f64> {
    match found(None, data, comm)? {
        Some(log) => Ok(log.exp()),
        None => largest(data, comm),
    }
}

/// ln λ of the best rung around the present one, of halves of the samples; none where there are
/// too few of them.
fn found(present: Option<f64>, data: &Residuals, comm: &dyn Comm) -> Result<Option<f64>> {
    match Halves::new(data, comm)? {
        Some(halves) => halves.best(present, comm),
        None => Ok(None),
    }
}

/// tr S/P of all samples, where halves say nothing.
fn largest(data: &Residuals, comm: &dyn Comm) -> Result<f64> {
    let whole = LeastSquares::new(data, true, comm)?;
    Ok(mean_of_diagonal(&whole, comm)?.max(f64::MIN_POSITIVE))
}

/// The samples of a step, cut in the middle of all ranks' samples.
struct Halves {
    halves: [LeastSquares; 2],
    /// tr S/P, the mean of both.
    scale: f64,
    /// Every so many samples are in them.
    thinning: f64,
}

impl Halves {
    /// None where there are too few samples.
    fn new(data: &Residuals, comm: &dyn Comm) -> Result<Option<Self>> {
        let own = data.weights.len();
        let mut counts = vec![0.0; comm.size()];
        counts[comm.rank()] = own as f64;
        comm.sum(&mut counts)?;
        let before = counts[..comm.rank()].iter().sum::<f64>() as usize;
        let middle = (counts.iter().sum::<f64>() / 2.0) as usize;
        if middle < FEWEST {
            return Ok(None);
        }
        let rows = middle * data.derivatives.kind.stack();
        let thinning = thinning(data.derivatives.columns(), rows);
        let chosen = (0..own).filter(|s| (before + s).is_multiple_of(thinning));
        let (first, second): (Vec<usize>, Vec<usize>) = chosen.partition(|s| before + s < middle);
        let halves = [part(data, &first, comm)?, part(data, &second, comm)?];
        let [a, b] = &halves;
        let scale = 0.5 * (mean_of_diagonal(a, comm)? + mean_of_diagonal(b, comm)?);
        let thinning = thinning as f64;
        Ok((scale > 0.0).then_some(Halves {
            halves,
            scale,
            thinning,
        }))
    }

    /// ln λ of the best rung; none where no rung could be solved.
    fn best(&self, present: Option<f64>, comm: &dyn Comm) -> Result<Option<f64>> {
        let rung = |log: f64| (RUNGS * log / std::f64::consts::LN_10).round() as i64;
        let (middle, below, above) = match present {
            None => (rung(self.scale.ln()), WIDE.0, WIDE.1),
            Some(log) => (rung(log + self.thinning.ln()), NEAR, NEAR),
        };
        let centre = rung(self.scale.ln());
        let (lowest, highest) = (centre - RANGE.0, centre + RANGE.1);
        let middle = middle.clamp(lowest + NEAR, highest - NEAR);
        let logs: Vec<f64> = (middle - below..=middle + above)
            .filter(|r| (lowest..=highest).contains(r))
            .map(|r| r as f64 * std::f64::consts::LN_10 / RUNGS)
            .collect();
        let shifts: Vec<f64> = logs.iter().map(|l| l.exp()).collect();
        let [a, b] = &self.halves;
        let mut losses = cross(a, b, &shifts, comm)?;
        for (mine, other) in losses.iter_mut().zip(cross(b, a, &shifts, comm)?) {
            *mine = mine.zip(other).map(|(a, b)| a + b);
        }
        Ok(choose(&losses).map(|k| logs[k] - self.thinning.ln()))
    }
}

/// Some samples of this rank, with weights that sum to 1 over all ranks.
fn part(data: &Residuals, samples: &[usize], comm: &dyn Comm) -> Result<LeastSquares> {
    let mut weights: Vec<f64> = samples.iter().map(|&s| data.weights[s]).collect();
    let mut total = [weights.iter().sum::<f64>()];
    comm.sum(&mut total)?;
    weights.iter_mut().for_each(|w| *w /= total[0]);
    let residual: Vec<Complex64> = samples.iter().map(|&s| data.residual[s]).collect();
    let data = Residuals {
        derivatives: &data.derivatives.select(samples),
        weights: &weights,
        residual: &residual,
        exact: false,
    };
    LeastSquares::new(&data, true, comm)
}

/// The rung of the least loss.
fn choose(losses: &[Option<f64>]) -> Option<usize> {
    let loss = |k: &usize| losses[*k].unwrap_or(f64::INFINITY);
    let solved = (0..losses.len()).filter(|k| loss(k).is_finite());
    solved.min_by(|a, b| loss(a).total_cmp(&loss(b)))
}

/// ‖ε − Ō δ(λ)‖² of `test` for every direction that follows from `fit`; none where it could not be
/// found. The same on every rank.
fn cross(
    fit: &LeastSquares,
    test: &LeastSquares,
    shifts: &[f64],
    comm: &dyn Comm,
) -> Result<Vec<Option<f64>>> {
    let mut losses = Vec::new();
    for direction in directions(fit, shifts, comm)? {
        let off = match &direction {
            None => vec![f64::NAN],
            Some(direction) => {
                let image = test.image(direction, comm)?;
                test.target.iter().zip(image).map(|(e, y)| e - y).collect()
            }
        };
        losses.push(off.iter().map(|e| e * e).sum::<f64>());
    }
    comm.sum(&mut losses)?;
    Ok(losses
        .into_iter()
        .map(|l| l.is_finite().then_some(l))
        .collect())
}

/// δ(λ) = (S + λ)⁻¹ F for every shift, flat; none where S + λ cannot be factorised.
fn directions(
    problem: &LeastSquares,
    shifts: &[f64],
    comm: &dyn Comm,
) -> Result<Vec<Option<Vec<f64>>>> {
    match problem.kind() {
        Kind::Holomorphic => directions_as::<Complex64>(problem, shifts, comm),
        _ => directions_as::<f64>(problem, shifts, comm),
    }
}

fn directions_as<T: Lapack + MatrixNumber>(
    problem: &LeastSquares,
    shifts: &[f64],
    comm: &dyn Comm,
) -> Result<Vec<Option<Vec<f64>>>> {
    let rows = problem.counts.iter().sum::<usize>() * problem.kind().stack();
    let space = match problem.derivatives.columns() <= rows {
        true => Space::Parameters,
        false => Space::Samples,
    };
    let solutions = match space {
        Space::Parameters => {
            let (metric, force) = parameter_space::assemble::<T>(problem, &problem.target, comm)?;
            let each = force.len() * T::PARTS;
            let on_root = || Ok((ladder(&metric, &force, shifts, |_| ()), [0.0; 2]));
            let (all, _) = solve_on_root(each * shifts.len(), comm, on_root)?;
            all.chunks_exact(each.max(1))
                .map(<[f64]>::to_vec)
                .collect::<Vec<_>>()
        }
        Space::Samples => in_sample_space::<T>(problem, shifts, comm)?,
    };
    let finite = |x: Vec<f64>| x.iter().all(|x| x.is_finite()).then_some(x);
    Ok(solutions.into_iter().map(finite).collect())
}

fn in_sample_space<T: Lapack + MatrixNumber>(
    problem: &LeastSquares,
    shifts: &[f64],
    comm: &dyn Comm,
) -> Result<Vec<Vec<f64>>> {
    let meeting = Meeting::<T>::new(problem, None, comm)?;
    let kernel = meeting.kernel(&problem.target, comm)?;
    let each = problem.counts.iter().sum::<usize>() * problem.kind().parts();
    let on_root = || {
        let Some(mut kernel) = kernel else {
            return Ok((Vec::new(), [0.0; 2]));
        };
        kernel.fill_null_space();
        let all = ladder(&kernel.matrix, &kernel.zeta, shifts, |x| {
            project(x, &kernel.roots)
        });
        Ok((all, [0.0; 2]))
    };
    let (all, _) = solve_on_root(each * shifts.len(), comm, on_root)?;
    let back = |x: &[f64]| meeting.pull_back(x, comm);
    all.chunks_exact(each.max(1)).map(back).collect()
}

/// (A + λ)⁻¹ f for every shift, one behind the other, for a Hermitian A given by its upper
/// triangle, and mended; not a number where A + λ cannot be factorised.
fn ladder<T: Lapack>(
    matrix: &Array2<T>,
    f: &[T],
    shifts: &[f64],
    mend: impl Fn(&mut [T]),
) -> Vec<f64> {
    let solve = |shift: &f64| {
        let mut shifted = matrix.clone();
        shifted
            .diag_mut()
            .iter_mut()
            .for_each(|d| *d += T::from_re(*shift));
        let mut x = f.to_vec();
        match T::factorise(&mut shifted).and_then(|()| T::solve_factorised(&shifted, &mut x)) {
            Ok(()) => {
                mend(&mut x);
                flatten(x)
            }
            Err(_) => vec![f64::NAN; f.len() * T::PARTS],
        }
    };
    shifts.iter().flat_map(solve).collect()
}

#[cfg(test)]
mod tests;
