#!/usr/bin/env bash
# Checks that need no run: the layers, headers read alone, clang-tidy, mutable globals, luacheck,
# shell syntax. The last line is "N passed, N failed", one check per file and kind.
set -u
cd "$(dirname "$0")/.." || exit 1

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
passed=0 failed=0
flags=(-std=gnu11 -Isrc $(pkg-config --cflags lua5.4 2>/dev/null || echo -I/usr/include/lua5.4))
# Empty where there is no MPI: its one file is then not looked at.
mpi=$(mpicc --showme:compile 2>/dev/null)
mapfile -t headers < <(find src -name '*.h' | sort)
mapfile -t sources < <(find src -name "*.c" | if [ -n "$mpi" ]; then cat; else grep -v "/mpi\.c$"; fi | sort)
mapfile -t scripts < <({ grep -rlE '^#!.*\b(ba)?sh' tools tests bench .ci 2>/dev/null; } | sort)
mapfile -t luas < <(find lua models scenarios tests tools bench docs -name '*.lua' 2>/dev/null | sort)

# verdict RC WHAT: count one check, and show its log when it failed.
verdict() {
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL  $2"
    sed 's/^/      /' "$log/out"
  fi
}

lua5.4 tools/layers.lua src lua >"$log/out" 2>&1
verdict $? "layers of src/ and lua/"

for h in "${headers[@]}"; do
  echo "#include \"${h#src/}\"" | cc "${flags[@]}" -Wall -Wextra -Werror -fsyntax-only -x c - >"$log/out" 2>&1
  verdict $? "$h does not compile alone"
done

for s in "${scripts[@]}"; do
  bash -n "$s" >"$log/out" 2>&1
  verdict $? "$s"
done

# Versions of clang-format differ in small things; the house's is 14.
if clang-format --version | grep -q 'version 14\.'; then
  for c in $(find src tests bench tools -name '*.[ch]' | sort); do
    clang-format "$c" | diff -u --label "$c" --label "make format" "$c" - >"$log/out"
    verdict $? "$c is not formatted"
  done
fi

# Two engines must never meet: nothing in src/ may live in .data or .bss. What a signal handler
# leaves behind, and what it is to find, is the process's own, as it has no argument to bring it.
global_allowed=" src/bind/policy/watchdog.c src/bind/policy/floor.c src/bind/host/partial_files.c src/base/base.c "
make -k -j"$(nproc)" objects >"$log/out" 2>&1
for c in "${sources[@]}"; do
  o=build/release/${c#src/}
  o=${o%.c}.o
  [ -f "$o" ] && [[ $global_allowed != *" $c "* ]] || continue
  objdump -t "$o" | awk 'NF > 4 && $(NF-2) ~ /^\.(data|bss|tdata|tbss)(\.|$)/ && $(NF-2) !~ /\.rel\.ro/ &&
    $NF !~ /^\./ { print "mutable: " $NF; bad = 1 } END { exit bad }' >"$log/out"
  verdict $? "$c has a mutable global"
done

tidy() {
  clang-tidy --quiet "$2" -- $3 $mpi >"$1/${2//\//.}" 2>&1
  echo $? >"$1/${2//\//.}.rc"
}
export -f tidy
export mpi
printf '%s\0' "${sources[@]}" |
  xargs -0 -r -P "$(nproc)" -I{} bash -c 'tidy "$1" "$2" "$3"' _ "$log" {} "${flags[*]}"
for c in "${sources[@]}"; do
  grep -v 'warnings generated' "$log/${c//\//.}" >"$log/out"
  verdict "$(cat "$log/${c//\//.}.rc")" "clang-tidy $c"
done

# luacheck itself may run on Lua 5.1; what it checks against is in .luacheckrc.
for l in "${luas[@]}"; do echo "$l"; done | xargs -r luacheck --codes --no-color --formatter plain >"$log/lua" 2>&1
for l in "${luas[@]}"; do
  ! grep -F "$l:" "$log/lua" >"$log/out"
  verdict $? "luacheck $l"
done
if [ ${#luas[@]} -gt 0 ] && ! command -v luacheck >/dev/null; then
  echo "luacheck: not found" >"$log/out"
  verdict 1 luacheck
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
