//! Decides what `watch` shows of a run while it goes on: progress, energy, the last steps,
//! warnings, all from its results file.
//!
//! Results are replaced as whole files, so that reading never disturbs the run; the file is opened
//! anew when it has changed.

mod scene;

use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::io::roles::results;
use crate::io::tree::Tree;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Wrap};
use ratatui::{Frame, Terminal};
use scene::{Scene, duration, scene};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn draw(frame: &mut Frame, scene: &Scene, age: f64) {
    let width = usize::from(frame.area().width).saturating_sub(2).max(1);
    let notes = scene
        .notes
        .iter()
        .map(|n| n.chars().count().div_ceil(width));
    let notes = notes.sum::<usize>().clamp(1, 8) as u16;
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
        Line::from(format!(
            "written {} ago; z shows the last quarter, q leaves",
            duration(age)
        ))
        .dim(),
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
            .curve
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
    let (what, across) = &scene.what;
    let digits = if *across == "time" { 2 } else { 0 };
    let data = Dataset::default()
        .marker(Marker::Braille)
        .graph_type(GraphType::Line)
        .style(Style::new().fg(Color::Cyan))
        .data(&scene.curve);
    Chart::new(vec![data])
        .block(Block::bordered().title(format!("{what} against {across}")))
        .x_axis(Axis::default().bounds(x).labels(labels(x, digits)))
        .y_axis(Axis::default().bounds(y).labels(labels(y, 5)))
}

/// The file that says most of a run with these results: what it shows of itself, where that is
/// newer.
fn newest(path: &Path) -> PathBuf {
    let live = path.with_extension("live");
    match modified(&live) {
        Some(time) if modified(path).is_none_or(|saved| time >= saved) => live,
        _ => path.to_path_buf(),
    }
}

/// The results in the newest file; a run that has just saved may take the other away.
fn read(path: &Path) -> Result<Tree> {
    let file = newest(path);
    match results(&file) {
        Err(_) if file != path => results(path),
        read => read,
    }
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
pub fn once(path: &Path, width: u16, height: u16, registry: &Registry) -> Result<String> {
    let scene = scene(&read(path)?, registry)?;
    let failed = |e: &dyn std::fmt::Display| Error::output("terminal", e);
    let mut terminal = Terminal::new(TestBackend::new(width, height)).map_err(|e| failed(&e))?;
    let file = newest(path);
    terminal
        .draw(|frame| draw(frame, &scene, age(&file)))
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
pub fn live(path: &Path, registry: &Registry) -> Result<()> {
    let failed =
        |e: std::io::Error| Error::output("terminal", format!("{e}; use --once for plain text"));
    let mut terminal = ratatui::try_init().map_err(failed)?;
    let result = follow(&mut terminal, path, registry);
    ratatui::try_restore().map_err(failed)?;
    result
}

fn follow(terminal: &mut ratatui::DefaultTerminal, path: &Path, registry: &Registry) -> Result<()> {
    let failed = |e: std::io::Error| Error::output("terminal", e);
    let (mut seen, mut shown) = (
        None,
        Scene {
            state: "waiting for the file".into(),
            what: ("energy per site".into(), "step"),
            ..Scene::default()
        },
    );
    shown.title = path.display().to_string();
    let mut zoomed = false;
    loop {
        let file = newest(path);
        let now = modified(&file);
        if now.is_some() && now != seen {
            shown = scene(&read(path)?, registry)?;
            seen = now;
        }
        let mut all = shown.clone();
        if zoomed {
            all.zoom();
        }
        terminal
            .draw(|frame| draw(frame, &all, age(&file)))
            .map_err(failed)?;
        if event::poll(Duration::from_millis(500)).map_err(failed)?
            && let Event::Key(key) = event::read().map_err(failed)?
        {
            let interrupt =
                key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            zoomed ^= key.code == KeyCode::Char('z');
            if interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                return Ok(());
            }
        }
    }
}
