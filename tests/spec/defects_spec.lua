--- Defects known of other simulators that must not be here: each test is named after what it guards.
local cases = require "cases"
local yaml = require "oracle.formats.yaml"
local document = require "oracle.formats.document"
local json = require("oracle.core").json
local program = require "program"

local build, errors, rows_of, run = cases.build, cases.errors, cases.rows_of, cases.run
local oracle, read, write = program.run_there, program.read, program.write

setup(program.open)
teardown(program.close)

describe("not here:", function()
  it("W-01 an example configuration that its own validator refuses", function()
    assert.equal(0, (oracle("generate-config -o e.yaml")))
    assert.equal(0, (oracle("validate e.yaml")))
    assert.equal(0, (oracle("run e.yaml -q")))
    local s = json.decode(read(program.dir .. "/experiments/results/summary.json"))
    assert.is_true(s.requests.success_rate > 0.95 and s.requests.total > 500)
  end)

  it("W-02 token counts taken for logarithms", function()
    local text = build {}:gsub("{type: Constant, value: 200}", "{type: LogNormal, mean: 128, sigma: 64}")
    assert.matches("128 is at token scale, but a LogNormal's mean is in log space", errors(text))
    assert.equal("", errors((text:gsub("mean: 128, sigma: 64", "mean: 4.85, sigma: 0.47"))))
  end)

  it("W-03 blocks that leak until the server freezes", function()
    local s = run(build {}:gsub("rate: 4.0", "rate: 10.0"):gsub("value: 50", "value: 256"):gsub(": 60", ": 150"))
    assert.is_true(s.requests.successful > 1300)
    assert.is_true(s.requests.pending < 200 and s.kv_cache.peak_usage < 1)
  end)

  it("W-04 memory that runs out and stops the server for ever", function()
    local s = run(build {}:gsub("memory_capacity_bytes: 80.0e9", "memory_capacity_bytes: 19.0e9", 1):gsub("rate: 4.0",
      "rate: 3.0"):gsub("value: 50}", "value: 300}"):gsub("max_simulation_time: 60", "max_simulation_time: 400"))
    assert.is_true(s.preemptions.count > 0)
    assert.same({ 1, 0 }, { s.requests.success_rate, s.requests.pending })
  end)

  it("W-05 a tensor-parallel group that has the memory of one GPU", function()
    local text = build { links = [=[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
    - &n {link_id: a, source_id: gpu0, dest_id: gpu1, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
    - {<<: *n, link_id: b, source_id: gpu1, dest_id: gpu2}
    - {<<: *n, link_id: d, source_id: gpu2, dest_id: gpu3}
    - {<<: *n, link_id: e, source_id: gpu3, dest_id: gpu0}
]=], frameworks = [=[
  - name: a
    type: ParallelVLLM
    config: {model_profile_id: Llama2-13B, parallelism: {strategy: TP, tp_degree: 4, gpu_ids: [gpu0, gpu1, gpu2, gpu3]}}
]=] }:gsub("value: 200}", "value: 2048}"):gsub("value: 50}", "value: 500}"):gsub("max_simulation_time: 60",
      "max_simulation_time: 400"):gsub("lod: high", "lod: medium")
    local s = run(text, "--lod medium")
    assert.is_true(s.kv_cache.peak_usage * s.deployment.kv_capacity_tokens > 48 * 2048)
    assert.same({ 1, 0 }, { s.requests.success_rate, s.requests.pending })
  end)

  it("W-07 a prompt too long for memory that blocks the queue for ever", function()
    local s = run(build { profile = [[
    - profile_name: huge
      inter_arrival_time_dist_config: {type: Constant, value: 7.0}
      prompt_tokens_dist_config: {type: Categorical, values: [100, 9000], weights: [2, 1]}
      max_output_tokens_dist_config: {type: Constant, value: 10}
]] })
    assert.is_true(s.requests.rejected > 0)
    assert.equal(s.requests.total, s.requests.successful + s.requests.rejected + s.requests.pending)
    assert.is_true(s.requests.pending < 5)
  end)

  it("W-08 prompts above the token budget that never run without chunking", function()
    local text = build {}:gsub("gpu_id: gpu0}", "gpu_id: gpu0, enable_chunked_prefill: false,"
      .. " max_num_batched_tokens: 512}")
    assert.matches("without chunked prefill at least max_model_len", errors(text))
  end)

  it("W-09 a missing strategy that ends in a stack trace", function()
    assert.matches("parallelism%.strategy %(line %d+%): missing; one of TP, PP, TP_PP expected", errors(build {
      frameworks = "  - {name: a, type: ParallelVLLM, config: {model_profile_id: Llama2-7B, parallelism: {}}}\n" }))
  end)

  it("W-06 parallel instances that use gpu0 whatever they name", function()
    local text = build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu2, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
    - {link_id: n, source_id: gpu2, dest_id: gpu3, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
]], frameworks = [[
  - name: a
    type: ParallelVLLM
    config: {model_profile_id: Llama2-7B, parallelism: {strategy: TP, tp_degree: 2, gpu_ids: [gpu2, gpu3]}}
]] }
    local s = run(text)
    assert.same({ 2, 1 }, { s.deployment.gpus, s.requests.success_rate })
  end)

  it("W-20 profiles that share one arrival process: rates add", function()
    local profile = [[
    - profile_name: NAME
      weight: 0.1
      inter_arrival_time_dist_config: {type: Exponential, rate: RATE}
      prompt_tokens_dist_config: {type: Constant, value: 10}
      max_output_tokens_dist_config: {type: Constant, value: 2}
]]
    local more = ""
    for name, rate in pairs { two = "20.0", three = "36.0" } do
      more = more .. profile:gsub("NAME", name):gsub("RATE", rate)
    end
    local s = run(build { profile = more }:gsub("total_duration: 60", "total_duration: 60"))
    assert.near(60, s.requests.total / 60, 4 * math.sqrt(60 / 60))   -- four standard deviations
    local _, _, err = oracle("run c.yaml -q")
    assert.matches("weight %(line %d+%): has no effect", err)
  end)

  it("W-21 arrivals that wait for the network: 50 req/s stay 50 req/s over a link of 50 ms", function()
    local s, rows = run(build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 0.05}
]] }:gsub("{type: Exponential, rate: 4.0}", "{type: Constant, value: 0.02}"):gsub("value: 50}", "value: 4}"))
    assert.is_true(s.requests.total >= 2990)
    for i = 1, 20 do assert.is_true(tonumber(rows[i].ttft_ms) > 50) end
  end)

  it("W-22, W-23 follow-ups that do not wait for the answer, or change profile", function()
    local s, rows = run(build { profile = [[
      conversational_probability: 1.0
      follow_up_inter_arrival_time_dist_config: {type: Constant, value: 1.0}
]] })
    local ended, profile, followed = {}, {}, 0
    for _, row in ipairs(rows) do
      local before = ended[row.session_id]
      if before then
        followed = followed + 1
        assert.near(before + 1, tonumber(row.arrival_time), 1e-6)
        assert.equal(profile[row.session_id], row.profile)
      end
      ended[row.session_id], profile[row.session_id] = tonumber(row.completion_time), row.profile
    end
    assert.is_true(followed > 100)
    assert.is_true(s.prefix_caching.conversational_hit_rate > 0.9)
  end)

  it("W-24 a probability of another turn that nobody can set", function()
    local function turns(probability)
      local s, rows = run(build { profile = ([=[
      conversational_probability: 1.0
      continuation_probability: %g
      follow_up_inter_arrival_time_dist_config: {type: Constant, value: 0.01}
]=]):format(probability) }:gsub("total_duration: 60", "total_duration: 40"))
      local sessions, n = {}, 0
      for _, row in ipairs(rows) do
        if not sessions[row.session_id] then sessions[row.session_id], n = true, n + 1 end
      end
      assert.is_true(s.requests.total > 100)
      return #rows / n
    end
    assert.equal(1, turns(0))
    assert.near(1 / (1 - 0.5), turns(0.5), 0.4)
    assert.is_true(turns(0.8) > 3)
  end)

  it("W-26, W-27 a prefix whose name is unknown, and histories that share nothing", function()
    assert.matches("code_generation: unknown instruction prefix without a length", errors(build { workload = [=[
  generate_prompt_tokens: true
  prefix_patterns: {patterns: [{type: instruction, name: code_generation}]}
]=] }))
    local _, rows = run(build { profile = [=[
      conversational_probability: 1.0
      continuation_probability: 1.0
      max_turns_per_session: 3
      follow_up_inter_arrival_time_dist_config: {type: Constant, value: 0.5}
]=] })
    local history, checked = {}, 0
    for _, row in ipairs(rows) do
      local before = history[row.session_id]
      if before and row.status == "SUCCESS" then       -- whole blocks of 16 tokens, the last token computed
        assert.near(before, tonumber(row.cached_prefix_length), 16)
        checked = checked + 1
      end
      history[row.session_id] = row.prompt_tokens + row.output_tokens
    end
    assert.is_true(checked > 100)
  end)

  it("W-25 least_loaded that always takes the first", function()
    local s = run(build { workload = "  load_balancing_strategy: least_loaded\n", frameworks = [[
  - {name: a, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0}}
  - {name: b, type: VLLM, config: {<<: *c, gpu_id: gpu1}}
  - {name: c, type: VLLM, config: {<<: *c, gpu_id: gpu2}}
]] }:gsub("rate: 4.0", "rate: 20.0"))
    for i = 0, 2 do assert.is_true(s.per_replica["replica" .. i].requests.total > 0.2 * s.requests.total) end
  end)

  it("W-28 an unknown distribution that becomes one token", function()
    assert.matches("Poison: unknown distribution", errors((build {}:gsub("type: Constant, value: 200",
      "type: Poison, value: 200"))))
  end)

  it("W-39 no memory check for parallel instances", function()
    local text = build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
    - {link_id: n, source_id: gpu0, dest_id: gpu1, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
]], frameworks = [[
  - name: a
    type: ParallelVLLM
    config: {model_profile_id: GPT-3-175B, parallelism: {strategy: PP, pp_stages: 2, gpu_ids: [gpu0, gpu1]}}
]] }
    assert.matches("does not fit", errors(text))
  end)

  it("W-45 fractions of tokens", function()
    local _, rows = run(build {}:gsub("type: Constant, value: 200", "type: Normal, mean: 200, std: 30"))
    for _, row in ipairs(rows) do assert.is_truthy(math.tointeger(tonumber(row.prompt_tokens))) end
  end)

  it("W-47, W-49 hit rates that are always zero, and pending requests counted as saved", function()
    local s = run(build { workload = [[
  generate_prompt_tokens: true
  prefix_patterns: {patterns: [{type: few_shot, name: qa_5shot, weight: 1.0}]}
]] }:gsub("value: 200", "value: 800"))
    local p = s.prefix_caching
    assert.is_true(p.cross_request_hit_rate > 0.9)
    assert.is_true(p.average_cached_prefix_length >= 480 and p.average_cached_prefix_length <= 500)
    assert.is_true(p.prefill_reduction_ratio < 500 / 800)
    local overload = run(build {}:gsub("rate: 4.0", "rate: 400.0"):gsub("max_simulation_time: 60",
      "max_simulation_time: 3"):gsub("total_duration: 60", "total_duration: 3"))
    assert.is_true(overload.requests.pending > 100)
    assert.is_true((overload.prefix_caching or { prefill_reduction_ratio = 0 }).prefill_reduction_ratio < 0.05)
  end)

  it("W-54 corrections made to a copy that is thrown away", function()
    local bad = build {}:gsub("random_seed: 5", "random_sed: 5")
    write("fix.yaml", bad)
    assert.equal(0, (oracle("validate --fix fix.yaml")))
    assert.equal((bad:gsub("random_sed", "random_seed")), read(program.dir .. "/fix.yaml"))
  end)

  it("W-62 a reverse link that overwrites an explicit one", function()
    local links = [=[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 8.0e9, latency_s: 0.001}
    - {link_id: r, source_id: gpu0, dest_id: client_node_0, bandwidth_bps: 8.0e9, latency_s: 0.5}
]=]
    local function latency(text)
      return yaml.read(document.read(build { links = text }), {}).scenario.client_link.latency
    end
    assert.equal(0.001, latency(links))
    local swapped = links:gsub("(    %- {link_id: c[^\n]*\n)(    %- [^\n]*\n)", "%2%1")
    assert.equal(0.001, latency(swapped))
  end)

  it("W-67 throughput without the tokens of unfinished requests", function()
    local s, rows = run(build {}:gsub("max_simulation_time: 60", "max_simulation_time: 10"):gsub("rate: 4.0",
      "rate: 20.0"):gsub("value: 50}", "value: 400}"))
    local tokens = 0
    for _, row in ipairs(rows) do tokens = tokens + row.output_tokens end
    assert.is_true(s.requests.pending > 20)
    assert.near(tokens / 10, s.throughput.output_tokens_per_second, 1e-6 * tokens)
  end)

  it("W-69 no inter-token latency, queue time, goodput or breakdown", function()
    local s = run(build {}, "--set slo.ttft=0.1")
    assert.is_number(s.latency.inter_token_latency_ms.p99)
    assert.is_number(s.latency.queue_time_ms.p99)
    assert.is_number(s.throughput.goodput_rps)
    assert.is_number(s.per_replica.replica0.requests.total)
  end)

  it("W-72 draws that disturb one another", function()
    local _, rows = run(build {})
    local _, more = run(build { profile = [=[
    - profile_name: two
      inter_arrival_time_dist_config: {type: Exponential, rate: 3.0}
      prompt_tokens_dist_config: {type: Uniform, low: 10, high: 90}
      max_output_tokens_dist_config: {type: Constant, value: 5}
]=] })
    local i = 0
    for _, row in ipairs(more) do                         -- the first profile's requests come as without the other
      if row.profile == "one" then
        i = i + 1
        assert.same({ rows[i].arrival_time, rows[i].prompt_tokens }, { row.arrival_time, row.prompt_tokens })
      end
    end
    assert.equal(#rows, i)
  end)

  it("W-73 a run without end", function()
    assert.matches("Simulation missing max_simulation_time", errors((build {}:gsub("max_simulation_time: 60, ", ""))))
  end)

  it("W-48 utilisation and series that stay empty", function()
    local s = run(build {}, "--series series.csv")
    assert.is_true(s.gpu_utilization.gpu0 > 0.1 and s.gpu_utilization.gpu0 <= 1)
    local rows = rows_of(read(program.dir .. "/series.csv"))
    assert.equal(60, #rows)
    local sum = 0
    for _, row in ipairs(rows) do sum = sum + row.gpu_busy end
    assert.near(s.gpu_utilization.gpu0, sum / #rows, 1e-4)
  end)

  it("W-52 a section that only the run misses", function()
    assert.equal("", errors((build {}:gsub("METRICS", ""))))
    assert.equal(0, (oracle("run c.yaml -q")))
  end)

  it("W-53 a level of detail that validates and does not run", function()
    assert.matches("Invalid LoD: low", errors((build {}:gsub("random_seed: 5", "lod: low"))))
  end)

  it("W-59 a missing link taken for one of a millisecond", function()
    local text = build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
    - {link_id: n, source_id: gpu0, dest_id: gpu1, bandwidth_bps: 2.4e12, latency_s: 1.0e-6}
]], frameworks = [[
  - name: a
    type: ParallelVLLM
    config: {model_profile_id: Llama2-7B, parallelism: {strategy: TP, tp_degree: 2, gpu_ids: [gpu0, gpu2]}}
]] }
    assert.matches("no way from gpu0 to gpu2", errors(text))
    local far = build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu1, bandwidth_bps: 1.0e10, latency_s: 1.0e-4}
]] }
    assert.matches("no link from client_node_0 to gpu0", errors(far))
  end)

  it("W-61 bits taken for bytes", function()
    local v = document.read(build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 8.0e9, latency_s: 1.0e-4}
]] })
    assert.equal(1e9, yaml.read(v, {}).scenario.client_link.bandwidth)
  end)

  it("W-65 a time to first token without the wait", function()
    local s, rows = run(build {}:gsub("rate: 4.0", "rate: 100.0"):gsub("max_simulation_time: 60",
      "max_simulation_time: 20"):gsub("total_duration: 60", "total_duration: 10"))
    assert.is_true(s.latency.queue_time_ms.max > 0)
    for _, row in ipairs(rows) do
      if row.status == "SUCCESS" then assert.is_true(tonumber(row.ttft_ms) > tonumber(row.queue_ms)) end
    end
  end)

  it("W-66 requests in flight counted as failed", function()
    local s = run(build {}:gsub("max_simulation_time: 60", "max_simulation_time: 10"):gsub("rate: 4.0", "rate: 20.0"))
    assert.equal(0, s.requests.failed)
    assert.is_true(s.requests.pending > 0)
    assert.equal(1, s.requests.success_rate)
  end)

  it("W-68 percentiles whose names collide", function()
    local s = run(build { metrics = "metrics_config: {percentiles_to_calculate: [0.29, 0.99, 0.999]}\n" })
    local t = s.latency.time_to_first_token_ms
    assert.is_true(t.p29 < t.p99 and t.p99 <= t["p99.9"])
    assert.is_nil(t.p28)
  end)
end)
