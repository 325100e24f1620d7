--- What the program printed and wrote when these files were made, for every file of scenarios/ and for small ones of
-- our own: `golden.names()`, `golden.run(name)`, `golden.expected(name)`, `golden.moved(expected, got)`. Nothing here
-- knows the program but by its command line. `make golden` writes what stands in expected/.
local program = require "program"
local json = require("oracle.core").json

local golden = {}

local HERE = program.root .. "/tests/golden/"
local FOLDERS = { scenarios = program.root .. "/scenarios", golden = HERE .. "scenarios" }

-- One golden for each file, which is run, with a row per request; but here is how others are asked, and one file in
-- more ways than one. `csv = false`: there is no such file; `console = false`: what is printed has wall times in it.
-- Where a file of scenarios/ takes more than a second, fewer requests ask the same. A script, which returns no
-- scenario, has what it printed, and no JSON.
local HOW = {
  compare = { args = "compare vllm sglang trtllm dynamo static scenarios/compare.lua --replications 2", csv = false },
  deepseek = { args = "scenarios/deepseek.lua --set workload.count=100", csv = false },
  knee = { args = "scenarios/knee.lua --set workload.count=600", csv = false },
  sessions = { args = "scenarios/sessions.lua --set workload.duration=30", csv = false },
  lod_tp2 = { args = "lod scenarios/lod_tp2.lua", csv = false, console = false },
  lod_tp4 = { args = "lod scenarios/lod_tp4.lua", csv = false, console = false },
  lod_tp8 = { args = "lod scenarios/lod_tp8.lua --set workload.duration=5", csv = false, console = false },
  lod_tp2pp2 = { args = "lod scenarios/lod_tp2pp2.lua", csv = false, console = false },
  azure = { args = "scenarios/azure.lua", needs = "traces/azure-2023-conv.csv" },
  diurnal = { args = "scenarios/diurnal.lua", csv = false },
  ramp = { args = "scenarios/ramp.lua", csv = false },
  spike = { args = "scenarios/spike.lua", csv = false },
  speculation = { args = "scenarios/speculation.lua --set workload.count=64", csv = false },
  walkthrough = { args = "scenarios/walkthrough.yaml" },
  des_bank_renege = { args = "scenarios/des_bank_renege.lua", csv = false },
  des_carwash = { args = "scenarios/des_carwash.lua", csv = false },
  des_gas_station = { args = "scenarios/des_gas_station.lua", csv = false },
  gateway = { args = "scenarios/gateway.lua", csv = false },
  operator = { args = "scenarios/operator.lua --set workload.duration=240", csv = false },
  des_machine_shop = { args = "scenarios/des_machine_shop.lua", csv = false },

  calibrated = { args = "golden/calibrated.lua", csv = false },
  policies = { args = "golden/policies.lua", csv = false },
  prefixes = { args = "golden/prefixes.lua", csv = false },
  systems = { args = "golden/systems.lua", csv = false },
  tiers_async = { args = "golden/tiers.lua --set kv_loading=async" },
  tiers_layerwise = { args = "golden/tiers.lua --set kv_loading=layerwise" },
  pressure_swap = { args = "golden/pressure.lua --set preemption=swap" },
  fair_shares = { args = "golden/policies.lua --set vary=nil --set batching=vtc" },
  kept_whole = { args = "golden/prefixes.lua --set vary=nil --set router=prefix_aware" },
  traces_burstgpt = { args = "golden/traces.lua --set workload.path=traces/burstgpt.csv" },
  traces_vidur = { args = "golden/traces.lua --set workload.path=traces/vidur.csv" },
  traces_splitwise = { args = "golden/traces.lua --set workload.path=traces/splitwise.csv" },
  traces_mooncake = { args = "golden/traces.lua --set workload.path=traces/mooncake.jsonl" },
  traces_sharegpt = { args = "golden/traces.lua --set workload.path=traces/sharegpt.json --set workload.rate=5" },
  every_step = { args = "golden/pressure.lua --no-runs --lod high" },
  sweep = { args = "sweep golden/constant.lua --set workload.concurrency=4,16 --set seed=1 --seeds 2", csv = false },
  flags = { args = "--model llama-7b --xpu gb10 --batching-strategy windowed --pp 2 --n-xpus-per-node 2 --warm-up 5",
            csv = false },
  flags_disaggregated = { csv = false, args = "--model llama-7b --duration 20 --disaggregated --prefill-xpu h100-sxm "
    .. "--prefill-n-xpus 2 --prefill-tp 1 --decode-xpu a100-80gb --decode-n-xpus 2 --decode-tp 2 "
    .. "--transfer-bandwidth 50" },
}

local function lines_of(command)
  local list, p = {}, assert(io.popen(command))
  for line in p:lines() do list[#list + 1] = line end
  p:close()
  return list
end

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local text = f:read("a")
  f:close()
  return text
end

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end

-- How a golden is asked for, by its name; and the names, in order.
local function known()
  local how, names = {}, {}
  for folder, path in pairs(FOLDERS) do
    for _, file in ipairs(lines_of("ls '" .. path .. "'")) do
      local name = file:match("^(.*)%.lua$") or file:match("^(.*)%.yaml$")
      if name then how[name] = { args = folder .. "/" .. file } end
    end
  end
  for name, own in pairs(HOW) do how[name] = own end
  for name in pairs(how) do names[#names + 1] = name end
  table.sort(names)
  return how, names
end

local how, names = known()

--- All goldens, in order.
function golden.names()
  return names
end

local function data()
  local path = os.getenv("ORACLE_DATA") or "../shared/data"
  return path:match("^/") and path or program.root .. "/" .. path
end

--- Why one cannot run here, or nil.
function golden.missing(name)
  local needs = how[name].needs
  if needs and not read(data() .. "/" .. needs) then return "no " .. needs .. " in $ORACLE_DATA" end
end

--- A folder in which a scenario has the same relative path in every checkout.
function golden.open()
  program.open()
  for folder, path in pairs(FOLDERS) do os.execute(("ln -s '%s' '%s/%s'"):format(path, program.dir, folder)) end
  os.execute(("ln -s '%s/traces' '%s/traces'"):format(data(), program.dir))
end

golden.close = program.close

-- What differs from machine to machine and from version to version.
local function settled(text)
  text = text:gsub('("version": )"[^"]*"', '%1"-"')
  return (text:gsub('("wall_s": )[^,\n]+', '%1"-"'):gsub('("events_per_second": )[^,\n]+', '%1"-"')
    :gsub('("speed_up": )[^,\n]+', '%1"-"'))
end

--- Run one. Returns { json =, csv = its SHA-256, console = }, of which a script has no JSON; an error where it does not
-- end well.
function golden.run(name)
  local h, dir = how[name], program.dir
  os.remove(dir .. "/summary.json")
  os.remove(dir .. "/rows.csv")
  -- a sweep goes on where its file ends
  os.execute("rm -f '" .. dir .. "'/*.sweep.jsonl")
  local code, out, err = program.run_there(h.args .. (h.csv == false and "" or " --csv rows.csv")
    .. " --json summary.json")
  if code ~= 0 then error(("%s: exit status %d\n%s"):format(h.args, code, err), 0) end
  local text = read(dir .. "/summary.json")
  local got = { json = text and settled(text), console = h.console ~= false and out or nil }
  if h.csv ~= false then got.csv = lines_of("sha256sum < '" .. dir .. "/rows.csv'")[1]:match("^%x+") end
  return got
end

local function hashes()
  local of = {}
  for name, hash in (read(HERE .. "expected/csv.sha256") or ""):gmatch("(%S+) (%x+)\n") do of[name] = hash end
  return of
end

--- What one gave when it was written; nil where it was not.
function golden.expected(name)
  local text, printed = read(HERE .. "expected/" .. name .. ".json"), read(HERE .. "expected/" .. name .. ".txt")
  return (text or printed) and { json = text, csv = hashes()[name], console = printed }
end

--- Write what all of them give; one that cannot run here keeps what it has, one that is no more goes.
function golden.write()
  local of, kept = hashes(), {}
  for _, name in ipairs(names) do
    kept[name] = true
    if golden.missing(name) then
      print(name .. ": " .. golden.missing(name) .. "; left as it was")
    else
      local got = golden.run(name)
      if got.json then write(HERE .. "expected/" .. name .. ".json", got.json) end
      if got.console then write(HERE .. "expected/" .. name .. ".txt", got.console) end
      of[name] = got.csv
    end
  end
  for _, file in ipairs(lines_of("ls '" .. HERE .. "expected'")) do
    if not kept[file:match("^(.*)%.%w+$")] and file ~= "csv.sha256" then os.remove(HERE .. "expected/" .. file) end
  end
  local list = {}
  for _, name in ipairs(names) do
    if of[name] then list[#list + 1] = name .. " " .. of[name] .. "\n" end
  end
  write(HERE .. "expected/csv.sha256", table.concat(list))
end

-- ---- what moved ----

local function leaves(v, path, into)
  if type(v) ~= "table" then
    into[path] = v
    into[#into + 1] = path
  elseif next(v) == nil then
    into[path] = "empty"
    into[#into + 1] = path
  else
    local keys = {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
      if type(a) == "number" and type(b) == "number" then return a < b end
      return tostring(a) < tostring(b)
    end)
    for _, k in ipairs(keys) do
      leaves(v[k], type(k) == "number" and ("%s[%d]"):format(path, k) or path == "" and k or path .. "." .. k, into)
    end
  end
  return into
end

local function shown(v)
  return math.type(v) == "float" and ("%.17g"):format(v) or tostring(v)
end

local function change(path, from, to)
  local line = ("%s: %s -> %s"):format(path, shown(from), shown(to))
  if type(from) == "number" and type(to) == "number" and from ~= 0 then
    line = line .. (" (%+.3g %%)"):format((to - from) / math.abs(from) * 100)
  end
  return line
end

-- The numbers of a summary that differ, by their path.
local function numbers(expected, got, into)
  local from, to = leaves(json.decode(expected), "", {}), leaves(json.decode(got), "", {})
  for _, path in ipairs(from) do
    if to[path] == nil then
      into[#into + 1] = ("%s: %s -> gone"):format(path, shown(from[path]))
    elseif to[path] ~= from[path] then
      into[#into + 1] = change(path, from[path], to[path])
    end
  end
  for _, path in ipairs(to) do
    if from[path] == nil then into[#into + 1] = ("%s: new, %s"):format(path, shown(to[path])) end
  end
end

-- The first line in which two texts differ.
local function line(what, expected, got, into)
  local n, next_line = 0, (got .. "\n"):gmatch("([^\n]*)\n")
  for from in (expected .. "\n" .. ("\n"):rep(select(2, got:gsub("\n", "")))):gmatch("([^\n]*)\n") do
    local to = next_line() or ""
    n = n + 1
    if from ~= to then
      into[#into + 1] = ('%s, line %d: "%s" -> "%s"'):format(what, n, from, to)
      return
    end
  end
end

--- What differs, a line each: the numbers of the summary by path, from, to and by how much; then the rows, which are
-- known by their hash; then the first line of the console. An empty list: nothing.
function golden.moved(expected, got)
  local list = {}
  if (expected.json == nil) ~= (got.json == nil) then
    list[#list + 1] = "the JSON: " .. (got.json and "new" or "gone")
  elseif expected.json ~= got.json then
    numbers(expected.json, got.json, list)
    if #list == 0 then line("the JSON's text alone", expected.json, got.json, list) end
  end
  if expected.csv ~= got.csv then
    list[#list + 1] = ("the CSV differs: SHA-256 %s -> %s"):format((expected.csv or "none"):sub(1, 12),
      (got.csv or "none"):sub(1, 12))
  end
  if expected.console ~= got.console then line("console", expected.console or "", got.console or "", list) end
  return list
end

return golden
