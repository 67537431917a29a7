#!/bin/sh
# The benches work: each runs, small, and says what it promises. How fast they
# are is no test.
#
#   bench_small.sh BUILD_DIR
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
grep -q '^PAWL_BENCHES:BOOL=ON' "$build/CMakeCache.txt" || { echo "skipped: this build has no benches"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fact() { printf -- '- %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
overhead() { "$build/bench/overhead" --json --dir "$folder" --items 200 "$@" || fail "overhead $*"; }
field() { sed "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/" "$folder/$2"; }

fact "pawl and its peers end with the same rows, so they did the same work"
for keys in ascending random; do
  for store in pawl lmdb-group sqlite-group; do overhead --store $store --keys $keys --in-flight 16 >"$folder/$store"; done
  for store in lmdb-group sqlite-group; do
    [ "$(field hash $store)" = "$(field hash pawl)" ] || fail "$store and pawl differ with $keys keys"
  done
  cp "$folder/pawl" "$folder/pawl-$keys"
done
overhead --store lmdb-floor --in-flight 16 >"$folder/lmdb-floor"
[ "$(field hash lmdb-floor)" = "$(field hash pawl-ascending)" ] || fail "lmdb-floor and pawl differ"
[ "$(field hash pawl-random)" != "$(field hash pawl-ascending)" ] || fail "the order of keys makes no difference to the hash"

fact "the hash depends on the work"
overhead --bytes 101 >"$folder/bytes"
overhead --steps 4 >"$folder/steps"
for other in bytes steps; do
  [ "$(field hash $other)" != "$(field hash pawl-ascending)" ] || fail "another number of $other gives the same hash"
done

fact "a run says how many steps it did, and in what"
[ "$(field items pawl)" = 200 ] || fail "not 200 items"
for name in store durability items steps bytes in_flight workers key_order seconds steps_per_second ns_per_step flushes \
  bytes_written peak_anon_mb hash; do
  grep -q "\"$name\":" "$folder/pawl" || fail "no $name"
done

fact "a run that may not last long ends early and says how far it came"
for store in pawl lmdb-floor sqlite-group; do
  "$build/bench/overhead" --json --dir "$folder" --items 1000000000 --in-flight 8 --store $store --seconds-max 0.2 >"$folder/early" ||
    fail "$store does not end early"
  [ "$(field items early)" -gt 0 ] || fail "$store did nothing"
done

fact "a chain of a length that pawl was not compiled for is refused in words"
! "$build/bench/overhead" --dir "$folder" --steps 5 2>"$folder/refused" || fail "a chain of 5 steps is there"
grep -q 'not of 5' "$folder/refused" || fail "no word of the 5"
leftover=$(find "$folder" -name 'bench-*')
[ -z "$leftover" ] || fail "left behind: $leftover"

fact "the whole measurement runs, and each row of its table has a number"
if grep -q '^SANITIZE:STRING=.' "$build/CMakeCache.txt"; then
  "$build/bench/many_items" --items 5000 --dir "$folder" >"$folder/many" || fail "many_items"
else
  sh "$here/../bench/measure.sh" "$build" "$folder/results" --quick --dir "$folder/disk" >"$folder/log" 2>&1 ||
    { cat "$folder/log" >&2; fail "measure.sh"; }
  for file in overhead many_items compile_time; do [ -s "$folder/results/$file.json" ] || fail "no $file.json"; done
  grep '^| ' "$folder/results/table.md" | grep -v '^| what ' | while read -r line; do
    printf '%s\n' "$line" | cut -d '|' -f 3 | grep -q '[0-9]' || fail "no number in: $line"
  done
fi
