--- A configuration that names files of Lua, and one that Lua opens.
local cases = require "cases"
local finder = require "oracle.text.finder"
local formats = require "oracle.formats"
local json = require("oracle.core").json
local oracle = require "oracle"
local problems = require "oracle.formats.problems"
local program = require "program"

local FILES = {
  ["own/system.lua"] = [[local system = require "oracle.system"
return system.new {
  name = "mine", defaults = { max_num_seqs = 16, enable_prefix_caching = false },
  aliases = { slots = "max_num_seqs" },
  knobs = { { "last", "boolean", default = false, doc = "mine: newest first" } },
  fill = function(e) e.max_num_batched_tokens = e.max_num_batched_tokens or 2048 end,
  batching = function(e) return { "batching.lua", last = e.last and 1 or 0 } end,
}]],
  ["own/batching.lua"] = [[local policy = require "oracle.policy"
return policy.batching { name = "own", params = { last = 0 }, step = function(b, e)
  b:continue(e.max_num_batched_tokens)
  b:fill(e.max_num_batched_tokens)
end }]],
  ["own/router.lua"] = [[local policy = require "oracle.policy"
return policy.router { name = "own", route = function(c, r, s) return 1 end }]],
  ["own/admission.lua"] = [[local policy = require "oracle.policy"
return policy.admission { name = "every other", admit = function(c, r, s)
  s.n = (s.n or 0) + 1
  return s.n % 2 == 1
end }]],
  ["own/cost.lua"] = "return function(s) return 0.01 end",
  ["own/agents.lua"] = [[return { params = { n = 5 }, next = function(g)
  g.n = (g.n or 0) + 1
  if g.n <= g.params.n then return { gap = 1, prompt = 100, output = 10 } end
end }]],
}

local FRAMEWORKS = [=[
  - {name: a, type: own/system.lua, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0, MORE}}
  - {name: b, type: own/system.lua, config: {<<: *c, gpu_id: gpu1}}
]=]

describe("a configuration", function()
  setup(function()
    program.open()
    os.execute(("mkdir -p '%s/own'"):format(program.dir))
    for name, text in pairs(FILES) do program.write(name, text) end
  end)
  teardown(program.close)

  local function config(more, workload)
    return cases.build { workload = workload, frameworks = (FRAMEWORKS:gsub("MORE", more)) }
  end

  local function result(...)
    local path = program.write("c.yaml", config(...))
    local rc, out, err = program.run(("run '%s' -q --json -"):format(path))
    assert.equal(0, rc, err)
    return json.decode(out)
  end

  it("names systems, cost models and policies by path, from its own folder", function()
    local r = result("slots: 4, last: true, cost_model: own/cost.lua, admission_policy: own/admission.lua",
      "  load_balancing_strategy: own/router.lua\n")
    assert.equal("cost", r.deployment.cost_model)
    assert.near(10, r.latency.time_per_output_token_ms.p50, 1e-6)
    assert.same({ 0, r.requests.total - r.requests.rejected },
      { r.per_replica.replica1 and 0, r.per_replica.replica0.requests.total })
    assert.near(r.requests.total / 2, r.requests.rejected, 1)
  end)

  it("names policies that come with oracle, and takes a system's words for its knobs", function()
    local s = formats.parse(cases.build { frameworks = [=[
  - {name: a, type: SGLang, config: {model_profile_id: Llama2-7B, gpu_id: gpu0, max_running_requests: 7,
     scheduling_policy: alphabetical}}
]=] })
    assert.matches("scheduling_policy %(line %d+%): alphabetical: unknown; fcfs, the path of a Lua file or one of ",
      problems.text(s.problems.errors[1]))
    s = formats.parse(cases.build { frameworks = [=[
  - {name: a, type: SGLang, config: {model_profile_id: Llama2-7B, gpu_id: gpu0, max_running_requests: 7,
     scheduling_policy: Orca, admission_policy: token_bucket}}
]=] })
    assert.same({}, s.problems.errors)
    assert.same({ "orca", "token_bucket", 7 }, { s.raw.batching, s.raw.admission, s.raw.engine.max_running_requests })
    assert.is_nil(s.raw.engine.max_num_seqs)
  end)

  it("gives policies parameters", function()
    local with = formats.parse(cases.build { workload = "  load_balancing_strategy: {name: own/router.lua, a: 3}\n",
      frameworks = [=[
  - {name: a, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0,
     scheduling_policy: {name: Sarathi, token_budget: 300}}}
  - {name: b, type: VLLM, config: {<<: *c, gpu_id: gpu1}}
]=] }, nil, program.dir)
    assert.equal("workload.load_balancing_strategy (line 12): a: unknown parameter of own; it has none",
      problems.text(with.problems.errors[1]))
    with = formats.parse(cases.build { frameworks = [=[
  - {name: a, type: VLLM, config: {model_profile_id: Llama2-7B, gpu_id: gpu0,
     scheduling_policy: {name: Sarathi, token_budget: 300}}}
]=] })
    assert.same({}, with.problems.errors)
    assert.same({ "sarathi", token_budget = 300 }, with.raw.batching)
    local rc, _, err = program.run_there("run " .. program.write("bad.yaml", config(
      "scheduling_policy: {name: sarathi, token_bugdet: 300}")))
    assert.equal(1, rc)
    assert.matches("scheduling_policy %(line %d+%): token_bugdet: unknown parameter of sarathi; did you mean", err)
  end)

  it("calls Dynamo also Dynama", function()
    local s = formats.parse(cases.build { frameworks = [=[
  - {name: a, type: Dynama, config: {model_profile_id: Llama2-7B, gpu_id: gpu0, kv_overlap_score_weight: 2}}
]=] })
    assert.same({}, s.problems.errors)
    assert.same({ "dynamo", 2 }, { s.raw.engine.system, s.raw.engine.kv_overlap_score_weight })
  end)

  it("hands the path of a generator on to the workload", function()
    local text = config("slots: 4"):gsub("    %- profile_name: one.-\nframeworks", [=[
    - {profile_name: agents, generator: own/agents.lua, params: {n: 3}}
frameworks]=])
    program.write("g.yaml", text)
    if not finder.find("workload", "generator") then
      assert.matches('"generator": unknown', cases.errors(text))
      return pending "this build has no workload of the kind generator"
    end
    local rc, out, err = program.run_there("run g.yaml -q --json -")
    assert.equal(0, rc, err)
    assert.equal(3, json.decode(out).requests.total)
  end)

  it("names a file that is not there, or holds something else, at its key", function()
    for more, said in pairs {
      ["cost_model: own/coast.lua"] = "own/coast.lua: no such file",
      ["cost_model: own/router.lua"] = "own/router.lua",
      ["admission_policy: own/router.lua"] = "a policy of kind admission expected, this is one of kind router",
      ["cost_model: rooflin"] = "rooflin: unknown cost model; did you mean roofline%?",
      ["slot: 4"] = "unknown key; did you mean slots%?",
    } do
      local rc, _, err = program.run_there("run " .. program.write("bad.yaml", config(more)))
      assert.equal(1, rc, more)
      assert.matches("^oracle: %S*bad.yaml: .*" .. said, err)
    end
  end)
end)

describe("a configuration in Lua", function()
  setup(program.open)
  teardown(program.close)

  local function path() return program.write("c.yaml", cases.build {}) end

  it("is a scenario to load, run, simulate and price", function()
    local s = oracle.load(path())
    assert.same({ "Llama2-7B", 60, 5 }, { s.model, s.duration, s.seed })
    local r = oracle.run(path())
    assert.same(s:run().latency, r.latency)
    local rc, out = program.run_there("run c.yaml -q --json -")
    assert.equal(0, rc)
    assert.same(json.decode(out).requests, r.requests)
    local live = oracle.sim(path())
    live:run_until(10)
    assert.is_true(live.arrived > 20 and live.now == 10)
    assert.equal("c", live.name)
    assert.same(r.latency, live:run().latency)
    assert.equal(oracle.cost.decode(s, 512).total, oracle.cost.decode(path(), 512).total)
    s.engine.max_num_seqs = 1
    assert.is_true(s:run().latency.queue_time_ms.mean > r.latency.queue_time_ms.mean)
  end)

  it("is JSON as well, and where its name says nothing its content tells", function()
    local as_json = program.write("c.json", '{"model": "llama-7b", "duration": 5}')
    assert.equal("llama-7b", oracle.load(as_json).model)
    local plain = program.write("plain", cases.build {})
    assert.equal("Llama2-7B", oracle.load(plain).model)
    local bad = program.write("bad.yaml", cases.build { metrics = "metrics_config: 3" })
    assert.has_error(function() oracle.load(bad) end,
      program.dir .. "/bad.yaml: metrics_config (line 22): 3: a mapping expected")
  end)

  it("is what a script runs", function()
    path()
    program.write("s.lua", 'local r = oracle.run "c.yaml"\nprint(r.requests.total)')
    local rc, out, err = program.run_there("s.lua")
    assert.equal(0, rc, err)
    assert.equal(("%d\n"):format(oracle.run(program.dir .. "/c.yaml").requests.total), out)
  end)
end)
