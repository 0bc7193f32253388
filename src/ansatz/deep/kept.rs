//! Decides what walkers keep of a network whose rows depend on few, and how questions are answered
//! from it: rows that a move does not reach are not evaluated.

use super::{DeepBatch, DeepParts, DeepScratch, DeepState};
use crate::ansatz::Asks;
use crate::layers::{ChangedRows, ChangedWork};
use crate::linalg::functions::Elementary;
use num_complex::Complex64;

/// What walkers keep, and how many go through all layers at once where it is found.
#[derive(Debug)]
pub(super) struct KeptRows {
    pub(super) changed: ChangedRows,
    block: usize,
}

impl KeptRows {
    /// What walkers would keep of a network.
    pub(super) fn of<R: Elementary>(parts: &DeepParts<R>) -> Option<Self> {
        let bytes = parts.trunk.full_bytes(0) + parts.top.full_bytes(0);
        Some(KeptRows {
            changed: ChangedRows::of(&parts.trunk)?,
            block: (super::BLOCK_BYTES / bytes.max(1)).clamp(1, 256),
        })
    }
}

impl<R: Elementary> DeepState<R> {
    /// The same, which answers questions by the rows that change, where its layers allow that and
    /// `on` says so.
    #[cfg(test)]
    pub(super) fn by_changes(mut self, on: bool) -> Self {
        self.kept = KeptRows::of(&self.parts).filter(|_| on);
        self
    }

    /// A wave function whose convolutions are sums over taps.
    #[cfg(test)]
    pub(super) fn over_taps(parts: DeepParts<R>, origin: u64) -> Self {
        Self::with_rows(parts, None, origin)
    }

    /// Part of the operations that a question takes.
    pub(super) fn part(&self) -> f64 {
        self.kept
            .as_ref()
            .map_or(1.0, |kept| kept.changed.fraction())
    }

    /// Bytes that a walker keeps of the values of layers.
    pub(super) fn kept_bytes(&self) -> usize {
        let size = |v: usize| self.parts.trunk.shape(v).size() * size_of::<R>();
        self.kept
            .as_ref()
            .map_or(0, |kept| kept.changed.kept().map(size).sum())
    }

    /// Walkers with what they keep.
    pub(super) fn batch_of(&self, kept: &KeptRows, xs: &[i8]) -> DeepBatch<R> {
        let (n, trunk) = (self.places.len(), &self.parts.trunk);
        let scratch = &mut DeepScratch::default();
        let mut logs = vec![Complex64::ZERO; xs.len() / n];
        let mut values = vec![Vec::new(); kept.changed.kept().count()];
        for (xs, logs) in xs.chunks(kept.block * n).zip(logs.chunks_mut(kept.block)) {
            self.fill_all(xs, true, scratch);
            self.logs(true, scratch, logs);
            for (v, own) in kept.changed.kept().zip(&mut values) {
                let rows = trunk.value(v, logs.len(), true, &scratch.trunk);
                own.extend_from_slice(rows.numbers);
            }
        }
        DeepBatch {
            xs: xs.to_vec(),
            logs,
            kept: values,
        }
    }

    /// ln ψ after the moves of as many questions as `out` has room for, from number `first` on.
    pub(super) fn changed_logs(
        &self,
        changed: &ChangedRows,
        batch: &DeepBatch<R>,
        (asks, first): (&Asks, usize),
        scratch: &mut DeepScratch<R>,
        out: &mut [Complex64],
    ) {
        let (trunk, top, count) = (&self.parts.trunk, &self.parts.top, out.len());
        let inputs = trunk.shape(0).stride;
        // Questions that may be accepted are kept: those of at most one move of each walker.
        let save = asks.len() <= batch.logs.len();
        let block = if save { first / self.block } else { 0 };
        if scratch.changed.len() <= block {
            scratch.changed.resize_with(block + 1, ChangedWork::default);
        }
        let work = &mut scratch.changed[block];
        changed.clear(work);
        let place = |site: u32| self.places[site as usize] as usize;
        for at in first..first + count {
            let (walker, step) = asks.get(at);
            let positions = step.sites.iter().map(|&site| place(site) / inputs);
            changed.ask(walker, positions, work);
        }
        changed.fill(trunk, &batch.kept, work, |ask, position, x| {
            let (_, step) = asks.get(first + ask);
            for (&site, &value) in step.sites.iter().zip(step.values) {
                if place(site) / inputs == position {
                    x[place(site) % inputs] = R::from_f64(f64::from(value));
                }
            }
        });
        changed.forward(trunk, self.simd, &batch.kept, save, work);
        let rows = top.input(count, false, &mut scratch.top);
        changed.whole(trunk, trunk.outputs()[0], &batch.kept, work, rows);
        top.forward(self.simd, count, false, &mut scratch.top);
        self.read(false, &scratch.top, out);
    }

    /// Makes what question `at` has changed what its walker keeps.
    pub(super) fn take_over(
        &self,
        changed: &ChangedRows,
        at: usize,
        scratch: &DeepScratch<R>,
        batch: &mut DeepBatch<R>,
    ) {
        let work = &scratch.changed[at / self.block];
        changed.take_over(&self.parts.trunk, work, at % self.block, &mut batch.kept);
    }
}
