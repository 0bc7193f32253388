//! Decides how layers become a network: values that layers make of each other, in order.
//!
//! Value 0 is the input; every layer adds the value y = layer(x) or y = u + layer(x) of values u
//! and x that are there. Where ln ψ alone is asked for, a value's memory is used again once
//! nothing needs it, so that a block of walkers stays in cache; the reverse pass keeps all values
//! and goes through the layers backwards, δx += layer's, δu += δy.

use super::{FirstValues, LayerPart, LayerRows, ParameterSlopes, RowLayer, RowShape};
use crate::linalg::functions::Elementary;
use crate::linalg::simd::Simd;
use crate::rng::Generator;

/// One layer in its place.
#[derive(Debug)]
pub(super) struct Node<R> {
    path: String,
    pub(super) layer: Box<dyn RowLayer<R>>,
    pub(super) input: usize,
    pub(super) plus: Option<usize>,
    /// Where its parameters start, and how many they are.
    first: usize,
    count: usize,
}

/// Where values stand in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct ValueSlots {
    /// Slot of each value.
    pub(super) slots: Vec<usize>,
    /// Numbers of a walker in each slot.
    sizes: Vec<usize>,
}

/// Layers that make values of each other.
#[derive(Debug)]
pub struct Composition<R> {
    pub(super) shapes: Vec<RowShape>,
    pub(super) nodes: Vec<Node<R>>,
    pub(super) outputs: Vec<usize>,
    pub(super) lean: ValueSlots,
    full: ValueSlots,
}

/// Memory for the values of a block of walkers.
#[derive(Debug)]
pub struct Workspace<R> {
    slots: Vec<Vec<R>>,
    deltas: Vec<Vec<R>>,
    /// Whether δ of a value has been written.
    reached: Vec<bool>,
    room: Vec<R>,
}

impl<R> Default for Workspace<R> {
    fn default() -> Self {
        Workspace {
            slots: Vec::new(),
            deltas: Vec::new(),
            reached: Vec::new(),
            room: Vec::new(),
        }
    }
}

/// Makes a vector at least this long.
fn grow<R: Copy + Default>(room: &mut Vec<R>, length: usize) {
    if room.len() < length {
        room.resize(length, R::default());
    }
}

impl<R: Elementary> Composition<R> {
    /// The input alone, which is the output too until there are layers.
    pub fn new(input: RowShape) -> Self {
        let mut all = Composition {
            shapes: vec![input],
            nodes: Vec::new(),
            outputs: vec![0],
            lean: ValueSlots::default(),
            full: ValueSlots::default(),
        };
        all.give(vec![0]);
        all
    }

    /// Adds y = layer(x) of value `x`; the number of y. Names of its parameters begin with `path`.
    pub fn add(&mut self, path: &str, layer: impl RowLayer<R> + 'static, x: usize) -> usize {
        self.insert(path, Box::new(layer), x, None)
    }

    /// Adds y = u + layer(x) of values `u` and `x`; the number of y.
    pub fn add_onto(
        &mut self,
        u: usize,
        path: &str,
        layer: impl RowLayer<R> + 'static,
        x: usize,
    ) -> usize {
        self.insert(path, Box::new(layer), x, Some(u))
    }

    fn insert(
        &mut self,
        path: &str,
        layer: Box<dyn RowLayer<R>>,
        input: usize,
        plus: Option<usize>,
    ) -> usize {
        let first = self.parameters();
        let count = layer.parts().iter().map(LayerPart::len).sum();
        self.shapes.push(layer.output(self.shapes[input]));
        self.nodes.push(Node {
            path: path.into(),
            layer,
            input,
            plus,
            first,
            count,
        });
        self.shapes.len() - 1
    }

    /// Says that all rows are always evaluated at once, before parameters are taken.
    pub fn evaluate_whole(&mut self) {
        for node in &mut self.nodes {
            node.layer.evaluate_whole(self.shapes[node.input]);
        }
    }

    /// Says which values are the output; no layer may be added afterwards.
    pub fn give(&mut self, outputs: Vec<usize>) {
        self.outputs = outputs;
        let size = |v: usize| self.shapes[v].size();
        self.full = ValueSlots {
            slots: (0..self.shapes.len()).collect(),
            sizes: (0..self.shapes.len()).map(size).collect(),
        };
        // After which layer a value is not needed.
        let mut last: Vec<usize> = (0..self.shapes.len())
            .map(|v| v.saturating_sub(1))
            .collect();
        for (n, node) in self.nodes.iter().enumerate() {
            (node.plus.into_iter().chain([node.input])).for_each(|v| last[v] = n);
        }
        self.outputs.iter().for_each(|&v| last[v] = usize::MAX);
        let (mut slots, mut sizes, mut free) = (vec![0], vec![size(0)], Vec::new());
        for n in 0..self.nodes.len() {
            let slot = free.pop().unwrap_or_else(|| {
                sizes.push(0);
                sizes.len() - 1
            });
            sizes[slot] = sizes[slot].max(size(n + 1));
            slots.push(slot);
            free.extend((0..=n + 1).filter(|&v| last[v] == n).map(|v| slots[v]));
        }
        self.lean = ValueSlots { slots, sizes };
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.first + node.count)
    }
    /// All blocks of parameters with their paths.
    pub fn parts(&self) -> Vec<LayerPart> {
        let of = |node: &Node<R>| {
            let path = node.path.clone();
            let named = move |part: LayerPart| LayerPart {
                name: format!("{path}{}", part.name),
                ..part
            };
            node.layer.parts().into_iter().map(named)
        };
        self.nodes.iter().flat_map(of).collect()
    }
    /// First values of all parameters.
    pub fn draw(&self, rng: &mut Generator) -> Vec<f64> {
        let all = self.parts().into_iter();
        let mut draw = |start: FirstValues| start.draw(rng);
        let mut values = Vec::with_capacity(self.parameters());
        for part in all {
            values.extend((0..part.len()).map(|_| draw(part.start)));
        }
        values
    }
    /// Takes new parameters, as many as there are.
    pub fn set(&mut self, parameters: &[f64]) {
        for node in &mut self.nodes {
            node.layer
                .set(&parameters[node.first..node.first + node.count]);
        }
    }
    /// What rows of value `v` are.
    pub fn shape(&self, v: usize) -> RowShape {
        self.shapes[v]
    }
    /// The values that are the output.
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }
    /// Multiply-adds of one walker, roughly.
    pub fn operations(&self) -> f64 {
        let of = |node: &Node<R>| node.layer.operations(self.shapes[node.input]);
        self.nodes.iter().map(of).sum()
    }
    /// Bytes of a walker while ln ψ is evaluated.
    pub fn lean_bytes(&self) -> usize {
        self.lean.sizes.iter().sum::<usize>() * size_of::<R>()
    }
    /// Bytes of a walker in a reverse pass of `parts` parts of ln ψ.
    pub fn full_bytes(&self, parts: usize) -> usize {
        (1 + parts) * self.full.sizes.iter().sum::<usize>() * size_of::<R>()
    }

    fn plan(&self, keep: bool) -> &ValueSlots {
        if keep { &self.full } else { &self.lean }
    }

    /// Makes room for a block of walkers, and gives the input to be filled in; `keep` says that a
    /// reverse pass will follow.
    pub fn input<'a>(&self, walkers: usize, keep: bool, work: &'a mut Workspace<R>) -> &'a mut [R] {
        let plan = self.plan(keep);
        if work.slots.len() < plan.sizes.len() {
            work.slots.resize_with(plan.sizes.len(), Vec::new);
        }
        for (slot, size) in work.slots.iter_mut().zip(&plan.sizes) {
            grow(slot, walkers * size);
        }
        &mut work.slots[plan.slots[0]][..walkers * self.shapes[0].size()]
    }

    /// Value `v` of a block of walkers.
    pub fn value<'a>(
        &self,
        v: usize,
        walkers: usize,
        keep: bool,
        work: &'a Workspace<R>,
    ) -> LayerRows<'a, R> {
        let (shape, slot) = (self.shapes[v], self.plan(keep).slots[v]);
        LayerRows {
            shape,
            numbers: &work.slots[slot][..walkers * shape.size()],
        }
    }

    /// Evaluates all values of a block of walkers from its input.
    pub fn forward(&self, simd: Simd, walkers: usize, keep: bool, work: &mut Workspace<R>) {
        for (n, node) in self.nodes.iter().enumerate() {
            let slot = self.plan(keep).slots[n + 1];
            let mut room = std::mem::take(&mut work.slots[slot]);
            let y = &mut room[..walkers * self.shapes[n + 1].size()];
            node.layer
                .forward(simd, self.value(node.input, walkers, keep, work), y);
            if let Some(plus) = node.plus {
                let u = self.value(plus, walkers, keep, work).numbers;
                y.iter_mut().zip(u).for_each(|(y, &u)| *y += u);
            }
            work.slots[slot] = room;
        }
    }

    /// Makes room for a reverse pass of `parts` parts of ln ψ. What [`Composition::delta`] gives
    /// for the outputs has to be filled in before the pass.
    pub fn prepare(&self, walkers: usize, parts: usize, work: &mut Workspace<R>) {
        work.deltas.resize_with(self.shapes.len(), Vec::new);
        work.reached.clear();
        work.reached.resize(self.shapes.len(), false);
        for (delta, shape) in work.deltas.iter_mut().zip(&self.shapes) {
            grow(delta, parts * walkers * shape.size());
        }
        self.outputs.iter().for_each(|&v| work.reached[v] = true);
    }

    /// δ of value `v`, part after part of ln ψ and walker after walker.
    pub fn delta<'a>(
        &self,
        v: usize,
        walkers: usize,
        parts: usize,
        work: &'a mut Workspace<R>,
    ) -> &'a mut [R] {
        &mut work.deltas[v][..parts * walkers * self.shapes[v].size()]
    }

    /// The reverse pass: writes the derivatives of every part and walker to `slopes`, rows of
    /// [`Composition::parameters`] numbers, and δ of the input, whose rows have to be padded,
    /// where `to_input` says so.
    pub fn backward(
        &self,
        simd: Simd,
        (walkers, parts): (usize, usize),
        work: &mut Workspace<R>,
        slopes: &mut [R],
        to_input: bool,
    ) {
        slopes.fill(R::default());
        let stride = self.parameters();
        for (n, node) in self.nodes.iter().enumerate().rev() {
            if !work.reached[n + 1] {
                continue;
            }
            let own = std::mem::take(&mut work.deltas[n + 1]);
            let deltas = LayerRows {
                shape: self.shapes[n + 1],
                numbers: &own[..parts * walkers * self.shapes[n + 1].size()],
            };
            if let Some(plus) = node.plus {
                add(
                    &mut work.deltas[plus],
                    &mut work.reached[plus],
                    deltas.numbers,
                );
            }
            let mut slopes = ParameterSlopes {
                numbers: slopes,
                stride,
                first: node.first,
                count: node.count,
            };
            let wanted = node.input > 0 || to_input;
            let length = parts * walkers * self.shapes[node.input].size();
            let mut room = std::mem::take(&mut work.room);
            grow(&mut room, if wanted { length } else { 0 });
            let inputs = wanted.then(|| &mut room[..length]);
            let x = self.value(node.input, walkers, true, work);
            node.layer.backward(simd, x, deltas, &mut slopes, inputs);
            if wanted {
                let reached = &mut work.reached[node.input];
                add(&mut work.deltas[node.input], reached, &room[..length]);
            }
            work.room = room;
            work.deltas[n + 1] = own;
        }
    }
}

/// Adds to δ, or writes it the first time.
fn add<R: Elementary>(delta: &mut [R], reached: &mut bool, more: &[R]) {
    match *reached {
        true => (delta.iter_mut().zip(more)).for_each(|(d, &m)| *d += m),
        false => delta[..more.len()].copy_from_slice(more),
    }
    *reached = true;
}
