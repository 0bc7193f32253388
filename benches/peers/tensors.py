#!/usr/bin/env python3
"""Amplitudes of products of matrices and of projected entangled pairs beside quimb in one run.

    benches/peers/tensors.py [repeats]

Products: 100 sites, D = 16 and 64, open. Pairs: 10 x 10 sites, D = 3, rows contracted to boundaries of the bond dimension
chi = 9 by singular values. Needs quimb (pip install quimb). One core, real numbers, random tensors; CPU time of the
thread, the smallest of the repeats. What plans and compiles, the first contraction of quimb, does not count. "numpy" is
the bare loop of rows times matrices, which knows the form of the network.
"""

import os
import subprocess
import sys
import time

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import quimb.tensor as qtn

SITES, SIZE, BOND, CHI = 100, 10, 3, 9


def smallest(repeats, prepare, run):
    """Smallest CPU seconds of `run` on what `prepare` makes; the first does not count."""
    best = np.inf
    for repeat in range(repeats + 1):
        given = prepare()
        start = time.process_time()
        run(given)
        if repeat > 0:
            best = min(best, time.process_time() - start)
    return best


def products(bond, repeats):
    """Seconds of an amplitude of quimb and of a loop of numpy."""
    rng = np.random.default_rng(1)
    state = qtn.MPS_rand_state(SITES, bond, dtype="float64", seed=1)
    arrays = [np.ascontiguousarray(a) for a in state.arrays]
    matrices = [[a[..., s].copy() for s in (0, 1)] for a in arrays]

    def chosen():
        spins = rng.integers(2, size=SITES)
        return state.isel({state.site_ind(i): int(s) for i, s in enumerate(spins)})

    def loop(spins):
        row = matrices[0][spins[0]]
        for i in range(1, SITES):
            row = row @ matrices[i][spins[i]]
        return row

    quimb = smallest(repeats, chosen, lambda network: network.contract(tags=all, optimize="auto-hq"))
    numpy = smallest(10 * repeats, lambda: rng.integers(2, size=SITES), loop)
    return quimb, numpy


def pairs(repeats):
    """Seconds of an amplitude of quimb."""
    rng = np.random.default_rng(1)
    state = qtn.PEPS.rand(SIZE, SIZE, bond_dim=BOND, phys_dim=2, seed=1, dtype="float64")
    # Tensors near a product state, as those of the bench.
    for tensor in state:
        data = 0.3 * rng.normal(size=tensor.shape)
        data[(0,) * (tensor.ndim - 1)] += 1.0
        tensor.modify(data=data)

    def chosen():
        spins = rng.integers(2, size=(SIZE, SIZE))
        return state.isel({state.site_ind((x, y)): int(spins[x, y]) for x in range(SIZE) for y in range(SIZE)})

    return smallest(repeats, chosen, lambda network: network.contract_boundary(max_bond=CHI, cutoff=0.0))


def of_bench():
    """Seconds of an amplitude and of a flip, by the names of the rows of the bench."""
    bench = ["cargo", "bench", "-q", "--bench", "tensors"]
    lines = subprocess.run(bench, check=True, capture_output=True, text=True).stdout.splitlines()
    number = lambda line, word: float(line.split(word)[1].split()[0])
    rows = (line for line in lines if "amplitude" in line)
    return {line.split("amplitude")[0].strip(): (1e-6 * number(line, "amplitude"), 1e-9 * number(line, " flip ")) for line in rows}


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ours = of_bench()
    for bond in (16, 64):
        (amplitude, flip), (quimb, numpy) = ours[f"D = {bond}, real"], products(bond, repeats)
        print(
            f"products D = {bond}: nishina {1e6 * amplitude:.1f} us, a flip {1e6 * flip:.2f} us; quimb {1e6 * quimb:.0f} us, "
            f"numpy {1e6 * numpy:.0f} us; quotients {quimb / amplitude:.1f}, {numpy / amplitude:.1f}"
        )
    (amplitude, flip), quimb = ours[f"D = {BOND}, chi = {CHI}, real"], pairs(repeats)
    print(
        f"pairs D = {BOND}, chi = {CHI}: nishina {1e3 * amplitude:.2f} ms, a flip {1e6 * flip:.2f} us; quimb {1e3 * quimb:.1f} ms; "
        f"quotient {quimb / amplitude:.1f}"
    )


if __name__ == "__main__":
    main()
