#!/usr/bin/env bash
# The laws of tests/laws/serve.c over random scenarios, under AddressSanitizer and UndefinedBehaviorSanitizer, as long as
# one likes. What fails is said with its seed, and `build/san/tests/laws/serve SEED SEED` shows it again.
# usage: tools/soak.sh SECONDS [FIRST_SEED]
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=$1 seed=${2:-$(($(date +%s) % 1000000 * 1000))}
block=50
make -j"$(nproc)" SAN=1 build/san/tests/laws/serve >/dev/null || exit 1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
end=$((SECONDS + seconds)) passed=0 failed=0
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# One block of seeds: its output is shown where a law is broken or the program died.
one() {
  local from=$1 to=$(($1 + block - 1))
  if build/san/tests/laws/serve "$from" "$to" >"$log/$from" 2>"$log/$from.err"; then return 0; fi
  {
    echo "FAIL  seeds $from to $to; $(tr '\r' '\n' <"$log/$from.err" | grep '^scenario' | tail -n 1)was the last to begin"
    tail -n 30 "$log/$from" | sed 's/^/      /'
    grep -v '^.*scenario [0-9]* $' "$log/$from.err" | tail -n 40 | sed 's/^/      /'
  } >&2
  return 1
}

while [ "$SECONDS" -lt "$end" ]; do
  pids=() first=$seed
  for ((i = 0; i < $(nproc); i++)); do
    one "$seed" & pids+=($!)
    seed=$((seed + block))
  done
  for p in "${pids[@]}"; do
    if wait "$p"; then passed=$((passed + block)); else failed=$((failed + 1)); fi
  done
  [ ! -t 2 ] || printf '\r%d scenarios kept every law, seeds from %d on, %d s left ' "$passed" "$first" $((end - SECONDS)) >&2
done
echo "$passed scenarios kept every law; $failed blocks of $block did not; the next seed is $seed"
[ "$failed" -eq 0 ]
