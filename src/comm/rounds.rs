//! Decides how pieces of different lengths are cut into rounds of messages whose counts and
//! displacements fit into 32-bit integers.
//!
//! Round k takes the elements k w, …, (k + 1) w − 1 of every piece.

use std::ops::Range;

/// Partial sums, from 0, one more than there are lengths.
pub(super) fn running(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut starts = vec![0];
    let mut total = 0;
    for length in lengths {
        total += length;
        starts.push(total);
    }
    starts
}

/// How many of `length` elements belong to this round.
fn in_round(length: usize, round: usize, window: usize) -> i32 {
    length.saturating_sub(round * window).min(window) as i32
}

/// The elements that belong to this round.
pub(super) fn slice_of<T>(values: &[T], round: usize, window: usize) -> &[T] {
    let start = (round * window).min(values.len());
    &values[start..(start + window).min(values.len())]
}

/// What a round holds of pieces of several ranks, one after the other.
pub(super) struct Round {
    /// Elements of each piece.
    pub counts: Vec<i32>,
    /// Where each begins.
    pub places: Vec<i32>,
}

impl Round {
    /// Of pieces of these lengths.
    pub(super) fn of(lengths: impl Iterator<Item = usize>, round: usize, window: usize) -> Self {
        let counts: Vec<i32> = lengths.map(|l| in_round(l, round, window)).collect();
        let places = running(counts.iter().map(|&c| c as usize));
        let places = places[..counts.len()].iter().map(|&p| p as i32).collect();
        Round { counts, places }
    }
    /// Elements in all.
    pub(super) fn total(&self) -> usize {
        self.counts.iter().map(|&c| c as usize).sum()
    }
    /// Where the elements of each piece stand.
    pub(super) fn parts(&self) -> impl Iterator<Item = Range<usize>> {
        let part = |(&from, &count): (&i32, &i32)| from as usize..(from + count) as usize;
        self.places.iter().zip(&self.counts).map(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_cover_everything_once() {
        for (length, window) in [(0, 3), (1, 3), (3, 3), (10, 3)] {
            let values: Vec<usize> = (0..length).collect();
            let rounds = length.div_ceil(window);
            let joined: Vec<usize> = (0..rounds)
                .flat_map(|k| slice_of(&values, k, window).to_vec())
                .collect();
            assert_eq!(joined, values);
            assert!((0..rounds).all(
                |k| slice_of(&values, k, window).len() == in_round(length, k, window) as usize
            ));
        }
        let round = Round::of([5, 3, 9].into_iter(), 1, 3);
        assert_eq!((round.counts.clone(), round.total()), (vec![2, 0, 3], 5));
        assert_eq!(round.parts().collect::<Vec<_>>(), [0..2, 2..2, 2..5]);
    }
}
