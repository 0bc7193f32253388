"""Compares two files of samples with h5py, to the last bit: same_samples.py A.samples.h5 B.samples.h5."""

import sys

import h5py
import numpy as np

names = ("configurations", "log_psi", "local_energies", "chain", "step")
with h5py.File(sys.argv[1]) as one, h5py.File(sys.argv[2]) as other:
    for name in names:
        a, b = one[name][...], other[name][...]
        assert a.dtype == b.dtype and np.array_equal(a, b), name
    print(len(one["chain"]), "samples")
