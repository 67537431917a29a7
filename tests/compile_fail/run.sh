#!/bin/sh
# Compiles every case in this folder and looks at how that fails.
#
#   sh run.sh COMPILER INCLUDE_DIR... [-- CASE...]
#
# A case is a .cpp file that must not compile. Its first lines say
#
#   // sentence: what one of the error lines must contain
#   // names: what must stand somewhere in the output, without spaces and without pawl:: and pawl::detail::
#
# and there may be two error lines at most: what is wrong is said once. control.cpp
# is the only one that must compile.
set -u

folder=$(dirname "$0")
compiler=$1
shift
flags="-std=c++20 -Wall -Wextra -fsyntax-only"
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  flags="$flags -I$1"
  shift
done
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- "$folder"/*.cpp

errors_max=2
failed=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

complain() {
  echo "FAILED $(basename "$1"): $2"
  sed 's/^/    /' "$output" | cut -c1-400 | head -n 40
  failed=$((failed + 1))
}

for file in "$@"; do
  # shellcheck disable=SC2086  # flags are several words
  LC_ALL=C "$compiler" $flags "$file" >"$output" 2>&1
  code=$?
  sentence=$(sed -n 's,^// sentence: ,,p' "$file")
  case $file in
    */control*|control*)
      [ $code -eq 0 ] || complain "$file" "the control does not compile"
      continue ;;
  esac
  if [ -z "$sentence" ] || grep -q '^// names: *$' "$file" || ! grep -q '^// names: ' "$file"; then
    complain "$file" "it does not say what to expect"
    continue
  fi
  if [ $code -eq 0 ]; then
    complain "$file" "it compiles"
    continue
  fi
  grep 'error:' "$output" | grep -qF -- "$sentence" || complain "$file" "no error says: $sentence"
  plain=$(sed 's/ //g; s/pawl::detail:://g; s/pawl:://g' "$output")
  sed -n 's,^// names: ,,p' "$file" >"$output.names"
  while IFS= read -r names; do
    printf '%s\n' "$plain" | grep -qF -- "$names" || complain "$file" "nowhere named: $names"
  done <"$output.names"
  rm -f "$output.names"
  errors=$(grep -c 'error:' "$output")
  [ "$errors" -le $errors_max ] || complain "$file" "$errors error lines, at most $errors_max"
done

echo "$# cases with $compiler, $failed complaints"
[ $failed -eq 0 ]
