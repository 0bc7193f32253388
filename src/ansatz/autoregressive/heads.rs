//! Decides how a recurrent state gives logits and phases: u = (h Wo + bo)/2 and φ = π softsign(h Wp
//! + bp) (M. Hibat-Allah et al., PRR 2, 023358 (2020)).

use super::network::{LinearMap, Parameters};
use super::units::{angle_slope, angles};
use crate::linalg::sheets::{Sheet, SheetView, add_outer};
use crate::linalg::simd::Simd;
use crate::number::Real;
use crate::rng::Generator;

/// Where the weights of logits and phases stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    logits: LinearMap,
    phases: Option<LinearMap>,
}

impl Heads {
    /// Parameters of the heads.
    pub(super) fn count(hidden: usize, positive: bool) -> f64 {
        (2.0 * hidden as f64 + 2.0) * if positive { 1.0 } else { 2.0 }
    }
    /// Adds the blocks `out` and, unless ψ is positive, `phase`.
    pub(super) fn new<R: Real>(
        table: &mut Parameters<R>,
        hidden: usize,
        positive: bool,
        init: f64,
        rng: &mut Generator,
    ) -> Self {
        let mut dense = |name: &str| LinearMap {
            weights: {
                let sd = 0.1 * init / (hidden as f64).sqrt();
                table.gaussian(&format!("{name}.W"), &[hidden, 2], sd, rng)
            },
            biases: table.constant(&format!("{name}.b"), &[2], 0.0),
            depth: hidden,
            width: 2,
        };
        Heads {
            logits: dense("out"),
            phases: (!positive).then(|| dense("phase")),
        }
    }
    /// Rows of heads.
    pub(super) fn width(&self) -> usize {
        2 + 2 * usize::from(self.phases.is_some())
    }
    /// Heads of the first `count` columns from the rows of h.
    pub(super) fn apply<R: Real>(
        &self,
        table: &Parameters<R>,
        h: (SheetView<R>, usize),
        count: usize,
        y: &mut [R],
    ) {
        let (logits, phases) = y.split_at_mut(2 * h.0.columns());
        self.logits.apply(table, h, count, logits);
        logits.iter_mut().for_each(|u| *u *= R::from_f64(0.5));
        if let Some(dense) = &self.phases {
            dense.apply(table, h, count, phases);
            angles(phases);
        }
    }
    /// Derivatives by h Wo + bo and h Wp + bp in the rows `to` of `d`, from those by the heads.
    pub(super) fn signals<R: Real>(
        &self,
        table: &Parameters<R>,
        h: (SheetView<R>, usize),
        seeds: &[R],
        d: (&mut Sheet<R>, usize),
    ) {
        let columns = h.0.columns();
        let own = d.0.rows_mut(d.1, self.width());
        own.copy_from_slice(seeds);
        let (logits, phases) = own.split_at_mut(2 * columns);
        logits.iter_mut().for_each(|d| *d *= R::from_f64(0.5));
        if let Some(dense) = &self.phases {
            let mut y = vec![R::default(); 2 * columns];
            dense.apply(table, h, columns, &mut y);
            angles(&mut y);
            phases
                .iter_mut()
                .zip(y)
                .for_each(|(d, y)| *d *= angle_slope(y));
        }
    }
    /// Adds to the derivatives by h.
    pub(super) fn back<R: Real>(
        &self,
        table: &Parameters<R>,
        d: (SheetView<R>, usize),
        h: &mut [R],
    ) {
        self.logits.back(table, d, h);
        if let Some(dense) = &self.phases {
            dense.back(table, (d.0, d.1 + 2), h);
        }
    }
    /// Adds the derivatives by weights and biases; `terms` are the rows of h and signals.
    pub(super) fn gather<R: Real>(
        &self,
        h: SheetView<R>,
        d: SheetView<R>,
        terms: impl Iterator<Item = (usize, usize)> + Clone,
        out: &mut Sheet<R>,
    ) {
        for (k, dense) in [Some(self.logits), self.phases]
            .into_iter()
            .flatten()
            .enumerate()
        {
            let own: Vec<_> = terms.clone().map(|(h, d)| (h, d + 2 * k)).collect();
            dense.gather(h, d, &own, out);
        }
    }
}

impl LinearMap {
    /// Adds the derivatives by weights and biases; `terms` are the rows of inputs and signals.
    pub(super) fn gather<R: Real>(
        &self,
        x: SheetView<R>,
        d: SheetView<R>,
        terms: &[(usize, usize)],
        out: &mut Sheet<R>,
    ) {
        let shape = (self.depth, self.width);
        let own = out.rows_mut(self.weights, self.depth * self.width);
        add_outer(Simd::chosen(), shape, terms, x, d, own);
        let rows = terms.iter().map(|&(_, d)| d);
        super::network::add_sums(d, rows, self.width, out, self.biases);
    }
}
