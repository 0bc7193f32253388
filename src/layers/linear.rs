//! Decides dense layers and convolutions, which are the same: one matrix for each tap of a window.
//!
//! y_{r,o} = b_o + Σ_{k,i} x_{t(r,k),i} W_{k,i,o}. A dense layer has the window of its own
//! position alone. On the way back ∂x_{r,i} = Σ_{k,o} δ_{t⁻¹(r,k),o} W_{k,i,o}, a product of
//! the same kind, and ∂W_{k,i,o} = Σ_r x_{t(r,k),i} δ_{r,o}. Several entries of W may be one
//! parameter: a group convolution is a convolution with shared weights.

use super::transformed::TransformedProduct;
use super::{
    FirstValues, LayerPart, LayerRows, ParameterSlopes, RowLayer, RowReads, RowShape, WindowTable,
};
use crate::linalg::functions::Elementary;
use crate::linalg::gathered::GatheredRows;
use crate::linalg::panels::{Panels, padded};
use crate::linalg::simd::Simd;
use crate::linalg::windowed::{WindowInput, window_gradient};
use std::sync::Arc;

/// Which parameter each entry of W and b is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedWeights {
    /// Shape of the parameters that W is made of.
    pub shape: Vec<usize>,
    /// Parameter of W_{k,i,o}, row-major.
    pub weights: Vec<u32>,
    /// Parameter of b_o.
    pub biases: Vec<u32>,
}

/// A convolution or a dense layer.
#[derive(Debug)]
pub struct LinearLayer<R> {
    window: Arc<WindowTable>,
    inputs: usize,
    outputs: usize,
    parts: Vec<LayerPart>,
    shared: Option<SharedWeights>,
    /// W and b.
    matrix: Panels<R>,
    /// W^T of each tap.
    back: Panels<R>,
    /// In place of both, where that is cheaper.
    transformed: Option<TransformedProduct<R>>,
}

impl<R: Elementary> LinearLayer<R> {
    /// A convolution from `inputs` to `outputs` channels with W (taps, inputs, outputs) and b
    /// (outputs), under these names; without b where it has none.
    pub fn convolution(
        names: (&str, Option<&str>),
        window: Arc<WindowTable>,
        (inputs, outputs): (usize, usize),
        start: FirstValues,
    ) -> Self {
        let shape = [window.taps(), inputs, outputs];
        Self::new(names, window, (inputs, outputs), &shape, start)
    }

    /// A dense layer of every position with W (inputs, outputs) and b (outputs), under these names.
    pub fn dense(
        names: (&str, Option<&str>),
        positions: usize,
        (inputs, outputs): (usize, usize),
        start: FirstValues,
    ) -> Self {
        let window = Arc::new(WindowTable::single(positions));
        Self::new(names, window, (inputs, outputs), &[inputs, outputs], start)
    }

    /// A convolution of which several weights are one parameter, and several biases.
    pub fn shared(
        names: (&str, &str),
        window: Arc<WindowTable>,
        (inputs, outputs): (usize, usize),
        shared: SharedWeights,
        start: FirstValues,
    ) -> Self {
        let names = (names.0, Some(names.1));
        let mut layer = Self::new(names, window, (inputs, outputs), &shared.shape, start);
        let biases = shared.biases.iter().max().map_or(0, |&b| b as usize + 1);
        layer.parts[1].shape = vec![biases];
        layer.shared = Some(shared);
        layer
    }

    /// The same layer with these first values of b.
    pub fn starting_at(mut self, biases: FirstValues) -> Self {
        self.parts
            .iter_mut()
            .skip(1)
            .for_each(|part| part.start = biases);
        self
    }

    fn new(
        (weights, biases): (&str, Option<&str>),
        window: Arc<WindowTable>,
        (inputs, outputs): (usize, usize),
        shape: &[usize],
        start: FirstValues,
    ) -> Self {
        let mut parts = vec![LayerPart::new(weights, shape, start)];
        let zero = FirstValues::Constant(0.0);
        parts.extend(biases.map(|name| LayerPart::new(name, &[outputs], zero)));
        LinearLayer {
            matrix: Panels::zeros(0, 0),
            back: Panels::zeros(0, 0),
            window,
            inputs,
            outputs,
            parts,
            shared: None,
            transformed: None,
        }
    }

    /// Numbers that the matrices of a convolution from `inputs` to `outputs` channels take at most.
    pub fn held(window: &WindowTable, (inputs, outputs): (usize, usize)) -> f64 {
        let taps = window.taps() as f64;
        let own = taps * (inputs * padded(outputs) + outputs * padded(inputs)) as f64;
        let over = TransformedProduct::<R>::where_cheaper(window, (inputs, outputs));
        over.map_or(own, |over| over.held().max(own))
    }

    /// Numbers of W when none is shared.
    fn entries(&self) -> usize {
        self.window.taps() * self.inputs * self.outputs
    }

    /// Adds the derivatives with respect to W and b of one walker.
    fn add_slopes(&self, weights: &[R], deltas: &[R], stride: usize, slopes: &mut [R]) {
        let (own, biases) = slopes.split_at_mut(self.parts[0].len());
        let place = |of: Option<&Vec<u32>>, at: usize| of.map_or(at, |of| of[at] as usize);
        let (weight, bias) = match &self.shared {
            Some(shared) => (Some(&shared.weights), Some(&shared.biases)),
            None => (None, None),
        };
        for (at, row) in weights.chunks_exact(stride).enumerate() {
            let (first, row) = (at * self.outputs, &row[..self.outputs]);
            match weight {
                None => own[first..first + self.outputs].copy_from_slice(row),
                Some(of) => {
                    (of[first..].iter().zip(row)).for_each(|(&at, &g)| own[at as usize] += g)
                }
            }
        }
        if biases.is_empty() {
            return;
        }
        for row in deltas.chunks_exact(stride) {
            for (o, &delta) in row[..self.outputs].iter().enumerate() {
                biases[place(bias, o)] += delta;
            }
        }
    }
}

impl<R: Elementary> RowLayer<R> for LinearLayer<R> {
    fn parts(&self) -> Vec<LayerPart> {
        self.parts.clone()
    }
    fn set(&mut self, parameters: &[f64]) {
        let (weights, biases) = parameters.split_at(self.parts[0].len());
        let shared = self.shared.as_ref();
        let weight = |at: usize| shared.map_or(at, |shared| shared.weights[at] as usize);
        let bias = |at: usize| shared.map_or(at, |shared| shared.biases[at] as usize);
        if let Some(transformed) = &mut self.transformed {
            let value = |o: usize| biases.get(bias(o)).copied().unwrap_or(0.0);
            return transformed.set(&self.window, |at| weights[weight(at)], value);
        }
        let taps = self.window.taps();
        if self.matrix.width() == 0 {
            self.matrix = Panels::zeros(taps * self.inputs, self.outputs);
            self.back = Panels::zeros(taps * self.outputs, self.inputs);
        }
        for at in 0..taps * self.inputs {
            let (k, i) = (at / self.inputs, at % self.inputs);
            for o in 0..self.outputs {
                let w = R::from_f64(weights[weight(at * self.outputs + o)]);
                self.matrix.set(at, o, w);
                self.back.set(k * self.outputs + o, i, w);
            }
        }
        if !biases.is_empty() {
            (0..self.outputs).for_each(|o| self.matrix.set_offset(o, R::from_f64(biases[bias(o)])));
        }
    }
    fn evaluate_whole(&mut self, input: RowShape) {
        if input.stride == padded(input.channels) {
            let channels = (self.inputs, self.outputs);
            self.transformed = TransformedProduct::where_cheaper(&self.window, channels);
        }
    }
    fn output(&self, input: RowShape) -> RowShape {
        RowShape::padded(input.positions, self.outputs)
    }
    fn reads(&self) -> RowReads<'_> {
        match self.window.taps() {
            _ if self.transformed.is_some() => RowReads::All,
            1 => RowReads::Own,
            _ => RowReads::Window(&self.window),
        }
    }
    fn forward_gathered(&self, simd: Simd, x: GatheredRows<R>, y: &mut [R]) {
        self.matrix.multiply_gathered(simd, x, y);
    }
    fn forward(&self, simd: Simd, x: LayerRows<R>, y: &mut [R]) {
        if let Some(transformed) = &self.transformed {
            return transformed.forward(simd, x.numbers, y);
        }
        let reads = self.window.reads();
        match self.window.taps() {
            1 => self.matrix.multiply(simd, x.numbers, x.shape.stride, y),
            _ => (self.matrix).multiply_windows(simd, reads, x.numbers, x.shape.stride, y),
        }
    }
    fn backward(
        &self,
        simd: Simd,
        x: LayerRows<R>,
        deltas: LayerRows<R>,
        slopes: &mut ParameterSlopes<R>,
        inputs: Option<&mut [R]>,
    ) {
        let rows = self.window.taps() * self.inputs;
        let mut weights = vec![R::default(); rows * deltas.shape.stride];
        let stride = x.shape.stride;
        for k in 0..deltas.walkers() {
            let own = deltas.walker(k);
            let walker = WindowInput {
                numbers: x.walker(k % x.walkers()),
                stride,
                channels: self.inputs,
            };
            let (reads, width) = (self.window.reads(), self.outputs);
            window_gradient(simd, reads, walker, own, width, &mut weights);
            self.add_slopes(&weights, own, deltas.shape.stride, slopes.row(k));
        }
        if let Some(inputs) = inputs {
            if let Some(transformed) = &self.transformed {
                return transformed.backward(simd, deltas.numbers, inputs);
            }
            let (readers, stride) = (self.window.readers(), deltas.shape.stride);
            (self.back).multiply_windows(simd, readers, deltas.numbers, stride, inputs);
        }
    }
    fn operations(&self, input: RowShape) -> f64 {
        if let Some(transformed) = &self.transformed {
            return transformed.operations();
        }
        (input.positions * self.entries()) as f64
    }
}
