#!/usr/bin/env python3
"""Runs inputs on one core and prints what each reached, as rows of a Markdown table.

    benches/accuracy.py configs/quickstart.toml configs/tfim-chain-10-*.toml
    benches/accuracy.py --density 1,2,4 configs/tfim-chain-80-*.toml configs/heisenberg-chain-80.toml

Columns: the relative error, the V-score, <S^2> where the input conserves total Sz and is one of spins one half (0 in a singlet), CPU
seconds of the whole run, and the seconds of optimisation after which the mean energy of a twentieth of the steps first lay within 1e-2,
1e-3 and 1e-4 of the reference. The last ones need h5py.

The reference energy is the number after "state:" or "energy:" in the comments at the head of an input ("E(error)" where it has an error
bar of its own). Runs go on from their checkpoints, so that a list that was interrupted is completed by the same command;
CPU seconds add up over the attempts. The program is target/release/nishina, or $NISHINA.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.environ.get("NISHINA", os.path.join(ROOT, "target", "release", "nishina"))
STOPPED = 75
REACHED = (1e-2, 1e-3, 1e-4)


def reference(text):
    """Energy and its error from the comments of an input; None where there is none."""
    for line in text.splitlines():
        found = re.match(r"#.*(?:state|energy): (-?\d+\.(\d+))(?:\((\d+)\))?", line)
        if found:
            error = int(found[3]) * 10.0 ** -len(found[2]) if found[3] else 0.0
            return float(found[1]), error
    return None, 0.0


def cpu_children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def spent(path):
    try:
        with open(path) as file:
            return float(file.read())
    except FileNotFoundError:
        return 0.0


def run(path, name, changes, options):
    """Runs one input to its end; returns exit code, JSON of `info` and CPU seconds."""
    command = ["nice", "-n", str(options.nice)]
    if options.core is not None:
        command += ["taskset", "-c", str(options.core)]
    command += [PROGRAM, "run", os.path.abspath(path)]
    command += [word for change in [f'output.name="{name}"', *changes, *options.set] for word in ("--set", change)]
    clock = os.path.join(options.folder, name + ".cpu")
    if options.fresh:
        command.append("--fresh")
        if os.path.exists(clock):
            os.remove(clock)
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    while True:
        before = cpu_children()
        with open(os.path.join(options.folder, name + ".log"), "a") as log:
            code = subprocess.run(command, cwd=options.folder, env=environment, stdout=log, stderr=log).returncode
        used = cpu_children() - before
        # A finished run that is run again takes milliseconds and does not count.
        total = spent(clock) + (used if used > 0.1 or not os.path.exists(clock) else 0.0)
        with open(clock, "w") as file:
            file.write(f"{total:.3f}")
        if code != STOPPED:
            break
        command = [word for word in command if word != "--fresh"]
    if code != 0:
        return code, None, total
    info = subprocess.run(
        [PROGRAM, "info", name + ".h5", "--json"], cwd=options.folder, capture_output=True, text=True, check=True
    )
    return 0, json.loads(info.stdout), total


def seconds_to(path, exact):
    """Seconds of optimisation until a twentieth of the steps has a mean energy within each of REACHED of the reference; None for never."""
    try:
        import h5py
    except ImportError:
        return [None] * len(REACHED)
    with h5py.File(path, "r") as file:
        energy = file["optimize/history/energy"][...]
        clock = file["timing/step_seconds"][...].cumsum()
    length = max(1, len(energy) // 20)
    ends = range(length, min(len(energy), len(clock)) + 1)
    means = [(energy[end - length : end].mean(), clock[end - 1]) for end in ends]
    return [next((time for mean, time in means if mean - exact < wanted * abs(exact)), None) for wanted in REACHED]


def number(value):
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def short(seconds):
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.2g}"


def row(path, density, options):
    with open(path) as file:
        text = file.read()
    exact, uncertain = reference(text)
    stem = os.path.splitext(os.path.basename(path))[0]
    changes = [f"ansatz.density={density}"] if density else []
    singlets = "total_sz" in text and "observables" not in text
    if singlets:
        changes.append('measure.observables=["total-spin"]')
    name = f"{stem}-density-{density}" if density else stem
    code, info, cpu = run(path, name, changes, options)
    cells = [stem, str(density)] if density else [stem]
    if info is None:
        return "| " + " | ".join([*cells, f"ended with code {code}", "", "", "", "", f"{cpu:.2g}"]) + " |"
    energy = info["energy"]
    error = energy["error"]
    if exact is None:
        cells += ["", f"{energy['mean']:.6f} ± {error:.0e}", ""]
    else:
        scale = abs(exact)
        relative = (energy["mean"] - exact) / scale
        bar = (error**2 + uncertain**2) ** 0.5 / scale
        cells += [f"{exact:.6f}", f"{energy['mean']:.6f} ± {error:.0e}", f"{number(relative)} ± {number(bar)}"]
    spin = f"{info['observables']['total-spin']['mean']:.2g}" if singlets else ""
    cells += [number(energy["v_score"]), spin, str(info["steps"]), short(cpu)]
    times = seconds_to(os.path.join(options.folder, name + ".h5"), exact) if exact is not None else [None] * len(REACHED)
    cells += ["" if time is None else short(time) for time in times]
    return "| " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--folder", default=os.path.join(ROOT, "target", "accuracy"), help="where results go")
    parser.add_argument("--core", type=int, default=None, help="pin to this core")
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--fresh", action="store_true", help="start over instead of going on")
    parser.add_argument("--set", action="append", default=[], help="passed on to the program")
    parser.add_argument("--density", default="", help="runs each input with these densities of hidden units: 1,2,4")
    options = parser.parse_args()
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} is not built: cargo build --release, or set NISHINA")
    os.makedirs(options.folder, exist_ok=True)
    densities = [int(word) for word in options.density.split(",") if word] or [None]
    size = " density |" if options.density else ""
    print(f"| input |{size} exact | measured | relative error | V-score | <S^2> | steps | CPU s | s to 1e-2 | 1e-3 | 1e-4 |")
    print("| --- |" + (" --- |" if size else "") + " --- |" * 10)
    for path in options.inputs:
        for density in densities:
            print(row(path, density, options), flush=True)


if __name__ == "__main__":
    main()
