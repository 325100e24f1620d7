--- Distributions as people write them, and as the engine wants them.
-- Parameters are linear (never log space): `lognormal { median = 800, p99 = 8000 }`. A distribution is a
-- plain table with `kind`; a bare number stands for a constant. Every kind takes `min` and `max`, which
-- clamp a draw.
local lazy = require "oracle.lazy"
local empirical = lazy "oracle.scenario.empirical"
local scalar = require "oracle.scenario.scalar"
local spelling = lazy "oracle.text.spelling"

local dist = {}

-- Standard normal quantiles (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.1).
local Z = { p90 = 1.2815515655446004, p95 = 1.6448536269514722, p99 = 2.3263478740408408 }

local KINDS = {}                                          -- kind -> { fields, order, convert }

-- Fields are rows of oracle.scenario.scalar.
local POSITIVE = { type = "number", min = 0, open = true }
local ANY = { type = "number" }
local NOT_NEGATIVE = { type = "number", min = 0 }

local function kind(name, fields, convert)
  local order = {}
  for field in pairs(fields) do order[#order + 1] = field end
  table.sort(order)
  KINDS[name] = { fields = fields, order = order, convert = convert }
end

-- Exactly these of the fields must be given; returns a message otherwise.
local function exactly(d, ...)
  for _, set in ipairs { ... } do
    local given = true
    for _, field in ipairs(set) do given = given and d[field] ~= nil end
    if given then
      local allowed = { kind = true, min = true, max = true }
      for _, field in ipairs(set) do allowed[field] = true end
      local extra = {}
      for field in pairs(KINDS[d.kind].fields) do
        if d[field] ~= nil and not allowed[field] then extra[#extra + 1] = field end
      end
      table.sort(extra)
      if extra[1] then
        return ("%s: %s and %s say the same twice; leave one out"):format(d.kind, table.concat(set, ", "), extra[1])
      end
      return nil
    end
  end
  local forms = {}
  for i, set in ipairs { ... } do forms[i] = table.concat(set, " and ") end
  return ("%s needs %s"):format(d.kind, table.concat(forms, ", or "))
end

kind("constant", { value = ANY }, function(d)
  local wrong = exactly(d, { "value" })
  if wrong then return nil, wrong end
  return { kind = "constant", a = d.value }
end)

kind("uniform", { low = ANY, high = ANY }, function(d)
  local wrong = exactly(d, { "low", "high" })
  if wrong then return nil, wrong end
  if d.high < d.low then return nil, ("uniform: high %g is below low %g"):format(d.high, d.low) end
  return { kind = "uniform", a = d.low, b = d.high }
end)

kind("normal", { mean = ANY, std = NOT_NEGATIVE }, function(d)
  local wrong = exactly(d, { "mean", "std" })
  if wrong then return nil, wrong end
  return { kind = "normal", a = d.mean, b = d.std }
end)

-- sigma of the underlying normal from what the user gave beside the median or the mean.
local function lognormal_sigma(d, quantile)
  if d.sigma then return d.sigma end
  if quantile then
    local z, ratio = Z[quantile], math.log(d[quantile] / (d.median or d.mean))
    if d.median then
      if ratio < 0 then
        return nil, ("lognormal: %s %g is below the median %g"):format(quantile, d[quantile], d.median)
      end
      return ratio / z
    end
    -- ln q = ln mean - sigma^2/2 + z sigma: the smaller root, the other is an absurdly wide one
    if ratio < 0 then return nil, ("lognormal: %s %g is below the mean %g"):format(quantile, d[quantile], d.mean) end
    if z * z < 2 * ratio then
      return nil, ("lognormal: no lognormal has %s %g with mean %g (at most %.4g)"):format(quantile, d[quantile],
        d.mean, d.mean * math.exp(z * z / 2))
    end
    return z - math.sqrt(z * z - 2 * ratio)
  end
  if d.median and d.mean then
    if d.mean < d.median then return nil, ("lognormal: mean %g is below the median %g"):format(d.mean, d.median) end
    return math.sqrt(2 * math.log(d.mean / d.median))
  end
  if d.cv then return math.sqrt(math.log(1 + d.cv ^ 2)) end
  if d.mean then return math.sqrt(math.log(1 + (d.std / d.mean) ^ 2)) end
  -- std^2 = median^2 x (x - 1) with x = exp(sigma^2)
  return math.sqrt(math.log((1 + math.sqrt(1 + 4 * (d.std / d.median) ^ 2)) / 2))
end

kind("lognormal", { median = POSITIVE, mean = POSITIVE, sigma = NOT_NEGATIVE, cv = NOT_NEGATIVE, std = NOT_NEGATIVE,
                    p90 = POSITIVE, p95 = POSITIVE, p99 = POSITIVE }, function(d)
  local centre = d.median and "median" or "mean"
  local wrong = exactly(d, { "median", "mean" }, { centre, "p99" }, { centre, "p95" }, { centre, "p90" },
    { centre, "sigma" }, { centre, "cv" }, { centre, "std" })
  if wrong then
    if wrong:find("needs", 1, true) then
      wrong = "lognormal needs median or mean, and one of p99, p95, p90, sigma, cv, std (all linear, not log space)"
    end
    return nil, wrong
  end
  local sigma, why = lognormal_sigma(d, d.p99 and "p99" or d.p95 and "p95" or d.p90 and "p90")
  if not sigma then return nil, why end
  local mu = d.median and math.log(d.median) or math.log(d.mean) - sigma ^ 2 / 2
  return { kind = "lognormal", a = mu, b = sigma }
end)

kind("exponential", { mean = POSITIVE }, function(d)
  local wrong = exactly(d, { "mean" })
  if wrong then return nil, wrong end
  return { kind = "exponential", a = d.mean }
end)

for _, name in ipairs { "pareto", "weibull" } do
  kind(name, { shape = POSITIVE, scale = POSITIVE }, function(d)
    local wrong = exactly(d, { "shape", "scale" })
    if wrong then return nil, wrong end
    return { kind = name, a = d.shape, b = d.scale }
  end)
end

kind("gamma", { shape = POSITIVE, scale = POSITIVE, mean = POSITIVE, cv = POSITIVE }, function(d)
  local wrong = exactly(d, { "shape", "scale" }, { "mean", "cv" }, { "mean", "shape" })
  if wrong then return nil, wrong end
  local shape = d.shape or 1 / d.cv ^ 2
  return { kind = "gamma", a = shape, b = d.scale or d.mean / shape }
end)

kind("geometric", { mean = { type = "number", min = 1 },
                    p = { type = "number", min = 0, open = true, max = 1 } }, function(d)
  local wrong = exactly(d, { "p" }, { "mean" })
  if wrong then return nil, wrong end
  return { kind = "geometric", a = d.p or 1 / d.mean }
end)

kind("linear", { from = ANY, to = ANY, over = { type = "count", min = 1 } }, function(d)
  local wrong = exactly(d, { "from", "to", "over" })
  if wrong then return nil, wrong end
  return { kind = "linear", a = d.from, b = d.to, span = d.over }
end)

local function check_list(d, list, what, least)
  if type(list) ~= "table" or #list == 0 then return ("%s: %s: a list of numbers expected"):format(d.kind, what) end
  for i, v in ipairs(list) do
    if type(v) ~= "number" or v ~= v or v < least or v == math.huge then
      return ("%s: %s[%d]: a number%s expected, got %s"):format(d.kind, what, i,
        least == 0 and " >= 0" or "", tostring(v))
    end
  end
end

-- Weights of `count` entries, 1 each unless given; nil and a message when they make no distribution.
local function weights_of(d, weights, count)
  if weights == nil then
    weights = {}
    for i = 1, count do weights[i] = 1 end
    return weights
  end
  local wrong = check_list(d, weights, "weights", 0)
  if wrong then return nil, wrong end
  if #weights ~= count then return nil, ("%s: %d weights for %d entries"):format(d.kind, #weights, count) end
  local total = 0
  for _, w in ipairs(weights) do total = total + w end
  if total <= 0 then return nil, ("%s: all weights are zero"):format(d.kind) end
  return weights
end

-- Values and weights, resolved.
local function listed(d, values)
  local wrong = check_list(d, values, "values", -math.huge)
  if wrong then return nil, wrong end
  local weights, why = weights_of(d, d.weights, #values)
  if not weights then return nil, why end
  return { kind = "empirical", values = values, weights = weights }
end

kind("categorical", { values = "list", weights = "list" }, function(d)
  return listed(d, d.values)
end)

-- Names of columns: { value =, weight = }, or { prompt =, output =, weight = } of pairs; nil, else what is wrong.
local function check_columns(columns)
  if type(columns) ~= "table" then return "empirical: columns: { value = , weight = } expected" end
  local together = columns.prompt ~= nil or columns.output ~= nil
  local known = together and { prompt = true, output = true, weight = true } or { value = true, weight = true }
  for key, name in pairs(columns) do
    if not known[key] then
      return ("empirical: columns.%s: %s expected"):format(tostring(key), together and "prompt, output or weight"
        or "value or weight, or prompt and output")
    end
    if type(name) ~= "string" then return ("empirical: columns.%s: the name of a column expected"):format(key) end
  end
  for key in pairs(known) do
    if key ~= "weight" and columns[key] == nil then return ("empirical: columns.%s: missing"):format(key) end
  end
end

-- { kind = "empirical" } or, of pairs, { kind = "pairs", prompt =, output =, weights = or nil }, from a file.
local function of_file(d, find)
  if d.values or d.weights then return nil, "empirical: values and file both given" end
  if type(d.file) ~= "string" then return nil, "empirical: file: a path expected" end
  local wrong = d.columns ~= nil and check_columns(d.columns)
  if wrong then return nil, wrong end
  local together = d.columns and d.columns.prompt
  if together and (d.min or d.max) then return nil, "empirical: min, max: only of a single column" end
  if find == false then
    return together and { kind = "pairs", prompt = { 1 }, output = { 1 } }
      or { kind = "empirical", values = { 0 }, weights = { 1 } }
  end
  local path, why = d.file, nil
  if find then path, why = find(d.file) end
  if not path then return nil, ("empirical: %s: %s"):format(d.file, why) end
  if together then
    local out
    out, why = empirical.pairs(path, d.columns)
    if not out then return nil, "empirical: " .. why end
    out.kind = "pairs"
    return out
  end
  local values, weights = empirical.values(path, d.columns)
  if not values then return nil, "empirical: " .. weights end
  return listed({ kind = "empirical", weights = weights }, values)
end

kind("empirical", { values = "list", weights = "list", file = "path", columns = "names" }, function(d, find)
  if d.file then return of_file(d, find) end
  if d.columns then return nil, "empirical: columns: of a file; file is missing" end
  if not d.values then return nil, "empirical needs values or file" end
  return listed(d, d.values)
end)

local MIXTURE_DEPTH = 8

local function mixture(d, find, depth)
  if #d == 0 then return nil, "mixture needs parts: { { weight, distribution }, ... }" end
  if depth > MIXTURE_DEPTH then return nil, "mixture: nested too deep" end
  local weights, parts = {}, {}
  for i, part in ipairs(d) do
    if type(part) ~= "table" or part[1] == nil or part[2] == nil then
      return nil, ("mixture[%d]: { weight, distribution } expected"):format(i)
    end
    weights[i] = part[1]
    local inner, why = dist.resolve(part[2], find, depth + 1)
    if not inner then return nil, ("mixture[%d]: %s"):format(i, why) end
    if inner.kind == "pairs" then return nil, ("mixture[%d]: pairs of a file stand under lengths"):format(i) end
    parts[i] = inner
  end
  local checked, why = weights_of(d, weights, #parts)
  if not checked then return nil, why end
  return { kind = "mixture", weights = checked, parts = parts }
end

kind("mixture", {}, mixture)

local function check_number(d, field, row)
  local v, expected, said = scalar.check(row, d[field])
  if v == nil then return ("%s: %s %s: %s"):format(d.kind, field, said, expected) end
end

local function check_fields(d, k)
  local extra = {}
  for field in pairs(d) do
    local known = field == "kind" or field == "min" or field == "max" or k.fields[field]
    if not known and not (d.kind == "mixture" and math.type(field) == "integer") then
      extra[#extra + 1] = tostring(field)
    end
  end
  table.sort(extra)
  if extra[1] then
    local valid = { "min", "max" }
    for _, f in ipairs(k.order) do valid[#valid + 1] = f end
    table.sort(valid)
    local near = spelling.find(extra[1], valid)
    return ("%s: %s: unknown key; %s"):format(d.kind, extra[1],
      near and "did you mean " .. near .. "?" or "it takes " .. table.concat(valid, ", "))
  end
  for _, field in ipairs(k.order) do
    local rule = k.fields[field]
    if d[field] ~= nil and type(rule) == "table" then
      local wrong = check_number(d, field, rule)
      if wrong then return wrong end
    end
  end
  for _, field in ipairs { "min", "max" } do
    local wrong = d[field] ~= nil and check_number(d, field, ANY)
    if wrong then return wrong end
  end
  if d.min and d.max and d.min > d.max then return ("%s: min %g is above max %g"):format(d.kind, d.min, d.max) end
end

--- The names of the kinds, sorted.
function dist.kinds()
  local names = {}
  for name in pairs(KINDS) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The fields a kind takes, sorted; nil for an unknown kind.
function dist.fields(name)
  return KINDS[name] and KINDS[name].order
end

--- The row of a field, for what is checked elsewhere: a parameter of a configuration file that stands for it.
function dist.row(name, field)
  return assert(KINDS[name].fields[field])
end

-- The engine's shapes (ORC_DIST_SHAPE_LEAST and MOST in src/base/dist.h).
local SHAPED, SHAPE_LEAST, SHAPE_MOST = { gamma = true, pareto = true, weibull = true }, 1e-6, 1e12

-- What the engine could not draw from, though each parameter is a number for itself; nil: it can.
local function beyond(d, out)
  if SHAPED[out.kind] and not (out.a >= SHAPE_LEAST and out.a <= SHAPE_MOST) then
    return ("%s: %s: a shape from %g to %g expected, this makes %g"):format(d.kind, d.shape and "shape" or "cv",
      SHAPE_LEAST, SHAPE_MOST, out.a)
  end
  local spread = out.a and math.abs(out.a) + math.abs(out.b or 0) or 0
  if spread ~= spread or spread == math.huge then
    return d.kind .. ": smaller numbers expected: they make none together"
  end
end

--- Turn a distribution as written into the engine's form (src/base/dist.h).
-- @param d a number, or a table with `kind`
-- @param find function(path) -> path or nil, message: resolves the file of an empirical one; nil takes it as it
-- is, false checks all but the file
-- @return a new plain table; or nil and a message
function dist.resolve(d, find, depth)
  if type(d) == "number" then d = { kind = "constant", value = d } end
  if type(d) ~= "table" then
    return nil, ("a number or a distribution (oracle.dist.lognormal { ... }) expected, got %s"):format(
      type(d) == "string" and '"' .. d .. '"' or "a " .. type(d))
  end
  local k = KINDS[d.kind]
  if not k then
    local names, fold = dist.kinds(), spelling.fold
    for _, name in ipairs(names) do
      if type(d.kind) == "string" and fold(name) == fold(d.kind) then
        local same = { kind = name }
        for field, v in pairs(d) do same[field] = field == "kind" and name or v end
        return dist.resolve(same, find, depth)
      end
    end
    if d.kind == nil then return nil, "a distribution needs kind, one of " .. table.concat(names, ", ") end
    local near = spelling.find(tostring(d.kind), names)
    return nil, ('unknown distribution "%s"; %s'):format(tostring(d.kind),
      near and "did you mean " .. near .. "?" or "valid: " .. table.concat(names, ", "))
  end
  local wrong = check_fields(d, k)
  if wrong then return nil, wrong end
  local out, why = k.convert(d, find, depth or 1)
  if not out then return nil, why end
  why = beyond(d, out)
  if why then return nil, why end
  out.min, out.max = d.min, d.max
  return out
end

-- The smallest number that the parameters of a distribution name, and its name; nil where none can be too small.
local SMALLEST = {
  constant = function(d) return d.a, "value" end,
  uniform = function(d) return d.a, "low" end,
  normal = function(d) return d.a, "mean" end,
  linear = function(d) return math.min(d.a, d.b), d.a < d.b and "from" or "to" end,
  empirical = function(d)
    local smallest = math.huge
    for _, v in ipairs(d.values) do smallest = math.min(smallest, v) end
    return smallest, "values"
  end,
}

local MOST = 2147483647                                   -- a count as the engine keeps it (src/base/dist.h)

--- Whether a quantity that is never negative may be drawn from a distribution: a draw may be clamped, but what its
-- parameters name must make sense.
-- @param d a distribution as `resolve` returns it
-- @param least the smallest value of the quantity: 0 (a time) or 1 (tokens; spreads that reach down to 0 are fine)
-- @return nil when it may; else a message
function dist.below(d, least)
  for i, part in ipairs(d.parts or {}) do
    local why = dist.below(part, least)
    if why then return ("mixture[%d]: %s"):format(i, why) end
  end
  local spread = d.kind == "uniform" or d.kind == "empirical"
  local smallest, name = math.huge, nil
  if SMALLEST[d.kind] then smallest, name = SMALLEST[d.kind](d) end
  if smallest < (spread and 0 or least) then
    return ("%s: %s %g: >= %d expected"):format(d.kind, name, smallest, spread and 0 or least)
  end
  if d.kind == "constant" and d.a > MOST then
    return ("constant: value %.10g: at most %.10g expected"):format(d.a, MOST)
  end
  if d.kind == "uniform" and d.b < least then return ("uniform: high %g: >= %d expected"):format(d.b, least) end
  if d.min and d.min < 0 then return ("%s: min %g: >= 0 expected"):format(d.kind, d.min) end
  if d.max and d.max < least then return ("%s: max %g: >= %d expected"):format(d.kind, d.max, least) end
end

-- oracle.dist.lognormal { ... }: the same table with its kind. constant, exponential, mixture and empirical
-- read well with plain arguments too: constant(512), exponential(200), empirical { 100, 200, 400 }, empirical "a.csv".
local SHORT = { constant = "value", exponential = "mean", geometric = "mean" }

for name in pairs(KINDS) do
  dist[name] = function(t)
    if type(t) == "number" and SHORT[name] then t = { [SHORT[name]] = t } end
    if name == "empirical" and type(t) == "table" and type(t[1]) == "number" then t = { values = t } end
    if name == "empirical" and type(t) == "string" then t = { file = t } end
    if type(t) ~= "table" then error(("dist.%s: a table expected, got a %s"):format(name, type(t)), 2) end
    local d = { kind = name }
    for k, v in pairs(t) do d[k] = v end
    local _, why = dist.resolve(d, false)
    if why then error("dist." .. why, 0) end
    return d
  end
end

return spelling.strict(dist, "oracle.dist")
