//! Circuits of second-order Trotter steps on rings, and their states on all configurations.

use nishina::worldlines::circuit::{Circuit, Gate, Start};
use nishina::worldlines::{HiddenStart, Terms};

/// Bonds (i, i + 1) of a ring of three sites or more; none on one site.
fn ring(sites: usize) -> Vec<[usize; 2]> {
    let count = if sites == 1 { 0 } else { sites };
    (0..count).map(|i| [i, (i + 1) % sites]).collect()
}

/// −J Σ σᶻσᶻ − h_x Σ σˣ − h_z Σ σᶻ on a ring: its terms, and the circuit of `steps` steps.
pub fn ising(sites: usize, j: f64, hx: f64, hz: f64, step: f64, steps: usize) -> (Circuit, Terms) {
    let diagonal = |part: f64| -> Vec<Gate> {
        let pair = |[l, m]: [usize; 2]| Gate::Pair { l, m, x: j * part };
        let pairs = ring(sites).into_iter().map(pair);
        let field = |l| Gate::Field { l, z: hz * part };
        let fields = (0..if hz == 0.0 { 0 } else { sites }).map(field);
        pairs.chain(fields).collect()
    };
    let flips: Vec<Gate> = (0..sites).map(|l| Gate::Flip { l, y: hx * step }).collect();
    let mut layers = vec![diagonal(0.5 * step)];
    for k in 0..steps {
        layers.push(flips.clone());
        layers.push(diagonal(if k + 1 < steps { step } else { 0.5 * step }));
    }
    let circuit = Circuit {
        sites,
        start: Start::Uniform,
        layers: layers.into_iter().map(Into::into).collect(),
    };
    let terms = Terms {
        pairs: ring(sites).into_iter().map(|bond| (bond, -j)).collect(),
        fields: (0..sites).map(|l| (l, -hz)).collect(),
        flips: (0..sites).map(|l| (l, -hx)).collect(),
        ..Terms::default()
    };
    (circuit, terms)
}

/// Σ J_z σᶻσᶻ − (σˣσˣ + σʸσʸ) on a ring of two colours.
pub fn exchange(sites: usize, jz: f64, start: Start, step: f64, steps: usize) -> (Circuit, Terms) {
    let colour = |colour: usize, t: f64| -> Vec<Gate> {
        let bonds = ring(sites).into_iter().skip(colour).step_by(2);
        bonds
            .map(|[l, m]| Gate::Exchange {
                l,
                m,
                t,
                jz,
                jxy: 1.0,
            })
            .collect()
    };
    let mut layers = vec![colour(0, 0.5 * step)];
    for k in 0..steps {
        layers.push(colour(1, step));
        layers.push(colour(0, if k + 1 < steps { step } else { 0.5 * step }));
    }
    let circuit = Circuit {
        sites,
        start,
        layers: layers.into_iter().map(Into::into).collect(),
    };
    let terms = Terms {
        pairs: ring(sites).into_iter().map(|bond| (bond, jz)).collect(),
        exchanges: ring(sites).into_iter().map(|bond| (bond, -1.0)).collect(),
        ..Terms::default()
    };
    (circuit, terms)
}

/// σ of site `l` in state `s`, whose bit l is set where it is up.
pub fn spin(s: usize, l: usize) -> f64 {
    (2 * (s >> l & 1)) as f64 - 1.0
}

/// The number of a configuration.
pub fn number(spins: &[i8]) -> usize {
    let up = spins.iter().enumerate().filter(|(_, spin)| **spin > 0);
    up.map(|(l, _)| 1 << l).sum()
}

/// The state with the sites `l` and `m` swapped.
fn swapped(s: usize, l: usize, m: usize) -> usize {
    let differ = (s >> l ^ s >> m) & 1;
    s ^ (differ << l | differ << m)
}

fn apply(gate: &Gate, psi: &[f64]) -> Vec<f64> {
    let state = |s: usize| -> f64 {
        match *gate {
            Gate::Pair { l, m, x } => (x * spin(s, l) * spin(s, m)).exp() * psi[s],
            Gate::Field { l, z } => (z * spin(s, l)).exp() * psi[s],
            Gate::Flip { l, y } => y.cosh() * psi[s] + y.sinh() * psi[s ^ 1 << l],
            Gate::Exchange { l, m, t, jz, jxy } => {
                if spin(s, l) == spin(s, m) {
                    return (-t * jz).exp() * psi[s];
                }
                let angle = 2.0 * t * jxy;
                let other = psi[swapped(s, l, m)];
                (t * jz).exp() * (angle.cosh() * psi[s] + angle.sinh() * other)
            }
        }
    };
    (0..psi.len()).map(state).collect()
}

/// The normalised state of a circuit that starts from a Boltzmann machine.
pub fn state_from(start: &HiddenStart, circuit: &Circuit) -> Vec<f64> {
    let hidden = start.b.len();
    let amplitude = |s: usize| -> f64 {
        let linear: f64 = (0..circuit.sites).map(|i| start.a[i] * spin(s, i)).sum();
        let theta = |j: usize| -> f64 {
            let couplings = (0..circuit.sites).map(|i| start.w[i * hidden + j] * spin(s, i));
            start.b[j] + couplings.sum::<f64>()
        };
        linear.exp() * (0..hidden).map(|j| 2.0 * theta(j).cosh()).product::<f64>()
    };
    evolved((0..1 << circuit.sites).map(amplitude).collect(), circuit)
}

/// The normalised state of a circuit.
pub fn state(circuit: &Circuit) -> Vec<f64> {
    let is_allowed = |s: usize| match circuit.start {
        Start::Uniform => true,
        Start::Sector { up } => s.count_ones() as usize == up,
    };
    let start = (0..1 << circuit.sites).map(|s| f64::from(u8::from(is_allowed(s))));
    evolved(start.collect(), circuit)
}

fn evolved(start: Vec<f64>, circuit: &Circuit) -> Vec<f64> {
    let gates = circuit.gates();
    let psi = gates.fold(start, |psi, gate| apply(gate, &psi));
    let norm = psi.iter().map(|a| a * a).sum::<f64>().sqrt();
    psi.iter().map(|a| a / norm).collect()
}

/// ⟨ψ|H|ψ⟩
pub fn energy(psi: &[f64], terms: &Terms) -> f64 {
    let diagonal = |s: usize| -> f64 {
        let pairs = terms.pairs.iter();
        let pairs: f64 = pairs.map(|([l, m], c)| c * spin(s, *l) * spin(s, *m)).sum();
        pairs
            + terms
                .fields
                .iter()
                .map(|(l, c)| c * spin(s, *l))
                .sum::<f64>()
    };
    let row = |s: usize| -> f64 {
        let mut sum = diagonal(s) * psi[s];
        sum += terms
            .flips
            .iter()
            .map(|(l, c)| c * psi[s ^ 1 << l])
            .sum::<f64>();
        for ([l, m], c) in &terms.exchanges {
            if spin(s, *l) != spin(s, *m) {
                sum += 2.0 * c * psi[swapped(s, *l, *m)];
            }
        }
        sum
    };
    (0..psi.len()).map(|s| psi[s] * row(s)).sum()
}
