--- The first layer of a fit: what measured kernels reach of the data sheet, by generation of chips and, where kernels
-- differ by it, number format. Tables of matrix products, of experts, of attention and of all-reduces each tell their
-- part; kernels of other kinds tell nothing that a step's model has.
local attention = require "oracle.study.calibrate.kernels.attention"
local gemm = require "oracle.study.calibrate.kernels.gemm"
local moe = require "oracle.study.calibrate.kernels.moe"
local ordered = require "oracle.text.ordered"
local reduce = require "oracle.study.calibrate.kernels.reduce"

local kernels = {}

local KINDS = { gemm, moe, attention }

--- The kind of table that columns tell, for kernels.fit; nil: one that a fit takes nothing of.
function kernels.kind(columns)
  if not (columns.gpu and columns.latency_ms) then return nil end
  for _, kind in ipairs(KINDS) do
    local all = true
    for _, name in ipairs(kind.columns) do all = all and columns[name] end
    if all then return kind end
  end
end

-- Where a parameter such as "gemm_compute.fp8" stands in a generation's kernels: the table and the key in it.
local function place(t, name)
  local outer, inner = name:match "^([%w_]+)%.(.+)$"
  if not outer then return t, name end
  if type(t[outer]) ~= "table" then return nil end
  return t[outer], inner
end

-- A finding into the base; nil where the base has no such parameter.
local function put(out, generation, t, name, found)
  local at, key = place(t, name)
  if not at then return end
  out[#out + 1] = { name = ("%s.%s"):format(generation, name), share = found[1], n = found[2], was = at[key] }
  at[key] = found[1]
end

--- Put what a table of kernels tells into the kernels of a base.
-- @param kind of kernels.kind, @param rows of oracle.formats.measured.csv
-- @param chip function(name of a GPU) -> hardware or nil
-- @param into { generation = { gemm_bandwidth = { format = } ... } }, changed
-- @return { { name = "hopper.gemm_bandwidth.fp8", share =, n =, was = }, ... }, how many rows said nothing
function kernels.fit(kind, rows, chip, into)
  local found, silent = {}, 0
  for _, row in ipairs(rows) do
    local h = chip(row.gpu)
    local told = false
    if h and h.generation then
      found[h.generation] = found[h.generation] or {}
      told = kind.note(found[h.generation], row, h)
    end
    if not told then silent = silent + 1 end
  end
  local out = {}
  for _, generation in ipairs(ordered.keys(found)) do
    local t, figures = into[generation], {}
    if t then
      kind.figures(found[generation], figures, t)
      for _, name in ipairs(ordered.keys(figures)) do put(out, generation, t, name, figures[name]) end
    end
  end
  return out, silent
end

--- The same of a table of all-reduces; the engines' latencies go into theirs. NCCL's bandwidth counts where no table of
-- engines' own kernels has been read, which are what they use within a server.
-- @param groups of measurements (reduce.lua), @param otherwise hardware of a table that says none, or nil
-- @param base { kernels =, engines = }, changed
function kernels.reduce(groups, chip, otherwise, base)
  local found, silent = reduce.read(groups, chip, otherwise)
  local out = {}
  for _, generation in ipairs(ordered.keys(found)) do
    local figures, t = reduce.figures(found[generation]), base.kernels[generation]
    local said = base.reduced or {}
    base.reduced = said
    if t and figures.reduce_bandwidth and (figures.own or not said[generation]) then
      said[generation] = figures.own
      put(out, generation, t, "reduce_bandwidth", figures.reduce_bandwidth)
    end
    for _, engine in ipairs(ordered.keys(figures.latency)) do
      local of = base.engines[engine]
      local floors = of and of.generations[generation]
      if floors then
        local latency = figures.latency[engine]
        out[#out + 1] = { name = ("%s.%s.reduce_latency"):format(engine, generation), seconds = latency[1],
                          n = latency[2], was = floors.reduce_latency }
        floors.reduce_latency = latency[1]
      end
    end
  end
  return out, silent
end

return kernels
