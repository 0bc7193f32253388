//! Decides the range, the ticks and the numbers of an axis, linear or logarithmic.
//!
//! Ticks stand at multiples of 1, 2 or 5 × 10^n; on logarithmic axes at powers of ten, with 2 and
//! 5 where there are few.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// What an axis shows.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Whether equal ratios are equal lengths.
    pub log: bool,
    /// Values that must be inside, whatever the data.
    pub include: Vec<f64>,
    /// Room at both ends as a fraction of the range.
    pub room: f64,
    /// About how many ticks.
    pub ticks: usize,
    /// Whether it counts things, so that ticks stand at whole numbers alone.
    pub counts: bool,
}

/// A range with its ticks; of logarithmic axes in powers of ten.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Places of ticks with numbers.
    pub ticks: Vec<f64>,
    log: bool,
    decimals: usize,
    /// Whether powers of ten are written out.
    plain: bool,
    /// Powers of ten that are written with the numbers.
    exponent: i32,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis {
            label: label.into(),
            log: false,
            include: Vec::new(),
            room: 0.05,
            ticks: 6,
            counts: false,
        }
    }
    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Axis {
            log: true,
            ..Self::linear(label)
        }
    }
    /// Makes a linear axis logarithmic; values that must be inside do not bind it.
    pub fn make_log(&mut self) {
        self.log = true;
        self.counts = false;
        self.include.clear();
    }
    /// Makes sure that `value` is inside.
    pub fn with(mut self, value: f64) -> Self {
        self.include.push(value);
        self
    }
    /// Without room at the ends.
    pub fn tight(mut self) -> Self {
        self.room = 0.0;
        self
    }
    /// With about `count` ticks.
    pub fn with_ticks(mut self, count: usize) -> Self {
        self.ticks = count;
        self
    }

    /// With ticks at whole numbers alone.
    pub fn counting(mut self) -> Self {
        self.counts = true;
        self
    }

    /// Where `value` stands on the scale; `None` where it cannot be shown.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = if self.log { value.log10() } else { value };
        place.is_finite().then_some(place)
    }

    /// The scale over `values`, of which those that cannot be shown do not count.
    pub fn scale(&self, values: impl Iterator<Item = f64>) -> Scale {
        let places = values
            .chain(self.include.iter().copied())
            .filter_map(|v| self.place(v));
        let (low, high) = places.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        let (mut low, mut high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let least = if self.log {
            0.1
        } else {
            1e-9 * low.abs().max(high.abs()).max(1e-30)
        };
        if high - low < least {
            let half = if self.log {
                0.5
            } else {
                0.5 * low.abs().max(high.abs()).max(1e-3) * 0.1
            };
            (low, high) = (0.5 * (low + high) - half, 0.5 * (low + high) + half);
        }
        let room = self.room * (high - low);
        (low, high) = (low - room, high + room);
        if self.log {
            self.powers(low, high)
        } else {
            self.multiples(low, high)
        }
    }

    fn multiples(&self, low: f64, high: f64) -> Scale {
        let least = if self.counts { 1.0 } else { 0.0 };
        let step = nice((high - low) / self.ticks as f64).max(least);
        let (from, to) = (
            (low / step - 1e-9).ceil() as i64,
            (high / step + 1e-9).floor() as i64,
        );
        let ticks = (from..=to).map(|k| k as f64 * step).collect();
        let largest = low.abs().max(high.abs());
        let exponent = if (1e-3..1e5).contains(&largest) {
            0
        } else {
            largest.log10().floor() as i32
        };
        let decimals = (f64::from(exponent) - step.log10() - 1e-9).ceil().max(0.0) as usize;
        Scale {
            low,
            high,
            ticks,
            log: false,
            decimals,
            plain: true,
            exponent,
        }
    }

    fn powers(&self, low: f64, high: f64) -> Scale {
        let decades = high - low;
        let every = (decades / self.ticks as f64).ceil().max(1.0) as i64;
        let factors: &[f64] = match decades {
            d if d > 2.5 => &[1.0],
            d if d > 1.2 => &[1.0, 3.0],
            d if d > 0.5 => &[1.0, 2.0, 5.0],
            _ => &[1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        };
        let whole = (low.floor() as i64..=high.ceil() as i64)
            .filter(|k| every == 1 || k.rem_euclid(every) == 0);
        let all = whole.flat_map(|k| factors.iter().map(move |f| k as f64 + f64::log10(*f)));
        let ticks = all
            .filter(|t| (low - 1e-9..=high + 1e-9).contains(t))
            .collect();
        Scale {
            low,
            high,
            ticks,
            log: true,
            decimals: 0,
            plain: low > -2.5 && high < 4.0,
            exponent: 0,
        }
    }
}

/// The multiple of 1, 2 or 5 × 10^n nearest to `step`.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = step / power;
    power
        * match factor {
            f if f < 1.4 => 1.0,
            f if f < 3.2 => 2.0,
            f if f < 7.1 => 5.0,
            _ => 10.0,
        }
}

/// 10 to the power of `n`, as text.
pub fn power_of_ten(n: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        c => {
            ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][c.to_digit(10).unwrap_or(0) as usize]
        }
    };
    format!("10{}", n.to_string().chars().map(digit).collect::<String>())
}

impl Scale {
    /// The number at a tick.
    pub fn number(&self, tick: f64) -> String {
        if self.log {
            let power = (tick + 1e-9).floor();
            let factor = 10f64.powf(tick - power);
            let power = power as i32;
            if self.plain {
                let value = (10f64.powf(tick) * 1e6).round() / 1e6;
                return minus(&format!("{value}"));
            }
            let factor = (factor * 10.0).round() / 10.0;
            let ten = power_of_ten(power);
            return if factor == 1.0 {
                ten
            } else {
                format!("{factor}·{ten}")
            };
        }
        let digits = format!("{:.*}", self.decimals, tick / 10f64.powi(self.exponent));
        let digits = if digits
            .trim_start_matches('-')
            .chars()
            .all(|c| c == '0' || c == '.')
        {
            digits.trim_start_matches('-').to_string()
        } else {
            digits
        };
        let is_zero = digits.chars().all(|c| c == '0' || c == '.');
        match self.exponent {
            0 => minus(&digits),
            _ if is_zero => "0".into(),
            e => format!("{}·{}", minus(&digits), power_of_ten(e)),
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let part = (value - self.low) / (self.high - self.low);
        limit.0 + (part * f64::from(limit.1 - limit.0)).round() as i32
    }
    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            Vec::new()
        } else {
            self.ticks.clone()
        }
    }
    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        self.number(*value)
    }
}

/// A true minus sign.
fn minus(number: &str) -> String {
    number.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(axis: &Axis, values: &[f64]) -> Vec<String> {
        let scale = axis.scale(values.iter().copied());
        assert!(scale.low < scale.high);
        scale.ticks.iter().map(|&t| scale.number(t)).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let axis = Axis::linear("").tight();
        assert_eq!(
            numbers(&axis, &[0.0, 300.0]),
            ["0", "50", "100", "150", "200", "250", "300"]
        );
        let sites = Axis::linear("").tight().with_ticks(8).counting();
        assert_eq!(numbers(&sites, &[1.0, 3.0]), ["1", "2", "3"]);
        assert_eq!(
            numbers(&axis, &[-0.2, 0.2]),
            [
                "−0.20", "−0.15", "−0.10", "−0.05", "0.00", "0.05", "0.10", "0.15", "0.20"
            ]
        );
        assert_eq!(
            numbers(&axis, &[0.0, 2e-5]),
            ["0", "0.5·10⁻⁵", "1.0·10⁻⁵", "1.5·10⁻⁵", "2.0·10⁻⁵"]
        );
        assert_eq!(
            numbers(&Axis::log("").tight(), &[1e-6, 1.0])
                .last()
                .unwrap(),
            "10⁰"
        );
        assert_eq!(
            numbers(&Axis::log("").tight(), &[1e-6, 1e-4]),
            ["10⁻⁶", "3·10⁻⁶", "10⁻⁵", "3·10⁻⁵", "10⁻⁴"]
        );
    }

    #[test]
    fn no_data_breaks_a_scale() {
        for values in [
            &[][..],
            &[f64::NAN, f64::INFINITY],
            &[0.0],
            &[-3.0, -3.0],
            &[1e300, -1e300],
        ] {
            for axis in [Axis::linear(""), Axis::log("")] {
                let count = numbers(&axis, values).len();
                assert!((1..20).contains(&count), "{values:?}: {count}");
            }
        }
    }
}
