//! Decides whether contractions of a network are what sums over all its bonds are, how small
//! boundaries come near to them, and that bonds of one value make a product.

use super::*;
use crate::basis::Basis;
use crate::laws::laws;
use crate::number::Scalar;
use crate::rng::{Purpose, stream};

/// Σ over all bonds of the product of tensors, site after site: the legs that are open are those
/// to the right and up.
fn by_hand(state: &Pairs<Complex64>, x: &[i8]) -> Complex64 {
    let [lx, ly] = state.size;
    // Number of each bond that crosses the front: one up leg per column, and one to the right.
    let mut open = std::collections::BTreeMap::from([((vec![0; lx], 0), Complex64::ONE)]);
    for site in 0..lx * ly {
        let [left, right, down, up] = extents(state.size, state.bond, site);
        let numbers = state.site(site, x[site]).numbers();
        let mut next = std::collections::BTreeMap::new();
        for ((legs, l), value) in open {
            assert!(l < left && legs[site % lx] < down);
            for (r, u) in (0..right).flat_map(|r| (0..up).map(move |u| (r, u))) {
                let at = ((l * right + r) * down + legs[site % lx]) * up + u;
                let mut legs = legs.clone();
                legs[site % lx] = u;
                *next.entry((legs, r)).or_insert(Complex64::ZERO) += value * numbers[at];
            }
        }
        open = next;
    }
    open.values().sum()
}

fn random(size: [usize; 2], bond: usize, most: usize) -> Pairs<Complex64> {
    let mut state = Pairs::new(size, bond, most, 0.0, 1);
    let mut rng = stream(9, Purpose::Law, 0, 0);
    let numbers = (0..state.tensors.len()).map(|_| Complex64::normal(&mut rng));
    state.tensors = numbers.collect();
    state
}

fn spins(state: &Pairs<Complex64>, number: u64) -> Vec<i8> {
    let basis = Basis::spin_half(state.sites(), None).unwrap();
    basis.random(&mut stream(number, Purpose::Law, 1, 0))
}

#[test]
fn exact_contractions_are_sums_over_all_bonds() {
    for (size, bond) in [
        ([3, 3], 2),
        ([2, 4], 3),
        ([4, 2], 3),
        ([5, 1], 3),
        ([1, 5], 3),
    ] {
        let state = random(size, bond, 0);
        for number in 0..4 {
            let x = spins(&state, number);
            let (log, sum) = (state.log_psi(&state.batch(&x))[0], by_hand(&state, &x));
            assert!(
                (log.exp() / sum - 1.0).norm() < 1e-12,
                "{size:?}: {} {sum}",
                log.exp()
            );
        }
        assert_eq!(state.discarded.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn networks_obey_the_laws() {
    for (size, bond, most) in [
        ([3, 3], 2, 4),
        ([2, 4], 2, 0),
        ([4, 3], 2, 4),
        ([3, 2], 3, 9),
    ] {
        let basis = Basis::spin_half(size[0] * size[1], None).unwrap();
        let mut state = Pairs::<Complex64>::new(size, bond, most, 0.3, 4);
        laws(&mut state, &basis, 6).unwrap_or_else(|e| panic!("{size:?}: {e}"));
        let mut real = Pairs::<f64>::new(size, bond, most, 0.3, 4);
        laws(&mut real, &basis, 6).unwrap_or_else(|e| panic!("real, {size:?}: {e}"));
    }
}

/// Relative errors of one amplitude of random tensors, 4 × 4 sites with bonds of 2.
#[test]
fn larger_boundaries_come_nearer() {
    let errors = [1, 2, 3, 4].map(|most| {
        let state = random([4, 4], 2, most);
        let mut worst = 0.0f64;
        for number in 0..8 {
            let x = spins(&state, number);
            let log = state.log_psi(&state.batch(&x))[0];
            worst = worst.max((log.exp() / by_hand(&state, &x) - 1.0).norm());
        }
        (
            worst,
            f64::from_bits(state.discarded.load(Ordering::Relaxed)),
        )
    });
    println!("{errors:?}");
    assert!(errors[1].0 > 0.01 && errors[1].1 > 1e-3, "{errors:?}");
    assert!(
        errors[2].1 < errors[1].1 && errors[1].1 < errors[0].1,
        "{errors:?}"
    );
    assert!(errors[3].0 < 1e-13 && errors[3].1 == 0.0, "{errors:?}");
}

#[test]
fn bonds_of_one_value_make_a_product() {
    let size = [4, 3];
    let state = Pairs::<Complex64>::new(size, 1, 0, 0.5, 3);
    let x = spins(&state, 2);
    let factor = |(site, &spin): (usize, &i8)| state.tensors[2 * site + usize::from(spin < 0)];
    let product: Complex64 = x.iter().enumerate().map(factor).product();
    let batch = state.batch(&x);
    assert!((state.log_psi(&batch)[0].exp() / product - 1.0).norm() < 1e-13);
    let mut asks = Asks::default();
    (0..12).for_each(|site| asks.flip(0, &x, &[site]));
    let mut out = [Complex64::ZERO; 12];
    state.ratios(&batch, &asks, &mut (), &mut out);
    for (site, ratio) in out.into_iter().enumerate() {
        let flipped = state.tensors[2 * site + usize::from(x[site] > 0)];
        let wanted = flipped / state.tensors[2 * site + usize::from(x[site] < 0)];
        assert!((ratio - wanted).norm() < 1e-12 * wanted.norm());
    }
}

#[test]
fn amplitudes_that_vanish_have_defined_ratios() {
    let mut state = Pairs::<f64>::new([2, 2], 2, 4, 0.2, 3);
    // The first site is down nowhere.
    state.tensors[4..8].fill(0.0);
    let xs = [1, 1, 1, 1, -1, 1, 1, 1];
    let batch = state.batch(&xs);
    let logs = state.log_psi(&batch);
    assert!(logs[0].re.is_finite() && logs[1].re == f64::NEG_INFINITY);
    let mut asks = Asks::default();
    for (k, site) in [(0, 0), (1, 0), (1, 3)] {
        asks.flip(k, &xs[4 * k..][..4], &[site]);
    }
    let mut out = [Complex64::ONE; 3];
    state.ratios(&batch, &asks, &mut (), &mut out);
    assert_eq!(out.map(|z| z.re), [0.0, f64::INFINITY, 0.0]);
}
