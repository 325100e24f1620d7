--- Policies of the literature where steps cost what they do, and where requests come by other ways than arrival.
local oracle = require "oracle"
local policy = require "oracle.policy"
local requests = require "rows"

-- Schrage, Operations Research 16(3), 1968: on one server that may be interrupted no other order has a lower mean.
describe("law: shortest remaining processing time", function()
  it("has the lowest mean E2E of all policies where prompts and answers cost what they do", function()
    local strictly = 0
    for i, load in ipairs { { 4000, 20, 2 }, { 2000, 100, 1 }, { 300, 400, 0.5 } } do
      local function mean(name)
        return oracle.scenario {
          model = "llama-3.1-8b", hardware = i == 1 and "a100-sxm-80gb" or "h100-sxm", batching = name, seed = i,
          engine = { max_num_seqs = 1, max_num_batched_tokens = i == 2 and 512 or 8192, max_model_len = 8192,
                     enable_prefix_caching = false },
          workload = oracle.workload.gamma { rate = load[3], cv = 2, count = 60,
            prompt = oracle.dist.uniform { low = 1, high = load[1] },
            output = oracle.dist.uniform { low = 1, high = load[2] } },
        }:run().latency.end_to_end_latency_ms.mean
      end
      local best = mean "srpt"
      for _, name in ipairs(policy.names "batching") do
        local other = mean(name)
        assert.is_true(best <= other * (1 + 1e-9), ("load %d: %s %g, srpt %g"):format(i, name, other, best))
        if best < other then strictly = strictly + 1 end
      end
    end
    assert.is_true(strictly > 20)
  end)
end)

describe("shortest remaining processing time", function()
  it("takes the youngest of those with equally much left to make room", function()
    local list = requests.of(requests.constant("10 ms", {
      batching = "srpt", engine = { max_num_seqs = 2, max_model_len = 4096 },
      requests = { { arrival = 0, prompt = 100, output = 50 }, { arrival = 0, prompt = 100, output = 50 },
                   { arrival = 0.1, prompt = 100, output = 5 } },
    }))
    local ends = {}
    for i, r in ipairs(list) do ends[i] = r.completion_time or r.arrival_time + r.end_to_end_latency end
    assert.is_true(ends[3] < ends[1] and ends[1] < ends[2], table.concat(ends, " "))
  end)
end)

describe("a prompt in parts", function()
  it("takes a step for each, of as many tokens as fill them", function()
    -- parts, prompt, steps: parts of ceil(prompt / parts)
    for _, case in ipairs { { 4, 4, 4 }, { 4, 5, 3 }, { 4, 8, 4 }, { 4, 401, 4 }, { 3, 7, 3 }, { 1, 400, 1 } } do
      local list = requests.of(requests.constant("10 ms", {
        engine = { num_microbatches_per_request = case[1], max_model_len = 4096 },
        requests = { { arrival = 0, prompt = case[2], output = 2 } },
      }))
      assert.near(10 * case[3], list[1].ttft_ms, 1e-6, case[1] .. " parts of " .. case[2])
    end
  end)
end)

describe("fair share", function()
  -- The policy that comes along, and at each step whose turn it is looked up in the whole queue.
  local function checked(told)
    local vtc = require "oracle.batching.vtc"
    local function next_of(b, cols)
      local best, least
      for i = 1, b:waiting(cols) do                       -- in order of arrival
        local counter = b:charge(cols.client[i], 0)
        if not best or counter < least then best, least = cols.id[i], counter end
      end
      return best
    end
    return policy.batching {
      name = "checked", params = vtc.params, order = vtc.order,
      step = function(b, e, s)
        s.cols = s.cols or b:columns { "id", "client" }
        if b:queue() > 0 then
          b:credit(s.params.output_weight)
          assert(b:turn() == next_of(b, s.cols))
          told.asked = told.asked + 1
        end
        return vtc.step(b, e, s)
      end,
    }
  end

  -- The lines of clients are kept beside the queue: whoever comes into it another way is not forgotten.
  it("serves requests that were handed over, failed, sent back or loaded", function()
    local dram = { name = "dram", capacity = "4 GiB", bandwidth = "20 GB/s", latency = "10 us" }
    local load = oracle.workload.poisson { rate = 60, count = 200, output = 60, prompt_pool = 20,
      prompt = oracle.dist.uniform { low = 20, high = 800 } }
    for label, changes in pairs {
      pools = { pools = { prefill = { replicas = 1 }, decode = { replicas = 1 } }, network = "dgx_h100" },
      failures = { replicas = 2, failures = { outages = { { at = 1, lasts = 0.5, replica = 0 } } } },
      memory = { blocks = 150 }, swap = { blocks = 150, preemption = "swap" },
      loading = { blocks = 250, kv_tiers = { dram }, kv_loading = "async" },
    } do
      local told = { asked = 0 }
      local t = { model = "llama-3.1-8b", hardware = "h100-sxm", batching = checked(told), workload = load,
                  engine = { max_model_len = 1024, num_gpu_blocks_override = changes.blocks } }
      for k, v in pairs(changes) do
        if k ~= "blocks" then t[k] = v end
      end
      local r = oracle.scenario(t):run()
      assert.equal(200, r.requests.successful, label)
      assert.is_true(told.asked > 100, label)
    end
  end)

  -- Sheng et al., algorithm 2, lines 6 to 13: who comes to an empty line is raised to the least of those that are here.
  it("gives a client that comes later or returns no more than the least served of those that are here", function()
    local function load_of(rows)
      return oracle.workload.generator { params = { rows = rows }, next = function(g)
        g.at = (g.at or 0) + 1
        local row = g.params.rows[g.at]
        return row and { arrival = row[1], client = row[2], prompt = 100, output = row[3] }
      end }
    end
    local rows = { { 0, 7, 20 } }                         -- client 7 comes once, is done, and is back at 20 s
    for i = 1, 60 do rows[#rows + 1] = { 1, 1 + i % 2, 2000 } end
    rows[#rows + 1] = { 20, 7, 20 }
    rows[#rows + 1] = { 20, 9, 20 }                       -- new
    rows[#rows + 1] = { 21, 9, 20 }                       -- it is here already
    local seen = {}
    oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", workload = load_of(rows),
      engine = { max_num_seqs = 8, max_model_len = 4096 },
      batching = policy.batching { name = "told", step = function(b, e)
        if b:queue() > 0 then b:credit(2) end
        local least = math.min(b:charge(1, 0), b:charge(2, 0))
        local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
        if b:now() >= 19.9 and b:queue() > 0 then
          seen[#seen + 1] = { b:now(), least, b:charge(7, 0), b:charge(9, 0), b:size() }
        end
        while left > 0 and b:queue() > 0 and b:size() < e.max_num_seqs do
          local id, client, prompt = b:turn()
          assert(id and prompt == 100)
          local granted = b:admit(left, id)
          if granted == 0 then return b:call_again() end
          b:charge(client, prompt)
          left = left - granted
        end
      end } }:run()
    local raised
    for _, row in ipairs(seen) do
      local now, least, back, new = table.unpack(row)
      if now < 20 then
        assert.same({ 140, 0 }, { back, new })            -- 100 and 20 times 2, and nothing
      elseif not raised then
        assert.is_true(least > 1000)
        assert.same({ least, least }, { back, new })
        raised = new
      elseif now < 21.5 then
        assert.is_true(new <= raised + 140)               -- not raised again
      end
    end
    assert.is_not_nil(raised)
  end)

  it("says what is wrong with a counter", function()
    local function failure(act)
      local _, e = pcall(function()
        oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
          workload = oracle.workload.batch { count = 2, prompt = 10, output = 10 },
          batching = policy.batching { name = "wrong", step = function(b) act(b) end } }:run()
      end)
      return tostring(e)
    end
    assert.matches("a number >= 0 expected", failure(function(b) b:charge(1, -1) end))
    assert.matches("a number >= 0 expected", failure(function(b) b:charge(1, 0 / 0) end))
    assert.matches("a number >= 0 expected", failure(function(b) b:credit(math.huge) end))
    assert.matches("no request of this client came", failure(function(b)
      for i = 1000, 1000 + (1 << 20) do b:charge(i, 1) end
    end))
    assert.matches("the number of a client expected", failure(function(b) b:charge(-1, 1) end))
    assert.matches("the number of a client expected", failure(function(b) b:charge(1 << 32, 1) end))
    assert.matches("a number of tokens expected", failure(function(b) b:alarm(1, -1) end))
  end)

  -- Whose turn it is changes with every token, also while nobody comes or goes.
  it("is the same step by step", function()
    local planning = require "oracle.plan"
    for seed = 1, 3 do
      local s = oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", batching = "vtc", seed = seed,
        engine = { max_model_len = 4096, num_gpu_blocks_override = 900 },
        workload = oracle.workload.poisson { rate = 20, count = 150,
          prompt = oracle.dist.lognormal { median = 500, p99 = 2500, max = 3000 },
          output = oracle.dist.lognormal { median = 200, p99 = 900, max = 1000 } } }
      local function ended(runs)
        local raw = planning.simulate(planning.plan(s), { runs = runs })
        assert.is_true(raw.replicas[1].preemptions > 0)
        return { raw.now, raw.steps, raw.replicas[1].preemptions, raw.latency.ttft:mean() }
      end
      assert.same(ended(false), ended(true))
    end
  end)
end)

describe("a request that did not fit", function()
  -- As decodes take cached blocks, its first chunk becomes shorter and fits, though nobody came or went.
  it("is asked for again once what is cached for it has shrunk", function()
    local planning = require "oracle.plan"
    for _, batching in ipairs { "sjf", "edf", "adaptive", "vtc" } do
      local s = oracle.scenario { model = "llama-3.1-8b", hardware = "a100-sxm-80gb", batching = batching, seed = 5,
        engine = { num_gpu_blocks_override = 1500, max_model_len = 8000, enable_prefix_caching = true }, replicas = 3,
        kv_tiers = { { name = "dram", capacity = "4 GiB", bandwidth = "20 GB/s", latency = "10 us" } },
        router = "least_loaded",
        workload = oracle.workload.poisson { rate = 25, count = 350, prompt_pool = 40,
          prompt = oracle.dist.lognormal { median = 700, p99 = 5000, max = 6000 },
          output = oracle.dist.lognormal { median = 200, p99 = 900, max = 1500 } } }
      local function ended(runs)
        local raw = planning.simulate(planning.plan(s), { runs = runs })
        return { raw.now, raw.steps, raw.latency.e2e:mean() }
      end
      assert.same(ended(false), ended(true), batching)
    end
  end)

  -- Static closes its batch where the first in line would fit the budget: one token more is what that may take.
  it("is looked at again once an answer's last token leaves its part of the budget, before it is there", function()
    local function latencies(runs)
      return oracle.scenario { model = "tiny-1b", hardware = "h100-sxm", replicas = 3, batching = "static", seed = 4,
        router = "prefix_aware",
        engine = { block_size = 7, num_gpu_blocks_override = 78, max_model_len = 256, max_num_seqs = 9,
                   max_num_batched_tokens = 64 },
        workload = oracle.workload.closed_loop { concurrency = 37, count = 140, timeout = "849 ms",
          prompt = oracle.dist.uniform { low = 1, high = 128 }, output = oracle.dist.uniform { low = 1, high = 60 } },
      }:run({ runs = runs }).latency
    end
    assert.same(latencies(false), latencies(true))
  end)
end)
