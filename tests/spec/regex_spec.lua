-- Regular expressions as Python's re has them.
local regex = require "oracle.text.regex"

local function matches(pattern, text) return assert(regex.compile(pattern))(text) end

describe("a regular expression", function()
  it("matches from the beginning on, as re.match does", function()
    for _, case in ipairs {
      { ".*self_attn.*", "model.layers.0.self_attn.q_proj", true }, { "self_attn", "model.self_attn", false },
      { "model", "model.layers", true }, { "model$", "model.layers", false }, { "^model", "model", true },
      { "a|b.*c$", "bxxc", true }, { "a|b.*c$", "bxxcd", false }, { "(ab|a)c", "abc", true },
      { "(?:ab)+$", "ababab", true },
      { "model\\.layers\\.(\\d|1[0-9])\\.x$", "model.layers.17.x", true },
      { "model\\.layers\\.(\\d|1[0-9])\\.x$", "model.layers.27.x", false }, { "a\\.b", "axb", false },
      { "^(?!.*experts).*", "model.mlp.up_proj", true }, { "^(?!.*experts).*", "model.mlp.experts.0", false },
      { "(?=.*mlp).*up", "model.mlp.up", true }, { "[^.]+\\.b{2,3}?c", "xx.bbbc", true }, { "x{2}$", "xxx", false },
      { "[\\w.]+q", "ab_1.q", true }, { "[]a]+$", "]a", true }, { "x?y*?z", "z", true }, { "\\s\\S", " a", true },
    } do
      assert.equal(case[3], matches(case[1], case[2]), case[1] .. " on " .. case[2])
    end
  end)

  it("that is none says why", function()
    for _, s in ipairs { "(", ")", "[a", "*a", "(?<x>a)", "\\q", "\\" } do
      local m, why = regex.compile(s)
      assert.is_nil(m, s)
      assert.is_string(why)
    end
  end)

  it("that would never end ends without a match", function()
    local start = os.clock()
    assert.is_false(matches("(a+)+$", ("a"):rep(60) .. "b"))
    assert.is_true(os.clock() - start < 1)
  end)
end)
