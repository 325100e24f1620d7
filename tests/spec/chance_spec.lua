--- math.random of what is written in a scenario's file: the same numbers from the scenario's seed, whatever else was
-- computed in the same process, in which thread and in which order.
local program = require "program"

setup(program.open)
teardown(program.close)

local HEAD = [[
local oracle = require "oracle"
local policy = require "oracle.policy"
local des = require "oracle.des"
]]

local LOAD = [[oracle.workload.poisson { rate = 60, count = 120, prompt = 300,
  output = oracle.dist.uniform { low = 10, high = 200 } }]]

-- Every policy draws, and so does what makes the requests.
local POLICIES = HEAD .. [[
local random = math.random
local total = 0
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3, replicas = 4,
  router = policy.router { name = "router", route = function() return random(1, 4) end },
  batching = policy.batching { name = "batching", order = function() return math.random() end },
  admission = policy.admission { name = "admission", admit = function()
    total = total + 1                                     -- a variable of the file, which begins anew in each run
    return random(20) > 1 + total // 100
  end },
  eviction = policy.eviction { name = "eviction", grade = function() return math.random(0, 3) end },
  workload = oracle.workload.generator { next = function(g)
    g.n, g.at = (g.n or 0) + 1, (g.at or 0) + random() / 40
    if g.n <= 200 then return { arrival = g.at, prompt = random(50, 900), output = math.random(5, 150) } end
  end } }
]]

local function result(name, args)
  local out = program.dir .. "/" .. name .. ".json"
  local code, _, err = program.run(("%s -q --json %s"):format(args, out))
  assert.equal(0, code, err)
  return program.read(out)
end

local function unseeded(text) return (text:gsub('"seed":[^\n]*', "")) end

describe("math.random in a scenario's file", function()
  it("gives the same bytes in every run, with threads, without runs, and others for another seed", function()
    local path = program.write("policies.lua", POLICIES)
    local first = result("first", path)
    assert.equal(first, result("again", path))
    assert.equal(first, result("threads", path .. " --threads 2"))
    assert.equal(first, result("single", path .. " --no-runs"))
    assert.not_equal(unseeded(first), unseeded(result("other", path .. " --set seed=4")))
  end)

  it("gives the same in a sweep, whatever the threads, the order of its points and where it goes on", function()
    local path, n = program.write("policies.lua", POLICIES), 0
    local function points(options, values)
      n = n + 1
      local out = ("%s/points%d.jsonl"):format(program.dir, n)
      local code, _, err = program.run(("sweep %s --set engine.max_num_seqs=%s --seeds 2 %s --out %s -q")
        :format(path, values, options, out))
      assert.equal(0, code, err)
      local found = {}
      for text in program.read(out):gmatch('"result":([^\n]*)') do
        local set = text:match('"engine.max_num_seqs": (%d+)') .. " " .. text:match('"seed": (%d+)')
        found[set] = text
      end
      return found, out
    end
    local first, out = points("--threads 1", "8,16,32")
    assert.is_not_nil(first["32 4"])
    assert.same(first, (points("--threads 2", "8,16,32")))
    assert.same(first, (points("--threads 1", "32,8,16")))
    local lines, text = {}, program.read(out)
    for line in text:gmatch "[^\n]*\n" do lines[#lines + 1] = line end
    program.write("points4.jsonl", table.concat(lines, "", 1, 3))
    assert.same(first, (points("--threads 2 --resume", "8,16,32")))
  end)

  it("is the same while the file runs, unless it says math.randomseed()", function()
    local function rates(text)
      local path, got = program.write("drawn.lua", HEAD .. text .. [[
        return oracle.scenario { model = "tiny-1b", hardware = "h100-sxm", workload = oracle.workload.poisson {
          rate = 5 + math.random(), count = 3, prompt = math.random(10, 2000), output = 5 } }
      ]]), {}
      for i = 1, 2 do got[i] = result("drawn", path) end
      return got
    end
    local plain, seeded, free = rates "", rates "math.randomseed(7)\n", rates "math.randomseed()\n"
    assert.equal(plain[1], plain[2])
    assert.equal(seeded[1], seeded[2])
    assert.not_equal(plain[1], seeded[1])
    assert.not_equal(free[1], free[2])
  end)

  it("draws from the seed in processes, and is refused where an answer must not change", function()
    local path = program.write("processes.lua", HEAD
      .. "return oracle.scenario { model = 'tiny-1b', hardware = 'h100-sxm', "
      .. "processes = { function(env, cluster) while env.now < 2 do env:sleep(math.random() / 4) "
      .. "cluster:set('engine.max_num_batched_tokens', math.random(1024, 4096)) end end }, workload = " .. LOAD .. " }")
    local first = result("processes", path)
    assert.equal(first, result("processes", path))
    assert.not_equal(unseeded(first), unseeded(result("processes", path .. " --set seed=5")))
    program.write("cost.lua", HEAD .. "return oracle.scenario { model = 'tiny-1b', hardware = 'h100-sxm', "
      .. "cost = { step = function() return 0.01 + math.random() end }, workload = " .. LOAD .. " }")
    local code, _, err = program.run(program.dir .. "/cost.lua")
    assert.equal(1, code)
    assert.matches("math.random: what is asked here is the same whenever it is asked", err, 1, true)
  end)

  it("is as in Lua elsewhere", function()
    local seeds = { math.randomseed(5) }
    local a, b, c = math.random(), math.random(0), math.random(3, 9)
    math.randomseed(5)
    assert.same({ a, b, c }, { math.random(), math.random(0), math.random(3, 9) })
    assert.equal(2, #seeds)
    assert.is_false(pcall(math.random, 2, 1))
  end)
end)
