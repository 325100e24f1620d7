-- Links that several senders use: the high level of detail against max-min shares worked out by hand.
local oracle = require "oracle"
local experiments = require "experiments"

local run, with, near = experiments.roofline, experiments.with, experiments.near

local function at(level, spec)
  return run(with(spec, { lod = level }))
end

local MODEL, LAYERS, HIDDEN = "meta-llama/Meta-Llama-3-8B", 32, 4096

-- Groups of `size` GPUs; half of each group's are on either side of one cable.
local function groups(count, size, cable)
  local nodes = { { name = "left", kind = "switch" }, { name = "right", kind = "switch" } }
  local links = { { from = "left", to = "right", bandwidth = cable, latency = "1 us" } }
  local placement = {}
  for i = 1, count * size do
    local name = ("gpu%d"):format(i - 1)
    placement[i], nodes[#nodes + 1] = name, name
    links[#links + 1] = { from = name, to = (i - 1) % size < size / 2 and "left" or "right", bandwidth = "50 GB/s",
                          latency = "1 us" }
  end
  return { nodes = nodes, links = links }, placement
end

describe("tensor-parallel groups over one cable", function()
  it("have an equal share of it each, however many they are and whatever they send", function()
    for _, case in ipairs { { 2, 2, 512 }, { 2, 4, 512 }, { 3, 2, 64 }, { 4, 4, 2048 }, { 2, 8, 4096 } } do
      local count, size, prompt = table.unpack(case)
      local network, placement = groups(count, size, "20 GB/s")
      local spec = {
        model = MODEL, hardware = "a100-80gb", replicas = count, network = network, placement = placement,
        router = "round_robin",
        engine = { tensor_parallel_size = size, dtype = "float16", max_num_batched_tokens = 8192 },
        workload = oracle.workload.batch { count = count, prompt = prompt, output = 1 },
      }
      -- All compute alike, so all-reduce at one time: 2(size - 1) rounds, in each of which one message of every group
      -- crosses the cable in either direction, at a count-th of its bandwidth. That is what the round waits for.
      local message = prompt * HIDDEN * 2 / size
      local more = 2 * LAYERS * 2 * (size - 1) * (count - 1) * message / 20e9 * 1e3
      local medium = at("medium", spec)
      assert.matches("contention was not modelled", medium.oracle.warnings[1])
      for _, level in ipairs { "high", "auto" } do
        local s = at(level, spec)
        assert.equal("high", s.oracle.lod)
        assert.same({}, s.oracle.warnings)
        near(medium.latency.time_to_first_token_ms.mean + more, s.latency.time_to_first_token_ms.mean, 1e-6)
        near(s.latency.time_to_first_token_ms.min, s.latency.time_to_first_token_ms.max, 1e-9)
      end
    end
  end)

  it("meet on the switch and NICs of servers they span", function()
    -- Two groups of two, each with a GPU on either server; one NIC a server, 10 GB/s, on the way of all messages.
    local spec = {
      model = MODEL, hardware = "a100-80gb", replicas = 2, router = "round_robin",
      network = { topology = "pcie", hosts = 2, gpus = 2, nic_bandwidth = "10 GB/s" },
      placement = { "gpu0", "gpu2", "gpu1", "gpu3" }, engine = { tensor_parallel_size = 2, dtype = "float16" },
      workload = oracle.workload.batch { count = 2, prompt = 1024, output = 1 },
    }
    local more = 2 * LAYERS * 2 * (1024 * HIDDEN * 2 / 2) / 10e9 * 1e3
    local medium, auto = at("medium", spec), at("auto", spec)
    assert.matches("contention was not modelled", medium.oracle.warnings[1])
    assert.equal("high", auto.oracle.lod)
    near(medium.latency.time_to_first_token_ms.mean + more, auto.latency.time_to_first_token_ms.mean, 1e-6)
  end)
end)

-- gpu0 computes prompts; gpu1 and gpu2 decode. Caches come over gpu0 - gpu1, those for gpu2 go on over gpu1 - gpu2,
-- which the ring of the two uses too.
local function line(first, second)
  return {
    model = MODEL, hardware = "h100-sxm",
    engine = { dtype = "float16", max_num_batched_tokens = 16384, max_model_len = 8192 },
    pools = { prefill = {}, decode = { engine = { tensor_parallel_size = 2 } } },
    network = { nodes = { "gpu0", "gpu1", "gpu2" }, links = {
      { from = "gpu0", to = "gpu1", bandwidth = first, latency = "1 us" },
      { from = "gpu1", to = "gpu2", bandwidth = second, latency = "1 us" } } },
    -- The short prompt decodes while the cache of the long one is on its way.
    workload = oracle.workload.mix {
      oracle.workload.batch { name = "short", count = 1, prompt = 16, output = 41 },
      oracle.workload.batch { name = "long", count = 1, prompt = 8000, output = 2 } },
  }
end

describe("a KV cache over the links of a ring", function()
  local RING = 2 * LAYERS * 2                             -- messages a step sends from gpu1 to gpu2: 2 rounds each
  local PIECE = HIDDEN * 2 / 2                            -- B of one, for one token

  it("slows every step by what it takes of the link", function()
    -- Half of the cache goes to each GPU; both halves share 0.6 GB/s, so 0.3 of the second link's 1 GB/s are taken
    -- and the ring's messages have 0.7.
    local spec = line("0.6 GB/s", "1 GB/s")
    local more = RING * PIECE * (1 / 0.7e9 - 1 / 1e9) * 1e3
    local medium = at("medium", spec)
    assert.matches("contention was not modelled.*gpu1%->gpu2", medium.oracle.warnings[1])
    for _, level in ipairs { "high", "auto" } do
      local s = at(level, spec)
      assert.equal("high", s.per_replica.replica1.lod)
      assert.same({}, s.oracle.warnings)
      near(medium.latency.inter_token_latency_ms.p50 + more, s.latency.inter_token_latency_ms.p50, 1e-6)
    end
  end)

  it("halves it where that is the narrowest link, and gets what the ring leaves", function()
    -- Now 0.5 GB/s each while a message is there; all of it else, so the link is never idle: in the time T that the
    -- long cache's half takes, the ring has sent T / step x 128 pieces.
    local spec = line("10 GB/s", "1 GB/s")
    local medium, high = at("medium", spec), at("high", spec)
    local step = high.latency.inter_token_latency_ms.p50 * 1e-3
    near(medium.latency.inter_token_latency_ms.p50 * 1e-3 + RING * PIECE / 1e9, step, 1e-6)
    assert.equal(high.latency.inter_token_latency_ms.p50, at("auto", spec).latency.inter_token_latency_ms.p50)
    local kv = 8000 * LAYERS * 2 * 8 * 128 * 2 / 2        -- B on gpu1->gpu2: K and V of 8 heads of 128
    local decoding = 41 * step                            -- the short one is done before: 40 steps sent pieces
    local expected = (kv + 16 * LAYERS * 2 * 8 * 128 * 2 / 2 + 40 * RING * PIECE) / 1e9
    assert(decoding < expected)
    -- The mean is of both caches. The short one's half shares the link with the long one's: twice its own time.
    local short = 2 * 16 * LAYERS * 2 * 8 * 128 * 2 / 2 / 1e9
    near((expected + short) / 2 * 1e3, high.kv_transfer.mean_ms, 1e-3)
  end)
end)
