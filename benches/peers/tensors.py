#!/usr/bin/env python3
"""Amplitudes of projected entangled pairs, 10 x 10 sites, D = 3, chi = 9, beside quimb in one run.

    benches/peers/peps.py [repeats]

Needs quimb (pip install quimb). Both contract rows to boundaries of the bond dimension chi by singular values, on one
core, real numbers, random tensors; CPU time of the thread, the smallest of the repeats. The first contraction of quimb,
which plans and compiles, does not count.
"""

import os
import subprocess
import sys
import time

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import quimb.tensor as qtn

SIZE, BOND, CHI = 10, 3, 9


def amplitude_of_quimb(repeats):
    """Smallest CPU seconds of an amplitude."""
    rng = np.random.default_rng(1)
    peps = qtn.PEPS.rand(SIZE, SIZE, bond_dim=BOND, phys_dim=2, seed=1, dtype="float64")
    # Tensors near a product state, as those of the bench.
    for tensor in peps:
        data = 0.3 * rng.normal(size=tensor.shape)
        data[(0,) * (tensor.ndim - 1)] += 1.0
        tensor.modify(data=data)
    best = np.inf
    for repeat in range(repeats + 1):
        spins = rng.integers(2, size=(SIZE, SIZE))
        chosen = {peps.site_ind((x, y)): int(spins[x, y]) for x in range(SIZE) for y in range(SIZE)}
        network = peps.isel(chosen)
        start = time.process_time()
        network.contract_boundary(max_bond=CHI, cutoff=0.0)
        if repeat > 0:
            best = min(best, time.process_time() - start)
    return best


def amplitude_of_nishina():
    """Seconds of an amplitude, from the bench."""
    bench = ["cargo", "bench", "-q", "--bench", "tensors"]
    lines = subprocess.run(bench, check=True, capture_output=True, text=True).stdout.splitlines()
    line = next(line for line in lines if line.startswith(f"D = {BOND}, chi = {CHI}, real"))
    return 1e-6 * float(line.split("amplitude")[1].split()[0])


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    theirs, ours = amplitude_of_quimb(repeats), amplitude_of_nishina()
    print(f"quimb {1e3 * theirs:.1f} ms, nishina {1e3 * ours:.1f} ms, quotient {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
