//! Decides which positions a position of a layered network looks at, and in which order.

/// Which positions a position looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// All before, with weights of its own.
    All,
    /// As many neighbouring ones along the path.
    Chain(usize),
    /// Rows and columns of a window on a square lattice, whose rows have a length.
    Square {
        /// Rows, the own one included.
        rows: usize,
        /// Columns of the rows above.
        columns: usize,
        /// Length of a row of the lattice.
        length: usize,
    },
}

impl Window {
    /// Taps of a layer.
    pub(super) fn taps(self, own: bool) -> usize {
        match self {
            Window::All => 0,
            Window::Chain(kernel) => kernel - usize::from(!own),
            Window::Square { rows, columns, .. } => {
                (rows - 1) * columns + columns / 2 + usize::from(own)
            }
        }
    }
    /// The position that tap `t` of position `i` looks at.
    pub(super) fn source(self, i: usize, t: usize, own: bool) -> Option<usize> {
        match self {
            Window::All => Some(t),
            Window::Chain(_) => {
                let back = self.taps(own) - 1 - t + usize::from(!own);
                i.checked_sub(back)
            }
            Window::Square {
                rows,
                columns,
                length,
            } => {
                let (up, right) = (rows - 1 - t / columns, t % columns);
                let x = (i % length + right).checked_sub(columns / 2)?;
                (x < length).then_some(x + length * (i / length).checked_sub(up)?)
            }
        }
    }
}
