--- oracle capacity against queueing theory: a server whose steps take a constant time is a queue with a closed form, so
-- the load at which a mean or a percentile reaches a limit is known. Some cases here; all of them with
-- ORACLE_QUEUEING=full (make queueing).
local json = require("oracle.core").json
local program = require "program"

setup(program.open)
teardown(program.close)

local FULL = os.getenv "ORACLE_QUEUEING" == "full"
local SERVICE = 0.1                                       -- s of a request on average
local MU = 1 / SERVICE
local STEPS = 100                                         -- of an answer on average: nearly exponential

-- ---- theory ----

-- The share that waits in M/M/c with load a = lambda / mu (Erlang's C formula), by the recurrence of his B formula.
local function waiting_share(a, c)
  local b = 1
  for k = 1, c do b = a * b / (k + a * b) end
  return b / (1 - a / c * (1 - b))
end

-- Mean wait of M/M/c, s.
local function wait_mmc(rho, c)
  return waiting_share(rho * c, c) / (c * MU * (1 - rho))
end

-- The wait of M/M/c that a share p of requests does not exceed, s: P(W > t) = C exp(-c mu (1 - rho) t).
local function wait_quantile_mmc(rho, c, p)
  return math.log(waiting_share(rho * c, c) / (1 - p)) / (c * MU * (1 - rho))
end

-- The time in M/M/1 that a share p does not exceed, s: exponential with rate mu - lambda.
local function response_quantile_mm1(rho, p)
  return -math.log(1 - p) / (MU * (1 - rho))
end

-- Mean wait of M/G/1, s (Pollaczek and Khinchine); cv2: squared coefficient of variation of the service.
local function wait_mg1(rho, cv2)
  return rho * (1 + cv2) / (2 * MU * (1 - rho))
end

-- ---- the server ----

local function server(seats, exponential)
  local step = exponential and SERVICE / STEPS or SERVICE
  local output = exponential and ("oracle.dist.geometric { mean = %d }"):format(STEPS) or "1"
  return program.write(("server_%d_%s.lua"):format(seats, tostring(exponential)), ([[
return oracle.scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm", cost = { kind = "constant", constant_step = "%.9g ms" },
  engine = { version = "0.11", max_num_seqs = %d, max_num_batched_tokens = 64, max_model_len = 8192 },
  workload = oracle.workload.poisson { rate = %g, count = 2000, prompt = 1, output = %s },
}
]]):format(1e3 * step, seats, seats * MU / 2, output))
end

-- The capacity that is found where a metric may be as much as theory says it is at a utilisation.
local function check(seats, exponential, rho, metric, seconds)
  local precision = FULL and "1%" or exponential and "4%" or "2%"
  local code, out, err = program.run(("capacity %s --slo '%s<=%.9g ms' --until %s --json - -q"):format(
    server(seats, exponential), metric, 1e3 * seconds, precision), FULL and "timeout 900" or nil)
  assert.equal(0, code, err)
  local found, expected = json.decode(out).capacity.value, rho * seats * MU
  assert.is_true(math.abs(found - expected) <= 0.01 * expected,
    ("%d servers, utilisation %g, %s: %g req/s expected, got %g"):format(seats, rho, metric, expected, found))
end

local UTILISATIONS = FULL and { 0.5, 0.7, 0.8, 0.9 } or { 0.8 }

describe("the capacity of a queue", function()
  it("is that of M/D/1", function()
    for _, rho in ipairs(FULL and UTILISATIONS or { 0.9 }) do
      check(1, false, rho, "queue.mean", wait_mg1(rho, 0))
    end
  end)

  it("is that of M/M/1, in the mean and in percentiles", function()
    for _, rho in ipairs(UTILISATIONS) do
      check(1, true, rho, "queue.mean", wait_mg1(rho, 1 - 1 / STEPS))  -- that of a geometric distribution
      if FULL then
        check(1, true, rho, "e2e.p90", response_quantile_mm1(rho, 0.90))
        check(1, true, rho, "e2e.p99", response_quantile_mm1(rho, 0.99))
      end
    end
  end)

  it("is that of M/M/c, in the mean and in percentiles", function()
    for _, c in ipairs(FULL and { 2, 4, 16 } or { 4 }) do
      for _, rho in ipairs(UTILISATIONS) do
        -- Who comes while a step runs waits for its end, half of it on average.
        check(c, true, rho, "queue.mean", wait_mmc(rho, c) + SERVICE / STEPS / 2 * (1 - (1 - rho) ^ c))
        if FULL and waiting_share(rho * c, c) > 0.1 then
          check(c, true, rho, "queue.p95", wait_quantile_mmc(rho, c, 0.95) + SERVICE / STEPS / 2)
        end
      end
    end
  end)
end)
