--- What a fit knows of itself: its errors on rows that it had not seen, by metric and generation, and what no data of a
-- generation determined.
local accuracy = require "oracle.study.accuracy"
local ordered = require "oracle.text.ordered"
local quantile = require("oracle.text.statistics").quantile

local outcome = {}

local COVERAGE = 0.8

-- How far the measured is from the predicted, as a ratio above 1: what an interval about a prediction must reach.
local function half_width(errors)
  local list = {}
  for i, e in ipairs(errors) do list[i] = math.max(1 + e, 1 / (1 + e)) - 1 end
  table.sort(list)
  return 100 * quantile(list, COVERAGE)
end

-- Repeated runs of one deployment differ by 4 to 5 % in their steps and by 8 % in their first tokens; 80 % of them lie
-- within 1.28 such deviations. No interval about one's own runs is narrower, however few they are and well they fit.
local LEAST = { ttft = 10, tpot = 6, e2e = 6, throughput = 6 }

local function round(v) return math.floor(10 * v + 0.5) / 10 end

local function figures(errors, least)
  local s = accuracy.summary(errors)
  return ordered.object { { "n", s.n }, { "median", round(s.median) }, { "mean", round(s.mean) },
                          { "p80", round(s.p80) }, { "bias", round(s.bias) },
                          { "interval", round(math.max(half_width(errors), least)) } }
end

-- E2E and throughput follow from the times of steps where no row tells them.
local STANDS_FOR = { e2e = "tpot", throughput = "tpot" }

local function of_rows(errors, own)
  local list = {}
  for _, metric in ipairs(accuracy.METRICS) do
    local values = {}
    for _, e in ipairs(errors) do values[#values + 1] = e[metric] end
    if #values < 5 and STANDS_FOR[metric] then
      values = {}
      for _, e in ipairs(errors) do values[#values + 1] = e[STANDS_FOR[metric]] end
    end
    if #values > 0 then list[#list + 1] = { metric, figures(values, own and LEAST[metric] or 0) } end
  end
  return ordered.object(list)
end

local FEW = 20                                            -- rows of a generation that stand for themselves

--- Errors as a fit's file has them.
-- @param rows of oracle.study.calibrate.priced, @param errors by place: those on rows that were left out
-- @param own whether they are runs of one's own deployment
function outcome.errors(rows, errors, engine, own)
  local all, by, names = {}, {}, {}
  for i, r in ipairs(rows) do
    if r.engine == engine and errors[i] then
      all[#all + 1] = errors[i]
      local list = by[r.generation]
      if not list then
        list = {}
        by[r.generation], names[#names + 1] = list, r.generation
      end
      list[#list + 1] = errors[i]
    end
  end
  if #all == 0 then return nil end
  table.sort(names)
  local list = { { "all", of_rows(all, own) } }
  for _, g in ipairs(names) do
    if own or #by[g] >= FEW then list[#list + 1] = { g, of_rows(by[g], own) } end
  end
  return ordered.object(list)
end

--- What no data determined, as a fit's file has it.
-- @param names of parameters (oracle.study.calibrate.space) that rows say nothing about
-- @param measured generations whose kernels tables told
function outcome.unseen(names, measured)
  local by, order = {}, {}
  local function add(g, name)
    if not by[g] then
      by[g], order[#order + 1] = {}, g
    end
    table.insert(by[g], name)
  end
  for _, name in ipairs(names) do
    local g, kernel = name:match "^kernels%.([^.]+)%.(.+)$"
    if g and not measured[g] then add(g, kernel) end
    local shared = name:match "^engines%.(.+)$"
    if shared then add("all", shared) end
  end
  if #order == 0 then return nil end
  table.sort(order)
  local list = {}
  for i, g in ipairs(order) do list[i] = { g, ordered.array(by[g]) } end
  return ordered.object(list)
end

--- The most sequences at a time in the rows of an engine.
function outcome.range(rows, engine)
  local most = 0
  for _, r in ipairs(rows) do
    if r.engine == engine and not r.row.open then most = math.max(most, r.row.load or 0) end
  end
  return most > 0 and ordered.object { { "sequences", math.floor(most) } } or nil
end

return outcome
