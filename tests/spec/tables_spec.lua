-- Tables of measurements: read, simulated row by row, told by group; what is wrong in them is said in one line.
local csv = require "oracle.formats.measured.csv"
local json = require("oracle.core").json
local names = require "oracle.formats.measured.names"
local online = require "oracle.formats.measured.online"
local paced = require "oracle.workload.paced"
local phase = require "oracle.formats.measured.phase"
local program = require "program"
local serving = require "oracle.formats.measured.serving"
local silicon = require "oracle.formats.measured.silicon"
local tables = require "oracle.formats.measured.tables"

local write, oracle = program.write, program.run

local SILICON = "id,concurrency,backend,backend_version,model_path,system,mode,isl,osl,gemm_quant_mode,moe_quant_mode,"
  .. "tp_size,attention_dp_size,moe_tp_size,moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\n"
local SERVING = "id,model,gpu,engine,precision,tp,replicas,disagg,spec_decoding,nodes,prompt_tokens,output_tokens,"
  .. "length_spread,arrival,arrival_value,count,ttft_mean_ms,tpot_median_ms,e2e_mean_ms,output_tok_s,flags\n"

local function decoded(path) return json.decode(program.read(path)) end

setup(program.open)
teardown(program.close)

describe("a CSV of measurements", function()
  it("has quoted fields, empty ones, and lines", function()
    local rows = csv.rows('a,b,c\r\n1,"x, ""y""",\n\n2,,3\n', { "a" })
    assert.same({ { a = "1", b = 'x, "y"', line = 2 }, { a = "2", c = "3", line = 4 } }, rows)
    assert.equal(2, csv.count(rows[2], "a", 1))
    assert.is_nil(csv.number(rows[2], "b"))
  end)

  it("refuses what is no number, with its line", function()
    for text, pattern in pairs { ["a\nnan\n"] = 'line 2: a: "nan"', ["a\n1e999\n"] = "line 2: a",
                                 ["a\nx\n"] = "line 2: a",
                                 ["a,a\n"] = "line 1: the column a stands twice", ["a,b\n1\n"] = "line 2: 1 fields" } do
      local ok, why = pcall(function()
        for _, row in ipairs(csv.rows(text)) do csv.number(row, "a") end
      end)
      assert.is_false(ok, text)
      assert.matches(pattern, why)
    end
    assert.has_error(function() csv.rows("b\n1\n", { "a" }) end, "line 1: the column a is missing")
  end)
end)

describe("names in tables", function()
  it("mean what the catalogue has", function()
    for name, id in pairs { h100_sxm = "h100-sxm", ["NVIDIA H100 80GB HBM3"] = "h100-sxm", b200_sxm = "b200",
                            ["A100-80GB"] = "a100-80gb", RTX6000PRO = "rtx-pro-6000", MI300X = "mi300x",
                            rtx_pro_6000_server = "rtx-pro-6000", ["NVIDIA B300 SXM6 AC"] = "b300",
                            ["RTX PRO 6000 Blackwell Server Edition"] = "rtx-pro-6000" } do
      assert.equal(id, names.gpu(name).id, name)
    end
    assert.is_nil(names.gpu "H9000")
    assert.equal("vllm", names.engine "vLLM (Ray Serve LLM)")
    assert.equal("trtllm", names.engine "TensorRT-LLM")
    assert.is_nil(names.engine "MindIE")
    assert.equal("0.5.12", names.version "v0.5.12-cu130")
  end)

  it("tell checkpoints by format", function()
    assert.equal("fp4", names.model("deepseek-ai/DeepSeek-R1", "nvfp4").format)
    assert.equal("mxfp4", names.model("openai/gpt-oss-120b", "nvfp4").format)
    assert.equal("fp8", names.model("deepseek-ai/DeepSeek-V3", "fp8").format)
    assert.equal("bf16", names.model("meta-llama/Llama-3.1-8B-Instruct", "").format)
    assert.is_nil(names.model "nobody/knows-1b")
  end)
end)

describe("a table of means by concurrency", function()
  it("says layouts in more than one way", function()
    local rows, skipped = silicon.read(SILICON
      .. "a,16,vllm,0.18.0,meta-llama/Llama-3.1-8B-Instruct,h100_sxm,agg,1024,1024,,,2,1,2,1,50,8\n"
      .. "b,16,trtllm,,deepseek-ai/DeepSeek-R1,b200_sxm,agg,8192,1024,nvfp4,nvfp4,64,1,8,8,50,8\n"
      .. "c,16,trtllm,,deepseek-ai/DeepSeek-R1,b200_sxm,agg,8192,1024,nvfp4,nvfp4,1,64,8,8,50,8\n"
      .. "d,16,vllm,,nobody/knows-1b,h100_sxm,agg,512,128,,,1,,1,1,50,8\n"
      .. "e,16,vllm,,meta-llama/Llama-3.1-8B,h100_sxm,disagg,512,128,,,,,,,50,8\n"
      .. "f,16,vllm,,meta-llama/Llama-3.1-8B,z1,agg,512,128,,,1,,1,1,50,8\n"
      .. "g,32,trtllm,,deepseek-ai/DeepSeek-R1,gb200,agg,1024,1024,nvfp4,nvfp4,36,1,36,1,50,8\n")
    local layouts = {}
    for i, row in ipairs(rows) do layouts[i] = row.layout end
    assert.same({ "tp2", "tp8 ep", "tp1 dp8 ep" }, layouts)
    assert.same({ kind = "uniform", low = 820, high = 1024 }, rows[1].scenario.workload.prompt)
    assert.equal(160, rows[1].scenario.workload.count)
    assert.equal("fp8", rows[2].scenario.engine.kv_cache_dtype)
    assert.equal("0.18.0", rows[1].cost.engine_version)
    local why = {}
    for i, one in ipairs(skipped) do why[i] = one[1] .. ": " .. one[2] end
    assert.same({ "d: unknown model nobody/knows-1b",
                  "e: disaggregated, and how many workers there were is not said", "f: unknown GPU z1",
                  "g: a whole rack that is filed as one engine" }, why)
  end)
end)

describe("a table of serving configurations", function()
  it("has arrivals of several kinds, and rows apart", function()
    local head = "x,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,bf16,1,,,"
    local rows = serving.read(SERVING
      .. head .. ",,512,128,fixed,closed concurrency,8,,50,8,1000,900,\n"
      .. head .. ",,512,128,ShareGPT,poisson rate,2,100,50,8,1000,900,\n"
      .. head .. ",,512,128,fixed,static batch,16,16,,,1000,900,\n"
      .. head .. "mtp,,512,128,fixed,burst,100,,50,8,1000,900,\n"
      .. head .. ",,512,128,fixed,burst,100,,50,8,1000,900,odd\n")
    local kinds, apart = {}, {}
    for i, row in ipairs(rows) do kinds[i], apart[i] = row.scenario.workload.kind, row.apart or "-" end
    assert.same({ "closed_loop", "poisson", "batch", "batch", "batch" }, kinds)
    assert.same({ "-", "-", "-", "speculative decoding", "flagged by its source" }, apart)
    assert.same({ ttft = "mean", tpot = "p50", e2e = "mean" }, rows[1].statistic)
    assert.equal(80, rows[1].scenario.workload.count)
  end)

  it("draws lengths as the row says they were, and ranks of attention from its GPUs", function()
    local rows, skipped = serving.read("id,model,gpu,engine,tp,gpus,dp_attention,prompt_tokens,output_tokens,"
      .. "length_spread,arrival,arrival_value,disagg,output_tok_s\n"
      .. "a,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,4,true,512.5,128,"
      .. "range_ratio 0 (default: uniform 1..nominal),constant rate,2,,900\n"
      .. "b,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,,,512,128,range_ratio 0.0,gamma rate,0.5,,900\n"
      .. "c,deepseek-ai/DeepSeek-R1,B200,SGLang,8,,,512,128,fixed,burst,9,"
      .. "prefill 1 workers tp4 ep1 dpa=False 4 GPUs; decode 1 workers tp8 ep8 dpa=True 8 GPUs,900\n"
      .. "d,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,,,512,128,fixed,constant rate,0,,900\n"
      .. "e,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,,,512,128,fixed,constant rate,,,900\n"
      .. "f,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,,,512,128,fixed,tidal,3,,900\n"
      .. "g,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,,,512,128,fixed,measured launch times,,,900\n"
      .. "h,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,1,,,512,128,fixed,burst,3,half of it,900\n")
    local w = rows[1].scenario.workload
    assert.same({ "constant", 2, 600 }, { w.kind, w.rate, w.count })
    assert.same({ kind = "uniform", low = 1, high = 1024 }, w.prompt) -- mean 512.5
    assert.equal("tp1 dp4", rows[1].layout)
    assert.same({ "poisson", 200 }, { rows[2].scenario.workload.kind, rows[2].scenario.workload.count })
    assert.equal("1 x tp4 + 1 x tp1 dp8 ep", rows[3].layout)
    local why = {}
    for i, one in ipairs(skipped) do why[i] = one[1] .. ": " .. one[2] end
    assert.same({ "d: arrival_value is 0", "e: arrival_value is not said", "f: unknown arrival tidal",
                  "g: measured launch times, and no file of its requests was given",
                  "h: a disaggregated layout that is not understood" }, why)
  end)

  it("tells pools", function()
    local rows = serving.read(SERVING .. "x,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,bf16,1,,"
      .. "prefill 2 x tp1; decode 1 x tp2; NIXL,,,512,128,fixed,closed concurrency,8,,50,8,1000,900,\n")
    assert.equal("2 x tp1 + 1 x tp2", rows[1].layout)
    assert.equal("disaggregated", rows[1].apart)
    assert.equal(2, rows[1].scenario.pools.prefill.replicas)
  end)
end)

it("load stages re-ask their prompts, and failures are overloads", function()
  local rows = online.read("experiment,model,gpu,engine,tensor_parallel_size,max_num_seqs,stage,arrival,rate_per_s,"
    .. "duration_s,output_tokens,unique_system_prompts,users_per_system_prompt,completed,failed,"
    .. "measured_prompt_tokens_mean,ttft_mean_ms,e2e_mean_ms\n"
    .. "e,meta-llama/Llama-2-7b-hf,H100-SXM-80GB,vLLM,1,128,0,constant,5,60,201,3,2,300,0,590.4,25,1825\n"
    .. "e,meta-llama/Llama-2-7b-hf,H100-SXM-80GB,vLLM,1,128,1,constant,50,60,201,3,2,100,2900,590.4,9000,90000\n")
  assert.equal(6, rows[1].scenario.workload.prompt_pool)
  assert.equal(300, rows[1].scenario.workload.count)
  assert.equal(9, rows[1].measured.tpot)
  assert.same({ nil, "overload" }, { rows[1].apart, rows[2].apart })
end)

it("phases of equal configurations are put together", function()
  local rows = phase.read("model,hardware,prompt_size,batch_size,token_size,prompt_time,token_time,e2e_time,"
    .. "tensor_parallel\n"
    .. "llama2-70b,a100-80gb,512,2,128,100,40,5000,4\nllama2-70b,a100-80gb,512,2,128,110,44,5400,4\n")
  assert.equal(1, #rows)
  assert.same({ ttft = 105, tpot = 42, e2e = 5200 }, rows[1].measured)
end)

describe("a client that paces its requests", function()
  it("ramps linearly in time, or by equal factors", function()
    local at = paced.clock { ramp_up_strategy = "linear", ramp_up_start_rps = 1, ramp_up_end_rps = 10, count = 200 }
    assert.near(200 / 5.5, at(200), 1e-9)
    assert.near(0, at(0), 1e-9)
    at = paced.clock { ramp_up_strategy = "linear", ramp_up_start_rps = 2, ramp_up_end_rps = 10, count = 240 }
    assert.near(40, at(240), 1e-9)
    assert.near(20, at(2 * 20 + 0.2 * 20 ^ 2 / 2), 1e-9) -- 0.2 requests/s more each second
    assert.near(30, paced.clock { ramp_up_strategy = "linear", ramp_up_start_rps = 4, ramp_up_end_rps = 4,
                                  count = 240 }(120), 1e-9)
    assert.near(30, paced.clock { ramp_up_strategy = "exponential", ramp_up_start_rps = 4, ramp_up_end_rps = 4,
                                  count = 240 }(120), 1e-9)
    at = paced.clock { ramp_up_strategy = "exponential", ramp_up_start_rps = 1, ramp_up_end_rps = 10, count = 200 }
    assert.near(200 * math.log(10) / 9, at(200), 1e-9)
  end)

  it("never has more than its limit in flight", function()
    local function bench(more)
      return write("paced.json", ([[{"model_id": "meta-llama/Llama-3.1-8B-Instruct", "num_prompts": 60, "completed": 60,
        "request_rate": %s, "total_input_tokens": 30720, "total_output_tokens": 7680, "request_throughput": 5,
        "mean_ttft_ms": 40.0%s}]]):format(more and '"inf"' or "1000", more or ', "max_concurrency": 2'))
    end
    local function predicted(path)
      local rc, out, err = oracle(("validate '%s' --set hardware=h100-sxm"):format(path))
      assert.equal(0, rc, err)
      return tonumber(out:match "Request throughput %(req/s%) +[%d.]+ +([%d.]+)")
    end
    local limited = predicted(bench())
    local closed = predicted(bench(', "max_concurrency": 2'))
    assert.near(closed, limited, 0.05 * closed)
    local ramp = predicted(bench(', "ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 5'))
    assert.near(3, ramp, 0.5)
    program.refused(1, ("validate '%s' --set hardware=h100-sxm"):format(bench(', "ramp_up_strategy": "steps"')),
      "ramp_up_strategy: \"steps\": exponential or linear expected")
  end)
end)

describe("results of other benchmarks", function()
  it("are compared: AIPerf", function()
    local path = write("profile_export_aiperf.json", [[{"request_throughput": {"unit": "requests/sec", "avg": 4.0},
      "time_to_first_token": {"unit": "ms", "avg": 30.0, "p99": 60.0},
      "inter_token_latency": {"unit": "ms", "avg": 7.0},
      "output_sequence_length": {"unit": "tokens", "avg": 64}, "input_sequence_length": {"unit": "tokens", "avg": 512},
      "input_config": {"loadgen": {"concurrency": 4, "request_count": 40}}}]])
    local rc, out, err = oracle(("validate '%s' --set hardware=h100-sxm --set model=llama-3.1-8b"):format(path))
    assert.equal(0, rc, err)
    assert.matches("TTFT mean %(ms%) +30", out)
    assert.matches("TPOT mean %(ms%) +7", out)
  end)

  it("are compared: guidellm", function()
    local function d(mean)
      return ('{"successful": {"mean": %g, "median": %g, "percentiles": {"p99": %g}}}'):format(mean, mean, 2 * mean)
    end
    local path = write("guidellm.json", ([[{"benchmarks": [{"config":
      {"strategy": {"type_": "concurrent", "streams": 2}},
      "metrics": {"time_to_first_token_ms": %s, "inter_token_latency_ms": %s, "request_latency": %s,
      "prompt_token_count": %s, "output_token_count": %s, "requests_per_second": %s}}]}]]):format(d(25), d(7),
      d(0.5), d(256), d(64), d(4)))
    local rc, out, err = oracle(("validate '%s' --set hardware=h100-sxm --set model=llama-3.1-8b"):format(path))
    assert.equal(0, rc, err)
    assert.matches("E2E mean %(ms%) +500", out)
  end)
end)

describe("validate of a table", function()
  local head = SILICON
  local function rows(ttft, tpot)
    local out = { head }
    for i, c in ipairs { 1, 4, 16 } do
      out[#out + 1] = ("r%d,%d,vllm,0.18.0,meta-llama/Llama-3.1-8B-Instruct,h100_sxm,agg,512,128,,,1,1,1,1,%s,%s\n")
        :format(i, c, ttft, tpot)
    end
    out[#out + 1] = "u,4,vllm,0.18.0,nobody/knows-1b,h100_sxm,agg,512,128,,,1,1,1,1,50,8\n"
    return table.concat(out)
  end

  it("tells errors over all and by group, with what was skipped", function()
    local path, out = write("t.csv", rows(40, 8)), program.dir .. "/t.json"
    local rc, shown, err = oracle(("validate '%s' --json '%s' --csv '%s/rows.csv'"):format(path, out, program.dir))
    assert.equal(0, rc, err)
    local t = decoded(out)
    assert.equal(3, t.overall.tpot.n)
    assert.equal(0, t.overall.e2e.n)
    for _, key in ipairs { "mean", "median", "p80", "p90", "bias" } do assert.is_number(t.overall.tpot[key]) end
    assert.equal(3, t.groups.gpu["h100-sxm"].ttft.n)
    assert.equal("unknown model nobody/knows-1b", t.skipped[1].why)
    assert.matches("skipped 1: unknown model nobody/knows%-1b %(u%)", shown)
    assert.matches("dominated by", shown)
    local lines = select(2, program.read(program.dir .. "/rows.csv"):gsub("\n", ""))
    assert.equal(4, lines)
  end)

  it("is the same for any number of threads", function()
    local path = write("t.csv", rows(40, 8))
    local _, one = oracle(("validate '%s' --threads 1"):format(path))
    local _, four = oracle(("validate '%s' --threads 4"):format(path))
    assert.equal(one, four)
  end)

  it("names rows that break physics, and units that are off", function()
    local out = program.dir .. "/t.json"
    local rc, shown = oracle(("validate '%s' --json '%s'"):format(write("t.csv", rows(40, 1)), out))
    assert.equal(0, rc)
    assert.equal(3, decoded(out).physics.n)
    assert.matches("3 rows break physics and are not counted", shown)
    rc, shown = oracle(("validate '%s' --json '%s'"):format(write("t.csv", rows(40000, 8000)), out))
    assert.equal(0, rc)
    assert.equal("us", decoded(out).unit)
    assert.matches("seem to be in microseconds", shown)
    rc, shown = oracle(("validate '%s' --json '%s'"):format(write("t.csv", rows(0.04, 0.008)), out))
    assert.equal(0, rc)
    assert.equal("s", decoded(out).unit)
    assert.matches("seem to be in seconds", shown)
  end)

  it("compares requests of runs one by one, whose configurations stand beside them", function()
    local function requests(run, generation)
      local text = { "id,launch_s,prompt_tokens,output_tokens,ttft_ms,generation_ms\n" }
      for i = 1, 6 do text[#text + 1] = ("%s,%g,100,%d,20,%g\n"):format(run, 0.5 * i, 20 * i, generation * i) end
      -- One that generated nothing says nothing of how long it takes.
      return table.concat(text) .. run .. ",4,100,1,20,0\nnowhere,0,100,8,20,60\ny,0,100,8,20,60\n"
    end
    local runs = "meta-llama/Llama-3.1-8B-Instruct,%s,vLLM,bf16,1,,,,,100,70,,measured launch times,,,20,,900,,odd\n"
    local path = write("requests.csv", requests("x", 100))
    os.remove(program.dir .. "/measured.csv")
    program.refused(1, ("validate '%s'"):format(path), "configurations are in measured%.csv beside them")
    write("measured.csv", SERVING .. "x," .. runs:format "H100" .. "y," .. runs:format "H9000"
      .. "other," .. runs:format "H100")

    local out = program.dir .. "/t.json"
    local rc, shown, err = oracle(("validate '%s' --json '%s'"):format(path, out))
    assert.equal(0, rc, err)
    local t = decoded(out)
    assert.equal(1, t.rows)                               -- flags are of its means; "other" has no requests here
    assert.same({ { why = "no such run in measured.csv", n = 1, rows = { "nowhere" } },
                  { why = "unknown GPU H9000", n = 1, rows = { "y" } } }, t.skipped)
    local first = t.requests.generation
    assert.same({ 6, 7 }, { first.n, t.requests.ttft.n })
    assert.matches(("request by request, time to generate: 6 requests, .*bias %%+?%.1f %%%%\n"):format(first.bias)
      :gsub("%-", "%%-"), shown)
    -- Twice the time measured, half the ratio, request by request.
    write("requests.csv", requests("x", 200))
    assert.equal(0, (oracle(("validate '%s' --json '%s'"):format(path, out))))
    assert.near((100 + first.bias) / 2, 100 + decoded(out).requests.generation.bias, 1e-9)
  end)

  it("takes the requests of a configuration that was replayed from the file beside it", function()
    local path = write("measured.csv", SERVING .. "x,meta-llama/Llama-3.1-8B-Instruct,H100,vLLM,bf16,1,,,,,100,20,,"
      .. "measured launch times,,,20,8,,,\n")
    os.remove(program.dir .. "/llm-d-requests.csv")
    local rc, _, err = oracle(("validate '%s'"):format(path))
    assert.equal(1, rc)
    assert.matches("measured launch times, and no file of its requests was given", err)
    write("llm-d-requests.csv", "id,launch_s,prompt_tokens,output_tokens,generation_ms\n"
      .. "x,0,100,20,100\nx,1.5,3000,40,100\n")
    local replayed = tables.read("serving", program.read(path), path)
    assert.same({ kind = "requests", requests = { { arrival = 0, prompt = 100, output = 20 },
                                                  { arrival = 1.5, prompt = 3000, output = 40 } } },
      replayed[1].scenario.workload)
    assert.equal(0, (oracle(("validate '%s'"):format(path))))
    os.remove(program.dir .. "/llm-d-requests.csv")
  end)

  it("takes a fit of another engine only when forced, which it says", function()
    local path = write("t.csv", rows(40, 8))
    program.refused(1, ("validate '%s' --fit vlm"):format(path), "unknown fit; did you mean vllm%?")
    local rc, _, err = oracle(("validate '%s' --fit sglang"):format(path))
    assert.equal(1, rc)
    assert.matches("none of its 4 rows could be predicted: cost.fit: sglang was fitted to sglang", err)
    local shown
    rc, shown = oracle(("validate '%s' --fit sglang --force"):format(path))
    assert.equal(0, rc)
    assert.matches("priced by: sglang %(forced%) 3 rows", shown)
  end)

  it("refuses what is no table in one line", function()
    program.refused(1, ("validate '%s'"):format(write("t.csv", SILICON)), "no measurements below the header")
    program.refused(1, ("validate '%s'"):format(write("t.csv", rows("nan", 8))), 'line 2: silicon_ttft_ms: "nan"')
    program.refused(1, ("validate '%s'"):format(write("t.csv", rows(0, 8))),
      "line 2: silicon_ttft_ms: .* above 0 expected")
    program.refused(2, ("validate '%s' --set hardware=h100"):format(write("t.csv", rows(40, 8))), "validate %-%-set")
  end)
end)
