//! Decides which clusters of world lines turn that end at the start of the ket.
//!
//! In a sector the orientations are drawn uniformly among those whose magnetisations at the start
//! add up to that of the sector: clusters without one turn freely. With magnetisations ±1 these are
//! all choices of as many clusters up as are needed; else cluster k is drawn with the number of
//! ways in which those before it give the rest.

use super::circuit::Start;
use crate::clusters::Words;

/// Clusters at the start of the ket.
#[derive(Debug, Clone)]
pub(super) struct Orientations {
    /// Σ σᶻ of the sector, at the start; none where all are allowed.
    total: Option<i32>,
    /// Σ σᶻ of each cluster at the start, by its root.
    nets: Vec<i32>,
    turns: Vec<Option<bool>>,
    /// Clusters with a magnetisation.
    charged: Vec<u32>,
    /// Probabilities of each sum of the first clusters, drawn freely.
    ways: Vec<f64>,
}

impl Orientations {
    pub fn new(sites: usize, start: Start) -> Self {
        Orientations {
            total: match start {
                Start::Uniform => None,
                Start::Sector { up } => Some(2 * up as i32 - sites as i32),
            },
            nets: vec![0; sites],
            turns: vec![None; sites],
            charged: Vec::new(),
            ways: Vec::new(),
        }
    }

    /// Whether the clusters with the labels below N turn; none where that is free. `roots` are
    /// those of all sites at the start, where the spins are `bottom`.
    pub fn draw(
        &mut self,
        roots: impl Iterator<Item = u32>,
        bottom: &[i8],
        rng: &mut Words,
    ) -> &[Option<bool>] {
        self.turns.fill(None);
        let Some(total) = self.total else {
            return &self.turns;
        };
        self.nets.fill(0);
        for (root, spin) in roots.zip(bottom) {
            self.nets[root as usize] += i32::from(*spin);
        }
        self.charged.clear();
        let charged = (0..self.nets.len() as u32).filter(|k| self.nets[*k as usize] != 0);
        self.charged.extend(charged);
        match self.nets.iter().all(|net| net.abs() <= 1) {
            true => self.choose(total, rng),
            false => self.count(total, rng),
        }
        &self.turns
    }

    /// Clusters of ±1.
    fn choose(&mut self, total: i32, rng: &mut Words) {
        let mut left = self.charged.len();
        let mut up = (left as i32 + total) as usize / 2;
        for cluster in &self.charged {
            let is_up = rng.below(left) < up;
            left -= 1;
            up -= usize::from(is_up);
            let net = self.nets[*cluster as usize];
            self.turns[*cluster as usize] = Some(is_up != (net > 0));
        }
    }

    /// Clusters of any magnetisation.
    fn count(&mut self, total: i32, rng: &mut Words) {
        let reach = self.nets.len() as i32;
        let row = 2 * reach as usize + 1;
        self.ways.clear();
        self.ways.resize((self.charged.len() + 1) * row, 0.0);
        self.ways[reach as usize] = 1.0;
        let place = |sum: i32| (sum.abs() <= reach).then_some((sum + reach) as usize);
        for (k, cluster) in self.charged.iter().enumerate() {
            let net = self.nets[*cluster as usize];
            let (before, own) = self.ways.split_at_mut((k + 1) * row);
            let before = &before[k * row..];
            for sum in -reach..=reach {
                let ways = |sum: i32| place(sum).map_or(0.0, |at| before[at]);
                own[(sum + reach) as usize] = 0.5 * (ways(sum - net) + ways(sum + net));
            }
        }
        let mut rest = total;
        for (k, cluster) in self.charged.iter().enumerate().rev() {
            let net = self.nets[*cluster as usize];
            let ways = |sum: i32| place(sum).map_or(0.0, |at| self.ways[k * row + at]);
            let (stays, turns) = (ways(rest - net), ways(rest + net));
            let turned = rng.unit() * (stays + turns) >= stays;
            rest -= if turned { -net } else { net };
            self.turns[*cluster as usize] = Some(turned);
        }
    }
}
