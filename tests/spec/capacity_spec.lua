--- Objectives over all requests, and the search for the most load that meets them.
local json = require("oracle.core").json
local load = require "oracle.study.load"
local oracle = require "oracle"
local planning = require "oracle.plan"
local program = require "program"
local scenario = require "oracle.scenario"
local slo = require "oracle.scenario.slo"

setup(program.open)
teardown(program.close)

local function near(expected, got, share)
  assert.is_true(math.abs(got - expected) <= share * expected, ("%g expected, got %g"):format(expected, got))
end

-- A server of queueing theory: an answer of n tokens takes n steps. Version 0.11 starts a step when the one before has
-- ended.
local function server(step, output, seats)
  return program.write("server.lua", ([[
return oracle.scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm", cost = { kind = "constant", constant_step = "%s" },
  engine = { version = "0.11", max_num_seqs = %d, max_num_batched_tokens = 64, max_model_len = 4096 },
  workload = oracle.workload.poisson { rate = 20, count = 2000, prompt = 1, output = %s },
}
]]):format(step, seats, output))
end

local function found(args)
  local code, out, err = program.run("capacity " .. args .. " --json - -q")
  return code, code == 0 and json.decode(out) or out, err
end

describe("an objective", function()
  it("is a statistic of a metric, with its limit in a unit", function()
    local o = assert(slo.parse "chat: ttft.p99.9 <= 1.5 s")
    assert.same({ "chat", "ttft.p99.9", 1500, 99.9, false },
      { o.class, o.column.name, o.limit, o.percentile, o.floor })
    assert.is_true(assert(slo.parse "goodput >= 600 req/min").floor)
    assert.equal(10, slo.parse("goodput >= 600 req/min").limit)
    assert.equal(90, slo.parse("kv.peak < 90 %").limit)
  end)

  it("is refused in one line where it says nothing, or nothing that can be meant", function()
    for text, why in pairs {
      ["ttft <= 1 s"] = "which of them%? ttft%.p99", ["ttft.p99 <= 200"] = "a unit expected: 200 ms or 200 s",
      ["ttft.p99 >= 1 s"] = "less of it is better", ["throughput <= 3 req/s"] = "more of it is better",
      ["tftt.p99 <= 1 s"] = "did you mean ttft%.p99", ["ttft.p99 = 1 s"] = "such as ttft%.p99 <= 1 s",
      ["ttft.p99 <= 0 s"] = "above 0", ["ttft.p99 <= 10 parsec"] = "unknown unit", [""] = "such as",
      ["requests <= 5"] = "neither more nor less",
    } do
      local o, message = slo.parse(text)
      assert.is_nil(o, text)
      assert.matches(why, message)
      assert.is_nil(message:find "\n")
    end
    assert.matches("one limit of each", select(2, slo.list { "ttft.p99 <= 1 s", "ttft.p99 <= 2 s" }))
  end)

  it("is judged in the result, of all requests or of a class", function()
    local mix = { model = "llama-3.1-8b", hardware = "h100-sxm",
      slo = { "chat: tpot.p95 <= 20 ms", "ttft.p97 <= 1 us" },
      workload = oracle.workload.mix { { name = "chat", rate = 2, prompt = 100, output = 20 },
                                       { name = "code", rate = 2, prompt = 400, output = 5 }, count = 60 } }
    local result = oracle.scenario(mix):run()
    local chat, all = result.slo.objectives[1], result.slo.objectives[2]
    assert.equal(result.per_profile.chat.latency.time_per_output_token_ms.p95, chat.value)
    assert.equal(result.latency.time_to_first_token_ms.p97, all.value)
    assert.is_true(chat.met)
    assert.is_false(all.met or result.slo.met)
    assert.is_nil(result.throughput.goodput_rps)          -- no request is judged by it
    mix.slo = { "chart: ttft.p99 <= 1 s" }
    local ok, why = pcall(function() return oracle.scenario(mix):run() end)
    assert.is_false(ok)
    assert.matches("slo: chart: the workload has no class of that name; did you mean chat%?", why)
  end)
end)

describe("a load", function()
  local function given(workload, more)
    local t = { model = "llama-3.1-8b", hardware = "h100-sxm", workload = workload }
    for k, v in pairs(more or {}) do t[k] = v end
    local s = scenario.new(t)
    return s, planning.plan(s).scenario
  end

  -- The workload with x times the load, as it is written.
  local function scaled(x, workload)
    local s, r = given(workload)
    local raised = load.of(s, r)
    assert.same({ "workload", "x", 1, true }, { raised.key, raised.unit, raised.from, raised.fixed })
    return scenario.raw(raised.apply(x)).workload, scenario.raw(s).workload, raised
  end

  it("keeps the shape of a pattern in time, of a trace and of a mix", function()
    local w, own = scaled(3, { kind = "poisson", prompt = 100, output = 10, duration = 30,
                               stages = { { rate = 2, duration = 10 }, { rate = "120 req/min", duration = 20 } } })
    assert.same({ { rate = 6, duration = 10 }, { rate = 6, duration = 20 } }, w.stages)
    assert.equal(2, own.stages[1].rate)                   -- it is a copy that is raised

    w = scaled(3, { kind = "poisson", prompt = 100, output = 10, duration = 30, rate_max = 9,
                    rate = function(t) return 4 + t / 10 end })
    assert.same({ 15, 27 }, { w.rate(10), w.rate_max })

    w = scaled(0.5, oracle.workload.mix { { name = "chat", rate = 2, prompt = 100, output = 20 },
                                          { name = "code", rate = 6, prompt = 400, output = 5 }, count = 60 })
    assert.same({ 1, 3 }, { w.profiles[1].rate, w.profiles[2].rate })

    local path = program.write("t.csv", "request_id,client_id,arrival_time,prompt_tokens,max_output_tokens\n"
      .. "1,a,0,100,10\n2,a,1,100,10\n")
    local raised
    w, own, raised = scaled(4, { kind = "trace", path = path, rate_scale = 2 })
    assert.same({ 8, 2 }, { w.rate_scale, own.rate_scale })
    assert.is_true(raised.recorded)                       -- seeds change nothing
  end)

  it("of a mix in which nothing has a rate is refused", function()
    local ok, why = pcall(scaled, 2, oracle.workload.mix {
      { name = "a", kind = "batch", count = 5, prompt = 100, output = 20 },
      { name = "b", kind = "closed_loop", concurrency = 2, count = 5, prompt = 100, output = 20 } })
    assert.is_false(ok)
    assert.matches("^workload: mix: no profile of it has a rate; %-%-over KEY names what to raise$", why)
  end)

  it("is a key's number, whole where that is", function()
    local s = given { kind = "poisson", rate = 2.5, count = 10, prompt = 100, output = 10 }
    local raised = load.of(s, nil, "workload.prompt")
    assert.same({ "workload.prompt", 100, true }, { raised.key, raised.from, raised.whole })
    assert.equal(300, raised.apply(300):get "workload.prompt")
    assert.equal(100, s:get "workload.prompt")
    assert.is_false(load.of(s, nil, "workload.rate").whole)
  end)

  it("lasts for so many requests, and no shorter than the scenario", function()
    local sessions = { kind = "sessions", rate = 2, duration = 10, prompt = 100, output = 10, turns = 3 }
    local s, r = given(sessions)
    local w = scenario.raw(load.of(s, r).apply(4, 200)).workload
    assert.same({ 4, 50 }, { w.rate, w.duration })        -- 200 sessions open at 4 a second
    s, r = given { kind = "poisson", rate = 2, count = 600, prompt = 100, output = 10 }
    local one = scenario.raw(load.of(s, r).apply(4, 200))
    assert.same({ 600, 15 }, { one.workload.count, one.warm_up })
  end)

  it("is shorter for a first look, but for sessions, whose later turns are part of it", function()
    local function short(requests, workload, more)
      local s, r = given(workload, more)
      return scenario.raw(load.short(s, r, requests))
    end
    local at_rate = short(50, { kind = "poisson", rate = 2, count = 600, prompt = 100, output = 10 },
      { duration = 300, warm_up = 20 })
    assert.same({ 50 }, { at_rate.workload.count, at_rate.duration, at_rate.warm_up })
    local sessions = { kind = "sessions", rate = 2, duration = 40, prompt = 100, output = 10, turns = 3 }
    assert.equal(30, short(750, sessions).workload.duration)
    assert.equal(20, short(10, sessions).workload.duration) -- half at least
    assert.equal(40, short(5000, sessions).workload.duration)
    local path = program.write("t.csv", "request_id,client_id,arrival_time,prompt_tokens,max_output_tokens\n"
      .. "1,a,0,100,10\n2,a,1,100,10\n")
    assert.equal(20, short(5, { kind = "trace", path = path }).workload.count)
    local stages = { kind = "poisson", prompt = 100, output = 10, stages = { { rate = 2, duration = 10 } } }
    assert.same({ 30, 2 }, { short(5, stages, { duration = 30, warm_up = 2 }).duration,
                             short(5, stages, { duration = 30, warm_up = 2 }).warm_up })
  end)

  it("of replicas is of replicas of one kind", function()
    local s = given { kind = "poisson", rate = 2, count = 10, prompt = 100, output = 10 }
    for _, key in ipairs { "pools", "groups", "autoscaling" } do
      assert.has_error(function() load.replicas(s, { [key] = {} }) end, "--replicas: " .. key .. ": replicas of one "
        .. "kind, without autoscaling, expected; oracle plan searches pools")
    end
  end)
end)

describe("oracle capacity", function()
  it("finds the rate of M/D/1: rho D / (2 (1 - rho)) + D = 5.5 D at rho = 0.9", function()
    local code, f = found(server("100 ms", "1", 1) .. " --slo 'e2e.mean<=550ms' --until 1%")
    assert.equal(0, code)
    near(9, f.capacity.value, 0.01)
    assert.is_true(f.capacity.low <= f.capacity.value and f.capacity.value <= f.capacity.high)
    assert.equal("e2e.mean <= 550ms", f.capacity.binding)
    assert.is_true(f.capacity.knee > 4 and f.capacity.knee < 10)       -- of 1 / (1 - rho), between half and full
  end)

  it("finds the fewest replicas for a rate", function()
    local code, f = found(server("100 ms", "1", 1) .. " --slo 'queue.mean<=1s' --replicas")
    assert.equal(0, code)
    assert.equal(3, f.capacity.value)                     -- 2 replicas of 10 req/s are just too few for 20
  end)

  it("finds one replica where one is enough", function()
    local code, got = found(server("10 ms", 1, 1) .. " --slo 'queue.mean<=1s' --replicas --seeds 2")
    assert.equal(0, code)
    assert.equal(1, got.capacity.value)
  end)

  it("says why where every request is refused, without lower loads", function()
    local code, out = program.run("capacity " .. server("10 ms", 5000, 1) .. " --slo 'queue.mean<=1s' --seeds 1")
    assert.equal(1, code)
    assert.truthy(out:find("every request is rejected: prompt", 1, true), out)
    assert.truthy(out:find("\n1 loads of", 1, true), out)
  end)

  it("raises the load where only that is missing, and says what comes nearest", function()
    local code, got = found(server("10 ms", 1, 1) .. " --slo 'queue.mean<=1s,throughput>=40req/s' --until 9% --seeds 2")
    assert.equal(0, code)
    near(100, got.capacity.value, 0.1)
    local none, out = program.run("capacity " .. server("10 ms", 1, 1) .. " --slo 'throughput>=400req/s' --seeds 1")
    assert.equal(1, none)
    assert.truthy(out:find("at 80 req/s", 1, true), out)
  end)

  it("refuses goodput where no request has objectives", function()
    local code, _, err = program.run("capacity " .. server("10 ms", 1, 1) .. " --slo 'goodput>=10req/s'")
    assert.equal(1, code)
    assert.truthy(err:find("objectives of each request expected", 1, true), err)
  end)

  it("says which load is the most of a closed loop, and gives the same bytes on one thread and on two", function()
    local path = program.write("closed.lua", [[
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
  workload = oracle.workload.closed_loop { concurrency = 8, count = 200, prompt = 400, output = 40 } }
]])
    local code, one = program.run("capacity " .. path .. " --slo 'tpot.mean<=12ms' --threads 1")
    local _, two = program.run("capacity " .. path .. " --slo 'tpot.mean<=12ms' --threads 2")
    assert.equal(0, code)
    assert.equal(one, two)
    assert.matches("^capacity: %d+ clients; the limit is tpot.mean <= 12ms", one)
  end)

  it("says what is best where no load meets the objectives, with exit status 1", function()
    local code, out = program.run("capacity " .. server("100 ms", "1", 1) .. " --slo 'e2e.mean<=50ms'")
    assert.equal(1, code)
    assert.matches("^capacity: no load meets the objectives: at [%d.e-]+ req/s e2e.mean is 100", out)
  end)

  it("refuses in one line what it cannot search", function()
    local path = server("100 ms", "1", 1)
    local batch = program.write("batch.lua", [[
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
  workload = oracle.workload.batch { count = 8, prompt = 400, output = 40 } }
]])
    for args, why in pairs {
      [path] = "objectives expected", [path .. " --slo 'ttft<=1s'"] = "which of them",
      [batch .. " --slo 'ttft.p99<=1s'"] = "batch has no rate to raise",
      [path .. " --slo 'ttft.p99<=1s' --over seed"] = "a key with a number above 0 expected",
      [path .. " --slo 'ttft.p99<=1s' --over replicas --replicas"] = "one of both",
      [path .. " --slo 'ttft.p99<=1s' --goodput 2"] = "a share such as 0.95 expected",
      [path .. " --slo 'output_throughput>=1 tok/s' --goodput 0.9"] = "objectives of each request expected",
    } do
      local code, _, err = program.run("capacity " .. args)
      assert.is_true(code == 1 or code == 2, args)
      assert.matches(why, err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
  end)
end)
