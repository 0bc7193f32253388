"""Writes to the results of a run as other programs do, and has the program read them: changed.py FOLDER PROGRAM."""

import pathlib
import shutil
import subprocess
import sys

import h5py

folder, program = pathlib.Path(sys.argv[1]), sys.argv[2]


def call(*arguments, code=0):
    out = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
    assert out.returncode == code, (arguments, out.stdout, out.stderr)
    return out.stdout + out.stderr


energy = call("info", "x.h5").splitlines()[1]
assert energy.startswith("energy"), energy

shutil.copy(folder / "x.h5", folder / "doi.h5")
with h5py.File(folder / "doi.h5", "r+") as file:
    file.attrs["doi"] = "10.5281/zenodo.0000000"
    file["measure/energy/mean"].attrs["note"] = "the number of table 1"
names = ["doi.h5"]
if shutil.which("h5repack"):
    for name, options in {"repacked.h5": [], "packed.h5": ["-f", "GZIP=5"], "latest.h5": ["-L"]}.items():
        subprocess.run(["h5repack", *options, "x.h5", name], cwd=folder, check=True)
        names.append(name)
for name in names:
    said = call("info", name)
    assert energy in said and "its numbers are as they were" in said, said
    assert name in call("gather", "x.h5", name)
    call("plot", name)

with h5py.File(folder / "doi.h5", "r+") as file:
    file["measure/energy/mean"][...] = -1.0
assert "measure/energy/mean is not what" in call("info", "doi.h5", code=74)
with h5py.File(folder / "x.ckpt.h5", "r+") as file:
    file.attrs["doi"] = "10.5281/zenodo.0000000"
call("info", "x.ckpt.h5", code=74)
print("OK")
