--- Starting: Lua compiled ahead of time is used while it is no older than its source, and never otherwise.
local bin = os.getenv("ORACLE_BIN") or "./oracle"

local home

local function shell(text)
  local p = assert(io.popen(text .. " 2>&1"))
  local out = p:read("a")
  p:close()
  return out
end

local function version()
  return shell(("ORACLE_HOME='%s' %s --version"):format(home, bin)):match("^oracle (%S+)")
end

local function source(text, age)
  local path = home .. "/lua/oracle/version.lua"
  local f = assert(io.open(path, "w"))
  f:write(("return { oracle = %q }\n"):format(text))
  f:close()
  shell(("touch -d '%d seconds ago' '%s'"):format(age, path))
end

local function bundle()
  local here = shell("pwd"):match "%S+"
  local maker = ("'%s/build/release/lua' '%s/tools/precompile.lua' build/lua/bundle"):format(here, here)
  assert.equal("", shell(("cd '%s' && %s $(find lua -name '*.lua')"):format(home, maker)))
end

-- A bundle of the sources as they are, in which the version is `text`; or one cut short, or of another Lua.
local function compiled(text, age, spoil)
  local kept = ("%s/lua/oracle/version.lua"):format(home)
  local f = assert(io.open(kept))
  local now = f:read "a"
  f:close()
  source(text, 60)
  bundle()
  local path = home .. "/build/lua/bundle"
  if spoil then
    f = assert(io.open(path, "rb"))
    local bytes = spoil(f:read "a")
    f:close()
    f = assert(io.open(path, "wb"))
    f:write(bytes)
    f:close()
  end
  f = assert(io.open(kept, "w"))
  f:write(now)
  f:close()
  shell(("find '%s/lua' -name '*.lua' -exec touch -d '60 seconds ago' {} +"):format(home))
  shell(("touch -d '10 seconds ago' '%s/lua/oracle/version.lua'"):format(home))
  shell(("touch -d '%d seconds ago' '%s'"):format(age, path))
end

-- What a scenario saw of the bundle after a run of its own: modules missed, taken, times it was opened.
local function counts(of, by)
  local path = home .. "/counts.lua"
  local f = assert(io.open(path, "w"))
  f:write([[
    local s = oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      workload = oracle.workload.poisson { rate = 2, count = 3, prompt = 100, output = 10 } }
    oracle.run(s)
    local b = require "oracle.bundle"
    print(("opened %d missed %d some %s"):format(b.opened, b.missed, b.taken > 50))
    return s]])
  f:close()
  return shell(("ORACLE_HOME='%s' %s '%s'"):format(of, by or bin, path)):match "opened[^\n]*"
end

describe("Lua compiled ahead of time", function()
  setup(function()
    home = shell("mktemp -d"):match("%S+")
    shell(("cp -R lua models '%s' && mkdir -p '%s/build/lua'"):format(home, home))
  end)

  teardown(function() shell(("rm -rf '%s'"):format(home)) end)

  it("is not needed", function()
    source("1.2.3", 10)
    assert.equal("1.2.3", version())
  end)

  it("is used while it is as new as its source", function()
    source("1.2.3", 10)
    compiled("4.5.6", 5)
    assert.equal("4.5.6", version())
    compiled("4.5.6", 15)
    assert.equal("1.2.3", version())
  end)

  it("is left alone when another Lua made it, and where it was cut short", function()
    source("1.2.3", 10)
    compiled("4.5.6", 5, function(bytes) return (bytes:gsub("\27Lua\x54", "\27Lua\x53")) end)
    assert.equal("1.2.3", version())
    for _, kept in ipairs { 0, 7, 16, 400, -2 } do
      compiled("4.5.6", 5, function(bytes) return bytes:sub(1, kept) end)
      assert.equal("1.2.3", version())
    end
  end)

  it("is opened once in a run, and nothing of oracle is compiled from its source", function()
    source("1.2.3", 10)
    compiled("1.2.3", 5)
    assert.equal("opened 1 missed 0 some true", counts(home))
    shell(("touch '%s/lua/oracle/version.lua' '%s/lua/oracle/text/spelling.lua'"):format(home, home))
    assert.equal("opened 1 missed 2 some true", counts(home))
  end)

  it("names file and line of a mistake", function()
    source("1.2.3", 60)
    local f = assert(io.open(home .. "/lua/oracle/version.lua", "w"))
    f:write("local t\n\nreturn { oracle = t.x }\n")
    f:close()
    bundle()
    local out = shell(("ORACLE_HOME='%s' %s --version"):format(home, bin))
    assert.truthy(out:find("lua/oracle/version.lua:3: attempt to index a nil value", 1, true), out)
  end)
end)

describe("the program", function()
  local place, here

  setup(function()
    here, place = shell("pwd"):match "%S+", shell("cd $(mktemp -d) && pwd -P"):match "%S+"
    shell(("mkdir '%s/bin' '%s/share' && cp %s '%s/bin/oracle' && ln -s bin/oracle '%s/link'"):format(place, place, bin,
      place, place))
  end)

  teardown(function() shell(("rm -rf '%s'"):format(place)) end)

  local function said(name, before)
    return shell(("cd / && env -u ORACLE_HOME %s '%s/%s' --version"):format(before or "", place, name))
  end

  it("finds its home from where it is, links followed", function()
    assert.equal(("oracle: no lua/oracle/init.lua in %s/bin or %s/bin/../share/oracle; set ORACLE_HOME\n"):format(place,
      place), said "link")
    shell(("ln -s '%s' '%s/share/oracle'"):format(here, place)) -- as it is installed
    assert.matches("^oracle %d", said "link")
    shell(("rm '%s/share/oracle' && ln -s '%s/lua' '%s/bin/lua'"):format(place, here, place)) -- as in a checkout
    assert.matches("^oracle %d", said "bin/oracle")
  end)

  it("says what is wrong with the home that it is told", function()
    assert.equal("oracle: ORACLE_HOME=/nowhere: no lua/oracle/init.lua in it\n",
      said("bin/oracle", "ORACLE_HOME=/nowhere"))
    assert.matches("^oracle: ORACLE_HOME=/x+[^\n]*\n$", said("bin/oracle", "ORACLE_HOME=/" .. ("x"):rep(5000)))
  end)

  it("says what its own start raised, whatever that is", function()
    shell(("mkdir '%s/home' && cp -R lua '%s/home'"):format(place, place))
    for code, text in pairs {
      ["error(setmetatable({}, { __tostring = function() return 'odd' end }))"] = "oracle: odd\n",
      ["error(setmetatable({}, { __tostring = function() error {} end }))"] = "oracle: an error without a text\n",
      ["error(setmetatable({}, { __tostring = function() error('worse', 0) end }))"] = "oracle: worse\n",
    } do
      local f = assert(io.open(place .. "/home/lua/oracle/version.lua", "w"))
      f:write(code)
      f:close()
      assert.equal(text, said("bin/oracle", ("ORACLE_HOME='%s/home'"):format(place)))
    end
  end)
end)

describe("the image of a state", function()
  local program

  local function write()
    return shell(("ORACLE_HOME='%s' '%s' --write-image >'%s/said'"):format(home, program, home))
  end

  -- Whether a run begins with it: then no module comes from the bundle.
  local function used(by, of)
    local run = counts(of or home, by or program)
    assert.truthy(run == "opened 0 missed 0 some false" or run == "opened 1 missed 0 some true", run)
    return run == "opened 0 missed 0 some false"
  end

  setup(function()
    home = shell("mktemp -d"):match("%S+")
    program = home .. "/program"
    shell(("cp -R lua models scenarios '%s' && mkdir -p '%s/build/lua' && cp oracle '%s'"):format(
      home, home, program))
    bundle()
    assert.equal("", write())
  end)

  teardown(function() shell(("rm -rf '%s'"):format(home)) end)

  it("is what a run begins with, and the results are the same", function()
    assert.is_true(used())
    local sweep = ("rm -f '%s/kept.jsonl'; ORACLE_HOME='%s' '%s' sweep scenarios/quickstart.lua -q --seeds 2 "
      .. "--threads 1 --out '%s/kept.jsonl' && cat '%s/kept.jsonl'"):format(home, home, program, home, home)
    local function results()                              -- a sweep says which files its points read
      return shell(("ORACLE_HOME='%s' '%s' -q scenarios/quickstart.lua"):format(home, program)) .. shell(sweep)
    end
    local with = results()
    assert.truthy(with:find("models/fits/vllm.json", 1, true) and with:find("batching/chunked.lua", 1, true))
    shell(("mv '%s/build/lua/image' '%s/kept'"):format(home, home))
    assert.is_false(used())
    assert.equal(results(), with)
    shell(("mv '%s/kept' '%s/build/lua/image'"):format(home, home))
    assert.is_true(used())
  end)

  it("is left alone once a file that it was made of is another", function()
    local path = home .. "/lua/oracle/version.lua"
    shell(("cp -p '%s' '%s/kept'"):format(path, home))
    local f = assert(io.open(path, "w"))
    f:write("return { oracle = \"7.8.9\", vllm = \"v0\" }\n")
    f:close()
    assert.equal("oracle 7.8.9", shell(("ORACLE_HOME='%s' '%s' --version"):format(home, program)):match "^oracle %S+")
    shell(("mv '%s/kept' '%s'"):format(home, path))
    assert.is_true(used())
    shell(("touch -d '2001-02-03' '%s'"):format(path))
    assert.is_false(used())
    assert.equal("", write())
    assert.is_true(used())
  end)

  it("is left alone by another program, in another place, and where it was cut short", function()
    shell(("cp '%s' '%s.copy'"):format(program, program))
    assert.is_false(used(program .. ".copy"))
    shell(("cd '%s' && mkdir moved && cp -Rp lua models build moved"):format(home))
    assert.is_false(used(program, home .. "/moved"))
    local path = home .. "/build/lua/image"
    local f = assert(io.open(path, "rb"))
    local bytes = f:read "a"
    f:close()
    for _, kept in ipairs { 0, 7, 100, 5000, -2 } do
      f = assert(io.open(path, "wb"))
      f:write(bytes:sub(1, kept))
      f:close()
      assert.is_false(used())
    end
  end)

  it("leaves standard input, output and random numbers as they are", function()
    assert.equal("", write())
    local path = home .. "/echo.lua"
    local f = assert(io.open(path, "w"))
    f:write "io.stdout:write(io.stdin:read 'a') io.stderr:write(' 2')"
    f:close()
    local out = shell(("echo 1 | ORACLE_HOME='%s' '%s' '%s' 2>&1"):format(home, program, path))
    assert.truthy(out:find "1\n" and out:find " 2", out)
    local function draw()
      return shell(("echo 'print(math.random(1 << 40))' | ORACLE_HOME='%s' '%s' repl"):format(home, program))
    end
    local first = draw()
    assert.matches("^%d+\n$", first)
    assert.not_equal(first, draw())
  end)
end)

describe("an ordinary Lua interpreter", function()
  it("runs a simulation with the module that is built beside the program", function()
    shell "make build/oracle/core.so"
    local out = shell([[env -u LUA_PATH -u LUA_CPATH lua5.4 -e 'package.path = "./lua/?.lua;./lua/?/init.lua;" ..]]
      .. [[ package.path package.cpath = "./build/?.so;" .. package.cpath local oracle = require "oracle"]]
      .. [[ local s = dofile "scenarios/quickstart.lua" s.workload.duration, s.workload.count = nil, 20]]
      .. [[ print(oracle.run(s).requests.successful)']])
    assert.equal("20\n", out)
  end)
end)
