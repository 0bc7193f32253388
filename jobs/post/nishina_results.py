"""Reads every file of nishina: numbers with errors, tables, labelled arrays, samples in blocks.

As a module (h5py and numpy; pandas for tables, xarray for labelled arrays, uncertainties if it is there):

    import nishina_results
    with nishina_results.open("X.h5") as run:
        print(run.energy, run.number("measure/observables/magnetisation/squared"))
        frame = run.table("optimize/history")             # pandas, units in frame.attrs
        szz = run.array("measure/observables/spin-correlations-zz/mean")   # xarray
        for block in nishina_results.samples("X.samples.h5", rows=10000):
            block["configurations"]                       # int8 [sample, site]

As a program: nishina_results.py X.h5 [PICTURE.png] prints what was measured and draws the energy against the step.
"""

import sys
import tomllib
from typing import NamedTuple

import h5py
import numpy as np

try:
    from uncertainties import ufloat
except ImportError:
    ufloat = None

FILL = {"i1": -128, "i8": -(2**63)}  # what stands where a file of samples is not there


class Number(NamedTuple):
    """A mean with its standard error, where the package uncertainties is not installed."""

    nominal_value: float
    std_dev: float

    def __str__(self):
        if not self.std_dev > 0:
            return repr(self.nominal_value)
        digits = max(0, 1 - int(np.floor(np.log10(self.std_dev))))
        return f"{self.nominal_value:.{digits}f} +- {self.std_dev:.{digits}f}"


def with_error(mean, error):
    """A number with its error: `ufloat` where uncertainties is installed, else a `Number`."""
    make = Number if ufloat is None else ufloat
    return make(float(mean), float(error))


def open(path):
    """The file as `Results`; close it, or use `with`."""
    return Results(path)


class Results:
    """Any file of the program: results, checkpoint, samples, exact energies. Paths are those of docs/schema.md."""

    def __init__(self, path):
        self.file = h5py.File(path, "r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def close(self):
        self.file.close()

    def __contains__(self, path):
        return path in self.file

    def text(self, path):
        """A text, or a list of texts."""
        value = self.file[path].asstr()[()]
        return value if isinstance(value, str) else list(value)

    def value(self, path):
        """A dataset as it stands: a number, a text or a numpy array."""
        dataset = self.file[path]
        return self.text(path) if h5py.check_string_dtype(dataset.dtype) else dataset[()]

    def unit(self, path):
        """The unit of a dataset; "1" for pure numbers, "" for texts."""
        return self.file[path].attrs.get("unit", "")

    def meaning(self, path):
        """What a dataset is, in words."""
        return self.file[path].attrs.get("meaning", "")

    @property
    def title(self):
        return self.text("input/title")

    @property
    def state(self):
        """"finished" or "stopped"."""
        return self.text("status/state")

    @property
    def warnings(self):
        return self.text("status/warnings")

    @property
    def input(self):
        """The input with every default, as a dictionary."""
        path = "input/complete" if "input/complete" in self.file else "input/resolved"
        return tomllib.loads(self.text(path))

    def number(self, group):
        """Mean and error of a group that is one number, such as "measure/energy"; an array of them where it is more."""
        mean, error = self.file[group]["mean"][()], self.file[group]["error"][()]
        if np.ndim(mean) == 0:
            return with_error(mean, error)
        numbers = [with_error(m, e) for m, e in zip(np.ravel(mean), np.ravel(error))]
        found = np.empty(len(numbers), dtype=object)
        found[:] = numbers
        return found.reshape(np.shape(mean))

    @property
    def energy(self):
        """The measured energy of the whole system."""
        return self.number("measure/energy")

    def observables(self):
        """Mean and error of every measured quantity, by names such as "magnetisation/squared"."""
        found = {}

        def visit(name, item):
            if isinstance(item, h5py.Group) and "mean" in item and "error" in item:
                found[name] = self.number(item.name)

        if "measure/observables" in self.file:
            self.file["measure/observables"].visititems(visit)
        return found

    def table(self, group):
        """The columns of a group, such as "optimize/history", as a pandas data frame; units in `frame.attrs`."""
        import pandas as pd

        columns = {n: d for n, d in self.file[group].items() if isinstance(d, h5py.Dataset) and d.ndim == 1}
        axes = {axes[0] for axes in (self.axes(d) for d in columns.values()) if axes[0]}
        index = next((a for a in sorted(axes) if a in columns), None)
        frame = pd.DataFrame({n: self.value(d.name) for n, d in columns.items()})
        frame.attrs = {n: self.unit(d.name) for n, d in columns.items()}
        return frame if index is None else frame.set_index(index)

    def axes(self, path):
        """The names of the dimensions of a dataset; None for one without a name."""
        dataset = self.file[path] if isinstance(path, str) else path
        if dataset.is_scale:
            return [dataset.name.rsplit("/", 1)[1]]
        scales = [dimension.values() if len(dimension) else [] for dimension in dataset.dims]
        return [scale[0].name.rsplit("/", 1)[1] if scale else None for scale in scales]

    def array(self, path):
        """A dataset as an xarray array with its axes, their numbers, its unit and meaning."""
        import xarray as xr

        dataset = self.file[path]
        names = [name or f"axis_{k}" for k, name in enumerate(self.axes(dataset))]
        coordinates = {name: scale[0][()] for name, scale in zip(names, (d.values() for d in dataset.dims)) if scale}
        attributes = {"unit": self.unit(path), "meaning": self.meaning(path)}
        name = path.strip("/").replace("/", ".")
        return xr.DataArray(self.value(path), dims=names, coords=coordinates, name=name, attrs=attributes)

    def arrays(self, group):
        """All datasets of a group as one xarray data set."""
        import xarray as xr

        datasets = {n: d for n, d in self.file[group].items() if isinstance(d, h5py.Dataset)}
        return xr.Dataset({n: self.array(d.name) for n, d in datasets.items() if not d.is_scale})

    def files(self):
        """The texts of the files that the input names, by the key that names them; None for what is too large."""
        if "input/files" not in self.file:
            return {}
        keys, texts = self.text("input/files/key"), self.text("input/files/text")
        return {key: text or None for key, text in zip(keys, texts)}


def samples(path, rows=65536, columns=None):
    """Blocks of samples of X.samples.h5, each a dictionary of arrays with at most `rows` samples, in order.

    `columns` names those that are read; all by default. An error where a file of the samples is missing.
    """
    with h5py.File(path, "r") as file:
        known = [n for n, d in file.items() if isinstance(d, h5py.Dataset) and n != "segment_rows"]
        names = known if columns is None else list(columns)
        count = len(file["configurations"])
        for start in range(0, count, rows):
            block = {name: file[name][start : start + rows] for name in names}
            for name, values in block.items():
                lost = values == FILL[values.dtype.str[1:]] if values.dtype.kind == "i" else np.isnan(values)
                if lost.any():
                    raise LookupError(f"{path}: {name} of some samples from {start} on stands in a file that is not there")
            yield block


def main(path, picture=None):
    with open(path) as run:
        print(run.title, "-", run.state)
        sites = run.value("status/sites")
        if "measure/energy/mean" in run:
            print(f"E = {run.energy}  ({sites} sites)")
        for name, found in run.observables().items():
            print(f"{name}: {found if np.ndim(found) == 0 else np.shape(found)}")
        for name, block in run.file.get("parameters", {}).items():
            print(f"parameters {name}: {block.shape} {block.dtype}")
        if picture is None or "optimize/history" not in run:
            return
        import matplotlib

        matplotlib.use("Agg")  # no display on a cluster node
        import matplotlib.pyplot as plt

        frame = run.table("optimize/history")
        print(frame[["energy", "error", "variance", "r_hat"]].tail(3))
        figure, axes = plt.subplots()
        axes.fill_between(frame.index, *((frame.energy + s * frame.error) / sites for s in (-1, 1)), alpha=0.3)
        axes.plot(frame.index, frame.energy / sites)
        axes.set(xlabel="step", ylabel=f"energy per site [{frame.attrs.get('energy', '')}]")
        figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:3])
