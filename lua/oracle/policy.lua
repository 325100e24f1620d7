--- Policies: what decides, written in Lua over verbs in C.
-- policy.batching { ... } forms the steps of a replica; policy.router { ... } picks the replica of an arrival;
-- policy.admission { ... } turns arrivals away; policy.autoscaler { ... } says how many replicas there should be. The
-- table is checked here, once, so that a run never finds out late. docs/policies.md has a complete example of each.
local nearest = require "oracle.nearest"

local policy = {}

local FIELDS = {
  batching = { name = "string", step = "function", order = "function", ended = "function", every_step = "boolean",
               clairvoyant = "boolean", victim = "string", params = "table" },
  router = { name = "string", route = "function", decode = "function", tracks = "boolean", clairvoyant = "boolean",
             params = "table" },
  admission = { name = "string", admit = "function", params = "table" },
  autoscaler = { name = "string", scale = "function", params = "table" },
  eviction = { name = "string", grade = "function", params = "table" },
}

-- What a policy of each kind cannot do without: one of these.
local NEEDED = { batching = { "step", "order" }, router = { "route" }, admission = { "admit" },
                 autoscaler = { "scale" }, eviction = { "grade" } }

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
  for _, key in ipairs(NEEDED[kind]) do
    if t[key] then return t end
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
  check("batching", t, 2)
  t.kind = "batching"
  return t
end

--- A router. route(c, r, s) returns a replica from 1 to c:size() for the arriving request r.
-- decode(c, r, s): the replica, from c:size() + 1 to c:size() + c:decoders(), that takes over a request whose prompt
-- another one computed; the one with the fewest requests without it.
-- tracks = true: it asks for c:load(i), which is then counted.
function policy.router(t)
  check("router", t, 2)
  t.kind = "router"
  return t
end

--- An admission policy. admit(c, r, s) returns true when the arriving request r is to be served; one that is not ends
-- REJECTED.
function policy.admission(t)
  check("admission", t, 2)
  t.kind = "admission"
  return t
end

--- An autoscaler. scale(c, s) returns the number of replicas there should be.
function policy.autoscaler(t)
  check("autoscaler", t, 2)
  t.kind = "autoscaler"
  return t
end

--- An eviction policy. grade(r, s) says what the cached KV blocks of a request are worth as it gives them back, a whole
-- number from 0 to 3: blocks of lower grades give way first, of one grade the least recently used.
function policy.eviction(t)
  check("eviction", t, 2)
  t.kind = "eviction"
  return t
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
  return out
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
