--- What a scenario may say: it is checked against its keys (oracle.scenario.keys), and found wrong in one line.
-- Lua scenarios, --set, the prompt and `oracle run --help` all go through here.
local lazy = require "oracle.lazy"
local dist = lazy "oracle.scenario.dist"
local root = require "oracle.scenario.keys"
local scalar = require "oracle.scenario.scalar"
local spelling = lazy "oracle.text.spelling"
local systems = require "oracle.system"
local units = require "oracle.text.units"

local schema = {}

schema.root = root

-- ---- checking ----

local quote, unknown = scalar.quote, scalar.unknown

local check                                               -- one function per type, below

local function fail(ctx, path, message)
  ctx.errors[#ctx.errors + 1] = path == "" and message or path .. ": " .. message
  return nil
end

-- A key as it is typed; what cannot be typed so stands in brackets.
local function typed(key)
  if type(key) == "string" and key:match("^[%w_%-]+$") then return key end
  return ("[%s]"):format(quote(key))
end

local function join(path, key)
  local name = typed(key)
  return path == "" and name or path .. (name:sub(1, 1) == "[" and "" or ".") .. name
end

local TYPES = {}

function TYPES.scalar(node, value, path, ctx)
  local v, expected, said = scalar.check(node, value)
  if v == nil then return fail(ctx, path, said == "" and expected or said .. ": " .. expected) end
  return v
end

local TEXT = { type = "string" }

function TYPES.path(_, value, path, ctx)
  return TYPES.scalar(TEXT, value, path, ctx)
end

function TYPES.name(_, value, path, ctx)
  if type(value) == "table" then return value end         -- the shape itself, checked where it is used
  if type(value) ~= "string" or value == "" then
    return fail(ctx, path, quote(value) .. ": a name or a path expected")
  end
  return value
end

function TYPES.network(_, value, path, ctx)
  if type(value) == "string" or type(value) == "table" then return value end
  return fail(ctx, path, quote(value) .. ": a topology's name or a table expected")
end

function TYPES.layers(_, value, path, ctx)
  if value == "even" or value == "balanced" then return value end
  if type(value) ~= "table" then
    return fail(ctx, path, quote(value) .. ': "even", "balanced" or a list of counts expected')
  end
  return TYPES.list({ of = { type = "count", min = 1, max = 65535 } }, value, path, ctx)
end

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local WEIGHT = { type = "number", min = 0, max = 1e9 }

-- A name, a list of names alike, or weights by name.
function TYPES.weights(_, value, path, ctx)
  if type(value) == "string" and value ~= "" then return value end
  if type(value) ~= "table" or next(value) == nil then
    return fail(ctx, path, quote(value) .. ": a name, a list of names or { name = weight, ... } expected")
  end
  local out = {}
  for _, key in ipairs(sorted_keys(value)) do
    local name, weight = key, value[key]
    if math.type(key) == "integer" then name, weight = weight, 1 end
    if type(name) ~= "string" then return fail(ctx, join(path, key), quote(name) .. ": a name expected") end
    out[name] = TYPES.scalar(WEIGHT, weight, join(path, name), ctx)
  end
  return out
end

local CHANCE = { type = "number", min = 0, max = 1 }

-- One for all, or a list of them.
function TYPES.chances(_, value, path, ctx)
  if type(value) == "table" then return TYPES.list({ of = CHANCE }, value, path, ctx) end
  return TYPES.scalar(CHANCE, value, path, ctx)
end

TYPES["function"] = function(_, value, path, ctx)
  if type(value) ~= "function" then return fail(ctx, path, quote(value) .. ": a function expected") end
  return value
end

function TYPES.free(_, value, path, ctx)
  if type(value) ~= "table" then return fail(ctx, path, quote(value) .. ": a table expected") end
  return value
end

function TYPES.rows(_, value, path, ctx)
  if type(value) == "table" or type(value) == "string" then return value end
  return fail(ctx, path, quote(value) .. ": a list of rows or the path of a CSV expected")
end

function TYPES.policy(node, value, path, ctx)
  if (type(value) == "string" and value ~= "") or type(value) == "table" then return value end
  return fail(ctx, path, ("%s: the name of a policy in lua/oracle/%s, a path, or a policy expected"):format(
    quote(value), node.folder))
end

function TYPES.dist(node, value, path, ctx)
  if node.dimension and type(value) == "string" then
    local v, why = units.parse(value, node.dimension)
    if not v then return fail(ctx, path, why) end
    value = v
  end
  local d, why = dist.resolve(value, ctx.find)
  if not d then return fail(ctx, path, why) end
  if d.kind == "pairs" then
    return fail(ctx, path, "empirical: columns.prompt, columns.output: both are drawn at once, under lengths")
  end
  local low = node.least and dist.below(d, node.least)
  if low then return fail(ctx, path, low) end
  return d
end

function TYPES.lengths(_, value, path, ctx)
  if type(value) == "function" then return value end
  local d, why = nil, nil
  if type(value) == "table" then d, why = dist.resolve(value, ctx.find) end
  if why then return fail(ctx, path, why) end
  if not d or d.kind ~= "pairs" then
    return fail(ctx, path, "function(rng, i, t) that returns tokens of the prompt and of the output, or "
      .. "oracle.dist.empirical { file =, columns = { prompt =, output = } } expected")
  end
  return d
end

function TYPES.list(node, value, path, ctx)
  if node.wrap then                                       -- one entry may stand for a list of one
    if type(value) == "string" then value = { { name = value } } end
    if type(value) == "number" then value = { value } end
    if type(value) == "table" and next(value) ~= nil and value[1] == nil then value = { value } end
  end
  if type(value) ~= "table" then return fail(ctx, path, quote(value) .. ": a list expected") end
  local out = {}
  for k in pairs(value) do
    if math.type(k) ~= "integer" or k < 1 or k > #value then
      return fail(ctx, path, ("a list { ... } expected, found the key %s"):format(tostring(k)))
    end
  end
  for i, v in ipairs(value) do
    out[i] = check(node.of, v, ("%s[%d]"):format(path, i), ctx)
  end
  if #value == 0 then return fail(ctx, path, "a list with at least one entry expected") end
  if node.most and #value > node.most then
    return fail(ctx, path, ("%d entries: at most %d expected"):format(#value, node.most))
  end
  return out
end

-- What the system that a section names makes of it: the section under our names, with the system's own defaults and
-- knobs. Values under its names for ours are checked here, where the name is still the user's.
local function of_system(node, value, path, ctx)
  local opened, unread = systems.open(value, ctx.find)
  if not opened then fail(ctx, join(path, "system"), unread) end
  local extra = systems.fields(value, node)
  local system = systems.get(value.system)
  for _, key in ipairs(sorted_keys(value)) do
    if extra[key] and not system.own[key] then check(extra[key], value[key], join(path, key), ctx) end
  end
  local function refuse(key, why) fail(ctx, join(path, key), why) end
  local adapted = systems.adapt(value, refuse)
  local known, order = {}, {}
  for i, key in ipairs(node.order) do known[key], order[i] = node.fields[key], key end
  for _, f in ipairs(system.knobs) do
    known[f[1]], order[#order + 1] = f, f[1]
  end
  for _, key in ipairs(system.open and system.open(value) or {}) do
    local without = {}
    for k, v in pairs(known[key]) do without[k] = k ~= "default" and v or nil end
    known[key] = without
  end
  if systems.pending(value) then setmetatable(known, { __index = function() return { type = "free" } end }) end
  return adapted, known, order, systems.knob_names(value, node)
end

-- What stands in a section without keys, read by node.listed; and the rest of it.
local function listed_of(node, value, path, ctx)
  local texts, rest = {}, {}
  for k, v in pairs(value) do
    if math.type(k) == "integer" then texts[k] = v else rest[k] = v end
  end
  if next(texts) == nil then return value, nil end
  local list, why = node.listed(texts)
  if not list then fail(ctx, path, why) end
  return rest, list
end

function TYPES.section(node, value, path, ctx)
  local short = node.shorthand and (type(value) == "string" or node.own and node.own(value))
  if short then value = { [node.shorthand] = value } end
  if type(value) ~= "table" then return fail(ctx, path, quote(value) .. ": a table expected") end
  local known, order, listed = node.fields, node.order, nil
  local names = order
  if node.listed then value, listed = listed_of(node, value, path, ctx) end
  if node.systems then value, known, order, names = of_system(node, value, path, ctx) end
  for _, key in ipairs(sorted_keys(value)) do
    if not known[key] then fail(ctx, join(path, key), unknown(key, names)) end
  end
  local out = {}
  for _, key in ipairs(order) do
    local f, v = known[key], value[key]
    if v == nil and f.complete then v = {} end            -- absent, they are their defaults
    if v ~= nil then
      out[key] = check(f, v, join(path, key), ctx)
    elseif f.required and not ctx.partial and (not f.unless or value[f.unless] == nil) then
      fail(ctx, join(path, key), "missing" .. (f.doc and "; " .. f.doc or ""))
    else
      out[key] = f.default
    end
  end
  out.listed = listed
  return out
end

local function kinds_of(node)
  return sorted_keys(node.kinds)
end

-- The kind of a variant that a name means, however it is written; nil: none.
local function kind_named(node, name)
  if node.kinds[name] then return name end
  for _, kind in ipairs(type(name) == "string" and kinds_of(node) or {}) do
    if spelling.fold(kind) == spelling.fold(name) then return kind end
  end
end

function TYPES.variant(node, value, path, ctx)
  if node.in_full then value = node.in_full(value) end
  if type(value) ~= "table" then
    return fail(ctx, path, ("%s: oracle.workload.poisson { ... } or the like expected"):format(quote(value)))
  end
  local kind = value[node.tag]
  local known = kind_named(node, kind)
  if not known then
    local valid = kinds_of(node)
    local near = kind and spelling.find(tostring(kind), valid)
    return fail(ctx, join(path, node.tag), ("%s; %s"):format(kind and quote(kind) .. ": unknown" or "missing",
      near and "did you mean " .. near .. "?" or "one of " .. table.concat(valid, ", ")))
  end
  local rest = {}
  for k, v in pairs(value) do rest[k] = v end
  rest[node.tag] = nil
  local out = TYPES.section(node.kinds[known], rest, path, ctx)
  if out then out[node.tag] = known end
  return out
end

function TYPES.vary(_, value, path, ctx)
  if type(value) ~= "table" then
    return fail(ctx, path, quote(value) .. ": { { key, { value, ... } }, ... } expected")
  end
  for i, axis in ipairs(value) do
    local where = ("%s[%d]"):format(path, i)
    if type(axis) ~= "table" or type(axis[1]) ~= "string" or type(axis[2]) ~= "table" or #axis[2] == 0 then
      return fail(ctx, where, "{ key, { value, ... } } expected")
    end
    if axis[1] == "vary" or axis[1] == "report" then return fail(ctx, where, axis[1] .. " cannot be varied") end
  end
  if #value == 0 then return fail(ctx, path, "{ { key, { value, ... } }, ... } expected") end
  return value
end

check = function(node, value, path, ctx)
  if node.or_function and type(value) == "function" then return value end
  if scalar.is(node) then return TYPES.scalar(node, value, path, ctx) end
  return TYPES[node.type](node, value, path, ctx)
end

--- Check a scenario that is not complete yet: what is missing is no error, and no file is read.
-- @return true; or nil and the list of messages
function schema.check(raw)
  local ctx = { errors = {}, find = false, partial = true }
  check(root, raw, "", ctx)
  if #ctx.errors > 0 then return nil, ctx.errors end
  return true
end

--- Check a whole scenario.
-- @param raw the scenario's table, as written
-- @param find function(path) -> the path to open; or nil and a message
-- @return the scenario in SI units with defaults filled in; or nil and the list of messages, "key.path: what"
function schema.resolve(raw, find)
  local ctx = { errors = {}, find = find }
  local out = check(root, raw, "", ctx)
  if #ctx.errors > 0 then return nil, ctx.errors end
  return out
end

--- Check one value of a key such as "engine.max_num_seqs".
-- @return true; or nil and a message
function schema.check_value(raw, path, value)
  local node, why = schema.find(raw, path)
  if node == nil then return nil, why end
  if node == true then return true end                    -- inside a distribution: checked as a whole
  local ctx = { errors = {}, find = false, partial = true }
  check(node, value, path, ctx)
  if ctx.errors[1] then return nil, ctx.errors[1] end
  return true
end

--- The node of a dotted path. The scenario tells which kind of workload it is in.
-- @return the node, or true below a distribution; or nil and a message
function schema.find(raw, path)
  if ("." .. path .. "."):find("..", 1, true) then
    return nil, ('"%s": a key such as engine.max_num_seqs expected'):format(path)
  end
  local node, at, so_far = root, raw, ""
  for key in path:gmatch("[^.]+") do
    if node.type == "dist" or node.type == "lengths" or node.type == "free" or node.type == "rows" then return true end
    if node.type == "variant" then
      local kind = type(at) == "table" and at[node.tag]
      if key == node.tag then
        return { type = "choice", values = kinds_of(node) }
      end
      node = node.kinds[kind_named(node, kind)]
      if not node then return nil, ("%s.%s: set %s.%s first"):format(so_far, key, so_far, "kind") end
    end
    if node.type ~= "section" then return nil, ("%s: holds no key %s"):format(so_far, key) end
    so_far = join(so_far, key)
    local known = node.fields[key] or node.systems and systems.fields(at, node)[key]
    if not known and node.systems and systems.pending(at) then return true end
    if not known then
      return nil, ("%s: %s"):format(so_far, unknown(key, node.systems and systems.knob_names(at, node) or node.order))
    end
    node = known
    at = type(at) == "table" and at[key] or nil
  end
  return node
end

--- The row of a dotted path, for what is checked elsewhere: a key of a configuration file that stands for it.
-- @param kind of workload, for paths in it
function schema.row(path, kind)
  return assert(schema.find(kind and { workload = { kind = kind } } or {}, path))
end

--- Set a dotted path in a scenario's table, making the tables on the way.
-- @return true; or nil and a message
function schema.set(raw, path, value)
  local ok, why = schema.find(raw, path)
  if ok and value ~= nil then ok, why = schema.check_value(raw, path, value) end
  if not ok then return nil, why end
  local keys = {}
  for key in path:gmatch("[^.]+") do keys[#keys + 1] = key end
  local at = raw
  for i = 1, #keys - 1 do
    local inner = at[keys[i]]
    if type(inner) ~= "table" then
      local node = root.fields[keys[i]]
      inner = type(inner) == "string" and node and node.shorthand and { [node.shorthand] = inner } or {}
      at[keys[i]] = inner
    end
    at = inner
  end
  at[keys[#keys]] = value
  return true
end

local function default_of(node)
  if node.default == nil then return "" end
  if type(node.default) == "table" then return table.concat(node.default, ", ") end
  return tostring(node.default)
end

local function describe(node, path, lines)
  for _, key in ipairs(node.order) do
    local f = node.fields[key]
    local full = join(path, key)
    local doc = f.doc or ""
    if f.type == "choice" then doc = ("%s (%s)"):format(doc, table.concat(f.values, ", ")) end
    lines[#lines + 1] = { full, default_of(f), doc, f }
    if f.type == "section" then describe(f, full, lines) end
  end
end

--- Every key with its default, meaning and row, for help: a list of { key, default, doc, row }; of each kind of
-- workload { "workload (KIND)", "", doc } and its keys.
function schema.describe()
  local lines = {}
  describe(root, "", lines)
  local workload = root.fields.workload
  for _, kind in ipairs(kinds_of(workload)) do
    local node = workload.kinds[kind]
    lines[#lines + 1] = { "workload (" .. kind .. ")", "", node.doc }
    describe(node, "workload", lines)
  end
  return lines
end

--- The keys below a dotted path ("" is the top), for completion.
function schema.keys(raw, path)
  local node, at = root, raw
  for key in path:gmatch("[^.]+") do
    if not node.fields then return {} end
    node = node.fields[key]
    at = type(at) == "table" and at[key] or nil
    if not node then return {} end
    if node.type == "variant" then
      node = type(at) == "table" and node.kinds[kind_named(node, at[node.tag])] or { order = {} }
    end
  end
  local keys = {}
  for _, k in ipairs(node.order or {}) do keys[#keys + 1] = k end
  return keys
end

--- The key that tells which kind a section is of ("kind" for the workload), or nil.
function schema.tag(raw, path)
  local node = path ~= "" and schema.find(raw, path)
  return type(node) == "table" and node.tag or nil
end

return schema
