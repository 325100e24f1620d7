--- `oracle import DATA... [-o NAME]`: results of benchmarks and logs of servers to a scenario with their load,
-- NAME.lua, what they measured, NAME.measured.csv, and, where requests are told one by one, these: NAME.csv.
local emit = require "oracle.formats.yaml.emit"
local files = require "oracle.command.files"
local imported = require "oracle.formats.imported"
local measured_set = require "oracle.formats.imported.measured_set"
local output = require "oracle.text.output"
local paths = require "oracle.text.paths"
local requests_csv = require "oracle.formats.imported.requests_csv"
local scenario = require "oracle.scenario"
local ui = require "oracle.command.ui"

local command = {}

-- ---- the command line ----

-- The data, and the deployment that a scenario among them and --set say.
local function split(options)
  local data, deployment = {}, nil
  for _, path in ipairs(options.files) do
    if path:match "%.lua$" then
      if deployment then ui.misuse("import %s: one scenario expected", path) end
      deployment = files.load(path, options)
    else
      data[#data + 1] = path
    end
  end
  if #data == 0 then
    ui.misuse("import: results of a benchmark, a folder of them, or a server's log expected: oracle import DATA..."
      .. " [-o NAME]")
  end
  deployment = deployment or scenario.new {}
  files.adjust(deployment, { set = options.set })
  return data, deployment
end

-- NAME of the files: -o, or the data's own in the current folder.
local function name_of(options, data)
  local name = options.output or data[1]:gsub("/+$", ""):match "([^/]*)$"
  if options.output == "" then ui.misuse("import -o: NAME expected") end
  name = name:gsub("%.lua$", "")
  if not options.output then name = name:gsub("%.gz$", ""):gsub("%.%w+$", "") end
  if name == "" or name:match "^%.+$" then ui.misuse("import: -o NAME expected, for the files that are written") end
  local folder = name:match "^(.*)/[^/]*$"
  if folder and folder ~= "" and not paths.exists(folder) then error(folder .. ": no such folder", 0) end
  return name
end

-- ---- the scenario ----

-- Values that a file can hold; functions and what is bound to this run stay out.
local function plain(v)
  if type(v) ~= "table" then return (type(v) ~= "function" and type(v) ~= "userdata") and v or nil end
  local t = {}
  for k, inner in pairs(v) do t[k] = plain(inner) end
  return t
end

-- The deployment as the command line says it, and what the data say beside it.
local function deployment_of(s, run)
  local raw, engine = scenario.raw(s), {}
  for k, v in pairs(run.engine or {}) do engine[k] = v end
  for k, v in pairs(plain(raw.engine) or {}) do engine[k] = v end
  return { model = plain(raw.model) or run.model, hardware = plain(raw.hardware), replicas = plain(raw.replicas),
           engine = next(engine) and engine or nil }
end

local function workload_of(run, csv)
  if run.replay and csv then return { kind = "trace", path = csv:match "([^/]*)$" } end
  return run.workload
end

-- The scenario's table: one load, or one for each run.
local function scenario_of(runs, s, csv)
  local raw = deployment_of(s, runs[1])
  raw.workload = workload_of(runs[1], csv)
  if #runs > 1 then
    local list = {}
    for i, run in ipairs(runs) do list[i] = workload_of(run) end
    raw.vary = { { "workload", list } }
  end
  return raw
end

-- ---- files ----

local function refuse_existing(list, options)
  for _, path in ipairs(list) do
    if not options.force and paths.exists(path) then error(("%s: exists; --force replaces it"):format(path), 0) end
  end
end

local function say(options, ...)
  if not options.quiet then ui.say(string.format(...)) end
end

-- The rows of the measured set, and the runs that it cannot say.
local function table_of(runs, s)
  local lines, without = { measured_set.head() }, {}
  for _, run in ipairs(runs) do
    local line, why = measured_set.row(run, deployment_of(s, run))
    if line then lines[#lines + 1] = line else without[#without + 1] = { run.id, why } end
  end
  return lines, without
end

local function tell(options, runs, skipped, without, raw)
  for _, one in ipairs(skipped) do ui.warn({ "left out: " .. one[2] }, options) end
  for _, one in ipairs(without) do
    say(options, "# %s: not in the table: %s; oracle validate %s compares it", one[1], one[2], one[1])
  end
  for _, run in ipairs(runs) do
    for _, note in ipairs(run.notes or {}) do say(options, "# %s: %s", run.id, note) end
  end
  for _, key in ipairs { "model", "hardware" } do
    if not raw[key] then say(options, "# %s: not told by the data; --set %s=NAME says it", key, key) end
  end
end

local function about(data, runs)
  return ("Imported from %s%s: %d run%s."):format(data[1], #data > 1 and " and others" or "", #runs,
    #runs == 1 and "" or "s")
end

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  local data, s = split(options)
  local name = name_of(options, data)
  ui.host().guard(false)
  local runs, skipped = imported.read(data)
  local requests = #runs == 1 and runs[1].requests
  local csv = requests and name .. ".csv" or nil
  if csv and output.plain(csv) == output.plain(data[1]) then csv = name .. ".requests.csv" end
  local lines, without = table_of(runs, s)
  local set = #lines > 1 and name .. ".measured.csv" or nil
  local written = { name .. ".lua" }
  written[#written + 1] = set
  written[#written + 1] = csv
  refuse_existing(written, options)
  local raw = scenario_of(runs, s, csv)
  if csv then output.write_file(csv, requests_csv.text(requests)) end
  if set then output.write_file(set, table.concat(lines, "\n") .. "\n") end
  output.write_file(name .. ".lua", emit.scenario(raw, about(data, runs)))
  tell(options, runs, skipped, csv and {} or without, raw)
  say(options, "%s written: %d run%s", table.concat(written, ", "), #runs, #runs == 1 and "" or "s")
  return true
end

return command
