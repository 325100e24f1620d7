--- Speed of processes (oracle.des) beside SimPy 4.1.2 on CPython 3.11, model by model. SimPy's rates were measured
-- once, with a loop of plain Lua on the same core (a Xeon at 2.5 GHz) within the same minute; here they are scaled by
-- what that loop takes now, so that the ratio holds on another core, too. Times are CPU time, the best of 3.
local des = require "oracle.des"

local ROUNDS = 3
local LOOP = 0.955                                        -- s, the loop where SimPy was measured

local function best(f)
  local least, n = math.huge, nil
  for _ = 1, ROUNDS do
    collectgarbage()
    local start = os.clock()
    n = f()
    least = math.min(least, os.clock() - start)
  end
  return n / least
end

local function loop()
  local t, sum = {}, 0
  local function put(i) t[i & 1023] = { i } end
  for i = 1, 2000000 do
    put(i)
    sum = sum + #t
  end
  return 1, sum
end

-- What happens in env, which f prepares. Returns n.
local function run(n, f)
  local env = des.environment { seed = 1 }
  f(env)
  env:run()
  return n
end

local function many(env)
  for i = 1, 100 do
    env:process(function()
      for _ = 1, 10000 do env:sleep(1 + i * 0.01) end
    end)
  end
end

local function one(env)
  env:process(function()
    for _ = 1, 1000000 do env:sleep(1) end
  end)
end

local function events(env)
  for i = 1, 100 do
    env:process(function()
      for _ = 1, 5000 do env:timeout(1 + i * 0.01):wait() end
    end)
  end
end

local function mm1(env)
  local server, arrivals, service = env:resource(1), env:random "arrivals", env:random "service"
  local function customer()
    local request <close> = server:request()
    request:wait()
    env:sleep(service:exponential(0.8))
  end
  env:process(function()
    for _ = 1, 200000 do
      env:sleep(arrivals:exponential(1))
      env:process(customer)
    end
  end)
end

local function store(env)
  local s = env:store()
  env:process(function()
    for i = 1, 200000 do
      env:sleep(1)
      s:put(i):wait()
    end
  end)
  env:process(function()
    for _ = 1, 200000 do s:get():wait() end
  end)
end

-- SimPy's rate, in what the model counts a second.
local MODELS = {
  { "timeouts of 100 processes, env:sleep", "events", 1000000, many, 0.183e6 },
  { "timeouts of 100 processes, env:timeout():wait()", "events", 500000, events, 0.183e6 },
  { "timeouts of one process", "events", 1000000, one, 0.250e6 },
  { "M/M/1: a process for each customer", "customers", 200000, mm1, 0.0220e6 },
  { "a store: put and get", "things", 200000, store, 0.0425e6 },
}

print("processes beside SimPy (wanted >= 10 times its events)")
local scale = LOOP * best(loop)
for _, m in ipairs(MODELS) do
  local title, what, n, f, simpy = table.unpack(m)
  local rate = best(function() return run(n, f) end)
  print(("  %-48s %5.2f M %s/s; SimPy %.3f, ratio %.1f"):format(title .. ":", rate / 1e6, what, scale * simpy / 1e6,
    rate / (scale * simpy)))
end
