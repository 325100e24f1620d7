--- What the rows of requests cost: a million requests with --csv beside the same without, time on the clock and of the
-- CPU, the best of several rounds in turn. The limit is what a copy of the finished file takes here.
local BIN, ROUNDS = "./oracle", 3

local path, csv = os.tmpname() .. ".lua", os.tmpname()
local f = assert(io.open(path, "w"))
f:write [[
return oracle.scenario { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
  workload = oracle.workload.poisson { rate = 100, count = 1000000, prompt = 100, output = 10 } }
]]
f:close()

-- s on the clock, s of the CPU.
local function timed(command)
  local p = assert(io.popen(("bash -c \"TIMEFORMAT='%%R %%U %%S'; time %s\" 2>&1"):format(command)))
  local text = p:read("a")
  p:close()
  local wall, user, system = text:match "([%d.]+) ([%d.]+) ([%d.]+)%s*$"
  assert(wall, text)
  return tonumber(wall), user + system
end

local COMMANDS = { ("%s run %s --quiet"):format(BIN, path), ("%s run %s --quiet --csv %s"):format(BIN, path, csv),
                   ("cp %s %s.copy"):format(csv, csv) }
local wall, cpu = {}, {}
for i = 1, #COMMANDS do wall[i], cpu[i] = math.huge, math.huge end
for _ = 1, ROUNDS do
  for i, command in ipairs(COMMANDS) do
    local w, c = timed(command)
    wall[i], cpu[i] = math.min(wall[i], w), math.min(cpu[i], c)
  end
end
for _, name in ipairs { path, csv, csv .. ".copy" } do os.remove(name) end
print(("  a million rows: %.2f s with, %.2f s without: %.2f s more (wanted 0.4), %.2f s of CPU; a copy %.2f s"):format(
  wall[2], wall[1], wall[2] - wall[1], cpu[2] - cpu[1], wall[3]))
