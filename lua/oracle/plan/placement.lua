--- Where the ranks of a deployment are in its network, and which replicas are simulated in detail.
-- A replica's GPUs are taken stage by stage, rank by rank, as vLLM numbers them.
local spelling = require "oracle.text.spelling"

local placement = {}

local function fail(...)
  error(string.format(...), 0)
end

local function device_names(network)
  local names = {}
  for _, node in ipairs(network:nodes()) do
    if node.kind == "device" then names[#names + 1] = node.name end
  end
  return names
end

-- What the scenario says, checked: each a device, none twice, as many as there are ranks.
local function given(list, names, needed)
  local known, seen = {}, {}
  for _, name in ipairs(names) do known[name] = true end
  for i, name in ipairs(list) do
    if not known[name] then
      local near = spelling.find(name, names)
      fail('placement[%d]: "%s": the network has no such GPU%s', i, name, near and "; did you mean " .. near .. "?"
        or (" (it has %d, %s to %s)"):format(#names, names[1] or "none", names[#names] or "none"))
    end
    if seen[name] then
      fail('placement[%d]: "%s" is placement[%d] already; a GPU serves one rank', i, name, seen[name])
    end
    seen[name] = i
  end
  if #list ~= needed then
    fail("placement: %d GPUs are named; the deployment has %d ranks", #list, needed)
  end
  return list
end

-- The first GPUs in order. Replicas of one size must fit the network without a rest, as on real servers.
local function in_order(names, sizes, needed)
  if needed > #names then
    fail("network: it has %d GPUs; the deployment needs %d (%s)", #names, needed, placement.sizes(sizes))
  end
  for _, s in ipairs(sizes) do
    if #sizes == 1 and #names % s.gpus ~= 0 then
      fail("network: replicas of %d GPUs (tensor_parallel_size %d x pipeline_parallel_size %d) do not divide its %d;"
        .. " name them with `placement`", s.gpus, s.tensor_parallel_size, s.pipeline_parallel_size, #names)
    end
  end
  return table.move(names, 1, needed, 1, {})
end

--- How many GPUs of which size, for messages.
-- @param sizes { { replicas =, tensor_parallel_size =, pipeline_parallel_size =, gpus = of one replica }, ... }
function placement.sizes(sizes)
  local parts = {}
  for i, s in ipairs(sizes) do
    parts[i] = ("%d x tensor_parallel_size %d x pipeline_parallel_size %d"):format(s.replicas, s.tensor_parallel_size,
      s.pipeline_parallel_size)
  end
  return table.concat(parts, " + ")
end

--- The device of every rank.
-- @param network a topology (oracle.topology.new)
-- @param list names as the scenario's `placement` gives them; nil: the first in order
-- @param sizes see placement.sizes
-- @return names, replica by replica, stage by stage, rank by rank; raises what is wrong
function placement.devices(network, list, sizes)
  local needed = 0
  for _, s in ipairs(sizes) do needed = needed + s.replicas * s.gpus end
  local names = device_names(network)
  if list then return given(list, names, needed) end
  return in_order(names, sizes, needed)
end

-- The GPUs of a replica's stage, from devices[first] on.
local function group(devices, first, size, stage)
  local tp = size.tensor_parallel_size
  return table.move(devices, first + stage * tp, first + (stage + 1) * tp - 1, 1, {})
end

-- Names of the links a replica's all-reduces and stages use.
local function links_of(network, devices, first, size)
  local used = {}
  local function way(a, b)
    local route = network:route(devices[a], devices[b])
    for _, link in ipairs(route.links) do used[link] = true end
  end
  local tp = size.tensor_parallel_size
  for stage = 0, tp > 1 and size.gpus // tp - 1 or -1 do
    for _, link in ipairs(assert(network:adds_up(size.all_reduce, group(devices, first, size, stage)))) do
      used[link] = true
    end
  end
  for rank = 0, size.gpus - 1 do
    if rank + tp < size.gpus then way(first + rank, first + rank + tp) end
  end
  return used
end

-- The links over which a replica that computes prompts may send KV caches: from each rank to each of those that decode,
-- whichever of them have heads and layers in common (cluster/kv_reshard.h).
local function send_links(network, devices, from, all)
  local used = {}
  if from.role ~= "prefill" then return used end
  for _, to in ipairs(all) do
    for i = 0, to.role == "decode" and from.gpus * to.gpus - 1 or -1 do
      local route = network:route(devices[from.first + i % from.gpus], devices[to.first + i // from.gpus])
      for _, link in ipairs(route.links) do used[link] = true end
    end
  end
  return used
end

local function each_replica(sizes)
  local all, first = {}, 1
  for _, size in ipairs(sizes) do
    for _ = 1, size.replicas do
      all[#all + 1] = { name = "replica" .. #all, size = size, role = size.role, gpus = size.gpus, first = first }
      first = first + size.gpus
    end
  end
  return all
end

--- Whether the GPUs of every stage can add up by the algorithm the engine is told; a ring always can.
-- @param network, devices as in placement.detailed
-- Raises what the algorithm needs and they do not have.
function placement.check_groups(sizes, network, devices)
  for _, replica in ipairs(each_replica(sizes)) do
    local size = replica.size
    local name, tp = size.all_reduce, size.tensor_parallel_size
    local plain = name == "ring" or name == "auto" or tp == 1
    if not plain and not network and (name == "hierarchical" or name == "in_switch") then
      fail("engine.all_reduce: %s needs a `network` that says how the GPUs are joined", name)
    end
    for stage = 0, (plain or not network) and -1 or size.gpus // tp - 1 do
      local ok, why = network:adds_up(name, group(devices, replica.first, size, stage))
      if not ok then fail("engine.%s", why) end
    end
  end
end

-- What of the network is a replica's own or carries what it sends.
local function mark(has, network, devices, replica, all)
  for link in pairs(links_of(network, devices, replica.first, replica.size)) do has[link] = true end
  for link in pairs(send_links(network, devices, replica, all)) do has[link] = true end
  for i = replica.first, replica.first + replica.gpus - 1 do has[devices[i]] = true end
end

--- Which replicas the level `hybrid` simulates in detail: those named, and those that use a GPU or link named.
-- @param named list of names: "replica0", a device or a link
-- @param network, devices as above; nil where the scenario has no network
-- @return a level per replica: "high", or its own, or "medium"; raises for a name that no replica, GPU or link has
function placement.detailed(named, sizes, network, devices)
  local out, found, all = {}, {}, each_replica(sizes)
  for i, replica in ipairs(all) do
    local has = { [replica.name] = true }
    if network then mark(has, network, devices, replica, all) end
    out[i] = replica.size.lod or "medium"
    for _, name in ipairs(named) do
      if has[name] then out[i], found[name] = "high", true end
    end
  end
  for i, name in ipairs(named) do
    if not found[name] then
      fail('detail[%d]: "%s": no replica, nor a GPU or link that one uses; replicas are %s to %s', i, name, all[1].name,
        all[#all].name)
    end
  end
  return out
end

--- The level of each replica where pools or groups have their own.
-- @param lod the scenario's
-- @return a level per replica; nil: lod is everyone's
function placement.levels(sizes, lod)
  local out, own = {}, false
  for i, replica in ipairs(each_replica(sizes)) do
    out[i] = replica.size.lod or lod
    own = own or replica.size.lod ~= nil
  end
  return own and out or nil
end

return placement
