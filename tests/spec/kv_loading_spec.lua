--- How blocks come back from lower tiers: times worked out by hand, and who waits for them.
local oracle = require "oracle"
local planning = require "oracle.plan"
local rows = require "rows"

-- A KV block of 16 tokens of Llama 3.1 8B takes 2 MiB (kv_tiers_spec.lua): at this bandwidth 100 us.
local BLOCK = 2 * 2^20
local DRAM = { name = "dram", capacity = 200 * BLOCK, bandwidth = BLOCK / 100e-6, latency = "50 us" }
local LAYERS = 32

-- Two prompts of 800 tokens in turn, a second apart, in memory for one of them; `more` may add others beside them.
local function in_turn(step, loading, more, blocks, system)
  local profiles = { { name = "turns", kind = "constant", rate = 1, count = 3, prompt = 800, output = 2,
                       prompt_pool = 2 } }
  for _, p in ipairs(more or {}) do profiles[#profiles + 1] = p end
  return rows.of(rows.constant(step, {
    workload = oracle.workload.mix(profiles), kv_tiers = { DRAM }, kv_loading = loading,
    engine = { recompute_last_block = false,
             system = system, block_size = 16, num_gpu_blocks_override = (blocks or 64) + 1, max_model_len = 4096,
               max_num_batched_tokens = 1024, max_num_seqs = 4 },
  }))
end

local function third(list)
  local n = 0
  for _, r in ipairs(list) do
    if r.profile == "turns" then n = n + 1 end
    if n == 3 then return r end
  end
end

-- The third finds 50 blocks, 13 of them on the GPU: 37 come back in 50 us + 37 x 100 us.
local LOAD = 3.75

describe("kv_loading", function()
  it("blocking: the step waits", function()
    local r = third(in_turn("1 ms", "blocking"))
    assert.near(1 + LOAD, r.ttft_ms, 1e-6)
    assert.equal(799, r.cached_prefix_length)
  end)

  -- The first layer waits for its load, then load or compute decides: max(L + C / 32, C + L / 32).
  it("layerwise: load and compute overlap", function()
    assert.near(LOAD + 1 / LAYERS, third(in_turn("1 ms", "layerwise")).ttft_ms, 1e-5)
    assert.near(100 + LOAD / LAYERS, third(in_turn("100 ms", "layerwise")).ttft_ms, 1e-5)
  end)

  it("async: a request alone waits as long as for a step that waits", function()
    local r, s = third((in_turn("1 ms", "async"))), select(2, in_turn("1 ms", "async"))
    assert.near(1 + LOAD, r.ttft_ms, 1e-6)
    assert.near(LOAD, r.queue_ms, 1e-6)
    assert.same({ 37, 0 }, { s.prefix_caching.tiers.dram.hits, s.prefix_caching.tiers.dram.evictions })
  end)

  -- Another request decodes all the while, in steps of 1 ms.
  it("delays others or not", function()
    local other = { name = "other", kind = "batch", count = 1, prompt = 16, output = 2900 }
    local function gap(loading)
      local list, s = in_turn("1 ms", loading, { other }, 200)
      assert.equal(4, s.requests.successful)
      return s.latency.inter_token_latency_ms.max, third(list).ttft_ms, s
    end
    local blocking, _, s = gap "blocking"
    assert.is_true(s.prefix_caching.tiers.dram.hits > 0)
    local load = 0.05 + 0.1 * s.prefix_caching.tiers.dram.hits
    assert.near(1 + load, blocking, 1e-6)
    assert.near(math.max(load + 1 / LAYERS, 1 + load / LAYERS), (gap "layerwise"), 1e-5)
    local async, ttft = gap "async"
    assert.near(1, async, 1e-6)
    assert.is_true(ttft >= 1 + load - 1e-6 and ttft <= 3 + load + 1e-6, tostring(ttft))
  end)

  -- Two prompts come back at once, of which a third one left 47 and 50 blocks in the tier: 50 us + 47 x 100 us, and
  -- behind it 50 us + 50 x 100 us; each is computed in the step of 1 ms that follows.
  it("async: loads go one after the other", function()
    local function twice(name)
      return { name = name, kind = "closed_loop", concurrency = 1, count = 2, prompt = 800, output = 2, prompt_pool = 1,
               think = 5 }
    end
    local list = rows.of(rows.constant("1 ms", {
      workload = oracle.workload.mix { twice "a", twice "b",
        { name = "c", kind = "constant", rate = 0.5, count = 2, prompt = 1700, output = 2 } },
      kv_tiers = { DRAM }, kv_loading = "async",
      engine = { block_size = 16, num_gpu_blocks_override = 111, max_model_len = 1750, max_num_batched_tokens = 2048,
                 max_num_seqs = 4, recompute_last_block = false },
    }))
    local a, b = list[5], list[6]
    assert.same({ 752, 799 }, { a.cached_prefix_length, b.cached_prefix_length })
    assert.near(4.75 + 1, a.ttft_ms, 1e-6)
    assert.near(4.75 + 5.05 + 1, b.ttft_ms, 1e-6)
  end)

  it("async: a load is lost with its replica, and so is a request that nobody waits for any more", function()
    local slow = { name = "dram", capacity = 200 * BLOCK, bandwidth = BLOCK / 10e-3, latency = "50 us" }
    local function last(outage, timeout)                  -- whose load takes 370 ms from 2 s on
      local list, s = rows.of(rows.constant("1 ms", {
        workload = oracle.workload.constant { rate = 1, count = 3, prompt = 800, output = 2, prompt_pool = 2,
                                              timeout = timeout },
        kv_tiers = { slow }, kv_loading = "async", failures = outage and { outages = { outage } },
        engine = { recompute_last_block = false, block_size = 16, num_gpu_blocks_override = 65, max_model_len = 4096,
                   max_num_batched_tokens = 1024, max_num_seqs = 4 },
      }))
      return list[3], s.requests
    end
    assert.near(370.05 + 1, last().ttft_ms, 1e-6)
    -- It is computed from nothing once the replica is back: what it kept in memory is gone too.
    local r = last { at = 2.1, lasts = 0.5, replica = 0 }
    assert.near(600 + 1, r.ttft_ms, 1e-6)
    assert.equal(0, r.cached_prefix_length)
    local requests
    r, requests = last({ at = 2.3, lasts = 0.5, replica = 0 }, 0.2)
    assert.same({ "TIMEOUT", 2, 1, 0 }, { r.status, requests.successful, requests.timed_out, requests.failed })
  end)

  it("is as the system does it", function()
    local function of(system, loading)
      return planning.plan(oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", kv_loading = loading,
        engine = { system = system }, kv_tiers = { DRAM },
        workload = oracle.workload.batch { count = 1, prompt = 10, output = 1 } }).spec.engine.kv_loading
    end
    assert.equal("async", of "vllm")
    assert.equal("layerwise", of "sglang")
    assert.equal("blocking", of "trtllm")
    assert.equal("blocking", of("vllm", "blocking"))
    local ok, why = pcall(of, "vllm", "asink")
    assert.is_false(ok)
    assert.matches('^kv_loading: "asink": unknown; did you mean "async"%?', why)
  end)
end)
