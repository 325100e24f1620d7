#!/usr/bin/env bash
# What the tests reach of the sources: of C lines and branches of each folder, of Lua lines, and the files of which less than
# 85 % of the lines are reached. The tests are those of `make test`, in a build that counts; a folder of its own, build/cov.
# -v names each line that no test reaches; -q leaves out the tests that take long, for CI. The last line is that of the
# tests.
# usage: tools/coverage.sh [-v] [-q | TEST ...]
set -u
cd "$(dirname "$0")/.." || exit 1
verbose=
[ "${1:-}" != -v ] || {
  verbose=-v
  shift
}
if [ "${1:-}" = -q ]; then
  slow='options|vllm|policy|install|docs|plan|completions|queueing|hostile'
  set -- tests/unit/*.c tests/laws/*.c tests/golden/*_spec.lua
  for t in tests/spec/*_spec.lua; do
    [[ $t =~ /($slow)_spec ]] || set -- "$@" "$t"
  done
fi
find build/cov -name '*.gcda' -delete 2>/dev/null
rm -rf build/cov/lines
log=$(mktemp)
trap 'rm -f "$log"' EXIT
tools/test.sh COV=1 "$@" >"$log" 2>&1
rc=$?
[ "$rc" -eq 0 ] || { grep -A 20 '^FAIL' "$log"; echo "coverage: some tests failed; what ran is counted all the same" >&2; }
lua5.4 tools/c_lines.lua $verbose
lua5.4 tools/lua_lines.lua build/cov/lines $verbose
tail -n 1 "$log"
exit "$rc"
