--- Several workloads side by side. Each profile is an arrival process of its own, so their rates add up; a profile
-- without a rate takes its share, by weight, of the rate of the mix.
local keys = require "oracle.workload.parts.keys"
local workload = require "oracle.workload"

local function own_rate(p)
  return p.rate or p.stages or p.inter_arrival or not workload.kind(p.kind).shares_rate
end

-- Profiles with the rate each is to have; warns of weights that do nothing.
local function rated(w, run)
  local total = 0
  for i, p in ipairs(w.profiles) do
    if own_rate(p) then
      if p.weight then
        run.warnings[#run.warnings + 1] = ("workload.profiles[%d].weight: without effect: the profile has arrivals "
          .. "of its own"):format(i)
      end
    else
      if not w.rate then
        return nil, ("profiles[%d].rate: missing; requests per second, here or for the mix"):format(i)
      end
      total = total + (p.weight or 1)
    end
  end
  if w.rate and total == 0 then return nil, "rate: no profile takes a share of it: each has arrivals of its own" end
  local out = {}
  for i, p in ipairs(w.profiles) do
    local one = {}
    for k, v in pairs(p) do one[k] = v end
    if not own_rate(p) then
      one.rate = w.rate * (p.weight or 1) / total
      if one.rate <= 0 then return nil, ("profiles[%d].weight: 0 leaves it without arrivals"):format(i) end
    end
    out[i] = one
  end
  return out
end

-- oracle.workload.mix { { name = "chat", rate = 3, ... }, { ... }, count = 1000 }: a profile that does not say its kind
-- has the one its keys belong to.
local function new(t)
  local w = { kind = "mix" }
  for k, v in pairs(t) do
    if math.type(k) ~= "integer" then w[k] = v end
  end
  local profiles = w.profiles
  if t[1] ~= nil then
    if profiles then error("workload.mix: profiles is given too; leave one out", 2) end
    profiles = table.move(t, 1, #t, 1, {})
  end
  if type(profiles) ~= "table" then return w end
  w.profiles = {}
  for i, p in ipairs(profiles) do
    if type(p) ~= "table" then error(("workload.mix: profile %d: a table expected, got a %s"):format(i, type(p)), 2) end
    local one = { kind = workload.kind_told(p) }
    for k, v in pairs(p) do one[k] = v end
    w.profiles[i] = one
  end
  return w
end

local WEIGHT = { "weight", "number", min = 0, max = 1e9,
                 doc = "share of the rate of the mix; without effect beside a rate of its own" }

return {
  doc = "several workloads at once, reported by name",
  keys = function(profiles)
    return {
      { "profiles", "list", required = true, doc = "workloads that go on side by side, each with its own arrivals",
        of = profiles(WEIGHT) },
      keys.rate("requests per second of all profiles without a rate of their own, split by weight"), keys.COUNT,
      keys.DURATION,
    }
  end,
  new = new,
  engine = function(w, run)
    local profiles, why = rated(w, run)
    if not profiles then return nil, why end
    local list, seen = { count = w.count }, {}
    local inner = { find = run.find, warnings = run.warnings, duration = run.duration }
    if w.count or w.duration then inner.duration = w.duration or math.huge end
    for i, p in ipairs(profiles) do
      p.name = p.name or ("profile%d"):format(i)
      if seen[p.name] then
        return nil, ('profiles[%d].name: "%s" is the name of profiles[%d] too'):format(i, p.name, seen[p.name])
      end
      seen[p.name] = i
      local one
      one, why = workload.engine(p, inner)
      if not one then return nil, ("profiles[%d].%s"):format(i, why) end
      if w.duration then one.duration = math.min(one.duration or math.huge, w.duration) end
      list[i] = one
    end
    return list
  end,
}
