//! Golden numbers, normalisation and drawn samples of masked networks.

use super::*;
use crate::ansatz::Matrix;
use crate::basis::Basis;
use crate::rng::{Purpose, stream};

/// p_k = A sin(0.11 + 0.37 k + 0.0013 k²).
fn golden(up: Option<usize>) -> Autoregressive<Made> {
    let made = Made::new(8, &[4], 4, 1.0, 1);
    let mut psi = Autoregressive::new(made, (0..8).collect(), up, false);
    let number = |k: usize| {
        let k = k as f64;
        0.15 * (0.11 + 0.37 * k + 0.0013 * k * k).sin()
    };
    let count = psi.parameters().len();
    psi.set_parameters(&(0..count).map(number).collect::<Vec<_>>())
        .unwrap();
    psi
}

fn spins(up: &[usize]) -> Vec<i8> {
    (0..8)
        .map(|i| if up.contains(&i) { 1 } else { -1 })
        .collect()
}

fn all(n: usize, up: Option<usize>) -> Vec<i8> {
    let words = (0..1u32 << n).filter(|w| up.is_none_or(|up| w.count_ones() as usize == up));
    words
        .flat_map(|w| (0..n).map(move |i| if w >> i & 1 == 1 { 1 } else { -1 }))
        .collect()
}

#[track_caller]
fn close(a: Complex64, re: f64, im: f64) {
    assert!((a - Complex64::new(re, im)).norm() < 1e-9, "{a} {re} {im}");
}

#[test]
fn golden_numbers_with_and_without_a_sector() {
    let psi = golden(None);
    let parameters = psi.parameters();
    assert_eq!(parameters.len(), 752);
    let cosines = |k: usize| (k as f64).cos();
    let sum: f64 = parameters
        .iter()
        .enumerate()
        .map(|(k, p)| p * cosines(k))
        .sum();
    assert!((sum + 0.11652172791028037).abs() < 1e-12);
    let cases = [
        (
            None,
            [-2.3386485210416694, 0.6282403620425194],
            [-3.105842367455756, 0.39047415799146235],
            [-0.6788076792814208, -3.887750643008447],
            42.60384157834298,
        ),
        (
            Some(4),
            [-2.1358828328266464, 0.6282403620425194],
            [-2.860869668680011, 0.39047415799146235],
            [-0.04949482523926063, -3.887750643008447],
            40.44454355367992,
        ),
    ];
    for (up, neel, mixed, cosine, norm) in cases {
        let psi = golden(up);
        let xs = [spins(&[0, 2, 4, 6]), spins(&[0, 1, 3, 6])].concat();
        let batch = psi.batch(&xs);
        let log = psi.log_psi(&batch);
        close(log[0], neel[0], neel[1]);
        close(log[1], mixed[0], mixed[1]);
        let Matrix::Complex(o) = psi.derivatives(&batch).written_out() else {
            panic!("log-derivatives are complex");
        };
        let row = o.row(1);
        let sum: Complex64 = row.iter().enumerate().map(|(k, o)| o * cosines(k)).sum();
        close(sum, cosine[0], cosine[1]);
        let squares: f64 = row.iter().map(Complex64::norm_sqr).sum();
        assert!((squares - norm).abs() < 1e-9 * norm, "{squares} {norm}");
    }
}

#[test]
fn golden_conditional_probabilities() {
    let batch = golden(Some(4)).batch(&spins(&[0, 1, 3, 6]));
    let p = [
        0.4161718780942761,
        0.5328316525837465,
        0.5171713694271257,
        0.4408749898506978,
    ];
    for (p, heads) in p.iter().zip(batch.heads.chunks_exact(4)) {
        assert!((conditional(heads, [true; 2])[0].exp() - p).abs() < 1e-12);
    }
    let last = conditional(&batch.heads[28..], [false, true]);
    assert_eq!(last, [f64::NEG_INFINITY, 0.0]);
}

#[test]
fn the_norm_is_one_also_for_large_parameters() {
    for up in [None, Some(4), Some(0), Some(3), Some(8)] {
        for scale in [1.0, 30.0, 3000.0] {
            let mut psi = golden(up);
            let large: Vec<f64> = psi.parameters().iter().map(|p| scale * p).collect();
            psi.set_parameters(&large).unwrap();
            let logs = psi.log_psi(&psi.batch(&all(8, up)));
            assert!(logs.iter().all(|l| !l.re.is_nan()));
            let norm: f64 = logs.iter().map(|l| (2.0 * l.re).exp()).sum();
            assert!((norm - 1.0).abs() < 1e-12, "{up:?} {scale} {norm}");
        }
    }
}

/// Energy and variance on a ring of eight from ψ of every configuration: of the transverse-field
/// Ising model at h = J = 1, and in the sector of the Heisenberg model with the sign rule.
#[test]
fn golden_energies() {
    let cases = [
        (None, -6.736645628933332, 13.053892184823198),
        (Some(4), -1.6469857710605702, 2.824956002890896),
    ];
    for (up, energy, variance) in cases {
        let (psi, states) = (golden(up), all(8, up));
        let amplitude = |x: &[i8]| psi.log_psi(&psi.batch(x))[0].exp();
        let changed = |x: &[i8], sites: &[usize]| {
            let mut y = x.to_vec();
            sites.iter().for_each(|&i| y[i] = -y[i]);
            amplitude(&y)
        };
        let applied = |x: &[i8]| -> Complex64 {
            let bond = |i: usize| {
                let (j, own) = ((i + 1) % 8, amplitude(x));
                let zz = f64::from(x[i] * x[j]);
                match up {
                    None => -zz * own - changed(x, &[i]),
                    Some(_) if zz < 0.0 => 0.25 * zz * own - 0.5 * changed(x, &[i, j]),
                    Some(_) => 0.25 * zz * own,
                }
            };
            (0..8).map(bond).sum()
        };
        let rows = states.chunks_exact(8);
        let found: Vec<_> = rows.map(|x| (amplitude(x), applied(x))).collect();
        let mean: Complex64 = found.iter().map(|(psi, h)| psi.conj() * h).sum();
        let square: f64 = found.iter().map(|(_, h)| h.norm_sqr()).sum();
        close(mean, energy, 0.0);
        assert!((square - energy * energy - variance).abs() < 1e-9);
    }
}

#[test]
fn outside_the_sector_psi_vanishes() {
    let psi = golden(Some(4));
    let batch = psi.batch(&spins(&[0, 1, 2, 3, 4]));
    assert_eq!(psi.log_psi(&batch)[0].re, f64::NEG_INFINITY);
}

/// Pearson's χ² over all configurations, at most five standard deviations above its mean.
#[test]
fn drawn_samples_follow_the_wave_function() {
    for (up, path) in [(None, false), (Some(4), false), (Some(3), true)] {
        let path: Vec<usize> = if path {
            (0..8).rev().collect()
        } else {
            (0..8).collect()
        };
        let psi = Autoregressive::new(golden(None).network, path, up, false);
        let streams = |k| stream(5, Purpose::Law, k, 0);
        let mut rngs: Vec<Generator> = (0..40_000).map(streams).collect();
        let (mut xs, mut weights) = (vec![0; 8 * rngs.len()], vec![0.0; rngs.len()]);
        psi.draw(&mut rngs, &mut xs, &mut weights);
        let logs = psi.log_psi(&psi.batch(&xs));
        for (log, weight) in logs.iter().zip(&weights) {
            assert!((2.0 * log.re - weight).abs() < 1e-12);
        }
        let word = |x: &[i8]| x.iter().rev().fold(0, |w, &s| 2 * w + usize::from(s > 0));
        let mut counts = vec![0.0; 256];
        xs.chunks_exact(8).for_each(|x| counts[word(x)] += 1.0);
        let states = all(8, up);
        let logs = psi.log_psi(&psi.batch(&states));
        let (mut chi, mut cells, mut seen) = (0.0, 0.0, 0.0);
        for (x, log) in states.chunks_exact(8).zip(logs) {
            let expected = rngs.len() as f64 * (2.0 * log.re).exp();
            chi += (counts[word(x)] - expected).powi(2) / expected;
            seen += counts[word(x)];
            cells += 1.0;
        }
        assert_eq!(seen, rngs.len() as f64);
        let degrees: f64 = cells - 1.0;
        assert!(
            (chi - degrees).abs() < 5.0 * (2.0 * degrees).sqrt(),
            "{chi} {degrees}"
        );
    }
}

#[test]
fn what_a_generator_draws_does_not_depend_on_the_others() {
    let psi = golden(Some(4));
    let rngs = || (0..5).map(|k| stream(5, Purpose::Law, k, 0));
    let (mut xs, mut weights) = (vec![0; 40], vec![0.0; 5]);
    psi.draw(&mut rngs().collect::<Vec<_>>(), &mut xs, &mut weights);
    let (mut one, mut weight) = (vec![0; 8], vec![0.0]);
    psi.draw(
        &mut rngs().skip(3).collect::<Vec<_>>()[..1],
        &mut one,
        &mut weight,
    );
    assert_eq!((&one[..], weight[0]), (&xs[24..32], weights[3]));
}

/// The first position sees no spin: with its starting bias 0 it stands where SELU has a kink, and
/// differences are no derivatives.
fn away_from_kinks(psi: &mut Autoregressive<Made>) {
    let moved = |(k, p): (usize, &f64)| p + 0.1 * (1.0 + k as f64).sin();
    let parameters: Vec<f64> = psi.parameters().iter().enumerate().map(moved).collect();
    psi.set_parameters(&parameters).unwrap();
}

#[test]
fn the_laws_hold_with_and_without_phases_and_a_sector() {
    for positive in [false, true] {
        for twice in [None, Some(0), Some(2)] {
            let made = Made::new(6, &[3, 2], if positive { 2 } else { 4 }, 1.0, 3);
            let up = twice.map(|t: i64| (6 + t as usize) / 2);
            let path = vec![0, 1, 2, 5, 4, 3];
            let mut psi = Autoregressive::new(made, path, up, positive);
            away_from_kinks(&mut psi);
            let basis = Basis::spin_half(6, twice).unwrap();
            crate::laws::laws(&mut psi, &basis, 11).unwrap();
        }
    }
}
