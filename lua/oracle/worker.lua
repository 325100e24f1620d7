--- What a thread of many runs does (src/bind/host/thread_pool.h), in a Lua state of its own: it reads the scenario's
-- file again, with all that such a file may say, and computes points.
local lazy = require "oracle.lazy"
local capacity = lazy "oracle.study.capacity"
local core = require "oracle.core"
local formats = require "oracle.formats"
local inputs = require "oracle.text.inputs"
local paths = require "oracle.text.paths"
local planner = lazy "oracle.study.planner"
local scenario = require "oracle.scenario"
local sensitivity = lazy "oracle.study.sensitivity"
local slice = lazy "oracle.study.slice"
local sweep = require "oracle.study.sweep"
require "oracle"

local worker = {}

-- The scenario of a file: Lua, or a configuration.
local function load(job)
  if not job.config then return scenario.load(job.path, job.text) end
  local format = job.config.format ~= "" and job.config.format or job.path:lower():match("%.json$") and "json" or nil
  return formats.parse(job.text, format, paths.folder(job.path)).scenario
end

--- Make ready to compute.
-- @param text the job of oracle.study.sweep or capacity, as JSON
-- @return function(i) -> the summary as JSON of one line, steps, events, simulated s; nil when it was interrupted
--   (of one simulation in several threads: what oracle.study.slice returns)
function worker.worker(text)
  inputs.watch()
  local job = core.json.decode(text)
  if job.kind == "plan" then
    local work = planner.open(job, job.path and assert(load(job)) or nil)
    return function(i) return planner.compute(work, i) end
  end
  local s, why = load(job)
  if s and job.kind == "slice" then return slice.open(job, s) end
  local work
  if s and job.kind == "capacity" then
    work = capacity.open(job, s)
    return function(i) return capacity.compute(work, i) end
  end
  if s and job.kind == "why" then
    work = sensitivity.open(job, s)
    return function(i) return sensitivity.compute(work, i) end
  end
  if s then work, why = sweep.open(job, s) end
  if not work then error(why, 0) end
  return function(i) return sweep.compute(work, i) end
end

return worker
