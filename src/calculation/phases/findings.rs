//! Decides what is made of trained networks: outputs and crossings, the same with |m| alone, what
//! the last layer has learned of the temperature.

use super::keys::{FeatureName, PhaseRecipe, Task};
use super::last_layer::learned;
use super::material::{Material, Scaling, Seen, Verdicts};
use super::spins::SpinData;
use super::study::Study;
use super::transition::crossing;
use crate::calculation::fits::{Course, Writer};
use crate::error::Result;
use crate::io::tree::Tree;
use crate::optimizer::FitMethod;
use crate::perceptron::{
    LearningPlan, LossGradient, NetworkTrainer, Perceptron, TrainingSet, UnitFunction,
};
use crate::stats::mean_and_scatter;

/// Penalty and steps of the classifier by |m|.
const BASELINE_L2: f64 = 1e-6;
const BASELINE_STEPS: usize = 100;

/// Differences of accuracies that say nothing.
const MARGIN: f64 = 0.01;

/// Training and test set of a run.
pub(super) struct Lessons {
    pub training: TrainingSet,
    test: Seen,
    pub scaling: Option<Scaling>,
    /// Mean of a feature that is one number at each value, as networks get it.
    pub means: Option<Vec<f64>>,
    one_sided: Vec<f64>,
    /// The same with |m| alone, of a classification.
    baseline: Option<Material>,
}

impl Lessons {
    pub fn new(all: &SpinData, recipe: &PhaseRecipe, classes: &[u32]) -> Result<Self> {
        let material = Material::new(all, recipe, recipe.features)?;
        let alone = PhaseRecipe {
            pace: LearningPlan {
                batch: 0,
                ..recipe.pace
            },
            ..recipe.clone()
        };
        let baseline = (recipe.task == Task::Classify)
            .then(|| Material::new(all, &alone, FeatureName::AbsMagnetisation));
        Ok(Lessons {
            means: material.training.means(),
            training: material.training.into_examples(classes),
            test: material.test,
            scaling: material.scaling,
            one_sided: material.one_sided,
            baseline: baseline.transpose()?,
        })
    }
}

/// Results at the end, with what a reader has to know.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PhaseFindings {
    pub results: Tree,
    pub warnings: Vec<String>,
    pub words: Vec<String>,
}

/// One network at the end.
struct Judged {
    judgement: LossGradient,
    test_loss: f64,
    verdicts: Verdicts,
}

/// Everything that is found, with values of the parameter and their classes.
pub(super) fn findings(
    study: &Study,
    courses: &[Course],
    lessons: &Lessons,
    (values, classes): (&[f64], &[u32]),
) -> Result<PhaseFindings> {
    let mut trainer = study.trainer();
    let test = lessons.test.examples(classes);
    let mut judge = |course: &Course| {
        let theta = &course.fit.theta;
        let answers = trainer.answers(theta, &lessons.test.inputs);
        Judged {
            judgement: trainer.judge(theta, &lessons.training),
            test_loss: trainer.judge(theta, &test).loss,
            verdicts: lessons.test.judge(&answers, classes),
        }
    };
    let judged: Vec<Judged> = courses.iter().map(&mut judge).collect();
    let mut found = PhaseFindings::default();
    let mut tree = Tree::default();
    let prefix = "phases";
    let mut write = Writer {
        tree: &mut tree,
        prefix,
    };
    networks(&mut write, study, &judged);
    let mut warnings = Vec::new();
    if let Some(scaling) = lessons.scaling {
        let note = ("mixed", "subtracted from the feature");
        write.real("input/shift", &[], vec![scaling.shift], note);
        let note = ("mixed", "the feature is divided by it");
        write.real("input/scale", &[], vec![scaling.scale], note);
    }
    found.words = match study.recipe.task {
        Task::Classify => {
            let crossings = outputs(&mut write, &judged, values, &mut warnings);
            let baseline = baseline(&mut write, lessons, values, classes)?;
            warnings.extend(doubt(write.tree, &judged, classes));
            said(&crossings, baseline)
        }
        Task::Temperature => learned(&mut write, study, courses, lessons, values, &mut warnings),
    };
    let apart = |course: &&Course| study.recipe.newton && course.count == 0.0;
    if study.recipe.epochs > 0 && courses.iter().any(|c| apart(&c)) {
        warnings.push(
            "Newton steps have not converged; give more phases.epochs, or a larger phases.l2"
                .into(),
        );
    }
    if !lessons.one_sided.is_empty() {
        warnings.push(format!(
            "all configurations at {:?} have the same sign of the magnetisation; use cluster \
             updates or more chains, so that networks see both",
            lessons.one_sided
        ));
    }
    found.warnings = warnings;
    found.results = tree.group(prefix);
    Ok(found)
}

fn networks(write: &mut Writer, study: &Study, judged: &[Judged]) {
    let seeds = judged.len();
    let column = |of: fn(&Judged) -> f64| judged.iter().map(of).collect::<Vec<_>>();
    let note = (
        "1",
        "cross-entropy of the training set and penalty, at the end",
    );
    write.real(
        "objective",
        &[seeds],
        column(|j| j.judgement.objective),
        note,
    );
    let note = ("1", "cross-entropy of the test set");
    write.real("test_loss", &[seeds], column(|j| j.test_loss), note);
    let note = (
        "1",
        "share of right classes in the test set, all values equally likely",
    );
    write.real("accuracy", &[seeds], column(|j| j.verdicts.accuracy), note);
    for block in study.network.blocks() {
        let of = |j: &Judged| j.judgement.gradient[block.range.clone()].to_vec();
        let all = judged.iter().flat_map(of).collect();
        let shape: Vec<usize> = [seeds].into_iter().chain(block.shape).collect();
        let name = format!("gradient/{}", block.name);
        let meaning = "derivative of the objective by this block, at the end";
        write.real(&name, &shape, all, ("1", meaning));
    }
}

/// Outputs and crossings of all seeds; returns the crossings there are.
fn outputs(
    write: &mut Writer,
    judged: &[Judged],
    values: &[f64],
    warnings: &mut Vec<String>,
) -> Vec<f64> {
    let seeds = judged.len();
    let all = judged
        .iter()
        .flat_map(|j| j.verdicts.output.iter().copied());
    let note = ("1", "mean output for the ordered phase on the test set");
    write.real("output", &[seeds, values.len()], all.collect(), note);
    let crossings: Vec<Option<f64>> = judged
        .iter()
        .map(|j| crossing(values, &j.verdicts.output))
        .collect();
    let there: Vec<f64> = crossings.iter().flatten().copied().collect();
    let meaning = "where the mean output crosses 1/2; 0 where it does not";
    let numbers = crossings.iter().map(|c| c.unwrap_or(0.0)).collect();
    write.real("crossing", &[seeds], numbers, ("coupling", meaning));
    let flags = crossings.iter().map(|c| i64::from(c.is_some())).collect();
    write.counts(
        "crosses",
        &[seeds],
        flags,
        "1 where the mean output crosses 1/2",
    );
    if there.len() < seeds {
        warnings.push(format!(
            "the output of {} of {seeds} seeds does not cross 1/2; give more phases.epochs, or \
             values on both sides of the transition",
            seeds - there.len()
        ));
    }
    there
}

/// The classifier by |m| alone; returns its crossing.
fn baseline(
    write: &mut Writer,
    lessons: &Lessons,
    values: &[f64],
    classes: &[u32],
) -> Result<Option<f64>> {
    let Some(material) = &lessons.baseline else {
        return Ok(None);
    };
    let training = material.training.examples(classes);
    let network = Perceptron::new(1, None, (&[], UnitFunction::Sigmoid), 2);
    let pace = LearningPlan {
        loss: crate::perceptron::Loss::CrossEntropy,
        l2: BASELINE_L2,
        batch: 0,
        method: FitMethod::Adam,
        learning_rate: 1.0,
    };
    let mut theta = vec![0.0; network.size()];
    let mut trainer = NetworkTrainer::new(network, pace);
    for _ in 0..BASELINE_STEPS {
        if trainer.newton(&mut theta, &training)?.arrived {
            break;
        }
    }
    let answers = trainer.answers(&theta, &material.test.inputs);
    let verdicts = material.test.judge(&answers, classes);
    let note = ("1", "the same of a logistic regression on |m| alone");
    let place = crossing(values, &verdicts.output);
    write.real("baseline_output", &[values.len()], verdicts.output, note);
    write.real("baseline_accuracy", &[], vec![verdicts.accuracy], note);
    if let Some(place) = place {
        let meaning = "the crossing of a logistic regression on |m| alone";
        write.real("baseline_crossing", &[], vec![place], ("coupling", meaning));
    }
    Ok(place)
}

/// A warning where networks are no better than one answer for all, or worse than |m| alone.
fn doubt(found: &Tree, judged: &[Judged], classes: &[u32]) -> Option<String> {
    let ordered = classes.iter().filter(|c| **c == 0).count() as f64 / classes.len() as f64;
    let chance = ordered.max(1.0 - ordered);
    let alone = found.real("phases/baseline_accuracy").unwrap_or(0.0);
    let sum: f64 = judged.iter().map(|j| j.verdicts.accuracy).sum();
    let mean = sum / judged.len().max(1) as f64;
    (mean <= chance + MARGIN || mean < alone - MARGIN).then(|| {
        format!(
            "the networks are right for {mean:.3} of the test set, |m| alone for {alone:.3}, one \
             answer for {chance:.3}: their crossing says little; give more phases.epochs, or \
             another phases.learning_rate"
        )
    })
}

fn said(crossings: &[f64], baseline: Option<f64>) -> Vec<String> {
    let Some((mean, error)) = mean_and_scatter(crossings) else {
        return vec!["no output crosses 1/2".into()];
    };
    let beside = baseline.map_or(String::new(), |b| format!("; |m| alone at {b:.4}"));
    let mean = over_seeds((mean, error), crossings.len());
    vec![format!("output 1/2 at {mean}{beside}")]
}

/// A mean over networks as it is printed.
pub(super) fn over_seeds((mean, error): (f64, Option<f64>), seeds: usize) -> String {
    match error {
        Some(error) => format!("{mean:.4} +- {error:.4}, mean of {seeds} seeds"),
        None => format!("{mean:.4}, no scatter over seeds"),
    }
}
