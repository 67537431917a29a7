#!/bin/sh
# What pawl costs the compiler.
#
#   sh bench/compile_time.sh [--runs N] [--json] [COMPILER...]     g++ and clang++, each where it is there
#
# For each compiler, at -O0, the median of N runs (default 5) of
#
#   one more step of known types       (a chain of 40 steps - one of 8) / 32
#   one more five-field result type    the same with a result type of its own for each step, less the step's share
#   hello                              workflows/hello.cpp - the standard headers that it includes itself
#
# in milliseconds of processor time (user and system), which does not depend on
# what else the machine does. The runs of one compiler are interleaved.
set -eu
cd "$(dirname "$0")/.."

runs=5
json=
compilers=
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift 2 ;;
    --json) json=1; shift ;;
    --help | -h) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "error: $1 is no option of compile_time.sh; see --help" >&2; exit 2 ;;
    *) compilers="$compilers $1"; shift ;;
  esac
done
if [ -z "$compilers" ]; then
  for one in g++ clang++ clang++-14; do
    if command -v "$one" >/dev/null 2>&1; then compilers="$compilers $one"; fi
    [ "$one" != clang++ ] || ! command -v clang++ >/dev/null 2>&1 || break
  done
fi
[ -n "$compilers" ] || { echo 'error: neither g++ nor clang++ is here' >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
few=8
many=40

# chain steps|types LENGTH: a program with a chain of that many steps, which all
# have one five-field result type, or each its own.
chain() {
  kind=$1
  length=$2
  echo '#include <pawl/pawl.hpp>'
  echo '#include <string>'
  echo '#include <vector>'
  i=0
  while [ "$i" -le "$length" ]; do
    echo "struct r$i { std::string title$i; std::vector<std::string> links$i; int size$i; double weight$i; bool fresh$i; };"
    [ "$kind" = types ] || break
    i=$((i + 1))
  done
  echo 'auto make() {'
  echo '  return pawl::workflow<"chain", std::string>('
  in=std::string
  i=1
  while [ "$i" -le "$length" ]; do
    out=r$i
    [ "$kind" = types ] || out=r0
    comma=,
    [ "$i" -lt "$length" ] || comma=
    echo "      pawl::step<\"s$i\">([](const $in&) { return $out{}; })$comma"
    in=$out
    i=$((i + 1))
  done
  echo '  );'
  echo '}'
  echo 'int main() { make(); }'
}

# compile_ms COMPILER FILE: user and system time of one compilation.
compile_ms() {
  # `times` counts what this shell has waited for, in the second line.
  times >"$folder/before"
  "$1" -std=c++20 -O0 -Iinclude -c "$2" -o "$folder/out.o" || { echo "error: $1 cannot compile $2" >&2; exit 1; }
  times >"$folder/after"
  cat "$folder/before" "$folder/after" | awk '
    function seconds(text) { split(text, part, /[ms]/); return part[1] * 60 + part[2] }
    NR == 2 { before = seconds($1) + seconds($2) }
    NR == 4 { printf "%.0f\n", (seconds($1) + seconds($2) - before) * 1000 }'
}

median() { sort -n "$1" | awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'; }

chain steps $few >"$folder/steps_few.cpp"
chain steps $many >"$folder/steps_many.cpp"
chain types $few >"$folder/types_few.cpp"
chain types $many >"$folder/types_many.cpp"
cp workflows/hello.cpp "$folder/hello.cpp"
{ grep '^#include <' workflows/hello.cpp | grep -v '<pawl/'; echo 'int main() {}'; } >"$folder/headers.cpp"
# What pawl includes of the standard library beside that: to see how much is pawl's own.
{ cat include/pawl/*.hpp include/pawl/detail/*.hpp | grep -h '^#include <[a-z_]*>' | sort -u; echo 'int main() {}'; } >"$folder/all_headers.cpp"
programs='steps_few steps_many types_few types_many hello headers all_headers'

for compiler in $compilers; do
  for program in $programs; do : >"$folder/$program.ms"; done
  run=0
  while [ "$run" -lt "$runs" ]; do
    for program in $programs; do compile_ms "$compiler" "$folder/$program.cpp" >>"$folder/$program.ms"; done
    run=$((run + 1))
  done
  for program in $programs; do echo "$program $(median "$folder/$program.ms")"; done |
    awk -v compiler="$compiler" -v version="$("$compiler" -dumpversion)" -v between=$((many - few)) -v json="$json" '
      { ms[$1] = $2 }
      END {
        step = (ms["steps_many"] - ms["steps_few"]) / between
        step_and_type = (ms["types_many"] - ms["types_few"]) / between
        if (json)
          printf "{\"compiler\":\"%s\",\"version\":\"%s\",\"step_ms\":%.1f,\"step_and_type_ms\":%.1f,\"type_ms\":%.1f,\"hello_ms\":%d,\"hello_headers_ms\":%d,\"hello_more_ms\":%d,\"all_headers_ms\":%d}\n",
            compiler, version, step, step_and_type, step_and_type - step, ms["hello"], ms["headers"], ms["hello"] - ms["headers"], ms["all_headers"]
        else {
          printf "%s %s\n", compiler, version
          printf "  %6.1f ms  one more step of known types (at most 50)\n", step
          printf "  %6.1f ms  one more five-field result type (at most 80); with its step %.1f\n", step_and_type - step, step_and_type
          printf "  %6d ms  hello.cpp more than its standard headers (at most 1000): %d against %d\n", ms["hello"] - ms["headers"], ms["hello"], ms["headers"]
          printf "  %6d ms  all standard headers that pawl includes, alone\n", ms["all_headers"]
        }
      }'
done
