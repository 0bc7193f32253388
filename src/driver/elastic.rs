//! Decides how the chains of a checkpoint become those of a run with another number of them.
//!
//! Of fewer chains: the first ones. Of more: chain c starts where chain c mod n stood, and because
//! copies are not independent at first, all chains burn in (100 sweeps) before the next sample;
//! each draws from its own random stream.

/// Configurations of `wanted` chains from those of a checkpoint, row by row; they stay as they are
/// where the number is the same.
pub fn fit(states: Vec<i8>, sites: usize, wanted: usize) -> Vec<i8> {
    let row = sites.max(1);
    let there = states.len() / row;
    if there == wanted || there == 0 {
        return states;
    }
    (0..wanted)
        .flat_map(|c| states[(c % there) * row..][..row].iter().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn the_first_stay_and_more_are_copies() {
        let three = vec![1, 1, -1, 1, -1, -1];
        assert_eq!(fit(three.clone(), 2, 3), three);
        assert_eq!(fit(three.clone(), 2, 2), [1, 1, -1, 1]);
        assert_eq!(fit(three.clone(), 2, 5), [1, 1, -1, 1, -1, -1, 1, 1, -1, 1]);
        assert!(fit(Vec::new(), 2, 5).is_empty());
    }
}
