#!/bin/sh
# Runs many seeds of the simulation, shared out to as many processes as there are processors.
#
# Usage: many.sh SIM FROM COUNT [OPTION of sim...]
#
# Exit: 0 all is well, 1 a run failed; what each process says comes at the end.
set -eu

[ $# -ge 3 ] || {
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
sim=$1 from=$2 count=$3
shift 3
jobs=$(nproc)
share=$(((count + jobs - 1) / jobs))
scratch=$(mktemp -d "${TMPDIR:-/tmp}/muster-sim-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

last=$((from + count - 1)) pids=
while [ "$from" -le "$last" ]; do
    to=$((from + share - 1))
    [ "$to" -le "$last" ] || to=$last
    "$sim" --seeds="$from..$to" "$@" >"$scratch/$from" 2>&1 &
    pids="$pids $!"
    from=$((to + 1))
done
code=0
for pid in $pids; do
    wait "$pid" || code=1
done
for said in "$scratch"/*; do
    cat "$said"
done
exit $code
