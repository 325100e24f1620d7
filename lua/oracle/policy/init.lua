--- Policies: what decides, written in Lua over verbs in C.
-- policy.batching { ... } forms the steps of a replica; policy.router { ... } picks the replica of an arrival;
-- policy.admission { ... } turns arrivals away; policy.autoscaler { ... } says how many replicas there should be;
-- policy.eviction { ... } grades cached blocks (oracle.policy.constructors).
local constructors = require "oracle.policy.constructors"
local finder = require "oracle.text.finder"
local lazy = require "oracle.lazy"
local sandbox = lazy "oracle.policy.sandbox"
local spelling = require "oracle.text.spelling"

local policy = {}

for name, value in pairs(constructors) do policy[name] = value end

local again_of = setmetatable({}, { __mode = "k" })       -- base -> function() -> the same made anew; see remember
local used = setmetatable({}, { __mode = "k" })           -- bases that a simulation has had

local KIND = {}                                           -- by name, of policy.KINDS
for _, k in ipairs(policy.KINDS) do KIND[k.kind] = k end

--- What is said of a kind of policies in policy.KINDS; nil: there is no such kind.
function policy.kind(name)
  return KIND[name]
end

-- ---- one for each simulation ----

--- How to make a policy anew that a scenario's file holds.
-- @param again function() -> the policy as it was before any use; or nil
function policy.remember(p, again)
  again_of[policy.base(p)] = again
end

--- Whether a policy was read from a file, or can be made anew with the scenario's: what it keeps in variables of that
-- file then belongs to one simulation. "file", "scenario", or nil for one that was typed in.
function policy.source(p)
  local base = policy.base(p)
  if again_of[base] then return "scenario" end
  return sandbox.is_from_file(base) and "file" or nil
end

--- The same policy for another simulation: nothing that one keeps, in variables of its file or in its params, is seen
-- by the next. One that was typed in shares what its functions refer to.
function policy.fresh(p)
  local base, own = policy.base(p), policy.settled(p)
  if used[base] then
    local again = again_of[base]
    local made = again and again() or not again and sandbox.again(base) or nil
    for k, v in next, made or {} do
      if type(v) == "function" then own[k] = v end
    end
  end
  used[base] = true
  return policy.derived(own, base)
end

--- The names of the policies of a kind that come with oracle.
function policy.names(kind)
  return finder.names(KIND[kind].folder)
end

local function unknown(key, valid)
  local near = spelling.find(tostring(key), valid)
  return near and "did you mean " .. near .. "?" or "valid: " .. table.concat(valid, ", ")
end

local function checked(kind, where, made)
  local is = type(made) == "table" and rawget(made, "kind") or nil
  if not KIND[is] then
    error(("%s: returns no policy; `return policy.%s { ... }` expected"):format(where, kind), 0)
  end
  if is ~= kind then
    error(("%s: a policy of kind %s expected, this is one of kind %s"):format(where, kind, is), 0)
  end
  local ok, settled = pcall(policy.settled, made)
  if not ok then error(("%s: %s"):format(where, settled), 0) end
  return settled
end

local function from_file(kind, path, find)
  local found, why = find(path)
  if not found then error(("%s: %s"):format(path, why), 0) end
  local made, wrong = sandbox.load(found)
  if made == nil and wrong then error((wrong:match("^[^\n]*")), 0) end
  return checked(kind, found, made)
end

local function by_name(kind, name, find)
  if name:match("%.lua$") then return from_file(kind, name, find) end
  local file = name:lower():gsub("[-%s]", "_")
  local made = file:match("^[%w_]+$") and
    sandbox.load_module(("oracle.%s.%s"):format(KIND[kind].folder, file))
  if made then return checked(kind, name, made) end
  error(('"%s": unknown policy; %s'):format(name, unknown(name, policy.names(kind))), 0)
end

--- The policy a scenario names.
-- @param kind "batching", "router", "admission", "autoscaler" or "eviction"
-- @param value a name, the path of a file that ends in .lua, { name or path, parameter = value ... }, or a policy
-- @param find function(path) -> the path to open; or nil and a message
-- @return the policy; raises one line that says what is wrong
function policy.resolve(kind, value, find)
  if type(value) == "string" then return by_name(kind, value, find) end
  if rawget(value, "kind") or type(rawget(value, 1)) ~= "string" then
    if not rawget(value, "kind") then error("a policy, its name, or { name, parameter = value } expected", 0) end
    local name = rawget(value, "name")
    return checked(kind, type(name) == "string" and name or "the policy", value)
  end
  local params = {}
  for k, v in next, value do
    if k ~= 1 then params[k] = v end
  end
  return policy.with(by_name(kind, value[1], find), params)
end

return policy
