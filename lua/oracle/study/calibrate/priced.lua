--- Rows of measurements in a form whose predictions cost next to nothing: each was simulated once, and what its steps
-- were - their shapes, and how many requests waited and how many were answered meanwhile - is priced anew under other
-- parameters. A mean TPOT is the sum of step times, each as often as a request got a token in it; a mean TTFT the same
-- over the requests that waited for their first.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local planning = lazy "oracle.plan"
local scenario = lazy "oracle.scenario"

local priced = {}

local function column(pool, key)
  local list = {}
  for i, alike in ipairs(pool.alike) do list[i] = alike[key] end
  return list
end

-- One pool of servers: its prepared deployment, and how its shapes weigh.
local function side_of(kind, pool)
  return {
    prepared = core.cost.prepare { model = kind.model, hardware = kind.hardware, layout = kind.layout,
                                   shapes = column(pool, "shape") },
    answered = column(pool, "answered"), waiting = column(pool, "waiting"), steps = column(pool, "steps"),
    times = {},
  }
end

local function sum(weight, times)
  local total = 0
  for i, w in ipairs(weight) do total = total + w * times[i] end
  return total
end

-- The pools that requests wait in for their first token, and that give them the others.
local function sides_of(spec, shapes)
  local first, rest
  for i, pool in ipairs(shapes) do
    local side = side_of(spec.pools and spec.pools[i] or spec, pool)
    if pool.role ~= "decode" then first = first or side end
    if pool.role ~= "prefill" then rest = rest or side end
  end
  return first, rest
end

-- Means by the shapes alone, s; what the client adds is left out.
local function bare(r, calibration)
  core.cost.reprice(r.first.prepared, calibration, r.first.times)
  if r.rest ~= r.first then core.cost.reprice(r.rest.prepared, calibration, r.rest.times) end
  local ttft = sum(r.first.waiting, r.first.times) / math.max(1, r.asked)
  local tpot = r.gaps > 0 and sum(r.rest.answered, r.rest.times) / r.gaps or 0
  return ttft, tpot, sum(r.rest.steps, r.rest.times) / r.replicas
end

-- What a row has of a metric over its mean: the median of what was simulated where that was measured, else 1.
local function statistic_of(r, metric)
  local told, p = r.row.statistic, r.simulated[metric]
  local name = type(told) == "table" and told[metric] or told
  local v = type(name) == "string" and p and p[name]
  return v and p.mean > 0 and v / p.mean or 1
end

-- Bring a row's sums in line with what its run really measured, under the parameters it ran with: what sums leave out -
-- transfers, stages, half a step until the next begins - scales with the rest.
local function anchored(r, calibration)
  local p = r.simulated
  local ttft, tpot, busy = bare(r, calibration)
  local step = p.tpot and p.tpot.mean / 1000 or 0
  local measured_first = p.ttft and p.ttft.mean / 1000 - r.overhead - r.streamed * step or 0
  r.scale_ttft = ttft > 0 and measured_first > 0 and measured_first / ttft or 1
  r.scale_tpot = tpot > 0 and p.tpot and p.tpot.mean / 1000 / tpot or 1
  r.scale_busy = busy > 0 and p.duration / busy or 1
  r.of_mean = {}
  for _, metric in ipairs { "ttft", "tpot", "e2e" } do r.of_mean[metric] = statistic_of(r, metric) end
  return r
end

-- The number formats of its matrices, as "gemm.bf16" and "expert.fp4".
local function formats_of(spec)
  local set = {}
  for _, pool in ipairs(spec.pools or { spec }) do
    local formats = core.cost.part_formats { model = pool.model, layout = pool.layout }
    for part, format in pairs(formats) do set[(part == "expert" and "expert." or "gemm.") .. format] = true end
    set["gemm." .. (pool.layout.activations or "bf16")] = true
  end
  return set
end

--- A row made ready.
-- @param row of a table of measurements, with `scenario`
-- @param p its prediction, with `shapes`
-- @param memo of planning.plan
-- @return what priced.price takes: { row =, generation =, engine =, formats = of its matrices, ... }; raises where the run was priced by no fit
function priced.row(row, p, memo)
  local s = scenario.new(row.scenario)
  local plan = planning.plan(s, memo)
  local first, rest = sides_of(plan.spec, p.shapes)
  local asked, gaps = p.requests.successful, p.tokens - p.requests.successful
  local ran = (plan.spec.pools and plan.spec.pools[1] or plan.spec).cost.calibration
  if not ran then error(row.id .. ": its run was not priced by a fit", 0) end
  return anchored({
    row = row, generation = plan.deployment.hardware.generation, engine = row.engine, gaps = gaps, asked = asked,
    first = first, rest = rest, formats = formats_of(plan.spec), simulated = p, tokens = p.tokens, answers = p.tokens / math.max(1, asked),
    overhead = plan.spec.cost.request_overhead or 0, streamed = plan.spec.cost.stream_interval or 0,
    recipe = row.cost and row.cost.stream_interval, before = row.cost and row.cost.request_overhead or 0, replicas = row.scenario.replicas or 1,
  }, core.cost.calibration(ran))
end

--- What was measured of a row - means, or medians - under other parameters.
-- @param calibration of core.cost.calibration, @param client { api_time =, stream_interval = }
-- @return ttft, tpot, e2e in ms, and output tokens/s
function priced.price(r, calibration, client)
  local ttft, tpot, busy = bare(r, calibration)
  ttft, tpot, busy = ttft * r.scale_ttft, tpot * r.scale_tpot, busy * r.scale_busy
  local seen = (r.recipe or client.stream_interval) * tpot + client.api_time + r.before
  local e2e, of = ttft + seen + tpot * (r.answers - 1), r.of_mean
  return 1000 * (ttft + seen) * of.ttft, 1000 * tpot * of.tpot, 1000 * e2e * of.e2e, busy > 0 and r.tokens / busy or 0
end

return priced
