#!/usr/bin/env bash
# Run every benchmark of one build, in turn: nothing else should keep the machine busy.
# usage: tools/bench.sh build/VARIANT
set -u
cd "$(dirname "$0")/.." || exit 1
export ORACLE_HOME=$PWD ORACLE_DATA=${ORACLE_DATA:-../shared/data}
shopt -s nullglob
rc=0
for src in bench/*.c bench/*.lua; do
  echo "== $src"
  case $src in
    bench/bare.c) echo "  the limit that bench/engine.lua is measured against" ;;
    *.c) "$1/${src%.c}" || rc=1 ;;
    *.lua) LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" "$1/lua" "$src" || rc=1 ;;
  esac
done
exit $rc
