//! Decides what a dataset means whose writer does not say it: the line of `docs/schema.md` that
//! stands for its path.
//!
//! A pattern has `*` for one part between slashes and `**` for any number of them; the line with
//! the fewest stars counts. The shape there names the dimensions.

use std::sync::OnceLock;

const PAGE: &str = include_str!("../../docs/schema.md");

/// Units of the page that are no units: what they stand for is known elsewhere.
const OTHERS: [&str; 3] = ["as in results", "of the quantity", "its square"];

/// A line of the page.
#[derive(Debug)]
pub struct PageLine {
    pattern: Vec<&'static str>,
    stars: usize,
    /// The unit; empty for texts and where the page gives none.
    pub unit: &'static str,
    /// What the dataset is.
    pub meaning: String,
    /// Names of the dimensions, "..." for those that the page leaves open.
    pub axes: Vec<String>,
    /// Whether the first dimension is `step` as such: numbers from 1, where `step+1` has a row 0.
    pub from_one: bool,
}

/// The line of a dataset; `None` where the page has none.
pub fn of(path: &str) -> Option<&'static PageLine> {
    static LINES: OnceLock<Vec<PageLine>> = OnceLock::new();
    let lines = LINES.get_or_init(|| PAGE.lines().filter_map(line).collect());
    let parts: Vec<&str> = path.split('/').collect();
    let fitting = lines.iter().filter(|l| stands_for(&l.pattern, &parts));
    fitting.min_by_key(|l| (l.stars, std::cmp::Reverse(l.pattern.len())))
}

/// Reads a line of a table.
fn line(text: &'static str) -> Option<PageLine> {
    let inner = text.strip_prefix("| `")?;
    // A bar within a cell is written with a backslash.
    let mut cells = Vec::new();
    let mut rest = inner;
    let mut from = 0;
    while let Some(at) = rest[from..].find('|').map(|at| at + from) {
        from = at + 1;
        if !rest[..at].ends_with('\\') {
            cells.push(rest[..at].trim());
            (rest, from) = (&rest[at + 1..], 0);
        }
    }
    let [name, _, shape, unit, meaning, _] = cells[..] else {
        return None;
    };
    let pattern: Vec<&str> = name.trim_end_matches('`').split('/').collect();
    let from_one = shape == "[step]";
    let shape = shape.trim_matches(['[', ']']).split(',');
    Some(PageLine {
        from_one,
        stars: name.matches('*').count(),
        pattern,
        unit: if OTHERS.contains(&unit) { "" } else { unit },
        meaning: meaning.replace("\\|", "|").replace('`', ""),
        axes: shape.map(axis).filter(|a| !a.is_empty()).collect(),
    })
}

/// The name of a dimension: `step+1` and `step` are one.
fn axis(text: &str) -> String {
    let text = text.trim();
    let end = text.find(['+', '-']).unwrap_or(text.len());
    text[..end].replace(' ', "_")
}

/// Whether a path, in its parts, is one that the pattern stands for.
pub fn stands_for(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (1..=path.len()).any(|k| stands_for(rest, &path[k..])),
        (["*", rest @ ..], [_, more @ ..]) => stands_for(rest, more),
        ([word, rest @ ..], [name, more @ ..]) => word == name && stands_for(rest, more),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_special_line_counts() {
        let line = of("optimize/history/variance").unwrap();
        assert_eq!(
            (line.unit, &line.axes[..]),
            ("coupling^2", &["step".to_string()][..])
        );
        assert_eq!(line.meaning, "<|E_loc - E|^2>, whole system");
        assert_eq!(of("evolve/anything/inside").unwrap().unit, "");
        assert_eq!(of("measure/section/blocks").unwrap().unit, "1");
        assert_eq!(of("construct/history/time").unwrap().axes, ["step"]);
        let bins = of("measure/observables/x/bins").unwrap();
        assert_eq!(bins.axes, ["bin", "..."]);
        assert!(of("nothing").is_none());
        assert_eq!(
            of("learn/correlations/mean").unwrap().axes,
            ["site", "site"]
        );
    }
}
