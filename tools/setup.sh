#!/usr/bin/env bash
# Install the packages that are missing for the jobs named.
# usage: tools/setup.sh build|test|lint|package ...
set -euo pipefail

declare -A packages=(
  [build]="lua-yaml gcc libc6-dev make liblua5.4-dev lua-lpeg-dev libcjson-dev zlib1g-dev libedit-dev libcminpack-dev libjs-chart.js libevent-dev libhttp-parser-dev"
  [test]="lua-busted lua5.4 curl"
  [package]="dpkg-dev"
  [lint]="lua5.4 lua-check clang clang-tidy clang-format"
)

wanted=()
for job in "$@"; do
  [ -n "${packages[$job]:-}" ] || { echo "setup: $job: build, test, lint or package expected" >&2; exit 2; }
  read -ra names <<<"${packages[$job]}"
  wanted+=("${names[@]}")
done

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  {
    echo "setup: this is not a Debian or Ubuntu system. Install what these packages hold:"
    echo "  ${wanted[*]}"
    echo "(a C11 compiler, GNU make, static libraries of Lua 5.4 and LPeg, cJSON, zlib, libedit, cminpack, libevent and http-parser), then:"
    echo "  make build && ./oracle scenarios/quickstart.lua"
  } >&2
  exit 1
fi

missing=()
for p in "${wanted[@]}"; do
  dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup: not root and no sudo; as root: apt-get update && apt-get install ${missing[*]}" >&2
    exit 1
  }
  root=(sudo)
fi

apt() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

echo "installing: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install=(install -y --no-install-recommends "${missing[@]}")
# Package lists may be absent or stale; fetch them only then.
apt "${install[@]}" >"$log" 2>&1 || { apt update && apt "${install[@]}"; } >"$log" 2>&1 || {
  cat "$log" >&2
  echo "setup: could not install ${missing[*]}" >&2
  exit 1
}
