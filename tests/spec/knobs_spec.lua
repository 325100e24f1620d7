--- A knob is one row: what the row says is what the scenario takes, the help shows, a policy sees, and a run changes.
local knobs = require "oracle.scenario.knobs"
local live = require "oracle.live"
local oracle = require "oracle"
local planning = require "oracle.plan"
local policy = require "oracle.policy"
local schema = require "oracle.scenario.schema"

local function small(engine, more)
  local t = { model = "llama-3.1-8b", hardware = "h100-sxm", engine = engine or {},
              workload = oracle.workload.poisson { rate = 4, count = 40, prompt = 300, output = 200 } }
  for k, v in pairs(more or {}) do t[k] = v end
  return oracle.scenario(t)
end

-- A value within the range of a row that is not its default.
local function other(row)
  if row.type == "boolean" then return not row.default end
  if row.type == "choice" then return row.values[#row.values] end
  return row[1] == "block_size" and 32 or row[1]:find("^max_") and 4000 or 2
end

local function of_engine()
  local list = {}
  for _, row in ipairs(knobs.scheduler) do
    if row.giver == "engine" then list[#list + 1] = row end
  end
  assert.is_true(#list > 10)
  return list
end

describe("a knob's row", function()
  it("is what the scenario takes: its type, its range, its default", function()
    for _, row in ipairs(of_engine()) do
      local path = "engine." .. row[1]
      assert.equal(row.default, small():get(path))
      assert.equal(other(row), small({ [row[1]] = other(row) }):get(path))
      if row.min then
        for _, bad in ipairs { row.min - 1, row.max + 1 } do
          local ok, why = schema.check_value({}, path, bad)
          assert.is_nil(ok)
          assert.is_truthy(why:find(("%s: %d: a whole number"):format(path, bad), 1, true), why)
        end
      else
        assert.matches(": 3: true or false expected$", select(2, schema.check_value({}, path, 3)))
      end
    end
  end)

  it("is shown by the help, in words", function()
    local shown = {}
    for _, line in ipairs(schema.describe()) do shown[line[1]] = line end
    for _, row in ipairs(knobs.fields()) do
      local line = assert(shown["engine." .. row[1]], row[1])
      assert.equal(row.default == nil and "" or tostring(row.default), line[2])
      assert.is_truthy(line[3]:find(row.doc, 1, true))
    end
  end)

  it("is what the engine reads, and what a policy sees in e", function()
    for _, row in ipairs(of_engine()) do
      local seen
      local watcher = policy.batching { name = "watcher", step = function(b, e)
        seen = e[row[1]]
        local left = e.max_num_batched_tokens - b:decode()
        b:admit(left - b:resume(left))
      end }
      local value = other(row)
      local engine = { max_model_len = 4000, [row[1]] = value }
      local spec = planning.plan(small(engine, { batching = watcher })).spec
      assert.equal(value, spec.engine[row[1]])
      spec.engine[row[1]] = "no value"
      local ok, why = pcall(require("oracle.core").sim.new, spec)
      assert.is_false(ok)
      assert.is_truthy(why:find(("engine.%s: %s"):format(row[1], row.type == "boolean" and "true or false expected"
        or ("a whole number from %d to %d expected"):format(row.min, row.max)), 1, true), why)
      spec.engine[row[1]] = value
      require("oracle.core").sim.run(spec)
      assert.equal(value, seen)
    end
  end)

  it("says whether it changes while a simulation runs, and why not", function()
    local changed = 0
    for _, row in ipairs(of_engine()) do
      local s = live.new(small { max_model_len = 4000, max_num_seqs = 100 }):run_until(1)
      local ok, why = pcall(s.set, s, "engine." .. row[1], other(row))
      if row.fixed then
        assert.is_false(ok)
        local said = ("engine.%s cannot change while it runs: %s; "):format(row[1], row.fixed)
        assert.is_truthy(why:find(said, 1, true), why)
      elseif row[1] == "max_num_seqs" or row.type == "boolean" then   -- the budget forbids it
        assert.is_truthy(ok or why:find("max_num_batched_tokens", 1, true), why)
      else
        assert.is_true(ok, why)
        changed = changed + 1
      end
    end
    assert.is_true(changed >= 4)
  end)

  it("says what makes it idle, and the plan warns", function()
    local warned = 0
    for _, row in ipairs(of_engine()) do
      if row.needs then
        local plan = planning.plan(small { [row.needs] = false, [row[1]] = other(row) })
        assert.equal(("engine.%s: no effect, for engine.%s is false"):format(row[1], row.needs),
          plan.warnings[#plan.warnings])
        warned = warned + 1
      end
    end
    assert.equal(5, warned)
  end)
end)

describe("a knob of the run", function()
  it("takes effect where the scheduler reads it at every step", function()
    local s = live.new(oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      workload = oracle.workload.batch { count = 2, prompt = 4000, output = 2 },
      engine = { max_num_batched_tokens = 4096, max_num_seqs = 8, max_model_len = 8192 } })
    local fork = s:fork()
    fork:set("engine.long_prefill_token_threshold", 100)
    assert.is_true(fork:run().simulation.steps > 10 * s:run().simulation.steps)
  end)
end)
