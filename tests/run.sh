#!/bin/sh
# Installs what is missing, builds everything twice, and runs all tests in both:
#
#   build-asan/   address and undefined sanitizers, assertions on; by Clang
#   build/        Release, as it is shipped; by the default compiler
#
# Clang compiles sanitized code in half the time, and two compilers see more than
# one. Where its run-time libraries cannot be had, the default compiler does both.
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

# sanitizes COMPILER: can it link a sanitized program?
sanitizes() {
  program=$(mktemp)
  code=0
  echo 'int main() { return 0; }' | "$1" -x c++ -fsanitize=address,undefined -o "$program" - 2>/dev/null || code=$?
  rm -f "$program"
  return "$code"
}

install_missing "$build_packages" "$test_packages"
sanitizer_compiler=clang++
if ! sanitizes clang++; then
  (install_missing "libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev absent") || :
  sanitizes clang++ || sanitizer_compiler=c++
fi

say "build with address and undefined sanitizers, in build-asan/, by $sanitizer_compiler"
(
  export CXX="$sanitizer_compiler"
  configure build-asan -DPAWL_TESTS=ON -DPAWL_BENCHES=ON -DCMAKE_BUILD_TYPE=Debug -DSANITIZE=address,undefined
)
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
