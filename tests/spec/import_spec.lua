--- `oracle import`: results of benchmarks and logs of servers to a scenario, a measured set and, where they are told,
-- the requests.
local core = require "oracle.core"
local json = core.json
local program = require "program"
local server_log = require "oracle.formats.imported.server_log"

local CORPUS = (os.getenv "ORACLE_HOME" or ".") .. "/tests/fuzz/corpus/imported/"

local CLOSED = [[return require("oracle").scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
  workload = { kind = "closed_loop", concurrency = %d, count = %d, prompt = 512, output = 32 } }]]

setup(program.open)
teardown(program.close)

local function import(args)
  local code, out, err = program.run_there("import " .. args)
  assert.equal(0, code, err)
  assert.equal("", out)
  return err
end

local function written(name) return program.read(program.dir .. "/" .. name) end

local function scenario(name)
  return load(written(name), name, "t", { require = function()
    return { scenario = function(t) return t end }
  end })()
end

local function summary(name)
  local code, out, err = program.run_there(("run %s -q --json -"):format(name))
  assert.equal(0, code, err)
  return json.decode(out)
end

describe("import of a folder of vllm bench results", function()
  setup(function()
    os.execute(("mkdir '%s/runs'"):format(program.dir))
    for _, c in ipairs { 1, 4, 16 } do
      program.write("c.lua", CLOSED:format(c, 8 * c))
      local code, out = program.run_there "run c.lua --format vllm-bench -q"
      assert.equal(0, code)
      program.write(("runs/c%02d.json"):format(c), out)
    end
    program.write("runs/notes.json", [[{"what": "no result"}]])
  end)

  it("gives a scenario with a point for each, and their measured set", function()
    local err = import "runs -o chat --set hardware=h100-sxm"
    assert.matches("left out: runs/notes.json: nothing to import", err)
    assert.matches("chat.lua, chat.measured.csv written: 3 runs", err)
    local s = scenario "chat.lua"
    assert.equal("h100-sxm", s.hardware)
    assert.same({ 1, 4, 16 }, { s.vary[1][2][1].concurrency, s.vary[1][2][2].concurrency, s.vary[1][2][3].concurrency })
    local points = summary "chat.lua".points
    assert.same({ 3, 8, 128 }, { #points, points[1].requests.total, points[3].requests.total })
  end)

  it("whose rows are what was simulated", function()
    local code, out, err = program.run_there "validate chat.measured.csv --json -"
    assert.equal(0, code, err)
    local v = json.decode(out)
    assert.equal(3, v.rows)
    for _, metric in ipairs { "ttft", "tpot", "e2e" } do assert.is_true(v.overall[metric].mean < 0.01, metric) end
  end)

  it("is not written over unasked", function()
    program.refused(1, ("import '%s/runs' -o '%s/chat'"):format(program.dir, program.dir), "exists; %-%-force replaces it")
    import "runs -o chat --force -q"
    assert.is_nil(scenario "chat.lua".hardware)
  end)
end)

describe("import of a detailed result", function()
  it("replays its requests as they were sent, and compares them one by one", function()
    program.write("o.lua", [[return require("oracle").scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
      workload = { kind = "poisson", rate = 20, count = 40, prompt = 300, output = 20 } }]])
    local code, out = program.run_there "run o.lua --format vllm-bench --save-detailed -q"
    assert.equal(0, code)
    program.write("d.json", out)
    import "d.json --set hardware=h100-sxm -q"
    assert.same({ kind = "trace", path = "d.csv" }, scenario "d.lua".workload)
    local err
    code, out, err = program.run_there "validate d.csv d.lua --json -"
    assert.equal(0, code, err)
    for _, row in ipairs(json.decode(out).rows) do assert.is_true(math.abs(row.error_pct) < 0.1, row.figure) end
  end)
end)

describe("import of a ramp and of a bound beside a rate", function()
  it("keeps both", function()
    program.write("r.json", [[{"model_id": "llama-3.1-8b", "num_prompts": 200, "completed": 200, "request_rate": "inf",
      "ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 10, "max_concurrency": 64,
      "total_input_tokens": 102400, "total_output_tokens": 25600, "request_throughput": 5.4}]])
    local err = import "r.json --set hardware=h100-sxm"
    assert.matches("r.json: not in the table", err)
    local w = scenario "r.lua".workload
    assert.same({ "paced", "linear", 1, 10, 64 }, { w.kind, w.ramp_up_strategy, w.ramp_up_start_rps, w.ramp_up_end_rps,
                                                    w.max_concurrency })
    assert.near(36.4, summary "r.lua".simulation.total_duration_s, 6)
  end)
end)

describe("import of AIPerf and guidellm", function()
  it("takes lengths as they are spread, and how requests were sent", function()
    import(("'%saiperf.json' -q"):format(CORPUS))
    local w = scenario "aiperf.lua".workload
    assert.same({ "paced", 8, 4, 128 }, { w.kind, w.rate, w.max_concurrency, w.output })
    import(("'%sguidellm.json' -q --set hardware=h100-sxm"):format(CORPUS))
    local list = scenario "guidellm.lua".vary[1][2]
    assert.same({ "poisson", 2.5, "closed_loop", 8 }, { list[1].kind, list[1].rate, list[2].kind, list[2].concurrency })
    assert.same({ 250, 262 }, list[1].prompt.values)
    assert.equal(2, #summary "guidellm.lua".points)
  end)

  it("takes AIPerf's records one by one, without those that failed", function()
    import(("'%srecords.jsonl' -q --set hardware=h100-sxm --set model=llama-3.1-8b"):format(CORPUS))
    local s = summary "records.lua"
    assert.equal(1, s.requests.total)
    assert.matches("SUCCESS,25.900000,,97.500000\n", written "records.csv")
  end)
end)

describe("import of a vLLM server's log", function()
  it("has arrivals, lengths and the deployment", function()
    local err = import(("'%sserver.log' --set hardware=h100-sxm"):format(CORPUS))
    assert.matches("prompts: counted 2", err)
    assert.matches("answers: counted 1, the mean of the throughputs 1", err)
    assert.matches("whole seconds", err)
    local s = scenario "server.lua"
    assert.same({ "Qwen/Qwen2.5-7B-Instruct", 2, 8192, true }, { s.model, s.engine.tensor_parallel_size,
                                                                 s.engine.max_model_len, s.engine.enable_prefix_caching })
    assert.matches("cmpl%-a1,3,300,3,0.000000,3.750000,SUCCESS,,,3750", written "server.csv")
    assert.equal(2, summary "server.lua".requests.total)
  end)

  it("has the times of an access log's runtime, and lengths of the throughputs", function()
    local log = server_log.read(io.lines(CORPUS .. "access.log"))
    assert.equal(2, #log.requests)
    assert.near(0.5, log.requests[2].arrival, 1e-6)
    assert.same({ 256, 123 }, { log.requests[1].prompt, log.requests[1].output })  -- 10 s of 51.2 and 24.6 tokens/s
  end)

  local function refused(text, why)
    local ok, message = pcall(server_log.read, text:gmatch "[^\n]+")
    assert.is_false(ok)
    assert.matches(why, message)
  end

  it("is refused where it does not say when, or how long", function()
    refused('INFO:     1.2.3.4:5 - "POST /v1/completions HTTP/1.1" 200 OK', "1 requests, but not when they came")
    refused("INFO 03-20 05:36:49 [logger.py:49] Received request a: params: SamplingParams(max_tokens=5)",
      "the lengths of 1 prompts are not told")
    refused("INFO 03-20 05:36:49 [logger.py:49] nothing", "no requests in it")
  end)
end)

describe("import", function()
  it("names what it cannot take", function()
    program.write("t.json", [[{"elapsed_time": 1, "num_requests": 2, "tokens_per_second": 3}]])
    program.write("e.json", [[{"completed": 3, "request_throughput": 2, "input_sequence_throughput": 2}]])
    program.write("x.csv", "a,b\n1,2\n")
    for args, why in pairs {
      ["'%s/t.json'"] = "t.json: a result of `vllm bench throughput`, which measures no request",
      ["'%s/e.json'"] = "e.json: a benchmark of a pooling model, which generates nothing",
      ["'%s/x.csv'"] = "x.csv: nothing to import; the JSON of vllm bench serve",
      ["'%s/none.json'"] = "none.json: no such file",
      ["'%s/d.json' -o '%s/no/where'"] = "/no: no such folder",
    } do
      local n = select(2, args:gsub("%%s", ""))
      program.refused(1, "import " .. args:format(table.unpack({ program.dir, program.dir }, 1, n)), why)
    end
    program.refused(2, "import", "results of a benchmark, a folder of them, or a server's log expected")
  end)
end)
