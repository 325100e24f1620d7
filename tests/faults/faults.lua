--- The world fails under the program: one call for memory, or one call of the system (tests/faults/fault.c), and what
-- must hold then. `faults.case(name)` gives a case, `faults.count(case, kind)` how many calls of a kind it makes,
-- `faults.try(case, kind, n, after)` lets the n-th fail and gives nil, or what was not as it must be.
local faults = { kinds = { "memory", "open", "write", "sync", "rename", "truncate" } }

local ROOT, BIN = os.getenv "ORACLE_HOME" or ".", os.getenv "ORACLE_BIN" or "./oracle"
faults.library = os.getenv "ORACLE_FAULT_LIBRARY"          -- fault.so, by its whole path
local PATIENCE = 60 -- s; ten times the longest

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local s = f:read "a"
  f:close()
  return s
end

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  assert(f:write(text))
  assert(f:close())
end

local QUICK = ("'%s/scenarios/quickstart.lua' --set workload.duration=nil --set workload.count=40"):format(ROOT)
local SWEEP = "sweep " .. QUICK .. " --set workload.rate=1..6 --threads 2 -q --out points --json all.json"

local BENCH = [[{"model_id": "meta-llama/Llama-3.1-8B-Instruct", "num_prompts": %d, "completed": %d,
  "request_rate": "inf", "max_concurrency": %d,
  "total_input_tokens": %d, "total_output_tokens": %d, "mean_ttft_ms": %g, "mean_tpot_ms": %g}]]

local function measured(dir)
  for _, c in ipairs { 1, 4, 16, 32, 64 } do
    write(("%s/b%d.json"):format(dir, c), BENCH:format(10 * c, 10 * c, c, 5120 * c, 1280 * c, 20 + c, 9 + 0.03 * c))
  end
end

-- A sweep's results file with half of its points, and a torn line, as a kill leaves it.
local function half(dir, clean)
  local text = clean["points"]
  write(dir .. "/points", text:sub(1, #text // 2))
end

-- args; files: what a whole run leaves; again: how it goes on after a failure, to the same files; before: made ready.
local CASES = {
  run = {
    args = QUICK .. " --json out.json --csv out.csv --report out.html --trace out.trace --force",
    files = { "out.json", "out.csv", "out.html", "out.trace" },
    before = function(dir)
      for _, name in ipairs { "out.json", "out.csv" } do write(dir .. "/" .. name, "what was there\n") end
    end,
    old = "what was there\n",
  },
  packed = { args = QUICK .. " -q --csv out.csv.gz --series out.series", files = { "out.csv.gz", "out.series" } },
  bench = { args = QUICK .. " --format vllm-bench --save-detailed", files = {} },
  sweep = { args = SWEEP, files = { "all.json" }, again = SWEEP .. " --resume" },
  resume = { args = SWEEP .. " --resume", files = { "all.json" }, again = SWEEP .. " --resume", of = "sweep",
             before = half },
  why = { args = "why " .. QUICK .. " --seeds 1 --json out.json --report out.html",
          files = { "out.json", "out.html" } },
  capacity = { args = "capacity " .. QUICK .. " --seeds 2 --slo 'ttft.mean<=1s' --json out.json --report out.html",
               files = { "out.json", "out.html" } },
  plan = { args = "plan --model llama-3.1-8b --workload 512,64,10 --gpus h100-sxm --max-gpus 2 --slo 'ttft.p90<=1s' "
             .. "--json out.json", files = { "out.json" } },
  calibrate = { args = "calibrate b1.json b4.json b16.json b32.json b64.json --set hardware=h100-sxm -o fit.json",
                files = { "fit.json" }, before = measured },
  compare = { args = "compare vllm sglang " .. QUICK .. " --replications 2 --json out.json --report out.html",
              files = { "out.json", "out.html" } },
}
faults.names = { "run", "packed", "bench", "sweep", "resume", "why", "capacity", "plan", "calibrate", "compare" }

local made = {}

local function folder()
  local p = io.popen "mktemp -d"
  local dir = p:read "l"
  p:close()
  return dir
end

-- Exit status (nil: by a signal), stdout, stderr.
local function execute(dir, args, env)
  local bin = BIN:match "^/" and BIN or ROOT .. "/" .. BIN
  local _, how, code = os.execute(("cd '%s' && timeout -k 5 %d env %s '%s' %s >.stdout 2>.stderr </dev/null"):format(
    dir, PATIENCE, env or "", bin, args))
  local out, err = read(dir .. "/.stdout"), read(dir .. "/.stderr")
  return how == "exit" and code or nil, out, err
end

local function remove(dir)
  os.execute(("rm -rf '%s'"):format(dir))
end

local function ready(case, dir)
  if case.before then case.before(dir, case.of and faults.case(case.of).clean or {}) end
end

--- A case that has run once without a fault: `clean` is what it left, by name.
function faults.case(name)
  local case = made[name]
  if case then return case end
  case = { name = name, clean = {} }
  for key, value in pairs(CASES[name]) do case[key] = value end
  local dir = folder()
  ready(case, dir)
  local code, out, err = execute(dir, case.args)
  assert(code == 0, ("%s: %s without a fault: %s"):format(name, code, err))
  case.stdout = out
  for file in io.popen(("ls -A '%s'"):format(dir)):lines() do case.clean[file] = read(dir .. "/" .. file) end
  remove(dir)
  made[name] = case
  return case
end

--- How many calls of a kind a case makes.
function faults.count(case, kind)
  local dir = folder()
  ready(case, dir)
  local count = dir .. "/.count"
  local code, _, err = execute(dir, case.args, ("LD_PRELOAD='%s' ORACLE_FAULT=%s:0 ORACLE_FAULT_COUNT='%s'"):format(
    faults.library, kind, count))
  local n = tonumber(read(count) or "")
  remove(dir)
  assert(code == 0 and n, ("%s, counting: %s: %s"):format(case.name, code, err))
  return n
end

-- What is to be seen on stderr of a run that failed: one line of the program's.
local function message_wrong(err)
  local lines = {}
  for line in err:gmatch "[^\n]+" do
    if line:find "^oracle: " then lines[#lines + 1] = line end
  end
  if err:find "traceback" or err:find "internal error" or err:find "PANIC" or err:find "attempt to " then
    return "not for a user's eyes"
  end
  if #lines == 0 then return "no line says why" end
  local said = 0
  for _, line in ipairs(lines) do
    -- A sweep says why of each point, and how many there were.
    local extra = line:find "^oracle: warning" or line:find "^oracle: point %d" or line:find "^oracle: %d+ points? left"
    if not extra then said = said + 1 end
  end
  if said > 1 then return "more than one line says why" end
  if #err > 2000 then return "too long a message" end
end

-- A sweep's results say of a point why it could not run; they are whole all the same.
local function tells_of_points(text, clean)
  return text:find('"error"', 1, true) and clean and text:sub(1, 8) == clean:sub(1, 8) and text:sub(-3) == clean:sub(-3)
end

local function files_wrong(case, dir, whole)
  for _, name in ipairs(case.files) do
    local text = read(dir .. "/" .. name)
    if whole and text ~= case.clean[name] then return name .. " is not what it is without a fault" end
    if text and text ~= case.clean[name] and text ~= case.old and text ~= ""
      and not (case.again and not whole and tells_of_points(text, case.clean[name])) then
      return name .. " is part of a file"
    end
    if text == "" then return name .. " is empty" end
  end
  for name in io.popen(("ls -A '%s'"):format(dir)):lines() do
    if name:find "partial" then return name .. " was left behind" end
  end
end

local function after_failure(case, dir, code, err)
  if code ~= 1 then return ("exit status %d: 1 expected"):format(code) end
  local wrong = message_wrong(err) or files_wrong(case, dir)
  if wrong or not case.again then return wrong end
  local again, _, why = execute(dir, case.again)
  -- Nothing is there to go on with where the very beginning failed.
  if again ~= 0 then again, _, why = execute(dir, case.args) end
  if again ~= 0 then return ("it does not go on: %s"):format(why) end
  wrong = files_wrong(case, dir, true)
  return wrong and wrong .. " after it went on"
end

--- Let the n-th call of a kind fail, and all after it where `after` is true.
function faults.try(case, kind, n, after)
  local dir = folder()
  ready(case, dir)
  local code, out, err = execute(dir, case.args, ("LD_PRELOAD='%s' ORACLE_FAULT=%s:%d%s"):format(faults.library, kind,
    n, after and "+" or ""))
  local wrong
  if not code or code >= 124 then
    wrong = code == 124 and "it hangs" or "it was ended by a signal"
  elseif code == 0 then
    wrong = files_wrong(case, dir, true) or (out ~= case.stdout and "stdout differs") or nil
  else
    wrong = after_failure(case, dir, code, err)
  end
  remove(dir)
  local all = after and " and all after it" or ""
  return wrong and ("%s: %s %d%s: %s\n%s"):format(case.name, kind, n, all, wrong, err), code
end

return faults
