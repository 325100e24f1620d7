--- What results are called: the columns that a scenario's `report`, comparisons and charts name, with their units and
-- where a summary holds them.
local spelling = require "oracle.text.spelling"

local metrics = {}

--- The latencies of a summary, and their short names.
metrics.LATENCIES = { "time_to_first_token_ms", "time_per_output_token_ms", "inter_token_latency_ms",
                      "end_to_end_latency_ms", "queue_time_ms" }

local BRIEF = { "ttft", "tpot", "itl", "e2e", "queue" }

local SHORT = {
  ttft = "latency.time_to_first_token_ms", tpot = "latency.time_per_output_token_ms",
  itl = "latency.inter_token_latency_ms", e2e = "latency.end_to_end_latency_ms", queue = "latency.queue_time_ms",
  goodput = "throughput.goodput_rps", throughput = "throughput.requests_per_second",
  output_throughput = "throughput.output_tokens_per_second", total_throughput = "throughput.total_tokens_per_second",
  kv = "kv_cache", ["kv.peak"] = "kv_cache.peak_usage", ["kv.mean"] = "kv_cache.mean_usage",
  preemptions = "preemptions.count", success_rate = "requests.success_rate", requests = "requests.total",
  hit_rate = "prefix_caching.overall_hit_rate", saved = "prefix_caching.prefill_reduction_ratio",
  evictions = "kv_cache.evictions",
  successful = "requests.successful", duration = "simulation.total_duration_s", gpus = "deployment.gpus",
}

local UNITS = {
  { "_ms%.", "ms" }, { "requests_per_second$", "req/s" }, { "goodput_rps$", "req/s" },
  { "tokens_per_second$", "tok/s" }, { "_usage$", "%" }, { "success_rate$", "%" }, { "hit_rate$", "%" },
  { "_ratio$", "%" }, { "duration_s$", "s" },
  { "^gpu_busy$", "%" },
}

local FIXED = { "gpu_busy" }

local STATISTICS = { "mean", "std", "min", "max", "count" }

--- The key of a percentile: 99 -> "p99", 99.9 -> "p99.9".
function metrics.percentile_key(p)
  return ("p%.10g"):format(p)
end

-- The paths there are, and the names to offer where one is mistyped.
local function known_of(percentiles)
  local known, names = {}, { "gpu_busy" }
  for i, brief in ipairs(BRIEF) do
    local keys = table.move(STATISTICS, 1, #STATISTICS, 1, {})
    for _, p in ipairs(percentiles) do keys[#keys + 1] = metrics.percentile_key(p) end
    for _, key in ipairs(keys) do
      known[("latency.%s.%s"):format(metrics.LATENCIES[i], key)] = true
      names[#names + 1] = brief .. "." .. key
    end
  end
  for brief, full in pairs(SHORT) do                      -- the names are sorted below
    if not full:match("^latency") and brief ~= "kv" then
      known[full] = true
      names[#names + 1] = brief
    end
  end
  for _, full in ipairs(FIXED) do known[full] = true end
  table.sort(names)
  return known, names
end

--- A column by its name, such as "ttft.p99" or "latency.queue_time_ms.mean".
-- @param percentiles those that the scenario asks for
-- @return { name =, path =, unit = }; or nil and a message
function metrics.column(name, percentiles)
  local head, tail = name:match("^([^.]+)%.(.+)$")
  local path = SHORT[name] or (head and SHORT[head] and SHORT[head] .. "." .. tail) or name
  local known, names = known_of(percentiles)
  local tier = path:match "^prefix_caching%.tiers%.[^.]+%.(%l+)$"    -- the scenario names them
  if not (known[path] or tier == "hits" or tier == "evictions") then
    local near = spelling.find(name, names)
    return nil, ('"%s": unknown result; %s'):format(name, near and "did you mean " .. near .. "?"
      or "such as goodput, ttft.p99, tpot.mean, kv.peak")
  end
  local unit
  for _, u in ipairs(UNITS) do
    if path:find(u[1]) and not path:find("%.count$") then unit = u[2] end
  end
  return { name = name, path = path, unit = unit }
end

local DEFAULT = { "throughput", "output_throughput", "ttft.mean", "tpot.mean", "e2e.mean" }

--- The columns of the table that `vary` prints.
-- @param names of a scenario's `report`; nil: the usual ones
-- @return a list; or nil and a message that begins with "report"
function metrics.columns(names, percentiles)
  local columns = {}
  for i, name in ipairs(names or DEFAULT) do
    local column, why = metrics.column(name, percentiles)
    if not column then return nil, ("report[%d]: %s"):format(i, why) end
    columns[i] = column
  end
  return columns
end

return metrics
