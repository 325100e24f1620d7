--- What the program refuses: one line on stderr that says what, where and what was expected, and nothing left behind.
local program = require "program"

local write, oracle = program.write, program.run
local QUICK, refused = program.QUICK, program.refused

local dir

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

describe("what cannot be done", function()
  it("leaves alone the files that a scenario reads", function()
    local rows = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.97,374,4\n"
    write("mine.csv", rows)
    local s = write("reads.lua", 'return require("oracle").scenario { model = "llama-2-7b", '
      .. 'hardware = "h100-sxm", workload = { kind = "trace", path = "mine.csv" } }')
    local around = dir .. "/../" .. dir:match("[^/]*$")
    refused(2, around .. "/reads.lua --json " .. s, "reads.lua: that is ")
    os.execute(("ln '%s' '%s/linked.lua'"):format(s, dir))
    refused(2, s .. " --json " .. dir .. "/linked.lua", "linked.lua: that is a file that the scenario reads")
    for _, line in ipairs { s .. " --json " .. dir .. "/mine.csv", s .. " --csv " .. around .. "/mine.csv",
        "compare vllm sglang " .. s .. " --json " .. dir .. "/mine.csv",
        "lod " .. s .. " --json " .. dir .. "/mine.csv",
        "sweep " .. s .. " --set seed=1,2 --json " .. dir .. "/mine.csv" } do
      refused(2, line, "mine.csv: that is a file that the scenario reads; another one expected")
      local f <close> = assert(io.open(dir .. "/mine.csv"))
      assert.equal(rows, f:read("a"))
    end
    assert.equal(0, (oracle(s .. " -q --json " .. dir .. "/other.json")))
  end)

  it("is one line, and exit 2 when the command line is wrong", function()
    refused(2, "", "a scenario expected")
    refused(2, "--jsn x", "unknown option; did you mean %-%-json%?")
    refused(2, QUICK .. " --json", "%-%-json: FILE expected")
    refused(2, QUICK .. " --quiet=3", "takes no value")
    refused(2, QUICK .. " --seed x", "a whole number, 0 or more, expected")
    refused(2, QUICK .. " --threads 0", "1 to 1024, expected")
    refused(2, QUICK .. " --lod low", "one of high, medium, auto expected")
    refused(1, QUICK .. " --lod hybrid", 'detail: missing; lod "hybrid" is high for .* %-%-set \'detail={"replica0"}\'')
    refused(2, QUICK .. " -l LOUD", "one of DEBUG, INFO, WARNING, ERROR")
    refused(2, QUICK .. " --set seed", "KEY=VALUE expected")
    refused(2, QUICK .. " --set engine.max_num_seq=3", "engine.max_num_seq: unknown key; did you mean max_num_seqs%?")
    refused(2, QUICK .. " --set 'engine.block_size=16 GB'", 'engine.block_size: "16 GB": a whole number')
    refused(2, QUICK .. " --set engine.max_num_seqs=16,32", '"16,32": a whole number')
    refused(2, QUICK .. " --set workload.rate=2,4", 'workload.rate: "2,4"')
    refused(2, QUICK .. " --json ./" .. QUICK, "that is the file that is read")
    refused(2, QUICK .. " --json - --csv -", "only one can have stdout")
    refused(2, QUICK .. " --json x --csv x", "two files expected")
    refused(2, QUICK .. " scenarios/azure.lua", "one scenario at a time")
    refused(2, "runn " .. QUICK, "runn: no such command; did you mean run%?")
    refused(2, QUICK .. " --json ''", "%-%-json: FILE expected")
    refused(2, QUICK .. " --json ./x --csv y/../x", "two files expected")
    refused(2, QUICK .. " --set engine..max_num_seqs=3", '"engine..max_num_seqs": a key such as')
    refused(2, QUICK .. " --set .engine=3", '".engine": a key such as')
    refused(2, "''", "a scenario expected")
  end)

  it("is exit 1 when the input is wrong", function()
    refused(1, "nowhere.lua", "nowhere.lua: no such file")
    refused(1, "hardwre", "no such file or command; did you mean hardware%?")
    refused(1, write("e.lua", "return {"), "e.lua:1: ")
    refused(1, write("n.lua", "local x"), "returns nothing")
    refused(1, dir, "[Ii]s a directory")
    refused(1, QUICK .. " --set model=lama-3.1-8b", "scenarios/quickstart.lua: model: ")
    refused(1, QUICK .. " --set model=llama-3-70b", "does not fit")
    refused(1, QUICK .. " --json /nowhere/x.json", "/nowhere/x.json: No such file or directory")
    refused(1, QUICK .. " --json " .. dir, "Is a directory")
    refused(1, QUICK .. " -q --json /dev/full", "No space left on device")
    refused(1, QUICK .. " -f json", "quickstart.lua: JSON:1: ")
    refused(1, QUICK .. " --set cost.constant_step=1", "cost.constant_step: goes with kind constant")
    refused(1, QUICK .. " --set cost.kind=constant --set cost.constant_step=1 --set cost.mfu=0.4",
      "cost.mfu: kind constant has no roofs")
  end)

  it("is one line even where the deployment would be said", function()
    local rc, out, err = oracle(QUICK .. " --json /dev/full")
    assert.same({ 1, "" }, { rc, out })
    assert.matches("^oracle: /dev/full: [^\n]*\n$", err)
  end)

  it("is whatever a scenario raises or returns", function()
    refused(1, write("t.lua", "error({})"), "t.lua: table raised as an error, a text expected\n")
    refused(1, write("n.lua", "error()"), "n.lua: an error without a message\n")
    refused(1, write("b.lua", "\27Lua\x54"), "b.lua: is compiled; the text of a scenario expected")
    refused(1, write("r.lua", "return require 'nowhere'"), "r.lua:1: module 'nowhere' not found\n")
    refused(1, write("w.lua", "return oracle.workload.poison { rate = 1 }"),
      "w.lua:1: oracle.workload.poison: unknown; did you mean poisson%?")
    refused(1, write("d.lua", "return oracle.dist.unifrom { low = 1, high = 2 }"),
      "d.lua:1: oracle.dist.unifrom: unknown; did you mean uniform%?")
    refused(1, write("s.lua", "return oracle.scenaro { }"), "oracle.scenaro: unknown; did you mean oracle.scenario%?")
    refused(1, write("k.lua", "return oracle.scenario { ['a\\nb'] = 1, [{}] = 2 }"), 'k.lua: %["a%?b"%]: unknown key')
    local rc = oracle(write("bom.lua", "\239\187\191return require 'oracle'.load 'scenarios/quickstart.lua'") .. " -q")
    assert.equal(0, rc)
  end)

  it("is time without end", function()
    for _, set in ipairs { "cost.step_overhead=1e9", "cost.prefill_mbu=1e-300", "cost.decode_mbu=1e-300",
                           "cost.layer_overhead=1e9", "client_link.bandwidth=1e-300" } do
      refused(1, QUICK .. " --set " .. set, "at t=[%d.]+ s: what happens next comes later than 292 years")
      refused(1, QUICK .. " --no-runs --lod high --set " .. set, "comes later than 292 years")
    end
  end)

  it("is a file without end", function()
    refused(1, "/dev/zero -q", "/dev/zero: longer than 256 MiB")
    os.execute(("ln -s /dev/zero '%s/zeros.lua'"):format(dir))
    refused(1, QUICK .. " -q --set batching=" .. dir .. "/zeros.lua", "zeros.lua: longer than 256 MiB")
  end)

  it("is a result column that does not exist", function()
    refused(1, QUICK .. [=[ --set 'report={"tftt.p99"}']=],
      'report%[1%]: "tftt.p99": unknown result; did you mean ttft.p99')
  end)

  it("is a policy that never returns, wherever it is", function()
    local function endless(how)
      return write("endless.lua", ([=[
        local oracle = require "oracle"
        return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
          batching = require("oracle.policy").batching { name = "endless", step = function()
            local function loop() while true do end end
            HOW
          end },
          workload = oracle.workload.batch { count = 1, prompt = 10, output = 10 } }]=]):gsub("HOW", how))
    end
    refused(1, endless "coroutine.wrap(loop)()", "endless.lua:4: it ran for more than 2 s without returning")
    local path = endless "setmetatable({}, { __gc = loop }) collectgarbage()"
    local before = os.time()
    refused(1, ("%s --json '%s/end.json' --csv '%s/end.csv'"):format(path, dir, dir), "a policy does not return")
    assert.is_true(os.time() - before < 60)
    local p = io.popen("ls -A '" .. dir .. "' | grep end[.]")
    assert.equal("", p:read("a"))
    p:close()
  end)

  it("leaves the requests before it in the CSV, and no other file behind, when the run fails", function()
    local bad = write("bad.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n"
      .. "2023-11-16 18:15:46.68,374,44\n2023-11-16 18:1")
    local rc, out, err = oracle(("scenarios/azure.lua --set workload.path='%s' --json '%s/n.json' --csv '%s/n.csv'")
      :format(bad, dir, dir))
    assert.same({ 1, "" }, { rc, out })
    assert.matches("^oracle: [^\n]*bad.csv: line 3[^\n]*\n$", err)
    local p = io.popen("ls -A '" .. dir .. "' | grep -e partial -e '^n[.][jc]s'")
    assert.equal("n.csv\n", p:read("a"))
    p:close()
    local f = assert(io.open(dir .. "/n.csv"))
    assert.matches("^request_id,[^\n]*\nreq_1,[^\n]*,374,44,[^\n]*\n$", f:read("a"))
    f:close()
  end)

  it("tells a policy's error with its time", function()
    local policy = write("p.lua", [[return require("oracle.policy").batching {
      name = "bad", step = function(b) error("boom") end }]])
    refused(1, QUICK .. " -q --set batching=" .. policy, "boom")
  end)
end)
