//! Decides which points of the boundary the network is shown, and what their labels are.
//!
//! Synthetic: φ and π uniform, label 0 where the exact black hole ends with |F| below the band.
//! Condensate: a mass and a condensate uniform, label 0 where the condensate is nearer to a cubic
//! curve through a table than |N(0, width²)|, drawn afresh for each point (K. Hashimoto et al.,
//! Phys. Rev. D 98, 106014 (2018); the table of lattice QCD at 207 MeV is the one used there).

use super::layers::{CHUNK, Layers};
use crate::error::{Error, Result};
use crate::rng::{Distribution, Generator, RngExt, StandardNormal};

/// Quark mass in GeV and chiral condensate in GeV³.
pub const TABLE: [[f64; 2]; 6] = [
    [0.000673563, 0.006323923],
    [0.001347125, 0.0115084],
    [0.00269425, 0.021364605],
    [0.0053885, 0.037943538],
    [0.010777, 0.067569123],
    [0.021554, 0.1029489086],
];
/// Ends of φ and π.
const FIELDS: [[f64; 2]; 2] = [[0.0, 1.5], [-0.2, 0.2]];
/// Ends of mass and condensate for [`TABLE`].
const ENDS: [f64; 2] = [0.022, 0.11];
/// Ends of mass and condensate of another table, in units of its largest.
const ROOM: [f64; 2] = [1.02, 1.07];
/// Draws for each point that is wanted, at most.
const PATIENCE: usize = 20_000;

/// Points of the boundary with labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examples {
    /// The two numbers of each point: φ and π, or mass and condensate.
    pub x: Vec<[f64; 2]>,
    /// Whether the label is 1: not what nature allows.
    pub negative: Vec<bool>,
}

impl Examples {
    /// How many points.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Points and labels in order.
    pub fn iter(&self) -> impl Iterator<Item = ([f64; 2], bool)> {
        self.x.iter().copied().zip(self.negative.iter().copied())
    }

    /// Those of some numbers, in that order.
    pub fn chosen(&self, numbers: impl Iterator<Item = usize>) -> Self {
        let (x, negative) = numbers.map(|k| (self.x[k], self.negative[k])).unzip();
        Examples { x, negative }
    }

    /// As many of each label, drawn from these with replacement.
    pub fn resampled(&self, rng: &mut Generator) -> Self {
        let of = |label: bool| (0..self.len()).filter(move |&k| self.negative[k] == label);
        let labels: [Vec<usize>; 2] = [of(false).collect(), of(true).collect()];
        let mut numbers = Vec::with_capacity(self.len());
        for list in labels.iter().filter(|list| !list.is_empty()) {
            numbers.extend((0..list.len()).map(|_| list[rng.random_range(0..list.len())]));
        }
        self.chosen(numbers.into_iter())
    }
}

/// Collects `each` points of either label from what `draw` gives, those with label 0 first; an
/// error that names `key` where they are too rare.
fn collect(
    each: usize,
    key: &str,
    mut draw: impl FnMut(&mut dyn FnMut([f64; 2], bool)),
) -> Result<Examples> {
    let mut found: [Vec<[f64; 2]>; 2] = [Vec::new(), Vec::new()];
    let mut draws = 0;
    while found.iter().any(|list| list.len() < each) {
        draw(&mut |x, negative| {
            draws += 1;
            let list = &mut found[usize::from(negative)];
            if list.len() < each {
                list.push(x);
            }
        });
        if draws > PATIENCE * each {
            let (none, one) = (found[0].len(), found[1].len());
            return Err(Error::input(
                key,
                format!("{draws} draws gave {none} points of label 0 and {one} of label 1"),
                "ask for fewer points, or for a band and a width that both labels meet",
            ));
        }
    }
    let [mut x, more] = found;
    x.extend(more);
    let negative = (0..2 * each).map(|k| k >= each).collect();
    Ok(Examples { x, negative })
}

/// `each` points (φ, π) of either label under the exact black hole; an error that names `key`
/// where one label is too rare.
pub fn synthetic(
    layers: &Layers,
    coupling: f64,
    each: usize,
    rng: &mut Generator,
    key: &str,
) -> Result<Examples> {
    let weights = layers.black_hole(coupling);
    let (mut chunk, mut sums) = (layers.chunk(), layers.sums());
    let mut points = vec![[0.0; 2]; CHUNK];
    collect(each, key, |take| {
        for point in &mut points {
            *point = FIELDS.map(|[low, high]| low + (high - low) * rng.random::<f64>());
        }
        chunk.fill(points.iter().map(|x| (*x, false)));
        layers.pass(&weights, &mut chunk, &mut sums, false);
        let band = layers.bulk().band;
        for (x, (f, _)) in points.iter().zip(chunk.answers()) {
            take(*x, f.abs() >= band);
        }
    })
}

/// The condensate as a cubic function of the mass.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// Coefficients, the lowest power first.
    pub coefficients: [f64; 4],
    /// Ends of mass and condensate in which points are drawn.
    ends: [f64; 2],
}

impl Law {
    /// The least-squares fit through the rows (mass, condensate) of a table; rows with mass 0 are
    /// left out, as published. `None` where fewer than four different masses are left.
    pub fn new(table: &[[f64; 2]]) -> Option<Self> {
        let rows: Vec<_> = table.iter().filter(|row| row[0] > 0.0).copied().collect();
        let mut masses: Vec<f64> = rows.iter().map(|row| row[0]).collect();
        masses.sort_by(f64::total_cmp);
        masses.dedup();
        if masses.len() < 4 {
            return None;
        }
        let largest = |k: usize| rows.iter().map(|row| row[k]).fold(0.0, f64::max);
        let ends = match rows == TABLE {
            true => ENDS,
            false => [ROOM[0] * largest(0), ROOM[1] * largest(1)],
        };
        Some(Law {
            coefficients: cubic(&rows, largest(0)),
            ends,
        })
    }

    /// The same with ends of another law.
    pub fn within(self, other: &Law) -> Self {
        Law {
            ends: other.ends,
            ..self
        }
    }

    /// The condensate at a mass.
    pub fn at(&self, mass: f64) -> f64 {
        let [a, b, c, d] = self.coefficients;
        a + mass * (b + mass * (c + mass * d))
    }

    /// `each` points (mass, condensate) of either label; an error that names `key` where one label
    /// is too rare.
    pub fn points(
        &self,
        width: f64,
        each: usize,
        rng: &mut Generator,
        key: &str,
    ) -> Result<Examples> {
        collect(each, key, |take| {
            let x = self.ends.map(|end| end * rng.random::<f64>());
            let z: f64 = StandardNormal.sample(rng);
            take(x, (x[1] - self.at(x[0])).abs() >= (width * z).abs());
        })
    }
}

/// A table whose condensates are shifted by independent normal errors.
pub fn perturbed(table: &[[f64; 2]], width: f64, rng: &mut Generator) -> Vec<[f64; 2]> {
    let shifted = |row: &[f64; 2]| {
        let z: f64 = StandardNormal.sample(rng);
        [row[0], row[1] + width * z]
    };
    table.iter().map(shifted).collect()
}

/// Least squares in powers of mass/scale by orthogonal columns.
fn cubic(rows: &[[f64; 2]], scale: f64) -> [f64; 4] {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut factors: Vec<[f64; 4]> = Vec::new();
    for k in 0..4 {
        let power = |row: &[f64; 2]| (row[0] / scale).powi(k as i32);
        let mut column: Vec<f64> = rows.iter().map(power).collect();
        let mut own = [0.0; 4];
        // Twice, so that the columns are orthogonal to the last digit.
        for _ in 0..2 {
            for (j, other) in columns.iter().enumerate() {
                let part = dot(other, &column);
                own[j] += part;
                column
                    .iter_mut()
                    .zip(other)
                    .for_each(|(c, o)| *c -= part * o);
            }
        }
        let norm = dot(&column, &column).sqrt();
        own[k] = norm;
        factors.push(own);
        column.iter_mut().for_each(|c| *c /= norm);
        columns.push(column);
    }
    let y: Vec<f64> = rows.iter().map(|row| row[1]).collect();
    let mut found = [0.0; 4];
    for k in (0..4).rev() {
        let behind: f64 = (k + 1..4).map(|j| factors[j][k] * found[j]).sum();
        found[k] = (dot(&columns[k], &y) - behind) / factors[k][k];
    }
    std::array::from_fn(|k| found[k] / scale.powi(k as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn the_published_table_has_the_published_fit() {
        let law = Law::new(&TABLE).unwrap();
        let published = [0.00155062126, 7.52908722, -130.899249, -6.48965076];
        for (found, wanted) in law.coefficients.iter().zip(published) {
            assert!((found / wanted - 1.0).abs() < 2e-8, "{found} {wanted}");
        }
        let with_origin: Vec<_> = std::iter::once([0.0; 2]).chain(TABLE).collect();
        assert_eq!(Law::new(&with_origin), Some(law));
        assert_eq!(Law::new(&TABLE[..3]), None);
        let exact = |m: f64| 1.0 - m + 2.0 * m * m + 0.25 * m * m * m;
        let rows = [0.5, 1.0, 2.0, 3.0, 7.0].map(|m| [m, exact(m)]);
        let law = Law::new(&rows).unwrap();
        assert!((law.at(4.0) - exact(4.0)).abs() < 1e-11);
    }

    #[test]
    fn as_many_points_of_each_label_are_drawn_and_fit_their_law() {
        let law = Law::new(&TABLE).unwrap();
        let mut rng = stream(1, Purpose::Law, 0, 0);
        let points = law.points(0.004, 500, &mut rng, "k").unwrap();
        assert_eq!(points.len(), 1000);
        assert!(points.iter().take(500).all(|(_, negative)| !negative));
        let off = |(x, _): ([f64; 2], bool)| (x[1] - law.at(x[0])).abs();
        let mean = |list: Vec<f64>| list.iter().sum::<f64>() / list.len() as f64;
        let near = mean(points.iter().take(500).map(off).collect());
        // ∫|z| z N / ∫ z N of a half-normal: width √π/(2√2).
        let wanted = 0.004 * (std::f64::consts::PI / 8.0).sqrt();
        assert!((near / wanted - 1.0).abs() < 0.1, "{near} {wanted}");
        assert!(mean(points.iter().skip(500).map(off).collect()) > 0.02);
        let again = points.resampled(&mut rng);
        assert_eq!(again.negative, points.negative);
        assert!(again.x != points.x && again.x.iter().all(|x| points.x.contains(x)));
        let message = law.points(0.0, 5, &mut rng, "k").unwrap_err().to_string();
        assert!(message.starts_with("k: ") && message.contains("0 points of label 0"));
    }
}
