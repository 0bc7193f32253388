"""Time from process start until the mean energy of ten steps of a square Heisenberg antiferromagnet is within a bound.

6x6: four complex filters tied by translations, to 1e-3; 4x4: tied by the space group, to 1e-4. The same machine, samples
and chains on both sides, each at its best rate and shift: NetKet of three each, nishina of its rates with shift = "auto". nishina's figure is that of a whole process that makes just the steps that are needed, its results written; NetKet's
is taken inside its process at the step that reaches the accuracy. A run that does not reach it counts as the budget.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

import compare
import h5py

# Length, symmetry of the filters, exact energy, relative error.
SYSTEMS = {
    "6x6": (6, "translations", -24.439397399308923, 1e-3),
    "4x4": (4, "space-group", -11.228483208428855, 1e-4),
}
INPUT = os.path.join(compare.HERE, "square.toml")
NETKET = os.path.join(compare.HERE, "netket_accuracy.py")


def first_step(energies, exact, tolerance):
    """Steps after which the mean of the last ten energies is within the tolerance for the first time."""
    for end in range(10, len(energies) + 1):
        if abs(sum(energies[end - 10 : end]) / 10 - exact) < tolerance * abs(exact):
            return end
    return None


def ours(system, rate, seed, core, folder, limit):
    length, symmetry, exact, tolerance = SYSTEMS[system]

    def run(steps):
        changes = [f"seed={seed}", f"optimize.learning_rate={4 * rate}", f"optimize.steps={steps}", 'output.name="x"']
        changes += [f"lattice.size=[{length},{length}]", f'ansatz.symmetry="{symmetry}"']
        command = [compare.PROGRAM, "run", INPUT, "--fresh"] + [w for c in changes for w in ("--set", c)]
        return compare.pinned(core, command, folder)

    # How many steps it takes is found first, with few steps where they suffice; the run that counts then makes just those.
    for tried in (limit // 4, limit):
        try:
            run(tried)
        except SystemExit as ended:
            # An optimisation that diverges and gives up has not reached it either.
            print(ended, file=sys.stderr)
            break
        with h5py.File(os.path.join(folder, "x.h5")) as file:
            steps = first_step(list(file["optimize/history/energy"]), exact, tolerance)
        if steps:
            _, wall, cpu, _ = run(steps)
            return dict(side="nishina", rate=rate, seed=seed, reached=True, steps=steps, cpu=cpu, wall=wall)
    return dict(side="nishina", rate=rate, seed=seed, reached=False, steps=limit, cpu=None, wall=None)


def theirs(system, rate, shift, seed, core, folder, budget):
    length, symmetry, exact, tolerance = SYSTEMS[system]
    command = [sys.executable, NETKET, "--rate", str(rate), "--shift", str(shift), "--seed", str(seed)]
    command += ["--length", str(length), "--symmetry", symmetry, "--exact", str(exact)]
    command += ["--tolerance", str(tolerance), "--budget", str(budget)]
    return json.loads(compare.pinned(core, command, folder)[0].strip().splitlines()[-1])


def numbers(kind):
    return lambda text: [kind(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=list(SYSTEMS), default="6x6")
    parser.add_argument("--rates", type=numbers(float), default=[0.005, 0.01, 0.02], help="in units of sigma.sigma")
    parser.add_argument("--netket-rates", type=numbers(float), help="default: the same, the best of nishina first")
    parser.add_argument("--netket-shifts", type=numbers(float), default=[0.001, 0.01, 0.1])
    parser.add_argument("--seeds", type=numbers(int), default=[1, 2, 3, 4, 5])
    parser.add_argument("--netket-seeds", type=numbers(int), default=[1, 2, 3, 4, 5])
    parser.add_argument("--budget", type=float, default=600.0, help="CPU seconds of a run of NetKet")
    parser.add_argument("--limit", type=int, default=1200, help="steps of a run of nishina")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--nice", default="0")
    options = parser.parse_args()
    compare.NICE = options.nice
    with tempfile.TemporaryDirectory() as folder:
        best = {}
        for rate in options.rates:
            runs = [ours(options.system, rate, seed, options.core, folder, options.limit) for seed in options.seeds]
            for run in runs:
                print(json.dumps(run), flush=True)
            times = [run["cpu"] if run["reached"] else options.budget for run in runs]
            best[rate] = statistics.median(times)
        order = options.netket_rates or sorted(best, key=best.get)
        medians = {}
        for rate, shift in ((rate, shift) for rate in order for shift in options.netket_shifts):
            # What is already slower than the best so far need not run to its end.
            budget = min([options.budget, *medians.values()])
            times = []
            for seed in options.netket_seeds:
                run = theirs(options.system, rate, shift, seed, options.core, folder, budget)
                print(json.dumps(run), flush=True)
                times.append(run["cpu"] if run["reached"] else budget)
                # Half of the seeds beyond the budget settle the median.
                if 2 * sum(time >= budget for time in times) > len(options.netket_seeds):
                    break
            medians[rate, shift] = statistics.median(times)
    left, right = min(best.values()), min(medians.values())
    print(f"nishina: {left:.3g} CPU s at rate {min(best, key=best.get)}, median of {len(options.seeds)} seeds")
    print(f"NetKet:  {right:.3g} CPU s at rate and shift {min(medians, key=medians.get)}, median of {len(options.netket_seeds)} seeds")
    print(f"ratio {right / left:.3g}")


if __name__ == "__main__":
    main()
