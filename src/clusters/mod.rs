//! Decides what updates of clusters share: many random words at once, thresholds of probabilities,
//! and clusters as trees of labels.
//!
//! Union and find with paths that are halved (R. E. Tarjan, J. van Leeuwen, J. ACM 31, 245 (1984)).

mod words;

pub use words::{WIDTH, WordRow, Words, next_row};

/// 2³² times a probability, to compare with 32 random bits: below it with this probability, to
/// 2⁻³².
pub fn threshold(probability: f64) -> u32 {
    (probability * 4_294_967_296.0) as u32
}

/// The smallest label of a cluster. Each label points at a smaller one of its cluster or at itself;
/// ways become shorter.
#[inline]
pub fn root(parents: &mut [u32], mut label: u32) -> u32 {
    while parents[label as usize] != label {
        let above = parents[parents[label as usize] as usize];
        parents[label as usize] = above;
        label = above;
    }
    label
}

/// Makes one cluster of those of two labels; its smallest label.
#[inline]
pub fn join(parents: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (root(parents, a), root(parents, b));
    let smallest = a.min(b);
    parents[a.max(b) as usize] = smallest;
    smallest
}

/// Lets every label point at the smallest of its cluster.
pub fn flatten(parents: &mut [u32]) {
    for label in 0..parents.len() {
        // All labels before point at their roots.
        parents[label] = parents[parents[label] as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_have_their_smallest_label() {
        let mut parents: Vec<u32> = (0..8).collect();
        for (a, b) in [(7, 3), (5, 7), (0, 6), (4, 5)] {
            join(&mut parents, a, b);
        }
        assert_eq!(root(&mut parents.clone(), 4), 3);
        flatten(&mut parents);
        assert_eq!(parents, [0, 1, 2, 3, 3, 3, 0, 3]);
        assert_eq!((threshold(0.5), threshold(1.0)), (1 << 31, u32::MAX));
    }
}
