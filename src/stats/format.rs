//! Decides how a number with an error bar is printed: −11.2281(7), the error in units of the last
//! digits.

/// The mean with its error in parentheses: one digit, two where the first is 1; 8 decimals without
/// an error.
pub fn with_error(mean: f64, error: f64) -> String {
    if !mean.is_finite() || !error.is_finite() {
        return format!("{mean:.3e} +- {error:.1e}");
    }
    // Rounding is all that is left of such an error.
    if error <= 1e-14 * mean.abs() {
        return format!("{mean:.8}(0)");
    }
    // Numbers of a run that has diverged.
    if mean.abs().max(error) >= 1e12 {
        return format!("{mean:.3e} +- {error:.1e}");
    }
    let mut exponent = error.log10().floor() as i32;
    let digits_of = |exponent: i32| (error / 10f64.powi(exponent)).round();
    if error / 10f64.powi(exponent) < 1.95 || digits_of(exponent) >= 10.0 {
        exponent -= i32::from(digits_of(exponent) < 10.0);
    }
    if exponent >= 0 {
        let unit = 10f64.powi(exponent);
        return format!(
            "{:.0}({:.0})",
            (mean / unit).round() * unit,
            digits_of(exponent) * unit
        );
    }
    format!(
        "{mean:.*}({:.0})",
        (-exponent) as usize,
        digits_of(exponent)
    )
}

/// A time with three digits, in the unit that fits: 3.60 ms, 41.0 s, 12.5 min, 3.20 h, 2.10 d.
pub fn duration(seconds: f64) -> String {
    let units = [
        (86_400.0, "d"),
        (3600.0, "h"),
        (60.0, "min"),
        (1.0, "s"),
        (1e-3, "ms"),
        (1e-6, "us"),
    ];
    // Two of the larger unit are easier to read than 120 of the smaller one.
    let fits = |(unit, _): &&(f64, &str)| seconds >= if *unit > 1.0 { 2.0 * unit } else { *unit };
    let (unit, name) = units.iter().find(fits).unwrap_or(&units[5]);
    let value = seconds / unit;
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {name}")
}

/// A count: all its digits below a million, else three of them.
pub fn count(number: f64) -> String {
    match number.abs() < 1e6 {
        true => format!("{number:.0}"),
        false => format!("{number:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_are_easy_to_read() {
        for (seconds, text) in [
            (3.597e-3, "3.60 ms"),
            (0.408, "408 ms"),
            (1.0, "1.00 s"),
            (90.0, "90.0 s"),
            (750.0, "12.5 min"),
            (7200.0, "2.00 h"),
            (1e6, "11.6 d"),
            (2e-7, "0.20 us"),
            (0.0, "0.00 us"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(count(49_152.0), "49152");
        assert_eq!(count(1.26e29), "1.26e29");
    }

    #[test]
    fn table() {
        for (mean, error, text) in [
            (-11.22812, 0.00071, "-11.2281(7)"),
            (-11.22812, 0.00014, "-11.22812(14)"),
            (1.0, 0.0995, "1.00(10)"),
            (12345.6, 230.0, "12300(200)"),
            (5.4, 1.2, "5.4(12)"),
            (2.5, 0.0, "2.50000000(0)"),
            (-3.2e302, f64::INFINITY, "-3.200e302 +- inf"),
            (-3.2e302, 1.5e300, "-3.200e302 +- 1.5e300"),
        ] {
            assert_eq!(with_error(mean, error), text);
        }
        assert!(with_error(1.0, f64::NAN).contains("NaN"));
    }
}
