//! Norm, drawn samples and laws of every network; blocks of questions.

use super::*;
use crate::ansatz::{ANSATZE, Context};
use crate::basis::{Basis, Step};
use crate::lattice::{Boundary, Lattice, LatticeSpec};
use crate::linalg::functions::Elementary;
use crate::rng::{Purpose, stream};
use crate::table::Shelf;

const NETWORKS: [&str; 8] = [
    "features = [4]",
    "features = []",
    "network = 'conv1d'\nfeatures = [3, 2]\nkernel = 3",
    "network = 'conv2d'\nfeatures = [3]\nkernel = [2, 3]",
    "network = 'gru'\nhidden = 3",
    "network = 'rnn2d'\nhidden = 2\npath = 'snake'",
    "network = 'rnn2d'\nhidden = 2",
    "network = 'transformer'\nwidth = 4\nheads = 2\nlayers = 2\nratio = 2\npath = 'snake'",
];

/// A network on a square of `size` sites, away from the kinks of SELU: the first position sees no
/// spin, and differences there are no derivatives.
fn network(keys: &str, size: [usize; 2], twice: Option<i64>) -> Autoregressive {
    network_in(keys, size, twice)
}

/// The same in the precision of `R`.
fn network_in<R: Elementary>(
    keys: &str,
    size: [usize; 2],
    twice: Option<i64>,
) -> Autoregressive<R> {
    let spec = LatticeSpec::regular("square", &size, &[Boundary::Open]);
    let lattice = Lattice::new(&spec).unwrap();
    let basis = Basis::spin_half(lattice.sites, twice).unwrap();
    let context = Context {
        lattice: &lattice,
        basis: &basis,
        origin: 3.into(),
        kinds: Shelf::new(ANSATZE),
        folder: std::path::Path::new("."),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    let mut psi = autoregressive::<R>(&keys.parse().unwrap(), &context).unwrap();
    let moved = |(k, p): (usize, &f64)| p + 0.1 * (1.0 + k as f64).sin();
    let parameters: Vec<f64> = psi.parameters().iter().enumerate().map(moved).collect();
    psi.set_parameters(&parameters).unwrap();
    psi
}

fn all(n: usize, up: Option<usize>) -> Vec<i8> {
    let words = (0..1u32 << n).filter(|w| up.is_none_or(|up| w.count_ones() as usize == up));
    words
        .flat_map(|w| (0..n).map(move |i| if w >> i & 1 == 1 { 1 } else { -1 }))
        .collect()
}

#[test]
fn the_norm_is_one_also_for_large_parameters() {
    for keys in NETWORKS {
        for twice in [None, Some(0), Some(-8), Some(-2), Some(8)] {
            let up = twice.map(|t| ((8 + t) / 2) as usize);
            for scale in [1.0, 30.0, 3000.0] {
                let mut psi = network(keys, [4, 2], twice);
                let large: Vec<f64> = psi.parameters().iter().map(|p| scale * p).collect();
                psi.set_parameters(&large).unwrap();
                let logs = psi.log_psi(&psi.batch(&all(8, up)));
                assert!(logs.iter().all(|l| !l.re.is_nan()));
                let norm: f64 = logs.iter().map(|l| (2.0 * l.re).exp()).sum();
                assert!(
                    (norm - 1.0).abs() < 1e-12,
                    "{keys} {twice:?} {scale} {norm}"
                );
            }
        }
    }
}

/// Sites of the first row of a square lattice see nothing below: with the weights that remain a
/// chain has the same conditional probabilities.
#[test]
fn a_recurrent_chain_is_the_first_row_of_a_square() {
    let square = network("network = 'rnn2d'\nhidden = 2", [4, 2], None);
    let p = &square.parameters();
    // W and G have [hidden, sides x hidden, 2 x sides] entries, M [sides x hidden, hidden].
    let gate = |at: usize| {
        let starts = [0, 4, 16, 20].map(|row| at + row).into_iter();
        let weights = starts.flat_map(|row| [p[row], p[row + 1]]);
        weights.chain([p[at + 32], p[at + 33]])
    };
    let own: Vec<f64> = gate(0)
        .chain(gate(34))
        .chain(p[68..72].iter().copied())
        .chain(p[76..].iter().copied())
        .collect();
    let network = Rnn2d::<f64>::new(4, (4, false), 2, false, 1.0, 3);
    let mut chain = Autoregressive::new(network, (0..4).collect(), None, false);
    chain.set_parameters(&own).unwrap();
    assert_eq!(Rnn2d::<f64>::count(4, 4, 2, false), own.len() as f64);
    assert_eq!(Rnn2d::<f64>::count(8, 4, 2, false), p.len() as f64);
    for x in all(4, None).chunks_exact(4) {
        let both: Vec<i8> = x.iter().chain(&[1, -1, 1, 1]).copied().collect();
        let [of_square, of_chain] = [square.conditionals(&both), chain.conditionals(x)];
        assert_eq!(of_chain.len(), 4);
        let pairs = of_chain.iter().zip(&of_square);
        assert!(
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-14),
            "{x:?}"
        );
    }
}

#[test]
fn outside_the_sector_psi_vanishes() {
    for keys in NETWORKS {
        let psi = network(keys, [4, 2], Some(0));
        let batch = psi.batch(&[1, 1, 1, 1, 1, -1, -1, -1]);
        assert_eq!(psi.log_psi(&batch)[0].re, f64::NEG_INFINITY);
    }
}

/// Pearson's χ² over all configurations, at most five standard deviations above its mean.
#[test]
fn drawn_samples_follow_the_wave_function() {
    for (keys, twice) in NETWORKS
        .into_iter()
        .zip([None, Some(0), Some(-2)].into_iter().cycle())
    {
        let up = twice.map(|t: i64| ((8 + t) / 2) as usize);
        let psi = network(keys, [4, 2], twice);
        let streams = |k| stream(5, Purpose::Law, k, 0);
        let mut rngs: Vec<Generator> = (0..20_000).map(streams).collect();
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
        let off = (chi - degrees).abs();
        assert!(off < 5.0 * (2.0 * degrees).sqrt(), "{keys} {chi} {degrees}");
    }
}

#[test]
fn what_a_generator_draws_does_not_depend_on_the_others() {
    for keys in NETWORKS {
        let psi = network(keys, [4, 2], Some(0));
        let rngs = || (0..100).map(|k| stream(5, Purpose::Law, k, 0));
        let (mut xs, mut weights) = (vec![0; 800], vec![0.0; 100]);
        psi.draw(&mut rngs().collect::<Vec<_>>(), &mut xs, &mut weights);
        let (mut one, mut weight) = (vec![0; 8], vec![0.0]);
        let own = &mut rngs().skip(93).collect::<Vec<_>>()[..1];
        psi.draw(own, &mut one, &mut weight);
        assert_eq!((&one[..], weight[0]), (&xs[744..752], weights[93]));
    }
}

#[test]
fn the_laws_hold_with_and_without_phases_and_a_sector() {
    for keys in NETWORKS {
        for positive in [false, true] {
            for twice in [None, Some(0), Some(2)] {
                let keys = format!("{keys}\npositive = {positive}");
                let mut psi = network(&keys, [3, 2], twice);
                let basis = Basis::spin_half(6, twice).unwrap();
                crate::laws::laws(&mut psi, &basis, 11).unwrap_or_else(|e| panic!("{keys}\n{e}"));
            }
        }
    }
}

/// Many questions of one walker, few of several, and both: the answers are those of single ones,
/// bit for bit.
#[test]
fn questions_do_not_depend_on_how_they_are_put_together() {
    for keys in NETWORKS {
        let psi = network(keys, [5, 4], None);
        let xs: Vec<i8> = (0..5 * 20)
            .map(|k| if k * k % 7 < 3 { 1 } else { -1 })
            .collect();
        let batch = psi.batch(&xs);
        let (mut asks, mut step) = (Asks::default(), Step::default());
        for (walker, questions) in [(0, 20), (1, 2), (2, 3), (3, 90), (4, 1), (0, 1)] {
            for k in 0..questions {
                step.clear();
                let site = (7 * k + walker) % 20;
                step.set(site as u32, -xs[20 * walker + site]);
                if k % 3 == 0 {
                    let other = (site + 1 + k % 5) % 20;
                    step.set(other as u32, -xs[20 * walker + other]);
                }
                asks.push(walker, step.get());
            }
        }
        let mut together = vec![Complex64::ZERO; asks.len()];
        psi.ratios(&batch, &asks, &mut Moved::default(), &mut together);
        for (k, (walker, step)) in asks.iter().enumerate() {
            let (mut own, mut alone) = (Asks::default(), [Complex64::ZERO]);
            own.push(walker, step);
            psi.ratios(&batch, &own, &mut Moved::default(), &mut alone);
            assert_eq!(alone[0], together[k], "{keys} {k}");
            let moved = psi.batch(&step.applied(&xs[20 * walker..20 * (walker + 1)]));
            let log = psi.log_psi(&moved)[0] - psi.log_psi(&batch)[walker];
            assert!(
                (log.exp() - alone[0]).norm() < 1e-11 * alone[0].norm(),
                "{keys} {k}"
            );
        }
    }
}

/// ψ(x')/ψ(x) for flips of every site and of every two neighbours.
fn flips<R: Elementary>(psi: &Autoregressive<R>, xs: &[i8]) -> Vec<Complex64> {
    let (n, mut asks) = (psi.sites(), Asks::default());
    for (walker, x) in xs.chunks_exact(n).enumerate() {
        for i in 0..n {
            asks.flip(walker, x, &[i as u32]);
            asks.flip(walker, x, &[i as u32, ((i + 1) % n) as u32]);
        }
    }
    let mut out = vec![Complex64::ZERO; asks.len()];
    psi.ratios(&psi.batch(xs), &asks, &mut Moved::default(), &mut out);
    out
}

#[test]
fn single_precision_agrees_with_double_and_is_normalised() {
    for keys in NETWORKS {
        let double = network(keys, [5, 4], None);
        let single: Autoregressive<f32> = network_in(keys, [5, 4], None);
        assert_eq!(single.parameters(), double.parameters());
        assert!(single.facts().precision > double.facts().precision);
        let sign = |k: usize| if k * k % 7 < 3 { 1 } else { -1 };
        let xs: Vec<i8> = (0..10 * 20).map(sign).collect();
        let (rough, exact) = (flips(&single, &xs), flips(&double, &xs));
        let errors = rough.iter().zip(&exact).map(|(a, b)| (a / b - 1.0).norm());
        let worst = errors.fold(0.0, f64::max);
        assert!(worst < 1e-4 && worst > 0.0, "{keys}: {worst}");
        let rough = single.derivatives(&single.batch(&xs)).written_out();
        let exact = double.derivatives(&double.batch(&xs)).written_out();
        let (rows, columns) = exact.dim();
        let (mut size, mut worst) = (1.0, 0.0);
        for (k, c) in (0..rows).flat_map(|k| (0..columns).map(move |c| (k, c))) {
            size = f64::max(size, exact.get(k, c).norm());
            worst = f64::max(worst, (exact.get(k, c) - rough.get(k, c)).norm());
        }
        assert!(worst < 1e-4 * size, "{keys}: {worst} of {size}");
        let small: Autoregressive<f32> = network_in(keys, [4, 2], Some(0));
        let logs = small.log_psi(&small.batch(&all(8, Some(4))));
        let norm: f64 = logs.iter().map(|l| (2.0 * l.re).exp()).sum();
        assert!((norm - 1.0).abs() < 1e-12, "{keys}: {norm}");
    }
}

#[test]
fn a_wave_function_that_is_not_complex_is_positive() {
    for keys in NETWORKS {
        let one = network(&format!("{keys}\ncomplex = false"), [4, 2], None);
        let other = network(&format!("{keys}\npositive = true"), [4, 2], None);
        assert_eq!(one.parameters(), other.parameters());
        assert!(one.facts().positive);
        let whole = network(
            &format!("{keys}\ncomplex = true\npositive = false"),
            [4, 2],
            None,
        );
        assert!(!whole.facts().positive);
    }
}
