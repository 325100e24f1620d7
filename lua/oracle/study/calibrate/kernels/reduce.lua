--- All-reduces of engines and of NCCL, within a server: of long messages the times over the link's lie on a line over 1
-- / that time, whose base is 1 / reduce_bandwidth; the shortest of an engine's own, inside graphs, tell its
-- reduce_latency.
local shares = require "oracle.study.calibrate.kernels.shares"

local reduce = {}

local SHORT, LONG = 8192, 10e-6                           -- bytes; s of the link
local MOST = 1.1

-- Bytes in and out of each rank per byte of its buffer.
local function moved(ranks) return 2 * (ranks - 1) / ranks end

--- Into lists by generation.
-- @param groups of measurements: { collective =, gpu = name or nil, ranks =, per_node = or nil, engine =, launch =,
--   bytes =, seconds = lists }, as oracle.formats.measured.collective_rows reads them
-- @param chip function(name) -> hardware or nil, @param otherwise hardware of a table that says none, or nil
-- @return { generation = { own = true where an engine's own are among them, bandwidth = groups of points, latency = { engine = seconds } } }, how many rows said nothing
function reduce.read(groups, chip, otherwise)
  local found, silent = {}, 0
  for _, g in ipairs(groups) do
    local h = g.gpu and chip(g.gpu) or otherwise
    local link = h and h.nvlink and h.nvlink.bandwidth > 0 and h.nvlink
    if g.collective ~= "all_reduce" or not (link and h.generation) or g.per_node and g.per_node < g.ranks then
      silent = silent + #g.bytes
    else
      local of = shares.list(found, h.generation)
      of.own = of.own or g.engine ~= "nccl" or nil
      local key = ("%s %s %s %d %s"):format(g.engine, g.version or "", g.launch, g.ranks, h.id or "")
      for i, bytes in ipairs(g.bytes) do
        local sheet = moved(g.ranks) * bytes / link.bandwidth
        if sheet >= LONG then
          table.insert(shares.list(shares.list(of, "bandwidth"), key), { g.seconds[i] / sheet, 1, 1 / sheet })
        elseif bytes <= SHORT and bytes > 0 and g.launch == "graph" and g.engine ~= "nccl" then
          table.insert(shares.list(shares.list(of, "latency"), g.engine), g.seconds[i])
        end
      end
    end
  end
  return found, silent
end

--- What lists of a generation tell.
-- @return { reduce_bandwidth = { share, n } or nil, latency = { engine = { seconds, n } } }
function reduce.figures(of)
  local out = { latency = {}, own = of.own }
  local groups, n = shares.of_groups(of.bandwidth or {})
  if #groups > 0 then
    local share = shares.median_of(groups, function(c) return 1 / c[1] end)
    out.reduce_bandwidth = { math.min(MOST, shares.in_milliseconds("reduce_bandwidth", share)), n }
  end
  for engine, list in pairs(of.latency or {}) do
    if #list >= shares.LEAST then out.latency[engine] = { shares.median(list), #list } end
  end
  return out
end

return reduce
