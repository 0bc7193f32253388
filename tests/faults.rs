//! Nothing hangs: a fault on one rank ends the job on all within 10 s, with its message and a code
//! that is not 0.

mod common;
use common::{Case, RING, expect_code, mpirun, program, text};

const PLAN: &str =
    "[optimize]\nsteps = 100000\nlearning_rate = 0.05\n[output]\ncheckpoint_every = 0.01\n";

#[test]
fn a_rank_that_fails_ends_the_job() {
    for (fault, codes, message) in [
        (
            "panic@rank1:step3",
            &[101][..],
            "NISHINA_FAULT asks for a panic after 3 blocks",
        ),
        (
            "panic@rank0:step3",
            &[101],
            "NISHINA_FAULT asks for a panic",
        ),
        ("kill@rank1:step3", &[137], "signal 9"),
        ("exit@rank2:step3", &[7, 1], "exit"),
        ("allocate@rank1:step3", &[134], "memory allocation of"),
        (
            "output@rank2:step3",
            &[74],
            "error: nowhere: NISHINA_FAULT asks for an error",
        ),
        (
            "output@rank0:step3",
            &[74],
            "error: nowhere: NISHINA_FAULT asks for an error",
        ),
    ] {
        let case = Case::new(&format!("{RING}{PLAN}"));
        let mut run = case.launch(3, &["run", "x.toml"], &[("NISHINA_FAULT", fault)]);
        run.wait_for("step 1 ");
        let code = run.end_within(10.0);
        assert!(codes.contains(&code), "{fault}: {code}: {}", run.said());
        assert!(
            run.said().to_lowercase().contains(&message.to_lowercase()),
            "{fault}: {}",
            run.said()
        );
        assert!(run.ranks().is_empty(), "{fault}");
        // What is on the disk is whole, and without the fault the run goes on.
        let out = case.ranks(3, &["run", "x.toml", "--set", "optimize.steps=3"]);
        expect_code(&out, 0);
    }
    let case = Case::new(&format!("{RING}{PLAN}"));
    let mut run = case.launch(
        0,
        &["run", "x.toml"],
        &[("NISHINA_FAULT", "sleep@rank1:step3")],
    );
    assert_eq!(run.end_within(10.0), 64);
    assert!(run.said().contains("names no fault"), "{}", run.said());
}

/// One rank with each command line.
fn side_by_side(lines: &[Vec<&str>]) -> Vec<String> {
    let mut command = mpirun(1);
    for (k, line) in lines.iter().enumerate() {
        if k > 0 {
            command.extend([":", "-np", "1"].map(String::from));
        }
        command.extend(line.iter().map(ToString::to_string));
    }
    command
}

#[test]
fn ranks_that_do_not_belong_together_are_refused() {
    let case = Case::new(&format!("{RING}{PLAN}"));
    let input = std::fs::read_to_string(case.path("x.toml")).unwrap();
    std::fs::write(case.path("y.toml"), input.replace("hx = 1.0", "hx = 1.5")).unwrap();
    let other = case.path("other");
    std::fs::copy(program(), &other).unwrap();
    use std::io::Write;
    std::fs::File::options()
        .append(true)
        .open(&other)
        .unwrap()
        .write_all(b"\n")
        .unwrap();
    let bonds = input.replace(
        "kind = \"ising\"\nhx = 1.0",
        "kind = \"bonds\"\nunits = \"spin\"\nbonds = \"b.csv\"",
    );
    for (folder, coupling) in [("a", "1"), ("b", "2")] {
        std::fs::create_dir(case.path(folder)).unwrap();
        std::fs::write(case.path(folder).join("x.toml"), &bonds).unwrap();
        std::fs::write(
            case.path(folder).join("b.csv"),
            format!("i,j,Jx,Jy,Jz\n0,1,0,0,{coupling}\n"),
        )
        .unwrap();
    }
    let (mine, theirs) = (program(), other.to_str().unwrap());
    for (lines, code, words) in [
        (
            [vec![mine, "run", "x.toml"], vec![mine, "run", "y.toml"]],
            70,
            "the ranks read different inputs or have different options; start them",
        ),
        (
            [
                vec![mine, "run", "x.toml"],
                vec![mine, "run", "x.toml", "--fresh", "--set", "seed=8"],
            ],
            70,
            "different inputs",
        ),
        (
            [
                vec![mine, "run", "x.toml", "--fresh"],
                vec![mine, "run", "x.toml"],
            ],
            70,
            "different options",
        ),
        (
            [vec![mine, "run", "x.toml"], vec![theirs, "run", "x.toml"]],
            70,
            "different programs; start one file",
        ),
        (
            [vec![mine, "run", "x.toml"], vec![mine, "run", "none.toml"]],
            64,
            "none.toml: the input file cannot be read",
        ),
        (
            [
                vec!["-wdir", "a", mine, "run", "x.toml"],
                vec!["-wdir", "b", mine, "run", "x.toml"],
            ],
            70,
            "different files",
        ),
    ] {
        let mut run = case.start(&side_by_side(&lines), &[]);
        assert_eq!(run.end_within(10.0), code, "{}", run.said());
        assert_eq!(run.said().matches("error: ").count(), 1, "{}", run.said());
        assert!(run.said().contains(words), "{}", run.said());
        assert!(!case.path("x.h5").exists());
    }
}

/// Whatever file an input names: each rank would go its own way.
#[test]
fn ranks_that_read_different_files_are_refused() {
    let plan = "[optimize]\nsteps = 2\nlearning_rate = 0.05\n[measure]\nsamples = 256\n";
    let ring = format!("{RING}{plan}");
    let load = ring.replace("density = 1", "density = 1\nload = 'state.h5'");
    let pauli = "observables = [{ kind = 'pauli', name = 'bond', file = 'terms.csv' }]\n";
    let ortho = "learning_rate = 0.05\northogonal_to = [{ file = 'state.h5', weight = 5.0 }]";
    let start =
        "[evolve]\ntime = 0.02\nstep = 0.01\nstart = { kind = 'file', file = 'state.h5' }\n";
    let space = "[holography]\nexperiment = 'synthetic'\nepochs = 3\ndata = 'points.csv'\n";
    let table = "[regression]\ndata = 'points.csv'\ninputs = ['phi']\noutputs = ['pi']\nsteps = \
                 3\nlearning_rate = 0.1\n";
    for (input, file) in [
        (load, "state.h5"),
        (format!("{ring}{pauli}"), "terms.csv"),
        (ring.replace("learning_rate = 0.05", ortho), "state.h5"),
        (format!("{RING}{start}"), "state.h5"),
        (space.to_string(), "points.csv"),
        (table.to_string(), "points.csv"),
    ] {
        let case = Case::new(&ring);
        for (folder, seed) in [("a", "seed=1"), ("b", "seed=2")] {
            let at = |name: &str| case.path(folder).join(name);
            std::fs::create_dir(case.path(folder)).unwrap();
            std::fs::write(at("x.toml"), &input).unwrap();
            let digit = seed.replace("seed=", "");
            std::fs::write(
                at("terms.csv"),
                format!("coefficient,string\n{digit}.0,Z0 Z1\n"),
            )
            .unwrap();
            let points = format!("phi,pi,label\n0.{digit},0.1,0\n0.4,0.2,1\n");
            std::fs::write(at("points.csv"), points).unwrap();
            let directory = format!("output.directory={folder}");
            let arguments = ["run", "x.toml", "--set", seed, "--set", &directory];
            let name = ["--set", "output.name=state"];
            expect_code(&case.alone(&[&arguments[..], &name].concat()), 0);
        }
        let mine = program();
        let lines = ["a", "b"].map(|folder| vec!["-wdir", folder, mine, "run", "x.toml"]);
        let mut run = case.start(&side_by_side(&lines), &[]);
        assert_eq!(run.end_within(10.0), 70, "{file}: {}", run.said());
        let said = run.said();
        assert_eq!(said.matches("error: ").count(), 1, "{file}: {said}");
        assert!(said.contains("different files"), "{file}: {said}");
        assert!(!case.path("a/x.h5").exists());
        std::fs::copy(case.path("a").join(file), case.path("b").join(file)).unwrap();
        let mut run = case.start(&side_by_side(&lines), &[]);
        assert_eq!(run.end_within(60.0), 0, "{file}: {}", run.said());
    }
}

#[test]
fn copies_that_do_not_know_of_each_other_are_refused() {
    let case = Case::new(&format!("{RING}{PLAN}"));
    // What a task of srun sees without an MPI plugin, and one of another library's mpirun.
    let of_srun = [
        ("SLURM_PROCID", "1"),
        ("SLURM_STEP_ID", "0"),
        ("SLURM_STEP_NUM_TASKS", "4"),
    ];
    for variables in [&of_srun[..], &[("PMI_SIZE", "4"), ("PMI_RANK", "1")]] {
        let mut run = case.launch(0, &["run", "x.toml"], variables);
        assert_eq!(run.end_within(10.0), 70, "{}", run.said());
        assert!(
            run.said()
                .contains("tasks were started but MPI sees one rank in each"),
            "{}",
            run.said()
        );
        assert!(run.said().contains("srun --mpi=pmix"), "{}", run.said());
        assert!(!case.path("x.h5").exists());
    }
    // Two mpiruns side by side on one output are two jobs.
    let mut first = case.launch(1, &["run", "x.toml"], &[]);
    first.wait_for("step 3 ");
    let second = case.ranks(1, &["run", "x.toml"]);
    expect_code(&second, 74);
    assert!(
        text(&second).contains("another run is writing"),
        "{}",
        text(&second)
    );
    first.signal("USR1");
    assert_eq!(first.end_within(10.0), 75, "{}", first.said());
}
