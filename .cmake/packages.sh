# shellcheck shell=sh disable=SC2034
# What the two commands (workflows/run.sh, tests/run.sh) share: install what is
# missing, then configure and build. Sourced by a POSIX sh, from the root of the
# project.
#
# Where everything is there already, nothing here needs the network, root, or
# even Debian.

say() { printf '== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Debian's package, and how its presence shows on any system: a command, or a
# header below one of the folders that compilers search.
build_packages='
  g++                  c++
  cmake                cmake
  ninja-build          ninja
  pkg-config           pkg-config
  liblmdb-dev          lmdb.h
  libboost1.81-dev     boost/hana/tuple.hpp
  libspdlog-dev        spdlog/spdlog.h
  libfmt-dev           fmt/format.h
  libcli11-dev         CLI/CLI.hpp
  nlohmann-json3-dev   nlohmann/json.hpp
  libsqlite3-dev       sqlite3.h
  zlib1g-dev           zlib.h
'
test_packages='
  catch2               catch2/catch.hpp|catch2/catch_all.hpp
  libbenchmark-dev     benchmark/benchmark.h
  clang                clang++
  strace               strace
'

# present NAME|NAME...: is one of these a command or a header here?
present() {
  old_ifs=$IFS
  IFS='|'
  for name in $1; do
    IFS=$old_ifs
    case $name in
      *.h | *.hpp)
        for root in /usr/include /usr/local/include; do
          [ -e "$root/$name" ] && return 0
        done ;;
      *) command -v "$name" >/dev/null 2>&1 && return 0 ;;
    esac
  done
  IFS=$old_ifs
  return 1
}

# install_missing LIST...: lists as above.
install_missing() {
  missing=$(printf '%s\n' "$@" | while read -r package signs; do
    [ -z "$package" ] || present "$signs" || printf '%s ' "$package"
  done)
  [ -n "$missing" ] || return 0
  missing=${missing% }

  command -v apt-get >/dev/null 2>&1 ||
    die "these are missing, and there is no apt-get to install them with; install what they are called on this system: $missing"
  if [ "$(id -u)" = 0 ]; then
    as_root=
  elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
    [ -t 0 ] || as_root='sudo -n' # nobody there to ask for a password
  else
    die "these packages are missing, and installing them takes root or sudo: apt-get install $missing"
  fi

  say "installing $missing"
  # A stale mirror in somebody's list need not keep us from what we need, so the
  # update may fail; what counts is the install. DEBIAN_FRONTEND goes through env
  # because sudo drops the environment.
  apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
  $apt update </dev/null || say "apt-get update failed; trying with the package lists that are here"
  # shellcheck disable=SC2086  # one word per package is meant
  $apt install --no-install-recommends $missing </dev/null ||
    die "apt-get could not install: $missing (its reason stands above)"
}

# How many compilers at once: one per core, and no more than memory carries.
jobs() {
  cores=$(nproc 2>/dev/null || echo 2)
  memory_gib=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo 2>/dev/null || echo 0)
  if [ "${memory_gib:-0}" -gt 0 ] && [ "$memory_gib" -lt "$cores" ]; then echo "$memory_gib"; else echo "$cores"; fi
}

# configure FOLDER CMAKE_ARGUMENTS...: again only where something changes.
# PAWL_WERROR=ON in the environment makes warnings errors, as in CI.
configure() {
  folder=$1
  shift
  generator=
  if [ ! -e "$folder/CMakeCache.txt" ] && command -v ninja >/dev/null 2>&1; then generator='-G Ninja'; fi
  mkdir -p "$folder"
  # shellcheck disable=SC2086  # two words are meant
  cmake -S . -B "$folder" $generator ${PAWL_WERROR:+"-DPAWL_WERROR=$PAWL_WERROR"} "$@" >"$folder/configure.log" 2>&1 || {
    cat "$folder/configure.log" >&2
    die "CMake could not configure $folder (its reason stands above)"
  }
}

# build FOLDER [--target NAME...]
build() {
  folder=$1
  shift
  cmake --build "$folder" -j "$(jobs)" "$@" || die "the build in $folder failed (the compiler's words stand above)"
}
