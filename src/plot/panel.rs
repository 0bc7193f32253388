//! Decides how curves with error bars are drawn: axes, frame, curves, levels, a legend above them,
//! an inset.

use super::axis::{Axis, Scale};
use super::canvas::{Area, HPos, VPos, failed, font, line, polygon, text_width, write};
use super::style;
use crate::error::Result;
use plotters::prelude::*;

/// Size of the letters in units.
pub const LETTERS: f64 = 34.0;
/// Most points of a curve that are drawn; more are thinned.
const MOST: usize = 1500;

/// How a curve is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A line with some markers, and a band of one standard error around it.
    Line,
    /// Markers with error bars, joined by a thin line.
    Points,
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
}

/// A horizontal line across a panel.
#[derive(Debug, Clone)]
pub struct Level {
    /// Where.
    pub y: f64,
    /// What is written at it.
    pub text: String,
}

/// One diagram.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Below.
    pub x: Axis,
    /// At the left.
    pub y: Axis,
    /// What is drawn.
    pub curves: Vec<Curve>,
    /// Horizontal lines.
    pub levels: Vec<Level>,
    /// A small diagram in the upper right corner.
    pub inset: Option<Box<Panel>>,
}

impl Panel {
    /// A panel without levels and inset.
    pub fn new(x: Axis, y: Axis, curves: Vec<Curve>) -> Self {
        Panel {
            x,
            y,
            curves,
            levels: Vec::new(),
            inset: None,
        }
    }

    /// Whether there is anything to see.
    pub fn visible(&self) -> bool {
        self.curves.iter().any(|c| c.visible(&self.x, &self.y))
    }

    fn scales(&self) -> (Scale, Scale) {
        let points = || self.curves.iter().flat_map(|c| &c.points);
        let x = self.x.scale(points().map(|p| p[0]));
        // Bands wider than what they are about would hide it.
        let reach = |p: &[f64; 3]| {
            if self.y.log {
                [p[1], p[1]]
            } else {
                [p[1] - p[2], p[1] + p[2]]
            }
        };
        let y = self.y.scale(
            points()
                .flat_map(reach)
                .chain(self.levels.iter().map(|l| l.y)),
        );
        (x, y)
    }

    /// Units that the numbers at the left take.
    fn side(&self, letters: f64) -> i32 {
        let y = self.scales().1;
        y.ticks
            .iter()
            .map(|&t| text_width(&y.number(t), letters))
            .max()
            .unwrap_or(0)
    }

    /// Draws everything but the legend, with `side` units for the numbers at the left.
    fn draw(&self, area: &Area, letters: f64, side: i32) -> Result<()> {
        let (x, y) = self.scales();
        let mut chart = ChartBuilder::on(area)
            .margin_left((0.4 * letters) as i32)
            .margin_right((1.4 * letters) as i32)
            .margin_top((0.5 * letters) as i32)
            .x_label_area_size((2.7 * letters) as i32)
            .y_label_area_size(side + (2.3 * letters) as i32)
            .build_cartesian_2d(x.clone(), y.clone())
            .map_err(failed)?;
        let grid = BLACK.mix(0.10).stroke_width(2);
        chart
            .configure_mesh()
            .bold_line_style(grid)
            .light_line_style(TRANSPARENT)
            .axis_style(BLACK.stroke_width(2))
            .label_style(font(letters))
            .axis_desc_style(font(1.05 * letters))
            .x_label_formatter(&|v| x.number(*v))
            .y_label_formatter(&|v| y.number(*v))
            .x_desc(self.x.label.clone())
            .y_desc(self.y.label.clone())
            .set_all_tick_mark_size((0.25 * letters) as i32)
            .draw()
            .map_err(failed)?;
        let (columns, rows) = chart.plotting_area().get_pixel_range();
        let (left, right, top, bottom) = (columns.start, columns.end, rows.start, rows.end);
        // Plotting is in absolute units of the whole drawing, areas in their own.
        let origin = area.get_pixel_range();
        let own = |(px, py): (i32, i32)| (px - origin.0.start, py - origin.1.start);
        let frame = vec![
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        line(area, frame.into_iter().map(own).collect(), BLACK, 2)?;
        let at = |px: f64, py: f64| {
            let place = (self.x.place(px)?, self.y.place(py)?);
            Some(own(chart.backend_coord(&place)))
        };
        let mut notes = Vec::new();
        for level in &self.levels {
            let Some(place) = self.y.place(level.y) else {
                continue;
            };
            let height = own(chart.backend_coord(&(x.low, place))).1;
            let (from, to) = (own((left, 0)).0, own((right, 0)).0);
            for dash in style::dashed(&[(from, height), (to, height)], &[18.0, 10.0]) {
                line(area, dash, BLACK, 3)?;
            }
            if !level.text.is_empty() {
                notes.push((&level.text, height));
            }
        }
        for (k, curve) in self.curves.iter().enumerate() {
            // The first ones larger, so that they show behind others in the same place.
            let behind = (self.curves.len() - 1 - k).min(3) as i32;
            curve.draw(area, &at, letters, 3 * behind)?;
        }
        let frame = (own((left, top)), own((right, bottom)));
        let drawn: Vec<_> = self.curves.iter().flat_map(|c| c.path(&at)).collect();
        for (text, height) in notes {
            note(area, text, height, frame, &drawn, 0.85 * letters)?;
        }
        if let Some(inset) = &self.inset {
            let (width, height) = (right - left, bottom - top);
            let corner = own((left + width * 36 / 100, top + height * 3 / 100));
            let size = ((width * 62 / 100) as u32, (height * 60 / 100) as u32);
            let place = area.clone().shrink(corner, size);
            place.fill(&WHITE).map_err(failed)?;
            let small = 0.8 * letters;
            inset.draw(&place, small, inset.side(small))?;
        }
        Ok(())
    }
}

/// Writes what a horizontal line at `height` means where the fewest of the points `drawn` are, at
/// its right end by default.
fn note(
    area: &Area,
    text: &str,
    height: i32,
    frame: ((i32, i32), (i32, i32)),
    drawn: &[(i32, i32)],
    letters: f64,
) -> Result<()> {
    let (wide, tall) = (text_width(text, letters), (1.1 * letters) as i32);
    let ((left, top), (right, bottom)) = frame;
    let columns = [right - 16 - wide, left + 16, (left + right - wide) / 2];
    // Below first, since curves come from above.
    let corners = columns
        .iter()
        .flat_map(|&x| [(x, height + 8), (x, height - 8 - tall)]);
    let inside = corners.filter(|(_, y)| *y >= top && y + tall <= bottom);
    let hidden = |(x, y): &(i32, i32)| {
        drawn
            .iter()
            .filter(|p| {
                (x - 8..=x + wide + 8).contains(&p.0) && (y - 8..=y + tall + 8).contains(&p.1)
            })
            .count()
    };
    let Some((x, y)) = inside.min_by_key(hidden) else {
        return Ok(());
    };
    if hidden(&(x, y)) > 0 {
        let (a, b) = ((x - 8, y), (x + wide + 8, y + tall));
        polygon(area, vec![a, (b.0, a.1), b, (a.0, b.1)], WHITE.mix(0.85))?;
    }
    write(
        area,
        text,
        (x, y + tall / 2),
        letters,
        HPos::Left,
        VPos::Center,
    )
}

impl Curve {
    /// Points along the drawn line, with some between those of the data.
    fn path(&self, at: &dyn Fn(f64, f64) -> Option<(i32, i32)>) -> Vec<(i32, i32)> {
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

    fn draw(
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
        let (color, radius) = (style::color(self.style), (0.2 * letters) as i32);
        match self.look {
            Look::Line => {
                for piece in ends.split(Option::is_none) {
                    let (lower, upper): (Vec<_>, Vec<_>) = piece.iter().flatten().copied().unzip();
                    if lower.len() > 1 {
                        polygon(
                            area,
                            lower.into_iter().chain(upper.into_iter().rev()).collect(),
                            color.mix(0.3),
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
            Look::Points => {
                style::curve(area, &places, self.style, 2)?;
                for (x, low, high) in ends.iter().flatten().map(|(a, b)| (a.0, a.1, b.1)) {
                    line(area, vec![(x, low), (x, high)], color, 3)?;
                    let half = radius;
                    line(area, vec![(x - half, low), (x + half, low)], color, 3)?;
                    line(area, vec![(x - half, high), (x + half, high)], color, 3)?;
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

/// Units of the drawing that the legend above panels takes.
fn legend(area: &Area, entries: &[(String, usize)], letters: f64, draw: bool) -> Result<i32> {
    if entries.is_empty() {
        return Ok(0);
    }
    let sample = (2.6 * letters) as i32;
    let width = area.dim_in_pixel().0 as i32;
    let (mut x, mut y) = (letters as i32, (0.9 * letters) as i32);
    for (name, k) in entries {
        let need =
            sample + (0.5 * letters) as i32 + text_width(name, letters) + (1.2 * letters) as i32;
        if x + need > width && x > letters as i32 {
            (x, y) = (letters as i32, y + (1.3 * letters) as i32);
        }
        if draw {
            style::curve(area, &[Some((x, y)), Some((x + sample, y))], *k, 4)?;
            style::marker(area, (x + sample / 2, y), *k, (0.22 * letters) as i32)?;
            write(
                area,
                name,
                (x + sample + (0.4 * letters) as i32, y),
                letters,
                HPos::Left,
                VPos::Center,
            )?;
        }
        x += need;
    }
    Ok(y + (0.7 * letters) as i32)
}

/// The SVG of panels one below the other with one legend; `None` where nothing is visible.
pub fn stack(panels: &[Panel]) -> Result<Option<String>> {
    let panels: Vec<_> = panels.iter().filter(|p| p.visible()).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let mut entries: Vec<(String, usize)> = Vec::new();
    for curve in panels
        .iter()
        .flat_map(|p| &p.curves)
        .filter(|c| !c.name.is_empty())
    {
        if !entries.iter().any(|e| e.1 == curve.style) {
            entries.push((curve.name.clone(), curve.style));
        }
    }
    let height = if panels.len() == 1 {
        950
    } else {
        560 * panels.len() as u32 + 60
    };
    let draw = |area: &Area| {
        let head = legend(area, &entries, LETTERS, true)?;
        let rest = area.split_vertically(head).1;
        // The same for all, so that they stand one above the other.
        let side = panels.iter().map(|p| p.side(LETTERS)).max().unwrap_or(0);
        for (place, panel) in rest.split_evenly((panels.len(), 1)).iter().zip(&panels) {
            panel.draw(place, LETTERS, side)?;
        }
        Ok(())
    };
    super::canvas::picture(1500, height, draw).map(Some)
}
