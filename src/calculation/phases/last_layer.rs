//! Decides what the last layer of networks knows of the temperature: biases that are −ln Z, weights
//! of filters that change at the transition.
//!
//! The optimal classifier of E is p(β_k|E) ∝ e^{−β_k E − ln Z(β_k)}: minus the second difference of
//! the bias over the squared step of β is d² ln Z/dβ² = Var E.

use super::findings::{Lessons, over_seeds};
use super::keys::FeatureName;
use super::material::Scaling;
use super::study::Study;
use super::transition::{TanhStep, fit_step, second_difference};
use crate::calculation::fits::{Course, Writer};
use crate::stats::mean_and_scatter;

/// What the last layer knows of the temperature.
pub(super) fn learned(
    write: &mut Writer,
    study: &Study,
    courses: &[Course],
    lessons: &Lessons,
    values: &[f64],
    warnings: &mut Vec<String>,
) -> Vec<String> {
    let beta: Vec<f64> = values.iter().map(|t| 1.0 / t).collect();
    if study.network.is_linear() {
        let (bias, weight) = single_layer(write, study, courses, lessons.scaling, beta.len());
        let fluctuations = fluctuations(&beta, &bias, &weight, lessons);
        return peak(write, fluctuations, &beta, warnings);
    }
    if study.recipe.convolution.is_some() && study.recipe.widths.is_empty() {
        return filters(write, study, courses, &beta, warnings);
    }
    Vec::new()
}

/// Biases and weights [feature, class] of a single layer, first class subtracted, mean over the
/// seeds; written for the feature itself, returned for what networks get.
fn single_layer(
    write: &mut Writer,
    study: &Study,
    courses: &[Course],
    scaling: Option<Scaling>,
    classes: usize,
) -> (Vec<f64>, Vec<f64>) {
    let inputs = study.network.inputs();
    let (mut bias, mut weight) = (vec![0.0; classes], vec![0.0; inputs * classes]);
    let share = 1.0 / courses.len().max(1) as f64;
    for course in courses {
        let (w, b) = course.fit.theta.split_at(inputs * classes);
        for k in 0..classes {
            bias[k] += share * (b[k] - b[0]);
            for f in 0..inputs {
                weight[f * classes + k] += share * (w[k * inputs + f] - w[f]);
            }
        }
    }
    let Scaling { shift, scale } = scaling.unwrap_or(Scaling {
        shift: 0.0,
        scale: 1.0,
    });
    let own: Vec<f64> = weight.iter().map(|w| w / scale).collect();
    let at_zero = |k: usize| {
        let slopes = (0..inputs).map(|f| own[f * classes + k]);
        bias[k] - shift * slopes.sum::<f64>()
    };
    let at_zero = (0..classes).map(at_zero).collect();
    let unit = match study.recipe.features {
        FeatureName::Energy => "1/coupling",
        FeatureName::Spins | FeatureName::AbsMagnetisation => "1",
    };
    let meaning = "weight of each feature, first class subtracted, mean over the seeds";
    write.real("weight", &[inputs, classes], own, (unit, meaning));
    let note = ("1", "bias, first class subtracted, mean over the seeds");
    write.real("bias", &[classes], at_zero, note);
    (bias, weight)
}

/// Minus the second difference of the bias over the squared step of 1/T. That of the weight of the
/// energy vanishes but for noise, which the bias at E = 0 has many times; it is taken out at the
/// mean of each class.
fn fluctuations(beta: &[f64], bias: &[f64], weight: &[f64], lessons: &Lessons) -> Option<Vec<f64>> {
    let mut second = second_difference(beta, bias)?;
    if let Some(means) = &lessons.means {
        let noise = second_difference(beta, weight)?;
        let inner = means.iter().skip(1).zip(noise);
        second
            .iter_mut()
            .zip(inner)
            .for_each(|(s, (m, n))| *s += m * n);
    }
    Some(second)
}

/// Writes the fluctuations of the energy and their peak.
fn peak(
    write: &mut Writer,
    fluctuations: Option<Vec<f64>>,
    beta: &[f64],
    warnings: &mut Vec<String>,
) -> Vec<String> {
    let Some(second) = fluctuations else {
        warnings.push(
            "the temperatures are not equally spaced in 1/T: there is no second difference of the \
             bias; give classical.inverse_temperatures with equal steps"
                .into(),
        );
        return Vec::new();
    };
    let largest = (0..second.len()).max_by(|a, b| second[*a].total_cmp(&second[*b]));
    let peak = beta[largest.unwrap_or(0) + 1];
    let meaning = "minus the second difference of the bias over the squared step of 1/T; of a \
                   feature that is one number at its means, without the noise of the weights at 0";
    let length = second.len();
    let note = ("coupling^2", meaning);
    write.real("second_difference", &[length], second, note);
    let meaning = "1/T of the largest second difference";
    write.real("peak", &[], vec![peak], ("1/coupling", meaning));
    let step = (beta[1] - beta[0]).abs();
    vec![format!(
        "second difference of the bias largest at 1/T = {peak:.4}, on a grid of {step:.4}"
    )]
}

/// The sum of the last weights over all features of a convolution, and its tanh.
fn filters(
    write: &mut Writer,
    study: &Study,
    courses: &[Course],
    beta: &[f64],
    warnings: &mut Vec<String>,
) -> Vec<String> {
    let (seeds, classes) = (courses.len(), beta.len());
    let blocks = study.network.blocks();
    let Some(last) = blocks.iter().rfind(|block| block.weights) else {
        return Vec::new();
    };
    let inputs = study.network.last_inputs();
    let sums = |course: &Course| {
        let weights = &course.fit.theta[last.range.clone()];
        let rows = weights.chunks_exact(inputs);
        rows.map(|row| row.iter().sum::<f64>()).collect::<Vec<_>>()
    };
    let all: Vec<Vec<f64>> = courses.iter().map(sums).collect();
    let note = ("1", "sum of the weights of each class over all features");
    write.real("weight_sum", &[seeds, classes], all.concat(), note);
    let fits: Option<Vec<_>> = all.iter().map(|sum| fit_step(beta, sum)).collect();
    let Some(fits) = fits else {
        warnings.push("a tanh needs five temperatures; give more of them".into());
        return Vec::new();
    };
    let column = |of: fn(&TanhStep) -> f64| fits.iter().map(of).collect::<Vec<_>>();
    let meaning = "of A tanh(c (1/T - b)) + d through the summed weights";
    let centres = column(|s| s.centre);
    for (name, unit, values) in [
        ("tanh/amplitude", "1", column(|s| s.amplitude)),
        ("tanh/rate", "coupling", column(|s| s.rate)),
        ("tanh/centre", "1/coupling", centres.clone()),
        ("tanh/offset", "1", column(|s| s.offset)),
    ] {
        write.real(name, &[seeds], values, (unit, meaning));
    }
    let Some(centre) = mean_and_scatter(&centres) else {
        return Vec::new();
    };
    let centre = over_seeds(centre, seeds);
    vec![format!("summed weights change at 1/T = {centre}")]
}
