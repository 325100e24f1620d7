--- What tables of kernels are read with: rows, robust figures of many measurements, and shares of the data sheet.
local shares = {}

local LOWEST, HIGHEST = 0.02, 20                          -- shares beyond which times are of another unit

--- Measurements that make a median.
shares.LEAST = 8

--- Seconds of a row's latency_ms; nil where none is said; raises what is no time, with its line.
function shares.seconds(row)
  local text = row.latency_ms
  local ms = tonumber(text)
  if text and not (ms and ms > 0 and ms < math.huge) then
    error(('line %d: latency_ms: "%s": a time above 0 expected'):format(row.line, text:sub(1, 40)), 0)
  end
  return ms and ms / 1000
end

--- Numbers of a row by column, each at least 1 and at most 1e9; nil where one is missing or none.
function shares.numbers(row, ...)
  local list = {}
  for i = 1, select("#", ...) do
    local v = tonumber(row[select(i, ...)])
    if not v or v < 1 or v > 1e9 then return nil end
    list[i] = v
  end
  return table.unpack(list)
end

--- The median of a list, which is sorted.
function shares.median(list)
  table.sort(list)
  local n = #list
  return n % 2 == 1 and list[n // 2 + 1] or (list[n // 2] + list[n // 2 + 1]) / 2
end

--- A share of the data sheet that times in milliseconds can give; raises where it is of another unit.
function shares.in_milliseconds(name, share)
  if share < LOWEST or share > HIGHEST then
    error(("latency_ms: kernels seem to be in %s, not in milliseconds: %s would be %.3g of the data sheet"):format(
      share > HIGHEST and "seconds" or "microseconds", name, share), 0)
  end
  return share
end

-- The solution of a small system of normal equations by elimination; nil where it has none.
local function solve(m, y)
  local n = #y
  for i = 1, n do
    local pivot = i
    for r = i + 1, n do
      if math.abs(m[r][i]) > math.abs(m[pivot][i]) then pivot = r end
    end
    m[i], m[pivot], y[i], y[pivot] = m[pivot], m[i], y[pivot], y[i]
    if not (math.abs(m[i][i]) > 1e-12) then return nil end
    for r = 1, n do
      local f = r ~= i and m[r][i] / m[i][i] or 0
      for c = i, n do m[r][c] = m[r][c] - f * m[i][c] end
      y[r] = y[r] - f * y[i]
    end
  end
  for i = 1, n do y[i] = y[i] / m[i][i] end
  return y
end

--- The coefficients of least relative deviations: y = c1 x1 + c2 x2 + ...
-- @param points { { y > 0, x1, x2, ... }, ... }; each x is scaled by its greatest value first
-- @return { c1, c2, ... }; nil where the points do not determine them
function shares.regress(points)
  local n, most, m, y = #(points[1] or {}) - 1, {}, {}, {}
  if #points <= n then return nil end
  for i = 1, n do
    most[i], m[i], y[i] = 0, {}, 0
    for _, p in ipairs(points) do most[i] = math.max(most[i], math.abs(p[i + 1])) end
    if most[i] == 0 then return nil end
    for k = 1, n do m[i][k] = 0 end
  end
  for _, p in ipairs(points) do
    for i = 1, n do
      local xi = p[i + 1] / most[i] / p[1]
      y[i] = y[i] + xi / #points
      for k = 1, n do m[i][k] = m[i][k] + xi * p[k + 1] / most[k] / p[1] / #points end
    end
  end
  local c = solve(m, y)
  for i = 1, c and n or 0 do c[i] = c[i] / most[i] end
  return c
end

local MOST_FLOOR = 50e-6                                  -- s of a kernel: beyond, the host was waited for

--- What groups of measurements - one of each engine and version - say, each by coefficients of its own: those of base
-- times over the data sheet's, of a floor, and of more. A group whose floor is the host's, and not a kernel's, is left
-- out: its kernels were not the ones that were timed.
-- @param groups { key = points of shares.regress: { y, 1, 1 / (s of the data sheet), ... } }
-- @return the coefficients of each group, and how many measurements those have
function shares.of_groups(groups)
  local found, n = {}, 0
  for _, points in pairs(groups) do
    local c = #points >= shares.LEAST and shares.regress(points)
    if c and c[1] > 0 and c[2] <= MOST_FLOOR then found[#found + 1], n = c, n + #points end
  end
  return found, n
end

--- The median of a figure of each.
-- @param of function(coefficients) -> number
function shares.median_of(found, of)
  local list = {}
  for i, c in ipairs(found) do list[i] = of(c) end
  return shares.median(list)
end

--- Whose kernel a row is: its engine and version.
function shares.group(row)
  return ("%s %s"):format(row.engine or "", row.engine_version or "")
end

--- A list under a key, made where there is none.
function shares.list(of, key)
  of[key] = of[key] or {}
  return of[key]
end

return shares
