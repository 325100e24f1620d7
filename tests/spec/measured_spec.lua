--- `oracle validate` of measured data: told by content, compared with predictions.
local measured = require "oracle.measured"
local program = require "program"

local write, oracle = program.write, program.run

local BENCH = [[{"model_id": "meta-llama/Llama-3.1-8B-Instruct", "num_prompts": 50, "completed": 50,
  "request_rate": "inf", "max_concurrency": 4, "burstiness": 1.0, "total_input_tokens": 25600,
  "total_output_tokens": 3200, "request_throughput": 7.0, "mean_ttft_ms": 40.0, "median_ttft_ms": 38.0,
  "p99_ttft_ms": 90.0, "mean_tpot_ms": 8.1, "median_tpot_ms": null}]]

local CALIBRATION = [[{"xpu_name": "gb10", "model_name": "llama-7b", "tp_size": 1, "roofline_params": {
  "prefill_effective_tflops": 62.5, "prefill_effective_bandwidth_gbs": 218.4, "prefill_comm_overhead_s": 0.0,
  "decode_effective_tflops": 62.5, "decode_effective_bandwidth_gbs": 109.2}}]]

setup(program.open)
teardown(program.close)

describe("measured data", function()
  it("is told by its content", function()
    assert.equal("bench", (measured.kind(BENCH)))
    assert.equal("calibration", (measured.kind(CALIBRATION)))
    assert.equal("requests", (measured.kind("request_id,client_id,arrival_time\n")))
    assert.is_nil((measured.kind("a,b\n1,2\n")))
    assert.is_nil((measured.kind("simulation:\n")))
    assert.is_nil((measured.kind('{"simulation": {}}')))
  end)

  it("of our own simulation is predicted without error", function()
    local csv = program.dir .. "/q.csv"
    local args = "scenarios/quickstart.lua --set workload.duration=nil --set workload.count=80"
    assert.equal(0, (oracle(("%s -q --csv '%s'"):format(args, csv))))
    local rc, out, err = oracle(("validate '%s' scenarios/quickstart.lua"):format(csv))
    assert.equal(0, rc, err)
    assert.matches("80 measured requests, against meta%-llama/Llama%-3%.1%-8B%-Instruct on 1 x h100%-sxm", out)
    assert.matches("TTFT p99 %(ms%) +[%d.]+ +[%d.]+ +[+-]0%.0\n", out)
    assert.matches("mean absolute error: 0%.0 %% over 18 figures", out)
  end)

  it("of vllm bench is simulated under the same load", function()
    local path = write("bench.json", BENCH)
    local rc, out, err = oracle(("validate '%s' --set hardware=h100-sxm"):format(path))
    assert.equal(0, rc, err)
    local actual, predicted, off = out:match("TTFT mean %(ms%) +([%d.]+) +([%d.]+) +([+-][%d.]+)\n")
    assert.equal(40, tonumber(actual))
    assert.near(100 * (predicted - 40) / 40, tonumber(off), 0.1)
    assert.is_nil(out:match("TPOT p50"))
    rc, out, err = oracle(("validate '%s'"):format(path))
    assert.same({ 1, "" }, { rc, out })
    assert.matches("hardware: not told by the data", err)
  end)

  it("of a calibration stands beside the data sheet's rates", function()
    local rc, out, err = oracle(("validate '%s'"):format(write("cal.json", CALIBRATION)))
    assert.equal(0, rc, err)
    assert.matches("prefill rate %(TFLOPS%) +62.500 +62.500 +%+0%.0", out)
    assert.matches("decode bandwidth %(GB/s%) +109%.20 +218%.40 +%+100%.0", out)
    assert.matches("decode of 1 sequence at 512 %(ms%) +[%d.]+ +[%d.]+ +%-50%.0", out)
  end)

  it("is refused naming both kinds when it is neither", function()
    local path = write("x.csv", "a,b\n1,2\n")
    local rc, out, err = oracle(("validate '%s'"):format(path))
    assert.same({ 1, "" }, { rc, out })
    assert.matches("neither a configuration %(.*%) nor measured data %(.*%)\n$", err)
    rc, out, err = oracle(("validate --as data '%s'"):format(path))
    assert.same({ 1, "" }, { rc, out })
    assert.matches("no measured data", err)
    rc, out = oracle(("validate --as config '%s'"):format(path))
    assert.equal(1, rc)
    assert.matches("a mapping with the sections", out)
  end)

  it("says the line of what is wrong in it", function()
    local path = write("bad.csv", "request_id,arrival_time,prompt_tokens,output_tokens\nreq_1,0,5,5\nreq_2,x,5,5\n")
    local rc, _, err = oracle(("validate '%s' --set model=llama-7b --set hardware=h100"):format(path))
    assert.equal(1, rc)
    assert.matches("bad%.csv: line 3: ", err)
  end)
end)
