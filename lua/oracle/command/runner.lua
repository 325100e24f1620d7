--- Who computes the runs that a search asks for: threads, each with a state of its own (oracle.worker), or this one.
local lazy = require "oracle.lazy"
local sweep = lazy "oracle.study.sweep"
local ui = require "oracle.command.ui"

local runner = {}

local LOOK, MOST = 0.1, 64                                -- s between looks at the clock and at Ctrl-C; threads

local function here(compute)
  local host = ui.host()
  return function(wanted)
    local got = {}
    for i, index in ipairs(wanted) do
      got[i] = compute(index)
      if not got[i] or host.interrupted and host.interrupted() then return nil end
    end
    return got
  end, function() end
end

--- A runner of indices.
-- @param job of oracle.worker, @param options of the command line, @param meter of ui.meter or nil
-- @param compute function(index) -> text or nil, which does the same in this state
-- @return function(list of indices) -> their texts in the same order, nil when it was interrupted; and function(ended
--   well), which ends it
function runner.of(job, options, meter, compute)
  local host = ui.host()
  local threads = options.threads or host.cores and host.cores() or 1
  if threads < 2 or not host.pool then return here(compute) end
  local ex, done
  return function(wanted)
    local place, got, left = {}, {}, #wanted
    ex, done = ex or sweep.threads(host, job, math.min(threads, MOST)), done or 0
    for i, index in ipairs(wanted) do
      place[index] = i
      ex:submit(index)
    end
    while left > 0 do
      local index, text = ex:take(LOOK)
      if host.interrupted() then return nil end
      if index then
        if not text then return nil end
        got[place[index]], left, done = text, left - 1, done + 1
      end
      if meter then meter.count(done) end
    end
    return got
  end, function(ended)
    if not ex then return end
    if ended then ex:close() else ex:abandon() end
  end
end

return runner
