--- A car wash with two machines (SimPy's "carwash"): cars come, wait for a machine, and are washed in five minutes.
-- With Poisson arrivals this is M/D/2, whose numbers are printed beside those measured.
local des = require "oracle.des"

local MACHINES, WASH, INTERVAL = 2, 5, 3                  -- min; the mean between two cars
local CARS = 100000

local env = des.environment { seed = 42 }
local wash = env:resource(MACHINES)
local arrivals, dirt = env:random "arrivals", env:random "dirt"
local removed = env:tally()

local function car(name)
  local here = env.now
  wash:use(function()
    if name <= 4 then print(("car %d arrives at %5.2f min, enters at %5.2f min"):format(name, here, env.now)) end
    env:sleep(WASH)
    removed:add(dirt:integer(50, 99))
  end)
end

env:process(function()
  for name = 1, CARS do
    env:sleep(arrivals:exponential(INTERVAL))
    env:process(car, name)
  end
end)
env:run()

-- Cars there now and WASH later: those in machines have left, and a Poisson number has come. The distribution that
-- this leaves as it is gives the mean queue (Crommelin), and Little's law the wait.
local function theory()
  local most, come, p = 150, {}, {}
  come[0] = math.exp(-WASH / INTERVAL)
  for n = 1, most do come[n] = come[n - 1] * WASH / INTERVAL / n end
  for n = 0, most do p[n] = n == 0 and 1 or 0 end
  for _ = 1, 400 do
    local after = {}
    for n = 0, most do after[n] = 0 end
    for n = 0, most do
      local left = math.max(n - MACHINES, 0)
      for k = 0, math.min(60, most - left) do after[left + k] = after[left + k] + p[n] * come[k] end
    end
    p = after
  end
  local queue = 0
  for n = MACHINES + 1, most do queue = queue + (n - MACHINES) * p[n] end
  return queue, queue * INTERVAL
end

local queue, wait = theory()
print(("%d cars in %.0f min, %.1f%% of their dirt removed"):format(CARS, env.now, removed.mean))
print("               measured  theory")
print(("mean queue     %8.4f  %6.4f"):format(wash.queue_length.mean, queue))
print(("mean wait      %8.4f  %6.4f min"):format(wash.waits.mean, wait))
print(("machines busy  %8.4f  %6.4f"):format(wash:utilisation(), WASH / INTERVAL / MACHINES))
