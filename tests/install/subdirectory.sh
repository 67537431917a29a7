#!/bin/sh
# Builds the consumer with pawl as its subdirectory and runs it. There pawl must
# bring the library alone: no tests, no tool, nothing of its own to install.
#
#   subdirectory.sh SOURCE_DIR CMAKE COMPILER BUILD_DIR
set -eu
source=$1 cmake=$2 compiler=$3 build=$4
consumer=$(cd "$(dirname "$0")/consumer" && pwd)

launcher=$(command -v ccache || true)
"$cmake" -S "$consumer" -B "$build" -DCMAKE_CXX_COMPILER="$compiler" -DPAWL_SOURCE="$source" \
  ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"}
"$cmake" --build "$build" -j 2
for name in pawl_tests pawl_tool workflow_hello; do
  if "$cmake" --build "$build" --target help | grep -qw "$name"; then
    echo "a subproject brings the target $name"
    exit 1
  fi
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" && "$build/consumer"
