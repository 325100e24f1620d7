--- math.exp, math.log and what steps of a search are made of give the same bits on every processor.
local program = require "program"

setup(program.open)
teardown(program.close)

-- A sum of the bits of many values, which no change of one leaves as it is.
local SCRIPT = [[
local core = require "oracle.core"
local seed, sum = 1, 0
local function draw(low, high)
  seed = seed * 6364136223846793005 + 1442695040888963407
  return low + (high - low) * ((seed >> 11) * 0x1p-53)
end
local function add(x) sum = sum * 1000003 + string.unpack("i8", string.pack("d", x)) end
for _ = 1, 20000 do
  add(math.exp(draw(-50, 50)))
  add(math.log(draw(0, 2)))
  add(math.log(draw(0, 2), 2))
  add(core.exp2(draw(-20, 20)))
end
print(sum)
]]

describe("exponentials and logarithms", function()
  -- What glibc is told to take for the processor's is read on x86 alone; there its own differ in 1 of 1,400 values.
  it("do not depend on fused multiply-add", function()
    local path = program.write("bits.lua", SCRIPT)
    local code, with = program.run(path)
    assert.equal(0, code)
    assert.matches("^%-?%d+\n$", with)
    local _, without = program.run(path, "GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX timeout 60")
    assert.equal(with, without)
  end)

  it("are Lua's in what they take and give", function()
    require "oracle.core"
    assert.same({ 1, 0, 3, 3, -1074, math.huge, -math.huge },
      { math.exp(0), math.log(1), math.log(8, 2), math.log(1000, 10), math.log(2 ^ -1074, 2), math.exp(1000),
        math.log(0) })
    assert.is_true(math.abs(math.log(9, 3) - 2) < 1e-15 and math.abs(math.log(math.exp(1)) - 1) < 1e-15)
    assert.is_true(math.log(-1) ~= math.log(-1))
    assert.has_error(function() math.log "x" end)
    assert.has_error(function() math.exp() end)
  end)
end)
