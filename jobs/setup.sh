#!/usr/bin/env bash
# Makes the system libraries available that nishina is built on. Sourced by the other jobs:
#     source jobs/setup.sh
# NISHINA_MPI=mpich takes MPICH instead of Open MPI, NISHINA_BLAS another BLAS.
# Installs what is missing through apt where that is allowed; elsewhere it names what to load and stops.

nishina_links() {
    # Whether a program can be linked with BLAS and LAPACK: run-time libraries alone are not enough. NISHINA_BLAS names the
    # libraries and, beginning with a slash, their folders.
    local word arguments=()
    for word in ${NISHINA_BLAS:-openblas}; do
        case $word in
            /*) arguments+=("-L$word" "-Wl,-rpath-link,$word") ;;
            *) arguments+=("-l$word") ;;
        esac
    done
    echo 'void dgemm_(void); void zgesdd_(void); int main(void) { dgemm_(); zgesdd_(); return 0; }' |
        gcc -x c - -o /dev/null "${arguments[@]}" 2>/dev/null
}

nishina_missing() {
    # One word per missing piece, nothing when all is there.
    command -v gcc >/dev/null && command -v pkg-config >/dev/null || echo compiler
    command -v "${MPICC:-mpicc}" >/dev/null && command -v "${NISHINA_MPIRUN:-mpirun}" >/dev/null || echo mpi
    { [ -n "${HDF5_DIR:-}" ] && [ -e "$HDF5_DIR" ]; } || pkg-config --exists hdf5 2>/dev/null ||
        [ -e "/usr/lib/$(gcc -dumpmachine 2>/dev/null)/hdf5/serial/include/hdf5.h" ] || command -v h5cc >/dev/null || echo hdf5
    nishina_links || echo "blas (${NISHINA_BLAS:-openblas})"
    [ -n "${LIBCLANG_PATH:-}" ] ||
        { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true; } | grep 'libclang[-.0-9]*\.so' >/dev/null ||
        compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || echo libclang
    # The tests read files with these.
    if [ "${NISHINA_FOR_TESTS:-0}" = 1 ]; then
        command -v h5dump >/dev/null || echo hdf5-tools
        python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    fi
}

nishina_install() {
    local as_root=() clang version packages
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    command -v apt-get >/dev/null || return 1
    "${as_root[@]}" apt-get update -qq || return 1
    # The oldest libclang the distribution has, with the headers that belong to it.
    clang=$(apt-cache search --names-only '^libclang1-[0-9]+$' | awk '{ print $1 }' | sort -V | head -n 1)
    [ -n "$clang" ] || return 1
    version=${clang#libclang1-}
    packages=(build-essential pkg-config "$clang" "libclang-common-$version-dev" libhdf5-dev hdf5-tools python3-venv)
    case ${NISHINA_MPI:-openmpi} in
        mpich) packages+=(libmpich-dev mpich) ;;
        *) packages+=(libopenmpi-dev openmpi-bin) ;;
    esac
    # Another BLAS is the user's own choice.
    [ -n "${NISHINA_BLAS:-}" ] || packages+=(libopenblas-pthread-dev)
    # Optional: matrices that no rank holds whole.
    [ "${NISHINA_MPI:-openmpi}" = mpich ] || [ -z "$(apt-cache search --names-only '^libscalapack-openmpi-dev$')" ] || packages+=(libscalapack-openmpi-dev)
    # Optional: a test reads files with R.
    [ "${NISHINA_FOR_TESTS:-0}" != 1 ] || [ -z "$(apt-cache search --names-only '^r-cran-hdf5r$')" ] || packages+=(r-cran-hdf5r)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "${packages[@]}" >&2
}

nishina_scalapack() {
    # Whether the optional ScaLAPACK is there, which the cargo feature `scalapack` links.
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true; } | grep 'libscalapack-openmpi\.so' >/dev/null
}

nishina_rust() {
    # The oldest Rust that builds the program stands in Cargo.toml.
    local root wanted found
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    found=$(cargo --version | awk '{ print $2 }')
    if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        echo "setup: cargo is $found, and the program needs $wanted: rustup update, or install Rust from https://rustup.rs" >&2
        return 1
    fi
}

nishina_mpi_of_the_build() {
    # Builds the parts of MPI again when the compiler of MPI has changed, which cargo does not see: its words are kept beside the
    # build. NISHINA_MPI=mpich takes MPICH where both are installed.
    local root target stamp words
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    target=${CARGO_TARGET_DIR:-$root/target}
    stamp=$target/mpi-of-the-build
    words=$("${MPICC:-mpicc}" -show 2>/dev/null) || return 0
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" != "$words" ]; then
        echo "setup: MPI has changed: its parts are built again" >&2
        cargo clean --quiet --manifest-path "$root/Cargo.toml" -p mpi-sys -p mpi 2>/dev/null || true
        cargo clean --quiet --release --manifest-path "$root/Cargo.toml" -p mpi-sys -p mpi 2>/dev/null || true
    fi
    if mkdir -p "$target" 2>/dev/null; then printf '%s\n' "$words" >"$stamp"; fi
}

nishina_setup() {
    local missing serial
    if [ "${NISHINA_MPI:-}" = mpich ]; then
        export MPICC=${MPICC:-mpicc.mpich} NISHINA_MPIRUN=${NISHINA_MPIRUN:-mpirun.mpich}
    fi
    # shellcheck disable=SC2046
    missing=$(echo $(nishina_missing))
    if [ -n "$missing" ] || { ! nishina_scalapack && [ "${NISHINA_SCALAPACK_WANTED:-0}" = 1 ]; }; then
        echo "setup: missing: ${missing:-scalapack}" >&2
        nishina_install || true
        # shellcheck disable=SC2046
        missing=$(echo $(nishina_missing))
    fi
    if [ -n "$missing" ]; then
        cat >&2 <<TEXT
setup: still missing: $missing
  Debian, Ubuntu: apt-get install build-essential pkg-config libopenmpi-dev openmpi-bin libclang1-14 \\
                  libclang-common-14-dev libopenblas-pthread-dev libhdf5-dev hdf5-tools python3-venv
                  (any version of libclang1-* with its libclang-common-*-dev)
  Cluster:        module load gcc openmpi hdf5 openblas llvm   (serial HDF5; names differ between sites)
                  and export HDF5_DIR=<prefix of HDF5> LIBCLANG_PATH=<directory of libclang.so>
  Another BLAS:   export NISHINA_BLAS="blis lapack", flexiblas, mkl_rt, ...   (libraries, and /folders that they are in)
TEXT
        return 1
    fi
    command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
    command -v cargo >/dev/null || { echo "setup: cargo is missing: install Rust from https://rustup.rs" >&2; return 1; }
    nishina_rust || return 1
    nishina_mpi_of_the_build
    serial=/usr/lib/$(gcc -dumpmachine)/hdf5/serial
    if [ -z "${HDF5_DIR:-}" ] && [ -e "$serial" ]; then export HDF5_DIR=$serial; fi
    export PATH OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
}

nishina_setup || exit 1
