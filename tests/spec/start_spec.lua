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

local function compiled(text, age)
  local path = home .. "/build/lua/oracle/version.luac"
  local f = assert(io.open(path, "wb"))
  f:write(text and string.dump(assert(load(("return { oracle = %q }"):format(text)))) or "\27Lua of another kind")
  f:close()
  shell(("touch -d '%d seconds ago' '%s'"):format(age, path))
end

describe("Lua compiled ahead of time", function()
  setup(function()
    home = shell("mktemp -d"):match("%S+")
    shell(("cp -R lua models '%s' && mkdir -p '%s/build/lua/oracle'"):format(home, home))
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

  it("is left alone when another Lua made it", function()
    source("1.2.3", 10)
    compiled(nil, 5)
    assert.equal("1.2.3", version())
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
