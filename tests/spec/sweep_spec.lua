--- Sweeps: what the axes are, that threads show nowhere, and that nothing finished is ever lost or repeated.
local bin = os.getenv("ORACLE_BIN") or "./oracle"
local axes = require "oracle.scenario.axes"
local journal = require "oracle.study.results_file"
local json = require("oracle.core").json
local oracle = require "oracle"

local dir

local function read(path)
  local f = io.open(path)
  if not f then return nil end
  local text = f:read("a")
  f:close()
  return text
end

local function write(name, text)
  local path = dir .. "/" .. name
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

local function shell(text)
  local _, how, code = os.execute(text)
  return how == "exit" and code or 128 + code
end

-- Run the program: exit status, stdout, stderr.
local function run(args, before)
  local code = shell(("%s %s %s >'%s/stdout' 2>'%s/stderr' </dev/null"):format(before or "", bin, args, dir, dir))
  return code, read(dir .. "/stdout"), read(dir .. "/stderr")
end

local function ok(args, before)
  local code, out, err = run(args, before)
  assert.equal(0, code, err)
  return out, err
end

local function refused(code, args, pattern)
  local rc, out, err = run(args)
  assert.equal(code, rc, args .. "\n" .. err)
  assert.equal("", out)
  assert.matches("^oracle: [^\n]*\n$", err)
  assert.matches(pattern, err)
end

local SMALL = [[
local oracle = require "oracle"
return oracle.scenario {
  model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
  workload = oracle.workload.poisson { rate = 20, count = %d, prompt = 100, output = 20 },
  seed = 5, report = { "ttft.p99", "throughput" }, %s
}
]]

local function small(name, count, rest)
  return write(name, SMALL:format(count or 30, rest or ""))
end

-- Indices of the results in a results file, sorted.
local function points_in(path)
  local list = {}
  for line in io.lines(path) do
    local i = line:match('^{"point":(%d+),.*}$')
    if i then list[#list + 1] = math.tointeger(i) end
  end
  table.sort(list)
  return list
end

setup(function()
  local p = assert(io.popen("mktemp -d"))
  dir = p:read("l")
  p:close()
end)

teardown(function() os.execute(("rm -rf '%s'"):format(dir)) end)

describe("axes", function()
  local s

  before_each(function()
    s = oracle.scenario { model = "x", hardware = "y", workload = oracle.workload.poisson { rate = 1 } }
  end)

  local function values(text, key) return axes.values(s, key or "workload.rate", text) end

  it("reads lists, quoted commas and tables", function()
    assert.same({ 1, 2.5, "4 req/s" }, values("1,2.5, 4 req/s"))
    assert.same({ "a,b", { 1, 2 }, true }, values([["a,b",{1,2},true]]))
    assert.same({ 'a",b', "c" }, values([["a\",b",'c']]))
    assert.same({ "a\\", "b" }, values([["a\\","b"]]))
    assert.same({ { { 1, 2 }, x = { 3, 4 } }, 5 }, values("{{1,2},x={3,4}},5"))
    assert.same({ "chunked", "fcfs" }, values("chunked,fcfs", "batching"))
    assert.same({ "7", "8" }, values("7,8", "name"))
  end)

  it("reads ranges with both ends", function()
    assert.same({ 1, 2, 3, 4 }, values("1..4"))
    assert.same({ 1, 4, 7, 10 }, values("1..11:3"))
    assert.same({ 0.1, 0.2, 0.3, 0.4, 0.5 }, values("0.1..0.5:0.1"))
    assert.same({ 8, 6, 4 }, values("8..4:-2"))
    assert.same({ 1, 2, 10, 12 }, values("1,2,10..12:2"))
    assert.equal("integer", math.type(values("1..4")[4]))
    assert.equal(1000000, #values("1..1000000"))
    assert.same({ 5 }, values("5..5"))
    assert.same({ "../a.json" }, values("../a.json", "model"))
  end)

  it("refuses empty and endless ranges", function()
    for text, why in pairs {
      ["5..1"] = "an empty range", ["1..5:-1"] = "an empty range", ["1..5:0"] = "step of 0",
      ["1..x"] = "lo%.%.hi:step", ["1..5:y"] = "lo%.%.hi:step", ["1,,2"] = "a value is missing",
      [""] = "a value is missing", ["0..1e9:1e-9"] = "1e%+18 values; at most 1000000",
      ["1..3000000"] = "3000000 values; at most 1000000",
      ["0..1000000"] = "1000001 values; at most 1000000", ["2..9e6:2"] = "4500000 values",
    } do
      local list, message = values(text)
      assert.is_nil(list, text)
      assert.matches(why, message)
    end
  end)

  it("orders points, the first axis slowest", function()
    local list = { { "a", { 1, 2 } }, { "b", { 3, 4, 5 } } }
    assert.equal(6, axes.count(list))
    assert.same({ { "a", 2 }, { "b", 3 } }, axes.at(list, 4))
  end)
end)

describe("oracle sweep", function()
  it("runs every combination in order, the same for any number of threads", function()
    local path = small("many.lua")
    local first
    for _, threads in ipairs { 1, 2, 5 } do
      local out = ok(("sweep %s --set workload.rate=5,10..30:10 --set engine.max_num_seqs=8,64 --seeds 2 --threads %d "
        .. "--out %s/many%d --json %s/many%d.json"):format(path, threads, dir, threads, dir, threads))
      local text = read(("%s/many%d.json"):format(dir, threads))
      first = first or { out, text }
      assert.equal(first[1], out)
      assert.equal(first[2], text)
    end
    local result = json.decode(first[2])
    assert.equal(16, #result.points)
    assert.same({ ["workload.rate"] = 5, ["engine.max_num_seqs"] = 8, seed = 6 }, result.points[2].set)
    assert.equal(6, result.points[2].oracle.seed)
    assert.same({ ["workload.rate"] = 30, ["engine.max_num_seqs"] = 64, seed = 6 }, result.points[16].set)
    assert.same({ planned = 16, finished = 16, failed = 0, complete = true }, result.sweep)
    local one = json.decode(ok(("%s --set workload.rate=10 --set engine.max_num_seqs=64 --json - -q"):format(path)))
    assert.same(one.latency, result.points[7].latency)
    assert.equal(12, select(2, first[1]:gsub("\n", "\n")))  -- a row for the two seeds of each of 8 combinations
    assert.matches("\n +10 +64 +2 +%d[%d.]* ± %d[%d.]* +%d[%d.]* ± ", first[1])
    assert.equal(8, #result.aggregates)
    local four = result.aggregates[4]
    assert.same({ ["workload.rate"] = 10, ["engine.max_num_seqs"] = 64 }, four.set)
    assert.equal(2, four.seeds)
    local a, b = result.points[7].latency, result.points[8].latency
    local x, y = a.time_to_first_token_ms.p99, b.time_to_first_token_ms.p99
    local ttft = four.metrics["ttft.p99"]
    assert.near((x + y) / 2, ttft.mean, 1e-9 * x)
    assert.near(12.7062047 * math.abs(x - y) / 2, ttft.high - ttft.mean, 1e-6 * x)  -- Student's t, 1 degree of freedom
    assert.near(ttft.mean - ttft.low, ttft.high - ttft.mean, 1e-9 * x)
  end)

  it("serves vary in files and adds to it", function()
    local path = small("vary.lua", 20, [[vary = { { "workload.rate", { 10, 20 } } }]])
    local both = json.decode(ok(("sweep %s --set replicas=1,2 --out %s/vary --json - -q"):format(path, dir)))
    assert.equal(4, #both.points)
    assert.same({ ["workload.rate"] = 10, replicas = 2 }, both.points[2].set)
    local other = json.decode(ok(("sweep %s --set workload.rate=5 --seeds 3 --out %s/o --json - -q"):format(path, dir)))
    assert.equal(3, #other.points)                        -- one value in place of the axis of the file
    local at_5 = json.decode(ok(("run %s --set vary=nil --set workload.rate=5 --json - -q"):format(path)))
    assert.same(at_5.latency, other.points[1].latency)
    local alone = json.decode(ok(("run %s --set workload.rate=5 --json - -q"):format(path)))
    assert.equal(1, #alone.points)
    assert.same(at_5.latency, alone.points[1].latency)
    local mine = json.decode(ok(("sweep %s --set workload.rate=1,2,3 --out %s/mine --json - -q"):format(path, dir)))
    assert.equal(3, #mine.points)
    local one = ok(("run %s --json - -q --threads 1"):format(path))
    assert.equal(one, ok(("run %s --json - -q --threads 3"):format(path)))
  end)

  it("takes policies with parameters as values", function()
    local typed = [["{ 'sarathi', token_budget = 512 },fcfs"]]
    local path = small("policies.lua", 20, "")
    local two = json.decode(ok(("sweep %s --set batching=%s --out %s/policies --json - -q"):format(path, typed, dir)))
    assert.equal('{ "sarathi", token_budget = 512 }', two.points[1].set.batching)
    assert.equal("fcfs", two.points[2].set.batching)
    assert.equal(20, two.points[1].requests.successful)
    local vary = [[vary = { { "batching", { { "sarathi", token_budget = 512 }, "fcfs" } } }]]
    assert.matches('{ "sarathi", token_budget = 512 }', ok("run " .. small("vary_policies.lua", 20, vary)), 1, true)
  end)

  it("reports a point that cannot run and goes on", function()
    local path = small("fail.lua")
    local code, out, err = run(("sweep %s --set engine.tensor_parallel_size=1,3,2 --out %s/fail --json %s/fail.json")
      :format(path, dir, dir))
    assert.equal(1, code)
    assert.matches("oracle: point 2 %(engine.tensor_parallel_size=3%): engine: ", err)
    assert.matches("oracle: 1 of 3 points could not run\n", err)
    assert.equal(6, select(2, out:gsub("\n", "\n")))
    local result = json.decode(read(dir .. "/fail.json"))
    assert.equal(1, result.sweep.failed)
    assert.matches("^engine: ", result.points[2].error)
    assert.equal(30, result.points[3].requests.successful)
  end)

  it("reports a policy that fails, by point", function()
    write("bad.lua", [[
      return require("oracle.policy").batching { name = "bad", step = function(b) b:decode(); b:resume(64)
        if b:admit(64) > 0 and b:size() > 2 then error("three is a crowd") end end }]])
    local path = small("policy.lua")
    local code, _, err = run(("sweep %s --set batching=chunked,%s/bad.lua,fcfs --set workload.rate=500 --out %s/p -q")
      :format(path, dir, dir))
    assert.equal(1, code)
    assert.matches("oracle: point 2 .*three is a crowd", err)
  end)

  it("refuses what makes no sense", function()
    local path = small("sense.lua")
    refused(2, "sweep " .. path, "nothing to sweep over")
    refused(2, "sweep " .. path .. " --set engin.max_num_seqs=1,2", "engin.*did you mean engine")
    refused(2, "sweep " .. path .. " --set workload.rate=9..1:1", "empty range")
    refused(2, "sweep " .. path .. " --set workload.rate=1..9:0", "step of 0")
    refused(2, "sweep " .. path .. " --set replicas=1,0", "replicas: 0")
    refused(2, "sweep " .. path .. " --set replicas=1,2 --set replicas=3,4", "given twice")
    refused(2, "sweep " .. path .. " --set replicas=1,2 --set replicas=3", "replicas=3: replicas: given twice")
    refused(2, "sweep " .. path .. " --set seed=1..3 --seeds 2", "seed=1..3: goes without %-%-seeds 2")
    refused(2, "sweep " .. path .. " --set seed=1..3 --seed 7", "seed=1..3: goes without %-%-seed 7")
    refused(2, ("sweep %s --seeds 2 --out %s/o --json %s/./o"):format(path, dir, dir), "two files expected")
    refused(2, "sweep " .. path .. " --set replicas=1,2 --csv x.csv", "a CSV holds one run")
    refused(2, "sweep " .. path .. " --seeds 0", "whole number")
    refused(2, "sweep " .. path .. " --set workload.rate=1,2,", "a value is missing")
    refused(2, path .. " --resume", "sweep")
    refused(1, "sweep " .. dir .. "/none.lua --seeds 2", "no such file")
    refused(1, ("sweep %s --seeds 2 --out %s/no/such"):format(path, dir), "No such file")
  end)
end)

describe("a results file", function()
  local path, all

  setup(function()
    path = small("resume.lua", 200)
    ok(("sweep %s --set workload.rate=1..12 --out %s/all --json %s/all.json -q"):format(path, dir, dir))
    all = read(dir .. "/all")
  end)

  local function sweep(name, rest)
    return ("sweep %s --set workload.rate=1..12 --out %s/%s --json %s/%s.json -q %s"):format(path, dir, name, dir, name,
      rest or "")
  end

  it("goes on wherever it was cut", function()
    local header = all:find("\n", 1, true)
    for cut = 0, #all, #all // 23 do
      write("cut", all:sub(1, cut))
      ok(sweep("cut", "--resume"))
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, points_in(dir .. "/cut"))
      assert.equal(read(dir .. "/all.json"), read(dir .. "/cut.json"))
      if cut > header then assert.equal(all:sub(1, header), read(dir .. "/cut"):sub(1, header)) end
    end
  end)

  it("is completed after kill -9 at any moment", function()
    local heavy = small("heavy.lua", 3000)
    local args = ("sweep %s --set workload.rate=1..40 --threads 2 --json %s/k.json -q "):format(heavy, dir)
      .. ("--out %s/"):format(dir)
    ok(args .. "whole")
    local whole = read(dir .. "/k.json")
    for _, seconds in ipairs { "0.03", "0.08", "0.15" } do
      os.remove(dir .. "/killed")
      shell(("timeout -s KILL %s %s %s >/dev/null 2>&1"):format(seconds, bin, args .. "killed"))
      ok(args .. "killed --resume")
      assert.equal(whole, read(dir .. "/k.json"))
      local list = points_in(dir .. "/killed")
      assert.equal(40, #list)
      for i = 1, 40 do assert.equal(i, list[i]) end
    end
  end)

  it("computes a damaged result again", function()
    local from = all:find('"point":7,', 1, true)
    local digit = all:find('"mean": %d', from) + 8
    write("bent", all:sub(1, digit - 1) .. (all:sub(digit, digit) == "1" and "2" or "1") .. all:sub(digit + 1))
    ok(sweep("bent", "--resume"))
    assert.equal(read(dir .. "/all.json"), read(dir .. "/bent.json"))
  end)

  it("of another sweep is refused, with the reason", function()
    local half = all:sub(1, #all // 2)
    write("half", half)
    local function no(args, why)
      refused(1, args, why)
      assert.equal(half, read(dir .. "/half"))
    end
    no(sweep("half"), "holds an unfinished sweep %(%d+ of 12 points%); %-%-resume completes it")
    no(sweep("half", "--resume --seed 6"), "of other points: .*%-%-seed 6")
    no(sweep("half", "--resume --set replicas=2"), "of other points")
    no(("sweep %s --set workload.rate=1..13 --out %s/half --resume"):format(path, dir), "1%.%.12; now .*1%.%.13")
    no(("sweep %s --set workload.rate=1..12 --out %s/half --resume"):format(small("x.lua"), dir), "another scenario")
    write("half", half:gsub('"oracle":"[^"]*"', '"oracle":"0.0.1"', 1))
    refused(1, sweep("half", "--resume"), "of oracle 0%.0%.1, and this is")
    write("half", "dear diary\n")
    refused(1, sweep("half", "--resume"), "not the results file of a sweep")
    refused(1, sweep("half"), "not the results file of a sweep")
    assert.equal("dear diary\n", read(dir .. "/half"))
    write("changed.lua", read(path))
    ok(("sweep %s/changed.lua --seeds 2 --out %s/changed -q"):format(dir, dir))
    write("changed.lua", read(path) .. "-- more\n")
    refused(1, ("sweep %s/changed.lua --seeds 2 --out %s/changed --resume"):format(dir, dir), "as it was before it ch")
  end)

  it("that is complete is written anew where that is asked for, and resuming it runs nothing", function()
    write("full", all)
    ok(sweep("full", "--resume"))
    assert.equal(all, read(dir .. "/full"))
    assert.equal(read(dir .. "/all.json"), read(dir .. "/full.json"))
    refused(1, sweep("full"), "full%.json: exists; %-%-force replaces it")
    refused(1, sweep("full"):gsub("%-%-json %S+", ""), "holds a finished sweep %(12 of 12 points%); %-%-resume shows "
      .. "it; %-%-force begins anew")
    assert.equal(all, read(dir .. "/full"))
    ok(sweep("full", "--force"))
    assert.equal(12, #points_in(dir .. "/full"))
  end)

  it("tries points again that could not run, and only those", function()
    local broken = [=[
      return require("oracle.policy").batching { name = "mended", step = function(b)
        b:decode(); b:resume(64); b:admit(64); error("not yet") end }]=]
    write("mended.lua", broken)
    local args = ("sweep %s --set batching=chunked,%s/mended.lua,fcfs --out %s/again --json %s/again.json -q")
      :format(path, dir, dir, dir)
    assert.equal(1, (run(args)))
    local before = read(dir .. "/again.json")
    local code, _, err = run(args .. " --resume")
    assert.equal(1, code)                                 -- nothing was mended: it is told again
    assert.matches("oracle: point 2 .*not yet", err)
    assert.equal(before, read(dir .. "/again.json"))
    assert.same({ 1, 2, 2, 3 }, points_in(dir .. "/again"))

    write("mended.lua", (broken:gsub("error%b()", "")))
    ok(args .. " --resume")
    assert.same({ 1, 2, 2, 2, 3 }, points_in(dir .. "/again"))
    local result = json.decode(read(dir .. "/again.json"))
    assert.equal(0, result.sweep.failed)
    assert.equal(200, result.points[2].requests.successful)
    ok(args .. " --resume")                               -- the newest line of a point counts
    assert.same({ 1, 2, 2, 2, 3 }, points_in(dir .. "/again"))
  end)

  it("keeps what is finished when the disk is full", function()
    local code, out, err = run(sweep("small"), "ulimit -f 30;")
    assert.equal(1, code)
    assert.equal("", out)
    assert.matches("^oracle: [^\n]*/small: File too large %(%d+ of 12 points are kept; %-%-resume [^\n]*\n$", err)
    local n = #points_in(dir .. "/small")
    assert.is_true(n > 0 and n < 12)
    ok(sweep("small", "--resume"))
    assert.equal(read(dir .. "/all.json"), read(dir .. "/small.json"))
    assert.equal(12, #points_in(dir .. "/small"))
  end)

  it("keeps what is finished at SIGINT and SIGTERM, and marks the rest as missing", function()
    local heavy = small("long.lua", 6000)
    for _, signal in ipairs { "INT", "TERM" } do
      local args = ("sweep %s --set workload.rate=1..400 --threads 2 --json %s/s.json --out %s/s%s")
        :format(heavy, dir, dir, signal)
      local code, _, err = run(args, ("timeout -s %s 0.6"):format(signal))
      assert.is_true(code == 1 or code == 124, err)
      assert.matches("oracle: interrupted; %d+ of 400 points are there; %-%-resume completes them\n", err)
      local result = json.decode(read(dir .. "/s.json"))
      assert.is_false(result.sweep.complete)
      assert.equal(result.sweep.finished, #result.points)
      assert.equal(#result.points, #points_in(dir .. "/s" .. signal))
    end
  end)

  it("may be a device", function()
    refused(1, ("sweep %s --seeds 2 --out /dev/full"):format(path), "/dev/full: No space left on device")
    local result = json.decode(ok(("sweep %s --seeds 2 --out /dev/null --json - -q"):format(path)))
    assert.equal(2, result.sweep.finished)
  end)

  it("belongs to one process at a time", function()
    local held = assert(require("oracle.core").journal.open(dir .. "/held"))
    refused(1, sweep("held"), "in use by another process")
    held:close()
    ok(sweep("held"))
  end)

  it("has one line per point, in memory too", function()
    local results = journal.memory(2)
    assert.is_true(results:put(2, "{}", 0))
    assert.is_true(results:has(2))
    assert.is_false(results:has(1))
    assert.equal("{}", results:get(2))
    assert.equal(1, results.count)
  end)
end)
