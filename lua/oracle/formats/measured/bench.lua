--- The JSON result of `vllm bench serve` (vllm/benchmarks/serve.py), or of SGLang's bench_serving, which is like it:
-- the load it says is simulated.
local load = require "oracle.formats.measured.load"
local metrics = require "oracle.scenario.metrics"
local report = require "oracle.formats.measured.report"

local null = require("oracle.core").json.null

local MOST_CLIENTS = 8388608
local MOST = 1000000000                                   -- tokens of a prompt or an answer, seconds

local function number(v, key)
  local n = v[key]
  if n == null then return nil end
  if n ~= nil and type(n) ~= "number" then error(("%s: a number expected"):format(key), 0) end
  return n
end

-- A number above 0, where there is one; most: and no greater.
local function positive(v, key, most)
  local n = number(v, key)
  if n and not (n > 0 and n < math.huge) then error(("%s: %s: a number above 0 expected"):format(key, n), 0) end
  if n and most and n > most then error(("%s: %g: at most %g expected"):format(key, n, most), 0) end
  return n
end

-- A list of a detailed result, checked; nil where there is none. Lengths are tokens, times seconds.
local function list_of(v, key, count)
  local list = v[key]
  if type(list) ~= "table" or #list == 0 then return nil end
  for i, n in ipairs(list) do
    if type(n) ~= "number" or n < 0 or n > MOST then
      error(("%s[%d]: a number from 0 to %d expected"):format(key, i, MOST), 0)
    end
  end
  if count and #list ~= count then
    error(("%s: %d of them, and %d requests"):format(key, #list, count), 0)
  end
  return list
end

-- The requests that were answered, of a detailed result: prompts, outputs and when each was sent, or nil.
local function requests_of(v)
  local prompts = list_of(v, "input_lens")
  local outputs = prompts and list_of(v, "output_lens", #prompts)
  if not outputs then return nil end
  local starts = list_of(v, "start_times", #prompts)
  local r = { prompts = {}, outputs = {}, starts = starts and {} or nil }
  for i, tokens in ipairs(outputs) do
    if tokens >= 1 and prompts[i] >= 1 then               -- one that failed has no tokens
      table.insert(r.prompts, prompts[i])
      table.insert(r.outputs, tokens)
      if starts then table.insert(r.starts, starts[i]) end
    end
  end
  return #r.prompts > 0 and r or nil
end

-- Mean tokens of a request.
local function mean_tokens(v, total, list, count)
  local sum = positive(v, total)
  if not sum then error(("%s: missing, and there is no %s"):format(total, list), 0) end
  local mean = sum / count
  if mean > MOST then error(("%s: %g: at most %d a request expected"):format(total, sum, MOST), 0) end
  return math.max(1, math.floor(mean + 0.5))
end

-- A ramp of rates into the load, where one was asked for.
local function add_ramp(w, v)
  local name = v.ramp_up_strategy
  if name == nil or name == null or name == "" then return false end
  if name ~= "linear" and name ~= "exponential" then
    error(('ramp_up_strategy: "%s": exponential or linear expected'):format(tostring(name)), 0)
  end
  local low, high = positive(v, "ramp_up_start_rps", MOST), positive(v, "ramp_up_end_rps", MOST)
  if not (low and high) then error("ramp_up_strategy: ramp_up_start_rps and ramp_up_end_rps are missing", 0) end
  w.ramp_up_strategy, w.ramp_up_start_rps, w.ramp_up_end_rps = name, low, high
  return true
end

-- Requests/s; nil: no rate.
local function rate_of(v)
  local text, rate = v.request_rate, tonumber(v.request_rate)
  if text == nil or text == null or text == "inf" or text == "Infinity" then return nil end
  if not rate or rate <= 0 or rate > MOST and rate < math.huge then
    error(('request_rate: %s: a number above 0, or "inf", expected'):format(tostring(text):sub(1, 40)), 0)
  end
  return rate < math.huge and rate or nil
end

-- Gaps are even where vLLM's burstiness is infinite.
local function burstiness_of(v)
  if v.burstiness == "inf" then return math.huge end
  return math.max(1e-6, positive(v, "burstiness", 1e6) or 1)
end

-- The plain kinds, where they say all there is: lengths that are one number each.
local function plain_of(w)
  if w.ramp_up_strategy or w.rate and w.max_concurrency or type(w.prompt) == "table" then return w end
  local out = { count = w.count, prompt = w.prompt, output = w.output }
  if not w.rate then
    out.kind, out.concurrency = w.max_concurrency and "closed_loop" or "batch", w.max_concurrency
  elseif w.burstiness and w.burstiness ~= 1 then
    out.kind, out.rate, out.burstiness = "gamma", w.rate, w.burstiness
  else
    out.kind, out.rate = "poisson", w.rate
  end
  return out
end

-- When each request of an open load was sent is the load itself; what a bound held back follows from the server.
local function as_sent(r, w)
  if not (r and r.starts and w.rate) or w.max_concurrency then return nil end
  local list, first = {}, math.huge
  for _, t in ipairs(r.starts) do first = math.min(first, t) end
  for i, t in ipairs(r.starts) do
    list[i] = { arrival = t - first, prompt = r.prompts[i], output = r.outputs[i] }
  end
  return { kind = "requests", requests = list }
end

-- "inf" and absence both mean: as fast as the concurrency allows.
local function workload_of(v, count)
  local r = requests_of(v)
  local w = { kind = "paced", count = r and #r.prompts or count }
  w.prompt = r and r.prompts or mean_tokens(v, "total_input_tokens", "input_lens", count)
  w.output = r and r.outputs or mean_tokens(v, "total_output_tokens", "output_lens", count)
  local ramped, most = add_ramp(w, v), positive(v, "max_concurrency")
  w.rate = not ramped and rate_of(v) or nil
  w.max_concurrency = most and math.tointeger(most)
  if most and not (w.max_concurrency and most <= MOST_CLIENTS) then
    error(("max_concurrency: %g: a whole number of at most %d expected"):format(most, MOST_CLIENTS), 0)
  end
  local burstiness = burstiness_of(v)
  if burstiness == math.huge then
    if w.rate and not w.max_concurrency and not r then
      return { kind = "constant", rate = w.rate, count = w.count, prompt = w.prompt, output = w.output }
    end
    burstiness = 1e6
  end
  if (w.rate or ramped) and burstiness ~= 1 then w.burstiness = burstiness end
  return as_sent(r, w) or plain_of(w)
end

-- A result that a simulation wrote has its clock: its clients kept in step where their lengths did not differ.
local function is_simulated(v)
  return type(v.date) == "string" and v.date:find "^19700101" ~= nil
end

-- What it holds of each metric. A time of 0 is none; answers of one token have none between tokens.
local function measured_of(v)
  local measured, single = {}, number(v, "total_output_tokens") == number(v, "completed")
  for _, key in ipairs { "mean", "median", "p90", "p95", "p99" } do      -- as bench_serving calls it
    local own, theirs = key .. "_e2el_ms", key .. "_e2e_latency_ms"
    if v[own] == nil then v[own] = v[theirs] end
  end
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
--   requests; whether the result is simulated, and its lengths exactly as they are told
function bench.read(v)
  if v.input_sequence_throughput ~= nil then
    error("a benchmark of a pooling model, which generates nothing; one of a model that generates expected", 0)
  end
  local count = math.tointeger(number(v, "completed") or number(v, "num_prompts"))
  if not count or count < 1 or count > MOST then
    error(("completed: a whole number from 1 to %d expected"):format(MOST), 0)
  end
  local sent = number(v, "num_prompts")
  if sent and count > sent then
    error(("completed: %d: no more than num_prompts, %g, expected"):format(count, sent), 0)
  end
  local model = v.model_id
  return workload_of(v, count), measured_of(v), type(model) == "string" and model or nil, count, is_simulated(v)
end

--- The requests of a detailed result that were answered, as oracle.formats.measured.requests has them; nil where it
-- does not say when each was sent and what it took.
function bench.requests(v)
  local prompts = list_of(v, "input_lens")
  local n = prompts and #prompts
  local outputs, starts = n and list_of(v, "output_lens", n), n and list_of(v, "start_times", n)
  local ttfts = outputs and starts and list_of(v, "ttfts", n)
  if not ttfts or type(v.itls) ~= "table" or #v.itls ~= n then return nil end
  local rows, first = {}, math.huge
  for _, t in ipairs(starts) do first = math.min(first, t) end
  for i = 1, n do
    if outputs[i] >= 1 and prompts[i] >= 1 and type(v.itls[i]) == "table" then
      local e2e = ttfts[i]
      for _, gap in ipairs(v.itls[i]) do
        if type(gap) ~= "number" or not (gap >= 0 and gap <= MOST) then
          error(("itls[%d]: times of at least 0 expected"):format(i), 0)
        end
        e2e = e2e + gap
      end
      local arrival = starts[i] - first
      rows[#rows + 1] = { arrival = arrival, prompt = prompts[i], output = outputs[i], completion = arrival + e2e,
                          ttft = 1000 * ttfts[i], e2e = 1000 * e2e,
                          tpot = outputs[i] > 1 and 1000 * (e2e - ttfts[i]) / (outputs[i] - 1) or nil }
    end
  end
  table.sort(rows, function(a, b) return a.arrival < b.arrival end)
  return #rows > 0 and rows or nil
end

--- The comparison, as oracle.formats.measured makes it.
function bench.compare(_, v, deployment)
  local workload, measured, model, count, exact = bench.read(v)
  local summary = load.run(deployment, { model = model, exact = exact }, workload)
  return report.table(load.title(("vllm bench, %d requests"):format(count), summary), load.rows(measured, summary))
end

return bench
