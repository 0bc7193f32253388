//! Decides how T = Ō D⁻¹ Ō^H is made where ranks turn rows of O into columns: rank r holds all
//! samples of P/R columns.
//!
//! T is then a sum over ranks of Ō_r D_r⁻¹ Ō_r^H, one product for each, and a rank finds its own
//! columns of δ = D⁻¹ Ō^H x alone, in the order of the samples; δ is put together at the end. ⟨O_k⟩
//! is a sum that one rank makes, so that centring needs no message. Columns come in messages of at
//! most 64 MiB. Where the network has single precision they travel and stay as such, and are
//! centred and multiplied in double precision. (Y. Gu et al., arXiv:2507.02644.)

use super::exchange::RowSizes;
use super::least_squares::LeastSquares;
use super::sample_space::{SampleKernel, reciprocals};
use crate::comm::Comm;
use crate::derivatives::{MatrixNumber, PORTION};
use crate::error::{Error, Result};
use crate::linalg::products::{Op, multiply};
use crate::number::{flatten, unflatten};
use ndarray::{Array2, s};
use std::ops::Range;

/// Numbers of some columns, sample after sample, not centred.
enum Rows {
    Double(Vec<f64>),
    Single(Vec<f32>),
}

/// Columns that came in one message.
struct Arrived<T> {
    columns: Range<usize>,
    rows: Rows,
    /// ⟨O⟩ of them, for each kind of row.
    mean: Vec<T>,
}

/// All samples of this rank's columns.
pub struct Turned<T> {
    sizes: RowSizes,
    arrived: Vec<Arrived<T>>,
    /// w of all samples.
    weights: Vec<f64>,
    /// 1/D of all columns, where it is not 1.
    inverse: Option<Vec<f64>>,
}

fn matrix<T>(shape: (usize, usize), numbers: Vec<T>) -> Array2<T> {
    Array2::from_shape_vec(shape, numbers)
        .unwrap_or_else(|_| unreachable!("there are as many numbers as the shape says"))
}

/// What the rule of the exchange depends on.
fn sizes(problem: &LeastSquares, portion: usize, comm: &dyn Comm) -> RowSizes {
    let derivatives = &problem.derivatives;
    RowSizes {
        kind: problem.kind(),
        columns: derivatives.columns(),
        samples: problem.counts.iter().sum(),
        numbers: derivatives.numbers_per_sample(),
        single: derivatives.is_single(),
        ranks: comm.size(),
        portion,
    }
}

impl<T: MatrixNumber> Turned<T> {
    /// Turns the rows of all ranks; `None` where rows are exchanged instead. `shape` is D.
    pub fn of(
        problem: &LeastSquares,
        shape: Option<&[f64]>,
        comm: &dyn Comm,
    ) -> Result<Option<Self>> {
        Self::in_portions(problem, shape, PORTION, comm)
    }

    /// The same with messages and panels of so many numbers.
    fn in_portions(
        problem: &LeastSquares,
        shape: Option<&[f64]>,
        portion: usize,
        comm: &dyn Comm,
    ) -> Result<Option<Self>> {
        let sizes = sizes(problem, portion, comm);
        if !sizes.turn() {
            return Ok(None);
        }
        let first: usize = problem.counts[..comm.rank()].iter().sum();
        let mut weights = vec![0.0; sizes.samples + 1];
        weights[first..first + problem.weights.len()].copy_from_slice(&problem.weights);
        // Rounded numbers travel only where all ranks have them.
        weights[sizes.samples] = f64::from(u8::from(!sizes.single));
        comm.sum(&mut weights)?;
        let single = weights.pop() == Some(0.0);
        let mut turned = Turned {
            sizes: RowSizes { single, ..sizes },
            arrived: Vec::new(),
            weights,
            inverse: shape.map(reciprocals),
        };
        for message in 0..turned.sizes.messages() {
            let arrived = turned.receive(problem, message, comm)?;
            turned.arrived.push(arrived);
        }
        Ok(Some(turned))
    }

    fn receive(
        &self,
        problem: &LeastSquares,
        message: usize,
        comm: &dyn Comm,
    ) -> Result<Arrived<T>> {
        let own = 0..problem.derivatives.samples();
        let rows = |rank: usize| -> Array2<T> {
            let columns = self.sizes.travelling(rank, message);
            problem.derivatives.matrix(own.clone(), columns)
        };
        let numbers = |rank: usize| flatten(rows(rank));
        let rows = match self.sizes.single {
            false => {
                let pieces: Vec<Vec<f64>> = (0..comm.size()).map(numbers).collect();
                Rows::Double(comm.transpose(&pieces)?.concat())
            }
            true => {
                let rounded = |rank| numbers(rank).into_iter().map(|x| x as f32).collect();
                let pieces: Vec<Vec<f32>> = (0..comm.size()).map(rounded).collect();
                Rows::Single(comm.transpose_singles(&pieces)?.concat())
            }
        };
        let columns = self.sizes.travelling(comm.rank(), message);
        let numbers = self.numbers(&rows);
        if numbers.len() != self.order() * columns.len() {
            return Err(Error::Communication {
                what: "a rank has sent too few log-derivatives".into(),
            });
        }
        let (width, stack) = (columns.len(), self.sizes.kind.stack());
        let mut mean = vec![T::zero(); stack * width];
        for (r, row) in numbers.chunks_exact(width.max(1)).enumerate() {
            let w = T::from_re(self.weights[r / stack]);
            let mean = mean[r % stack * width..].iter_mut();
            mean.zip(row).for_each(|(m, &o)| *m += o * w);
        }
        Ok(Arrived {
            columns,
            rows,
            mean,
        })
    }

    fn numbers(&self, rows: &Rows) -> Vec<T> {
        match rows {
            Rows::Double(numbers) => unflatten(numbers),
            Rows::Single(numbers) => {
                let wide: Vec<f64> = numbers.iter().map(|&x| f64::from(x)).collect();
                unflatten(&wide)
            }
        }
    }

    /// Number of rows, M.
    pub fn order(&self) -> usize {
        self.sizes.samples * self.sizes.kind.stack()
    }

    /// √d of a column.
    fn root(&self, column: usize) -> f64 {
        self.inverse.as_ref().map_or(1.0, |i| i[column].sqrt())
    }

    /// Ō D^(-1/2) of some columns.
    fn tile(&self, arrived: &Arrived<T>) -> Array2<T> {
        let (width, stack) = (arrived.columns.len(), self.sizes.kind.stack());
        let numbers = self.numbers(&arrived.rows);
        let mut tile = matrix((self.order(), width), numbers);
        let roots: Vec<f64> = arrived.columns.clone().map(|k| self.root(k)).collect();
        for (r, mut row) in tile.rows_mut().into_iter().enumerate() {
            let root = self.weights[r / stack].sqrt();
            let of_columns = arrived.mean[r % stack * width..].iter().zip(&roots);
            row.iter_mut()
                .zip(of_columns)
                .for_each(|(o, (&m, d))| *o = (*o - m) * T::from_re(root * d));
        }
        tile
    }

    /// What this rank's columns add to some rows and columns of T.
    pub fn panel(&self, rows: Range<usize>, columns: Range<usize>) -> Array2<T> {
        let mut out = Array2::from_elem((rows.len(), columns.len()), T::zero());
        for arrived in self.arrived.iter().filter(|a| !a.columns.is_empty()) {
            let tile = self.tile(arrived);
            let (some, all) = (
                tile.slice(s![rows.clone(), ..]),
                tile.slice(s![columns.clone(), ..]),
            );
            T::gemm(
                T::one(),
                some,
                Op::Same,
                all,
                Op::Adjoint,
                T::one(),
                out.view_mut(),
            );
        }
        out
    }

    /// The upper triangle of T, ζ and √w of all samples on rank 0; nothing elsewhere.
    pub fn gather(&self, zeta: &[f64], comm: &dyn Comm) -> Result<Option<SampleKernel<T>>> {
        let order = self.order();
        let held = if comm.is_root() { order } else { 0 };
        let mut matrix = Array2::from_elem((held, held), T::zero());
        for rows in self.sizes.triangle_rows() {
            let panel = self.panel(rows.clone(), rows.start..order);
            let mut packed = Vec::new();
            let ends = panel.rows().into_iter().enumerate();
            ends.for_each(|(a, row)| packed.extend(row.iter().skip(a).copied()));
            drop(panel);
            comm.sum_on_root(T::reals_mut(&mut packed))?;
            let mut sums = packed.into_iter();
            for i in rows.filter(|_| comm.is_root()) {
                let row = matrix.slice_mut(s![i, i..]);
                row.into_iter().zip(&mut sums).for_each(|(m, v)| *m = v);
            }
        }
        let zeta = unflatten(&comm.gather(zeta)?);
        let roots = self.weights.iter().map(|w| w.sqrt()).collect();
        let kernel = SampleKernel {
            matrix,
            zeta,
            roots,
        };
        Ok(comm.is_root().then_some(kernel))
    }

    /// D⁻¹ Ō^H x, from the solution of all samples, flat; the same bytes on every rank.
    pub fn pull_back(&self, x: &[f64], comm: &dyn Comm) -> Result<Vec<f64>> {
        let x = matrix((self.order(), 1), unflatten::<T>(x));
        let mut own: Vec<T> = Vec::new();
        for arrived in self.arrived.iter().filter(|a| !a.columns.is_empty()) {
            let tile = self.tile(arrived);
            let part = multiply(tile.view(), Op::Adjoint, x.view(), Op::Same);
            let scaled = part.iter().zip(arrived.columns.clone());
            own.extend(scaled.map(|(&d, k)| d * T::from_re(self.root(k))));
        }
        let mut all = comm.gather(T::reals(&own))?;
        all.resize(self.sizes.columns * T::PARTS, 0.0);
        comm.broadcast(&mut all)?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::counting::Counting;
    use crate::comm::threads;
    use crate::derivatives::{Derivatives, Kind, Matrix};
    use crate::number::Scalar;
    use crate::optimizer::{Residuals, sample_space};
    use crate::rng::{Purpose, stream};
    use num_complex::Complex64;

    /// Samples of each rank.
    const COUNTS: [usize; 5] = [3, 1, 4, 1, 2];
    const COLUMNS: usize = 90;

    fn dense(kind: Kind, rank: usize) -> (Derivatives, Vec<f64>, Vec<Complex64>) {
        let mut rng = stream(7, Purpose::Law, 0, rank as u64);
        let samples = COUNTS[rank];
        let shape = (samples, COLUMNS);
        let matrix = match kind {
            Kind::Real => Matrix::Real(Array2::from_shape_fn(shape, |_| f64::normal(&mut rng))),
            _ => Matrix::Complex(Array2::from_shape_fn(shape, |_| {
                Complex64::normal(&mut rng)
            })),
        };
        let weights = (0..samples).map(|s| (1.0 + s as f64) / 20.0).collect();
        let residual = (0..samples).map(|_| Complex64::normal(&mut rng)).collect();
        (Derivatives::dense(kind, matrix), weights, residual)
    }

    /// T on rank 0 and δ of some x, by rows or by columns.
    fn compare<T: MatrixNumber>(kind: Kind, shaped: bool, single: bool, portion: usize) {
        let shape: Vec<f64> = (0..COLUMNS).map(|k| (k % 7) as f64 / 2.0).collect();
        let shape = shaped.then_some(&shape[..]);
        let total: f64 = (0..5).flat_map(|r| dense(kind, r).1).sum();
        let found = threads::run(5, |comm| {
            let (derivatives, weights, residual) = dense(kind, comm.rank());
            let data = Residuals {
                derivatives: &derivatives.of_precision(single),
                weights: &weights.iter().map(|w| w / total).collect::<Vec<_>>(),
                residual: &residual,
                exact: false,
            };
            let problem = LeastSquares::new(&data, false, comm).unwrap();
            let of = Turned::<T>::in_portions;
            let turned = of(&problem, shape, portion, comm).unwrap().unwrap();
            let parts = turned.arrived.len().min(turned.sizes.triangle_rows().len());
            assert_eq!(parts > 1, portion < PORTION);
            let by_rows = sample_space::assemble::<T>(&problem, shape, comm).unwrap();
            let by_rows = by_rows.gather(&problem, &problem.target, comm).unwrap();
            let counting = Counting::new(comm);
            let by_columns = turned.gather(&problem.target, &counting).unwrap();
            assert_eq!(counting.take().transpose.bytes, 0);
            let mut x = crate::comm::everywhere(&problem.target, comm).unwrap();
            let roots: Vec<f64> = turned.weights.iter().map(|w| w.sqrt()).collect();
            let mut as_rows: Vec<T> = unflatten(&x);
            sample_space::project(&mut as_rows, &roots);
            x.copy_from_slice(T::reals(&as_rows));
            let old = sample_space::scaled_pull_back(&problem, shape, &x, comm).unwrap();
            let new = turned.pull_back(&x, comm).unwrap();
            (
                by_rows.map(|k| flatten(k.matrix)),
                by_columns.map(|k| flatten(k.matrix)),
                old,
                new,
            )
        });
        let tolerance = if single { 1e-5 } else { 1e-12 };
        let near = |a: &[f64], b: &[f64], order: usize| {
            assert_eq!(a.len(), b.len());
            let upper = |k: usize| order == 0 || k / order <= k % order;
            for k in (0..a.len()).filter(|&k| upper(k / T::PARTS)) {
                assert!(
                    (a[k] - b[k]).abs() < tolerance,
                    "{kind:?} {k}: {} {}",
                    a[k],
                    b[k]
                );
            }
        };
        let order = COUNTS.iter().sum::<usize>() * kind.stack();
        let (rows, columns) = (found[0].0.as_ref(), found[0].1.as_ref());
        near(rows.unwrap(), columns.unwrap(), order);
        for (_, _, old, new) in &found {
            near(old, new, 0);
            assert_eq!(new, &found[0].3);
        }
        assert!(found[0].3.iter().any(|d| d.abs() > 0.01));
    }

    #[test]
    fn columns_give_what_rows_give() {
        for shaped in [false, true] {
            for single in [false, true] {
                // One message and one panel; several of both; one column or row in each.
                for portion in [PORTION, 50, 1] {
                    compare::<f64>(Kind::Real, shaped, single, portion);
                    compare::<f64>(Kind::Stacked, shaped, single, portion);
                    compare::<Complex64>(Kind::Holomorphic, shaped, single, portion);
                }
            }
        }
    }
}
