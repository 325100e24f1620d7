--- Fitting a cost model to measurements: parameters that many rows have in common, by least squares on the simulator's
-- own predictions (oracle.study.calibrate.residuals), each parameter held by its prior.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local priced = lazy "oracle.study.calibrate.priced"
local residuals = lazy "oracle.study.calibrate.residuals"
local space = lazy "oracle.study.calibrate.space"

local calibrate = {}

local METRICS = { "ttft", "tpot", "e2e", "throughput" }

local function zeros(n)
  local x = {}
  for i = 1, n do x[i] = 0 end
  return x
end

--- Which parameters the rows say anything about: the others are left where they are.
-- @return those that are determined, and the names of the others
function calibrate.determined(rows, base, parameters)
  local columns = residuals.jacobian(rows, base, parameters, zeros(#parameters))
  local kept, others = {}, {}
  for i, parameter in ipairs(parameters) do
    local sum = 0
    for _, v in pairs(columns[i]) do sum = sum + v * v end
    -- What data say is worth something once it is about as sharp as what was known before.
    parameter.information = math.sqrt(sum) * parameter.width
    if parameter.information >= (parameter.least or 0.2) then kept[#kept + 1] = parameter
    else others[#others + 1] = parameter.name end
  end
  return kept, others
end

-- ---- fitting ----

local TOLERANCE = 1e-3
local ROUNDS = 10                                         -- of steps with derivatives of their own

-- Least squares with the parameters' priors below the rows'.
local function solve(rows, base, parameters, begin, jacobian, options)
  local n, into = #parameters, {}
  local function evaluate(x)
    if options.stop and options.stop() then error("interrupted", 0) end
    residuals.all(rows, space.set(base, parameters, x), into)
    for i = 1, n do into[2 * #rows + i] = x[i] / parameters[i].width end
    return into
  end
  local function derivatives(x)
    local columns = jacobian(x)
    for i = 1, n do columns[i][2 * #rows + i] = 1 / parameters[i].width end
    return columns
  end
  return core.least_squares(evaluate, begin, 2 * #rows + n,
    { tolerance = TOLERANCE, jacobian = derivatives, most = options.most })
end

--- Fit.
-- @param rows of oracle.study.calibrate.priced, anchored and weighed
-- @param base where it begins and what holds it, @param parameters of oracle.study.calibrate.space
-- @param options { begin = logarithms to begin with, progress = function(done, of),
--   stop = function() -> true where it is to end; then "interrupted" is raised }
-- @return values as `base` has them, the logarithms, { norm =, calls =, why = }, and the derivatives where it ends
function calibrate.fit(rows, base, parameters, options)
  options = options or {}
  local n, done = #parameters, 0
  local most = ROUNDS * n
  local function each()
    done = done + 1
    if options.stop and options.stop() then error("interrupted", 0) end
    if options.progress then options.progress(math.min(done, most), most) end
  end
  local function jacobian(x) return residuals.jacobian(rows, base, parameters, x, each) end
  local begin = options.begin and table.move(options.begin, 1, n, 1, {}) or zeros(n)
  local x, how = solve(rows, base, parameters, begin, jacobian, { stop = options.stop, most = 4 * ROUNDS })
  return space.set(base, parameters, x), table.move(x, 1, n, 1, {}), how
end

--- Errors of rows under values: a list of { ttft =, tpot =, e2e =, throughput = relative, or nil }, by place.
function calibrate.errors(rows, values)
  local resolve, list = residuals.resolver(values), {}
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

-- ---- what was left out ----

local CHORDS = 6                                          -- steps with the whole fit's derivatives

-- The derivatives of the rows at `places` among all.
local function part(columns, places)
  local list = {}
  for k, of in ipairs(columns) do
    local own = {}
    for j, i in ipairs(places) do own[2 * j - 1], own[2 * j] = of[2 * i - 1], of[2 * i] end
    list[k] = own
  end
  return list
end

-- The rows of each group, by place, and the groups sorted.
local function groups_of(rows, tell)
  local names, of = {}, {}
  for i, r in ipairs(rows) do
    local name = tell(r)
    if not of[name] then of[name], names[#names + 1] = {}, name end
    table.insert(of[name], i)
  end
  table.sort(names)
  return names, of
end

--- Errors of rows whose kin were left out of the fit: of each group the values are fitted to all other rows, from the
-- whole fit's on and with its derivatives, which differ little; what is left out is then predicted as it stands.
-- @param tell function(row) -> the group, such as its model
-- @param whole what calibrate.fit gave: logarithms
-- @param columns of residuals.jacobian there; nil: they are made
-- @return errors by place, as calibrate.errors has them
function calibrate.crossed(rows, base, parameters, whole, tell, options)
  options = options or {}
  local columns = options.columns or residuals.jacobian(rows, base, parameters, whole)
  local names, of = groups_of(rows, tell)
  local list = {}
  for k, name in ipairs(names) do
    local left, held, others, places = {}, {}, {}, {}
    for _, i in ipairs(of[name]) do left[i], held[#held + 1] = true, rows[i] end
    for i, r in ipairs(rows) do
      if not left[i] then others[#others + 1], places[#places + 1] = r, i end
    end
    if #others > 0 then
      local own = part(columns, places)
      local x = solve(others, base, parameters, table.move(whole, 1, #parameters, 1, {}), function() return own end,
        { most = CHORDS, stop = options.stop })
      for j, e in ipairs(calibrate.errors(held, space.set(base, parameters, x))) do list[of[name][j]] = e end
    end
    if options.progress then options.progress(k, #names) end
  end
  return list
end

calibrate.resolver, calibrate.weigh = residuals.resolver, residuals.weigh

return calibrate
