local core = require "oracle.core"
local topology = require "oracle.plan.topology"

local function fails(network, ...)
  local ok, why = pcall(topology.new, network)
  assert.is_false(ok)
  for _, part in ipairs { ... } do assert.truthy(tostring(why):find(part, 1, true), tostring(why)) end
end

local function near(want, got, rel)
  assert.is_true(math.abs(got - want) <= (rel or 1e-9) * math.abs(want), ("%.12g, %.12g expected"):format(got, want))
end

describe("topology by name", function()
  it("builds every kind", function()
    for _, name in ipairs(topology.names()) do
      local t = topology.new(name)
      assert.is_true(t:check())
      assert.is_true(#t:links() > 0)
    end
  end)

  it("takes figures with units", function()
    local t = topology.new { topology = "NVLink-Mesh", gpus = 4, bandwidth = "600 Gbit/s", latency = "1 us" }
    local r = t:route("gpu0", "gpu3")
    assert.equal(1, r.hops)
    near(75e9, r.bandwidth)                               -- 600 Gbit/s / 8
    near(1e-6, r.latency)
    assert.same({ "gpu0->gpu3" }, r.links)
  end)

  it("takes a latency of zero as it is", function()
    assert.is_true(topology.new({ topology = "nvswitch", latency = 0 }):route("gpu0", "gpu1").latency < 1e-15)
  end)

  it("joins the servers of a DGX over rails", function()
    local t = topology.new { topology = "dgx_h100", hosts = 2 }
    local r = t:route("gpu1", "gpu9")
    assert.equal(6, r.hops)
    near(50e9, r.bandwidth)                               -- 400 Gbit/s
    local kinds = {}
    for _, n in ipairs(t:nodes()) do kinds[n.kind] = (kinds[n.kind] or 0) + 1 end
    assert.equal(16, kinds.device)
    assert.equal(16, kinds.nic)
    assert.equal(2, kinds.host)
  end)

  it("takes links beside a name", function()
    local t = topology.new { topology = "nvswitch", nodes = { { name = "client", kind = "host" } },
      links = { { from = "client", to = "host0", bandwidth = "100 Gbit/s", latency = "0.5 ms" } } }
    near(12.5e9, t:route("client", "gpu3").bandwidth)
    assert.truthy(t:route("gpu3", "client"))
  end)

  it("says what is wrong", function()
    fails("nvlink-mash", "network.topology", "'nvlink-mash'", "did you mean 'nvlink_mesh'?", "fat_tree")
    fails({ topology = "pcie", gpu = 4 }, "network.gpu: unknown key", "'gpus'")
    fails({ topology = "pcie", gpus = 0 }, "network.gpus", "from 1")
    fails({ topology = "pcie", gpus = 4.5 }, "network.gpus")
    fails({ topology = "nvswitch", bandwidth = 0 }, "network.bandwidth", "more than 0")
    fails({ topology = "nvswitch", bandwidth = "80 GBps" }, "network.bandwidth", "GBps")
    fails({ topology = "nvswitch", bandwidth = "-1 GB/s" }, "network.bandwidth", "more than 0")
    fails({ topology = "nvswitch", latency = -1 }, "network.latency", "0 or more")
    fails({ topology = "nvswitch", latency = "1e12 s" }, "network.latency", "at most 100 s")
    fails({ topology = "nvswitch", bandwidth = 1e-300 }, "network.bandwidth", "1 kB/s or more")
    fails({ topology = "nvswitch", bandwidth = 1e300 }, "network: topology 'nvswitch'", "up to 1e18")
    fails({ topology = "fat_tree", k = 5 }, "even")
    fails({ gpus = 4 }, "topology or links expected")
    fails(17, "a topology's name or a table expected")
  end)
end)

describe("topology link by link", function()
  -- a chain, written as YAML configurations write it
  local function link(a, b, extra)
    local l = { link_id = a .. "-" .. b, source_id = a, dest_id = b, bandwidth_bps = 80e9, latency_s = 2e-6 }
    for k, v in pairs(extra or {}) do l[k] = v end
    return l
  end

  it("reads bits per second and makes both directions", function()
    local t = topology.new { links = { link("gpu0", "gpu1"), link("gpu1", "gpu2") } }
    local r = t:route("gpu2", "gpu0")
    near(10e9, r.bandwidth)
    near(4e-6, r.latency)
    assert.same({ "gpu1-gpu2_reverse", "gpu0-gpu1_reverse" }, r.links)
    local same = topology.new { network_links = { link("gpu0", "gpu1"), link("gpu1", "gpu2") } }
    assert.same(t:links(), same:links())
  end)

  it("keeps an explicit reverse, before or after", function()
    local back = link("gpu1", "gpu0", { bandwidth_bps = 8e9 })
    for _, links in ipairs { { link("gpu0", "gpu1"), back }, { back, link("gpu0", "gpu1") } } do
      local t = topology.new { links = links }
      assert.equal(2, #t:links())
      near(1e9, t:route("gpu1", "gpu0").bandwidth)
      near(10e9, t:route("gpu0", "gpu1").bandwidth)
    end
  end)

  it("takes for switches what stands between GPUs without a list of nodes", function()
    local function kinds(links)
      local out = {}
      for _, n in ipairs(topology.new { links = links }:nodes()) do out[n.name] = n.kind end
      return out
    end
    assert.same({ gpu0 = "device", sw = "switch", GPU1 = "device" }, kinds { link("gpu0", "sw"), link("sw", "GPU1") })
    assert.same({ a = "device", b = "device", switch1 = "switch" },
      kinds { link("a", "switch1"), link("switch1", "b") })
  end)

  it("counts clients as no devices", function()
    local t = topology.new { links = { link("gpu0", "gpu1"),
      link("client_node_0", "gpu0", { bidirectional = false }) } }
    assert.truthy(t:route("client_node_0", "gpu1"))
    local r, why = t:route("gpu1", "client_node_0")
    assert.is_nil(r)
    assert.truthy(why:find("no route from 'gpu1' to 'client_node_0'", 1, true))
    assert.has_error(function() t:route("gpu1", "gpu7") end)
  end)

  it("says what is wrong", function()
    local two = { "gpu0", "gpu1" }
    fails({ nodes = two, links = { link("gpu0", "gpu11") } }, "network.links[1].to", "'gpu11'", "did you mean 'gpu1'?")
    fails({ links = { link("gpu0", "gpu1", { bandwidth_bps = 0 }) } }, "network.links[1].bandwidth_bps", "more than 0")
    fails({ links = { link("gpu0", "gpu1", { bandwidth_bps = 8 }) } }, "8 bits/s", "1 kB/s or more")
    fails({ links = { link("gpu0", "gpu1", { bandwidth = 1e9 }) } }, "bits/s", "both given")
    fails({ links = { link("gpu0", "gpu1", { latency = 1 }) } }, "'latency' is given twice")
    fails({ links = { link("gpu0", "gpu1", { latency_s = -1e-6 }) } }, "latency_s", "0 or more")
    fails({ links = { link("gpu0", "gpu1"), link("gpu0", "gpu1") } }, "named twice")
    fails({ links = { link("gpu0", "gpu1"), link("gpu0", "gpu1", { link_id = "x" }) } }, "already goes from")
    fails({ links = { link("gpu0", "gpu0") } }, "to itself")
    fails({ links = { { from = "a", to = "b", latency = 0 } } }, "network.links[1]: bandwidth is missing")
    fails({ links = { link("gpu0", "gpu1", { bandwith = 1 }) } }, "unknown key", "bandwidth")
    fails({ links = { { "gpu0", "gpu1" } } }, "network.links[1].1: unknown key; valid: bandwidth,", "from, gap,", "to")
    fails({ links = { link("a", "b") }, network_links = {} }, "'links' is given twice")
    fails({ links = { link("a", "b"), link("c", "d") } }, "disconnected", "'a'")
    fails({ links = { link("a", "b", { bidirectional = false }) } }, "no route from 'b' to 'a'")
    fails({ nodes = { "a", "a" }, links = { link("a", "b") } }, "network.nodes[2]", "named twice")
    fails({ nodes = { { name = "a", kind = "gpu" } }, links = {} }, "kind", "device, host, nic or switch")
    fails({ nodes = { { name = "a", host = -1 }, "b" }, links = { link("a", "b") } }, "nodes[1].host", "from 0")
    fails({ links = { { from = "a", to = "b", bandwidth = 1e300, latency = 0 } } }, "links[1].bandwidth", "up to 1e18")
    fails({ links = { "gpu0" } }, "network.links[1]")
    fails({ links = {} }, "no device")
    fails({ links = { link("a", "b") }, hosts = 2 }, "network.hosts", "by name")
  end)
end)

describe("core.net", function()
  -- 10 GB/s shared by two of 1 GB: both end at 0.2 s. A third, alone on its link, at 0.1 s.
  it("carries transfers", function()
    local t = topology.new { links = { { from = "a", to = "b", bandwidth = "10 GB/s", latency = 0 } } }
    local ends, shared = core.net.transfers(t, {
      { from = "a", to = "b", bytes = 1e9 }, { from = "a", to = "b", bytes = 1e9 },
      { from = "b", to = "a", bytes = 1e9 },
    })
    near(0.2, ends[1])
    near(0.2, ends[2])
    near(0.1, ends[3])
    assert.is_true(shared)
    assert.has_error(function() core.net.transfers(t, { { from = "a", to = "z", bytes = 1 } }) end)
    assert.has_error(function() core.net.transfers(t, { { from = "a", to = "b", bytes = -1 } }) end)
  end)

  -- Two groups of two GPUs on one PCIe switch, all sending to memory over its one uplink: a quarter each.
  it("shares a PCIe uplink", function()
    local t = topology.new { topology = "pcie", gpus = 4, bandwidth = "32 GB/s", latency = 0 }
    local list = {}
    for g = 0, 3 do list[#list + 1] = { from = "gpu" .. g, to = "host0", bytes = 8e9 } end
    for _, s in ipairs((core.net.transfers(t, list))) do near(1.0, s) end   -- 8 GB at 32 / 4 GB/s
  end)

  it("shares max-min fairly", function()
    assert.same({ 4, 6 }, core.net.share({ 10, 4 }, { { 1, 2 }, { 1 } }))
    assert.has_error(function() core.net.share({ 10 }, { { 2 } }) end)
    assert.has_error(function() core.net.share({ 10 }, { { 1, 1 } }) end)
    assert.has_error(function() core.net.share({ 0 }, { { 1 } }) end)
    assert.has_error(function() core.net.share({ 1 }, { {} }) end)
  end)

  it("knows the time of collectives, and carries them out", function()
    local t = topology.new { topology = "nvlink_mesh", gpus = 4, bandwidth = "75 GB/s", latency = "1 us" }
    local args = { collective = "AllReduce", algorithm = "ring", ranks = 4, latency = 1e-6, bandwidth = 75e9,
                   bytes = 8192 }
    local c = core.net.collective(args)
    near(6e-6 + 6 / 4 * 8192 / 75e9, c.seconds)           -- 2(p-1) (alpha + S/p beta)
    assert.equal(24, #core.net.schedule(args))
    near(c.seconds, core.net.carry_out(t, { "gpu0", "gpu1", "gpu2", "gpu3" }, args), 1e-6)
    args.algorithm, args.port = nil, 225e9
    assert.equal("direct", core.net.collective(args).algorithm)
    args.algorithm = "in_switch"
    assert.has_error(function() core.net.collective(args) end)
    args.algorithm, args.collective = "ring", "all_reduced"
    assert.has_error(function() core.net.collective(args) end)
  end)
end)

describe("the LogGP model", function()
  it("charges messages, their bytes but the first, and what lies between two of one rank", function()
    local args = { collective = "all_reduce", algorithm = "ring", ranks = 4, bytes = 4096, latency = 1e-6,
                   overhead = 0.5e-6, gap = 3e-6, gap_per_byte = 1e-9 }
    near(6 * 2e-6 + 6 * 1023e-9, core.net.loggp(args))        -- 6 rounds of 1024 B: o + L + o, then (k - 1)G
    args.algorithm = "direct"                                 -- 2 rounds of 3 messages, two gaps between them
    near(2 * (2e-6 + 3 * 1023e-9 + 2 * 3e-6), core.net.loggp(args))
    args.ranks = 1
    assert.equal(0, core.net.loggp(args))
    args.ranks, args.gap_per_byte = 4, 0
    assert.has_error(function() core.net.loggp(args) end)
  end)
end)
