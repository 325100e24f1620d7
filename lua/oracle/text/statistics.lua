--- Intervals for means: Student's t over replications, block bootstrap over one recorded series.
local statistics = {}

-- Regularised incomplete beta function by its continued fraction (Abramowitz and Stegun, 26.5.8), evaluated by
-- Lentz's method; I_x(a, b) for x below the mean, else by symmetry.
local function fraction(x, a, b)
  local tiny, c = 1e-300, 1
  local d = 1 - (a + b) * x / (a + 1)
  d = 1 / (math.abs(d) < tiny and tiny or d)
  local h = d
  for m = 1, 300 do
    for _, t in ipairs { m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                         -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)) } do
      d, c = 1 + t * d, 1 + t / c
      d, c = 1 / (math.abs(d) < tiny and tiny or d), math.abs(c) < tiny and tiny or c
      h = h * d * c
    end
    if math.abs(d * c - 1) < 1e-14 then break end
  end
  return h
end

-- log Gamma(n / 2) for a whole n >= 1: by its recurrence, exactly.
local function log_gamma_half(n)
  local x, sum = n / 2, 0
  while x > 1 do
    x = x - 1
    sum = sum + math.log(x)
  end
  return sum + (x == 1 and 0 or 0.5 * math.log(math.pi))
end

local function incomplete_beta(x, n, m)                   -- a = n / 2, b = m / 2
  local a, b = n / 2, m / 2
  if x <= 0 then return 0 end
  if x >= 1 then return 1 end
  if x > (a + 1) / (a + b + 2) then return 1 - incomplete_beta(1 - x, m, n) end
  local front = math.exp(a * math.log(x) + b * math.log(1 - x) - log_gamma_half(n) - log_gamma_half(m)
    + log_gamma_half(n + m))
  return front * fraction(x, a, b) / a
end

--- The two-sided 95 % point of Student's t distribution.
-- @param df degrees of freedom, a whole number >= 1
-- @return t with P(|T| <= t) = 0.95
function statistics.t95(df)
  local low, high = 0, 1000
  for _ = 1, 100 do
    local t = (low + high) / 2
    if incomplete_beta(df / (df + t * t), df, 1) > 0.05 then low = t else high = t end
  end
  return (low + high) / 2
end

--- A quantile of a sorted list of at least one number, linear between neighbours.
-- @param q in [0, 1]
function statistics.quantile(sorted, q)
  local place = 1 + (#sorted - 1) * q
  local low = math.floor(place)
  return sorted[low] + (place - low) * ((sorted[low + 1] or sorted[low]) - sorted[low])
end

--- Mean of a list of numbers and the half-width of its 95 % confidence interval (Student's t).
-- @return mean, half-width; the latter nil for fewer than two values
function statistics.interval(values)
  local n, sum = #values, 0
  for _, v in ipairs(values) do sum = sum + v end
  local mean, squares = sum / n, 0
  for _, v in ipairs(values) do squares = squares + (v - mean) ^ 2 end
  if n < 2 then return mean, nil end
  return mean, statistics.t95(n - 1) * math.sqrt(squares / (n - 1) / n)
end

-- splitmix64 (Steele, Lea and Flood, OOPSLA 2014): the same draws on every machine.
local function generator(seed)
  local state = seed
  return function(n)
    state = state + 0x9e3779b97f4a7c15
    local z = state
    z = (z ~ (z >> 30)) * 0xbf58476d1ce4e5b9
    z = (z ~ (z >> 27)) * 0x94d049bb133111eb
    z = z ~ (z >> 31)
    return ((z >> 11) * n >> 53) + 1                      -- n < 2^10: the product stays below 2^63
  end
end

local BLOCKS, RESAMPLES = 50, 1000

statistics.BLOCKS = BLOCKS

--- The blocks that a series of n values is cut into.
-- @return a list of { first, last } places; nil when the series is too short to cut
function statistics.blocks(n)
  local count = math.min(BLOCKS, n // 2)
  if count < 2 then return nil end
  local blocks = {}
  for i = 1, count do blocks[i] = { (i - 1) * n // count + 1, i * n // count } end
  return blocks
end

--- The 95 % interval of a statistic of a series whose neighbours depend on each other: whole blocks of it are drawn
-- with replacement and the statistic is taken of each draw.
-- Source: Kuensch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17(3),
-- 1989; percentile interval: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
-- @param count blocks there are
-- @param measure function(list of count block numbers) -> number, nil when it has no value there
-- @return low, high; nil when no draw has a value
function statistics.bootstrap(count, measure)
  local draw, values, sample = generator(1), {}, {}
  for _ = 1, RESAMPLES do
    for i = 1, count do sample[i] = draw(count) end
    values[#values + 1] = measure(sample)
  end
  local n = #values
  if n == 0 then return nil end
  table.sort(values)
  return values[math.max(1, math.ceil(0.025 * n))], values[math.ceil(0.975 * n)]
end

return statistics
