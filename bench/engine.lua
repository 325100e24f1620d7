--- Speed of whole simulations beside the limits of the same machine at the same moment: times are CPU time of the best
-- of several rounds, so that what else runs here matters little. With RECORD=1 the figures become a line of
-- bench/history.csv.
local oracle, planning = require "oracle", require "oracle.plan"
local core = require "oracle.core"
local sim = core.sim
local BUILD = "build/release"

local DATA = os.getenv("ORACLE_DATA") or "../shared/data"
local figures = {}                                        -- { name, value } in order, for the history

local function say(...)
  print(("  " .. (...)):format(select(2, ...)))
  io.stdout:flush()
end

local function figure(name, value, format)
  figures[#figures + 1] = { name, (format or "%.4g"):format(value) }
  return value
end

local function lines_of(command)
  local p = assert(io.popen(command))
  local text = p:read("a")
  return text, p:close()
end

-- Best CPU time of several runs in s, and the last result.
local function best(rounds, spec)
  local least, raw = math.huge, nil
  for _ = 1, rounds do
    collectgarbage()
    local start = os.clock()
    raw = sim.run(spec)
    least = math.min(least, os.clock() - start)
  end
  return least, raw
end

local function spec_of(t, changes)
  t.model, t.hardware, t.cost = t.model or "meta-llama/Llama-3.1-8B-Instruct", "h100-sxm", t.cost or "roofline"
  local spec = planning.spec(planning.plan(oracle.scenario(t)))
  for k, v in pairs(changes or {}) do
    if v == "nil" then spec[k] = nil else spec[k] = v end
  end
  return spec
end

-- ---- against the bare loop ----

local function bare_figures()
  local found = {}
  for line in lines_of(BUILD .. "/bench/bare"):gmatch("[^\n]+") do
    local name, ms, steps, ends = line:match("^(%l+) (%S+) (%d+) %d+ %d+ (%d+)$")
    if name then found[name] = { ms = tonumber(ms), steps = math.tointeger(steps), now = tonumber(ends) / 1e9 } end
  end
  return found
end

-- The same load where no step is formed while another runs, as the bare loop does it, with the policy in C: what
-- Lua and scheduling ahead do not have a part in.
local function plainly(spec)
  local plain, engine, rules = {}, {}, {}
  for k, v in pairs(spec) do plain[k] = v end
  for k, v in pairs(spec.engine) do engine[k] = v end
  for k, v in pairs(engine.rules) do rules[k] = v end
  rules.schedules_ahead = nil
  engine.rules, plain.engine, plain.batching = rules, engine, { name = "c" }
  return plain
end

local function beside_bare(bare, name, title, limit, spec)
  local seconds, raw = best(15, spec)
  local plain, stepped = best(15, plainly(spec))
  local tokens = raw.tokens.output
  figure(name .. "_ms", 1e3 * seconds)
  local ratio = bare and figure(name .. "_ratio", 1e3 * seconds / bare.ms, "%.2f")
  say("%s: %.1f ms, %.1f ns/step, %.0f M tokens/s; bare loop %.2f ms, ratio %.2f (wanted <= %d)",
    title, 1e3 * seconds, 1e9 * seconds / raw.steps, 1e-6 * tokens / seconds, bare and bare.ms or 0, ratio or 0, limit)
  say("  no step ahead, policy in C: %.1f ms, ratio %.2f%s", 1e3 * plain,
    bare and figure(name .. "_plain_ratio", 1e3 * plain / bare.ms, "%.2f") or 0,
    not bare and "" or bare.steps ~= stepped.steps and "; other steps"
    or bare.now ~= stepped.now and "; another end" or "; same steps, same end")
end

-- The same trace under a fit: what it takes longer.
local function calibrated(trace)
  local plain, first = best(15, spec_of { workload = oracle.workload.trace { path = trace } })
  local fitted, raw = best(15, spec_of { cost = "calibrated", workload = oracle.workload.trace { path = trace } })
  say("under a fit: %.1f ms, %.1f ns/step, %.2f times the roofline's (wanted <= 1.3), %.2f times per step",
    1e3 * fitted, 1e9 * fitted / raw.steps, fitted / plain, fitted / raw.steps / (plain / first.steps))
end

local function limits()
  print("whole simulations, policies in Lua, and the bare loop on the same requests")
  local bare = bare_figures()
  local trace = DATA .. "/traces/azure-2023-conv.csv"
  local f = io.open(trace)
  if f then
    f:close()
    beside_bare(bare.azure, "azure", "Azure conversation trace, 8B", 4,
      spec_of { workload = oracle.workload.trace { path = trace } })
    calibrated(trace)
  else
    say("Azure: %s is not there", trace)
  end
  beside_bare(bare.constant, "constant", "9,000 x (512 + 248) at 7.5/s, 70B TP4", 6, spec_of {
    model = "meta-llama/Llama-3.1-70B-Instruct", engine = { tensor_parallel_size = 4 },
    workload = oracle.workload.constant { rate = 7.5, count = 9000, prompt = 512, output = 248 },
  })
end

-- ---- steps ----

local function batches()
  print("steps with a batch that stays, prompts of 100 and answers of 1,000 tokens")
  for _, n in ipairs { 1, 16, 64, 256 } do
    local workload = oracle.workload.closed_loop { concurrency = n, count = math.max(400, 10 * n), prompt = 100,
                                                   output = 1000 }
    local seconds, raw = best(3, spec_of { workload = workload })
    local each, whole = best(1, spec_of({ workload = workload }, { runs = false }))
    figure(("batch_%d_msteps_per_s"):format(n), 1e-6 * raw.steps / seconds)
    say("batch %3d   %6.2f M steps/s   %7.1f M tokens/s   without runs %5.2f M steps/s", n, 1e-6 * raw.steps / seconds,
      1e-6 * raw.tokens.output / seconds, 1e-6 * whole.steps / each)
  end
end

-- The same policy in Lua and in C, asked at every step: the difference is what the language costs.
local function policies()
  print("a policy asked at every step: chunked in Lua beside its twin in C")
  local workload = oracle.workload.closed_loop { concurrency = 32, count = 3000, prompt = 100, output = 200 }
  local lua_policy = {}
  for k, v in pairs(require "oracle.batching.chunked") do lua_policy[k] = v end
  lua_policy.every_step = true
  local lua_s, raw = best(3, spec_of({ workload = workload }, { batching = lua_policy }))
  local calls = 0
  for _, replica in ipairs(raw.replicas) do calls = calls + replica.policy_calls end
  -- A table without `step` is served by the C twin; every_step asks it as often.
  local c = best(3, spec_of({ workload = workload }, { batching = { name = "c", every_step = true } }))
  figure("lua_policy_ns", 1e9 * (lua_s - c) / calls)
  say("%d calls   Lua %.1f ms   C %.1f ms   %.0f ns more per call   %.2fx", calls, 1e3 * lua_s, 1e3 * c,
    1e9 * (lua_s - c) / calls, lua_s / c)
end

-- The roofline in C beside the same as a model in Lua, whole and with a term added: ns a step of a loaded server.
local function cost_models()
  print("cost models in Lua beside the roofline in C")
  local workload = oracle.workload.poisson { rate = 12, count = 5000, prompt = 512, output = 128 }
  local plain, raw = best(5, spec_of { workload = workload })
  local models = { step = function(_, parts) return parts.total end, add = { add = function() return 0 end } }
  for _, name in ipairs { "step", "add" } do
    local calls, taken = core.cost.asked()
    local seconds = best(5, spec_of { workload = workload, cost = models[name] })
    local more, longer = core.cost.asked()
    figure(("cost_%s_ns"):format(name), 1e9 * (seconds - plain) / raw.steps)
    say("%-5s %d steps   C %.1f ns/step   Lua %.1f ns/step (%+.1f)   %.2f us a call", name, raw.steps,
      1e9 * plain / raw.steps, 1e9 * seconds / raw.steps, 1e9 * (seconds - plain) / raw.steps,
      1e6 * (longer - taken) / (more - calls))
  end
end

-- ---- size ----

local function peak_mb()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmHWM:%s+(%d+)")
    if kb then return tonumber(kb) / 1024 end
  end
end

local SIZES, MEASURED, ROUNDS = { 10000, 100000, 1000000, 10000000 }, 10000000, 2

-- CPU time in s of runs of n requests, with a seed each, until MEASURED are simulated: the best of many short runs
-- would be beside the mean of one long one.
local function measured(n)
  local spec = spec_of { workload = oracle.workload.poisson { rate = 20, count = n, prompt = 200, output = 50 } }
  local seconds = 0
  for k = 1, MEASURED // n do
    spec.seed = k
    seconds = seconds + best(1, spec)
  end
  return seconds
end

local function sizes()
  print(("synthetic requests of 200 + 50 tokens at 20 per second, no records; %d of them for each figure, best of %d")
    :format(MEASURED, ROUNDS))
  local least, peak = {}, {}
  for _ = 1, ROUNDS do
    for i, n in ipairs(SIZES) do
      least[i] = math.min(least[i] or math.huge, measured(n))
      peak[i] = peak[i] or peak_mb()
    end
  end
  local ns = {}
  for i, n in ipairs(SIZES) do
    ns[i] = figure(("requests_%d_ns"):format(n), 1e9 * least[i] / MEASURED)
    say("%10d requests   %8.3f s a run   %5.0f ns each   peak memory %.1f MB", n, least[i] * n / MEASURED, ns[i],
      peak[i])
  end
  local first, last = ns[1], ns[#ns]
  figure("peak_mb", peak[#peak])
  say("10 million cost %.2fx of 10 thousand each (wanted <= 1.3)", figure("flat", last / first, "%.2f"))
end

-- ---- processes ----

local SMALL = [[
local oracle = require "oracle"
return oracle.scenario { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
  workload = oracle.workload.%s }
]]

local function scenario_file(workload)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(SMALL:format(workload))
  f:close()
  return path
end

-- Wall and CPU time of a command in s, as the shell measures them.
local function times(command)
  local text = lines_of(("bash -c 'TIMEFORMAT=\"%%3R %%3U %%3S\"; time %s' 2>&1 >/dev/null"):format(command))
  local wall, user, system = text:match("([%d.]+) ([%d.]+) ([%d.]+)%s*$")
  if not wall then error(command .. ": " .. text) end
  return tonumber(wall), tonumber(user) + tonumber(system)
end

local function start_up()
  local path = scenario_file("batch { count = 1, prompt = 10, output = 10 }")
  local wall, cpu = {}, {}
  for i = 1, 20 do wall[i], cpu[i] = times(("./oracle %s -q --json /dev/null"):format(path)) end
  table.sort(wall)
  table.sort(cpu)
  print("a process, from start to the first result of a trivial scenario")
  say("%.0f ms at best, %.0f ms in the middle (wanted <= 15); CPU %.0f ms", figure("start_ms", 1e3 * wall[1]),
    1e3 * wall[10], figure("start_cpu_ms", 1e3 * cpu[10]))
  os.remove(path)
end

local function cores()
  return tonumber((lines_of("nproc"):match("%d+")))
end

local function sweeps()
  local path, out = scenario_file("poisson { rate = 8, count = 1000, prompt = 500, output = 200 }"), os.tmpname()
  print("a sweep of 1,000 points of 1,000 requests")
  local one
  for _, threads in ipairs { 1, cores() } do
    os.remove(out)
    local seconds, cpu = times(("./oracle sweep %s --set workload.rate=0.5..10:0.5 --seeds 50 --threads %d --out %s -q")
      :format(path, threads, out))
    one = one or seconds
    figure(("sweep_%d_threads_s"):format(threads), seconds)
    figure(("sweep_%d_threads_cpu_s"):format(threads), cpu)
    say("%2d threads   %.2f s   %.2fx   CPU %.2f s%s", threads, seconds, one / seconds, cpu,
      threads == 2 and "   (wanted <= 5 s)" or "")
    if threads == cores() then break end
  end
  os.remove(path)
  os.remove(out)
end

-- ---- history ----

local function record()
  local path = "bench/history.csv"
  local commit = lines_of("git describe --always --dirty 2>/dev/null"):match("%S+") or "unknown"
  local cpu = lines_of("grep -m1 'model name' /proc/cpuinfo"):match(":%s*(.-)%s*\n") or "unknown"
  local names, values = { "date", "commit", "cpu" }, { os.date("!%Y-%m-%d"), commit, (cpu:gsub(",", " ")) }
  for i, f in ipairs(figures) do names[i + 3], values[i + 3] = f[1], f[2] end
  local head, old = table.concat(names, ","), io.open(path)
  local known = old and old:read("l")
  if old then old:close() end
  local f = assert(io.open(path, "a"))
  if known ~= head then f:write(head, "\n") end           -- figures that changed begin a table of their own
  f:write(table.concat(values, ","), "\n")
  f:close()
  print(path .. ": one line more")
end

limits()
batches()
policies()
cost_models()
sizes()
start_up()
sweeps()
if os.getenv("RECORD") then record() end
