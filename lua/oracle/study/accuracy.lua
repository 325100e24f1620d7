--- Predictions beside measurements: errors by metric, over all rows and by what they have in common.
local latency_unit = require "oracle.text.latency_unit"
local ordered = require "oracle.text.ordered"
local quantile = require("oracle.text.statistics").quantile

local accuracy = {}

accuracy.METRICS = { "ttft", "tpot", "e2e", "throughput" }

--- What rows are put together by: name, and what tells a row's group.
accuracy.GROUPS = {
  { "model", function(r) return r.model end }, { "gpu", function(r) return r.gpu end },
  { "engine", function(r) return r.engine end }, { "precision", function(r) return r.format end },
  { "parallelism", function(r) return r.layout end }, { "load", function(r) return accuracy.load_of(r) end },
}

local LOADS = { { 8, "1-8 in flight" }, { 32, "9-32 in flight" }, { 128, "33-128 in flight" } }

--- The load of a row in a word: requests in flight of a closed loop, else how they arrive.
function accuracy.load_of(row)
  if row.arrival and row.arrival ~= "closed concurrency" then return row.arrival end
  for _, l in ipairs(LOADS) do
    if row.load <= l[1] then return l[2] end
  end
  return "more in flight"
end

-- ---- statistics ----

--- What a list of relative errors comes to, in percent: absolute ones, but for `bias`, which is their mean with sign.
-- @return { n =, mean =, median =, p80 =, p90 =, bias = }; { n = 0 } of none
function accuracy.summary(errors)
  local absolute, sum, bias = {}, 0, 0
  for i, e in ipairs(errors) do
    absolute[i] = math.abs(e)
    sum, bias = sum + absolute[i], bias + e
  end
  local n = #absolute
  if n == 0 then return ordered.object { { "n", 0 } } end
  table.sort(absolute)
  return ordered.object {
    { "n", n }, { "mean", 100 * sum / n }, { "median", 100 * quantile(absolute, 0.5) },
    { "p80", 100 * quantile(absolute, 0.8) }, { "p90", 100 * quantile(absolute, 0.9) }, { "bias", 100 * bias / n },
  }
end

-- ---- errors of a row ----

local function predicted_of(row, p, metric)
  if metric == "throughput" then return p.throughput end
  local statistic = type(row.statistic) == "table" and row.statistic[metric] or row.statistic
  return p[metric] and p[metric][type(statistic) == "string" and statistic or "mean"]
end

--- Compare a row with its prediction.
-- @param row of oracle.formats.measured's tables, @param p of oracle.study.prediction
-- @return { metric = { measured =, predicted =, error = relative } }
function accuracy.compare(row, p)
  local out = {}
  for _, metric in ipairs(accuracy.METRICS) do
    local actual, predicted = row.measured[metric], predicted_of(row, p, metric)
    if actual and predicted and actual > 0 then
      out[metric] = { measured = actual, predicted = predicted, error = predicted / actual - 1 }
    end
  end
  return out
end

local MARGIN = 0.97                                       -- of what no kernel can undercut

--- Whether what was measured cannot have been, as the row says it: why, or nil.
function accuracy.impossible(row, p)
  local tpot = row.measured.tpot
  if tpot and p.least_tpot and tpot < MARGIN * p.least_tpot then
    return ("TPOT %.3g ms; reading and computing take %.3g ms at the data sheet's rates"):format(tpot, p.least_tpot)
  end
end

--- The unit that a table's latencies seem to be in, by the middle of predicted over measured: "s", "us"; nil: ms.
function accuracy.unit_of(compared)
  local ratios = {}
  for _, c in ipairs(compared) do
    local one = c.tpot or c.e2e or c.ttft
    if one and one.predicted > 0 then ratios[#ratios + 1] = one.predicted / one.measured end
  end
  return latency_unit.of(ratios)
end

-- ---- tables ----

local function by_metric(entries)
  local list = {}
  for i, metric in ipairs(accuracy.METRICS) do
    local errors = {}
    for _, e in ipairs(entries) do
      if e.compared[metric] then errors[#errors + 1] = e.compared[metric].error end
    end
    list[i] = { metric, accuracy.summary(errors) }
  end
  return ordered.object(list)
end

local function grouped(entries, tell)
  local found, keys = {}, {}
  for _, e in ipairs(entries) do
    local key = tostring(tell(e.row))
    if not found[key] then
      found[key] = {}
      keys[#keys + 1] = key
    end
    table.insert(found[key], e)
  end
  table.sort(keys)
  local list = {}
  for i, key in ipairs(keys) do list[i] = { key, by_metric(found[key]) } end
  return ordered.object(list)
end

-- How many of the rows that carry an interval lie in it.
local function coverage(entries)
  local list = {}
  for i, metric in ipairs(accuracy.METRICS) do
    local n, inside = 0, 0
    for _, e in ipairs(entries) do
      local c, half = e.compared[metric], e.predicted.interval and e.predicted.interval[metric .. "_pct"]
      if c and type(half) == "number" then            -- null, where it is not known
        n = n + 1
        -- The interval is about the prediction: half-widths as a share of it, upwards and downwards alike by ratio.
        local ratio = math.max(c.measured / c.predicted, c.predicted / c.measured)
        if ratio <= 1 + half / 100 then inside = inside + 1 end
      end
    end
    list[i] = { metric, n > 0 and 100 * inside / n or nil }
  end
  return ordered.object(list)
end

local function score(e)
  local worst = 0
  for _, metric in ipairs { "tpot", "e2e", "throughput" } do
    local c = e.compared[metric]
    if c then worst = math.max(worst, math.abs(math.log(c.predicted / c.measured))) end
  end
  return worst
end

--- What most of a row's steps go to: "experts 43 %"; nil where nothing tells.
function accuracy.dominating(split)
  local item, share = nil, 0
  for _, name in ipairs(split and ordered.keys(split) or {}) do
    if split[name] > share then item, share = name, split[name] end
  end
  return item and ("%s %.0f %%"):format(item, 100 * share) or nil
end

local function worst_of(entries, most)
  local list = table.move(entries, 1, #entries, 1, {})
  table.sort(list, function(a, b)
    local x, y = score(a), score(b)
    if x ~= y then return x > y end
    return a.row.id < b.row.id
  end)
  local out = {}
  for i = 1, math.min(most, #list) do
    local e = list[i]
    local pairs_list = { { "id", e.row.id }, { "dominated_by", accuracy.dominating(e.predicted.split) } }
    for _, metric in ipairs(accuracy.METRICS) do
      local c = e.compared[metric]
      if c then
        pairs_list[#pairs_list + 1] = { metric, ordered.object {
          { "measured", c.measured }, { "predicted", c.predicted }, { "error_pct", 100 * c.error } } }
      end
    end
    out[i] = ordered.object(pairs_list)
  end
  return ordered.array(out)
end

-- Reasons, how many rows each, and some of them by name.
local function reasons(list)
  local found, keys = {}, {}
  for _, one in ipairs(list) do
    local f = found[one[2]]
    if not f then
      f = { n = 0, rows = {} }
      found[one[2]], keys[#keys + 1] = f, one[2]
    end
    f.n = f.n + 1
    f.rows[#f.rows + 1] = one[1]
  end
  table.sort(keys, function(a, b)
    if found[a].n ~= found[b].n then return found[a].n > found[b].n end
    return a < b
  end)
  local out = {}
  for i, key in ipairs(keys) do
    out[i] = ordered.object { { "why", key }, { "n", found[key].n }, { "rows", ordered.array(found[key].rows) } }
  end
  return ordered.array(out)
end

local WORST = 10

--- All of it.
-- @param rows of a table of measurements, @param predictions of oracle.study.prediction, by place
-- @param skipped { { id, why }, ... }
-- @return an ordered object: rows, overall, groups, apart, physics, skipped, failed, coverage, worst; and the entries
function accuracy.table(rows, predictions, skipped)
  local kept, apart, odd, failed, entries = {}, {}, {}, {}, {}
  for i, row in ipairs(rows) do
    local p = predictions[i] or { error = "interrupted" }
    if p.error then
      failed[#failed + 1] = { row.id, p.error }
    else
      local e = { row = row, predicted = p, compared = accuracy.compare(row, p) }
      e.apart = row.apart or accuracy.impossible(row, p) and "breaks physics"
      entries[#entries + 1] = e
      if row.apart then
        apart[row.apart] = apart[row.apart] or {}
        table.insert(apart[row.apart], e)
      elseif e.apart then
        odd[#odd + 1] = { row.id, accuracy.impossible(row, p) }
      else
        kept[#kept + 1] = e
      end
    end
  end
  local groups, aside = {}, {}
  for i, g in ipairs(accuracy.GROUPS) do groups[i] = { g[1], grouped(kept, g[2]) } end
  for i, key in ipairs(ordered.keys(apart)) do aside[i] = { key, by_metric(apart[key]) } end
  local names = {}
  for i, one in ipairs(odd) do names[i] = ordered.object { { "id", one[1] }, { "why", one[2] } } end
  return ordered.object {
    { "rows", #kept }, { "overall", by_metric(kept) }, { "groups", ordered.object(groups) },
    { "apart", ordered.object(aside) },
    { "physics", ordered.object { { "n", #odd }, { "rows", ordered.array(names) } } },
    { "skipped", reasons(skipped) }, { "failed", reasons(failed) }, { "coverage_pct", coverage(kept) },
    { "worst", worst_of(kept, WORST) },
  }, entries
end

return accuracy
