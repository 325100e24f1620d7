--- Traces whose columns the scenario names, in any order of rows, and the CSV that oracle writes.
local oracle = require "oracle"
local program = require "program"
local rows = require "rows"
local study = require "oracle.study"

local COLUMNS = { arrival = "t", prompt = "in_tok", output = "out_tok" }

describe("a CSV with columns of its own", function()
  setup(program.open)
  teardown(program.close)

  local function scenario(text, more)
    local w = { kind = "trace", path = program.write("own.csv", text), columns = COLUMNS }
    for k, v in pairs(more or {}) do w[k] = v end
    return rows.constant("1 ms", { workload = w })
  end

  local function run(...)
    local list = rows.of(scenario(...))
    table.sort(list, function(a, b) return tonumber(a.request_id:match "%d+") < tonumber(b.request_id:match "%d+") end)
    local out = {}
    for i, r in ipairs(list) do out[i] = { r.arrival_time, r.prompt_tokens, r.output_tokens } end
    return out
  end

  local function refused(text, more)
    local ok, why = pcall(run, text, more)
    assert.is_false(ok)
    assert.is_nil(why:find "\n")
    return why
  end

  it("is read in order of time, rows of one time as they stand", function()
    assert.same({ { 0, 11, 1 }, { 0, 12, 1 }, { 1, 20, 2 }, { 2.5, 30, 3 } },
      run "id,t,in_tok,out_tok\na,13.5,30,3\nb,11,11,1\nc,12,20,2\nd,11,12,1\n")
  end)

  it("has times in a unit, or dates", function()
    assert.same({ { 0, 1, 2 }, { 0.25, 3, 4 } },
      run("out_tok,in_tok,t\n4,3,1750\n2,1,1500\n", { units = { arrival = "ms" } }))
    assert.same({ { 0, 1, 2 }, { 0.5, 3, 4 } },
      run "out_tok,in_tok,t\n4,3,2024-05-12 00:00:00.250\n2,1,2024-05-11 23:59:59.75\n")
    assert.same({ { 0, 1, 2 }, { 3, 3, 4 } }, run "t,in_tok,out_tok\n1700000003,3,4\n1700000000,1,2\n")
  end)

  it("is cut by from, to and count, and made faster", function()
    local text = "t,in_tok,out_tok\n4,5,1\n3,4,1\n2,3,1\n1,2,1\n0,1,1\n"
    assert.same({ { 0, 2, 1 }, { 0.5, 3, 1 } }, run(text, { from = 1, to = 3, rate_scale = 2 }))
    assert.same({ { 0, 1, 1 } }, run(text, { count = 1 }))
  end)

  it("that lacks a column is refused in one line that says which it has", function()
    local text = "t,in_tokens,out_tok\n1,2,3\n"
    assert.matches('own.csv: line 1: no column "in_tok" %(prompt%); did you mean "in_tokens"%? '
      .. "It has t, in_tokens, out_tok$", refused(text))
    assert.matches('no column "when" %(arrival%); it has t, in_tokens, out_tok$',
      refused(text, { columns = { arrival = "when", prompt = "in_tokens", output = "out_tok" } }))
  end)

  it("that is wrong is refused at its line", function()
    assert.matches('own.csv: line 3: t: a time expected, got "later"', refused "t,in_tok,out_tok\n1,2,3\nlater,2,3\n")
    assert.matches("own.csv: line 2: out_tok: a whole number of tokens", refused "t,in_tok,out_tok\n1,2,x\n")
    assert.matches("own.csv: no requests in it", refused "t,in_tok,out_tok\n")
    assert.matches("columns: the file is JSON", refused '{"timestamp": 1}')
    assert.matches("units.arrival: .*unknown unit", refused("", { units = { arrival = "parsec" } }))
    local t = scenario("t,in_tok,out_tok\n1,2,3\n", { units = { arrival = "ms" } })
    t.workload.columns = nil
    assert.has_error(function() rows.of(t) end, "workload.units: columns = { arrival =, prompt =, output = } expected "
      .. "beside them")
  end)
end)

describe("the CSV of requests", function()
  setup(program.open)
  teardown(program.close)

  it("replays as it is: the same requests, the same bytes", function()
    local first, again = program.dir .. "/first.csv", program.dir .. "/again.csv"
    local t = { model = "llama-3.1-8b", hardware = "h100-sxm" }
    t.workload = oracle.workload.poisson { rate = 15, count = 400,
      prompt = oracle.dist.uniform { low = 10, high = 3000 },
      output = oracle.dist.uniform { low = 1, high = 300 }, priority = oracle.dist.uniform { low = 0, high = 3 } }
    study.run(oracle.scenario(t), { csv = first })
    t.workload = oracle.workload.trace { path = first }
    study.run(oracle.scenario(t), { csv = again })
    assert.equal(program.read(first), program.read(again))
  end)

  it("asks again for all that a request that ended early had asked for", function()
    local list = rows.of(rows.constant("1 ms", { workload = oracle.workload.trace {
      path = program.write("own.csv", "arrival_time,status,prompt_tokens,max_output_tokens,output_tokens\n"
        .. "2,SUCCESS,5,9,7\n1,TIMEOUT,6,9,2\n") } }))
    assert.same({ 9, 7 }, { list[1].output_tokens, list[2].output_tokens })
    assert.equal(1, list[1].arrival_time)
  end)
end)
