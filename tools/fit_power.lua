--- Fit models/fits/power.json: what GPUs draw at work, as shares of their TDP, by generation - at any work, more at the
-- full rate of the memory, more at that of the matrix units, at most the TDP (cost/hardware.h, orc_hardware_watts).
-- usage: build/release/lua tools/fit_power.lua PHASES.csv > models/fits/power.json
--   PHASES.csv: prompt and token times of batches with their power: model, hardware, prompt_size, batch_size,
--   token_size, average_power (share of the TDP), prompt_time, token_time (ms), tensor_parallel
package.path = "lua/?.lua;lua/?/init.lua;" .. package.path
local calc = require("oracle").calc
local document = require "oracle.formats.document"

-- Batch, tokens/s and W per GPU of vLLM 0.11 under the ML.ENERGY Benchmark v3.0, "lm-arena-chat" (Chung et al.,
-- arXiv:2601.22076; github.com/ml-energy/leaderboard, public/data/tasks/lm-arena-chat.json, 2025-12): dense models.
-- `output`: tokens of an answer on average. Prompts are not told: 100 tokens are taken.
local PROMPT = 100
local SERVED = {
  { "h100-sxm", "qwen3-14b", 1, output = 615,
    { 7.99, 627.4, 443.0 }, { 15.97, 1168.2, 465.3 }, { 31.92, 2023.2, 493.9 }, { 63.84, 3140.3, 525.0 },
    { 95.88, 3774.8, 541.8 }, { 127.7, 4474.4, 572.1 }, { 191.7, 5309.1, 612.8 }, { 253.4, 5760.3, 644.7 } },
  { "h100-sxm", "llama-3.1-8b", 1, output = 400,
    { 15.95, 1953.6, 513.3 }, { 31.91, 3391.1, 559.7 }, { 127.6, 7036.5, 669.2 }, { 191.7, 8223.3, 688.3 },
    { 255.2, 9009.6, 690.5 }, { 383.0, 9248.0, 686.5 } },
  { "h100-sxm", "gemma-3-27b", 1, output = 720,
    { 7.99, 337.8, 510.4 }, { 15.97, 624.6, 539.2 }, { 31.73, 1088.2, 571.4 } },
  { "h100-sxm", "gemma-3-27b", 2, output = 710,
    { 7.99, 525.0, 406.5 }, { 15.98, 978.3, 435.9 }, { 31.96, 1686.9, 467.6 }, { 63.91, 2653.7, 514.9 },
    { 95.85, 3344.1, 550.6 }, { 127.8, 3714.0, 568.5 }, { 187.0, 4180.8, 605.2 } },
  { "h100-sxm", "llama-3.1-70b", 4, output = 355,
    { 15.95, 862.6, 450.95 }, { 31.88, 1486.7, 448.6 }, { 127.6, 3876.3, 545.9 }, { 191.6, 4461.2, 573.3 },
    { 255.3, 4915.1, 588.6 }, { 898.5, 6827.2, 636.9 } },
  { "h100-sxm", "llama-3.1-405b", 8, output = 365, quantization = "fp8",
    { 15.95, 445.9, 423.0 }, { 31.91, 785.7, 468.0 }, { 63.86, 1350.2, 520.3 }, { 127.7, 1895.9, 575.8 },
    { 191.5, 2154.5, 601.6 }, { 255.2, 2363.4, 609.4 } },
  { "b200", "qwen3-32b", 1, output = 632,
    { 7.97, 556.4, 859.6 }, { 31.9, 1792.6, 848.8 }, { 63.91, 3024.1, 945.4 }, { 95.8, 4102.1, 970.5 },
    { 383.3, 6911.8, 971.7 }, { 455.7, 6425.5, 968.9 } },
  { "b200", "qwen3-8b", 1, output = 645,
    { 7.95, 1501.7, 646.3 }, { 15.94, 2086.3, 532.4 }, { 31.93, 2672.9, 494.1 }, { 63.83, 4431.7, 543.0 },
    { 127.7, 9118.9, 747.9 }, { 255.4, 11462.6, 830.6 }, { 511.0, 12163.7, 752.2 }, { 1022.4, 11808.6, 722.9 },
    { 1426.7, 15099.6, 801.2 } },
  { "b200", "gemma-3-27b", 1, output = 715,
    { 7.97, 594.2, 804.6 }, { 15.94, 1125.2, 800.0 }, { 31.92, 1844.0, 859.7 }, { 63.84, 3062.1, 899.4 },
    { 127.8, 4438.8, 957.5 }, { 247.3, 5510.4, 973.9 } },
}

-- Prompts beyond this were computed by an attention that writes its scores to memory, whose work is not known.
local LONGEST_PROMPT = 2048

-- ---- shares of the peaks ----

local function deployment(model, hardware, tp, quantization)
  return calc.deployment { model = model, hardware = hardware, approximate = true,
    engine = { tensor_parallel_size = tp, quantization = quantization, max_model_len = 2048,
               num_gpu_blocks_override = 4096, max_num_seqs = 8 } }
end

-- A phase: { share of the run's time, of the memory's rate, of the matrix units' }.
local function phase(d, step, seconds, share)
  local t = calc.step(d, step)
  return { share, t.bytes / seconds / d.hardware.bandwidth,
           t.flops / seconds / calc.flops(d, d.layout.compute) }
end

local function decode(n, context)
  local list, whole = {}, math.max(1, math.floor(n + 0.5))
  for i = 1, whole do list[i] = math.floor(context) end
  return { decode = list }
end

-- A run in a closed loop: each of its steps decodes the batch, and computes the prompts that answers make room for.
local function served()
  local points = {}
  for _, s in ipairs(SERVED) do
    local d = deployment(s[2], s[1], s[3], s.quantization)
    for i = 4, #s do
      local batch, rate, watts = table.unpack(s[i])
      local one = phase(d, decode(batch, PROMPT + 0.7 * s.output), batch / rate, 1)
      one[3] = one[3] * (1 + PROMPT / s.output)
      points[#points + 1] = { generation = d.hardware.generation, power = watts / d.hardware.tdp_watts,
                              phases = { one } }
    end
  end
  return points
end

local function cells(line)
  local list = {}
  for cell in (line .. ","):gmatch "([^,]*)," do list[#list + 1] = cell end
  return list
end

local function phases_of(row, d)
  local batch, prompt, tokens = tonumber(row.batch_size), tonumber(row.prompt_size), tonumber(row.token_size)
  local first, each = row.prompt_time * 1e-3, row.token_time * 1e-3
  local share = first / (first + (tokens - 1) * each)
  local chunks = {}
  for i = 1, batch do chunks[i] = prompt end
  return { phase(d, { prefill = chunks }, first, share),
           phase(d, decode(batch, prompt + tokens / 2), each, 1 - share) }
end

local function measured_phases(path)
  local names, points, known = nil, {}, {}
  for line in assert(document.text(path)):gmatch "[^\r\n]+" do
    local row = {}
    for i, cell in ipairs(cells(line)) do row[names and names[i] or i] = cell end
    if not names then
      names = row
    elseif tonumber(row.average_power) > 0 and tonumber(row.prompt_size) <= LONGEST_PROMPT then
      local key = row.model .. row.tensor_parallel
      known[key] = known[key] or deployment(row.model, row.hardware, tonumber(row.tensor_parallel))
      points[#points + 1] = { generation = known[key].hardware.generation, power = tonumber(row.average_power),
                              phases = phases_of(row, known[key]) }
    end
  end
  return points
end

-- ---- the fit ----

local function predicted(p, point)
  local sum = 0
  for _, f in ipairs(point.phases) do sum = sum + f[1] * math.min(1, p[1] + p[2] * f[2] + p[3] * f[3]) end
  return sum
end

local function squares(p, points)
  local sum = 0
  for _, point in ipairs(points) do sum = sum + (predicted(p, point) / point.power - 1) ^ 2 end
  return sum
end

-- Least squares of relative deviations by steps along the axes, ever shorter; parameters are at least 0.
local function search(points, active)
  local p, length = { active or 0.25, 0.7, 1.5 }, 0.2
  local least = squares(p, points)
  while length > 1e-5 do
    local better = false
    for i = active and 2 or 1, 3 do
      for _, sign in ipairs { 1, -1 } do
        local q = { p[1], p[2], p[3] }
        q[i] = math.max(0, q[i] + sign * length)
        local s = squares(q, points)
        if s < least then p, least, better = q, s, true end
      end
    end
    if not better then length = length / 2 end
  end
  return p
end

local function errors(p, points)
  local mean, worst = 0, 0
  for _, point in ipairs(points) do
    local off = math.abs(predicted(p, point) / point.power - 1)
    mean, worst = mean + off / #points, math.max(worst, off)
  end
  return mean, worst
end

local by_generation = {}
for _, list in ipairs { served(), measured_phases(arg[1]) } do
  for _, point in ipairs(list) do
    by_generation[point.generation] = by_generation[point.generation] or {}
    table.insert(by_generation[point.generation], point)
  end
end

local SOURCES = {
  ampere = "DGX A100, Llama-2-70B and BLOOM-176B by prompt, batch and GPUs: microsoft/splitwise-sim, perf_model.csv"
    .. " (MIT)",
  blackwell = "B200, dense models under vLLM 0.11: ML.ENERGY Benchmark v3.0, lm-arena-chat (arXiv:2601.22076)",
  hopper = "H100, dense models under vLLM 0.11: ML.ENERGY Benchmark v3.0, lm-arena-chat (arXiv:2601.22076); all of busy"
    .. " GPUs, which do not tell what they draw whatever they do: `active` is the mean of the other two",
}

local fitted = { ampere = search(by_generation.ampere), blackwell = search(by_generation.blackwell) }
fitted.hopper = search(by_generation.hopper, (fitted.ampere[1] + fitted.blackwell[1]) / 2)

local rows = {}
for i, name in ipairs { "ampere", "blackwell", "hopper" } do
  local p, mean, worst = fitted[name], errors(fitted[name], by_generation[name])
  rows[i] = ('    "%s": {"active": %.3f, "memory": %.3f, "compute": %.3f,\n      "measurements": %d, '
    .. '"error_mean": %.3f, "error_worst": %.3f,\n      "source": "%s"}'):format(name, p[1], p[2], p[3],
    #by_generation[name], mean, worst, SOURCES[name])
end

local METHOD = "least squares of relative deviations of min(1, active + memory x share of the bandwidth + compute x"
  .. " share of the FLOP/s), time by time, from the work of each step and the times measured"

print(([[{
  "id": "power",
  "name": "What GPUs draw at work, as shares of their TDP",
  "method": "%s",
  "error": "mean and worst of |predicted / measured - 1|",
  "date": "2026-11",
  "otherwise": "ampere",
  "generations": {
%s
  }
}]]):format(METHOD, table.concat(rows, ",\n")))
