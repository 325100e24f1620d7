--- Comparing on a recorded trace: every variant serves the trace once, and blocks of neighbouring requests are drawn
-- again and again, the same blocks for all, to see how far the difference could be by chance.
local metrics = require "oracle.scenario.metrics"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local statistics = require "oracle.text.statistics"
local summary = require "oracle.result.summary"

local paired_trace = {}

local HITS = { CONVERSATIONAL_HIT = 1, CROSS_REQUEST_HIT = 1, FULL_HIT = 1 }

-- What is compared of what requests have columns of: { name, column of the CSV, unit, a quantile or nil for the mean;
-- share_of = the column whose sum it is a share of }.
local function fields()
  local list = {}
  for _, name in ipairs(metrics.table "compare") do
    local column = metrics.column(name, { 99 })
    local m, p = column.metric, (column.statistic or ""):match("^p([%d.]+)$")
    if m.csv then
      list[#list + 1] = { name, m.csv, m.unit or "per request", p and tonumber(p) / 100, share_of = m.share_of }
    end
  end
  return list
end

local function value_of(name, field)
  if name == "prefix_cache_event" then return field ~= "" and (HITS[field] or 0) end
  return tonumber(field) or false
end

-- Columns of a CSV: { name = list of numbers, false where empty }, its rows, in order of arrival.
local function read_csv(path)
  local f = assert(io.open(path))
  local names, columns, n = {}, {}, 0
  for line in f:lines() do
    local i = 0
    if n > 0 or #names > 0 then n = n + 1 end
    for field in (line .. ","):gmatch("([^,]*),") do
      i = i + 1
      if n == 0 then
        names[i], columns[field] = field, {}
      else
        columns[names[i]][n] = value_of(names[i], field)
      end
    end
  end
  f:close()
  return columns, n
end

-- Only the requests that arrived after the warm-up have latencies that count.
local function after(columns, n, warm_up)
  local kept, left = {}, 0
  for name in pairs(columns) do kept[name] = {} end
  for i = 1, n do
    if columns.arrival_time[i] >= warm_up then
      left = left + 1
      for name, list in pairs(columns) do kept[name][left] = list[i] end
    end
  end
  return kept, left
end

local function run_one(s, variant, scenario_of, options, point, points)
  local ok, plan = pcall(planning.plan, scenario_of(s, variant, s.seed))
  if not ok then error(("%s: %s"):format(variant.name, scenario.first_line(plan)), 0) end
  local path = os.tmpname()
  local inner = { runs = options.runs, csv = path }
  if options.progress then
    inner.progress = function(share, time) options.progress(share, time, point, points) end
  end
  local fine, raw = pcall(planning.simulate, plan, inner)
  local columns, n
  if fine then columns, n = read_csv(path) end
  os.remove(path)
  if not fine then error(("%s: %s"):format(variant.name, scenario.first_line(raw)), 0) end
  if not raw.complete then return nil end
  local from, all = plan.scenario.warm_up or 0, { columns = columns, n = n }
  if from > 0 then columns, n = after(columns, n, from) end
  return { columns = columns, n = n, all = all, from = from, duration = raw.now - from, slo = plan.scenario.slo,
           summary = summary.new(plan, raw) }
end

-- ---- statistics of draws of blocks, from sums per block ----

-- The mean of the values in a draw, or their share of the sum of `of`. `blocks` are { first, last } places; false is no
-- value.
local function mean_of(values, blocks, of)
  local sums, counts = {}, {}
  for k, block in ipairs(blocks) do
    sums[k], counts[k] = 0, 0
    for i = block[1], block[2] do
      if values[i] then sums[k], counts[k] = sums[k] + values[i], counts[k] + (of and (of[i] or 0) or 1) end
    end
  end
  return function(sample)
    local sum, n = 0, 0
    for _, k in ipairs(sample) do sum, n = sum + sums[k], n + counts[k] end
    return n > 0 and sum / n or nil
  end
end

local BINS = 100

local function bin_of(edges, v)                           -- edges fall; the first that v reaches
  local low, high = 1, #edges + 1
  while low < high do
    local middle = (low + high) // 2
    if v >= edges[middle] then high = middle else low = middle + 1 end
  end
  return low
end

-- A quantile of the values in a draw, from counts of each block's values in bins over the uppermost of them: five times
-- the share above the quantile, so that a draw hardly ever needs what lies below.
local function quantile_of(values, blocks, quantile)
  local sorted = {}
  for _, v in ipairs(values) do
    if v then sorted[#sorted + 1] = v end
  end
  table.sort(sorted, function(x, y) return x > y end)
  local edges, upper = {}, math.min(#sorted, math.ceil(5 * (1 - quantile) * #sorted) + BINS)
  for j = 1, math.min(BINS, upper) do edges[j] = sorted[math.max(1, j * upper // BINS)] end
  local tops, counts = {}, {}
  for k, block in ipairs(blocks) do
    local top = {}
    for j = 1, #edges do top[j] = 0 end
    counts[k] = 0
    for i = block[1], block[2] do
      local v = values[i]
      if v then
        local j = bin_of(edges, v)
        counts[k] = counts[k] + 1
        if j <= #edges then top[j] = top[j] + 1 end
      end
    end
    tops[k] = top
  end
  return function(sample)
    local n, above = 0, 0
    for _, k in ipairs(sample) do n = n + counts[k] end
    local rank = n - math.max(1, math.ceil(quantile * n)) -- values above it
    for j = 1, #edges do
      for _, k in ipairs(sample) do above = above + tops[k][j] end
      if above > rank then return edges[j] end
    end
    return edges[#edges]
  end
end

-- The same of the whole series, exactly.
local function whole(values, n, quantile, of)
  local list, sum, count = {}, 0, 0
  for i = 1, n do
    if values[i] then
      list[#list + 1] = values[i]
      sum, count = sum + values[i], count + (of and (of[i] or 0) or 1)
    end
  end
  if count == 0 then return nil end
  if not quantile then return sum / count end
  table.sort(list)
  return list[math.max(1, math.ceil(quantile * #list))]
end

local function difference(row, v, values, base, blocks)
  local n, quantile = blocks[#blocks][2], values.quantile
  local cell = { mean = whole(values, n, quantile, values.of) }
  row.cells[v] = cell
  if not cell.mean or not row.base then return end
  cell.difference = cell.mean - row.base
  local make = quantile and quantile_of or mean_of
  local own, other = make(values, blocks, quantile or values.of), make(base, blocks, quantile or base.of)
  local positive = cell.mean > 0 and row.base > 0
  local low, high = statistics.bootstrap(#blocks, function(sample)
    local x, y = own(sample), other(sample)
    if not (x and y) then return nil end
    if positive then return x > 0 and y > 0 and math.log(x / y) or nil end
    return x - y
  end)
  cell.low, cell.high = low, high
  if positive and low then
    cell.ratio, cell.ratio_low, cell.ratio_high = cell.mean / row.base - 1, math.exp(low) - 1, math.exp(high) - 1
    cell.low, cell.high = row.base * cell.ratio_low, row.base * cell.ratio_high
  end
end

local function field_row(field, runs, n)
  local row = { column = { name = field[1], unit = field[3] }, cells = {} }
  local series, scale = {}, field[3] == "%" and 100 or 1
  for v, run in ipairs(runs) do
    series[v] = { of = run.columns[field.share_of], quantile = field[4] }
    for i = 1, n do
      local value = run.columns[field[2]][i]
      series[v][i] = value and scale * value
    end
  end
  local blocks = statistics.blocks(n) or { { 1, n } }
  row.base = whole(series[1], n, field[4], series[1].of)
  for v = 2, #runs do difference(row, v, series[v], series[1], blocks) end
  return row
end

-- Rates over equal parts of each run after its warm-up, of what ended there, whenever it arrived:
-- their mean is the rate of the whole, and parts can be drawn again.
local function rates(run, amounts)
  local parts = {}
  for i = 1, statistics.BLOCKS do parts[i] = 0 end
  local columns = run.all.columns
  local done = columns.completion_time
  for i = 1, run.all.n do
    local amount = done[i] and done[i] >= run.from and amounts(columns, i, run.slo)
    if amount then
      local part = math.min(statistics.BLOCKS, (done[i] - run.from) * statistics.BLOCKS // run.duration + 1) | 0
      parts[part] = parts[part] + amount * statistics.BLOCKS / run.duration
    end
  end
  return parts
end

local function rate_row(name, runs, amounts)
  local row = { column = metrics.column(name, {}), cells = {} }
  local base, blocks = rates(runs[1], amounts), {}
  for i = 1, statistics.BLOCKS do blocks[i] = { i, i } end
  row.base = whole(base, statistics.BLOCKS)
  for v = 2, #runs do difference(row, v, rates(runs[v], amounts), base, blocks) end
  return row
end

local RATES = { throughput = true, output_throughput = true, goodput = true }

-- What a run has one of: GPUs, price. It has no interval.
local function whole_rows(runs)
  local rows = {}
  for _, name in ipairs(metrics.table "compare") do
    local column = metrics.column(name, { 99 })
    if not column.metric.csv and not column.metric.of and not RATES[name] then
      local row = { column = column, base = metrics.value(runs[1].summary, column), cells = {} }
      for v = 2, #runs do
        local mean = metrics.value(runs[v].summary, column)
        row.cells[v] = { mean = mean, difference = mean and row.base and mean - row.base }
      end
      rows[#rows + 1] = row
    end
  end
  return rows
end

-- 1 for a request that met every objective.
local function meets_objectives(columns, i, slo)
  if not columns.ttft_ms[i] then return nil end
  for objective, limit in pairs(slo) do                   -- the order does not matter
    local value = columns[metrics.get(objective).csv][i]
    if value and value > 1000 * limit then return nil end
  end
  return 1
end

--- See oracle.study.paired.run.
function paired_trace.run(s, variants, options, scenario_of)
  local runs, result = {}, { variants = variants, rows = {}, intervals = {}, method = "bootstrap" }
  for v, variant in ipairs(variants) do
    runs[v] = run_one(s, variant, scenario_of, options, v, #variants)
    if not runs[v] or options.stopped and options.stopped() then
      result.interrupted = true
      return result
    end
    result.intervals[v] = runs[v].summary.interval or false
    if options.done then options.done() end
    options.note(result, v, runs[v].summary)
  end
  local n = runs[1].n
  result.requests = n
  result.rows[1] = rate_row("throughput", runs, function(columns, i) return columns.ttft_ms[i] and 1 end)
  result.rows[2] = rate_row("output_throughput", runs, function(columns, i)
    return columns.output_tokens[i]
  end)
  if next(runs[1].slo or {}) then result.rows[3] = rate_row("goodput", runs, meets_objectives) end
  for _, field in ipairs(fields()) do result.rows[#result.rows + 1] = field_row(field, runs, n) end
  for _, row in ipairs(whole_rows(runs)) do result.rows[#result.rows + 1] = row end
  return result
end

return paired_trace
