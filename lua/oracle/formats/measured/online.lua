--- Tables of load stages: vLLM under evenly spaced arrivals, latencies of each stage at mean and percentiles, as
-- inference-perf measures them. Clients ask a fixed set of prompts again and again, so that but for the first round a
-- prompt is in the prefix cache; every request generates `output_tokens`.
local csv = require "oracle.formats.measured.csv"
local deployed = require "oracle.formats.measured.deployed"
local names = require "oracle.formats.measured.names"

local online = {}

online.TELLS = { "rate_per_s", "duration_s", "ttft_mean_ms", "e2e_mean_ms" }

local NEEDS = { "model", "gpu", "engine", "rate_per_s", "duration_s", "output_tokens", "ttft_mean_ms", "e2e_mean_ms" }
-- s: what inference-perf's client has where none is set (aiohttp, ClientTimeout: 5 min in all), and what the greatest
-- latencies of stages with failures come to.
local CLIENT_TIMEOUT = 300

local function deployment(row)
  local t = { engine = names.engine(row.engine), gpu = names.gpu(row.gpu),
              model = names.model(row.model, row.precision) }
  if not t.engine then return nil, "unknown engine " .. tostring(row.engine) end
  if not t.gpu then return nil, "unknown GPU " .. tostring(row.gpu) end
  if not t.model then return nil, "unknown model " .. tostring(row.model) end
  t.tp = csv.count(row, "tensor_parallel_size", 1) or 1
  t.max_num_seqs = csv.count(row, "max_num_seqs", 1)
  t.max_num_batched_tokens = csv.count(row, "max_num_batched_tokens", 1)
  t.prefix_caching = true
  return t
end

local function prompt_of(row)
  local measured = csv.number(row, "measured_prompt_tokens_mean", 1)
  local asked = (csv.count(row, "system_prompt_tokens", 0) or 0) + (csv.count(row, "question_tokens", 0) or 0)
  return math.max(1, math.floor((measured or asked) + 0.5))
end

local function make(row)
  local t, why = deployment(row)
  if not t then return nil, why end
  local rate, duration = csv.number(row, "rate_per_s", 1e-9), csv.number(row, "duration_s", 1e-9)
  local output = csv.count(row, "output_tokens", 1)
  local prompt = prompt_of(row)
  local pool = (csv.count(row, "unique_system_prompts", 1) or 0) * (csv.count(row, "users_per_system_prompt", 1) or 1)
  if not (rate and duration and output) then return nil, "rate, duration or lengths are not said" end
  t.most_tokens = prompt + output
  t.workload = { kind = row.arrival == "poisson" and "poisson" or "constant", rate = rate,
                 count = math.max(1, math.floor(rate * duration + 0.5)), prompt = prompt, output = output,
                 prompt_pool = pool > 0 and pool or nil, timeout = CLIENT_TIMEOUT }
  local ttft, e2e = csv.time(row, "ttft_mean_ms"), csv.time(row, "e2e_mean_ms")
  local failed, completed = csv.number(row, "failed", 0) or 0, csv.number(row, "completed", 0) or 0
  local raw = deployed.scenario(t)
  raw.engine.max_model_len = csv.count(row, "max_model_len", 1) or raw.engine.max_model_len
  return { id = ("%s stage %s"):format(row.experiment or "line " .. row.line, row.stage or "0"), line = row.line,
           model = t.model.name, gpu = t.gpu.id, engine = t.engine, version = row.engine_version,
           format = t.model.format, layout = deployed.layout_text(t), load = rate, arrival = row.arrival,
           apart = failed > 0 and "overload" or nil, statistic = "mean", open = true,
           failed_share = failed / math.max(1, failed + completed), scenario = raw,
           served = csv.number(row, "requests_per_sec", 0),
           lengths = ("%d/%d"):format(prompt, output),
           measured = { ttft = ttft, e2e = e2e,
                        tpot = output > 1 and e2e and ttft and (e2e - ttft) / (output - 1) or nil,
                        throughput = failed == 0 and csv.number(row, "requests_per_sec") and
                          csv.number(row, "requests_per_sec") * output or nil } }
end

--- The rows of a text, and what was skipped.
function online.read(text)
  local rows, skipped = {}, {}
  for _, row in ipairs(csv.rows(text, NEEDS)) do
    local made, why = make(row)
    if made then rows[#rows + 1] = made else skipped[#skipped + 1] = { "line " .. row.line, why } end
  end
  return rows, skipped
end

return online
