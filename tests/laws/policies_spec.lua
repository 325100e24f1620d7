--- Every policy that comes along, in every kind of deployment: replicas and pools that fail, scale, run out of memory,
-- get their files read again and other policies put in their place. Nothing fails, every request ends once, and every
-- token of a prompt is cached, computed, or computed again for a reason.
local live = require "oracle.live"
local oracle = require "oracle"
local rows = dofile "tests/spec/rows.lua"
local study = require "oracle.study"

local SCENARIOS = tonumber(os.getenv "LAW_SCENARIOS") or (os.getenv "ORACLE_BIN" or ""):find "san" and 40 or 400

local BATCHING = { "adaptive", "chunked", "edf", "fcfs", "least_slack", "mlfq", "no_evict", "orca", "priority",
                   "sarathi", "sglang", "sjf", "srpt", "static", "triton", "vtc" }
local ROUTING = { "kv_aware", "least_loaded", "power_of_two", "prefix_aware", "random", "round_robin",
                  "session_affinity", "weighted_random" }
local SCALING = { "queue_length", "target_load", "planner", "sla_planner" }
local EVICTION = { "lru", "conversations" }
local ADMISSION = { "always", "slo_shedding", "token_bucket" }
local SYSTEMS = { "vllm", "sglang", "trtllm", "static", "orca", "triton", "sarathi", "dynamo" }

-- The draws of a scenario depend on its number alone.
local function chance(seed)
  local state = seed * 2654435761 + 12345
  local function draw()
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) / 2^31
  end
  for _ = 1, 4 do draw() end
  local c = {}
  function c.whole(low, high) return low + math.floor(draw() * (high - low + 1)) end
  function c.of(list) return list[c.whole(1, #list)] end
  function c.yes(share) return draw() < share end
  return c
end

local function scaling(c, most)
  if not c.yes(0.35) then return nil end
  return { policy = c.of(SCALING), min = 1, max = most, interval = "100 ms", cold_start = "50 ms" }
end

local function workload(c)
  local size = { count = c.whole(20, 60), prompt = oracle.dist.uniform { low = 1, high = c.of { 20, 200 } },
                 output = oracle.dist.uniform { low = 1, high = c.of { 8, 150 } } }
  if c.yes(0.3) then size.timeout = c.of { "50 ms", "2 s" } end
  if c.yes(0.2) then size.prompt_pool = 5 end
  if c.yes(0.2) then size.priority = oracle.dist.uniform { low = 0, high = 3 } end
  local kind = c.of { "poisson", "batch", "closed_loop", "sessions" }
  if kind == "batch" then size.prompt_pool = nil end
  if kind == "poisson" then size.rate = c.of { 50, 1000 } end
  if kind == "closed_loop" then size.concurrency = c.whole(2, 20) end
  if kind == "sessions" then
    return oracle.workload.sessions { rate = 50, count = 40, turns = 3, prompt = 60, output = 30, think = 0.02 }
  end
  if c.yes(0.3) then size.prefix, size.prompt_pool = { { name = "system", tokens = 33 } }, nil end
  return oracle.workload[kind](size)
end

local function pools(c)
  local function pool()
    local engine = c.yes(0.3) and { max_num_seqs = c.of { 2, 16 } } or {}
    if c.yes(0.2) then engine.pipeline_parallel_size = 2 end
    if c.yes(0.2) then engine.tensor_parallel_size = 2 end
    return { replicas = c.whole(1, 2), autoscaling = scaling(c, 3), engine = engine }
  end
  return { prefill = pool(), decode = pool(), transfer = c.of { "end", "layerwise" } }
end

local function draw(seed, batching)
  local c = chance(seed)
  local blocks = c.of { 24, 40, 200 }
  local system = c.of(SYSTEMS)
  local t = {
    model = "tiny-1b", hardware = "h100-sxm", seed = seed, workload = workload(c), batching = batching,
    engine = { system = system, block_size = 16, num_gpu_blocks_override = blocks,
               max_model_len = math.min(blocks * 16, 512), max_num_seqs = c.of { 1, 4, 32 },
               max_num_batched_tokens = 512 },
    router = c.of(ROUTING), eviction = c.of(EVICTION), slo = { ttft = "50 ms", tpot = "10 ms", e2e = "1 s" },
  }
  if c.yes(0.3) then t.admission = c.of(ADMISSION) end
  if c.yes(0.3) and system ~= "sglang" then t.preemption = "swap" end
  if c.yes(0.3) then t.failures = { mtbf = c.of { "200 ms", "2 s" }, mttr = "50 ms" } end
  if c.yes(0.3) and system ~= "static" then
    t.kv_tiers = { { name = "dram", capacity = "1 GiB", bandwidth = "50 GB/s" } }
    t.kv_loading = c.of { "blocking", "layerwise", "async" }
  end
  if c.yes(0.6) then
    t.pools = pools(c)
    t.network = { topology = "nvlink_mesh", gpus = 32, bandwidth = c.of { "1 GB/s", "100 GB/s" } }
  else
    t.replicas, t.autoscaling = c.whole(1, 3), scaling(c, 4)
  end
  return t, c
end

-- What is wrong with the books of a run; nil: nothing.
local function wrong(list, summary)
  local r = summary.requests
  local ended = r.successful + r.failed + r.rejected + r.timed_out + r.cancelled + r.pending
  if ended ~= r.total or #list ~= r.total then return ("%d of %d ended, %d rows"):format(ended, r.total, #list) end
  if r.pending > 0 then return ("%d pending at the end"):format(r.pending) end
  local again = 0
  for _, row in ipairs(list) do
    local more = row.cached_prefix_length + row.tokens_actually_prefilled - row.prompt_tokens
    if row.status == "SUCCESS" and more ~= row.recomputed_tokens or more > row.recomputed_tokens then
      return ("%s: %d tokens more than its prompt, %d recomputed"):format(row.request_id, more, row.recomputed_tokens)
    end
    again = again + row.recomputed_tokens
  end
  if again ~= summary.preemptions.recomputed_tokens then
    return ("%d tokens computed again, %d in the summary"):format(again, summary.preemptions.recomputed_tokens)
  end
end

local function about(seed, t, why)
  return ("scenario %d (%s, %s, %s): %s"):format(seed, t.batching, t.engine.system, t.pools and "pools" or "replicas",
    tostring(why))
end

-- To its end, with files read again and another policy in the place of the first on the way. Returns the summary.
local function changed_on_the_way(t, c)
  local s = live.new(oracle.scenario(t))
  for i = 1, 3 do
    s:run_until(0.02 * i)
    if c.yes(0.5) then s:reload() end
    if c.yes(0.7) then s:set("batching", c.of(BATCHING)) end
    if c.yes(0.3) then s:set("router", c.of(ROUTING)) end
  end
  return s:run()
end

describe("any policy that comes along, in any deployment,", function()
  it("ends every request and balances its books", function()
    local bad = {}
    for seed = 1, SCENARIOS do
      local t = draw(seed, BATCHING[(seed - 1) % #BATCHING + 1])
      local ok, list, summary = pcall(rows.of, t)
      local why = not ok and list or wrong(list, summary)
      if why then bad[#bad + 1] = about(seed, t, why) end
    end
    assert.equal("", table.concat(bad, "\n"))
  end)

  it("takes the place of another while requests wait, run and move", function()
    local bad = {}
    for seed = 1, SCENARIOS // 2 do
      local t, c = draw(seed + 100000, BATCHING[(seed - 1) % #BATCHING + 1])
      local ok, summary = pcall(changed_on_the_way, t, c)
      local why = not ok and summary
        or summary.requests.pending > 0 and ("%d pending"):format(summary.requests.pending)
      if why then bad[#bad + 1] = about(seed + 100000, t, why) end
    end
    assert.equal("", table.concat(bad, "\n"))
  end)

  it("gives the same with runs of steps and without", function()
    local bad = {}
    for seed = 1, SCENARIOS // 8 do
      local t = draw(seed + 200000, BATCHING[(seed - 1) % #BATCHING + 1])
      local s = oracle.scenario(t)
      if oracle.summary.json(study.run(s)) ~= oracle.summary.json(study.run(s, { runs = false })) then
        bad[#bad + 1] = about(seed + 200000, t, "differs")
      end
    end
    assert.equal("", table.concat(bad, "\n"))
  end)
end)
