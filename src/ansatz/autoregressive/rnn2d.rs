//! Decides the recurrent network on a square lattice, along its rows, or on a chain (M.
//! Hibat-Allah et al., PRR 2, 023358 (2020)).
//!
//! With H = (h before, h below) and X the spins there, up or down, t_jk = H_j X_k, m = H M:
//! n = tanh(Σ W_ajk t_jk + b_a), g = s(Σ G_ajk t_jk + c_a), h = g n + (1 − g) m. "Before" is the
//! neighbour in the row, "below" that of the row before; outside the lattice there are zeros. On a
//! chain there is one side instead of two: H = h before.

use super::heads::Heads;
use super::network::{Network, Parameters, Room, add_sums};
use super::units::{sigmoid, tanh};
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{Run, Sheet, SheetTerms, SheetView, Weights, add_outer, add_product};
use crate::linalg::simd::Simd;
use crate::rng::Origin;

/// A recurrent network on a square lattice or a chain.
#[derive(Debug, Clone)]
pub struct Rnn2d<R> {
    /// Positions before and, on a square lattice, below each position.
    seen: Vec<Vec<Option<usize>>>,
    /// Sides from which a position sees others: 2, on a chain 1.
    sides: usize,
    length: usize,
    hidden: usize,
    /// Where W and G, b and c start.
    gates: [(usize, usize); 2],
    mixing: usize,
    heads: Heads,
    table: Parameters<R>,
}

impl<R: Elementary> Rnn2d<R> {
    /// Sides from which a position sees others, of rows of `length` sites.
    fn sides(positions: usize, length: usize) -> usize {
        if positions > length { 2 } else { 1 }
    }

    /// Number of parameters for rows of `length` sites, as a real number that cannot overflow.
    pub fn count(positions: usize, length: usize, hidden: usize, positive: bool) -> f64 {
        let (s, h) = (Self::sides(positions, length) as f64, hidden as f64);
        (4.0 * s + 1.0) * s * h * h + 2.0 * h + Heads::count(hidden, positive)
    }

    /// A network for rows of `length` sites, in alternating direction where `snake`; for a chain
    /// where there is one row. Weights are Gaussian with the standard deviation `init`/√inputs,
    /// those of the heads a tenth of that; biases are 0.
    pub fn new(
        positions: usize,
        (length, snake): (usize, bool),
        hidden: usize,
        positive: bool,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut rng = seed.into().parameters();
        let mut table = Parameters::default();
        let sides = Self::sides(positions, length);
        // Half of the spins t is made with are there.
        let sd = init / ((sides * sides * hidden) as f64).sqrt();
        let shape = [hidden, sides * hidden, 2 * sides];
        let mut gate = |table: &mut Parameters<R>, weights: &str, bias: &str| {
            (
                table.gaussian(weights, &shape, sd, &mut rng),
                table.constant(bias, &[hidden], 0.0),
            )
        };
        let gates = [gate(&mut table, "W", "b"), gate(&mut table, "G", "c")];
        let sd = init / ((sides * hidden) as f64).sqrt();
        let mixing = table.gaussian("M", &[sides * hidden, hidden], sd, &mut rng);
        let seen = |i: usize| {
            let (x, y) = (i % length, i / length);
            // Where rows alternate, the site below is as far before the turn as this one behind it.
            let back = if snake { 2 * x + 1 } else { length };
            let both = [(x > 0).then(|| i - 1), (y > 0).then(|| i - back)];
            both[..sides].to_vec()
        };
        Rnn2d {
            seen: (0..positions).map(seen).collect(),
            sides,
            length,
            hidden,
            gates,
            mixing,
            heads: Heads::new(&mut table, hidden, positive, init, &mut rng),
            table,
        }
    }

    fn state(&self, i: usize) -> usize {
        i * (1 + self.hidden) + 1
    }

    /// Rows of t.
    fn products_rows(&self) -> usize {
        2 * self.sides * self.sides * self.hidden
    }

    /// The row of t for entry `j` of the state from one side and the spin, up, from another.
    fn product(&self, (side, j): (usize, usize), spin: usize) -> usize {
        2 * (self.sides * (side * self.hidden + j) + spin)
    }

    fn weights(&self, width: usize, transposed: bool) -> Weights<'_, R> {
        Weights {
            values: &self.table.weights,
            width,
            transposed,
        }
    }

    /// t of position `i`, to rows of `out` from `first` on.
    fn products(
        &self,
        i: usize,
        records: &Sheet<R>,
        count: usize,
        out: &mut Sheet<R>,
        first: usize,
    ) {
        let (h, zero) = (self.hidden, R::default());
        out.rows_mut(first, self.products_rows()).fill(R::default());
        for (half, from) in self.seen[i].iter().enumerate() {
            let Some(from) = *from else { continue };
            for (k, place) in self.seen[i].iter().enumerate() {
                let Some(place) = *place else { continue };
                let spins = &records.row(place * (1 + h))[..count];
                for j in 0..h {
                    let state = &records.row(self.state(from) + j)[..count];
                    let row = first + self.product((half, j), k);
                    for (c, (&s, &x)) in spins.iter().zip(state).enumerate() {
                        let (up, down) = if s > zero { (x, zero) } else { (zero, x) };
                        out.set(row, c, up);
                        out.set(row + 1, c, down);
                    }
                }
            }
        }
    }

    /// n, g and m of position `i` from t, to 3 H whole rows.
    fn gates(
        &self,
        i: usize,
        records: &Sheet<R>,
        t: (SheetView<R>, usize),
        count: usize,
        out: &mut [R],
    ) {
        let (h, simd, columns) = (self.hidden, Simd::chosen(), records.columns());
        let (gates, m) = out.split_at_mut(2 * h * columns);
        for ((weights, bias), y) in self.gates.iter().zip(gates.chunks_exact_mut(h * columns)) {
            self.table.spread(*bias, columns, y);
            let rows = self.products_rows();
            add_product(
                simd,
                self.weights(rows, true),
                SheetTerms::all(&[Run::one(t.1, *weights)], rows),
                t.0,
                count,
                y,
            );
        }
        let (n, g) = gates.split_at_mut(h * columns);
        tanh(simd, n);
        sigmoid(simd, g);
        m.fill(R::default());
        let runs: Vec<Run> = (self.seen[i].iter().enumerate())
            .filter_map(|(half, from)| {
                let weight = self.mixing + half * h * h;
                from.map(|from| Run::one(self.state(from), weight))
            })
            .collect();
        add_product(
            simd,
            self.weights(h, false),
            SheetTerms::all(&runs, h),
            records.view(),
            count,
            m,
        );
    }

    /// Signals by the two sums and by m, to 3 H rows of `d`, from the derivatives `by` h.
    fn signals(&self, gates: &[R], by: &[R], d: &mut [R]) {
        let size = by.len();
        for (k, &by) in by.iter().enumerate() {
            let (n, g, m) = (gates[k], gates[size + k], gates[2 * size + k]);
            d[k] = by * g * (R::from_f64(1.0) - n * n);
            d[size + k] = by * (n - m) * g * (R::from_f64(1.0) - g);
            d[2 * size + k] = by * (R::from_f64(1.0) - g);
        }
    }

    /// Adds to the derivatives `by` all h those that come through position `i`.
    fn spread_back(
        &self,
        i: usize,
        records: &Sheet<R>,
        d: (SheetView<R>, usize),
        by: &mut Sheet<R>,
    ) {
        let (h, simd, columns) = (self.hidden, Simd::chosen(), records.columns());
        let rows = self.products_rows();
        let mut t = vec![R::default(); rows * columns];
        for (kind, (weights, _)) in self.gates.iter().enumerate() {
            let run = [Run::one(d.1 + kind * h, *weights)];
            add_product(
                simd,
                self.weights(rows, false),
                SheetTerms::all(&run, h),
                d.0,
                columns,
                &mut t,
            );
        }
        for (half, from) in self.seen[i].iter().enumerate() {
            let Some(from) = *from else { continue };
            let own = by.rows_mut(from * h, h);
            for (k, place) in self.seen[i].iter().enumerate() {
                let Some(place) = *place else { continue };
                let spins = records.row(place * (1 + h));
                for (j, own) in own.chunks_exact_mut(columns).enumerate() {
                    let row = self.product((half, j), k);
                    for (c, (own, s)) in own.iter_mut().zip(spins).enumerate() {
                        *own += t[(row + usize::from(*s < R::default())) * columns + c];
                    }
                }
            }
            let run = [Run::one(d.1 + 2 * h, self.mixing + half * h * h)];
            add_product(
                simd,
                self.weights(h, true),
                SheetTerms::all(&run, h),
                d.0,
                columns,
                own,
            );
        }
    }

    /// Adds the derivatives by W, b, G, c and M.
    fn gather(&self, records: &Sheet<R>, t: SheetView<R>, d: SheetView<R>, out: &mut Sheet<R>) {
        let (h, n, simd) = (self.hidden, self.seen.len(), Simd::chosen());
        let rows = self.products_rows();
        for (kind, (weights, bias)) in self.gates.iter().enumerate() {
            let row = |i: usize| (3 * i + kind) * h;
            let terms: Vec<_> = (0..n).map(|i| (row(i), rows * i)).collect();
            add_outer(
                simd,
                (h, rows),
                &terms,
                d,
                t,
                out.rows_mut(*weights, rows * h),
            );
            add_sums(d, (0..n).map(row), h, out, *bias);
        }
        for half in 0..self.sides {
            let term =
                |i: usize| self.seen[i][half].map(|from| (self.state(from), (3 * i + 2) * h));
            let terms: Vec<_> = (0..n).filter_map(term).collect();
            let own = out.rows_mut(self.mixing + half * h * h, h * h);
            add_outer(simd, (h, h), &terms, records.view(), d, own);
        }
    }
}

impl<R: Elementary> Network<R> for Rnn2d<R> {
    fn table(&self) -> &Parameters<R> {
        &self.table
    }
    fn table_mut(&mut self) -> &mut Parameters<R> {
        &mut self.table
    }
    fn record(&self) -> usize {
        1 + self.hidden
    }
    fn advance(
        &self,
        i: usize,
        records: &mut Sheet<R>,
        count: usize,
        heads: &mut [R],
        room: &mut Room<R>,
    ) {
        let (h, columns) = (self.hidden, records.columns());
        room.more.fit(self.products_rows(), columns);
        room.rows.fit(3 * h, columns);
        self.products(i, records, count, &mut room.more, 0);
        self.gates(
            i,
            records,
            (room.more.view(), 0),
            count,
            room.rows.rows_mut(0, 3 * h),
        );
        for o in 0..h {
            let (n, g, m) = (
                room.rows.row(o),
                room.rows.row(h + o),
                room.rows.row(2 * h + o),
            );
            let own = &mut records.row_mut(self.state(i) + o)[..count];
            for (c, own) in own.iter_mut().enumerate() {
                *own = g[c] * n[c] + (R::from_f64(1.0) - g[c]) * m[c];
            }
        }
        self.heads
            .apply(&self.table, (records.view(), self.state(i)), count, heads);
    }
    fn reach(&self) -> usize {
        self.sides * self.length
    }
    fn reverse_rows(&self) -> usize {
        let of_site = self.products_rows() + 7 * self.hidden + self.heads.width();
        self.seen.len() * of_site
    }
    fn reverse(&self, records: &Sheet<R>, seeds: &Sheet<R>, out: &mut Sheet<R>) {
        let (n, h, columns) = (self.seen.len(), self.hidden, records.columns());
        let width = self.heads.width();
        let rows = self.products_rows();
        let mut t = Sheet::new(n * rows, columns);
        let mut d = Sheet::new(n * 3 * h, columns);
        let mut tops = Sheet::new(n * width, columns);
        let mut by = Sheet::new(n * h, columns);
        let mut gates = vec![R::default(); 3 * h * columns];
        for i in (0..n).rev() {
            self.products(i, records, columns, &mut t, rows * i);
            self.gates(i, records, (t.view(), rows * i), columns, &mut gates);
            let (own, tops_at) = ((records.view(), self.state(i)), i * width);
            self.heads.signals(
                &self.table,
                own,
                seeds.rows(tops_at, width),
                (&mut tops, tops_at),
            );
            self.heads
                .back(&self.table, (tops.view(), tops_at), by.rows_mut(i * h, h));
            self.signals(&gates, by.rows(i * h, h), d.rows_mut(3 * i * h, 3 * h));
            self.spread_back(i, records, (d.view(), 3 * i * h), &mut by);
        }
        self.gather(records, t.view(), d.view(), out);
        let terms = (0..n).map(|i| (self.state(i), i * width));
        self.heads.gather(records.view(), tops.view(), terms, out);
    }
}
