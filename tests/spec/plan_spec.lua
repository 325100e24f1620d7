--- oracle plan: the cheapest deployments that serve a load within objectives.
local json = require("oracle.core").json
local program = require "program"
local space = require "oracle.study.plan_space"

setup(program.open)
teardown(program.close)

local ANY = "plan --model llama-3.1-8b --workload 512,64,10 --gpus h100-sxm --max-gpus "
local SMALL, LARGER = ANY .. "1 ", ANY .. "2 "
local SLO = "--slo 'ttft.p99<=1s,tpot.p95<=30ms' "

local function planned(args, size)
  local code, out, err = program.run((size or SMALL) .. args .. " --json - -q")
  return code, out ~= "" and json.decode(out) or nil, err
end

describe("the candidates of a plan", function()
  it("are all ways to share a model among so many GPUs, none of them more", function()
    local list = space.candidates { model = "llama-3.1-8b", gpus = { "h100-sxm", "a100-80gb" }, max_gpus = 4 }
    local names, firsts = {}, 0
    for _, c in ipairs(list) do
      assert.is_nil(names[space.name(c)])
      names[space.name(c)] = true
      assert.is_true(c.gpus <= 4)
      firsts = firsts + (c.first and 1 or 0)
    end
    assert.is_true(names["h100-sxm TP4 seqs 64 tokens 2048"] and names["h100-sxm fp8 TP2 PP2 seqs 256 tokens 8192"])
    assert.is_true(names["h100-sxm prefill 1xTP1 + decode 3xTP1"])
    assert.is_nil(names["a100-80gb fp8 TP1 seqs 64 tokens 2048"])      -- an A100 computes none in fp8
    assert.is_true(firsts > 10 and firsts < #list / 2)
  end)

  it("share experts where the model has some", function()
    local found
    for _, c in ipairs(space.candidates { model = "mixtral-8x7b", gpus = { "h200" }, max_gpus = 8 }) do
      found = found or c.experts and c.dp == 8
    end
    assert.is_true(found)
  end)
end)

describe("oracle plan", function()
  it("finds the cheapest, says why not of the others, and gives a scenario that meets the objectives", function()
    local path = program.dir .. "/best.lua"
    local code, f, err = planned(SLO .. "-o " .. path, LARGER)
    assert.equal(0, code, err)
    assert.is_true(f.found and #f.plans > 0 and f.visited >= f.simulated)
    local last = 0
    for _, p in ipairs(f.plans) do
      assert.is_true(p.usd_per_hour >= last and p.gpus <= 2)
      last = p.usd_per_hour
    end
    assert.equal(1, f.plans[1].gpus)                      -- one GPU is enough for 10 requests per second
    assert.matches("^vllm serve llama%-3.1%-8b .*%-%-max%-num%-seqs %d+ ", f.plans[1].launch[1])
    assert.is_true(#f.pareto.throughput_speed > 0 and #f.pareto.price_latency > 0 and #f.why_not > 0)
    for i = 2, #f.pareto.throughput_speed do
      local a, b = f.pareto.throughput_speed[i - 1], f.pareto.throughput_speed[i]
      assert.is_true(b.tokens_per_second_per_gpu <= a.tokens_per_second_per_gpu)
      assert.is_true(b.tokens_per_second_per_user > a.tokens_per_second_per_user)
    end
    for seed = 101, 103 do                                -- other requests than those it was found with
      local rc, out = program.run(path .. " --seed " .. seed .. " --json - -q")
      assert.equal(0, rc)
      assert.is_true(json.decode(out).slo.met)
    end
  end)

  it("goes on where it was stopped, and gives the same bytes on any number of threads", function()
    local _, whole = program.run(SMALL .. SLO .. "--threads 1 --json - -q")
    local out = program.dir .. "/plan.jsonl"
    local rc = program.run(SMALL .. SLO .. "--threads 2 --json /dev/null -q --out " .. out)
    assert.equal(0, rc)
    local text = program.read(out)
    local f = assert(io.open(out, "w"))
    f:write(text:sub(1, #text // 2))
    f:close()
    local code, again, err = program.run(SMALL .. SLO .. "--threads 2 --json - -q --resume --out " .. out)
    assert.equal(0, code, err)
    assert.equal(whole, again)
  end)

  it("says what there is where nothing meets the objectives, with exit status 1", function()
    local code, f = planned "--slo 'tpot.p95<=100us'"
    assert.equal(1, code)
    assert.is_false(f.found)
    assert.matches("one request alone: tpot.p95 is", f.why_not[1].why)
    local rc, out = program.run(SMALL .. "--slo 'tpot.p95<=100us' -q")
    assert.equal(1, rc)
    assert.equal("", out)
  end)

  it("refuses in one line what is no question", function()
    for args, why in pairs {
      ["plan --workload 512,64,10"] = "%-%-model: missing", ["plan --model llama-3.1-8b"] = "%-%-workload: missing",
      [SMALL] = "objectives expected", [SMALL .. SLO .. "--gpus h1000"] = "unknown hardware",
      [SMALL .. SLO .. "--gpus h200,h200"] = "given twice", [SMALL .. SLO .. "--system vlm"] = "one of",
      [SMALL .. SLO .. "--resume"] = "goes with %-%-out", ["plan --model lama --workload 1,1,1"] = "unknown model",
      ["plan --model llama-3.1-8b --workload 512,64,0"] = "a rate above 0", [SMALL .. "--slo ttft"] = "such as ttft",
      ["plan --model llama-3.1-8b --workload 512,64,10 --max-gpus 0"] = "a whole number",
    } do
      local code, out, err = program.run(args)
      assert.is_true(code == 1 or code == 2, args)
      assert.equal("", out)
      assert.matches(why, err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
  end)
end)
