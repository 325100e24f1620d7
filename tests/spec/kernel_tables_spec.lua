--- Tables of kernels to what they reach of the data sheet: times that were made with known shares and floors give these
-- back.
local core = require "oracle.core"
local csv = require "oracle.formats.measured.csv"
local collective_rows = require "oracle.formats.measured.collective_rows"
local kernels = require "oracle.study.calibrate.kernels"

local CHIP = require("oracle.models.catalog").hardware "h100-sxm"
local PEAK = core.cost.flops(CHIP, "bf16")

local function chip(name) return name == "x" and CHIP or nil end

local function fitted(head, lines, into)
  local text = head .. "\n" .. table.concat(lines, "\n") .. "\n"
  local kind = kernels.kind(csv.columns(text))
  assert.is_table(kind)
  local base = { hopper = into }
  local found, silent = kernels.fit(kind, csv.rows(text), chip, base)
  return base.hopper, found, silent
end

local FLOOR = 6e-6

describe("a table of kernels", function()
  it("of matrix products: the share of the bandwidth apart from the floor, by engine", function()
    local lines = {}
    for _, engine in ipairs { "vllm", "sglang" } do
      for n = 2048, 32768, 1024 do
        local seconds = FLOOR + n * 8192 * 2 / (0.8 * CHIP.bandwidth)
        lines[#lines + 1] = ("x,%s,1.0,s,bfloat16,4,%d,8192,%.9g"):format(engine, n, 1000 * seconds)
      end
    end
    -- An engine whose host was waited for says nothing of kernels.
    for n = 2048, 32768, 1024 do
      lines[#lines + 1] = ("x,trtllm,0.1,s,bfloat16,4,%d,8192,%.9g"):format(n,
        1000 * (300e-6 + n * 8192 * 2 / CHIP.bandwidth))
    end
    lines[#lines + 1] = "unheard,vllm,1.0,s,bfloat16,4,1024,1024,1.0"
    local t, found, silent = fitted("gpu,engine,engine_version,kernel_source,gemm_dtype,m,n,k,latency_ms", lines,
      { gemm_bandwidth = { bf16 = 0.5 }, gemm_compute = {} })
    assert.near(0.8, t.gemm_bandwidth.bf16, 1e-3)
    assert.equal(1, silent)
    assert.same({ "hopper.gemm_bandwidth.bf16", 0.5 }, { found[1].name, found[1].was })
  end)

  it("of experts: the share of the bandwidth, and what narrow slices leave of it", function()
    local lines = {}
    local function add(tokens, cut, share, floor)
      local hidden, inter, k, experts = 4096, 8192, 2, 16
      local read = math.max(k, experts * (1 - (1 - k / experts) ^ tokens))
      local weights = 3 * hidden * inter / cut
      local memory = read * weights * 2 / CHIP.bandwidth / share
      local compute = 2 * math.max(tokens * k, 4 * read) * weights / PEAK / 0.25
      local slice = 1 + 60 * cut / inter
      lines[#lines + 1] = ("x,vllm,1.0,s,bfloat16,%d,%d,%d,%d,%d,%d,1,balanced,%.9g"):format(tokens, hidden, inter, k,
        experts, cut, 1000 * (floor + slice * math.max(memory, compute)))
    end
    for _, tokens in ipairs { 1, 2, 4, 8, 16 } do
      for _, cut in ipairs { 1, 2, 4, 8 } do add(tokens, cut, 0.7, FLOOR) end
    end
    for _, tokens in ipairs { 4096, 5120, 6144, 8192 } do
      for _, cut in ipairs { 1, 2, 4 } do add(tokens, cut, 0.7, FLOOR) end
    end
    lines[#lines + 1] = "x,vllm,1.0,s,bfloat16,8,4096,8192,2,16,1,1,power_law_1.2,99"
    local t, _, silent = fitted("gpu,engine,engine_version,kernel_source,moe_dtype,num_tokens,hidden_size,inter_size,"
      .. "topk,num_experts,moe_tp_size,moe_ep_size,distribution,latency_ms", lines,
      { expert_bandwidth = {}, expert_compute = {}, slice_width = 96 })
    assert.equal(0, silent)
    assert.near(0.7, t.expert_bandwidth.bf16, 2e-3)
    assert.near(60, t.slice_width, 1)
    assert.near(0.25, t.expert_compute.bf16, 5e-3)
  end)

  it("of attention: of the cache's bandwidth, and of the peak as prompts grow", function()
    local decodes, prompts = {}, {}
    for _, batch in ipairs { 16, 32, 64, 128 } do
      for past = 2047, 16383, 2048 do
        local bytes = batch * (past + 1) * 2 * 8 * 128 * 2
        decodes[#decodes + 1] = ("x,vllm,1.0,s,%d,1,32,8,128,1,bfloat16,bfloat16,%d,,%.9g"):format(batch, past,
          1000 * (FLOOR + bytes / (0.9 * CHIP.bandwidth)))
      end
    end
    local head = "gpu,engine,engine_version,kernel_source,batch_size,isl,num_heads,num_key_value_heads,head_dim,"
      .. "beam_width,attn_dtype,kv_cache_dtype,step,window_size,latency_ms"
    local t = fitted(head, decodes, { attention_decode = 0.5, attention_prefill = 0.5, prefill_ramp = 100 })
    assert.near(0.9, t.attention_decode, 1e-3)
    for _, isl in ipairs { 1024, 2048, 3072, 4096, 8192, 12288, 16384, 24576 } do
      local flops = 4 * 32 * 32 * 128 * isl * (isl + 1) / 2
      prompts[#prompts + 1] = ("x,vllm,1.0,s,32,%d,32,8,128,1,bfloat16,bfloat16,0,,%.9g"):format(isl,
        1000 * flops / PEAK / 0.6 * (1 + 800 / isl))
    end
    t = fitted(head, prompts, { attention_decode = 0.5, attention_prefill = 0.5, prefill_ramp = 100 })
    assert.near(0.6, t.attention_prefill, 1e-3)
    assert.near(800, t.prefill_ramp, 5)
    assert.equal(0.5, t.attention_decode)
  end)

  it("of all-reduces: the links' share, and each engine's latency inside graphs", function()
    local lines = { "gpu,engine,engine_version,kernel_source,allreduce_dtype,num_gpus,message_size,latency_ms" }
    for _, ranks in ipairs { 2, 4, 8 } do
      for power = 8, 28 do
        local elements = 1 << power
        local seconds = 4e-6 + 2 * (ranks - 1) / ranks * 2 * elements / (0.7 * CHIP.nvlink.bandwidth)
        lines[#lines + 1] = ("x,vllm,1.0,vllm_graph,bfloat16,%d,%d,%.9g"):format(ranks, elements, 1000 * seconds)
      end
    end
    local base = { kernels = { hopper = { reduce_bandwidth = 0.5 } },
                   engines = { vllm = { generations = { hopper = { reduce_latency = 9e-6 } } } } }
    kernels.reduce(collective_rows.read(table.concat(lines, "\n") .. "\n"), chip, nil, base)
    assert.near(0.7, base.kernels.hopper.reduce_bandwidth, 1e-3)
    assert.near(4e-6, base.engines.vllm.generations.hopper.reduce_latency, 1e-7)
    -- NCCL's own is of other kernels.
    local nccl = { "collective,ranks,gpus_per_node,bytes,median_ms" }
    for power = 20, 30 do
      local seconds = 20e-6 + 1.75 * (1 << power) / (0.5 * CHIP.nvlink.bandwidth)
      nccl[#nccl + 1] = ("all_reduce,8,8,%d,%.9g"):format(1 << power, 1000 * seconds)
    end
    local groups = collective_rows.read(table.concat(nccl, "\n") .. "\n")
    kernels.reduce(groups, chip, CHIP, base)
    assert.near(0.7, base.kernels.hopper.reduce_bandwidth, 1e-3)
    base.reduced = nil
    kernels.reduce(groups, chip, CHIP, base)
    assert.near(0.5, base.kernels.hopper.reduce_bandwidth, 1e-3)
  end)

  it("of another kind is told apart", function()
    assert.is_nil(kernels.kind(csv.columns "gpu,engine,latency_ms,what\n"))
    assert.is_nil(kernels.kind(csv.columns "gemm_dtype,m,n,k\n"))
  end)
end)
