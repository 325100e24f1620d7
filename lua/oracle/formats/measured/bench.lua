--- The JSON result of `vllm bench serve` (vllm/benchmarks/serve.py): the load it says is simulated.
local load = require "oracle.formats.measured.load"
local metrics = require "oracle.scenario.metrics"
local report = require "oracle.formats.measured.report"

local null = require("oracle.core").json.null

local function number(v, key)
  local n = v[key]
  if n == null then return nil end
  if n ~= nil and type(n) ~= "number" then error(("%s: a number expected"):format(key), 0) end
  return n
end

-- Tokens of the requests: each length as often as it came, else the mean.
local function lengths(v, list, total, count)
  if type(v[list]) == "table" and #v[list] > 0 then
    local values = {}
    for i, n in ipairs(v[list]) do
      if type(n) ~= "number" then error(("%s[%d]: a number expected"):format(list, i), 0) end
      if n >= 1 then values[#values + 1] = n end          -- a request that failed has no tokens
    end
    if #values > 0 then return { kind = "empirical", values = values } end
  end
  local sum = number(v, total)
  if not sum then error(("%s: missing, and there is no %s"):format(total, list), 0) end
  return { kind = "constant", value = math.max(1, math.floor(sum / count + 0.5)) }
end

-- "inf" and absence both mean: as fast as the concurrency allows.
local function arrivals(v, count)
  local rate = tonumber(v.request_rate)
  local concurrency = number(v, "max_concurrency")
  if rate and rate > 0 and rate < math.huge then
    local burstiness = number(v, "burstiness")
    if burstiness and burstiness ~= 1 then
      return { kind = "gamma", rate = rate, burstiness = burstiness, count = count }
    end
    return { kind = "poisson", rate = rate, count = count }
  end
  if concurrency then return { kind = "closed_loop", concurrency = math.tointeger(concurrency), count = count } end
  return { kind = "batch", count = count }
end

-- What it holds of each metric.
local function measured_of(v)
  local measured = {}
  for _, metric in ipairs(metrics.ALL) do
    if metric.bench and metric.name then
      local of = {}
      for _, key in ipairs(load.STATISTICS) do of[key] = number(v, ("%s_%s_ms"):format(key, metric.bench)) end
      of.p50 = number(v, ("median_%s_ms"):format(metric.bench)) or of.p50
      measured[metric.short] = of
    elseif metric.bench then
      measured[metric.short] = number(v, metric.bench)
    end
  end
  return measured
end

return function(_, v, deployment)
  local count = math.tointeger(number(v, "completed") or number(v, "num_prompts"))
  if not count or count < 1 then error("completed: a whole number of at least 1 expected", 0) end
  local sent = number(v, "num_prompts")
  if sent and count > sent then
    error(("completed: %d: no more than num_prompts, %g, expected"):format(count, sent), 0)
  end
  local workload = arrivals(v, count)
  workload.prompt = lengths(v, "input_lens", "total_input_tokens", count)
  workload.output = lengths(v, "output_lens", "total_output_tokens", count)
  local summary = load.run(deployment, { model = type(v.model_id) == "string" and v.model_id or nil }, workload)
  return report.table(load.title(("vllm bench, %d requests"):format(count), summary),
    load.rows(measured_of(v), summary))
end
