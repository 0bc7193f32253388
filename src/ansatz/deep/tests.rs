//! Questions that are answered by the rows that change: they have the bits of an evaluation of all
//! rows.

use super::patches::{Mixing, PatchNetwork};
use super::resnet::{HeadName, Resnet};
use super::*;
use crate::basis::Step;
use crate::lattice::{Boundary, Lattice, LatticeSpec};
use crate::layers::{ChangedRows, PatchGrid};

fn grid(size: &[usize], side: usize) -> PatchGrid {
    let kind = ["chain", "square", "cubic"][size.len() - 1];
    let spec = LatticeSpec::regular(kind, size, &[Boundary::Periodic]);
    PatchGrid::new(&Lattice::new(&spec).unwrap(), side, "ansatz.kind").unwrap()
}

fn resnet(size: &[usize], blocks: usize, head: HeadName) -> Resnet {
    let grid = grid(size, 1);
    Resnet {
        window: Arc::new(grid.window(3, "ansatz.kernel").unwrap()),
        phases: vec![Complex64::ONE; grid.positions()],
        grid,
        channels: 4,
        blocks,
        head,
        complex: true,
    }
}

fn convnext(size: &[usize], layers: usize, side: usize) -> PatchNetwork {
    let grid = grid(size, side);
    PatchNetwork {
        mixing: Mixing::Window(Arc::new(grid.window(3, "ansatz.kernel").unwrap())),
        grid,
        width: 4,
        layers,
        ratio: 2,
        centred: true,
        complex: true,
    }
}

fn state<R: Elementary>(network: &impl Architecture, on: bool) -> DeepState<R> {
    DeepState::new(network.parts::<R>(), 7).by_changes(on)
}

/// Flips of single sites, of neighbours, of sites far from each other, and none, of some walkers.
fn questions(xs: &[i8], n: usize) -> Asks {
    let mut asks = Asks::default();
    for (walker, x) in xs.chunks_exact(n).enumerate() {
        for k in 0..2 + 7 * (walker % 2) {
            let site = (5 * k + 3 * walker) % n;
            asks.flip(walker, x, &[site as u32]);
            asks.flip(walker, x, &[site as u32, ((site + 1) % n) as u32]);
            asks.flip(walker, x, &[site as u32, ((site + n / 2) % n) as u32]);
        }
        asks.push(walker, Step::default().get());
    }
    asks
}

fn answers<R: Elementary>(psi: &DeepState<R>, xs: &[i8], asks: &Asks) -> Vec<Complex64> {
    let mut out = vec![Complex64::ZERO; asks.len()];
    psi.ratios(&psi.batch(xs), asks, &mut DeepScratch::default(), &mut out);
    out
}

fn compare<R: Elementary>(network: &impl Architecture) {
    let (part, full) = (state::<R>(network, true), state::<R>(network, false));
    assert!(part.kept.is_some() && full.kept.is_none());
    let n = part.sites();
    let sign = |k: usize| if k * k % 7 < 3 { 1 } else { -1 };
    let mut xs: Vec<i8> = (0..6 * n).map(sign).collect();
    assert_eq!(part.batch(&xs).logs, full.batch(&xs).logs);
    let asks = questions(&xs, n);
    let together = answers(&part, &xs, &asks);
    assert_eq!(together, answers(&full, &xs, &asks));
    for (at, (walker, step)) in asks.iter().enumerate() {
        let mut alone = Asks::default();
        alone.push(walker, step);
        assert_eq!(answers(&part, &xs, &alone)[0], together[at]);
    }
    // Moves that are made one after another leave what a fresh batch has.
    let (mut batch, mut scratch) = (part.batch(&xs), DeepScratch::default());
    for round in 0..4 {
        let mut asks = Asks::default();
        for (walker, x) in xs
            .chunks_exact(n)
            .enumerate()
            .filter(|(k, _)| k % 4 != round)
        {
            let site = (11 * round + 5 * walker) % n;
            asks.flip(walker, x, &[site as u32, ((site + 1) % n) as u32]);
        }
        let mut out = vec![Complex64::ZERO; asks.len()];
        part.ratios(&batch, &asks, &mut scratch, &mut out);
        let taken: Vec<bool> = (0..asks.len()).map(|at| (at + round) % 3 != 0).collect();
        part.accept(&mut batch, &asks, &taken, &mut scratch);
        for (walker, step) in asks.taken(&taken) {
            step.apply(&mut xs[walker * n..(walker + 1) * n]);
        }
        let fresh = part.batch(&xs);
        assert!(batch.logs == fresh.logs && batch.kept == fresh.kept && batch.xs == xs);
    }
}

/// ln ψ, its derivatives and ratios of a state, one after the other.
fn answers_of<R: Elementary>(psi: &DeepState<R>, xs: &[i8]) -> Vec<Complex64> {
    let batch = psi.batch(xs);
    let mut all = psi.log_psi(&batch);
    let derivatives = psi.derivatives(&batch);
    if let Matrix::Complex(rows) = derivatives.written_out() {
        all.extend(rows);
    }
    all.extend(answers(psi, xs, &questions(xs, psi.sites())));
    all
}

/// With windows that read the whole lattice.
fn compare_with_taps<R: Elementary>(size: &[usize], tolerance: f64) {
    let mut network = resnet(size, 1, HeadName::Exp);
    network.window = Arc::new(network.grid.whole());
    network.channels = 32;
    let over = DeepState::<R>::new(network.parts(), 7);
    let taps = DeepState::<R>::over_taps(network.parts(), 7);
    assert!(over.facts().operations < 0.5 * taps.facts().operations);
    let sign = |k: usize| if k * k % 7 < 3 { 1 } else { -1 };
    let xs: Vec<i8> = (0..17 * over.sites()).map(sign).collect();
    let (found, expected) = (answers_of(&over, &xs), answers_of(&taps, &xs));
    for (a, b) in found.iter().zip(&expected) {
        assert!(
            (a - b).norm() < tolerance * (1.0 + b.norm()),
            "{size:?}: {a} {b}"
        );
    }
    // A walker has the same bits alone.
    let first = over.log_psi(&over.batch(&xs[..over.sites()]));
    assert_eq!(first[0], found[0]);
}

#[test]
fn a_network_over_frequencies_is_the_one_over_taps() {
    compare_with_taps::<f64>(&[12], 1e-11);
    compare_with_taps::<f64>(&[4, 4], 1e-11);
    compare_with_taps::<f64>(&[3, 3, 3], 1e-11);
    compare_with_taps::<f32>(&[4, 4], 1e-4);
}

#[test]
fn no_rows_at_all_are_evaluated() {
    // Moves that change nothing, of more channels than a panel has.
    let network = Resnet {
        channels: 20,
        ..resnet(&[16, 16], 1, HeadName::Exp)
    };
    let psi = state::<f64>(&network, true);
    let mut asks = Asks::default();
    asks.push(0, Step::default().get());
    assert_eq!(answers(&psi, &[1; 256], &asks), [Complex64::ONE]);
}

#[test]
fn changed_rows_have_the_bits_of_all_rows() {
    for head in [HeadName::Exp, HeadName::LnCosh] {
        compare::<f64>(&resnet(&[6, 6], 1, head));
        compare::<f32>(&resnet(&[6, 6], 1, head));
        compare::<f64>(&resnet(&[9, 10], 2, head));
        compare::<f64>(&resnet(&[24], 3, head));
    }
    compare::<f64>(&convnext(&[6, 6], 2, 1));
    compare::<f32>(&convnext(&[12, 8], 1, 2));
}

#[test]
fn changes_are_followed_where_they_reach_few_rows() {
    // With many channels activations take no part.
    let part = |size: &[usize], blocks| {
        let network = Resnet {
            channels: 32,
            ..resnet(size, blocks, HeadName::Exp)
        };
        let psi = DeepState::<f64>::new(network.parts(), 1);
        let fresh = ChangedRows::of(&network.parts::<f64>().trunk).unwrap();
        let fraction = fresh.fraction();
        (psi.kept.is_some(), fraction)
    };
    // An exchange reaches 3 x 4, 5 x 6 and 7 x 8 positions.
    let (on, fraction) = part(&[16, 16], 1);
    let mut whole = resnet(&[6, 6], 1, HeadName::Exp);
    whole.window = Arc::new(whole.grid.whole());
    assert!(ChangedRows::of(&whole.parts::<f64>().trunk).is_none());
    let exact = (288.0 * 12.0 + 9216.0 * (30.0 + 56.0)) / (256.0 * (288.0 + 2.0 * 9216.0));
    assert!(on && (fraction - exact).abs() < 0.01, "{fraction} {exact}");
    assert!(part(&[16, 16], 4).0 && !part(&[10, 10], 4).0 && !part(&[6, 6], 1).0);
    let fractions = [1, 2, 4].map(|blocks| part(&[16, 16], blocks).1);
    assert!(fractions.is_sorted() && fractions[2] < 0.7, "{fractions:?}");
}

#[test]
fn what_walkers_keep_is_counted() {
    let of = |on| state::<f32>(&resnet(&[16, 16], 2, HeadName::Exp), on).facts();
    // The input, two inputs of windows in each block, what is added to behind the first of them,
    // and the output; rows have 16 numbers, those of the input one.
    let kept = of(true).bytes_per_walker - of(false).bytes_per_walker;
    assert_eq!(kept, 4 * 256 * (1 + 16 * (4 + 2 + 1)));
    assert!(of(true).operations < 0.5 * of(false).operations);
}
