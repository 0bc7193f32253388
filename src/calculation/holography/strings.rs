//! Decides `[holography.potential]`: whose metric strings hang in, and what is written of them.

use super::keys::{MetricSource, PotentialInput};
use super::outcome::{Findings, mean_and_spread};
use crate::holography::bulk::Bulk;
use crate::holography::potential::{
    Hanging, Learned, Warp, hang, screening_separation, turning_points, walls,
};
use crate::io::tree::{Tree, Value, shaped};

/// Strings, where the input gives no depths.
const COUNT: usize = 40;

/// What strings say of a space.
#[derive(Debug, Clone, Default)]
pub(super) struct Strings {
    depths: Vec<f64>,
    hanging: Vec<Hanging>,
    /// Depths from which no string comes to the boundary.
    refused: Vec<f64>,
    pub walls: Vec<f64>,
    pub tension: Vec<f64>,
    pub screening: Option<f64>,
    /// Number of walls of each seed, and the tension of the outermost.
    of_seeds: Vec<(usize, f64)>,
}

/// The tension of the outermost wall of a space, with the number of walls.
fn outermost(space: &Learned) -> (usize, f64) {
    let walls = walls(space);
    let tension = walls.last().map_or(0.0, |wall| space.tension(*wall));
    (walls.len(), tension)
}

impl Strings {
    /// In the space that the keys name; `None` where no seed is successful.
    pub fn new(
        keys: &PotentialInput,
        bulk: &Bulk,
        found: &Findings,
        loaded: Option<&Vec<f64>>,
    ) -> Option<Self> {
        let (eta, group) = (bulk.positions(), &found.asked);
        let space = |theta: &[f64]| Learned::new(bulk.dimension, &eta, &theta[..eta.len()]);
        let theta = match keys.from {
            MetricSource::Mean => mean_and_spread(&group.successful())?.0,
            MetricSource::Best => group.thetas[group.best()].clone(),
            MetricSource::File => loaded?.clone(),
        };
        let learned = space(&theta);
        let mut strings = Strings {
            walls: walls(&learned),
            screening: screening_separation(&learned),
            of_seeds: group.thetas.iter().map(|t| outermost(&space(t))).collect(),
            ..Strings::default()
        };
        strings.tension = strings.walls.iter().map(|w| learned.tension(*w)).collect();
        let asked = keys.turning_points.clone();
        for eta in asked.unwrap_or_else(|| turning_points(&learned, COUNT)) {
            match hang(&learned, eta) {
                Some(string) => {
                    strings.depths.push(eta);
                    strings.hanging.push(string);
                }
                None => strings.refused.push(eta),
            }
        }
        Some(strings)
    }

    /// What the log says.
    pub fn words(&self) -> Vec<String> {
        let wall = match (self.walls.last(), self.tension.last()) {
            (Some(wall), Some(tension)) => {
                format!("wall at eta = {wall:.6}, tension {tension:.6}: V is linear")
            }
            _ => "no wall: V has no linear part".into(),
        };
        let screened = self
            .screening
            .map(|d| format!("screened beyond d = {d:.6}"));
        std::iter::once(wall).chain(screened).collect()
    }

    /// A warning about depths without a string.
    pub fn warning(&self) -> Option<String> {
        let first = self.refused.first()?;
        Some(format!(
            "from {} of the turning points, such as {first:.6}, no string comes to the boundary: \
             they lie inside a wall; give larger holography.potential.turning_points",
            self.refused.len()
        ))
    }

    /// Writes everything below `holography/potential`.
    pub fn record(&self, out: &mut Tree) {
        let mut real = |name: &str, shape: &[usize], values: Vec<f64>, unit: &str, note: &str| {
            let path = format!("holography/potential/{name}");
            out.describe(&path, Value::Real(shaped(shape, values)), unit, note);
        };
        let (n, walls, seeds) = (self.depths.len(), self.walls.len(), self.of_seeds.len());
        let column = |of: fn(&Hanging) -> f64| self.hanging.iter().map(of).collect::<Vec<_>>();
        let depths = self.depths.clone();
        real(
            "turning_point",
            &[n],
            depths,
            "L",
            "depth at which the string turns",
        );
        let separation = column(|s| s.separation);
        real(
            "separation",
            &[n],
            separation,
            "L",
            "of the ends of the string at the boundary",
        );
        let meaning = "2 pi alpha' V of the string; two straight strings have 0";
        real("energy", &[n], column(|s| s.energy), "1/L", meaning);
        let meaning = "local minima of f g, from the inside outward";
        real("walls", &[walls], self.walls.clone(), "L", meaning);
        let meaning = "2 pi alpha' times the slope of V at the wall, sqrt(f g)";
        real("tension", &[walls], self.tension.clone(), "1/L^2", meaning);
        if let Some(separation) = self.screening {
            let meaning = "beyond it two straight strings are lighter";
            real("screening_separation", &[], vec![separation], "L", meaning);
        }
        let tension = self.of_seeds.iter().map(|s| s.1).collect();
        let meaning = "of the outermost wall of each seed; 0 without a wall";
        real("tension_of_seeds", &[seeds], tension, "1/L^2", meaning);
        let counts = self.of_seeds.iter().map(|s| s.0 as i64).collect();
        let value = Value::Integer(shaped(&[seeds], counts));
        let path = "holography/potential/walls_of_seeds";
        out.describe(path, value, "1", "walls of the metric of each seed");
    }
}
