--- Cost models of a user's own: files, functions, tables of times.
local oracle = require "oracle"
local program = require "tests.spec.program"

local SCENARIO = [[return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3, %s
  workload = oracle.workload.poisson { rate = 12, count = 300, prompt = 512, output = 64 } }]]

-- The same deployment as a table of keys.
local function keys(changes)
  local t = { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3, cost = "roofline",
              workload = oracle.workload.poisson { rate = 12, count = 300, prompt = 512, output = 64 } }
  for k, v in pairs(changes or {}) do t[k] = v end
  return t
end

local function latencies(changes)
  local r = oracle.run(oracle.scenario(keys(changes)), { quiet = true })
  return { ttft = r.latency.time_to_first_token_ms.mean, tpot = r.latency.time_per_output_token_ms.mean,
           p99 = r.latency.time_per_output_token_ms.p99, steps = r.simulation.steps, result = r }
end

local function near(expected, got, tolerance)
  assert.is_true(math.abs(got - expected) <= tolerance * math.abs(expected),
    ("%.12g is not within %g of %.12g"):format(got, tolerance, expected))
end

-- Linear in n and context: 5 ms, 20 us a sequence, 10 ns a token of context.
local function linear(s) return 5e-3 + 20e-6 * s.decode_seqs + 1e-8 * s.decode_context + 1e-5 * s.prefill_tokens end

describe("a cost model of one's own", function()
  setup(program.open)
  teardown(program.close)

  it("that gives back what it is shown is the roofline", function()
    local expected = latencies()
    for _, cost in ipairs {
      function(_, parts) return parts.total end,
      { gemm = function(_, parts) return parts.gemm end, attention = function(_, parts) return parts.attention end },
      { add = function() return 0 end },
    } do
      local got = latencies { cost = cost }
      assert.equal(expected.steps, got.steps)
      near(expected.ttft, got.ttft, 1e-7)
      near(expected.tpot, got.tpot, 1e-7)
    end
  end)

  it("prices a request by hand: prompt, then 63 decodes of growing context", function()
    local r = oracle.run(oracle.scenario(keys { cost = linear,
      workload = oracle.workload.batch { count = 1, prompt = 512, output = 64 } }), { quiet = true })
    near(1e3 * (5e-3 + 1e-5 * 512), r.latency.time_to_first_token_ms.mean, 1e-6)
    local decodes = 0                                     -- contexts 513 to 575
    for context = 513, 575 do decodes = decodes + 5e-3 + 20e-6 + 1e-8 * context end
    near(1e3 * decodes / 63, r.latency.time_per_output_token_ms.mean, 1e-6)
  end)

  it("tells runs of decodes by pieces, as steps by the formula", function()
    local by_step = latencies { cost = linear }
    local told = latencies { cost = { step = linear, decode = function(n) return 5e-3 + 20e-6 * n, 1e-8 end } }
    near(by_step.tpot, told.tpot, 1e-9)
    local function bend(s) return linear(s) + 1e-8 * math.max(0, s.decode_context - 3000) end
    local bent = latencies { cost = { step = bend, decode = function(n)
      return { { 5e-3 + 20e-6 * n, 1e-8 }, { 5e-3 + 20e-6 * n - 1e-8 * 3000, 2e-8, from = 3000 } }
    end } }
    near(latencies { cost = bend }.tpot, bent.tpot, 1e-5)
  end)

  it("gives the same bytes with runs and without, high and medium where it prices whole steps", function()
    local path = program.write("whole.lua", [[return { step = function(s, parts) return 1.5 * parts.total end,
      add = function(s) return 1e-9 * math.sqrt(s.decode_context) * s.decode_seqs end }]])
    local s = program.write("s.lua", SCENARIO:format('cost = "./whole.lua",'))
    local _, runs = program.run(s .. " -q --json -")
    local _, steps = program.run(s .. " -q --json - --no-runs")
    assert.equal(runs, steps)
    local json = require("oracle.core").json
    local _, high = program.run(s .. " -q --json - --lod high")
    near(json.decode(runs).latency.end_to_end_latency_ms.mean, json.decode(high).latency.end_to_end_latency_ms.mean,
      1e-3)
    assert.equal("whole", json.decode(runs).deployment.cost_model)
    assert.is_truthy(path)
  end)

  it("is found beside the scenario, has parameters, and says what it cost", function()
    os.execute(("mkdir -p '%s/models'"):format(program.dir))
    program.write("models/mine.lua", [[local calc = require "oracle.calc"
      return { name = "mine", params = { factor = 1 }, gemm = function(_, parts, d)
        return d.params.factor * parts.gemm + calc.broadcast { ranks = 8, bytes = "1 MiB", latency = "1 us",
          bandwidth = "100 GB/s" } end }]])
    local s = program.write("p.lua", SCENARIO:format('cost = { kind = "models/mine.lua", params = { factor = 2 } },'))
    local rc, _, err = program.run(s)
    assert.equal(0, rc, err)
    assert.matches("# cost model in Lua: [%d,]+ calls of [%d.]+ us, %d+ ns a step", err)
    local json = require("oracle.core").json
    local _, twice = program.run(s .. " -q --json -")
    local _, once = program.run(s .. " -q --json - --set cost.params.factor=1")
    assert.is_true(json.decode(twice).latency.time_per_output_token_ms.mean
      > 1.3 * json.decode(once).latency.time_per_output_token_ms.mean)
  end)

  it("forks and rewinds with the run, and loses nothing to an error", function()
    local function scenario(cost) return oracle.scenario(keys { cost = cost }) end
    local whole = oracle.run(scenario(linear), { quiet = true }).latency.end_to_end_latency_ms
    local s = oracle.sim(scenario(linear))
    s:run_until(8)
    local fork = s:fork()
    fork:run_until(12)
    s:rewind(5)
    for _, run in ipairs { s, fork } do
      local got = run:run().latency.end_to_end_latency_ms
      assert.same({ whole.mean, whole.p99 }, { got.mean, got.p99 })
    end
    local broken = oracle.sim(scenario(function(shape, parts)
      return shape.decode_seqs == 4 and shape.prefill_tokens > 0 and 0 / 0 or parts.total
    end))
    assert.has_error(function() broken:run() end)
    assert.is_true(broken:result().requests.total > 3)
  end)

  it("prices each pipeline stage and each pool", function()
    local one = latencies { engine = { async_scheduling = false },
      cost = function(s, _, d) return linear(s) * d.stage.layers / d.model.num_hidden_layers end }
    local two = latencies { engine = { pipeline_parallel_size = 2, async_scheduling = false },
      cost = function(s, _, d) return linear(s) * d.stage.layers / d.model.num_hidden_layers end }
    assert.is_true(two.ttft < 1.2 * one.ttft and two.ttft > 0.8 * one.ttft)
    local groups = latencies { groups = { { replicas = 1 }, { replicas = 1, hardware = "a100-80gb" } },
      cost = { add = function(_, _, d) return d.hardware.bandwidth < 3e12 and 1 or 0 end } }
    assert.is_true(groups.ttft > 200)                     -- half of them meet a second a step
  end)

  describe("that is wrong", function()
    local function refused(text, pattern)
      program.write("wrong.lua", text)
      program.refused(1, program.write("w.lua", SCENARIO:format('cost = "./wrong.lua",')), pattern)
    end

    it("is found before the run", function()
      refused("return function() return -1 end", 'cost model "wrong": %S*wrong.lua:1: step gives %-1 s')
      refused("return function() return 'x' end", "step gives a string")
      refused("return { gem = function() end }", "gem: unknown key; did you mean gemm%?")
      refused("return 7", "a function or a table of functions expected, got a number")
      refused("local x = = 1", "wrong.lua:1: unexpected symbol")
      refused("return { params = { a = 1 } }", "step, decode, add or an item")
      refused("return function() return os.time() end", "os: no such thing")
      refused("return { decode = function() return 1, -1 end }", "decode%(1%): seconds and seconds per token")
      refused("return function() while true do end end", "wrong.lua:1: .* ran for more than 2 s")
    end)

    it("is found when it happens, with the simulated time", function()
      refused("return function(s, p) return s.decode_seqs > 3 and s.prefill_tokens > 0 and 0/0 or p.total end",
        'at t=%d+%.%d+ s, replica 0, step %d+: cost model "wrong": %S*wrong.lua:1: step gives %-?nan')
      refused("return function(s, p)\n if s.decode_seqs == 5 then return nil + 1 end return p.total end",
        "at t=%d+%.%d+ s, replica 0, step %d+: .*wrong.lua:2: attempt to perform arithmetic")
    end)

    it("is warned of where costs fall as tokens grow", function()
      program.write("falls.lua", "return function(s, p) return p.total / (1 + s.prefill_tokens) end")
      local rc, _, err = program.run(program.write("f.lua", SCENARIO:format('cost = "./falls.lua",')))
      assert.equal(0, rc)
      local _, times = err:gsub("costs fall as tokens grow", "")
      assert.equal(1, times, err)
    end)
  end)
end)

describe("a table of times", function()
  local DECODE = { { 1, 512, 0.006 }, { 1, 4096, 0.008 }, { 64, 512, 0.010 }, { 64, 4096, 0.030 } }
  local PREFILL = { { 1, 0.006 }, { 512, 0.015 }, { 8192, 0.2 } }
  local calc = oracle.calc

  it("is interpolated in sequences and in context", function()
    local d = calc.deployment { model = "llama-3.1-8b", hardware = "h100-sxm",
                                cost = { kind = "table", decode = DECODE, prefill = PREFILL } }
    near(0.006, calc.decode(d, 512).total, 1e-9)
    near(0.010, calc.decode(d, 512, 64).total, 1e-9)
    near(0.007, calc.decode(d, 2304).total, 1e-9)                              -- half way in context,
    near((0.006 + 0.010) / 2, calc.step(d, { decode_seqs = 33, decode_context = 65 * 512 / 2 + 256 }).total, 0.2)
    near(0.006 + (0.010 - 0.006) * 31 / 63, calc.decode(d, 512, 32).total, 1e-9)   -- in sequences,
    near(0.007 + (0.020 - 0.007) * 31 / 63, calc.decode(d, 2304, 32).total, 1e-9)  -- and in both
    near(0.015, calc.prefill(d, 512).total, 1e-9)
    near(0.030 + (0.030 - 0.010) / 3584 * 1024, calc.decode(d, 5120, 64).total, 1e-9)   -- beyond the last
    local both = calc.step(d, { decode = { 2304 }, prefill = { 511 } }).total  -- 512 tokens, and what context adds
    near(0.015 + 0.001, both, 1e-9)
  end)

  it("may be a CSV, and says what is wrong in it", function()
    program.open()
    program.write("decode.csv", "n,context,seconds\n1,512,0.006\n1,4096,0.008\n")
    local s = program.write("t.lua", SCENARIO:format('cost = { kind = "table", decode = "decode.csv" },'))
    local rc, _, err = program.run(s .. " -q")
    assert.equal(0, rc, err)
    program.write("decode.csv", "n,context,seconds\n1,512,-1\n")
    program.refused(1, s, "cost.decode%[1%].seconds: a number of at least 0 expected")
    program.close()
    assert.has_error(function()
      calc.decode({ model = "llama-3.1-8b", hardware = "h100-sxm", cost = { kind = "table" } }, 1)
    end)
  end)
end)

describe("oracle.calc", function()
  local calc = oracle.calc
  local S = { model = "Llama-2-7b", hardware = "a100-80gb" }

  it("prices steps, operations and work", function()
    local step = calc.step(S, { decode = { 512, 900 }, prefill = { { tokens = 256, past = 1024 } } })
    near(step.total, step.gemm + step.attention + step.lm_head + step.other + step.collective + step.exchange
      + step.overhead, 1e-12)
    local names = {}
    for _, op in ipairs(calc.operations(S)) do names[op.name] = op end
    assert.equal(2 * 3 * 4096 * 4096 * 32, names.qkv.flops)
    local seconds, bound = calc.roofline(S, { flops = 312e12, mfu = 0.5, format = "bf16" })
    near(2, seconds, 1e-9)
    assert.equal("compute", bound)
    assert.equal(312e12, calc.flops(S, "bf16"))
  end)

  it("counts memory and parameters", function()
    assert.equal(524288 * 100, calc.kv_bytes(S, 100))
    assert.equal(2 * 6738415616, calc.weight_bytes(S))
    assert.equal(6738415616, calc.parameters(S).total)
    assert.equal(16, calc.format("bf16").bits)
    assert.has_error(function() calc.format("bf17") end)
  end)

  it("knows all collectives, by the alpha-beta model and by LogGP", function()
    local a, b, S8 = 1e-6, 1 / 100e9, 2 ^ 20
    local group = { ranks = 8, bytes = S8, latency = "1 us", bandwidth = "100 GB/s" }
    local function by(algorithm) group.algorithm = algorithm return group end
    near(14 * a + 14 / 8 * S8 * b, calc.all_reduce(by "ring"), 1e-9)
    near(7 * a + 7 / 8 * S8 * b, calc.all_gather(by "ring"), 1e-9)
    near(7 * a + 7 / 8 * S8 * b, calc.reduce_scatter(by "ring"), 1e-9)
    near(3 * (a + S8 * b), calc.broadcast(by "tree"), 1e-9)
    near(3 * a + 7 / 8 * S8 * b, calc.scatter(by "tree"), 1e-9)
    near(3 * a + 7 / 8 * S8 * b, calc.gather(by "tree"), 1e-9)
    near(7 * a + 7 / 8 * S8 * b, calc.all_to_all(by "ring"), 1e-9)
    near(a + S8 * b, calc.send_recv(by "direct"), 1e-9)
    -- a chain of 3 hops, each o + (k-1)G + L + o
    near(3 * (1e-6 + 2 * 2e-6 + (S8 - 1) * b),
      calc.broadcast { ranks = 8, bytes = S8, latency = "1 us", overhead = "2 us", gap = "3 us", bandwidth = "100 GB/s",
                       algorithm = "tree" }, 1e-9)
    assert.has_error(function() calc.broadcast { ranks = 8, bytes = 1, latncy = 1, bandwidth = 1e9 } end)
  end)

  it("reads measurements and messages", function()
    local line = calc.fit({ 1e3, 1e6, 2e6 }, { 11e-6, 20e-6, 30e-6 })
    assert.is_true(line.base > 5e-6 and line.per_byte > 5e-12)
    assert.equal(56, #calc.schedule { collective = "all_gather", algorithm = "ring", ranks = 8, bytes = 1024 })
  end)
end)
