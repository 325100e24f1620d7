--- The schema of a scenario: what it refuses, and how it says so.
local schema = require "oracle.scenario.schema"

local function base()
  return {
    model = "m", hardware = "h",
    workload = { kind = "poisson", rate = "4 req/s", count = 10, prompt = 100, output = 10 },
  }
end

local function first_error(change)
  local raw = base()
  change(raw)
  local ok, errors = schema.resolve(raw)
  assert.is_nil(ok)
  return errors[1]
end

describe("schema.resolve", function()
  it("fills defaults and turns quantities into SI", function()
    local r = assert(schema.resolve(base()))
    assert.equal(4, r.workload.rate)
    assert.is_nil(r.engine.gpu_memory_utilization)        -- depends on the version
    assert.is_nil(r.engine.block_size)                    -- depends on the layers
    assert.is_true(r.engine.enable_chunked_prefill)
    assert.is_nil(r.engine.max_num_seqs)                  -- depends on the GPU
    assert.equal("auto", r.cost.kind)
    assert.equal(0.5, r.cost.prefill_mfu)
    assert.same({ 50, 90, 95, 99 }, r.percentiles)
    assert.equal(1, r.replicas)
  end)

  it("accepts the documented shapes", function()
    local raw = base()
    raw.engine = { dtype = "BFloat16", max_num_batched_tokens = "8 ktok", gpu_memory_utilization = "90 %" }
    raw.cost = "constant"
    raw.slo = { ttft = "2 s", tpot = "50 ms" }
    raw.workload.stages, raw.workload.rate = { { rate = "2 req/s", duration = "1 min" } }, nil
    local r = assert(schema.resolve(raw))
    assert.equal("bfloat16", r.engine.dtype)
    assert.equal(8000, r.engine.max_num_batched_tokens)
    assert.equal("constant", r.cost.kind)
    assert.equal(0.05, r.slo.tpot)
    assert.same({ { rate = 2, duration = 60 } }, r.workload.stages)
  end)

  it("takes the names of kinds however they are written", function()
    local raw = base()
    raw.workload.kind = "POISSON"
    raw.workload.prompt = { kind = "Log-Normal", median = 100, p99 = 900 }
    local r = assert(schema.resolve(raw))
    assert.equal("poisson", r.workload.kind)
    assert.equal("lognormal", r.workload.prompt.kind)
    assert.is_true(schema.set(raw, "workload.rate", 3))
    local _, why = schema.set(raw, "workload.rat", 3)
    assert.equal("workload.rat: unknown key; did you mean rate?", why)
  end)

  it("names the nearest key", function()
    assert.equal("engine.max_num_seq: unknown key; did you mean max_num_seqs?",
      first_error(function(s) s.engine = { max_num_seq = 8 } end))
    assert.equal("replica: unknown key; did you mean replicas?", first_error(function(s) s.replica = 2 end))
    assert.matches("^workload.rat: unknown key; did you mean rate%?", first_error(function(s) s.workload.rat = 2 end))
    assert.matches("^workload.kind: .poison.: unknown; did you mean poisson",
      first_error(function(s) s.workload.kind = "poison" end))
    assert.matches('^engine.quantization: "fp88": unknown; did you mean "fp8"', first_error(function(s)
      s.engine = { quantization = "fp88" }
    end))
  end)

  it("refuses wrong types, units and ranges", function()
    local cases = {
      { function(s) s.replicas = -1 end, "^replicas: %-1: a whole number from 1 to 65,535 expected" },
      { function(s) s.replicas = 1.5 end, "^replicas: 1.5: a whole number" },
      { function(s) s.replicas = "two" end, '^replicas: "two": a whole number' },
      { function(s) s.replicas = {} end, "^replicas: a table: a whole number" },
      { function(s) s.replicas = 0 / 0 end, "^replicas: %-?nan: a whole number" },
      { function(s) s.duration = math.huge end, "^duration: inf: a number above 0" },
      { function(s) s.engine = { gpu_memory_utilization = 1.5 } end, "above 0 and up to 1 expected" },
      { function(s) s.engine = { gpu_memory_utilization = 0 } end, "above 0 and up to 1 expected" },
      { function(s) s.engine = 5 end, "^engine: 5: a table expected" },
      { function(s) s.engine = { enable_prefix_caching = "yes" } end, "true or false expected" },
      { function(s) s.workload.rate = "80 GBps" end, '^workload.rate: "80 GBps": unknown unit' },
      { function(s) s.workload.rate = "5 ms" end, "^workload.rate: .5 ms. is a time; a request rate expected" },
      { function(s) s.workload.rate = 0 end, "^workload.rate: 0: a number above 0" },
      { function(s) s.workload.rate = 1e12 end, "^workload.rate: 1000000000000: a number above 0" },
      { function(s) s.workload.prompt = "many" end, "^workload.prompt: a number or a distribution" },
      { function(s) s.workload.prompt = -5 end, "^workload.prompt: constant: value %-5: >= 1 expected" },
      { function(s) s.workload.output = 0 end, "^workload.output: constant: value 0: >= 1 expected" },
      { function(s) s.workload.prompt = 1e300 end, "value 1e%+300: at most 2147483647 expected" },
      { function(s) s.workload.prompt = { kind = "uniform", low = -1, high = 5 } end, "low %-1: >= 0 expected" },
      { function(s) s.workload.prompt = { kind = "uniform", low = 0, high = 0 } end, "high 0: >= 1 expected" },
      { function(s) s.workload.prompt = { kind = "normal", mean = -100, std = 1 } end, "mean %-100: >= 1 expected" },
      { function(s) s.workload.prompt = { kind = "empirical", values = { 3, -4 } } end, "values %-4: >= 0 expected" },
      { function(s) s.workload.prompt = { kind = "mixture", { 1, -9 } } end,
        "mixture%[1%]: constant: value %-9" },
      { function(s) s.workload.prompt = { kind = "gamma", mean = 9, cv = 1, max = 0 } end, "max 0: >= 1 expected" },
      { function(s) s.workload.cancel = { probability = 1, after = -1 } end, "^workload.cancel.after: .*>= 0" },
      { function(s) s.workload.prompt = nil end, "^workload.prompt: missing" },
      { function(s) s.workload = nil end, "^workload: missing" },
      { function(s) s.workload = 3 end, "^workload: 3" },
      { function(s) s.workload.kind = nil end, "^workload.kind: missing" },
      { function(s) s.model = nil end, "^model: missing" },
      { function(s) s.model = 3 end, "^model: 3: a name or a path" },
      { function(s) s.percentiles = {} end, "at least one entry" },
      { function(s) s.percentiles = { 50, 101 } end, "^percentiles%[2%]: 101" },
      { function(s) s.percentiles = { a = 1 } end, "found the key a" },
      { function(s) s.vary = { { "seed" } } end, "^vary%[1%]: { key, { value, ... } } expected" },
      { function(s) s.slo = { ttft = "fast" } end, "^slo.ttft" },
      { function(s) s.lod = "low" end, "one of auto, medium, high" },
      { function(s) s.seed = -1 end, "^seed" }, { function(s) s.router = 7 end, "^router: 7: the name of a policy" },
    }
    for _, c in ipairs(cases) do assert.matches(c[2], first_error(c[1])) end
  end)

  it("reports every error, in the order of the keys", function()
    local raw = base()
    raw.replicas, raw.seed, raw.engine = -1, -1, { block_size = 0 }
    local _, errors = schema.resolve(raw)
    assert.equal(3, #errors)
    assert.matches("^engine", errors[1])
    assert.matches("^seed", errors[3])
  end)
end)

describe("schema.set", function()
  it("makes the tables on the way", function()
    local raw = base()
    assert(schema.set(raw, "engine.max_num_seqs", 64))
    assert(schema.set(raw, "slo.ttft", "2 s"))
    assert(schema.set(raw, "workload.prompt.median", 5))
    assert.equal(64, raw.engine.max_num_seqs)
    assert.equal("2 s", raw.slo.ttft)
    raw.cost = "constant"
    assert(schema.set(raw, "cost.constant_step", "1 ms"))
    assert.same({ kind = "constant", constant_step = "1 ms" }, raw.cost)
    assert(schema.set(raw, "engine.max_num_seqs", nil))
    assert.is_nil(raw.engine.max_num_seqs)
  end)

  it("refuses what the schema refuses", function()
    for _, c in ipairs { { "engine.max_num_seq", 1, "did you mean max_num_seqs" }, { "seed.x", 1, "holds no key x" },
                         { "", 1, "expected" }, { "seed", "x", "whole number" }, { "enigne.block_size", 1, "engine" },
                         { "workload.concurrency", 4, "unknown key" } } do
      local ok, why = schema.set(base(), c[1], c[2])
      assert.is_nil(ok)
      assert.matches(c[3], why)
    end
  end)
end)

describe("the schema itself", function()
  it("documents every key", function()
    for _, key in ipairs(schema.describe()) do
      assert.is_true(#key[3] > 0, key[1] .. " has no doc")
    end
  end)

  it("has defaults that it accepts", function()
    local function walk(node, path)
      for _, key in ipairs(node.order) do
        local f = node.fields[key]
        if f.default ~= nil then
          local raw = base()
          assert.is_true(schema.set(raw, path .. key, f.default), path .. key)
        end
        if f.type == "section" then walk(f, path .. key .. ".") end
      end
    end
    walk(schema.root, "")
  end)
end)
