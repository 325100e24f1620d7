--- Where policies run: without clock, files or chance of their own, so that a run depends on its seed alone.
-- `pairs` goes in the order of keys, math.random draws from the engine's stream of whoever is asked (its replica, the
-- router ...), and what a file keeps between calls is in the table `s` it is given, so assigning a global is an error.
-- A file that runs or takes memory without end is stopped while it loads, as it is while it is called.
local sandbox = {}

local MODULES = { ["oracle.policy"] = true }              -- what a policy may require, besides other policies
local FOLDERS = { batching = true, routing = true, admission = true, scaling = true, eviction = true }

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return RANK[ta] < RANK[tb] end
  if ta == "boolean" then return not a and b end
  return a < b
end

local function keys_of(t)
  local keys = {}
  for k in next, t do
    if not RANK[type(k)] then error(("a key of type %s has no place in an order"):format(type(k)), 3) end
    keys[#keys + 1] = k
  end
  table.sort(keys, before)
  return keys
end

local function ordered_pairs(t)
  local keys, i = keys_of(t), 0
  return function()
    local k
    repeat
      i = i + 1
      k = keys[i]
    until k == nil or t[k] ~= nil                         -- an entry may be cleared on the way
    if k ~= nil then return k, t[k] end
  end, t, nil
end

-- Addresses differ from run to run.
local function plain_tostring(v)
  local kind = type(v)
  if kind == "number" or kind == "string" or kind == "boolean" or kind == "nil" then return tostring(v) end
  local meta = getmetatable(v)
  if type(meta) == "table" and meta.__tostring then return tostring(v) end
  return kind
end

local function print_to_stderr(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = plain_tostring(list[i]) end
  io.stderr:write(table.concat(list, "\t"), "\n")
end

-- What the collector does must not be seen.
local function careful_setmetatable(t, meta)
  if type(meta) == "table" and (rawget(meta, "__gc") ~= nil or rawget(meta, "__mode") ~= nil) then
    error("__gc and __mode are not to be had in a policy", 2)
  end
  return setmetatable(t, meta)
end

local function careful_getmetatable(v)
  if type(v) == "string" then return nil end              -- shared by all of Lua
  return getmetatable(v)
end

local function careful_format(format, ...)
  if type(format) == "string" and format:find("%%[%-+ #0-9.]*p") then error("%p: an address is not to be had", 2) end
  local list = table.pack(...)
  for i = 1, list.n do
    if type(list[i]) ~= "number" then list[i] = plain_tostring(list[i]) end
  end
  return string.format(format, table.unpack(list, 1, list.n))
end

local function copy(t, without)
  local c = {}
  for k, v in next, t do
    if not without[k] then c[k] = v end
  end
  return c
end

local function chance(...)
  return require("oracle.core").sim.random(...)
end

local function environment(require_policy)
  local env = {
    _VERSION = _VERSION, assert = assert, error = error, getmetatable = careful_getmetatable, ipairs = ipairs,
    next = function(t) return ordered_pairs(t)() end, pairs = ordered_pairs, pcall = pcall, print = print_to_stderr,
    rawequal = rawequal, rawget = rawget, rawlen = rawlen, rawset = rawset, require = require_policy,
    select = select, setmetatable = careful_setmetatable, tonumber = tonumber, tostring = plain_tostring, type = type,
    xpcall = xpcall,
    math = copy(math, { random = true, randomseed = true }), string = copy(string, { dump = true }),
    table = copy(table, {}), utf8 = copy(utf8, {}),
  }
  env.math.random, env.string.format = chance, careful_format
  env._G = env
  return setmetatable(env, {
    __index = function(_, name)
      error(("%s: no such thing in a policy (no clock, no files; see docs/policies.md)"):format(tostring(name)), 2)
    end,
    __newindex = function(_, name)
      error(("%s: a policy has no globals; declare it local, or keep it in the table s"):format(tostring(name)), 2)
    end,
    __metatable = false,
  })
end

local function require_policy(name)
  if MODULES[name] then return require(name) end
  local folder = type(name) == "string" and name:match("^oracle%.(%w+)%.[%w_]+$")
  if FOLDERS[folder] then return sandbox.load_module(name) end
  error(("require: %s: a policy may require oracle.policy and other policies, such as oracle.batching.chunked")
    :format(tostring(name)), 2)
end

--- Run a policy file.
-- @param path of the file
-- @return what it returns; or nil and one line that says why there is nothing
function sandbox.load(path)
  local f, why = io.open(path, "r")
  if not f then return nil, why end
  local text = f:read("a")
  f:close()
  if not text then return nil, path .. ": cannot be read" end
  local chunk, wrong = load(text:gsub("^#[^\n]*", ""), "@" .. path, "t", environment(require_policy))
  if not chunk then return nil, wrong end
  local ok, made = pcall(require("oracle.core").sim.guard, chunk)
  if not ok then return nil, tostring(made) end
  return made
end

local loaded = {}

--- A policy that comes with oracle, such as "oracle.batching.chunked", as if it were a user's own file.
-- @return the policy; nil when there is no such module. Raises when its file is wrong.
function sandbox.load_module(name)
  if loaded[name] then return loaded[name] end
  local path = package.searchpath(name, package.path)
  if not path then return nil end
  local made, why = sandbox.load(path)
  if made == nil then error(why, 0) end
  loaded[name] = made
  return made
end

return sandbox
