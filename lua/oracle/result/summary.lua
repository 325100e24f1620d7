--- The result of a run: a plain table with its keys in order, and the JSON of it.
-- Times are seconds or, where the name says so, milliseconds. It holds simulated facts only, so the same seed gives
-- the same bytes.
local lazy = require "oracle.lazy"
local fleet = lazy "oracle.result.fleet"
local interval = lazy "oracle.result.interval"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local outcome = lazy "oracle.result.warnings"
local objectives = lazy "oracle.scenario.slo"
local pools = lazy "oracle.plan.pools"
local price = lazy "oracle.result.price"
local time_split = lazy "oracle.result.time_split"
local version = require "oracle.version"

local summary = {}

local NS_PER_MS = 1e6

--- A summary as JSON text, two blanks per level, ending in a newline.
summary.json = ordered.json

-- ---- the parts ----

local function per(amount, seconds)
  if not amount or not seconds or seconds <= 0 then return nil end
  return amount / seconds
end

local function distribution(hist, percentiles)
  local count = hist and hist:count() or 0
  if count == 0 then return ordered.object { { "count", 0 } } end
  local list = {
    { "count", math.tointeger(count) or count }, { "mean", hist:mean() / NS_PER_MS }, { "std", hist:std() / NS_PER_MS },
    { "min", hist:min() / NS_PER_MS }, { "max", hist:max() / NS_PER_MS },
  }
  for _, p in ipairs(percentiles) do
    list[#list + 1] = { metrics.percentile_key(p), hist:quantile(p / 100) / NS_PER_MS }
  end
  return ordered.object(list)
end

local function latency_of(raw, percentiles)
  local list = {}
  for i, latency in ipairs(metrics.LATENCIES) do
    list[i] = { latency.name, distribution(raw.latency and raw.latency[latency.short], percentiles) }
  end
  return ordered.object(list)
end

local function requests_of(counts)
  local ended = counts.total - counts.pending
  return ordered.object {
    { "total", counts.total }, { "successful", counts.successful }, { "failed", counts.failed },
    { "rejected", counts.rejected }, { "timed_out", counts.timed_out }, { "cancelled", counts.cancelled },
    { "pending", counts.pending }, { "streamed", counts.streamed },
    { "success_rate", ended > 0 and counts.successful / ended or nil },
  }
end

-- What happened in the window after the warm-up, of requests from before it too. whole: of the run, which knows what
-- was offered.
local function throughput_of(raw, seconds, slo, whole)
  local window = raw.window
  local list = {
    { "requests_per_second", per(window.successful, seconds) },
    { "output_tokens_per_second", per(window.output, seconds) },
    { "total_tokens_per_second", per(window.prompt + window.output, seconds) },
    { "goodput_rps", slo and next(slo) and per(window.goodput, seconds) or nil },
  }
  if whole then
    table.insert(list, 4, { "offered_rps", (raw.offered or 0) > 0 and raw.offered or nil })
    table.insert(list, 5, { "saturated", raw.saturated or false })
  end
  return ordered.object(list)
end

local function busy_share(busy, seconds)
  return seconds > 0 and math.min(1, busy / seconds) or 0
end

-- Every GPU of a stage works while the stage does.
local function gpu_utilization(raw, gpus_per_replica, seconds)
  local list = {}
  for _, replica in ipairs(raw.replicas) do
    local gpus = replica.gpus or gpus_per_replica
    local stages = replica.stages or { replica.busy_s }
    for g = 0, gpus - 1 do
      local busy = stages[g * #stages // gpus + 1]
      list[#list + 1] = { ("gpu%d"):format(#list), busy_share(busy, seconds) }
    end
  end
  return ordered.object(list)
end

local function mean_share(list)
  local keys, total = ordered.keys(list), 0
  for _, key in ipairs(keys) do total = total + list[key] end
  return #keys > 0 and total / #keys or 0
end

local function sum(replicas, key)
  local total = 0
  for _, replica in ipairs(replicas) do total = total + (replica[key] or 0) end
  return total
end

local function kv_of(replicas)
  local peak = 0
  for _, replica in ipairs(replicas) do peak = math.max(peak, replica.kv_peak) end
  return ordered.object {
    { "peak_usage", peak }, { "mean_usage", #replicas > 0 and sum(replicas, "kv_mean") / #replicas or 0 },
    { "evictions", sum(replicas, "evictions") },
  }
end

local function preemptions_of(replicas)
  return ordered.object {
    { "count", sum(replicas, "preemptions") }, { "recomputed_tokens", sum(replicas, "recomputed_tokens") },
  }
end

-- What each tier below the prefix cache did, in KV blocks of all requests, warm-up included.
local function tiers_of(replicas, tiers)
  local list = {}
  for i, tier in ipairs(tiers) do
    local hits, evictions = 0, 0
    for _, replica in ipairs(replicas) do
      hits, evictions = hits + replica.tiers[i].hits, evictions + replica.tiers[i].evictions
    end
    list[i] = { tier.name, ordered.object { { "hits", hits }, { "evictions", evictions } } }
  end
  return ordered.object(list)
end

-- The engine's own counters of its prefix cache, in tokens of all requests, warm-up included
-- (src/replica/prefix_stats.h).
local COUNTERS = { "prefix_cache_queries", "prefix_cache_hits", "preempted_queries", "preempted_hits" }

-- Rates are over requests that were scheduled, each asked once; a conversational one over later turns of sessions.
local function prefix_of(raw, percentiles, tiers)
  local p, tokens = raw.prefix, raw.tokens
  if not p or p.probed == 0 then return nil end
  local e = p.events
  local conversational, cross = e.CONVERSATIONAL_HIT, e.CROSS_REQUEST_HIT
  local full = e.FULL_HIT
  local shared = cross + full                             -- a whole prompt found is one that others had
  local hits = conversational + shared
  local list = {
    { "overall_hit_rate", hits / p.probed },
    { "conversational_hit_rate", p.follow_ups > 0 and conversational / p.follow_ups or nil },
    { "cross_request_hit_rate", p.probed > conversational and shared / (p.probed - conversational) or nil },
    { "block_hit_rate", p.prompt_blocks > 0 and p.cached_blocks / p.prompt_blocks or nil },
    { "event_counts", ordered.object {
      { "CONVERSATIONAL_HIT", conversational }, { "CROSS_REQUEST_HIT", cross }, { "MISS_FULL", e.MISS_FULL },
      { "FULL_HIT", full },
      { "CONVERSATIONAL_MISS_UNEXPECTED_PROMPT", e.CONVERSATIONAL_MISS_UNEXPECTED_PROMPT },
    } },
    { "average_cached_prefix_length", hits > 0 and tokens.cached / hits or 0 },
    { "average_tokens_prefilled", tokens.prefilled / p.probed },
    { "prefill_reduction_ratio", tokens.prompt > 0 and tokens.cached / tokens.prompt or 0 },
    { "total_tokens_saved", tokens.cached },
    { "cross_request_hits", shared }, { "conversational_hits", conversational },
    { "time_to_first_token_hit_ms", distribution(p.ttft_hit, percentiles) },
    { "time_to_first_token_miss_ms", distribution(p.ttft_miss, percentiles) },
  }
  for _, key in ipairs(raw.replicas and COUNTERS or {}) do list[#list + 1] = { key, sum(raw.replicas, key) } end
  if tiers then list[#list + 1] = { "tiers", tiers_of(raw.replicas, tiers) } end
  return ordered.object(list)
end

-- The counters of speculative decoding under vLLM's names (vllm/v1/spec_decode/metrics.py), and what its log makes of
-- them; of all requests, warm-up included. nil where nothing is verified.
local function drafting_of(replicas)
  local drafts, tokens, accepted, by_position = 0, 0, 0, nil
  for _, replica in ipairs(replicas) do
    local one = replica.spec_decode
    if one then
      drafts, tokens = drafts + one.num_drafts, tokens + one.num_draft_tokens
      accepted = accepted + one.num_accepted_tokens
      by_position = by_position or ordered.array {}
      for i, n in ipairs(one.num_accepted_tokens_per_pos) do by_position[i] = (by_position[i] or 0) + n end
    end
  end
  if not by_position then return nil end
  local rates = ordered.array {}
  for i, n in ipairs(by_position) do rates[i] = drafts > 0 and n / drafts or 0 end
  return ordered.object {
    { "num_drafts", drafts }, { "num_draft_tokens", tokens }, { "num_accepted_tokens", accepted },
    { "num_accepted_tokens_per_pos", by_position },
    { "draft_acceptance_rate", tokens > 0 and accepted / tokens or nil },
    { "mean_acceptance_length", drafts > 0 and 1 + accepted / drafts or nil },
    { "per_position_acceptance_rate", rates },
  }
end

-- How often LoRA adapters came to the GPU, of these from storage, and the time that took; warm-up included.
local function lora_of(replicas)
  local some, loads, fetches, seconds = false, 0, 0, 0
  for _, replica in ipairs(replicas) do
    local one = replica.lora
    if one then
      some, loads, fetches, seconds = true, loads + one.loads, fetches + one.fetches, seconds + one.seconds
    end
  end
  return some and ordered.object { { "loads", loads }, { "fetches", fetches }, { "load_s", seconds } } or nil
end

-- What happened to the requests of some of the replicas, or of a profile.
local function entries_of(part, plan, seconds)
  return {
    { "requests", part.requests and requests_of(part.requests) },
    { "throughput", part.requests and throughput_of(part, seconds, plan.scenario.slo) },
    { "latency", part.latency and latency_of(part, plan.scenario.percentiles) },
  }
end

local function replicas_of(raw, plan, seconds)
  local list, names = {}, pools.names(plan.deployment)
  for i, replica in ipairs(raw.brief and {} or raw.replicas) do
    local entries = entries_of(replica, plan, seconds)
    for _, entry in ipairs {
      { "gpu_busy", busy_share(replica.busy_s, seconds) }, { "lod", replica.lod }, { "steps", replica.steps },
      { "kv_cache", kv_of { replica } }, { "preemptions", preemptions_of { replica } },
    } do
      entries[#entries + 1] = entry
    end
    local drafting = drafting_of { replica }
    if drafting then entries[#entries + 1] = { "spec_decode", drafting } end
    if names[i] then table.insert(entries, 1, { "pool", names[i] }) end
    list[i] = { ("replica%d"):format(i - 1), ordered.object(entries) }
  end
  local without = raw.without_replica                     -- refused at the door, or no replica was ready
  if without then
    list[#list + 1] = { "none", ordered.object(entries_of(without, plan, seconds)) }
  end
  return ordered.object(list)
end

-- Of each pool or group the same, and what it is: a request counts where it ended.
local function pools_of(raw, plan, seconds)
  local list = {}
  for i, part in ipairs(plan.deployment.pools and pools.parts(plan.deployment) or {}) do
    local last, d = part.first + part.room - 1, part.deployment
    local own, busy = table.move(raw.replicas, part.first, last, 1, {}), 0
    for _, replica in ipairs(own) do busy = busy + busy_share(replica.busy_s, seconds) end
    local entries = entries_of(fleet.merged(raw, part.first, last), plan, seconds)
    for at, entry in ipairs {
      { "role", plan.deployment.pools[i].role }, { "hardware", d.names.hardware }, { "gpus", d.gpus },
      { "replicas", d.replicas },
    } do
      table.insert(entries, at, entry)
    end
    for _, entry in ipairs {
      { "gpu_busy", busy / #own }, { "steps", sum(own, "steps") }, { "kv_cache", kv_of(own) },
      { "preemptions", preemptions_of(own) }, { "replica_hours", fleet.replica_hours(raw, seconds, part.first, last) },
    } do
      entries[#entries + 1] = entry
    end
    list[i] = { part.name, ordered.object(entries) }
  end
  if not list[1] then return nil end
  local without = raw.without_replica
  if without then list[#list + 1] = { "none", ordered.object(entries_of(without, plan, seconds)) } end
  return ordered.object(list)
end

local function profiles_of(raw, plan, seconds)
  local list = {}
  for i, profile in ipairs(raw.profiles or {}) do
    local entries = entries_of(profile, plan, seconds)
    entries[#entries + 1] = { "prefix_caching", prefix_of(profile, plan.scenario.percentiles) or ordered.object {} }
    list[i] = { profile.name, ordered.object(entries) }
  end
  return ordered.object(list)
end

local function deployment_of(plan)
  local d, e = plan.deployment, plan.scenario.engine
  return ordered.object {
    { "model", d.names.model }, { "hardware", d.hardware_names or d.names.hardware }, { "gpus", d.gpus },
    { "replicas", d.replicas or plan.scenario.replicas }, { "num_gpu_blocks", d.num_gpu_blocks },
    { "block_size", e.block_size },
    { "kv_capacity_tokens", d.num_gpu_blocks * e.block_size },
    { "weights_bytes_per_gpu", d.memory.weight_bytes },
    { "cost_model", plan.scenario.cost.kind }, { "fit", d.fit },
    { "fit_error_pct", d.fit and interval.error_pct(d) },
  }
end

local function energy_of(plan, raw, seconds)
  local joules, mean, peak = price.joules(plan.deployment, raw, seconds)
  if not joules then
    return ordered.object { { "kwh", nil }, { "j_per_output_token", nil }, { "j_per_request", nil },
                            { "mean_watts_per_gpu", nil }, { "peak_watts_per_gpu", nil } }
  end
  local tokens, requests = raw.window.output, raw.window.successful
  return ordered.object {
    { "kwh", joules / 3.6e6 }, { "j_per_output_token", tokens > 0 and joules / tokens or nil },
    { "j_per_request", requests > 0 and joules / requests or nil },
    { "mean_watts_per_gpu", mean }, { "peak_watts_per_gpu", peak },
  }
end

local function cost_of(plan, raw, seconds)
  local usd = price.usd(plan.deployment, raw, seconds)
  local per_token = usd and raw.window.output > 0 and usd / raw.window.output or nil
  return ordered.object { { "usd", usd }, { "usd_per_million_output_tokens", per_token and per_token * 1e6 },
                          { "replica_hours", fleet.replica_hours(raw, seconds) } }
end

-- KV caches handed over between pools; mean_ms from the first token until all of it is there. `lost`: a failure took
-- them on the way, and their prompts were computed again.
local function transfers_of(raw)
  local h = raw.kv_transfers
  local lost = { "lost", h and h.lost or 0 }
  if not h or h.count == 0 then return ordered.object { { "count", 0 }, lost } end
  return ordered.object { { "count", h.count }, { "bytes", h.bytes }, { "mean_ms", 1e3 * h.seconds / h.count }, lost }
end

-- What has both places and keys, such as { "sarathi", token_budget = 512 }, is nothing JSON knows: it is shown as it is
-- typed after --set.
local function literal(v)
  if type(v) ~= "table" then return type(v) == "string" and ("%q"):format(v) or tostring(v) end
  if type(v.name) == "string" then return ("%q"):format(v.name) end
  local parts = {}
  for i, inner in ipairs(v) do parts[i] = literal(inner) end
  for _, k in ipairs(ordered.keys(v)) do
    if type(k) == "string" then parts[#parts + 1] = ("%s = %s"):format(k, literal(v[k])) end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function is_mixed(t)
  if #t == 0 then return false end
  for k in pairs(t) do
    if type(k) == "string" then return true end
  end
  return false
end

-- A policy or a model is known by its name; an entry of a list, such as a memory tier, by all it says.
local function value_of(v, entry)
  if type(v) ~= "table" then return v end
  local plain = entry
  for _, inner in pairs(v) do plain = plain and type(inner) ~= "table" and type(inner) ~= "function" end
  if type(v.name) == "string" and not plain then return v.name end
  if is_mixed(v) then return literal(v) end
  local t = {}
  for k, inner in pairs(v) do t[k] = value_of(inner, type(k) == "number") end
  return t
end

local function set_of(set)
  local list = {}
  for i, pair in ipairs(set) do list[i] = { pair[1], value_of(pair[2]) } end
  return ordered.object(list)
end

-- The level the run had: "hybrid" where some replicas were simulated in detail and others not.
local function level_of(raw)
  local level
  for _, replica in ipairs(raw.replicas) do
    if level and level ~= replica.lod then return "hybrid" end
    level = replica.lod
  end
  return level
end

-- Whether any KV cache goes between pools by formula: both its ends are at the medium level. room: replicas that
-- compute prompts.
local function formula_sends(spec, room)
  if not spec.levels then return spec.lod == "medium" end
  local from, to = false, false
  for i, level in ipairs(spec.levels) do
    local medium = level == "medium"
    if i <= room then from = from or medium else to = to or medium end
  end
  return from and to
end

local function named(links)
  local shown = table.concat(links, ", ", 1, math.min(#links, 4))
  return #links > 4 and ("%s and %d more links"):format(shown, #links - 4) or shown
end

-- How a run is by the objectives of its scenario: each one's value in its unit, and whether all are met. A run whose
-- queue grew to its end meets none, for its latencies say how long was simulated.
local function judged(list, s)
  local rows, all = {}, not s.throughput.saturated
  for i, o in ipairs(list) do
    local value, miss = objectives.judge(o, s)
    rows[i] = ordered.object { { "objective", o.text }, { "value", value }, { "limit", o.limit },
                               { "unit", o.column.unit }, { "met", miss <= 0 } }
    all = all and miss <= 0
  end
  return ordered.object { { "met", all }, { "objectives", ordered.array(rows) } }
end

--- The summary of one run.
-- @param plan of oracle.plan
-- @param raw the engine's result
-- @param set { { key, value }, ... } what `vary` set, or nil
function summary.new(plan, raw, set)
  local r = plan.scenario
  local seconds = math.max(0, raw.now - r.warm_up)
  local warnings = ordered.array(table.move(plan.warnings, 1, #plan.warnings, 1, {}))
  for _, w in ipairs(raw.warnings or {}) do warnings[#warnings + 1] = w end
  for _, w in ipairs(outcome.of(plan, raw)) do warnings[#warnings + 1] = w end
  local links = raw.shared_links or {}
  local shared = ordered.array(table.move(links, 1, #links, 1, {}))
  local left_out = r.pools and #links > 0 and formula_sends(plan.spec, plan.deployment.pools[1].room)
  for _, replica in ipairs(raw.replicas) do left_out = left_out or replica.uncontended end
  if left_out then
    warnings[#warnings + 1] = ("level of detail %s: contention was not modelled, though several senders share %s")
      :format(level_of(raw), named(links))
  end
  local utilization = gpu_utilization(raw, plan.deployment.gpus_per_replica, seconds)
  local list = {
    { "oracle", ordered.object { { "version", version.oracle }, { "seed", r.seed }, { "lod", level_of(raw) },
                         { "complete", raw.complete }, { "shared_links", shared }, { "warnings", warnings } } },
    { "simulation", ordered.object { { "total_duration_s", raw.now }, { "warm_up_duration_s", r.warm_up },
                             { "effective_duration_s", seconds }, { "steps", raw.steps } } },
    { "deployment", deployment_of(plan) },
    { "requests", requests_of(raw.requests) },
    { "throughput", throughput_of(raw, seconds, r.slo, true) },
    { "latency", latency_of(raw, r.percentiles) },
    { "gpu_utilization", utilization },
    { "kv_cache", kv_of(raw.replicas) },
    { "preemptions", preemptions_of(raw.replicas) },
    { "kv_transfer", plan.deployment.pools and transfers_of(raw) or nil },
    { "energy", energy_of(plan, raw, seconds) }, { "cost", cost_of(plan, raw, seconds) },
    { "time_split", time_split.of(raw.replicas, plan.deployment.gpus_per_replica, mean_share(utilization)) },
    { "per_profile", raw.profiles and #raw.profiles > 1 and profiles_of(raw, plan, seconds) or ordered.object {} },
    { "per_replica", replicas_of(raw, plan, seconds) },
    { "per_pool", pools_of(raw, plan, seconds) or ordered.object {} },
  }
  for _, kind in ipairs { "failures", "scaling" } do
    local events = fleet[kind](plan, raw, seconds)
    if events then table.insert(list, #list - 2, { kind, events }) end
  end
  local drafting = drafting_of(raw.replicas)
  if drafting then table.insert(list, 10, { "spec_decode", drafting }) end
  local adapters = lora_of(raw.replicas)
  if adapters then table.insert(list, 10, { "lora", adapters }) end
  local prefix = prefix_of(raw, r.percentiles, r.kv_tiers)
  if prefix then table.insert(list, 10, { "prefix_caching", prefix }) end
  local half = plan.deployment.fit and interval.of(plan.deployment, ordered.object(list))
  if half then table.insert(list, 7, { "interval", half }) end
  if set then table.insert(list, 1, { "set", set_of(set) }) end
  if r.name then table.insert(list, 1, { "name", r.name }) end
  local s = ordered.object(list)
  if r.objectives then
    list[#list + 1] = { "slo", judged(r.objectives, s) }
    s = ordered.object(list)
  end
  getmetatable(s).__tokens = { prompt = raw.window.prompt, output = raw.window.output }
  return s
end

--- What stands in place of the summary of a point that cannot run.
-- @param set { { key, value }, ... }
function summary.failure(set, message)
  return ordered.object { { "set", set_of(set) }, { "error", message } }
end

--- The summaries of a run over `vary`.
-- @param results in the order of the combinations
-- @param planned how many there were to be
function summary.points(results, planned)
  local s = ordered.object { { "points", ordered.array(results) } }
  getmetatable(s).__planned = planned
  return s
end

--- True when the run (all runs of a `vary`) came to its end.
function summary.complete(s)
  if not s.points then return s.oracle.complete end
  for _, point in ipairs(s.points) do
    if point.oracle and not point.oracle.complete then return false end
  end
  return #s.points == getmetatable(s).__planned
end

--- Tokens of the window after the warm-up: { prompt =, output = }; not part of the JSON.
function summary.tokens(s)
  return getmetatable(s).__tokens
end

return summary
