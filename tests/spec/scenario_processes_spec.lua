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

  it("is met by steps of a live simulation, and by levels of detail", function()
    local function failing(env, cluster)
      env:sleep(2)
      cluster:fail(0)
    end
    local s = live.new(oracle.scenario(scenario(failing)))
    while s.now < 3 do s:step() end
    assert.equal("failed", s.replicas[0].phase)
    local of = scenario(failing)
    of.workload = oracle.workload.poisson { rate = 20, prompt = 500, output = 100, count = 200 }
    local expected = select(2, rows.of(of)).latency.end_to_end_latency_ms
    for _, row in ipairs(require("oracle.study.lod").compare(oracle.scenario(of), { clock = os.clock }).differences) do
      if row.metric == "e2e.p99" then assert.near(expected.p99, row.medium_ms, 1e-6) end
    end
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

-- A gateway with `desks` places: `count` requests come every 10 ms and queue there. Their answers go into `seen`.
local function gateway(desks, count, seen)
  return function(env, cluster)
    local desk = env:resource(desks)
    for i = 1, count do
      env:sleep(0.01)
      env:process(function()
        local came = env.now
        desk:use(function()
          local answer = cluster:send { prompt = 300, output = 20, data = i }:wait()
          assert.equal(env.now, cluster.now)
          assert.equal(i, answer.data)
          seen[#seen + 1] = { at = came, sent = answer.arrival, ended = env.now, told = answer.ended }
        end)
      end)
    end
  end
end

local function sent(process)
  return { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = 4,
           workload = oracle.workload.sent {}, processes = { process } }
end

describe("requests that processes send", function()
  it("are answered at the moment they end, and no more are under way than a gateway lets through", function()
    local seen = {}
    local list, s = rows.of(sent(gateway(3, 60, seen)))
    assert.equal(60, s.requests.successful)
    assert.equal(60, #seen)
    local of = {}
    for _, r in ipairs(list) do of[r.arrival_time] = r end
    for _, a in ipairs(seen) do
      assert.equal(a.ended, a.told)
      assert.near(a.ended, of[a.sent].completion_time, 1e-9)
      assert.is_true(a.sent >= a.at)
      local under_way = 0
      for _, b in ipairs(seen) do
        if b.sent <= a.sent and b.ended > a.sent then under_way = under_way + 1 end
      end
      assert.is_true(under_way <= 3)
    end
    assert.is_true(seen[60].sent > seen[60].at)
  end)

  it("are those of a closed loop, where each client sends its next when it is answered", function()
    local clients = {}
    for c = 1, 5 do
      clients[c] = function(_, cluster)
        for _ = 1, 20 do cluster:send { prompt = 300, output = 20, client = c }:wait() end
      end
    end
    local of = sent()
    of.processes = clients
    local mine = select(2, rows.of(of))
    of.processes = nil
    of.workload = oracle.workload.closed_loop { concurrency = 5, count = 100, prompt = 300, output = 20 }
    local loop = select(2, rows.of(of))
    assert.equal(100, mine.requests.successful)
    assert.same(loop.latency, mine.latency)
  end)

  it("mix with others, go on after a pause in which nothing happens, and end with the processes", function()
    local of = sent(function(env, cluster)
      env:sleep(100)
      local first = cluster:send { prompt = 100, output = 5 }
      local late = cluster:send { prompt = 100, output = 5, gap = 50 }
      local both = env:all_of(first, late):wait()
      assert.near(150, both[late].arrival, 1e-9)
      assert.is_true(both[first].ok)
      env:event():wait()                                  -- never
    end)
    of.workload = oracle.workload.mix { { name = "chat", rate = 5, count = 10, prompt = 50, output = 5 },
                                        { name = "mine", kind = "sent" } }
    local s = select(2, rows.of(of))
    assert.equal(2, s.per_profile.mine.requests.successful)
    assert.equal(10, s.per_profile.chat.requests.successful)
  end)

  it("are asked again in a branch and after rewinding", function()
    local s = live.new(oracle.scenario(sent(gateway(2, 30, {}))))
    s:run_until(0.5)
    local branch = s:fork()
    s:run()
    s:rewind(0.2)
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
      ["while true do env:sleep(0) end"] = "processes: 100000 events in a row, and the clock stands still",
      ["c:drain(7)"] = "s%.lua:1: cluster:drain: a replica from 0 to 0 expected, got 7",
      ["c:set('engine.max_num_sqs', 3)"] = "cannot change while it runs; did you mean engine.max_num_seqs%?",
      ["c:set('engine.max_num_seqs', -3)"] = "engine.max_num_seqs: %-3: a whole number from 1",
      ["c:send { prompt = 5, output = 5 }"] = "s%.lua:1: cluster:send: no requests are sent here; workload = "
        .. "oracle%.workload%.sent {}, or a part of a mix, expected",
      ["local x = c.replicas[0].phse"] = "s%.lua:1: a replica has no field phse; did you mean phase%?",
      ["local x = c.replicas[1]"] = "cluster.replicas: a replica from 0 to 0 expected, got 1",
      ["error {}"] = "s%.lua:1: an error without a message",
      ["local function f() return 1 + f() end f()"] = "s%.lua:1: stack overflow",
      ["while true do c:fail(0, 0.001) env:sleep(0.002) end"] =
        "failures in a row lost requests and none ended between them; they leave no time to serve one",
      ["c:dran(0)"] = "a cluster has no field dran; did you mean drain%?",
    } do
      local path = program.write("s.lua", "return oracle.scenario { model = 'llama-3.1-8b', hardware = 'h100-sxm',"
        .. " workload = oracle.workload.poisson { rate = 20, prompt = 50, output = 10, duration = 9 },"
        .. " processes = { function(env, c) env:sleep(5) " .. body .. " end } }")
      local csv = program.dir .. "/s.csv"
      local rc, _, err = program.run(("'%s' -q --csv '%s'"):format(path, csv))
      assert.equal(1, rc)
      assert.matches("^oracle: at t=%d+%.%d+ s[,:] [^\n]*" .. why .. "[^\n]*\n$", err)
      local n = 0
      for _ in io.lines(csv) do n = n + 1 end
      assert.is_true(n > 50, body)
    end
  end)

  it("stops a live simulation for good", function()
    local s = live.new(oracle.scenario(scenario(function(env) env:sleep(3) error("oops", 0) end)))
    for _ = 1, 2 do
      local ok, why = pcall(s.run, s)
      assert.is_false(ok)
      assert.matches("^at t=3%.0 s, process of .*: oops$", why)
    end
    s:rewind(1)
    assert.near(2, s:run_until(2).now, 1e-9)
  end)

  it("is no function", function()
    assert.error_matches(function() oracle.scenario(scenario(12)) end, "processes%[1%]: 12: a function expected")
  end)
end)

describe("scenarios with processes", function()
  setup(program.open)
  teardown(program.close)

  it("vary over threads as one after the other", function()
    local path = program.write("vary.lua", [[
local oracle = require "oracle"
return oracle.scenario {
  model = "llama-3.1-8b", hardware = "h100-sxm", workload = oracle.workload.sent {},
  processes = { function(env, cluster)
    local desk, gaps = env:resource(3), env:random "gaps"
    for _ = 1, 40 do
      env:sleep(gaps:exponential(0.01))
      env:process(function() desk:use(function() cluster:send { prompt = 300, output = 20 }:wait() end) end)
    end
  end },
  vary = { { "seed", { 1, 2, 3, 4 } }, { "engine.max_num_seqs", { 1, 64 } } }, report = { "e2e.mean", "ttft.max" },
}]])
    local function swept(threads)
      local rc, _, err = program.run(("sweep '%s' --threads %d -q --out '%s/out%d'"):format(path, threads,
        program.dir, threads))
      assert.equal(0, rc, err)
      local lines = {}
      for line in io.lines(("%s/out%d"):format(program.dir, threads)) do lines[#lines + 1] = line end
      table.sort(lines)                                   -- they stand in the order in which they ended
      return table.concat(lines, "\n")
    end
    local one = swept(1)
    assert.equal(8, select(2, one:gsub("\n", "")))
    assert.equal(one, swept(4))
  end)
end)
