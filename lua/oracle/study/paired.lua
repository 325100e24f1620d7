--- The same requests through several systems or policies, paired: how far each is from the first, with a 95 % interval.
-- Replication k of every variant has seed + k - 1, so all meet the same arrivals and lengths (common random numbers)
-- and the interval is that of the differences. A recorded trace is the same under every seed; there the interval comes
-- from a block bootstrap over its requests.
local interval = require "oracle.result.interval"
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local literal = lazy "oracle.scenario.literal"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local paired_trace = lazy "oracle.study.paired_trace"
local paths = lazy "oracle.text.paths"
local planning = require "oracle.plan"
local policies = lazy "oracle.policy"
local sandbox = lazy "oracle.policy.sandbox"
local scenario = require "oracle.scenario"
local spelling = lazy "oracle.text.spelling"
local statistics = require "oracle.text.statistics"
local summary = require "oracle.result.summary"
local systems = lazy "oracle.system"
local cost_model = lazy "oracle.cost_model"
local workloads = lazy "oracle.workload"

local paired = {}

local function fail(...)
  error(string.format(...), 0)
end

-- ---- variants ----

-- Which key a policy, a system or a cost model of a file belongs to.
local function key_of_file(path)
  local given = cost_model.given()
  for name, module in pairs(systems.modules()) do given.modules[name] = module end
  local made, why = sandbox.load(path, given)
  if made == nil and why then fail("%s", scenario.first_line(why)) end
  if systems.is(made) then return "engine.system" end
  if not policies.is(made) and cost_model.is_own(made) then return "cost" end
  local kind = policies.is(made) and policies.kind(made.kind)
  if not kind then fail("%s: returns no policy", path) end
  return kind.key
end

-- A policy's name, folded, and which key it belongs to; else nil, and the names there are are added to `names`.
local function find_policy(word, names)
  local folded = word:lower():gsub("[-%s]", "_")
  for _, k in ipairs(policies.KINDS) do
    for _, name in ipairs(policies.names(k.kind)) do
      if name == folded then return name, k.key end
      names[#names + 1] = name
    end
  end
end

-- { "name or path", parameter = value }, a policy with parameters.
local function with_parameters(word)
  local value = literal.literal(word)
  local first = type(value) == "table" and value[1]
  if type(first) ~= "string" then
    fail('%s: { "name or file of a policy", parameter = value } expected', word)
  end
  if first:match("%.lua$") then return { name = word, key = key_of_file(first), value = value } end
  local names = {}
  local found, key = find_policy(first, names)
  if found then return { name = word, key = key, value = value } end
  local near = spelling.find(first, names)
  fail('%s: "%s": unknown policy%s', word, first, near and "; did you mean " .. near .. "?" or "")
end

--- What a word of `oracle compare` stands for: a serving system, a policy by name or file, { "policy", parameter =
-- value }, or KEY=VALUE.
-- @return { name =, key =, value or text = }; raises "word: what was expected"
function paired.variant(word)
  local is_file = word:match("%.lua$") and paths.exists(word)
  if not is_file and word:match("^%s*{") then return with_parameters(word) end
  local key, text = literal.split(word)
  if key and not is_file then return { name = word, key = key, text = text } end
  if word:match("%.lua$") then
    return { name = word:match("([^/]*)%.lua$"), path = word, key = key_of_file(word), value = word }
  end
  if systems.find(word) then return { name = word, key = "engine.system", value = systems.find(word) } end
  local names = systems.names()
  local found, of = find_policy(word, names)
  if found then return { name = word, key = of, value = found } end
  local near = spelling.find(word, names)
  fail('"%s": a system, a policy, a policy file or KEY=VALUE expected%s', word,
    near and "; did you mean " .. near .. "?" or "")
end

local function counts(variants)
  local n = {}
  for _, v in ipairs(variants) do n[v.name] = (n[v.name] or 0) + 1 end
  return n
end

--- Variants whose names tell them apart: files of one name by their paths, the rest by numbers.
-- @return the list
function paired.named(variants)
  local n = counts(variants)
  for _, v in ipairs(variants) do
    if n[v.name] > 1 and v.path then v.name = v.path end
  end
  n = counts(variants)
  local seen = {}
  for _, v in ipairs(variants) do
    local name = v.name
    seen[name] = (seen[name] or 0) + 1
    if n[name] > 1 then v.name = ("%s (%d)"):format(name, seen[name]) end
  end
  return variants
end

local function scenario_of(s, variant, seed)
  local one = s:copy()
  one.vary, one.report = nil, nil
  if variant.text then
    local ok, why = literal.apply(one, variant.key, variant.text)
    if not ok then fail("%s: %s", variant.name, why) end
  else
    one:set(variant.key, variant.value, true)
  end
  one.seed = seed
  return one
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
  local ok, plan = pcall(planning.plan, scenario_of(s, variant, seed))
  if not ok then fail("%s: %s", variant.name, scenario.first_line(plan)) end
  local fine, raw = pcall(planning.simulate, plan, options)
  if not fine then fail("%s: %s", variant.name, scenario.first_line(raw)) end
  if not raw.complete then return nil end
  return summary.new(plan, raw)
end

local function mean_of(list)
  return #list > 0 and (statistics.interval(list)) or nil
end

-- The difference to the first variant in every metric, from the pairs where both have a value.
local function differences(result)
  for _, row in ipairs(result.rows) do
    for v = 2, #result.variants do
      local own, base, mine, list = row.values[v], row.values[1], {}, {}
      for i = 1, #own do
        if own[i] then mine[#mine + 1] = own[i] end
        if own[i] and base[i] then list[#list + 1] = own[i] - base[i] end
      end
      local cell = { mean = mean_of(mine) }
      if #list > 0 then cell.difference, cell.half = statistics.interval(list) end
      row.cells[v] = cell
    end
    local base = {}
    for _, v in ipairs(row.values[1]) do base[#base + 1] = v or nil end
    row.base = mean_of(base)
  end
end

-- The widest interval as a share of the base value, over the metrics that have one.
local function widest(result)
  local most = 0
  for _, row in ipairs(result.rows) do
    for v = 2, #result.variants do
      local half = row.cells[v].half
      if half and row.base and row.base ~= 0 then most = math.max(most, half / math.abs(row.base)) end
    end
  end
  return most
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
-- @param variants a list of paired.variant's, two or more
-- @param options { replications = 5, until_ = share of the base value or nil, runs =, progress =, done = }
-- @return { variants =, rows = { { column =, base =, cells = { [v] = { mean =, difference =, half = or low =, high = }
--   } } }, method = "replications" or "bootstrap", replications =, requests =, interrupted = }
function paired.run(s, variants, options)
  if workloads.is_recorded(s.workload) then return paired_trace.run(s, variants, options, scenario_of) end
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
  end
  for i, column in ipairs(columns_of(s)) do
    local row = { column = column, values = {}, cells = {} }
    for v, summary_of in ipairs(summaries) do row.values[v] = { metrics.value(summary_of, column) or false } end
    result.rows[i] = row
  end
  differences(result)
  return result
end

-- ---- showing ----

-- Two values that a simulation makes equal may differ in the last bits of a mean.
local function no_difference(cell, base)
  if not cell.difference then return nil end
  if math.abs(cell.difference) <= 1e-12 * math.abs(base or 0) then return true end
  local low, high = cell.low, cell.high
  if cell.half then low, high = cell.difference - cell.half, cell.difference + cell.half end
  return low ~= nil and low <= 0 and high >= 0
end

paired.no_difference = no_difference

local function shown(v)
  if v == nil then return "-" end
  local size = math.abs(v)
  if size == 0 then return "0" end
  return (size >= 1000 and "%.0f" or size >= 100 and "%.1f" or size >= 1 and "%.2f" or "%.4f"):format(v)
end

-- Per cent with a digit after the point, or as many as its own size needs to be seen.
local function digits(half)
  half = math.abs(half)
  if half >= 0.05 or half == 0 then return 1 end
  return math.min(4, math.ceil(-math.log(half, 10)))
end

local function describe(cell, base)
  if not cell.difference then return shown(cell.mean) end
  local text = shown(cell.mean)
  if no_difference(cell, base) then return text .. "  no difference" end
  if not base or base == 0 then
    return ("%s  %+.3g"):format(text, cell.difference)
  end
  local percent = 100 / math.abs(base)
  if cell.half then
    local n = digits(percent * cell.half)
    return ("%s  %+.*f ± %.*f %%"):gsub("%*", n):format(text, percent * cell.difference, percent * cell.half)
  end
  if cell.low then
    return ("%s  %+.1f %% (%+.1f to %+.1f)"):format(text, percent * cell.difference, percent * cell.low,
      percent * cell.high)
  end
  return ("%s  %+.1f %%"):format(text, percent * cell.difference)
end

local function headline(result)
  if result.method == "bootstrap" then
    if not result.requests then return "Interrupted before there was anything to compare" end
    return ("The same %d recorded requests through each; difference to %s with its 95 %% interval from a block "
      .. "bootstrap (%d blocks)"):format(result.requests, result.variants[1].name, statistics.BLOCKS)
  end
  if result.replications == 0 then return "Interrupted before there was anything to compare" end
  if result.replications == 1 then
    return ("The same requests through each, 1 replication (seed %d); difference to %s, without an interval"):format(
      result.seed, result.variants[1].name)
  end
  return ("The same requests through each, %d replications (seeds %d to %d); difference to %s with its 95 %% "
    .. "confidence interval (Student's t, paired)"):format(result.replications, result.seed,
      result.seed + result.replications - 1, result.variants[1].name)
end

-- How far each variant's own values may be off.
local function trust(result)
  local lines = {}
  for v, variant in ipairs(result.variants) do
    local text = interval.text { result.intervals[v] or nil }
    if text then lines[#lines + 1] = ("80 %% intervals of %s's values: %s\n"):format(variant.name, text) end
  end
  return table.concat(lines)
end

--- The comparison as one table for people.
function paired.text(result)
  local heads, rows = { "", "unit", result.variants[1].name }, {}
  for v = 2, #result.variants do heads[#heads + 1] = result.variants[v].name end
  for _, row in ipairs(result.rows) do
    if row.base ~= nil then
      local line = { row.column.name, row.column.unit or "", shown(row.base) }
      for v = 2, #result.variants do line[#line + 1] = describe(row.cells[v], row.base) end
      rows[#rows + 1] = line
    end
  end
  if #rows == 0 then return headline(result) .. "\n" end
  return headline(result) .. "\n" .. console.table(heads, rows) .. trust(result)
end

-- By variant; nil: none has any.
local function intervals_of(result)
  local list = {}
  for v, variant in ipairs(result.variants) do
    if result.intervals[v] then list[#list + 1] = { variant.name, result.intervals[v] } end
  end
  return list[1] and ordered.object(list)
end

--- The comparison as an object for JSON.
function paired.object(result)
  local rows = {}
  for _, row in ipairs(result.rows) do
    local cells = {}
    for v = 2, #result.variants do
      local c = row.cells[v]
      cells[#cells + 1] = ordered.object {
        { "variant", result.variants[v].name }, { "mean", c.mean }, { "difference", c.difference },
        { "low", c.low or c.half and c.difference - c.half }, { "high", c.high or c.half and c.difference + c.half },
        { "no_difference", no_difference(c, row.base) },
      }
    end
    rows[#rows + 1] = ordered.object {
      { "metric", row.column.name }, { "unit", row.column.unit }, { "base", row.base },
      { "variants", ordered.array(cells) },
    }
  end
  return ordered.object {
    { "method", result.method }, { "base", result.variants[1].name }, { "replications", result.replications },
    { "requests", result.requests }, { "metrics", ordered.array(rows) }, { "intervals", intervals_of(result) },
  }
end

return paired
