//! Decides how the two layers of a machine are drawn in turn: p(h_j = +1|v) = 1/(1+e^{−2θ_j}),
//! θ_j = b_j + Σ_i W_ij v_i, and p(v_i = +1|h) = 1/(1+e^{−2(a_i + Σ_j W_ij h_j)}).
//!
//! A row of units draws from its own generator and has the same bits in every batch. All weights
//! can be scaled by an inverse temperature β. (G. Hinton, Neural Comput. 14, 1771 (2002).)

use super::BoltzmannMachine;
use crate::linalg::functions::{exp, exp_moderate, ln_mean};
use crate::linalg::lanes::WIDTH;
use crate::linalg::panels::{Panels, padded};
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};
use crate::rng::{Generator, Rng};
use std::f64::consts::LN_2;

/// Rows that are drawn at once, so that their fields stay in the cache.
pub const BLOCK: usize = 64;
/// Bytes of a random number.
const WORD: usize = size_of::<u64>();

/// One layer: the biases of its units and the weights from the other layer.
#[derive(Debug, Clone)]
pub struct Layer {
    units: usize,
    /// One per unit, padded as rows of fields are.
    bias: Vec<f64>,
    weights: Panels,
}

/// Two layers of units that are independent of each other, given the other layer.
#[derive(Debug, Clone)]
pub struct TwoLayers {
    /// The visible units.
    pub visible: Layer,
    /// The hidden units.
    pub hidden: Layer,
    simd: Simd,
}

/// Room for a block of rows; it fits any machine.
#[derive(Debug, Default)]
pub struct SweepRoom {
    /// The visible units ±1, in rows of the padded length.
    pub visible: Vec<f64>,
    /// The hidden units ±1.
    pub hidden: Vec<f64>,
    /// Sums over the other layer.
    pub fields: Vec<f64>,
    bits: Vec<u8>,
}

compiled_for_each_set! {
    /// Units ±1 of rows with the fields `fields` at β, from uniform random `bits`.
    fn choose(layer: &Layer, beta: f64, fields: &[f64], bits: &[u8], out: &mut [f64]) = choose_body
}
compiled_for_each_set! {
    /// Σ ln cosh(bias + β field) of one row.
    fn traced(bias: &[f64], beta: f64, fields: &[f64]) -> f64 = traced_body
}

#[inline(always)]
fn choose_body<const SET: u8>(
    layer: &Layer,
    beta: f64,
    fields: &[f64],
    bits: &[u8],
    out: &mut [f64],
) {
    let (units, stride) = (layer.units, layer.stride());
    let bias = &layer.bias[..units];
    let (words, _) = bits.as_chunks::<WORD>();
    let rows = out.len() / stride.max(1);
    for k in 0..rows {
        let field = &fields[k * stride..][..units];
        let word = &words[k * units..][..units];
        let out = &mut out[k * stride..][..units];
        for j in 0..units {
            // 52 random bits behind the point, between 1 and 2.
            let mantissa = u64::from_le_bytes(word[j]) >> 12;
            let uniform = f64::from_bits(1.0_f64.to_bits() | mantissa) - 1.0;
            let theta = multiply_add::<_, SET>(beta, field[j], bias[j]);
            let w = exp::<_, SET>(-2.0 * theta);
            out[j] = if uniform * (1.0 + w) < 1.0 { 1.0 } else { -1.0 };
        }
    }
}

#[inline(always)]
fn traced_body<const SET: u8>(bias: &[f64], beta: f64, fields: &[f64]) -> f64 {
    let mut sums = [0.0; WIDTH];
    for (bias, field) in bias.chunks_exact(WIDTH).zip(fields.chunks_exact(WIDTH)) {
        for lane in 0..WIDTH {
            let theta = multiply_add::<_, SET>(beta, field[lane], bias[lane]).abs();
            let w = exp_moderate::<_, SET>(-2.0 * theta);
            sums[lane] += theta + ln_mean::<_, SET>(w);
        }
    }
    sums.iter().sum()
}

impl Layer {
    /// Biases, and the weight from unit k of the other layer to unit j of this one.
    fn new(bias: &[f64], others: usize, weight: impl Fn(usize, usize) -> f64) -> Self {
        let units = bias.len();
        let mut weights = Panels::zeros(others, units);
        for k in 0..others {
            (0..units).for_each(|j| weights.set(k, j, weight(k, j)));
        }
        let mut bias = bias.to_vec();
        bias.resize(padded(units), 0.0);
        Layer {
            units,
            bias,
            weights,
        }
    }

    /// Length of a row of fields or units.
    pub fn stride(&self) -> usize {
        padded(self.units)
    }

    /// Fields of rows `others` of the other layer, which are `stride` apart.
    pub fn fields(&self, simd: Simd, others: &[f64], stride: usize, fields: &mut [f64]) {
        self.weights.multiply(simd, others, stride, fields);
    }

    /// Units ±1 of as many rows as there are generators.
    fn draw(
        &self,
        simd: Simd,
        beta: f64,
        fields: &[f64],
        rngs: &mut [Generator],
        bits: &mut Vec<u8>,
        out: &mut [f64],
    ) {
        let row = WORD * self.units;
        bits.resize(bits.len().max(rngs.len() * row), 0);
        for (rng, bits) in rngs.iter_mut().zip(bits.chunks_exact_mut(row.max(1))) {
            rng.fill_bytes(bits);
        }
        choose(simd, self, beta, fields, bits, out);
    }

    /// Σ ln 2 cosh(bias + β field) of one row.
    pub fn log_traced(&self, simd: Simd, beta: f64, fields: &[f64]) -> f64 {
        traced(simd, &self.bias, beta, fields) + self.units as f64 * LN_2
    }
}

impl TwoLayers {
    /// The layers of a machine.
    pub fn new(machine: &BoltzmannMachine) -> Self {
        let (w, m) = (machine.w(), machine.hidden());
        TwoLayers {
            visible: Layer::new(machine.a(), m, |j, i| w[i * m + j]),
            hidden: Layer::new(machine.b(), machine.sites(), |i, j| w[i * m + j]),
            simd: Simd::chosen(),
        }
    }

    /// Instructions that they run with.
    pub fn simd(&self) -> Simd {
        self.simd
    }

    /// Makes room for `rows` rows.
    pub fn fit(&self, rows: usize, room: &mut SweepRoom) {
        let (n, m) = (self.visible.stride(), self.hidden.stride());
        room.visible.resize(rows * n, 0.0);
        room.hidden.resize(rows * m, 0.0);
        room.fields.resize(rows * n.max(m), 0.0);
    }

    /// The fields of the hidden units in the room of `rows` rows.
    pub fn hidden_fields(&self, rows: usize, room: &mut SweepRoom) {
        let fields = &mut room.fields[..rows * self.hidden.stride()];
        self.hidden
            .fields(self.simd, &room.visible, self.visible.stride(), fields);
    }

    /// Draws the hidden units from their fields at β.
    pub fn draw_hidden(&self, beta: f64, rngs: &mut [Generator], room: &mut SweepRoom) {
        let fields = &room.fields[..rngs.len() * self.hidden.stride()];
        let (bits, out) = (&mut room.bits, &mut room.hidden);
        self.hidden.draw(self.simd, beta, fields, rngs, bits, out);
    }

    /// Draws the visible units from the hidden ones at β.
    pub fn draw_visible(&self, beta: f64, rngs: &mut [Generator], room: &mut SweepRoom) {
        let fields = &mut room.fields[..rngs.len() * self.visible.stride()];
        self.visible
            .fields(self.simd, &room.hidden, self.hidden.stride(), fields);
        let (bits, out) = (&mut room.bits, &mut room.visible);
        self.visible.draw(self.simd, beta, fields, rngs, bits, out);
    }

    /// One sweep of as many rows `xs` of visible units as there are generators: the hidden units
    /// from the visible ones, then the visible ones from the hidden.
    pub fn sweep(&self, rngs: &mut [Generator], xs: &mut [i8], room: &mut SweepRoom) {
        let (n, stride) = (self.visible.units, self.visible.stride());
        let blocks = xs.chunks_mut((BLOCK * n).max(1));
        for (rngs, xs) in rngs.chunks_mut(BLOCK).zip(blocks) {
            self.fit(rngs.len(), room);
            let rows = room.visible.chunks_exact_mut(stride);
            for (row, x) in rows.zip(xs.chunks_exact(n)) {
                row.iter_mut().zip(x).for_each(|(v, &x)| *v = f64::from(x));
            }
            self.hidden_fields(rngs.len(), room);
            self.draw_hidden(1.0, rngs, room);
            self.draw_visible(1.0, rngs, room);
            let rows = room.visible.chunks_exact(stride);
            for (row, x) in rows.zip(xs.chunks_exact_mut(n)) {
                row.iter()
                    .zip(x)
                    .for_each(|(&v, x)| *x = if v > 0.0 { 1 } else { -1 });
            }
        }
    }
}
