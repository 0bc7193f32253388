//! Decides how examples are kept: inputs as small as they are, targets as classes or numbers.

/// What a network sees, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkInputs {
    /// Spins ±1 of so many sites.
    Spins {
        /// Sites.
        width: usize,
        /// [row, site]
        values: Vec<i8>,
    },
    /// Numbers.
    Numbers {
        /// Numbers of a row.
        width: usize,
        /// [row, number]
        values: Vec<f64>,
    },
}

/// What it should say.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkTargets {
    /// One class of each row, with a weight; the mean weight of all rows is 1.
    Classes {
        /// Number of classes.
        count: usize,
        /// Class of each row.
        class: Vec<u32>,
        /// Weight of each row.
        weight: Vec<f64>,
    },
    /// Numbers, or weights of all classes, whose sum over a row is its weight.
    Numbers {
        /// Numbers of a row.
        width: usize,
        /// [row, number]
        values: Vec<f64>,
    },
}

/// Inputs with targets.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingSet {
    /// What a network sees.
    pub inputs: NetworkInputs,
    /// What it should say.
    pub targets: NetworkTargets,
}

impl NetworkInputs {
    /// Numbers of a row.
    pub fn width(&self) -> usize {
        match self {
            NetworkInputs::Spins { width, .. } | NetworkInputs::Numbers { width, .. } => *width,
        }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        let numbers = match self {
            NetworkInputs::Spins { values, .. } => values.len(),
            NetworkInputs::Numbers { values, .. } => values.len(),
        };
        numbers / self.width().max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the rows of these numbers below each other.
    pub(super) fn fill(&self, rows: impl Iterator<Item = usize>, out: &mut Vec<f64>) {
        out.clear();
        for r in rows {
            match self {
                NetworkInputs::Spins { width, values } => {
                    let row = &values[r * width..(r + 1) * width];
                    out.extend(row.iter().map(|s| f64::from(*s)));
                }
                NetworkInputs::Numbers { width, values } => {
                    out.extend_from_slice(&values[r * width..(r + 1) * width]);
                }
            }
        }
    }
}

impl NetworkTargets {
    /// Numbers of a row.
    pub fn width(&self) -> usize {
        match self {
            NetworkTargets::Classes { count, .. } => *count,
            NetworkTargets::Numbers { width, .. } => *width,
        }
    }

    /// Writes the rows of these numbers below each other.
    pub(super) fn fill(&self, rows: impl Iterator<Item = usize>, out: &mut Vec<f64>) {
        out.clear();
        for r in rows {
            match self {
                NetworkTargets::Classes {
                    count,
                    class,
                    weight,
                } => {
                    let start = out.len();
                    out.resize(start + count, 0.0);
                    out[start + class[r] as usize] = weight[r];
                }
                NetworkTargets::Numbers { width, values } => {
                    out.extend_from_slice(&values[r * width..(r + 1) * width]);
                }
            }
        }
    }
}
