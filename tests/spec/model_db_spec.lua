--- Databases of models beside the catalog, the listings, and the log of steps.
local formats = require "oracle.formats"
local json = require("oracle.core").json
local problems = require "oracle.formats.problems"
local program = require "program"

local write, oracle = program.write, program.run

local STATS = { flops_per_token = 16e9, memory_bytes_per_token = 32e6 }

-- An entry as such databases hold it, with changes.
local function entry(changes)
  local t = { parameters = 8e9, hidden_size = 4096, num_layers = 32, num_attention_heads = 32, num_kv_heads = 8,
              intermediate_size = 14336, vocab_size = 128256, kv_cache_bytes_per_token_per_layer = 16384,
              prefill_op_stats = STATS, decode_op_stats = STATS }
  for k, v in pairs(changes or {}) do
    if v == false then t[k] = nil else t[k] = v end
  end
  return t
end

local function experiment(model)
  return ([[
model_characteristics_db_path: db.json
simulation: {max_simulation_time: 10}
hardware_profile:
  compute_devices:
    - {device_id: gpu0, device_type: GPU, peak_tflops: {fp16: 312}, memory_capacity_bytes: 80.0e9, memory_gbps: 2039}
workload:
  total_duration: 10
  client_profiles:
    - profile_name: a
      inter_arrival_time_dist_config: {type: Exponential, rate: 2.0}
      prompt_tokens_dist_config: {type: Constant, value: 100}
      max_output_tokens_dist_config: {type: Constant, value: 20}
frameworks_to_test:
  - {name: v, type: VLLM, config: {model_profile_id: %s, gpu_id: gpu0}}
]]):format(model)
end

-- The errors and the warnings of an experiment with that model of that database, a text each.
local function read(model, entries)
  write("db.json", json.encode(entries))
  local p = formats.parse(experiment(model), "yaml", program.dir).problems
  local function text(list)
    local lines = {}
    for i, e in ipairs(list) do lines[i] = problems.text(e) end
    return table.concat(lines, "\n")
  end
  return text(p.errors), text(p.warnings)
end

setup(program.open)
teardown(program.close)

describe("a model database", function()
  it("is read, and each value that contradicts the architecture is named", function()
    local errors, warnings = read("Llama3-8B", { ["Llama3-8B"] = entry { vocab_size = 32000 } })
    assert.equal("", errors)
    assert.matches("Llama3%-8B.vocab_size: 32000 contradicts the architecture, which gives 128256", warnings)
    assert.matches("kv_cache_bytes_per_token_per_layer: 16384 contradicts the architecture, which gives 4096", warnings)
    assert.matches("decode_op_stats.memory_bytes_per_token: 3.2e%+07 contradicts", warnings)
    assert.is_nil(warnings:match("num_layers"))
    assert.is_nil(warnings:match("parameters: "))         -- 8 billion is 8.03 billion, rounded
  end)

  it("says nothing of figures that agree", function()
    local good = { flops_per_token = 2 * 6.979e9, memory_bytes_per_token = 2 * 7.505e9 }
    local _, warnings = read("Llama3-8B", { ["Llama3-8B"] = entry { kv_cache_bytes_per_token_per_layer = 4096,
      prefill_op_stats = good,
      decode_op_stats = { flops_per_token = 2 * 7.505e9, memory_bytes_per_token = 2 * 7.505e9 } } })
    assert.equal("", warnings)
  end)

  it("brings models that the catalog lacks", function()
    write("db.json", json.encode { Mine = entry { num_layers = 16, head_dim = 128, max_position_embeddings = 2048 } })
    local path = write("mine.yaml", experiment("Mine"))
    local rc, out, err = oracle(("run '%s' -q --json -"):format(path))
    assert.equal(0, rc, err)
    local d = json.decode(out).deployment
    assert.equal("Mine", d.model)
    assert.equal(2 * (16 * (4096 * 4096 * 2 + 4096 * 1024 * 2 + 3 * 4096 * 14336 + 2 * 4096) + 4096
      + 2 * 128256 * 4096), d.weights_bytes_per_gpu)
  end)

  -- One that lacks aggregated_ops is not four times as slow.
  it("gives the same times whichever of its figures are there (W-41)", function()
    local function summary(changes)
      write("db.json", json.encode { Mine = entry(changes) })
      local rc, out, err = oracle(("run '%s' -q --json -"):format(write("mine.yaml", experiment("Mine"))))
      assert.equal(0, rc, err)
      return json.decode(out).latency
    end
    local totals = { total_flops_per_prompt_token = 16e9, total_memory_bytes_per_prompt_token = 32e6,
                     critical_path_factor = 1 }
    assert.same(summary {}, summary { aggregated_ops = { prefill = totals, decode = {
      total_flops_per_token_in_batch = 16e9, total_memory_bytes_per_token_in_batch = 64e6,
      critical_path_factor = 1 } } })
  end)

  it("is refused for every rule it breaks", function()
    for _, case in ipairs {
      { { hidden_size = false }, "Model Bad missing required fields: hidden_size" },
      { { parameters = false }, "Missing both parameters and parameter_bytes_fp16" },
      { { parameter_bytes_fp16 = 5e9 }, "Inconsistent parameter_bytes_fp16 %(5000000000 != 16000000000%)" },
      { { prefill_op_stats = false }, "Missing prefill_op_stats" },
      { { decode_op_stats = { flops_per_token = 1 } }, "decode_op_stats missing fields: memory_bytes_per_token" },
      { { num_kv_heads = false, kv_cache_bytes_per_token_per_layer = false }, "Cannot calculate KV cache size" },
      { { layer_types = { attention = {} } }, "Missing layer type 'mlp'" },
      { { num_layers = -3 }, "%-3: a whole number" },
      { { vocab_sice = 3 }, "unknown key; did you mean vocab_size" },
    } do
      local errors = read("Bad", { Bad = entry(case[1]) })
      assert.matches(case[2], errors)
    end
    local errors = read("Llama3-8", { ["Llama3-8B"] = entry() })
    assert.matches("Unknown model profile: Llama3%-8; did you mean Llama3%-8B", errors)
    os.remove(program.dir .. "/db.json")
    local missing = formats.parse(experiment("Llama3-8B"), "yaml", program.dir).problems.errors
    assert.matches("Model database not found: db.json", missing[1].message)
  end)

  it("is checked whole by validate -m, ten errors shown", function()
    local entries = { ["Llama3-8B"] = entry() }
    for i = 1, 15 do entries[("bad%02d"):format(i)] = entry { num_layers = 0 } end
    write("db.json", json.encode(entries))
    local path = write("m.yaml", experiment("Llama3-8B"))
    assert.equal(0, (oracle(("validate '%s'"):format(path))))
    local rc, out = oracle(("validate -m '%s'"):format(path))
    assert.equal(1, rc)
    assert.matches("✗ Model database has 15 errors:\n  1%. bad01%.num_layers", out)
    assert.matches("\n  10%. [^\n]*\n  %.%.%. and 5 more errors\n", out)
    assert.matches("✓ Configuration is valid", out)
  end)
end)

describe("the listings", function()
  it("name all twelve models of such databases", function()
    for _, id in ipairs { "Llama2-7B", "Llama2-13B", "Llama3-8B", "Mistral-7B-v0.3", "GPT-3-175B", "Llama3-70B",
                          "Qwen2.5-7B", "Qwen2.5-32B", "Qwen2.5-72B", "Mixtral-8x7B", "Gemma2-9B", "Gemma2-27B" } do
      local rc, out, err = oracle("show model " .. id)
      assert.equal(0, rc, err)
      assert.matches("KV cache per token", out)
    end
  end)

  it("show shapes and figures", function()
    local _, out = oracle("show model Llama3-8B")
    assert.matches("\nparameters +8.03026 billion\n", out)
    assert.matches("\nKV cache per token +bf16, 128 KiB\n", out)
    _, out = oracle("show hardware a100")
    local number = out:match("\nbandwidth +2039 GB/s +(%[%d+%])\n")
    assert.is_truthy(out:find("\n" .. number .. " NVIDIA A100 Tensor Core GPU data sheet", 1, true))
    for _, args in ipairs { "show", "show model", "show car x", "show model a b" } do
      assert.equal(2, (oracle(args)), args)
    end
    assert.equal(1, (oracle("show model nosuchmodel")))
  end)
end)

describe("the log", function()
  it("tells every step with achieved MFU and MBU, and changes nothing", function()
    local path = write("log.yaml", (experiment("Llama2-7B"):gsub("model_char[^\n]*\n", "")))
    local _, plain = oracle(("run '%s' --json -"):format(path))
    local rc, logged, err = oracle(("run '%s' --json - -l DEBUG"):format(path))
    assert.equal(0, rc)
    assert.equal(plain, logged)
    local steps, requests = 0, 0
    for mfu, mbu in err:gmatch("step %d+: [^\n]* ms, MFU ([%d.]+) %%, MBU ([%d.]+) %%\n") do
      steps = steps + 1
      assert.is_true(tonumber(mfu) > 0 and tonumber(mfu) <= 50.1 and tonumber(mbu) > 0 and tonumber(mbu) <= 80.1)
    end
    for _ in err:gmatch("req_%d+: ended SUCCESS, 20 output tokens") do requests = requests + 1 end
    local s = json.decode(plain)
    assert.equal(s.simulation.steps, steps)
    assert.is_true(requests >= s.requests.successful)
  end)
end)
