--- Every scenario gives what it gave when expected/ was written; `make golden` writes it anew. What a failure says is
-- tested in tests/spec/golden_spec.lua.
local golden = require "golden"

local MOST = 40                                           -- lines that a failure shows

setup(golden.open)
teardown(golden.close)

describe("the golden", function()
  for _, name in ipairs(golden.names()) do
    it(name, function()
      local why = golden.missing(name)
      if why then return pending(why) end
      local expected = golden.expected(name)
      assert(expected, name .. " was never written: make golden")
      local moved = golden.moved(expected, golden.run(name))
      local count = #moved
      if count > MOST then moved[MOST + 1] = ("... and %d more"):format(count - MOST) end
      local lines = table.concat(moved, "\n", 1, math.min(count, MOST + 1))
      assert(count == 0, ("%s: %d differ\n%s"):format(name, count, lines))
    end)
  end
end)
