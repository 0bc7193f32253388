//! Decides the network of group convolutions, `kind = "gcnn"`.
//!
//! For a group G of permutations, (g h)(j) = g(h(j)), values y_{f,g} of every feature f and
//! element g are
//! ```text
//! y⁰_{f,g} = b_f + Σ_k W0_{f,k} σ_{g(w_k)}
//! yˡ_{o,g} = b_o + Σ_{i, h in M} W_{o,i,h} selu(y^{l−1}_{i,gh})
//! ψ        = Σ_g χ_g* Σ_{a<F/2} exp(y_{a,g} + i y_{a+F/2,g})
//! ```
//! with the sites w and the elements M of a window around site 0, or all of them (C. Roth, A. H.
//! MacDonald, arXiv:2104.05085; C. Roth, A. Szabó, A. H. MacDonald, Phys. Rev. B 108, 054410
//! (2023)). ψ(gσ) = χ_g ψ(σ), with (gσ)_j = σ_{g(j)}. Each layer is a convolution over
//! cells of which several weights are one parameter.

use super::cosets::Cosets;
use super::factory::{built, cancelled, check_size};
use super::{Architecture, DeepParts, SumHead, SumTerm};
use crate::ansatz::tied::check_shared;
use crate::ansatz::{
    Context, Erased, LoadKey, Meaning, ParameterGrowth, PhaseBlocks, Precision, schema_of,
};
use crate::error::Result;
use crate::layers::linear::SharedWeights;
use crate::layers::{ActivationLayer, Composition, FirstValues, LinearLayer, Nonlinearity};
use crate::layers::{PatchGrid, RowShape, WindowTable};
use crate::linalg::functions::Elementary;
use num_complex::Complex64;
use serde::Deserialize;
use std::sync::Arc;

/// Layers above which each adds to the values of the one before.
const PLAIN: usize = 4;

/// The group of a network.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
enum GroupName {
    /// Translations, rotations and reflections.
    #[default]
    SpaceGroup,
    /// Translations alone.
    Translations,
}

/// A character of rotations and reflections.
#[derive(Debug, Clone, Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(
    untagged,
    expecting = "\"A1\", or a list with one number for each class of conjugate elements"
)]
enum Character {
    /// A name.
    Name(CharacterName),
    /// A number for each class.
    Numbers(Vec<f64>),
}

#[derive(Debug, Clone, Copy, Deserialize, serde::Serialize, schemars::JsonSchema)]
enum CharacterName {
    /// 1 for every element.
    A1,
}

fn yes() -> bool {
    true
}

fn symmetric() -> Character {
    Character::Name(CharacterName::A1)
}

/// Group convolutions on a periodic lattice, with its translations, rotations and reflections
/// built in.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keys {
    /// Features of each layer, the last number even where ψ is complex: the second half are the
    /// phases. Above four layers, each adds to the values of the one before where their numbers
    /// are the same. No default.
    features: Vec<usize>,
    /// Group that is built in: "space-group", or "translations". Default "space-group".
    #[serde(default)]
    group: GroupName,
    /// Cells that a layer reads in each direction, odd. Default none: all cells.
    kernel: Option<usize>,
    /// Momentum indices m, one per direction: k = 2 pi m / L. With the space group one that its
    /// rotations and reflections keep. Default zero.
    momentum: Option<Vec<usize>>,
    /// Character of rotations and reflections about site 0: "A1", 1 for all of them, or one number
    /// for each class of conjugate elements, the identity first, then in lexical order of the
    /// permutations. Default "A1".
    #[serde(default = "symmetric")]
    character: Character,
    /// Whether ψ is complex; false: ψ > 0, with momentum zero and "A1". Default true.
    #[serde(default = "yes")]
    complex: bool,
    /// Precision in which the layers are evaluated: "double", or "single", which takes about half
    /// the time; ratios are then right to about 1e-5. Parameters, ln ψ and energies have double
    /// precision in either. Default "double".
    #[serde(default)]
    precision: Precision,
    /// File to start from: results, or an HDF5 file with the same datasets; { file, grow = true }:
    /// also of a smaller lattice, or of complex = false. Default none.
    load: Option<LoadKey>,
}

/// A network of group convolutions.
struct Gcnn {
    grid: PatchGrid,
    window: Arc<WindowTable>,
    /// Whether the window is the whole lattice.
    whole: bool,
    features: Vec<usize>,
    complex: bool,
    points: usize,
    /// Which site of the window, and which element, each weight belongs to.
    sites: Vec<u32>,
    elements: Vec<u32>,
    /// χ of every element, cell after cell.
    characters: Vec<Complex64>,
}

impl Gcnn {
    /// Kinds of inputs of layer `l` at a cell, features of each, and the table of its weights.
    fn inputs(&self, l: usize) -> (usize, usize, &[u32]) {
        match l {
            0 => (self.grid.inputs(), 1, &self.sites),
            _ => (self.points, self.features[l - 1], &self.elements),
        }
    }

    /// The convolution of layer `l`.
    fn layer<R: Elementary>(&self, l: usize) -> LinearLayer<R> {
        let (kinds, given, table) = self.inputs(l);
        let (outputs, taps) = (self.features[l], self.window.taps());
        let width = taps * kinds;
        let mut weights = Vec::with_capacity(width * given * self.points * outputs);
        for read in 0..width {
            for i in 0..given {
                for p in 0..self.points {
                    let element = table[p * width + read] as usize;
                    let of = |o: usize| ((o * given + i) * width + element) as u32;
                    weights.extend((0..outputs).map(of));
                }
            }
        }
        let shape = match l {
            0 => vec![outputs, width],
            _ => vec![outputs, given, width],
        };
        let biases = (0..self.points).flat_map(|_| 0..outputs as u32).collect();
        let shared = SharedWeights {
            shape,
            weights,
            biases,
        };
        let channels = (kinds * given, self.points * outputs);
        let start = FirstValues::lecun(width * given);
        LinearLayer::shared(("W", "b"), self.window.clone(), channels, shared, start)
    }

    /// Whether the last layer adds its input and would not without the features of phases, or the
    /// other way round.
    fn adds_in_one_alone(&self) -> bool {
        match self.features[..] {
            [.., before, last] if self.features.len() > PLAIN => {
                before == last || 2 * before == last
            }
            _ => false,
        }
    }

    fn trunk<R: Elementary>(&self) -> Composition<R> {
        let mut net = Composition::new(RowShape::plain(self.grid.positions(), self.grid.inputs()));
        let mut y = net.add("0.", self.layer(0), 0);
        for l in 1..self.features.len() {
            let x = net.add("", ActivationLayer::new(Nonlinearity::Selu), y);
            let same = self.features[l] == self.features[l - 1];
            let path = format!("{l}.");
            y = match same && self.features.len() > PLAIN {
                true => net.add_onto(y, &path, self.layer(l), x),
                false => net.add(&path, self.layer(l), x),
            };
        }
        net.give(vec![y]);
        net
    }
}

impl Architecture for Gcnn {
    fn count(&self) -> f64 {
        let of = |l: usize| {
            let (kinds, given, _) = self.inputs(l);
            let width = (self.window.taps() * kinds * given) as f64;
            self.features[l] as f64 * (width + 1.0)
        };
        (0..self.features.len()).map(of).sum()
    }
    fn own(&self) -> f64 {
        // Parameters, matrices of both directions, and the table of their weights, with an entry
        // for each point.
        let held = |l: usize| {
            let (kinds, given, _) = self.inputs(l);
            let channels = (kinds * given, self.points * self.features[l]);
            LinearLayer::<f64>::held(&self.window, channels)
        };
        let all: f64 = (0..self.features.len()).map(held).sum();
        2.0 + 0.5 * self.points as f64 + all / self.count()
    }
    fn growth(&self) -> ParameterGrowth {
        let last = self.features.len().saturating_sub(1);
        let phases = ["W", "b"].map(|name| format!("{last}.{name}"));
        ParameterGrowth {
            shaped_by: Some(
                "weights have an entry for each element of the point group, which a square, an \
                 oblong and another lattice do not share",
            ),
            fixed: (self.whole).then_some("without `kernel` each layer reads all cells"),
            ..ParameterGrowth::unchanged(match self.complex {
                true if self.adds_in_one_alone() => PhaseBlocks::Never(
                    "of more than four layers the last one adds its input where it has as many \
                     features as the one before, and phases change whether it does; choose another \
                     last number of features",
                ),
                true => PhaseBlocks::Named(phases.into()),
                false => PhaseBlocks::None,
            })
        }
        .meaning(Meaning {
            kind: "gcnn",
            keys: Vec::new(),
            complex: self.complex,
        })
    }
    fn parts<R: Elementary>(&self) -> DeepParts<R> {
        let trunk = self.trunk::<R>();
        let shape = trunk.shape(trunk.outputs()[0]);
        let last = self.features.last().copied().unwrap_or(0);
        let half = if self.complex { last / 2 } else { last };
        let places = |first: usize| -> Vec<u32> {
            let rows = 0..self.grid.positions();
            let groups = rows
                .flat_map(|r| (0..self.points).map(move |p| r * shape.stride + p * last + first));
            groups
                .flat_map(|at| (at..at + half).map(|at| at as u32))
                .collect()
        };
        let weights: Vec<Complex64> = (self.characters.iter())
            .flat_map(|character| std::iter::repeat_n(character.conj(), half))
            .collect();
        let terms = (places(0), self.complex.then(|| places(half)));
        let head = SumHead::new(SumTerm::Exp, terms, &weights, 1.0, cancelled::<R>());
        DeepParts {
            sites: self.grid.sites().to_vec(),
            top: Composition::new(shape),
            trunk,
            head: Box::new(head),
            complex: self.complex,
            positive: !self.complex,
        }
    }
}

/// An error unless the numbers of features can be.
fn check_features(keys: &Keys, context: &Context) -> Result<()> {
    for &features in &keys.features {
        check_size(features, "features", context)?;
    }
    let remedy = "give for example [4, 4]";
    match keys.features.last() {
        None => Err(context.wrong("features", "a network has at least one layer", remedy)),
        Some(last) if keys.complex && !last.is_multiple_of(2) => {
            let problem = format!("{last} features are no pairs of modulus and phase");
            let remedy = "choose an even last number, or complex = false";
            Err(context.wrong("features", problem, remedy))
        }
        Some(_) => Ok(()),
    }
}

/// χ of every element that the input asks for.
fn characters(
    keys: &Keys,
    cosets: &Cosets,
    grid: &PatchGrid,
    context: &Context,
) -> Result<Vec<Complex64>> {
    let zero = vec![0; grid.dimensions()];
    let momentum = keys.momentum.as_ref().unwrap_or(&zero);
    let numbers = match &keys.character {
        Character::Name(CharacterName::A1) => None,
        Character::Numbers(numbers) => Some(numbers.as_slice()),
    };
    let characters = cosets.characters(momentum, numbers, context)?;
    if !keys.complex && characters.iter().any(|&c| c != Complex64::ONE) {
        let key = match momentum.iter().any(|&m| m != 0) {
            true => "momentum",
            false => "character",
        };
        let problem = "with complex = false ψ > 0 has momentum zero and the character \"A1\"";
        return Err(context.wrong(key, problem, "remove the key, or choose complex = true"));
    }
    Ok(characters)
}

/// Builds a network of group convolutions from its table.
pub fn build(table: &toml::Table, context: &Context) -> Result<Erased> {
    let keys: Keys = crate::table::parse(table, &context.path)?;
    check_features(&keys, context)?;
    let grid = PatchGrid::new(context.lattice, 1, &context.key("kind"))?;
    let window = match keys.kernel {
        Some(kernel) => grid.window(kernel, &context.key("kernel"))?,
        None => grid.whole(),
    };
    let group = match keys.group {
        GroupName::SpaceGroup => context.lattice.space_group()?,
        GroupName::Translations => grid.translations(),
    };
    let remedy = "use a wave function without symmetries, such as kind = \"feedforward\"";
    check_shared(context, &group, &context.key("group"), remedy)?;
    let cosets = Cosets::new(&grid, &group);
    let characters = characters(&keys, &cosets, &grid, context)?;
    let tables = cosets.of_sites(&window).zip(cosets.of_elements(&window));
    let Some((sites, elements)) = tables else {
        let problem = "rotations or reflections do not keep the window";
        let remedy = "remove the key to read all cells, or choose group = \"translations\"";
        return Err(context.wrong("kernel", problem, remedy));
    };
    let network = Gcnn {
        grid,
        window: Arc::new(window),
        whole: keys.kernel.is_none(),
        features: keys.features,
        complex: keys.complex,
        points: cosets.points(),
        sites,
        elements,
        characters,
    };
    built(&network, keys.precision, keys.load.as_ref(), context)
}

/// The keys of the table.
pub fn schema() -> serde_json::Value {
    schema_of::<Keys>()
}
