--- What oracle.core refuses from Lua, in one line that names the field. The layers above look at most of it before.
local core = require "oracle.core"
local catalog = require "oracle.models.catalog"

local function refused(what, f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok, what)
  assert.is_truthy(tostring(why):find(what, 1, true), tostring(why) .. "\nexpected: " .. what)
  assert.is_nil(tostring(why):find "\n")
end

describe("oracle.core.cost refuses", function()
  local function check(changes)
    local d = { model = catalog.model "llama-3.1-8b", layout = {} }
    for key, value in pairs(changes) do d[key] = value end
    return core.cost.check(d)
  end

  -- core.cost.check gives what is wrong instead of raising it.
  local function wrong(what, changes)
    local ok, good, why = pcall(check, changes)
    local said = tostring(ok and why or good)
    assert.is_falsy(ok and good, what)
    assert.is_truthy(said:find(what, 1, true), said .. "\nexpected: " .. what)
  end

  it("layouts", function()
    for what, layout in pairs {
      ["layout.kv: a format's name expected, got a number"] = { kv = 8 },
      ["layout.layers: at most"] = { layers = "balanced", pipeline_parallel_size = 33 },
      ["layout.head_layers: a number >= 0 expected"] = { layers = "balanced", head_layers = -1 },
      ["layout.layers[2]: a count of at least 1 expected"] = { layers = { 16, 0, 16 }, pipeline_parallel_size = 3 },
      ["layout.layers[1]: a count of at least 1 expected"] = { layers = { 65536 } },
      ['layout.layers: "balanced" or a list of counts expected'] = { layers = 3 },
      ["layout.weight_bits.up: bits from 0 to 64 expected"] = { weight_bits = { up = 65 } },
      ["layout.weight_bits.lm_head: bits from 0 to 64 expected"] = { weight_bits = { lm_head = -1 } },
      ["layout.weight_bits: a table expected"] = { weight_bits = 8 },
      ["layout.all_reduce: "] = { all_reduce = "telepathy" },
      ["layout.measured: lists of regimes by collective expected"] = { measured = 3 },
      ["layout.measured.all_reduce: a list of regimes expected"] = { measured = { all_reduce = 3 } },
      ["layout.measured.combine[1]: { below =, base =, per_byte = } expected"] = { measured = { combine = { 3 } } },
      ["layout.measured: copies from 0, and both dispatch and combine, expected"] =
        { measured = { dispatch = { { base = 1e-6, per_byte = 1e-12 } } } },
    } do wrong(what, { layout = layout }) end
    wrong("copies from 0", { layout = { measured = { copies = -1 } } })
    local many = {}
    for i = 1, 40 do many[i] = { base = i * 1e-6, per_byte = 1e-12 } end
    wrong("layout.measured.all_gather: at most", { layout = { measured = { all_gather = many } } })
    local stages = {}
    for i = 1, 300 do stages[i] = 1 end
    wrong("layout.layers: at most", { layout = { layers = stages } })
  end)

  it("calibrations and shapes", function()
    local function step(cost, shape)
      return core.cost.step { model = catalog.model "llama-3.1-8b", hardware = catalog.hardware "h100-sxm", layout = {},
                              cost = cost, shape = shape }
    end
    refused("calibration: a table expected, got number", step, { kind = "calibrated", calibration = 3 }, {})
    refused("shape: a table expected", step, {}, 3)
    refused("shape.prefill_pairs: -1.0, expected a number of at least 0", step, {}, { prefill_pairs = -1 })
    refused("shape.decode_seqs", step, {}, { decode_seqs = 2 ^ 54 })
    refused("shape.chunks: a table expected", step, {}, { chunks = { 3 } })
  end)
end)

describe("oracle.core.net refuses", function()
  it("topologies", function()
    for what, network in pairs {
      ["network.kind: a string expected, got a number"] = { kind = 3 },
      ["network.hosts: out of range"] = { kind = "hgx_ib", hosts = 4294967297 },
      ["network.bandwidth: 0.0; a number above 0 expected"] = { kind = "nvlink_mesh", bandwidth = 0 },
      ["network.nodes: an array expected"] = { nodes = 3 },
      ["network.nodes[1]: a table expected"] = { nodes = { 3 } },
      ["network.nodes[1].kind: 'router'; device, host, nic, switch or nvswitch expected"] =
        { nodes = { { name = "a", kind = "router" } } },
      ["network.nodes[2]: "] = { nodes = { { name = "a" }, { name = "a" } } },
      ["network.nodes[1].name: missing, a string expected"] = { nodes = { {} } },
      ["network.links[1].from: unknown node 'b'; the topology has 1 nodes"] =
        { nodes = { { name = "a" } }, links = { { from = "b", to = "a", bandwidth = 1, latency = 0 } } },
      ["network.links[1]: "] =
        { nodes = { { name = "a" } }, links = { { from = "a", to = "a", bandwidth = 1, latency = 0 } } },
      ["network: overhead, gap: >= 0 expected"] = { overhead = -1 },
    } do refused(what, core.net.topology, network) end
  end)

  it("collectives", function()
    local function with(changes)
      local args = { collective = "all_reduce", algorithm = "ring", ranks = 4, bytes = 4096, latency = 1e-6,
                     bandwidth = 1e9 }
      for key, value in pairs(changes) do args[key] = value end
      return args
    end
    assert.is_true(core.net.collective(with {}).seconds > 0)
    refused("collective.ranks: out of range", core.net.collective, with { ranks = 4294967300 }) -- 2^32 + 4
    refused("0 ranks; 1 to 32768 expected", core.net.collective, with { ranks = 0 })
    refused("collective.bytes: 0 or more expected", core.net.collective, with { bytes = -1 })
    refused("is not done by 'bruck' over 4 ranks", core.net.collective, with { algorithm = "bruck" })
    refused("telepathy", core.net.collective, with { algorithm = "telepathy" })
    local function loggp(changes)
      local args = with(changes)
      args.overhead, args.gap, args.gap_per_byte = args.overhead or 1e-6, args.gap or 1e-6, args.gap_per_byte or 1e-9
      return core.net.loggp(args)
    end
    assert.is_true(loggp {} > 0)
    refused("loggp: latency, overhead, gap and bytes: 0 or more expected", loggp, { overhead = -1 })
    refused("loggp: latency, overhead, gap and bytes: 0 or more expected", loggp, { bytes = 2e18 })
    refused("loggp.ranks: out of range", loggp, { ranks = -4294967292 })
    refused("is not done by 'bruck' over 4 ranks", loggp, { algorithm = "bruck" })
    refused("all_reduced", loggp, { collective = "all_reduced" })
    refused("telepathy", loggp, { algorithm = "telepathy" })
    local t = core.net.topology { kind = "nvlink_mesh", gpus = 4 }
    local all = { "gpu0", "gpu1", "gpu2", "gpu3" }
    assert.is_true(core.net.carry_out(t, all, with {}) > 0)
    refused("carry_out: 3 devices for 4 ranks", core.net.carry_out, t, { "gpu0", "gpu1", "gpu2" }, with {})
    refused("unknown node 'gpu9'", core.net.carry_out, t, { "gpu0", "gpu1", "gpu2", "gpu9" }, with {})
    refused("unknown node 'hub'", core.net.carry_out, t, all, with {}, "hub")
    refused("carry_out: the switch's name is missing", core.net.carry_out, t, all,
      with { algorithm = "in_switch", in_switch = true })
    refused("[2]: a number expected", core.net.share, { 1, "2" }, { { 1 } })
    refused("adds_up: a device expected", t.adds_up, t, "ring", {})
    assert.is_nil((t:adds_up("telepathy", all)))
  end)
end)
