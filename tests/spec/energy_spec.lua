-- Energy and cost against hand calculations.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local hardware_file = require "oracle.models.hardware"
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
    -- 4 requests of 10 steps each, one every second: 40 steps of 5 ms in 10 s, on 2 GPUs, where a constant step, of
    -- which neither FLOPs nor bytes are known, is work at full power.
    local s = run {
      model = MODEL, hardware = "h100-sxm", engine = { tensor_parallel_size = 2 },
      cost = { kind = "constant", constant_step = "5 ms" }, duration = 10,
      workload = oracle.workload.constant { rate = 1, count = 4, prompt = 16, output = 10 },
    }
    local joules = 2 * (H100.idle_watts * 10 + (H100.tdp_watts - H100.idle_watts) * 40 * 5e-3)
    near(joules / 3.6e6, s.energy.kwh)
    near(joules / 40, s.energy.j_per_output_token)
    near(joules / 2 / 10, s.energy.mean_watts_per_gpu)
    assert.equal(H100.tdp_watts, s.energy.peak_watts_per_gpu)
    near(joules / 4, s.energy.j_per_request)
    near(2 * H100.usd_per_hour * 10 / 3600, s.cost.usd)
    near(2 * H100.usd_per_hour * 10 / 3600 / 40 * 1e6, s.cost.usd_per_million_output_tokens)
    near(0.02, s.gpu_utilization.gpu0, 1e-9)
  end)

  -- One step for the 8 prompts, two in which they decode: J by the shares of the peaks that each reaches; W of each.
  local function by_steps(plan, power)
    local joules, watts = 0, {}
    local function step(shape)
      local t = core.cost.step { model = plan.spec.model, hardware = plan.spec.hardware, layout = plan.spec.layout,
                                 cost = plan.spec.cost, shape = shape }
      local share = power.active + power.memory * t.bytes / t.total / H100.bandwidth
        + power.compute * t.flops / t.total / H100.flops.bf16
      watts[#watts + 1] = math.min(1, share) * H100.tdp_watts
      joules = joules + watts[#watts] * t.total
    end
    local chunks = {}
    for i = 1, 8 do chunks[i] = { tokens = 100, past = 0, samples = true } end
    step { chunks = chunks }
    step { decode_seqs = 8, decode_context = 8 * 101, sampled = 8 }
    step { decode_seqs = 8, decode_context = 8 * 102, sampled = 8 }
    return joules, watts
  end

  local function eight_prompts(hardware)
    local plan = planning.plan(oracle.scenario {
      model = MODEL, hardware = hardware, cost = "roofline",
      workload = oracle.workload.batch { count = 8, prompt = 100, output = 3 } })
    return plan, require("oracle.result.summary").new(plan, planning.simulate(plan)).energy
  end

  it("goes by the shares of the memory's and the matrix units' peaks that each step reaches", function()
    local plan, found = eight_prompts "h100-sxm"
    local joules, watts = by_steps(plan, H100.power)
    near(joules / 3.6e6, found.kwh, 1e-6)
    near(watts[1], found.peak_watts_per_gpu, 1e-6)        -- prompts, at half of the FLOP/s, are at the TDP
    assert.equal(H100.tdp_watts, watts[1])
    -- Decoding, at 0.8 of the bandwidth, is not.
    assert(watts[2] > 0.5 * H100.tdp_watts and watts[2] < 0.8 * H100.tdp_watts)
    assert(found.mean_watts_per_gpu < found.peak_watts_per_gpu)
  end)

  it("takes what a file of one's own says a chip draws, and else its generation's shares", function()
    local function file(power, generation)
      return { id = "mine", flops = { bf16 = H100.flops.bf16 }, memory = H100.memory, bandwidth = H100.bandwidth,
               idle_watts = 70, tdp_watts = 700, power = power, generation = generation }
    end
    local own = { active = 0.2, memory = 0.3, compute = 0.9 }
    local plan, found = eight_prompts(file { active = 0.2, memory = 0.3, compute = "0.9 TDP" })
    near(by_steps(plan, own) / 3.6e6, found.kwh, 1e-6)
    assert.same(H100.power, hardware_file.read(file(nil, "hopper"), "mine").power)
    local a100 = catalog.hardware("a100-80gb").power
    assert.same(a100, hardware_file.read(file(), "mine").power)
    assert.same(a100, catalog.hardware("mi300x").power)   -- nothing was measured
    local mixed = hardware_file.read(file({ active = 0.1 }, "hopper"), "mine").power
    assert.same({ active = 0.1, memory = H100.power.memory, compute = H100.power.compute }, mixed)
    local function refused(power, why)
      local ok, message = pcall(hardware_file.read, file(power), "mine")
      assert.is_false(ok)
      assert.matches(why, message)
      assert.is_nil(message:find "\n")
    end
    refused({ active = 1.5 }, "^mine: power.active: 1.5 TDP: at most 1 TDP expected")
    refused({ memory = -1 }, "^mine: power.memory: %-1 TDP: at least 0 TDP expected")
    refused({ memory = "5 W" }, '^mine: power.memory: unit "W": one of TDP expected')
    refused({ memroy = 1 }, "^mine: power.memroy: no such field; did you mean memory%?")
    refused(3, "^mine: power: an object expected")
  end)

  it("is fitted to measured power within a few percent, as tools/fit_power.lua does it", function()
    local data = (os.getenv("ORACLE_DATA") or "../shared/data") .. "/phase/a100-80gb.csv"
    local there = io.open(data)
    if not there then return pending(data .. " is not there") end
    there:close()
    local made = assert(io.popen(require("program").lua .. " tools/fit_power.lua '" .. data .. "'"))
    local shipped = assert(io.open "models/fits/power.json")
    local text = shipped:read "a"
    assert.equal(text, made:read "a")
    shipped:close()
    made:close()
    local of = core.json.decode(text, "power.json").generations
    assert(of.ampere.error_mean < 0.03 and of.blackwell.error_mean < 0.05 and of.hopper.error_mean < 0.10)
    for name, g in pairs(of) do
      -- Idle, at work, memory at its rate, matrix units at theirs: each draws more, and the last all that it may.
      assert(g.active > 0.15 and g.active < 0.5 and g.active + g.memory < 1.2 and g.active + g.compute > 1, name)
    end
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
