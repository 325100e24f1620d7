--- Where policies run: without clock, files or chance of their own, so that a run depends on its seed alone.
-- `pairs` goes in the order of keys, math.random draws from the engine's stream of its caller (a replica, the
-- router ...), and what a file keeps between calls is in the table `s` it is given, so assigning a global is an error.
-- A file that runs or takes memory without end is stopped while it loads, as it is while it is called.
local lazy = require "oracle.lazy"
local constructors = require "oracle.policy.constructors"
local core = require "oracle.core"
local inputs = require "oracle.text.inputs"
local paths = lazy "oracle.text.paths"
local pattern = lazy "oracle.policy.pattern"
local tables = require "oracle.policy.tables"

local sandbox = {}

-- What a policy may require, besides other policies: the constructors, in a table of its own.
local CONSTRUCTORS, FOLDERS = { "with" }, {}
for _, k in ipairs(constructors.KINDS) do
  CONSTRUCTORS[#CONSTRUCTORS + 1], FOLDERS[k.folder] = k.kind, true
end

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return RANK[ta] < RANK[tb] end
  if ta == "boolean" then return not a and b end
  return a < b
end

-- What `e` shows is behind it.
local function contents(t)
  local meta = debug.getmetatable(t)
  return meta and meta.__name == "oracle.knobs" and meta.__index or t
end

local function keys_of(t)
  if type(t) ~= "table" then error(("a table expected, got a %s"):format(type(t)), 3) end
  local keys = {}
  for k in next, contents(t) do
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

-- next(t [, k]) in that order.
local function ordered_next(t, k)
  local keys = keys_of(t)
  local at = k == nil and 1
  for i = 1, at and 0 or #keys do
    if rawequal(keys[i], k) then at = i + 1 break end
  end
  if not at then error("next: no such key in the table", 2) end
  if keys[at] ~= nil then return keys[at], t[keys[at]] end
end

-- Addresses differ from run to run.
local function plain_tostring(v)
  local kind = type(v)
  if kind == "number" or kind == "string" or kind == "boolean" or kind == "nil" then return tostring(v) end
  local meta = getmetatable(v)
  if type(meta) == "table" and meta.__tostring then return tostring(v) end
  return kind
end

local PRINTED = 1 << 16                                   -- bytes a file may print each time it is loaded

local function printer(path)
  local left = PRINTED
  return function(...)
    if left <= 0 then return end
    local list = table.pack(...)
    for i = 1, list.n do list[i] = string.sub(plain_tostring(list[i]), 1, left) end
    local text = string.sub(table.concat(list, "\t"), 1, left)
    left = left - #text - 1
    io.stderr:write(text, "\n")
    if left <= 0 then io.stderr:write(("%s: print: %d KiB are shown, no more\n"):format(path, PRINTED >> 10)) end
  end
end

-- `e` can be read, not written, whatever writes.
local function raw_get(t, k)
  if type(t) ~= "table" then return rawget(t, k) end
  return rawget(contents(t), k)
end

local function raw_len(t)
  return rawlen(type(t) == "table" and contents(t) or t)
end

local function raw_set(t, k, v)
  if type(t) == "table" and contents(t) ~= t then t[k] = v end -- which says why not
  return rawset(t, k, v)
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
  if type(format) == "string" and string.find(format, "%%[%-+ #0-9.]*p") then
    error("%p: an address is not to be had", 2)
  end
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

-- ---- calls into C that would not come back ----

-- The watch stops Lua between two instructions, and a call into C is one. So what could take longer than it allows is
-- refused beforehand, or done in Lua.
local MOST_BYTES = 2^31 - 1                                -- where Lua itself gives up
local LONGEST = 1e9                                       -- characters compared: seconds
local QUICK = 1e8                                         -- characters a match may look at in C

-- An upper bound of the characters a match of pattern p looks at in s: each repetition tries every length, after every
-- choice of those before it, from every start: C(n + k, k + 1) ways for k repetitions in n characters.
local function work_of(s, p)
  local n = #s + 1
  local _, long = string.gsub(p, "%%[%db]", "")
  local bare = string.gsub(string.gsub(p, "%%.", "x"), "%[%^?%]?[^%]]*%]", "x")
  local _, repeated = string.gsub(bare, "[*+-]", "")
  local _, optional = string.gsub(bare, "%?", "")
  local ways = n * (#p + 1) * 2.0 ^ optional * (1.0 * n) ^ long
  for i = 1, repeated do ways = ways * (n + i) / (i + 1) end
  return ways
end

-- What went wrong in a match in Lua is said of the line that asked for it; what stops the policy stays as it is.
local function pass_on(name, text, ok, ...)
  if ok then return ... end
  local said = ...
  if type(said) ~= "string" or string.find(said, "^%S+:%d+: ") then error(said, 0) end
  if said == pattern.TOO_LONG then said = ("%s on %d characters"):format(said, #text) end
  error(("string.%s: %s"):format(name, said), 3)
end

local function in_lua(name, text, p, a)
  local f = pattern[name]
  if name ~= "gmatch" then return pass_on(name, text, pcall(f, text, p, a)) end
  local next_match = pass_on(name, text, pcall(f, text, p, a))
  return function() return pass_on(name, text, pcall(next_match)) end
end

local function checked(name)
  local f = string[name]
  return function(s, p, a, last)
    local text, asked = type(s) == "number" and tostring(s) or s, type(p) == "number" and tostring(p) or p
    if type(text) == "string" and type(asked) == "string" then
      if name == "find" and last then
        if #text * #asked > LONGEST then
          error(("string.find: this pattern may take too long on %d characters"):format(#text), 2)
        end
      elseif work_of(text, asked) > QUICK and (name == "gsub" or a == nil or math.tointeger(a)) then
        if name == "gsub" and (last == nil or math.tointeger(last)) then
          return pass_on(name, text, pcall(pattern.gsub, text, asked, a, math.tointeger(last)))
        elseif name ~= "gsub" then
          return in_lua(name, text, asked, math.tointeger(a))
        end
      end
    end
    if last == nil then return f(s, p, a) end
    return f(s, p, a, last)
  end
end

local function length_of(v)
  return type(v) == "string" and #v or type(v) == "number" and #tostring(v) or 0
end

local function careful_rep(s, n, separator)
  local each, times = length_of(s) + length_of(separator), tonumber(n)
  if type(s) == "string" and each == 0 and times then return "" end        -- which Lua does n times
  if times and each * times > MOST_BYTES then error("string.rep: resulting string too large", 2) end
  return string.rep(s, n, separator)
end

-- The handler runs like all of a policy, not within the error, where nothing could stop it.
local function careful_xpcall(f, handler, ...)
  local protected = core.sim.pcall
  local results = table.pack(protected(f, ...))
  if results[1] then return table.unpack(results, 1, results.n) end
  local _, said = protected(handler, results[2])
  return false, said
end

local CAREFUL = {
  find = checked "find", match = checked "match", gmatch = checked "gmatch", gsub = checked "gsub",
  format = careful_format, rep = careful_rep,
}

-- s:find(...) goes by what all of Lua's strings share: there a policy, and only a policy, gets what it has in `string`.
local function guard_methods()
  local watched = core.sim.watched
  local methods = copy(string, {})
  for name, careful in next, CAREFUL do
    local plain = string[name]
    methods[name] = function(...)
      if watched() then return careful(...) end
      return plain(...)
    end
  end
  getmetatable("").__index = methods
end

local function chance(...)
  return core.sim.random(...)
end

local function environment(path, require_policy, given)
  local env = {
    _VERSION = _VERSION, assert = assert, error = error, getmetatable = careful_getmetatable, ipairs = ipairs,
    next = ordered_next, pairs = ordered_pairs, pcall = core.sim.pcall, print = printer(path),
    rawequal = rawequal, rawget = raw_get, rawlen = raw_len, rawset = raw_set, require = require_policy,
    select = select, setmetatable = careful_setmetatable, tonumber = tonumber, tostring = plain_tostring, type = type,
    xpcall = careful_xpcall,
    math = copy(math, { random = true, randomseed = true }), string = copy(string, { dump = true }),
    table = copy(tables, {}), utf8 = copy(utf8, {}),
  }
  env.math.random = chance
  for name, careful in next, CAREFUL do env.string[name] = careful end
  for name, value in next, given and given.globals or {} do env[name] = value end
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

-- ---- loading ----

local maker_of = setmetatable({}, { __mode = "k" })       -- what a file returned -> { code =, path =, given = }

local run

-- require() of one policy: what it gets is its own copy, so that no other policy sees what it changes.
local function requirer(given)
  local known = copy(given and given.modules or {}, {})
  return function(name)
    if known[name] == nil then
      local folder = type(name) == "string" and name:match("^oracle%.(%w+)%.[%w_]+$")
      if name == "oracle.policy" then
        local own = {}
        for _, kind in ipairs(CONSTRUCTORS) do own[kind] = constructors[kind] end
        known[name] = own
      elseif FOLDERS[folder] then
        known[name] = false                               -- being loaded
        local made, why = sandbox.fresh_module(name)
        if made == nil then error(why or ("require: %s: no such policy"):format(name), why and 0 or 2) end
        known[name] = made
      else
        error(("require: %s: a policy may require oracle.policy and other policies, such as oracle.batching.chunked")
          :format(tostring(name)), 2)
      end
    end
    if known[name] == false then error(("require: %s: it requires itself"):format(name), 2) end
    return known[name]
  end
end

-- What is odd about a table that a file returned; nil: nothing. Nothing that reads it later is to run its code, as
-- metamethods would, or to go round in it for ever.
local function dressed(t, above, depth)
  if debug.getmetatable(t) ~= nil then return "returns a table with a metatable; a plain one expected" end
  if depth > 32 then return "returns a table that is more than 32 tables deep" end
  above[t] = true
  for k, v in next, t do
    if type(k) == "table" then return "returns a table whose keys are tables" end
    if type(v) == "table" then
      local why = above[v] and "returns a table that contains itself" or dressed(v, above, depth + 1)
      if why then return why end
    end
  end
  above[t] = nil
end

-- Run a compiled file.
run = function(code, path, given)
  local chunk = assert(load(code, "@" .. path, "b", environment(path, requirer(given), given)))
  local ok, made = pcall(core.sim.guard, chunk)
  if not ok then
    local said = tostring(made)
    return nil, said:find("^%S+:%d+: ") and said or ("%s: %s"):format(path, said)   -- a tail call leaves no line
  end
  if type(made) ~= "table" then return made end
  local why = dressed(made, {}, 0)
  if why then return nil, ("%s: %s"):format(path, why) end
  maker_of[made] = { code = code, path = path, given = given }
  return made
end

--- Run a policy file.
-- @param path of the file
-- @param given { globals = { name = value }, modules = { name = what require gives } } besides a policy's own; or nil
-- @return what it returns; or nil and one line that says why there is nothing
function sandbox.load(path, given)
  local f, why = io.open(path, "r")
  if not f then return nil, why end
  local text, unreadable = paths.text(f)
  f:close()
  if not text then return nil, ("%s: %s"):format(path, unreadable) end
  local chunk, wrong = load(text:gsub("^#[^\n]*", ""), "@" .. path, "t", {})
  if not chunk then return nil, wrong end
  return run(string.dump(chunk), path, given)
end

--- Whether a policy is what a file returned.
function sandbox.is_from_file(made)
  return maker_of[made] ~= nil
end

--- What a file returned, made anew from the same text: as it was before anyone used it.
-- @return the policy; nil when it was not read from a file, or comes with oracle: those keep nothing in their variables
function sandbox.again(made)
  local maker = maker_of[made]
  if not maker or maker.comes_along then return nil end
  return run(maker.code, maker.path, maker.given)
end

guard_methods()

local loaded = {}

--- A policy that comes with oracle, such as "oracle.batching.chunked", as if it were a user's own file.
-- @return the policy; nil when there is no such module. Raises when its file is wrong.
function sandbox.load_module(name)
  local made = inputs.remember(loaded, name, sandbox.fresh_module, name)
  local maker = maker_of[made]
  if maker then maker.comes_along = true end
  return made
end

--- Read those modules again from now on, for their files may have changed.
-- @return function() that takes it back
function sandbox.forget_modules()
  local kept = loaded
  loaded = {}
  return function() loaded = kept end
end

--- The same, read anew.
function sandbox.fresh_module(name)
  local path = package.searchpath(name, package.path)
  if not path then return nil end
  local made, why = sandbox.load(path)
  if made == nil then error(why, 0) end
  return made
end

return sandbox
