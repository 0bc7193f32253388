//! Decides how smooth functions are integrated: by halves, until two rules agree.
//!
//! The Gauss–Kronrod pair of 7 and 15 points (A. S. Kronrod, Nodes and Weights of Quadrature
//! Formulas (1965)); the error of the longer rule is far below the difference that stops it.

/// Nodes between 0 and 1, weights of the longer rule, and of the shorter one.
const RULE: [[f64; 3]; 8] = [
    [0.991_455_371_120_812_6, 0.022_935_322_010_529_224, 0.0],
    [
        0.949_107_912_342_758_5,
        0.063_092_092_629_978_56,
        0.129_484_966_168_869_7,
    ],
    [0.864_864_423_359_769_1, 0.104_790_010_322_250_19, 0.0],
    [
        0.741_531_185_599_394_4,
        0.140_653_259_715_525_92,
        0.279_705_391_489_276_64,
    ],
    [0.586_087_235_467_691_1, 0.169_004_726_639_267_9, 0.0],
    [
        0.405_845_151_377_397_2,
        0.190_350_578_064_785_4,
        0.381_830_050_505_118_9,
    ],
    [0.207_784_955_007_898_47, 0.204_432_940_075_298_9, 0.0],
    [0.0, 0.209_482_141_084_727_82, 0.417_959_183_673_469_4],
];
/// Difference of the rules that is accepted, in units of the whole.
const TOLERANCE: f64 = 1e-12;
/// Halvings, at most.
const DEPTH: usize = 40;

/// Both rules on an interval.
fn rules(f: &dyn Fn(f64) -> f64, from: f64, to: f64) -> [f64; 2] {
    let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
    let mut sums = [0.0; 2];
    for [node, long, short] in RULE {
        let value = match node {
            0.0 => f(middle),
            _ => f(middle - half * node) + f(middle + half * node),
        };
        sums[0] += half * long * value;
        sums[1] += half * short * value;
    }
    sums
}

fn halves(f: &dyn Fn(f64) -> f64, (from, to): (f64, f64), scale: f64, depth: usize) -> f64 {
    let [long, short] = rules(f, from, to);
    // Numbers that are not finite differ from nothing: halving them would go on for ever.
    let differ = (long - short).abs() > TOLERANCE * scale.max(long.abs());
    if !differ || !long.is_finite() || depth == 0 {
        return long;
    }
    let middle = 0.5 * (from + to);
    halves(f, (from, middle), scale, depth - 1) + halves(f, (middle, to), scale, depth - 1)
}

/// The integral of a function that is smooth on each of the pieces between `ends`.
pub(super) fn integral(f: &dyn Fn(f64) -> f64, ends: &[f64]) -> f64 {
    let pieces = || ends.windows(2).map(|w| (w[0], w[1]));
    let first: f64 = pieces().map(|(a, b)| rules(f, a, b)[0].abs()).sum();
    pieces().map(|piece| halves(f, piece, first, DEPTH)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrals_are_exact_to_the_last_digits() {
        let near = |found: f64, wanted: f64| {
            assert!(
                (found - wanted).abs() < 1e-13 * wanted.abs(),
                "{found} {wanted}"
            );
        };
        near(integral(&|x| x.powi(22), &[0.0, 1.0]), 1.0 / 23.0);
        near(integral(&f64::exp, &[0.0, 3.0]), 3f64.exp_m1());
        let narrow = |x: f64| 1e-3 / (1e-6 + x * x);
        near(
            integral(&narrow, &[-1.0, 0.5, 2.0]),
            1e3f64.atan() + 2e3f64.atan(),
        );
        assert_eq!(integral(&f64::sin, &[1.0]), 0.0);
    }
}
