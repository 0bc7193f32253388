//! Decides the pictures of structure factors: a curve over the momenta of a chain, a map over the
//! Brillouin zone of a plane.
//!
//! q = Σ_a q_a b_a / 2π with b_a·a_b = 2π δ_ab. The zone is what is nearer to 0 than to any
//! other G = Σ_a n_a b_a; each momentum fills what is nearer to it than to the others, within the
//! zone. With one site per cell S(q + G) = S(q); with more the extended zone, of twice the size, is
//! filled from the correlations C of all pairs where they were measured: S(q) = (1/N) Σ_ij cos
//! q·(r_i − r_j) C_ij.
//!
//! Reference: N. W. Ashcroft and N. D. Mermin, Solid State Physics (1976), ch. 5.

use super::axis::Axis;
use super::correlations::{names, symbol};
use super::curve::{Curve, Look};
use super::data::ResultsFile;
use super::map::{Map, Patch, sheet};
use super::panel::Panel;
use super::{Drawn, reasons};
use crate::error::Result;
use crate::lattice::Lattice;
use std::f64::consts::{PI, TAU};

/// Pictures per observable with momenta.
pub fn pictures(runs: &[ResultsFile]) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    // Those with times have a picture of their own.
    let timed = names(runs, "/times");
    for name in names(runs, "/momenta").difference(&timed) {
        let Some(first) = runs.iter().find(|r| directions(r, name) > 0) else {
            continue;
        };
        let mut shown = Momenta::default();
        runs.iter().for_each(|run| shown.add(run, name));
        let label = symbol(first, name, &format!("measure/observables/{name}/mean"));
        drawn.extend(shown.draw(name, &label)?);
    }
    if drawn.is_empty() {
        let reason = "no file has it; add \"structure-factor\" to measure.observables";
        drawn.push(Drawn::left_out("structure-factor", reason));
    }
    Ok(drawn)
}

/// Number of components of the momenta of an observable, 0 where it was not measured.
fn directions(run: &ResultsFile, name: &str) -> usize {
    let shape = run.shape(&format!("measure/observables/{name}/momenta"));
    shape.get(1).copied().unwrap_or(0)
}

/// What the files have of one observable.
#[derive(Default)]
struct Momenta {
    curves: Vec<Curve>,
    maps: Vec<Map>,
    /// Names of files that show nothing, with the reason.
    missing: Vec<(String, String)>,
}

impl Momenta {
    fn add(&mut self, run: &ResultsFile, name: &str) {
        let prefix = format!("measure/observables/{name}");
        let momenta = run.reals(&format!("{prefix}/momenta"));
        let values = run.reals(&format!("{prefix}/mean"));
        let reason = match (&run.lattice, directions(run, name)) {
            (_, 0) => "it was not measured".into(),
            (Err(e), _) => e.clone(),
            (Ok(_), 1) => {
                let error = run.reals(&format!("{prefix}/error"));
                return self.curves.push(curve(run, &momenta, &values, &error));
            }
            (Ok(lattice), 2) => {
                let pairs = name.replace("structure-factor", "spin-correlations");
                let pairs = run.reals(&format!("measure/observables/{pairs}/mean"));
                return self.maps.push(Map {
                    title: run.name.clone(),
                    ..zone(lattice, &momenta, &values, &pairs)
                });
            }
            (Ok(_), _) => "momenta in three dimensions have no map".into(),
        };
        self.missing.push((run.name.clone(), reason));
    }

    fn draw(mut self, name: &str, label: &str) -> Result<Vec<Drawn>> {
        let mut drawn = Vec::new();
        let both = !self.curves.is_empty() && !self.maps.is_empty();
        if !self.curves.is_empty() {
            let x = Axis::linear("momentum q a / π").tight().with_ticks(8);
            let panel = Panel::new(x, Axis::linear(label).with(0.0), self.curves);
            let name = if both {
                format!("{name}-curve")
            } else {
                name.to_string()
            };
            drawn.push(Drawn::new(name, panel, NOT_A_NUMBER));
        }
        if !self.maps.is_empty() {
            if self.maps.len() == 1 {
                self.maps[0].title.clear();
            }
            let svg = sheet(&self.maps, label, false, 1)?;
            drawn.push(Drawn::new(name, svg, NOT_A_NUMBER));
        }
        if !self.missing.is_empty() {
            drawn.push(Drawn::left_out(name, reasons(self.missing)));
        }
        Ok(drawn)
    }
}

const NOT_A_NUMBER: &str = "none of its values is a number";

/// Momenta of a chain from 0 to 2π, the first one repeated at the end.
fn curve(run: &ResultsFile, momenta: &[f64], values: &[f64], errors: &[f64]) -> Curve {
    let mut rows: Vec<[f64; 3]> = momenta
        .iter()
        .enumerate()
        .map(|(k, q)| {
            [
                q / PI,
                values.get(k).copied().unwrap_or(f64::NAN),
                errors.get(k).copied().unwrap_or(0.0),
            ]
        })
        .collect();
    rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
    if let Some(first) = rows.first().filter(|r| r[0].abs() < 1e-12).copied() {
        rows.push([2.0, first[1], first[2]]);
    }
    Curve {
        name: run.name.clone(),
        style: run.style,
        look: Look::Points,
        points: rows,
    }
}

type Plane = [f64; 2];

/// Reciprocal lattice vectors of the first two directions.
fn reciprocal(lattice: &Lattice) -> [Plane; 2] {
    let [a, b, _] = lattice.vectors();
    let area = a[0] * b[1] - a[1] * b[0];
    [
        [TAU * b[1] / area, -TAU * b[0] / area],
        [-TAU * a[1] / area, TAU * a[0] / area],
    ]
}

fn combine(b: &[Plane; 2], m: f64, n: f64) -> Plane {
    [m * b[0][0] + n * b[1][0], m * b[0][1] + n * b[1][1]]
}

/// What is nearer to 0 than to any other point of the lattice spanned by `b`.
pub fn wigner_seitz(b: &[Plane; 2]) -> Vec<Plane> {
    let far = 10.0 * (b[0][0].hypot(b[0][1]) + b[1][0].hypot(b[1][1]));
    clip(vec![[-far, -far], [far, -far], [far, far], [-far, far]], b)
}

/// The part of a convex polygon that is nearer to 0 than to any other point of the lattice spanned
/// by `b`.
fn clip(mut polygon: Vec<Plane>, b: &[Plane; 2]) -> Vec<Plane> {
    for m in -3..=3 {
        for n in -3..=3 {
            if (m, n) != (0, 0) {
                let g = combine(b, f64::from(m), f64::from(n));
                polygon = cut(&polygon, g, 0.5 * (g[0] * g[0] + g[1] * g[1]));
            }
        }
    }
    polygon
}

/// The middle of the zone, a corner and the middle of an edge, by the names they have in squares
/// and regular hexagons.
fn special(zone: &[Plane]) -> Vec<(Plane, String)> {
    let next = |k: usize| zone[(k + 1) % zone.len()];
    let edge = |k: usize| (zone[k][0] - next(k)[0]).hypot(zone[k][1] - next(k)[1]);
    let regular = (1..zone.len()).all(|k| (edge(k) - edge(0)).abs() < 1e-6 * edge(0));
    let names = match zone.len() {
        4 if regular => ["M", "X"],
        6 if regular => ["K", "M"],
        _ => return Vec::new(),
    };
    let middles = (0..zone.len())
        .map(|k| {
            [
                0.5 * (zone[k][0] + next(k)[0]),
                0.5 * (zone[k][1] + next(k)[1]),
            ]
        })
        .collect();
    let right = |points: Vec<Plane>| {
        points
            .into_iter()
            .max_by(|a, b| (a[0] + 0.3 * a[1]).total_cmp(&(b[0] + 0.3 * b[1])))
    };
    let found = [right(zone.to_vec()), right(middles)]
        .into_iter()
        .flatten()
        .zip(names);
    std::iter::once(([0.0, 0.0], "Γ".into()))
        .chain(found.map(|(p, name)| (p, name.into())))
        .collect()
}

/// The part of a convex polygon with p·g ≤ c (I. E. Sutherland, G. W. Hodgman, Commun. ACM 17,
/// 32 (1974)).
fn cut(polygon: &[Plane], g: Plane, c: f64) -> Vec<Plane> {
    // A line that touches a corner within rounding does not cut it off.
    let height = |p: &Plane| {
        Some(p[0] * g[0] + p[1] * g[1] - c)
            .filter(|h| h.abs() > 1e-12 * c)
            .unwrap_or(0.0)
    };
    let mut kept = Vec::new();
    for (k, p) in polygon.iter().enumerate() {
        let q = &polygon[(k + 1) % polygon.len()];
        let (hp, hq) = (height(p), height(q));
        if hp <= 0.0 {
            kept.push(*p);
        }
        if (hp < 0.0 && hq > 0.0) || (hp > 0.0 && hq < 0.0) {
            let s = hp / (hp - hq);
            kept.push([p[0] + s * (q[0] - p[0]), p[1] + s * (q[1] - p[1])]);
        }
    }
    kept
}

/// S(q) from the correlations of all pairs.
fn from_pairs(lattice: &Lattice, pairs: &[f64], q: Plane) -> f64 {
    let n = lattice.sites;
    let phases: Vec<f64> = lattice
        .positions
        .iter()
        .map(|r| q[0] * r[0] + q[1] * r[1])
        .collect();
    let term = |k: usize| (phases[k / n] - phases[k % n]).cos() * pairs[k];
    (0..n * n).map(term).sum::<f64>() / n as f64
}

/// The map of one file, in units of π over the nearest-neighbour distance.
fn zone(lattice: &Lattice, momenta: &[f64], values: &[f64], pairs: &[f64]) -> Map {
    let b = reciprocal(lattice);
    let extent = lattice.extent();
    let tile = wigner_seitz(&[
        b[0].map(|c| c / extent[0] as f64),
        b[1].map(|c| c / extent[1] as f64),
    ]);
    let periodic = lattice.sublattice.iter().all(|&s| s == 0);
    let known = pairs.len() == lattice.sites * lattice.sites;
    let larger = b.map(|v| v.map(|c| 2.0 * c));
    let (reach, bound) = match (periodic, known) {
        (true, _) => (2, Some(b)),
        (false, true) => (4, Some(larger)),
        (false, false) => (0, None),
    };
    let mut map = Map::default();
    let unit = |p: Plane| [p[0] / PI, p[1] / PI];
    for (q, &value) in momenta.chunks_exact(2).zip(values) {
        for (m, n) in (-reach..=reach).flat_map(|m| (-reach..=reach).map(move |n| (m, n))) {
            let at = combine(&b, q[0] / TAU + f64::from(m), q[1] / TAU + f64::from(n));
            let whole: Vec<Plane> = tile.iter().map(|c| [c[0] + at[0], c[1] + at[1]]).collect();
            let corners = bound.map_or(whole.clone(), |b| clip(whole, &b));
            if area(&corners) > 1e-6 * area(&tile) {
                let value = if periodic || !known {
                    value
                } else {
                    from_pairs(lattice, pairs, at)
                };
                let corners = corners.into_iter().map(unit).collect();
                map.patches.push(Patch {
                    corners,
                    value,
                    width: 0.0,
                });
            }
        }
    }
    for cell in std::iter::once(b).chain((!periodic && known).then_some(larger)) {
        let outline = wigner_seitz(&cell);
        map.lines.push(
            outline
                .iter()
                .chain(&outline[..1])
                .map(|p| unit(*p))
                .collect(),
        );
    }
    let named = special(&wigner_seitz(&b));
    // A dot at the place itself, the letter on the way to the middle.
    let moved = |p: &Plane| p.map(|c| 0.86 * c);
    map.dots = named[1..].iter().map(|(p, _)| (unit(*p), 0.018)).collect();
    map.marks = named
        .iter()
        .map(|(p, name)| (unit(moved(p)), name.clone()))
        .collect();
    if let [x, y] = &reciprocal_of_square(&b)[..] {
        axes(&mut map, *x / PI, *y / PI);
    }
    map
}

/// Half the sides of a zone with right angles along the axes; empty for others.
fn reciprocal_of_square(b: &[Plane; 2]) -> Vec<f64> {
    let right = b[0][1].abs() < 1e-9 && b[1][0].abs() < 1e-9;
    if right {
        vec![0.5 * b[0][0], 0.5 * b[1][1]]
    } else {
        Vec::new()
    }
}

/// Ticks and names of the axes below and at the left of a rectangular zone.
fn axes(map: &mut Map, x: f64, y: f64) {
    let tick = 0.03 * x;
    for part in [-1.0, -0.5, 0.0, 0.5, 1.0] {
        let text = |v: f64| {
            Axis::linear("")
                .tight()
                .scale([-v, v].into_iter())
                .number(v * part)
        };
        map.lines.push(vec![[part * x, -y], [part * x, -y - tick]]);
        map.texts.push(([part * x, -y - 0.1 * x], text(x)));
        map.lines.push(vec![[-x, part * y], [-x - tick, part * y]]);
        map.texts.push(([-1.14 * x, part * y], text(y)));
    }
    map.texts.push(([0.0, -y - 0.22 * x], "q_x a/π".into()));
    map.texts.push(([-1.12 * x, y + 0.1 * x], "q_y a/π".into()));
    let corners = [[-1.26 * x, -y - 0.26 * x], [x, y + 0.14 * x]];
    map.lines.extend(corners.map(|corner| vec![corner; 2]));
}

fn area(polygon: &[Plane]) -> f64 {
    let next = |k: usize| polygon[(k + 1) % polygon.len()];
    0.5 * (0..polygon.len())
        .map(|k| polygon[k][0] * next(k)[1] - polygon[k][1] * next(k)[0])
        .sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_the_area_of_the_reciprocal_cell() {
        let square = [[TAU, 0.0], [0.0, TAU]];
        assert_eq!(wigner_seitz(&square).len(), 4);
        let names: Vec<_> = special(&wigner_seitz(&square))
            .into_iter()
            .map(|(p, n)| (p.map(|c| c / PI), n))
            .collect();
        assert_eq!(names.len(), 3);
        assert!(names[1].1 == "M" && names[1].0.iter().all(|c| (c - 1.0).abs() < 1e-9));
        assert!(
            names[2].1 == "X" && (names[2].0[0] - 1.0).abs() < 1e-9 && names[2].0[1].abs() < 1e-9
        );
        let hexagonal = [[TAU, -TAU / 3f64.sqrt()], [0.0, 2.0 * TAU / 3f64.sqrt()]];
        assert_eq!(wigner_seitz(&hexagonal).len(), 6);
        for b in [square, hexagonal] {
            let cell = (b[0][0] * b[1][1] - b[0][1] * b[1][0]).abs();
            assert!((area(&wigner_seitz(&b)) / cell - 1.0).abs() < 1e-12);
            // The momenta of 4 x 3 cells fill the zone, none twice.
            let tile = wigner_seitz(&[b[0].map(|c| c / 4.0), b[1].map(|c| c / 3.0)]);
            let at = (-8..=8).flat_map(|m| (-6..=6).map(move |n| (m, n)));
            let parts = at.map(|(m, n)| {
                let at = combine(&b, f64::from(m) / 4.0, f64::from(n) / 3.0);
                area(&clip(
                    tile.iter().map(|c| [c[0] + at[0], c[1] + at[1]]).collect(),
                    &b,
                ))
            });
            assert!((parts.sum::<f64>() / cell - 1.0).abs() < 1e-9);
        }
    }
}
