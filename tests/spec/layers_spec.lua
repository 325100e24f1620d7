--- tools/layers.lua on trees with one thing wrong each, and on this one.
local function shell(text)
  local p = assert(io.popen(text .. " 2>&1; echo $?"))
  local out, code = p:read("a"):match("^(.-)(%d+)\n$")
  p:close()
  return out, tonumber(code)
end

local root
local LAZY = 'local lazy = require "oracle.lazy"\n'

local function write(path, text)
  shell(("mkdir -p '%s/%s'"):format(root, path:match("^(.*)/")))
  local f = assert(io.open(root .. "/" .. path, "w"))
  f:write(text)
  f:close()
end

local function check()
  return shell(("lua5.4 tools/layers.lua '%s/src' '%s/lua'"):format(root, root))
end

describe("layers", function()
  before_each(function()
    root = os.tmpname()
    os.remove(root)
    write("src/base/real.h", "#include <stdint.h>\n")
    write("src/base/real.c", '#include "base/real.h"\n')
    write("src/sim/engine.c", '#include "base/real.h"\n')
    write("lua/oracle/text/units.lua", "--- Units.\nreturn {}\n")
    write("lua/oracle/scenario/init.lua", 'local units = require "oracle.text.units"\n\nreturn units\n')
  end)

  after_each(function() shell(("rm -rf '%s'"):format(root)) end)

  it("are well where each sees only those below", function()
    assert.same({ "", 0 }, { check() })
  end)

  it("are told of a C folder that includes one above, and of the line", function()
    write("src/base/clock.c", '#include <time.h>\n#include "sim/engine.h"\n')
    local out, code = check()
    assert.equal(1, code)
    assert.matches("src/base/clock%.c:2: base may not include sim", out)
  end)

  it("are told of Lua seen outside bind", function()
    write("src/sim/script.c", "#include <lua.h>\n")
    assert.matches("src/sim/script%.c:1: only bind/ may include Lua", (check()))
  end)

  it("are told of a cycle of C modules, header and file together", function()
    write("src/base/heap.h", '#include "base/real.h"\n')
    write("src/base/heap.c", '#include "base/heap.h"\n\n#include "base/tree.h"\n')
    write("src/base/tree.h", "#include <stddef.h>\n#include \"base/heap.h\"\n")
    local out, code = check()
    assert.equal(1, code)
    assert.matches("src/base/tree%.h:2: a cycle: base/heap %-> base/tree %-> base/heap\n", out)
  end)

  it("are told of a Lua folder that requires one above, lazily or not", function()
    write("lua/oracle/text/plot.lua", LAZY .. 'local s = lazy "oracle.scenario"\nreturn s\n')
    write("lua/oracle/text/table.lua", 'local s = require("oracle.scenario").new\nreturn s\n')
    local out, code = check()
    assert.equal(1, code)
    assert.matches("lua/oracle/text/plot%.lua:2: text may not require scenario\n", out)
    assert.matches("lua/oracle/text/table%.lua:1: text may not require scenario\n", out)
  end)

  it("are told of a cycle of Lua modules through lazy", function()
    write("lua/oracle/text/a.lua", 'local b = require "oracle.text.b"\nreturn b\n')
    write("lua/oracle/text/b.lua", LAZY .. 'local c = lazy "oracle.text.c"\nreturn c\n')
    write("lua/oracle/text/c.lua", LAZY .. '\nlocal a = lazy.getter "oracle.text.a"\nreturn a\n')
    local out, code = check()
    assert.equal(1, code)
    assert.matches("lua/oracle/text/c%.lua:3: a cycle: text%.a %-> text%.b %-> text%.c %-> text%.a\n", out)
  end)

  it("are told of require inside a function, but not inside a text or a comment", function()
    write("lua/oracle/text/late.lua", "local T = [[\nreturn require \"oracle.plan\"\n]]\n-- require \"oracle.live\"\n"
      .. "return function() return T, require \"oracle.text.units\" end\n")
    local out, code = check()
    assert.equal(1, code)
    assert.equal(1, select(2, out:gsub("\n", "")), out)
    assert.matches("lua/oracle/text/late%.lua:5: require stands at the head of a file", out)
  end)

  it("are told of a folder that no table names", function()
    write("lua/oracle/helpers/x.lua", "return {}\n")
    write("src/helpers/x.c", "\n")
    local out, code = check()
    assert.equal(1, code)
    assert.matches("lua/oracle/helpers/x%.lua:1: helpers is no layer", out)
    assert.matches("src/helpers/x%.c:1: helpers is no layer", out)
  end)

  it("are those of the tree itself", function()
    assert.same({ "", 0 }, { shell "lua5.4 tools/layers.lua src lua" })
  end)
end)
