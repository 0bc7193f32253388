//! Decides how realisations of random couplings become runs of their own: number k of the run X has
//! the files of a run X.r000k, and the seed that the stream (seed, k) gives.

use super::{DisorderInput, Input, Source};
use crate::error::{Error, Result};
use crate::operator::models::Draws;
use crate::rng::{Purpose, Rng, stream};

/// Most realisations: four digits in the names of files.
const MOST: usize = 9999;

impl DisorderInput {
    /// The realisation that is meant; the first where the input means all.
    pub fn number(&self) -> usize {
        self.realisation.unwrap_or(1)
    }

    /// Realisations that one command runs.
    pub fn runs(&self) -> usize {
        self.realisation.map_or(self.realisations, |_| 1)
    }

    /// The name of the files of realisation `number` of the run `name`.
    pub fn name_of(name: &str, number: usize) -> String {
        format!("{name}.r{number:04}")
    }

    /// The random couplings of that realisation.
    pub fn draws(&self) -> Draws {
        let (seed, number) = (self.seed.unwrap_or_default(), self.number() as u64);
        Draws::new(self.couplings.clone(), seed, number)
    }

    fn check(&self) -> Result<()> {
        let refuse = |key: &str, problem: String, remedy: String| {
            Err(Error::input(format!("disorder.{key}"), problem, remedy))
        };
        let all = self.realisations;
        if !(1..=MOST).contains(&all) {
            let remedy = format!("give a number from 1 to {MOST}");
            return refuse("realisations", format!("{all} realisations"), remedy);
        }
        if let Some(one) = self.realisation.filter(|one| !(1..=all).contains(one)) {
            let remedy = format!("give a number from 1 to {all}, the number of realisations");
            return refuse(
                "realisation",
                format!("there is no realisation {one}"),
                remedy,
            );
        }
        if self.couplings.is_empty() {
            let remedy = "add one, such as hz = { kind = \"uniform\", low = -1.0, high = 1.0 }";
            return refuse("couplings", "nothing is drawn".into(), remedy.into());
        }
        let mut each = self.couplings.iter();
        each.try_for_each(|(name, drawn)| drawn.check(&format!("disorder.couplings.{name}")))
    }
}

/// Gives the couplings the seed of the input where they have none, and a single realisation its
/// name and its own seed for all that is random in the run.
pub(super) fn settle(input: &mut Input) -> Result<()> {
    let Some(disorder) = input.disorder.as_mut() else {
        return Ok(());
    };
    disorder.check()?;
    disorder.seed.get_or_insert(input.seed);
    let Some(number) = disorder.realisation else {
        return Ok(());
    };
    let mut own = stream(input.seed, Purpose::Realisation, 0, number as u64);
    input.seed = own.next_u64() >> 1;
    if let Some(name) = &mut input.output.name {
        *name = DisorderInput::name_of(name, number);
    }
    Ok(())
}

impl Source {
    /// The runs that an input asks for: itself, or one for each realisation of random couplings.
    pub fn runs(self) -> Result<Vec<Source>> {
        let all = match &self.input.disorder {
            Some(disorder) if disorder.realisation.is_none() => disorder.runs(),
            _ => return Ok(vec![self]),
        };
        (1..=all).map(|number| self.realisation(number)).collect()
    }

    /// The run of one realisation of an input that means all.
    fn realisation(&self, number: usize) -> Result<Source> {
        let mut one = self.clone();
        if let Some(toml::Value::Table(table)) = one.table.get_mut("disorder") {
            table.insert("realisation".into(), (number as i64).into());
        }
        if let Some(disorder) = &mut one.input.disorder {
            disorder.realisation = Some(number);
        }
        settle(&mut one.input)?;
        Ok(one)
    }
}
