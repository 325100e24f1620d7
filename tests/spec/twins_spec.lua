--- The generators that docs/workloads.md shows for the shipped kinds do what those do: the same rows where nothing is
-- random, the same law where something is.
local program = require "program"
local rows = require "rows"

local function twin(name, from, to)
  local f = assert(io.open(program.root .. "/docs/workloads.md"))
  local text = f:read "a":match("```lua\n(%-%- " .. name:gsub("%.", "%%.") .. ":.-)```")
  f:close()
  assert(text, name .. " is not shown")
  if from then
    local first, last = text:find(from, 1, true)
    assert(first, name .. " has no " .. from)
    text = text:sub(1, first - 1) .. to .. text:sub(last + 1)
  end
  local path = os.tmpname() .. ".lua"
  f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

local function run(workload)
  return (rows.of(rows.constant("5 ms", { workload = workload, seed = 9 })))
end

local function generated(path, params, count)
  return run { kind = "generator", path = path, params = params, count = count }
end

-- Mean and deviation of the gaps, and means of the lengths.
local function laws(list)
  table.sort(list, function(a, b) return a.arrival_time < b.arrival_time end)
  local n, sum, squares, prompts, outputs = #list, 0, 0, 0, 0
  for i, r in ipairs(list) do
    local gap = r.arrival_time - (i > 1 and list[i - 1].arrival_time or 0)
    sum, squares = sum + gap, squares + gap * gap
    prompts, outputs = prompts + math.min(r.prompt_tokens, 3000), outputs + r.output_tokens
  end
  local mean = sum / n
  return { gap = mean, cv = math.sqrt(squares / n - mean * mean) / mean, prompt = prompts / n, output = outputs / n }
end

local function alike(a, b, share)
  for name, v in pairs(laws(a)) do
    local w = laws(b)[name]
    assert.is_true(math.abs(v - w) <= share * w, ("%s: %g, %g expected"):format(name, v, w))
  end
end

describe("a kind's twin in Lua", function()
  local N = 8000

  it("has the law of poisson", function()
    alike(generated(twin "poisson.lua", nil, N), run { kind = "poisson", rate = 8, count = N, output = 150,
      prompt = { kind = "lognormal", median = 500, sigma = 0.9 } }, 0.05)
  end)

  it("has the law of a rate that varies", function()
    local list, high = generated(twin "varying.lua", nil, N), 0
    local same = run { kind = "poisson", count = N, prompt = 500, output = 150, rate_max = 8,
                       rate = function(t) return 5 + 3 * math.sin(2 * math.pi * t / 600) end }
    alike(list, same, 0.05)
    for _, r in ipairs(list) do high = high + (r.arrival_time % 600 < 300 and 1 or -1) end
    for _, r in ipairs(same) do high = high - (r.arrival_time % 600 < 300 and 1 or -1) end
    assert.near(0, high, 4 * math.sqrt(2 * N))
  end)

  it("has the law of gamma", function()
    alike(generated(twin "gamma.lua", nil, N), run { kind = "gamma", rate = 8, cv = 2.5, count = N, prompt = 500,
                                                     output = 150 }, 0.08)
  end)

  it("gives the rows of constant", function()
    local list = generated(twin "constant.lua", nil, 500)
    assert.equal(500, #list)
    assert.same(run { kind = "constant", rate = 8, count = 500, prompt = 500, output = 150 }, list)
    assert.same(run { kind = "batch", count = 50, prompt = 500, output = 150 },
      generated(twin("constant.lua", "g.begun and 1 / g.params.rate or 0", "0"), nil, 50))
  end)

  it("gives the rows of closed_loop", function()
    local list = generated(twin "closed_loop.lua", nil, 500)
    assert.equal(500, #list)
    assert.same(list, run { kind = "closed_loop", concurrency = 16, think = 1, count = 500, prompt = 500,
                            output = 150 })
  end)

  it("gives the rows of sessions, and has their law", function()
    local keys = { kind = "sessions", count = 400, prompt = 400, input = 80, output = 150, think = 5,
                   continue_probability = 1, max_turns = 4, inter_arrival = 0.5 }
    local even = twin("sessions.lua", "g:exponential(1 / p.rate)", "1 / p.rate")
    assert.same(run(keys), generated(even, { continue_probability = 1.0, max_turns = 4 }, 400))
    keys.inter_arrival, keys.rate, keys.continue_probability, keys.max_turns, keys.count = nil, 2, 0.7, 10, N
    local a, b = generated(twin "sessions.lua", nil, N), run(keys)
    alike(a, b, 0.05)
    local turns = 0
    for _, r in ipairs(a) do turns = turns + (r.prompt_tokens > 400 and 1 or 0) end
    for _, r in ipairs(b) do turns = turns - (r.prompt_tokens > 400 and 1 or 0) end
    assert.near(0, turns, 0.02 * N)
  end)
end)
