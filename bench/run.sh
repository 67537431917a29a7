#!/bin/sh
# Installs what is missing, builds pawl and its benchmarks, and measures:
#
#   sh bench/run.sh [--rounds N] [--dir DIR]
#
# Takes about five minutes. The machine should have nothing else to do, and DIR
# (default: in build/) must lie on the disk that is to be measured. Results go to
# bench/results/: one JSON file for each bench, and table.md, which is also
# printed. What the numbers mean: bench/README.md.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=.cmake/packages.sh
. ./.cmake/packages.sh

bench_packages='
  libbenchmark-dev     benchmark/benchmark.h
  clang                clang++|clang++-14
'

case ${1-} in
  --help | -h) sed -n '2,9s/^# \{0,1\}//p' bench/run.sh; exit 0 ;;
esac
install_missing "$build_packages" "$bench_packages"
say "building in build/ (the first time takes some minutes)"
if [ -e build/CMakeCache.txt ]; then
  configure build -DPAWL_BENCHES=ON
else
  configure build -DCMAKE_BUILD_TYPE=Release -DPAWL_TESTS=OFF -DPAWL_BENCHES=ON
fi
build build --target benches
exec sh bench/measure.sh build bench/results "$@"
