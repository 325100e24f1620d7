--- Workloads: what asks, when, and for how many tokens. `oracle.workload.poisson { rate = "4 req/s", ... }` makes
-- the table a scenario holds; the file of each kind says its keys and turns the checked table into the engine's form.
-- A kind is a file of this folder that returns
--   { doc = what it is, keys = a list as in oracle.scenario.keys (oracle.workload.parts.keys has common ones),
--     engine = function(w, run) -> a table for the engine (src/bind/sim/spec_workload.h), or nil and a message
--       "key: what": w the checked workload,
--       run = { duration =, find =, warnings = },
--     told_by = keys that tell this kind from others in a mix, shares_rate = true where a mix may give it its rate,
--     recorded = true where seeds change nothing, shorthand = the key whose value may stand in place of the table }
-- A kind that holds others (mix) has `new`, which makes its table; its keys are function(profiles), where
-- profiles(key) is a workload of any other kind that has this key too; its engine returns a list.
local fields = require "oracle.scenario.fields"
local finder = require "oracle.text.finder"
local lazy = require "oracle.lazy"
local conversation = lazy "oracle.workload.parts.conversation"
local prefix = lazy "oracle.workload.parts.prefix"
local spelling = require "oracle.text.spelling"

local workload = {}

--- What the file of a kind says.
function workload.kind(name)
  return finder.load("workload", name)
end

-- What stands without a key, under its key: "agents.lua", { "agents.lua", count = 9 }, { { arrival = 0, ... }, ... }.
local function in_full(t, key)
  if type(t) ~= "table" then return { [key] = t } end
  if t[1] == nil then return t end
  local out, list = {}, {}
  for k, v in pairs(t) do
    if math.type(k) == "integer" then list[k] = v else out[k] = v end
  end
  out[key] = type(t[1]) == "table" and list or t[1]
  return out
end

for _, kind in ipairs(finder.names "workload") do
  workload[kind] = function(t)
    local of = workload.kind(kind)
    if of.shorthand then t = in_full(t, of.shorthand) end
    if type(t) ~= "table" then error(("workload.%s: a table expected, got a %s"):format(kind, type(t)), 2) end
    if of.new then return of.new(t) end
    local w = { kind = kind }
    for k, v in pairs(t) do w[k] = v end
    return w
  end
end

--- The kind that a workload's keys tell, where it does not say it itself.
-- @param sure true: nil where no key tells it; else it is "poisson" then
function workload.kind_told(w, sure)
  if w.kind then return w.kind end
  for _, name in ipairs(finder.names "workload") do
    for _, key in ipairs(workload.kind(name).told_by or {}) do
      if w[key] ~= nil then return name end
    end
  end
  return not sure and "poisson" or nil
end

--- A workload as it may be written, in full: the path of a generator's file, or a table whose keys tell its kind.
function workload.in_full(w)
  if type(w) == "string" and w:match "%.lua$" then return { kind = "generator", path = w } end
  if type(w) ~= "table" or w.kind ~= nil or next(w) == nil or getmetatable(w) then return w end
  local is_script = type(w.path) == "string" and w.path:match "%.lua$"
  local kind = is_script and "generator" or workload.kind_told(w, true)
  if not kind then return w end
  local out = { kind = kind }
  for k, v in pairs(w) do out[k] = v end
  return out
end

--- Whether all requests of a workload are recorded: seeds change nothing.
function workload.is_recorded(w)
  if not w.profiles then return workload.kind(w.kind).recorded == true end
  for _, profile in ipairs(w.profiles) do
    if not workload.is_recorded(profile) then return false end
  end
  return true
end

-- ---- keys ----

local section = fields.section

-- The section of each kind, made when it is looked at: a scenario reads the files of the kinds that it has.
-- @param make function(kind's file) -> its section, or nil for a kind that is none of them
local function kinds(make)
  return setmetatable({}, {
    __index = function(t, name)
      if type(name) ~= "string" or finder.find("workload", name) ~= name then return nil end
      t[name] = make(workload.kind(name))
      return rawget(t, name)
    end,
    __pairs = function(t)
      local i, names = 0, finder.names "workload"
      return function()
        repeat
          i = i + 1
        until names[i] == nil or t[names[i]]
        return names[i], t[names[i]]
      end
    end,
  })
end

local LORA = { "lora", "weights",
               doc = "the LoRA adapter of its requests: a name, or { name = weight, ... }; base: none" }

-- A kind that holds no others; `more`: a key that it has besides, or nil.
local function plain(word, kind, more)
  local keys = table.move(kind.keys, 1, #kind.keys, 1, {})
  keys[#keys + 1] = LORA
  keys[#keys + 1] = more
  return section { word, keys, doc = kind.doc }
end

--- The key `workload` of a scenario: a variant of the kinds there are.
function workload.key()
  local function profiles(more)
    return { "profile", type = "variant", tag = "kind", kinds = kinds(function(kind)
      return not kind.new and plain("profile", kind, more) or nil
    end) }
  end
  local all = kinds(function(kind)
    return kind.new and section { "workload", kind.keys(profiles), doc = kind.doc } or plain("workload", kind)
  end)
  return { "workload", type = "variant", tag = "kind", required = true, kinds = all, in_full = workload.in_full,
           fixed = "its requests follow from the seed and the scenario, from the first on",
           doc = "the requests: oracle.workload.poisson { ... } and so on" }
end

-- ---- the engine's form ----

-- Prompts and outputs of a file (oracle.scenario.empirical) as a function that draws a row.
local function drawn_from(d)
  local prompt, output, n = d.prompt, d.output, #d.prompt
  if not d.weights then
    return function(rng)
      local i = rng:random(n)
      return prompt[i], output[i]
    end
  end
  local up_to, total = {}, 0
  for i, weight in ipairs(d.weights) do
    total = total + weight
    up_to[i] = total
  end
  return function(rng)
    local x, low, high = rng:uniform(0, total), 1, n
    while low < high do
      local middle = (low + high) // 2
      if x < up_to[middle] then high = middle else low = middle + 1 end
    end
    return prompt[low], output[low]
  end
end

-- What all kinds have: lengths, clients, and what prompts are made of.
local function fill(out, w)
  out.name = w.name or out.name
  if w.lengths and (w.prompt or w.output) then
    return nil, ("lengths: %s is given too; leave one out"):format(w.prompt and "prompt" or "output")
  end
  out.lengths = type(w.lengths) == "table" and drawn_from(w.lengths) or w.lengths
  out.prompt, out.output = w.prompt, w.output
  out.timeout, out.cancel, out.priority, out.streaming = w.timeout, w.cancel, w.priority, w.streaming
  out.prompt_pool = w.prompt_pool
  if w.conversation then
    local c, why = conversation.engine(w.conversation, "conversation.")
    if not c then return nil, why end
    out.conversation = c
  end
  if w.prefix then
    local p, why = prefix.engine(w.prefix)
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
  local kind = workload.kind(w.kind)
  local out, why = kind.engine(w, run)
  if not out then return nil, why end
  if kind.new then return out end
  return fill(out, w)
end

local used = setmetatable({}, { __mode = "k" })           -- forms that a simulation has had

local function fresh(form)
  if not form.again then return form end
  local made = used[form] and form.again() or form
  used[form] = true
  return made
end

--- The engine's form for one more simulation: the file of a generator is read anew, so that nothing it keeps in its
-- variables is seen by the next.
function workload.fresh(form)
  if form[1] == nil then return fresh(form) end
  local all = {}
  for k, v in pairs(form) do all[k] = v end
  for i, part in ipairs(form) do all[i] = fresh(part) end
  return all
end

-- Arrivals at a rate that a function gives.
local function varying(gaps, w, run)
  if gaps ~= "exponential" then
    return nil, "rate: a function makes independent arrivals: poisson, or sessions without cv; else stages expected"
  end
  if not w.rate_max then return nil, "rate_max: missing; the most that rate(t) ever returns, in requests per second" end
  if not (w.count or w.duration or run.duration) then
    return nil, "count: missing; arrivals need an end: count or duration here, or the scenario's duration"
  end
  return { arrivals = gaps, rate = w.rate, rate_max = w.rate_max, count = w.count,
           duration = w.duration or run.duration }
end

--- The arrivals of an open loop: a rate or stages, and something that ends them.
-- @param gaps what is between two arrivals: "exponential", "gamma" (with cv) or "even"
function workload.arrivals(gaps, w, run)
  if w.rate and w.stages then return nil, "stages: rate is given too; leave one out" end
  if not w.rate and not w.stages then return nil, "rate: missing; requests per second, or stages" end
  if type(w.rate) == "function" then return varying(gaps, w, run) end
  if w.rate_max then return nil, "rate_max: only with rate = function(t)" end
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

--- Arrivals with gaps of their own distribution.
function workload.renewals(w, run)
  if not (w.count or w.duration or run.duration) then
    return nil, "count: missing; arrivals need an end: count or duration here, or the scenario's duration"
  end
  return { arrivals = "drawn", inter_arrival = w.inter_arrival, count = w.count, duration = w.duration }
end

return spelling.strict(workload, "oracle.workload")
