--- Serving systems: what a system's defaults are, what it calls its knobs, and the policies it runs.
-- One file each (vllm.lua, sglang.lua ...) makes a table with `system.new`; the engine's own knobs carry vLLM's names,
-- and every system takes those as well as its own.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local paths = lazy "oracle.text.paths"
local sandbox = lazy "oracle.policy.sandbox"
local finder = lazy "oracle.text.finder"
local spelling = lazy "oracle.text.spelling"

local system = {}

--- The systems there are.
function system.names()
  return finder.names "system"
end

local by_path = {}                                        -- path as written -> the system last read from there
local is_system = setmetatable({}, { __mode = "k" })

local FIELDS = { name = "string", also = "table", version = "string", source = "string", defaults = "table",
                 aliases = "table", knobs = "table", open = "function", fill = "function", room = "function",
                 settle = "function", rules = "function", computed_only = "boolean", kv_loading = "string",
                 versions = "table", fitted_as = "string", off = "table", batching = "function",
                 router = "function", shape = "function" }

--- A serving system.
-- @param t { name =, also = other names it goes by, version = what is modelled,
--   versions = those that engine.version may name (oracle.system.versions),
--   fitted_as = the engine whose fits say what its steps take, where it has none of its own,
--   source = where its behaviour and defaults are written down,
--   defaults = { knob = value } where they differ from vLLM's,
--   aliases = { its name of a knob = vLLM's },
--   knobs = { own ones, as in oracle.scenario.keys }, open = function(raw) -> those of ours that have no default until
--     `fill` gives one, fill = function(e, hardware, model) for defaults that depend on these,
--   room = function(e, gpu, weights, activations) -> B of a GPU for the KV cache and B that the model may use, where
--     they are not what gpu_memory_utilization of the memory leaves and is,
--   settle = function(e, tokens) for knobs that depend on its size,
--   rules = function(e) -> what its scheduler and KV cache manager do where engines differ (src/replica/rules.h),
--   computed_only = true where requests of one step find nothing of one another in the prefix cache,
--   off = { alias = knob }: 0 or -1 for the alias says that the knob is false,
--   kv_loading = how blocks come back from lower tiers, where it is not before the step that needs them,
--   batching = function(e) -> a policy's name or { name, parameter = value ... }, router = the same for routing,
--   shape = function(r): may say what pools a checked scenario has }
function system.new(t)
  if type(t) ~= "table" then error(("system.new: a table expected, got a %s"):format(type(t)), 2) end
  local names = {}
  for k in pairs(FIELDS) do names[#names + 1] = k end
  for k, v in pairs(t) do
    if not FIELDS[k] then
      local near = spelling.find(tostring(k), names)
      error(("system.%s: unknown key%s"):format(tostring(k), near and "; did you mean " .. near .. "?" or ""), 2)
    end
    if FIELDS[k] ~= type(v) then error(("system.%s: a %s expected, got a %s"):format(k, FIELDS[k], type(v)), 2) end
  end
  if not t.batching then error("system.batching: missing; a function that gives a policy's name expected", 2) end
  for _, k in ipairs { "also", "defaults", "aliases", "knobs", "off" } do t[k] = t[k] or {} end
  t.own = {}
  for _, f in ipairs(t.knobs) do
    f.type = f.type or f[2]
    t.own[f[1]] = f
  end
  is_system[t] = true
  return t
end

-- ---- systems of a user's own, by the path of a file ----

--- Whether a name is the path of a file that makes a system.
function system.is_path(name)
  return type(name) == "string" and name:match("%.lua$") ~= nil
end

-- One whose file has not been read yet: it may have any knobs.
local unread = system.new { name = "unread", batching = function() return "chunked" end }

-- Its functions run as those of policies do: not without end, and what goes wrong has its file and line.
local function guarded(made)
  for k, v in pairs(made) do
    if type(v) == "function" then
      made[k] = function(...) return core.sim.guard(v, ...) end
    end
  end
end

--- What a file may require besides what a policy's may.
function system.modules()
  return { ["oracle.system"] = { new = system.new, get = system.get } }
end

--- Whether a value is what system.new made.
function system.is(v)
  return type(v) == "table" and is_system[v] ~= nil
end

local function read(path)
  local made, why = sandbox.load(path, { modules = system.modules() })
  if not made then return nil, why and why:match("^[^\n]*") or path .. ": returns nothing; a system expected" end
  if not is_system[made] then
    return nil, ("%s: returns a %s; `return system.new { ... }` expected"):format(path, type(made))
  end
  guarded(made)
  made.folder, made.name = paths.folder(path), made.name or path:match("([^/]*)%.lua$")
  return made
end

--- Read the file of a section's system, where it is one; the functions below then know it by that path.
-- @param raw the section `engine` as written
-- @param find function(path) -> the path to open; or nil and a message. false: files are not looked for
-- @return true; or nil and a message
function system.open(raw, find)
  local name = type(raw) == "table" and raw.system
  if not find or not system.is_path(name) then return true end
  local path, why = find(name)
  if not path then return nil, ("%s: %s"):format(name, why) end
  by_path[name], why = read(path)
  if not by_path[name] then return nil, why end
  return true
end

--- Whether what a section's system has is not known yet.
function system.pending(raw)
  return system.get(type(raw) == "table" and raw.system or nil) == unread
end

--- The name among system.names() that is meant, or nil.
function system.find(name)
  if type(name) ~= "string" then return nil end
  if system.is_path(name) then return name end
  local found = finder.find("system", name)
  if found then return found end
  local folded = spelling.fold(name)
  for _, known in ipairs(system.names()) do
    for _, other in ipairs(finder.load("system", known).also) do
      if spelling.fold(other) == folded then return known end
    end
  end
  return nil
end

--- A system by name; vllm when the name is nil or unknown.
function system.get(name)
  name = name or "vllm"
  if system.is_path(name) then return by_path[name] or unread end
  return finder.load("system", system.find(name) or "vllm")
end

--- The fields that a system adds to the section `engine` of a scenario, for oracle.scenario.schema.
-- @param raw the section as written
-- @param node the schema's section
-- @return { key = field }; an alias's field is that of the knob it stands for
function system.fields(raw, node)
  local s = system.get(type(raw) == "table" and raw.system or nil)
  local out = {}
  for k, f in pairs(s.own) do out[k] = f end
  for k, target in pairs(s.aliases) do out[k] = node.fields[target] end
  for k in pairs(s.off) do
    local field = { min = -1 }
    for name, v in pairs(out[k]) do field[name] = field[name] or v end
    out[k] = field
  end
  return out
end

--- The names of all knobs of the section `engine`: ours, the system's own, and what it calls ours.
-- @param raw, node as above
-- @return a list
function system.knob_names(raw, node)
  local names, more = table.move(node.order, 1, #node.order, 1, {}), {}
  for k in pairs(system.fields(raw, node)) do more[#more + 1] = k end
  table.sort(more)
  return table.move(more, 1, #more, #names + 1, names)
end

-- An alias switches a knob off.
local function switch_off(out, name, knob, refuse)
  if out[knob] == true then refuse(name, ("switches off what %s = true asks for; one expected"):format(knob)) end
  out[knob] = false
end

--- The section `engine` with the knobs under vLLM's names and the system's own defaults.
-- @param raw the section as written
-- @param refuse function(key, message): a knob is given twice
-- @return a table of its own
function system.adapt(raw, refuse)
  local s = system.get(raw.system)
  local out = {}
  for k, v in pairs(raw) do
    if not s.aliases[k] then out[k] = v end
  end
  local names = {}
  for name in pairs(s.aliases) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local target, v = s.aliases[name], raw[name]
    if v ~= nil then
      if out[target] ~= nil then refuse(name, ("the same knob as %s; one of them expected"):format(target)) end
      if s.off[name] and type(v) == "number" and v <= 0 then
        switch_off(out, name, s.off[name], refuse)
      else
        out[target] = v
      end
    end
  end
  for k, v in pairs(s.defaults) do
    if out[k] == nil then out[k] = v end
  end
  if raw.system ~= nil and system.find(raw.system) then out.system = system.find(raw.system) end
  return out
end

return system
