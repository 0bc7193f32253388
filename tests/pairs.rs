//! Pair states: golden numbers, amplitudes by the definition of a Pfaffian, exact ground states,
//! zeros, total spin.

mod common;
use common::Case;
use nishina::ansatz::{ANSATZE, Ansatz, Context, Erased, build};
use nishina::basis::Basis;
use nishina::calculation::vmc::estimate;
use nishina::comm::Serial;
use nishina::ensemble::{Request, Variational};
use nishina::lattice::{Boundary, Lattice, LatticeSpec};
use nishina::laws::laws;
use nishina::problem::{self, Problem};
use nishina::registry::Registry;
use nishina::rng::Purpose;
use nishina::table::Shelf;
use num_complex::Complex64;
use std::f64::consts::{PI, TAU};

/// An ensemble of every configuration at given parameters.
struct Sum {
    problem: Problem<'static>,
    ensemble: Box<dyn Variational>,
    sites: usize,
}

impl Sum {
    fn of(case: &Case, parameters: Option<&[f64]>) -> Self {
        let source = nishina::input::read(&case.path("x.toml"), &[]).unwrap();
        let problem = problem::problem(&source, &Registry::default()).unwrap();
        let mut ensemble = problem::ensemble(&source, &problem, 0, 1).unwrap();
        if let Some(parameters) = parameters {
            ensemble.set_parameters(parameters).unwrap();
        }
        let request = Request {
            purpose: Purpose::Measure,
            step: 0,
            burn_in: 0,
            per_chain: 0,
        };
        ensemble.sample(&request).unwrap();
        let sites = problem.basis.sites();
        Sum {
            problem,
            ensemble,
            sites,
        }
    }

    /// Energy and variance as a run reports them.
    fn energy(&self) -> (f64, f64) {
        let hamiltonian = &*self.problem.hamiltonian;
        let local = self.ensemble.local_values(hamiltonian).unwrap();
        let energy = estimate(&Serial, &*self.ensemble, &local, 1).unwrap();
        (energy.mean.re, energy.variance)
    }

    fn local(&self, x: &[i8]) -> Complex64 {
        let rows = self.ensemble.configurations().chunks_exact(self.sites);
        let at = rows.zip(0..).find(|(y, _)| *y == x).unwrap().1;
        let hamiltonian = &*self.problem.hamiltonian;
        self.ensemble.local_values(hamiltonian).unwrap().values[at]
    }

    /// F_k of column k, and the trace of S.
    fn force(&self, columns: &[usize]) -> (Vec<Complex64>, f64) {
        let (weights, o) = (self.ensemble.weights(), self.ensemble.derivatives());
        let o = o.written_out();
        let local = self.ensemble.local_values(&*self.problem.hamiltonian);
        let local = local.unwrap().values;
        let mean = |f: &dyn Fn(usize) -> Complex64| -> Complex64 {
            weights.iter().enumerate().map(|(s, w)| f(s) * *w).sum()
        };
        let energy = mean(&|s| local[s]);
        let force = |&k: &usize| {
            let own = mean(&|s| o.get(s, k));
            mean(&|s| (o.get(s, k) - own).conj() * (local[s] - energy))
        };
        let spread = |k: usize| {
            let own = mean(&|s| o.get(s, k));
            mean(&|s| (o.get(s, k) - own).norm_sqr().into()).re
        };
        let trace = (0..o.dim().1).map(spread).sum();
        (columns.iter().map(force).collect(), trace)
    }
}

fn flat(values: impl IntoIterator<Item = Complex64>) -> Vec<f64> {
    values.into_iter().flat_map(|z| [z.re, z.im]).collect()
}

/// f(N) of the reference.
fn given(n: usize) -> Vec<Complex64> {
    let entry = |k: usize| {
        let (i, j) = ((k / n) as f64, (k % n) as f64);
        Complex64::new(
            (0.5 + i + 0.7 * (i + 1.0) * (j + 1.0)).cos(),
            0.2 * (1.0 + j + 0.6 * (i + 1.0) * (j + 1.0)).sin(),
        )
    };
    (0..n * n).map(entry).collect()
}

/// rbm(N, M) of the reference: a, b, W.
fn machine(n: usize, units: usize) -> Vec<Complex64> {
    let real = |k: usize| k as f64;
    let a = |i: usize| Complex64::new(0.10 * (1.0 + real(i)).cos(), 0.05 * (2.0 + real(i)).sin());
    let b = |j: usize| Complex64::new(0.08 * (1.0 + real(j)).sin(), 0.06 * (3.0 + real(j)).cos());
    let w = |i: usize, j: usize| {
        let (i, j) = (real(i), real(j));
        Complex64::new(
            0.12 * (1.0 + i + 2.0 * j).cos(),
            0.07 * (2.0 + 3.0 * i + j).sin(),
        )
    };
    let weights = (0..n * units).map(|k| w(k / units, k % units));
    (0..n)
        .map(a)
        .chain((0..units).map(b))
        .chain(weights)
        .collect()
}

/// The d wave of the reference on 4 × 4 sites, antiperiodic along the second direction.
fn d_wave(delta: f64) -> Vec<Complex64> {
    let entry = |k: usize| {
        let (i, j) = (k / 16, k % 16);
        let r = [0, 1].map(|a| ((i >> (2 * a)) % 4) as f64 - ((j >> (2 * a)) % 4) as f64);
        let term = |m: usize| {
            let (kx, ky) = (
                TAU * (m % 4) as f64 / 4.0,
                TAU * ((m / 4) as f64 + 0.5) / 4.0,
            );
            let xi = -2.0 * (kx.cos() + ky.cos());
            let d = 2.0 * delta * (kx.cos() - ky.cos());
            d / (xi + xi.hypot(d)) * (kx * r[0] + ky * r[1]).cos()
        };
        Complex64::from((0..16).map(term).sum::<f64>() / 16.0)
    };
    (0..256).map(entry).collect()
}

fn input(lattice: &str, hamiltonian: &str, ansatz: &str) -> Case {
    Case::new(&format!(
        "lattice = {{ {lattice} }}\nhamiltonian = {{ {hamiltonian}, sector = {{ total_sz = 0 }} \
         }}\nansatz = {{ {ansatz} }}\nsampler = {{ method = 'full-sum' }}\n\
         optimize = {{ steps = 1, learning_rate = 0.1 }}\n"
    ))
}

fn tried(lattice: &Lattice, sector: i32, keys: &str) -> Result<Erased, String> {
    let basis = Basis::spin_half(lattice.sites, Some(sector.into())).unwrap();
    let context = Context {
        lattice,
        basis: &basis,
        origin: 7.into(),
        kinds: Shelf::new(ANSATZE),
        folder: std::path::Path::new("."),
        sign_rule: None,
        hamiltonian: None,
        path: "ansatz".into(),
    };
    build(&keys.parse().unwrap(), &context).map_err(|e| e.to_string())
}

fn built(lattice: &Lattice, keys: &str) -> Erased {
    tried(lattice, 0, keys).unwrap_or_else(|e| panic!("{keys}\n{e}"))
}

fn ring(n: usize) -> Lattice {
    Lattice::new(&LatticeSpec::regular("chain", &[n], &[Boundary::Periodic])).unwrap()
}

fn square(size: &[usize]) -> Lattice {
    Lattice::new(&LatticeSpec::regular("square", size, &[Boundary::Periodic])).unwrap()
}

/// All configurations of as many spins up as down.
fn configurations(n: usize) -> Vec<Vec<i8>> {
    let words = (0..1u32 << n).filter(|w| w.count_ones() as usize == n / 2);
    let row = |w: u32| {
        (0..n)
            .map(|i| if w >> i & 1 == 1 { 1 } else { -1 })
            .collect()
    };
    words.map(row).collect()
}

fn amplitudes(state: &Erased, xs: &[Vec<i8>]) -> Vec<Complex64> {
    let logs = state.log_psi(&state.batch(&xs.concat()));
    logs.into_iter().map(Complex64::exp).collect()
}

/// ⟨S²⟩ of all amplitudes.
fn total_spin(xs: &[Vec<i8>], psi: &[Complex64]) -> f64 {
    let n = xs[0].len();
    let at = |x: &Vec<i8>| psi[xs.binary_search_by_key(&bits(x), |y| bits(y)).unwrap()];
    let (mut sum, mut norm) = (0.0, 0.0);
    for (x, amplitude) in xs.iter().zip(psi) {
        let mut image = amplitude * (0.75 * n as f64);
        for (i, j) in (0..n).flat_map(|j| (0..j).map(move |i| (i, j))) {
            image += amplitude * (0.5 * f64::from(x[i] * x[j]));
            if x[i] != x[j] {
                let mut y = x.clone();
                y.swap(i, j);
                image += at(&y);
            }
        }
        sum += (amplitude.conj() * image).re;
        norm += amplitude.norm_sqr();
    }
    sum / norm
}

fn bits(x: &[i8]) -> u32 {
    x.iter().rev().fold(0, |w, &s| 2 * w + u32::from(s > 0))
}

fn up(n: usize, sites: &[i64]) -> Vec<i8> {
    (0..n)
        .map(|i| if sites.contains(&(i as i64)) { 1 } else { -1 })
        .collect()
}

fn entry(id: &str) -> toml::Table {
    let path = common::project().join("tests/reference/pairs.toml");
    let table: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let all = table["entry"].as_array().unwrap();
    let found = all.iter().find(|e| e["id"].as_str() == Some(id)).unwrap();
    found.as_table().unwrap().clone()
}

fn number(entry: &toml::Table, key: &str) -> f64 {
    entry[key].as_float().unwrap()
}

fn complex(entry: &toml::Table, key: &str) -> Complex64 {
    let parts = entry[key].as_array().unwrap();
    Complex64::new(parts[0].as_float().unwrap(), parts[1].as_float().unwrap())
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (found - expected).abs() < tolerance * (1.0 + expected.abs()),
        "{what}: {found} instead of {expected}"
    );
}

/// Holds a full sum to an entry of the reference, and returns it with the entry.
fn golden(id: &str, case: &Case, parameters: &[f64]) -> (Sum, toml::Table) {
    let (sum, entry) = (Sum::of(case, Some(parameters)), entry(id));
    let (energy, variance) = sum.energy();
    close(energy, number(&entry, "energy"), 1e-11, id);
    close(variance, number(&entry, "variance"), 1e-10, id);
    let sites = entry["config"]["up_sites"].as_array().unwrap();
    let sites: Vec<i64> = sites.iter().map(|s| s.as_integer().unwrap()).collect();
    let x = up(sum.sites, &sites);
    let local = sum.local(&x) - complex(&entry, "e_loc_config");
    assert!(local.norm() < 1e-10, "{id}: {local}");
    (sum, entry)
}

const FREE_RING: &str = "kind = 'pair', sublattice = [8]";
const FREE_SQUARE: &str = "kind = 'pair', sublattice = [4, 4]";

#[test]
fn pair_states_have_their_golden_numbers() {
    let ring_keys = "kind = 'chain', size = 8";
    let chain = "kind = 'j1j2', j2 = 0.4";
    let f = flat(given(8));
    let (sum, reference) = golden(
        "j1j2-chain-8-pbc-J2_0.4-pair",
        &input(ring_keys, chain, FREE_RING),
        &f,
    );
    assert_eq!(sum.force(&[]).0.len(), 0);
    let mut state = built(&ring(8), &FREE_RING.replace(", ", "\n"));
    state.set_parameters(&f).unwrap();
    let log = state.log_psi(&state.batch(&up(8, &[0, 2, 5, 6])))[0];
    let difference = log - complex(&reference, "log_psi_config");
    assert!(difference.norm() < 1e-12, "{log}");
    let xs = configurations(8);
    let spin = total_spin(&xs, &amplitudes(&state, &xs));
    close(spin, number(&reference, "s_squared"), 1e-11, "total spin");
    let both = format!(
        "kind = 'product', factors = [{{ {FREE_RING} }}, {{ kind = 'rbm', density = 0.5 }}]"
    );
    let parameters = [f, flat(machine(8, 4))].concat();
    let id = "j1j2-chain-8-pbc-J2_0.4-pair-rbm";
    let (sum, reference) = golden(id, &input(ring_keys, chain, &both), &parameters);
    let (force, trace) = sum.force(&[3, 64 + 8 + 4 + 4 + 2]);
    for (force, key) in force.into_iter().zip(["F[f_03]", "F[W_12]"]) {
        let difference = force - complex(&reference, key);
        assert!(difference.norm() < 1e-11, "{key}: {force}");
    }
    close(trace, number(&reference, "metric_trace"), 1e-11, "Tr S");
}

#[test]
fn pair_states_on_the_square_have_their_golden_numbers() {
    let lattice = "kind = 'square', size = [4, 4]";
    let half = "kind = 'j1j2', j2 = 0.5";
    let both = |units: &str| {
        format!(
            "kind = 'product', factors = [{{ {FREE_SQUARE} }}, {{ kind = 'rbm', density = \
             {units} }}]"
        )
    };
    let id = |rest: &str| format!("j1j2-square-4x4-pbc-J2_0.5-{rest}");
    let f = flat(given(16));
    golden(&id("pair"), &input(lattice, half, FREE_SQUARE), &f);
    let parameters = [f, flat(machine(16, 8))].concat();
    golden(
        &id("pair-rbm"),
        &input(lattice, half, &both("0.5")),
        &parameters,
    );
    for (delta, name) in [(0.3, "dwave0.3-pair"), (1.0, "dwave1.0-pair")] {
        let case = input(lattice, half, FREE_SQUARE);
        let (sum, reference) = golden(&id(name), &case, &flat(d_wave(delta)));
        let seen = sum.ensemble.weights().iter().filter(|w| **w > 0.0).count();
        let zeros = reference["zero_amplitudes"].as_integer().unwrap();
        assert_eq!(seen as i64, 12870 - zeros);
    }
    let parameters = [flat(d_wave(1.0)), flat(machine(16, 4))].concat();
    let case = input(lattice, half, &both("0.25"));
    golden(&id("dwave1.0-pair-rbm"), &case, &parameters);
    let case = input(lattice, "kind = 'heisenberg'", FREE_SQUARE);
    golden(
        "heisenberg-square-4x4-pbc-dwave0.5-pair",
        &case,
        &flat(d_wave(0.5)),
    );
}

/// Pf A by expansion along the first row.
fn pfaffian(a: &dyn Fn(usize, usize) -> Complex64, left: &[usize]) -> Complex64 {
    let Some((&first, rest)) = left.split_first() else {
        return Complex64::ONE;
    };
    let term = |(k, &j): (usize, &usize)| {
        let others: Vec<usize> = rest.iter().copied().filter(|&i| i != j).collect();
        let sign = if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        sign * a(first, j) * pfaffian(a, &others)
    };
    rest.iter().enumerate().map(term).sum()
}

#[test]
fn amplitudes_are_pfaffians_in_the_order_of_the_sites() {
    for (n, keys) in [
        (6, "kind = 'pair'\nsublattice = [6]"),
        (8, "kind = 'pair'\nsublattice = [2]\nantiperiodic = [true]"),
    ] {
        let mut state = built(&ring(n), keys);
        let tied = n == 8;
        let f = given(n);
        let classes = if tied { &f[..2 * n] } else { &f[..] };
        state
            .set_parameters(&flat(classes.iter().copied()))
            .unwrap();
        // f_ij = ± θ[i mod 2, j − i + i mod 2], a minus for each time around.
        let table = |i: usize, j: usize| {
            if !tied {
                return f[i * n + j];
            }
            let to = (j + i % 2) as i64 - i as i64;
            let sign = if to < 0 || to >= n as i64 { -1.0 } else { 1.0 };
            f[i % 2 * n + to.rem_euclid(n as i64) as usize] * sign
        };
        let xs = configurations(n);
        let all: Vec<usize> = (0..n).collect();
        for (x, psi) in xs.iter().zip(amplitudes(&state, &xs)) {
            let entry = |i: usize, j: usize| match (x[i] > 0, x[j] > 0) {
                (true, false) => table(i, j),
                (false, true) => -table(j, i),
                _ => Complex64::ZERO,
            };
            let expected = pfaffian(&entry, &all);
            assert!((psi - expected).norm() < 1e-11, "{x:?}: {psi}, {expected}");
        }
    }
}

#[test]
fn a_projected_sea_is_the_ground_state_of_the_inverse_square() {
    for n in [6, 10] {
        let reference = entry(&format!("projected-fermi-sea-n{n}"));
        let ansatz = "kind = 'pair', start = 'free', init = 0.0, parameters = 'real'";
        let lattice = format!("kind = 'chain', size = {n}");
        let case = input(&lattice, "kind = 'bonds', file = 'bonds.csv'", ansatz);
        let text = std::fs::read_to_string(case.path("x.toml")).unwrap();
        let text = text.replace("file = 'bonds.csv'", "bonds = 'bonds.csv', units = 'spin'");
        std::fs::write(case.path("x.toml"), text).unwrap();
        let mut bonds = String::from("i,j,Jx,Jy,Jz\n");
        for (i, j) in (0..n).flat_map(|j| (0..j).map(move |i| (i, j))) {
            let sine = (PI * (j - i) as f64 / n as f64).sin();
            let coupling = (PI / n as f64 / sine).powi(2);
            bonds += &format!("{i},{j},{coupling:?},{coupling:?},{coupling:?}\n");
        }
        std::fs::write(case.path("bonds.csv"), bonds).unwrap();
        let (energy, variance) = Sum::of(&case, None).energy();
        close(
            energy,
            number(&reference, "haldane_shastry_energy"),
            1e-12,
            "energy",
        );
        assert!(variance < 1e-20, "{variance}");
        let case = input(&lattice, "kind = 'heisenberg'", ansatz);
        let (energy, variance) = Sum::of(&case, None).energy();
        close(
            energy,
            number(&reference, "heisenberg_energy"),
            1e-12,
            "energy",
        );
        close(
            variance,
            number(&reference, "heisenberg_variance"),
            1e-12,
            "variance",
        );
    }
}

#[test]
fn the_paired_start_is_the_d_wave_up_to_its_norm() {
    let keys = "kind = 'pair'\nstart = 'bcs'\ninit = 0.0\nsublattice = [4, 4]\ndelta = 0.3";
    let state = built(&square(&[4, 4]), keys);
    let f = d_wave(0.3);
    let largest = f.iter().map(|z| z.norm()).fold(0.0, f64::max);
    for (found, expected) in state.parameters().iter().zip(flat(f)) {
        assert!((found - expected / largest).abs() < 1e-14);
    }
    // Ties keep it, and a singlet it is.
    let tied = built(&square(&[4, 4]), &keys.replace("[4, 4]", "[1, 1]"));
    let xs = configurations(16);
    let xs = &xs[..400];
    for (a, b) in amplitudes(&state, xs).iter().zip(amplitudes(&tied, xs)) {
        assert!((a - b).norm() < 1e-10 * (1.0 + a.norm()));
    }
}

/// The amplitudes of given pairs on a ring, with quantum numbers.
fn projected(n: usize, numbers: &str, xs: &[Vec<i8>]) -> Vec<Complex64> {
    let of = format!("kind = 'pair', sublattice = [{n}]");
    let keys = format!("kind = 'symmetrised'\nof = {{ {of} }}\n{numbers}");
    let mut state = built(&ring(n), &keys);
    state.set_parameters(&flat(given(n))).unwrap();
    amplitudes(&state, xs)
}

#[test]
fn projections_on_total_spins_are_eigenstates_that_add_up() {
    for n in [4, 6] {
        let xs = configurations(n);
        let mut sum = vec![Complex64::ZERO; xs.len()];
        let mut parts = Vec::new();
        for spin in 0..=n / 2 {
            let psi = projected(n, &format!("total_spin = {spin}"), &xs);
            close(
                total_spin(&xs, &psi),
                (spin * (spin + 1)) as f64,
                1e-9,
                "S(S + 1)",
            );
            sum.iter_mut().zip(&psi).for_each(|(s, z)| *s += z);
            parts.push(psi);
        }
        let mut whole = built(&ring(n), &format!("kind = 'pair'\nsublattice = [{n}]"));
        whole.set_parameters(&flat(given(n))).unwrap();
        let whole = amplitudes(&whole, &xs);
        let size = whole.iter().map(|z| z.norm()).fold(0.0, f64::max);
        for (sum, whole) in sum.iter().zip(&whole) {
            assert!((sum - whole).norm() < 1e-10 * size, "{sum}, {whole}");
        }
        // Twice the even, and twice the odd ones.
        for (parity, first) in [(1, 0), (-1, 1)] {
            let psi = projected(n, &format!("spin_parity = {parity}"), &xs);
            for (k, psi) in psi.iter().enumerate() {
                let expected: Complex64 = parts.iter().skip(first).step_by(2).map(|p| p[k]).sum();
                assert!((psi - 2.0 * expected).norm() < 1e-10 * size, "{psi}");
            }
        }
        // More points change nothing, with a momentum beside it either.
        let numbers = "momentum = [1]\ntotal_spin = ";
        let few = projected(n, &format!("{numbers} 1"), &xs);
        let many = projected(n, &format!("{numbers} {{ s = 1, points = 9 }}"), &xs);
        for (a, b) in few.iter().zip(&many) {
            assert!((a - b).norm() < 1e-10 * size);
        }
        close(total_spin(&xs, &few), 2.0, 1e-9, "S(S + 1) at a momentum");
    }
}

#[test]
fn walkers_on_eight_sites_obey_the_laws() {
    let basis = Basis::spin_half(8, Some(0)).unwrap();
    // Images of real numbers can cancel, and rounding errors of sums with them.
    let of = |numbers: &str| format!("kind = 'pair', sublattice = [4], parameters = '{numbers}'");
    let (real, complex) = (of("real"), of("complex"));
    for keys in [
        real.replace(", ", "\n"),
        format!("kind = 'symmetrised'\nof = {{ {real} }}\ntotal_spin = 0"),
        format!("kind = 'symmetrised'\nof = {{ {complex} }}\ntotal_spin = 1\nmomentum = [2]"),
        format!(
            "kind = 'product'\nfactors = [{{ kind = 'symmetrised', of = {{ {complex} }}, \
             spin_parity = 1 }}, {{ kind = 'rbm', density = 1 }}]"
        ),
    ] {
        let mut state = built(&ring(8), &keys);
        laws(&mut state, &basis, 5).unwrap_or_else(|e| panic!("{keys}\n{e}"));
    }
}

#[test]
fn singular_configurations_obey_ratios_and_leave_no_numbers_that_are_not_finite() {
    // d waves vanish on thousands of configurations; walkers may stand on them.
    let mut state = built(&square(&[4, 4]), "kind = 'pair'\nsublattice = [4, 4]");
    state.set_parameters(&flat(d_wave(1.0))).unwrap();
    let xs: Vec<_> = configurations(16).into_iter().step_by(97).collect();
    let batch = state.batch(&xs.concat());
    let logs = state.log_psi(&batch);
    let zeros = logs
        .iter()
        .filter(|log| log.re == f64::NEG_INFINITY)
        .count();
    assert!(zeros > 10 && zeros < xs.len());
    let mut asks = nishina::basis::Asks::default();
    let mut targets = Vec::new();
    for (k, x) in xs.iter().enumerate() {
        for (i, j) in (0..16).flat_map(|j| (0..j).map(move |i| (i, j))) {
            if x[i] != x[j] {
                asks.flip(k, x, &[i as u32, j as u32]);
                let mut y = x.clone();
                y.swap(i, j);
                targets.push(y);
            }
        }
    }
    let mut ratios = vec![Complex64::ZERO; asks.len()];
    state.ratios(&batch, &asks, &mut Default::default(), &mut ratios);
    let after = state.log_psi(&state.batch(&targets.concat()));
    for (((k, _), ratio), after) in asks.iter().zip(&ratios).zip(&after) {
        let before = logs[k];
        match (
            before.re == f64::NEG_INFINITY,
            after.re == f64::NEG_INFINITY,
        ) {
            (_, true) => assert_eq!(*ratio, Complex64::ZERO),
            (true, false) => assert_eq!(ratio.re, f64::INFINITY),
            (false, false) => {
                let expected = (after - before).exp();
                assert!((ratio - expected).norm() < 1e-8 * (1.0 + expected.norm()));
            }
        }
    }
    assert!(state.derivatives(&batch).is_finite());
}

#[test]
fn what_a_pair_state_cannot_be_is_refused_with_its_key() {
    let (ring, square) = (ring(8), square(&[4, 4]));
    let symmetrised = |rest: &str| format!("kind = 'symmetrised'\n{rest}");
    for (lattice, sector, keys, words) in [
        (&ring, 2, "kind = 'pair'".to_string(), "ansatz.kind"),
        (
            &ring,
            0,
            "kind = 'pair'\nsublattice = [3]".into(),
            "ansatz.sublattice",
        ),
        (
            &ring,
            0,
            "kind = 'pair'\nsublattice = [2, 2]".into(),
            "ansatz.sublattice",
        ),
        (
            &ring,
            0,
            "kind = 'pair'\nstart = 'bcs'".into(),
            "ansatz.start: a lattice of the kind \"chain\" has no d wave",
        ),
        (
            &ring,
            0,
            "kind = 'pair'\nstart = 'free'\nantiperiodic = [false]".into(),
            "filled in part",
        ),
        (
            &square,
            0,
            "kind = 'pair'\nstart = 'bcs'\nantiperiodic = [false, false]".into(),
            "ansatz.start",
        ),
        (
            &ring,
            0,
            "kind = 'pair'\ndelta = 0.0".into(),
            "ansatz.delta",
        ),
        (
            &ring,
            0,
            symmetrised("of = { kind = 'rbm' }\ntotal_spin = 0"),
            "ansatz.total_spin",
        ),
        (
            &ring,
            0,
            symmetrised("of = { kind = 'pair' }\ntotal_spin = 5"),
            "ansatz.total_spin",
        ),
        (
            &ring,
            0,
            symmetrised("of = { kind = 'pair' }\ntotal_spin = 0\nspin_parity = 1"),
            "ansatz.total_spin",
        ),
        (
            &ring,
            2,
            symmetrised("of = { kind = 'rbm' }\nspin_parity = 1"),
            "ansatz.spin_parity",
        ),
    ] {
        let said = tried(lattice, sector, &keys).map(drop).unwrap_err();
        assert!(said.contains(words), "{keys}\n{said}");
    }
}

#[test]
fn a_spin_is_projected_on_only_where_the_hamiltonian_conserves_it() {
    let checked = |model: &str, part: &str| {
        let case = common::Case::new(&format!(
            "[lattice]\nkind = 'chain'\nsize = 6\n[hamiltonian]\n{model}\n\
             sector = {{ total_sz = 0 }}\n[ansatz]\nkind = 'symmetrised'\n{part}\n\
             [measure]\nsamples = 64\n"
        ));
        let out = case.alone(&["check", "x.toml", "--quick"]);
        (out.status.code(), common::text(&out))
    };
    let parts = [
        "total_spin = 0\nof = { kind = 'pair' }",
        "spin_parity = 1\nof = { kind = 'rbm', density = 1 }",
    ];
    for (part, key) in parts
        .iter()
        .zip(["ansatz.total_spin", "ansatz.spin_parity"])
    {
        let (code, said) = checked("kind = 'xxz'\ndelta = 0.5", part);
        assert!(
            code == Some(64) && said.contains(key) && said.contains("[H, S+]"),
            "{said}"
        );
        assert!(said.contains("use spin_flip"), "{said}");
        let (code, said) = checked("kind = 'heisenberg'", part);
        assert_eq!(code, Some(0), "{said}");
        // Pairs have the signs of the ground state: no hint to put them in front once more.
        let hinted = said.contains("sign_rule = \"marshall\"");
        assert_eq!(hinted, part.contains("rbm"), "{said}");
    }
}
