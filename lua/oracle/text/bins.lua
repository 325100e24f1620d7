--- Distributions counted into bins.
local statistics = require "oracle.text.statistics"

local bins = {}

-- How many of a sorted list are below or at x.
local function list_count(sorted)
  return function(x)
    local low, high = 0, #sorted
    while low < high do
      local middle = (low + high + 1) // 2
      if sorted[middle] <= x then low = middle else high = middle - 1 end
    end
    return low
  end
end

-- The same of a distribution of the engine, by its quantiles.
local function hist_count(h, divisor)
  local n = h:count()
  return function(x)
    local low, high = 0, n
    while low < high do
      local middle = (low + high + 1) // 2
      local q = n > 1 and (middle - 1) / (n - 1) or 0
      if h:quantile(q) / divisor <= x then low = middle else high = middle - 1 end
    end
    return low
  end
end

local function finite(v)
  return type(v) == "number" and v == v and math.abs(v) < math.huge
end

local function of_list(list)
  local sorted, sum = {}, 0
  for _, v in ipairs(list) do
    if finite(v) then sorted[#sorted + 1], sum = v, sum + v end
  end
  table.sort(sorted)
  local n = #sorted
  return { count = n, low = sorted[1], high = sorted[n], mean = n > 0 and sum / n or nil, upto = list_count(sorted),
           quantile = function(q) return statistics.quantile(sorted, q) end }
end

--- A distribution.
-- @param what a list of numbers, of which those are taken that are finite; or a distribution of a simulation (times in
--   ns, here in ms)
-- @return { count =, low =, high =, mean =, unit =, upto = function(x) -> how many are at most x,
--   quantile = function(q) }
function bins.of(what)
  if type(what) ~= "userdata" then return of_list(what) end
  return { count = what:count(), low = what:min() / 1e6, high = what:max() / 1e6, mean = what:mean() / 1e6, unit = "ms",
           upto = hist_count(what, 1e6), quantile = function(q) return what:quantile(q) / 1e6 end }
end

--- Count it into n even bins; even in the logarithm where values span more than a factor of fifty.
-- @return edges from 0 to the number of bins, and counts from 1 on; one bin where all values are one
function bins.count(d, n)
  if d.low == d.high then return { [0] = d.low, [1] = d.high }, { d.count } end
  local edges, counts, before = {}, {}, 0
  local logarithmic = d.low > 0 and d.high / d.low > 50
  for i = 0, n do
    edges[i] = logarithmic and d.low * math.exp(math.log(d.high / d.low) * i / n) or d.low + (d.high - d.low) * (i / n)
  end
  edges[0], edges[n] = d.low, d.high
  for i = 1, n do
    local upto = i == n and d.count or d.upto(edges[i])
    counts[i], before = upto - before, upto
  end
  return edges, counts
end

return bins
