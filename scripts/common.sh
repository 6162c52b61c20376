# shellcheck shell=bash
# What setup, run and test share. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
area=$root/.build # every file that a script makes is below this folder; removing it is always safe

say() {
    printf '%s: %s\n' "${0##*/}" "$*"
}

# configure DIR OPTION...: a meson build folder with these options.
# The stamp is written last, so a setup that was interrupted, had other options or another compiler,
# or moved with the checkout is thrown away and made anew; nothing else may be trusted to notice.
configure() {
    local dir=$1
    shift
    local stamp="$root ${CC:-default} $*"
    if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/configured" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    rm -rf "$dir"
    mkdir -p "$area"
    meson setup "$dir" "$root" "$@" || return 1
    printf '%s\n' "$stamp" >"$dir/configured"
}
