#!/bin/sh
# Installs what is missing, builds pawl and its benchmarks, and measures:
#
#   sh bench/run.sh [--rounds N] [--dir DIR] [--only PART ...] [--readme FILE]
#
# Takes about an hour with the five rounds that are the default. The machine
# should have nothing else to do, and DIR (default: in build/) must lie on the
# disk that is to be measured, with 40 GB free. Results go to bench/results/: a
# JSON file for each part, table.md, which is also printed, and the plots. What
# the numbers mean: bench/README.md.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=.cmake/packages.sh
. ./.cmake/packages.sh

# The stores that pawl is compared with, and what draws the plots.
bench_packages='
  libbenchmark-dev     benchmark/benchmark.h
  clang                clang++|clang++-14
  librocksdb-dev       rocksdb/db.h
  libpq-dev            postgresql/libpq-fe.h|libpq-fe.h
  python3              python3
  gnuplot-nox          gnuplot
'

case ${1-} in
  --help | -h) sed -n '2,11s/^# \{0,1\}//p' bench/run.sh; exit 0 ;;
esac
server=
for folder in /usr/lib/postgresql/*/bin; do [ ! -x "$folder/initdb" ] || server=here; done
[ -n "$server" ] || bench_packages="$bench_packages
  postgresql           initdb"
install_missing "$build_packages" "$bench_packages"
say "building in build/ (the first time takes some minutes)"
if [ -e build/CMakeCache.txt ]; then
  configure build -DPAWL_BENCHES=ON
else
  configure build -DCMAKE_BUILD_TYPE=Release -DPAWL_TESTS=OFF -DPAWL_BENCHES=ON
fi
build build --target benches
exec python3 bench/measure build bench/results "$@"
