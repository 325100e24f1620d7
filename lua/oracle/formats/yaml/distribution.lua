--- The distributions of a configuration file, as oracle.dist writes them.
-- Parameters are those of NumPy's generators, so a LogNormal's `mean` and `sigma` are those of the underlying normal
-- (log space); `median` with `p99` (or `sigma`) says the same linearly.
local lazy = require "oracle.lazy"
local dist = lazy "oracle.scenario.dist"
local fields = require "oracle.formats.fields"
local join = require("oracle.formats.problems").join

local distribution = {}

local TOKENS_SCALE = 20                                   -- e^20 is 485 million: no length, no time
local Z99 = 2.3263478740408408                            -- NIST/SEMATECH e-Handbook 1.3.6.7.1

local NAMES = { "Constant", "Fixed", "Exponential", "Uniform", "Normal", "LogNormal", "Pareto", "Weibull", "Gamma",
                "Mixture", "Linear", "Geometric", "Categorical", "Empirical" }

-- Of parameters that oracle.dist has none of: rates, logarithms, what clamps a draw. Those of the others are its own.
local POSITIVE, ANY = { type = "number", min = 0, open = true }, { type = "number" }

local function get(p, path, t, key, otherwise, row)
  if t[key] == nil then return otherwise end
  return fields.value(p, path, t, key, row)
end

local function from_linear(mean, std)
  local ratio = 1 + (std / mean) ^ 2
  local median = mean / math.sqrt(ratio)
  return median, median * math.exp(Z99 * math.sqrt(math.log(ratio)))
end

-- What most example files write: token counts, where the generator takes logarithms. They are read as what they say.
local function token_scale(p, path, mean, sigma)
  local std = sigma and sigma > 0 and sigma or 0.5 * mean
  local median, p99 = from_linear(mean, std)
  local spread = math.sqrt(math.log(1 + (std / mean) ^ 2))
  p:warn(join(path, "mean"), "%g is at token scale, where a LogNormal's mean is in log space (the median would be"
    .. " e^%g): read as a mean of %g and a standard deviation of %g, which median: %.4g and p99: %.4g say, or the"
    .. " logarithm, mean: %.4g and sigma: %.4g", mean, mean, mean, std, median, p99, math.log(median), spread)
  p:offer { kind = "lognormal", path = path, median = median, p99 = p99 }
  return { kind = "lognormal", median = median, sigma = spread }
end

local function lognormal(p, path, t)
  if t.median ~= nil then
    local d = { kind = "lognormal", median = get(p, path, t, "median", nil, dist.row("lognormal", "median")) }
    for _, key in ipairs { "mean", "mu" } do
      if t[key] ~= nil then return p:add(join(path, key), "median says the same; leave one out") end
    end
    local spread = false
    for _, key in ipairs { "p99", "p95", "p90", "sigma", "cv", "std" } do
      d[key] = get(p, path, t, key, nil, dist.row("lognormal", key))
      spread = spread or t[key] ~= nil
    end
    if not spread then d.sigma = 1 end                    -- the default that mean has too
    return d
  end
  for _, key in ipairs { "p99", "p95", "p90", "cv", "std" } do
    if t[key] ~= nil then return p:add(join(path, key), "goes with median, which is missing") end
  end
  if t.mu ~= nil and t.mean ~= nil then return p:add(join(path, "mu"), "mean says the same; leave one out") end
  local mean = get(p, path, t, "mean", nil, ANY) or get(p, path, t, "mu", 0, ANY)
  local sigma = get(p, path, t, "sigma", 1, dist.row("lognormal", "sigma"))
  if not mean or not sigma then return nil end
  if t.mu ~= nil and mean > TOKENS_SCALE then
    return p:add(join(path, "mu"), "%g: a logarithm, up to %d, expected (or give median, which is linear)", mean,
      TOKENS_SCALE)
  end
  if mean > TOKENS_SCALE then return token_scale(p, path, mean, t.sigma) end
  if sigma > 10 then
    return p:add(join(path, "sigma"), "%g: a standard deviation in log space, up to 10, expected (or give median and"
      .. " p99, which are linear)", sigma)
  end
  return { kind = "lognormal", median = math.exp(mean), sigma = sigma }
end

local function numbers(p, path, t, key)
  local list = fields.list(p, path, t, key, "missing; a list of numbers expected")
  if not list then return nil end
  local out = {}
  for i = 1, #list do
    if type(list[i]) ~= "number" then
      return p:add(join(join(path, key), i - 1), "%s: a number expected", fields.quote(list[i]))
    end
    out[i] = list[i]
  end
  return out
end

local read                                                -- below; a mixture holds distributions

local KINDS = {}

local function kind(names, keys, convert)
  for _, name in ipairs(names) do KINDS[name] = { keys = keys, convert = convert } end
end

kind({ "Constant", "Fixed" }, { "value" }, function(p, path, t)
  return { kind = "constant", value = get(p, path, t, "value", 1, dist.row("constant", "value")) }
end)

kind({ "Exponential" }, { "rate", "mean" }, function(p, path, t)
  if t.rate ~= nil and t.mean ~= nil then return p:add(path, "rate and mean say the same; leave one out") end
  local mean = get(p, path, t, "mean", nil, dist.row("exponential", "mean"))
  local rate = get(p, path, t, "rate", 1, POSITIVE)
  return { kind = "exponential", mean = mean or (rate and 1 / rate) }
end)

kind({ "Uniform" }, { "low", "high" }, function(p, path, t)
  return { kind = "uniform", low = get(p, path, t, "low", 0, dist.row("uniform", "low")),
           high = get(p, path, t, "high", 1, dist.row("uniform", "high")) }
end)

kind({ "Normal" }, { "mean", "std", "sigma" }, function(p, path, t)
  if t.std ~= nil and t.sigma ~= nil then return p:add(path, "std and sigma say the same; leave one out") end
  local spread = dist.row("normal", "std")
  local std = get(p, path, t, "std", nil, spread) or get(p, path, t, "sigma", 1, spread)
  return { kind = "normal", mean = get(p, path, t, "mean", 0, dist.row("normal", "mean")), std = std, min = 0 }
end)

kind({ "LogNormal" }, { "mean", "mu", "sigma", "median", "p99", "p95", "p90", "cv", "std" }, lognormal)

for name, shape in pairs { Pareto = 1, Weibull = 1, Gamma = 2 } do
  kind({ name }, { "shape", "scale" }, function(p, path, t)
    local ours = name:lower()
    return { kind = ours, shape = get(p, path, t, "shape", shape, dist.row(ours, "shape")),
             scale = get(p, path, t, "scale", 1, dist.row(ours, "scale")) }
  end)
end

kind({ "Linear" }, { "start", "end", "over" }, function(p, path, t, expected)
  for _, key in ipairs { "start", "end", not expected and "over" or nil } do
    if t[key] == nil then p:add(join(path, key), "missing; Linear goes from start to end over so many requests") end
  end
  if t.over == nil and expected then
    p:warn(path, "over is missing: %d requests, as many as the profile is expected to have", expected)
  end
  return { kind = "linear", from = get(p, path, t, "start", nil, dist.row("linear", "from")),
           to = get(p, path, t, "end", nil, dist.row("linear", "to")),
           over = get(p, path, t, "over", expected, dist.row("linear", "over")) }
end)

kind({ "Geometric" }, { "p", "mean" }, function(p, path, t)
  if (t.p == nil) == (t.mean == nil) then return p:add(path, "Geometric needs p or mean") end
  return { kind = "geometric", p = get(p, path, t, "p", nil, dist.row("geometric", "p")),
           mean = get(p, path, t, "mean", nil, dist.row("geometric", "mean")) }
end)

kind({ "Categorical" }, { "values", "weights" }, function(p, path, t)
  return { kind = "categorical", values = numbers(p, path, t, "values"),
           weights = t.weights ~= nil and numbers(p, path, t, "weights") or nil }
end)

kind({ "Empirical" }, { "values", "weights", "file" }, function(p, path, t)
  if t.file ~= nil then return { kind = "empirical", file = fields.text(p, path, t, "file") } end
  return { kind = "empirical", values = numbers(p, path, t, "values"),
           weights = t.weights ~= nil and numbers(p, path, t, "weights") or nil }
end)

kind({ "Mixture" }, { "components", "weights" }, function(p, path, t, expected)
  local list = fields.list(p, path, t, "components", "missing; a list of distributions expected")
  if not list then return nil end
  if #list == 0 then return p:add(join(path, "components"), "empty; a list of distributions expected") end
  local weights = t.weights ~= nil and numbers(p, path, t, "weights") or nil
  if weights and #weights ~= #list then
    return p:add(join(path, "weights"), "%d weights for %d components", #weights, #list)
  end
  local d = { kind = "mixture" }
  for i = 1, #list do
    local part = read(p, join(join(path, "components"), i - 1), list[i], expected)
    d[i] = part and { weights and weights[i] or 1, part } or nil
  end
  return #d == #list and d or nil
end)

local function known_keys(k)
  local keys = { "type", "is_int", "min", "max" }
  table.move(k.keys, 1, #k.keys, #keys + 1, keys)
  return keys
end

read = function(p, path, v, expected)
  if not fields.entry(p, path, v) then return nil end
  if v.type == nil then return p:add(path, "missing type; one of %s", table.concat(NAMES, ", ")) end
  local name = fields.choice(p, path, v, "type", NAMES, "%s: unknown distribution")
  if not name then return nil end
  local before = #p.errors
  fields.known(p, path, v, known_keys(KINDS[name]))
  fields.boolean(p, path, v, "is_int")
  local d = KINDS[name].convert(p, path, v, expected)
  local low, high = get(p, path, v, "min", nil, ANY), get(p, path, v, "max", nil, ANY)
  if not d or #p.errors > before then return nil end
  d.min, d.max = low or d.min, high or d.max
  return d
end

--- Read the distribution below `path` . `key`.
-- @param kind "time" (s) or "tokens": what it draws
-- @param absent the message when there is none; nil: it may be missing
-- @param expected requests that draw from it, about, which a Linear goes over where it does not say; nil: not known
-- @return oracle.dist's table; nil where there is none or it is wrong
function distribution.read(p, path, t, key, what, absent, expected)
  local at = join(path, key)
  if t[key] == nil then return absent and p:add(path, absent) end
  local before = #p.errors
  local d = read(p, at, t[key], expected)
  if not d or #p.errors > before then return nil end
  local resolved, why = dist.resolve(d, false)
  if not resolved then return p:add(at, why) end
  if what == "time" and type(t[key]) == "table" and t[key].is_int then
    p:warn(join(at, "is_int"), "has no effect: a time is not rounded to whole seconds")
  end
  local least = distribution.least(resolved)
  if least and least < 0 and not d.min then
    if d.kind == "constant" or (d.kind == "uniform" and what == "time") then
      return p:add(at, "draws %g; nothing below 0 expected", least)
    end
  end
  return d
end

--- The smallest value a resolved distribution can draw, where it has one and no minimum clamps it; else nil.
function distribution.least(d)
  if d.kind == "constant" or d.kind == "uniform" then return d.a end
  if d.kind == "linear" then return math.min(d.a, d.b) end
  if d.kind == "empirical" then return math.min(table.unpack(d.values, 1, math.min(#d.values, 200))) end
  return nil
end

-- Whether draws end at 0 for good, by kind.
local STILL = {
  constant = function(d) return d.a <= 0 end, uniform = function(d) return d.b <= 0 end,
  normal = function(d) return d.a <= 0 and d.b == 0 end, linear = function(d) return d.b <= 0 end,
  empirical = function(d)
    for _, v in ipairs(d.values) do
      if v > 0 then return false end
    end
    return true
  end,
}

--- Whether a distribution as written comes to draw nothing but 0: gaps that leave the clock where it is.
function distribution.still(written)
  if written.min and written.min > 0 or written.file then return false end
  if written.max and written.max <= 0 then return true end
  local d = dist.resolve(written, false)
  return d ~= nil and STILL[d.kind] ~= nil and STILL[d.kind](d)
end

-- The value that half of the weight lies up to.
local function median_of(values, weights)
  local order, total, sum = {}, 0, 0
  for i = 1, #values do order[i], total = i, total + weights[i] end
  table.sort(order, function(i, j) return values[i] < values[j] or values[i] == values[j] and i < j end)
  for _, i in ipairs(order) do
    sum = sum + weights[i]
    if 2 * sum >= total then return values[i] end
  end
  return nil
end

-- Medians, or near them.
local MIDDLE = {
  constant = function(d) return d.a end, uniform = function(d) return d.a / 2 + d.b / 2 end,
  normal = function(d) return d.a end, lognormal = function(d) return math.exp(d.a) end,
  exponential = function(d) return d.a * math.log(2) end,
  pareto = function(d) return d.b * math.exp(math.log(2) / d.a) end,
  weibull = function(d) return d.b * math.exp(math.log(math.log(2)) / d.a) end,
  gamma = function(d) return d.a * d.b end, geometric = function(d) return 1 / d.a end,
  linear = function(d) return math.min(d.a, d.b) end,
  empirical = function(d) return median_of(d.values, d.weights) end,
}

-- The same of a resolved distribution, clamped as it clamps.
local function middle(d)
  local v
  if d.kind == "mixture" then
    local values = {}
    for i, part in ipairs(d.parts) do
      values[i] = middle(part)
      if not values[i] then return nil end
    end
    v = median_of(values, d.weights)
  elseif MIDDLE[d.kind] then
    v = MIDDLE[d.kind](d)
  end
  if v and d.min then v = math.max(v, d.min) end
  if v and d.max then v = math.min(v, d.max) end
  return v
end

--- About what a distribution as written draws in the middle; nil where that is not told.
function distribution.middle(written)
  if written.file then return nil end
  local d = dist.resolve(written, false)
  return d and middle(d)
end

return distribution
