--- What `make install` leaves behind works from anywhere, and every build gives the same bytes.

local bin = os.getenv("ORACLE_BIN") or "./oracle"

local function shell(command)
  local p = assert(io.popen("(" .. command .. ") 2>&1"))
  local out = p:read("a")
  local _, _, code = p:close()
  return out, code
end

describe("make install", function()
  local dir

  setup(function()
    dir = shell("mktemp -d"):gsub("\n", "")
    assert(select(2, shell("make install PREFIX='" .. dir .. "/prefix'")) == 0)
  end)

  teardown(function()
    shell("rm -rf '" .. dir .. "'")
  end)

  local function run(environment)
    return shell(("cd / && env -u ORACLE_HOME -u LUA_PATH -u LUA_CPATH %s '%s/prefix/bin/oracle' " ..
      "'%s/prefix/share/oracle/scenarios/quickstart.lua' -q --json -"):format(environment or "", dir, dir))
  end

  it("makes a program that finds its Lua files and models", function()
    local out, code = run()
    assert.equal(0, code, out)
    assert.matches('^{.*"oracle".*}%s*$', out)
  end)

  it("brings the manual, completions and pages, and takes all of it away again", function()
    for _, file in ipairs { "share/man/man1/oracle.1", "share/bash-completion/completions/oracle",
                            "share/zsh/site-functions/_oracle", "share/doc/oracle/README.md",
                            "share/doc/oracle/docs/tour.md", "share/oracle/models/index.txt" } do
      assert.same({ "", 0 }, { shell(("test -s '%s/prefix/%s'"):format(dir, file)) }, file)
    end
    local second = dir .. "/second"
    shell(("cp -R '%s/prefix' '%s'"):format(dir, second))
    local out, code = shell(("make -s uninstall PREFIX='%s'"):format(second))
    assert.equal(0, code, out)
    assert.same({ "", 0 }, { shell(("find '%s' -type f"):format(second)) })
  end)

  it("runs a scenario that comes along from any folder", function()
    local command = "cd '%s' && env -u ORACLE_HOME '%s/prefix/bin/oracle' scenarios/quickstart.lua -q --json -"
    local out, code = shell((command)
      :format(dir, dir))
    assert.equal(0, code, out)
    assert.matches('^{.*"oracle".*}%s*$', out)
  end)

  it("lets ORACLE_HOME name another place", function()
    local out, code = run("ORACLE_HOME='" .. dir .. "/nowhere'")
    assert.equal(1, code)
    assert.matches("nowhere", out)
  end)
end)

describe("a build without optimisation", function()
  it("gives the same bytes", function()
    local log, built = shell("make O0=1 build")
    assert.equal(0, built, log)
    local run = " scenarios/quickstart.lua -q --json -"
    local expected, code = shell(bin .. run)
    assert.equal(0, code, expected)
    assert.is_true(#expected > 500)
    assert.equal(expected, (shell("build/o0/oracle" .. run)))
  end)
end)
