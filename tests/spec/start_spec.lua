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
local function counts(of)
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
  return shell(("ORACLE_HOME='%s' %s '%s'"):format(of, bin, path)):match "opened[^\n]*"
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
