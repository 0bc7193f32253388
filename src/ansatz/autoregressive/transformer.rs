//! Decides the transformer along the path: every position attends to those before it (A. Vaswani et
//! al., NIPS 2017; pre-norm: R. Xiong et al., PMLR 119, 10524 (2020)).
//!
//! Position i starts from x = E[token] + P_i, where the token tells the spin before, up or down, or
//! the start. In each layer x += O(attention(LN x)) and x += B gelu(A LN x), with weights
//! softmax_j(q·k_j/√(d/heads)) over j ≤ i in every head; the heads of ψ are linear in LN x. Keys
//! and values of all layers are the record of a position.

use super::network::{LinearMap, Network, Parameters, Room};
use super::norms::Norm;
use super::shape::TransformerShape;
use super::units::{gelu, gelu_slope};
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{Sheet, SheetView};
use crate::linalg::simd::Simd;
use crate::number::Real;
use crate::rng::{Generator, Origin};

/// Where the parameters of a layer stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockPlaces {
    first: Norm,
    queries: LinearMap,
    pub(super) mixed: LinearMap,
    second: Norm,
    wide: LinearMap,
    narrow: LinearMap,
}

/// A transformer.
#[derive(Debug, Clone)]
pub struct Transformer<R> {
    pub(super) shape: TransformerShape,
    tokens: usize,
    places: usize,
    pub(super) layers: Vec<BlockPlaces>,
    last: Norm,
    out: LinearMap,
    pub(super) table: Parameters<R>,
}

fn dense<R: Real>(
    table: &mut Parameters<R>,
    names: [&str; 2],
    [depth, width]: [usize; 2],
    init: f64,
    rng: &mut Generator,
) -> LinearMap {
    let sd = init / (depth as f64).sqrt();
    LinearMap {
        weights: table.gaussian(names[0], &[depth, width], sd, rng),
        biases: table.constant(names[1], &[width], 0.0),
        depth,
        width,
    }
}

impl<R: Elementary> Transformer<R> {
    /// Weights are Gaussian with the standard deviation `init`/√inputs, those of the heads of ψ a
    /// tenth of that, features of tokens and places with `init`; biases are 0, gains 1.
    pub fn new(
        shape: TransformerShape,
        outputs: usize,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut rng = seed.into().parameters();
        let (rng, mut table) = (&mut rng, Parameters::default());
        let (t, d, wide) = (&mut table, shape.width, shape.width * shape.ratio);
        let tokens = t.gaussian("E", &[3, d], init, rng);
        let places = t.gaussian("P", &[shape.positions, d], init, rng);
        let layer = |l: usize| {
            let name = |part: &str| format!("{l}.{part}");
            let mut map = |t: &mut Parameters<R>, names: [&str; 2], sizes| {
                let [weights, biases] = names.map(name);
                dense(t, [&weights, &biases], sizes, init, rng)
            };
            BlockPlaces {
                first: Norm::new(t, &name("n1"), d),
                queries: map(t, ["Q", "q"], [d, 3 * d]),
                mixed: map(t, ["O", "o"], [d, d]),
                second: Norm::new(t, &name("n2"), d),
                wide: map(t, ["A", "a"], [d, wide]),
                narrow: map(t, ["B", "b"], [wide, d]),
            }
        };
        let layers = (0..shape.layers).map(layer).collect();
        let last = Norm::new(&mut table, "n", d);
        let out = dense(
            &mut table,
            ["out.W", "out.b"],
            [d, outputs],
            0.1 * init,
            rng,
        );
        Transformer {
            shape,
            tokens,
            places,
            layers,
            last,
            out,
            table,
        }
    }

    /// The row of keys, or values, of a layer in the record of position `j`.
    pub(super) fn kept(&self, l: usize, j: usize, values: bool) -> usize {
        let d = self.shape.width;
        j * self.record() + 1 + (2 * l + usize::from(values)) * d
    }

    /// The number of the token of position `i` in a column.
    fn token(i: usize, before: R) -> usize {
        match i {
            0 => 2,
            _ => usize::from(before < R::default()),
        }
    }

    /// x of position `i` where it starts.
    fn start(&self, i: usize, records: SheetView<R>, x: &mut [R]) {
        let (d, values) = (self.shape.width, &self.table.weights);
        let before = records.row(i.saturating_sub(1) * self.record());
        for (a, row) in x.chunks_exact_mut(records.columns()).enumerate() {
            let place = values[self.places + i * d + a];
            for (x, &s) in row.iter_mut().zip(before) {
                *x = values[self.tokens + Self::token(i, s) * d + a] + place;
            }
        }
    }

    /// Queries, keys and values of a layer from x in the strip at row `at`.
    fn query(&self, l: usize, rows: &mut Sheet<R>, at: usize, count: usize) {
        let (layer, strip, d) = (&self.layers[l], self.shape.strip(), self.shape.width);
        let (x, normed) = rows.around(at + strip.normed, d);
        layer.first.apply(&self.table, (x, at), normed);
        let (x, queries) = rows.around(at + strip.queries, 3 * d);
        layer
            .queries
            .apply(&self.table, (x, at + strip.normed), count, queries);
    }

    /// The rest of a layer at a position; x of the next layer stands behind the strip.
    fn finish(&self, l: usize, rows: &mut Sheet<R>, at: usize, count: usize) {
        let (layer, strip, table) = (&self.layers[l], self.shape.strip(), &self.table);
        let (d, wide) = (self.shape.width, self.shape.width * self.shape.ratio);
        let (x, mixed) = rows.around(at + strip.mixed, d);
        layer
            .mixed
            .apply(table, (x, at + strip.attended), count, mixed);
        let (x, middle) = rows.around(at + strip.middle, d);
        add(x.rows(at, d), x.rows(at + strip.mixed, d), middle);
        let (x, again) = rows.around(at + strip.again, d);
        layer.second.apply(table, (x, at + strip.middle), again);
        let (x, out) = rows.around(at + strip.wide, wide);
        layer.wide.apply(table, (x, at + strip.again), count, out);
        let (x, bent) = rows.around(at + strip.bent, wide);
        bent.copy_from_slice(x.rows(at + strip.wide, wide));
        gelu(Simd::chosen(), bent);
        let (x, narrow) = rows.around(at + strip.narrow, d);
        layer
            .narrow
            .apply(table, (x, at + strip.bent), count, narrow);
        let (x, next) = rows.around(at + strip.end, d);
        add(
            x.rows(at + strip.middle, d),
            x.rows(at + strip.narrow, d),
            next,
        );
    }

    /// Rows that a position takes in all layers.
    fn tower(&self) -> usize {
        self.shape.layers * self.shape.strip().end + 2 * self.shape.width
    }

    /// The row of the strip of a layer of position `i`, where all are kept.
    pub(super) fn at(&self, l: usize, i: usize) -> usize {
        i * self.tower() + l * self.shape.strip().end
    }

    /// Makes `by`, the derivatives by what a layer gives, those by the x it starts from.
    fn reverse_layer(
        &self,
        l: usize,
        records: SheetView<R>,
        rows: &Sheet<R>,
        by: &mut Sheet<R>,
        out: &mut Sheet<R>,
    ) {
        let (layer, strip, table) = (&self.layers[l], self.shape.strip(), &self.table);
        let (n, d, signals) = (self.shape.positions, self.shape.width, self.shape.signals());
        let (columns, wide) = (rows.columns(), self.shape.width * self.shape.ratio);
        let mut all = Sheet::new(n * signals.end, columns);
        for i in 0..n {
            let (at, own) = (self.at(l, i), i * signals.end);
            all.rows_mut(own, d).copy_from_slice(by.rows(i * d, d));
            let (top, slopes) = all.around(own + signals.wide, wide);
            slopes.fill(R::default());
            layer.narrow.back(table, (top, own), slopes);
            let x = rows.rows(at + strip.wide, wide);
            slopes
                .iter_mut()
                .zip(x)
                .for_each(|(d, &x)| *d *= gelu_slope(x));
            let (top, middle) = all.around(own + signals.middle, d);
            layer.wide.back(table, (top, own + signals.wide), middle);
            layer
                .second
                .reverse(table, (rows.view(), at + strip.middle), middle, out);
            middle
                .iter_mut()
                .zip(by.rows(i * d, d))
                .for_each(|(m, x)| *m += *x);
        }
        for i in 0..n {
            self.reverse_attention(l, i, records, rows, &mut all);
        }
        for i in 0..n {
            let (at, own) = (self.at(l, i), i * signals.end);
            let x = by.rows_mut(i * d, d);
            x.fill(R::default());
            layer
                .queries
                .back(table, (all.view(), own + signals.queries), x);
            layer.first.reverse(table, (rows.view(), at), x, out);
            let middle = all.rows(own + signals.middle, d);
            x.iter_mut().zip(middle).for_each(|(x, m)| *x += *m);
        }
        for (map, from, to) in [
            (layer.queries, strip.normed, signals.queries),
            (layer.mixed, strip.attended, signals.middle),
            (layer.wide, strip.again, signals.wide),
            (layer.narrow, strip.bent, 0),
        ] {
            let term = |i: usize| (self.at(l, i) + from, i * signals.end + to);
            let terms: Vec<_> = (0..n).map(term).collect();
            map.gather(rows.view(), all.view(), &terms, out);
        }
    }
}

/// a + b
fn add<R: Real>(a: &[R], b: &[R], out: &mut [R]) {
    let terms = a.iter().zip(b);
    out.iter_mut()
        .zip(terms)
        .for_each(|(out, (a, b))| *out = *a + *b);
}

impl<R: Elementary> Network<R> for Transformer<R> {
    fn table(&self) -> &Parameters<R> {
        &self.table
    }
    fn table_mut(&mut self) -> &mut Parameters<R> {
        &mut self.table
    }
    fn record(&self) -> usize {
        1 + 2 * self.shape.layers * self.shape.width
    }
    fn advance(
        &self,
        i: usize,
        records: &mut Sheet<R>,
        count: usize,
        heads: &mut [R],
        room: &mut Room<R>,
    ) {
        let (d, strip, columns) = (self.shape.width, self.shape.strip(), records.columns());
        let rows = &mut room.rows;
        rows.fit(self.tower(), columns);
        self.start(i, records.view(), rows.rows_mut(0, d));
        for l in 0..self.shape.layers {
            let at = l * strip.end;
            self.query(l, rows, at, count);
            let kept = records.rows_mut(self.kept(l, i, false), 2 * d);
            kept.copy_from_slice(rows.rows(at + strip.queries + d, 2 * d));
            self.attend(l, i, records.view(), rows, at);
            self.finish(l, rows, at, count);
        }
        let at = self.shape.layers * strip.end;
        let (x, normed) = rows.around(at + d, d);
        self.last.apply(&self.table, (x, at), normed);
        self.out
            .apply(&self.table, (rows.view(), at + d), count, heads);
    }
    fn reach(&self) -> usize {
        self.shape.positions
    }
    fn reverse_rows(&self) -> usize {
        let (n, d) = (self.shape.positions, self.shape.width);
        n * (self.tower() + self.shape.signals().end + d)
    }
    fn reverse(&self, records: &Sheet<R>, seeds: &Sheet<R>, out: &mut Sheet<R>) {
        let (n, d, columns) = (self.shape.positions, self.shape.width, records.columns());
        let (records, width) = (records.view(), self.out.width);
        let mut rows = Sheet::new(n * self.tower(), columns);
        let mut by = Sheet::new(n * d, columns);
        for i in 0..n {
            self.start(i, records, rows.rows_mut(self.at(0, i), d));
            for l in 0..self.shape.layers {
                self.query(l, &mut rows, self.at(l, i), columns);
                self.attend(l, i, records, &mut rows, self.at(l, i));
                self.finish(l, &mut rows, self.at(l, i), columns);
            }
            let at = self.at(self.shape.layers, i);
            let (x, normed) = rows.around(at + d, d);
            self.last.apply(&self.table, (x, at), normed);
            let own = by.rows_mut(i * d, d);
            self.out.back(&self.table, (seeds.view(), i * width), own);
            self.last.reverse(&self.table, (rows.view(), at), own, out);
        }
        let top = |i: usize| (self.at(self.shape.layers, i) + d, i * width);
        let terms: Vec<_> = (0..n).map(top).collect();
        self.out.gather(rows.view(), seeds.view(), &terms, out);
        for l in (0..self.shape.layers).rev() {
            self.reverse_layer(l, records, &rows, &mut by, out);
        }
        for (i, a) in (0..n).flat_map(|i| (0..d).map(move |a| (i, a))) {
            let before = records.row(i.saturating_sub(1) * self.record());
            for (c, &x) in by.row(i * d + a).iter().enumerate() {
                let token = self.tokens + Self::token(i, before[c]) * d + a;
                out.set(token, c, out.get(token, c) + x);
                let place = self.places + i * d + a;
                out.set(place, c, out.get(place, c) + x);
            }
        }
    }
}
