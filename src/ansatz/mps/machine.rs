//! Decides how a restricted Boltzmann machine becomes an open matrix product state, exactly.
//!
//! A hidden unit is seen by the sites from the first to the last that it is coupled to. A bond
//! carries the values ±1 of all units that are seen on both of its sides, so that A_i^σ[α, β] =
//! e^{a_i σ} times, for each unit seen by site i: δ_{αβ} e^{W σ α} where it goes on,
//! e^{(b + W σ) β} where it starts, e^{W σ α} where it ends and 2 cosh(b + W σ) where it does both
//! (J. Chen et al., PRB 97, 085104 (2018)). Orthogonal factors are split off from the left, so that
//! a bond never has more numbers than there are states on its left.

use super::{ProductShape, Tensors};
use crate::ansatz::Block;
use crate::ansatz::block::split;
use crate::basis::Local;
use crate::error::{Error, Result};
use crate::linalg::dense::Lapack;
use ndarray::Array2;
use num_complex::Complex64;

/// Biases and couplings of a machine without a symmetry.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineCouplings {
    /// Visible biases.
    pub a: Vec<Complex64>,
    /// Hidden biases.
    pub b: Vec<Complex64>,
    /// Weights, visible × hidden.
    pub w: Array2<Complex64>,
}

/// What a site does with a unit.
#[derive(Clone, Copy)]
enum Role {
    Starts,
    GoesOn,
    Ends,
    Alone,
}

impl MachineCouplings {
    /// From the parameters of a wave function of `sites` sites; `None` where its blocks are not
    /// a, b and W of such a machine.
    pub fn of(layout: &[Block], parameters: &[f64], sites: usize) -> Option<Self> {
        let mut found = std::collections::BTreeMap::new();
        for (block, own) in split(layout, parameters)? {
            let numbers = block.array(own).complex();
            found.insert(block.name.as_str(), (block.shape.clone(), numbers));
        }
        let (shape, w) = found.remove("W")?;
        let [n, m] = *shape.as_slice() else {
            return None;
        };
        let mut bias = |name: &str, length: usize| match found.remove(name) {
            None => Some(vec![Complex64::ZERO; length]),
            Some((shape, numbers)) => (shape == [length]).then_some(numbers),
        };
        let (a, b) = (bias("a", n)?, bias("b", m)?);
        let w = Array2::from_shape_vec((n, m), w).ok()?;
        (n == sites && found.is_empty()).then_some(MachineCouplings { a, b, w })
    }

    fn sites(&self) -> usize {
        self.a.len()
    }

    /// First and last site that see a unit; `None` for a unit without weights, a constant.
    fn window(&self, j: usize) -> Option<(usize, usize)> {
        let mut seen = (0..self.sites()).filter(|&i| self.w[(i, j)] != Complex64::ZERO);
        let first = seen.next()?;
        Some((first, seen.next_back().unwrap_or(first)))
    }

    /// The units that the bond behind site `i` carries.
    fn straddling(&self, i: usize) -> Vec<usize> {
        let open = |j: &usize| self.window(*j).is_some_and(|(l, r)| l <= i && i < r);
        (0..self.b.len()).filter(open).collect()
    }

    /// Bond dimensions of the N − 1 cuts before anything is left out, as real numbers: they may
    /// be large.
    pub fn bond_dimensions(&self) -> Vec<f64> {
        let bond = |i| 2f64.powi(self.straddling(i).len() as i32);
        (0..self.sites().saturating_sub(1)).map(bond).collect()
    }

    /// The units that site `i` sees, with their roles and bits among those of the bond before it
    /// and of the bond behind it.
    fn seen(&self, i: usize) -> Vec<(usize, Role, usize, usize)> {
        let before = if i > 0 {
            self.straddling(i - 1)
        } else {
            Vec::new()
        };
        let behind = self.straddling(i);
        let bit = |list: &[usize], j| list.iter().position(|&k| k == j);
        let role = |j: usize| {
            let (left, right) = (bit(&before, j), bit(&behind, j));
            let role = match (left, right) {
                (Some(_), Some(_)) => Role::GoesOn,
                (Some(_), None) => Role::Ends,
                (None, Some(_)) => Role::Starts,
                (None, None) if self.window(j) == Some((i, i)) => Role::Alone,
                (None, None) => return None,
            };
            Some((j, role, left.unwrap_or(0), right.unwrap_or(0)))
        };
        (0..self.b.len()).filter_map(role).collect()
    }

    /// The rows `carried` of the bond before site `i`, each of `width` numbers, taken over the
    /// site with spin `spin`: rows of the bond behind it.
    fn pass(&self, i: usize, spin: f64, carried: &[Complex64], width: usize) -> Vec<Complex64> {
        let seen = self.seen(i);
        let value = |tuple: usize, bit: usize| if tuple >> bit & 1 == 0 { 1.0 } else { -1.0 };
        let starting: Vec<_> = (seen.iter())
            .filter(|(_, role, ..)| matches!(role, Role::Starts))
            .collect();
        let mut out = vec![Complex64::ZERO; width << self.straddling(i).len()];
        for (alpha, row) in carried.chunks_exact(width).enumerate() {
            let (mut log, mut factor, mut fixed) = (self.a[i] * spin, Complex64::ONE, 0);
            for &(j, role, left, right) in &seen {
                let field = self.w[(i, j)] * spin;
                match role {
                    Role::GoesOn => {
                        log += field * value(alpha, left);
                        fixed |= (alpha >> left & 1) << right;
                    }
                    Role::Ends => log += field * value(alpha, left),
                    Role::Alone => factor *= (self.b[j] + field).cosh() * 2.0,
                    Role::Starts => {}
                }
            }
            for choice in 0..1usize << starting.len() {
                let (mut beta, mut log) = (fixed, log);
                for (k, &&(j, _, _, right)) in starting.iter().enumerate() {
                    let bit = choice >> k & 1;
                    beta |= bit << right;
                    log += (self.b[j] + self.w[(i, j)] * spin) * if bit == 0 { 1.0 } else { -1.0 };
                }
                let factor = factor * log.exp();
                let out = &mut out[beta * width..(beta + 1) * width];
                out.iter_mut()
                    .zip(row)
                    .for_each(|(out, x)| *out += factor * x);
            }
        }
        out
    }

    /// The machine as an open state of spins one half, ψ up to a positive factor.
    ///
    /// Errors: [`Error::Numerical`] where numbers leave their range.
    pub fn product(&self, local: Local) -> Result<Tensors<Complex64>> {
        let n = self.sites();
        let (mut bonds, mut numbers) = (vec![1], Vec::new());
        let constants = (0..self.b.len()).filter(|&j| self.window(j).is_none());
        let constant: Complex64 = constants.map(|j| self.b[j].cosh()).product();
        let mut carried = vec![constant / constant.norm()];
        for i in 0..n {
            let width = bonds[i];
            let up = self.pass(i, 1.0, &carried, width);
            let down = self.pass(i, -1.0, &carried, width);
            let columns = up.len() / width;
            // Rows (spin, what was carried), columns the bond.
            let mut both = Array2::from_elem((2 * width, columns), Complex64::ZERO);
            for (s, part) in [up, down].iter().enumerate() {
                for (b, row) in part.chunks_exact(width).enumerate() {
                    (row.iter().enumerate()).for_each(|(a, &x)| both[(s * width + a, b)] = x);
                }
            }
            let largest = both.iter().fold(0.0, |m: f64, z| m.max(z.norm()));
            if !(largest > 0.0 && largest.is_finite()) {
                return Err(Error::numerical(
                    "the amplitudes of the machine leave the range of numbers",
                    "convert a machine with smaller weights",
                ));
            }
            both.mapv_inplace(|z| z / largest);
            if i == n - 1 {
                numbers.extend(both);
                bonds.push(1);
                break;
            }
            let (q, r) = Complex64::qr(&both)?;
            let kept = r.nrows();
            numbers.extend(q);
            bonds.push(kept);
            carried = (0..columns * kept)
                .map(|k| r[(k % kept, k / kept)])
                .collect();
        }
        let shape = ProductShape {
            local,
            order: (0..n).collect(),
            bonds,
            uniform: false,
        };
        Ok(Tensors::new(shape, numbers))
    }
}
