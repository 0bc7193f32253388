//! Decides when another host counts as lost, which MPI itself may never notice: its ranks wait in a
//! collective call for ever.
//!
//! Every rank on another host than rank 0's sends rank 0 a datagram each second, and rank 0 answers
//! it. Threads of their own do this, so that a rank that calculates for hours is as alive as one
//! that waits. Who hears nothing for the patience given ends its process, and with it the job. A
//! process that was itself suspended meanwhile starts counting anew.
//!
//! Datagram: token (8 bytes), rank (4 bytes), little endian. Reference: RFC 768; RFC 1122, section
//! 4.2.3.6 on keep-alives.

use super::Comm;
use crate::error::{Error, Result};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two datagrams of a rank.
const PERIOD: Duration = Duration::from_secs(1);
/// What a thread waits for a datagram before it looks around.
const WAIT: Duration = Duration::from_millis(200);
/// How long a rank looks for the way to rank 0.
const SEARCH: Duration = Duration::from_secs(3);

/// The threads that watch; they end when it is dropped.
#[derive(Debug, Default)]
pub struct Heartbeat {
    ended: Arc<AtomicBool>,
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// What happens when nobody answers: it gets the message and does not come back.
pub type Lost = fn(String) -> !;

/// Starts to watch where ranks run on several hosts; collective. `leader` is the first rank on this
/// rank's host.
///
/// Where datagrams do not get through nobody watches, and the log says so. Fails with
/// `Error::Communication` where this machine gives no socket.
pub fn start(comm: &dyn Comm, leader: usize, patience: f64, lost: Lost) -> Result<Heartbeat> {
    let heartbeat = Heartbeat::default();
    let mut remote: Vec<f64> = vec![0.0; comm.size()];
    remote[comm.rank()] = f64::from(u8::from(leader != 0));
    comm.sum(&mut remote)?;
    let remote: Vec<usize> = (0..comm.size()).filter(|&r| remote[r] > 0.0).collect();
    if remote.is_empty() || patience <= 0.0 {
        return Ok(heartbeat);
    }
    let patience = Duration::from_secs_f64(patience.min(1e9));
    let failed = |e: std::io::Error| Error::Communication {
        what: format!("no socket for the heartbeat: {e}"),
    };
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
        .and_then(|s| s.set_read_timeout(Some(WAIT)).map(|()| s));
    let socket = super::agree(comm, socket.map_err(failed))?;
    let token = shared_token(comm)?;
    let mut port = [f64::from(socket.local_addr().map_err(failed)?.port())];
    let mut addresses: Vec<u8> = addresses().iter().flat_map(Ipv4Addr::octets).collect();
    comm.broadcast(&mut port)?;
    comm.broadcast_bytes(&mut addresses)?;
    let watching = Arc::new(AtomicBool::new(false));
    let mut unreached = [0.0];
    if comm.is_root() {
        let (ended, watching, count) = (heartbeat.ended.clone(), watching.clone(), comm.size());
        std::thread::spawn(move || {
            answer(
                &socket, token, &remote, count, patience, &ended, &watching, lost,
            )
        });
        comm.sum(&mut unreached)?;
    } else {
        let to: Vec<SocketAddrV4> = addresses
            .chunks_exact(4)
            .map(|a| SocketAddrV4::new(Ipv4Addr::new(a[0], a[1], a[2], a[3]), port[0] as u16))
            .collect();
        let mine = remote.contains(&comm.rank());
        let found = if mine {
            search(&socket, token, comm.rank(), &to)
        } else {
            None
        };
        unreached[0] = f64::from(u8::from(mine && found.is_none()));
        comm.sum(&mut unreached)?;
        if let (Some(root), true) = (found, unreached[0] == 0.0) {
            let (ended, rank) = (heartbeat.ended.clone(), comm.rank());
            std::thread::spawn(move || {
                call_root(&socket, token, rank, root, patience, &ended, lost)
            });
        }
    }
    if unreached[0] > 0.0 {
        log::warn!(
            "no heartbeat between hosts ({} ranks get no answer); a host that is lost may go \
             unnoticed",
            unreached[0]
        );
        heartbeat.ended.store(true, Ordering::Relaxed);
    }
    watching.store(true, Ordering::Relaxed);
    Ok(heartbeat)
}

/// A number that only the ranks of this job know.
fn shared_token(comm: &dyn Comm) -> Result<u64> {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    let mut halves = [(random >> 32) as f64, (random & 0xffff_ffff) as f64];
    comm.broadcast(&mut halves)?;
    Ok((halves[0] as u64) << 32 | halves[1] as u64)
}

/// The IPv4 addresses of this machine, the loopback one last.
fn addresses() -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the list is walked before it is freed, and only addresses of the family IPv4 are read
    // as such.
    unsafe {
        if libc::getifaddrs(&raw mut list) == 0 {
            let mut at = list;
            while !at.is_null() {
                let address = (*at).ifa_addr;
                if !address.is_null() && i32::from((*address).sa_family) == libc::AF_INET {
                    let inner = &*address.cast::<libc::sockaddr_in>();
                    found.push(Ipv4Addr::from(u32::from_be(inner.sin_addr.s_addr)));
                }
                at = (*at).ifa_next;
            }
            libc::freeifaddrs(list);
        }
    }
    found.sort_by_key(Ipv4Addr::is_loopback);
    found
}

fn datagram(token: u64, rank: usize) -> Vec<u8> {
    [&token.to_le_bytes()[..], &(rank as u32).to_le_bytes()[..]].concat()
}

/// The rank in a datagram of this job.
fn rank_in(bytes: &[u8], token: u64) -> Option<usize> {
    let (theirs, rank) = (bytes.get(..8)?, bytes.get(8..12)?);
    (theirs == token.to_le_bytes()).then_some(u32::from_le_bytes(rank.try_into().ok()?) as usize)
}

/// The first of rank 0's addresses that answers.
fn search(
    socket: &UdpSocket,
    token: u64,
    rank: usize,
    to: &[SocketAddrV4],
) -> Option<SocketAddrV4> {
    let (start, mine) = (Instant::now(), datagram(token, rank));
    let mut bytes = [0; 64];
    while start.elapsed() < SEARCH {
        to.iter()
            .for_each(|address| drop(socket.send_to(&mine, address)));
        if let Ok((n, std::net::SocketAddr::V4(from))) = socket.recv_from(&mut bytes)
            && rank_in(&bytes[..n], token) == Some(rank)
        {
            return Some(from);
        }
    }
    None
}

/// Rank 0: answers, and notes when it heard of whom.
#[allow(clippy::too_many_arguments)]
fn answer(
    socket: &UdpSocket,
    token: u64,
    remote: &[usize],
    ranks: usize,
    patience: Duration,
    ended: &AtomicBool,
    watching: &AtomicBool,
    lost: Lost,
) {
    let mut heard = vec![Instant::now(); ranks];
    let mut looked = Instant::now();
    let mut bytes = [0; 64];
    while !ended.load(Ordering::Relaxed) {
        if let Ok((n, from)) = socket.recv_from(&mut bytes)
            && let Some(rank) = rank_in(&bytes[..n], token).filter(|&r| r < ranks)
        {
            heard[rank] = Instant::now();
            let _ = socket.send_to(&bytes[..n], from);
        }
        let now = Instant::now();
        if !watching.load(Ordering::Relaxed) || now - looked > 5 * PERIOD {
            heard.fill(now);
        }
        looked = now;
        let silent: Vec<String> = remote
            .iter()
            .filter(|&&r| now - heard[r] > patience)
            .map(usize::to_string)
            .collect();
        if !silent.is_empty() && !ended.load(Ordering::Relaxed) {
            lost(format!(
                "no sign of life from rank {} for {:.0} s",
                silent.join(", "),
                patience.as_secs_f64()
            ));
        }
    }
}

/// Another rank: calls rank 0 and waits for its answers.
fn call_root(
    socket: &UdpSocket,
    token: u64,
    rank: usize,
    root: SocketAddrV4,
    patience: Duration,
    ended: &AtomicBool,
    lost: Lost,
) {
    let mine = datagram(token, rank);
    let mut bytes = [0; 64];
    let (mut heard, mut looked, mut called) = (Instant::now(), Instant::now(), Instant::now());
    while !ended.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now - looked > 5 * PERIOD {
            heard = now;
        }
        looked = now;
        if now - called >= PERIOD {
            called = now;
            let _ = socket.send_to(&mine, root);
        }
        if let Ok((n, _)) = socket.recv_from(&mut bytes)
            && rank_in(&bytes[..n], token) == Some(rank)
        {
            heard = Instant::now();
        }
        if heard.elapsed() > patience && !ended.load(Ordering::Relaxed) {
            lost(format!(
                "rank {rank}: no sign of life from rank 0 for {:.0} s",
                patience.as_secs_f64()
            ));
        }
    }
}
