--- A run as `vllm bench serve --save-result` writes one, field for field, and with `detailed` as --save-detailed adds
-- to it: what its plotting scripts read.
-- Source: vLLM, vllm/benchmarks/serve.py (main_async, benchmark, calculate_metrics).
-- What has no counterpart: `date` is the simulated clock's beginning, texts of answers are empty, and requests of the
-- warm-up are left out as everywhere. max_output_tokens_per_s takes the tokens of an answer as evenly spaced.
local metrics = require "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"

local vllm_bench = { records = true, detail = true }

local DATE = "19700101-000000"
local BACKENDS = { trtllm = "tensorrt-llm", sglang = "sglang" }
local MOST_BUCKETS = 1 << 20                              -- seconds that rates of tokens are counted by

-- ---- how requests were sent ----

-- The load as vLLM's client says it: requests/s or "inf", the shape of the gaps, the most in flight.
local function traffic(run)
  local w = run.plan.scenario.workload
  local kind = not w[1] and w.kind
  local rate = type(w.rate) == "number" and w.rate or run.summary.throughput.offered_rps or "inf"
  if kind == "closed_loop" then
    return "inf", 1, type(w.concurrency) == "number" and w.concurrency or nil
  elseif kind == "batch" then
    return "inf", 1, nil
  elseif kind == "gamma" then
    local cv = type(w.cv) == "number" and w.cv
    return rate, w.burstiness or cv and cv > 0 and 1 / cv ^ 2 or 1, nil
  elseif kind == "constant" then
    return rate, "inf", nil
  end
  return rate, 1, nil
end

-- ---- requests ----

local ERRORS = { FAILED = "the replica failed", TIMEOUT = "the client's time-out",
                 CANCELLED = "cancelled by the client",
                 REJECTED = "rejected by the server", PENDING = "still in flight at the end" }

-- Gaps between tokens as the client saw them: its first token is in the row, the others as far after their steps as
-- the last one. nil where the times of its tokens are not known: then they are taken as evenly spaced.
local function gaps_of(row, times)
  local gaps, n = {}, (row.output_tokens or 0) - 1
  if n < 1 then return gaps end
  local total = (row.e2e_latency_ms - row.ttft_ms) / 1000
  local known = times and #times > 0 and #times <= n and times
  if not known then
    for i = 1, n do gaps[i] = total / n end
    return gaps
  end
  local before, shift = row.first_token_time, row.completion_time - known[#known]
  for i = 1, #known do
    gaps[i] = math.max(0, known[i] + shift - before)
    before = known[i] + shift
  end
  return gaps
end

local LISTS = { "input_lens", "output_lens", "ttfts", "itls", "latencies", "start_times", "queue_times",
                "generated_texts", "errors" }

local function add_details(lists, row, good, times)
  local function put(name, value) table.insert(lists[name], value) end
  put("input_lens", row.prompt_tokens)
  put("output_lens", good and row.output_tokens or 0)
  put("ttfts", row.ttft_ms and row.ttft_ms / 1000 or 0.0)
  put("itls", ordered.array(good and gaps_of(row, times) or {}))
  put("latencies", row.e2e_latency_ms and row.e2e_latency_ms / 1000 or 0.0)
  put("start_times", row.arrival_time)
  put("queue_times", 0.0)
  put("generated_texts", "")
  put("errors", good and "" or ERRORS[row.status] or row.status)
end

-- Tokens of an answer by the second in which they came.
local function add_tokens(buckets, row)
  local first, n = row.first_token_time, row.output_tokens
  local gap = n > 1 and (row.completion_time - first) / (n - 1) or 0
  local at = 0
  while at < n do                                         -- a second at a time
    local second = math.floor(first + at * gap)
    local last = gap > 0 and math.min(n, math.floor((second + 1 - first) / gap) + 1) or n
    last = math.max(last, at + 1)
    if second < MOST_BUCKETS then buckets[second] = (buckets[second] or 0) + last - at end
    at = last
  end
end

-- The most requests in flight at a time: those that end at a moment are gone before others come.
local function peak(changes)
  table.sort(changes, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  local now, most = 0, 0
  for _, c in ipairs(changes) do
    now = now + c[2]
    most = math.max(most, now)
  end
  return most
end

-- What is known of requests alone: sums, peaks, and with `detailed` the lists.
local function of_requests(run)
  local found = { input = 0, output = 0, lists = {} }
  local changes, buckets, warm_up, number = {}, {}, run.plan.scenario.warm_up or 0, 0
  for _, name in ipairs(LISTS) do found.lists[name] = ordered.array {} end
  for _, row in run.records() do
    number = number + 1
    if row.arrival_time >= warm_up then
      local good = row.status == "SUCCESS"
      if good then
        found.input, found.output = found.input + row.prompt_tokens, found.output + row.output_tokens
        changes[#changes + 1], changes[#changes + 2] = { row.arrival_time, 1 }, { row.completion_time, -1 }
        add_tokens(buckets, row)
      end
      if run.detailed then add_details(found.lists, row, good, run.raw.token_times and run.raw.token_times[number]) end
    end
  end
  found.concurrent, found.tokens_per_second = peak(changes), 0
  for _, n in pairs(buckets) do found.tokens_per_second = math.max(found.tokens_per_second, n) end
  return found
end

-- ---- fields ----

-- Mean, median, deviation and percentiles of a distribution; all 0 without a value, as vLLM has it.
local function add_latency(list, name, d)
  list[#list + 1] = { ("mean_%s_ms"):format(name), d.mean or 0.0 }
  list[#list + 1] = { ("median_%s_ms"):format(name), d.p50 or 0.0 }
  list[#list + 1] = { ("std_%s_ms"):format(name), d.std or 0.0 }
  for _, key in ipairs(ordered.keys(d)) do
    if key:find "^p[%d.]+$" and key ~= "p50" then list[#list + 1] = { ("%s_%s_ms"):format(key, name), d[key] } end
  end
  if not d.p99 then list[#list + 1] = { ("p99_%s_ms"):format(name), 0.0 } end
end

local function add_drafting(list, s)
  local d = s.spec_decode
  if not d then return end
  list[#list + 1] = { "spec_decode_acceptance_rate", 100 * (d.draft_acceptance_rate or 0) }
  list[#list + 1] = { "spec_decode_acceptance_length", d.mean_acceptance_length or 0.0 }
  list[#list + 1] = { "spec_decode_num_drafts", d.num_drafts }
  list[#list + 1] = { "spec_decode_draft_tokens", d.num_draft_tokens }
  list[#list + 1] = { "spec_decode_accepted_tokens", d.num_accepted_tokens }
  list[#list + 1] = { "spec_decode_per_position_acceptance_rates", d.per_position_acceptance_rate }
end

--- The result.
-- @param run of oracle.formats.written; run.detailed: with the lists by request
-- @return the JSON
function vllm_bench.text(run)
  local s, of = run.summary, of_requests(run)
  local rate, burstiness, concurrency = traffic(run)
  local engine = run.plan.scenario.engine.system or "vllm"
  local backend = BACKENDS[engine] or "vllm"
  local list = {
    { "date", DATE }, { "endpoint_type", backend }, { "backend", backend }, { "label", s.name },
    { "model_id", s.deployment.model }, { "tokenizer_id", s.deployment.model }, { "num_prompts", s.requests.total },
    { "request_rate", rate }, { "burstiness", burstiness }, { "max_concurrency", concurrency },
    { "duration", s.simulation.effective_duration_s }, { "completed", s.requests.successful },
    { "failed", s.requests.total - s.requests.successful },
    { "total_input_tokens", of.input }, { "total_output_tokens", of.output },
    { "request_throughput", s.throughput.requests_per_second or 0.0 },
    { "request_goodput", s.throughput.goodput_rps },
    { "output_throughput", s.throughput.output_tokens_per_second or 0.0 },
    { "total_token_throughput", s.throughput.total_tokens_per_second or 0.0 },
  }
  for _, name in ipairs(run.detailed and LISTS or {}) do list[#list + 1] = { name, of.lists[name] } end
  list[#list + 1] = { "max_output_tokens_per_s", of.tokens_per_second }
  list[#list + 1] = { "max_concurrent_requests", of.concurrent }
  list[#list + 1] = { "rtfx", 0.0 }
  add_drafting(list, s)
  for _, metric in ipairs(metrics.LATENCIES) do
    if metric.bench then add_latency(list, metric.bench, s.latency[metric.name]) end
  end
  return ordered.json(ordered.object(list))
end

return vllm_bench
