--- A measured load simulated on a deployment: what both requests.lua and bench.lua do with theirs.
local lazy = require "oracle.lazy"
local scenario = lazy "oracle.scenario"
local study = lazy "oracle.study"

local load = {}

local PARTS = { { "time_to_first_token_ms", "TTFT" }, { "time_per_output_token_ms", "TPOT" },
                { "inter_token_latency_ms", "ITL" }, { "end_to_end_latency_ms", "E2E" } }

--- Run a workload on a deployment.
-- @param deployment a scenario; its workload, warm-up and duration are replaced
-- @param defaults { model = name } where the data says it and the deployment does not
-- @return the summary
function load.run(deployment, defaults, workload)
  local s = deployment and deployment:copy() or scenario.new {}
  local raw = scenario.raw(s)
  raw.model = raw.model or defaults.model
  raw.workload, raw.warm_up, raw.duration, raw.vary, raw.report = workload, nil, nil, nil, nil
  raw.percentiles = { 50, 90, 95, 99 }
  for _, key in ipairs { "model", "hardware" } do
    if not raw[key] then
      error(("%s: not told by the data; a scenario as second file, or --set %s=NAME, expected"):format(key, key), 0)
    end
  end
  return study.run(s)
end

--- Rows of the comparison.
-- @param latencies { time_to_first_token_ms = { mean =, p50 =, ... }, ... } as measured
-- @param rates { requests_per_second =, output_tokens_per_second =, total_tokens_per_second = } as measured
function load.rows(latencies, rates, summary)
  local rows = {}
  for _, rate in ipairs { { "requests_per_second", "requests/s" }, { "output_tokens_per_second", "output tokens/s" },
                          { "total_tokens_per_second", "all tokens/s" } } do
    rows[#rows + 1] = { rate[2], "", rates[rate[1]], summary.throughput[rate[1]] }
  end
  for _, part in ipairs(PARTS) do
    for _, key in ipairs { "mean", "p50", "p90", "p95", "p99" } do
      local actual = latencies[part[1]] and latencies[part[1]][key]
      rows[#rows + 1] = { ("%s %s (ms)"):format(part[2], key), "ms", actual, summary.latency[part[1]][key] }
    end
  end
  return rows
end

--- One line that says what was compared with what.
function load.title(what, summary)
  local d = summary.deployment
  return ("%s, against %s on %d x %s"):format(what, d.model, d.gpus, d.hardware)
end

return load
