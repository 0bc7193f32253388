//! Decides whether rotations, draws and readout errors of shots are right: against explicit
//! matrices, exact probabilities and a reference entropy.

use super::*;
use crate::rng::{Generator, Purpose, RngExt, stream};
use num_complex::Complex64;
use std::f64::consts::FRAC_1_SQRT_2;

fn generator(step: u64) -> Generator {
    stream(1, Purpose::Law, 0, step)
}

fn basis(text: &str) -> MeasuredBasis {
    MeasuredBasis::parse(text, text.len(), "bases").unwrap()
}

/// [site] ±1 of a word.
fn spins(word: usize, sites: usize) -> Vec<i8> {
    (0..sites)
        .map(|i| if word >> i & 1 == 1 { 1 } else { -1 })
        .collect()
}

fn word(x: &[i8]) -> usize {
    let bits = x.iter().enumerate();
    bits.fold(0, |w, (i, s)| w | usize::from(*s == 1) << i)
}

fn random_state(sites: usize, rng: &mut Generator) -> Vec<Complex64> {
    let mut draw = || rng.random::<f64>() - 0.5;
    let all: Vec<_> = (0..1 << sites)
        .map(|_| Complex64::new(draw(), draw()))
        .collect();
    let norm = all.iter().map(|a| a.norm_sqr()).sum::<f64>().sqrt();
    all.iter().map(|a| a / norm).collect()
}

/// ⟨s|U|σ⟩ of one site, by the eigenvectors of its Pauli matrix: the outcome's bra on σ.
fn element(axis: MeasuredAxis, s: i8, sigma: i8) -> Complex64 {
    let h = FRAC_1_SQRT_2;
    match (axis, s, sigma) {
        (MeasuredAxis::Z, _, _) => Complex64::new(f64::from(s == sigma), 0.0),
        (MeasuredAxis::X, -1, -1) => Complex64::new(-h, 0.0),
        (_, _, 1) | (MeasuredAxis::X, _, _) => Complex64::new(h, 0.0),
        // The eigenvector of σ^y to ±1 is (1, ±i)/√2; its bra is conjugated.
        (MeasuredAxis::Y, s, _) => Complex64::new(0.0, -h * f64::from(s)),
    }
}

/// U_b(s, σ) for words s, σ.
fn explicit(b: &MeasuredBasis, s: usize, sigma: usize) -> Complex64 {
    let sites = b.0.len();
    let (s, sigma) = (spins(s, sites), spins(sigma, sites));
    (0..sites)
        .map(|i| element(b.0[i], s[i], sigma[i]))
        .product()
}

const BASES: [&str; 5] = ["ZZZZ", "XZZZ", "ZYZX", "YYXZ", "XYXY"];

#[test]
fn rotations_are_those_of_explicit_matrices() {
    for (k, text) in BASES.iter().enumerate() {
        let b = basis(text);
        let psi = random_state(4, &mut generator(k as u64));
        let (mut there, mut back) = (psi.clone(), psi.clone());
        rotate(&mut there, &b);
        rotate_back(&mut back, &b);
        let norm: f64 = there.iter().map(|a| a.norm_sqr()).sum();
        assert!((norm - 1.0).abs() < 1e-14, "{text}: {norm}");
        for s in 0..16 {
            let right: Complex64 = (0..16).map(|w| explicit(&b, s, w) * psi[w]).sum();
            assert!((there[s] - right).norm() < 1e-14, "{text} {s}");
            let right: Complex64 = (0..16).map(|w| explicit(&b, w, s) * psi[w]).sum();
            assert!((back[s] - right).norm() < 1e-14, "{text} {s}, transposed");
        }
    }
}

#[test]
fn eigenstates_have_the_outcome_plus_one() {
    let h = FRAC_1_SQRT_2;
    for (text, down) in [
        ("X", Complex64::new(h, 0.0)),
        ("Y", Complex64::new(0.0, h)),
        ("Z", Complex64::new(0.0, 0.0)),
    ] {
        let up = if text == "Z" { 1.0 } else { h };
        let mut psi = [down, Complex64::new(up, 0.0)];
        rotate(&mut psi, &basis(text));
        assert!(psi[0].norm() < 1e-15 && (psi[1].norm() - 1.0).abs() < 1e-15);
    }
}

#[test]
fn sums_over_contributing_configurations_are_the_rotation() {
    let psi = random_state(4, &mut generator(9));
    for text in BASES {
        let b = basis(text);
        let mut rotated = psi.clone();
        rotate(&mut rotated, &b);
        for (s, right) in rotated.iter().enumerate() {
            let (rows, coefficients) = unrotated(&spins(s, 4), &b);
            assert_eq!(coefficients.len(), 1 << b.rotated().len());
            assert_eq!(rows.len(), 4 * coefficients.len());
            let terms = rows.chunks(4).zip(&coefficients);
            let sum: Complex64 = terms.map(|(x, c)| c * psi[word(x)]).sum();
            assert!((sum - right).norm() < 1e-14, "{text} {s}");
        }
    }
    let (rows, _) = unrotated(&[-1, 1, -1], &basis("XZY"));
    // Bit k of the number of a row is the k-th rotated site.
    assert_eq!(shown(&rows), "-+- ++- -++ +++");
}

/// Rows of three sites as letters.
fn shown(rows: &[i8]) -> String {
    let sign = |s: &i8| if *s == 1 { '+' } else { '-' };
    let rows = rows
        .chunks(3)
        .map(|r| r.iter().map(sign).collect::<String>());
    rows.collect::<Vec<_>>().join(" ")
}

/// Probabilities of all words of a state in a basis.
fn probabilities(psi: &[Complex64], b: &MeasuredBasis) -> Vec<f64> {
    let mut psi = psi.to_vec();
    rotate(&mut psi, b);
    psi.iter().map(|a| a.norm_sqr()).collect()
}

/// A complex state of three sites.
fn target() -> Vec<Complex64> {
    let value = |w: f64| Complex64::new(1.0 + 0.4 * (1.0 + w).sin(), 0.3 * (2.0 + 3.0 * w).cos());
    let all: Vec<_> = (0..8).map(|w| value(f64::from(w))).collect();
    let norm = all.iter().map(|a| a.norm_sqr()).sum::<f64>().sqrt();
    all.iter().map(|a| a / norm).collect()
}

/// The exact distribution of the target in three bases, in a scrambled order and in two halves.
fn exact_shots() -> Shots {
    let mut shots = Shots::new(3);
    for _ in 0..2 {
        for text in ["ZZZ", "XXZ", "ZXY"] {
            let b = basis(text);
            for (w, p) in probabilities(&target(), &b).iter().enumerate().rev() {
                shots.add(&b, &spins(w, 3), p / 2.0);
            }
        }
    }
    shots
}

#[test]
fn exact_probabilities_have_the_entropy_of_the_reference() {
    // Independent program: the mean over the bases of the entropies.
    const ENTROPY: f64 = 1.5188722161557244;
    let apart = exact_shots();
    let joined = exact_shots().joined();
    assert_eq!((apart.len(), joined.len()), (48, 24));
    assert_eq!(joined.bases.len(), 3);
    for shots in [&apart, &joined] {
        assert!((shots.entropy() - ENTROPY).abs() < 1e-14);
    }
    // Counts of one basis do not weigh more than those of another.
    let mut more = joined.clone();
    (0..8).for_each(|k| more.weights[k] *= 1000.0);
    assert!((more.entropy() - ENTROPY).abs() < 1e-14);
    let mut none = Shots::new(3);
    assert_eq!(none.entropy(), 0.0);
    assert!(none.is_empty());
    none.add(&basis("ZZZ"), &[1, 1, 1], 5.0);
    assert_eq!(none.entropy(), 0.0);
}

#[test]
fn rows_are_joined_in_the_order_of_words() {
    let joined = exact_shots().joined();
    for k in 0..joined.len() {
        assert_eq!(joined.basis[k] as usize, k / 8);
        assert_eq!(word(joined.outcome(k)), k % 8);
    }
    assert_eq!(joined.clone().joined(), joined);
    let p = probabilities(&target(), &basis("ZXY"));
    (0..8).for_each(|w| assert!((joined.weights[16 + w] - p[w]).abs() < 1e-15));
}

/// χ² of counts against probabilities, which have no zeros, less its mean, in deviations.
fn deviation(counts: &[f64], probabilities: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let terms = counts
        .iter()
        .zip(probabilities)
        .map(|(n, p)| (n - total * p).powi(2) / (total * p));
    let freedom = counts.len() as f64 - 1.0;
    (terms.sum::<f64>() - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn draws_follow_the_probabilities() {
    let p = probabilities(&target(), &basis("ZXY"));
    let mut counts = vec![0.0; 8];
    let drawn = draw(&p, 100_000, &mut generator(20));
    assert!(drawn.windows(2).all(|w| w[0].0 < w[1].0));
    drawn.iter().for_each(|(w, n)| counts[*w] += *n as f64);
    assert_eq!(counts.iter().sum::<f64>(), 1e5);
    let right = deviation(&counts, &p);
    assert!(right.abs() < 4.0, "{right}");
    let other = probabilities(&target(), &basis("ZZZ"));
    assert!(deviation(&counts, &other) > 100.0);
    // What is impossible is not drawn; nothing can be drawn from nothing.
    let drawn = draw(&[0.0, 3.0, 0.0, 1.0, 0.0], 1000, &mut generator(21));
    let places: Vec<usize> = drawn.iter().map(|d| d.0).collect();
    assert_eq!(places, [1, 3]);
    for nothing in [&[][..], &[0.0, 0.0], &[f64::NAN], &[f64::INFINITY]] {
        assert!(draw(nothing, 5, &mut generator(22)).is_empty());
    }
    assert!(draw(&[1.0], 0, &mut generator(22)).is_empty());
}

#[test]
fn configurations_collapse_with_the_probabilities_of_the_basis() {
    let psi = target();
    let log_psi = |rows: &[i8]| -> Vec<Complex64> {
        // Any constant goes out.
        let value = |x: &[i8]| psi[word(x)].ln() + 800.0;
        rows.chunks(3).map(value).collect()
    };
    let squares = probabilities(&psi, &basis("ZZZ"));
    for (step, text) in ["ZZZ", "XXZ", "ZXY", "YZZ", "YXY"].iter().enumerate() {
        let (b, mut rng) = (basis(text), generator(30 + step as u64));
        let mut counts = vec![0.0; 8];
        for (w, times) in draw(&squares, 50_000, &mut rng) {
            let x = spins(w, 3);
            for _ in 0..times {
                let s = collapse(&x, &b, &log_psi, &mut rng);
                (0..3).for_each(|i| assert!(b.rotated().contains(&i) || s[i] == x[i]));
                counts[word(&s)] += 1.0;
            }
        }
        let right = deviation(&counts, &probabilities(&psi, &b));
        assert!(right.abs() < 4.0, "{text}: {right}");
    }
    let broken = |rows: &[i8]| vec![Complex64::new(f64::NAN, 0.0); rows.len() / 3];
    let x = collapse(&[1, -1, 1], &basis("XZZ"), &broken, &mut generator(36));
    assert_eq!(x, [1, -1, 1]);
}

/// Counts of all words in two bases.
fn counted() -> Shots {
    let mut shots = Shots::new(3);
    for (text, scale) in [("ZZZ", 4000.0), ("XXZ", 400.0)] {
        let b = basis(text);
        for (w, p) in probabilities(&target(), &b).iter().enumerate() {
            shots.add(&b, &spins(w, 3), (p * scale).round() + 1.0);
        }
    }
    shots
}

#[test]
fn shots_are_held_out_one_by_one() {
    let shots = counted();
    let (kept, held) = shots.split(0.25, &mut generator(40));
    let mut both = kept.clone();
    for k in 0..held.len() {
        let b = held.bases[held.basis[k] as usize].clone();
        both.add(&b, held.outcome(k), held.weights[k]);
    }
    let both = both.joined();
    assert_eq!(both, shots, "no shot is lost");
    assert!(held.weights.iter().all(|w| w.fract() == 0.0 && *w > 0.0));
    for (whole, part) in shots.basis_weights().iter().zip(held.basis_weights()) {
        let sigma = (whole * 0.25 * 0.75).sqrt();
        assert!((part - 0.25 * whole).abs() < 4.0 * sigma);
    }
    // Within a basis any shot is held out alike.
    let first = (0..8).map(|k| shots.weights[k] / shots.basis_weights()[0]);
    let first: Vec<f64> = first.collect();
    let drawn: Vec<f64> = held.weights[..8].to_vec();
    assert!(deviation(&drawn, &first).abs() < 4.0);
    let (kept, held) = shots.split(0.0, &mut generator(41));
    assert!(held.is_empty() && kept == shots && held.bases == shots.bases);
    let (kept, held) = shots.split(1.0, &mut generator(41));
    assert!(kept.is_empty() && held == shots);
    let mut part = Shots::new(1);
    part.add(&basis("Z"), &[1], 2.5);
    let (kept, held) = part.split(1.0, &mut generator(42));
    assert_eq!(
        (&kept.weights[..], &held.weights[..]),
        (&[0.5][..], &[2.0][..])
    );
}

#[test]
fn batches_follow_the_shares() {
    let shots = counted();
    let batch = shots.batch(&shots.urn(), 100_000, &mut generator(50));
    assert_eq!(batch.bases, shots.bases);
    assert_eq!(batch.weights.iter().sum::<f64>(), 1e5);
    assert_eq!(batch.clone().joined(), batch);
    assert_eq!(batch.basis, shots.basis, "every row was drawn");
    let right = deviation(&batch.weights, &shots.shares());
    assert!(right.abs() < 4.0, "{right}");
}

#[test]
fn means_over_small_batches_have_no_bias() {
    // Any function of the rows: batches of 3 out of 2 bases often miss one.
    let shots = counted();
    let value = |b: u32, x: &[i8]| 3.0 * f64::from(b) + word(x) as f64;
    let mean = |shots: &Shots| -> f64 {
        let terms = shots.shares().into_iter().enumerate();
        terms
            .map(|(k, share)| share * value(shots.basis[k], shots.outcome(k)))
            .sum()
    };
    let mut rng = generator(51);
    let means: Vec<f64> = (0..20_000)
        .map(|_| mean(&shots.batch(&shots.urn(), 3, &mut rng)))
        .collect();
    let n = means.len() as f64;
    let average = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|m| (m - average).powi(2)).sum::<f64>() / n;
    let deviations = (average - mean(&shots)) / (variance / n).sqrt();
    assert!(deviations.abs() < 4.0, "{deviations}");
}

const ERRORS: [[[f64; 2]; 2]; 3] = [
    [[0.97, 0.08], [0.03, 0.92]],
    [[0.9, 0.0], [0.1, 1.0]],
    [[0.6, 0.3], [0.4, 0.7]],
];

#[test]
fn readout_errors_mix_probabilities() {
    let readout = Readout::new(&ERRORS, 3, "readout").unwrap();
    let p = probabilities(&target(), &basis("XXZ"));
    let mut read = p.clone();
    readout.apply(&mut read);
    assert!((read.iter().sum::<f64>() - 1.0).abs() < 1e-15);
    // Rows and columns 0 of a matrix are the outcome +1.
    let place = |value: i8| usize::from(value == -1);
    for (s, found) in read.iter().enumerate() {
        let x = spins(s, 3);
        let from = |w: usize| -> f64 {
            let y = spins(w, 3);
            (0..3)
                .map(|i| ERRORS[i][place(x[i])][place(y[i])])
                .product()
        };
        let right: f64 = (0..8).map(|w| from(w) * p[w]).sum();
        assert!((found - right).abs() < 1e-15);
    }
    let weights: Vec<f64> = (0..8).map(|w| (1.0 + f64::from(w)).sin()).collect();
    let mut back = weights.clone();
    readout.transpose(&mut back);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    assert!((dot(&weights, &read) - dot(&back, &p)).abs() < 1e-14);
    let one = Readout::new(&ERRORS[..1], 3, "readout").unwrap();
    assert_eq!(one.0, [ERRORS[0]; 3]);
}

#[test]
fn what_is_read_out_follows_the_mixed_probabilities() {
    let readout = Readout::new(&ERRORS, 3, "readout").unwrap();
    let mut p = probabilities(&target(), &basis("XXZ"));
    let mut rng = generator(60);
    let mut counts = vec![0.0; 8];
    for (w, times) in draw(&p, 50_000, &mut rng) {
        for _ in 0..times {
            let mut x = spins(w, 3);
            readout.read_out(&mut x, &mut rng);
            counts[word(&x)] += 1.0;
        }
    }
    readout.apply(&mut p);
    let right = deviation(&counts, &p);
    assert!(right.abs() < 4.0, "{right}");
}
