-- How the GPUs of a layer add up: each algorithm against hand calculations, and as messages against its formula.
local oracle = require "oracle"
local planning = require "oracle.plan"
local experiments = require "experiments"

local run, with, raised, near = experiments.roofline, experiments.with, experiments.raised, experiments.near

-- One prompt of 512 tokens: 64 all-reduces of 512 x 4096 x 2 B.
local PROMPT, MESSAGE, TIMES = 512, 512 * 4096 * 2, 64
local function one_prompt(gpus, name, network, level)
  return {
    model = "meta-llama/Meta-Llama-3-8B", hardware = "a100-80gb", lod = level,
    engine = { tensor_parallel_size = gpus, all_reduce = name, dtype = "float16" }, network = network,
    workload = oracle.workload.batch { count = 1, prompt = PROMPT, output = 1 },
  }
end

local function ttft(spec) return run(spec).latency.time_to_first_token_ms.mean end

local function mesh(gpus) return { topology = "nvlink_mesh", gpus = gpus, bandwidth = "75 GB/s", latency = "1 us" } end
local function switch(gpus) return { topology = "nvswitch", gpus = gpus, bandwidth = "75 GB/s", latency = "1 us" } end

describe("all_reduce", function()
  it("takes what the formula of each algorithm says", function()
    -- a = 1 us; S/b = 4,194,304 B / 75 GB/s = 55.9241 us; p = 4.
    local a, sb = 1e-6, MESSAGE / 75e9
    local seconds = {
      ring = { mesh, 6 * a + 6 / 4 * sb },                -- 2(p-1)a + 2(p-1)/p S/b
      halving = { mesh, 4 * a + 6 / 4 * sb },             -- 2 log2(p) a + 2(p-1)/p S/b
      direct = { mesh, 2 * a + 2 / 4 * sb },              -- on links of their own: twice a + S/p/b
      nvls = { switch, 2 * a + 5 / 4 * sb },              -- 2a + (1 + 1/p)S/b
    }
    local base = ttft(one_prompt(4, "ring", mesh(4))) - TIMES * seconds.ring[2] * 1e3
    for name, expected in pairs(seconds) do               -- order does not matter: each is on its own
      for _, level in ipairs { "medium", "high" } do
        near(base + TIMES * expected[2] * 1e3, ttft(one_prompt(4, name, expected[1](4), level)), 1e-7)
      end
    end
    -- On a switch, the three messages of `direct` share their sender's port: 2(a + 3/4 S/b).
    near(base + TIMES * (2 * a + 6 / 4 * sb) * 1e3, ttft(one_prompt(4, "direct", switch(4), "high")), 1e-7)
  end)

  it("takes as long message by message, on a network of its own", function()
    for _, gpus in ipairs { 2, 4, 8 } do
      for _, network in ipairs { mesh(gpus), switch(gpus), { topology = "pcie", gpus = gpus } } do
        for _, name in ipairs { "ring", "tree", "halving", "direct", "in_switch", "auto" } do
          if name ~= "in_switch" or network.topology == "nvswitch" then
            local medium = run(one_prompt(gpus, name, network, "medium"))
            local high = run(one_prompt(gpus, name, network, "high"))
            assert.same({}, medium.oracle.warnings)
            near(medium.latency.time_to_first_token_ms.mean, high.latency.time_to_first_token_ms.mean, 1e-6)
          end
        end
      end
    end
  end)

  it("takes as long as transfers of a network that others could use too", function()
    -- The prefill pool's GPUs also send KV caches, so all its messages are transfers; the one prompt's own are alone.
    for _, name in ipairs { "ring", "tree", "halving", "direct", "in_switch", "auto" } do
      local spec = one_prompt(4, name, { topology = "nvswitch", gpus = 8 })
      spec.pools = { prefill = {}, decode = {} }
      spec.workload = oracle.workload.batch { count = 1, prompt = PROMPT, output = 2 }
      local medium, auto = run(with(spec, { lod = "medium" })), run(spec)
      assert.equal("high", auto.per_replica.replica0.lod)
      near(medium.latency.time_to_first_token_ms.mean, auto.latency.time_to_first_token_ms.mean, 1e-6)
    end
  end)

  it("goes over hosts in a hierarchy: inside by NVLink, between them each GPU by its NIC", function()
    local network = { topology = "hgx_ib", hosts = 2, gpus = 4, bandwidth = "450 GB/s", latency = "1 us",
                      nic_bandwidth = "50 GB/s", nic_latency = "1 us", pcie_latency = "1 us" }
    local placement = { "gpu0", "gpu1", "gpu4", "gpu5" }
    local function at(name, level)
      return run(with(one_prompt(4, name, network, level), { placement = placement }))
    end
    -- n = 2 on each of m = 2 hosts: 2(n-1)(a + S/n/b) inside, 2(m-1)(A + S/(nm)/B) between, where the way is
    -- GPU - PCIe - NIC - rail - NIC - PCIe - GPU: six hops of 1 us, at 50 GB/s. The ring: 6(A' + S/4/B), where A' is
    -- that of gpu1 to gpu4: on different rails, so by NVLink first.
    local inside = 2 * (1e-6 + MESSAGE / 2 / 450e9)
    local between = 2 * (6e-6 + MESSAGE / 4 / 50e9)
    local ring = 6 * (7e-6 + MESSAGE / 4 / 50e9)
    local medium = at("hierarchical", "medium").latency.time_to_first_token_ms.mean
    local flat = at("ring", "medium").latency.time_to_first_token_ms.mean
    near(TIMES * (ring - inside - between) * 1e3, flat - medium, 1e-5)
    near(medium, at("hierarchical", "high").latency.time_to_first_token_ms.mean, 1e-6)
    assert.equal("medium", at("hierarchical").oracle.lod)
  end)

  it("auto is the quickest for the bytes at hand", function()
    for _, network in ipairs { mesh(8), switch(8), { topology = "hgx_ib", hosts = 2, gpus = 4 } } do
      local least = math.huge
      for _, name in ipairs { "ring", "tree", "halving", "direct", "hierarchical", "in_switch" } do
        local ok, plan = pcall(planning.plan, oracle.scenario(one_prompt(8, name, network, "medium")))
        local s = ok and plan and run(one_prompt(8, name, network, "medium"))
        if s and #s.oracle.warnings == 0 then least = math.min(least, s.latency.time_to_first_token_ms.mean) end
      end
      near(least, ttft(one_prompt(8, "auto", network)), 1e-12)
    end
  end)

  it("is simulated where its own messages meet, and medium says that it left that out", function()
    -- On a ring of four, halving's first partner is two links away, over the links of the others.
    local network = { topology = "ring", gpus = 4, bandwidth = "75 GB/s", latency = "1 us" }
    local medium, auto = run(one_prompt(4, "halving", network, "medium")), run(one_prompt(4, "halving", network))
    assert.equal("high", auto.oracle.lod)
    assert.same({}, auto.oracle.warnings)
    assert.matches("contention was not modelled", medium.oracle.warnings[1])
    assert.equal("medium", run(one_prompt(4, "auto", network)).oracle.lod) -- it takes none of these
  end)

  it("refuses what these GPUs cannot do, before the run", function()
    assert.matches('"rnig": unknown; did you mean "ring"%?', raised(one_prompt(4, "rnig", mesh(4))))
    assert.matches("in_switch needs one nvswitch that all ranks are joined to; gpu0 to gpu3 have none",
      raised(one_prompt(4, "nvls", mesh(4))))
    assert.matches("in_switch needs a `network`", raised(one_prompt(4, "nvls")))
    assert.matches("hierarchical needs a `network`", raised(one_prompt(4, "hierarchical")))
    assert.matches("hierarchical needs two GPUs or more on each of several hosts",
      raised(one_prompt(4, "hierarchical", mesh(4))))
    local apart = with(one_prompt(4, "hierarchical", { topology = "hgx_ib", gpus = 4 }),
      { placement = { "gpu0", "gpu4", "gpu1", "gpu5" } })
    assert.matches("gpu0 to gpu5 are not placed so", raised(apart))
    local six = one_prompt(6, "recursive_halving_doubling", mesh(6))
    six.model = { architectures = { "LlamaForCausalLM" }, model_type = "llama", hidden_size = 768,
                  num_attention_heads = 12, num_hidden_layers = 4, num_key_value_heads = 6, intermediate_size = 3072,
                  vocab_size = 38400, max_position_embeddings = 4096, torch_dtype = "float16" }
    assert.matches("halving needs 2, 4, 8, 16 ... ranks, tensor_parallel_size is 6", raised(six))
  end)

  it("is each pool's own", function()
    local spec = one_prompt(2, "ring", switch(4))
    spec.pools = { prefill = { engine = { all_reduce = "nvls" } }, decode = {} }
    local s = run(with(spec, { lod = "medium" }))
    near(ttft(one_prompt(2, "nvls", switch(2))), s.latency.time_to_first_token_ms.mean, 1e-9)
  end)
end)

describe("replicas that share experts", function()
  it("exchange tokens message by message at the high level, for as long", function()
    for _, whole in ipairs { true, false } do
      for _, tp in ipairs { 1, 2 } do
        local found = {}
        for i, level in ipairs { "medium", "high" } do
          found[i] = planning.simulate(planning.plan(oracle.scenario {
            model = "mixtral-8x7b", hardware = "h100-sxm", lod = level, cost = "roofline",
            engine = { data_parallel_size = 4, tensor_parallel_size = tp, enable_expert_parallel = whole },
            workload = oracle.workload.batch { count = 8, prompt = 256, output = 8 },
          }))
        end
        -- 32 layers; of whole experts 2 all-to-alls among 4 x tp ranks, else a ring among 4: each device sends in
        -- every round. Beside that 2 tp computed, and 2 rings of 2(tp-1) rounds, and the LM head.
        local rounds = whole and 2 * (4 * tp - 1) or 2 * (4 - 1)
        local layer = 2 * tp + tp * rounds + 2 * tp * 2 * (tp - 1)
        local steps = 0
        for _, r in ipairs(found[2].replicas) do steps = steps + r.steps end
        assert.equal(steps * (32 * layer + tp), found[2].events - found[1].events)
        near(found[1].now, found[2].now, 1e-6)
      end
    end
  end)
end)
