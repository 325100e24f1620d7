--- network.model = "loggp": what a deployment's collectives cost then, against hand calculations.
local oracle = require "oracle"
local topology = require "oracle.plan.topology"

local L, O, G, PER_BYTE = 2e-6, 1.5e-6, 5e-6, 1 / 200e9   -- s, s, s, s/B

local function network(changes)
  local n = { topology = "nvswitch", gpus = 4, latency = L, bandwidth = 1 / PER_BYTE }
  for k, v in pairs(changes or {}) do n[k] = v end
  return n
end

local LOGGP = { model = "loggp", overhead = O, gap = G }

local function near(expected, got)
  assert.is_true(math.abs(got - expected) <= 2e-6 * math.abs(expected), ("%.12g is not %.12g"):format(got, expected))
end

-- Mean ms from a prompt of one token to the end of its answer's second token: one decode step of one sequence.
local function decode_ms(changes, engine)
  local e = { tensor_parallel_size = 4, enable_prefix_caching = false }
  for k, v in pairs(engine or {}) do e[k] = v end
  local r = oracle.run(oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm", engine = e, network = network(changes), lod = changes.lod,
    cost = "roofline",
    workload = oracle.workload.batch { count = 1, prompt = 64, output = 2 },
  }, { quiet = true })
  return r.latency.time_per_output_token_ms.mean
end

-- Two all-reduces a layer, 32 layers, of 4096 values of 2 B.
local COUNT, BYTES = 64, 8192

local function added(algorithm)
  return 1e-3 * (decode_ms(LOGGP, { all_reduce = algorithm }) - decode_ms({ }, { all_reduce = algorithm })) / COUNT
end

describe("LogGP", function()
  it("adds the ends' part to each round of a ring, and takes the first byte free", function()
    near(6 * (2 * O - PER_BYTE), added "ring")            -- 2 (p - 1) rounds of one message
  end)

  it("lets a rank's messages of one round begin g apart", function()
    -- two rounds of three messages: o + L + o, two gaps, 3 (S/p - 1) G, where alpha-beta has S/p of three links' bytes
    local alpha_beta = 2 * (L + 3 * BYTES / 4 * PER_BYTE)
    local loggp = 2 * (L + 2 * O + 3 * (BYTES / 4 - 1) * PER_BYTE + 2 * G)
    near(loggp - alpha_beta, added "direct")
  end)

  it("prices sends between stages", function()
    local engine = { tensor_parallel_size = 1, pipeline_parallel_size = 4 }
    local more = 1e-3 * (decode_ms(LOGGP, engine) - decode_ms({}, engine))
    assert.is_true(math.abs(more - 3 * (2 * O - PER_BYTE)) < 8e-9)   -- each end on whole ns
  end)

  it("has parameters for each link", function()
    local function links(own)
      local t = { model = "loggp", overhead = O, gap = G, nodes = { "gpu0", "gpu1" }, links = {
        { from = "gpu0", to = "gpu1", latency = L, gap_per_byte = PER_BYTE } } }
      for k, v in pairs(own or {}) do t.links[1][k] = v end
      return t
    end
    local function ms(net)
      return oracle.run(oracle.scenario {
        model = "llama-3.1-8b", hardware = "h100-sxm", engine = { tensor_parallel_size = 2 }, network = net,
        cost = "roofline",
        workload = oracle.workload.batch { count = 1, prompt = 64, output = 2 },
      }, { quiet = true }).latency.time_per_output_token_ms.mean
    end
    near(COUNT * 2 * 2 * 4e-6, 1e-3 * (ms(links { overhead = O + 4e-6 }) - ms(links())))
  end)

  it("prices a step as the formula says", function()
    local calc = oracle.calc
    local d = { model = "llama-3.1-8b", hardware = "h100-sxm", engine = { tensor_parallel_size = 4 },
                cost = "roofline" }
    local without = calc.decode(d, 65)
    local ring = calc.all_reduce { algorithm = "ring", ranks = 4, bytes = BYTES, latency = L, overhead = O, gap = G,
                                   gap_per_byte = PER_BYTE }
    near(6 * (L + 2 * O + (BYTES / 4 - 1) * PER_BYTE), ring)
    near(without.total - without.collective + COUNT * ring, 1e-3 * decode_ms(LOGGP))
  end)

  it("is for formulas alone, and its parameters for it alone", function()
    assert.has_error(function() decode_ms { model = "loggp", overhead = O, gap = G, lod = "high" } end)
    local function refused(n, pattern)
      local ok, why = pcall(topology.new, n)
      assert.is_false(ok)
      assert.matches(pattern, why)
    end
    refused(network { overhead = O }, 'network.overhead: goes with model = "loggp"')
    refused(network { model = "logp" }, "network.model: 'logp'; alpha_beta or loggp expected")
    refused(network { model = "loggp", gap_per_byte = 1e-11 }, "bandwidth and gap_per_byte say the same")
    refused(network { model = "loggp", overhead = "-1 us" }, "network.overhead")
    refused({ model = "loggp" }, "topology or links expected")
  end)
end)
