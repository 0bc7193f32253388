#!/usr/bin/env python3
"""Makes tensor networks of other programs readable by ansatz.load.

    jobs/post/import_tensors.py SOURCE OUT.h5 [--first up|down] [--axes lrp] [--group PATH]

SOURCE is
  * an HDF5 file of TeNPy (tenpy.tools.hdf5_io) with a finite MPS at the root, at --group, or anywhere. Tensors B[vL, p, vR]
    in any canonical form are joined with the singular values between them, so that each bond has them once; its norm
    is a factor of the first tensor. Blocks of charges are written out. Spin up is where the site says "up".
  * an HDF5 file with one dataset for each site, such as those of quimb tensors: names that end in the number of the site
    ("I0", "A_7") make an MPS, names that end in two ("I0,3") a PEPS. --axes names their axes: for an MPS a permutation
    of l, r, p (default lrp, the order of quimb), for a PEPS of u, r, d, l, p (default urdlp, the order of quimb, whose
    u leads to row + 1 and r to column + 1). Tensors at open ends lack the axes that lead nowhere.
  * a file of pickle.dump or quimb.save_to_disk with a MatrixProductState or a PEPS of quimb. Only where quimb can be
    imported, and only files of your own: such a file can run code.

OUT.h5 has A_0, A_1, ... [value, left, right] for kind = "mps", or T_0, T_1, ... [value, left, right, down, up] with site
x + Lx y for kind = "peps", rows of quimb along x; value 0 is spin up. --first says which spin index 0 of the source is:
by default "up", as in quimb, and for TeNPy what the file says. Needs h5py and numpy.
"""

import argparse
import os
import pickle
import re
import sys

try:
    import h5py
    import numpy as np
except ImportError:
    h5py = None


def fail(problem):
    sys.exit(f"import_tensors.py: {problem}")


# TeNPy


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def entries(group):
    """The entries of a list or tuple that TeNPy saved."""
    return [group[str(k)] for k in range(int(group.attrs["len"]))]


def starts(leg):
    """Where the blocks of a leg begin, and its end."""
    if "slices" in leg:
        return leg["slices"][...]
    if "blockcharges" in leg:
        table = leg["blockcharges"][...]
        return np.append(table[:, 0], table[-1, 1])
    fail('legs of the format "flat" do not tell their blocks: save with the format "blocks"')


def written_out(tensor):
    """The dense array of a tensor that is saved in blocks of charges, axes vL, p, vR."""
    if isinstance(tensor, h5py.Dataset):
        return tensor[...]
    legs = [starts(leg) for leg in entries(tensor["legs"])]
    blocks = entries(tensor["blocks"])
    dense = np.zeros([leg[-1] for leg in legs], np.result_type(float, *(b.dtype for b in blocks)))
    for block, place in zip(blocks, tensor["block_inds"][...]):
        dense[tuple(slice(leg[k], leg[k + 1]) for leg, k in zip(legs, place))] = block[...]
    labels = [text(label[()]) for label in entries(tensor["labels"])]
    if sorted(labels) != ["p", "vL", "vR"]:
        fail(f"a tensor has the legs {', '.join(labels)} in place of vL, p, vR: group no sites")
    return dense.transpose([labels.index(name) for name in ("vL", "p", "vR")])


def place_of_up(site):
    """The index of spin up on a site of TeNPy; None where the file does not tell."""
    labels = site.get("state_labels", {})
    for name in ("up", "0.5"):
        if name in labels:
            return int(labels[name][()])
    return None


def from_tenpy(state, first):
    if text(state["boundary_condition"][()]) != "finite":
        fail("an infinite or segment MPS has no amplitudes: take a finite one")
    tensors = [written_out(tensor) for tensor in entries(state["tensors"])]
    values = [data[...] for data in entries(state["singular_values"])]
    forms = entries(state["canonical_form"])
    # Exponents of the singular values on the left and on the right that a tensor holds already.
    held = [tuple(float(x[()]) for x in entries(f)) if isinstance(f, h5py.Group) else None for f in forms]
    if None not in held:
        for i in range(len(tensors) - 1):
            missing = 1.0 - held[i][1] - held[i + 1][0]
            tensors[i] = tensors[i] * values[i + 1] ** missing
    tensors[0] = tensors[0] * float(state.attrs.get("norm", 1.0))
    ups = [place_of_up(site) for site in entries(state["sites"])]
    chain = []
    for tensor, up in zip(tensors, ups):
        if tensor.shape[1] != 2:
            fail(f"a site has {tensor.shape[1]} values, and spins one half have 2")
        up = {"up": 0, "down": 1, None: up}[first]
        if up is None:
            fail("the sites do not say which index is spin up: give --first")
        chain.append(tensor.transpose(1, 0, 2)[[up, 1 - up]])
    return "mps", chain


# Arrays site by site


def with_axes(tensor, axes, there, name):
    """The tensor with all `axes`; those that are not `there` get dimension 1."""
    if tensor.ndim != len(there):
        fail(f"{name} has {tensor.ndim} axes, and {' '.join(there)} are expected")
    missing = tuple(k for k, axis in enumerate(axes) if axis not in there)
    return np.expand_dims(tensor, missing)


def mps_of(tensors, axes, first):
    """Of arrays by site; the ends may lack the axes that lead nowhere."""
    last, chain = len(tensors) - 1, []
    for i, tensor in enumerate(tensors):
        ends = ("l" if i == 0 else "") + ("r" if i == last else "")
        there = axes if tensor.ndim == len(axes) else [axis for axis in axes if axis not in ends]
        whole = with_axes(tensor, axes, there, f"the tensor of site {i}")
        chain.append(values_first(whole.transpose([axes.index(axis) for axis in "plr"]), first))
    return "mps", chain


def peps_of(tensors, axes, first):
    """Of arrays by (row, column), all bonds filled up with zeros to the largest; rows run along x."""
    rows, columns = (1 + max(place[k] for place in tensors) for k in (0, 1))
    if len(tensors) != rows * columns:
        fail(f"{len(tensors)} tensors do not fill {rows} rows of {columns}")
    network = {}
    for (i, j), tensor in tensors.items():
        nowhere = ("u" if i == rows - 1 else "") + ("d" if i == 0 else "")
        nowhere += ("r" if j == columns - 1 else "") + ("l" if j == 0 else "")
        there = axes if tensor.ndim == len(axes) else [axis for axis in axes if axis not in nowhere]
        whole = with_axes(tensor, axes, there, f"the tensor of site {i},{j}")
        # Left and right are along the rows, down and up along the columns of the source.
        network[i, j] = values_first(whole.transpose([axes.index(axis) for axis in "pdulr"]), first)
    bond = max(max(tensor.shape[1:]) for tensor in network.values())
    whole = []
    for j in range(columns):
        for i in range(rows):
            edges = [i == 0, i == rows - 1, j == 0, j == columns - 1]
            legs = [1 if edge else bond for edge in edges]
            tensor = network[i, j]
            if any(have > leg for have, leg in zip(tensor.shape[1:], legs)):
                fail(f"the tensor of site {i},{j} has a bond over the edge: boundaries have to be open")
            whole.append(np.pad(tensor, [(0, 0)] + [(0, leg - have) for have, leg in zip(tensor.shape[1:], legs)]))
    return "peps", whole


def values_first(tensor, first):
    if tensor.shape[0] != 2:
        fail(f"a site has {tensor.shape[0]} values, and spins one half have 2")
    return tensor[::-1] if first == "down" else tensor


def from_arrays(group, axes, first):
    sites = {}
    for name, data in group.items():
        numbers = re.search(r"(\d+)(?:,(\d+))?$", name)
        if isinstance(data, h5py.Dataset) and numbers:
            sites[tuple(int(n) for n in numbers.groups() if n is not None)] = data[...]
    return from_sites(sites, axes, first)


def from_sites(sites, axes, first):
    dimensions = {len(place) for place in sites}
    if len(dimensions) != 1:
        fail("the source holds no tensors with the number of their site at the end of their name")
    flat = dimensions == {1}
    axes = list(axes or ("lrp" if flat else "urdlp"))
    if sorted(axes) != sorted("lrp" if flat else "urdlp"):
        fail(f"--axes {''.join(axes)} does not name each of the axes {'l, r, p' if flat else 'u, r, d, l, p'} once")
    if not flat:
        return peps_of(sites, axes, first)
    if sorted(sites) != [(k,) for k in range(len(sites))]:
        fail(f"the sites are not numbered from 0 to {len(sites) - 1}")
    return mps_of([sites[k,] for k in range(len(sites))], axes, first)


# quimb


def from_quimb(network, first):
    """Of a MatrixProductState or a PEPS of quimb; axes are found by the names of the bonds."""
    flat = hasattr(network, "L")
    steps = {"l": (-1,), "r": (1,)} if flat else {"u": (1, 0), "r": (0, 1), "d": (-1, 0), "l": (0, -1)}
    places = [(i,) for i in range(network.L)] if flat else list(network.gen_site_coos())
    ring = flat and getattr(network, "cyclic", False)
    scale = 10.0 ** float(getattr(network, "exponent", 0.0))
    sites = {}
    for place in places:
        key = place[0] if flat else place
        tensor, order = network[network.site_tag(key)], []
        for axis, step in steps.items():
            there = tuple(a + b for a, b in zip(place, step))
            there = (there[0] % network.L,) if ring else there
            if there in places:
                other = there[0] if flat else there
                shared = set(tensor.inds) & set(network[network.site_tag(other)].inds)
                if len(shared) != 1:
                    fail(f"the sites {key} and {other} do not share one bond")
                order.append(shared.pop())
        order.append(network.site_ind(key))
        if sorted(order) != sorted(tensor.inds):
            fail(f"the tensor of site {key} has bonds to sites that are no neighbours")
        sites[place] = np.asarray(tensor.transpose(*order).data) * scale
        scale = 1.0
    return from_sites(sites, None, first)


# Files


def find_mps(file):
    """The first group of the file in which TeNPy saved an MPS."""
    if text(file.attrs.get("class", "")) == "MPS":
        return file
    found = []

    def look(name, item):
        if isinstance(item, h5py.Group) and text(item.attrs.get("class", "")) == "MPS":
            found.append(item)

    file.visititems(look)
    return found[0] if found else None


def write(path, kind, tensors):
    """Writes tensors as `ansatz.load` of their kind reads them."""
    letter = {"mps": "A", "peps": "T"}[kind]
    if not all(np.isfinite(tensor).all() for tensor in tensors):
        fail("a tensor holds a number that is not finite")
    with h5py.File(path, "w") as file:
        for k, tensor in enumerate(tensors):
            real = np.isrealobj(tensor)
            file[f"{letter}_{k}"] = np.ascontiguousarray(tensor, np.float64 if real else np.complex128)
    return letter


def unpickled(source):
    try:
        import joblib
    except ImportError:
        with open(source, "rb") as file:
            return pickle.load(file)
    return joblib.load(source)


def read(source, group, axes, first):
    if not h5py.is_hdf5(source):
        try:
            import quimb.tensor  # noqa: F401  the classes of what is read
        except ImportError:
            fail(f"{source} is no HDF5 file, and quimb, which may read it, is not installed")
        return from_quimb(unpickled(source), first or "up")
    with h5py.File(source) as file:
        inside = file[group] if group else file
        state = find_mps(inside)
        return from_arrays(inside, axes, first or "up") if state is None else from_tenpy(state, first)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("out")
    parser.add_argument("--first", choices=("up", "down"), help="the spin of index 0 of the source")
    parser.add_argument("--axes", help="order of the axes of plain arrays")
    parser.add_argument("--group", help="group of an HDF5 file")
    given = parser.parse_args()
    if h5py is None:
        fail("it needs the Python packages h5py and numpy")
    if not os.path.exists(given.source):
        fail(f"{given.source} does not exist")
    kind, tensors = read(given.source, given.group, given.axes, given.first)
    letter = write(given.out, kind, tensors)
    number = "real" if all(np.isrealobj(t) for t in tensors) else "complex"
    largest = max(max(tensor.shape[1:]) for tensor in tensors)
    print(f'{given.out}: {letter}_0 ... {letter}_{len(tensors) - 1}, bonds up to {largest}; kind = "{kind}", parameters = "{number}"')


if __name__ == "__main__":
    main()
