-- FLOPs and bytes of attention and states, for every kind of layer, against formulas done by hand.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local huggingface = require "oracle.models.huggingface"

local configs = {}
for _, e in ipairs(require "published") do configs[e.id] = e.config end

local LAYOUT = { activations = "bf16", weights = "bf16", kv = "bf16" }

local function read(id) return huggingface.read(assert(configs[id], id), id) end

local function ops(m)
  local of = {}
  for _, op in ipairs(core.cost.ops { model = m, layout = LAYOUT }) do of[op.name] = op end
  return of
end

-- What a token of context costs one that is decoded: { FLOPs, bytes } of layers that see all, and of those that see a
-- window or what an indexer chooses. Scores and the sum of values: 2 FLOPs each for a value of each head.
local HAND = {
  ["meta-llama/Meta-Llama-3-8B"] = { { 32 * 4 * 32 * 128, 32 * 2 * 8 * 128 * 2 } },
  ["openai/gpt-oss-20b"] = { { 12 * 4 * 64 * 64, 12 * 2 * 8 * 64 * 2 }, { 12 * 4 * 64 * 64, 12 * 2 * 8 * 64 * 2 } },
  -- All heads meet the latent (512) and its positions (64), and sum latents.
  ["deepseek-ai/DeepSeek-V3"] = { { 61 * 2 * 128 * (576 + 512), 61 * 576 * 2 } },
  -- 64 heads of the indexer meet every token's key of 128.
  ["deepseek-ai/DeepSeek-V3.2"] = { { 61 * 2 * 64 * 128, 61 * 132 }, { 61 * 2 * 128 * (576 + 512), 61 * 576 * 2 } },
  ["MiniMaxAI/MiniMax-M3"] = { { 57 * 2 * 4 * 128 + 3 * 4 * 64 * 128, 57 * 256 + 3 * 2 * 4 * 128 * 2 },
                               { 57 * 4 * 64 * 128, 57 * 2 * 4 * 128 * 2 } },
  -- One entry for 4 tokens, which the indexer sees all of, or for 128.
  ["deepseek-ai/DeepSeek-V4-Flash"] = {
    { 21 * 2 * 64 * 128 / 4 + 22 * 4 * 64 * 512 / 128, 21 * 132 / 4 + 22 * 584 / 128 },
    { 21 * 4 * 64 * 512 / 4, 21 * 584 / 4 } },
  -- Every layer reads, the last 10 what another one keeps.
  ["google/gemma-3n-E2B-it"] = { { 6 * 4 * 8 * 256, 6 * 2 * 2 * 256 * 2 }, { 24 * 4 * 8 * 256, 24 * 2 * 2 * 256 * 2 } },
  ["XiaomiMiMo/MiMo-V2.5-Pro"] = { { 10 * 2 * 128 * (192 + 128), 10 * 8 * (192 + 128) * 2 },
                                   { 60 * 2 * 128 * (192 + 128), 60 * 8 * (192 + 128) * 2 } },
}

-- Values of the recurrence in all layers; each decays, takes an outer product and is read.
local VALUES = {
  ["Qwen/Qwen3-Next-80B-A3B-Instruct"] = 36 * 32 * 128 * 128, ["nvidia/Nemotron-H-8B-Base-8K"] = 24 * 128 * 64 * 128,
  ["ai21labs/Jamba-v0.1"] = 28 * 8192 * 16, ["MiniMaxAI/MiniMax-Text-01"] = 70 * 64 * 128 * 128,
  ["moonshotai/Kimi-Linear-48B-A3B-Instruct"] = 20 * 32 * 128 * 128, ["LiquidAI/LFM2-1.2B"] = 0,
  ["tiiuae/Falcon-H1-7B-Instruct"] = 44 * 3072 * 256,
}

describe("work", function()
  it("of a token of context is as by hand", function()
    for id, hand in pairs(HAND) do
      local of = ops(read(id))
      for i, name in ipairs { "attention, decode", "attention in window, decode" } do
        assert.same(hand[i], of[name] and { of[name].flops, of[name].bytes }, id .. ": " .. name)
      end
    end
  end)

  it("of a state is as by hand", function()
    for id, values in pairs(VALUES) do
      local m = read(id)
      local matrices = 0
      for _, op in pairs(ops(m)) do
        if op.per == "token" then matrices = matrices + op.flops end
      end
      local step = core.cost.step { model = m, hardware = catalog.hardware "h200", layout = LAYOUT,
                                    shape = { decode_seqs = 1, decode_context = 0, decode_window = 0, sampled = 0 } }
      assert.is_true(math.abs(step.flops - matrices - 6 * values) < 1, id)
    end
  end)

  it("of experts is that of those that do something", function()
    local of = ops(read "meituan-longcat/LongCat-Flash-Chat")  -- 12 of 512 and of 256 that do nothing: 8 on average
    assert.equal(28 * 8 * 2 * 3 * 6144 * 2048, of.experts.flops)
    assert.equal(28 * 2 * 2 * 3 * 6144 * 12288, of["shared experts"].flops + of["mlp up"].flops + of["mlp down"].flops)
  end)
end)
