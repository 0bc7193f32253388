//! Decides what questions about one walker share: sums over the positions before the first that
//! changes, of networks whose positions look at all before.
//!
//! They are summed in the order of the positions, as those of a whole configuration are, so that a
//! question has the same bits with and without them.

use super::layered::{LayerPlaces, Layered};
use super::network::Shared;
use crate::linalg::functions::Elementary;
use crate::linalg::sheets::LANES;
use crate::linalg::simd::{Simd, compiled_for_each_set, multiply_add};

impl<R: Elementary> Layered<R> {
    /// Where the sums of position `i` begin: biases, or what columns have in common.
    pub(super) fn begin(
        &self,
        layer: &LayerPlaces,
        i: usize,
        shared: &Shared<R>,
        columns: usize,
        y: &mut [R],
    ) {
        if shared.starts.is_empty() {
            return self.table.spread(self.bias(layer, i), columns, y);
        }
        let size = self.all_signals();
        for (o, row) in y.chunks_exact_mut(columns).enumerate() {
            let at = layer.signals + i * layer.outputs + o;
            for (eight, sums) in row
                .chunks_exact_mut(LANES)
                .zip(shared.sums.chunks_exact(size))
            {
                eight.fill(sums[at]);
            }
        }
    }

    /// As [`super::Network::share`], of a network without a window; always true.
    pub(super) fn sum_shared(&self, known: &[R], starts: &[usize], shared: &mut Shared<R>) -> bool {
        shared.starts.clear();
        shared.starts.extend_from_slice(starts);
        let size = self.all_signals();
        shared.sums.resize(starts.len() * size, R::default());
        for layer in &self.layers {
            let mut sums =
                self.table.weights[layer.biases..][..self.positions * layer.outputs].to_vec();
            let mut done = 0;
            for (start, out) in starts.iter().zip(shared.sums.chunks_exact_mut(size)) {
                for j in done..*start {
                    grow(Simd::chosen(), self, layer, known, j, &mut sums);
                }
                done = *start;
                out[layer.signals..][..sums.len()].copy_from_slice(&sums);
            }
        }
        true
    }
}

compiled_for_each_set! {
    /// Adds what position `j` of a configuration with the records `known` gives to the sums of all
    /// positions that see it.
    fn grow<R: Elementary>(
        psi: &Layered<R>, layer: &LayerPlaces, known: &[R], j: usize, sums: &mut [R],
    ) = grow_body
}
#[inline(always)]
fn grow_body<R: Elementary, const SET: u8>(
    psi: &Layered<R>,
    layer: &LayerPlaces,
    known: &[R],
    j: usize,
    sums: &mut [R],
) {
    match layer.outputs {
        2 => grow_width::<R, SET, 2>(psi, layer, known, j, sums),
        4 => grow_width::<R, SET, 4>(psi, layer, known, j, sums),
        8 => grow_width::<R, SET, 8>(psi, layer, known, j, sums),
        _ => grow_width::<R, SET, 1>(psi, layer, known, j, sums),
    }
}

/// The same, for so many outputs or, one by one, for any number.
#[inline(always)]
fn grow_width<R: Elementary, const SET: u8, const O: usize>(
    psi: &Layered<R>,
    layer: &LayerPlaces,
    known: &[R],
    j: usize,
    sums: &mut [R],
) {
    let x = &known[j * psi.record + layer.row..][..layer.inputs];
    let first = if layer.own { j } else { j + 1 };
    for i in first..psi.positions {
        let start = Layered::<R>::own_weights(layer, i) + j * layer.inputs * layer.outputs;
        for o in (0..layer.outputs).step_by(O) {
            let own: &mut [R; O] = match sums[i * layer.outputs + o..].first_chunk_mut() {
                Some(own) => own,
                None => return,
            };
            for (k, &x) in x.iter().enumerate() {
                let w = &psi.table.weights[start + k * layer.outputs + o..][..O];
                for (sum, &w) in own.iter_mut().zip(w) {
                    *sum = multiply_add::<_, SET>(w, x, *sum);
                }
            }
        }
    }
}
