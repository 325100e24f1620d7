--- Live simulations: pausing anywhere changes nothing, branches are exact copies, what is set takes effect.
local planning = require "oracle.plan"
local live = require "oracle.live"
local oracle = require "oracle"
local policy = require "oracle.policy"
local summary = require "oracle.result.summary"

local function small(extra)
  local t = {
    model = "meta-llama/Llama-3.1-8B", hardware = "h100-sxm", seed = 7,
    engine = { max_num_seqs = 8, num_gpu_blocks_override = 2000, max_model_len = 4000 },
    workload = oracle.workload.poisson { rate = 12, count = 120, prompt = oracle.dist.uniform { low = 10, high = 1500 },
                                         output = oracle.dist.uniform { low = 1, high = 200 } },
  }
  for k, v in pairs(extra or {}) do t[k] = v end
  return oracle.scenario(t)
end

-- Counts its own calls per replica, and admits fewer and fewer at a time.
local function remembering()
  return policy.batching {
    name = "remembering", every_step = true,
    step = function(b, e, s)
      s.calls = (s.calls or 0) + 1
      local left = e.max_num_batched_tokens - b:decode()
      if left > 0 then left = left - b:resume(left) end
      for _ = 1, 1 + s.calls % 3 do
        if left <= 0 then break end
        left = left - b:admit(left)
      end
    end,
  }
end

-- Different in what could go wrong: preemptions, several replicas, closed loops, policies that remember.
local function kinds()
  local closed = oracle.workload.closed_loop { concurrency = 12, count = 90, prompt = 300, output = 60 }
  local talks = oracle.workload.sessions { rate = 4, count = 80, turns = 3, prompt = 200, output = 40, think = 0.3 }
  return {
    plain = small(),
    sessions = small { workload = talks, replicas = 2 },
    tight = small { engine = { max_num_seqs = 64, num_gpu_blocks_override = 260, max_model_len = 4000 } },
    replicas = small { replicas = 3, router = "power_of_two" },
    closed = small { workload = closed, replicas = 2, router = "least_loaded" },
    remembering = small { batching = remembering(), replicas = 2 },
    ending = small { duration = "4 s" },
    failing = small { replicas = 3, failures = { mtbf = "2 s", mttr = "500 ms" } },
    scaled = small { replicas = 1, autoscaling = { policy = "queue_length", min = 1, max = 3, interval = "200 ms",
                                                   cold_start = "300 ms" } },
    apart = small { pools = { prefill = { replicas = 1 }, decode = { replicas = 2 } }, network = "dgx-h100" },
    swapping = small { preemption = "swap",
                       engine = { max_num_seqs = 64, num_gpu_blocks_override = 260, max_model_len = 4000 } },
    detailed = small { lod = "high", engine = { tensor_parallel_size = 2, max_model_len = 4000 }, duration = "2.5 s" },
  }
end

local function names(t)
  local list = {}
  for name in pairs(t) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The message that f raises; assert.error_matches would drop the place it begins with.
local function raised(f)
  local ok, why = pcall(f)
  assert.is_false(ok)
  return why
end

local function json_of(s) return summary.json(s) end

describe("a live simulation", function()
  it("ends in what a run at once gives, wherever it was paused", function()
    local all = kinds()
    for _, name in ipairs(names(all)) do
      local whole = json_of(all[name]:run())
      assert.equal(whole, json_of(live.new(all[name]):run()), name)
      local s = live.new(all[name])
      for t = 0.1, 3, 0.37 do
        s:run_until(math.max(t, s.now))
        s:step(3)
        s:result()                                        -- looking changes nothing
        assert.is_true(s.replicas[0].kv.used >= 0 and #tostring(s) > 0 and s.latency.ttft:count() <= s.arrived)
        s:run_until(s.now + 0.05)
      end
      s:run_until(function(x) return x.queue == 0 end)
      assert.equal(whole, json_of(s:run()), name)
      assert.is_true(s.over)
    end
  end)

  it("forks into exact copies, with what was set", function()
    local all = kinds()
    for _, name in ipairs(names(all)) do
      local s = live.new(all[name])
      s:run_until(1.3):set("engine.max_num_seqs", 3)
      s:step(7)
      s:set("batching", "fcfs")
      s:run_until(1.9)
      local fork = s:fork()
      assert.equal(s.now, fork.now)
      assert.equal(json_of(s:result()), json_of(fork:result()), name)
      local a = json_of(s:run())
      assert.equal(a, json_of(fork:run()), name)
      assert.not_equal(a, json_of(all[name]:run()), name)
      assert.equal(a, json_of(s:rewind(1.6):run_until(1.7) and fork:rewind(1.9):run()), name)
    end
  end)

  it("refuses a budget below what runs, and takes one that is not", function()
    local s = live.new(small { workload = oracle.workload.batch { count = 6, prompt = 50, output = 400 } })
    s:run_until(1):set("engine.max_num_seqs", 1)
    assert.equal(6, s.replicas[0].running)
    assert.has_error(function() s:set("engine.max_num_batched_tokens", 5) end,
      "replica 0: max_num_batched_tokens (5) must be at least the 6 requests that run there now")
    assert.equal(6, s:set("engine.max_num_batched_tokens", 6):run_for(1).replicas[0].running)
  end)

  it("a fork goes its own way", function()
    local s = live.new(small()):run_until(2)
    local fork = s:fork()
    local before = json_of(s:result())
    fork:set("engine.max_num_seqs", 1):run()
    assert.equal(before, json_of(s:result()))
    assert.equal(8, s:run_for(1).replicas[0].running)
  end)

  it("goes back in time, and what came later has not happened", function()
    local s = live.new(small())
    s:run_until(1)
    local at_one = json_of(s:result())
    s:run_until(2):set("engine.max_num_seqs", 2):run_until(3):rewind(1)
    assert.equal(1, s.now)
    assert.equal(at_one, json_of(s:result()))
    assert.equal(8, s.scenario.engine.max_num_seqs)
    assert.equal(json_of(small():run()), json_of(s:run()))
    assert.equal(0, s:rewind(0).arrived)
    assert.has_error(function() s:rewind(5) end, "rewind: t = 5 s is still to come (t = 0.000000 s now); "
      .. "s:run_until(t) goes there")
  end)

  it("remembers what was set before its first moment", function()
    local s = live.new(small()):set("engine.max_num_seqs", 2)
    local a = small()
    a.engine.max_num_seqs = 2
    assert.equal(json_of(a:run()).requests, json_of(s:fork():run()).requests)
    assert.equal(json_of(s:run()), json_of(s:rewind(0):run()))
  end)

  it("stops where a function says so", function()
    local s = live.new(small())
    s:run_until(function(x) return x.queue > 5 end)
    assert.is_true(s.queue > 5)
    local t = s.now
    s:run_until(function(x) return x.queue > 5 end)
    assert.equal(t, s.now)
    local earlier = s:fork():rewind(t - 1e-6)
    assert.is_true(earlier.queue <= 5)
    assert.has_error(function() s:run_until(function() error("no", 0) end) end, "no")
    assert.equal(t, s.now)
    assert.is_false(s.over)
  end)

  it("keeps its books while one looks", function()
    local s = live.new(small { replicas = 2 })
    while not s.over do
      local waiting, running = 0, 0
      for i = 0, #s.replicas - 1 do
        local r = s.replicas[i]
        waiting, running = waiting + r.queue, running + r.running
        assert.equal(r.kv.total, r.kv.used + r.kv.free + r.kv.cached)
      end
      assert.equal(s.queue, waiting)
      assert.equal(s.running, running)
      assert.equal(s.in_flight, waiting + running)
      assert.equal(s.arrived, s.finished + s.in_flight)
      s:run_for(0.25)
    end
    assert.equal(120, s.finished)
  end)

  it("has replicas with the numbers of the results", function()
    local failing = { outages = { { at = 1, lasts = 2, replica = 1 } } }
    local s = live.new(small { replicas = 2, router = "round_robin", failures = failing })
    s:run_until(2)
    assert.equal("ready", s.replicas[0].phase)
    assert.equal("failed", s.replicas[1].phase)
    assert.is_nil(s.replicas[2])
    local ids = {}
    for i, r in pairs(s.replicas) do ids[#ids + 1] = { i, r.id } end
    assert.same({ { 0, 0 }, { 1, 1 } }, ids)
    assert.equal(0, s.requests[s.arrived].replica)
    local of = s:run().per_replica
    assert.is_true(of.replica1.gpu_busy < of.replica0.gpu_busy)
  end)

  it("steps one step at a time", function()
    local s = live.new(small())
    for i = 1, 20 do assert.equal(i, s:step().steps) end
    assert.equal(120, s:step(100).steps)
    s:run()
    local steps = s.steps
    assert.equal(steps, s:step().steps)
  end)
end)

describe("what a run asks", function()
  it("may look at it, and not move or change it", function()
    local s = live.new(small())
    for _, f in ipairs {
      function(x) x:step() end, function(x) x:run_until(50) end, function(x) x:run() end,
      function(x) x:set("engine.max_num_seqs", 3) end,
    } do
      assert.matches("it is running: what it asks may look", raised(function() s:run_until(f) end))
    end
    s:run_until(function(x) return x:result().requests.total > 30 and x.kv.used > 0 end)
    assert.equal(31, s.arrived)
    local inside
    local meddling = policy.batching { name = "meddling", step = function() inside:step() end }
    inside = live.new(small { batching = meddling })
    assert.matches("policy \"meddling\": .*it is running", raised(function() inside:run() end))
  end)

  it("may have been made in a coroutine that is gone", function()
    local s
    coroutine.wrap(function() s = live.new(small { batching = remembering() }) end)()
    collectgarbage()
    assert.equal(120, s:run().requests.successful)
  end)
end)

describe("requests of a live simulation", function()
  it("have a life that agrees with the results", function()
    local scenario = small { engine = { max_num_seqs = 64, num_gpu_blocks_override = 260, max_model_len = 4000 } }
    local s = live.new(scenario)
    local r = s:run()
    local ttft, preempted = 0, 0
    for id = 1, #s.requests do
      local q = s.requests[id]
      assert.equal("SUCCESS", q.status)
      assert.equal("arrived", q.timeline[1].what)
      assert.equal("ended", q.timeline[#q.timeline].what)
      for i = 2, #q.timeline do assert.is_true(q.timeline[i].time >= q.timeline[i - 1].time) end
      ttft, preempted = ttft + q.ttft_ms, preempted + q.preemptions
    end
    assert.is_true(preempted > 0)
    assert.equal(r.preemptions.count, preempted)
    assert.is_true(math.abs(ttft / #s.requests / r.latency.time_to_first_token_ms.mean - 1) < 1e-9)
    assert.is_nil(s.requests[121])
    assert.is_nil(s.requests[0])
  end)

  it("show where they are", function()
    local s = live.new(small()):run_until(function(x) return x.queue > 3 end)
    local id = #s.requests
    assert.equal("waiting", s.requests[id].status)
    local text = getmetatable(s.requests[id]).__show(s.requests[id])
    assert.matches("^request " .. id .. ": waiting", text)
    assert.matches("arrived", text)
    assert.matches("%d+ arrived, %d+ in flight", getmetatable(s.requests).__show(s.requests))
  end)
end)

describe("setting while it runs", function()
  it("takes effect from then on", function()
    local s = live.new(small()):run_until(function(x) return x.queue > 8 end)
    assert.equal(8, s.running)
    s:set("engine.max_num_seqs", 12):step(40)
    assert.is_true(s.running > 8 and s.running <= 12)
    s:set("engine.max_num_seqs", 2)
    s:run_until(function(x) return x.running <= 2 end)
    s:run_for(0.5)
    assert.is_true(s.running <= 2)
    s:set("duration", s.now + 1)
    local r = s:run()
    assert.is_true(r.oracle.complete)
    assert.is_true(math.abs(r.simulation.total_duration_s - s.now) < 1e-6)
  end)

  it("takes a system's own words", function()
    local engine = { system = "sglang", max_running_requests = 8, max_model_len = 4000 }
    local s = live.new(small { engine = engine }):run_until(function(x) return x.queue > 2 end)
    s:set("engine.max_running_requests", 12):run_for(0.5)
    assert.is_true(s.running > 8 and s.running <= 12)
    s:set("engine.max_num_seqs", 6):run_until(function(x) return x.running <= 6 end)
    s:run_for(0.3)
    assert.is_true(s.running <= 6)
    local fork = s:set("engine.schedule_conservativeness", 3):fork()
    assert.equal(3, s.replicas[0].state.params.schedule_conservativeness)
    assert.equal(json_of(s:run()), json_of(fork:run()))
    assert.error_matches(function() s:set("engine.page_size", 4) end, "the KV cache was laid out")
  end)

  it("refuses with the reason what cannot change", function()
    local s = live.new(small()):run_until(1)
    local before = json_of(s:fork():run())
    local function refused(key, value, pattern)
      local ok, why = pcall(s.set, s, key, value)
      assert.is_false(ok)
      assert.matches(pattern, why)
      assert.is_nil(why:find("\n"))
    end
    refused("engine.block_size", 32, "^engine.block_size cannot change while it runs: the KV cache was laid out")
    refused("workload.rate", 3, "^workload.rate cannot change while it runs: its requests follow")
    refused("hardware", "a100", "^hardware cannot change")
    refused("slo", { ttft = 1 }, "^slo cannot change")
    refused("engine.max_num_seq", 3, "unknown key; did you mean max_num_seqs%?")
    refused("engine.max_num_seqs", 0, "max_num_seqs: 0: a whole number")
    refused("engine.max_num_seqs", 1000000, "max_num_batched_tokens")
    refused("engine.max_num_batched_tokens", 7, "max_num_seqs")
    refused("batching", "fcsf", "did you mean fcfs%?")
    refused("duration", 0.5, "has passed")
    refused(nil, 1, "a key such as")
    assert.equal(before, json_of(s:run()))
    assert.has_error(function() s.queue = 3 end)
    assert.error_matches(function() return s.quue end, "a simulation has no field quue; did you mean queue%?")
  end)
end)

describe("reloading", function()
  local dir

  local function write(name, text)
    local f = assert(io.open(dir .. "/" .. name, "w"))
    f:write(text)
    f:close()
  end

  local POLICY = [[
    local policy = require "oracle.policy"
    return policy.batching { name = "%s", every_step = true, step = function(b, e, s)
      s.calls = (s.calls or 0) + 1
      s.last = "%s"
      %s
      local left = e.max_num_batched_tokens - b:decode()
      if left > 0 then left = left - b:resume(left) end
      while left > 0 do
        local n = b:admit(left)
        if n == 0 then break end
        left = left - n
      end
    end }]]

  setup(function()
    local p = io.popen("mktemp -d")
    dir = p:read("l")
    p:close()
  end)

  teardown(function() os.execute("rm -rf '" .. dir .. "'") end)

  it("takes the new code and keeps what the policy knew", function()
    write("p.lua", POLICY:format("mine", "old", ""))
    local s = live.new(small { batching = dir .. "/p.lua" }):run_until(1)
    local calls = s.replicas[0].state.calls
    assert.is_true(calls > 0)
    assert.equal("old", s.replicas[0].state.last)
    write("p.lua", POLICY:format("mine", "new", ""))
    s:reload():step()
    assert.equal(calls + 1, s.replicas[0].state.calls)
    assert.equal("new", s.replicas[0].state.last)
    local fork = s:fork()
    assert.equal("new", fork.replicas[0].state.last)
    assert.equal(json_of(s:run()), json_of(fork:run()))
    assert.equal("old", s:rewind(0.9).replicas[0].state.last)
  end)

  it("leaves all as it was when the file is wrong", function()
    write("p.lua", POLICY:format("mine", "old", ""))
    local s = live.new(small { batching = dir .. "/p.lua" }):run_until(1)
    local after = json_of(s:fork():run())
    write("p.lua", "return {")
    assert.matches("^batching: .*p.lua:1: unexpected symbol", raised(function() s:reload() end))
    assert.equal(after, json_of(s:run()))
  end)

  it("a policy that fails stops it with its place; going back helps", function()
    write("p.lua", POLICY:format("mine", "old", "if b:now() > 2 then error('boom') end"))
    local s = live.new(small { batching = dir .. "/p.lua" })
    assert.matches("^at t=2%.%d+ s, replica 0.*p.lua:.*boom", raised(function() s:run() end))
    assert.is_true(s.now >= 2)
    assert.is_true(s.in_flight > 0)
    assert.matches(", failed;", tostring(s))
    assert.has_error(function() s:run() end)
    write("p.lua", POLICY:format("mine", "new", ""))
    s:rewind(1.5):reload()
    assert.equal(120, s:run().requests.successful)
  end)

  it("refuses policies that were typed in", function()
    local s = live.new(small { batching = remembering(), router = policy.router { name = "one", route = function()
      return 1
    end } })
    assert.error_matches(function() s:reload() end, "typed here")
  end)
end)

describe("a policy that misbehaves", function()
  local function chunked(b, e)
    local left = e.max_num_batched_tokens - b:decode()
    if left > 0 then left = left - b:resume(left) end
    while left > 0 do
      local n = b:admit(left)
      if n == 0 then break end
      left = left - n
    end
  end

  local kept
  local BAD = {
    { "errors", "live_spec.lua:%d+: on purpose", function() error "on purpose" end },
    { "forgets", "makes no progress", function() end },
    { "keeps", "used outside its step", function(b)
      if kept then kept:decode() end
      kept = b
    end, true },
    { "hoards", "more than %d+", function()             -- by memory, or by time on a busy machine
      local t = {}
      while true do t[#t + 1] = ("x"):rep(20000000 + #t) end
    end },
  }

  it("stops with its place, and the books are right", function()
    for _, bad in ipairs(BAD) do
      kept = nil
      local when = 1.5
      local function step(b, e)
        if b:now() < when then return chunked(b, e) end
        if bad[4] and b:now() < when + 0.1 then kept = b return chunked(b, e) end
        return bad[3](b, e)
      end
      local p = policy.batching { name = bad[1], every_step = true, step = step }
      local s = live.new(small { batching = p, replicas = 2 })
      local why = raised(function() s:run() end)
      assert.matches(bad[2], why)
      assert.matches("at t=%d+%.%d+ s, replica %d", why)
      for i = 0, 1 do
        local r = s.replicas[i]
        assert.equal(r.kv.total, r.kv.used + r.kv.free + r.kv.cached)
      end
      assert.equal(s.arrived, s.finished + s.in_flight)
      assert.is_false(s:result().oracle.complete)
      assert.equal(s.in_flight, s:result().requests.pending)
      when = math.huge
      assert.equal(120, s:rewind(1.4):run().requests.successful)
    end
  end)
end)

describe("what if", function()
  it("answers from the start, or from now on", function()
    local s = live.new(small()):run_until(2)
    local w = s:what_if { ["engine.max_num_seqs"] = { 2, 16 } }
    assert.equal(3, #w.points)
    assert.equal(json_of(small():run()), json_of(s:fork():run()))
    assert.equal(8, w.points[1].set["engine.max_num_seqs"])
    assert.equal(s:fork():run().latency.time_to_first_token_ms.mean, w.points[1].latency.time_to_first_token_ms.mean)
    assert.equal(s:fork():set("engine.max_num_seqs", 2):run().latency.time_to_first_token_ms.p99,
      w.points[2].latency.time_to_first_token_ms.p99)
    assert.is_true(w.points[3].latency.time_to_first_token_ms.mean < w.points[2].latency.time_to_first_token_ms.mean)
    local text = getmetatable(w).__show(w)
    assert.matches("^whole runs; changes take effect at t = 2.000000 s\n", text)
    assert.matches("ttft%.p99", text)
    w = s:what_if { ["engine.tensor_parallel_size"] = 2, ["engine.max_num_seqs"] = 8 }
    assert.equal("whole runs from the start", w.title)
    assert.equal(2, #w.points)
    assert.equal(2, w.points[2].deployment.gpus)
    assert.equal(2, s.now)
    s:run()
    w = s:what_if { ["engine.max_num_seqs"] = 2 }
    assert.equal("whole runs from the start", w.title)
    assert.is_true(w.points[2].latency.queue_time_ms.mean > w.points[1].latency.queue_time_ms.mean)
  end)

  it("checks all before it runs any", function()
    local s = live.new(small())
    assert.error_matches(function() s:what_if { ["engine.max_num_seq"] = 3 } end, "did you mean max_num_seqs%?")
    assert.error_matches(function() s:what_if { ["engine.max_num_seqs"] = { 4, -1 } } end, "max_num_seqs: %-1")
    assert.error_matches(function() s:what_if {} end, "at least one key")
    assert.error_matches(function() s:what_if "x" end, "a table of keys")
  end)
end)

describe("comparing", function()
  local side_by_side = require "oracle.study.diff"

  it("puts results side by side", function()
    local s = live.new(small()):run_until(3)
    local text = side_by_side.table { few = s:fork():set("engine.max_num_seqs", 2):run(), many = s:run() }
    assert.matches("unit +few +many +vs few\n", text)
    assert.matches("\nttft.p99 +ms +[%d.]+ +[%d.]+ +%-[%d.]+ %%, better\n", text)
    assert.matches("\ngpu_busy +%% +[%d.]+ +[%d.]+ +[+-][%d.]+ %%\n", text)
    assert.matches("\nrequests +120 +120 +same\n", text)
    assert.has_error(function() side_by_side.table(s) end)
    assert.error_matches(function() side_by_side.table(s, 3) end, "a result, a simulation or a scenario expected")
  end)
end)

describe("making one", function()
  it("says what is wrong", function()
    assert.error_matches(function() live.new(3) end, "a scenario or the path of one expected, got a number")
    assert.error_matches(function() live.new("no/such.lua") end, "no such file")
    local s = small()
    s.vary = { { "seed", { 1, 2 } } }
    assert.error_matches(function() live.new(s) end, "varies keys")
    assert.error_matches(function() live.new(small()):run_until("3 apples") end, "a time")
    assert.error_matches(function() live.new(small()):run_until(-1) end, "a time in simulated seconds")
    assert.error_matches(function() live.new(small()):step(0) end, "how many steps")
    assert.error_matches(function() live.new(small()):run_until(1):run_until(0.5) end, "has passed")
  end)

  it("does not touch the scenario", function()
    local s = small()
    local plan = planning.plan(s)
    live.new(s):set("engine.max_num_seqs", 3):run_until(1)
    assert.equal(8, s.engine.max_num_seqs)
    assert.equal(8, plan.spec.engine.max_num_seqs)
  end)
end)

describe("breakpoints", function()
  it("stop where their condition becomes true, and change nothing", function()
    local whole = summary.json(small():run())
    local s = live.new(small())
    s:breakpoint("full", "queue > 2"):breakpoint("early", "500 ms")
    s:breakpoint("mine", function(x) return x.finished > 60 end)
    local stops = {}
    repeat
      local over, why = pcall(s.run, s)
      if not over then stops[#stops + 1] = s.stopped end
      assert.is_true(over or why:match "breakpoint %l+ at t = " ~= nil)
    until over or #stops > 400
    assert.is_true(s.over)
    assert.equal(whole, summary.json(s:result()))
    local seen = {}
    for _, name in ipairs(stops) do seen[name] = (seen[name] or 0) + 1 end
    assert.equal(1, seen.early)
    assert.equal(1, seen.mine)
    assert.is_true(seen.full >= 1)
    assert.equal(seen.full, s.breakpoints[1].hits)
  end)

  it("stop at the moment itself", function()
    local s = live.new(small()):breakpoint("q", "queue > 2")
    s:run_until(1e6)
    local at = s.now
    assert.equal("q", s.stopped)
    assert.is_true(s.queue > 2)
    assert.equal(at, live.new(small()):run_until(function(x) return x.queue > 2 end).now)
    s:breakpoint("t", at + 0.25):delete "q"
    assert.near(at + 0.25, s:run_until(1e6).now, 1e-12)   -- to the ns, as the clock goes
    assert.equal("t", s.stopped)
    assert.is_nil(s:run_for(0.1).stopped)
  end)

  it("are listed, replaced and deleted by name", function()
    local s = live.new(small()):breakpoint("a", "queue > 2"):breakpoint("a", 3):breakpoint("queue > 5")
    assert.same({ { name = "a", condition = "t = 3 s", hits = 0 }, { name = "2", condition = "queue > 5", hits = 0 } },
      { table.unpack(s.breakpoints) })
    assert.error_matches(function() s:delete "b" end, "no breakpoint b; did you mean ", 1, true)
    assert.equal(0, #s:delete().breakpoints)
    assert.error_matches(function() s:delete "a" end, "there are none")
    assert.error_matches(function() s:breakpoint("a", "quue > 2") end, "did you mean queue?", 1, true)
    assert.error_matches(function() s:breakpoint("a", "queue >") end, "breakpoint: queue >: ")
    assert.error_matches(function() s:breakpoint("a", {}) end, "a time, a condition")
    assert.error_matches(function() s:breakpoint() end, "a time, a condition")
  end)

  it("are passed again after going back, and belong to one branch", function()
    local s = live.new(small()):breakpoint("t", 2)
    assert.equal(2, s:run_until(5).now)
    assert.equal(2, s:rewind(1):run_until(5).now)
    local f = s:fork()
    assert.equal(0, #f.breakpoints)
    assert.is_true(f:run().oracle.complete)
  end)
end)

describe("a branch", function()
  it("says what it differs in", function()
    local s = live.new(small()):run_until(1):set("engine.max_num_seqs", 6):run_until(2)
    local f = s:fork()
    assert.matches("a branch of simulation from t = 2.000000 s, so far the same", live.show(f), 1, true)
    f:run_until(3):set("engine.max_num_seqs", 2)
    local rows = f.changes
    assert.same({ t = 1.0, key = "engine.max_num_seqs", from = "8", to = "6", of = "before it branched off" }, rows[1])
    assert.same({ t = 3.0, key = "engine.max_num_seqs", from = "6", to = "2", of = "this branch" }, rows[2])
    assert.matches("of its own:\n  engine.max_num_seqs: 6 -> 2 from t = 3.000000 s on\n", live.show(f), 1, true)
    assert.is_nil(s.changes[2])
    assert.is_nil(s.changes[1].of)
  end)
end)
