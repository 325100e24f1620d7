--- What of a GPU's memory engines keep from the KV cache, by version.
local core = require "oracle.core"

local engine_memory = {}

-- { from this minor version of vLLM 0.x on, share of the GPU's memory unless told, B beside each logit in the sampler,
-- whether CUDA graphs are taken off before the KV cache is sized }. Shares: vLLM 0.11 and 0.33, config/cache.py; the
-- sampler: src/cost/layout.h; graphs, from 0.21 on: 0.33, v1/worker/gpu_worker.py:787. Where between 0.11 and 0.33 the
-- share changed was not read: it is 0.33's from there on.
local VLLM = {
  { 0, 0.9, 36, false },
  { 17, 0.9, 12, false },
  { 21, 0.9, 12, true },
  { 33, 0.92, 12, true },
}

-- The minor version of vLLM that is simulated, of 0.x.
local function minor(e)
  local version = e.version or e.modelled_version
  return version and tonumber(tostring(version):match "^v?0%.(%d+)") or 11
end

local function row_of(e)
  local found = VLLM[1]
  if e.use_v1 == false or (e.system ~= "vllm" and e.system ~= "dynamo") then return found end
  for _, row in ipairs(VLLM) do
    if minor(e) >= row[1] then found = row end
  end
  return found
end

--- The share of a GPU's memory that an engine takes unless it is told.
function engine_memory.utilization(e)
  return row_of(e)[2]
end

--- B beside each logit that its sampler holds at the peak. Servers of models with an encoder of images peak lower: 2.1
-- GiB with Mistral-Small-3.2-24B (0.11) and 2.6 GiB with Qwen3-VL-30B-A3B, both from public logs, fit the newer figure.
function engine_memory.logit_bytes(e, model)
  return (model.tower_parameters or 0) > 0 and 12 or row_of(e)[3]
end

-- GPUs on which experts in the activations' format or block-scaled fp8 run as Triton kernels (0.33,
-- fused_moe/oracle/unquantized.py and fp8.py: FlashInfer's and DeepGEMM's go first on Blackwell).
local TRITON = { ampere = true, ada = true, hopper = true }
local AS_TRITON = { fp8_block = true, fp8 = true }

--- Whether the buffers of the experts' kernels outlive a layer: since they come from one workspace, which was read in
-- 0.33 (v1/worker/workspace.py); when it came was not read, taken as 0.17.
function engine_memory.holds_experts(e, layout, hardware)
  if e.use_v1 == false or e.system ~= "vllm" or minor(e) < 17 or e.enable_expert_parallel then return false end
  local triton = layout.weights == layout.activations or AS_TRITON[layout.weights]
  return triton and TRITON[hardware.generation] or false
end

-- Bits of an MXFP4 value alone, of the 4.25 with its scale.
local VALUE_BITS = 4

--- B per GPU that the engine adds to a stage's weights when it loads them: MXFP4 experts' hidden size is padded to
-- whole 256s. gpt-oss-120b: 64.33 GiB, printed 64.38 (H100, vLLM 0.11); gpt-oss-20b: 13.4, printed 13.47 to 13.72.
function engine_memory.padding(e, model, layout, stage)
  local pads = e.system == "vllm" or e.system == "dynamo"
  if not pads or layout.weights ~= "mxfp4" or model.num_experts == 0 then return 0 end
  local ranks = layout.tensor_parallel_size * (layout.data_parallel_size or 1)
  local experts = core.cost.parameters(model).parts.expert * stage.layers / model.num_hidden_layers / ranks
  local padded = (model.hidden_size + 255) // 256 * 256
  return experts * VALUE_BITS / 8 * (padded / model.hidden_size - 1)
end

-- Sequences of the largest step that is captured (0.33, config/vllm.py:2464).
local function most_captured(e, hardware)
  return math.min(2 * e.max_num_seqs, hardware and hardware.generation == "blackwell" and 1024 or 512)
end

--- B of CUDA graphs that are off the KV cache's room. Each of the sizes that are captured keeps what a step of it needs
-- beside the first; their inputs and outputs, of the largest, are common. With 51 sizes (up to 512 sequences)
-- Llama-3.1-8B's take about 1.1 GiB on an A100 (its row in public logs of 0.31, of which the rest is accounted for):
-- 0.67 MiB per size and layer, which is the kernels' nodes and arguments.
function engine_memory.graph_bytes(e, model, hardware)
  if not row_of(e)[4] or e.enforce_eager then return 0 end
  local most = most_captured(e, hardware)
  local sizes = 3 + math.min(most, 248) // 8 + math.max(0, (most - 240) // 16)
  return 0.67 * 2 ^ 20 * sizes * model.num_hidden_layers
end

--- All that is off the room for KV, B per GPU.
-- @param memory of oracle.core's cost.memory
function engine_memory.kept(e, memory, model, hardware)
  return memory.activation_bytes + engine_memory.graph_bytes(e, model, hardware)
end

return engine_memory
