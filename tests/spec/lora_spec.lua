--- LoRA: slots of adapters, what waits for one, what comes over PCIe, memory and price.
local core = require "oracle.core"
local experiments = require "experiments"
local oracle = require "oracle"
local rows = require "rows"

local workload = oracle.workload
local near, raised, run, with = experiments.near, experiments.raised, experiments.run, experiments.with

local function served(engine, work, more)
  local t = { model = "llama-3.1-8b", hardware = "h100-sxm", cost = "roofline", workload = work,
              engine = with({ version = "0.11", max_model_len = 8192, enable_lora = true }, engine) }
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

-- An adapter of rank r on Llama-3.1-8B, whose matrices are all adapted: r (inputs + outputs) values each, Q, K, V, gate
-- and up with an A of their own; bf16.
local function adapter_bytes(rank)
  local layer = (4096 + 4096) + 2 * (4096 + 1024) + (4096 + 4096) + 2 * (4096 + 14336) + (14336 + 4096)
  return rank * layer * 32 * 2
end

local NAMES = { "chat", "code", "sql" }

-- Requests of the adapters named, one after the other, far apart; a step takes 1 ms.
local function in_turn(names, engine)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = workload.requests { requests = { { arrival = i, prompt = 10, output = 2 } }, lora = name,
                                  name = ("p%d"):format(i) }
  end
  return rows.constant("1 ms", {
    model = "llama-3.1-8b", hardware = "h100-sxm", workload = workload.mix(list),
    engine = with({ version = "0.11", max_model_len = 4096, enable_lora = true, lora_modules = NAMES }, engine),
  })
end

describe("LoRA", function()
  it("takes a slot of the largest rank of each GPU for every adapter that may run", function()
    local function blocks(n, rank)
      return experiments.plan(served({ max_loras = n, max_lora_rank = rank },
        workload.batch { count = 1, prompt = 10, output = 2 })).deployment.num_gpu_blocks
    end
    local block = 2 * 2 ^ 20                              -- 16 tokens
    local one, nine = blocks(1, 16), blocks(9, 16)
    assert.is_true(math.abs((one - nine) * block - 8 * adapter_bytes(16)) <= block)
    assert.is_true(math.abs((one - blocks(1, 64)) * block - adapter_bytes(48)) <= block)
  end)

  it("cuts of an adapter what its matrix is cut by", function()
    local t = served({ tensor_parallel_size = 2 }, workload.batch { count = 1, prompt = 10, output = 2 })
    -- A whole and half of B where outputs are cut, half of A and B whole where inputs are.
    local layer = (4096 + 2048) + 2 * (4096 + 512) + (2048 + 4096) + 2 * (4096 + 7168) + (7168 + 4096)
    near(16 * layer * 32 * 2, experiments.plan(t).deployment.memory.stages[1].adapter_bytes, 1e-12)
  end)

  it("brings an adapter over PCIe when it is first used, and keeps those used last", function()
    local bandwidth = experiments.plan(in_turn({ "sql" }, {})).deployment.hardware.pcie
    local slot = 1e3 * ((bandwidth.latency or 0) + adapter_bytes(16) / bandwidth.bandwidth)
    local function ttfts(names, engine)
      local list, s = rows.of(in_turn(names, engine))
      local out = {}
      for i, row in ipairs(list) do out[i] = row.ttft_ms end
      return out, s.lora
    end
    local t, lora = ttfts({ "sql", "sql", "chat", "sql" }, { max_loras = 1 })
    for i, ms in ipairs { 1 + slot, 1, 1 + slot, 1 + slot } do near(ms, t[i], 1e-6) end
    assert.same({ 3, 3 }, { lora.loads, lora.fetches })   -- one in host memory alone: each comes from storage
    near(3 * slot, 1e3 * lora.load_s, 1e-9)
    t, lora = ttfts({ "sql", "chat", "code", "sql", "code" }, { max_loras = 2, max_cpu_loras = 3,
                                                                 lora_load_seconds = "10 ms" })
    -- sql went for code; it comes back from the host, for chat, which was used before code.
    for i, ms in ipairs { 11 + slot, 11 + slot, 11 + slot, 1 + slot, 1 } do near(ms, t[i], 1e-6) end
    assert.same({ 4, 3 }, { lora.loads, lora.fetches })
  end)

  -- Two slots, three adapters at once: the third waits for one of the others to end, those behind it do not.
  it("runs no more different adapters at a time than there are slots", function()
    local list = {}
    for i, name in ipairs { "sql", "chat", "code", "sql" } do
      list[i] = workload.requests { requests = { { arrival = 1e-3 * i, prompt = 10, output = 100 } }, lora = name,
                                    name = ("p%d"):format(i) }
    end
    local t = rows.constant("10 ms", { model = "llama-3.1-8b", hardware = "h100-sxm", workload = workload.mix(list),
      engine = { version = "0.11", max_model_len = 4096, enable_lora = true, max_loras = 2 } })
    local r = rows.of(t)
    assert.is_true(r[4].queue_ms < 50, r[4].queue_ms)
    assert.is_true(r[3].queue_ms > 900, r[3].queue_ms)
    t.engine.max_loras = 3
    assert.is_true(rows.of(t)[3].queue_ms < 50)
  end)

  it("draws adapters by weight, one for all of a session", function()
    local t = served({ max_loras = 3, lora_modules = NAMES },
      workload.poisson { rate = 5, count = 3000, prompt = 10, output = 2, lora = { sql = 2, base = 2 } })
    local s = run(t)
    assert.equal(1, s.lora.loads)                         -- nobody asks for the others
    assert.equal(3000, s.requests.successful)
  end)

  it("shares no prefix between adapters", function()
    local function hits(mix)
      local t = served({ max_loras = 2 }, workload.constant { rate = 1, count = 10, prompt = 200, output = 2,
                                                              prompt_pool = 1, lora = mix })
      local n = 0
      for _, row in ipairs((rows.of(t))) do n = n + (row.cached_prefix_length > 0 and 1 or 0) end
      return n
    end
    assert.equal(9, hits "sql")
    assert.equal(8, hits { sql = 1, chat = 1 })           -- each the first time
  end)

  it("prices the products of the tokens that have one, and reads each adapter once", function()
    local spec = experiments.plan(served({ max_loras = 4 }, workload.batch { count = 1, prompt = 10, output = 2 })).spec
    local function gemm(tokens, adapters, cost)
      return core.cost.step { model = spec.model, hardware = spec.hardware, layout = spec.layout,
        cost = cost or spec.cost,
        shape = { decode_seqs = 32, decode_context = 3200, adapted_tokens = tokens, adapters = adapters } }.gemm
    end
    local memory = 1 / (0.8 * spec.hardware.bandwidth)
    near(2 * adapter_bytes(16) * memory, gemm(32, 3) - gemm(32, 1), 1e-9)
    assert.equal(gemm(0, 0), gemm(0, 0, with(spec.cost, { lora_layer_overhead = 1e-5 })))
    near(32 * 1e-5, gemm(32, 1, with(spec.cost, { lora_layer_overhead = 1e-5 })) - gemm(32, 1), 1e-9)
  end)

  it("is refused in a line that says what is expected", function()
    local work = workload.batch { count = 1, prompt = 10, output = 2, lora = "sql" }
    local function why(engine, w) return raised(served(engine, w or work)) end
    assert.matches("max_loras: 0: a whole number from 1 to", why { max_loras = 0 })
    assert.matches("max_cpu_loras: 1: at least max_loras %(2%)", why { max_loras = 2, max_cpu_loras = 1 })
    assert.matches("max_lora_rank: 20: one of 1, 8, 16", why { max_lora_rank = 20 })
    assert.matches("max_loras: 9: at most max_num_seqs %(8%)", why { max_loras = 9, max_num_seqs = 8 })
    assert.matches("workload.lora: engine.enable_lora is false", why { enable_lora = false })
    assert.matches('lora_modules%[2%]: "sql" is given twice', why { lora_modules = { "sql", "sql" } })
    assert.matches('lora_modules%[1%]: "base" stands for the model itself', why { lora_modules = { "base" } })
    local typo = workload.batch { count = 1, prompt = 10, output = 2, lora = "sqll" }
    assert.matches('workload.lora: "sqll": unknown adapter; did you mean sql%?', why({ lora_modules = NAMES }, typo))
    local none = workload.batch { count = 1, prompt = 10, output = 2, lora = { sql = 0 } }
    assert.matches("workload.lora: a weight above 0 expected", why({}, none))
    local negative = workload.batch { count = 1, prompt = 10, output = 2, lora = { sql = -1 } }
    assert.matches("workload.lora.sql: %-1: a number from 0", why({}, negative))
    local number = workload.batch { count = 1, prompt = 10, output = 2, lora = 5 }
    assert.matches("workload.lora: 5: a name, a list of names or", why({}, number))
  end)
end)
