-- Published models: parameters and bytes as their pages have them.
local published_table = require "published_table"

local rows = published_table.rows(require "published")

describe("published models", function()
  it("have the parameters that their pages count", function()
    local n = 0
    for _, r in ipairs(rows) do
      if r.parameters_off then
        n = n + 1
        assert.is_true(math.abs(r.parameters_off) <= 0.5, ("%s: %+.2f %%"):format(r.id, r.parameters_off))
      end
    end
    assert.is_true(n >= 100, n .. " of them")
  end)

  it("have the bytes that their files do, in many formats", function()
    local n, formats, kinds = 0, {}, 0
    for _, r in ipairs(rows) do
      if r.bytes_off then
        n = n + 1
        assert.is_true(math.abs(r.bytes_off) <= 1, ("%s: %+.2f %%"):format(r.id, r.bytes_off))
        local name = r.format:gsub(" of .*", "")
        if not formats[name] then formats[name], kinds = true, kinds + 1 end
      end
    end
    assert.is_true(n >= 60, n .. " of them")
    assert.is_true(kinds >= 8, kinds .. " formats")
  end)

  it("are of families that are known", function()
    for _, r in ipairs(rows) do
      for _, w in ipairs(r.warnings) do
        assert.is_nil(w:find "not known", w)
      end
    end
  end)

  it("are in docs/models.md as lua tools/published.lua writes them", function()
    local f = assert(io.open(require("oracle.text.paths").path "docs/models.md"))
    local text = f:read "a"
    f:close()
    assert.is_truthy(text:find(published_table.markdown(rows), 1, true))
  end)
end)
