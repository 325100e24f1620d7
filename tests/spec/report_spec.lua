--- Results: the summary against a fake engine result by hand, the console block, tables, output files.
local summary = require "oracle.result.summary"
local metrics = require "oracle.scenario.metrics"
local report = require "oracle.result.report"
local console = require "oracle.text.console"
local output = require "oracle.text.output"

-- A histogram in ns over a list, as the engine's.
local function hist(list)
  table.sort(list)
  local n, sum = #list, 0
  for _, v in ipairs(list) do sum = sum + v end
  local mean = n > 0 and sum / n or 0
  return {
    count = function() return n end, mean = function() return mean end, min = function() return list[1] end,
    max = function() return list[n] end,
    std = function()
      local s = 0
      for _, v in ipairs(list) do s = s + (v - mean) ^ 2 end
      return math.sqrt(s / n)
    end,
    quantile = function(_, q)
      local rank = q * (n - 1)
      local low = math.floor(rank)
      return list[low + 1] + (rank - low) * ((list[low + 2] or list[n]) - list[low + 1])
    end,
  }
end

local function counts(total, successful, pending)
  return { total = total, successful = successful, failed = 0, rejected = total - successful - pending, timed_out = 0,
           cancelled = 0, pending = pending }
end

local function latencies(ttft)
  return { ttft = hist(ttft), tpot = hist { 8e6 }, itl = hist {}, e2e = hist { 1e9 }, queue = hist { 0 } }
end

local function plan(changes)
  local p = {
    scenario = { seed = 7, warm_up = 10, replicas = 2, percentiles = { 50, 99, 99.9 }, slo = { ttft = 1 },
                 engine = { block_size = 16 }, cost = { kind = "roofline" }, admission = { "token_bucket" } },
    deployment = { names = { model = "m", hardware = "h" }, gpus = 4, gpus_per_replica = 2, num_gpu_blocks = 100,
                   memory = { weight_bytes = 123 }, hardware = { usd_per_hour = 3.6 } },
    warnings = { "mind the gap" },
  }
  for k, v in pairs(changes or {}) do p.scenario[k] = v end
  return p
end

local function raw()
  local function replica(busy, preemptions)
    return { busy_s = busy, steps = 5, kv_peak = busy / 100, kv_mean = busy / 200, evictions = 0,
             preemptions = preemptions, recomputed_tokens = 10 * preemptions, requests = counts(5, 4, 1),
             window = { successful = 4, goodput = 3, prompt = 50, output = 200 },
             tokens = { prompt = 50, output = 200 }, latency = latencies { 1e6 } }
  end
  return {
    complete = true, now = 110, steps = 10, events = 99, requests = counts(10, 8, 1), offered = 0.1,
    saturated = false, window = { successful = 8, goodput = 6, prompt = 100, output = 400 },
    tokens = { prompt = 100, output = 400 }, latency = latencies { 1e6, 2e6, 3e6, 4e6 },
    replicas = { replica(50, 1), replica(10, 2) },
  }
end

describe("summary.new", function()
  it("computes what RESULTS promises", function()
    local s = summary.new(plan(), raw())
    assert.same({ 110, 10, 100, 10 }, { s.simulation.total_duration_s, s.simulation.warm_up_duration_s,
      s.simulation.effective_duration_s, s.simulation.steps })
    assert.equal(8 / 9, s.requests.success_rate)          -- 8 of 10 - 1 pending
    assert.equal(0.08, s.throughput.requests_per_second)  -- 8 in 110 - 10 s
    assert.equal(4, s.throughput.output_tokens_per_second)
    assert.equal(5, s.throughput.total_tokens_per_second) -- (100 + 400) / 100 s
    assert.equal(0.06, s.throughput.goodput_rps)
    assert.same({ 0.1, false }, { s.throughput.offered_rps, s.throughput.saturated })
    local t = s.latency.time_to_first_token_ms
    assert.same({ 4, 2.5, 1, 4, 2.5 }, { t.count, t.mean, t.min, t.max, t.p50 })
    assert.is_true(math.abs(t["p99.9"] - 3.997) < 1e-9)   -- rank 0.999 x 3 = 2.997
    assert.same({ count = 0 }, { count = s.latency.inter_token_latency_ms.count })
    assert.is_nil(s.latency.inter_token_latency_ms.mean)
    assert.equal(0.5, s.gpu_utilization.gpu0)             -- 50 of 100 s
    assert.equal(0.5, s.gpu_utilization.gpu1)
    assert.equal(0.1, s.gpu_utilization.gpu3)
    assert.equal(0.5, s.kv_cache.peak_usage)
    assert.equal(3, s.preemptions.count)
    assert.equal(30, s.preemptions.recomputed_tokens)
    assert.equal(0.4, s.cost.usd)                         -- 4 GPUs x 3.6 USD/h x 100 s
    assert.equal(1000, s.cost.usd_per_million_output_tokens)  -- 0.4 USD for 400 tokens
    assert.equal(1600, s.deployment.kv_capacity_tokens)
    assert.equal(4, s.per_replica.replica1.requests.successful)
  end)

  it("has null where nothing is defined", function()
    local nothing = raw()
    nothing.requests, nothing.now = counts(3, 0, 3), 10
    nothing.window = { successful = 0, goodput = 0, prompt = 0, output = 0 }
    local s = summary.new(plan { slo = false }, nothing)
    assert.is_nil(s.requests.success_rate)
    local text = summary.json(s)
    assert.matches('"success_rate": null', text)
    assert.matches('"goodput_rps": null', text)
    assert.matches('"requests_per_second": null', text)
    assert.matches('"no request was answered"', text)
    nothing.requests = counts(0, 0, 0)
    assert.matches('"no request arrived after the warm%-up"', summary.json(summary.new(plan { slo = false }, nothing)))
  end)

  it("writes JSON with its keys in order, the same bytes each time", function()
    local text = summary.json(summary.new(plan(), raw()))
    assert.equal(text, summary.json(summary.new(plan(), raw())))
    local at = 0
    for _, key in ipairs { "oracle", "version", "seed", "lod", "complete", "warnings", "simulation", "deployment",
                           "requests", "throughput", "latency", "gpu_utilization", "kv_cache",
                           "preemptions", "per_replica" } do
      local found = text:find('"' .. key .. '": ', at + 1, true)
      assert.is_truthy(found, key .. " is missing or out of order")
      at = found
    end
    assert.matches('"p99.9": ', text)
    assert.matches('{%s*"count": 0%s*}', text)
    assert.equal("\n", text:sub(-1))
    local back = require("oracle.core").json.decode(text)
    assert.equal(8, back.requests.successful)
    assert.same({ "mind the gap" }, setmetatable(back.oracle.warnings, nil))
  end)

  it("puts points in a list with what was set", function()
    local one = summary.new(plan(), raw(), { { "workload.rate", 2 }, { "batching", { name = "mine", step = print } } })
    local text = summary.json(summary.points({ one }, 1))
    assert.matches('^{%s*"points": %[%s*{%s*"set": {%s*"workload.rate": 2,%s*"batching": "mine"%s*},%s*"oracle"', text)
    assert.is_true(summary.complete(summary.points({ one }, 1)))
    assert.is_false(summary.complete(summary.points({ one }, 2)))
  end)
end)

describe("report", function()
  it("lays the block out as vllm bench serve does", function()
    local text = report.block(summary.new(plan(), raw()))
    local lines = {}
    for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal("============ Serving Benchmark Result ============", lines[1])
    assert.equal("Successful requests:                     8", lines[2])
    assert.matches("\nRequest throughput %(req/s%):              0.08\n", text)
    assert.matches("\n%-%-%-%-%-%-%-%-%-%-%-%-%-%-%-Time to First Token%-%-%-%-%-%-%-%-%-%-%-%-%-%-%-%-\n", text)
    assert.matches("\n%-%-%-%-%-Time per Output Token %(excl%. 1st token%)%-%-%-%-%-%-\n", text)
    assert.matches("\nMean TTFT %(ms%):                          2.50\n", text)
    assert.matches("\nP99.9 TTFT %(ms%):                         4.00\n", text)
    assert.matches("\nRejected requests:                       1\n", text)
    assert.matches("\nMean ITL %(ms%):                           %-\n", text)
    assert.equal(("="):rep(50), lines[#lines - 2])
    assert.matches("\nTTFT values:                             4\n", text)
    assert.equal("TTFT is of all 4 requests that had a first token, TPOT and E2EL only of the", lines[#lines - 1])
    for _, line in ipairs(lines) do assert.is_nil(line:find("%s$")) end
  end)

  it("says when more was asked for than was served", function()
    local crowded = raw()
    assert.is_nil(report.block(summary.new(plan(), crowded)):find("overloaded", 1, true))
    crowded.saturated, crowded.offered, crowded.requests = true, 30, counts(6000, 1222, 4778)
    assert.matches("\noverloaded: 30.0 req/s offered, 0.1 served, 4,778 still in flight\n$",
      report.block(summary.new(plan(), crowded)))
    crowded.requests = counts(6000, 6000, 0)
    assert.matches("\noverloaded: 30.0 req/s offered, 0.1 served\n$", report.block(summary.new(plan(), crowded)))
  end)

  it("says when a run was cut off", function()
    local cut = raw()
    cut.complete = false
    assert.matches("INCOMPLETE", report.block(summary.new(plan(), cut)))
  end)

  it("makes a table of the points", function()
    local columns = assert(metrics.columns({ "goodput", "ttft.p99.9", "kv.peak", "gpu_busy" }, { 50, 99.9 }))
    local one = summary.new(plan(), raw(), { { "seed", 1 }, { "batching", "fcfs" } })
    local text = report.points({ "seed", "batching" }, columns, coroutine.wrap(function() coroutine.yield(one) end))
    assert.equal("seed  batching  goodput (req/s)  ttft.p99.9 (ms)  kv.peak (%)  gpu_busy (%)\n"
      .. "----  --------  ---------------  ---------------  -----------  ------------\n"
      .. "   1  fcfs                 0.06            3.997           50        30.000\n", text)
  end)

  it("names the nearest result for a wrong column", function()
    local _, why = metrics.columns({ "ttft.p98" }, { 50, 99 })
    assert.matches('^report%[1%]: "ttft.p98": unknown result; did you mean ttft.p99%?', why)
    _, why = metrics.columns({ "godput" }, { 50 })
    assert.matches("did you mean goodput%?", why)
  end)
end)

describe("console.table", function()
  it("aligns characters, not bytes", function()
    assert.equal("name  µs\n----  --\nµ      5\n", console.table({ "name", "µs" }, { { "µ", 5 } }))
  end)

  it("shows any value", function()
    assert.equal("5\n", console.value(5))
    assert.equal("{}\n", console.value {})
    assert.matches("key.*a%.b +1", console.value { a = { b = 1 }, c = 2 })
    assert.matches("x  y", console.value { { x = 1, y = 2 }, { x = 3 } })
  end)
end)

describe("output files", function()
  local dir

  setup(function()
    local p = io.popen("mktemp -d")
    dir = p:read("l")
    p:close()
  end)

  teardown(function() os.execute("rm -rf '" .. dir .. "'") end)

  local function read(path)
    local f = io.open(path)
    local text = f and f:read("a")
    if f then f:close() end
    return text
  end

  it("appear whole or not at all", function()
    local path = dir .. "/a.json"
    local o = assert(output.open(path))
    assert.is_nil(read(path))
    assert(o:write("text"))
    assert.is_nil(read(path))
    assert(o:commit())
    assert.equal("text", read(path))
    o = assert(output.open(path))
    o:discard()
    assert.equal("text", read(path))                      -- a failed run leaves the old file
    local p = io.popen("ls -A '" .. dir .. "'")
    assert.equal("a.json\n", p:read("a"))
    p:close()
  end)

  it("keep the ending that asks for compression", function()
    local o = assert(output.open(dir .. "/a.csv.gz"))
    assert.matches("%.gz$", o.path)
    o:discard()
  end)

  it("are refused before the run", function()
    for _, path in ipairs { dir, dir .. "/none/x.json", "/proc/none/x", "" } do
      local o, why = output.open(path)
      assert.is_nil(o)
      assert.is_true(#why > 0)
    end
  end)

  it("tell a full disk", function()
    local o = assert(output.open("/dev/full"))
    local ok, why = o:write("text")
    assert.is_nil(ok)
    assert.matches("^/dev/full: No space left on device", why)
  end)
end)
