//! Decides how ln ψ follows from the last values of a network, in double precision.
//!
//! With z_t = s (x_t + i y_t), a pair of numbers for each term t: ψ = Σ_t w_t e^{z_t}, or Σ_t
//! w_t (1 + sinh z_t) with weights w_t that are phases or characters, or ln ψ = Σ_t ln cosh z_t.
//! The sums are evaluated with the largest exponent m taken out. A sum that cancels to below a
//! small part of its terms is zero.

use crate::ansatz::feedforward::{Activation, Order};
use crate::ansatz::field::reduce;
use crate::linalg::functions::{exp_moderate, sin_cos};
use crate::linalg::simd::{Simd, compiled_for_each_set};
use num_complex::Complex64;

/// Terms that are evaluated together.
const TERMS: usize = 16;

/// From the outputs of one walker to ln ψ.
pub trait DeepHead: std::fmt::Debug + Send + Sync {
    /// ln ψ; −∞ where ψ = 0.
    fn log(&self, simd: Simd, outputs: [&[f64]; 2]) -> Complex64;
    /// Writes d ln ψ/dx of the outputs that count, which are zero before; nothing where ψ = 0.
    fn slopes(&self, simd: Simd, outputs: [&[f64]; 2], slopes: [&mut [Complex64]; 2]);
}

/// Where the real and imaginary parts of terms stand.
#[derive(Debug, Clone)]
struct Places {
    count: usize,
    /// Place of x_t in the first output; groups of terms are filled up with the first place.
    re: Vec<u32>,
    /// Place of y_t in the output `second`; none where all z are real.
    im: Vec<u32>,
    second: usize,
    scale: f64,
}

impl Places {
    fn new(re: Vec<u32>, im: Option<Vec<u32>>, second: usize, scale: f64) -> Self {
        let whole = |mut list: Vec<u32>| {
            let first = list.first().copied().unwrap_or(0);
            list.resize(list.len().next_multiple_of(TERMS), first);
            list
        };
        Places {
            count: re.len(),
            re: whole(re),
            im: im.map_or(Vec::new(), whole),
            second,
            scale,
        }
    }
    /// z of a group of terms.
    fn group(&self, g: usize, outputs: [&[f64]; 2]) -> ([f64; TERMS], [f64; TERMS]) {
        let own = g * TERMS..(g + 1) * TERMS;
        let (mut x, mut y) = ([0.0; TERMS], [0.0; TERMS]);
        let read = |out: &mut [f64; TERMS], list: &[u32], from: &[f64]| {
            (out.iter_mut().zip(list)).for_each(|(o, &at)| *o = self.scale * from[at as usize])
        };
        read(&mut x, &self.re[own.clone()], outputs[0]);
        if !self.im.is_empty() {
            read(&mut y, &self.im[own], outputs[self.second]);
        }
        (x, y)
    }
    fn groups(&self) -> usize {
        self.re.len() / TERMS
    }
    /// Writes the derivatives of a group by x and y from those by z.
    fn put(&self, g: usize, by_z: &[Complex64], slopes: &mut [&mut [Complex64]; 2]) {
        let first = g * TERMS;
        let terms = first..self.count.min(first + TERMS);
        for (t, z) in terms.zip(by_z) {
            slopes[0][self.re[t] as usize] = z * self.scale;
            if let Some(&at) = self.im.get(t) {
                slopes[self.second][at as usize] = Complex64::i() * z * self.scale;
            }
        }
    }
}

/// ln ψ = Σ_t ln cosh z_t
#[derive(Debug, Clone)]
pub struct LogCoshHead(Places);

impl LogCoshHead {
    /// From the places of x_t in the first output and of y_t in the output `second`.
    pub fn new(re: Vec<u32>, im: Option<Vec<u32>>, second: usize, scale: f64) -> Self {
        LogCoshHead(Places::new(re, im, second, scale))
    }
    /// ln cosh or its derivative of a group.
    fn apply(&self, order: Order, simd: Simd, g: usize, outputs: [&[f64]; 2]) -> [f64; 2 * TERMS] {
        let (x, y) = self.0.group(g, outputs);
        let (mut theta, mut out) = ([0.0; 2 * TERMS], [0.0; 2 * TERMS]);
        theta[..TERMS].copy_from_slice(&x);
        theta[TERMS..].copy_from_slice(&y);
        let curve = match order {
            Order::Value => Activation::LnCosh,
            Order::Slope => Activation::Tanh,
        };
        curve.apply::<Complex64, f64>(Order::Value, simd, &theta, &mut out);
        out
    }
}

impl DeepHead for LogCoshHead {
    fn log(&self, simd: Simd, outputs: [&[f64]; 2]) -> Complex64 {
        let mut sum = Complex64::ZERO;
        for g in 0..self.0.groups() {
            let out = self.apply(Order::Value, simd, g, outputs);
            for t in 0..TERMS.min(self.0.count - g * TERMS) {
                sum += Complex64::new(out[t], out[TERMS + t]);
            }
        }
        if self.0.im.is_empty() {
            return sum.re.into();
        }
        reduce(sum)
    }
    fn slopes(&self, simd: Simd, outputs: [&[f64]; 2], mut slopes: [&mut [Complex64]; 2]) {
        for g in 0..self.0.groups() {
            let out = self.apply(Order::Slope, simd, g, outputs);
            let by_z: [Complex64; TERMS] =
                std::array::from_fn(|t| Complex64::new(out[t], out[TERMS + t]));
            self.0.put(g, &by_z, &mut slopes);
        }
    }
}

/// The terms of a sum over amplitudes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumTerm {
    /// eᶻ
    Exp,
    /// 1 + sinh z
    Sinh,
}

/// ψ = Σ_t w_t f(z_t)
#[derive(Debug, Clone)]
pub struct SumHead {
    places: Places,
    term: SumTerm,
    /// Re w_t and Im w_t; zero for terms that fill up a group.
    weights: [Vec<f64>; 2],
    /// Part of its terms below which a sum is zero.
    cancelled: f64,
}

/// Real and imaginary parts of e^{z − m}, or of e^{−m} + (e^{z−m} − e^{−z−m})/2, of a
/// group; for the derivatives of the latter (e^{z−m} + e^{−z−m})/2; and a bound of the size
/// of each term.
#[derive(Debug, Clone, Copy)]
struct TermGroup {
    value: [[f64; TERMS]; 2],
    slope: [[f64; TERMS]; 2],
    size: [f64; TERMS],
}

compiled_for_each_set! {
    fn evaluate(
        term: SumTerm, x: &[f64; TERMS], y: &[f64; TERMS], m: f64, out: &mut TermGroup,
    ) = evaluate_body
}

#[inline(always)]
fn evaluate_body<const SET: u8>(
    term: SumTerm,
    x: &[f64; TERMS],
    y: &[f64; TERMS],
    m: f64,
    out: &mut TermGroup,
) {
    // Each loop has one kind of work and no branches, so that it becomes vector instructions.
    let (mut sin, mut cos, mut up) = ([0.0; TERMS], [0.0; TERMS], [0.0; TERMS]);
    for t in 0..TERMS {
        (sin[t], cos[t]) = sin_cos::<f64, SET>(y[t]);
    }
    for t in 0..TERMS {
        up[t] = exp_moderate::<f64, SET>(x[t] - m);
    }
    if term == SumTerm::Exp {
        for t in 0..TERMS {
            (out.value[0][t], out.value[1][t]) = (up[t] * cos[t], up[t] * sin[t]);
        }
        (out.slope, out.size) = (out.value, up);
        return;
    }
    let one = exp_moderate::<f64, SET>(-m);
    let mut down = [0.0; TERMS];
    for t in 0..TERMS {
        down[t] = exp_moderate::<f64, SET>(-x[t] - m);
    }
    for t in 0..TERMS {
        let (sinh, cosh) = (0.5 * (up[t] - down[t]), 0.5 * (up[t] + down[t]));
        (out.value[0][t], out.value[1][t]) = (one + sinh * cos[t], cosh * sin[t]);
        (out.slope[0][t], out.slope[1][t]) = (cosh * cos[t], sinh * sin[t]);
        out.size[t] = one + cosh;
    }
}

impl SumHead {
    /// From the places of x_t and y_t in the output, and w_t of each term.
    pub fn new(
        term: SumTerm,
        (re, im): (Vec<u32>, Option<Vec<u32>>),
        weights: &[Complex64],
        scale: f64,
        cancelled: f64,
    ) -> Self {
        let places = Places::new(re, im, 0, scale);
        let whole = |part: fn(&Complex64) -> f64| {
            let mut list: Vec<f64> = weights.iter().map(part).collect();
            list.resize(places.re.len(), 0.0);
            list
        };
        SumHead {
            weights: [whole(|w| w.re), whole(|w| w.im)],
            places,
            term,
            cancelled,
        }
    }

    /// The largest exponent.
    fn largest(&self, outputs: [&[f64]; 2]) -> f64 {
        let mut largest = if self.term == SumTerm::Exp {
            f64::NEG_INFINITY
        } else {
            0.0
        };
        for &at in &self.places.re {
            let x = self.places.scale * outputs[0][at as usize];
            let x = if self.term == SumTerm::Exp {
                x
            } else {
                x.abs()
            };
            largest = if x > largest || x.is_nan() {
                x
            } else {
                largest
            };
        }
        largest
    }

    fn group(&self, simd: Simd, g: usize, outputs: [&[f64]; 2], m: f64) -> TermGroup {
        let zero = [0.0; TERMS];
        let mut group = TermGroup {
            value: [zero; 2],
            slope: [zero; 2],
            size: zero,
        };
        let (x, y) = self.places.group(g, outputs);
        evaluate(simd, self.term, &x, &y, m, &mut group);
        group
    }

    /// ψ e^{−m}, or nothing where it is zero.
    fn sum(&self, simd: Simd, outputs: [&[f64]; 2], m: f64) -> Option<Complex64> {
        let (mut re, mut im, mut size) = ([0.0; TERMS], [0.0; TERMS], [0.0; TERMS]);
        for g in 0..self.places.groups() {
            let group = self.group(simd, g, outputs, m);
            let own = g * TERMS..(g + 1) * TERMS;
            let (u, v) = (&self.weights[0][own.clone()], &self.weights[1][own]);
            for t in 0..TERMS {
                let (a, b) = (group.value[0][t], group.value[1][t]);
                re[t] += u[t] * a - v[t] * b;
                im[t] += u[t] * b + v[t] * a;
                size[t] += (u[t].abs() + v[t].abs()) * group.size[t];
            }
        }
        let all = Complex64::new(re.iter().sum(), im.iter().sum());
        let size: f64 = size.iter().sum();
        (all.norm() > self.cancelled * size || all.re.is_nan()).then_some(all)
    }
}

impl DeepHead for SumHead {
    fn log(&self, simd: Simd, outputs: [&[f64]; 2]) -> Complex64 {
        let m = self.largest(outputs);
        match self.sum(simd, outputs, m) {
            Some(sum) => reduce(sum.ln() + m),
            None => Complex64::new(f64::NEG_INFINITY, 0.0),
        }
    }
    fn slopes(&self, simd: Simd, outputs: [&[f64]; 2], mut slopes: [&mut [Complex64]; 2]) {
        let m = self.largest(outputs);
        let Some(sum) = self.sum(simd, outputs, m) else {
            return;
        };
        for g in 0..self.places.groups() {
            let group = self.group(simd, g, outputs, m);
            let by_z: [Complex64; TERMS] = std::array::from_fn(|t| {
                let at = g * TERMS + t;
                let w = Complex64::new(self.weights[0][at], self.weights[1][at]);
                w * Complex64::new(group.slope[0][t], group.slope[1][t]) / sum
            });
            self.places.put(g, &by_z, &mut slopes);
        }
    }
}
