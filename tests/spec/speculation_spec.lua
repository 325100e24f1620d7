--- Speculative decoding: tokens per step, what verifying and proposing cost, blocks ahead, counters, refusals.
local core = require "oracle.core"
local experiments = require "experiments"
local oracle = require "oracle"
local rows = require "rows"

local workload = oracle.workload
local near, raised, run, with = experiments.near, experiments.raised, experiments.run, experiments.with

local function ngram(n, acceptance)
  return { method = "ngram", num_speculative_tokens = n, acceptance = acceptance }
end

-- One request at a time of 100 + output tokens, every step 1 ms.
local function alone(config, output, more)
  local t = rows.constant("1 ms", {
    model = "llama-3.1-8b",
    workload = workload.batch { count = 1, prompt = 100, output = output },
    engine = { version = "0.11", max_model_len = 8192, speculative_config = config },
  })
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

local function steps(config, output)
  return run(alone(config, output)).simulation.steps
end

describe("speculative decoding", function()
  it("gives all drafts and one token a step where all hold, one where none do", function()
    assert.equal(1 + 400 // 4, steps(ngram(3, 1), 401))
    assert.equal(1 + 400, steps(ngram(3, 0), 401))
    assert.equal(1 + 400, run(alone(nil, 401)).simulation.steps)
    assert.equal(1 + 134, steps(ngram(2, { 1, 1 }), 401))  -- 400 = 133 x 3 + 1
    assert.equal(1 + 200, steps(ngram(2, { 1, 0 }), 401))
  end)

  -- 1 + .8 + .8 x .6 + .8 x .6 x .4 = 2.472 tokens a step.
  it("gives one token and the products of acceptance in the mean", function()
    local t = alone(ngram(3, { 0.8, 0.6, 0.4 }), 4001)
    t.workload = workload.batch { count = 8, prompt = 100, output = 4001 }
    local s = run(t)
    local d = s.spec_decode
    near(2.472, d.mean_acceptance_length, 0.01)
    near(4000 / 2.472 + 1, s.simulation.steps, 0.03)         -- the last of eight
    near(0.8, d.per_position_acceptance_rate[1], 0.01)
    near(0.48, d.per_position_acceptance_rate[2], 0.02)
    near(0.192, d.per_position_acceptance_rate[3], 0.04)
    assert.equal(3 * d.num_drafts, d.num_draft_tokens)
    local sum = 0
    for _, n in ipairs(d.num_accepted_tokens_per_pos) do sum = sum + n end
    assert.equal(d.num_accepted_tokens, sum)
    -- Each step gives its drafts that held and one token; only the last of a request may give less.
    local tokens = d.num_drafts + d.num_accepted_tokens
    assert.is_true(tokens >= 8 * 4000 and tokens <= 8 * 4003)
    near(1 / 2.472, s.latency.time_per_output_token_ms.mean, 0.01)
    near(1, s.latency.inter_token_latency_ms.mean, 1e-9)     -- what comes together comes once
  end)

  it("takes acceptance as a length, or as vLLM logs it by position", function()
    local function length(config)
      local t = alone(config, 4001)
      return run(t).spec_decode.mean_acceptance_length
    end
    near(2.5, length { method = "ngram", num_speculative_tokens = 4, acceptance_length = 2.5 }, 0.02)
    near(1 + 0.7 + 0.35, length { method = "ngram", num_speculative_tokens = 2,
      acceptance_per_position = { 0.7, 0.35 } }, 0.02)
    assert.equal(5, length { method = "ngram", num_speculative_tokens = 4, acceptance_length = 5 })
    assert.equal(1, length { method = "ngram", num_speculative_tokens = 4, acceptance_length = 1 })
  end)

  it("draws by seed, request and place, whatever else happens", function()
    local t = alone(ngram(3, 0.7), 300)
    t.workload = workload.poisson { rate = 5, count = 30, prompt = 100, output = 300 }
    local first = run(t).spec_decode
    local busy = run(with(t, { workload = workload.poisson { rate = 50, count = 30, prompt = 100, output = 300 } }))
    assert.equal(first.num_accepted_tokens, busy.spec_decode.num_accepted_tokens)
    local short = with(t, {})
    short.engine = with(t.engine, { num_gpu_blocks_override = 60, max_model_len = 512 })
    short.workload = workload.batch { count = 30, prompt = 100, output = 300 }
    local preempting = run(short)
    assert.is_true(preempting.preemptions.count > 10)
    assert.equal(30, preempting.requests.successful)
    assert.are_not.equal(first.num_accepted_tokens, run(with(t, { seed = 1 })).spec_decode.num_accepted_tokens)
  end)

  it("schedules no drafts beyond the budget or the longest length", function()
    local t = alone(ngram(7, 1), 101)
    t.engine.max_num_batched_tokens, t.engine.max_num_seqs = 4, 4
    assert.equal(25 + 25, run(t).simulation.steps)           -- 100 / 4 of the prompt, then 4 tokens each
    t = alone(ngram(7, 1), 101)
    t.engine.max_model_len = 201
    -- A step computes no position after the last but one: 12 x 8 tokens, then 4.
    assert.equal(1 + 13, run(t).simulation.steps)
    assert.equal(12 * 7 + 3, run(t).spec_decode.num_draft_tokens)
  end)

  it("comes with steps in flight too, one of which may be for nothing", function()
    local t = alone({ method = "eagle", num_speculative_tokens = 3, acceptance = 1 }, 401)
    t.engine.version = "0.33"
    local s = run(t)
    assert.equal(400, s.spec_decode.num_accepted_tokens + s.spec_decode.num_drafts)
    assert.equal(102, s.simulation.steps)                    -- one more: that it would end was not known
    near(101, s.latency.end_to_end_latency_ms.mean, 1e-9)
  end)
end)

describe("the price of a step that verifies", function()
  -- Llama-3.1-8B on an H100: 32 layers, 32 heads of 128, 8 of KV, bf16; bandwidth x 0.8, FLOP/s x 0.5.
  local function parts(shape)
    local plan = experiments.plan(with(alone(nil, 2), { cost = "roofline" }))
    local spec = plan.spec
    return core.cost.step { model = spec.model, hardware = spec.hardware, layout = spec.layout, cost = spec.cost,
                            shape = shape }, spec.hardware
  end

  it("reads a sequence's context once, and computes with every query", function()
    local t, h = parts { verified = { { past = 1000, drafts = 3 } } }
    local kv, values = 2 * 32 * 8 * 128 * 2, 32 * 2 * 32 * 128 * 2
    near((1004 * kv + 4 * values) / (0.8 * h.bandwidth), t.attention, 1e-12)
    local one = parts { decode_seqs = 1, decode_context = 1001, sampled = 1 }
    assert.is_true(t.attention / one.attention < 1.02)
    -- Queries i = 1 .. 4 meet 1000 + i keys: 4,010 pairs of 4 x heads x size FLOP and layer.
    local flops = 4 * 2 * (6979584000 + 525336576) + 4010 * 4 * 32 * 128 * 32
    near(flops, t.flops, 1e-3)
  end)

  it("is that of a plain step without drafts", function()
    local plain = parts { decode_seqs = 2, decode_context = 1001 + 51, sampled = 2 }
    assert.same(plain, (parts { verified = { { past = 1000, drafts = 0 }, { past = 50, drafts = 0 } } }))
  end)
end)

describe("the drafter", function()
  local function served(config, more)
    return { model = "llama-3.1-70b", hardware = "h100-sxm", cost = "roofline",
             engine = with({ tensor_parallel_size = 4, max_model_len = 16384, version = "0.11",
                             speculative_config = config }, more or {}),
             workload = workload.batch { count = 1, prompt = 1000, output = 200 } }
  end
  local DRAFT = { method = "draft_model", model = "llama-3.2-1b", num_speculative_tokens = 4, acceptance = 0.7 }

  it("takes its weights and its KV off the cache", function()
    local plain, drafting = experiments.plan(served(nil)), experiments.plan(served(DRAFT))
    -- Llama-3.2-1B at tp 4: 1,235,814,400 parameters, norms whole on each rank; KV 16 layers x 8 heads x 64.
    local norms = (16 * 2 + 1) * 2048
    local weights = ((1235814400 - norms) / 4 + norms) * 2
    near(weights, drafting.deployment.memory.weight_bytes - plain.deployment.memory.weight_bytes, 1e-9)
    local kv = plain.deployment.memory.kv_bytes_per_token
    local drafts = 2 * 16 * 8 * 64 * 2 / 4
    assert.equal(kv + drafts, drafting.deployment.memory.kv_bytes_per_token)
    local room = plain.deployment.num_gpu_blocks * 16 * kv - weights
    near(room / (16 * (kv + drafts)), drafting.deployment.num_gpu_blocks, 1e-4)
  end)

  it("computes once for each draft after every step", function()
    local function tpot(n)
      return run(served { method = "draft_model", model = "llama-3.2-1b", num_speculative_tokens = n, acceptance = 0 })
        .latency.time_per_output_token_ms.mean
    end
    local one, three, five = tpot(1), tpot(3), tpot(5)
    near(five - three, three - one, 0.02)
    -- 309 M parameters a rank at 0.8 x 3.35 TB/s, read twice more: 0.46 ms; all-reduces beside.
    assert.is_true(three - one > 0.46 and three - one < 1.5)
  end)

  it("of a search of the text takes what is told", function()
    local t = served { method = "ngram", num_speculative_tokens = 2, acceptance = 0 }
    local plain = run(t).latency.time_per_output_token_ms.mean
    t.engine.speculative_config.overhead = "1 ms"
    near(plain + 1, run(t).latency.time_per_output_token_ms.mean, 1e-6)
  end)

  it("is a layer more of a model that predicts further tokens", function()
    local t = { model = "deepseek-v3", hardware = "h200", cost = "roofline",
                engine = { tensor_parallel_size = 8, max_model_len = 8192 },
                workload = workload.batch { count = 1, prompt = 100, output = 50 } }
    local plain = experiments.plan(t).deployment.memory
    t.engine.speculative_config = { method = "mtp", num_speculative_tokens = 1, acceptance = 0.85 }
    local memory = experiments.plan(t).deployment.memory
    near(plain.kv_bytes_per_token * 62 / 61, memory.kv_bytes_per_token, 1e-12)
    -- 11.5 B parameters beside what is shared (DeepSeek-V3's README: 14 B of MTP with 0.9 B of embedding and as much of
    -- LM head), in fp8 over eight; the joining matrix whole in bf16.
    local layer = memory.weight_bytes - plain.weight_bytes
    assert.is_true(layer > 11.2e9 / 8 and layer < 12.5e9 / 8 + 2 * 7168 * 7168 * 2, layer)
    assert.is_true(run(t).spec_decode.mean_acceptance_length > 1.7)
  end)
end)

describe("KV blocks of drafts", function()
  -- 32 tokens are two blocks of 16; with four drafts, and as many that an EAGLE head writes ahead, three. One is the
  -- null block.
  it("are held ahead for heads and draft models", function()
    local t = alone(ngram(4, 0.5), 16)
    t.workload = workload.batch { count = 1, prompt = 16, output = 16 }
    t.engine.num_gpu_blocks_override, t.engine.max_model_len = 3, 32        -- one of them is the null block
    assert.equal(1, run(t).requests.successful)
    t.engine.max_model_len = 64
    assert.equal(1, run(t).requests.rejected)
    t.engine.num_gpu_blocks_override = 4
    assert.equal(1, run(t).requests.successful)
  end)

  it("lose the last block of a prefix where a head reads it", function()
    local t = alone(nil, 10)
    t.workload = workload.constant { rate = 1, count = 2, prompt = 168, output = 10, prompt_pool = 1 }
    assert.equal(160, rows.of(t)[2].cached_prefix_length)
    t.engine.speculative_config = { method = "eagle", num_speculative_tokens = 2, acceptance = 0.5 }
    assert.equal(144, rows.of(t)[2].cached_prefix_length)
    t.engine.speculative_config = ngram(2, 0.5)
    assert.equal(160, rows.of(t)[2].cached_prefix_length)
  end)
end)

describe("speculative_config", function()
  local function why(config, more)
    return raised(alone(config, 10, more))
  end

  it("is refused in a line that says what is expected", function()
    local three = { method = "ngram", num_speculative_tokens = 3 }
    local function c(changes) return why(with(with(three, { acceptance = 0.5 }), changes)) end
    assert.matches("acceptance: missing; how often drafts hold is told, never inferred", why(three))
    assert.matches("acceptance: 1.5: a number from 0 to 1 expected", c { acceptance = 1.5 })
    assert.matches("acceptance%[2%]: %-0.1: a number from 0 to 1", c { acceptance = { 0.5, -0.1, 0 } })
    assert.matches("acceptance: 2 are given for num_speculative_tokens = 3", c { acceptance = { 0.5, 0.1 } })
    assert.matches("acceptance_length: acceptance is given too", c { acceptance_length = 2 })
    assert.matches("acceptance_length: 4.5: a step gives at most 4 tokens",
      c { acceptance = experiments.NONE, acceptance_length = 4.5 })
    assert.matches("acceptance_per_position%[2%]: 0.6: at most that of the position before",
      c { acceptance = experiments.NONE, acceptance_per_position = { 0.5, 0.6, 0.1 } })
    assert.matches("num_speculative_tokens: 0: a whole number from 1 to 64", c { num_speculative_tokens = 0 })
    assert.matches("num_speculative_tokens: 1000: a whole number from 1 to 64", c { num_speculative_tokens = 1000 })
    assert.matches('method: "eagel": unknown; did you mean "eagle"%?', c { method = "eagel" })
    assert.matches("method: mtp: model_type llama has no layers that predict", c { method = "mtp" })
    assert.matches("model: missing; that of the drafts", c { method = "draft_model" })
    assert.matches("model: .*llama%-9", c { method = "draft_model", model = "llama-9" })
    assert.matches("vocabulary of 151,936 tokens is not the model's of 128,256",
      c { method = "draft_model", model = "qwen3-0.6b" })
    assert.matches("model: no effect with method", c { model = "llama-3.2-1b" })
    assert.matches("hidden_size 2048, .* its 4096 expected", c { method = "eagle", model = "llama-3.2-1b" })
    assert.matches("draft_tensor_parallel_size: 2: 1, or tensor_parallel_size %(1%)",
      c { method = "eagle", draft_tensor_parallel_size = 2 })
    assert.matches("speculative_config.num_spec_tokens: unknown key", c { num_spec_tokens = 3 })
  end)

  it("knows vLLM's other names of a method", function()
    local t = alone({ method = "deepseek_mtp", num_speculative_tokens = 1, acceptance = 0.8 }, 10)
    assert.matches("method: mtp:", raised(t))
    t.engine.speculative_config.method = "[ngram]"
    assert.matches("method", raised(t))
  end)

  it("goes with V1 alone, and steps in flight as the version has them", function()
    local t = alone(ngram(3, 0.5), 10)
    t.engine.use_v1 = false
    assert.matches("speculative_config: of V1 alone", raised(t))
    t.engine.use_v1, t.engine.async_scheduling, t.engine.version = nil, true, "0.33"
    assert.matches('async_scheduling: not with speculative_config.method = "ngram"', raised(t))
  end)
end)
