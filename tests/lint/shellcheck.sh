#!/bin/sh
# Shell scripts are free of shellcheck's findings: shellcheck.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/../..}"
if ! command -v shellcheck >/dev/null; then
    echo "shellcheck: skipped, it is not there (ops/setup lint)"
    exit 77
fi

# A script is what begins with a shell's name. SC2317: functions are passed by name here.
find .ci common proto coordinator worker ops tests -type f -size -256k \
    -not -path '*/data/*' -print0 2>/dev/null |
    xargs -0 grep -lZE -m 1 '^#!.*/(env )?(sh|bash|dash)$' |
    xargs -0 -r shellcheck --external-sources --exclude=SC2317
echo "shellcheck: as it should be"
