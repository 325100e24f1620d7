--- From checked engine knobs to a deployment: formats, defaults that depend on model and GPU, room for KV blocks.
local formats = require "oracle.scenario.number_formats"
local lazy = require "oracle.lazy"
local systems = lazy "oracle.system"
local units = require "oracle.text.units"

local deployment = {}

local GiB = 2^30

local function fail(...)
  error(string.format(...), 0)
end

-- ---- number formats ----

-- Weight format, and the format the matrix units then compute in. Weight-only formats are unpacked to 16 bit on the
-- way: vLLM's docs, "Quantization".
local function quantized(quantization, activations)
  local weights = formats.find("weights", quantization)
  if not weights then return activations, activations end
  return formats.stored(weights), formats.of[weights].weight_only and activations or weights
end

--- Whether attention replicas share the experts of a model; of one without they are copies, which share nothing.
function deployment.shares_experts(e, model)
  return e.data_parallel_size > 1 and (model.num_experts or 0) > 0
end

--- How a model lies on the GPUs: orc_layout (src/cost/layout.h) of checked knobs.
function deployment.layout(e, model)
  local own = model.torch_dtype or "bf16"
  if own == "fp32" and e.dtype == "auto" then own = "bf16" end   -- vLLM's auto never serves in 32 bit
  local activations = formats.find("activations", e.dtype) or own
  local weights, compute = quantized(e.quantization or model.quantization or "none", activations)
  local kv = e.kv_cache_dtype
  if kv == "auto" then kv = activations end
  return {
    tensor_parallel_size = e.tensor_parallel_size, pipeline_parallel_size = e.pipeline_parallel_size,
    activations = activations, weights = weights, compute = compute,
    kv = formats.find("kv", kv) or kv,
    layers = e.pipeline_layers ~= "even" and e.pipeline_layers or nil,
    data_parallel_size = deployment.shares_experts(e, model) and e.data_parallel_size or nil,
    expert_parallel = e.enable_expert_parallel, sequence_parallel = e.enable_sequence_parallelism,
    all_reduce = e.all_reduce,
  }
end

-- ---- engine knobs ----

-- vLLM v0.11, EngineArgs.get_batch_defaults for `vllm serve`: larger on GPUs of at least 70 GiB that are no A100.
local function batch_defaults(hardware, name)
  if hardware.memory >= 70 * GiB and not name:lower():find("a100", 1, true) then return 8192, 1024 end
  return 2048, 256
end

--- Give the knobs that depend on the model and the GPU their defaults; raises where they contradict each other.
-- @param e the checked knobs, which are changed
function deployment.fill_knobs(e, model, hardware, hardware_name)
  local context = model.max_position_embeddings
  if e.max_model_len and context and e.max_model_len > context then
    fail("engine.max_model_len: %s: the model's context is %s tokens", units.thousands(e.max_model_len),
      units.thousands(context))
  end
  e.max_model_len = e.max_model_len or context
  local system = systems.get(e.system)
  if system.fill then system.fill(e, hardware) end
  local tokens, seqs = batch_defaults(hardware, hardware_name)
  if not e.enable_chunked_prefill then tokens = math.max(tokens, e.max_model_len) end
  e.max_num_batched_tokens = e.max_num_batched_tokens or math.min(tokens, (e.max_num_seqs or seqs) * e.max_model_len)
  e.max_num_seqs = e.max_num_seqs or math.min(seqs, e.max_num_batched_tokens)
  if e.max_num_batched_tokens < e.max_num_seqs then
    fail("engine.max_num_batched_tokens: %s: at least max_num_seqs (%s) expected",
      units.thousands(e.max_num_batched_tokens), units.thousands(e.max_num_seqs))
  end
  if not e.enable_chunked_prefill then
    local cut = e.long_prefill_token_threshold > 0 and "long_prefill_token_threshold"
      or e.num_microbatches_per_request > 1 and "num_microbatches_per_request"
    if cut then fail("engine.%s: cuts prompts, which enable_chunked_prefill = false forbids", cut) end
  end
  if e.system == "vllm" and not e.enable_chunked_prefill and e.max_num_batched_tokens < e.max_model_len then
    fail("engine.max_num_batched_tokens: %s: without chunked prefill at least max_model_len (%s) expected",
      units.thousands(e.max_num_batched_tokens), units.thousands(e.max_model_len))
  end
end

-- ---- memory ----

local function gib(bytes)
  return ("%.2f GiB"):format(bytes / GiB)
end

-- KV blocks that fit on each GPU of one stage, and the bytes left for them.
local function stage_blocks(e, stage, memory, gpu, where)
  local weights, activations = stage.weight_bytes, memory.activation_bytes
  local room = systems.get(e.system).room
  local left = room and room(e, gpu.memory, weights, activations)
    or e.gpu_memory_utilization * gpu.memory - weights - activations
  if left <= 0 then
    local usable = left + weights + activations
    fail("the model does not fit%s: weights %s + activations %s per GPU, %s usable (gpu_memory_utilization %g of %s,"
      .. " %s); raise tensor_parallel_size, quantize, or take a larger GPU", where, gib(weights),
      gib(activations), gib(usable), e.gpu_memory_utilization, gib(gpu.memory),
      gpu.id or gpu.name or "custom")
  end
  return math.floor(left / (stage.kv_bytes_per_token * e.block_size)), left
end

--- KV blocks of one replica: each GPU of it holds its share of every block, so the fullest decides.
-- @param memory of oracle.core's cost.memory
-- @param gpus the hardware of each stage
-- @return the number; raises with the numbers where weights or one request of max_model_len do not fit
function deployment.kv_blocks(e, memory, gpus)
  local blocks, left = math.huge, nil
  for i, stage in ipairs(memory.stages) do
    local where = #memory.stages > 1 and (" on stage %d (%d layers)"):format(i - 1, stage.layers) or ""
    local n, rest = stage_blocks(e, stage, memory, gpus[i], where)
    if n < blocks then blocks, left = n, rest end
  end
  if e.num_gpu_blocks_override then return e.num_gpu_blocks_override end
  local room = blocks * e.block_size
  if room < e.max_model_len then
    fail("the KV cache is too small for one request of max_model_len %s: it needs %s per GPU, %s is left"
      .. " (%s tokens); lower max_model_len to at most %s, raise gpu_memory_utilization or tensor_parallel_size",
      units.thousands(e.max_model_len), gib(e.max_model_len * memory.kv_bytes_per_token), gib(left),
      units.thousands(room), units.thousands(room))
  end
  return blocks
end

return deployment
