--- A workshop of ten machines that break down, and one repairman (SimPy's "machine shop"): he has other jobs, which a
-- broken machine interrupts. Machines that queue for one repair are M/M/1//10, whose numbers are printed beside those
-- measured: his other jobs, of a lesser priority, do not matter to them.
local des = require "oracle.des"

local MACHINES, WEEKS = 10, 60
local PART, SPREAD = 10, 2                                -- min to make a part: mean and standard deviation
local TO_FAILURE, REPAIR, OTHER_JOB = 300, 30, 30         -- means in min
local END = WEEKS * 7 * 24 * 60

local env = des.environment { seed = 42 }
local repairman = env:preemptive_resource(1)
local parts, jobs, preempted = 0, 0, 0
local broken = env:level(0)

local function machine(name)
  local making, failures, repairs = env:random("parts " .. name), env:random("failures " .. name), env:random "repairs"
  local works
  local is_broken = false

  -- Make a part; what is left of it is made after each repair.
  local function make()
    local left = math.max(0, making:normal(PART, SPREAD))
    while left > 0 do
      local start = env.now
      if pcall(env.sleep, env, left) then return end
      left, is_broken = left - (env.now - start), true
      broken:add(1)
      repairman:use(function() env:sleep(repairs:exponential(REPAIR)) end, { priority = 1 })
      broken:add(-1)
      is_broken = false
    end
  end

  works = env:process(function()
    while true do
      make()
      parts = parts + 1
    end
  end)
  env:process(function()
    while true do
      env:sleep(failures:exponential(TO_FAILURE))
      if not is_broken then works:interrupt("broken") end
    end
  end)
end

for name = 1, MACHINES do machine(name) end

-- Other jobs, whose rest is done after each interruption.
env:process(function()
  while true do
    local left = OTHER_JOB
    while left > 0 do
      local request <close> = repairman:request { priority = 2 }
      request:wait()
      local start = env.now
      if pcall(env.sleep, env, left) then
        left = 0
      else
        left, preempted = left - (env.now - start), preempted + 1
      end
    end
    jobs = jobs + 1
  end
end)

env:run(END)

-- With n broken machines the others fail, each at 1 / TO_FAILURE, and one is repaired.
local function theory()
  local weight, total, mean = 1, 1, 0
  for n = 1, MACHINES do
    weight = weight * (MACHINES - n + 1) * REPAIR / TO_FAILURE
    total, mean = total + weight, mean + n * weight
  end
  return mean / total, 1 - 1 / total
end

local down, busy = theory()
print(("%d weeks: %d parts, %d other jobs, interrupted %d times"):format(WEEKS, parts, jobs, preempted))
print("                  measured    theory")
print(("broken machines   %8.4f  %8.4f"):format(broken.mean, down))
print(("parts a day       %8.2f  %8.2f"):format(parts / (7 * WEEKS), (MACHINES - down) * 24 * 60 / PART))
print(("other jobs a day  %8.2f  %8.2f"):format(jobs / (7 * WEEKS), (1 - busy) * 24 * 60 / OTHER_JOB))
