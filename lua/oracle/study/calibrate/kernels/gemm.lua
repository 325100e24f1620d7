--- Matrix products: of those that only read their weights the times over the data sheet's lie on a line over 1 / that
-- time, whose base is 1 / gemm_bandwidth and whose slope is a floor, which steps have in theirs; of the largest ones the
-- median share of the peak is gemm_compute.
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local shares = require "oracle.study.calibrate.kernels.shares"

local gemm = { columns = { "gemm_dtype", "m", "n", "k" } }

local FEW, LARGE_WEIGHTS = 16, 8e6                        -- tokens, and weights beyond any cache's reach
local LONG = 5e-6                                         -- s of the data sheet
local MANY, WIDE = 4096, 4096                             -- tokens and sides of products that fill a chip
local MOST = 1.1

--- What tables call the format of weights -> ours.
gemm.FORMATS = { bfloat16 = "bf16", float16 = "fp16", fp8 = "fp8", fp8_block = "fp8_block", nvfp4 = "fp4",
                 int4_wo = "int4", w4a16 = "int4", int8 = "int8", int8_wo = "int8", w4a16_mxfp4 = "mxfp4" }

--- FLOP/s of a chip at products with weights in a format; nil where it has none.
function gemm.peak(chip, format)
  local of = formats.of[format]
  local ok, peak = pcall(core.cost.flops, chip, of.weight_only and "bf16" or format)
  return ok and peak > 0 and peak or nil
end

function gemm.note(found, row, chip)
  local m, n, k = shares.numbers(row, "m", "n", "k")
  local seconds, format = shares.seconds(row), gemm.FORMATS[row.gemm_dtype or ""]
  if not (m and seconds and format) then return false end
  local of = formats.of[format]
  if m <= FEW and n * k >= LARGE_WEIGHTS then
    local sheet = n * k * of.bits / 8 / chip.bandwidth
    local groups = shares.list(found, "gemm_bandwidth." .. format)
    if sheet >= LONG then
      table.insert(shares.list(groups, shares.group(row)), { seconds / sheet, 1, 1 / sheet })
    end
  elseif m >= MANY and n >= WIDE and k >= WIDE then
    local peak = gemm.peak(chip, format)
    if peak then table.insert(shares.list(found, "gemm_compute." .. format), 2 * m * n * k / seconds / peak) end
  end
  return true
end

function gemm.figures(found, out)
  for key, list in pairs(found) do
    if key:find "^gemm_bandwidth" then
      local groups, n = shares.of_groups(list)
      if #groups > 0 then
        local share = shares.median_of(groups, function(c) return 1 / c[1] end)
        out[key] = { math.min(MOST, shares.in_milliseconds(key, share)), n }
      end
    elseif #list >= shares.LEAST then
      out[key] = { math.min(MOST, shares.in_milliseconds(key, shares.median(list))), #list }
    end
  end
end

return gemm
