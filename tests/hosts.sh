#!/usr/bin/env bash
# Hosts that are network namespaces of this machine, joined by a bridge in one more; for tests, needs root.
#     tests/hosts.sh up PREFIX N          makes PREFIX1 ... PREFIXn with 10.213.77.1 ... n, and PREFIX0 with the switch
#     tests/hosts.sh in PREFIXk COMMAND   runs a command on a host, under the host's name; mpirun's remote shell
#     tests/hosts.sh cut PREFIXk          pulls its cable; plug PREFIXk puts it back
#     tests/hosts.sh down PREFIX N
set -euo pipefail
case $1 in
    up)
        ip netns add "${2}0"
        ip -n "${2}0" link add switch type bridge
        ip -n "${2}0" link set switch up
        for k in $(seq "$3"); do
            ip netns add "$2$k"
            ip -n "$2$k" link set lo up
            ip -n "$2$k" link add eth0 type veth peer name "port$k" netns "${2}0"
            ip -n "${2}0" link set "port$k" master switch up
            ip -n "$2$k" addr add "10.213.77.$k/24" dev eth0
            ip -n "$2$k" link set eth0 up
        done
        ;;
    in)
        host=$2
        shift 2
        exec ip netns exec "$host" unshare --uts sh -c 'hostname "$0"; exec sh -c "$*"' "$host" "$@"
        ;;
    cut) ip -n "${2%?}0" link set "port${2: -1}" down ;;
    plug) ip -n "${2%?}0" link set "port${2: -1}" up ;;
    down)
        for k in $(seq 0 "$3"); do
            for process in $(ip netns pids "$2$k" 2>/dev/null); do kill -9 "$process" 2>/dev/null || true; done
            ip netns del "$2$k" 2>/dev/null || true
        done
        ;;
esac
