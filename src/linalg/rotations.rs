//! Decides how few short rows are made orthogonal: Gram–Schmidt where all are kept, Jacobi
//! rotations where the largest singular values are wanted.
//!
//! Rows w_p, w_q turn by the angle that makes them orthogonal until all are: then W = U (Σ V^H)
//! with the norms Σ and the directions V^H of the rows. (M. R. Hestenes, J. SIAM 6, 51 (1958); one
//! pass of Gram–Schmidt is repeated where a row loses much: L. Giraud et al., Comput. Math. Appl.
//! 50, 1069 (2005).)

use crate::number::Scalar;

/// A row is nothing beside the others where its relative norm is below this.
const NOTHING: f64 = 1e-15;
/// Rows with a smaller cosine than this are orthogonal.
const ORTHOGONAL: f64 = 1e-14;
/// More sweeps than this are never needed.
const SWEEPS: usize = 40;

/// Real numbers that are worked on side by side: some complex ones, as pairs.
const SIDE: usize = 8;

/// The other number of a complex one's pair, for every place.
#[inline(always)]
fn partners(x: &[f64; SIDE]) -> [f64; SIDE] {
    std::array::from_fn(|i| x[i ^ 1])
}

/// The next numbers of two slices.
#[inline(always)]
fn sides<'a>(a: &'a [f64], b: &'a [f64], at: usize) -> Option<[&'a [f64; SIDE]; 2]> {
    let (a, b) = (a.get(at..at + SIDE)?, b.get(at..at + SIDE)?);
    Some([a.try_into().ok()?, b.try_into().ok()?])
}

/// Σ_k a_k* b_k
#[inline(always)]
pub fn inner<T: Scalar>(a: &[T], b: &[T]) -> T {
    let (reals, others) = (T::reals(a), T::reals(b));
    let (mut same, mut crossed) = ([0.0; SIDE], [0.0; SIDE]);
    let mut at = 0;
    while let Some([x, y]) = sides(reals, others, at) {
        let turned = partners(y);
        for i in 0..SIDE {
            same[i] += x[i] * y[i];
            if T::COMPLEX {
                crossed[i] += x[i] * turned[i];
            }
        }
        at += SIDE;
    }
    let imaginary = crossed.chunks_exact(2).map(|pair| pair[0] - pair[1]).sum();
    let mut sum = T::new(same.iter().sum(), imaginary);
    let done = at / T::PARTS;
    let rest = a[done..].iter().zip(&b[done..]);
    rest.for_each(|(&a, &b)| sum += a.conj() * b);
    sum
}

/// y ← y + c x
#[inline(always)]
pub fn add<T: Scalar>(y: &mut [T], c: T, x: &[T]) {
    if !T::COMPLEX {
        return y.iter_mut().zip(x).for_each(|(y, &x)| *y += c * x);
    }
    let (re, im) = (c.re(), c.complex().im);
    let signed: [f64; SIDE] = std::array::from_fn(|i| if i % 2 == 0 { -im } else { im });
    let (ys, rest) = T::reals_mut(y).as_chunks_mut::<SIDE>();
    let (xs, others) = T::reals(x).as_chunks::<SIDE>();
    for (y, x) in ys.iter_mut().zip(xs) {
        let turned = partners(x);
        for i in 0..SIDE {
            y[i] += re * x[i] + signed[i] * turned[i];
        }
    }
    for (y, x) in rest.chunks_exact_mut(2).zip(others.chunks_exact(2)) {
        y[0] += re * x[0] - im * x[1];
        y[1] += re * x[1] + im * x[0];
    }
}

#[inline(always)]
fn norm_sqr<T: Scalar>(row: &[T]) -> f64 {
    inner(row, row).re()
}

/// OrthonormalRows rows, and what the given rows are in them.
#[derive(Debug, Clone)]
pub struct OrthonormalRows<T> {
    /// `rank` rows of the given length.
    pub rows: Vec<T>,
    /// Given rows × `rank`: row j is Σ_i c_ji q_i.
    pub coefficients: Vec<T>,
    /// Number of orthonormal rows, at least one; a single row of zeros where all rows are zero.
    pub rank: usize,
}

/// Writes rows of length `length` in an orthonormal basis of their span.
#[inline(always)]
pub fn orthonormal<T: Scalar>(rows: &[T], length: usize) -> OrthonormalRows<T> {
    let count = rows.len() / length;
    let most = count.min(length);
    let mut q: Vec<T> = Vec::with_capacity(most * length);
    let mut coefficients = vec![T::default(); count * most];
    let mut rank = 0;
    for (row, own) in rows.chunks_exact(length).zip(coefficients.chunks_mut(most)) {
        q.extend_from_slice(row);
        let (known, rest) = q.split_at_mut(rank * length);
        let whole = norm_sqr(rest);
        let mut before = whole;
        for _ in 0..2 {
            for (q, own) in known.chunks_exact(length).zip(&mut *own) {
                let part = inner(q, rest);
                *own += part;
                add(rest, -part, q);
            }
            let left = norm_sqr(rest);
            let kept = left > 0.5 * before;
            before = left;
            if kept {
                break;
            }
        }
        let norm = before.sqrt();
        if rank < most && norm > NOTHING * whole.sqrt() {
            rest.iter_mut().for_each(|x| *x = *x * (1.0 / norm));
            own[rank] = T::from_re(norm);
            rank += 1;
        } else {
            q.truncate(rank * length);
        }
    }
    if rank == 0 {
        (q, rank) = (vec![T::default(); length], 1);
    }
    let kept = coefficients.chunks_exact(most);
    let coefficients = kept.flat_map(|c| &c[..rank]).copied().collect();
    OrthonormalRows {
        rows: q,
        coefficients,
        rank,
    }
}

/// The rows of V^H that belong to the largest singular values.
#[derive(Debug, Clone)]
pub struct LeadingRows<T> {
    /// OrthonormalRows rows, largest singular value first; at least one.
    pub rows: Vec<T>,
    /// Number of them.
    pub rank: usize,
    /// Σ σ² of the rest beside that of all.
    pub discarded: f64,
}

/// At most `most` right singular vectors of a matrix with rows of length `length`.
#[inline(always)]
pub fn leading<T: Scalar>(mut rows: Vec<T>, length: usize, most: usize) -> LeadingRows<T> {
    let (count, mut room) = (rows.len() / length, Vec::with_capacity(length));
    for _ in 0..SWEEPS {
        let mut norms = sorted(&mut rows, length);
        let nothing = NOTHING * NOTHING * norms[0];
        let alive = norms.iter().take_while(|n| **n > nothing).count();
        rows.truncate(alive.max(1) * length);
        norms.truncate(alive);
        let mut turned = false;
        for p in 0..alive {
            for q in p + 1..alive {
                turned |= turn(&mut rows, length, (p, q), &mut norms, &mut room);
            }
        }
        if !turned {
            break;
        }
    }
    let norms = sorted(&mut rows, length);
    let rank = most.min(norms.len()).min(count).max(1);
    let all: f64 = norms.iter().sum();
    let rest: f64 = norms[rank..].iter().sum();
    rows.truncate(rank * length);
    for (row, norm) in rows.chunks_exact_mut(length).zip(&norms) {
        let scale = if *norm > 0.0 { 1.0 / norm.sqrt() } else { 0.0 };
        row.iter_mut().for_each(|x| *x = *x * scale);
    }
    LeadingRows {
        rows,
        rank,
        discarded: if all > 0.0 { rest / all } else { 0.0 },
    }
}

/// Sorts rows by their norms, the largest first, and gives the squares of these.
#[inline(always)]
fn sorted<T: Scalar>(rows: &mut Vec<T>, length: usize) -> Vec<f64> {
    let norms: Vec<f64> = rows.chunks_exact(length).map(norm_sqr).collect();
    if norms.is_sorted_by(|a, b| a >= b) {
        return norms;
    }
    let mut order: Vec<usize> = (0..norms.len()).collect();
    order.sort_by(|&a, &b| norms[b].total_cmp(&norms[a]));
    let row = |&k: &usize| rows[k * length..(k + 1) * length].iter().copied();
    let moved = order.iter().flat_map(row).collect();
    *rows = moved;
    order.iter().map(|&k| norms[k]).collect()
}

/// Makes two rows orthogonal; whether they were not.
#[inline(always)]
fn turn<T: Scalar>(
    rows: &mut [T],
    length: usize,
    (p, q): (usize, usize),
    norms: &mut [f64],
    room: &mut Vec<T>,
) -> bool {
    let (head, tail) = rows.split_at_mut(q * length);
    let (a, b) = (&mut head[p * length..(p + 1) * length], &mut tail[..length]);
    let overlap = inner(a, b);
    let size = overlap.norm_sqr().sqrt();
    if size <= ORTHOGONAL * (norms[p] * norms[q]).sqrt() {
        return false;
    }
    let zeta = (norms[q] - norms[p]) / (2.0 * size);
    let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let phase = overlap * (c * t / size);
    let back = phase.conj();
    room.clear();
    room.extend_from_slice(a);
    a.iter_mut().for_each(|x| *x = *x * c);
    add(a, -back, b);
    b.iter_mut().for_each(|x| *x = *x * c);
    add(b, phase, room);
    norms[p] -= t * size;
    norms[q] += t * size;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use num_complex::Complex64;

    fn random(count: usize, length: usize, rank: usize) -> Vec<Complex64> {
        let mut rng = stream(5, Purpose::Law, 0, 0);
        let mut numbers = |n| {
            (0..n)
                .map(|_| Complex64::normal(&mut rng))
                .collect::<Vec<_>>()
        };
        let (left, right) = (numbers(count * rank), numbers(rank * length));
        let mut rows = vec![Complex64::ZERO; count * length];
        for (row, left) in rows.chunks_exact_mut(length).zip(left.chunks_exact(rank)) {
            let parts = left.iter().zip(right.chunks_exact(length)).enumerate();
            parts.for_each(|(k, (c, right))| add(row, c * 0.1f64.powi(k as i32), right));
        }
        rows
    }

    fn is_orthonormal(rows: &[Complex64], length: usize) -> bool {
        let all = || rows.chunks_exact(length).enumerate();
        let good = |(i, a): (usize, &[Complex64]), (j, b): (usize, &[Complex64])| {
            (inner(a, b) - f64::from(u8::from(i == j))).norm() < 1e-13
        };
        all().all(|a| all().all(|b| good(a, b)))
    }

    /// The norm of what is left of the rows outside the span of others, beside the norm of all.
    fn outside(rows: &[Complex64], basis: &[Complex64], length: usize) -> f64 {
        let mut rest = rows.to_vec();
        for row in rest.chunks_exact_mut(length) {
            for q in basis.chunks_exact(length) {
                add(row, -inner(q, row), q);
            }
        }
        norm_sqr(&rest) / norm_sqr(rows)
    }

    #[test]
    fn orthonormal_rows_give_the_rows_back() {
        for (count, length, rank) in [(7, 9, 5), (9, 4, 4), (5, 5, 5), (1, 3, 1)] {
            let rows = random(count, length, rank);
            let found = orthonormal(&rows, length);
            assert_eq!(found.rank, rank);
            assert!(is_orthonormal(&found.rows, length));
            let all = rows
                .chunks_exact(length)
                .zip(found.coefficients.chunks_exact(rank));
            for (row, own) in all {
                let mut sum = vec![Complex64::ZERO; length];
                let parts = own.iter().zip(found.rows.chunks_exact(length));
                parts.for_each(|(&c, q)| add(&mut sum, c, q));
                let close = sum.iter().zip(row).all(|(a, b)| (a - b).norm() < 1e-13);
                assert!(close, "{sum:?} {row:?}");
            }
        }
        let zero = orthonormal(&[0.0; 6], 3);
        assert_eq!((zero.rank, zero.coefficients), (1, vec![0.0; 2]));
    }

    #[test]
    fn leading_rows_leave_least_outside() {
        let (count, length, rank) = (8, 10, 6);
        let rows = random(count, length, rank);
        let all = leading(rows.clone(), length, 20);
        assert!(all.discarded < 1e-30 && is_orthonormal(&all.rows, length));
        let mut before = 1.0;
        for most in 1..=rank {
            let found = leading(rows.clone(), length, most);
            assert!(found.rank == most && is_orthonormal(&found.rows, length));
            let left = outside(&rows, &found.rows, length);
            assert!((left - found.discarded).abs() < 1e-12 * before, "{left}");
            assert!(found.discarded < before);
            before = found.discarded;
        }
        assert!(before < 1e-28);
        assert_eq!(leading(vec![0.0; 6], 3, 2).discarded, 0.0);
    }
}
