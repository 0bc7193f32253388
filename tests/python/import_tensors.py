"""Tensor networks of other programs in, amplitudes out: import_tensors.py FOLDER PROGRAM.

Each network is written as its program writes it, converted, and loaded; ln psi has to be that of the network itself.
"""

import importlib.util
import json
import pathlib
import pickle
import subprocess
import sys

import h5py
import numpy as np

folder, program = pathlib.Path(sys.argv[1]), sys.argv[2]
script = pathlib.Path(__file__).parents[2] / "jobs/post/import_tensors.py"
rng = np.random.default_rng(5)
SITES = 6


def convert(source, *options):
    out = folder / "converted.h5"
    said = subprocess.run([sys.executable, script, source, out, *options], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return said.stdout


def log_psi(lattice, ansatz, rows):
    """ln psi of the program for the tensors in converted.h5."""
    text = f"""
[lattice]
{lattice}
boundary = "open"
[hamiltonian]
kind = "ising"
hx = 1.0
[ansatz]
{ansatz}
load = "converted.h5"
[measure]
samples = 0
amplitudes = {json.dumps(rows.tolist())}
"""
    (folder / "x.toml").write_text(text)
    run = subprocess.run([program, "run", "x.toml", "--fresh"], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    with h5py.File(folder / "x.h5") as results:
        return results["measure/amplitudes/log_psi"][...]


def compare(lattice, ansatz, rows, psi, what):
    found = np.exp(log_psi(lattice, ansatz, rows))
    worst = np.abs(found / psi - 1).max()
    assert worst < 1e-10, f"{what}: {worst}"
    print(f"{what}: {worst:.1e}")


def spins(count):
    return rng.choice([-1, 1], size=(count, SITES))


def product(tensors, row, up):
    """psi of tensors [left, value, right]; `up` is the value of spin up."""
    vector = np.ones(1)
    for tensor, spin in zip(tensors, row):
        vector = vector @ tensor[:, up if spin > 0 else 1 - up, :]
    return vector[0]


# A file in the layout of TeNPy: tensors in blocks of the charge 2 Sz, mixed canonical forms, down first.


def save_list(group, name, items, kind="list"):
    made = group.create_group(name)
    made.attrs["len"] = len(items)
    made.attrs["type"] = kind
    for k, item in enumerate(items):
        item(made, str(k))
    return made


def plain(value):
    return lambda group, name: group.__setitem__(name, value)


def save_tensor(group, name, tensor, charges, slices):
    """Only the blocks in which the charge is conserved; what else there is must vanish."""
    made = group.create_group(name)
    made.attrs["class"] = "Array"
    blocks, places, rest = [], [], tensor.copy()
    for a, left in enumerate(charges[0]):
        for s, value in enumerate(charges[1]):
            for b, right in enumerate(charges[2]):
                if left + value == right:
                    where = tuple(slice(*slices[k][j : j + 2]) for k, j in enumerate((a, s, b)))
                    blocks.append(tensor[where])
                    places.append((a, s, b))
                    rest[where] = 0
    assert not rest.any()
    made["block_inds"] = np.array(places)
    save_list(made, "blocks", [plain(block) for block in blocks])
    save_list(made, "labels", [plain(np.bytes_(label)) for label in ("vL", "p", "vR")])
    legs = made.create_group("legs")
    legs.attrs["len"] = 3
    for k in range(3):
        leg = legs.create_group(str(k))
        if k < 2:
            leg["slices"] = np.array(slices[k])
        else:
            leg["blockcharges"] = np.array([[a, b, q] for a, b, q in zip(slices[k], slices[k][1:], charges[k])])


def of_tenpy():
    """Random tensors Gamma and singular values; A and B forms meet at site 3."""
    charges = [list(range(-i, i + 1, 2)) for i in range(SITES + 1)]
    charges = [[q for q in c if abs(q) <= SITES - i] for i, c in enumerate(charges)]
    slices = [np.arange(len(c) + 1) * (1 if i in (0, SITES) else 2) for i, c in enumerate(charges)]
    values = [rng.uniform(0.5, 1.5, size=s[-1]) for s in slices]
    gammas = []
    for i in range(SITES):
        full = rng.normal(size=(slices[i][-1], 2, slices[i + 1][-1])) + 1j * rng.normal(size=(slices[i][-1], 2, slices[i + 1][-1]))
        for a, left in enumerate(charges[i]):
            for s, value in enumerate((-1, 1)):
                for b, right in enumerate(charges[i + 1]):
                    if left + value != right:
                        full[slices[i][a] : slices[i][a + 1], s, slices[i + 1][b] : slices[i + 1][b + 1]] = 0
        gammas.append(full)
    values[0] = values[SITES] = np.ones(1)
    forms = [(1.0, 0.0)] * 3 + [(0.0, 1.0)] * (SITES - 3)
    with h5py.File(folder / "tenpy.h5", "w") as file:
        state = file.create_group("psi")
        state.attrs["class"], state.attrs["norm"] = "MPS", 0.5
        state["boundary_condition"] = np.bytes_("finite")
        tensors = state.create_group("tensors")
        tensors.attrs["len"] = SITES
        for i, (gamma, (left, right)) in enumerate(zip(gammas, forms)):
            tensor = values[i][:, None, None] ** left * gamma * values[i + 1] ** right
            save_tensor(tensors, str(i), tensor, (charges[i], (-1, 1), charges[i + 1]), (slices[i], [0, 1, 2], slices[i + 1]))
        save_list(state, "singular_values", [plain(v) for v in values])
        pair = lambda form: lambda group, name: save_list(group, name, [plain(x) for x in form], "tuple")
        save_list(state, "canonical_form", [pair(form) for form in forms])

        def site(group, name):
            labels = group.create_group(name).create_group("state_labels")
            labels["down"], labels["up"] = 0, 1

        save_list(state, "sites", [site] * SITES)
    whole = [gamma * values[i + 1] for i, gamma in enumerate(gammas)]
    rows = np.array([[1, -1, 1, 1, -1, -1], [-1, 1, -1, 1, 1, -1], [1, 1, 1, -1, -1, -1]])
    return rows, np.array([0.5 * product(whole, row, 1) for row in rows])


chain = f'kind = "chain"\nsize = {SITES}'
rows, psi = of_tenpy()
assert "complex" in convert(folder / "tenpy.h5")
compare(chain, 'kind = "mps"', rows, psi, "TeNPy")

# Arrays site by site: left, right, value, as those of quimb; the ends have two axes.
tensors = [rng.normal(size=(1 if i == 0 else 3, 2, 1 if i == SITES - 1 else 3)) for i in range(SITES)]
with h5py.File(folder / "arrays.h5", "w") as file:
    for i, tensor in enumerate(tensors):
        file[f"I{i}"] = tensor.transpose(0, 2, 1).squeeze()
rows = spins(5)
convert(folder / "arrays.h5")
compare(chain, 'kind = "mps"\nparameters = "real"', rows, np.array([product(tensors, row, 0) for row in rows]), "arrays")
convert(folder / "arrays.h5", "--first", "down")
compare(chain, 'kind = "mps"\nparameters = "real"', rows, np.array([product(tensors, row, 1) for row in rows]), "down first")

# A mistake is told without a traceback.
bad = subprocess.run([sys.executable, script, folder / "arrays.h5", folder / "no.h5", "--axes", "lrq"], capture_output=True, text=True)
assert bad.returncode == 1 and "--axes" in bad.stderr and "Traceback" not in bad.stderr, bad.stderr

if importlib.util.find_spec("quimb") is None:
    print("SKIPPED: quimb is not installed")
else:
    import quimb.tensor as qtn

    def amplitude(network, chosen):
        return complex(network.isel(chosen).contract(optimize="greedy", output_inds=()))

    state = qtn.MPS_rand_state(SITES, 4, dtype="complex128", seed=3)
    rows = spins(5)
    psi = [amplitude(state, {state.site_ind(i): int(s < 0) for i, s in enumerate(row)}) for row in rows]
    (folder / "mps.dmp").write_bytes(pickle.dumps(state))
    convert(folder / "mps.dmp")
    compare(chain, 'kind = "mps"', rows, np.array(psi), "quimb MPS")

    pairs = qtn.PEPS.rand(3, 2, 3, dtype="float64", seed=4)
    places = [(i, j) for j in range(2) for i in range(3)]
    rows = spins(5)
    psi = [amplitude(pairs, {pairs.site_ind(p): int(s < 0) for p, s in zip(places, row)}) for row in rows]
    square = 'kind = "square"\nsize = [3, 2]'
    exact = 'kind = "peps"\nparameters = "real"\nboundary_dimension = 0'
    (folder / "peps.dmp").write_bytes(pickle.dumps(pairs))
    convert(folder / "peps.dmp")
    compare(square, exact, rows, np.array(psi), "quimb PEPS")
    with h5py.File(folder / "peps-arrays.h5", "w") as file:
        for (i, j), array in zip(((i, j) for i in range(3) for j in range(2)), pairs.arrays):
            file[f"I{i},{j}"] = array
    convert(folder / "peps-arrays.h5")
    compare(square, exact, rows, np.array(psi), "arrays of quimb PEPS")

print("OK")
