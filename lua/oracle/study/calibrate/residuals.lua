--- Residuals of rows of measurements under a set of values, and how values move them. Rows of one configuration count
-- together as the root of their number, rows far off less than their square (a soft absolute value).
--
-- Rows of one engine, generation of chips and age of the engine have the same parameters: a cell. Only the cells that a
-- parameter reaches are priced again for its derivative, and of those only the rows whose matrices have its format.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local fits = lazy "oracle.models.fits"
local priced = lazy "oracle.study.calibrate.priced"
local space = lazy "oracle.study.calibrate.space"

local residuals = {}

-- What a relative error of each metric is measured in: the spread of repeated measurements for step times (4 to 5 %
-- within a configuration), and five times that for first tokens, which recipes and bursts decide.
local SPREAD = { tpot = 0.06, ttft = 0.35, e2e = 0.06, throughput = 0.06 }
local OPEN_TTFT = 0.08                                    -- of requests that arrive evenly spaced
local SOFT = 2                                            -- spreads from which on errors count less than their square

-- ---- parameters of rows ----

local function version_of(r)
  return r.row.cost and r.row.cost.engine_version or r.row.version
end

-- What has the parameters of a row: its engine, generation and the age of its engine.
local function cell_of(r, fit)
  r.cell = { name = ("%s %s %s"):format(r.engine, r.generation, fits.age(fit, version_of(r))), engine = r.engine,
             generation = r.generation, version = version_of(r) }
  return r.cell
end

--- The calibration of each row under a set of values: what rows share is made once.
-- @param out { kernels =, engines = } as oracle.study.calibrate.space has them
-- @return function(row) -> { calibration of core.cost, client, parameters = the calibration's }
function residuals.resolver(out)
  local made = {}
  for _, fit in pairs(out.engines) do fit.kernels = out.kernels end
  return function(r)
    local cell = r.cell or cell_of(r, out.engines[r.engine])
    local one = made[cell.name]
    if not one then
      local parameters, client = fits.parameters(out.engines[cell.engine], cell.generation, cell.version)
      one = { core.cost.calibration(parameters), client, parameters = parameters }
      made[cell.name] = one
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
function residuals.weigh(rows)
  local count = {}
  for _, r in ipairs(rows) do count[group_of(r)] = (count[group_of(r)] or 0) + 1 end
  for _, r in ipairs(rows) do
    r.weight = (r.row.own and 1 or count[group_of(r)] ^ -0.25) * (r.row.weight or 1)
  end
end

local STEPS = { "tpot", "e2e", "throughput" }             -- that tell what steps take, the best first

-- The two residuals of a row: its steps, by the metric that tells them best, and its first token.
local function of_row(r, one)
  local ttft, tpot, e2e, throughput = priced.price(r, one[1], one[2])
  local predicted = { tpot = tpot, e2e = e2e, throughput = throughput }
  local measured, steps, first = r.row.measured, 0, 0
  for _, metric in ipairs(STEPS) do
    if measured[metric] and predicted[metric] > 0 then
      local ratio = predicted[metric] / measured[metric]
      steps = math.log(metric == "throughput" and 1 / ratio or ratio) / SPREAD[metric]
      break
    end
  end
  if measured.ttft and ttft > 0 and not r.row.burst then
    first = math.log(ttft / measured.ttft) / (r.row.open and OPEN_TTFT or SPREAD.ttft)
  end
  return r.weight * soft(steps), r.weight * soft(first)
end

--- All of them: two a row.
-- @param into a list that takes them
function residuals.all(rows, out, into)
  local resolve = residuals.resolver(out)
  for i, r in ipairs(rows) do
    into[2 * i - 1], into[2 * i] = of_row(r, resolve(r))
  end
  return into
end

-- ---- derivatives ----

local STEP = 1e-3                                         -- of a parameter's logarithm, to see what it moves

-- What differs between two sets of parameters of a cell: "all" where it reaches all rows, else the formats of matrices
-- whose shares differ; nil: nothing.
local function difference(one, other)
  for name, v in pairs(one[2]) do
    if other[2][name] ~= v then return "all" end
  end
  local formats
  for name, v in pairs(one.parameters) do
    if type(v) ~= "table" then
      if other.parameters[name] ~= v then return "all" end
    else
      for format, share in pairs(v) do
        if other.parameters[name][format] ~= share then
          formats = formats or {}
          formats[name:match "^[^_]*" .. "." .. format] = true
        end
      end
    end
  end
  return formats
end

local function reaches(changed, r)
  if changed == "all" then return true end
  for format in pairs(changed or {}) do
    if r.formats[format] then return true end
  end
  return false
end

-- The column of one parameter: { [residual] = derivative }, those that are not there are 0.
local function column(rows, at, moved)
  local resolve, base, of = residuals.resolver(moved), at.resolve, {}
  local reached = {}
  for i, r in ipairs(rows) do
    local name = r.cell.name
    if reached[name] == nil then reached[name] = difference(resolve(r), base(r)) or false end
    if reached[name] and reaches(reached[name], r) then
      local steps, first = of_row(r, resolve(r))
      if steps ~= at[2 * i - 1] then of[2 * i - 1] = (steps - at[2 * i - 1]) / STEP end
      if first ~= at[2 * i] then of[2 * i] = (first - at[2 * i]) / STEP end
    end
  end
  return of
end

--- How parameters move the residuals.
-- @param parameters of oracle.study.calibrate.space, @param x their logarithms
-- @param each function(), called before each parameter, or nil
-- @return a list of columns, { [residual] = derivative by the logarithm }: what is not there is 0
function residuals.jacobian(rows, base, parameters, x, each)
  local out = space.set(base, parameters, x)
  local at = residuals.all(rows, out, {})
  at.resolve = residuals.resolver(out)
  local columns, moved = {}, table.move(x, 1, #parameters, 1, {})
  for k = 1, #parameters do
    if each then each() end
    moved[k] = x[k] + STEP
    columns[k] = column(rows, at, space.set(base, parameters, moved))
    moved[k] = x[k]
  end
  return columns
end

return residuals
