--- The walkthrough of a configuration, command for command; and servers that differ.
local cases = require "cases"
local json = require("oracle.core").json
local program = require "program"

local build, rows_of, run = cases.build, cases.rows_of, cases.run
local oracle, read, root = program.run_there, program.read, program.root

setup(program.open)
teardown(program.close)

describe("a configuration with keys that have no effect", function()
  it("says each once, and its result holds them", function()
    local text = read(root .. "/scenarios/walkthrough.yaml"):gsub("\nsimulation:\n", "%0  unheard_of: 1\n")
    local path = program.write("unused.yaml", text)
    local rc, _, err = oracle("run " .. path .. " -q --json '" .. program.dir .. "/unused.json'")
    assert.equal(0, rc, err)
    local line = err:match "oracle: warning: (simulation%.unheard_of[^\n]+)\n"
    assert.is_string(line, err)
    assert.equal(1, select(2, err:gsub("unheard_of", "")))
    assert.equal(line, json.decode(read(program.dir .. "/unused.json")).oracle.warnings[1])
  end)
end)

describe("the walkthrough", function()
  local file = root .. "/scenarios/walkthrough.yaml"
  if not file:match("^/") then file = io.popen("pwd"):read("l") .. "/" .. file end

  it("runs with the documented JSON and CSV shapes", function()
    assert.equal(0, (oracle("validate " .. file)))
    local rc, out, err = oracle("run " .. file .. " -l INFO")
    assert.equal(0, rc, err)
    assert.matches("Total requests: %d+", out)
    local s = json.decode(read(program.dir .. "/experiments/results/walkthrough_summary.json"))
    assert.same({ 30, 5, 25 }, { s.simulation.total_duration_s, s.simulation.warm_up_duration_s,
                                 s.simulation.effective_duration_s })
    assert.is_true(s.requests.total > 50 and s.requests.success_rate > 0.95)
    assert.is_true(s.throughput.requests_per_second > 2 and s.throughput.output_tokens_per_second > 300)
    for _, name in ipairs { "time_to_first_token_ms", "time_per_output_token_ms", "end_to_end_latency_ms" } do
      for _, key in ipairs { "count", "mean", "std", "min", "max", "p50", "p90", "p95", "p99" } do
        assert.is_number(s.latency[name][key], name .. "." .. key)
      end
    end
    local rows, names = rows_of(read(program.dir .. "/experiments/results/walkthrough_requests.csv"))
    assert.equal("request_id client_id session_id prompt_tokens max_output_tokens output_tokens arrival_time"
      .. " first_token_time completion_time status ttft_ms tpot_ms e2e_latency_ms prefix_cache_event"
      .. " cached_prefix_length tokens_actually_prefilled", table.concat(names, " ", 1, 16))
    assert.is_true(#rows >= s.requests.total)
    for _, row in ipairs(rows) do
      if row.status == "SUCCESS" then
        assert.near((row.first_token_time - row.arrival_time) * 1000, tonumber(row.ttft_ms), 1e-3)
        assert.near((row.completion_time - row.arrival_time) * 1000, tonumber(row.e2e_latency_ms), 1e-3)
      end
    end
  end)

  it("reports each profile and each replica", function()
    local _, out = oracle("run " .. file .. " -q --json -")
    local s = json.decode(out)
    local sum = 0
    for _, name in ipairs { "chatbot", "api" } do sum = sum + s.per_profile[name].requests.total end
    assert.equal(s.requests.total, sum)
    assert.equal(s.requests.total, s.per_replica.replica0.requests.total + s.per_replica.replica1.requests.total)
    assert.is_number(s.per_profile.api.latency.time_to_first_token_ms.p99)
  end)
end)

describe("targets that differ", function()
  local TWO = [=[
  - {name: a, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0}}
  - {name: b, type: VLLM, config: {<<: *c, gpu_id: gpu1}}
]=]

  it("in their GPU are replicas of their own kind", function()
    local text = build { frameworks = TWO }:gsub("device_id: gpu1}", "device_id: gpu1, memory_gbps: 4078}")
    local s = run(text)
    assert.equal(2, s.deployment.gpus)
    local slow = s.per_replica.replica0.latency.time_per_output_token_ms.p50
    local fast = s.per_replica.replica1.latency.time_per_output_token_ms.p50
    assert.is_true(fast < 0.7 * slow)
  end)

end)
