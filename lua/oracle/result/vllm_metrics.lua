--- The metrics of a vLLM server under its names, types, labels and buckets: what dashboards of vLLM read.
-- Source: vLLM, vllm/v1/metrics/loggers.py (PrometheusStatLogger); the help texts are our own.
-- Every sample carries the labels model_name and engine, the replica's number. What a simulation has no counterpart
-- of - sleep states, multi-modal caches, LoRA adapters' names - is left out.
local ordered = require "oracle.text.ordered"
local prometheus = require "oracle.text.prometheus"

local vllm_metrics = {}

-- Upper bounds, s.
local TTFT = { 0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
               640, 2560 }
local TOKEN = { 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80 }
local REQUEST = { 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680 }
local PARALLEL = { 1, 2, 5, 10, 20 }

-- 1, 2, 5, 10, 20 ... as far as a request may be long.
local function lengths(most)
  local list, unit = {}, 1
  while true do
    for _, m in ipairs { 1, 2, 5 } do
      if m * unit > most then return list end
      list[#list + 1] = m * unit
    end
    unit = 10 * unit
  end
end

-- { name, type, help, bounds of a histogram: a list, or "tokens": by max_model_len }
local FAMILIES = {
  { "num_requests_running", "gauge", "Requests in the batches that are being executed" },
  { "num_requests_waiting", "gauge", "Requests that wait to be scheduled" },
  { "kv_cache_usage_perc", "gauge", "Share of the KV cache in use; 1 is all of it" },
  { "prefix_cache_queries", "counter", "Tokens looked up in the prefix cache" },
  { "prefix_cache_hits", "counter", "Tokens found in the prefix cache" },
  { "num_preemptions", "counter", "Preemptions since the start" },
  { "prompt_tokens", "counter", "Tokens of prompts that were taken in" },
  { "generation_tokens", "counter", "Tokens generated" },
  { "spec_decode_num_drafts", "counter", "Drafts that were verified" },
  { "spec_decode_num_draft_tokens", "counter", "Tokens of drafts" },
  { "spec_decode_num_accepted_tokens", "counter", "Tokens of drafts that were accepted" },
  { "cache_config_info", "gauge", "The KV cache as it is configured, in its labels" },
  { "request_success", "counter", "Requests that ended, by the reason" },
  { "request_prompt_tokens", "histogram", "Tokens of a request's prompt", "tokens" },
  { "request_generation_tokens", "histogram", "Tokens generated for a request", "tokens" },
  { "request_max_num_generation_tokens", "histogram", "Most tokens that a request may generate", "tokens" },
  { "request_params_n", "histogram", "Answers asked for at once", PARALLEL },
  { "request_params_max_tokens", "histogram", "max_tokens of a request", "tokens" },
  { "request_prefill_kv_computed_tokens", "histogram", "Prompt tokens computed for a request, cached ones left out",
    "tokens" },
  { "time_to_first_token_seconds", "histogram", "Time to first token, s", TTFT },
  { "inter_token_latency_seconds", "histogram", "Time between a token and the one before, s", TOKEN },
  { "request_time_per_output_token_seconds", "histogram", "Mean time per output token of a request, s", TOKEN },
  { "e2e_request_latency_seconds", "histogram", "Time from a request's arrival to its end, s", REQUEST },
  { "request_queue_time_seconds", "histogram", "Time that a request waited, s", REQUEST },
  { "request_inference_time_seconds", "histogram", "Time from a request's first schedule to its end, s", REQUEST },
  { "request_prefill_time_seconds", "histogram", "Time from a request's first schedule to its first token, s",
    REQUEST },
  { "request_decode_time_seconds", "histogram", "Time from a request's first token to its last, s", REQUEST },
}

--- The families, for who fills them elsewhere: { { name =, type =, help =, bounds = list or nil }, ... }.
-- @param max_model_len tokens; how far buckets of lengths go
function vllm_metrics.rows(max_model_len)
  local rows = {}
  for i, f in ipairs(FAMILIES) do
    rows[i] = { name = f[1], type = f[2], help = f[3], bounds = f[4] == "tokens" and lengths(max_model_len) or f[4] }
  end
  return rows
end

local BY_NAME = {}
for _, f in ipairs(FAMILIES) do BY_NAME[f[1]] = f end

--- The reasons that vLLM tells ends apart by (vllm/v1/engine/__init__.py, FinishReason): all are there from the start.
vllm_metrics.REASONS = { "stop", "length", "abort", "error" }

local METHODS = {}
METHODS.__index = METHODS

-- The place of a sample, made where there is none.
local function sample(m, name, engine, labels)
  local family = assert(BY_NAME[name], name)
  local key = engine
  for _, k in ipairs(ordered.keys(labels or {})) do key = ("%s|%s=%s"):format(key, k, labels[k]) end
  m.samples[name] = m.samples[name] or { by_key = {} }
  local list = m.samples[name]
  if not list.by_key[key] then
    local s = { labels = { model_name = m.model_name, engine = tostring(engine) }, value = 0 }
    for k, v in pairs(labels or {}) do s.labels[k] = v end
    if family[2] == "histogram" then
      s.histogram = prometheus.histogram(family[4] == "tokens" and m.lengths or family[4])
    end
    list.by_key[key] = s
    list[#list + 1] = s
  end
  return list.by_key[key]
end

--- Set a gauge.
-- @param name without "vllm:", @param engine the replica, from 0, @param labels further ones, { name = value }, or nil
function METHODS:set(name, engine, value, labels)
  sample(self, name, engine, labels).value = value
end

--- Say how the KV cache is configured: a gauge of 1 whose labels tell it, without the model's name.
-- @param labels { block_size =, num_gpu_blocks =, gpu_memory_utilization =, enable_prefix_caching = "True", ... }
function METHODS:configured(engine, labels)
  local s = sample(self, "cache_config_info", engine)
  s.value, s.labels = 1, { engine = tostring(engine) }
  for name, v in pairs(labels) do s.labels[name] = tostring(v) end
end

--- Add to a counter.
function METHODS:add(name, engine, amount, labels)
  local s = sample(self, name, engine, labels)
  s.value = s.value + amount
end

--- Add a value to a histogram: seconds or tokens.
-- @param times how often; nil: once
function METHODS:observe(name, engine, value, times)
  prometheus.observe(sample(self, name, engine).histogram, value, times)
end

--- Fill a histogram from a distribution of the engine's, in ns (oracle.core's histograms).
function METHODS:fill(name, engine, hist)
  local h = sample(self, name, engine).histogram
  for i, bound in ipairs(h.bounds) do h.counts[i] = h.counts[i] + hist:count_to(bound * 1e9) end
  h.count, h.sum = h.count + hist:count(), h.sum + hist:count() * hist:mean() / 1e9
end

--- Write down the end of a request.
-- @param r { prompt =, output =, max_output =, computed = tokens; ttft =, tpot =, e2e =, queue = s, nil where it has
--   none; reason = of REASONS }
function METHODS:finished(engine, r)
  self:add("request_success", engine, 1, { finished_reason = r.reason })
  self:observe("request_prompt_tokens", engine, r.prompt)
  self:observe("request_generation_tokens", engine, r.output)
  self:observe("request_max_num_generation_tokens", engine, r.max_output)
  self:observe("request_params_max_tokens", engine, r.max_output)
  self:observe("request_params_n", engine, 1)
  if r.computed then self:observe("request_prefill_kv_computed_tokens", engine, r.computed) end
  if r.ttft then self:observe("time_to_first_token_seconds", engine, r.ttft) end
  if r.tpot then self:observe("request_time_per_output_token_seconds", engine, r.tpot) end
  if not r.e2e then return end
  local queue = r.queue or 0
  self:observe("e2e_request_latency_seconds", engine, r.e2e)
  self:observe("request_queue_time_seconds", engine, queue)
  self:observe("request_inference_time_seconds", engine, r.e2e - queue)
  if not r.ttft then return end
  self:observe("request_prefill_time_seconds", engine, math.max(0, r.ttft - queue))
  self:observe("request_decode_time_seconds", engine, math.max(0, r.e2e - r.ttft))
end

--- The families, as oracle.text.prometheus takes them: those that have a sample.
function METHODS:families()
  local list = {}
  for _, f in ipairs(FAMILIES) do
    local samples = self.samples[f[1]]
    if samples then
      list[#list + 1] = { name = "vllm:" .. f[1], type = f[2], help = f[3], samples = samples }
    end
  end
  return list
end

--- All of it as a scrape answers it.
function METHODS:text()
  return prometheus.text(self:families())
end

-- What not every engine has: without speculation there are no drafts, and the configuration is told or not.
local function optional(name) return name:find "^spec_decode" ~= nil or name == "cache_config_info" end

--- The metrics of a server at its start: all there, at 0.
-- @param model_name as a server is told it
-- @param max_model_len tokens; how far buckets of lengths go
-- @param engines how many replicas there are
function vllm_metrics.new(model_name, max_model_len, engines)
  local m = setmetatable({ model_name = model_name, lengths = lengths(max_model_len), samples = {} }, METHODS)
  for engine = 0, engines - 1 do
    for _, f in ipairs(FAMILIES) do
      if f[1] == "request_success" then
        for _, reason in ipairs(vllm_metrics.REASONS) do sample(m, f[1], engine, { finished_reason = reason }) end
      elseif not optional(f[1]) then
        sample(m, f[1], engine)
      end
    end
  end
  return m
end

return vllm_metrics
