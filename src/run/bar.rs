//! Decides how progress is shown on a terminal: by a bar; in a build without the feature `tools` by
//! lines, as in a log.

#[cfg(feature = "tools")]
use indicatif::{ProgressBar, ProgressStyle};
#[cfg(feature = "tools")]
use std::io::IsTerminal;

/// A progress bar on standard error.
#[cfg(feature = "tools")]
pub(super) struct Bar(ProgressBar);

#[cfg(feature = "tools")]
impl Bar {
    /// Whether a bar is shown instead of lines.
    pub(super) fn shown() -> bool {
        log::max_level() == log::LevelFilter::Info && std::io::stderr().is_terminal()
    }

    /// A bar of `total` parts.
    pub(super) fn new(total: usize) -> Self {
        let bar = ProgressBar::new(total as u64);
        Bar(
            match ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}\n{msg}") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            },
        )
    }

    /// `done` parts are behind; `text` is what there is to say.
    pub(super) fn set(&self, done: usize, text: &str) {
        self.0.set_message(text.to_string());
        self.0.set_position(done as u64);
    }

    /// Takes the bar away.
    pub(super) fn clear(self) {
        self.0.finish_and_clear();
    }
}

/// No bar: none is ever shown.
#[cfg(not(feature = "tools"))]
pub(super) struct Bar;

#[cfg(not(feature = "tools"))]
impl Bar {
    pub(super) fn shown() -> bool {
        false
    }

    pub(super) fn new(_: usize) -> Self {
        Bar
    }

    pub(super) fn set(&self, _: usize, _: &str) {}

    pub(super) fn clear(self) {}
}
