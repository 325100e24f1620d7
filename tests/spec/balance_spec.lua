--- The mean step for which pipeline stages are balanced, by hand.
local balance = require "oracle.plan.balance"

local function step(w, role, e)
  local engine = { max_num_seqs = 64, pipeline_parallel_size = 4, max_num_batched_tokens = 8192 }
  for k, v in pairs(e or {}) do engine[k] = v end
  return balance.step(engine, w, role or "all")
end

-- Mean lengths as a step shows them: a thousand sequences decode, and a prompt's pairs are of its length.
local function lengths(w)
  local both, prompts = step(w, "decode", { max_num_seqs = 4000 }), step(w, "prefill")
  if not both then return nil end
  local prompt = 2 * prompts.prefill_pairs / prompts.prefill_tokens - 1
  return prompt, 2 * (both.decode_context / both.decode_seqs - prompt)
end

describe("the mean step of a full pipeline", function()
  it("has as many sequences as a batch of it, and the prompts that keep their number", function()
    assert.same({ decode_seqs = 16, decode_context = 1680, prefill_tokens = 160, prefill_seqs = 2, prefill_pairs = 8080,
                  sampled = 18 }, step { prompt = 100, output = 10 })
    assert.same({ decode_seqs = 16, decode_context = 240, prefill_tokens = 16, prefill_seqs = 2, prefill_pairs = 88,
                  sampled = 18 }, step { prompt = 10, output = 10 })
  end)

  it("has fewer where its tokens are bounded, or the requests in flight", function()
    assert.same({ decode_seqs = 8, decode_context = 840, prefill_tokens = 80, prefill_seqs = 1, prefill_pairs = 4040,
                  sampled = 9 }, step({ prompt = 100, output = 10 }, "all", { max_num_batched_tokens = 88 }))
    assert.same({ decode_seqs = 2, decode_context = 210, prefill_tokens = 20, prefill_seqs = 1, prefill_pairs = 1010,
                  sampled = 2 }, step { prompt = 100, output = 10, concurrency = 8 })
  end)

  it("only decodes or only computes prompts in a pool that does", function()
    assert.same({ decode_seqs = 16, decode_context = 1680, prefill_tokens = 0, prefill_seqs = 0, prefill_pairs = 0,
                  sampled = 16 }, step({ prompt = 100, output = 10 }, "decode"))
    assert.same({ decode_seqs = 0, decode_context = 0, prefill_tokens = 8192, prefill_seqs = 82,
                  prefill_pairs = 8192 * 101 / 2, sampled = 82 }, step({ prompt = 100, output = 10 }, "prefill"))
  end)

  it("is never empty", function()
    assert.same({ decode_seqs = 1, decode_context = 105, prefill_tokens = 0, prefill_seqs = 0, prefill_pairs = 0,
                  sampled = 1 }, step({ prompt = 100, output = 10, concurrency = 1 }, "decode"))
  end)

  it("knows the means of distributions, within their bounds", function()
    for _, case in ipairs {
      { { kind = "constant", a = 128 }, 128 }, { { kind = "uniform", a = 100, b = 300 }, 200 },
      { { kind = "normal", a = 64, b = 9 }, 64 }, { { kind = "exponential", a = 256 }, 256 },
      { { kind = "lognormal", a = math.log(32), b = math.sqrt(2 * math.log(4)) }, 128 },
      { { kind = "gamma", a = 4, b = 32 }, 128 }, { { kind = "geometric", a = 1 / 64 }, 64 },
      { { kind = "normal", a = 64, b = 9, min = 128 }, 128 }, { { kind = "normal", a = 64, b = 9, max = 32 }, 32 },
      { { kind = "normal", a = -3, b = 9 }, 1 }, { 0.25, 1 },
    } do
      local prompt = lengths { prompt = case[1], output = 8 }
      assert.near(case[2], prompt, 1e-9)
      local _, output = lengths { prompt = 128, output = case[1] }
      assert.near(case[2], output, 2e-3) -- the context is whole
    end
  end)

  it("weighs parts of a mix by their rates, and knows nothing where one says too little", function()
    local a, b = { rate = 1, prompt = 100, output = 10 }, { rate = 3, prompt = 200, output = 30 }
    local prompt, output = lengths { profiles = { a, b } }
    assert.near(175, prompt, 1e-9)
    assert.near(25, output, 2e-3)
    a.rate, b.rate = 0.25, 0.75
    assert.near(175, (lengths { profiles = { a, b } }), 1e-9)
    for _, w in ipairs {
      { profiles = { a, { prompt = 5, output = 5 } } }, { profiles = { a, { rate = 1, prompt = 5 } } },
      { profiles = { { rate = 0, prompt = 5, output = 5 } } }, { prompt = 5 }, { output = 5 },
      { prompt = { kind = "empirical" }, output = 5 }, { prompt = 5, output = 5, conversation = {} },
      { prompt = 5, output = 5, prefix = {} }, { prompt = 5, output = 5, prompt_pool = 3 },
      { prompt = 5, output = 5, lengths = {} },
    } do
      assert.is_nil(step(w))
    end
  end)
end)
