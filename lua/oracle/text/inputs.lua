--- Which files a computation reads: a sweep's results hold for these alone. Files are noted as they are opened, so no
-- reader has to say so; what is remembered of a file for later is wrapped in `remember`, so that it is noted again.
local inputs = {}

local watching = false
local noted                                               -- set of paths, of the computation that runs now

--- Note a file that is read now.
function inputs.note(path)
  if noted and type(path) == "string" then noted[path] = true end
end

-- Only those that are read: what is written is no input.
local function noting(f)
  return function(path, mode, ...)
    local opened, why, code = f(path, mode, ...)
    if opened and (mode == nil or mode == "r" or mode == "rb") then inputs.note(path) end
    return opened, why, code
  end
end

--- Note from now on what is opened in this Lua state: by io.open and io.lines, by dofile and loadfile, by require.
function inputs.watch()
  if watching then return end
  watching, noted = true, {}
  io.open = noting(io.open)                               -- luacheck: ignore 122
  for _, at in ipairs { { io, "lines" }, { _G, "dofile" }, { _G, "loadfile" } } do
    local f = at[1][at[2]]
    at[1][at[2]] = function(path, ...)
      inputs.note(path)
      return f(path, ...)
    end
  end
  local load_module = require
  _G.require = function(name)                             -- luacheck: ignore 122
    if noted and type(name) == "string" and not package.loaded[name] and not name:find "^oracle%." then
      inputs.note((package.searchpath(name, package.path)))
    end
    return load_module(name)
  end
end

--- Run f() with a watch that ends with it, for what f() remembers of files to be noted later.
-- @return the files that it read, sorted
function inputs.during(f)
  local open = io.open
  noted = {}
  io.open = noting(open)                                  -- luacheck: ignore 122
  local ok, why = pcall(f)
  local read = inputs.so_far()
  io.open, noted = open, nil                              -- luacheck: ignore 122
  if not ok then error(why, 0) end
  return read
end

local function sorted(set)
  local list = {}
  for path in pairs(set) do list[#list + 1] = path end
  table.sort(list)
  return list
end

--- The files read since the watch began, outside of `collect`; nil: there is no watch.
function inputs.so_far()
  return noted and sorted(noted)
end

-- Run f with a set of its own; its files count for whoever called, too.
local function apart(keep, f, ...)
  local outer, own = noted, {}
  noted = own
  local results = table.pack(pcall(f, ...))
  noted = outer
  for path in pairs(keep and own or {}) do noted[path] = true end
  if not results[1] then error(results[2], 0) end
  return own, results
end

--- Run f(...), which raises nothing.
-- @return the files it read, sorted (nil: there is no watch), and what it returns
function inputs.collect(f, ...)
  if not noted then return nil, f(...) end
  local own, results = apart(false, f, ...)
  return sorted(own), table.unpack(results, 2, results.n)
end

--- What f(...) returns, remembered in t[key]; the files it read are noted each time it is asked for.
function inputs.remember(t, key, f, ...)
  local held = t[key]
  if not held then
    held = { files = {} }
    if noted then
      local own, results = apart(true, f, ...)
      held.files, held.value = own, results[2]
    else
      held.value = f(...)
    end
    t[key] = held
  end
  for path in pairs(noted and held.files or {}) do noted[path] = true end
  return held.value
end

return inputs
