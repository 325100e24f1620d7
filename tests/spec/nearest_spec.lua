local spelling = require "oracle.text.spelling"

describe("nearest", function()
  it("counts edits", function()
    assert.equal(0, spelling.distance("", ""))
    assert.equal(3, spelling.distance("", "abc"))
    assert.equal(3, spelling.distance("abc", ""))
    assert.equal(3, spelling.distance("kitten", "sitting"))  -- k>s, e>i, +g
    assert.equal(1, spelling.distance("ab", "ba"))           -- one swap
    assert.equal(1, spelling.distance("block_szie", "block_size"))
    assert.equal(3, spelling.distance("ca", "abc"))          -- restricted: no edit between swapped letters
  end)

  it("is symmetric and bounded by the longer name", function()
    local names = { "llama", "lama3", "mistral", "x", "gpt-oss-20b", "" }
    for _, a in ipairs(names) do
      for _, b in ipairs(names) do
        assert.equal(spelling.distance(a, b), spelling.distance(b, a))
        assert.is_true(spelling.distance(a, b) <= math.max(#a, #b))
      end
    end
  end)

  it("does not see case, dashes, underscores and blanks", function()
    assert.equal(spelling.fold("RTX 4090"), spelling.fold("rtx_4090"))
    assert.equal("h100sxm80gb", spelling.fold("H100-SXM_80GB"))
    assert.equal("MAX_NUM_SEQS", spelling("max-num-seqs", { "block_size", "MAX_NUM_SEQS" }))
  end)

  it("offers the nearest name, or none", function()
    local keys = { "block_size", "max_model_len", "max_num_batched_tokens", "max_num_seqs" }
    assert.equal("max_num_seqs", spelling("max_num_seq", keys))
    assert.equal("max_num_seqs", spelling("max_nums_eqs", keys))
    assert.equal("block_size", spelling("bloc_sise", keys))
    assert.is_nil(spelling("temperature", keys))
    assert.is_nil(spelling("", keys))
    assert.is_nil(spelling("x", {}))
  end)

  it("prefers the closest, then the alphabet, whatever the order of the list", function()
    assert.equal("aaac", spelling("aaaa", { "aaad", "aaac" }))
    assert.equal("aaac", spelling("aaaa", { "aaac", "aaad" }))
    assert.equal("h100-sxm", spelling("h100-sxn", { "h100-pcie", "h100-sxm", "h200" }))
  end)

  it("takes a beginning for near", function()
    assert.equal("tensor_parallel_size", spelling("tensor", { "block_size", "tensor_parallel_size" }))
    assert.equal("h100-sxm", spelling("h100-sxm-extreme-edition", { "h100-sxm", "h200" }))
  end)

  it("does not choke on a long text", function()
    local start = os.clock()
    assert.is_nil(spelling(("z"):rep(1e6), { "block_size" }))
    assert.is_true(os.clock() - start < 1)
  end)
end)
