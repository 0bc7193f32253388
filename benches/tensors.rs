//! What plaquettes and tensor networks cost, in CPU time of one thread; the smallest of many
//! repeats, beside floors of floating-point operations.
//!
//! `cargo bench --bench tensors`

mod common;

use common::smallest;
use nishina::ansatz::eps::{PlaquetteClusters, Plaquettes, blocks};
use nishina::ansatz::field::Field;
use nishina::ansatz::mps::{Mps, ProductShape};
use nishina::ansatz::peps::Pairs;
use nishina::ansatz::{Ansatz, Asks};
use nishina::basis::Basis;
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::linalg::dense::Lapack;
use nishina::rng::{Purpose, stream};
use num_complex::Complex64;

/// A configuration, all its flips, and its exchanges of neighbours along x and along y.
fn questions(size: [usize; 2]) -> (Vec<i8>, [Asks; 3]) {
    let n = (size[0] * size[1]) as u32;
    let basis = Basis::spin_half(n as usize, None).unwrap();
    let x = basis.random(&mut stream(1, Purpose::Law, 0, 0));
    let mut asks = [Asks::default(), Asks::default(), Asks::default()];
    let width = size[0] as u32;
    for i in 0..n {
        asks[0].flip(0, &x, &[i]);
        let along = [(1, i % width + 1 < width), (width, i + width < n)];
        for (asks, (by, there)) in asks[1..].iter_mut().zip(along) {
            if there && x[i as usize] != x[(i + by) as usize] {
                asks.flip(0, &x, &[i, i + by]);
            }
        }
    }
    (x, asks)
}

fn line<A: Ansatz>(name: &str, state: &A, size: [usize; 2], repeats: usize) {
    let (x, asks) = questions(size);
    let amplitude = smallest(repeats, || {
        std::hint::black_box(state.log_psi(&state.batch(&x)));
    });
    let batch = state.batch(&x);
    std::hint::black_box(state.derivatives(&batch));
    let each = asks.map(|asks| {
        let mut out = vec![Complex64::ZERO; asks.len()];
        let mut scratch = A::Scratch::default();
        let all = smallest(repeats, || {
            state.ratios(&batch, &asks, &mut scratch, &mut out)
        });
        if asks.is_empty() {
            0.0
        } else {
            1e9 * all / asks.len() as f64
        }
    });
    let slopes = smallest(repeats, || {
        std::hint::black_box(state.derivatives(&batch));
    });
    println!(
        "{name:<28} amplitude {:10.1} us  flip {:10.1} ns  exchange along x {:10.1} ns  along y \
         {:10.1} ns  derivatives {:10.1} us",
        1e6 * amplitude,
        each[0],
        each[1],
        each[2],
        1e6 * slopes
    );
}

fn plaquettes<T: Field>(name: &str, tied: bool) {
    let size = [10, 10];
    let spec = LatticeSpec::regular("square", &size, &[Boundary::Periodic]);
    let all = blocks(&Lattice::new(&spec).unwrap(), [3, 3, 1]);
    let state = Plaquettes::<T>::new(PlaquetteClusters::new(100, &all, tied), 0.1, 1);
    line(name, &state, size, 2000);
}

/// An open state of 100 sites. An amplitude is 99 rows times matrices from either side, a flip a
/// row times a matrix.
fn products<T: Field + Lapack>(name: &str, bond: usize) {
    let sites = 100;
    let basis = Basis::spin_half(sites, None).unwrap();
    let states = |k: usize| 1usize.checked_shl(k as u32).unwrap_or(usize::MAX);
    let shape = ProductShape {
        local: basis.locals()[0],
        order: (0..sites).collect(),
        bonds: (0..=sites)
            .map(|i| bond.min(states(i)).min(states(sites - i)))
            .collect(),
        uniform: false,
    };
    let state = Mps::<T>::random(shape, 0.3, 1, true);
    line(name, &state, [sites, 1], 400);
}

fn pairs<T: Field>(name: &str, bond: usize, most: usize, init: f64) {
    let size = [10, 10];
    let state = Pairs::<T>::new(size, bond, most, init, 1);
    line(name, &state, size, 12);
}

fn main() {
    println!("# plaquettes of 3 x 3 sites on 10 x 10: 18 numbers of a table for a flip");
    plaquettes::<f64>("one table, real", true);
    plaquettes::<f64>("a table each, real", false);
    plaquettes::<Complex64>("a table each, complex", false);
    println!("# products of matrices, 100 sites");
    products::<f64>("D = 16, real", 16);
    products::<f64>("D = 64, real", 64);
    products::<Complex64>("D = 16, complex", 16);
    products::<Complex64>("D = 64, complex", 64);
    println!("# pairs, 10 x 10");
    pairs::<f64>("D = 2, chi = 4, real", 2, 4, 0.3);
    pairs::<f64>("D = 3, chi = 9, real", 3, 9, 0.3);
    pairs::<Complex64>("D = 3, chi = 9, complex", 3, 9, 0.3);
    pairs::<Complex64>("D = 3, chi = 9, small", 3, 9, 0.02);
}
