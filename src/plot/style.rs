//! Decides colours, line styles and markers: told apart by colour-blind eyes and, by dashes and
//! markers, in grayscale.
//!
//! Reference: M. Okabe, K. Ito, Color Universal Design (2002); cividis: J. R. Nuñez et al., PLoS
//! ONE 13, e0199239 (2018), of monotonic lightness.

use super::canvas::{Area, line, polygon};
use crate::error::Result;
use plotters::prelude::*;

/// Okabe–Ito, the darker ones first.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Drawn and left out, in units, in turn; empty for a solid line.
const DASHES: [&[f64]; 6] = [
    &[],
    &[24.0, 10.0],
    &[8.0, 8.0],
    &[30.0, 8.0, 8.0, 8.0],
    &[44.0, 12.0],
    &[16.0, 6.0],
];

/// The colour of curve `k`.
pub fn colour(k: usize) -> RGBColor {
    COLOURS[k % COLOURS.len()]
}

/// The curve `points` in the style of number `k`, broken where a point is missing.
pub fn curve(area: &Area, points: &[Option<(i32, i32)>], k: usize, width: u32) -> Result<()> {
    for piece in points.split(Option::is_none) {
        let piece: Vec<_> = piece.iter().flatten().copied().collect();
        for dash in dashed(&piece, DASHES[k % DASHES.len()]) {
            line(area, dash, colour(k), width)?;
        }
    }
    Ok(())
}

/// Cuts a polyline into dashes by its length.
pub fn dashed(points: &[(i32, i32)], pattern: &[f64]) -> Vec<Vec<(i32, i32)>> {
    if pattern.is_empty() || points.len() < 2 {
        return if points.len() < 2 {
            Vec::new()
        } else {
            vec![points.to_vec()]
        };
    }
    let (mut dashes, mut now) = (Vec::new(), vec![points[0]]);
    let (mut place, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (from, to) = (
            (f64::from(pair[0].0), f64::from(pair[0].1)),
            (f64::from(pair[1].0), f64::from(pair[1].1)),
        );
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let s = done / length;
            let at = (
                (from.0 + s * (to.0 - from.0)) as i32,
                (from.1 + s * (to.1 - from.1)) as i32,
            );
            now.push(at);
            if place % 2 == 0 {
                dashes.push(std::mem::take(&mut now));
            }
            now = vec![at];
            place += 1;
            left = pattern[place % pattern.len()];
        }
        left -= length - done;
        now.push(pair[1]);
    }
    if place % 2 == 0 && now.len() > 1 {
        dashes.push(now);
    }
    dashes
}

/// The marker of number `k`: circle, square, triangle, diamond, inverted triangle, open circle.
pub fn marker(area: &Area, at: (i32, i32), k: usize, r: i32) -> Result<()> {
    let (x, y) = at;
    let c = colour(k);
    let outline: Vec<(i32, i32)> = match k % 6 {
        1 => vec![
            (x - r, y - r),
            (x + r, y - r),
            (x + r, y + r),
            (x - r, y + r),
        ],
        2 => vec![(x - r, y + r), (x, y - r - 2), (x + r, y + r)],
        3 => vec![
            (x - r - 2, y),
            (x, y - r - 2),
            (x + r + 2, y),
            (x, y + r + 2),
        ],
        4 => vec![(x - r, y - r), (x + r, y - r), (x, y + r + 2)],
        kind => {
            area.draw(&Circle::new(
                at,
                r,
                if kind == 0 {
                    c.filled()
                } else {
                    WHITE.filled()
                },
            ))
            .map_err(super::canvas::failed)?;
            return area
                .draw(&Circle::new(at, r, c.stroke_width(3)))
                .map_err(super::canvas::failed);
        }
    };
    polygon(area, outline, c)
}

const CIVIDIS: [(u8, u8, u8); 11] = [
    (0, 34, 78),
    (8, 51, 112),
    (53, 69, 108),
    (79, 87, 108),
    (102, 105, 112),
    (125, 124, 120),
    (148, 142, 119),
    (174, 163, 113),
    (200, 184, 102),
    (229, 207, 82),
    (254, 232, 56),
];

/// The colour of `value` between 0 and 1.
pub fn shade(value: f64) -> RGBColor {
    let t = value.clamp(0.0, 1.0) * (CIVIDIS.len() - 1) as f64;
    let k = (t as usize).min(CIVIDIS.len() - 2);
    let mix = |a: u8, b: u8| {
        (f64::from(a) + (t - k as f64) * (f64::from(b) - f64::from(a))).round() as u8
    };
    let (a, b) = (CIVIDIS[k], CIVIDIS[k + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_grow_lighter_and_dashes_keep_their_length() {
        let light = |c: RGBColor| {
            0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2)
        };
        let all: Vec<_> = (0..=100)
            .map(|k| light(shade(f64::from(k) / 100.0)))
            .collect();
        assert!(all.windows(2).all(|w| w[1] >= w[0] - 0.5), "{all:?}");
        assert!(all[100] - all[0] > 150.0);
        let dashes = dashed(&[(0, 0), (100, 0)], &[20.0, 10.0]);
        assert_eq!(
            dashes
                .iter()
                .map(|d| (d[0].0, d[d.len() - 1].0))
                .collect::<Vec<_>>(),
            [(0, 20), (30, 50), (60, 80), (90, 100)]
        );
    }
}
