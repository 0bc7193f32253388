//! Decides what stands at fixed places from each other on a square lattice: pairs at a
//! displacement, elementary squares.
//!
//! Site i = x + L_x y. Unlike bonds of a shell, a pair that a short period reaches in two ways
//! stands here twice.

use super::Lattice;
use crate::error::{Error, Result};

impl Lattice {
    /// Cells in x and y; an error that says that `what` exists on square lattices alone.
    pub fn square(&self, what: &str) -> Result<[usize; 2]> {
        match self.spec.kind.as_str() {
            "square" => Ok([self.size[0], self.size[1]]),
            other => Err(Error::input(
                "lattice.kind",
                format!("a {other} has no {what}"),
                "use kind = \"square\"",
            )),
        }
    }

    /// The sites row by row in alternating direction; `None` where there are no rows of sites in
    /// two directions.
    pub fn snake(&self) -> Option<Vec<usize>> {
        let [width, height, _] = self.extent();
        let column = |x: usize, y: usize| match y.is_multiple_of(2) {
            true => x,
            false => width - 1 - x,
        };
        let row = |y: usize| (0..width).map(move |x| column(x, y) + width * y);
        let rows = self.dimensions() == 2 && width * height == self.sites;
        rows.then(|| (0..height).flat_map(row).collect())
    }

    /// The site at (x, y) + `by`, where there is one.
    fn shifted(&self, x: usize, y: usize, by: [usize; 2]) -> Option<usize> {
        let place = |from: usize, by: usize, axis: usize| match self.periodic[axis] {
            true => Some((from + by) % self.size[axis]),
            false => Some(from + by).filter(|to| *to < self.size[axis]),
        };
        Some(place(x, by[0], 0)? + self.size[0] * place(y, by[1], 1)?)
    }

    /// The pairs (x, y), (x + a, y + b) of a square lattice.
    pub fn pairs_at(&self, by: [usize; 2]) -> Result<Vec<(usize, usize)>> {
        let [lx, ly] = self.square("pairs at a displacement")?;
        let all = (0..ly).flat_map(|y| (0..lx).map(move |x| (x, y)));
        let pair = |(x, y)| Some((x + lx * y, self.shifted(x, y, by)?));
        Ok(all.filter_map(pair).collect())
    }

    /// The elementary squares of a square lattice, each with (x, y), (x+1, y), (x, y+1), (x+1,
    /// y+1).
    pub fn squares(&self) -> Result<Vec<[usize; 4]>> {
        let [lx, ly] = self.square("elementary squares")?;
        let all = (0..ly).flat_map(|y| (0..lx).map(move |x| (x, y)));
        let square = |(x, y)| {
            let at = |by| self.shifted(x, y, by);
            Some([at([0, 0])?, at([1, 0])?, at([0, 1])?, at([1, 1])?])
        };
        Ok(all.filter_map(square).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::lattice::{Boundary, Lattice, LatticeSpec};

    #[test]
    fn squares_and_pairs_close_where_the_lattice_does() {
        let of = |boundary: Vec<Boundary>| {
            Lattice::new(&LatticeSpec::regular("square", &[4, 3], &boundary)).unwrap()
        };
        let closed = of(vec![Boundary::Periodic]);
        assert_eq!(closed.squares().unwrap().len(), 12);
        assert_eq!(closed.squares().unwrap()[11], [11, 8, 3, 0]);
        // Two steps along the side of 4 meet from both ends.
        let pairs = closed.pairs_at([2, 0]).unwrap();
        assert!(pairs.contains(&(0, 2)) && pairs.contains(&(2, 0)) && pairs.len() == 12);
        let half = of(vec![Boundary::Open, Boundary::Periodic]);
        assert_eq!(half.squares().unwrap().len(), 9);
        assert_eq!(half.pairs_at([1, 0]).unwrap().len(), 9);
        assert_eq!(of(vec![Boundary::Open]).squares().unwrap().len(), 6);
    }
}
