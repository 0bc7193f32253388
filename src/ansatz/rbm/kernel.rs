//! Decides how a move changes the hidden units of a walker, eight of them at a time and without an
//! elementary function.
//!
//! With p = 1/(1+e^{2θ}), r = 1/(1+e^{−2θ}) and E_l = e^{4W_l}, flipping the up spins U and the
//! down spins D multiplies cosh θ by e^{−2 Σ_{l∈U∪D} W_l} f, f = r Π_D E + p Π_U E;
//! accepted, p' = p Π_U E / f and r' = r Π_D E / f. Products over all units run in sixteen parts,
//! whose magnitudes move into an integer exponent where they leave the moderate range.

use crate::ansatz::field::Field;
use crate::linalg::lanes::{Complexes, Lanes, Packed, Reals, WIDTH};
use num_complex::Complex64;

/// Eights per part of a product between two looks at its magnitude; two parts take turns.
const BURST: usize = 8;
/// Magnitudes above this and below its inverse are moderate: with four more factors of such a size
/// nothing is lost.
const TINY: f64 = 1e-60;
/// Below this modulus of p or r a unit is saturated, and multiplying on would lose it.
pub const SATURATED: f64 = 1e-60;
/// Above this modulus of p or r, near a zero of cosh θ, p + r = 1 cancels, and multiplying on
/// would pile up errors.
pub const SINGULAR: f64 = 1e4;

/// mantissa × 2^exponent
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaled<T> {
    /// The number without its magnitude.
    pub mantissa: T,
    /// Its magnitude.
    pub exponent: i64,
}

impl<T: Field> Scaled<T> {
    /// 1
    pub fn one() -> Self {
        Scaled {
            mantissa: T::new(1.0, 0.0),
            exponent: 0,
        }
    }
    /// eᶻ
    pub fn exp(z: T) -> Self {
        let exponent = (z.complex().re / std::f64::consts::LN_2).floor();
        Scaled {
            mantissa: (z - T::new(exponent * std::f64::consts::LN_2, 0.0)).exp(),
            exponent: exponent as i64,
        }
    }
    /// The product.
    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        Scaled {
            mantissa: self.mantissa * other.mantissa,
            exponent: self.exponent + other.exponent,
        }
    }
    /// The number itself; not finite, or zero, where it is out of range.
    #[inline(always)]
    pub fn value(self) -> Complex64 {
        let exponent = self.exponent.clamp(-2040, 2040);
        let half = exponent / 2;
        let power = |e: i64| f64::from_bits(((1023 + e) as u64) << 52);
        self.mantissa.complex() * power(half) * power(exponent - half)
    }
    /// The same number with a mantissa between 1 and 2 in its larger part.
    #[inline(always)]
    pub fn normalised(self) -> Self {
        let z = self.mantissa.complex();
        let e = exponent(z.re.abs().max(z.im.abs()));
        Scaled {
            mantissa: self.mantissa * f64::from_bits(((1023 - e) as u64) << 52),
            exponent: self.exponent + e,
        }
    }
    /// ln of the number.
    pub fn ln(self) -> Complex64 {
        self.mantissa.complex().ln() + self.exponent as f64 * std::f64::consts::LN_2
    }
}

/// The exponent of a normal number, 0 for all others.
#[inline(always)]
fn exponent(x: f64) -> i64 {
    let e = (x.to_bits() >> 52 & 0x7ff) as i64;
    if e == 0 || e == 0x7ff {
        0
    } else {
        (e - 1023).min(1022)
    }
}

/// Which spins flip, with E of each or, for more than two spins, Π_U E and Π_D E.
#[derive(Debug, Clone, Copy)]
pub enum AngleChange<'a> {
    /// One up spin.
    Up(&'a [Lanes]),
    /// One down spin.
    Down(&'a [Lanes]),
    /// Two up spins.
    TwoUp(&'a [Lanes], &'a [Lanes]),
    /// Two down spins.
    TwoDown(&'a [Lanes], &'a [Lanes]),
    /// Up spins and down spins.
    Both(&'a [Lanes], &'a [Lanes]),
}

const UP: u8 = 0;
const DOWN: u8 = 1;
const TWO_UP: u8 = 2;
const TWO_DOWN: u8 = 3;
const BOTH: u8 = 4;

/// Moves the magnitudes of eight numbers to the exponent; whether none of them was lost before.
#[inline(always)]
fn shift<P: Packed, const SET: u8>(numbers: &mut P, total: &mut i64) -> bool {
    let (size, mut scale) = (numbers.size::<SET>(), Lanes::splat(1.0));
    for l in 0..WIDTH {
        let e = exponent(size.0[l]);
        scale.0[l] = f64::from_bits(((1023 - e) as u64) << 52);
        *total += e;
    }
    *numbers = numbers.scaled::<SET>(scale);
    size.all_above::<SET>(1e-290) && size.all_below::<SET>(1e290)
}

/// f
#[inline(always)]
fn factor<P: Packed, const SET: u8, const MOVE: u8>(row: &[Lanes], a: &[Lanes], b: &[Lanes]) -> P {
    let (p, r) = (P::load(row), P::load(&row[P::PARTS..]));
    match MOVE {
        UP => p.times_plus::<SET>(P::load(a), r),
        DOWN => r.times_plus::<SET>(P::load(a), p),
        TWO_UP => p.times_plus::<SET>(P::load(a).times::<SET>(P::load(b)), r),
        TWO_DOWN => r.times_plus::<SET>(P::load(a).times::<SET>(P::load(b)), p),
        _ => p.times_plus::<SET>(P::load(a), r.times::<SET>(P::load(b))),
    }
}

/// Whether the magnitudes of all numbers of both eights are between two bounds.
#[inline(always)]
fn are_between<P: Packed, const SET: u8>(a: &P, b: &P, lower: f64, upper: f64) -> bool {
    let (x, y) = (a.size::<SET>(), b.size::<SET>());
    x.smaller::<SET>(y).all_above::<SET>(lower) & x.larger::<SET>(y).all_below::<SET>(upper)
}

#[inline(always)]
fn product_of<T: Kernel, const SET: u8, const MOVE: u8>(
    row: &[Lanes],
    a: &[Lanes],
    b: &[Lanes],
) -> Scaled<T> {
    let parts = T::Packed::PARTS;
    let (mut odd, mut even, mut total) = (T::Packed::one(), T::Packed::one(), 0);
    let mut kept = true;
    let (rows, firsts) = (
        row.chunks_exact(2 * parts * BURST),
        a.chunks_exact(parts * BURST),
    );
    let seconds = b.chunks_exact(parts * BURST);
    let rest = (rows.remainder(), firsts.remainder(), seconds.remainder());
    for ((row, a), b) in rows.zip(firsts).zip(seconds) {
        // No closures here: they would be compiled without the instructions of the set.
        for at in 0..BURST / 2 {
            let (row, a, b) = (
                &row[4 * parts * at..],
                &a[2 * parts * at..],
                &b[2 * parts * at..],
            );
            even = even.times::<SET>(factor::<_, SET, MOVE>(row, a, b));
            odd = odd.times::<SET>(factor::<_, SET, MOVE>(
                &row[2 * parts..],
                &a[parts..],
                &b[parts..],
            ));
        }
        if !are_between::<_, SET>(&even, &odd, TINY, 1.0 / TINY) {
            kept &= shift::<_, SET>(&mut even, &mut total) & shift::<_, SET>(&mut odd, &mut total);
        }
    }
    let tail = rest
        .0
        .chunks_exact(2 * parts)
        .zip(rest.1.chunks_exact(parts))
        .zip(rest.2.chunks_exact(parts));
    for (at, ((row, a), b)) in tail.enumerate() {
        let f = factor::<T::Packed, SET, MOVE>(row, a, b);
        if at % 2 == 0 {
            even = even.times::<SET>(f)
        } else {
            odd = odd.times::<SET>(f)
        }
    }
    if !are_between::<_, SET>(&even, &odd, 1e-15, 1e15) {
        kept &= shift::<_, SET>(&mut even, &mut total) & shift::<_, SET>(&mut odd, &mut total);
    }
    let mantissa = even.times::<SET>(odd).product::<SET>();
    Scaled {
        mantissa: if kept {
            mantissa
        } else {
            T::new(f64::NAN, f64::NAN)
        },
        exponent: total,
    }
}

#[inline(always)]
fn advance_by<T: Kernel, const SET: u8, const MOVE: u8, const LOOK: bool>(
    row: &mut [Lanes],
    a: &[Lanes],
    b: &[Lanes],
) -> bool {
    let parts = T::Packed::PARTS;
    let (mut smallest, mut largest) = (Lanes::splat(1.0), Lanes::splat(0.0));
    let factors = a.chunks_exact(parts).zip(b.chunks_exact(parts));
    for (row, (a, b)) in row.chunks_exact_mut(2 * parts).zip(factors) {
        let (p, r) = (T::Packed::load(row), T::Packed::load(&row[parts..]));
        let (a, b) = (T::Packed::load(a), T::Packed::load(b));
        let (p, r) = match MOVE {
            UP => (p.times::<SET>(a), r),
            DOWN => (p, r.times::<SET>(a)),
            TWO_UP => (p.times::<SET>(a.times::<SET>(b)), r),
            TWO_DOWN => (p, r.times::<SET>(a.times::<SET>(b))),
            _ => (p.times::<SET>(a), r.times::<SET>(b)),
        };
        let inverse = p.plus::<SET>(r).inverse::<SET>();
        let (p, r) = (p.times::<SET>(inverse), r.times::<SET>(inverse));
        if LOOK {
            let (x, y) = (p.square::<SET>(), r.square::<SET>());
            smallest = x.smaller::<SET>(y).smaller::<SET>(smallest);
            largest = x.larger::<SET>(y).larger::<SET>(largest);
        }
        p.store(row);
        r.store(&mut row[parts..]);
    }
    is_regular::<SET>(smallest, largest)
}

/// Whether squared moduli allow multiplying on.
#[inline(always)]
fn is_regular<const SET: u8>(smallest: Lanes, largest: Lanes) -> bool {
    smallest.all_above::<SET>(SATURATED * SATURATED) & largest.all_below::<SET>(SINGULAR * SINGULAR)
}

/// Π_j f_j for a walker with these p and r; not a number where a part left the range of numbers on
/// the way.
#[inline(always)]
pub fn product<T: Kernel, const SET: u8>(row: &[Lanes], by: AngleChange) -> Scaled<T> {
    match by {
        AngleChange::Up(a) => product_of::<T, SET, UP>(row, a, a),
        AngleChange::Down(a) => product_of::<T, SET, DOWN>(row, a, a),
        AngleChange::TwoUp(a, b) => product_of::<T, SET, TWO_UP>(row, a, b),
        AngleChange::TwoDown(a, b) => product_of::<T, SET, TWO_DOWN>(row, a, b),
        AngleChange::Both(a, b) => product_of::<T, SET, BOTH>(row, a, b),
    }
}

/// Moves p and r on; with LOOK, whether no unit is saturated, singular or lost.
#[inline(always)]
pub fn advance<T: Kernel, const SET: u8, const LOOK: bool>(
    row: &mut [Lanes],
    by: AngleChange,
) -> bool {
    match by {
        AngleChange::Up(a) => advance_by::<T, SET, UP, LOOK>(row, a, a),
        AngleChange::Down(a) => advance_by::<T, SET, DOWN, LOOK>(row, a, a),
        AngleChange::TwoUp(a, b) => advance_by::<T, SET, TWO_UP, LOOK>(row, a, b),
        AngleChange::TwoDown(a, b) => advance_by::<T, SET, TWO_DOWN, LOOK>(row, a, b),
        AngleChange::Both(a, b) => advance_by::<T, SET, BOTH, LOOK>(row, a, b),
    }
}

/// Multiplies a row entry by entry.
#[inline(always)]
pub fn multiply<T: Kernel, const SET: u8>(row: &mut [Lanes], by: &[Lanes]) {
    let parts = T::Packed::PARTS;
    for (x, y) in row.chunks_exact_mut(parts).zip(by.chunks_exact(parts)) {
        T::Packed::load(x).times::<SET>(T::Packed::load(y)).store(x);
    }
}

/// Writes flat p and r, in the order of their parts, as eights; whether the walker is regular.
#[inline(always)]
pub fn interleave<T: Kernel, const SET: u8>(planes: &[f64], row: &mut [Lanes]) -> bool {
    let parts = T::Packed::PARTS;
    let plane = planes.len() / (2 * parts);
    let (mut smallest, mut largest) = (Lanes::splat(1.0), Lanes::splat(0.0));
    for (at, row) in row.chunks_exact_mut(2 * parts).enumerate() {
        for (part, lanes) in row.iter_mut().enumerate() {
            lanes
                .0
                .copy_from_slice(&planes[part * plane + at * WIDTH..][..WIDTH]);
        }
        let (x, y) = (
            T::Packed::load(row).square::<SET>(),
            T::Packed::load(&row[parts..]).square::<SET>(),
        );
        smallest = x.smaller::<SET>(y).smaller::<SET>(smallest);
        largest = x.larger::<SET>(y).larger::<SET>(largest);
    }
    is_regular::<SET>(smallest, largest)
}

/// Numbers with their eights.
pub trait Kernel: Field {
    /// Eight of them.
    type Packed: Packed<Number = Self>;
    /// p and r from θ, flat and one part after the other, with ln cosh θ in place of θ.
    fn logistic_row<const SET: u8>(theta: &mut [f64], planes: &mut [f64]);
    /// e^{4w} in place of w, flat and one part after the other.
    fn growth_row<const SET: u8>(weights: &mut [f64]);
}

impl Kernel for f64 {
    type Packed = Reals;
    #[inline(always)]
    fn logistic_row<const SET: u8>(theta: &mut [f64], planes: &mut [f64]) {
        super::logistic::real::<SET>(theta, planes);
    }
    #[inline(always)]
    fn growth_row<const SET: u8>(weights: &mut [f64]) {
        super::logistic::real_growth::<SET>(weights);
    }
}

impl Kernel for Complex64 {
    type Packed = Complexes;
    #[inline(always)]
    fn logistic_row<const SET: u8>(theta: &mut [f64], planes: &mut [f64]) {
        super::logistic::complex::<SET>(theta, planes);
    }
    #[inline(always)]
    fn growth_row<const SET: u8>(weights: &mut [f64]) {
        super::logistic::complex_growth::<SET>(weights);
    }
}
