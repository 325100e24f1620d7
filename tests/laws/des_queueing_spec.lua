--- Queueing theory, by processes of oracle.des: M/M/1, M/M/c and M/D/1 have the mean queues, waits and utilisations
-- that theory gives, and Little's law holds to the last digit.
local des = require "oracle.des"

local SERVICE = 1                                         -- s, the mean

-- Under a sanitizer, which looks for other faults and takes thirty times as long, an eighth of the customers are
-- simulated. Bounds widen as deviations do, with the root of their number, and twice that, for a shorter warm-up.
local PART = (os.getenv "ORACLE_BIN" or ""):find "san" and 8 or 1

-- Customers come at random and hold one of c servers. Returns the resource, measured after a warm-up.
local function queue(c, rho, count, seed, fixed)
  local env = des.environment { seed = seed }
  local servers = env:resource(c)
  local arrivals, service = env:random "arrivals", env:random "service"
  local gap = SERVICE / (c * rho)
  count = count // PART
  local function customer()
    local request <close> = servers:request()
    request:wait()
    env:sleep(fixed and SERVICE or service:exponential(SERVICE))
  end
  env:process(function()
    for n = 1, count do
      if n == count // 20 then servers:reset() end
      env:sleep(arrivals:exponential(gap))
      env:process(customer)
    end
  end)
  env:run()
  return servers, 1 / gap
end

-- The share of customers that wait in M/M/c (Erlang's C formula).
local function erlang_c(c, rho)
  local load, b = c * rho, 1
  for n = 1, c do b = load * b / (n + load * b) end       -- Erlang's B, by recursion
  return b / (1 - rho * (1 - b))
end

local function close(expected, got, share, what)
  if PART > 1 then share = share * 2 * math.sqrt(PART) end
  assert.is_true(math.abs(got - expected) <= share * expected, ("%s: %g expected, got %g"):format(what, expected, got))
end

-- In heavy traffic the mean wait of n customers has a standard deviation of about 2 / ((1 - rho) sqrt n) of itself
-- (Whitt, Planning queueing simulations, 1989): 1.6 % of M/M/1 at 0.8 here, 2.8 % at 0.9. Bounds are about twice that.
describe("processes that queue", function()
  it("M/M/1: wait rho S / (1 - rho), queue rho^2 / (1 - rho)", function()
    for _, rho in ipairs { 0.3, 0.5, 0.8 } do
      local servers = queue(1, rho, 400000, 7)
      close(rho * SERVICE / (1 - rho), servers.waits.mean, 0.03, "wait")
      close(rho ^ 2 / (1 - rho), servers.queue_length.mean, 0.03, "queue")
      close(rho, servers:utilisation(), 0.01, "utilisation")
    end
  end)

  it("M/M/1: the wait is exponential beyond 0: P(W > t) = rho exp(-(1 - rho) t / S)", function()
    local rho = 0.6
    local servers = queue(1, rho, 400000, 5)
    for _, q in ipairs { 0.6, 0.8, 0.95, 0.99 } do
      close(-math.log((1 - q) / rho) * SERVICE / (1 - rho), servers.waits:quantile(q), 0.04, "quantile")
    end
  end)

  it("M/M/c: wait C(c, rho) S / (c (1 - rho))", function()
    for _, case in ipairs { { 2, 0.7 }, { 5, 0.8 }, { 20, 0.9 } } do
      local c, rho = case[1], case[2]
      local servers = queue(c, rho, 500000, 3)
      local wait = erlang_c(c, rho) * SERVICE / (c * (1 - rho))
      close(wait, servers.waits.mean, 0.055, "wait")
      close(c * rho * wait / SERVICE, servers.queue_length.mean, 0.055, "queue")
      close(rho, servers:utilisation(), 0.01, "utilisation")
    end
  end)

  it("M/D/1: half the wait of M/M/1", function()
    local rho = 0.7
    close(rho * SERVICE / (2 * (1 - rho)), queue(1, rho, 400000, 9, true).waits.mean, 0.03, "wait")
  end)

  it("Little's law: the mean queue is the waits of all over the time", function()
    local env = des.environment { seed = 2 }
    local servers, draw = env:resource(3), env:random "all"
    for _ = 1, 5000 do
      env:process(function()
        env:sleep(draw:uniform(0, 1000))
        servers:use(function() env:sleep(draw:lognormal(-1, 1)) end)
      end)
    end
    env:run()
    close(servers.waits.total, servers.queue_length.area, 1e-9, "time spent waiting")
    assert.is_true(servers.queue_length.max > 5)
  end)
end)
