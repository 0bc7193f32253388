//! Decides where a transition is: the crossing of an output with 1/2, the peak of a second
//! difference, the centre of a tanh.

/// Largest relative difference of steps that count as equal.
const EQUAL: f64 = 1e-6;
/// Places and steepnesses of the first grid of a tanh.
const GRID: [usize; 2] = [101, 41];
/// Times the grid is refined.
const REFINEMENTS: usize = 40;

/// Where an output, straight between the values, crosses 1/2: the mean of all places where it does.
pub(super) fn crossing(values: &[f64], output: &[f64]) -> Option<f64> {
    let mut points: Vec<[f64; 2]> = values.iter().zip(output).map(|(v, o)| [*v, *o]).collect();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let place = |w: &[[f64; 2]]| {
        let ([a, before], [b, after]) = (w[0], w[1]);
        let crosses = (before >= 0.5) != (after >= 0.5);
        crosses.then(|| a + (b - a) * (before - 0.5) / (before - after))
    };
    let found: Vec<f64> = points.windows(2).filter_map(place).collect();
    let sum: f64 = found.iter().sum();
    (!found.is_empty()).then(|| sum / found.len() as f64)
}

/// Minus the second differences of y over the squared step of x; `None` where the steps differ or
/// there are fewer than three.
pub(super) fn second_difference(x: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    let (first, last) = (*x.first()?, *x.last()?);
    let step = (last - first) / (x.len() - 1) as f64;
    let equal = |w: &[f64]| (w[1] - w[0] - step).abs() <= EQUAL * step.abs();
    if x.len() < 3 || step == 0.0 || !x.windows(2).all(equal) {
        return None;
    }
    let of = |w: &[f64]| -(w[0] - 2.0 * w[1] + w[2]) / (step * step);
    Some(y.windows(3).map(of).collect())
}

/// A tanh(c (x − b)) + d
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TanhStep {
    pub amplitude: f64,
    pub rate: f64,
    pub centre: f64,
    pub offset: f64,
}

/// A and d of the least squares for given c and b, with the squares that are left.
fn linear(points: &[[f64; 2]], rate: f64, centre: f64) -> (TanhStep, f64) {
    let n = points.len() as f64;
    let tanh = |x: f64| (rate * (x - centre)).tanh();
    let mean = |of: &dyn Fn(&[f64; 2]) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (t, y) = (mean(&|p| tanh(p[0])), mean(&|p| p[1]));
    let tt = mean(&|p| (tanh(p[0]) - t).powi(2));
    let ty = mean(&|p| (tanh(p[0]) - t) * (p[1] - y));
    let amplitude = if tt > 1e-14 { ty / tt } else { 0.0 };
    let step = TanhStep {
        amplitude,
        rate,
        centre,
        offset: y - amplitude * t,
    };
    let left = mean(&|p| (p[1] - step.offset - amplitude * tanh(p[0])).powi(2));
    (step, left)
}

/// The least squares of a tanh: a grid over centre and rate, refined around its best point. The
/// centre stays among the values. `None` for fewer than five points.
pub(super) fn fit_step(x: &[f64], y: &[f64]) -> Option<TanhStep> {
    let points: Vec<[f64; 2]> = x.iter().zip(y).map(|(x, y)| [*x, *y]).collect();
    let low = x.iter().copied().fold(f64::INFINITY, f64::min);
    let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = high - low;
    if points.len() < 5 || !(width > 0.0 && y.iter().all(|y| y.is_finite())) {
        return None;
    }
    let better = |best: &mut (TanhStep, f64), centre: f64, ln_rate: f64| {
        let found = linear(&points, ln_rate.exp(), centre.clamp(low, high));
        if found.1 < best.1 {
            *best = found;
        }
    };
    let mut best = linear(&points, 4.0 / width, 0.5 * (low + high));
    let rates = [(1.0 / width).ln(), (200.0 / width).ln()];
    let at = |k: usize, count: usize| k as f64 / (count - 1) as f64;
    for a in 0..GRID[0] {
        for b in 0..GRID[1] {
            let ln_rate = rates[0] + (rates[1] - rates[0]) * at(b, GRID[1]);
            better(&mut best, low + width * at(a, GRID[0]), ln_rate);
        }
    }
    let mut reach = [
        width / (GRID[0] - 1) as f64,
        (rates[1] - rates[0]) / (GRID[1] - 1) as f64,
    ];
    for _ in 0..REFINEMENTS {
        let (centre, ln_rate) = (best.0.centre, best.0.rate.ln());
        for a in -2..=2 {
            for b in -2..=2 {
                let by = [f64::from(a) * 0.5 * reach[0], f64::from(b) * 0.5 * reach[1]];
                better(&mut best, centre + by[0], ln_rate + by[1]);
            }
        }
        reach = reach.map(|r| 0.6 * r);
    }
    Some(best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_lie_between_values_in_any_order() {
        assert_eq!(
            crossing(&[3.0, 1.0, 2.0], &[0.0, 1.0, 0.75]),
            Some(2.0 + 1.0 / 3.0)
        );
        assert_eq!(crossing(&[1.0, 2.0], &[0.9, 0.6]), None);
        // One half alone is crossed.
        let found = crossing(&[0.0, 1.0], &[0.55, 0.45]).unwrap();
        assert!((found - 0.5).abs() < 1e-12);
        assert_eq!(crossing(&[0.0, 1.0], &[0.65, 0.55]), None);
        assert_eq!(crossing(&[0.0, 1.0], &[0.45, 0.35]), None);
        // Three crossings: their mean.
        let found = crossing(&[0.0, 1.0, 2.0, 3.0], &[1.0, 0.0, 1.0, 0.0]);
        assert_eq!(found, Some(1.5));
    }

    #[test]
    fn second_differences_need_equal_steps() {
        let x = [0.1, 0.2, 0.3, 0.4];
        let found = second_difference(&x, &x.map(|x: f64| -3.0 * x * x + x)).unwrap();
        assert!(found.iter().all(|d| (d - 6.0).abs() < 1e-10), "{found:?}");
        assert_eq!(second_difference(&[0.1, 0.2, 0.31], &[0.0; 3]), None);
        assert_eq!(second_difference(&[0.1, 0.2], &[0.0; 2]), None);
    }

    #[test]
    fn a_tanh_is_found_again() {
        let x: Vec<f64> = (0..40).map(|k| 0.025 * f64::from(k)).collect();
        let y: Vec<f64> = x
            .iter()
            .map(|x| -2.0 * (7.0 * (x - 0.437)).tanh() + 0.3)
            .collect();
        let found = fit_step(&x, &y).unwrap();
        assert!((found.centre - 0.437).abs() < 1e-5, "{found:?}");
        assert!((found.rate - 7.0).abs() < 1e-3 && (found.amplitude + 2.0).abs() < 1e-3);
        assert!((found.offset - 0.3).abs() < 1e-3);
    }
}
