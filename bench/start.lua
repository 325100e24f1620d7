--- The start: what it costs to come to the result of a run that is over at once. Instructions of the program itself
-- where perf counts them on this machine, and CPU time, the least of several rounds.
local HOME = assert(os.getenv "ORACLE_HOME")
local BIN = os.getenv("ORACLE_BIN") or HOME .. "/oracle"
local INSTRUCTIONS, TIME = 10e6, 5e-3                     -- at most
local ROUNDS, RUNS = 5, 20                                -- a round's runs are averaged: clocks of processes are coarse

local scenario = os.tmpname()
local f = assert(io.open(scenario, "w"))
f:write [[
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
  workload = oracle.workload.poisson { rate = 2, count = 20, prompt = 100, output = 10 } }
]]
f:close()
local command = ("'%s' run '%s'"):format(BIN, scenario)

local function output(text)
  local p = assert(io.popen(text))
  local out = p:read "a"
  p:close()
  return out
end

local function instructions()
  local said = output(("perf stat -x, -e instructions:u -- %s 2>&1 >/dev/null"):format(command))
  return tonumber(said:match "(%d+),,instructions")
end

-- s of CPU a run, of the program and of the system for it
local function cpu()
  local said = output(("for i in $(seq %d); do %s >/dev/null 2>&1; done; times"):format(RUNS, command))
  local sum = 0
  local children = said:match "\n([^\n]*)\n?$"            -- the second line is that of the processes it started
  for minutes, seconds in children:gmatch "(%d+)m([%d.]+)s" do sum = sum + 60 * minutes + seconds end
  return sum / RUNS
end

local ran = os.execute(command .. " >/dev/null 2>&1")
local counted = ran and instructions()
local least = math.huge
for _ = 1, ran and ROUNDS or 0 do least = math.min(least, cpu()) end
os.remove(scenario)
if not ran then
  print "  the run failed"
  os.exit(false)
end

local function line(what, value, limit, unit)
  print(("  start to result  %-13s %6.1f %s (wanted %g)%s"):format(what, value, unit, limit,
    value <= limit and "" or "  MISSED"))
end
if counted then line("instructions", 1e-6 * counted, 1e-6 * INSTRUCTIONS, "M")
else print "  start to result  instructions: perf counts none on this machine" end
line("CPU time", 1e3 * least, 1e3 * TIME, "ms")
