--- A filling station with two pumps and one tank (SimPy's "gas station"): cars fill up, and when the tank runs low a
-- truck is called, which takes five minutes. What is pumped and how long pumps are busy follows from the cars alone;
-- litres are neither made nor lost.
local des = require "oracle.des"

local PUMPS, TANK, CAR_TANK, FLOW = 2, 2000, 50, 2        -- litres; flow of a pump in litres/s
local LOW, TRUCK, INTERVAL = 0.1, 300, 40                 -- share of the tank; s; mean s between two cars
local CARS = 50000

local env = des.environment { seed = 42 }
local pumps = env:resource(PUMPS)
local tank = env:container { capacity = TANK, init = TANK }
local arrivals, cars = env:random "arrivals", env:random "cars"
local sold, brought, trucks, at_pump = 0, 0, 0, env:tally()

local function car()
  local wanted = CAR_TANK - cars:integer(5, 25)           -- litres
  pumps:use(function()
    local start = env.now
    tank:get(wanted):wait()
    env:sleep(wanted / FLOW)
    sold = sold + wanted
    at_pump:add(env.now - start)
  end)
end

local function truck()
  env:sleep(TRUCK)
  local litres = TANK - tank.level
  tank:put(litres):wait()
  brought, trucks = brought + litres, trucks + 1
end

local done = env:process(function()
  for _ = 1, CARS do
    env:sleep(arrivals:exponential(INTERVAL))
    env:process(car)
  end
end)
env:process(function()                                    -- looks at the gauge every ten seconds
  while not done.processed do
    if tank.level < LOW * TANK then env:process(truck):wait() end
    env:sleep(10)
  end
end)
env:run()

local mean = CAR_TANK - 15                                -- litres a car
print(("%d cars in %.0f h, %d trucks"):format(CARS, env.now / 3600, trucks))
print("               measured   expected")
print(("litres an hour  %8.1f   %8.1f"):format(sold / env.now * 3600, mean / INTERVAL * 3600))
print(("pumps running   %8.4f   %8.4f"):format(sold / FLOW / PUMPS / env.now, mean / FLOW / PUMPS / INTERVAL))
print(("litres brought  %8.0f   %8.0f = sold, less what the tank has lost"):format(brought, sold - (TANK - tank.level)))
print(("pumps held      %8.4f, which includes waits for a truck"):format(pumps:utilisation()))
print(("mean wait       %8.2f s for a pump, %.2f s at it"):format(pumps.waits.mean, at_pump.mean))
