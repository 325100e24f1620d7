--- `oracle serve SCENARIO.lua`: the scenario's deployment as a server that real clients talk to.
local lazy = require "oracle.lazy"
local files = require "oracle.command.files"
local ordered = lazy "oracle.text.ordered"
local output = lazy "oracle.text.output"
local repl = lazy "oracle.repl"
local report = lazy "oracle.result.report"
local scenario = lazy "oracle.scenario"
local serve = lazy "oracle.serve"
local ui = require "oracle.command.ui"

local command = {}

local PORT = 8000

-- "10", "0.1", "max".
local function speed_of(text)
  if text == nil then return 1 end
  if text == "max" then return math.huge end
  local v = tonumber(text)
  if not v or not (v >= 1e-6 and v <= 1e6) then
    ui.misuse("--speed %s: simulated seconds per second, from 1e-6 to 1e6, or max expected", text)
  end
  return v
end

local function check(options, s, path)
  if s.vary then error(scenario.about(path, "vary: a server is one deployment; --set vary=nil leaves one"), 0) end
  if options.api_key == "" then ui.misuse("--api-key: a key expected") end
  if options.repl and not ui.host().isatty(0) then ui.misuse("--repl: a terminal expected") end
  if options.served_model_name == "" then ui.misuse("--served-model-name: a name expected") end
  if options.host == "" then ui.misuse("--host: an address expected") end
  if options.record == "" then ui.misuse("--record: FILE expected") end
  if options.record == "-" then ui.misuse("--record -: a file expected") end
  for _, kind in ipairs { "csv", "json" } do
    local same = options[kind] and options.record and output.plain(options[kind]) == output.plain(options.record)
    if same then ui.misuse("--record and --%s: two files expected", kind) end
  end
  if options.record and output.plain(options.record) == output.plain(path) then
    ui.misuse("--record %s: that is the file that is read; another one expected", options.record)
  end
end

local function announce(server, options, plan_line)
  if not ui.told(options) then return end
  local host = options.host or "127.0.0.1"
  local name = host:find ":" and "[" .. host .. "]" or host
  ui.say(("# %s at http://%s:%d, speed %s%s"):format(plan_line, name, server:port(), options.speed or "1",
    options.record and ", recorded to " .. options.record or ""))
end

local function farewell(server, options)
  if not ui.told(options) then return end
  local t = server:totals()
  ui.say(("# %d requests, %d refused, %d aborted by their clients; %d tokens in %d writes"):format(t.requests,
    t.refused, t.aborted, t.tokens, t.chunks))
  if t.chunks > 0 and options.speed ~= "max" then
    ui.say(("# tokens were written %.3f ms (p50), %.3f ms (p99), %.3f ms (most) after their moment"):format(
      1e3 * t.late_p50, 1e3 * t.late_p99, 1e3 * t.late_most))
  end
end

-- The prompt, and the server as long as nothing is typed.
local function beside_prompt(server, sim)
  local host = ui.host()
  host.waits(function() return server:run(0) end)
  local status = repl.interactive(host, sim)
  host.waits(nil)
  return status == 0
end

local function finish(server, sim, outputs, options)
  local ok, why = pcall(server.close, server)
  local result = serve.result(sim)
  if outputs.csv then ui.must(outputs.csv:commit()) end
  files.write(outputs.json, ordered.json(result))
  if files.stdout_is_free(options) and result.requests.total > 0 then files.print(report.block(result)) end
  if not ok then error(why, 0) end
end

--- Do it.
-- @param options of oracle.command.options
-- @return true when it served to its end
function command.run(options)
  local path = files.one(options)
  local speed = speed_of(options.speed)
  ui.host().guard(true)
  local s = files.load(path, options)
  check(options, s, path)
  local plan = files.prepare(s, path, options)
  local outputs = files.open_results(options, s)
  local server, sim = serve.start(s, {
    host = options.host, port = options.port or PORT, speed = speed, background = options.background,
    repl = options.repl,
    record = options.record, model = options.served_model_name, api_key = options.api_key, admin = options.admin,
    connections = options.connections, streams = options.streams, body = options.body, unsent = options.unsent,
    drain_seconds = options.drain_seconds, csv = outputs.csv and outputs.csv.path,
  })
  ui.warn(plan.warnings, options)
  announce(server, options, plan.deployment.names.model)
  ui.host().guard(false)
  if options.repl then
    beside_prompt(server, sim)
  else
    server:run()
  end
  farewell(server, options)
  finish(server, sim, outputs, options)
  return true
end

return command
