//! Decides how positions of a transformer attend to those before them: y_i = Σ_j p_ij v_j with
//! p_ij = softmax_j(q_i·k_j/√size) over j ≤ i, in every head, and how derivatives come back.

use super::transformer::Transformer;
use super::units::exponential;
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{Sheet, SheetView, add_outer};
use crate::linalg::simd::Simd;

impl<R: Elementary> Transformer<R> {
    /// Attention of position `i`, from keys and values in the records.
    pub(super) fn attend(
        &self,
        l: usize,
        i: usize,
        records: SheetView<R>,
        rows: &mut Sheet<R>,
        at: usize,
    ) {
        let (strip, n, d) = (self.shape.strip(), self.shape.positions, self.shape.width);
        let (simd, columns, size) = (Simd::chosen(), rows.columns(), d / self.shape.heads);
        let root = R::from_f64(1.0 / (size as f64).sqrt());
        for head in 0..self.shape.heads {
            let (first, start) = (head * size, at + strip.weights + head * n);
            let (x, weights) = rows.around(start, i + 1);
            weights.fill(R::default());
            for (j, weights) in weights.chunks_exact_mut(columns).enumerate() {
                let key = self.kept(l, j, false) + first;
                let query = at + strip.queries + first;
                let terms: Vec<_> = (0..size).map(|a| (query + a, key + a)).collect();
                add_outer(simd, (1, 1), &terms, x, records, weights);
            }
            softmax(weights, root, columns);
            let (x, out) = rows.around(at + strip.attended + first, size);
            out.fill(R::default());
            let terms: Vec<_> = (0..=i)
                .map(|j| (start + j, self.kept(l, j, true) + first))
                .collect();
            add_outer(simd, (1, size), &terms, x, records, out);
        }
    }

    /// Adds the derivatives by queries, keys and values that come through the attention of
    /// position `i`.
    pub(super) fn reverse_attention(
        &self,
        l: usize,
        i: usize,
        records: SheetView<R>,
        rows: &Sheet<R>,
        all: &mut Sheet<R>,
    ) {
        let (strip, signals) = (self.shape.strip(), self.shape.signals());
        let (n, d, simd) = (self.shape.positions, self.shape.width, Simd::chosen());
        let (at, columns, size) = (self.at(l, i), rows.columns(), d / self.shape.heads);
        let root = R::from_f64(1.0 / (size as f64).sqrt());
        let mut by = Sheet::new(d, columns);
        let middle = i * signals.end + signals.middle;
        self.layers[l]
            .mixed
            .back(&self.table, (all.view(), middle), by.rows_mut(0, d));
        let queries = |j: usize| j * signals.end + signals.queries;
        for head in 0..self.shape.heads {
            let (first, weights) = (head * size, at + strip.weights + head * n);
            let mut slopes = Sheet::new(i + 1, columns);
            for j in 0..=i {
                let value = self.kept(l, j, true) + first;
                let terms: Vec<_> = (0..size).map(|a| (first + a, value + a)).collect();
                add_outer(simd, (1, 1), &terms, by.view(), records, slopes.row_mut(j));
                let own = all.rows_mut(queries(j) + 2 * d + first, size);
                let term = [(weights + j, first)];
                add_outer(simd, (1, size), &term, rows.view(), by.view(), own);
            }
            softmax_slopes(
                rows.rows(weights, i + 1),
                root,
                columns,
                slopes.rows_mut(0, i + 1),
            );
            let key = |j: usize| (j, self.kept(l, j, false) + first);
            let terms: Vec<_> = (0..=i).map(key).collect();
            let own = all.rows_mut(queries(i) + first, size);
            add_outer(simd, (1, size), &terms, slopes.view(), records, own);
            for j in 0..=i {
                let own = all.rows_mut(queries(j) + d + first, size);
                let term = [(j, at + strip.queries + first)];
                add_outer(simd, (1, size), &term, slopes.view(), rows.view(), own);
            }
        }
    }
}

/// Replaces rows s by softmax(root s) over the rows.
fn softmax<R: Elementary>(rows: &mut [R], root: R, columns: usize) {
    let (mut largest, mut sum) = (
        vec![R::from_f64(f64::NEG_INFINITY); columns],
        vec![R::default(); columns],
    );
    for row in rows.chunks_exact_mut(columns) {
        for (s, m) in row.iter_mut().zip(&mut largest) {
            *s *= root;
            *m = if *s > *m { *s } else { *m };
        }
    }
    for row in rows.chunks_exact_mut(columns) {
        row.iter_mut().zip(&largest).for_each(|(s, m)| *s = *s - *m);
        exponential(Simd::chosen(), row);
        sum.iter_mut().zip(&*row).for_each(|(sum, s)| *sum += *s);
    }
    for row in rows.chunks_exact_mut(columns) {
        row.iter_mut().zip(&sum).for_each(|(s, sum)| *s = *s / *sum);
    }
}

/// Replaces derivatives by the rows p = softmax(root s) by those by s.
fn softmax_slopes<R: Elementary>(p: &[R], root: R, columns: usize, by: &mut [R]) {
    let mut mean = vec![R::default(); columns];
    for (p, by) in p.chunks_exact(columns).zip(by.chunks_exact(columns)) {
        let terms = p.iter().zip(by);
        mean.iter_mut()
            .zip(terms)
            .for_each(|(mean, (p, by))| *mean += *p * *by);
    }
    for (p, by) in p.chunks_exact(columns).zip(by.chunks_exact_mut(columns)) {
        let terms = p.iter().zip(&mean);
        by.iter_mut()
            .zip(terms)
            .for_each(|(by, (p, mean))| *by = root * *p * (*by - *mean));
    }
}
