//! Decides how shots are read from files: tables of outcomes with weights, and counts in JSON.

mod counts;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::lattice::files::rows;
use crate::shots::bases::{MeasuredBasis, Refusal, letters};
use crate::shots::counted::Shots;
use counts::{CountFile, within};
use std::path::Path;

/// Which letter of a basis, and of an outcome, belongs to site 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FirstSite {
    /// The first one.
    #[default]
    Left,
    /// The last one.
    Right,
}

/// How a file of shots writes bases and outcomes.
#[derive(Clone, Copy)]
struct Letters {
    sites: usize,
    first: FirstSite,
    /// The letters of the outcomes +1 and −1.
    signs: [char; 2],
    remedy: &'static str,
}

impl Letters {
    fn basis(self, text: &str) -> std::result::Result<MeasuredBasis, Refusal> {
        let mut basis = MeasuredBasis::read(text, self.sites)?;
        self.turn(&mut basis.0);
        Ok(basis)
    }

    fn outcome(self, text: &str) -> std::result::Result<Vec<i8>, Refusal> {
        let sign = |letter: char| match letter {
            _ if letter == self.signs[0] => Some(1),
            _ if letter == self.signs[1] => Some(-1),
            _ => None,
        };
        let mut outcome = letters(text, self.sites, sign, self.remedy)?;
        self.turn(&mut outcome);
        Ok(outcome)
    }

    fn turn<T>(self, values: &mut [T]) {
        if self.first == FirstSite::Right {
            values.reverse();
        }
    }
}

/// Reads shots of `sites` sites, joined. `key` is named in errors; `first` tells which end of
/// bases and outcomes is site 0.
///
/// A file whose name ends with .json holds counts, in one of three forms; "0" is the outcome +1,
/// "1" is −1:
/// ```text
/// { "ZZXY": { "0110": 512 } }     [{ "basis": "ZZXY", "counts": { "0110": 512 } }]
/// { "0110": 512 }                 all sites along z
/// ```
/// Any other file is a table with the columns `basis,outcome` or `basis,outcome,weight`:
/// `ZXYZ,++-+,1`. Weights are counts or probabilities, 1 where there is no such column.
///
/// # Errors
///
/// Input errors with file and line, or path inside the file: other letters, wrong lengths, weights
/// that are negative or not finite, counts that are not whole, bases without shots.
pub fn read_shots(path: &Path, key: &str, sites: usize, first: FirstSite) -> Result<Shots> {
    let is_json = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let shots = match is_json {
        true => counts(&CountFile { path, key }, sites, first)?,
        false => table(path, key, sites, first)?,
    };
    let wrong = |basis: &MeasuredBasis, problem: &str, remedy: &str| {
        let mut axes = basis.clone();
        if first == FirstSite::Right {
            axes.0.reverse();
        }
        let problem = format!("{}: {} {problem}", path.display(), axes.text());
        Error::input(key, problem, remedy)
    };
    for (basis, weight) in shots.bases.iter().zip(shots.basis_weights()) {
        if weight == 0.0 {
            let remedy = "give it shots, or take it out";
            return Err(wrong(basis, "is a basis without shots", remedy));
        }
        if !weight.is_finite() {
            let remedy = "divide all weights by a large number";
            return Err(wrong(basis, "has weights whose sum is not finite", remedy));
        }
    }
    Ok(shots.joined())
}

fn table(path: &Path, key: &str, sites: usize, first: FirstSite) -> Result<Shots> {
    let letters = Letters {
        sites,
        first,
        signs: ['+', '-'],
        remedy: "an outcome has one letter + or - for each site",
    };
    let mut shots = Shots::new(sites);
    let headers = ["basis,outcome", "basis,outcome,weight"];
    rows(path, key, &headers, |place, fields| {
        let refuse = |(problem, remedy): Refusal| place.error(problem, remedy);
        let basis = letters.basis(fields[0]).map_err(refuse)?;
        let outcome = letters.outcome(fields[1]).map_err(refuse)?;
        let weight = fields.get(2).map_or(Ok(1.0), |text| place.real(text))?;
        if weight < 0.0 {
            let problem = format!("the weight {weight} is negative");
            return Err(place.error(problem, "weights are counts or probabilities"));
        }
        shots.add(&basis, &outcome, weight);
        Ok(())
    })?;
    Ok(shots)
}

fn counts(file: &CountFile, sites: usize, first: FirstSite) -> Result<Shots> {
    let letters = Letters {
        sites,
        first,
        signs: ['0', '1'],
        remedy: "an outcome has one letter 0 (+1) or 1 (-1) for each site",
    };
    let mut shots = Shots::new(sites);
    for entry in file.read()? {
        let refuse = |place: &str, (problem, remedy): Refusal| file.error(place, problem, remedy);
        let basis = match &entry.basis {
            None => MeasuredBasis::all_z(sites),
            Some(text) => letters.basis(text).map_err(|r| refuse(&entry.place, r))?,
        };
        // A basis without counts is found by its weight.
        shots.enter(&basis);
        for (bits, count) in &entry.counts {
            let outcome = letters
                .outcome(bits)
                .map_err(|r| refuse(&within(&entry.place, bits), r))?;
            shots.add(&basis, &outcome, *count);
        }
    }
    Ok(shots)
}
