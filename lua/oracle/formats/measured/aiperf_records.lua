--- AIPerf's profile_export.jsonl: an object per request, with its metadata and its metrics (ai-dynamo/aiperf,
-- docs/tutorials/working-with-profile-exports.md), as the requests that oracle.formats.measured.requests compares.
local core = require "oracle.core"

local records = {}

local MOST = 1e9                                          -- tokens
local MOST_LINES = 10000000
local IN_MS = { ms = 1, s = 1000, sec = 1000, us = 1e-3, ns = 1e-6 }

--- Whether a text is one.
function records.is(text)
  local head = text:match "^%s*([^\r\n]*)"
  return head:sub(1, 1) == "{" and head:find('"request_start_ns"', 1, true) ~= nil
    and head:find('"metrics"', 1, true) ~= nil
end

local function number(v, what, line, least)
  if v == nil or v == core.json.null then return nil end
  if type(v) ~= "number" or v ~= v or v < (least or 0) or v == math.huge then
    error(("line %d: %s: a number of at least %g expected"):format(line, what, least or 0), 0)
  end
  return v
end

-- A metric's value; times in ms.
local function metric(v, name, line)
  local m = type(v.metrics) == "table" and v.metrics[name]
  if type(m) ~= "table" then return nil end
  local n = number(m.value, "metrics." .. name, line)
  if m.unit == "tokens" then
    if n and n > MOST then error(("line %d: metrics.%s: at most %g tokens expected"):format(line, name, MOST), 0) end
    return n
  end
  local scale = IN_MS[m.unit]
  if not scale then error(("line %d: metrics.%s.unit: ms, s, us or ns expected"):format(line, name), 0) end
  return n and n * scale
end

local function row_of(v, line)
  local meta = type(v) == "table" and v.metadata
  if type(meta) ~= "table" then error(("line %d: metadata: missing"):format(line), 0) end
  local start = number(meta.request_start_ns, "metadata.request_start_ns", line)
  if not start then error(("line %d: metadata.request_start_ns: missing"):format(line), 0) end
  local prompt = metric(v, "input_sequence_length", line) or metric(v, "error_isl", line)
  local output = metric(v, "output_sequence_length", line)
  local ended = number(meta.request_end_ns, "metadata.request_end_ns", line)
  local failed = v.error ~= nil and v.error ~= core.json.null or meta.was_cancelled == true
  return { start = start, ended = not failed and ended or nil, prompt = prompt, output = output, failed = failed,
           ttft = metric(v, "time_to_first_token", line), tpot = metric(v, "inter_token_latency", line),
           e2e = metric(v, "request_latency", line) }
end

--- The requests of a text: a list of { arrival = s from the first, prompt =, output = tokens, completion = s or nil,
-- ttft =, tpot =, e2e = ms or nil }; requests that failed, and have no answer, are left out; and how many those are.
function records.read(text)
  local list, failed, number_of, first = {}, 0, 0, math.huge
  for line in text:gmatch "[^\n]+" do
    number_of = number_of + 1
    if number_of > MOST_LINES then error(("line %d: more than %d of them"):format(number_of, MOST_LINES), 0) end
    if line:find "%S" then
      local ok, v = pcall(core.json.decode, line, "record")
      if not ok then error(("line %d: an object of JSON expected"):format(number_of), 0) end
      local r = row_of(v, number_of)
      if r.failed or not r.prompt or r.prompt < 1 or not r.output or r.output < 1 then
        failed = failed + 1
      else
        list[#list + 1] = r
        first = math.min(first, r.start)
      end
    end
  end
  for _, r in ipairs(list) do
    r.arrival = (r.start - first) / 1e9
    r.completion = r.ended and (r.ended - first) / 1e9 or nil
  end
  if #list == 0 then error("holds no requests that were answered", 0) end
  table.sort(list, function(a, b) return a.arrival < b.arrival end)
  return list, failed
end

return records
