--- Results in the formats of others, for `--format NAME`: one run as a text.
--   run  { summary = of oracle.result.summary, plan = of oracle.plan, raw = the engine's result,
--          records = function() -> an iterator over its requests (records.lua), detailed = of `vllm-bench` }
local lazy = require "oracle.lazy"
local host = lazy.optional "oracle.host"
local records = lazy "oracle.formats.written.records"

local written = {}

local MODULES = {
  ["vllm-bench"] = lazy "oracle.formats.written.vllm_bench",
  prometheus = lazy "oracle.formats.written.prometheus",
  jsonl = lazy "oracle.formats.written.jsonl",
}

--- The names of the formats.
written.NAMES = { "vllm-bench", "prometheus", "jsonl" }

--- Whether a format can say more of each request (`--save-detailed`).
function written.has_detail(name)
  return MODULES[name].detail == true
end

local PATIENCE = 0.03                                     -- s of work

-- What `each` gives, as long as nobody who waits for the end has to wait long.
local function in_time(each)
  local program, since = host(), nil
  return function()
    if program and program.interrupted() then
      since = since or os.clock()
      if os.clock() - since > PATIENCE then error("interrupted; the requests are not written", 0) end
    end
    return each()
  end
end

--- One run in a format.
-- @param name of written.NAMES
-- @param run { summary =, plan =, raw =, detailed = }, @param csv the file with its requests
-- @return a string, or function() -> the next piece or nil
function written.text(name, run, csv)
  run.records = function() return in_time(records.each(csv)) end
  return MODULES[name].text(run)
end

return written
