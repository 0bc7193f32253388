//! Input under fire: mutated inputs, tables, Pauli strings and checkpoints give errors, never a
//! panic, an abort or an allocation that the sizes do not justify, whether their checksums fit or
//! were made to. 10^5 cases in all, 10^6 with NISHINA_LONG=1.

mod common;
use common::mutation::{below, mutate, texts};
use common::{Case, RING, broken, expect_code, project};
use nishina::calculation::{self, Options, run};
use nishina::comm::Serial;
use nishina::error::Result;
use nishina::io::hdf5;
use nishina::io::seal::{Region, seal};
use nishina::io::tree::{Tree, Value, shaped};
use nishina::job::Stop;
use nishina::operator::files;
use nishina::registry::Registry;
use nishina::rng::{Generator, Purpose, RngExt, stream};
use nishina::{commands, input};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Counts what each thread holds, so that a case can be held to a limit.
struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // A thread that is ending has no counters any more.
    let _ = LIVE.try_with(|live| {
        live.set(live.get().saturating_add_signed(change));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Cases of a target: its share of 10^5, ten times as many in the long run.
fn cases(share: u64) -> u64 {
    if std::env::var_os("NISHINA_LONG").is_some() {
        10 * share
    } else {
        share
    }
}

/// Runs one case; what it did wrong, if anything. `limit` is in bytes.
fn guarded<T>(limit: usize, case: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let before = LIVE.get();
    PEAK.set(before);
    let outcome = catch_unwind(AssertUnwindSafe(case));
    let taken = PEAK.get() - before;
    match outcome {
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
            Err(format!("panic: {}", text.unwrap_or_default()))
        }
        Ok(_) if taken > limit => Err(format!("{taken} bytes allocated, {limit} allowed")),
        Ok(value) => Ok(value),
    }
}

/// A folder that costs no disk writes where the system has one.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// Calls `case(number, rng)` for each number; lists the first faults with what made them.
fn fire(
    share: u64,
    target: u64,
    mut case: impl FnMut(&mut Generator) -> std::result::Result<(), String>,
) {
    std::panic::set_hook(Box::new(|_| {}));
    let mut faults = Vec::new();
    for number in 0..cases(share) {
        if let Err(fault) = case(&mut stream(target, Purpose::Law, number, 0)) {
            faults.push(format!("case {number}: {fault}"));
        }
    }
    let _ = std::panic::take_hook();
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults[..faults.len().min(8)].join("\n\n")
    );
}

/// Everything that `check` builds from an input, short of sampling.
fn build(path: &Path) -> Result<()> {
    let registry = Registry::default();
    let source = calculation::read(path, &[], &registry)?;
    let start = calculation::start(&source, &registry, (0, 1), 1e10)?;
    start.world.plan().map(drop)
}

/// Whether an input asks for something that is large but would fit: what it takes is justified, and
/// too slow for a test.
fn large(source: &input::Source) -> bool {
    let number = |key: &str| {
        source
            .input
            .ansatz
            .as_ref()
            .and_then(|a| a.get(key))
            .and_then(|v| v.as_float().or(v.as_integer().map(|i| i as f64)))
    };
    let sampler = source.input.sampler.clone().unwrap_or_default();
    let within = |value: f64, from: f64, to: f64| value > from && value < to;
    within(number("density").unwrap_or(1.0), 200.0, 1e8) || within(sampler.chains as f64, 1e4, 1e9)
}

#[test]
fn inputs() {
    let folder = scratch();
    let mut corpus = texts("configs", "toml");
    corpus.extend(
        broken::inputs()
            .into_iter()
            .map(|b| (PathBuf::from(b.name), b.text)),
    );
    std::fs::create_dir(folder.path().join("data")).unwrap();
    for (path, text) in texts("configs/data", "csv")
        .iter()
        .chain(&texts("tests/inputs", "csv"))
    {
        std::fs::write(folder.path().join(path.file_name().unwrap()), text).unwrap();
        std::fs::write(
            folder.path().join("data").join(path.file_name().unwrap()),
            text,
        )
        .unwrap();
    }
    let file = folder.path().join("x.toml");
    let (mut read, mut built) = (0, 0);
    fire(40_000, 1, |rng| {
        let (k, l) = (below(rng, corpus.len()), below(rng, corpus.len()));
        let text = mutate(&corpus[k].1, &corpus[l].1, rng);
        std::fs::write(&file, &text).unwrap();
        let about = |fault: String| format!("{fault}\nfrom {}:\n{text}", corpus[k].0.display());
        let limit = (1 << 20) + 400 * text.len();
        let understood = guarded(limit, || input::read(&file, &[]).is_ok()).map_err(about)?;
        read += usize::from(understood);
        if understood && !large(&input::read(&file, &[]).unwrap()) {
            let limit = 256 << 20;
            built += usize::from(guarded(limit, || build(&file).is_ok()).map_err(about)?);
        }
        Ok(())
    });
    // The mutations are mild enough to get past the reader.
    assert!(
        read as u64 > cases(40_000) / 20 && built > 0,
        "{read} read, {built} built"
    );
    println!("{read} inputs were read, {built} of them could be built");
}

#[test]
fn tables() {
    let folder = scratch();
    let mut corpus = texts("configs/data", "csv");
    corpus.extend(texts("tests/inputs", "csv"));
    let file = folder.path().join("x.csv");
    let mut read = 0;
    fire(26_000, 2, |rng| {
        let (k, l) = (below(rng, corpus.len()), below(rng, corpus.len()));
        let text = mutate(&corpus[k].1, &corpus[l].1, rng);
        std::fs::write(&file, &text).unwrap();
        let limit = (1 << 20) + 64 * text.len();
        let ok = guarded(limit, || {
            [
                nishina::lattice::files::read_edges(&file, "lattice.file").is_ok(),
                files::read_bonds(&file, "hamiltonian.bonds", 24).is_ok(),
                files::read_fields(&file, "hamiltonian.fields", 24).is_ok(),
                files::read_pauli(&file, "hamiltonian.file", 24).is_ok(),
            ]
        });
        let ok = ok.map_err(|fault| format!("{fault}\n{text}"))?;
        read += usize::from(ok.contains(&true));
        Ok(())
    });
    assert!(read as u64 > cases(26_000) / 50, "{read}");
    println!("{read} tables were read");
}

#[test]
fn pauli_strings() {
    const LETTERS: &[u8] = b"XYZxyzI0123456789 +-.eEi\t,_";
    let seeds = [
        "X0 Y3 Z4",
        "Z23",
        "",
        "X4294967295",
        "0.5+0.2i",
        "-1e-3-2e+5i",
        "i",
        "-i",
        "1e400i",
        "X0 X0",
        "X+1",
    ];
    let mut read = 0;
    fire(20_000, 3, |rng| {
        let text = if below(rng, 2) == 0 {
            let (k, l) = (below(rng, seeds.len()), below(rng, seeds.len()));
            mutate(seeds[k], seeds[l], rng)
        } else {
            (0..below(rng, 24))
                .map(|_| LETTERS[below(rng, LETTERS.len())] as char)
                .collect()
        };
        let parsed = guarded((1 << 16) + 64 * text.len(), || {
            let string = files::parse_string(&text, 24);
            if let Ok(string) = &string {
                let mut sites: Vec<u32> = string.iter().map(|f| f.0).collect();
                sites.sort_unstable();
                sites.dedup();
                assert!(
                    sites.len() == string.len() && sites.iter().all(|&s| s < 24),
                    "{string:?}"
                );
            }
            let number = files::parse_coefficient(&text);
            assert!(
                number
                    .as_ref()
                    .map_or(true, |c| c.re.is_finite() && c.im.is_finite()),
                "{number:?}"
            );
            string.is_ok() || number.is_ok()
        });
        read += usize::from(parsed.map_err(|fault| format!("{fault}\n`{text}`"))?);
        Ok(())
    });
    assert!(read > 100, "{read}");
}

/// A finished small run with every stateful part: a back-off, Adam, bins, samples.
fn finished() -> Case {
    let case = Case::new(&format!(
        "{RING}[optimize]\nsteps = 8\nmethod = \"adam\"\nlearning_rate = 0.05\n[measure]\nsamples \
         = 64\n\
         observables = [\"magnetisation\"]\n"
    ));
    let small = [
        "run",
        "x.toml",
        "--set",
        "lattice.size=4",
        "--set",
        "sampler.samples=32",
    ];
    expect_code(&case.alone(&small), 0);
    case
}

#[test]
fn damaged_files() {
    let case = finished();
    let folder = scratch();
    let names = ["x.ckpt.h5", "x.h5", "x.samples.h5"];
    let originals: Vec<Vec<u8>> = names
        .iter()
        .map(|n| std::fs::read(case.path(n)).unwrap())
        .collect();
    let file = folder.path().join("x.h5");
    fire(13_000, 4, |rng| {
        let k = below(rng, names.len());
        let mut bytes = originals[k].clone();
        let (a, b) = (below(rng, bytes.len()), below(rng, bytes.len()));
        let end = (a + 1 + below(rng, 600)).min(bytes.len());
        match below(rng, 7) {
            0 => bytes[a] ^= 1 << below(rng, 8),
            1 => bytes.truncate(a),
            2 => bytes[a..end].fill(0),
            3 => bytes[a..end]
                .iter_mut()
                .for_each(|byte| *byte = rng.random()),
            4 => {
                let piece = bytes[a..end].to_vec();
                let at = b.min(bytes.len() - piece.len());
                bytes[at..at + piece.len()].copy_from_slice(&piece);
            }
            5 => bytes.extend((0..1 + below(rng, 600)).map(|_| 0u8)),
            _ => drop(bytes.drain(a..end)),
        }
        let same = bytes == originals[k];
        std::fs::write(&file, &bytes).unwrap();
        // The checksum takes a buffer of 1 MiB; nothing of the file is parsed.
        let ok = guarded((2 << 20) + 64 * bytes.len(), || hdf5::read(&file).is_ok())?;
        if ok && !same {
            Err(format!("a damaged {} was accepted", names[k]))
        } else {
            Ok(())
        }
    });
}

/// One to three datasets lost, renamed, of another type or shape, or with values that no run
/// writes.
fn alter(tree: &mut Tree, rng: &mut Generator) -> String {
    let mut said = Vec::new();
    for _ in 0..1 + below(rng, 3) {
        let names: Vec<String> = tree.datasets.keys().cloned().collect();
        let name = names[below(rng, names.len())].clone();
        let other = names[below(rng, names.len())].clone();
        let integers = [0, -1, 1, 2, 1000, i64::MAX, i64::MIN, 1 << 40];
        let reals = [0.0, -1.0, 1e308, -1e308, 1e-320, 3.0, 1e18];
        let what = below(rng, 8);
        said.push(format!("{name}: change {what}"));
        match (what, tree.datasets.get(&name).cloned()) {
            (0, _) => drop(tree.datasets.remove(&name)),
            (1, Some(value)) => tree.put(&other, value),
            (2, _) => tree.put_text(
                &name,
                ["", "finished", "optimize", "measure", "evolve", "a = 1"][below(rng, 6)],
            ),
            (3, _) => tree.put_reals(&name, &vec![reals[below(rng, 7)]; below(rng, 50)]),
            (4, _) => tree.put_integer(&name, integers[below(rng, 8)]),
            (5, Some(Value::Real(a))) => {
                let values: Vec<f64> = a
                    .iter()
                    .map(|v| {
                        if below(rng, 3) == 0 {
                            reals[below(rng, 7)]
                        } else {
                            *v
                        }
                    })
                    .collect();
                tree.put(&name, Value::Real(shaped(a.shape(), values)));
            }
            (5, Some(Value::Integer(a))) => {
                let values: Vec<i64> = a.iter().map(|_| integers[below(rng, 8)]).collect();
                tree.put(&name, Value::Integer(shaped(a.shape(), values)));
            }
            (5, Some(Value::Spin(a))) => {
                let values: Vec<i8> = a.iter().map(|_| rng.random()).collect();
                tree.put(&name, Value::Spin(shaped(a.shape(), values)));
            }
            (6, Some(Value::Spin(a))) => {
                tree.put_spins(&name, &[0], &a.iter().copied().take(0).collect::<Vec<_>>())
            }
            (6, Some(Value::Real(a))) => {
                let keep = below(rng, a.len() + 1);
                tree.put_reals(&name, &a.iter().copied().take(keep).collect::<Vec<_>>());
            }
            _ => tree.put_spins(&name, &[2, 2], &[1, -1, 1, -1]),
        }
    }
    said.join(", ")
}

#[test]
fn altered_checkpoints() {
    // As it was, with more of everything, and with another number of chains.
    let all = [
        "lattice.size=4 sampler.samples=32",
        "lattice.size=4 sampler.samples=32 optimize.steps=10 measure.samples=128",
        "lattice.size=4 sampler.samples=32 sampler.chains=4 optimize.steps=10",
        "lattice.size=4 sampler.samples=32 measure.samples=512",
    ];
    alter_checkpoints(&finished(), &all, 5);
}

#[test]
fn altered_checkpoints_of_learning() {
    let case = Case::new(
        "[lattice]\nkind = 'chain'\nsize = 3\n[hamiltonian]\nkind = 'ising'\nhx = 1.0\n[ansatz]\n\
         kind = 'boltzmann'\ndensity = 1\nphase = true\n[sampler]\nmethod = 'full-sum'\n[learn]\n\
         objective = 'kullback-leibler'\ntarget = { kind = 'ground-state' }\nshots = 30\n\
         bases = ['ZZZ', 'XYZ']\nsteps = 5\nlearning_rate = 0.1\nrestarts = 2\n\
         test_fraction = 0.2\npatience = 2\n[output]\nsamples = 'none'\n",
    );
    let fault = [("NISHINA_FAULT", "kill@rank0:step7")];
    case.alone_with(
        &fault,
        &["run", "x.toml", "--set", "output.checkpoint_every=1e-9"],
    );
    let all = ["", "learn.steps=8", "seed=3"];
    alter_checkpoints(&case, &all, 7);
}

#[test]
fn altered_checkpoints_of_classical_spins() {
    let case = Case::new(
        "[lattice]\nkind = 'square'\nsize = [4, 4]\n[hamiltonian]\nkind = 'plaquette-ising'\n\
         k = 0.2\n[sampler]\nchains = 4\nsamples = 64\n[classical]\n\
         temperatures = [2.0, 2.6, 3.2]\nupdate = 'self-learning'\ntempering = 2\n\
         [classical.effective]\ntraining_samples = 64\n[phases]\ntask = 'classify'\n\
         critical_temperature = 2.4\nwidths = [3]\nepochs = 4\nseeds = 2\n\
         [output]\nsamples = 'none'\n",
    );
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let all = ["", "sampler.samples=128", "phases.epochs=7", "seed=3"];
    alter_checkpoints(&case, &all, 7);
}

#[test]
fn altered_checkpoints_of_a_table() {
    let curves = project().join("configs/data/curves.csv");
    let case = Case::new(&format!(
        "[regression]\ndata = {curves:?}\ninputs = ['x']\noutputs = ['sine']\nwidths = [3]\n\
         test_fraction = 0.2\nsteps = 6\nlearning_rate = 0.01\nrestarts = 2\n"
    ));
    expect_code(&case.alone(&["run", "x.toml"]), 0);
    let all = ["", "regression.steps=9", "seed=3"];
    alter_checkpoints(&case, &all, 9);
}

/// Goes on from the checkpoint of a finished run after changes of it, with some lists of settings.
fn alter_checkpoints(case: &Case, lists: &[&str], target: u64) {
    let folder = scratch();
    let text = std::fs::read_to_string(case.path("x.toml")).unwrap();
    let original = case.tree("x.ckpt.h5");
    let toml = folder.path().join("x.toml");
    std::fs::write(&toml, text).unwrap();
    let set = |extra: &&str| {
        let mut all = vec![format!("output.directory={}", folder.path().display())];
        all.extend(extra.split_whitespace().map(String::from));
        input::read(&toml, &all).unwrap()
    };
    let sources: Vec<_> = lists.iter().map(set).collect();
    let stop = Stop::unarmed();
    let (mut fine, mut refused) = (0, 0);
    fire(1_000, target, |rng| {
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path != toml {
                std::fs::remove_file(path).unwrap();
            }
        }
        let mut tree = original.clone();
        let said = alter(&mut tree, rng);
        hdf5::write_atomic(&folder.path().join("x.ckpt.h5"), &tree).unwrap();
        let source = &sources[below(rng, sources.len())];
        let options = Options {
            stop: &stop,
            fresh: false,
            registry: Registry::default(),
        };
        let outcome = guarded(64 << 20, || {
            let _ = commands::info(&folder.path().join("x.ckpt.h5"), &Registry::default());
            run(source, &Serial, &options).is_ok()
        });
        match outcome.map_err(|fault| format!("{fault}\n{said}"))? {
            true => fine += 1,
            false => refused += 1,
        }
        Ok(())
    });
    assert!(
        fine > 0 && refused > 0,
        "{fine} went on, {refused} were refused"
    );
    println!("{fine} altered checkpoints went on, {refused} were refused");
}

/// Where the numbers of the datasets stand in a file, and the bytes of its user block, as that
/// says.
fn regions(bytes: &[u8]) -> (usize, Vec<Region>) {
    let head = String::from_utf8_lossy(&bytes[..256]).into_owned();
    let words = head.lines().next().unwrap().rsplit(' ').next().unwrap();
    let block: usize = words.parse().unwrap();
    let table = String::from_utf8_lossy(&bytes[..block]).into_owned();
    let line = |line: &str| {
        let parts: Vec<&str> = line.trim_end_matches('\0').splitn(4, ' ').collect();
        let [_, start, length, name] = parts[..] else {
            return None;
        };
        Some(Region {
            name: name.to_string(),
            start: start.parse().ok()?,
            length: length.parse().ok()?,
        })
    };
    (block, table.lines().skip(3).filter_map(line).collect())
}

/// Numbers of a dataset replaced by others, in place: what no writer of this program would let
/// through.
fn spoil(bytes: &mut [u8], region: &Region, rng: &mut Generator) -> String {
    let place = &mut bytes[region.start as usize..(region.start + region.length) as usize];
    let reals = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e308,
        -1e308,
        5e-324,
        0.0,
    ]
    .map(f64::to_bits);
    let words = [
        reals.as_slice(),
        &[1, 2, 63, u64::MAX, 1 << 40, 1 << 62, i64::MIN as u64],
    ]
    .concat();
    let word = words[below(rng, words.len())].to_le_bytes();
    let what = below(rng, 4);
    match what {
        0 => place[below(rng, region.length as usize)] ^= 1 << below(rng, 8),
        1 => place
            .chunks_mut(8)
            .for_each(|number| number.copy_from_slice(&word[..number.len()])),
        2 => place.iter_mut().for_each(|byte| *byte = rng.random()),
        _ => {
            let numbers = place.len().div_ceil(8);
            let number = place.chunks_mut(8).nth(below(rng, numbers)).unwrap();
            number.copy_from_slice(&word[..number.len()]);
        }
    }
    format!("{}: {what} {:e}", region.name, f64::from_le_bytes(word))
}

#[test]
fn resealed_checkpoints() {
    let evolve = "[evolve]\ntime = 0.2\nstep = 0.05\n";
    let optimize = |method: &str| {
        format!("[optimize]\nsteps = 4\nmethod = \"{method}\"\nlearning_rate = 0.05\n")
    };
    let measure = "[measure]\nsamples = 64\nobservables = [\"magnetisation\"]\n";
    let inputs = [
        optimize("adam") + measure,
        optimize("march") + measure,
        optimize("spring") + evolve + measure,
        format!("{evolve}integrator = \"bogacki-shampine\"\n"),
    ];
    let folder = scratch();
    let stop = Stop::unarmed();
    let (mut fine, mut refused) = (0, 0);
    for (k, own) in inputs.iter().enumerate() {
        let small = RING
            .replace("size = 10", "size = 4")
            .replace("samples = 256", "samples = 32");
        let case = Case::new(&format!("{small}{own}"));
        expect_code(&case.alone(&["run", "x.toml"]), 0);
        let original = std::fs::read(case.path("x.ckpt.h5")).unwrap();
        let (block, mut regions) = regions(&original);
        // Texts are places in a heap, which the HDF5 library follows blindly: those the checksum
        // alone protects.
        let tree = case.tree("x.ckpt.h5");
        regions.retain(|r| !matches!(tree.datasets[&r.name], Value::Text(_) | Value::Texts(_)));
        let all = self::regions(&original).1;
        assert!(regions.len() > 20, "{}", regions.len());
        let directory = format!("output.directory={}", folder.path().display());
        let read = |more: &[&str]| {
            let all: Vec<String> = more
                .iter()
                .map(ToString::to_string)
                .chain([directory.clone()])
                .collect();
            input::read(&case.path("x.toml"), &all).unwrap()
        };
        // As it was, with more to do, and with more chains.
        let longer: &[&str] = match k {
            0 | 1 => &["optimize.steps=6", "measure.samples=128"],
            2 => &["optimize.steps=6"],
            _ => &["evolve.output_every=0.01"],
        };
        let sources = [
            read(&[]),
            read(longer),
            read(&[longer, &["sampler.chains=16"]].concat()),
        ];
        let checkpoint = folder.path().join("x.ckpt.h5");
        fire(100, 6 + k as u64, |rng| {
            for entry in std::fs::read_dir(folder.path()).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
            let mut bytes = original.clone();
            let spoilt = (0..1 + below(rng, 3))
                .map(|_| spoil(&mut bytes, &regions[below(rng, regions.len())], rng));
            let said: Vec<String> = spoilt.collect();
            std::fs::write(&checkpoint, &bytes).unwrap();
            seal(&checkpoint, block, all.clone()).unwrap();
            let options = Options {
                stop: &stop,
                fresh: false,
                registry: Registry::default(),
            };
            let outcome = guarded(64 << 20, || {
                let _ = commands::info(&checkpoint, &Registry::default());
                run(&sources[below(rng, sources.len())], &Serial, &options).is_ok()
            });
            match outcome.map_err(|fault| format!("{fault}\n{own}{said:?}"))? {
                true => fine += 1,
                false => refused += 1,
            }
            // Whatever it makes of it, its own files are sound.
            let results = folder.path().join("x.h5");
            if results.exists() {
                let tree = hdf5::read(&results).map_err(|e| e.to_string())?;
                tree.check_finite().map_err(|e| format!("{e}\n{said:?}"))?;
            }
            Ok(())
        });
    }
    assert!(
        fine > 0 && refused > 0,
        "{fine} went on, {refused} were refused"
    );
    println!("{fine} resealed checkpoints went on, {refused} were refused");
}
