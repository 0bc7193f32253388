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
    let socket = super::agree(comm, listen())?;
    let token = shared_token(comm)?;
    let to = root_addresses(&socket, comm)?;
    let watch = Watch {
        socket,
        token,
        rank: comm.rank(),
        patience: Duration::from_secs_f64(patience.min(1e9)),
        ended: heartbeat.ended.clone(),
        lost,
    };
    let watching = Arc::new(AtomicBool::new(false));
    let mut unreached = [0.0];
    if comm.is_root() {
        let (watching, ranks) = (watching.clone(), comm.size());
        std::thread::spawn(move || watch.answer(&remote, ranks, &watching));
        comm.sum(&mut unreached)?;
    } else {
        let mine = remote.contains(&comm.rank());
        let found = if mine { watch.search(&to) } else { None };
        unreached[0] = f64::from(u8::from(mine && found.is_none()));
        comm.sum(&mut unreached)?;
        if let (Some(root), true) = (found, unreached[0] == 0.0) {
            std::thread::spawn(move || watch.call_root(root));
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

fn no_socket(e: std::io::Error) -> Error {
    Error::Communication {
        what: format!("no socket for the heartbeat: {e}"),
    }
}

/// A socket on any free port, which waits for a datagram no longer than [`WAIT`].
fn listen() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(no_socket)?;
    socket.set_read_timeout(Some(WAIT)).map_err(no_socket)?;
    Ok(socket)
}

/// The addresses of rank 0's socket, on every rank; collective.
fn root_addresses(socket: &UdpSocket, comm: &dyn Comm) -> Result<Vec<SocketAddrV4>> {
    let mut port = [f64::from(socket.local_addr().map_err(no_socket)?.port())];
    let mut octets: Vec<u8> = addresses().iter().flat_map(Ipv4Addr::octets).collect();
    comm.broadcast(&mut port)?;
    comm.broadcast_bytes(&mut octets)?;
    let address = |a: &[u8]| {
        let host = Ipv4Addr::new(a[0], a[1], a[2], a[3]);
        SocketAddrV4::new(host, port[0] as u16)
    };
    Ok(octets.chunks_exact(4).map(address).collect())
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

/// What the thread of a rank needs to watch.
struct Watch {
    socket: UdpSocket,
    token: u64,
    rank: usize,
    patience: Duration,
    ended: Arc<AtomicBool>,
    lost: Lost,
}

impl Watch {
    /// The first of rank 0's addresses that answers.
    fn search(&self, to: &[SocketAddrV4]) -> Option<SocketAddrV4> {
        let (start, mine) = (Instant::now(), datagram(self.token, self.rank));
        let mut bytes = [0; 64];
        while start.elapsed() < SEARCH {
            to.iter()
                .for_each(|address| drop(self.socket.send_to(&mine, address)));
            if let Ok((n, std::net::SocketAddr::V4(from))) = self.socket.recv_from(&mut bytes)
                && rank_in(&bytes[..n], self.token) == Some(self.rank)
            {
                return Some(from);
            }
        }
        None
    }

    /// Rank 0: answers the ranks `remote`, and notes when it heard of whom.
    fn answer(&self, remote: &[usize], ranks: usize, watching: &AtomicBool) {
        let mut heard = vec![Instant::now(); ranks];
        let mut looked = Instant::now();
        let mut bytes = [0; 64];
        while !self.has_ended() {
            if let Ok((n, from)) = self.socket.recv_from(&mut bytes)
                && let Some(rank) = rank_in(&bytes[..n], self.token).filter(|&r| r < ranks)
            {
                heard[rank] = Instant::now();
                let _ = self.socket.send_to(&bytes[..n], from);
            }
            let now = Instant::now();
            if !watching.load(Ordering::Relaxed) || now - looked > 5 * PERIOD {
                heard.fill(now);
            }
            looked = now;
            let silent: Vec<String> = remote
                .iter()
                .filter(|&&r| now - heard[r] > self.patience)
                .map(usize::to_string)
                .collect();
            if !silent.is_empty() {
                self.give_up(&format!("no sign of life from rank {}", silent.join(", ")));
            }
        }
    }

    /// Another rank: calls rank 0 and waits for its answers.
    fn call_root(&self, root: SocketAddrV4) {
        let mine = datagram(self.token, self.rank);
        let mut bytes = [0; 64];
        let (mut heard, mut looked, mut called) = (Instant::now(), Instant::now(), Instant::now());
        while !self.has_ended() {
            let now = Instant::now();
            if now - looked > 5 * PERIOD {
                heard = now;
            }
            looked = now;
            if now - called >= PERIOD {
                called = now;
                let _ = self.socket.send_to(&mine, root);
            }
            if let Ok((n, _)) = self.socket.recv_from(&mut bytes)
                && rank_in(&bytes[..n], self.token) == Some(self.rank)
            {
                heard = Instant::now();
            }
            if heard.elapsed() > self.patience {
                self.give_up(&format!("rank {}: no sign of life from rank 0", self.rank));
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Ends the job, unless the calculation has ended meanwhile.
    fn give_up(&self, what: &str) {
        if !self.has_ended() {
            let seconds = self.patience.as_secs_f64();
            (self.lost)(format!("{what} for {seconds:.0} s"));
        }
    }
}
