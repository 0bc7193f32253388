//! Decides how the parameters of a wave function come from a file: results, plain arrays, or, of a
//! restricted Boltzmann machine, the text format of Carleo and Troyer.
//!
//! HDF5: datasets of the names and shapes of `parameters/`, at the root or there, or the one real
//! dataset `flat`: all numbers in the order of the blocks, complex ones as pairs. Of results of a
//! product a factor takes those of its own place (place.rs).

use super::growth::{Arrays, ParameterGrowth, PhaseBlocks, Theirs};
use super::meaning::of_kind;
use super::place::part_of;
use super::text::from_text;
use crate::ansatz::block::split;
use crate::ansatz::{Ansatz, Block, BlockArray};
use crate::error::{Error, Result};
use crate::files;
use crate::io::hdf5;
use crate::io::tree::Value;
use num_complex::Complex64;
use std::path::Path;

/// What a file has to be for a wave function of these blocks.
fn remedy(layout: &[Block]) -> String {
    let names: Vec<&str> = layout.iter().map(|b| b.name.as_str()).collect();
    let list = match names.as_slice() {
        [first, second, .., last] if names.len() > 6 => format!("{first}, {second}, …, {last}"),
        all => all.join(", "),
    };
    let text = match ["a", "b", "W"].iter().all(|name| names.contains(name)) {
        true => ", or a text N, M, a, b, W",
        false => "",
    };
    format!("give a results file, an HDF5 file with datasets {list}, or flat for all of them{text}")
}

/// How parameters of a file may differ from those of the input.
pub(super) struct Growing<'a> {
    /// What the kind allows.
    pub growth: &'a ParameterGrowth,
    /// Kind of the lattice of the input, and its lengths.
    pub lattice: &'a str,
    pub size: &'a [usize],
    /// Whether the input asks for growth.
    pub grows: bool,
}

/// Puts the parameters of `file` into `machine`, whose blocks they have to fit, or into which they
/// grow; `key` is where the input names the file, and `signs` says whether it has a sign rule.
///
/// A block of biases that the file lacks must not be there in the machine either, and the other way
/// round.
pub(super) fn load(
    machine: &mut impl Ansatz,
    file: &Path,
    (key, signs): (&str, bool),
    growing: Option<Growing>,
) -> Result<()> {
    let layout = machine.layout();
    let unreadable = remedy(&layout);
    let part = part_of(file, key);
    let place = match part.prefix.strip_suffix('.') {
        Some(name) => format!("{}, {name}", file.display()),
        None => file.display().to_string(),
    };
    let said =
        |problem: String, remedy: &str| Error::input(key, format!("{place}: {problem}"), remedy);
    let unreadable = |problem: String| said(problem, &unreadable);
    let differs = |problem: String| said(problem, DIFFERS);
    let input = part.input;
    let names = (file, part.prefix.as_str());
    let shaped_by = growing.as_ref().and_then(|g| g.growth.shaped_by);
    let shaped_by = shaped_by.map_or(String::new(), |why| format!(" ({why})"));
    // Results that can be read differ.
    let misfit = |problem: String| match &input {
        Some(_) => differs(problem + &shaped_by),
        None => unreadable(problem),
    };
    warn_of_signs(input.as_ref(), key, signs);
    let mut told = None;
    if let Some(growing) = &growing {
        told = growing
            .compare(input.as_ref(), names, &layout)
            .map_err(differs)?;
    }
    let mut arrays = read(names, &layout).map_err(misfit)?;
    if let Some(growing) = growing.filter(|growing| growing.grows) {
        let input = input.clone().unwrap_or_default();
        let size = lattice_of(&input);
        let own = Some(growing.size);
        if let Some(reason) = growing.growth.fixed.filter(|_| size.as_deref() != own) {
            let problem = format!("it does not grow to another lattice: {reason}");
            let remedy = "use results of the same lattice, or a network that grows";
            return Err(Error::input(key, problem, remedy));
        }
        let first = machine.parameters();
        let blocks = split(&layout, &first).unwrap_or_default();
        let enlarged = growing.enlarge(&blocks, &mut arrays, &input, told);
        if !enlarged.map_err(differs)? && told == Some(true) && growing.has_phases() {
            let problem = "has complex = false and as many channels: phases need channels of \
                           their own, twice as many in all";
            return Err(differs(problem.into()));
        }
    }
    let parameters = fitting(&layout, &arrays).map_err(|problem| match told {
        Some(false) if asks_for_more(&layout, &arrays) => misfit(format!(
            "{problem}; channels are added to a positive wave function alone, as phases"
        )),
        _ => misfit(problem),
    })?;
    machine.set_parameters(&parameters)
}

/// A warning where the signs of ψ do not come from where those of the file came from.
fn warn_of_signs(input: Option<&toml::Table>, key: &str, signs: bool) {
    let rule = input
        .and_then(|input| input.get("hamiltonian")?.get("sign_rule"))
        .and_then(toml::Value::as_str);
    match rule {
        Some(theirs) if (theirs != "none") != signs => log::warn!(
            "{key}: the wave function of the file had sign_rule = \"{theirs}\", this one has \
             another: its signs are not those that were learned; give hamiltonian.sign_rule the \
             same value"
        ),
        _ => {}
    }
}

/// What to do where a file is of another wave function.
const DIFFERS: &str = "give results of the same wave function, or make the keys of [ansatz] theirs";

/// Whether a block of the input is longer than that of the file.
fn asks_for_more(layout: &[Block], arrays: &Arrays) -> bool {
    let longer = |block: &Block| {
        let theirs = arrays.get(&block.name).map(|(shape, _)| shape);
        theirs.is_some_and(|shape| block.shape.iter().zip(shape).any(|(own, t)| own > t))
    };
    layout.iter().any(longer)
}

impl Growing<'_> {
    /// Whether the wave function of the file is positive, where it tells.
    ///
    /// Errors: in words, that results say that their parameters mean something else, that there are
    /// more of them, or that they are of another lattice. Other files do not tell.
    fn compare(
        &self,
        input: Option<&toml::Table>,
        (file, prefix): (&Path, &str),
        layout: &[Block],
    ) -> std::result::Result<Option<bool>, String> {
        let (Some(meaning), Some(input)) = (&self.growth.meaning, input) else {
            return Ok(None);
        };
        let positive = meaning.compare(input, self.grows)?;
        if let (PhaseBlocks::Never(reason), Some(true)) = (&self.growth.phases, positive) {
            return Err(format!(
                "has complex = false, and phases cannot be added: {reason}"
            ));
        }
        self.compare_lattices(input)?;
        let own = hdf5::read_groups(file, &["parameters"]).map_err(|e| e.to_string())?;
        let known = |name: &str| layout.iter().any(|block| block.name == name);
        let of_part = |name: &'_ String| {
            let name = name.strip_prefix("parameters/")?.strip_prefix(prefix)?;
            Some(name.to_string())
        };
        let mut names = own.datasets.keys().filter_map(of_part);
        match names.find(|name| !known(name)) {
            Some(name) => Err(format!("has {name}, which the input leaves out")),
            None => Ok(positive),
        }
    }

    /// Whether the wave function of the input has phases.
    fn has_phases(&self) -> bool {
        !matches!(self.growth.phases, PhaseBlocks::None)
    }

    /// An error, in words, where the lattice of the file is of another kind.
    fn compare_kinds(&self, input: &toml::Table) -> std::result::Result<(), String> {
        let kind = input.get("lattice").and_then(|lattice| lattice.get("kind"));
        let kind = kind.and_then(toml::Value::as_str);
        let own = self.lattice;
        match kind.filter(|theirs| *theirs != own) {
            Some(theirs) => Err(format!(
                "is of a lattice of the kind \"{theirs}\", and the input's is \"{own}\""
            )),
            None => Ok(()),
        }
    }

    /// The same where it is of another kind, or of another size than it may be.
    fn compare_lattices(&self, input: &toml::Table) -> std::result::Result<(), String> {
        self.compare_kinds(input)?;
        let size = lattice_of(input).filter(|theirs| theirs != self.size);
        let Some(theirs) = size else {
            return Ok(());
        };
        let own = self.size;
        let larger = theirs.iter().zip(own).any(|(t, o)| t > o);
        let what = format!("is of a lattice of {theirs:?}, and the input's has {own:?}");
        match (self.grows, larger, self.growth.fixed) {
            // What never grows says why.
            (true, _, Some(_)) | (true, false, None) => Ok(()),
            (false, false, None) => Err(format!(
                "{what}: parameters grow with load = {{ file, grow = true }}"
            )),
            _ => Err(what),
        }
    }

    /// Gives the arrays the shapes of the input; whether any had another one. `positive` says
    /// whether those of the file are of a positive wave function.
    fn enlarge(
        &self,
        blocks: &[(&Block, &[f64])],
        arrays: &mut Arrays,
        input: &toml::Table,
        positive: Option<bool>,
    ) -> std::result::Result<bool, String> {
        self.compare_kinds(input)?;
        let size = lattice_of(input);
        let shapes = |arrays: &Arrays| -> Vec<_> {
            arrays.values().map(|(shape, _)| shape.clone()).collect()
        };
        let before = shapes(arrays);
        let own = self.growth.own.as_ref();
        let parts = own.map_or_else(Vec::new, |own| of_kind(input, own.kind()));
        let theirs = Theirs {
            size: size.as_deref(),
            positive,
            parts: &parts,
        };
        self.growth.enlarge(blocks, arrays, &theirs)?;
        Ok(before != shapes(arrays))
    }
}

/// The arrays of a file of either format, those of results with this in front of their names.
fn read((file, prefix): (&Path, &str), layout: &[Block]) -> std::result::Result<Arrays, String> {
    let bytes = files::bytes(file, u64::MAX).map_err(|e| format!("cannot be read: {e}"))?;
    // The signature of HDF5 stands at the start or after a user block of 512, 1024, 2048, …
    // bytes.
    let mut places = std::iter::once(0).chain((9..40).map(|k| 1_usize << k));
    let is_signature = |at: usize| {
        let rest = bytes.get(at..);
        rest.is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n"))
    };
    match places.any(is_signature) {
        true => from_hdf5(file, prefix, layout).map_err(|e| e.to_string()),
        false => from_text(&bytes),
    }
}

/// The flat parameters of arrays that fit.
fn fitting(layout: &[Block], arrays: &Arrays) -> std::result::Result<Vec<f64>, String> {
    let mut parameters = Vec::new();
    for block in layout {
        let (name, shape) = (&block.name, &block.shape);
        let (theirs, values) = arrays.get(name).ok_or_else(|| format!("has no {name}"))?;
        if theirs != shape {
            return Err(format!(
                "{name} has the shape {theirs:?}, the input asks for {shape:?}"
            ));
        }
        let own = block
            .taken(values, Complex64::ZERO)
            .ok_or_else(|| format!("{name} couples sites outside the range of a unit"))?;
        for value in own {
            if !value.is_finite() {
                return Err(format!(
                    "{name} holds {value}, which is not a finite number"
                ));
            }
            parameters.push(value.re);
            if block.complex {
                parameters.push(value.im);
            } else if value.im != 0.0 {
                return Err(format!(
                    "{name} is complex, the input asks for parameters = \"real\""
                ));
            }
        }
    }
    let extra = |(name, array): (&String, &(Vec<usize>, Vec<Complex64>))| {
        let known = layout.iter().any(|b| b.name == *name);
        (!known && array.1.iter().any(|v| *v != Complex64::ZERO)).then(|| name.clone())
    };
    if let Some(name) = arrays.iter().find_map(extra) {
        return Err(format!("has {name}, which the input leaves out"));
    }
    Ok(parameters)
}

/// The lengths of the lattice of an input.
fn lattice_of(input: &toml::Table) -> Option<Vec<usize>> {
    let size = input.get("lattice")?.get("size")?;
    let length = |value: &toml::Value| usize::try_from(value.as_integer()?).ok();
    match size.as_array() {
        Some(list) => list.iter().map(length).collect(),
        None => Some(vec![length(size)?]),
    }
}

fn from_hdf5(file: &Path, prefix: &str, layout: &[Block]) -> Result<Arrays> {
    // Biases that the input leaves out are looked for as well.
    let blocks = layout.iter().map(|b| b.name.as_str());
    let mut names: Vec<&str> = blocks
        .chain(["a", "b", "c", "A", "W", "X", "phase_W"])
        .collect();
    names.sort_unstable();
    names.dedup();
    let group = format!("parameters/{prefix}");
    let inside: Vec<String> = names.iter().map(|n| format!("{group}{n}")).collect();
    // A part of results has no other names.
    names.retain(|_| prefix.is_empty());
    let names: Vec<&str> = inside.iter().map(String::as_str).chain(names).collect();
    let most: usize = layout.iter().map(Block::size).max().unwrap_or_default();
    let tree = hdf5::read_foreign(file, &names, most)?;
    let mut arrays = Arrays::new();
    for (name, value) in &tree.datasets {
        let block = match value {
            Value::Real(a) => (a.shape().to_vec(), a.iter().map(|&v| v.into()).collect()),
            Value::Complex(a) => (a.shape().to_vec(), a.iter().copied().collect()),
            _ => return Err(Error::output(file, format!("{name} does not hold numbers"))),
        };
        arrays
            .entry(name.trim_start_matches(group.as_str()).to_string())
            .or_insert(block);
    }
    match arrays.is_empty() {
        true => from_flat(file, layout),
        false => Ok(arrays),
    }
}

/// The blocks of the one dataset `flat`, in the order of the layout, complex numbers as pairs.
fn from_flat(file: &Path, layout: &[Block]) -> Result<Arrays> {
    let count: usize = layout.iter().map(Block::numbers).sum();
    let tree = hdf5::read_foreign(file, &["parameters/flat", "flat"], count)?;
    let mut arrays = Arrays::new();
    let Some(Value::Real(flat)) = tree.datasets.values().next() else {
        return Ok(arrays);
    };
    let flat: Vec<f64> = flat.iter().copied().collect();
    let Some(blocks) = split(layout, &flat) else {
        let problem = format!("flat has {} numbers, the input {count}", flat.len());
        return Err(Error::output(file, problem));
    };
    for (block, own) in blocks {
        let values = match block.array(own) {
            BlockArray::Real(values) => values.into_iter().map(Complex64::from).collect(),
            BlockArray::Complex(values) => values,
        };
        arrays.insert(block.name.clone(), (block.shape.clone(), values));
    }
    Ok(arrays)
}
