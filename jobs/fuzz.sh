#!/usr/bin/env bash
# The whole program under random faults for as long as it is given: broken inputs, tables and files, signals,
# limits, other ranks.
#     jobs/fuzz.sh SECONDS [SEED] [FAMILY]     FAMILY: inputs, tables, loads, signals, limits, ranks, damage
# Ends with exit code 0 when no invariant was broken; the folders of cases that broke one are kept
# and named. NISHINA_FUZZ_CASE=N begins with case N of the seed.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
    echo "usage: $0 SECONDS [SEED] [FAMILY]" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source jobs/setup.sh
export NISHINA_FUZZ_SECONDS=$1 NISHINA_FUZZ_SEED=${2:-$(date +%s)}
if [ $# -eq 3 ]; then export NISHINA_FUZZ_FAMILY=$3; fi
echo "seed $NISHINA_FUZZ_SEED"
exec cargo test --test program_fuzz -- --nocapture
