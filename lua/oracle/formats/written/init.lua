--- Results in the formats of others, for `--format NAME`: one run as a text.
--   run  { summary = of oracle.result.summary, plan = of oracle.plan, raw = the engine's result,
--          records = function() -> an iterator over its requests (records.lua), detailed = of `vllm-bench` }
local lazy = require "oracle.lazy"
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

--- One run in a format.
-- @param name of written.NAMES
-- @param run { summary =, plan =, raw =, detailed = }, @param csv the file with its requests
-- @return a string, or function() -> the next piece or nil
function written.text(name, run, csv)
  run.records = function() return records.each(csv) end
  return MODULES[name].text(run)
end

return written
