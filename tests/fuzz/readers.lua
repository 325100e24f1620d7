--- What reads a text that came from outside, each as a function of that text that must not raise: the fuzz targets
-- (tests/fuzz/reader.c, $FUZZ_READER names one) and the corpora replayed by tests/spec/corpus_spec.lua go through
-- these.
local core = require "oracle.core"
local formats = require "oracle.formats"
local emit = require "oracle.formats.yaml.emit"
local fix = require "oracle.formats.yaml.fix"
local imported = require "oracle.formats.imported"
local literal = require "oracle.scenario.literal"
local measured = require "oracle.formats.measured"
local measured_set = require "oracle.formats.imported.measured_set"
local oracle = require "oracle"
local planning = require "oracle.plan"
local problems = require "oracle.formats.problems"
local requests_csv = require "oracle.formats.imported.requests_csv"
local results_file = require "oracle.study.results_file"
local sandbox = require "oracle.policy.sandbox"
local study = require "oracle.study"
local sweep_inputs = require "oracle.study.sweep_inputs"

local readers = {}

local folder = os.getenv "FUZZ_FOLDER" or "/dev/shm"
local NAME = ("%s/oracle-reader-%s"):format(folder, tostring({}):match "0x%x+")

-- What is refused is refused in one line that is for people: none of Lua's own, none of a file of ours.
local function said(why)
  why = tostring(why)
  assert(#why > 0 and not why:find "\n", "a reason of several lines: " .. why)
  if why:find "oracle%-reader" then return end            -- a line of the text itself may be wrong in any way
  assert(not why:find "lua/oracle/[%w_/]+%.lua:%d+:" and not why:find "attempt to %l+ ", "a defect: " .. why)
end

local function file(text, ending)
  local path = NAME .. ending
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
  return path
end

-- f(...) works, or says why not.
local function try(f, ...)
  local ok, a, b = pcall(f, ...)
  if not ok then said(a) return nil end
  if a == nil and b ~= nil then said(b) end
  return a
end

local SMALL = { kind = "batch", count = 3, prompt = 20, output = 5 }

-- A scenario of a few requests, at most a second of its time.
local function serve(keys)
  local t = { model = "tiny-1b", hardware = "h100-sxm", workload = SMALL, duration = 1, seed = 1 }
  for k, v in pairs(keys) do t[k] = v end
  try(function() return study.run(oracle.scenario(t)) end)
end

function readers.hf(text) serve { model = file(text, ".json") } end

function readers.hardware(text) serve { hardware = file(text, ".json") } end

function readers.calibration(text)
  serve { cost = { kind = "vllm_roofline", calibration = file(text, ".json") } }
end

-- Measured data of any kind: its load is read, not simulated at length.
local function compare(text)
  local kind, json = measured.kind(text)
  if kind ~= "bench" and kind ~= "requests" then return end
  if kind == "bench" and (tonumber(json.completed or json.num_prompts) or 0) > 1000 then return end
  local s = oracle.scenario { model = "tiny-1b", hardware = "h100-sxm", duration = 1, workload = SMALL }
  try(measured.compare, kind, text, json, s)
end

readers.bench, readers.requests = compare, compare

-- What `oracle import` reads: any result of a benchmark, any log, as a scenario that can be planned, and its row.
function readers.imported(text)
  local runs = try(imported.file, file(text, text:find "^%s*{" and ".json" or ".log"))
  for _, run in ipairs(runs or {}) do
    local deployment = { model = "tiny-1b", hardware = "h100-sxm", engine = run.engine }
    try(measured_set.row, run, deployment)
    local source = emit.scenario({ model = "tiny-1b", hardware = "h100-sxm", workload = run.workload }, "imported")
    assert(load(source, "imported", "t", { require = require }))()
    for _ in requests_csv.text(run.requests or {}) do end
  end
end

function readers.journal(text)
  for _, resume in ipairs { "anyway", true } do
    local path = file(text, ".jsonl")
    local id = { version = "0.1.0", scenario = "s.lua", text = "x", settings = {}, points = 3,
                 inputs = sweep_inputs.new(folder) }
    local results = try(results_file.open, path, id, resume)
    for i = 1, results and 3 or 0 do
      if results:has(i) then core.json.decode(results:get(i)) end
    end
    if results then results:close() end
  end
end

function readers.topology(text)
  serve { network = literal.literal(text), engine = { tensor_parallel_size = 2 } }
end

-- Key and value: what they come to is planned and not run, for it may be of any length.
function readers.set(text)
  local s = oracle.scenario { model = "tiny-1b", hardware = "h100-sxm", workload = SMALL }
  local key, value = literal.split(text)
  if not key then return end
  local ok, why = literal.apply(s, key, value)
  if not ok then return said(why) end
  try(planning.plan, s)
end

function readers.distribution(text)
  local d = literal.literal(text)
  serve { workload = { kind = "poisson", rate = 10, count = 5, prompt = d, output = 3 } }
  serve { workload = { kind = "closed_loop", concurrency = 2, count = 5, prompt = 3, output = 3, think = d } }
  serve { workload = { kind = "gamma", rate = 10, cv = d, count = 5, prompt = 3, output = 3 } }
end

function readers.slo(text)
  serve { slo = literal.literal(text) }
  serve { slo = { ttft = literal.literal(text) } }
end

function readers.policy(text)
  local path = file(text, ".lua")
  try(sandbox.load, path)
  serve { batching = path }
end

function readers.generator(text)
  serve { workload = { path = file(text, ".lua"), count = 5 } }
end

function readers.yaml(text)
  local read = formats.parse(text)
  assert(read.scenario or #read.problems.errors > 0, "neither valid nor wrong")
  for _, e in ipairs(read.problems.errors) do said(problems.text(e)) end
  if #read.problems.fixes > 0 then fix.apply(text, read) end
end

function readers.trace(text)
  for _, ending in ipairs { ".csv", ".json", ".jsonl" } do
    serve { workload = { kind = "trace", path = file(text, ending), count = 20 } }
  end
  serve { workload = { kind = "trace", path = file(text, ".csv"), rate = 10, count = 20 } }
end

--- The files that were read are taken away.
function readers.close()
  for _, ending in ipairs { ".json", ".jsonl", ".lua", ".csv", ".log" } do os.remove(NAME .. ending) end
end

return readers
