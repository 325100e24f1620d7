--- The program itself: options, exit status, what goes to stdout and what to stderr, the shipped scenarios.
local json = require("oracle.core").json
local program = require "program"

local bin, read, write, oracle = program.bin, program.read, program.write, program.run
local store = os.getenv("ORACLE_DATA") or "../shared/data"

local QUICK, refused = program.QUICK, program.refused

local dir

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

describe("oracle SCENARIO", function()
  it("prints the block on stdout and the deployment on stderr", function()
    local rc, out, err = oracle(QUICK)
    assert.equal(0, rc, err)
    assert.matches("^============ Serving Benchmark Result ============\nSuccessful requests: +50\n", out)
    assert.matches("# GPU blocks: [%d,]+ of 16 tokens", err)
    assert.matches("\n# [%d.]+ s wall, [^\n]* events, [^\n]* real time\n$", err)
  end)

  it("prints one JSON object and nothing else with --json -, the same bytes twice", function()
    local rc, out = oracle(QUICK .. " --json -")
    assert.equal(0, rc)
    local summary = json.decode(out)
    assert.equal(50, summary.requests.total)
    assert.equal(1, summary.oracle.seed)
    local _, again = oracle(QUICK .. " --json -")
    assert.equal(out, again)
    local _, slow = oracle(QUICK .. " --json - --no-runs")
    assert.equal(out, (slow:gsub('"steps": %d+', function(s) return s end)))
    local _, other = oracle(QUICK .. " --json - --seed 2")
    assert.not_equal(out, other)
  end)

  it("is silent with -q but for results asked for", function()
    local rc, out, err = oracle(QUICK .. " -q")
    assert.same({ 0, "", "" }, { rc, out, err })
    rc, out, err = oracle(QUICK .. " -q --json -")
    assert.same({ 0, "{", "" }, { rc, out:sub(1, 1), err })
    rc, out, err = oracle(QUICK .. " -l WARNING")
    assert.same({ 0, "=", "" }, { rc, out:sub(1, 1), err })
  end)

  it("writes files", function()
    local rc, out = oracle(("%s --json '%s/a.json' --csv '%s/a.csv'"):format(QUICK, dir, dir))
    assert.equal(0, rc)
    assert.matches("^====", out)
    assert.equal(50, json.decode(read(dir .. "/a.json")).requests.total)
    local rows = 0
    for line in io.lines(dir .. "/a.csv") do
      if rows == 0 then assert.matches("^request_id,client_id,", line) end
      rows = rows + 1
    end
    assert.equal(51, rows)
    local _, listed = oracle(QUICK .. " --csv -")
    assert.equal(read(dir .. "/a.csv"), listed)
  end)

  it("adds its rows to what is on stdout already, and quotes names that need it", function()
    local all = dir .. "/all"
    os.execute(("(echo first; %s %s --csv - --set 'workload.name=\"chat, \\\"long\\\"\"'; echo last) >'%s' 2>&1")
      :format(bin, QUICK:gsub("count=50", "count=1") .. " -q", all))
    local lines = {}
    for line in io.lines(all) do lines[#lines + 1] = line end
    assert.same({ 4, "first", "last" }, { #lines, lines[1], lines[4] })
    assert.matches('^req_1,"client_chat, ""long""_0",,', lines[3])
    assert.matches(',0,"chat, ""long""",0,0$', lines[3])
  end)

  it("takes --set in every form", function()
    local rc, out = oracle(QUICK .. [[ --set engine.max_num_seqs=8 --set 'workload.rate="2 req/s"' ]]
      .. [[--set model=llama-2-7b --set 'workload.prompt={kind="uniform",low=10,high=20}' ]]
      .. [[--set=slo.ttft=1 --set hardware=H200 --json -]])
    assert.equal(0, rc)
    local summary = json.decode(out)
    assert.matches("Llama%-2%-7b", summary.deployment.model)
    assert.matches("h200", summary.deployment.hardware)
  end)

  it("knows what the prompt knows, on every thread", function()
    local path = write("g.lua", [=[
      return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
        workload = oracle.workload.batch { count = 5, prompt = 10, output = 5 },
        vary = { { "seed", { 1, 2, 3, 4 } } } }]=])
    local rc, out, err = oracle(path .. " -q --json - --threads 2")
    assert.same({ 0, "" }, { rc, err })
    assert.equal(4, #json.decode(out).points)
    rc, out, err = oracle("sweep " .. path .. (" -q --seeds 2 --out '%s/g.jsonl' --json - --threads 2"):format(dir))
    assert.same({ 0, "" }, { rc, err })
    assert.is_true(#json.decode(out).points >= 2)
  end)

  it("prints a table for a vary", function()
    local path = write("v.lua", [[
      local oracle = require "oracle"
      return oracle.scenario {
        model = "llama-3.1-8b", hardware = "h100-sxm",
        workload = oracle.workload.batch { count = 5, prompt = 10, output = 5 },
        vary = { { "seed", { 1, 2 } } }, report = { "ttft.p99", "e2e.mean" },
      }]])
    local rc, out = oracle(path)
    assert.equal(0, rc)
    assert.matches("^seed  ttft.p99 %(ms%)  e2e.mean %(ms%)\n", out)
    rc, out = oracle(path .. " --json -")
    assert.equal(0, rc)
    assert.equal(2, #json.decode(out).points)
    refused(2, path .. " --csv " .. dir .. "/x.csv", "varies keys")
  end)
end)

describe("--set vary", function()
  it("makes many runs of one scenario, and one of many", function()
    local rc, out = oracle(QUICK .. " --set 'vary={{\"engine.max_num_seqs\",{4,8}}}' -q --json -")
    assert.equal(0, rc)
    assert.equal(2, #json.decode(out).points)
    rc, out = oracle("lod scenarios/knee.lua --set vary=nil --set workload.count=5 -q --json -")
    assert.equal(0, rc)
    assert.equal(3, #json.decode(out).levels)
    refused(2, "lod scenarios/knee.lua", "varies keys; take one of its points with %-%-set vary=nil")
  end)
end)

describe("--lod", function()
  it("takes every level of a scenario, hybrid where it names something", function()
    local named = " --set 'detail={\"replica0\"}' -q --json -"
    for _, level in ipairs { "hybrid", "high", "medium", "auto" } do
      local rc, out = oracle(QUICK .. " --lod " .. level .. named)
      assert.equal(0, rc)
      local used = json.decode(out).oracle.lod
      assert.equal((level == "hybrid" or level == "high") and "high" or "medium", used)
    end
  end)
end)

describe("Ctrl-C", function()
  it("writes partial results marked as such", function()
    local rc, _, err = oracle(("scenarios/quickstart.lua --set workload.duration=nil --set workload.count=100000000 -q "
      .. "--json '%s/i.json' --csv '%s/i.csv'"):format(dir, dir), "timeout -s INT -k 20 1")
    assert.equal(124, rc)                                 -- timeout's own; it had to interrupt
    assert.matches("interrupted", err)
    local summary = json.decode(read(dir .. "/i.json"))
    assert.is_false(summary.oracle.complete)
    assert.is_true(summary.requests.successful > 0)
    assert.is_true(summary.requests.pending > 0)
    local p = io.popen("tail -n 200 '" .. dir .. "/i.csv'")
    assert.matches("PENDING", p:read("a"))
    p:close()
  end)
end)

describe("a signal", function()
  local ENDLESS = "scenarios/quickstart.lua --set workload.duration=nil --set workload.count=100000000 -q "

  -- Sent as soon as the first rows are written, however long that takes.
  local STOPPED = [[
    %s %s--json '%s/%s.json' --csv '%s/%s.csv' 2>'%s/err' & p=$!
    while kill -0 $p 2>/dev/null && ! [ -s "$(ls '%s'/.%s.csv.*.partial)" ]; do sleep 0.02; done
    kill -%s $p; wait $p]]

  -- Under nohup it is ignored, here and in all that starts from here.
  local function hangs_up()
    local ignored = (read("/proc/self/status") or ""):match("SigIgn:%s*(%x+)")
    return not ignored or tonumber(ignored:sub(-1), 16) % 2 == 0
  end

  it("that asks to end leaves partial results, whichever it is", function()
    for _, signal in ipairs { "TERM", hangs_up() and "HUP" or nil } do
      local _, how, rc = os.execute(STOPPED:format(bin, ENDLESS, dir, signal, dir, signal, dir, dir, signal, signal))
      assert.same({ "exit", 1 }, { how, rc })
      assert.equal("oracle: interrupted; the results are partial\n", read(dir .. "/err"))
      assert.is_false(json.decode(read(("%s/%s.json"):format(dir, signal))).oracle.complete)
      assert.matches("^request_id,.*\nreq_1,", read(("%s/%s.csv"):format(dir, signal)):sub(1, 1000))
    end
  end)

  it("that nobody reads on ends the program in silence, and no half files stay", function()
    local p = io.popen(("%s %s --csv - --json '%s/pipe.json' 2>'%s/err' | head -1; ls -A '%s'"):format(bin, ENDLESS,
      dir, dir, dir))
    local out = p:read("a")
    p:close()
    assert.matches("^request_id,", out)
    assert.is_nil(out:find("pipe.json", 1, true))
    assert.equal("", read(dir .. "/err"))
  end)
end)

describe("Ctrl-C before the run", function()
  it("stops a scenario that never returns", function()
    local rc, out, err = oracle(write("loop.lua", "while true do end"), "timeout -s INT -k 20 1")
    assert.same({ 124, "" }, { rc, out })
    assert.matches("^oracle: [^\n]*interrupted\n$", err)
  end)

  it("reaches a coroutine, and does as soon as Lua can be stopped at all", function()
    for _, after in ipairs { "0.02", "0.5" } do
      local stop = ("os.execute 'oracle=$PPID; { sleep %s; kill -INT $oracle; } &' "):format(after)
      for _, loop in ipairs { "coroutine.wrap(function() while true do end end)()", "while true do end" } do
        local rc, out, err = oracle(write("loop.lua", stop .. loop), "timeout -k 20 20")
        assert.same({ 1, "" }, { rc, out })
        assert.matches("^oracle: [^\n]*interrupted\n$", err)
      end
    end
  end)
end)

describe("oracle without a scenario", function()
  it("explains itself", function()
    local rc, out = oracle("--help")
    assert.equal(0, rc)
    assert.matches("usage: oracle SCENARIO.lua", out)
    assert.matches("vLLM v0.33", out)
    rc, out = oracle("run --help")
    assert.equal(0, rc)
    assert.matches("engine.max_num_batched_tokens", out)
    rc, out = oracle("--version")
    assert.equal(0, rc)
    assert.matches("^oracle %d+%.%d+%.%d+ ", out)
  end)

  it("lists what it knows", function()
    local rc, out = oracle("models")
    assert.equal(0, rc)
    assert.matches("\nllama%-3.1%-8b ", out)
    rc, out = oracle("hardware")
    assert.equal(0, rc)
    assert.matches("\nh100%-sxm ", out)
  end)
end)

describe("the shipped scenarios", function()
  it("quickstart answers all in well under a second", function()
    local rc, out = oracle("scenarios/quickstart.lua --json -")
    assert.equal(0, rc)
    assert.equal(1, json.decode(out).requests.success_rate)
  end)

  it("knee runs its thirty combinations", function()
    local rc, out = oracle("scenarios/knee.lua --set workload.count=40 --json -")
    assert.equal(0, rc)
    local points = json.decode(out).points
    assert.equal(30, #points)
    for _, point in ipairs(points) do assert.equal(40, point.requests.successful) end
  end)

  it("azure serves all 19,366 requests", function()
    if not io.open(store .. "/traces/azure-2023-conv.csv") then
      pending("skipped: no traces/azure-2023-conv.csv in " .. store)
      return
    end
    local rc, out, err = oracle(
      ("scenarios/azure.lua --set workload.path='%s/traces/azure-2023-conv.csv' --json -"):format(store))
    assert.equal(0, rc, err)
    local r = json.decode(out).requests
    assert.equal(19366, r.total)
    assert.equal(19366, r.successful)
    rc, out = oracle("scenarios/azure.lua --json -", "ORACLE_DATA='" .. store .. "'")
    assert.equal(0, rc)
    assert.equal(19366, json.decode(out).requests.total)
  end)
end)
