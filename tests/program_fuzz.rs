//! The whole program under random faults: broken inputs, tables and files, signals at random
//! instants, limits of the system, ranks that change between attempts. Whatever happens, the
//! invariants of `program_fuzz/round.rs` hold, and a run that was disturbed ends in the bits of
//! one that was not.
//!
//! Twenty seconds by default. `jobs/fuzz.sh SECONDS [SEED] [FAMILY]` runs it for longer.

mod common;
#[path = "program_fuzz/damage.rs"]
mod damage;
#[path = "program_fuzz/disturbed.rs"]
mod disturbed;
#[path = "program_fuzz/inputs.rs"]
mod inputs;
#[path = "program_fuzz/plans.rs"]
mod plans;
#[path = "program_fuzz/round.rs"]
mod round;

use nishina::rng::{Purpose, stream};
use plans::Oracle;
use round::{Round, Tally};
use std::time::{Duration, Instant};

/// One kind of fault.
struct Family {
    name: &'static str,
    /// One case; what went against an invariant, if anything.
    case: fn(&mut Round, &mut Oracle) -> Result<(), String>,
}

const FAMILIES: &[Family] = &[
    Family {
        name: "inputs",
        case: inputs::of_the_input,
    },
    Family {
        name: "tables",
        case: inputs::of_a_table,
    },
    Family {
        name: "loads",
        case: inputs::of_a_loaded_state,
    },
    Family {
        name: "signals",
        case: disturbed::by_signals,
    },
    Family {
        name: "limits",
        case: disturbed::by_limits,
    },
    Family {
        name: "ranks",
        case: disturbed::by_other_ranks,
    },
    Family {
        name: "damage",
        case: damage::of_files,
    },
];

/// A variable of the environment, which has to be readable where it is set.
fn variable<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    let value = text.parse();
    Some(value.unwrap_or_else(|_| panic!("{name}: `{text}` cannot be read")))
}

#[test]
fn the_program_under_random_faults() {
    let seconds = variable("NISHINA_FUZZ_SECONDS").unwrap_or(20.0);
    let seed = variable("NISHINA_FUZZ_SEED").unwrap_or(1);
    let first = variable("NISHINA_FUZZ_CASE").unwrap_or(0);
    let only: Option<String> = variable("NISHINA_FUZZ_FAMILY");
    let families: Vec<&Family> = FAMILIES
        .iter()
        .filter(|f| only.as_ref().is_none_or(|only| only == f.name))
        .collect();
    assert!(!families.is_empty(), "there is no family {only:?}");
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let mut tallies = vec![Tally::default(); families.len()];
    let mut oracle = Oracle::default();
    let mut faults = Vec::new();
    let mut number = first;
    let all = first + families.len() as u64;
    while (number < all || Instant::now() < end) && faults.len() < 50 {
        let at = number as usize % families.len();
        let family = families[at];
        let mut round = Round::new(stream(seed, Purpose::Law, number, 9), &mut tallies[at]);
        if let Err(fault) = (family.case)(&mut round, &mut oracle) {
            let folder = round.keep();
            let fault = format!("case {number} of {}: {fault}\n  in {folder}", family.name);
            println!("{fault}");
            faults.push(fault);
        }
        number += 1;
    }
    println!(
        "{:9} {:>6} {:>8}  exit codes",
        "family", "cases", "commands"
    );
    for (family, tally) in families.iter().zip(&tallies) {
        println!("{:9} {tally}", family.name);
    }
    assert!(
        faults.is_empty(),
        "{} faults in {} cases",
        faults.len(),
        number - first
    );
}
