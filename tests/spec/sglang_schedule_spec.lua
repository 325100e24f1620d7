--- SGLang's scheduler, written plainly (schedulers/sglang.lua), and the engine's, against schedules of the real one: a
-- few in the project's own form, and all those recorded where the data is there.
local random = require "schedulers.random"
local replay = require "schedulers.replay_sglang"
local loop = require "schedulers.sglang_loop"
local cases = require "schedulers.sglang_cases"
local simulated = require "schedulers.simulated_sglang"

local RECORDED = (os.getenv "ORACLE_DATA" or "../shared/data") .. "/schedule/sglang-0.5.23.json"

describe("SGLang's scheduler, written plainly,", function()
  for _, case in ipairs(cases) do
    it("agrees: " .. case.name, function()
      local kind, first = replay.compare(case.expect, loop.run(case))
      assert.equal("exact", kind, first)
    end)
  end

  it("gives all recorded schedules of 0.5.23 step by step", function()
    local f = io.open(RECORDED)
    if not f then return pending("no recorded schedules in $ORACLE_DATA") end
    f:close()
    local firsts = {}
    local exact, all = replay.cases(replay.read(RECORDED).cases, {}, function(_, family)
      firsts[#firsts + 1] = family.first
    end)
    assert.is_true(all > 0)
    assert.equal(all, exact, table.concat(firsts, "\n"))
  end)
end)

describe("SGLang in the engine", function()
  for _, case in ipairs(cases) do
    if not case.overlap then
      it("agrees: " .. case.name, function()
        local kind, first = replay.compare(case.expect, simulated.run(case))
        assert.equal("exact", kind, first)
      end)
    end
  end

  for _, policy in ipairs { "fcfs", "lpm", "dfs-weight", "lof" } do
    it("schedules random requests as the plain scheduler does: " .. policy, function()
      local list = {}
      for seed = 1, tonumber(os.getenv "ORACLE_CASES") or 30 do
        local case = random.sglang(seed, policy)
        local kind, first = replay.compare(loop.run(case), simulated.run(case))
        if kind ~= "exact" then list[#list + 1] = ("case %d: %s"):format(seed, first) end
      end
      assert.same({}, list)
    end)
  end

  it("gives all recorded schedules of 0.5.23 step by step", function()
    local f = io.open(RECORDED)
    if not f then return pending("no recorded schedules in $ORACLE_DATA") end
    f:close()
    local firsts = {}
    local exact, all = replay.cases(replay.read(RECORDED).cases, {}, function(_, family)
      firsts[#firsts + 1] = family.first
    end, simulated.run)
    assert.is_true(all > 0)
    assert.equal(all, exact, table.concat(firsts, "\n"))
  end)
end)
