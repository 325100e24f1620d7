-- What a sequence keeps at 1k, 32k and 128k tokens, for every kind of layer, against formulas done by hand.
local huggingface = require "oracle.models.huggingface"
local kept = require "oracle.models.kept"

local CONTEXTS = { 1024, 32768, 131072 }

local configs = {}
for _, e in ipairs(require "published") do configs[e.id] = e.config end

-- { a published model, function(tokens) -> bytes of the whole sequence in bf16 }; K and V are 2 * heads * size values
-- of 2 bytes a token and layer.
local HAND = {
  full = { "meta-llama/Meta-Llama-3-8B", function(n) return 32 * 2 * 8 * 128 * 2 * n end },
  ["full, of as many heads"] = { "meta-llama/Llama-2-7b-hf", function(n) return 32 * 2 * 32 * 128 * 2 * n end },
  ["full, of one head"] = { "bigcode/starcoder", function(n) return 40 * 2 * 1 * 128 * 2 * n end },
  ["in some layers only, cross attention keeps nothing of the text"] = { "meta-llama/Llama-3.2-11B-Vision-Instruct",
    function(n) return 32 * 2 * 8 * 128 * 2 * n end },
  latent = { "deepseek-ai/DeepSeek-V3", function(n) return 61 * (512 + 64) * 2 * n end },
  ["latent, twice a layer"] = { "meituan-longcat/LongCat-Flash-Chat", function(n) return 56 * (512 + 64) * 2 * n end },
  ["a window of 128"] = { "openai/gpt-oss-120b", function(n)
    return 18 * 2 * 8 * 64 * 2 * (n + math.min(n, 128))
  end },
  ["a window of 1024"] = { "google/gemma-3-27b-it", function(n)
    return 2 * 16 * 128 * 2 * (10 * n + 52 * math.min(n, 1024))
  end },
  ["a window, and other heads without"] = { "google/gemma-4-31B-it", function(n)
    return 10 * 2 * 4 * 512 * 2 * n + 50 * 2 * 16 * 256 * 2 * math.min(n, 1024)
  end },
  ["keys and values of unlike size"] = { "XiaomiMiMo/MiMo-V2.5-Pro", function(n)
    return (192 + 128) * 8 * 2 * (10 * n + 60 * math.min(n, 128))
  end },
  ["chunks of 8192"] = { "meta-llama/Llama-4-Scout-17B-16E", function(n)
    return 2 * 8 * 128 * 2 * (12 * n + 36 * math.min(n, 8192))
  end },
  ["sparse, with a key of 128 in 8 bits and its scale"] = { "deepseek-ai/DeepSeek-V3.2", function(n)
    return 61 * ((512 + 64) * 2 + 128 + 4) * n
  end },
  ["sparse in blocks, with a key of 128 in 16 bits"] = { "MiniMaxAI/MiniMax-M3", function(n)
    return 60 * 2 * 4 * 128 * 2 * n + 57 * 128 * 2 * n
  end },
  -- 448 values of 8 bits with 7 scales and a filler, 64 of 16: 584 B; those of 4 tokens with an indexer's key.
  ["compressed"] = { "deepseek-ai/DeepSeek-V4-Flash", function(n)
    return 21 * (584 + 132) / 4 * n + 22 * 584 / 128 * n + 43 * 584 * math.min(n, 128)
  end },
  ["shared with a layer before"] = { "google/gemma-3n-E2B-it", function(n)   -- the last 10 of 30, 2 of them full
    return 2 * 2 * 256 * 2 * (4 * n + 16 * math.min(n, 512))
  end },
  ["of each layer's own heads"] = { "apple/OpenELM-270M", function(n)
    return (3 * 5 + 4 * 7 + 5 * 4) * 2 * 64 * 2 * n
  end },
  -- States: a gated delta net's 32 x 128 x 128 in 32 bits, its convolution's 3 values of 2 x 2048 + 4096 channels.
  ["a gated delta net"] = { "Qwen/Qwen3-Next-80B-A3B-Instruct", function(n)
    return 12 * 2 * 2 * 256 * 2 * n + 36 * (4 * 32 * 128 * 128 + 2 * 3 * 8192)
  end },
  ["Mamba-2"] = { "nvidia/Nemotron-H-8B-Base-8K", function(n)
    return 4 * 2 * 8 * 128 * 2 * n + 24 * (4 * 128 * 64 * 128 + 2 * 3 * (8192 + 2 * 8 * 128))
  end },
  ["Mamba-2 beside attention"] = { "tiiuae/Falcon-H1-7B-Instruct", function(n)
    return 44 * (2 * 2 * 128 * 2 * n + 2 * 3072 * 256 + 2 * 3 * (3072 + 2 * 1 * 256))
  end },
  ["Mamba"] = { "ai21labs/Jamba-v0.1", function(n)
    return 4 * 2 * 8 * 128 * 2 * n + 28 * (2 * 8192 * 16 + 2 * 3 * 8192)
  end },
  ["lightning attention"] = { "MiniMaxAI/MiniMax-Text-01", function(n)
    return 10 * 2 * 8 * 128 * 2 * n + 70 * 4 * 64 * 128 * 128
  end },
  ["Kimi delta attention"] = { "moonshotai/Kimi-Linear-48B-A3B-Instruct", function(n)
    return 7 * (512 + 64) * 2 * n + 20 * (4 * 32 * 128 * 128 + 2 * 3 * 3 * 4096)
  end },
  ["a short convolution"] = { "LiquidAI/LFM2-1.2B", function(n)
    return 6 * 2 * 8 * 64 * 2 * n + 10 * 2 * 2 * 2048
  end },
}

describe("a sequence", function()
  for name, case in pairs(HAND) do
    it("keeps as much as by hand: " .. name, function()
      local config = assert(configs[case[1]], case[1])
      local m = huggingface.read(config, case[1])
      for _, tokens in ipairs(CONTEXTS) do
        local by_hand = case[2](tokens)
        local got = kept.bytes(m, { activations = "bf16", kv = "bf16" }, tokens)
        assert.is_true(math.abs(got / by_hand - 1) < 1e-9,
          ("%s at %d: %.0f, by hand %.0f"):format(case[1], tokens, got, by_hand))
      end
    end)
  end
end)
