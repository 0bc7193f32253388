//! Decides how the determinant of a minor of a table follows the exchange of a row and a column.
//!
//! M_ab = f[r_a, c_b], X = M⁻¹. Row a becomes that of q, column b that of s: with u_b = f[q, c_b],
//! v_a = f[r_a, s] and w = f[q, s],
//! ```text
//! det M'/det M = (uX)_a (Xv)_b + X_ba (w − uXv)
//! X' = X − [X e_a, Xv − e_b] C⁻¹ [uX − e_a; X_b],   C = [[(uX)_a, uXv − w], [X_ba, (Xv)_b]]
//! ```
//! Only new rows and columns enter, never a difference of new and old ones, whose rounding errors
//! would grow from update to update. ∂ ln det M/∂f[r_a, c_b] = X_ba. (D. Tahara, M. Imada, J. Phys.
//! Soc. Jpn. 77, 114701 (2008); J. Sherman, W. J. Morrison, Ann. Math. Stat. 21, 124 (1950).)

use super::elimination::NOTHING;
use super::{WORN, ZERO, determinant, deviation, is_delicate, largest, lifetime, quotient};
use crate::number::Scalar;
use num_complex::Complex64;

/// The table f of pairs (i, j), row by row and column by column.
#[derive(Debug, Clone)]
pub struct PairOrbital<T> {
    modes: usize,
    rows: Vec<T>,
    columns: Vec<T>,
    largest: f64,
}

impl<T: Scalar> PairOrbital<T> {
    /// The square table of the entries `f`, row by row.
    pub fn new(f: Vec<T>, modes: usize) -> Self {
        let transposed = |k: usize| f[k % modes * modes + k / modes];
        PairOrbital {
            modes,
            columns: (0..f.len()).map(transposed).collect(),
            largest: largest(&f),
            rows: f,
        }
    }
    fn row(&self, i: u32) -> &[T] {
        &self.rows[i as usize * self.modes..][..self.modes]
    }
    fn column(&self, j: u32) -> &[T] {
        &self.columns[j as usize * self.modes..][..self.modes]
    }
}

/// A minor of a table with its inverse.
#[derive(Debug, Clone)]
pub struct Minor<T> {
    /// The row of the table in each row.
    pub rows: Vec<u32>,
    /// The column of the table in each column.
    pub columns: Vec<u32>,
    /// X_ba in row b and column a.
    inverse: Vec<T>,
    /// ln det; −∞ where the minor is singular and has no inverse.
    pub log: Complex64,
    /// Largest entry of the table times largest entry of the inverse.
    condition: f64,
    updates: usize,
}

/// Row `a` becomes that of `row`, column `b` that of `column`.
#[derive(Debug, Clone, Copy)]
pub struct Replacement {
    /// Place of the row.
    pub a: usize,
    /// The row of the table that stands there afterwards.
    pub row: u32,
    /// Place of the column.
    pub b: usize,
    /// The column of the table that stands there afterwards.
    pub column: u32,
}

/// (uX)_a, (Xv)_b, X_ba and w − uXv.
struct Core<T> {
    row: T,
    column: T,
    entry: T,
    rest: T,
}

impl<T: Scalar> Core<T> {
    fn ratio(&self) -> T {
        self.row * self.column + self.entry * self.rest
    }
}

/// Σ x y
fn dot<T: Scalar>(x: &[T], y: impl Iterator<Item = T>) -> T {
    let mut sum = T::zero();
    x.iter().zip(y).for_each(|(&x, y)| sum += x * y);
    sum
}

/// The minor itself, row by row.
fn cut<T: Scalar>(f: &PairOrbital<T>, rows: &[u32], columns: &[u32], out: &mut Vec<T>) {
    out.clear();
    for &i in rows {
        let row = f.row(i);
        out.extend(columns.iter().map(|&j| row[j as usize]));
    }
}

impl<T: Scalar> Minor<T> {
    /// The minor of these rows and columns, as many of one as of the other.
    pub fn new(f: &PairOrbital<T>, rows: Vec<u32>, columns: Vec<u32>) -> Self {
        let mut minor = Minor {
            rows,
            columns,
            inverse: Vec::new(),
            log: NOTHING,
            condition: f64::INFINITY,
            updates: 0,
        };
        minor.renew(f, ZERO);
        minor
    }

    /// ln det of a minor without an inverse.
    pub fn log_of(f: &PairOrbital<T>, rows: &[u32], columns: &[u32]) -> Complex64 {
        let mut room = Vec::with_capacity(rows.len() * columns.len());
        cut(f, rows, columns, &mut room);
        determinant(&mut room, rows.len(), ZERO, false)
    }

    fn renew(&mut self, f: &PairOrbital<T>, zero: f64) {
        cut(f, &self.rows, &self.columns, &mut self.inverse);
        self.log = determinant(&mut self.inverse, self.rows.len(), zero, true);
        self.condition = f.largest * largest(&self.inverse);
        self.updates = 0;
    }

    /// Whether the determinant is zero.
    pub fn is_singular(&self) -> bool {
        self.log.re == f64::NEG_INFINITY
    }

    /// The derivative of ln det M by the entry of row `a` and column `b`; 0 where M is singular.
    pub fn slope(&self, a: usize, b: usize) -> T {
        match self.is_singular() {
            true => T::zero(),
            false => self.inverse[b * self.rows.len() + a],
        }
    }

    fn core(&self, f: &PairOrbital<T>, to: Replacement) -> Core<T> {
        let n = self.rows.len();
        let (u, v) = (f.row(to.row), f.column(to.column));
        let mut core = Core {
            row: T::zero(),
            column: T::zero(),
            entry: self.inverse[to.b * n + to.a],
            rest: u[to.column as usize],
        };
        let lines = self.inverse.chunks_exact(n).zip(&self.columns);
        for (b, (line, &column)) in lines.enumerate() {
            let u = u[column as usize];
            let image = dot(line, self.rows.iter().map(|&i| v[i as usize]));
            core.row += u * line[to.a];
            core.rest += -(u * image);
            if b == to.b {
                core.column = image;
            }
        }
        core
    }

    /// det M'/det M of a minor that is not singular; exactly 0 where M' is singular.
    pub fn ratio(&self, f: &PairOrbital<T>, to: Replacement) -> Complex64 {
        let ratio = self.core(f, to).ratio();
        if !is_delicate(ratio, self.condition) {
            return ratio.complex();
        }
        let (mut rows, mut columns) = (self.rows.clone(), self.columns.clone());
        (rows[to.a], columns[to.b]) = (to.row, to.column);
        let log = Self::log_of(f, &rows, &columns);
        quotient(log, self.log)
    }

    /// Replaces a row and a column; `ratio` is what [`Minor::ratio`] has said of them.
    pub fn replace(&mut self, f: &PairOrbital<T>, to: Replacement, ratio: Complex64) {
        let usable = !self.is_singular() && !is_delicate(ratio, self.condition);
        let young = usable && self.updates + 1 < lifetime(self.rows.len());
        let images = young.then(|| self.images(f, to));
        (self.rows[to.a], self.columns[to.b]) = (to.row, to.column);
        let updated = images.is_some_and(|images| self.update(f, to, images));
        if updated {
            self.log += ratio.ln();
            self.updates += 1;
            return;
        }
        // What a ratio says is no zero stays none.
        self.renew(f, if ratio == Complex64::ZERO { ZERO } else { 0.0 });
    }

    /// uX, Xv and uXv.
    fn images(&self, f: &PairOrbital<T>, to: Replacement) -> (Vec<T>, Vec<T>, T) {
        let n = self.rows.len();
        let (u, v) = (f.row(to.row), f.column(to.column));
        let (mut p, mut q) = (vec![T::zero(); n], Vec::with_capacity(n));
        let mut both = T::zero();
        for (line, &column) in self.inverse.chunks_exact(n).zip(&self.columns) {
            let u = u[column as usize];
            let image = dot(line, self.rows.iter().map(|&i| v[i as usize]));
            p.iter_mut().zip(line).for_each(|(p, &x)| *p += u * x);
            both += u * image;
            q.push(image);
        }
        (p, q, both)
    }

    /// Brings the inverse up to date with the lists; false where it fails its equation.
    fn update(
        &mut self,
        f: &PairOrbital<T>,
        to: Replacement,
        (mut p, mut q, both): (Vec<T>, Vec<T>, T),
    ) -> bool {
        let (n, Replacement { a, b, .. }) = (self.rows.len(), to);
        let core = Core {
            row: p[a],
            column: q[b],
            entry: self.inverse[b * n + a],
            rest: f.row(to.row)[to.column as usize] - both,
        };
        let inverted = core.ratio().inverse();
        let c = [[core.column, core.rest], [-core.entry, core.row]];
        let c = c.map(|row| row.map(|x| x * inverted));
        p[a] += -T::one();
        q[b] += -T::one();
        let line = self.inverse[b * n..(b + 1) * n].to_vec();
        for (x, &q) in self.inverse.chunks_exact_mut(n).zip(&q) {
            let (first, second) = (x[a] * c[0][0] + q * c[1][0], x[a] * c[0][1] + q * c[1][1]);
            for ((x, &p), &l) in x.iter_mut().zip(&p).zip(&line) {
                *x += -(first * p + second * l);
            }
        }
        self.condition = f.largest * largest(&self.inverse);
        let row = f.row(self.rows[a]);
        deviation(row, &self.columns, &self.inverse, a) <= WORN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, RngExt, stream};

    fn orbital<T: Scalar>(modes: usize, diagonal: f64) -> PairOrbital<T> {
        let mut rng = stream(5, Purpose::Law, 0, 0);
        let mut f: Vec<T> = (0..modes * modes).map(|_| T::normal(&mut rng)).collect();
        (0..modes).for_each(|i| f[i * modes + i] = f[i * modes + i] * diagonal);
        PairOrbital::new(f, modes)
    }

    fn walks<T: Scalar>(f: &PairOrbital<T>, modes: usize) {
        let mut rng = stream(6, Purpose::Law, 0, 0);
        let half = modes as u32 / 2;
        let mut minor = Minor::new(f, (0..half).collect(), (half..2 * half).collect());
        let mut taken = 0;
        while taken < 3000 {
            let (a, b) = (
                rng.random_range(0..modes / 2),
                rng.random_range(0..modes / 2),
            );
            let to = Replacement {
                a,
                row: minor.columns[b],
                b,
                column: minor.rows[a],
            };
            let ratio = minor.ratio(f, to);
            let mut moved = minor.clone();
            moved.replace(f, to, ratio);
            let anew = Minor::log_of(f, &moved.rows, &moved.columns);
            let expected = (anew - minor.log).exp();
            assert!((ratio - expected).norm() < 1e-9 * (1.0 + expected.norm()));
            if rng.random::<f64>() < ratio.norm_sqr() {
                (minor, taken) = (moved, taken + 1);
            }
        }
        let anew = Minor::new(f, minor.rows.clone(), minor.columns.clone());
        assert!((minor.log - anew.log).exp().re > 1.0 - 1e-9);
        for (x, y) in minor.inverse.iter().zip(&anew.inverse) {
            assert!((*x - *y).norm_sqr().sqrt() < 1e-9 * largest(&anew.inverse));
        }
    }

    #[test]
    fn updates_stay_exact_over_thousands_of_moves() {
        walks::<f64>(&orbital(24, 1.0), 24);
        walks::<Complex64>(&orbital(12, 1.0), 12);
        // Where a mode cannot pair with itself, changing the row alone leads through a zero.
        walks::<Complex64>(&orbital(12, 0.0), 12);
    }

    #[test]
    fn singular_minors_are_entered_and_left() {
        // Pairs of neighbours on a ring alone: most minors vanish.
        let pairs = |k: usize| (k / 6).abs_diff(k % 6) % 4 == 1;
        let f = (0..36).map(|k| f64::from(u8::from(pairs(k)))).collect();
        let f = PairOrbital::new(f, 6);
        let start = Minor::new(&f, vec![0, 2, 4], vec![1, 3, 5]);
        assert!(!start.is_singular());
        let to = Replacement {
            a: 0,
            row: 3,
            b: 1,
            column: 0,
        };
        let ratio = start.ratio(&f, to);
        let mut moved = start.clone();
        moved.replace(&f, to, ratio);
        assert_eq!(moved.log, Minor::log_of(&f, &moved.rows, &moved.columns));
        let to = Replacement {
            a: 2,
            row: 1,
            b: 0,
            column: 4,
        };
        moved.replace(&f, to, Complex64::ZERO);
        assert_eq!(moved.log, Minor::log_of(&f, &moved.rows, &moved.columns));
    }
}
