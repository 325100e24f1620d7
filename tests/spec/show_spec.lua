--- What `oracle show` says of models, from their configurations and by hand.
local show = require "oracle.models.show"

-- The rows of a model's tables by their first column: { "8.03026 billion" }, { "805.306  16  1.50" }.
local function rows(name)
  local found = {}
  for line in show.model(name):gmatch "[^\n]+" do
    local key, rest = line:match "^(%S.-)  +(%S.*)$"
    if key then
      found[key] = found[key] or {}
      table.insert(found[key], (rest:gsub("%s%s+", "  ")))
    end
  end
  return found
end

describe("a model that is shown", function()
  it("has the shape that its configuration says", function()
    local mixtral, deepseek, llama = rows "mixtral-8x7b", rows "deepseek-v3", rows "llama-3.1-8b"
    assert.equal("8, 2 per token, inner 14336", mixtral.experts[1])
    assert.equal("256, 8 per token, inner 2048, shared 2048", deepseek.experts[1])
    assert.is_nil(llama.experts)
    assert.same({ "128 heads, latent of rank 512" }, deepseek.attention)
    assert.same({ "32 heads of 128, 8 KV heads" }, llama.attention)
    assert.same({ "61 latent" }, deepseek["kinds of layers"])
    assert.same({ "8.03026 billion" }, llama.parameters)
    assert.same({ "bf16, 128 KiB" }, llama["KV cache per token"]) -- 2 x 32 layers x 8 heads x 128 x 2 B
  end)

  it("has the parameters of each part, in millions, and their weights in GiB", function()
    local llama, deepseek = rows "llama-3.1-8b", rows "deepseek-v3"
    assert.same({ "805.306  16  1.50" }, llama["attention, in"]) -- 32 x 4096 x (32 + 2 x 8) x 128
    assert.same({ "3758.1  16  7.00" }, llama["MLP, up and gate"]) -- 32 x 2 x 4096 x 14336
    assert.same({ "525.337  16  0.98" }, llama["LM head"]) -- 4096 x 128256
    assert.equal("653909  8  609.00", deepseek.experts[2]) -- 58 x 256 x 3 x 7168 x 2048, a byte each
    assert.same({ "2554.33  8  2.38" }, deepseek["shared experts"])
  end)

  it("has the KV cache of a context by kinds of layers", function()
    assert.same({ "32  128  128  4096  16384" }, rows("llama-3.1-8b").full)
    assert.same({ "61  68.62  68.62  2196  8784" }, rows("deepseek-v3")["full, latent"]) -- 61 x 576 x 2 B
  end)
end)
