//! Holds matrix product states to states that are known exactly.

use super::{Canonical, Mps, ProductShape, Tensors};
use crate::ansatz::{Ansatz, Direct, MatrixProduct};
use crate::basis::Basis;
use crate::rng::{Generator, Purpose, stream};
use num_complex::Complex64;
use std::f64::consts::LN_2;

fn shape(sites: usize, bonds: Vec<usize>, uniform: bool) -> ProductShape {
    ProductShape {
        local: Basis::spin_half(sites, None).unwrap().locals()[0],
        order: (0..sites).collect(),
        bonds,
        uniform,
    }
}

/// A ring of one tensor, whose matrices for up and down are given.
fn ring(sites: usize, bond: usize, up: &[f64], down: &[f64]) -> Mps<f64> {
    let shape = shape(sites, vec![bond; sites + 1], true);
    Mps::new(Tensors::new(shape, [up, down].concat()), true)
}

/// The open state of matrices that are the same on all sites but for vectors at the ends.
fn open(sites: usize, bond: usize, matrices: &[f64], left: &[f64], right: &[f64]) -> Mps<f64> {
    let mut bonds = vec![bond; sites + 1];
    (bonds[0], bonds[sites]) = (1, 1);
    let mut numbers = Vec::new();
    for i in 0..sites {
        for matrix in matrices.chunks_exact(bond * bond) {
            let entry = |a: usize, b: usize| matrix[a * bond + b];
            let rows: Vec<f64> = match i {
                0 => (0..bond)
                    .map(|b| (0..bond).map(|a| left[a] * entry(a, b)).sum())
                    .collect(),
                _ if i == sites - 1 => (0..bond)
                    .map(|a| (0..bond).map(|b| entry(a, b) * right[b]).sum())
                    .collect(),
                _ => matrix.to_vec(),
            };
            numbers.extend(rows);
        }
    }
    Mps::new(Tensors::new(shape(sites, bonds, false), numbers), true)
}

/// All configurations, bit i of the number set where site i is up.
fn all(sites: usize) -> Vec<i8> {
    let value = |word: usize, i: usize| if word >> i & 1 == 1 { 1 } else { -1 };
    (0..1 << sites)
        .flat_map(|word| (0..sites).map(move |i| value(word, i)))
        .collect()
}

fn amplitudes(psi: &impl Ansatz) -> Vec<Complex64> {
    let logs = psi.log_psi(&psi.batch(&all(psi.sites())));
    let value = |log: Complex64| match log.re == f64::NEG_INFINITY {
        true => Complex64::ZERO,
        false => log.exp(),
    };
    logs.into_iter().map(value).collect()
}

/// Up next to down along bond 0 → 1 → 0, and the like.
const W: [f64; 8] = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0];

#[test]
fn the_states_of_one_and_of_all_flipped_spins() {
    let sites = 6;
    let ghz = amplitudes(&ring(
        sites,
        2,
        &[1.0, 0.0, 0.0, 0.0],
        &[0.0, 0.0, 0.0, 1.0],
    ));
    let w = amplitudes(&open(sites, 2, &W, &[1.0, 0.0], &[0.0, 1.0]));
    for word in 0..1_usize << sites {
        let ones = word.count_ones() as usize;
        let expected = f64::from(u8::from(ones == 0 || ones == sites));
        assert!(
            (ghz[word] - expected).norm() < 1e-14,
            "{word}: {}",
            ghz[word]
        );
        let expected = f64::from(u8::from(ones == 1));
        assert!((w[word] - expected).norm() < 1e-14, "{word}: {}", w[word]);
    }
}

#[test]
fn the_cluster_state_has_the_signs_of_neighbours() {
    // A^s_ab = δ_{as} (-1)^{s b}: a factor -1 for two neighbours that are both down.
    let sites = 5;
    let up = [1.0, 1.0, 0.0, 0.0];
    let down = [0.0, 0.0, 1.0, -1.0];
    let state = amplitudes(&ring(sites, 2, &up, &down));
    for (word, amplitude) in state.iter().enumerate() {
        let is_down = |i: usize| word >> (i % sites) & 1 == 0;
        let pairs = (0..sites).filter(|&i| is_down(i) && is_down(i + 1)).count();
        let expected = if pairs.is_multiple_of(2) { 1.0 } else { -1.0 };
        assert!((amplitude - expected).norm() < 1e-13, "{word}: {amplitude}");
    }
}

#[test]
fn long_chains_neither_overflow_nor_vanish() {
    let sites = 4000;
    let state = ring(sites, 2, &[5.0, 1.0, 1.0, 5.0], &[5.0, 1.0, 1.0, 5.0]);
    let log = state.log_psi(&state.batch(&vec![1; sites]))[0];
    let expected = sites as f64 * 6f64.ln();
    assert!((log.re - expected).abs() < 1e-12 * expected, "{log}");
    let state = ring(sites, 1, &[1e-30], &[1e-30]);
    let log = state.log_psi(&state.batch(&vec![1; sites]))[0];
    let expected = sites as f64 * 1e-30f64.ln();
    assert!((log.re - expected).abs() < 1e-12 * -expected, "{log}");
}

#[test]
fn known_entropies() {
    let sites = 6;
    let ghz = open(
        sites,
        2,
        &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        &[1.0, 1.0],
        &[1.0, 1.0],
    );
    let found = ghz.entropies().unwrap().unwrap();
    assert!(found.len() == sites - 1 && found.iter().all(|s| (s - LN_2).abs() < 1e-13));
    let w = open(sites, 2, &W, &[1.0, 0.0], &[0.0, 1.0]);
    for (cut, found) in w.entropies().unwrap().unwrap().iter().enumerate() {
        let p = (cut + 1) as f64 / sites as f64;
        let expected = -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
        assert!(
            (found - expected).abs() < 1e-13,
            "{cut}: {found} {expected}"
        );
    }
    let periodic = ring(sites, 1, &[1.0], &[1.0]);
    assert!(periodic.entropies().is_some(), "a product state is open");
    assert!(ring(sites, 2, &[1.0; 4], &[1.0; 4]).entropies().is_none());
}

#[test]
fn compression_keeps_the_state_and_drops_what_it_does_not_need() {
    // The state of one flipped spin in matrices of order 4: twice the same.
    let sites = 6;
    let mut matrices = Vec::new();
    for matrix in W.chunks_exact(4) {
        for a in 0..4 {
            let same = |b: usize| a / 2 == b / 2;
            let entry = |b: usize| matrix[(a % 2) * 2 + b % 2];
            matrices.extend((0..4).map(|b| if same(b) { entry(b) } else { 0.0 }));
        }
    }
    let large = open(
        sites,
        4,
        &matrices,
        &[1.0, 0.0, 1.0, 0.0],
        &[0.0, 1.0, 0.0, 1.0],
    );
    let canonical = Canonical::new(&large.tensors).unwrap();
    let small = canonical.compressed(1e-12).unwrap();
    assert_eq!(small.bonds, vec![2; sites - 1]);
    let (old, new) = (
        amplitudes(&large),
        amplitudes(&Mps::new(small.tensors, true)),
    );
    let norm: f64 = new.iter().map(Complex64::norm_sqr).sum();
    assert!((norm - 1.0).abs() < 1e-13);
    let overlap: Complex64 = old.iter().zip(&new).map(|(a, b)| a.conj() * b).sum();
    let theirs: f64 = old.iter().map(Complex64::norm_sqr).sum();
    assert!((overlap.norm_sqr() / theirs - 1.0).abs() < 1e-13);
}

#[test]
fn compression_tells_the_weight_that_it_leaves_out() {
    // 0.8 |up, up> + 0.6 |down, down>
    let up_and_down = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let state = open(2, 2, &up_and_down, &[0.8, 0.6], &[1.0, 1.0]);
    for (threshold, bond, lost) in [(0.1, 2, 0.0), (0.9, 1, 0.36)] {
        let canonical = Canonical::new(&state.tensors).unwrap();
        let small = canonical.compressed(threshold).unwrap();
        assert_eq!(small.bonds, [bond]);
        assert!((small.lost - lost).abs() < 1e-14, "{}", small.lost);
    }
}

#[test]
fn draws_follow_the_distribution_and_depend_on_their_generator_alone() {
    let sites = 4;
    let random = shape(sites, vec![1, 2, 4, 2, 1], false);
    let state = Mps::<Complex64>::random(random, 0.7, 5, true);
    let probabilities: Vec<f64> = amplitudes(&state).iter().map(|z| z.norm_sqr()).collect();
    let total: f64 = probabilities.iter().sum();
    let draws = 20_000;
    let mut rngs: Vec<Generator> = (0..draws).map(|k| stream(1, Purpose::Law, k, 0)).collect();
    let (mut xs, mut logs) = (vec![0; sites * draws as usize], vec![0.0; draws as usize]);
    state.draw(&mut rngs, &mut xs, &mut logs);
    let mut counts = vec![0.0; 1 << sites];
    for (x, log) in xs.chunks_exact(sites).zip(&logs) {
        let bits = x.iter().enumerate();
        let word: usize = bits.map(|(i, &v)| usize::from(v > 0) << i).sum();
        counts[word] += 1.0;
        assert!((log - (probabilities[word] / total).ln()).abs() < 1e-12);
    }
    let term = |(count, p): (&f64, &f64)| {
        let expected = draws as f64 * p / total;
        (count - expected).powi(2) / expected
    };
    let chi_square: f64 = counts.iter().zip(&probabilities).map(term).sum();
    // 15 degrees of freedom; above 44 with a probability of 1e-4.
    assert!(chi_square < 44.0, "{chi_square}");
    let (mut x, mut log) = (vec![0; sites], vec![0.0]);
    state.draw(&mut [stream(1, Purpose::Law, 7, 0)], &mut x, &mut log);
    assert_eq!(x, xs[7 * sites..8 * sites]);
}
