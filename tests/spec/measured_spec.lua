--- `oracle validate` of measured data: told by content, compared with predictions.
local core = require "oracle.core"
local measured = require "oracle.formats.measured"
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
    assert.matches("mean absolute error: 0%.0 %% over 23 figures", out)
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

  it("is refused where a number is none of its kind, in one line", function()
    local function bench(key, value)
      local text, n = BENCH:gsub('"' .. key .. '": [^,}]+', ('"%s": %s'):format(key, value))
      assert.equal(1, n)
      return ("validate '%s' --set hardware=h100-sxm"):format(write("b.json", text))
    end
    program.refused(1, bench("request_rate", "-2"), "request_rate: %-2: a number above 0, or \"inf\", expected")
    program.refused(1, bench("request_rate", '"fast"'), "request_rate: fast: a number above 0")
    program.refused(1, bench("total_input_tokens", "-5"), "total_input_tokens: %-5: a number above 0")
    program.refused(1, bench("mean_ttft_ms", "0"), "mean_ttft_ms: 0: a number above 0")
    program.refused(1, bench("request_throughput", "0"), "request_throughput: 0: a number above 0")
    local _, shown = oracle(bench("mean_ttft_ms", "0.04"))
    assert.is_nil(shown:match "seem to be in")              -- a figure of several
    local head = "request_id,arrival_time,prompt_tokens,output_tokens,ttft_ms,e2e_latency_ms\n"
    for row, why in pairs { ["1,0,8,8,nan,9"] = 'ttft_ms: "nan"', ["1,0,8,8,3,-9"] = 'e2e_latency_ms: "%-9"',
                            ["1,0,1e300,8,3,9"] = 'prompt_tokens: "1e300"', ["1,0,8,x,3,9"] = 'output_tokens: "x"' } do
      program.refused(1, ("validate '%s' --set hardware=h100-sxm --set model=llama-3.1-8b"):format(
        write("r.csv", head .. row .. "\n")), "line 2: " .. why)
    end
  end)

  it("of collectives gives one alpha and one beta a group, and the error of its line", function()
    -- A ring of 4: base 12 us is 6 alphas, 5 ps/B are 6/4 of 1/bandwidth. The message has 3 us and 1/(50 GB/s), and its
    -- last size takes a tenth longer than a line through the others.
    local rows = { "ranks,bytes,collective,gpus_per_node,median_ms" }
    for _, bytes in ipairs { 1000, 1000000, 64000000 } do
      rows[#rows + 1] = ("4,%d,all_reduce,4,%.9f"):format(bytes, 12e-3 + 5e-9 * bytes)
      rows[#rows + 1] = ("2,%d,send_recv,1,%.9f"):format(bytes, (3e-3 + bytes / 50e6) * (bytes > 1e7 and 1.1 or 1))
    end
    local text = table.concat(rows, "\r\n") .. "\r\n"
    assert.equal("collectives", (measured.kind(text)))
    local rc, out, err = oracle(("validate '%s' --json -"):format(write("nccl.csv", text)))
    assert.equal(0, rc, err)
    local ring, message = table.unpack(core.json.decode(out).rows)
    local expected = { base_us = 12, slope_ps_per_byte = 5, alpha_us = 2, gb_per_s = 300, mean_error_pct = 0 }
    for key, v in pairs(expected) do assert.near(v, ring[key], 1e-3, key) end
    assert.same({ "send_recv", 2, 3 }, { message.collective, message.ranks, message.sizes })
    assert(message.mean_error_pct > 1 and message.mean_error_pct < 10 and message.worst_error_pct <= 10)
    local function refused(row, why)
      local code, _, said = oracle(("validate '%s'"):format(write("bad.csv", rows[1] .. "\n" .. row .. "\n")))
      assert.equal(1, code)
      assert.matches(why, said)
      assert.equal(1, select(2, said:gsub("\n", "")))
    end
    refused("4,8,all_reduce,4,0", 'line 2: "0": ms above 0 expected')
    refused("1,8,all_reduce,4,1", "line 2: ranks: \"1\": a whole number, 2 or more, expected")
    refused("4,8,all_reduc,4,1", "line 2: unknown collective 'all_reduc'")
    refused("4,8,all_reduce,4,1", "all_reduce over 4 ranks: 1 measurements; 2 or more expected")
    refused("", "no measurements below the header")
  end)

  it("of a calibration stands beside the data sheet's rates", function()
    local rc, out, err = oracle(("validate '%s'"):format(write("cal.json", CALIBRATION)))
    assert.equal(0, rc, err)
    assert.matches("prefill rate %(TFLOPS%) +62.500 +62.500 +%+0%.0", out)
    assert.matches("decode bandwidth %(GB/s%) +109%.20 +218%.40 +%+100%.0", out)
    assert.matches("decode of 1 sequence at 512 %(ms%) +[%d.]+ +[%d.]+ +%-50%.0", out)
  end)

  it("is no trace: which one it is and how it is replayed is said, and that works", function()
    local small = {
      ["Azure LLM"] = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6,30,4\n",
      BurstGPT = "\"Timestamp\",Session ID,Model,Request tokens,Response tokens\r\n5,1,ChatGPT,30,4\r\n",
      Vidur = "request_id,arrived_at,num_prefill_tokens,num_decode_tokens\n0,0.5,30,4\n",
      Splitwise = "request_id,arrival_timestamp,prompt_size,token_size\n0,0.5,30,4\n",
      Mooncake = '{"timestamp": 7, "input_length": 30, "output_length": 4, "hash_ids": [3]}\n',
      ShareGPT = '[{"id": "a", "conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So"}]}]',
    }
    for _, name in ipairs { "Azure LLM", "BurstGPT", "Vidur", "Splitwise", "Mooncake", "ShareGPT" } do
      local path = write("some.trace", small[name])
      local rc, out, err = oracle(("validate '%s'"):format(path))
      assert.same({ 1, "" }, { rc, out })
      assert.matches("%(" .. name .. "%): nothing to compare by itself", err)
      assert.equal(1, select(2, err:gsub("\n", "")))
      local workload = err:match("workload = oracle%.workload%.trace (%b{})")
      local scenario = write("replay.lua", ([[local oracle = require "oracle"
        return oracle.scenario { model = "llama-3.1-8b", hardware = "h100-sxm",
          workload = oracle.workload.trace %s }]]):format(workload))
      rc, out, err = oracle(("run '%s'"):format(scenario))
      assert.equal(0, rc, err)
      assert.matches("Successful requests: +1\n", out)
    end
    local rc, _, err = oracle(("validate '%s'"):format(write("t.csv.gz", "\31\139\8\0\0")))
    assert.equal(1, rc)
    assert.matches("compressed", err)
  end)

  it("of tables that lack a column names the column", function()
    local heads = {
      backend = "id,concurrency,isl,osl,silicon_ttft_ms,silicon_tpot_ms\na,1,2,3,4,5\n",
      tp = "model,gpu,engine,arrival,arrival_value,prompt_tokens,output_tokens,output_tok_s\na,b,c,d,1,2,3,4\n",
    }
    for name, text in pairs(heads) do
      program.refused(1, ("validate '%s'"):format(write("x.csv", text)), "line 1: the column " .. name .. " is missing")
    end
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
