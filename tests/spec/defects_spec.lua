--- Defects known of other simulators that must not be here: each test says what holds instead.
local cases = require "cases"
local yaml = require "oracle.formats.yaml"
local document = require "oracle.formats.document"
local json = require("oracle.core").json
local program = require "program"

local build, errors, rows_of, run = cases.build, cases.errors, cases.rows_of, cases.run
local oracle, read, write = program.run_there, program.read, program.write

setup(program.open)
teardown(program.close)

describe("of a configuration:", function()
  it("the example configuration validates and runs (W-01)", function()
    assert.equal(0, (oracle("generate-config -o e.yaml")))
    assert.equal(0, (oracle("validate e.yaml")))
    assert.equal(0, (oracle("run e.yaml -q")))
    local s = json.decode(read(program.dir .. "/experiments/results/summary.json"))
    assert.is_true(s.requests.success_rate > 0.95 and s.requests.total > 500)
  end)

  it("a LogNormal's mean at token scale is a mean, and said to be; in log space a logarithm (W-02)", function()
    local text = build {}:gsub("{type: Constant, value: 200}", "{type: LogNormal, mean: 128, sigma: 64}")
    assert.equal("", errors(text))
    local s = run(text)
    assert.near(128, s.throughput.total_tokens_per_second / s.throughput.output_tokens_per_second * 50 - 50, 12)
    local log = text:gsub("mean: 128, sigma: 64", "mean: 4.74, sigma: 0.4724")
    assert.near(s.latency.time_to_first_token_ms.mean, run(log).latency.time_to_first_token_ms.mean, 0.5)
  end)

  it("KV blocks come back: 1,300 requests pass through a memory of a few (W-03)", function()
    local s = run(build {}:gsub("rate: 4.0", "rate: 10.0"):gsub("value: 50", "value: 256"):gsub(": 60", ": 150"))
    assert.is_true(s.requests.successful > 1300)
    assert.is_true(s.requests.pending < 200 and s.kv_cache.peak_usage < 1)
  end)

  it("where memory runs out requests give way and all are answered (W-04)", function()
    local s = run(build {}:gsub("memory_capacity_bytes: 80.0e9", "memory_capacity_bytes: 19.5e9", 1):gsub("rate: 4.0",
      "rate: 3.0"):gsub("value: 50}", "value: 300}"):gsub("max_simulation_time: 60", "max_simulation_time: 400"))
    assert.is_true(s.preemptions.count > 0)
    assert.same({ 1, 0 }, { s.requests.success_rate, s.requests.pending })
  end)

  it("a tensor-parallel group has the memory of all its GPUs (W-05)", function()
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

  it("a prompt too long for the model is rejected, and those behind it served (W-07)", function()
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

  it("without chunked prefill a budget below max_model_len is refused (W-08)", function()
    local text = build {}:gsub("gpu_id: gpu0}", "gpu_id: gpu0, enable_chunked_prefill: false,"
      .. " max_num_batched_tokens: 512}")
    assert.matches("without chunked prefill at least max_model_len", errors(text))
  end)

  it("a missing parallel strategy is one error with its line (W-09)", function()
    assert.matches("parallelism%.strategy %(line %d+%): missing; one of TP, PP, TP_PP expected", errors(build {
      frameworks = "  - {name: a, type: ParallelVLLM, config: {model_profile_id: Llama2-7B, parallelism: {}}}\n" }))
  end)

  it("parallel instances use the GPUs they name (W-06)", function()
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

  it("each profile arrives at its own rate, and the rates add (W-20)", function()
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

  it("arrivals do not wait for the network: 50 req/s stay 50 req/s over a link of 50 ms (W-21)", function()
    local s, rows = run(build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 1.0e10, latency_s: 0.05}
]] }:gsub("{type: Exponential, rate: 4.0}", "{type: Constant, value: 0.02}"):gsub("value: 50}", "value: 4}"))
    assert.is_true(s.requests.total >= 2990)
    for i = 1, 20 do assert.is_true(tonumber(rows[i].ttft_ms) > 50) end
  end)

  it("a follow-up comes after its answer, in the same profile (W-22, W-23)", function()
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

  it("the probability of another turn sets how many there are (W-24)", function()
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

  it("an unknown prefix is refused, and a turn finds its history cached (W-26, W-27)", function()
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

  it("least_loaded spreads requests over all replicas (W-25)", function()
    local s = run(build { workload = "  load_balancing_strategy: least_loaded\n", frameworks = [[
  - {name: a, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0}}
  - {name: b, type: VLLM, config: {<<: *c, gpu_id: gpu1}}
  - {name: c, type: VLLM, config: {<<: *c, gpu_id: gpu2}}
]] }:gsub("rate: 4.0", "rate: 20.0"))
    for i = 0, 2 do assert.is_true(s.per_replica["replica" .. i].requests.total > 0.2 * s.requests.total) end
  end)

  it("an unknown distribution is refused (W-28)", function()
    assert.matches("Poison: unknown distribution", errors((build {}:gsub("type: Constant, value: 200",
      "type: Poison, value: 200"))))
  end)

  it("parallel instances whose weights do not fit are refused (W-39)", function()
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

  it("prompts have whole numbers of tokens (W-45)", function()
    local _, rows = run(build {}:gsub("type: Constant, value: 200", "type: Normal, mean: 200, std: 30"))
    for _, row in ipairs(rows) do assert.is_truthy(math.tointeger(tonumber(row.prompt_tokens))) end
  end)

  it("hits across requests are counted, those of waiting requests are not (W-47, W-49)", function()
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

  it("validate --fix mends the file itself (W-54)", function()
    local bad = build {}:gsub("random_seed: 5", "random_sed: 5")
    write("fix.yaml", bad)
    assert.equal(0, (oracle("validate --fix fix.yaml")))
    assert.equal((bad:gsub("random_sed", "random_seed")), read(program.dir .. "/fix.yaml"))
  end)

  it("a link in the other direction leaves an explicit one as it is (W-62)", function()
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

  it("throughput counts the tokens of unfinished requests (W-67)", function()
    local s, rows = run(build {}:gsub("max_simulation_time: 60", "max_simulation_time: 10"):gsub("rate: 4.0",
      "rate: 20.0"):gsub("value: 50}", "value: 400}"))
    local tokens = 0
    for _, row in ipairs(rows) do tokens = tokens + row.output_tokens end
    assert.is_true(s.requests.pending > 20)
    assert.near(tokens / 10, s.throughput.output_tokens_per_second, 1e-6 * tokens)
  end)

  it("results have inter-token latency, queue time, goodput and each replica's (W-69)", function()
    local s = run(build {}, "--set slo.ttft=0.1")
    assert.is_number(s.latency.inter_token_latency_ms.p99)
    assert.is_number(s.latency.queue_time_ms.p99)
    assert.is_number(s.throughput.goodput_rps)
    assert.is_number(s.per_replica.replica0.requests.total)
  end)

  it("another profile changes no request of the first (W-72)", function()
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

  it("a configuration without max_simulation_time is refused (W-73)", function()
    assert.matches("Simulation missing max_simulation_time", errors((build {}:gsub("max_simulation_time: 60, ", ""))))
  end)

  it("utilisation is the mean of the series of busy shares (W-48)", function()
    local s = run(build {}, "--series series.csv")
    assert.is_true(s.gpu_utilization.gpu0 > 0.1 and s.gpu_utilization.gpu0 <= 1)
    local rows = rows_of(read(program.dir .. "/series.csv"))
    assert.equal(60, #rows)
    local sum = 0
    for _, row in ipairs(rows) do sum = sum + row.gpu_busy end
    assert.near(s.gpu_utilization.gpu0, sum / #rows, 1e-4)
  end)

  it("a configuration without a metrics section validates and runs (W-52)", function()
    assert.equal("", errors((build {}:gsub("METRICS", ""))))
    assert.equal(0, (oracle("run c.yaml -q")))
  end)

  it("an unknown level of detail is refused by the validator (W-53)", function()
    assert.matches("Invalid LoD: low", errors((build {}:gsub("random_seed: 5", "lod: low"))))
  end)

  it("a link that is missing is an error, not a guess (W-59)", function()
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

  it("bandwidth_bps is in bits per second (W-61)", function()
    local v = document.read(build { links = [[
  network_links:
    - {link_id: c, source_id: client_node_0, dest_id: gpu0, bandwidth_bps: 8.0e9, latency_s: 1.0e-4}
]] })
    assert.equal(1e9, yaml.read(v, {}).scenario.client_link.bandwidth)
  end)

  it("time to first token holds the time in the queue (W-65)", function()
    local s, rows = run(build {}:gsub("rate: 4.0", "rate: 100.0"):gsub("max_simulation_time: 60",
      "max_simulation_time: 20"):gsub("total_duration: 60", "total_duration: 10"))
    assert.is_true(s.latency.queue_time_ms.max > 0)
    for _, row in ipairs(rows) do
      if row.status == "SUCCESS" then assert.is_true(tonumber(row.ttft_ms) > tonumber(row.queue_ms)) end
    end
  end)

  it("requests in flight at the end are pending, not failed (W-66)", function()
    local s = run(build {}:gsub("max_simulation_time: 60", "max_simulation_time: 10"):gsub("rate: 4.0", "rate: 20.0"))
    assert.equal(0, s.requests.failed)
    assert.is_true(s.requests.pending > 0)
    assert.equal(1, s.requests.success_rate)
  end)

  it("each percentile has a name of its own (W-68)", function()
    local s = run(build { metrics = "metrics_config: {percentiles_to_calculate: [0.29, 0.99, 0.999]}\n" })
    local t = s.latency.time_to_first_token_ms
    assert.is_true(t.p29 < t.p99 and t.p99 <= t["p99.9"])
    assert.is_nil(t.p28)
  end)
end)
