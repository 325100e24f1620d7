--- The start: what it costs to come to the result of a run that is over at once, and beside it what the same machine
-- takes for a Lua that does nothing. Instructions of the program itself, counted by perf or by valgrind, CPU time, the
-- least of several rounds, and system calls.
local HOME = assert(os.getenv "ORACLE_HOME")
local BIN = os.getenv("ORACLE_BIN") or HOME .. "/oracle"
local INSTRUCTIONS, TIME = 10e6, 5e-3                     -- at most
local ROUNDS, RUNS = 5, 20                                -- a round's runs are averaged: clocks of processes are coarse

local counts = os.tmpname()
local scenario = counts .. ".lua"
local f = assert(io.open(scenario, "w"))
f:write [[
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
  workload = oracle.workload.poisson { rate = 2, count = 20, prompt = 100, output = 10 } }
]]
f:close()
local COMMAND = ("'%s' run '%s'"):format(BIN, scenario)
local NOTHING = "lua5.4 -e ''"

local function output(text)
  local p = assert(io.popen(text))
  local out = p:read "a"
  p:close()
  return out
end

local function there(program) return os.execute(("command -v %s >/dev/null"):format(program)) end

local function instructions(command)
  local said = output(("perf stat -x, -e instructions:u -- %s 2>&1 >/dev/null"):format(command)):match "(%d+),,instr"
  if not said and there "valgrind" then
    said = output(("valgrind --tool=callgrind --callgrind-out-file='%s' %s 2>&1 >/dev/null"):format(counts, command))
      :match "Collected : (%d+)"
  end
  return tonumber(said)
end

local function calls(command)
  local said = there "strace" and output(("strace -f -c -o '%s' %s >/dev/null 2>&1; cat '%s'"):format(counts, command,
    counts)) or ""
  return tonumber(said:match "(%d+)%s+%d*%s*total")
end

-- s of CPU a run, of the program and of the system for it
local function cpu(command)
  local least = math.huge
  for _ = 1, ROUNDS do
    local said = output(("for i in $(seq %d); do %s >/dev/null 2>&1; done; times"):format(RUNS, command))
    local sum = 0
    local children = said:match "\n([^\n]*)\n?$"          -- the second line is that of the processes it started
    for minutes, seconds in children:gmatch "(%d+)m([%d.]+)s" do sum = sum + 60 * minutes + seconds end
    least = math.min(least, sum / RUNS)
  end
  return least
end

local function line(what, unit, scale, measure, limit)
  local value, least = measure(COMMAND), there "lua5.4" and measure(NOTHING)
  if not value then
    print(("  start to result  %-13s nothing counts them on this machine"):format(what))
    return
  end
  print(("  start to result  %-13s %6.1f%s%s%s%s"):format(what, scale * value, unit,
    least and (", a Lua that does nothing %.1f%s"):format(scale * least, unit) or "",
    limit and (" (wanted %g)"):format(scale * limit) or "", limit and value > limit and "  MISSED" or ""))
end

local ran = os.execute(COMMAND .. " >/dev/null 2>&1")
if ran then
  line("instructions", " M", 1e-6, instructions, INSTRUCTIONS)
  line("CPU time", " ms", 1e3, cpu, TIME)
  line("system calls", "", 1, calls)
else
  print "  the run failed"
end
os.remove(scenario)
os.remove(counts)
if not ran then os.exit(false) end
