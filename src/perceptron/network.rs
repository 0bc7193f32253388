//! Decides how layers form a network with one flat vector of numbers.

use super::convolution::Convolution;
use super::dense::{Dense, UnitFunction};
use crate::rng::{Distribution, Generator, StandardNormal};
use std::ops::Range;

/// A named part of the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterBlock {
    /// `K`, `c` of a convolution; `W_0`, `b_0`, ... of the dense layers from the input on.
    pub name: String,
    /// Where it stands.
    pub range: Range<usize>,
    /// Its shape: outputs and inputs of weights, outputs alone of biases.
    pub shape: Vec<usize>,
    /// Whether it holds weights, which the penalty is about.
    pub weights: bool,
}

/// Layers from the input to the outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Perceptron {
    convolution: Option<Convolution>,
    layers: Vec<Dense>,
    inputs: usize,
}

/// Rows on their way through a network.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    /// Outputs of each layer, the convolution first.
    outputs: Vec<Vec<f64>>,
    patches: Vec<f64>,
    /// The last outputs once more, where they are not linear.
    ends: Vec<f64>,
    delta: Vec<f64>,
    back: Vec<f64>,
}

impl Perceptron {
    /// `widths` units in each hidden layer; `inputs` are those of the convolution where there is
    /// one.
    pub fn new(
        inputs: usize,
        convolution: Option<Convolution>,
        (widths, activation): (&[usize], UnitFunction),
        outputs: usize,
    ) -> Self {
        let mut before = convolution.as_ref().map_or(inputs, Convolution::outputs);
        let mut layers = Vec::new();
        let hidden = widths.iter().map(|width| (*width, Some(activation)));
        for (outputs, activation) in hidden.chain([(outputs, None)]) {
            layers.push(Dense {
                inputs: before,
                outputs,
                activation,
            });
            before = outputs;
        }
        Perceptron {
            convolution,
            layers,
            inputs,
        }
    }

    /// The same with outputs that are not linear.
    pub fn with_outputs(mut self, activation: UnitFunction) -> Self {
        if let Some(last) = self.layers.last_mut() {
            last.activation = Some(activation);
        }
        self
    }

    /// Numbers of an example.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Numbers that it gives.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.outputs)
    }

    /// Inputs of the last layer.
    pub fn last_inputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.inputs)
    }

    /// Whether one dense layer with linear outputs is all there is.
    pub fn is_linear(&self) -> bool {
        let linear = |layer: &Dense| layer.activation.is_none();
        self.convolution.is_none() && self.layers.len() == 1 && self.layers.iter().all(linear)
    }

    /// Numbers of the flat vector.
    pub fn size(&self) -> usize {
        self.blocks().last().map_or(0, |block| block.range.end)
    }

    /// Multiplications of a row on its way forward.
    pub fn multiplications(&self) -> usize {
        let convolution = self.convolution.as_ref();
        let of_windows = convolution.map_or(0, |c| c.weights() * c.windows.len());
        of_windows + self.layers.iter().map(Dense::weights).sum::<usize>()
    }

    /// Most numbers that a row needs in one layer.
    pub fn widest(&self) -> usize {
        let convolution = self.convolution.as_ref();
        let of_windows = convolution.map_or(0, |c| c.windows.len() * c.taps().max(c.filters));
        let of_layers = self.layers.iter().map(|l| l.inputs.max(l.outputs));
        of_layers.max().unwrap_or(0).max(of_windows)
    }

    /// The parts of the flat vector, in their order.
    pub fn blocks(&self) -> Vec<ParameterBlock> {
        let mut shapes = Vec::new();
        if let Some(c) = &self.convolution {
            shapes.push(("K".to_string(), vec![c.filters, c.taps()]));
            shapes.push(("c".to_string(), vec![c.filters]));
        }
        for (l, layer) in self.layers.iter().enumerate() {
            shapes.push((format!("W_{l}"), vec![layer.outputs, layer.inputs]));
            shapes.push((format!("b_{l}"), vec![layer.outputs]));
        }
        let mut start = 0;
        let place = |(name, shape): (String, Vec<usize>)| {
            let end = start + shape.iter().product::<usize>();
            let range = start..end;
            start = end;
            ParameterBlock {
                weights: shape.len() == 2,
                name,
                range,
                shape,
            }
        };
        shapes.into_iter().map(place).collect()
    }

    /// Numbers to start from: biases 0, weights normal with the deviation `init`/√inputs.
    pub fn start(&self, init: f64, rng: &mut Generator) -> Vec<f64> {
        let mut theta = Vec::with_capacity(self.size());
        for block in self.blocks() {
            let inputs = block.shape.get(1).copied();
            let deviation = inputs.map_or(0.0, |n| init / (n.max(1) as f64).sqrt());
            theta.extend(block.range.map(|_| match block.weights {
                true => {
                    deviation * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, rng)
                }
                false => 0.0,
            }));
        }
        theta
    }

    /// Takes rows `x` through all layers; returns the last outputs.
    pub(super) fn forward<'p>(
        &self,
        theta: &[f64],
        x: &[f64],
        pass: &'p mut Pass,
    ) -> &'p mut Vec<f64> {
        let first = usize::from(self.convolution.is_some());
        pass.outputs.resize(first + self.layers.len(), Vec::new());
        let mut start = 0;
        if let Some(c) = &self.convolution {
            start = c.weights() + c.filters;
            c.forward(&theta[..start], x, &mut pass.patches, &mut pass.outputs[0]);
        }
        for (l, layer) in self.layers.iter().enumerate() {
            let end = start + layer.weights() + layer.outputs;
            let (before, rest) = pass.outputs.split_at_mut(first + l);
            let inputs = before.last().map_or(x, Vec::as_slice);
            layer.forward(&theta[start..end], inputs, &mut rest[0]);
            start = end;
        }
        let last = first + self.layers.len() - 1;
        let curved = self.layers.last().is_some_and(|l| l.activation.is_some());
        if curved {
            pass.ends.clone_from(&pass.outputs[last]);
        }
        &mut pass.outputs[last]
    }

    /// Adds the gradient of rows that [`Perceptron::forward`] has just taken through; the last
    /// outputs have been replaced by the derivative by them. Returns the derivative by the inputs
    /// where it is `wanted` and no convolution stands before the dense layers.
    pub(super) fn backward<'p>(
        &self,
        theta: &[f64],
        x: &[f64],
        pass: &'p mut Pass,
        gradient: &mut [f64],
        wanted: bool,
    ) -> Option<&'p [f64]> {
        let first = usize::from(self.convolution.is_some());
        let mut end = theta.len();
        pass.delta = std::mem::take(&mut pass.outputs[first + self.layers.len() - 1]);
        for (l, layer) in self.layers.iter().enumerate().rev() {
            let start = end - layer.weights() - layer.outputs;
            let (before, after) = pass.outputs.split_at(first + l);
            let is_last = l + 1 == self.layers.len();
            let outputs = if is_last { &pass.ends } else { &after[0] };
            let inputs = before.last().map_or(x, Vec::as_slice);
            let goes_on = wanted || !before.is_empty();
            let back = goes_on.then_some(&mut pass.back);
            layer.backward(
                &theta[start..end],
                (inputs, outputs),
                &mut pass.delta,
                &mut gradient[start..end],
                back,
            );
            if goes_on {
                std::mem::swap(&mut pass.delta, &mut pass.back);
            }
            end = start;
        }
        if let Some(c) = &self.convolution {
            let both = (pass.patches.as_slice(), pass.outputs[0].as_slice());
            c.backward(both, &mut pass.delta, &mut gradient[..end]);
            return None;
        }
        wanted.then_some(pass.delta.as_slice())
    }
}
