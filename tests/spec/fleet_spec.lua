--- What a result says of replicas: when they came, failed and went, what each pool did, and what that took.
local oracle = require "oracle"
local planning = require "oracle.plan"

local HOUR = 3600

local function scenario(more)
  local s = oracle.scenario {
    model = "llama-3.1-8b", hardware = "h100-sxm", cost = "roofline", replicas = 2, router = "least_loaded", seed = 3,
    workload = oracle.workload.poisson { rate = 4, duration = 20, prompt = 300, output = 60 },
  }
  for key, value in pairs(more or {}) do s[key] = value end
  return s
end

local function plain(events)
  local list = {}
  for i, e in ipairs(events) do list[i] = ("%.3f %d %s"):format(e.t, e.replica, e.what) end
  return list
end

describe("failures", function()
  it("are said with their times, and the hours they cost", function()
    local s = oracle.run(scenario { failures = { outages = { { at = 6, lasts = 2, replica = 0 } } } })
    assert.same({ "6.000 0 failed", "8.000 0 recovered" }, plain(s.failures.events))
    assert.equal(1, s.failures.count)
    assert.near(2 / HOUR, s.failures.replica_hours, 1e-12)
    assert.near(2 * s.simulation.total_duration_s / HOUR, s.cost.replica_hours, 1e-9)
    assert.is_nil(s.scaling)
  end)

  it("that outlast the run cost no more than it", function()
    local s = oracle.run(scenario { failures = { outages = { { at = 6, lasts = 1000, replica = 1 } } }, duration = 16 })
    assert.same({ "6.000 1 failed" }, plain(s.failures.events))
    assert.near(10 / HOUR, s.failures.replica_hours, 1e-9)
  end)

  it("before the end of the warm-up are not counted in hours", function()
    local s = oracle.run(scenario { failures = { outages = { { at = 3, lasts = 4, replica = 0 } } }, warm_up = 5 })
    assert.equal(2, #s.failures.events)
    assert.near(2 / HOUR, s.failures.replica_hours, 1e-9)  -- from 5 s to 7 s
  end)

  it("are left out where there can be none", function()
    local s = oracle.run(scenario())
    assert.is_nil(s.failures)
    assert.is_nil(s.scaling)
    assert.same({}, oracle.run(scenario()).per_pool)
  end)
end)

describe("scaling", function()
  -- Rented time by the events: a replica is from its start, or from the beginning, until it is off.
  local function rented(s, began, last)
    local since, total = {}, 0
    for replica = 0, began - 1 do since[replica] = 0 end
    for _, e in ipairs(s.scaling.events) do
      if e.what == "starting" then since[e.replica] = e.t end
      if e.what == "off" then total, since[e.replica] = total + e.t - since[e.replica], nil end
    end
    for _, t in pairs(since) do total = total + last - t end
    return total / HOUR
  end

  local function ramp()
    return scenario {
      replicas = 1,
      autoscaling = { policy = "target_load", min = 1, max = 5, interval = 1, cold_start = 2 },
      workload = oracle.workload.poisson {
        prompt = 500, output = 100,
        stages = { { rate = 5, duration = 5 }, { rate = 60, duration = 10 }, { rate = 5, duration = 10 } },
      },
    }
  end

  it("is said event by event, and its hours are those of the events", function()
    local s = oracle.run(ramp())
    assert.is_true(#s.scaling.events >= 6)
    assert.near(rented(s, 1, s.simulation.total_duration_s), s.scaling.replica_hours, 1e-9)
    assert.equal(s.scaling.replica_hours, s.cost.replica_hours)
    assert.is_true(s.scaling.ready.most > 1 and s.scaling.ready.most <= 5)
    assert.equal(1, s.scaling.ready.least)
    assert.equal(1, s.scaling.gpus.least)
    assert.is_true(s.scaling.gpus.most >= s.scaling.ready.most and s.scaling.gpus.most <= 5)
    local at = {}
    for _, e in ipairs(s.scaling.events) do
      if e.what == "starting" then at[e.replica] = e.t end
      if e.what == "ready" and at[e.replica] then assert.near(2, e.t - at[e.replica], 1e-9) end  -- the cold start
    end
  end)

  it("is in the console block, with its events below", function()
    local text = require("oracle.result.report").block(oracle.run(ramp()))
    assert.matches("\nReplicas in service %(least to most%): +1 to %d\n", text)
    assert.matches("\nReplica%-hours: +%d", text)
    assert.matches("\n +at s  replica  event\n", text)
    assert.matches("\n +%d+%.%d%d%d +%d  starting\n", text)
    for line in text:gmatch "[^\n]+" do assert.is_true(utf8.len(line) <= 80, line) end
  end)
end)

describe("pools", function()
  local function groups()
    local s = scenario { groups = { { replicas = 1 }, { replicas = 2, engine = { max_num_seqs = 4 } } } }
    s.replicas = nil
    return oracle.run(s)
  end

  it("add up to the whole", function()
    local s = groups()
    assert.same({ "group1", "group2" }, require("oracle.text.ordered").keys(s.per_pool))
    local one, two = s.per_pool.group1, s.per_pool.group2
    assert.equal(s.requests.total, one.requests.total + two.requests.total)
    assert.same({ 1, 2 }, { one.gpus, two.gpus })
    assert.near(s.cost.replica_hours, one.replica_hours + two.replica_hours, 1e-12)
    assert.near(2 * one.replica_hours, two.replica_hours, 1e-12)
    for name, whole in pairs(s.latency) do
      local a, b = one.latency[name], two.latency[name]
      assert.equal(whole.count, a.count + b.count)
      assert.near(whole.mean, (a.mean * a.count + b.mean * b.count) / whole.count, 1e-6 * whole.mean + 1e-9)
      assert.equal(whole.max, math.max(a.max, b.max))
    end
  end)

  it("have tables in the console", function()
    local text = require("oracle.result.report").block(groups())
    assert.matches("\ngroup2  h100%-sxm +2 +2 ", text)
    assert.matches("\npool +requests +answered ", text)
  end)
end)

describe("two histograms", function()
  it("are one of the values of both", function()
    local raw = planning.simulate(planning.plan(scenario()))
    local a, b = raw.replicas[1].latency.ttft, raw.replicas[2].latency.ttft
    local both = a:plus(b)
    assert.equal(raw.latency.ttft:count(), both:count())
    assert.equal(raw.latency.ttft:quantile(0.9), both:quantile(0.9))
    assert.is_true(a:count() < both:count())
  end)
end)
