#!/usr/bin/env bash
# A parameter scan as a job array: one task per value, each in a directory of its own, put into the queue again until it is
# finished.
#     sbatch --array=0-8 jobs/slurm-array.sh X.toml [arguments of `nishina run`]
#     target/release/nishina gather X-hamiltonian.hx-*/X.h5 > scan.csv
# ---- yours ----
#SBATCH --job-name=nishina-scan
#SBATCH --array=0-8
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=1
#SBATCH --time=12:00:00
##SBATCH --account=...
##SBATCH --partition=...
# SBATCH lines count only above the first command.
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A-%a.log
key=${NISHINA_KEY:-hamiltonian.hx}
# shellcheck disable=SC2206
values=(${NISHINA_VALUES:-0.25 0.5 0.75 0.9 1.0 1.1 1.25 1.5 2.0})
# The other settings are those of slurm-run.sh, which runs each task.
# ---------------
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: sbatch $0 X.toml [arguments of nishina run]" >&2; exit 2; }
cd "${SLURM_SUBMIT_DIR:-.}"
task=${SLURM_ARRAY_TASK_ID:?this is a job array: submit it with sbatch --array}
[ "$task" -lt "${#values[@]}" ] || { echo "$0: task $task, but only ${#values[@]} values" >&2; exit 2; }
value=${values[$task]}
one=$(realpath "${NISHINA_ONE:-jobs/slurm-run.sh}")
export NISHINA_JOB=$one
NISHINA=$(realpath "${NISHINA:-target/release/nishina}")
export NISHINA
input=$(realpath "$1")
shift
directory=$(basename "$input" .toml)-$key-$value
mkdir -p "$directory"
cd "$directory"
# In this shell, which SLURM's warning reaches.
export SLURM_SUBMIT_DIR=$PWD
set -- "$input" --set "$key=$value" "$@"
# shellcheck source=jobs/slurm-run.sh
source "$one"
