#!/bin/sh
# Runs the benches of a build and writes what they gave.
#
#   sh bench/measure.sh BUILD_DIR RESULTS_DIR [--rounds N] [--dir DIR] [--quick]
#
# In each round every store runs once, on the same directory; ratios are taken
# within a round, and the table shows medians over the rounds (default 5).
# --quick makes everything tiny: whether it works, not how fast it is.
set -eu
build=$(cd "$1" && pwd)
mkdir -p "$2"
results=$(cd "$2" && pwd)
shift 2
here=$(cd "$(dirname "$0")" && pwd)

rounds=5
disk=$build/bench/disk
items=300000
many=2000000
seconds=5
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2; shift 2 ;;
    --dir) disk=$2; shift 2 ;;
    --quick) rounds=1 items=500 many=5000 seconds=1; shift ;;
    *) echo "error: $1 is no option of the benches; see the head of bench/run.sh" >&2; exit 2 ;;
  esac
done
load=$(cut -d' ' -f1 /proc/loadavg)
if awk -v load="$load" 'BEGIN { exit !(load > 0.5) }'; then
  echo "warning: the machine is busy (load $load); on a virtual one a flush may then take ten times as long" >&2
fi
steps=3
bytes=100
threads=64
mkdir -p "$disk"
runs=$(mktemp)
trap 'rm -f "$runs" "$runs".*' EXIT

# number NAME LINE: the value of a field of a JSON object on one line.
number() { printf '%s\n' "$2" | sed "s/.*\"$1\":\([-+0-9.eE]*\).*/\1/"; }
# median: of the numbers on standard input, one a line.
median() { sort -g | awk '{ all[NR] = $1 } END { if (NR) printf "%.6g\n", (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'; }
# keep NAME NUMBER: one value of one round.
keep() { echo "$2" >>"$runs.$1"; }
middle() { median <"$runs.$1"; }
thousands() { awk -v number="$1" 'BEGIN { text = sprintf("%.0f", number); while (match(text, /[0-9][0-9][0-9][0-9]/) && match(text, /^[0-9]+/)) { cut = RLENGTH - 3; text = substr(text, 1, cut) "," substr(text, cut + 1) } print text }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'; }
larger() { awk -v a="$1" -v b="$2" 'BEGIN { print (a > b ? a : b) }'; }

# overhead NAME OPTIONS...: one run; its line is kept, and its rate left in $rate.
overhead() {
  name=$1
  shift
  line=$("$build/bench/overhead" --json --dir "$disk" --items "$items" --steps "$steps" --bytes "$bytes" "$@")
  printf '%s\n' "$line" >>"$runs.overhead"
  rate=$(number steps_per_second "$line")
  keep "$name" "$rate"
  keep "$name.flushes" "$(number flushes "$line")"
  keep "$name.anon" "$(number peak_anon_mb "$line")"
  echo "  $name: $(thousands "$rate") steps/s"
}

round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round of $rounds"
  overhead pawl --store pawl --in-flight 8192 --workers 1
  pawl=$rate
  batch=$((items * steps / $(number flushes "$line")))
  overhead floor --store lmdb-floor --batch "$batch"
  keep to_floor "$(ratio "$pawl" "$rate")"
  overhead lmdb_group --store lmdb-group --in-flight $threads --seconds-max "$seconds"
  best=$rate
  overhead sqlite_group --store sqlite-group --in-flight $threads --seconds-max "$seconds"
  best=$(larger "$best" "$rate")
  keep to_group "$(ratio "$pawl" "$best")"
  overhead pawl_64 --store pawl --in-flight $threads --workers 1 --seconds-max "$seconds"
  keep to_group_64 "$(ratio "$rate" "$best")"

  line=$("$build/bench/many_items" --items "$many" --dir "$disk")
  printf '%s\n' "$line" >>"$runs.many"
  keep many_first "$(number items_per_second "${line%%\"second_run\"*}")"
  keep many_second "$(number items_per_second "${line##*\"second_run\"}")"
  # The highest in the first two tenths of the first run, and in the rest of it and the second run.
  points=$(printf '%s\n' "$line" | grep -o '"anon_mb":\[[^]]*\]' | sed 's/.*\[//; s/\]//' | tr ',\n' '  ')
  keep many_early "$(printf '%s\n' "$points" | tr ' ' '\n' | sed '/^$/d' | head -n 2 | sort -g | tail -n 1)"
  keep many_late "$(printf '%s\n' "$points" | tr ' ' '\n' | sed '/^$/d' | tail -n +3 | sort -g | tail -n 1)"
  round=$((round + 1))
done
rm -rf "$disk"

echo "compile time"
if [ "$items" = 500 ]; then quick='--runs 1 c++'; else quick="--runs $rounds"; fi
# shellcheck disable=SC2086  # words are meant
sh "$here/compile_time.sh" --json $quick | tee "$runs.compile"

# ---- the machine ----
version() { pkg-config --modversion "$1" 2>/dev/null || echo unknown; }
journal=
if [ "$(df --output=fstype "$results" | tail -n 1)" = ext4 ] && [ -d /proc/fs/jbd2 ] && [ -z "$(ls /proc/fs/jbd2)" ]; then
  journal=' without a journal'
fi
device=$(df --output=source "$results" | tail -n 1 | sed 's|.*/||')
case $device in
  vd*) disk_kind='a virtio disk' ;;
  nvme*) disk_kind='an NVMe disk' ;;
  sd*) disk_kind='a SCSI or SATA disk' ;;
  *) disk_kind='a disk of unknown kind' ;;
esac
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
machine="$(nproc) cores ($cpu), $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), \
$(df --output=fstype "$results" | tail -n 1)$journal on $disk_kind, Linux $(uname -r | cut -d- -f1), load $load when it began"
versions="LMDB $(version lmdb), SQLite $(version sqlite3), compiled by $(c++ --version | head -n 1)"

# ---- results ----
array() { awk 'BEGIN { printf "[" } { printf "%s\n  %s", (NR > 1 ? "," : ""), $0 } END { print "\n]" }' "$1"; }
about="\"machine\": \"$machine\", \"versions\": \"$versions\", \"date\": \"$(date -u +%F)\""
for kind in overhead many compile; do
  case $kind in
    overhead) file=overhead ;;
    many) file=many_items ;;
    compile) file=compile_time ;;
  esac
  { echo "{$about, \"runs\":"; array "$runs.$kind"; echo '}'; } >"$results/$file.json"
done

# row WHAT VALUE TARGET
row() { echo "| $1 | $2 | $3 |"; }
rate_row() { row "$1" "$(thousands "$(middle "$2")") steps/s ($(printf '%.0f' "$(middle "$2.flushes")") commits, $(printf '%.1f' "$(middle "$2.anon")") MB)" ''; }
{
  echo "Medians of $rounds rounds, $(date -u +%F). $machine. $versions."
  echo
  echo "Durability power, $steps steps, results of $bytes bytes, keys ascending, no-op steps; $(thousands "$items") items,"
  echo "or as many as fit into $seconds s for what runs with $threads in flight. In brackets: commits, peak anonymous memory."
  echo
  echo '| what | measured | target |'
  echo '|---|---|---|'
  rate_row 'pawl, 8,192 in flight, 1 worker' pawl
  rate_row 'lmdb-floor: raw LMDB, records and batches of the same size' floor
  rate_row "lmdb-group: hand-written group commit, $threads blocked threads" lmdb_group
  rate_row "sqlite-group: the same into SQLite, WAL, synchronous=FULL" sqlite_group
  rate_row "pawl, $threads in flight, 1 worker" pawl_64
  row 'pawl against the better group commit' "$(middle to_group)" 'at least 5'
  row 'pawl against lmdb-floor' "$(middle to_floor)" 'at least 0.5'
  row "pawl with $threads in flight against the better group commit" "$(middle to_group_64)" ''
  row "$(thousands "$many") items, 3 steps, 1 worker" "$(thousands "$(middle many_first)") items/s" ''
  row 'the same again, all done' "$(thousands "$(middle many_second)") items/s" 'at least 1,000,000'
  row 'peak anonymous memory: first fifth of the run / later' "$(middle many_early) / $(middle many_late) MB" 'below 150, not growing'
  while read -r line; do
    name="$(printf '%s' "$line" | sed 's/.*"compiler":"\([^"]*\)".*/\1/') $(printf '%s' "$line" | sed 's/.*"version":"\([^"]*\)".*/\1/')"
    row "$name: one more step of known types" "$(number step_ms "$line") ms" 'at most 50'
    row "$name: one more five-field result type" "$(number type_ms "$line") ms" 'at most 80'
    row "$name: hello.cpp beyond its standard headers" "$(number hello_more_ms "$line") ms" 'at most 1,000'
  done <"$runs.compile"
} >"$results/table.md"
cat "$results/table.md"
