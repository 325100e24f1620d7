--- From checked engine knobs to a deployment: formats, defaults that depend on model and GPU, room for KV blocks.
local lazy = require "oracle.lazy"
local collectives = lazy "oracle.models.collectives"
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local engine_memory = require "oracle.plan.engine_memory"
local kv_groups = require "oracle.plan.kv_groups"
local lora = require "oracle.plan.lora"
local checkpoints = lazy "oracle.models.quantization"
local systems = lazy "oracle.system"
local units = require "oracle.text.units"

local deployment = {}

local GiB = 2^30

local function fail(...)
  error(string.format(...), 0)
end

-- ---- number formats ----

--- Whether attention replicas share the experts of a model; of one without they are copies, which share nothing.
function deployment.shares_experts(e, model)
  return e.data_parallel_size > 1 and (model.num_experts or 0) > 0
end

-- Layers of each stage. Those that do not divide go to the stages before the last, from behind (vLLM 0.11,
-- distributed/utils.py, get_pp_indices), with SGLang to the last ones (srt/distributed/utils.py); nil: as many on each.
local function stage_layers(e, model)
  if e.pipeline_layers == "even" then return nil end
  local n, layers = e.pipeline_parallel_size, model.num_hidden_layers
  if e.pipeline_layers or not layers or layers % n == 0 or n > layers then return e.pipeline_layers end
  local list, rest, last = {}, layers % n, e.system == "sglang" and n or n - 1
  for i = 1, n do list[i] = layers // n + (i <= last and i > last - rest and 1 or 0) end
  return list
end

--- How a model lies on the GPUs: orc_layout (src/cost/layout.h) of checked knobs.
function deployment.layout(e, model)
  local own = model.torch_dtype or "bf16"
  if own == "fp32" and e.dtype == "auto" then own = "bf16" end   -- vLLM's auto never serves in 32 bit
  local activations = formats.find("activations", e.dtype) or own
  local asked = e.quantization and formats.find("weights", e.quantization) or e.quantization
  local weights = formats.find("weights", checkpoints.weights(model, asked) or "none") or activations
  local kv = e.kv_cache_dtype
  if kv == "auto" then kv = model.kv_cache_dtype or activations end
  return {
    tensor_parallel_size = e.tensor_parallel_size, pipeline_parallel_size = e.pipeline_parallel_size,
    activations = activations, weights = weights,
    compute = checkpoints.compute(model, asked, weights, activations),
    weight_bits = (not asked or asked == model.quantization)
      and checkpoints.part_bits(model, weights, activations) or nil,
    kv = formats.find("kv", kv) or kv,
    layers = stage_layers(e, model),
    max_lora_rank = e.enable_lora and e.max_lora_rank or 0,
    decode_context_parallel_size = e.decode_context_parallel_size, kv_interleave = e.cp_kv_cache_interleave_size,
    data_parallel_size = deployment.shares_experts(e, model) and e.data_parallel_size or nil,
    expert_parallel = e.enable_expert_parallel, sequence_parallel = e.enable_sequence_parallelism,
    all_reduce = e.all_reduce,
  }
end

--- What is measured of the collectives that `all_reduce = "auto"` means: layout.measured.
-- @param gpus the hardware of each pipeline stage
-- @param version of the engine whose kernels count; nil: that which is simulated
-- @return nil where formulas stand: another algorithm, stages of different hardware, hardware without measurements
function deployment.measured_collectives(e, model, gpus, version)
  if e.all_reduce ~= "auto" then return nil end
  for _, gpu in ipairs(gpus) do
    if gpu ~= gpus[1] then return nil end
  end
  local shared = deployment.shares_experts(e, model)
    and { replicas = e.data_parallel_size, ranks = e.tensor_parallel_size * e.data_parallel_size,
          top_k = model.num_experts_per_tok, backend = e.enable_expert_parallel and e.all2all_backend or nil } or nil
  return collectives.measured(e, version or e.version or e.modelled_version, gpus[1], shared)
end

-- ---- engine knobs ----

-- Whether the engine behaves as vLLM 0.33; 0.11 otherwise.
local function is_newest(e)
  return e.modelled_version == "0.33"
end

-- vLLM, engine/arg_utils.py, get_batch_defaults: tokens and sequences of a step. 0.11 :1605-1625: larger on GPUs of at
-- least 70 GiB that are no A100, and for the offline LLM class; 0.33 :2973-3006 has a tier from 160 GiB on.
local function batch_defaults(e, hardware, name)
  local offline = e.usage_context == "LLM_CLASS"
  if is_newest(e) and hardware.memory >= 160 * GiB then return 16384, 1024 end
  if hardware.memory >= 70 * GiB and not name:lower():find("a100", 1, true) then
    return offline and 16384 or 8192, 1024
  end
  return offline and 8192 or 2048, 256
end

-- A KV block of a sequence whose tokens are dealt out has its share on each GPU (vLLM 0.11, v1/core/sched/scheduler.py:
-- block_size *= dcp_world_size).
local function deal_out(e)
  local stride = e.cp_kv_cache_interleave_size
  if e.block_size % stride ~= 0 then
    fail("engine.cp_kv_cache_interleave_size: %d does not divide block_size (%d)", stride, e.block_size)
  end
  if e.tensor_parallel_size % e.decode_context_parallel_size ~= 0 then
    fail("engine.decode_context_parallel_size: %d does not divide tensor_parallel_size (%d)",
      e.decode_context_parallel_size, e.tensor_parallel_size)
  end
  e.block_size = e.block_size * e.decode_context_parallel_size
end

--- Give the knobs that depend on the model and the GPU their defaults; raises where they contradict each other.
-- @param e the checked knobs, which are changed
function deployment.fill_knobs(e, model, hardware, hardware_name)
  local context = model.max_position_embeddings
  if e.max_model_len == "auto" then e.max_model_len, e.longest_that_fits = nil, true end
  if e.max_model_len and context and e.max_model_len > context then
    fail("engine.max_model_len: %s: the model's context is %s tokens", units.thousands(e.max_model_len),
      units.thousands(context))
  end
  e.max_model_len = e.max_model_len or context
  local system = systems.get(e.system)
  if system.fill then system.fill(e, hardware, model) end
  e.gpu_memory_utilization = e.gpu_memory_utilization or engine_memory.utilization(e)
  local tokens, seqs = batch_defaults(e, hardware, hardware_name)
  if not e.enable_chunked_prefill then tokens = math.max(tokens, e.max_model_len) end
  e.max_num_batched_tokens = e.max_num_batched_tokens or math.min(tokens, (e.max_num_seqs or seqs) * e.max_model_len)
  e.max_num_seqs = e.max_num_seqs or math.min(seqs, e.max_num_batched_tokens)
  lora.fill(e)
  deal_out(e)
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

-- The B that the KV cache is told to take; the rest must fit beside it.
local function told_room(e, rest, gpu, where)
  if rest + e.kv_cache_memory_bytes <= gpu.memory then return e.kv_cache_memory_bytes end
  fail("engine.kv_cache_memory_bytes: %s%s beside weights and activations of %s per GPU: %s has %s",
    gib(e.kv_cache_memory_bytes), where, gib(rest), gpu.id or gpu.name or "the GPU", gib(gpu.memory))
end

-- B of each GPU of one stage that are left for the KV cache.
local function stage_room(e, stage, kept, gpu, where)
  local weights, activations = stage.weight_bytes + stage.padding_bytes, kept
  local room = systems.get(e.system).room
  if e.kv_cache_memory_bytes then return told_room(e, weights + activations, gpu, where) end
  local usable = e.gpu_memory_utilization * gpu.memory
  local left = usable - weights - activations
  if room then left, usable = room(e, gpu, weights, activations) end
  if left <= 0 then
    fail("the model does not fit%s: weights %s + activations %s per GPU, %s usable (gpu_memory_utilization %g of %s,"
      .. " %s); raise tensor_parallel_size, quantize, or take a larger GPU", where, gib(weights),
      gib(activations), gib(usable), e.gpu_memory_utilization, gib(gpu.memory),
      gpu.id or gpu.name or "custom")
  end
  return left
end

-- Systems whose kinds of layers have pools of their own: SGLang, server_args.py, swa_full_tokens_ratio and
-- mamba_full_memory_ratio.
local POOLS = { sglang = { window = 0.8, state = 0.9 } }

-- Tokens scheduled at a time whose blocks outside a window are not free yet: of each batch in flight (vLLM 0.33,
-- config/vllm.py:588-609); 0.11 counts one.
local function in_flight(e)
  local pp, batches = e.pipeline_parallel_size, 1
  if is_newest(e) then
    batches = pp
    if e.async_scheduling ~= false then batches = pp > 1 and pp + 1 or 2 end
  elseif e.async_scheduling then
    batches = 2
  end
  return batches * e.max_num_batched_tokens
end

-- What the KV cache of one stage looks like: kv_groups of its layers. Chunked attention and what an indexer chooses
-- from keep all tokens (vLLM 0.33, config/vllm.py:2246: the hybrid manager is off for chunks unless asked for).
local function groups_of(e, stage, model)
  local window = model.num_windowed_layers and model.num_windowed_layers > 0 and not model.chunked_window
    and not model.index_topk and model.sliding_window or nil
  local groups, why = kv_groups.of(stage.kinds, {
    block_size = e.block_size, window = window, in_flight = in_flight(e), newest = is_newest(e),
    prefix_caching = e.enable_prefix_caching and is_newest(e),
  })
  if not groups then fail("the KV cache cannot be laid out: %s", why) end
  return groups
end

-- Whether every layer keeps every token: then blocks are all alike.
local function is_plain(groups)
  return #groups.groups == 1 and groups.groups[1].kind == "full"
end

-- Blocks that one request may have all of: 0.33 leaves out its null block (v1/core/kv_cache_planning.py:1533-1543).
local function whole(e, blocks)
  return is_newest(e) and math.max(0, blocks - 1) or blocks
end

-- Tokens of KV that the engine has room for, in requests of the longest length, and how it comes about.
local function capacity(e, stage, groups, left)
  if is_plain(groups) then
    local blocks = e.num_gpu_blocks_override or math.floor(left / (stage.kv_bytes_per_token * e.block_size))
    return { blocks = blocks, tokens = blocks * e.block_size, longest = whole(e, blocks) * e.block_size }
  end
  local ratios = POOLS[e.system]
  if ratios then
    local tokens = kv_groups.pools(stage.kinds, left, ratios)
    return { blocks = tokens // e.block_size, tokens = tokens, longest = tokens,
             request = tokens > 0 and left / tokens * e.max_model_len or nil }
  end
  local blocks = e.num_gpu_blocks_override or groups:blocks(left)
  local concurrency = groups:concurrency(blocks, e.max_model_len)
  return { blocks = blocks, tokens = math.floor(concurrency * e.max_model_len + 1e-6), concurrency = concurrency,
           longest = groups:longest(whole(e, blocks) * groups.block_bytes, e.max_model_len), groups = groups }
end

-- ", n GiB of it for layers with a window ...," where a request would fit without them, else ",".
local function of_windows(e, one)
  local bytes = one.groups and one.groups:window_bytes(e.max_model_len) or 0
  if bytes == 0 or one.request - bytes > one.left then return "," end
  return (", %s of it for layers with a window of %s tokens and what is in flight,"):format(gib(bytes),
    units.thousands(one.groups.settings.window))
end

local function too_small(e, one)
  local longest = units.thousands(one.longest)
  local shorter = one.longest > 0 and ("lower max_model_len to at most %s, "):format(longest) or ""
  fail("the KV cache is too small for one request of max_model_len %s: it needs %s per GPU%s %s is left"
    .. " (%s tokens); %sraise %s or tensor_parallel_size",
    units.thousands(e.max_model_len), gib(one.request), of_windows(e, one), gib(one.left),
    longest, shorter, e.kv_cache_memory_bytes and "kv_cache_memory_bytes" or "gpu_memory_utilization")
end

--- What a deployment needs of each GPU: oracle.core's cost.memory for checked and filled knobs; its stages have
-- padding_bytes too, which the engine adds to the weights when it loads them.
function deployment.memory(e, model, hardware, layout)
  local memory = core.cost.memory {
    model = model, hardware = hardware, layout = layout, logit_bytes = engine_memory.logit_bytes(e, model),
    experts_held = engine_memory.holds_experts(e, layout, hardware),
    max_num_batched_tokens = e.max_num_batched_tokens, max_num_seqs = e.max_num_seqs,
  }
  for _, stage in ipairs(memory.stages) do
    stage.padding_bytes = engine_memory.padding(e, model, layout, stage) + lora.slot_bytes(e, stage)
  end
  return memory
end

-- The stage that has room for the fewest tokens: what capacity gives, with `left` B and `request` = B that one request
-- of max_model_len needs.
local function fullest(e, memory, gpus, model)
  local least
  local kept = engine_memory.kept(e, memory, model, gpus[1])
  for i, stage in ipairs(memory.stages) do
    local where = #memory.stages > 1 and (" on stage %d (%d layers)"):format(i - 1, stage.layers) or ""
    local left = stage_room(e, stage, kept, gpus[i], where)
    local one = capacity(e, stage, groups_of(e, stage, model), left)
    one.left, one.stage = left, stage
    if not least or one.tokens < least.tokens then least = one end
  end
  least.request = least.request or least.groups and least.groups:request_bytes(e.max_model_len)
    or e.max_model_len * least.stage.kv_bytes_per_token
  return least
end

--- What the KV cache of one replica comes to, whether or not a request of max_model_len fits.
-- @param memory, gpus, model as below
-- @return { tokens =, weights = GiB as loaded, kv_gib = of a GPU, concurrency = requests of max_model_len,
--   needed = GiB of one }
function deployment.kv_room(e, memory, gpus, model)
  local one = fullest(e, memory, gpus, model)
  return { tokens = one.tokens, weights = (one.stage.weight_bytes + one.stage.padding_bytes) / GiB,
           kv_gib = one.left / GiB, needed = one.request / GiB,
           concurrency = one.concurrency or one.tokens / e.max_model_len }
end

--- The KV cache of one replica: each GPU of it holds its share of every block, so the fullest decides.
-- @param memory of oracle.core's cost.memory
-- @param gpus the hardware of each stage
-- @return KV blocks of block_size tokens that the engine has, and { groups = of oracle.plan.kv_groups, blocks = of the
--   pool they share, concurrency = requests of max_model_len } where layers differ in what they keep, else nil; raises
--   with the numbers where weights or one request of max_model_len do not fit
function deployment.kv_blocks(e, memory, gpus, model)
  local least = fullest(e, memory, gpus, model)
  while e.longest_that_fits and least.longest < e.max_model_len and least.longest > 0 do
    e.max_model_len = least.longest
    least = fullest(e, memory, gpus, model)
  end
  if least.longest < e.max_model_len and not e.num_gpu_blocks_override then too_small(e, least) end
  local hybrid = least.groups
    and { groups = least.groups.groups, blocks = least.blocks, concurrency = least.concurrency, newest = is_newest(e) }
  return math.max(1, least.tokens // e.block_size), hybrid
end

return deployment
