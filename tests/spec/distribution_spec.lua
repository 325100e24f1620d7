--- Distributions of a configuration file, one by one: what they say, what they default to, and what is wrong with them.
local distribution = require "oracle.formats.yaml.distribution"
local array = require("oracle.formats.document").list
local problems = require "oracle.formats.problems"

local function list(t) return setmetatable(t, array) end

-- What `written` is read as, and the problems.
local function read(written, what, expected)
  local p = problems.new()
  return distribution.read(p, "", { d = written }, "d", what or "tokens", nil, expected), p
end

local function wrong(written, why, expected)
  local d, p = read(written, "tokens", expected)
  assert.is_nil(d, why)
  assert.is_truthy(p.errors[1], why)
  assert.is_truthy((p.errors[1].path .. ": " .. p.errors[1].message):find(why, 1, true), p.errors[1].message)
end

describe("a distribution in a configuration file", function()
  it("has NumPy's parameters, and its defaults where they are left out", function()
    for _, case in ipairs {
      { { type = "Constant", value = 7 }, { kind = "constant", value = 7 } },
      { { type = "Fixed", value = 7 }, { kind = "constant", value = 7 } },
      { { type = "Constant" }, { kind = "constant", value = 1 } },
      { { type = "Exponential" }, { kind = "exponential", mean = 1 } },
      { { type = "Exponential", rate = 4 }, { kind = "exponential", mean = 0.25 } },
      { { type = "Exponential", mean = 4 }, { kind = "exponential", mean = 4 } },
      { { type = "Uniform" }, { kind = "uniform", low = 0, high = 1 } },
      { { type = "Uniform", low = 3, high = 9 }, { kind = "uniform", low = 3, high = 9 } },
      { { type = "Normal" }, { kind = "normal", mean = 0, std = 1, min = 0 } },
      { { type = "Normal", mean = 5, std = 2 }, { kind = "normal", mean = 5, std = 2, min = 0 } },
      { { type = "Normal", mean = 5, sigma = 2, min = 1, max = 8 },
        { kind = "normal", mean = 5, std = 2, min = 1, max = 8 } },
      { { type = "Pareto" }, { kind = "pareto", shape = 1, scale = 1 } },
      { { type = "Weibull" }, { kind = "weibull", shape = 1, scale = 1 } },
      { { type = "Gamma" }, { kind = "gamma", shape = 2, scale = 1 } },
      { { type = "Gamma", shape = 3, scale = 4 }, { kind = "gamma", shape = 3, scale = 4 } },
      { { type = "Geometric", p = 0.25 }, { kind = "geometric", p = 0.25 } },
      { { type = "Geometric", mean = 4 }, { kind = "geometric", mean = 4 } },
      { { type = "Categorical", values = list { 1, 2 }, weights = list { 3, 1 } },
        { kind = "categorical", values = { 1, 2 }, weights = { 3, 1 } } },
      { { type = "Empirical", values = list { 1, 2 } }, { kind = "empirical", values = { 1, 2 } } },
      { { type = "Linear", start = 1, ["end"] = 9, over = 5 }, { kind = "linear", from = 1, to = 9, over = 5 } },
    } do
      local d, p = read(case[1])
      assert.same({}, p.errors)
      assert.same(case[2], d)
    end
    assert.same(40, read({ type = "Linear", start = 1, ["end"] = 9 }, "tokens", 40).over)
  end)

  it("of log-normal lengths has a logarithm's mean, or a median", function()
    for _, case in ipairs {
      { { type = "LogNormal" }, { kind = "lognormal", median = 1, sigma = 1 } },
      { { type = "LogNormal", mean = 2, sigma = 0.5 }, { kind = "lognormal", median = math.exp(2), sigma = 0.5 } },
      { { type = "LogNormal", mu = 2 }, { kind = "lognormal", median = math.exp(2), sigma = 1 } },
      { { type = "LogNormal", mean = 20, sigma = 10 }, { kind = "lognormal", median = math.exp(20), sigma = 10 } },
      { { type = "LogNormal", median = 100 }, { kind = "lognormal", median = 100, sigma = 1 } },
      { { type = "LogNormal", median = 100, p99 = 900 }, { kind = "lognormal", median = 100, p99 = 900 } },
      { { type = "LogNormal", median = 100, sigma = 2 }, { kind = "lognormal", median = 100, sigma = 2 } },
    } do
      local d, p = read(case[1])
      assert.same({ {}, {} }, { p.errors, p.warnings })
      assert.same(case[2], d)
    end
    wrong({ type = "LogNormal", median = 5, mean = 5 }, "d.mean: median says the same; leave one out")
    wrong({ type = "LogNormal", median = 5, mu = 5 }, "d.mu: median says the same; leave one out")
    wrong({ type = "LogNormal", p95 = 5 }, "d.p95: goes with median, which is missing")
    wrong({ type = "LogNormal", mean = 1, mu = 1 }, "d.mu: mean says the same; leave one out")
    wrong({ type = "LogNormal", mu = 20.5 }, "d.mu: 20.5: a logarithm, up to 20, expected")
    wrong({ type = "LogNormal", sigma = 10.5 }, "d.sigma: 10.5: a standard deviation in log space, up to 10, expected")
  end)

  -- A mean of m and a deviation of s: median m / sqrt(1 + (s / m)^2), spread sqrt(log(1 + (s / m)^2)).
  it("of log-normal lengths at token scale is read as what it says, with a word", function()
    for _, case in ipairs { { 128, 64, 64 }, { 128, nil, 64 }, { 30, 30, 30 } } do
      local d, p = read { type = "LogNormal", mean = case[1], sigma = case[2] }
      local ratio = 1 + (case[3] / case[1]) ^ 2
      assert.near(case[1] / math.sqrt(ratio), d.median, 1e-9)
      assert.near(math.sqrt(math.log(ratio)), d.sigma, 1e-12)
      assert.matches("is at token scale", p.warnings[1].message)
      assert.equal("d.mean", p.warnings[1].path)
    end
    -- Z of 0.99 is 2.3263478740408408 (NIST/SEMATECH e-Handbook 1.3.6.7.1).
    local _, p = read { type = "LogNormal", mean = 128, sigma = 64 }
    local p99 = 128 / math.sqrt(1.25) * math.exp(2.3263478740408408 * math.sqrt(math.log(1.25)))
    assert.is_truthy(p.warnings[1].message:find(("p99: %.4g"):format(p99), 1, true), p.warnings[1].message)
  end)

  it("knows the least that it draws, where there is one", function()
    for _, case in ipairs {
      { { kind = "constant", a = 3 }, 3 }, { { kind = "uniform", a = 2, b = 9 }, 2 },
      { { kind = "linear", a = 9, b = 4 }, 4 }, { { kind = "empirical", values = { 5, 2, 8 } }, 2 },
      { { kind = "exponential", a = 1 } }, { { kind = "normal", a = 1, b = 1 } },
    } do
      assert.equal(case[2], distribution.least(case[1]))
    end
  end)

  it("of times has a word for what rounds whole numbers", function()
    local written = { type = "Constant", value = 7, is_int = true }
    local _, p = read(written, "time")
    assert.matches("has no effect: a time is not rounded", p.warnings[1].message)
    _, p = read(written, "tokens")
    assert.same({}, p.warnings)
    _, p = read({ type = "Constant", value = 7 }, "time")
    assert.same({}, p.warnings)
  end)

  it("may be a mixture of others, by weights or equally", function()
    local parts = list { { type = "Constant", value = 3 }, { type = "Uniform", low = 1, high = 2 } }
    local three, uniform = { kind = "constant", value = 3 }, { kind = "uniform", low = 1, high = 2 }
    assert.same({ kind = "mixture", { 1, three }, { 1, uniform } }, (read { type = "Mixture", components = parts }))
    assert.same({ kind = "mixture", { 3, three }, { 2, uniform } },
      (read { type = "Mixture", components = parts, weights = list { 3, 2 } }))
  end)

  it("is refused with what is wrong", function()
    wrong({ value = 3 }, "d: missing type; one of Constant, Fixed")
    wrong({ type = "Zipf" }, "unknown distribution")
    wrong({ type = "Constant", value = -1 }, "draws -1; nothing below 0 expected")
    wrong({ type = "Exponential", rate = 1, mean = 1 }, "rate and mean say the same; leave one out")
    wrong({ type = "Exponential", rate = 0 }, "d.rate")
    wrong({ type = "Normal", std = 1, sigma = 1 }, "std and sigma say the same; leave one out")
    wrong({ type = "Geometric" }, "Geometric needs p or mean")
    wrong({ type = "Geometric", p = 0.5, mean = 2 }, "Geometric needs p or mean")
    wrong({ type = "Linear", start = 1, over = 4 }, "d.end: missing")
    wrong({ type = "Linear", start = 1, ["end"] = 4 }, "d.over: missing")
    wrong({ type = "Mixture" }, "d.components: missing")
    wrong({ type = "Mixture", components = list {} }, "d.components: empty")
    wrong({ type = "Mixture", components = list { { type = "Constant" } }, weights = list { 1, 2 } },
      "d.weights: 2 weights for 1 components")
    wrong({ type = "Mixture", components = list { { type = "Constant" }, { type = "Zipf" } } }, "unknown distribution")
    wrong({ type = "Uniform", low = 2, high = 1 }, "d")
  end)

  it("draws nothing but 0, or does not", function()
    local function still(d) return distribution.still(d) end
    assert.is_true(still { kind = "constant", value = 0 })
    assert.is_false(still { kind = "constant", value = 1 })
    assert.is_true(still { kind = "uniform", low = -2, high = 0 })
    assert.is_false(still { kind = "uniform", low = 0, high = 2 })
    assert.is_true(still { kind = "normal", mean = 0, std = 0 })
    assert.is_false(still { kind = "normal", mean = 0, std = 1 })
    assert.is_true(still { kind = "linear", from = 5, to = 0, over = 3 })
    assert.is_false(still { kind = "linear", from = 5, to = 1, over = 3 })
    assert.is_true(still { kind = "constant", value = 0, min = 0 })
    assert.is_false(still { kind = "empirical", file = "nowhere.txt" })
    assert.is_true(still { kind = "empirical", values = { 0, 0 } })
    assert.is_false(still { kind = "empirical", values = { 0, 1 } })
    assert.is_true(still { kind = "exponential", mean = 1, max = 0 })
    assert.is_false(still { kind = "constant", value = 0, min = 1 })
    assert.is_false(still { kind = "exponential", mean = 1 })
  end)

  it("is about so large in the middle", function()
    local function middle(d) return distribution.middle(d) end
    assert.equal(5, middle { kind = "constant", value = 5 })
    assert.equal(4, middle { kind = "uniform", low = 2, high = 6 })
    assert.equal(3, middle { kind = "normal", mean = 3, std = 9 })
    assert.equal(7, middle { kind = "normal", mean = 3, std = 9, min = 7 })
    assert.equal(2, middle { kind = "normal", mean = 3, std = 9, max = 2 })
    assert.near(8 * math.log(2), middle { kind = "exponential", mean = 8 }, 1e-12)
    assert.near(20, middle { kind = "lognormal", median = 20, sigma = 1 }, 1e-9)
    assert.near(3 * 2 ^ (1 / 2), middle { kind = "pareto", shape = 2, scale = 3 }, 1e-12)
    assert.near(3 * math.log(2) ^ (1 / 2), middle { kind = "weibull", shape = 2, scale = 3 }, 1e-12)
    assert.equal(12, middle { kind = "gamma", shape = 3, scale = 4 })
    assert.equal(4, middle { kind = "geometric", p = 0.25 })
    assert.equal(2, middle { kind = "linear", from = 9, to = 2, over = 3 })
    assert.equal(2, middle { kind = "categorical", values = { 1, 2, 3 }, weights = { 1, 5, 1 } })
    assert.equal(6, middle { kind = "mixture", { 1, { kind = "constant", value = 2 } },
                             { 3, { kind = "constant", value = 6 } } })
    assert.is_nil(middle { kind = "empirical", file = "nowhere.txt" })
  end)
end)
