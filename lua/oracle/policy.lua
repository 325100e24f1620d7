--- Policies: what decides, written in Lua over verbs in C.
-- policy.batching { ... } forms the steps of a replica; policy.router { ... } picks the replica of an arrival;
-- policy.admission { ... } turns arrivals away; policy.autoscaler { ... } says how many replicas there should be. The
-- table is checked here, once, so that a run never finds out late. docs/policies.md has a complete example of each.
local nearest = require "oracle.nearest"

local policy = {}

local is_policy = setmetatable({}, { __mode = "k" })
local base_of = setmetatable({}, { __mode = "k" })        -- derived -> the one its functions are from
local again_of = setmetatable({}, { __mode = "k" })       -- base -> function() -> the same made anew; see remember
local used = setmetatable({}, { __mode = "k" })           -- bases that a simulation has had

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

--- The folder of lua/oracle that holds the policies of a kind.
policy.FOLDERS = { batching = "batching", router = "routing", admission = "admission", autoscaler = "scaling",
                   eviction = "eviction" }

local function keys(t)
  local out = {}
  for k in pairs(t) do out[#out + 1] = k end
  table.sort(out, function(a, b) return tostring(a) < tostring(b) end)
  return out
end

local function copy(v)
  if type(v) ~= "table" then return v end
  local t = {}
  for k, inner in pairs(v) do t[k] = copy(inner) end
  return t
end

local function unknown(key, valid)
  local near = nearest.find(tostring(key), valid)
  return near and "did you mean " .. near .. "?" or "valid: " .. table.concat(valid, ", ")
end

local function check(kind, t, level)
  local function fail(...) error(("policy.%s: "):format(kind) .. string.format(...), level + 2) end
  if type(t) ~= "table" then fail("a table expected, got a %s", type(t)) end
  for _, key in ipairs(keys(t)) do
    local expected = FIELDS[kind][key]
    if not expected then fail("%s: unknown key; %s", tostring(key), unknown(key, keys(FIELDS[kind]))) end
    if type(t[key]) ~= expected then fail("%s: a %s expected, got a %s", key, expected, type(t[key])) end
  end
  if t.victim and not VICTIMS[t.victim] then
    fail('victim: "%s": one of "last", "key", "shortest" expected', t.victim)
  end
  if t.objective and not OBJECTIVES[t.objective] then
    fail('objective: "%s": one of "ttft", "tpot", "e2e" expected', t.objective)
  end
  for _, key in ipairs(NEEDED[kind]) do
    if t[key] then
      t.kind, is_policy[t] = kind, true
      return t
    end
  end
  fail("%s: missing", table.concat(NEEDED[kind], " or "))
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
function policy.batching(t)
  return (check("batching", t, 2))
end

--- A router. route(c, r, s) returns a replica from 1 to c:size() for the arriving request r.
-- decode(c, r, s): the replica, from c:size() + 1 to c:size() + c:decoders(), that takes over a request whose prompt
-- another one computed; the one with the fewest requests without it.
-- tracks = true: it asks for c:load(i), which is then counted.
function policy.router(t)
  return (check("router", t, 2))
end

--- An admission policy. admit(c, r, s) returns true when the arriving request r is to be served; one that is not ends
-- REJECTED.
-- objective = "ttft": it needs this objective, from its parameter of this name (above 0) or from the scenario's slo; a
-- scenario with neither is refused before it runs.
function policy.admission(t)
  return (check("admission", t, 2))
end

--- An autoscaler. scale(c, s) returns the number of replicas there should be.
function policy.autoscaler(t)
  return (check("autoscaler", t, 2))
end

--- An eviction policy. grade(r, s) says what the cached KV blocks of a request are worth as it gives them back, a whole
-- number from 0 to 3: blocks of lower grades give way first, of one grade the least recently used.
function policy.eviction(t)
  return (check("eviction", t, 2))
end

--- The same policy with other parameters.
-- @param p a policy
-- @param params { name = value }; each must be among p.params and of its type
-- @return a policy of its own; raises "name: what is wrong"
function policy.with(p, params)
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
  return policy.derived(out, p)
end

-- ---- one for each simulation ----

--- True for what the constructors above made, and for what is derived from it.
function policy.is(v)
  return is_policy[v] ~= nil
end

--- Say that `own`, a table with the functions of the policy `p`, is that policy under other parameters.
-- @return own
function policy.derived(own, p)
  is_policy[own], base_of[own] = true, base_of[p] or p
  return own
end

--- How to make a policy anew that a scenario's file holds.
-- @param again function() -> the policy as if nobody had used it; or nil
function policy.remember(p, again)
  again_of[base_of[p] or p] = again
end

--- Whether a policy was read from a file, or can be made anew with the scenario's: what it keeps in variables of that
-- file then belongs to one simulation. "file", "scenario", or nil for one that was typed in.
function policy.source(p)
  local base = base_of[p] or p
  if again_of[base] then return "scenario" end
  return require("oracle.sandbox").is_from_file(base) and "file" or nil
end

--- The same policy for another simulation: nothing that one keeps, in variables of its file or in its params, is seen
-- by the next. One that was typed in shares what its functions refer to.
function policy.fresh(p)
  local base, own = base_of[p] or p, {}
  for k, v in pairs(p) do own[k] = v end
  own.params = copy(p.params)
  if used[base] then
    local again = again_of[base]
    local made = again and again() or not again and require("oracle.sandbox").again(base) or nil
    for k, v in pairs(made or {}) do
      if type(v) == "function" then own[k] = v end
    end
  end
  used[base] = true
  return policy.derived(own, base)
end

-- The names of the policies of a kind that come with oracle.
local function names_of(kind)
  local names, home = {}, require "oracle.home"
  local folder = home.path("lua/oracle/" .. policy.FOLDERS[kind])
  local listing = io.popen("ls '" .. folder:gsub("'", "'\\''") .. "' 2>/dev/null")
  for file in listing and listing:lines() or function() end do
    names[#names + 1] = file:match("^([%w_]+)%.lua$")
  end
  if listing then listing:close() end
  table.sort(names)
  return names
end

policy.names = names_of

local function checked(kind, where, made)
  if type(made) ~= "table" or not FIELDS[made.kind] then
    error(("%s: returns no policy; `return policy.%s { ... }` expected"):format(where, kind), 0)
  end
  if made.kind ~= kind then
    error(("%s: a policy of kind %s expected, this is one of kind %s"):format(where, kind, made.kind), 0)
  end
  return made
end

local function from_file(kind, path, find)
  local found, why = find(path)
  if not found then error(("%s: %s"):format(path, why), 0) end
  local made, wrong = require("oracle.sandbox").load(found)
  if made == nil and wrong then error((wrong:match("^[^\n]*")), 0) end
  return checked(kind, found, made)
end

local function by_name(kind, name, find)
  if name:match("%.lua$") then return from_file(kind, name, find) end
  local file = name:lower():gsub("[-%s]", "_")
  local made = file:match("^[%w_]+$") and
    require("oracle.sandbox").load_module(("oracle.%s.%s"):format(policy.FOLDERS[kind], file))
  if made then return checked(kind, name, made) end
  error(('"%s": unknown policy; %s'):format(name, unknown(name, names_of(kind))), 0)
end

--- The policy a scenario names.
-- @param kind "batching", "router", "admission", "autoscaler" or "eviction"
-- @param value a name, the path of a file that ends in .lua, { name or path, parameter = value ... }, or a policy
-- @param find function(path) -> the path to open; or nil and a message
-- @return the policy; raises one line that says what is wrong
function policy.resolve(kind, value, find)
  if type(value) == "string" then return by_name(kind, value, find) end
  if value.kind or type(value[1]) ~= "string" then
    if not value.kind then error("a policy, its name, or { name, parameter = value } expected", 0) end
    return checked(kind, value.name or "the policy", value)
  end
  local params = {}
  for k, v in pairs(value) do
    if k ~= 1 then params[k] = v end
  end
  return policy.with(by_name(kind, value[1], find), params)
end

return policy
