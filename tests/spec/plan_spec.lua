--- oracle plan: the cheapest deployments that serve a load within objectives.
local bound = require "oracle.study.plan_bound"
local json = require("oracle.core").json
local oracle = require "oracle"
local planning = require "oracle.plan"
local program = require "program"
local reasons = require "oracle.study.plan_reasons"
local scenario = require "oracle.scenario"
local space = require "oracle.study.plan_space"

setup(program.open)
teardown(program.close)

local ANY = "plan --model llama-3.1-8b --workload 512,64,10 --gpus h100-sxm --max-gpus "
local SMALL, LARGER = ANY .. "1 ", ANY .. "2 "
local SLO = "--slo 'ttft.p99<=1s,tpot.p95<=30ms' "

local function planned(args, size)
  local code, out, err = program.run((size or SMALL) .. args .. " --json - -q")
  return code, out ~= "" and json.decode(out) or nil, err
end

local function names_of(ask)
  local names, n = {}, 0
  for _, c in ipairs(space.candidates(ask)) do
    assert.is_nil(names[space.name(c)], space.name(c))
    names[space.name(c)], n = c, n + 1
  end
  return names, n
end

describe("why a candidate is no plan", function()
  -- A race of candidates, each of a family of its own, and those that ran as a whole with what came of it.
  local function race_of(list)
    local race = { all = {}, final = {}, work = { max_gpus = 4, resolved = { objectives = {
      { column = { name = "ttft.p99", unit = "ms" } }, { column = { name = "goodput" } } } } } }
    for i, entry in ipairs(list) do
      entry.i, entry.family, entry.price = i, "family " .. i, entry.price or {}
      entry.c = { gpu = "g" .. i, gpus = entry.gpus or 1, quantization = "none", kv = "auto", seqs = 64, tokens = 2048,
                  tp = 1, pp = 1, dp = 1 }
      race.all[i] = entry
      if entry.ran then
        entry.final = true
        race.final[#race.final + 1] = { of = entry, c = entry.c, last = entry.ran }
      end
    end
    return race
  end

  local function why(entry, best)
    local list = reasons.of(race_of { {}, entry }, { { i = 1, cost = { key = best or 10 } } })
    assert.same({ "family 2", 1 }, { list[1].family, list[1].candidates })
    assert.equal(1, #list)
    return list[1].why
  end

  it("is what it missed by the most, where it ran as a whole", function()
    assert.equal("with 1 GPU: ttft.p99 is 250 ms in one of 2 runs", why { ran = { gpus = 1, seeds = {
      { miss = 0.1, worst = 1, values = { 230 } }, { miss = 0.2, worst = 1, values = { 250 } } } } })
    assert.equal("with 2 GPUs: goodput is not measured in one of 1 runs",
      why { ran = { gpus = 2, seeds = { { miss = 1, worst = 2, values = { 230 } } } } })
    assert.equal("with 2 GPUs: it is overloaded",
      why { ran = { gpus = 2, seeds = { { miss = 9, saturated = true } } } })
    assert.equal("with 3 GPUs: odd", why { ran = { gpus = 3, seeds = {}, excluded = "odd" } })
  end)

  it("is its cost, or a bound of it, beside the best plan's", function()
    local cost = { key = 15, gpus = 4, usd = 12, fits = true }
    assert.equal("about 12.00 USD/h (4 GPUs), 1.50 times the best plan's", why { raced = true, cost = cost })
    assert.equal("about 12.00 USD/h (4 GPUs); others as cheap did better in short runs",
      why({ raced = true, cost = cost }, 15))
    assert.equal("at best 1 GPU, 2.00 times the best plan's", why { bound = { key = 20, gpus = 1, fits = true } })
    assert.equal("at least 8 GPUs needed, 4 allowed", why { cost = { key = 20, gpus = 8, fits = false } })
  end)

  it("is what one request alone misses, or that it does not fit", function()
    assert.equal("too slow", why { raced = true, out = "too slow", result = { miss = 2 } })
    assert.equal("one request alone: a token takes at least 40 ms", why { price = { slow = { step = 0.04 } } })
    assert.equal("one request alone: an answer takes at least 2500 ms", why { price = { slow = { e2e = 2.5 } } })
    assert.equal("no room", why { price = { why = "no room" } })
  end)

  it("where there is no plan, is that of who came closest", function()
    local function ran(gpus, ...)
      local seeds = {}
      for i, miss in ipairs { ... } do seeds[i] = { miss = miss, worst = 1, values = { 1000 * miss } } end
      return { ran = { gpus = gpus, seeds = seeds }, cost = { key = gpus, gpus = gpus, fits = true } }
    end
    local _, nearest = reasons.of(race_of { ran(1, 0.2, 0.4), ran(2, 0.3, 0.1), { price = { why = "no room" } } }, {})
    assert.same({ name = "g2 TP1 seqs 64 tokens 2048", gpus = 2,
                  why = "with 2 GPUs: ttft.p99 is 300 ms in one of 2 runs" }, nearest)
    _, nearest = reasons.of(race_of { { price = { why = "no room" } }, { price = { slow = { step = 0.05 } } },
                                      { price = { slow = { step = 0.04 } } } }, {})
    assert.same({ "g3 TP1 seqs 64 tokens 2048", "one request alone: a token takes at least 40 ms" },
      { nearest.name, nearest.why })
  end)
end)

describe("the candidates of a plan", function()
  it("are all ways to share a model among so many GPUs, none of them more", function()
    local names, n = names_of { model = "llama-3.1-8b", gpus = { "h100-sxm", "a100-80gb" }, max_gpus = 4 }
    for _, c in pairs(names) do assert.is_true(c.gpus <= 4) end
    assert.is_true(n > 200)
    assert.is_table(names["h100-sxm TP4 seqs 64 tokens 2048"])
    assert.is_table(names["h100-sxm fp8 kv-fp8 TP2 PP2 seqs 256 tokens 8192"])
    assert.is_table(names["h100-sxm kv-fp8 prefill 1xTP1 + decode 3xTP1 seqs 256"])
    assert.is_nil(names["a100-80gb fp8 TP1 seqs 64 tokens 2048"])      -- an A100 computes none in fp8
  end)

  it("share experts where the model has some", function()
    local names = names_of { model = "mixtral-8x7b", gpus = { "h200" }, max_gpus = 8 }
    assert.is_true(names["h200 TP1 DP8 EP seqs 256 tokens 8192"].experts)
  end)

  it("stand in the place of the replicas or pools that the scenario has", function()
    local own = { { replicas = 2 }, { pools = { prefill = { replicas = 1 }, decode = { replicas = 1 } } } }
    for _, deployment in ipairs(own) do
      for _, c in ipairs(space.candidates { model = "llama-3.1-8b", gpus = { "h100-sxm" }, max_gpus = 2 }) do
        local base = { model = "llama-3.1-8b", hardware = "h100-sxm",
                       workload = { kind = "poisson", rate = 1, count = 10 } }
        for key, v in pairs(deployment) do base[key] = v end
        local raw = scenario.raw(space.apply(scenario.new(base), c, 1))
        assert.equal(c.prefill == nil, raw.replicas ~= nil)
        assert.equal(c.prefill ~= nil, raw.pools ~= nil)
      end
    end
  end)

  it("have the values that are given, no others, and what the scenario has among them", function()
    local ask = { model = "llama-3.1-8b", gpus = { "h100-sxm" }, max_gpus = 8, engine = { max_num_seqs = 77 },
                  fixed = { tensor_parallel_size = { 4 }, quantization = { "none" } } }
    local seen = false
    for _, c in pairs(names_of(ask)) do
      assert.is_true((c.tp or c.prefill.tp) == 4 and c.quantization == "none")
      seen = seen or c.seqs == 77
    end
    assert.is_true(seen)
  end)
end)

-- What 400 requests that come at once are served at, beside what the steps allow.
describe("the bound of a plan", function()
  it("is no less than what is simulated, and not far from it", function()
    local s = oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
                                workload = oracle.workload.batch { count = 1500, prompt = 512, output = 128 } }
    for _, name in ipairs { "h100-sxm TP1 seqs 64 tokens 2048", "h100-sxm TP1 seqs 256 tokens 8192",
                            "h100-sxm fp8 TP4 seqs 128 tokens 8192", "h100-sxm TP2 PP2 seqs 256 tokens 8192",
                            "h100-sxm fp8 kv-fp8 prefill 2xTP1 + decode 1xTP1 seqs 256" } do
      local c = names_of { model = "llama-3.1-8b", gpus = { "h100-sxm" }, max_gpus = 8 }[name]
      local plan = planning.plan(space.apply(s:copy(), c, 1))
      local facts = { prompt = 512, output = 128, cached = 0 }
      local of = c.prefill
        and bound.apart(bound.pools(plan.spec.pools[1], plan.spec.pools[2], facts, {}), c.prefill.replicas, 1)
        or bound.together(plan.spec, facts, {})
      local raw = planning.simulate(plan)
      local rate = raw.requests.successful / raw.now
      assert.is_true(of.rate >= rate and of.rate <= 2 * rate, ("%s: %g, bound %g"):format(name, rate, of.rate))
    end
  end)

  it("says what one sequence alone takes where that is too long", function()
    local names = names_of { model = "llama-3.1-8b", gpus = { "h100-sxm" }, max_gpus = 1 }
    local c = names["h100-sxm TP1 seqs 64 tokens 2048"]
    local s = oracle.scenario { model = "llama-3.1-8b", workload = oracle.workload.batch { count = 1, prompt = 512,
                                                                                          output = 128 } }
    local of = bound.together(planning.plan(space.apply(s, c, 1)).spec, { prompt = 512, output = 128, cached = 0 },
      { step = 1e-3 })
    assert.is_true(of.slow.step > 1e-3)
  end)
end)

describe("oracle plan", function()
  it("finds the cheapest, says why not of the others, and gives a scenario that meets the objectives", function()
    local path = program.dir .. "/best.lua"
    local code, f, err = planned(SLO .. "-o " .. path, LARGER)
    assert.equal(0, code, err)
    assert.is_true(f.found and #f.plans > 0)
    assert.equal(f.visited, f.unfit + f.bounded + f.simulated)
    local last = 0
    for _, p in ipairs(f.plans) do
      assert.is_true(p.usd_per_hour >= last and p.gpus <= 2)
      last = p.usd_per_hour
    end
    assert.equal(1, f.plans[1].gpus)                      -- one GPU is enough for 10 requests per second
    assert.matches("^vllm serve llama%-3.1%-8b .*%-%-max%-num%-seqs %d+ ", f.plans[1].launch[1])
    assert.is_true(#f.pareto.throughput_speed > 0 and #f.pareto.price_latency > 0 and #f.why_not > 0)
    for i = 2, #f.pareto.throughput_speed do
      local a, b = f.pareto.throughput_speed[i - 1], f.pareto.throughput_speed[i]
      assert.is_true(b.tokens_per_second_per_gpu <= a.tokens_per_second_per_gpu)
      assert.is_true(b.tokens_per_second_per_user > a.tokens_per_second_per_user)
    end
    for seed = 101, 103 do                                -- other requests than those it was found with
      local rc, out = program.run(path .. " --seed " .. seed .. " --json - -q")
      assert.equal(0, rc)
      assert.is_true(json.decode(out).slo.met)
    end
  end)

  it("goes on where it was stopped, and gives the same bytes on any number of threads", function()
    local _, whole = program.run(SMALL .. SLO .. "--threads 1 --json - -q")
    local out = program.dir .. "/plan.jsonl"
    local rc = program.run(SMALL .. SLO .. "--threads 2 --json /dev/null -q --out " .. out)
    assert.equal(0, rc)
    local text = program.read(out)
    local f = assert(io.open(out, "w"))
    f:write(text:sub(1, #text // 2))
    f:close()
    local code, again, err = program.run(SMALL .. SLO .. "--threads 2 --json - -q --resume --out " .. out)
    assert.equal(0, code, err)
    assert.equal(whole, again)
  end)

  it("says what there is where nothing meets the objectives, with exit status 1", function()
    local code, f = planned "--slo 'tpot.p95<=100us'"
    assert.equal(1, code)
    assert.is_false(f.found)
    assert.matches("one request alone: a token takes at least", f.why_not[1].why)
    assert.matches("one request alone", f.nearest.why)
    assert.matches("^plan: no deployment of at most 1 GPUs? meets tpot.p95 <= 100us; nearest ", f.answer)
    local rc, out = program.run(SMALL .. "--slo 'tpot.p95<=100us' -q")
    assert.equal(1, rc)
    assert.equal("", out)
  end)

  it("says what is nearest, and what it lacks, where the model does not fit", function()
    local code, out = program.run("plan --model llama-3.1-70b --workload 512,64,1 --gpus h100-sxm --max-gpus 1 "
      .. "--set engine.quantization=none " .. SLO)
    assert.equal(1, code)
    assert.matches("^plan: the model fits in none of at most 1 GPUs?; nearest h100%-sxm TP1 [^\n]*GiB", out)
  end)

  it("routes by prefix caches where prompts share prefixes, if that takes fewer", function()
    local path = program.write("shared.lua", [[
return oracle.scenario { model = "llama-3.1-8b", slo = { "ttft.p99 <= 1 s", "tpot.p95 <= 50 ms" },
  workload = oracle.workload.poisson { rate = 80, count = 1000, prompt = 200, output = 40,
    prefix = { { name = "a", tokens = 3000, variants = 300 } } } }
]])
    local code, f, err = planned("--set engine.kv_cache_dtype=auto --set engine.quantization=none "
      .. "--set engine.tensor_parallel_size=1 --set engine.pipeline_parallel_size=1 --set engine.max_num_seqs=256 "
      .. "--set engine.max_num_batched_tokens=8192", "plan " .. path .. " --gpus h100-sxm --max-gpus 8 ")
    assert.equal(0, code, err)
    local routers = {}
    for _, p in ipairs(f.plans) do routers[p.router or "own"] = true end
    assert.is_true(routers.prefix_aware)
  end)

  it("refuses in one line what is no question", function()
    for args, why in pairs {
      ["plan --workload 512,64,10"] = "%-%-model: missing", ["plan --model llama-3.1-8b"] = "%-%-workload: missing",
      [SMALL] = "objectives expected", [SMALL .. SLO .. "--gpus h1000"] = "unknown hardware",
      [SMALL .. SLO .. "--gpus h200,h200"] = "given twice", [SMALL .. SLO .. "--system vlm"] = "one of",
      [SMALL .. SLO .. "--resume"] = "goes with %-%-out", ["plan --model lama --workload 1,1,1"] = "unknown model",
      ["plan --model llama-3.1-8b --workload 512,64,0"] = "a rate above 0", [SMALL .. "--slo ttft"] = "such as ttft",
      ["plan --model llama-3.1-8b --workload 512,64,10 --max-gpus 0"] = "a whole number",
      [SMALL .. SLO .. "--set engine.tensor_parallel_size=4"] = "tensor_parallel_size = 4 takes 4 GPUs",
      [SMALL .. SLO .. "--set engine.max_num_seqs=8..4"] = "an empty range",
      [SMALL .. SLO .. "--set engine.max_num_seqs=0,8"] = "max_num_seqs",
      [SMALL .. SLO .. "--set hardware=h200"] = "%-%-gpus names the accelerators",
      [SMALL .. SLO .. "--set replicas=2"] = "%-%-max%-gpus bounds them",
      [SMALL .. SLO .. "-o /nowhere/best.lua"] = "/nowhere",
    } do
      local code, out, err = program.run(args)
      assert.is_true(code == 1 or code == 2, args)
      assert.equal("", out)
      assert.matches(why, err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
  end)
end)
