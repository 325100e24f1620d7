--- What configurations carry that were written for other simulators: virtual nodes, devices that are none, keys that
-- nothing reads, counts of prefixes. Each runs as it stands, and what has no effect is said.
local cases = require "cases"
local formats = require "oracle.formats"
local problems = require "oracle.formats.problems"
local program = require "program"
local study = require "oracle.study"

local build, run = cases.build, cases.run

local TWO = [=[
  - {name: a, type: VLLM, config: &c {model_profile_id: Llama2-7B, gpu_id: gpu0}}
  - {name: b, type: VLLM, config: {<<: *c, gpu_id: gpu1}}
]=]

local function links(...)
  local list = { "  network_links:" }
  for i, l in ipairs { ... } do
    list[#list + 1] = ("    - {link_id: l%d, source_id: %s, dest_id: %s, bandwidth_bps: %s, latency_s: %s}"):format(i,
      l[1], l[2], l[3], l[4])
  end
  return table.concat(list, "\n")
end

-- Read without an error; and the warnings, one line each.
local function read(text)
  local r = formats.parse(text)
  local said = {}
  for i, e in ipairs(r.problems.errors) do said[i] = problems.text(e) end
  assert.same({}, said)
  return r, table.concat(r.problems:said(), "\n")
end

setup(program.open)
teardown(program.close)

describe("requests enter", function()
  it("over a virtual node, which reaches every server's first GPU", function()
    local r, said = read(build { frameworks = TWO,
      links = links({ "client_node_0", "framework_entry_0", "1.0e10", 0.0001 }) })
    assert.equal("", said)
    assert.same({ 0.0001, 1.25e9, 2 }, { r.raw.client_link.latency, r.raw.client_link.bandwidth, r.raw.replicas })
  end)

  it("over other devices where no link of the clients' leads to theirs", function()
    local r = read(build { frameworks = TWO, links = links({ "client_node_0", "gpu0", "1.0e11", 0.0005 },
      { "gpu0", "gpu1", "8.0e10", 0.000001 }) })
    assert.near(0.000501, r.raw.client_link.latency, 1e-12)
    assert.equal(1e10, r.raw.client_link.bandwidth)       -- of the slowest, for all
    local errors = cases.errors(build { frameworks = TWO,
      links = links({ "client_node_0", "gpu0", "1.0e11", 0.0005 }) })
    assert.matches("no link from client_node_0 to gpu1, where requests of b arrive", errors)
  end)

  it("at no device of that name: a CPU is ignored, a GPU an error", function()
    local text = build { links = "    - {<<: *gpu, device_id: client_node_0, device_type: CPU}" }
    local _, said = read(text)
    assert.equal("hardware_profile.compute_devices[4] (line 9): ignored: client_node_0 is the clients' node, which"
      .. " computes nothing", said)
    assert.matches("client_node_0 is the clients' node; another name expected",
      cases.errors((text:gsub("type: CPU", "type: GPU"))))
  end)
end)

describe("a pipeline of fewer stages than GPUs", function()
  it("uses the first of each stage's share", function()
    local four = links({ "client_node_0", "gpu0", "1.0e10", 0.0001 }, { "gpu0", "gpu1", "2.4e12", 0.000001 },
      { "gpu1", "gpu2", "2.4e12", 0.000001 }, { "gpu2", "gpu3", "2.4e12", 0.000001 })
    local r, said = read(build { links = four, frameworks = [=[
  - {name: a, type: ParallelVLLM, config: {model_profile_id: Llama2-13B, parallelism:
     {strategy: PP, pp_stages: 2, tp_degree: 2, gpu_ids: [gpu0, gpu1, gpu2, gpu3]}}}
]=] })
    assert.matches("gpu_ids %(line %d+%): PP: 4 GPUs for 2 stages; gpu1, gpu3 stay idle, TP_PP would use them", said)
    assert.matches("tp_degree %(line %d+%): has no effect: goes with TP or TP_PP", said)
    assert.same({ "gpu0", "gpu2" }, r.raw.placement)
    assert.equal(2, r.raw.engine.pipeline_parallel_size)
  end)
end)

describe("a session", function()
  -- Of those that open early enough to come back before the end: how many have one turn, the most, and how many.
  local function turns(profile)
    local _, rows = run(build { profile = profile })
    local of, began, most = {}, {}, 0
    for _, row in ipairs(rows) do
      local id, at = row.session_id, tonumber(row.arrival_time)
      of[id], began[id] = (of[id] or 0) + 1, math.min(began[id] or at, at)
      most = math.max(most, of[id])
    end
    local once, n = 0, 0
    for id, count in pairs(of) do
      if began[id] < 40 then n = n + 1 end
      if began[id] < 40 and count == 1 then once = once + 1 end
    end
    return once, most, n
  end

  it("has a second turn for sure, and later ones by chance", function()
    local TALK = "      conversational_probability: 1.0\n"
      .. "      follow_up_inter_arrival_time_dist_config: {type: Constant, value: 0.5}\n"
    local once, most, n = turns(TALK)
    assert.equal(0, once)
    assert.is_true(most > 5 and n > 80)
    once = turns(TALK .. "      continuation_probability: 0.7\n")   -- which is of every turn
    assert.near(0.3 * n, once, 15)
    once, most = turns(TALK .. "      max_turns_per_session: 1\n")
    assert.same({ n, 1 }, { once, most })
  end)
end)

describe("prefixes of other requests", function()
  local PATTERN = [=[
  generate_prompt_tokens: true
  prefix_patterns: {patterns: [{type: system, name: helpful_assistant}]}
]=]

  local function hits(config)
    local r = read(build { workload = PATTERN, frameworks = ("  - {name: a, type: VLLM, config: {model_profile_id:"
      .. " Llama2-7B, gpu_id: gpu0, %s}}\n"):format(config) })
    return study.run(r.scenario).prefix_caching
  end

  it("are measured in tokens, of which whole blocks are kept", function()
    local fifty = hits "min_prefix_cache_length: 50"      -- three blocks of 16 and two tokens
    assert.is_true(fifty.cross_request_hits > 200)
    assert.equal(48, fifty.average_cached_prefix_length)
    assert.same(fifty, hits "min_prefix_cache_length: 0")
    assert.equal(0, hits "min_prefix_cache_length: 51".cross_request_hits)
    assert.equal(0, hits "min_prefix_cache_length: 50, block_size: 64".cross_request_hits)   -- no block is full
  end)

  it("are kept up to a number, which the one that all share outlives", function()
    local one = hits "max_prefix_cache_size: 1"
    assert.equal(48, one.average_cached_prefix_length)
    assert.is_true(one.cross_request_hits > 200)
  end)
end)

describe("a request alone", function()
  -- Llama-2-13B: weights without and with the LM head, KV bytes of a token, layers, width.
  local P, HEAD, KV, L, H = 12.688e9, 0.164e9, 819200, 40, 5120
  local F, B = 0.5 * 312e12, 0.8 * 2039e9

  -- TTFT and TPOT in ms of `prompt` + `output` tokens on n GPUs in a ring of links with `bits` bit/s and `latency` s.
  local function by_hand(n, prompt, output, bits, latency)
    local function sums(tokens)
      return n == 1 and 0 or 2 * L * (2 * (n - 1) / n * tokens * H * 2 / (bits / 8) + 2 * (n - 1) * latency)
    end
    local ttft = (2 * P * prompt + 4 * L * H * prompt * (prompt + 1) / 2) / (n * F) + sums(prompt)
    local tpot = (2 * (P + HEAD) + (prompt + output / 2) * KV) / (n * B) + sums(1)
    return 1e3 * ttft, 1e3 * tpot
  end

  local function simulated(config, given)
    local r = read(build { links = given, frameworks = config })
    local s = r.scenario
    s.workload, s.duration = { kind = "batch", count = 1, prompt = 1024, output = 256 }, nil
    local l = study.run(s).latency
    return l.time_to_first_token_ms.p50, l.time_per_output_token_ms.p50
  end

  -- The hand leaves out what a prompt reads and writes beside its matrix products.
  local function close(n, ttft, tpot, bits)
    local hand_ttft, hand_tpot = by_hand(n, 1024, 256, bits, 1e-6)
    assert.is_true(ttft > hand_ttft and ttft < 1.08 * hand_ttft, ("%g by hand, %g"):format(hand_ttft, ttft))
    assert.near(1, tpot / hand_tpot, 0.01)
  end

  it("takes what a roofline by hand says, on one GPU and on a ring of four", function()
    close(1, simulated "  - {name: a, type: VLLM, config: {model_profile_id: Llama2-13B, gpu_id: gpu0}}\n")
    local bits = "6.0e11"
    local ring = links({ "client_node_0", "framework_entry_0", "1.0e13", 0 }, { "gpu0", "gpu1", bits, 0.000001 },
      { "gpu1", "gpu2", bits, 0.000001 }, { "gpu2", "gpu3", bits, 0.000001 }, { "gpu3", "gpu0", bits, 0.000001 })
    local ttft, tpot = simulated([=[
  - {name: a, type: ParallelVLLM, config: {model_profile_id: Llama2-13B, parallelism:
     {strategy: TP, tp_degree: 4, gpu_ids: [gpu0, gpu1, gpu2, gpu3]}}}
]=], ring)
    close(4, ttft, tpot, 6e11)
  end)
end)

describe("distributions", function()
  it("Linear goes over the requests that are expected where it does not say", function()
    local function over(text)
      local r, said = read(text)
      return r.raw.workload.prompt.over, said
    end
    local LINEAR = (build {}:gsub("{type: Constant, value: 200}", "{type: Linear, start: 100, end: 300}"))
    local n, said = over(LINEAR)
    assert.near(60 * 4, n, 1)
    assert.matches("prompt_tokens_dist_config %(line %d+%): over is missing: 240 requests", said)
    assert.equal(50, over((LINEAR:gsub("total_duration: 60", "%0\n  total_requests_to_generate: 50"))))
    assert.equal(9, over((LINEAR:gsub("end: 300", "end: 300, over: 9"))))
    local gaps = read((build {}:gsub("{type: Exponential, rate: 4.0}", "{type: Linear, start: 0.1, end: 0.3}")))
    assert.equal(300, gaps.raw.workload.inter_arrival.over)
    local _, rows = run(LINEAR)
    assert.is_true(tonumber(rows[1].prompt_tokens) <= 101)
    assert.near(300, tonumber(rows[math.min(#rows, 240)].prompt_tokens), 25)
  end)
end)
