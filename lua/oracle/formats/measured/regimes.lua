--- Straight lines by size of message through measurements of one collective: as few as describe it, since libraries
-- change their kernel and protocol with the size.
local core = require "oracle.core"

local regimes = {}

local MOST = 6                                            -- lines
local CLOSE = 0.03                                        -- root mean square of relative deviations that is enough
local BETTER = 0.85                                       -- what one more line leaves of their squares, to be worth it
local LEAST = 2                                           -- sizes a line goes through

-- Sizes in order, each with its times: { { bytes, { seconds, ... } }, ... }.
local function by_size(bytes, seconds)
  local at, list = {}, {}
  for i, b in ipairs(bytes) do
    if not at[b] then
      at[b] = { b, {} }
      list[#list + 1] = at[b]
    end
    table.insert(at[b][2], seconds[i])
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

-- A time that is half as long again as those of the sizes on both sides is of something else on the machine.
local OUTLIER = 1.5

local function mean(list)
  local sum = 0
  for _, t in ipairs(list) do sum = sum + t end
  return sum / #list
end

local function without_outliers(list)
  local kept, dropped = {}, 0
  for i, size in ipairs(list) do
    local beside = math.max(i > 1 and mean(list[i - 1][2]) or 0, list[i + 1] and mean(list[i + 1][2]) or math.huge)
    local times = {}
    for _, t in ipairs(size[2]) do
      if t > OUTLIER * beside then dropped = dropped + 1 else times[#times + 1] = t end
    end
    if #times > 0 then kept[#kept + 1] = { size[1], times } end
  end
  return kept, dropped
end

local function log_mean(list)
  local sum = 0
  for _, t in ipairs(list) do sum = sum + math.log(t) end
  return sum / #list
end

-- Sizes whose times fall are taken as one time (pool adjacent violators): no message is the quicker for being longer.
local function rising(list)
  local pools = {}                                        -- { log of the time, measurements, sizes }
  for _, size in ipairs(list) do
    local pool = { log_mean(size[2]), #size[2], 1 }
    while #pools > 0 and pools[#pools][1] > pool[1] do
      local before = table.remove(pools)
      local n = before[2] + pool[2]
      pool = { (before[1] * before[2] + pool[1] * pool[2]) / n, n, before[3] + pool[3] }
    end
    pools[#pools + 1] = pool
  end
  local out, i = {}, 0
  for _, pool in ipairs(pools) do
    for _ = 1, pool[3] do
      i = i + 1
      local times, factor = {}, math.exp(pool[1] - log_mean(list[i][2]))
      for k, t in ipairs(list[i][2]) do times[k] = t * factor end
      out[i] = { list[i][1], times }
    end
  end
  return out
end

-- The best line through the sizes from i to k, and its squares of relative deviations.
local function line_through(list, i, k)
  local bytes, seconds = {}, {}
  for s = i, k do
    for _, t in ipairs(list[s][2]) do bytes[#bytes + 1], seconds[#seconds + 1] = list[s][1], t end
  end
  local line = core.net.fit(bytes, seconds)
  if not line then line = { base = mean(seconds), per_byte = 0 } end
  local squares = 0
  for n, t in ipairs(seconds) do squares = squares + ((line.base + line.per_byte * bytes[n]) / t - 1) ^ 2 end
  return line, squares
end

-- least[m][k]: the squares that m lines through the first k sizes leave; from[m][k]: the first size of the last.
local function divide(list)
  local n, squares = #list, {}
  for i = 1, n do
    squares[i] = {}
    for k = i + LEAST - 1, n do squares[i][k] = select(2, line_through(list, i, k)) end
  end
  local least, from = { {} }, { {} }
  for k = LEAST, n do least[1][k], from[1][k] = squares[1][k], 1 end
  for m = 2, MOST do
    least[m], from[m] = {}, {}
    for k = m * LEAST, n do
      for i = (m - 1) * LEAST + 1, k - LEAST + 1 do
        local all = least[m - 1][i - 1] + squares[i][k]
        if not least[m][k] or all < least[m][k] then least[m][k], from[m][k] = all, i end
      end
    end
  end
  return least, from
end

-- How many lines.
local function enough(least, sizes, points)
  local m = 1
  while m < MOST and least[m + 1][sizes] do
    if math.sqrt(least[m][sizes] / points) <= CLOSE or least[m + 1][sizes] > BETTER * least[m][sizes] then break end
    m = m + 1
  end
  return m
end

-- Where one line gives way to the next: where they cross, between the last size of the one and the first of the other;
-- else, where the next begins higher, just before its first size, since engines change below a limit.
local function boundary(line, after, last, first)
  local slopes = line.per_byte - after.per_byte
  local cross = slopes ~= 0 and (after.base - line.base) / slopes or 0
  if cross > last and cross < first then return math.ceil(cross) end
  local higher = after.base + after.per_byte * first >= line.base + line.per_byte * first
  return math.tointeger(higher and first or last + 1)
end

--- Fit.
-- @param bytes, seconds of the measurements
-- @return { { below = B, nil in the last; base = s, per_byte = s/B }, ... }, how many measurements were left out as of
--   something else; nil and why
function regimes.fit(bytes, seconds)
  local list, dropped = without_outliers(by_size(bytes, seconds))
  list = rising(list)
  if #list < LEAST then return nil, ("%d sizes; %d or more expected"):format(#list, LEAST) end
  local least, from = divide(list)
  local m, k, found = enough(least, #list, #bytes), #list, {}
  for i = m, 1, -1 do
    local first = from[i][k]
    local line = line_through(list, first, k)
    found[i] = { base = line.base, per_byte = line.per_byte }
    if i < m then found[i].below = boundary(line, found[i + 1], list[k][1], list[k + 1][1]) end
    k = first - 1
  end
  return found, dropped
end

--- How far regimes are off measurements.
-- @return the mean and the greatest of |predicted / measured - 1|; where the greatest is: its bytes
function regimes.error(of, bytes, seconds)
  local sum, worst, where = 0, 0, nil
  for i, b in ipairs(bytes) do
    local off = math.abs(core.cost.measured_time(of, b) / seconds[i] - 1)
    sum = sum + off
    if off > worst then worst, where = off, b end
  end
  return sum / #bytes, worst, where
end

return regimes
