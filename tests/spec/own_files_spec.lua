--- A serving system, its policies, a cost model, each from one file outside the checkout, found beside the scenario.
local json = require("oracle.core").json
local program = require "tests.spec.program"

local SYSTEM = [[local system = require "oracle.system"
return system.new {
  name = "mine", defaults = { max_num_seqs = 16, enable_prefix_caching = false },
  aliases = { slots = "max_num_seqs" },
  knobs = { { "first", "count", min = 0, max = 1000, default = 1, doc = "mine: the replica all go to" } },
  fill = function(e) e.max_num_batched_tokens = e.max_num_batched_tokens or 2048 end,
  batching = function(e) return "policies/batching.lua" end,
  router = function(e) return { "policies/router.lua", first = e.first } end,
}]]

local BATCHING = [[local policy = require "oracle.policy"
return policy.batching { name = "own", step = function(b, e)
  b:continue(e.max_num_batched_tokens)
  b:fill(e.max_num_batched_tokens)
end }]]

local ROUTER = [[local policy = require "oracle.policy"
return policy.router { name = "own", params = { first = 1 }, route = function(c, r, s) return s.params.first end }]]

local SCENARIO = [[return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", replicas = 2,
  engine = { system = "./system.lua", %s }, cost = "./cost.lua", %s
  workload = oracle.workload.poisson { rate = 10, count = 100, prompt = 512, output = 32 } }]]

describe("files of one's own", function()
  setup(function()
    program.open()
    os.execute(("mkdir -p '%s/policies'"):format(program.dir))
    program.write("system.lua", SYSTEM)
    program.write("policies/batching.lua", BATCHING)
    program.write("policies/router.lua", ROUTER)
    program.write("cost.lua", "return function(s) return 0.01 end")
  end)
  teardown(program.close)

  local function result(engine, more, options)
    local path = program.write("s.lua", SCENARIO:format(engine, more or ""))
    local rc, out, err = program.run(("%s -q --json - %s"):format(path, options or ""))
    assert.equal(0, rc, err)
    return json.decode(out)
  end

  it("are a system with knobs and words of its own, its policies and a cost model", function()
    local r = result "slots = 4"
    assert.equal("cost", r.deployment.cost_model)
    assert.equal(100, r.requests.successful)
    assert.near(10, r.latency.time_per_output_token_ms.p50, 1e-6)
    assert.equal(100, r.per_replica.replica0.requests.total)    -- all on the first,
    r = result("slots = 4, first = 2")
    assert.equal(0, r.per_replica.replica0.requests.total)      -- or where its knob says
    r = result("slots = 4", nil, "--set engine.first=2")
    assert.equal(0, r.per_replica.replica0.requests.total)
    r = result("slots = 4", 'router = "round_robin",')
    assert.equal(50, r.per_replica.replica0.requests.total)     -- the scenario's own goes first
  end)

  it("are told apart from what is mistyped", function()
    local function refused(engine, pattern)
      program.refused(1, program.write("w.lua", SCENARIO:format(engine, "")), pattern)
    end
    refused("slot = 4", "engine.slot: unknown key; did you mean slots%?")
    refused("slots = 4, max_num_seqs = 8", "engine.slots: the same knob as max_num_seqs")
    program.write("bad.lua", 'return require("oracle.system").new { nam = "x" }')
    program.refused(1, program.write("w.lua", [[return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      engine = { system = "./bad.lua" }, workload = oracle.workload.batch { count = 1, prompt = 1, output = 1 } }]]),
      "engine.system: %S*bad.lua: system.nam: unknown key; did you mean name%?")
    program.write("bad.lua", "return 3")
    program.refused(1, program.dir .. "/w.lua", "bad.lua: returns a number; `return system.new { ... }` expected")
    program.write("bad.lua", [[return require("oracle.system").new { batching = function() while true do end end }]])
    program.refused(1, program.dir .. "/w.lua", "bad.lua:1: .*ran for more than 2 s")
    os.remove(program.dir .. "/bad.lua")
    program.refused(1, program.dir .. "/w.lua", "engine.system: ./bad.lua: no such file beside the scenario")
  end)

  it("are compared by their paths", function()
    local s = program.write("c.lua", [[return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      workload = oracle.workload.batch { count = 20, prompt = 64, output = 8 } }]])
    local rc, out, err = program.run(("compare '%s/system.lua' '%s/cost.lua' vllm '%s'"):format(
      program.dir, program.dir, s))
    assert.equal(0, rc, err)
    assert.matches("system", out)
    assert.matches("cost", out)
  end)

  it("sweep over threads with the same bytes", function()
    local s = program.write("v.lua", SCENARIO:format("slots = 4", 'vary = { { "engine.first", { 1, 2 } } },'))
    local rc, one, err = program.run(s .. " -q --json - --threads 1")
    assert.equal(0, rc, err)
    local _, two = program.run(s .. " -q --json - --threads 2")
    assert.equal(one, two)
    assert.equal(2, #json.decode(one).points)
  end)
end)
