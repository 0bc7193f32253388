//! Decides how a drawing becomes an SVG text and a PNG image: drawn once in units of a fine grid,
//! rasterised from the SVG.
//!
//! The font travels in the program, so that a cluster node without fonts draws the same picture. In
//! the SVG letters stay text, shown in the viewer's sans-serif.
//!
//! Reference: W3C, Scalable Vector Graphics 1.1; DejaVu Sans 2.37 (subset, licence beside it).

use crate::error::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use resvg::{tiny_skia, usvg};
use std::sync::{Arc, OnceLock};

const FONT: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");
/// The name under which both renderers know the font.
const FAMILY: &str = "sans-serif";

/// Units that a line above a picture takes.
const TITLE: u32 = 70;

/// Where something is drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A failure of the drawing library.
pub fn failed(e: impl std::fmt::Display) -> Error {
    Error::numerical(
        format!("a picture cannot be drawn: {e}"),
        "report the file that it was asked of",
    )
}

/// Makes the font of the program known to the drawing library; whether it could.
fn has_font() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| plotters::style::register_font(FAMILY, FontStyle::Normal, FONT).is_ok())
}

/// Text of `size` units.
pub fn font(size: f64) -> TextStyle<'static> {
    TextStyle::from((FAMILY, size).into_font()).color(&BLACK)
}

/// Width of a text in units.
pub fn text_width(text: &str, size: f64) -> i32 {
    if !has_font() {
        return 0;
    }
    font(size)
        .font
        .layout_box(text)
        .map_or(0, |((left, _), (right, _))| right - left)
}

/// The SVG text of what `draw` draws on a white area of `width` × `height` units.
pub fn picture(width: u32, height: u32, draw: impl FnOnce(&Area) -> Result<()>) -> Result<String> {
    if !has_font() {
        return Err(failed("the font of the program is damaged"));
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

/// The SVG text with a line above it.
pub fn titled(svg: &str, title: &str) -> String {
    let size = |name: &str| -> Option<u32> {
        let (_, rest) = svg.split_once(&format!("{name}=\""))?;
        rest.split_once('"')?.0.parse().ok()
    };
    let (Some(width), Some(height), Some((_, inner))) =
        (size("width"), size("height"), svg.split_once('>'))
    else {
        return svg.to_string();
    };
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;");
    // No wider than the picture, at a mean width of a letter of 0.6.
    let letters = (f64::from(width) / (0.6 * title.chars().count().max(1) as f64)).min(44.0);
    let (all, middle) = (height + TITLE, width / 2);
    format!(
        "<svg width=\"{width}\" height=\"{all}\" viewBox=\"0 -{TITLE} {width} {all}\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<rect x=\"0\" y=\"-{TITLE}\" width=\"{width}\" \
         height=\"{TITLE}\" fill=\"#FFFFFF\"/>\n<text x=\"{middle}\" y=\"-20\" \
         text-anchor=\"middle\" font-family=\"{FAMILY}\" font-size=\"{letters:.1}\">{escaped}\
         </text>{inner}"
    )
}

/// The picture as PNG of `width` pixels.
pub fn png(svg: &str, width: u32) -> Result<Vec<u8>> {
    let mut options = usvg::Options {
        font_family: FAMILY.into(),
        ..usvg::Options::default()
    };
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    options.fontdb = Arc::new(fonts);
    let tree = usvg::Tree::from_str(svg, &options).map_err(failed)?;
    let scale = width as f32 / tree.size().width();
    let height = (tree.size().height() * scale).round() as u32;
    let mut pixels = tiny_skia::Pixmap::new(width, height)
        .ok_or_else(|| failed(format!("{width} pixels are no width")))?;
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    pixels.encode_png().map_err(failed)
}

/// A line through `points`; nothing where they are one and the same.
pub fn line(area: &Area, points: Vec<(i32, i32)>, colour: impl Color, width: u32) -> Result<()> {
    if points.iter().all(|p| *p == points[0]) {
        return Ok(());
    }
    area.draw(&PathElement::new(points, colour.stroke_width(width)))
        .map_err(failed)
}

/// A filled polygon.
pub fn polygon(area: &Area, points: Vec<(i32, i32)>, colour: impl Color) -> Result<()> {
    area.draw(&Polygon::new(points, colour.filled()))
        .map_err(failed)
}

/// A text with its anchor at `at`.
pub fn write(area: &Area, text: &str, at: (i32, i32), size: f64, h: HPos, v: VPos) -> Result<()> {
    area.draw(&Text::new(
        text.to_string(),
        at,
        font(size).pos(Pos::new(h, v)),
    ))
    .map_err(failed)
}

pub use plotters::style::text_anchor::{HPos, Pos, VPos};
