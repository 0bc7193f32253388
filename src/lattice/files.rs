//! Decides how tables are read from comma-separated files, and the edges of a graph with them.
//!
//! The header comes first; blank lines and lines that begin with `#` are skipped. Sites are
//! numbered from 0. Columns of edges: `i,j` or `i,j,kind`.

use crate::error::{Error, Result};
use crate::files;
use crate::table::known;
use csv::{ReaderBuilder, StringRecord, Trim};
use std::collections::BTreeMap;
use std::path::Path;

/// Largest file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 28;
/// Largest site number in a file.
const LARGEST_SITE: usize = 999_999;

/// The place that an error in a file names.
pub struct FilePlace<'a> {
    key: &'a str,
    path: &'a Path,
    /// Number of the line, from 1.
    pub line: usize,
}

impl FilePlace<'_> {
    /// The error of this line.
    pub fn error(&self, problem: impl std::fmt::Display, remedy: &str) -> Error {
        Error::input(
            self.key,
            format!("{}, line {}: {problem}", self.path.display(), self.line),
            remedy,
        )
    }

    /// A site number, below `sites` where that is known.
    pub fn site(&self, text: &str, sites: Option<usize>) -> Result<usize> {
        let site: usize = text.parse().map_err(|_| {
            self.error(
                format!("`{text}` is not a site number"),
                "sites are the integers from 0",
            )
        })?;
        match sites {
            Some(n) if site >= n => Err(self.error(
                format!("site {site} does not exist, the lattice has {n} sites numbered from 0"),
                "correct the site or enlarge the lattice",
            )),
            None if site > LARGEST_SITE => Err(self.error(
                format!("site {site} is beyond the largest allowed site {LARGEST_SITE}"),
                "number the sites from 0 without gaps",
            )),
            _ => Ok(site),
        }
    }

    /// A finite number.
    pub fn real(&self, text: &str) -> Result<f64> {
        text.parse::<f64>()
            .ok()
            .filter(|v| v.is_finite())
            .ok_or_else(|| {
                self.error(
                    format!("`{text}` is not a finite number"),
                    "write a number such as -0.5",
                )
            })
    }

    /// Notes a pair and checks that it is new.
    pub fn pair(
        &self,
        i: usize,
        j: usize,
        seen: &mut BTreeMap<(usize, usize), usize>,
    ) -> Result<()> {
        if i == j {
            return Err(self.error(
                format!("site {i} is joined to itself"),
                "join two different sites",
            ));
        }
        match seen.insert((i.min(j), i.max(j)), self.line) {
            Some(line) => Err(self.error(
                format!("the pair {i},{j} is already on line {line}"),
                "list every pair once, in either order",
            )),
            None => Ok(()),
        }
    }
}

/// Reads a file as text, after checking that it is a regular file of sensible size; `key` is named
/// in errors.
pub fn read_text(path: &Path, key: &str) -> Result<String> {
    let fail = |problem: String| {
        Error::input(
            key,
            format!("{}: {problem}", path.display()),
            "give a readable text file, relative to the folder of the input file",
        )
    };
    files::text(path, LARGEST_FILE).map_err(|e| fail(e.to_string()))
}

/// Whether a line holds nothing: it is blank, or a comment.
fn is_nothing(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// What separates the columns: a comma where the header has one, else a semicolon or a tab.
fn separator_of(text: &str) -> u8 {
    let header = text.lines().find(|line| !is_nothing(line));
    let has = |c: &&u8| header.is_some_and(|h| h.as_bytes().contains(c));
    *[b',', b';', b'\t'].iter().find(has).unwrap_or(&b',')
}

/// Number of the line that a record begins on, from 1, and that line. The reader says where the
/// record before it ended: lines that hold nothing may lie between.
fn line_of<'t>(text: &'t str, record: &StringRecord) -> (usize, &'t str) {
    let (byte, line) = record
        .position()
        .map_or((0, 1), |p| (p.byte() as usize, p.line() as usize));
    let mut lines = text.get(byte..).unwrap_or_default().lines();
    let skipped = |l: &&str| l.is_empty() || l.starts_with('#');
    let between = lines.clone().take_while(skipped).count();
    (line + between, lines.nth(between).unwrap_or_default())
}

/// A field without quotes that stood behind a blank.
fn unquoted(field: &str) -> &str {
    let inner = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
    inner.map_or(field, str::trim)
}

/// Calls `row(place, fields)` for every data line below one of the allowed headers.
pub fn rows<'a>(
    path: &'a Path,
    key: &'a str,
    headers: &[&str],
    row: impl FnMut(&FilePlace, &[&str]) -> Result<()>,
) -> Result<()> {
    let quoted: Vec<_> = headers.iter().map(|h| format!("`{h}`")).collect();
    let allowed = quoted.join(" or ");
    let header = |place: &FilePlace, names: &[&str]| {
        let header = names.join(",");
        if headers.contains(&header.as_str()) {
            return Ok((0..names.len()).collect());
        }
        let start: String = header.chars().take(80).collect();
        let remedy = format!("the first line is {allowed}");
        Err(place.error(format!("the header is `{start}`"), &remedy))
    };
    let remedy = format!("write the header {allowed} and one line per entry");
    walk((path, key), header, &remedy, row)
}

/// Calls `row(place, fields)` for every data line, with the fields of the columns `names` alone, in
/// that order; each stands with the key that names it.
pub fn columns<'a>(
    path: &'a Path,
    key: &'a str,
    names: &[(&str, &str)],
    row: impl FnMut(&FilePlace, &[&str]) -> Result<()>,
) -> Result<()> {
    let header = |place: &FilePlace, header: &[&str]| {
        let column = |(key, name): &(&str, &str)| {
            let mut found = (0..header.len()).filter(|k| header[*k] == *name);
            let there = FilePlace { key, ..*place };
            match (found.next(), found.next()) {
                (Some(k), None) => Ok(k),
                (None, _) => {
                    let problem = format!("there is no column `{name}`");
                    Err(there.error(problem, &known(name, header)))
                }
                _ => Err(there.error(
                    format!("two columns are called `{name}`"),
                    "give every column a name of its own",
                )),
            }
        };
        names.iter().map(column).collect()
    };
    let remedy = "write a header with the names of the columns and one line per row";
    walk((path, key), header, remedy, row)
}

/// Calls `row` for every data line with the fields that `choose` has named by their numbers when it
/// was shown the header; `remedy` is for a file without data.
fn walk<'a>(
    (path, key): (&'a Path, &'a str),
    choose: impl Fn(&FilePlace, &[&str]) -> Result<Vec<usize>>,
    remedy: &str,
    mut row: impl FnMut(&FilePlace, &[&str]) -> Result<()>,
) -> Result<()> {
    let text = read_text(path, key)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (mut columns, mut numbered) = (None, None);
    let mut place = FilePlace { key, path, line: 0 };
    let mut found = 0usize;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .delimiter(separator_of(text))
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    for record in reader.records() {
        let record = record.map_err(|e| place.error(e, "write a text in UTF-8"))?;
        let (number, line) = line_of(text, &record);
        place.line = number;
        if is_nothing(line) {
            continue;
        }
        // No field holds a line break: what begins in a line ends in it.
        if line.matches('"').count() % 2 == 1 {
            return Err(place.error("a quote is not closed", "close it, or write no quotes"));
        }
        let mut fields: Vec<&str> = record.iter().map(unquoted).collect();
        // A first column without a name holds numbers of lines.
        if *numbered.get_or_insert(fields[0].is_empty()) {
            fields.remove(0);
        }
        match &columns {
            None => columns = Some((fields.len(), choose(&place, &fields)?)),
            Some((n, _)) if *n != fields.len() => {
                return Err(place.error(
                    format!("{} columns instead of {n}", fields.len()),
                    "fill every column once",
                ));
            }
            Some((_, chosen)) => {
                found += 1;
                let chosen: Vec<&str> = chosen.iter().map(|k| fields[*k]).collect();
                row(&place, &chosen)?;
            }
        }
    }
    match found {
        0 => Err(Error::input(
            key,
            format!("{}: there are no data lines", path.display()),
            remedy,
        )),
        _ => Ok(()),
    }
}

/// Reads the edges (i, j, kind) of a graph; without a third column the kind is 1. `key` is named in
/// errors.
pub fn read_edges(path: &Path, key: &str) -> Result<Vec<(usize, usize, u32)>> {
    let (mut edges, mut seen) = (Vec::new(), BTreeMap::new());
    rows(path, key, &["i,j", "i,j,kind"], |place, fields| {
        let (i, j) = (place.site(fields[0], None)?, place.site(fields[1], None)?);
        place.pair(i, j, &mut seen)?;
        let kind = match fields.get(2) {
            None => 1,
            Some(text) => text.parse().ok().filter(|&k| k > 0).ok_or_else(|| {
                place.error(
                    format!("`{text}` is not a kind"),
                    "kinds are the integers from 1",
                )
            })?,
        };
        edges.push((i, j, kind));
        Ok(())
    })?;
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_other_programs_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_edges(&path, "lattice.file").map_err(|e| e.to_string())
        };
        for text in [
            "i,j\n0,1\n1,2\n",
            "\"i\",\"j\"\n\"0\",\"1\"\n\"1\",\"2\"\n",
            "i;j\n0;1\n1; 2\n",
            "i\tj\r\n0\t1\r\n1\t2\r\n",
            ",i,j\n0,0,1\n1,1,2\n",
        ] {
            assert_eq!(read(text), Ok(vec![(0, 1, 1), (1, 2, 1)]), "{text:?}");
        }
        assert!(read("i,k\n0,1\n").unwrap_err().contains("header"));
    }

    #[test]
    fn errors_name_the_line_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.csv");
        for (text, line) in [
            ("i,j\n0,x\n", 2),
            ("# a\n\ni,j\n\n# \"b\n  \n0,1\n  # c\n\n1,x\n", 10),
            ("# a\r\n\r\ni,j\r\n0,1\r\n\r\n#\r\n1,x\r\n", 7),
            ("i,j\n\"0\",\"1\"\n\n\"1\", \"x\"\n", 4),
            ("i,j\n0,1\n1,2,3\n", 3),
            ("\u{feff}i,j\n0,1\n1,\n", 3),
        ] {
            std::fs::write(&path, text).unwrap();
            let told = read_edges(&path, "lattice.file").unwrap_err().to_string();
            assert!(told.contains(&format!("line {line}:")), "{text:?}: {told}");
        }
    }
}
