"""Opens the files of a run with h5py and checks what a reader relies on: read_outputs.py FOLDER NAME."""

import pathlib
import sys

import h5py
import numpy as np

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]

with h5py.File(folder / f"{name}.h5") as results:
    for block in ("a", "b", "W"):
        assert results[f"parameters/{block}"].dtype == np.complex128, block
    mean = results["measure/energy/mean"][()]
    assert results["measure/energy/error"][()] > 0
    assert results["measure/energy/mean"].attrs["unit"], "units are written"
    series = results["measure/energy/series"][...]
    assert abs(series.mean().real - mean) < 1e-12 * abs(mean)
    steps = results["status/steps"][()]
    assert len(results["optimize/history/energy"]) == steps

with h5py.File(folder / f"{name}.samples.h5") as samples:
    spins = samples["configurations"][...]
    assert spins.dtype == np.int8 and set(np.unique(spins)) == {-1, 1}
    energies = samples["local_energies"][...]
    assert energies.dtype == np.complex128 and len(energies) == len(spins) == series.size
    assert abs(energies.mean().real - mean) < 1e-12 * abs(mean)
    for chain in range(len(series)):
        assert np.array_equal(energies[samples["chain"][...] == chain], series[chain])

with h5py.File(folder / f"{name}.ckpt.h5") as checkpoint:
    flat = checkpoint["measure/parameters"][...]
    assert flat.dtype == np.float64 and np.isfinite(flat).all()

print("OK")
