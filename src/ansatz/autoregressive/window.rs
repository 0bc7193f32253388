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
    /// What is wrong with a window of which a part lies beyond so many sites for each of them, and
    /// what to do: its weights would never count.
    pub(super) fn beyond(self, sites: usize) -> Option<(String, String)> {
        match self {
            Window::Chain(kernel) if kernel > sites => Some((
                format!("{kernel} positions, and the path has {sites}"),
                format!("give at most {sites}"),
            )),
            Window::Square {
                rows,
                columns,
                length,
            } => {
                let (high, wide) = (sites / length, 2 * length - 1);
                (rows > high || columns > wide).then(|| {
                    (
                        format!("{rows} rows and {columns} columns, on {high} rows of {length}"),
                        format!("give at most {high} rows and {wide} columns"),
                    )
                })
            }
            _ => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_weights_of_a_window_count_somewhere() {
        let counts = |window: Window, sites: usize| {
            let own = [false, true];
            own.iter().all(|&own| {
                let sees = |t: usize| (0..sites).any(|i| window.source(i, t, own).is_some());
                (0..window.taps(own)).all(sees)
            })
        };
        for kernel in 2..9 {
            let window = Window::Chain(kernel);
            assert_eq!(counts(window, 5), window.beyond(5).is_none(), "{kernel}");
        }
        for (rows, columns) in (1..6).flat_map(|r| (2..9).map(move |c| (r, c))) {
            let window = Window::Square {
                rows,
                columns,
                length: 3,
            };
            let fits = window.beyond(12).is_none();
            assert_eq!(counts(window, 12), fits, "{rows} {columns}");
        }
    }
}
