#!/usr/bin/env bash
# Compares nishina with NetKet 3.23 on one core, both in turn; prints ratios as a Markdown table.
#     benches/peers/run.sh [W1 W2dense W2symm W4] [--rounds n] [--core c] [--density d] [--nice n]
#     benches/peers/run.sh accuracy [--seeds 1,2,3] [--netket-seeds 1] ...
# NetKet goes into $NISHINA_PEERS/netket (default target/peers/netket). Minutes of computing: never part of the tests.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/jobs/setup.sh"
cargo build --release --manifest-path "$root/Cargo.toml"
export NISHINA=${NISHINA:-${CARGO_TARGET_DIR:-$root/target}/release/nishina}

venv=${NISHINA_PEERS:-$root/target/peers}/netket
if ! "$venv/bin/python" -c 'import h5py, netket; assert netket.__version__ == "3.23.0"' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check netket==3.23.0 h5py
fi
script=compare.py
if [ "${1:-}" = accuracy ]; then
    script=accuracy.py
    shift
fi
exec "$venv/bin/python" "$root/benches/peers/$script" "$@"
