//! Decides what every ensemble has to obey: its configurations lie in the basis and are weighted by
//! |ψ|², its answers are those of the wave function, and nothing depends on ranks or restarts.
//!
//! Σ_x w(x) = 1 over all ranks, w ≥ 0, those of |ψ|^p with the same bits on any number of them; the
//! share of each configuration is |ψ(x)|²/Σ|ψ|² within its error;
//! A_loc(x) = Σ_x' ⟨x|A|x'⟩ ψ(x')/ψ(x).

use super::{Verdict, is_close};
use crate::basis::{Asks, Basis, Move, Numbering, Step};
use crate::calculation::vmc::observe::observe;
use crate::comm::Serial;
use crate::ensemble::{Amplitudes, Ensemble, Request};
use crate::error::{Error, Result};
use crate::observable::{Named, Observable, Quantity, View};
use crate::operator::{Operator, local_values};
use crate::rng::Purpose;
use crate::stats::{all_streams, largest_log, stream_sums};
use num_complex::Complex64;

/// Standard errors that the share of a configuration may lie away from its weight.
const ERRORS: f64 = 6.0;
/// Kept samples of a stream whose shares are counted, and of one that is compared.
const COUNTED: usize = 1024;
const COMPARED: usize = 8;
/// Rows of an ensemble that are asked about.
const ASKED: usize = 12;
/// Questions about going on after which sampling is left.
const INTERRUPTED_AFTER: [usize; 3] = [0, 1, 5];

/// Makes the part of one rank of so many: `build(rank, ranks)`.
type Build<'a> = dyn Fn(usize, usize) -> Result<Box<dyn Ensemble>> + 'a;

/// What is known of an ensemble otherwise.
pub struct KnownState<'a> {
    /// The configurations: at most a few hundred.
    pub basis: &'a Basis,
    /// ln ψ of a configuration, up to a constant: |ψ|² is its weight.
    pub log_psi: &'a dyn Fn(&[i8]) -> Complex64,
    /// An operator on the basis, for local values.
    pub operator: &'a dyn Operator,
    /// Relative error of ψ.
    pub precision: f64,
}

/// Holds the ensemble that `build` makes to all laws.
///
/// The error side names the law and what was found.
pub fn ensemble(build: &Build, known: &KnownState) -> Verdict {
    let numbering = known.basis.numbering().map_err(said)?;
    rows_and_weights(build, known)?;
    shares(build, known, &numbering)?;
    restarts(build)?;
    let mut alone = build(0, 1).map_err(said)?;
    alone.sample(&request(0, COMPARED)).map_err(said)?;
    if let Some(psi) = alone.psi() {
        amplitudes(&*alone, psi, known, &numbering)?;
        values(&*alone, known)?;
    }
    Ok(())
}

fn said(error: Error) -> String {
    error.to_string()
}

fn request(step: u64, per_chain: usize) -> Request {
    Request {
        purpose: Purpose::Law,
        step,
        burn_in: if step == 0 { 50 } else { 0 },
        per_chain,
    }
}

/// The parts of all ranks.
fn parts(build: &Build, ranks: usize) -> std::result::Result<Vec<Box<dyn Ensemble>>, String> {
    let part = |rank| build(rank, ranks).map_err(said);
    (0..ranks).map(part).collect()
}

/// Lets weights that differ sum to 1 over all parts.
fn weigh(parts: &mut [Box<dyn Ensemble>]) {
    let logs = || {
        parts
            .iter()
            .filter_map(|p| Some((p.log_weights()?, p.noise())))
    };
    let top = logs().map(|(l, _)| largest_log(l)).fold(f64::MIN, f64::max);
    let sums = logs().flat_map(|(l, noise)| stream_sums(l, noise.streams().len(), top));
    let sums: Vec<_> = sums.collect();
    if !sums.is_empty() {
        let (norm, _) = all_streams(&sums, top);
        parts.iter_mut().for_each(|p| p.set_log_norm(norm));
    }
}

/// Samples every part and puts the rows one behind the other.
fn rows(
    parts: &mut [Box<dyn Ensemble>],
    request: &Request,
) -> std::result::Result<Vec<i8>, String> {
    for part in parts.iter_mut() {
        part.sample(request).map_err(said)?;
    }
    weigh(parts);
    let all = parts.iter().map(|part| part.configurations());
    Ok(all.collect::<Vec<_>>().concat())
}

/// On 1, 2 and 3 ranks: the same rows, in the basis, with weights ≥ 0 whose sum is 1.
fn rows_and_weights(build: &Build, known: &KnownState) -> Verdict {
    let mut whole = parts(build, 1)?;
    let alone = rows(&mut whole, &request(0, COMPARED))?;
    let n = known.basis.sites();
    if let Some(x) = alone.chunks(n).find(|x| !known.basis.contains(x)) {
        return Err(format!("rows: {x:?} lies outside the basis"));
    }
    for ranks in [1, 2, 3] {
        let mut all = parts(build, ranks)?;
        if rows(&mut all, &request(0, COMPARED))? != alone {
            return Err(format!("ranks: other rows on {ranks} ranks than on one"));
        }
        let weights = all.iter().flat_map(|part| part.weights());
        if whole[0].log_weights().is_some() && !weights.eq(whole[0].weights()) {
            return Err(format!("weights: other bits on {ranks} ranks than on one"));
        }
        let mut sum = 0.0;
        for part in &all {
            let (weights, count) = (part.weights(), part.configurations().len() / n);
            let streams = part.noise().streams().len();
            if weights.len() != count || (streams > 0 && count != streams * COMPARED) {
                return Err(format!("weights: {} of {count} rows", weights.len()));
            }
            if weights.iter().any(|w| w.is_nan() || *w < 0.0) {
                return Err("weights: one is negative or not a number".into());
            }
            sum += weights.iter().sum::<f64>();
        }
        let is_one = (sum - 1.0).abs() < 1e-12 * alone.len() as f64;
        if !is_one {
            return Err(format!("weights: their sum on {ranks} ranks is {sum}"));
        }
    }
    Ok(())
}

/// Whether a row is each of the configurations.
struct Shares(Numbering);

impl Observable for Shares {
    fn columns(&self) -> usize {
        self.0.dimension()
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let mut out = vec![0.0; view.rows.len() * self.columns()];
        for (row, x) in out
            .chunks_exact_mut(self.columns())
            .zip(view.configurations())
        {
            if let Some(k) = self.0.number(x) {
                row[k] = 1.0;
            }
        }
        Ok(out)
    }
    fn quantities(&self) -> Vec<Quantity> {
        Vec::new()
    }
}

/// |ψ|²/Σ|ψ|² of every configuration.
fn exact_weights(known: &KnownState, numbering: &Numbering) -> Vec<f64> {
    let logs = (0..numbering.dimension()).map(|k| (known.log_psi)(&numbering.row(k)).re);
    let logs: Vec<f64> = logs.collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|l| (2.0 * (l - largest)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// The share of every configuration is its weight, exactly or within its error.
fn shares(build: &Build, known: &KnownState, numbering: &Numbering) -> Verdict {
    let mut alone = build(0, 1).map_err(said)?;
    alone.sample(&request(0, COUNTED)).map_err(said)?;
    let (streams, is_exact) = (alone.noise().streams().len(), alone.noise().is_none());
    let list = [Named {
        name: "shares".into(),
        observable: Box::new(Shares(numbering.clone())),
    }];
    let found = observe(&Serial, &*alone, &list, COUNTED, streams).map_err(said)?;
    let found = found.first().ok_or("shares: nothing was measured")?;
    let mut weighted = vec![0.0; numbering.dimension()];
    let rows = alone.configurations().chunks_exact(known.basis.sites());
    for (x, w) in rows.zip(alone.weights()) {
        weighted[numbering.number(x).unwrap_or(0)] += w;
    }
    let samples = (streams * COUNTED).max(1) as f64;
    for (k, p) in exact_weights(known, numbering).into_iter().enumerate() {
        let (mean, error) = (found.mean[k], found.error[k]);
        if (mean - weighted[k]).abs() > 1e-12 * samples {
            return Err(format!(
                "shares: {mean} is not the sum {} of weights",
                weighted[k]
            ));
        }
        let noise = error.max((p * (1.0 - p) / samples).sqrt());
        let allowed = match is_exact {
            true => 1e-10 + 10.0 * known.precision,
            false => ERRORS * noise,
        };
        let near = (mean - p).abs() <= allowed;
        if !near {
            let x = numbering.row(k);
            return Err(format!(
                "shares: {x:?} has {mean} +- {error} instead of {p}"
            ));
        }
    }
    Ok(())
}

/// Saved and loaded on 1 or 2 ranks, or left and put back, an ensemble goes on with the same rows;
/// it refuses chains that are not its own.
fn restarts(build: &Build) -> Verdict {
    let (before, after) = (request(0, COMPARED), request(1, COMPARED));
    let mut whole = parts(build, 1)?;
    rows(&mut whole, &before)?;
    let saved = whole[0].chain_states().to_vec();
    let go_on = rows(&mut whole, &after)?;
    for ranks in [1, 2] {
        let mut again = parts(build, ranks)?;
        for part in &mut again {
            part.load(&saved).map_err(said)?;
        }
        if rows(&mut again, &after)? != go_on {
            return Err(format!("restart: other rows after a load on {ranks} ranks"));
        }
    }
    for asked in INTERRUPTED_AFTER {
        whole[0].set_chain_states(&saved).map_err(said)?;
        let left = std::cell::Cell::new(asked);
        let ask = || left.replace(left.get().saturating_sub(1)) > 0;
        match whole[0].sample_while(&after, &ask) {
            Ok(()) | Err(Error::Interrupted) => {}
            Err(other) => return Err(format!("interrupted: {other}")),
        }
        whole[0].set_chain_states(&saved).map_err(said)?;
        if rows(&mut whole, &after)? != go_on {
            return Err("interrupted: other rows once it was put back".into());
        }
    }
    match saved.is_empty() || whole[0].set_chain_states(&saved[1..]).is_err() {
        true => Ok(()),
        false => Err("restart: it takes chains that are not its own".into()),
    }
}

/// ln ψ, ratios, derivatives and all amplitudes are those of the wave function.
fn amplitudes(
    alone: &dyn Ensemble,
    psi: &dyn Amplitudes,
    known: &KnownState,
    numbering: &Numbering,
) -> Verdict {
    let (n, tolerance) = (known.basis.sites(), 100.0 * known.precision);
    let configurations = alone.configurations();
    let (mine, again) = (psi.log_psi(), psi.log_psi_of(configurations));
    let first = configurations.chunks_exact(n).next();
    let shift = first.map_or(Complex64::ZERO, |x| again[0] - (known.log_psi)(x));
    let known_log = |x: &[i8]| (known.log_psi)(x) + shift;
    for ((x, a), b) in configurations.chunks_exact(n).zip(mine).zip(&again) {
        let quotients = [(a - b).exp(), (known_log(x) - b).exp()];
        if !quotients
            .iter()
            .all(|q| is_close(*q, Complex64::ONE, tolerance))
        {
            return Err(format!(
                "amplitudes: ln ψ is {a}, {b} and {} at {x:?}",
                known_log(x)
            ));
        }
    }
    if psi.derivatives().samples() != mine.len() {
        return Err(format!(
            "amplitudes: derivatives of {} rows",
            psi.derivatives().samples()
        ));
    }
    if let Some((index, all)) = psi.all() {
        let reference = known_log(&index.row(0));
        for (k, a) in all.iter().enumerate() {
            let wanted = (known_log(&index.row(k)) - reference).exp();
            if index.dimension() != numbering.dimension()
                || !is_close(a / all[0], wanted, tolerance)
            {
                return Err(format!(
                    "amplitudes: number {k} is not {wanted} of the first"
                ));
            }
        }
    }
    ratios(alone, psi, known, tolerance)
}

/// Every change of one site or of two from some rows: the quotient in the basis, 0 and ln ψ = −∞
/// outside.
fn ratios(
    alone: &dyn Ensemble,
    psi: &dyn Amplitudes,
    known: &KnownState,
    tolerance: f64,
) -> Verdict {
    let basis = known.basis;
    let (mut asks, mut wanted, mut reached) = (Asks::default(), Vec::new(), Vec::new());
    let rows = alone.configurations().chunks_exact(basis.sites());
    let values = |site: usize| {
        let local = basis.locals()[site];
        (0..local.count as usize).map(move |v| local.value(v))
    };
    let mut step = Step::default();
    for (row, x) in rows.take(ASKED).enumerate() {
        let own = (known.log_psi)(x);
        for i in 0..x.len() {
            let j = (i + 1) % x.len();
            for (a, b) in values(i).flat_map(|a| values(j).map(move |b| (a, b))) {
                step.clear();
                let changes = [(i, a), (j, b)].into_iter().filter(|&(s, v)| v != x[s]);
                changes.for_each(|(site, value)| step.set(site as u32, value));
                if i == j || step.get().is_empty() {
                    continue;
                }
                let to = step.get().applied(x);
                asks.push(row, step.get());
                wanted.push(match basis.contains(&to) {
                    true => ((known.log_psi)(&to) - own).exp(),
                    false => Complex64::ZERO,
                });
                reached.extend(to);
            }
        }
    }
    for (((row, step), found), wanted) in asks.iter().zip(psi.ratios(&asks)).zip(&wanted) {
        if !is_close(found, *wanted, tolerance) {
            return Err(format!(
                "ratios: {found} instead of {wanted}, {step:?} of row {row}"
            ));
        }
    }
    let logs = psi.log_psi_of(&reached);
    for (log, x) in logs.iter().zip(reached.chunks_exact(basis.sites())) {
        if !basis.contains(x) && log.re != f64::NEG_INFINITY {
            return Err(format!("ratios: ln ψ is {log} at {x:?} outside the basis"));
        }
    }
    Ok(())
}

/// Local values are sums of elements and quotients.
fn values(alone: &dyn Ensemble, known: &KnownState) -> Verdict {
    let (n, xs) = (known.basis.sites(), alone.configurations());
    let found = alone.local_values(known.operator).map_err(said)?;
    let quotient = |walker: usize, step: Move| {
        let x = &xs[walker * n..(walker + 1) * n];
        let to = step.applied(x);
        match known.basis.contains(&to) {
            true => ((known.log_psi)(&to) - (known.log_psi)(x)).exp(),
            false => Complex64::ZERO,
        }
    };
    let wanted = local_values(known.operator, xs, n, 0, |asks, out| {
        out.clear();
        out.extend(asks.iter().map(|(walker, step)| quotient(walker, step)));
    });
    if found.values.len() != wanted.len() {
        return Err(format!(
            "local values: {} of {}",
            found.values.len(),
            wanted.len()
        ));
    }
    let off = |(a, b): &(&Complex64, &Complex64)| !is_close(**a, **b, 100.0 * known.precision);
    match found.values.iter().zip(&wanted).find(off) {
        None => Ok(()),
        Some((a, b)) => Err(format!("local values: {a} instead of {b}")),
    }
}
