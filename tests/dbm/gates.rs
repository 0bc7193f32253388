//! Gates against dense exponentials, and networks against state vectors, stage by stage.

use nishina::ansatz::dbm::{BondUnits, DeepNetwork, StateVector, units};
use nishina::basis::Basis;
use nishina::worldlines::circuit::Gate;
use num_complex::Complex64;

type Dense = Vec<Vec<f64>>;

fn product(a: &Dense, b: &Dense) -> Dense {
    let n = a.len();
    let entry = |i: usize, j: usize| (0..n).map(|k| a[i][k] * b[k][j]).sum();
    (0..n)
        .map(|i| (0..n).map(|j| entry(i, j)).collect())
        .collect()
}

/// e^A by its series; A is small.
fn exponential(a: &Dense) -> Dense {
    let n = a.len();
    let unit = |i: usize, j: usize| f64::from(u8::from(i == j));
    let mut sum: Dense = (0..n)
        .map(|i| (0..n).map(|j| unit(i, j)).collect())
        .collect();
    let mut term = sum.clone();
    for k in 1..30 {
        term = product(&term, a);
        for (row, more) in sum.iter_mut().zip(&mut term) {
            for (x, y) in row.iter_mut().zip(more) {
                *y /= f64::from(k);
                *x += *y;
            }
        }
    }
    sum
}

/// The exponent of a gate as a matrix over the words of `sites` bits.
fn exponent(gate: &Gate, sites: usize) -> Dense {
    let n = 1 << sites;
    let s = |word: usize, l: usize| if word >> l & 1 == 1 { 1.0 } else { -1.0 };
    let mut a = vec![vec![0.0; n]; n];
    for word in 0..n {
        match *gate {
            Gate::Pair { l, m, x } => a[word][word] = x * s(word, l) * s(word, m),
            Gate::Field { l, z } => a[word][word] = z * s(word, l),
            Gate::Flip { l, y } => a[word][word ^ 1 << l] = y,
            Gate::Exchange { l, m, t, jz, jxy } => {
                a[word][word] = -t * jz * s(word, l) * s(word, m);
                if s(word, l) != s(word, m) {
                    a[word][word ^ (1 << l | 1 << m)] = 2.0 * t * jxy;
                }
            }
        }
    }
    a
}

fn spins(word: usize, sites: usize) -> Vec<i8> {
    (0..sites)
        .map(|l| if word >> l & 1 == 1 { 1 } else { -1 })
        .collect()
}

/// A restricted machine with two hidden units whose parameters are complex or real.
fn start(complex: bool) -> DeepNetwork {
    let number = |k: usize| {
        let (re, im) = ((1.3 * k as f64 + 0.4).sin(), (0.7 * k as f64 + 0.1).cos());
        0.4 * Complex64::new(re, if complex { im } else { 0.0 })
    };
    let numbers = |range: std::ops::Range<usize>| range.map(number).collect::<Vec<_>>();
    DeepNetwork::restricted(numbers(0..3), numbers(3..5), &numbers(5..11))
}

/// Applies gates one by one to the network, to a dense vector and to a state vector.
fn compare(gates: &[Gate], bonds: BondUnits, complex: bool) {
    let basis = Basis::spin_half(3, None).unwrap();
    let mut network = start(complex);
    let mut vector = StateVector::of_network(&basis, &network).unwrap();
    let mut dense: Vec<Complex64> = (0..8).map(|w| network.amplitude(&spins(w, 3))).collect();
    let mut counts = [network.b.len(), 0];
    // A sum over 2^M' configurations of deep units rounds M' times.
    for (done, gate) in gates.iter().enumerate() {
        let rounding = if done < 4 { 1e-14 } else { 4e-14 };
        let matrix = exponential(&exponent(gate, 3));
        let row = |r: &Vec<f64>| r.iter().zip(&dense).map(|(m, z)| m * z).sum();
        dense = matrix.iter().map(row).collect();
        network.apply(gate, bonds);
        vector.apply(gate);
        let added = units(gate, bonds);
        counts = [counts[0] + added[0], counts[1] + added[1]];
        assert_eq!([network.b.len(), network.deep.len()], counts);
        let largest = dense.iter().fold(0.0f64, |m, z| m.max(z.norm()));
        for (word, expected) in dense.iter().enumerate() {
            let found = network.amplitude(&spins(word, 3));
            assert!(
                (found - expected).norm() < rounding * largest,
                "{gate:?} {bonds:?}"
            );
            let table = vector.amplitudes[word] * vector.log_scale.exp();
            assert!((table - expected).norm() < rounding * largest, "{gate:?}");
        }
    }
}

fn ising() -> Vec<Gate> {
    vec![
        Gate::Pair { l: 0, m: 1, x: 0.3 },
        Gate::Pair {
            l: 1,
            m: 2,
            x: -0.7,
        },
        Gate::Flip { l: 1, y: 0.4 },
        Gate::Flip { l: 0, y: 0.05 },
        Gate::Field { l: 1, z: -0.2 },
        Gate::Pair { l: 0, m: 2, x: 0.0 },
    ]
}

#[test]
fn gates_are_dense_exponentials_on_complex_and_real_machines() {
    for complex in [true, false] {
        let mut network = start(complex);
        assert_eq!(network.is_real(), !complex);
        ising()
            .iter()
            .for_each(|gate| network.apply(gate, BondUnits::OneThree));
        assert_eq!(network.is_real(), !complex);
    }
    compare(&ising(), BondUnits::OneThree, true);
}

#[test]
fn exchange_gates_hold_in_all_forms_and_anisotropies() {
    let exchange = |l, m, (jz, jxy)| Gate::Exchange {
        l,
        m,
        t: 0.143,
        jz,
        jxy,
    };
    for couplings in [(1.0, 1.0), (0.5, 1.0), (1.7, 1.0), (-0.4, 0.8), (0.0, 0.3)] {
        let bonds = [(0, 1), (1, 2), (2, 0)];
        let three: Vec<Gate> = bonds
            .iter()
            .map(|&(l, m)| exchange(l, m, couplings))
            .collect();
        for form in [BondUnits::OneThree, BondUnits::TwoFour, BondUnits::TwoSix] {
            compare(&three, form, true);
            compare(&[&ising()[..4], &three].concat(), form, true);
        }
    }
}

#[test]
fn a_sector_is_a_part_of_the_whole() {
    let whole = Basis::spin_half(4, None).unwrap();
    let sector = Basis::spin_half(4, Some(0)).unwrap();
    let network = DeepNetwork::uniform(4);
    let mut vectors =
        [whole, sector].map(|basis| StateVector::of_network(&basis, &network).unwrap());
    let gate = |l, m| Gate::Exchange {
        l,
        m,
        t: 0.2,
        jz: 0.7,
        jxy: 1.1,
    };
    for gate in [gate(0, 1), gate(3, 2), gate(1, 2), gate(0, 3)] {
        vectors.iter_mut().for_each(|v| v.apply(&gate));
    }
    let [whole, sector] = vectors;
    assert_eq!(sector.amplitudes.len(), 6);
    for (k, amplitude) in sector.amplitudes.iter().enumerate() {
        let at = (0..16)
            .find(|w| whole.spins(*w) == sector.spins(k))
            .unwrap();
        let expected = whole.amplitudes[at] * whole.log_scale.exp();
        assert!((amplitude * sector.log_scale.exp() - expected).norm() < 1e-14);
    }
}
