--- Fit models/fits/collectives.json: straight lines by size of message to measured collectives, for each generation of
-- GPUs, engine and version, way of launching and number of ranks. Only these lines are kept, with how far they are off.
-- usage: build/release/lua tools/fit_collectives.lua [GPU=]FILE ... > models/fits/collectives.json
--   FILE: a table as oracle.formats.measured.collective_rows reads it; GPU: whose, where it does not say
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local catalog = require "oracle.models.catalog"
local document = require "oracle.formats.document"
local regimes = require "oracle.formats.measured.regimes"
local rows = require "oracle.formats.measured.collective_rows"

-- GPUs whose kernels reach their peers otherwise than those of their generation.
local APART = { gb200 = { "gb200", "gb300" } }

local SOURCE = "kernel times of NVIDIA aiconfigurator, systems/data (Apache-2.0), collected by collector/"
  .. "collect_all_reduce.py, collect_nccl.py and deep_collector; NCCL launched one by one on DGX H100: medians from the"
  .. " profiling data of"
  .. " microsoft/vidur (MIT)"
local METHOD = "least squares of relative deviations, 6 lines at most and as few as come within 3 % (root mean square)"
  .. " or gain less than 15 % by one more; times that fall as bytes grow are taken together, one half as long again as"
  .. " those of the sizes on both sides"
  .. " is left out"

local function link_of(gpu)
  if gpu.nvlink.bandwidth > 0 then return "nvlink", gpu.nvlink.bandwidth end
  return "pcie", gpu.pcie.bandwidth
end

local sets, order = {}, {}

local function add(g, gpu)
  local apart = APART[gpu.id]
  local key = table.concat({ apart and gpu.id or gpu.generation, g.engine, g.version or "", g.launch, g.collective,
                             ("%03d %03d"):format(g.ranks, g.per_node) }, "\0")
  local set = sets[key]
  if not set then
    local link, bandwidth = link_of(gpu)
    set = { of = g, generation = gpu.generation, gpus = apart or {}, apart = apart ~= nil, link = link,
            bandwidth = bandwidth, bytes = {}, seconds = {}, known = {} }
    sets[key], order[#order + 1] = set, key
  end
  if not apart and not set.known[gpu.id] then table.insert(set.gpus, gpu.id) end
  set.known[gpu.id] = true
  table.move(g.bytes, 1, #g.bytes, #set.bytes + 1, set.bytes)
  table.move(g.seconds, 1, #g.seconds, #set.seconds + 1, set.seconds)
end

for _, argument in ipairs(arg) do
  local name, path = argument:match "^([^=/]+)=(.+)$"
  path = path or argument
  for _, g in ipairs(rows.read(assert(document.text(path)))) do
    if not g.few and (g.launch == "graph" or g.launch == "eager") then add(g, catalog.hardware(name or g.gpu)) end
  end
end

-- ---- writing ----

local function number(v)
  return ("%.4g"):format(v):gsub("e%+0*", "e")
end

local function line_of(g)
  local below = g.below and ('"below": %d, '):format(g.below) or ""
  return ('{%s"alpha_us": %s, "ps_per_byte": %s}'):format(below, number(g.base * 1e6), number(g.per_byte * 1e12))
end

local function table_of(set)
  local of, dropped = assert(regimes.fit(set.bytes, set.seconds))
  local mean, worst = regimes.error(of, set.bytes, set.seconds)
  local lines, gpus = {}, {}
  for i, g in ipairs(of) do lines[i] = line_of(g) end
  for i, id in ipairs(set.gpus) do gpus[i] = ("%q"):format(id) end
  local g = set.of
  return ('    {"collective": "%s", "engine": "%s", %s"launch": "%s", "ranks": %d, %s"generation": "%s",'
    .. ' "gpus": [%s], %s"link": "%s", "link_gb_per_s": %s,\n     "regimes": [%s],\n'
    .. '     "measurements": %d, "left_out": %d, "error_mean": %.3f, "error_worst": %.3f}'):format(
      g.collective, g.engine, g.version and ('"version": "%s", '):format(g.version) or "", g.launch, g.ranks,
      g.per_node ~= g.ranks and ('"gpus_per_node": %d, '):format(g.per_node) or "", set.generation,
      table.concat(gpus, ", "), set.apart and '"only_these": true, ' or "", set.link, number(set.bandwidth * 1e-9),
      table.concat(lines, ",\n       "), #set.seconds, dropped, mean, worst)
end

table.sort(order)
local written = {}
for i, key in ipairs(order) do written[i] = table_of(sets[key]) end
print(([[{
  "id": "collectives",
  "name": "Collectives inside a node: alpha and beta by size of message",
  "source": "%s",
  "method": "%s",
  "error": "mean and worst of |predicted / measured - 1|",
  "date": "2026-11",
  "tables": [
%s
  ]
}]]):format(SOURCE, METHOD, table.concat(written, ",\n")))
