//! Decides how a map gets axes: a frame, ticks with numbers and the names of what runs across and
//! up.

use super::axis::Axis;
use super::map::Map;

/// A rectangle whose corner is (0, 0), over ranges of two quantities.
pub struct Plane {
    /// First and last value across.
    pub x: [f64; 2],
    /// First and last value upward.
    pub y: [f64; 2],
    /// Width and height in units of the map.
    pub size: [f64; 2],
}

impl Plane {
    /// Where a pair of values stands.
    pub fn place(&self, x: f64, y: f64) -> [f64; 2] {
        let part = |v: f64, [low, high]: [f64; 2]| (v - low) / (high - low).max(1e-300);
        [
            self.size[0] * part(x, self.x),
            self.size[1] * part(y, self.y),
        ]
    }

    /// Ticks and their numbers on both axes, for the values between the first and the last of
    /// `across` and `up`.
    pub fn add_ticks(&self, map: &mut Map, across: &[f64], up: &[f64]) {
        let (width, tick) = (self.size[0], 0.012 * self.size[0]);
        let scale = |values: &[f64]| Axis::linear("").tight().scale(values.iter().copied());
        let columns = scale(across);
        // Numbers between whole distances belong to no column.
        let whole = across.iter().all(|v| v.fract() == 0.0);
        let shown = |v: &&f64| !whole || (**v - v.round()).abs() < 1e-9;
        for &value in columns.ticks.iter().filter(shown) {
            let [x, _] = self.place(value, self.y[0]);
            map.lines.push(vec![[x, 0.0], [x, -tick]]);
            map.texts.push((
                [x, -0.04 * width],
                columns.number(value).trim_end_matches(".0").to_string(),
            ));
        }
        let rows = scale(up);
        let rows = rows
            .ticks
            .iter()
            .filter(|_| !up.is_empty())
            .map(|v| (*v, rows.number(*v)));
        for (value, number) in rows {
            let [_, y] = self.place(self.x[0], value);
            map.lines.push(vec![[0.0, y], [-tick, y]]);
            map.texts.push(([-0.06 * width, y], number));
        }
    }

    /// The frame, the names of the axes, and room for them.
    pub fn add_frame(&self, map: &mut Map, across: &str, up: &str) {
        let [width, top] = self.size;
        let above = top + 0.04 * width;
        map.lines.push(vec![
            [0.0, 0.0],
            [width, 0.0],
            [width, top],
            [0.0, top],
            [0.0, 0.0],
        ]);
        map.texts
            .push(([0.5 * width, -0.09 * width], across.into()));
        map.texts.push(([0.12 * width, above], up.into()));
        map.lines.extend([
            vec![[-0.1 * width, -0.11 * width]; 2],
            vec![[width, above + 0.02 * width]; 2],
        ]);
    }
}
