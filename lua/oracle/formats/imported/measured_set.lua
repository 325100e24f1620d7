--- What runs measured as a table of measured configurations, a row each, which `oracle validate` and `oracle calibrate`
-- read (oracle.formats.measured.serving).
local lazy = require "oracle.lazy"
local systems = require "oracle.system"

-- Versions that a run is taken to be of where nothing says one: those that scenarios have by default.
local VERSIONS = { vllm = lazy "oracle.system.versions.vllm", sglang = lazy "oracle.system.versions.sglang" }

local measured_set = {}

local COLUMNS = { "source", "id", "model", "gpu", "gpus", "engine", "engine_version", "tp", "pp", "replicas",
                  "prompt_tokens", "output_tokens", "arrival", "arrival_value", "count", "prefix_caching",
                  "max_num_seqs", "max_num_batched_tokens", "max_model_len" }
local LATENCIES = { "ttft", "tpot", "itl", "e2e" }
local STATISTICS = { { "mean", "mean" }, { "median", "p50" }, { "p99", "p99" } }

local function mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end

-- Mean tokens of a length: a number, a list, or a distribution that has them.
local function mean_of(v)
  if type(v) == "number" then return v end
  if type(v) ~= "table" then return nil end
  return v.mean or v.values and mean(v.values) or v[1] and mean(v)
end

-- How a workload's arrivals are called in such a table, and their value; nil where it has no word for them.
local function arrival_of(w)
  if w.kind == "closed_loop" then return "closed concurrency", w.concurrency end
  if w.kind == "poisson" then return "poisson rate", w.rate end
  if w.kind == "constant" then return "constant rate", w.rate end
  if w.kind == "batch" then return "burst", w.count end
  if w.kind == "paced" and not w.ramp_up_strategy and not (w.rate and w.max_concurrency) then
    if w.max_concurrency then return "closed concurrency", w.max_concurrency end
    if not w.rate then return "burst", w.count end
    if not w.burstiness then return "poisson rate", w.rate end
  end
end

-- Lengths of requests that are listed.
local function lengths_of(w)
  if w.kind ~= "requests" then return mean_of(w.prompt), mean_of(w.output) end
  local prompt, output = 0, 0
  for _, r in ipairs(w.requests) do prompt, output = prompt + r.prompt, output + r.output end
  return prompt / #w.requests, output / #w.requests
end

local function cell(v)
  if v == nil then return "" end
  if type(v) == "number" then return math.tointeger(v) and ("%d"):format(v) or ("%.6g"):format(v) end
  v = tostring(v)
  return v:find '[",\r\n]' and '"' .. v:gsub('"', '""') .. '"' or v
end

local function gpus_of(engine, replicas)
  return (engine.tensor_parallel_size or 1) * (engine.pipeline_parallel_size or 1) * (engine.data_parallel_size or 1)
    * (replicas or 1)
end

--- The head of the table.
function measured_set.head()
  local list = table.move(COLUMNS, 1, #COLUMNS, 1, {})
  for _, latency in ipairs(LATENCIES) do
    for _, s in ipairs(STATISTICS) do list[#list + 1] = ("%s_%s_ms"):format(latency, s[1]) end
  end
  list[#list + 1], list[#list + 2], list[#list + 3] = "output_tok_s", "total_tok_s", "req_s"
  return table.concat(list, ",")
end

--- The row of a run.
-- @param run of oracle.formats.imported, @param deployment { model =, hardware =, engine =, replicas = }, plain values
-- @return the line; nil and why such a table cannot say the run
function measured_set.row(run, deployment)
  local arrival, value = arrival_of(run.workload)
  if not arrival then return nil, "a table of configurations has no column for how its requests were sent" end
  local engine, prompt, output = deployment.engine or {}, lengths_of(run.workload)
  local name = engine.system or "vllm"
  name = systems.find(name) or name
  local caching, version = engine.enable_prefix_caching, engine.version or run.version
  if not version and VERSIONS[name] then version = VERSIONS[name].DEFAULT end
  local cells = { "imported", run.id, run.model or deployment.model, deployment.hardware,
                  gpus_of(engine, deployment.replicas), name, version or "",
                  engine.tensor_parallel_size or 1,
                  engine.pipeline_parallel_size or "", deployment.replicas or "", prompt, output, arrival, value,
                  run.workload.count or "", caching == nil and "" or caching and "on" or "off",
                  engine.max_num_seqs or "", engine.max_num_batched_tokens or "", engine.max_model_len or "" }
  for i = 1, #COLUMNS do cells[i] = cell(cells[i]) end
  for _, latency in ipairs(LATENCIES) do
    local of = run.measured[latency]
    for _, s in ipairs(STATISTICS) do cells[#cells + 1] = cell(of and of[s[2]]) end
  end
  cells[#cells + 1], cells[#cells + 2] = cell(run.measured.output_throughput), cell(run.measured.total_throughput)
  cells[#cells + 1] = cell(run.measured.throughput)
  return table.concat(cells, ",")
end

return measured_set
