#!/bin/sh
# Installs what is missing, builds everything twice, and runs all tests in both:
#
#   build-asan/   address and undefined sanitizers, assertions on
#   build/        Release, as it is shipped
#
#   sh tests/run.sh [CTEST_ARGUMENTS]        e.g. sh tests/run.sh -R codec
#
# The last lines are ctest's summary of the Release suite. Exit code 0 only where
# every test passed in both builds.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=.cmake/packages.sh
. ./.cmake/packages.sh

# run_suite FOLDER CTEST_ARGUMENTS...
run_suite() {
  folder=$1
  shift
  ctest --test-dir "$folder" --output-on-failure --no-tests=error -j "$(jobs)" "$@"
}

install_missing "$build_packages" "$test_packages"

say "build with address and undefined sanitizers, in build-asan/"
configure build-asan -DPAWL_TESTS=ON -DPAWL_BENCHES=ON -DCMAKE_BUILD_TYPE=Debug -DSANITIZE=address,undefined
build build-asan
say "build for release, in build/"
configure build -DPAWL_TESTS=ON -DPAWL_BENCHES=ON -DCMAKE_BUILD_TYPE=Release
build build

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
sanitized=passed
say "tests under the sanitizers"
run_suite build-asan "$@" || sanitized=FAILED
say "tests under the sanitizers: $sanitized; now the release build"
released=passed
run_suite build "$@" || released=FAILED
[ "$sanitized $released" = 'passed passed' ]
