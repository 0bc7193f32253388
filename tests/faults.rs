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
