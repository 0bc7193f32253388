//! Decides how ranks talk over MPI; the only file that names the MPI crate.
//!
//! A sum is a reduction to rank 0 followed by a broadcast, so that all ranks hold the same bytes
//! whatever algorithm the library prefers; the standard only advises this of `MPI_Allreduce`.
//! Messages are split into rounds that stay below 2²⁸ elements, because counts and displacements
//! are 32-bit integers. Alerts and the end of the job travel on a communicator of their own, which
//! no collective call of the calculation can meet.
//!
//! Reference: MPI: A Message-Passing Interface Standard, version 3.1, chapter 5.

use super::family;
use super::heartbeat::{self, Heartbeat};
use super::rounds::{Round, running, slice_of};
use super::{Comm, Serial};
use crate::error::{EXIT_FINISHED, EXIT_STOPPED, Error, Result, complain};
use ::mpi::Threading;
use ::mpi::collective::{CommunicatorCollectives, Root, SystemOperation};
use ::mpi::datatype::{Partition, PartitionMut};
use ::mpi::environment::Universe;
use ::mpi::point_to_point::{Destination, Source};
use ::mpi::raw::AsRaw;
use ::mpi::topology::{Communicator, SimpleCommunicator};
use ::mpi::traits::Equivalence;
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::time::{Duration, Instant};

/// Most elements in one message.
const LARGEST: usize = 1 << 28;

/// The world communicator. Dropping it finalises MPI, which waits for all ranks: a rank that leaves
/// alone has to call [`Comm::abort`].
struct MpiWorld {
    world: SimpleCommunicator,
    control: SimpleCommunicator,
    /// Whether this rank has sent an alert to each of the others.
    sent: Cell<bool>,
    /// Alerts received.
    received: Cell<usize>,
    largest: usize,
    heartbeat: RefCell<Heartbeat>,
    _universe: Universe,
}

/// How often a rank that waits for the end of the job looks again.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Name and version of the MPI library, in one line.
pub fn library() -> String {
    family::name(&::mpi::environment::library_version().unwrap_or_default())
}

/// Whether handles are pointers in the library of the build.
const POINTERS: bool = size_of::<::mpi::ffi::MPI_Comm>() == size_of::<*const ()>();

/// Starts communication: MPI when a launcher is there, else one rank without MPI.
///
/// Under MPI a panic hook is installed too ([`install_panic_hook`]), and where the ranks run on
/// several hosts a heartbeat starts, which ends the job when a host is silent for `patience`
/// seconds. The communicator has to be dropped at a clean end. Fails with `Error::Communication`
/// when MPI is initialised already, and where its library is of another family than that of the
/// build.
pub fn start(launcher: bool, patience: f64) -> Result<Box<dyn Comm>> {
    if !launcher {
        return Ok(Box::new(Serial));
    }
    family::same(&library(), POINTERS)?;
    let (universe, _) = ::mpi::initialize_with_threading(Threading::Funneled).ok_or_else(|| {
        Error::Communication {
            what: "MPI has been initialised already".into(),
        }
    })?;
    install_panic_hook();
    let world = MpiWorld::new(universe);
    let mut leader = world.world.rank();
    world
        .world
        .split_shared(leader)
        .process_at_rank(0)
        .broadcast_into(&mut leader);
    world
        .heartbeat
        .replace(heartbeat::start(&world, leader as usize, patience, lost)?);
    Ok(Box::new(world))
}

/// Makes a panic on one rank end the whole job with code 101: prints it with the rank, then calls
/// `MPI_Abort`.
///
/// Without this the rank would wait in `MPI_Finalize` for the others, for ever. Where MPI is not
/// running, a panic keeps its usual course.
pub fn install_panic_hook() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if ::mpi::environment::is_initialized() && !::mpi::environment::is_finalized() {
            let world = SimpleCommunicator::world();
            let mut stderr = std::io::stderr();
            // Nothing can be done about a closed standard error here.
            let _ =
                writeln!(stderr, "rank {}: {panic}", world.rank()).and_then(|()| stderr.flush());
            world.abort(101)
        }
        usual(panic);
    }));
}

/// The end of the job where another host does not answer, called by the thread that has noticed.
fn lost(message: String) -> ! {
    complain(&format!(
        "error: communication: {message}: its host or the network is gone; run the same command \
         again, which goes on from the last checkpoint"
    ));
    // Should the library wait for the lost host itself, the process ends all the same.
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(3));
        std::process::abort();
    });
    SimpleCommunicator::world().abort(70)
}

impl MpiWorld {
    /// Waits until all ranks are here. A rank that is alone with an error for longer than
    /// `patience` seconds speaks and ends the job.
    fn gather_all(&self, code: i32, message: Option<&str>, patience: f64) {
        let start = Instant::now();
        let mut together = self.control.immediate_barrier();
        while let Err(waiting) = together.test() {
            together = waiting;
            if code != EXIT_FINISHED
                && code != EXIT_STOPPED
                && start.elapsed().as_secs_f64() > patience
            {
                message.iter().for_each(|m| complain(m));
                self.abort(code);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn new(universe: Universe) -> Self {
        let world = universe.world();
        let control = world.duplicate();
        let (sent, received) = (Cell::new(false), Cell::new(0));
        MpiWorld {
            world,
            control,
            sent,
            received,
            largest: LARGEST,
            heartbeat: RefCell::default(),
            _universe: universe,
        }
    }

    /// Takes the alerts that have arrived out of the library.
    fn receive_alerts(&self) {
        while let Some((message, _)) = self.control.any_process().immediate_matched_probe() {
            let _ = message.matched_receive::<u8>();
            self.received.set(self.received.get() + 1);
        }
    }

    fn root(&self) -> ::mpi::topology::Process<'_> {
        self.world.process_at_rank(0)
    }

    fn bcast<T: Equivalence>(&self, values: &mut [T]) {
        for part in values.chunks_mut(self.largest) {
            self.root().broadcast_into(part);
        }
    }

    /// The result on rank 0.
    fn reduce(&self, values: &mut [f64], operation: SystemOperation) {
        if self.rank() > 0 {
            return values
                .chunks(self.largest)
                .for_each(|part| self.root().reduce_into(part, operation));
        }
        let mut total = vec![0.0; values.len().min(self.largest)];
        for part in values.chunks_mut(self.largest) {
            let total = &mut total[..part.len()];
            self.root().reduce_into_root(&*part, total, operation);
            part.copy_from_slice(total);
        }
    }

    /// Pieces of different lengths to rank 0, in rounds of at most `largest` elements in all.
    fn collect<T: Equivalence + Copy + Default>(&self, piece: &[T]) -> Vec<T> {
        let size = self.size();
        let mut lengths = vec![0u64; size];
        self.world
            .all_gather_into(&(piece.len() as u64), &mut lengths[..]);
        let window = (self.largest / size).max(1);
        let longest = lengths.iter().max().map_or(0, |&l| l as usize);
        let starts = running(lengths.iter().map(|&l| l as usize));
        let mut all = vec![T::default(); if self.rank() == 0 { starts[size] } else { 0 }];
        // The place of an empty list of bytes may be 1, which MPI takes for its MPI_IN_PLACE.
        let spare = [T::default()];
        for round in 0..longest.div_ceil(window) {
            let part = match slice_of(piece, round, window) {
                [] => &spare[..0],
                part => part,
            };
            if self.rank() == 0 {
                let into = Round::of(lengths.iter().map(|&l| l as usize), round, window);
                let mut buffer = vec![T::default(); into.total()];
                let (counts, places) = (&into.counts[..], &into.places[..]);
                let mut target = PartitionMut::new(&mut buffer[..], counts, places);
                self.root().gather_varcount_into_root(part, &mut target);
                for (start, from) in starts.iter().zip(into.parts()).filter(|p| !p.1.is_empty()) {
                    let to = start + round * window;
                    all[to..to + from.len()].copy_from_slice(&buffer[from]);
                }
            } else {
                self.root().gather_varcount_into(part);
            }
        }
        all
    }

    /// Pieces from every rank to every other, in rounds of at most `largest` elements in all.
    fn exchange<T: Equivalence + Copy + Default>(&self, pieces: &[Vec<T>]) -> Result<Vec<Vec<T>>> {
        let size = self.size();
        let window = (self.largest / size).max(1);
        // A rank that calls wrongly must not leave the others waiting: all learn of it through the
        // maximum.
        let longest = pieces.iter().map(Vec::len).max().unwrap_or(0);
        let mut facts = [
            longest.div_ceil(window) as f64,
            f64::from(u8::from(pieces.len() != size)),
        ];
        self.max(&mut facts)?;
        if facts[1] > 0.0 {
            return Err(Error::Communication {
                what: "transpose needs one piece for every rank".into(),
            });
        }
        let outgoing: Vec<u64> = pieces.iter().map(|p| p.len() as u64).collect();
        let mut incoming = vec![0u64; size];
        self.world.all_to_all_into(&outgoing[..], &mut incoming[..]);
        let room = |&l: &u64| Vec::with_capacity(l as usize);
        let mut received: Vec<Vec<T>> = incoming.iter().map(room).collect();
        for round in 0..facts[0] as usize {
            let parts = pieces.iter().map(|p| slice_of(p, round, window));
            let send = parts.collect::<Vec<_>>().concat();
            let out = Round::of(pieces.iter().map(Vec::len), round, window);
            let into = Round::of(incoming.iter().map(|&l| l as usize), round, window);
            let mut buffer = vec![T::default(); into.total()];
            let source = Partition::new(&send[..], &out.counts[..], &out.places[..]);
            let mut target = PartitionMut::new(&mut buffer[..], &into.counts[..], &into.places[..]);
            self.world.all_to_all_varcount_into(&source, &mut target);
            for (piece, part) in received.iter_mut().zip(into.parts()) {
                piece.extend_from_slice(&buffer[part]);
            }
        }
        Ok(received)
    }
}

impl Comm for MpiWorld {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }
    fn size(&self) -> usize {
        self.world.size() as usize
    }
    fn sum(&self, values: &mut [f64]) -> Result<()> {
        self.reduce(values, SystemOperation::sum());
        self.bcast(values);
        Ok(())
    }
    fn sum_on_root(&self, values: &mut [f64]) -> Result<()> {
        self.reduce(values, SystemOperation::sum());
        Ok(())
    }
    fn max(&self, values: &mut [f64]) -> Result<()> {
        self.reduce(values, SystemOperation::max());
        self.bcast(values);
        Ok(())
    }
    fn gather(&self, piece: &[f64]) -> Result<Vec<f64>> {
        Ok(self.collect(piece))
    }
    fn gather_bytes(&self, piece: &[u8]) -> Result<Vec<u8>> {
        Ok(self.collect(piece))
    }
    fn broadcast(&self, values: &mut [f64]) -> Result<()> {
        self.bcast(values);
        Ok(())
    }
    fn broadcast_bytes(&self, bytes: &mut Vec<u8>) -> Result<()> {
        let mut length = [bytes.len() as u64];
        self.bcast(&mut length);
        bytes.resize(length[0] as usize, 0);
        self.bcast(bytes);
        Ok(())
    }
    fn transpose(&self, pieces: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        self.exchange(pieces)
    }
    fn transpose_singles(&self, pieces: &[Vec<f32>]) -> Result<Vec<Vec<f32>>> {
        self.exchange(pieces)
    }
    fn fortran_handle(&self) -> Option<i32> {
        // SAFETY: a plain conversion of a communicator that lives as long as this object.
        Some(unsafe { ::mpi::ffi::RSMPI_Comm_c2f(self.world.as_raw()) })
    }
    fn barrier(&self) -> Result<()> {
        self.world.barrier();
        Ok(())
    }
    fn alert(&self) {
        if !self.sent.replace(true) {
            let others = (0..self.world.size()).filter(|&r| r != self.world.rank());
            // One byte: it is on its way at once, whether or not the other rank is looking.
            others.for_each(|r| self.control.process_at_rank(r).send(&1u8));
        }
    }
    fn alerted(&self) -> bool {
        self.receive_alerts();
        self.sent.get() || self.received.get() > 0
    }
    fn meet(&self, code: i32, message: Option<&str>, patience: f64) -> Result<()> {
        self.gather_all(code, message, patience);
        Ok(())
    }
    fn leave(&self, code: i32, message: Option<&str>, patience: f64) -> i32 {
        let speak = || message.iter().for_each(|m| complain(m));
        self.gather_all(code, message, patience);
        self.heartbeat.replace(Heartbeat::default());
        // All are here, so these cannot hang; no alert may be under way when MPI ends.
        let speaker = if message.is_some() {
            -f64::from(self.world.rank())
        } else {
            f64::NEG_INFINITY
        };
        let mut largest = [f64::from(code), speaker];
        self.reduce(&mut largest, SystemOperation::max());
        self.bcast(&mut largest);
        if largest[1] == speaker {
            speak();
        }
        let mut alerts = [f64::from(u8::from(self.sent.get()))];
        self.reduce(&mut alerts, SystemOperation::sum());
        self.bcast(&mut alerts);
        while self.received.get() < alerts[0] as usize - usize::from(self.sent.get()) {
            self.receive_alerts();
        }
        largest[0] as i32
    }
    fn abort(&self, code: i32) -> ! {
        // The messages of this rank first; a closed stream cannot be helped.
        let _ = std::io::stdout().flush();
        let _ = std::io::stderr().flush();
        self.world.abort(code)
    }
}

#[cfg(test)]
mod tests {
    use super::super::self_test;
    use super::*;

    #[test]
    fn without_a_launcher_mpi_is_not_initialised() {
        let comm = start(false, 0.0).unwrap();
        assert_eq!((comm.rank(), comm.size()), (0, 1));
        assert!(!::mpi::environment::is_initialized());
        self_test(comm.as_ref()).unwrap();
    }

    #[test]
    fn messages_are_cut_into_rounds_under_a_launcher() {
        for ranks in ["2", "5"] {
            let mut command = std::process::Command::new("mpirun");
            command.envs(["", "_CONFIRM"].map(|end| (format!("OMPI_ALLOW_RUN_AS_ROOT{end}"), "1")));
            command.args(["--oversubscribe", "--bind-to", "none", "-np", ranks]);
            command.arg(std::env::current_exe().unwrap());
            command.args(["--ignored", "--test-threads=1", "under_a_launcher_with"]);
            let out = command.output().unwrap();
            let said = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success() && said.contains("1 passed"), "{said}");
        }
    }

    #[test]
    #[ignore = "the test above runs it under mpirun"]
    fn under_a_launcher_with_tiny_messages() {
        let (universe, _) = ::mpi::initialize_with_threading(Threading::Funneled).unwrap();
        let mut world = MpiWorld::new(universe);
        for largest in [1, 4, 7, LARGEST] {
            world.largest = largest;
            self_test(&world).unwrap();
        }
    }
}
