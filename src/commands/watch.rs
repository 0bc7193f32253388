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

fn scene(tree: &Tree) -> Result<Scene> {
    let source = input::from_text(tree.text("input/resolved")?, Default::default())?;
    let sites = tree.integer("status/sites")?.max(1) as f64;
    let state = tree.text("status/state")?.to_string();
    let done = tree.integer("status/steps")? as usize;
    let mut scene = Scene {
        title: tree.text("input/title").unwrap_or_default().to_string(),
        across: "step",
        progress: (1.0, "done".into()),
        ..Scene::default()
    };
    let evolving = source
        .input
        .evolve
        .as_ref()
        .filter(|_| tree.datasets.contains_key("evolve/history/time"));
    let prefix = if evolving.is_some() {
        "evolve/history"
    } else {
        "optimize/history"
    };
    let energy = column(tree, prefix, "energy");
    let mut x: Vec<f64> = (1..=energy.len()).map(|k| k as f64).collect();
    let mut seconds = column(tree, "timing", "step_seconds");
    if let Some(evolve) = evolving {
        (x, scene.across) = (column(tree, prefix, "time"), "time");
        seconds = column(tree, "timing", "evolve_seconds");
        let now = x.last().copied().unwrap_or(0.0);
        let pace = recent(&seconds) / recent(&column(tree, prefix, "step"));
        let left = (evolve.time - now).max(0.0) * pace;
        scene.progress = (
            now / evolve.time,
            format!(
                "evolve: t = {now:.4} of {}, {} left",
                evolve.time,
                duration(left)
            ),
        );
    } else if let Some(optimize) = &source.input.optimize {
        let left = optimize.steps.saturating_sub(done) as f64 * recent(&seconds);
        let text = format!(
            "optimise: step {done} of {}, {} left",
            optimize.steps,
            duration(left)
        );
        scene.progress = (done as f64 / optimize.steps.max(1) as f64, text);
    }
    if let (Some(measure), true) = (&source.input.measure, scene.progress.0 >= 1.0) {
        let samples = tree.integer("measure/samples").unwrap_or(0);
        let text = format!("measure: {samples} of {} samples", measure.samples);
        scene.progress = (samples as f64 / measure.samples.max(1) as f64, text);
    }
    scene.energy = x
        .iter()
        .zip(&energy)
        .map(|(x, e)| (*x, e / sites))
        .filter(|p| p.1.is_finite())
        .collect();
    let all = |name: &str| column(tree, prefix, name);
    let (error, variance, r_hat, acceptance) = (
        all("error"),
        all("variance"),
        all("r_hat"),
        all("acceptance"),
    );
    for k in (0..energy.len()).rev().take(8) {
        let place = if evolving.is_some() {
            format!("t {:.4}", at(&x, k))
        } else {
            format!("step {}", at(&x, k))
        };
        scene.steps.push(format!(
            "{place:<10} E = {:<16} var {:.2e}  R-hat {:.3}  acc {:.2}  {} s",
            with_error(energy[k], at(&error, k)),
            at(&variance, k),
            at(&r_hat, k),
            at(&acceptance, k),
            significant(at(&seconds, k))
        ));
    }
    if let (Ok(mean), Ok(error)) = (
        tree.real("measure/energy/mean"),
        tree.real("measure/energy/error"),
    ) {
        let score = tree.real("measure/energy/v_score").unwrap_or(f64::NAN);
        scene.notes.push(format!(
            "measured E = {}  per site {}  V-score {score:.2e}",
            with_error(mean, error),
            with_error(mean / sites, error / sites)
        ));
    }
    if let Some(Value::Texts(list)) = tree.datasets.get("status/warnings") {
        scene
            .notes
            .extend(list.iter().map(|w| format!("warning: {w}")));
    }
    scene.state = if state == "stopped" {
        "not finished: running, or stopped here".into()
    } else {
        state
    };
    Ok(scene)
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
    let ratio = if scene.progress.0.is_finite() {
        scene.progress.0.clamp(0.0, 1.0)
    } else {
        0.0
    };
    frame.render_widget(
        Gauge::default()
            .ratio(ratio)
            .label(scene.progress.1.as_str())
            .gauge_style(Color::Blue),
        progress,
    );
    frame.render_widget(energy_chart(scene), chart);
    let lines: Vec<Line> = scene.steps[..steps]
        .iter()
        .map(|s| Line::from(s.as_str()))
        .collect();
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title("last steps, newest first")),
        list,
    );
    let color = |n: &String| {
        if n.starts_with("warning") {
            Style::new().fg(Color::Yellow)
        } else {
            Style::new()
        }
    };
    let lines: Vec<Line> = scene
        .notes
        .iter()
        .map(|n| Line::styled(n.as_str(), color(n)))
        .collect();
    let text = if lines.is_empty() {
        vec![Line::from("no warnings")]
    } else {
        lines
    };
    let notes = Paragraph::new(text)
        .wrap(Wrap { trim: true })
        .block(Block::bordered().title("result and warnings"));
    frame.render_widget(notes, below);
    frame.render_widget(
        Line::from(format!("written {} ago; q leaves", duration(age))).dim(),
        foot,
    );
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
