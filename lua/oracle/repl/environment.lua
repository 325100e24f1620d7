--- What can be said at the prompt: live simulations, questions about them, charts.
local lazy = require "oracle.lazy"
local about = lazy "oracle.repl.about"
local charts = lazy "oracle.repl.charts"
local diff = lazy "oracle.study.diff"
local leaving = require "oracle.repl.leaving"
local live = lazy "oracle.live"
local paths = lazy "oracle.text.paths"
local saving = lazy "oracle.repl.saving"
local scenario = lazy "oracle.scenario"
local shown = require "oracle.repl.shown"
local what_if = lazy "oracle.study.what_if"

local environment = {}

-- A scenario of that path, or of that name among those that come with oracle.
local function load_scenario(path)
  if type(path) ~= "string" then error("load: a path expected, such as \"scenarios/quickstart.lua\"", 0) end
  if not paths.exists(path) and paths.exists(paths.path(path)) then path = paths.path(path) end
  return scenario.open(path)
end

local function of_path(what)
  return type(what) == "string" and load_scenario(what) or what
end

local ENDINGS = { lua = true, yaml = true, yml = true, json = true }

local function is_path(text)
  if text:find "\n" or text:match "^%s*return%s" then return false end
  return ENDINGS[text:match "%.(%l+)$"] or paths.exists(text)
end

-- Lua's load, which also opens a scenario: what names a file is one. `kept` is called with it.
local function load_either(kept)
  return function(what, ...)
    local is_chunk = type(what) == "function" or select("#", ...) > 0 or type(what) == "string" and not is_path(what)
    if is_chunk then return load(what, ...) end
    return kept(load_scenario(what))
  end
end

-- what_if { base, key = values } or, of the simulation or scenario last made, what_if { key = values }.
local function ask_what_if(latest, question)
  if type(question) ~= "table" then error("what_if: { [\"engine.max_num_seqs\"] = { 32, 64 } } expected", 0) end
  local changes = {}
  for key, values in pairs(question) do
    if key ~= 1 then changes[key] = values end
  end
  local base = of_path(question[1] or latest)
  if not base then error("what_if: no simulation yet; s = sim \"scenarios/quickstart.lua\"", 0) end
  if live.is(base) then return base:what_if(changes) end
  return what_if.run(base, changes)
end

-- Files of scenarios have these words, too, and seldom say them.
local function later(module, name)
  return function(...) return module[name](...) end
end

--- The globals of a prompt: oracle and its parts, and what help() lists; what is typed goes there too.
-- @param oracle the module of this name, which sees all
-- @param s a live simulation or nil: the prompt's s
function environment.new(oracle, s)
  local latest                                            -- the simulation or scenario last made
  local last                                              -- the result last made
  local function kept(v)
    latest = v
    return v
  end
  local globals = setmetatable({
    oracle = oracle, scenario = oracle.scenario, dist = oracle.dist, workload = oracle.workload,
    load = load_either(kept),
    run = function(what, options)
      last = oracle.run(of_path(what), options)
      return last
    end,
    sim = function(what) return kept(oracle.sim(of_path(what))) end,
    what_if = function(question) return ask_what_if(latest, question) end,
    compare = function(...) return shown(diff.table(...)) end,
    why = function(what, options)
      what = of_path(what or last or latest)
      return oracle.why(live.is(what) and what:result() or what, options)
    end,
    save = function(what, path, options)
      if type(what) == "string" and type(path) ~= "string" then what, path, options = last or latest, what, path end
      return shown(saving.save(what, path, options))
    end,
    plot = later(charts, "plot"), hist = later(charts, "hist"), help = later(about, "help"),
    quit = leaving.word, exit = leaving.word,
  }, { __index = _G })
  if s then globals.s = kept(s) end
  return globals
end

return environment
