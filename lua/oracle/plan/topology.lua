--- Networks: from what a scenario's `network` says to a checked topology of oracle.core.net.
-- `network` is a name ("nvlink_mesh"), or a name with figures
-- ({ topology = "dgx_h100", hosts = 2, nic_bandwidth = "400 Gbit/s" }), or links one by one
-- ({ links = { { from = "gpu0", to = "gpu1", bandwidth = "75 GB/s", latency = "1 us" } } }, and `nodes` with
-- names or { name =, kind = "device"|"host"|"nic"|"switch"|"nvswitch", host = } where the ends are to be
-- checked; an nvswitch adds up and multicasts what passes it).
-- Without `nodes`, the ends of links are the GPUs; where some are called gpu..., the others are switches.
-- `model = "loggp"` prices messages by LogGP: latency is L, `overhead` o and `gap` g are the network's or a link's own,
-- and `gap_per_byte` G stands for 1 / bandwidth.
-- A link may also be written as `network_links` of YAML configurations: link_id, source_id, dest_id,
-- bandwidth_bps (bits/s), latency_s, bidirectional (true unless said otherwise); `links` may be called so
-- too. `links` beside a topology's name are added to it.
local core = require "oracle.core"
local ordered = require "oracle.text.ordered"
local spelling = require "oracle.text.spelling"
local units = require "oracle.text.units"

local topology = {}

-- key -> its type; a name is the dimension of a quantity.
local KEYS = {
  topology = "name", hosts = "count", gpus = "count", nics = "count", k = "count",
  bandwidth = "bytes/s", latency = "time", pcie_bandwidth = "bytes/s", pcie_latency = "time",
  nic_bandwidth = "bytes/s", nic_latency = "time", nodes = "array", links = "array",
  model = "name", overhead = "time", gap = "time", gap_per_byte = "time",
}
local LINK_KEYS = {
  id = "name", from = "name", to = "name", bandwidth = "bytes/s", latency = "time", bidirectional = "boolean",
  bandwidth_bps = "number", overhead = "time", gap = "time", gap_per_byte = "time",
}
local NETWORK_ALIASES = { network_links = "links" }
local ALIASES = { link_id = "id", source_id = "from", dest_id = "to", latency_s = "latency" }
local NODE_KEYS = { name = "name", kind = "name", host = "number" }
local KINDS = { device = true, host = true, nic = true, switch = true, nvswitch = true }

local function refuse(where, format, ...)
  error(where .. ": " .. format:format(...), 0)
end

local function meant(name, names)
  local near = spelling.find(tostring(name), names)
  return near and (" (did you mean '%s'?)"):format(near) or ""
end

-- Beyond these no simulated time would be left of the clock's 292 years.
local LEAST_BANDWIDTH, MOST_BANDWIDTH, MOST_LATENCY = 1e3, 1e18, 100  -- B/s, s

local function check_rate(where, value, number)
  if number < LEAST_BANDWIDTH then refuse(where, "%s; 1 kB/s or more expected", tostring(value)) end

end

local function quantity(where, value, dimension)
  local number, why = units.parse(value, dimension)
  if not number then refuse(where, "%s", why) end
  if not (number >= 0 and number < math.huge) or (number == 0 and dimension == "bytes/s") then
    refuse(where, "%s; %s expected", tostring(value), dimension == "time" and "0 or more" or "more than 0")
  end
  if dimension == "time" and number > MOST_LATENCY then refuse(where, "%s; at most 100 s expected", tostring(value)) end
  if dimension == "bytes/s" then check_rate(where, value, number) end
  return number
end

local READ = {
  name = function(where, v)
    if type(v) ~= "string" or v == "" then refuse(where, "a name expected, got %s", tostring(v)) end
    return v
  end,
  boolean = function(where, v)
    if type(v) ~= "boolean" then refuse(where, "true or false expected, got %s", tostring(v)) end
    return v
  end,
  count = function(where, v)
    local n = math.tointeger(v)
    if type(v) == "number" and n and n >= 1 then return n end
    refuse(where, "a whole number from 1 expected, got %s", tostring(v))
  end,
  number = function(where, v)
    if type(v) ~= "number" then refuse(where, "a number expected, got %s", tostring(v)) end
    return v
  end,
  array = function(where, v)
    if type(v) ~= "table" then refuse(where, "an array expected, got %s", tostring(v)) end
    return v
  end,
}

-- The fields of `t` by the keys given; errors name the key, and the nearest for an unknown one.
local function read(where, t, keys, aliases)
  local out = {}
  for _, given in ipairs(ordered.keys(t)) do
    local key = aliases and aliases[given] or given
    local kind = keys[key]
    local at = where .. "." .. tostring(given)
    if not kind then
      local names = ordered.keys(keys)
      local near = meant(given, names)
      refuse(at, "unknown key%s", near ~= "" and near or "; valid: " .. table.concat(names, ", "))
    end
    if out[key] ~= nil then refuse(at, "'%s' is given twice", key) end
    local reader = READ[kind]
    if reader then out[key] = reader(at, t[given]) else out[key] = quantity(at, t[given], kind) end
  end
  return out
end

-- ---- LogGP ----

local ENDS = { "overhead", "gap", "gap_per_byte" }

-- G is 1 / bandwidth: what the rest knows is the bandwidth.
local function take_gap_per_byte(at, t)
  if not t.gap_per_byte then return end
  if t.bandwidth then refuse(at, "bandwidth and gap_per_byte say the same; one of them expected") end
  if t.gap_per_byte <= 0 then refuse(at .. ".gap_per_byte", "more than 0 expected") end
  t.bandwidth, t.gap_per_byte = 1 / t.gap_per_byte, nil
  check_rate(at .. ".gap_per_byte", ("%.6g B/s"):format(t.bandwidth), t.bandwidth)
end

-- Whether messages are priced by LogGP; its parameters say nothing else.
local function is_loggp(where, network)
  local model = network.model and spelling.fold(network.model) or "alphabeta"
  if model == "loggp" then return true end
  if model ~= "alphabeta" then
    refuse(where .. ".model", "'%s'; alpha_beta or loggp expected", network.model)
  end
  for _, key in ipairs(ENDS) do
    if network[key] then refuse(where .. "." .. key, 'goes with model = "loggp"') end
  end
  for i, link in ipairs(network.links or {}) do
    for _, key in ipairs(ENDS) do
      if type(link) == "table" and link[key] then
        refuse(("%s.links[%d].%s"):format(where, i, key), 'goes with model = "loggp"')
      end
    end
  end
  return false
end

-- ---- nodes and links ----

local function read_nodes(where, list)
  local nodes = {}
  for i, n in ipairs(list) do
    local at = ("%s.nodes[%d]"):format(where, i)
    local node = type(n) == "string" and { name = n } or read(at, READ.array(at, n), NODE_KEYS)
    if not node.name then refuse(at, "name is missing") end
    node.kind = node.kind or "device"
    if not KINDS[node.kind] then
      refuse(at .. ".kind", "'%s'; device, host, nic or switch expected, or nvswitch", node.kind)
    end
    if node.host and (math.type(node.host) ~= "integer" or node.host < 0) then
      refuse(at .. ".host", "%s; a whole number from 0 expected", tostring(node.host))
    end
    nodes[i] = node
  end
  return nodes
end

local function read_link(at, given)
  local link = read(at, READ.array(at, given), LINK_KEYS, ALIASES)
  if link.bandwidth_bps then
    if link.bandwidth then refuse(at, "bandwidth (B/s) and bandwidth_bps (bits/s) are both given") end
    link.bandwidth = link.bandwidth_bps / 8
    if not (link.bandwidth > 0 and link.bandwidth < math.huge) then
      refuse(at .. ".bandwidth_bps", "%s; more than 0 expected", tostring(link.bandwidth_bps))
    end
    check_rate(at .. ".bandwidth_bps", ("%.14g bits/s"):format(link.bandwidth_bps), link.bandwidth)
  end
  take_gap_per_byte(at, link)
  for _, key in ipairs { "from", "to", "bandwidth", "latency" } do
    if link[key] == nil then refuse(at, "%s is missing", key) end
  end
  if link.bandwidth > MOST_BANDWIDTH then
    refuse(at .. ".bandwidth", "%g B/s; up to 1e18 expected", link.bandwidth)
  end
  return link
end

local function both(link)
  return link.from .. "\0" .. link.to
end

-- One way each. A link both ways brings its reverse, unless another link says what the reverse is.
local function read_links(where, list)
  local links, ways = {}, {}
  for i, given in ipairs(list) do
    links[i] = read_link(("%s.links[%d]"):format(where, i), given)
    ways[both(links[i])] = true
  end
  for i = 1, #links do
    local l = links[i]
    local back = { id = l.id and l.id .. "_reverse", from = l.to, to = l.from, bandwidth = l.bandwidth,
                   latency = l.latency, overhead = l.overhead, gap = l.gap }
    if l.bidirectional ~= false and not ways[both(back)] then
      links[#links + 1] = back
      ways[both(back)] = true
    end
  end
  return links
end

-- Every end must be a node: of the list, of the topology by name, or (without a list) its mention makes it one.
local function check_ends(where, links, known, names)
  for i, l in ipairs(links) do
    for _, key in ipairs { "from", "to" } do
      if not known[l[key]] then
        refuse(("%s.links[%d].%s"):format(where, i, key), "unknown node '%s'%s", l[key], meant(l[key], names))
      end
    end
  end
end

-- Where some names begin with gpu, those are the GPUs and what else is between them ("sw0", "nic1") is not.
local function kind_of(name, gpus)
  if name:find("^client") then return "host" end
  local other = gpus and not name:lower():find("^gpu")
  return (other or name:find("switch")) and "switch" or "device"
end

local function mentioned(links)
  local nodes, seen, gpus = {}, {}, false
  for _, l in ipairs(links) do
    for _, name in ipairs { l.from, l.to } do
      if not seen[name] then
        seen[name], nodes[#nodes + 1] = true, { name = name }
        gpus = gpus or name:lower():find("^gpu") ~= nil
      end
    end
  end
  for _, node in ipairs(nodes) do node.kind = kind_of(node.name, gpus) end
  return nodes
end

-- ---- the topology ----

local function build(spec, where)
  local ok, t = pcall(core.net.topology, spec)
  if not ok then
    local why = tostring(t):gsub("^network", where)
    if why:find("^topology ") then why = where .. ": " .. why end
    error(why, 0)
  end
  return t
end

local function by_name(spec, where)
  local names = core.net.topologies()
  local folded = spelling.fold(spec.kind)
  for _, name in ipairs(names) do
    if spelling.fold(name) == folded then
      spec.kind = name
      return build(spec, where)
    end
  end
  refuse(where .. ".topology", "unknown topology '%s'%s; %s are known", spec.kind, meant(spec.kind, names),
         table.concat(names, ", "))
end

local function link_by_link(given, spec, where)
  local links = read_links(where, given.links or {})
  local nodes = given.nodes and read_nodes(where, given.nodes) or {}
  if not given.nodes and not spec.kind then nodes = mentioned(links) end
  local known, names = {}, {}
  if spec.kind then                                       -- the named part alone, for its nodes
    for _, n in ipairs(by_name(spec, where):nodes()) do known[n.name], names[#names + 1] = true, n.name end
  end
  for i, n in ipairs(nodes) do
    if known[n.name] then refuse(("%s.nodes[%d]"):format(where, i), "'%s' is named twice", n.name) end
    known[n.name], names[#names + 1] = true, n.name
  end
  check_ends(where, links, known, names)
  spec.nodes, spec.links = nodes, links
end

--- A checked topology.
-- @param network what a scenario's `network` says, see above: a string or a table
-- @tparam[opt="network"] string where what messages call it
-- @return a topology of oracle.core.net, with route(a, b), links(), nodes() and check(); an error
-- names what is wrong: an unknown name or key, a zero or negative bandwidth, a name used twice, an
-- unknown end, devices that cannot reach each other
function topology.new(network, where)
  where = where or "network"
  if type(network) == "string" then network = { topology = network } end
  if type(network) ~= "table" then refuse(where, "a topology's name or a table expected, got %s", tostring(network)) end
  local given = read(where, network, KEYS, NETWORK_ALIASES)
  local loggp = is_loggp(where, given)
  take_gap_per_byte(where, given)
  given.model = nil
  if not given.topology and not given.links then refuse(where, "topology or links expected") end
  local spec = { kind = given.topology }
  for key, kind in pairs(KEYS) do                         -- order does not matter: each key is copied once
    if kind ~= "name" and kind ~= "array" then spec[key] = given[key] end
  end
  local ends = { overhead = spec.overhead, gap = spec.gap }
  spec.overhead, spec.gap = nil, nil
  if not spec.kind and next(spec) then
    refuse(where .. "." .. ordered.keys(spec)[1], "only for a topology by name, and none is given")
  end
  if given.links or given.nodes then link_by_link(given, spec, where) end
  spec.loggp, spec.overhead, spec.gap = loggp or nil, ends.overhead, ends.gap
  for _, link in ipairs(spec.links or {}) do
    link.overhead, link.gap = link.overhead or ends.overhead, link.gap or ends.gap
  end
  local t = spec.kind and by_name(spec, where) or build(spec, where)
  local ok, why = t:check()
  if not ok then refuse(where, "%s", why) end
  return t
end

--- Whether what a scenario's `network` says is priced by LogGP.
function topology.is_loggp(network)
  return type(network) == "table" and type(network.model) == "string" and spelling.fold(network.model) == "loggp"
end

--- The names that `topology` can have.
function topology.names()
  return core.net.topologies()
end

return topology
