"""Reads a results file with h5py, numpy, pandas and matplotlib: read_results.py X.h5 [PICTURE.png].

Prints the measured energy, the last steps and the final parameters, and draws the energy against the step.
"""

import sys

import h5py
import matplotlib

matplotlib.use("Agg")  # no display on a cluster node
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd


def history(file, group="optimize/history"):
    """The record of the steps as a data frame; units in `frame.attrs`."""
    columns = file[group] if group in file else {}
    frame = pd.DataFrame({name: column[...] for name, column in columns.items()})
    frame.attrs = {name: column.attrs["unit"] for name, column in columns.items()}
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="step")
    return frame


def observables(file):
    """Mean and error of each measured observable, by name."""
    found = {}
    for name, group in file.get("measure/observables", {}).items():
        if "mean" in group:
            found[name] = group["mean"][...], group["error"][...]
    return found


def main(path, picture):
    with h5py.File(path) as file:
        sites = file["status/sites"][()]
        print(file["input/title"][()].decode(), "-", file["status/state"][()].decode())
        if "measure/energy/mean" in file:
            energy = file["measure/energy"]
            print(f"E = {energy['mean'][()]:.8f} +- {energy['error'][()]:.1e}  ({sites} sites)")
            series = energy["series"][...]  # complex [chain, sample]
            print(f"mean of the series {series.mean():.8f}, variance {series.real.var():.3e}")
        for name, (mean, error) in observables(file).items():
            print(f"{name}: shape {mean.shape}, largest |mean| {np.abs(mean).max():.6f}, largest error {error.max():.1e}")
        for name, block in file["parameters"].items():
            print(f"parameters {name}: {block.shape} {block.dtype}")
        frame = history(file)
        print(frame[["energy", "error", "variance", "r_hat"]].tail(3))
        figure, axes = plt.subplots()
        axes.fill_between(frame.index, *((frame.energy + s * frame.error) / sites for s in (-1, 1)), alpha=0.3)
        axes.plot(frame.index, frame.energy / sites)
        axes.set(xlabel="step", ylabel=f"energy per site [{frame.attrs.get('energy', '')}]")
        figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "energy.png")
