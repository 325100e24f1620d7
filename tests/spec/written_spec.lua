--- Results in the formats of others: `oracle run --format vllm-bench|prometheus|jsonl`.
local json = require("oracle.core").json
local program = require "program"

local SCENARIO = [[
return require("oracle").scenario {
  model = "tiny-1b", hardware = "h100-sxm", seed = 3, cost = "roofline", percentiles = { 50, 99, 99.9 }, %s
}
]]

local FILES = {
  ["open.lua"] = [[slo = { ttft = 0.05 }, workload = { kind = "gamma", rate = 200, burstiness = 4, count = 40,
    prompt = 300, output = { kind = "uniform", low = 1, high = 30 } }]],
  ["closed.lua"] = [[replicas = 2, router = "round_robin",
    workload = { kind = "closed_loop", concurrency = 4, count = 20, prompt = 100, output = 12 }]],
  ["late.lua"] = [[engine = { max_num_seqs = 1 },
    workload = { kind = "batch", count = 8, prompt = 100, output = 200, timeout = 1.0 }]],
  ["full.lua"] = [[engine = { num_gpu_blocks_override = 60, enable_prefix_caching = false, max_model_len = 512 },
    workload = { kind = "batch", count = 8, prompt = 200, output = 60 }]],
}

-- What `vllm bench serve --save-result` writes, in its order (vllm/benchmarks/serve.py).
local FIELDS = {
  "date", "endpoint_type", "backend", "label", "model_id", "tokenizer_id", "num_prompts", "request_rate", "burstiness",
  "max_concurrency", "duration", "completed", "failed", "total_input_tokens", "total_output_tokens",
  "request_throughput", "request_goodput", "output_throughput", "total_token_throughput", "max_output_tokens_per_s",
  "max_concurrent_requests", "rtfx",
}
local DETAILS = { "input_lens", "output_lens", "ttfts", "itls", "latencies", "start_times", "queue_times",
                  "generated_texts", "errors" }

setup(function()
  program.open()
  for name, keys in pairs(FILES) do program.write(name, SCENARIO:format(keys)) end
end)

teardown(program.close)

local function run(line)
  local code, out, err = program.run_there("run " .. line)
  assert.equal(0, code, err)
  return out, err
end

local function bench(line)
  local text = run(line .. " --format vllm-bench -q")
  return json.decode(text), text
end

local function summary(line)
  return json.decode((run(line .. " --json - -q")))
end

local function sum(list)
  local total = 0
  for _, v in ipairs(list) do total = total + v end
  return total
end

describe("--format vllm-bench", function()
  it("has vLLM's fields, in its order", function()
    local v, text = bench "open.lua"
    local at = 0
    for _, name in ipairs(FIELDS) do
      local from = text:find(('\n  "%s": '):format(name), 1, true)
      assert(from and from > at, name)
      at = from
    end
    for _, metric in ipairs { "ttft", "tpot", "itl", "e2el" } do
      for _, statistic in ipairs { "mean", "median", "std", "p99", "p99.9" } do
        assert.is_number(v[("%s_%s_ms"):format(statistic, metric)], metric)
      end
    end
    for _, name in ipairs(DETAILS) do assert.is_nil(v[name], name) end
    assert.same({ 200, 4, 40, 40, 0, "vllm", json.null }, { v.request_rate, v.burstiness, v.num_prompts, v.completed,
                                                            v.failed, v.backend, v.max_concurrency })
    assert.matches("^%d%d%d%d%d%d%d%d%-%d%d%d%d%d%d$", v.date)
  end)

  it("says what the summary says", function()
    local v, s = bench "open.lua", summary "open.lua"
    assert.equal(s.throughput.requests_per_second, v.request_throughput)
    assert.equal(s.throughput.goodput_rps, v.request_goodput)
    assert.equal(s.latency.time_to_first_token_ms.mean, v.mean_ttft_ms)
    assert.equal(s.latency.inter_token_latency_ms["p99.9"], v["p99.9_itl_ms"])
    assert.equal(s.latency.end_to_end_latency_ms.std, v.std_e2el_ms)
    assert.near(v.completed / v.duration, v.request_throughput, 1e-9)
    assert.near((v.total_input_tokens + v.total_output_tokens) / v.duration, v.total_token_throughput, 1e-6)
  end)

  it("lists each request with --save-detailed, token by token", function()
    local v = bench "open.lua --save-detailed"
    for _, name in ipairs(DETAILS) do assert.equal(40, #v[name], name) end
    assert.equal(v.total_output_tokens, sum(v.output_lens))
    assert.equal(12000, sum(v.input_lens))
    local gaps, all = 0, 0
    for i, itl in ipairs(v.itls) do
      assert.equal(v.output_lens[i] - 1, #itl)
      assert.near(v.latencies[i], v.ttfts[i] + sum(itl), 1e-9)
      gaps, all = gaps + #itl, all + sum(itl)
    end
    assert.near(v.mean_itl_ms, 1000 * all / gaps, 1e-6)
    assert.near(v.mean_ttft_ms, 1000 * sum(v.ttfts) / 40, 1e-6)
  end)

  it("has the gaps of requests that were preempted, too", function()
    local s = summary "full.lua"
    assert.is_true(s.preemptions.count > 0)
    local v = bench "full.lua --save-detailed"
    local longest, all = 0, 0
    for i, itl in ipairs(v.itls) do
      assert.equal(59, #itl)
      assert.near(v.latencies[i], v.ttfts[i] + sum(itl), 1e-9)
      all = all + sum(itl)
      for _, gap in ipairs(itl) do longest = math.max(longest, gap) end
    end
    assert.near(v.mean_itl_ms, 1000 * all / (8 * 59), 1e-6)
    assert.near(s.latency.inter_token_latency_ms.max, 1000 * longest, 1e-6)
  end)

  it("tells those that failed", function()
    local v = bench "late.lua --save-detailed"
    assert.equal(8, v.completed + v.failed)
    assert.is_true(v.failed > 0 and v.completed > 0)
    for i = 1, 8 do
      local failed = v.errors[i] ~= ""
      assert.equal(failed, v.output_lens[i] == 0)
      assert.equal(failed, #v.itls[i] == 0)
    end
  end)

  it("says how many were in flight", function()
    local v = bench "closed.lua"
    assert.same({ "inf", 4, 4 }, { v.request_rate, v.max_concurrency, v.max_concurrent_requests })
    assert.equal(8, bench "full.lua".max_concurrent_requests)
  end)

  it("is read back, and compared with itself without an error", function()
    program.write("b.json", run "open.lua --format vllm-bench --save-detailed -q")
    local code, out = program.run_there "validate b.json open.lua --seed 3 --json -"
    assert.equal(0, code)
    for _, row in ipairs(json.decode(out).rows) do
      if not row.figure:find "throughput" then assert.is_true(math.abs(row.error_pct) < 30, row.figure) end
    end
  end)

  it("is taken at its word where clients of one length keep in step", function()
    program.write("c.json", run "closed.lua --format vllm-bench -q")
    local code, out = program.run_there "validate c.json closed.lua --json -"
    assert.equal(0, code)
    for _, row in ipairs(json.decode(out).rows) do
      assert.is_true(math.abs(row.error_pct or 0) < 0.1, row.figure)
    end
  end)
end)

describe("--format jsonl", function()
  it("has the rows of the CSV", function()
    local lines, out = {}, run "late.lua --format jsonl -q --csv rows.csv"
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = json.decode(line) end
    assert.equal(8, #lines)
    local n = 0
    for line in program.read(program.dir .. "/rows.csv"):gmatch "[^\n]+" do
      local id, client = line:match "^(req_%d+),([^,]*),"
      if id then
        n = n + 1
        assert.same({ id, client }, { lines[n].request_id, lines[n].client_id })
        assert.equal(lines[n].ttft_ms ~= nil, line:find "TIMEOUT,," == nil)
      end
    end
    assert.equal(8, n)
  end)

  it("is the same where the CSV is compressed", function()
    local plain = run "late.lua --format jsonl -q"
    assert.equal(plain, run "late.lua --format jsonl -q --csv rows.csv.gz")
  end)

  it("has a line for each point of many", function()
    local out = run [[open.lua --set 'vary={{"seed",{1,2,3}}}' --format jsonl -q]]
    local seeds = {}
    for line in out:gmatch "[^\n]+" do seeds[#seeds + 1] = json.decode(line).set.seed end
    assert.same({ 1, 2, 3 }, seeds)
  end)
end)

describe("--format prometheus", function()
  local function values(line)
    local found = {}
    for text in run(line .. " --format prometheus -q"):gmatch "[^\n]+" do
      local name, labels, v = text:match "^(vllm:[%w_]+)(%b{}) (%S+)$"
      if name then
        found[name .. (labels:match 'engine="(%d+)"') .. (labels:match 'finished_reason="(%a+)"' or "")
          .. (labels:match 'le="([^"]+)"' or "")] = tonumber(v) or math.huge
      end
    end
    return found
  end

  it("counts what the summary counts, replica by replica", function()
    local v, s = values "closed.lua", summary "closed.lua"
    for engine = 0, 1 do
      local own = s.per_replica["replica" .. engine]
      assert.equal(own.requests.successful, v["vllm:request_success_total" .. engine .. "length"])
      assert.equal(own.requests.successful, v["vllm:time_to_first_token_seconds_bucket" .. engine .. "+Inf"])
      assert.equal(12 * own.requests.successful, v["vllm:generation_tokens_total" .. engine])
      assert.near(own.requests.successful * own.latency.end_to_end_latency_ms.mean / 1000,
        v["vllm:e2e_request_latency_seconds_sum" .. engine], 1e-6)
      assert.equal(0, v["vllm:num_requests_running" .. engine])
    end
  end)

  it("calls a request whose client left aborted", function()
    local v, s = values "late.lua", summary "late.lua"
    assert.equal(s.requests.timed_out, v["vllm:request_success_total0abort"])
    assert.equal(s.requests.successful, v["vllm:request_success_total0length"])
  end)

  it("counts those in flight where the run was cut", function()
    local v, s = values "late.lua --set duration=0.1", summary "late.lua --set duration=0.1"
    assert.equal(s.requests.pending, v["vllm:num_requests_running0"] + v["vllm:num_requests_waiting0"])
    assert.equal(1, v["vllm:num_requests_running0"])
    assert.is_true(v["vllm:kv_cache_usage_perc0"] > 0)
  end)
end)

describe("a format", function()
  it("goes to the file of --json, and is refused where it cannot be", function()
    run "open.lua --format prometheus --json x.prom -q"
    assert.matches("^# HELP vllm:", program.read(program.dir .. "/x.prom"))
    for line, why in pairs {
      ["open.lua --save-detailed"] = "%-%-save%-detailed: goes with %-%-format vllm%-bench",
      ["open.lua --format jsonl --save-detailed"] = "%-%-save%-detailed: goes with",
      ["open.lua --format jsonl --csv -"] = "a file expected",
      ["open.lua --format vllm-bench --save-detailed -l DEBUG"] = "listens to the steps itself",
      [ [[open.lua --format prometheus --set 'vary={{"seed",{1,2}}}']] ] = "that is of one run",
      ["open.lua --format bench"] = "one of yaml, json, lua, vllm%-bench, prometheus, jsonl expected",
    } do
      local code, out, err = program.run_there("run " .. line)
      assert.same({ 2, "" }, { code, out }, line)
      assert.matches(why, err, line)
    end
  end)
end)
