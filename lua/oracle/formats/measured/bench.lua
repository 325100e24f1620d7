--- The JSON result of `vllm bench serve` (vllm/benchmarks/serve.py): the load it says is simulated.
local load = require "oracle.formats.measured.load"
local metrics = require "oracle.scenario.metrics"
local paced = require "oracle.formats.measured.paced"
local report = require "oracle.formats.measured.report"

local null = require("oracle.core").json.null

local function number(v, key)
  local n = v[key]
  if n == null then return nil end
  if n ~= nil and type(n) ~= "number" then error(("%s: a number expected"):format(key), 0) end
  return n
end

-- A number above 0, where there is one.
local function positive(v, key)
  local n = number(v, key)
  if n and not (n > 0 and n < math.huge) then error(("%s: %s: a number above 0 expected"):format(key, n), 0) end
  return n
end

local MOST_TOKENS = 1000000000                            -- of a prompt or an answer

-- Tokens of the requests: each length as often as it came, else the mean.
local function lengths(v, list, total, count)
  if type(v[list]) == "table" and #v[list] > 0 then
    local values = {}
    for i, n in ipairs(v[list]) do
      if type(n) ~= "number" or n < 0 or n > MOST_TOKENS then
        error(("%s[%d]: tokens, a number from 0 to %d, expected"):format(list, i, MOST_TOKENS), 0)
      end
      if n >= 1 then values[#values + 1] = n end          -- a request that failed has no tokens
    end
    if #values > 0 then return { kind = "empirical", values = values } end
  end
  local sum = positive(v, total)
  if not sum then error(("%s: missing, and there is no %s"):format(total, list), 0) end
  return { kind = "constant", value = math.max(1, math.floor(sum / count + 0.5)) }
end

-- A ramp of rates, where one was asked for: { ramp =, low =, high = }.
local function ramp_of(v)
  local name = v.ramp_up_strategy
  if name == nil or name == null or name == "" then return nil end
  if name ~= "linear" and name ~= "exponential" then
    error(('ramp_up_strategy: "%s": %s expected'):format(tostring(name), table.concat(paced.ramps(), " or ")), 0)
  end
  local low, high = positive(v, "ramp_up_start_rps"), positive(v, "ramp_up_end_rps")
  if not (low and high) then error("ramp_up_strategy: ramp_up_start_rps and ramp_up_end_rps are missing", 0) end
  return { ramp = name, low = low, high = high }
end

-- The values of a distribution of lengths, as a list.
local function list_of(d)
  return d.values or { d.value }
end

-- Requests/s; nil: no rate.
local function rate_of(v)
  local text, rate = v.request_rate, tonumber(v.request_rate)
  if text == nil or text == null or text == "inf" or text == "Infinity" then return nil end
  if not rate or rate <= 0 then
    error(('request_rate: %s: a number above 0, or "inf", expected'):format(tostring(text):sub(1, 40)), 0)
  end
  return rate
end

-- "inf" and absence both mean: as fast as the concurrency allows. A rate beside a concurrency, and a ramp, are paced by
-- the client.
local function workload_of(v, count)
  local prompt = lengths(v, "input_lens", "total_input_tokens", count)
  local output = lengths(v, "output_lens", "total_output_tokens", count)
  local rate, concurrency = rate_of(v), positive(v, "max_concurrency")
  local burstiness = positive(v, "burstiness")
  local paced_load = ramp_of(v)
  local steady = rate and rate < math.huge
  local most = concurrency and math.tointeger(concurrency)
  if concurrency and not most then error("max_concurrency: a whole number expected", 0) end
  if paced_load or steady and most then
    paced_load = paced_load or { rate = rate }
    paced_load.count, paced_load.burstiness, paced_load.most = count, burstiness, most
    paced_load.prompts, paced_load.outputs = list_of(prompt), list_of(output)
    return paced.workload(paced_load)
  end
  local w = { kind = "batch", count = count, prompt = prompt, output = output }
  if steady and burstiness and burstiness ~= 1 then
    w.kind, w.rate, w.burstiness = "gamma", rate, burstiness
  elseif steady then
    w.kind, w.rate = "poisson", rate
  elseif most then
    w.kind, w.concurrency = "closed_loop", most
  end
  return w
end

-- What it holds of each metric. A time of 0 is none; answers of one token have none between tokens.
local function measured_of(v)
  local measured, single = {}, number(v, "total_output_tokens") == number(v, "completed")
  for _, metric in ipairs(metrics.ALL) do
    if metric.bench and metric.name then
      local of = {}
      local read = single and metric.short ~= "ttft" and metric.short ~= "e2e" and number or positive
      for _, key in ipairs(load.STATISTICS) do of[key] = read(v, ("%s_%s_ms"):format(key, metric.bench)) end
      of.p50 = read(v, ("median_%s_ms"):format(metric.bench)) or of.p50
      measured[metric.short] = of
    elseif metric.bench then
      measured[metric.short] = positive(v, metric.bench)
    end
  end
  return measured
end

local bench = {}

--- The load that a result says, and what it measured.
-- @param v the decoded JSON
-- @return a workload; { short name of a metric = number or { mean =, p50 =, ... } }; the model's name or nil; how many
--   requests
function bench.read(v)
  local count = math.tointeger(number(v, "completed") or number(v, "num_prompts"))
  if not count or count < 1 then error("completed: a whole number of at least 1 expected", 0) end
  local sent = number(v, "num_prompts")
  if sent and count > sent then
    error(("completed: %d: no more than num_prompts, %g, expected"):format(count, sent), 0)
  end
  local model = v.model_id
  return workload_of(v, count), measured_of(v), type(model) == "string" and model or nil, count
end

--- The comparison, as oracle.formats.measured makes it.
function bench.compare(_, v, deployment)
  local workload, measured, model, count = bench.read(v)
  local summary = load.run(deployment, { model = model }, workload)
  return report.table(load.title(("vllm bench, %d requests"):format(count), summary), load.rows(measured, summary))
end

return bench
