--- `oracle new workload` and `oracle check workload`.
local checker = require "oracle.study.workload_check"
local program = require "program"

describe("oracle new workload", function()
  setup(program.open)
  teardown(program.close)

  it("writes a generator that runs as it is, and writes over nothing", function()
    local rc, _, err = program.run_there "new workload mine"
    assert.equal(0, rc, err)
    assert.matches("mine.lua written; try: oracle check workload mine.lua", err)
    local out
    rc, out, err = program.run_there "check workload mine.lua"
    assert.equal(0, rc, err)
    assert.matches("\nrequests +%d+, then it ends, in ", out)
    assert.matches("\nsame seed +the same requests\nanother seed +other requests\nrules +kept\n$", out)
    program.write("s.lua", [[return require("oracle").scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      workload = { path = "mine.lua", params = { users = 3 } } }]])
    rc, out, err = program.run_there "s.lua"
    assert.equal(0, rc, err)
    assert.matches("Successful requests: +[1-9]", out)
    rc, _, err = program.run_there "new workload mine"
    assert.equal(1, rc)
    assert.matches("is there already", err)
  end)
end)

describe("oracle check workload", function()
  setup(program.open)
  teardown(program.close)

  local function report(text)
    return checker.run(program.write("w.lua", text), { count = 500 })
  end

  it("says how many requests there are, and their means", function()
    local r = report "return function(g) return { gap = g:exponential(0.5), prompt = g:random(99), output = 7 } end"
    assert.same({ true, false, true, true, 500 }, { r.good, r.ended, r.repeats, r.varies, r.count })
    assert.near(0.5, r.gap.sum / r.gap.n, 0.1)
    assert.near(50, r.prompt.sum / r.prompt.n, 5)
    assert.same({ 7, 7 }, { r.output.least, r.output.most })
    r = report [[return function(g)
      for i = 1, 20 do coroutine.yield { gap = 1, prompt = i, output = 7 } end
    end]]
    assert.same({ true, true, true, false, 20 }, { r.good, r.ended, r.repeats, r.varies, r.count })
  end)

  it("says each mistake in a line, with the file and its line", function()
    for text, what in pairs {
      ["return function(g) g.n = (g.n or 9) - 1 return { arrival = g.n, prompt = 1, output = 1 } end"] =
        "^at t=8.000000 s, request 2 of .-w.lua:1: time: goes back from 8 s to 7 s",
      ["return function(g)\n local none\n return { gap = none.x, prompt = 1, output = 1 } end"] = "w.lua:3: .*none",
      ["return { fill = function(g, b) return 5000 end }"] = "w.lua:1: fill: how many rows .* got 5000",
      ["return function(g) return { gap = 1, promt = 1, output = 1 } end"] = 'w.lua:1: .*did you mean "prompt"',
      ["return function(g) return { arrival = 2, prompt = 1, output = 1 } end"] =
        "w.lua: the first 500 requests come at 2 s",
      ["return function(g) end"] = "w.lua: no request comes",
      ["return function(g) end end"] = "w.lua:1: ",
      ["return { nxt = 1 }"] = "did you mean next",
    } do
      local r = report(text)
      assert.is_false(r.good)
      assert.equal(1, #r.faults, text)
      assert.matches(what, r.faults[1].what)
      assert.is_nil(r.faults[1].what:find "\n")
    end
  end)

  it("meets what goes wrong under another seed", function()
    local r = report [[return function(g)
      g.first = g.first or g:random(1000000)
      if g.first % 3 == 1 then error "one" elseif g.first % 3 == 2 then error "two" end
      return { gap = 1, prompt = 1, output = 1 }
    end]]
    assert.is_true(#r.faults >= 1)
  end)

  it("ends when it is to, and names a file that is not there", function()
    local path = program.write("w.lua", "return function(g) return { gap = 1, prompt = 1, output = 1 } end")
    assert.has_error(function() checker.run(path, { stopped = function() return true end }) end, "interrupted")
    local rc, _, err = program.run_there "check workload absent.lua"
    assert.equal(1, rc)
    assert.matches("^oracle: absent.lua: no such file", err)
    rc, _, err = program.run_there "check workload"
    assert.equal(2, rc)
    assert.matches("^oracle: check: [^\n]*check workload FILE expected\n$", err)
  end)
end)
