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

# Which stores this build and this machine have.
"$build/bench/overhead" --list >"$folder/list" || fail "overhead --list"
stores=$(sed 's/.*"stores":\[\([^]]*\)\].*/\1/; s/[",]/ /g' "$folder/list")
here() { case " $stores " in *" $1 "*) ;; *) return 1 ;; esac; }
for store in pawl journal-floor lmdb-floor lmdb-group; do here $store || fail "$store is left out"; done
for store in sqlite sqlite-group rocksdb postgres; do
  if ! here $store; then
    ! "$build/bench/overhead" --store $store --dir "$folder" 2>"$folder/absent" || fail "$store is not in the list and can be measured"
    grep -q "$store cannot be measured here: " "$folder/absent" || fail "no word of why $store is not here"
  fi
done

peers=
for store in $stores; do
  case $store in pawl | *-floor) ;; *) peers="$peers $store" ;; esac
done
fact "pawl and its peers end with the same rows, so they did the same work:$peers"
for keys in ascending random; do
  overhead --store pawl --keys $keys --in-flight 16 >"$folder/pawl-$keys"
done
[ "$(field hash pawl-random)" != "$(field hash pawl-ascending)" ] || fail "the order of keys makes no difference to the hash"
for store in $peers journal-floor lmdb-floor; do
  overhead --store "$store" --in-flight 16 >"$folder/$store"
  [ "$(field hash "$store")" = "$(field hash pawl-ascending)" ] || fail "$store and pawl differ"
done

fact "the same with random keys and the other durability"
for store in $peers journal-floor; do
  overhead --store "$store" --keys random --durability process --in-flight 16 >"$folder/$store"
  [ "$(field hash "$store")" = "$(field hash pawl-random)" ] || fail "$store and pawl differ"
done
! "$build/bench/overhead" --store lmdb-floor --dir "$folder" --keys random 2>"$folder/refused" || fail "lmdb-floor has random keys"

fact "a journal that is full goes on at its front, and nothing is left uncounted"
overhead --store journal-floor --bytes 1048576 --steps 2 --in-flight 8 >"$folder/wrapped"
overhead --store lmdb-floor --bytes 1048576 --steps 2 --in-flight 8 >"$folder/whole"
[ "$(field items wrapped)" = 200 ] || fail "not 200 items"
[ "$(field hash wrapped)" = "$(field hash whole)" ] || fail "the hash of what was written over is wrong"

fact "the hash depends on the work"
overhead --bytes 101 >"$folder/bytes"
overhead --steps 4 >"$folder/steps"
for other in bytes steps; do
  [ "$(field hash $other)" != "$(field hash pawl-ascending)" ] || fail "another number of $other gives the same hash"
done

fact "a run says how many steps it did, and in what"
[ "$(field items pawl-ascending)" = 200 ] || fail "not 200 items"
for name in store durability items steps bytes in_flight workers key_order seconds steps_per_second ns_per_step \
  drained_seconds flushes bytes_written peak_anon_mb hash; do
  grep -q "\"$name\":" "$folder/pawl-ascending" || fail "no $name"
done

fact "a run that may not last long ends early and says how far it came"
for store in pawl journal-floor lmdb-floor $(printf '%s' "$peers" | sed 's/postgres//'); do  # it takes seconds to start
  "$build/bench/overhead" --json --dir "$folder" --items 1000000000 --in-flight 8 --store $store --seconds-max 0.2 >"$folder/early" ||
    fail "$store does not end early"
  [ "$(field items early)" -gt 0 ] || fail "$store did nothing"
done

fact "a chain of a length that pawl was not compiled for is refused in words"
! "$build/bench/overhead" --dir "$folder" --steps 5 2>"$folder/refused" || fail "a chain of 5 steps is there"
grep -q 'not of 5' "$folder/refused" || fail "no word of the 5"
leftover=$(find "$folder" -name 'bench-*')
[ -z "$leftover" ] || fail "left behind: $leftover"

number() { sed "s/.*\"$1\":\([-0-9.e+]*\).*/\1/" "$folder/$2"; }
small() { "$build/bench/$1" --dir "$folder" $2 >"$folder/$1" || fail "$1"; }  # $2: words are meant
positive() { awk -v number="$(number "$1" "$2")" 'BEGIN { exit !(number > 0) }' || fail "$2 says that $1 is $(number "$1" "$2")"; }

fact "many items are done once and found done again, also in random order"
small many_items '--items 3000 --shuffle --in-flight 100'
grep -q '"shuffled_run"' "$folder/many_items" || fail "no third run"

fact "of an item with many children that is killed halfway, no acknowledged step runs again"
small fan_out '--children 5000 --in-flight 100'
grep -q '"acknowledged_steps_run_again":0,' "$folder/fan_out" || fail "no word of what ran again"

fact "a flush, a step, a done item and an opening after a kill have a cost"
small flush '--rounds 20'
positive median_us flush
small step_cost '--rounds 1 --in-flight 16'
grep -q '"ratio":[-0-9]' "$folder/step_cost" || fail "no ratio"
small state_size '--items 2000'
positive compacted_bytes_per_item state_size
small open_after_crash '--steps-max 2000 --in-flight 100'
positive ready_seconds open_after_crash
small loop '--mib 1 --checkpoints 2 --seconds 0.1 --mtbf 0.01'
positive checkpoint_against_plain loop
positive measured_against_predicted loop
positive rounds_saved loop
for threads in flusher none; do
  small poll "--items 3000 --in-flight 500 --threads $threads --floor-seconds 0.2"
  positive polls poll
  positive p999_us poll
  positive within_limit poll
  positive floor_within_limit poll
done
small batch '--items 500 --single-items 20 --max-items 50'
positive batch_against_single batch
for name in many_items fan_out flush step_cost state_size open_after_crash loop poll batch; do
  "$build/bench/$name" --help >/dev/null || fail "$name has no --help"
  ! "$build/bench/$name" --dir "$folder/nowhere" >/dev/null 2>&1 || fail "$name works where there is no directory"
done

fact "each micro-benchmark runs"
for program in "$build"/bench/micro_*; do
  [ -x "$program" ] || continue  # left out without Google Benchmark
  "$program" --benchmark_min_time=0.001 --benchmark_filter='-8192|1024' >"$folder/micro" 2>&1 || fail "$program: $(cat "$folder/micro")"
done
leftover=$(find "$folder" -name 'bench-*')
[ -z "$leftover" ] || fail "left behind: $leftover"

if grep -q '^SANITIZE:STRING=.' "$build/CMakeCache.txt"; then exit 0; fi
command -v python3 >/dev/null || { echo "skipped: the whole measurement, python3 is not here"; exit 0; }

fact "the whole measurement runs, and each row of its table has a number"
python3 "$here/../bench/measure" "$build" "$folder/results" --quick --dir "$folder/disk" >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; fail "bench/measure"; }
for part in rows compile_time in_flight payload chain; do [ -s "$folder/results/$part.json" ] || fail "no $part.json"; done
grep '^| ' "$folder/results/table.md" | grep -v '^| what \|^| steps/s by ' | while read -r line; do
  printf '%s\n' "$line" | cut -d '|' -f 3- | grep -q '[0-9]' || fail "no number in: $line"
done
# A row may be missing only where something that it needs is: of a peer, where that is not here.
absent='process\|memory\|kill -9\|random keys'
for store in sqlite sqlite-group rocksdb postgres; do
  here $store || absent="$absent\|^- not measured: \`$store\`"
done
if grep '^- not measured: ' "$folder/results/table.md" | grep -v "$absent"; then
  fail "rows are missing"
fi
if command -v gnuplot >/dev/null; then
  for plot in in_flight payload chain; do
    grep -q '</svg>' "$folder/results/$plot.svg" || fail "no plot of $plot"
  done
fi

fact "tables are made anew without measuring, and put into a page"
printf 'before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nbehind\n' >"$folder/page.md"
python3 "$here/../bench/measure" "$build" "$folder/results" --only none --readme "$folder/page.md" >"$folder/log" 2>&1 ||
  { cat "$folder/log" >&2; fail "bench/measure --only none"; }
grep -q '^| what | measured | target ' "$folder/page.md" || fail "no table in the page"
! grep -q '^old$' "$folder/page.md" || fail "the page has its old part"
[ "$(head -n 1 "$folder/page.md") $(tail -n 1 "$folder/page.md")" = 'before behind' ] || fail "the rest of the page is not as it was"
