//! Slices, their correlations, and world lines that go on from bytes.

use crate::circuits::{exchange, ising};
use nishina::clusters::Words;
use nishina::rng::{Purpose, stream};
use nishina::worldlines::circuit::{Circuit, Gate, Start};
use nishina::worldlines::correlations::{Probe, TimeCorrelations, gaps};
use nishina::worldlines::{EnergyLines, Terms, gibbs_lines, lines};

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

#[test]
fn correlations_decay_with_the_gap() {
    // One spin, in a field that only keeps slices apart: the gap of e^{y σˣ} is 2 y/step, exactly.
    let (circuit, _) = ising(1, 1.0, 1.0, 1e-9, 0.1, 60);
    let (mut rng, mut lines) = (words(4), lines(&circuit).unwrap());
    let probes = vec![Probe::Pair([0, 0]), Probe::Mode(vec![2.0])];
    let mut correlations = TimeCorrelations::new(probes, 1, 10);
    let mut sums = vec![0.0; 42];
    for _ in 0..20_000 {
        lines.sweep(&mut rng);
        let columns = correlations.columns(&*lines);
        sums.iter_mut().zip(columns).for_each(|(s, c)| *s += c);
    }
    for (k, sum) in sums.iter().enumerate() {
        let scale = if k < 21 { 1.0 } else { 4.0 };
        let wanted = scale * (-0.2 * (k % 21) as f64).exp();
        assert!((sum / 20_000.0 - wanted).abs() < 0.03 * scale, "{k}: {sum}");
    }
    let gaps = gaps(&sums[..5], 0.1);
    assert!(gaps.iter().all(|gap| (gap - 2.0).abs() < 0.1), "{gaps:?}");
    let short = ising(1, 1.0, 1.0, 1e-9, 0.1, 3).0;
    let lines = nishina::worldlines::lines(&short).unwrap();
    assert!(correlations.columns(&*lines).is_empty());
}

#[test]
fn the_gap_of_a_ring_is_that_of_its_spectrum() {
    // The critical ring of 4: E_0 = -5.2262518595 and E_1 = -4.8284271247.
    let (circuit, _) = ising(4, 1.0, 1.0, 0.0, 0.1, 80);
    let (mut rng, mut lines) = (words(6), lines(&circuit).unwrap());
    let mut correlations = TimeCorrelations::new(vec![Probe::Mode(vec![1.0; 4])], 1, 10);
    let mut sums = [0.0; 21];
    for _ in 0..20_000 {
        lines.sweep(&mut rng);
        let columns = correlations.columns(&*lines);
        sums.iter_mut().zip(columns).for_each(|(s, c)| *s += c);
    }
    let gap = gaps(&[sums[2], sums[12]], 1.0)[0];
    assert!((gap - 0.3978).abs() < 0.03, "{gap}");
}

#[test]
fn sites_that_are_not_flipped_stay() {
    let pair = Gate::Pair { l: 0, m: 1, x: 0.2 };
    let flip = Gate::Flip { l: 0, y: 0.3 };
    let circuit = Circuit {
        sites: 2,
        start: Start::Uniform,
        layers: vec![vec![pair], vec![flip], vec![pair]],
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
            layers: vec![gates],
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
