#!/usr/bin/env bash
# Builds the program and installs it below a folder:
#     jobs/install.sh [--lean] PREFIX             --lean leaves out pictures and the terminal: nishina plot, watch
#   PREFIX/bin/nishina                           without debug information
#   PREFIX/share/man/man1                        a man page for each command
#   PREFIX/share/bash-completion, zsh, fish      completions
#   PREFIX/share/nishina                         worked inputs, job scripts, readers for Python and Julia
#   PREFIX/share/doc/nishina                     guide, schema, licences
#   PREFIX/share/modulefiles/nishina/VERSION     a modulefile, which finds its own place
# The folder can be moved as a whole. MPI, HDF5 and BLAS are found as the loader finds them.
set -euo pipefail

lean=()
if [ "${1:-}" = --lean ]; then
    lean=(--no-default-features)
    shift
fi
if [ $# -ne 1 ]; then
    echo "usage: $0 [--lean] PREFIX" >&2
    exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/jobs/setup.sh"
cargo build --release --locked "${lean[@]}" --manifest-path "$root/Cargo.toml"
nishina=${CARGO_TARGET_DIR:-$root/target}/release/nishina
version=$("$nishina" --version | awk 'NR == 1 { print $2 }')

mkdir -p "$1"
prefix=$(cd "$1" && pwd)
share=$prefix/share
install -D -m 755 -s "$nishina" "$prefix/bin/nishina"
"$nishina" man "$share/man/man1" >/dev/null
mkdir -p "$share/bash-completion/completions" "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
"$nishina" completions bash >"$share/bash-completion/completions/nishina"
"$nishina" completions zsh >"$share/zsh/site-functions/_nishina"
"$nishina" completions fish >"$share/fish/vendor_completions.d/nishina.fish"

mkdir -p "$share/nishina" "$share/doc/nishina"
cp -R "$root/configs" "$share/nishina/"
cp -R "$root/jobs" "$share/nishina/"
cp -R "$root/docs/." "$share/doc/nishina/"
cp "$root/README.md" "$root/CHANGELOG.md" "$share/doc/nishina/"
cp "$root"/LICENSE* "$root/CITATION.cff" "$share/doc/nishina/"

mkdir -p "$share/modulefiles/nishina"
cat >"$share/modulefiles/nishina/$version" <<'TCL'
#%Module1.0
module-whatis "nishina: variational Monte Carlo with neural-network quantum states"
set prefix [file normalize [file join [file dirname [file normalize $ModulesCurrentModulefile]] .. .. ..]]
prepend-path PATH $prefix/bin
prepend-path MANPATH $prefix/share/man
setenv NISHINA_EXAMPLES $prefix/share/nishina/configs
TCL
echo "nishina $version is installed in $prefix"
