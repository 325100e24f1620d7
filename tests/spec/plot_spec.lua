--- Figures on a terminal: within 80 columns, with colours where they may be, and what is in them.
local bins = require "oracle.text.bins"
local canvas = require "oracle.text.canvas"
local figure = require "oracle.text.figure"
local plot = require "oracle.text.plot"
local program = require "program"

setup(program.open)
teardown(program.close)

local function widest(text)
  local most = 0
  for line in text:gsub("\27%[%d*m", ""):gmatch "[^\n]*" do most = math.max(most, utf8.len(line)) end
  return most
end

local TWO = { kind = "lines", title = "two", x = { name = "load", unit = "req/s" }, y = { unit = "ms" },
              series = { { name = "slow", x = { 1, 2, 3 }, y = { 10, 20, 400 } },
                         { name = "fast", x = { 1, 2, 3 }, y = { 1, 2, 4 } } } }

describe("a figure on a terminal", function()
  it("tells lines apart by marks, and with colours by these", function()
    local plain, coloured = plot.figure(TWO, { unicode = false }), plot.figure(TWO, { unicode = true, colour = true })
    assert.matches("^two %(ms%)\n", plain)
    assert.matches("%* slow  %+ fast", plain)
    assert.is_nil(plain:find "\27")
    assert.matches("\27%[34m", coloured)
    assert.matches("\27%[33m", coloured)
    for _, how in ipairs { { unicode = true }, { unicode = false }, { unicode = true, colour = true } } do
      assert.is_true(widest(plot.figure(TWO, how)) <= 80)
    end
  end)

  it("has eight colours that are told apart", function()
    local many, seen, count = { kind = "lines", title = "many", x = {}, y = {}, series = {} }, {}, 0
    for i = 1, 8 do many.series[i] = { name = "line " .. i, x = { 1, 2 }, y = { i, i } } end
    for code in plot.figure(many, { unicode = true, colour = true }):gmatch "\27%[(%d+)m" do
      if code ~= "0" and not seen[code] then seen[code], count = true, count + 1 end
    end
    assert.equal(8, count)
  end)

  it("says of an axis that it is logarithmic, and leaves out what has no place on it", function()
    local text = plot.figure({ title = "l", x = { name = "x", log = true }, y = { log = true },
                               series = { { x = { 0, 1, 10, 100 }, y = { 5, 1, 0, 1000 } } } }, { unicode = false })
    assert.matches("^l, log scale\n", text)
    assert.matches("1 +x, log scale +100\n", text)
    assert.matches("1000 |", text)
  end)

  it("draws bars with their values, missing ones too", function()
    local text = plot.figure({ kind = "bars", title = "b", x = { labels = { "one", "a longer name" } },
      y = { unit = "tok/s" },
                               series = { { name = "b", y = { 50, figure.NONE } } } }, { unicode = false })
    assert.matches("b %(tok/s%)\none +50 #+\na longer name +%-\n", text)
    assert.is_true(widest(text) <= 80)
  end)

  it("has nothing to say of nothing", function()
    assert.equal("e: nothing to plot\n", plot.figure({ title = "e", series = { { y = {} } } }, { unicode = false }))
  end)

  it("keeps long names short", function()
    local many = { title = "m", x = {}, series = {} }
    for i = 1, 8 do
      many.series[i] = { name = ("a very long name of a line, number %d"):format(i), y = { i, i + 1 } }
    end
    assert.is_true(widest(plot.figure(many, { unicode = true })) <= 80)
  end)
end)

describe("colours", function()
  it("are for terminals, unless NO_COLOR or a dumb terminal says no", function()
    local env = {}
    local function colour(is_terminal) return plot.colour(is_terminal, function(name) return env[name] end) end
    assert.is_true(colour(true))
    assert.is_false(colour(false))
    env.NO_COLOR = ""
    assert.is_true(colour(true))                          -- no-color.org: present and not empty
    env.NO_COLOR = "1"
    assert.is_false(colour(true))
    env = { TERM = "dumb" }
    assert.is_false(colour(true))
  end)
end)

describe("a canvas", function()
  it("joins dots of one character", function()
    local c = canvas.new(2, 1, { unicode = true })
    c:line(0, 0, 1, 3)
    assert.equal(utf8.char(0x2800 + 0x01 + 0x02 + 0x20 + 0x80), c:row(0))
  end)
end)

describe("bins", function()
  it("count each value once", function()
    local list = {}
    for i = 1, 1000 do list[i] = (i * 7919) % 1000 / 10 + 1 end
    local d = bins.of(list)
    for _, n in ipairs { 1, 7, 32 } do
      local edges, counts = bins.count(d, n)
      local sum = 0
      for _, c in ipairs(counts) do sum = sum + c end
      assert.equal(1000, sum)
      assert.same({ d.low, d.high }, { edges[0], edges[n] })
    end
    local edges, counts = bins.count(bins.of { 3, 3, 3 }, 10)
    assert.same({ 3, 3, 3 }, { edges[0], edges[1], counts[1] })
  end)
end)

describe("--plot", function()
  it("draws distributions, a histogram, and what happened over time", function()
    local code, out = program.run(program.QUICK .. " -q --plot")
    assert.equal(0, code)
    for _, title in ipairs { "Latency of requests", "Latency of tokens", "Histogram of TTFT", "Requests",
      "KV cache in use",
                             "GPU busy", "Load" } do
      assert.matches("\n" .. title, out)
    end
    assert.is_nil(out:find "\27")
    assert.is_true(widest(out) <= 80)
  end)

  it("draws what load costs, and variants side by side", function()
    local args = "sweep %s --set workload.rate=2,8,20 -q --plot --out %s/s.jsonl"
    local code, out = program.run(args:format(program.QUICK, program.dir))
    assert.equal(0, code)
    assert.matches("Mean E2E against output throughput", out)
    assert.matches("p99 TTFT over workload.rate", out)
    assert.is_true(widest(out) <= 80)
    code, out = program.run("compare vllm sarathi " .. program.QUICK .. " -q --plot --replications 2")
    assert.equal(0, code)
    assert.matches("\nttft.mean %(ms%)\nvllm +%d", out)
    assert.is_true(widest(out) <= 80)
  end)

  it("wants stdout for itself", function()
    program.refused(2, program.QUICK .. " --plot --json -", "%-%-plot and %-%-json %-: only one can have stdout")
  end)
end)
