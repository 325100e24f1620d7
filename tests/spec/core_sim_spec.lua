--- What the engine refuses of a simulation, in one line that names the field. Layers above look at most of it before.
local core = require "oracle.core"
local oracle = require "oracle"
local planning = require "oracle.plan"

local PLAN

-- What the engine takes of a small deployment, with `changes` in it: { ["workload.rate"] = value, ... }.
local function spec(changes)
  PLAN = PLAN or planning.plan(oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm",
    workload = oracle.workload.poisson { rate = 5, count = 10, prompt = 100, output = 10 },
  })
  local s = planning.spec(PLAN)
  for path, value in pairs(changes) do
    local at = s
    for key in path:gmatch "([^.]+)%." do
      local copy = {}
      for k, v in pairs(at[key] or {}) do copy[k] = v end
      at[key] = copy
      at = copy
    end
    at[path:match "[^.]+$"] = value
  end
  return s
end

local function refused(what, changes)
  local ok, why = pcall(core.sim.run, spec(changes))
  assert.is_false(ok, what)
  assert.is_truthy(tostring(why):find(what, 1, true), tostring(why) .. "\nexpected: " .. what)
end

local function list(n, value)
  local t = {}
  for i = 1, n do t[i] = value end
  return t
end

describe("a simulation that the engine refuses", function()
  it("would run without what is wrong", function()
    assert.equal(10, core.sim.run(spec {}).requests.successful)
  end)

  it("has requests that come or are worded like none", function()
    local part = { id = "a", tokens = 8 }
    for what, changes in pairs {
      ["workload: a table expected"] = { workload = 3 },
      ["workload.arrivals: missing"] = { ["workload.arrivals"] = 3 },
      ['workload.arrivals: "tides": no process of that name'] = { ["workload.arrivals"] = "tides" },
      ["workload.count: a number from 0 to"] = { ["workload.count"] = -1 },
      ["workload.stages: at least one stage expected"] = { ["workload.stages"] = {} },
      ["workload.rate: requests/s >= 0 expected"] = { ["workload.rate"] = -1 },
      ["workload.cv: 0.001 to 1000 expected"] = { ["workload.arrivals"] = "gamma", ["workload.cv"] = 0 },
      ["workload.concurrency: 1 to 8388608 expected"] =
        { ["workload.arrivals"] = "clients", ["workload.concurrency"] = 0 },
      ["workload.prefix: parts expected"] = { ["workload.prefix"] = { {} } },
      ["workload.prefix: tokens from 1 to"] = { ["workload.prefix"] = { { parts = { { id = "a", tokens = 0 } } } } },
      ["workload.prefix: an id expected"] = { ["workload.prefix"] = { { parts = { { tokens = 8 } } } } },
      ["workload.prefix: a weight >= 0 and variants >= 1 expected"] =
        { ["workload.prefix"] = { { weight = -1, parts = { part } } } },
      ["workload.adapters: some expected"] = { ["workload.adapters"] = {} },
      ["workload.adapters: adapters and shares above 0 expected"] =
        { ["workload.adapters"] = { { adapter = 1, share = 0 } } },
      ["workload.path: a file expected"] = { ["workload.arrivals"] = "recorded", ["workload.path"] = 3 },
      ["workload.rate_scale: > 0 expected"] = { ["workload.arrivals"] = "recorded", ["workload.rate_scale"] = 0 },
      ["workload.characters_per_token: > 0 expected"] =
        { ["workload.arrivals"] = "recorded", ["workload.characters_per_token"] = 0 },
      ["workload.columns.time: a name expected"] = { ["workload.arrivals"] = "recorded", ["workload.columns"] = {} },
      ["workload.columns.time_unit: > 0 expected"] = { ["workload.arrivals"] = "recorded",
        ["workload.columns"] = { time = "t", prompt = "p", output = "o", time_unit = 0 } },
    } do refused(what, changes) end
    refused("workload: at most", { workload = list(70000, { arrivals = "exponential" }) })
  end)

  it("has replicas, pools or scaling that cannot be", function()
    local scaling = { interval = 1, cold_start = 1, least = 1, most = 2 }
    local function scaled(changes)
      local s = {}
      for k, v in pairs(scaling) do s[k] = v end
      for k, v in pairs(changes) do s[k] = v end
      return { scaling = s }
    end
    refused("replicas: 1 to 65535 expected", { replicas = 65536 })
    refused("replicas: 1 to 65535 expected", { replicas = 4294967297 })
    refused("replicas: 1 to 65535 expected", { replicas = 0 })
    refused("group: 2 does not divide the 3 replicas", { replicas = 3, group = 2 })
    refused("autoscaling.interval: a time > 0 expected", scaled { interval = 0 })
    refused("autoscaling.max: min to 65535 replicas expected", scaled { most = 0 })
    refused("autoscaling.max: min to 65535 replicas expected", scaled { least = 3 })
    local s = scaled { most = 40000 }
    s.group, s.replicas = 2, 2
    refused("autoscaling.max: at most 65535 replicas expected", s)
    refused("stages: one per pipeline stage (1) expected", { stages = { {}, {} } })
    refused("draft: 0 to", { draft = { passes = -1 } })
    refused("draft: 0 to", { draft = { overhead = -1 } })
    local whole = spec {}
    local pools = list(2, whole)
    local function pool(role) return setmetatable({ role = role }, { __index = whole }) end
    refused("pools: a network is needed to hand requests over", { pools = { pool "prefill", pool "decode" } })
    whole.replicas = 40000
    refused("replicas: at most 65535 expected in all", { pools = pools })
    refused("failures.outages: replica: 0 to 0 expected",
      { failures = { outages = { { at = 1, lasts = 1, replica = 1 } } } })
  end)

  it("has knobs out of their ranges", function()
    local tier = { blocks = 8, latency = 0, block_seconds = 0 }
    for what, changes in pairs {
      ["engine.max_num_batched_tokens: at least max_num_seqs expected"] = { ["engine.max_num_seqs"] = 9000 },
      ["kv_tiers: at most"] = { ["engine.kv_tiers"] = list(20, tier) },
      ["kv_tiers[2]: a block at least and times >= 0 expected"] =
        { ["engine.kv_tiers"] = { tier, { blocks = 0, latency = 0, block_seconds = 0 } } },
      ["kv_groups: at most"] = { ["engine.kv_groups"] = list(300, { keep = "full" }) },
      ["kv_groups[2]: a block and a reach of a token at least expected"] =
        { ["engine.kv_groups"] = { { keep = "full" }, { keep = "sliding" } } },
      ["kv_groups[1].block_size: that of the engine expected"] =
        { ["engine.kv_groups"] = { { keep = "full", block_size = 32 } } },
      ["kv_groups: fewer than 2^32 blocks"] =
        { ["engine.kv_groups"] = { { keep = "full" } }, ["engine.num_gpu_blocks"] = 4294967295 },
      ["engine.rules: a share of 0 to 1 and an interval >= 0 expected"] = { ["engine.rules.watermark"] = 2 },
      ["engine.speculation: 1 to"] = { ["engine.speculation"] = { tokens = 0 } },
      ["engine.speculation.acceptance: a chance for each of the 2 drafts expected"] =
        { ["engine.speculation"] = { tokens = 2, acceptance = { 0.5 } } },
      ["engine.speculation.acceptance[2]: a number from 0 to 1 expected"] =
        { ["engine.speculation"] = { tokens = 2, acceptance = { 0.5, 1.5 } } },
      ["engine.lora.slots: 1 to 65535 expected"] =
        { ["engine.lora"] = { adapters = 4, slots = 65536, host = 65536 } },
      ["engine.lora.host: at least slots expected"] = { ["engine.lora"] = { adapters = 4, slots = 2, host = 1 } },
      ["engine.lora.load_seconds: seconds expected"] =
        { ["engine.lora"] = { adapters = 4, slots = 2, host = 2, load_seconds = -1 } },
    } do refused(what, changes) end
  end)

  it("is asked for what cannot be told", function()
    refused("latencies[2]: a percentile above 0, at most 100, expected", { latencies = { 50, 101 } })
    refused("attribution: numbers of requests expected, each above the one before", { attribution = { 3, 3 } })
    refused("spec.samples: an even number expected", { series_interval = 1, samples = 3 })
  end)
end)
