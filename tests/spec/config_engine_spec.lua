--- Keys of a framework that shape its engine: what each of them changes in the results, and what is refused.
local formats = require "oracle.formats"
local problems = require "oracle.formats.problems"
local study = require "oracle.study"

local TEXT = [[
simulation: {max_simulation_time: 200}
hardware_profile:
  compute_devices:
    - &gpu {device_id: gpu0, device_type: GPU, peak_tflops: {fp16: 312}, memory_capacity_bytes: 80.0e9,
            memory_gbps: 2039, processing_units: 108}
    - {<<: *gpu, device_id: gpu1}
    - {<<: *gpu, device_id: gpu2}
    - {<<: *gpu, device_id: gpu3}
  network_links:
    - &link {link_id: a, source_id: gpu0, dest_id: gpu1, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
    - {<<: *link, link_id: b, source_id: gpu1, dest_id: gpu2}
    - {<<: *link, link_id: c, source_id: gpu2, dest_id: gpu3}
    - {<<: *link, link_id: d, source_id: client_node_0, dest_id: gpu0}
workload:
  total_duration: 100
  generate_prompt_tokens: true
  prefix_patterns: {patterns: [{type: few_shot, name: mine, length: 320}]}
  client_profiles:
    - profile_name: chat
      inter_arrival_time_dist_config: {type: Constant, value: 5}
      prompt_tokens_dist_config: {type: Constant, value: 1024}
      max_output_tokens_dist_config: {type: Constant, value: 21}
frameworks_to_test:
  - name: server
    type: VLLM
    config:
      model_profile_id: Llama2-13B
      gpu_id: gpu0
]]

local PIPELINE = "parallelism: {strategy: PP, pp_stages: 4, gpu_ids: [gpu0, gpu1, gpu2, gpu3]"

local function edited(...)
  local text, edits = TEXT, { ... }
  for i = 1, #edits, 2 do
    local a, b = text:find(edits[i], 1, true)
    assert(a, edits[i])
    text = text:sub(1, a - 1) .. edits[i + 1] .. text:sub(b + 1)
  end
  return text
end

local function read(...)
  return formats.parse(edited(...))
end

local function summary(...)
  local read_config = read(...)
  assert.same({}, read_config.problems.errors)
  assert.same({}, read_config.problems.warnings)
  return study.run(read_config.scenario)
end

-- The server with one more line of config.
local function server(line, ...)
  return summary("gpu_id: gpu0", "gpu_id: gpu0\n      " .. line, ...)
end

local function refused(message, ...)
  local said = {}
  for i, e in ipairs(read(...).problems.errors) do said[i] = problems.text(e) end
  assert.matches(message, table.concat(said, "\n"))
end

local function ttft(s) return s.latency.time_to_first_token_ms.mean end
local function tpot(s) return s.latency.time_per_output_token_ms.mean end

describe("min_prefix_cache_length", function()
  it("is the shortest prefix of others' prompts that counts as a hit", function()
    local all = server("block_size: 16").prefix_caching
    assert.same({ 1, 19, 320 }, { all.event_counts.MISS_FULL, all.cross_request_hits,
                                  all.average_cached_prefix_length })
    assert.same(all, server("min_prefix_cache_length: 320").prefix_caching)
    local none = server("min_prefix_cache_length: 321").prefix_caching
    assert.same({ 20, 0, 0 }, { none.event_counts.MISS_FULL, none.cross_request_hits, none.total_tokens_saved })
  end)

  it("leaves conversations what their own turns said", function()
    local s = server("min_prefix_cache_length: 100000", "    - profile_name: chat",
      "    - profile_name: chat\n      conversational_probability: 1.0\n      max_turns_per_session: 3",
      "value: 1024", "value: 64")
    assert.equal(0, s.prefix_caching.cross_request_hits)
    assert.is_true(s.prefix_caching.conversational_hits > 10)
  end)
end)

describe("max_prefix_cache_size", function()
  it("bounds the prefixes that are kept, prefix_cache_blocks their KV blocks", function()
    -- Twenty of a prompt's 64 blocks, and of the 65 with its answer, are common to all; no request finds the others.
    local all, some = server("max_prefix_cache_size: 1000000"), server("max_prefix_cache_size: 3")
    assert.same({ 320, 0 }, { all.prefix_caching.average_cached_prefix_length, all.kv_cache.evictions })
    assert.same({ 320, (20 - 3) * (65 - 20) },
      { some.prefix_caching.average_cached_prefix_length, some.kv_cache.evictions })
    assert.same(some, server("prefix_cache_entries: 3"))
    -- The least recently used go: of each request the last blocks.
    some = server("prefix_cache_blocks: 12")
    assert.equal(12 * 16, some.prefix_caching.average_cached_prefix_length)
    assert.is_true(some.kv_cache.evictions > 19 * 50)
    refused("max_prefix_cache_size %(line %d+%): the same knob as prefix_cache_entries; one of them", "gpu_id: gpu0",
      "gpu_id: gpu0\n      max_prefix_cache_size: 3\n      prefix_cache_entries: 3")
    refused("max_prefix_cache_size %(line %d+%): 0: a cache that keeps nothing", "gpu_id: gpu0",
      "gpu_id: gpu0\n      max_prefix_cache_size: 0")
  end)
end)

describe("enable_cross_request_caching: false", function()
  it("leaves only what a session's own turns said", function()
    local talk = { "    - profile_name: chat",
      "    - profile_name: chat\n      conversational_probability: 1.0\n      max_turns_per_session: 3" }
    local both = server("block_size: 16", table.unpack(talk)).prefix_caching
    assert.is_true(both.cross_request_hits > 5 and both.conversational_hits > 10)
    local own = server("enable_cross_request_caching: false", table.unpack(talk)).prefix_caching
    assert.equal(0, own.cross_request_hits)
    assert.is_true(own.conversational_hits > 10 and own.event_counts.MISS_FULL >= 20)
    assert.equal(1, own.conversational_hit_rate)
  end)

  it("is nothing that has an effect of its own where all caching is off", function()
    local p = read("gpu_id: gpu0", "gpu_id: gpu0\n      enable_prefix_caching: false\n"
      .. "      enable_cross_request_caching: true\n      min_prefix_cache_length: 5").problems
    assert.same({}, p.errors)
    assert.equal(2, #p.warnings)
    for _, w in ipairs(p.warnings) do assert.matches("has no effect: enable_prefix_caching is false", w.message) end
  end)
end)

describe("num_microbatches_per_request", function()
  it("fills the stages of a pipeline with parts of one prompt", function()
    local function pipeline(micro)
      return summary("gpu_id: gpu0", PIPELINE .. micro .. "}",
        "type: few_shot, name: mine, length: 320", "type: random")
    end
    local one, four = pipeline "", pipeline ", num_microbatches_per_request: 4"
    -- four stages, four parts: (4 + 4 - 1) / 4 stages' time instead of 4; weights are read for each part
    assert.near(7 / 16, ttft(four) / ttft(one), 0.02)
    assert.near(tpot(one), tpot(four), 1e-9)
  end)

  it("is idle where there are no stages, and refused where prompts may not be cut", function()
    local p = read("gpu_id: gpu0",
      "parallelism: {strategy: TP, tp_degree: 2, gpu_ids: [gpu0, gpu1], num_microbatches_per_request: 2}").problems
    assert.same({}, p.errors)
    assert.matches("num_microbatches_per_request %(line %d+%): has no effect: goes with PP",
      problems.text(p.warnings[1]))
    refused("num_microbatches_per_request %(line %d+%): 2: cuts prompts, which enable_chunked_prefill: false forbids",
      "gpu_id: gpu0", PIPELINE .. ", num_microbatches_per_request: 2}\n      enable_chunked_prefill: false")
  end)
end)

describe("scheduler_iteration_delay_s", function()
  it("is host time between steps, once per step also in a pipeline", function()
    local none, some = server("block_size: 16"), server("scheduler_iteration_delay_s: 0.003")
    assert.near(3, ttft(some) - ttft(none), 1e-3)
    assert.near(3, tpot(some) - tpot(none), 1e-3)
    local pipeline = summary("gpu_id: gpu0", PIPELINE .. "}")
    local slow = summary("gpu_id: gpu0", PIPELINE .. "}\n      scheduler_iteration_delay_s: 0.003")
    assert.near(3, ttft(slow) - ttft(pipeline), 1e-3)
    assert.near(3, tpot(slow) - tpot(pipeline), 1e-3)
  end)
end)

describe("prefill_chunk_size", function()
  it("caps what one prompt gets of a step, below the budget", function()
    local random = { "type: few_shot, name: mine, length: 320", "type: random",
                     "model_profile_id: Llama2-13B", "model_profile_id: Llama2-13B\n      version: \"0.11\"" }
    local whole = server("max_num_batched_tokens: 4096", table.unpack(random))
    local cut = server("max_num_batched_tokens: 4096\n      prefill_chunk_size: 128", table.unpack(random))
    assert.equal(whole.simulation.steps + 20 * 7, cut.simulation.steps)
    assert.is_true(ttft(cut) > ttft(whole))
    assert.equal(cut.simulation.steps, server("prefill_chunk_size: 128", table.unpack(random)).simulation.steps)
  end)
end)

describe("processing_units", function()
  it("describe a device, which works on one step at a time", function()
    assert.matches("312 TFLOPS fp16 on 108 units", table.concat(read("value: 5", "value: 5").about, "\n"))
    refused("processing_units %(line %d+%): 0: a whole number", "processing_units: 108", "processing_units: 0")
  end)
end)
