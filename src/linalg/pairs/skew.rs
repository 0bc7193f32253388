//! Decides how the Pfaffian of a skew minor of a table follows one or two of its modes.
//!
//! A_ab = F[p_a, p_b], X = A⁻¹, Pf A by 2 × 2 pivots (J. R. Bunch, Math. Comp. 38, 475 (1982)). The
//! modes at the places S become others, with rows N of the new modes against the old list, zero at
//! S, and their own entries K. With G = N X[:, S], Q = K + N X Nᵀ and C = [[X_SS, −Gᵀ], [G, Q]]:
//! ```text
//! Pf A'/Pf A = (−1)^{k(k+1)/2} Pf C,   X' = X + Z C⁻¹ Zᵀ,   Z = [X E_S, X Nᵀ + E_S]
//! ```
//! Only new rows enter, and X stays skew to the last bit. ∂ ln Pf A/∂A_ab = X_ba for a < b. (M.
//! Wimmer, ACM Trans. Math. Softw. 38, 30 (2012); D. Tahara, M. Imada, J. Phys. Soc. Jpn. 77,
//! 114701 (2008).)

use super::elimination::{LogProduct, NOTHING};
use super::{WORN, ZERO, determinant, deviation, is_delicate, largest, lifetime, quotient};
use crate::number::Scalar;
use num_complex::Complex64;

/// A skew table F of modes.
#[derive(Debug, Clone)]
pub struct SkewTable<T> {
    modes: usize,
    f: Vec<T>,
    largest: f64,
}

impl<T: Scalar> SkewTable<T> {
    /// The table of these entries, row by row; they have to be skew.
    pub fn new(f: Vec<T>, modes: usize) -> Self {
        SkewTable {
            modes,
            largest: largest(&f),
            f,
        }
    }
    fn row(&self, p: u32) -> &[T] {
        &self.f[p as usize * self.modes..][..self.modes]
    }
}

/// ln Pf of the row-major skew n × n matrix; −∞ where n is odd or a pivot is not larger than `zero`
/// times the largest entry. The matrix is overwritten.
pub fn pfaffian<T: Scalar>(a: &mut [T], n: usize, zero: f64) -> Complex64 {
    if !n.is_multiple_of(2) {
        return NOTHING;
    }
    let least = zero * largest(a);
    let mut product = LogProduct::new();
    for k in (0..n).step_by(2) {
        let (mut i, mut j, mut square) = (k, k + 1, -1.0);
        for row in k..n {
            for column in row + 1..n {
                let own = a[row * n + column].norm_sqr();
                if own > square {
                    (i, j, square) = (row, column, own);
                }
            }
        }
        // Where no entry is a number, none is larger than −1.
        let size = square.sqrt();
        if size <= least || size.is_nan() {
            return NOTHING;
        }
        // i < j: bringing i to k first does not move j away from k + 1 again.
        for (from, to) in [(i, k), (j, k + 1)] {
            if from != to {
                (0..n).for_each(|l| a.swap(from * n + l, to * n + l));
                (0..n).for_each(|l| a.swap(l * n + from, l * n + to));
                product.turn();
            }
        }
        let pivot = a[k * n + k + 1];
        product.times(pivot);
        let inverted = pivot.inverse();
        for row in k + 2..n {
            let (x, y) = (a[k * n + row] * inverted, a[(k + 1) * n + row] * inverted);
            for column in k + 2..n {
                let change = y * a[k * n + column] - x * a[(k + 1) * n + column];
                a[row * n + column] += change;
            }
        }
    }
    product.ln()
}

/// A skew minor of a table with its inverse.
#[derive(Debug, Clone)]
pub struct SkewMinor<T> {
    /// The mode of each row and column.
    pub modes: Vec<u32>,
    inverse: Vec<T>,
    /// ln Pf; −∞ where the minor is singular and has no inverse.
    pub log: Complex64,
    condition: f64,
    updates: usize,
}

/// Modes that take the places of others, at most two.
#[derive(Debug, Clone, Copy)]
pub struct ModeReplacement<'a> {
    /// Places in the list.
    pub places: &'a [usize],
    /// The modes that stand there afterwards.
    pub modes: &'a [u32],
}

/// Rows N, products X Nᵀ, G and Q.
struct SkewImages<T> {
    images: [Vec<T>; 2],
    g: [[T; 2]; 2],
    q: T,
    entry: T,
}

impl<T: Scalar> SkewImages<T> {
    fn ratio(&self, count: usize) -> T {
        match count {
            1 => self.g[0][0],
            _ => self.g[0][0] * self.g[1][1] - self.g[0][1] * self.g[1][0] - self.entry * self.q,
        }
    }
}

fn cut<T: Scalar>(f: &SkewTable<T>, modes: &[u32]) -> Vec<T> {
    let mut out = Vec::with_capacity(modes.len() * modes.len());
    for &p in modes {
        let row = f.row(p);
        out.extend(modes.iter().map(|&q| row[q as usize]));
    }
    out
}

impl<T: Scalar> SkewMinor<T> {
    /// The minor of these modes.
    pub fn new(f: &SkewTable<T>, modes: Vec<u32>) -> Self {
        let mut minor = SkewMinor {
            modes,
            inverse: Vec::new(),
            log: NOTHING,
            condition: f64::INFINITY,
            updates: 0,
        };
        minor.renew(f, ZERO);
        minor
    }

    /// ln Pf of a minor without an inverse.
    pub fn log_of(f: &SkewTable<T>, modes: &[u32]) -> Complex64 {
        pfaffian(&mut cut(f, modes), modes.len(), ZERO)
    }

    fn renew(&mut self, f: &SkewTable<T>, zero: f64) {
        let n = self.modes.len();
        self.inverse = cut(f, &self.modes);
        self.log = pfaffian(&mut self.inverse.clone(), n, zero);
        if !self.is_singular() && determinant(&mut self.inverse, n, 0.0, true) == NOTHING {
            self.log = NOTHING;
        }
        for a in 0..n {
            self.inverse[a * n + a] = T::zero();
            for b in 0..a {
                let half = (self.inverse[a * n + b] - self.inverse[b * n + a]) * 0.5;
                (self.inverse[a * n + b], self.inverse[b * n + a]) = (half, -half);
            }
        }
        self.condition = f.largest * largest(&self.inverse);
        self.updates = 0;
    }

    /// Whether the Pfaffian is zero.
    pub fn is_singular(&self) -> bool {
        self.log.re == f64::NEG_INFINITY
    }

    /// ∂ ln Pf A/∂A_ab, A_ba = −A_ab; 0 where the minor is singular.
    pub fn slope(&self, a: usize, b: usize) -> T {
        match self.is_singular() {
            true => T::zero(),
            false => self.inverse[b * self.modes.len() + a],
        }
    }

    fn images(&self, f: &SkewTable<T>, to: ModeReplacement) -> SkewImages<T> {
        let n = self.modes.len();
        let mut out = SkewImages {
            images: [Vec::new(), Vec::new()],
            g: [[T::zero(); 2]; 2],
            q: T::zero(),
            entry: T::zero(),
        };
        let mut rows = [Vec::new(), Vec::new()];
        for (k, &mode) in to.modes.iter().enumerate() {
            let row = f.row(mode);
            rows[k] = self.modes.iter().map(|&p| row[p as usize]).collect();
            to.places.iter().for_each(|&s| rows[k][s] = T::zero());
            let image = |line: &[T]| {
                let terms = line.iter().zip(&rows[k]);
                terms.fold(T::zero(), |sum, (&x, &y)| sum + x * y)
            };
            out.images[k] = self.inverse.chunks_exact(n).map(image).collect();
            // (N X)_s = −(X Nᵀ)_s
            for (l, &s) in to.places.iter().enumerate() {
                out.g[k][l] = -out.images[k][s];
            }
        }
        if let (&[s, t], &[p, q]) = (to.places, to.modes) {
            let terms = rows[0].iter().zip(&out.images[1]);
            let sum = terms.fold(T::zero(), |sum, (&x, &y)| sum + x * y);
            out.q = f.row(p)[q as usize] + sum;
            out.entry = self.inverse[s * n + t];
        }
        out
    }

    /// Pf A'/Pf A of a minor that is not singular; exactly 0 where A' is singular.
    pub fn ratio(&self, f: &SkewTable<T>, to: ModeReplacement) -> Complex64 {
        let ratio = self.images(f, to).ratio(to.places.len());
        if !is_delicate(ratio, self.condition) {
            return ratio.complex();
        }
        let mut modes = self.modes.clone();
        (to.places.iter().zip(to.modes)).for_each(|(&s, &p)| modes[s] = p);
        let log = Self::log_of(f, &modes);
        quotient(log, self.log)
    }

    /// Replaces modes; `ratio` is what [`SkewMinor::ratio`] has said of them.
    pub fn replace(&mut self, f: &SkewTable<T>, to: ModeReplacement, ratio: Complex64) {
        let usable = !self.is_singular() && !is_delicate(ratio, self.condition);
        let young = usable && self.updates + 1 < lifetime(self.modes.len());
        let images = young.then(|| self.images(f, to));
        (to.places.iter().zip(to.modes)).for_each(|(&s, &p)| self.modes[s] = p);
        if images.is_some_and(|images| self.update(f, to.places, images)) {
            self.log += ratio.ln();
            self.updates += 1;
            return;
        }
        // What a ratio says is no zero stays none.
        self.renew(f, if ratio == Complex64::ZERO { ZERO } else { 0.0 });
    }

    /// Brings the inverse up to date with the list; false where it fails its equation.
    fn update(&mut self, f: &SkewTable<T>, places: &[usize], images: SkewImages<T>) -> bool {
        let (n, k) = (self.modes.len(), places.len());
        let ratio = images.ratio(k).inverse();
        let SkewImages {
            images,
            g,
            q,
            entry,
        } = images;
        let mut z: Vec<Vec<T>> = Vec::with_capacity(2 * k);
        for &s in places {
            z.push((0..n).map(|i| self.inverse[i * n + s]).collect());
        }
        for (&s, mut image) in places.iter().zip(images) {
            image[s] += T::one();
            z.push(image);
        }
        // C⁻¹; Pf C is −ratio for k = 1 and for k = 2.
        let zero = T::zero();
        let inverse: Vec<Vec<T>> = match k {
            1 => vec![vec![zero, ratio], vec![-ratio, zero]],
            _ => {
                let scaled = |x: T| -(x * ratio);
                let [c01, c23] = [scaled(entry), scaled(q)];
                let [c02, c03] = [scaled(-g[0][0]), scaled(-g[1][0])];
                let [c12, c13] = [scaled(-g[0][1]), scaled(-g[1][1])];
                vec![
                    vec![zero, -c23, c13, -c12],
                    vec![c23, zero, -c03, c02],
                    vec![-c13, c03, zero, -c01],
                    vec![c12, -c02, c01, zero],
                ]
            }
        };
        for i in 0..n {
            let left: Vec<T> = (0..2 * k)
                .map(|s| (0..2 * k).fold(zero, |sum, r| sum + z[r][i] * inverse[r][s]))
                .collect();
            let change = |j: usize| (0..2 * k).fold(zero, |sum, s| sum + left[s] * z[s][j]);
            let changes: Vec<T> = (0..i).map(change).collect();
            for (j, change) in changes.into_iter().enumerate() {
                let new = self.inverse[i * n + j] + change;
                (self.inverse[i * n + j], self.inverse[j * n + i]) = (new, -new);
            }
        }
        self.condition = f.largest * largest(&self.inverse);
        let off = |s: usize| deviation(f.row(self.modes[s]), &self.modes, &self.inverse, s);
        places.iter().all(|&s| off(s) <= WORN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    fn table<T: Scalar>(modes: usize) -> SkewTable<T> {
        let mut rng = stream(7, Purpose::Law, 0, 0);
        let mut f = vec![T::zero(); modes * modes];
        for p in 0..modes {
            for q in 0..p {
                let entry = T::normal(&mut rng);
                (f[p * modes + q], f[q * modes + p]) = (entry, -entry);
            }
        }
        SkewTable::new(f, modes)
    }

    #[test]
    fn pfaffians_square_to_determinants_and_have_their_sign() {
        let f = [
            0.0, 2.0, 0.3, -1.0, -2.0, 0.0, 4.0, 0.5, -0.3, -4.0, 0.0, 3.0, 1.0, -0.5, -3.0, 0.0,
        ];
        // a01 a23 − a02 a13 + a03 a12
        let expected: f64 = 2.0 * 3.0 - 0.3 * 0.5 - 4.0;
        let found = pfaffian(&mut f.clone(), 4, ZERO).exp();
        assert!((found - expected).norm() < 1e-14, "{found}");
        for n in [2, 6, 10] {
            let a = table::<Complex64>(n).f;
            let square = (2.0 * pfaffian(&mut a.clone(), n, ZERO)).exp();
            let expected = determinant(&mut a.clone(), n, ZERO, false).exp();
            assert!((square - expected).norm() < 1e-11 * expected.norm());
        }
        assert_eq!(pfaffian(&mut [0.0; 9], 3, ZERO), NOTHING);
        assert_eq!(pfaffian(&mut [0.0; 4], 2, ZERO), NOTHING);
    }

    fn walks<T: Scalar>(modes: usize) {
        let f = table::<T>(modes);
        let mut rng = stream(8, Purpose::Law, 0, 0);
        let count = modes / 4 * 2;
        let mut minor = SkewMinor::new(&f, (0..count as u32).collect());
        let mut taken = 0;
        while taken < 2000 {
            let one = rng.random::<f64>() < 0.5;
            let (a, b) = (rng.random_range(0..count), rng.random_range(0..count));
            let free: Vec<u32> = (0..modes as u32)
                .filter(|p| !minor.modes.contains(p))
                .collect();
            let p = free[rng.random_range(0..free.len())];
            let q = free[rng.random_range(0..free.len())];
            if !one && (a == b || p == q) {
                continue;
            }
            let (places, new) = ([a, b], [p, q]);
            let k = if one { 1 } else { 2 };
            let to = ModeReplacement {
                places: &places[..k],
                modes: &new[..k],
            };
            let ratio = minor.ratio(&f, to);
            let mut moved = minor.clone();
            moved.replace(&f, to, ratio);
            let expected = (SkewMinor::log_of(&f, &moved.modes) - minor.log).exp();
            assert!((ratio - expected).norm() < 1e-9 * (1.0 + expected.norm()));
            if rng.random::<f64>() < ratio.norm_sqr() {
                (minor, taken) = (moved, taken + 1);
            }
        }
        let anew = SkewMinor::new(&f, minor.modes.clone());
        assert!((minor.log - anew.log).exp().re > 1.0 - 1e-9);
        for (x, y) in minor.inverse.iter().zip(&anew.inverse) {
            assert!((*x - *y).norm_sqr().sqrt() < 1e-9 * largest(&anew.inverse));
        }
    }

    #[test]
    fn updates_of_one_and_two_modes_stay_exact_over_thousands_of_moves() {
        walks::<f64>(20);
        walks::<Complex64>(12);
    }
}
