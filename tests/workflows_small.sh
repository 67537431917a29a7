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

fact "simulation's digest is of its fields, and its error falls with the square of the distance of its points"
exits 0 "$programs/simulation" --size 31 --rounds 500 --runs 2 --state coarse.pawl --out coarse
lines 1 '^digest [0-9a-f]\{16\}$'
grep '^run \|^digest ' log >first
exits 0 "$programs/simulation" --size 31 --rounds 500 --runs 2 --state coarse.pawl --out coarse
grep '^run \|^digest ' log | cmp first - || fail "the second run says something else"
exits 0 "$programs/simulation" --size 63 --rounds 2000 --runs 2 --state fine.pawl --out fine
! grep '^digest' log | cmp -s - first || fail "the size makes no difference to the digest"
# Twice as many points, four times as many steps of a quarter of the time.
awk '/^run 0/ { sub(",", "", $5); time[NR == FNR] = $5; error[NR == FNR] = $7 }
     END { exit !(time[0] == time[1] && error[1] / error[0] > 3.5 && error[1] / error[0] < 4.5) }' first log ||
  fail "the errors are not those of this method: $(cat first)"
for picture in coarse/run-0.png coarse/run-1.png fine/run-1.png; do
  [ "$(od -An -c -N 4 $picture | tr -d ' ')" = '211PNG' ] || fail "$picture is no picture"
done
exits 2 "$programs/simulation" --size none
exits 2 "$programs/simulation" --state /dev/null --out out

fact "embedded takes each frame through, goes on after a kill, and does nothing twice"
for threads in flusher none; do
  exits 0 "$programs/embedded" --frames 500 --threads $threads --state $threads.pawl
  lines 1 '^frames: 500, items done: 500 (of them 0 in an earlier run'
  lines 1 '^poll us: p50 [0-9.e+]*, p99 [0-9.e+]*, p99.9 [0-9.e+]*, max [0-9]'
  exits 0 "$programs/embedded" --frames 600 --threads $threads --state $threads.pawl
  lines 1 '^frames: 600, items done: 600 (of them 500 in an earlier run'
  "$programs/embedded" --frames 100000 --fps 2000 --threads $threads --state killed-$threads.pawl >log 2>&1 &
  host=$!
  sleep 1
  kill -9 $host
  wait $host 2>/dev/null || true
  exits 0 "$programs/embedded" --frames 20000 --threads $threads --state killed-$threads.pawl
  lines 1 '^frames: 20000, items done: 20000 '
  lines 0 'of them 0 in an earlier run'
done
