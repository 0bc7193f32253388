//! Decides how a function is drawn through given points: cubic pieces with continuous second
//! derivatives, and with continuous third ones at the second and the last but one point.
//!
//! y = Σ_k c_k (x − x_i)^k, k = 0..3, on the piece from x_i to x_{i+1}. Second derivatives M
//! obey w_{i−1} M_{i−1} + 2 (w_{i−1} + w_i) M_i + w_i M_{i+1} = 6 (s_i − s_{i−1}) with
//! widths w and slopes s of the chords ("not-a-knot" ends, C. de Boor, A Practical Guide to Splines
//! (1978)).

/// A cubic spline with not-a-knot ends; a parabola through three points, a line through two.
#[derive(Debug, Clone, PartialEq)]
pub struct Spline {
    x: Vec<f64>,
    /// Coefficients of each piece in powers of the distance from its left end.
    pieces: Vec<[f64; 4]>,
}

impl Spline {
    /// Through the points (x, y), x in increasing order; points without a partner are left out.
    pub fn new(x: &[f64], y: &[f64]) -> Self {
        let n = x.len().min(y.len());
        let (x, y) = (&x[..n], &y[..n]);
        let width: Vec<f64> = x.windows(2).map(|w| w[1] - w[0]).collect();
        let rise = y.windows(2).zip(&width);
        let chord: Vec<f64> = rise.map(|(v, w)| (v[1] - v[0]) / w).collect();
        let bend = bends(&width, &chord);
        let piece = |i: usize| {
            let (a, b, w) = (bend[i], bend[i + 1], width[i]);
            let slope = chord[i] - w * (2.0 * a + b) / 6.0;
            [y[i], slope, 0.5 * a, (b - a) / (6.0 * w)]
        };
        let mut pieces: Vec<_> = (0..width.len()).map(piece).collect();
        if pieces.is_empty() {
            pieces.push([y.first().copied().unwrap_or(0.0), 0.0, 0.0, 0.0]);
        }
        Spline {
            x: x.to_vec(),
            pieces,
        }
    }

    /// The points along x, in increasing order.
    pub fn points(&self) -> &[f64] {
        &self.x
    }

    /// The piece that holds `x`; the first or the last one outside.
    fn piece(&self, x: f64) -> usize {
        let after = self.x.partition_point(|&p| p <= x);
        after.saturating_sub(1).min(self.pieces.len() - 1)
    }

    /// The polynomial of piece `i` in powers of the distance from `x`.
    fn about(&self, i: usize, x: f64) -> [f64; 4] {
        let [a, b, c, d] = self.pieces[i];
        let t = x - self.x.get(i).copied().unwrap_or(0.0);
        let value = a + t * (b + t * (c + t * d));
        let slope = b + t * (2.0 * c + 3.0 * t * d);
        [value, slope, c + 3.0 * t * d, d]
    }

    /// The value at `x`; beyond the ends that of the last piece.
    pub fn value(&self, x: f64) -> f64 {
        self.about(self.piece(x), x)[0]
    }

    /// The integral from `from` to `from + by`, to full relative precision for small `by` ≥ 0.
    pub fn integral(&self, from: f64, by: f64) -> f64 {
        let end = from + by;
        let (mut i, mut at, mut left, mut sum) = (self.piece(from), from, by, 0.0);
        loop {
            let [a, b, c, d] = self.about(i, at);
            let next = self.x.get(i + 1).copied().unwrap_or(f64::INFINITY);
            let last = i + 1 >= self.pieces.len() || end <= next;
            let t = if last { left } else { next - at };
            sum += t * (a + t * (b / 2.0 + t * (c / 3.0 + t * d / 4.0)));
            if last {
                return sum;
            }
            (i, at, left) = (i + 1, next, end - next);
        }
    }

    /// For each place of `at` the weights of the values at the points `x`, of which the spline
    /// there is the sum: one row per place.
    pub fn weights(x: &[f64], at: &[f64]) -> Vec<Vec<f64>> {
        let unit = |k: usize| {
            let y: Vec<f64> = (0..x.len()).map(|i| f64::from(u8::from(i == k))).collect();
            Spline::new(x, &y)
        };
        let units: Vec<Spline> = (0..x.len()).map(unit).collect();
        let row = |&place: &f64| units.iter().map(|u| u.value(place)).collect();
        at.iter().map(row).collect()
    }
}

/// Second derivatives at all points, from the widths and slopes of the chords.
fn bends(width: &[f64], chord: &[f64]) -> Vec<f64> {
    let pieces = width.len();
    match pieces {
        0 | 1 => return vec![0.0; pieces + 1],
        2 => return vec![2.0 * (chord[1] - chord[0]) / (width[0] + width[1]); 3],
        _ => {}
    }
    // Rows of the inner points; the ends are eliminated.
    let inner = pieces - 1;
    let mut row: Vec<[f64; 4]> = (0..inner)
        .map(|i| {
            let (a, b) = (width[i], width[i + 1]);
            [a, 2.0 * (a + b), b, 6.0 * (chord[i + 1] - chord[i])]
        })
        .collect();
    let (first, second) = (width[0], width[1]);
    row[0][1] += first * (1.0 + first / second);
    row[0][2] -= first * first / second;
    let (last, before) = (width[pieces - 1], width[pieces - 2]);
    row[inner - 1][1] += last * (1.0 + last / before);
    row[inner - 1][0] -= last * last / before;
    for i in 1..inner {
        let factor = row[i][0] / row[i - 1][1];
        row[i][1] -= factor * row[i - 1][2];
        row[i][3] -= factor * row[i - 1][3];
    }
    let mut bend = vec![0.0; pieces + 1];
    for i in (0..inner).rev() {
        let behind = if i + 1 < inner {
            row[i][2] * bend[i + 2]
        } else {
            0.0
        };
        bend[i + 1] = (row[i][3] - behind) / row[i][1];
    }
    bend[0] = bend[1] * (1.0 + first / second) - bend[2] * first / second;
    let end = bend[pieces - 1] * (1.0 + last / before);
    bend[pieces] = end - bend[pieces - 2] * last / before;
    bend
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cubic polynomial and its integral from 0.
    fn cubic(x: f64) -> (f64, f64) {
        (
            1.0 + x * (-2.0 + x * (0.5 + 3.0 * x)),
            x + x * x * (-1.0 + x * (0.5 / 3.0 + 0.75 * x)),
        )
    }

    #[test]
    fn cubics_are_reproduced_with_their_integrals() {
        for x in [
            &[0.0, 0.3, 0.5, 1.1][..],
            &[0.0, 0.1, 0.4, 0.45, 0.9, 1.3, 1.31],
        ] {
            let y: Vec<f64> = x.iter().map(|&x| cubic(x).0).collect();
            let spline = Spline::new(x, &y);
            for k in 0..40 {
                let at = 0.03 * f64::from(k);
                assert!((spline.value(at) - cubic(at).0).abs() < 1e-12, "{at}");
                for by in [0.0, 1e-9, 0.02, 0.7] {
                    let exact = cubic(at + by).1 - cubic(at).1;
                    let error = (spline.integral(at, by) - exact).abs();
                    assert!(error < 1e-12, "{at} {by}: {error}");
                }
            }
        }
    }

    #[test]
    fn few_points_give_lines_and_parabolas() {
        let line = Spline::new(&[1.0, 3.0], &[2.0, 6.0]);
        assert!((line.value(2.5) - 5.0).abs() < 1e-14);
        let parabola = Spline::new(&[0.0, 1.0, 3.0], &[0.0, 1.0, 9.0]);
        assert!((parabola.value(2.0) - 4.0).abs() < 1e-14);
        assert!((Spline::new(&[1.0], &[7.0]).value(3.0) - 7.0).abs() < 1e-14);
        assert!((parabola.integral(0.0, 3.0) - 9.0).abs() < 1e-13);
    }

    #[test]
    fn weights_are_the_spline() {
        let x: Vec<f64> = (0..9).map(|k| f64::from(k).powf(1.2)).collect();
        let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
        let spline = Spline::new(&x, &y);
        let at = [0.0, 0.4, 3.3, 7.0, 13.0];
        for (place, row) in at.iter().zip(Spline::weights(&x, &at)) {
            let sum: f64 = row.iter().zip(&y).map(|(w, y)| w * y).sum();
            assert!((sum - spline.value(*place)).abs() < 1e-12, "{place}");
        }
        assert!((spline.value(3.3) - 3.3f64.sin()).abs() < 2e-2);
    }
}
