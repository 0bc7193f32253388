//! Decides whether every layer's reverse pass gives the derivatives of its forward pass, and
//! whether single precision agrees with double.

use super::linear::SharedWeights;
use super::*;
use crate::lattice::{Boundary, Lattice, LatticeSpec};
use crate::linalg::functions::Elementary;
use crate::linalg::panels::LANES;
use crate::linalg::simd::Simd;
use crate::rng::{Purpose, RngExt, stream};
use std::sync::Arc;

fn grid() -> PatchGrid {
    let spec = LatticeSpec::regular("square", &[4, 3], &[Boundary::Periodic]);
    PatchGrid::new(&Lattice::new(&spec).unwrap(), 1, "patch").unwrap()
}

/// Every layer once, with a residual branch and two outputs.
fn network<R: Elementary>() -> Composition<R> {
    let (grid, start) = (grid(), FirstValues::Normal(0.1));
    let window = Arc::new(grid.window(3, "kernel").unwrap());
    let n = grid.positions();
    let mut net = Composition::new(RowShape::padded(n, 1));
    let convolution = |names, sizes| LinearLayer::convolution(names, window.clone(), sizes, start);
    let x = net.add("embed.", convolution(("W", Some("b")), (1, 5)), 0);
    let y = net.add("", NormLayer::new("n1", 5, true, 1e-6), x);
    let mix = DepthwiseLayer::attention("J", Arc::new(grid.whole()), (5, 2), start);
    let y = net.add("", mix, y);
    let scaled = ActivationLayer {
        curve: Nonlinearity::Gelu,
        scale: 0.7,
    };
    let y = net.add("", scaled, y);
    let x = net.add_onto(x, "0.", convolution(("W", None), (5, 5)), y);
    let mix = DepthwiseLayer::convolution(("K", "k"), window.clone(), 5, start);
    let y = net.add("1.", mix, x);
    let y = net.add("", ActivationLayer::new(Nonlinearity::Selu), y);
    let y = net.add(
        "",
        LinearLayer::dense(("A", Some("a")), n, (5, 17), start),
        y,
    );
    let y = net.add("", ActivationLayer::new(Nonlinearity::Silu), y);
    let shared = SharedWeights {
        shape: vec![7, 3],
        weights: (0..17 * 5).map(|k| k * k % 21).collect(),
        biases: vec![0, 1, 0, 1, 1],
    };
    let single = Arc::new(WindowTable::single(n));
    let tied = LinearLayer::shared(("B", "b"), single, (17, 5), shared, start);
    let x = net.add_onto(x, "2.", tied, y);
    let pooled = net.add("", PoolLayer, x);
    let z = net.add("", NormLayer::new("n2", 5, false, 1e-6), pooled);
    net.give(vec![z, pooled]);
    net
}

fn spins(walkers: usize) -> Vec<f64> {
    let mut rng = stream(5, Purpose::Law, 0, 0);
    let mut spin = || if rng.random::<f64>() < 0.5 { 1.0 } else { -1.0 };
    (0..12 * walkers).map(|_| spin()).collect()
}

/// Writes one number to every padded row.
fn fill<R: Elementary>(input: &mut [R], x: &[f64]) {
    input.fill(R::default());
    let rows = input.chunks_exact_mut(LANES).zip(x);
    rows.for_each(|(row, &x)| row[0] = R::from_f64(x));
}

/// Both outputs of every walker.
fn evaluate<R: Elementary>(net: &Composition<R>, x: &[f64], keep: bool) -> Vec<f64> {
    let (walkers, work) = (x.len() / 12, &mut Workspace::default());
    let input = net.input(walkers, keep, work);
    fill(input, x);
    net.forward(Simd::chosen(), walkers, keep, work);
    let mut out = Vec::new();
    for k in 0..walkers {
        for &v in net.outputs() {
            let numbers = net.value(v, walkers, keep, work).walker(k);
            out.extend(numbers.iter().map(|y| y.to_f64()));
        }
    }
    out
}

#[test]
fn parameters_have_paths_and_first_values() {
    let net = network::<f64>();
    let names: Vec<String> = net.parts().into_iter().map(|p| p.name).collect();
    let expected = "embed.W embed.b n1.g n1.b J 0.W 1.K 1.k A a 2.B 2.b n2.g";
    assert_eq!(names.join(" "), expected);
    let drawn = net.draw(&mut stream(1, Purpose::Law, 0, 0));
    assert_eq!(drawn.len(), net.parameters());
    assert_eq!(
        drawn[50..60],
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    );
}

#[test]
fn walkers_do_not_see_each_other_and_memory_is_used_again() {
    let mut net = network::<f32>();
    net.set(&net.draw(&mut stream(1, Purpose::Law, 0, 0)));
    let x = spins(7);
    let all = evaluate(&net, &x, false);
    assert_eq!(all, evaluate(&net, &x, true));
    assert!(net.lean_bytes() < net.full_bytes(0) / 2);
    for (x, y) in x.chunks_exact(12).zip(all.chunks_exact(all.len() / 7)) {
        assert_eq!(evaluate(&net, x, false), y);
    }
}

#[test]
fn single_precision_agrees_with_double() {
    let (mut single, mut double) = (network::<f32>(), network::<f64>());
    let drawn = double.draw(&mut stream(1, Purpose::Law, 0, 0));
    single.set(&drawn);
    double.set(&drawn);
    let x = spins(3);
    let pairs = evaluate(&single, &x, false)
        .into_iter()
        .zip(evaluate(&double, &x, false));
    let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(largest < 3e-5, "{largest}");
}

/// Part p of ln ψ is the sum of outputs k with these weights.
fn weight(p: usize, k: usize) -> f64 {
    ((3 * p + 1) as f64 * 0.7 + k as f64).cos()
}

/// Derivatives with respect to parameters and to the input, part after part and walker after
/// walker.
fn reverse(net: &Composition<f64>, x: &[f64], parts: usize) -> (Vec<f64>, Vec<f64>) {
    let (walkers, simd) = (x.len() / 12, Simd::chosen());
    let work = &mut Workspace::default();
    fill(net.input(walkers, true, work), x);
    net.forward(simd, walkers, true, work);
    net.prepare(walkers, parts, work);
    for (number, &v) in net.outputs().iter().enumerate() {
        let size = net.shape(v).size();
        let delta = net.delta(v, walkers, parts, work);
        for (k, row) in delta.chunks_exact_mut(size).enumerate() {
            (0..5).for_each(|c| row[c] = weight(k / walkers, number * size + c));
        }
    }
    let mut slopes = vec![0.0; parts * walkers * net.parameters()];
    net.backward(simd, (walkers, parts), work, &mut slopes, true);
    (slopes, net.delta(0, walkers, parts, work).to_vec())
}

#[test]
fn the_reverse_pass_gives_derivatives() {
    let mut net = network::<f64>();
    let drawn = net.draw(&mut stream(1, Purpose::Law, 0, 0));
    let bent = drawn.iter().enumerate();
    let drawn: Vec<f64> = bent.map(|(k, p)| p + 0.1 * (k as f64).sin()).collect();
    net.set(&drawn);
    let (walkers, parts) = (3, 2);
    let x = spins(walkers);
    let (slopes, inputs) = reverse(&net, &x, parts);
    let sum = |y: &[f64], p: usize, k: usize| {
        let own = y.chunks_exact(y.len() / walkers).nth(k).unwrap();
        own.iter()
            .enumerate()
            .map(|(c, y)| weight(p, c) * y)
            .sum::<f64>()
    };
    let h = 1e-5;
    let check = |plus: &[f64], minus: &[f64], found: &dyn Fn(usize, usize) -> f64, what: &str| {
        for (p, k) in (0..parts).flat_map(|p| (0..walkers).map(move |k| (p, k))) {
            let expected = (sum(plus, p, k) - sum(minus, p, k)) / (2.0 * h);
            let found = found(p, k);
            assert!(
                (found - expected).abs() < 1e-7,
                "{what}: {found} {expected}"
            );
        }
    };
    for at in 0..drawn.len() {
        let mut moved = |by: f64| {
            let mut parameters = drawn.clone();
            parameters[at] += by;
            net.set(&parameters);
            evaluate(&net, &x, false)
        };
        let (plus, minus) = (moved(h), moved(-h));
        let slope = |p: usize, k: usize| slopes[(p * walkers + k) * drawn.len() + at];
        check(&plus, &minus, &slope, &format!("parameter {at}"));
    }
    net.set(&drawn);
    for at in 0..12 {
        let moved = |by: f64| {
            let mut x = x.clone();
            x.chunks_exact_mut(12).for_each(|x| x[at] += by);
            evaluate(&net, &x, false)
        };
        let (plus, minus) = (moved(h), moved(-h));
        let slope = |p: usize, k: usize| inputs[((p * walkers + k) * 12 + at) * LANES];
        check(&plus, &minus, &slope, &format!("input {at}"));
    }
}

/// A convolution over the whole lattice, as a sum over taps or over frequencies.
fn whole_window<R: Elementary>(over_frequencies: bool) -> LinearLayer<R> {
    let window = Arc::new(grid().whole());
    let names = ("W", Some("b"));
    let mut layer = LinearLayer::convolution(names, window, (33, 20), FirstValues::Constant(0.0));
    if over_frequencies {
        RowLayer::<R>::evaluate_whole(&mut layer, RowShape::padded(12, 33));
        assert!(matches!(layer.reads(), RowReads::All));
    }
    let bent = |k: usize| 0.1 * (1.3 * k as f64).sin();
    let parameters: Vec<f64> = (0..12 * 33 * 20 + 20).map(bent).collect();
    layer.set(&parameters);
    layer
}

/// Output, δ of the input and derivatives of walkers with numbers in all channels.
fn passes<R: Elementary>(layer: &LinearLayer<R>, walkers: usize) -> Vec<Vec<f64>> {
    let (input, simd) = (RowShape::padded(12, 33), Simd::chosen());
    let output = layer.output(input);
    let rows = |shape: RowShape| -> Vec<R> {
        let number = |at: usize| match at % shape.stride < shape.channels {
            true => R::from_f64((0.7 * at as f64).cos()),
            false => R::default(),
        };
        (0..walkers * shape.size()).map(number).collect()
    };
    let (x, deltas) = (rows(input), rows(output));
    let of = |numbers, shape| LayerRows { shape, numbers };
    let mut y = vec![R::from_f64(f64::NAN); deltas.len()];
    layer.forward(simd, of(&x, input), &mut y);
    let count: usize = layer.parts().iter().map(LayerPart::len).sum();
    let (mut slopes, mut back) = (vec![R::default(); walkers * count], x.clone());
    let mut given = ParameterSlopes {
        numbers: &mut slopes,
        stride: count,
        first: 0,
        count,
    };
    layer.backward(
        simd,
        of(&x, input),
        of(&deltas, output),
        &mut given,
        Some(&mut back),
    );
    [y, back, slopes]
        .map(|all| all.iter().map(|v| v.to_f64()).collect())
        .into()
}

fn compare_algorithms<R: Elementary>() {
    let (direct, over) = (whole_window::<R>(false), whole_window::<R>(true));
    for (found, expected) in passes(&over, 19).iter().zip(passes(&direct, 19)) {
        let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
        let largest = off.fold(0.0, f64::max);
        assert!(largest < 200.0 * R::EPSILON, "{largest}");
    }
    // The last of 17 walkers is transformed alone, and with two others here.
    let (some, all) = (passes(&over, 17), passes(&over, 19));
    (some.iter().zip(&all)).for_each(|(one, all)| assert_eq!(one[..], all[..one.len()]));
}

#[test]
fn a_convolution_over_frequencies_is_the_sum_over_taps() {
    compare_algorithms::<f64>();
    compare_algorithms::<f32>();
}
