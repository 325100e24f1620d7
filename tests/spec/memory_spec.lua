-- What real servers printed of their memory ($ORACLE_DATA/memory/vllm-logs.csv) against what oracle derives.
local logs = require "memory_logs"

local path = (os.getenv "ORACLE_DATA" or "../shared/data") .. "/memory/vllm-logs.csv"

-- Rows that say of themselves that something is guessed: data_parallel_size, with which the printed weights do not
-- agree (27.72 GiB; half the attention and embedding of tensor_parallel_size 4, as with 8).
local CONTRADICT = { ["18"] = true }

-- Per cent that capacity may be off: 2 for text where all is stated, 5 where the version is not, with an encoder, and
-- for V0.
local function tolerance(row)
  local vague = row.other_settings:find "inferred" or row.gpu:find "inferred" or row.other_settings:find "vision"
    or row.other_settings:find "V0" or row.vllm_version == ""
  return vague and 5 or 2
end

describe("memory that real servers printed", function()
  local rows = logs.read(path)

  it("is what follows from model, GPU and settings", function()
    if not rows then return pending("no memory/vllm-logs.csv in $ORACLE_DATA") end
    local checked = 0
    for _, row in ipairs(rows) do
      if not CONTRADICT[row.id] then
        local line, errors = logs.compare(row)
        assert(errors, ("row %s: %s"):format(row.id, line[6]))
        for what, off in pairs(errors) do
          local most = (what == "weights" or what == "needed") and 1 or tolerance(row)
          assert.is_true(math.abs(off) <= most,
            ("row %s, %s: %+.2f %%, at most %d expected"):format(row.id, what, off, most))
          checked = checked + 1
        end
      end
    end
    assert.is_true(checked >= 20)
  end)

  it("has quoted cells that are read as one", function()
    local name = os.tmpname()
    local f = assert(io.open(name, "w"))
    f:write 'a,b,c\n1,"x, y",3\n,,\n'
    f:close()
    local list = logs.read(name)
    os.remove(name)
    assert.same({ { a = "1", b = "x, y", c = "3" }, { a = "", b = "", c = "" } }, list)
    assert.is_nil(logs.read "/no/such/file")
  end)
end)

describe("memory by version", function()
  local engine_memory = require "oracle.plan.engine_memory"

  it("has the share, the sampler's peak and the graphs of each", function()
    local function e(version) return { system = "vllm", version = version, max_num_seqs = 256 } end
    local shape = { num_hidden_layers = 32 }
    assert.same({ 0.9, 0.9, 0.92 }, { engine_memory.utilization(e "0.11"), engine_memory.utilization(e "0.17"),
                                      engine_memory.utilization(e "0.33") })
    assert.same({ 36, 12 }, { engine_memory.logit_bytes(e "0.11", shape), engine_memory.logit_bytes(e "0.33", shape) })
    assert.equal(12, engine_memory.logit_bytes(e "0.11", { tower_parameters = 1 }))
    assert.equal(0, engine_memory.graph_bytes(e "0.11", shape))
    local sizes = 3 + 31 + 17                             -- 1, 2, 4; 8 to 248 by 8; 256 to 512 by 16
    assert.near(0.67 * 2 ^ 20 * sizes * 32, engine_memory.graph_bytes(e "0.33", shape), 1)
    assert.equal(0.9, engine_memory.utilization { system = "static", version = "0.33" })
    local many = { system = "vllm", version = "0.33", max_num_seqs = 1024 }
    local hopper = engine_memory.graph_bytes(many, shape, { generation = "hopper" })
    assert.near(hopper * (sizes + 32) / sizes, engine_memory.graph_bytes(many, shape, { generation = "blackwell" }), 1)
  end)

  it("holds the experts' buffers where they run as Triton kernels", function()
    local function held(version, weights, generation, more)
      local e = { system = "vllm", version = version }
      for k, v in pairs(more or {}) do e[k] = v end
      return engine_memory.holds_experts(e, { weights = weights, activations = "bf16" }, { generation = generation })
    end
    assert.is_true(held("0.33", "bf16", "hopper"))
    assert.is_true(held("0.33", "fp8_block", "ada"))
    assert.is_false(held("0.11", "fp8", "hopper"))
    assert.is_false(held("0.33", "fp8", "blackwell"))
    assert.is_false(held("0.33", "int4", "hopper"))
    assert.is_false(held("0.33", "fp8", nil))
    assert.is_false(held("0.33", "fp8", "hopper", { enable_expert_parallel = true }))
    assert.is_false(held("0.33", "fp8", "hopper", { use_v1 = false }))
  end)

  it("pads the experts of MXFP4 when they are loaded", function()
    local catalog = require "oracle.models.catalog"
    local m = catalog.model "gpt-oss-20b"
    local stage = { layers = m.num_hidden_layers }
    local layout = { weights = "mxfp4", tensor_parallel_size = 1 }
    local bytes = engine_memory.padding({ system = "vllm" }, m, layout, stage)
    assert.near(3 * 32 * 24 * 2880 * 2880 / 2 * (3072 / 2880 - 1), bytes, 1)
    assert.equal(0, engine_memory.padding({ system = "sglang" }, m, layout, stage))
  end)
end)
