--- How far a prediction may be off: half-widths of an 80 % interval, from the errors that a fit had on deployments it
-- had not seen. They are wider where a run goes beyond what the fit's data tell.
local ordered = require "oracle.text.ordered"

local interval = {}

local COVERAGE = 0.8
local METRICS = { "ttft", "tpot", "e2e", "throughput" }

-- What each reason makes of a half-width; the same factors for all fits.
local FORCED = 2.0                                        -- a fit of another engine or generation
local OTHERS = 1.5                                        -- errors that are those on other generations of chips
local UNSEEN, MOST_UNSEEN = 0.25, 1.0                     -- more for each parameter that no data determined, at most
local DOUBLING = 0.25                                     -- more for each doubling of the sequences beyond the data
local MOST = 200                                          -- beyond three times as much or a third nothing is said
local NORMAL = 1.28                                       -- deviations that 80 % of a normal distribution lie within
-- A queue amplifies the error of what it waits for: u = share of a request's time that it waits.
local QUEUED = { ttft = 2.0, e2e = 1.0, throughput = 0, tpot = 0 }

-- The parts of a deployment that have errors of their own.
local function accuracies(deployment)
  if not deployment.pools then return { deployment.accuracy } end
  local list = {}
  for i, p in ipairs(deployment.pools) do list[i] = p.deployment.accuracy or false end
  return list
end

local function mean_of(summary, name)
  local d = summary.latency[name]
  return d and d.mean or 0
end

-- Sequences that decode at a time on one replica, by Little's law.
local function sequences(summary)
  local per_second = summary.throughput.output_tokens_per_second or 0
  return per_second * mean_of(summary, "time_per_output_token_ms") / 1e3 / math.max(1, summary.deployment.replicas)
end

local function waiting(summary)
  local e2e = mean_of(summary, "end_to_end_latency_ms")
  local share = e2e > 0 and math.min(1, mean_of(summary, "queue_time_ms") / e2e) or 0
  return summary.throughput.saturated and math.max(share, 0.5) or share
end

-- What widens the intervals of a part, and by how much.
local function widening(a, summary)
  local factor, reasons = 1, {}
  if a.forced then factor, reasons[1] = FORCED, "the fit is of another engine or chip" end
  if a.generation then
    factor = factor * OTHERS
    reasons[#reasons + 1] = ("few of its data, or none, are of generation %s"):format(a.generation)
  end
  if #a.unseen > 0 then
    factor = factor * (1 + math.min(MOST_UNSEEN, UNSEEN * #a.unseen))
    reasons[#reasons + 1] = "not in its data: " .. table.concat(a.unseen, ", ")
  end
  local n = sequences(summary)
  if a.sequences and n > a.sequences then
    factor = factor * (1 + DOUBLING * math.log(n / a.sequences, 2))
    reasons[#reasons + 1] = ("%.0f sequences at a time, %.0f at most in its data"):format(n, a.sequences)
  end
  return factor, reasons
end

-- The half-width of throughput where requests come at a rate and are served at it: only how long the last ones take is
-- off, which is as much of the run as one request is, and how many came by chance.
local function of_load(half, summary)
  local t, seconds = summary.throughput, summary.simulation and summary.simulation.effective_duration_s or 0
  if not half.throughput or t.saturated or seconds <= 0 then return half.throughput end
  local last = math.min(1, mean_of(summary, "end_to_end_latency_ms") / 1e3 / seconds)
  local chance = 100 * NORMAL / math.sqrt(math.max(1, summary.requests.successful or 1))
  return math.min(half.throughput, (half.e2e or half.throughput) * last + chance)
end

local function add_reasons(list, more)
  for _, text in ipairs(more) do
    local known = false
    for _, one in ipairs(list) do known = known or one == text end
    if not known then list[#list + 1] = text end
  end
end

--- The error that stands for a fit: of E2E, else of TPOT, in %, on deployments it had not seen.
function interval.error_pct(deployment)
  local most
  for _, a in ipairs(accuracies(deployment)) do
    local e = a and a.error and (a.error.e2e or a.error.tpot)
    if e and e.median then most = math.max(most or 0, e.median) end
  end
  return most
end

--- The half-widths of a run; where pools differ, the widest.
-- @param deployment of oracle.plan
-- @param summary the other parts of the run's summary
-- @param rate whether requests come at a rate of their own, whatever becomes of those before
-- @return { coverage =, ttft_pct =, tpot_pct =, e2e_pct =, throughput_pct =, wider = reasons }: nil where a half-width
--   says nothing; nil: no fit, or none that knows its errors
function interval.of(deployment, summary, rate)
  local half, reasons, known = {}, {}, true
  local queued = waiting(summary)
  for _, a in ipairs(accuracies(deployment)) do
    if not (a and a.error) then known = false break end
    local factor, why = widening(a, summary)
    add_reasons(reasons, why)
    for _, metric in ipairs(METRICS) do
      local e = a.error[metric]
      local own = e and (e.interval or e.p80)
      if own then half[metric] = math.max(half[metric] or 0, own * factor * (1 + QUEUED[metric] * queued)) end
    end
  end
  if not known or not next(half) then return nil end
  if rate then half.throughput = of_load(half, summary) end
  if queued > 0.1 then reasons[#reasons + 1] = ("requests wait %.0f %% of their time"):format(100 * queued) end
  local list = { { "coverage", COVERAGE } }
  for _, metric in ipairs(METRICS) do
    local told = half[metric] and half[metric] <= MOST
    if half[metric] and not told then reasons[#reasons + 1] = metric:upper() .. " is not known" end
    list[#list + 1] = { metric .. "_pct", told and math.floor(10 * half[metric] + 0.5) / 10 or nil }
  end
  list[#list + 1] = { "wider", ordered.array(reasons) }
  return ordered.object(list)
end

--- The half-widths in words: "TTFT ± 11 %, TPOT ± 6 %, ..."; nil: there are none.
-- @param list of interval.of's, the widest of which count
function interval.text(list)
  local parts = {}
  for i, metric in ipairs(METRICS) do
    local most
    for _, half in ipairs(list) do
      local v = half and half[metric .. "_pct"]
      if type(v) == "number" then most = math.max(most or 0, v) end
    end
    if most then parts[#parts + 1] = ("%s ± %.0f %%"):format(i < 4 and metric:upper() or metric, most) end
  end
  return parts[1] and table.concat(parts, ", ")
end

return interval
