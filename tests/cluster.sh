#!/usr/bin/env bash
# A SLURM cluster of one node on this machine, for tests; needs root.
#     tests/cluster.sh start FOLDER     installs SLURM and munge where they are missing; FOLDER/slurm.conf is the configuration
#     tests/cluster.sh stop FOLDER
set -euo pipefail
action=$1
folder=$(realpath "$2")
export SLURM_CONF=$folder/slurm.conf

stop() {
    scancel --full --state=RUNNING --user=root 2>/dev/null || true
    for name in slurmd slurmctld munged; do
        if [ -s "$folder/$name.pid" ]; then kill "$(cat "$folder/$name.pid")" 2>/dev/null || true; fi
    done
}

if [ "$action" = stop ]; then
    stop
    exit 0
fi
[ "$(id -u)" -eq 0 ] || { echo "a cluster of one's own needs root" >&2; exit 3; }
if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v munged >/dev/null; then
    command -v apt-get >/dev/null || { echo "SLURM is not installed and there is no apt-get" >&2; exit 3; }
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge
    } >&2 || { echo "SLURM cannot be installed" >&2; exit 3; }
fi
host=$(hostname -s)
port=$((20000 + $$ % 20000))
mkdir -p "$folder/state" "$folder/spool" /run/munge
cat >"$SLURM_CONF" <<TEXT
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
MpiDefault=pmix
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=$port
SlurmdPort=$((port + 1))
ReturnToService=2
KillWait=5
InactiveLimit=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
TEXT
if ! munge -n >/dev/null 2>&1; then
    chown munge:munge /run/munge /var/log/munge /var/lib/munge
    su -s /bin/bash munge -c /usr/sbin/munged
    cp /run/munge/munged.pid "$folder/munged.pid"
fi
trap stop ERR
slurmctld -c -f "$SLURM_CONF"
slurmd -N "$host" -f "$SLURM_CONF"
for _ in $(seq 300); do
    if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then exit 0; fi
    sleep 0.1
done
echo "the node did not come up" >&2
tail -n 20 "$folder"/*.log >&2
stop
exit 1
