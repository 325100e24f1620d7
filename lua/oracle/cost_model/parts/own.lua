--- A cost model of a user's own: a file that returns a function or a table, or the like in a scenario. docs/costs.md
-- says what it may hold; src/bind/cost/own_cost.h is what the engine makes of it.
local lazy = require "oracle.lazy"
local calc = lazy "oracle.calc"
local ordered = lazy "oracle.text.ordered"
local sandbox = lazy "oracle.policy.sandbox"
local scalar = lazy "oracle.scenario.scalar"
local spelling = lazy "oracle.text.spelling"

local own = {}

local ITEMS = { "gemm", "attention", "lm_head", "other", "collective", "exchange", "overhead" }
local FIELDS = { name = "string", params = "table", step = "function", add = "function", decode = "function" }
for _, item in ipairs(ITEMS) do FIELDS[item] = "function" end

local source_of = setmetatable({}, { __mode = "k" })      -- what own.engine made -> { made =, about = }

local function fail(where, ...)
  error(("%s: %s"):format(where, string.format(...)), 0)
end

local function check_fields(t, where)
  local valid = ordered.keys(FIELDS)
  for _, key in ipairs(ordered.keys(t)) do
    local expected = FIELDS[key]
    if not expected then fail(where, "%s: %s", tostring(key), (scalar.unknown(key, valid))) end
    if type(t[key]) ~= expected then fail(where, "%s: a %s expected, got a %s", key, expected, type(t[key])) end
  end
end

local function merge(defaults, given, where)
  local out = {}
  for k, v in pairs(defaults or {}) do out[k] = v end
  for _, k in ipairs(ordered.keys(given)) do
    local v = given[k]
    if out[k] == nil then
      local valid = ordered.keys(defaults or {})
      local near = spelling.find(tostring(k), valid)
      fail("cost.params." .. tostring(k), "unknown parameter of %s; %s", where, near and "did you mean " .. near .. "?"
        or #valid > 0 and "valid: " .. table.concat(valid, ", ") or "it has none")
    end
    if type(v) ~= type(out[k]) then
      fail("cost.params." .. tostring(k), "a %s expected, got a %s", type(out[k]), type(v))
    end
    out[k] = v
  end
  return out
end

-- A model from what a file returned or a scenario holds.
local function model_of(v, given, where)
  if type(v) == "function" then v = { step = v } end
  if type(v) ~= "table" then
    fail(where, "a function or a table of functions expected, got %s", v == nil and "nothing" or "a " .. type(v))
  end
  check_fields(v, where)
  local made, any = { name = v.name or where:match("([^/]*)%.lua$") or "own", items = {} }, false
  for _, key in ipairs { "step", "add", "decode" } do
    made[key] = v[key]
    any = any or v[key] ~= nil
  end
  for _, item in ipairs(ITEMS) do
    made.items[item] = v[item]
    any = any or v[item] ~= nil
  end
  if not any then fail(where, "step, decode, add or an item (%s) expected", table.concat(ITEMS, ", ")) end
  if made.step and next(made.items) then
    fail(where, "%s: step prices all of a step; leave one of them out", ordered.keys(made.items)[1])
  end
  made.params = merge(v.params, given, made.name)
  return made
end

--- What a file sees besides what a policy's does: see oracle.policy.sandbox.
function own.given()
  local oracle = { calc = calc.plain() }
  return { globals = { oracle = oracle, calc = oracle.calc }, modules = { ["oracle.calc"] = oracle.calc } }
end

local function from_file(path, params)
  local v, wrong = sandbox.load(path, own.given())
  if v == nil and wrong then error("cost: " .. wrong:match("^[^\n]*"), 0) end
  return model_of(v, params, path)
end

--- The model that `cost.kind` stands for.
-- @param kind the path of a file, a function or a table of functions
-- @param params what the scenario sets of its parameters
-- @param find function(path) -> the path to open; or nil and a message
-- @return a model, for own.engine; raises one line
function own.resolve(kind, params, find)
  if type(kind) ~= "string" then
    local made = model_of(kind, params, "cost")
    return made
  end
  local path, why = kind, nil
  if find then path, why = find(kind) end
  if not path then error(("cost: %s: %s"):format(kind, why), 0) end
  local made = from_file(path, params)
  made.again = function() return from_file(path, params) end
  return made
end

--- What the engine takes: see src/bind/cost/own_cost.h.
function own.engine(made, about)
  local told = { params = made.params }
  for k, v in pairs(about) do told[k] = v end
  local spec = { name = made.name, step = made.step, add = made.add, decode = made.decode, items = made.items,
                 about = told }
  source_of[spec] = { made = made, about = about }
  return spec
end

--- The same for another simulation.
function own.fresh(spec)
  local source = spec and source_of[spec]
  if not source or not source.made.again then return spec end
  return own.engine(source.made.again(), source.about)
end

return own
