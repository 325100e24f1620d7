--- A bank with one counter, and customers who lose patience (SimPy's "bank renege"): who has waited too long leaves.
-- With exponential service and patience this is M/M/1+M (Erlang A), whose numbers are printed beside those measured.
local des = require "oracle.des"

local INTERVAL, SERVICE, PATIENCE = 10, 12, 20            -- means in min
local CUSTOMERS = 100000

local env = des.environment { seed = 42 }
local counter = env:resource(1)
local arrivals, service, patience = env:random "arrivals", env:random "service", env:random "patience"
local served, reneged = 0, 0

local function customer()
  local request <close> = counter:request()
  local gives_up = env:timeout(patience:exponential(PATIENCE))
  local first = env:any_of { request, gives_up }:wait()
  if first[request] then
    gives_up:cancel()
    env:sleep(service:exponential(SERVICE))
    served = served + 1
  else
    reneged = reneged + 1
  end
end

env:process(function()
  for _ = 1, CUSTOMERS do
    env:process(customer)
    env:sleep(arrivals:exponential(INTERVAL))
  end
end)
env:run()

-- Births at rate 1 / INTERVAL; with n in the bank one is served and n - 1 may leave.
local function theory()
  local weight, total, queue, idle = 1, 1, 0, 1
  for n = 1, 200 do
    weight = weight / INTERVAL / (1 / SERVICE + (n - 1) / PATIENCE)
    total, queue = total + weight, queue + weight * (n - 1)
  end
  queue, idle = queue / total, idle / total
  return queue, 1 - idle, queue / PATIENCE * INTERVAL
end

local queue, busy, lost = theory()
print(("%d customers in %.0f min: %d served, %d left"):format(CUSTOMERS, env.now, served, reneged))
print(("                   measured  theory"))
print(("share that leaves  %8.4f  %6.4f"):format(reneged / CUSTOMERS, lost))
print(("mean queue         %8.4f  %6.4f"):format(counter.queue_length.mean, queue))
print(("counter busy       %8.4f  %6.4f"):format(counter:utilisation(), busy))
