//! Decides how a rate or a shift changes with the step number.

use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A number, or a rule that gives one for every step.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[serde(untagged)]
pub enum Schedule {
    /// The same at every step.
    Number(f64),
    /// A named rule.
    Rule(ScheduleRule),
}

/// The named rules.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ScheduleRule {
    /// value
    Constant {
        /// At every step
        value: f64,
    },
    /// max(start decay^step, end)
    Exponential {
        /// At step 0
        start: f64,
        /// Factor per step
        decay: f64,
        /// Floor (0)
        #[serde(default)]
        end: f64,
    },
    /// From start to end along half a cosine in `steps` steps, then end
    Cosine {
        /// At step 0
        start: f64,
        /// From step `steps` on
        end: f64,
        /// Length of the descent
        steps: usize,
    },
    /// value (step + 1)/steps during the first steps, then value/(1 + (step - steps)/decay)
    Warmup {
        /// Behind the first steps
        value: f64,
        /// How many the first steps are
        steps: usize,
        /// Steps after which half of the value is left; none: it stays
        decay: Option<f64>,
    },
    /// The value of the last listed step not after the present one
    Piecewise {
        /// Pairs [step, value] in increasing order of steps, the first at step 0
        values: Vec<(usize, f64)>,
    },
}

impl<'de> Deserialize<'de> for Schedule {
    /// A table is read as a rule, so that an error names what is wrong in it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        match value {
            toml::Value::Float(number) => Ok(Schedule::Number(number)),
            toml::Value::Integer(number) => Ok(Schedule::Number(number as f64)),
            toml::Value::Table(_) => ScheduleRule::deserialize(value)
                .map(Schedule::Rule)
                .map_err(|e| D::Error::custom(e.message())),
            _ => Err(D::Error::custom(
                "a number, or a table such as { kind = \"exponential\", start = 0.1, decay = 0.9 }",
            )),
        }
    }
}

impl Schedule {
    /// The value at a step.
    pub fn at(&self, step: usize) -> f64 {
        match self {
            Schedule::Number(value) | Schedule::Rule(ScheduleRule::Constant { value }) => *value,
            Schedule::Rule(ScheduleRule::Exponential { start, decay, end }) => {
                (start * decay.powf(step as f64)).max(*end)
            }
            Schedule::Rule(ScheduleRule::Cosine { start, end, steps }) => {
                let x = (step as f64 / (*steps).max(1) as f64).min(1.0);
                end + (start - end) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos())
            }
            Schedule::Rule(ScheduleRule::Warmup {
                value,
                steps,
                decay,
            }) => match step < *steps {
                true => value * (step + 1) as f64 / *steps as f64,
                false => value / (1.0 + decay.map_or(0.0, |d| (step - steps) as f64 / d)),
            },
            Schedule::Rule(ScheduleRule::Piecewise { values }) => values
                .iter()
                .take_while(|(from, _)| *from <= step)
                .last()
                .map_or(0.0, |(_, value)| *value),
        }
    }

    /// Checks that every value is finite and positive, or zero where `zero` allows it.
    pub fn validate(&self, key: &str, zero: bool) -> Result<()> {
        let values: Vec<f64> = match self {
            Schedule::Number(value) | Schedule::Rule(ScheduleRule::Constant { value }) => {
                vec![*value]
            }
            Schedule::Rule(ScheduleRule::Exponential { start, decay, end }) => {
                let falls = *decay > 0.0 && *decay <= 1.0;
                if !falls || !end.is_finite() || *end < 0.0 {
                    return Err(Error::input(
                        key,
                        format!("an exponential schedule with decay = {decay}, end = {end}"),
                        "0 < decay <= 1 and end >= 0",
                    ));
                }
                vec![*start]
            }
            Schedule::Rule(ScheduleRule::Cosine { start, end, .. }) => vec![*start, *end],
            Schedule::Rule(ScheduleRule::Warmup { value, decay, .. }) => {
                if let Some(decay) = decay.filter(|d| !(d.is_finite() && *d > 0.0)) {
                    return Err(Error::input(
                        key,
                        format!("a schedule of a warm-up with decay = {decay}"),
                        "decay is a number of steps, or left out",
                    ));
                }
                vec![*value]
            }
            Schedule::Rule(ScheduleRule::Piecewise { values }) => {
                let ordered = values.windows(2).all(|w| w[0].0 < w[1].0);
                if values.first().is_none_or(|v| v.0 != 0) || !ordered {
                    return Err(Error::input(
                        key,
                        "a piecewise schedule whose steps do not start at 0 and increase",
                        "write values = [[0, first], [step, next], ...]",
                    ));
                }
                values.iter().map(|v| v.1).collect()
            }
        };
        match values
            .iter()
            .find(|v| !v.is_finite() || **v < 0.0 || (**v == 0.0 && !zero))
        {
            None => Ok(()),
            Some(v) => Err(Error::input(
                key,
                format!("{v} is not allowed"),
                if zero {
                    "give a number of at least 0"
                } else {
                    "give a positive number"
                },
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Schedule {
        #[derive(Deserialize)]
        struct Holder {
            v: Schedule,
        }
        toml::from_str::<Holder>(&format!("v = {text}")).unwrap().v
    }

    #[test]
    fn values() {
        for (text, step, value) in [
            ("1", 5, 1.0),
            ("{ kind = 'constant', value = 0.5 }", 9, 0.5),
            (
                "{ kind = 'exponential', start = 1, decay = 0.5, end = 0.2 }",
                2,
                0.25,
            ),
            (
                "{ kind = 'exponential', start = 1, decay = 0.5, end = 0.2 }",
                9,
                0.2,
            ),
            (
                "{ kind = 'cosine', start = 1, end = 0.5, steps = 10 }",
                0,
                1.0,
            ),
            (
                "{ kind = 'cosine', start = 1, end = 0.5, steps = 10 }",
                5,
                0.75,
            ),
            (
                "{ kind = 'cosine', start = 1, end = 0.5, steps = 10 }",
                50,
                0.5,
            ),
            ("{ kind = 'warmup', value = 2, steps = 4 }", 0, 0.5),
            ("{ kind = 'warmup', value = 2, steps = 4 }", 9, 2.0),
            (
                "{ kind = 'warmup', value = 2, steps = 4, decay = 10 }",
                4,
                2.0,
            ),
            (
                "{ kind = 'warmup', value = 2, steps = 0, decay = 10 }",
                10,
                1.0,
            ),
            (
                "{ kind = 'piecewise', values = [[0, 1.0], [10, 0.1]] }",
                9,
                1.0,
            ),
            (
                "{ kind = 'piecewise', values = [[0, 1.0], [10, 0.1]] }",
                10,
                0.1,
            ),
        ] {
            let schedule = read(text);
            schedule.validate("x", false).unwrap();
            assert!(
                (schedule.at(step) - value).abs() < 1e-14,
                "{text} at {step}"
            );
        }
    }

    #[test]
    fn rules_without_a_meaning_are_refused() {
        for text in [
            "-1",
            "nan",
            "inf",
            "{ kind = 'warmup', value = 1, steps = 4, decay = 0 }",
            "{ kind = 'piecewise', values = [[1, 1.0]] }",
            "{ kind = 'piecewise', values = [] }",
        ] {
            assert!(read(text).validate("x", true).is_err(), "{text}");
        }
        assert!(read("0").validate("x", true).is_ok() && read("0").validate("x", false).is_err());
    }
}
