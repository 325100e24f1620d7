--- Memory below the GPU's for the prefix cache: what comes back, what it costs, what gives way.
local oracle = require "oracle"
local planning = require "oracle.plan"
local rows = require "rows"

local workload = oracle.workload

-- A KV block of 16 tokens of Llama 3.1 8B: 2 x 32 layers x 8 heads x 128 x 2 bytes x 16 tokens = 2 MiB. At these
-- bandwidths one takes 100 us and 1 ms.
local BLOCK = 2 * 2^20
local DRAM = { name = "dram", capacity = 20 * BLOCK, bandwidth = BLOCK / 100e-6, latency = "50 us" }
local NVME = { name = "nvme", capacity = 100 * BLOCK, bandwidth = BLOCK / 1e-3, latency = "200 us" }

-- Two prompts of 800 tokens in turn, a second apart, in 64 blocks of memory; a step takes 1 ms.
local function two_in_turn(count, more)
  local t = rows.constant("1 ms", {
    workload = workload.constant { rate = 1, count = count, prompt = 800, output = 2, prompt_pool = 2 },
    model = "llama-3.1-8b",
    engine = { recompute_last_block = false,
             block_size = 16, num_gpu_blocks_override = 65, max_model_len = 1024, max_num_batched_tokens = 1024,
               max_num_seqs = 1 },
  })
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

local function refused(tiers, more)
  local t = two_in_turn(3, { kv_tiers = tiers })
  for k, v in pairs(more or {}) do t[k] = v end
  local ok, why = pcall(function() return planning.plan(oracle.scenario(t)) end)
  assert.is_false(ok)
  return tostring(why)
end

describe("kv_tiers", function()
  -- A and B take 51 blocks each, 50 of which are cached. B's leave room for 13 of A: the other 37 have come down, the
  -- last first. 20 fit the DRAM, blocks 14 to 33; 34 to 50 went on to the NVMe. A finds all of them, and computes its
  -- last token again: 13 here, 20 in DRAM, 17 on NVMe. TTFT:
  -- 1 ms + (50 us + 20 x 100 us) + (200 us + 17 x 1 ms) = 20.25 ms
  it("bring back what came down, at the price of the transfer", function()
    local list, s = rows.of(two_in_turn(3, { kv_tiers = { DRAM, NVME } }))
    assert.near(1, list[1].ttft_ms, 1e-6)
    assert.near(1, list[2].ttft_ms, 1e-6)
    assert.equal(0, list[2].cached_prefix_length)
    assert.near(20.25, list[3].ttft_ms, 1e-6)
    assert.equal(799, list[3].cached_prefix_length)
    assert.equal("FULL_HIT", list[3].prefix_cache_event)
    -- A takes 37 blocks of B's in turn, which pushes 17 on again.
    local tiers = s.prefix_caching.tiers
    assert.same({ 20, 34, 17, 0 }, { tiers.dram.hits, tiers.dram.evictions, tiers.nvme.hits, tiers.nvme.evictions })
    assert.equal(74, s.kv_cache.evictions)
  end)

  -- vLLM V1's way leaves the last block where it is: 16 on NVMe, 1 ms less.
  it("keep the last block of a prompt where that is computed again as a whole", function()
    local t = two_in_turn(3, { kv_tiers = { DRAM, NVME } })
    t.engine.recompute_last_block = true
    local list, s = rows.of(t)
    assert.near(19.25, list[3].ttft_ms, 1e-6)
    assert.equal(49 * 16, list[3].cached_prefix_length)
    assert.equal("FULL_HIT", list[3].prefix_cache_event)
    local tiers = s.prefix_caching.tiers
    assert.same({ 20, 34, 16, 0 }, { tiers.dram.hits, tiers.dram.evictions, tiers.nvme.hits, tiers.nvme.evictions })
    assert.equal(74, s.kv_cache.evictions)
  end)

  -- Of one tier A finds the 33 blocks that follow each other: 1 ms + 50 us + 20 x 100 us.
  it("lose what the last of them has no room for", function()
    local list, s = rows.of(two_in_turn(3, { kv_tiers = { DRAM } }))
    assert.equal(33 * 16, list[3].cached_prefix_length)
    assert.near(3.05, list[3].ttft_ms, 1e-6)
    assert.same({ 20, 34 }, { s.prefix_caching.tiers.dram.hits, s.prefix_caching.tiers.dram.evictions })
  end)

  it("are not there unless asked for", function()
    local list, s = rows.of(two_in_turn(3))
    assert.equal(13 * 16, list[3].cached_prefix_length)
    assert.near(1, list[3].ttft_ms, 1e-6)
    assert.is_nil(s.prefix_caching.tiers)
  end)

  -- Both GPUs have such tiers and half of each block: twice as many fit, and each takes half the time. All of the
  -- 37 fit: 1 ms + 50 us + 37 x 50 us.
  it("are those of each GPU", function()
    local t = two_in_turn(3, { kv_tiers = { DRAM } })
    t.engine.tensor_parallel_size = 2
    local list = rows.of(t)
    assert.equal(799, list[3].cached_prefix_length)
    assert.near(2.9, list[3].ttft_ms, 1e-6)
  end)

  it("can be varied, and are columns of the table", function()
    local t = two_in_turn(3, { vary = { { "kv_tiers", { { DRAM }, { DRAM, NVME } } } } })
    t.report = { "prefix_caching.tiers.dram.hits", "prefix_caching.tiers.nvme.hits" }
    local s = oracle.scenario(t):run()
    assert.equal(20 * BLOCK, s.points[1].set.kv_tiers[1].capacity)
    local text = require("oracle.result.report").points_of(s.points, t.report)
    for _, row in ipairs { '"dram"}] +20\n', '"nvme"}] +20\n', '"dram"}] +%-\n', '"nvme"}] +17\n' } do
      assert.matches(row, text)
    end
    assert.is_nil(require("oracle.scenario.metrics").columns({ "prefix_caching.tiers.dram.hit" }, { 50 }))
  end)

  it("say what is wrong with them", function()
    assert.matches("^kv_tiers: a list with at least one entry expected", refused {})
    assert.matches('^kv_tiers: "dram": a list expected', refused "dram")
    assert.matches("^kv_tiers%[1%].name: missing", refused { { capacity = 1e9, bandwidth = 1e9 } })
    assert.matches("^kv_tiers%[1%].capacity: missing", refused { { name = "dram", bandwidth = 1e9 } })
    assert.matches("^kv_tiers%[1%].bandwith: unknown key; did you mean bandwidth%?",
      refused { { name = "dram", capacity = 1e9, bandwith = 1e9 } })
    assert.matches("^kv_tiers%[2%].bandwidth: 0: a number above 0",
      refused { DRAM, { name = "nvme", capacity = 1e9, bandwidth = 0 } })
    assert.matches('^kv_tiers%[1%].capacity: "64 GB/s" is a bandwidth; ',
      refused { { name = "dram", capacity = "64 GB/s", bandwidth = 1e9 } })
    assert.matches("^kv_tiers%[1%].latency: %-1: a number",
      refused { { name = "dram", capacity = 1e9, bandwidth = 1e9, latency = -1 } })
    assert.matches('^kv_tiers%[2%].name: "dram": kv_tiers%[1%] has this name too', refused { DRAM, DRAM })
    assert.matches("^kv_tiers%[1%].capacity: 1 MiB: at least one KV block expected, which takes 2 MiB of each GPU",
      refused { { name = "dram", capacity = "1 MiB", bandwidth = 1e9 } })
    assert.matches("^kv_tiers: 5 entries: at most 4 expected", refused { DRAM, NVME, DRAM, NVME, DRAM })
  end)

  it("have no effect without a prefix cache, and the result says so", function()
    local t = two_in_turn(3, { kv_tiers = { DRAM } })
    t.engine.enable_prefix_caching = false
    local _, s = rows.of(t)
    assert.matches("^kv_tiers: no effect, for engine.enable_prefix_caching is false", s.oracle.warnings[1])
  end)
end)

local TRACE = (os.getenv "ORACLE_DATA" or "../shared/data") .. "/traces/mooncake-conversation.jsonl"
local present = io.open(TRACE, "r")
if present then present:close() end

describe("on the Mooncake trace, kv_tiers", function()
  -- One request at a time, so that all that differs is what is found. A block of 512 tokens takes 64 MiB.
  local function replay(blocks, tiers)
    local _, s = rows.of {
      model = "llama-3.1-8b", hardware = "h100-sxm", workload = workload.trace { path = TRACE, count = 2500 },
      engine = { block_size = 512, num_gpu_blocks_override = blocks + 1, max_num_seqs = 1 }, kv_tiers = tiers,
    }
    return s.prefix_caching, s
  end
  local dram = { name = "dram", capacity = "64 GiB", bandwidth = "50 GB/s", latency = "10 us" }
  local nvme = { name = "nvme", capacity = "100 TB", bandwidth = "6 GB/s", latency = "100 us" }

  it("never lower the share of tokens found", function()
    if not present then return pending("no traces in $ORACLE_DATA") end
    for _, blocks in ipairs { 300, 1000, 4000 } do
      local none, one = replay(blocks), replay(blocks, { dram })
      assert.is_true(one.prefill_reduction_ratio > none.prefill_reduction_ratio)
      assert.is_true(one.tiers.dram.hits > 0)
    end
  end)

  it("with room for all find what a GPU with room for all finds", function()
    if not present then return pending("no traces in $ORACLE_DATA") end
    local all, small = replay(1000000), replay(300, { dram, nvme })
    assert.equal(all.total_tokens_saved, small.total_tokens_saved)
    assert.equal(0, small.tiers.nvme.evictions)
    assert.is_true(small.tiers.dram.hits > 0 and small.tiers.nvme.hits > 0)
  end)

  it("do so under load too", function()
    if not present then return pending("no traces in $ORACLE_DATA") end
    local function loaded(tiers)
      return oracle.scenario {
        model = "llama-3.1-8b", hardware = "h100-sxm", workload = workload.trace { path = TRACE, count = 800 },
        engine = { block_size = 512, num_gpu_blocks_override = 401 }, kv_tiers = tiers,
      }:run()
    end
    local none, both = loaded(), loaded { dram, nvme }
    assert.equal(none.requests.successful, both.requests.successful)
    assert.is_true(both.prefix_caching.prefill_reduction_ratio >= none.prefix_caching.prefill_reduction_ratio)
  end)
end)
