--- Processes of a scenario: they run beside its simulation, on the same clock.
local live = require "oracle.live"
local oracle = require "oracle"
local program = require "program"
local rows = require "rows"

local function scenario(...)
  return { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", replicas = 3, seed = 4,
           workload = oracle.workload.poisson { rate = 20, prompt = 500, output = 100, duration = 60 },
           processes = { ... } }
end

-- Requests that arrived in a stretch of time, by replica.
local function by_replica(list, from, to)
  local n = {}
  for _, r in ipairs(list) do
    if r.arrival_time >= from and r.arrival_time < to then n[r.replica] = (n[r.replica] or 0) + 1 end
  end
  return n
end

local function drained(env, cluster)
  env:sleep(10)
  assert.is_true(cluster:drain(0))
  assert.equal("draining", cluster.replicas[0].phase)
  env:sleep(20)
  assert.equal("off", cluster.replicas[0].phase)
  assert.is_false(cluster:drain(0))
  assert.is_true(cluster:restore(0))
end

describe("a process of a scenario", function()
  it("drains a replica and restores it: others serve meanwhile, and all are answered", function()
    local list, s = rows.of(scenario(drained))
    assert.equal(s.requests.total, s.requests.successful)
    assert.is_true(by_replica(list, 0, 10)[0] > 0)
    assert.is_nil(by_replica(list, 10.001, 30)[0])
    assert.is_true(by_replica(list, 31, 60)[0] > 0)
  end)

  it("fails a replica as an outage of the scenario does", function()
    local made = rows.of(scenario(function(env, cluster)
      env:sleep(12.5)
      assert.is_true(cluster:fail(1, "5 s"))
      assert.is_false(cluster:fail(1, 5))
    end))
    local told = scenario()
    told.processes, told.failures = nil, { outages = { { at = 12.5, lasts = 5, replica = 1 } } }
    local expected = rows.of(told)
    assert.equal(#expected, #made)
    for i, r in ipairs(expected) do
      assert.same({ r.replica, r.completion_time }, { made[i].replica, made[i].completion_time })
    end
  end)

  it("changes a knob, sees the queues, and is on the simulation's clock", function()
    local most = 0
    local function operator(env, cluster)
      env:sleep(5)
      cluster:set("engine.max_num_seqs", 2)
      for _ = 1, 100 do
        env:sleep(0.1)
        assert.equal(env.now, cluster.now)
        for _, r in pairs(cluster.replicas) do
          if env.now > 10 then most = math.max(most, r.running) end
        end
      end
      assert.is_true(cluster.queue > 0 and cluster.arrived > cluster.finished)
      assert.equal(cluster.arrived - cluster.finished, cluster.in_flight)
    end
    local s = select(2, rows.of(scenario(operator)))
    assert.equal(2, most)
    assert.equal(s.requests.total, s.requests.successful)
  end)

  it("that does nothing moves no number", function()
    local plain = scenario()
    plain.processes = nil
    local list = rows.of(scenario(function(env) while env.now < 50 do env:sleep(0.37) end end))
    for i, r in ipairs((rows.of(plain))) do assert.same(r, list[i]) end
  end)

  it("runs again in a branch and after rewinding, with the same outcome", function()
    local s = live.new(oracle.scenario(scenario(drained)))
    s:run_until(15)
    local branch = s:fork()
    assert.equal("draining", (branch.replicas[0].phase:gsub("off", "draining")))
    s:run()
    s:rewind(5)
    assert.equal("ready", s.replicas[0].phase)
    assert.same(branch:run().latency, s:run().latency)
  end)
end)

describe("what a process gets wrong", function()
  setup(program.open)
  teardown(program.close)

  it("is told in one line with the time and the line, and the requests before stay", function()
    for body, why in pairs {
      ["error 'oops'"] = "s%.lua:1: oops",
      ["while true do end"] = "s%.lua:1: it ran for more than 2 s without returning",
      ["env.active_process:wait()"] = "s%.lua:1: a process cannot wait for its own end",
      ["while true do env:sleep(0) end"] = "processes: 1000000 events in a row, and the clock stands still",
      ["c:drain(7)"] = "s%.lua:1: cluster:drain: a replica from 0 to 0 expected, got 7",
      ["c:set('engine.max_num_sqs', 3)"] = "cannot change while it runs; did you mean engine.max_num_seqs%?",
      ["c:set('engine.max_num_seqs', -3)"] = "engine.max_num_seqs: %-3: a whole number from 1",
      ["c:dran(0)"] = "a cluster has no field dran; did you mean drain%?",
    } do
      local path = program.write("s.lua", "return oracle.scenario { model = 'llama-3.1-8b', hardware = 'h100-sxm', workload ="
        .. " oracle.workload.poisson { rate = 20, prompt = 50, output = 10, duration = 9 }, processes = { function(env, c)"
        .. " env:sleep(5) " .. body .. " end } }")
      local csv = program.dir .. "/s.csv"
      local rc, _, err = program.run(("'%s' -q --csv '%s'"):format(path, csv))
      assert.equal(1, rc)
      assert.matches("^oracle: at t=5%.%d+ s, process[^\n]*" .. why:gsub("^processes", "es") .. "[^\n]*\n$", err)
      local n = 0
      for _ in io.lines(csv) do n = n + 1 end
      assert.is_true(n > 50, body)
    end
  end)

  it("is no function", function()
    assert.error_matches(function() oracle.scenario(scenario(12)) end, "processes%[1%]: 12: a function expected")
  end)
end)
