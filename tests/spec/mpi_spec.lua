--- A sweep in an MPI job on this machine: the same results whatever the number of ranks, and nothing lost with a rank.
local bin = os.getenv("ORACLE_BIN") or "./oracle"
local json = require("oracle.core").json

local MPIRUN = "mpirun --allow-run-as-root --oversubscribe -n "

local function read(path)
  local f = io.open(path)
  if not f then return nil end
  local text = f:read("a")
  f:close()
  return text
end

local function missing()
  if bin ~= "./oracle" then return "MPI is tested with the release build" end
  if not read("build/oracle/mpi.so") then return "built without MPI: no mpicc" end
  if not os.execute("command -v mpirun >/dev/null") then return "no mpirun" end
end

describe("oracle sweep in an MPI job", function()
  local why = missing()
  if why then
    pending("gives what one process gives (" .. why .. ")")
    return
  end

  local dir, scenario

  setup(function()
    local p = assert(io.popen("mktemp -d"))
    dir = p:read("l")
    p:close()
    scenario = dir .. "/s.lua"
    local f = assert(io.open(scenario, "w"))
    f:write([[
local oracle = require "oracle"
return oracle.scenario {
  model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
  workload = oracle.workload.poisson { rate = 20, count = 2000, prompt = 100, output = 20 },
}]])
    f:close()
  end)

  teardown(function() os.execute(("rm -rf '%s'"):format(dir)) end)

  -- Runs a sweep: exit status, stdout, stderr. `ranks` 0: without MPI.
  local function sweep(ranks, points, name, rest)
    local launch = ranks > 0 and MPIRUN .. ranks or ""
    local _, how, code = os.execute(("timeout -k 5 60 %s %s sweep %s --set workload.rate=1..%d --out %s/%s "
      .. "--json %s/%s.json %s >%s/stdout 2>%s/stderr </dev/null"):format(launch, bin, scenario, points, dir, name, dir,
      name, rest or "", dir, dir))
    assert.equal("exit", how)
    return code, read(dir .. "/stdout"), read(dir .. "/stderr")
  end

  it("gives what one process gives", function()
    local code, table_of_one = sweep(0, 30, "one")
    assert.equal(0, code)
    for _, ranks in ipairs { 2, 4 } do
      local status, out, err = sweep(ranks, 30, "many" .. ranks)
      assert.equal(0, status, err)
      assert.equal(table_of_one, out)
      assert.equal(read(dir .. "/one.json"), read(("%s/many%d.json"):format(dir, ranks)))
    end
  end)

  it("has more ranks than points", function()
    assert.equal(0, (sweep(0, 2, "two")))
    assert.equal(0, (sweep(4, 2, "few")))
    assert.equal(read(dir .. "/two.json"), read(dir .. "/few.json"))
  end)

  it("says once what is wrong", function()
    local code, out, err = sweep(3, 0, "wrong")
    assert.is_true(code ~= 0)
    assert.equal("", out)
    assert.equal(1, select(2, err:gsub("oracle: %-%-set [^\n]*an empty range", "")))
  end)

  it("ends with a lost rank, and --resume completes it", function()
    local started = ("timeout -k 5 60 %s3 %s sweep %s --set workload.rate=1..600 --threads 1 --out %s/lost -q >%s/log "
      .. "2>&1 & "):format(MPIRUN, bin, scenario, dir, dir)
    -- The last process that runs the sweep is a rank; it goes without a word as soon as results are there.
    local code = select(3, os.execute(started .. ([[
      job=$!
      while [ "$(cat '%s/lost' 2>/dev/null | wc -l)" -lt 40 ]; do sleep 0.02; kill -0 $job || exit 9; done
      kill -9 "$(pgrep -n -f 'sweep %s')"
      wait $job]]):format(dir, scenario)))
    assert.is_true(code ~= 0 and code ~= 9, read(dir .. "/log"))
    local kept = select(2, read(dir .. "/lost"):gsub('{"point"', ""))
    assert.is_true(kept >= 39 and kept < 600)
    assert.equal(0, (sweep(2, 600, "lost", "--resume -q")))
    local _, points = read(dir .. "/lost"):gsub('\n{"point"', "")
    assert.equal(600, points)
    assert.equal(0, (sweep(0, 600, "alone", "-q")))
    assert.equal(read(dir .. "/alone.json"), read(dir .. "/lost.json"))
    assert.is_true(json.decode(read(dir .. "/lost.json")).sweep.complete)
  end)
end)

describe("oracle plan in an MPI job", function()
  local why = missing()
  if why then
    pending("gives what one process gives (" .. why .. ")")
    return
  end

  local function plan(ranks, slo)
    local p = assert(io.popen(("timeout -k 5 100 %s %s plan --model llama-3.1-8b --workload 512,64,10 --gpus h100-sxm "
      .. "--max-gpus 1 --threads 1 --json - -q %s 2>&1 </dev/null"):format(ranks > 0 and MPIRUN .. ranks or "", bin,
      slo)))
    local text = p:read "a"
    return select(3, p:close()), text
  end

  it("gives what one process gives", function()
    local slo = "--slo 'ttft.p99<=1s,tpot.p95<=30ms'"
    local _, one = plan(0, slo)
    local code, many = plan(3, slo)
    assert.equal(0, code, many)
    assert.equal(one, many)
  end)

  it("says once what is wrong", function()
    local code, text = plan(3, "")
    assert.is_true(code ~= 0)
    assert.equal(1, select(2, text:gsub("oracle: objectives expected", "")))
  end)
end)

-- Ranks without MPI: what comes in is a list of { from, text }, what goes out is noted, and so is what the rank's own
-- threads are asked.
describe("a rank of an MPI job", function()
  local mpi = require "oracle.study.mpi"
  local sweep = require "oracle.study.sweep"
  local threads = sweep.threads
  local noted, inbox, computed, now, host

  local function note(text) noted[#noted + 1] = text end

  before_each(function()
    noted, inbox, computed, now = {}, {}, {}, 0
    host = { guard = function() end, interrupted = function() return false end,
             clock = function()
               now = now + 0.01
               return now
             end }
    sweep.threads = function(_, job, n)
      note(("threads %d of %s"):format(n, job.name))
      return { depth = 2, submit = function(_, i) note("own " .. i) end,
               take = function() return table.unpack(table.remove(computed, 1) or {}) end,
               close = function() note "close" end, abandon = function() note "abandon" end }
    end
  end)

  after_each(function() sweep.threads = threads end)

  local function rank(number, ranks)
    local messages = { send = function(to, text) note(to .. ": " .. text) end,
                       poll = function() return table.unpack(table.remove(inbox, 1) or {}) end,
                       finalize = function() note "finalize" end, abort = function(code) note("abort " .. code) end }
    return setmetatable({ messages = messages, rank = number, ranks = ranks }, { __index = mpi })
  end

  -- What was noted since it was last asked.
  local function since()
    local list = noted
    noted = {}
    return list
  end

  it("is none outside a job", function()
    if os.getenv "OMPI_COMM_WORLD_SIZE" or os.getenv "PMI_SIZE" then return pending "a job of MPI's" end
    assert.is_nil(mpi.join())
  end)

  it("0 gives a point to whoever has the most room, itself where that is equal", function()
    local zero = rank(0, 3)
    local ex = zero:executor(host, { name = "j" }, 4)
    assert.same({ "threads 4 of j", '1: {"name": "j"}', '2: {"name": "j"}' }, since())
    assert.equal(2, ex.depth)
    inbox = { { 2, "ready 3" } }
    assert.is_nil(ex:take(1))                             -- there is room for more: what waits is handed out first
    assert.equal(5, ex.depth)
    for i = 7, 11 do ex:submit(i) end
    assert.same({ "2: run 7", "own 8", "2: run 9", "own 10", "2: run 11" }, since())

    inbox, computed = { { 2, "done 9 30 40 1.5 the line of 9" } }, { { 8, "the line of 8", 1, 2, 0.5 } }
    assert.same({ 9, "the line of 9", 30, 40, 1.5 }, { ex:take(1) })
    assert.same({ 8, "the line of 8", 1, 2, 0.5 }, { ex:take(1) })
    ex:submit(12)
    ex:submit(13)
    assert.same({ "own 12", "2: run 13" }, since())       -- each has room for one again
    local before = now
    assert.is_nil(ex:take(0.5))
    assert.is_true(now - before >= 0.5)

    ex:close()
    zero:leave()
    assert.same({ "close", "1: stop", "2: stop", "finalize" }, since())
  end)

  it("0 tells the others when it gives up", function()
    rank(0, 2):executor(host, { name = "j" }, 1):abandon()
    assert.same({ "threads 1 of j", '1: {"name": "j"}', "1: stop", "abandon" }, since())
  end)

  it("1 and on computes until it is told to stop", function()
    inbox = { { 0, '{"name": "j"}' }, { 0, "run 3" }, { 0, "run 5" }, {}, {}, { 0, "stop" } }
    computed = { { 5, "the line of 5", 1, 2, 0.5 }, { 3, "the line of 3", 3, 4, 0.25 } }
    rank(1, 2):serve(host, 2)
    assert.same({ "threads 2 of j", "0: ready 2", "own 3", "own 5", "0: done 5 1 2 0.5 the line of 5",
                  "0: done 3 3 4 0.25 the line of 3", "close", "finalize" }, since())
    inbox = { { 0, "stop" } }
    rank(1, 2):serve(host, 2)
    assert.same({ "finalize" }, since())
  end)

  it("1 and on gives up by itself when it was interrupted and nobody says so", function()
    inbox = { { 0, '{"name": "j"}' }, { 0, "run 3" } }
    host.interrupted = function() return #inbox == 0 end
    rank(1, 2):serve(host, 2)
    assert.same({ "threads 2 of j", "0: ready 2", "own 3", "abandon", "finalize" }, since())
    assert.is_true(now > 5)
  end)

  it("1 and on ends the job when it fails", function()
    inbox = { { 0, '{"name": "j"}' } }
    sweep.threads = function() error("no threads", 0) end
    local stderr, said = io.stderr, nil
    io.stderr = { write = function(_, text) said = text end } -- luacheck: ignore 122
    local ok = pcall(function() rank(1, 2):serve(host, 2) end)
    io.stderr = stderr                                    -- luacheck: ignore 122
    assert.is_true(ok)
    assert.same({ "abort 1", "finalize" }, since())
    assert.equal("oracle: rank 1: no threads\n", said)
  end)
end)
