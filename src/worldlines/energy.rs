//! Decides how the energy of the state of a circuit is estimated: from the clusters of all bonds
//! and sites at the visible configuration, or, where exchange gates freeze plaquettes or the sector
//! is magnetised, from the last layer and from layers inserted for the other bonds.

use super::circuit::{Circuit, Gate};
use super::inserted::{InsertedLayer, last_layer};
use super::loops::ExchangeLoops;
use super::packing::other_circuit;
use super::plaquettes::has_strings;
use super::{HiddenStart, WorldLines, lines, lines_from, missing};
use crate::clusters::Words;
use crate::error::Result;

/// H = Σ c σᶻσᶻ + Σ c σᶻ + Σ c σˣ + Σ c (σˣσˣ + σʸσʸ), each term with its coefficient.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// σᶻσᶻ of two sites.
    pub pairs: Vec<([usize; 2], f64)>,
    /// σᶻ
    pub fields: Vec<(usize, f64)>,
    /// σˣ
    pub flips: Vec<(usize, f64)>,
    /// σˣσˣ + σʸσʸ of two sites.
    pub exchanges: Vec<([usize; 2], f64)>,
}

impl Terms {
    /// The terms that are diagonal, of spins ±1.
    pub fn diagonal(&self, spins: &[i8]) -> f64 {
        let spin = |site: usize| f64::from(spins[site]);
        let pair = |([l, m], c): &([usize; 2], f64)| c * spin(*l) * spin(*m);
        let pairs: f64 = self.pairs.iter().map(pair).sum();
        let fields: f64 = self.fields.iter().map(|(l, c)| c * spin(*l)).sum();
        pairs + fields
    }
}

/// World lines where all operators have estimates, or where some bonds need more of them.
enum Course {
    Clusters(Box<dyn WorldLines>),
    Layers {
        lines: Box<ExchangeLoops>,
        /// Of the bonds of the last layer.
        coefficients: Vec<f64>,
        layers: Vec<InsertedLayer>,
    },
}

/// Chains of world lines of one circuit that give the energy of its state.
pub struct EnergyLines {
    course: Course,
    terms: Terms,
    pairs: Vec<[usize; 2]>,
    bonds: Vec<[usize; 2]>,
    values: Vec<f64>,
}

/// The sum of terms with the values of their bonds.
fn total(terms: &[([usize; 2], f64)], values: &[f64]) -> f64 {
    let each = terms.iter().zip(values);
    each.map(|((_, c), value)| c * value).sum()
}

/// The sites of an exchange gate, in ascending order.
fn bond(gate: &Gate) -> Option<[usize; 2]> {
    match gate {
        Gate::Exchange { l, m, .. } => Some([*l.min(m), *l.max(m)]),
        _ => None,
    }
}

/// The layers of a circuit on different bonds, the last one first, with the coefficients of `terms`
/// and where each term is found.
fn layers_of(circuit: &Circuit, terms: &Terms) -> Result<Vec<Vec<(Gate, f64)>>> {
    let mut found: Vec<[usize; 2]> = Vec::new();
    let mut layers = Vec::new();
    for layer in circuit.distinct() {
        let mut own = Vec::new();
        for gate in layer.iter() {
            let Some(bond) = bond(gate) else { continue };
            if found.contains(&bond) {
                continue;
            }
            found.push(bond);
            let terms = terms.exchanges.iter();
            let same = terms.filter(|([l, m], _)| [*l.min(m), *l.max(m)] == bond);
            own.push((*gate, same.map(|(_, c)| c).sum()));
        }
        // The first one stands for the last layer, with all its gates.
        if !own.is_empty() {
            layers.push(own);
        }
    }
    let is_found = |([l, m], _): &([usize; 2], f64)| found.contains(&[*l.min(m), *l.max(m)]);
    match terms.exchanges.iter().all(is_found) {
        true => Ok(layers),
        false => Err(missing("σˣσˣ + σʸσʸ on a bond without a gate")),
    }
}

impl EnergyLines {
    /// World lines of `circuit` for the energy of `terms`; an error where these have no estimates.
    pub fn new(circuit: &Circuit, terms: Terms) -> Result<Self> {
        let course = if terms.exchanges.is_empty() || has_strings(circuit) {
            Course::Clusters(lines(circuit)?)
        } else {
            let mut layers = layers_of(circuit, &terms)?.into_iter();
            let last = layers.next().unwrap_or_default();
            let insert = |layer: Vec<(Gate, f64)>| InsertedLayer::new(circuit, &layer);
            Course::Layers {
                lines: Box::new(ExchangeLoops::new(circuit, &[])?),
                coefficients: last.iter().map(|(_, c)| *c).collect(),
                layers: layers.map(insert).collect::<Result<_>>()?,
            }
        };
        Ok(Self::of(course, circuit, terms))
    }

    /// Of a circuit of pairs, fields and flips that starts from a Boltzmann machine.
    pub fn from_hidden(start: &HiddenStart, circuit: &Circuit, terms: Terms) -> Result<Self> {
        let lines = lines_from(start, circuit)?;
        Ok(Self::of(Course::Clusters(lines), circuit, terms))
    }

    fn of(course: Course, circuit: &Circuit, terms: Terms) -> Self {
        let ends = |terms: &[([usize; 2], f64)]| -> Vec<[usize; 2]> {
            terms.iter().map(|(bond, _)| *bond).collect()
        };
        let (pairs, bonds) = (ends(&terms.pairs), ends(&terms.exchanges));
        EnergyLines {
            values: vec![0.0; circuit.sites.max(bonds.len()).max(pairs.len())],
            course,
            terms,
            pairs,
            bonds,
        }
    }

    /// World lines of another chain, where these stand; they share the circuit.
    pub fn another(&self) -> Self {
        let course = match &self.course {
            Course::Clusters(lines) => Course::Clusters(lines.another()),
            Course::Layers {
                lines,
                coefficients,
                layers,
            } => Course::Layers {
                lines: lines.clone(),
                coefficients: coefficients.clone(),
                layers: layers.clone(),
            },
        };
        EnergyLines {
            course,
            terms: self.terms.clone(),
            pairs: self.pairs.clone(),
            bonds: self.bonds.clone(),
            values: self.values.clone(),
        }
    }

    /// Moves all world lines once.
    pub fn sweep(&mut self, rng: &mut Words) {
        match &mut self.course {
            Course::Clusters(lines) => lines.sweep(rng),
            Course::Layers { lines, layers, .. } => {
                lines.sweep(rng);
                layers.iter_mut().for_each(|layer| layer.sweep(rng));
            }
        }
    }

    /// The world lines without inserted layers.
    pub fn lines(&mut self) -> &mut dyn WorldLines {
        match &mut self.course {
            Course::Clusters(lines) => &mut **lines,
            Course::Layers { lines, .. } => &mut **lines,
        }
    }

    /// How many numbers a sample has.
    pub fn width(&self) -> usize {
        match &self.course {
            Course::Clusters(_) => 1,
            Course::Layers { layers, .. } => 1 + 2 * layers.len(),
        }
    }

    /// The numbers of a sample, whose means [`EnergyLines::energy`] takes.
    pub fn columns(&mut self) -> Result<Vec<f64>> {
        let terms = &self.terms;
        match &mut self.course {
            Course::Clusters(lines) => {
                let mut sum = 0.0;
                if !terms.pairs.is_empty() {
                    lines.pairs(&self.pairs, &mut self.values);
                    sum += total(&terms.pairs, &self.values);
                }
                if !terms.fields.is_empty() {
                    let spins = &mut self.values[..lines.visible().len()];
                    lines.spins(spins);
                    sum += terms.fields.iter().map(|(l, c)| c * spins[*l]).sum::<f64>();
                }
                if !terms.flips.is_empty() {
                    let flips = &mut self.values[..lines.visible().len()];
                    lines.flips(flips)?;
                    sum += terms.flips.iter().map(|(l, c)| c * flips[*l]).sum::<f64>();
                }
                if !self.bonds.is_empty() {
                    lines.exchanges(&self.bonds, &mut self.values)?;
                    sum += total(&terms.exchanges, &self.values);
                }
                Ok(vec![sum])
            }
            Course::Layers {
                lines,
                coefficients,
                layers,
            } => {
                let main = terms.diagonal(lines.visible()) + last_layer(lines, coefficients);
                let layers = layers.iter().flat_map(InsertedLayer::columns);
                Ok(std::iter::once(main).chain(layers).collect())
            }
        }
    }

    /// The energy from the means of the columns.
    pub fn energy(means: &[f64]) -> f64 {
        let ratios = means[1..].chunks_exact(2).map(|two| two[1] / two[0]);
        means[0] + ratios.sum::<f64>()
    }

    /// All world lines in bytes.
    pub fn export(&self) -> Vec<u8> {
        match &self.course {
            Course::Clusters(lines) => lines.export(),
            Course::Layers { lines, layers, .. } => {
                let mut bytes = lines.export();
                layers.iter().for_each(|layer| bytes.extend(layer.export()));
                bytes
            }
        }
    }

    /// Goes on from such bytes; an error where they are of another circuit.
    pub fn import(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.course {
            Course::Clusters(lines) => lines.import(bytes),
            Course::Layers { lines, layers, .. } => {
                // A cut beyond the end leaves too few bytes, which the part refuses.
                let cut = |bytes: &[u8], at: usize| at.min(bytes.len());
                let (own, mut rest) = bytes.split_at(cut(bytes, lines.export().len()));
                lines.import(own)?;
                for layer in layers.iter_mut() {
                    let (own, after) = rest.split_at(cut(rest, layer.export().len()));
                    layer.import(own)?;
                    rest = after;
                }
                match rest.is_empty() {
                    true => Ok(()),
                    false => Err(other_circuit(rest.len())),
                }
            }
        }
    }
}
