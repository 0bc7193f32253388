//! Decides how `info` tells people what a file holds: the answer first, then what it rests on.
//!
//! The order is: the state, the energy, what is wrong with it, observables, sections, the rest, and
//! where it was calculated. `info --json` has all digits.

use super::amplitudes::amplitude_texts;
use crate::stats::with_error;
use serde_json::Value;

/// What stands in lines of its own.
const APART: &[&str] = &[
    "amplitudes",
    "arrays",
    "classical",
    "cut",
    "drift",
    "energy",
    "file",
    "observables",
    "proposals",
    "provenance",
    "r_hat",
    "ranks",
    "samples",
    "sectors",
    "sections",
    "sites",
    "spin_r_hat",
    "started_at_step",
    "state",
    "steps",
    "title",
    "v_score",
    "verdict",
    "warnings",
];

/// What a file holds, for people.
pub fn info_text(info: &Value) -> String {
    let mut lines = Vec::new();
    if info["file"] == "results" {
        lines.push(state(info));
        if info["verdict"] == "collapsed" {
            let words = "collapsed on single configurations: not the ground state";
            lines.push(format!("{:<16} {words}", "verdict"));
        }
        lines.extend(energy(info));
        lines.extend(chains(info));
        lines.extend(warnings(info));
        lines.extend(amplitude_texts(&info["amplitudes"]));
        lines.extend(sectors(info));
    } else {
        let own = info.as_object().into_iter().flatten();
        let own = own.filter(|(key, value)| !value.is_null() && *key != "provenance");
        lines.extend(own.map(|(key, value)| format!("{key:<16} {}", plain(value))));
    }
    let temperatures = info.get("classical").and_then(Value::as_array);
    lines.extend(temperatures.into_iter().flatten().map(temperature));
    lines.extend(observables(info));
    lines.extend(sections(info));
    if info["file"] == "results" {
        let rest = info.as_object().into_iter().flatten();
        let rest = rest.filter(|(key, value)| !APART.contains(&key.as_str()) && !value.is_null());
        lines.extend(rest.map(|(key, value)| format!("{key:<16} {}", plain(value))));
        lines.push(format!("{:<16} results", "file"));
    }
    if let Some(map) = info.get("provenance").and_then(Value::as_object) {
        lines.push("calculated".into());
        let line =
            |(k, v): (&String, &Value)| format!("  {k:<14} {}", v.as_str().unwrap_or_default());
        lines.extend(map.iter().map(line));
    }
    lines.join("\n")
}

/// Title and state of the run, and how much it did.
fn state(info: &Value) -> String {
    let text = |key: &str| info[key].as_str().unwrap_or_default();
    let counts = ["steps", "samples", "ranks", "sites"];
    let counts = counts.into_iter().filter_map(|key| {
        let n = info[key].as_i64().filter(|n| *n > 0)?;
        let unit = if n == 1 {
            key.trim_end_matches('s')
        } else {
            key
        };
        Some(format!(", {n} {unit}"))
    });
    let counts: Vec<_> = counts.collect();
    format!("{:<16} {}{}", text("title"), text("state"), counts.concat())
}

/// The measured energy, of the whole and per site.
fn energy(info: &Value) -> Option<String> {
    let energy = info.get("energy").filter(|e| !e.is_null())?;
    let part = |name: &str| energy[name].as_f64().unwrap_or(f64::NAN);
    let (mean, error) = (part("mean"), part("error"));
    let mut line = format!("{:<16} {}", "energy", with_error(mean, error));
    if let Some(sites) = info["sites"].as_f64().filter(|n| *n > 0.0) {
        line += &format!("  per site {}", with_error(mean / sites, error / sites));
    }
    line += &match part("variance_error") {
        error if error > 0.0 => format!("  variance {}", with_error(part("variance"), error)),
        _ if part("variance").is_nan() => String::new(),
        _ => format!("  variance {:.4e}", part("variance")),
    };
    if part("v_score").is_finite() {
        line += &format!("  V-score {:.2e}", part("v_score"));
    }
    Some(line)
}

/// What the chains say of the error bar; nothing where there are none.
fn chains(info: &Value) -> Option<String> {
    let of_energy = |name: &str| info["energy"][name].as_f64();
    let words = |name: &str, value: Option<f64>| value.map(|v| format!("  {name} {v:.3}"));
    let all = [
        words("tau", of_energy("tau")),
        of_energy("effective_samples").map(|n| format!("  effective samples {n:.0}")),
        words("weights", of_energy("effective_fraction")),
        words("R-hat", info["r_hat"].as_f64()),
        words("R-hat of the spins", info["spin_r_hat"].as_f64()),
        words("drift", info["drift"].as_f64()),
        info["cut"]
            .as_f64()
            .filter(|c| *c > 0.0)
            .map(|c| format!("  cut {c:.0}")),
    ];
    let all: Vec<_> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| format!("{:<16} {}", "chains", all.concat().trim_start()))
}

/// The warnings, a line each; that there are none is said of a measured energy.
fn warnings(info: &Value) -> Vec<String> {
    let list: Vec<_> = info["warnings"].as_array().into_iter().flatten().collect();
    let list: Vec<_> = list.iter().filter_map(|w| w.as_str()).collect();
    if list.is_empty() {
        let measured = info.get("energy").is_some_and(|e| !e.is_null());
        return Vec::from_iter(measured.then(|| format!("{:<16} none", "warnings")));
    }
    let head = format!("{:<16} {}", "warnings", list.len());
    let lines = list.iter().map(|warning| format!("  * {warning}"));
    std::iter::once(head).chain(lines).collect()
}

/// The sectors that were tried, a line each, and which one the run went on with.
fn sectors(info: &Value) -> Vec<String> {
    let list: Vec<_> = info["sectors"].as_array().into_iter().flatten().collect();
    let line = |about: &&Value| {
        let part = |key: &str| about[key].as_f64().unwrap_or(f64::NAN);
        let result = match part("failed") == 1.0 {
            true => "failed".to_string(),
            false => format!("E = {}", with_error(part("energy"), part("error"))),
        };
        let chosen = if part("chosen") == 1.0 {
            "  chosen"
        } else {
            ""
        };
        let name = about["sector"].as_str().unwrap_or_default();
        format!("  {name}: {result}{chosen}")
    };
    let head = (!list.is_empty()).then(|| format!("{:<16} {} tried", "sectors", list.len()));
    head.into_iter().chain(list.iter().map(line)).collect()
}

/// Measured quantities that are one number, and the names of the others.
fn observables(info: &Value) -> Vec<String> {
    let single = info["observables"].as_object().into_iter().flatten();
    let single = single.map(|(name, value)| {
        let part = |key: &str| value[key].as_f64().unwrap_or(f64::NAN);
        format!("{name:<32} {}", with_error(part("mean"), part("error")))
    });
    let arrays = info["arrays"].as_object().into_iter().flatten();
    let arrays = arrays.map(|(name, shape)| {
        format!(
            "{name:<32} array {shape} in measure/observables/{}",
            name.replace('.', "/")
        )
    });
    single.chain(arrays).collect()
}

/// The last numbers of the sections that show any.
fn sections(info: &Value) -> Vec<String> {
    let known = |about: &Value| {
        let own = about.as_object().into_iter().flatten();
        let own = own.filter(|(key, _)| !["blocks", "expected", "seconds"].contains(&key.as_str()));
        let own = own.filter(|(_, value)| !value.is_null());
        let words: Vec<_> = own
            .map(|(key, value)| format!("{key} {}", plain(value)))
            .collect();
        words.join("  ")
    };
    let all = info["sections"].as_object().into_iter().flatten();
    let all = all.map(|(name, about)| (name, &about["blocks"], known(about)));
    let shown = all.filter(|(_, _, words)| !words.is_empty());
    shown
        .map(|(name, blocks, words)| format!("{name:<16} {blocks} blocks  {words}"))
        .collect()
}

/// A line about classical spins at one temperature.
fn temperature(about: &Value) -> String {
    let words = |name: &str| {
        let part = |key: &str| about[name][key].as_f64();
        let (mean, error) = (part("mean")?, part("error")?);
        Some(match error > 0.0 {
            true => format!("  {name} {}", with_error(mean, error)),
            false => format!("  {name} {mean:.10}"),
        })
    };
    let shown = ["energy", "specific_heat", "abs_magnetisation", "binder"];
    let shown: Vec<_> = shown.into_iter().filter_map(words).collect();
    let shown = shown.concat();
    format!("T {:<14} {}", about["temperature"], shown.trim_start())
}

/// A value for people: the parts of a summary with their errors, without what is not known.
fn plain(value: &Value) -> String {
    match value {
        Value::Object(parts) => {
            let known = parts.iter().filter(|(key, part)| {
                let of = key.strip_suffix("_error");
                !part.is_null() && !of.is_some_and(|of| parts.contains_key(of))
            });
            let words = known.map(|(key, part)| {
                let error = parts.get(&format!("{key}_error")).and_then(Value::as_f64);
                match (part.as_f64(), error.filter(|e| *e > 0.0)) {
                    (Some(mean), Some(error)) => format!("{key} {}", with_error(mean, error)),
                    _ => format!("{key} {}", plain(part)),
                }
            });
            words.collect::<Vec<_>>().join("  ")
        }
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let value = number.as_f64().unwrap_or(f64::NAN);
            match value == 0.0 || (1e-3..1e6).contains(&value.abs()) {
                true => format!("{value:.6}"),
                false => format!("{value:.5e}"),
            }
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_answer_stands_first() {
        let info = json!({
            "file": "results", "title": "ring", "state": "finished", "steps": 20, "samples": 64,
            "ranks": 1, "sites": 4, "warnings": ["the chains disagree"], "r_hat": 1.2,
            "energy": { "mean": -4.0, "error": 0.01, "variance": 0.1, "v_score": 0.5, "tau": 0.6 },
            "observables": { "m": { "mean": 0.5, "error": 0.1 } }, "arrays": { "szz": [4, 4] },
            "provenance": { "host": "here" }, "evolution": null, "construct": { "steps": 3 },
        });
        let said = info_text(&info);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(
            lines[0],
            "ring             finished, 20 steps, 64 samples, 1 rank, 4 sites"
        );
        assert!(
            lines[1].starts_with("energy           -4.000(10)  per site -1.000(3)"),
            "{said}"
        );
        assert!(
            lines[2].starts_with("chains           tau 0.600  R-hat 1.200"),
            "{said}"
        );
        assert_eq!(
            lines[3..5],
            ["warnings         1", "  * the chains disagree"]
        );
        assert!(
            said.contains("array [4,4] in measure/observables/szz"),
            "{said}"
        );
        assert!(said.contains("construct        steps 3") && !said.contains("evolution"));
        assert!(said.trim_end().ends_with("here"));
    }

    #[test]
    fn each_sector_has_a_line() {
        let row = |sector: &str, energy: f64, error: f64, [failed, chosen]: [f64; 2]| {
            json!({
                "sector": sector, "energy": energy, "error": error, "failed": failed,
                "chosen": chosen, "momentum_1": 0.0,
            })
        };
        let rows = [
            row("momentum = [0]", -4.5, 0.01, [0.0, 1.0]),
            row("momentum = [1]", -4.0, 0.0, [0.0, 0.0]),
            row("momentum = [2]", 0.0, 0.0, [1.0, 0.0]),
        ];
        let lines = sectors(&json!({ "sectors": rows }));
        let expected = [
            "sectors          3 tried",
            "  momentum = [0]: E = -4.500(10)  chosen",
            "  momentum = [1]: E = -4.00000000(0)",
            "  momentum = [2]: failed",
        ];
        assert_eq!(lines, expected);
        assert!(sectors(&json!({ "sectors": null })).is_empty());
    }
}
