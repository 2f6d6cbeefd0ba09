# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# Sourced by the scripts under test/: how they say what they do, and why something failed.
# Everything a person reads goes to standard error; standard output is for what the next command reads.

VMINIT_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/vminit

step() { printf '== %s\n' "$*" >&2; }
note() { printf '   %s\n' "$*" >&2; }

# fail WHAT WHY DO: ends the script.
fail() {
    printf '\nFAILED: %s\n' "$1" >&2
    printf '  why: %s\n' "$2" >&2
    printf '  do:  %s\n\n' "$3" >&2
    exit 1
}

# tail_of FILE [LINES]: the end of a log, indented, for a failure.
tail_of() {
    [ -s "$1" ] || return 0
    printf '  --- the end of %s\n' "$1" >&2
    tail -n "${2:-15}" "$1" | tr -d '\r' | sed 's/^/  | /' >&2
}

# seconds_since EPOCHREALTIME: "3.2".
seconds_since() {
    local us=$(( ${EPOCHREALTIME/[.,]/} - ${1/[.,]/} ))
    printf '%d.%d' $(( us / 1000000 )) $(( us / 100000 % 10 ))
}

# logged LOG COMMAND...: runs it with all output into LOG; on a terminal its newest line is shown meanwhile.
logged() {
    local log=$1 line
    shift
    if [ -t 2 ]; then
        "$@" </dev/null 2>&1 | tee "$log" | while IFS= read -r line; do
            printf '\r\033[K   %.*s' "$((${COLUMNS:-80} - 5))" "$line" >&2
        done
        local status=${PIPESTATUS[0]}
        printf '\r\033[K' >&2
        return "$status"
    fi
    "$@" </dev/null >"$log" 2>&1
}
