--- Results for people: the console block, laid out as `vllm bench serve` prints its own,
-- so that what reads one reads the other; and the table of a run over `vary`.
local lazy = require "oracle.lazy"
local interval = lazy "oracle.result.interval"
local console = lazy "oracle.text.console"
local core = require "oracle.core"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local summary = require "oracle.result.summary"
local tables = lazy "oracle.result.tables"
local units = lazy "oracle.text.units"

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

-- A value with the half-width of its interval, in %.
local function with_interval(format, half)
  return half and ("%s ± %.0f %%%%"):format(format, half) or format
end

local function latency(lines, metric, d, half)
  lines[#lines + 1] = title(metric.title, "-")
  entry(lines, metric.label .. " values:", d.count)
  entry(lines, ("Mean %s (ms):"):format(metric.label), d.mean, with_interval("%.2f", half))
  entry(lines, ("Median %s (ms):"):format(metric.label), d.p50, "%.2f")
  for _, key in ipairs(ordered.keys(d)) do
    local p = key:match("^p([%d.]+)$")
    if p and p ~= "50" then entry(lines, ("P%s %s (ms):"):format(p, metric.label), d[key], "%.2f") end
  end
end

-- The lines of a section of the block; of what ended otherwise only what there is.
local function section(lines, s, name)
  local half = name == "rates" and s.interval and s.interval.throughput_pct
  for _, metric in ipairs(metrics.block(name)) do
    local v = metrics.value(s, metrics.column(metric.short, {}))
    if not (v == nil and metric.optional or v == 0 and name == "other ends") then
      local is_rate = metric.unit and metric.better and metric.unit:find "/s$"
      entry(lines, metric.label .. ":", v, metric.unit and with_interval("%.2f", is_rate and half or nil))
    end
  end
end

local ITEMS = { gemm = "GEMM", attention = "Attention", experts = "Experts", lm_head = "LM head",
                collective = "Collectives", exchange = "Expert exchange", overhead = "Overhead",
                transfer = "Transfer" }

-- Where the time of the GPUs went; of the operations, those there are.
local function time_split(lines, s)
  local split = s.time_split
  if not split or split.busy == 0 then return end
  lines[#lines + 1] = title("GPU Time (% of busy)", "-")
  for _, key in ipairs(ordered.keys(split)) do
    if ITEMS[key] and split[key] > 0 then entry(lines, ITEMS[key] .. ":", 100 * split[key], "%.2f") end
  end
  section(lines, s, "time")
end

local function resources(lines, s)
  lines[#lines + 1] = title("GPU and KV Cache", "-")
  section(lines, s, "resources")
  if s.scaling then
    local ready, gpus = s.scaling.ready, s.scaling.gpus
    entry(lines, "GPUs (least to most):", ("%d to %d"):format(gpus.least, gpus.most))
    entry(lines, "Replicas in service (least to most):", ("%d to %d"):format(ready.least, ready.most))
  end
  if s.failures then
    entry(lines, "Failures of replicas:", s.failures.count)
    entry(lines, "Replica-hours lost to failures:", s.failures.replica_hours, "%.4g")
  end
  if s.prefix_caching then section(lines, s, "prefix cache") end
  section(lines, s, "work twice")
  time_split(lines, s)
  if s.spec_decode then section(lines, s, "speculation") end
end

-- What it took; nothing of GPUs whose power and price are unknown.
local function price(lines, s)
  lines[#lines + 1] = title("Energy and Price", "-")
  for _, metric in ipairs(metrics.block "price") do
    local v = metrics.value(s, metrics.column(metric.short, {}))
    if v then entry(lines, metric.label .. ":", v, "%.4g") end
  end
end

-- How many values a latency has depends on what it waits for.
local function counted(s)
  local first, last = s.latency.time_to_first_token_ms.count, s.latency.end_to_end_latency_ms.count
  if s.requests.pending == 0 or first <= last then return nil end
  return ("TTFT is of all %s requests that had a first token, TPOT and E2EL only of the\n%s that finished, long ones "
    .. "in flight left out: they favour short answers"):format(units.thousands(first), units.thousands(last))
end

-- The line about a run that was asked for more than it can do.
local function overload(s)
  local t, r = s.throughput, s.requests
  if not t.saturated then return nil end
  local left = r.pending > 0 and (", %s still in flight"):format(units.thousands(r.pending)) or ""
  return ("overloaded: %.1f req/s offered, %.1f served%s"):format(t.offered_rps or 0, t.requests_per_second or 0, left)
end

-- What the intervals stand for, and why they are wide.
local function trust(s)
  local half = s.interval
  if not half then return nil end
  local why = #half.wider > 0 and ("; wider: %s"):format(table.concat(half.wider, "; ")) or ""
  return (console.wrapped("± : ", ("%.0f %% interval of fit %s on deployments it has not seen%s"):format(
    100 * half.coverage, s.deployment.fit, why), "  "):gsub("\n$", ""))
end

-- A line for each objective of all requests.
local function objectives(lines, s)
  if not s.slo then return end
  lines[#lines + 1] = title("Objectives", "-")
  for _, o in ipairs(s.slo.objectives) do
    local value = o.value and ("%.4g%s"):format(o.value, o.unit and " " .. o.unit or "") or "nothing measured"
    entry(lines, o.objective .. ":", ("%s, %s"):format(value, o.met and "met" or "missed"))
  end
end

--- The console block of one run.
function report.block(s)
  local lines = { title(" Serving Benchmark Result ", "=") }
  local tokens = summary.tokens(s)
  section(lines, s, "ends")
  section(lines, s, "other ends")
  entry(lines, "Benchmark duration (s):", s.simulation.effective_duration_s, "%.2f")
  entry(lines, "Total input tokens:", tokens.prompt)
  entry(lines, "Total generated tokens:", tokens.output)
  section(lines, s, "rates")
  for _, metric in ipairs(metrics.LATENCIES) do
    latency(lines, metric, s.latency[metric.name], s.interval and s.interval[metric.short .. "_pct"])
  end
  resources(lines, s)
  price(lines, s)
  objectives(lines, s)
  lines[#lines + 1] = ("="):rep(WIDTH)
  lines[#lines + 1] = trust(s)
  lines[#lines + 1] = counted(s)
  lines[#lines + 1] = overload(s)
  if not s.oracle.complete then
    lines[#lines + 1] = "INCOMPLETE: " .. (getmetatable(s).__paused
      and "the simulation is not over; these are its results so far"
      or "the run was interrupted; these are partial results")
  end
  return table.concat(lines, "\n") .. "\n" .. tables.text(s)
end

-- What was set, in a cell: a list or a table as JSON.
local function setting(v)
  return type(v) == "table" and core.json.encode(v) or v
end

-- The line below a table of points: how far their columns may be off.
local function trust_of_points(intervals)
  local text = interval.text(intervals)
  return text and console.wrapped("80 % intervals at most: ", text, "  ") or ""
end

local NAMED = 3                                           -- overloaded points that are named

-- The line about points that were asked for more than they can do.
-- @param list of texts, what each of them set
local function overloads(list)
  if #list == 0 then return "" end
  local shown = table.concat(list, "; ", 1, math.min(NAMED, #list))
  if #list > NAMED then shown = ("%s; and %d more"):format(shown, #list - NAMED) end
  return console.wrapped("overloaded: ", shown .. ": latencies grow with the run", "  ")
end

-- "workload.rate=40, seed=2"
local function set_text(keys, set)
  local list = {}
  for _, key in ipairs(keys) do list[#list + 1] = ("%s=%s"):format(key, tostring(setting(set[key]))) end
  return #list > 0 and table.concat(list, ", ") or "all"
end

--- The table of a run over `vary`: what was set, then the columns.
-- @param keys what the points set, in order
-- @param columns of metrics.columns
-- @param each function() -> the next point's summary or nil
function report.points(keys, columns, each)
  local heads, rows = table.move(keys, 1, #keys, 1, {}), {}
  table.move(columns, 1, #columns, #keys + 1, heads)
  local intervals, over = {}, {}
  for point in each do
    if point.throughput and point.throughput.saturated then over[#over + 1] = set_text(keys, point.set) end
    intervals[#intervals + 1] = point.interval
    local row = {}
    for c, key in ipairs(keys) do row[c] = setting(point.set[key]) end
    for c, column in ipairs(columns) do row[#keys + c] = metrics.value(point, column) end
    rows[#rows + 1] = row
  end
  return console.table(heads, rows, { keep = #keys }) .. trust_of_points(intervals) .. overloads(over)
end

--- The table of replicated points: for each combination the means over its seeds and their 95 % intervals.
-- @param keys, columns, each as of report.points; "seed" is among the keys
-- @param group function(keys, columns, each) -> other keys, groups, intervals (oracle.study.aggregate)
function report.replicated(keys, columns, each, group)
  local others, groups, intervals = group(keys, columns, each)
  local heads, rows, over = table.move(others, 1, #others, 1, {}), {}, {}
  heads[#heads + 1] = "seeds"
  table.move(columns, 1, #columns, #heads + 1, heads)
  for g, one in ipairs(groups) do
    local row = {}
    for c, key in ipairs(others) do row[c] = setting(one.set[key]) end
    row[#others + 1] = one.seeds
    if one.saturated > 0 then over[#over + 1] = set_text(others, one.set) end
    for c = 1, #columns do row[#others + 1 + c] = console.with_half(one.cells[c] or {}) end
    rows[g] = row
  end
  return console.table(heads, rows, { keep = #others, right = #others + 1 })
    .. "mean over seeds ± 95 % interval (Student's t)\n" .. trust_of_points(intervals) .. overloads(over)
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
