//! Decides how a communicator is checked before it is trusted: every collective call, against
//! values known in closed form.

use super::Comm;
use crate::error::{Error, Result};

/// Checks every collective call on the ranks that are there, against values known in closed form.
/// Fails with `Error::Communication` naming the call; all ranks give the same answer.
pub fn self_test(comm: &dyn Comm) -> Result<()> {
    let (r, n) = (comm.rank(), comm.size());
    let mut wrong = Vec::new();
    let mut check = |name: &str, good: bool| {
        if !good {
            wrong.push(name.to_string());
        }
    };
    let mut v: Vec<f64> = (0..37).map(|i| (r + i) as f64).collect();
    comm.sum(&mut v)?;
    check(
        "sum",
        v.iter()
            .enumerate()
            .all(|(i, &x)| x == (n * i + n * (n - 1) / 2) as f64),
    );
    let mut v = [r as f64; 5];
    comm.sum_on_root(&mut v)?;
    check("sum_on_root", r > 0 || v == [(n * (n - 1) / 2) as f64; 5]);
    let mut v: Vec<f64> = (0..37).map(|i| i as f64 - r as f64).collect();
    comm.max(&mut v)?;
    check("max", v.iter().enumerate().all(|(i, &x)| x == i as f64));
    let all = comm.gather(&vec![r as f64; 3 * r])?;
    let whole: Vec<f64> = (0..n).flat_map(|q| vec![q as f64; 3 * q]).collect();
    check("gather", all == if r == 0 { whole } else { vec![] });
    // The last rank has nothing to say.
    let own = if r + 1 < n {
        vec![r as u8; r + 1]
    } else {
        Vec::new()
    };
    let all = comm.gather_bytes(&own)?;
    let whole: Vec<u8> = (0..n - 1).flat_map(|q| vec![q as u8; q + 1]).collect();
    check("gather_bytes", all == if r == 0 { whole } else { vec![] });
    let mut bytes = vec![r as u8; 5 * r + 23];
    comm.broadcast_bytes(&mut bytes)?;
    check("broadcast", bytes == vec![0; 23]);
    let pieces: Vec<Vec<f64>> = (0..n)
        .map(|q| vec![(100 * r + q) as f64; 2 * r + q])
        .collect();
    let got = comm.transpose(&pieces)?;
    check(
        "transpose",
        got.iter()
            .enumerate()
            .all(|(q, p)| *p == vec![(100 * q + r) as f64; 2 * q + r]),
    );
    check("transpose_singles", singles_are_right(comm)?);
    let verdict = match wrong.is_empty() {
        true => Ok(()),
        false => Err(Error::Communication {
            what: format!("rank {r}: wrong result of {}", wrong.join(", ")),
        }),
    };
    super::agree(comm, verdict)
}

/// Whether numbers of single precision arrive. The first rank has nothing for the others, and
/// nothing comes from them.
fn singles_are_right(comm: &dyn Comm) -> Result<bool> {
    let (r, n) = (comm.rank(), comm.size());
    let length = |from: usize, to: usize| 3 * from * to + from.min(to);
    let piece = |from: usize, to: usize| vec![(100 * from + to) as f32; length(from, to)];
    let pieces: Vec<Vec<f32>> = (0..n).map(|q| piece(r, q)).collect();
    let got = comm.transpose_singles(&pieces)?;
    Ok(got.len() == n && got.iter().enumerate().all(|(q, p)| *p == piece(q, r)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_self_test_passes_on_threads() {
        for size in 1..=4 {
            assert!(
                super::super::threads::run(size, self_test)
                    .iter()
                    .all(Result::is_ok)
            );
        }
    }
}
