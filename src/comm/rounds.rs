//! Decides how pieces of different lengths are cut into rounds of messages whose counts and
//! displacements fit into 32-bit integers.
//!
//! Round k takes the elements k w, …, (k + 1) w − 1 of every piece.

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
pub(super) fn in_round(length: usize, round: usize, window: usize) -> i32 {
    length.saturating_sub(round * window).min(window) as i32
}

/// The elements that belong to this round.
pub(super) fn slice_of<T>(values: &[T], round: usize, window: usize) -> &[T] {
    let start = (round * window).min(values.len());
    &values[start..(start + window).min(values.len())]
}

/// Where each part begins when parts of these lengths stand one after the other.
pub(super) fn displacements(counts: &[i32]) -> Vec<i32> {
    counts
        .iter()
        .scan(0, |end, count| {
            *end += count;
            Some(*end - count)
        })
        .collect()
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
        assert_eq!(displacements(&[2, 0, 5]), [0, 2, 2]);
    }
}
