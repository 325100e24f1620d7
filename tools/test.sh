#!/usr/bin/env bash
# Build and run every test of one variant. The last line is "N passed, N failed"; above it stand how many claims each
# folder makes, and what was skipped. What is counted is claims: a law over 2,000 random cases is one, and so are a
# named test of a C program (tests/unit/test.h), an `it` of a busted file, and a golden.
# A program that crashes, hangs, or prints no count is a failure, and so is one that ran nothing.
# usage: tools/test.sh [SAN=1|TSAN=1|O0=1|COV=1 [TEST ...]]
set -u
cd "$(dirname "$0")/.." || exit 1

# One test, run by xargs below: writes its output and then its counts: passed, failed, skipped, cases.
one() {
  local build=$1 file=$2 log=$1/log/${2//\//.} rc=0 pass fail skip cases
  case $file in
    *.c) timeout -k 5 "$LIMIT" "$build/${file%.c}" >"$log" 2>&1 </dev/null || rc=$? ;;
    *) timeout -k 5 "$LIMIT" tools/busted.sh "$build" "$file" >"$log" 2>&1 </dev/null || rc=$? ;;
  esac
  read -r pass fail skip cases < <(awk '
    /^[0-9]+ cases$/ { n = $1 }
    /^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3; s = $5 + 0; seen = 1 }
    /^[0-9]+ success(es)? \/ [0-9]+ failures? \/ [0-9]+ errors? \/ [0-9]+ pending/ {
      p = $1; f = $4 + $7; s = $10; n = p + f; seen = 1 }
    END { print seen ? p + 0 : 0, seen ? f + 0 : 1, s + 0, n + 0 }' "$log")
  # An exit code must agree with the count; a run without any test is no success.
  if [ "$rc" -ne 0 ] && [ "$fail" -eq 0 ]; then fail=1; fi
  if [ $((pass + fail + skip)) -eq 0 ]; then fail=1; fi
  [ "$rc" -ne 124 ] || echo "stopped after $LIMIT s" >>"$log"
  [ "$rc" -eq 0 ] || echo "exit status $rc" >>"$log"
  echo "$pass $fail $skip $cases" >"$log.count"
}

if [ "${1:-}" = --one ]; then
  one "$2" "$3"
  exit 0
fi

case ${1:-} in
  '') build=build/release LIMIT=300 ;;
  SAN=1) build=build/san LIMIT=600 ;;
  COV=1)
    build=build/cov LIMIT=900
    export ORACLE_LUA_COVERAGE=$PWD/build/cov/lines # tests/coverage/lines.c
    mkdir -p "$ORACLE_LUA_COVERAGE"
    ;;
  TSAN=1) build=build/tsan LIMIT=300 ;;
  O0=1) build=build/o0 LIMIT=300 ;;
  *) echo "test: $1: SAN=1, TSAN=1, COV=1 or O0=1 expected" >&2; exit 2 ;;
esac
[ -z "${ORACLE_GC_STRESS:-}" ] || LIMIT=3600 # a collector that never rests takes its time
export LIMIT

jobs=$(nproc)
passed=0 failed=0 skipped=0 law_cases=0
declare -A claims=([laws]=0 [unit]=0 [spec]=0 [golden]=0)
# Errors in a test program must not hide the others' results: each missing program fails below.
make -k -j"$jobs" ${1:+"$1"} build check || { failed=1; echo "FAIL  the build"; }

# Leaks are looked for where the system lets the sanitizer trace its own process.
leaks=0
if [ "$build" = build/san ] && echo 'local x = 1' >"$build/leak.lua" &&
  ASAN_OPTIONS=detect_leaks=1 "$build/lua" "$build/leak.lua" >/dev/null 2>&1; then leaks=1; fi
export ASAN_OPTIONS=detect_leaks=$leaks:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1

shopt -s nullglob
tests=(tests/unit/*.c tests/laws/*.c tests/{spec,laws,golden}/*_spec.lua)
[ $# -lt 2 ] || tests=("${@:2}")
rm -rf "$build/log"
mkdir -p "$build/log"
printf '%s\0' "${tests[@]}" | xargs -0 -r -n 1 -P "$jobs" "$0" --one "$build"

for t in "${tests[@]}"; do
  log=$build/log/${t//\//.}
  read -r p f s n <"$log.count" || { p=0 f=1 s=0 n=0; }
  folder=${t#tests/} folder=${folder%%/*}
  claims[$folder]=$((claims[$folder] + p + f))
  [ "$folder" != laws ] || law_cases=$((law_cases + n))
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" -gt 0 ]; then
    echo "FAIL  $t: $p passed, $f failed"
    sed 's/^/      /' "$log" | tail -n 200
  else
    echo "ok    $t: $p passed$([ "$s" -eq 0 ] || echo ", $s skipped")"
    [ "$s" -eq 0 ] || grep -i -A 3 -E '^Pending|^skip' "$log" | sed 's/^/      /'
  fi
done

[ "$build" != build/san ] || [ "$leaks" -eq 1 ] || echo "leaks were not looked for: not possible on this system"
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "laws ${claims[laws]} ($law_cases cases)  units ${claims[unit]}  specs ${claims[spec]}  goldens ${claims[golden]}"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
