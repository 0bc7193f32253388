//! Decides how a diagram is drawn: axes, frame, curves, guides, a legend above them, an inset.

use super::axis::{Axis, Scale};
use super::canvas::{Area, HPos, VPos, failed, font, line, polygon, text_width, write};
use super::curve::Curve;
use super::style;
use crate::error::Result;
use plotters::prelude::*;

/// Size of the letters in units.
pub const LETTERS: f64 = 34.0;

/// Upper left corner of an inset in percent of the frame, from the left and from above.
const INSET_CORNER: [i32; 2] = [36, 3];
/// Its width and height in percent of the frame.
const INSET_SIZE: [i32; 2] = [62, 60];

/// A horizontal line across a panel.
#[derive(Debug, Clone)]
pub struct Guide {
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
    pub guides: Vec<Guide>,
    /// A small diagram in the upper right corner.
    pub inset: Option<Box<Panel>>,
}

impl Panel {
    /// A panel without guides and inset.
    pub fn new(x: Axis, y: Axis, curves: Vec<Curve>) -> Self {
        Panel {
            x,
            y,
            curves,
            guides: Vec::new(),
            inset: None,
        }
    }

    /// Whether there is anything to see.
    pub fn visible(&self) -> bool {
        self.curves.iter().any(|c| c.visible(&self.x, &self.y))
    }

    /// The same with the axes that are asked for logarithmic, and how many of its points these
    /// cannot show.
    pub fn logarithmic(&self, x: bool, y: bool) -> (Panel, usize) {
        let mut panel = self.clone();
        for (axis, wanted) in [(&mut panel.x, x), (&mut panel.y, y)] {
            if wanted && !axis.log {
                axis.make_log();
            }
        }
        let shown = |panel: &Panel| {
            let points = panel.curves.iter().flat_map(|c| &c.points);
            points
                .filter(|p| panel.x.place(p[0]).is_some() && panel.y.place(p[1]).is_some())
                .count()
        };
        let hidden = shown(self) - shown(&panel);
        // What stands in the inset may still be there, as the distance to a known energy is.
        let lost = hidden > 0 && !panel.visible();
        match panel.inset.take_if(|inset| lost && inset.visible()) {
            Some(inset) => inset.logarithmic(x, y),
            None => (panel, hidden),
        }
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
                .chain(self.guides.iter().map(|l| l.y)),
        );
        (x, y)
    }

    /// Whether no curve and no guide passes where an inset stands.
    pub fn has_room_for_inset(&self) -> bool {
        let (x, y) = self.scales();
        let part = |place: Option<f64>, scale: &Scale| {
            place.map_or(0.0, |v| (v - scale.low) / (scale.high - scale.low))
        };
        let [left, top] = INSET_CORNER.map(|c| f64::from(c) / 100.0);
        let bottom = 1.0 - top - f64::from(INSET_SIZE[1]) / 100.0;
        let covers = |at: [f64; 2]| at[0] >= left && at[1] >= bottom;
        let of = |p: &[f64; 3]| [part(self.x.place(p[0]), &x), part(self.y.place(p[1]), &y)];
        let hidden = self
            .curves
            .iter()
            .flat_map(|c| &c.points)
            .any(|p| covers(of(p)));
        let guides = self.guides.iter().map(|g| part(self.y.place(g.y), &y));
        !hidden && guides.into_iter().all(|height| !covers([1.0, height]))
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
        // Plotting is in absolute units of the whole drawing, areas in their own.
        let origin = area.get_pixel_range();
        let own = |(px, py): (i32, i32)| (px - origin.0.start, py - origin.1.start);
        let frame = Frame {
            upper_left: own((columns.start, rows.start)),
            lower_right: own((columns.end, rows.end)),
        };
        line(area, frame.outline(), BLACK, 2)?;
        let at = |px: f64, py: f64| {
            let place = (self.x.place(px)?, self.y.place(py)?);
            Some(own(chart.backend_coord(&place)))
        };
        let height = |value: f64| {
            let place = self.y.place(value)?;
            Some(own(chart.backend_coord(&(x.low, place))).1)
        };
        let notes = self.draw_guides(area, &frame, &height)?;
        for (k, curve) in self.curves.iter().enumerate() {
            // The first ones larger, so that they show behind others in the same place.
            let behind = (self.curves.len() - 1 - k).min(3) as i32;
            curve.draw(area, &at, letters, behind)?;
        }
        let drawn: Vec<_> = self.curves.iter().flat_map(|c| c.path(&at)).collect();
        for (text, height) in notes {
            note(area, text, height, &frame, &drawn, 0.85 * letters)?;
        }
        self.draw_inset(area, &frame, letters)
    }

    /// Dashed lines at the guides; returns the texts that are to be written, and their heights.
    fn draw_guides(
        &self,
        area: &Area,
        frame: &Frame,
        height: &dyn Fn(f64) -> Option<i32>,
    ) -> Result<Vec<(&str, i32)>> {
        let mut notes = Vec::new();
        for guide in &self.guides {
            let Some(y) = height(guide.y) else {
                continue;
            };
            let ends = [(frame.upper_left.0, y), (frame.lower_right.0, y)];
            for dash in style::dashed(&ends, &[18.0, 10.0]) {
                line(area, dash, BLACK, 3)?;
            }
            if !guide.text.is_empty() {
                notes.push((guide.text.as_str(), y));
            }
        }
        Ok(notes)
    }

    fn draw_inset(&self, area: &Area, frame: &Frame, letters: f64) -> Result<()> {
        let Some(inset) = &self.inset else {
            return Ok(());
        };
        let (left, top) = frame.upper_left;
        let (width, height) = (frame.lower_right.0 - left, frame.lower_right.1 - top);
        let [right, down] = INSET_CORNER;
        let corner = (left + width * right / 100, top + height * down / 100);
        let [across, tall] = INSET_SIZE;
        let size = ((width * across / 100) as u32, (height * tall / 100) as u32);
        let place = area.clone().shrink(corner, size);
        place.fill(&WHITE).map_err(failed)?;
        let small = 0.8 * letters;
        inset.draw(&place, small, inset.side(small))
    }
}

/// The rectangle of the axes, in units of its area.
struct Frame {
    upper_left: (i32, i32),
    lower_right: (i32, i32),
}

impl Frame {
    /// Its closed outline.
    fn outline(&self) -> Vec<(i32, i32)> {
        let ((left, top), (right, bottom)) = (self.upper_left, self.lower_right);
        vec![
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ]
    }
}

/// Writes what a horizontal line at `height` means where the fewest of the points `drawn` are, at
/// its right end by default.
fn note(
    area: &Area,
    text: &str,
    height: i32,
    frame: &Frame,
    drawn: &[(i32, i32)],
    letters: f64,
) -> Result<()> {
    let (wide, tall) = (text_width(text, letters), (1.1 * letters) as i32);
    let ((left, top), (right, bottom)) = (frame.upper_left, frame.lower_right);
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

#[cfg(test)]
mod tests {
    use super::super::curve::Look;
    use super::*;

    fn panel(y: &[f64]) -> Panel {
        let curve = Curve::new("", 0, Look::Line, &[1.0, 2.0, 3.0], y, None);
        Panel::new(Axis::linear("x").counting(), Axis::linear("y"), vec![curve])
    }

    #[test]
    fn what_has_no_logarithm_is_counted_and_an_inset_takes_its_place() {
        let (shown, hidden) = panel(&[1.0, -2.0, 0.0]).logarithmic(false, true);
        assert!(shown.visible() && shown.y.log && !shown.x.log);
        assert_eq!(hidden, 2);
        let mut below = panel(&[-1.0, -2.0, -3.0]);
        assert!(!below.logarithmic(false, true).0.visible());
        below.inset = Some(Box::new(panel(&[1e-2, 1e-3, 1e-4])));
        let (shown, hidden) = below.logarithmic(false, true);
        assert_eq!((shown.curves[0].points[2][1], hidden), (1e-4, 0));
        assert!(shown.y.log);
        assert!(!below.logarithmic(true, false).0.y.log);
    }
}
