--- Policies: what decides, written in Lua over verbs in C.
-- `policy.batching { name =, step =, order =, every_step =, clairvoyant = }` forms the steps of a replica;
-- `policy.router { name =, route = }` picks the replica of an arrival. The table is checked here, once, so that a
-- run never finds out late. docs/policies.md has a complete example of each.
local nearest = require "oracle.nearest"

local policy = {}

local FIELDS = {
  batching = { name = "string", step = "function", order = "function", every_step = "boolean",
               clairvoyant = "boolean" },
  router = { name = "string", route = "function", clairvoyant = "boolean" },
}

-- What a policy of each kind cannot do without: one of these.
local NEEDED = { batching = { "step", "order" }, router = { "route" } }

local function keys(t)
  local out = {}
  for k in pairs(t) do out[#out + 1] = k end
  table.sort(out)
  return out
end

local function check(kind, t, level)
  local function fail(...) error(("policy.%s: "):format(kind) .. string.format(...), level + 1) end
  if type(t) ~= "table" then fail("a table expected, got a %s", type(t)) end
  for _, key in ipairs(keys(t)) do
    local expected = FIELDS[kind][key]
    if not expected then
      local near = nearest.find(tostring(key), keys(FIELDS[kind]))
      fail("%s: unknown key; %s", tostring(key), near and "did you mean " .. near .. "?"
        or "valid: " .. table.concat(keys(FIELDS[kind]), ", "))
    end
    if type(t[key]) ~= expected then fail("%s: a %s expected, got a %s", key, expected, type(t[key])) end
  end
  for _, key in ipairs(NEEDED[kind]) do
    if t[key] then return t end
  end
  fail("%s: missing", table.concat(NEEDED[kind], " or "))
end

--- A batching policy.
-- step(b, e, s): called when there is something to decide; `b` the step being formed (its verbs are valid only
-- here), `e` the engine's knobs, `s` a table of this replica that is the policy's to keep.
-- order(r, e): the place of an arrival in the queue, a number; smaller goes first, ties by arrival.
-- every_step = true: call step before every step, also where nothing changed.
-- clairvoyant = true: the policy may see true output lengths; the result says so.
function policy.batching(t)
  check("batching", t, 2)
  t.kind = "batching"
  return t
end

--- A router. route(c, r, s) returns a replica from 1 to c:size() for the arriving request r.
function policy.router(t)
  check("router", t, 2)
  t.kind = "router"
  return t
end

return policy
