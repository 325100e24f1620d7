--- Attention kernels. Of decodes (generation_attention) the times over those of reading the KV cache at the data sheet's
-- bandwidth lie on a line over 1 / that time, whose base is 1 / attention_decode; those of latent attention with many
-- heads (generation_mla) tell the share of the peak. The times of prompts (context_attention) over those of the peak lie
-- on a line over 1 / length, whose base is 1 / attention_prefill and whose slope over base is prefill_ramp
-- (src/cost/calibrated.h).
local gemm = require "oracle.study.calibrate.kernels.gemm"
local shares = require "oracle.study.calibrate.kernels.shares"

local attention = { columns = { "batch_size", "isl", "num_heads", "step", "kv_cache_dtype" } }

local SHORT, LONG = 20e-6, 100e-6                         -- s of the data sheet, of reading and of computing
local APART = 3
local LATENT, ROPE = 512, 64                              -- numbers of a token of latent attention: DeepSeek-V2 and on
local BYTES = { bfloat16 = 2, float16 = 2, fp8 = 1 }
local MOST_RAMP, MOST = 5000, 1.1

local function decode(found, chip, t)
  local memory = t.batch * t.context * t.width * t.bytes / chip.bandwidth
  local compute = t.flops / t.peak
  if memory > SHORT and memory > APART * compute and not t.latent then
    local groups = shares.list(found, "attention_decode")
    table.insert(shares.list(groups, t.group), { t.seconds / memory, 1, 1 / memory })
  elseif compute > LONG and compute > APART * memory then
    table.insert(shares.list(found, "attention_decode_compute"), compute / t.seconds)
  end
end

-- One token of each sequence against all before it; of latent attention (no heads of keys) and of the others.
local function of_decode(found, row, chip, t)
  local kv, dim = shares.numbers(row, "num_key_value_heads", "head_dim")
  t.context = t.isl + t.past
  if kv then
    t.width, t.flops = 2 * kv * dim, 4 * t.batch * t.heads * dim * t.context
  else
    t.latent, t.width, t.flops = true, LATENT + ROPE, 2 * t.batch * t.heads * (2 * LATENT + ROPE) * t.context
  end
  decode(found, chip, t)
end

-- Pairs of a causal prompt.
local function of_prompt(found, row, t)
  local _, dim = shares.numbers(row, "num_key_value_heads", "head_dim")
  if not dim then return end
  local flops = 4 * t.batch * t.heads * dim * (t.isl * (t.isl + 1) / 2 + t.isl * t.past)
  if flops / t.peak > LONG then
    table.insert(shares.list(found, "prefill"), { t.seconds * t.peak / flops, 1, 1 / t.isl })
  end
end

function attention.note(found, row, chip)
  local batch, isl, heads = shares.numbers(row, "batch_size", "isl", "num_heads")
  local past, seconds = tonumber(row.step) or 0, shares.seconds(row)
  local bytes = BYTES[row.kv_cache_dtype or ""]
  if not (batch and seconds and bytes and past >= 0 and past <= 1e9) then return false end
  if (tonumber(row.window_size) or 0) > 0 or (row.attn_dtype or row.mla_dtype) == "fp8" then return true end
  local t = { group = shares.group(row), batch = batch, isl = isl, heads = heads, past = past, seconds = seconds, bytes = bytes,
              peak = gemm.peak(chip, "bf16") }
  if not t.peak then return false end
  if isl == 1 then of_decode(found, row, chip, t) else of_prompt(found, row, t) end
  return true
end

function attention.figures(found, out)
  local groups, n = shares.of_groups(found.attention_decode or {})
  if #groups > 0 then
    local share = shares.median_of(groups, function(c) return 1 / c[1] end)
    out.attention_decode = { math.min(MOST, shares.in_milliseconds("attention_decode", share)), n }
  end
  local list = found.attention_decode_compute or {}
  if #list >= shares.LEAST then
    local share = shares.in_milliseconds("attention_decode_compute", shares.median(list))
    out.attention_decode_compute = { math.min(MOST, share), #list }
  end
  local points = found.prefill or {}
  local c = #points >= shares.LEAST and shares.regress(points)
  if c and c[1] > 0 then
    out.attention_prefill = { math.min(MOST, shares.in_milliseconds("attention_prefill", 1 / c[1])), #points }
    local ramp = c[2] / c[1]
    if ramp >= 0 and ramp <= MOST_RAMP then out.prefill_ramp = { ramp, #points } end
  end
end

return attention
