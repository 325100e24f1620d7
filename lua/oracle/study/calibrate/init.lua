--- Fitting a cost model to measurements: parameters that many rows have in common, by least squares on the simulator's
-- own predictions. Rows of one configuration count together as the root of their number, rows far off as much as rows
-- some way off (a soft absolute value), and each parameter is held by its prior.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local fits = lazy "oracle.models.fits"
local priced = lazy "oracle.study.calibrate.priced"
local space = lazy "oracle.study.calibrate.space"

local calibrate = {}

-- What a relative error of each metric is measured in: the spread of repeated measurements for step times (4 to 5 %
-- within a configuration), and five times that for first tokens, which recipes and bursts decide.
local SPREAD = { tpot = 0.06, ttft = 0.35, e2e = 0.06, throughput = 0.06 }
local OPEN_TTFT = 0.08                                    -- of requests that arrive evenly spaced
local SOFT = 2                                            -- spreads from which on errors count less than their square

-- ---- parameters of rows ----

local function version_of(r)
  return r.row.cost and r.row.cost.engine_version or r.row.version
end

--- The calibration of each row under a set of values: what rows share is made once.
-- @param out { kernels =, engines = } as oracle.study.calibrate.space has them
-- @return function(row) -> { calibration of core.cost, client, key = a text that is the same for equal parameters }
function calibrate.resolver(out)
  local made = {}
  for _, fit in pairs(out.engines) do fit.kernels = out.kernels end
  return function(r)
    local fit = out.engines[r.engine]
    local name = ("%s %s %s"):format(r.engine, r.generation, tostring(fits.is_older(fit, version_of(r))))
    local one = made[name]
    if not one then
      local parameters, client = fits.parameters(fit, r.generation, version_of(r))
      one = { core.cost.calibration(parameters), client, name = name, key = core.json.encode { parameters, client } }
      made[name] = one
    end
    return one
  end
end

-- ---- residuals ----

--- A residual whose square grows like the error itself once it is far off.
local function soft(z)
  local s = 2 * SOFT * SOFT * (math.sqrt(1 + z * z / (SOFT * SOFT)) - 1)
  return z < 0 and -math.sqrt(s) or math.sqrt(s)
end

local function group_of(r)
  local w = r.row
  return table.concat({ w.model, w.gpu, w.engine, w.version or "", w.format, w.layout }, "|")
end

--- Weigh rows: those of one configuration together as the square root of their number; of one's own deployment each by
-- itself.
function calibrate.weigh(rows)
  local count = {}
  for _, r in ipairs(rows) do count[group_of(r)] = (count[group_of(r)] or 0) + 1 end
  for _, r in ipairs(rows) do
    r.weight = (r.row.own and 1 or count[group_of(r)] ^ -0.25) * (r.row.weight or 1)
  end
end

local METRICS = { "ttft", "tpot", "e2e", "throughput" }

-- The two residuals of a row: its steps, by the metric that tells them best, and its first token.
local function residuals_of(r, one)
  local predicted = table.pack(priced.price(r, one[1], one[2]))
  local measured, steps = r.row.measured, 0
  for i = 2, 4 do
    local metric = METRICS[i]
    if measured[metric] and predicted[i] > 0 then
      local ratio = predicted[i] / measured[metric]
      steps = math.log(i == 4 and 1 / ratio or ratio) / SPREAD[metric]
      break
    end
  end
  local first = 0
  if measured.ttft and predicted[1] > 0 and not r.row.burst then
    first = math.log(predicted[1] / measured.ttft) / (r.row.open and OPEN_TTFT or SPREAD.ttft)
  end
  return r.weight * soft(steps), r.weight * soft(first)
end

local KEPT = 4                                            -- sets of a kind of row whose residuals are remembered

-- A memory of residuals: derivatives change the parameters of few rows at a time.
local function remembering(rows)
  local memory = {}
  return function(out, into)
    local resolve = calibrate.resolver(out)
    for i, r in ipairs(rows) do
      local one = resolve(r)
      local m = memory[one.name] or { order = {} }
      memory[one.name] = m
      local known = m[one.key]
      if not known then
        known = {}
        m[one.key] = known
        m.order[#m.order + 1] = one.key
        if #m.order > KEPT then m[table.remove(m.order, 2)] = nil end
      end
      if not known[i] then
        local a, b = residuals_of(r, one)
        known[i] = { a, b }
      end
      into[2 * i - 1], into[2 * i] = known[i][1], known[i][2]
    end
    return into
  end
end

-- ---- fitting ----

local STEP = 1e-3                                         -- of a parameter's logarithm, to see what it moves

--- Which parameters the rows say anything about: the others are left where they are.
-- @return those that are determined, and the names of the others
function calibrate.determined(rows, base, parameters)
  local residuals = remembering(rows)
  local at = table.move(residuals(base, {}), 1, 2 * #rows, 1, {})
  local kept, others = {}, {}
  for i, parameter in ipairs(parameters) do
    local x = {}
    for k = 1, #parameters do x[k] = k == i and STEP or 0 end
    local moved, sum = residuals(space.set(base, parameters, x), {}), 0
    for k = 1, 2 * #rows do sum = sum + ((moved[k] - at[k]) / STEP) ^ 2 end
    -- What data say is worth something once it is about as sharp as what was known before.
    parameter.information = math.sqrt(sum) * parameter.width
    if parameter.information >= (parameter.least or 0.2) then kept[#kept + 1] = parameter
    else others[#others + 1] = parameter.name end
  end
  return kept, others
end

--- Fit.
-- @param rows of oracle.study.calibrate.priced, anchored and weighed
-- @param base where it begins and what holds it, @param parameters of oracle.study.calibrate.space
-- @param options { most = calls for derivatives, begin = logarithms to begin with, progress = function(done, of),
--   stop = function() -> true where it is to end; then "interrupted" is raised }
-- @return values as `base` has them, the logarithms, and { norm =, calls =, why = }
function calibrate.fit(rows, base, parameters, options)
  options = options or {}
  local n, residuals, calls = #parameters, remembering(rows), 0
  local most = options.most or 6 * (n + 1)
  local into = {}
  local function evaluate(x)
    residuals(space.set(base, parameters, x), into)
    for i = 1, n do into[2 * #rows + i] = x[i] / parameters[i].width end
    calls = calls + 1
    if options.stop and options.stop() then error("interrupted", 0) end
    if options.progress then options.progress(math.min(calls, most), most) end
    return into
  end
  local begin = {}
  for i = 1, n do begin[i] = options.begin and options.begin[i] or 0 end
  local x, how = core.least_squares(evaluate, begin, 2 * #rows + n, { tolerance = 1e-3, step = 1e-4, most = most })
  return space.set(base, parameters, x), x, how
end

--- Errors of rows under values: a list of { ttft =, tpot =, e2e =, throughput = relative, or nil }, by place.
function calibrate.errors(rows, values)
  local resolve, list = calibrate.resolver(values), {}
  for i, r in ipairs(rows) do
    local one = resolve(r)
    local predicted, e = table.pack(priced.price(r, one[1], one[2])), {}
    for k, metric in ipairs(METRICS) do
      local measured = r.row.measured[metric]
      if measured and predicted[k] > 0 then e[metric] = predicted[k] / measured - 1 end
    end
    list[i] = e
  end
  return list
end

--- Errors of rows whose kin were left out of the fit: of each group the values are fitted to all other rows, from the
-- whole fit's on.
-- @param tell function(row) -> the group, such as its model
-- @param whole what calibrate.fit gave: logarithms
-- @return errors by place, as calibrate.errors has them
function calibrate.crossed(rows, base, parameters, whole, tell, options)
  local names, seen, list = {}, {}, {}
  for _, r in ipairs(rows) do
    local name = tell(r)
    if not seen[name] then
      seen[name], names[#names + 1] = true, name
    end
  end
  table.sort(names)
  for k, name in ipairs(names) do
    local others, held, places = {}, {}, {}
    for i, r in ipairs(rows) do
      if tell(r) == name then
        held[#held + 1], places[#places + 1] = r, i
      else
        others[#others + 1] = r
      end
    end
    if #others > 0 then
      local values = calibrate.fit(others, base, parameters,
        { begin = whole, most = options and options.most or 3 * (#parameters + 1),
          stop = options and options.stop })
      for j, e in ipairs(calibrate.errors(held, values)) do list[places[j]] = e end
    end
    if options and options.progress then options.progress(k, #names) end
  end
  return list
end

return calibrate
