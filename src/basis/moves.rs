//! Decides what a move is, and how questions about moves are kept: sites that change, with their
//! new values.

/// Sites that change and their new values, one per site. An empty move changes nothing.
///
/// Where every site has two values, a value that changes is the other one: the sites say all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<'a> {
    /// The sites, each once.
    pub sites: &'a [u32],
    /// Their new values.
    pub values: &'a [i8],
}

impl Move<'_> {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// Makes the move in the row `x`.
    #[inline(always)]
    pub fn apply(&self, x: &mut [i8]) {
        for (&site, &value) in self.sites.iter().zip(self.values) {
            x[site as usize] = value;
        }
    }

    /// The row after the move.
    pub fn applied(&self, x: &[i8]) -> Vec<i8> {
        let mut x = x.to_vec();
        self.apply(&mut x);
        x
    }

    /// The value of a site after the move from `x`.
    pub fn value(&self, x: &[i8], site: u32) -> i8 {
        let changed = self.sites.iter().position(|&s| s == site);
        changed.map_or(x[site as usize], |k| self.values[k])
    }
}

/// Moves that are being written, one behind the other; one alone between two calls of
/// [`Step::clear`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    sites: Vec<u32>,
    values: Vec<i8>,
}

impl Step {
    /// Forgets the move and keeps the memory.
    pub fn clear(&mut self) {
        self.sites.clear();
        self.values.clear();
    }

    /// Adds a site and its new value.
    #[inline]
    pub fn set(&mut self, site: u32, value: i8) {
        self.sites.push(site);
        self.values.push(value);
    }

    /// Adds two sites and their new values.
    #[inline]
    pub fn set_two(&mut self, sites: [u32; 2], values: [i8; 2]) {
        self.sites.extend_from_slice(&sites);
        self.values.extend_from_slice(&values);
    }

    /// All that was written since the last [`Step::clear`], as one move.
    pub fn get(&self) -> Move<'_> {
        Move {
            sites: &self.sites,
            values: &self.values,
        }
    }
}

/// Any number of questions (walker, move), stored flat.
#[derive(Debug, Clone, Default)]
pub struct Asks {
    walkers: Vec<u32>,
    ends: Vec<u32>,
    moves: Step,
}

impl Asks {
    /// Forgets all questions and keeps the memory.
    pub fn clear(&mut self) {
        self.walkers.clear();
        self.ends.clear();
        self.moves.clear();
    }
    /// Makes room for as many questions, of as many sites in total.
    pub fn reserve(&mut self, questions: usize, sites: usize) {
        self.walkers.reserve(questions);
        self.ends.reserve(questions);
        self.moves.sites.reserve(sites);
        self.moves.values.reserve(sites);
    }
    /// Asks for walker `walker` after the move that `write` adds, and returns what it returns.
    /// Nothing is asked where that is `None`.
    #[inline]
    pub fn write<T>(
        &mut self,
        walker: usize,
        write: impl FnOnce(&mut Step) -> Option<T>,
    ) -> Option<T> {
        let start = self.moves.sites.len();
        let written = write(&mut self.moves);
        if written.is_some() {
            self.walkers.push(walker as u32);
            self.ends.push(self.moves.sites.len() as u32);
        } else {
            self.moves.sites.truncate(start);
            self.moves.values.truncate(start);
        }
        written
    }
    /// Asks for walker `walker` after a move.
    #[inline]
    pub fn push(&mut self, walker: usize, step: Move) {
        self.walkers.push(walker as u32);
        self.moves.sites.extend_from_slice(step.sites);
        self.moves.values.extend_from_slice(step.values);
        self.ends.push(self.moves.sites.len() as u32);
    }
    /// As [`Asks::push`] with the sites given as numbers `changed` into a list `sites`.
    #[inline]
    pub fn push_on(&mut self, walker: usize, sites: &[u32], changed: &[u32], values: &[i8]) {
        self.walkers.push(walker as u32);
        self.moves
            .sites
            .extend(changed.iter().map(|&k| sites[k as usize]));
        self.moves.values.extend_from_slice(values);
        self.ends.push(self.moves.sites.len() as u32);
    }
    /// Forgets all questions from number `count` on.
    pub fn truncate(&mut self, count: usize) {
        let end = count.checked_sub(1).map_or(0, |k| self.ends[k] as usize);
        self.walkers.truncate(count);
        self.ends.truncate(count);
        self.moves.sites.truncate(end);
        self.moves.values.truncate(end);
    }
    /// Asks for walker `walker`, whose spins are `x`, with the spins on `sites` flipped.
    #[inline]
    pub fn flip(&mut self, walker: usize, x: &[i8], sites: &[u32]) {
        let moves = &mut self.moves;
        // One and two spins without a loop: this is most of what it costs to find them.
        match *sites {
            [i] => moves.set(i, -x[i as usize]),
            [i, j] => moves.set_two([i, j], [-x[i as usize], -x[j as usize]]),
            _ => sites.iter().for_each(|&s| moves.set(s, -x[s as usize])),
        }
        self.walkers.push(walker as u32);
        self.ends.push(moves.sites.len() as u32);
    }
    /// Number of questions.
    pub fn len(&self) -> usize {
        self.walkers.len()
    }
    /// Whether there is no question.
    pub fn is_empty(&self) -> bool {
        self.walkers.is_empty()
    }
    /// Question `k`: the walker and its move.
    #[inline(always)]
    pub fn get(&self, k: usize) -> (usize, Move<'_>) {
        let start = if k == 0 { 0 } else { self.ends[k - 1] as usize };
        let range = start..self.ends[k] as usize;
        let (sites, values) = (&self.moves.sites[range.clone()], &self.moves.values[range]);
        (self.walkers[k] as usize, Move { sites, values })
    }
    /// All questions in order.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Move<'_>)> {
        (0..self.len()).map(|k| self.get(k))
    }
    /// The questions that are `taken`, in order.
    pub fn taken<'a>(&'a self, taken: &'a [bool]) -> impl Iterator<Item = (usize, Move<'a>)> {
        let chosen = taken.iter().enumerate().filter(|(_, taken)| **taken);
        chosen.map(|(k, _)| self.get(k))
    }
}
