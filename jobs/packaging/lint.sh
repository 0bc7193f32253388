#!/usr/bin/env bash
# Checks the recipes: syntax and names always; by the package manager where it is installed.
#     jobs/packaging/lint.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' ../../Cargo.toml | head -n 1)

python3 - "$version" <<'PY'
import ast
import sys

version = sys.argv[1]
spack = ast.parse(open("spack/package.py").read())
names = [node.name for node in spack.body if isinstance(node, ast.ClassDef)]
assert names == ["Nishina"], names
easybuild = {}
exec(compile(open(f"easybuild/nishina-{version}-foss-2025b.eb").read(), "eb", "exec"), easybuild)
for key in ["easyblock", "name", "version", "homepage", "description", "toolchain", "sources", "moduleclass"]:
    assert key in easybuild, key
assert easybuild["version"] == version, easybuild["version"]
conda = open("conda/recipe.yaml").read()
assert f'version: "{version}"' in conda, "the version of the conda recipe"
for section in ["package:", "source:", "build:", "requirements:", "tests:", "about:"]:
    assert f"\n{section}" in f"\n{conda}", section
try:
    from rattler_build import Stage0Recipe, VariantConfig

    Stage0Recipe.from_file("conda/recipe.yaml").render(VariantConfig())
    print("the conda recipe is rendered by rattler-build")
except ImportError:
    print("rattler-build is not installed: the conda recipe is not linted by it")
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
    as_root=()
    [ "$(id -u)" -ne 0 ] || as_root=(--allow-use-as-root-and-accept-consequences)
    eb "${as_root[@]}" --check-style ./easybuild/*.eb
    # Whether the modules that it needs are known.
    eb "${as_root[@]}" --robot --dry-run ./easybuild/*.eb >/dev/null
else
    absent EasyBuild
fi
if command -v apptainer >/dev/null; then
    echo "Apptainer is here: apptainer build nishina.sif apptainer/nishina.def"
else
    echo "Apptainer is not installed: not built"
fi
