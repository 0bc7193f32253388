//! Decides which values of the input are refused before any physics is built.

use super::sections::{Input, Method};
use crate::error::{Error, Result};

fn positive(key: &str, value: Option<f64>) -> Result<()> {
    match value.filter(|v| !(v.is_finite() && *v > 0.0)) {
        Some(v) => Err(Error::input(
            key,
            format!("{v} is not a positive number"),
            "give a positive number",
        )),
        None => Ok(()),
    }
}

fn at_least_one(key: &str, value: usize) -> Result<()> {
    if value == 0 {
        Err(Error::input(key, "0 is too small", "give at least 1"))
    } else {
        Ok(())
    }
}

/// An error for the first key whose value cannot work.
pub(super) fn check(input: &Input) -> Result<()> {
    at_least_one("threads", input.threads)?;
    if i64::try_from(input.seed).is_err() {
        return Err(Error::input(
            "seed",
            "the seed is too large",
            "seeds go from 0 to 9223372036854775807",
        ));
    }
    let sampler = input.sampler.clone().unwrap_or_default();
    if input.deterministic && sampler.method == Method::FullSum {
        return Err(Error::input(
            "deterministic",
            "a full sum adds its weights rank by rank, so its last digits depend on the number of \
             ranks",
            "remove the key, or use sampler.method = \"metropolis\"",
        ));
    }
    if input.deterministic
        && input
            .optimize
            .as_ref()
            .is_some_and(|o| !o.orthogonal_to.is_empty())
    {
        return Err(Error::input(
            "deterministic",
            "overlaps with known states are summed rank by rank, so their last digits depend on \
             the number of ranks",
            "remove the key, or optimize.orthogonal_to",
        ));
    }
    at_least_one("sampler.chains", sampler.chains)?;
    at_least_one("sampler.samples", sampler.samples)?;
    at_least_one("sampler.sweeps", sampler.sweeps)?;
    let multiple = |key: &str, samples: usize| {
        if sampler.method == Method::Metropolis && !samples.is_multiple_of(sampler.chains) {
            let near = samples.div_ceil(sampler.chains) * sampler.chains;
            return Err(Error::input(
                key,
                format!(
                    "{samples} is not a multiple of the {} chains",
                    sampler.chains
                ),
                format!("use {near}, or another number of chains"),
            ));
        }
        Ok(())
    };
    multiple("sampler.samples", sampler.samples)?;
    if sampler.samples > 1 << 31 || sampler.chains > 1 << 31 {
        return Err(Error::input(
            "sampler.samples",
            "more than 2^31 samples a step",
            "use fewer samples",
        ));
    }
    if let Some(o) = &input.optimize {
        at_least_one("optimize.steps", o.steps)?;
        positive("optimize.max_distance", o.max_distance)?;
        positive("optimize.norm_constraint", o.norm_constraint)?;
        at_least_one("optimize.distribute_above", o.distribute_above)?;
        if !(o.max_rise.is_finite() && o.max_rise >= 0.0) {
            let problem = format!("{} is not a number from 0", o.max_rise);
            return Err(Error::input(
                "optimize.max_rise",
                problem,
                "give a number, 0 to allow any rise",
            ));
        }
        positive("optimize.target_error", o.target_error)?;
        positive("optimize.target_v_score", o.target_v_score)?;
        let regularisations = [
            ("shift", o.shift.is_some()),
            ("carleo_troyer", o.carleo_troyer.is_some()),
            ("scale_invariant", o.scale_invariant.is_some()),
            ("pseudo_inverse", o.pseudo_inverse.is_some()),
        ];
        let named: Vec<_> = regularisations
            .iter()
            .filter(|r| r.1)
            .map(|r| r.0)
            .collect();
        if named.len() > 1 {
            return Err(Error::input(
                format!("optimize.{}", named[1]),
                format!("several regularisations: {}", named.join(", ")),
                "keep one of them",
            ));
        }
        if sampler.method != Method::FullSum && sampler.samples < 2 {
            return Err(Error::input(
                "sampler.samples",
                "one sample has no variance",
                "use at least 2",
            ));
        }
    }
    if let Some(e) = &input.evolve {
        e.check()?;
        if let Some(samples) = e.samples {
            at_least_one("evolve.samples", samples)?;
            multiple("evolve.samples", samples)?;
        }
        if e.start.is_some() && input.optimize.is_some() {
            return Err(Error::input(
                "evolve.start",
                "the evolution starts from the result of [optimize]",
                "remove the key or the section [optimize]",
            ));
        }
        if sampler.method == Method::Metropolis && sampler.samples < 2 * sampler.chains {
            return Err(Error::input(
                "sampler.samples",
                "one sample of a chain has no variance",
                "use more samples",
            ));
        }
    }
    if let Some(m) = &input.measure {
        at_least_one("measure.samples", m.samples)?;
        multiple("measure.samples", m.samples)?;
        if m.samples > 1 << 33 {
            return Err(Error::input(
                "measure.samples",
                "more than 2^33 samples",
                "use fewer samples",
            ));
        }
    }
    positive(
        "output.checkpoint_every",
        Some(input.output.checkpoint_every),
    )?;
    positive("output.max_time", input.output.max_time)?;
    if input
        .output
        .name
        .as_ref()
        .is_some_and(|n| n.is_empty() || n.contains('/'))
    {
        return Err(Error::input(
            "output.name",
            "the name is empty or holds a `/`",
            "use output.directory for folders",
        ));
    }
    Ok(())
}
