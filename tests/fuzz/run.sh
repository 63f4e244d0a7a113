#!/bin/sh
# Every fuzz target for so many seconds: run.sh BUILD SECONDS
#
# BUILD is a build folder of the preset fuzz. Inputs that are found go to BUILD/found/TARGET, those
# that break something to BUILD/found/TARGET-...; the output of each target is beside them. Exit: 0
# none broke anything.
set -eu

folder=$(CDPATH="" cd -P "$(dirname "$0")" && pwd)
build=$(CDPATH="" cd -P "$1" && pwd)
seconds=$2
found="$build/found"
mkdir -p "$found"

# Limits: what a message may be; an allocation far above any that an input of that size may cause.
# shellcheck disable=SC2016 # it is for the inner shell
one='
target=$1 found=$2 folder=$3 seconds=$4 name=${1##*/}
mkdir -p "$found/$name"
dictionary="$folder/$name.dict"
set -- "-max_total_time=$seconds" -max_len=1310720 -malloc_limit_mb=64 -rss_limit_mb=1024 \
    -timeout=10 -print_final_stats=1 "-artifact_prefix=$found/$name-"
[ ! -f "$dictionary" ] || set -- "$@" "-dict=$dictionary"
code=0
"$target" "$@" "$found/$name" "$folder/corpus/$name" >"$found/$name.log" 2>&1 </dev/null || code=$?
runs=$(sed -n "s/^stat::number_of_executed_units: *//p" "$found/$name.log")
if [ "$code" -eq 0 ]; then
    printf "%-20s %12s runs\n" "$name" "$runs"
else
    printf "%-20s FAILED, see %s\n" "$name" "$found/$name.log"
fi
exit "$code"
'
printf '%s\0' "$build"/tests/fuzz_* |
    xargs -0 -P "$(nproc)" -I '{}' sh -c "$one" fuzz '{}' "$found" "$folder" "$seconds"
