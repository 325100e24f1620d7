--- What a run measures: one row for each metric, which every table, chart and comparison, the console block, `report`,
-- and what is read of measured data go by. One more is a row here, and a value where it is measured: under its key in
-- the summary (oracle.result.summary) and, where requests have it, in their column of the CSV (src/obs/record.c).
local ordered = require "oracle.text.ordered"
local spelling = require "oracle.text.spelling"

local metrics = {}

-- { short name, key = where a summary has it, unit = as shown; "%": the summary has a share,
--   better = "lower" or "higher", nil: neither,
--   of = "requests" or "tokens": a distribution over them (mean, p99 ...; raw results have it in ns under the short
--     name); "gpus": one number for each GPU, whose mean it is; nil: one number,
--   csv = a request's column, share_of = the column whose sum theirs is a share of,
--   bench = its name in results of `vllm bench serve`,
--   block = the section of the console block that has a line for it, label = as the line says it, above = another whose
--     line it is above, optional = left out where there is none,
--   tables = { name of a table = true, or which statistics of it }, doc = what it is, source = whose definition }
local ROWS = {
  { "requests", key = "requests.total",
    doc = "requests that arrived after the warm-up",
    tables = { compare_at_prompt = true } },
  { "successful", key = "requests.successful",
    doc = "requests answered to their end",
    better = "higher", block = "ends", label = "Successful requests",
    tables = { compare_at_prompt = true } },
  { "failed", key = "requests.failed",
    doc = "requests that were lost and not computed again",
    better = "lower", block = "ends", label = "Failed requests" },
  { "rejected", key = "requests.rejected",
    doc = "requests turned away: by admission, or because no replica could ever hold them",
    better = "lower", block = "other ends", label = "Rejected requests" },
  { "timed_out", key = "requests.timed_out",
    doc = "requests whose clients gave up at their deadline",
    better = "lower", block = "other ends", label = "Timed out requests" },
  { "cancelled", key = "requests.cancelled",
    doc = "requests whose clients left before the end",
    block = "other ends", label = "Cancelled requests" },
  { "pending", key = "requests.pending",
    doc = "requests still in flight when the run ended",
    block = "other ends", label = "Pending requests" },
  { "success_rate", key = "requests.success_rate",
    doc = "successful / (total - pending)",
    unit = "%", better = "higher" },

  { "offered", key = "throughput.offered_rps",
    doc = "requests per second that arrived, whether served or not",
    unit = "req/s", block = "rates", label = "Offered load (req/s)",
    optional = true },
  { "throughput", key = "throughput.requests_per_second",
    doc = "requests answered per second",
    source = "vllm bench serve: request_throughput",
    unit = "req/s", better = "higher",
    bench = "request_throughput", block = "rates", label = "Request throughput (req/s)",
    tables = { report = true, what_if = true, compare = true, compare_at_prompt = true } },
  { "output_throughput", key = "throughput.output_tokens_per_second",
    doc = "tokens generated per second",
    source = "vllm bench serve: output_throughput",
    unit = "tok/s", better = "higher",
    bench = "output_throughput", block = "rates", label = "Output token throughput (tok/s)",
    tables = { report = true, what_if = true, compare = true, compare_at_prompt = true } },
  { "total_throughput", key = "throughput.total_tokens_per_second",
    doc = "tokens of prompts and answers per second",
    source = "vllm bench serve: total_token_throughput",
    unit = "tok/s", better = "higher",
    bench = "total_token_throughput", block = "rates", label = "Total token throughput (tok/s)" },
  { "goodput", key = "throughput.goodput_rps",
    doc = "requests per second that met each limit of slo.ttft, slo.tpot, slo.e2e that is given",
    source = "vllm bench serve --goodput; DistServe, OSDI 2024",
    unit = "req/s", better = "higher",
    block = "rates", label = "Request goodput (req/s)", above = "output_throughput", optional = true,
    tables = { what_if = true, compare = true, compare_at_prompt = true } },
  { "saturated", key = "throughput.saturated",
    doc = "whether the waiting line grew to the end, so that latencies say how long was simulated",
    block = "rates", label = "Saturated", above = "throughput" },

  { "ttft", key = "latency.time_to_first_token_ms",
    doc = "from arrival to the first token of the answer; of requests still in flight too",
    source = "vllm bench serve: ttft",
    unit = "ms", better = "lower", of = "requests", csv = "ttft_ms",
    bench = "ttft", label = "TTFT", title = "Time to First Token",
    tables = { report = "mean", what_if = "mean p99", compare = "mean p99", compare_at_prompt = "mean p50 p99" } },
  { "tpot", key = "latency.time_per_output_token_ms",
    doc = "(E2E - TTFT) / (output tokens - 1), of finished requests of two tokens or more",
    source = "vllm bench serve: tpot",
    unit = "ms", better = "lower", of = "requests", csv = "tpot_ms",
    bench = "tpot", label = "TPOT", title = "Time per Output Token (excl. 1st token)",
    tables = { report = "mean", what_if = "mean p99", compare = "mean p99", compare_at_prompt = "mean p99" } },
  { "itl", key = "latency.inter_token_latency_ms",
    doc = "between two tokens of an answer, all gaps pooled",
    source = "vllm bench serve: itl",
    unit = "ms", better = "lower", of = "tokens",
    bench = "itl", label = "ITL", title = "Inter-token Latency",
    tables = { compare = "p99", compare_at_prompt = "p99" } },
  { "e2e", key = "latency.end_to_end_latency_ms",
    doc = "from arrival to the last token, of finished requests",
    source = "vllm bench serve: e2el",
    unit = "ms", better = "lower", of = "requests",
    csv = "e2e_latency_ms", bench = "e2el", label = "E2EL", title = "End-to-end Latency",
    tables = { report = "mean", what_if = "mean", compare = "mean p99", compare_at_prompt = "mean p99" } },
  { "queue", key = "latency.queue_time_ms",
    doc = "from arrival until the request is first part of a step",
    source = "vLLM: request_queue_time_seconds",
    unit = "ms", better = "lower", of = "requests", csv = "queue_ms",
    label = "queue time", title = "Queue Time", tables = { compare = "mean", compare_at_prompt = "mean p99" } },

  { "gpus", key = "deployment.gpus",
    doc = "GPUs of the deployment when the run begins",
    better = "lower", block = "resources", label = "GPUs",
    tables = { compare = true } },
  { "gpu_busy", key = "gpu_utilization",
    doc = "share of the time in which a GPU computes, mean over all",
    unit = "%", of = "gpus", block = "resources", label = "GPU busy (%)",
    tables = { compare_at_prompt = true } },
  { "kv.peak", key = "kv_cache.peak_usage",
    doc = "most KV blocks in use at a time, as a share of all of a replica",
    unit = "%", better = "lower", block = "resources",
    label = "Peak KV cache use (%)", tables = { compare_at_prompt = true } },
  { "kv.mean", key = "kv_cache.mean_usage",
    doc = "KV blocks in use on average over time, as a share of all",
    unit = "%", better = "lower", block = "resources",
    label = "Mean KV cache use (%)" },
  { "hit_rate", key = "prefix_caching.overall_hit_rate",
    doc = "scheduled requests that found part of their prompt in the prefix cache",
    unit = "%", better = "higher", csv = "prefix_cache_event",
    block = "prefix cache", label = "Prefix cache hits (% of requests)", tables = { compare = true } },
  { "saved", key = "prefix_caching.prefill_reduction_ratio",
    doc = "prompt tokens that were not computed, for the prefix cache had them",
    unit = "%", better = "higher",
    csv = "cached_prefix_length", share_of = "prompt_tokens", block = "prefix cache",
    label = "Prompt tokens from the cache (%)", tables = { compare = true } },
  { "evictions", key = "kv_cache.evictions",
    doc = "blocks that the prefix cache gave up for others",
    better = "lower", block = "prefix cache", label = "KV blocks evicted" },
  { "acceptance", key = "spec_decode.draft_acceptance_rate",
    doc = "draft tokens that the model accepted, of those proposed",
    source = "vLLM: spec_decode metrics",
    unit = "%", better = "higher", block = "speculation",
    label = "Draft acceptance (%)" },
  { "acceptance_length", key = "spec_decode.mean_acceptance_length",
    doc = "tokens that a step of a sequence yields, the one of its own included",
    source = "vLLM: spec_decode metrics",
    unit = "tok", better = "higher",
    block = "speculation", label = "Mean acceptance length (tok)" },
  { "preemptions", key = "preemptions.count",
    doc = "times that a running request gave its KV blocks back",
    source = "vLLM: num_preemptions",
    better = "lower", csv = "preemptions", block = "work twice",
    label = "Preemptions", tables = { what_if = true, compare = true, compare_at_prompt = true } },
  { "recomputed", key = "preemptions.recomputed_tokens",
    doc = "tokens computed again after preemptions and failures",
    better = "lower", block = "work twice",
    label = "Recomputed tokens" },

  { "communication", key = "time_split.bound_by.communication",
    doc = "share of the time at work in which the links between GPUs bind",
    unit = "%", better = "lower", block = "time", label = "Bound by links" },
  { "compute_bound", key = "time_split.bound_by.compute",
    doc = "share of the time at work in which arithmetic binds",
    unit = "%", block = "time", label = "Bound by compute" },
  { "memory_bound", key = "time_split.bound_by.memory",
    doc = "share of the time at work in which memory bandwidth binds",
    unit = "%", block = "time", label = "Bound by memory bandwidth" },
  { "overhead", key = "time_split.bound_by.overhead",
    doc = "share of the time at work that goes into launches and the host",
    unit = "%", better = "lower", block = "time", label = "Bound by neither (launches, host)" },
  { "gpu_idle", key = "time_split.idle",
    doc = "share of the run in which GPUs have no step",
    unit = "%", block = "time", label = "GPU idle (% of the run)" },

  { "energy", key = "energy.kwh",
    doc = "energy of all GPUs, idle power included",
    source = "docs/costs.md, Energy",
    unit = "kWh", better = "lower", block = "price", label = "Energy (kWh)",
    tables = { compare = true } },
  { "energy_per_token", key = "energy.j_per_output_token",
    doc = "energy per token generated",
    source = "docs/costs.md, Energy",
    unit = "J", better = "lower", block = "price",
    label = "Energy per output token (J)", tables = { compare = true } },
  { "energy_per_request", key = "energy.j_per_request",
    doc = "energy per request answered",
    source = "docs/costs.md, Energy",
    unit = "J", better = "lower" },
  { "power", key = "energy.mean_watts_per_gpu",
    doc = "power of a GPU on average while it is there",
    source = "docs/costs.md, Energy",
    unit = "W", better = "lower", block = "price",
    label = "Mean power per GPU (W)" },
  { "peak_power", key = "energy.peak_watts_per_gpu",
    doc = "power of a GPU in the step that draws most",
    source = "docs/costs.md, Energy",
    unit = "W", better = "lower" },
  { "cost", key = "cost.usd",
    doc = "rent of all GPUs at list price, for the time they are there",
    source = "models/hardware, usd_per_hour",
    unit = "USD", better = "lower", block = "price", label = "Price (USD)",
    tables = { compare = true } },
  { "cost_per_million", key = "cost.usd_per_million_output_tokens",
    doc = "rent per million tokens generated",
    source = "models/hardware, usd_per_hour",
    unit = "USD", better = "lower", block = "price",
    label = "Price per million output tokens (USD)", tables = { compare = true } },
  { "replica_hours", key = "cost.replica_hours",
    doc = "hours that replicas are there: rented, also while they start, drain or have failed",
    better = "lower", block = "price", label = "Replica-hours" },
  { "duration", key = "simulation.total_duration_s",
    doc = "simulated time from the start to the end of the run",
    unit = "s", tables = { compare_at_prompt = true } },
}

local BY_SHORT, BY_KEY, LATENCIES = {}, {}, {}

for _, row in ipairs(ROWS) do
  row.short, row.path = row[1], {}
  for name in row.key:gmatch("[^.]+") do row.path[#row.path + 1] = name end
  BY_SHORT[row.short], BY_KEY[row.key] = row, row
  if row.of == "requests" or row.of == "tokens" then
    LATENCIES[#LATENCIES + 1] = row
    row.name = row.key:match("([^.]+)$")                  -- of the section of a summary
  end
end

local STATISTICS = { "mean", "std", "min", "max", "count" }

--- All metrics, in order; and the distributions among them, with `name`, what the summary calls each under `latency`.
metrics.ALL, metrics.LATENCIES = ROWS, LATENCIES

--- A metric by its short name, or nil.
function metrics.get(short)
  return BY_SHORT[short]
end

--- The key of a percentile: 99 -> "p99", 99.9 -> "p99.9".
function metrics.percentile_key(p)
  return ("p%.10g"):format(p)
end

--- The metrics of a section of the console block, in the order of its lines.
function metrics.block(section)
  local list = {}
  for _, row in ipairs(ROWS) do
    if row.block == section then
      local at = #list + 1
      for i, other in ipairs(list) do
        if other.short == row.above then at = i end
      end
      table.insert(list, at, row)
    end
  end
  return list
end

--- The names of the columns of a table, such as { "throughput", "ttft.mean", "ttft.p99" }.
-- @param name "report": what `vary` prints where a scenario has no `report`; "what_if", "compare", or
--   "compare_at_prompt"
function metrics.table(name)
  local list = {}
  for _, row in ipairs(ROWS) do
    local shown = row.tables and row.tables[name]
    if shown == true then list[#list + 1] = row.short end
    for statistic in (type(shown) == "string" and shown or ""):gmatch("%S+") do
      list[#list + 1] = row.short .. "." .. statistic
    end
  end
  return list
end

local function statistics_of(percentiles)
  local keys, is = table.move(STATISTICS, 1, #STATISTICS, 1, {}), {}
  for _, p in ipairs(percentiles) do keys[#keys + 1] = metrics.percentile_key(p) end
  for _, key in ipairs(keys) do is[key] = true end
  return keys, is
end

-- The names to offer where one is mistyped.
local function names_of(percentiles)
  local names = {}
  for _, row in ipairs(ROWS) do
    if not row.name then names[#names + 1] = row.short end
    for _, key in ipairs(row.name and statistics_of(percentiles) or {}) do
      names[#names + 1] = row.short .. "." .. key
    end
  end
  table.sort(names)
  return names
end

-- A metric and which statistic of it; nil where there is none.
local function find(name, percentiles)
  local row = BY_SHORT[name] or BY_KEY[name]
  if row and not row.name then return row end
  local _, is = statistics_of(percentiles)
  for _, latency in ipairs(LATENCIES) do                  -- a percentile may hold a dot: p99.9
    for _, head in ipairs { latency.short, latency.key } do
      local tail = name:sub(1, #head + 1) == head .. "." and name:sub(#head + 2)
      if is[tail] then return latency, tail end
    end
  end
end

--- A column by its name, such as "ttft.p99" or "latency.queue_time_ms.mean".
-- @param percentiles those that the scenario asks for
-- @return { name =, unit =, metric = its row, statistic = "p99" of a distribution }; of a tier of the KV cache, which
--   the scenario names, { name =, path = keys of a summary }; or nil and a message
function metrics.column(name, percentiles)
  local row, statistic = find(name, percentiles)
  if row then
    return { name = name, unit = statistic ~= "count" and row.unit or nil, metric = row, statistic = statistic }
  end
  local tier, what = name:match "^prefix_caching%.tiers%.([^.]+)%.(%l+)$"
  if what == "hits" or what == "evictions" then
    return { name = name, path = { "prefix_caching", "tiers", tier, what } }
  end
  local whole = BY_SHORT[name] or BY_KEY[name]
  if whole then                                           -- a distribution, of which one number is wanted
    return nil, ('"%s": which of its statistics? %s.%s expected'):format(name, name,
      table.concat(statistics_of(percentiles), (", %s."):format(name)))
  end
  local near = spelling.find(name, names_of(percentiles))
  return nil, ('"%s": unknown result; %s'):format(name, near and "did you mean " .. near .. "?"
    or "such as goodput, ttft.p99, tpot.mean, kv.peak; oracle help columns lists all")
end

--- The columns of the table that `vary` prints.
-- @param names of a scenario's `report`; nil: the usual ones
-- @return a list; or nil and a message that begins with "report"
function metrics.columns(names, percentiles)
  local columns = {}
  for i, name in ipairs(names or metrics.table "report") do
    local column, why = metrics.column(name, percentiles)
    if not column then return nil, ("report[%d]: %s"):format(i, why) end
    columns[i] = column
  end
  return columns
end

-- ---- values ----

local function mean_of(list)
  local total, n = 0, 0
  for _, key in ipairs(ordered.keys(list)) do total, n = total + list[key], n + 1 end
  return n > 0 and total / n or nil
end

local function walk(at, keys)
  for _, key in ipairs(keys) do
    if type(at) ~= "table" then return nil end
    at = at[key]
  end
  return at
end

--- The value of a column in a summary, in its unit; nil where it has none.
function metrics.value(s, column)
  if s.error then return nil end
  local row = column.metric
  if not row then return walk(s, column.path) end
  local v = walk(s, row.path)
  if row.of == "gpus" then v = mean_of(v) elseif column.statistic then v = v and v[column.statistic] end
  if v and column.unit == "%" then v = 100 * v end
  return v
end

return metrics
