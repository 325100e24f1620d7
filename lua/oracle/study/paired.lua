--- The same requests through several systems or policies, paired: how far each is from the first, with a 95 % interval.
-- Replication k of every variant has seed + k - 1, so all meet the same arrivals and lengths (common random numbers)
-- and the interval is that of the differences. A recorded trace is the same under every seed; there the interval comes
-- from a block bootstrap over its requests.
local lazy = require "oracle.lazy"
local metrics = lazy "oracle.scenario.metrics"
local paired_trace = lazy "oracle.study.paired_trace"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local statistics = require "oracle.text.statistics"
local summary = require "oracle.result.summary"
local variants_of = lazy "oracle.study.variants"
local workloads = lazy "oracle.workload"

local paired = {}

local function fail(...)
  error(string.format(...), 0)
end

-- ---- what is compared ----

local function columns_of(s)
  local list = {}
  for _, name in ipairs(metrics.table "compare") do
    local column = metrics.column(name, s.percentiles)
    if column then list[#list + 1] = column end
  end
  return list
end

-- ---- running ----

local function run_one(s, variant, seed, options)
  local ok, plan = pcall(planning.plan, variants_of.scenario(s, variant, seed))
  if not ok then fail("%s: %s", variant.name, scenario.first_line(plan)) end
  local fine, raw = pcall(planning.simulate, plan, options)
  if not fine then fail("%s: %s", variant.name, scenario.first_line(raw)) end
  if not raw.complete then return nil end
  return summary.new(plan, raw)
end

local function mean_of(list)
  return #list > 0 and (statistics.interval(list)) or nil
end

-- The interval of a ratio, from the logarithms of those of the pairs: it ends above -100 %. Where a pair has none, for
-- one of it is 0, the interval is that of the differences.
local function ratio(cell, logs)
  if not cell.half or #logs < 2 or cell.pairs ~= #logs then return end
  local middle, half = statistics.interval(logs)
  cell.ratio, cell.ratio_low, cell.ratio_high = math.exp(middle) - 1, math.exp(middle - half) - 1,
    math.exp(middle + half) - 1
end

-- The difference to the first variant in every metric, from the pairs where both have a value.
local function differences(result)
  for _, row in ipairs(result.rows) do
    for v = 2, #result.variants do
      local own, base, mine, list, logs = row.values[v], row.values[1], {}, {}, {}
      for i = 1, #own do
        if own[i] then mine[#mine + 1] = own[i] end
        if own[i] and base[i] then
          list[#list + 1] = own[i] - base[i]
          if own[i] > 0 and base[i] > 0 then logs[#logs + 1] = math.log(own[i] / base[i]) end
        end
      end
      local cell = { mean = mean_of(mine) }
      if #list > 0 then cell.difference, cell.half = statistics.interval(list) end
      cell.pairs = #list
      ratio(cell, logs)
      row.cells[v] = cell
    end
    local base = {}
    for _, v in ipairs(row.values[1]) do base[#base + 1] = v or nil end
    row.base = mean_of(base)
    for v = 2, #result.variants do
      local cell = row.cells[v]
      if cell.ratio then cell.low, cell.high = row.base * cell.ratio_low, row.base * cell.ratio_high end
    end
  end
end

-- The widest interval as a share of the base value, over the metrics that have one.
local function widest(result)
  local most = 0
  for _, row in ipairs(result.rows) do
    for v = 2, #result.variants do
      local cell = row.cells[v]
      if cell.ratio then
        most = math.max(most, (cell.ratio_high - cell.ratio_low) / 2)
      elseif cell.half and row.base and row.base ~= 0 then
        most = math.max(most, cell.half / math.abs(row.base))
      end
    end
  end
  return most
end

-- How many runs of a variant were asked for more than it can do, what the last of them was asked, and what was warned
-- of.
local function note_outcome(result, v, got)
  result.overload = result.overload or {}
  local o = result.overload[v] or { runs = 0 }
  result.overload[v] = o
  if got.throughput.saturated then
    o.runs, o.offered, o.served = o.runs + 1, got.throughput.offered_rps or 0, got.throughput.requests_per_second or 0
  end
  local said = result.warnings or {}
  result.warnings = said
  for _, text in ipairs(got.oracle.warnings) do
    local line = ("%s: %s"):format(result.variants[v].name, text)
    local kind = line:gsub("%d[%d,.]*", "")                -- the same of another seed says nothing new
    if not said[kind] then said[kind], said[#said + 1] = true, line end
  end
end

local function add_replication(result, s, columns, k, options)
  local got = {}
  for v, variant in ipairs(result.variants) do
    local inner = { runs = options.runs }
    if options.progress then
      local point = (k - 1) * #result.variants + v
      inner.progress = function(share, time) options.progress(share, time, point, options.planned) end
    end
    got[v] = run_one(s, variant, s.seed + k - 1, inner)
    if not got[v] or options.stopped and options.stopped() then return false end
    result.intervals[v] = got[v].interval or false
    if options.done then options.done() end
  end
  for v = 1, #got do note_outcome(result, v, got[v]) end
  for c, column in ipairs(columns) do
    for v = 1, #got do
      local values = result.rows[c].values[v]
      values[#values + 1] = metrics.value(got[v], column) or false
    end
  end
  return true
end

local MOST_REPLICATIONS = 200

local function replicate(result, s, columns, options)
  local wanted = options.replications
  options.planned = wanted * #result.variants
  local k = 0
  while k < wanted do
    k = k + 1
    if not add_replication(result, s, columns, k, options) then
      result.interrupted = true
      k = k - 1
      break
    end
    if k == wanted and options.until_ and k < MOST_REPLICATIONS then
      differences(result)
      if k < 3 or widest(result) > options.until_ then
        wanted = math.min(MOST_REPLICATIONS, k + math.max(1, k // 2))
        options.planned = wanted * #result.variants
      end
    end
  end
  result.replications, result.seed = k, s.seed
  differences(result)
  result.width = widest(result)
end

--- Compare variants of a scenario.
-- @param s the scenario; its `vary` is passed over
-- @param variants a list of oracle.study.variants', two or more
-- @param options { replications = 5, until_ = share of the base value or nil, runs =, progress =, done = }
-- @return { variants =, rows = { { column =, base =, cells = { [v] = { mean =, difference =, half = or low =, high = }
--   } } }, method = "replications" or "bootstrap", replications =, requests =, interrupted = }
function paired.run(s, variants, options)
  if workloads.is_recorded(s.workload) then
    options.note = note_outcome
    return paired_trace.run(s, variants, options, variants_of.scenario)
  end
  local result = { variants = variants, rows = {}, intervals = {}, method = "replications" }
  local columns = columns_of(s)
  for i, column in ipairs(columns) do
    result.rows[i] = { column = column, values = {}, cells = {} }
    for v = 1, #variants do result.rows[i].values[v] = {} end
  end
  replicate(result, s, columns, options)
  return result
end

--- The comparison of runs that are there already, each of the same requests.
-- @param s the scenario of the first
-- @param names, @param summaries of the runs
-- @return as paired.run
function paired.of(s, names, summaries)
  local result = { variants = {}, rows = {}, intervals = {}, method = "replications", replications = 1, seed = s.seed }
  for i, name in ipairs(names) do
    result.variants[i], result.intervals[i] = { name = name }, summaries[i].interval or false
    note_outcome(result, i, summaries[i])
  end
  for i, column in ipairs(columns_of(s)) do
    local row = { column = column, values = {}, cells = {} }
    for v, summary_of in ipairs(summaries) do row.values[v] = { metrics.value(summary_of, column) or false } end
    result.rows[i] = row
  end
  differences(result)
  return result
end

return paired
