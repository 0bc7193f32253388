//! Starts, runs the command line, and ends with the exit code.

use clap::{Parser, Subcommand};
use nishina::comm::{Comm, agree, mpi, same_everywhere};
use nishina::error::{EXIT_FINISHED, EXIT_STOPPED, Error, Result};
use nishina::exact::{ExactOptions, solve};
use nishina::io::output::results_among;
use nishina::registry::Registry;
use nishina::{commands, driver, input, io, job, linalg, plot, problem};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Variational Monte Carlo with neural-network quantum states
#[derive(Parser)]
#[command(name = "nishina", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run an input, or continue from the checkpoint beside its output
    Run {
        /// Input file (TOML)
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Start over and keep the old files aside
        #[arg(long)]
        fresh: bool,
    },
    /// Validate an input, try a piece of it, and print memory, time, sizes of files and a SLURM
    /// header
    Check {
        /// Input file (TOML)
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Ranks that the figures are for
        #[arg(long, default_value_t = 1)]
        ranks: usize,
        /// No trial: sizes and the cost model only
        #[arg(long)]
        quick: bool,
        /// Seconds that the trial may take
        #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
        within: f64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print what a result or checkpoint file holds
    Info {
        /// HDF5 file
        file: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Print the row of the variational benchmark tables: energy, sigma, variance, degrees of
        /// freedom, Einf
        #[arg(long, conflicts_with = "json")]
        varbench: bool,
    },
    /// Gather the results of a scan in one CSV table on standard output
    Gather {
        /// Result files (X.h5)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Live view of a running job from its results file; q leaves
    Watch {
        /// Results file X.h5
        file: PathBuf,
        /// Print one frame as plain text and leave
        #[arg(long)]
        once: bool,
    },
    /// The history of a run for other programs, on standard output
    Export {
        /// Results file X.h5
        file: PathBuf,
        /// A CSV table
        #[arg(long, required_unless_present = "netket", conflicts_with = "netket")]
        csv: bool,
        /// The JSON log of NetKet
        #[arg(long)]
        netket: bool,
    },
    /// Pictures of results files, several files in one picture (PNG and SVG)
    Plot {
        /// Results files X.h5; checkpoints and samples beside them are skipped
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Folder of the pictures (the first file's name with -plots)
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// Formats
        #[arg(long, value_enum, value_delimiter = ',', default_values = ["png", "svg"])]
        format: Vec<Format>,
        /// Width of PNG images in pixels
        #[arg(long, default_value_t = 1500)]
        width: u32,
        /// Exact energy of the whole system, or a file of `nishina exact --output`; one for all
        /// files, or one per file
        #[arg(long, value_name = "E|FILE", allow_hyphen_values = true)]
        exact: Vec<String>,
    },
    /// Lowest energies by Lanczos, where they fit
    Exact {
        /// Input file (TOML); only [lattice] and [hamiltonian] count
        input: PathBuf,
        /// Replace a key: section.key=value
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
        /// Number of states, lowest first
        #[arg(long, default_value_t = 1)]
        states: usize,
        /// Only this translation block: momentum indices, one per direction (2 pi m / L)
        #[arg(long, value_delimiter = ',')]
        momentum: Option<Vec<usize>>,
        /// Write energies and amplitudes to this HDF5 file
        #[arg(long)]
        output: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Energy at zero variance from several results of one Hamiltonian
    Extrapolate {
        /// HDF5 files of results
        #[arg(required = true, num_args = 2..)]
        files: Vec<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the input
    Schema,
}

/// Formats of pictures.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Format {
    Png,
    Svg,
}

fn main() {
    // A panic on any rank ends the whole job with its message.
    mpi::install_panic_hook();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(e) => {
            let _ = e.print();
            std::process::exit(if e.use_stderr() { 64 } else { EXIT_FINISHED });
        }
    };
    let code = match arguments.command {
        Command::Run {
            input,
            settings,
            fresh,
        } => run(&input, &settings, fresh),
        Command::Check {
            input,
            settings,
            ranks,
            quick,
            within,
            json,
        } => {
            let seconds = if quick || !within.is_finite() {
                0.0
            } else {
                within.clamp(0.0, 86_400.0)
            };
            alone(|| check(&input, &settings, ranks.max(1), seconds, json))
        }
        Command::Info {
            file,
            varbench: true,
            ..
        } => alone(|| answer(&commands::varbench(&file)?)),
        Command::Info { file, json, .. } => alone(|| {
            let info = commands::info(&file)?;
            answer(&if json {
                info.to_string()
            } else {
                commands::info_text(&info)
            })
        }),
        Command::Gather { files } => {
            alone(|| answer(&commands::gather::table(&results_among(&files))?))
        }
        Command::Watch { file, once } => alone(|| match once {
            true => answer(&commands::watch::once(&file, 100, 36)?),
            false => commands::watch::live(&file),
        }),
        Command::Export { file, netket, .. } => alone(|| {
            answer(&if netket {
                commands::export::netket(&file)?
            } else {
                commands::export::csv(&file)?
            })
        }),
        Command::Plot {
            files,
            output,
            format,
            width,
            exact,
        } => alone(|| {
            let files = results_among(&files);
            let stem = files[0]
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let output = output.unwrap_or_else(|| format!("{stem}-plots").into());
            let (png, svg) = (format.contains(&Format::Png), format.contains(&Format::Svg));
            let lines = plot::plot(
                &files,
                &plot::PlotOptions {
                    output,
                    png,
                    svg,
                    width,
                    exact,
                },
            )?;
            answer(&lines.join("\n"))
        }),
        Command::Exact {
            input,
            settings,
            states,
            momentum,
            output,
            json,
        } => alone(|| exact(&input, &settings, states, momentum, output, json)),
        Command::Extrapolate { files, json } => alone(|| {
            let result = commands::extrapolate(&results_among(&files))?;
            answer(&if json {
                result.to_string()
            } else {
                commands::extrapolate_text(&result)
            })
        }),
        Command::Schema => alone(|| answer(&format!("{:#}", commands::schema()))),
    };
    std::process::exit(code);
}

/// Log to standard error; only rank 0 speaks.
fn start_log(speaks: bool) {
    let level = if speaks { "info" } else { "off" };
    let environment = env_logger::Env::default().default_filter_or(level);
    let mut builder = env_logger::Builder::from_env(environment);
    if !speaks {
        builder.filter_level(log::LevelFilter::Off);
    }
    let _ = builder
        .format(|out, record| match record.level() {
            log::Level::Info => writeln!(out, "{}", record.args()),
            level => writeln!(out, "{}: {}", level.as_str().to_lowercase(), record.args()),
        })
        .try_init();
}

/// A command without ranks.
fn alone(command: impl FnOnce() -> Result<()>) -> i32 {
    start_log(true);
    match command() {
        Ok(()) => EXIT_FINISHED,
        Err(e) => {
            eprintln!("error: {e}");
            e.exit_code()
        }
    }
}

fn answer(text: &str) -> Result<()> {
    // A reader that closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

/// Seconds that a rank with an error waits for the others to come to the same one, before it ends
/// the job alone.
const PATIENCE: f64 = 2.0;

fn run(path: &Path, settings: &[String], fresh: bool) -> i32 {
    job::free_file_locks();
    let kernel = job::ensure_blas_kernel();
    // A signal from here on asks for a stop.
    let stop = job::Stop::install();
    let patience = job::choose_instructions().and_then(|_| job::heartbeat_patience());
    let comm = match patience.and_then(|patience| mpi::start(job::launcher_present(), patience)) {
        Ok(comm) => comm,
        Err(e) => {
            eprintln!("error: {e}");
            return e.exit_code();
        }
    };
    start_log(comm.is_root());
    let simd = linalg::simd::Simd::chosen().name();
    log::info!(
        "nishina {}, BLAS kernel {kernel}, vector instructions {simd}",
        env!("CARGO_PKG_VERSION")
    );
    match stop.and_then(|mut stop| run_on(&*comm, &mut stop, path, settings, fresh)) {
        Ok(driver::Outcome::Finished) => comm.leave(EXIT_FINISHED, None, PATIENCE),
        Ok(driver::Outcome::Stopped) => comm.leave(EXIT_STOPPED, None, PATIENCE),
        Err(e) => {
            let message = format!("error: {e}");
            comm.leave(
                e.exit_code(),
                (e != Error::Elsewhere).then_some(&message),
                PATIENCE,
            )
        }
    }
}

fn run_on(
    comm: &dyn Comm,
    stop: &mut job::Stop,
    path: &Path,
    settings: &[String],
    fresh: bool,
) -> Result<driver::Outcome> {
    job::world_mismatch(comm.size())?;
    if comm.size() > 1 {
        same_everywhere(
            comm,
            job::program_digest(),
            "the ranks run different programs; start one file on all hosts, from a folder that \
             they share",
        )?;
    }
    let source = agree(comm, input::read(path, settings))?;
    same_everywhere(
        comm,
        source.digest,
        "the ranks read different inputs; start them with the same command, on one file that all \
         hosts see",
    )?;
    linalg::blas::set_threads(source.input.threads);
    job::placement::report(comm, source.input.threads)?;
    stop.deadline(source.input.output.max_time);
    if comm.is_root() {
        stop.job_end(job::time_left());
    }
    driver::run(
        &source,
        comm,
        &driver::Options {
            stop,
            fresh,
            registry: Registry::default(),
        },
    )
}

/// Seconds of the trial; none with 0.
fn check(path: &Path, settings: &[String], ranks: usize, seconds: f64, json: bool) -> Result<()> {
    job::free_file_locks();
    job::ensure_blas_kernel();
    let stop = job::Stop::install()?;
    let source = input::read(path, settings)?;
    let problem = problem::problem(&source, &Registry::default())?;
    driver::validate_evolution(&source, &problem)?;
    let mut ensemble = problem::ensemble(&source, &problem, 0, ranks)?;
    driver::start_evolution(&source, &mut *ensemble)?;
    let local = ranks.min(job::placement::cores());
    let plan = commands::plan(
        &source,
        &problem,
        &*ensemble,
        ranks,
        linalg::total_memory() / local as f64,
    )?;
    if let Some(method) = &plan.method {
        problem::optimizer(&source.input, &problem.registry, method)?;
    }
    driver::Orthogonal::new(&source, &problem, 0, ranks)?;
    let mut observables = Vec::new();
    if let Some(m) = &source.input.measure {
        observables =
            problem::observables(&source, &problem, &m.observables, "measure.observables")?;
        driver::Target::new(m, &observables)?;
    }
    drop(ensemble);
    let forecast = forecast(path, settings, &source, &plan, &observables, seconds, &stop)?;
    let name = source.input.output.name.clone().unwrap_or_default();
    let header = commands::header(&name, &plan, source.input.threads, &forecast);
    if json {
        let mut object = plan.json();
        forecast.add_to(&mut object, &header);
        return answer(&object.to_string());
    }
    let chains = source.input.sampler.clone().unwrap_or_default().chains;
    let own = "(in place of those of jobs/slurm-run.sh)";
    let more = format!("--ranks n is for n ranks, {chains} at most");
    answer(&format!(
        "{}\n{}\n\nLines of a job script {own}; {more}:\n{header}",
        plan.text(&source.input.title),
        forecast.text()
    ))
}

/// By a trial where there is time and memory for one, else by the cost model.
fn forecast(
    path: &Path,
    settings: &[String],
    source: &input::Source,
    plan: &commands::Plan,
    observables: &[nishina::observable::Named],
    seconds: f64,
    stop: &job::Stop,
) -> Result<commands::Forecast> {
    let mut modelled = commands::modelled(plan);
    if seconds <= 0.0 {
        return Ok(modelled);
    }
    let input = &source.input;
    if input.optimize.is_none() && input.evolve.is_none() && input.measure.is_none() {
        modelled
            .notes
            .push("there is nothing to run: neither [optimize] nor [evolve] nor [measure]".into());
        return Ok(modelled);
    }
    if let Err(e) = plan.refuse_trial(job::placement::cores()) {
        modelled.notes.push(format!(
            "from the cost model alone, without a trial on this machine: {e}"
        ));
        return Ok(modelled);
    }
    let method = plan.method.as_ref().map(|m| m.0.as_str());
    log::info!(
        "a trial: a few steps in a temporary folder, at most {seconds:.0} s (--quick leaves it out)"
    );
    let asked = driver::trial::Asked {
        path,
        settings,
        source,
        method,
        ranks: plan.ranks,
        seconds,
        stop,
    };
    match driver::trial::trial(&asked)? {
        Some(trial) => Ok(commands::forecast(
            source,
            plan,
            observables,
            &trial,
            linalg::product_rate(),
        )),
        None => {
            modelled
                .notes
                .push("from the cost model alone: the trial taught nothing".into());
            Ok(modelled)
        }
    }
}

fn exact(
    path: &Path,
    settings: &[String],
    states: usize,
    momentum: Option<Vec<usize>>,
    output: Option<PathBuf>,
    json: bool,
) -> Result<()> {
    job::ensure_blas_kernel();
    let source = input::read(path, settings)?;
    let problem = problem::problem(&source, &Registry::default())?;
    let options = ExactOptions {
        states,
        momentum,
        seed: source.input.seed,
        memory_limit: linalg::available_memory(),
    };
    let result = solve(
        &*problem.hamiltonian,
        &problem.basis,
        Some(&problem.lattice),
        &options,
    )?;
    if let Some(path) = output {
        io::hdf5::write_atomic(&path, &result.to_tree())?;
    }
    let energies = &result.energies;
    if json {
        return answer(
            &serde_json::json!({ "energies": energies, "residuals": result.residuals, "states": result.dimension })
                .to_string(),
        );
    }
    let lines: Vec<_> = energies
        .iter()
        .enumerate()
        .map(|(k, e)| format!("E{k} = {e:.12}"))
        .collect();
    answer(&format!(
        "{} states\n{}",
        result.dimension,
        lines.join("\n")
    ))
}
