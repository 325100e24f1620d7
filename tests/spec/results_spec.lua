--- What scripts rely on: the keys of the summary and of the CSV, and that both tell the same, with a warm-up too.
local rows = require "rows"
local ordered = require "oracle.text.ordered"

local WARM_UP = 5

-- Everything that can become of a request: answered, rejected, timed out, cancelled, preempted, still in flight.
local function crowded()
  local function profile(name, rate, count, prompt, output, rest)
    local p = { name = name, kind = "poisson", rate = rate, count = count, prompt = prompt, output = output }
    for k, v in pairs(rest or {}) do p[k] = v end
    return p
  end
  return {
    model = "llama-3.1-8b", hardware = "h100-sxm",
    engine = { max_model_len = 2000, num_gpu_blocks_override = 260, max_num_seqs = 32 },
    workload = { kind = "mix", profiles = {
      profile("long", 3, 60, 300, 300), profile("short", 2, 40, 100, 1), profile("huge", 1, 10, 1900, 200),
      profile("hasty", 1, 20, 500, 300, { timeout = 1.5 }),
      profile("fickle", 2, 20, 100, 300, { cancel = { probability = 0.5, after = 1 } }),
    } },
    slo = { ttft = "40 ms", tpot = "12 ms" }, warm_up = WARM_UP, duration = 17, seed = 3,
    percentiles = { 50, 99.9, 10 },
  }
end

local list, result

setup(function() list, result = rows.of(crowded()) end)

-- Rows that count, of some statuses ("SUCCESS TIMEOUT") or of any.
local function counted(statuses)
  local out = {}
  for _, row in ipairs(list) do
    if row.arrival_time >= WARM_UP and (not statuses or statuses:find(row.status, 1, true)) then out[#out + 1] = row end
  end
  return out
end

local function values(of, key)
  local out = {}
  for _, row in ipairs(of) do out[#out + 1] = row[key] end
  table.sort(out)
  return out
end

local function sum(of, key)
  local total = 0
  for _, row in ipairs(of) do total = total + (row[key] or 0) end
  return total
end

-- Linear between the two nearest: type 7 of Hyndman and Fan, The American Statistician 50(4), 1996.
local function quantile(sorted, share)
  local at = 1 + (#sorted - 1) * share
  local low = math.floor(at)
  return sorted[low] + (at - low) * ((sorted[low + 1] or sorted[low]) - sorted[low])
end

describe("the summary", function()
  it("has its keys, in order", function()
    local function keys(t) return table.concat(ordered.keys(t), " ") end
    assert.equal("oracle simulation deployment requests throughput latency interval gpu_utilization kv_cache "
      .. "preemptions prefix_caching kv_transfer energy cost time_split per_profile per_replica per_pool", keys(result))
    assert.equal("version seed lod complete shared_links warnings", keys(result.oracle))
    assert.equal("total_duration_s warm_up_duration_s effective_duration_s steps", keys(result.simulation))
    assert.equal("model hardware gpus replicas num_gpu_blocks block_size kv_capacity_tokens weights_bytes_per_gpu "
      .. "cost_model fit fit_error_pct", keys(result.deployment))
    assert.equal("total successful failed rejected timed_out cancelled pending streamed success_rate",
      keys(result.requests))
    assert.equal("requests_per_second output_tokens_per_second total_tokens_per_second offered_rps saturated "
      .. "goodput_rps",
      keys(result.throughput))
    assert.equal("time_to_first_token_ms time_per_output_token_ms inter_token_latency_ms end_to_end_latency_ms "
      .. "queue_time_ms", keys(result.latency))
    assert.equal("count mean std min max p50 p99.9 p10", keys(result.latency.time_to_first_token_ms))
    assert.equal("peak_usage mean_usage evictions", keys(result.kv_cache))
    assert.equal("usd usd_per_million_output_tokens replica_hours", keys(result.cost))
    assert.equal("long short huge hasty fickle", keys(result.per_profile))
    assert.equal("replica0", keys(result.per_replica))
    assert.equal("gpu0", keys(result.gpu_utilization))
  end)

  it("counts what the rows tell, without the warm-up", function()
    local r = result.requests
    assert.equal(#counted(), r.total)
    for key, status in pairs { successful = "SUCCESS", failed = "FAILED", rejected = "REJECTED",
                               timed_out = "TIMEOUT", cancelled = "CANCELLED", pending = "PENDING" } do
      assert.equal(#counted(status), r[key], status)
      if key ~= "failed" then assert.is_true(r[key] > 0, status) end
    end
    assert.equal(r.successful / (r.total - r.pending), r.success_rate)
    assert.is_true(#list > r.total)
    assert.equal(sum(counted(), "preemptions"), result.preemptions.count)
    assert.is_true(sum(list, "preemptions") > result.preemptions.count and result.preemptions.count > 0)
  end)

  it("measures what the rows tell", function()
    for key, column in pairs { time_to_first_token_ms = "ttft_ms", time_per_output_token_ms = "tpot_ms",
                               end_to_end_latency_ms = "e2e_latency_ms", queue_time_ms = "queue_ms" } do
      local found, told = values(counted(), column), result.latency[key]
      assert.equal(#found, told.count, key)
      assert.near(sum(counted(), column) / #found, told.mean, 1e-6 * told.mean, key)
      assert.near(found[1], told.min, 1e-6, key)
      assert.near(found[#found], told.max, 1e-6, key)
      for name, share in pairs { p10 = 0.1, p50 = 0.5, ["p99.9"] = 0.999 } do
        local q = quantile(found, share)
        assert.near(q, told[name], 1e-6 * q + 1e-6, key .. " " .. name)
      end
    end
  end)

  it("has rates over the time after the warm-up", function()
    local seconds = result.simulation.effective_duration_s
    assert.equal(17, result.simulation.total_duration_s)
    assert.equal(12, seconds)
    local good, ended = 0, 0
    for _, row in ipairs(list) do
      local within = row.status == "SUCCESS" and row.completion_time >= WARM_UP
      if within then ended = ended + 1 end
      if within and row.ttft_ms <= 40 and (row.tpot_ms or 0) <= 12 then good = good + 1 end
    end
    assert.near(good / seconds, result.throughput.goodput_rps, 1e-9)
    assert.is_true(good > 0 and good < ended and ended > result.requests.successful)
    assert.near(ended / seconds, result.throughput.requests_per_second, 1e-9)
  end)

  it("tells of the time after the warm-up what a run to its end did more than one up to it", function()
    local function ran(warm_up, duration)
      local scenario = crowded()
      scenario.warm_up, scenario.duration = warm_up, duration
      local _, s = rows.of(scenario)
      local seconds, t = s.simulation.effective_duration_s, s.throughput
      return { tokens = t.output_tokens_per_second * seconds, prompts = t.total_tokens_per_second * seconds,
               ended = t.requests_per_second * seconds, good = t.goodput_rps * seconds, kwh = s.energy.kwh,
               usd = s.cost.usd, evicted = s.kv_cache.evictions, kv = s.kv_cache.mean_usage * seconds,
               gpu = s.gpu_utilization.gpu0 * seconds }
    end
    local window, all, before = ran(WARM_UP, 17), ran(0, 17), ran(0, WARM_UP)
    for key, amount in pairs(window) do assert.near(all[key] - before[key], amount, 1e-6 * all[key] + 1e-9, key) end
    assert.is_true(before.tokens > 0 and before.ended > 0 and before.gpu > 0 and before.kwh > 0)
  end)

  it("says when more was asked for than could be served", function()
    local function asked(rate)
      local _, s = rows.of { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
        workload = { kind = "poisson", rate = rate, prompt = 1000, output = 200, duration = 60 },
        duration = 60, warm_up = 5 }
      return s.throughput
    end
    local calm, crowd = asked(5), asked(200)
    assert.is_false(calm.saturated)
    assert.near(5, calm.offered_rps, 1)
    assert.is_true(crowd.saturated and crowd.requests_per_second < 0.5 * crowd.offered_rps)
    assert.near(200, crowd.offered_rps, 10)
  end)

  it("adds up over profiles", function()
    local total = 0
    for _, name in ipairs { "long", "short", "huge", "hasty", "fickle" } do
      total = total + result.per_profile[name].requests.total
    end
    assert.equal(result.requests.total, total)
    assert.equal(result.requests.total, result.per_replica.replica0.requests.total)
  end)
end)

describe("requests of no replica", function()
  -- Refused at the door, or given up while the only replica was away.
  local function books(replicas)
    local scenario = crowded()
    scenario.replicas, scenario.admission = replicas, { "token_bucket", rate = 6, burst = 2 }
    if replicas == 1 then scenario.failures = { outages = { { at = 6, lasts = 5, replica = 0 } } } end
    return rows.of(scenario)
  end

  it("stand on a line of their own, and their rows name none", function()
    for replicas = 1, 2 do
      local of, s = books(replicas)
      local told = { none = 0 }
      for _, row in ipairs(of) do
        local key = row.replica and "replica" .. row.replica or "none"
        if row.arrival_time >= WARM_UP then told[key] = (told[key] or 0) + 1 end
      end
      assert.is_true(told.none > 10)
      local total, rejected = 0, 0
      for key, count in pairs(told) do
        local r = s.per_replica[key].requests
        assert.equal(count, r.total, key)
        total, rejected = total + r.total, rejected + r.rejected
      end
      assert.equal(s.requests.total, total)
      assert.equal(s.requests.rejected, rejected)
      assert.equal(0, s.per_replica.none.requests.successful)
      assert.equal(replicas == 1, s.per_replica.none.requests.timed_out > 0)
    end
  end)

  it("have no line where there are none", function()
    assert.is_nil(result.per_replica.none)
    for _, row in ipairs(list) do assert.equal(0, row.replica) end
  end)
end)

describe("a warning", function()
  local function said(keys)
    local scenario = crowded()
    for k, v in pairs(keys) do scenario[k] = v end
    local _, s = rows.of(scenario)
    return s.requests, table.concat(s.oracle.warnings, "\n")
  end

  it("says how many requests were rejected, and which bound they are beyond", function()
    assert.is_true(result.requests.rejected > 0)
    assert.matches(("%d of %d requests rejected: prompt and answer together are longer than the 2,000 tokens"
      .. " of max_model_len"):format(result.requests.rejected, result.requests.total),
      table.concat(result.oracle.warnings, "\n"), 1, true)
    local counts, text = said { engine = { max_model_len = 3000, num_gpu_blocks_override = 125 } }
    assert.is_true(counts.rejected > 0)
    assert.matches("longer than the 1,984 tokens of the KV cache", text, 1, true)
    counts, text = said { engine = { max_model_len = 2200 } }
    assert.equal(0, counts.rejected)
    assert.equal("", text)
  end)

  it("leaves out what an admission policy turned away", function()
    local counts, text = said { admission = { "token_bucket", rate = 1, burst = 1 } }
    assert.is_true(counts.rejected > 0)
    assert.is_nil(text:find("rejected", 1, true))
  end)
end)

describe("a row", function()
  it("has what became of its request, and nothing where there is nothing", function()
    local last = 0
    for i, row in ipairs(list) do
      assert.equal(("req_%d"):format(i), row.request_id)
      assert.is_true(row.arrival_time >= last)
      last = row.arrival_time
      if row.status == "REJECTED" then
        assert.is_nil(row.first_token_time or row.ttft_ms or row.queue_ms or row.e2e_latency_ms)
        assert.equal(0, row.output_tokens)
      end
      if row.status == "SUCCESS" then
        assert.equal(row.max_output_tokens, row.output_tokens)
        assert.near(1e3 * (row.first_token_time - row.arrival_time), row.ttft_ms, 2e-6)
        assert.near(1e3 * (row.completion_time - row.arrival_time), row.e2e_latency_ms, 2e-6)
        local gaps = row.output_tokens - 1
        assert.equal(gaps > 0, row.tpot_ms ~= nil)
        if gaps > 0 then assert.near((row.e2e_latency_ms - row.ttft_ms) / gaps, row.tpot_ms, 2e-6) end
      else
        assert.is_nil(row.e2e_latency_ms)
      end
    end
  end)
end)
