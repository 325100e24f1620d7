--- What the prompt says of itself: help(), and ?name.
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local explain = lazy "oracle.scenario.explain"
local live = lazy "oracle.live"
local metrics = lazy "oracle.scenario.metrics"
local scenario = lazy "oracle.scenario"
local schema = lazy "oracle.scenario.schema"
local shown = require "oracle.repl.shown"
local spelling = lazy "oracle.text.spelling"

local about = {}

local HELP = [=[
s = sim "scenarios/quickstart.lua"  a simulation; typing s shows where it is
s:run_until(60)  s:run_for("10 s")  go on to a simulated time, or for some
s:run_until(function(s) return s.queue > 100 end)   s:step()  s:step(100)
s:run()  s:result()                 to the end and its result; the result so far
s:breakpoint("peak", "queue > 9")   stop there; s.breakpoints, s:delete "peak"
s.now  s.queue  s.running  s.kv  s.replicas[0]  s.requests  s.requests[17]
s:set("engine.max_num_seqs", 64)    change what can change while it runs
s:reload()  s.changes               read policies' files again; what was changed
f = s:fork()  s:rewind(30)          branch; go back (simulated once more)
what_if { s, ["engine.max_num_seqs"] = { 32, 64 } }   runs with other values
r = run "scenarios/quickstart.lua"  a whole run; r and _ are its result
c = load "scenarios/quickstart.lua" a scenario; c.replicas = 2; run(c)
compare(a, b)  compare { x = a, y = b }   results or simulations side by side
plot(r)  plot(r, "kv")  plot(list)  over time; of a what_if: plot(_, "ttft.p99")
hist(r, "ttft")  hist(list)         ttft, tpot, itl, e2e, queue
why(r)  save(r, "x.html")           why it took so long; a report, or x.json
?name  name?                        what that is; of keys and metrics, too
Tab completes names, keys, and in strings files, models and keys. _ is the value
printed last. Ctrl-C stops what runs, quit or Ctrl-D leaves.
]=]

function about.help()
  return shown(HELP)
end

-- { name, how it is called, what it does }; methods and fields of a simulation begin with "s:" and "s.".
local ROWS = {
  { "sim", 'sim(path or scenario) -> s', "A simulation at its beginning, that stops, shows, changes and branches." },
  { "run", 'run(path or scenario [, options]) -> result',
    "A whole run. Ctrl-C raises: no partial result is taken for a whole one." },
  { "load", 'load(path) -> scenario', "A scenario, or a configuration, to be looked at, changed and run." },
  { "what_if", 'what_if { [s or scenario,] ["key"] = value or { values }, ... } -> results',
    "One row for each combination, and the run as it is; branches from where s is where the keys can change." },
  { "compare", 'compare(a, b, ...) or compare { name = a, ... }',
    "Results, simulations so far or scenarios side by side, each with its distance from the first." },
  { "plot", 'plot(s or result [, "queue", "running", "kv", "finished"])',
    'Over time. plot(what_if {...}, "ttft.p99"): over the key; plot(list), plot { x = {...}, y = {...} }: numbers.' },
  { "hist", 'hist(s or result [, "ttft"])', "A distribution: ttft, tpot, itl, e2e or queue; or of a list of numbers." },
  { "why", 'why(s or result or scenario)',
    "What its latencies are made of at p50, p90 and p99, what binds them, and what would change them." },
  { "save", 'save(result, "x.html" or "x.json" [, { force = true }])',
    "Writes a result, as a report that opens offline or as JSON; save \"x.html\" the last one." },
  { "help", 'help()', "What can be said here, on a screen." },
  { "quit", 'quit, exit, quit(status)', "Ends the session, as Ctrl-D does." },
  { "exit", 'quit, exit, quit(status)', "Ends the session, as Ctrl-D does." },
  { "_", '_', "The value printed last; __ the one before it, ___ the one before that." },
  { "oracle", 'oracle.scenario, oracle.load, oracle.sim, oracle.run, oracle.calc ...',
    "The module, as `require \"oracle\"` has it in a file. Tab after `oracle.` lists it." },
  { "scenario", 'scenario { key = value, ... } -> scenario', "A checked scenario; ?KEY explains a key." },
  { "dist", 'dist.lognormal { median = 500, p99 = 4000 }', "Distributions of lengths and times." },
  { "workload", 'workload.poisson { rate = "4 req/s", ... }', "Workloads by kind." },
  { "s:run_until", 's:run_until(time or f)', 'Go on to a simulated time (60, "2 min"), or until f(s) is true.' },
  { "s:run_for", 's:run_for(time)', "Go on for some simulated time." },
  { "s:run", 's:run() -> result', "Go on to the end. A breakpoint or Ctrl-C raises, and s:run() goes on." },
  { "s:step", 's:step([n])', "Until a step of some replica has ended, n times." },
  { "s:result", 's:result() -> result', "What was measured so far; it can go on." },
  { "s:set", 's:set("key", value)', "Change a key while it runs, from the next step, arrival or event on." },
  { "s:reload", 's:reload()', "Read the policies' files again; what they keep in their s stays." },
  { "s:fork", 's:fork() -> another',
    "A branch: the same simulation, that goes its own way; it shows what it differs in." },
  { "s:rewind", 's:rewind(time)', "Back to an earlier time; what was set later has not happened." },
  { "s:what_if", 's:what_if { ["key"] = { values } }', "what_if of this simulation." },
  { "s:breakpoint", 's:breakpoint("name", condition)',
    'Stop when a condition becomes true: a time, "queue > 100 and kv.usage > 90", or f(s).' },
  { "s:delete", 's:delete("name")', "Delete a breakpoint; without a name all." },
  { "s.breakpoints", 's.breakpoints', "The breakpoints: name, condition, how often each stopped it." },
  { "s.stopped", 's.stopped', "The name of the breakpoint it stands at, or nil." },
  { "s.changes", 's.changes', "What was set and reloaded, when; of a branch, whose change it is." },
  { "s.now", 's.now', "Simulated seconds since its beginning." },
  { "s.queue", 's.queue', "Requests that wait, of all replicas." },
  { "s.running", 's.running', "Requests that are in the batches." },
  { "s.arrived", 's.arrived', "Requests that have arrived." },
  { "s.finished", 's.finished', "Requests that have ended, however." },
  { "s.in_flight", 's.in_flight', "Requests that have arrived and not ended." },
  { "s.steps", 's.steps', "Steps of all replicas." },
  { "s.kv", 's.kv', "KV blocks of all replicas: used, free, total, usage (in %)." },
  { "s.over", 's.over', "True once nothing is left to simulate." },
  { "s.name", 's.name', "What it is called." },
  { "s.scenario", 's.scenario', "A copy of its scenario, with what s:set changed." },
  { "s.replicas", 's.replicas, s.replicas[0]', "Replicas, from 0: queue, running, context, kv, step, state." },
  { "s.requests", 's.requests, s.requests[17]', "Requests in flight; one by its number, its life as a timeline." },
  { "s.series", 's.series', "What plot(s) draws: queue, running, kv, finished." },
  { "s.latency", 's.latency.ttft', "Distributions so far: ttft, tpot, itl, e2e, queue." },
}

local BY_NAME = {}
for _, row in ipairs(ROWS) do BY_NAME[row[1]] = row end

--- The names that have a text, those of simulations with "s:" or "s." before them.
function about.names()
  local names = {}
  for i, row in ipairs(ROWS) do names[i] = row[1] end
  return names
end

local function wrapped(text, indent)
  local lines, line = {}, indent
  for word in text:gmatch "%S+" do
    if #line > #indent and #line + 1 + #word > 79 then lines[#lines + 1], line = line, indent end
    line = line .. (#line > #indent and " " or "") .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n") .. "\n"
end

local function of_row(row)
  return row[2] .. "\n" .. wrapped(row[3], "  ")
end

-- A key of a scenario, or those below one.
local function of_key(name)
  local text, below, had = "", {}, {}
  for _, key in ipairs(explain.keys()) do
    local inner = key.path:sub(1, #name + 1) == name .. "." and key.path:sub(#name + 2):match "^[^.]+"
    if key.path == name then
      local lines = key.row.type ~= "section" and explain.lines(key) or {}
      text = text .. name .. "\n" .. wrapped(key.doc, "  ")
      for _, line in ipairs(lines) do text = text .. wrapped(line[1] .. ": " .. line[2], "  ") end
    elseif inner and not had[inner] then
      below[#below + 1], had[inner] = inner, true
    end
  end
  if text == "" and not below[1] then return nil end
  return text .. (below[1] and wrapped("keys: " .. table.concat(below, ", "), "  ") or "")
end

local BETTER = { lower = "lower is better", higher = "higher is better" }

local function of_metric(name)
  local column = metrics.column(name, { 50, 90, 95, 99 })
  local row = metrics.get(name) or column and column.metric
  if not row then return nil end
  local text = (row.title or row.label or row.key)
    .. (row.unit and ", in " .. row.unit or "") .. (row.better and "; " .. BETTER[row.better] or "")
    .. "; in results: " .. row.key
    .. (row.name and ("; statistics as in %s.p99: mean, std, min, max, count and percentiles"):format(row.short) or "")
  return ("%s, a metric\n"):format(name) .. wrapped(text, "  ")
end

-- A variable, or what a path leads to.
local function of_value(name, value)
  if value == nil then return nil end
  local kind = live.is(value) and "a simulation" or scenario.is(value) and "a scenario"
    or type(value) == "table" and rawget(value, "latency") and "a result" or "a " .. type(value)
  local more = type(value) ~= "table" and type(value) ~= "function" and ": " .. console.plain(value) or ""
  return ("%s: %s%s\n"):format(name, kind, more)
end

--- What ?name prints.
-- @param name such as "what_if", "s:run_until", "engine.max_num_seqs", "ttft.p99"
-- @param value what the name leads to at the prompt, or nil
-- @return the text; raises where nothing is known, with the nearest
function about.text(name, value)
  if name == "" then return HELP end
  local own, separator, rest = name:match "^([%a_][%w_]*)([.:])(.+)$"
  local of_live = own and BY_NAME["s" .. separator .. rest] or own and BY_NAME["s" .. ":" .. rest]
  local row = BY_NAME[name] or of_live or BY_NAME["s:" .. name] or BY_NAME["s." .. name]
  local text = BY_NAME[name] and of_row(row) or of_key(name) or of_metric(name) or row and of_row(row)
    or of_key("engine." .. name) or of_key("workload." .. name) or of_value(name, value)
  if text then return text end
  local known, section = about.names(), name:match "^.*%." or ""
  for _, key in ipairs(schema.describe()) do
    if key[1]:sub(1, #section) == section then known[#known + 1] = key[1] end
  end
  local near = spelling.find(name, known)
  error(("?%s: nothing is known of it%s"):format(name, near and "; did you mean " .. near .. "?" or "; help()"), 0)
end

return about
