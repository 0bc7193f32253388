//! Decides what is learned of a run by running a piece of it: the same input for a few steps and a
//! few measured samples, in a temporary folder that is gone afterwards.
//!
//! As many ranks as asked where this machine has the cores and an mpirun, else the chains of one of
//! them alone. Where even two steps take too long, with fewer samples and chains.

use super::extent::{of_one_rank, of_samples, smaller};
use crate::calculation::{Extent, Registry, evolve, optimize};
use crate::error::Result;
use crate::input::{DisorderInput, Method, Source};
use crate::io::hdf5;
use crate::io::output::OutputPaths;
use crate::io::tree::Tree;
use crate::job::{self, Stop};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Steps of a first trial: the first one burns in.
const STEPS: usize = 4;
/// Seconds of steps that are timed, where they are short.
const TIMED: f64 = 0.5;
/// Steps in which that has to come together, at most.
const MOST_STEPS: usize = 200;
/// Parts of the time that ever smaller trials may take, the first one of them as large as asked;
/// the last has what is left.
const PARTS: [f64; 3] = [0.5, 0.35, 1.0];
/// The name of its files.
const NAME: &str = "trial";

/// What is asked of a trial.
pub struct Asked<'a> {
    /// The input file, and what replaces its keys.
    pub path: &'a Path,
    /// `a.b=c`
    pub settings: &'a [String],
    /// The same, read.
    pub source: &'a Source,
    /// The kinds that it can name.
    pub registry: &'a Registry<'a>,
    /// The method of `[optimize]`, chosen for the ranks of the run.
    pub method: Option<&'a str>,
    /// Ranks of the run.
    pub ranks: usize,
    /// Seconds that all of it may take.
    pub seconds: f64,
    /// Signals.
    pub stop: &'a Stop,
}

/// What a trial has left: its files, as long as they were there.
#[derive(Debug, Clone)]
pub struct Trial {
    /// How much was run.
    pub extent: Extent,
    /// Whether all sections of the input were reached.
    pub finished: bool,
    /// Results and their bytes.
    pub results: (Tree, f64),
    /// The checkpoint and its bytes.
    pub checkpoint: (Tree, f64),
    /// Bytes of the sample segments and of the file that joins them.
    pub segments: (Vec<f64>, f64),
    /// The steps of an evolution whose steps adapt: lengths, and attempts per step.
    pub adapted: Option<(Vec<f64>, f64)>,
}

impl Trial {
    /// Wall times of steps without the first, which burns in; of the first where there is no other.
    pub fn seconds(&self, of: &str) -> Vec<f64> {
        let all = self
            .results
            .0
            .reals(&format!("timing/{of}_seconds"))
            .unwrap_or_default();
        if all.len() > 1 {
            all[1..].to_vec()
        } else {
            all
        }
    }

    /// Those of some sections that it did not come far enough in to tell how long they take. A
    /// measurement needs no block of its own behind steps: no sample takes longer than one of them.
    pub fn untimed<'s>(&self, sections: impl IntoIterator<Item = &'s str>) -> Vec<&'s str> {
        let steps = !self.seconds("step").is_empty();
        let slopes = self.seconds("evolve").len() >= 2;
        let timed = |name: &str| match name {
            "optimize" => steps,
            "evolve" => slopes,
            "measure" if steps || slopes => true,
            _ => {
                let blocks = self.results.0.count(&format!("progress/{name}/blocks"));
                blocks.is_ok_and(|blocks| blocks > 0)
            }
        };
        let all = sections.into_iter();
        all.filter(|name| !self.finished && !timed(name)).collect()
    }
}

struct TrialRun<'a> {
    asked: &'a Asked<'a>,
    folder: PathBuf,
    began: Instant,
}

/// Runs a trial; `None`, with the reason in the log, where nothing could be learned.
///
/// Fails with `Error::Interrupted` where the program is told to stop. The folder is removed in
/// every case.
pub fn trial(asked: &Asked) -> Result<Option<Trial>> {
    let folder = match tempfile::Builder::new().prefix("nishina-check-").tempdir() {
        Ok(folder) => folder,
        Err(e) => {
            log::warn!("no trial, because there is no room for a temporary folder: {e}");
            return Ok(None);
        }
    };
    let attempt = TrialRun {
        asked,
        folder: folder.path().to_path_buf(),
        began: Instant::now(),
    };
    let found = attempt.trial();
    if let Err(e) = folder.close() {
        log::warn!("a temporary folder is left: {e}");
    }
    found
}

impl TrialRun<'_> {
    fn trial(&self) -> Result<Option<Trial>> {
        let Asked { source, ranks, .. } = *self.asked;
        let sampler = source.input.sampler.clone().unwrap_or_default();
        let whole = Extent {
            ranks,
            chains: sampler.chains,
            per_chain: optimize::workload(source)?.most.max(sampler.samples) / sampler.chains,
            steps: STEPS,
            whole_evolution: false,
        };
        let Some(first) = self.first(whole, sampler.method == Method::FullSum)? else {
            return Ok(None);
        };
        let mut trial = self.longer(first)?;
        if evolve::keys(source)?.is_some_and(|e| e.integrator.is_adaptive())
            && !self.left().is_zero()
        {
            trial.adapted = self.adapted(trial.extent)?;
        }
        Ok(Some(trial))
    }

    /// A first trial: on all ranks of the run where this machine has the cores, else of one of them
    /// alone; smaller ones where it does not come to a block of every section in the time and it is
    /// no full sum.
    fn first(&self, whole: Extent, exact: bool) -> Result<Option<Trial>> {
        let mut found = None;
        if whole.ranks > 1 && whole.ranks <= job::placement::cores() {
            found = self.run(whole, PARTS[0])?;
            if found.is_none() && self.left().is_zero() {
                return Ok(None);
            }
        }
        let alone = match exact {
            true => Extent { ranks: 1, ..whole },
            false => of_one_rank(whole),
        };
        if found.is_none() {
            found = self.run(alone, PARTS[0])?;
        }
        let sampler = self.asked.source.input.sampler.clone().unwrap_or_default();
        let others = smaller(alone, &sampler);
        // The last one may take all that is left.
        let parts = &PARTS[PARTS.len() - others.len()..];
        for (extent, part) in others.into_iter().zip(parts) {
            let missing = found.as_ref().map(|trial| self.missing(trial));
            if exact || missing == Some(0) || self.left().is_zero() {
                break;
            }
            log::info!(
                "two steps do not fit in {:.0} s; once more with fewer samples",
                self.began.elapsed().as_secs_f64()
            );
            let smaller = self.run(extent, *part)?;
            let is_better = |t: &Trial| missing.is_none_or(|missing| self.missing(t) < missing);
            found = smaller.filter(is_better).or(found);
        }
        Ok(found)
    }

    /// Sections of the input that a trial says nothing of.
    fn missing(&self, trial: &Trial) -> usize {
        let all = self.asked.registry.sections.iter();
        let all = all.map(|section| section.declaration.name);
        let given = all.filter(|name| self.asked.source.table.contains_key(*name));
        trial.untimed(given).len()
    }

    /// Short steps are timed once more, for longer.
    fn longer(&self, trial: Trial) -> Result<Trial> {
        let steps_asked = optimize::keys(self.asked.source)?.map_or(0, |o| o.steps);
        let seconds = trial.seconds("step").into_iter();
        let typical = seconds.fold(f64::INFINITY, f64::min);
        let steps = steps_asked.min((TIMED / typical) as usize);
        let steps = steps.min(MOST_STEPS);
        if !trial.finished || steps <= 2 * STEPS {
            return Ok(trial);
        }
        let extent = Extent {
            steps,
            ..trial.extent
        };
        let again = self.run(extent, PARTS[0])?;
        Ok(again.filter(|t| t.finished).unwrap_or(trial))
    }

    fn left(&self) -> Duration {
        Duration::from_secs_f64(self.asked.seconds).saturating_sub(self.began.elapsed())
    }

    /// Runs a piece of the input and reads what it has left; `None` where it failed.
    fn run(&self, extent: Extent, part: f64) -> Result<Option<Trial>> {
        let Some(code) = self.start(extent, part)? else {
            return Ok(None);
        };
        let paths = self.paths();
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0.0, |m| m.len() as f64);
        let file = |path: PathBuf| Some((hdf5::read(&path).ok()?, bytes(&path)));
        let Some((results, checkpoint)) = file(paths.results()).zip(file(paths.checkpoint()))
        else {
            return Ok(None);
        };
        let segments = paths.segment_files()?;
        // One segment has its numbers in a file with two names.
        let joined = match segments.len() {
            1 => 0.0,
            _ => bytes(&paths.samples()),
        };
        let segments = segments.iter().map(|file| bytes(&file.path)).collect();
        let segments = (segments, joined);
        let (finished, adapted) = (code == 0, None);
        Ok(Some(Trial {
            extent,
            finished,
            results,
            checkpoint,
            segments,
            adapted,
        }))
    }

    /// The realisation of random couplings that stands for all, where there are several.
    fn realisation(&self) -> Option<usize> {
        let disorder = self.asked.source.input.disorder.as_ref();
        disorder.map(DisorderInput::number)
    }

    /// Its files.
    fn paths(&self) -> OutputPaths {
        let name = match self.realisation() {
            Some(number) => DisorderInput::name_of(NAME, number),
            None => NAME.into(),
        };
        OutputPaths::new(&self.folder, name)
    }

    /// The steps of an adaptive evolution, as far as it comes in the time that is left.
    fn adapted(&self, extent: Extent) -> Result<Option<(Vec<f64>, f64)>> {
        let extent = Extent {
            steps: extent.steps.min(1),
            whole_evolution: true,
            ..extent
        };
        if self.start(extent, 0.2)?.is_none() {
            return Ok(None);
        }
        let Ok(tree) = hdf5::read(&self.paths().results()) else {
            return Ok(None);
        };
        let (Ok(lengths), Ok(rejected)) = (
            tree.reals("evolve/history/step"),
            tree.reals("evolve/history/rejected"),
        ) else {
            return Ok(None);
        };
        let lengths = lengths.into_iter().filter(|&h| h > 0.0).collect::<Vec<_>>();
        let attempts = 1.0 + rejected.iter().sum::<f64>() / lengths.len().max(1) as f64;
        Ok(Some((lengths, attempts)))
    }

    /// Starts the program anew in the folder; its exit code where it finished (0) or stopped in
    /// time (75).
    fn start(&self, extent: Extent, part: f64) -> Result<Option<i32>> {
        let Asked {
            path,
            settings,
            stop,
            ..
        } = *self.asked;
        let left = self.left();
        if left.is_zero() {
            return Ok(None);
        }
        let log = self.folder.join("log");
        let most = left.as_secs_f64().min(part * self.asked.seconds);
        let mut arguments = vec![
            "run".to_string(),
            path.display().to_string(),
            "--fresh".into(),
        ];
        let own = self.settings(extent, most)?;
        for setting in settings.iter().chain(&own) {
            arguments.extend(["--set".to_string(), setting.clone()]);
        }
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            let _ = std::fs::remove_file(entry.path());
        }
        // A stop waits for the solve of a step.
        let code = job::run_again(
            extent.ranks,
            &arguments,
            &log,
            Duration::from_secs_f64(1.5 * most + 1.0),
            stop,
        )?;
        if let Some(code @ (0 | 75)) = code {
            return Ok(Some(code));
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let why = said
            .lines()
            .rfind(|l| l.starts_with("error: "))
            .unwrap_or("no message");
        match code {
            None => log::warn!(
                "the trial on {} rank(s) did not come to a step in {most:.0} s",
                extent.ranks
            ),
            Some(code) => log::warn!(
                "the trial on {} rank(s) ended with code {code} ({why})",
                extent.ranks
            ),
        }
        Ok(None)
    }

    /// What replaces the keys of the input.
    fn settings(&self, extent: Extent, most: f64) -> Result<Vec<String>> {
        let source = self.asked.source;
        let sampler = source.input.sampler.clone().unwrap_or_default();
        let text = |value: &str| toml::Value::String(value.to_string()).to_string();
        let folder = text(&self.folder.display().to_string());
        let mut all = vec![
            format!("output.directory={folder}"),
            format!("output.name={}", text(NAME)),
            "output.checkpoint_every=1e9".into(),
            format!("output.max_time={most:e}"),
        ];
        if let Some(number) = self.realisation() {
            all.push(format!("disorder.realisation={number}"));
        }
        if source.input.ansatz.is_some() {
            all.extend(of_samples(&sampler, extent));
        }
        for section in self.asked.registry.sections.iter() {
            if source.table.contains_key(section.declaration.name) {
                all.extend((section.shorten)(source, &extent)?);
            }
        }
        if let Some(name) = self.asked.method {
            all.push(format!("optimize.method={}", text(name)));
        }
        Ok(all)
    }
}
