//! Decides which pictures `plot` makes of results files, under which names, and what it says of
//! those that it leaves out.

mod axis;
mod bonds;
mod canvas;
mod classical;
mod convert;
mod correlations;
mod curve;
mod curves;
mod data;
mod drawn;
mod evolution;
mod filters;
mod history;
mod holography;
mod imaginary;
mod learn;
mod map;
mod panel;
mod phases;
mod plane;
mod regression;
mod sites;
mod structure;
mod style;

use crate::calculation::Registry;
use crate::error::{Error, Result};
use crate::io::atomic::Temporary;
pub use bonds::drawing as lattice_drawing;
use data::ResultsFile;
use drawn::{Drawn, Rendered};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What draws some pictures of the files.
type Pictures = fn(&[ResultsFile]) -> Result<Vec<Drawn>>;

/// Pictures of the files that sample a wave function.
const PICTURES: &[Pictures] = &[
    history::energy,
    history::quality,
    history::sampling,
    filters::pictures,
];

/// Those of them that show observables, which have units.
const WITH_UNITS: &[Pictures] = &[
    correlations::pictures,
    structure::pictures,
    bonds::pictures,
    imaginary::pictures,
    sites::pictures,
    evolution::pictures,
];

/// Pictures of sections without a wave function; each looks for its own files.
const WITHOUT_WAVE_FUNCTION: &[Pictures] = &[
    classical::pictures,
    holography::pictures,
    phases::pictures,
    regression::pictures,
    learn::pictures,
    convert::pictures,
];

/// What `plot` is told.
#[derive(Debug, Clone)]
pub struct PlotOptions {
    /// Folder, made where it is missing.
    pub output: PathBuf,
    /// Whether PNG images are written.
    pub png: bool,
    /// Whether SVG texts are written.
    pub svg: bool,
    /// Width of PNG images in pixels.
    pub width: u32,
    /// Exact energies, or files with them.
    pub exact: Vec<String>,
    /// Names of the pictures that are wanted; all where there are none.
    pub only: Vec<String>,
    /// A line above every picture.
    pub title: Option<String>,
    /// Whether horizontal axes of diagrams are logarithmic.
    pub log_x: bool,
    /// Whether vertical axes of diagrams are logarithmic.
    pub log_y: bool,
}

/// Draws what the results files `paths` hold, all files in one picture where that makes sense.
///
/// Returns one line per picture: the files written, or why it was left out. Fails with
/// `Error::Input` for options that make no sense and with `Error::Output` where a file cannot be
/// read or written.
pub fn plot(paths: &[PathBuf], options: &PlotOptions, registry: &Registry) -> Result<Vec<String>> {
    if !(200..=10_000).contains(&options.width) {
        return Err(Error::input(
            "--width",
            format!("{} pixels", options.width),
            "choose 200 to 10000",
        ));
    }
    let runs = data::read(paths, &options.exact)?;
    let mut drawn = Vec::new();
    // What belongs to no section of any file is not missed.
    if runs.iter().any(ResultsFile::has_wave_function) {
        for pictures in PICTURES {
            drawn.extend(pictures(&runs)?);
        }
        let groups = data::of_one_unit(&runs);
        for (unit, group) in &groups {
            for pictures in WITH_UNITS {
                let of_group = pictures(group)?.into_iter();
                drawn.extend(of_group.map(|picture| match groups.len() {
                    1 => picture,
                    _ => picture.named(|name| format!("{name}-{unit}")),
                }));
            }
        }
    }
    for pictures in WITHOUT_WAVE_FUNCTION {
        drawn.extend(pictures(&runs)?);
    }
    for section in registry.sections.iter() {
        drawn.extend(curves::pictures(&runs, &section.declaration)?);
    }
    drawn.extend(without_picture(&runs, &drawn));
    choose(&mut drawn, &options.only)?;
    let folder = &options.output;
    std::fs::create_dir_all(folder)
        .map_err(|e| Error::output(folder, format!("cannot be made: {e}")))?;
    drawn.into_iter().map(|d| keep(d, options)).collect()
}

/// What the files have measured and no picture shows.
fn without_picture(runs: &[ResultsFile], drawn: &[Drawn]) -> Vec<Drawn> {
    let mut left = Vec::new();
    let keys = runs.iter().flat_map(|run| run.tree.datasets.keys());
    let name = |key: &String| {
        let inside = key.strip_prefix("measure/observables/")?;
        Some(inside.split_once('/')?.0.to_string())
    };
    for name in keys.filter_map(name).collect::<BTreeSet<_>>() {
        if !drawn
            .iter()
            .any(|picture| picture.name().starts_with(&name))
        {
            let reason = "its numbers have no picture; nishina info X.h5 lists them";
            left.push(Drawn::left_out(name, reason));
        }
    }
    left
}

/// Keeps the pictures whose names are among `only`; all where there are none. An error for a name
/// that no picture has.
fn choose(drawn: &mut Vec<Drawn>, only: &[String]) -> Result<()> {
    let names: Vec<_> = drawn.iter().map(|d| d.name().to_string()).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name)) {
        let known: Vec<_> = names.iter().map(String::as_str).collect();
        return Err(Error::input(
            "--only",
            format!("there is no picture \"{unknown}\""),
            crate::table::known(unknown, &known),
        ));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    drawn.retain(|d| wanted(d.name()));
    Ok(())
}

/// Writes an SVG text to `path`, as PNG of `width` pixels where that has the ending `png`.
pub fn write_picture(svg: &str, path: &Path, width: u32) -> Result<()> {
    let is_png = path.extension().is_some_and(|e| e == "png");
    let content = match is_png {
        true => canvas::png(svg, width)?,
        false => svg.as_bytes().to_vec(),
    };
    let write = |at: &Path| std::fs::write(at, &content).map_err(|e| Error::output(at, e));
    Temporary::new(path, write)?.publish()
}

fn keep(drawn: Drawn, options: &PlotOptions) -> Result<String> {
    let (name, svg, note) = match drawn.render(options)? {
        Rendered::LeftOut { name, reason } => return Ok(format!("left out {name}: {reason}")),
        Rendered::Picture { name, svg, note } => (name, svg, note),
    };
    let mut written = Vec::new();
    for (wanted, ending) in [(options.png, "png"), (options.svg, "svg")] {
        if wanted {
            let path = options.output.join(format!("{name}.{ending}"));
            write_picture(&svg, &path, options.width)?;
            written.push(path.display().to_string());
        }
    }
    Ok(written.join("  ") + &note)
}

/// What a picture is left out for, file by file.
fn reasons(reasons: Vec<(String, String)>) -> String {
    reasons
        .into_iter()
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect::<Vec<_>>()
        .join("; ")
}
