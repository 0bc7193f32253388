//! Decides what `watch` shows of a run while it goes on: progress, energy, the last steps,
//! warnings, all from its results file.
//!
//! Results are replaced as whole files, so that reading never disturbs the run; the file is opened
//! anew when it has changed.

use crate::error::{Error, Result};
use crate::input;
use crate::io::output::results;
use crate::io::tree::{Tree, Value};
use crate::stats::with_error;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap};
use ratatui::{Frame, Terminal};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What a frame shows.
#[derive(Debug, Clone, Default)]
struct Scene {
    title: String,
    state: String,
    /// Part that is done, and what that means.
    progress: (f64, String),
    /// Energy per site against step or time.
    energy: Vec<(f64, f64)>,
    across: &'static str,
    steps: Vec<String>,
    notes: Vec<String>,
}

/// Column `name` of the history `prefix`.
fn column(tree: &Tree, prefix: &str, name: &str) -> Vec<f64> {
    tree.reals(&format!("{prefix}/{name}")).unwrap_or_default()
}

fn at(values: &[f64], k: usize) -> f64 {
    values.get(k).copied().unwrap_or(f64::NAN)
}

/// Hours, minutes and seconds.
fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    let s = seconds.round() as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// Three digits of a time in seconds.
fn significant(seconds: f64) -> String {
    match seconds {
        s if s < 0.0995 => format!("{s:.4}"),
        s if s < 9.995 => format!("{s:.2}"),
        s if s < 99.95 => format!("{s:.1}"),
        s => format!("{s:.0}"),
    }
}

/// Median of the last 20 values.
fn recent(values: &[f64]) -> f64 {
    let mut last: Vec<f64> = values[values.len().saturating_sub(20)..].to_vec();
    last.sort_by(f64::total_cmp);
    at(&last, last.len() / 2)
}

/// The columns of the history that is shown: of the evolution where it has begun, else of the
/// optimisation.
struct ShownHistory {
    /// Steps, or times.
    x: Vec<f64>,
    energy: Vec<f64>,
    seconds: Vec<f64>,
    prefix: &'static str,
}

impl ShownHistory {
    fn of(tree: &Tree, evolving: bool) -> Self {
        let (prefix, seconds) = if evolving {
            ("evolve/history", "evolve_seconds")
        } else {
            ("optimize/history", "step_seconds")
        };
        let energy = column(tree, prefix, "energy");
        let x = if evolving {
            column(tree, prefix, "time")
        } else {
            (1..=energy.len()).map(|k| k as f64).collect()
        };
        ShownHistory {
            x,
            energy,
            seconds: column(tree, "timing", seconds),
            prefix,
        }
    }

    /// One line for each of the last steps, the newest first.
    fn lines(&self, tree: &Tree, evolving: bool) -> Vec<String> {
        let all = |name: &str| column(tree, self.prefix, name);
        let (error, variance) = (all("error"), all("variance"));
        let (r_hat, acceptance) = (all("r_hat"), all("acceptance"));
        let line = |k: usize| {
            let place = if evolving {
                format!("t {:.4}", at(&self.x, k))
            } else {
                format!("step {}", at(&self.x, k))
            };
            format!(
                "{place:<10} E = {:<16} var {:.2e}  R-hat {:.3}  acc {:.2}  {} s",
                with_error(self.energy[k], at(&error, k)),
                at(&variance, k),
                at(&r_hat, k),
                at(&acceptance, k),
                significant(at(&self.seconds, k))
            )
        };
        (0..self.energy.len()).rev().take(8).map(line).collect()
    }
}

/// The part of the section under way that is done, and what that means.
fn progress(input: &input::Input, tree: &Tree, shown: &ShownHistory) -> Result<(f64, String)> {
    let done = tree.integer("status/steps")? as usize;
    let mut progress = (1.0, "done".into());
    if let Some(evolve) = input.evolve.as_ref().filter(|_| is_evolving(tree)) {
        let now = shown.x.last().copied().unwrap_or(0.0);
        let pace = recent(&shown.seconds) / recent(&column(tree, shown.prefix, "step"));
        let left = (evolve.time - now).max(0.0) * pace;
        progress = (
            now / evolve.time,
            format!(
                "evolve: t = {now:.4} of {}, {} left",
                evolve.time,
                duration(left)
            ),
        );
    } else if let Some(optimize) = &input.optimize {
        let left = optimize.steps.saturating_sub(done) as f64 * recent(&shown.seconds);
        let text = format!(
            "optimise: step {done} of {}, {} left",
            optimize.steps,
            duration(left)
        );
        progress = (done as f64 / optimize.steps.max(1) as f64, text);
    }
    if let (Some(measure), true) = (&input.measure, progress.0 >= 1.0) {
        let samples = tree.integer("measure/samples").unwrap_or(0);
        let text = format!("measure: {samples} of {} samples", measure.samples);
        progress = (samples as f64 / measure.samples.max(1) as f64, text);
    }
    Ok(progress)
}

fn is_evolving(tree: &Tree) -> bool {
    tree.datasets.contains_key("evolve/history/time")
}

/// The measured energy and the warnings.
fn notes(tree: &Tree, sites: f64) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Ok(mean), Ok(error)) = (
        tree.real("measure/energy/mean"),
        tree.real("measure/energy/error"),
    ) {
        let score = tree.real("measure/energy/v_score").unwrap_or(f64::NAN);
        notes.push(format!(
            "measured E = {}  per site {}  V-score {score:.2e}",
            with_error(mean, error),
            with_error(mean / sites, error / sites)
        ));
    }
    if let Some(Value::Texts(list)) = tree.datasets.get("status/warnings") {
        notes.extend(list.iter().map(|w| format!("warning: {w}")));
    }
    notes
}

fn scene(tree: &Tree) -> Result<Scene> {
    let source = input::from_text(tree.text("input/resolved")?, Default::default())?;
    let sites = tree.integer("status/sites")?.max(1) as f64;
    let evolving = source.input.evolve.is_some() && is_evolving(tree);
    let shown = ShownHistory::of(tree, evolving);
    let points = shown.x.iter().zip(&shown.energy);
    Ok(Scene {
        title: tree.text("input/title").unwrap_or_default().to_string(),
        state: match tree.text("status/state")? {
            "stopped" => "not finished: running, or stopped here".into(),
            other => other.to_string(),
        },
        progress: progress(&source.input, tree, &shown)?,
        energy: points
            .map(|(x, e)| (*x, e / sites))
            .filter(|p| p.1.is_finite())
            .collect(),
        across: if evolving { "time" } else { "step" },
        steps: shown.lines(tree, evolving),
        notes: notes(tree, sites),
    })
}

fn draw(frame: &mut Frame, scene: &Scene, age: f64) {
    let notes = scene.notes.len().clamp(1, 4) as u16;
    // Fewer steps on low terminals, so that the curve stays readable.
    let steps = scene.steps.len().min(usize::from(frame.area().height / 4));
    let rows = [
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(8),
        Constraint::Length(steps.max(1) as u16 + 2),
        Constraint::Length(notes + 2),
        Constraint::Length(1),
    ];
    let [head, progress, chart, list, below, foot] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(
        Line::from(format!("{}  ({})", scene.title, scene.state)).bold(),
        head,
    );
    frame.render_widget(progress_bar(scene), progress);
    frame.render_widget(energy_chart(scene), chart);
    let lines: Vec<Line> = scene.steps[..steps]
        .iter()
        .map(|s| Line::from(s.as_str()))
        .collect();
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title("last steps, newest first")),
        list,
    );
    frame.render_widget(note_list(scene), below);
    frame.render_widget(
        Line::from(format!("written {} ago; q leaves", duration(age))).dim(),
        foot,
    );
}

fn progress_bar(scene: &Scene) -> Gauge<'_> {
    let (done, text) = &scene.progress;
    let ratio = if done.is_finite() {
        done.clamp(0.0, 1.0)
    } else {
        0.0
    };
    Gauge::default()
        .ratio(ratio)
        .label(text.as_str())
        .gauge_style(Color::Blue)
}

fn note_list(scene: &Scene) -> Paragraph<'_> {
    let colour = |n: &String| {
        if n.starts_with("warning") {
            Style::new().fg(Color::Yellow)
        } else {
            Style::new()
        }
    };
    let mut lines: Vec<Line> = scene
        .notes
        .iter()
        .map(|n| Line::styled(n.as_str(), colour(n)))
        .collect();
    if lines.is_empty() {
        lines.push(Line::from("no warnings"));
    }
    Paragraph::new(lines)
        .wrap(Wrap { trim: true })
        .block(Block::bordered().title("result and warnings"))
}

fn energy_chart(scene: &Scene) -> Chart<'_> {
    let ends = |f: fn(&(f64, f64)) -> f64| {
        let fold = |(l, h): (f64, f64), p| (l.min(f(p)), h.max(f(p)));
        match scene
            .energy
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), fold)
        {
            (low, high) if low < high => [low, high],
            (low, high) if low == high => [low - 0.5, low + 0.5],
            _ => [0.0, 1.0],
        }
    };
    let (x, y) = (ends(|p| p.0), ends(|p| p.1));
    let labels = |[low, high]: [f64; 2], digits: usize| {
        let middle = 0.5 * (low + high);
        // No number in the middle that is a rounded one.
        let exact = digits > 0 || middle.fract() == 0.0;
        let label = |v: f64| {
            Line::from(if v == middle && !exact {
                String::new()
            } else {
                format!("{v:.digits$}")
            })
        };
        [low, middle, high].map(label).to_vec()
    };
    let digits = if scene.across == "time" { 2 } else { 0 };
    let data = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .style(Style::new().fg(Color::Cyan))
        .data(&scene.energy);
    Chart::new(vec![data])
        .block(Block::bordered().title(format!("energy per site against {}", scene.across)))
        .x_axis(Axis::default().bounds(x).labels(labels(x, digits)))
        .y_axis(Axis::default().bounds(y).labels(labels(y, 5)))
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn age(path: &Path) -> f64 {
    modified(path)
        .and_then(|t| t.elapsed().ok())
        .map_or(f64::NAN, |d| d.as_secs_f64())
}

/// One frame as text of `width` × `height` letters.
///
/// Fails with `Error::Output` where the file is not a readable results file.
pub fn once(path: &Path, width: u16, height: u16) -> Result<String> {
    let scene = scene(&results(path)?)?;
    let failed = |e: &dyn std::fmt::Display| Error::output("terminal", e);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).map_err(|e| failed(&e))?;
    terminal
        .draw(|frame| draw(frame, &scene, age(path)))
        .map_err(|e| failed(&e))?;
    let buffer = terminal.backend().buffer();
    let row = |y: u16| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
            .trim_end()
            .to_string()
    };
    Ok((0..height).map(row).collect::<Vec<_>>().join("\n"))
}

/// Shows the run until `q` or Ctrl-C; waits for the file where it is not there yet.
///
/// Fails with `Error::Output` where the terminal cannot be used or the file is of another kind.
pub fn live(path: &Path) -> Result<()> {
    let failed =
        |e: std::io::Error| Error::output("terminal", format!("{e}; use --once for plain text"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = follow(&mut terminal, path);
    ratatui::try_restore().map_err(failed)?;
    result
}

fn follow(terminal: &mut ratatui::DefaultTerminal, path: &Path) -> Result<()> {
    let failed = |e: std::io::Error| Error::output("terminal", e);
    let (mut seen, mut shown) = (
        None,
        Scene {
            state: "waiting for the file".into(),
            across: "step",
            ..Scene::default()
        },
    );
    shown.title = path.display().to_string();
    loop {
        let now = modified(path);
        if now.is_some() && now != seen {
            shown = scene(&results(path)?)?;
            seen = now;
        }
        terminal
            .draw(|frame| draw(frame, &shown, age(path)))
            .map_err(failed)?;
        if event::poll(Duration::from_millis(500)).map_err(failed)?
            && let Event::Key(key) = event::read().map_err(failed)?
        {
            let interrupt =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(());
            }
        }
    }
}
