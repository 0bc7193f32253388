//! Decides the averages of a table over realisations of random couplings, with two errors.
//!
//! Of n realisations with values x_k ± e_k: the mean x̄, its standard error √(Σ (x_k − x̄)²/(n (n −
//! 1))), which holds the spread of the couplings and the noise of the sampling, and the part of the
//! sampling alone, √(Σ e_k²)/n.

use super::gather::FileRow;
use std::collections::{BTreeMap, BTreeSet};

/// The key that tells realisations apart.
pub(super) const REALISATION: &str = "disorder.realisation";

/// A mean over realisations.
#[derive(Debug, PartialEq)]
struct Average {
    mean: f64,
    /// Standard error of the mean; none for one realisation.
    error: Option<f64>,
    /// Part of it that comes from sampling; none where a value has no error.
    sampling: Option<f64>,
}

fn average(values: &[(f64, Option<f64>)]) -> Average {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| v.0).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v.0 - mean).powi(2)).sum();
    let errors: Option<Vec<f64>> = values.iter().map(|v| v.1).collect();
    let sampling = |errors: Vec<f64>| errors.iter().map(|e| e * e).sum::<f64>().sqrt() / n;
    Average {
        mean,
        error: (values.len() > 1).then(|| (squares / (n * (n - 1.0))).sqrt()),
        sampling: errors.map(sampling),
    }
}

/// Rows that differ in the realisation alone, with what they share.
type Groups<'r> = BTreeMap<Vec<(&'r String, &'r String)>, Vec<&'r FileRow>>;

/// Keys of one row that are not those of its realisation.
fn shared(row: &FileRow) -> Vec<(&String, &String)> {
    let own = |key: &str| key == REALISATION || key.starts_with("output.") || key == "title";
    row.keys.iter().filter(|(key, _)| !own(key)).collect()
}

/// Header and lines of the averages of `rows`: keys that differ, the number of realisations with an
/// energy, and each quantity with both errors.
pub(super) fn lines(rows: &[FileRow]) -> Vec<Vec<String>> {
    let mut groups = Groups::new();
    for row in rows {
        groups.entry(shared(row)).or_default().push(row);
    }
    let all: BTreeSet<&String> = groups.keys().flatten().map(|(key, _)| *key).collect();
    let value = |group: &[(&String, &String)], key: &String| {
        let found = group.iter().find(|(k, _)| *k == key);
        found.map_or_else(String::new, |(_, value)| (*value).clone())
    };
    let differs = |key: &&String| {
        let values = groups.keys().map(|group| value(group, key));
        values.collect::<BTreeSet<_>>().len() > 1
    };
    let keys: Vec<&String> = all.into_iter().filter(differs).collect();
    let names: BTreeSet<String> = rows.iter().flat_map(FileRow::quantities).collect();
    // The energy leads.
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_by_key(|name| name != "energy");
    let mut header: Vec<String> = keys.iter().map(|key| (*key).clone()).collect();
    header.push("realisations".into());
    for name in &names {
        header.extend(["", "_error", "_sampling_error"].map(|end| format!("{name}{end}")));
    }
    let mut lines = vec![header];
    for (group, rows) in &groups {
        let mut line: Vec<String> = keys.iter().map(|key| value(group, key)).collect();
        let counted = rows.iter().filter(|row| row.number("energy").is_some());
        line.push(counted.count().to_string());
        for name in &names {
            let values = rows.iter().filter_map(|row| row.number(name));
            let values: Vec<_> = values.collect();
            let of = average(&values);
            let text = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
            let mean = Some(of.mean).filter(|_| !values.is_empty());
            line.extend([mean, of.error, of.sampling.and(mean).and(of.sampling)].map(text));
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_realisations_and_the_noise_of_samples_are_told_apart() {
        let both = average(&[(1.0, Some(0.3)), (3.0, Some(0.4))]);
        let expected = Average {
            mean: 2.0,
            error: Some(1.0),
            sampling: Some(0.25),
        };
        assert_eq!(both, expected);
        let one = average(&[(1.0, None)]);
        assert_eq!((one.mean, one.error, one.sampling), (1.0, None, None));
    }
}
