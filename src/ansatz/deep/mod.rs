//! Decides how any composition of layers becomes a wave function.
//!
//! ln ψ(σ) = head(top(trunk(σ))): the trunk is evaluated in the precision of `R`, the top and
//! the head in double precision. Questions become rows of spins, which pass through the layers in
//! blocks that stay in cache; accepting takes over spins and ln ψ. All parameters are real: one
//! reverse pass gives the derivatives of Re ln ψ and, where ψ is complex, those of Im ln ψ
//! beside them.

mod cnn_mps;
mod convnext;
mod cosets;
mod factory;
mod gcnn;
mod heads;
mod kept;
mod patches;
mod resnet;
#[cfg(test)]
mod tests;
mod vit;

pub use cnn_mps::{build as build_cnn_mps, schema as cnn_mps_schema};
pub use convnext::{build as build_convnext, schema as convnext_schema};
pub(super) use factory::check_normed;
pub use factory::{Architecture, DeepParts};
pub use gcnn::{build as build_gcnn, schema as gcnn_schema};
pub use heads::{DeepHead, LogCoshHead, SumHead, SumTerm};
pub use resnet::{build as build_resnet, schema as resnet_schema};
pub use vit::{build as build_vit, schema as vit_schema};

use super::field::{check_length, ratio_of_logs};
use super::{
    Ansatz, AnsatzFacts, Asks, Block, Columns, Derivatives, Kind, Matrix, Move, precision,
};
use crate::error::Result;
use crate::layers::{ChangedWork, Workspace};
use crate::linalg::functions::Elementary;
use crate::linalg::simd::Simd;
use crate::number::Scalar;
use crate::rng::Origin;
use kept::KeptRows;
use ndarray::Array2;
use num_complex::Complex64;
use std::sync::Arc;

/// Bytes of the values of walkers that pass through the layers at once: half a second-level cache.
const BLOCK_BYTES: usize = 512 << 10;

/// A wave function that is a composition of layers.
#[derive(Debug)]
pub struct DeepState<R> {
    parts: DeepParts<R>,
    /// Where each site stands in the input.
    places: Vec<u32>,
    parameters: Vec<f64>,
    simd: Simd,
    block: usize,
    /// What walkers keep, where questions are answered by the rows that change.
    kept: Option<KeptRows>,
}

/// Walkers: spins, ln ψ and values of layers.
#[derive(Debug, Clone)]
pub struct DeepBatch<R> {
    xs: Vec<i8>,
    logs: Vec<Complex64>,
    /// Values that walkers keep, each walker after walker.
    kept: Vec<Vec<R>>,
}

/// Values on their way through the layers, and ln ψ of the last questions.
#[derive(Debug, Default)]
pub struct DeepScratch<R> {
    trunk: Workspace<R>,
    /// Changed rows of blocks of questions.
    changed: Vec<ChangedWork<R>>,
    top: Workspace<f64>,
    wide: Vec<f64>,
    logs: Vec<Complex64>,
    /// Derivatives by the parameters of trunk and top, half after half and walker after walker.
    slopes: (Vec<R>, Vec<f64>),
}

impl<R: Elementary> DeepState<R> {
    /// A wave function of these parts with first values of its parameters.
    pub fn new(mut parts: DeepParts<R>, origin: impl Into<Origin>) -> Self {
        let kept = KeptRows::of(&parts).filter(|kept| kept.changed.is_worth_it::<R>());
        if kept.is_none() {
            parts.trunk.evaluate_whole();
            parts.top.evaluate_whole();
        }
        Self::with_rows(parts, kept, origin)
    }

    /// The same, whose walkers keep these rows.
    fn with_rows(parts: DeepParts<R>, kept: Option<KeptRows>, origin: impl Into<Origin>) -> Self {
        let mut rng = origin.into().parameters();
        let mut parameters = parts.trunk.draw(&mut rng);
        parameters.extend(parts.top.draw(&mut rng));
        let mut places = vec![0; parts.sites.len()];
        (parts.sites.iter().enumerate()).for_each(|(at, &s)| places[s as usize] = at as u32);
        let bytes = parts.trunk.lean_bytes() + parts.top.lean_bytes();
        let mut state = DeepState {
            places,
            simd: Simd::chosen(),
            block: (BLOCK_BYTES / bytes.max(1)).clamp(1, 256),
            parameters: Vec::new(),
            parts,
            kept,
        };
        state.take(parameters);
        state
    }

    fn take(&mut self, parameters: Vec<f64>) {
        let (trunk, top) = parameters.split_at(self.parts.trunk.parameters());
        self.parts.trunk.set(trunk);
        self.parts.top.set(top);
        self.parameters = parameters;
    }

    /// Writes the input rows of a walker after a move.
    fn fill(&self, x: &[i8], step: Option<Move>, out: &mut [R]) {
        let number = |value: i8| R::from_f64(f64::from(value));
        for (out, &site) in out.iter_mut().zip(&self.parts.sites) {
            *out = number(x[site as usize]);
        }
        if let Some(step) = step {
            for (&site, &value) in step.sites.iter().zip(step.values) {
                out[self.places[site as usize] as usize] = number(value);
            }
        }
    }

    /// Writes the input rows of walkers.
    fn fill_all(&self, xs: &[i8], keep: bool, scratch: &mut DeepScratch<R>) {
        let n = self.places.len();
        let input = (self.parts.trunk).input(xs.len() / n, keep, &mut scratch.trunk);
        for (x, out) in xs.chunks_exact(n).zip(input.chunks_exact_mut(n)) {
            self.fill(x, None, out);
        }
    }

    /// Brings the input of `walkers` walkers through trunk and top.
    fn pass(&self, walkers: usize, keep: bool, scratch: &mut DeepScratch<R>) {
        let (trunk, top) = (&self.parts.trunk, &self.parts.top);
        trunk.forward(self.simd, walkers, keep, &mut scratch.trunk);
        let last = trunk.outputs()[0];
        let rows = trunk.value(last, walkers, keep, &scratch.trunk);
        let wide = R::widened(rows.numbers, &mut scratch.wide);
        top.input(walkers, keep, &mut scratch.top)
            .copy_from_slice(wide);
        top.forward(self.simd, walkers, keep, &mut scratch.top);
    }

    /// What the head reads of walker `k`.
    fn outputs<'a>(
        &self,
        k: usize,
        walkers: usize,
        keep: bool,
        top: &'a Workspace<f64>,
    ) -> [&'a [f64]; 2] {
        let of = |number: usize| match self.parts.top.outputs().get(number) {
            Some(&v) => self.parts.top.value(v, walkers, keep, top).walker(k),
            None => &[],
        };
        [of(0), of(1)]
    }

    /// ln ψ of the walkers whose input is filled in.
    fn logs(&self, keep: bool, scratch: &mut DeepScratch<R>, out: &mut [Complex64]) {
        self.pass(out.len(), keep, scratch);
        self.read(keep, &scratch.top, out);
    }

    /// ln ψ of walkers from what the head reads.
    fn read(&self, keep: bool, top: &Workspace<f64>, out: &mut [Complex64]) {
        let walkers = out.len();
        for (k, out) in out.iter_mut().enumerate() {
            let outputs = self.outputs(k, walkers, keep, top);
            *out = self.parts.head.log(self.simd, outputs);
        }
    }

    /// Parts of ln ψ that are differentiated: the real one, or both.
    fn halves(&self) -> usize {
        if self.parts.complex { 2 } else { 1 }
    }

    /// Writes the derivatives of ln ψ of walkers to the scratch.
    fn reverse(&self, xs: &[i8], scratch: &mut DeepScratch<R>) {
        let (trunk, top) = (&self.parts.trunk, &self.parts.top);
        let (walkers, halves) = (xs.len() / self.places.len(), self.halves());
        self.fill_all(xs, true, scratch);
        self.pass(walkers, true, scratch);
        top.prepare(walkers, halves, &mut scratch.top);
        self.seed(walkers, &mut scratch.top);
        let (of_trunk, of_top) = &mut scratch.slopes;
        of_top.resize(halves * walkers * top.parameters(), 0.0);
        let counts = (walkers, halves);
        top.backward(self.simd, counts, &mut scratch.top, of_top, true);
        trunk.prepare(walkers, halves, &mut scratch.trunk);
        let last = trunk.outputs()[0];
        let deltas = trunk.delta(last, walkers, halves, &mut scratch.trunk);
        let theirs = top.delta(0, walkers, halves, &mut scratch.top);
        (deltas.iter_mut().zip(&*theirs)).for_each(|(d, &x)| *d = R::from_f64(x));
        of_trunk.resize(halves * walkers * trunk.parameters(), R::default());
        trunk.backward(self.simd, counts, &mut scratch.trunk, of_trunk, false);
    }

    /// Writes δ of what the head reads.
    fn seed(&self, walkers: usize, work: &mut Workspace<f64>) {
        let (top, halves) = (&self.parts.top, self.halves());
        let size = |number: usize| {
            top.outputs()
                .get(number)
                .map_or(0, |&v| top.shape(v).size())
        };
        let mut slopes = [0, 1].map(|number| vec![Complex64::ZERO; size(number)]);
        for k in 0..walkers {
            let outputs = self.outputs(k, walkers, true, work);
            slopes.iter_mut().for_each(|s| s.fill(Complex64::ZERO));
            let [first, second] = &mut slopes;
            self.parts.head.slopes(self.simd, outputs, [first, second]);
            for (&v, slopes) in top.outputs().iter().zip(&slopes) {
                let deltas = top.delta(v, walkers, halves, work);
                let rows = deltas
                    .chunks_exact_mut(slopes.len())
                    .skip(k)
                    .step_by(walkers);
                for (half, row) in rows.enumerate() {
                    let part = |z: &Complex64| if half == 0 { z.re } else { z.im };
                    row.iter_mut().zip(slopes).for_each(|(d, z)| *d = part(z));
                }
            }
        }
    }
}

impl<R: Elementary> Ansatz for DeepState<R> {
    type Batch = DeepBatch<R>;
    type Scratch = DeepScratch<R>;

    fn sites(&self) -> usize {
        self.places.len()
    }
    fn layout(&self) -> Vec<Block> {
        let all = self.parts.trunk.parts().into_iter();
        all.chain(self.parts.top.parts())
            .map(|part| Block::new(part.name, part.shape, false))
            .collect()
    }
    fn parameters(&self) -> Vec<f64> {
        self.parameters.clone()
    }
    fn set_parameters(&mut self, parameters: &[f64]) -> Result<()> {
        check_length(parameters, self.parameters.len())?;
        self.take(parameters.to_vec());
        Ok(())
    }
    fn facts(&self) -> AnsatzFacts {
        let complex = self.parts.complex;
        let derivative_bytes = 8 * self.halves() * self.parameters.len();
        AnsatzFacts {
            kind: if complex { Kind::Stacked } else { Kind::Real },
            precision: precision::<R>(),
            positive: self.parts.positive,
            bytes_per_walker: self.sites()
                + size_of::<Complex64>()
                + self.kept_bytes()
                + derivative_bytes,
            derivative_bytes,
            derivative_scratch: 0,
            operations: 2.0 * self.part() * self.parts.trunk.operations()
                + 2.0 * self.parts.top.operations(),
        }
    }

    fn batch(&self, xs: &[i8]) -> Self::Batch {
        if let Some(kept) = &self.kept {
            return self.batch_of(kept, xs);
        }
        let (n, scratch) = (self.sites(), &mut DeepScratch::default());
        let mut logs = vec![Complex64::ZERO; xs.len() / n];
        for (xs, logs) in xs.chunks(self.block * n).zip(logs.chunks_mut(self.block)) {
            self.fill_all(xs, false, scratch);
            self.logs(false, scratch, logs);
        }
        DeepBatch {
            xs: xs.to_vec(),
            logs,
            kept: Vec::new(),
        }
    }

    fn log_psi(&self, batch: &Self::Batch) -> Vec<Complex64> {
        batch.logs.clone()
    }

    fn ratios(
        &self,
        batch: &Self::Batch,
        asks: &Asks,
        scratch: &mut Self::Scratch,
        out: &mut [Complex64],
    ) {
        let n = self.sites();
        for (first, out) in (0..).step_by(self.block).zip(out.chunks_mut(self.block)) {
            if let Some(kept) = &self.kept {
                self.changed_logs(&kept.changed, batch, (asks, first), scratch, out);
                continue;
            }
            let input = (self.parts.trunk).input(out.len(), false, &mut scratch.trunk);
            for (at, row) in (first..).zip(input.chunks_exact_mut(n)) {
                let (k, step) = asks.get(at);
                self.fill(&batch.xs[k * n..(k + 1) * n], Some(step), row);
            }
            self.logs(false, scratch, out);
        }
        super::keep(&mut scratch.logs, out, batch.logs.len());
        for (at, out) in out.iter_mut().enumerate() {
            let (k, step) = asks.get(at);
            *out = match step.is_empty() {
                true => Complex64::ONE,
                false => ratio_of_logs(*out, batch.logs[k]),
            };
        }
    }

    fn accept(
        &self,
        batch: &mut Self::Batch,
        asks: &Asks,
        taken: &[bool],
        scratch: &mut Self::Scratch,
    ) {
        let n = self.sites();
        for (at, (k, step)) in asks.iter().enumerate().filter(|(at, _)| taken[*at]) {
            step.apply(&mut batch.xs[k * n..(k + 1) * n]);
            batch.logs[k] = scratch.logs[at];
            if let Some(kept) = &self.kept {
                self.take_over(&kept.changed, at, scratch, batch);
            }
        }
    }

    fn derivatives(&self, batch: &Self::Batch) -> Derivatives {
        let (n, walkers, halves) = (self.sites(), batch.logs.len(), self.halves());
        let (count, trunk) = (self.parameters.len(), self.parts.trunk.parameters());
        let scratch = &mut DeepScratch::default();
        let bytes = self.parts.trunk.full_bytes(halves) + self.parts.top.full_bytes(halves);
        let block = (BLOCK_BYTES / bytes.max(1)).clamp(1, 64);
        let real = if halves == 1 { walkers * count } else { 0 };
        let mut real = vec![0.0; real];
        let mut complex = vec![Complex64::ZERO; walkers * count - real.len()];
        let rows = match halves {
            1 => &mut real[..],
            _ => Complex64::reals_mut(&mut complex),
        };
        let parts = rows.chunks_mut((block * count * halves).max(1));
        for (xs, rows) in batch.xs.chunks(block * n).zip(parts) {
            self.reverse(xs, scratch);
            let (of_trunk, of_top) = &scratch.slopes;
            let all = xs.len() / n;
            for (at, out) in rows.chunks_exact_mut((count * halves).max(1)).enumerate() {
                for half in 0..halves {
                    let row = half * all + at;
                    let own = of_trunk[row * trunk..(row + 1) * trunk].iter();
                    let of_top = &of_top[row * (count - trunk)..(row + 1) * (count - trunk)];
                    let numbers = own.map(|g| g.to_f64()).chain(of_top.iter().copied());
                    let out = out[half..].iter_mut().step_by(halves);
                    out.zip(numbers).for_each(|(o, g)| *o = g);
                }
            }
        }
        let matrix = match self.parts.complex {
            true => Matrix::Complex(shaped((walkers, count), complex)),
            false => Matrix::Real(shaped((walkers, count), real)),
        };
        let columns = Columns::Dense(Arc::new(matrix));
        Derivatives::new(self.facts().kind, walkers, vec![columns])
    }
}

fn shaped<T>(shape: (usize, usize), values: Vec<T>) -> Array2<T> {
    Array2::from_shape_vec(shape, values)
        .unwrap_or_else(|_| unreachable!("there are as many numbers as the shape says"))
}
