#!/usr/bin/env bash
# A parameter scan as a job array: one task per value, each in a directory of its own.
#     sbatch --array=0-8 jobs/slurm-array.sh X.toml [arguments of `nishina run`]
# ---- yours ----
#SBATCH --job-name=nishina-scan
#SBATCH --array=0-8
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=16
#SBATCH --cpus-per-task=1
#SBATCH --time=12:00:00
#SBATCH --output=%x-%A-%a.log
##SBATCH --account=...
##SBATCH --partition=...
key=hamiltonian.hx
values=(0.25 0.5 0.75 0.9 1.0 1.1 1.25 1.5 2.0)
nishina=${NISHINA:-target/release/nishina} # relative to the directory of submission
modules=${NISHINA_MODULES:-}               # for example "gcc openmpi hdf5 openblas"
# ---------------
# Two minutes before the end the run is told to write a checkpoint and leave with exit code 75.
#SBATCH --signal=USR1@120
#SBATCH --open-mode=append
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: sbatch $0 X.toml [arguments of nishina run]" >&2; exit 2; }
cd "${SLURM_SUBMIT_DIR:-.}"
# shellcheck disable=SC2086
[ -z "$modules" ] || module load $modules
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}

task=${SLURM_ARRAY_TASK_ID:?this is a job array: submit it with sbatch --array}
[ "$task" -lt "${#values[@]}" ] || { echo "$0: task $task, but only ${#values[@]} values" >&2; exit 2; }
value=${values[$task]}
nishina=$(realpath "$nishina")
input=$(realpath "$1")
shift
directory=$(basename "$input" .toml)-$key-$value
mkdir -p "$directory"

code=0
(cd "$directory" && srun --mpi=pmix "$nishina" run "$input" --set "$key=$value" "$@") || code=$?
if [ "$code" -eq 75 ]; then
    # Unfinished, checkpoint written: this task again, which goes on from there.
    sbatch --job-name="$SLURM_JOB_NAME" --array="$task" "${NISHINA_JOB:-jobs/slurm-array.sh}" "$input" "$@"
    exit 0
fi
exit "$code"
