//! Decides how values on a plane are drawn: cells and links in the colours of a bar beside them,
//! lengths true in both directions.

use super::axis::Axis;
use super::canvas::{Area, HPos, VPos, failed, line, polygon, text_width, write};
use super::style::shade;
use crate::error::Result;
use plotters::prelude::*;

/// Something with a value.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Corners of a cell, or the two ends of a link.
    pub corners: Vec<[f64; 2]>,
    /// Its value; cells without a finite value are left white.
    pub value: f64,
    /// Width of the line of a link at the largest value, in units of the plane; 0 for cells.
    pub width: f64,
}

/// Where a point of the plane stands in the drawing.
type At<'a> = &'a dyn Fn(&[f64; 2]) -> (i32, i32);

impl Patch {
    /// Draws it in the colour of its value between the ends of `range`; `unit` is the length of
    /// one in the drawing.
    fn draw(&self, area: &Area, at: At, unit: f64, range: (f64, f64)) -> Result<()> {
        let fraction = if range.1 > range.0 {
            (self.value - range.0) / (range.1 - range.0)
        } else {
            0.5
        };
        let colour = shade(fraction);
        let corners: Vec<_> = self.corners.iter().map(at).collect();
        if self.width > 0.0 {
            let largest = range.0.abs().max(range.1.abs()).max(1e-30);
            let thick = (unit * self.width * (0.25 + 0.75 * self.value.abs() / largest)).max(3.0);
            return line(area, corners, colour, thick as u32);
        }
        // The outline in the same colour closes the seams between cells.
        let outline = corners.iter().chain(corners.first()).copied().collect();
        line(area, outline, colour, 2)?;
        polygon(area, corners, colour)
    }
}

/// A picture of a plane.
#[derive(Debug, Clone, Default)]
pub struct Map {
    /// Above it.
    pub title: String,
    /// Coloured parts, in the order of drawing.
    pub patches: Vec<Patch>,
    /// Lines on top.
    pub lines: Vec<Vec<[f64; 2]>>,
    /// Dots on top, with their radius in units of the plane.
    pub dots: Vec<([f64; 2], f64)>,
    /// Texts on top.
    pub texts: Vec<([f64; 2], String)>,
    /// Names of places, in white discs on top.
    pub marks: Vec<([f64; 2], String)>,
    /// Largest standard error of its values, 0 where there is none: colours span six of it at
    /// least, so that noise does not look like a pattern.
    pub error: f64,
}

impl Map {
    fn extent(&self) -> Option<([f64; 2], [f64; 2])> {
        let points = self
            .patches
            .iter()
            .flat_map(|p| &p.corners)
            .chain(self.lines.iter().flatten());
        let dots = self
            .dots
            .iter()
            .flat_map(|(p, r)| [[p[0] - r, p[1] - r], [p[0] + r, p[1] + r]]);
        let mut bounds = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for p in points
            .copied()
            .chain(dots)
            .filter(|p| p.iter().all(|c| c.is_finite()))
        {
            for (a, c) in p.into_iter().enumerate() {
                bounds.0[a] = bounds.0[a].min(c);
                bounds.1[a] = bounds.1[a].max(c);
            }
        }
        (bounds.0[0] <= bounds.1[0]).then_some(bounds)
    }

    /// Width over height.
    fn aspect(&self) -> f64 {
        let ratio = |(low, high): ([f64; 2], [f64; 2])| {
            (high[0] - low[0]).max(0.2) / (high[1] - low[1]).max(0.2)
        };
        self.extent().map_or(1.0, ratio)
    }

    fn draw(&self, area: &Area, range: (f64, f64), letters: f64) -> Result<()> {
        let Some((low, high)) = self.extent() else {
            return Ok(());
        };
        let (width, height) = area.dim_in_pixel();
        let head = if self.title.is_empty() {
            0.4 * letters
        } else {
            1.6 * letters
        };
        let margin = if self.marks.is_empty() { 0.5 } else { 1.0 } * letters;
        let (w, h) = (
            f64::from(width) - 2.0 * margin,
            f64::from(height) - head - margin,
        );
        let size = [(high[0] - low[0]).max(1e-9), (high[1] - low[1]).max(1e-9)];
        let unit = (w / size[0]).min(h / size[1]);
        let offset = [
            margin + 0.5 * (w - unit * size[0]),
            head + 0.5 * (h - unit * size[1]),
        ];
        let at = |p: &[f64; 2]| {
            let x = offset[0] + unit * (p[0] - low[0]);
            let y = offset[1] + unit * (high[1] - p[1]);
            (x.round() as i32, y.round() as i32)
        };
        if !self.title.is_empty() {
            let middle = (f64::from(width) / 2.0) as i32;
            let place = (middle, (0.8 * letters) as i32);
            write(
                area,
                &self.title,
                place,
                letters,
                HPos::Center,
                VPos::Center,
            )?;
        }
        for patch in self.patches.iter().filter(|p| p.value.is_finite()) {
            patch.draw(area, &at, unit, range)?;
        }
        self.draw_on_top(area, &at, unit, letters)
    }

    /// Lines, dots, texts and names of places.
    fn draw_on_top(&self, area: &Area, at: At, unit: f64, letters: f64) -> Result<()> {
        let written = |text: &str, place: &[f64; 2]| {
            let size = 0.9 * letters;
            write(area, text, at(place), size, HPos::Center, VPos::Center)
        };
        for path in &self.lines {
            line(area, path.iter().map(at).collect(), BLACK, 3)?;
        }
        for (place, radius) in &self.dots {
            let r = (unit * radius).max(3.0) as i32;
            area.draw(&Circle::new(at(place), r, WHITE.filled()))
                .map_err(failed)?;
            area.draw(&Circle::new(at(place), r, BLACK.stroke_width(3)))
                .map_err(failed)?;
        }
        for (place, text) in &self.texts {
            written(text, place)?;
        }
        for (place, name) in &self.marks {
            let r = (0.75 * letters) as i32;
            area.draw(&Circle::new(at(place), r, WHITE.filled()))
                .map_err(failed)?;
            area.draw(&Circle::new(at(place), r, BLACK.stroke_width(2)))
                .map_err(failed)?;
            written(name, place)?;
        }
        Ok(())
    }
}

/// The smallest and the largest value of all maps.
fn range(maps: &[Map]) -> Option<(f64, f64)> {
    let values = maps
        .iter()
        .flat_map(|m| &m.patches)
        .map(|p| p.value)
        .filter(|v| v.is_finite());
    let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
        (l.min(v), h.max(v))
    });
    (ends.0 <= ends.1).then_some(ends)
}

/// A bar of the colours with numbers and the name of the quantity.
fn bar(area: &Area, range: (f64, f64), label: &str, letters: f64) -> Result<()> {
    let height = area.dim_in_pixel().1 as i32;
    let (left, right) = ((0.4 * letters) as i32, (1.4 * letters) as i32);
    let (top, bottom) = ((2.4 * letters) as i32, height - (1.2 * letters) as i32);
    let written = |text: &str, place| write(area, text, place, letters, HPos::Left, VPos::Center);
    written(label, (left, (0.9 * letters) as i32))?;
    let steps = 128;
    let level = |f: f64| bottom - (f * f64::from(bottom - top)).round() as i32;
    for k in 0..steps {
        let (a, b) = (
            f64::from(k) / f64::from(steps),
            f64::from(k + 1) / f64::from(steps),
        );
        let corners = vec![
            (left, level(a)),
            (right, level(a)),
            (right, level(b) - 1),
            (left, level(b) - 1),
        ];
        polygon(area, corners, shade(0.5 * (a + b)))?;
    }
    let frame = vec![
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
        (left, top),
    ];
    line(area, frame, BLACK, 2)?;
    // As many numbers as there is room for.
    let count = (f64::from(bottom - top) / (2.2 * letters)) as usize;
    let scale = Axis::linear("")
        .tight()
        .with_ticks(count.clamp(2, 6))
        .scale([range.0, range.1].into_iter());
    for &tick in &scale.ticks {
        let y = level((tick - scale.low) / (scale.high - scale.low));
        let mark = vec![(right, y), (right + (0.25 * letters) as i32, y)];
        line(area, mark, BLACK, 2)?;
        written(&scale.number(tick), (right + (0.45 * letters) as i32, y))?;
    }
    Ok(())
}

/// The SVG of one map without values; `None` where there is nothing on it.
pub fn plain(map: &Map) -> Result<Option<String>> {
    let Some((low, high)) = map.extent() else {
        return Ok(None);
    };
    let letters = super::panel::LETTERS;
    // Numbers of neighbours have room beside each other.
    let unit = 3.2 * letters;
    let room = |side: f64| (unit * side + 4.0 * letters).clamp(300.0, 6000.0) as u32;
    let size = (room(high[0] - low[0]), room(high[1] - low[1]));
    let draw = |area: &Area| map.draw(area, (0.0, 1.0), letters);
    super::canvas::picture(size.0, size.1, draw).map(Some)
}

/// The SVG of maps side by side and below each other with one bar; `None` without any value.
///
/// `symmetric` puts zero in the middle of the colours. Each of `groups` equal parts of the maps
/// begins a row.
pub fn sheet(maps: &[Map], label: &str, symmetric: bool, groups: usize) -> Result<Option<String>> {
    let Some(mut range) = range(maps) else {
        return Ok(None);
    };
    if symmetric {
        let largest = range.0.abs().max(range.1.abs());
        range = (-largest, largest);
    }
    if range.1 - range.0 < 1e-12 * range.0.abs().max(1e-300) {
        let half = 0.05 * range.0.abs().max(1e-3);
        range = (range.0 - half, range.1 + half);
    }
    let error = maps.iter().map(|m| m.error).fold(0.0, f64::max);
    if range.1 - range.0 < 6.0 * error {
        let middle = 0.5 * (range.0 + range.1);
        range = (middle - 3.0 * error, middle + 3.0 * error);
    }
    let aspect = maps[0].aspect().clamp(0.3, 12.0);
    let scale = Axis::linear("")
        .tight()
        .scale([range.0, range.1].into_iter());
    let numbers = |letters: f64| {
        scale
            .ticks
            .iter()
            .map(|&t| text_width(&scale.number(t), letters))
            .max()
            .unwrap_or(0)
    };
    let letters = super::panel::LETTERS;
    let side = (f64::from(numbers(letters)) + 2.4 * letters)
        .max(f64::from(text_width(label, letters)) + 0.8 * letters);
    let each = maps.len().div_ceil(groups.max(1));
    let (columns, rows, cell) = layout(each, groups.max(1), aspect, letters, 1500.0 - side);
    let width = (cell.0 * columns as f64 + side) as u32;
    let height = ((cell.1 * rows as f64) as u32).max((12.0 * letters) as u32);
    let draw = |area: &Area| {
        let (left, right) = area.split_horizontally((f64::from(width) - side) as i32);
        let places = left.split_evenly((rows, columns));
        for (k, map) in maps.iter().enumerate() {
            let small = if maps.len() > 4 { 0.75 } else { 1.0 };
            let first = (k / each) * each.div_ceil(columns) * columns;
            map.draw(&places[first + k % each], range, small * letters)?;
        }
        // One bar of a readable length, however tall the sheet is.
        let tall = f64::from(height).min(900.0) as u32;
        bar(
            &right
                .clone()
                .shrink((0, (height as i32 - tall as i32) / 2), (side as u32, tall)),
            range,
            label,
            letters,
        )
    };
    super::canvas::picture(width, height, draw).map(Some)
}

/// Columns, rows and the size of a cell that show `groups` times `each` maps of this aspect as
/// large as they can be.
fn layout(
    each: usize,
    groups: usize,
    aspect: f64,
    letters: f64,
    width: f64,
) -> (usize, usize, (f64, f64)) {
    let try_columns = |columns: usize| {
        let rows = groups * each.div_ceil(columns);
        let cell = (width / columns as f64)
            .min((1000.0 / rows as f64 - 2.0 * letters).max(60.0) * aspect + letters);
        (
            columns,
            rows,
            (cell, (cell - letters) / aspect + 2.1 * letters),
        )
    };
    let best = (1..=each)
        .rev()
        .map(try_columns)
        .max_by(|a, b| a.2.0.total_cmp(&b.2.0));
    best.unwrap_or((1, 1, (width, width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_span_more_than_the_noise() {
        let map = |error: f64| {
            let patch = |x: f64, value: f64| Patch {
                corners: vec![[x, 0.0], [x + 1.0, 0.0]],
                value,
                width: 0.1,
            };
            let patches = vec![patch(0.0, -0.341), patch(1.0, -0.339)];
            sheet(
                &[Map {
                    patches,
                    error,
                    ..Map::default()
                }],
                "",
                false,
                1,
            )
        };
        let has = |error: f64, tick: &str| map(error).unwrap().unwrap().contains(tick);
        assert!(has(0.0, "−0.3395") && !has(0.0, "−0.32"));
        assert!(has(0.01, "−0.32") && !has(0.01, "−0.3395"));
    }
}
