#!/usr/bin/env python3
"""A Boltzmann machine that learns 100 000 outcomes in QuCumber beside nishina, on one core each.

    taskset -c 0 benches/peers/learning.py PATH/nishina [--batches 100 1000] [--sites 20 40]

Both have as many hidden units as sites, persistent or contrastive chains with two sweeps of block Gibbs sampling for each update, and
as many chains as a batch has outcomes. Prints seconds per epoch (all outcomes once) and the ratio. The outcomes are random bits: the
arithmetic does not depend on them. Needs qucumber, torch and h5py.
"""

import argparse
import os
import random
import statistics
import subprocess
import tempfile
import time
import warnings

OUTCOMES, SWEEPS = 100_000, 2

INPUT = """
[lattice]
kind = "chain"
size = {sites}
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
kind = "boltzmann"
density = 1
[sampler]
method = "gibbs"
chains = {batch}
samples = {batch}
sweeps = {sweeps}
[learn]
objective = "kullback-leibler"
target = {{ kind = "shots", file = "shots.csv" }}
method = "sgd"
batch = {batch}
steps = {steps}
learning_rate = 0.01
log_z = {{ method = "ais", temperatures = 10, samples = 2 }}
"""


def nishina(program, sites, batch, steps):
    """Seconds of an epoch, from the median of the steps."""
    import h5py

    generator = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "shots.csv"), "w") as f:
            f.write("basis,outcome\n")
            for _ in range(OUTCOMES):
                outcome = "".join(generator.choices("+-", k=sites))
                f.write("Z" * sites + "," + outcome + "\n")
        path = os.path.join(folder, "x.toml")
        with open(path, "w") as f:
            f.write(INPUT.format(sites=sites, batch=batch, sweeps=SWEEPS, steps=steps))
        subprocess.run([program, "run", path], cwd=folder, check=True, capture_output=True)
        with h5py.File(os.path.join(folder, "x.h5")) as f:
            seconds = statistics.median(f["timing/learn_seconds"][1:])
    return seconds * OUTCOMES / batch


def qucumber(sites, batch):
    """Seconds of an epoch of the same machine."""
    warnings.filterwarnings("ignore")
    import torch
    from qucumber.nn_states import PositiveWaveFunction

    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = torch.randint(0, 2, (OUTCOMES, sites)).double()
    state = PositiveWaveFunction(num_visible=sites, num_hidden=sites, gpu=False)
    options = dict(pos_batch_size=batch, neg_batch_size=batch, k=SWEEPS, lr=0.01, progbar=False)
    begun = time.perf_counter()
    state.fit(data, epochs=1, **options)
    return time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--sites", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--batches", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    print("sites  batch  nishina [s/epoch]  QuCumber [s/epoch]  ratio")
    for sites in options.sites:
        for batch in options.batches:
            own = nishina(program, sites, batch, options.steps)
            theirs = qucumber(sites, batch)
            print(f"{sites:5}  {batch:5}  {own:17.4f}  {theirs:18.4f}  {theirs / own:5.1f}")


if __name__ == "__main__":
    main()
