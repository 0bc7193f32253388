//! Decides the signs of fermions: |x⟩ = c†_{p1} c†_{p2} … |0⟩ with p1 < p2 < …, and the sign of
//! bringing creation operators back into that order.

use super::{Basis, Move};

/// A symmetry of the sites: site j of the image has the value of site `sites[j]`, mirrored within
/// its range (−x for spins) where `mirrored`.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// Where the value of each site comes from.
    pub sites: &'a [u32],
    /// Whether values are mirrored.
    pub mirrored: bool,
}

/// (−1)^{pairs out of order}
fn parity(list: &[u32]) -> f64 {
    let later = |k: usize| list[k + 1..].iter().filter(|&&p| p < list[k]).count();
    match (0..list.len()).map(later).sum::<usize>() % 2 {
        0 => 1.0,
        _ => -1.0,
    }
}

impl Basis {
    /// Whether there are fermions.
    pub fn is_fermionic(&self) -> bool {
        self.locals().iter().any(|l| l.fermionic)
    }

    /// The occupied modes of fermions, in order.
    fn occupied(&self, x: &[i8]) -> Vec<u32> {
        let locals = self.locals().iter().zip(x).enumerate();
        locals
            .filter(|(_, (l, v))| l.fermionic && **v == 1)
            .map(|(p, _)| p as u32)
            .collect()
    }

    /// The sign of bringing the creation operators of `x` into the order of the modes after `step`
    /// has replaced the k-th emptied mode by the k-th filled one, in the order of the move; 1
    /// without fermions.
    pub fn reordering(&self, x: &[i8], step: Move) -> f64 {
        if !self.is_fermionic() {
            return 1.0;
        }
        let changes = |to: i8| {
            let moved = step.sites.iter().zip(step.values);
            moved
                .filter(move |&(&s, &v)| {
                    self.locals()[s as usize].fermionic && v == to && x[s as usize] != to
                })
                .map(|(&s, _)| s)
        };
        let mut list = self.occupied(x);
        let mut filled = changes(1);
        for emptied in changes(0) {
            if let (Some(place), Some(to)) =
                (list.iter().position(|&p| p == emptied), filled.next())
            {
                list[place] = to;
            }
        }
        parity(&list)
    }

    /// Writes the image of `x` and returns the sign of reordering its creation operators.
    pub fn image(&self, x: &[i8], g: &Image, out: &mut [i8]) -> f64 {
        for (j, &from) in g.sites.iter().enumerate() {
            let (local, value) = (self.locals()[from as usize], x[from as usize]);
            out[j] = match g.mirrored {
                true => local.first + local.value(local.count as usize - 1) - value,
                false => value,
            };
        }
        if !self.is_fermionic() {
            return 1.0;
        }
        // Mode p of x goes to the site j with sites[j] = p.
        let mut places = vec![0; g.sites.len()];
        g.sites
            .iter()
            .enumerate()
            .for_each(|(j, &p)| places[p as usize] = j as u32);
        let list: Vec<u32> = self
            .occupied(x)
            .into_iter()
            .map(|p| places[p as usize])
            .collect();
        parity(&list)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Charge, Local, PARTICLES};
    use super::*;

    fn modes(n: usize) -> Basis {
        let local = Local {
            first: 0,
            step: 1,
            count: 2,
            fermionic: true,
        };
        let charge = Charge {
            name: PARTICLES,
            weights: vec![1; n],
            total: 3,
            modulo: None,
        };
        Basis::new(vec![local; n], vec![charge], Vec::new()).unwrap()
    }

    #[test]
    fn a_hop_costs_the_occupied_modes_between() {
        let basis = modes(6);
        let x = [1, 0, 1, 1, 0, 0];
        let hop = |sites: &[u32], values: &[i8]| basis.reordering(&x, Move { sites, values });
        assert_eq!(hop(&[0, 1], &[0, 1]), 1.0);
        assert_eq!(hop(&[0, 4], &[0, 1]), 1.0);
        assert_eq!(hop(&[2, 4], &[0, 1]), -1.0);
        assert_eq!(hop(&[5, 2], &[1, 0]), -1.0);
        // Two hops, 0 → 1 and 2 → 5: one occupied mode is passed.
        assert_eq!(hop(&[0, 2, 1, 5], &[0, 0, 1, 1]), -1.0);
        // The same result with the particles exchanged.
        assert_eq!(hop(&[0, 2, 5, 1], &[0, 0, 1, 1]), 1.0);
    }

    #[test]
    fn images_of_fermions_carry_the_sign_of_their_order() {
        let basis = modes(4);
        let mut out = [0; 4];
        let shift = Image {
            sites: &[3, 0, 1, 2],
            mirrored: false,
        };
        assert_eq!(basis.image(&[1, 1, 1, 0], &shift, &mut out), 1.0);
        assert_eq!(out, [0, 1, 1, 1]);
        assert_eq!(basis.image(&[1, 1, 0, 1], &shift, &mut out), 1.0);
        assert_eq!(out, [1, 1, 1, 0]);
        let swap = Image {
            sites: &[1, 0, 2, 3],
            mirrored: false,
        };
        assert_eq!(basis.image(&[1, 1, 1, 0], &swap, &mut out), -1.0);
        let spins = Basis::spins(2, 2, None).unwrap();
        let flip = Image {
            sites: &[0, 1],
            mirrored: true,
        };
        assert_eq!(spins.image(&[2, 0], &flip, &mut out[..2]), 1.0);
        assert_eq!(out[..2], [-2, 0]);
    }
}
