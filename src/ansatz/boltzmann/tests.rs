//! Holds the wave function and its distribution to the definitions.

use super::partition::{ais_log_weights, combine, log_z_ais, log_z_exact};
use super::{Boltzmann, BoltzmannMachine};
use crate::ansatz::{Alternating, Ansatz, Block};
use crate::rng::{Generator, Purpose, RngExt, stream};

/// A machine with parameters up to `size`.
fn machine(n: usize, m: usize, size: f64) -> BoltzmannMachine {
    let mut rng = stream(3, Purpose::Law, n as u64, m as u64);
    let mut some = |count| {
        let one = |_| size * (2.0 * rng.random::<f64>() - 1.0);
        (0..count).map(one).collect::<Vec<_>>()
    };
    BoltzmannMachine::new(some(n), some(m), some(n * m)).unwrap()
}

/// All configurations of `n` units.
fn all(n: usize) -> Vec<Vec<i8>> {
    let value = |word: usize, i: usize| if word >> i & 1 == 1 { 1 } else { -1 };
    let row = |word| (0..n).map(|i| value(word, i)).collect();
    (0..1 << n).map(row).collect()
}

/// ln Σ p̃ over all rows, term by term.
fn by_definition(machine: &BoltzmannMachine) -> f64 {
    let weight = |v: &Vec<i8>| machine.log_weight(v).exp();
    all(machine.sites()).iter().map(weight).sum::<f64>().ln()
}

/// The wave function of a machine, and of another for the phase.
fn wave_function(density: &BoltzmannMachine, phase: Option<&BoltzmannMachine>) -> Boltzmann {
    let (n, m) = (density.sites(), density.hidden());
    let mut psi = Boltzmann::new(n, m, phase.is_some(), 0.1, 1);
    let flat = |one: &BoltzmannMachine| [one.a(), one.b(), one.w()].concat();
    let mut parameters = flat(density);
    parameters.extend(phase.iter().flat_map(|phase| flat(phase)));
    psi.set_parameters(&parameters).unwrap();
    psi
}

#[test]
fn amplitudes_are_roots_with_half_the_phase() {
    let (density, phase) = (machine(5, 4, 0.8), machine(5, 4, 1.5));
    let psi = wave_function(&density, Some(&phase));
    for x in all(5) {
        let modulus = (0.5 * density.log_weight(&x)).exp();
        let expected = num_complex::Complex64::from_polar(modulus, 0.5 * phase.log_weight(&x));
        let found = psi.log_psi(&psi.batch(&x))[0].exp();
        assert!(
            (found - expected).norm() < 1e-12 * modulus,
            "{found} {expected}"
        );
    }
    let (layout, parameters) = (psi.layout(), psi.parameters());
    assert_eq!(BoltzmannMachine::of(&layout, &parameters), Some(density));
    assert_eq!(
        BoltzmannMachine::phase_of(&layout, &parameters),
        Some(phase)
    );
    let names: Vec<_> = layout.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "W", "phase_a", "phase_b", "phase_W"]);
    let complex = |b: &Block| Block {
        complex: true,
        ..b.clone()
    };
    let others: Vec<_> = layout.iter().map(complex).collect();
    assert_eq!(
        BoltzmannMachine::of(&others, &[parameters.clone(), parameters].concat()),
        None
    );
}

#[test]
fn biases_start_at_zero_and_weights_do_not() {
    let psi = Boltzmann::new(3, 2, true, 0.5, 4);
    let parameters = psi.parameters();
    for part in parameters.chunks_exact(3 + 2 + 6) {
        assert!(part[..5].iter().all(|&b| b == 0.0) && part[5..].iter().all(|&w| w != 0.0));
    }
    assert_ne!(parameters[5..11], parameters[16..]);
}

#[test]
fn steep_amplitudes_have_the_ratios_of_their_logarithms() {
    // Weights of ±200: the ratio of p̃ leaves the range of numbers, that of ψ does not.
    let steep = BoltzmannMachine::new(vec![0.0; 3], vec![0.0], vec![200.0; 3]).unwrap();
    let psi = wave_function(&steep, Some(&steep));
    let batch = psi.batch(&[1, 1, 1]);
    let mut asks = crate::basis::Asks::default();
    asks.flip(0, &[1, 1, 1], &[0]);
    let mut out = [num_complex::Complex64::ZERO];
    psi.ratios(&batch, &asks, &mut Default::default(), &mut out);
    let log = 0.5 * (steep.log_weight(&[-1, 1, 1]) - steep.log_weight(&[1, 1, 1]));
    let expected = num_complex::Complex64::from_polar(log.exp(), log);
    assert!(
        (out[0] / expected - 1.0).norm() < 1e-10,
        "{out:?} {expected}"
    );
}

#[test]
fn both_layers_can_be_summed() {
    for (n, m) in [(1, 1), (4, 3), (7, 12), (12, 7), (11, 11)] {
        let machine = machine(n, m, 0.9);
        let (found, expected) = (log_z_exact(&machine).unwrap(), by_definition(&machine));
        assert!(
            (found - expected).abs() < 1e-12 * expected.abs(),
            "{n} {m}: {found} {expected}"
        );
        let other = log_z_exact(&machine.transposed()).unwrap();
        assert!((found - other).abs() < 1e-12 * expected.abs());
    }
    assert_eq!(log_z_exact(&machine(21, 22, 0.1)), None);
    assert!(log_z_exact(&machine(40, 5, 0.1)).is_some());
}

#[test]
fn the_normalisation_of_a_known_machine() {
    let a = (0..4).map(|i| 0.2 * f64::cos(1.0 + f64::from(i)));
    let b = (0..3).map(|j| 0.15 * f64::sin(1.0 + f64::from(j)));
    let w = (0..12).map(|k| 0.3 * f64::cos(f64::from(1 + k / 3 + 2 * (k % 3))));
    let machine = BoltzmannMachine::new(a.collect(), b.collect(), w.collect()).unwrap();
    let found = log_z_exact(&machine).unwrap();
    assert!((found - 5.176230933174348).abs() < 1e-12, "{found}");
}

#[test]
fn annealing_finds_the_normalisation() {
    for (n, m) in [(10, 10), (10, 5)] {
        let machine = machine(n, m, 0.7);
        let exact = log_z_exact(&machine).unwrap();
        let (found, error) = log_z_ais(&machine, 300, 200, 5);
        assert!((found - exact).abs() < 0.01 * exact, "{found} {exact}");
        assert!(
            (found - exact).abs() < 4.0 * error,
            "{found} ± {error}, {exact}"
        );
        assert!(error > 1e-4 && error < 0.1, "{error}");
    }
}

#[test]
fn annealed_samples_depend_on_their_numbers_alone() {
    let machine = machine(6, 9, 0.5);
    let whole = ais_log_weights(&machine, 20, 0..150, 2);
    for range in [0..150, 3..4, 60..140] {
        assert_eq!(
            ais_log_weights(&machine, 20, range.clone(), 2),
            whole[range]
        );
    }
    assert_ne!(ais_log_weights(&machine, 20, 0..1, 3), whole[..1]);
}

#[test]
fn weights_are_combined_without_overflow() {
    let (log, error) = combine(&[1000.0, 1000.0 + f64::ln(3.0)]);
    assert!((log - 1000.0 - f64::ln(2.0)).abs() < 1e-12);
    // Mean 2, deviation √2, and its error √2/√2.
    assert!((error - 0.5).abs() < 1e-12);
    assert_eq!(combine(&[1.0]), (1.0, f64::INFINITY));
}

#[test]
fn sweeps_sample_the_distribution() {
    let machine = machine(4, 3, 0.8);
    let psi = wave_function(&machine, None);
    let (chains, sweeps) = (1000, 200);
    let mut rngs: Vec<Generator> = (0..chains).map(|c| stream(8, Purpose::Law, c, 0)).collect();
    let mut xs = vec![1; 4 * chains as usize];
    let mut room = Default::default();
    let log_z = by_definition(&machine);
    let mut counts = [0.0; 16];
    for sweep in 0..sweeps + 20 {
        psi.sweep(&mut rngs, &mut xs, &mut room);
        // Far enough apart to be independent.
        if sweep >= 20 && sweep % 20 == 0 {
            for x in xs.chunks_exact(4) {
                let bits = x.iter().enumerate();
                counts[bits.map(|(i, &v)| usize::from(v > 0) << i).sum::<usize>()] += 1.0;
            }
        }
    }
    let total: f64 = counts.iter().sum();
    let term = |(x, count): (Vec<i8>, f64)| {
        let expected = total * (machine.log_weight(&x) - log_z).exp();
        (count - expected).powi(2) / expected
    };
    let chi_square: f64 = all(4).into_iter().zip(counts).map(term).sum();
    // 15 degrees of freedom; above 44 with a probability of 1e-4.
    assert!(chi_square < 44.0, "{chi_square}");
}
