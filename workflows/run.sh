#!/bin/sh
# The main job in one command: installs what is missing, builds pawl, and indexes
# a directory tree of this machine for full-text search.
#
#   sh workflows/run.sh                       indexes /usr/include
#   sh workflows/run.sh DIR [OPTIONS]         indexes DIR; options of `index build` go on to it
#   sh workflows/run.sh search WORDS...       searches what was indexed
#   sh workflows/run.sh --help                what `index` can do
#
# Kill it at any moment and run it again: it goes on where it was. The index is
# build/run/index.db and the record of what is done build/run/index.pawl unless
# --db and --state say otherwise. Relative paths mean the folder you stand in.
set -eu
here=$PWD
cd "$(dirname "$0")/.."
# shellcheck source=.cmake/packages.sh
. ./.cmake/packages.sh

install_missing "$build_packages"
say "building in build/ (the first time takes a minute or two)"
if [ -e build/CMakeCache.txt ]; then
  configure build
else
  # Tests need more packages; whoever runs them (tests/run.sh) turns them on.
  configure build -DCMAKE_BUILD_TYPE=Release -DPAWL_TESTS=OFF -DPAWL_BENCHES=OFF
fi
build build --target workflows pawl_tool

index=$PWD/build/workflows/index
home=$PWD/build/run
mkdir -p "$home"

# has OPTION ARGUMENTS...: is it among them, as a word or as OPTION=value?
has() {
  option=$1
  shift
  for argument in "$@"; do
    case $argument in "$option" | "$option"=*) return 0 ;; esac
  done
  return 1
}

command=build
case ${1-} in
  build | search | dump) command=$1; shift ;;
  --help | -h) exec "$index" --help ;;
  '') set -- /usr/include ;;
  -*) set -- /usr/include "$@" ;;
esac
has --db "$@" || set -- "$@" --db "$home/index.db"
if [ "$command" = build ] && ! has --state "$@"; then set -- "$@" --state "$home/index.pawl"; fi

say "index $command $*"
cd "$here"
exec "$index" "$command" "$@"
