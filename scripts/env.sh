# Sourced by the Makefile and the other scripts: puts the tools that scripts/setup installs into PATH.
#
# The tools live outside the checkout, by version, so that a second clone finds them and `cargo install`s
# of the person's own are left alone.

OPTISCHEMA_TOOLS="${OPTISCHEMA_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/optischema-tools}"
OPTISCHEMA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
CARGO_LEPTOS_VERSION=0.3.10
BINARYEN_VERSION=132.0.0

wasm_bindgen_version() {
    awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' \
        "$OPTISCHEMA_ROOT/Cargo.lock"
}

# Where a compiler keeps the standard library of a target, or nothing.
has_wasm_target() {
    local dir
    dir="$("$1" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" || return 1
    compgen -G "$dir/libstd-*.rlib" >/dev/null
}

# One compiler builds the server, the browser's code and the lints. The person's own comes first; the
# distribution's takes its place only where the own one has no WASM target.
use_compiler() {
    if ! has_wasm_target rustc && [ -x /usr/bin/rustc ] && has_wasm_target /usr/bin/rustc; then
        PATH="/usr/bin:$PATH"
    fi
}

WASM_BINDGEN_VERSION="$(wasm_bindgen_version)"
PATH="$OPTISCHEMA_TOOLS/cargo-leptos-$CARGO_LEPTOS_VERSION/bin:$PATH"
PATH="$OPTISCHEMA_TOOLS/wasm-bindgen-$WASM_BINDGEN_VERSION/bin:$PATH"
PATH="$OPTISCHEMA_TOOLS/binaryen-$BINARYEN_VERSION/node_modules/.bin:$PATH"
PATH="$OPTISCHEMA_TOOLS/nextest/bin:$PATH"
use_compiler
export PATH

# Tests run on the version that is asked for; on the newest of the machine where none is.
if [ -n "${OPTISCHEMA_POSTGRES_VERSION:-}" ] && [ -z "${OPTISCHEMA_POSTGRES_BIN:-}" ]; then
    OPTISCHEMA_POSTGRES_BIN="$("$OPTISCHEMA_ROOT/scripts/postgres" bin "$OPTISCHEMA_POSTGRES_VERSION")"
    export OPTISCHEMA_POSTGRES_BIN
fi
