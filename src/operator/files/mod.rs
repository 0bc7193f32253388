//! Decides how couplings, fields, edges and Pauli strings are read from comma-separated files.
//!
//! Columns: edges `i,j` or `i,j,kind`; bonds `i,j,Jx,Jy,Jz`; fields `i,hx,hy,hz`; strings
//! `coefficient,string` with coefficients such as `-1.5` or `0.5+0.2i` and strings such as `X0 Y3
//! Z4` (empty: the identity). The header comes first; blank lines and lines that begin with `#` are
//! skipped. Sites are numbered from 0.

use super::Pauli;
use crate::error::{Error, Result};
use num_complex::Complex64;
use std::collections::BTreeMap;
use std::path::Path;

/// Largest file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 28;
/// Largest site number in a file.
const LARGEST_SITE: usize = 999_999;

/// One coupled pair of a bond file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coupling {
    /// First site.
    pub i: usize,
    /// Second site.
    pub j: usize,
    /// Jx, Jy, Jz.
    pub j_xyz: [f64; 3],
}

/// The place that an error in a file names.
struct Place<'a> {
    key: &'a str,
    path: &'a Path,
    line: usize,
}

impl Place<'_> {
    fn error(&self, problem: impl std::fmt::Display, remedy: &str) -> Error {
        Error::input(
            self.key,
            format!("{}, line {}: {problem}", self.path.display(), self.line),
            remedy,
        )
    }

    fn site(&self, text: &str, sites: Option<usize>) -> Result<usize> {
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

    fn real(&self, text: &str) -> Result<f64> {
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

    /// Checks a pair and that it is new.
    fn pair(&self, i: usize, j: usize, seen: &mut BTreeMap<(usize, usize), usize>) -> Result<()> {
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

/// Reads a file as text, after checking that it is a regular file of sensible size.
fn read_text(path: &Path, key: &str) -> Result<String> {
    let fail = |problem: String| {
        Error::input(
            key,
            format!("{}: {problem}", path.display()),
            "give a readable text file, relative to the folder of the input file",
        )
    };
    let meta = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?;
    if !meta.is_file() {
        return Err(fail("not a regular file".into()));
    }
    if meta.len() > LARGEST_FILE {
        return Err(fail(format!(
            "{} bytes, at most {LARGEST_FILE} are read",
            meta.len()
        )));
    }
    std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))
}

/// Calls `row(place, fields)` for every data line below one of the allowed headers.
fn rows<'a>(
    path: &'a Path,
    key: &'a str,
    headers: &[&str],
    mut row: impl FnMut(&Place, &[&str]) -> Result<()>,
) -> Result<()> {
    let text = read_text(path, key)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let allowed = headers
        .iter()
        .map(|h| format!("`{h}`"))
        .collect::<Vec<_>>()
        .join(" or ");
    let mut columns = None;
    let mut place = Place { key, path, line: 0 };
    let mut found = 0usize;
    for (index, line) in text.lines().enumerate() {
        place.line = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        match columns {
            None => {
                let header = fields.join(",");
                if !headers.contains(&header.as_str()) {
                    return Err(place.error(
                        format!(
                            "the header is `{}`",
                            header.chars().take(80).collect::<String>()
                        ),
                        &format!("the first line is {allowed}"),
                    ));
                }
                columns = Some(fields.len());
            }
            Some(n) if n != fields.len() => {
                return Err(place.error(
                    format!("{} columns instead of {n}", fields.len()),
                    "fill every column once",
                ));
            }
            Some(_) => {
                found += 1;
                row(&place, &fields)?;
            }
        }
    }
    if found == 0 {
        return Err(Error::input(
            key,
            format!("{}: there are no data lines", path.display()),
            format!("write the header {allowed} and one line per entry"),
        ));
    }
    Ok(())
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

/// Reads the couplings of a lattice with `sites` sites. `key` is named in errors.
pub fn read_bonds(path: &Path, key: &str, sites: usize) -> Result<Vec<Coupling>> {
    let (mut bonds, mut seen) = (Vec::new(), BTreeMap::new());
    rows(path, key, &["i,j,Jx,Jy,Jz"], |place, f| {
        let (i, j) = (
            place.site(f[0], Some(sites))?,
            place.site(f[1], Some(sites))?,
        );
        place.pair(i, j, &mut seen)?;
        bonds.push(Coupling {
            i,
            j,
            j_xyz: [place.real(f[2])?, place.real(f[3])?, place.real(f[4])?],
        });
        Ok(())
    })?;
    Ok(bonds)
}

/// Reads the fields (site, [hx, hy, hz]) of a lattice with `sites` sites. `key` is named in errors.
pub fn read_fields(path: &Path, key: &str, sites: usize) -> Result<Vec<(usize, [f64; 3])>> {
    let (mut list, mut seen) = (Vec::new(), BTreeMap::new());
    rows(path, key, &["i,hx,hy,hz"], |place, f| {
        let site = place.site(f[0], Some(sites))?;
        if let Some(line) = seen.insert(site, place.line) {
            return Err(place.error(
                format!("site {site} is already on line {line}"),
                "list every site once",
            ));
        }
        list.push((
            site,
            [place.real(f[1])?, place.real(f[2])?, place.real(f[3])?],
        ));
        Ok(())
    })?;
    Ok(list)
}

/// A coefficient and its string, as `PauliSum::add` takes them.
pub type Term = (Complex64, Vec<(u32, Pauli)>);

/// Reads a sum of Pauli strings on `sites` sites. `key` is named in errors.
pub fn read_pauli(path: &Path, key: &str, sites: usize) -> Result<Vec<Term>> {
    let mut terms = Vec::new();
    rows(path, key, &["coefficient,string"], |place, fields| {
        const REMEDY: &str = "write lines such as `0.5,X0 Z1`";
        let c = parse_coefficient(fields[0]).map_err(|problem| place.error(problem, REMEDY))?;
        terms.push((
            c,
            parse_string(fields[1], sites).map_err(|problem| place.error(problem, REMEDY))?,
        ));
        Ok(())
    })?;
    Ok(terms)
}

/// Reads `1.5`, `-2e-3`, `0.5+0.2i`, `-0.2i`, `i`; what is wrong otherwise.
pub fn parse_coefficient(text: &str) -> std::result::Result<Complex64, String> {
    let wrong = || format!("`{text}` is not a finite coefficient such as -0.5 or 0.5+0.2i");
    let finite = |part: &str| {
        part.trim()
            .parse::<f64>()
            .ok()
            .filter(|v| v.is_finite())
            .ok_or_else(wrong)
    };
    let Some(body) = text.strip_suffix('i') else {
        return finite(text).map(Complex64::from);
    };
    let bytes = body.as_bytes();
    let split = (1..bytes.len())
        .rev()
        .find(|&k| matches!(bytes[k], b'+' | b'-') && !matches!(bytes[k - 1], b'e' | b'E'));
    let (re, im) = body.split_at(split.unwrap_or(0));
    let im = match im.replace(' ', "").as_str() {
        "" | "+" => 1.0,
        "-" => -1.0,
        number => finite(number)?,
    };
    Ok(Complex64::new(
        if re.is_empty() { 0.0 } else { finite(re)? },
        im,
    ))
}

/// Reads `X0 Y3 Z4` on `sites` sites; what is wrong otherwise. The empty text is the identity.
pub fn parse_string(text: &str, sites: usize) -> std::result::Result<Vec<(u32, Pauli)>, String> {
    let mut string: Vec<(u32, Pauli)> = Vec::new();
    for word in text.split_whitespace() {
        let mut letters = word.chars();
        let pauli = match letters.next() {
            Some('X') => Pauli::X,
            Some('Y') => Pauli::Y,
            Some('Z') => Pauli::Z,
            _ => {
                return Err(format!(
                    "`{word}` is not a Pauli matrix such as X0, Y0 or Z0"
                ));
            }
        };
        let digits = letters.as_str();
        let site = digits
            .parse::<u32>()
            .ok()
            .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
            .ok_or_else(|| format!("`{word}` does not name a site"))?;
        if site as usize >= sites {
            return Err(format!(
                "`{word}`: site {site} does not exist, the lattice has {sites} sites numbered from \
                 0"
            ));
        }
        if string.iter().any(|f| f.0 == site) {
            return Err(format!("`{text}` names site {site} twice"));
        }
        string.push((site, pauli));
    }
    Ok(string)
}

#[cfg(test)]
mod tests;
