#!/usr/bin/env bash
# Run the fuzz targets, each for a while under AddressSanitizer; the last line is "N passed, N failed".
# A text that breaks one is kept in build/fuzz/TARGET.
# usage: tools/fuzz.sh [SECONDS (60)] [TARGET ...]
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60}
shift || true
targets=("$@")
readers=tests/fuzz/corpus # a folder of texts for each reader of tests/fuzz/readers.lua
[ ${#targets[@]} -gt 0 ] || targets=(config trace units ask http $(ls $readers))
build=build/fuzz
passed=0 failed=0
export ORACLE_HOME=$PWD

# Leaks are looked for where the system lets the sanitizer trace its own process.
leaks=1
"$build/tests/fuzz/units" -runs=1 >/dev/null 2>&1 || leaks=0
export ASAN_OPTIONS=detect_leaks=$leaks:allocator_may_return_null=1

seeds() {
  if [ -d "$readers/$1" ]; then cp "$readers/$1"/* "$2"; fi
  case $1 in
    config)
      cp scenarios/*.yaml "$2"
      for format in yaml json; do ./oracle generate-config -q -f "$format" -o "$2/example.$format"; done
      echo '{"model": "llama-7b", "cluster": {"xpu": "gb10"}, "performance_model": {"model_type": "roofline"}}' >"$2/flat"
      ;;
    trace)
      printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n' >"$2/azure"
      printf '{"timestamp": 0, "input_length": 675, "output_length": 50, "hash_ids": [0, 1]}\n' >"$2/mooncake"
      printf 'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n' \
        >"$2/burstgpt"
      printf 'arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,100,20\n' >"$2/vidur"
      printf 'request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n0,2,0,0.1,1,9,5\n' \
        >"$2/splitwise"
      printf '[{"id": "a", "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]}]' >"$2/sharegpt"
      printf '{"oracle_trace":1}\n{"arrival_ns":5,"prompt":3,"output":2,"max_output":9,"stops":1,"cancel_ns":4,"answer":"00000000000000aa","texts":[[5,"00000000000000bb",0]]}\n' \
        >"$2/recorded"
      gzip -c "$2/azure" >"$2/azure.gz"
      ;;
    ask)
      printf '\003{"prompt":"x","max_tokens":5,"stream":true,"stream_options":{"include_usage":true},"stop":["a"],"n":2}' >"$2/text"
      printf '\003{"prompt":[[1,2],[3]],"min_tokens":1,"priority":-1,"temperature":0.5,"ignore_eos":true,"model":"m"}' >"$2/ids"
      printf '\002{"messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"max_completion_tokens":5}' >"$2/chat"
      printf '\001{"tokens":[1,2]}' >"$2/detokenize"
      printf '\004{"prompt":"x"}' >"$2/tokenize"
      ;;
    http)
      printf 'POST /stream HTTP/1.1\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhelloGET /x?y HTTP/1.0\r\n\r\n' >"$2/two"
      printf 'POST /later HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n' >"$2/chunked"
      printf 'GET /x HTTP/1.1\r\nupgrade: h2c\r\nconnection: upgrade\r\nauthorization: Bearer x\r\n\r\n' >"$2/upgrade"
      ;;
    units) for q in "80 GiB" "3.35 TB/s" "50 ms" "12 req/s" "1e3 tok/s" "90 %" "2.5 USD/h" "400 Gbit/s"; do
      printf %s "$q" >"$2/${q//[^a-zA-Z0-9]/_}"; done ;;
  esac
}

for t in "${targets[@]}"; do
  corpus=$build/$t/corpus
  mkdir -p "$corpus"
  seeds "$t" "$corpus"
  cat "$corpus"/* 2>/dev/null | tr -c 'a-zA-Z0-9_' '\n' | grep -aE '^[a-zA-Z_]{3,40}$' | sort -u | head -300 |
    sed 's/.*/"&"/' >"$build/$t/words"
  program=$build/tests/fuzz/$t
  if [ ! -x "$program" ]; then program=$build/tests/fuzz/reader FUZZ_FOLDER=$build/$t; fi
  export FUZZ_READER=$t FUZZ_FOLDER=${FUZZ_FOLDER:-/dev/shm}
  if "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=8192 \
    -dict="$build/$t/words" -artifact_prefix="$build/$t/" -print_final_stats=1 "$corpus" >"$build/$t/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $t: $(awk '/number_of_executed_units/ { print $2 }' "$build/$t/log") texts in $seconds s"
  else
    failed=$((failed + 1))
    echo "FAIL  $t"
    tail -n 40 "$build/$t/log" | sed 's/^/      /'
  fi
done
[ "$leaks" -eq 1 ] || echo "leaks were not looked for: not possible on this system"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
