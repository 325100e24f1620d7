--- Files of benchmarks and servers as loads and measurements, for `oracle import`.
--   a run  { id = where it is from, workload = as plain values, measured = by short names of metrics (oracle.scenario.
--            metrics), model =, version =, engine = knobs, where they are told; requests = one by one, where they are
--            told: then the workload may be them; notes = what is to be said }
local core = require "oracle.core"
local bench = require "oracle.formats.measured.bench"
local lazy = require "oracle.lazy"
local measured = require "oracle.formats.measured"
local paths = require "oracle.text.paths"
local profiles = lazy "oracle.formats.measured.profiles"
local recognise = lazy "oracle.formats.measured.recognise"
local requests = lazy "oracle.formats.measured.requests"
local scenario = lazy "oracle.scenario"
local server_log = lazy "oracle.formats.imported.server_log"

local imported = {}

local HEAD = 1 << 20                                      -- bytes of a file that are looked at first
local MOST_FILES = 10000                                  -- of a folder
local ENDINGS = { json = true, jsonl = true, csv = true, log = true, txt = true }

-- The requests of a run are its load where they come whatever the server does.
local function with_requests(run, rows, replay)
  run.requests = rows
  run.replay = replay and rows ~= nil
  return run
end

local READ = {}

function READ.bench(path, _, v)
  local workload, found, model = bench.read(v)
  local rows = bench.requests(v)
  local run = { id = path, workload = workload, measured = found, model = model }
  return { with_requests(run, rows, workload.kind == "requests") }
end

function READ.profile(path, _, v)
  local runs = {}
  for i, run in ipairs(profiles.read(v)) do
    runs[i] = { id = ("%s %s"):format(path, run.name), workload = run.workload, measured = run.measured,
                model = run.model }
  end
  return runs
end

function READ.requests(path, text)
  local rows = requests.rows(text)
  local first, list = rows[1].arrival, {}
  for i, r in ipairs(rows) do
    list[i] = { arrival = r.arrival - first, prompt = r.prompt, output = r.output }
    r.completion = r.completion and r.completion - first
    r.arrival = r.arrival - first
  end
  local run = { id = path, workload = { kind = "requests", requests = list }, measured = requests.measured(rows) }
  return { with_requests(run, rows, true) }
end

local function of_log(path)
  local log = server_log.read(io.lines(path))
  local run = { id = path, workload = { kind = "requests", requests = log.requests }, model = log.model,
                version = log.version, engine = log.engine, notes = log.notes }
  for _, r in ipairs(log.requests) do r.e2e = r.completion and 1000 * (r.completion - r.arrival) or nil end
  run.measured = requests.measured(log.requests)
  return { with_requests(run, log.requests, true) }
end

local function head_of(path)
  local f, why = io.open(path, "rb")
  if not f then error((why:gsub("No such file or directory", "no such file")), 0) end
  local text = f:read(HEAD)
  f:close()
  return text or ""
end

local EXPECTED = "the JSON of vllm bench serve, AIPerf (GenAI-Perf) or guidellm, AIPerf's records, a CSV of requests"
  .. " or a vLLM server's log"

--- The runs of a file; raises "path: what is wrong".
function imported.file(path)
  local head = head_of(path)
  if head:match "^%s*$" then error(path .. ": empty", 0) end
  local ok, runs
  if not head:match "^%s*{" and server_log.is(head) then
    ok, runs = pcall(of_log, path)
  else
    local text = paths.read(path)
    local kind, json = measured.kind(text)
    if not READ[kind] then
      local what = recognise.tell(text, path)
      error(("%s: %s"):format(path, what or "nothing to import; " .. EXPECTED .. " expected"), 0)
    end
    ok, runs = pcall(READ[kind], path, text, json)
  end
  if not ok then error(scenario.about(path, scenario.first_line(runs)), 0) end
  return runs
end

-- The files of a folder that may hold results, sorted.
local function files_of(folder)
  local list = {}
  for _, name in ipairs(core.list(folder) or {}) do
    local ending = name:match "%.(%w+)$"
    if ending and ENDINGS[ending:lower()] then list[#list + 1] = folder:gsub("/$", "") .. "/" .. name end
  end
  table.sort(list)
  if #list == 0 then error(("%s: a folder without .json, .jsonl, .csv or .log files"):format(folder), 0) end
  if #list > MOST_FILES then error(("%s: %d files, at most %d"):format(folder, #list, MOST_FILES), 0) end
  return list
end

--- Whether a path is a folder.
function imported.is_folder(path)
  return core.list(path) ~= nil
end

--- The runs of files and folders.
-- @param list of paths
-- @return runs, and of the files of folders those that hold none: { { path, why }, ... }; raises what is wrong with a
--   file that was named itself, and where there is nothing at all
function imported.read(list)
  local runs, skipped = {}, {}
  for _, path in ipairs(list) do
    if imported.is_folder(path) then
      for _, file in ipairs(files_of(path)) do
        local ok, found = pcall(imported.file, file)
        if ok then table.move(found, 1, #found, #runs + 1, runs) else skipped[#skipped + 1] = { file, found } end
      end
    else
      local found = imported.file(path)
      table.move(found, 1, #found, #runs + 1, runs)
    end
  end
  if #runs == 0 then error(skipped[1] and skipped[1][2] or "nothing to import", 0) end
  return runs, skipped
end

return imported
