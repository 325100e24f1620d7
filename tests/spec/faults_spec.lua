-- A sample of `make faults`: calls for memory and of the system fail, and what is left is whole or not there.
local VARIANT = require("program").variant
local root = os.getenv "ORACLE_HOME" or "."
local library = ("%s/build/%s/tests/faults/fault.so"):format(root, VARIANT)

-- By LD_PRELOAD only where the sanitizers bring no malloc of their own; and where the system lets a process filter its
-- calls.
local function possible()
  if VARIANT == "san" or VARIANT == "tsan" then return false end
  return (os.execute(("LD_PRELOAD='%s' ORACLE_FAULT=write:0 true 2>/dev/null"):format(library)))
end

describe("when a call fails", function()
  local faults
  setup(function()
    package.path = root .. "/tests/faults/?.lua;" .. package.path
    faults = require "faults"
    faults.library = library
  end)

  -- The first call, one in the midst and the last, of each kind.
  local function spread(count)
    local list, seen = {}, {}
    for _, n in ipairs { 1, 2, count // 3, count // 2, count - 1, count } do
      if n >= 1 and n <= count and not seen[n] then
        list[#list + 1], seen[n] = n, true
      end
    end
    return list
  end

  for _, name in ipairs { "run", "packed", "sweep", "resume" } do
    it(("%s ends in one line or is as if none had"):format(name), function()
      if not possible() then pending "this build or system lets no call fail" return end
      local case, tried = faults.case(name), 0
      for _, kind in ipairs(faults.kinds) do
        -- What counts lines needs memory itself when the program ends (libgcov).
        local spared = kind == "memory" and VARIANT == "cov"
        for i, n in ipairs(spared and {} or spread(faults.count(case, kind))) do
          local wrong = faults.try(case, kind, n, kind == "memory" and i % 2 == 0)
          assert.is_nil(wrong)
          tried = tried + 1
        end
      end
      assert.is_true(tried >= 12, "too few calls were seen: " .. tried)
    end)
  end
end)
