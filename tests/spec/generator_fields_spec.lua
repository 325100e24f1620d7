--- Every field that a workload of one's own may give a request, and every draw: what they do, and what is refused.
local rows = require "rows"

local function scenario(workload, more)
  workload.kind = "generator"
  local t = rows.constant("1 ms", { workload = workload, seed = 5 })
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

local function run(workload, more) return rows.of(scenario(workload, more)) end

-- One request, with these fields.
local function one(fields)
  return function(g)
    if g.done then return nil end
    g.done = true
    local r = { gap = 0.5, prompt = 64, output = 4 }
    for k, v in pairs(fields) do r[k] = v ~= "none" and v or nil end
    return r
  end
end

local function refused(workload, pattern)
  local ok, why = pcall(run, workload)
  assert.is_false(ok, "not refused: " .. pattern)
  assert.matches(pattern, tostring(why))
  assert.is_nil(tostring(why):find("traceback", 1, true))
end

-- Draws are seen as gaps: their mean tells the law.
local function mean_gap(draw)
  local n = 4000
  local list = run { next = function(g)
    g.n = (g.n or 0) + 1
    if g.n <= n then return { gap = draw(g), prompt = 1, output = 1 } end
  end }
  assert.equal(n, #list)
  return list[n].arrival_time / n
end

describe("a draw", function()
  it("of a normal law has its mean and its width", function()
    local sum, squares, n = 0, 0, 0
    mean_gap(function(g)
      local x = g:normal(10, 2)
      sum, squares, n = sum + x, squares + x * x, n + 1
      return 0.001
    end)
    local mean = sum / n
    assert.near(10, mean, 0.15)
    assert.near(2, math.sqrt(squares / n - mean * mean), 0.1)
  end)

  it("of a gamma law has its mean, of a uniform one too", function()
    assert.near(0.01, mean_gap(function(g) return g:gamma(0.01, 0.5) end), 0.0005)
    assert.near(0.02, mean_gap(function(g) return g:uniform(0.01, 0.03) end), 0.0005)
  end)

  it("from a list goes by its weights, and without them each is as likely", function()
    local count = { 0, 0, 0 }
    mean_gap(function(g)
      local i = g:choose({ 1, 2, 3 }, { 1, 0, 3 })
      count[i] = count[i] + 1
      return 0.001
    end)
    assert.equal(0, count[2])
    assert.near(1000, count[1], 120)
    assert.near(3000, count[3], 120)
    assert.near(0.02, mean_gap(function(g) return g:choose { 0.01, 0.03 } end), 0.0005)
  end)

  it("refuses what has no law", function()
    local function with(f) return { next = function(g) f(g) end } end
    refused(with(function(g) g:normal(1, -1) end), "at least 0 expected")
    refused(with(function(g) g:exponential(0) end), "above 0 expected")
    refused(with(function(g) g:gamma(1, 1e9) end), "cv from 0.001 to 1000")
    refused(with(function(g) g:choose {} end), "at least one entry")
    refused(with(function(g) g:choose({ 1, 2 }, { 0, 0 }) end), "weight above 0")
    refused(with(function(g) g:choose({ 1, 2 }, { 1, -1 }) end), "weight of at least 0")
    refused(with(function(g) g:choose({ 1, 2 }, { 1 }) end), "weight of at least 0")
  end)
end)

describe("a request's field", function()
  it("is refused where it says nothing that can be", function()
    refused({ next = one { prompt = 0 } }, "prompt")
    refused({ next = one { output = 0 } }, "output")
    refused({ next = one { max_output = 2 } }, "at least output")
    refused({ shares = true, next = one { prefix = "p", prefix_tokens = 100 } }, "prefix_tokens.*those of the prompt")
    refused({ shares = true, next = one { prefix = "p", prefix_tokens = 0 } }, "prefix_tokens")
    refused({ next = one { arrival = 1 } }, "gap: arrival is given too")
    refused({ next = one { gap = "none" } }, "gap: missing")
    refused({ next = one { continues = true } }, "only of what answered returns")
    refused({ next = one { repeats = true } }, "only of what answered returns")
    refused({ next = one { class = "a" } }, "class")
    refused({ next = function() return 5 end }, "or nil expected, got a number")
    refused({ next = function() return { 5, 6 } end }, "fields with names")
  end)

  it("class names one of the generator's", function()
    refused({ classes = { "a", "b" }, next = one { class = "c" } }, 'class: "c": one of the generator\'s classes')
    refused({ classes = { "a", "b" }, next = one { class = 7 } }, "class.*a name")
    refused({ classes = { 1, 2 }, next = one { class = "c" } }, "workload.classes.1.: 1: a text expected")
    local list = run { classes = { "a", "b" }, next = one { class = "b" } }
    assert.equal("b", list[1].profile)
  end)

  it("timeout ends it, cancel too", function()
    local late = run { next = one { output = 500, timeout = 0.1 } }
    assert.equal("TIMEOUT", late[1].status)
    local gone = run { next = one { output = 500, cancel = 0.1 } }
    assert.equal("CANCELLED", gone[1].status)
  end)

  it("repeats asks the same again", function()
    local list = run { next = one { session = true }, answered = function(_, r)
      if r.ok and not r.repeated and r.prompt == 64 and r.turn ~= 2 then
        return { gap = 1, repeats = true, output = 4 }
      end
    end, count = 3 }
    assert.is_true(#list >= 2)
    assert.equal(list[1].prompt_tokens, list[2].prompt_tokens)
  end)

  it("text: prompts of one name are the same to a prefix cache", function()
    local function cached(name)
      local list = run({ shares = true, next = function(g)
        g.n = (g.n or 0) + 1
        if g.n <= 2 then return { gap = 1, prompt = 640, output = 2, text = name and name(g.n) } end
      end }, { engine = { enable_prefix_caching = true, max_num_seqs = 4 } })
      return list[2].cached_prefix_length
    end
    assert.is_true(cached(function() return "same" end) > 600)
    assert.equal(0, cached(function(n) return "text " .. n end))
    assert.is_true(cached(function() return 7 end) > 600)
    refused({ next = one { text = "same" } }, "prompts have no identity here")
  end)
end)
