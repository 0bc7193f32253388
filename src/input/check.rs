//! Decides which values of the input are refused before any physics is built, and which keys have
//! no effect.

use super::Source;
use super::sections::{ChainStart, Input, Method, SamplerInput};
use crate::error::{Error, Result};
use crate::io::output::is_reserved;
use crate::sampler::{BORN, ladder};

/// Keys of Markov chains, which other methods of sampling do not have.
const OF_CHAINS: [(&str, &str); 8] = [
    ("sampler", "chains"),
    ("sampler", "moves"),
    ("sampler", "sweeps"),
    ("sampler", "burn_in"),
    ("sampler", "start"),
    ("sampler", "power"),
    ("sampler", "tempering"),
    ("measure", "burn_in"),
];

/// A power at which all configurations are alike.
const LEAST_POWER: f64 = 1e-3;
/// Replicas of a chain at most.
const MOST_REPLICAS: usize = 1024;

/// The keys of Markov chains that an input gives.
pub(super) fn keys_of_chains(table: &toml::Table) -> Vec<String> {
    let given = OF_CHAINS.iter().filter(|(section, key)| {
        let inside = table.get(*section).and_then(toml::Value::as_table);
        inside.is_some_and(|t| t.contains_key(*key))
    });
    given
        .map(|(section, key)| format!("{section}.{key}"))
        .collect()
}

impl Source {
    /// Warns of keys that a full sum does not look at; one input may serve several methods.
    pub fn warn_of_chains_in_a_sum(&self) {
        let is_sum = |s: &SamplerInput| s.method == Method::FullSum;
        let given = keys_of_chains(&self.table);
        if self.input.sampler.as_ref().is_some_and(is_sum) && !given.is_empty() {
            log::warn!(
                "a full sum has no Markov chains: {} belong to \"metropolis\" and have no effect",
                given.join(", ")
            );
        }
    }
}

/// An error where a number that is given is not positive; `key` is where it stands.
pub fn positive(key: &str, value: Option<f64>) -> Result<()> {
    match value.filter(|v| !(v.is_finite() && *v > 0.0)) {
        Some(v) => Err(Error::input(
            key,
            format!("{v} is not a positive number"),
            "give a positive number",
        )),
        None => Ok(()),
    }
}

/// An error where a count is 0; `key` is where it stands.
pub fn at_least_one(key: &str, value: usize) -> Result<()> {
    if value == 0 {
        Err(Error::input(key, "0 is too small", "give at least 1"))
    } else {
        Ok(())
    }
}

impl SamplerInput {
    /// Whether samples carry weights that differ.
    pub fn is_weighted(&self) -> bool {
        self.power != BORN
    }

    /// The powers of the replicas of a chain on so many sites; without replicas one.
    pub fn powers(&self, sites: usize) -> Vec<f64> {
        match &self.tempering {
            Some(keys) => ladder(self.power, keys.least_power, keys.replicas, sites),
            None => vec![self.power],
        }
    }

    /// An error where samples would carry weights, for what cannot use them.
    pub fn refuse_weights(&self, what: &str) -> Result<()> {
        match self.is_weighted() {
            true => Err(Error::input(
                "sampler.power",
                format!("{what} does not use the weights that samples of |psi|^p carry"),
                "remove this key",
            )),
            false => Ok(()),
        }
    }

    /// An error where chains would have replicas, for what has updates of its own.
    pub fn refuse_replicas(&self, what: &str) -> Result<()> {
        match self.tempering {
            Some(_) => Err(Error::input(
                "sampler.tempering",
                format!("{what} has no chains at powers of |psi|"),
                "remove this key",
            )),
            None => Ok(()),
        }
    }

    /// An error where there are too few samples for an error bar; a full sum has none.
    pub fn enough_for_an_error(&self, key: &str, samples: usize) -> Result<()> {
        at_least_one(key, samples)?;
        if self.method == Method::FullSum || samples > 1 {
            return Ok(());
        }
        let problem = "one sample has no variance, and its mean no error bar";
        Err(Error::input(key, problem, "use at least 2"))
    }

    /// An error where a number of samples cannot be shared out evenly over the chains.
    pub fn multiple_of_chains(&self, key: &str, samples: usize) -> Result<()> {
        if self.method.has_chains() && !samples.is_multiple_of(self.chains) {
            let near = samples.div_ceil(self.chains) * self.chains;
            return Err(Error::input(
                key,
                format!("{samples} is not a multiple of the {} chains", self.chains),
                format!("use {near}, or another number of chains"),
            ));
        }
        Ok(())
    }
}

/// An error where the power of |ψ| cannot be sampled.
fn powers(sampler: &SamplerInput) -> Result<()> {
    let wrong = |problem: String, remedy| Err(Error::input("sampler.power", problem, remedy));
    if !(1.0..=BORN).contains(&sampler.power) {
        let problem = format!("{:?} is not a power from 1 to 2", sampler.power);
        return wrong(problem, "give a number such as 1.5; 2 samples |psi|^2");
    }
    if sampler.is_weighted() && sampler.method != Method::Metropolis {
        return wrong(
            "this method of sampling draws from |psi|^2 alone".into(),
            "remove this key, or use sampler.method = \"metropolis\"",
        );
    }
    tempering(sampler)
}

/// An error where there can be no such replicas.
fn tempering(sampler: &SamplerInput) -> Result<()> {
    let Some(keys) = &sampler.tempering else {
        return Ok(());
    };
    let wrong = |key: &str, problem: String, remedy: &str| {
        let key = format!("sampler.tempering{key}");
        Err(Error::input(key, problem, remedy))
    };
    if sampler.method != Method::Metropolis {
        let problem = "replicas exchange configurations of Metropolis chains".into();
        return wrong(
            "",
            problem,
            "remove this key, or use sampler.method = \"metropolis\"",
        );
    }
    if !(keys.least_power >= LEAST_POWER && keys.least_power < sampler.power) {
        let problem = format!(
            "{:?} is not between {LEAST_POWER} and the power {:?} of the samples",
            keys.least_power, sampler.power
        );
        return wrong(".least_power", problem, "give a number such as 0.5");
    }
    let fits = |replicas: usize| (2..=MOST_REPLICAS).contains(&replicas);
    match keys.replicas.filter(|&replicas| !fits(replicas)) {
        Some(replicas) => {
            let problem = format!("{replicas} is not a number from 2 to {MOST_REPLICAS}");
            let remedy = "leave it out: the rule of the ladder gives one";
            wrong(".replicas", problem, remedy)
        }
        None => Ok(()),
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
    let draws = matches!(sampler.method, Method::Gibbs | Method::Cluster);
    if draws && sampler.moves.is_some() {
        return Err(Error::input(
            "sampler.moves",
            "\"gibbs\" and \"cluster\" draw all sites at once, without moves",
            "remove this key, or use sampler.method = \"metropolis\"",
        ));
    }
    if draws && sampler.start != ChainStart::default() {
        return Err(Error::input(
            "sampler.start",
            "\"gibbs\" and \"cluster\" begin in random states alone",
            "remove this key, or use sampler.method = \"metropolis\"",
        ));
    }
    powers(&sampler)?;
    at_least_one("sampler.chains", sampler.chains)?;
    at_least_one("sampler.samples", sampler.samples)?;
    at_least_one("sampler.sweeps", sampler.sweeps)?;
    sampler.multiple_of_chains("sampler.samples", sampler.samples)?;
    if sampler.samples > 1 << 31 || sampler.chains > 1 << 31 {
        return Err(Error::input(
            "sampler.samples",
            "more than 2^31 samples a step",
            "use fewer samples",
        ));
    }
    positive(
        "output.checkpoint_every",
        Some(input.output.checkpoint_every),
    )?;
    positive("output.max_time", input.output.max_time)?;
    let seconds = input.output.log_every;
    if !(seconds.is_finite() && seconds >= 0.0) {
        return Err(Error::input(
            "output.log_every",
            format!("{seconds} is not a number of seconds"),
            "give a number from 0; 0 writes a line for every block",
        ));
    }
    Ok(())
}

/// An error where a name or a folder cannot be that of the output files.
pub(super) fn names(input: &Input) -> Result<()> {
    let (output, remedy) = (
        &input.output,
        "choose another name; output.directory is for folders",
    );
    let name = output.name.as_deref().unwrap_or_default();
    let refuse = |problem: &str| Err(Error::input("output.name", problem, remedy));
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return refuse("the name is empty, holds a `/`, or means a folder");
    }
    if name.contains(char::is_control) {
        return refuse("the name holds a control character");
    }
    if is_reserved(name) {
        let problem = format!("files of the name {name:?} belong to a run of another name");
        return refuse(&problem);
    }
    if input.title.contains('\0') {
        let problem = "the title holds a character of number 0, which no file can";
        return Err(Error::input("title", problem, "remove it"));
    }
    let directory = &output.directory;
    let variable =
        |rest: &str| rest.starts_with(|c: char| c == '{' || c == '_' || c.is_alphabetic());
    if directory.starts_with('~') || directory.split('$').skip(1).any(variable) {
        return Err(Error::input(
            "output.directory",
            format!("{directory:?} holds a `~` or a `$`, which only a shell replaces"),
            "write the path itself, or --set output.directory=\"$HOME/...\" on the command line",
        ));
    }
    if directory.contains('\0') {
        let problem = "the folder's name holds a character of number 0";
        return Err(Error::input("output.directory", problem, "remove it"));
    }
    Ok(())
}
