--- Objectives over all requests of a run, as a scenario's `slo` lists them and `--slo` takes them:
--   ttft.p99 <= 1 s          a percentile or the mean of a metric (oracle.scenario.metrics), with a unit
--   chat: tpot.p95 <= 40 ms  of the requests of one class of the workload, a profile's name
--   goodput >= 20 req/s      any other metric; >= is a floor
-- Objectives that each request is judged by - slo.ttft, slo.tpot, slo.e2e, which goodput counts - are another thing.
local lpeg = require "lpeg"
local metrics = require "oracle.scenario.metrics"
local spelling = require "oracle.text.spelling"
local units = require "oracle.text.units"

local slo = {}

local EXAMPLE = "an objective such as ttft.p99 <= 1 s expected"

-- objective <- (class ":")? metric ("<=" / ">=" / "<" / ">") limit
local function grammar()
  local P, S, C, Ct, Cg = lpeg.P, lpeg.S, lpeg.C, lpeg.Ct, lpeg.Cg
  local blank = S " \t"^0
  local compare = P "<=" + P ">=" + P "<" + P ">"
  local function word(stop)
    return C((1 - (blank * stop))^1)
  end
  local class = Cg(word(S ":<>"), "class") * blank * ":" * blank
  return Ct(blank * class^-1 * Cg(word(S "<>"), "metric") * blank * Cg(C(compare), "compare") * blank
    * Cg(word(P(-1)), "limit") * blank * -1)
end

local OBJECTIVE = grammar()

-- The units in which a metric is shown, and what its limit is read as: dimension and how many of them one SI unit is.
local READ_AS = { ms = { "time", 1e3 }, s = { "time", 1 }, ["%"] = { "ratio", 100 }, ["req/s"] = { "req/s", 1 },
                  ["tok/s"] = { "tok/s", 1 }, USD = { "money", 1 } }

-- A limit in the metric's own unit; nil and a message.
local function limit_of(text, column)
  local as = READ_AS[column.unit]
  if not as then
    local v = tonumber(text)
    if not v then return nil, ('"%s": a number expected'):format(text) end
    return v
  end
  if as[1] == "time" and tonumber(text) then
    return nil, ('"%s": a unit expected: %s ms or %s s'):format(text, text, text)
  end
  local v, why = units.parse(text, as[1])
  if not v then return nil, why end
  return v * as[2]
end

-- The percentile that a column's name ends in, to be measured; nil: none.
local function percentile_of(metric)
  local p = tonumber(metric:match "%.p([%d.]+)$")
  return p and p > 0 and p <= 100 and p or nil
end

local function column_of(metric)
  local row = metrics.get(metric)
  if row and row.name then
    return nil, ('"%s": which of them? %s.p99, %s.mean and so on expected'):format(metric, metric, metric)
  end
  local column, why = metrics.column(metric, { percentile_of(metric) or 50 })
  if not column then return nil, why end
  if not column.metric or not column.metric.better and not column.statistic then
    return nil, ('"%s": is no objective: neither more nor less of it is better'):format(metric)
  end
  return column
end

--- Read one objective.
-- @return { text =, class = or nil, column = of metrics.column, percentile = or nil, floor = true for >=,
--   limit = in the column's unit }; or nil and a message
function slo.parse(text)
  local parts = type(text) == "string" and OBJECTIVE:match(text)
  if not parts then
    return nil, ("%s: %s"):format(type(text) == "string" and ('"%s"'):format(text) or type(text), EXAMPLE)
  end
  local metric = parts.metric
  local column, why = column_of(metric)
  if not column then return nil, why end
  local limit
  limit, why = limit_of(parts.limit, column)
  if not limit then return nil, ("%s: %s"):format(metric, why) end
  if limit ~= limit or limit <= 0 or limit == math.huge then
    return nil, ("%s: a limit above 0 expected, got %s"):format(metric, parts.limit)
  end
  local floor = parts.compare:sub(1, 1) == ">"
  if floor and column.metric.better == "lower" then
    return nil, ("%s >= %s: less of it is better; %s <= %s?"):format(metric, parts.limit, metric, parts.limit)
  elseif not floor and column.metric.better == "higher" then
    return nil, ("%s <= %s: more of it is better; %s >= %s?"):format(metric, parts.limit, metric, parts.limit)
  end
  local of = parts.class and parts.class .. ": " or ""
  return { text = ("%s%s %s %s"):format(of, metric, floor and ">=" or "<=", parts.limit), class = parts.class,
           column = column, percentile = percentile_of(metric), floor = floor, limit = limit }
end

-- Two limits of one thing that leave nothing between them.
local function contradiction(list)
  local floors, ceilings = {}, {}
  for _, o in ipairs(list) do
    local key = (o.class or "") .. ":" .. o.column.name
    local mine, other = o.floor and floors or ceilings, o.floor and ceilings or floors
    if mine[key] then return ("%s and %s: one limit of each expected"):format(mine[key].text, o.text) end
    if other[key] then return ("%s and %s: both cannot hold"):format(other[key].text, o.text) end
    mine[key] = o
  end
end

--- Read a list of objectives, as a scenario has them.
-- @return the list; or nil and a message
function slo.list(texts)
  local list = {}
  for i, text in ipairs(texts) do
    local one, why = slo.parse(text)
    if not one then return nil, why end
    list[i] = one
  end
  local why = contradiction(list)
  if why then return nil, why end
  return list
end

--- Cut what a command line has, "ttft.p99<=1s,tpot.p95<=40ms", into a list.
function slo.split(text)
  local list = {}
  for part in (text .. ","):gmatch "([^,]*)," do list[#list + 1] = part:match "^%s*(.-)%s*$" end
  return list
end

--- The percentiles of a scenario and those that objectives need besides, in order.
function slo.percentiles(list, own)
  local all, seen = {}, {}
  for _, p in ipairs(own) do all[#all + 1], seen[p] = p, true end
  for _, o in ipairs(list) do
    if o.percentile and not seen[o.percentile] then all[#all + 1], seen[o.percentile] = o.percentile, true end
  end
  if #all > #own then table.sort(all) end
  return all
end

-- The part of a summary that an objective is about: all of it, or a profile's.
local function part_of(summary, class)
  if not class then return summary end
  return summary.per_profile and summary.per_profile[class]
end

--- What a run is by an objective.
-- @return its value in the column's unit, nil where nothing was measured; and how far it is from the limit, a
--   logarithm: 0 at it, above where it is missed, math.huge where nothing was measured
function slo.judge(objective, summary)
  local part = part_of(summary, objective.class)
  local v = part and metrics.value(part, objective.column)
  if type(v) ~= "number" or v ~= v then return nil, math.huge end
  if v <= 0 then return v, objective.floor and math.huge or -math.huge end
  local miss = math.log(v / objective.limit)
  return v, objective.floor and -miss or miss
end

--- Whether a workload has the classes that objectives name.
-- @param names of its profiles, or of its generator's classes
-- @return true; or nil and a message
function slo.check(list, names)
  local has = {}
  for _, name in ipairs(#names > 1 and names or {}) do has[name] = true end
  for _, o in ipairs(list) do
    if o.class and not has[o.class] then
      local near = spelling.find(o.class, names)
      return nil, ("slo: %s: the workload has no class of that name%s"):format(o.class,
        near and "; did you mean " .. near .. "?" or #names > 1 and "; one of " .. table.concat(names, ", ")
        or "; the profiles of a mix are classes")
    end
  end
  return true
end

return slo
