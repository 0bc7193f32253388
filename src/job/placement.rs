//! Decides what is said about where ranks and threads run, and when a host has more of them than
//! cores.
//!
//! Reference: sched_getaffinity(2).

use super::launch::environment;
use super::machine::host_name;
use crate::comm::Comm;
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Ranks of this run on this host, of `ranks` in all; all of them where the launcher does not tell.
pub fn ranks_here(ranks: usize) -> usize {
    let number = |name: &str| environment(name).and_then(|v| v.trim().parse::<usize>().ok());
    number("OMPI_COMM_WORLD_LOCAL_SIZE")
        .or_else(|| number("MPI_LOCALNRANKS"))
        .unwrap_or(ranks)
        .clamp(1, ranks)
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The numbers of the cores that this process may use; empty where the system does not tell.
fn allowed() -> Vec<usize> {
    // SAFETY: an all-zero set is a valid one, and the call fills at most its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) != 0 {
            return Vec::new();
        }
        (0..libc::CPU_SETSIZE as usize)
            .filter(|&cpu| libc::CPU_ISSET(cpu, &set))
            .collect()
    }
}

/// What a host has to bear.
#[derive(Debug, Default, PartialEq)]
struct Host {
    ranks: Vec<usize>,
    threads: usize,
    cores: BTreeSet<usize>,
}

/// One line per host, and whether it is over-subscribed; from one line of every rank: host,
/// threads, cores.
fn describe(lines: &str) -> Vec<(String, bool)> {
    let mut hosts: BTreeMap<&str, Host> = BTreeMap::new();
    for (rank, line) in lines.lines().enumerate() {
        let mut words = line.split('\t');
        let host = hosts.entry(words.next().unwrap_or_default()).or_default();
        host.ranks.push(rank);
        host.threads += words
            .next()
            .and_then(|t| t.parse::<usize>().ok())
            .unwrap_or(1);
        host.cores.extend(
            words
                .next()
                .unwrap_or_default()
                .split(',')
                .filter_map(|c| c.parse::<usize>().ok()),
        );
    }
    let mut hosts: Vec<_> = hosts.into_iter().collect();
    hosts.sort_by_key(|(_, host)| host.ranks.first().copied());
    hosts
        .into_iter()
        .map(
            |(
                name,
                Host {
                    ranks,
                    threads,
                    cores,
                },
            )| {
                let (first, last) = (ranks[0], ranks[ranks.len() - 1]);
                let which = match ranks.len() {
                    1 => format!("rank {first}"),
                    n if last - first + 1 == n => format!("ranks {first}-{last}"),
                    n => format!("{n} ranks from {first} to {last}"),
                };
                let each = threads / ranks.len();
                let plural = |n: usize| if n == 1 { "" } else { "s" };
                let over = !cores.is_empty() && threads > cores.len();
                let mut line = format!(
                    "{which} on {name}: {} x {each} thread{}",
                    ranks.len(),
                    plural(each)
                );
                line += &format!(", {} core{}", cores.len(), plural(cores.len()));
                if over {
                    line += "; over-subscribed: start fewer ranks or lower `threads`";
                }
                (line, over)
            },
        )
        .collect()
}

/// Logs on rank 0 where the ranks run, each with `threads` threads, and warns where cores are too
/// few; collective.
pub fn report(comm: &dyn Comm, threads: usize) -> Result<()> {
    let cores: Vec<String> = allowed().iter().map(usize::to_string).collect();
    let line = format!("{}\t{threads}\t{}\n", host_name(), cores.join(","));
    let all = comm.gather_bytes(line.as_bytes())?;
    if comm.is_root() {
        for (line, over) in describe(&String::from_utf8_lossy(&all)) {
            if over {
                log::warn!("{line}")
            } else {
                log::info!("{line}")
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_counted_against_the_cores_of_their_host() {
        let found = describe("a\t1\t0,1\na\t1\t0,1\nb\t2\t0\nb\t2\t1\n");
        assert_eq!(
            found[0],
            ("ranks 0-1 on a: 2 x 1 thread, 2 cores".into(), false)
        );
        assert!(
            found[1].1
                && found[1]
                    .0
                    .starts_with("ranks 2-3 on b: 2 x 2 threads, 2 cores; over-subscribed")
        );
        // Ranks that are bound to one core each share nothing.
        assert!(!describe("a\t1\t0\na\t1\t1\n")[0].1);
        assert!(describe("a\t1\t0\na\t1\t0\n")[0].1);
    }

    #[test]
    fn this_machine_has_cores() {
        assert!(!allowed().is_empty());
        assert_eq!(ranks_here(1), 1);
        report(&crate::comm::Serial, 1).unwrap();
    }
}
