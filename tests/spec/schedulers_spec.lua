--- The plain schedulers of tests/spec/schedulers against the real ones they were written from.
local core = require "oracle.core"
local notation = require "schedulers.notation"
local replay = require "schedulers.replay"
local rules = require "schedulers.vllm.rules"
local vllm = require "schedulers.vllm"

local small = {}
for i, case in ipairs(require "schedulers.cases") do small[i] = notation.case(case) end

-- The cases that come out otherwise.
local function wrong(cases)
  local list = {}
  for _, case in ipairs(cases) do
    local ok, have = pcall(vllm.run, case)
    local kind, words = "schedule", have
    if ok then kind, words = replay.compare(case.expect, have) end
    if kind then list[#list + 1] = ("%s: %s"):format(case.id, words) end
  end
  return list
end

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read "a"
  f:close()
  return core.json.decode(text)
end

describe("vLLM's scheduler, written plainly,", function()
  for _, case in ipairs(small) do
    it("does what the real one did: " .. case.id, function() assert.same({}, wrong { case }) end)
  end

  it("does something else in one of those when a version has another's rule", function()
    -- The two versions agree in these where the small schedules of the version do not show the rule.
    local unseen = { ["0.11 lone_request_without_threshold"] = true, ["0.11 retains"] = true,
                     ["0.33 chunked_keeps_last_known_block"] = true }
    for version, other in pairs { ["0.11"] = "0.33", ["0.33"] = "0.11" } do
      for name, value in pairs(rules[version]) do
        local of_version = {}
        for _, case in ipairs(small) do
          if case.vllm == version then of_version[#of_version + 1] = case end
        end
        rules[version][name] = rules[other][name]
        local changed = #wrong(of_version) > 0
        rules[version][name] = value
        local about = version .. " " .. name
        assert.equal(not unseen[about], changed, about)
      end
    end
  end)

  for _, file in ipairs { "vllm-0.11.0", "vllm-0.33.0", "vllm-0.33.0-mamba" } do
    it("replays every recorded schedule of " .. file, function()
      local data = read(("%s/schedule/%s.json"):format(os.getenv "ORACLE_DATA" or "../shared/data", file))
      if not data then return pending("the recorded schedules are not here; ORACLE_DATA says where") end
      assert.is_true(#data.cases > 0)
      assert.same({}, wrong(data.cases))
    end)
  end
end)

describe("a comparison of schedules", function()
  local function outcome()
    return { steps = { { 0, { a = 20 }, 2, {} }, { 10, { a = 1 }, 2, {} } },
             requests = { a = { first_token_ms = 10, finish_ms = 20, preemptions = 0, cached_tokens = 0,
                                tokens_after_end = 0 } } }
  end

  it("tells memory from schedule, and the schedule first", function()
    local want, have = outcome(), outcome()
    assert.is_nil(replay.compare(want, have))
    have.steps[1][3] = 3
    assert.same({ "memory", "step 1 at 0: 3 blocks in use, not 2", true }, { replay.compare(want, have) })
    have.steps[2][2] = { a = 2 }
    assert.same({ "schedule", "step 2 at 10: {a 2}, not {a 1}", true }, { replay.compare(want, have) })
    have = outcome()
    have.steps[3] = { 20, { a = 1 }, 2, {} }
    assert.equal("schedule", (replay.compare(want, have)))
    have = outcome()
    have.requests.a.cached_tokens = 16
    assert.same({ "memory", "cached tokens of a: 16, not 0", true }, { replay.compare(want, have) })
  end)
end)
