--- What policies are made with: policy.batching { ... } and the like, as a policy's file gets them.
-- The table is checked here, once, so that a run never finds out late. docs/policies.md has a complete example of each.
local spelling = require "oracle.text.spelling"

local constructors = {}

local is_policy = setmetatable({}, { __mode = "k" })
local base_of = setmetatable({}, { __mode = "k" })        -- derived -> the one its functions are from

--- The kinds of policies, the folder of lua/oracle that holds those of each, and the scenario's key that names one.
constructors.KINDS = {
  { kind = "batching", folder = "batching", key = "batching" },
  { kind = "router", folder = "routing", key = "router" },
  { kind = "admission", folder = "admission", key = "admission" },
  { kind = "autoscaler", folder = "scaling", key = "autoscaling.policy" },
  { kind = "eviction", folder = "eviction", key = "eviction" },
}

local FIELDS = {
  batching = { name = "string", step = "function", order = "function", ended = "function", every_step = "boolean",
               clairvoyant = "boolean", victim = "string", params = "table" },
  router = { name = "string", route = "function", decode = "function", tracks = "boolean", clairvoyant = "boolean",
             params = "table" },
  admission = { name = "string", admit = "function", params = "table", objective = "string" },
  autoscaler = { name = "string", scale = "function", params = "table" },
  eviction = { name = "string", grade = "function", params = "table" },
}

-- What a policy of each kind cannot do without: one of these.
local NEEDED = { batching = { "step", "order" }, router = { "route" }, admission = { "admit" },
                 autoscaler = { "scale" }, eviction = { "grade" } }

local OBJECTIVES = { ttft = true, tpot = true, e2e = true }
local VICTIMS = { last = true, key = true, shortest = true }

local function keys(t)
  local out = {}
  for k in next, t do out[#out + 1] = k end
  table.sort(out, function(a, b) return tostring(a) < tostring(b) end)
  return out
end

local function unknown(key, valid)
  local near = spelling.find(tostring(key), valid)
  return near and "did you mean " .. near .. "?" or "valid: " .. table.concat(valid, ", ")
end

-- What is wrong with the table of a policy; nil: nothing. Raw: no metamethod of it runs.
local function wrong(kind, t)
  if type(t) ~= "table" then return ("a table expected, got a %s"):format(type(t)) end
  if debug.getmetatable(t) ~= nil then return "a table without a metatable expected" end
  local fields = FIELDS[kind]
  for _, key in ipairs(keys(t)) do
    local expected = fields[key]
    if not expected and key ~= "kind" then
      return ("%s: unknown key; %s"):format(tostring(key), unknown(key, keys(fields)))
    end
    if expected and type(t[key]) ~= expected then
      return ("%s: a %s expected, got a %s"):format(key, expected, type(t[key]))
    end
  end
  if t.victim and not VICTIMS[t.victim] then
    return ('victim: "%s": one of "last", "key", "shortest" expected'):format(t.victim)
  end
  if t.objective and not OBJECTIVES[t.objective] then
    return ('objective: "%s": one of "ttft", "tpot", "e2e" expected'):format(t.objective)
  end
  for _, key in ipairs(NEEDED[kind]) do
    if t[key] then return nil end
  end
  return ("%s: missing"):format(table.concat(NEEDED[kind], " or "))
end

local function check(kind, t, level)
  local why = type(t) == "table" and rawget(t, "kind") ~= nil and
    ("kind: unknown key; %s"):format(unknown("kind", keys(FIELDS[kind]))) or wrong(kind, t)
  if why then error(("policy.%s: %s"):format(kind, why), level + 1) end
  t.kind, is_policy[t] = kind, true
  return t
end

-- A copy of what parameters hold, which nobody else has.
local function plain(v, above, at)
  if type(v) ~= "table" then return v end
  if debug.getmetatable(v) ~= nil then error(at .. ": a table without a metatable expected", 0) end
  if above[v] then error(at .. ": it contains itself", 0) end
  above[v] = true
  local t = {}
  for k, inner in next, v do t[k] = plain(inner, above, ("%s.%s"):format(at, tostring(k))) end
  above[v] = nil
  return t
end

--- A batching policy.
-- step(b, e, s): called when there is something to decide; `b` the step being formed (its verbs are valid only
-- here), `e` the engine's knobs and e.slo, `s` a table of this replica that is the policy's to keep; s.params holds
-- its parameters.
-- order(r, e, s): the place of an arrival in the queue, a number; smaller goes first, ties by arrival.
-- ended(r, e, s): a request of this replica has ended; r.generated tokens came out.
-- every_step = true: call step before every step, also where nothing changed.
-- clairvoyant = true: the policy may see true output lengths; the result says so.
-- victim = "last", "key" or "shortest": who gives way when KV blocks run short: the one admitted last, the one that
-- goes last in the queue's order, the one with the fewest tokens generated.
-- params = { name = default, ... }: what a scenario may set: batching = { "name of the policy", name = value }.
function constructors.batching(t)
  return (check("batching", t, 2))
end

--- A router. route(c, r, s) returns a place among the replicas that are ready, from 1 to c:size(), for the arriving
-- request r.
-- decode(c, r, s): the place, from c:size() + 1 to c:size() + c:decoders(), of the one that takes over a request whose
-- prompt another one computed; the one with the fewest requests without it.
-- tracks = true: it asks for c:load(i), which is then counted.
function constructors.router(t)
  return (check("router", t, 2))
end

--- An admission policy. admit(c, r, s) returns true when the arriving request r is to be served; one that is not ends
-- REJECTED.
-- objective = "ttft": it needs this objective, from its parameter of this name (above 0) or from the scenario's slo; a
-- scenario with neither is refused before it runs.
function constructors.admission(t)
  return (check("admission", t, 2))
end

--- An autoscaler. scale(c, s) returns the number of replicas there should be.
function constructors.autoscaler(t)
  return (check("autoscaler", t, 2))
end

--- An eviction policy. grade(r, s) says what the cached KV blocks of a request are worth as it gives them back, a whole
-- number from 0 to 3: blocks of lower grades give way first, of one grade the least recently used.
function constructors.eviction(t)
  return (check("eviction", t, 2))
end

--- The same policy with other parameters.
-- @param p a policy
-- @param params { name = value }; each must be among p.params and of its type
-- @return a policy of its own; raises "name: what is wrong"
function constructors.with(p, params)
  local known = p.params or {}
  local out, merged = {}, {}
  for k, v in pairs(p) do out[k] = v end
  for k, v in pairs(known) do merged[k] = v end
  for _, key in ipairs(keys(params)) do
    local value = params[key]
    if known[key] == nil then
      local valid = keys(known)
      error(("%s: unknown parameter of %s; %s"):format(tostring(key), p.name,
        #valid > 0 and unknown(key, valid) or "it has none"), 0)
    end
    if type(value) ~= type(known[key]) then
      error(("%s: a %s expected, got a %s"):format(key, type(known[key]), type(value)), 0)
    end
    merged[key] = value
  end
  out.params = merged
  return constructors.derived(out, p)
end

-- ---- which tables are policies ----

--- True for what the constructors above made, and for what is derived from it.
function constructors.is(v)
  return is_policy[v] ~= nil
end

--- A policy as it stands: checked again, since what made it may have changed it, and copied, so that nothing else can.
-- @return a policy derived from it; raises what is wrong
function constructors.settled(p)
  local kind = rawget(p, "kind")
  local why = wrong(kind, p)
  if why then error(("policy.%s: %s"):format(kind, why), 0) end
  local own = {}
  for k, v in next, p do own[k] = v end
  own.params = plain(p.params, {}, ("policy.%s: params"):format(kind))
  return constructors.derived(own, p)
end

--- Say that `own`, a table with the functions of the policy `p`, is that policy under other parameters.
-- @return own
function constructors.derived(own, p)
  is_policy[own], base_of[own] = true, base_of[p] or p
  return own
end

--- The policy that another one is derived from; itself where it is not derived.
function constructors.base(p)
  return base_of[p] or p
end

return constructors
