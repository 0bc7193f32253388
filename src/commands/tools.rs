//! Decides what draws pictures and shows runs: the rooms `plot` and `watch`; in a build without the
//! feature `tools`, an error that names the remedy.

use super::arguments::{Format, LogAxis};
use crate::calculation::Registry;
use crate::error::Result;
use crate::lattice::Lattice;
use std::path::{Path, PathBuf};

/// What `plot` is asked for.
#[cfg_attr(not(feature = "tools"), expect(dead_code))]
pub(super) struct WantedPictures {
    /// Folder, made where it is missing.
    pub(super) output: PathBuf,
    /// What is written.
    pub(super) format: Vec<Format>,
    /// Width of PNG images in pixels.
    pub(super) width: u32,
    /// Exact energies, or files with them.
    pub(super) exact: Vec<String>,
    /// Names of the pictures that are wanted; all where there are none.
    pub(super) only: Vec<String>,
    /// A line above every picture.
    pub(super) title: Option<String>,
    /// Axes of diagrams that are logarithmic.
    pub(super) log: Vec<LogAxis>,
}

#[cfg(feature = "tools")]
mod here {
    use super::*;
    use crate::commands::watch;
    use crate::plot;

    /// Width of a drawing in pixels, as PNG.
    const WIDTH: u32 = 1500;

    pub fn plot(files: &[PathBuf], wanted: WantedPictures, registry: &Registry) -> Result<String> {
        let options = plot::PlotOptions {
            output: wanted.output,
            png: wanted.format.contains(&Format::Png),
            svg: wanted.format.contains(&Format::Svg),
            width: wanted.width,
            exact: wanted.exact,
            only: wanted.only,
            title: wanted.title,
            log_x: wanted.log.contains(&LogAxis::X),
            log_y: wanted.log.contains(&LogAxis::Y),
        };
        Ok(plot::plot(files, &options, registry)?.join("\n"))
    }

    pub fn watch_once(file: &Path, registry: &Registry) -> Result<String> {
        watch::once(file, 100, 36, registry)
    }

    pub fn watch_live(file: &Path, registry: &Registry) -> Result<()> {
        watch::live(file, registry)
    }

    pub fn draw_lattice(lattice: &Lattice, pairs: &[(usize, usize)], file: &Path) -> Result<()> {
        match plot::lattice_drawing(lattice, pairs)? {
            Some(svg) => plot::write_picture(&svg, file, WIDTH),
            None => Ok(()),
        }
    }
}

#[cfg(not(feature = "tools"))]
mod here {
    use super::*;
    use crate::error::Error;

    fn absent<T>(command: &str) -> Result<T> {
        Err(Error::input(
            command,
            "this program was built without tools",
            "use a program of `cargo build --release` or of jobs/install.sh without --lean; \
             results files can be copied to another machine",
        ))
    }

    pub fn plot(_: &[PathBuf], _: WantedPictures, _: &Registry) -> Result<String> {
        absent("plot")
    }

    pub fn watch_once(_: &Path, _: &Registry) -> Result<String> {
        absent("watch")
    }

    pub fn watch_live(_: &Path, _: &Registry) -> Result<()> {
        absent("watch")
    }

    pub fn draw_lattice(_: &Lattice, _: &[(usize, usize)], _: &Path) -> Result<()> {
        absent("--draw")
    }
}

pub(super) use here::{draw_lattice, plot, watch_live, watch_once};
