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

#[cfg(test)]
mod tests {
    use super::with_error;

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
