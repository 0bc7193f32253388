"""Compares the reader of jobs/post with h5py and xarray: read_results.py FOLDER POST, for a run x and an evolution y."""

import pathlib
import sys

import h5py
import numpy as np
import xarray as xr

folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
import nishina_results  # noqa: E402


def check_numbers(make):
    """Numbers are those of the file, with and without the package uncertainties."""
    nishina_results.ufloat = make
    with nishina_results.open(folder / "x.h5") as run, h5py.File(folder / "x.h5") as file:
        energy = file["measure/energy"]
        assert run.energy.nominal_value == energy["mean"][()] and run.energy.std_dev == energy["error"][()]
        found = run.observables()
        assert "energy" not in found
        szz = found["spin-correlations-zz"]
        assert szz.shape == (6, 6) and szz[0, 3].nominal_value == file["measure/observables/spin-correlations-zz/mean"][0, 3]
        squared = file["measure/observables/magnetisation/squared"]
        assert found["magnetisation/squared"].nominal_value == squared["mean"][()]
        assert str(run.energy).startswith(f"{energy['mean'][()]:.1f}"[:3])


check_numbers(nishina_results.ufloat)
check_numbers(None)
assert str(nishina_results.Number(-20.40378, 0.00069)) == "-20.40378 +- 0.00069"

with nishina_results.open(folder / "x.h5") as run, h5py.File(folder / "x.h5") as file:
    assert run.title == "x" and run.state == "finished" and isinstance(run.warnings, list)
    assert run.input["seed"] == 1 and run.input["sampler"]["sweeps"] == 1
    table = run.table("optimize/history")
    steps = file["status/steps"][()]
    assert list(table.index) == list(range(1, steps + 1)) and table.index.name == "step"
    assert np.array_equal(table["energy"], file["optimize/history/energy"][...])
    assert table.attrs["energy"] == "coupling" and table.attrs["variance"] == "coupling^2"
    szz = run.array("measure/observables/spin-correlations-zz/mean")
    assert szz.dims == ("site", "site_2") and szz.attrs["unit"] == run.unit("measure/observables/spin-correlations-zz/mean")
    assert np.array_equal(szz, file["measure/observables/spin-correlations-zz/mean"][...])
    assert run.array("measure/energy/series").dims == ("chain", "sample")
    assert run.array("lattice/positions").dims == ("site", "component")
    terms = run.arrays("hamiltonian")
    assert terms.coefficient.dims == ("term",) and len(terms.operators) == 12
    # Every dataset says what it is.
    def told(name, item):
        if isinstance(item, h5py.Dataset):
            assert "unit" in item.attrs and item.attrs["meaning"], name

    file.visititems(told)

# xarray by itself.
history = xr.open_dataset(folder / "x.h5", group="optimize/history", engine="h5netcdf")
assert history.energy.dims == ("step",) and history.step[0] == 1 and history.energy.attrs["unit"] == "coupling"
measured = xr.open_dataset(folder / "x.h5", group="measure/observables/spin-correlations-zz", engine="h5netcdf")
assert measured["mean"].dims == ("site", "site_2") and measured["bins"].dims == ("bin", "site", "site_2"), measured
factor = xr.open_dataset(folder / "x.h5", group="measure/observables/structure-factor-zz", engine="h5netcdf")
assert factor["mean"].dims == ("momentum",) and factor["momenta"].dims[0] == "momentum", factor
output = xr.open_dataset(folder / "y.h5", group="evolve/output", engine="h5netcdf")
with h5py.File(folder / "y.h5") as file:
    assert output.energy.dims == ("time",) and np.array_equal(output.time, file["evolve/output/time"][...])
late = output.energy.sel(time=0.02, method="nearest")
assert late.time == 0.02
moved = xr.open_dataset(folder / "y.h5", group="evolve/history", engine="h5netcdf")
assert moved.r2.dims == ("point",)
with nishina_results.open(folder / "y.h5") as run:
    assert run.table("evolve/output").index.name == "time"
    assert run.array("evolve/output/observables/spin-correlations-zz/mean").dims == ("time", "site", "site_2")

# Samples in blocks.
with h5py.File(folder / "x.samples.h5") as file:
    whole = file["configurations"][...]
    blocks = list(nishina_results.samples(folder / "x.samples.h5", rows=100))
    assert [len(b["chain"]) for b in blocks[:-1]] == [100] * (len(blocks) - 1)
    assert np.array_equal(np.concatenate([b["configurations"] for b in blocks]), whole)
    energies = np.concatenate([b["local_energies"] for b in nishina_results.samples(folder / "x.samples.h5", columns=["local_energies"])])
    assert np.array_equal(energies, file["local_energies"][...])
with nishina_results.open(folder / "x.samples.h5") as run:
    assert run.title == "x"
with nishina_results.open(folder / "x.ckpt.h5") as run:
    assert run.value("optimize/step") == steps
    assert len(run.table("optimize/history")) == steps
print("OK")
