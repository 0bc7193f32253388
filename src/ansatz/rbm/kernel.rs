//! Decides how the hidden units of a restricted Boltzmann machine are stored and swept: real and imaginary parts apart.
//!
//! A move multiplies ψ by Π_j f_j, f_j = r_j + p_j E_j, and on acceptance p'_j = p_j E_j / f_j, r'_j = r_j / f_j. Eight
//! partial products run side by side, and their magnitudes move into integer exponents where they leave the
//! moderate range.

use crate::ansatz::field::Field;
use num_complex::Complex64;
use std::marker::PhantomData;

/// Partial products side by side.
const LANES: usize = 8;
/// Factors per partial product between two renormalisations.
const BURST: usize = 4;
/// Below this modulus of p or r a unit is saturated, and multiplying on would lose it.
const SATURATED: f64 = 1e-60;

/// Rows of equal width, real and imaginary parts in separate arrays; the latter is empty for real numbers.
#[derive(Debug, Clone)]
pub struct Planes<T> {
    re: Vec<f64>,
    im: Vec<f64>,
    width: usize,
    field: PhantomData<T>,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    re: &'a [f64],
    im: &'a [f64],
}

impl<T: Field> Planes<T> {
    /// `rows` rows of zeros.
    pub fn zeros(rows: usize, width: usize) -> Self {
        let im = vec![0.0; if T::COMPLEX { rows * width } else { 0 }];
        Planes { re: vec![0.0; rows * width], im, width, field: PhantomData }
    }
    /// Row `k`.
    #[inline]
    pub fn row(&self, k: usize) -> Row<'_> {
        let range = k * self.width..(k + 1) * self.width;
        Row { re: &self.re[range.clone()], im: if T::COMPLEX { &self.im[range] } else { &[] } }
    }
    /// Entry `j` of row `k`.
    #[inline]
    pub fn get(&self, k: usize, j: usize) -> T {
        let at = k * self.width + j;
        T::new(self.re[at], if T::COMPLEX { self.im[at] } else { 0.0 })
    }
    /// Replaces entry `j` of row `k`.
    #[inline]
    pub fn set(&mut self, k: usize, j: usize, value: T) {
        let (at, z) = (k * self.width + j, value.complex());
        self.re[at] = z.re;
        if T::COMPLEX {
            self.im[at] = z.im;
        }
    }
    /// Adds `factor` × `other` to row `k`.
    pub fn add(&mut self, k: usize, factor: f64, other: Row) {
        let range = k * self.width..(k + 1) * self.width;
        let plane = |to: &mut [f64], from: &[f64]| to.iter_mut().zip(from).for_each(|(t, f)| *t += factor * f);
        plane(&mut self.re[range.clone()], other.re);
        if T::COMPLEX {
            plane(&mut self.im[range], other.im);
        }
    }
    /// Copies `other` into row `k`.
    pub fn copy(&mut self, k: usize, other: Row) {
        let range = k * self.width..(k + 1) * self.width;
        self.re[range.clone()].copy_from_slice(other.re);
        if T::COMPLEX {
            self.im[range].copy_from_slice(other.im);
        }
    }
    /// Multiplies row `k` by `other`, entry by entry.
    pub fn multiply(&mut self, k: usize, other: Row) {
        for j in 0..self.width {
            let factor = T::new(other.re[j], if T::COMPLEX { other.im[j] } else { 0.0 });
            self.set(k, j, self.get(k, j) * factor);
        }
    }
}

/// mantissa × 2^exponent
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled<T> {
    /// The number without its magnitude.
    pub mantissa: T,
    /// Its magnitude.
    pub exponent: i64,
}

impl<T: Field> Scaled<T> {
    /// eᶻ
    pub fn exp(z: T) -> Self {
        let exponent = (z.complex().re / std::f64::consts::LN_2).floor();
        Scaled { mantissa: (z - T::new(exponent * std::f64::consts::LN_2, 0.0)).exp(), exponent: exponent as i64 }
    }
    /// The product.
    pub fn times(self, other: Self) -> Self {
        Scaled { mantissa: self.mantissa * other.mantissa, exponent: self.exponent + other.exponent }
    }
    /// The number itself; not finite, or zero, where it is out of range.
    pub fn value(self) -> Complex64 {
        let exponent = self.exponent.clamp(-2040, 2040);
        let half = exponent / 2;
        let power = |e: i64| f64::from_bits(((1023 + e) as u64) << 52);
        self.mantissa.complex() * power(half) * power(exponent - half)
    }
}

/// The exponent of a normal number, 0 for all others.
#[inline(always)]
fn exponent(x: f64) -> i64 {
    let e = (x.to_bits() >> 52 & 0x7ff) as i64;
    if e == 0 || e == 0x7ff { 0 } else { (e - 1023).min(1022) }
}

/// Moves magnitudes into the exponents, if one is no longer moderate; a burst of factors keeps moderate ones in range.
#[inline(always)]
fn renormalise(re: &mut [f64; LANES], im: &mut [f64; LANES], exponents: &mut [i64; LANES]) {
    let mut moderate = true;
    for l in 0..LANES {
        let size = re[l].abs().max(im[l].abs());
        moderate &= (size > SATURATED) & (size < 1.0 / SATURATED);
    }
    if !moderate {
        shift(re, im, exponents);
    }
}

fn shift(re: &mut [f64; LANES], im: &mut [f64; LANES], exponents: &mut [i64; LANES]) {
    for l in 0..LANES {
        let e = exponent(re[l].abs().max(im[l].abs()));
        let scale = f64::from_bits(((1023 - e) as u64) << 52);
        re[l] *= scale;
        im[l] *= scale;
        exponents[l] += e;
    }
}

/// The sweeps over all hidden units of one walker.
pub trait Kernel: Field {
    /// Π_j (r_j + p_j E_j), with E = e or, where there are two, the product of both.
    fn product(p: Row, r: Row, e: Row, second: Option<Row>) -> Scaled<Self>;
    /// Moves row `k` of p and r on; whether no unit is saturated or lost.
    fn advance(p: &mut Planes<Self>, r: &mut Planes<Self>, k: usize, e: Row, second: Option<Row>) -> bool;
    /// Whether row `k` has no saturated unit.
    fn is_regular(p: &Planes<Self>, r: &Planes<Self>, k: usize) -> bool;
}

#[inline(always)]
fn real_product<const TWO: bool>(p: Row, r: Row, e: Row, second: Row) -> Scaled<f64> {
    let m = r.re.len();
    let (p, r, e, second) = (&p.re[..m], &r.re[..m], &e.re[..m], &second.re[..m]);
    let (mut acc, mut zero, mut exponents) = ([1.0; LANES], [0.0; LANES], [0; LANES]);
    let factor = |j: usize| r[j] + p[j] * if TWO { e[j] * second[j] } else { e[j] };
    let mut start = 0;
    while start + LANES * BURST <= m {
        for step in 0..BURST {
            let at = start + step * LANES;
            acc.iter_mut().enumerate().for_each(|(l, a)| *a *= factor(at + l));
        }
        renormalise(&mut acc, &mut zero, &mut exponents);
        start += LANES * BURST;
    }
    for j in start..m {
        acc[j % LANES] *= factor(j);
    }
    shift(&mut acc, &mut zero, &mut exponents);
    Scaled { mantissa: acc.iter().product(), exponent: exponents.iter().sum() }
}

#[inline(always)]
fn complex_product<const TWO: bool>(p: Row, r: Row, e: Row, second: Row) -> Scaled<Complex64> {
    let m = r.re.len();
    let (pr, pi, rr, ri) = (&p.re[..m], &p.im[..m], &r.re[..m], &r.im[..m]);
    let (er, ei, sr, si) = (&e.re[..m], &e.im[..m], &second.re[..m], &second.im[..m]);
    let factor = |j: usize| {
        let (a, b) = if TWO { (er[j] * sr[j] - ei[j] * si[j], er[j] * si[j] + ei[j] * sr[j]) } else { (er[j], ei[j]) };
        (rr[j] + (pr[j] * a - pi[j] * b), ri[j] + (pr[j] * b + pi[j] * a))
    };
    let (mut re, mut im, mut exponents) = ([1.0; LANES], [0.0; LANES], [0; LANES]);
    let mut start = 0;
    while start + LANES * BURST <= m {
        for step in 0..BURST {
            let at = start + step * LANES;
            for l in 0..LANES {
                let (a, b) = factor(at + l);
                (re[l], im[l]) = (re[l] * a - im[l] * b, re[l] * b + im[l] * a);
            }
        }
        renormalise(&mut re, &mut im, &mut exponents);
        start += LANES * BURST;
    }
    for j in start..m {
        let ((a, b), l) = (factor(j), j % LANES);
        (re[l], im[l]) = (re[l] * a - im[l] * b, re[l] * b + im[l] * a);
    }
    shift(&mut re, &mut im, &mut exponents);
    let mantissa = re.iter().zip(&im).map(|(&a, &b)| Complex64::new(a, b)).product();
    Scaled { mantissa, exponent: exponents.iter().sum() }
}

#[inline(always)]
fn real_advance<const TWO: bool>(p: &mut Planes<f64>, r: &mut Planes<f64>, k: usize, e: Row, second: Row) -> bool {
    let (m, start) = (p.width, k * p.width);
    let (p, r) = (&mut p.re[start..][..m], &mut r.re[start..][..m]);
    let (e, second) = (&e.re[..m], &second.re[..m]);
    let mut regular = true;
    for j in 0..m {
        let moved = p[j] * if TWO { e[j] * second[j] } else { e[j] };
        let inverse = 1.0 / (r[j] + moved);
        (p[j], r[j]) = (moved * inverse, r[j] * inverse);
        regular &= (p[j] >= SATURATED) & (r[j] >= SATURATED);
    }
    regular
}

#[inline(always)]
fn complex_advance<const TWO: bool>(
    p: &mut Planes<Complex64>,
    r: &mut Planes<Complex64>,
    k: usize,
    e: Row,
    second: Row,
) -> bool {
    let (m, start) = (p.width, k * p.width);
    let (pr, pi) = (&mut p.re[start..][..m], &mut p.im[start..][..m]);
    let (rr, ri) = (&mut r.re[start..][..m], &mut r.im[start..][..m]);
    let (er, ei, sr, si) = (&e.re[..m], &e.im[..m], &second.re[..m], &second.im[..m]);
    let mut regular = true;
    for j in 0..m {
        let (a, b) = if TWO { (er[j] * sr[j] - ei[j] * si[j], er[j] * si[j] + ei[j] * sr[j]) } else { (er[j], ei[j]) };
        let (mr, mi) = (pr[j] * a - pi[j] * b, pr[j] * b + pi[j] * a);
        let (fr, fi) = (rr[j] + mr, ri[j] + mi);
        let scale = 1.0 / (fr * fr + fi * fi);
        let (gr, gi) = (fr * scale, -fi * scale);
        (pr[j], pi[j]) = (mr * gr - mi * gi, mr * gi + mi * gr);
        (rr[j], ri[j]) = (rr[j] * gr - ri[j] * gi, rr[j] * gi + ri[j] * gr);
        let smallest = (pr[j] * pr[j] + pi[j] * pi[j]).min(rr[j] * rr[j] + ri[j] * ri[j]);
        regular &= smallest >= SATURATED * SATURATED;
    }
    regular
}

impl Kernel for f64 {
    fn product(p: Row, r: Row, e: Row, second: Option<Row>) -> Scaled<Self> {
        match second {
            None => real_product::<false>(p, r, e, e),
            Some(second) => real_product::<true>(p, r, e, second),
        }
    }
    fn advance(p: &mut Planes<Self>, r: &mut Planes<Self>, k: usize, e: Row, second: Option<Row>) -> bool {
        match second {
            None => real_advance::<false>(p, r, k, e, e),
            Some(second) => real_advance::<true>(p, r, k, e, second),
        }
    }
    fn is_regular(p: &Planes<Self>, r: &Planes<Self>, k: usize) -> bool {
        p.row(k).re.iter().zip(r.row(k).re).all(|(&p, &r)| p >= SATURATED && r >= SATURATED)
    }
}

impl Kernel for Complex64 {
    fn product(p: Row, r: Row, e: Row, second: Option<Row>) -> Scaled<Self> {
        match second {
            None => complex_product::<false>(p, r, e, e),
            Some(second) => complex_product::<true>(p, r, e, second),
        }
    }
    fn advance(p: &mut Planes<Self>, r: &mut Planes<Self>, k: usize, e: Row, second: Option<Row>) -> bool {
        match second {
            None => complex_advance::<false>(p, r, k, e, e),
            Some(second) => complex_advance::<true>(p, r, k, e, second),
        }
    }
    fn is_regular(p: &Planes<Self>, r: &Planes<Self>, k: usize) -> bool {
        (0..p.width).all(|j| {
            [p.get(k, j), r.get(k, j)].iter().all(|z| z.norm_sqr() >= SATURATED * SATURATED && z.norm_sqr().is_finite())
        })
    }
}
