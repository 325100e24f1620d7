--- The tools that judge the rest: a check that cannot fail is worse than none.

local function shell(command)
  local p = assert(io.popen("(" .. command .. ") 2>&1"))
  local out = p:read("a")
  local _, _, code = p:close()
  return out, code
end

local function write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

local dir

setup(function()
  dir = shell("mktemp -d"):gsub("\n", "")
end)

teardown(function()
  shell("rm -rf '" .. dir .. "'")
end)

describe("tools/layers.lua", function()
  local function layers(file, text)
    shell(("rm -rf '%s/src'; mkdir -p '%s/src/base' '%s/src/replica'"):format(dir, dir, dir))
    write(dir .. "/src/" .. file, text)
    return shell("lua5.4 tools/layers.lua '" .. dir .. "/src'")
  end

  it("lets a layer include those below it and itself", function()
    local out, code = layers("replica/x.c", '#include "replica/y.h"\n#include "cost/step.h"\n#include <stdio.h>\n')
    assert.equal("", out)
    assert.equal(0, code)
  end)

  it("names file and line of an include that goes up", function()
    local out, code = layers("base/x.h", '\n#include "cost/step.h"\n')
    assert.matches("base/x%.h:2: base may not include cost", out)
    assert.equal(1, code)
  end)

  it("keeps Lua inside bind", function()
    for _, header in ipairs { "lua.h", "lauxlib.h", "lualib.h" } do
      local out, code = layers("replica/x.c", "#include <" .. header .. ">\n")
      assert.matches("only bind/ may include Lua", out)
      assert.equal(1, code)
    end
  end)

  it("wants includes by path", function()
    local out, code = layers("base/x.c", '#include "y.h"\n')
    assert.matches("by its path", out)
    assert.equal(1, code)
  end)

  it("does not pass on an empty folder", function()
    local _, code = shell("rm -rf '" .. dir .. "/none'; mkdir '" .. dir .. "/none'; lua5.4 tools/layers.lua '"
      .. dir .. "/none'")
    assert.equal(1, code)
  end)
end)

describe("tools/test.sh", function()
  -- Runs a shell script in the place of a C test; returns "passed failed skipped cases".
  local function counts(script)
    shell(("mkdir -p '%s/tests/unit' '%s/log'"):format(dir, dir))
    local program = dir .. "/tests/unit/x"
    write(program, "#!/bin/sh\n" .. script)
    shell("chmod +x '" .. program .. "'; LIMIT=1 tools/test.sh --one '" .. dir .. "' tests/unit/x.c")
    return (shell("cat '" .. dir .. "/log/tests.unit.x.c.count'"):gsub("\n", ""))
  end

  it("takes a program's own count", function()
    assert.equal("3 0 0 0", counts("echo '3 passed, 0 failed'"))
    assert.equal("3 2 0 0", counts("echo '3 passed, 2 failed'; exit 1"))
    assert.equal("3 0 4 0", counts("echo '3 passed, 0 failed, 4 skipped'"))
    assert.equal("3 0 0 2000", counts("echo '2000 cases'; echo '3 passed, 0 failed'"))
  end)

  it("counts a crash after the count as a failure", function()
    assert.equal("3 1 0 0", counts("echo '3 passed, 0 failed'; kill -SEGV $$"))
  end)

  it("counts silence, an early end and an empty run as failures", function()
    assert.equal("0 1 0 0", counts(""))
    assert.equal("0 1 0 0", counts("exit 1"))
    assert.equal("0 1 0 0", counts("echo '0 passed, 0 failed'"))
  end)

  it("stops a program that hangs", function()
    assert.equal("0 1 0 0", counts("sleep 20"))
  end)
end)

describe("tests/unit/test.h", function()
  -- A test program of these lines; returns what it prints, and its exit status.
  local function program(lines)
    write(dir .. "/own.c", '#include "test.h"\nstatic void holds(void) { CHECK(1 == 1); CHECK(2 == 2); }\n'
      .. "static void looks_at_nothing(void) { }\nint main(void)\n{\n" .. lines .. "\nreturn DONE();\n}\n")
    local flags = "-std=gnu11 -Wall -Wno-unused-function"
    return shell(("cd '%s' && cc %s -I'%s/tests/unit' -o own own.c -lm && ./own"):format(dir, flags,
      (shell("pwd"):gsub("\n", ""))))
  end

  it("counts a claim once, however many cases it has", function()
    local out, code = program('RUN(holds); CLAIM("rises"); for (int i = 0; i < 100; i++) CHECK(i >= 0);')
    assert.equal("102 cases\n2 passed, 0 failed\n", out)
    assert.equal(0, code)
  end)

  it("goes on with a claim that is named again", function()
    assert.equal("4 cases\n2 passed, 0 failed\n", program([=[
      for (int i = 0; i < 2; i++) { CLAIM("a"); CHECK(i < 2); CLAIM("b"); CHECK(i >= 0); }]=]))
  end)

  it("names a broken claim and shows the first of its broken checks", function()
    local out, code = program('RUN(holds); CLAIM("falls"); for (int i = 0; i < 100; i++) CHECK(i < 1);')
    assert.matches("own%.c:6: falls: i < 1\n", out)
    assert.equal(20, select(2, out:gsub("falls: i < 1", "")))
    assert.matches("FAIL  falls: 99 of 100 cases\n102 cases\n1 passed, 1 failed\n$", out)
    assert.equal(1, code)
  end)

  it("fails a claim that looks at nothing, a check without a claim, and a program without either", function()
    assert.matches("\n1 passed, 1 failed\n$", (program "RUN(holds); RUN(looks_at_nothing);"))
    assert.matches("\n1 passed, 1 failed\n$", (program "CHECK(1); RUN(holds);"))
    local out, code = program ""
    assert.equal("0 cases\n0 passed, 0 failed\n", out)
    assert.equal(1, code)
  end)
end)
