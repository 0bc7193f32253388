//! Decides how couplings, fields and Pauli strings are read from comma-separated files.
//!
//! Columns: bonds `i,j,Jx,Jy,Jz`; fields `i,hx,hy,hz`; strings
//! `coefficient,string` with coefficients such as `-1.5` or `0.5+0.2i` and strings such as `X0 Y3
//! Z4` (empty: the identity). The header comes first; blank lines and lines that begin with `#` are
//! skipped. Sites are numbered from 0.

use super::Pauli;
use crate::error::Result;
use crate::lattice::files::rows;
use num_complex::Complex64;
use std::collections::BTreeMap;
use std::path::Path;

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
pub type PauliTerm = (Complex64, Vec<(u32, Pauli)>);

/// Reads a sum of Pauli strings on `sites` sites. `key` is named in errors.
pub fn read_pauli(path: &Path, key: &str, sites: usize) -> Result<Vec<PauliTerm>> {
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
