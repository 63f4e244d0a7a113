#!/bin/sh
# C text is as .clang-format says: format.sh [--fix] [ROOT]
set -eu

fix=false
if [ "${1:-}" = --fix ]; then
    fix=true
    shift
fi
cd "${1:-$(dirname "$0")/../..}"

tool=
for name in clang-format-14 clang-format; do
    case $("$name" --version 2>/dev/null || true) in
    *version\ 14.*) tool=$name && break ;;
    esac
done
if [ -z "$tool" ]; then
    echo "format: skipped, clang-format 14 is not there (ops/setup lint)"
    exit 77
fi

if $fix; then
    set -- -i
else
    set -- --dry-run -Werror
fi
find common proto coordinator worker ops tests -name '*.[ch]' -print0 2>/dev/null |
    xargs -0 "$tool" "$@"
echo "format: as it should be"
