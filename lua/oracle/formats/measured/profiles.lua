--- Results of AIPerf (GenAI-Perf) and of guidellm: the load they say, and what they measured.
--   AIPerf    { "time_to_first_token": { "unit": "ms", "avg": 30.0, "p99": 60.0 }, "input_sequence_length": { ... },
-- ...,
--               "input_config": { "loadgen": { "concurrency": 8, "request_rate": ..., "request_count": ... } } }
--   guidellm  { "benchmarks": [ { "config": { "strategy": { "type_": "concurrent", "streams": 8 } }, "metrics":
--               { "time_to_first_token_ms": { "successful": { "mean": ..., "percentiles": { "p50": ... } } } } } ] }
local load = require "oracle.formats.measured.load"
local null = require("oracle.core").json.null
local paced = require "oracle.formats.measured.paced"
local report = require "oracle.formats.measured.report"

local profiles = {}

local DEFAULT_COUNT = 200                                 -- requests simulated where a result does not say how many

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
  if type(n) ~= "number" or n ~= n or n < 0 then
    error(("%s: a number of at least 0 expected"):format(table.concat({ ... }, ".")), 0)
  end
  return n
end

local function whole(n) return n and math.max(1, math.floor(n + 0.5)) or nil end

-- The workload of a load: closed, paced or all at once.
local function workload(l)
  if not (l.prompt and l.output) then error("the lengths of prompts and answers are not told", 0) end
  local count = whole(l.count) or DEFAULT_COUNT
  if l.rate and l.rate > 0 and l.concurrency then
    return paced.workload { rate = l.rate, count = count, most = whole(l.concurrency), prompts = { whole(l.prompt) },
                            outputs = { whole(l.output) } }
  end
  local w = { count = count, prompt = whole(l.prompt), output = whole(l.output) }
  if l.rate and l.rate > 0 then w.kind, w.rate = l.even and "constant" or "poisson", l.rate
  elseif l.concurrency then
    w.kind, w.concurrency = "closed_loop", whole(l.concurrency)
    w.count = math.max(count, w.concurrency)
  elseif l.throughput then w.kind = "batch"
  else error("how requests were sent is not told: a concurrency or a request rate expected", 0) end
  return w
end

-- ---- AIPerf ----

local AIPERF = { ttft = "time_to_first_token", itl = "inter_token_latency", e2e = "request_latency" }
local SCALE = { ms = 1, s = 1000, us = 1e-3, ns = 1e-6 }

function profiles.is_aiperf(v)
  return type(at(v, "time_to_first_token")) == "table" and at(v, "time_to_first_token", "avg") ~= nil
    or type(at(v, "request_latency")) == "table" and at(v, "request_latency", "avg") ~= nil
end

local function aiperf_distribution(v, key)
  local d = at(v, key)
  if type(d) ~= "table" then return nil end
  local scale = SCALE[at(d, "unit") or "ms"]
  if not scale then error(("%s.unit: ms, s, us or ns expected"):format(key), 0) end
  local out = {}
  for _, pair in ipairs { { "mean", "avg" }, { "p50", "p50" }, { "p90", "p90" }, { "p95", "p95" }, { "p99", "p99" } } do
    local n = number(d, pair[2])
    out[pair[1]] = n and n * scale
  end
  return out
end

local function aiperf(v)
  local gen = at(v, "input_config", "loadgen") or at(v, "input_config", "perf_analyzer", "stimulus") or {}
  local concurrency, rate = number(gen, "concurrency"), number(gen, "request_rate")
  local throughput = number(v, "request_throughput", "avg")
  -- What is not told of the load is told by its rate: open arrivals at what was served.
  if not concurrency and not rate then rate = throughput end
  local measured = { throughput = throughput, output_throughput = number(v, "output_token_throughput", "avg") }
  for short, key in pairs(AIPERF) do measured[short] = aiperf_distribution(v, key) end
  measured.tpot = measured.itl and { mean = measured.itl.mean }   -- AIPerf's is (E2E - TTFT) / (tokens - 1)
  measured.itl = nil
  return workload { prompt = number(v, "input_sequence_length", "avg"),
                    output = number(v, "output_sequence_length", "avg"), concurrency = concurrency, rate = rate,
                    count = number(v, "request_count", "avg") },
    measured, at(v, "input_config", "endpoint", "model_names", 1)
end

-- ---- guidellm ----

function profiles.is_guidellm(v)
  return type(at(v, "benchmarks")) == "table" and type(at(v, "benchmarks", 1, "metrics")) == "table"
end

local function guidellm_of(metrics, key)
  local d = at(metrics, key, "successful") or at(metrics, key, "total") or at(metrics, key)
  if type(d) ~= "table" then return nil end
  local out = { mean = number(d, "mean"), p50 = number(d, "median") }
  for _, p in ipairs { "p50", "p90", "p95", "p99" } do out[p] = number(d, "percentiles", p) or out[p] end
  return out
end

local function guidellm(b)
  local m = b.metrics
  local strategy = at(b, "config", "strategy") or at(b, "args", "strategy") or at(b, "scheduler", "strategy") or {}
  local kind = at(strategy, "type_") or at(strategy, "type") or ""
  local prompt, output = guidellm_of(m, "prompt_token_count"), guidellm_of(m, "output_token_count")
  local rate = guidellm_of(m, "requests_per_second")
  local measured = { ttft = guidellm_of(m, "time_to_first_token_ms"), e2e = guidellm_of(m, "request_latency"),
                     throughput = rate and rate.mean }
  -- guidellm's time per output token counts the first one, its inter-token latency does not.
  measured.tpot = guidellm_of(m, "inter_token_latency_ms")
  for key, n in pairs(measured.e2e or {}) do measured.e2e[key] = n * 1000 end
  local tokens = guidellm_of(m, "output_tokens_per_second")
  measured.output_throughput = tokens and tokens.mean
  local l = { prompt = prompt and prompt.mean, output = output and output.mean,
              count = number(b, "request_totals", "successful") }
  if kind == "constant" or kind == "poisson" or kind == "async" then
    l.rate, l.even = number(strategy, "rate") or rate and rate.mean, kind ~= "poisson"
  elseif kind == "concurrent" then l.concurrency = number(strategy, "streams") or number(strategy, "max_concurrency")
  elseif kind == "synchronous" then l.concurrency = 1
  else l.throughput = true end
  return workload(l), measured, at(b, "model") or at(b, "worker", "backend_model")
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
    local w, measured, model = guidellm(b)
    list[i] = { workload = w, measured = measured, model = model or at(v, "args", "model"),
                name = ("guidellm, benchmark %d"):format(i) }
  end
  return list
end

--- The comparison, as oracle.formats.measured makes it: of several benchmarks each below the other.
function profiles.compare(_, v, deployment)
  local texts, rows, title = {}, {}, nil
  for i, run in ipairs(profiles.read(v)) do
    local summary = load.run(deployment, { model = type(run.model) == "string" and run.model or nil }, run.workload)
    local one = report.table(load.title(run.name, summary), load.rows(run.measured, summary))
    title, texts[i] = title or one.title, one.text
    table.move(one.rows, 1, #one.rows, #rows + 1, rows)
  end
  return { title = title, text = table.concat(texts, "\n"), rows = rows }
end

return profiles
