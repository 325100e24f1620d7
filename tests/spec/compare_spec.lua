--- oracle compare, oracle new and oracle check; the statistics they rest on.
local statistics = require "oracle.statistics"
local json = require("oracle.core").json

local bin = os.getenv("ORACLE_BIN") or "./oracle"
local dir

setup(function()
  local p = io.popen("mktemp -d")
  dir = p:read("l")
  p:close()
end)

teardown(function() os.execute("rm -rf '" .. dir .. "'") end)

local function read(path)
  local f = assert(io.open(path))
  local text = f:read("a")
  f:close()
  return text
end

-- Run it: exit status, stdout, stderr.
local function run(args)
  local _, _, code = os.execute(("%s %s >'%s/out' 2>'%s/err' </dev/null"):format(bin, args, dir, dir))
  return code, read(dir .. "/out"), read(dir .. "/err")
end

local QUICK = "scenarios/quickstart.lua --set workload.duration=nil --set workload.count=150"

local function metrics(text)
  local by = {}
  for _, m in ipairs(json.decode(text).metrics) do by[m.metric] = m end
  return by
end

describe("statistics", function()
  it("know Student's t", function()                       -- tables: Abramowitz and Stegun, 26.10
    for df, t in pairs { [1] = 12.706, [2] = 4.303, [4] = 2.776, [10] = 2.228, [30] = 2.042, [120] = 1.980 } do
      assert.near(t, statistics.t95(df), 0.0006)
    end
  end)

  it("give the interval of a mean", function()
    local mean, half = statistics.interval { 1, 2, 3, 4, 5 }
    assert.equal(3, mean)
    assert.near(2.7764451 * math.sqrt(2.5 / 5), half, 1e-6)
    assert.is_nil(select(2, statistics.interval { 7 }))
  end)

  it("draw blocks so that the interval covers what it should", function()
    local series, sum = {}, 0
    for i = 1, 1000 do
      series[i] = (i * 7919 % 1000) / 1000
      sum = sum + series[i]
    end
    local blocks = statistics.blocks(#series)
    assert.equal(50, #blocks)
    local low, high = statistics.bootstrap(#blocks, function(sample)
      local total = 0
      for _, k in ipairs(sample) do
        for i = blocks[k][1], blocks[k][2] do total = total + series[i] end
      end
      return total / #series
    end)
    assert.is_true(low < sum / #series and sum / #series < high and high - low < 0.1)
    assert.is_nil(statistics.blocks(3))
  end)
end)

describe("oracle compare", function()
  it("prints one table of systems with intervals", function()
    local rc, out, err = run("compare vllm sglang trtllm dynamo static " .. QUICK .. " --replications 3")
    assert.equal(0, rc, err)
    assert.matches("^The same requests through each, 3 replications %(seeds 1 to 3%); difference to vllm", out)
    assert.matches("95 %% confidence interval %(Student's t, paired%)", out)
    assert.matches("\n +unit +vllm +sglang +trtllm +dynamo +static\n", out)
    assert.matches("\nttft.mean +ms +[%d.]+ ", out)
  end)

  it("says so when there is no difference", function()
    local rc, out = run("compare vllm batching=chunked " .. QUICK .. " --replications 2 --json - -q")
    assert.equal(0, rc)
    for _, m in pairs(metrics(out)) do
      assert.is_true(m.variants[1].no_difference)
      assert.equal(0, m.variants[1].difference)
    end
    local _, text = run("compare vllm chunked " .. QUICK .. " --replications 2")
    assert.matches("no difference", text)
  end)

  it("pairs the runs: the interval is that of the differences", function()
    local rc, out = run("compare vllm engine.max_num_batched_tokens=1024 " .. QUICK .. " --replications 4 --json - -q")
    assert.equal(0, rc)
    local e2e = metrics(out)["e2e.mean"].variants[1]
    local list = {}
    for seed = 1, 4 do
      local value = {}
      for _, tokens in ipairs { 8192, 1024 } do
        local _, one = run(("%s --seed %d --set engine.max_num_batched_tokens=%d -q --json -"):format(QUICK, seed,
          tokens))
        value[#value + 1] = json.decode(one).latency.end_to_end_latency_ms.mean
      end
      list[seed] = value[2] - value[1]
    end
    local mean, half = statistics.interval(list)
    assert.near(mean, e2e.difference, 1e-9 * math.abs(mean))
    assert.near(mean - half, e2e.low, 1e-6 * math.abs(mean))
    assert.near(mean + half, e2e.high, 1e-6 * math.abs(mean))
  end)

  it("adds replications until the intervals are narrow", function()
    local rc, out, err = run("compare chunked sarathi " .. QUICK .. " --replications 2 --until 10% --json - -q")
    assert.equal(0, rc, err)
    local found = json.decode(out)
    assert.is_true(found.replications > 2)
    for _, m in ipairs(found.metrics) do
      local v = m.variants[1]
      if m.base ~= 0 then assert.is_true((v.high - v.low) / 2 <= 0.1 * math.abs(m.base) + 1e-9, m.metric) end
    end
  end)

  it("takes a block bootstrap where a trace leaves nothing to chance", function()
    local lines = { "TIMESTAMP,ContextTokens,GeneratedTokens" }
    for i = 1, 300 do
      local ms = 50 * i
      lines[i + 1] = ("2023-11-16 00:00:%02d.%03d0000,%d,%d"):format(ms // 1000, ms % 1000, 100 + i * 37 % 900,
        20 + i * 13 % 100)
    end
    local f = assert(io.open(dir .. "/t.csv", "w"))
    f:write(table.concat(lines, "\n"), "\n")
    f:close()
    f = assert(io.open(dir .. "/t.lua", "w"))
    f:write([[local oracle = require "oracle"
      return oracle.scenario { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
        workload = oracle.workload.trace { path = "t.csv" } }]])
    f:close()
    local rc, out, err = run(("compare vllm engine.max_num_seqs=4 %s/t.lua --until 2%%"):format(dir))
    assert.equal(0, rc, err)
    assert.matches("^The same 300 recorded requests .* from a block bootstrap %(50 blocks%)\n", out)
    assert.matches("ttft.mean +ms +[%d.]+ +[%d.]+ +%+[%d.]+ %% %(%+[%d.]+ to %+[%d.]+%)", out)
    assert.matches("nothing to replicate", err)
  end)

  it("refuses what it cannot compare in one line", function()
    for args, pattern in pairs {
      ["compare vllm " .. QUICK] = "two systems or policies",
      ["compare vllmm sglang " .. QUICK] = "did you mean vllm%?",
      ["compare vllm sglang --until much " .. QUICK] = "a share such as 2%%",
      ["compare vllm sglang --replications 1 " .. QUICK] = "%-%-replications 1",
    } do
      local rc, out, err = run(args)
      assert.equal(2, rc, args)
      assert.equal("", out)
      assert.matches("^oracle: [^\n]*\n$", err)
      assert.matches(pattern, err)
    end
    local rc, _, err = run("compare vllm engine.max_model_len=999999999 " .. QUICK)
    assert.equal(1, rc)
    assert.matches("^oracle: engine.max_model_len=999999999: engine.max_model_len: 999,999,999: the model's context",
      err)
  end)
end)

describe("oracle new policy and oracle check policy", function()
  it("write a policy that runs, and find it right", function()
    local rc, _, err = run(("new policy %s/mine"):format(dir))
    assert.equal(0, rc, err)
    rc, _, err = run(("%s -q --set batching=%s/mine.lua"):format(QUICK, dir))
    assert.equal(0, rc, err)
    local out
    rc, out, err = run(("check policy %s/mine.lua"):format(dir))
    assert.equal(0, rc, err)
    assert.matches("\nns per step +%d+ asked every step, at 64 sequences; the same in C: %d+\n", out)
    assert.matches("\nlaws +kept\n$", out)
    rc, _, err = run(("new policy %s/mine"):format(dir))
    assert.equal(1, rc)
    assert.matches("is there already", err)
  end)

  it("find what is wrong with one", function()
    local f = assert(io.open(dir .. "/picky.lua", "w"))
    f:write([[
      local policy = require "oracle.policy"
      return policy.batching { name = "picky", step = function(b, e, s)
        local left = e.max_num_batched_tokens - b:decode()
        if left > 0 then left = left - b:resume(left) end
        s.ids, s.prompts = s.ids or {}, s.prompts or {}
        local n = b:waiting(s.ids, s.prompts)
        for i = 1, n do
          if s.prompts[i] % 5 ~= 0 and left > 0 then left = left - b:admit(left, s.ids[i]) end
        end
      end }]])
    f:close()
    local rc, out = run(("check policy %s/picky.lua"):format(dir))
    assert.equal(1, rc)
    assert.matches("FAULT in load %d+ +at t=.*picky.* makes no progress", out)
    assert.matches("\nlaws +broken in %d+ places\n$", out)
    local code, _, err = run(("check policy %s/absent.lua"):format(dir))
    assert.equal(1, code)
    assert.matches("^oracle: .*absent.lua: no such file", err)
    assert.equal(2, (run "check policy"))
    assert.equal(2, (run "new policy 1:2"))
  end)
end)
