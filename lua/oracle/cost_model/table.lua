--- Measured times of steps: decode = { { n =, context =, seconds = }, ... }, of those in which n sequences of
-- `context` tokens each decode, and prefill = { { tokens =, seconds = }, ... }, of a step of so many prompt tokens.
-- Between the points times are interpolated, beyond them the last line goes on. Either may be the path of a CSV whose
-- first line names the columns. A step of both takes what its tokens take together, and what the decodes' context
-- adds to it; without `prefill`, steps with prompts are the roofline's.
local cost_model = require "oracle.cost_model"
local lazy = require "oracle.lazy"
local roofline = require "oracle.cost_model.roofline"
local own = lazy "oracle.cost_model.parts.own"
local units = lazy "oracle.text.units"

local function fail(key, ...) error(("cost.%s: "):format(key) .. string.format(...), 0) end

-- ---- reading ----

local function rows_of_csv(key, path, find)
  local found, why = path, nil
  if find then found, why = find(path) end
  if not found then fail(key, "%s: %s", path, why) end
  local f, wrong = io.open(found)
  if not f then fail(key, "%s", wrong) end
  local names, rows = nil, {}
  for line in f:lines() do
    local row = {}
    for cell in (line:gsub("\r$", "") .. ","):gmatch("%s*([^,]-)%s*,") do row[#row + 1] = cell end
    if not names then names = row
    elseif line:match("%S") then
      local named = {}
      for i, name in ipairs(names) do named[name] = tonumber(row[i]) or row[i] end
      rows[#rows + 1] = named
    end
  end
  f:close()
  return rows
end

local function number(key, i, row, name, place, least)
  local v = row[name]
  if v == nil then v = row[place] end
  if name == "seconds" and type(v) == "string" then v = units.parse(v, "time") end
  if type(v) ~= "number" or v ~= v or v == math.huge or v < least then
    fail(("%s[%d].%s"):format(key, i, name), "a number of at least %d expected", least)
  end
  return v
end

local function read(key, v, find, columns)
  if type(v) == "string" then v = rows_of_csv(key, v, find) end
  if type(v) ~= "table" or #v == 0 then fail(key, "a list of rows or the path of a CSV expected") end
  local rows = {}
  for i, row in ipairs(v) do
    if type(row) ~= "table" then fail(("%s[%d]"):format(key, i), "{ %s } expected", table.concat(columns, ", ")) end
    rows[i] = {}
    for place, name in ipairs(columns) do
      rows[i][place] = number(key, i, row, name, place, name == "seconds" and 0 or 1)
    end
  end
  return rows
end

-- ---- interpolation ----

-- Points { x, y } in order of x, each x once.
local function curve(key, points)
  table.sort(points, function(a, b) return a[1] < b[1] end)
  for i = 2, #points do
    if points[i][1] == points[i - 1][1] then fail(key, "two rows for the same point, %.14g", points[i][1]) end
  end
  return points
end

-- base and slope of the line that holds at x; the lines at the ends go on, but do not fall below 0 before 0.
local function line(points, x)
  if #points == 1 then return points[1][2], 0 end
  local i = 1
  while i < #points - 1 and x >= points[i + 1][1] do i = i + 1 end
  local a, b = points[i], points[i + 1]
  local slope = (b[2] - a[2]) / (b[1] - a[1])
  return a[2] - slope * a[1], slope
end

local function at(points, x)
  local base, slope = line(points, x)
  return math.max(0, base + slope * x)
end

-- The rows by n: { { n, curve over context }, ... }.
local function by_sequences(rows)
  local groups, list = {}, {}
  for _, row in ipairs(rows) do
    if not groups[row[1]] then
      groups[row[1]] = {}
      list[#list + 1] = { row[1], groups[row[1]] }
    end
    table.insert(groups[row[1]], { row[2], row[3] })
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  for _, g in ipairs(list) do curve(("decode: n = %g"):format(g[1]), g[2]) end
  return list
end

-- s at n sequences of x tokens each.
local function decode_at(groups, n, x)
  local points = {}
  for i, g in ipairs(groups) do points[i] = { g[1], at(g[2], x) } end
  return at(points, n)
end

-- All lengths at which a line of some n bends, and one beyond.
local function bends(groups)
  local seen, list = {}, {}
  for _, g in ipairs(groups) do
    for _, point in ipairs(g[2]) do
      if not seen[point[1]] then seen[point[1]], list[#list + 1] = true, point[1] end
    end
  end
  table.sort(list)
  if #list == 1 then list[2] = 2 * list[1] end
  return list
end

-- Lines over the total context of n sequences.
local function pieces(groups, xs, n, share)
  local list = {}
  for i = 1, #xs - 1 do
    local a, b = decode_at(groups, n, xs[i]), decode_at(groups, n, xs[i + 1])
    local slope = (b - a) / (xs[i + 1] - xs[i])
    local base = a - slope * xs[i]
    list[i] = { share * base, share * slope / n, from = math.ceil(xs[i] * n) }
  end
  if list[#list][2] < 0 then                              -- it may not fall for ever
    list[#list + 1] = { share * decode_at(groups, n, xs[#xs]), 0, from = math.ceil(xs[#xs] * n) }
  end
  if list[1][1] < 0 then list[1] = { share * decode_at(groups, n, xs[1]), 0, from = list[1].from } end
  return list
end

-- A pipeline stage takes its layers' share.
local function share_of(d)
  return d.stage.layers / d.model.num_hidden_layers
end

local function parameters(c, context)
  if not c.decode then fail("decode", "missing; rows { n =, context =, seconds = } or a CSV's path expected") end
  local groups = by_sequences(read("decode", c.decode, context.find, { "n", "context", "seconds" }))
  local xs = bends(groups)
  local prompts = c.prefill and curve("prefill", read("prefill", c.prefill, context.find, { "tokens", "seconds" }))
  local model = { name = "table", decode = function(n, d) return pieces(groups, xs, n, share_of(d)) end }
  if prompts then
    function model.step(s, _, d)
      local n = s.decode_seqs
      if s.prefill_tokens == 0 then return share_of(d) * decode_at(groups, n, s.decode_context / n) end
      local more = n > 0 and decode_at(groups, n, s.decode_context / n) - decode_at(groups, n, xs[1]) or 0
      return share_of(d) * (at(prompts, s.prefill_tokens + n) + math.max(0, more))
    end
  end
  local params, about = roofline.parameters(c, context)
  params.decode, params.prefill = nil, nil
  about.own = own.resolve(model, {}, nil)
  return params, about
end

return {
  keys = {
    { "decode", "rows", doc = "kind table: { { n =, context = of each, seconds = }, ... }, or a CSV's path" },
    { "prefill", "rows", doc = "kind table: { { tokens =, seconds = }, ... }, or a CSV's path" },
  },
  without = { { cost_model.OVERHEADS, "kind table has it in its times; leave it out" } },
  parameters = parameters,
}
