#!/usr/bin/env bash
# One run on a cluster; it puts itself into the queue again until it is finished.
#     sbatch jobs/slurm-run.sh X.toml [arguments of `nishina run`]
# ---- yours ----
#SBATCH --job-name=nishina
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
##SBATCH --account=...
##SBATCH --partition=...
# SBATCH lines count only above the first command.
# Each attempt has a log of its own: NAME-<job>-<attempt>.log. The program knows the end of the job and leaves in time; this
# warning is for clusters where it cannot find out.
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
nishina=${NISHINA:-target/release/nishina} # relative to the directory of submission
modules=${NISHINA_MODULES:-}               # for example "gcc openmpi hdf5 openblas"
launcher=${NISHINA_LAUNCHER:-srun --mpi=pmix} # or mpirun; srun --mpi=pmi2 with MPICH
attempts=${NISHINA_ATTEMPTS:-100}          # after so many the job gives up
# ---------------
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: sbatch $0 X.toml [arguments of nishina run]" >&2; exit 2; }
cd "${SLURM_SUBMIT_DIR:-.}"
# shellcheck disable=SC2086
[ -z "$modules" ] || module load $modules
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
# So that mpirun, too, ends soon after a host is lost.
export OMPI_MCA_oob_tcp_keepalive_time=10 OMPI_MCA_oob_tcp_keepalive_intvl=2 OMPI_MCA_oob_tcp_keepalive_probes=5

attempt=$((${NISHINA_ATTEMPT:-0} + ${SLURM_RESTART_COUNT:-0}))
name=${SLURM_JOB_NAME:-nishina}-${SLURM_ARRAY_JOB_ID:-${SLURM_JOB_ID:-0}}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
name=${name//\//_}
results=${NISHINA_RESULTS:-$(basename "$1" .toml).h5}

began=$(mktemp)
trap 'rm -f "$began"' EXIT
# shellcheck disable=SC2086
$launcher "$nishina" run "$@" >"$name-$attempt.log" 2>&1 &
child=$!
# A signal is passed on and ends the wait, but not the run.
trap 'passed=1; kill -USR1 "$child" 2>/dev/null || true' USR1
trap 'passed=1; kill -TERM "$child" 2>/dev/null || true' TERM
passed=1
while [ "$passed" -eq 1 ]; do
    passed=0 code=0
    wait "$child" || code=$?
done
# mpirun hides the code of a run that was told to stop by TERM; the results know better.
if [ "$code" -eq 1 ] || [ "$code" -eq 143 ]; then
    if [ "$results" -nt "$began" ] && "$nishina" info "$results" --json | grep -q '"state":"stopped"'; then code=75; fi
fi
[ "$code" -eq 75 ] || exit "$code"

if [ "$attempt" -ge "$attempts" ]; then
    echo "$0: not finished after $attempt attempts; submit it again to go on" >&2
    exit 75
fi
# Unfinished, the state is saved: the same job again, which goes on from there. A job that waits for this one keeps waiting.
trap - USR1 TERM
# Of an array this task alone: the number of one of its tasks is that of the whole array.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID:?}}
if scontrol requeue "${job:-${SLURM_JOB_ID:?}}"; then
    sleep 60 # SLURM ends this script
    exit 75
fi
# Where jobs may not be requeued: another one.
NISHINA_ATTEMPT=$((attempt + 1)) sbatch --job-name="${SLURM_JOB_NAME:-nishina}" "${NISHINA_JOB:-jobs/slurm-run.sh}" "$@"
