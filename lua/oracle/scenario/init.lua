--- A scenario: one question, as a value that can be looked at, changed key by key, and run.
-- What the user wrote is kept as written ("4 req/s"); every assignment is checked against oracle.scenario.schema, so a
-- mistyped key is an error at once and not a knob without effect.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local paths = lazy "oracle.text.paths"
local policies = lazy "oracle.policy"
local schema = require "oracle.scenario.schema"
local world = require "oracle.scenario.world"

local scenario = {}

local raw_of = setmetatable({}, { __mode = "k" })         -- view -> the table behind it
local path_of = setmetatable({}, { __mode = "k" })        -- view -> dotted path of the section it shows
local origin_of = setmetatable({}, { __mode = "k" })      -- scenario -> { path, folder, typed }

-- Distributions, workloads and lists are copied, so that two scenarios share nothing; policies are not.
local function copy(v, depth)
  if type(v) ~= "table" or getmetatable(v) ~= nil then return v end
  if policies.is(v) then return v end
  if depth > 16 then error("a table within itself", 0) end
  local t = {}
  for k, inner in pairs(v) do t[k] = copy(inner, depth + 1) end
  return t
end

local KEPT = { network = true, batching = true, router = true, model = true, hardware = true }

local function copy_top(raw)
  local t = {}
  for k, v in pairs(raw) do t[k] = KEPT[k] and v or copy(v, 1) end
  return t
end

--- One line for a list of messages.
local function one_line(errors)
  local more = #errors - 1
  return errors[1] .. (more > 0 and (" (and %d more)"):format(more) or "")
end

local function look_up(raw, path)
  local at = raw
  for key in path:gmatch("[^.]+") do
    if type(at) ~= "table" then return nil end
    local inner = at[key]
    if inner == nil then inner = at[math.tointeger(key)] end
    at = inner
  end
  return at
end

local function join(path, key)
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

local METHODS = {}
local view

local function read(self, key)
  local path = path_of[self]
  if path == "" and METHODS[key] then return METHODS[key] end
  local raw, full = raw_of[self], join(path, key)
  if type(key) ~= "string" then return nil end
  local node = schema.find(raw, full)
  local value = look_up(raw, full)
  if type(node) ~= "table" then return value end
  if node.type == "section" and (value == nil or type(value) == "table") then return view(raw, full) end
  if node.type == "variant" and type(value) == "table" then return view(raw, full) end
  if value == nil then return copy(node.default, 1) end
  return value
end

local function write(self, key, value)
  local ok, why = schema.set(raw_of[self], join(path_of[self], key), value)
  if not ok then error(why, 0) end
end

local function each(self)
  local raw, path = raw_of[self], path_of[self]
  local keys, i = schema.keys(raw, path), 0
  if schema.tag(raw, path) then table.insert(keys, 1, schema.tag(raw, path)) end
  return function()
    while keys[i + 1] do
      i = i + 1
      local full = join(path, keys[i])
      local node, v = schema.find(raw, full), self[keys[i]]
      local absent = type(node) == "table" and node.type == "section" and not node.complete and not look_up(raw, full)
      if v ~= nil and not absent then return keys[i], v end
    end
  end
end

local VIEW = { __index = read, __newindex = write, __pairs = each, __name = "oracle.scenario" }

view = function(raw, path)
  local v = setmetatable({}, VIEW)
  raw_of[v], path_of[v] = raw, path
  return v
end

--- Make a scenario.
-- @param t the keys of oracle.scenario.schema; what is missing is asked for when it runs
-- @return the scenario; raises "key: what is wrong"
function scenario.new(t)
  if type(t) ~= "table" then error(("oracle.scenario: a table expected, got a %s"):format(type(t)), 2) end
  if scenario.is(t) then return t:copy() end
  if t.requests ~= nil and t.workload == nil then
    t = copy_top(t)
    t.workload, t.requests = { kind = "requests", requests = t.requests }, nil
  end
  local ok, errors = schema.check(t)
  if not ok then error(one_line(errors), 0) end
  local s = view(copy_top(t), "")
  origin_of[s] = { typed = {} }
  return s
end

--- True for a scenario made by scenario.new (and not for a section of one).
function scenario.is(v)
  return type(v) == "table" and path_of[v] == ""
end

-- The first line of an error value, for people. What is neither text nor tells its own cannot be shown.
local function first_line(err)
  local meta = getmetatable(err)
  if type(err) == "table" and not (type(meta) == "table" and meta.__tostring) then
    local said = rawget(err, "message")
    if said == nil then said = rawget(err, 1) end
    if type(said) == "string" or type(said) == "number" then err = said end
  end
  if type(err) ~= "string" and type(err) ~= "number" and not (type(meta) == "table" and meta.__tostring) then
    return err == nil and "an error without a message" or ("%s raised as an error, a text expected"):format(type(err))
  end
  return (tostring(err):match("^[^\n]*"):gsub(" not found:$", " not found"))
end

-- "path: what", unless the message begins with the path already, as Lua's own do.
local function about(path, message)
  if message:sub(1, #path + 1) == path .. ":" then return message end
  return path .. ": " .. message
end

--- The text of a scenario's file.
-- @return the text; or nil and one line that says why there is none
function scenario.read(path)
  local f, why = io.open(path, "r")
  if not f then return nil, (why:gsub("No such file or directory", "no such file")) end
  local text, unreadable = paths.text(f)
  f:close()
  if not text then return nil, about(path, unreadable) end
  return text
end

local POLICIES = { "batching", "router", "admission", "eviction", "autoscaling.policy" }

--- Where the autoscalers of pools and groups stand in a scenario: a list of dotted paths.
function scenario.scalers(s)
  local list, groups = { "pools.prefill.autoscaling.policy", "pools.decode.autoscaling.policy" }, raw_of[s].groups
  for i in ipairs(type(groups) == "table" and groups or {}) do
    list[#list + 1] = ("groups.%d.autoscaling.policy"):format(i)
  end
  return list
end

--- The value of a path as written, or nil; into lists too, as in groups.1.replicas.
function scenario.at(s, path)
  return look_up(raw_of[s], path)
end

-- Policies in the file of a scenario come anew with it.
local function remember_policies(s, again)
  local keys = scenario.scalers(s)
  table.move(POLICIES, 1, #POLICIES, #keys + 1, keys)
  for _, key in ipairs(keys) do
    local p = look_up(raw_of[s], key)
    if policies.is(p) and not policies.source(p) then
      policies.remember(p, function()
        local other = again()
        local made = other and look_up(raw_of[other], key)
        return policies.is(made) and made or nil
      end)
    end
  end
end

-- A file of Lua may say what one says at the prompt; nothing of that is loaded unless it does. `use.output` is true
-- once it has asked for what writes.
local function file_globals(use)
  local prompt
  return setmetatable({}, { __index = function(_, name)
    if name == "print" or name == "io" then use.output = true end
    if _G[name] ~= nil and name ~= "load" then return _G[name] end
    prompt = prompt or world.globals()
    return prompt[name]
  end })
end

-- What a file that is no Lua comes to; nothing where it is neither.
local function configuration(path, text)
  if not world.configuration or path:match("%.luac?$") then return nil end
  local ok, s, why = pcall(world.configuration, path, text)
  if not ok then return nil, about(path, first_line(s)) end
  return s, why and about(path, why)
end

--- Run the file of a scenario, or read the configuration it is.
-- @param text what the file holds, where it has been read already
-- @param globals a table; those of the prompt without one
-- @return the scenario; or nil, one line that says why there is none, true when the file ran and returned nothing, and
-- true when it may have written something
function scenario.load(path, text, globals)
  local unreadable
  if not text then text, unreadable = scenario.read(path) end
  if not text then return nil, unreadable end
  local config, bad = configuration(path, text)
  if config or bad then return config, bad end
  if text:sub(1, 1) == "\27" then return nil, about(path, "is compiled; the text of a scenario expected") end
  text = text:gsub("^\239\187\191", ""):gsub("^#[^\n]*", "")
  local use = { output = false }
  local chunk, wrong = load(text, "@" .. path, "t", globals or file_globals(use))
  if not chunk then return nil, about(path, first_line(wrong)) end
  local before = core.sim.chance(true)                    -- what it draws is the same whenever it is read
  local ok, s = pcall(chunk)
  core.sim.chance(before)
  if not ok then return nil, about(path, first_line(s)) end
  if not scenario.is(s) then
    local got = s == nil and "returns nothing" or ("returns a %s"):format(type(s))
    return nil, about(path, got .. "; `return oracle.scenario { ... }` expected"), s == nil, use.output
  end
  origin_of[s].path, origin_of[s].folder = path, paths.folder(path)
  remember_policies(s, function() return scenario.load(path, text, globals) end)
  return s
end

--- The same for a file that holds one; raises the line that says why there is none.
function scenario.open(path)
  local s, why = scenario.load(path)
  return s or error(why, 0)
end

--- Where a scenario comes from: { path =, folder = }, both nil when it was made at the prompt; beside = { { name =,
-- scenario = }, ... } where its file has several deployments, this one the first; warnings = what its file says without
-- effect, in lines.
function scenario.origin(s)
  return origin_of[s]
end

--- The table behind a scenario, as written. For oracle.plan.
function scenario.raw(s)
  return raw_of[s]
end

--- Give a scenario other objectives of all its requests (oracle.scenario.slo); those of each request stay.
-- @param texts a list
function scenario.objectives(s, texts)
  local own = {}
  for key, limit in pairs(raw_of[s].slo or {}) do
    if type(key) == "string" then own[key] = limit end
  end
  s.slo = table.move(texts, 1, #texts, 1, own)
end

--- Give a key another value.
-- @param path such as "engine.max_num_seqs"
-- @param typed true when it was typed on a command line: a path in it is then looked for in the current folder first
-- @return the scenario; raises "key: what is wrong"
function METHODS.set(self, path, value, typed)
  local ok, why = schema.set(raw_of[self], path, value)
  if not ok then error(why, 0) end
  local path_or_name = type(value) == "table" and rawget(value, 1) or value
  if typed and type(path_or_name) == "string" then origin_of[self].typed[path_or_name] = true end
  return self
end

--- The value of a key as written, or its default.
function METHODS.get(self, path)
  local at = self
  for key in path:gmatch("[^.]+") do
    if type(at) ~= "table" then return nil end
    at = at[key]
  end
  return at
end

--- A scenario of its own with the same keys.
function METHODS.copy(self)
  local s = view(copy_top(raw_of[self]), "")
  local o = origin_of[self]
  origin_of[s] = { path = o.path, folder = o.folder, typed = copy(o.typed, 1) }
  return s
end

--- Run it.
-- @param options see oracle.study.run
-- @return its summary, or the list of points of a `vary`
function METHODS.run(self, options)
  return world.run(self, options)
end

--- The names that may follow a scenario (or a section of one): keys after ".", methods after ":".
function scenario.names(v, separator)
  local names = {}
  if separator == ":" then
    if path_of[v] == "" then
      for name in pairs(METHODS) do names[#names + 1] = name end
    end
  else
    names = schema.keys(raw_of[v], path_of[v])
    names[#names + 1] = schema.tag(raw_of[v], path_of[v])
  end
  table.sort(names)
  return names
end

--- True for a scenario or a section of one.
function scenario.is_view(v)
  return type(v) == "table" and path_of[v] ~= nil
end

scenario.one_line = one_line
scenario.first_line = first_line
scenario.about = about

return scenario
