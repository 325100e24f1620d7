--- What is finished is replaced only where that is asked for; what is warned of fails a run only where that is; values
-- that are hardly meant are warned of.
local odd_values = require "oracle.plan.odd_values"
local program = require "program"

local SCENARIO = [[
local oracle = require "oracle"
return oracle.scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm", cost = "roofline", seed = 1, %s
  workload = oracle.workload.poisson { rate = 20, count = 20, prompt = 100, output = 5 },
}
]]

setup(function()
  program.open()
  program.write("s.lua", SCENARIO:format "")
  program.write("closed.lua", SCENARIO:format "" :gsub("poisson { rate = 20, count = 20",
    "closed_loop { concurrency = 2, duration = 0.2"))
  program.write("no.lua", SCENARIO:format [[admission = { "token_bucket", rate = 1e-9, burst = 1e-9 },]])
end)
teardown(program.close)

local function size(name)
  local f = assert(io.open(program.dir .. "/" .. name))
  local n = f:seek "end"
  f:close()
  return n
end

describe("a finished file", function()
  local LINES = {
    "sweep s.lua --seeds 2 --out kept.jsonl", "sweep s.lua --seeds 2 --out /dev/null --json FILE",
    "compare vllm sglang s.lua --replications 2 --json FILE", "lod s.lua --json FILE", "generate-config -o FILE",
    "capacity closed.lua --slo 'tpot.mean<=8ms' --seeds 2 --json FILE",
  }

  it("is left alone by what many runs cost, but with --force", function()
    for i, line in ipairs(LINES) do
      local file = ("f%d.json"):format(i)
      line = line:gsub("FILE", file)
      file = line:find(file, 1, true) and file or "kept.jsonl"
      local rc, _, err = program.run_there(line .. " -q")
      assert.equal(0, rc, line .. err)
      local before = program.read(program.dir .. "/" .. file)
      rc, _, err = program.run_there(line .. " -q")
      assert.equal(1, rc, line)
      assert.matches("^oracle: [^\n]*%-%-force[^\n]*\n$", err)
      assert.equal(before, program.read(program.dir .. "/" .. file))
      rc, _, err = program.run_there(line .. " -q --force")
      assert.equal(0, rc, line .. err)
    end
  end)

  it("is no empty one, and no device; a run's is its own", function()
    program.write("empty.json", "")
    for _, line in ipairs { "lod s.lua -q --json empty.json", "lod s.lua -q --json /dev/null",
                            "run s.lua -q --json r.json", "run s.lua -q --json r.json" } do
      local rc, _, err = program.run_there(line)
      assert.equal(0, rc, line .. err)
    end
    assert.is_true(size "empty.json" > 100)
  end)
end)

describe("--strict", function()
  it("makes warnings failures", function()
    for _, case in ipairs { { 0, "run s.lua --strict" }, { 0, "run no.lua" }, { 1, "run no.lua --strict" },
                            { 1, "run no.lua --strict -l ERROR" }, { 1, "run s.lua --set slo.ttft=200 --strict" },
                            { 1, "compare vllm no_evict no.lua --replications 2 --strict" } } do
      local rc, _, err = program.run_there(case[2] .. " -q")
      assert.equal(case[1], rc, case[2] .. "\n" .. err)
    end
  end)
end)

describe("requests none of which was answered", function()
  it("are said plainly", function()
    local rc, out, err = program.run_there "run no.lua"
    assert.equal(0, rc)
    assert.matches("warning: no request was answered\n", err)
    assert.matches("warning: 20 of 20 requests rejected\n", err)
    assert.matches("\nRejected requests: +20\n", out)
  end)
end)

describe("a value hardly meant", function()
  local function said(raw) return table.concat(odd_values.of(raw), "\n") end

  it("is named with what it stands for", function()
    assert.matches("slo.ttft = 200: that is 200 s; \"200 ms\"", said { slo = { ttft = 200 } })
    assert.matches("slo.tpot = 50: that is 50 s", said { slo = { tpot = 50 } })
    assert.matches("block_size = 17: not a power of two", said { engine = { block_size = 17 } })
    assert.matches("kv_tiers%[1%].bandwidth = 25: that is 25 bytes/s",
      said { kv_tiers = { { name = "dram", capacity = "1 GiB", bandwidth = 25 } } })
    assert.matches("pools.decode.engine.block_size = 24: ",
      said { pools = { decode = { engine = { block_size = 24 } } } })
    assert.matches("groups%[2%].engine.block_size = 24: ", said { groups = { {}, { engine = { block_size = 24 } } } })
    assert.matches("failures.mttr", said { failures = { mtbf = 10, mttr = 20 } })
  end)

  it("is not one with a unit, nor a usual one", function()
    assert.equal("", said { slo = { ttft = "200 s" }, engine = { block_size = 32 } })
    assert.equal("", said { slo = { ttft = 2, tpot = 0.05, e2e = 60 }, engine = "no table" })
    assert.equal("", said { kv_tiers = { { capacity = "1 GiB", bandwidth = "25 GB/s", latency = 1e-4 } } })
    assert.equal("", said { failures = { mtbf = 100, mttr = 3 }, engine = { gpu_memory_utilization = 0.9 } })
  end)
end)
