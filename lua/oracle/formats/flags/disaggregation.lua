--- Prefill and decode on clusters of their own, as the flags of oracle.formats.flags say it: pools, and a network of
-- two switches with one link between them.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local scenario = lazy "oracle.scenario"

local disaggregation = {}

--- Defaults of the flags.
disaggregation.DEFAULTS = { prefill_xpu = "a100-80gb", prefill_n_xpus = 4, prefill_tp = 4, decode_xpu = "mi300x",
                            decode_n_xpus = 8, decode_tp = 8, transfer_bandwidth = 100, transfer_latency = 1 }

-- The link between accelerators of one kind.
local function peer(p, key, xpu)
  local ok, h = pcall(catalog.hardware, xpu)
  if not ok then return p:add(key, "%s", scenario.first_line(h)) end
  local l = h.nvlink.bandwidth > 0 and h.nvlink or h.pcie
  if l.bandwidth <= 0 then return p:add(key, "%s has no link to others of its kind", xpu) end
  return l
end

-- One cluster: links between each two of it, and one from each to the switch where the transfers begin or end.
local function cluster(network, placement, name, n, link)
  local switch = name .. "_switch"
  network.nodes[#network.nodes + 1] = { name = switch, kind = "switch" }
  for i = 0, n - 1 do
    local device = ("%s%d"):format(name, i)
    network.nodes[#network.nodes + 1] = { name = device, kind = "device" }
    for j = 0, i - 1 do
      network.links[#network.links + 1] = { from = ("%s%d"):format(name, j), to = device, bandwidth = link.bandwidth,
                                            latency = link.latency }
    end
    network.links[#network.links + 1] = { from = device, to = switch, bandwidth = link.bandwidth, latency = 0 }
    placement[#placement + 1] = device
  end
  return switch
end

--- What the clusters add to a scenario.
-- @param p where what is wrong is noted
-- @param v the values of the flags
-- @return { pools =, network =, placement =, hardware = }; nil after an error
function disaggregation.parts(p, v)
  local o = {}
  for key, default in pairs(disaggregation.DEFAULTS) do
    o[key] = v[key] == nil and default or v[key]
  end
  local network, placement, switches = { nodes = {}, links = {} }, {}, {}
  local pools = { transfer = "end" }
  for i, name in ipairs { "prefill", "decode" } do
    local xpu, n, tp = o[name .. "_xpu"], o[name .. "_n_xpus"], o[name .. "_tp"]
    if n % tp ~= 0 then
      return p:add(name .. "_n_xpus", "%d accelerators are no whole number of groups of %s_tp = %d", n, name, tp)
    end
    local link = peer(p, name .. "_xpu", xpu)
    if not link then return nil end
    pools[name] = { replicas = n // tp, hardware = xpu, engine = { tensor_parallel_size = tp } }
    switches[i] = cluster(network, placement, name, n, link)
  end
  network.links[#network.links + 1] = { id = "transfer", from = switches[1], to = switches[2],
                                        bandwidth = o.transfer_bandwidth * 1e9, latency = o.transfer_latency * 1e-3 }
  return { pools = pools, network = network, placement = placement, hardware = o.decode_xpu }
end

return disaggregation
