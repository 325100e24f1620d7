--- Tables of measured serving configurations from many sources: closed loops, Poisson and constant rates, bursts,
-- static
--  batches, replayed requests; latencies at mean and median, and throughput. A row says what it does not know by
-- leaving it empty, and what is doubtful about it in `flags`.
local csv = require "oracle.formats.measured.csv"
local deployed = require "oracle.formats.measured.deployed"
local names = require "oracle.formats.measured.names"

local serving = {}

serving.TELLS = { "arrival", "arrival_value", "prompt_tokens", "output_tokens", "output_tok_s" }

local NEEDS = { "model", "gpu", "engine", "tp", "prompt_tokens", "output_tokens", "arrival", "arrival_value" }
local LATENCIES = { "ttft", "tpot", "itl", "e2e" }
local PROMPTS = 10                                        -- of each client, where a closed loop does not say how many
local BURST = 3000                                        -- requests of an offline run, where it does not say how many
local MOST = 20000                                        -- requests simulated: longer runs have the same means

-- ---- lengths ----

-- Lengths of ShareGPT conversations vary about as much as their mean: a lognormal of that deviation (mean 215 and 200
-- tokens after the filter of vllm bench: standard deviations 230 and 180, computed from ShareGPT_V3).
local function sharegpt(mean)
  return { kind = "lognormal", mean = mean, sigma = 0.9, min = 4, max = math.max(1024, 2 * mean) }
end

local function lengths(row, mean, nominal)
  local spread = row.length_spread or ""
  if spread:find "^uniform" then return deployed.spread(nominal), nominal end
  if spread:find "uniform 1..nominal" or spread:find "range_ratio 0%.0" then
    local high = math.max(1, math.floor(2 * mean - 1 + 0.5))
    return { kind = "uniform", low = 1, high = high }, high
  end
  if spread:find "ShareGPT" then return sharegpt(mean), math.max(1024, math.ceil(2 * mean)) end
  return nominal, nominal
end

local function tokens_of(row, name)
  local mean = csv.number(row, name, 1)
  if not mean then return nil end
  return mean, math.max(1, math.floor(mean + 0.5))
end

-- ---- load ----

local ARRIVALS = {}

ARRIVALS["closed concurrency"] = function(w, value, count)
  w.kind, w.concurrency = "closed_loop", math.max(1, math.floor(value + 0.5))
  w.count = count or PROMPTS * w.concurrency
end
ARRIVALS["poisson rate"] = function(w, value, count)
  w.kind, w.rate, w.count = "poisson", value, count or math.max(200, math.ceil(300 * value))
end
ARRIVALS["constant rate"] = function(w, value, count)
  w.kind, w.rate, w.count = "constant", value, count or math.max(200, math.ceil(300 * value))
end
ARRIVALS["gamma rate"] = ARRIVALS["poisson rate"]
ARRIVALS["burst"] = function(w, value, count)
  w.kind, w.count = "batch", math.min(MOST, math.floor(value or count or BURST))
end
ARRIVALS["static batch"] = function(w, value)
  w.kind, w.count = "batch", math.floor(value)
end

local function workload(row, prompt, output, requests)
  local value = csv.number(row, "arrival_value", 0)
  local count = csv.count(row, "count", 1) or csv.count(row, "completed", 1)
  if row.arrival == "measured launch times" then
    if not requests then return nil, "measured launch times, and no file of its requests was given" end
    return { kind = "requests", requests = serving.plain(requests) }
  end
  local make = ARRIVALS[row.arrival or ""]
  if not make then return nil, "unknown arrival " .. tostring(row.arrival) end
  if not value and row.arrival ~= "burst" then return nil, "arrival_value is not said" end
  if value == 0 then return nil, "arrival_value is 0" end
  local w = { prompt = prompt, output = output }
  make(w, value, count and math.min(count, MOST))
  return w
end

-- ---- deployment ----

-- "prefill 1 workers tp4 ep1 dpa=False 4 GPUs; decode 2 workers tp8 ..." and "prefill 1 x tp4; decode 2 x tp2; NIXL".
local function side_of(text)
  local workers, tp = text:match "(%d+) workers tp(%d+)"
  if not workers then workers, tp = text:match "(%d+) x tp(%d+)" end
  if not workers then return nil end
  local side = { workers = math.tointeger(workers), tp = math.tointeger(tp) }
  local ep = math.tointeger(tonumber(text:match "ep(%d+)" or "1"))
  side.ep = ep > 1 or nil
  if text:find "dpa=True" then
    side.dp, side.tp = side.tp, 1
  end
  return side
end

local function split_sides(t, text)
  local prefill, decode = text:match "prefill ([^;]*);%s*decode ([^;]*)"
  t.prefill, t.decode = side_of(prefill or ""), side_of(decode or "")
  return t.prefill and t.decode
end

local function one_side(row, t)
  t.tp, t.pp = csv.count(row, "tp", 1) or csv.count(row, "gpus", 1) or 1, csv.count(row, "pp", 1)
  t.replicas = csv.count(row, "replicas", 1)
  local ep = csv.count(row, "ep", 1) or 1
  t.ep = ep > 1 or nil
  if row.dp_attention == "true" then
    local gpus = csv.count(row, "gpus", 1) or t.tp
    local ranks = t.tp > 1 and t.tp or math.max(1, gpus // ((t.pp or 1) * (t.replicas or 1)))
    t.dp, t.tp = ranks, 1
  end
end

-- Cards that a source names by half: LLM-Inference-Bench's A100 are those of Polaris, of 40 GB (arXiv:2411.00136, table
-- of platforms).
local CARDS = { argonne = { A100 = "a100-40gb" } }

local function deployment(row)
  local t = {}
  t.engine = names.engine(row.engine)
  if not t.engine then return nil, "unknown engine " .. tostring(row.engine) end
  t.gpu = names.gpu((CARDS[row.source or ""] or {})[row.gpu] or row.gpu)
  if not t.gpu then return nil, "unknown GPU " .. tostring(row.gpu) end
  if row.precision and not names.format(row.precision) then return nil, "unknown precision " .. row.precision end
  t.model = names.model(row.model, row.precision)
  if not t.model then return nil, "unknown model " .. tostring(row.model) end
  t.kv = row.kv_dtype or deployed.kv(t.engine, t.model)
  if row.disagg then
    if not split_sides(t, row.disagg) then return nil, "a disaggregated layout that is not understood" end
  else
    one_side(row, t)
  end
  t.max_num_seqs = csv.count(row, "max_num_seqs", 1)
  t.max_num_batched_tokens = math.tointeger(tonumber(row.max_num_batched_tokens))
  return t
end

-- Why a row is not counted with the others, or nil.
local function doubt(row, t)
  if row.spec_decoding and row.spec_decoding ~= "none" then return "speculative decoding" end
  if row.nodes then return "several nodes" end
  if row.flags then return "flagged by its source" end
  if t.prefill then return "disaggregated" end
end

-- ---- rows ----

-- Versions of what was measured in 2024 and says none: LLM-Inference-Bench (arXiv:2411.00136).
local EARLY = { argonne = { vllm = "0.5", trtllm = "0.11", sglang = "0.3" } }

local function measured_of(row)
  local measured, statistic = {}, {}
  for _, name in ipairs(LATENCIES) do
    local mean, median = csv.time(row, name .. "_mean_ms"), csv.time(row, name .. "_median_ms")
    measured[name], statistic[name] = mean or median, mean and "mean" or median and "p50" or nil
  end
  measured.throughput = csv.time(row, "output_tok_s")
  -- ITL stands in for TPOT where that is all there is; both are the time of a step.
  if not measured.tpot then measured.tpot, statistic.tpot = measured.itl, statistic.itl end
  measured.itl = nil
  return measured, statistic
end

local function make(row, requests)
  local t, why = deployment(row)
  if not t then return nil, why end
  local mean_prompt, nominal_prompt = tokens_of(row, "prompt_tokens")
  local mean_output, nominal_output = tokens_of(row, "output_tokens")
  if not (mean_prompt and mean_output) then return nil, "lengths are not said" end
  local prompt, most_prompt = lengths(row, mean_prompt, nominal_prompt)
  local output, most_output = lengths(row, mean_output, nominal_output)
  t.workload, why = workload(row, prompt, output, requests)
  if not t.workload then return nil, why end
  t.most_tokens = most_prompt + most_output
  for _, r in ipairs(requests or {}) do t.most_tokens = math.max(t.most_tokens, r.prompt + r.output) end
  t.in_flight = t.workload.concurrency or row.arrival == "static batch" and t.workload.count or nil
  t.prefix_caching = row.prefix_caching == "on" or nil
  local measured, statistic = measured_of(row)
  return { id = row.id or ("line " .. row.line), line = row.line, model = t.model.name, gpu = t.gpu.id,
           engine = t.engine, version = names.version(row.engine_version), format = t.model.format,
           layout = deployed.layout_text(t), load = tonumber(row.arrival_value) or t.workload.count,
           arrival = row.arrival, queues = row.arrival ~= "closed concurrency" and row.arrival ~= "static batch",
           source = row.source, apart = doubt(row, t), scenario = deployed.scenario(t),
           cost = { engine_version = deployed.engine_version(t.engine, names.version(row.engine_version),
                      EARLY[row.source or ""] and EARLY[row.source][t.engine]) },
           measured = measured, statistic = statistic, lengths = ("%d/%d"):format(nominal_prompt, nominal_output) }
end

--- The rows of a text.
-- @param requests id of a row -> its requests, { { arrival =, prompt =, output = }, ... }, or nil
-- @return rows, and what was skipped: { { id, why }, ... }
function serving.read(text, requests)
  local rows, skipped = {}, {}
  for _, row in ipairs(csv.rows(text, NEEDS)) do
    local made, why = make(row, requests and requests[row.id])
    if made then rows[#rows + 1] = made else skipped[#skipped + 1] = { row.id or "line " .. row.line, why } end
  end
  return rows, skipped
end

-- ---- requests of runs ----

serving.REQUESTS_TELL = { "id", "launch_s", "prompt_tokens", "output_tokens", "generation_ms" }

--- Requests as a workload takes them.
function serving.plain(requests)
  local list = {}
  for i, r in ipairs(requests) do list[i] = { arrival = r.arrival, prompt = r.prompt, output = r.output } end
  return list
end

--- The ids of runs, sorted.
function serving.ids(runs)
  local list = {}
  for id in pairs(runs) do list[#list + 1] = id end
  table.sort(list)
  return list
end

--- Requests by the id of their run: { [id] = { { arrival =, prompt =, output =, ttft =, generation = ms }, ... } }.
function serving.requests(text)
  local runs = {}
  for _, row in ipairs(csv.rows(text, serving.REQUESTS_TELL)) do
    local list = runs[row.id]
    if not list then
      list = {}
      runs[row.id] = list
    end
    list[#list + 1] = { arrival = csv.number(row, "launch_s", 0), prompt = csv.count(row, "prompt_tokens", 1),
                        output = csv.count(row, "output_tokens", 1), ttft = csv.number(row, "ttft_ms"),
                        generation = csv.number(row, "generation_ms") }
  end
  return runs
end

return serving
