//! Decides how logarithms of hyperbolic functions are computed without a loss of digits, for small
//! arguments and for large ones.

/// ln(2 cosh x).
pub fn ln_2cosh(x: f64) -> f64 {
    let x = x.abs();
    x + (-2.0 * x).exp().ln_1p()
}

/// ½ ln coth y for y ≥ 0; infinite for y = 0.
pub fn half_ln_coth(y: f64) -> f64 {
    0.5 * (2.0 / (2.0 * y).exp_m1()).ln_1p()
}

/// w with cosh 2w = e^{2|x|}, so that Σ_h e^{h w (s + s')} = 2 e^{|x|} e^{|x| s s'} for s, s' = ±1
/// and h = ±1: the coupling of a hidden unit that acts as a pair of strength |x|.
pub fn pair_coupling(x: f64) -> f64 {
    let u = 2.0 * x.abs();
    0.5 * (u + (-(-2.0 * u).exp_m1()).sqrt().ln_1p())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!(
            (found - wanted).abs() <= 1e-14 * wanted.abs(),
            "{found} {wanted}"
        );
    }

    #[test]
    fn both_ends_keep_their_digits() {
        near(ln_2cosh(-0.7), (2.0 * 0.7_f64.cosh()).ln());
        near(ln_2cosh(1e4), 1e4);
        near(half_ln_coth(0.3), -0.5 * 0.3_f64.tanh().ln());
        near(half_ln_coth(40.0), (-80.0_f64).exp());
        assert_eq!(half_ln_coth(0.0), f64::INFINITY);
        near(pair_coupling(-0.6), 0.5 * 1.2_f64.exp().acosh());
        // cosh 2w = 1 + 2 w² + … and e^{2x} = 1 + 2 x + …
        near(pair_coupling(1e-28), 1e-14);
        near(pair_coupling(1e4), 0.5 * (2e4 + std::f64::consts::LN_2));
    }
}
