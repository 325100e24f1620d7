--- The first layer of a fit: what measured kernels reach of the data sheet. Of a table of matrix products those that
-- only read their weights tell the share of the bandwidth, and the largest ones the share of the peak; the median of
-- each, by number format and generation of chips.
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"

local kernels = {}

local FEW, LARGE_WEIGHTS = 16, 8e6                        -- tokens, and weights beyond any cache's reach
local MANY, WIDE = 4096, 4096                             -- tokens and sides of products that fill a chip
local LOWEST, HIGHEST = 0.02, 20                          -- shares beyond which times are of another unit
local LEAST = 8                                           -- measurements that make a median

local FORMATS = { bfloat16 = "bf16", float16 = "fp16", fp8 = "fp8", fp8_block = "fp8_block", nvfp4 = "fp4",
                  int4_wo = "int4", w4a16 = "int4", int8 = "int8", int8_wo = "int8" }

local function median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

--- Whether columns are those of a table of matrix products.
function kernels.is(columns)
  return columns.gemm_dtype and columns.m and columns.n and columns.k and columns.latency_ms and columns.gpu
end

-- Seconds of a measurement; nil where none is said.
local function time_of(row)
  local text = row.latency_ms
  local ms = tonumber(text)
  if text and not (ms and ms > 0 and ms < math.huge) then
    error(('line %d: latency_ms: "%s": a time above 0 expected'):format(row.line, text:sub(1, 40)), 0)
  end
  return ms and ms / 1000
end

-- One measurement into the lists of its generation and format.
local function note(found, row, chip)
  local m, n, k = tonumber(row.m), tonumber(row.n), tonumber(row.k)
  local seconds, format = time_of(row), FORMATS[row.gemm_dtype or ""]
  if not (m and n and k and seconds and format) then return false end
  local key = chip.generation .. " " .. format
  local lists = found[key] or { generation = chip.generation, format = format, bandwidth = {}, compute = {} }
  found[key] = lists
  local of = formats.of[format]
  if m <= FEW and n * k >= LARGE_WEIGHTS then
    table.insert(lists.bandwidth, n * k * of.bits / 8 / seconds / chip.bandwidth)
  elseif m >= MANY and n >= WIDE and k >= WIDE then
    local ok, peak = pcall(core.cost.flops, chip, of.weight_only and "bf16" or format)
    if ok and peak > 0 then table.insert(lists.compute, 2 * m * n * k / seconds / peak) end
  end
  return true
end

-- A share of the data sheet that times in milliseconds can give.
local function in_milliseconds(name, share)
  if share < LOWEST or share > HIGHEST then
    error(("latency_ms: kernels seem to be in %s, not in milliseconds: %s would be %.3g of the data sheet"):format(
      share > HIGHEST and "seconds" or "microseconds", name, share), 0)
  end
  return share
end

--- Put what a table tells into the kernels of a base.
-- @param rows of oracle.formats.measured.csv, @param chip function(name of a GPU) -> hardware or nil
-- @param into { generation = { gemm_bandwidth = { format = } ... } }, changed
-- @return { { name = "hopper.gemm_bandwidth.fp8", share =, n =, was = }, ... }, how many rows said nothing
function kernels.fit(rows, chip, into)
  local found, silent = {}, 0
  for _, row in ipairs(rows) do
    local h = chip(row.gpu)
    local told = h and h.generation and note(found, row, h)
    if not told then silent = silent + 1 end
  end
  local keys, out = {}, {}
  for key in pairs(found) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local f = found[key]
    local t = into[f.generation]
    for _, what in ipairs { "bandwidth", "compute" } do
      local name = "gemm_" .. what
      if t and t[name] and #f[what] >= LEAST then
        local share = math.min(1.1, in_milliseconds(name, median(f[what])))
        out[#out + 1] = { name = ("%s.%s.%s"):format(f.generation, name, f.format), share = share, n = #f[what],
                          was = t[name][f.format] }
        t[name][f.format] = share
      end
    end
  end
  return out, silent
end

return kernels
