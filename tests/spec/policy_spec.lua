--- Policies: what they may and may not do, what becomes of those that go wrong, and the laws of those that come along.
local oracle = require "oracle"
local planning = require "oracle.plan"
local policy = require "oracle.policy"
local sandbox = require "oracle.policy.sandbox"
local program = require "program"

local dir

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

local function write(name, text)
  local path = dir .. "/" .. name
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

local function raised(f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok)
  return tostring(why)
end

-- Llama-3.1-8B on an H100 with little memory for KV: 300 blocks of 16 tokens.
local function small(changes, engine)
  local t = {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = 3,
    engine = { max_model_len = 2048, num_gpu_blocks_override = 300, enable_prefix_caching = false },
    workload = oracle.workload.poisson { rate = 40, count = 120, prompt = 200, output = 60 },
  }
  for k, v in pairs(changes or {}) do t[k] = v end
  for k, v in pairs(engine or {}) do t.engine[k] = v end
  return oracle.scenario(t)
end

-- One request at a time, 10 ms a step, memory for all who pause: a queue of jobs of whole steps.
local function single(workload, batching)
  return oracle.scenario {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", batching = batching,
    cost = { kind = "constant", constant_step = "10 ms" },
    engine = { max_num_seqs = 1, max_num_batched_tokens = 8192, max_model_len = 4096, enable_prefix_caching = false },
    workload = workload,
  }
end

-- A step in vLLM's order; `extra` is Lua put before it.
local function body(extra)
  return ([[
    local policy = require "oracle.policy"
    return policy.batching { name = "odd", step = function(b, e, s)
      %s
      local left = e.max_num_batched_tokens - b:decode()
      if left > 0 then left = left - b:resume(left) end
      while left > 0 do
        local granted = b:admit(left)
        if granted == 0 then break end
        left = left - granted
      end
    end }
  ]]):format(extra)
end

-- It stops at a line of its file, with an error that matches, and what was measured so far adds up.
local function fails(name, text, pattern)
  local s = small { batching = write(name .. ".lua", text) }
  local plan = planning.plan(s)
  local core = require("oracle.core").sim
  local sim = core.new(planning.spec(plan))
  local why = raised(sim.run, sim)
  assert.matches("^at t=%d+%.%d+ s, replica 0, step %d+: ", why)
  assert.matches(name .. "%.lua:%d+", why)
  assert.matches(pattern, why)
  local raw = sim:result()                              -- the books still balance
  local r = raw.requests
  assert.equal(r.total, r.successful + r.failed + r.rejected + r.timed_out + r.cancelled + r.pending)
  assert.is_true(raw.replicas[1].kv_peak <= 1)
end

describe("an error in a function that the sandbox has of its own", function()
  it("is said of the policy's line", function()
    for text, message in pairs {
      ["string.format('%d', 1.5)"] = "bad argument #2 to 'format'", ["('x'):rep(1e10)"] = "resulting string too large",
      ["string.rep('x', 1e10)"] = "resulting string too large",
      ["setmetatable(_G, {})"] = "cannot change a protected metatable",
      ["setmetatable({}, { __gc = 1 })"] = "__gc and __mode",
      ["string.format('%p', {})"] = "an address is not to be had",
    } do
      local path = os.tmpname()
      local f = assert(io.open(path, "w"))
      f:write("\n", text, "\nreturn 1\n")
      f:close()
      local made, why = sandbox.load(path)
      os.remove(path)
      assert.is_nil(made)
      assert.equal(path .. ":2: ", why:match("^%S+:%d+: "), why)
      assert.is_truthy(why:find(message, 1, true), why)
    end
  end)
end)

describe("verbs for whole sets", function()
  -- With two steps in flight whole sets also pass over preempted requests whose tokens are on their way.
  it("do what single ones do one after the other", function()
    local function outcome(name, engine)
      engine.async_scheduling = false
      local plan = planning.plan(small({ batching = write(name .. ".lua", body "") }, engine))
      local by_hand = require("oracle.core").sim.run(planning.spec(plan))
      local short = [=[
        local policy = require "oracle.policy"
        return policy.batching { name = "odd", step = function(b, e)
          local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
          if left > 0 then b:fill(left) end
        end }
      ]=]
      plan = planning.plan(small({ batching = write(name .. "_sets.lua", short) }, engine))
      return by_hand, require("oracle.core").sim.run(planning.spec(plan))
    end
    for i, engine in ipairs { {}, { num_gpu_blocks_override = 130 }, { max_num_batched_tokens = 97 } } do
      local by_hand, sets = outcome("verbs" .. i, engine)
      assert.equal(by_hand.steps, sets.steps)
      assert.same(by_hand.requests, sets.requests)
      assert.same(by_hand.tokens, sets.tokens)
      assert.equal(by_hand.replicas[1].preemptions, sets.replicas[1].preemptions)
      assert.equal(by_hand.now, sets.now)
      assert.is_true(by_hand.now > 0)
    end
  end)
end)

describe("a policy that goes wrong", function()
  it("is stopped when it errors", function()
    fails("errs", body "if b:now() > 0.5 then local x = nil + 1 end", "arithmetic on a nil value")
  end)

  it("is stopped when it does not return, a pcall of its own notwithstanding", function()
    fails("loops", body "if b:now() > 0.5 then pcall(function() while true do b:size() end end) end",
      "ran for more than 2 s without returning")
  end)

  it("is stopped when it takes memory without end", function()
    fails("hoards", body [[
      s.list = s.list or {}
      while b:now() > 0.5 do s.list[#s.list + 1] = #s.list .. ('x'):rep(1024):rep(1024) end]],
      "more than 256 MiB of memory")
  end)

  it("is stopped when it takes very much memory at once", function()
    fails("bloats", body "if b:now() > 0.5 then s.text = ('x'):rep(1 << 30) end", "more than 256 MiB of memory")
  end)

  it("is stopped when it forgets a request", function()
    fails("forgets", [[
      local policy = require "oracle.policy"
      return policy.batching { name = "forgets", step = function(b, e, s)
        local left = e.max_num_batched_tokens - b:decode()
        if left > 0 then left = left - b:resume(left) end
        s.cols = s.cols or b:columns { "id" }
        local n = b:waiting(s.cols)
        for i = 1, n do
          if s.cols.id[i] ~= 7 and left > 0 then left = left - b:admit(left, s.cols.id[i]) end
        end
      end }
    ]], "makes no progress.* 1 waiting.*oldest is request 7")
  end)

  it("is stopped when it throws away what it computed, for ever", function()
    fails("thrashes", [[
      local policy = require "oracle.policy"
      return policy.batching { name = "thrashes", step = function(b)
        while b:preempt() do end
        b:admit(5)
      end }
    ]], "makes no progress: %d+ tokens were computed and forgotten again")
  end)

  it("is stopped when it touches a batch after its call", function()
    fails("keeps", [[
      local policy = require "oracle.policy"
      return policy.batching { name = "keeps",
        order = function(r, _, s)
          if s.batch then s.batch:decode() end
          return r.id
        end,
        step = function(b, e, s)
          s.batch = b
          local left = e.max_num_batched_tokens - b:decode()
          if left > 0 then left = left - b:resume(left) end
          while left > 0 do
            local granted = b:admit(left)
            if granted == 0 then break end
            left = left - granted
          end
        end }
    ]], "batch used outside its step")
  end)

  it("is refused what does not fit, and stopped when it insists", function()
    local refused = small { batching = write("wants.lua", [[
      local policy = require "oracle.policy"
      return policy.batching { name = "wants", step = function(b, e, s)
        b:decode()
        b:resume(1 << 30)
        s.cols = s.cols or b:columns { "id" }
        for i = 1, b:waiting(s.cols) do b:admit(1 << 30, s.cols.id[i]) end -- all of them, fit or not
      end }
    ]]) }:run()
    assert.equal(120, refused.requests.successful)
    assert.is_true(refused.kv_cache.peak_usage <= 1)
    fails("insists", body "while b:queue() > 0 do b:admit(1 << 30) end", "without returning")
  end)

  it("may ask for nonsense: the engine names it", function()
    fails("asks", body "b:admit(0)", "tokens >= 1 expected")
    fails("gorges", body "b:admit(1e18)", "at most 2147483647 tokens expected")
    fails("peeks", body "b:running(b:columns { 'output' })", "clairvoyant = true")
  end)

  it("is stopped while its file loads, too", function()
    assert.matches("loading%.lua:1: it ran for more than 2 s",
      raised(planning.plan, small { batching = write("loading.lua", "while true do end") }))
    assert.matches("batching: .*syntax%.lua:1: ",
      raised(planning.plan, small { batching = write("syntax.lua", "x =") }))
    assert.matches("returns no policy", raised(planning.plan, small { batching = write("none.lua", "return 1") }))
  end)

  it("names the line of a function whose answer is none, and of a table that is wrong", function()
    local text = 'local policy = require "oracle.policy"\nreturn policy.batching { name = "odd", %s }'
    for what, says in pairs {
      ["order = function() end"] = "order returned no number %(.*odd%.lua:2%)",
      ["order = function() error {} end"] = "an error without a message %(.*odd%.lua:2%)",
    } do
      local path = write("odd.lua", text:format(what))
      assert.matches(says, raised(function() small { batching = path }:run() end))
    end
    assert.matches("odd%.lua: policy%.batching: stp: unknown key; did you mean step",
      select(2, sandbox.load(write("odd.lua", text:format("stp = print")))))
  end)

  it("names the router, admission and autoscaler that failed", function()
    local bad = policy.router { name = "far", route = function() return 9 end }
    assert.matches("^at t=.*routing request 1: router \"far\": a place from 1 to 2 expected",
      raised(function() small { replicas = 2, router = bad }:run() end))
    local shy = policy.admission { name = "shy", admit = function() return "perhaps" end }
    assert.matches("admitting request 1: policy \"shy\": admit returned neither true nor false",
      raised(function() small { admission = shy }:run() end))
    local odd = policy.autoscaler { name = "odd", scale = function() return {} end }
    assert.matches("scaling: policy \"odd\": scale returned no number of replicas %(.*policy_spec%.lua:%d+%)",
      raised(function() small { autoscaling = { policy = odd, max = 2, interval = 0.1, cold_start = 1 } }:run() end))
  end)
end)

describe("the sandbox", function()
  local function load_text(text) return sandbox.load(write("sand.lua", text)) end

  it("has no clock, no files and no globals to keep things in", function()
    for _, name in ipairs { "os", "io", "load", "dofile", "debug", "collectgarbage", "package", "coroutine" } do
      local _, why = load_text("local x = " .. name .. " return x")
      assert.matches("sand%.lua:1: " .. name .. ": no such thing in a policy", why)
    end
    assert.matches("a policy has no globals", select(2, load_text "counter = 1"))
    assert.matches("no such thing", select(2, load_text "return math.randomseed + counter"))
    assert.matches("a policy may require", select(2, load_text "return require 'lfs'"))
  end)

  it("refuses calls that would not come back, as functions and as methods", function()
    local long = '("a"):rep(40)'
    for _, call in ipairs {
      "string.find(" .. long .. ', ("a-"):rep(30) .. "b")', long .. ':find(("a-"):rep(30) .. "b")',
      long .. ':match(("a*"):rep(30) .. "b")', long .. ':gsub(("a?"):rep(40) .. "b", "")',
      long .. ':gmatch(("a+"):rep(30) .. "b")()', '("a"):rep(200000):find(("a"):rep(100000) .. "b", 1, true)',
    } do
      local _, why = load_text("local x = " .. call)
      assert.matches("sand%.lua:1: string%.%l+: this pattern may take too long", why)
    end
    assert.equal("", load_text('return { (""):rep(1 << 40) }')[1])
    assert.matches("too many values", select(2, load_text "return table.move({}, 1, 1 << 40, 2)"))
    assert.matches("an address is not to be had", select(2, load_text 'return ("%p"):format({})'))
  end)

  it("leaves ordinary patterns and all other strings alone", function()
    local got = load_text [[
      local s = "rate = 12.5, burst=3"
      local t = table.move({ 1, 2, 3 }, 1, 3, 2)
      return { s:match("^(%w+)%s*=%s*([%d.]+)"), s:find("burst", 1, true), (s:gsub("%s+", "")), ("%5.2f"):format(2),
               #("ab"):rep(3, ","), t[4], s:find("=", 8) }
    ]]
    assert.same({ "rate", 14, "rate=12.5,burst=3", " 2.00", 8, 3, 19, 19 }, got)
    assert.equal("a", ("a"):rep(10000):match("a.-a*.-a*$"):sub(1, 1))
  end)

  it("goes through tables in the order of their keys", function()
    local order = load_text [[
      local t, list = { zeta = 1, alpha = 2, [10] = 3, [2] = 4, [true] = 5 }, {}
      for k in pairs(t) do list[#list + 1] = tostring(k) end
      return { text = table.concat(list, " "), first = next(t) }
    ]]
    assert.equal("2 10 alpha zeta true", order.text)
    assert.equal(2, order.first)
  end)

  it("shows no addresses and cannot change what others use", function()
    assert.equal("table function", load_text "return tostring({}) .. ' ' .. tostring(print)")
    assert.equal("table", load_text "return ('%s'):format('x') and string.format('%s', {})")
    load_text "string.upper = nil math.floor = nil return 1"
    assert.equal("A", ("a"):upper())
    assert.equal(1, math.floor(1.5))
    assert.is_nil((load_text "return getmetatable('').__index.upper"))
  end)

  it("draws from the engine's stream, so a run repeats", function()
    local path = write("dice.lua", body "if math.random(6) == 6 and b:random() < 0.9 then b:preempt() end")
    local a, b = small { batching = path }:run(), small { batching = path }:run()
    assert.same(a.latency.end_to_end_latency_ms, b.latency.end_to_end_latency_ms)
    local c = small { batching = path, seed = 4 }:run()
    assert.not_same(a.latency.end_to_end_latency_ms, c.latency.end_to_end_latency_ms)
    assert.matches("only to be had inside", select(2, load_text "return math.random()"))
  end)
end)

describe("parameters", function()
  it("are set by name beside the policy's and checked", function()
    local s = small { batching = { "sarathi", token_budget = 300 } }
    assert.equal(300, planning.plan(s).spec.batching.params.token_budget)
    assert.matches("^batching: token_budgt: unknown parameter of sarathi; did you mean token_budget%?",
      raised(planning.plan, small { batching = { "sarathi", token_budgt = 1 } }))
    assert.matches("^batching: token_budget: a number expected, got a string",
      raised(planning.plan, small { batching = { "sarathi", token_budget = "many" } }))
    assert.matches('^router: "roundrobin": unknown policy; did you mean round_robin%?',
      raised(planning.plan, small { router = "roundrobin" }))
  end)
end)

describe("mlfq", function()
  it("lets who waited too long start over on the first level", function()
    local function longest_gap(limit)
      local result = small { batching = { "mlfq", starve_limit = limit, levels = 3 }, replicas = 1,
        engine = { max_model_len = 4096, max_num_seqs = 2 },
        workload = oracle.workload.mix {
          { name = "long", kind = "batch", count = 1, prompt = 1200, output = 400 },
          { name = "short", kind = "poisson", rate = 25, count = 500, prompt = 100, output = 12 } } }:run()
      assert.equal(501, result.requests.successful)
      return result.latency.inter_token_latency_ms.max
    end
    local starves, starts_over = longest_gap(0), longest_gap(0.5)
    assert.is_true(starts_over < starves / 2, ("%g ms, %g ms"):format(starves, starts_over))
    assert.is_true(starts_over >= 500)
  end)
end)

describe("who gives way", function()
  it("is recomputed or moved to host memory", function()
    local recompute, swap = small():run(), small({ preemption = "swap" }):run()
    assert.is_true(recompute.preemptions.count > 0)
    assert.is_true(recompute.preemptions.recomputed_tokens > 0)
    assert.is_true(swap.preemptions.count > 0)
    assert.equal(0, swap.preemptions.recomputed_tokens)
    assert.equal(120, swap.requests.successful)
    local full = small({ preemption = "swap" }, { swap_space = 0 }):run()
    assert.same(recompute.latency, full.latency)          -- no host memory: it is all computed again
  end)

  it("never is anyone when all memory was reserved", function()
    assert.equal(0, small { batching = "no_evict" }:run().preemptions.count)
  end)
end)

describe("replicas", function()
  it("that fail give their requests to others", function()
    local s = small { replicas = 2, failures = { outages = { { at = 0.5, lasts = 1, replica = 0 } } } }
    local r = s:run()
    assert.equal(120, r.requests.successful)
    assert.is_true(r.preemptions.recomputed_tokens > small({ replicas = 2 }):run().preemptions.recomputed_tokens)
    s.failures = { mtbf = "1 s", mttr = "500 ms" }
    assert.equal(120, s:run().requests.successful)
    assert.matches("^failures.outages%[1%].replica: 2: a replica from 0 to 1",
      raised(planning.plan, small { replicas = 2, failures = { outages = { { at = 1, lasts = 1, replica = 2 } } } }))
  end)

  it("come after their cold start and go when there is little to do", function()
    local load = oracle.workload.poisson { prompt = 200, output = 60, stages = {
      { rate = 2, duration = 10 }, { rate = 60, duration = 20 }, { rate = 1, duration = 60 } } }
    local scaled = { policy = { "target_load", target = 8, stabilization = 5.0 }, min = 1, max = 4, interval = 1,
                     cold_start = "3 s" }
    local plan = planning.plan(small { workload = load, autoscaling = scaled })
    local raw = planning.simulate(plan)
    assert.equal(raw.requests.total, raw.requests.successful)
    local rented, used = 0, 0
    for _, replica in ipairs(raw.replicas) do
      rented = rented + replica.rented_s
      used = used + (replica.steps > 0 and 1 or 0)
    end
    assert.is_true(used >= 3)
    assert.is_true(rented < 4 * raw.now and rented > raw.now)
    local alone = planning.simulate(planning.plan(small { workload = load }))
    assert.is_true(raw.latency.ttft:mean() < alone.latency.ttft:mean())
  end)

  it("turn arrivals away when told so", function()
    local r = small { admission = { "token_bucket", rate = 10.0, burst = 5 } }:run()
    assert.is_true(r.requests.rejected > 60)
    local rush = oracle.workload.poisson { rate = 300, count = 600, prompt = 400, output = 5 }
    local shed = small { workload = rush, slo = { ttft = "100 ms" }, admission = "slo_shedding" }:run()
    local all = small { workload = rush, slo = { ttft = "100 ms" } }:run()
    assert.is_true(shed.requests.rejected > 0)
    assert.is_true(shed.throughput.goodput_rps > all.throughput.goodput_rps)
  end)

  it("are refused before the run without the objective they need", function()
    local rush = oracle.workload.poisson { rate = 300, count = 60, prompt = 400, output = 5 }
    for _, slo in ipairs { false, { e2e = "1 s" } } do
      local ok, why = pcall(planning.plan, small { workload = rush, slo = slo or nil, admission = "slo_shedding" })
      assert.is_false(ok)
      assert.equal('admission: slo_shedding needs an objective; slo.ttft expected, such as "1 s"', why)
    end
    planning.plan(small { workload = rush, admission = { "slo_shedding", ttft = 0.5 } })
    local own = { name = "own", admit = function() return true end, objective = "ttf" }
    assert.has_error(function() policy.admission(own) end,
      'policy.admission: objective: "ttf": one of "ttft", "tpot", "e2e" expected')
    own.objective = "tpot"
    assert.is_false((pcall(planning.plan, small { workload = rush, admission = policy.admission(own) })))
  end)
end)

describe("cached blocks", function()
  -- Long prompts come again and again, short ones never: whoever keeps the long ones' blocks finds them again.
  local function hits(eviction)
    local s = small({ eviction = eviction, workload = oracle.workload.poisson { rate = 10, count = 400, output = 10,
      prompt = oracle.dist.mixture { { 0.3, 1200 }, { 0.7, 300 } }, prompt_pool = 60 } },
      { enable_prefix_caching = true, num_gpu_blocks_override = 1800 })
    return s:run().prefix_caching.block_hit_rate
  end

  it("are kept by what a policy says they are worth", function()
    local long = policy.eviction { name = "long", grade = function(r) return r.prompt > 600 and 3 or 0 end }
    local plain, kept = hits(nil), hits(long)
    assert.equal(plain, hits "lru")
    assert.is_true(kept > plain, ("kept %g, plain %g"):format(kept, plain))
  end)

  it("are not when it says nonsense", function()
    assert.matches("^at t=.*, replica 0, step %d+: policy \"odd\": grade returned no whole number from 0 to 3",
      raised(hits, policy.eviction { name = "odd", grade = function() return 9 end }))
  end)
end)

-- ---- laws ----

local function generator(seed)
  local state = seed
  return function(low, high)
    state = state * 48271 % 2147483647
    return low + state % (high - low + 1)
  end
end

-- A trace of jobs { step they come at, steps they take } on the grid of 10 ms.
local function trace_of(jobs, name)
  local lines = { "TIMESTAMP,ContextTokens,GeneratedTokens" }
  for i, job in ipairs(jobs) do
    local ms = 10 * job[1]
    lines[i + 1] = ("2023-11-16 00:00:%02d.%03d0000,10,%d"):format(ms // 1000, ms % 1000, job[2])
  end
  return write(name, table.concat(lines, "\n") .. "\n")
end

describe("law: shortest remaining processing time", function()
  it("has the lowest mean E2E of all policies, one request at a time", function()
    local draw, strictly = generator(5), 0
    for round = 1, 8 do
      local jobs, at = {}, 0
      for i = 1, 40 do
        jobs[i] = { at, draw(1, 30) }
        at = at + draw(0, 30)
      end
      local load = oracle.workload.trace { path = trace_of(jobs, "srpt.csv") }
      local best = single(load, "srpt"):run().latency.end_to_end_latency_ms.mean
      for _, name in ipairs(policy.names "batching") do
        local mean = single(load, name):run().latency.end_to_end_latency_ms.mean
        assert.is_true(best <= mean * (1 + 1e-9), ("round %d: %s %g, srpt %g"):format(round, name, mean, best))
        if best < mean then strictly = strictly + 1 end
      end
    end
    assert.is_true(strictly > 8)                          -- it is not all the same
  end)
end)

-- Whether one server that may be interrupted can end all jobs { release, work, due } in time: no interval holds more
-- work than it has room (Baruah, Rosier and Howell, Real-Time Systems 2, 1990).
local function feasible(jobs)
  for _, a in ipairs(jobs) do
    for _, d in ipairs(jobs) do
      local work = 0
      for _, j in ipairs(jobs) do
        if j[1] >= a[1] and j[3] <= d[3] then work = work + j[2] end
      end
      if d[3] > a[1] and work > d[3] - a[1] then return false end
    end
  end
  return true
end

describe("law: earliest deadline first", function()
  it("meets all deadlines of any feasible set, one request at a time", function()
    local draw, sets, first_come_misses = generator(11), 0, 0
    local allowed = { 20, 45, 90 }                        -- steps from release to due, by stream
    for _ = 1, 60 do
      local jobs, streams = {}, { {}, {}, {} }
      for k = 1, 3 do
        local at = 0                                      -- a trace begins with its first row
        for _ = 1, 6 do
          local job = { at, draw(1, 14), at + allowed[k] }
          jobs[#jobs + 1], streams[k][#streams[k] + 1] = job, job
          at = at + draw(5, 60)
        end
      end
      if feasible(jobs) then
        sets = sets + 1
        local parts = {}
        for k = 1, 3 do
          parts[k] = { arrivals = "recorded", path = trace_of(streams[k], ("edf%d.csv"):format(k)),
                       timeout = 0.01 * allowed[k] + 0.005 }
        end
        local late = {}
        for _, name in ipairs { "edf", "chunked" } do
          local plan = planning.plan(single(oracle.workload.batch { count = 1, prompt = 10, output = 1 }, name))
          plan.spec.workload = parts
          late[name] = planning.simulate(plan).requests.timed_out
        end
        assert.equal(0, late.edf)
        if late.chunked > 0 then first_come_misses = first_come_misses + 1 end
      end
    end
    assert.is_true(sets >= 5)
    assert.is_true(first_come_misses >= 1)
  end)
end)

describe("law: fair share", function()
  it("keeps the service of clients who always wait within the bound", function()
    -- 100 clients take turns to ask; what one asks for differs much from the others.
    local service = {}
    local longest, memory = 400, 3200
    for _, name in ipairs { "vtc", "chunked" } do
      local path = dir .. "/" .. name .. ".csv"
      local s = small({ batching = name, duration = 8, workload = oracle.workload.batch { count = 3000,
        prompt = { kind = "uniform", low = 1, high = longest }, output = { kind = "uniform", low = 1, high = 200 } } },
        { num_gpu_blocks_override = memory // 16 })
      planning.simulate(planning.plan(s), { csv = path })
      local sums, columns, waiting = {}, nil, {}
      for line in io.lines(path) do
        local fields = {}
        for field in (line .. ","):gmatch("([^,]*),") do fields[#fields + 1] = field end
        if not columns then
          columns = {}
          for i, column in ipairs(fields) do columns[column] = i end
        else
          local client = fields[columns.client_id]
          local begun = tonumber(fields[columns.queue_ms]) ~= nil
          sums[client] = (sums[client] or 0) + (begun and tonumber(fields[columns.prompt_tokens]) or 0)
            + 2 * (tonumber(fields[columns.output_tokens]) or 0)
          waiting[client] = waiting[client] or not begun
        end
      end
      local low, high = math.huge, 0
      for client, sum in pairs(sums) do
        assert.is_true(waiting[client])                   -- the bound is for those who always have someone waiting
        low, high = math.min(low, sum), math.max(high, sum)
      end
      service[name] = { spread = high - low, least = low }
    end
    -- Sheng et al., theorem 4.4: at most 2 U, U the greater of the longest prompt's weight and that of a full memory.
    local u = math.max(1 * longest, 2 * memory)
    assert.is_true(service.vtc.least > 0)
    assert.is_true(service.vtc.spread <= 2 * u)
    assert.is_true(service.vtc.spread < service.chunked.spread)
  end)
end)

describe("every policy that comes along", function()
  for _, name in ipairs(policy.names "batching") do
    it(name .. " keeps the laws under random loads", function()
      local report = require("oracle.study.policy_check").run(name, { loads = 4, seed = 2, timing = false })
      assert.same({}, report.faults)
    end)
  end

  it("creates no garbage in a steady step", function()
    local plan = planning.plan(small { workload = oracle.workload.batch { count = 16, prompt = 50, output = 1000 },
                                         engine = { max_model_len = 2048 } })
    local spec = planning.spec(plan)
    local own = { every_step = true }
    for k, v in pairs(spec.batching) do own[k] = v end
    spec.batching, spec.runs = own, false
    local sim = require("oracle.core").sim.new(spec)
    sim:run(1000000000)
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    sim:run(5000000000)
    local after = collectgarbage("count")
    collectgarbage("restart")
    assert.is_true(sim:result().replicas[1].policy_calls > 500)
    assert.is_true(after - before < 1, ("%g KiB"):format(after - before)) -- the call of run itself
  end)
end)

describe("columns", function()
  it("hold the rows of the requests that wait and that run, and no garbage is made to fill them", function()
    local path = write("columns.lua", [[
      local policy = require "oracle.policy"
      return policy.batching { name = "columns", every_step = true, step = function(b, e, s)
        s.cols = s.cols or b:columns { "generated", "id", "arrival", "prompt", "max_output" }
        local cols, before = s.cols, 0
        assert(b:waiting(cols) == b:queue())
        for i = 1, b:queue() do
          assert(cols.prompt[i] == 200 and cols.max_output[i] == 60 and cols.id[i] > before)
          before = cols.id[i]
        end
        assert(b:running(cols) == b:size())
        for i = 1, b:size() do assert(cols.generated[i] <= 60 and cols.arrival[i] <= b:now()) end
        if b:continue(e.max_num_batched_tokens) < e.max_num_batched_tokens then b:fill(1) end
      end }
    ]])
    assert.equal(120, small({ batching = path }):run().requests.successful)
    local plan = planning.plan(small { batching = path, workload = oracle.workload.batch { count = 16, prompt = 200,
                                                                                             output = 60 } })
    local sim = require("oracle.core").sim.new(planning.spec(plan))
    sim:run(300000000)                                          -- all of them decode
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    sim:run(350000000)
    local after = collectgarbage("count")
    collectgarbage("restart")
    assert.is_true(after - before < 1, ("%g KiB"):format(after - before))
  end)

  it("of replicas say what the verbs of one replica say", function()
    local s = small { replicas = 3, engine = { max_model_len = 2048, num_gpu_blocks_override = 300 },
                      router = write("whole.lua", [[
      local policy = require "oracle.policy"
      return policy.router { name = "whole", route = function(c, r, s)
        s.cols = s.cols or c:columns { "prefix_match", "in_flight", "waiting", "backlog", "free", "blocks", "cached" }
        local cols, n, decoders = s.cols, c:replicas(s.cols)
        assert(n == 3 and decoders == 0)
        for i = 1, n do
          local free, blocks = c:free(i)
          assert(cols.in_flight[i] == c:in_flight(i) and cols.waiting[i] == c:waiting(i))
          assert(cols.backlog[i] == c:backlog(i) and cols.free[i] == free and cols.blocks[i] == blocks)
          assert(cols.cached[i] == c:cached(i) and cols.prefix_match[i] == c:prefix_match(i))
        end
        return c:least()
      end }
    ]]) }
    assert.equal(120, s:run().requests.successful)
  end)

  -- The best of rows by weights, as a loop in Lua finds it.
  local BY_HAND = [[
    local policy = require "oracle.policy"
    local NAMES = { "in_flight", "waiting", "backlog", "free", "blocks", "cached", "prefix_match", "load_tokens",
                    "load_blocks", "fresh_blocks" }
    local function total(cols, weights, i)
      local sum = 0.0
      for _, name in ipairs(NAMES) do sum = sum + (weights[name] or 0) * cols[name][i] end
      return sum
    end
    local function best(cols, n, rank)
      local high = -math.huge
      for i = 1, n do high = math.max(high, total(cols, rank, i)) end
      local place, tie
      for i = 1, n do
        local near = total(cols, rank, i)
        if near == high or high - near < (rank.within or 0) then
          local t = total(cols, rank.ties or {}, i)
          if not place or t > tie then place, tie = i, t end
        end
      end
      return place
    end
    local RANKS = {
      {}, { in_flight = -1 }, { free = 0.25, backlog = -1.5, waiting = 3 },
      { prefix_match = 1, ties = { in_flight = -1 } }, { blocks = 1, ties = { free = 1 } },
      { load_tokens = -1, within = 500, ties = { cached = -1 } },
      { load_blocks = -1, fresh_blocks = -1, prefix_match = 1 / 16 },
    }
    return policy.router { name = "by_hand", tracks = true, route = function(c, r, s)
      s.cols, s.turn = s.cols or c:columns(NAMES), (s.turn or 0) + 1
      local n = c:replicas(s.cols)
      for i = 1, n do
        local tokens, blocks, fresh = c:load(i)
        assert(s.cols.load_tokens[i] == tokens and s.cols.load_blocks[i] == blocks and s.cols.fresh_blocks[i] == fresh)
      end
      assert(c:best { decoders = true } == nil)
      for _, rank in ipairs(RANKS) do assert(c:best(rank) == best(s.cols, n, rank)) end
      assert(c:best { free = 1, temperature = 0.5 } <= n)
      return c:best(RANKS[s.turn % #RANKS + 1])
    end }
  ]]

  it("are weighed by c:best as a loop would", function()
    local router = write("by_hand.lua", BY_HAND)
    local texts = { { prompt_pool = 30 }, {}, { prefix = { name = "p", tokens = 320 } } }
    for _, more in ipairs(texts) do
      local load = oracle.workload.poisson { rate = 40, count = 200, prompt = 400, output = 60 }
      for k, v in pairs(more) do load[k] = v end
      local s = small({ replicas = 5, router = router, workload = load }, { enable_prefix_caching = true })
      assert.equal(200, s:run().requests.successful)
    end
  end)

  it("are drawn by c:best the likelier the better", function()
    local router = write("drawn.lua", [[
      return require "oracle.policy".router { name = "drawn", params = { heat = 0.0 }, route = function(c, _, s)
        return c:best { in_flight = -1, temperature = s.params.heat }
      end }
    ]])
    local function spread(heat)
      local raw = planning.simulate(planning.plan(small { replicas = 4, router = { router, heat = heat } }))
      local least, most = math.huge, 0
      for i = 1, #raw.replicas do
        least, most = math.min(least, raw.replicas[i].steps), math.max(most, raw.replicas[i].steps)
      end
      return most - least, most
    end
    local cold, hot = { spread(0.0) }, { spread(1e6) }       -- the fewest in flight; then any, by chance
    assert.not_same(cold, hot)
    assert.same(hot, { spread(1e6) })
  end)

  it("that c:best cannot weigh are named", function()
    local function refused(rank, pattern)
      local router = write("odd_rank.lua", ([[
        return require "oracle.policy".router { name = "odd_rank", route = function(c) return c:best(%s) end }
      ]]):format(rank))
      assert.matches(pattern, raised(function() small({ replicas = 2, router = router }):run() end))
    end
    refused("{ in_flihgt = 1 }", 'odd_rank%.lua:1: c:best: no column "in_flihgt"; did you mean "in_flight"%?')
    refused("{ free = 1, ties = { qqq = 1 } }", 'c:best: no column "qqq"')
    refused("{ free = 'x' }", "c:best: free: a number expected")
    refused("{ free = 0/0 }", "c:best: free: a number expected")
    refused("{ within = -1 }", "c:best: within: a number >= 0 expected")
    refused("{ temperature = math.huge }", "c:best: temperature: a number >= 0 expected")
    refused("{ ties = 1 }", "c:best: ties: a table of weights expected")
    refused("{ 1 }", "c:best: names of columns expected, got a number")
    refused("3", "c:best: a table of weights expected")
    refused("{ load_tokens = 1 }", "only for a router with tracks = true")
  end)

  it("that are none are named", function()
    fails("typo", body 'b:columns { "id", "prompts" }', 'typo%.lua.*no column "prompts"; did you mean "prompt"')
    fails("odd", body 'b:columns { "colour" }', 'no column "colour"; there are id, prompt, arrival')
    fails("empty", body "b:columns {}", "a list of names of columns expected")
    fails("bare", body "b:waiting {}", 'columns expected, as b:columns { "id" } makes them')
    fails("other", body 'local n = b:columns { "id" }.prompt', 'no column "prompt" was asked for in b:columns')
  end)
end)

describe("a name that is no verb", function()
  it("is an error that names the nearest verb", function()
    fails("verb", body "b:decodes()", 'verb%.lua:%d+: a batch has no verb "decodes"; did you mean b:decode%?')
    fails("verb", body "b:preemt(1)", 'a batch has no verb "preemt"; did you mean b:preempt%?')
    fails("verb", body "b:go_on(1)", 'a batch has no verb "go_on"; it has decode, resume, continue')
    fails("verb", [[
      local policy = require "oracle.policy"
      return policy.batching { name = "verb", order = function(r) return r.promt end }
    ]], 'a request has no field "promt"; did you mean r%.prompt%?')
    local s = small { replicas = 2, router = write("verbs.lua", [[
      local policy = require "oracle.policy"
      return policy.router { name = "verbs", route = function(c) return c:last_replicas() end }
    ]]) }
    assert.matches('a cluster has no verb "last_replicas"; did you mean c:last_replica%?', raised(s.run, s))
  end)
end)
