-- The numbers that vLLM's own planner gives (get_kv_cache_groups and get_max_concurrency_for_kv_cache_config of the
-- wheels of 0.11.0 and 0.33.0, run for these shapes in bf16 with blocks of 16 and a budget of 8,192 tokens).
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local huggingface = require "oracle.models.huggingface"
local kv_groups = require "oracle.plan.kv_groups"

local GiB = 2 ^ 30

local function plan(model, settings)
  local m = type(model) == "table" and model or catalog.model(model)
  local memory = core.cost.memory { model = m, max_num_batched_tokens = 8192, max_num_seqs = 256,
                                    layout = { activations = "bf16", kv = "bf16" } }
  local s = { block_size = 16, in_flight = 8192, newest = true, prefix_caching = true,
              window = m.num_windowed_layers > 0 and m.sliding_window or nil }
  for k, v in pairs(settings or {}) do s[k] = v end
  return assert(kv_groups.of(memory.stages[1].kinds, s))
end

-- { layers, ... } of the groups of a kind.
local function layers(p, kind)
  local list = {}
  for _, g in ipairs(p.groups) do
    if g.kind == kind then list[#list + 1] = g.layers end
  end
  return list
end

-- Concurrency with one batch in flight and with two, as it is printed.
local function concurrency(model, gib, longest)
  local list = {}
  for i = 1, 2 do
    local p = plan(model, { in_flight = 8192 * i })
    list[i] = ("%.2f"):format(p:concurrency(p:blocks(gib * GiB), longest))
  end
  return list
end

describe("groups of KV layers", function()
  it("of gpt-oss are two of 18", function()
    local p = plan "gpt-oss-120b"
    assert.same({ { 18 }, { 18 } }, { layers(p, "windowed"), layers(p, "full") })
    assert.equal(36408, p:blocks(20 * GiB))
    assert.equal(521 + 8192, p:request_blocks(131072))
    assert.same({ "4.18", "3.95" }, concurrency("gpt-oss-120b", 20, 131072))
    assert.same({ "6.27", "5.92" }, concurrency("gpt-oss-20b", 20, 131072))
    assert.equal(54613, plan("gpt-oss-20b"):blocks(20 * GiB))
  end)

  it("need what vLLM says one request needs", function()
    local p = plan "gpt-oss-120b"                        -- "4.79 GiB ... 4.06 GiB hold 109,776 tokens"
    assert.equal("4.79", ("%.2f"):format(p:request_bytes(131072) / GiB))
    assert.is_true(math.abs(p:longest(4.06 * GiB, 131072) - 109776) <= 0.005 * 109776)
  end)

  it("of Gemma-3 are as large as its full layers are many", function()
    local m = huggingface.read({ model_type = "gemma3_text", num_hidden_layers = 48, hidden_size = 3840,
      intermediate_size = 15360, num_attention_heads = 16, num_key_value_heads = 8, head_dim = 256,
      sliding_window = 1024, vocab_size = 262208, max_position_embeddings = 131072 }, "gemma-3-12b")
    assert.same({ { 8, 8, 8, 8, 8 }, { 8 } }, { layers(plan(m), "windowed"), layers(plan(m), "full") })
    assert.equal(61440, plan(m):blocks(60 * GiB))
    assert.same({ "5.55", "4.51" }, concurrency(m, 60, 131072))
    local p = plan "gemma-3-27b"
    assert.same({ { 9, 9, 9, 9, 8, 8 }, { 10 } }, { layers(p, "windowed"), layers(p, "full") })
    assert.equal(49152, p:blocks(60 * GiB))
    assert.same({ "4.22", "3.34" }, concurrency("gemma-3-27b", 60, 131072))
  end)

  it("of one kind are one", function()
    local p = plan "llama-3.1-8b"
    assert.equal(10240, p:blocks(20 * GiB))
    assert.same({ "1.25", "1.25" }, concurrency("llama-3.1-8b", 20, 131072))
    p = plan "mistral-7b-v0.1"                           -- windows of 4,096 in all layers
    assert.equal(769, p:request_blocks(32768))
    assert.same({ "13.32", "7.99" }, concurrency("mistral-7b-v0.1", 20, 32768))
  end)

  it("of linear attention have pages that hold a state", function()
    local m = huggingface.read({ model_type = "qwen3_next", num_hidden_layers = 48, hidden_size = 2048,
      num_attention_heads = 16, num_key_value_heads = 2, head_dim = 256, intermediate_size = 5120,
      num_experts = 512, num_experts_per_tok = 10, moe_intermediate_size = 512, shared_expert_intermediate_size = 512,
      full_attention_interval = 4, linear_conv_kernel_dim = 4, linear_key_head_dim = 128, linear_num_key_heads = 16,
      linear_num_value_heads = 32, linear_value_head_dim = 128, vocab_size = 151936,
      max_position_embeddings = 262144 }, "qwen3-next")
    local p = plan(m)
    assert.same({ { 12, 12, 12 }, { 12 } }, { layers(p, "state"), layers(p, "full") })
    assert.equal(1056, p.groups[1].block)
    assert.equal(827, p:blocks(20 * GiB))
    assert.equal("3.24", ("%.2f"):format(p:concurrency(p:blocks(20 * GiB), 262144)))
    p = plan(m, { prefix_caching = false })
    assert.equal("3.28", ("%.2f"):format(p:concurrency(p:blocks(20 * GiB), 262144)))
  end)

  it("are of the fewest layers before 0.33, of the most after where they are about as many", function()
    local kinds = { windowed = { layers = 12, bytes = 2048 }, full = { layers = 13, bytes = 2048 } }
    local s = { block_size = 16, in_flight = 8192, window = 128 }
    local old = kv_groups.of(kinds, s)
    assert.same({ { 12 }, { 7, 6 } }, { layers(old, "windowed"), layers(old, "full") })
    s.newest = true
    local new = kv_groups.of(kinds, s)
    assert.same({ { 12 }, { 13 } }, { layers(new, "windowed"), layers(new, "full") })
    assert.equal(13 * 16 * 2048, new.block_bytes)         -- the twelve are padded
  end)

  it("of unlike sizes take more tokens to a page, or are refused", function()
    local kinds = { windowed = { layers = 25, bytes = 8192 }, full = { layers = 5, bytes = 4096 } }
    local s = { block_size = 16, in_flight = 8192, window = 1024 }
    local p = kv_groups.of(kinds, s)
    assert.equal(32, p.groups[#p.groups].block)
    kinds.full.bytes = 3000
    local none, why = kv_groups.of(kinds, s)
    assert.is_nil(none)
    assert.matches("pages of 48000 B %(full layers%) and of 131072 B cannot be unified", why)
    s.newest = true                                       -- windowed layers keep all
    assert.equal(1, #kv_groups.of(kinds, s).groups)
  end)

  it("hold a longest request that just fits", function()
    local p = plan "gemma-3-27b"
    local bytes = 10 * GiB
    local n = p:longest(bytes, 131072)
    assert.is_true(p:request_bytes(n) <= bytes and p:request_bytes(n + 1) > bytes)
    assert.equal(0, p:longest(1, 131072))
  end)
end)

describe("separate pools", function()
  it("share the memory by their ratios", function()
    local kinds = { windowed = { layers = 10, bytes = 100 }, full = { layers = 10, bytes = 100 } }
    assert.equal(1000, kv_groups.pools(kinds, 1800000, { window = 0.8, state = 0.9 }))
    kinds.state = { layers = 4, bytes = 5 }
    assert.equal(1000, kv_groups.pools(kinds, 1800000 * 1.9, { window = 0.8, state = 0.9 }))
  end)
end)
