--- Lengths and rates that functions give, in the shipped kinds of workloads; lengths from files; what is wrong with
-- them in one line.
local oracle = require "oracle"
local program = require "program"
local rows = require "rows"
local summary = require "oracle.result.summary"

setup(program.open)
teardown(program.close)

local function run(workload, more)
  local t = rows.constant("1 ms", { workload = workload, seed = 5 })
  for k, v in pairs(more or {}) do t[k] = v end
  return rows.of(t)
end

local function why(workload)
  local ok, said = pcall(run, workload)
  assert.is_false(ok)
  return said
end

local function file(text, ending)
  local path = os.tmpname() .. (ending or ".csv")
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

local function column(list, name)
  local out = {}
  for i, r in ipairs(list) do out[i] = r[name] end
  return out
end

local function poisson(t)
  local w = { kind = "poisson", rate = 10, count = 200, prompt = 50, output = 5 }
  for k, v in pairs(t) do w[k] = v end
  return w
end

describe("lengths that functions give", function()
  it("are those of the distribution that draws the same", function()
    local median, sigma = 300, 0.7
    local a = run(poisson { prompt = oracle.dist.lognormal { median = median, sigma = sigma },
                            output = oracle.dist.exponential(40) })
    local b = run(poisson { prompt = function(rng) return rng:lognormal(median, sigma) end,
                            output = function(rng) return math.max(1, rng:exponential(40)) end })
    assert.same(column(a, "arrival_time"), column(b, "arrival_time"))
    assert.same(column(a, "prompt_tokens"), column(b, "prompt_tokens"))
    assert.same(column(a, "output_tokens"), column(b, "output_tokens"))
  end)

  it("know the number of the request, its arrival, and its prompt", function()
    local at = {}
    local list = run(poisson { prompt = function(_, i, t)
      at[i] = t
      return 10 + i
    end, output = function(_, i, t, prompt)
      assert.equal(at[i], t)
      return prompt - 8
    end })
    for i, r in ipairs(list) do
      assert.equal(10 + i, r.prompt_tokens)
      assert.equal(2 + i, r.output_tokens)
      assert.near(r.arrival_time, at[i], 1e-6)
    end
  end)

  it("may come both at once", function()
    local list = run { kind = "poisson", rate = 10, count = 200, lengths = function(rng)
      local n = rng:random(100)
      return 100 + n, n
    end }
    for _, r in ipairs(list) do assert.equal(r.prompt_tokens - 100, r.output_tokens) end
    assert.is_true(list[1].output_tokens ~= list[2].output_tokens or list[2].output_tokens ~= list[3].output_tokens)
  end)

  it("are the same whatever the policy, others with another seed", function()
    local function drawn(more)
      return column(run({ kind = "closed_loop", concurrency = 4, count = 60, output = 4,
                          prompt = function(rng, i) return i * 1000 + rng:random(900) end }, more), "prompt_tokens")
    end
    local function sorted(list)
      table.sort(list)
      return list
    end
    local a, b = sorted(drawn()), sorted(drawn { batching = "sarathi", replicas = 2 })
    assert.same(a, b)
    assert.not_same(a, sorted(drawn { seed = 6 }))
    for i, prompt in ipairs(a) do assert.equal(i, prompt // 1000) end
  end)

  it("stand in sessions, whose later turns add input", function()
    local list = run { kind = "sessions", rate = 1, count = 30, turns = 3, think = 1,
                       prompt = function() return 100 end, input = function(_, i) return 10 + i % 2 end,
                       output = function(_, _, _, prompt) return prompt // 10 end }
    local first = 0
    for _, r in ipairs(list) do
      if r.prompt_tokens == 100 then
        first = first + 1
        assert.equal(10, r.output_tokens)
      else
        assert.equal(1, r.output_tokens)
        assert.is_true(r.prompt_tokens >= 100 + 10 + 10 and r.prompt_tokens <= 100 + 10 + 1 + 22, r.prompt_tokens)
      end
    end
    assert.is_true(first > 0 and first < #list)
  end)

  it("give a pool its prompts once", function()
    local list = run(poisson { prompt_pool = 7, prompt = function(rng) return rng:random(10000) end })
    local seen, count = {}, 0
    for i, r in ipairs(list) do
      local slot = (i - 1) % 7
      if not seen[slot] then
        count = count + 1
        seen[slot] = r.prompt_tokens
      end
      assert.equal(seen[slot], r.prompt_tokens)
    end
    assert.equal(7, count)
  end)

  it("fork and rewind with their run", function()
    local sim = oracle.sim(oracle.scenario(rows.constant("1 ms", { seed = 5, workload = poisson {
      rate = function(t) return 5 + t / 10 end, rate_max = 20, prompt = function(rng) return rng:random(500) end,
    } })))
    sim:run_until(3)
    local fork = sim:fork()
    fork:run()
    sim:run()
    local function numbers(s) return summary.json(s:result()) end
    assert.same(numbers(fork), numbers(sim))
    sim:rewind(2)
    sim:run()
    assert.same(numbers(fork), numbers(sim))
  end)

  it("sweep over threads with equal bytes, and take --set beside them", function()
    local path = file([[
local oracle = require "oracle"
local busy = 6
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3,
  workload = oracle.workload.poisson { duration = 10,
    rate = function(t) return busy + 2 * math.sin(t) end, rate_max = 8,
    prompt = function(rng, i) return 100 + i + rng:random(500) end,
    output = function(rng, i, t, prompt) return 1 + prompt // 20 end },
  vary = { { "engine.max_num_seqs", { 2, 4, 8, 16, 32, 64, 128, 256 } } } }
]], ".lua")
    local texts = {}
    for _, threads in ipairs { 1, 4 } do
      local rc, out, err = program.run(("run %s --threads %d -q --json -"):format(path, threads))
      assert.equal(0, rc, err)
      texts[#texts + 1] = out
    end
    assert.equal(texts[1], texts[2])
    local csv = program.dir .. "/set.csv"
    local rc, _, err = program.run(path .. " -q --set vary=nil --set workload.rate=3 --set workload.duration=1000 "
      .. "--set workload.rate_max=nil --set workload.output=7 --set workload.count=20 --csv " .. csv)
    assert.equal(0, rc, err)
    local list = rows.read(csv)
    assert.equal(20, #list)
    for _, r in ipairs(list) do assert.equal(7, r.output_tokens) end
  end)
end)

describe("the page about workloads", function()
  it("shows functions and rates that run", function()
    local f = assert(io.open(program.root .. "/docs/workloads.md"))
    local section = f:read "a":match "\n## Lengths and rates of your own\n(.-)\n## "
    f:close()
    local ran = 0
    for block in section:gmatch "```lua\n(.-)```" do
      if not block:find "csv" then
        local keys = assert(load("return { " .. block .. " }"))()
        keys.kind, keys.count = "poisson", 30
        keys.rate = keys.rate or 9
        if not keys.lengths then keys.prompt, keys.output = keys.prompt or 9, keys.output or 9 end
        assert.equal(30, #run(keys))
        ran = ran + 1
      else
        for line in block:gmatch "[^\n]+" do assert.is_table(assert(load("return { " .. line .. "\n}", "doc", "t",
          { oracle = oracle }))()) end
        ran = ran + 1
      end
    end
    assert.equal(4, ran)
  end)
end)

describe("lengths from a file", function()
  local function drawn(d, n)
    return run(poisson { prompt = d, count = n or 400 })
  end

  it("are a list of numbers", function()
    for _, r in ipairs(drawn(oracle.dist.empirical(file "len\n100\n300\n"))) do
      assert.is_true(r.prompt_tokens == 100 or r.prompt_tokens == 300)
    end
  end)

  it("have weights in a second column", function()
    local rare = 0
    for _, r in ipairs(drawn(oracle.dist.empirical(file "tokens,weight\n100,9\n300,1\n"), 2000)) do
      if r.prompt_tokens == 300 then rare = rare + 1 else assert.equal(100, r.prompt_tokens) end
    end
    assert.near(200, rare, 3 * math.sqrt(2000 * 0.1 * 0.9))
  end)

  it("come from the columns that are named, text in others", function()
    local path = file "who,in_tok,out_tok,n\n\"a\",100,10,3\nb,300,30,1\n"
    local one = drawn(oracle.dist.empirical { file = path, columns = { value = "in_tok", weight = "n" } })
    assert.is_true(one[1].prompt_tokens == 100 or one[1].prompt_tokens == 300)
    local pairs_of = oracle.dist.empirical { file = path, columns = { prompt = "in_tok", output = "out_tok" } }
    local both = run { kind = "poisson", rate = 10, count = 2000, lengths = pairs_of }
    local some = 0
    for _, r in ipairs(both) do
      assert.equal(r.prompt_tokens, 10 * r.output_tokens)
      if r.prompt_tokens == 300 then some = some + 1 end
    end
    assert.near(1000, some, 3 * math.sqrt(2000 * 0.25))
    pairs_of.columns.weight, some = "n", 0
    for _, r in ipairs(run { kind = "poisson", rate = 10, count = 2000, lengths = pairs_of }) do
      if r.output_tokens == 30 then some = some + 1 end
    end
    assert.near(500, some, 3 * math.sqrt(2000 * 0.25 * 0.75))
  end)

  it("are refused with file and line", function()
    local function refused(text, columns, what, key)
      local path = file(text)
      local said = why({ kind = "poisson", rate = 1, count = 1, prompt = key == nil and oracle.dist.empirical
        { file = path, columns = columns } or nil, output = key == nil and 1 or nil,
        lengths = key and oracle.dist.empirical { file = path, columns = columns } or nil })
      assert.is_truthy(said:find(path .. what, 1, true), said)
      assert.is_nil(said:find "\n")
    end
    refused("1\nx\n", nil, ':2: "x" is not a number')
    refused("1,2\n3,4\n", nil, ":1: two numbers in each row")
    refused("a,b\n1,2\n", nil, ':1: columns = { value = "a" } expected')
    refused("a,weight\n1,2\n3,-1\n", nil, ":3: weight: a number of at least 0 expected, got -1")
    refused("a,weight\n1,0\n", nil, ":1: weight: all weights are zero")
    refused("a,b\n1,2\n", { value = "c" }, ':1: columns.value: no column "c"; there are a, b')
    refused("a,b\n1\n", { value = "a" }, ":2: 1 columns, 2 expected")
    refused("a,b\n1,2\n0,3\n", { prompt = "a", output = "b" }, ":3: a: a number of at least 1 expected, got 0", true)
    refused("a,b\n1,2\n4,nan\n", { prompt = "a", output = "b" }, ":3: b: a number of at least 1 expected", true)
    refused("a,b\n", { value = "a" }, ": holds no numbers")
    assert.matches("no such file", why(poisson { prompt = oracle.dist.empirical "nowhere.csv" }))
    assert.matches("under lengths", why(poisson {
      prompt = { kind = "empirical", file = file "a,b\n1,2\n", columns = { prompt = "a", output = "b" } } }))
    assert.matches("lengths: prompt is given too", why(poisson { lengths = function() return 1, 1 end }))
    assert.matches("prompt: missing", why { kind = "poisson", rate = 1, count = 1, output = 1 })
  end)
end)

describe("a rate that a function gives", function()
  it("makes as many requests as it says, when it says", function()
    local counts = {}
    local list = run(poisson { count = 100000, duration = 400, rate_max = 20, prompt = 1, output = 1,
                               rate = function(t) return t % 100 < 50 and 20 or 2 end })
    for _, r in ipairs(list) do
      local high = r.arrival_time % 100 < 50
      counts[high] = (counts[high] or 0) + 1
    end
    assert.near(20 * 200, counts[true], 4 * math.sqrt(20 * 200))
    assert.near(2 * 200, counts[false], 4 * math.sqrt(2 * 200))
  end)

  it("that stays the same makes a Poisson process, for sessions and in a mix, too", function()
    local list = run(poisson { count = 4000, rate_max = 30, prompt = 1, output = 1, rate = function() return 15 end })
    local squares, last = 0, 0
    for _, r in ipairs(list) do
      squares, last = squares + (r.arrival_time - last) ^ 2, r.arrival_time
    end
    assert.near(4000 / 15, last, 4 * math.sqrt(4000) / 15)
    assert.near(2 / 15 ^ 2, squares / 4000, 0.15 * 2 / 15 ^ 2)
    local mixed = run(oracle.workload.mix { { name = "a", rate = function() return 5 end, rate_max = 5, prompt = 1,
      output = 1 }, { name = "b", kind = "sessions", rate = function() return 1 end, rate_max = 2, prompt = 10,
      output = 1, turns = 1 }, duration = 100 })
    assert.near(600, #mixed, 4 * math.sqrt(600))
  end)

  it("may be 0 for a long time", function()
    local list = run(poisson { rate = function(t) return t > 3600 and 10 or 0 end, rate_max = 10, count = 5 })
    assert.equal(5, #list)
    assert.is_true(list[1].arrival_time > 3600)
  end)

  it("is refused where it does not fit", function()
    local function constant() return 1 end
    assert.matches("rate_max: missing", why(poisson { rate = constant }))
    assert.matches("rate_max: only with rate = function", why(poisson { rate_max = 5 }))
    assert.matches("stages: rate is given too", why(poisson { rate = constant, rate_max = 1,
                                                              stages = { { rate = 1, duration = 1 } } }))
    for _, kind in ipairs { "gamma", "constant" } do
      assert.matches("rate: a function makes independent arrivals", why(poisson { kind = kind, rate = constant,
                                                                      cv = kind == "gamma" and 2 or nil }))
    end
  end)
end)

describe("a function of a workload that is wrong", function()
  local function scenario(keys)
    return file(([[
local oracle = require "oracle"
return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm", seed = 3,
  cost = { kind = "constant", constant_step = 0.001 },
  workload = oracle.workload.poisson { count = 50, %s } }
]]):format(keys), ".lua")
  end

  it("ends the run in one line with file, line and time; the requests before it are kept", function()
    local path = os.tmpname()
    for keys, what in pairs {
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or 0 / 0 end"] =
        "prompt: a number of tokens from 1 to 1073741823 expected, got",
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or 0 end"] = "expected, got 0",
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or -3 end"] = "expected, got -3",
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or 1e30 end"] = "expected, got 1e+30",
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or '5' end"] = "expected, got a string",
      ["rate = 9, prompt = 1, output = function(_, i) if i < 40 then return 5 end end"] =
        "output: a number of tokens from 1 to 1073741823 expected, got nil",
      ["rate = 9, lengths = function(_, i) if i < 40 then return 5, 5 end return 5 end"] = "lengths: output: a number",
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or error 'no more' end"] = "no more",
      ["rate = 9, output = 1, prompt = function(_, i) return i < 40 and 5 or i.x end"] = "attempt to index",
      ["rate = 9, output = 1, prompt = function(_, i) while i >= 40 do end return 1 end"] = "for more than 2 s",
      ["rate = 9, output = 1, prompt = function(_, i) local s = 'x' while i >= 40 do s = s .. s end return 1 end"] =
        "MiB of memory",
    } do
      local rc, _, err = program.run(("%s -q --csv '%s'"):format(scenario(keys), path))
      assert.equal(1, rc)
      assert.matches('at t=[%d.]+ s, request 40 of workload "default": ', err)
      assert.matches("%.lua:4: ", err)
      assert.is_truthy(err:find(what, 1, true), err)
      assert.is_nil(err:find "\n.")
      assert.equal(39, #rows.read(path), keys)
    end
    os.remove(path)
  end)

  it("is told of a rate, too", function()
    local path = os.tmpname()
    for rate, what in pairs {
      ["return t > 2 and 11 or 9"] = "requests per second from 0 to rate_max (10) expected, got 11",
      ["return t > 2 and -1 or 9"] = "expected, got -1",
      ["return t > 2 and 0 / 0 or 9"] = "nan",
      ["return t > 2 and 'often' or 9"] = "got a string",
      ["if t < 2 then return 9 end"] = "got nil",
      ["if t > 2 then error 'no more' end return 9"] = "no more",
      ["while t > 2 do end return 9"] = "for more than 2 s",
    } do
      local rc, _, err = program.run(scenario("prompt = 1, output = 1, rate_max = 10, rate = function(t) " .. rate
        .. " end") .. " -q --csv " .. path)
      assert.equal(1, rc)
      assert.is_true(#rows.read(path) > 5)
      assert.matches('at t=[12]%.[%d]+ s, workload "default": .*%.lua:4: ', err)
      assert.is_truthy(err:find(what, 1, true), err)
      assert.is_nil(err:find "\n.")
    end
    os.remove(path)
  end)

  it("is found by oracle check workload", function()
    local good = scenario "rate = 9, output = 1, prompt = function(rng, i) return i + rng:random(9) end"
    local rc, out = program.run("check workload " .. good)
    assert.equal(0, rc, out)
    assert.matches("requests +50, then it ends", out)
    assert.matches("same seed +the same requests", out)
    rc, out = program.run("check workload "
      .. scenario "rate = 9, output = 1, prompt = function(_, i) return 30 - i end")
    assert.not_equal(0, rc)
    assert.matches("request 30 of workload \"default\": .*%.lua:4: prompt: .* got 0", (out:gsub("%s+", " ")))
    rc, out = program.run("check workload " .. scenario "rate = 9, output = 1, prompt = oracle.dist.empirical 'no.csv'")
    assert.not_equal(0, rc)
    assert.matches("no such file", out)
  end)

  it("is told of a rate that stays at 0", function()
    assert.matches("duration expected where the rate stays at 0", why(poisson { rate_max = 1e6,
      rate = function() return 0 end }))
  end)
end)
