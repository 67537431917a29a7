#!/bin/sh
# The main job, as its user sees it: build/workflows/index on trees with odd
# names, changed, grown and shrunk trees, and killed twenty times.
#
#   workflows_index.sh BUILD_DIR        SEED=N repeats the kills of an earlier run
set -eu
index=$1/workflows/index
folder=$(mktemp -d)
running=
trap '[ -z "$running" ] || kill -9 "$running" 2>/dev/null || :; chmod -R u+rwx "$folder"; rm -rf "$folder"' EXIT
cd "$folder"

fact() { printf -- '- %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  [ ! -e log ] || sed 's/^/    /' log >&2
  exit 1
}
# exits CODE COMMAND...: runs it, its output in ./log.
exits() {
  wanted=$1
  shift
  code=0
  "$@" >log 2>&1 </dev/null || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}
says() { grep -q -- "$1" log || fail "nothing says: $1"; }
never_says() { ! grep -q -- "$1" log || fail "something says: $1"; }
build() { "$index" build tree --db index.db --state index.pawl --max-bytes 100000; }
dump() { "$index" dump --check --db "$1" >"$2" || fail "the index $1 cannot be dumped"; }
# same_as_fresh: what many runs made is what one run would make.
same_as_fresh() {
  rm -rf fresh.db fresh.pawl
  exits 0 "$index" build tree --db fresh.db --state fresh.pawl --max-bytes 100000 --workers 1
  dump fresh.db fresh.txt
  dump index.db index.txt
  cmp fresh.txt index.txt || fail "the index differs from a fresh one: $(diff fresh.txt index.txt | head -5)"
}

fact "what cannot work is said in a sentence, with exit code 2"
exits 2 "$index"
exits 2 "$index" build
exits 2 "$index" build missing --db index.db
says 'missing cannot be walked: No such file'
touch plain
exits 2 "$index" build plain --db index.db
says 'plain cannot be walked: Not a directory'
exits 2 "$index" search word --db missing.db
says 'missing.db could not be opened'
mkdir tree
echo 'somebody else wrote this, and wants to keep it; it is long enough to be a database header: ............' >foreign
cp foreign foreign.db
exits 2 "$index" build tree --db foreign.db
says 'not a database'
cmp foreign foreign.db
exits 2 "$index" build tree --db index.db --workers many
[ ! -e missing.db ] || fail "a search made a database"
exits 0 "$index" --help
exits 0 "$index" build --help

fact "an empty folder is an empty index"
exits 0 build
says '^indexed 0, unchanged 0, skipped 0, failed 0, vanished 0$'

fact "odd names are indexed, and what is no text is skipped with its reason"
newline=$(printf 'new\nline')
latin=$(printf 'caf\351')
mkdir -p tree/deep/er/est "tree/$newline" tree/empty
echo 'The quick ratchet turns forward' >tree/plain.txt
echo 'words in a folder whose name has a newline' >"tree/$newline/file"
echo 'a name that is not UTF-8' >"tree/$latin"
printf 'content in latin1: caf\351 au lait\n' >tree/latin.txt
echo 'a name like an option' >'tree/--help'
echo 'quotes' >"tree/it's \"quoted\" % \\ *"
echo 'deepest of all' >tree/deep/er/est/file
: >tree/nothing
printf 'zero\000byte' >tree/binary                                   # skipped 1
awk 'BEGIN { for (i = 0; i < 20000; ++i) print "large" }' >tree/large  # skipped 2
mkfifo tree/pipe                                                     # skipped 3
ln -s loop tree/loop                                                 # skipped 4
ln -s .. tree/deep/up                                                # skipped 5
ln -s nowhere tree/dangling                                          # skipped 6
exits 0 timeout 60 "$index" build tree --db index.db --state index.pawl --max-bytes 100000
says '^indexed 8, unchanged 0, skipped 6, failed 0, vanished 0$'
says 'binary: it holds zero bytes'
says 'larger than 100000 bytes'
says 'a named pipe'
says 'a symbolic link'
exits 0 "$index" search ratchet forward --db index.db
says 'plain.txt$'
exits 0 "$index" search UTF --db index.db
says 'caf\\xe9$'
exits 0 "$index" search newline --db index.db
says 'new\\x0aline/file$'
exits 1 "$index" search ratchet lait --db index.db
exits 1 "$index" search 'no" OR "ratchet' --db index.db
exits 1 "$index" search '' '"' ':' --db index.db
same_as_fresh

fact "a second run finds everything done"
exits 0 build
says '^indexed 0, unchanged 8, skipped 6, failed 0, vanished 0$'

fact "changed files are done again, new ones added, vanished ones removed and named"
sleep 0.02 # past the clock tick of the files' times
echo 'The quick ratchet turned again' >tree/plain.txt
echo 'brand new' >tree/new.txt
printf 'was text, is\000binary' >tree/latin.txt
echo 'was binary, is text' >tree/binary
rm "tree/$newline/file"
exits 0 build
says '^indexed 3, unchanged 5, skipped 6, failed 0, vanished 1$'
says '^vanished: .*/new\\x0aline/file$'
exits 1 "$index" search forward --db index.db
exits 1 "$index" search lait --db index.db
exits 0 "$index" search ratchet turned --db index.db
exits 0 "$index" search brand new --db index.db
same_as_fresh
exits 0 build
says '^indexed 0, unchanged 8, skipped 6, failed 0, vanished 0$'

fact "a file that was away comes back, though it is the same in every respect"
mv tree/new.txt away.txt
exits 0 build
says 'vanished 1$'
mv away.txt tree/new.txt
exits 0 build
says '^indexed 1, unchanged 7, skipped 6, failed 0, vanished 0$'
same_as_fresh

fact "a state whose index was deleted fills a new one"
rm -f index.db index.db-wal index.db-shm
exits 0 build
says '^indexed 8, unchanged 0, skipped 6, failed 0, vanished 0$'
same_as_fresh

fact "a file that grows beyond the limit leaves the index, and comes back with the limit"
exits 0 "$index" build tree --db index.db --state index.pawl --max-bytes 20
says '^indexed 0, unchanged 5, skipped 9, failed 0, vanished 0$'
exits 0 build
says '^indexed 3, unchanged 5, skipped 6, failed 0, vanished 0$'
same_as_fresh

fact "its own database and state are not its input"
exits 0 "$index" build tree --db tree/own.db
says '^indexed 9, unchanged 0, skipped 5, failed 0, vanished 0$'
exits 0 "$index" build tree --db tree/own.db
says '^indexed 0, unchanged 9, skipped 5, failed 0, vanished 0$'
rm -rf tree/own.db tree/own.db.pawl

# Root may read everything, so what cannot be read takes somebody else.
other=
if [ "$(id -u)" != 0 ]; then
  other='env'
elif command -v setpriv >/dev/null 2>&1; then
  other='setpriv --reuid=65534 --regid=65534 --clear-groups'
fi
if [ -n "$other" ]; then
  fact "what may not be read is skipped with its reason, and not forgotten while it is out of sight"
  chmod 755 .
  cp "$index" ./index
  mkdir shut shut/folder work
  chmod 777 work
  echo secret >shut/secret
  echo hidden >shut/folder/hidden
  echo open >shut/open
  # shellcheck disable=SC2086  # $other is several words
  run_shut() { exits 0 $other ./index build shut --db work/shut.db; }
  run_shut
  says '^indexed 3, unchanged 0, skipped 0, failed 0, vanished 0$'
  chmod 000 shut/secret shut/folder
  run_shut
  says '^indexed 0, unchanged 1, skipped 2, failed 0, vanished 0$'
  says 'Permission denied'
  # shellcheck disable=SC2086
  exits 1 $other ./index search secret --db work/shut.db
  # shellcheck disable=SC2086
  exits 0 $other ./index search hidden --db work/shut.db
  chmod 644 shut/secret
  chmod 755 shut/folder
  run_shut
  says '^indexed 1, unchanged 2, skipped 0, failed 0, vanished 0$'
fi

fact "killed twenty times at random, the index is what it is undisturbed"
seed=${SEED:-$(date +%N)}
echo "  SEED=$seed"
rm -rf tree index.db* index.pawl
mkdir tree
awk -v seed="$seed" 'BEGIN {
  srand(seed)
  for (file = 0; file < 400; ++file) {
    folder = "tree/" file % 7
    if (file < 7) system("mkdir " folder)
    name = folder "/" file
    for (line = rand() * 200; line > 0; --line) printf "line w%d x%d\n", rand() * 1000, rand() * 1000 > name
    printf "end of %d\n", file > name
    close(name)
  }
}'
now_ms() { echo $(($(date +%s%N) / 1000000)); }
started=$(now_ms)
exits 0 build
took=$(($(now_ms) - started))
says '^indexed 400, unchanged 0, '
dump index.db undisturbed.txt
rm -rf index.db* index.pawl
delays=$(awk -v seed="$seed" -v took="$took" 'BEGIN { srand(seed); for (i = 0; i < 200; ++i) printf "%.3f ", rand() * took / 3000 }')
kills=0
ends=0
for delay in $delays; do
  [ "$kills" -lt 20 ] || break
  "$index" build tree --db index.db --state index.pawl >log 2>&1 & # not through build(): $! must be the program's
  running=$!
  sleep "$delay"
  kill -9 "$running" 2>/dev/null || :
  code=0
  wait "$running" 2>/dev/null || code=$?
  running=
  case $code in
    137) kills=$((kills + 1)) ;;
    0) # It was faster: compare, and begin anew.
      ends=$((ends + 1))
      dump index.db index.txt
      cmp undisturbed.txt index.txt || fail "the index differs after $kills kills (SEED=$seed)"
      rm -rf index.db* index.pawl ;;
    *) fail "exit code $code after $kills kills (SEED=$seed)" ;;
  esac
done
[ "$kills" -ge 20 ] || fail "only $kills kills met a running program (undisturbed it takes $took ms)"
exits 0 build
dump index.db index.txt
cmp undisturbed.txt index.txt || fail "the index differs after $kills kills (SEED=$seed): $(diff undisturbed.txt index.txt | head -5)"
echo "  $kills kills, $ends runs to the end between them; undisturbed it takes $took ms"
