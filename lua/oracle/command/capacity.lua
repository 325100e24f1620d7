--- `oracle capacity FILE --slo ...`: the most load that meets objectives, or with --replicas the fewest that do.
local lazy = require "oracle.lazy"
local capacity = require "oracle.study.capacity"
local core = require "oracle.core"
local files = require "oracle.command.files"
local literal = require "oracle.scenario.literal"
local ordered = require "oracle.text.ordered"
local report = lazy "oracle.study.capacity_report"
local scenario = require "oracle.scenario"
local ui = require "oracle.command.ui"

local command = {}

local LOOK = 0.1                                          -- s between looks at the clock and at Ctrl-C

-- "0.95" or "95%" as a share.
local function share_of(text)
  local number, percent = text:match("^%s*([%d.]+)%s*(%%?)%s*$")
  local v = tonumber(number)
  if v and percent == "%" then v = v / 100 end
  if not v or v <= 0 or v > 1 then ui.misuse("--goodput %s: a share such as 0.95 expected", text) end
  return v
end

local function job_of(options, path, text, config)
  local job = { kind = "capacity", path = path, text = text, config = config, set = {}, seed = options.seed,
                lod = options.lod, fit = options.fit, force = options.force, runs = not options.no_runs,
                over = options.over, replicas = options.replicas,
                seeds = options.seeds, goodput = options.goodput and share_of(options.goodput) }
  for i, assignment in ipairs(options.set) do
    local key, value = literal.split(assignment)
    if not key then ui.misuse("--set %s: KEY=VALUE expected", assignment) end
    job.set[i] = { key, value }
  end
  if options.slo then job.slo = files.objectives(nil, options.slo) end
  if job.over and job.replicas then ui.misuse("--over %s: --replicas raises the replicas; one of both", job.over) end
  return job
end

-- Runs in threads, the results in the order of what was asked for.
local function runner(work, job, options, meter)
  local host = ui.host()
  local threads = options.threads or host.cores and host.cores() or 1
  if threads < 2 or not host.pool then
    return function(wanted)
      local got = {}
      for i, one in ipairs(wanted) do
        got[i] = capacity.compute(work, one.index)
        if not got[i] or host.interrupted and host.interrupted() then return nil end
      end
      return got
    end, function() end
  end
  local pool, done = host.pool(math.min(threads, 64), "oracle.worker", core.json.encode(job)), 0
  return function(wanted)
    local place, got, left = {}, {}, #wanted
    for i, one in ipairs(wanted) do
      place[one.index] = i
      pool:submit(one.index)
    end
    while left > 0 do
      local index, text = pool:take(LOOK)
      if host.interrupted() then return nil end
      if index then
        if not text then return nil end
        got[place[index]], left, done = text, left - 1, done + 1
      end
      if meter then meter.count(done) end
    end
    return got
  end, function(ended)
    if ended then pool:close() else pool:abandon() end
  end
end

--- Do it.
-- @param options of oracle.command.options
-- @return true when there is an answer
function command.run(options)
  local path = files.one(options)
  ui.one_run_logs(options, "capacity takes many runs")
  ui.host().guard(true)
  local s, text, read = files.load(path, options)
  local job = job_of(options, path, text, read and { format = options.format or "" })
  local ok, work = pcall(capacity.open, job, s)
  if not ok then error(scenario.about(path, scenario.first_line(work)), 0) end
  local outputs = files.open_results(options, s)
  local meter = ui.meter(options)
  ui.host().guard(false)
  local run, close = runner(work, job, options, meter)
  local fine, found = pcall(capacity.search, work, run)
  close(fine)
  if meter then meter.done() end
  if not fine then
    files.discard(outputs)
    error(scenario.about(path, scenario.first_line(found)), 0)
  end
  files.write(outputs.json, ordered.json(report.object(found)))
  if files.stdout_is_free(options) then files.print(report.text(found)) end
  ui.warn(work.warnings, options)
  local _, answered = report.answer(found)
  return answered
end

return command
