//! Decides what the inputs of all deep networks share: sizes, precision, the symmetry that a
//! network is built on, and how its parts become a wave function.

use super::{DeepHead, DeepState};
use crate::ansatz::tied::check_shared;
use crate::ansatz::{Ansatz, Context, Erased, LoadKey, MixedPrecision, ParameterGrowth};
use crate::ansatz::{Precision, check_parameters};
use crate::error::Result;
use crate::layers::{Composition, PatchGrid};
use crate::linalg::functions::Elementary;

/// The largest number of channels, units or layers.
const LARGEST: usize = 1 << 16;

/// What a deep wave function is made of.
#[derive(Debug)]
pub struct DeepParts<R> {
    /// The site of every number of the input, position after position.
    pub sites: Vec<u32>,
    /// From spins to one value, in the precision of `R`.
    pub trunk: Composition<R>,
    /// From that value to one or two, in double precision.
    pub top: Composition<f64>,
    /// From those to ln ψ.
    pub head: Box<dyn DeepHead>,
    /// Whether ψ is complex.
    pub complex: bool,
    /// Whether ψ > 0 for all parameters.
    pub positive: bool,
}

/// A network that knows its sizes and has no parameters yet.
pub trait Architecture {
    /// Number of parameters, as a real number that cannot overflow.
    fn count(&self) -> f64;
    /// How many vectors of that length the network holds: parameters, and the matrices of both
    /// directions with their padding.
    fn own(&self) -> f64 {
        4.0
    }
    /// How its parameters follow from those of a smaller network.
    fn growth(&self) -> ParameterGrowth;
    /// The network in a precision, with parameters to be set.
    fn parts<R: Elementary>(&self) -> DeepParts<R>;
}

/// An error unless a number of channels, units or layers is at least 1 and not too large.
pub(super) fn check_size(size: usize, key: &str, context: &Context) -> Result<()> {
    if (1..=LARGEST).contains(&size) {
        return Ok(());
    }
    let problem = format!("{size} is not a number from 1 to {LARGEST}");
    Err(context.wrong(key, problem, "choose for example 8"))
}

/// An error where a norm over all channels leaves nothing of them.
pub fn check_normed(width: usize, context: &Context) -> Result<()> {
    match width {
        1 => Err(context.wrong(
            "width",
            "a norm over one channel takes everything away",
            "choose for example 8",
        )),
        _ => Ok(()),
    }
}

/// An error unless the Hamiltonian has translations by whole positions, which such a network has.
pub(super) fn check_translations(grid: &PatchGrid, context: &Context) -> Result<()> {
    let group = grid.translations();
    if group.permutations.len() == 1 {
        return Ok(());
    }
    let remedy = "use a wave function without translations, such as kind = \"feedforward\"";
    check_shared(context, &group, &context.key("kind"), remedy)
}

/// Part of its terms below which a sum of amplitudes is zero.
pub(super) fn cancelled<R: Elementary>() -> f64 {
    if R::EPSILON > f64::EPSILON {
        1e-6
    } else {
        1e-11
    }
}

/// The wave function of an architecture in the precision that its input asks for, with the
/// parameters of a file if it names one.
pub(super) fn built(
    network: &impl Architecture,
    precision: Precision,
    load: Option<&LoadKey>,
    context: &Context,
) -> Result<Erased> {
    // A network in single precision stands beside one in double, and they share nothing but the
    // parameters themselves.
    let own = match precision {
        Precision::Double => network.own(),
        Precision::Single => 2.0 * network.own() - 1.0,
    };
    check_parameters(network.count(), own)?;
    let double = DeepState::new(network.parts::<f64>(), context.origin);
    match precision {
        Precision::Double => with_file(double, network, load, context),
        Precision::Single => {
            let single = DeepState::new(network.parts::<f32>(), context.origin);
            with_file(MixedPrecision::new(single, double), network, load, context)
        }
    }
}

/// The wave function with the parameters of a file, where the input names one.
fn with_file(
    machine: impl Ansatz + 'static,
    network: &impl Architecture,
    load: Option<&LoadKey>,
    context: &Context,
) -> Result<Erased> {
    let machine = context.grown(machine, load, &network.growth())?;
    Ok(Erased::new(machine))
}
