#!/usr/bin/env bash
# One run on a cluster; it submits itself again until it is finished.
#     sbatch jobs/slurm-run.sh X.toml [arguments of `nishina run`]
# ---- yours ----
#SBATCH --job-name=nishina
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
##SBATCH --account=...
##SBATCH --partition=...
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

code=0
srun --mpi=pmix "$nishina" run "$@" || code=$?
if [ "$code" -eq 75 ]; then
    # Unfinished, checkpoint written: the same job again, which goes on from there.
    sbatch --job-name="$SLURM_JOB_NAME" "${NISHINA_JOB:-jobs/slurm-run.sh}" "$@"
    exit 0
fi
exit "$code"
