//! Decides `[convert]`: a restricted Boltzmann machine becomes an open matrix product state, which
//! the sections behind measure.
//!
//! The exact product is that of [`MachineCouplings::product`]; singular values below a threshold
//! are left out. Rank by rank the same, in one block.

mod keys;

pub use keys::{ConvertInput, ConvertedForm, keys};

use super::vmc::problem::{ensemble_of, with_sign_rule};
use super::vmc::{ShownParameters, Vmc};
use super::world::{Section, World};
use crate::ansatz::mps::{Canonical, Compressed, MachineCouplings, Mps, ProductShape, Tensors};
use crate::ansatz::{Ansatz, Block, Erased, rbm};
use crate::comm::{Comm, agree};
use crate::error::{Error, Result};
use crate::input::Source;
use crate::io::tree::{Tree, Value, shaped};
use crate::number::{larger, unflatten};
use crate::run::{Calculation, Cost, Declaration, Desk, Loaded, Progress};
use crate::table::schema_of;
use keys::NAME;
use num_complex::Complex64;
use std::cell::RefCell;
use std::rc::Rc;

/// Lost weight above which the product is another state.
const MOST_LOST: f64 = 1e-6;
/// Sites up to which all amplitudes are compared.
const COMPARED: usize = 20;
/// Configurations that are compared at once.
const BLOCK: usize = 1024;

/// `[convert]`
pub const SECTION: Section = Section {
    declaration: Declaration {
        name: NAME,
        free: &[],
        grows: &[],
        reopens: &[],
        restarts: &["threshold"],
        relies_on: &[],
        curves: &[],
    },
    schema: schema_of::<ConvertInput>,
    validate: |source, _| keys(source).map(drop),
    effective: Section::own_keys,
    shorten: |_, _| Ok(Vec::new()),
    build: |world| Ok(Box::new(Convert::new(world)?)),
};

/// What a conversion has found.
#[derive(Debug, Clone, PartialEq)]
struct Converted {
    /// Bond dimensions before anything was left out.
    exact: Vec<i64>,
    compressed: Vec<i64>,
    entropies: Vec<f64>,
    /// Share of the squared singular values that was left out, summed over the cuts.
    lost: f64,
    deviation: Option<f64>,
    /// The tensors, site by site.
    numbers: Vec<f64>,
}

/// A wave function that gets another form.
struct Convert<'a> {
    vmc: Rc<RefCell<Vmc<'a>>>,
    source: &'a Source,
    keys: ConvertInput,
    rank: (usize, usize),
    found: Option<Converted>,
    /// Bytes of the parameter vector.
    vector: f64,
}

impl<'a> Convert<'a> {
    fn new(world: &World<'a>) -> Result<Self> {
        let keys = keys(world.source)?;
        let vmc = world.vmc()?;
        let vector = world.plan()?.vector();
        let convert = Convert {
            source: world.source,
            keys,
            rank: (world.rank, world.size),
            found: None,
            vector,
            vmc,
        };
        convert.check(&convert.couplings()?)?;
        Ok(convert)
    }

    fn couplings(&self) -> Result<MachineCouplings> {
        let vmc = self.vmc.borrow();
        let refused = |key: &str, problem: &str, remedy: &str| Error::input(key, problem, remedy);
        if !vmc.problem.basis.is_spin_half() {
            return Err(crate::basis::only_spin_half("convert.to", "a conversion"));
        }
        let table = self.source.input.ansatz.as_ref();
        let is_rbm = table.is_some_and(rbm::is_meant);
        let (layout, parameters) = (vmc.ensemble.layout(), vmc.ensemble.parameters());
        let found = MachineCouplings::of(&layout, &parameters, vmc.sites()).filter(|_| is_rbm);
        found.ok_or_else(|| {
            refused(
                "convert.to",
                "\"mps\" is made from a restricted Boltzmann machine without a symmetry",
                "optimise one with symmetry = \"none\"",
            )
        })
    }

    /// An error where a bond of the exact product is too large.
    fn check(&self, couplings: &MachineCouplings) -> Result<()> {
        let bonds = couplings.bond_dimensions();
        let largest = bonds.iter().fold(1.0, |m: f64, &b| m.max(b));
        if largest <= self.keys.max_bond as f64 {
            return Ok(());
        }
        Err(Error::input(
            "convert.max_bond",
            format!("the machine needs a bond dimension of {largest:.0}"),
            format!(
                "raise it above {}, or couple fewer units across each bond",
                self.keys.max_bond
            ),
        ))
    }

    fn convert(&self) -> Result<Converted> {
        let couplings = self.couplings()?;
        self.check(&couplings)?;
        let vmc = self.vmc.borrow();
        let exact = couplings.product(vmc.problem.basis.locals()[0])?;
        let Compressed {
            tensors,
            bonds,
            entropies,
            lost,
        } = Canonical::new(&exact)?.compressed(self.keys.threshold)?;
        let state = Mps::new(tensors, vmc.problem.basis.charges().is_empty());
        // Within a sector they would be those of the machine outside it, too.
        let whole = vmc.problem.basis.charges().is_empty();
        let entropies = if whole { entropies } else { Vec::new() };
        let numbers = state.parameters();
        let deviation = match vmc.sites() <= COMPARED {
            true => Some(deviation(&vmc, Erased::new(state))?),
            false => None,
        };
        let dimensions = couplings.bond_dimensions();
        Ok(Converted {
            exact: dimensions.iter().map(|&bond| bond as i64).collect(),
            compressed: bonds.iter().map(|&bond| bond as i64).collect(),
            entropies,
            lost,
            deviation,
            numbers,
        })
    }

    /// The form of the state that was found.
    fn shape(&self, found: &Converted) -> ProductShape {
        let vmc = self.vmc.borrow();
        let inner = found.compressed.iter().map(|&bond| bond as usize);
        ProductShape {
            local: vmc.problem.basis.locals()[0],
            order: (0..vmc.sites()).collect(),
            bonds: std::iter::once(1).chain(inner).chain([1]).collect(),
            uniform: false,
        }
    }

    /// Puts the state in the place of the machine, with the same chains.
    fn put(&mut self, found: Converted) -> Result<()> {
        let shape = self.shape(&found);
        let mut vmc = self.vmc.borrow_mut();
        let whole = vmc.problem.basis.charges().is_empty();
        let tensors = Tensors::new(shape, unflatten(&found.numbers));
        let state = Erased::new(Mps::<Complex64>::new(tensors, whole));
        let (rank, size) = self.rank;
        let ensemble = ensemble_of(self.source, &vmc.problem, state, rank, size)?;
        let mut ensemble = ensemble;
        ensemble.set_chain_states(vmc.ensemble.chain_states())?;
        let old = std::mem::replace(&mut vmc.ensemble, ensemble);
        vmc.shown = Some(ShownParameters::Blocks(old.layout(), old.parameters()));
        drop(vmc);
        self.found = Some(found);
        Ok(())
    }
}

/// The largest difference of normalised amplitudes over the largest of them.
fn deviation(vmc: &Vmc, bare: Erased) -> Result<f64> {
    let state = with_sign_rule(bare, &vmc.problem)?;
    let n = vmc.sites();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for start in (0..1usize << n).step_by(BLOCK) {
        let words = start..(start + BLOCK).min(1 << n);
        let value = |word: usize, i: usize| if word >> i & 1 == 1 { 1 } else { -1 };
        let xs: Vec<i8> = words
            .flat_map(|word| (0..n).map(move |i| value(word, i)))
            .collect();
        let product = state.log_psi(&state.batch(&xs));
        for ((machine, product), x) in (vmc.ensemble.log_psi_of(&xs).into_iter())
            .zip(product)
            .zip(xs.chunks_exact(n))
        {
            if vmc.problem.basis.contains(x) {
                theirs.push(machine);
                ours.push(product);
            }
        }
    }
    let normalised = |logs: &[Complex64]| {
        let largest = logs.iter().fold(f64::NEG_INFINITY, |m, l| m.max(l.re));
        let values: Vec<Complex64> = logs.iter().map(|l| (l - largest).exp()).collect();
        let norm = values.iter().map(Complex64::norm_sqr).sum::<f64>().sqrt();
        values.into_iter().map(|z| z / norm).collect::<Vec<_>>()
    };
    let (ours, theirs) = (normalised(&ours), normalised(&theirs));
    // A common phase means nothing.
    let overlap: Complex64 = ours.iter().zip(&theirs).map(|(a, b)| a.conj() * b).sum();
    let phase = overlap / overlap.norm();
    let pairs = ours.iter().zip(&theirs);
    let difference = pairs.fold(0.0, |m, (a, b)| larger(m, (a * phase - b).norm()));
    let largest = theirs.iter().fold(0.0, |m, b| larger(m, b.norm()));
    Ok(difference / largest)
}

impl Calculation for Convert<'_> {
    fn cost(&self) -> Cost {
        let bonds = self.couplings().map(|c| c.bond_dimensions());
        let sites = self.vmc.borrow().sites() as i32;
        let tensor = |(i, bond): (usize, &f64)| {
            let before = 2f64.powi((i as i32).min(30));
            64.0 * before.min(*bond) * bond
        };
        let list = bonds.unwrap_or_default();
        let numbers: f64 = list.iter().enumerate().map(tensor).sum();
        let compared = if sites <= COMPARED as i32 {
            64.0 * 2f64.powi(sites)
        } else {
            0.0
        };
        Cost {
            blocks: 1.0,
            bytes: numbers,
            work: 2.0 * numbers + compared,
            work_elsewhere: 2.0 * numbers + compared,
            state: self.vector + numbers,
            ..Cost::default()
        }
    }
    fn block(&mut self, desk: &mut Desk) -> Result<Progress> {
        if self.found.is_none() {
            let found = agree(desk.comm, self.convert())?;
            let largest = found.compressed.iter().max().copied().unwrap_or(1);
            desk.line(0, 1, &format!("bond dimension {largest}"));
            let put = self.put(found);
            agree(desk.comm, put)?;
            self.warnings().iter().for_each(|w| desk.warn(w));
        }
        Ok(Progress::Done)
    }
    fn mark(&mut self) {
        self.vmc.borrow_mut().mark();
    }
    /// The state takes the place of the machine when nothing can fail any more.
    fn rewind(&mut self) -> Result<()> {
        self.vmc.borrow_mut().rewind()
    }
    fn save(&self, out: &mut Tree, comm: &dyn Comm) -> Result<()> {
        self.vmc.borrow().save(out, comm)?;
        if let Some(found) = &self.found {
            out.put_integers("exact", &found.exact);
            out.put_integers("compressed", &found.compressed);
            out.put_reals("entropies", &found.entropies);
            out.put_real("lost", found.lost);
            out.put_reals("deviation", &found.deviation.map_or(vec![], |d| vec![d]));
            out.put_reals("numbers", &found.numbers);
            if let Some(ShownParameters::Blocks(_, machine)) = &self.vmc.borrow().shown {
                out.put_reals("machine", machine);
            }
        }
        Ok(())
    }
    fn load(&mut self, from: &Tree) -> Result<Loaded> {
        if from.datasets.contains_key("numbers") {
            let machine = from.reals("machine")?;
            self.vmc.borrow_mut().ensemble.set_parameters(&machine)?;
            self.put(Converted {
                exact: from.integers("exact")?,
                compressed: from.integers("compressed")?,
                entropies: from.reals("entropies")?,
                lost: from.real("lost").unwrap_or_default(),
                deviation: from.reals("deviation")?.first().copied(),
                numbers: from.reals("numbers")?,
            })?;
        }
        self.vmc.borrow_mut().load(from)?;
        Ok(Loaded::Resumed)
    }
    fn record(&self, out: &mut Tree) -> Result<()> {
        self.vmc.borrow().record(out)?;
        if let Some(found) = &self.found {
            record(out, found, &self.shape(found).layout(true));
        }
        Ok(())
    }
    fn warnings(&self) -> Vec<String> {
        let lossy = self.found.iter().filter(|found| found.lost > MOST_LOST);
        let text = |found: &Converted| {
            let deviation = match found.deviation {
                Some(deviation) => format!(" and a deviation of {deviation:.1e}"),
                None => String::new(),
            };
            format!(
                "singular values below {} of the largest were left out, with a relative weight of \
                 {:.1e}{deviation}: the state is not that of the machine; lower convert.threshold",
                self.keys.threshold, found.lost
            )
        };
        lossy.map(text).collect()
    }
    fn place(&self) -> String {
        match self.found {
            Some(_) => "the converted state".into(),
            None => "the state to convert".into(),
        }
    }
}

/// Writes what was found, one dataset for each tensor.
fn record(out: &mut Tree, found: &Converted, layout: &[Block]) {
    let cuts = found.exact.len();
    let lists = [
        (
            "bond_dimensions",
            Value::Integer(shaped(&[cuts], found.exact.clone())),
            "bond dimensions of the exact product [cut]",
        ),
        (
            "compressed",
            Value::Integer(shaped(&[cuts], found.compressed.clone())),
            "bond dimensions that are kept [cut]",
        ),
    ];
    for (name, value, meaning) in lists {
        out.describe(&format!("{NAME}/{name}"), value, "1", meaning);
    }
    if found.entropies.len() == cuts {
        let meaning = "von Neumann entropy of the first sites, in nats [cut]";
        let value = Value::Real(shaped(&[cuts], found.entropies.clone()));
        out.describe(&format!("{NAME}/entropies"), value, "1", meaning);
    }
    let meaning = "share of the squared singular values that was left out, summed over the cuts";
    let lost = Value::Real(shaped(&[], vec![found.lost]));
    out.describe(&format!("{NAME}/lost_weight"), lost, "1", meaning);
    if let Some(deviation) = found.deviation {
        let meaning = "largest difference of normalised amplitudes over the largest of them";
        let value = Value::Real(shaped(&[], vec![deviation]));
        out.describe(&format!("{NAME}/deviation"), value, "1", meaning);
    }
    let mut rest = found.numbers.as_slice();
    for block in layout {
        let (own, after) = rest.split_at(2 * block.shape.iter().product::<usize>());
        rest = after;
        let value = Value::Complex(shaped(&block.shape, unflatten(own)));
        let meaning = "tensor of the product [value, left bond, right bond]";
        out.describe(
            &format!("{NAME}/tensors/{}", block.name),
            value,
            "1",
            meaning,
        );
    }
}
