--- Quantities with units and distributions: by hand, and what is refused.
local units = require "oracle.text.units"
local dist = require "oracle.scenario.dist"

local function near(expected, got, relative)
  assert.is_number(got)
  assert.is_true(math.abs(got - expected) <= (relative or 1e-12) * math.abs(expected),
    ("%.17g expected, got %.17g"):format(expected, got))
end

describe("units.parse", function()
  it("turns quantities into SI", function()
    local cases = {
      { "80 GiB", "bytes", 80 * 2^30 }, { "80GB", "bytes", 80e9 }, { "1_000 MB", "bytes", 1e9 },
      { "3.35 TB/s", "bytes/s", 3.35e12 }, { "600 Gbit/s", "bytes/s", 600e9 / 8 }, { "400 Gbps", "bytes/s", 50e9 },
      { "50 ms", "time", 0.05 }, { "1 us", "time", 1e-6 }, { "1 µs", "time", 1e-6 }, { "2 min", "time", 120 },
      { "1.5 h", "time", 5400 }, { "1 d", "time", 86400 }, { "1e3", "time", 1000 }, { ".5 s", "time", 0.5 },
      { "12 req/s", "req/s", 12 }, { "90 req/min", "req/s", 1.5 }, { "3/s", "req/s", 3 }, { "7 1/s", "req/s", 7 },
      { "4 tok/s", "tok/s", 4 }, { "8 ktok", "tokens", 8000 }, { "90 %", "ratio", 0.9 }, { "-2 s", "time", -2 },
      { "989 TFLOPS", "flop/s", 989e12 }, { "1 PFLOP/s", "flop/s", 1e15 }, { "700 W", "power", 700 },
      { "3.6 USD/h", "money/s", 0.001 },
    }
    for _, c in ipairs(cases) do near(c[3], units.parse(c[1], c[2])) end
  end)

  it("takes bare numbers as SI", function()
    assert.equal(5, units.parse(5, "time"))
  end)

  local function refused(text, dimension, pattern)
    local v, why = units.parse(text, dimension)
    assert.is_nil(v)
    assert.matches(pattern, why)
  end

  it("names the nearest unit for one it does not know", function()
    refused("80 GBps", "bytes/s", 'unknown unit "GBps"; did you mean "GB/s"%?')
    refused("80 Gib", "bytes", 'did you mean "GiB"')
    refused("5 minu", "time", 'did you mean "min"')
    refused("5 parsecs", "time", 'unknown unit "parsecs"; a time has one of ns, us, ms')
    refused("3 req/x", "req/s", "unknown unit")
    refused("3 s/s", "req/s", "unknown unit")
  end)

  it("tells a wrong dimension", function()
    refused("50 ms", "bytes/s", '"50 ms" is a time; a bandwidth expected, such as "3.35 TB/s"')
    refused("4 tok/s", "req/s", "is a token rate; a request rate expected")
    refused("5 GB", "bytes/s", "is a size in bytes; a bandwidth expected")
  end)

  it("refuses what is no quantity", function()
    for _, text in ipairs { "", "fast", "12 12", "1e", "--3 s", "0x10 s", "5 s s", "1..2 s" } do
      refused(text, "time", ".")
    end
    refused({}, "time", "got a table")
    refused(true, "time", "got a boolean")
  end)

  it("survives any bytes", function()
    local seed = 7
    local function random(n)                              -- a small generator of our own, the same on each run
      seed = (seed * 1103515245 + 12345) % 2^31
      return math.floor(seed) % n
    end
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, random(12) do bytes[i] = string.char(random(256)) end
      local v, why = units.parse(table.concat(bytes), "time")
      assert.is_true(type(v) == "number" or type(why) == "string")
    end
  end)

  it("shows numbers for people", function()
    assert.equal("15 GiB", units.format(15 * 2^30, "bytes"))
    assert.equal("50 ms", units.format(0.05, "time"))
    assert.equal("1,234,567", units.thousands(1234567))
    assert.equal("-1,000", units.thousands(-1000))
    assert.equal("999", units.thousands(999))
  end)
end)

describe("dist.resolve", function()
  -- z(0.99) = 2.3263478740408408
  local z = 2.3263478740408408

  it("takes a number as a constant", function()
    assert.same({ kind = "constant", a = 512 }, dist.resolve(512))
  end)

  it("finds mu and sigma of a lognormal", function()
    local d = dist.resolve { kind = "lognormal", median = 800, p99 = 8000 }
    near(math.log(800), d.a)
    near(math.log(10) / z, d.b)                           -- ln(8000/800)/z
    d = dist.resolve { kind = "lognormal", mean = 100, sigma = 0.5 }
    near(math.log(100) - 0.125, d.a)                      -- mean = exp(mu + sigma^2/2)
    d = dist.resolve { kind = "lognormal", mean = 100, cv = 1 }
    near(math.sqrt(math.log(2)), d.b)                     -- cv^2 = exp(sigma^2) - 1
    d = dist.resolve { kind = "lognormal", median = 100, mean = 200 }
    near(math.sqrt(2 * math.log(2)), d.b)                 -- mean/median = exp(sigma^2/2)
    d = dist.resolve { kind = "lognormal", mean = 100, p99 = 400 }
    near(100, math.exp(d.a + d.b ^ 2 / 2), 1e-9)
    near(400, math.exp(d.a + z * d.b), 1e-9)
    d = dist.resolve { kind = "lognormal", median = 100, std = 50 }
    near(50, 100 * math.sqrt(math.exp(d.b ^ 2) * (math.exp(d.b ^ 2) - 1)), 1e-9)
    near(50, 100 * math.sqrt(math.exp(d.b ^ 2) - 1) * math.exp(d.b ^ 2 / 2), 1e-9)
  end)

  it("keeps linear parameters of the others", function()
    assert.same({ kind = "gamma", a = 4, b = 25 }, dist.resolve { kind = "gamma", mean = 100, cv = 0.5 })
    assert.same({ kind = "uniform", a = 1, b = 9, min = 2 },
      dist.resolve { kind = "uniform", low = 1, high = 9, min = 2 })
    assert.same({ kind = "geometric", a = 0.01 }, dist.resolve { kind = "geometric", mean = 100 })
    local m = dist.resolve(dist.mixture { { 3, 10 }, { 1, dist.exponential(5) } })
    assert.same({ 3, 1 }, m.weights)
    assert.same({ kind = "constant", a = 10 }, m.parts[1])
    assert.same({ kind = "exponential", a = 5 }, m.parts[2])
  end)

  it("takes categories with their weights, and refuses a folder for a file", function()
    assert.same({ kind = "empirical", values = { 100, 200 } }, dist.empirical { 100, 200 })
    assert.same({ kind = "empirical", values = { 100, 200 }, weights = { 1, 3 } },
      dist.resolve(dist.categorical { values = { 100, 200 }, weights = { 1, 3 } }))
    local _, why = dist.resolve { kind = "categorical", values = { 1, 2 }, weights = { 1 } }
    assert.equal("categorical: 1 weights for 2 entries", why)
    _, why = dist.resolve { kind = "empirical", file = "/" }
    assert.equal("empirical: /: Is a directory", why)
  end)

  it("reads an empirical one from a file", function()
    local path = os.tmpname()
    local f = io.open(path, "w")
    f:write("# lengths\nlength\n10\n20, 30\r\n\n40")
    f:close()
    local d = dist.resolve { kind = "empirical", file = path }
    assert.same({ 10, 20, 30, 40 }, d.values)
    f = io.open(path, "w")
    f:write("10\nx\n")
    f:close()
    local _, why = dist.resolve { kind = "empirical", file = path }
    assert.matches(':2: "x" is not a number', why)
    os.remove(path)
  end)

  it("refuses what makes no distribution", function()
    local cases = {
      { { kind = "lognorml", median = 1 }, 'did you mean lognormal' },
      { { kind = "lognormal", median = 800 }, "median or mean, and one of" },
      { { kind = "lognormal", median = 800, p99 = 100 }, "below the median" },
      { { kind = "lognormal", mean = 10, p99 = 1000 }, "no lognormal has" },
      { { kind = "lognormal", median = 8, p99 = 80, sigma = 2 }, "the same twice" },
      { { kind = "lognormal", median = -8, p99 = 80 }, "a number above 0 expected" },
      { { kind = "normal", mean = 8, sd = 80 }, "unknown key; did you mean std" },
      { { kind = "uniform", low = 8, high = 1 }, "below low" },
      { { kind = "exponential", mean = "x" }, "a number above 0 expected" },
      { { kind = "exponential", mean = 0 / 0 }, "a number above 0 expected" },
      { { kind = "empirical", values = {} }, "a list of numbers" },
      { { kind = "empirical", values = { 1, 2 }, weights = { 0, 0 } }, "all weights are zero" },
      { { kind = "mixture" }, "needs parts" }, { {}, "needs kind" }, { "12", "a number or a distribution" },
      { { kind = "constant", value = 1, min = 5, max = 2 }, "min 5 is above max 2" },
    }
    for _, c in ipairs(cases) do
      local d, why = dist.resolve(c[1])
      assert.is_nil(d)
      assert.matches(c[2], why)
    end
  end)
end)
