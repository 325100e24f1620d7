--- The prompt: Lua with oracle loaded. Results print as aligned tables; an error never ends it.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local ordered = require "oracle.text.ordered"
local progress = lazy "oracle.text.progress"
local report = lazy "oracle.result.report"
local version = require "oracle.version"
local world = lazy "oracle.scenario.world"

local repl = {}

local console = require "oracle.text.console"
local scenario = require "oracle.scenario"

--- The globals of a prompt; s: the simulation that is there under this name, or nil.
function repl.environment(s)
  return world.globals(s)
end

-- ---- printing ----

-- A distribution, a policy or a list in a few words.
local function brief(t)
  if type(t.name) == "string" then return t.name end
  local words = { t.kind }
  for _, k in ipairs(ordered.keys(t)) do
    local v = t[k]
    if type(v) == "table" then
      words[#words + 1] = "{...}"
    elseif math.type(k) == "integer" then
      words[#words + 1] = tostring(v)
    elseif k ~= "kind" then
      words[#words + 1] = ("%s=%s"):format(k, tostring(v))
    end
  end
  return table.concat(words, " ")
end

local function view_rows(v, prefix, rows)
  for k, inner in pairs(v) do
    if scenario.is_view(inner) then
      view_rows(inner, prefix .. k .. ".", rows)
    else
      rows[#rows + 1] = { prefix .. k, type(inner) == "table" and brief(inner) or tostring(inner) }
    end
  end
  return rows
end

--- The text of a value as the prompt shows it.
function repl.show(v)
  local meta = type(v) == "table" and getmetatable(v)
  if type(meta) == "table" and meta.__show then return meta.__show(v) end
  if scenario.is_view(v) then return console.table({ "key", "value" }, view_rows(v, "", {})) end
  if type(v) == "table" and type(v.points) == "table" and v.points[1] and v.points[1].set then
    return report.points_of(v.points)
  end
  if type(v) == "table" and rawget(v, "oracle") and rawget(v, "latency") then
    return report.block(v)
  end
  return console.value(v)
end

-- ---- evaluating ----

--- Compile what was typed: an expression or statements.
-- @return the function; or nil, message, and true when more lines could complete it
function repl.compile(text, environment, name)
  local chunk = load("return " .. text, "=" .. (name or "prompt"), "t", environment)
  if chunk then return chunk end
  local why
  chunk, why = load(text, "=" .. (name or "prompt"), "t", environment)
  if chunk then return chunk end
  return nil, why, why:sub(-5) == "<eof>"
end

local function print_results(out, results)
  for i = 2, results.n do
    if results[i] ~= nil or results.n > 2 then
      local ok, text = pcall(repl.show, results[i])
      out:write(ok and text or type(results[i]) .. "\n")
    end
  end
end

-- Run a compiled chunk; false after an error, which is shown.
-- @param ran function() called when it has run to its end; or nil
local function evaluate(chunk, out, err, ran)
  local results = table.pack(pcall(chunk))
  if results[1] and ran then ran() end
  if not results[1] then
    out:flush()
    local why = scenario.first_line(results[2])
    err:write("oracle: ", why, "\n")
    return false, why
  end
  print_results(out, results)
  return true
end

-- ---- completion ----

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

--- What could complete the name that a line ends in.
-- @param text the line up to the cursor
-- @return the length of that name, and the sorted candidates
function repl.complete(text, environment)
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

-- ---- the loop ----

local TERMINATED = 128 + 15                               -- what a shell says of one that SIGTERM ended

-- A simulation that is run at once shows how far it is. The engine minds Ctrl-C then and ends with what it has, which
-- is shown; what would come after it, such as the next run of a loop, is stopped.
local function show_progress(host)
  local sim = core.sim
  local run = sim.run
  if not run then return end
  sim.run = function(spec)
    local meter = progress.new(host.clock, io.stderr)
    spec.progress = spec.progress or meter.step
    local results = table.pack(pcall(run, spec))
    meter.done()
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end
end

local function complain(err, why)
  err:write("oracle: ", why, "\n")
end

--- Evaluate lines one after the other.
-- @param user { read = function(prompt) -> line, false when it was given up, nil at the end,
--   remember = function(entry), ran = function() once an entry has run, out = file, err = file, name = what messages
--   call the lines ("prompt", which counts the lines of each entry; others those of the whole), once = true to end at
--   Ctrl-C }
-- @return how many entries failed
function repl.loop(environment, user)
  local pending, failed, number, first = nil, 0, 0, 1
  local function compile(text)
    if user.name then text = ("\n"):rep(first - 1) .. text end
    return repl.compile(text, environment, user.name)
  end
  while true do
    local line = user.read(pending and ">> " or "> ")
    if line == nil then
      if pending then complain(user.err, select(2, compile(pending))) end
      return failed + (pending and 1 or 0)
    end
    number = number + 1
    if not pending then first = number end
    if line == false then
      pending = nil
    else
      local text = pending and pending .. "\n" .. line or line
      local chunk, why, more = compile(text)
      pending = not chunk and more and text or nil
      if not pending and text:match("%S") then
        if user.remember then user.remember(text) end
        local good = chunk ~= nil
        if chunk then good, why = evaluate(chunk, user.out, user.err, user.ran) else complain(user.err, why) end
        failed = failed + (good and 0 or 1)
        if not good and user.once and why:find("interrupted", 1, true) then return failed end
      end
      user.out:flush()
    end
  end
end

--- The prompt on a terminal, until end of input.
-- @param host oracle.host
-- @param s a live simulation or nil: the prompt's s
-- @return the exit status
function repl.interactive(host, s)
  local environment = repl.environment(s)
  local start = s and "s is " .. s.name or "A start: s = sim \"scenarios/quickstart.lua\"; s:run_until(60)"
  io.stdout:write(("oracle %s, %s. %s. help() says more, Ctrl-D ends.\n"):format(version.oracle, _VERSION,
    start))
  io.stdout:flush()
  show_progress(host)
  local function complete(text) return repl.complete(text, environment) end
  local function read(prompt)
    host.guard(false)
    local line = host.read(prompt, complete)
    host.guard(true)
    return line
  end
  local function ran() host.guard(true) end                -- a Ctrl-C from here on is for what shows its result
  repl.loop(environment, { read = read, remember = host.remember, ran = ran, out = io.stdout, err = io.stderr })
  host.guard(false)
  io.stdout:write("\n")
  return host.terminated() and TERMINATED or 0
end

-- Lines of a text, one per call.
local function lines_of(text)
  local lines = text:gmatch("([^\n]*)\n?")
  return function() return lines() end
end

-- Whether a text means the same line by line, as it would be typed: no local of one entry is gone in the next, and no
-- entry is whole that the next line goes on with.
local function is_typed(text, environment)
  local pending
  for line in lines_of(text) do
    local entry = pending and pending .. "\n" .. line or line
    local chunk, _, more = repl.compile(entry, environment)
    if not chunk and not more then return false end
    if not pending and line:match("^local%s") then return false end
    pending = not chunk and entry or nil
  end
  return pending == nil
end

--- Run Lua that came through a pipe: lines as one would type them, or a script that only makes sense as a whole.
-- @param s a live simulation or nil: the s of what runs
-- @return the exit status
function repl.script(text, name, s)
  local environment = repl.environment(s)
  text = text:gsub("^#[^\n]*", "")
  local chunk = load(text, "=" .. name, "t", environment)
  if chunk and not is_typed(text, environment) then return evaluate(chunk, io.stdout, io.stderr) and 0 or 1 end
  return repl.loop(environment, { read = lines_of(text), out = io.stdout, err = io.stderr, name = name, once = true })
    == 0 and 0 or 1
end

return repl
