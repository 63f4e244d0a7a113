#!/bin/sh
# The commands of README.md and ops/README.md, typed in a fresh copy of the tree, in a folder whose
# name has blanks, do what the documents say.
set -eu
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

# run_block DOCUMENT NAME: as it stands there; what it says is in NAME.out.
run_block() {
    echo "running the block $2 of $1"
    "$source/tests/lib/blocks.py" "$1" print "$2" >"$2.sh"
    sh -eu "$2.sh" >"$2.out" 2>&1 </dev/null || {
        cat "$2.out" >&2
        fail "the block $2 of $1"
    }
}

if ! "$source/ops/setup" --check build quickstart; then
    echo "skipped: packages are missing (ops/setup build quickstart)"
    exit 77
fi
(cd "$source" && tar -cf - --exclude='*.muster' --exclude=__pycache__ ./*.* LICENSE \
    common proto coordinator worker ops tests) | tar -xf -
"$source/tests/lib/blocks.py" README.md write .

run_block README.md quickstart
expect_line quickstart.out '^quickstart: Complete: 3034 instances\.$'
expect_line quickstart.out "^  the report: .*/quickstart.muster/report/report.md'$"
expect_line quickstart.muster/report/report.md '^Complete: 3034 instances\.$'
cp quickstart.muster/report/report.md first.md
run_block README.md quickstart
expect_line quickstart.out '^sweep +[0-4]\.[0-9] s$'
expect_same first.md quickstart.muster/report/report.md

run_block README.md own-sweep
expect_line own-sweep.out '^mine: Complete: 120 instances\.$'
expect_line own-sweep.out '^120 results in .* 0 violations$'

run_block ops/README.md setup
expect_line setup.out '^libzmq3-dev$'
run_block ops/README.md install
expect_line install.out '^Usage: muster COMMAND'
for installed in bin/muster-launch share/doc/muster/README.md share/doc/muster/PROTOCOL.host.md \
    share/muster/examples/quickstart/sweep.yaml; do
    [ -f "installed/$installed" ] || fail "installed/$installed is not there"
done
[ ! -e installed/share/muster/examples/quickstart/data ] || fail "made data are installed"
