"""Runs nishina and NetKet in turn on one core and prints the ratios; called by run.sh, which makes NetKet available.

A step of nishina is timed from outside: the CPU seconds of a run of K + 1 steps less those of a run of one step, over K. A
proposal likewise: the same run with more sweeps between samples. So everything a user pays for is in the figures, and
nothing has to be switched on in the program. NetKet counts its own CPU seconds inside the process, after two steps that
compile, which favours NetKet.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.environ.get("NISHINA", os.path.join(ROOT, "target", "release", "nishina"))
ONE_THREAD = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

# Density, timed steps of nishina and of NetKet, extra sweeps.
CASES = {
    "W1": [(1, 20, 10, 50), (4, 8, 5, 20)],
    "W2dense": [(2, 4, 2, 10)],
    "W2symm": [(4, 8, 2, 10), (8, 4, 2, 10)],
    "W4": [(4, 3, 2, 0)],
}
SITES = {"W1": 40, "W2dense": 100, "W2symm": 100, "W4": 20}
SAMPLES = 1024


def pinned(core, command, folder):
    """Runs a command on one core; returns output, wall seconds, CPU seconds and peak megabytes of that process."""
    command = ["nice", "-n", NICE, "taskset", "-c", str(core)] + command
    with open(os.path.join(folder, "log"), "a") as log, open(os.path.join(folder, "out"), "w") as out:
        start = time.time()
        process = subprocess.Popen(command, cwd=folder, env=ONE_THREAD, stdout=out, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.time() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}: see {folder}/log")
    with open(os.path.join(folder, "out")) as out:
        return out.read(), wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def ours(workload, case, core, folder, changes=()):
    density, steps, _, sweeps = case
    counter = iter(range(1000))

    def run(*settings):
        command = [PROGRAM, "run", os.path.join(HERE, workload + ".toml")]
        words = [f"ansatz.density={density}", f'output.name="{workload}-{next(counter)}"', *changes, *settings]
        command += [part for word in words for part in ("--set", word)]
        return pinned(core, [*command, "--fresh"], folder)[1:]

    if workload == "W4":
        # Heun: two right-hand sides a step; both runs write one output besides the initial one.
        _, cpu_one, _ = run("evolve.time=0.01", "evolve.output_every=0.01")
        _, cpu_all, memory = run(f"evolve.time={0.01 * (steps + 1)}", f"evolve.output_every={0.01 * (steps + 1)}")
        return dict(side="nishina", cpu_per_step=(cpu_all - cpu_one) / (2 * steps), peak_megabytes=memory)
    wall_one, cpu_one, _ = run("optimize.steps=1")
    wall_all, cpu_all, memory = run(f"optimize.steps={steps + 1}")
    _, cpu_sweeps, _ = run(f"optimize.steps={steps + 1}", f"sampler.sweeps={1 + sweeps}")
    proposals = (steps + 1) * sweeps * SAMPLES * SITES[workload]
    return dict(
        side="nishina",
        cpu_per_step=(cpu_all - cpu_one) / steps,
        wall_per_step=(wall_all - wall_one) / steps,
        proposals_per_cpu_second=proposals / (cpu_sweeps - cpu_all),
        wall_to_first_step=wall_one,
        cpu_to_first_step=cpu_one,
        peak_megabytes=memory,
    )


def theirs(workload, case, core, folder, words=()):
    density, _, steps, _ = case
    script = os.path.join(HERE, "netket_step.py")
    command = [sys.executable, script, workload, "--density", str(density), "--steps", str(steps), *words]
    return json.loads(pinned(core, command, folder)[0].strip().splitlines()[-1])


def median(runs, key):
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


QUANTITIES = [
    ("cpu_per_step", "CPU s per step", "lower"),
    ("wall_per_step", "wall s per step", "lower"),
    ("proposals_per_cpu_second", "proposals per CPU s", "higher"),
    ("wall_to_first_step", "start to first step, wall s", "lower"),
    ("cpu_to_first_step", "start to first step, CPU s", "lower"),
    ("peak_megabytes", "peak memory, MB", "lower"),
]


def report(name, left, right):
    for key, title, better in QUANTITIES:
        a, b = median(left, key), median(right, key)
        if a is None or b is None:
            continue
        ratio = b / a if better == "lower" else a / b
        print(f"| {name} | {title} | {a:.3g} | {b:.3g} | {ratio:.3g} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(CASES))
    parser.add_argument("--rounds", type=int, default=2, help="each side runs this often, in turn")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--nice", default="0")
    parser.add_argument("--density", type=int, help="this density of hidden units alone")
    options = parser.parse_args()
    global NICE
    NICE = options.nice
    print("| workload | quantity | nishina | NetKet | ratio |\n| --- | --- | --- | --- | --- |", flush=True)
    for workload in options.workloads:
        if workload not in CASES:
            sys.exit(f"{workload} is none of {', '.join(CASES)}")
        for case in CASES[workload]:
            if options.density not in (None, case[0]):
                continue
            variants = [("", (), ())]
            if workload == "W4":
                variants = [
                    ("pseudo-inverse", ("evolve.pseudo_inverse=1e-8", "evolve.signal_to_noise=0"), ()),
                    ("Cholesky", ("evolve.shift=1e-4",), ("--solver", "cholesky")),
                ]
            for title, changes, words in variants:
                left, right = [], []
                with tempfile.TemporaryDirectory() as folder:
                    for _ in range(options.rounds):
                        left.append(ours(workload, case, options.core, folder, changes))
                        right.append(theirs(workload, case, options.core, folder, words))
                report(f"{workload}, density {case[0]}" + (f", {title}" if title else ""), left, right)


if __name__ == "__main__":
    main()
