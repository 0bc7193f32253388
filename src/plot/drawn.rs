//! Decides what a picture is before it is a file: diagrams whose axes can still be changed, a
//! finished drawing, or the reason why there is nothing to see.

use super::panel::{Panel, stack};
use super::{PlotOptions, canvas};
use crate::error::Result;

/// What is drawn.
pub(super) enum Sketch {
    /// Diagrams, one below the other.
    Panels(Vec<Panel>),
    /// The text of an SVG; nothing where there is nothing to see.
    Svg(Option<String>),
}

impl From<Panel> for Sketch {
    fn from(panel: Panel) -> Self {
        Sketch::Panels(vec![panel])
    }
}

impl From<Vec<Panel>> for Sketch {
    fn from(panels: Vec<Panel>) -> Self {
        Sketch::Panels(panels)
    }
}

impl<const N: usize> From<[Panel; N]> for Sketch {
    fn from(panels: [Panel; N]) -> Self {
        Sketch::Panels(panels.into())
    }
}

impl From<Option<String>> for Sketch {
    fn from(svg: Option<String>) -> Self {
        Sketch::Svg(svg)
    }
}

/// A picture under its name, with the reason to give where there is nothing to see.
pub(super) struct Drawn {
    name: String,
    sketch: Sketch,
    reason: String,
}

impl Drawn {
    /// A picture; `reason` is why it is left out where nothing of it can be shown.
    pub fn new(
        name: impl Into<String>,
        sketch: impl Into<Sketch>,
        reason: impl Into<String>,
    ) -> Self {
        Drawn {
            name: name.into(),
            sketch: sketch.into(),
            reason: reason.into(),
        }
    }

    /// A picture that is left out.
    pub fn left_out(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(name, None, reason)
    }

    /// Its name without ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same under another name.
    pub fn named(self, name: impl Fn(&str) -> String) -> Self {
        Drawn {
            name: name(&self.name),
            ..self
        }
    }

    /// Its SVG text and what has to be said of it, or why there is none.
    pub fn render(self, options: &PlotOptions) -> Result<Rendered> {
        let Drawn {
            name,
            sketch,
            reason,
        } = self;
        let (svg, reason, note) = match sketch {
            Sketch::Svg(svg) => (svg, reason, String::new()),
            Sketch::Panels(panels) => {
                let was_visible = panels.iter().any(Panel::visible);
                let mut hidden = 0;
                let logarithmic = |panel: &Panel| {
                    let (panel, lost) = panel.logarithmic(options.log_x, options.log_y);
                    hidden += lost;
                    panel
                };
                let panels: Vec<_> = panels.iter().map(logarithmic).collect();
                let svg = stack(&panels)?;
                let reason = match was_visible && svg.is_none() {
                    true => "--log: none of its values is positive".into(),
                    false => reason,
                };
                (svg, reason, hidden_text(hidden))
            }
        };
        Ok(match svg {
            None => Rendered::LeftOut { name, reason },
            Some(svg) => Rendered::Picture {
                name,
                svg: match &options.title {
                    Some(title) => canvas::titled(&svg, title),
                    None => svg,
                },
                note,
            },
        })
    }
}

/// What a picture has become.
pub(super) enum Rendered {
    /// Its name, the text of its SVG, and what has to be said of it.
    Picture {
        name: String,
        svg: String,
        note: String,
    },
    /// Its name, and why it is left out.
    LeftOut { name: String, reason: String },
}

fn hidden_text(points: usize) -> String {
    match points {
        0 => String::new(),
        1 => "  (--log: one point is not positive and not drawn)".into(),
        n => format!("  (--log: {n} points are not positive and not drawn)"),
    }
}
