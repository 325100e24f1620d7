--- What a vLLM server would answer to a scrape of /metrics at the end of a run: the whole of it, warm-up included.
-- Each replica is an engine. Requests that were refused at the door reached none, and are not there.
local vllm_metrics = require "oracle.result.vllm_metrics"

local prometheus = { records = true }

-- How vLLM calls the end of a request: its client left, the server lost it, or it came to its length or a stop token.
local function reason_of(row)
  if row.status == "FAILED" then return "error" end
  if row.status ~= "SUCCESS" then return "abort" end
  return row.output_tokens == row.max_output_tokens and "length" or "stop"
end

local function seconds(ms) return ms and ms / 1000 end

local function add_request(m, row)
  local engine = math.tointeger(row.replica)
  if not engine then return end
  m:add("generation_tokens", engine, row.output_tokens)
  if row.queue_ms then m:add("prompt_tokens", engine, row.prompt_tokens) end
  m:add("num_preemptions", engine, row.preemptions)
  if row.status == "PENDING" then
    m:add(row.queue_ms and "num_requests_running" or "num_requests_waiting", engine, 1)
    return
  end
  m:finished(engine, { prompt = row.prompt_tokens, output = row.output_tokens, max_output = row.max_output_tokens,
                       computed = row.tokens_actually_prefilled, ttft = seconds(row.ttft_ms),
                       tpot = seconds(row.tpot_ms), e2e = seconds(row.e2e_latency_ms), queue = seconds(row.queue_ms),
                       reason = reason_of(row) })
end

-- What each replica counted itself.
local function add_replica(m, engine, raw)
  m:add("prefix_cache_queries", engine, raw.prefix_cache_queries)
  m:add("prefix_cache_hits", engine, raw.prefix_cache_hits)
  m:set("kv_cache_usage_perc", engine, raw.kv_used)
  if raw.latency and raw.latency.itl then m:fill("inter_token_latency_seconds", engine, raw.latency.itl) end
  local drafting = raw.spec_decode
  for _, key in ipairs(drafting and { "num_drafts", "num_draft_tokens", "num_accepted_tokens" } or {}) do
    m:add("spec_decode_" .. key, engine, drafting[key])
  end
end

--- The text of /metrics.
-- @param run of oracle.formats.written
function prometheus.text(run)
  local m = vllm_metrics.new(run.summary.deployment.model, run.plan.scenario.engine.max_model_len, #run.raw.replicas)
  for _, row in run.records() do add_request(m, row) end
  for i, raw in ipairs(run.raw.replicas) do add_replica(m, i - 1, raw) end
  return m:text()
end

return prometheus
