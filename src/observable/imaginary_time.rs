//! Decides the correlations in imaginary time of a state that [construct] has made, and the gap
//! that they decay with.
//!
//! With A_q = Σ_j e^{−iq·r_j} o^z_j/√N and δA = A − ⟨A⟩ for each site j and each momentum q
//! ```text
//! C_j(τ) = ⟨δo^z_j(τ) δo^z_j(0)⟩,   C_q(τ) = Re ⟨δA_q⁺(τ) δA_q(0)⟩
//! Δ(τ) = ln(C(τ)/C(τ + δ))/δ
//! ```
//! Where both times are far from the ends of the circuit, C_q(τ) = Σ_n |⟨n|A_q|0⟩|² e^{−τ(E_n −
//! E_0)}, and Δ_q falls to the gap of states of momentum q.

use super::momenta::MomentumList;
use super::{Label, Observable, ObservableContext, Quantity, View, quantity, schema_of};
use crate::ansatz::dbm::TimeSeries;
use crate::ensemble::Ensemble;
use crate::error::{Error, Result};
use crate::worldlines::correlations::{correlations, gap};
use num_complex::Complex64;
use serde::Deserialize;

/// Largest number of columns, and of weights of momenta.
const LARGEST: usize = 1 << 18;
/// Times behind the first one where `every` is not given, at most.
const TIMES: usize = 40;

/// Correlations of o^z in imaginary time behind [construct], and the gaps that they decay with.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Longest time in 1/energy, at most construct.time; a quarter of it by default.
    time: Option<f64>,
    /// Trotter steps from one time to the next; by default so many that there are at most 40 times.
    every: Option<usize>,
    /// List of momenta, one number per direction in units of 2 pi per lattice vector; all of a
    /// periodic lattice by default, none elsewhere.
    momenta: Option<Vec<Vec<f64>>>,
}

pub(super) fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}

struct ImaginaryTimeCorrelations {
    sites: usize,
    momenta: Option<MomentumList>,
    /// e^{−iq·r_j}/√N, momentum by momentum.
    waves: Vec<Vec<Complex64>>,
    series: TimeSeries,
    /// Time from one to the next.
    spacing: f64,
    factor: f64,
    unit: String,
}

/// Refuses a wave function without imaginary time.
fn no_circuit(path: &str) -> Error {
    Error::input(
        path,
        "correlations in imaginary time are those of a circuit, and there is none",
        "add [construct] with ansatz.kind = \"dbm\", or remove this observable",
    )
}

pub(super) fn build(
    table: &toml::Table,
    context: &ObservableContext,
) -> Result<Box<dyn Observable>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    let (steps, step) = context.circuit.ok_or_else(|| no_circuit(&context.path))?;
    context.need_spin_half("imaginary-time-correlations")?;
    let series = series(&keys, steps, step, context)?;
    let (sites, n) = (context.lattice.sites, context.lattice.sites as f64);
    let momenta = match (&keys.momenta, translations(context)) {
        (None, false) => None,
        _ => Some(MomentumList::new(keys.momenta, context)?),
    };
    let list = momenta
        .iter()
        .flat_map(|m| m.list.iter().map(move |q| (m, q)));
    let wave = |(m, q): (&MomentumList, &[f64; 3])| -> Vec<Complex64> {
        let of = |site| Complex64::cis(-m.phase(q, site)) / n.sqrt();
        (0..sites).map(of).collect()
    };
    let count = momenta.as_ref().map_or(0, |m| m.list.len());
    if count * sites.max(series.count + 1) > LARGEST {
        return Err(Error::input(
            format!("{}.momenta", context.path),
            format!(
                "{count} momenta of {sites} sites at {} times",
                series.count + 1
            ),
            "give a list of some momenta",
        ));
    }
    let waves = list.map(wave).collect();
    Ok(Box::new(ImaginaryTimeCorrelations {
        sites,
        momenta,
        waves,
        spacing: series.every as f64 * step,
        series,
        factor: context.factor(2),
        unit: context.unit(2),
    }))
}

/// Whether the lattice has momenta that are conserved.
fn translations(context: &ObservableContext) -> bool {
    let (lattice, dimensions) = (context.lattice, context.lattice.dimensions());
    !lattice.is_graph() && lattice.periodic()[..dimensions].iter().all(|p| *p)
}

/// The times of the keys in steps.
fn series(keys: &Keys, steps: usize, step: f64, context: &ObservableContext) -> Result<TimeSeries> {
    let key = |name: &str| format!("{}.{name}", context.path);
    let longest = match keys.time {
        None => (steps / 4).max(1),
        Some(time) if time > 0.0 => (time / step * (1.0 + 1e-12)).floor() as usize,
        Some(_) => 0,
    };
    if longest == 0 || longest > steps {
        return Err(Error::input(
            key("time"),
            format!("{longest} steps of the {steps} of the circuit"),
            "use construct.step up to construct.time; a quarter of it keeps away from the ends",
        ));
    }
    let every = keys.every.unwrap_or(longest.div_ceil(TIMES));
    if every == 0 || every > longest {
        return Err(Error::input(
            key("every"),
            format!("{every} of {longest} steps"),
            "use 1 up to the steps in `time`",
        ));
    }
    let count = longest / every;
    Ok(TimeSeries {
        reach: count * every,
        every,
        count,
    })
}

impl ImaginaryTimeCorrelations {
    /// Rows of the correlations: the sites, and each momentum.
    fn rows(&self) -> usize {
        1 + self.waves.len()
    }

    /// C without the square of the mean, of the sites and of each momentum, from the columns.
    fn connected(&self, means: &[f64]) -> Vec<Vec<f64>> {
        let (spins, rest) = means.split_at(self.sites);
        let of_sites = spins.iter().map(|s| s * s).sum::<f64>() / self.sites as f64;
        let of_wave = |wave: &Vec<Complex64>| -> f64 {
            let each = wave.iter().zip(spins).map(|(w, s)| w * s);
            each.sum::<Complex64>().norm_sqr()
        };
        let squares = std::iter::once(of_sites).chain(self.waves.iter().map(of_wave));
        let rows = rest.chunks(self.series.count + 1).zip(squares);
        rows.map(|(row, square)| row.iter().map(|c| c - square).collect())
            .collect()
    }

    /// Of the row with the largest correlation at the longest time, over its second half.
    fn gap(&self, rows: &[Vec<f64>]) -> f64 {
        let last = self.series.count;
        let first = last / 2;
        // The sum over all momenta says no more than the slowest of them.
        let start = usize::from(rows.len() > 1);
        let late = |row: &&Vec<f64>| row[last];
        let slowest = rows[start..]
            .iter()
            .max_by(|a, b| late(a).total_cmp(&late(b)));
        let time = (last - first) as f64 * self.spacing;
        slowest.map_or(0.0, |row| gap(row, (first, last), time))
    }
}

impl Observable for ImaginaryTimeCorrelations {
    fn columns(&self) -> usize {
        self.sites + self.rows() * (self.series.count + 1)
    }
    fn local_values(&self, view: &View) -> Result<Vec<f64>> {
        let all = view.ensemble.times();
        let rows = view.ensemble.weights().len().max(1);
        let slices = all.len() / rows / self.sites;
        let wanted = 2 * self.series.reach + 1;
        let Some(skipped) = slices.checked_sub(wanted) else {
            return Err(no_circuit("measure.observables"));
        };
        let mut out = Vec::with_capacity(view.rows.len() * self.columns());
        let mut values = vec![Complex64::ZERO; wanted];
        for row in view.rows.clone() {
            let first = (row * slices + skipped / 2) * self.sites;
            let window = &all[first..first + wanted * self.sites];
            let start = out.len();
            out.resize(start + self.sites + self.series.count + 1, 0.0);
            let (spins, local) = out[start..].split_at_mut(self.sites);
            for (site, spin) in spins.iter_mut().enumerate() {
                let times = window[site..].iter().step_by(self.sites);
                let each = values.iter_mut().zip(times);
                each.for_each(|(value, s)| *value = f64::from(*s).into());
                *spin = values.iter().map(|v| v.re).sum::<f64>() / wanted as f64;
                let c = correlations(&values, self.series.every, self.series.count);
                let parts = local.iter_mut().zip(c);
                parts.for_each(|(sum, c)| *sum += c / self.sites as f64);
            }
            for wave in &self.waves {
                for (value, slice) in values.iter_mut().zip(window.chunks_exact(self.sites)) {
                    let terms = wave.iter().zip(slice);
                    *value = terms.map(|(w, s)| w * f64::from(*s)).sum();
                }
                out.extend(correlations(&values, self.series.every, self.series.count));
            }
        }
        Ok(out)
    }
    fn full_sum(&self, ensemble: &dyn Ensemble) -> Result<Option<Vec<f64>>> {
        let time = ensemble.psi().and_then(|psi| psi.imaginary_time());
        let time = time.ok_or_else(|| no_circuit("measure.observables"))?;
        let site = |j: usize| {
            let mut weights = vec![Complex64::ZERO; self.sites];
            weights[j] = Complex64::ONE;
            weights
        };
        let mut operators: Vec<Vec<Complex64>> = (0..self.sites).map(site).collect();
        operators.extend(self.waves.iter().cloned());
        let (mut means, values) = time.correlations(&operators, &self.series)?;
        let (sites, waves) = values.split_at(self.sites);
        let local = (0..=self.series.count).map(|k| {
            let sum: f64 = sites.iter().map(|c| c[k]).sum();
            sum / self.sites as f64
        });
        means.extend(local);
        means.extend(waves.iter().flatten());
        Ok(Some(means))
    }
    fn quantities(&self) -> Vec<Quantity> {
        let (times, unit) = (self.series.count + 1, &self.unit);
        let energy = || "coupling".to_string();
        let mut all = vec![
            quantity(
                "",
                &[times],
                unit.clone(),
                "<oz_j(tau) oz_j> - <oz_j>^2, mean over the sites [time]",
            ),
            quantity(
                "effective_gap",
                &[times - 1],
                energy(),
                "ln(C(tau)/C(tau + d))/d of it, d the time between two times [time]",
            ),
            quantity(
                "gap",
                &[],
                energy(),
                "the same over the second half of the times, of the momentum with the largest \
                 correlation at the longest time",
            ),
        ];
        if let Some(momenta) = &self.momenta {
            let count = momenta.list.len();
            let meaning = "Re <A_q^+(tau) A_q> - |<A_q>|^2, A_q = sum_j exp(-i q.r_j) oz_j/sqrt N \
                           [momentum, time]";
            all.push(quantity(
                "by_momentum",
                &[count, times],
                unit.clone(),
                meaning,
            ));
            let meaning = "ln(C_q(tau)/C_q(tau + d))/d [momentum, time]";
            all.push(quantity(
                "gap_by_momentum",
                &[count, times - 1],
                energy(),
                meaning,
            ));
        }
        all
    }
    fn evaluate(&self, means: &[f64]) -> Vec<f64> {
        let rows = self.connected(means);
        let scaled = |row: &Vec<f64>| -> Vec<f64> { row.iter().map(|c| self.factor * c).collect() };
        let gaps = |row: &Vec<f64>| -> Vec<f64> {
            let each = (0..self.series.count).map(|k| gap(row, (k, k + 1), self.spacing));
            each.collect()
        };
        let mut all = scaled(&rows[0]);
        all.extend(gaps(&rows[0]));
        all.push(self.gap(&rows));
        all.extend(rows[1..].iter().flat_map(scaled));
        all.extend(rows[1..].iter().flat_map(gaps));
        all
    }
    fn labels(&self) -> Vec<Label> {
        let times = (0..=self.series.count).map(|k| k as f64 * self.spacing);
        let mut labels = vec![Label {
            name: "times",
            shape: vec![self.series.count + 1],
            values: times.collect(),
            unit: "1/coupling",
            meaning: "imaginary times between both operators [time]",
        }];
        labels.extend(self.momenta.as_ref().map(MomentumList::label));
        labels
    }
    fn reach(&self) -> usize {
        self.series.reach
    }
}
