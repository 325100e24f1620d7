#!/usr/bin/env bash
# Run Lua specs with the interpreter of one build.
# usage: tools/busted.sh build/VARIANT SPEC ... [-- busted options]
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
shift
bin=./oracle
[ "$build" = build/release ] || bin=$build/oracle
export ORACLE_HOME=$PWD ORACLE_BIN=$bin ORACLE_DATA=${ORACLE_DATA:-../shared/data}
export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;$PWD/tests/spec/?.lua;$PWD/tests/golden/?.lua;;"
exec "$build/lua" /usr/bin/busted --ignore-lua -o plainTerminal "$@"
