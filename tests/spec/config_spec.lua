--- Configuration files in YAML and JSON: read, checked with key path and line, mended, run.
local formats = require "oracle.formats"
local yaml = require "oracle.formats.yaml"
local document = require "oracle.formats.document"
local json = require("oracle.core").json
local problems = require "oracle.formats.problems"
local program = require "program"

local read, write, oracle = program.read, program.write, program.run_there

local GOOD = [[
simulation:
  max_simulation_time: 20
  random_seed: 7
hardware_profile:
  compute_devices:
    - device_id: gpu0
      device_type: GPU
      peak_tflops: {fp16: 312}
      memory_capacity_bytes: 80_000_000_000
      memory_gbps: 2039
workload:
  total_duration: 20
  client_profiles:
    - profile_name: chat
      inter_arrival_time_dist_config: {type: Exponential, rate: 5.0}
      prompt_tokens_dist_config: {type: LogNormal, mean: 5, sigma: 0.5, is_int: true}
      max_output_tokens_dist_config: {type: Uniform, low: 20, high: 60, is_int: true}
frameworks_to_test:
  - name: server
    type: VLLM
    config:
      model_profile_id: Llama2-7B
      gpu_id: gpu0
metrics_config:
  percentiles_to_calculate: [0.5, 0.99, 0.999]
]]

-- The good file with one text replaced by another.
local function with(from, to)
  local i, j = GOOD:find(from, 1, true)
  assert(i, from)
  return GOOD:sub(1, i - 1) .. to .. GOOD:sub(j + 1)
end

local function messages(text, format)
  local list = {}
  for i, e in ipairs(formats.parse(text, format).problems.errors) do list[i] = problems.text(e) end
  return list
end

-- The first error of the good file with one change matches every pattern.
local function refused(from, to, ...)
  local list = messages(with(from, to))
  assert.is_true(#list > 0, to)
  for _, pattern in ipairs { ... } do assert.matches(pattern, list[1]) end
end

setup(program.open)
teardown(program.close)

describe("a configuration", function()
  it("is a scenario", function()
    local read_config = formats.parse(GOOD)
    assert.same({}, read_config.problems.errors)
    local s = read_config.scenario
    assert.equal("Llama2-7B", s.model)
    assert.equal(20, s.duration)
    assert.equal(7, s.seed)
    assert.equal("poisson", s.workload.kind)
    assert.equal(5, s.workload.rate)
    assert.same({ 50, 99, 99.9 }, s.percentiles)
    assert.same(s.workload.prompt, formats.parse(with("mean: 5, sigma", "mu: 5, sigma")).scenario.workload.prompt)
  end)

  it("reads YAML's ways of writing the same", function()
    local v = document.read("a: &x {b: 0x10, c: 1_000, d: 1e-4, e: ~, f: yes, g: '7', h: 010}\ni: {<<: *x, b: 2}\n")
    assert.same({ b = 16, c = 1000, d = 1e-4, f = true, g = "7", h = 8 }, v.a)
    assert.equal(2, v.i.b)
    assert.equal(1000, v.i.c)
  end)

  it("says the line of what is no YAML, of a key given twice, and stops aliases that unfold without end", function()
    local _, why = document.read("a: 1\nb: [1, 2\nc: 3\n")
    assert.equal("YAML: did not find expected ',' or ']'", why.message)
    _, why = document.read("a: 1\nb: 2\na: 3\n")
    assert.same({ 3, 'top level: the key "a" is given twice' }, { why.line, why.message })
    local bomb = { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" }
    for i = 1, 9 do bomb[#bomb + 1] = ("a%d: &a%d [%s]\n"):format(i, i, ("*a%d, "):format(i - 1):rep(10)) end
    _, why = document.read(table.concat(bomb))
    assert.matches("more than %d+ values", why.message)
    _, why = document.read("a: 1\n---\nb: 2\n")
    assert.matches("second document", why.message)
    _, why = document.read(("["):rep(500))
    assert.is_truthy(why.message)
  end)

  it("gives the same bytes in YAML, JSON and Lua", function()
    local results = {}
    for _, format in ipairs { "yaml", "json", "lua" } do
      assert.equal(0, (oracle("generate-config -f " .. format .. " -o c." .. format)))
      assert.equal(0, (oracle("validate c." .. format)))
      local rc, out, err = oracle("run c." .. format .. " --json -")
      assert.equal(0, rc, err)
      results[format] = out
    end
    assert.equal(results.yaml, results.json)
    assert.equal(results.yaml, results.lua)
    assert.is_true(json.decode(results.yaml).requests.success_rate > 0.95)
  end)

  it("is told by its content where the name says nothing", function()
    write("plain", GOOD)
    local rc, out, err = oracle("run plain -q --json -")
    assert.equal(0, rc, err)
    assert.equal(20, json.decode(out).simulation.total_duration_s)
    assert.equal(0, (oracle("generate-config -o c.lua --force")))
    assert.is_true(os.execute(("'%s' /dev/stdin -q < '%s/c.lua'"):format(program.path(), program.dir)))
  end)

  it("writes the files it names and ends with what it did", function()
    assert.equal(0, (oracle("generate-config -o sub/c.yaml")))
    assert.equal(0, (oracle("generate-config -o \"it's/a/b/c/c.yaml\"")))
    local rc, out, err = oracle("generate-config -o c.lua/d/c.yaml")
    assert.same({ 1, "", "oracle: c.lua/d: Not a directory\n" }, { rc, out, err })
    rc, out, err = oracle("run sub/c.yaml")
    assert.equal(0, rc, err)
    assert.matches("Simulation completed!\nTotal requests: %d+\nSuccess rate: %d+%.%d%%\nThroughput: [%d.]+ tokens/s"
      .. "\n$", out)
    assert.is_true(json.decode(read(program.dir .. "/experiments/results/summary.json")).requests.total > 500)
    assert.matches("^request_id,client_id,session_id,prompt_tokens,max_output_tokens,output_tokens,arrival_time,"
      .. "first_token_time,completion_time,status,ttft_ms,tpot_ms,e2e_latency_ms,",
      read(program.dir .. "/experiments/results/requests.csv"))
  end)
end)

describe("what is wrong", function()
  it("is said with key path and line", function()
    refused("rate: 5.0", "rate: -1",
      "^workload%.client_profiles%[0%]%.inter_arrival_time_dist_config%.rate %(line 15%)", "above 0")
    refused("max_simulation_time: 20", "max_simulation_time: 0", "line 2", "Invalid max_simulation_time: 0")
    refused("  random_seed: 7", "  random_sed: 7", "simulation%.random_sed %(line 3%)", "did you mean random_seed")
  end)

  it("is listed to the twentieth, and counted", function()
    write("bad.yaml", with("[0.5, 0.99, 0.999]", "[" .. ("all,\n    "):rep(27) .. "]"))
    local rc, out, err = oracle("validate bad.yaml")
    assert.equal(1, rc)
    assert.matches("✗ Configuration has 27 errors:\n  1%. metrics_config%.percentiles_to_calculate%[0%] %(line 25%): ",
      out)
    assert.matches("\n  20%. [^\n]*\n  %.%.%. and 7 more errors\n$", out)
    assert.equal("oracle: bad.yaml: 27 errors\n", err)
    rc, out, err = oracle("run bad.yaml")
    assert.same({ 1, "" }, { rc, out })
    assert.matches("^oracle: bad%.yaml: [^\n]* %(and 24 more errors%)\n$", err)
  end)

  it("is an error of its own for every rule", function()
    for _, case in ipairs {
      { "simulation:\n  max_simulation_time: 20\n  random_seed: 7\n", "", "Missing top%-level fields: simulation" },
      { "  max_simulation_time: 20\n", "", "Simulation missing max_simulation_time" },
      { "max_simulation_time: 20", "max_simulation_time: soon", '"soon": a number' },
      { "  random_seed: 7", "  lod: low", "Invalid LoD: low" },
      { "  compute_devices:", "  devices:", "Missing compute_devices in hardware config" },
      { "      memory_gbps: 2039\n", "", "Device gpu0 missing fields: memory_gbps" },
      { "memory_capacity_bytes: 80_000_000_000", "memory_capacity_bytes: 80",
        "Device gpu0: Unrealistic memory capacity" },
      { "{fp16: 312}", "{int8: 312}", "Missing fp16 in peak_tflops" },
      { "{fp16: 312}", "312", "peak_tflops should be a dict with fp16/int8 keys" },
      { "  total_duration: 20\n", "", "Workload missing total_duration" },
      { "total_duration: 20", "total_duration: -3", "Invalid workload total_duration: %-3" },
      { "  client_profiles:", "  clients:", "Workload missing client_profiles" },
      { "      prompt_tokens_dist_config: {type: LogNormal, mean: 5, sigma: 0.5, is_int: true}\n", "",
        "Client profile 0 missing prompt_tokens_dist_config" },
      { "{type: Exponential, rate: 5.0}", "{rate: 5.0}", "missing type" },
      { "{type: Exponential, rate: 5.0}", "{type: Exponentail, rate: 5.0}", "did you mean Exponential" },
      { "{type: Exponential, rate: 5.0}", "{type: Constant, value: 0}", "above 0" },
      { "    type: VLLM\n", "", "Missing framework type" },
      { "type: VLLM", "type: VLMM", "Unknown framework type: VLMM; did you mean VLLM" },
      { "      model_profile_id: Llama2-7B\n", "", "Missing model_profile_id in framework config" },
      { "Llama2-7B", "Llama9-7B", "Unknown model profile: Llama9%-7B" },
      { "      gpu_id: gpu0\n", "", "VLLM config missing gpu_id" },
      { "gpu_id: gpu0", "gpu_id: gpu7", "VLLM gpu_id 'gpu7' not found in hardware" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      block_size: 512", "Invalid block_size: 512 %(should be 1%-256%)" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      max_num_seqs: 0", "Invalid max_num_seqs: 0" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      max_num_seqs: many", '"many": a whole number' },
      { "  percentiles_to_calculate: [0.5, 0.99, 0.999]", "  warm_up_duration_s: 20", "leaves nothing" },
      { "[0.5, 0.99, 0.999]", "[50, 99]", "a fraction expected, such as 0.5" },
      { "[0.5, 0.99, 0.999]", "[0.5, 95, all, -1]",
        "%[1%].*such as 0.95.*%[2%].*\"all\".*%[3%].*%-1: a number above 0" },
      { "    - profile_name: chat", "    - profile_name: chat\n      prompt_pool: 0.5", "prompt_pool.*a whole number" },
      { "    - profile_name: chat",
        "    - profile_name: chat\n      conversational_probability: 0.5\n      prompt_pool: 5",
        "prompt_pool.*they do not ask again" },
      { "  total_duration: 20", "  total_duration: 20\n  load_balancing_strategy: least_loadde",
        "did you mean least_loaded" },
      { "    - profile_name: chat", "    - profile_name: chat\n      conversational_probability: 1.5", "from 0 to 1" },
      { "low: 20, high: 60", "low: 60, high: 20", "is below" },
      { "mean: 5, sigma: 0.5", "mean: 5, mu: 5", "mu.*mean says the same" },
      { "mean: 5, sigma: 0.5", "median: 90, mu: 5", "mu.*median says the same" },
      { "mean: 5, sigma: 0.5", "mu: 150, sigma: 50", "mu.*150: a logarithm, up to 20, expected" },
      { "low: 20, high: 60", "low: 5000, high: 6000", "more than the 4096" },
      { "memory_capacity_bytes: 80_000_000_000", "memory_capacity_bytes: 12_000_000_000", "does not fit" },
    } do
      assert.matches(case[3], table.concat(messages(with(case[1], case[2])), "\n"), 1, false)
    end
  end)

  it("is said of the profile's own key where only the scenario made from it tells", function()
    local second = [[
    - profile_name: batch
      inter_arrival_time_dist_config: {type: Constant, value: 2}
      prompt_tokens_dist_config: {type: Constant, value: 100}
      max_output_tokens_dist_config: {type: Normal, mean: -50, std: 1}
frameworks_to_test:
]]
    for _, case in ipairs {
      { "frameworks_to_test:\n", second,
        "^workload.client_profiles[1].max_output_tokens_dist_config (line 21): normal" },
      { "low: 20, high: 60", "low: -9, high: 60",
        "client_profiles[0].max_output_tokens_dist_config (line 17): uniform" },
      { "{type: Uniform, low: 20, high: 60, is_int: true}", "{type: Empirical, file: /}",
        "client_profiles[0].max_output_tokens_dist_config (line 17): empirical: /: Is a directory" },
      { "rate: 5.0}", "rate: 5.0}\n      conversational_probability: 0.5\n"
        .. "      follow_up_inter_arrival_time_dist_config: {type: Normal, mean: -5}",
        "client_profiles[0].follow_up_inter_arrival_time_dist_config (line 17): normal" },
      { "  client_profiles:", "  generate_prompt_tokens: true\n"
        .. "  prefix_patterns: {patterns: [{type: mixed, components: []}]}\n  client_profiles:",
        "workload.prefix_patterns.patterns[0].components (line 14): empty" },
    } do
      local said = table.concat(messages(with(case[1], case[2])), "\n")
      assert.is_truthy(said:find((case[3]:gsub("^%^", "")), 1, true), said)
    end
    for _, gap in ipairs { "Uniform, low: 0, high: 0", "Normal, mean: 0, std: 0", "Constant, value: 1, max: 0",
                           "Linear, start: 1, end: 0, over: 9", "Empirical, values: [0, 0]" } do
      refused("{type: Exponential, rate: 5.0}", ("{type: %s}"):format(gap), "a gap above 0 between requests")
    end
  end)

  it("is a warning for every key that another makes idle", function()
    for _, case in ipairs {
      { "profile_name: chat", "profile_name: chat\n      weight: 3",
        "client_profiles[0].weight (line 15): has no effect" },
      { "profile_name: chat", "profile_name: chat\n      continuation_probability: 0.5",
        "continuation_probability (line 15): has no effect: conversational_probability is 0" },
      { "  total_duration: 20", "  total_duration: 20\n  framework_weights: {server: 2}",
        "workload.framework_weights (line 13): has no effect: load_balancing_strategy is round_robin" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      enable_chunked_prefill: false\n      prefill_chunk_size: 512",
        "prefill_chunk_size (line 25): has no effect" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      max_num_batched_tokens: 512\n      prefill_chunk_size: 1024",
        "prefill_chunk_size (line 25): has no effect: max_num_batched_tokens, 512, is less" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      data_parallel_size: 2",
        "data_parallel_size (line 24): has no effect: each target framework of the list is a replica" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      tensor_parallel_degree: 2",
        "tensor_parallel_degree (line 24): has no effect" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      microbatch_size: 2", "microbatch_size (line 24): has no effect" },
      { "gpu_id: gpu0", "gpu_id: gpu0\n      colour: blue", "config.colour (line 24): has no effect: unknown key" },
      { "profile_name: chat", "profile_name: chat\n      turn_type_dist_config: {type: Fixed, value: new_conversation}",
        "turn_type_dist_config (line 15): has no effect: conversational_probability" },
      { "  compute_devices:", "  memory_devices: [{id: m0}]\n  compute_devices:",
        "memory_devices (line 5): has no effect" },
      { "{type: Exponential, rate: 5.0}", "{type: Exponential, rate: 5.0, is_int: true}",
        "is_int (line 15): has no effect: a time is not rounded" },
      { "0.999]", "0.999]\n  compute_percentiles: [50]", "compute_percentiles (line 26): has no effect" },
      { "  random_seed: 7", "  lod: medium", nil },
    } do
      local p = formats.parse(with(case[1], case[2])).problems
      assert.same({}, p.errors)
      local said = p.warnings[1] and problems.text(p.warnings[1])
      assert.is_truthy(case[3] == said or said and case[3] and said:find(case[3], 1, true), said or case[3])
    end
  end)

  it("is not the level of detail of a framework, unless the simulation has another", function()
    local text = with("gpu_id: gpu0", "gpu_id: gpu0\n      lod: high")
    assert.equal("high", formats.parse(text).raw.lod)
    local both = formats.parse((text:gsub("  random_seed: 7", "  lod: medium", 1)))
    assert.equal("medium", both.raw.lod)
    assert.matches("config.lod .*has no effect: simulation.lod is medium", problems.text(both.problems.warnings[1]))
  end)

  it("is an error of its own for every rule about parallel instances and links", function()
    local text = GOOD:gsub("workload:\n", [=[
    - {device_id: gpu1, device_type: GPU, peak_tflops: {fp16: 312}, memory_capacity_bytes: 80.0e9, memory_gbps: 2039}
    - {device_id: cpu0, device_type: CPU, peak_tflops: {fp16: 3}, memory_capacity_bytes: 80.0e9, memory_gbps: 200}
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
    - {link_id: n, source_id: gpu0, dest_id: gpu1, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
workload:
]=], 1):gsub("type: VLLM", "type: ParallelVLLM"):gsub("gpu_id: gpu0",
      "parallelism: {strategy: TP, tp_degree: 2, gpu_ids: [gpu0, gpu1]}")
    assert.same({}, messages(text))
    local TP = "parallelism: {strategy: TP, tp_degree: 2, gpu_ids: [gpu0, gpu1]}"
    for _, case in ipairs {
      { TP, "block_size: 16", "ParallelVLLM missing parallelism config" },
      { "strategy: TP,", "strategy: TPP,", "Invalid parallelism strategy: TPP" },
      { "strategy: TP,", "", "parallelism.strategy %(line %d+%): missing" },
      { ", gpu_ids: [gpu0, gpu1]", "", "ParallelVLLM missing gpu_ids" },
      { "gpu_ids: [gpu0, gpu1]", "gpu_ids: []", "No GPUs specified for parallelism" },
      { "gpu_ids: [gpu0, gpu1]", "gpu_ids: [gpu0, gpu0]", "Duplicate GPU IDs found: gpu0" },
      { "gpu_ids: [gpu0, gpu1]", "gpu_ids: [gpu0, gpu5]", "ParallelVLLM gpu_id 'gpu5' not found in hardware" },
      { "gpu_ids: [gpu0, gpu1]", "gpu_ids: [gpu0, cpu0]", "device cpu0 is a CPU" },
      { "gpu_ids: [gpu0, gpu1]", "gpu_ids: [gpu0]", "TP degree 2 doesn't match GPU count 1" },
      { "tp_degree: 2", "tp_degree: 0", "Invalid tp_degree: 0" },
      { "strategy: TP, tp_degree: 2", "strategy: PP, pp_stages: -1", "Invalid pp_stages: %-1" },
      { "strategy: TP, tp_degree: 2", "strategy: PP, pp_stages: 3",
        "PP requires GPU count %(2%) to be divisible by stages %(3%)" },
      { "strategy: TP, tp_degree: 2", "strategy: TP_PP, tp_degree: 2, pp_stages: 2",
        "TP_PP expects 4 GPUs %(tp=2 %* pp=2%), got 2" },
      { "tp_degree: 2", "tp_degree: 2, num_microbatches_per_request: -4",
        "Invalid num_microbatches_per_request: %-4" },
      { "strategy: TP,", "strategy: DP_Replicated,", "list the framework once per replica" },
      { TP, TP .. "\n      gpu_id: gpu7", "\"gpu7\" is not among parallelism.gpu_ids" },
      { "source_id: gpu0, dest_id: gpu1", "source_id: gpu0, dest_id: gpu9",
        "Link n: Unknown destination device gpu9" },
      { "source_id: gpu0, dest_id: gpu1", "source_id: gpu1, dest_id: gpu1", "Link n: joins gpu1 to itself" },
      { ", bandwidth_bps: 2.4e12, latency_s: 1.0e-6", ", bandwidth_bps: 2.4e12",
        "Link n missing fields: latency_s" },
      { "bandwidth_bps: 2.4e12", "bandwidth_bps: 0", "above 0" },
      { "latency_s: 1.0e-6", "latency_s: -1", "0 to" },
      { "link_id: n", "link_id: c", "Duplicate link ID: c" },
      { "device_id: gpu1", "device_id: gpu0", "Duplicate device ID: gpu0" },
      { "device_type: CPU", "device_type: TPU", "device_type TPU" },
    } do
      local i, j = text:find(case[1], 1, true)
      assert.is_truthy(i, case[1])
      local bad = text:sub(1, i - 1) .. case[2] .. text:sub(j + 1)
      assert.matches(case[3], table.concat(messages(bad), "\n"))
    end
    for _, case in ipairs {                               -- what follows from a mistake is not said beside it
      { "tp_degree: 2", "tp_degree: 0" }, { "bandwidth_bps: 1.0e10", "bandwidth_bps: 0" },
      { "bandwidth_bps: 2.4e12", "bandwidth_bps: 0" }, { "source_id: client_node_0", "source_id: client_node_1" },
    } do
      local i, j = text:find(case[1], 1, true)
      assert.equal(1, #messages(text:sub(1, i - 1) .. case[2] .. text:sub(j + 1)), case[2])
    end
  end)


  it("is refused, whatever the shape, and never crashes", function()
    for _, text in ipairs { "", "[]", "3", "null", "{}", "simulation: 3", "a: b", "simulation:\n", "\0", "\255\254",
                            "workload: []\nsimulation: []\nhardware_profile: []\nframeworks_to_test: {}" } do
      assert.is_true(#messages(text) > 0, text)
    end
    for _, section in ipairs { "simulation", "hardware_profile", "workload", "frameworks_to_test" } do
      local v = document.read(GOOD)
      v[section] = document.null
      assert.is_true(#yaml.read(v, {}).problems.errors > 0, section)
    end
  end)
end)

describe("validate --fix", function()
  it("writes the file mended, comments kept", function()
    local bad = with("{type: LogNormal, mean: 5, sigma: 0.5, is_int: true}",
      "{type: LogNormal, mean: 128, sigma: 64, is_int: true}  # tokens")
    local path = write("fix.yaml", (bad:gsub("random_seed", "random_sed")))
    local rc, out, err = oracle("validate fix.yaml")
    assert.equal(1, rc)
    assert.matches("did you mean random_seed", out)
    assert.matches("token scale.* median: 114%.5 and p99: 343", err)
    rc, out = oracle("validate --fix fix.yaml")
    assert.equal(0, rc, out)
    assert.matches("fixed: ", out)
    assert.matches("{type: LogNormal, median: 114%.487, p99: [%d.]+, is_int: true}  # tokens", read(path))
    assert.matches("random_seed: 7", read(path))
    assert.equal(0, (oracle("run fix.yaml -q")))
  end)
end)
