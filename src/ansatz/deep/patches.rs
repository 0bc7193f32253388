//! Decides networks on patches of the lattice, which differ in how they mix positions.
//!
//! x_q = σ_q W_e + b_e of the spins σ_q of a patch; layers mix positions, x ← x +
//! attention(LN1(x)), or by a window, and then channels, x ← x + gelu(LN2(·) A + a) B + b; in
//! the end z = LN0(Σ_q x_q), u = LNr(z R + r) + i LNi(z I + i) and ln ψ = Σ_c ln cosh u_c (L. L.
//! Viteritti, R. Rende, F. Becca, PRL 130, 236401 (2023)). After a norm |u_c − b_c| ≤ g_c √d:
//! ln ψ is bounded at any depth. All from the sum over q on is evaluated in double precision.

use super::{Architecture, DeepParts, LogCoshHead};
use crate::ansatz::{Meaning, ParameterGrowth, PhaseBlocks};
use crate::layers::{ActivationLayer, Composition, DepthwiseLayer, FirstValues, Nonlinearity};
use crate::layers::{LinearLayer, NormLayer, PatchGrid, PoolLayer, RowShape, WindowTable};
use crate::linalg::functions::Elementary;
use std::sync::Arc;

/// ε of all norms.
const EPSILON: f64 = 1e-6;

/// How positions are mixed.
pub(super) enum Mixing {
    /// By attention that depends on displacements, of so many heads.
    Attention(usize),
    /// By a depthwise convolution.
    Window(Arc<WindowTable>),
}

/// A network on patches.
pub(super) struct PatchNetwork {
    pub(super) grid: PatchGrid,
    /// Channels d.
    pub(super) width: usize,
    pub(super) layers: usize,
    /// Hidden units of the dense layers in units of d.
    pub(super) ratio: usize,
    /// Layer norms; false: root mean squares.
    pub(super) centred: bool,
    pub(super) complex: bool,
    pub(super) mixing: Mixing,
}

/// A dense layer with the first values of such networks.
fn dense<R: Elementary>(
    names: (&str, &str),
    positions: usize,
    (inputs, outputs): (usize, usize),
) -> LinearLayer<R> {
    let start = FirstValues::xavier(inputs, outputs);
    LinearLayer::dense(
        (names.0, Some(names.1)),
        positions,
        (inputs, outputs),
        start,
    )
}

impl PatchNetwork {
    fn norm<R: Elementary>(&self, name: &str) -> NormLayer<R> {
        NormLayer::new(name, self.width, self.centred, EPSILON)
    }

    /// Adds what mixes positions; the value behind it, and what the dense layers read.
    fn mix<R: Elementary>(
        &self,
        net: &mut Composition<R>,
        path: &str,
        x: usize,
        whole: &Arc<WindowTable>,
    ) -> (usize, usize) {
        let (n, d) = (self.grid.positions(), self.width);
        match &self.mixing {
            Mixing::Attention(heads) => {
                let start = FirstValues::xavier(*heads, n);
                let y = net.add(path, self.norm("n1"), x);
                let y = net.add(path, dense(("V", "v"), n, (d, d)), y);
                let attention = DepthwiseLayer::attention("J", whole.clone(), (d, *heads), start);
                let y = net.add(path, attention, y);
                let x = net.add_onto(x, path, dense(("W", "w"), n, (d, d)), y);
                (x, x)
            }
            Mixing::Window(window) => {
                let start = FirstValues::lecun(window.taps());
                let mix = DepthwiseLayer::convolution(("K", "k"), window.clone(), d, start);
                (x, net.add(path, mix, x))
            }
        }
    }

    fn trunk<R: Elementary>(&self) -> Composition<R> {
        let (n, d, inputs) = (self.grid.positions(), self.width, self.grid.inputs());
        let (hidden, whole) = (self.ratio * d, Arc::new(self.grid.whole()));
        let mut net = Composition::new(RowShape::plain(n, inputs));
        let mut x = net.add("embed.", dense(("W", "b"), n, (inputs, d)), 0);
        for l in 0..self.layers {
            let path = format!("{l}.");
            let (behind, y) = self.mix(&mut net, &path, x, &whole);
            let y = net.add(&path, self.norm("n2"), y);
            let y = net.add(&path, dense(("A", "a"), n, (d, hidden)), y);
            let y = net.add("", ActivationLayer::new(Nonlinearity::Gelu), y);
            x = net.add_onto(behind, &path, dense(("B", "b"), n, (hidden, d)), y);
        }
        net.give(vec![x]);
        net
    }

    fn top(&self) -> Composition<f64> {
        let (n, d) = (self.grid.positions(), self.width);
        let mut net = Composition::new(RowShape::padded(n, d));
        let z = net.add("", PoolLayer, 0);
        let z = net.add("head.", self.norm("n0"), z);
        let re = net.add("head.", dense(("R", "r"), 1, (d, d)), z);
        let im = (self.complex).then(|| net.add("head.", dense(("I", "i"), 1, (d, d)), z));
        let mut outputs = vec![net.add("head.", self.norm("n1"), re)];
        outputs.extend(im.map(|im| net.add("head.", self.norm("n2"), im)));
        net.give(outputs);
        net
    }
}

impl Architecture for PatchNetwork {
    fn count(&self) -> f64 {
        let [n, d, r] = [self.grid.positions(), self.width, self.ratio].map(|k| k as f64);
        let norm = if self.centred { 2.0 * d } else { d };
        let mixing = match &self.mixing {
            Mixing::Attention(heads) => norm + 2.0 * d * (d + 1.0) + *heads as f64 * n,
            Mixing::Window(window) => (window.taps() as f64 + 1.0) * d,
        };
        let layer = mixing + norm + 2.0 * r * d * d + (r + 1.0) * d;
        let halves = if self.complex { 2.0 } else { 1.0 };
        let head = norm + halves * (d * (d + 1.0) + norm);
        (self.grid.inputs() as f64 + 1.0) * d + self.layers as f64 * layer + head
    }
    fn growth(&self) -> ParameterGrowth {
        let phases = ["I", "i", "n2.g", "n2.b"].map(|name| format!("head.{name}"));
        ParameterGrowth {
            displacements: match self.mixing {
                Mixing::Attention(_) => Some(self.grid.extent()),
                Mixing::Window(_) => None,
            },
            ..ParameterGrowth::unchanged(match self.complex {
                true => PhaseBlocks::Named(phases.into()),
                false => PhaseBlocks::None,
            })
        }
        .meaning(match self.mixing {
            Mixing::Attention(_) => Meaning {
                kind: "vit",
                keys: vec![("norm", if self.centred { "layer" } else { "rms" }.into())],
                complex: self.complex,
            },
            Mixing::Window(_) => Meaning {
                kind: "convnext",
                keys: Vec::new(),
                complex: self.complex,
            },
        })
    }
    fn parts<R: Elementary>(&self) -> DeepParts<R> {
        let places: Vec<u32> = (0..self.width as u32).collect();
        let im = self.complex.then(|| places.clone());
        DeepParts {
            sites: self.grid.sites().to_vec(),
            trunk: self.trunk(),
            top: self.top(),
            head: Box::new(LogCoshHead::new(places, im, 1, 1.0)),
            complex: self.complex,
            positive: !self.complex,
        }
    }
}
