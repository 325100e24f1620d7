--- oracle compare, oracle new and oracle check; the statistics they rest on.
local statistics = require "oracle.text.statistics"
local variants = require "oracle.study.variants"
local json = require("oracle.core").json
local program = require "program"

local bin = os.getenv("ORACLE_BIN") or "./oracle"
local dir

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

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

describe("a comparison that is interrupted at once", function()
  it("says so", function()
    local comparison, planning = require "oracle.study.paired", require "oracle.plan"
    local simulate = planning.simulate
    planning.simulate = function() return { complete = false } end
    local s = require("oracle").load "scenarios/quickstart.lua"
    local ok, result = pcall(comparison.run, s, { variants.read "vllm", variants.read "sglang" },
      { replications = 5 })
    planning.simulate = simulate
    assert.is_true(ok, result)
    assert.is_true(result.interrupted)
    local shown = require "oracle.study.paired_text"
    assert.matches("^Interrupted before there was anything to compare", shown.text(result))
    assert.is_string(require("oracle.result.summary").json(shown.object(result)))
  end)
end)

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
    assert.matches("^The same requests through each, 3 replications %(seeds 1 to 3%);\ndifference to vllm", out)
    assert.matches("95 %% confidence interval %(Student's t, paired%)", out)
    for _, name in ipairs { "sglang", "trtllm", "dynamo", "static" } do     -- as many side by side as 80 columns hold
      assert.matches("\n +unit +vllm[^\n]* +" .. name .. " *[^\n]*\n%-", out)
    end
    for line in out:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
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

  it("pairs the runs: the interval is that of their ratios' logarithms", function()
    local rc, out = run("compare vllm engine.max_num_batched_tokens=1024 " .. QUICK .. " --replications 4 --json - -q")
    assert.equal(0, rc)
    local e2e = metrics(out)["e2e.mean"].variants[1]
    local list, logs, base = {}, {}, 0
    for seed = 1, 4 do
      local value = {}
      for _, tokens in ipairs { 8192, 1024 } do
        local _, one = run(("%s --seed %d --set engine.max_num_batched_tokens=%d -q --json -"):format(QUICK, seed,
          tokens))
        value[#value + 1] = json.decode(one).latency.end_to_end_latency_ms.mean
      end
      list[seed], logs[seed], base = value[2] - value[1], math.log(value[2] / value[1]), base + value[1] / 4
    end
    local mean = statistics.interval(list)
    assert.near(mean, e2e.difference, 1e-9 * math.abs(mean))
    local middle, half = statistics.interval(logs)
    assert.near(math.exp(middle), e2e.ratio, 1e-9)
    assert.near(math.exp(middle - half), e2e.ratio_low, 1e-9)
    assert.near(base * (math.exp(middle + half) - 1), e2e.high, 1e-6 * base)
  end)

  it("tells policies of one name apart, and takes parameters", function()
    os.execute(("mkdir -p '%s/a' '%s/b'"):format(dir, dir))
    for folder, key in pairs { a = "r.id", b = "-r.id" } do
      local f = assert(io.open(("%s/%s/same.lua"):format(dir, folder), "w"))
      f:write(("return require('oracle.policy').batching { name = 'same', params = { by = 1 }, "
        .. "order = function(r, _, s) return s.params.by * (%s) end }"):format(key))
      f:close()
    end
    local a, b = dir .. "/a/same.lua", dir .. "/b/same.lua"
    local with = ("{'%s', by = -1}"):format(a)
    local rc, out, err = run(('compare %s %s "%s" "{\'sarathi\', token_budget = 300}" %s --replications 2 --json - -q')
      :format(a, b, with, QUICK .. " --set workload.rate=100 --set engine.max_num_seqs=8"))
    assert.equal(0, rc, err)
    local ttft = metrics(out)["ttft.mean"]
    local names = {}
    for i, v in ipairs(ttft.variants) do names[i] = v.variant end
    assert.same({ b, with, "{'sarathi', token_budget = 300}" }, names)
    assert.equal(a, json.decode(out).base)
    assert.equal(ttft.variants[1].mean, ttft.variants[2].mean)
    assert.not_equal(ttft.base, ttft.variants[1].mean)
    local _, twice = run("compare vllm vllm " .. QUICK .. " --replications 2")
    assert.matches(" vllm %(1%) +vllm %(2%)\n", twice)
    for args, pattern in pairs {
      ["\"{'sarath'}\" chunked"] = "did you mean sarathi%?", ["'{' chunked"] = "parameter = value } expected",
      ["'{}' chunked"] = "parameter = value } expected", ["\"{'vllm'}\" chunked"] = "unknown policy",
    } do
      local code, _, why = run(("compare %s %s"):format(args, QUICK))
      assert.equal(2, code, args)
      assert.matches(pattern, why)
    end
    local code, _, why = run(("compare \"{'sarathi', budget = 1}\" chunked %s"):format(QUICK))
    assert.equal(1, code)
    assert.matches("budget: unknown parameter of sarathi; valid: token_budget", why)
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

  it("takes deployments: settings that go together, and scenarios of their own, all asked the same", function()
    local other = program.write("other.lua", [=[
return oracle.scenario { model = "llama-3.1-8b", hardware = "a100-80gb", replicas = 3,
  workload = oracle.workload.batch { count = 3, prompt = 10, output = 10 } }
]=])
    local first = program.write("first.lua", [=[
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 5,
  workload = oracle.workload.poisson { rate = 4, count = 40, prompt = 300, output = 20 } }
]=])
    local rc, out, err = run(("compare %s %s --replications 2 --json -"):format(first, other))
    assert.equal(0, rc, err)
    local by = metrics(out)
    assert.equal("other", by.gpus.variants[1].variant)
    assert.same({ 1, 3 }, { by.gpus.base, by.gpus.variants[1].mean })
    assert.is_true(by.cost.base > 0 and by.energy_per_token.variants[1].mean > 0)
    local text
    local TWO = "compare 'one: replicas=1' 'tp2x2: engine.tensor_parallel_size=2,replicas=2' %s --replications 2"
    rc, text, err = run(TWO:format(first))
    assert.equal(0, rc, err)
    assert.matches("unit +one +tp2x2\n", text)
    assert.matches("\ngpus +1%.00 +4%.00  %+300%.0 %%\n", text)
    rc, text, err = run(("compare 'one: replicas' vllm %s"):format(first))
    assert.equal(2, rc)
    assert.equal("", text)
    assert.matches("KEY=VALUE expected", err)
  end)

  it("shows every row that any variant has a value of, in whatever order, and says who is overloaded", function()
    local set = "engine.enable_prefix_caching="
    for _, order in ipairs { { "true", "false" }, { "false", "true" } } do
      local rc, out, err = run(("compare %s%s %s%s %s --replications 2"):format(set, order[1], set, order[2], QUICK))
      assert.equal(0, rc, err)
      assert.matches("\nhit_rate ", out)
      assert.matches("\nsaved ", out)
    end
    local rc, out = run("compare vllm sglang " .. QUICK .. " --set workload.rate=300 --set workload.count=2000 "
      .. "--replications 2")
    assert.equal(0, rc)
    assert.matches("\noverloaded: vllm: %d+%.%d req/s offered, ", out)
  end)

  it("shows small differences with the digits they need", function()
    local code, out = run("compare vllm sglang scenarios/quickstart.lua")
    assert.equal(0, code)
    assert.matches("[+-]%d%d?%.%d ± %d", out)
    for difference, half in out:gmatch("([+-][%d.]+) ± ([%d.]+) %%") do
      assert.is_true(tonumber(half) > 0 and tonumber(difference) ~= 0, difference .. " ± " .. half)
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
    assert.matches("ttft.mean +ms +[%d.]+ +[%d.]+ +x%d+ %(x%d+ to x%d+%)", out)
    assert.matches("nothing to replicate", err)
    rc, out, err = run(("compare vllm vllm %s/t.lua --set warm_up=3 --set slo.ttft=0.02 --json - -q"):format(dir))
    assert.equal(0, rc, err)
    local compared = metrics(out)
    local _, whole = run(("%s/t.lua --set warm_up=3 --set slo.ttft=0.02 --json - -q"):format(dir))
    whole = json.decode(whole)
    assert.near(whole.latency.time_to_first_token_ms.mean, compared["ttft.mean"].base, 1e-3)
    assert.near(whole.throughput.requests_per_second, compared.throughput.base, 1e-6)
    assert.near(whole.throughput.goodput_rps, compared.goodput.base, 1e-6)
    assert.equal(0, compared.goodput.variants[1].difference)
  end)

  it("refuses what it cannot compare in one line", function()
    for args, pattern in pairs {
      ["compare vllm " .. QUICK] = "two systems, policies, settings",
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
    out = out:gsub("%s+", " ")
    assert.matches("ns per step %d+ asked every step, at 64 sequences; the same in C: %d+ laws kept $", out)
    rc, _, err = run(("new policy %s/mine"):format(dir))
    assert.equal(1, rc)
    assert.matches("is there already", err)
  end)

  it("do so for every kind of policy, and write over nothing", function()
    local QUICKER = QUICK .. " -q --set workload.prompt_pool=9 --set replicas=2"
    local scaling = "--set autoscaling.max=4 --set autoscaling.cold_start=1 "
    for kind, key in pairs { batching = "batching", router = "router", admission = "admission", eviction = "eviction",
                             autoscaler = scaling .. "--set autoscaling.policy" } do
      local path = ("%s/MY_NAME_%s.lua"):format(dir, kind)
      local rc, _, err = run(("new %s %s"):format(kind, path))
      assert.equal(0, rc, err)
      assert.is_truthy(read(path):find("check policy " .. path, 1, true))
      rc, _, err = run(("%s %s=%s"):format(QUICKER, key:find("--set", 1, true) and key or "--set " .. key, path))
      assert.equal(0, rc, err)
      local report = require("oracle.study.policy_check").run(path, { loads = 3, timing = false })
      assert.same({}, report.faults)
      assert.equal(kind, report.kind)
      local before = read(path)
      assert.equal(1, (run(("new %s %s"):format(kind, path))))
      assert.equal(before, read(path))
    end
    for _, args in ipairs { "new", "new policy", "new polcy x", "new policy a b", "new policy 1x", "new policy 'a b'",
                            "new policy " .. dir .. "/", "new policy ''", "new policy 'a%b'" } do
      local rc, out, err = run(args)
      assert.equal(2, rc, args)
      assert.equal("", out)
      assert.matches("^oracle: new[^\n]*\n$", err)
    end
    assert.equal(1, (run(("new policy %s/no/such/folder"):format(dir))))
    assert.matches("also the name of a batching policy", select(3, run(("new policy %s/sarathi"):format(dir))))
  end)

  it("end when they are to", function()
    local calls = 0
    local ok, why = pcall(require("oracle.study.policy_check").run, "chunked", { stopped = function()
      calls = calls + 1
      return calls == 3
    end })
    assert.is_false(ok)
    assert.equal("interrupted", why)
    local comparison = require "oracle.study.paired"
    local s = require("oracle").load "scenarios/quickstart.lua"
    s.workload.duration, s.workload.count, calls = nil, 20, 0
    local result = comparison.run(s, { variants.read "vllm", variants.read "sglang" }, { replications = 9,
      stopped = function()
        calls = calls + 1
        return calls == 6
      end })
    assert.is_true(result.interrupted)
    assert.equal(2, result.replications)                  -- the third is not whole
    assert.matches("^The same requests through each, 2 replications", require("oracle.study.paired_text").text(result))
  end)

  it("tell who starves others from who is slow", function()
    local check = require("oracle.study.policy_check")
    local function starves(name) return check.run(name, { loads = 1, timing = false }).starvation end
    assert.is_truthy(starves "sjf")
    for _, name in ipairs { "chunked", "fcfs", "static", "vtc", "priority" } do assert.is_nil(starves(name), name) end
    assert.matches("\nstarvation +somebody waited [%d.]+ s in a long stream, [%d.]+ s on average\n",
      check.text(check.run("sjf", { loads = 1, timing = false })))
  end)

  it("find what goes wrong late, in every kind", function()
    for kind, body in pairs {
      router = "route = function(c) if c:now() > 1 then return 0 end return 1 end",
      admission = "admit = function(c) if c:now() > 1 then return 1 end return true end",
      autoscaler = "scale = function(c) if c:now() > 1 then return 'x' end return 2 end",
      eviction = "grade = function(r) if r.id > 10 then return 4 end return 0 end",
      batching = "step = function(b) if b:now() > 1 then b:wake(b:now() + 1) return end b:decode() b:resume(99) "
        .. "b:admit(99) end",
    } do
      local f = assert(io.open(dir .. "/late.lua", "w"))
      f:write(("return require('oracle.policy').%s { name = 'late', %s }"):format(kind, body))
      f:close()
      local rc, out = run(("check policy %s/late.lua"):format(dir))
      assert.equal(1, rc, kind)
      assert.matches("\nFAULT in [%w ]+ +at t=.*late.lua:1", out)
    end
  end)

  it("find what is wrong with one", function()
    local f = assert(io.open(dir .. "/picky.lua", "w"))
    f:write([[
      local policy = require "oracle.policy"
      return policy.batching { name = "picky", step = function(b, e, s)
        local left = e.max_num_batched_tokens - b:decode()
        if left > 0 then left = left - b:resume(left) end
        s.cols = s.cols or b:columns { "id", "prompt" }
        local n = b:waiting(s.cols)
        for i = 1, n do
          if s.cols.prompt[i] % 5 ~= 0 and left > 0 then left = left - b:admit(left, s.cols.id[i]) end
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
