--- Requests as the client of `vllm bench serve` sends them: at a rate that is steady or ramps up, and never more than
-- so many in flight. A request waits at the client until one of those before it is answered, and counts from when it
-- is sent.
--   oracle.workload.paced { rate = 4, max_concurrency = 16, count = 200, prompt = 512, output = { 128, 90, 200 } }
local fields = require "oracle.scenario.fields"
local keys = require "oracle.workload.parts.keys"

-- ---- when requests are due ----

-- Seconds until so many requests are due on average, on a ramp from `low` to `high` requests/s over `count` of them:
-- linear in time, or growing by equal factors in equal times.
local RAMPS = {}

function RAMPS.linear(low, high, count)
  local span = 2 * count / (low + high)
  local rise = (high - low) / span
  return function(due)
    if rise == 0 then return due / low end
    return (math.sqrt(math.max(0, low * low + 2 * rise * due)) - low) / rise
  end
end

function RAMPS.exponential(low, high, count)
  local growth = (high - low) / count
  return function(due)
    if growth == 0 then return due / low end
    return math.log(math.max(1e-9, 1 + growth * due / low)) / growth
  end
end

-- function(requests due before) -> s
local function clock(w)
  if w.ramp_up_strategy then
    return RAMPS[w.ramp_up_strategy](w.ramp_up_start_rps, w.ramp_up_end_rps, w.count)
  end
  return function(due) return w.rate and due / w.rate or 0 end
end

-- ---- the generator ----

local function form(w)
  local prompts, outputs = w.prompt, w.output
  local at, cv = clock(w), 1 / math.sqrt(w.burstiness or 1)
  local most = math.min(w.max_concurrency or w.count, w.count)
  local function request(g, earliest)
    if (g.sent or 0) >= w.count then return nil end
    local i = (g.sent or 0) + 1
    g.sent = i
    g.due = (g.due or 0) + (i > 1 and g:gamma(1, cv) or 0)
    return { prompt = prompts[(i - 1) % #prompts + 1], output = outputs[(i - 1) % #outputs + 1],
             arrival = math.max(at(g.due), earliest) }
  end
  return {
    arrivals = "scripted", count = w.count,
    generator = {
      next = function(g) return (g.sent or 0) < most and request(g, g.now or 0) or nil end,
      answered = function(g) return request(g, g.now) end,
    },
  }
end

local TOKENS = { type = "number", dimension = "tokens", min = 1, max = 1e9 }

local function rate(name, doc)
  local key = keys.rate(doc, {})
  key[1] = name
  return key
end

return {
  doc = "as vllm bench serve sends them: a rate, or a ramp of rates, and a bound of those in flight",
  keys = {
    keys.rate("requests per second; none: all at once, as far as max_concurrency lets them", {}),
    { "burstiness", "number", min = 1e-6, max = 1000000, default = 1,
      doc = "as in vllm bench: shape of the gaps; 1: poisson" },
    { "max_concurrency", "count", min = 1, max = 8388608, doc = "in flight at most; others wait at the client" },
    { "ramp_up_strategy", "choice", values = { "linear", "exponential" }, doc = "in place of rate" },
    rate("ramp_up_start_rps", "requests per second at first"), rate("ramp_up_end_rps", "and at last"),
    { "count", "count", dimension = "requests", min = 1, max = 1000000000000, required = true,
      doc = "requests in all" },
    { "prompt", "list", wrap = true, of = TOKENS, required = true,
      doc = "tokens of a prompt, or a list of them, taken in turn" },
    { "output", "list", wrap = true, of = TOKENS, required = true,
      doc = "tokens generated, or a list of them, taken in turn" },
    fields.seconds("timeout", "from when it is sent until the client gives up", { open = true }),
    { "name", "string", doc = "of the profile in results" },
  },
  told_by = { "max_concurrency", "ramp_up_strategy" },
  clock = clock,
  engine = function(w)
    if w.ramp_up_strategy and w.rate then return nil, "ramp_up_strategy: rate is given too; leave one out" end
    if w.ramp_up_strategy and not (w.ramp_up_start_rps and w.ramp_up_end_rps) then
      return nil, "ramp_up_strategy: ramp_up_start_rps and ramp_up_end_rps are missing"
    end
    if #w.prompt == 0 or #w.output == 0 then return nil, "prompt, output: a number of tokens at least expected" end
    return form(w)
  end,
}
