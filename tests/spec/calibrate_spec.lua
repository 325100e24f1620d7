-- Fits: planted parameters come back, data that determine nothing are refused, what was left out is predicted.
local calibrate = require "oracle.study.calibrate"
local core = require "oracle.core"
local fits = require "oracle.models.fits"
local json = core.json
local kernels = require "oracle.study.calibrate.kernels"
local load = require "oracle.formats.measured.load"
local ordered = require "oracle.text.ordered"
local outcome = require "oracle.study.calibrate.outcome"
local prediction = require "oracle.study.prediction"
local priced = require "oracle.study.calibrate.priced"
local program = require "program"
local residuals = require "oracle.study.calibrate.residuals"
local space = require "oracle.study.calibrate.space"
require "oracle"

setup(program.open)
teardown(program.close)

it("a fit's file names what no data determined, by the generation it is of", function()
  local names = { "kernels.hopper.gemm", "kernels.ada.gemm", "kernels.ada.attention", "engines.step",
                  "prior.of_something_else" }
  assert.equal('{"ada": ["gemm", "attention"], "all": ["step"]}',
    ordered.line(outcome.unseen(names, { hopper = true })))
  assert.is_nil(outcome.unseen({ "kernels.hopper.gemm" }, { hopper = true }))
end)

describe("least squares", function()
  it("finds the least of a sum of squares", function()
    local function off(x)
      local r = {}
      for i = 1, 20 do r[i] = x[1] * math.exp(-x[2] * i / 10) - 3 * math.exp(-0.7 * i / 10) end
      return r
    end
    local x, how = core.least_squares(off, { 1, 1 }, 20)
    assert.near(3, x[1], 1e-6)
    assert.near(0.7, x[2], 1e-6)
    assert.is_true(how.calls > 3)
  end)

  it("takes derivatives where they are told, and gives the same", function()
    local function off(x)
      local r = {}
      for i = 1, 20 do r[i] = x[1] * math.exp(-x[2] * i / 10) - 3 * math.exp(-0.7 * i / 10) end
      return r
    end
    local function jacobian(x)
      local a, b = {}, {}
      for i = 1, 20 do
        a[i], b[i] = math.exp(-x[2] * i / 10), -x[1] * i / 10 * math.exp(-x[2] * i / 10)
      end
      return { a, b }
    end
    local x = core.least_squares(off, { 1, 1 }, 20, { jacobian = jacobian })
    assert.near(3, x[1], 1e-6)
    assert.near(0.7, x[2], 1e-6)
    local function refused(columns, why)
      assert.error_matches(function()
        core.least_squares(off, { 1, 1 }, 20, { jacobian = function() return columns end })
      end, why)
    end
    refused(1, "a list of columns")
    refused({ {} }, "a list of columns")
    refused({ {}, { 0 / 0 } }, "a derivative of residual 1 is no number")
  end)

  it("passes errors on, and refuses what is no number", function()
    assert.error_matches(function() core.least_squares(function() error "boom" end, { 1 }, 2) end, "boom")
    assert.error_matches(function() core.least_squares(function() return { 0 / 0, 1 } end, { 1 }, 2) end, "residual 1")
    assert.error_matches(function() core.least_squares(function() return 1 end, { 1 }, 2) end, "a list of numbers")
    assert.has_error(function() core.least_squares(function() return {} end, { 1, 2, 3 }, 2) end)
  end)
end)

it("gzip texts are read, and nothing else", function()
  assert.same({ nil, "compressed (gzip), and damaged" }, { core.inflate("plain", 10) })
  local path = program.write("x.txt", ("gpu,latency_ms\n"):rep(1000))
  os.execute(("gzip -kf '%s'"):format(path))
  local zipped = program.read(path .. ".gz")
  assert.equal(program.read(path), core.inflate(zipped, 1 << 20))
  assert.is_nil(core.inflate(zipped:sub(1, #zipped // 2), 1 << 20))
  assert.matches("too large", select(2, core.inflate(zipped, 1000)))
end)

-- ---- rows that a known deployment gives ----

local MODELS = { "llama-3.1-8b", "qwen3-30b-a3b", "llama-3.1-70b" }

local function scenario_of(model, concurrency, tp)
  return { model = model, hardware = "h100-sxm", engine = { tensor_parallel_size = tp, max_model_len = 4096 }, seed = 1,
           cost = { kind = "calibrated", fit = "vllm" },
           workload = { kind = "closed_loop", concurrency = concurrency, count = 4 * concurrency, prompt = 512,
                        output = 64 } }
end

local prepared

-- Rows whose measurements are predictions of the shipped fit with floors times 1.3 and the host's step times 0.6.
local function planted()
  if prepared then return table.unpack(prepared) end
  local base = { kernels = space.copy(fits.of_engine "vllm".kernels),
                 engines = { vllm = space.copy(fits.of_engine "vllm") } }
  local truth = space.copy(base)
  for _, t in pairs(truth.engines.vllm.generations) do t.layer_floor = t.layer_floor * 1.3 end
  truth.engines.vllm.common.step_host = truth.engines.vllm.common.step_host * 0.6
  local rows, memo = {}, {}
  for m, model in ipairs(MODELS) do
    for _, c in ipairs { 1, 4, 16, 64 } do
      for _, tp in ipairs(m == 3 and { 4, 8 } or { 1, 2 }) do
        local s = scenario_of(model, c, tp)
        local row = { id = model .. c, model = model, gpu = "h100-sxm", engine = "vllm", format = "bf16",
                      layout = "tp" .. tp,
                      load = c, scenario = s, measured = {} }
        rows[#rows + 1] = priced.row(row, prediction.one(s, { shapes = true }, memo), memo)
      end
    end
  end
  local resolve = calibrate.resolver(truth)
  for _, r in ipairs(rows) do
    local one = resolve(r)
    local ttft, tpot = priced.price(r, one[1], one[2])
    r.row.measured = { ttft = ttft, tpot = tpot }
  end
  calibrate.weigh(rows)
  prepared = { rows, base }
  return rows, base
end

local function place(parameters, name)
  for i, p in ipairs(parameters) do
    if p.name == name then return i end
  end
end

describe("a fit", function()
  it("prices a run as it was simulated, by the shapes of its steps", function()
    local s = scenario_of("llama-3.1-8b", 16, 1)
    local p = prediction.one(s, { shapes = true }, {})
    local r = priced.row({ id = "x", engine = "vllm", scenario = s, measured = {} }, p, {})
    assert.near(1, r.scale_tpot, 0.03)
    assert.near(1, r.scale_ttft, 0.1)
    local base = { kernels = fits.of_engine "vllm".kernels, engines = { vllm = fits.of_engine "vllm" } }
    local one = calibrate.resolver(space.copy(base))(r)
    local ttft, tpot, e2e, rate = priced.price(r, one[1], one[2])
    assert.near(p.ttft.mean, ttft, 0.01 * p.ttft.mean)
    assert.near(p.tpot.mean, tpot, 0.001 * p.tpot.mean)
    assert.near(p.e2e.mean, e2e, 0.02 * p.e2e.mean)
    assert.near(p.throughput, rate, 0.02 * p.throughput)
  end)

  it("recovers planted parameters", function()
    local rows, base = planted()
    local free = space.whole(base, { "hopper" })
    for _, p in ipairs(free) do p.width = 4 * p.width end -- priors that hold little: they are of other values
    local parameters = calibrate.determined(rows, base, free)
    local values, x = calibrate.fit(rows, base, parameters)
    assert.near(1.3, math.exp(x[place(parameters, "vllm.layer_floor")]), 0.1)
    for _, e in ipairs(calibrate.errors(rows, values)) do assert.is_true(math.abs(e.tpot) < 0.02) end
  end)

  it("has the derivatives that differences of all rows give, priced only where a parameter reaches", function()
    local rows, base = planted()
    local parameters, x = space.whole(base, { "hopper" }), {}
    for k = 1, #parameters do x[k] = 0 end
    local columns = residuals.jacobian(rows, base, parameters, x)
    local at = residuals.all(rows, space.set(base, parameters, x), {})
    for _, name in ipairs { "vllm.layer_floor", "kernels.hopper.expert_bandwidth.bf16", "kernels.routing_skew" } do
      local k = place(parameters, name)
      x[k] = 1e-3
      local moved = residuals.all(rows, space.set(base, parameters, x), {})
      x[k] = 0
      for i = 1, 2 * #rows do assert.near((moved[i] - at[i]) / 1e-3, columns[k][i] or 0, 1e-6) end
    end
  end)

  it("leaves alone what no row needs", function()
    local rows, base = planted()
    local kept, others = calibrate.determined(rows, base, space.whole(base, { "hopper", "blackwell" }))
    assert.is_nil(place(kept, "kernels.blackwell.gemm_bandwidth.bf16"))
    assert.is_nil(place(kept, "engines.latent_floor"))
    local text = " " .. table.concat(others, " ") .. " "
    assert.matches(" engines%.sparse_floor ", text)
  end)

  it("predicts models that were left out", function()
    local rows, base = planted()
    local parameters = calibrate.determined(rows, base, space.whole(base, { "hopper" }))
    local _, x = calibrate.fit(rows, base, parameters)
    local errors = calibrate.crossed(rows, base, parameters, x, function(r) return r.row.model end)
    assert.equal(#rows, #errors)
    for _, e in ipairs(errors) do assert.is_true(math.abs(e.tpot) < 0.25) end
  end)

  it("of kernels takes the medians of what only reads and of what fills a chip", function()
    local h = { generation = "hopper", bandwidth = 1e12, flops = { bf16 = 1e15 } }
    local rows, into = {}, { hopper = { gemm_bandwidth = { bf16 = 0.5 }, gemm_compute = { bf16 = 0.5 } } }
    for _ = 1, 9 do
      rows[#rows + 1] = { gpu = "x", gemm_dtype = "bfloat16", m = "8", n = "4096", k = "4096",
                          latency_ms = tostring(1000 * 4096 * 4096 * 2 / (0.8 * 1e12)) }
    end
    rows[#rows + 1] = { gpu = "unknown", gemm_dtype = "bfloat16", m = "8", n = "1", k = "1", latency_ms = "1" }
    local kind = kernels.kind { gpu = true, latency_ms = true, gemm_dtype = true, m = true, n = true, k = true }
    local found, silent = kernels.fit(kind, rows, function(name) return name == "x" and h or nil end, into)
    assert.equal(1, silent)
    assert.equal(1, #found)
    assert.near(0.8, into.hopper.gemm_bandwidth.bf16, 1e-3)
    assert.equal(0.5, into.hopper.gemm_compute.bf16)
    local function refused(ms, why)
      for i = 1, 9 do rows[i].latency_ms, rows[i].line = ms, i end
      assert.error_matches(function() kernels.fit(kind, rows, function() return h end, into) end, why)
    end
    refused("nan", 'line 1: latency_ms: "nan"')
    refused("0", 'line 1: latency_ms: "0": a time above 0')
    refused("42", "seem to be in microseconds")
    refused("0.000042", "seem to be in seconds")
  end)
end)

describe("a load that a result tells by its means", function()
  local function sent(w, raw) return load.sent(raw or { model = "llama-3.1-8b" }, w).output end
  local function clients(n, prompt, output)
    return { kind = "closed_loop", concurrency = n, count = 10 * n, prompt = prompt, output = output }
  end

  it("has answers that differ by a fifth, where there are clients to fall in step", function()
    assert.same({ kind = "uniform", low = 80, high = 120 }, sent(clients(4, 512, 100)))
    assert.equal(100, sent(clients(1, 512, 100)))
    assert.same({ 90, 110 }, sent(clients(4, 512, { 90, 110 })))
    assert.equal(100, sent { kind = "poisson", rate = 4, count = 40, prompt = 512, output = 100 })
  end)

  it("has none that its model or its engine would refuse", function()
    assert.same({ kind = "uniform", low = 90, high = 110 },
      sent(clients(4, 500, 100), { model = "llama-3.1-8b", engine = { max_model_len = 610 } }))
    assert.same({ kind = "uniform", low = 1000, high = 1000 }, sent(clients(4, 131072 - 1000, 1000)))
    assert.same({ kind = "uniform", low = 100, high = 100 },
      sent(clients(4, 500, 100), { model = "llama-3.1-8b", engine = { max_model_len = 512 } }))
  end)
end)

describe("oracle calibrate", function()
  it("takes a calibration of LLMPerfOracle for closed loops at its rates", function()
    local path = program.write("rates.json", [[{"xpu_name": "h100-sxm", "model_name": "llama-3.1-8b", "tp_size": 1,
      "prefill_effective_tflops": 400, "prefill_effective_bandwidth_gbs": 2000, "decode_effective_tflops": 300,
      "decode_effective_bandwidth_gbs": 2200, "prefill_comm_overhead_s": 0.0001}]])
    local rc, out, err = program.run(("calibrate '%s' -o '%s/rates-fit.json'"):format(path, program.dir))
    assert.equal(0, rc, err)
    assert.matches("4 rows, %d parameters that they determine", out)
    assert.is_true(tonumber(out:match "errors on these rows: .-tpot median ([%d.]+)") < 5)
  end)

  local function bench(c, tpot, more)
    return program.write(("b%d.json"):format(c), ([[{"model_id": "meta-llama/Llama-3.1-8B-Instruct", "num_prompts": %d,
      "completed": %d, "request_rate": "inf", "max_concurrency": %d, "total_input_tokens": %d,
      "total_output_tokens": %d, "mean_ttft_ms": %g, "mean_tpot_ms": %g%s}]]):format(10 * c, 10 * c, c, 5120 * c,
      1280 * c, 20 + c, tpot, more or ""))
  end

  it("corrects a fit by five runs of one's own", function()
    local before = {}
    for i, c in ipairs { 1, 4, 16, 32, 64 } do before[i] = bench(c, 9 + 0.03 * c) end
    local out = program.dir .. "/mine.json"
    local rc, shown, err = program.run(("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(
      table.concat(before, "' '"), out))
    assert.equal(0, rc, err)
    assert.matches("vllm%.floors +x 1%.", shown)
    local fit = json.decode(program.read(out))
    assert.equal("vllm", fit.engine)
    assert.is_number(fit.error.all.tpot.median)
    assert.is_true(fit.error.all.tpot.median < 8)
    assert.is_true(fit.error.hopper.tpot.interval >= 6 and fit.error.hopper.ttft.interval >= 10)
    assert.equal("leave one run out", fit.provenance.crossed)
    local keys = {}
    for key in pairs(fit.generations) do keys[#keys + 1] = key end
    assert.same({ "hopper" }, keys)
    rc, shown, err = program.run(("validate '%s' --set hardware=h100-sxm --fit '%s'"):format(before[3], out))
    assert.equal(0, rc, err)
    local off = tonumber(shown:match "TPOT mean %(ms%) +[%d.]+ +[%d.]+ +([+-][%d.]+)")
    assert.is_true(math.abs(off) < 10)
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(before[1], out), "exists; %-%-force")
    program.refused(1, ("validate '%s' --set hardware=a100-80gb --fit '%s'"):format(before[3], out), "has nothing of")
    program.refused(1, ("validate '%s' --set hardware=h100-sxm --set engine.max_model_len=600"):format(before[3]),
      "none of its 160 requests is answered in the simulation; 160 are longer")
  end)

  local ONE_ROW = "id,concurrency,backend,backend_version,model_path,system,mode,isl,osl,tp_size,silicon_ttft_ms,"
    .. "silicon_tpot_ms\na,4,vllm,0.18.0,meta-llama/Llama-3.1-8B-Instruct,h100_sxm,agg,512,128,1,40,8\n"

  it("refuses bad data in one line", function()
    local out = program.dir .. "/no.json"
    local empty = program.write("empty.csv", "")
    program.refused(2, "calibrate", "FILE.json %(or FOLDER/%) expected")
    program.refused(2, ("calibrate -o '%s'"):format(out), "files of measurements expected")
    program.refused(1, ("calibrate '%s' -o '%s'"):format(empty, out), "empty")
    program.refused(1, ("validate '%s'"):format(empty), "empty")
    program.refused(1, ("calibrate '%s' -o '%s'"):format(program.write("x.csv", "a,b\n1,2\n"), out), "no measurements")
    program.refused(1, ("calibrate '%s' -o '%s'"):format(bench(4, 9), out), "hardware: not told by the data")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(bench(4, 9), out),
      "runs at 1 load cannot tell vllm%.floors, ")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(bench(4, 9000), out),
      "seem to be in microseconds")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(bench(4, 0.009), out),
      "seem to be in seconds")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(bench(4, 0), out),
      "mean_tpot_ms: 0: a number above 0 expected")
    program.refused(1, ("calibrate '%s' '%s' '%s' --set hardware=h100-sxm -o '%s'"):format(bench(4, 9), bench(16, 9),
      bench(8, 9000), out), "b8%.json 1: latencies seem to be in microseconds")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm --fit none -o '%s'"):format(bench(4, 9), out),
      "%-%-fit none: nothing to correct")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm -o '%s'"):format(
      program.write("cut.json", '{"mean_ttft_ms": 20, "completed"'), out), "cut%.json")
    program.refused(1, ("calibrate '%s' --set hardware=h100-sxm --fit sglang -o '%s'"):format(bench(4, 9), out),
      "%-%-fit sglang: fitted to sglang, and the runs are of vllm")
    program.refused(1, ("calibrate '%s' -o '%s'"):format(program.write("one.csv", ONE_ROW), out),
      "runs at 1 load cannot tell kernels%.hopper%.")
    program.refused(1, ("calibrate '%s/none.csv' -o '%s'"):format(program.dir, out), "no such file")
    program.refused(1, ("calibrate '%s' -o '%s/none/'"):format(empty, program.dir), "/none/: no such folder")
  end)
end)
