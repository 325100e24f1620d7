#!/usr/bin/env bash
# What the tests reach of the C sources: lines and branches of each folder, and the files that less than 85 % of the lines of
# are reached. The tests are those of `make test`, in a build that counts.
# usage: tools/coverage.sh [TEST ...]
set -u
cd "$(dirname "$0")/.." || exit 1
find build/cov -name '*.gcda' -delete 2>/dev/null
tools/test.sh COV=1 "$@" || echo "coverage: some tests failed; what ran is counted all the same" >&2
find build/cov -name '*.gcda' -path '*build/cov/[a-z]*' | grep -v '/tests/' | while read -r data; do
  gcov -b -n -o "$data" "$data" 2>/dev/null
done | awk -v root="$PWD/" '
  # gcov names a file, then what was reached of it; headers come once for each source that includes them.
  /^File / { file = $2; gsub("\047", "", file); sub(root, "", file); next }
  /^Lines executed:/ { split($0, a, /[:% ]+/); lines[file] = $0; n = $NF; p = a[3]
    if (!(file in of) || p * n > got[file]) { of[file] = n; got[file] = p * n } }
  /^Branches executed:/ { next }
  /^Taken at least once:/ { n = $NF; split($0, a, /[:% ]+/); p = a[5]
    if (!(file in bof) || p * n > bgot[file]) { bof[file] = n; bgot[file] = p * n } }
  END {
    for (f in of) if (f ~ /^src\//) {
      split(f, part, "/"); d = part[2]
      if (d !~ /\./) { } else d = "(top)"
      L[d] += of[f]; G[d] += got[f]; B[d] += bof[f]; T[d] += bgot[f]
      AL += of[f]; AG += got[f]; AB += bof[f]; AT += bgot[f]
      if (of[f] > 0 && got[f] / of[f] < 85) low[f] = got[f] / of[f]
    }
    for (d in L) printf "  %-12s %6.1f %% of %6d lines, %6.1f %% of %6d branches\n", d, G[d] / L[d], L[d], B[d] ? T[d] / B[d] : 0, B[d] | "sort"
    close("sort")
    printf "  %-12s %6.1f %% of %6d lines, %6.1f %% of %6d branches\n", "all", AG / AL, AL, AT / AB, AB
    for (f in low) printf "  below 85 %%: %s %.1f %%\n", f, low[f] | "sort"
  }'
