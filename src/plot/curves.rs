//! Decides the pictures of a section that declares which of its columns are shown: one picture per
//! column, against what runs along its axis.

use super::Drawn;
use super::axis::Axis;
use super::curve::Curve;
use super::data::ResultsFile;
use super::panel::Panel;
use crate::error::Result;
use crate::run::{Curves, Declaration};

/// A picture per shown column; none where no file has the section.
pub fn pictures(runs: &[ResultsFile], section: &Declaration) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for curves in section.curves {
        for column in curves.shown {
            let path = format!("{}/{column}", curves.group);
            if runs.iter().any(|run| run.tree.datasets.contains_key(&path)) {
                let name = format!("{}-{column}", section.name);
                let lines = runs.iter().map(|run| line(run, curves, &path)).collect();
                let unit = runs.first().map_or(String::new(), |run| run.unit(&path));
                let y = Axis::linear(format!("{column}{unit}"));
                let across = Axis::linear(curves.across.unwrap_or(curves.row)).tight();
                let panel = Panel::new(across, y, lines);
                drawn.push(Drawn::new(
                    name,
                    panel,
                    "there are no rows yet, or none knows it",
                ));
            }
        }
    }
    Ok(drawn)
}

fn line(run: &ResultsFile, curves: &Curves, path: &str) -> Curve {
    let across = match curves.across {
        Some(name) => run.reals(&format!("{}/{name}", curves.group)),
        None => (1..=run.reals(path).len()).map(|k| k as f64).collect(),
    };
    let mut line = run.line(&across, path, None, 1.0);
    line.points.retain(|point| curves.knows(point[1]));
    line
}
