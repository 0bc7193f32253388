//! Slices, their correlations, and world lines that go on from bytes.

use crate::circuits::{exchange, ising};
use nishina::clusters::Words;
use nishina::rng::{Purpose, stream};
use nishina::worldlines::circuit::{Circuit, Gate, Start};
use nishina::worldlines::correlations::{TimeWindow, correlations, gap};
use nishina::worldlines::trotter::Trotter;
use nishina::worldlines::{EnergyLines, Terms, gibbs_lines, lines};
use num_complex::Complex64;

fn words(seed: u64) -> Words {
    Words::new(&mut stream(seed, Purpose::Law, 1, 0))
}

#[test]
fn world_lines_go_on_from_bytes_to_the_bit() {
    let half = Start::Sector { up: 3 };
    for (circuit, terms) in [
        ising(6, 1.0, 1.0, 0.2, 0.1, 5),
        exchange(6, 1.0, Start::Uniform, 0.1, 5),
        exchange(6, 1.5, half, 0.1, 5),
    ] {
        let new = || EnergyLines::new(&circuit, terms.clone()).unwrap();
        let (mut whole, mut part) = (new(), new());
        let mut rng = words(1);
        (0..20).for_each(|_| whole.sweep(&mut rng));
        let bytes = whole.export();
        part.import(&bytes).unwrap();
        assert_eq!(part.lines().visible(), whole.lines().visible());
        let (mut first, mut second) = (words(2), words(2));
        for _ in 0..20 {
            whole.sweep(&mut first);
            part.sweep(&mut second);
            assert_eq!(whole.columns().unwrap(), part.columns().unwrap());
        }
        assert_eq!(whole.export(), part.export());
        assert!(part.import(&bytes[1..]).is_err());
        assert!(part.import(&[bytes, vec![0]].concat()).is_err());
    }
}

#[test]
fn slices_meet_at_the_visible_configuration() {
    let half = Start::Sector { up: 3 };
    for (circuit, slices) in [
        (ising(6, 1.0, 1.0, 0.0, 0.3, 4).0, 10),
        (exchange(6, 1.0, half, 0.3, 4).0, 20),
    ] {
        let (mut rng, mut lines) = (words(3), lines(&circuit).unwrap());
        for _ in 0..10 {
            lines.sweep(&mut rng);
            let mut all = Vec::new();
            lines.each_slice(&mut |slice| all.push(slice.to_vec()));
            assert_eq!(all.len(), slices);
            assert_eq!(all[slices / 2 - 1], lines.visible());
            assert_eq!(all[slices / 2], lines.visible());
        }
    }
}

/// Means of so many sweeps of the correlations of Σ σᶻ over `reach` slices about the middle.
fn decays(circuit: &Circuit, reach: usize, sweeps: usize) -> Vec<f64> {
    let (mut rng, mut lines) = (words(4), lines(circuit).unwrap());
    let mut slices = 0usize;
    lines.each_slice(&mut |_| slices += 1);
    let middle = slices / 2 - 1;
    // The visible slice comes twice.
    let after = (1..=reach).map(|t| middle + 1 + t);
    let window = TimeWindow {
        slices: (middle - reach..=middle).chain(after).collect(),
    };
    let mut sums = vec![0.0; 2 * reach + 1];
    let mut spins = Vec::new();
    for _ in 0..sweeps {
        lines.sweep(&mut rng);
        spins.clear();
        window.take(&*lines, &mut spins);
        let sum = |x: &[i8]| Complex64::from(x.iter().map(|s| f64::from(*s)).sum::<f64>());
        let values: Vec<_> = spins.chunks(circuit.sites).map(sum).collect();
        let columns = correlations(&values, 1, 2 * reach);
        sums.iter_mut().zip(columns).for_each(|(s, c)| *s += c);
    }
    sums.iter().map(|sum| sum / sweeps as f64).collect()
}

#[test]
fn correlations_decay_with_the_gap() {
    // One spin, in a field that only keeps slices apart: the gap of e^{y σˣ} is 2 y/step, exactly.
    let (circuit, _) = ising(1, 1.0, 1.0, 1e-9, 0.1, 60);
    let found = decays(&circuit, 10, 20_000);
    for (k, c) in found.iter().enumerate() {
        let wanted = (-0.2 * k as f64).exp();
        assert!((c - wanted).abs() < 0.03, "{k}: {c}");
    }
    assert!((gap(&found, (0, 5), 0.5) - 2.0).abs() < 0.1);
}

#[test]
fn the_gap_of_a_ring_is_that_of_its_spectrum() {
    // The critical ring of 4: E_0 = -5.2262518595 and E_1 = -4.8284271247.
    let (circuit, _) = ising(4, 1.0, 1.0, 0.0, 0.1, 80);
    let gap = gap(&decays(&circuit, 10, 20_000), (2, 12), 1.0);
    assert!((gap - 0.3978).abs() < 0.03, "{gap}");
}

#[test]
fn windows_stand_one_step_apart_about_the_middle() {
    let terms = Terms {
        pairs: vec![([0, 1], 1.0), ([1, 2], 1.0), ([2, 3], 1.0)],
        exchanges: vec![([0, 1], -1.0), ([1, 2], -1.0), ([2, 3], -1.0)],
        ..Terms::default()
    };
    let three = [vec![[0, 1]], vec![[1, 2]], vec![[2, 3]]];
    let steps = Trotter::exchange(4, Start::Uniform, &terms, &three, 0.1).unwrap();
    // Layers 0 1 2 1 0 1 2 1 0 of the ket: slice 4 stands before the second layer 0.
    assert_eq!(steps.times(2, 2).unwrap(), [0, 4, 8, 13, 17]);
    assert_eq!(steps.window(2, 2).unwrap().slices, [0, 4, 8, 14, 18]);
    assert_eq!(steps.window(2, 1).unwrap().slices, [4, 8, 14]);
    assert!(steps.window(2, 3).is_err());
    let flips = Terms {
        pairs: terms.pairs.clone(),
        flips: (0..4).map(|l| (l, -1.0)).collect(),
        ..Terms::default()
    };
    let ising = Trotter::ising(4, Start::Uniform, &flips, 0.1).unwrap();
    // Slices 0 to 3 of the ket, 4 to 7 of the bra.
    assert_eq!(ising.window(3, 2).unwrap().slices, [1, 2, 3, 5, 6]);
    assert_eq!(ising.times(3, 1).unwrap(), [4, 6, 9]);
    let fields = Terms {
        flips: flips.flips,
        ..Terms::default()
    };
    let free = Trotter::ising(4, Start::Uniform, &fields, 0.1).unwrap();
    assert!(free.window(3, 1).is_err());
}

#[test]
fn sites_that_are_not_flipped_stay() {
    let pair = Gate::Pair { l: 0, m: 1, x: 0.2 };
    let flip = Gate::Flip { l: 0, y: 0.3 };
    let circuit = Circuit {
        sites: 2,
        start: Start::Uniform,
        layers: [pair, flip, pair].map(|gate| vec![gate].into()).to_vec(),
    };
    let (mut rng, mut lines) = (words(5), lines(&circuit).unwrap());
    for _ in 0..50 {
        lines.sweep(&mut rng);
        let mut last = Vec::new();
        lines.each_slice(&mut |slice| last.push(slice[1]));
        assert!(last.windows(2).all(|two| two[0] == two[1]));
    }
    assert!(gibbs_lines(&circuit).is_err());
}

#[test]
fn gates_that_do_not_fit_are_errors() {
    let exchange = |l, t| Gate::Exchange {
        l,
        m: 1,
        t,
        jz: 1.0,
        jxy: 1.0,
    };
    let (flip, half) = (Gate::Flip { l: 0, y: 0.3 }, Start::Sector { up: 1 });
    for (gates, start) in [
        (vec![flip], half),
        (vec![flip, exchange(0, 0.1)], Start::Uniform),
        (vec![exchange(2, 0.1)], Start::Uniform),
        (vec![exchange(1, 0.1)], Start::Uniform),
        (vec![exchange(0, -0.1)], Start::Uniform),
        (vec![exchange(0, 0.1)], Start::Sector { up: 3 }),
        (vec![Gate::Flip { l: 0, y: -0.1 }], Start::Uniform),
        (vec![Gate::Field { l: 2, z: 1.0 }], Start::Uniform),
    ] {
        let circuit = Circuit {
            sites: 2,
            start,
            layers: vec![gates.into()],
        };
        assert!(lines(&circuit).is_err(), "{circuit:?}");
    }
    let (circuit, _) = crate::circuits::exchange(4, 1.5, Start::Uniform, 0.1, 2);
    let far = Terms {
        exchanges: vec![([0, 2], 1.0)],
        ..Terms::default()
    };
    assert!(EnergyLines::new(&circuit, far).is_err());
}
