# Sourced by the other scripts: where builds go, and the tools that building HiGHS needs.
#
# HiGHS, the solver, is C++: building it needs cmake, ninja, a C++ compiler and libclang (which reads its headers).
# Nothing here needs the network unless one of them is missing.

cache="${XDG_CACHE_HOME:-$HOME/.cache}/apportion"
# Outside of the checkout, so that HiGHS is built once per machine, and not once per clone.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
# Tools of our own, where the system's are missing and nobody is root.
tools="$cache/tools"

say() { printf '%s\n' "$*" >&2; }

has() { command -v "$1" >/dev/null 2>&1; }

has_libclang() {
    local folder
    for folder in "${LIBCLANG_PATH:-/nonexistent}" /usr/lib/llvm-*/lib /usr/lib64 /usr/lib /usr/local/lib \
        /usr/lib/*-linux-gnu /opt/homebrew/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib; do
        compgen -G "$folder/libclang.so*" >/dev/null && return 0
        compgen -G "$folder/libclang-[0-9]*.so*" >/dev/null && return 0
        compgen -G "$folder/libclang.dylib" >/dev/null && return 0
    done
    return 1
}

# Prints the Debian packages of what is missing.
missing_packages() {
    has cmake || echo cmake
    has ninja || echo ninja-build
    has c++ || has g++ || has clang++ || echo g++
    has_libclang || echo libclang-dev
}

need_cargo() {
    has cargo || [ ! -f "$HOME/.cargo/env" ] || . "$HOME/.cargo/env"
    if ! has cargo; then
        say "Rust is missing: install it with rustup (https://rustup.rs), version 1.92 or later, and run this again."
        return 1
    fi
}

# Uses what an earlier run has put into $tools.
use_own_tools() {
    [ -d "$tools/python" ] || return 0
    export PATH="$tools/python/bin:$PATH"
    local library
    library="$(find "$tools/python" -name 'libclang.so*' -o -name libclang.dylib | head -n 1)"
    if [ -n "$library" ] && ! has_libclang; then
        LIBCLANG_PATH="$(dirname "$library")"
        # The wheel brings the library without the compiler's own headers (stddef.h and the like).
        BINDGEN_EXTRA_CLANG_ARGS="${BINDGEN_EXTRA_CLANG_ARGS:-} -isystem $(c++ -print-file-name=include)"
        export LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS
    fi
}

# Installs packages for a purpose: install_by_apt PURPOSE PACKAGE...
install_by_apt() {
    say "Installing by apt-get, $1: ${*:2}"
    shift
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# cmake, ninja and libclang are also Python wheels: they need no root. A compiler is not.
install_by_pip() {
    local wheels=()
    has cmake || wheels+=(cmake)
    has ninja || wheels+=(ninja)
    has_libclang || wheels+=(libclang)
    [ "${#wheels[@]}" -gt 0 ] || return 0
    say "Installing from PyPI into $tools/python, to build the solver HiGHS: ${wheels[*]}"
    mkdir -p "$tools"
    if python3 -m venv "$tools/python" >/dev/null 2>&1; then
        "$tools/python/bin/pip" install --quiet "${wheels[@]}" >&2
    else
        rm -rf "$tools/python"
        python3 -m pip install --quiet --target "$tools/python" "${wheels[@]}" >&2
    fi
}

# Cargo knows a package of ours by its place below the workspace and by the age of its files, so that two checkouts
# that share a target directory would take each other's builds for their own. The solver's build is kept.
ensure_own_builds() {
    local owner="$CARGO_TARGET_DIR/checkout"
    [ "$(cat "$owner" 2>/dev/null)" = "$PWD" ] && return 0
    if [ -d "$CARGO_TARGET_DIR/release" ]; then
        cargo clean --quiet --release --package apportion --package apportion-cluster \
            --package apportion-models --package apportion-policies
    fi
    mkdir -p "$CARGO_TARGET_DIR"
    printf '%s\n' "$PWD" >"$owner"
}

# Everything that a build with HiGHS needs, installed if it is missing.
ensure_tools() {
    need_cargo || return 1
    ensure_own_builds
    use_own_tools
    local missing
    missing="$(missing_packages)"
    [ -n "$missing" ] || return 0
    if has apt-get && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
        # shellcheck disable=SC2086  # one package per word
        install_by_apt "to build the solver HiGHS" $missing || say "apt-get could not install them."
    elif has python3; then
        install_by_pip || say "pip could not install them."
        use_own_tools
    fi
    missing="$(missing_packages)"
    [ -n "$missing" ] || return 0
    say "Still missing: $(echo "$missing" | tr '\n' ' ')"
    say "On Debian or Ubuntu: sudo apt-get install $(echo "$missing" | tr '\n' ' ')"
    say "Elsewhere, install cmake, ninja, a C++ compiler and libclang by the system's own means."
    say "Or build without HiGHS (slower solver, no C++): cargo build --release --no-default-features --features cli"
    return 1
}

# Public traces, where they lie beside the checkout and nobody says otherwise.
find_data() {
    if [ -z "${APPORTION_DATA:-}" ] && [ -d ../shared/data ]; then
        APPORTION_DATA="$(cd ../shared/data && pwd)"
        export APPORTION_DATA
    fi
}
