--- What is kept per request: a row of a CSV, streamed, or nothing; memory follows what is in flight, not what has been.
local bin = os.getenv("ORACLE_BIN") or "./oracle"

local dir

local function shell(text)
  local p = assert(io.popen("bash -c '" .. text .. "' 2>&1"))
  local out = p:read("a")
  local _, _, code = p:close()
  return code, out
end

-- `limit` in KiB of address space; 0: none.
local function run(limit, count, rest)
  local before = limit > 0 and ("ulimit -v %d;"):format(limit) or ""
  return shell(("%s timeout 60 %s scenarios/quickstart.lua --set workload.duration=nil --set workload.count=%d -q %s")
    :format(before, bin, count, rest))
end

describe("records", function()
  setup(function() dir = select(2, shell("mktemp -d")):match("%S+") end)
  teardown(function() shell("rm -rf " .. dir) end)

  it("are the same rows compressed", function()
    assert.equal(0, (run(0, 3000, ("--csv %s/a.csv"):format(dir))))
    assert.equal(0, (run(0, 3000, ("--csv %s/b.csv.gz"):format(dir))))
    local code, out = shell(("gzip -t %s/b.csv.gz && gzip -dc %s/b.csv.gz | cmp - %s/a.csv && wc -l <%s/a.csv"):format(
      dir, dir, dir, dir))
    assert.equal(0, code, out)
    assert.equal(3001, tonumber(out))
  end)

  it("do not grow in memory", function()
    if bin ~= "./oracle" then
      pending("sanitizers take address space of their own")
      return
    end
    -- 40 MiB hold the program, Lua and what is in flight, and not a tenth of 300,000 requests and their records.
    assert.equal(0, (run(40960, 300000, "--json /dev/null")))
    assert.equal(0, (run(40960, 100000, ("--csv %s/c.csv.gz --json /dev/null"):format(dir))))
    assert.is_true((run(4096, 10, "--json /dev/null")) ~= 0)
  end)
end)
