--- Where time goes: of the GPUs in every result, of requests in `oracle why`, by hand where a hand can.
local core = require "oracle.core"
local json = core.json
local oracle = require "oracle"
local planning = require "oracle.plan"
local program = require "program"

local workload = oracle.workload

setup(program.open)
teardown(program.close)

local MS = 1000000

local function scenario(t)
  t.model, t.hardware = t.model or "llama-3.1-8b", t.hardware or "h100-sxm"
  return oracle.scenario(t)
end

-- What the time of all requests went into, by number; nil terms are 0.
local function told(t, count)
  local numbers = {}
  for i = 1, count do numbers[i] = i - 1 end
  local raw = planning.simulate(planning.plan(scenario(t)), { attribution = numbers })
  assert.equal(0, raw.attribution.wrong)
  local list = {}
  for _, r in ipairs(raw.attribution.requests) do list[r.number + 1] = r end
  return list
end

local function sum(t)
  local all = 0
  for _, v in pairs(t) do all = all + v end
  return all
end

-- Steps of 10 ms, one after the other.
local function steps(t)
  t.cost = { kind = "constant", constant_step = "10 ms" }
  t.engine = t.engine or {}
  t.engine.version, t.engine.max_model_len = "0.11", t.engine.max_model_len or 4096
  return t
end

describe("the time of a request", function()
  it("goes into the steps that it takes part in", function()
    local one = told(steps { workload = workload.batch { count = 1, prompt = 100, output = 5 } }, 1)[1]
    assert.same({ ns = 10 * MS, at = { ["prefill.own"] = 10 * MS }, by = { host = 10 * MS } }, one.ttft)
    assert.same({ ["prefill.own"] = 10 * MS, ["decode.overhead"] = 40 * MS }, one.e2e.at)
  end)

  it("is lost behind the seats of a batch", function()
    local list = told(steps { engine = { max_num_seqs = 1, max_num_batched_tokens = 512 },
                              workload = workload.batch { count = 3, prompt = 100, output = 5 } }, 3)
    for i, one in ipairs(list) do
      assert.equal(i > 1 and (i - 1) * 50 * MS or nil, one.ttft.at["queue.seats"])
      assert.equal(one.ttft.at["queue.seats"], one.ttft.by.batch_seats)
      assert.equal(one.e2e.ns, sum(one.e2e.at))
    end
  end)

  it("is lost to the prompts of others where the tokens of a step are theirs", function()
    local list = told(steps { engine = { max_num_batched_tokens = 128, max_num_seqs = 8 },
                              workload = workload.batch { count = 2, prompt = 384, output = 2 } }, 2)
    assert.same({ ["prefill.own"] = 30 * MS }, list[1].ttft.at)
    -- One of the 128 tokens of its first step is the other's: 127, 128, 128, 1.
    assert.same({ ["queue.prompts"] = 30 * MS, ["prefill.own"] = 40 * MS }, list[2].ttft.at)
  end)

  it("is lost to decodes where the tokens of a step are theirs", function()
    local list = told(steps { engine = { max_num_batched_tokens = 8, max_num_seqs = 8 },
      workload = workload.requests { { arrival = 0, prompt = 8, output = 30 },
                                     { arrival = 0.005, prompt = 16, output = 2 } } }, 2)
    -- The first step ends 5 ms after it came; then 7 tokens at a time beside the other's decode.
    assert.equal(5 * MS, list[2].ttft.at["queue.step"])
    assert.equal(30 * MS, list[2].ttft.at["prefill.own"] + (list[2].ttft.at["interference.decodes"] or 0))
    assert.equal(35 * MS, list[2].ttft.ns)
  end)

  it("is lost behind KV blocks, and to preemption where they run out", function()
    local list = told(steps { engine = { num_gpu_blocks_override = 12, max_num_seqs = 8, max_model_len = 160,
                                         enable_prefix_caching = false },
                              workload = workload.batch { count = 3, prompt = 60, output = 40 } }, 3)
    local waited, again = 0, 0
    for _, one in ipairs(list) do
      assert.equal(one.e2e.ns, sum(one.e2e.at))
      assert.equal(one.e2e.ns, sum(one.e2e.by))
      waited = waited + (one.e2e.at["queue.blocks"] or 0) + (one.e2e.at["preemption.waiting"] or 0)
      again = again + (one.e2e.at["preemption.recomputation"] or 0)
    end
    assert.is_true(waited > 100 * MS and again > 0)
  end)

  it("goes into the operations of its steps, as these are priced", function()
    local t = { cost = "roofline", engine = { version = "0.11", tensor_parallel_size = 2 },
                workload = workload.batch { count = 1, prompt = 1000, output = 3 } }
    local one = told(t, 1)[1]
    local cost = { model = "llama-3.1-8b", hardware = "h100-sxm", cost = "roofline", engine = t.engine }
    local a, b = oracle.calc.decode(cost, 1001), oracle.calc.decode(cost, 1002)
    local function near(seconds, ns)
      assert.is_true(math.abs(1e9 * seconds - ns) <= 4, ("%g s, %d ns"):format(seconds, ns))
    end
    near(a.gemm + a.lm_head + b.gemm + b.lm_head, one.e2e.at["decode.weights"])
    near(a.attention + b.attention, one.e2e.at["decode.kv"])
    near(a.collective + b.collective, one.e2e.at["decode.collectives"])
    near(a.other + b.other, one.e2e.at["decode.overhead"])
    near(oracle.calc.prefill(cost, 1000).total, one.ttft.at["prefill.own"])
  end)

  it("tells what others' prompts cost those that decode", function()
    local list = told({ cost = "roofline", engine = { version = "0.11" },
      workload = workload.requests { { arrival = 0, prompt = 64, output = 200 },
                                     { arrival = 0.2, prompt = 4000, output = 2 } } }, 2)
    local cost = { model = "llama-3.1-8b", hardware = "h100-sxm", cost = "roofline" }
    local lost = list[1].e2e.at["interference.prefills"]
    assert.near(oracle.calc.prefill(cost, 4000).total, lost / 1e9, 0.1 * lost / 1e9)
    assert.is_true(list[2].e2e.at["queue.step"] > 0)
  end)

  it("goes to drafts, to the way between pools, and to the client's end", function()
    local drafts = { method = "draft_model", model = "llama-3.2-1b", num_speculative_tokens = 3,
                     acceptance = { 0.8, 0.6, 0.4 } }
    local list = told({ engine = { speculative_config = drafts },
                        workload = workload.batch { count = 2, prompt = 100, output = 20 } }, 2)
    assert.is_true(list[1].e2e.at["decode.drafts"] > 0)
    assert.is_true(list[1].e2e.at.api > 0 and list[1].e2e.at.stream > 0)      -- of the fit
    local s = oracle.load(program.root .. "/scenarios/pools.lua")
    s.workload.count, s.workload.duration = 20, nil
    local why = oracle.why(s, { sensitivities = false })
    assert.is_true(why.e2e.mean.terms["transfer.pools"] > 0)
  end)
end)

describe("the splits of oracle why", function()
  local function whole(splits)
    for _, p in ipairs { "p50", "p90", "p99" } do
      local s = splits[p]
      assert.equal(s.ns, sum(s.terms))
      assert.equal(s.ns, sum(s.bound_by))
      for _, v in pairs(s.terms) do assert.equal("integer", math.type(v)) end
      assert.equal(s.ns / 1e6, s.ms)
      assert.equal(s.bound_by[s.binding] / s.ns, s.binding_share)
    end
  end

  it("are of the requests at the percentiles, to the nanosecond", function()
    local s = scenario { workload = workload.poisson { rate = 20, count = 300, prompt = 400, output = 60 }, seed = 3 }
    local csv = program.dir .. "/r.csv"
    local result = s:run { csv = csv }
    local why, ends, rows = oracle.why(result, { sensitivities = false, percentiles = { 50, 90, 99, 100 } }), {}, {}
    for line in io.lines(csv) do
      local fields = {}
      for f in (line .. ","):gmatch("([^,]*),") do fields[#fields + 1] = f end
      if #rows + 1 > 0 and fields[1] ~= "request_id" then
        ends[#ends + 1] = tonumber(fields[13])
        rows[fields[1]] = fields
      end
    end
    table.sort(ends)
    for _, p in ipairs { 50, 90, 99, 100 } do
      local one = why.e2e["p" .. p]
      assert.near(ends[math.ceil(p / 100 * #ends)], one.ms, 1e-9)
      assert.near(tonumber(rows[one.request][13]), one.ms, 1e-9)
    end
    whole(why.ttft)
    whole(why.e2e)
    assert.near(result.latency.end_to_end_latency_ms.mean, why.e2e.mean.ms, 1e-6)
    assert.near(result.latency.time_to_first_token_ms.mean, why.ttft.mean.ms, 1e-6)
    assert.is_nil(why.sensitivities)
  end)

  it("name what binds", function()
    local function binding(engine, asked, latency)
      local s = scenario { engine = engine, workload = asked }
      return oracle.why(s, { sensitivities = false }).binding[latency].resource
    end
    local batch = workload.batch { count = 40, prompt = 200, output = 100 }
    assert.equal("batch_seats", binding({ max_num_seqs = 2, max_num_batched_tokens = 2048 }, batch, "ttft"))
    assert.equal("kv_blocks", binding({ num_gpu_blocks_override = 40, max_model_len = 512 }, batch, "ttft"))
    local short = workload.poisson { rate = 1, count = 20, prompt = 20, output = 50 }
    assert.equal("memory_bandwidth", binding(nil, short, "e2e"))
    local long = workload.poisson { rate = 1, count = 20, prompt = 8000, output = 2 }
    assert.equal("flops", binding(nil, long, "ttft"))
  end)

  it("are told of scenarios and results, and of nothing else", function()
    local s = scenario { workload = workload.batch { count = 2, prompt = 10, output = 2 } }
    local result = s:run()
    s.workload.prompt = 1000                              -- the result is of what it was
    assert.equal(10, oracle.why(result, { sensitivities = false }).e2e.p50.prompt_tokens)
    assert.has_error(function() oracle.why(7) end, "why: a scenario, its path or a result expected, got a number")
    local gone = scenario { engine = { max_model_len = 100 },
                            workload = workload.batch { count = 3, prompt = 200, output = 2 } }
    assert.has_error(function() oracle.why(gone) end,
      "no request finished (3 rejected of 3): there is no latency to explain")
    local varied = scenario { vary = { { "seed", { 1, 2 } } },
                              workload = workload.batch { count = 2, prompt = 10, output = 2 } }
    assert.has_error(function() oracle.why(varied) end,
      "the scenario varies keys; one of its points expected: --set vary=nil")
    assert.has_error(function() oracle.why { points = {} } end,
      "why: the points of a sweep, or of a scenario that varies keys; the result of one run, or a scenario, expected")
  end)
end)

describe("sensitivities", function()
  local function effects(t, options)
    local found = {}
    for _, m in ipairs(oracle.why(scenario(t), options).sensitivities) do found[m.parameter] = m end
    return found
  end

  it("are what the roofline says where one request is alone", function()
    local t = { cost = "roofline", engine = { version = "0.11" },
                workload = workload.constant { rate = 0.1, count = 3, prompt = 1, output = 100 } }
    local found = effects(t, { seeds = 1 })
    -- All of it is memory: 1 / 1.1 and 1 / 0.9 of the time.
    local e = found.memory_bandwidth.effects["e2e.p50"]
    assert.near((1 / 1.1 - 1 / 0.9) / 0.2, e.elasticity, 1e-3)
    assert.near(0, found.flops.effects["e2e.p50"].elasticity, 1e-3)
    assert.near(e.elasticity / found.memory_bandwidth.value * oracle.run(scenario(t)).latency.end_to_end_latency_ms.p50,
      e.derivative, 1e-6 * math.abs(e.derivative))
    for _, name in ipairs { "batch_seats", "kv_blocks", "replicas" } do
      assert.equal(0, found[name].effects["e2e.p99"].elasticity)
    end
  end)

  it("see seats, blocks and replicas where they lack, with an interval over the seeds", function()
    local found = effects({ engine = { max_num_seqs = 10, max_num_batched_tokens = 2048 },
      workload = workload.poisson { rate = 30, count = 150, prompt = 300, output = 60 } }, { seeds = 3 })
    local seats = found.batch_seats
    assert.same({ 9, 11, 10 }, { seats.low, seats.high, seats.value })
    assert.is_true(seats.effects["ttft.p99"].elasticity < -0.3)
    assert.is_true(seats.effects["ttft.p99"].half_width > 0)
    assert.is_true(found.replicas.effects["ttft.p99"].elasticity < -0.3)
    assert.is_true(found.kv_blocks.effects["ttft.p99"].elasticity == 0)
  end)
end)

describe("time_split", function()
  local ITEMS = { "gemm", "attention", "experts", "lm_head", "collective", "exchange", "overhead", "transfer" }

  local function split(t)
    local s = scenario(t):run()
    local all, split_of = 0, s.time_split
    for _, item in ipairs(ITEMS) do all = all + split_of[item] end
    assert.near(1, all, 1e-9)
    assert.near(1, split_of.busy + split_of.idle, 1e-12)
    assert.near(1, sum(split_of.bound_by), 1e-9)
    return split_of, s
  end

  it("is what the steps are priced at", function()
    local engine = { version = "0.11", tensor_parallel_size = 2 }
    local got = split { cost = "roofline", engine = engine,
                        workload = workload.batch { count = 1, prompt = 1000, output = 41 } }
    local cost = { model = "llama-3.1-8b", hardware = "h100-sxm", cost = "roofline", engine = engine }
    local total = oracle.calc.prefill(cost, 1000)
    for i = 1, 40 do
      for key, v in pairs(oracle.calc.decode(cost, 1000 + i)) do total[key] = total[key] + v end
    end
    for _, item in ipairs { "gemm", "attention", "lm_head", "collective" } do
      assert.near(total[item] / total.total, got[item], 1e-6, item)
    end
    assert.near((total.other + total.overhead) / total.total, got.overhead, 1e-6)
    assert.near(total.collective / total.total, got.bound_by.communication, 1e-6)
    assert.is_true(got.bound_by.compute > 0 and got.bound_by.memory > 0.7)
  end)

  it("has sends between stages, experts and their exchange, drafts and fixed times", function()
    local staged = split { cost = "roofline", engine = { pipeline_parallel_size = 2 },
                           workload = workload.batch { count = 4, prompt = 2000, output = 10 } }
    assert.is_true(staged.transfer > 1e-4 and staged.bound_by.communication == staged.transfer)
    local fixed = split { cost = { kind = "constant", constant_step = "1 ms" },
                          workload = workload.batch { count = 4, prompt = 20, output = 10 } }
    assert.same({ 1, 1, 0 }, { fixed.overhead, fixed.bound_by.overhead, fixed.gemm })
    local experts = split { model = "mixtral-8x7b", cost = "roofline", engine = { tensor_parallel_size = 4 },
                            workload = workload.batch { count = 4, prompt = 100, output = 30 } }
    assert.is_true(experts.experts > experts.gemm)
    local shared = split { model = "mixtral-8x7b", cost = "roofline",
                           engine = { tensor_parallel_size = 2, data_parallel_size = 2, enable_expert_parallel = true },
                           workload = workload.batch { count = 8, prompt = 100, output = 30 } }
    assert.is_true(shared.exchange > 0)
  end)

  it("is the same at both levels of detail, with runs and without, and begins with the window", function()
    local t = { cost = "roofline", engine = { tensor_parallel_size = 2 }, lod = "medium",
                workload = workload.poisson { rate = 20, count = 60, prompt = 300, output = 50 } }
    local medium = split(t)
    t.lod = "high"
    local high = split(t)
    local stepped = scenario(t):run({ runs = false }).time_split
    for _, item in ipairs(ITEMS) do
      assert.near(medium[item], high[item], 2e-3)
      assert.near(medium[item], stepped[item], 2e-3)
    end
    -- Prompts come in the warm-up alone, so compute binds nothing after it.
    local late = split { cost = "roofline", warm_up = "1 s",
                         workload = workload.batch { count = 4, prompt = 4000, output = 500 } }
    local early = split { cost = "roofline", workload = workload.batch { count = 4, prompt = 4000, output = 500 } }
    assert.equal(0, late.bound_by.compute)
    assert.is_true(early.bound_by.compute > 0)
  end)
end)

describe("oracle why", function()
  local FILE = [[
return require("oracle").scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm", engine = { max_num_seqs = 16, max_num_batched_tokens = 2048 },
  workload = { kind = "poisson", rate = 30, count = 120, prompt = 300, output = 40 },
}
]]

  local function there(args) return program.run_there(args) end

  it("prints a page of 80 columns, and the same numbers as JSON for any number of threads", function()
    program.write("s.lua", FILE)
    local code, out = there "why s.lua"
    assert.equal(0, code)
    for line in out:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
    for _, text in ipairs { "TTFT %(ms%) +mean +p50 +p90 +p99\n", "\n= E2E %(ms%)", "is bound by ",
                            "\nBatch seats %(16%)" } do
      assert.matches(text, out)
    end
    local _, one = there "why s.lua --json - --threads 1"
    local _, two = there "why s.lua --json - --threads 2"
    assert.equal(one, two)
    local t = json.decode(one)
    assert.equal(t.e2e.p99.ns, sum(t.e2e.p99.terms))
    assert.same({ "s.lua", 3 }, { t.scenario.file, t.seeds })
  end)

  it("runs the scenario of a result again, as it was", function()
    program.write("s.lua", FILE)
    assert.equal(0, there "run s.lua --set workload.rate=20 --seed 9 --fit none --json r.json -q")
    local code, out = there "why r.json --seeds 1 --json - -q"
    assert.equal(0, code)
    local _, direct = there "why s.lua --set workload.rate=20 --seed 9 --fit none --seeds 1 --json - -q"
    assert.equal(direct, out)
  end)

  it("says in a line what it cannot explain", function()
    local function refused(args, pattern, status)
      local code, out, err = there("why " .. args)
      assert.same({ status or 1, "" }, { code, out })
      assert.matches("^oracle: " .. pattern .. "[^\n]*\n$", err)
    end
    program.write("s.lua", FILE)
    there "run s.lua --json r.json -q"
    there "why r.json --seeds 1 --json w.json -q"
    there "sweep s.lua --set workload.rate=5,6 --json p.json -q"
    refused("w.json", "w.json: what oracle why found; ")
    refused("p.json", "p.json: the points of a sweep")
    refused("r.json --seed 4", "%-%-seed: r.json is a result, which is run again as it was", 2)
    refused("r.json --set seed=4", "%-%-set seed=4: r.json is a result", 2)
    refused("s.lua --set vary={{'seed',{1,2}}}", "why: this scenario varies keys", 2)
    refused("s.lua --set engine.max_model_len=200", "s.lua: no request finished %(120 rejected of 120%)")
    local text = program.read(program.dir .. "/r.json")
    program.write("cut.json", (text:gsub('"complete": true', '"complete": false', 1)))
    refused("cut.json", "cut.json: a partial result")
    program.write("bare.json", (text:gsub('"scenario": {', '"was": {', 1)))
    refused("bare.json", "bare.json: does not say which scenario it is of")
    program.write("bench.json", '{"model_id": "x", "mean_ttft_ms": 3}')
    refused("bench.json", "bench.json: measured, by vllm bench serve")
    program.write("other.json", (text:gsub('"mean": %d', '"mean": 7')))
    refused("other.json", "other.json: run again, s.lua came to something else")
    program.write("s.lua", FILE .. "-- more\n")
    refused("r.json", "r.json: its scenario, s.lua, has changed since")
    os.remove(program.dir .. "/s.lua")
    refused("r.json", "r.json: its scenario, s.lua, is not there")
  end)
end)
