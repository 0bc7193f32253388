//! Decides how the plaquettes of exchange gates are broken up, so that loops can be flipped.
//!
//! The gate e^{−t k} has the weights, for parallel spins, antiparallel ones, and swapped ones,
//! ```text
//! w₁ = e^{−t J_z},   w₂ = e^{t J_z} cosh 2 t J_xy,   w₃ = e^{t J_z} sinh 2 t J_xy
//! ```
//! each the sum of the break-ups that are possible: vertical a (spins go on), horizontal b (they
//! turn back), diagonal c (they change sites), and frozen f₁ or f₂ (all four flip together):
//! w₁ = a + c + f₁, w₂ = a + b + f₂, w₃ = b + c (H. G. Evertz, Adv. Phys. 52, 1 (2003)).

/// Weights of parallel, antiparallel and swapped spins.
pub(super) fn weights(t: f64, jz: f64, jxy: f64) -> [f64; 3] {
    let (grows, angle) = ((t * jz).exp(), 2.0 * t * jxy);
    [1.0 / grows, grows * angle.cosh(), grows * angle.sinh()]
}

/// What happens to a plaquette.
pub(super) const VERTICAL: u8 = 0;
/// Both spins below form one loop end, both above another.
pub(super) const HORIZONTAL: u8 = 1;
/// Lines change sites.
pub(super) const DIAGONAL: u8 = 2;
/// One cluster.
pub(super) const FROZEN: u8 = 3;

/// States of a plaquette.
pub(super) const PARALLEL: usize = 0;
/// Antiparallel, not swapped.
pub(super) const UNCHANGED: usize = 1;
/// Antiparallel, and swapped.
pub(super) const SWAPPED: usize = 2;

/// Weights of the break-ups \[vertical, horizontal, diagonal, frozen\] of each state.
pub(super) fn breakups(w: [f64; 3]) -> [[f64; 4]; 3] {
    let [w1, w2, w3] = w;
    // Rounding may leave a little below 0.
    let half = |sum: f64| (0.5 * sum).max(0.0);
    let (a, b, c, frozen) = if w2 > w1 + w3 {
        (w1, w3, 0.0, [0.0, w2 - w1 - w3])
    } else if w1 > w2 + w3 {
        (w2, 0.0, w3, [w1 - w2 - w3, 0.0])
    } else {
        let (a, b, c) = (half(w1 + w2 - w3), half(w2 + w3 - w1), half(w1 + w3 - w2));
        (a, b, c, [0.0; 2])
    };
    [
        [a, 0.0, c, frozen[0]],
        [a, b, 0.0, frozen[1]],
        [0.0, b, c, 0.0],
    ]
}

/// Break-ups whose weight is below this part of the whole are those of rounding.
const ROUNDING: f64 = 1e-14;

/// 2³² times the probability of the break-ups up to vertical, horizontal and diagonal, in each
/// state; those that are not possible are never drawn.
pub(super) fn limits(w: [f64; 3]) -> [[u64; 3]; 3] {
    breakups(w).map(|parts| {
        let whole: f64 = parts.iter().sum();
        let parts = parts.map(|p| if p < ROUNDING * whole { 0.0 } else { p });
        let last = parts.iter().rposition(|p| *p > 0.0).unwrap_or(0);
        let mut below = 0.0;
        let mut limits = [1 << 32; 3];
        for (limit, part) in limits.iter_mut().zip(&parts[..last]) {
            below += part;
            *limit = (below / whole * 4_294_967_296.0) as u64;
        }
        limits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ⟨s'| e^{−t k} |s⟩ by the power series, states s_l + 2 s_m with bits.
    fn gate(t: f64, jz: f64, jxy: f64) -> [[f64; 4]; 4] {
        let mut k = [[0.0; 4]; 4];
        for (s, row) in k.iter_mut().enumerate() {
            row[s] = if s == 0 || s == 3 { jz } else { -jz };
        }
        k[1][2] = -2.0 * jxy;
        k[2][1] = -2.0 * jxy;
        let mut sum = [[0.0; 4]; 4];
        let mut term = sum;
        (0..4).for_each(|s| term[s][s] = 1.0);
        for order in 1..60 {
            let mut next = [[0.0; 4]; 4];
            for a in 0..4 {
                for b in 0..4 {
                    sum[a][b] += term[a][b];
                    let product: f64 = (0..4).map(|c| term[a][c] * k[c][b]).sum();
                    next[a][b] = -t * product / f64::from(order);
                }
            }
            term = next;
        }
        sum
    }

    /// Whether the four legs (l below, m below, l above, m above) fit a break-up.
    fn fits(breakup: usize, legs: [u8; 4], parallel: bool) -> bool {
        let [l, m, above_l, above_m] = legs;
        match breakup as u8 {
            VERTICAL => l == above_l && m == above_m,
            HORIZONTAL => l != m && above_l != above_m,
            DIAGONAL => l == above_m && m == above_l,
            _ => l == above_l && m == above_m && (l == m) == parallel,
        }
    }

    #[test]
    fn breakups_add_up_to_every_element_of_the_gate() {
        for jz in [-1.5, -1.0, -0.4, 0.0, 0.5, 1.0, 1.5, 1.7] {
            for (t, jxy) in [(0.05, 1.0), (0.1, 1.0), (0.3, 0.8), (1.0, 1.0)] {
                let (w, gate) = (weights(t, jz, jxy), gate(t, jz, jxy));
                let parts = breakups(w);
                assert!(parts.iter().flatten().all(|p| *p >= 0.0));
                for (below, above) in (0..16).map(|legs| (legs % 4, legs / 4)) {
                    let legs = [below & 1, below >> 1, above & 1, above >> 1].map(|b| b as u8);
                    // A break-up has one weight, whatever the spins are that fit it.
                    let weight = |kind: usize, state: usize| parts[state][kind];
                    let mut sum = 0.0;
                    for (kind, state) in [(0, 0), (1, 2), (2, 2)] {
                        let fits = fits(kind, legs, true);
                        sum += if fits { weight(kind, state) } else { 0.0 };
                    }
                    for (state, parallel) in [(PARALLEL, true), (UNCHANGED, false)] {
                        let fits = fits(3, legs, parallel);
                        sum += if fits { weight(3, state) } else { 0.0 };
                    }
                    let wanted = gate[above][below];
                    assert!((sum - wanted).abs() < 1e-13 * w[1], "{jz} {t} {legs:?}");
                }
                // The same weight in all states that a break-up fits.
                assert_eq!(parts[0][0], parts[1][0]);
                assert_eq!(parts[1][1], parts[2][1]);
                assert_eq!(parts[0][2], parts[2][2]);
            }
        }
    }

    #[test]
    fn what_is_impossible_is_never_drawn() {
        for (jz, never) in [(1.0, DIAGONAL), (-1.0, HORIZONTAL)] {
            for t in [1e-3, 0.05, 0.1, 0.4] {
                for (state, limits) in limits(weights(t, jz, 1.0)).into_iter().enumerate() {
                    let drawn = |r: u64| limits.iter().map(|l| u8::from(r >= *l)).sum::<u8>();
                    assert_ne!(drawn(u64::from(u32::MAX)), FROZEN, "{state} {jz} {t}");
                    // A break-up is drawn where its interval is not empty.
                    let from = limits[usize::from(never) - 1].min(1 << 32);
                    let to = limits.get(usize::from(never)).copied().unwrap_or(1 << 32);
                    let empty = from >= to || from == 1 << 32;
                    assert!(empty || drawn(from) != never, "{state} {jz} {t}");
                }
            }
        }
        let limits = limits(weights(0.1, 0.5, 1.0));
        let p =
            4_294_967_296.0 * breakups(weights(0.1, 0.5, 1.0))[1][0] / weights(0.1, 0.5, 1.0)[1];
        assert!((limits[1][0] as f64 - p).abs() < 2.0, "{limits:?}");
        assert_eq!(limits[2][0], 0);
    }
}
