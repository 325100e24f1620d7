--- Requests as a benchmark's client sends them: at a rate that is steady or ramps up, and never more than so many in
-- flight. A request waits at the client until one of those before it is answered, and counts from when it is sent.
local paced = {}

-- Seconds until so many requests are due on average, on a ramp from `low` to `high` requests/s: linear in time, or
-- growing by equal factors in equal times.
local function linear(low, high, count)
  local span = 2 * count / (low + high)
  local rise = (high - low) / span
  return function(due)
    if rise == 0 then return due / low end
    return (math.sqrt(math.max(0, low * low + 2 * rise * due)) - low) / rise
  end
end

local function exponential(low, high, count)
  local growth = (high - low) / count
  return function(due)
    if growth == 0 then return due / low end
    return math.log(math.max(1e-9, 1 + growth * due / low)) / growth
  end
end

local RAMPS = { linear = linear, exponential = exponential }

--- The names of ramps.
function paced.ramps() return { "exponential", "linear" } end

--- When requests are due, by how many came before.
-- @param load { rate = requests/s; or ramp = "linear" or "exponential", low =, high = requests/s; count = }
-- @return function(due) -> s
function paced.clock(load)
  if load.ramp then return RAMPS[load.ramp](load.low, load.high, load.count) end
  return function(due) return due / load.rate end
end

--- A workload of such requests.
-- @param load as of paced.clock, with burstiness = shape of the gaps (1: Poisson), most = requests in flight or nil,
--   prompts =, outputs = lists of tokens, taken in turn
function paced.workload(load)
  local at, cv = paced.clock(load), 1 / math.sqrt(load.burstiness or 1)
  local most = load.most or load.count
  local function request(g)
    local i = (g.sent or 0) + 1
    g.sent = i
    g.due = (g.due or 0) + (i > 1 and g:gamma(1, cv) or 0)
    return { prompt = load.prompts[(i - 1) % #load.prompts + 1], output = load.outputs[(i - 1) % #load.outputs + 1] },
      at(g.due)
  end
  return {
    kind = "generator", count = load.count,
    next = function(g)
      if (g.sent or 0) >= math.min(most, load.count) then return nil end
      local r, time = request(g)
      r.arrival = math.max(time, g.now or 0)
      return r
    end,
    answered = function(g)
      if g.sent >= load.count then return nil end
      local r, time = request(g)
      r.arrival = math.max(time, g.now)
      return r
    end,
  }
end

return paced
