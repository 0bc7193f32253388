#!/usr/bin/env bash
# Writes docs/dependencies.md: every crate of the program on Linux with version, licence and reason, from `cargo metadata`.
#     jobs/dependencies.sh            writes the page
#     jobs/dependencies.sh --check    fails where the page is old, or a licence is not among those that deny.toml allows
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
case ${1:-} in
    "" | --check) ;;
    *)
        echo "usage: $0 [--check]" >&2
        exit 2
        ;;
esac
MODE=${1:-} exec python3 - <<'PY'
import json
import os
import re
import subprocess
import sys

PAGE = "docs/dependencies.md"
# Why each direct dependency is there.
WHY = {
    "blas-sys": "declares BLAS; the library itself is named at build time",
    "clap": "the command line",
    "clap_complete": "completions for shells",
    "clap_mangen": "man pages",
    "csv": "tables that are read, with the lines of errors, and tables that are written",
    "env_logger": "messages on standard error, with their time in a batch job",
    "hdf5-metno": "results, checkpoints and samples",
    "indicatif": "the progress bar of a run on a terminal",
    "jiff": "dates in results, in UTC; env_logger brings it for the time of messages",
    "lapack-sys": "declares LAPACK",
    "libc": "limits, memory, hosts, files that are no files, symbols of the BLAS library",
    "log": "messages",
    "mpi": "ranks",
    "ndarray": "matrices with rows and columns",
    "ndarray-linalg": "Cholesky, QR and singular values, by the library of the build",
    "num-complex": "complex numbers",
    "plotters": "axes and curves as SVG; see below",
    "rand": "random numbers",
    "rand_chacha": "the generator, with one stream for each chain and step",
    "rand_distr": "normal and other distributions",
    "ratatui": "`nishina watch`",
    "resvg": "SVG to PNG",
    "schemars": "the JSON Schema of inputs, from the types that read them",
    "serde": "inputs, from TOML to types",
    "serde_json": "`--json`, schema, counts of shots",
    "serde_path_to_error": "the key that an error of an input names",
    "signal-hook": "signals that ask for a stop",
    "tempfile": "files that appear as a whole, and folders of tests",
    "toml": "inputs",
    "xxhash-rust": "checksums of files",
}
command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
data = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
packages = {p["id"]: p for p in data["packages"]}
nodes = {n["id"]: n for n in data["resolve"]["nodes"]}
root = data["resolve"]["root"]


def used(node):
    """Dependencies of a build; those of tests alone are left out."""
    for dep in nodes[node]["deps"]:
        if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"]):
            yield dep["pkg"]


direct = sorted(set(used(root)), key=lambda i: packages[i]["name"])
optional = {d["name"] for d in packages[root]["dependencies"] if d["optional"]}


def reached(starts):
    seen, waiting = set(), list(starts)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(used(node))
    return seen


everything = reached(direct)
lean = reached(i for i in direct if packages[i]["name"] not in optional)
through = {i: reached([i]) for i in direct}

deny = open("deny.toml").read()
allowed = set(re.findall(r'"([^"]+)"', re.search(r"allow = \[(.*?)\]", deny, re.S).group(1)))


def permitted(expression):
    """Whether an SPDX expression can be fulfilled with allowed licences alone."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    text, k = "", 0
    while k < len(words):
        word = words[k]
        if word in ("(", ")"):
            text += word
        elif word in ("AND", "OR"):
            text += f" {word.lower()} "
        else:
            if words[k + 1 : k + 2] == ["WITH"]:
                word = f"{word} WITH {words[k + 2]}"
                k += 2
            text += str(word in allowed)
        k += 1
    return eval(text)


for expression, expected in [
    ("MIT OR GPL-3.0", True),
    ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
    ("GPL-3.0", False),
    ("MIT AND LGPL-2.1", False),
    ("Apache-2.0 WITH LLVM-exception", True),
    ("Unlicense/MIT", True),
]:
    assert permitted(expression) == expected, expression


def name(i):
    return f"{packages[i]['name']} {packages[i]['version']}"


faults = [
    f"{name(i)}: the licence {packages[i]['license']!r} is not allowed by deny.toml"
    for i in sorted(everything)
    if not (packages[i]["license"] and permitted(packages[i]["license"]))
]
faults += [f"{name(i)}: comes from {packages[i]['source']}" for i in sorted(everything)
           if not (packages[i]["source"] or "").startswith("registry+")]
faults += [f"{packages[i]['name']}: jobs/dependencies.sh has no reason for it" for i in direct if packages[i]["name"] not in WHY]
names = {packages[i]["name"] for i in direct}
faults += [f"{known}: a reason without the crate" for known in WHY if known not in names]

rows = [
    f"| {packages[i]['name']} | {packages[i]['version']} | {packages[i]['license']} | {len(through[i]) - 1} | "
    f"{'`tools`' if packages[i]['name'] in optional else ''} | {WHY.get(packages[i]['name'], '')} |"
    for i in direct
]
others = sorted(everything - set(direct), key=lambda i: (packages[i]["name"], packages[i]["version"]))


def brought(i):
    return ", ".join(packages[d]["name"] for d in direct if i in through[d])


inner = [f"| {packages[i]['name']} | {packages[i]['version']} | {packages[i]['license']} | {brought(i)} |" for i in others]
twice = sorted({packages[i]["name"] for i in everything
                if sum(packages[j]["name"] == packages[i]["name"] for j in everything) > 1})
page = f"""# Dependencies

`jobs/dependencies.sh` writes this page from `cargo metadata` for Linux on x86-64; `jobs/test.sh` checks that it is new, and that
every licence is one that `deny.toml` allows: none is copyleft. `cargo deny check` looks for yanked crates too.

The program is built from {len(everything)} crates; without the feature `tools` from {len(lean)}. In several versions: {", ".join(twice) or "none"}.

System libraries: MPI, HDF5 (serial), BLAS and LAPACK; libclang while it is built.

## Named by the program

| crate | version | licence | brings | feature | why |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

## What was weighed

* **BLAS and LAPACK**: products and eigenvalues are called as blas-sys and lapack-sys declare them, in place and without copies;
  factorisations go through ndarray-linalg. None of these crates holds a library or needs the C interface of BLAS.
* **Dates** come from jiff, which env_logger brings for the times of messages in a batch job.
* **Tables** are read and written by csv: quotes, separators and lines as other programs write them.
* **Pictures**: plotters writes SVG, resvg turns SVG into PNG with the font that the program carries. Of plotters the pictures need
  lines, polygons, circles, text with an anchor, and a frame with ticks; ticks, legends, dashes and insets are the program's own. An
  SVG writer of its own would be some 300 lines in PLOTTERS_FILES files of `src/plot`, and every picture would have to be looked at again. It
  would save PLOTTERS_CRATES crates that nothing else brings. plotters stays while its output is right: it is old and changes little, it is
  named in `src/plot` alone, and a build without `tools` does without it.
* **MPI**: mpi is named in one file, `src/comm/mpi.rs`.

## Brought by others

| crate | version | licence | through |
| --- | --- | --- | --- |
{chr(10).join(inner)}
"""
plotters = next((i for i in direct if packages[i]["name"] == "plotters"), None)
rest = reached(i for i in direct if i != plotters)
page = page.replace("PLOTTERS_CRATES", str(len(everything - rest) - 1))
files = [f for f in sorted(os.listdir("src/plot")) if f.endswith(".rs") and "plotters" in open(f"src/plot/{f}").read()]
page = page.replace("PLOTTERS_FILES", str(len(files)))
if os.environ["MODE"] == "--check":
    if not os.path.exists(PAGE) or open(PAGE).read() != page:
        faults.append(f"{PAGE} is old: run jobs/dependencies.sh")
else:
    open(PAGE, "w").write(page)
for fault in faults:
    print(f"dependencies: {fault}", file=sys.stderr)
sys.exit(bool(faults))
PY
