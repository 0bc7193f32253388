//! Decides the network that a circuit in imaginary time is: units of three layers, and how each
//! gate adds some.
//!
//! ```text
//! Ψ(σ) = C Σ_{h,d} exp(Σ a_i σ_i + Σ σ_i W_ij h_j + Σ b_j h_j + Σ h_j W'_jk d_k + Σ b'_k d_k)
//! ```
//! with h, d = ±1 (G. Carleo, Y. Nomura, M. Imada, Nat. Commun. 9, 5322 (2018)). Couplings are kept
//! as lists: a gate adds a few units and takes rows over as a whole.

use super::gadgets::{Gadget, Spin};
use num_complex::Complex64;
use serde::Deserialize;

/// How the network represents an exchange gate: deep and hidden units for each.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, schemars::JsonSchema,
)]
pub enum BondUnits {
    /// 1 deep and 3 hidden units.
    #[default]
    #[serde(rename = "1d-3h")]
    OneThree,
    /// 2 deep and 4 hidden units.
    #[serde(rename = "2d-4h")]
    TwoFour,
    /// 2 deep and 6 hidden units, the same for both sites.
    #[serde(rename = "2d-6h")]
    TwoSix,
}

impl BondUnits {
    /// The name in inputs.
    pub fn name(self) -> &'static str {
        match self {
            BondUnits::OneThree => "1d-3h",
            BondUnits::TwoFour => "2d-4h",
            BondUnits::TwoSix => "2d-6h",
        }
    }
}

/// Couplings of a visible or deep unit: hidden units in ascending order.
pub type Row = Vec<(u32, Complex64)>;

/// A deep Boltzmann machine.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepNetwork {
    /// Visible biases.
    pub a: Vec<Complex64>,
    /// Hidden biases.
    pub b: Vec<Complex64>,
    /// W, the hidden units of each visible one.
    pub visible: Vec<Row>,
    /// Deep biases.
    pub b_deep: Vec<Complex64>,
    /// W', the hidden units of each deep one.
    pub deep: Vec<Row>,
    /// ln C
    pub log_constant: Complex64,
}

impl DeepNetwork {
    /// ψ = 1 for all configurations of `sites` sites.
    pub fn uniform(sites: usize) -> Self {
        DeepNetwork {
            a: vec![Complex64::ZERO; sites],
            b: Vec::new(),
            visible: vec![Row::new(); sites],
            b_deep: Vec::new(),
            deep: Vec::new(),
            log_constant: Complex64::ZERO,
        }
    }

    /// The restricted machine with these biases and the couplings `w`, visible × hidden by rows.
    pub fn restricted(a: Vec<Complex64>, b: Vec<Complex64>, w: &[Complex64]) -> Self {
        let row = |w: &[Complex64]| (0..).zip(w.iter().copied()).collect();
        let mut rows: Vec<Row> = w.chunks(b.len().max(1)).map(row).collect();
        rows.resize(a.len(), Row::new());
        DeepNetwork {
            visible: rows,
            a,
            b,
            ..DeepNetwork::uniform(0)
        }
    }

    /// Number of couplings that are kept.
    pub fn couplings(&self) -> usize {
        let rows = self.visible.iter().chain(&self.deep);
        rows.map(Vec::len).sum()
    }

    /// Whether all parameters are real.
    pub fn is_real(&self) -> bool {
        let rows = self.visible.iter().chain(&self.deep).flatten();
        let biases = self.a.iter().chain(&self.b).chain(&self.b_deep);
        let all = rows.map(|(_, w)| w).chain(biases);
        all.chain([&self.log_constant]).all(|z| z.im == 0.0)
    }

    /// Adds a hidden unit without a bias.
    pub(super) fn add_hidden(&mut self, couplings: &[(Spin, Complex64)]) {
        let unit = self.b.len() as u32;
        self.b.push(Complex64::ZERO);
        for &(spin, w) in couplings {
            match spin {
                Spin::Visible(site) => self.visible[site].push((unit, w)),
                Spin::Deep(k) => self.deep[k].push((unit, w)),
            }
        }
    }

    /// Adds a deep unit with these couplings.
    pub(super) fn add_deep(&mut self, bias: Complex64, row: Row) -> Spin {
        self.b_deep.push(bias);
        self.deep.push(row);
        Spin::Deep(self.deep.len() - 1)
    }

    /// A new deep unit takes over all that site `l` is coupled to.
    pub(super) fn move_to_deep(&mut self, l: usize) -> Spin {
        let row = std::mem::take(&mut self.visible[l]);
        let bias = std::mem::take(&mut self.a[l]);
        self.add_deep(bias, row)
    }

    /// A new deep unit is the old spin of site `l`, and what the old spin of `m` was coupled to is
    /// expressed by s_l + s_m less it.
    pub(super) fn share_with_deep(&mut self, l: usize, m: usize) -> Spin {
        let row = difference(&self.visible[l], &self.visible[m]);
        let bias = self.a[l] - self.a[m];
        self.visible[l] = self.visible[m].clone();
        self.a[l] = self.a[m];
        self.add_deep(bias, row)
    }

    /// Applies a gate, with the units of `bonds` where it is an exchange.
    pub fn apply(&mut self, gate: &crate::worldlines::circuit::Gate, bonds: BondUnits) {
        Gadget { network: self }.apply(gate, bonds);
    }

    /// Ψ(σ) of a row of spins, by summing over all 2^M' configurations of the deep units.
    ///
    /// Each step turns one of them, and only the hidden units that it is coupled to are evaluated
    /// anew.
    pub fn amplitude(&self, spins: &[i8]) -> Complex64 {
        let (mut theta, mut outer) = (self.b.clone(), Complex64::ZERO);
        let mut add = |row: &Row, bias: Complex64, s: f64| {
            row.iter().for_each(|(j, w)| theta[*j as usize] += w * s);
            outer += bias * s;
        };
        for ((row, bias), s) in self.visible.iter().zip(&self.a).zip(spins) {
            add(row, *bias, f64::from(*s));
        }
        for (row, bias) in self.deep.iter().zip(&self.b_deep) {
            add(row, *bias, -1.0);
        }
        // The constant is shared out over the factors, so that no product overflows.
        let share = (self.log_constant / self.b.len().max(1) as f64).exp();
        let factor = |theta: Complex64| 2.0 * theta.cosh() * share;
        let mut factors: Vec<Complex64> = theta.iter().map(|t| factor(*t)).collect();
        let mut up = vec![false; self.deep.len()];
        let mut sum = Complex64::ZERO;
        for step in 1..=1u64 << self.deep.len() {
            sum += factors.iter().product::<Complex64>() * outer.exp();
            let turned = step.trailing_zeros() as usize;
            if turned >= self.deep.len() {
                break;
            }
            up[turned] = !up[turned];
            let change = if up[turned] { 2.0 } else { -2.0 };
            outer += self.b_deep[turned] * change;
            for &(j, w) in &self.deep[turned] {
                theta[j as usize] += w * change;
                factors[j as usize] = factor(theta[j as usize]);
            }
        }
        match self.b.is_empty() {
            true => sum * self.log_constant.exp(),
            false => sum,
        }
    }
}

/// x − y; both are in ascending order.
fn difference(x: &Row, y: &Row) -> Row {
    let (mut x, mut y) = (x.iter().peekable(), y.iter().peekable());
    let mut found = Row::new();
    loop {
        let (i, j) = (x.peek().map(|e| e.0), y.peek().map(|e| e.0));
        let next = match (i, j) {
            (None, None) => return found,
            (Some(i), Some(j)) => i.min(j),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        let mut value = Complex64::ZERO;
        if let Some((_, w)) = x.next_if(|e| e.0 == next) {
            value += w;
        }
        if let Some((_, w)) = y.next_if(|e| e.0 == next) {
            value -= w;
        }
        if value != Complex64::ZERO {
            found.push((next, value));
        }
    }
}
