--- Workloads: what asks, when, and for how many tokens. `oracle.workload.poisson { rate = "4 req/s", ... }` makes
-- the table a scenario holds; the file of each kind turns the checked table into the engine's form.
-- A kind's file returns `engine(w, run)`: w the checked workload, run = { duration =, find =, warnings = }; the
-- result is a table for the engine (src/bind/sim/spec_workload.h; a list of them for a mix), or nil and a message
-- "key: what".
local workload = {}

local KINDS = { "batch", "closed_loop", "constant", "gamma", "poisson", "renewal", "sessions", "trace" }

for _, kind in ipairs(KINDS) do
  workload[kind] = function(t)
    if type(t) ~= "table" then error(("workload.%s: a table expected, got a %s"):format(kind, type(t)), 2) end
    local w = { kind = kind }
    for k, v in pairs(t) do w[k] = v end
    return w
  end
end

-- The kind of a profile that does not say it, from its keys.
local function kind_of(p)
  if p.kind then return p.kind end
  if p.path then return "trace" end
  if p.concurrency then return "closed_loop" end
  if p.inter_arrival then return "renewal" end
  return (p.cv or p.burstiness) and "gamma" or "poisson"
end

--- Several workloads at once: oracle.workload.mix { { name = "chat", rate = 3, ... }, { ... }, count = 1000 }.
-- A profile that does not say its kind has the one its keys belong to.
function workload.mix(t)
  if type(t) ~= "table" then error(("workload.mix: a table expected, got a %s"):format(type(t)), 2) end
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
    local one = { kind = kind_of(p) }
    for k, v in pairs(p) do one[k] = v end
    w.profiles[i] = one
  end
  return w
end

-- What all kinds have: lengths, clients, and what prompts are made of.
local function fill(out, w)
  out.name = w.name
  out.prompt, out.output = w.prompt, w.output
  out.timeout, out.cancel, out.priority, out.streaming = w.timeout, w.cancel, w.priority, w.streaming
  out.prompt_pool = w.prompt_pool
  if w.conversation then
    local c, why = require("oracle.workload.conversation").engine(w.conversation, "conversation.")
    if not c then return nil, why end
    out.conversation = c
  end
  if w.prefix then
    local p, why = require("oracle.workload.prefix").engine(w.prefix)
    if not p then return nil, why end
    out.prefix = p
  end
  if out.prompt_pool and out.conversation then
    return nil, "prompt_pool: sessions continue what was said, they do not ask again; leave one out"
  end
  return out
end

--- The engine's form of a checked workload; nil and a message where its parts do not go together.
-- @param run { duration = of the scenario or nil, find =, warnings = a list that messages are added to }
function workload.engine(w, run)
  local out, why = require("oracle.workload." .. w.kind).engine(w, run)
  if not out then return nil, why end
  if w.kind == "mix" then return out end
  return fill(out, w)
end

--- The arrivals of an open loop: a rate or stages, and something that ends them.
-- @param gaps what is between two arrivals: "exponential", "gamma" (with cv) or "even"
function workload.arrivals(gaps, w, run)
  if w.rate and w.stages then return nil, "stages: rate is given too; leave one out" end
  if not w.rate and not w.stages then return nil, "rate: missing; requests per second, or stages" end
  if w.stages then
    local some = false
    for _, stage in ipairs(w.stages) do some = some or stage.rate > 0 end
    if not some then return nil, "stages: at least one needs a rate above 0" end
  end
  if not (w.count or w.duration or w.stages or run.duration) then
    return nil, "count: missing; arrivals need an end: count or duration here, or the scenario's duration"
  end
  return { arrivals = gaps, rate = w.rate, stages = w.stages, count = w.count, duration = w.duration }
end

return require("oracle.nearest").strict(workload, "oracle.workload")
