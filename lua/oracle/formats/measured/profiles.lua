--- Results of AIPerf (GenAI-Perf) and of guidellm: the load they say, and what they measured.
--   AIPerf    { "time_to_first_token": { "unit": "ms", "avg": 30.0, "p99": 60.0 }, "input_sequence_length": { ... },
--               "input_config": { "loadgen": { "concurrency": 8, "request_rate": ..., "request_count": ... } } }
--   guidellm  { "benchmarks": [ { "config": { "strategy": { "type_": "concurrent", "streams": 8 } }, "metrics":
--               { "time_to_first_token_ms": { "successful": { "mean": ..., "percentiles": { "p50": ... } } } } } ] }
-- Sources: ai-dynamo/aiperf, docs/reference/json-export-schema.md; vllm-project/guidellm,
-- src/guidellm/benchmark/schemas.
local lazy = require "oracle.lazy"
local load = lazy "oracle.formats.measured.load"
local null = require("oracle.core").json.null
local report = lazy "oracle.formats.measured.report"

local profiles = {}

local DEFAULT_COUNT = 200                                 -- requests simulated where a result does not say how many
local MOST = 1e9                                          -- tokens, requests, requests/s
local MOST_COUNT = 1000000                                -- requests simulated
local MOST_CLIENTS = 8388608

-- A value by a path of keys; nil where any of them is missing.
local function at(v, ...)
  for i = 1, select("#", ...) do
    if type(v) ~= "table" then return nil end
    v = v[select(i, ...)]
    if v == null then return nil end
  end
  return v
end

local function number(v, ...)
  local n = at(v, ...)
  if n == nil then return nil end
  if type(n) ~= "number" or n ~= n or n < 0 or n == math.huge then
    error(("%s: a number of at least 0 expected"):format(table.concat({ ... }, ".")), 0)
  end
  return n
end

local function name(v) return type(v) == "string" and v ~= "" and v or nil end

local function whole(n) return n and math.max(1, math.floor(math.min(n, MOST) + 0.5)) or nil end

-- ---- the load ----

-- Lengths of a load: { mean =, std =, min =, max = }, or a list. Synthetic ones of both tools are normal.
local function lengths(l, what)
  if not l or not (l.mean or l[1]) then error(("%s: their lengths are not told"):format(what), 0) end
  if l[1] then return { kind = "empirical", values = l } end
  if not (l.std and l.std > 0) then return whole(l.mean) end
  local low, high = whole(l.min) or 1, whole(l.max) or whole(l.mean + 4 * l.std)
  return { kind = "normal", mean = math.min(l.mean, MOST), std = math.min(l.std, MOST), min = math.min(low, high),
           max = math.max(low, high) }
end

-- Of a client that bounds what is in flight beside a rate: lengths one after the other, or their mean.
local function in_turn(l) return l[1] and l or whole(l.mean) end

-- The workload of a load: closed, paced or all at once.
local function workload(l)
  local w = { prompt = lengths(l.prompt, "prompts"), output = lengths(l.output, "answers") }
  w.count = math.min(whole(l.count) or DEFAULT_COUNT, MOST_COUNT)
  local rate, most = l.rate and l.rate > 0 and math.min(l.rate, MOST) or nil, whole(l.concurrency)
  if most and most > MOST_CLIENTS then
    error(("concurrency: %g: at most %d expected"):format(l.concurrency, MOST_CLIENTS), 0)
  end
  if rate and most then
    return { kind = "paced", rate = rate, max_concurrency = most, count = w.count, burstiness = l.even and 1e6 or nil,
             prompt = in_turn(l.prompt), output = in_turn(l.output) }
  end
  if rate and l.cv and l.cv > 0 then w.kind, w.rate, w.cv = "gamma", rate, l.cv
  elseif rate then w.kind, w.rate = l.even and "constant" or "poisson", rate
  elseif most then
    w.kind, w.concurrency = "closed_loop", most
    w.count = math.max(w.count, most)
  elseif l.throughput then w.kind = "batch"
  else error("how requests were sent is not told: a concurrency or a request rate expected", 0) end
  return w
end

-- ---- AIPerf ----

local AIPERF = { ttft = "time_to_first_token", itl = "inter_token_latency", e2e = "request_latency" }
local SCALE = { ms = 1, s = 1000, sec = 1000, us = 1e-3, ns = 1e-6 }

function profiles.is_aiperf(v)
  return type(at(v, "time_to_first_token")) == "table" and at(v, "time_to_first_token", "avg") ~= nil
    or type(at(v, "request_latency")) == "table" and at(v, "request_latency", "avg") ~= nil
end

-- A metric's figures, in ms where it is a time.
local function aiperf_distribution(v, key, plain)
  local d = at(v, key)
  if type(d) ~= "table" then return nil end
  local scale = plain and 1 or SCALE[at(d, "unit") or "ms"]
  if not scale then error(("%s.unit: ms, s, us or ns expected"):format(key), 0) end
  local out = {}
  for _, pair in ipairs { { "mean", "avg" }, { "std", "std" }, { "min", "min" }, { "max", "max" }, { "p50", "p50" },
                          { "p90", "p90" }, { "p95", "p95" }, { "p99", "p99" } } do
    local n = number(d, pair[2])
    out[pair[1]] = n and n * scale
  end
  return out
end

-- How requests were sent: AIPerf's own words, and those that GenAI-Perf gave perf_analyzer.
local function aiperf_load(v)
  local gen = at(v, "input_config", "loadgen") or at(v, "input_config", "perf_analyzer", "stimulus") or {}
  local mode = at(gen, "request_rate_mode") or at(gen, "arrival_pattern")
  return { concurrency = number(gen, "concurrency"), rate = number(gen, "request_rate"), even = mode == "constant",
           count = number(v, "request_count", "avg") or number(gen, "request_count"),
           prompt = aiperf_distribution(v, "input_sequence_length", true),
           output = aiperf_distribution(v, "output_sequence_length", true) }
end

local function aiperf(v)
  local l = aiperf_load(v)
  local throughput = number(v, "request_throughput", "avg")
  -- What is not told of the load is told by its rate: open arrivals at what was served.
  if not l.concurrency and not l.rate then l.rate = throughput end
  local measured = { throughput = throughput, output_throughput = number(v, "output_token_throughput", "avg") }
  for short, key in pairs(AIPERF) do measured[short] = aiperf_distribution(v, key) end
  measured.tpot = measured.itl and { mean = measured.itl.mean }   -- AIPerf's is (E2E - TTFT) / (tokens - 1)
  measured.itl = nil
  local config = at(v, "input_config") or {}
  return workload(l), measured, name(at(config, "endpoint", "model_names", 1)) or name(at(config, "model_names", 1))
    or name(at(config, "model", 1)) or name(at(config, "model"))
end

-- ---- guidellm ----

function profiles.is_guidellm(v)
  return type(at(v, "benchmarks")) == "table" and type(at(v, "benchmarks", 1, "metrics")) == "table"
end

local function guidellm_of(metrics, key)
  local d = at(metrics, key, "successful") or at(metrics, key, "total") or at(metrics, key)
  if type(d) ~= "table" then return nil end
  local out = { mean = number(d, "mean"), p50 = number(d, "median"), std = number(d, "std_dev"),
                min = number(d, "min"), max = number(d, "max") }
  for _, p in ipairs { "p50", "p90", "p95", "p99" } do out[p] = number(d, "percentiles", p) or out[p] end
  return out
end

-- The lengths of the requests that were answered, where the result has them one by one.
local function guidellm_lengths(b, key)
  local list, out = at(b, "requests", "successful"), {}
  for i, r in ipairs(type(list) == "table" and list or {}) do
    local n = number(r, key)
    if not n or n < 1 or n > MOST then return nil end
    out[i] = n
  end
  return #out > 0 and out or nil
end

local function guidellm_load(b)
  local m = b.metrics
  local strategy = at(b, "config", "strategy") or at(b, "args", "strategy") or at(b, "scheduler", "strategy") or {}
  local kind = at(strategy, "type_") or at(strategy, "type") or ""
  local rate = guidellm_of(m, "requests_per_second")
  local l = { prompt = guidellm_lengths(b, "prompt_tokens") or guidellm_of(m, "prompt_token_count"),
              output = guidellm_lengths(b, "output_tokens") or guidellm_of(m, "output_token_count"),
              count = number(m, "request_totals", "successful") or number(b, "request_totals", "successful") }
  if not l.count and l.prompt and l.prompt[1] then l.count = #l.prompt end
  if kind == "constant" or kind == "poisson" or kind == "async" then
    l.rate, l.even = number(strategy, "rate") or rate and rate.mean, kind ~= "poisson"
  elseif kind == "concurrent" then l.concurrency = number(strategy, "streams") or number(strategy, "max_concurrency")
  elseif kind == "synchronous" then l.concurrency = 1
  elseif kind == "throughput" or kind == "" then l.throughput = true
  else error(('config.strategy.type_: "%s": constant, poisson, concurrent, synchronous or throughput expected'):format(
    tostring(kind):sub(1, 40)), 0) end
  return l
end

local function guidellm(b)
  local m = b.metrics
  local rate, tokens = guidellm_of(m, "requests_per_second"), guidellm_of(m, "output_tokens_per_second")
  local measured = { ttft = guidellm_of(m, "time_to_first_token_ms"), e2e = guidellm_of(m, "request_latency"),
                     throughput = rate and rate.mean, output_throughput = tokens and tokens.mean }
  -- guidellm's time per output token counts the first one, its inter-token latency does not.
  measured.tpot = guidellm_of(m, "inter_token_latency_ms")
  for key, n in pairs(measured.e2e or {}) do measured.e2e[key] = n * 1000 end
  return workload(guidellm_load(b)), measured, name(at(b, "config", "backend", "model")) or name(at(b, "model"))
    or name(at(b, "worker", "backend_model"))
end

-- ---- both ----

--- The runs of a result: a list of { workload =, measured = by short names of metrics, model = or nil, name = }.
function profiles.read(v)
  if not profiles.is_guidellm(v) then
    local w, measured, model = aiperf(v)
    return { { workload = w, measured = measured, model = model, name = "AIPerf" } }
  end
  local list = {}
  for i, b in ipairs(v.benchmarks) do
    if type(at(b, "metrics")) ~= "table" then error(("benchmarks[%d].metrics: missing"):format(i), 0) end
    local w, measured, model = guidellm(b)
    list[i] = { workload = w, measured = measured, name = ("guidellm, benchmark %d"):format(i),
                model = model or name(at(v, "args", "model")) or name(at(v, "args", "backend_kwargs", "model")) }
  end
  return list
end

--- The comparison, as oracle.formats.measured makes it: of several benchmarks each below the other.
function profiles.compare(_, v, deployment)
  local texts, rows, title = {}, {}, nil
  for i, run in ipairs(profiles.read(v)) do
    local summary = load.run(deployment, { model = run.model }, run.workload)
    local one = report.table(load.title(run.name, summary), load.rows(run.measured, summary))
    title, texts[i] = title or one.title, one.text
    table.move(one.rows, 1, #one.rows, #rows + 1, rows)
  end
  return { title = title, text = table.concat(texts, "\n"), rows = rows }
end

return profiles
