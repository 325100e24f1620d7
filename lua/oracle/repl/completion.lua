--- What Tab completes at the prompt: names and fields, and in quotes files, models, keys, whatever belongs there.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local finder = lazy "oracle.text.finder"
local metrics = lazy "oracle.scenario.metrics"
local paths = lazy "oracle.text.paths"
local scenario = lazy "oracle.scenario"
local schema = lazy "oracle.scenario.schema"

local completion = {}

local function is_name(s)
  return type(s) == "string" and s:match("^[%a_][%w_]*$") ~= nil
end

local function names_of(v, separator)
  if scenario.is_view(v) then return scenario.names(v, separator) end
  local meta = getmetatable(v)
  if type(meta) == "table" and meta.__names then return meta.__names(v, separator) end
  local names, seen = {}, {}
  local function add(t)
    for k, inner in pairs(t) do
      local fits = separator ~= ":" or type(inner) == "function"
      if is_name(k) and fits and not seen[k] then names[#names + 1], seen[k] = k, true end
    end
  end
  if type(v) == "table" then add(v) end
  if type(meta) == "table" and type(meta.__index) == "table" then add(meta.__index) end
  return names
end

--- What a path such as "s.replicas[0].kv" leads to; looking runs nothing but what fields do.
local function value_at(environment, path)
  local at = environment
  for name, index in path:gmatch("([%a_]?[%w_]*)%[?(%d*)%]?%.?") do
    for _, key in ipairs { name, math.tointeger(tonumber(index)) } do
      if type(at) ~= "table" and type(at) ~= "string" then return nil end
      if key ~= "" then at = at[key] end
    end
  end
  return at
end

-- What could complete a name.
local function of_name(text, environment)
  local path, separator, stem = text:match("([%a_][%w_%.%[%]]*)([%.:])([%w_]*)$")
  if not path then
    if text:match("[%.:][%w_]*$") then return 0, {} end   -- a field of something that only running it would tell
    path, separator, stem = "", ".", text:match("([%a_]?[%w_]*)$")
  end
  local ok, v = pcall(value_at, environment, path)
  if not ok or v == nil then return 0, {} end
  local names = names_of(v, separator)
  if path == "" then table.move(names_of(_G, "."), 1, #names_of(_G, "."), #names + 1, names) end
  local found, seen = {}, {}
  for _, name in ipairs(names) do
    if name:sub(1, #stem) == stem and not seen[name] then found[#found + 1], seen[name] = name, true end
  end
  table.sort(found)
  return #stem, found
end

-- ---- in quotes ----

-- The files of the folder that a path begins with, folders with "/" behind: whole paths.
local function files_under(stem, beside)
  local folder = stem:match "^(.*/)[^/]*$" or ""
  local names = {}
  for _, name in ipairs(core.list(beside .. (folder == "" and "." or folder)) or {}) do
    if name:sub(1, 1) ~= "." or stem:match "[^/]*$":sub(1, 1) == "." then
      local is_folder = core.list(beside .. folder .. name) ~= nil
      names[#names + 1] = folder .. name .. (is_folder and "/" or "")
    end
  end
  return names
end

-- Those here, and the scenarios that come with oracle.
local function files(stem)
  local names = files_under(stem, "")
  local shipped = stem:match "^/" and {} or files_under(stem, paths.root .. "/")
  for _, name in ipairs(shipped) do
    if name:match "^scenarios/" then names[#names + 1] = name end
  end
  return names
end

local function keys()
  local names = {}
  for _, row in ipairs(schema.describe()) do
    if not row[1]:find " " then names[#names + 1] = row[1] end
  end
  return names
end

local function latencies()
  local names = {}
  for i, row in ipairs(metrics.LATENCIES) do names[i] = row.short end
  return names
end

local function results()
  local names = {}
  for _, row in ipairs(metrics.ALL) do
    if row.name then
      for _, of in ipairs { "mean", "p50", "p90", "p95", "p99" } do names[#names + 1] = row.short .. "." .. of end
    else
      names[#names + 1] = row.short
    end
  end
  return names
end

local function both(a, b)
  return table.move(b, 1, #b, #a + 1, a)
end

-- Names in which case does not matter: each goes on from what was typed as it was typed.
local function in_any_case(names, stem)
  local list = {}
  for _, name in ipairs(names) do
    if name:sub(1, #stem):lower() == stem:lower() then list[#list + 1] = stem .. name:sub(#stem + 1) end
  end
  return list
end

-- What a key may be: the names of what it chooses from; files where it is a path.
local function values_of(key, stem)
  local node, last = schema.find({}, key), key:match "[^.]+$"
  local own = stem:find "[./]" and files(stem) or {}      -- a path, where it is begun as one
  if last == "model" then return both(in_any_case(catalog.names "llm", stem), own) end
  if last == "hardware" then return both(in_any_case(catalog.names "hardware", stem), own) end
  if type(node) ~= "table" then return nil end
  if node.type == "choice" then return node.values end
  if node.folder then return both(finder.names(node.folder), own) end
end

-- What could stand in the quotes, by what is before them.
local function candidates(before, stem)
  local called = before:match "([%a_][%w_]*)%s*%(?%s*$"
  local argument_of, first = before:match "([%a_][%w_]*)%s*%(?%s*[\"']([^\"']*)[\"']%s*,%s*$"
  if argument_of == "set" then return values_of(first, stem) or {} end
  local assigned = before:match "([%a_][%w_.]*)%s*=%s*$"
  if assigned then
    local inner = assigned:match "%.(.+)$"
    return values_of(assigned, stem) or inner and values_of(inner, stem) or values_of("engine." .. assigned, stem)
      or files(stem)
  end
  local quoted = before:match "%[%s*[\"']([^\"']*)[\"']%s*%]%s*=%s*{?[^{}]*$"
  if quoted then return values_of(quoted, stem) or {} end
  if called == "set" or called == "get" or before:match "%[%s*$" then return keys() end
  if before:match "hist%s*%(.*,%s*$" then return latencies() end
  if before:match "plot%s*%(.*,%s*$" then
    return before:match "what_if" and results() or both({ "finished", "kv", "queue", "running" }, results())
  end
  return files(stem)
end

-- The text of an open string that a line ends in, and what is before its quote; false in a comment, nil elsewhere.
local function open_string(text)
  local i, quote = 1, nil
  local from
  while i <= #text do
    local c = text:sub(i, i)
    if quote and c == "\\" then
      i = i + 1
    elseif quote then
      if c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote, from = c, i
    elseif c == "-" and text:sub(i, i + 1) == "--" then
      return false
    end
    i = i + 1
  end
  if quote then return text:sub(from + 1), text:sub(1, from - 1) end
end

local function fitting(names, stem)
  local found, seen = {}, {}
  for _, name in ipairs(names) do
    if name:sub(1, #stem) == stem and not seen[name] then found[#found + 1], seen[name] = name, true end
  end
  table.sort(found)
  return found
end

--- What could complete what a line ends in.
-- @param text the line up to the cursor
-- @param environment the prompt's
-- @return how much of it that is, in bytes, and the sorted candidates
function completion.complete(text, environment)
  local stem, before = open_string(text)
  if stem == false then return 0, {} end
  if not stem then
    local asked = text:match "^%s*%?%s*([%w_.:]*)$"
    if asked and not asked:find "[.:]" then
      local n, names = of_name(asked, environment)
      return n, fitting(both(names, keys()), asked)
    end
    return of_name(text, environment)
  end
  local found = fitting(candidates(before, stem), stem)
  return found[1] and #stem or 0, found
end

--- What a path of names leads to at the prompt, or nil.
function completion.value(environment, path)
  local ok, v = pcall(value_at, environment, path)
  return ok and v or nil
end

return completion
