//! Decides what the input says of an autoregressive wave function, `kind = "autoregressive"`.

use super::growth::{growth, meaning, value};
use super::names::{KernelInput, NetworkName, PathName};
use super::{Autoregressive, Gru, Layered, Rnn2d, Transformer, TransformerShape, Window};
use crate::ansatz::deep::check_normed;
use crate::ansatz::{Ansatz, Context, Erased, LoadKey, MixedPrecision};
use crate::ansatz::{Precision, check_init, check_parameters, schema_of};
use crate::basis::{TOTAL_SZ, only_spin_half};
use crate::error::Result;
use crate::linalg::functions::Elementary;
use serde::Deserialize;

fn one() -> f64 {
    1.0
}

/// Units between the two maps of a layer where the input does not say it, per feature.
const RATIO: usize = 4;

/// Vectors of parameters that a wave function holds: as they are, and in its precision; in single
/// precision one in double stands beside it.
const OWN: f64 = 3.5;

/// Most units of a layer.
const MOST: usize = 1 << 20;

/// A normalised product of conditional amplitudes, which can be drawn without a chain.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// What gives the conditional probabilities: "made", masked dense layers; "conv1d",
    /// convolutions along the path; "conv2d", convolutions on a square lattice; "gru", a gated
    /// recurrent network; "rnn2d", a recurrent network on a square lattice or a chain;
    /// "transformer". Default "made".
    #[serde(default)]
    network: NetworkName,
    /// Units per site of each hidden layer of "made", "conv1d" and "conv2d", from the spins on; []
    /// for none. No default.
    features: Option<Vec<usize>>,
    /// Window of "conv1d", positions of the path, such as 5; of "conv2d", rows and columns, such as
    /// [3, 5]. No default.
    kernel: Option<KernelInput>,
    /// Units of the state of "gru" and "rnn2d". No default.
    hidden: Option<usize>,
    /// Features of a site in "transformer". No default.
    width: Option<usize>,
    /// Heads of the attention of "transformer"; they divide the width. No default.
    heads: Option<usize>,
    /// Layers of "transformer". No default.
    layers: Option<usize>,
    /// Units between the two maps of a layer of "transformer", in units of the width. Default 4.
    #[schemars(extend("default" = RATIO))]
    ratio: Option<usize>,
    /// The order of the sites: "rows", or "snake" on square lattices. Default "rows".
    #[serde(default)]
    path: PathName,
    /// Whether ψ is complex; false: ψ > 0, without phases. Default true.
    #[schemars(extend("default" = true))]
    complex: Option<bool>,
    /// Whether ψ > 0: another word for complex = false. Default false.
    #[schemars(extend("default" = false))]
    positive: Option<bool>,
    /// Precision in which the network is evaluated: "double", or "single", which takes about half
    /// the time; ratios are then right to about 1e-5. Parameters, ln ψ and energies
    /// have double precision in either, and a measurement has it throughout. Default "double".
    #[serde(default)]
    precision: Precision,
    /// Factor on the standard deviations of the initial parameters. Default 1.
    #[serde(default = "one")]
    init: f64,
    /// File to start from: results, or an HDF5 file with the same datasets; { file, grow = true }:
    /// also of a smaller lattice, or of positive = true. Default none.
    load: Option<LoadKey>,
}

/// The keys beside what they are keys of.
struct Input<'a> {
    keys: Keys,
    context: &'a Context<'a>,
    sites: usize,
}

impl Input<'_> {
    fn path(&self) -> Result<Vec<usize>> {
        if self.keys.path == PathName::Rows {
            return Ok((0..self.sites).collect());
        }
        let snake = self.context.lattice.snake();
        let remedy = "use path = \"rows\"";
        let problem = "\"snake\" needs the rows of a square lattice";
        snake
            .filter(|path| path.len() == self.sites)
            .ok_or_else(|| self.context.wrong("path", problem, remedy))
    }

    /// Length of a row of the lattice.
    fn row(&self) -> Result<usize> {
        let lattice = self.context.lattice;
        let rows = lattice.snake().filter(|path| path.len() == self.sites);
        if rows.is_some() && lattice.spec.kind == "square" {
            return Ok(lattice.extent()[0]);
        }
        let chains = self.keys.network == NetworkName::Rnn2d;
        if chains && lattice.spec.kind == "chain" {
            return Ok(self.sites);
        }
        let name = self.keys.network.name();
        let or = if chains { " or a chain" } else { "" };
        let problem = format!("\"{name}\" needs a square lattice{or}");
        let remedy = "use network = \"made\", \"conv1d\", \"gru\" or \"transformer\"";
        Err(self.context.wrong("network", problem, remedy))
    }

    /// A key of this network, from 1 to `most`.
    fn count(&self, key: &str, value: Option<usize>, most: usize) -> Result<usize> {
        let name = self.keys.network.name();
        let remedy = format!("give a number from 1 to {most}");
        match value {
            None => Err(self
                .context
                .wrong(key, format!("\"{name}\" needs it"), remedy)),
            Some(n) if n == 0 || n > most => {
                Err(self
                    .context
                    .wrong(key, format!("{n} is out of range"), remedy))
            }
            Some(n) => Ok(n),
        }
    }

    fn features(&self) -> Result<Vec<usize>> {
        let remedy = format!("give each hidden layer from 1 to {MOST} units per site, such as [8]");
        let name = self.keys.network.name();
        let Some(features) = &self.keys.features else {
            return Err(self
                .context
                .wrong("features", format!("\"{name}\" needs it"), remedy));
        };
        if features.iter().any(|&f| f == 0 || f > MOST) {
            let problem = format!("{features:?} has a layer without units or with too many");
            return Err(self.context.wrong("features", problem, remedy));
        }
        Ok(features.clone())
    }

    fn window(&self) -> Result<Window> {
        let name = self.keys.network.name();
        let wrong = |problem: String, remedy| Err(self.context.wrong("kernel", problem, remedy));
        let remedy = match self.keys.network {
            NetworkName::Made => return Ok(Window::All),
            NetworkName::Conv1d => "give a number of positions from 2 on, such as kernel = 5",
            _ => "give rows and columns, such as kernel = [3, 5]",
        };
        let window = match (self.keys.network, self.keys.kernel) {
            (_, None) => return wrong(format!("\"{name}\" needs it"), remedy.into()),
            (NetworkName::Conv1d, Some(KernelInput::Length(length))) if length > 1 => {
                Window::Chain(length)
            }
            (NetworkName::Conv2d, Some(KernelInput::Area([rows, columns])))
                if rows > 0 && columns > 0 && rows.saturating_mul(columns) > 1 =>
            {
                let length = self.row()?;
                if self.keys.path == PathName::Snake {
                    let problem = "the window of \"conv2d\" lies along rows in one direction";
                    return Err(self.context.wrong("path", problem, "use path = \"rows\""));
                }
                Window::Square {
                    rows,
                    columns,
                    length,
                }
            }
            _ => return wrong(format!("it is not a window of \"{name}\""), remedy.into()),
        };
        match window.beyond(self.sites) {
            Some((problem, remedy)) => wrong(problem, remedy),
            None => Ok(window),
        }
    }

    /// An error where a key of another network is given.
    fn check_keys(&self, table: &toml::Table) -> Result<()> {
        let network = self.keys.network;
        for key in [
            "features", "kernel", "hidden", "width", "heads", "layers", "ratio",
        ] {
            if table.contains_key(key) && !network.keys().contains(&key) {
                let own = network.keys().join("\", \"");
                return Err(self.context.wrong(
                    key,
                    format!("\"{}\" has no such key", network.name()),
                    format!("remove the key; it has \"{own}\""),
                ));
            }
        }
        Ok(())
    }

    fn transformer(&self) -> Result<TransformerShape> {
        let keys = &self.keys;
        let shape = TransformerShape {
            positions: self.sites,
            width: self.count("width", keys.width, MOST)?,
            heads: self.count("heads", keys.heads, MOST)?,
            layers: self.count("layers", keys.layers, 1 << 10)?,
            ratio: self.count("ratio", keys.ratio.or(Some(RATIO)), 1 << 10)?,
        };
        check_normed(shape.width, self.context)?;
        if !shape.width.is_multiple_of(shape.heads) {
            let problem = format!(
                "{} heads do not divide the width {}",
                shape.heads, shape.width
            );
            return Err(self
                .context
                .wrong("heads", problem, "choose a divisor of the width"));
        }
        Ok(shape)
    }

    /// Whether ψ > 0.
    fn positive(&self) -> Result<bool> {
        match (self.keys.complex, self.keys.positive) {
            (Some(complex), Some(positive)) if complex == positive => {
                let problem = match positive {
                    true => "positive = true says that it is false",
                    false => "positive = false says that it is true",
                };
                Err(self
                    .context
                    .wrong("complex", problem, "remove one of the keys"))
            }
            (complex, positive) => Ok(positive.or(complex.map(|c| !c)).unwrap_or(false)),
        }
    }

    /// The wave function with the parameters of a file, where the input names one.
    fn loaded<R: Elementary>(&self) -> Result<Autoregressive<R>> {
        self.with_file(self.build()?)
    }

    fn with_file<A: Ansatz>(&self, machine: A) -> Result<A> {
        let (keys, last) = (&self.keys, self.keys.features.as_ref().map_or(0, Vec::len));
        let sites = self.context.lattice.sites;
        let named = [
            ("network", value(&keys.network)),
            ("path", value(&keys.path)),
            ("kernel", keys.kernel.as_ref().and_then(value)),
            ("heads", keys.heads.as_ref().and_then(value)),
        ];
        let meaning = meaning(named, !self.positive()?);
        let growth = growth(keys.network, last, sites, meaning);
        self.context.grown(machine, keys.load.as_ref(), &growth)
    }

    /// The wave function, after its parameters were found to fit in memory.
    fn build<R: Elementary>(&self) -> Result<Autoregressive<R>> {
        let (n, keys, origin) = (self.sites, &self.keys, self.context.origin);
        let (positive, init) = (self.positive()?, keys.init);
        let outputs = if positive { 2 } else { 4 };
        let up = self.context.basis.fixed(TOTAL_SZ);
        let up = up.map(|twice| (n as i32 + twice) as usize / 2);
        let path = self.path()?;
        Ok(match keys.network {
            NetworkName::Made | NetworkName::Conv1d | NetworkName::Conv2d => {
                let (features, window) = (self.features()?, self.window()?);
                check_parameters(Layered::<R>::count(n, window, &features, outputs), OWN)?;
                let network = Layered::new(n, window, &features, outputs, init, origin);
                Autoregressive::new(network, path, up, positive)
            }
            NetworkName::Gru => {
                let hidden = self.count("hidden", keys.hidden, MOST)?;
                check_parameters(Gru::<R>::count(hidden, positive), OWN)?;
                let network = Gru::new(n, hidden, positive, init, origin);
                Autoregressive::new(network, path, up, positive)
            }
            NetworkName::Rnn2d => {
                let (length, hidden) = (self.row()?, self.count("hidden", keys.hidden, MOST)?);
                check_parameters(Rnn2d::<R>::count(n, length, hidden, positive), OWN)?;
                let rows = (length, keys.path == PathName::Snake);
                let network = Rnn2d::new(n, rows, hidden, positive, init, origin);
                Autoregressive::new(network, path, up, positive)
            }
            NetworkName::Transformer => {
                let shape = self.transformer()?;
                check_parameters(shape.count(outputs), OWN)?;
                let network = Transformer::new(shape, outputs, init, origin);
                Autoregressive::new(network, path, up, positive)
            }
        })
    }
}

/// The keys of a table, each of them sensible.
fn keyed<'a>(table: &toml::Table, context: &'a Context) -> Result<Input<'a>> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_init(keys.init, context)?;
    if !context.basis.is_spin_half() {
        let key = context.key("kind");
        return Err(only_spin_half(&key, "\"autoregressive\""));
    }
    let input = Input {
        keys,
        context,
        sites: context.basis.sites(),
    };
    input.check_keys(table)?;
    Ok(input)
}

/// An autoregressive wave function from its table, in the precision of `R`.
///
/// Errors: [`crate::error::Error::Input`] at a key that does not fit,
/// [`crate::error::Error::Memory`] where its parameters do not.
pub fn autoregressive<R: Elementary>(
    table: &toml::Table,
    context: &Context,
) -> Result<Autoregressive<R>> {
    keyed(table, context)?.loaded()
}

/// Builds an autoregressive wave function from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let input = keyed(table, context)?;
    Ok(match input.keys.precision {
        Precision::Double => Erased::new(input.loaded::<f64>()?),
        Precision::Single => {
            let both = MixedPrecision::new(input.build::<f32>()?, input.build::<f64>()?);
            Erased::new(input.with_file(both)?)
        }
    })
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
