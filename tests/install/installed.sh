#!/bin/sh
# Installs a build into an empty folder, moves that folder elsewhere (an
# installed tree must not know where it was made), and builds, links and runs
# the consumer against it.
#
#   installed.sh BUILD_DIR CMAKE COMPILER
set -eu
build=$1 cmake=$2 compiler=$3
consumer=$(cd "$(dirname "$0")/consumer" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$cmake" --install "$build" --prefix "$folder/made" >/dev/null
mv "$folder/made" "$folder/prefix"

"$folder/prefix/bin/pawl" --help >/dev/null
"$cmake" -S "$consumer" -B "$folder/build" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$folder/prefix" -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
"$cmake" --build "$folder/build"
grep -rl "$build" "$folder/prefix/lib" --include='*.cmake' && { echo "the package names the build folder"; exit 1; }
mkdir "$folder/run" && cd "$folder/run" && "$folder/build/consumer"
