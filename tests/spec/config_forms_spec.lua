--- One experiment in YAML, in JSON and in Lua: the same summary, byte for byte.
local cases = require "cases"
local formats = require "oracle.formats"
local document = require "oracle.formats.document"
local emit = require "oracle.formats.yaml.emit"
local json = require("oracle.core").json
local problems = require "oracle.formats.problems"
local program = require "program"

setup(program.open)
teardown(program.close)

-- A document as the JSON encoder wants its lists.
local function plain(v)
  if type(v) ~= "table" then return v end
  local out = document.is_list(v) and setmetatable({}, json.array) or {}
  for k, inner in pairs(v) do out[k] = plain(inner) end
  return out
end

local function summary(name, text)
  local rc, out, err = program.run(("run '%s' -q --json -"):format(program.write(name, text)))
  assert.equal(0, rc, err)
  return out
end

-- The experiment's three forms, and how many requests it served.
local function forms(text)
  local read = formats.parse(text, "yaml")
  assert.same({}, read.problems.errors)
  local yaml = summary("c.yaml", text)
  assert.equal(yaml, summary("c.json", json.encode(plain(read.document))))
  assert.equal(yaml, summary("c.lua", emit.scenario(read.raw, "the same in Lua")))
  return json.decode(yaml)
end

local PREFIXES = [=[
  generate_prompt_tokens: true
  prefix_patterns:
    patterns:
      - {type: system, name: helpful_assistant, weight: 3}
      - {type: few_shot, name: mine, length: 90, variants: 3, weight: 1}
      - {type: mixed, weight: 0.5,
         components: [{type: few_shot, name: qa_5shot}, {type: instruction, name: write_code}]}
      - {type: random}
]=]

local TALK = [=[
      conversational_probability: 0.4
      max_turns_per_session: 4
      follow_up_inter_arrival_time_dist_config: {type: Exponential, rate: 0.5}
      streaming_response_probability: 0.25
      user_priority_dist_config: {type: Uniform, low: 0, high: 3, is_int: true}
]=]

local MORE = [=[
    - profile_name: two
      inter_arrival_time_dist_config: {type: Gamma, shape: 0.25, scale: 2}
      prompt_tokens_dist_config: {type: Mixture, weights: [3, 1], components: [{type: LogNormal, mean: 5.5, sigma: 0.4},
        {type: Weibull, shape: 1.5, scale: 300, min: 20, max: 900}]}
      max_output_tokens_dist_config: {type: Pareto, shape: 2.5, scale: 30, max: 400}
    - profile_name: three
      arrival_rate: 1.5
      arrival_cv: 2.0
      prompt_tokens_dist_config: {type: Geometric, mean: 80}
      max_output_tokens_dist_config: {type: Categorical, values: [16, 64, 256], weights: [3, 2, 1]}
      prefix_pattern: {type: instruction, name: analyze_data}
      timeout_s: 30
]=]

local TWO = [=[
  - {name: a, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0, min_prefix_cache_length: 32,
     max_prefix_cache_size: 5000, prefill_chunk_size: 256, scheduler_iteration_delay_s: 0.0001}}
  - {name: b, type: VLLM, config: {<<: *c, gpu_id: gpu1, max_num_seqs: 16}}
]=]

describe("one experiment has one summary in YAML, JSON and Lua", function()
  it("with prefix patterns and conversations", function()
    local s = forms(cases.build { workload = PREFIXES, profile = TALK })
    assert.is_true(s.prefix_caching.conversational_hits > 10 and s.prefix_caching.cross_request_hits > 100)
  end)

  it("with several profiles, each with arrivals and lengths of its own", function()
    local s = forms(cases.build { workload = PREFIXES, profile = TALK .. MORE })
    for _, name in ipairs { "one", "two", "three" } do assert.is_true(s.per_profile[name].requests.total > 20) end
  end)

  it("with a pool of prompts that are asked again", function()
    local s = forms(cases.build { profile = "      prompt_pool: 7\n" .. MORE })
    local one = s.per_profile.one
    assert.equal(one.requests.total - 7, one.prefix_caching.event_counts.CROSS_REQUEST_HIT
      + one.prefix_caching.event_counts.FULL_HIT)
    assert.equal(7, one.prefix_caching.event_counts.MISS_FULL)
  end)

  it("on servers that differ, balanced by weights, with percentiles, a warm-up and a seed", function()
    local s = forms(cases.build { workload = PREFIXES
      .. "  load_balancing_strategy: weighted_random\n  framework_weights: {a: 3, b: 1}\n  random_seed: 99\n",
      frameworks = TWO,
      metrics = "metrics_config: {percentiles_to_calculate: [0.29, 0.999], warm_up_duration_s: 5}\n" })
    assert.is_true(s.per_replica.replica0.requests.total > 2 * s.per_replica.replica1.requests.total)
    assert.is_number(s.latency.time_to_first_token_ms["p99.9"])
  end)

  it("on a pipeline of tensor-parallel groups", function()
    forms(cases.build { links = [=[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
    - &n {link_id: a, source_id: gpu0, dest_id: gpu1, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
    - {<<: *n, link_id: b, source_id: gpu2, dest_id: gpu3}
    - {<<: *n, link_id: d, source_id: gpu0, dest_id: gpu2}
    - {<<: *n, link_id: e, source_id: gpu1, dest_id: gpu3}
]=], frameworks = [=[
  - name: a
    type: ParallelVLLM
    config:
      model_profile_id: Llama2-13B
      parallelism: {strategy: TP_PP, tp_degree: 2, pp_stages: 2, num_microbatches_per_request: 2,
                    gpu_ids: [gpu0, gpu1, gpu2, gpu3]}
]=] })
  end)

  it("with prompts computed apart from decoding, of the flat form", function()
    local FLAT = [[{"model": "llama2-70b", "disaggregated": true, "duration": 20, "seed": 3,
      "workload": {"avg_input_length": 700, "arrival_rate": 3.0}}]]
    local read = formats.parse(FLAT)
    assert.same({}, read.problems.errors)
    local flat = summary("c.json", FLAT)
    assert.equal(flat, summary("c.lua", emit.scenario(read.raw, "the same in Lua")))
    assert.is_true(json.decode(flat).requests.successful > 30)
  end)
end)

describe("what the scenario finds wrong", function()
  local SERVERS = [[
simulation: {max_simulation_time: 20}
hardware_profile:
  compute_devices:
    - &gpu {device_id: gpu0, device_type: GPU, peak_tflops: {fp16: 312}, memory_capacity_bytes: 80.0e9,
            memory_gbps: 2039}
    - {<<: *gpu, device_id: gpu1}
workload:
  total_duration: 20
  client_profiles:
    - profile_name: chat
      inter_arrival_time_dist_config: {type: Constant, value: 5}
      prompt_tokens_dist_config: {type: Constant, value: 100}
      max_output_tokens_dist_config: {type: Constant, value: 21}
frameworks_to_test:
  - {name: a, type: VLLM, config: {model_profile_id: Llama2-7B, gpu_id: gpu0, max_num_seqs: 4}}
  - name: b
    type: VLLM
    config:
      model_profile_id: Llama2-7B
      gpu_id: gpu1
      max_num_seqs: 8
]]

  it("is told at the key and the line of the server it is about", function()
    for line, said in pairs {
      ["max_num_batched_tokens: 4"] = "max_num_batched_tokens (line 22): 4: at least max_num_seqs (8) expected",
      ["max_model_len: 40000"] = "max_model_len (line 22): 40,000: the model's context is 4,096 tokens",
      ["enable_chunked_prefill: false\n      prefill_chunk_size: 9\n      long_prefill_token_threshold: 20"]
        = "prefill_chunk_size (line 23): the same knob as long_prefill_token_threshold; one of them expected",
      ["long_prefill_token_threshold: 20\n      enable_chunked_prefill: false"]
        = "long_prefill_token_threshold (line 22): cuts prompts, which enable_chunked_prefill = false forbids",
      ["recompute_last_block: 3"] = "recompute_last_block (line 22): 3: true or false expected",
      ["gpu_memory_utilization: 1.5"] = "gpu_memory_utilization (line 22): 1.5: a number above 0 and up to 1 expected",
    } do
      local first = formats.parse(SERVERS .. "      " .. line .. "\n").problems.errors[1]
      assert.equal("frameworks_to_test[1].config." .. said, problems.text(first))
    end
  end)

  it("is told at the flag that said it", function()
    local first = formats.parse('{"model": "llama-7b", "parallelism": {"pp": 70}}').problems.errors[1]
    assert.matches("pipeline_parallel_size = 70, expected at most the model's 32 layers", problems.text(first))
    first = formats.parse('{"model": "llama-7b", "cluster": {"n_nodes": 0}}').problems.errors[1]
    assert.equal("cluster.n_nodes: 0: a whole number from 1 to 1,000,000 expected", problems.text(first))
  end)

  it("is no warning of the plan's where the file has said it", function()
    local p = formats.parse(SERVERS .. "      enable_prefix_caching: false\n      prefix_cache_blocks: 9\n").problems
    assert.same({}, p.errors)
    assert.equal("frameworks_to_test[1].config.prefix_cache_blocks (line 23): has no effect: enable_prefix_caching"
      .. " is false", problems.text(p.warnings[1]))
  end)
end)

describe("a configuration as a README sketches it", function()
  local SKETCH = [[
simulation: {max_simulation_time: 20, random_seed: 42}
hardware_profile:
  compute_devices:
    - {device_id: gpu7, device_type: GPU, peak_tflops: {fp16: 312}, memory_capacity_bytes: 80_000_000_000,
       memory_gbps: 2000}
workload:
  client_profiles:
    - profile_name: interactive_chat
      inter_arrival_time_dist_config: {type: Exponential, rate: 10.0}
frameworks_to_test:
  - {name: vllm_instance, type: VLLM, config: {model_profile_id: Llama2-7B, max_num_seqs: 256}}
]]

  it("is completed, and each addition said", function()
    local p = formats.parse(SKETCH, "yaml").problems
    assert.same({}, p.errors)
    local said = {}
    for i, w in ipairs(p.warnings) do said[i] = problems.text(w) end
    said = table.concat(said, "\n")
    assert.matches("total_duration is missing: 20 s, as simulation.max_simulation_time", said)
    assert.matches("lengths are missing: prompts of a median of 150", said)
    assert.matches("gpu_id is missing: gpu7, the only device", said)
    assert.is_true(json.decode(summary("sketch.yaml", SKETCH)).requests.successful > 100)
  end)

  it("is not one where some of that is there", function()
    for _, add in ipairs { "workload:\n  total_duration: 10",
                           "      prompt_tokens_dist_config: {type: Constant, value: 9}" } do
      local text = add:find "^workload" and SKETCH:gsub("workload:", add)
        or SKETCH:gsub("(rate: 10.0}\n)", "%1" .. add .. "\n")
      assert.is_true(#formats.parse(text, "yaml").problems.errors > 0, add)
    end
  end)
end)
