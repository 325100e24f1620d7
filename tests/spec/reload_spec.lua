--- Policies that stand in a scenario's own file, of pools and groups too: read again while it is paused, and each
-- simulation has its own.
local oracle = require "oracle"
local live = require "oracle.live"
local program = require "program"

local dir

local FILE = [[
local oracle, policy = require "oracle", require "oracle.policy"
local asked = 0
local own = policy.autoscaler { name = "own", scale = function()
  asked = asked + 1
  return asked <= 4 and %d or 1                           -- two simulations that shared the variable would differ
end }
local scaled = { replicas = 1, autoscaling = { policy = %s, min = 1, max = 3, interval = 1, cold_start = 0.1 } }
return oracle.scenario {
  model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", network = "dgx_h100",
  engine = { max_model_len = 4096 }, %s,
  workload = oracle.workload.poisson { rate = 20, count = 200, prompt = 400, output = 50 }, seed = 1,
}]]

local KINDS = {
  pools = "pools = { prefill = scaled, decode = {} }", groups = "groups = { { replicas = 1 }, scaled }",
}

local function write(kind, wanted, named)
  local path = dir .. "/scenario.lua"
  local f = assert(io.open(path, "w"))
  f:write(FILE:format(wanted, named or "own", KINDS[kind]))
  f:close()
  return path
end

-- Replicas that were ever at work.
local function used(s)
  local n = 0
  for _, r in pairs(s.replicas) do n = n + (r.steps > 0 and 1 or 0) end
  return n
end

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

describe("the autoscaler of a pool or group in a scenario's file", function()
  it("is read again", function()
    for kind in pairs(KINDS) do
      local s = live.new(write(kind, 1)):run_until(3.5)
      assert.equal(2, used(s), kind)
      write(kind, 3)
      s:reload()
      local fork = s:fork()
      assert.equal(200, s:run().requests.successful, kind)
      assert.equal(4, used(s), kind)
      assert.equal(oracle.summary.json(s:run()), oracle.summary.json(fork:run()), kind)
    end
  end)

  it("changes nothing where the file has none any more", function()
    local place = { pools = "pools.prefill.autoscaling.policy", groups = "groups[2].autoscaling.policy" }
    for kind in pairs(KINDS) do
      local s = live.new(write(kind, 1)):run_until(1.5)
      write(kind, 3, "nil")
      local ok, why = pcall(s.reload, s)
      assert.is_false(ok)
      assert.equal(("reload: %s: the scenario's file has none any more"):format(place[kind]), why)
      s:run()
      assert.equal(2, used(s), kind)
    end
  end)
end)

describe("the result of a simulation that is paused", function()
  it("says that it is not over, and of no interruption", function()
    local s = live.new(write("groups", 1)):run_until(1)
    local text = oracle.report.block(s:result())
    assert.matches("INCOMPLETE: the simulation is not over", text)
    assert.not_matches("interrupted", text)
    assert.is_false(s:result().oracle.complete)
    assert.not_matches("INCOMPLETE", oracle.report.block(s:run()))
  end)
end)

describe("failures so frequent that nothing is ever answered", function()
  it("end the run with the reason", function()
    local s = oracle.scenario {
      model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", failures = { mtbf = "2 ms", mttr = "1 ms" },
      workload = oracle.workload.batch { count = 3, prompt = 400, output = 50 },
    }
    local ok, why = pcall(s.run, s)
    assert.is_false(ok)
    assert.matches("^at t=%d+%.%d+ s: 10000 failures in a row lost requests and none ended between them; "
      .. "failures.mtbf %(0.002 s%)", why)
    s.failures.mtbf = "20 s"
    assert.equal(3, s:run().requests.successful)
  end)
end)
