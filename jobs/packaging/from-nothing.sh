#!/usr/bin/env bash
# The first command of the README on a Debian that has nothing, in a folder of its own:
#     jobs/packaging/from-nothing.sh [openmpi|mpich]
# Makes a minimal tree with debootstrap, puts the project into it, runs jobs/local.sh there, compares the energy with the exact one,
# and takes the tree away. It needs root, debootstrap, 3 GB below TMPDIR, and about 8 minutes of a core. Cargo, its crates and the Rust
# toolchain are those of this machine; the tree sees them, and can change none of them.
#   DEBIAN_MIRROR   where packages come from; the first source of this machine without it
#   DEBIAN_SUITE    bookworm without it
#   DEBIAN_KEEP=1   leaves the tree there
set -euo pipefail

library=${1:-openmpi}
case $library in
    openmpi | mpich) ;;
    *)
        echo "usage: $0 [openmpi|mpich]" >&2
        exit 2
        ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
for tool in debootstrap cargo mount chroot; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing" >&2; exit 69; }
done
[ "$(id -u)" -eq 0 ] || { echo "$0: needs root" >&2; exit 69; }
# The first source of this machine; one of the two forms of the list may be missing.
found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | sed -nE 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]+).*/\3/p' || true)
mirror=${DEBIAN_MIRROR:-${found%%$'\n'*}}
suite=${DEBIAN_SUITE:-bookworm}

tree=$(mktemp -d "${TMPDIR:-/tmp}/from-nothing.XXXXXX")
mounted=()
leave() {
    local place
    for place in "${mounted[@]}"; do umount "$place" 2>/dev/null || umount -l "$place" || true; done
    # What is still mounted must not be taken away with the tree.
    if [ "${DEBIAN_KEEP:-0}" = 1 ] || grep -q " $tree/" /proc/mounts; then
        echo "the tree stays: $tree" >&2
    else
        rm -rf --one-file-system "$tree"
    fi
}
trap leave EXIT

debootstrap --variant=minbase "$suite" "$tree" "$mirror" >"$tree.log" || { tail "$tree.log" >&2; exit 69; }
rm -f "$tree.log"
# Names, certificates and the settings of apt are those of this machine.
cp -L /etc/resolv.conf /etc/hosts "$tree/etc/"
cp -R /etc/apt/apt.conf.d/. "$tree/etc/apt/apt.conf.d/"
if [ -d /etc/ssl/certs ]; then mkdir -p "$tree/etc/ssl" && cp -RL /etc/ssl/certs "$tree/etc/ssl/"; fi

home=${CARGO_HOME:-$HOME/.cargo}
toolchain=$(rustc --print sysroot)
mkdir -p "$tree/project" "$tree/cargo/registry" "$tree/rust" "$tree/root"
for file in config config.toml; do
    [ ! -e "$home/$file" ] || cp "$home/$file" "$tree/cargo/"
done
# The crates that were fetched already, as a copy: cargo writes beside them.
[ ! -d "$home/registry/cache" ] || cp -R "$home/registry/cache" "$home/registry/index" "$tree/cargo/registry/"
bind() {
    mkdir -p "$tree$2"
    mount --bind "$1" "$tree$2"
    mounted=("$tree$2" "${mounted[@]}")
    [ "$3" = rw ] || mount -o remount,bind,ro "$tree$2"
}
bind "$toolchain" /rust ro
mount -t proc proc "$tree/proc"
mounted=("$tree/proc" "${mounted[@]}")
bind /dev /dev rw
# Only what belongs to the project.
(cd "$root" && git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf -) | tar -C "$tree/project" -xf -

variables=(PATH=/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CARGO_HOME=/cargo LANG=C.UTF-8)
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE CARGO_HTTP_CAINFO; do
    [ -z "${!name:-}" ] || variables+=("$name=${!name}")
done
[ "$library" = openmpi ] || variables+=(NISHINA_MPI=mpich)
answer=$tree/answer
chroot "$tree" env -i "${variables[@]}" bash -c \
    'cd /project && jobs/local.sh configs/quickstart.toml && target/release/nishina --version' | tee "$answer"

python3 - "$answer" <<'PY'
import re
import sys

text = open(sys.argv[1]).read()
energy, error = map(float, re.search(r"^energy +(\S+) \+- (\S+)", text, re.M).groups())
exact = float(re.search(r"^exact +(\S+)", text, re.M).group(1))
assert abs(energy - exact) < 5 * error, f"the energy {energy} +- {error} is not {exact}"
print(f"from nothing: the energy {energy} +- {error} is that of {exact}")
PY
