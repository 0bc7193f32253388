#!/usr/bin/env python3
"""Draws the energies of several wave functions beside Boltzmann machines of growing density, computed by one program.

    jobs/lecture.py                                       # runs what is missing, writes the table, draws
    jobs/lecture.py --from-table                          # draws the kept table, without a run
    jobs/lecture.py --only 'ising-h1-*' --folder runs --launcher 'mpirun -n 4'

Each input of configs/lecture is a wave function of a panel, PANEL-STATE.toml; SIZES names the key that makes it larger.
The reference energy is the number behind "state:" in the comments of the input, "E(error)" where it has an error of its
own. A finished run is not repeated, a stopped one goes on; CPU seconds add up. Needs matplotlib and h5py, and for runs
the program: target/release/nishina, or $NISHINA.
"""

import argparse
import csv
import fnmatch
import json
import os
import re
import resource
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STOPPED = 75
COLUMNS = ["panel", "state", "size", "energy", "error", "exact", "exact_error", "parameters", "v_score", "seed"]
COLUMNS += ["steps", "cpu_seconds", "warnings"]

# The key that makes a state larger, and its values on chains and on squares.
SIZES = {
    "rbm": ("ansatz.density", ["1", "2", "4", "8"], ["1", "2", "4", "8"]),
    "jastrow": (None, [""], [""]),
    "mps": ("ansatz.bond_dimension", ["4", "8", "16", "32"], ["4", "8", "16", "32"]),
    "eps": ("ansatz.cluster", ["2", "4", "6", "8"], ["2x2", "3x2", "3x3"]),
    "peps": ("ansatz.bond_dimension", [], ["2"]),
    "dbm": (None, [""], [""]),
}
# Large matrix products start from the next smaller one of the figure: its size, steps, samples of the measurement.
GROWN = {"16": ("8", 8, 2048), "32": ("16", 3, 1024)}
PANELS = {
    "ising-h0.5": "Ising ring, N = 80, h = 0.5",
    "ising-h1": "Ising ring, N = 80, h = 1",
    "ising-h2": "Ising ring, N = 80, h = 2",
    "heisenberg-chain": "Heisenberg ring, N = 80",
    "heisenberg-square": "Heisenberg 10 × 10, periodic",
    "heisenberg-open": "Heisenberg 10 × 10, open",
}
# Name, colour and the word for its size in the figure.
LOOKS = {
    "rbm": ("Boltzmann machine", "#1f5fa8", "α ="),
    "jastrow": ("Jastrow", "#707070", "Jastrow"),
    "mps": ("matrix products", "#2b8a57", "MPS"),
    "eps": ("plaquettes", "#c2571a", "EPS"),
    "peps": ("entangled pairs", "#8a6d1f", "PEPS"),
    "dbm": ("deep machine, constructed", "#7b4ea3", "DBM"),
}


def reference(text):
    """Energy and its error from the comments of an input."""
    found = re.search(r"^#.*state: (-?\d+\.(\d+))(?:\((\d+)\))?", text, re.MULTILINE)
    if not found:
        sys.exit("the comments of an input do not name the energy of the ground state")
    return float(found[1]), int(found[3]) * 10.0 ** -len(found[2]) if found[3] else 0.0


def points(options):
    """Every point of the figure: input, panel, state, size and what sets it."""
    for panel in PANELS:
        for state, (key, chains, squares) in SIZES.items():
            path = os.path.join(options.inputs, f"{panel}-{state}.toml")
            if not os.path.exists(path):
                continue
            chosen = chains if "ising" in panel or "chain" in panel else squares
            for size in chosen:
                name = f"{panel}-{state}" + (f"-{size}" if size else "")
                if any(fnmatch.fnmatch(name, only) for only in options.only):
                    value = f"[{size.replace('x', ',')}]" if state == "eps" else size
                    changes = [f"{key}={value}"] if key else []
                    yield path, name, panel, state, size, changes + grown(panel, state, size, options)


def grown(panel, state, size, options):
    """What makes a large matrix product begin at a smaller one."""
    if state != "mps" or size not in GROWN:
        return []
    smaller, steps, samples = GROWN[size]
    start = os.path.join(os.path.abspath(options.folder), f"{panel}-{state}-{smaller}.h5")
    return [f'ansatz.load="{start}"', f"optimize.steps={steps}", f"measure.samples={samples}"]


def cpu_children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def spent(path):
    try:
        with open(path) as file:
            return float(file.read())
    except FileNotFoundError:
        return 0.0


def info(name, options):
    """What the program says of a result; None where there is none."""
    command = [options.program, "info", name + ".h5", "--json"]
    out = subprocess.run(command, cwd=options.folder, capture_output=True, text=True)
    return json.loads(out.stdout) if out.returncode == 0 else None


def run(path, name, changes, options):
    """Runs one point to its end unless it is there; returns the result and CPU seconds, None after a failure."""
    clock = os.path.join(options.folder, name + ".cpu")
    found = info(name, options)
    if found is not None and found["state"] == "finished":
        return found, spent(clock)
    if options.collect:
        return None, 0.0
    command = [*shlex.split(options.launcher), options.program, "run", os.path.abspath(path)]
    for change in [*changes, *options.set, f'output.name="{name}"']:
        command += ["--set", change]
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ}
    while True:
        before = cpu_children()
        with open(os.path.join(options.folder, name + ".log"), "a") as log:
            code = subprocess.run(command, cwd=options.folder, env=environment, stdout=log, stderr=log).returncode
        total = round(spent(clock) + cpu_children() - before, 3)
        with open(clock, "w") as file:
            file.write(f"{total:.3f}")
        if code != STOPPED:
            break
    if code != 0:
        print(f"{name}: the program ended with code {code}, see {name}.log", file=sys.stderr)
        return None, total
    return info(name, options), total


def details(name, options):
    """Number of real parameters that were optimised, and the seed."""
    import h5py

    with h5py.File(os.path.join(options.folder, name + ".h5")) as file:
        values = [data for data in file["parameters"].values() if isinstance(data, h5py.Dataset)]
        seed = re.search(r"^seed = (\d+)", file["input/resolved"].asstr()[()], re.MULTILINE)
        optimised = sum(data.size for data in values) if "optimize" in file else ""
    return optimised, int(seed[1]) if seed else 1


def measure(options):
    """Rows of the table of all points that are asked for."""
    for path, name, panel, state, size, changes in points(options):
        with open(path) as file:
            exact, uncertain = reference(file.read())
        found, cpu = run(path, name, changes, options)
        if found is None:
            continue
        energy = found["energy"]
        parameters, seed = details(name, options)
        row = [panel, state, size, energy["mean"], energy["error"], exact, uncertain, parameters]
        score = energy.get("v_score")
        row += [f"{score:.2e}" if score else "", seed, found["steps"] or "", f"{cpu:.3g}"]
        row.append(" / ".join(found["warnings"]).replace(",", ";"))
        yield {name: str(value) for name, value in zip(COLUMNS, row)}


def read_table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def sites(size):
    """The number that orders sizes: 3x2 are six sites."""
    product = 1
    for word in size.split("x"):
        product *= int(word or 1)
    return product


def write_table(path, rows):
    """Writes the rows; those of a table that is there and were not asked for stay."""
    key = lambda row: (row["panel"], row["state"], row["size"])
    merged = {key(row): row for row in (read_table(path) if os.path.exists(path) else [])}
    merged.update({key(row): row for row in rows})
    panels, states = list(PANELS), list(SIZES)
    order = lambda row: (panels.index(row["panel"]), states.index(row["state"]), sites(row["size"]))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(merged.values(), key=order))


def relative(row):
    """Relative error of the energy and its error bar."""
    exact = float(row["exact"])
    bar = (float(row["error"]) ** 2 + float(row["exact_error"]) ** 2) ** 0.5
    return (float(row["energy"]) - exact) / abs(exact), bar / abs(exact)


def number(value):
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def markdown(rows):
    """The table of a page; † where the program warned."""
    lines = ["| panel | state | size | energy | relative error | V-score | CPU s |", "| --- " * 7 + "|"]
    for row in rows:
        error, bar = relative(row)
        size = {"rbm": "α = ", "mps": "D = ", "peps": "D = "}.get(row["state"], "") + row["size"].replace("x", " × ")
        size += " †" if row["warnings"] else ""
        cells = [row["panel"], row["state"], size, f"{float(row['energy']):.5f} ± {float(row['error']):.0e}"]
        score = number(float(row["v_score"])) if row["v_score"] else ""
        cpu = float(row["cpu_seconds"])
        cells += [f"{number(error)} ± {number(bar)}", score, f"{cpu:.0f}" if cpu >= 10 else f"{cpu:.2g}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def level(error, bar):
    """Where a point stands: an error within two bars of zero is an upper bound, two bars above it or above zero."""
    return error if error > 2 * bar else max(error, 0) + 2 * bar


def points_of(axes, rows, colour):
    """The curve of the Boltzmann machine: errors, or upper bounds where they agree with zero."""
    rows = sorted(rows, key=lambda row: float(row["size"]))
    seen = [(float(row["size"]), *relative(row)) for row in rows]
    sound = [point for point in seen if point[1] > 2 * point[2]]
    levels = [level(y, bar) for _, y, bar in seen]
    axes.plot([x for x, _, _ in seen], levels, color=colour, lw=1, alpha=0.5)
    if sound:
        x, y, bar = zip(*sound)
        axes.errorbar(x, y, bar, fmt="o", ms=4.5, color=colour, mfc="white", zorder=5)
    for x, y, bar in seen:
        if y <= 2 * bar:
            axes.plot(x, level(y, bar), "v", ms=5, color=colour, mfc="white", zorder=5)


def spread(values, least):
    """Places in ascending order, moved apart until neighbours are `least` from each other."""
    places = []
    for value in sorted(values):
        places.append(value if not places else max(value, places[-1] + least))
    return places


def lines_of(axes, rows):
    """Horizontal lines of the other states with bands of one error, and their names; † where the program warned."""
    drawn = []
    for row in rows:
        error, bar = relative(row)
        _, colour, word = LOOKS[row["state"]]
        bound = error <= 2 * bar
        place = level(error, bar)
        axes.axhline(place, color=colour, lw=1, ls=":" if bound else "-", alpha=0.8)
        if not bound:
            axes.axhspan(error - bar, error + bar, color=colour, alpha=0.15, lw=0)
        size = row["size"].replace("x", "×")
        doubt = " †" if row["warnings"] else ""
        drawn.append((place, ("< " if bound else "") + f"{word} {size}".strip() + doubt, colour))
    return sorted(drawn)


def wide(axes):
    """Whole decades and at least one and a half of them, so that the ticks say something."""
    import math

    import matplotlib.ticker as ticker

    low, high = (math.log10(limit) for limit in axes.get_ylim())
    missing = max(0.0, 1.5 - (high - low)) / 2
    axes.set_ylim(10 ** (low - missing), 10 ** (high + missing))
    axes.yaxis.set_major_locator(ticker.LogLocator(base=10, numticks=12))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def draw(rows, picture):
    """One panel for each Hamiltonian: relative error against the density of hidden units."""
    import math

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import matplotlib.ticker as ticker

    panels = [panel for panel in PANELS if any(row["panel"] == panel for row in rows)]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    shape = (4.0 * columns, 3.5 * lines)
    figure, grid = plt.subplots(lines, columns, figsize=shape, squeeze=False, layout="constrained")
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes, panel in zip(grid.flat, panels):
        chosen = [row for row in rows if row["panel"] == panel]
        axes.set_yscale("log")
        axes.set_xscale("log", base=2)
        machines = [row for row in chosen if row["state"] == "rbm"]
        names = lines_of(axes, [row for row in chosen if row["state"] != "rbm"])
        if machines:
            points_of(axes, machines, LOOKS["rbm"][1])
        axes.set_xlim(0.75, 11)
        wide(axes)
        low, high = (math.log10(limit) for limit in axes.get_ylim())
        places = spread([math.log10(value) for value, _, _ in names], 0.045 * (high - low))
        for place, (value, name, colour) in zip(places, names):
            axes.annotate(
                name,
                (1, value),
                (1.04, (place - low) / (high - low)),
                xycoords=("axes fraction", "data"),
                textcoords="axes fraction",
                fontsize=7,
                color=colour,
                va="center",
                arrowprops={"arrowstyle": "-", "lw": 0.4, "color": colour, "shrinkA": 0, "shrinkB": 0},
            )
        axes.set_title(PANELS[panel], fontsize=10)
        axes.xaxis.set_major_locator(ticker.FixedLocator([1, 2, 4, 8] if machines else []))
        axes.xaxis.set_major_formatter(ticker.ScalarFormatter())
        axes.set_xlabel("hidden units per site α" if machines else "")
        axes.set_ylabel("relative error of the energy", fontsize=9)
    figure.savefig(picture, dpi=90)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", help="points whose name fits this pattern, such as ising-h1-mps-*")
    parser.add_argument("--inputs", default=os.path.join(ROOT, "configs", "lecture"), help="folder of the inputs")
    parser.add_argument("--folder", default=os.path.join(ROOT, "target", "lecture"), help="where results go")
    parser.add_argument("--table", default=os.path.join(ROOT, "jobs", "lecture.csv"), help="the table of the points")
    parser.add_argument("--out", default="lecture.png", help="the picture; the ending chooses the format")
    parser.add_argument("--from-table", action="store_true", help="run nothing, draw the table")
    parser.add_argument("--collect", action="store_true", help="start no run: finished ones enter the table")
    parser.add_argument("--launcher", default="", help="words before the program: 'mpirun -n 4', 'nice -n 10'")
    parser.add_argument("--set", action="append", default=[], help="passed on to the program")
    parser.add_argument("--markdown", action="store_true", help="print the rows for a page")
    options = parser.parse_args()
    options.only = options.only or ["*"]
    options.program = os.path.abspath(os.environ.get("NISHINA", os.path.join(ROOT, "target", "release", "nishina")))
    return options


def main():
    options = arguments()
    if not options.from_table:
        if not os.access(options.program, os.X_OK):
            sys.exit(f"{options.program} is not built: cargo build --release, or set NISHINA")
        os.makedirs(options.folder, exist_ok=True)
        for row in measure(options):
            write_table(options.table, [row])
            error, bar = relative(row)
            print(f"{row['panel']} {row['state']} {row['size']}: relative error {error:.1e} +- {bar:.0e}", flush=True)
    rows = read_table(options.table)
    if options.markdown:
        print(markdown(rows))
    draw(rows, options.out)


if __name__ == "__main__":
    main()
