--- A garbage collector that never rests changes nothing: what only C holds is held. `make gcstress` is the whole of it;
-- here are a few runs that go from C to Lua and back at every step.
local json = require("oracle.core").json
local oracle = require "oracle"
local program = require "program"

local FILES = { "tests/golden/scenarios/pools_layerwise.lua", "tests/golden/scenarios/failures.lua",
                "tests/golden/scenarios/refusals.lua" }

setup(program.open)
teardown(program.close)

-- What a scenario gives, but for how long it took.
local function said(path)
  local made = dofile(program.root .. "/" .. path)
  return (json.encode(oracle.run(made)):gsub('"wall[%w_]*":[%d.e+-]*', ""))
end

-- A step of the collection at each few bytes, and the next one begins when it ends.
local function restless(f, ...)
  collectgarbage "collect"
  collectgarbage("incremental", 4, 1000, 1)
  local result = table.pack(pcall(f, ...))
  collectgarbage("incremental", 200, 100, 13) -- Lua's own
  assert(result[1], result[2])
  return table.unpack(result, 2, result.n)
end

describe("a collector that never rests", function()
  for _, path in ipairs(FILES) do
    it("changes nothing of " .. path, function()
      assert.equal(said(path), restless(said, path))
    end)
  end

  -- The states of the program and of its threads are asked in the sanitized build alone (tests/gcstress).
  it("changes nothing of what the program prints", function()
    if program.variant ~= "san" then pending "the sanitized build has such a collector" return end
    local function timeless(text) return (text:gsub("\n# [%d.]+ s wall[^\n]*", "")) end
    for _, path in ipairs(FILES) do
      local _, calm = program.run(path .. " --threads 2")
      local code, out, err = program.run(path .. " --threads 2", "timeout 250 env ORACLE_GC_STRESS=1")
      assert.equal(0, code, err)
      assert.equal(timeless(calm), timeless(out))
    end
  end)
end)
