//! Decides what clusters say of ⟨σˣ⟩ at the visible slice.
//!
//! The spin of site i stands at the end of the ket and at the end of the bra, tied to itself. With
//! σˣ_i between ket and bra both are antiparallel instead. For given joined pairs that leaves as
//! many orientations where the tie is a bridge, the only way from one part A of its cluster to the
//! other part B, and none elsewhere; with the sums P = Σ z s of the fields of the parts
//! ```text
//! ⟨σˣ_i⟩ = ⟨ [i is a bridge] cosh(P_A − P_B)/cosh(P_A + P_B) ⟩
//! ```
//! Pairs must not compete: where a ring of them cannot all be satisfied, joined pairs fit the
//! antiparallel tie that fit no configuration without it.
//!
//! Bridges by depth first search (R. Tarjan, Inform. Process. Lett. 2, 160 (1974)).

use crate::clusters::{join, root};

/// The clusters of ket and bra that the visible sites tie.
#[derive(Debug, Clone)]
pub(super) struct Bridges {
    /// Cluster of the ket and cluster of the bra of each site, numbers below 2 N.
    ties: Vec<[u32; 2]>,
    /// Σ z s of each cluster.
    pulls: Vec<f64>,
    /// Labels of clusters in order.
    known: Vec<u32>,
    /// Where the ties of a cluster begin in `around`.
    starts: Vec<u32>,
    around: Vec<u32>,
    search: Vec<Visit>,
    waiting: Vec<u32>,
}

/// What the search knows of a cluster.
#[derive(Debug, Clone, Copy, Default)]
struct Visit {
    /// Its number in the order of the search, from 1; 0 before.
    order: u32,
    /// The lowest number that ties of its subtree reach.
    low: u32,
    /// The tie by which it was reached.
    by: u32,
    /// The next of its ties that is looked at.
    next: u32,
    /// Σ z s of its subtree.
    pull: f64,
    /// The first cluster of its tree.
    tree: u32,
}

/// cosh(a − b)/cosh(a + b) without overflow.
fn ratio(a: f64, b: f64) -> f64 {
    let (d, s) = ((a - b).abs(), (a + b).abs());
    (d - s).exp() * (1.0 + (-2.0 * d).exp()) / (1.0 + (-2.0 * s).exp())
}

impl Bridges {
    pub fn new(sites: usize) -> Self {
        Bridges {
            ties: vec![[0; 2]; sites],
            pulls: vec![0.0; 2 * sites],
            known: Vec::with_capacity(2 * sites),
            starts: vec![0; 2 * sites + 1],
            around: vec![0; 2 * sites],
            search: vec![Visit::default(); 2 * sites],
            waiting: Vec::with_capacity(2 * sites),
        }
    }

    /// Keeps the clusters of both halves with their pulls, and joins them.
    pub fn take(&mut self, ket: &[u32], bra: &[u32], pulls: &[f64], parents: &mut [u32]) {
        self.known.clear();
        for ((tie, ket), bra) in self.ties.iter_mut().zip(ket).zip(bra) {
            *tie = [root(parents, *ket), root(parents, *bra)];
            self.known.extend(*tie);
        }
        self.known.sort_unstable();
        self.known.dedup();
        for (own, label) in self.pulls.iter_mut().zip(&self.known) {
            *own = pulls.get(*label as usize).copied().unwrap_or(0.0);
        }
        for tie in &mut self.ties {
            join(parents, tie[0], tie[1]);
            // All labels are known.
            *tie = tie.map(|label| self.known.partition_point(|k| *k < label) as u32);
        }
    }

    /// Lists the ties of each cluster.
    fn list(&mut self) {
        self.starts.fill(0);
        for cluster in self.ties.iter().flatten() {
            self.starts[*cluster as usize + 1] += 1;
        }
        for k in 1..self.starts.len() {
            self.starts[k] += self.starts[k - 1];
        }
        for (visit, start) in self.search.iter_mut().zip(&self.starts) {
            *visit = Visit {
                next: *start,
                ..Visit::default()
            };
        }
        for (site, tie) in self.ties.iter().enumerate() {
            for cluster in tie {
                let next = &mut self.search[*cluster as usize].next;
                self.around[*next as usize] = site as u32;
                *next += 1;
            }
        }
    }

    /// Searches the tree of clusters from `first`; the last number that was given.
    fn search_from(&mut self, first: u32, mut order: u32) -> u32 {
        let enter = |search: &mut [Visit], pulls: &[f64], start: u32, cluster: u32, by, order| {
            search[cluster as usize] = Visit {
                order,
                low: order,
                by,
                next: start,
                pull: pulls[cluster as usize],
                tree: first,
            };
        };
        order += 1;
        let start = self.starts[first as usize];
        enter(&mut self.search, &self.pulls, start, first, u32::MAX, order);
        self.waiting.push(first);
        while let Some(&cluster) = self.waiting.last() {
            let at = cluster as usize;
            let visit = self.search[at];
            if visit.next < self.starts[at + 1] {
                self.search[at].next += 1;
                let tie = self.around[visit.next as usize];
                let [a, b] = self.ties[tie as usize];
                let other = if a == cluster { b } else { a };
                let seen = self.search[other as usize].order;
                if seen == 0 {
                    order += 1;
                    let start = self.starts[other as usize];
                    enter(&mut self.search, &self.pulls, start, other, tie, order);
                    self.waiting.push(other);
                } else if tie != visit.by {
                    self.search[at].low = visit.low.min(seen);
                }
                continue;
            }
            self.waiting.pop();
            if let Some(&above) = self.waiting.last() {
                let above = &mut self.search[above as usize];
                above.low = above.low.min(visit.low);
                above.pull += visit.pull;
            }
        }
        order
    }

    /// Writes the estimate of σˣ of each site, whose mean is ⟨σˣ⟩.
    pub fn flips(&mut self, out: &mut [f64]) {
        self.list();
        let mut order = 0;
        for cluster in 0..self.known.len() as u32 {
            if self.search[cluster as usize].order == 0 {
                order = self.search_from(cluster, order);
            }
        }
        out.fill(0.0);
        for visit in &self.search[..self.known.len()] {
            if visit.by != u32::MAX && visit.low == visit.order {
                let whole = self.search[visit.tree as usize].pull;
                out[visit.by as usize] = ratio(visit.pull, whole - visit.pull);
            }
        }
    }
}
