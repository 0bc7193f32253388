//! Decides how files grow with the run: what a trial has written, and every dataset longer by its
//! own factor.
//!
//! bytes = bytes of the trial + Σ_d bytes_d (f_d − 1); datasets are contiguous and are not
//! compressed.

use crate::io::tree::{Tree, Value};
use crate::observable::Named;
use crate::stats::Bins;
use num_complex::Complex64;

/// How much longer the run is than the trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Growth {
    /// Steps of the optimisation.
    pub steps: f64,
    /// Points of the evolution.
    pub points: f64,
    /// Its output times, and those of the trial.
    pub outputs: (f64, usize),
    /// Samples of the measurement.
    pub measured: f64,
    /// Its blocks.
    pub blocks: f64,
    /// Chains.
    pub chains: f64,
    /// Bins of results and numbers in the checkpoint's bins, of each observable and of the spins'
    /// monitor.
    pub bins: Vec<(String, f64, f64)>,
}

/// Chains, samples of each of them, and how many of them come in a block.
pub type Length = (usize, usize, usize);

/// Bins of the run over bins of the trial, for results and checkpoint.
pub fn of_bins(
    observables: &[Named],
    sites: usize,
    run: Length,
    trial: Length,
) -> Vec<(String, f64, f64)> {
    let sizes = |columns: usize, partners: bool, (chains, samples, block): Length| {
        let counted = if partners { chains / 2 } else { chains };
        Bins::new(counted.max(1), columns, samples).sizes_after(samples, block)
    };
    let ratio = |name: &str, columns: usize, partners: bool| {
        let (long, short) = (
            sizes(columns, partners, run),
            sizes(columns, partners, trial),
        );
        (
            name.to_string(),
            long.0 as f64 / short.0.max(1) as f64,
            long.1 as f64 / short.1.max(1) as f64,
        )
    };
    let monitor = crate::observable::monitor(sites).observable.columns();
    let all = observables.iter().map(|n| {
        ratio(
            &n.name,
            n.observable.columns(),
            n.observable.needs_partners(),
        )
    });
    all.chain([ratio("monitor", monitor, false)]).collect()
}

impl Growth {
    /// The factor of the dataset `path` whose first dimension is `rows`.
    fn of(&self, path: &str, rows: usize) -> f64 {
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["optimize", "history", _] | ["timing", "step_seconds"] | ["optimize", "seconds"] => {
                self.steps
            }
            ["evolve", "history", _] | ["timing", "evolve_seconds"] | ["evolve", "seconds"] => {
                self.points
            }
            ["evolve", "output" | "observables", ..] if rows == self.outputs.1 => self.outputs.0,
            ["measure", "energy", "series" | "log_weights"]
            | ["measure", "local_energies" | "log_weights"] => self.measured,
            ["timing", "measure_seconds"] | ["measure", "seconds"] => self.blocks,
            ["measure", "observables", name, .., "bins" | "bin_weights"]
            | [
                "measure",
                "results",
                "observables",
                name,
                ..,
                "bins" | "bin_weights",
            ] => self.bins.iter().find(|b| b.0 == name).map_or(1.0, |b| b.1),
            ["measure", "bins", number, "sums"] => number
                .parse()
                .ok()
                .and_then(|k: usize| self.bins.get(k))
                .map_or(1.0, |b| b.2),
            ["measure", "monitor", "sums"] => self.bins.last().map_or(1.0, |b| b.2),
            [_, "chains"]
            | ["optimize", "policy", "chains" | "still"]
            | ["measure", "proposed" | "accepted"] => self.chains,
            _ => 1.0,
        }
    }

    /// Bytes of the run's file, from the trial's.
    pub fn bytes(&self, (tree, bytes): &(Tree, f64)) -> f64 {
        let more = tree.datasets.iter().map(|(path, value)| {
            let (rows, size) = match value {
                Value::Real(a) => (a.shape().first(), a.len() * size_of::<f64>()),
                Value::Complex(a) => (a.shape().first(), a.len() * size_of::<Complex64>()),
                Value::Integer(a) => (a.shape().first(), a.len() * size_of::<i64>()),
                Value::Spin(a) => (a.shape().first(), a.len()),
                Value::Text(_) | Value::Texts(_) => (None, 0),
            };
            size as f64 * (self.of(path, rows.copied().unwrap_or(1)) - 1.0)
        });
        bytes + more.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_adds_to_is_longer() {
        let mut tree = Tree::default();
        tree.put_reals("optimize/history/energy", &[0.0; 4]);
        tree.put_reals("parameters/a", &[0.0; 100]);
        tree.put_complex("measure/energy/series", &[2, 8], &[Complex64::ZERO; 16]);
        tree.put_reals("measure/observables/m/bins", &[0.0; 10]);
        tree.put_reals("measure/bins/0/sums", &[0.0; 20]);
        let bins = vec![
            ("m".to_string(), 2.0, 3.0),
            ("monitor".to_string(), 1.0, 1.0),
        ];
        let growth = Growth {
            steps: 10.0,
            measured: 100.0,
            bins,
            ..Growth::default()
        };
        let more = 9 * 4 * 8 + 99 * 16 * 16 + 10 * 8 + 2 * 20 * 8;
        assert_eq!(growth.bytes(&(tree, 5000.0)), 5000.0 + f64::from(more));
    }

    #[test]
    fn bins_are_counted_as_a_measurement_counts_them() {
        let grown = of_bins(&[], 24, (16, 8192, 64), (16, 64, 64));
        let mut long = Bins::new(
            16,
            crate::observable::monitor(24).observable.columns(),
            8192,
        );
        for _ in 0..128 {
            let segments = long.segments(64);
            let sums =
                vec![
                    0.0;
                    16 * segments.len() * 2 * crate::observable::monitor(24).observable.columns()
                ];
            long.push(64, &segments, Some(&sums));
        }
        let mut tree = Tree::default();
        long.save(&mut tree, "x");
        let numbers = tree.reals("x/sums").unwrap().len();
        let (bins, held) = long.clone().sizes_after(8192, 64);
        assert_eq!(held, numbers);
        assert_eq!(bins, long.summary(0, &|m| m.to_vec()).bins.len());
        assert!(grown[0].2 >= 1.0);
    }
}
