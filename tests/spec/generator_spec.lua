--- Workloads written in Lua: functions and files, loops and blocks, answers; what is wrong with them in one line.
local oracle = require "oracle"
local rows = require "rows"
local summary = require "oracle.result.summary"

local function run(workload, more)
  local t = rows.constant("1 ms", { workload = workload, seed = 5 })
  for k, v in pairs(more or {}) do t[k] = v end
  return rows.of(t)
end

local function file(text)
  local path = os.tmpname() .. ".lua"
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

local function why(workload)
  local ok, said = pcall(run, workload)
  assert.is_false(ok)
  return said
end

local AGENTS = [[
return {
  params = { agents = 4, steps = 3 },
  next = function(g)
    g.n = (g.n or 0) + 1
    if g.n > g.params.agents then return nil end
    return { arrival = g.n * 0.1, prompt = 1000, output = 10, session = true, data = { step = 1 } }
  end,
  answered = function(g, r)
    if not r.ok or r.data.step >= g.params.steps then return nil end
    return { gap = g:exponential(2), prompt = 200 + g:random(100), output = 8, continues = true,
             data = { step = r.data.step + 1 } }
  end,
}
]]

describe("a workload that a function makes", function()
  it("gives the requests that it returns, at their times", function()
    local list = run { kind = "generator", next = function(g)
      g.n = (g.n or 0) + 1
      if g.n <= 3 then return { gap = 0.5, prompt = 10 * g.n, output = g.n } end
    end }
    assert.equal(3, #list)
    for i, r in ipairs(list) do
      assert.near(0.5 * i, r.arrival_time, 1e-9)
      assert.equal(10 * i, r.prompt_tokens)
      assert.equal(i, r.output_tokens)
    end
  end)

  it("may be a loop in a file that yields them", function()
    local path = file [[return function(g)
      for i = 1, 5 do coroutine.yield { gap = 1, prompt = i, output = 2 } end
    end]]
    local list = run(path)
    assert.equal(5, #list)
    assert.equal(5, list[5].prompt_tokens)
  end)

  it("may fill blocks of rows", function()
    local list = run { kind = "generator", count = 5000, fill = function(g, b)
      for i = 1, b.rows do
        g.t = (g.t or 0) + 0.01
        b.arrival[i], b.prompt[i], b.output[i] = g.t, 16, 1
      end
      return b.rows
    end }
    assert.equal(5000, #list)
    assert.near(50, list[5000].arrival_time, 1e-6)
  end)

  it("may draw whole columns, which are the draws one by one", function()
    local function rows_of(by_column)
      return run { kind = "generator", count = 2000, fill = function(g, b)
        if by_column then
          g:lognormal(100, 0.7, b.prompt, 500)
        else
          for i = 1, 500 do b.prompt[i] = g:lognormal(100, 0.7) end
        end
        for i = 1, 500 do b.gap[i], b.output[i] = 0.01, 1 end
        return 500
      end }
    end
    local list = rows_of(true)
    assert.equal(2000, #list)
    assert.same(rows_of(false), list)
    assert.matches("table expected, got number", why { kind = "generator", count = 5, fill = function(g, b)
      g:exponential(1, 5)
      return b.rows
    end })
  end)

  it("meets the same draws whatever the policy, others with another seed", function()
    local function times(more)
      local t = {}
      for i, r in ipairs(run({ kind = "generator", count = 50, next = function(g)
        return { gap = g:exponential(0.1), prompt = 8, output = 4 }
      end }, more)) do t[i] = ("%.9f"):format(r.arrival_time) end
      return table.concat(t, " ")
    end
    assert.equal(times(), times { batching = "sarathi" })
    assert.not_equal(times(), times { seed = 6 })
  end)

  it("goes on when a request is answered, with all that was said", function()
    local list = run(file(AGENTS))
    assert.equal(12, #list)
    table.sort(list, function(a, b) return a.arrival_time < b.arrival_time end)
    for i = 1, 4 do assert.equal(1000, list[i].prompt_tokens) end
    for i = 5, 12 do assert.is_true(list[i].prompt_tokens > 1200) end
    assert.equal(6, #run { kind = "generator", path = file(AGENTS), params = { agents = 2 } })
  end)

  it("forks and rewinds with its run", function()
    local sim = oracle.sim(oracle.scenario(rows.constant("1 ms", { workload = file(AGENTS), seed = 5 })))
    sim:run_until(1)
    local fork = sim:fork()
    fork:run()
    sim:run()
    local function numbers(s) return summary.json(s:result()) end
    assert.same(numbers(fork), numbers(sim))
    sim:rewind(0.5)
    sim:run()
    assert.same(numbers(fork), numbers(sim))
  end)
end)

describe("requests that are listed", function()
  it("come in order of arrival", function()
    local first, second = { arrival = 1, prompt = 10, output = 1 }, { arrival = 2, prompt = 20, output = 2 }
    local list = run { requests = { second, first } }
    table.sort(list, function(a, b) return a.arrival_time < b.arrival_time end)
    assert.equal(10, list[1].prompt_tokens)
    assert.equal(20, list[2].prompt_tokens)
  end)

  it("may stand in the scenario itself", function()
    local t = rows.constant("1 ms", { requests = { { arrival = 1, prompt = 10, output = 1 } } })
    t.workload = nil
    assert.equal(1, #rows.of(t))
  end)
end)

describe("a generator that is wrong", function()
  it("ends in one line with its file and line, and the simulated time", function()
    for body, what in pairs {
      ["g.n = (g.n or 0) + 1 return { arrival = 5 - g.n, prompt = 1, output = 1 }"] = "goes back from 4 s to 3 s",
      ["return { gap = 1, prompt = 0 / 0, output = 1 }"] = "prompt: a number of tokens from 1 to 1073741823 expected",
      ["return { gap = 1, prompt = 1, output = 0 }"] = "output: a number of tokens from 1 to 1073741823 expected",
      ["error 'no more'"] = "no more",
    } do
      local said = why(file("return function(g) " .. body .. " end"))
      assert.matches("^at t=%d", said)
      assert.matches("%.lua:1: ", said)
      assert.is_truthy(said:find(what, 1, true), said)
      assert.is_nil(said:find "\n")
    end
  end)

  it("may go to the ends of what is counted with 32 bits, and no further", function()
    local ends = { client = { 0, 4294967295 }, priority = { -2147483648, 2147483647 } }
    for field, range in pairs(ends) do
      for _, value in ipairs { range[1], range[2], range[1] + 0.0, range[2] + 0.0 } do
        run { requests = { { arrival = 0, prompt = 1, output = 1, [field] = value } } }
      end
      for _, value in ipairs { range[1] - 1, range[2] + 1, range[2] + 1.0 } do
        local said = why { requests = { { arrival = 0, prompt = 1, output = 1, [field] = value } } }
        assert.is_truthy(said:find(("%s: a %snumber from %d to %d expected, got %.0f"):format(field,
          field == "client" and "" or "whole ", range[1], range[2], value), 1, true), said)
      end
    end
  end)

  it("is stopped where it never returns or takes memory without end", function()
    assert.matches("for more than 2 s", why(file "return function() while true do end end"))
    assert.matches("MiB of memory", why(file "return function() local t = '' while true do t = t .. t .. 'x' end end"))
  end)

  it("is refused before the run where its file holds none", function()
    assert.matches("next: missing", why(file "return {}"))
    assert.matches("returns a number", why(file "return 5"))
    assert.matches("did you mean next", why(file "return { nxt = function() end }"))
    assert.matches("requests%[1%]%.prompt: missing", why { requests = { { arrival = 1, output = 1 } } })
  end)
end)
