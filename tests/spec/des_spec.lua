--- oracle.des: processes, events, conditions, interrupts, resources, stores, measures, random streams.
local des = require "oracle.des"

local env, log

local function note(what) log[#log + 1] = ("%s@%g"):format(what, env.now) end

local function logged() return table.concat(log, " ") end

local function refused(pattern, f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(pattern, tostring(why))
end

-- What a process does wrong ends the run with this.
local function ends_with(pattern, f)
  env:process(f)
  refused(pattern, env.run, env)
end

local function fresh() env, log = des.environment { seed = 1 }, {} end

describe("processes", function()
  before_each(fresh)

  it("sleep, and go on in the order of time, and then of coming", function()
    for _, name in ipairs { "a", "b", "c" } do
      env:process(function(who, delay)
        env:sleep(delay)
        note(who)
        env:sleep(2)
        note(who)
      end, name, name == "c" and 1 or 2)
    end
    env:run()
    assert.equal("c@1 a@2 b@2 c@3 a@4 b@4", logged())
  end)

  it("that fail while they hold places give them back to those who wait", function()
    local desk = env:resource(1)
    env:process(function()
      local place <close> = desk:request()
      place:wait()
      env:sleep(1)
      error("lost", 0)
    end)
    for i = 1, 3 do
      env:process(function() desk:use(function() env:sleep(i) note(i) end) end)
    end
    assert.has_error(function() env:run() end)
    env:run()
    assert.equal("1@2 2@4 3@7", logged())
  end)

  it("give a value to those who wait for their end", function()
    local p = env:process(function() env:sleep(3) return "done", 2 end)
    env:process(function() note(p:wait()) note(p:wait()) end)
    assert.is_true(p.is_alive)
    env:run()
    assert.equal("done@3 done@3", logged())
    assert.is_false(p.is_alive)
    assert.equal("done", p.value)
  end)

  it("know which of them runs", function()
    local p
    p = env:process(function() assert.equal(p, env.active_process) end)
    env:run()
    assert.is_true(p.ok)
    assert.is_nil(env.active_process)
  end)

  it("wait within functions, pcall and metamethods", function()
    local t = setmetatable({}, { __index = function(_, key) env:sleep(1) return key end })
    env:process(function()
      note(t.x)
      assert.is_true(pcall(function() env:sleep(2) end))
      note("y")
    end)
    env:run()
    assert.equal("x@1 y@3", logged())
  end)

  it("cost nothing once they have ended: a hundred thousand of them", function()
    local n = 0
    env:process(function()
      for _ = 1, 100000 do
        env:process(function() env:sleep(1) n = n + 1 end)
        env:sleep(1)
      end
    end)
    collectgarbage()
    local before = collectgarbage("count")
    env:run()
    collectgarbage()
    assert.equal(100000, n)
    assert.is_true(collectgarbage("count") - before < 100)
  end)

  it("end with all they held, their environment with it", function()
    local gone = setmetatable({}, { __mode = "k" })
    gone[env] = true
    env:process(function() env:sleep(5) end)
    env:process(function() env:event():wait() end)
    env:run(2)
    env = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(gone))
  end)
end)

describe("a run", function()
  before_each(fresh)

  it("ends at a time, before what happens then, and goes on", function()
    env:process(function() for _ = 1, 4 do env:sleep(1) note("x") end end)
    env:run(2)
    assert.equal("x@1", logged())
    assert.equal(2, env.now)
    assert.equal(2, env:peek())
    env:run(2.5)
    assert.equal("x@1 x@2", logged())
    assert.equal(2.5, env.now)
    env:run()
    assert.equal(4, env.now)
    assert.equal(math.huge, env:peek())
  end)

  it("ends with an event, and gives its value", function()
    env:process(function() while true do env:sleep(1) end end)
    assert.equal("late", env:run(env:timeout(3.5, "late")))
    assert.equal(3.5, env.now)
    local p = env:process(function() env:sleep(1) error("broke", 0) end)
    refused("^broke$", env.run, env, p)
  end)

  it("says when the event it is to end with cannot happen any more", function()
    env:process(function() env:sleep(2) end)
    refused("at t=2%.0 s: nothing is left to happen", env.run, env, env:event())
  end)

  it("goes event by event", function()
    env:process(function() env:sleep(1) note("a") env:sleep(1) note("b") end)
    local steps = 0
    while env:step() do steps = steps + 1 end
    assert.equal(3, steps)
    assert.equal("a@1 b@2", logged())
  end)

  it("is the same each time: as many events, in the same order", function()
    local function story()
      fresh()
      local r, arrivals = env:priority_resource(2), env:random("arrivals")
      for i = 1, 200 do
        env:process(function()
          env:sleep(arrivals:uniform(0, 10))
          r:use(function() env:sleep(arrivals:exponential(0.2)) note(i) end, { priority = i % 3 })
        end)
      end
      env:run()
      return logged(), env.executed
    end
    local first, events = story()
    local again, events_again = story()
    assert.equal(first, again)
    assert.equal(events, events_again)
  end)

  it("refuses a time that has passed, and a run within a run", function()
    env:run(5)
    refused("env:run%(3.0%): a time from now on expected, and now is 5%.0 s", env.run, env, 3)
    ends_with("the run is going on already", function() env:run() end)
  end)
end)

describe("events", function()
  before_each(fresh)

  it("happen once, for all who wait, in the order of coming", function()
    local e = env:event()
    for _, name in ipairs { "a", "b" } do env:process(function() note(name .. e:wait()) end) end
    env:process(function() env:sleep(2) e:succeed("!") end)
    assert.is_false(e.triggered)
    assert.is_nil(e.ok)
    env:run()
    assert.equal("a!@2 b!@2", logged())
    assert.is_true(e.triggered and e.processed and e.ok)
    assert.equal("!", e.value)
    refused("triggered already", e.succeed, e)
    refused("triggered already", e.fail, e, "x")
  end)

  it("that fail raise their error where it is waited for, a table as it is", function()
    local e, cause = env:event(), { code = 7 }
    env:process(function()
      local ok, why = pcall(e.wait, e)
      assert.is_false(ok)
      assert.equal(cause, why)
      local good, said = e:try()
      assert.is_false(good)
      assert.equal(cause, said)
      note("told")
    end)
    env:process(function() env:sleep(1) e:fail(cause) end)
    env:run()
    assert.equal("told@1", logged())
    refused("an error expected", env:event().fail, env:event())
  end)

  it("that fail with nobody to tell end the run; defused ones do not", function()
    env:process(function() env:sleep(1) env:event():fail("lost"):defuse() end)
    env:run()
    env:process(function() env:sleep(1) env:event():fail("lost") end)
    refused("^at t=2%.0 s, an event failed and nothing waited for it: lost", env.run, env)
  end)

  it("of a process that waits for a failed one pass the failure on", function()
    local child = env:process(function() env:sleep(2) error("inner", 0) end)
    ends_with("^at t=2%.0 s, process of [^:]*des_spec.lua:%d+: [^:]*des_spec.lua:%d+: inner",
      function() child:wait() end)
  end)

  it("keep fields of one's own", function()
    local e = env:timeout(1, "v")
    e.name = "mine"
    assert.equal("mine", e.name)
    assert.is_nil(e.other)
    refused("event.value cannot be set", function() e.value = 3 end)
    refused("event.wait cannot be set", function() e.wait = 3 end)
  end)

  it("that are timeouts can be cancelled, and leave the clock alone", function()
    local t = env:timeout(100)
    env:process(function() env:sleep(1) note(tostring(t:cancel())) note(tostring(t.triggered)) end)
    env:run()
    assert.equal(1, env.now)
    assert.equal("true@1 false@1", logged())
  end)

  it("belong to one environment", function()
    local other = des.environment {}
    ends_with("another environment", function() env:any_of { other:event() }:wait() end)
    assert.is_true(des.is_environment(other))
    assert.is_false(des.is_environment {})
  end)
end)

describe("conditions", function()
  before_each(fresh)

  it("any of: the first, with its value", function()
    env:process(function()
      local a, b = env:timeout(2, "two"), env:timeout(5, "five")
      local r = env:any_of { a, b }:wait()
      note("any")
      assert.equal("two", r[a])
      assert.is_nil(r[b])
      assert.same({ a }, { r[1] })
      assert.equal(1, #r)
    end)
    env:run()
    assert.equal("any@2", logged())
  end)

  it("all of: the last, with all values", function()
    env:process(function()
      local a, b = env:timeout(5, "five"), env:timeout(2)
      local r = env:all_of { a, b }:wait()
      note("all")
      assert.equal("five", r[a])
      assert.is_true(r[b])
      assert.equal(2, #r)
    end)
    env:run()
    assert.equal("all@5", logged())
  end)

  it("are made with | and &, of conditions, too", function()
    env:process(function()
      ((env:timeout(1) & env:timeout(3)) | env:timeout(2)):wait()
      note("two");
      ((env:timeout(1) | env:timeout(9)) & env:timeout(2)):wait()
      note("four")
    end)
    env:run(6)
    assert.equal("two@2 four@4", logged())
  end)

  it("of nothing, or of what has happened, are there at once", function()
    env:process(function()
      local done = env:timeout(1)
      env:sleep(2)
      env:all_of({}):wait()
      env:any_of({}):wait()
      env:all_of({ done }):wait()
      env:any_of({ done, env:event() }):wait()
      note("at once")
    end)
    env:run()
    assert.equal("at once@2", logged())
  end)

  it("fail with a member", function()
    local e = env:event()
    env:process(function()
      local ok, why = env:all_of({ env:timeout(9), e }):try()
      note(tostring(ok) .. why)
    end)
    env:process(function() env:sleep(1) e:fail("x") end)
    env:run()
    assert.equal("falsex@1", logged())
  end)
end)

describe("interrupts", function()
  before_each(fresh)

  it("end a sleep or a wait, with a cause; what was waited for can be waited for again", function()
    local p = env:process(function()
      local t = env:timeout(10)
      local ok, i = t:try()
      assert.is_false(ok)
      assert.is_true(des.is_interrupt(i))
      note(i.cause)
      assert.equal("interrupted: hurry", tostring(i))
      t:wait()
      note("waited")
    end)
    env:process(function() env:sleep(4) p:interrupt("hurry") end)
    env:run()
    assert.equal("hurry@4 waited@10", logged())
    assert.is_false(des.is_interrupt("interrupted"))
  end)

  it("come in the order of sending, each in its turn", function()
    local p = env:process(function()
      for _ = 1, 2 do
        local ok, i = pcall(env.sleep, env, 10)
        note(ok and "slept" or i.cause)
      end
      env:sleep(1)
      note("end")
    end)
    env:process(function() env:sleep(1) p:interrupt("a") p:interrupt("b") end)
    env:run()
    assert.equal("a@1 b@1 end@2", logged())
  end)

  it("that are not caught end the process, and the run, with their line", function()
    local p = env:process(function() env:sleep(10) end)
    env:process(function() env:sleep(1) p:interrupt("go") end)
    refused("^at t=1%.0 s, process of .*des_spec.lua:%d+: .*des_spec.lua:%d+: interrupted: go", env.run, env)
  end)

  it("are refused by the dead, and of oneself", function()
    local p = env:process(function() end)
    env:run()
    refused("has ended", p.interrupt, p)
    ends_with("cannot interrupt itself", function() env.active_process:interrupt() end)
    refused("only a process", function() env:timeout(1):interrupt() end)
  end)
end)

describe("resources", function()
  before_each(fresh)

  it("are held by as many as there are servers; the others wait in order", function()
    local r = env:resource(2)
    for _, name in ipairs { "a", "b", "c", "d" } do
      env:process(function()
        local q <close> = r:request()
        q:wait()
        note(name)
        env:sleep(3)
      end)
    end
    env:run(1)
    assert.equal(2, r.count)
    assert.equal(2, r.waiting)
    assert.equal(2, #r:requests())
    assert.equal(2, r.capacity)
    env:run()
    assert.equal("a@0 b@0 c@3 d@3", logged())
    assert.equal(0, r.count)
  end)

  it("measure themselves: servers in use, the queue, waits", function()
    local r = env:resource(1)
    for i = 1, 3 do
      env:process(function() r:use(function(q) assert.equal(2 * (i - 1), q.since) env:sleep(2) end) end)
    end
    env:run(8)
    assert.equal(6 / 8, r:utilisation())
    assert.equal((2 * 2 + 1 * 2) / 8, r.queue_length.mean)
    assert.equal(2, r.queue_length.max)
    assert.equal((0 + 2 + 4) / 3, r.waits.mean)
    assert.equal(3, r.waits.count)
    r:reset()
    env:run(10)
    assert.equal(0, r:utilisation())
    assert.equal(0, r.waits.count)
  end)

  it("are given back where a block ends, also by an error or an interrupt", function()
    local r = env:resource(1)
    local holder = env:process(function()
      pcall(function() r:use(function() error("x") end) end)
      pcall(r.use, r, function() env:sleep(100) end)
      note("out")
    end)
    env:process(function() env:sleep(1) holder:interrupt() end)
    env:process(function() r:use(function() note("in") end) end)
    env:run()
    assert.equal("out@1 in@1", logged())
    assert.equal(0, r.count)
  end)

  it("forget a request that is cancelled: reneging", function()
    local r = env:resource(1)
    env:process(function() r:use(function() env:sleep(10) end) end)
    env:process(function()
      local q <close> = r:request()
      local got = (q | env:timeout(3)):wait()
      note(got[q] and "served" or "left")
    end)
    env:process(function() r:use(function() note("next") end) end)
    env:run()
    assert.equal("left@3 next@10", logged())
    assert.equal(0, r.waiting)
  end)

  it("with priorities serve the least first, and then the first", function()
    local r = env:priority_resource(1)
    for i, priority in ipairs { 5, 3, 1, 3, 1 } do
      env:process(function()
        r:use(function(q) assert.equal(priority, q.priority) note(i) env:sleep(1) end, { priority = priority })
      end)
    end
    env:run()
    assert.equal("1@0 3@1 5@2 2@3 4@4", logged())
  end)

  it("that are preemptive take a server from a greater priority, and say so", function()
    local r = env:preemptive_resource(1)
    local first
    env:process(function()
      local q <close> = r:request { priority = 2 }
      q:wait()
      local ok, i = pcall(env.sleep, env, 10)
      assert.is_false(ok)
      assert.equal(first, i.cause.by)
      assert.equal(r, i.cause.resource)
      assert.equal(0, i.cause.usage_since)
      assert.is_true(i.cause.preempted)
      note("lost")
    end)
    first = env:process(function()
      env:sleep(3)
      r:use(function() note("took") env:sleep(4) end, { priority = 1 })
    end)
    env:process(function()
      env:sleep(4)
      r:use(function() note("polite") end, { priority = 0, preempt = false })
    end)
    env:run()
    assert.equal("took@3 lost@3 polite@7", logged())
    assert.equal(0, r.count)
  end)

  it("keep their users of a preemptive kind from the collector", function()
    local r, lost = env:preemptive_resource(3), 0
    for i = 1, 300 do
      env:process(function()
        env:sleep(i / 10)
        local ok = pcall(r.use, r, function() collectgarbage("step", 1000) env:sleep(1) end, { priority = i % 7 })
        if not ok then lost = lost + 1 end
      end)
    end
    env:run()
    assert.is_true(lost > 10)
    assert.equal(0, r.count)
    assert.equal(0, r.waiting)
  end)

  it("refuse what is wrong", function()
    assert.equal(0, env:resource(4294967295).count)
    for _, capacity in ipairs { 0, -1, 1.5, "2", false, 4294967296 } do
      refused("env:resource: a capacity from 1 to 4294967295 expected", env.resource, env, capacity)
    end
    local r, other = env:resource(1), env:resource(1)
    local held, waits = r:request(), r:request()
    refused("has not been granted", r.release, r, waits)
    refused("a request of this resource expected", other.release, other, held)
    refused("a request of this resource expected", r.release, r, env:event())
    refused("an event expected, got no value", r.release, r)
    held:release()
    refused("holds its resource no longer", held.release, held)
    refused("priorities are of", r.request, r, { priority = 1 })
    refused("priority: a number expected, got x", function() env:priority_resource(1):request { priority = "x" } end)
    refused("a table of options expected", r.request, r, 3)
    refused('a resource has no "foo"', function() return r.foo end)
    refused("resource:name", function() r.request({}) end)
    refused("only a plain event is triggered by hand", waits.succeed, r:request())
  end)
end)

describe("stores", function()
  before_each(fresh)

  it("give what was put in first, and make both sides wait", function()
    local s = env:store(2)
    env:process(function()
      for i = 1, 5 do
        s:put(i):wait()
        note("put" .. i)
      end
    end)
    env:process(function()
      env:sleep(1)
      for _ = 1, 5 do
        note("got" .. s:get():wait())
        env:sleep(1)
      end
    end)
    env:run()
    assert.equal("put1@0 put2@0 got1@1 put3@1 got2@2 put4@2 got3@3 put5@3 got4@4 got5@5", logged())
    assert.equal(2, s.stock.max)
    assert.equal(0, s.count)
  end)

  it("hand a thing to the first of those who wait", function()
    local s = env:store()
    for _, name in ipairs { "a", "b" } do env:process(function() note(name .. s:get():wait()) end) end
    env:process(function() env:sleep(1) s:put("x") s:put("y") s:put("z") end)
    env:run()
    assert.equal("ax@1 by@1", logged())
    assert.same({ "z" }, s:items())
  end)

  it("with filters give what fits, and let those behind have theirs", function()
    local s = env:filter_store()
    env:process(function() note("b" .. s:get(function(x) return x > 10 end):wait()) end)
    env:process(function() note("a" .. s:get(function(x) return x < 10 end):wait()) end)
    env:process(function() for _, x in ipairs { 5, 7, 20 } do env:sleep(1) s:put(x) end end)
    env:run()
    assert.equal("a5@1 b20@3", logged())
    assert.same({ 7 }, s:items())
  end)

  it("with priorities give the least, and then the first", function()
    local s = env:priority_store()
    s:put("c", 3) s:put("a", 1) s:put("b", 2) s:put("a2", 1)
    assert.same({ "a", "a2", "b", "c" }, s:items())
    s:put({ priority = 0, name = "first" })
    s:put(2.5)
    env:process(function()
      note(s:get():wait().name)
      while s.count > 0 do note(s:get():wait()) end
    end)
    env:run()
    assert.equal("first@0 a@0 a2@0 b@0 2.5@0 c@0", logged())
  end)

  it("keep any order of priorities", function()
    local s, draw, expected = env:priority_store(), env:random("items"), {}
    for i = 1, 500 do expected[i] = draw:integer(1, 50) s:put(expected[i]) end
    table.sort(expected)
    assert.same(expected, s:items())
    local got = {}
    env:process(function() for i = 1, 500 do got[i] = s:get():wait() end end)
    env:run()
    assert.same(expected, got)
  end)

  -- Beside a plain list, with more coming than goes, and the collector at work.
  it("with filters and little room keep the order among what fits", function()
    local s, draw, model = env:filter_store(7), env:random("items"), {}
    env:process(function()
      for i = 1, 400 do
        s:put { number = i, kind = draw:integer(1, 3) }:wait()
        model[#model + 1] = i
        env:sleep(draw:exponential(1))
      end
    end)
    env:process(function()
      for _ = 1, 390 do
        local kind = draw:integer(1, 3)
        local there = {}
        for _, item in ipairs(s:items()) do if item.kind == kind then there[#there + 1] = item.number end end
        local got = (s:get(function(x) return x.kind == kind end) | env:timeout(2)):wait()[1].value
        if there[1] then assert.equal(there[1], got.number) end
        if draw:chance(0.1) then collectgarbage() end
        env:sleep(draw:exponential(1))
      end
    end)
    env:run()
    local numbers = {}
    for i, item in ipairs(s:items()) do numbers[i] = item.number end
    local sorted = table.move(numbers, 1, #numbers, 1, {})
    table.sort(sorted)
    assert.same(sorted, numbers)
    assert.is_true(s.stock.max <= 7 and #model > 100)
  end)

  it("tell the get of what its filter does wrong", function()
    local s = env:filter_store()
    s:put { x = 1 }
    for pattern, filter in pairs {
      ["a filter cannot use the store that calls it"] = function() s:put(2) end,
      ["des_spec.lua:%d+: attempt to index"] = function(item) return item.y.z end,
      ["cannot wait within a function that C calls"] = function() env:sleep(1) end,
    } do
      env:process(function()
        refused(pattern, function() s:get(filter):wait() end)
        note("told")
      end)
    end
    env:process(function() env:sleep(1) note(s:get(function() return true end):wait().x) end)
    env:run()
    assert.equal("told@0 told@0 told@0 1@1", logged())
    s:put(3)
    s:get(function() error("lost", 0) end)
    refused("^at t=1%.0 s, an event failed and nothing waited for it: lost", env.run, env)
    assert.equal(0, s.getting)
  end)

  it("forget a get or a put that is cancelled", function()
    local s = env:store(1)
    local get = s:get()
    assert.is_true(get:cancel())
    assert.is_false(get:cancel())
    s:put("x")
    local put, behind = s:put("y"), s:put("z")
    assert.is_true(put:cancel())
    env:process(function() note(s:get():wait()) note(s:get():wait()) end)
    env:run()
    assert.equal("x@0 z@0", logged())
    assert.is_true(behind.processed)
  end)

  it("refuse what is wrong", function()
    refused("something expected, got nil", function() env:store():put(nil) end)
    refused("priorities are of env:priority_store", function() env:store():put(1, 2) end)
    refused("priority: a number expected, got high", function() env:priority_store():put(1, "high") end)
    refused("filters are of env:filter_store", function() env:store():get(print) end)
    refused("a function expected", function() env:filter_store():get(3) end)
    refused("env:store: capacity: a number above 0 expected, got 0", env.store, env, 0)
    refused('a store has no "foo"', function() return env:store().foo end)
  end)
end)

describe("containers", function()
  before_each(fresh)

  it("give and take amounts; who asks for much stops those behind", function()
    local c = env:container { capacity = 100, init = 10 }
    env:process(function() c:get(50):wait() note("fifty") end)
    env:process(function() c:get(5):wait() note("five") end)
    env:process(function() env:sleep(2) c:put(60) end)
    env:process(function() env:sleep(3) c:put(90):wait() note("room") end)
    env:process(function() env:sleep(4) c:get(10) end)
    env:run()
    assert.equal("fifty@2 five@2 room@4", logged())
    assert.equal(95, c.level)
    assert.equal(100 - 5, c.stock.value)
  end)

  it("refuse what is wrong", function()
    local c = env:container { capacity = 5 }
    refused("6 is more than it holds, 5", c.put, c, 6)
    refused("container:get: a number above 0 expected, got %-1", c.get, c, -1)
    refused("init: a number from 0 to the capacity", function() env:container { capacity = 5, init = 6 } end)
    refused("cap: unknown; there are capacity and init", function() env:container { cap = 5 } end)
    refused("a table of options expected", function() env:container(5) end)
    refused('a container has no "foo"', function() return c.foo end)
  end)
end)

describe("measures", function()
  before_each(fresh)

  it("of levels are by time", function()
    local l = env:level(2)
    env:process(function() env:sleep(3) l:set(6) env:sleep(1) l:add(-6) end)
    env:run(10)
    assert.equal((2 * 3 + 6) / 10, l.mean)
    assert.equal(12, l.area)
    assert.equal(10, l.time)
    assert.equal(0, l.min)
    assert.equal(6, l.max)
    assert.is_true(math.abs(l.std - math.sqrt((4 * 3 + 36) / 10 - 1.2 ^ 2)) < 1e-12)
    l:reset()
    assert.equal(0, l.max)
    assert.equal(0, l.mean)
    refused('a level has no "foo"', function() return l.foo end)
    refused("a finite number expected", l.set, l, 0 / 0)
  end)

  it("of tallies are by observation", function()
    local t = env:tally()
    for i = 1, 5 do t:add(i) end
    t:add(10, 5)
    assert.equal(10, t.count)
    assert.equal(6.5, t.mean)
    assert.equal(65, t.total)
    assert.equal(1, t.min)
    assert.equal(10, t.max)
    assert.equal(7.5, t:quantile(0.5))
    refused("from 0 to 1e9", t.add, t, -1)
    refused("a share from 0 to 1", t.quantile, t, 2)
    refused('a tally has no "foo"', function() return t.foo end)
  end)
end)

describe("random streams", function()
  before_each(fresh)

  local function draws(stream, n)
    local list = {}
    for i = 1, n do list[i] = stream:uniform() end
    return list
  end

  it("are keyed by seed and name: draws of one move no other", function()
    local a = draws(env:random("a"), 5)
    local other = des.environment { seed = 1 }
    draws(other:random("b"), 100)
    assert.same(a, draws(other:random("a"), 5))
    assert.are_not.same(a, draws(other:random("c"), 5))
    assert.are_not.same(a, draws(des.environment { seed = 2 }:random("a"), 5))
    assert.equal(env:random("a"), env:random("a"))
  end)

  it("have the means of their distributions", function()
    local r, n = env:random("x"), 20000
    local function mean(f)
      local sum = 0
      for _ = 1, n do sum = sum + f() end
      return sum / n
    end
    local function about(expected, f) assert.is_true(math.abs(mean(f) - expected) < 0.05 * expected) end
    about(0.5, function() return r:uniform() end)
    about(4, function() return r:uniform(3, 5) end)
    about(2, function() return r:exponential(2) end)
    about(7, function() return r:normal(7, 2) end)
    about(math.exp(0.5 + 0.125), function() return r:lognormal(0.5, 0.5) end)
    about(6, function() return r:gamma(2, 3) end)
    about(3, function() return r:weibull(1, 3) end)
    about(2 * 3 / 2, function() return r:pareto(3, 2) end)
    about(3.5, function() return r:integer(1, 6) end)
    about(0.3, function() return r:chance(0.3) and 1 or 0 end)
    about(1.75, function() return r:choice({ 1, 2 }, { 1, 3 }) end)
    about(2, function() return r:choice { 1, 2, 3 } end)
    about(2, function() return r:shuffle({ 1, 2, 3 })[1] end)
  end)

  it("refuse what is wrong", function()
    local r = env:random("x")
    refused("the name of a stream expected", env.random, env)
    refused("exponential: mean: a positive number expected, got 0", r.exponential, r, 0)
    refused("normal: deviation: at least 0", r.normal, r, 1, -1)
    refused("low <= high", r.uniform, r, 2, 1)
    refused("low <= high", r.integer, r, 2, 1)
    refused("a probability expected", r.chance, r, 2)
    refused("at least one value", r.choice, r, {})
    refused("a weight above 0", r.choice, r, { 1 }, { 0 })
  end)
end)

describe("a process that goes wrong", function()
  before_each(fresh)

  it("ends the run with the time, where it began, and the line", function()
    ends_with("^at t=2%.25 s, process of .*des_spec.lua:%d+: .*des_spec.lua:%d+: attempt to index a nil value",
      function()
        env:sleep(2.25)
        return log.nothing.x
      end)
  end)

  it("by a bad delay", function()
    ends_with("t=1%.0 s.*a delay of at least 0 s expected, got %-1", function() env:sleep(1) env:sleep(-1) end)
    fresh()
    ends_with("a delay of at least 0 s expected, got NaN", function() env:timeout(0 / 0) end)
    fresh()
    ends_with("a delay of at least 0 s expected, got inf", function() env:timeout(math.huge) end)
    fresh()
    ends_with("a delay in seconds expected, got string", function() env:sleep("1") end)
    fresh()
    ends_with("beyond the clock, which has 292 years", function() env:sleep(1e10) end)
  end)

  it("by waiting for itself, alone, among others, and over others", function()
    local p
    p = env:process(function() p:wait() end)
    refused("t=0%.0 s.*a process cannot wait for its own end", env.run, env)
    fresh()
    p = env:process(function() env:all_of({ env:timeout(1), p }):wait() end)
    refused("a process cannot wait for its own end", env.run, env)
    fresh()
    local q
    p = env:process(function() env:sleep(1) q:wait() end)
    q = env:process(function() env:sleep(2) p:wait() end)
    refused("t=2%.0 s.*that process waits for the end of this one; neither would ever end", env.run, env)
  end)

  it("by yielding what is nothing to wait for", function()
    ends_with("a process waits with event:wait%(%) or env:sleep%(seconds%)", function() coroutine.yield(1) end)
  end)

  it("by waiting in a coroutine of its own, or outside of any process", function()
    ends_with("a coroutine within a process cannot wait", function()
      coroutine.wrap(function() env:sleep(1) end)()
    end)
    refused("only a process of this environment can wait", env.sleep, env, 1)
  end)

  it("by waiting where C would have to, and goes on if that is caught", function()
    env:process(function()
      refused("cannot wait within a function that C calls", table.sort, { 2, 1 }, function() env:sleep(1) end)
      refused("cannot wait within a function that C calls", string.gsub, "x", "x", function()
        env:timeout(1):wait()
      end)
      env:sleep(2)
      note("on")
    end)
    env:run()
    assert.equal("on@2", logged())
  end)

  it("by never letting time go on", function()
    ends_with("at t=3%.0 s: 16777216 events in a row, and the clock stands still", function()
      env:sleep(3)
      while true do env:sleep(0) end
    end)
  end)

  it("leaves the environment to be run on", function()
    ends_with("x", function() error("x") end)
    env:process(function() env:sleep(1) note("on") end)
    env:run()
    assert.equal("on@1", logged())
  end)

  it("where a call is misspelt", function()
    refused('an environment has no "foo"', function() return env.foo end)
    refused("env:name", function() env.sleep(1) end)
    refused("a function expected, got no value", env.process, env)
    refused("sed: unknown; there is seed", des.environment, { sed = 1 })
    refused("a whole number expected, got x", des.environment, { seed = "x" })
    refused("a table of options expected", des.environment, 3)
  end)
end)
