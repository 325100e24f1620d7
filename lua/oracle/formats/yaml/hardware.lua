--- `hardware_profile`: compute devices and the links between them.
local document = require "oracle.formats.document"
local fields = require "oracle.formats.fields"
local formats = require "oracle.scenario.number_formats"
local join = require("oracle.formats.problems").join

local hardware = {}

local CLIENT = "client_node_0"                            -- where requests come from; no device
hardware.CLIENT = CLIENT

-- A virtual node: what arrives at it is at the first GPU of every server, at once.
local function is_entry(id)
  return id:match("^framework_entry_%d+$") ~= nil
end

-- Nodes of links that no GPU's work passes.
local function is_outside(id)
  return id == CLIENT or is_entry(id)
end

local DEVICE_KEYS = { "device_id", "device_type", "peak_tflops", "memory_capacity_bytes", "memory_gbps",
                      "processing_units", "mfu", "mbu" }
local DEVICE_NEEDS = { "device_id", "device_type", "peak_tflops", "memory_capacity_bytes", "memory_gbps" }
local UNREAD = { memory_devices = "a device has one memory (memory_capacity_bytes, memory_gbps)" }
local LINK_KEYS = { "link_id", "source_id", "dest_id", "bandwidth_bps", "latency_s", "bidirectional" }
local LINK_NEEDS = { "link_id", "source_id", "dest_id", "bandwidth_bps", "latency_s" }

local function rates(p, path, t)
  local at = join(path, "peak_tflops")
  local v = t.peak_tflops
  if v == nil then return nil end
  if type(v) ~= "table" or document.is_list(v) then
    return p:add(at, "peak_tflops should be a dict with fp16/int8 keys")
  end
  fields.known(p, at, v, formats.PEAKS)
  if v.fp16 == nil then return p:add(at, "Missing fp16 in peak_tflops") end
  local out = {}
  for _, name in ipairs(formats.PEAKS) do
    local tflops = fields.value(p, at, v, name, { type = "number", min = 0, max = 1e6, open = true })
    if tflops then out[name] = tflops * 1e12 end
  end
  return out
end

local function device(p, path, t, devices)
  if not fields.entry(p, path, t) then return end
  local what = ("Device %s"):format(tostring(t.device_id or "?"))
  fields.known(p, path, t, DEVICE_KEYS)
  if not fields.complete(p, path, t, what, DEVICE_NEEDS) and t.device_id == nil then return end
  local id = fields.text(p, path, t, "device_id")
  if not id then return end
  if devices[id] then p:add(join(path, "device_id"), "Duplicate device ID: %s", id) end
  local kind = fields.choice(p, path, t, "device_type", { "GPU", "CPU" }, "device_type %s")
  if id == CLIENT then
    if kind == "CPU" then return p:warn(path, "ignored: %s is the clients' node, which computes nothing", id) end
    return p:add(join(path, "device_id"), "%s is the clients' node; another name expected", id)
  end
  local memory = fields.value(p, path, t, "memory_capacity_bytes",
    { type = "number", min = 0, max = 1e15, open = true })
  if memory and memory < 1e9 then
    p:add(join(path, "memory_capacity_bytes"), "%s: Unrealistic memory capacity %.3g GB", what, memory / 1e9)
  end
  local rate = fields.value(p, path, t, "memory_gbps", { type = "number", min = 0, max = 1e6, open = true })
  devices[id] = {
    id = id, kind = kind, path = path, flops = rates(p, path, t), memory = memory,
    -- Steps a device could work on at a time; it never has more than one.
    units = fields.value(p, path, t, "processing_units", { type = "count", min = 1, max = 1e9 }),
    bandwidth = rate and rate * 1e9, mfu = fields.stands_for(p, path, t, "mfu", "cost.mfu"),
    mbu = fields.stands_for(p, path, t, "mbu", "cost.mbu"),
  }
  devices[#devices + 1] = devices[id]
end

local function connect(links, from, to, link, explicit)
  local key = from .. "\0" .. to
  if links[key] and not explicit then return end          -- a link of its own goes before a reverse copy
  links[key] = link
end

local function node(p, path, key, id, devices, what)
  if id == nil or id == CLIENT or devices[id] or is_entry(id) then return id ~= nil end
  p:add(join(path, key), "%s: Unknown %s device %s", what, key == "source_id" and "source" or "destination", id)
  return false
end

local function link(p, path, t, devices, seen)
  if not fields.entry(p, path, t) then return nil end
  local what = ("Link %s"):format(tostring(t.link_id or "?"))
  fields.known(p, path, t, LINK_KEYS)
  fields.complete(p, path, t, what, LINK_NEEDS)
  local id = fields.text(p, path, t, "link_id")
  if id and seen[id] then p:add(join(path, "link_id"), "Duplicate link ID: %s", id) end
  if id then seen[id] = true end
  local from, to = fields.text(p, path, t, "source_id"), fields.text(p, path, t, "dest_id")
  local good = node(p, path, "source_id", from, devices, what)
  good = node(p, path, "dest_id", to, devices, what) and good
  if good and from == to then return p:add(path, "%s: joins %s to itself", what, from) end
  local bits = fields.value(p, path, t, "bandwidth_bps", { type = "number", min = 0, max = 1e18, open = true })
  local latency = fields.value(p, path, t, "latency_s", { type = "number", min = 0, max = 1e6 })
  local both = fields.boolean(p, path, t, "bidirectional")
  if not (good and bits and latency) then return nil end
  return { path = path, id = id, from = from, to = to, bandwidth = bits / 8, latency = latency, both = both ~= false }
end

local function links_of(p, path, t, devices)
  local links, seen, both, whole = {}, {}, {}, true
  local list = fields.list(p, path, t, "network_links")
  for i = 1, list and #list or 0 do
    local l = link(p, join(join(path, "network_links"), i - 1), list[i], devices, seen)
    whole = whole and l ~= nil
    if l then
      connect(links, l.from, l.to, l, true)
      links[#links + 1] = l
      if l.both then both[#both + 1] = l end
    end
  end
  for _, l in ipairs(both) do connect(links, l.to, l.from, l, false) end
  for _, l in ipairs(links) do
    if not links[l.to .. "\0" .. l.from] and not is_outside(l.from) and not is_outside(l.to) then
      p:warn(l.path, "Link %s: there is no way back from %s to %s", l.id or "?", l.to, l.from)
    end
  end
  return links, whole
end

local function share_of(p, path, t, devices, key)
  local v = fields.stands_for(p, path, t, key, "cost." .. key)
  for _, d in ipairs(devices) do d[key] = d[key] or v end
end

--- Read the section.
-- @return { devices = list and id -> device, links = list and "from\0to" -> link, given = links were given,
-- whole = none of them was wrong, so what is not there is missing, inner = ids of the devices, nodes = and of entries }
function hardware.read(p, t)
  local path = "hardware_profile"
  local devices = {}
  fields.known(p, path, t, { "compute_devices", "network_links", "mfu", "mbu" }, UNREAD)
  local list = fields.list(p, path, t, "compute_devices", "Missing compute_devices in hardware config")
  if list and #list == 0 then p:add(join(path, "compute_devices"), "Missing compute_devices in hardware config") end
  for i = 1, list and #list or 0 do device(p, join(join(path, "compute_devices"), i - 1), list[i], devices) end
  share_of(p, path, t, devices, "mfu")
  share_of(p, path, t, devices, "mbu")
  local links, whole = links_of(p, path, t, devices)
  local inner, nodes = {}, {}
  for i, d in ipairs(devices) do inner[i], nodes[i] = d.id, d.id end
  local seen = {}
  for _, l in ipairs(links) do
    for _, id in ipairs { l.from, l.to } do
      if is_entry(id) and not seen[id] then nodes[#nodes + 1], seen[id] = id, true end
    end
  end
  return { devices = devices, links = links, given = #links > 0, whole = whole, inner = inner, nodes = nodes }
end

--- The link from one node to another; nil where there is none.
function hardware.link(h, from, to)
  return h.links[from .. "\0" .. to]
end

local NO_TIME = { bandwidth = math.huge, latency = 0 }

-- The way from one node to another with the fewest links.
-- @param at_once for a node the list of those it is at, or nil
-- @return as hardware.route
local function way(h, from, to, at_once)
  local reached, queue = { [from] = { bandwidth = math.huge, latency = 0 } }, { from }
  local function reach(id, before, l)
    if reached[id] then return end
    reached[id] = { bandwidth = math.min(before.bandwidth, l.bandwidth), latency = before.latency + l.latency }
    queue[#queue + 1] = id
  end
  local head = 1
  while queue[head] do
    local at = queue[head]
    head = head + 1
    if at == to then return reached[to] end
    for _, id in ipairs(at_once and at_once(at) or {}) do reach(id, reached[at], NO_TIME) end
    for _, id in ipairs(at_once and h.nodes or h.inner) do
      local l = hardware.link(h, at, id)
      if l then reach(id, reached[at], l) end
    end
  end
  return nil
end

--- The way from one device to another with the fewest links, none of them a client's.
-- @return { bandwidth = B/s of the slowest link, latency = s of all }; nil where there is none
function hardware.route(h, from, to)
  return way(h, from, to)
end

--- The way of requests to a GPU, over entry nodes and other devices where no link of the clients' leads there.
-- @param firsts the first GPUs of all servers, which entry nodes reach at once
-- @return as hardware.route
function hardware.way_in(h, gpu, firsts)
  return way(h, CLIENT, gpu, function(at) return is_entry(at) and firsts or {} end)
end

-- The devices that links, in either direction, join to one: a set.
local function joined(h, first)
  local set, grown = { [first] = true }, true
  while grown do
    grown = false
    for _, l in ipairs(h.links) do
      local inner = not is_outside(l.from) and not is_outside(l.to) and set[l.from] ~= set[l.to]
      if inner then set[l.from], set[l.to], grown = true, true, true end
    end
  end
  return set
end

--- The links between devices as oracle.scenario's `network`.
-- @param used ids of the GPUs that are to be in it
-- @return nil where those are not all joined: then each group has its own links to itself
function hardware.network(h, used)
  local set, nodes, links = joined(h, used[1]), {}, {}
  for _, id in ipairs(used) do
    if not set[id] then return nil end
  end
  for _, d in ipairs(h.devices) do
    if set[d.id] then nodes[#nodes + 1] = { name = d.id, kind = d.kind == "CPU" and "host" or "device" } end
  end
  for _, l in ipairs(h.links) do
    if not is_outside(l.from) and not is_outside(l.to) and set[l.from] then
      links[#links + 1] = { id = l.id, from = l.from, to = l.to, bandwidth = l.bandwidth, latency = l.latency,
                            bidirectional = l.both }
    end
  end
  return #links > 0 and { nodes = nodes, links = links } or nil
end

--- A device as oracle.scenario's `hardware`.
-- @param peer { bandwidth = B/s, latency = s } between it and the devices of its group, or nil
function hardware.table(d, peer)
  return { name = d.id, flops = d.flops, memory = d.memory, bandwidth = d.bandwidth, nvlink = peer and
    { bandwidth = peer.bandwidth, latency = peer.latency } or nil }
end

return hardware
