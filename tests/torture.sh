#!/bin/sh
# The long forms of what the suite tries shortly: kills, several processes on one state, system calls that fail, file systems that are shut down, full
# disks, damage, fuzzing. It says what it did and what it found, as figures.
#
#   sh tests/torture.sh [MINUTES [PART...]]     about so many minutes in all (default 60); default: all parts
#
# Parts: kills processes faults disks damage fuzz threads. What cannot be tried here (mounting needs root) says so.
# Exit code 0 only where nothing was found.
set -u
cd "$(dirname "$0")/.."
# shellcheck source=.cmake/packages.sh
. ./.cmake/packages.sh

minutes=${1:-60}
[ $# -gt 0 ] && shift
parts=${*:-kills processes faults disks damage fuzz threads}
seconds=$((minutes * 60))
share=$((seconds / $(echo "$parts" | wc -w)))
bad=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fact() { printf -- '- %s\n' "$*"; }

# try WHAT COMMAND...: runs it, prints its lines of figures, counts it where it fails.
try() {
  what=$1
  shift
  begun=$(date +%s)
  code=0
  "$@" >"$log" 2>&1 || code=$?
  took=$(($(date +%s) - begun))
  if [ "$code" = 0 ]; then
    fact "$what: nothing found in $took s"
    grep -E ' bad | kills at | calls failed| full | nothing was tried|damage' "$log" | tail -20 | sed 's/^/    /'
  else
    bad=$((bad + 1))
    fact "$what: FOUND SOMETHING (exit code $code) in $took s"
    tail -60 "$log" | sed 's/^/    /'
  fi
}

install_missing "$build_packages" "$test_packages" '
  xfsprogs             mkfs.xfs
  e2fsprogs            mkfs.ext4
'
wants() { case " $parts " in *" $1 "*) true ;; *) false ;; esac; }

if wants kills || wants processes || wants faults || wants disks || wants damage; then
  say "build for release, in build/"
  configure build -DPAWL_TESTS=ON -DPAWL_BENCHES=OFF -DCMAKE_BUILD_TYPE=Release
  build build
fi
tests=build/tests

if wants kills; then
  # A kill and the run behind it take about 150 ms here; the test alternates both durabilities.
  kills=$((share * 6))
  try "$kills kills at random" env PAWL_TEST_KILLS="$kills" "$tests/crash/kill_test" "killed at random*"
fi
if wants processes; then
  # To stop and evict a process, with the run around it, takes about 3 s.
  try "four processes, one of them killed every 100 ms; others stopped and evicted" \
    env PAWL_TEST_SHARED_SECONDS=$((share * 3 / 4)) PAWL_TEST_EVICTIONS=$((share / 12 + 1)) "$tests/crash/shared_test"
fi
if wants faults; then
  try "every system call of a small run, failing and killed at" env PAWL_TEST_FAULTS=all "$tests/crash/fault_test"
fi
if wants disks; then
  # A shutdown with what comes before and behind it takes about 250 ms.
  try "file systems shut down, and full disks" \
    env PAWL_TEST_SHUTDOWNS=$((share * 2)) PAWL_TEST_FULL_DISKS=$((share / 12 + 3)) "$tests/crash/disk_test"
fi
if wants damage; then
  # A damaged state takes about 220 ms to be copied, asked and finished; others than the suite's are tried.
  try "damage in every file of a state" env PAWL_TEST_DAMAGES=$((share * 4)) PAWL_TEST_SEED="$(date +%s)" "$tests/crash/damage_test"
fi

if wants fuzz; then
  say "build the fuzz targets, in build-fuzz/"
  (
    CXX=clang++
    export CXX
    configure build-fuzz -DPAWL_TESTS=ON -DPAWL_BENCHES=OFF -DPAWL_WORKFLOWS=OFF -DPAWL_FUZZ=ON -DCMAKE_BUILD_TYPE=Debug \
      -DSANITIZE=fuzzer-no-link,address,undefined
  )
  targets=$(cd tests/fuzz && echo *_fuzz.cpp | sed 's/\.cpp//g')
  # shellcheck disable=SC2046,SC2086  # words are meant
  build build-fuzz --target $(printf 'fuzz_%s ' $targets)
  count=$(echo "$targets" | wc -w)
  for target in $targets; do
    # What is new goes into the first folder, which is this machine's; what is kept lies in the second. Whole paths, for a
    # target may go into a folder of its own.
    found=$PWD/build-fuzz/corpus/$target
    kept=$PWD/tests/fuzz/corpus/$target
    mkdir -p "$found" "$kept"
    try "fuzzing $target" "build-fuzz/tests/fuzz/$target" -max_total_time=$((share / count + 1)) -timeout=20 -rss_limit_mb=2048 \
      -max_len=4096 -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$found-" "$found" "$kept"
    grep -E 'number_of_executed_units|new_units_added|peak_rss' "$log" | sed 's/^stat::/    /'
  done
fi

if wants threads; then
  say "build with the thread sanitizer, in build-tsan/"
  (
    CXX=clang++
    export CXX
    configure build-tsan -DPAWL_TESTS=ON -DPAWL_BENCHES=OFF -DCMAKE_BUILD_TYPE=Debug -DSANITIZE=thread
  )
  build build-tsan
  try "the whole suite under the thread sanitizer" env TSAN_OPTIONS=halt_on_error=1 \
    ctest --test-dir build-tsan --output-on-failure --no-tests=error -j "$(jobs)"
  grep -E 'tests passed|tests failed' "$log" | sed 's/^/    /'
fi

if [ "$bad" = 0 ]; then say "nothing found"; else say "$bad parts found something"; fi
[ "$bad" = 0 ]
