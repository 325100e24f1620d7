--- Grouped products of experts, by tokens, experts and slices (src/cost/calibrated.h, orc_calibrated_product): where
-- they only read weights, the times over those of the data sheet's bandwidth are a base, 1 / expert_bandwidth, that
-- narrow slices add slice_width / width of, and a floor over that time, which steps have in theirs; where they are of
-- many rows, the median share of the peak, with that slice_width, is expert_compute. Tokens that spread evenly alone are
-- looked at: how others spread (routing_skew, rank_imbalance) is a matter of models, and of runs.
local formats = require "oracle.scenario.number_formats"
local gemm = require "oracle.study.calibrate.kernels.gemm"
local shares = require "oracle.study.calibrate.kernels.shares"

local moe = { columns = { "moe_dtype", "num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size",
                          "moe_ep_size" } }

local TILE_ROWS = 4                                       -- of an expert's product, at least (src/cost/calibrated.c)
local SHORT, LONG = 10e-6, 50e-6                          -- s of the data sheet, of reading and of computing
local APART = 4                                           -- the one of them that counts is so many times the other
local MOST_WIDTH, MOST = 500, 1.2

-- Experts that some token reads, of all ranks, where tokens spread evenly.
local function read_of(tokens, k, experts)
  return math.max(k, experts * (1 - (1 - k / experts) ^ tokens))
end

function moe.note(found, row, chip)
  local tokens, hidden, inter, k, experts, cut, ranks = shares.numbers(row, "num_tokens", "hidden_size", "inter_size",
    "topk", "num_experts", "moe_tp_size", "moe_ep_size")
  local seconds, format = shares.seconds(row), gemm.FORMATS[row.moe_dtype or ""]
  if not (tokens and seconds and format) or k > experts then return false end
  if (row.distribution or "balanced") ~= "balanced" then return true end
  local peak = gemm.peak(chip, format)
  if not peak then return false end
  local read = read_of(tokens, k, experts)
  local weights = 3 * hidden * inter / cut
  local memory = read / ranks * weights * formats.of[format].bits / 8 / chip.bandwidth
  local compute = 2 * math.max(tokens * k, TILE_ROWS * read) / ranks * weights / peak
  if memory > SHORT and memory > APART * compute then
    local groups = shares.list(found, "memory." .. format)
    table.insert(shares.list(groups, shares.group(row)), { seconds / memory, 1, 1 / memory, cut / inter })
  elseif compute > LONG and compute > APART * memory then
    table.insert(shares.list(found, "compute." .. format), { seconds / compute, cut / inter })
  end
  return true
end

-- Columns of an expert's slice that halve the rate: the median over the groups of all formats.
local function slice_width(read)
  local widths, n = {}, 0
  for _, of in pairs(read) do
    for _, c in ipairs(of[1]) do
      local width = c[3] / c[1]
      if width >= 0 and width <= MOST_WIDTH then widths[#widths + 1] = width end
    end
    n = n + of[2]
  end
  return #widths > 0 and shares.median(widths) or nil, n
end

function moe.figures(found, out, was)
  local read = {}
  for key, list in pairs(found) do
    local format = key:match "^memory%.(.*)$"
    if format then read[format] = { shares.of_groups(list) } end
  end
  local width, n = slice_width(read)
  if width then out.slice_width = { width, n } end
  width = width or was and was.slice_width or 0
  for format, of in pairs(read) do
    local name = "expert_bandwidth." .. format
    if #of[1] > 0 then
      local share = shares.median_of(of[1], function(c) return 1 / c[1] end)
      out[name] = { math.min(MOST, shares.in_milliseconds(name, share)), of[2] }
    end
  end
  for key, points in pairs(found) do
    local format = key:match "^compute%.(.*)$"
    if format and #points >= shares.LEAST then
      local list = {}
      for i, p in ipairs(points) do list[i] = (1 + width * p[2]) / p[1] end
      local name = "expert_compute." .. format
      out[name] = { math.min(MOST, shares.in_milliseconds(name, shares.median(list))), #points }
    end
  end
end

return moe
