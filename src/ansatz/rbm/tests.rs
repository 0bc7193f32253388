//! Decides whether a restricted Boltzmann machine is right: golden values, long walks, tied
//! filters, many units.

use super::*;
use crate::basis::Basis;
use crate::laws::laws;
use crate::rng::{Purpose, RngExt, stream};

fn ring(sites: usize) -> Group {
    Group {
        permutations: (0..sites)
            .map(|t| (0..sites).map(|j| ((j + t) % sites) as u32).collect())
            .collect(),
    }
}

/// Translations by two sites, under which even and odd sites are separate orbits.
fn half_ring(sites: usize) -> Group {
    Group {
        permutations: ring(sites).permutations.into_iter().step_by(2).collect(),
    }
}

fn golden() -> Rbm<Complex64> {
    let mut parameters = Vec::new();
    let mut push = |re: f64, im: f64| parameters.extend([re, im]);
    for i in 0..6 {
        let i = f64::from(i);
        push(0.10 * (1.0 + i).cos(), 0.05 * (2.0 + i).sin());
    }
    for j in 0..6 {
        let j = f64::from(j);
        push(0.08 * (1.0 + j).sin(), 0.06 * (3.0 + j).cos());
    }
    for i in 0..6 {
        for j in 0..6 {
            let (i, j) = (f64::from(i), f64::from(j));
            push(
                0.12 * (1.0 + i + 2.0 * j).cos(),
                0.07 * (2.0 + 3.0 * i + j).sin(),
            );
        }
    }
    let mut rbm = Rbm::dense(6, 6, true, true, 0.0, 0);
    rbm.set_parameters(&parameters).unwrap();
    rbm
}

#[test]
fn golden_amplitudes() {
    let rbm = golden();
    let logs = rbm.log_psi(&rbm.batch(&[1, 1, 1, 1, 1, 1, 1, -1, 1, -1, 1, -1]));
    let up = Complex64::new(-0.023616643813040, -0.032436137792240);
    let neel = Complex64::new(-0.175638321120265, 0.067718029921078);
    assert!((logs[0] - up).norm() < 1e-14, "{}", logs[0]);
    assert!((logs[1] - neel).norm() < 1e-14, "{}", logs[1]);
}

#[test]
fn laws_hold_with_and_without_biases_and_ties() {
    for up in [None, Some(0)] {
        let basis = Basis::spin_half(6, up).unwrap();
        for (a, b) in [(true, true), (false, true), (true, false), (false, false)] {
            laws(&mut Rbm::<f64>::dense(6, 9, a, b, 0.3, 1), &basis, 1).unwrap();
            laws(&mut Rbm::<Complex64>::dense(6, 35, a, b, 0.1, 2), &basis, 2).unwrap();
            for group in [ring(6), half_ring(6)] {
                laws(
                    &mut Rbm::<f64>::symmetric(6, 2, &group, a, b, 0.2, 3),
                    &basis,
                    3,
                )
                .unwrap();
                laws(
                    &mut Rbm::<Complex64>::symmetric(6, 2, &group, a, b, 0.2, 4),
                    &basis,
                    4,
                )
                .unwrap();
            }
        }
    }
}

#[test]
fn laws_hold_with_large_weights() {
    let basis = Basis::spin_half(8, None).unwrap();
    for seed in 0..5 {
        laws(
            &mut Rbm::<f64>::dense(8, 10, true, true, 3.0, seed),
            &basis,
            seed,
        )
        .unwrap();
    }
}

fn symmetric_is_expanded<T: Kernel>(group: &Group, sites: usize) {
    let rbm = Rbm::<T>::symmetric(sites, 2, group, true, true, 0.3, 11);
    let dense = rbm.expanded();
    let basis = Basis::spin_half(sites, None).unwrap();
    let mut rng = stream(5, Purpose::Law, 0, 0);
    for _ in 0..10 {
        let x = basis.random(&mut rng);
        let log = rbm.log_psi(&rbm.batch(&x))[0];
        assert!((log - dense.log_psi(&dense.batch(&x))[0]).norm() < 1e-13);
        for g in &group.permutations {
            let moved: Vec<i8> = g.iter().map(|&j| x[j as usize]).collect();
            assert!((rbm.log_psi(&rbm.batch(&moved))[0] - log).norm() < 1e-13);
        }
    }
}

#[test]
fn tied_filters_are_a_dense_machine_and_invariant() {
    // A ring with reflections, so that elements differ from their inverses and do not commute.
    let mut dihedral = ring(5);
    for t in 0..5 {
        dihedral
            .permutations
            .push((0..5).map(|j| ((t + 5 - j) % 5) as u32).collect());
    }
    for (group, sites) in [(ring(6), 6), (half_ring(6), 6), (dihedral, 5)] {
        symmetric_is_expanded::<f64>(&group, sites);
        symmetric_is_expanded::<Complex64>(&group, sites);
    }
}

/// Flips the spins one after the other, down and up again, so that θ of every unit walks to ±40
/// and beyond.
fn walk<T: Kernel>(weight: T) {
    let (sites, hidden) = (20, 3);
    let mut rbm = Rbm::<T>::dense(sites, hidden, false, false, 0.0, 0);
    let signs = [1.0, -1.0, 0.5];
    rbm.set_parameters(&flatten(
        (0..sites * hidden).map(|k| weight * signs[k % hidden]),
    ))
    .unwrap();
    let mut x = vec![1i8; sites];
    let (mut batch, mut scratch) = (rbm.batch(&x), RbmScratch::default());
    for turn in 0..40 {
        for site in 0..sites {
            let mut asks = Asks::default();
            asks.flip(0, &x, &[site as u32]);
            let mut ratio = [Complex64::ZERO];
            rbm.ratios(&batch, &asks, &mut scratch, &mut ratio);
            rbm.accept(&mut batch, &asks, &[true], &mut scratch);
            x[site] = -x[site];
            let fresh = rbm.batch(&x);
            asks.clear();
            asks.flip(0, &x, &[site as u32]);
            let log = rbm.log_psi(&batch)[0] - rbm.log_psi(&fresh)[0];
            assert!(
                (log.exp() - 1.0).norm() < 1e-10,
                "turn {turn} site {site}: {log}"
            );
            let mut anew = [Complex64::ZERO];
            rbm.ratios(&fresh, &asks, &mut scratch, &mut anew);
            rbm.ratios(&batch, &asks, &mut scratch, &mut ratio);
            assert!(
                (ratio[0] - anew[0]).norm() < 1e-10 * anew[0].norm(),
                "{} {}",
                ratio[0],
                anew[0]
            );
            let exact = walkers::ratio_from_theta(&rbm, &fresh, 0, asks.get(0).1, &mut scratch);
            assert!(
                (ratio[0] - exact).norm() < 1e-10 * exact.norm(),
                "{} {exact}",
                ratio[0]
            );
        }
    }
}

#[test]
fn long_walks_to_large_theta_and_back() {
    for reach in [40.0, 100.0, 500.0] {
        walk(reach / 20.0);
        walk(Complex64::new(reach / 20.0, 0.37));
    }
}

#[test]
fn many_units_do_not_overflow() {
    fn run<T: Kernel>(weight: T) {
        let (sites, hidden) = (4, 100_000);
        let mut rbm = Rbm::<T>::dense(sites, hidden, true, true, 0.0, 0);
        let mut rng = stream(2, Purpose::Law, 0, 0);
        let count = sites + hidden + sites * hidden;
        let values = (0..count).map(|_| weight * (rng.random::<f64>() - 0.5));
        rbm.set_parameters(&flatten(values)).unwrap();
        let x = [1, -1, 1, 1];
        let batch = rbm.batch(&x);
        let mut asks = Asks::default();
        let moves: [&[u32]; 4] = [&[0], &[1, 2], &[3, 1], &[0, 1, 2]];
        moves.iter().for_each(|sites| asks.flip(0, &x, sites));
        let mut out = vec![Complex64::ZERO; asks.len()];
        let mut scratch = RbmScratch::default();
        rbm.ratios(&batch, &asks, &mut scratch, &mut out);
        for ((_, step), ratio) in asks.iter().zip(&out) {
            let exact = walkers::ratio_from_theta(&rbm, &batch, 0, step, &mut scratch);
            assert!(ratio.is_finite() && *ratio != Complex64::ZERO);
            assert!(
                (ratio - exact).norm() < 1e-8 * exact.norm(),
                "{ratio} {exact}"
            );
        }
    }
    run::<f64>(0.9);
    run::<f64>(1.5);
    run(Complex64::new(0.5, 0.4));
}

#[test]
fn blocks_name_what_there_is() {
    let names = |rbm: Rbm<f64>| {
        rbm.layout()
            .into_iter()
            .map(|b| (b.name, b.shape))
            .collect::<Vec<_>>()
    };
    let tied = names(Rbm::symmetric(6, 2, &half_ring(6), true, true, 0.1, 0));
    assert_eq!(
        tied,
        [
            ("a".into(), vec![2]),
            ("b".into(), vec![2]),
            ("W".into(), vec![2, 6])
        ]
    );
    assert_eq!(
        names(Rbm::dense(3, 4, false, false, 0.1, 0)),
        [("W".into(), vec![3, 4])]
    );
}
