//! The physics without the section: layers, gradients, strings.

use crate::reference::reference;
use nishina::holography::bulk::{Bulk, Entrance, Horizon, Stepper};
use nishina::holography::data::Examples;
use nishina::holography::layers::Layers;
use nishina::holography::potential::{Hanging, Learned, Warp, hang, screening_separation, walls};
use nishina::holography::training::{Judgement, Pace, Penalty, Trainer};
use toml::{Table, Value};

pub fn real(table: &Table, key: &str) -> f64 {
    let value = &table[key];
    value
        .as_float()
        .unwrap_or_else(|| value.as_integer().unwrap() as f64)
}

pub fn reals(table: &Table, key: &str) -> Vec<f64> {
    let list = table[key].as_array().unwrap().iter();
    list.map(|v| {
        v.as_float()
            .unwrap_or_else(|| v.as_integer().unwrap() as f64)
    })
    .collect()
}

/// Given and expected numbers of an entry.
pub fn entry(id: &str) -> (Table, Table) {
    let all: Table = reference("holography.toml").parse().unwrap();
    let list = all["entry"].as_array().unwrap().clone();
    let found = list.into_iter().find(|e| e["id"].as_str() == Some(id));
    let Value::Table(found) = found.unwrap() else {
        panic!("{id} is no table")
    };
    let part = |name: &str| found[name].as_table().unwrap().clone();
    (part("given"), part("values"))
}

pub fn near(found: f64, wanted: f64, tolerance: f64, what: &str) {
    let scale = wanted.abs().max(1.0);
    assert!(
        (found - wanted).abs() <= tolerance * scale,
        "{what}: {found}, wanted {wanted}"
    );
}

fn all_near(found: &[f64], wanted: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (k, (f, w)) in found.iter().zip(wanted).enumerate() {
        near(*f, *w, tolerance, &format!("{what}[{k}]"));
    }
}

fn bulk(given: &Table) -> Bulk {
    let entrance = match given.contains_key("mass") {
        true => Entrance::Condensate,
        false => Entrance::Field,
    };
    Bulk {
        dimension: real(given, "dimension") as usize,
        layers: real(given, "layers") as usize,
        eta_boundary: real(given, "eta_boundary"),
        eta_horizon: real(given, "eta_horizon"),
        mass_squared: real(given, "mass_squared"),
        horizon: Horizon::Pi,
        band: real(given, "band"),
        steepness: real(given, "steepness"),
        scheme: Stepper::Euler,
        knots: None,
        entrance,
    }
}

fn examples(given: &Table) -> Examples {
    let [first, second] = match given.contains_key("mass") {
        true => ["mass", "condensate"],
        false => ["phi", "pi"],
    };
    let both = reals(given, first).into_iter().zip(reals(given, second));
    Examples {
        x: both.map(|(a, b)| [a, b]).collect(),
        negative: reals(given, "label").iter().map(|l| *l == 1.0).collect(),
    }
}

/// Trains everything, with the penalties of an entry.
fn trainer(bulk: Bulk, given: &Table) -> Trainer {
    let layers = bulk.layers;
    let (c, p) = (real(given, "smoothness"), real(given, "boundary_pull"));
    let penalty = Penalty::new(&bulk, c, p, layers);
    let pace = Pace {
        trained: [true; 3],
        batch: 10,
        learning_rate: 1e-3,
    };
    Trainer::new(Layers::new(bulk), penalty, pace)
}

fn theta(given: &Table) -> Vec<f64> {
    let mut all = reals(given, "h");
    all.push(real(given, "coupling"));
    all.push(given.get("radius").map_or(1.0, |r| r.as_float().unwrap()));
    all
}

#[test]
fn losses_and_gradients_are_those_of_the_reference() {
    for id in ["holography-synthetic-pi-20", "holography-condensate-20"] {
        let (given, values) = entry(id);
        let mut trainer = trainer(bulk(&given), &given);
        let Judgement {
            loss,
            mean_error,
            misclassified,
            gradient,
            f,
            y,
            ..
        } = trainer.judge(&theta(&given), &examples(&given));
        near(loss, real(&values, "loss"), 1e-10, id);
        near(mean_error, real(&values, "mean_error"), 1e-10, id);
        assert_eq!(misclassified, real(&values, "misclassified") as usize);
        all_near(&f, &reals(&values, "F"), 1e-10, "F");
        all_near(&y, &reals(&values, "output"), 1e-10, "y");
        let h = reals(&values, "gradient_h");
        all_near(&gradient[..h.len()], &h, 1e-10, "gradient");
        let coupling = real(&values, "gradient_coupling");
        near(gradient[h.len()], coupling, 1e-10, "coupling");
        if values.contains_key("gradient_radius") {
            let radius = real(&values, "gradient_radius");
            near(gradient[h.len() + 1], radius, 1e-10, "radius");
        }
    }
}

/// Variants of a space: dimensions, steps, knots, conditions at the horizon.
fn variants(given: &Table) -> Vec<Bulk> {
    let base = Bulk {
        steepness: 8.0,
        ..bulk(given)
    };
    let spline = |scheme, knots| Bulk {
        scheme,
        knots: Some(knots),
        ..base.clone()
    };
    let regular = Bulk {
        horizon: Horizon::Regular,
        ..base.clone()
    };
    let other = |dimension, mass_squared| Bulk {
        dimension,
        mass_squared,
        ..base.clone()
    };
    vec![
        regular.clone(),
        spline(Stepper::Euler, 5),
        spline(Stepper::Rk4, 6),
        Bulk {
            scheme: Stepper::Rk4,
            knots: Some(4),
            ..regular
        },
        other(3, -2.0),
        other(5, -4.0),
        base,
    ]
}

#[test]
fn gradients_are_finite_differences_for_every_trained_number() {
    for id in ["holography-synthetic-pi-20", "holography-condensate-20"] {
        let (given, _) = entry(id);
        let points = examples(&given);
        for bulk in variants(&given) {
            let name = format!("{id} {bulk:?}");
            let count = bulk.positions().len();
            let mut trainer = trainer(bulk, &given);
            let wave = |k: usize| 2.0 + (1.3 * k as f64).sin();
            let mut theta: Vec<f64> = (0..count).map(wave).collect();
            theta.extend([0.3, 2.9]);
            let gradient = trainer.judge(&theta, &points).gradient;
            assert!(gradient.iter().any(|g| g.abs() > 1e-4), "{name}");
            for k in 0..theta.len() {
                let mut at = |by: f64| {
                    let mut moved = theta.clone();
                    moved[k] += by;
                    trainer.judge(&moved, &points).loss
                };
                let step = 1e-3;
                let near_by = (at(step) - at(-step)) / (2.0 * step);
                let far = (at(2.0 * step) - at(-2.0 * step)) / (4.0 * step);
                let slope = (4.0 * near_by - far) / 3.0;
                near(gradient[k], slope, 2e-7, &format!("{name} {k}"));
            }
        }
    }
}

#[test]
fn steps_of_euler_approach_the_equation_at_first_order() {
    let (given, _) = entry("holography-synthetic-pi-20");
    let points = examples(&given);
    let end = |scheme, layers| {
        let bulk = Bulk {
            scheme,
            layers,
            ..bulk(&given)
        };
        let layers = Layers::new(bulk);
        let (mut chunk, mut sums) = (layers.chunk(), layers.sums());
        chunk.fill(points.iter());
        layers.pass(&layers.black_hole(1.0), &mut chunk, &mut sums, false);
        chunk.answers().map(|(f, _)| f).collect::<Vec<_>>()
    };
    let exact = end(Stepper::Rk4, 800);
    let error = |found: Vec<f64>| {
        let differences = found.iter().zip(&exact).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f64::max)
    };
    let (coarse, fine) = (
        error(end(Stepper::Euler, 400)),
        error(end(Stepper::Euler, 800)),
    );
    assert!((coarse / fine - 2.0).abs() < 0.05, "{coarse} {fine}");
    let (coarse, fine) = (error(end(Stepper::Rk4, 20)), error(end(Stepper::Rk4, 40)));
    assert!(
        (coarse / fine).log2() > 3.5 && fine < 1e-4,
        "{coarse} {fine}"
    );
}

#[test]
fn lost_trajectories_count_as_wrong_and_give_no_gradient() {
    let (given, _) = entry("holography-synthetic-pi-20");
    for (horizon, scheme) in [
        (Horizon::Pi, Stepper::Euler),
        (Horizon::Regular, Stepper::Euler),
        (Horizon::Pi, Stepper::Rk4),
        (Horizon::Regular, Stepper::Rk4),
    ] {
        let bulk = Bulk {
            horizon,
            scheme,
            knots: (scheme == Stepper::Rk4).then_some(10),
            ..bulk(&given)
        };
        let mut theta = theta(&given);
        theta[0] = 1e4;
        theta[9] = -1e5;
        let points = examples(&given);
        let judged = trainer(bulk, &given).judge(&theta, &points);
        assert!(judged.saturated >= 18, "{}", judged.saturated);
        assert!(judged.gradient.iter().all(|g| g.is_finite()));
        assert!(judged.f.iter().all(|f| f.abs() <= 1e6));
        near(judged.mean_error, 0.5, 0.06, "half of the labels are wrong");
    }
}

/// ds² of AdS₅ or of its black hole, in closed form.
struct Known {
    black: bool,
}

impl Warp for Known {
    fn ln_f(&self, eta: f64) -> f64 {
        match self.black {
            true => 2.0 * (2.0 * eta).sinh().ln() - (2.0 * eta).cosh().ln(),
            false => 2.0 * eta,
        }
    }
    fn ln_g(&self, eta: f64) -> f64 {
        match self.black {
            true => (2.0 * eta).cosh().ln(),
            false => 2.0 * eta,
        }
    }
    fn rise(&self, from: f64, by: f64) -> f64 {
        match self.black {
            // sinh b/sinh a − 1 = 2 cosh((a + b)/2) sinh((b − a)/2)/sinh a
            true => {
                let (a, x) = (2.0 * from, 2.0 * by);
                let more = 2.0 * (a + 0.5 * x).cosh() * (0.5 * x).sinh() / a.sinh();
                2.0 * more.ln_1p()
            }
            false => 4.0 * by,
        }
    }
    fn slope(&self, eta: f64) -> f64 {
        match self.black {
            true => 4.0 / (2.0 * eta).tanh(),
            false => 4.0,
        }
    }
    fn breaks(&self) -> &[f64] {
        &[]
    }
    fn floor(&self) -> f64 {
        if self.black { 1e-14 } else { -40.0 }
    }
}

#[test]
fn strings_in_known_spaces_weigh_what_they_should() {
    for eta in [-1.0, 0.0, 0.7, 2.0] {
        let Hanging { separation, energy } = hang(&Known { black: false }, eta).unwrap();
        let quarter: f64 = 3.625_609_908_221_908;
        let pi = std::f64::consts::PI;
        // Γ(3/4) = π √2/Γ(1/4)
        let wanted = 2.0 * pi.sqrt() * pi * 2f64.sqrt() / quarter.powi(2) * (-eta).exp();
        near(separation, wanted, 1e-10, "separation");
        near(
            energy * separation,
            -8.0 * pi.powi(3) / quarter.powi(4),
            1e-10,
            "energy",
        );
    }
    for [eta, d, v] in [
        [0.1, 0.50783, 0.04075],
        [0.2, 0.72693, 0.10499],
        [0.3, 0.83217, 0.15830],
        [0.4, 0.86782, 0.18424],
        [0.5, 0.85985, 0.17525],
        [0.7, 0.77719, 0.04616],
        [1.0, 0.60866, -0.40695],
    ] {
        let string = hang(&Known { black: true }, eta).unwrap();
        near(string.separation, d, 6e-6, "separation");
        near(string.energy, v, 6e-6, "energy");
    }
    assert!(walls(&Known { black: true }).is_empty());
}

#[test]
fn the_split_of_a_black_hole_is_the_black_hole() {
    // f, g → e^{2η} are twice those of the closed form; the string ends at the last position.
    let eta: Vec<f64> = (0..=900)
        .map(|k| 3.0 - 2.95 * f64::from(k) / 900.0)
        .collect();
    let h: Vec<f64> = eta.iter().map(|eta| 4.0 / (4.0 * eta).tanh()).collect();
    let learned = Learned::new(4, &eta, &h);
    let known = Known { black: true };
    for at in [0.1, 0.5, 1.0, 2.9, 3.5] {
        near(learned.ln_f(at), known.ln_f(at) + 2f64.ln(), 1e-5, "f");
        near(learned.ln_g(at), known.ln_g(at) + 2f64.ln(), 1e-5, "g");
        near(learned.rise(at, 0.3), known.rise(at, 0.3), 1e-5, "rise");
        near(learned.slope(at), known.slope(at), 1e-4, "slope");
    }
    let (found, wanted) = (hang(&learned, 0.4).unwrap(), hang(&known, 0.4).unwrap());
    near(
        found.separation * 2f64.sqrt(),
        wanted.separation,
        1e-5,
        "separation",
    );
    let missing = 2.0 * 0.05f64.powi(2);
    near(
        found.energy / 2f64.sqrt(),
        wanted.energy + missing,
        1e-4,
        "energy",
    );
    assert!(walls(&learned).is_empty());
}

#[test]
fn dimensions_three_and_five_keep_their_black_holes_without_walls() {
    for d in [3, 5] {
        let eta: Vec<f64> = (0..=300)
            .map(|k| 2.0 - 1.9 * f64::from(k) / 300.0)
            .collect();
        let n = f64::from(d);
        let h: Vec<f64> = eta.iter().map(|eta| n / (n * eta).tanh()).collect();
        let learned = Learned::new(d as usize, &eta, &h);
        assert!(walls(&learned).is_empty());
        // f g^{d−1} = sinh²(d η) up to a factor.
        let volume = |at: f64| 0.5 * (learned.ln_f(at) + (n - 1.0) * learned.ln_g(at));
        let exact = |at: f64| (n * at).sinh().ln();
        near(
            volume(1.0) - volume(0.3),
            exact(1.0) - exact(0.3),
            1e-6,
            "volume",
        );
        let step = 1e-5;
        let slope = (learned.rise(0.5 - step, 2.0 * step)) / (2.0 * step);
        near(learned.slope(0.5), slope, 1e-7, "slope");
        assert!(screening_separation(&learned).unwrap() > 0.1);
    }
}

#[test]
fn strings_in_learned_metrics_are_those_of_the_reference() {
    for id in ["potential-dip-visible", "potential-published-metric"] {
        let (given, values) = entry(id);
        let space = Bulk {
            layers: 15,
            eta_boundary: real(&given, "eta_boundary"),
            eta_horizon: real(&given, "eta_horizon"),
            ..bulk(&entry("holography-condensate-20").0)
        };
        let learned = Learned::new(4, &space.positions(), &reals(&given, "h"));
        let found = walls(&learned);
        all_near(&found, &reals(&values, "walls"), 1e-9, "walls");
        let tension: Vec<f64> = found.iter().map(|w| learned.tension(*w)).collect();
        all_near(&tension, &reals(&values, "sqrt_fg"), 1e-9, "tension");
        let strings = reals(&given, "turning_points");
        let strings: Vec<Hanging> = strings
            .iter()
            .map(|eta| hang(&learned, *eta).unwrap())
            .collect();
        let separation: Vec<f64> = strings.iter().map(|s| s.separation).collect();
        let energy: Vec<f64> = strings.iter().map(|s| s.energy).collect();
        all_near(
            &separation,
            &reals(&values, "separation"),
            1e-8,
            "separation",
        );
        all_near(&energy, &reals(&values, "energy"), 1e-8, "energy");
        assert!(hang(&learned, found[0] - 0.01).is_none());
        // Along the wall the slope of V is the tension.
        let [far, farther] = [1e-5, 1e-6].map(|by| hang(&learned, found[0] + by).unwrap());
        let slope = (farther.energy - far.energy) / (farther.separation - far.separation);
        near(slope, tension[0], 1e-5, "slope");
    }
    let (given, _) = entry("potential-published-metric");
    let space = bulk(&entry("holography-condensate-20").0);
    let learned = Learned::new(4, &space.positions(), &reals(&given, "h"));
    near(
        screening_separation(&learned).unwrap(),
        0.607,
        6e-4,
        "screening",
    );
}
