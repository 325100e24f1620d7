--- The prompt: Lua with oracle loaded. Results print as aligned tables; an error never ends it.
local lazy = require "oracle.lazy"
local about = lazy "oracle.repl.about"
local completion = lazy "oracle.repl.completion"
local core = require "oracle.core"
local leaving = require "oracle.repl.leaving"
local ordered = require "oracle.text.ordered"
local progress = lazy "oracle.text.progress"
local report = lazy "oracle.result.report"
local shown = require "oracle.repl.shown"
local version = require "oracle.version"
local world = lazy "oracle.scenario.world"

local repl = {}

local console = require "oracle.text.console"
local scenario = require "oracle.scenario"

--- What could complete the name, or the text in quotes, that a line ends in (oracle.repl.completion).
function repl.complete(text, environment)
  return completion.complete(text, environment)
end

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

-- The text of what an entry returned, and the value that _ then is.
local function printed(results)
  local texts, value = {}, nil
  for i = 1, results.n do
    if results[i] ~= nil or results.n > 1 then
      local ok, text = pcall(repl.show, results[i])
      texts[#texts + 1] = ok and text or type(results[i]) .. "\n"
    end
    if value == nil then value = results[i] end
  end
  return table.concat(texts), value
end

-- _ is the value printed last, __ the one before, ___ the one before that.
local function remember_value(environment, value)
  if value == nil or value == environment._ then return end
  environment.___, environment.__, environment._ = environment.__, environment._, value
end

local function plain_call(f)
  return false, pcall(f)
end

-- Where Ctrl-C stopped it, as far as that was said.
local function of_interruption(why)
  return type(why) == "string" and why:match "interrupted at t = [^\n]*" or "interrupted"
end

-- Run a compiled chunk and print what it returns; false and why after an error, which is shown; the status to leave
-- with as a third value. What was interrupted prints nothing but that it was.
local function evaluate(chunk, user, environment)
  local text, value, status
  local asked, ok, why = (user.obey or plain_call)(function()
    local results = table.pack(chunk())
    status = leaving.status(results[1])
    if not status then text, value = printed(results) end
  end)
  status = status or not ok and leaving.status(why)
  if status then return true, nil, status end
  if asked or not ok then
    user.out:flush()
    why = asked and of_interruption(why) or scenario.first_line(why)
    user.err:write("oracle: ", why, "\n")
    return false, why
  end
  remember_value(environment, value)
  user.out:write(text)
  return true
end

-- ---- the loop ----

local TERMINATED = 128 + 15                               -- what a shell says of one that SIGTERM ended

-- A simulation that is run at once shows how far it is.
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

-- ?name, name? -> the name; Lua has no such words.
local function question(text)
  return text:match "^%s*%?+%s*([%w_.:]*)%s*$" or text:match "^%s*([%a_][%w_.:]*)%s*%?+%s*$"
end

-- What an entry is: a chunk; or nil, why, and whether more lines could complete it.
local function entry_of(text, environment, name)
  local asked = question(text)
  if not asked then return repl.compile(text, environment, name) end
  return function() return shown(about.text(asked, completion.value(environment, asked))) end
end

--- Evaluate lines one after the other.
-- @param user { read = function(prompt) -> line, false when it was given up, nil at the end,
--   remember = function(entry), obey = function(f) -> whether the user asked to stop, and what pcall(f) returns,
--   out = file, err = file, name = what messages call the lines ("prompt", which counts the lines of each entry; others
--   those of the whole), once = true to end at Ctrl-C }
-- @return how many entries failed; and the status to leave with, where an entry said so
function repl.loop(environment, user)
  local pending, failed, number, first = nil, 0, 0, 1
  local function compile(text)
    if user.name then text = ("\n"):rep(first - 1) .. text end
    return entry_of(text, environment, user.name)
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
        local good, status = chunk ~= nil, nil
        if chunk then good, why, status = evaluate(chunk, user, environment) else complain(user.err, why) end
        if status then return failed, status end
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
  local start = s and "s is " .. s.name .. "." or "A start: s = sim \"scenarios/quickstart.lua\"; s:run_until(60)"
  io.stdout:write(("oracle %s, %s. help() says more, quit or Ctrl-D ends.\n%s\n"):format(version.oracle, _VERSION,
    start))
  io.stdout:flush()
  show_progress(host)
  host.guard(false)
  host.prompt(true)                                       -- from here Ctrl-C stops what runs, and never the program
  world.at_prompt = true
  local function complete(text) return repl.complete(text, environment) end
  local _, status = repl.loop(environment, {
    read = function(prompt) return host.read(prompt, complete) end, remember = host.remember, obey = host.obey,
    out = io.stdout, err = io.stderr,
  })
  host.prompt(false)
  if not status then io.stdout:write("\n") end
  return host.terminated() and TERMINATED or status or 0
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
  local user = { read = lines_of(text), out = io.stdout, err = io.stderr, name = name, once = true }
  if chunk and not is_typed(text, environment) then
    local good, _, status = evaluate(chunk, user, environment)
    return status or good and 0 or 1
  end
  local failed, status = repl.loop(environment, user)
  return status or failed == 0 and 0 or 1
end

return repl
