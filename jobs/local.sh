#!/usr/bin/env bash
# Optimises one input on this machine, on all its cores, and sets the energy beside the exact one.
#     jobs/local.sh X.toml [arguments of `nishina run`]
# The result is NAME.h5 in the working directory; the exit code is that of the run.
set -euo pipefail

if [ $# -lt 1 ]; then
    echo "usage: $0 X.toml [arguments of nishina run]" >&2
    exit 2
fi
input=$1
shift
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/jobs/setup.sh"
cargo build --release --manifest-path "$root/Cargo.toml"
nishina=${CARGO_TARGET_DIR:-$root/target}/release/nishina

code=0
mpirun=${NISHINA_MPIRUN:-mpirun}
# Ranks share the cores of this machine; the options are those of Open MPI, and MPICH needs none.
options=()
if "$mpirun" --version 2>/dev/null | grep -q 'Open MPI'; then options=(--bind-to none --oversubscribe); fi
"$mpirun" -np "$(nproc)" "${options[@]}" "$nishina" run "$input" "$@" || code=$?
[ "$code" -eq 0 ] || exit "$code"

name=$(basename "$input" .toml)
info=$("$nishina" info "$name.h5" --json) || { echo "$0: no result $name.h5 in $PWD" >&2; exit "$code"; }
exact=$("$nishina" exact "$input" --json 2>/dev/null) || exact=
INFO=$info EXACT=$exact python3 - <<'PY'
import json
import os

energy = json.loads(os.environ["INFO"])["energy"]
print(f"energy  {energy['mean']:.10f} +- {energy['error']:.1e}")
if os.environ["EXACT"]:
    exact = json.loads(os.environ["EXACT"])["energies"][0]
    relative = (energy["mean"] - exact) / abs(exact) if exact else float("nan")
    print(f"exact   {exact:.10f}   relative difference {relative:+.1e}")
else:
    print("exact   not available for this system")
PY
exit "$code"
