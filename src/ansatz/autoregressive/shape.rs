//! Decides the sizes of a transformer, and where its intermediate results stand.

/// Sizes of a transformer.
#[derive(Debug, Clone, Copy)]
pub struct TransformerShape {
    /// Positions.
    pub positions: usize,
    /// Features of a position.
    pub width: usize,
    /// Heads of the attention; they divide the width.
    pub heads: usize,
    /// Layers.
    pub layers: usize,
    /// Units between A and B in units of the width.
    pub ratio: usize,
}

/// Rows of what a layer does at one position, in the order in which they are found.
#[derive(Debug, Clone, Copy)]
pub(super) struct StripRows {
    pub(super) normed: usize,
    pub(super) queries: usize,
    pub(super) weights: usize,
    pub(super) attended: usize,
    pub(super) mixed: usize,
    pub(super) middle: usize,
    pub(super) again: usize,
    pub(super) wide: usize,
    pub(super) bent: usize,
    pub(super) narrow: usize,
    pub(super) end: usize,
}

/// Rows of the derivatives by the outputs of the linear maps of a layer at one position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signals {
    pub(super) wide: usize,
    pub(super) middle: usize,
    pub(super) queries: usize,
    pub(super) end: usize,
}

impl TransformerShape {
    pub(super) fn strip(&self) -> StripRows {
        let (d, wide) = (self.width, self.width * self.ratio);
        let weights = 5 * d;
        let attended = weights + self.heads * self.positions;
        StripRows {
            normed: d,
            queries: 2 * d,
            weights,
            attended,
            mixed: attended + d,
            middle: attended + 2 * d,
            again: attended + 3 * d,
            wide: attended + 4 * d,
            bent: attended + 4 * d + wide,
            narrow: attended + 4 * d + 2 * wide,
            end: attended + 5 * d + 2 * wide,
        }
    }
    pub(super) fn signals(&self) -> Signals {
        let (d, wide) = (self.width, self.width * self.ratio);
        Signals {
            wide: d,
            middle: d + wide,
            queries: 2 * d + wide,
            end: 5 * d + wide,
        }
    }
    /// Number of parameters, as a real number that cannot overflow.
    pub fn count(&self, outputs: usize) -> f64 {
        let [n, d, l, r] = [self.positions, self.width, self.layers, self.ratio].map(|x| x as f64);
        let layer = d * d * (4.0 + 2.0 * r) + d * (9.0 + r);
        (3.0 + n) * d + l * layer + 2.0 * d + outputs as f64 * (d + 1.0)
    }
}
