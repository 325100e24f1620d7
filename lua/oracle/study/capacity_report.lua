--- What a search for capacity found, as a table for people and as an object for JSON.
local console = require "oracle.text.console"
local ordered = require "oracle.text.ordered"
local units = require "oracle.text.units"

local report = {}

-- What the columns of judged values are called: { text =, name =, unit = }, goodput's share last.
local function judged(work)
  local list = {}
  for i, o in ipairs(work.objectives) do
    list[i] = { text = o.text, limit = o.limit, name = (o.class and o.class .. ": " or "") .. o.column.name,
      unit = o.column.unit }
  end
  if work.goodput then
    list[#list + 1] = { text = ("goodput >= %g %%"):format(100 * work.goodput), limit = 100 * work.goodput,
      name = "goodput", unit = "%" }
  end
  return list
end

local function mean_of(point, key)
  local sum = 0
  for _, run in ipairs(point.runs) do
    if not run[key] then return nil end
    sum = sum + run[key]
  end
  return sum / #point.runs
end

local function named(x, unit)
  if unit == "x" then return ("%.4g times the load as it is"):format(x) end
  local text = math.tointeger(x) and units.thousands(x) or ("%.4g"):format(x)
  if x == 1 then unit = unit:gsub("s$", "") end
  return unit ~= "" and text .. " " .. unit or text
end

local NEAR = 0.2                                          -- an objective that is missed by more beyond gave way at once

-- Which objective ends the loads that are met: the one that is at its limit there, or that the next load misses.
local function binding(found)
  local at, of = found.at, nil
  for i, point in ipairs(found.points) do
    if point == at then of = found.points[i + (found.work.falling and -1 or 1)] end
  end
  if not found.work.load.whole and not found.work.load.fixed then of = at end
  if not of then return nil end
  if of.saturated or of == at and of.miss < -NEAR then return "saturation" end
  return judged(found.work)[of.worst].text
end

--- Where a curve bends: of the loads that are served, the one at which the objective that binds is furthest below the
-- straight line from the first to the last (Satopaa and others, "Finding a Kneedle in a Haystack", ICDCSW 2011).
-- @return the load, its value and what is measured; nil where fewer than four loads say it
function report.knee(found)
  if not found.at or found.work.falling then return nil end
  local list, v = {}, found.at.worst
  for _, point in ipairs(found.points) do
    local y = not point.saturated and point.values[v].mean
    if y then list[#list + 1] = { x = point.x, y = y } end
  end
  local first, last = list[1], list[#list]
  if #list < 4 or last.y <= first.y then return nil end
  local best, far
  for _, p in ipairs(list) do
    local below = (p.x - first.x) / (last.x - first.x) - (p.y - first.y) / (last.y - first.y)
    if not far or below > far then best, far = p, below end
  end
  if best == first or best == last then return nil end
  return best.x, best.y, judged(found.work)[v]
end

local function knee_text(found)
  local x, y, of = report.knee(found)
  if not x then return "" end
  return ("the knee: about %s, where %s is %s%s; beyond it that grows faster than the load\n"):format(
    named(x, found.work.load.unit), of.name, console.number(y), of.unit and " " .. of.unit or "")
end

-- What stands in place of an answer where there is none.
local function without(found)
  local point, work = found.beyond, found.work
  local load = named(point.x, work.load.unit)
  if point.met then
    return ("every load up to %s meets the objectives"):format(load)
  end
  if point.runs[1].refused then return "no load meets the objectives: " .. point.runs[1].refused end
  local missed = {}
  for i, column in ipairs(judged(work)) do
    local v = point.values[i]
    missed[#missed + 1] = ("%s is %s%s"):format(column.name, v.mean and console.number(v.mean) or "not measured",
      column.unit and v.mean and " " .. column.unit or "")
  end
  return ("no load meets the objectives: at %s %s%s (%s)"):format(load, point.saturated and "it is overloaded, " or "",
    table.concat(missed, ", "), judged(work)[point.worst].text)
end

--- The answer in a line.
-- @return the line, and whether there is an answer
function report.answer(found)
  local work = found.work
  if not found.at then return "capacity: " .. without(found), false end
  local what = work.falling and "fewest replicas: " or "capacity: "
  local half = found.half and (" ± %.2g (95 %%)"):format(found.half) or ""
  local by = binding(found)
  return ("%s%s%s%s"):format(what, named(found.x, work.load.unit), half, by and "; the limit is " .. by or ""), true
end

--- The answer and the loads that were tried.
function report.text(found)
  local work = found.work
  local heads = { { name = work.load.unit == "" and work.load.key or work.load.unit } }
  if work.load.unit == "x" or work.falling then heads[#heads + 1] = { name = "offered", unit = "req/s" } end
  heads[#heads + 1] = { name = "served", unit = "req/s" }
  heads[#heads + 1] = "requests"
  local columns = judged(work)
  for _, column in ipairs(columns) do heads[#heads + 1] = column end
  heads[#heads + 1] = ""
  local rows = {}
  for i, point in ipairs(found.points) do
    local row = { work.load.whole and point.x or ("%.4g"):format(point.x) }
    if work.load.unit == "x" or work.falling then row[#row + 1] = mean_of(point, "offered_rps") or "-" end
    row[#row + 1] = mean_of(point, "requests_per_second") or "-"
    row[#row + 1] = point.runs[1].requests
    for v = 1, #columns do row[#row + 1] = console.with_half(point.values[v]) end
    row[#row + 1] = point == found.at and "<-" or point.saturated and "overloaded" or point.met and "met" or "missed"
    rows[i] = row
  end
  local runs = found.points[1] and #found.points[1].runs or 0
  local of = runs > 1 and ("each with seeds %d to %d"):format(work.first_seed, work.first_seed + runs - 1)
    or "of recorded requests, which are the same for each seed"
  local answer = report.answer(found)
  local told = ("%s\n%s%d loads of %s, %s\n"):format(answer, knee_text(found), #rows, work.load.key, of)
  return console.narrow(told) .. "\n" .. console.table(heads, rows)
end

local function objects_of(found, point)
  local list = {}
  for i, column in ipairs(judged(found.work)) do
    local v = point.values[i]
    list[i] = ordered.object { { "objective", column.text }, { "value", v.mean }, { "half_width", v.half },
      { "limit", column.limit },
                               { "unit", column.unit } }
  end
  return ordered.array(list)
end

local function point_object(found, point)
  return ordered.object {
    { "load", point.x }, { "met", point.met }, { "saturated", point.saturated }, { "seeds", #point.runs },
    { "requests", point.runs[1].requests }, { "offered_rps", mean_of(point, "offered_rps") },
    { "requests_per_second", mean_of(point, "requests_per_second") },
    { "output_tokens_per_second", mean_of(point, "output_tokens_per_second") },
    { "gpus", mean_of(point, "gpus") },
    { "usd_per_million_output_tokens", mean_of(point, "usd_per_million_output_tokens") },
    { "objectives", objects_of(found, point) },
  }
end

--- The same for JSON.
function report.object(found)
  local work, curve = found.work, {}
  for i, point in ipairs(found.points) do curve[i] = point_object(found, point) end
  local names = {}
  for i, column in ipairs(judged(work)) do names[i] = column.text end
  return ordered.object {
    { "model", work.names.model }, { "hardware", work.names.hardware },
    { "capacity", ordered.object {
      { "key", work.load.key }, { "unit", work.load.unit }, { "value", found.at and found.x },
      { "low", found.half and found.x - found.half }, { "high", found.half and found.x + found.half },
      { "binding", found.at and binding(found) }, { "knee", (report.knee(found)) },
    } },
    { "objectives", ordered.array(names) }, { "found", found.at ~= nil }, { "answer", (report.answer(found)) },
    { "at", found.at and point_object(found, found.at) }, { "curve", ordered.array(curve) },
  }
end

return report
