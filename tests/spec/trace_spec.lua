--- run --trace: what a trace processor asks of the file, and that it tells what happened.
local json = require("oracle.core").json
local program = require "program"
local trace_events = require "trace_events"

setup(program.open)
teardown(program.close)

local GOLDEN = "tests/golden/scenarios/"

local function traced(args)
  local path = program.dir .. "/t.json"
  local code, _, err = program.run(("%s -q --trace '%s' --force"):format(args, path))
  assert.equal(0, code, err)
  return trace_events.read(program.read(path)), err
end

describe("a trace", function()
  -- Pipelines, shared links, failures, preemption, pools, refusals, drafts: whatever makes times overlap.
  for _, one in ipairs { "pipeline 1..1.3", "contention 0..1", "failures 5.9..6.5", "pressure 2..2.5",
                         "pools_layerwise 0..2", "refusals 2..3", "drafts 2..4", "lockstep 0..0.5" } do
    local name, window = one:match "(%S+) (%S+)"
    it("of " .. name .. " has slices within each other and arrows in slices", function()
      local t = traced(("%s%s.lua --window %s"):format(GOLDEN, name, window))
      assert.same({}, t.wrong)
      assert.is_true(t.count.X > 100 and t.count.C > 20 and t.count.s > 1)
    end)
  end

  it("has a track for each device of each replica, and a lane for each request in flight", function()
    local t = traced(GOLDEN .. "pipeline.lua --window 1..1.1")
    assert.equal("requests", t.tracks["1/0"])
    assert.equal("replica 0", t.tracks["2/0"])
    local devices = 0
    for _, name in pairs(t.tracks) do
      if name:match "^GPU %d+ %(stage %d, rank %d%)$" then devices = devices + 1 end
    end
    assert.equal(8, devices)                              -- 4 stages of 2
    assert.equal("lane 0", t.tracks["1/1"])
  end)

  it("tells the same as the CSV", function()
    local csv = program.dir .. "/r.csv"
    local t = traced(program.QUICK .. " --csv '" .. csv .. "'")
    local rows, name = {}, nil
    for line in io.lines(csv) do
      local cells = {}
      for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
      if not name then name = cells else rows[#rows + 1] = cells end
    end
    local column = {}
    for i, key in ipairs(name) do column[key] = i end
    local whole = {}
    for _, e in ipairs(t.events) do
      if e.ph == "X" and e.name:match "^req_" then whole[e.name] = e end
    end
    for i, row in ipairs(rows) do
      local e = whole["req_" .. i]
      assert.near(tonumber(row[column.arrival_time]), 1e-6 * e.ts, 1e-6)
      assert.equal(row[column.status], e.args.status)
      assert.equal(tonumber(row[column.output_tokens]), e.args.output_tokens)
    end
    assert.equal(50, #rows)
    assert.equal(50, t.count.f)
  end)

  it("holds what is in its window alone", function()
    local t = traced "scenarios/quickstart.lua --window 100..102"
    assert.same({}, t.wrong)
    for _, e in ipairs(t.events) do
      if e.ph == "X" then assert.is_true(e.ts < 102e6 and e.ts + e.dur >= 100e6, e.name) end
      if e.ph == "C" then assert.is_true(e.ts >= 100e6 and e.ts < 102e6) end
    end
    assert.is_true(t.slices.decode > 100)
  end)

  it("changes nothing of the results", function()
    local json_of = program.dir .. "/with.json"
    traced(program.QUICK .. " --json '" .. json_of .. "' --report '" .. program.dir .. "/r.html'")
    assert.equal(0, (program.run(program.QUICK .. " -q --json '" .. program.dir .. "/without.json'")))
    assert.equal(program.read(program.dir .. "/without.json"), program.read(json_of))
  end)

  it("is refused where it cannot be", function()
    program.refused(2, program.QUICK .. " --trace -", "%-%-trace %-: a file expected")
    program.refused(1, program.QUICK .. " --trace " .. program.dir .. "/none/t.json", "none/t.json: ")
    program.refused(2, program.QUICK .. " --window 1..2", "goes with %-%-trace or %-%-report")
    for _, text in ipairs { "2..1", "..", "5", "a..b", "-1..2" } do
      program.refused(2, ("%s --trace %s/w.json --window %s"):format(program.QUICK, program.dir, text), "%-%-window")
    end
    program.refused(2, program.QUICK .. " --set vary=\"{{'seed',{1,2}}}\" --trace " .. program.dir .. "/v.json",
      "varies keys")
    program.write("there.json", "{}")
    program.refused(1, program.QUICK .. " --trace " .. program.dir .. "/there.json", "exists; %-%-force replaces it")
    assert.equal("{}", program.read(program.dir .. "/there.json"))
  end)

  it("loads in a trace processor", function()
    local path = program.dir .. "/t.json"
    program.write("load.py", [[
import sys
from perfetto.trace_processor import TraceProcessor, TraceProcessorConfig
tp = TraceProcessor(trace=sys.argv[1], config=TraceProcessorConfig(load_timeout=20))
def one(sql): return [r.n for r in tp.query(sql)][0]
print(one("select count(*) n from slice"), one("select count(*) n from flow"),
      one("select count(*) n from stats where value > 0 and severity in ('error', 'data_loss')"))
]])
    if not os.execute "python3 -c 'import perfetto' 2>/dev/null" then
      return pending "the Python package perfetto is not installed"
    end
    traced(GOLDEN .. "failures.lua")
    local p = io.popen(("timeout 60 python3 '%s/load.py' '%s' 2>/dev/null"):format(program.dir, path))
    local slices, flows, errors = (p:read "a"):match "(%d+) (%d+) (%d+)"
    p:close()
    if not slices then return pending "the package perfetto finds no trace processor on this machine" end
    assert.same({ "0", true, true }, { errors, tonumber(slices) > 1000, tonumber(flows) > 100 })
  end)
end)

describe("a trace with too many events", function()
  it("ends where they end, and says so", function()
    local core, planning = require "oracle.core", require "oracle.plan"
    local spec = planning.spec(planning.plan(dofile "scenarios/quickstart.lua"), {
      watch = { trace = { path = program.dir .. "/cut.json", events = 2000 } } })
    local raw = core.sim.run(spec)
    local text = program.read(program.dir .. "/cut.json")
    assert.is_true(raw.trace.cut > 0 and raw.trace.cut < raw.now)
    assert.is_true(raw.trace.events >= 2000 and raw.trace.events < 2300)     -- what had begun ends
    assert.equal("too many events", json.decode(text).otherData.cut)
    assert.same({}, trace_events.read(text).wrong)
  end)
end)
