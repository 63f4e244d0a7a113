# shellcheck shell=sh
# Sourced by tests of label e2e: a folder of its own, the programs in PATH, and ways to fail.
#
# MUSTER_BIN names the folder of the programs. The tests run in $work, whose name has blanks in it.

source=$(CDPATH="" cd -P "$(dirname "$0")/../.." && pwd)
: "${MUSTER_BIN:=$source/build/dev/bin}"
export MUSTER_BIN
PATH=$MUSTER_BIN:$PATH
export PATH

top=$(mktemp -d "${TMPDIR:-/tmp}/muster-e2e-XXXXXX")
work="$top/a folder with blanks"
mkdir "$work"
cd "$work" || exit 1
trap 'cd / && rm -rf "$top"' EXIT
trap 'exit 1' INT TERM HUP

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect_code CODE COMMAND...
expect_code() {
    wanted=$1
    shift
    code=0
    "$@" || code=$?
    [ "$code" -eq "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}

expect_line() { # FILE EXTENDED_REGEX
    grep -Eq -- "$2" "$1" || {
        cat "$1" >&2
        fail "no line in $1 matches $2"
    }
}

expect_same() { # FILE FILE
    cmp "$1" "$2" >&2 || fail "$1 and $2 differ"
}
