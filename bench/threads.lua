--- One simulation by two threads beside one: wall time of the program, best of several rounds in turn, and CPU time of
-- both threads together, which tells what two idle cores would give where other work shares them.
local BIN = "./oracle"
local ROUNDS = 5

local function scenario(replicas)
  local path = os.tmpname() .. ".lua"
  local f = assert(io.open(path, "w"))
  f:write(([[
return oracle.scenario { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", replicas = %d,
  router = "round_robin", workload = oracle.workload.poisson { rate = %d, count = 1000000,
    prompt = oracle.dist.lognormal { median = 500, p99 = 4000 },
    output = oracle.dist.lognormal { median = 100, p99 = 500 } } }
]]):format(replicas, math.min(20 * replicas, 20000)))
  f:close()
  return path
end

-- Wall and CPU time of a run, s.
local function run(path, threads)
  local p = assert(io.popen(("bash -c \"TIMEFORMAT='%%R %%U %%S'; time %s run %s --threads %d --quiet\" 2>&1"):format(
    BIN, path, threads)))
  local text = p:read("a")
  p:close()
  local wall, user, system = text:match "([%d.]+) ([%d.]+) ([%d.]+)%s*$"
  assert(wall, text)
  return tonumber(wall), user + system
end

for _, replicas in ipairs { 64, 512 } do
  local path, wall, cpu = scenario(replicas), { math.huge, math.huge }, { math.huge, math.huge }
  for _ = 1, ROUNDS do
    for threads = 1, 2 do
      local w, c = run(path, threads)
      wall[threads], cpu[threads] = math.min(wall[threads], w), math.min(cpu[threads], c)
    end
  end
  os.remove(path)
  print(("  threads: 2 against 1, %3d replicas: %.2f s against %.2f s, %.2f x (wanted: 1.6); on two idle cores %.2f x"
    .. " (by CPU time)"):format(replicas, wall[2], wall[1], wall[1] / wall[2], 2 * cpu[1] / cpu[2]))
end
