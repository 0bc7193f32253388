//! Decides which values of `[learn]` are refused before any physics is built.

use super::keys::{
    LearnInput, LearnedObjective, LearningMethod, NegativePhase, PartitionMethod, TargetInput, keys,
};
use super::moving::places;
use super::{ending, lesson, target};
use crate::ansatz::boltzmann::partition::LARGEST_SUM;
use crate::calculation::vmc::Vmc;
use crate::error::{Error, Result};
use crate::input::{Method, Source, at_least_one, positive};
use crate::optimizer::Shift;
use crate::shots::read_shots;

fn wrong<T>(key: &str, problem: impl Into<String>, remedy: &str) -> Result<T> {
    Err(Error::input(format!("learn.{key}"), problem, remedy))
}

/// An error for the first key whose value cannot work.
pub(super) fn validate(source: &Source) -> Result<()> {
    let keys = keys(source)?;
    numbers(&keys)?;
    fits_objective(&keys)?;
    of_method(&keys)?;
    let sampler = source.input.sampler.clone().unwrap_or_default();
    sampler.refuse_weights("[learn]")?;
    let gibbs = sampler.method == Method::Gibbs;
    if keys.negative.is_some() && !gibbs {
        return wrong(
            "negative",
            "it says how chains of block Gibbs start, and there are none",
            "use sampler.method = \"gibbs\", or remove the key",
        );
    }
    if keys.negative == Some(NegativePhase::Cd)
        && keys.objective != LearnedObjective::KullbackLeibler
    {
        return wrong("negative", "\"cd\" needs outcomes", "use \"pcd\"");
    }
    if keys.readout.is_some() && sampler.method != Method::FullSum {
        return wrong(
            "readout",
            "readout errors mix the probabilities of all outcomes",
            "use sampler.method = \"full-sum\", or correct the counts",
        );
    }
    if keys.patience > 0 && keys.test_fraction == 0.0 {
        return wrong(
            "patience",
            "nothing is held out",
            "give a test_fraction, such as 0.1",
        );
    }
    sampler.enough_for_an_error("sampler.samples", sampler.samples)
}

fn numbers(keys: &LearnInput) -> Result<()> {
    at_least_one("learn.restarts", keys.restarts)?;
    keys.learning_rate.validate("learn.learning_rate", false)?;
    if let Some(rate) = &keys.phase_learning_rate {
        rate.validate("learn.phase_learning_rate", false)?;
    }
    positive("learn.phase_init", keys.phase_init)?;
    positive("learn.epsilon", keys.epsilon)?;
    for (key, beta) in [("beta1", keys.beta1), ("beta2", keys.beta2)] {
        if beta.is_some_and(|b| !(0.0..1.0).contains(&b)) {
            return wrong(
                key,
                "it is not from 0 to below 1",
                "give a number such as 0.9",
            );
        }
    }
    if !(0.0..1.0).contains(&keys.test_fraction) {
        let problem = format!("{} is no share", keys.test_fraction);
        return wrong("test_fraction", problem, "give a number from 0 to below 1");
    }
    if let Some(z) = &keys.log_z {
        at_least_one("learn.log_z.temperatures", z.temperatures)?;
        if z.method == PartitionMethod::Ais && z.samples < 2 {
            return wrong(
                "log_z.samples",
                "one sample has no error bar",
                "use at least 2",
            );
        }
    }
    Ok(())
}

/// Keys of outcomes stand with outcomes, and a state with an infidelity.
fn fits_objective(keys: &LearnInput) -> Result<()> {
    let outcomes = keys.objective == LearnedObjective::KullbackLeibler;
    let from_file = matches!(keys.target, TargetInput::Shots { .. });
    if !outcomes && from_file {
        return wrong(
            "objective",
            "\"infidelity\" needs a state, and there are outcomes alone",
            "use \"kullback-leibler\", or name a state in target",
        );
    }
    for (key, given) in [
        ("shots", keys.shots > 0),
        ("bases", keys.bases.is_some()),
        ("batch", keys.batch > 0),
        ("readout", keys.readout.is_some()),
        ("test_fraction", keys.test_fraction > 0.0),
    ] {
        if given && !outcomes {
            let remedy = "remove the key, or use objective = \"kullback-leibler\"";
            return wrong(key, "an infidelity has no outcomes", remedy);
        }
    }
    for (key, given) in [("shots", keys.shots > 0), ("bases", keys.bases.is_some())] {
        if given && from_file {
            let remedy = "remove the key: the file says what was measured";
            return wrong(key, "nothing is drawn where outcomes are given", remedy);
        }
    }
    if keys.test_fraction > 0.0 && keys.shots == 0 && !from_file {
        return wrong(
            "test_fraction",
            "an exact distribution has no outcomes to hold out",
            "give a number of shots, or remove the key",
        );
    }
    Ok(())
}

/// Keys of one method stand with that method.
fn of_method(keys: &LearnInput) -> Result<()> {
    let (adam, sr) = (LearningMethod::Adam, LearningMethod::Sr);
    for (key, given, whose) in [
        ("beta1", keys.beta1.is_some(), adam),
        ("beta2", keys.beta2.is_some(), adam),
        ("epsilon", keys.epsilon.is_some(), adam),
        ("shift", keys.shift.is_some(), sr),
    ] {
        if given && keys.method != whose {
            let problem = format!("it belongs to method = \"{}\"", whose.name());
            return wrong(key, problem, "remove the key, or use that method");
        }
    }
    if let Some(shift) = &keys.shift {
        if matches!(shift, Shift::Automatic(_)) {
            let problem = "\"auto\" needs residuals, and a likelihood has none";
            return wrong("shift", problem, "give a number, or { relative = … }");
        }
        shift.validate("learn.shift")?;
    }
    Ok(())
}

/// Keys of machines stand with a wave function of machines, those of a phase where it has one.
fn of_machines(keys: &LearnInput, vmc: &Vmc, loaded: bool) -> Result<()> {
    let phase = !places(&vmc.ensemble.layout()).1.is_empty();
    for (key, given) in [
        ("phase_from", keys.phase_from.is_some()),
        ("phase_init", keys.phase_init.is_some()),
        ("phase_learning_rate", keys.phase_learning_rate.is_some()),
        ("freeze_amplitude", keys.freeze_amplitude),
    ] {
        if given && !phase {
            let remedy = "use ansatz.kind = \"boltzmann\" with phase = true, or remove the key";
            return wrong(key, "the wave function has no phase of its own", remedy);
        }
    }
    if let Some(z) = &keys.log_z {
        log_z(z.method, vmc)?;
    }
    if keys.restarts > 1 && loaded {
        let problem = "all restarts would start from ansatz.load";
        return wrong("restarts", problem, "remove one of the two keys");
    }
    if keys.phase_init.is_some() && loaded {
        let problem = "the phase starts from ansatz.load";
        return wrong("phase_init", problem, "remove one of the two keys");
    }
    Ok(())
}

/// ln Z is that of a machine on all configurations, exact where one layer is small.
fn log_z(method: PartitionMethod, vmc: &Vmc) -> Result<()> {
    if !vmc.problem.basis.charges().is_empty() {
        let problem = "ln Z is a sum over all configurations, and there is a sector";
        return wrong("log_z", problem, "remove hamiltonian.sector, or the key");
    }
    let Some(machine) = ending::machine(&*vmc.ensemble) else {
        let remedy = "use ansatz.kind = \"boltzmann\", or remove the key";
        return wrong("log_z", "ln Z belongs to a Boltzmann machine", remedy);
    };
    let smaller = machine.sites().min(machine.hidden());
    if method == PartitionMethod::Exact && smaller > LARGEST_SUM {
        let problem =
            format!("the smaller layer has {smaller} units, and {LARGEST_SUM} can be summed");
        return wrong("log_z.method", problem, "use \"ais\"");
    }
    Ok(())
}

/// What the wave function and its ensemble cannot do.
pub(super) fn refuse(source: &Source, keys: &LearnInput, vmc: &Vmc) -> Result<()> {
    let ansatz = source.input.ansatz.as_ref();
    if vmc.ensemble.layout().is_empty() {
        let problem = "the wave function has no parameters that could learn";
        return Err(Error::input(
            "ansatz",
            problem,
            "use another kind, or hidden units",
        ));
    }
    of_machines(keys, vmc, ansatz.is_some_and(|t| t.contains_key("load")))?;
    lesson::readout(keys, vmc.sites())?;
    let outcomes = keys.objective == LearnedObjective::KullbackLeibler;
    if outcomes && !vmc.problem.basis.is_spin_half() {
        let problem = "outcomes + and - are those of spins one half";
        return Err(Error::input(
            "learn.objective",
            problem,
            "use \"infidelity\"",
        ));
    }
    if let TargetInput::Shots { file, first } = &keys.target {
        let path = source.folder.join(file);
        read_shots(&path, "learn.target.file", vmc.sites(), *first)?;
    }
    lesson::bases(keys, &vmc.problem)?;
    target::look_at(source, keys, &vmc.problem)?;
    for (key, given) in [
        ("patience", keys.patience > 0),
        ("restarts", keys.restarts > 1 && outcomes),
    ] {
        if given && !vmc.ensemble.noise().is_none() && !keeps_norm(vmc) {
            let problem = "likelihoods cannot be compared: the norm of the wave function is not \
                           known in every step";
            let remedy = "use sampler.method = \"full-sum\" or \"direct\", a boltzmann of at most \
                          12 hidden units, or remove the key";
            return wrong(key, problem, remedy);
        }
    }
    Ok(())
}

fn keeps_norm(vmc: &Vmc) -> bool {
    let few = |n: usize| 2f64.powi(n as i32) <= ending::EVERY_STEP;
    let machine = ending::machine(&*vmc.ensemble);
    let small = machine.is_some_and(|m| few(m.sites().min(m.hidden())));
    ending::is_normalised(vmc) || small || vmc.problem.basis.dimension() <= ending::EVERY_STEP
}
