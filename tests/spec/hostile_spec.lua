--- Policies that mean harm: each is stopped with its file, line, simulated time and replica, or cannot do its harm.
local oracle = require "oracle"
local planning = require "oracle.plan"
local live = require "oracle.live"
local policy = require "oracle.policy"
local sandbox = require "oracle.policy.sandbox"
local tables = require "oracle.policy.tables"
local program = require "program"

local dir

setup(function()
  program.open()
  dir = program.dir
end)

teardown(program.close)

local function write(name, text)
  local path = dir .. "/" .. name .. ".lua"
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

local function small(changes)
  local t = {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = 3, replicas = 2,
    engine = { max_model_len = 2048, num_gpu_blocks_override = 400 },
    workload = oracle.workload.poisson { rate = 40, count = 80, prompt = 200, output = 40, prompt_pool = 8 },
  }
  for k, v in pairs(changes or {}) do t[k] = v end
  return oracle.scenario(t)
end

local KINDS = {
  batching = { key = "batching", head = "batching { name = 'bad', step = function(b, e, s)", tail = [[
    b:decode()
    b:resume(1000)
    while b:admit(1000) > 0 do end
  end }]], now = "b:now() > 0.3" },
  router = { key = "router", head = "router { name = 'bad', route = function(c, r, s)", tail = "return 1 end }",
             now = "c:now() > 0.3" },
  admission = { key = "admission", head = "admission { name = 'bad', admit = function(c, r, s)",
                tail = "return true end }", now = "c:now() > 0.3" },
  autoscaler = { key = "autoscaling", head = "autoscaler { name = 'bad', scale = function(c, s)",
                 tail = "return 2 end }", now = "c:now() > 0.3" },
  eviction = { key = "eviction", head = "eviction { name = 'bad', grade = function(r, s)", tail = "return 0 end }",
               now = "r.id > 10" },
}

-- A policy of a kind whose line 5 does `code` once it has run for a while; `before` stands at the top of the file.
local function scenario_with(kind, code, before)
  local of = KINDS[kind]
  local text = "local policy = require 'oracle.policy'\n%s\nreturn policy.%s\nif %s then\n%s\nend\n%s"
  local path = write("bad", text:format(before or "", of.head, of.now, code, of.tail))
  local value = kind ~= "autoscaler" and path or { policy = path, max = 3, interval = 0.1, cold_start = 0.1 }
  return small { [of.key] = value }
end

-- It is stopped, its place is named, and the books balance.
local function stopped(kind, code, pattern, before)
  local s = live.new(scenario_with(kind, code, before))
  local why = raised(s.run, s)
  assert.matches("^at t=%d+%.%d+ s, ", why)
  assert.matches("bad%.lua:[35]", why)
  assert.matches(pattern, why)
  if kind == "batching" then assert.matches("s, replica %d+, step %d+: ", why) end
  assert.is_nil(why:find "0x%x%x%x%x%x%x%x")             -- the address of a table
  assert.is_nil(why:find("sandbox.lua", 1, true))
  assert.equal(s.arrived, s.finished + s.in_flight)
  for i = 0, #s.replicas - 1 do
    local kv = s.replicas[i].kv
    assert.equal(kv.total, kv.used + kv.free + kv.cached)
  end
  return why
end

describe("an error of any shape", function()
  it("names its line", function()
    for code, pattern in pairs {
      ["error({})"] = "an error without a message %(.*bad.lua:5%)",
      ["error()"] = "an error without a message",
      ["error(print)"] = "an error without a message",
      ["error(42)"] = "bad.lua:5: 42",
      ["error('said', 0)"] = "bad.lua:5: said",
      ["error { message = 'said' }"] = "bad.lua:5: said",
      ["error { 'said', 1 }"] = "bad.lua:5: said",
      ["error(setmetatable({}, { __tostring = function() return 'said' end }))"] = "bad.lua:5: said",
      ["error(setmetatable({}, { __tostring = function() error {} end }))"] = "bad.lua:5",
      ["string.format('%99999d', 1)"] = "bad.lua:5: invalid conversion",
      ["string.rep('x', 1 << 40)"] = "bad.lua:5: .*resulting string too large",
      ["setmetatable('', {})"] = "bad.lua:5: bad argument",
      ["local function f() return 1 + f() end f()"] = "bad.lua:5: stack overflow",
    } do
      stopped("batching", code, pattern)
    end
  end)

  it("does so in policies of every kind", function()
    for kind in pairs(KINDS) do
      stopped(kind, "error({})", "policy \"bad\": an error without a message %(.*bad.lua:5%)")
      stopped(kind, "local x = nil + 1", "bad.lua:5: attempt to perform arithmetic")
    end
  end)

  it("leaves no address while the file loads", function()
    assert.matches("bad%.lua:1%)$", select(2, sandbox.load(write("bad", "error({})"))))
    assert.matches("more than 2 s", select(2, sandbox.load(write("bad",
      "error(setmetatable({}, { __tostring = function() while true do end end }))"))))
  end)
end)

describe("what does not return", function()
  it("is stopped in handlers, in protected calls and where recursion is deep", function()
    for _, code in ipairs {
      "while true do xpcall(error, function() while true do end end) end",
      "local function f() return 1 + f() end while true do pcall(f) end",
      "while true do pcall(table.sort, { 3, 2, 1 }, function() while true do end end) end",
      "table.move(setmetatable({}, { __index = rawlen }), 1, 99999999, 2, setmetatable({}, { __newindex = rawequal }))",
    } do
      stopped("batching", code, "bad.lua:5: it ran for more than 2 s without returning")
    end
    -- What is sorted is copied first: where that is fast its memory is too much before its time is.
    stopped("batching",
      "table.sort(setmetatable({}, { __index = rawlen, __len = function() return 9e7 end }), rawequal)",
      "bad.lua:5: .* more than %d+ M?i?B?s? ")
  end)

  it("is refused where Lua's library alone would be at it", function()
    for code, pattern in pairs {
      ["table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, 1)"] = "table.insert: too many",
      ["table.move({}, '1', '99999999999999', 2)"] = "table.move: too many",
      ["table.concat({}, '', '1', '99999999999999')"] = "table.concat: too many",
      ["table.unpack(setmetatable({}, { __len = function() return 1 << 40 end }))"] = "table.unpack: too many",
      ["table.sort(setmetatable({}, { __len = function() return 1 << 40 end }))"] = "table.sort: too many",
      ["string.rep('x', '99999999999')"] = "string.rep: resulting string too large",
      ["table.remove(setmetatable({}, { __len = function() return 1 << 40 end }), 1)"] = "table.remove: too many",
      ["table.concat({}, '', 1, 1 << 40)"] = "table.concat: too many",
      ["local x, t = ('x'):rep(1000000), {} for i = 1, 10000 do t[i] = x end table.sort(t)"] = "table.sort: too many",
      ["table.move({}, 1, 1 << 40, 2)"] = "table.move: too many",
      ["next({}, 1)"] = "no such key",
    } do
      stopped("batching", code, "bad.lua:5: .*" .. pattern)
    end
  end)

  it("is gone through as it was first said to be, where it says so each time anew", function()
    local shifting = "local n = 0 local t = setmetatable({}, { __len = function() n = n + 1 "
      .. "return n %% 2 == 1 and 1 or 1 << 50 end }) %s"
    for _, code in ipairs { "table.insert(t, 1, 'x')", "table.remove(t, 1)", "table.sort(t)" } do
      assert.equal(80, scenario_with("batching", shifting:format(code)):run().requests.successful)
    end
  end)

  it("has tables with a metatable that do as Lua's own library has it", function()
    -- A table whose values are another's, and that one.
    local function proxied(...)
      local inner = { ... }
      return setmetatable({}, { __index = inner, __len = function() return #inner end,
                                __newindex = function(_, k, v) inner[k] = v end }), inner
    end
    -- What a call on such a table gives and leaves.
    local function after(library, name, list, ...)
      local t, inner = proxied(table.unpack(list))
      local got = table.pack(pcall(library[name], t, ...))
      for i = 1, got.n do
        if got[i] == t then got[i] = "itself" end
        -- Which argument it was, and what it was, Lua's versions say in ways of their own.
        if i > 1 and not got[1] then
          got[i] = got[i]:gsub("^[^:]*:%d+: ", ""):gsub("'table%.", "'"):gsub("#%d", "#")
            :gsub("%(number expected.*", "")
            :gsub("invalid value.*", "")
        end
      end
      return { got, inner }
    end
    local function downwards(a, b) return a > b end
    for _, call in ipairs {
      { "move", { 1, 2, 3 }, 1, 3, 2 }, { "move", { 1, 2, 3 }, 2, 3, 1 }, { "move", { 1, 2, 3 }, 3, 2, 1 },
      { "move", { 1, 2, 3 }, "1", 3.0, 9 }, { "insert", { 1, 2 }, 9 }, { "insert", { 1, 2 }, 1, 9 },
      { "insert", { 1, 2 }, 3, 9 }, { "insert", { 1, 2 }, 4, 9 }, { "insert", { 1, 2 }, 0, 9 },
      { "insert", { 1, 2 }, 1, 9, 9 }, { "insert", { 1, 2 }, "x", 9 },
      { "remove", { 1, 2, 3 } }, { "remove", { 1, 2, 3 }, 1 }, { "remove", { 1, 2, 3 }, 4 },
      { "remove", { 1, 2, 3 }, 5 }, { "remove", {}, 0 }, { "remove", { 1 }, "x" },
      { "concat", { "a", 2, "c" } }, { "concat", { "a", 2, "c" }, ", " }, { "concat", { "a", 2, "c" }, "-", 2, 3 },
      { "concat", { "a" }, "-", 2, 1 }, { "concat", { "a", true } }, { "concat", { "a" }, ", ", 1, 2 },
      { "unpack", { 4, 5, 6 } }, { "unpack", { 4, 5, 6 }, 2 }, { "unpack", { 4, 5, 6 }, 0, 4 },
      { "unpack", { 4, 5, 6 }, 3, 2 }, { "sort", { 3, 1, 2 } }, { "sort", { "b", "c", "a" } },
      { "sort", { 3, 1, 2 }, downwards }, { "sort", { 3, "x", 1 } }, { "sort", {} }, { "sort", { 1, {}, 2 } },
    } do
      local about = call[1] .. " " .. #call[2] .. " " .. tostring(call[3]) .. " " .. tostring(call[4])
      local own, ours = after(table, table.unpack(call)), after(tables, table.unpack(call))
      if call[1] == "sort" and not own[1][1] then         -- how far it came is not said
        own, ours = own[1][1], ours[1][1]
      end
      assert.same(own, ours, about)
    end
    assert.matches("bad argument #1 to '.*move' %(table expected, got nil%)$",
      select(2, pcall(tables.move, nil, 1, 2, 3)))
  end)

  it("is never run by what reads what a file returns", function()
    for code, pattern in pairs {
      ["return setmetatable(p, { __pairs = function() while true do end end })"] = "a table with a metatable",
      ["p.params = setmetatable({}, { __pairs = function() while true do end end }) return p"] = "with a metatable",
      ["p.params = { deep = setmetatable({}, { __index = function() while true do end end }) } return p"] = "metatable",
      ["local q = {} q.q = q p.params = q return p"] = "a table that contains itself",
      ["p.order = 5 return p"] = "policy.batching: order: a function expected, got a number",
      ["p.every_step = 'yes' return p"] = "policy.batching: every_step: a boolean expected, got a string",
      ["p.params = 7 return p"] = "policy.batching: params: a table expected, got a number",
      ["p.name = setmetatable({}, {}) return p"] = "a table with a metatable",
      ["p.order = nil return p"] = "policy.batching: step or order: missing",
    } do
      local path = write("bad", "local p = require('oracle.policy').batching { name = 'x', "
        .. "order = function() return 1 end }\n" .. code)
      local why = raised(function() small { batching = path }:run() end)
      assert.matches("batching: " .. path:gsub("%p", "%%%0") .. ": .*" .. pattern, why)
    end
  end)

  it("prints so much and no more", function()
    local path = write("bad", "local policy = require 'oracle.policy'\nreturn policy.batching { name = 'chats', "
      .. "every_step = true, step = function(b, e, s)\n"
      .. "if not s.said then s.said = true\nfor _ = 1, 5000 do print(('x'):rep(100)) end\n"
      .. "print(('x'):rep(1 << 20)) end\n"
      .. KINDS.batching.tail)
    local rc, _, err = program.run(program.QUICK .. " -q --set 'batching=" .. path .. "'")
    assert.equal(0, rc)
    assert.is_true(#err < 70000)
    assert.matches("bad.lua: print: 64 KiB are shown, no more\n$", err)
  end)

  it("is stopped when it asks to be called again for ever", function()
    local text = "local policy = require 'oracle.policy'\nreturn policy.batching { name = 'naps', step = function(b)\n"
      .. "b:wake(b:now() + 1e-3) end }"
    assert.matches("naps.*%(.*bad.lua:2%) makes no progress: it formed 1000000 empty steps in a row with %d+ waiting",
      raised(function() small { batching = write("bad", text) }:run() end))
  end)
end)

describe("what was kept from a call", function()
  it("is empty in the next one, on the same replica too", function()
    stopped("batching", "if s.b then s.b:decode() end s.b = b", "batch used outside its step")
    stopped("batching", "if kept then kept:decode() end kept = b", "batch used outside its step", "local kept")
    stopped("router", "s.c = s.c or c s.c:size()", "cluster used outside its call")
    stopped("router", "s.r = s.r or r local x = s.r.prompt", "request used outside its call")
    stopped("admission", "s.c = s.c or c s.c:size()", "cluster used outside its call")
    stopped("admission", "s.r = s.r or r local x = s.r.prompt", "request used outside its call")
    stopped("autoscaler", "s.c = s.c or c s.c:size()", "cluster used outside its call")
    stopped("eviction", "s.r = s.r or r local x = s.r.prompt", "request used outside its call")
  end)
end)

describe("what it was given", function()
  local function works(code, before)
    return scenario_with("batching", code, before):run()
  end

  it("is its own, or cannot be changed", function()
    stopped("batching", "e.max_num_seqs = 1", "e.max_num_seqs: the engine's knobs can be read, not changed")
    for _, code in ipairs {
      "rawset(e, 'max_num_seqs', 1)", "table.insert(e, 1)", "e.slo.ttft = 1", "rawset(e.slo, 'ttft', 1)",
      "table.move({ 1 }, 1, 1, 1, e.slo)",
    } do
      stopped("batching", code, "e[%w_.]*: the engine's knobs can be read, not changed")
    end
    stopped("batching", "setmetatable(e.slo, {})", "cannot change a protected metatable")
    local plain = small():run()
    for _, code in ipairs {
      "policy.batching, policy.router = nil, nil", "require('oracle.policy').admission = nil",
      "require('oracle.batching.chunked').step = nil", "string.find, table.insert, math.floor = nil, nil, nil",
      "s.params.new = 1",
    } do
      works(code)
      assert.is_function(policy.batching)
      assert.is_function(policy.admission)
      assert.equal(1, ("ab"):find("a"))
      assert.equal(plain.simulation.steps, small { batching = "chunked" }:run().simulation.steps)
    end
  end)

  it("shows the knobs to pairs, in order", function()
    local order = {}
    local seen = scenario_with("batching", "if not s.done then local l = {} for k in pairs(e) do l[#l + 1] = k end "
      .. "s.done = true error(table.concat(l, ' ')) end")
    local why = raised(seen.run, seen)
    for name in why:match("bad.lua:5: (.*)"):gmatch("[%w_]+") do order[#order + 1] = name end
    local sorted = table.move(order, 1, #order, 1, {})
    table.sort(sorted)
    assert.same(sorted, order)
    assert.is_true(#order > 5)
  end)

  it("has no more of oracle in it than the constructors", function()
    for _, name in ipairs { "names", "resolve", "fresh", "FOLDERS" } do
      assert.is_nil((sandbox.load(write("bad", "return { x = require('oracle.policy')." .. name .. " }"))).x)
    end
  end)
end)

describe("a paused simulation", function()
  it("reads policies of every kind again, and what goes wrong then is of the new version", function()
    for kind, of in pairs(KINDS) do
      local s = live.new(scenario_with(kind, "local x = 1"))
      s:run_until(0.5)
      scenario_with(kind, "error({})")                    -- the same file
      s:reload()
      local why = raised(s.run, s)
      assert.matches("policy \"bad\": an error without a message %(.*bad.lua:5%)", why, kind)
      scenario_with(kind, "local x = 1")
      s:rewind(0.5):reload()
      assert.equal(80, s:run().requests.successful, of.key)
    end
  end)

  it("changes policies of every kind, and is where it was when one is no good", function()
    local s = live.new(small { autoscaling = { policy = "target_load", max = 3, interval = 0.1, cold_start = 0.1 } })
    s:run_until(0.4)
    for key, value in pairs { batching = "sjf", router = "least_loaded", admission = "always", eviction = "lru",
                              ["autoscaling.policy"] = "queue_length" } do
      s:set(key, value)
      assert.is_false((pcall(s.set, s, key, "no_such_policy")))
    end
    s:set("admission", nil)
    local f = s:fork()
    assert.equal(oracle.summary.json(s:run()), oracle.summary.json(f:run()))
    assert.equal(80, s:result().requests.successful)
  end)

  it("samples on the grid its scenario asks for", function()
    local s = live.new(small { series_interval = 0.25 }):run_until(1)
    assert.same({ 0, 0.25, 0.5, 0.75, 1 }, s.series.queue.x)
  end)
end)

describe("what a policy keeps in variables of its file", function()
  local COUNTS = [[
    local policy = require "oracle.policy"
    local calls = 0
    return policy.batching { name = "counts", every_step = true, step = function(b, e, s)
      calls = calls + 1
      s.calls = calls
      local left = e.max_num_batched_tokens - b:decode()
      if calls % 7 == 0 then left = 3 end
      if left > 0 then left = left - b:resume(left) end
      while left > 0 do
        local n = b:admit(left)
        if n == 0 then break end
        left = left - n
      end
    end }
  ]]

  local function json_of(r) return oracle.summary.json(r) end

  local function goes_back(made)
    local s = live.new(made):run_until(1)
    local calls = s.replicas[0].state.calls
    assert.is_true(calls > 10)
    local f = s:fork()
    assert.equal(calls, f.replicas[0].state.calls)
    f:run_until(1.2)
    assert.is_true(f.replicas[0].state.calls > calls)
    assert.equal(calls, s.replicas[0].state.calls)
    local whole = json_of(s:run())
    assert.equal(whole, json_of(f:run()))
    assert.equal(calls, s:rewind(1).replicas[0].state.calls)
    assert.equal(whole, json_of(s:run()))
    assert.equal(whole, json_of(live.new(made):run()))
  end

  it("is of one simulation, as its table is", function()
    goes_back(small { replicas = 1, batching = write("counts", COUNTS) })
  end)

  it("and so in the file of a scenario", function()
    local text = COUNTS:gsub("return (policy.batching.*)$", function(p)
      return ([[return require("oracle").scenario { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
        workload = require("oracle").workload.poisson { rate = 40, count = 80, prompt = 200, output = 40 },
        batching = %s }]]):format(p)
    end)
    goes_back(oracle.load(write("scene", text)))
  end)

  it("does not make one run depend on another", function()
    local s = small { batching = write("counts", COUNTS) }
    assert.equal(json_of(s:run()), json_of(s:run()))
    local plan = planning.plan(s)
    assert.equal(planning.simulate(plan).steps, planning.simulate(plan).steps)
  end)
end)
