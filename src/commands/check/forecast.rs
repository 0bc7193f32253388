//! Decides what a forecast says of a run: memory of a rank, bytes of its files, seconds of a step
//! and of all.

use super::trial::Trial;
use crate::calculation::Plan;
use crate::linalg::blas;
use crate::run::{Cost, Stage};
use crate::stats::duration;
use serde_json::{Value, json};

/// Sections whose time follows from a model of their own.
pub(super) const MODELLED: [&str; 3] = ["optimize", "evolve", "measure"];
/// Bytes of the program before it has done anything, libraries included.
pub(super) const PROGRAM: f64 = 3.0e7;
/// Bytes that the MPI library adds to it.
pub(super) const MPI: f64 = 1.1e7;
/// What is expected of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecast {
    /// Largest resident memory of a rank in bytes.
    pub memory: f64,
    /// The same of the ranks other than 0, where it is known apart from that of rank 0.
    pub memory_elsewhere: Option<f64>,
    /// Bytes of X.h5.
    pub results: Option<f64>,
    /// Bytes of X.ckpt.h5; the generation before it takes as much.
    pub checkpoint: Option<f64>,
    /// Bytes of all kept samples.
    pub samples: Option<f64>,
    /// The most bytes that they ever take: while old segments are joined, twice as many.
    pub samples_peak: Option<f64>,
    /// Seconds of a step of the optimisation.
    pub step: Option<f64>,
    /// Seconds of a step of the evolution, and of one right-hand side.
    pub evolve: Option<(f64, f64)>,
    /// Seconds of the measurement.
    pub measure: Option<f64>,
    /// Seconds of the whole run.
    pub total: Option<f64>,
    /// The least that it takes, where no more is known.
    pub least: Option<f64>,
    /// What each section takes.
    pub sections: Vec<SectionCost>,
    /// How it was found, and what it leaves out.
    pub notes: Vec<String>,
}

/// What a section of the input takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SectionCost {
    /// Its name.
    pub name: &'static str,
    /// Blocks and memory.
    pub cost: Cost,
}

impl SectionCost {
    /// Of a section before its first block.
    pub fn of(stage: &Stage) -> Self {
        SectionCost {
            name: stage.declaration().name,
            cost: stage.calculation().cost(),
        }
    }
}

/// Bytes that the wave function and all else take that is built at the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Built {
    /// Until the end.
    pub held: f64,
    /// At the worst moment while they are built.
    pub most: f64,
}

/// From the cost model alone, for a rank that builds so much at the start and has sections of these
/// costs.
pub fn modelled(plan: &Plan, built: Built, sections: &[Cost]) -> Forecast {
    let several = plan.ranks > 1;
    let mpi = if several { MPI } else { 0.0 };
    let resident = |held: f64| PROGRAM + mpi + built.most.max(built.held + held);
    Forecast {
        memory: resident(plan.held(sections)),
        memory_elsewhere: several.then(|| resident(plan.held_elsewhere(sections))),
        ..Forecast::default()
    }
}

impl Forecast {
    /// Of sections that take as long as the blocks of a trial, block by block.
    pub fn of_blocks(trial: &Trial, sections: &[SectionCost]) -> Self {
        let (tree, bytes) = (&trial.results.0, trial.results.1);
        let mut forecast = Forecast {
            memory: tree.real("timing/peak_memory").unwrap_or(PROGRAM),
            results: Some(bytes),
            checkpoint: Some(trial.checkpoint.1),
            ..Forecast::default()
        };
        for section in sections {
            let under = format!("progress/{}", section.name);
            let seconds = tree.real(&format!("{under}/seconds")).unwrap_or(0.0);
            let blocks = tree.count(&format!("{under}/blocks")).unwrap_or(0);
            forecast.add(seconds / blocks.max(1) as f64 * section.cost.blocks);
        }
        let ranks = trial.extent.ranks;
        forecast.notes.push(format!(
            "from {} blocks on {ranks} rank(s); records of more blocks make the files larger",
            sections
                .iter()
                .filter_map(|s| tree.count(&format!("progress/{}/blocks", s.name)).ok())
                .sum::<usize>()
        ));
        forecast.leave_open(&trial.untimed(sections.iter().map(|s| s.name)));
        forecast
    }

    /// Says what cannot be said where a trial has not come to a block of these sections: its time
    /// is the least that the run takes, and its files lack what they would have written.
    pub fn leave_open(&mut self, untimed: &[&str]) {
        if untimed.is_empty() {
            return;
        }
        self.least = self.total.take();
        (self.results, self.checkpoint) = (None, None);
        self.notes.push(format!(
            "the trial did not come to a block of [{}] in its time: how long the run takes is not \
             known; --within gives it more seconds",
            untimed.join("], [")
        ));
    }

    /// Takes what the sections say of themselves; what they keep is part of the least memory.
    pub fn take_sections(&mut self, sections: Vec<SectionCost>) {
        let kept: f64 = sections.iter().map(|s| s.cost.kept_on_root()).sum();
        self.memory = self.memory.max(PROGRAM + kept);
        self.sections = sections;
    }

    /// Of so many runs like this one, one after the other.
    pub fn repeat(&mut self, runs: usize) {
        if runs > 1 {
            let all = |seconds: f64| seconds * runs as f64;
            (self.total, self.least) = (self.total.map(all), self.least.map(all));
            self.notes.push(format!(
                "the whole run is that of {runs} realisations, one after the other; files are \
                 those of one"
            ));
        }
    }

    /// Adds to the seconds of the whole run.
    pub(super) fn add(&mut self, seconds: f64) {
        *self.total.get_or_insert(0.0) += seconds;
    }

    /// Adds its numbers to those of the plan; what is not known is null.
    pub fn add_to(&self, object: &mut Value, header: &str) {
        let sections = self.sections.iter().map(|section| {
            let (blocks, bytes) = (section.cost.blocks, section.cost.kept_on_root());
            let about = json!({ "blocks": blocks, "bytes": bytes });
            (section.name.to_string(), about)
        });
        let numbers = json!({
            "memory_per_rank": self.memory, "memory_of_other_ranks": self.memory_elsewhere,
            "results_bytes": self.results,
            "blas_buffer_bytes": blas::buffer_bytes(1),
            "checkpoint_bytes": self.checkpoint, "samples_bytes": self.samples,
            "samples_peak_bytes": self.samples_peak,
            "step_seconds": self.step, "evolve_step_seconds": self.evolve.map(|e| e.0),
            "slope_seconds": self.evolve.map(|e| e.1), "measure_seconds": self.measure,
            "total_seconds": self.total, "least_seconds": self.least,
            "notes": self.notes, "slurm_header": header,
            "sections": sections.collect::<serde_json::Map<_, _>>(),
        });
        if let (Some(all), Value::Object(more)) = (object.as_object_mut(), numbers) {
            all.extend(more);
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let bytes = |b: f64| match b {
            b if b >= 1e9 => format!("{:.2} GB", b / 1e9),
            b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
            b => format!("{:.0} kB", b / 1e3),
        };
        let mut lines = vec![format!(
            "  memory a rank   {}, and {} of address space a thread for the buffer of BLAS",
            bytes(self.memory),
            bytes(blas::buffer_bytes(1))
        )];
        let mut line = |name: &str, value: Option<String>| {
            lines.extend(value.map(|v| format!("  {name:<16}{v}")))
        };
        for section in self.sections.iter().filter(|s| !MODELLED.contains(&s.name)) {
            let (blocks, kept) = (section.cost.blocks, section.cost.kept_on_root());
            let text = format!("{blocks:.0} blocks, keeps {}", bytes(kept));
            line(section.name, Some(text));
        }
        line("on others", self.memory_elsewhere.map(bytes));
        line("results", self.results.map(bytes));
        line(
            "checkpoint",
            self.checkpoint
                .map(|b| format!("{}, and the one before", bytes(b))),
        );
        let peak = self.samples_peak.filter(|&peak| Some(peak) > self.samples);
        let peak = peak.map(|b| format!(", {} while they are joined", bytes(b)));
        let samples = self.samples.map(bytes);
        line("samples", samples.map(|b| b + &peak.unwrap_or_default()));
        line("a step", self.step.map(duration));
        line(
            "evolution",
            self.evolve.map(|(step, slope)| {
                let [step, slope] = [step, slope].map(duration);
                format!("{step} a step, {slope} a right-hand side")
            }),
        );
        line("measurement", self.measure.map(duration));
        let least = self.least.map(|s| format!("at least {}", duration(s)));
        line("the whole run", self.total.map(duration).or(least));
        lines.extend(self.notes.iter().map(|note| format!("  ({note})")));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_need_more_room_while_they_are_joined() {
        let text = |peak: f64| {
            let forecast = Forecast {
                samples: Some(4e6),
                samples_peak: Some(peak),
                ..Forecast::default()
            };
            forecast.text()
        };
        let twice = text(8e6);
        assert!(twice.contains("4.0 MB, 8.0 MB while they"), "{twice}");
        assert!(!text(4e6).contains("while they"), "{}", text(4e6));
    }
}
