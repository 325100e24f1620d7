--- Requests that are written down: oracle.workload.requests { { arrival = 0, prompt = 100, output = 20 }, ... }, or
-- `requests = { ... }` in the scenario. A request has the fields that one of a generator has (docs/workloads.md);
-- those of a list may stand in any order.
local keys = require "oracle.workload.parts.keys"
local fields = require "oracle.scenario.fields"

local NUMBERS = { arrival = 0, gap = 0, prompt = 1, output = 1, timeout = 0, cancel = 0 }

-- nil where a request can be one; else "requests[i].key: why".
local function wrong(r, i)
  if type(r) ~= "table" then
    return ("requests[%d]: { arrival =, prompt =, output = } expected, got a %s"):format(i, type(r))
  end
  for _, key in ipairs { "arrival", "prompt", "output" } do
    if r[key] == nil then return ("requests[%d].%s: missing"):format(i, key) end
  end
  for key, least in pairs(NUMBERS) do
    local v = r[key]
    if v ~= nil and not (type(v) == "number" and v >= least and v < math.huge) then
      return ("requests[%d].%s: a number of at least %d expected, got %s"):format(i, key, least, tostring(v))
    end
  end
end

-- In order of arrival, those of one moment as they are listed.
local function in_order(list)
  local order, sorted = {}, true
  for i = 1, #list do
    order[i] = i
    sorted = sorted and (i == 1 or list[i].arrival >= list[i - 1].arrival)
  end
  if sorted then return list end
  table.sort(order, function(a, b)
    local x, y = list[a].arrival, list[b].arrival
    if x ~= y then return x < y end
    return a < b
  end)
  local out = {}
  for i, at in ipairs(order) do out[i] = list[at] end
  return out
end

local function shares(list)
  for _, r in ipairs(list) do
    if r.prefix ~= nil or r.text ~= nil then return true end
  end
end

return {
  doc = "requests that are listed one by one",
  keys = {
    { "requests", "free", required = true, doc = "{ { arrival =, prompt =, output = }, ... }, in any order" },
    keys.COUNT, keys.DURATION, fields.seconds("timeout", "from arrival until the client gives up", { open = true }),
    { "name", "string", doc = "of the profile in results" },
  },
  told_by = { "requests" },
  shorthand = "requests",
  recorded = true,
  engine = function(w)
    local list = w.requests
    if #list == 0 then return nil, "requests: { { arrival =, prompt =, output = } } expected, this list is empty" end
    for i = 1, #list do
      local why = wrong(list[i], i)
      if why then return nil, why end
    end
    return { arrivals = "listed", rows = in_order(list), count = w.count, duration = w.duration, shares = shares(list) }
  end,
}
