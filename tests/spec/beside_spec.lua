--- Deployments of one configuration that stand side by side: the same requests through each, its results, compared.
local cases = require "cases"
local formats = require "oracle.formats"
local json = require("oracle.core").json
local oracle = require "oracle"
local problems = require "oracle.formats.problems"
local program = require "program"

local build, rows_of = cases.build, cases.rows_of

setup(program.open)
teardown(program.close)

local THREE = [=[
  - {name: small, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0}}
  - {name: large, type: VLLM, config: {model_profile_id: Llama2-13B, gpu_id: gpu1}}
  - {name: again, type: VLLM, config: {<<: *c, gpu_id: gpu2}}
  - {name: other, type: SGLang, config: *c}
  - {name: idle, type: VLLM, is_target_for_workload: false, config: *c}
]=]

local function lines(warnings)
  local list = {}
  for i, w in ipairs(warnings) do list[i] = problems.text(w) end
  return table.concat(list, "\n")
end

describe("targets of other models and systems", function()
  it("are deployments of their own; those that could be replicas of one another are", function()
    local read = formats.parse(build { frameworks = THREE })
    assert.same({}, read.problems.errors)
    local names, replicas = {}, {}
    for i, one in ipairs(read.deployments) do names[i], replicas[i] = one.name, one.scenario.replicas end
    assert.same({ "small+1", "large", "other" }, names)
    assert.same({ 2, 1, 1 }, replicas)
    local said = lines(read.problems.warnings)
    assert.matches("%[1%] %(line %d+%): large differs from small in config.model_profile_id: each has all", said)
    assert.matches("%[3%] %(line %d+%): other differs from small in type", said)
    assert.matches("idle is no target", said)
  end)

  it("meet the same requests; each has a block, files of its own and a column of the comparison", function()
    program.write("three.yaml", build { frameworks = THREE })
    local rc, out, err = program.run_there("run three.yaml --json three.json --csv rows.csv --seed 9")
    assert.equal(0, rc, err)
    local _, blocks = out:gsub("Serving Benchmark Result", "")
    assert.equal(3, blocks)
    assert.matches("The same requests through each, 1 replication %(seed 9%);\ndifference to small%+1", out)
    assert.matches("\ntpot.mean +ms +[%d.]+ +[%d.]+  %+%d+%.%d %% +[%d.]+ ", out)
    local result = json.decode(program.read(program.dir .. "/three.json"))
    local arrivals = {}
    for i, name in ipairs { "small+1", "large", "other" } do
      local point = result.points[i]
      assert.same({ { deployment = name }, name }, { point.set, point.name })
      local rows, text = rows_of(program.read(("%s/rows.%s.csv"):format(program.dir, name))), {}
      assert.equal(point.requests.total, #rows)
      for k, row in ipairs(rows) do text[k] = row.arrival_time .. " " .. row.prompt_tokens end
      arrivals[i] = table.concat(text, "\n")
    end
    assert.equal(arrivals[1], arrivals[2])
    assert.equal(arrivals[1], arrivals[3])
    -- A step reads all weights once: 13.0 and 6.7 thousand million of 2 bytes; the 13B's batches are larger besides.
    local tpot = {}
    for i = 1, 2 do tpot[i] = result.points[i].latency.time_per_output_token_ms.p50 end
    assert.is_true(tpot[2] / tpot[1] > 13.0 / 6.7 and tpot[2] / tpot[1] < 1.2 * 13.0 / 6.7)
    assert.equal("small+1", result.comparison.base)
    assert.is_nil(io.open(program.dir .. "/rows.csv"))
  end)

  it("alone give what they give beside others", function()
    program.write("three.yaml", build { frameworks = THREE })
    program.write("one.yaml", build { frameworks =
      "  - {name: large, type: VLLM, config: {model_profile_id: Llama2-13B, gpu_id: gpu1}}\n" })
    local _, three = program.run_there("run three.yaml -q --json -")
    local rc, one, err = program.run_there("run one.yaml -q --json -")
    assert.equal(0, rc, err)
    local a, b = json.decode(three).points[2], json.decode(one)
    assert.same(b.latency, a.latency)
    assert.same(b.requests, a.requests)
  end)

  it("are refused a stream, and every other command says which one it takes", function()
    program.write("three.yaml", build { frameworks = THREE })
    local rc, _, err = program.run_there("run three.yaml --csv -")
    assert.equal(2, rc)
    assert.matches("%-%-csv %-: 3 deployments stand side by side, and each has a file of its own", err)
    rc, _, err = program.run_there("sweep three.yaml --set engine.max_num_seqs=8,16 -q --json two.json")
    assert.equal(0, rc, err)
    rc, _, err = program.run_there("compare vllm sglang three.yaml --replications 2")
    assert.equal(0, rc, err)
    assert.matches("3 deployments stand side by side; compare takes the first, small%+1", err)
    -- One that cannot run is found before anything has.
    program.write("bad.yaml", (build { frameworks = THREE }:gsub("Llama2%-13B", "Llama3-70B")))
    rc, _, err = program.run_there("run bad.yaml --json bad.json")
    assert.equal(1, rc)
    assert.matches("frameworks_to_test%[1%].config %(line %d+%): the model does not fit: weights 131.%d+ GiB", err)
    assert.is_nil(io.open(program.dir .. "/bad.json"))
  end)

  it("are all run by oracle.run, and loaded by name", function()
    local path = program.write("three.yaml", build { frameworks = THREE })
    local a, b, c = oracle.load(path)
    assert.same({ "Llama2-7B", "Llama2-13B", "sglang" }, { a.model, b.model, c.engine.system })
    assert.equal("Llama2-13B", oracle.load(path, "large").model)
    assert.has_error(function() oracle.load(path, "huge") end,
      path .. ": no deployment huge; there are small+1, large, other")
    local r = oracle.run(path)
    assert.equal(3, #r.points)
    assert.same(b:run().latency, r.points[2].latency)
  end)
end)
