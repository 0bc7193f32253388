//! Decides which method `sr` means: stochastic reconfiguration with the cheaper matrix that fits,
//! or by conjugate gradients where neither does.

use super::{OptimizerEntry, Sizes, cg, dense_sr, kernel_sr};

/// The method that is cheapest and fits into `memory_per_rank` bytes, and why.
pub fn choose(sizes: &Sizes, memory_per_rank: f64) -> (&'static OptimizerEntry, String) {
    const MATRICES: [&OptimizerEntry; 2] = [&dense_sr::ENTRY, &kernel_sr::ENTRY];
    const WITHOUT: &OptimizerEntry = &cg::ENTRY;
    let candidates = MATRICES.map(|entry| {
        let cost = (entry.cost)(sizes, 0, 0);
        let order = cost.order.unwrap_or(0);
        let avoided = order > sizes.avoided_above && sizes.ranks > 1 && !sizes.is_shared_out(order);
        (entry, cost, !avoided && cost.memory <= memory_per_rank)
    });
    let words = candidates.map(|(entry, cost, _)| {
        format!(
            "{}: order {}, {:.1e} operations, {:.3} GB",
            entry.kind,
            cost.order.unwrap_or(0),
            cost.operations,
            cost.memory / 1e9
        )
    });
    let why = format!(
        "{} parameters, {} samples; {}",
        sizes.columns,
        sizes.samples,
        words.join("; ")
    );
    // Conjugate gradients need a shift.
    let best = candidates
        .iter()
        .filter(|c| c.2 || sizes.decomposed)
        .min_by(|a, b| a.1.operations.total_cmp(&b.1.operations));
    match best {
        Some((entry, ..)) => (entry, why),
        None => (
            WITHOUT,
            format!("{why}; neither fits, conjugate gradients need no matrix"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derivatives::Kind;

    fn sizes(columns: usize, samples: usize, ranks: usize) -> Sizes {
        let kind = Kind::Holomorphic;
        Sizes {
            kind,
            columns,
            samples,
            numbers: 300,
            single: false,
            ranks,
            diagonal: false,
            half_factorisations: 0.0,
            decomposed: false,
            shared_above: None,
            avoided_above: 8192,
        }
    }

    #[test]
    fn the_smaller_matrix_is_chosen_where_it_fits() {
        let chosen = |s: &Sizes, memory| choose(s, memory).0.kind;
        assert_eq!(chosen(&sizes(404, 1024, 1), 1e9), "dense-sr");
        assert_eq!(chosen(&sizes(20_300, 1024, 1), 1e9), "kernel-sr");
        assert_eq!(chosen(&sizes(20_300, 1024, 1), 1e6), "cg");
        assert_eq!(chosen(&sizes(20_300, 10_000, 4), 64e9), "cg");
        let able = Sizes {
            shared_above: Some(8192),
            ..sizes(20_300, 10_000, 4)
        };
        assert_eq!(chosen(&able, 64e9), "kernel-sr");
        let memory = |sizes: &Sizes| (kernel_sr::ENTRY.cost)(sizes, 0, 0).memory;
        assert!(memory(&able) < memory(&sizes(20_300, 10_000, 4)));
    }
}
