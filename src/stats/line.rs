//! Decides the straight line through points with errors in both coordinates, and the error of where
//! it meets x = 0.
//!
//! y = a + b x by weighted least squares with the effective variance σ_y² + b² σ_x² − 2 b
//! cov(x, y) of each point, iterated (J. Orear, Am. J. Phys. 50, 912 (1982)). Where the points
//! scatter by more than their errors, χ²/(n − 2) > 1, errors grow by its square root; points
//! without errors have those of their scatter.

/// A point; errors may be 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitPoint {
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
    /// Variance of x.
    pub x_variance: f64,
    /// Variance of y.
    pub y_variance: f64,
    /// Covariance of both.
    pub covariance: f64,
}

/// A fitted line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// y at x = 0.
    pub intercept: f64,
    /// Its standard error; infinite where nothing says what it is.
    pub error: f64,
    /// dy/dx
    pub slope: f64,
    /// Its standard error.
    pub slope_error: f64,
    /// χ²/(n − 2); none for two points or points without errors.
    pub chi2: Option<f64>,
}

/// The line through at least two points of different x; none otherwise.
pub fn fit(points: &[FitPoint]) -> Option<Line> {
    let n = points.len() as f64;
    let exact = points
        .iter()
        .all(|p| p.x_variance == 0.0 && p.y_variance == 0.0);
    // A point without an error among others would outweigh them all.
    let floor = points.iter().map(|p| p.y_variance).fold(0.0, f64::max) * 1e-6;
    let mut line: Option<Line> = None;
    for _ in 0..50 {
        let b = line.map_or(0.0, |l| l.slope);
        let variance = |p: &FitPoint| {
            (p.y_variance + b * b * p.x_variance - 2.0 * b * p.covariance).max(floor)
        };
        let weights: Vec<f64> = points
            .iter()
            .map(|p| if exact { 1.0 } else { 1.0 / variance(p) })
            .collect();
        let sum = |f: &dyn Fn(&FitPoint) -> f64| {
            points
                .iter()
                .zip(&weights)
                .map(|(p, w)| w * f(p))
                .sum::<f64>()
        };
        let (s, sx, sy) = (sum(&|_| 1.0), sum(&|p| p.x), sum(&|p| p.y));
        let (x, y) = (sx / s, sy / s);
        let (xx, xy) = (sum(&|p| (p.x - x).powi(2)), sum(&|p| (p.x - x) * (p.y - y)));
        if !(xx > 0.0 && s.is_finite()) {
            return None;
        }
        let (slope, intercept) = (xy / xx, y - xy / xx * x);
        let chi2 = sum(&|p| (p.y - intercept - slope * p.x).powi(2)) / (n - 2.0);
        let scale = match (points.len() > 2, exact) {
            (true, true) => chi2.sqrt(),
            (true, false) => chi2.max(1.0).sqrt(),
            (false, true) => f64::INFINITY,
            (false, false) => 1.0,
        };
        line = Some(Line {
            intercept,
            error: scale * (1.0 / s + x * x / xx).sqrt(),
            slope,
            slope_error: scale * (1.0 / xx).sqrt(),
            chi2: (points.len() > 2 && !exact).then_some(chi2),
        });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Distribution, Purpose, StandardNormal, stream};

    #[test]
    fn pulls_of_the_intercept_are_standard_normal() {
        let truth = |x: f64| -10.0 + 0.3 * x;
        let pulls: Vec<f64> = (0..400)
            .map(|k| {
                let mut rng = stream(4, Purpose::Law, k, 0);
                let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
                let points: Vec<FitPoint> = [0.5, 1.0, 2.0, 4.0]
                    .map(|x: f64| {
                        // Errors of both coordinates with a correlation of 0.6.
                        let (u, v) = (normal(), normal());
                        let (sx, sy) = (0.05 * x, 0.05);
                        let (dx, dy) = (sx * u, sy * (0.6 * u + 0.8 * v));
                        let (x_variance, y_variance, covariance) =
                            (sx * sx, sy * sy, 0.6 * sx * sy);
                        FitPoint {
                            x: x + dx,
                            y: truth(x) + dy,
                            x_variance,
                            y_variance,
                            covariance,
                        }
                    })
                    .to_vec();
                let line = fit(&points).unwrap();
                (line.intercept + 10.0) / (line.error / line.chi2.unwrap().max(1.0).sqrt())
            })
            .collect();
        let mean = pulls.iter().sum::<f64>() / 400.0;
        let sd = (pulls.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
        assert!(
            mean.abs() < 0.2 && (0.85..1.15).contains(&sd),
            "mean {mean}, sd {sd}"
        );
    }

    #[test]
    fn exact_points_have_the_error_of_their_scatter() {
        let point = |x: f64, y: f64| FitPoint {
            x,
            y,
            x_variance: 0.0,
            y_variance: 0.0,
            covariance: 0.0,
        };
        let line = fit(&[point(1.0, 3.0), point(2.0, 5.0), point(3.0, 7.0)]).unwrap();
        assert!((line.intercept - 1.0).abs() < 1e-12 && line.error < 1e-12 && line.chi2.is_none());
        let bent = fit(&[point(1.0, 3.0), point(2.0, 5.1), point(3.0, 7.0)]).unwrap();
        assert!(bent.error > 0.05);
        assert_eq!(
            fit(&[point(1.0, 3.0), point(2.0, 5.0)]).unwrap().error,
            f64::INFINITY
        );
        assert_eq!(fit(&[point(1.0, 3.0), point(1.0, 5.0)]), None);
        assert_eq!(fit(&[]), None);
    }
}
