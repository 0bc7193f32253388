//! Decides the gated recurrent network along the path (K. Cho et al., EMNLP 2014; M. Hibat-Allah et
//! al., PRR 2, 023358 (2020)).
//!
//! a = x Wx + b, e = h Wh, r = s(a₁ + e₁), z = s(a₂ + e₂), n = tanh(a₃ + r (e₃ + c)) and
//! h' = (1 − z) n + z h; x tells the spin before, up or down, and is zero at the start.

use super::heads::Heads;
use super::network::{LinearMap, Network, Parameters, Room, add_sums};
use super::units::{sigmoid, tanh};
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::{Run, Sheet, SheetTerms, Weights, add_outer, add_product};
use crate::linalg::simd::Simd;
use crate::rng::Origin;

/// A gated recurrent network.
#[derive(Debug, Clone)]
pub struct Gru<R> {
    positions: usize,
    hidden: usize,
    spins: usize,
    states: usize,
    biases: usize,
    offsets: usize,
    heads: Heads,
    table: Parameters<R>,
}

/// Rows of gates that a position has: r, z, n, e₃ + c; and of signals: by e₁, e₂, e₃, a₃.
const GATES: usize = 4;

impl<R: Elementary> Gru<R> {
    /// Number of parameters, as a real number that cannot overflow.
    pub fn count(hidden: usize, positive: bool) -> f64 {
        let h = hidden as f64;
        3.0 * h * (h + 3.0) + h + Heads::count(hidden, positive)
    }

    /// Weights are Gaussian with the standard deviation `init`/√inputs, those of the heads a tenth
    /// of that; biases are 0.
    pub fn new(
        positions: usize,
        hidden: usize,
        positive: bool,
        init: f64,
        seed: impl Into<Origin>,
    ) -> Self {
        let mut rng = seed.into().parameters();
        let mut table = Parameters::default();
        let sd = |inputs: usize| init / (inputs as f64).sqrt();
        Gru {
            positions,
            hidden,
            spins: table.gaussian("Wx", &[2, 3 * hidden], sd(2), &mut rng),
            states: table.gaussian("Wh", &[hidden, 3 * hidden], sd(hidden), &mut rng),
            biases: table.constant("b", &[3 * hidden], 0.0),
            offsets: table.constant("c", &[hidden], 0.0),
            heads: Heads::new(&mut table, hidden, positive, init, &mut rng),
            table,
        }
    }

    fn state(&self, i: usize) -> usize {
        i * (1 + self.hidden) + 1
    }

    /// r, z, n and e₃ + c of position `i`, to the rows `out` of whole rows.
    fn gates(&self, i: usize, records: &Sheet<R>, count: usize, out: &mut [R]) {
        let (h, columns) = (self.hidden, records.columns());
        // e in the first three blocks, then a of the last one in the fourth.
        out.fill(R::default());
        if i > 0 {
            let a = Weights {
                values: &self.table.weights,
                width: 3 * h,
                transposed: false,
            };
            let run = [Run::one(self.state(i - 1), self.states)];
            let e = &mut out[..3 * h * columns];
            add_product(
                Simd::chosen(),
                a,
                SheetTerms::all(&run, h),
                records.view(),
                count,
                e,
            );
        }
        let spin = |i: usize| records.row(i * (1 + h));
        let at = |start: usize, o: usize| self.table.weights[start + o];
        for o in 0..3 * h {
            let row = if o < 2 * h { o } else { o + h };
            let out = &mut out[row * columns..][..columns];
            let bias = at(self.biases, o);
            if i == 0 {
                out.iter_mut().for_each(|y| *y += bias);
                continue;
            }
            let (up, down) = (bias + at(self.spins, o), bias + at(self.spins, 3 * h + o));
            for (y, &s) in out.iter_mut().zip(spin(i - 1)) {
                *y += if s > R::default() { up } else { down };
            }
        }
        let (gates, rest) = out.split_at_mut(2 * h * columns);
        sigmoid(Simd::chosen(), gates);
        // The order of the last two blocks is changed: n, then e₃ + c.
        let (e, a) = rest.split_at_mut(h * columns);
        for (o, (e, a)) in e
            .chunks_exact_mut(columns)
            .zip(a.chunks_exact_mut(columns))
            .enumerate()
        {
            let (offset, r) = (at(self.offsets, o), &gates[o * columns..][..columns]);
            for ((e, a), r) in e.iter_mut().zip(a).zip(r) {
                let shifted = *e + offset;
                (*e, *a) = (*a + *r * shifted, shifted);
            }
        }
        tanh(Simd::chosen(), e);
    }

    /// Row of gate or signal `kind` of position `i`.
    fn gate(&self, i: usize, kind: usize) -> usize {
        (GATES * i + kind) * self.hidden
    }

    /// Signals of position `i` from the derivatives by its h in `by`; then those by the h before,
    /// without the part through e.
    fn signals(
        &self,
        i: usize,
        records: &Sheet<R>,
        gates: &Sheet<R>,
        d: &mut Sheet<R>,
        by: &mut [R],
    ) {
        let columns = records.columns();
        for o in 0..self.hidden {
            let row = |kind: usize| gates.row(self.gate(i, kind) + o);
            let before = (i > 0).then(|| records.row(self.state(i - 1) + o));
            let by = &mut by[o * columns..][..columns];
            for c in 0..columns {
                let (r, z, n, shifted) = (row(0)[c], row(1)[c], row(2)[c], row(3)[c]);
                let h = before.map_or(R::default(), |h| h[c]);
                let inner = by[c] * (R::from_f64(1.0) - z) * (R::from_f64(1.0) - n * n);
                let signals = [
                    inner * shifted * r * (R::from_f64(1.0) - r),
                    by[c] * (h - n) * z * (R::from_f64(1.0) - z),
                    inner * r,
                    inner,
                ];
                by[c] *= z;
                for (kind, signal) in signals.into_iter().enumerate() {
                    d.set(self.gate(i, kind) + o, c, signal);
                }
            }
        }
    }

    /// Adds the derivatives by Wx, Wh, b and c.
    fn gather(&self, records: &Sheet<R>, d: &Sheet<R>, out: &mut Sheet<R>) {
        let (n, h) = (self.positions, self.hidden);
        let terms: Vec<_> = (1..n)
            .map(|i| (self.state(i - 1), self.gate(i, 0)))
            .collect();
        let own = out.rows_mut(self.states, 3 * h * h);
        add_outer(
            Simd::chosen(),
            (h, 3 * h),
            &terms,
            records.view(),
            d.view(),
            own,
        );
        add_sums(
            d.view(),
            (0..n).map(|i| self.gate(i, 0)),
            2 * h,
            out,
            self.biases,
        );
        add_sums(
            d.view(),
            (0..n).map(|i| self.gate(i, 3)),
            h,
            out,
            self.biases + 2 * h,
        );
        add_sums(
            d.view(),
            (0..n).map(|i| self.gate(i, 2)),
            h,
            out,
            self.offsets,
        );
        for i in 1..n {
            let spins = records.row((i - 1) * (1 + h));
            for o in 0..3 * h {
                let row = if o < 2 * h { o } else { o + h };
                let signals = d.row(self.gate(i, 0) + row);
                for (token, sign) in [(0, R::from_f64(1.0)), (1, R::from_f64(-1.0))] {
                    let own = out.row_mut(self.spins + token * 3 * h + o).iter_mut();
                    for ((sum, signal), spin) in own.zip(signals).zip(spins) {
                        let own = *spin * sign > R::default();
                        *sum += if own { *signal } else { R::default() };
                    }
                }
            }
        }
    }
}

impl<R: Elementary> Network<R> for Gru<R> {
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
        room.rows.fit(GATES * h, columns);
        self.gates(i, records, count, room.rows.rows_mut(0, GATES * h));
        for o in 0..h {
            let (before, own) = records.around(self.state(i) + o, 1);
            let old = (i > 0).then(|| before.row(self.state(i - 1) + o));
            let (z, n) = (room.rows.row(h + o), room.rows.row(2 * h + o));
            for c in 0..count {
                own[c] =
                    (R::from_f64(1.0) - z[c]) * n[c] + old.map_or(R::default(), |h| z[c] * h[c]);
            }
        }
        self.heads
            .apply(&self.table, (records.view(), self.state(i)), count, heads);
    }
    fn reach(&self) -> usize {
        1
    }
    fn reverse_rows(&self) -> usize {
        self.positions * (2 * GATES * self.hidden + self.heads.width())
    }
    fn reverse(&self, records: &Sheet<R>, seeds: &Sheet<R>, out: &mut Sheet<R>) {
        let (n, h, columns) = (self.positions, self.hidden, records.columns());
        let width = self.heads.width();
        let mut gates = Sheet::new(n * GATES * h, columns);
        let mut d = Sheet::new(n * GATES * h, columns);
        let mut tops = Sheet::new(n * width, columns);
        let mut by = vec![R::default(); h * columns];
        for i in (0..n).rev() {
            self.gates(
                i,
                records,
                columns,
                gates.rows_mut(self.gate(i, 0), GATES * h),
            );
            let own = (records.view(), self.state(i));
            self.heads.signals(
                &self.table,
                own,
                seeds.rows(i * width, width),
                (&mut tops, i * width),
            );
            self.heads
                .back(&self.table, (tops.view(), i * width), &mut by);
            self.signals(i, records, &gates, &mut d, &mut by);
            let through = LinearMap {
                weights: self.states,
                biases: 0,
                depth: h,
                width: 3 * h,
            };
            through.back(&self.table, (d.view(), self.gate(i, 0)), &mut by);
        }
        self.gather(records, &d, out);
        let terms = (0..n).map(|i| (self.state(i), i * width));
        self.heads.gather(records.view(), tops.view(), terms, out);
    }
}
