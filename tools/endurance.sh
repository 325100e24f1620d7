#!/usr/bin/env bash
# `oracle serve` at --speed 100 for so many minutes of wall time, with clients that come, stay, hang up and misbehave: its memory
# stays flat, no request is left, and every block is free in the end. 15 minutes are a simulated day.
# usage: tools/endurance.sh [MINUTES (15)] [ORACLE (./oracle)]        a sanitized one: build/san/oracle
set -u
cd "$(dirname "$0")/.." || exit 1
minutes=${1:-15} oracle=${2:-./oracle}
work=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

cat >"$work/s.lua" <<'LUA'
local oracle = require "oracle"
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", replicas = 4, failures = { mtbf = "2 h", mttr = "1 min" },
  workload = oracle.workload.sessions { rate = 2, duration = "48 h", prompt = oracle.dist.lognormal { median = 300, p99 = 3000, max = 8000 },
    output = oracle.dist.lognormal { median = 150, p99 = 1000, max = 2000 }, turns = oracle.dist.uniform { low = 1, high = 5 },
    think = "20 s" } }
LUA
ORACLE_HOME=$PWD "$oracle" serve "$work/s.lua" --port 0 --speed 100 --background --admin >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 400); do
  url=$(sed -n 's/.* at \(http:[^,]*\),.*/\1/p' "$work/err")
  [ -n "$url" ] && break
  sleep 0.05
done
[ -n "$url" ] || { cat "$work/err"; exit 1; }

post() { curl -s -m "$1" -o /dev/null -H 'content-type: application/json' -d "$2" "$url/v1/completions"; }
client() { # NUMBER: asks until the time is over
  local i=$1
  while [ -d "$work" ] && kill -0 "$server" 2>/dev/null && [ ! -e "$work/stop" ]; do
    i=$((i + 7))
    post 10 "{\"prompt\":\"shared beginning $((i % 50)) and more of it\",\"max_tokens\":$((i % 300 + 1)),\"stream\":true,\"n\":$((i % 3 + 1))}"
    post 0.05 "{\"prompt\":\"hangs up $i\",\"max_tokens\":100000,\"stream\":true}" # it hangs up
    post 5 "{\"prompt\":[$((i % 9)),"                                              # it is no JSON
    curl -s -m 5 -o /dev/null "$url/metrics"
  done
}
memory() { awk '/VmRSS/ { print $2 }' "/proc/$server/status"; }

for c in 1 2 3 4; do client "$c" & done
sleep $((minutes * 15))
before=$(memory)
sleep $((minutes * 45))
after=$(memory)
touch "$work/stop"
sleep 12
left=$(curl -s "$url/live.json" | grep -o '"under_way":[0-9]*')
kill "$server"
wait "$server"
rc=$?
grep '^#' "$work/err"
grep -E 'ERROR: |runtime error|LeakSanitizer' "$work/err" && rc=1
echo "memory after a quarter of the time $before kB, at its end $after kB; $left; exit status $rc"
[ "$rc" -eq 0 ] && [ "$left" = '"under_way":0' ] && [ "$after" -lt $((before * 11 / 10)) ]
