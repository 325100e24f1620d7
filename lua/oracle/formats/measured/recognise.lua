--- What a file is that `oracle validate` has nothing to compare with: a trace to replay, a table of measurements.
local lazy = require "oracle.lazy"
local measured = lazy "oracle.formats.measured"

local recognise = {}

-- Columns that tell a CSV, all of them in its first line.
local TRACES = {
  { "a trace of requests (Azure LLM)", "TIMESTAMP", "ContextTokens", "GeneratedTokens" },
  { "a trace of requests (BurstGPT)", "Timestamp", "Request tokens", "Response tokens" },
  { "a trace of requests (Vidur)", "arrived_at", "num_prefill_tokens", "num_decode_tokens" },
  { "a trace of requests (Splitwise)", "arrival_timestamp", "prompt_size", "token_size" },
}
local function columns(head)
  local has = {}
  for field in (head .. ","):gmatch("([^,]*),") do has[field:match('^%s*"?(.-)"?%s*$')] = true end
  return has
end

local function among(list, has)
  for _, one in ipairs(list) do
    if has[one[2]] and has[one[3]] and has[one[4]] then return one[1] end
  end
  return nil
end

local function replay(what, path, more)
  return ("%s: nothing to compare by itself; a scenario replays it: workload = oracle.workload.trace { path = %q%s }"
    ):format(what, path, more or "")
end

-- Results of other programs, by keys that they have.
local RESULTS = {
  { "a result of `vllm bench throughput`, which measures no request", "elapsed_time", "num_requests",
    "tokens_per_second" },
  { "a result of `vllm bench latency`, which sends no load", "avg_latency", "latencies", "percentiles" },
  { "perf_analyzer's own profile_export.json; profile_export_genai_perf.json beside it is read", "experiments" },
  { "a report of inference-perf", "load_summary", "successes" },
  { "a result of LLMPerf", "results_ttft_s_mean" },
  { "a result of LLMPerf", "results_inter_token_latency_s_mean" },
  { "a benchmark's report, but not guidellm's", "benchmarks" },
}

-- A result of a benchmark that is not read, in a line; nil: it is none.
local function foreign(text)
  local v = measured.decoded(text)
  for _, one in ipairs(v and RESULTS or {}) do
    local all = true
    for i = 2, #one do all = all and v[one[i]] ~= nil end
    if all then return one[1] .. "; the JSON of vllm bench serve, AIPerf (GenAI-Perf) or guidellm expected" end
  end
end

--- What a file is and what can be done with it, in one line.
-- @param text the content, @param path its name
-- @return the line, without the file's name before it; nil for what is nothing known
function recognise.tell(text, path)
  if text:sub(1, 2) == "\31\139" then
    return replay("compressed (gzip), perhaps a trace, which is read as it is", path)
  end
  local head = text:gsub("^\239\187\191", ""):match("^%s*([^\r\n]*)")
  if head:match("^{") and head:find('"input_length"', 1, true) and head:find('"output_length"', 1, true) then
    local whose = head:find('"chat_id"', 1, true) and "Bailian" or "Mooncake"
    return replay(("a trace of requests (%s)"):format(whose), path)
  end
  if head:match("^%[") and text:sub(1, 1 << 16):find('"conversations"', 1, true) then
    return replay("conversations without times (ShareGPT)", path, ", rate = 2")
  end
  local other = head:match "^{" and foreign(text)
  if other then return other end
  local has = columns(head)
  local trace = among(TRACES, has)
  return trace and replay(trace, path)
end

return recognise
