--- Fits: which one prices a scenario, what is wrong with a file, what clients see, and how far results may be off.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local fits = require "oracle.models.fits"
local interval = require "oracle.result.interval"
local oracle = require "oracle"
local ordered = require "oracle.text.ordered"
local planning = require "oracle.plan"
local program = require "tests.spec.program"
local quantization = require "oracle.models.quantization"
local study = require "oracle.study"

-- Numbers of no engine.
local KERNELS = [["kernels": { "hopper": {
  "gemm_bandwidth": {"bf16": 0.8, "fp8": 0.7}, "gemm_compute": {"bf16": 0.7, "fp8": 0.6},
  "expert_bandwidth": {"bf16": 0.8}, "expert_compute": {"bf16": 0.3},
  "slice_width": 96, "routing_skew": 0.75, "rank_imbalance": 1.2, "attention_decode": 0.9,
  "attention_decode_compute": 0.5, "attention_prefill": 0.7, "prefill_ramp": 800, "reduce_bandwidth": 0.5 } },]]
local COMMON = [["common": { "quantised_floor": 0, "latent_floor": 0, "sparse_floor": 0, "state_floor": 0,
  "expert_floor": 0, "expert_parallel_floor": 0, "reduce_latency": 5e-6, "sequence_host": 0, "prompt_host": 0 %s },]]
local HOPPER = [["generations": { "hopper": { "layer_floor": 20e-6, "step_host": 1e-3 %s } } ]]

local function text_of(t)
  t = t or {}
  return ('{ "engine": "vllm", %s %s %s %s }'):format(t.kernels or KERNELS, COMMON:format(t.common or ""),
    t.more or "", t.generations or HOPPER:format(t.hopper or ""))
end

local function file(t, name)
  return program.write((name or "mine") .. ".json", type(t) == "string" and t or text_of(t))
end

local made = 0                                            -- files are read once: each test has its own
local function fit_file(t)
  made = made + 1
  return file(t, "fit" .. made)
end

local BASE = [[return require("oracle").scenario { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3, %s
  workload = { kind = "poisson", rate = 12, count = 100, prompt = 512, output = 64 } }]]

local function keys(changes)
  local t = { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3,
              workload = oracle.workload.poisson { rate = 12, count = 100, prompt = 512, output = 64 } }
  for k, v in pairs(changes or {}) do t[k] = v end
  return oracle.scenario(t)
end

local function run(changes) return study.run(keys(changes), { quiet = true }) end

local function plan(changes) return planning.plan(keys(changes)) end

local function refused(f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok)
  return (tostring(why):match "^[^\n]*")
end

local function near(expected, got, tolerance)
  assert.is_true(math.abs(got - expected) <= (tolerance or 1e-9) * math.abs(expected),
    ("%.12g is not %.12g"):format(got, expected))
end

describe("the file of a fit", function()
  setup(program.open)
  teardown(program.close)

  it("says what counts: a generation before what is common, that before the kernels", function()
    local path = fit_file { common = ', "attention_decode": 0.85', hopper = ', "reduce_latency": 7e-6',
                            more = '"factors": { "gemm_compute": 0.5, "layer_floor": 2 },' }
    local p = fits.parameters(fits.open(path), "hopper")
    assert.same({ 0.85, 7e-6, 0.35, 40e-6, 0.8, 1 }, { p.attention_decode, p.reduce_latency, p.gemm_compute.bf16,
      p.layer_floor, p.gemm_bandwidth.bf16, p.older_factor })
  end)

  it("fills the shares of a format from the one that is most alike, and says so", function()
    local p, _, filled = fits.parameters(fits.open(fit_file()), "hopper")
    assert.same({ 0.6, 0.7, 0.8 }, { p.gemm_compute.fp8_block, p.gemm_compute.int4, p.gemm_bandwidth.fp16 })
    assert.same({ "fp8", "bf16" }, { filled["gemm_compute.fp8_block"], filled["gemm_compute.int4"] })
    assert.is_nil(filled["gemm_compute.fp8"])
    for _, format in ipairs(core.cost.dtypes()) do assert.is_number(p.expert_bandwidth[format.name]) end
  end)

  it("multiplies the floors of an engine's older versions", function()
    local fit = fits.open(fit_file { more = '"versions": { "newer": "0.11", "older_factor": 2.5 },' })
    local function factor(version) return fits.parameters(fit, "hopper", version).older_factor end
    assert.same({ 2.5, 2.5, 1, 1, 1, 1 }, { factor "0.9.1", factor "v0.10", factor "0.11.0", factor "0.33", factor(nil),
      factor "nightly" })
  end)

  it("is refused with the place of what is wrong and the nearest name", function()
    for expected, text in pairs {
      ["fit%d+.generations.hopper.layer_flor: unknown key; did you mean layer_floor?"] =
        text_of { hopper = ', "layer_flor": 1' },
      ["fit%d+.generations.hoper: unknown key; did you mean hopper?"] =
        text_of { generations = '"generations": { "hoper": {} }' },
      ["fit%d+.generations.hopper.gemm_compute.bf61: unknown key; did you mean bf16?"] =
        text_of { hopper = ', "gemm_compute": {"bf61": 1}' },
      ["fit%d+.generations.hopper.expert_floor: a number of at least 0 expected, got %-1e%-06"] =
        text_of { hopper = ', "expert_floor": -1e-6' },
      ["fit%d+.generations.hopper.expert_floor: a number of at least 0 expected, got string"] =
        text_of { hopper = ', "expert_floor": "2 us"' },
      ["fit%d+.enginee: unknown key; did you mean engine?"] = text_of { more = '"enginee": 1,' },
      ["fit%d+.engine: the name of a serving system expected"] = '{ "generations": {} }',
      ["fit%d+.generations: missing"] = '{ "engine": "vllm" }',
      ["fit%d+.error.hopper.tftt: unknown key; did you mean ttft?"] =
        text_of { more = '"error": { "hopper": { "tftt": {} } },' },
      ["fit%d+.unseen.all%[1%]: unknown key; did you mean state_floor?"] =
        text_of { more = '"unseen": { "all": ["state_flor"] },' },
      ["fit%d+.range.sequences: a number of at least 1 expected, got 0"] =
        text_of { more = '"range": { "sequences": 0 },' },
      ["fit%d+.versions.newer: a version such as \"0.15\" expected"] =
        text_of { more = '"versions": { "newer": "new" },' },
      ["fit%d+.factors.layer_floor: a number of at least 1e%-06 expected"] =
        text_of { more = '"factors": { "layer_floor": 0 },' },
      ["fit%d+.json:1: the JSON text breaks off here"] = '{ "engine": "vllm", ',
      ["fit%d+: an object expected"] = "[1, 2]",
    } do
      assert.matches(expected, refused(fits.open, fit_file(text)))
    end
    assert.matches("step_host: missing for hopper", refused(fits.parameters, fits.open(fit_file {
      generations = '"generations": { "hopper": { "layer_floor": 1e-6 } }' }), "hopper"))
    assert.matches('"vlm": unknown fit; did you mean vllm?', refused(fits.open, "vlm"))
    assert.matches("no such file", refused(fits.open, "/nowhere/x.json"))
  end)

  it("is refused by the engine where a share is no kernel's", function()
    local path = fit_file { hopper = ', "attention_decode": 30' }
    assert.matches("calibration: attention_decode = 30, expected a number above 0, at most 2", refused(run,
      { cost = { kind = "calibrated", fit = path } }))
  end)

  it("ships with all its parameters, for every generation it names", function()
    assert.is_true(#fits.names() >= 3)
    for _, name in ipairs(fits.names()) do
      local fit = fits.open(name)
      for _, generation in ipairs(fits.generations(fit)) do
        core.cost.calibration((fits.parameters(fit, generation)))
      end
    end
  end)
end)

describe("the fit of a scenario", function()
  setup(program.open)
  teardown(program.close)

  it("is the engine's where it knows the chip, and else there is none, which is said", function()
    local known = plan { cost = "auto" }
    assert.same({ "calibrated", "vllm", "auto" }, { known.scenario.cost.kind, known.deployment.fit,
      known.scenario.engine.all_reduce })
    assert.same({}, known.warnings)
    local other = plan { cost = "auto", engine = { system = "sglang" } }
    assert.equal("sglang", other.deployment.fit)
    local unknown = plan { cost = "auto", hardware = "tpu-v4", engine = { max_model_len = 4096 } }
    assert.same({ "roofline", nil, "ring" }, { unknown.scenario.cost.kind, unknown.deployment.fit,
      unknown.scenario.engine.all_reduce })
    assert.matches("vllm has nothing of tpu%-v4 %(generation tpu%); the roofline of the data sheet is used",
      unknown.warnings[1])
    local orca = plan { cost = "auto", engine = { system = "orca" } }
    assert.same({ "roofline" }, { orca.scenario.cost.kind })
    assert.matches("no fit is of engine.system orca", orca.warnings[1])
  end)

  it("is not asked for where `cost` says what only the roofline reads", function()
    assert.equal("roofline", plan({ cost = { kind = "auto", mfu = 0.4 } }).scenario.cost.kind)
    assert.equal("roofline", plan({ cost = { kind = "auto", fit = "none" } }).scenario.cost.kind)
    assert.equal("roofline", plan({ cost = { kind = "calibrated", fit = "none" } }).scenario.cost.kind)
    assert.equal("calibrated", plan({ cost = { kind = "auto", fit = "vllm" } }).scenario.cost.kind)
    assert.matches("^cost.mfu: kind calibrated has its rates from the fit", refused(plan,
      { cost = { kind = "calibrated", mfu = 0.4 } }))
    assert.matches("^cost.step_overhead: kind calibrated has it in the fit", refused(plan,
      { cost = { kind = "auto", fit = "vllm", step_overhead = 1e-3 } }))
  end)

  it("of another engine or chip is refused unless forced, and then said", function()
    assert.matches("^cost.fit: sglang was fitted to sglang, and engine.system is vllm; force_fit = true", refused(plan,
      { cost = { kind = "calibrated", fit = "sglang" } }))
    assert.matches("^cost.fit: vllm has nothing of tpu%-v4", refused(plan,
      { cost = { kind = "calibrated", fit = "vllm" }, hardware = "tpu-v4", engine = { max_model_len = 4096 } }))
    assert.matches("^cost.fit: no fit is of engine.system orca", refused(plan,
      { cost = "calibrated", engine = { system = "orca" } }))
    local forced = run { cost = { kind = "calibrated", fit = "sglang", force_fit = true } }
    assert.equal("sglang", forced.deployment.fit)
    assert.equal("cost.fit: forced: sglang was fitted to sglang, and engine.system is vllm", forced.oracle.warnings[1])
    local chip = plan { cost = { kind = "calibrated", fit = "vllm", force_fit = true }, hardware = "tpu-v4",
                        engine = { max_model_len = 4096 } }
    assert.matches("forced: vllm has nothing of tpu%-v4", chip.warnings[1])
    assert.is_true(chip.deployment.accuracy.forced)
  end)

  it("is chosen on the command line", function()
    local path = program.write("plain.lua", BASE:format "")
    local function fit_of(options)
      local code, out, err = program.run(("'%s' %s --json - -q"):format(path, options))
      local s = code == 0 and core.json.decode(out)
      return code, s and s.deployment.fit, s and s.deployment.cost_model, err
    end
    assert.same({ 0, "vllm", "calibrated" }, { table.unpack({ fit_of "--fit vllm" }, 1, 3) })
    assert.same({ 0, core.json.null, "roofline" }, { table.unpack({ fit_of "--fit none" }, 1, 3) })
    assert.same({ 0, "sglang", "calibrated" }, { table.unpack({ fit_of "--fit sglang --force" }, 1, 3) })
    local code, _, _, err = fit_of "--fit sglang"
    assert.equal(1, code)
    assert.matches("sglang was fitted to sglang", err)
    code, _, _, err = fit_of "--fit vlm"
    assert.equal(1, code)
    assert.matches("did you mean vllm", err)
    code, _, _, err = fit_of "--force"
    assert.equal(2, code)
    assert.matches("%-%-force: goes with %-%-fit NAME", err)
    code, _, _, err = fit_of "--fit vllm --set cost.mfu=0.5"
    assert.equal(1, code)
    assert.matches("cost.mfu: kind calibrated has its rates from the fit", err)
    local own = program.write("own.lua", BASE:format "cost = function(s, parts) return parts.total end,")
    code, _, err = program.run(("'%s' --fit vllm"):format(own))
    assert.equal(2, code)
    assert.matches("%-%-fit: the scenario has a cost model of its own", err)
  end)

  it("of stages on chips of several generations is each stage's own", function()
    local path = fit_file {
      kernels = KERNELS:gsub('"hopper": (%b{})', '"hopper": %1, "ada": %1'),
      generations = '"generations": { "hopper": { "layer_floor": 0, "step_host": 0 }, '
        .. '"ada": { "layer_floor": 0, "step_host": 0.5 } }' }
    local cost = { kind = "calibrated", fit = path }
    local one = { kind = "batch", count = 1, prompt = 16, output = 2 }
    local engine = { pipeline_parallel_size = 2, max_model_len = 2048 }
    local s = run { cost = cost, workload = one, engine = engine,
                    stages = { { hardware = "h100-sxm" }, { hardware = "l40s" } } }
    local tpot = s.latency.time_per_output_token_ms.mean
    assert.is_true(tpot > 500 and tpot < 600, tpot)
  end)
end)

describe("a calibrated run", function()
  setup(program.open)
  teardown(program.close)

  it("takes a step by hand: floors, host, weights and context", function()
    local path = fit_file()
    local s = run { cost = { kind = "calibrated", fit = path },
                    workload = { kind = "batch", count = 1, prompt = 512, output = 64 } }
    local h, d = catalog.hardware "h100-sxm", oracle.calc.deployment { model = "llama-3.1-8b", hardware = "h100-sxm" }
    local parameters = core.cost.parameters(d.model)
    local weights = 2 * (parameters.parts.qkv + parameters.parts.output + parameters.parts.up + parameters.parts.down
      + parameters.lm_head) / (0.8 * h.bandwidth)
    local context = (513 + 575) / 2 * 131072 / (0.9 * h.bandwidth)
    local queries = 32 * 2 * 4096 * 2 / (0.9 * h.bandwidth)
    near(1e3 * (weights + context + queries + 32 * 20e-6 + 1e-3), s.latency.time_per_output_token_ms.mean, 1e-6)
  end)

  it("has clients that see tokens later: api_time before the queue, stream_interval steps after", function()
    local plain = run { cost = { kind = "calibrated", fit = fit_file() } }
    local later = run { cost = { kind = "calibrated", fit = fit_file { common = ', "stream_interval": 1.5' } } }
    local tpot = plain.latency.time_per_output_token_ms.mean
    near(tpot, later.latency.time_per_output_token_ms.mean, 1e-9)
    near(plain.latency.time_to_first_token_ms.mean + 1.5 * tpot, later.latency.time_to_first_token_ms.mean, 1e-6)
    near(plain.latency.end_to_end_latency_ms.mean + 1.5 * tpot, later.latency.end_to_end_latency_ms.mean, 1e-6)
    local api = run { cost = { kind = "calibrated", fit = fit_file { common = ', "api_time": 0.25' } } }
    near(plain.latency.time_to_first_token_ms.mean + 250, api.latency.time_to_first_token_ms.mean, 1e-6)
    local own = run { cost = { kind = "calibrated", fit = fit_file { common = ', "stream_interval": 9' },
                               stream_interval = 0 } }
    near(plain.latency.time_to_first_token_ms.mean, own.latency.time_to_first_token_ms.mean, 1e-9)
  end)

  it("has closed-loop clients that ask again when they have seen the answer", function()
    local loop = oracle.workload.closed_loop { concurrency = 1, count = 20, prompt = 64, output = 11 }
    local plain = run { workload = loop, cost = { kind = "calibrated", fit = fit_file() } }
    local later = run { workload = loop, cost = { kind = "calibrated",
      fit = fit_file { common = ', "stream_interval": 10' } } }
    local more = 20 * 10 * plain.latency.time_per_output_token_ms.mean / 1e3
    near(plain.simulation.total_duration_s + more, later.simulation.total_duration_s, 1e-6)
  end)

  it("keeps the laws: runs or steps, any level of detail", function()
    for _, change in ipairs {
      { model = "qwen3-30b-a3b", engine = { tensor_parallel_size = 4, max_model_len = 8192 } },
      { model = "gemma-2-9b", engine = { tensor_parallel_size = 2, max_model_len = 8192 } },
      { model = "deepseek-v3", hardware = "h200", engine = { data_parallel_size = 8, enable_expert_parallel = true,
                                                             max_model_len = 8192 } },
      { model = "llama-3.1-8b", engine = { pipeline_parallel_size = 2, tensor_parallel_size = 2,
                                           max_model_len = 8192 } },
    } do
      change.cost = { kind = "calibrated", fit = "vllm" }
      change.workload = oracle.workload.poisson { rate = 20, count = 60, prompt = 700, output = 40 }
      local runs = run(change)
      local steps = study.run(keys(change), { quiet = true, runs = false })
      assert.equal(ordered.json(runs), ordered.json(steps))
      change.lod = "high"
      local high = run(change)
      for _, metric in ipairs { "time_to_first_token_ms", "time_per_output_token_ms", "end_to_end_latency_ms" } do
        near(high.latency[metric].mean, runs.latency[metric].mean, 1e-3)
      end
    end
  end)

  it("is finite, positive and grows with work for every model on chips of every generation that fits know", function()
    local priced, seen, models = 0, {}, {}
    for i, listed in ipairs(catalog.models()) do models[i] = catalog.model(listed.id) end
    for _, name in ipairs(fits.names()) do
      local fit = fits.open(name)
      for _, gpu in ipairs(catalog.hardwares()) do
        local hardware = catalog.hardware(gpu.id)
        local kind = name .. tostring(hardware.generation)
        local cost = not seen[kind] and fits.covers(fit, hardware.generation)
          and { kind = "calibrated", calibration = fits.parameters(fit, hardware.generation) }
        seen[kind] = true
        for _, model in ipairs(cost and models or {}) do
          local function seconds(shape)
            local t = core.cost.step { model = model, hardware = hardware, layout = quantization.layout(model),
                                       cost = cost, shape = shape }
            assert.is_true(t.total > 0 and t.total < 1e3, model.id .. " on " .. gpu.id)
            return t.total
          end
          local one = seconds { decode_seqs = 1, decode_context = 100 }
          assert.is_true(seconds { decode_seqs = 64, decode_context = 6400 } > one)
          local prompt = seconds { chunks = { { tokens = 128, samples = true } } }
          assert.is_true(seconds { chunks = { { tokens = 4096, samples = true } } } > prompt)
          priced = priced + 1
        end
      end
    end
    assert.is_true(priced >= 6 * #models, priced)
  end)

  it("is priced again under other parameters as if made with them", function()
    local d = oracle.calc.deployment { model = "qwen3-30b-a3b", hardware = "h100-sxm",
                                       cost = { kind = "calibrated", fit = fit_file() } }
    local shapes = { { decode_seqs = 8, decode_context = 4000 }, { chunks = { { tokens = 700, samples = true } } } }
    local prepared = core.cost.prepare { model = d.model, hardware = d.hardware, layout = d.layout, cost = d.cost,
                                         shapes = shapes }
    local other = fits.parameters(fits.open(fit_file { hopper = ', "expert_floor": 1e-4, "attention_decode": 0.6' }),
      "hopper")
    local seconds = core.cost.reprice(prepared, core.cost.calibration(other))
    for i, shape in ipairs(shapes) do
      assert.equal(core.cost.step { model = d.model, hardware = d.hardware, layout = d.layout, shape = shape,
                                    cost = { kind = "calibrated", calibration = other } }.total, seconds[i])
      assert.are_not.equal(core.cost.price(prepared, shape).total, seconds[i])
    end
    assert.matches("calibration.routing_skew: missing", refused(core.cost.calibration, { slice_width = 1 }))
  end)
end)

describe("the interval of a result", function()
  setup(program.open)
  teardown(program.close)

  local ERRORS = '"error": { "all": { "ttft": { "median": 8, "p80": 20 }, "tpot": { "median": 4, "interval": 10 }, '
    .. '"e2e": { "median": 5, "interval": 12 }, "throughput": { "median": 5, "interval": 11 } } },'

  local function half(t, changes)
    changes = changes or {}
    changes.cost = changes.cost or { kind = "calibrated", fit = fit_file(t) }
    local s = run(changes)
    return s.interval, s
  end

  it("is that of held-out deployments: interval, or p80 where there is none", function()
    local i, s = half { more = ERRORS }
    assert.same({ 0.8, 10, 0 }, { i.coverage, i.tpot_pct, #i.wider })
    assert.equal(5, s.deployment.fit_error_pct)
    assert.is_true(i.ttft_pct >= 20 and i.ttft_pct < 24)
    assert.is_nil((half {}))
    assert.is_nil((half(nil, { cost = "roofline" })))
  end)

  it("is wider where no data determined what a deployment needs", function()
    local more = ERRORS .. '"unseen": { "all": ["state_floor"], "hopper": ["attention_prefill"] },'
    local i = half { more = more }
    assert.same({ 12.5, "not in its data: attention_prefill" }, { i.tpot_pct, i.wider[1] })
    i = half({ more = ERRORS }, { engine = { quantization = "mxfp8" } })
    assert.same({ 15, "not in its data: gemm_bandwidth.mxfp8, gemm_compute.mxfp8" }, { i.tpot_pct, i.wider[1] })
  end)

  it("is wider on chips whose errors are those on others", function()
    local more = ERRORS:gsub('"error": {', '"error": { "ada": { "tpot": { "median": 1, "interval": 2 } },')
    local i = half { more = more }
    assert.same({ 15, "few of its data, or none, are of generation hopper" }, { i.tpot_pct, i.wider[1] })
  end)

  it("is wider beyond the batches of the data, in queues, and under a forced fit", function()
    local i = half { more = ERRORS .. '"range": { "sequences": 1 },' }
    assert.is_true(i.tpot_pct > 12)
    assert.matches("sequences at a time, 1 at most in its data", i.wider[1])
    local over, s = half({ more = ERRORS }, { engine = { max_num_seqs = 2 },
      workload = oracle.workload.poisson { rate = 100, count = 200, prompt = 512, output = 64 } })
    assert.is_true(s.latency.queue_time_ms.mean > 100)
    assert.is_true(over.ttft_pct > 40 and over.e2e_pct > 15)
    assert.same({ 10, 11 }, { over.tpot_pct, over.throughput_pct })
    assert.matches("requests wait %d+ %% of their time", over.wider[1])
    local forced = half(nil, { engine = { system = "sglang" }, cost = { kind = "calibrated", force_fit = true,
                                                                     fit = fit_file { more = ERRORS } } })
    assert.equal(20, forced.tpot_pct)
    assert.equal("the fit is of another engine or chip", forced.wider[1])
  end)

  it("stands in the console, comparisons and sweeps", function()
    local path = fit_file { more = ERRORS }
    local scenario = program.write("shown.lua", BASE:format(""))
    local _, out = program.run(("'%s' --fit '%s'"):format(scenario, path))
    assert.matches("Mean TPOT %(ms%): +[%d.]+ ± 10 %%", out)
    assert.matches("Mean TTFT %(ms%): +[%d.]+ ± 2%d %%", out)
    assert.matches("Request throughput %(req/s%): +[%d.]+ ± 11 %%", out)
    assert.matches("± : 80 %% interval of fit fit%d+ on deployments it has not seen", out)
    local _, table_of = program.run(("sweep '%s' --fit '%s' --set workload.rate=1,2 --out '%s/s.jsonl'"):format(
      scenario, path, program.dir))
    assert.matches("80 %% intervals at most: TTFT ± %d+ %%, TPOT ± 10 %%", table_of)
    local _, compared = program.run(("compare engine.max_num_seqs=8 engine.max_num_seqs=64 '%s' --fit '%s' "
      .. "--replications 2"):format(scenario, path))
    assert.matches("80 %% intervals of engine.max_num_seqs=64:%s+TTFT ± %d+ %%, TPOT ± 10 %%", compared)
    local _, json = program.run(("compare engine.max_num_seqs=8 engine.max_num_seqs=64 '%s' --fit '%s' "
      .. "--replications 2 --json - -q"):format(scenario, path))
    assert.equal(10, core.json.decode(json).intervals["engine.max_num_seqs=8"].tpot_pct)
  end)

  it("says nothing where there is nothing to say", function()
    assert.is_nil(interval.text {})
    local two = { { ttft_pct = 5, throughput_pct = 3 }, { ttft_pct = 9 } }
    assert.equal("TTFT ± 9 %, throughput ± 3 %", interval.text(two))
  end)
end)
