--- Requests that a Lua function makes, one by one or in blocks; docs/workloads.md shows how to write one.
--   oracle.workload.generator { next = function(g) ... end, answered = function(g, request) ... end, count = 1000 }
--   oracle.workload.generator "agents.lua"        the file returns such a table; it runs in the sandbox of policies
--   oracle.workload.generator { "agents.lua", params = { agents = 8 }, count = 1000 }
local fields = require "oracle.scenario.fields"
local keys = require "oracle.workload.parts.keys"
local lazy = require "oracle.lazy"
local ordered = require "oracle.text.ordered"
local sandbox = lazy "oracle.policy.sandbox"
local scalar = lazy "oracle.scenario.scalar"
local spelling = require "oracle.text.spelling"

-- What a file may say, and what a scenario may say beside it.
local OWN = { name = "string", next = "function", fill = "function", answered = "function", params = "table",
              classes = "table", shares = "boolean" }

-- nil where a table can be a generator; else why not.
local function wrong(t)
  for _, key in ipairs(ordered.keys(t)) do
    if not OWN[key] then return ("%s: %s"):format(key, (scalar.unknown(key, ordered.keys(OWN)))) end
    if type(t[key]) ~= OWN[key] then return ("%s: a %s expected, got a %s"):format(key, OWN[key], type(t[key])) end
  end
  if t.next and t.fill then return "fill: next is given too; leave one out" end
  if not t.next and not t.fill then return "next: missing; a function(g) that returns a request or nil" end
  for i, name in ipairs(t.classes or {}) do
    if type(name) ~= "string" or name == "" then return ("classes[%d]: a name expected"):format(i) end
  end
end

-- Parameters of the file with the scenario's in their place.
local function params_of(t, w)
  local own = {}
  for k, v in pairs(t.params or {}) do own[k] = v end
  for _, key in ipairs(w.params and t.params and ordered.keys(w.params) or {}) do
    if own[key] == nil then
      local near = spelling.find(tostring(key), ordered.keys(own))
      return nil, ("params.%s: unknown; %s"):format(key, near and "did you mean " .. near .. "?"
        or "valid: " .. table.concat(ordered.keys(own), ", "))
    end
    if type(w.params[key]) ~= type(own[key]) then
      return nil, ("params.%s: a %s expected, got a %s"):format(key, type(own[key]), type(w.params[key]))
    end
  end
  for k, v in pairs(w.params or {}) do own[k] = v end
  return own
end

-- The engine's form of a generator (src/bind/workload/generator.h).
local function form(t, w)
  local why = wrong(t)
  if why then return nil, why end
  local params
  params, why = params_of(t, w)
  if not params then return nil, why end
  local shares = w.shares
  if shares == nil then shares = t.shares or t.answered ~= nil end
  return {
    arrivals = "scripted", count = w.count, duration = w.duration, shares = shares or nil, name = w.name or t.name,
    generator = { next = t.next, fill = t.fill, answered = t.answered, params = params,
                  classes = w.classes or t.classes },
  }
end

-- What a file sees besides what a policy's does: a generator may be a loop that yields its requests.
local GIVEN = { globals = { coroutine = { yield = coroutine.yield } } }

-- The same of a file: it returns a table of functions, or `next` alone.
local function from_file(path, w)
  local made, broken = sandbox.load(path, GIVEN)
  if made == nil then
    return nil, "path: " .. (broken and broken:match "^[^\n]*" or path .. ": returns nothing")
  end
  if type(made) == "function" then made = { next = made } end
  if type(made) ~= "table" then
    return nil, ("path: %s: returns a %s; `return { next = function(g) ... end }` expected"):format(path, type(made))
  end
  local t = {}
  for k, v in next, made do t[k] = v end
  local out, why = form(t, w)
  if out or why:match "^params" then return out, why end
  return nil, ("path: %s: %s"):format(path, why)
end

local FUNCTION = "a function of a generator; docs/workloads.md"

return {
  doc = "requests that a Lua function or file makes",
  keys = {
    { "path", "path", doc = "a file that returns { next = function(g) ... end }; or the functions here" },
    { "next", "function", doc = FUNCTION }, { "fill", "function", doc = FUNCTION },
    { "answered", "function", doc = FUNCTION },
    { "params", "free", doc = "what the functions find in g.params" },
    { "classes", "list", of = { type = "string" }, doc = "names that requests may be counted under" },
    { "shares", "boolean", doc = "requests say what their prompts share (prefix, text); true with answered" },
    keys.COUNT, keys.DURATION, fields.seconds("timeout", "from arrival until the client gives up", { open = true }),
    { "name", "string", doc = "of the profile in results" },
  },
  told_by = { "next", "fill" },
  shorthand = "path",
  engine = function(w, run)
    if w.path and (w.next or w.fill) then return nil, "path: next or fill is given too; leave one out" end
    if not w.path then return form({ next = w.next, fill = w.fill, answered = w.answered }, w) end
    local found, why = run.find(w.path)
    if not found then return nil, ("path: %s: %s"):format(w.path, why) end
    local out
    out, why = from_file(found, w)
    if out then
      out.again = function() return assert(from_file(found, w)) end
    end
    return out, why
  end,
}
