--- The prefix cache: what is found, what it costs, what gives way, and how it is counted.
local oracle = require "oracle"
local rows = require "rows"

local workload = oracle.workload

local function run(w, engine, more)
  local t = rows.constant("1 ms", { workload = w, engine = engine, seed = 5 })
  for k, v in pairs(more or {}) do t[k] = v end
  return rows.of(t)
end

local function events(list)
  local n = {}
  for _, r in ipairs(list) do
    local e = r.prefix_cache_event or "none"
    n[e] = (n[e] or 0) + 1
  end
  return n
end

-- case = { prompt tokens, those found, event } of a prompt that is asked again.
local function asked_again(case, engine)
  local list = run(workload.constant { rate = 1, count = 3, prompt = case[1], output = 4, prompt_pool = 1 }, engine)
  assert.same({ 0, "MISS_FULL", case[1] },
    { list[1].cached_prefix_length, list[1].prefix_cache_event, list[1].tokens_actually_prefilled })
  for i = 2, 3 do
    assert.same({ case[2], case[3], case[1] - case[2] },
      { list[i].cached_prefix_length, list[i].prefix_cache_event, list[i].tokens_actually_prefilled })
  end
end

describe("a prompt asked again", function()
  it("is found but for its last token: a full hit leaves one to prefill", function()
    for _, case in ipairs { { 513, 512, "FULL_HIT" }, { 512, 511, "FULL_HIT" },
                            { 500, 496, "CROSS_REQUEST_HIT" }, { 16, 15, "FULL_HIT" },
                            { 15, 0, "MISS_FULL" }, { 1, 0, "MISS_FULL" } } do
      asked_again(case, { recompute_last_block = false })
    end
  end)

  it("fills its blocks again where block_size is one, and finds all but one of them", function()
    asked_again({ 40, 39, "FULL_HIT" }, { block_size = 1 })
  end)

  -- Its whole blocks are all hits, the one with the last token too, which is computed in its place: no block is taken.
  it("counts and pays for the blocks it holds", function()
    local w = workload.constant { rate = 1, count = 3, prompt = 512, output = 1, prompt_pool = 1 }
    local _, s = run(w, { num_gpu_blocks_override = 34, max_model_len = 528, recompute_last_block = false })
    assert.equal(64 / 96, s.prefix_caching.block_hit_rate)
    assert.same({ 0, 32 / 33 }, { s.kv_cache.evictions, s.kv_cache.peak_usage })
  end)

  it("computes its last block again as a whole, as vLLM V1 does", function()
    for _, case in ipairs { { 513, 512, "FULL_HIT" }, { 512, 496, "FULL_HIT" },
                            { 16, 0, "FULL_HIT" } } do
      asked_again(case)
    end
  end)

  -- One step has room for three of the four: they share what the first of them computes in it.
  it("is found by requests of the same step", function()
    local list = run(workload.batch { count = 4, prompt = 500, output = 4, prompt_pool = 1 },
      { max_num_seqs = 3 })
    assert.same({ 0, 496, 496, 496 }, { list[1].cached_prefix_length, list[2].cached_prefix_length,
                                        list[3].cached_prefix_length, list[4].cached_prefix_length })
    for i = 1, 3 do assert.near(1, list[i].ttft_ms, 1e-6) end
  end)

  it("is found so where prompts are not cut, and the budget has room for one only", function()
    local list = run(workload.batch { count = 4, prompt = 512, output = 4, prompt_pool = 1 },
      { enable_chunked_prefill = false, max_num_batched_tokens = 560, max_model_len = 528, max_num_seqs = 8 })
    for i = 1, 4 do
      assert.same({ i == 1 and 0 or 496, i == 1 and 512 or 16 },
        { list[i].cached_prefix_length, list[i].tokens_actually_prefilled })
      assert.near(1, list[i].ttft_ms, 1e-6)
    end
  end)

  it("is found as far as the chunks of it were formed", function()
    local list = run(workload.batch { count = 2, prompt = 500, output = 4, prompt_pool = 1 },
      { max_num_seqs = 3, long_prefill_token_threshold = 200 })
    assert.same({ 0, 192 }, { list[1].cached_prefix_length, list[2].cached_prefix_length })
  end)

  -- Zero tokens to prefill must not leave TTFT to the clock: it is the one step that makes the first token.
  it("has the TTFT of one short step (W-32 full_hit_has_a_first_token)", function()
    local list = run(workload.constant { rate = 0.5, count = 5, prompt = 513, output = 4, prompt_pool = 1 })
    for i = 2, 5 do assert.near(1, list[i].ttft_ms, 1e-6) end
  end)

  it("is cached to its end, not fifty tokens deep (W-31 long_prefixes_are_cached_whole)", function()
    local list = run(workload.constant { rate = 1, count = 10, prompt = 3000, output = 2,
                                         prefix = { name = "long", tokens = 2400 } })
    for i = 2, 10 do assert.equal(2400, list[i].cached_prefix_length) end
  end)

  it("is not found where caching is off, and nothing is counted", function()
    local list, s = run(workload.constant { rate = 1, count = 5, prompt = 500, output = 2, prompt_pool = 1 },
      { enable_prefix_caching = false })
    assert.same({ none = 5 }, events(list))
    assert.is_nil(s.prefix_caching)
  end)
end)

describe("a conversation", function()
  local talk = { inter_arrival = 100, duration = 150, prompt = 100, output = 50, input = 80, turns = 3, think = 1 }

  it("finds its history, the answers too (W-27 histories_share_prefixes)", function()
    local list, s = run(workload.sessions(talk))
    -- all but the newest token of the answer are in memory: (100 + 50 - 1) // 16 blocks; then (230 + 50 - 1) // 16
    assert.same({ 0, 144, 272 }, { list[1].cached_prefix_length, list[2].cached_prefix_length,
                                   list[3].cached_prefix_length })
    assert.same({ MISS_FULL = 1, CONVERSATIONAL_HIT = 2 }, events(list))
    assert.equal(1, s.prefix_caching.conversational_hit_rate)
    assert.equal(2, s.prefix_caching.conversational_hits)
  end)

  it("that does not repeat what was said is an unexpected prompt", function()
    local t = {}
    for k, v in pairs(talk) do t[k] = v end
    t.accumulate = false
    local list, s = run(workload.sessions(t))
    assert.same({ MISS_FULL = 1, CONVERSATIONAL_MISS_UNEXPECTED_PROMPT = 2 }, events(list))
    assert.equal(80, list[2].prompt_tokens)
    assert.equal(0, s.prefix_caching.conversational_hit_rate)
  end)

  it("hits across requests with the prefix it has in common (W-47 cross_request_hits_are_counted)", function()
    local list, s = run(workload.mix {
      { name = "chat", kind = "sessions", rate = 2, prompt = 200, output = 20, turns = 3,
        prefix = "helpful_assistant" },
      { name = "single", rate = 3, prompt = 200, output = 20, prefix = "helpful_assistant" }, duration = "60 s",
    })
    local n = events(list)
    local p = s.prefix_caching
    assert.equal(1, n.MISS_FULL)
    assert.is_true(n.CROSS_REQUEST_HIT > 200 and n.CONVERSATIONAL_HIT > 100)
    for name, count in pairs(n) do assert.equal(count, p.event_counts[name]) end
    -- over the requests each could be one of: turns that follow, and all others
    assert.equal(1, p.conversational_hit_rate)
    assert.near(n.CROSS_REQUEST_HIT / (n.CROSS_REQUEST_HIT + 1), p.cross_request_hit_rate, 1e-12)
    assert.near((#list - 1) / #list, p.overall_hit_rate, 1e-12)
    local cached, prefilled, prompts = 0, 0, 0
    for _, r in ipairs(list) do
      cached, prefilled = cached + r.cached_prefix_length, prefilled + r.tokens_actually_prefilled
      prompts = prompts + r.prompt_tokens
      assert.equal(r.prompt_tokens, r.cached_prefix_length + r.tokens_actually_prefilled)
    end
    assert.same({ cached, cached / (#list - 1), prefilled / #list },
      { p.total_tokens_saved, p.average_cached_prefix_length, p.average_tokens_prefilled })
    assert.near(cached / prompts, p.prefill_reduction_ratio, 1e-12)
  end)
end)

describe("cached blocks", function()
  -- Sixteen tokens per block; a request of 160 + 1 tokens holds ten blocks, its last token none of a prompt's own.
  local function pool(n)
    return workload.constant { rate = 2, count = 60, prompt = 161, output = 1, prompt_pool = n }
  end

  it("give way to others, least recently used first (W-30 store_evicts_when_full)", function()
    local _, roomy = run(pool(8), { num_gpu_blocks_override = 101, max_model_len = 512 })
    assert.equal(0, roomy.kv_cache.evictions)
    assert.equal(8, roomy.prefix_caching.event_counts.MISS_FULL)
    -- Room for seven of eight in turn: the next is always the one just gone, its tail blocks at least
    local _, tight = run(pool(8), { num_gpu_blocks_override = 71, max_model_len = 512 })
    assert.is_true(tight.kv_cache.evictions > 50)
    assert.is_true(tight.prefix_caching.total_tokens_saved < roomy.prefix_caching.total_tokens_saved)
  end)

  it("are held while they are used, and paid for once (W-34 cached_blocks_use_memory)", function()
    -- Twenty at once with a prefix of 1,600 tokens: 100 blocks once, and two of each one's own
    local w = { inter_arrival = 1, count = 21, prompt = 1600 + 17, output = 200,
                prefix = { name = "p", tokens = 1600 } }
    local _, s = run(workload.renewal(w), { num_gpu_blocks_override = 4001, max_model_len = 4096 })
    assert.equal(21, s.requests.successful)
    assert.near((100 + 2 + 200 // 16) / 4000, s.kv_cache.peak_usage, 3 / 4000)
    w.inter_arrival = 0.001
    _, s = run(workload.renewal(w), { num_gpu_blocks_override = 4001, max_model_len = 4096, max_num_seqs = 64 })
    assert.equal(21, s.requests.successful)
    local own = 21 * (2 + 200 // 16 + 1)
    assert.is_true(s.kv_cache.peak_usage * 4000 <= 100 + own, tostring(s.kv_cache.peak_usage * 4000))
    assert.is_true(s.kv_cache.peak_usage * 4000 > 100 + 21)
  end)

  it("are asked for once per request, however long it waits (W-33 probe_is_counted_once)", function()
    local list, s = run(workload.batch { count = 30, prompt = 161, output = 40, prompt_pool = 1 },
      { max_num_seqs = 1, max_num_batched_tokens = 512 })
    local n = events(list)
    assert.same({ MISS_FULL = 1, FULL_HIT = 29 }, n)
    assert.equal(30, s.prefix_caching.event_counts.MISS_FULL + s.prefix_caching.event_counts.FULL_HIT)
    assert.same({ 29, 29 / 30 }, { s.prefix_caching.cross_request_hits, s.prefix_caching.cross_request_hit_rate })
  end)

  it("do not count for those still waiting (W-49 pending_requests_save_nothing)", function()
    local list, s = run(workload.batch { count = 100, prompt = 161, output = 100, prompt_pool = 5 },
      { max_num_seqs = 2, max_num_batched_tokens = 512 }, { duration = 1 })
    local waiting = 0
    for _, r in ipairs(list) do waiting = waiting + (r.prefix_cache_event and 0 or 1) end
    assert.is_true(waiting > 50 and s.requests.pending >= waiting)
    local total = 0
    for _, name in ipairs { "MISS_FULL", "FULL_HIT", "CROSS_REQUEST_HIT" } do
      total = total + s.prefix_caching.event_counts[name]
    end
    assert.equal(#list - waiting, total)
    local prompts = (#list - waiting) * 161
    assert.near(s.prefix_caching.total_tokens_saved / prompts, s.prefix_caching.prefill_reduction_ratio, 1e-12)
  end)

  it("tell hits' TTFT from misses'", function()
    local list, s = run(workload.constant { rate = 2, count = 40, prompt = 4001, output = 4, prompt_pool = 10 }, nil,
      { cost = { kind = "constant", constant_step = "1 ms", constant_prefill_token = "10 us" } })
    local hit, miss = s.prefix_caching.time_to_first_token_hit_ms, s.prefix_caching.time_to_first_token_miss_ms
    assert.same({ 30, 10, 40 }, { hit.count, miss.count, #list })
    assert.near(1 + 4001 * 0.01, miss.mean, 1e-6)
    assert.near(1 + 0.01, hit.mean, 1e-6)
  end)

  it("do not count what a preemption lost as recomputed where the cache still had it", function()
    local w = workload.batch { count = 12, prompt = 320, output = 300, prefix = { name = "x", tokens = 300 } }
    local tight = { num_gpu_blocks_override = 121, max_model_len = 1024, max_num_seqs = 12 }
    local _, cached = run(w, tight)
    tight.enable_prefix_caching = false
    local _, plain = run(w, tight)
    assert.equal(12, cached.requests.successful)
    assert.is_true(plain.preemptions.recomputed_tokens > 0)
    assert.is_true(cached.preemptions.recomputed_tokens < plain.preemptions.recomputed_tokens)
  end)
end)

-- ---- a trace with identities ----

local TRACE = (os.getenv "ORACLE_DATA" or "../shared/data") .. "/traces/mooncake-conversation.jsonl"
local present = io.open(TRACE, "r")
if present then present:close() end

-- From the ids alone: all blocks, those seen before, those that a cache of whole blocks can find - what was cut at the
-- end of a prompt has not been cached as a block - and the tokens saved: the last one of a prompt is computed again.
local function by_hand()
  local all, seen_before, found, tokens_saved, seen, whole = 0, 0, 0, 0, {}, {}
  for line in io.lines(TRACE) do
    local tokens, ids = tonumber(line:match '"input_length": (%d+)'), {}
    for id in line:match("%[(.*)%]"):gmatch("%d+") do ids[#ids + 1] = id end
    local unbroken, hit = true, 0
    for i, id in ipairs(ids) do
      all, seen_before = all + 1, seen_before + (seen[id] and 1 or 0)
      unbroken = unbroken and whole[id] and 512 * i <= tokens
      if unbroken then hit = hit + 1 end
    end
    found, tokens_saved = found + hit, tokens_saved + math.min(512 * hit, tokens - 1)
    for i, id in ipairs(ids) do
      seen[id], whole[id] = true, whole[id] or 512 * i <= tokens
    end
  end
  return all, seen_before, found, tokens_saved
end

describe("the Mooncake trace", function()
  -- Arrivals ten thousand times slower, and one request at a time (some have the same timestamp): none meets another.
  local function replay(blocks)
    local _, s = rows.of {
      model = "llama-3.1-8b", hardware = "h100-sxm", workload = workload.trace { path = TRACE, rate_scale = 1e-4 },
      engine = { block_size = 512, num_gpu_blocks_override = blocks + 1, max_num_seqs = 1 },
    }
    return s
  end

  it("hits the share of its blocks that its ids say: 36.6%", function()
    if not present then return pending("no traces in $ORACLE_DATA") end
    local all, seen_before, found, tokens_saved = by_hand()
    assert.equal("36.6", ("%.1f"):format(100 * seen_before / all))
    local s = replay(1000000)
    assert.equal(12031, s.requests.successful)
    assert.equal(0, s.kv_cache.evictions)
    assert.equal(tokens_saved, s.prefix_caching.total_tokens_saved)
    assert.equal(found / all, s.prefix_caching.block_hit_rate)
    assert.equal("36.6", ("%.1f"):format(100 * s.prefix_caching.block_hit_rate))
  end)

  it("hits less and evicts more the smaller the KV cache", function()
    if not present then return pending("no traces in $ORACLE_DATA") end
    local hits, evictions = 1, 0
    for _, blocks in ipairs { 1000000, 100000, 20000, 5000, 1000 } do
      local s = replay(blocks)
      assert.is_true(s.prefix_caching.block_hit_rate < hits)
      assert.is_true(s.kv_cache.evictions >= evictions and (blocks == 1000000 or s.kv_cache.evictions > evictions))
      hits, evictions = s.prefix_caching.block_hit_rate, s.kv_cache.evictions
    end
  end)
end)

describe("the engine's own counters", function()
  -- Steps of 10 ms, blocks of 16; requests { at ms, prompt, output }.
  local function counted(version, blocks, requests)
    local rows_ = {}
    for i, r in ipairs(requests) do rows_[i] = { arrival = r[1] * 1e-3, prompt = r[2], output = r[3] } end
    local _, s = rows.of(rows.constant("10 ms", {
      workload = workload.requests(rows_),
      engine = { version = version, num_gpu_blocks_override = blocks + 1, max_model_len = 16 * blocks,
                 max_num_batched_tokens = 64, max_num_seqs = 8, async_scheduling = false },
    }))
    local p = s.prefix_caching
    return { p.prefix_cache_queries, p.prefix_cache_hits, p.preempted_queries, p.preempted_hits, s.preemptions.count }
  end

  it("count a request of vLLM 0.33 when it is admitted, preempted ones apart", function()
    -- As in the schedule "preempted-finds-itself": b is sent back with 40 + 8 tokens and finds two blocks.
    assert.same({ 80, 0, 48, 32, 1 }, counted("0.33", 6, { { 0, 40, 12 }, { 0, 40, 10 } }))
  end)

  it("count every look of vLLM 0.11, those in vain too", function()
    -- b lacks a block while a computes, at 10, 20 and 30 ms, and is admitted at 40.
    assert.same({ 60 + 4 * 40, 0, 0, 0, 0 }, counted("0.11", 6, { { 0, 60, 4 }, { 5, 40, 2 } }))
    assert.same({ 60 + 40, 0, 0, 0, 0 }, counted("0.33", 6, { { 0, 60, 4 }, { 5, 40, 2 } }))
  end)
end)
