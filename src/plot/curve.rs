//! Decides how a curve with error bars is drawn: as a line with a band, or as markers with bars.

use super::axis::Axis;
use super::canvas::{Area, line, polygon};
use super::style;
use crate::error::Result;
use plotters::prelude::*;

/// Most points of a curve that are drawn; more are thinned.
const MOST: usize = 1500;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A line with some markers, and a band of one standard error around it.
    Line,
    /// Markers with error bars, joined by a thin line.
    Points,
    /// Markers alone.
    Marks,
}

/// Points (x, y, error of y) in one style.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Name in the legend; the legend names a style once.
    pub name: String,
    /// Number of the style.
    pub style: usize,
    /// How it is drawn.
    pub look: Look,
    /// The points, with an error of zero where there is none.
    pub points: Vec<[f64; 3]>,
}

impl Curve {
    /// A line from columns of equal length.
    pub fn new(
        name: &str,
        style: usize,
        look: Look,
        x: &[f64],
        y: &[f64],
        error: Option<&[f64]>,
    ) -> Self {
        let error = |k: usize| {
            error
                .and_then(|e| e.get(k))
                .copied()
                .filter(|e| e.is_finite())
                .unwrap_or(0.0)
        };
        let points = x
            .iter()
            .zip(y)
            .enumerate()
            .map(|(k, (x, y))| [*x, *y, error(k)])
            .collect();
        Curve {
            name: name.into(),
            style,
            look,
            points,
        }
    }

    /// Whether any point can be shown on these axes.
    pub fn visible(&self, x: &Axis, y: &Axis) -> bool {
        self.points
            .iter()
            .any(|p| x.place(p[0]).is_some() && y.place(p[1]).is_some())
    }

    /// Points along the drawn line, with some between those of the data.
    pub(super) fn path(&self, at: &dyn Fn(f64, f64) -> Option<(i32, i32)>) -> Vec<(i32, i32)> {
        let places: Vec<_> = self
            .thinned()
            .iter()
            .filter_map(|p| at(p[0], p[1]))
            .collect();
        let between = |w: &[(i32, i32)]| {
            let (a, b) = (w[0], w[1]);
            (0..8)
                .map(move |k| (a.0 + (b.0 - a.0) * k / 8, a.1 + (b.1 - a.1) * k / 8))
                .collect::<Vec<_>>()
        };
        places
            .windows(2)
            .flat_map(between)
            .chain(places.last().copied())
            .collect()
    }

    /// Draws the line, the errors and the markers; `at` is where a point stands, `behind` makes
    /// markers larger.
    pub(super) fn draw(
        &self,
        area: &Area,
        at: &dyn Fn(f64, f64) -> Option<(i32, i32)>,
        letters: f64,
        behind: i32,
    ) -> Result<()> {
        let points = self.thinned();
        let places: Vec<_> = points.iter().map(|p| at(p[0], p[1])).collect();
        let errors = points.iter().any(|p| p[2] > 0.0);
        let ends: Vec<_> = points
            .iter()
            .map(|p| {
                at(p[0], p[1] - p[2])
                    .zip(at(p[0], p[1] + p[2]))
                    .filter(|_| errors)
            })
            .collect();
        let (colour, radius) = (style::colour(self.style), (0.2 * letters) as i32);
        match self.look {
            Look::Line => {
                for piece in ends.split(Option::is_none) {
                    let (lower, upper): (Vec<_>, Vec<_>) = piece.iter().flatten().copied().unzip();
                    if lower.len() > 1 {
                        polygon(
                            area,
                            lower.into_iter().chain(upper.into_iter().rev()).collect(),
                            colour.mix(0.3),
                        )?;
                    }
                }
                style::curve(area, &places, self.style, 4)?;
                let every = (places.len() / 12).max(1);
                let first = (self.style % 3 + 1) * every / 4;
                for place in places.iter().skip(first).step_by(every).flatten() {
                    style::marker(area, *place, self.style, radius)?;
                }
            }
            Look::Points | Look::Marks => {
                if self.look == Look::Points {
                    style::curve(area, &places, self.style, 2)?;
                }
                for (x, low, high) in ends.iter().flatten().map(|(a, b)| (a.0, a.1, b.1)) {
                    line(area, vec![(x, low), (x, high)], colour, 3)?;
                    let half = radius;
                    line(area, vec![(x - half, low), (x + half, low)], colour, 3)?;
                    line(area, vec![(x - half, high), (x + half, high)], colour, 3)?;
                }
                for place in places.iter().flatten() {
                    style::marker(area, *place, self.style, radius + 1 + behind)?;
                }
            }
        }
        Ok(())
    }

    /// Of long records the lowest and the highest of every few points.
    fn thinned(&self) -> Vec<[f64; 3]> {
        if self.points.len() <= MOST {
            return self.points.clone();
        }
        let size = (2 * self.points.len()).div_ceil(MOST);
        let ends = |piece: &[[f64; 3]]| {
            let by = |k: &usize| piece[*k][1];
            let (low, high) = (
                (0..piece.len()).min_by(|a, b| by(a).total_cmp(&by(b))),
                (0..piece.len()).max_by(|a, b| by(a).total_cmp(&by(b))),
            );
            let (a, b) = (low.unwrap_or(0), high.unwrap_or(0));
            if a == b {
                vec![piece[a]]
            } else {
                vec![piece[a.min(b)], piece[a.max(b)]]
            }
        };
        self.points.chunks(size).flat_map(ends).collect()
    }
}
