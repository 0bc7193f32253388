#!/usr/bin/env bash
# Checks the recipes: syntax and names always; by the package manager where it is installed.
#     jobs/packaging/lint.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' ../../Cargo.toml | head -n 1)

python3 - "$version" <<'PY'
import ast
import re
import sys

version = sys.argv[1]
spack = ast.parse(open("spack/package.py").read())
names = [node.name for node in spack.body if isinstance(node, ast.ClassDef)]
assert names == ["Nishina"], names
easybuild = {}
exec(compile(open(f"easybuild/nishina-{version}-foss-2024a.eb").read(), "eb", "exec"), easybuild)
for key in ["easyblock", "name", "version", "homepage", "description", "toolchain", "sources", "moduleclass"]:
    assert key in easybuild, key
assert easybuild["version"] == version, easybuild["version"]
conda = open("conda/meta.yaml").read()
assert re.search(rf'version: "{re.escape(version)}"', conda), "the version of the conda recipe"
for section in ["package:", "source:", "build:", "requirements:", "test:", "about:"]:
    assert f"\n{section}" in f"\n{conda}", section
container = open("apptainer/nishina.def").read()
for section in ["%files", "%post", "%runscript", "%test"]:
    assert section in container, section
print("syntax and names of all recipes: fine")
PY
absent() { echo "$1 is not installed: not linted by it"; }
if command -v shellcheck >/dev/null; then
    shellcheck -S warning -x -P ../.. ../*.sh ./*.sh
else
    absent ShellCheck
fi
if command -v spack >/dev/null; then
    spack style spack/package.py
elif command -v ruff >/dev/null; then
    # The rules that `spack style` has: 99 columns, names that the star import brings allowed.
    ruff check --line-length 99 --select E,F,W,I --ignore F403,F405 spack/package.py
else
    absent Spack
fi
if command -v eb >/dev/null; then
    eb --check-style ./easybuild/*.eb
else
    absent EasyBuild
fi
if command -v conda-smithy >/dev/null; then conda-smithy lint conda; fi
if command -v conda-render >/dev/null; then
    conda-render conda
else
    absent conda-build
fi
if command -v apptainer >/dev/null; then
    echo "Apptainer is here: apptainer build nishina.sif apptainer/nishina.def"
else
    echo "Apptainer is not installed: not built"
fi
