--- Results for people: the console block, laid out as `vllm bench serve` prints its own,
-- so that what reads one reads the other; and the table of a run over `vary`.
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local core = require "oracle.core"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local summary = require "oracle.result.summary"

local report = {}

local WIDTH = 50                                          -- of the block, as in vLLM
local LABEL = 40

local function title(text, fill)
  local bars = WIDTH - #text
  return fill:rep(bars // 2) .. text .. fill:rep(bars - bars // 2)
end

local function entry(lines, label, value, format)
  local text = value == nil and "-" or format and format:format(value) or tostring(value)
  lines[#lines + 1] = ("%-" .. LABEL .. "s %s"):format(label, text)
end

local SECTIONS = {
  { "time_to_first_token_ms", "TTFT", "Time to First Token" },
  { "time_per_output_token_ms", "TPOT", "Time per Output Token (excl. 1st token)" },
  { "inter_token_latency_ms", "ITL", "Inter-token Latency" },
  { "end_to_end_latency_ms", "E2EL", "End-to-end Latency" },
  { "queue_time_ms", "queue time", "Queue Time" },
}

local function latency(lines, d, short, heading)
  lines[#lines + 1] = title(heading, "-")
  entry(lines, ("Mean %s (ms):"):format(short), d.mean, "%.2f")
  entry(lines, ("Median %s (ms):"):format(short), d.p50, "%.2f")
  for _, key in ipairs(ordered.keys(d)) do
    local p = key:match("^p([%d.]+)$")
    if p and p ~= "50" then entry(lines, ("P%s %s (ms):"):format(p, short), d[key], "%.2f") end
  end
end

local function counts(lines, r)
  entry(lines, "Successful requests:", r.successful)
  entry(lines, "Failed requests:", r.failed)
  for _, rest in ipairs { { "rejected", "Rejected requests:" }, { "timed_out", "Timed out requests:" },
                          { "cancelled", "Cancelled requests:" }, { "pending", "Pending requests:" } } do
    if r[rest[1]] ~= 0 then entry(lines, rest[2], r[rest[1]]) end
  end
end

local function mean_busy(s)
  return summary.value(s, { path = "gpu_busy" })
end

local function resources(lines, s)
  lines[#lines + 1] = title("GPU and KV Cache", "-")
  entry(lines, "GPUs:", s.deployment.gpus)
  entry(lines, "GPU busy (%):", mean_busy(s), "%.2f")
  entry(lines, "Peak KV cache use (%):", 100 * s.kv_cache.peak_usage, "%.2f")
  entry(lines, "Mean KV cache use (%):", 100 * s.kv_cache.mean_usage, "%.2f")
  local prefix = s.prefix_caching
  if prefix and prefix.total_tokens_saved > 0 then
    entry(lines, "Prefix cache hits (% of requests):", 100 * prefix.overall_hit_rate, "%.2f")
    entry(lines, "Prompt tokens from the cache (%):", 100 * prefix.prefill_reduction_ratio, "%.2f")
    entry(lines, "KV blocks evicted:", s.kv_cache.evictions)
  end
  entry(lines, "Preemptions:", s.preemptions.count)
  entry(lines, "Recomputed tokens:", s.preemptions.recomputed_tokens)
end

--- The console block of one run.
function report.block(s)
  local lines = { title(" Serving Benchmark Result ", "=") }
  local tokens, t = summary.tokens(s), s.throughput
  counts(lines, s.requests)
  entry(lines, "Benchmark duration (s):", s.simulation.effective_duration_s, "%.2f")
  entry(lines, "Total input tokens:", tokens.prompt)
  entry(lines, "Total generated tokens:", tokens.output)
  entry(lines, "Request throughput (req/s):", t.requests_per_second, "%.2f")
  if t.goodput_rps then entry(lines, "Request goodput (req/s):", t.goodput_rps, "%.2f") end
  entry(lines, "Output token throughput (tok/s):", t.output_tokens_per_second, "%.2f")
  entry(lines, "Total token throughput (tok/s):", t.total_tokens_per_second, "%.2f")
  for _, section in ipairs(SECTIONS) do
    latency(lines, s.latency[section[1]], section[2], section[3])
  end
  resources(lines, s)
  lines[#lines + 1] = ("="):rep(WIDTH)
  if not s.oracle.complete then
    lines[#lines + 1] = "INCOMPLETE: " .. (getmetatable(s).__paused
      and "the simulation is not over; these are its results so far"
      or "the run was interrupted; these are partial results")
  end
  return table.concat(lines, "\n") .. "\n"
end

-- What was set, in a cell: a list or a table as JSON.
local function setting(v)
  return type(v) == "table" and core.json.encode(v) or v
end

--- The table of a run over `vary`: what was set, then the columns.
-- @param keys what the points set, in order
-- @param columns of metrics.columns
-- @param each function() -> the next point's summary or nil
function report.points(keys, columns, each)
  local heads, rows = table.move(keys, 1, #keys, 1, {}), {}
  table.move(columns, 1, #columns, #keys + 1, heads)
  for point in each do
    local row = {}
    for c, key in ipairs(keys) do row[c] = setting(point.set[key]) end
    for c, column in ipairs(columns) do row[#keys + c] = summary.value(point, column) end
    rows[#rows + 1] = row
  end
  return console.table(heads, rows)
end

--- The same of summaries that are all there.
-- @param points a list of summaries with `set`
-- @param names of columns; nil: the usual ones
function report.points_of(points, names)
  local i = 0
  local function each()
    i = i + 1
    return points[i]
  end
  return report.points(ordered.keys(points[1].set), assert(metrics.columns(names, { 50, 90, 95, 99 })), each)
end

return report
