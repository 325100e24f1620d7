#!/usr/bin/env bash
# Off-the-shelf clients against `oracle serve`, unmodified, and what they measure beside `oracle run` on the recorded trace.
# They are no part of oracle: they live in a virtual environment under build/clients. Skips what cannot be installed.
# usage: tests/clients/run.sh [CLIENT ...]        guidellm aiperf
set -u
clients=("$@")
[ $# -gt 0 ] || clients=(guidellm aiperf)
cd "$(dirname "$0")/../.." || exit 1
home=build/clients venv=build/clients/venv
lua=(env "LUA_PATH=$PWD/lua/?.lua;$PWD/lua/?/init.lua;;" build/release/lua)
requests=40 rate=2 isl=2000 tokens=64 model=meta-llama/Llama-3.1-70B-Instruct
mkdir -p "$home"

skip() { echo "clients: skipped: $1"; exit 0; }
python3 -c 'import venv, ensurepip' 2>/dev/null || skip "python3 has no venv (package python3-venv)"
[ -x $venv/bin/pip ] || python3 -m venv $venv || skip "no virtual environment could be made"

have() { # PACKAGE: installed, or now it is
  $venv/bin/pip -q --disable-pip-version-check install "$1" >"$home/pip-$1.log" 2>&1 && return 0
  echo "clients: $1 is skipped: $(grep -m1 -i error "$home/pip-$1.log" || echo 'pip could not install it')"
  return 1
}

server=
start() { # OPTIONS: listens at $url
  ./oracle serve tests/clients/scenario.lua --port 0 "$@" 2>"$home/serve.log" >/dev/null &
  server=$!
  for _ in $(seq 200); do
    url=$(sed -n 's/.* at \(http:[^,]*\),.*/\1/p' "$home/serve.log")
    [ -n "$url" ] && return
    sleep 0.05
  done
  echo "clients: the server does not listen: $(cat "$home/serve.log")"
  exit 1
}
stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server"; }
  server=
}
trap stop EXIT

guidellm() { # FILE
  HF_HUB_OFFLINE=1 $venv/bin/guidellm run --backend "kind=openai_http,target=$url" --profile "kind=constant,rate=$rate" \
    --constraint "kind=max_requests,count=$requests" --tokenizer "kind=hf_auto,model=$PWD/$home/tokenizer" \
    --data "kind=synthetic_text,prompt_tokens=$isl,output_tokens=$tokens" --output "kind=json,path=$1" --disable-console
}
aiperf() { # FILE
  $venv/bin/aiperf profile --model $model --url "$url" --endpoint-type chat --streaming --tokenizer "$PWD/$home/tokenizer" \
    --request-rate $rate --request-count $requests --isl $isl --osl $tokens --use-server-token-count \
    --extra-inputs ignore_eos:true --artifact-dir "$home/aiperf" --ui none && cp "$home/aiperf/profile_export_aiperf.json" "$1"
}

# CLIENT: once against a server that answers at once, for the client's own time; once against one in real time.
measure() {
  start --speed max
  "$1" "$home/$1-idle.json" >"$home/$1.log" 2>&1 || { echo "clients: $1 failed: see $home/$1.log"; return 1; }
  stop
  start --record "$home/$1.trace"
  "$1" "$home/$1.json" >>"$home/$1.log" 2>&1 || { echo "clients: $1 failed: see $home/$1.log"; return 1; }
  stop
  tail -1 "$home/serve.log"
  ./oracle run tests/clients/scenario.lua --set "workload={kind='trace',path='$PWD/$home/$1.trace'}" \
    --csv "$home/$1.csv" -q || return 1
  "${lua[@]}" tests/clients/agree.lua "$1" "$home/$1.json" "$home/$1-idle.json" "$home/$1.csv" $tokens
}

rc=0
if have openai; then
  start
  $venv/bin/python tests/clients/openai_chat.py "$url" || rc=1
  have prometheus_client && { $venv/bin/python tests/clients/prometheus.py "$url" || rc=1; }
  stop
fi
if command -v chromium >/dev/null; then
  start
  chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=4000 --dump-dom "$url/" 2>/dev/null |
    grep -q '<td>ready</td>' && echo "the live page shows its replicas in headless Chromium" || { echo "the live page shows none"; rc=1; }
  stop
else
  echo "clients: the live page is skipped: chromium is not installed"
fi
if have transformers && $venv/bin/python tests/clients/tokenizer.py "$home/tokenizer" >"$home/tokenizer.log" 2>&1; then
  for client in "${clients[@]}"; do
    have $client && { measure $client || rc=1; }
  done
else
  echo "clients: benchmarks are skipped: no tokenizer could be made; see $home/tokenizer.log"
fi
exit $rc
