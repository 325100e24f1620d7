--- Why what is no plan is none: for each way to share the model on each GPU, and each format, the reason of the one of
-- its candidates that came closest; and where there is no plan at all, what comes nearest and what it lacks.
local space = require "oracle.study.plan_space"

local reasons = {}

-- ---- one candidate ----

local function gpus_text(n)
  return n == 1 and "1 GPU" or ("%d GPUs"):format(n)
end

local function cost_text(cost)
  return cost.usd and ("%.2f USD/h (%s)"):format(cost.usd, gpus_text(cost.gpus)) or gpus_text(cost.gpus)
end

local SLOW = { step = "a token takes at least %.4g ms", e2e = "an answer takes at least %.4g ms" }

local function slow_text(slow)
  for key, text in pairs(SLOW) do
    if slow[key] then return "one request alone: " .. text:format(1e3 * slow[key]) end
  end
end

-- How near a candidate came: 1 ran as a whole, 2 was run, 3 has a bound, 4 needs more GPUs, 5 misses with one request
-- alone, 6 is too slow by its steps, 7 does not fit.
local function grade_of(entry)
  local price = entry.price
  if entry.final then return 1 end
  if entry.raced and entry.cost and entry.cost.fits then return 2 end
  local missed = entry.raced and not entry.cost or entry.like and entry.like.out
  if entry.bound and not entry.raced and not missed and entry.bound.fits then return 3 end
  if missed then return 5 end
  if entry.cost then return 4 end
  return price.slow and 6 or 7
end

-- What makes one of a grade nearer than another: less is nearer.
local function distance_of(entry, grade)
  if grade <= 4 then return (entry.cost or entry.bound).key end
  if grade == 5 then return (entry.raced and entry or entry.like).result.miss or math.huge end
  if grade == 6 then return entry.price.slow.step or entry.price.slow.e2e end
  return -entry.c.gpus * (entry.c.quantization == "none" and 1 or 2)
end

local function nearer(a, b)
  local grade, other = grade_of(a), grade_of(b)
  if grade ~= other then return grade < other end
  local x, y = distance_of(a, grade), distance_of(b, grade)
  if x ~= y then return x < y end
  return a.i < b.i
end

local function times(key, best)
  return best and (", %.2f times the best plan's"):format(key / best.cost.key) or ""
end

local function miss_text(race, result)
  local o = race.work.resolved.objectives
  local worst, many = nil, #result.seeds
  for _, m in ipairs(result.seeds) do
    if m.saturated then return "it is overloaded" end
    if not worst or m.miss > worst.miss then worst = m end
  end
  if not worst then return result.excluded end
  local v, objective = worst.values[worst.worst], o[worst.worst]
  return ("%s is %s%s in one of %d runs"):format(objective.column.name, v and ("%.4g"):format(v) or "not measured",
    v and objective.column.unit and " " .. objective.column.unit or "", many)
end

local function reason_of(race, entry, best)
  local grade, cost = grade_of(entry), entry.cost or entry.bound
  if grade == 1 and entry.last then
    return ("with %s: %s"):format(gpus_text(entry.last.gpus), miss_text(race, entry.last))
  elseif grade <= 2 then
    if best and cost.key <= best.cost.key then
      return ("about %s; others as cheap did better in short runs"):format(cost_text(cost))
    end
    return ("about %s%s"):format(cost_text(cost), times(cost.key, best))
  elseif grade == 3 then
    return ("at best %s%s"):format(cost_text(cost), times(cost.key, best))
  elseif grade == 4 then
    return ("at least %s needed, %d allowed"):format(gpus_text(cost.gpus), race.work.max_gpus)
  elseif grade == 5 then
    return entry.out or entry.like.out
  end
  return entry.price.slow and slow_text(entry.price.slow) or entry.price.why
end

-- ---- families ----

-- What a candidate belongs to: its GPU with how it is shared, the format of its weights and that of its KV cache.
local function families_of(entry)
  local c = entry.c
  return { entry.family,
           c.quantization == "none" and "weights as the checkpoint has them" or c.quantization .. " weights",
           c.kv == "auto" and "KV cache in the model's format" or c.kv .. " KV cache" }
end

-- The reasons, in the order of the candidates, those of formats last.
local function why_not(race, plans)
  local has, list, of = {}, { {}, {}, {} }, {}
  for _, p in ipairs(plans) do
    for _, name in ipairs(families_of(race.all[p.i])) do has[name] = true end
  end
  for _, entry in ipairs(race.all) do
    for k, name in ipairs(families_of(entry)) do
      local f = of[name]
      if not f then
        f = { family = name, candidates = 0 }
        of[name], list[k][#list[k] + 1] = f, f
      end
      f.candidates = f.candidates + 1
      if not f.entry or nearer(entry, f.entry) then f.entry = entry end
    end
  end
  local out = {}
  for k = 1, #list do
    for _, f in ipairs(#list[k] > 1 and list[k] or k == 1 and list[k] or {}) do
      if not has[f.family] then
        out[#out + 1] = { family = f.family, candidates = f.candidates, nearest = space.name(f.entry.c),
                          why = reason_of(race, f.entry, plans[1]) }
      end
    end
  end
  return out
end

-- Of those that ran as a whole, the one that misses least.
local function least_miss(race)
  local best
  for _, entry in ipairs(race.final) do
    local sum = 0
    for _, m in ipairs(entry.last and entry.last.seeds or {}) do sum = sum + m.miss end
    if entry.last and #entry.last.seeds > 0 and (not best or sum / #entry.last.seeds < best.miss) then
      best = { entry = entry, miss = sum / #entry.last.seeds }
    end
  end
  return best and best.entry
end

local function nearest(race)
  local entry = least_miss(race)
  if entry then
    return { name = space.name(entry.c), gpus = entry.last.gpus,
             why = ("with %s: %s"):format(gpus_text(entry.last.gpus), miss_text(race, entry.last)) }
  end
  for _, one in ipairs(race.all) do
    if not entry or nearer(one, entry) then entry = one end
  end
  if grade_of(entry) == 7 and race.work.none then entry = race.all[race.work.none.i] end
  return { name = space.name(entry.c), gpus = entry.c.gpus, why = reason_of(race, entry, nil) }
end

--- Why not.
-- @param race of oracle.study.planner
-- @return { { family =, why =, nearest = name of the candidate that came closest, candidates = how many }, ... }; and
--   where there is no plan { name =, gpus =, why = } of what comes nearest
function reasons.of(race, plans)
  for _, entry in ipairs(race.final) do entry.of.last = entry.of.last or not entry.found and entry.last or nil end
  return why_not(race, plans), #plans == 0 and nearest(race) or nil
end

return reasons
