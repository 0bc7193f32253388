//! Decides layers that normalise every row: layer norm and root-mean-square norm.
//!
//! y_c = g_c n_c + b_c with n = (x − m)/S, m the mean of the row, S² = v + ε and v its biased
//! variance (J. L. Ba et al., arXiv:1607.06450); without m and b for the root mean square (B.
//! Zhang, R. Sennrich, NeurIPS 2019). On the way back, with q = g δ: ∂x = (q − ⟨q⟩ − n
//! ⟨q n⟩)/S, without ⟨q⟩ for the root mean square; ∂g = Σ δ n, ∂b = Σ δ.

use super::{FirstValues, LayerPart, LayerRows, ParameterSlopes, RowLayer, RowReads, RowShape};
use crate::linalg::functions::Elementary;
use crate::linalg::panels::{LANES, padded};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};

/// A norm of every row.
#[derive(Debug, Clone)]
pub struct NormLayer<R> {
    channels: usize,
    parts: Vec<LayerPart>,
    /// Whether the mean is subtracted, and there are biases.
    centred: bool,
    epsilon: f64,
    /// g, a padded row.
    gains: Vec<R>,
    /// b, a padded row.
    offset: Vec<R>,
}

impl<R: Elementary> NormLayer<R> {
    /// A layer norm with g and b under `name.g` and `name.b`, or the root mean square with g alone.
    pub fn new(name: &str, channels: usize, centred: bool, epsilon: f64) -> Self {
        let one = FirstValues::Constant(1.0);
        let mut parts = vec![LayerPart::new(&format!("{name}.g"), &[channels], one)];
        if centred {
            let zero = FirstValues::Constant(0.0);
            parts.push(LayerPart::new(&format!("{name}.b"), &[channels], zero));
        }
        NormLayer {
            channels,
            parts,
            centred,
            epsilon,
            gains: vec![R::default(); padded(channels)],
            offset: vec![R::default(); padded(channels)],
        }
    }
}

compiled_for_each_set! {
    fn normalise<R: Elementary>(norm: &NormLayer<R>, x: LayerRows<R>, y: &mut [R]) = forward_body
}
compiled_for_each_set! {
    /// Of the rows of one walker: adds to ∂g and ∂b, and writes ∂x to `out`, as long as
    /// `deltas`.
    fn normalise_back<R: Elementary>(
        norm: &NormLayer<R>, x: &[R], deltas: &[R], slopes: &mut [R], out: &mut [R],
    ) = backward_body
}

/// Σ f over whole vectors of two rows.
#[inline(always)]
fn sum<R: Elementary>(a: &[R], b: &[R], f: impl Fn(R, R, R) -> R) -> f64 {
    let mut sums = [R::default(); LANES];
    for (a, b) in a
        .as_chunks::<LANES>()
        .0
        .iter()
        .zip(b.as_chunks::<LANES>().0)
    {
        for l in 0..LANES {
            sums[l] = f(sums[l], a[l], b[l]);
        }
    }
    let eight: [R; 8] = std::array::from_fn(|l| sums[l] + sums[l + 8]);
    let four: [R; 4] = std::array::from_fn(|l| eight[l] + eight[l + 4]);
    ((four[0] + four[2]) + (four[1] + four[3])).to_f64()
}

/// Writes n to `out`; 1/S.
#[inline(always)]
fn normal_row<R: Elementary, const SET: u8>(norm: &NormLayer<R>, x: &[R], out: &mut [R]) -> R {
    let (width, part) = (norm.channels, 1.0 / norm.channels as f64);
    let mean = match norm.centred {
        true => R::from_f64(sum(x, x, |s, x, _| s + x) * part),
        false => R::default(),
    };
    out.iter_mut().zip(x).for_each(|(n, &x)| *n = x - mean);
    out[width..].fill(R::default());
    let square = sum(out, out, |s, a, b| multiply_add::<_, SET>(a, b, s)) * part;
    let inverse = R::from_f64(1.0 / (square + norm.epsilon).sqrt());
    out.iter_mut().for_each(|n| *n *= inverse);
    inverse
}

#[inline(always)]
fn forward_body<R: Elementary, const SET: u8>(norm: &NormLayer<R>, x: LayerRows<R>, y: &mut [R]) {
    for (x, y) in x.rows().zip(y.chunks_exact_mut(norm.gains.len())) {
        normal_row::<R, SET>(norm, x, y);
        for ((y, &g), &b) in y.iter_mut().zip(&norm.gains).zip(&norm.offset) {
            *y = multiply_add::<_, SET>(*y, g, b);
        }
    }
}

#[inline(always)]
fn backward_body<R: Elementary, const SET: u8>(
    norm: &NormLayer<R>,
    x: &[R],
    deltas: &[R],
    slopes: &mut [R],
    out: &mut [R],
) {
    let (stride, count) = (norm.gains.len(), norm.channels as f64);
    let (gains, biases) = slopes.split_at_mut(norm.channels);
    let mut scaled = vec![R::default(); stride];
    let rows = x.chunks_exact(stride).zip(deltas.chunks_exact(stride));
    for ((x, delta), n) in rows.zip(out.chunks_exact_mut(stride)) {
        let inverse = normal_row::<R, SET>(norm, x, n);
        for ((g, &d), &n) in gains.iter_mut().zip(delta).zip(&*n) {
            *g = multiply_add::<_, SET>(d, n, *g);
        }
        biases.iter_mut().zip(delta).for_each(|(b, &d)| *b += d);
        for ((q, &g), &d) in scaled.iter_mut().zip(&norm.gains).zip(delta) {
            *q = g * d;
        }
        let mean = match norm.centred {
            true => R::from_f64(sum(&scaled, &scaled, |s, q, _| s + q) / count),
            false => R::default(),
        };
        let along = sum(&scaled, n, |s, q, n| multiply_add::<_, SET>(q, n, s)) / count;
        let along = R::from_f64(along);
        for (n, &q) in n.iter_mut().zip(&scaled) {
            *n = (q - mean - *n * along) * inverse;
        }
        n[norm.channels..].fill(R::default());
    }
}

impl<R: Elementary> RowLayer<R> for NormLayer<R> {
    fn parts(&self) -> Vec<LayerPart> {
        self.parts.clone()
    }
    fn set(&mut self, parameters: &[f64]) {
        let (gains, biases) = parameters.split_at(self.channels);
        let put = |row: &mut [R], values: &[f64]| {
            (row.iter_mut().zip(values)).for_each(|(x, &value)| *x = R::from_f64(value))
        };
        put(&mut self.gains, gains);
        put(&mut self.offset, biases);
    }
    fn output(&self, input: RowShape) -> RowShape {
        input
    }
    fn reads(&self) -> RowReads<'_> {
        RowReads::Own
    }
    fn forward(&self, simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        normalise(simd, self, x, y);
    }
    fn backward(
        &self,
        simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    ) {
        let size = x.shape.size();
        let mut room = Vec::new();
        let out = inputs.unwrap_or_else(|| {
            room.resize(deltas.numbers.len(), R::default());
            &mut room
        });
        for (k, out) in out.chunks_exact_mut(size).enumerate() {
            let walker = x.walker(k % x.walkers());
            normalise_back(simd, self, walker, deltas.walker(k), slopes.row(k), out);
        }
    }
    fn operations(&self, input: RowShape) -> f64 {
        6.0 * input.size() as f64
    }
}
