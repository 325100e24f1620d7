--- The trade-offs that no other candidate beats in both: tokens per second of a GPU against those of a user, and USD
-- per million tokens against the latency that 99 % of requests have. Steps say which units may lie there; what is shown
-- was simulated.
local run = require "oracle.study.plan_run"
local space = require "oracle.study.plan_space"

local fronts = {}

local TRIED = 32                                          -- points of each trade-off that are simulated
local BELOW = 0.9                                         -- of the load that steps allow, for queues to stay short

--- What no other of a list has more of in both, the most of the first first.
-- @param x, y what a point has as numbers
function fronts.frontier(list, x, y)
  local order, place = table.move(list, 1, #list, 1, {}), {}
  for i, p in ipairs(list) do place[p] = i end
  table.sort(order, function(a, b)
    if a[x] ~= b[x] then return a[x] > b[x] end
    if a[y] ~= b[y] then return a[y] > b[y] end
    return place[a] < place[b]
  end)
  local out, best = {}, -math.huge
  for _, p in ipairs(order) do
    if p[y] > best then out[#out + 1], best = p, p[y] end
  end
  return out
end

-- So many of a list, evenly.
local function thinned(list, most)
  local out, n = {}, math.min(#list, most)
  for k = 1, n do out[k] = list[n == 1 and 1 or 1 + (k - 1) * (#list - 1) // (n - 1)] end
  return out
end

-- What steps say of every unit that fits: { load, tokens/s of a GPU, of a user, USD per million tokens, s }.
local function expected(race)
  local list = {}
  for _, entry in ipairs(race.all) do
    for _, p in ipairs(entry.price.points or {}) do
      list[#list + 1] = { entry = entry, load = p[1], gpu = p[2], user = p[3], cheap = -p[4], fast = -p[5] }
    end
  end
  return list
end

-- The points to simulate: on either trade-off by what steps say.
local function wanted(race)
  local list, seen, out = expected(race), {}, {}
  for _, axes in ipairs { { "gpu", "user" }, race.priced and { "cheap", "fast" } or nil } do
    for _, p in ipairs(thinned(fronts.frontier(list, axes[1], axes[2]), TRIED)) do
      local code = run.code_of(BELOW * p.load)
      local key = ("%d %d"):format(p.entry.i, code)
      if not seen[key] then
        seen[key], out[#out + 1] = true, { i = p.entry.i, c = p.entry.c, code = code }
      end
    end
  end
  return out
end

--- Both, of one unit of what lies on them.
-- @param race of oracle.study.planner
-- @param ask function(entries with i and code): runs them; their points are then in race.points
-- @return { { name =, gpu =, user =, met = }, ... }, { { name =, usd =, p99 = ms, met = }, ... }
function fronts.of(race, ask)
  ask(wanted(race))
  local speed, cost = {}, {}
  for _, at in ipairs(race.points) do
    local p, c = at.point, at.entry.c
    local tpot, tokens, usd, p99 = p.tpot_ms, p.output_tokens_per_second, p.usd_per_million_output_tokens, p.e2e_p99_ms
    if tpot and tokens and tpot > 0 then
      speed[#speed + 1] = { name = space.name(c), user = 1000 / tpot, gpu = tokens / c.gpus, met = p.met }
    end
    if usd and p99 then
      cost[#cost + 1] = { name = space.name(c), cheap = -usd, fast = -p99, usd = usd, p99 = p99, met = p.met }
    end
  end
  return fronts.frontier(speed, "gpu", "user"), fronts.frontier(cost, "cheap", "fast")
end

return fronts
