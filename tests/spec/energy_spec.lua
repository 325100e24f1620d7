-- Energy and cost against hand calculations.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local oracle = require "oracle"
local planning = require "oracle.plan"
local policy = require "oracle.policy"
local study = require "oracle.study"

local function run(spec) return study.run(oracle.scenario(spec)) end

local function near(expected, found, relative)
  assert(math.abs(found / expected - 1) <= (relative or 1e-9), ("%.12g expected, found %.12g"):format(expected, found))
end

local MODEL = "meta-llama/Meta-Llama-3-8B"
local H100 = catalog.hardware "h100-sxm"

describe("energy", function()
  it("is idle power all the time, and the rest of the TDP while at work", function()
    -- 4 requests of 10 steps each, one every second: 40 steps of 5 ms in 10 s, on 2 GPUs, where a constant step counts
    -- as work at the roof.
    local s = run {
      model = MODEL, hardware = "h100-sxm", engine = { tensor_parallel_size = 2 },
      cost = { kind = "constant", constant_step = "5 ms" }, duration = 10,
      workload = oracle.workload.constant { rate = 1, count = 4, prompt = 16, output = 10 },
    }
    local joules = 2 * (H100.idle_watts * 10 + (H100.tdp_watts - H100.idle_watts) * 40 * 5e-3)
    near(joules / 3.6e6, s.energy.kwh)
    near(joules / 40, s.energy.j_per_output_token)
    near(joules / 4, s.energy.j_per_request)
    near(2 * H100.usd_per_hour * 10 / 3600, s.cost.usd)
    near(2 * H100.usd_per_hour * 10 / 3600 / 40 * 1e6, s.cost.usd_per_million_output_tokens)
    near(0.02, s.gpu_utilization.gpu0, 1e-9)
  end)

  it("counts a step as the share of the roof that it reaches", function()
    local plan = planning.plan(oracle.scenario {
      model = MODEL, hardware = "h100-sxm", workload = oracle.workload.batch { count = 8, prompt = 100, output = 3 },
    })
    local s = require("oracle.result.summary").new(plan, planning.simulate(plan))
    -- One step for the 8 prompts, two in which they decode.
    local time, roof = 0, 0
    local function step(shape)
      local t = core.cost.step { model = plan.spec.model, hardware = plan.spec.hardware, layout = plan.spec.layout,
                                 cost = plan.spec.cost, shape = shape }
      time = time + t.total
      roof = roof + math.max(t.flops / H100.flops.bf16, t.bytes / H100.bandwidth)
    end
    local chunks = {}
    for i = 1, 8 do chunks[i] = { tokens = 100, past = 0, samples = true } end
    step { chunks = chunks }
    step { decode_seqs = 8, decode_context = 8 * 101, sampled = 8 }
    step { decode_seqs = 8, decode_context = 8 * 102, sampled = 8 }
    local joules = H100.idle_watts * time + (H100.tdp_watts - H100.idle_watts) * roof
    near(joules / 3.6e6, s.energy.kwh, 1e-6)
    assert(roof < time and roof > 0.4 * time)             -- between MFU 0.5 and MBU 0.8, less what goes beside
  end)

  it("does not depend on the level of detail, nor on runs", function()
    local function at(level, options)
      local plan = planning.plan(oracle.scenario {
        model = MODEL, hardware = "a100-80gb", lod = level, engine = { tensor_parallel_size = 2 },
        network = { topology = "nvswitch", gpus = 2 },
        workload = oracle.workload.poisson { rate = 4, count = 20, prompt = 300, output = 60 } })
      return require("oracle.result.summary").new(plan, planning.simulate(plan, options)).energy.kwh
    end
    near(at "medium", at "high", 1e-5)
    assert.equal(at "medium", at("medium", { runs = false }))
  end)

  it("and cost are each pool's and stage's own", function()
    local A100 = catalog.hardware "a100-80gb"
    local s = run {
      model = MODEL, hardware = "h100-sxm", duration = 20,
      engine = { pipeline_parallel_size = 2 }, stages = { { hardware = "h100-sxm" }, { hardware = "a100-80gb" } },
      cost = { kind = "constant", constant_step = "8 ms" },
      network = { topology = "nvlink_mesh", gpus = 2, bandwidth = 1e18 },
      workload = oracle.workload.constant { rate = 1, count = 5, prompt = 16, output = 4 },
    }
    -- 16 layers a stage: 4 ms of every step on each, 20 steps.
    local busy = 20 * 4e-3
    local joules = (H100.idle_watts + A100.idle_watts) * 20
      + (H100.tdp_watts - H100.idle_watts + A100.tdp_watts - A100.idle_watts) * busy
    near(joules / 3.6e6, s.energy.kwh, 1e-6)
    near((H100.usd_per_hour + A100.usd_per_hour) * 20 / 3600, s.cost.usd)
  end)

  it("and cost of replicas that come and go are for as long as they are there", function()
    local s = run {
      model = MODEL, hardware = "h100-sxm", replicas = 1, duration = 100,
      cost = { kind = "constant", constant_step = "5 ms" },
      autoscaling = { policy = policy.autoscaler { name = "two", scale = function() return 2 end }, min = 1, max = 3,
                      interval = 40, cold_start = 10 },
      workload = oracle.workload.constant { rate = 1, count = 90, prompt = 16, output = 10 },
    }
    -- The second is asked for at 40 s, the third never.
    near(H100.usd_per_hour * (100 + 60) / 3600, s.cost.usd, 1e-6)
    local busy = 90 * 10 * 5e-3
    local joules = H100.idle_watts * 160 + (H100.tdp_watts - H100.idle_watts) * busy
    near(joules / 3.6e6, s.energy.kwh, 1e-3)
  end)

  it("leave out what came before the warm-up was over, as tokens and requests do", function()
    local s = run {
      model = MODEL, hardware = "h100-sxm", duration = 10, warm_up = 4,
      cost = { kind = "constant", constant_step = "5 ms" },
      workload = oracle.workload.constant { rate = 1, count = 10, prompt = 16, output = 10 },
    }
    near(H100.usd_per_hour * 6 / 3600, s.cost.usd)
    assert(s.energy.kwh < 0.61 * H100.tdp_watts * 10 / 3.6e6)
  end)
end)
