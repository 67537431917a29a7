#!/bin/sh
# The small example programs say what their comments promise.
#
#   workflows_small.sh BUILD_DIR
set -eu
programs=$1/workflows
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

fact() { printf -- '- %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  sed 's/^/    /' log >&2
  exit 1
}
exits() {
  wanted=$1
  shift
  code=0
  "$@" >log 2>&1 </dev/null || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}
lines() { [ "$(grep -c -- "$2" log)" = "$1" ] || fail "not $1 lines with: $2"; }

fact "hello greets everybody once, however often it runs"
exits 0 "$programs/hello"
lines 4 '^Hello .*, visitor number'
lines 1 '^Ada was told: Hello Ada, visitor number 3!'
exits 0 "$programs/hello"
lines 0 '^Hello .*, visitor number'
lines 1 '^Ada was told: Hello Ada, visitor number 3!'
exits 2 "$programs/hello" /dev/null

fact "flaky's report says what was bound to happen, also the second time"
exits 0 "$programs/flaky" --items 300 --seed 7
grep '^expected: ' log >first
exits 0 "$programs/flaky" --items 300 --seed 7
grep '^expected: ' log | cmp first - || fail "the second run expects something else"
exits 0 "$programs/flaky" --items 300 --seed 8 --state other.pawl
! grep '^expected: ' log | cmp -s first - || fail "the seed decides nothing"
exits 2 "$programs/flaky" --items many
exits 2 "$programs/flaky" --state /dev/null
