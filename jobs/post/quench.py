#!/usr/bin/env python3
"""Draws the observables of a quench beside their exact curves, and how well the run followed the motion.

    jobs/post/quench.py X.h5 exact.csv out.png NAME=COLUMN [NAME=COLUMN ...]

NAME is an observable of evolve/output/observables (a quantity inside it as NAME/by_distance, with [k] for an entry),
COLUMN a column of the comma-separated exact curve, whose first column is the time. Prints the largest deviations.
Needs h5py, numpy and matplotlib.
"""

import re
import sys

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker as ticker
import numpy as np


LABELS = {
    "sx_average": r"$\langle\sigma^x\rangle$",
    "szsz_nn_average": r"$\langle\sigma^z_i\sigma^z_{i+1}\rangle$",
}


def curve(file, name):
    """Mean and error of one number over the output times."""
    path, entry = re.fullmatch(r"([^\[]+)(?:\[(\d+)\])?", name).groups()
    group = file[f"evolve/output/observables/{path}"]
    pick = slice(None) if entry is None else (slice(None), int(entry))
    return group["mean"][pick], group["error"][pick]


def main():
    results, exact, picture, *pairs = sys.argv[1:]
    exact = np.genfromtxt(exact, delimiter=",", names=True)
    time = exact[exact.dtype.names[0]]
    figure, (top, bottom) = plt.subplots(
        2, 1, sharex=True, figsize=(5.6, 4.6), height_ratios=[2.4, 1], layout="constrained"
    )
    with h5py.File(results) as file:
        t = file["evolve/output/time"][...]
        for pair, colour in zip(pairs, ["#1f5fa8", "#c2571a", "#2b8a57", "#7b4ea3"]):
            name, column = pair.split("=")
            mean, error = curve(file, name)
            wanted = np.interp(t, time, exact[column])
            off = np.abs(mean - wanted)
            print(f"{name}: at most {off.max():.1e} off, at t = {t[off.argmax()]:g}; error bars up to {error.max():.1e}")
            inside = time <= t[-1] + 1e-9
            top.plot(time[inside], exact[column][inside], color=colour, lw=1)
            top.errorbar(t, mean, error, fmt="o", ms=3.5, color=colour, mfc="white", label=LABELS.get(column, column))
        history = {name: data[...] for name, data in file["evolve/history"].items()}
        bottom.plot(history["time"], history["r2"], color="#444444", lw=1, label="$r^2$")
        drift = np.where(history["drift"] == 0, np.nan, np.abs(history["drift"]))
        bottom.plot(history["time"], drift, color="#909090", lw=1, ls="--", label="|energy drift| per site")
        title = file["input/title"][()]
        top.set_title(title.decode() if isinstance(title, bytes) else title, fontsize=10)
    top.legend(frameon=False, fontsize=9, title="network; lines: exact", title_fontsize=8)
    top.set_ylabel("expectation value")
    bottom.set_yscale("log")
    # What is below is rounding.
    bottom.set_ylim(bottom=max(bottom.get_ylim()[0], 1e-10))
    bottom.yaxis.set_minor_formatter(ticker.NullFormatter())
    bottom.legend(frameon=False, fontsize=8)
    bottom.set_xlabel("time t [1/J]")
    figure.savefig(picture, dpi=110)


main()
