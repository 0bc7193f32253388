//! Energies and distributions of the visible configuration are those of the state.

use crate::circuits::{energy, exchange, ising, number, state, state_from};
use nishina::clusters::Words;
use nishina::rng::{Purpose, stream};
use nishina::stats::Bins;
use nishina::worldlines::circuit::{Circuit, Start};
use nishina::worldlines::{
    EnergyLines, HiddenStart, Terms, WorldLines, gibbs_lines, gibbs_lines_from, lines, lines_from,
};

/// Sums of samples as bins take them.
pub fn filled(samples: &[Vec<f64>]) -> Bins {
    let mut bins = Bins::new(1, samples[0].len(), 0);
    let segments = bins.segments(samples.len());
    let mut sums = Vec::new();
    for segment in &segments {
        for power in [1, 2] {
            let inside = &samples[segment.clone()];
            let sum = |k: usize| inside.iter().map(|row| row[k].powi(power)).sum::<f64>();
            sums.extend((0..samples[0].len()).map(sum));
        }
    }
    bins.push(samples.len(), &segments, Some(&sums));
    bins
}

pub fn words(seed: u64) -> Words {
    Words::new(&mut stream(seed, Purpose::Law, 0, 0))
}

/// Pulls of 50 seeds are those of a standard normal number, or the values are exact.
fn check_pulls(what: &str, mut measure: impl FnMut(u64) -> [f64; 2], exact: f64) {
    let measured: Vec<[f64; 2]> = (1..=50).map(&mut measure).collect();
    println!("{what}: {:?}, {exact}", measured[0]);
    if measured.iter().all(|[mean, _]| (mean - exact).abs() < 1e-9) {
        return;
    }
    let pull = |[mean, error]: &[f64; 2]| (mean - exact) / error;
    let pulls: Vec<f64> = measured.iter().map(pull).collect();
    let mean = pulls.iter().sum::<f64>() / 50.0;
    let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 49.0).sqrt();
    println!("{what}: mean {mean:.3}, sd {sd:.3}");
    let is_normal = mean.abs() < 4.0 / 50f64.sqrt() && (0.65..1.5).contains(&sd);
    assert!(is_normal, "{what}: mean {mean}, sd {sd}");
}

fn check_energy(what: &str, circuit: &Circuit, terms: &Terms, sweeps: usize) {
    let new = || EnergyLines::new(circuit, terms.clone()).unwrap();
    check_lines(what, new, energy(&state(circuit), terms), sweeps);
}

/// The energy of so many sweeps and its error, after `first` others.
pub fn measured(mut lines: EnergyLines, seed: u64, first: usize, sweeps: usize) -> [f64; 2] {
    let mut rng = words(seed);
    (0..first).for_each(|_| lines.sweep(&mut rng));
    let mut sample = |_| {
        lines.sweep(&mut rng);
        lines.columns().unwrap()
    };
    let samples: Vec<_> = (0..sweeps).map(&mut sample).collect();
    let evaluate = |means: &[f64]| vec![EnergyLines::energy(means)];
    let summary = filled(&samples).summary(0, &evaluate);
    [summary.mean[0], summary.error[0]]
}

fn check_lines(what: &str, new: impl Fn() -> EnergyLines, exact: f64, sweeps: usize) {
    check_pulls(what, |seed| measured(new(), seed, 50, sweeps), exact);
}

#[test]
fn circuits_start_from_boltzmann_machines() {
    let number = |k: usize| 0.4 * (1.0 + 2.3 * k as f64).sin();
    let start = HiddenStart {
        a: (0..4).map(number).collect(),
        b: (4..7).map(number).collect(),
        w: (7..19).map(number).collect(),
    };
    for (hz, steps) in [(0.0, 2), (0.3, 2), (0.0, 0)] {
        let (circuit, terms) = ising(4, 1.0, 1.0, hz, 0.2, steps);
        let psi = state_from(&start, &circuit);
        let new = || EnergyLines::from_hidden(&start, &circuit, terms.clone()).unwrap();
        check_lines("machine", new, energy(&psi, &terms), 4096);
        check_distribution(lines_from(&start, &circuit).unwrap(), &psi, 8);
        match gibbs_lines_from(&start, &circuit) {
            Ok(lines) => check_distribution(lines, &psi, 40),
            Err(error) => assert_eq!(steps, 0, "{error}"),
        }
    }
    let (circuit, _) = ising(5, 1.0, 1.0, 0.0, 0.2, 2);
    assert!(lines_from(&start, &circuit).is_err());
}

#[test]
fn pulls_of_ising_energies_are_standard_normal() {
    for (sites, j, hx, hz, step, steps) in [
        (4, 1.0, 1.0, 0.0, 0.1, 3),
        (4, 1.0, 1.0, 0.4, 0.1, 3),
        (6, 1.0, 1.2, -0.3, 0.1, 6),
        (4, -1.0, 0.7, 0.5, 0.2, 4),
        (5, -1.0, 1.0, 0.3, 0.2, 3),
        (1, 1.0, 0.7, 0.5, 0.2, 3),
    ] {
        let (circuit, terms) = ising(sites, j, hx, hz, step, steps);
        let what = format!("ising {sites} {j} {hx} {hz}");
        check_energy(&what, &circuit, &terms, 2048);
    }
}

#[test]
fn pulls_of_exchange_energies_are_standard_normal() {
    for jz in [-1.5, -1.0, 0.5, 1.0, 1.5, 1.7] {
        for (sites, steps) in [(4, 3), (6, 4)] {
            for start in [
                Start::Uniform,
                Start::Sector { up: sites / 2 },
                Start::Sector { up: sites / 2 - 1 },
            ] {
                let (circuit, terms) = exchange(sites, jz, start, 0.1, steps);
                let what = format!("exchange {sites} {jz} {start:?}");
                check_energy(&what, &circuit, &terms, 2048);
            }
        }
    }
}

#[test]
fn pulls_of_long_circuits_are_standard_normal() {
    // More gates than random numbers that are drawn at once.
    let (circuit, terms) = exchange(4, 0.5, Start::Sector { up: 2 }, 0.05, 400);
    check_energy("exchange, long", &circuit, &terms, 512);
    let (circuit, terms) = ising(4, 1.0, 1.0, 0.0, 0.05, 200);
    check_energy("ising, long", &circuit, &terms, 512);
}

#[test]
fn energies_of_the_circuits_are_the_known_ones() {
    for (sites, step, steps, known) in [
        (4, 0.1, 10, -5.2238649112),
        (4, 0.05, 20, -5.2234353556),
        (6, 0.1, 20, -7.7270355895),
        (6, 0.0125, 160, -7.7271003721),
    ] {
        let (circuit, terms) = ising(sites, 1.0, 1.0, 0.0, step, steps);
        assert!((energy(&state(&circuit), &terms) - known).abs() < 1e-9);
    }
    let half = |sites| Start::Sector { up: sites / 2 };
    for (sites, jz, step, steps, known, digits) in [
        (4, 1.0, 0.1, 5, -7.9977051511, 1e-9),
        (4, 1.0, 0.2, 1, -7.964896, 1e-6),
        (6, 1.0, 0.05, 20, -11.2110376521, 1e-9),
        (4, 0.5, 0.1, 5, -6.74369, 1e-5),
        (4, 1.5, 0.1, 3, -9.39737, 1e-5),
        (6, 0.3, 0.2, 2, -8.84647, 1e-5),
        (4, -1.5, 0.1, 3, -3.40305, 1e-5),
    ] {
        let (circuit, terms) = exchange(sites, jz, half(sites), step, steps);
        assert!((energy(&state(&circuit), &terms) - known).abs() < digits);
    }
}

/// Counts visible configurations against |ψ|²: χ² of independent sweeps is below its limit.
fn check_distribution(mut lines: Box<dyn WorldLines>, psi: &[f64], apart: usize) {
    let (mut rng, count) = (words(7), 40_000);
    let mut counts = vec![0.0f64; psi.len()];
    for _ in 0..count {
        (0..apart).for_each(|_| lines.sweep(&mut rng));
        counts[number(lines.visible())] += 1.0;
        assert_eq!(lines.sign(), 1.0);
    }
    let (mut chi2, mut classes) = (0.0, -1.0);
    for (found, a) in counts.iter().zip(psi) {
        let wanted = a * a * f64::from(count);
        if wanted == 0.0 {
            assert_eq!(*found, 0.0);
        } else if wanted > 5.0 {
            chi2 += (found - wanted).powi(2) / wanted;
            classes += 1.0;
        }
    }
    let limit = classes + 5.0 * (2.0f64 * classes).sqrt();
    assert!(chi2 < limit, "{chi2} of {classes}");
}

#[test]
fn visible_configurations_follow_the_state() {
    for (hz, j) in [(0.0, 1.0), (0.4, 1.0), (0.4, -1.0)] {
        let (circuit, _) = ising(4, j, 0.8, hz, 0.2, 3);
        check_distribution(lines(&circuit).unwrap(), &state(&circuit), 8);
        check_distribution(gibbs_lines(&circuit).unwrap(), &state(&circuit), 60);
    }
    for jz in [-1.5, -1.0, 0.3, 1.0, 1.7] {
        for start in [
            Start::Uniform,
            Start::Sector { up: 3 },
            Start::Sector { up: 2 },
        ] {
            let (circuit, _) = exchange(6, jz, start, 0.2, 3);
            check_distribution(lines(&circuit).unwrap(), &state(&circuit), 6);
        }
    }
}

#[test]
fn gibbs_and_clusters_agree_on_flips() {
    let (circuit, terms) = ising(4, 1.0, 1.0, 0.3, 0.2, 2);
    let measure = |seed| {
        let (mut rng, mut lines) = (words(seed), gibbs_lines(&circuit).unwrap());
        let (mut samples, mut flips) = (Vec::new(), [0.0; 4]);
        for sweep in 0..8192 {
            lines.sweep(&mut rng);
            lines.flips(&mut flips).unwrap();
            let flips: f64 = flips.iter().sum();
            if sweep >= 200 {
                samples.push(vec![terms.diagonal(lines.visible()) - flips]);
            }
        }
        let summary = filled(&samples).summary(0, &|means| means.to_vec());
        [summary.mean[0], summary.error[0]]
    };
    check_pulls("gibbs", measure, energy(&state(&circuit), &terms));
}
