#!/usr/bin/env bash
# Every check of the project: format, lints, documentation, tests.
#     jobs/test.sh [--long]        --long adds the physics runs that take minutes
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
case ${1:-} in
    --long) export NISHINA_LONG=1 ;;
    "") ;;
    *)
        echo "usage: $0 [--long]" >&2
        exit 2
        ;;
esac
NISHINA_SCALAPACK_WANTED=1
NISHINA_FOR_TESTS=1
source jobs/setup.sh
# One build needs no records for the next one: 3 GB of disk.
export CARGO_INCREMENTAL=0

venv=$root/target/venv
if ! "$venv/bin/python" -c 'import h5netcdf, h5py, matplotlib, numpy, pandas, uncertainties, xarray' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check h5netcdf h5py matplotlib numpy pandas uncertainties xarray
fi
export NISHINA_PYTHON=$venv/bin/python

cargo fmt --check
cargo clippy --all-targets -- -D warnings
cargo clippy --no-default-features -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
jobs/dependencies.sh --check
jobs/packaging/lint.sh
cargo test
if nishina_scalapack; then
    cargo clippy --all-targets --features scalapack -- -D warnings
    cargo test --features scalapack --test distributed
else
    echo "ScaLAPACK is not installed: the distributed solver was not tested" >&2
fi
if [ "${NISHINA_LONG:-0}" = 1 ]; then
    # The first command on an empty Debian, with each MPI library.
    if command -v debootstrap >/dev/null && [ "$(id -u)" -eq 0 ]; then
        jobs/packaging/from-nothing.sh openmpi
        jobs/packaging/from-nothing.sh mpich
    else
        echo "debootstrap or root is missing: the set-up from nothing was not tested" >&2
    fi
fi
