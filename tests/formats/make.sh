#!/bin/sh
# Makes NAME.tar.gz beside it, a state as this release writes it: once for each change of the format, before
# the release that brings it. What is there is never made anew: format_test opens all of them.
#
#   sh tests/formats/make.sh NAME [BUILD_FOLDER]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
name=$1
build=${2:-$here/../../build}
archive="$here/$name.tar.gz"
[ ! -e "$archive" ] || { echo "error: $archive is there already" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$build/tests/formats/make_state" "$folder/state"
rm -f "$folder/state/lock.mdb"  # LMDB's own, of this machine
tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner -cf - state | gzip -9n >"$archive"
ls -l "$archive"
